"""clang-tidy over the sources of the compile database, in parallel.

It is slow, so a file that passed is remembered by the hash of all that it
depends on: its text, its headers', its compiler flags, .clang-tidy and the
version of clang-tidy. The memory lies in the cache directory and serves every
checkout: paths inside the checkout are hashed relative to it."""
import hashlib
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from tree import Finding

CLANG_TIDY = "clang-tidy-14"
FINDING = re.compile(r"(.+?):(\d+):\d+: (?:error|warning): (.*)")


def lint(tree):
    """clang-tidy has nothing to say."""
    commands = {p: c for p, c in tree.compile_commands().items()
                if p.startswith(("src/", "examples/")) and os.path.exists(os.path.join(tree.root, p))}
    memory = Memory(tree, commands)
    due = [p for p in commands if not memory.knows(p)]
    seen = set()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (code, output) in zip(due, pool.map(lambda p: _run(tree, p), due)):
            findings = list(_findings(tree, output))
            if code and not findings:
                findings = [Finding(path, 1, CLANG_TIDY, output.strip()[-300:])]
            if not findings:
                memory.keep(path)
            # A header's finding comes with every file that includes it.
            yield from (f for f in findings if not (f in seen or seen.add(f)))


def _run(tree, path):
    run = subprocess.run([CLANG_TIDY, "-p", tree.build, "--quiet", "--extra-arg=-Wno-unknown-warning-option",
                          os.path.join(tree.root, path)],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return run.returncode, run.stdout


def _findings(tree, output):
    for line in output.splitlines():
        match = FINDING.match(line)
        if match:
            path = match[1]
            if os.path.isabs(path):
                path = os.path.relpath(path, tree.root)
            yield Finding(path, int(match[2]), CLANG_TIDY, match[3])


class Memory:
    def __init__(self, tree, commands):
        self.tree, self.commands = tree, commands
        self.directory = os.environ.get("ODRADEK_TIDY_CACHE") or os.path.join(tree.build, "lint-cache")
        os.makedirs(self.directory, exist_ok=True)
        self.headers = self._headers()
        self.hashes = {}
        version = subprocess.run([CLANG_TIDY, "--version"], stdout=subprocess.PIPE, check=True).stdout
        self.common = version + tree.read(".clang-tidy")

    def _headers(self):
        """Object → what it was compiled from, as ninja recorded it."""
        run = subprocess.run(["ninja", "-C", self.tree.build, "-t", "deps"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        headers, current = {}, None
        for line in run.stdout.splitlines():
            if line.startswith("    "):
                current.append(os.path.normpath(os.path.join(self.tree.build, line.strip())))
            elif ": #deps" in line:
                current = headers.setdefault(line.split(": #deps")[0], [])
        return headers

    def _hash(self, path):
        if path not in self.hashes:
            try:
                with open(path, "rb") as file:
                    self.hashes[path] = hashlib.sha256(file.read()).digest()
            except OSError:
                self.hashes[path] = os.urandom(32)
        return self.hashes[path]

    def _key(self, path):
        """None for a file that was not compiled yet: nothing is known of it."""
        command = self.commands[path]
        files = self.headers.get(command.object)
        if not files:
            return None
        digest = hashlib.sha256(self.common)
        digest.update(" ".join(command.flags()).replace(self.tree.root, "").encode())
        for name in [os.path.join(self.tree.root, path), *sorted(files)]:
            digest.update(name.replace(self.tree.root, "").encode() + self._hash(name))
        return digest.hexdigest()

    def knows(self, path):
        key = self._key(path)
        return key and os.path.exists(os.path.join(self.directory, key))

    def keep(self, path):
        key = self._key(path)
        if key:
            with open(os.path.join(self.directory, key), "w", encoding="utf-8") as file:
                file.write(path + "\n")
