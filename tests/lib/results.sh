# Counting over all suites, from the JUnit files that ctest writes.
# Sourced by tests/run.
# shellcheck shell=bash

PASSED=0
FAILED=0
SKIPPED=0
FAILED_NAMES=()
SKIPPED_NAMES=()

result_passed() {
    PASSED=$((PASSED + 1))
}

result_failed() {
    FAILED=$((FAILED + 1))
    FAILED_NAMES+=("$1")
}

result_skipped() {
    SKIPPED=$((SKIPPED + 1))
    SKIPPED_NAMES+=("$1")
}

# results_add SUITE JUNIT-FILE
results_add() {
    local verdict name
    while read -r verdict name; do
        case $verdict in
        passed) result_passed ;;
        skipped) result_skipped "$1: $name" ;;
        *) result_failed "$1: $name" ;;
        esac
    done < <(python3 -I - "$2" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    status = case.get("status")
    verdict = {"run": "passed", "notrun": "skipped", "disabled": "skipped"}.get(status, "failed")
    # ctest calls a program that could not be started "notrun" too.
    skipped = case.find("skipped")
    if verdict == "skipped" and skipped is not None and "SKIP" not in (skipped.get("message") or ""):
        verdict = "failed"
    print(verdict, case.get("name"))
PYTHON
    )
}

# results_print: the names of what did not pass, then the closing line.
results_print() {
    local name
    for name in "${SKIPPED_NAMES[@]}"; do
        printf 'skipped  %s\n' "$name"
    done
    for name in "${FAILED_NAMES[@]}"; do
        printf 'FAILED   %s\n' "$name"
    done
    printf '%d passed, %d failed' "$PASSED" "$FAILED"
    [ "$SKIPPED" = 0 ] || printf ', %d skipped' "$SKIPPED"
    printf '\n'
}
