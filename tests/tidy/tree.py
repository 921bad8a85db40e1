"""What the checks share: the files of the checkout, the table of rooms, and
findings. A check is a function over a Tree that yields Findings."""
import collections
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess

Finding = collections.namedtuple("Finding", "path line rule text")

HERE = os.path.dirname(os.path.abspath(__file__))


class Room:
    def __init__(self, name, ring, kind, peers):
        self.name, self.ring, self.pure = name, int(ring), kind == "pure"
        self.peers, self.hidden = set(peers), set()


class Tree:
    """A checkout (root), its build directory, and the rules' tables, which lie
    beside this file unless the root brings its own (the self-test's do)."""

    def __init__(self, root, build=None):
        self.root = os.path.abspath(root)
        self.build = os.path.abspath(build) if build else None
        self._files = None
        self.rooms, self.headers = self._read_rooms()

    def table(self, name):
        own = os.path.join(self.root, "tests", "tidy", name)
        with open(own if os.path.exists(own) else os.path.join(HERE, name), encoding="utf-8") as file:
            for line in file:
                words = line.split("#")[0].split()
                if words:
                    yield words

    def _read_rooms(self):
        rooms, headers = collections.OrderedDict(), []
        for kind, *words in self.table("rooms.table"):
            if kind == "room":
                rooms[words[0]] = Room(words[0], words[1], words[2], words[3:])
            elif kind == "above":
                rooms[words[0]].hidden.update(words[1:])
            elif kind == "header":
                headers.append((words[0], words[1:]))
            else:
                raise SystemExit("rooms.table: unknown word %s" % kind)
        return rooms, headers

    def files(self, *patterns, under=""):
        """Paths relative to the root; as git lists them where it can: what is
        ignored there is no part of the project."""
        if self._files is None:
            self._files = self._git_files() or self._walk()
        for path in self._files:
            if path.startswith(under) and (not patterns or any(fnmatch.fnmatch(path, p) for p in patterns)):
                if os.path.isfile(os.path.join(self.root, path)):
                    yield path

    def _git_files(self):
        if not os.path.exists(os.path.join(self.root, ".git")) or not shutil.which("git"):
            return None
        command = ["git", "-c", "safe.directory=*", "-C", self.root, "ls-files", "-z",
                   "--cached", "--others", "--exclude-standard"]
        run = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        return sorted(set(run.stdout.decode().split("\0")) - {""})

    def _walk(self):
        found = []
        for directory, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f not in (".git", ".run", "build", "__pycache__")]
            found += [os.path.relpath(os.path.join(directory, n), self.root) for n in names]
        return sorted(found)

    def read(self, path):
        with open(os.path.join(self.root, path), "rb") as file:
            return file.read()

    def text(self, path):
        return self.read(path).decode("utf-8", "replace")

    def lines(self, path):
        return self.text(path).split("\n")

    def sources(self, *suffixes):
        """C files of src/: (path, room)."""
        for path in self.files(*("src/*" + s for s in suffixes or (".c", ".h"))):
            yield path, path.split("/")[1]

    def compile_commands(self):
        """Source path → (arguments, object), of the build directory."""
        if not self.build:
            return {}
        name = os.path.join(self.build, "compile_commands.json")
        if not os.path.exists(name):
            raise SystemExit("there is no %s: run deploy/build dev" % name)
        with open(name, encoding="utf-8") as file:
            return {os.path.relpath(e["file"], self.root): Command(e) for e in json.load(file)}


class Command:
    """One entry of the compile database."""

    def __init__(self, entry):
        self.directory = entry["directory"]
        self.arguments = shlex.split(entry["command"])
        self.object = self.arguments[self.arguments.index("-o") + 1]

    def flags(self):
        """Without the compiler, the source and what names outputs."""
        flags, skip = [], True
        for word in self.arguments:
            if skip:
                skip = False
            elif word in ("-o", "-c", "-MF", "-MT", "-MQ"):
                skip = True
            elif word not in ("-MD", "-MMD"):
                flags.append(word)
        return flags


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(tree, path):
    """(line, bracket, header) of each include."""
    for number, line in enumerate(tree.lines(path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1], match[2]


TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_only(text):
    """Comments and literals blanked, line numbers kept."""
    return TOKENS.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
