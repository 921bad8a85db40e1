#!/usr/bin/env python3
"""Makes a C file of the SQL files: embed.py OUT FILE…  The migrations become a
table in the order of their numbers; grants.sql stands alone."""
import os
import re
import sys


def array(name, data):
    """A char array, as a long literal is not standard C."""
    rows = [", ".join("%d" % (b - 256 if b > 127 else b) for b in data[i:i + 24])
            for i in range(0, len(data), 24)]
    return "static const char %s[] = {\n    %s,\n    0};\n" % (name, ",\n    ".join(rows))


def main(out, paths):
    parts = ['#include "store_pg/store_pg_priv.h"\n']
    rows = []
    for path in sorted(paths, key=os.path.basename):
        stem = os.path.basename(path)[:-len(".sql")]
        with open(path, "rb") as file:
            data = file.read()
        found = re.fullmatch(r"(\d{4})_(\w+)", stem)
        if not found and stem != "grants":
            sys.exit("%s: a migration is called NNNN_name.sql" % path)
        parts.append(array("sql_" + stem, data))
        if found:
            if int(found[1]) != len(rows) + 1:
                sys.exit("%s: migrations are numbered from 0001 without gaps" % path)
            rows.append('    {%d, "%s", sql_%s, sizeof(sql_%s) - 1},' % (int(found[1]), found[2], stem, stem))
    parts.append("const struct store_pg_script store_pg_scripts[] = {\n%s\n};\n" % "\n".join(rows))
    parts.append("const size_t store_pg_n_scripts = %d;\n" % len(rows))
    parts.append("const struct odk_str store_pg_grants_sql = {sql_grants, sizeof(sql_grants) - 1};\n")
    with open(out, "w", encoding="ascii") as file:
        file.write("\n".join(parts))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
