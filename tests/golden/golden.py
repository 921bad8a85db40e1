#!/usr/bin/env python3
"""golden.py [--update] HARNESS FOLDER: runs each FOLDER/*.json (a request of the harness) and compares
what happened, as text, with the .history file beside it. --update writes those files: read the diff."""
import difflib
import glob
import json
import os
import subprocess
import sys


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def story(answer):
    """One line an event, then how it ended and what the tasks got."""
    if "rejected" in answer:
        return "".join("rejected %(code)s %(pointer)s: %(message)s\n" % problem for problem in answer["rejected"])
    lines = []
    for event in answer["history"]:
        details = "" if event["details"] is None else " " + compact(event["details"])
        lines.append("%d %d %s%s" % (event["id"], event["prev"], event["type"], details))
    end = {key: answer[key] for key in ("output", "error", "cause") if key in answer}
    lines.append("%s %s" % (answer["status"], compact(end)))
    lines += ["task %s %s" % (task["state"], compact(task["parameters"])) for task in answer["tasks"]]
    lines += ["file %s %s" % (name, compact(text)) for name, text in answer.get("files", {}).items()]
    return "\n".join(lines) + "\n"


def main():
    update = "--update" in sys.argv
    harness, folder = [arg for arg in sys.argv[1:] if arg != "--update"]
    paths = sorted(glob.glob(os.path.join(folder, "*.json")))
    requests = [json.load(open(path, encoding="utf-8")) for path in paths]
    run = subprocess.run([harness], input="".join(compact(r) + "\n" for r in requests), stdout=subprocess.PIPE,
                         text=True, check=True)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    failed = len(answers) != len(paths) or not paths
    for path, answer in zip(paths, answers):
        golden = path[:-len(".json")] + ".history"
        got = story(answer)
        if update:
            with open(golden, "w", encoding="utf-8") as file:
                file.write(got)
            continue
        want = open(golden, encoding="utf-8").read()
        if got != want:
            failed = True
            sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True), golden, "now"))
    print("%d golden histories%s" % (len(paths), ": some differ" if failed else ""))
    sys.exit(failed)


if __name__ == "__main__":
    main()
