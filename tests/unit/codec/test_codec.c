/* Framing, the table of schemas and ids, and schemas of others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/codec_shape.h"
#include "codec/codec_wire.h"
#include "codec_samples.h"

struct fixture {
    struct codec *codec;
    struct odk_arena arena;
    struct odk_buf buf;
    struct odk_err err;
    struct codec_record out;
};

static int
set_up_with(void **state, enum codec_framing framing)
{
    static struct fixture fixture;
    struct codec_options options = {.framing = framing, .schemas_max = 8};

    fixture = (struct fixture){.codec = codec_new(&options)};
    odk_arena_init(&fixture.arena, 0);
    odk_buf_init(&fixture.buf, 0);
    *state = &fixture;
    return 0;
}

static int
set_up(void **state)
{
    return set_up_with(state, CODEC_FRAMING_SINGLE_OBJECT);
}

static int
set_up_confluent(void **state)
{
    return set_up_with(state, CODEC_FRAMING_CONFLUENT);
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    codec_free(f->codec);
    odk_arena_release(&f->arena);
    odk_buf_release(&f->buf);
    return 0;
}

static int
decode(struct fixture *f, struct odk_str framed)
{
    return codec_decode(f->codec, framed, &f->arena, &f->out, &f->err);
}

/* --- framing ---------------------------------------------------------------
 */

static void
single_object_framing_goes_round(void **state)
{
    struct fixture *f = *state;
    struct codec_task_failed record = codec_sample_failed();

    assert_int_equal(
        codec_encode(f->codec, CODEC_TASK_FAILED, &record, &f->buf, &f->err),
        0);
    assert_memory_equal(f->buf.ptr, "\xC3\x01", 2);
    assert_int_equal((uint8_t)f->buf.ptr[2],
                     CODEC_TASK_FAILED_FINGERPRINT & 0xFF);
    assert_int_equal(decode(f, odk_buf_str(&f->buf)), 0);
    assert_int_equal(f->out.kind, CODEC_TASK_FAILED);
    assert_true(odk_str_is(f->out.task_failed.error, "E"));
}

static void
confluent_framing_needs_an_id_to_write(void **state)
{
    struct fixture *f = *state;
    struct codec_task_failed record = codec_sample_failed();

    assert_int_equal(
        codec_encode(f->codec, CODEC_TASK_FAILED, &record, &f->buf, &f->err),
        ODK_ESCHEMA);
    assert_int_equal(f->buf.len, 0);
    assert_int_equal(codec_map_id(f->codec, 0x01020304,
                                  CODEC_TASK_FAILED_FINGERPRINT, &f->err),
                     0);
    assert_int_equal(
        codec_encode(f->codec, CODEC_TASK_FAILED, &record, &f->buf, &f->err),
        0);
    assert_memory_equal(f->buf.ptr, "\0\x01\x02\x03\x04\x02n", 7);
    assert_int_equal(decode(f, odk_buf_str(&f->buf)), 0);
    assert_int_equal(f->out.kind, CODEC_TASK_FAILED);
}

static void
both_framings_are_read_whatever_is_written(void **state)
{
    struct fixture *f = *state;
    struct odk_buf framed;
    struct codec_task_failed record = codec_sample_failed();

    assert_int_equal(
        codec_map_id(f->codec, 7, CODEC_TASK_FAILED_FINGERPRINT, &f->err), 0);
    odk_buf_init(&framed, 0);
    odk_buf_put(&framed, "\0\0\0\0\x07", 5);
    codec_task_failed_encode(&record, &framed);
    assert_int_equal(decode(f, odk_buf_str(&framed)), 0);
    assert_int_equal(f->out.kind, CODEC_TASK_FAILED);
    odk_buf_release(&framed);
}

static void
bad_magic_unknown_schema_and_bad_body_differ(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(decode(f, ODK_STR("")), ODK_ESYNTAX);
    assert_int_equal(decode(f, ODK_STR("{\"json\":1}")), ODK_ESYNTAX);
    assert_non_null(strstr(f->err.message, "bad magic: 7B"));
    assert_int_equal(decode(f, ODK_STR("\xC3\x02xxxxxxxxxxxx")), ODK_ESYNTAX);
    assert_int_equal(decode(f, ODK_STR("\xC3")), ODK_ESYNTAX);
    assert_int_equal(decode(f, ODK_STR("\xC3\x01xxxxxxx")), ODK_ESYNTAX);
    assert_int_equal(decode(f, ODK_STR("\0\0\0\x01")), ODK_ESYNTAX);

    assert_int_equal(decode(f, ODK_STR("\xC3\x01xxxxxxxxbody")), ODK_ESCHEMA);
    assert_non_null(strstr(f->err.message, "fingerprint 7878787878787878"));
    assert_int_equal(decode(f, ODK_STR("\0\0\0\x01\x02")), ODK_ESCHEMA);
    assert_non_null(strstr(f->err.message, "id 258"));
    assert_false(codec_has_id(f->codec, 258));

    assert_int_equal(
        codec_map_id(f->codec, 258, CODEC_TASK_FAILED_FINGERPRINT, &f->err), 0);
    assert_true(codec_has_id(f->codec, 258));
    assert_int_equal(decode(f, ODK_STR("\0\0\0\x01\x02zz")), ODK_EINVAL);
    assert_non_null(strstr(f->err.message, "TaskFailed"));
}

static void
too_large_a_record_is_said_so(void **state)
{
    struct fixture *f = *state;
    struct codec_task_failed record = codec_sample_failed();
    struct odk_buf small;

    odk_buf_init(&small, 12);
    assert_int_equal(
        codec_encode(f->codec, CODEC_TASK_FAILED, &record, &small, &f->err),
        ODK_ETOOBIG);
    odk_buf_release(&small);
}

static void
an_id_keeps_its_schema(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(codec_map_id(f->codec, 1, CODEC_TASK_FINGERPRINT, &f->err),
                     0);
    assert_int_equal(codec_map_id(f->codec, 1, CODEC_TASK_FINGERPRINT, &f->err),
                     0);
    assert_int_equal(
        codec_map_id(f->codec, 1, CODEC_TASK_FAILED_FINGERPRINT, &f->err),
        ODK_ECONFLICT);
    assert_int_equal(codec_map_id(f->codec, 2, 42, &f->err), ODK_ESCHEMA);
    for (uint32_t id = 2; id <= 8; id++) {
        assert_int_equal(
            codec_map_id(f->codec, id, CODEC_TASK_FINGERPRINT, &f->err), 0);
    }
    assert_int_equal(codec_map_id(f->codec, 9, CODEC_TASK_FINGERPRINT, &f->err),
                     ODK_ELIMIT);
}

static void
kinds_have_names_and_schemas(void **state)
{
    (void)state;
    assert_string_equal(codec_kind_name(CODEC_TASK), "Task");
    assert_string_equal(codec_kind_full_name(CODEC_TASK), "io.odradek.v1.Task");
    assert_true(odk_str_starts(codec_schema_json(CODEC_TASK), ODK_STR("{")));
    assert_true(codec_fingerprint(CODEC_TASK) == CODEC_TASK_FINGERPRINT);
}

/* --- schemas of others -----------------------------------------------------
 */

/* The generator's fingerprint, ours over its tables, and ours over what avro-c
 * parses of the schema's text agree. */
static void
fingerprints_agree_for_every_kind(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < CODEC_KINDS; i++) {
        const struct codec_kind_info *kind = &codec_kind_table[i];
        const struct codec_shape *parsed = NULL;
        assert_true(codec_shape_fingerprint(kind->shape) == kind->fingerprint);
        if (codec_shape_parse(kind->schema_json, &f->arena, &parsed, &f->err)) {
            fail_msg("%s: %s", kind->name, f->err.message);
        }
        assert_true(codec_shape_fingerprint(parsed) == kind->fingerprint);
        assert_int_equal(codec_shape_match(parsed, kind->shape, &f->err), 0);
    }
}

/* A current record through resolution by its own schema is the same bytes,
 * but for the blocks of arrays. */
static void
resolution_by_our_own_schema_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct codec_history_record history = codec_sample_history();
    const struct codec_shape *shape =
        codec_kind_table[CODEC_HISTORY_RECORD].shape;
    struct odk_buf resolved;
    struct odk_buf again;

    odk_buf_init(&resolved, 0);
    odk_buf_init(&again, 0);
    codec_history_record_encode(&history, &f->buf);
    assert_int_equal(codec_shape_resolve(shape, shape, odk_buf_str(&f->buf),
                                         &resolved, &f->err),
                     0);
    assert_int_equal(
        codec_history_record_decode(odk_buf_str(&resolved), &f->arena,
                                    &f->out.history_record, &f->err),
        0);
    codec_history_record_encode(&f->out.history_record, &again);
    assert_true(odk_str_eq(odk_buf_str(&again), odk_buf_str(&f->buf)));
    odk_buf_release(&resolved);
    odk_buf_release(&again);
}

static void
put_header(struct odk_buf *out, uint64_t fingerprint)
{
    odk_buf_put(out, "\xC3\x01", 2);
    for (unsigned i = 0; i < 8; i++) {
        odk_buf_put_char(out, (char)(fingerprint >> (8 * i)));
    }
}

/* TaskFailed as an older writer may have had it: without cause and effect, an
 * int for activity_id, fields in another order, and a field that is gone. */
#define OLD_TASK_FAILED                                                        \
    "{\"type\":\"record\",\"name\":\"io.odradek.v1.TaskFailed\",\"fields\":["  \
    "{\"name\":\"error\",\"type\":\"bytes\"},"                                 \
    "{\"name\":\"gone\",\"type\":{\"type\":\"map\",\"values\":"                \
    "[\"null\",\"double\",{\"type\":\"array\",\"items\":\"float\"}]}},"        \
    "{\"name\":\"namespace\",\"type\":\"string\"},"                            \
    "{\"name\":\"workflow_id\",\"type\":\"string\"},"                          \
    "{\"name\":\"run_id\",\"type\":\"string\"},"                               \
    "{\"name\":\"activity_id\",\"type\":\"int\"},"                             \
    "{\"name\":\"attempt\",\"type\":\"int\"},"                                 \
    "{\"name\":\"token\",\"type\":\"string\"}]}"

static void
put_old_task_failed(struct odk_buf *out)
{
    codec_put_bytes(out, ODK_STR("Timeout"));
    codec_put_long(out, 2); /* two entries in the map */
    codec_put_bytes(out, ODK_STR("a"));
    codec_put_long(out, 1);
    codec_put_double(out, 1.5);
    codec_put_bytes(out, ODK_STR("b"));
    codec_put_long(out, 2);
    codec_put_long(out, 1);
    odk_buf_put(out, "abcd", 4);
    codec_put_long(out, 0);
    codec_put_long(out, 0);
    codec_put_bytes(out, ODK_STR("n"));
    codec_put_bytes(out, ODK_STR("w"));
    codec_put_bytes(out, ODK_STR("r"));
    codec_put_long(out, 5);
    codec_put_long(out, 1);
    codec_put_bytes(out, ODK_STR("t"));
}

static void
an_older_writers_record_is_read_as_ours(void **state)
{
    struct fixture *f = *state;
    uint64_t fingerprint = 0;

    assert_int_equal(codec_add_writer_schema(f->codec, ODK_STR(OLD_TASK_FAILED),
                                             &fingerprint, &f->err),
                     0);
    put_header(&f->buf, fingerprint);
    put_old_task_failed(&f->buf);
    if (decode(f, odk_buf_str(&f->buf)) < 0) {
        fail_msg("%s", f->err.message);
    }
    assert_int_equal(f->out.kind, CODEC_TASK_FAILED);
    assert_true(odk_str_is(f->out.task_failed.error, "Timeout"));
    assert_true(odk_str_is(f->out.task_failed.token, "t"));
    assert_int_equal(f->out.task_failed.activity_id, 5);
    assert_null(f->out.task_failed.cause.ptr);
    assert_int_equal(f->out.task_failed.effect, CODEC_TASK_EFFECT_NONE);
}

static void
truncations_of_an_older_record_are_errors(void **state)
{
    struct fixture *f = *state;
    uint64_t fingerprint = 0;

    assert_int_equal(codec_add_writer_schema(f->codec, ODK_STR(OLD_TASK_FAILED),
                                             &fingerprint, &f->err),
                     0);
    put_header(&f->buf, fingerprint);
    put_old_task_failed(&f->buf);
    for (size_t len = 10; len < f->buf.len; len++) {
        assert_int_equal(decode(f, odk_str_n(f->buf.ptr, len)), ODK_EINVAL);
    }
}

static void
a_schema_of_the_registry_is_used_by_its_id(void **state)
{
    struct fixture *f = *state;
    uint64_t fingerprint = 0;

    assert_int_equal(codec_add_writer_schema(f->codec, ODK_STR(OLD_TASK_FAILED),
                                             &fingerprint, &f->err),
                     0);
    assert_int_equal(codec_map_id(f->codec, 9, fingerprint, &f->err), 0);
    odk_buf_put(&f->buf, "\0\0\0\0\x09", 5);
    put_old_task_failed(&f->buf);
    assert_int_equal(decode(f, odk_buf_str(&f->buf)), 0);
    assert_true(odk_str_is(f->out.task_failed.run_id, "r"));
}

/* A newer writer: another namespace, one more field, symbol and branch. */
#define NEW_REPLY                                                              \
    "{\"type\":\"record\",\"name\":\"Reply\",\"namespace\":\"shop\","          \
    "\"fields\":["                                                             \
    "{\"name\":\"correlation_id\",\"type\":\"string\"},"                       \
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"ReplyKind\","   \
    "\"symbols\":[\"LATER\",\"CLOSED\",\"REJECTED\",\"ACCEPTED\"]}},"          \
    "{\"name\":\"namespace\",\"type\":\"string\"},"                            \
    "{\"name\":\"workflow_id\",\"type\":[\"string\",\"null\"]},"               \
    "{\"name\":\"extra\",\"type\":\"long\"}]}"

static void
put_new_reply(struct odk_buf *out, int64_t kind, int64_t branch)
{
    odk_buf_clear(out);
    odk_buf_put(out, "\0\0\0\0\x05", 5);
    codec_put_bytes(out, ODK_STR("c"));
    codec_put_long(out, kind);
    codec_put_bytes(out, ODK_STR("n"));
    codec_put_long(out, branch);
    if (branch == 0) {
        codec_put_bytes(out, ODK_STR("w"));
    }
    codec_put_long(out, -1);
}

/* Reply.workflow_id is no union: a writer whose branches do not all fit is
 * refused when its schema is added, as its records might not be readable. */
static void
a_branch_that_does_not_fit_is_refused_at_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        codec_add_writer_schema(f->codec, ODK_STR(NEW_REPLY), NULL, &f->err),
        ODK_ESCHEMA);
    assert_non_null(strstr(f->err.message, "workflow_id"));
}

static void
symbols_are_matched_by_name(void **state)
{
    struct fixture *f = *state;
    uint64_t fingerprint = 0;
    char json[sizeof(NEW_REPLY)];
    char *null_branch;

    memcpy(json, NEW_REPLY, sizeof(json));
    null_branch = strstr(json, ",\"null\"]");
    assert_non_null(null_branch);
    memcpy(null_branch, "]       ", 8);
    assert_int_equal(
        codec_add_writer_schema(f->codec, odk_str(json), &fingerprint, &f->err),
        0);
    assert_int_equal(codec_map_id(f->codec, 5, fingerprint, &f->err), 0);

    put_new_reply(&f->buf, 1, 0);
    assert_int_equal(decode(f, odk_buf_str(&f->buf)), 0);
    assert_int_equal(f->out.reply.kind, CODEC_REPLY_KIND_CLOSED);
    assert_true(odk_str_is(f->out.reply.workflow_id, "w"));
    assert_false(f->out.reply.has_status);

    put_new_reply(&f->buf, 0, 0);
    assert_int_equal(decode(f, odk_buf_str(&f->buf)), ODK_EINVAL);
    assert_non_null(strstr(f->err.message, "symbol"));
    put_new_reply(&f->buf, 1, 1);
    assert_int_equal(decode(f, odk_buf_str(&f->buf)), ODK_EINVAL);
    assert_non_null(strstr(f->err.message, "branch"));
}

static void
schemas_that_cannot_be_ours_are_refused(void **state)
{
    static const char self[] =
        "{\"type\":\"record\",\"name\":\"TaskFailed\",\"fields\":"
        "[{\"name\":\"x\",\"type\":[\"null\",\"TaskFailed\"]}]}";
    static const char *const schemas[] = {
        "",
        "not json",
        "\"string\"",
        "{\"type\":\"record\",\"name\":\"Other\",\"fields\":[]}",
        "{\"type\":\"record\",\"name\":\"Task\",\"fields\":[]}",
        "{\"type\":\"enum\",\"name\":\"Task\",\"symbols\":[\"A\"]}",
        self,
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ODK_ARRAY_LEN(schemas); i++) {
        f->err = (struct odk_err){0};
        assert_int_equal(codec_add_writer_schema(f->codec, odk_str(schemas[i]),
                                                 NULL, &f->err),
                         ODK_ESCHEMA);
        assert_true(f->err.message[0] != '\0');
    }
}

static void
a_schema_nested_too_deeply_is_refused(void **state)
{
    struct fixture *f = *state;

    odk_buf_put_cstr(&f->buf, "{\"type\":\"record\",\"name\":\"Task\","
                              "\"fields\":[{\"name\":\"x\",\"type\":");
    for (int i = 0; i < 40; i++) {
        odk_buf_put_cstr(&f->buf, "{\"type\":\"array\",\"items\":");
    }
    odk_buf_put_cstr(&f->buf, "\"int\"");
    for (int i = 0; i < 40; i++) {
        odk_buf_put_char(&f->buf, '}');
    }
    odk_buf_put_cstr(&f->buf, "}]}");
    assert_int_equal(
        codec_add_writer_schema(f->codec, odk_buf_str(&f->buf), NULL, &f->err),
        ODK_ESCHEMA);
    assert_non_null(strstr(f->err.message, "deeply"));
}

/* Items that take no bytes: a short record may claim 2^60 of them. */
static void
a_bomb_of_empty_items_is_defused(void **state)
{
    struct fixture *f = *state;
    uint64_t fingerprint = 0;
    char json[] = "{\"type\":\"record\",\"name\":\"TaskHeartbeat\",\"fields\":["
                  "{\"name\":\"bomb\",\"type\":{\"type\":\"array\",\"items\":"
                  "\"null\"}},"
                  "{\"name\":\"namespace\",\"type\":\"string\"},"
                  "{\"name\":\"workflow_id\",\"type\":\"string\"},"
                  "{\"name\":\"run_id\",\"type\":\"string\"},"
                  "{\"name\":\"activity_id\",\"type\":\"long\"},"
                  "{\"name\":\"attempt\",\"type\":\"int\"},"
                  "{\"name\":\"token\",\"type\":\"string\"}]}";

    assert_int_equal(
        codec_add_writer_schema(f->codec, odk_str(json), &fingerprint, &f->err),
        0);
    put_header(&f->buf, fingerprint);
    codec_put_long(&f->buf, 1ll << 60);
    codec_put_long(&f->buf, 0);
    odk_buf_put(&f->buf, "\0\0\0\0\0\0", 6);
    assert_int_equal(decode(f, odk_buf_str(&f->buf)), ODK_EINVAL);
    assert_non_null(strstr(f->err.message, "too many empty items"));
}

static void
schemas_are_limited_in_number(void **state)
{
    struct fixture *f = *state;
    char json[256];
    int ret = 0;
    int added = 0;

    for (; ret == 0 && added < 20; added += ret == 0) {
        (void)snprintf(json, sizeof(json),
                       "{\"type\":\"record\",\"name\":\"ForwardedRecord\","
                       "\"fields\":[{\"name\":\"x%d\",\"type\":\"int\"}]}",
                       added);
        ret = codec_add_writer_schema(f->codec, odk_str(json), NULL, &f->err);
    }
    /* Required fields are missing: not even one is taken. */
    assert_int_equal(added, 0);
    assert_int_equal(ret, ODK_ESCHEMA);
    for (added = 0, ret = 0; ret == 0 && added < 20; added += ret == 0) {
        odk_buf_clear(&f->buf);
        odk_buf_put_str(
            &f->buf, odk_str_n(OLD_TASK_FAILED, sizeof(OLD_TASK_FAILED) - 3));
        odk_buf_printf(&f->buf, ",{\"name\":\"x%d\",\"type\":\"int\"}]}",
                       added);
        ret = codec_add_writer_schema(f->codec, odk_buf_str(&f->buf), NULL,
                                      &f->err);
    }
    assert_int_equal(added, 8);
    assert_int_equal(ret, ODK_ELIMIT);
}

static void
resolution_stops_at_its_limit(void **state)
{
    struct fixture *f = *state;
    struct codec_options options = {.resolved_bytes_max = 16};
    struct codec *small = codec_new(&options);
    uint64_t fingerprint = 0;

    assert_int_equal(codec_add_writer_schema(small, ODK_STR(OLD_TASK_FAILED),
                                             &fingerprint, &f->err),
                     0);
    put_header(&f->buf, fingerprint);
    put_old_task_failed(&f->buf);
    assert_int_equal(
        codec_decode(small, odk_buf_str(&f->buf), &f->arena, &f->out, &f->err),
        ODK_ELIMIT);
    codec_free(small);
}

/* --- content ---------------------------------------------------------------
 */

static const struct codec_shape a_long = {.type = CODEC_TYPE_LONG};
static const struct codec_shape a_string = {.type = CODEC_TYPE_STRING};
static const struct codec_shape a_null = {.type = CODEC_TYPE_NULL};
static const struct codec_part maybe_parts[] = {{.shape = &a_null},
                                                {.shape = &a_string}};
static const struct codec_shape maybe = {
    .type = CODEC_TYPE_UNION, .n_parts = 2, .parts = maybe_parts};

/* A record within a record; each has a field more in the later schema. */
static const struct codec_part inner_parts[] = {
    {.name = ODK_STR_INIT("b"), .shape = &a_long},
    {.name = ODK_STR_INIT("c"), .shape = &a_long, .preset = {"\x0A", 1}}};
static const struct codec_shape inner = {
    .type = CODEC_TYPE_RECORD, .n_parts = 1, .parts = inner_parts};
static const struct codec_shape inner_grown = {
    .type = CODEC_TYPE_RECORD, .n_parts = 2, .parts = inner_parts};
static const struct codec_part outer_parts[] = {
    {.name = ODK_STR_INIT("a"), .shape = &a_string},
    {.name = ODK_STR_INIT("in"), .shape = &inner}};
static const struct codec_part outer_grown_parts[] = {
    {.name = ODK_STR_INIT("a"), .shape = &a_string},
    {.name = ODK_STR_INIT("in"), .shape = &inner_grown},
    {.name = ODK_STR_INIT("d"), .shape = &maybe, .preset = {"\0", 1}}};
static const struct codec_shape outer = {
    .type = CODEC_TYPE_RECORD, .n_parts = 2, .parts = outer_parts};
static const struct codec_shape outer_grown = {
    .type = CODEC_TYPE_RECORD, .n_parts = 3, .parts = outer_grown_parts};

static void
content_does_not_change_when_a_schema_grows(void **state)
{
    struct fixture *f = *state;
    struct odk_buf grown;
    const struct odk_str others[] = {ODK_STR("\x02x\x06\x08\0"),
                                     ODK_STR("\x02x\x06\x0A\x02\0"),
                                     ODK_STR("\x02x\x08\x0A\0")};

    odk_buf_init(&grown, 0);
    assert_int_equal(
        codec_shape_content(&outer, ODK_STR("\x02x\x06"), &f->buf, &f->err), 0);
    assert_int_equal(codec_shape_content(&outer_grown,
                                         ODK_STR("\x02x\x06\x0A\0"), &grown,
                                         &f->err),
                     0);
    assert_true(odk_str_eq(odk_buf_str(&f->buf), odk_buf_str(&grown)));
    for (size_t i = 0; i < ODK_ARRAY_LEN(others); i++) {
        odk_buf_clear(&grown);
        assert_int_equal(
            codec_shape_content(&outer_grown, others[i], &grown, &f->err), 0);
        assert_false(odk_str_eq(odk_buf_str(&f->buf), odk_buf_str(&grown)));
    }
    odk_buf_release(&grown);
}

static void
expect_content(struct fixture *f, enum codec_kind kind, const void *record,
               const char *sha256)
{
    uint8_t digest[ODK_SHA256_BYTES];
    char text[2 * ODK_SHA256_BYTES + 1];

    odk_buf_clear(&f->buf);
    codec_content(kind, record, &f->buf);
    odk_sha256(odk_buf_str(&f->buf), ODK_STR(""), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(text, sha256);
}

/* These are in databases: a schema may grow, they stay. */
static void
digests_that_are_kept_never_change(void **state)
{
    struct fixture *f = *state;
    struct codec_start_workflow start = codec_sample_start();
    struct codec_signal_workflow signal;
    struct codec_cancel_workflow cancel;
    struct codec_terminate_workflow terminate;
    struct codec_resolve_compensation resolve;

    codec_signal_workflow_init(&signal);
    codec_cancel_workflow_init(&cancel);
    codec_terminate_workflow_init(&terminate);
    codec_resolve_compensation_init(&resolve);
    signal.name = ODK_STR("paid");
    signal.payload = ODK_STR("{}");
    cancel.reason = ODK_STR("over");
    terminate.run_id = ODK_STR("0193a5d0-0000-7000-8000-000000000001");
    resolve.has_entry = true;
    resolve.entry = 3;
    expect_content(
        f, CODEC_START_WORKFLOW, &start,
        "75705bb41dfcc29b30e65151c2b2265c74e5125f1699fc678bf6b7952819b454");
    expect_content(
        f, CODEC_SIGNAL_WORKFLOW, &signal,
        "dc39c373be2db174dedefd6bfffa8576a987f81ef2c8804023e4f2d50555da2c");
    expect_content(
        f, CODEC_CANCEL_WORKFLOW, &cancel,
        "dbc686091066ef57c7a38098a11306136a77269d1d1910bb24bad55ff38aa5ab");
    expect_content(
        f, CODEC_TERMINATE_WORKFLOW, &terminate,
        "d84a9bb7b33877a6d173ab63a7715b75253d6b12612cac0420d46885d73ac0f5");
    expect_content(
        f, CODEC_RESOLVE_COMPENSATION, &resolve,
        "c3f0b74f88b42870306027b19ad5aa3012c23421c6390304abf18424b12b3238");
}

static void
content_of_another_record_or_value_is_another(void **state)
{
    struct fixture *f = *state;
    struct codec_start_workflow start = codec_sample_start();
    struct odk_buf other;

    odk_buf_init(&other, 0);
    codec_content(CODEC_START_WORKFLOW, &start, &f->buf);
    codec_content(CODEC_START_WORKFLOW, &start, &other);
    assert_true(odk_str_eq(odk_buf_str(&f->buf), odk_buf_str(&other)));
    odk_buf_clear(&other);
    start.conflict_policy = CODEC_CONFLICT_POLICY_FAIL;
    codec_content(CODEC_START_WORKFLOW, &start, &other);
    assert_false(odk_str_eq(odk_buf_str(&f->buf), odk_buf_str(&other)));
    odk_buf_release(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(single_object_framing_goes_round),
        cmocka_unit_test_setup_teardown(confluent_framing_needs_an_id_to_write,
                                        set_up_confluent, tear_down),
        TEST(both_framings_are_read_whatever_is_written),
        TEST(bad_magic_unknown_schema_and_bad_body_differ),
        TEST(too_large_a_record_is_said_so),
        TEST(an_id_keeps_its_schema),
        TEST(kinds_have_names_and_schemas),
        TEST(fingerprints_agree_for_every_kind),
        TEST(resolution_by_our_own_schema_changes_nothing),
        TEST(an_older_writers_record_is_read_as_ours),
        TEST(truncations_of_an_older_record_are_errors),
        TEST(a_schema_of_the_registry_is_used_by_its_id),
        TEST(a_branch_that_does_not_fit_is_refused_at_once),
        TEST(symbols_are_matched_by_name),
        TEST(schemas_that_cannot_be_ours_are_refused),
        TEST(a_schema_nested_too_deeply_is_refused),
        TEST(a_bomb_of_empty_items_is_defused),
        TEST(schemas_are_limited_in_number),
        TEST(resolution_stops_at_its_limit),
        TEST(content_does_not_change_when_a_schema_grows),
        TEST(digests_that_are_kept_never_change),
        TEST(content_of_another_record_or_value_is_another),
    };

    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
