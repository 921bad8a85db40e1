"""The generator, the rules on versions, and that the tree keeps them."""

import io
import json
import os
import re
import shutil
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout

SOURCE = os.environ.get("ODRADEK_SOURCE_DIR", os.getcwd())
SCHEMAS = os.path.join(SOURCE, "schemas")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "src", "codec", "generate"))

import codec_generate  # noqa: E402
import codec_schema  # noqa: E402


def record(name, *fields):
    return {"type": "record", "name": "t." + name, "fields": list(fields)}


def field(name, kind, **more):
    return dict({"name": name, "type": kind}, **more)


class Directory(unittest.TestCase):
    """A schema directory of its own."""

    def setUp(self):
        self.path = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.path)

    def write(self, file, schema):
        path = os.path.join(self.path, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            json.dump(schema, out)

    def run_main(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = codec_generate.main(list(arguments))
        return code, out.getvalue() + err.getvalue()

    def generate(self):
        code, said = self.run_main("generate", self.path, os.path.join(self.path, "out"))
        self.assertEqual((code, said), (0, ""))
        texts = []
        for file in ("codec_records.h", "codec_records.c"):
            with open(os.path.join(self.path, "out", file), encoding="utf-8") as made:
                texts.append(made.read())
        return texts


class Loading(Directory):
    def test_a_shared_type_is_put_in_once_and_named_after_that(self):
        self.write("common/S.avsc", record("S", field("x", "int")))
        self.write("A.avsc", record("A", field("a", "S"), field("b", ["null", "t.S"])))
        loaded = codec_schema.Loader(self.path).load(os.path.join(self.path, "A.avsc"))
        self.assertEqual(
            codec_schema.canonical(loaded),
            '{"name":"t.A","type":"record","fields":[{"name":"a","type":{"name":"t.S","type":"record",'
            '"fields":[{"name":"x","type":"int"}]}},{"name":"b","type":["null","t.S"]}]}',
        )

    def test_unknown_and_recursive_types_are_refused(self):
        for kind in ("Nobody", "A"):
            self.write("A.avsc", record("A", field("a", kind)))
            with self.assertRaises(codec_schema.SchemaError):
                codec_schema.Loader(self.path).load(os.path.join(self.path, "A.avsc"))

    def test_a_file_holds_the_record_of_its_name(self):
        self.write("A.avsc", record("B"))
        code, said = self.run_main("check", self.path)
        self.assertEqual(code, 1)
        self.assertIn("holds t.B", said)

    def test_fingerprints_are_those_of_the_specification(self):
        self.assertEqual(codec_schema.fingerprint("null"), 0x63DD24E7CC258F8A)
        self.assertEqual(codec_schema.fingerprint("int"), 0x7275D51A3F395C8F)
        self.assertEqual(codec_schema.fingerprint("string"), 0x8F014872634503C7)

    def test_defaults_are_encoded_as_avro_does(self):
        encode = codec_schema.encode
        self.assertEqual(encode("long", -65, {}), b"\x81\x01")
        self.assertEqual(encode("string", "\u00f6", {}), b"\x04\xc3\xb6")
        self.assertEqual(encode(["null", "int"], None, {}), b"\x00")
        self.assertEqual(encode({"type": "array", "items": "int"}, [], {}), b"\x00")
        with self.assertRaises(codec_schema.SchemaError):
            encode("int", 1 << 31, {})


class Generating(Directory):
    def test_a_field_becomes_a_member_with_its_doc(self):
        self.write("OneRecord.avsc", record("OneRecord", field("n", ["null", "int"], doc="How many."), field("xs", {"type": "array", "items": "long"})))
        header, source = self.generate()
        self.assertRegex(header, r"/\*\* How many. \*/\s+bool has_n;\s+int32_t n;")
        self.assertRegex(header, r"size_t n_xs;\s+int64_t \*xs;")
        self.assertIn("enum codec_kind {\n    CODEC_ONE_RECORD,\n};", header)
        self.assertIn("codec_one_record_decode(", source)

    def test_what_is_not_generated_is_refused_with_a_sentence(self):
        for kind in ("float", ["int", "string"], {"type": "map", "values": "int"}, {"type": "array", "items": ["null", "int"]}):
            self.write("A.avsc", record("A", field("a", kind)))
            code, said = self.run_main("generate", self.path, self.path)
            self.assertEqual(code, 1, kind)
            self.assertIn("codec_generate: ", said)

    def test_c_names_made_twice_are_refused(self):
        self.write("Task.avsc", record("Task", field("a", {"type": "enum", "name": "Task2", "symbols": ["X"]})))
        self.write("Task2X.avsc", record("Task2X"))
        code, said = self.run_main("generate", self.path, self.path)
        self.assertEqual(code, 1)
        self.assertIn("CODEC_TASK2_X", said)

    def test_an_older_version_is_put_into_the_code(self):
        self.write("A.avsc", record("A", field("a", "int")))
        self.run_main("commit-version", self.path)
        self.assertIn("codec_older_count = 0;", self.generate()[1])
        self.write("A.avsc", record("A", field("a", "int"), field("b", "int", default=7)))
        self.run_main("commit-version", self.path)
        self.assertIn("codec_older_count = 1;", self.generate()[1])

    def test_the_same_schemas_make_the_same_files(self):
        self.write("A.avsc", record("A", field("a", "int")))
        self.assertEqual(self.generate(), self.generate())


class Versions(Directory):
    def change(self, before, after):
        """What check says of a record that was committed and then changed."""
        self.write("A.avsc", before)
        self.assertEqual(self.run_main("commit-version", self.path)[0], 0)
        self.assertEqual(self.run_main("check", self.path)[0], 0)
        self.write("A.avsc", after)
        self.run_main("commit-version", self.path)
        return self.run_main("check", self.path)

    def test_a_field_with_a_default_may_come_and_go(self):
        one = record("A", field("a", "int"))
        two = record("A", field("a", "int"), field("b", "string", default=""))
        self.assertEqual(self.change(one, two)[0], 0)
        self.assertEqual(self.change(two, one)[0], 0)

    def test_a_new_field_without_a_default_is_detected(self):
        code, said = self.change(record("A"), record("A", field("b", "string")))
        self.assertEqual(code, 1)
        self.assertIn("A: version 1 cannot be read: b: not written, and has no default", said)

    def test_a_dropped_field_without_a_default_is_detected(self):
        code, said = self.change(record("A", field("b", "string")), record("A"))
        self.assertEqual(code, 1)
        self.assertIn("A: version 1 cannot read the current one: b: not written", said)

    def test_a_changed_type_is_detected_in_the_direction_that_breaks(self):
        code, said = self.change(record("A", field("b", "int")), record("A", field("b", "long")))
        self.assertEqual(code, 1)
        self.assertIn("cannot read the current one: b: long is not read as int", said)
        self.assertNotIn("cannot be read:", said)

    def test_a_new_symbol_needs_a_default_of_the_enum(self):
        def with_symbols(*symbols, **more):
            return record("A", field("e", dict({"type": "enum", "name": "t.E", "symbols": list(symbols)}, **more)))

        self.assertEqual(self.change(with_symbols("X"), with_symbols("X", "Y"))[0], 1)
        shutil.rmtree(os.path.join(self.path, "history"))
        self.assertEqual(self.change(with_symbols("X", default="X"), with_symbols("X", "Y", default="X"))[0], 0)

    def test_a_change_that_was_not_committed_is_detected(self):
        self.write("A.avsc", record("A", field("a", "int")))
        self.run_main("commit-version", self.path)
        self.write("A.avsc", record("A", field("a", "int"), field("b", "int", default=1)))
        code, said = self.run_main("check", self.path)
        self.assertEqual(code, 1)
        self.assertIn("differs from its newest committed version 1", said)

    def test_a_record_without_a_version_is_detected(self):
        self.write("A.avsc", record("A"))
        self.assertEqual(self.run_main("check", self.path)[0], 1)

    def test_doc_strings_may_change(self):
        self.assertEqual(self.change(record("A", field("a", "int", doc="x")), record("A", field("a", "int", doc="y")))[0], 0)
        self.assertEqual(len(codec_schema.versions(self.path, "A")), 1)


class Tree(unittest.TestCase):
    """The schemas that are in the tree."""

    def test_each_is_compatible_with_its_committed_versions(self):
        self.assertEqual(codec_schema.check(SCHEMAS), [])

    def test_every_record_and_field_has_a_doc_string(self):
        loader = codec_schema.Loader(SCHEMAS)
        for name in codec_schema.records(SCHEMAS):
            schema = loader.load(os.path.join(SCHEMAS, name + ".avsc"))
            for full, definition in codec_schema.definitions(schema).items():
                if definition["type"] != "fixed":
                    self.assertTrue(definition.get("doc"), full)
                for one in definition.get("fields", []):
                    self.assertTrue(one.get("doc"), full + "." + one["name"])

    def test_the_build_names_every_file(self):
        with open(os.path.join(SOURCE, "src", "codec", "CMakeLists.txt"), encoding="utf-8") as file:
            listed = re.search(r"set\(ODK_SCHEMAS(.*?)\)", file.read(), re.S).group(1).split()
        found = codec_schema.records(SCHEMAS)
        found += ["common/" + name for name in codec_schema.records(os.path.join(SCHEMAS, "common"))]
        self.assertEqual(sorted(listed), sorted(found))

    def test_the_readme_lists_every_record(self):
        with open(os.path.join(SCHEMAS, "README.md"), encoding="utf-8") as file:
            text = file.read()
        for name in codec_schema.records(SCHEMAS):
            self.assertIn("`%s`" % name, text)


if __name__ == "__main__":
    unittest.main()
