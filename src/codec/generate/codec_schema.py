"""Avro schemas as files: loading, normal forms, fingerprints and compatibility.

A record has one file, schemas/<Record>.avsc. Types that several records share
have a file each in schemas/common/. A record names them by their name, and
loading puts the definition in place of the first mention: the loaded schema is
self-contained, whatever the order in which files are read.
"""

import copy
import json
import os
import re
import struct

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
NAMED = ("record", "enum", "fixed")
EMPTY_FINGERPRINT = 0xC15D213AA4D7A795


class SchemaError(Exception):
    """A schema file that cannot be used; the message is a sentence."""


def full_name(schema, space):
    """Full name of a named type, and the namespace that its inside inherits."""
    name = schema["name"]
    if "." in name:
        return name, name.rpartition(".")[0]
    space = schema.get("namespace", space)
    return (space + "." + name if space else name), space


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise SchemaError("%s: %s" % (path, error)) from error


class Loader:
    """Loads record files of one directory, with its common/ types."""

    def __init__(self, directory):
        self.common = {}
        folder = os.path.join(directory, "common")
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if file.endswith(".avsc"):
                path = os.path.join(folder, file)
                schema = _read(path)
                name = self._checked_name(schema, path)
                self.common[name] = schema

    @staticmethod
    def _checked_name(schema, path):
        if not isinstance(schema, dict) or "name" not in schema:
            raise SchemaError("%s: not a named type" % path)
        name, _ = full_name(schema, "")
        if name.rpartition(".")[2] + ".avsc" != os.path.basename(path):
            raise SchemaError("%s: holds %s, which is another name" % (path, name))
        return name

    def load(self, path):
        """The self-contained schema of a record file."""
        schema = _read(path)
        self._checked_name(schema, path)
        if schema.get("type") != "record":
            raise SchemaError("%s: not a record" % path)
        return self.resolve(schema)

    def load_version(self, path):
        """The schema of a committed version, whose file is just its number."""
        return self.resolve(_read(path))

    def resolve(self, schema):
        """A self-contained copy: each named type is defined where it is first
        mentioned, and named in full everywhere else."""
        return self._resolve(schema, "", set(), [])

    def _resolve(self, schema, space, seen, stack):
        if isinstance(schema, list):
            return [self._resolve(branch, space, seen, stack) for branch in schema]
        if isinstance(schema, str):
            return self._resolve_name(schema, space, seen, stack)
        schema = dict(schema)
        kind = schema["type"]
        if kind in PRIMITIVES:
            return kind
        if kind in ("array", "map"):
            key = "items" if kind == "array" else "values"
            schema[key] = self._resolve(schema[key], space, seen, stack)
            return schema
        if kind not in NAMED:
            return self._resolve(kind, space, seen, stack)
        name, space = full_name(schema, space)
        if name in seen:
            raise SchemaError("%s is defined twice" % name)
        seen.add(name)
        schema["name"] = name
        schema.pop("namespace", None)
        if kind == "record":
            schema["fields"] = [
                dict(field, type=self._resolve(field["type"], space, seen, stack + [name]))
                for field in schema["fields"]
            ]
        return schema

    def _resolve_name(self, word, space, seen, stack):
        if word in PRIMITIVES:
            return word
        name = word if "." in word or not space else space + "." + word
        if name in stack:
            raise SchemaError("%s contains itself" % name)
        if name in seen:
            return name
        if name not in self.common:
            raise SchemaError("%s: no such type" % name)
        return self._resolve(self.common[name], "", seen, stack)


def _normal(schema, keep):
    """Parsing canonical form; with keep, also what resolution needs (defaults)."""
    if isinstance(schema, list):
        return [_normal(branch, keep) for branch in schema]
    if isinstance(schema, str):
        return schema
    kind = schema["type"]
    if kind == "array":
        return {"type": "array", "items": _normal(schema["items"], keep)}
    if kind == "map":
        return {"type": "map", "values": _normal(schema["values"], keep)}
    out = {"name": schema["name"], "type": kind}
    if kind == "record":
        out["fields"] = [_normal_field(field, keep) for field in schema["fields"]]
    elif kind == "enum":
        out["symbols"] = schema["symbols"]
    else:
        out["size"] = schema["size"]
    if keep and "default" in schema:
        out["default"] = schema["default"]
    return out


def _normal_field(field, keep):
    out = {"name": field["name"], "type": _normal(field["type"], keep)}
    if keep and "default" in field:
        out["default"] = field["default"]
    return out


def _compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def canonical(schema):
    """Parsing canonical form of a self-contained schema, as text."""
    return _compact(_normal(schema, False))


def meaning(schema):
    """Canonical form with the defaults: equal texts behave alike everywhere."""
    return _compact(_normal(schema, True))


def text(schema):
    """The whole self-contained schema with its doc strings, compact."""
    return _compact(schema)


def _fingerprint_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (EMPTY_FINGERPRINT & -(value & 1))
        table.append(value)
    return table


_TABLE = _fingerprint_table()


def fingerprint(schema):
    """CRC-64-AVRO of the parsing canonical form."""
    value = EMPTY_FINGERPRINT
    for byte in canonical(schema).encode():
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value


def definitions(schema, out=None):
    """All named types of a self-contained schema by full name."""
    out = {} if out is None else out
    if isinstance(schema, list):
        for branch in schema:
            definitions(branch, out)
    elif isinstance(schema, dict):
        kind = schema["type"]
        if kind in NAMED:
            out[schema["name"]] = schema
        for inner in [field["type"] for field in schema.get("fields", [])]:
            definitions(inner, out)
        definitions(schema.get("items", []), out)
        definitions(schema.get("values", []), out)
    return out


# --- the encoding of a default ------------------------------------------------


def encode_long(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(schema, value, names):
    """Avro's bytes of a default; a union's default belongs to its first branch."""
    if isinstance(schema, str) and schema in names:
        schema = names[schema]
    if isinstance(schema, list):
        return encode_long(0) + encode(schema[0], value, names)
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind == "null" and value is None:
        return b""
    if kind == "boolean" and isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    if kind in ("int", "long") and isinstance(value, int) and not isinstance(value, bool):
        bits = 31 if kind == "int" else 63
        if -(1 << bits) <= value < 1 << bits:
            return encode_long(value)
    if kind == "double" and isinstance(value, (int, float)):
        return struct.pack("<d", value)
    if kind == "string" and isinstance(value, str):
        return encode_long(len(value.encode())) + value.encode()
    if kind == "bytes" and isinstance(value, str):
        return encode_long(len(value)) + value.encode("latin-1")
    if kind == "fixed" and isinstance(value, str) and len(value) == schema["size"]:
        return value.encode("latin-1")
    if kind == "enum" and value in schema["symbols"]:
        return encode_long(schema["symbols"].index(value))
    if kind == "array" and value == []:
        return encode_long(0)
    if kind == "record" and isinstance(value, dict):
        return b"".join(
            encode(field["type"], value.get(field["name"], field.get("default")), names)
            for field in schema["fields"]
        )
    raise SchemaError("default %r does not fit %s" % (value, kind))


# --- compatibility ------------------------------------------------------------

PROMOTIONS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}


class _Reader:
    """Finds why records of one schema cannot be read as another."""

    def __init__(self, writer, reader):
        self.writer_names = definitions(writer)
        self.reader_names = definitions(reader)
        self.problems = []

    def check(self, writer, reader, path):
        if isinstance(writer, str):
            writer = self.writer_names.get(writer, writer)
        if isinstance(reader, str):
            reader = self.reader_names.get(reader, reader)
        if isinstance(writer, list):
            for branch in writer:
                self.check(branch, reader, path)
        elif isinstance(reader, list):
            if not any(self._fits(writer, branch) for branch in reader):
                self._add(path, "no branch takes %s" % self._kind(writer))
        elif self._kind(writer) != self._kind(reader):
            if self._kind(reader) not in PROMOTIONS.get(self._kind(writer), ()):
                self._add(path, "%s is not read as %s" % (self._kind(writer), self._kind(reader)))
        elif isinstance(writer, dict):
            self._check_same(writer, reader, path)

    def _fits(self, writer, branch):
        trial = copy.copy(self)
        trial.problems = []
        trial.check(writer, branch, "")
        return not trial.problems

    @staticmethod
    def _kind(schema):
        return schema if isinstance(schema, str) else schema["type"]

    def _add(self, path, problem):
        self.problems.append("%s: %s" % (path, problem))

    def _check_same(self, writer, reader, path):
        kind = writer["type"]
        if kind in NAMED and writer["name"].rpartition(".")[2] != reader["name"].rpartition(".")[2]:
            self._add(path, "%s is not %s" % (writer["name"], reader["name"]))
        elif kind == "record":
            self._check_record(writer, reader, path)
        elif kind == "enum":
            unknown = [s for s in writer["symbols"] if s not in reader["symbols"]]
            if unknown and "default" not in reader:
                self._add(path, "%s unknown, and the enum has no default" % ", ".join(unknown))
        elif kind == "fixed" and writer["size"] != reader["size"]:
            self._add(path, "size %s is not %s" % (writer["size"], reader["size"]))
        elif kind in ("array", "map"):
            key = "items" if kind == "array" else "values"
            self.check(writer[key], reader[key], path + "[]")

    def _check_record(self, writer, reader, path):
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            inner = path + "." + field["name"] if path else field["name"]
            if field["name"] in written:
                self.check(written[field["name"]]["type"], field["type"], inner)
            elif "default" not in field:
                self._add(inner, "not written, and has no default")


def problems(writer, reader):
    """Why records of writer cannot be read by reader; empty when they can."""
    pair = _Reader(writer, reader)
    pair.check(writer, reader, "")
    return pair.problems


# --- versions -----------------------------------------------------------------


def versions(directory, record):
    """Committed versions of a record, oldest first, as (number, schema)."""
    folder = os.path.join(directory, "history", record)
    files = os.listdir(folder) if os.path.isdir(folder) else []
    numbers = sorted(int(m.group(1)) for m in (re.fullmatch(r"(\d+)\.avsc", f) for f in files) if m)
    if numbers != list(range(1, len(numbers) + 1)):
        raise SchemaError("%s: versions are not 1, 2, 3 …" % folder)
    alone = Loader(os.path.join(directory, "history"))
    return [(n, alone.load_version(os.path.join(folder, "%d.avsc" % n))) for n in numbers]


def records(directory):
    """Names of the records of a directory, in order."""
    return sorted(f[:-5] for f in os.listdir(directory) if f.endswith(".avsc"))


def check(directory):
    """Every broken rule of the directory's versions, a sentence each."""
    found = []
    loader = Loader(directory)
    for record in records(directory):
        current = loader.load(os.path.join(directory, record + ".avsc"))
        known = versions(directory, record)
        if not known:
            found.append("%s has no committed version" % record)
            continue
        if meaning(known[-1][1]) != meaning(current):
            found.append("%s differs from its newest committed version %d" % (record, known[-1][0]))
        for number, schema in known:
            for problem in problems(schema, current):
                found.append("%s: version %d cannot be read: %s" % (record, number, problem))
            for problem in problems(current, schema):
                found.append("%s: version %d cannot read the current one: %s" % (record, number, problem))
    return found
