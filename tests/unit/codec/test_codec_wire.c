/* Bodies: exact bytes, and everything that a body must not be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/codec_shape.h"
#include "codec/codec_wire.h"
#include "codec_samples.h"

#define ARENA_BYTES ((size_t)1024 * 1024)
#define MUTATIONS   20000

struct fixture {
    struct odk_arena arena;
    struct odk_buf buf;
    struct odk_err err;
};

static int
set_up(void **state)
{
    static struct fixture fixture;

    odk_arena_init(&fixture.arena, ARENA_BYTES);
    odk_buf_init(&fixture.buf, 0);
    fixture.err = (struct odk_err){0};
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

/* Decodes from memory that ends where the bytes end, so that ASan sees a read
 * beyond them. */
static int
decode_exact(struct fixture *f, enum codec_kind kind, struct odk_str bytes)
{
    struct codec_record record;
    char *copy = malloc(bytes.len + (bytes.len == 0));

    odk_assert(copy);
    if (bytes.ptr) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    odk_arena_reset(&f->arena);
    int ret = codec_kind_table[kind].decode(odk_str_n(copy, bytes.len),
                                            &f->arena, &record, &f->err);
    if (ret == 0) {
        /* What was read can be written: touches all that it points to. */
        odk_buf_clear(&f->buf);
        codec_kind_table[kind].encode(&record.start_workflow, &f->buf);
    }
    free(copy);
    return ret;
}

static void
expect_problem(struct fixture *f, struct odk_str bytes, const char *problem)
{
    f->err = (struct odk_err){0};
    assert_int_equal(decode_exact(f, CODEC_SHARD_PROGRESS, bytes), ODK_EINVAL);
    if (!strstr(f->err.message, problem)) {
        fail_msg("\"%s\" is not in \"%s\"", problem, f->err.message);
    }
}

static void
fields_go_in_order_as_avro_says(void **state)
{
    static const char expected[] = {
        2, 'n', 2, 'w', 2, 'r', /* namespace, workflow_id, run_id */
        4, 2,                   /* activity_id, attempt */
        2, 't', 2, 'E',         /* token, error */
        0, 2,                   /* cause: null; effect: UNKNOWN */
    };
    struct fixture *f = *state;
    struct codec_task_failed record = codec_sample_failed();

    codec_task_failed_encode(&record, &f->buf);
    assert_int_equal(f->buf.len, sizeof(expected));
    assert_memory_equal(f->buf.ptr, expected, sizeof(expected));
}

static void
a_decoded_record_borrows_its_strings(void **state)
{
    struct fixture *f = *state;
    struct codec_start_workflow start = codec_sample_start();
    struct codec_start_workflow out;

    codec_start_workflow_encode(&start, &f->buf);
    struct odk_str bytes = odk_buf_str(&f->buf);
    assert_int_equal(
        codec_start_workflow_decode(bytes, &f->arena, &out, &f->err), 0);
    assert_true(odk_str_is(out.request_id, "r-1"));
    assert_true(odk_str_is(out.input, "{\"id\":1}"));
    assert_true(odk_str_is(out.content_type, "application/json"));
    assert_true(out.input.ptr > bytes.ptr &&
                out.input.ptr < bytes.ptr + bytes.len);
    assert_int_equal(out.conflict_policy, CODEC_CONFLICT_POLICY_USE_EXISTING);
    assert_true(out.has_reply);
    assert_true(odk_str_is(out.reply.correlation_id, "c-1"));
    assert_false(out.has_source);
    assert_int_equal(f->arena.used_bytes, 0);
}

static void
absent_and_empty_strings_differ(void **state)
{
    struct fixture *f = *state;
    struct codec_task_failed record = codec_sample_failed();
    struct codec_task_failed out;

    codec_task_failed_encode(&record, &f->buf);
    assert_int_equal(codec_task_failed_decode(odk_buf_str(&f->buf), &f->arena,
                                              &out, &f->err),
                     0);
    assert_null(out.cause.ptr);
    record.cause = ODK_STR("");
    odk_buf_clear(&f->buf);
    codec_task_failed_encode(&record, &f->buf);
    assert_int_equal(codec_task_failed_decode(odk_buf_str(&f->buf), &f->arena,
                                              &out, &f->err),
                     0);
    assert_non_null(out.cause.ptr);
    assert_int_equal(out.cause.len, 0);
}

static void
arrays_come_back_whole(void **state)
{
    struct fixture *f = *state;
    struct codec_history_record record = codec_sample_history();
    struct codec_history_record out;

    codec_history_record_encode(&record, &f->buf);
    assert_int_equal(codec_history_record_decode(odk_buf_str(&f->buf),
                                                 &f->arena, &out, &f->err),
                     0);
    assert_int_equal(out.n_timers_set, 2);
    assert_int_equal(out.timers_set[1].id, 8);
    assert_int_equal(out.timers_set[1].due, -1);
    assert_int_equal(out.n_timers_dropped, 3);
    assert_true(out.timers_dropped[1] == INT64_MIN);
    assert_int_equal(out.n_outputs, 2);
    assert_true(odk_str_is(out.outputs[0].topic, "odradek.tasks.pay"));
    assert_int_equal(out.chain[31], 0xAB);
    assert_int_equal(out.parts, 1);
}

static void
init_sets_the_defaults(void **state)
{
    struct codec_start_workflow start;

    (void)state;
    codec_start_workflow_init(&start);
    assert_true(odk_str_is(start.content_type, "application/json"));
    assert_int_equal(start.reuse_policy, CODEC_REUSE_POLICY_ALLOW);
    assert_false(start.has_reply);
}

static void
every_truncation_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct codec_history_record history = codec_sample_history();
    struct codec_start_workflow start = codec_sample_start();
    struct odk_buf bytes;

    odk_buf_init(&bytes, 0);
    codec_history_record_encode(&history, &bytes);
    assert_int_equal(decode_exact(f, CODEC_HISTORY_RECORD, odk_buf_str(&bytes)),
                     0);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(
            decode_exact(f, CODEC_HISTORY_RECORD, odk_str_n(bytes.ptr, len)),
            ODK_EINVAL);
    }
    odk_buf_clear(&bytes);
    codec_start_workflow_encode(&start, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(
            decode_exact(f, CODEC_START_WORKFLOW, odk_str_n(bytes.ptr, len)),
            ODK_EINVAL);
    }
    odk_buf_release(&bytes);
}

static void
mutated_bytes_do_no_harm(void **state)
{
    struct fixture *f = *state;
    struct codec_history_record history = codec_sample_history();
    struct odk_buf bytes;
    struct odk_rand rand;
    int accepted = 0;

    odk_rand_init(&rand, 1);
    odk_buf_init(&bytes, 0);
    for (int i = 0; i < MUTATIONS; i++) {
        odk_buf_clear(&bytes);
        codec_history_record_encode(&history, &bytes);
        for (uint64_t n = 1 + odk_rand_below(&rand, 4); n; n--) {
            bytes.ptr[odk_rand_below(&rand, bytes.len)] =
                (char)odk_rand_u64(&rand);
        }
        int ret = decode_exact(f, CODEC_HISTORY_RECORD, odk_buf_str(&bytes));
        assert_true(ret == 0 || ret == ODK_EINVAL || ret == ODK_ELIMIT);
        accepted += ret == 0;
    }
    assert_true(accepted > 0 && accepted < MUTATIONS);
    odk_buf_release(&bytes);
}

/* ShardProgress begins with shard, timestamp, next_command, next_result and the
 * array of sources. */
static void
damage_is_named(void **state)
{
    struct fixture *f = *state;

    expect_problem(f, ODK_STR("\xFF\xFF\xFF\xFF\x7F"), "over 32 bits");
    expect_problem(f, ODK_STR("\x02\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"),
                   "over 64 bits");
    expect_problem(f, ODK_STR("\x02\x80\x80"), "ends within a number");
    expect_problem(f, ODK_STR("\0\0\0\0\x02\x01xx"), "a negative length");
    expect_problem(f, ODK_STR("\0\0\0\0\x02\x7Exx"), "beyond the end");
    expect_problem(f, ODK_STR("\0\0\0\0\x02\x02\xFF\0\0\0\0"), "UTF-8");
    expect_problem(f, ODK_STR("\0\0\0\0\x7E"), "count beyond the end");
    expect_problem(f, ODK_STR("\0\0\0\0\0\0\0\0x"), "left over");
    expect_problem(f,
                   ODK_STR("\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"
                           "\x02\0\0"),
                   "count beyond the end");
    expect_problem(f, ODK_STR("\0\0\0\0\x01\x7E"), "block beyond the end");
    expect_problem(f, ODK_STR("\0\0\0\0\x01\x01"), "block beyond the end");
    expect_problem(f, ODK_STR("\0\0\0\0\x01\x02\x02s\x02\0\0\0"),
                   "block of another size");
}

static void
blocks_with_their_size_are_read(void **state)
{
    struct fixture *f = *state;
    struct codec_shard_progress out;
    /* Two blocks of sources: one of count -1 and 3 bytes, one of count 2. */
    struct odk_str bytes = ODK_STR("\0\0\0\0"
                                   "\x01\x06\x02"
                                   "a\x02"
                                   "\x04\x02"
                                   "b\x04\x02"
                                   "c\x06"
                                   "\0\0\0\0");

    assert_int_equal(
        codec_shard_progress_decode(bytes, &f->arena, &out, &f->err), 0);
    assert_int_equal(out.n_sources, 3);
    assert_true(odk_str_is(out.sources[0].name, "a"));
    assert_true(odk_str_is(out.sources[2].name, "c"));
    assert_int_equal(out.sources[1].seq, 2);
}

static void
bad_branches_symbols_and_booleans_are_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        decode_exact(f, CODEC_TASK_FAILED, ODK_STR("\0\0\0\0\0\0\0\x04\0")),
        ODK_EINVAL);
    assert_non_null(strstr(f->err.message, "branch"));
    assert_int_equal(
        decode_exact(f, CODEC_TASK_FAILED, ODK_STR("\0\0\0\0\0\0\0\0\x04")),
        ODK_EINVAL);
    assert_non_null(strstr(f->err.message, "symbol"));
    assert_int_equal(decode_exact(f, CODEC_TASK,
                                  ODK_STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0")),
                     ODK_EINVAL);
    assert_non_null(strstr(f->err.message, "boolean"));
}

/* A request's outcome is seven fields, each one byte when empty. */
#define REQUEST_OUTCOME_BYTES_MIN 7

static void
an_array_over_the_arenas_cap_is_a_limit(void **state)
{
    struct fixture *f = *state;
    struct codec_shard_progress out;
    struct odk_arena small;
    struct odk_buf bytes;

    odk_arena_init(&small, 256);
    odk_buf_init(&bytes, 0);
    odk_buf_put(&bytes, "\0\0\0\0\0\0", 6);
    codec_put_long(&bytes, 100);
    for (int i = 0; i < 100 * REQUEST_OUTCOME_BYTES_MIN + 2; i++) {
        codec_put_long(&bytes, 0);
    }
    assert_int_equal(
        codec_shard_progress_decode(odk_buf_str(&bytes), &small, &out, &f->err),
        ODK_ELIMIT);
    assert_int_equal(codec_shard_progress_decode(odk_buf_str(&bytes), &f->arena,
                                                 &out, &f->err),
                     0);
    assert_int_equal(out.n_requests, 100);
    odk_buf_release(&bytes);
    odk_arena_release(&small);
}

static void
an_encoder_stops_at_the_buffers_cap(void **state)
{
    struct codec_history_record history = codec_sample_history();
    struct odk_buf small;

    (void)state;
    odk_buf_init(&small, codec_history_record_size(&history) - 1);
    codec_history_record_encode(&history, &small);
    assert_true(odk_buf_failed(&small));
    odk_buf_release(&small);
    odk_buf_init(&small, codec_history_record_size(&history));
    codec_history_record_encode(&history, &small);
    assert_false(odk_buf_failed(&small));
    odk_buf_release(&small);
}

static void
enums_have_names(void **state)
{
    (void)state;
    assert_string_equal(
        codec_execution_status_name(CODEC_EXECUTION_STATUS_TIMED_OUT),
        "TIMED_OUT");
    assert_string_equal(codec_task_effect_name(CODEC_TASK_EFFECT_NONE), "NONE");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_go_in_order_as_avro_says),
        TEST(a_decoded_record_borrows_its_strings),
        TEST(absent_and_empty_strings_differ),
        TEST(arrays_come_back_whole),
        TEST(init_sets_the_defaults),
        TEST(every_truncation_is_an_error),
        TEST(mutated_bytes_do_no_harm),
        TEST(damage_is_named),
        TEST(blocks_with_their_size_are_read),
        TEST(bad_branches_symbols_and_booleans_are_refused),
        TEST(an_array_over_the_arenas_cap_is_a_limit),
        TEST(an_encoder_stops_at_the_buffers_cap),
        TEST(enums_have_names),
    };

    return cmocka_run_group_tests_name("codec_wire", tests, NULL, NULL);
}
