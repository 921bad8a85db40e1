"""Makes codec_records.h and codec_records.c from schemas/*.avsc.

    codec_generate.py generate SCHEMA_DIR OUTPUT_DIR   write the two files
    codec_generate.py check SCHEMA_DIR                 check the committed versions
    codec_generate.py commit-version SCHEMA_DIR        add a version where a record changed

The C that comes out: a struct a record, whose strings borrow from the input;
size, encode and decode; tables for schema resolution (codec_shape.h).
"""

import json
import os
import re
import sys

import codec_schema

HEADER = "/* Made from schemas/ by codec_generate.py: do not edit. */\n"
NUMBERS = {"int": "int32_t", "long": "int64_t", "boolean": "bool", "double": "double"}


def snake(name):
    """TaskSucceeded → task_succeeded."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2]).lower()


class Type:
    """One Avro type as the C code sees it."""

    def __init__(self, schema, names):
        self.is_optional = isinstance(schema, list)
        if self.is_optional:
            if len(schema) != 2 or schema[0] != "null":
                raise codec_schema.SchemaError("only unions of null and one type, not %s" % schema)
            schema = schema[1]
        if isinstance(schema, str) and schema in names:
            schema = names[schema]
        self.schema = schema
        self.kind = schema if isinstance(schema, str) else schema["type"]
        self.item = None
        if self.kind == "array":
            self.item = Type(schema["items"], names)
            if self.is_optional or self.item.is_optional or self.item.kind == "array":
                raise codec_schema.SchemaError("arrays hold records, numbers or strings only")
        elif self.kind not in ("string", "bytes", "record", "enum", "fixed") and self.kind not in NUMBERS:
            raise codec_schema.SchemaError("type %s is not generated" % self.kind)
        if self.kind == "fixed" and self.is_optional:
            raise codec_schema.SchemaError("an optional fixed is not generated")

    @property
    def name(self):
        return snake(self.schema["name"])

    @property
    def is_text(self):
        return self.kind in ("string", "bytes")

    @property
    def c_type(self):
        if self.is_text:
            return "struct odk_str"
        if self.kind in ("record", "enum"):
            return "%s codec_%s" % ("struct" if self.kind == "record" else "enum", self.name)
        return "uint8_t" if self.kind == "fixed" else NUMBERS[self.kind]

    @property
    def bytes_min(self):
        """Fewest bytes that a value takes, to bound an array's count."""
        if self.is_optional or self.kind not in ("record", "double", "fixed"):
            return 1
        if self.kind == "record":
            return sum(Type(f["type"], NAMES).bytes_min for f in self.schema["fields"])
        return 8 if self.kind == "double" else self.schema["size"]


NAMES = {}


class Record:
    def __init__(self, schema):
        self.schema = schema
        self.name = snake(schema["name"])
        self.struct = "struct codec_" + self.name
        self.fields = [(f["name"], Type(f["type"], NAMES), f) for f in schema["fields"]]


def comment(text, indent=""):
    """A C comment, wrapped."""
    text = text.replace("*/", "* /")
    lines, line = [], "/**"
    for word in text.split():
        if len(indent) + len(line) + 1 + len(word) > 77:
            lines.append(line)
            line = " *"
        line += " " + word
    lines.append(line + " */")
    return "".join(indent + (" " if i and not l.startswith("/") else "") + l.strip() + "\n" for i, l in enumerate(lines))


# --- header -------------------------------------------------------------------


def enum_lines(schema):
    prefix = "CODEC_" + snake(schema["name"]).upper()
    out = comment(schema.get("doc", "")) + "enum codec_%s {\n" % snake(schema["name"])
    out += "".join("    %s_%s,\n" % (prefix, symbol) for symbol in schema["symbols"]) + "};\n"
    out += "#define %s_COUNT %d\n" % (prefix, len(schema["symbols"]))
    out += "/** The symbol as the schema spells it. */\n"
    return out + "const char *codec_%s_name(enum codec_%s value);\n\n" % ((snake(schema["name"]),) * 2)


def member_lines(name, kind, field):
    doc = field.get("doc", "")
    if kind.is_text and kind.is_optional:
        doc += " (ptr NULL: absent)"
    out = comment(doc, "    ")
    if kind.kind == "array":
        return out + "    size_t n_%s;\n    %s *%s;\n" % (name, kind.item.c_type, name)
    if kind.kind == "fixed":
        return out + "    uint8_t %s[%d];\n" % (name, kind.schema["size"])
    if kind.is_optional and not kind.is_text:
        out += "    bool has_%s;\n" % name
    return out + "    %s %s;\n" % (kind.c_type, name)


def struct_lines(record):
    out = comment(record.schema.get("doc", "")) + record.struct + " {\n"
    return out + "".join(member_lines(*f) for f in record.fields) + "};\n\n"


def prototypes(record):
    n, s = record.name, record.struct
    upper = n.upper()
    return (
        "/** Full name and CRC-64-AVRO of the parsing canonical form. */\n"
        '#define CODEC_%s_NAME "%s"\n' % (upper, record.schema["name"])
        + "#define CODEC_%s_FINGERPRINT UINT64_C(0x%016x)\n" % (upper, codec_schema.fingerprint(record.schema))
        + "/** All zero but for the schema's defaults. */\n"
        + "void codec_%s_init(%s *record);\n" % (n, s)
        + "/** Bytes of the body, without framing. */\n"
        + "size_t codec_%s_size(const %s *record);\n" % (n, s)
        + "/** Appends the body, without framing; the error sticks in out. */\n"
        + "void codec_%s_encode(const %s *record, struct odk_buf *out);\n" % (n, s)
        + "/** Reads a body, all of it: ODK_EINVAL when it is not one, ODK_ELIMIT at the arena's cap.\n"
        + " * Strings borrow from bytes, arrays live in arena; after an error out is not to be read. */\n"
        + "int codec_%s_decode(struct odk_str bytes, struct odk_arena *arena, %s *out,\n" % (n, s)
        + "    struct odk_err *err) ODK_MUST_USE;\n\n"
    )


def header_file(tops):
    out = HEADER + "#ifndef CODEC_RECORDS_H\n#define CODEC_RECORDS_H\n\n"
    out += "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n"
    out += '#include "base/base.h"\n\n'
    for schema in NAMES.values():
        if schema["type"] == "enum":
            out += enum_lines(schema)
    for schema in records_in_order():
        out += struct_lines(Record(schema))
    out += "/** Kinds of records that go over a topic. */\nenum codec_kind {\n"
    out += "".join("    CODEC_%s,\n" % r.name.upper() for r in tops) + "};\n"
    out += "#define CODEC_KINDS %d\n\n" % len(tops)
    out += "/** Any record. */\nstruct codec_record {\n    enum codec_kind kind;\n    union {\n"
    out += "".join("        %s %s;\n" % (r.struct, r.name) for r in tops) + "    };\n};\n\n"
    out += "".join(prototypes(r) for r in tops)
    return out + "#endif\n"


def records_in_order():
    """Records, inner ones before those that hold them."""
    done = []

    def visit(schema):
        for field in schema["fields"]:
            kind = Type(field["type"], NAMES)
            kind = kind.item or kind
            if kind.kind == "record":
                visit(kind.schema)
        if schema not in done:
            done.append(schema)

    for schema in list(NAMES.values()):
        if schema["type"] == "record":
            visit(schema)
    return done


# --- one value ----------------------------------------------------------------


def size_of(kind, value):
    if kind.is_text:
        return "codec_size_bytes(%s)" % value
    if kind.kind == "record":
        return "size_%s(&%s)" % (kind.name, value)
    if kind.kind == "enum":
        return "codec_size_long((int64_t)%s)" % value
    if kind.kind == "fixed":
        return "%du" % kind.schema["size"]
    return {"boolean": "1u", "double": "8u"}.get(kind.kind, "codec_size_long(%s)" % value)


def write_of(kind, value):
    if kind.kind == "record":
        return "at = write_%s(at, &%s);" % (kind.name, value)
    if kind.kind == "enum":
        return "at = codec_write_enum(at, (int)%s, %d);" % (value, len(kind.schema["symbols"]))
    if kind.kind == "fixed":
        return "at = codec_write_fixed(at, %s, %d);" % (value, kind.schema["size"])
    name = {"string": "bytes", "int": "long"}.get(kind.kind, kind.kind)
    return "at = codec_write_%s(at, %s);" % (name, value)


def read_of(kind, value):
    if kind.kind == "record":
        return "read_%s(in, &%s);" % (kind.name, value)
    if kind.kind == "enum":
        return "%s = (%s)codec_read_enum(in, %d);" % (value, kind.c_type, len(kind.schema["symbols"]))
    if kind.kind == "fixed":
        return "codec_read_fixed(in, %s, %d);" % (value, kind.schema["size"])
    return "%s = codec_read_%s(in);" % (value, kind.kind)


def presence(name, kind):
    return "r->%s.ptr" % name if kind.is_text else "r->has_%s" % name


def size_lines(name, kind, _):
    value = "r->" + name
    if kind.kind == "array":
        out = "    n += codec_size_count(r->n_%s);\n" % name
        out += "    for (size_t i = 0; i < r->n_%s; i++) {\n" % name
        return out + "        n += %s;\n    }\n" % size_of(kind.item, value + "[i]")
    if kind.is_optional:
        return "    n += 1u + (%s ? %s : 0u);\n" % (presence(name, kind), size_of(kind, value))
    return "    n += %s;\n" % size_of(kind, value)


def write_lines(name, kind, _):
    value = "r->" + name
    if kind.kind == "array":
        out = "    at = codec_write_count(at, r->n_%s);\n" % name
        out += "    for (size_t i = 0; i < r->n_%s; i++) {\n        %s\n    }\n"
        out = out % (name, write_of(kind.item, value + "[i]"))
        return out + "    if (r->n_%s) {\n        *at++ = 0;\n    }\n" % name
    if kind.is_optional:
        out = "    if (%s) {\n        *at++ = 2;\n        %s\n" % (presence(name, kind), write_of(kind, value))
        return out + "    } else {\n        *at++ = 0;\n    }\n"
    return "    %s\n" % write_of(kind, value)


def read_lines(name, kind, _):
    value = "out->" + name
    if kind.kind == "array":
        out = "    struct codec_array %s = {.item_bytes = sizeof(*%s), .wire_bytes_min = %d};\n"
        out = out % (name, value, kind.item.bytes_min)
        out += "    while (codec_read_block(in, &%s)) {\n" % name
        out += "        %s *item = (%s *)%s.items + %s.done;\n" % (kind.item.c_type, kind.item.c_type, name, name)
        out += "        %s\n    }\n" % read_of(kind.item, "(*item)")
        out += "    out->n_%s = %s.done;\n" % (name, name)
        return out + "    %s = %s.items;\n" % (value, name)
    if kind.is_optional:
        out = "    if (codec_read_present(in)) {\n"
        if not kind.is_text:
            out += "        out->has_%s = true;\n" % name
        return out + "        %s\n    }\n" % read_of(kind, value)
    return "    %s\n" % read_of(kind, value)


def record_functions(record):
    n, s = record.name, record.struct
    out = "static size_t\nsize_%s(const %s *r)\n{\n    size_t n = 0;\n\n" % (n, s)
    out += "".join(size_lines(*f) for f in record.fields) + "    return n;\n}\n\n"
    out += "static uint8_t *\nwrite_%s(uint8_t *at, const %s *r)\n{\n" % (n, s)
    out += "".join(write_lines(*f) for f in record.fields) + "    return at;\n}\n\n"
    out += "static void\nread_%s(struct codec_reader *in, %s *out)\n{\n" % (n, s)
    return out + "".join(read_lines(*f) for f in record.fields) + "}\n\n"


def preset_line(name, kind, field):
    """The statement that sets a default other than zero."""
    default = field.get("default")
    if kind.is_optional or not default:
        return ""
    if kind.is_text:
        return "    record->%s = ODK_STR(%s);\n" % (name, json.dumps(default))
    if kind.kind == "enum":
        return "    record->%s = CODEC_%s_%s;\n" % (name, kind.name.upper(), default)
    return "    record->%s = %s;\n" % (name, json.dumps(default))


def enum_function(schema):
    n = snake(schema["name"])
    out = "const char *\ncodec_%s_name(enum codec_%s value)\n{\n" % (n, n)
    out += "    static const char *const names[] = {\n"
    out += "".join('        "%s",\n' % symbol for symbol in schema["symbols"]) + "    };\n\n"
    return out + "    odk_assert((size_t)value < ODK_ARRAY_LEN(names));\n    return names[value];\n}\n\n"


def public_functions(record):
    n, s = record.name, record.struct
    return (
        "void\ncodec_%s_init(%s *record)\n{\n    memset(record, 0, sizeof(*record));\n" % (n, s)
        + "".join(preset_line(*f) for f in record.fields)
        + "}\n\nsize_t\ncodec_%s_size(const %s *record)\n{\n    return size_%s(record);\n}\n\n" % (n, s, n)
        + "void\ncodec_%s_encode(const %s *record, struct odk_buf *out)\n{\n" % (n, s)
        + "    size_t size = size_%s(record);\n" % n
        + "    char *to = odk_buf_reserve(out, size);\n\n    if (to) {\n"
        + "        const uint8_t *end = write_%s((uint8_t *)to, record);\n" % n
        + "        odk_assert((size_t)(end - (const uint8_t *)to) == size);\n"
        + "        odk_buf_commit(out, size);\n    }\n}\n\n"
        + "int\ncodec_%s_decode(struct odk_str bytes, struct odk_arena *arena, %s *out,\n" % (n, s)
        + "    struct odk_err *err)\n{\n    struct codec_reader in;\n\n"
        + "    codec_reader_init(&in, bytes, arena);\n    memset(out, 0, sizeof(*out));\n"
        + '    read_%s(&in, out);\n    return codec_reader_end(&in, "%s", err);\n}\n\n' % (n, short(record))
        + "static void\nany_encode_%s(const void *record, struct odk_buf *out)\n{\n" % n
        + "    codec_%s_encode(record, out);\n}\n\n" % n
        + "static int\nany_decode_%s(struct odk_str bytes, struct odk_arena *arena,\n" % n
        + "    struct codec_record *out, struct odk_err *err)\n{\n"
        + "    out->kind = CODEC_%s;\n" % n.upper()
        + "    return codec_%s_decode(bytes, arena, &out->%s, err);\n}\n\n" % (n, n)
    )


def short(record):
    return record.schema["name"].rpartition(".")[2]


# --- tables -------------------------------------------------------------------


class Shapes:
    """Writes the shape tables: a type once, inner ones first."""

    def __init__(self):
        self.made = {}
        self.out = ""

    def shape(self, schema):
        """The C name of a type's shape."""
        if isinstance(schema, str) and schema in NAMES:
            schema = NAMES[schema]
        key = json.dumps(schema, sort_keys=True)
        if key not in self.made:
            self.made[key] = self._make(schema, "shape_%d" % len(self.made), key)
        return self.made[key]

    def _make(self, schema, name, key):
        self.made[key] = name
        kind = "union" if isinstance(schema, list) else schema if isinstance(schema, str) else schema["type"]
        parts = self._parts(schema, kind)
        if parts:
            self.out += "static const struct codec_part parts_of_%s[] = {\n%s};\n" % (name, "".join(parts))
        full = schema["name"] if kind in codec_schema.NAMED else ""
        default = schema.get("default") if kind == "enum" else None
        self.out += "static const struct codec_shape %s = {\n    .type = CODEC_TYPE_%s,\n" % (name, kind.upper())
        self.out += '    .name = ODK_STR_INIT("%s"),\n' % full
        self.out += "    .size = %d,\n" % (schema["size"] if kind == "fixed" else 0)
        self.out += "    .fallback = %d,\n" % (schema["symbols"].index(default) if default else -1)
        self.out += "    .n_parts = %d,\n" % len(parts)
        self.out += "    .parts = %s,\n};\n\n" % ("parts_of_" + name if parts else "NULL")
        return name

    def _parts(self, schema, kind):
        if kind == "union":
            return [self._part("", branch) for branch in schema]
        if kind == "record":
            return [self._part(f["name"], f["type"], f) for f in schema["fields"]]
        if kind == "enum":
            return ['    {.name = ODK_STR_INIT("%s")},\n' % symbol for symbol in schema["symbols"]]
        return [self._part("", schema["items"])] if kind == "array" else []

    def _part(self, name, schema, field=()):
        out = '    {.name = ODK_STR_INIT("%s"), .shape = &%s' % (name, self.shape(schema))
        if "default" in field:
            data = codec_schema.encode(schema, field["default"], NAMES)
            text = "".join("\\%03o" % byte for byte in data)
            out += ', .preset = {"%s", %d}' % (text, len(data))
        return out + "},\n"


def byte_array(name, text):
    """A text as an array: C limits the length of string literals."""
    data = text.encode() + b"\0"
    lines = [", ".join(str(b) for b in data[i : i + 20]) for i in range(0, len(data), 20)]
    return "static const char %s[] = {\n    %s};\n\n" % (name, ",\n    ".join(lines))


def kind_table(tops, shapes):
    out = "const struct codec_kind_info codec_kind_table[CODEC_KINDS] = {\n"
    for record in tops:
        n = record.name
        out += "    [CODEC_%s] = {\n" % n.upper()
        out += '        .name = "%s",\n        .full_name = CODEC_%s_NAME,\n' % (short(record), n.upper())
        out += "        .schema_json = {json_%s, sizeof(json_%s) - 1},\n" % (n, n)
        out += "        .fingerprint = CODEC_%s_FINGERPRINT,\n" % n.upper()
        out += "        .shape = &%s,\n" % shapes.shape(record.schema)
        out += "        .encode = any_encode_%s,\n        .decode = any_decode_%s,\n    },\n" % (n, n)
    return out + "};\n\n"


def older_table(directory, tops):
    """Committed versions that differ from the current one: they may still be on topics."""
    texts, rows = "", ""
    for record in tops:
        for number, schema in codec_schema.versions(directory, short(record)):
            if codec_schema.canonical(schema) != codec_schema.canonical(record.schema):
                name = "older_%s_%d" % (record.name, number)
                texts += byte_array(name, codec_schema.text(schema))
                rows += "    {%s, sizeof(%s) - 1},\n" % (name, name)
    count = rows.count("\n")
    rows = rows or "    {NULL, 0},\n"
    return texts + "const struct odk_str codec_older_table[] = {\n%s};\nconst size_t codec_older_count = %d;\n" % (rows, count)


def source_file(directory, tops):
    shapes = Shapes()
    for record in tops:
        shapes.shape(record.schema)
    out = HEADER + '#include "codec/codec_records.h"\n\n#include <string.h>\n\n'
    out += '#include "codec/codec_shape.h"\n#include "codec/codec_wire.h"\n\n'
    out += "".join(record_functions(Record(schema)) for schema in records_in_order())
    out += "".join(public_functions(r) for r in tops)
    out += "".join(enum_function(s) for s in NAMES.values() if s["type"] == "enum")
    out += shapes.out
    out += "".join(byte_array("json_" + r.name, codec_schema.text(r.schema)) for r in tops)
    return out + kind_table(tops, shapes) + older_table(directory, tops)


# --- program ------------------------------------------------------------------


def check_names(tops):
    """C names must be unique: kinds and enum symbols share one space."""
    words = ["CODEC_" + r.name.upper() for r in tops] + ["CODEC_KINDS"]
    for schema in NAMES.values():
        if schema["type"] == "enum":
            prefix = "CODEC_" + snake(schema["name"]).upper()
            words += [prefix + "_COUNT"] + [prefix + "_" + symbol for symbol in schema["symbols"]]
    twice = sorted(w for w in set(words) if words.count(w) > 1)
    if twice:
        raise codec_schema.SchemaError("C names made twice: %s" % ", ".join(twice))


def load(directory):
    loader = codec_schema.Loader(directory)
    NAMES.clear()
    schemas = []
    for name in codec_schema.records(directory):
        schema = loader.load(os.path.join(directory, name + ".avsc"))
        for full, definition in codec_schema.definitions(schema).items():
            known = NAMES.setdefault(full, definition)
            if codec_schema.canonical(known) != codec_schema.canonical(definition):
                raise codec_schema.SchemaError("%s has two definitions" % full)
        schemas.append(schema)
    tops = [Record(schema) for schema in schemas]
    check_names(tops)
    return tops


def generate(directory, output):
    tops = load(directory)
    os.makedirs(output, exist_ok=True)
    for name, content in (("codec_records.h", header_file(tops)), ("codec_records.c", source_file(directory, tops))):
        with open(os.path.join(output, name), "w", encoding="utf-8") as file:
            file.write(content)
    return 0


def check(directory):
    found = codec_schema.check(directory)
    for problem in found:
        print(problem)
    print("%d records, %d problems" % (len(codec_schema.records(directory)), len(found)))
    return 1 if found else 0


def commit_version(directory):
    for record in load(directory):
        known = codec_schema.versions(directory, short(record))
        if known and codec_schema.meaning(known[-1][1]) == codec_schema.meaning(record.schema):
            continue
        folder = os.path.join(directory, "history", short(record))
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "%d.avsc" % (len(known) + 1))
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(record.schema, indent=2, ensure_ascii=False) + "\n")
        print(path)
    return 0


def main(arguments):
    commands = {"generate": (generate, 2), "check": (check, 1), "commit-version": (commit_version, 1)}
    command, count = commands.get(arguments[0] if arguments else "", (None, 0))
    if not command or len(arguments) != count + 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return command(*arguments[1:])
    except codec_schema.SchemaError as error:
        print("codec_generate: %s" % error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
