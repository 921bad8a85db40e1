"""The rules of the house that no compiler knows. Each check is a generator of
findings; tidy.py runs them, test_tidy.py proves that each can fail."""
import fnmatch
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from lint import lint
from tree import Finding, code_only, includes


def rings(tree):
    """Rooms include only lower rings, named peers, and their own headers."""
    for path, room in tree.sources():
        here = tree.rooms.get(room)
        if here is None:
            yield Finding(path, 1, "unknown room", "%s is not in tests/tidy/rooms.table" % room)
            continue
        for line, bracket, header in includes(tree, path):
            if bracket == '"' and "/" in header:
                yield from _ring_of(tree, here, path, line, header)
            elif bracket == '"' and not os.path.exists(
                    os.path.join(tree.root, os.path.dirname(path), header)):
                yield Finding(path, line, "include by room",
                              '"%s" is not in this folder; write "room/%s"' % (header, header))


def _ring_of(tree, here, path, line, header):
    name = header.split("/")[0]
    there = tree.rooms.get(name)
    if there is None or there is here:
        if there is None and os.path.exists(os.path.join(tree.root, "src", header)):
            yield Finding(path, line, "unknown room", "%s is not in tests/tidy/rooms.table" % name)
        return
    if header.endswith("_priv.h"):
        yield Finding(path, line, "private header", "%s belongs to %s alone" % (header, name))
    if there.ring > here.ring:
        yield Finding(path, line, "include downwards",
                      "%s (ring %d) includes %s (ring %d)" % (here.name, here.ring, name, there.ring))
    elif there.ring == here.ring and name not in here.peers:
        yield Finding(path, line, "include downwards",
                      "%s is no named peer of %s in ring %d" % (name, here.name, here.ring))
    elif name in here.hidden:
        yield Finding(path, line, "include downwards", "%s must not see %s" % (here.name, name))


def third_party(tree):
    """Third-party headers stay behind their prefix."""
    for path, _ in tree.sources():
        for line, bracket, header in includes(tree, path):
            for prefix, places in tree.headers:
                if bracket == "<" and header.startswith(prefix) and not any(
                        path.startswith("src/" + p) for p in places):
                    yield Finding(path, line, "third-party header",
                                  "<%s> only in %s" % (header, ", ".join("src/" + p for p in places)))


def symbols(tree):
    """Archives of pure rooms reach for nothing that is not a value."""
    allowed, forbidden = _symbol_patterns(tree)
    archives = {}
    for room in tree.rooms.values():
        archive = os.path.join(tree.build or "", "src", room.name, "libodk_%s.a" % room.name)
        if room.pure and os.path.exists(archive):
            archives[room.name] = archive
        elif room.pure and any(tree.files("src/%s/*.c" % room.name)):
            yield Finding("src/" + room.name, 0, "pure archive", "%s is not built" % archive)
    defined = set()
    for archive in archives.values():
        defined.update(_nm(archive, "--defined-only", "--extern-only"))
    for name, archive in archives.items():
        patterns = allowed.get("*", []) + allowed.get(name, [])
        for symbol in sorted(set(_nm(archive, "--undefined-only")) - defined):
            banned = any(fnmatch.fnmatchcase(symbol, p) for p in forbidden)
            if banned or not any(fnmatch.fnmatchcase(symbol, p) for p in patterns):
                yield Finding("src/" + name, 0, "pure archive",
                              "%s is outside tests/tidy/pure_symbols.list" % symbol)


def _symbol_patterns(tree):
    allowed, forbidden = {}, []
    for room, *patterns in tree.table("pure_symbols.list"):
        (forbidden if room == "!" else allowed.setdefault(room, [])).extend(patterns)
    return allowed, forbidden


def _nm(archive, *flags):
    run = subprocess.run(["nm", "-P", *flags, archive], stdout=subprocess.PIPE, text=True, check=True)
    for line in run.stdout.splitlines():
        words = line.split()
        if len(words) > 1:
            yield words[0]


BANNED = {
    "strcpy": "odk_str or a bounded copy", "strcat": "odk_buf", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "strtok": "odk_str", "atoi": "a parser that reports errors",
    "atol": "a parser that reports errors", "atof": "a parser that reports errors",
    "gets": "a bounded read", "rand": "odk_rand, seeded", "srand": "odk_rand, seeded",
    "localtime": "odk_time", "gmtime": "odk_time", "alloca": "an arena",
    "setjmp": "return codes", "longjmp": "return codes",
}
BANNED_CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))


def banned(tree):
    """Calls that have a better counterpart here."""
    for path in tree.files("src/*.c", "src/*.h", "tests/*.c", "tests/*.h", "examples/*.c", "examples/*.h"):
        for number, line in enumerate(code_only(tree.text(path)).split("\n"), 1):
            for match in BANNED_CALL.finditer(line):
                yield Finding(path, number, "banned call",
                              "%s(): use %s" % (match[1], BANNED[match[1]]))


def notes(tree):
    """No TODO in the tree: do it, or leave it out."""
    for path in tree.files("src/*.[ch]", "tests/*.[ch]", "examples/*.[ch]", "cmake/*", "deploy/*", "tests/run"):
        for number, line in enumerate(tree.lines(path), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield Finding(path, number, "no notes to self", line.strip()[:80])


def guards(tree):
    """FOLDER_FILE_H; a file that begins with its folder's name need not repeat it."""
    for path, room in tree.sources(".h"):
        stem = re.sub(r"\W", "_", os.path.basename(path)[:-2]).upper() + "_H"
        right = [room.upper() + "_" + stem] + [stem] * stem.startswith(room.upper() + "_")
        text = code_only(tree.text(path))
        found = re.search(r"^\s*#\s*ifndef\s+(\w+)\s*\n\s*#\s*define\s+(\w+)", text, re.M)
        if not found or found[1] != found[2]:
            yield Finding(path, 1, "header guard", "none; expected %s" % right[-1])
        elif found[1] not in right:
            yield Finding(path, 1, "header guard", "%s; expected %s" % (found[1], right[-1]))


def alone(tree):
    """Each header compiles alone."""
    commands = tree.compile_commands()
    by_room = {}
    for path, command in commands.items():
        if path.startswith("src/"):
            by_room.setdefault(path.split("/")[1], command)
    jobs = [(path, by_room[room]) for path, room in tree.sources(".h") if room in by_room]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, error in zip((p for p, _ in jobs), pool.map(lambda j: _compile(tree, *j), jobs)):
            if error:
                yield Finding(path, 1, "header alone", error)


def _compile(tree, path, command):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
        file.write('#include "%s"\n' % os.path.join(tree.root, path))
        file.flush()
        flags = [f for f in command.flags() if not f.startswith("-fsanitize")]
        run = subprocess.run([command.arguments[0], *flags, "-fsyntax-only", file.name],
                             cwd=command.directory, stderr=subprocess.PIPE, text=True, check=False)
    errors = [line for line in run.stderr.splitlines() if "error:" in line]
    return (errors or ["does not compile"])[0] if run.returncode else None


LINES_MAX = 1000
HEADER_LINES_MAX = 600


def length(tree):
    """Files that one can read in a sitting."""
    for path in tree.files("src/*.[ch]", "tests/*.[ch]", "examples/*.[ch]", "*.py", "*.sh", "deploy/*", "tests/run"):
        count = len(tree.lines(path)) - 1
        most = HEADER_LINES_MAX if path.endswith(".h") else LINES_MAX
        if count > most:
            yield Finding(path, count, "file length", "%d lines; at most %d" % (count, most))


def listed(tree):
    """Every source is built: its folder's CMakeLists.txt (or a parent's) names it."""
    for path in tree.files("src/*.c", "tests/unit/*.c", "tests/contract/*.c", "tests/fuzz/*.c", "tests/sim/*.c"):
        name, folder = os.path.basename(path), os.path.dirname(path)
        while folder:
            lists = os.path.join(folder, "CMakeLists.txt")
            if os.path.exists(os.path.join(tree.root, lists)):
                if re.search(r"(?<![\w.-])%s(?![\w.-])" % re.escape(name), tree.text(lists)):
                    break
            folder = os.path.dirname(folder)
        else:
            if not any(name in tree.text(p) for p in tree.files("cmake/*.cmake")):
                yield Finding(path, 1, "source not built", "no CMakeLists.txt above it names it")


# Built from pieces, so that this file does not find itself.
PLACES = [
    (r"(?<![\w.$}])/" + r"work/", "a path of one machine"),
    (r"(?<![\w.$}])/" + r"root(?:/|\b)", "a path of one machine"),
    (r"(?<![\w.$}])/" + r"home/\w", "a path of one machine"),
    (r"registry\." + r"npmjs|crates\." + r"io\b|repo1?\.maven|repo\." + r"maven|pypi\." + r"org"
     r"|files\.python" + r"hosted|deb\." + r"debian\.org|proxy\." + r"golang", "a registry's host"),
]


def places(tree):
    """No paths of one machine and no registry hosts."""
    for path in tree.files():
        data = tree.read(path)
        if b"\0" in data[:8000] or path.startswith("tests/fuzz/corpus/"):
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
            for pattern, what in PLACES:
                match = re.search(pattern, line)
                if match:
                    yield Finding(path, number, what, line.strip()[:100])


PROTOTYPE = re.compile(r"^(?!typedef|#|static inline|struct \w+;|}|extern \"C\")[a-zA-Z_][^;{}=]*\([^;{}]*\)[^;{}]*;",
                       re.M | re.S)


# Style §2 says what these do; a comment would repeat it.
SELF_EVIDENT = re.compile(r"_(init|release|clear|free|ref|unref|close)$")


def documented(tree):
    """Prototypes that other rooms see stand under a /** … */ comment; one
    comment may serve several that follow each other without a blank line."""
    for path in (p for p, _ in tree.sources(".h") if not p.endswith("_priv.h")):
        text = tree.text(path)
        code = code_only(text)
        for match in PROTOTYPE.finditer(code):
            block = text[:match.start()].rstrip("\n ")
            if text[:match.start()].count("\n") and not _has_comment(block, text[len(block):match.start()]):
                name = re.search(r"(\w+)\s*\(", match[0])[1]
                if not SELF_EVIDENT.search(name):
                    yield Finding(path, text.count("\n", 0, match.start()) + 1,
                                  "undocumented prototype", name)


def _has_comment(before, gap):
    """before ends where the prototype's lead begins; gap are blanks between."""
    if gap.count("\n") > 1:
        return False
    paragraph = before.rsplit("\n\n", 1)[-1]
    return "/**" in paragraph or paragraph.rstrip().endswith("*/")


def scripts(tree):
    """Shell scripts are executable, strict, and pass shellcheck."""
    shells = [p for p in tree.files() if re.match(rb"#!/(usr/bin/env bash|bin/bash|bin/sh)", tree.read(p)[:20])]
    for path in shells:
        if not os.access(os.path.join(tree.root, path), os.X_OK):
            yield Finding(path, 1, "script", "not executable")
        if not re.search(r"^set -eu?o? ?", tree.text(path), re.M):
            yield Finding(path, 1, "script", "set -euo pipefail lacks")
    libraries = list(tree.files("deploy/lib/*.sh", "tests/lib/*.sh"))
    command = ["shellcheck", "--format=gcc", "--severity=warning", "-x", "-P", "SCRIPTDIR",
               "-e", "SC1091", *shells, *libraries]
    if not shells:
        return
    run = subprocess.run(command, cwd=tree.root, stdout=subprocess.PIPE, text=True, check=False)
    for line in run.stdout.splitlines():
        path, number, _, text = line.split(":", 3)
        yield Finding(path, int(number), "shellcheck", text.strip())


def format_(tree):
    """clang-format agrees."""
    files = list(tree.files("src/*.[ch]", "tests/*.[ch]", "examples/*.[ch]"))
    for start in range(0, len(files), 100):
        run = subprocess.run(["clang-format-14", "--dry-run", *files[start:start + 100]], cwd=tree.root,
                             stderr=subprocess.PIPE, text=True, check=False)
        seen = set()
        for line in run.stderr.splitlines():
            match = re.match(r"(\S+?):(\d+):\d+: (?:warning|error): ", line)
            if match and match[1] not in seen:
                seen.add(match[1])
                yield Finding(match[1], int(match[2]), "format", "run clang-format-14 -i %s" % match[1])
        if run.returncode and not seen:
            yield Finding(".clang-format", 1, "format", run.stderr.strip()[:200])


CHECKS = {
    "rings": rings, "third_party": third_party, "symbols": symbols, "banned": banned, "notes": notes,
    "guards": guards, "alone": alone, "length": length, "listed": listed, "places": places,
    "documented": documented, "scripts": scripts, "format": format_, "lint": lint,
}
