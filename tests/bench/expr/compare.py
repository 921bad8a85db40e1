#!/usr/bin/env python3
"""compare.py EXPR_BENCH PACKAGE-DIRECTORY: times expressions, compiled before, with our
evaluator and with the reference on Node, in turn; prints the medians of the rounds and
their ratio. Fails when a ratio or the compilation of a machine misses its target, or
when the two disagree about a value."""
import json
import os
import statistics
import subprocess
import sys

RATIO_MIN = 5
COMPILE_MS_MAX = 5
STATES = 50
ROUNDS = 9
ROUND_NS = 100_000_000
WARM_COUNT = 5000

ITEMS = {"items": [{"sku": f"A-{i}", "price": 2.5 * i, "q": i} for i in range(1, 11)]}
EXPRESSIONS = [
    ("a.b.c", {"a": {"b": {"c": 42}}}),
    ("$sum(items.(price*q))", ITEMS),
    ("$map(items, function($v) { $v.price * $v.q })", ITEMS),
    ("$reduce([1..50], function($a, $b) { $a + $b })", {}),
]


class Side:
    """One of the two programs, asked line by line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def rounds_of(sides, request):
    """The rounds of each side, warm, about as long as each other."""
    counts = [max(1, int(ROUND_NS / side.ask(**request, count=WARM_COUNT)["ns"])) for side in sides]
    turns = [[side.ask(**request, count=count) for side, count in zip(sides, counts)] for _ in range(ROUNDS)]
    return zip(*turns)


def micros(rounds):
    return statistics.median(one["ns"] for one in rounds) / 1000


def compare(ours, reference, expr, data):
    mine, theirs = map(list, rounds_of([ours, reference], {"expr": expr, "data": data}))
    if mine[0]["result"] != theirs[0]["result"]:
        sys.exit(f"{expr}: ours is {mine[0]['result']}, the reference's {theirs[0]['result']}")
    ratio = micros(theirs) / micros(mine)
    verdict = "" if ratio >= RATIO_MIN else f"  below {RATIO_MIN}"
    print(f"{expr:48} {micros(mine):8.2f} {micros(theirs):8.2f} {ratio:6.1f}{verdict}", flush=True)
    return ratio >= RATIO_MIN


def state(n):
    """One of a machine's states: tasks that retry and catch, expressions in both languages."""
    following = {"Next": f"S{n + 1}"} if n + 1 < STATES else {"Type": "Succeed"}
    if n + 1 == STATES:
        return following
    kinds = [
        {"Type": "Task", "Resource": "odradek:shop:charge", "TimeoutSeconds": 30,
         "Parameters": {"order.$": "$.order.id", "label.$": "States.Format('order {}', $.order.id)"},
         "ResultPath": "$.charge",
         "Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 2}],
         "Catch": [{"ErrorEquals": ["States.ALL"], "Next": f"S{STATES - 1}", "ResultPath": "$.error"}]},
        {"Type": "Task", "QueryLanguage": "JSONata", "Resource": "odradek:shop:ship",
         "Arguments": {"total": "{% $sum($states.input.items.(price*q)) %}", "n": "{% $count($states.input.items) %}"},
         "Output": "{% $merge([$states.input, {'shipped': $states.result}]) %}"},
        {"Type": "Choice", "Default": f"S{n + 1}",
         "Choices": [{"And": [{"Variable": "$.order.total", "NumericGreaterThan": 100},
                              {"Not": {"Variable": "$.order.state", "StringEquals": "paid"}}],
                      "Next": f"S{STATES - 1}"}]},
        {"Type": "Pass", "Parameters": {"first.$": "$.items[?(@.price > 10)].sku"}, "ResultPath": "$.first"},
        {"Type": "Wait", "SecondsPath": "$.order.delay"},
    ]
    kind = kinds[n % len(kinds)]
    return kind if kind["Type"] == "Choice" else {**kind, **following}


def compilation(ours):
    text = json.dumps({"StartAt": "S0", "States": {f"S{n}": state(n) for n in range(STATES)}})
    ms = micros([ours.ask(definition=text, count=50) for _ in range(ROUNDS)]) / 1000
    verdict = "" if ms < COMPILE_MS_MAX else f"  not below {COMPILE_MS_MAX}"
    print(f"\ncompilation of {STATES} states from {len(text)} bytes: {ms:.3f} ms{verdict}")
    return ms < COMPILE_MS_MAX


def main():
    program, package = sys.argv[1:]
    here = os.path.dirname(os.path.abspath(__file__))
    ours, reference = Side([program]), Side(["node", os.path.join(here, "reference.mjs"), package])
    print(f"{'expression':48} {'µs ours':>8} {'µs Node':>8} {'ratio':>6}")
    verdicts = [compare(ours, reference, expr, data) for expr, data in EXPRESSIONS]
    verdicts.append(compilation(ours))
    ours.end()
    reference.end()
    sys.exit(not all(verdicts))


if __name__ == "__main__":
    main()
