#!/usr/bin/env python3
"""golden_graph.py [--update] ODRADEK: draws each NAME.asl.json of this folder, with NAME.history.json where there is one,
and compares with NAME.dot and NAME.mmd. --update writes those files: read the diff."""
import difflib
import glob
import os
import subprocess
import sys


def draw(odradek, definition, form):
    history = definition[:-len(".asl.json")] + ".history.json"
    command = [odradek, "asl", "graph", definition, "--format", form]
    if os.path.exists(history):
        command += ["--history", history]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def main():
    update = "--update" in sys.argv
    odradek, = [arg for arg in sys.argv[1:] if arg != "--update"]
    definitions = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.asl.json")))
    failed = not definitions
    for definition in definitions:
        for form, suffix in (("dot", ".dot"), ("mermaid", ".mmd")):
            golden = definition[:-len(".asl.json")] + suffix
            text = draw(odradek, definition, form)
            if update:
                with open(golden, "w", encoding="utf-8") as file:
                    file.write(text)
                continue
            with open(golden, encoding="utf-8") as file:
                expected = file.read()
            diff = list(difflib.unified_diff(expected.splitlines(), text.splitlines(), golden, "drawn", lineterm=""))
            failed = failed or bool(diff)
            print("\n".join(diff), end="\n" if diff else "")
    print("%d graphs" % len(definitions))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
