#!/usr/bin/env python3
"""Each check passes a clean tree and fails a tree with one fault."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import checks
import lint
from tree import HERE, Tree

ROOT = os.path.dirname(os.path.dirname(HERE))

CLEAN = {
    "src/base/base_str.h": "#ifndef BASE_STR_H\n#define BASE_STR_H\n\n/** Adds. */\nint odk_add(int a, int b);\n\n#endif\n",
    "src/base/base_str.c": '#include "base/base_str.h"\n\nint\nodk_add(int a, int b)\n{\n    return a + b;\n}\n',
    "src/base/CMakeLists.txt": "odk_module(base PURE SOURCES base_str.c)\n",
    "src/engine/engine.h": "#ifndef ENGINE_ENGINE_H\n#define ENGINE_ENGINE_H\n\n#endif\n",
    "src/lane/lane.h": '#ifndef LANE_LANE_H\n#define LANE_LANE_H\n\n#include "base/base_str.h"\n\n#endif\n',
    "deploy/hello": "#!/usr/bin/env bash\nset -euo pipefail\necho hello\n",
    ".clang-format": "BasedOnStyle: LLVM\nIndentWidth: 4\nBreakBeforeBraces: Linux\n"
                     "AlwaysBreakAfterReturnType: TopLevelDefinitions\n",
    ".clang-tidy": "Checks: '-*,readability-braces-around-statements'\nWarningsAsErrors: '*'\n",
}


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="odradek-tidy-")
        self.addCleanup(shutil.rmtree, self.root)
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
        if text.startswith("#!"):
            os.chmod(full, 0o755)

    def findings(self, check):
        return list(check(Tree(self.root, os.path.join(self.root, "build"))))

    def assert_fault(self, check, path, text, expected):
        """The clean tree passes; with the file it fails and says so."""
        self.assertEqual(self.findings(check), [])
        self.write(path, text)
        found = self.findings(check)
        self.assertTrue(any(expected in "%s:%d: %s: %s" % f for f in found), found)

    def test_rings_find_an_include_upwards(self):
        self.assert_fault(checks.rings, "src/base/base_up.c", '#include "lane/lane.h"\n', "includes lane (ring 3)")

    def test_rings_find_a_peer_that_is_not_named(self):
        self.assert_fault(checks.rings, "src/store_pg/store_pg.c", '#include "bus_kafka/bus_kafka.h"\n', "no named peer")

    def test_rings_find_another_rooms_private_header(self):
        self.assert_fault(checks.rings, "src/lane/lane.c", '#include "engine/engine_priv.h"\n', "belongs to engine alone")

    def test_rings_find_a_room_that_the_table_lacks(self):
        self.assert_fault(checks.rings, "src/attic/attic.c", "int x;\n", "attic is not in")

    def test_third_party_finds_a_header_outside_its_prefix(self):
        self.assert_fault(checks.third_party, "src/lane/lane.c", "#include <librdkafka/rdkafka.h>\n", "only in src/bus_kafka/")

    def test_banned_finds_a_call_but_no_comment_string_or_longer_name(self):
        self.write("src/base/base_ok.c", '// strcpy(a, b)\nconst char *s = "gets(x)";\nint odk_rand(int);\nint y = my_strcpy(1);\n')
        self.assert_fault(checks.banned, "src/base/base_bad.c", "void f(char *a) { strcpy(a, a); }\n", "strcpy(): use")

    def test_notes_find_a_todo(self):
        self.assert_fault(checks.notes, "src/base/base_later.c", "/* TO" + "DO: later */\n", "no notes to self")

    def test_guards_find_a_wrong_and_a_missing_one(self):
        self.assert_fault(checks.guards, "src/lane/lane_tick.h", "#ifndef TICK_H\n#define TICK_H\n#endif\n", "expected LANE_TICK_H")
        self.write("src/lane/lane_tick.h", "int x;\n")
        self.assertEqual(len(self.findings(checks.guards)), 1)

    def test_length_finds_a_long_file(self):
        self.assert_fault(checks.length, "src/base/base_long.c", "\n" * 1001, "1001 lines")

    def test_listed_finds_a_source_that_nobody_builds(self):
        self.assert_fault(checks.listed, "src/base/base_lost.c", "int x;\n", "no CMakeLists.txt")

    def test_places_find_paths_and_hosts(self):
        for text in ("/" + "work/main/x", "/" + "root/x", "/" + "home/anna", "registry." + "npmjs.org"):
            self.write("docs/clean.md", "a relative/work/path, $" + "{root}/x, chroot\n")
            self.assert_fault(checks.places, "docs/bad.md", "see %s\n" % text, "docs/bad.md:1")
            os.remove(os.path.join(self.root, "docs/bad.md"))

    def test_documented_finds_a_bare_prototype(self):
        self.assert_fault(checks.documented, "src/lane/lane_tick.h",
                          "struct lane;\n\nint lane_tick(struct lane *lane,\n              int n);\n", "lane_tick")

    def test_documented_accepts_a_comment_before_a_group(self):
        self.write("src/lane/lane_tick.h", "struct lane;\n\n/** Both. */\nint lane_a(struct lane *l);\nint lane_b(int n);\n")
        self.assertEqual(self.findings(checks.documented), [])

    def test_scripts_find_a_careless_one(self):
        self.assert_fault(checks.scripts, "deploy/careless", "#!/usr/bin/env bash\nrm -rf $1/x\nx=(a,b)\n", "set -euo pipefail lacks")

    def test_scripts_find_what_shellcheck_warns_of(self):
        self.assert_fault(checks.scripts, "deploy/careless", "#!/usr/bin/env bash\nset -euo pipefail\nx=(a,b)\necho \"${x[@]}\"\n", "shellcheck")

    def test_format_finds_a_crooked_file(self):
        self.assert_fault(checks.format_, "src/base/base_crooked.c", "int  x=1;\n", "clang-format-14 -i src/base/base_crooked.c")

    def compile(self, *names):
        """Objects, archives and a compile database, as CMake and ninja leave them."""
        build = os.path.join(self.root, "build")
        rules = "rule cc\n  command = cc -MD -MF $out.d -I../src -c $in -o $out\n  depfile = $out.d\n  deps = gcc\n"
        entries = []
        for name in names:
            rules += "build %s.o: cc ../src/%s\n" % (name.replace("/", "_"), name)
            entries.append('{"directory": "%s", "command": "cc -I%s/src -o %s.o -c %s/src/%s", "file": "%s/src/%s"}'
                           % (build, self.root, name.replace("/", "_"), self.root, name, self.root, name))
        self.write("build/build.ninja", rules)
        self.write("build/compile_commands.json", "[%s]\n" % ",\n".join(entries))
        subprocess.run(["ninja", "-C", build], check=True, stdout=subprocess.DEVNULL)
        for room in {n.split("/")[0] for n in names}:
            os.makedirs(os.path.join(build, "src", room), exist_ok=True)
            archive = os.path.join(build, "src", room, "libodk_%s.a" % room)
            objects = [os.path.join(build, n.replace("/", "_") + ".o") for n in names if n.startswith(room + "/")]
            if os.path.exists(archive):
                os.remove(archive)
            subprocess.run(["ar", "rcs", archive, *objects], check=True)

    def test_symbols_find_a_clock_in_a_pure_room(self):
        self.compile("base/base_str.c")
        self.assertEqual(self.findings(checks.symbols), [])
        self.write("src/base/base_now.c", "#include <time.h>\n#include <stdlib.h>\n"
                   "char *odk_now(void) { return time(0) ? getenv(\"X\") : 0; }\n")
        self.compile("base/base_str.c", "base/base_now.c")
        self.assertEqual([f.text.split()[0] for f in self.findings(checks.symbols)], ["getenv", "time"])

    def test_symbols_find_an_archive_that_is_not_built(self):
        self.assertIn("is not built", self.findings(checks.symbols)[0].text)

    def test_alone_finds_a_header_that_needs_another(self):
        self.compile("base/base_str.c")
        self.assert_fault(checks.alone, "src/base/base_leaning.h", "/** x */\nuint64_t odk_x(void);\n", "uint64_t")

    def test_lint_finds_what_clang_tidy_says_and_remembers_what_passed(self):
        os.environ["ODRADEK_TIDY_CACHE"] = os.path.join(self.root, "cache")
        self.addCleanup(os.environ.pop, "ODRADEK_TIDY_CACHE")
        self.compile("base/base_str.c")
        self.assertEqual(self.findings(lint.lint), [])
        self.assertEqual(len(os.listdir(os.path.join(self.root, "cache"))), 1)
        self.write("src/base/base_str.c", "int\nodk_add(int a)\n{\n    if (a)\n        return 1;\n    return 0;\n}\n")
        self.compile("base/base_str.c")
        for _ in range(2):
            found = self.findings(lint.lint)
            self.assertEqual([(f.path, f.line) for f in found], [("src/base/base_str.c", 4)])

    def test_the_driver_prints_the_finding_and_fails(self):
        self.write("src/base/base_long.c", "\n" * 1001)
        run = subprocess.run([sys.executable, os.path.join(HERE, "tidy.py"), "--root", self.root, "length"],
                             stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn("src/base/base_long.c:1001: file length: 1001 lines; at most 1000", run.stdout)

    def test_every_check_is_registered_with_ctest(self):
        with open(os.path.join(HERE, "CMakeLists.txt"), encoding="utf-8") as file:
            text = file.read()
        for name in checks.CHECKS:
            self.assertRegex(text, r"\b%s\b" % name)


if __name__ == "__main__":
    unittest.main()
