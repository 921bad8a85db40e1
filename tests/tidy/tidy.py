#!/usr/bin/env python3
"""tidy.py [--root DIR] [--build DIR] CHECK…: runs checks of checks.py.

Prints path:line: rule: what, and exits 1 if there is a finding. The build
directory (default: build/dev) is used by the checks `symbols` and `alone`."""
import argparse
import os
import sys

from checks import CHECKS
from tree import HERE, Tree


def main():
    root = os.path.dirname(os.path.dirname(HERE))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default=root)
    parser.add_argument("--build")
    parser.add_argument("check", nargs="+", choices=[*CHECKS, "all"])
    options = parser.parse_args()
    tree = Tree(options.root, options.build or os.path.join(options.root, "build", "dev"))
    names = list(CHECKS) if "all" in options.check else options.check
    found = 0
    for name in names:
        for finding in CHECKS[name](tree):
            found += 1
            print("%s:%d: %s: %s" % finding)
        if found:
            print("rule %s: %s" % (name, CHECKS[name].__doc__))
    print("%s: %d findings" % (" ".join(names), found))
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
