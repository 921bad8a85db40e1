#!/usr/bin/env python3
"""differential.py ODRADEK PACKAGE-DIRECTORY: thousands of random expressions
through our evaluator and through the reference; prints each disagreement, and
fails when there is one.

ODRADEK_DIFFERENTIAL=SEED:COUNT sets others than 1:20000. A failure is a unit
case to be: tests/unit/jsonata."""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from expressions import DATA, Expressions

SECONDS_MAX = 1800
SHOWN_MAX = 60
# The reference throws JavaScript's own errors (no code) where it trips over
# itself; what we answer there is our own affair.
UNCODED = None


def is_same(want, got):
    if isinstance(want, bool) or isinstance(got, bool):
        return want is got
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return want == got or abs(want - got) <= 1e-14 * abs(want)
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(is_same(want[key], got[key]) for key in want)
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(is_same, want, got))
    return type(want) is type(got) and want == got


def agrees(want, got):
    if "skipped" in want:
        return True
    if "code" in want:
        return want["code"] is UNCODED or "code" in got
    if "undefined" in want:
        return got.get("undefined") is True
    return "result" in got and is_same(want["result"], got["result"])


def answers(command, lines):
    done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, timeout=SECONDS_MAX, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    odradek, package = sys.argv[1:]
    seed, count = os.environ.get("ODRADEK_DIFFERENTIAL", "1:20000").split(":")
    expressions = Expressions(int(seed))
    requests = [{"id": i, "expr": expressions.one(), "data": DATA, "bindings": {"b1": 5}} for i in range(int(count))]
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    here = os.path.dirname(os.path.abspath(__file__))
    wanted = answers(["node", os.path.join(here, "reference.mjs"), package], lines)
    given = answers([odradek, "jsonata", "--jsonl"], lines)
    assert len(wanted) == len(given) == len(requests)
    misses = [(r["expr"], w, g) for r, w, g in zip(requests, wanted, given) if not agrees(w, g)]
    codes = sum("code" in w and "code" in g and w["code"] not in (UNCODED, g["code"]) for w, g in zip(wanted, given))
    for expression, want, got in sorted(misses, key=lambda miss: len(miss[0]))[:SHOWN_MAX]:
        want.pop("id"), got.pop("id")
        print("%s\n    reference %s\n    odradek   %s" % (expression, json.dumps(want)[:300], json.dumps(got)[:300]))
    kinds = [sum(name in want for want in wanted) for name in ("result", "undefined", "code", "skipped")]
    print("seed %s: %d expressions (%d values, %d undefined, %d errors, %d functions), %d disagree; %d errors have another code"
          % (seed, len(requests), *kinds, len(misses), codes))
    sys.exit(1 if misses else 0)


if __name__ == "__main__":
    main()
