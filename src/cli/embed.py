#!/usr/bin/env python3
"""Makes a C file of a text: embed.py OUT HEADER NAME FILE. NAME becomes a struct odk_str."""
import sys


def main(out, header, name, path):
    with open(path, "rb") as file:
        data = file.read()
    # An array, as a literal of this length is not standard C.
    values = [str(b - 256 if b > 127 else b) for b in data] + ["0"]
    rows = [", ".join(values[i:i + 24]) for i in range(0, len(values), 24)]
    with open(out, "w", encoding="ascii") as file:
        file.write('#include "%s"\n\nstatic const char text[] = {\n    %s};\n\n'
                   'const struct odk_str %s = {text, sizeof(text) - 1};\n' % (header, ",\n    ".join(rows), name))


if __name__ == "__main__":
    main(*sys.argv[1:])
