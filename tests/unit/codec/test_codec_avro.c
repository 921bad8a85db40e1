/*
 * Our encoder and decoder against avro-c over random records of every kind:
 * what avro-c writes we read and write again byte for byte, and what we write
 * avro-c reads as the value that it had.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <avro.h>
#include <cmocka.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/codec_shape.h"

#define RECORDS_PER_KIND 500
#define FOREIGN_PER_KIND 100
#define RECORD_BYTES_MAX 65536
#define TEXT_MAX         200

struct fixture {
    struct odk_rand rand;
    struct odk_arena arena;
    struct odk_buf buf;
    char bytes[RECORD_BYTES_MAX];
};

static int
set_up(void **state)
{
    static struct fixture fixture;

    odk_rand_init(&fixture.rand, 20261125);
    odk_arena_init(&fixture.arena, 0);
    odk_buf_init(&fixture.buf, 0);
    *state = &fixture;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    odk_arena_release(&f->arena);
    odk_buf_release(&f->buf);
    return 0;
}

/* Small numbers and the far ends alike. */
static int64_t
random_long(struct odk_rand *rand)
{
    uint64_t bits = odk_rand_u64(rand) >> odk_rand_below(rand, 64);

    switch (odk_rand_below(rand, 16)) {
    case 0:
        return INT64_MIN;
    case 1:
        return INT64_MAX;
    default:
        return (int64_t)(bits & 1 ? bits >> 1 : 0 - (bits >> 1));
    }
}

static size_t
random_text(struct odk_rand *rand, char *out)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         "0",
                                         "\"",
                                         "\n",
                                         "\xC3\xB6",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x90\x99"};
    size_t len = 0;

    for (uint64_t n = odk_rand_below(rand, TEXT_MAX / 4); n; n--) {
        const char *piece = pieces[odk_rand_below(rand, 8)];
        memcpy(out + len, piece, strlen(piece));
        len += strlen(piece);
    }
    out[len] = '\0';
    return len;
}

/* Recursion follows our own schemas, five levels deep.
 * NOLINTBEGIN(misc-no-recursion) */

static void fill(struct odk_rand *rand, avro_value_t *value);

static void
fill_bytes(struct odk_rand *rand, avro_value_t *value)
{
    uint8_t bytes[TEXT_MAX];
    size_t len = odk_rand_below(rand, TEXT_MAX);

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)odk_rand_u64(rand);
    }
    assert_int_equal(avro_value_set_bytes(value, bytes, len), 0);
}

static void
fill_fixed(struct odk_rand *rand, avro_value_t *value)
{
    uint8_t bytes[32];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)odk_rand_u64(rand);
    }
    assert_int_equal(avro_value_set_fixed(value, bytes, sizeof(bytes)), 0);
}

static void
fill_string(struct odk_rand *rand, avro_value_t *value)
{
    char text[TEXT_MAX + 1];
    size_t len = random_text(rand, text);

    assert_int_equal(avro_value_set_string_len(value, text, len + 1), 0);
}

static void
fill_array(struct odk_rand *rand, avro_value_t *value)
{
    avro_value_t item = {0};

    for (uint64_t n = odk_rand_below(rand, 5); n; n--) {
        assert_int_equal(avro_value_append(value, &item, NULL), 0);
        fill(rand, &item);
    }
}

static void
fill_record(struct odk_rand *rand, avro_value_t *value)
{
    size_t n = 0;
    avro_value_t field = {0};

    assert_int_equal(avro_value_get_size(value, &n), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(avro_value_get_by_index(value, i, &field, NULL), 0);
        fill(rand, &field);
    }
}

static void
fill_union(struct odk_rand *rand, avro_value_t *value)
{
    avro_value_t branch = {0};

    assert_int_equal(
        avro_value_set_branch(value, (int)odk_rand_below(rand, 2), &branch), 0);
    fill(rand, &branch);
}

static void
fill_enum(struct odk_rand *rand, avro_value_t *value)
{
    avro_schema_t schema = avro_value_get_schema(value);
    uint64_t n = (uint64_t)avro_schema_enum_number_of_symbols(schema);

    assert_int_equal(avro_value_set_enum(value, (int)odk_rand_below(rand, n)),
                     0);
}

static void
fill(struct odk_rand *rand, avro_value_t *value)
{
    odk_assert(value->iface);
    avro_type_t type = avro_value_get_type(value);

    if (type == AVRO_NULL) {
        assert_int_equal(avro_value_set_null(value), 0);
    } else if (type == AVRO_BOOLEAN) {
        assert_int_equal(
            avro_value_set_boolean(value, (int)odk_rand_below(rand, 2)), 0);
    } else if (type == AVRO_INT32) {
        assert_int_equal(
            avro_value_set_int(value, (int32_t)(uint32_t)random_long(rand)), 0);
    } else if (type == AVRO_INT64) {
        assert_int_equal(avro_value_set_long(value, random_long(rand)), 0);
    } else if (type == AVRO_STRING) {
        fill_string(rand, value);
    } else if (type == AVRO_BYTES) {
        fill_bytes(rand, value);
    } else if (type == AVRO_FIXED) {
        fill_fixed(rand, value);
    } else if (type == AVRO_ENUM) {
        fill_enum(rand, value);
    } else if (type == AVRO_ARRAY) {
        fill_array(rand, value);
    } else if (type == AVRO_RECORD) {
        fill_record(rand, value);
    } else {
        assert_int_equal(type, AVRO_UNION);
        fill_union(rand, value);
    }
}

/* NOLINTEND(misc-no-recursion) */

static size_t
write_with_avro(struct fixture *f, avro_value_t *value)
{
    avro_writer_t writer = avro_writer_memory(f->bytes, sizeof(f->bytes));

    assert_int_equal(avro_value_write(writer, value), 0);
    size_t len = (size_t)avro_writer_tell(writer);
    avro_writer_free(writer);
    return len;
}

static void
read_with_avro(struct odk_str bytes, avro_value_t *value)
{
    avro_reader_t reader = avro_reader_memory(bytes.ptr, (int64_t)bytes.len);

    assert_int_equal(avro_value_read(reader, value), 0);
    avro_reader_free(reader);
}

/* One random record there and back. */
static void
check_record(struct fixture *f, enum codec_kind kind, avro_value_iface_t *iface)
{
    avro_value_t value;
    avro_value_t again;
    struct codec_record record;
    struct odk_err err = {0};

    assert_int_equal(avro_generic_value_new(iface, &value), 0);
    assert_int_equal(avro_generic_value_new(iface, &again), 0);
    fill(&f->rand, &value);
    struct odk_str theirs = odk_str_n(f->bytes, write_with_avro(f, &value));

    int ret = codec_kind_table[kind].decode(theirs, &f->arena, &record, &err);
    if (ret < 0) {
        fail_msg("%s", err.message);
    }
    odk_buf_clear(&f->buf);
    codec_kind_table[kind].encode(&record.start_workflow, &f->buf);
    assert_int_equal(f->buf.len, theirs.len);
    assert_memory_equal(f->buf.ptr, theirs.ptr, theirs.len);

    read_with_avro(odk_buf_str(&f->buf), &again);
    assert_true(avro_value_equal(&value, &again));
    avro_value_decref(&value);
    avro_value_decref(&again);
    odk_arena_reset(&f->arena);
}

static void
every_kind_equals_avro_c_byte_for_byte(void **state)
{
    struct fixture *f = *state;

    for (int kind = 0; kind < CODEC_KINDS; kind++) {
        struct odk_str json = codec_schema_json((enum codec_kind)kind);
        avro_schema_t schema = NULL;
        if (avro_schema_from_json_length(json.ptr, json.len, &schema) != 0) {
            fail_msg("%s", avro_strerror());
        }
        avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
        assert_non_null(iface);
        for (int i = 0; i < RECORDS_PER_KIND; i++) {
            check_record(f, (enum codec_kind)kind, iface);
        }
        avro_value_iface_decref(iface);
        (void)avro_schema_decref(schema);
    }
    (void)printf("%d kinds, %d records\n", CODEC_KINDS,
                 CODEC_KINDS * RECORDS_PER_KIND);
}

/* --- resolution ------------------------------------------------------------
 */

/* The schema of a writer that is unlike ours where avro-c can follow: fields in
 * the opposite order, and one that we do not have. */
static avro_schema_t
make_foreign(avro_schema_t ours)
{
    static const char extra_json[] =
        "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"record\","
        "\"name\":\"Extra\",\"fields\":[{\"name\":\"a\",\"type\":\"string\"},"
        "{\"name\":\"b\",\"type\":\"boolean\"}]}]}";
    avro_schema_t foreign = avro_schema_record(avro_schema_name(ours), "shop");
    avro_schema_t extra = NULL;

    assert_int_equal(avro_schema_from_json_literal(extra_json, &extra), 0);
    assert_int_equal(
        avro_schema_record_field_append(foreign, "extra_field", extra), 0);
    (void)avro_schema_decref(extra);
    for (size_t i = avro_schema_record_size(ours); i > 0; i--) {
        assert_int_equal(
            avro_schema_record_field_append(
                foreign, avro_schema_record_field_name(ours, (int)i - 1),
                avro_schema_record_field_get_by_index(ours, (int)i - 1)),
            0);
    }
    return foreign;
}

static uint64_t
add_foreign(struct fixture *f, struct codec *codec, avro_schema_t foreign)
{
    avro_writer_t writer = avro_writer_memory(f->bytes, sizeof(f->bytes));
    uint64_t fingerprint = 0;
    struct odk_err err = {0};

    assert_int_equal(avro_schema_to_json(foreign, writer), 0);
    struct odk_str json = odk_str_n(f->bytes, (size_t)avro_writer_tell(writer));
    if (codec_add_writer_schema(codec, json, &fingerprint, &err) < 0) {
        fail_msg("%s", err.message);
    }
    avro_writer_free(writer);
    return fingerprint;
}

/* avro-c's resolution of f->bytes, as bytes of our schema in f->bytes. */
static size_t
resolve_with_avro(struct fixture *f, size_t len, avro_schema_t foreign,
                  avro_schema_t ours)
{
    avro_value_iface_t *resolver = avro_resolved_writer_new(foreign, ours);
    avro_value_iface_t *iface = avro_generic_class_from_schema(ours);
    avro_value_t value = {0};
    avro_value_t resolved = {0};

    assert_non_null(resolver);
    assert_int_equal(avro_generic_value_new(iface, &value), 0);
    assert_int_equal(avro_resolved_writer_new_value(resolver, &resolved), 0);
    avro_resolved_writer_set_dest(&resolved, &value);
    read_with_avro(odk_str_n(f->bytes, len), &resolved);
    size_t out = write_with_avro(f, &value);
    avro_value_decref(&resolved);
    avro_value_decref(&value);
    avro_value_iface_decref(resolver);
    avro_value_iface_decref(iface);
    return out;
}

static void
check_foreign(struct fixture *f, struct codec *codec, uint64_t fingerprint,
              avro_schema_t foreign, avro_schema_t ours)
{
    avro_value_iface_t *iface = avro_generic_class_from_schema(foreign);
    avro_value_t value = {0};
    struct codec_record record;
    struct odk_err err = {0};

    assert_int_equal(avro_generic_value_new(iface, &value), 0);
    fill(&f->rand, &value);
    size_t len = write_with_avro(f, &value);
    odk_buf_clear(&f->buf);
    odk_buf_put(&f->buf, "\xC3\x01", 2);
    odk_buf_put(&f->buf, &fingerprint, sizeof(fingerprint));
    odk_buf_put(&f->buf, f->bytes, len);
    if (codec_decode(codec, odk_buf_str(&f->buf), &f->arena, &record, &err)) {
        fail_msg("%s", err.message);
    }
    len = resolve_with_avro(f, len, foreign, ours);
    odk_buf_clear(&f->buf);
    codec_kind_table[record.kind].encode(&record.start_workflow, &f->buf);
    assert_int_equal(f->buf.len, len);
    assert_memory_equal(f->buf.ptr, f->bytes, len);
    avro_value_decref(&value);
    avro_value_iface_decref(iface);
    odk_arena_reset(&f->arena);
}

static void
foreign_records_resolve_as_in_avro_c(void **state)
{
    struct fixture *f = *state;
    struct codec *codec = codec_new(NULL);

    for (int kind = 0; kind < CODEC_KINDS; kind++) {
        struct odk_str json = codec_schema_json((enum codec_kind)kind);
        avro_schema_t ours = NULL;
        assert_int_equal(
            avro_schema_from_json_length(json.ptr, json.len, &ours), 0);
        avro_schema_t foreign = make_foreign(ours);
        uint64_t fingerprint = add_foreign(f, codec, foreign);
        for (int i = 0; i < FOREIGN_PER_KIND; i++) {
            check_foreign(f, codec, fingerprint, foreign, ours);
        }
        (void)avro_schema_decref(foreign);
        (void)avro_schema_decref(ours);
    }
    codec_free(codec);
}

static void
sizes_are_what_is_written(void **state)
{
    struct fixture *f = *state;
    struct codec_signal_workflow signal = {
        .namespace = ODK_STR("default"),
        .workflow_id = ODK_STR("order-1"),
        .name = ODK_STR("approve"),
        .payload = ODK_STR("{}"),
        .content_type = ODK_STR("application/json"),
        .has_source = true,
        .source = {.name = ODK_STR("shard/1"), .seq = INT64_MAX},
    };

    odk_buf_clear(&f->buf);
    codec_signal_workflow_encode(&signal, &f->buf);
    assert_int_equal(codec_signal_workflow_size(&signal), f->buf.len);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_equals_avro_c_byte_for_byte),
        cmocka_unit_test(foreign_records_resolve_as_in_avro_c),
        cmocka_unit_test(sizes_are_what_is_written),
    };

    return cmocka_run_group_tests_name("codec_avro", tests, set_up, tear_down);
}
