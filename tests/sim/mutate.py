#!/usr/bin/env python3
"""mutate.py TABLE ROOT OUT: writes the mutants of TABLE (mutants.table tells
its form) into copies of ROOT's sources under OUT, and OUT/mutants.c, which
lists them. A mutant whose lines are no longer found once is left out and noted
in OUT/stale: tests/sim/mutants fails then, the build does not."""
import pathlib
import re
import sys

HEAD = re.compile(r"^([a-z0-9-]+) (src/\S+) (\d+) (.+)$")


def table_read(path):
    """The mutants as [name, file, seeds, text, old lines, new lines]."""
    mutants = []
    for line in path.read_text().splitlines():
        head = HEAD.match(line)
        if head:
            mutants.append([*head.groups(), [], []])
        elif line.startswith(("- ", "+ ")) or line in "-+" and line:
            mutants[-1][4 if line[0] == "-" else 5].append(line[2:])
    return mutants


def main():
    table, root, out = map(pathlib.Path, sys.argv[1:4])
    sources, rows, stale = {}, [], []
    mutants = table_read(table)
    for name in {m[1] for m in mutants}:
        sources[name] = (root / name).read_text()
    for name, file, seeds, text, old, new in mutants:
        before, after = "\n".join(old), "\n".join(new)
        if sources[file].count(before) != 1:
            stale.append(f"{name}: {file} no longer holds its lines once")
            continue
        rows.append(f'    {{"{name}", "{text}", {seeds}}},')
        chosen = f"(sim_code_mutant == {len(rows)})"
        sources[file] = sources[file].replace(
            before, after.replace("MUTANT", chosen))
    for file, text in sources.items():
        target = out / pathlib.Path(file).name
        target.write_text('#include "tests/sim/sim_mutants.h"\n' + text)
    (out / "mutants.c").write_text(
        '#include "tests/sim/sim_mutants.h"\n\nint sim_code_mutant;\n'
        "const struct sim_code_mutant sim_code_mutants[] = {\n"
        + "\n".join(rows) + "\n    {0, 0, 0}};\n")
    (out / "stale").write_text("".join(line + "\n" for line in stale))


if __name__ == "__main__":
    main()
