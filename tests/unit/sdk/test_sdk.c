#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sdk/odradek.h"
#include "sdk/sdk_call.h"
#include "sdk/sdk_cancels.h"
#include "sdk/sdk_progress.h"

#define WINDOW 10

struct fixture {
    struct sdk_progress progress;
    struct sdk_progress successor;
    struct odk_buf buf;
};

static int
setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(sdk_progress_init(&fixture->progress, WINDOW), 0);
    assert_int_equal(sdk_progress_init(&fixture->successor, WINDOW), 0);
    odk_buf_init(&fixture->buf, 0);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    sdk_progress_release(&fixture->progress);
    sdk_progress_release(&fixture->successor);
    odk_buf_release(&fixture->buf);
    free(fixture);
    return 0;
}

static enum sdk_verdict
take(struct sdk_progress *progress, int64_t offset, int32_t shard, uint64_t seq)
{
    return sdk_progress_take(progress, offset,
                             (struct sdk_mark){.shard = shard, .seq = seq});
}

/** Takes offsets [from, to) of shard 0 with seq = offset + 1000. */
static void
take_some(struct sdk_progress *progress, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        assert_int_equal(take(progress, i, 0, (uint64_t)i + 1000), SDK_TAKE);
    }
}

static void
assert_commit(struct fixture *fixture, int64_t offset, const char *metadata)
{
    odk_buf_clear(&fixture->buf);
    sdk_progress_commit(&fixture->progress, &fixture->buf);
    assert_int_equal(fixture->progress.next, offset);
    assert_string_equal(fixture->buf.ptr, metadata);
}

static void
the_commit_is_the_contiguous_finished_prefix(void **state)
{
    struct fixture *fixture = *state;

    take_some(&fixture->progress, 5, 12);
    assert_commit(fixture, 5, "odk1");
    sdk_progress_finish(&fixture->progress, 6);
    sdk_progress_finish(&fixture->progress, 7);
    sdk_progress_finish(&fixture->progress, 9);
    assert_commit(fixture, 5, "odk1 d=1-2,4");
    sdk_progress_finish(&fixture->progress, 5);
    assert_commit(fixture, 8, "odk1 w=0:1007 d=1");
    sdk_progress_finish(&fixture->progress, 8);
    sdk_progress_finish(&fixture->progress, 8);
    assert_commit(fixture, 10, "odk1 w=0:1009");
}

static void
the_watermark_is_of_the_committed_offset_not_of_what_was_polled(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(take(&fixture->progress, 0, 3, 7), SDK_TAKE);
    assert_int_equal(take(&fixture->progress, 1, 4, 70), SDK_TAKE);
    assert_int_equal(take(&fixture->progress, 2, 3, 8), SDK_TAKE);
    sdk_progress_finish(&fixture->progress, 2);
    sdk_progress_finish(&fixture->progress, 0);
    assert_commit(fixture, 1, "odk1 w=3:7 d=1");
}

static void
a_repeat_of_a_shard_is_finished_at_once(void **state)
{
    struct fixture *fixture = *state;

    take_some(&fixture->progress, 0, 3);
    assert_int_equal(take(&fixture->progress, 3, 0, 1001), SDK_REPEAT);
    assert_int_equal(take(&fixture->progress, 4, 1, 1001), SDK_TAKE);
    assert_int_equal(take(&fixture->progress, 5, -1, 0), SDK_TAKE);
    assert_int_equal(take(&fixture->progress, 6, -1, 0), SDK_TAKE);
    assert_commit(fixture, 0, "odk1 d=3");
}

static void
an_offset_that_comes_again_is_a_repeat(void **state)
{
    struct fixture *fixture = *state;

    take_some(&fixture->progress, 4, 7);
    assert_int_equal(take(&fixture->progress, 5, 0, 2000), SDK_REPEAT);
    sdk_progress_finish(&fixture->progress, 4);
    assert_int_equal(take(&fixture->progress, 4, 0, 2000), SDK_REPEAT);
    assert_int_equal(fixture->progress.count, 2);
}

static void
gaps_in_the_offsets_are_no_hindrance(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(take(&fixture->progress, 10, 0, 1), SDK_TAKE);
    assert_int_equal(take(&fixture->progress, 20, 0, 2), SDK_TAKE);
    assert_int_equal(take(&fixture->progress, 30, 0, 3), SDK_TAKE);
    sdk_progress_finish(&fixture->progress, 15);
    sdk_progress_finish(&fixture->progress, 20);
    sdk_progress_finish(&fixture->progress, 10);
    assert_commit(fixture, 21, "odk1 w=0:2");
}

static void
a_successor_repeats_only_what_is_unfinished(void **state)
{
    struct fixture *fixture = *state;

    take_some(&fixture->progress, 0, 8);
    sdk_progress_finish(&fixture->progress, 0);
    sdk_progress_finish(&fixture->progress, 2);
    sdk_progress_finish(&fixture->progress, 3);
    sdk_progress_finish(&fixture->progress, 6);
    assert_commit(fixture, 1, "odk1 w=0:1000 d=1-2,5");
    assert_int_equal(sdk_progress_restore(&fixture->successor, 1,
                                          odk_buf_str(&fixture->buf)),
                     0);
    assert_int_equal(take(&fixture->successor, 1, 0, 1001), SDK_TAKE);
    assert_int_equal(take(&fixture->successor, 2, 0, 1002), SDK_REPEAT);
    assert_int_equal(take(&fixture->successor, 3, 0, 1003), SDK_REPEAT);
    assert_int_equal(take(&fixture->successor, 4, 0, 1000), SDK_REPEAT);
    assert_int_equal(take(&fixture->successor, 5, 0, 1005), SDK_TAKE);
    assert_int_equal(take(&fixture->successor, 6, 0, 1006), SDK_REPEAT);
    assert_int_equal(take(&fixture->successor, 7, 0, 1003), SDK_REPEAT);
}

static void
metadata_of_somebody_else_is_refused_and_the_offset_kept(void **state)
{
    static const char *const wrong[] = {
        "odk2",        "x",         "odk1 w=1",    "odk1 w=-1:2",
        "odk1 d=2-1",  "odk1 d=-5", "odk1 w=1:2:", "odk1 w=99999999999:1",
        "odk1 d=1-2-",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ODK_ARRAY_LEN(wrong); i++) {
        assert_int_equal(
            sdk_progress_restore(&fixture->progress, 7, odk_str(wrong[i])),
            ODK_ESYNTAX);
        assert_int_equal(fixture->progress.next, 7);
        assert_int_equal(fixture->progress.marks.n, 0);
    }
    assert_int_equal(sdk_progress_restore(&fixture->progress, 7,
                                          ODK_STR("odk1 z=later w=1:2")),
                     0);
    assert_int_equal(fixture->progress.marks.n, 1);
}

static void
a_full_window_takes_no_more_until_the_prefix_moves(void **state)
{
    struct fixture *fixture = *state;

    take_some(&fixture->progress, 0, WINDOW - 1);
    assert_false(sdk_progress_is_full(&fixture->progress));
    take_some(&fixture->progress, WINDOW - 1, WINDOW);
    assert_true(sdk_progress_is_full(&fixture->progress));
    sdk_progress_finish(&fixture->progress, 4);
    assert_true(sdk_progress_is_full(&fixture->progress));
    sdk_progress_finish(&fixture->progress, 0);
    assert_false(sdk_progress_is_full(&fixture->progress));
}

static void
metadata_stays_within_the_brokers_bound(void **state)
{
    struct fixture *fixture = *state;
    struct sdk_progress progress;
    const int64_t base = INT64_C(4000000000000000000);

    assert_int_equal(sdk_progress_init(&progress, 4000), 0);
    for (int32_t i = 0; i < 4000; i++) {
        assert_int_equal(
            take(&progress, base + i, i % 200, (uint64_t)base + (uint64_t)i),
            SDK_TAKE);
    }
    for (int64_t i = 0; i < 1000; i++) {
        sdk_progress_finish(&progress, base + i);
    }
    for (int64_t i = 1001; i < 4000; i += 2) {
        sdk_progress_finish(&progress, base + i);
    }
    assert_true(sdk_progress_is_full(&progress));
    sdk_progress_commit(&progress, &fixture->buf);
    assert_true(fixture->buf.len <= SDK_METADATA_MAX);
    assert_int_equal(sdk_progress_restore(&fixture->successor, progress.next,
                                          odk_buf_str(&fixture->buf)),
                     0);
    assert_int_equal(fixture->successor.marks.n, SDK_MARKS_MAX);
    sdk_progress_release(&progress);
}

static void
progress_agrees_with_a_simple_model(void **state)
{
    struct fixture *fixture = *state;
    bool is_done[600] = {false};
    struct odk_rand rand;
    int64_t taken = 0;

    odk_rand_init(&rand, 7);
    for (int step = 0; step < 20000 && taken < 600; step++) {
        if (!sdk_progress_is_full(&fixture->progress) &&
            odk_rand_below(&rand, 2) == 0) {
            take_some(&fixture->progress, taken, taken + 1);
            taken++;
        } else if (taken > 0) {
            int64_t from = taken > 12 ? taken - 12 : 0;
            int64_t at =
                from + (int64_t)odk_rand_below(&rand, (uint64_t)(taken - from));

            sdk_progress_finish(&fixture->progress, at);
            is_done[at] = true;
        }
        int64_t next = 0;
        size_t runs = 0;

        while (next < taken && is_done[next]) {
            next++;
        }
        for (int64_t i = next; i < taken; i++) {
            runs += is_done[i] && (i + 1 == taken || !is_done[i + 1]);
        }
        assert_int_equal(fixture->progress.next, taken > 0 ? next : -1);
        assert_int_equal(fixture->progress.n_ranges, runs);
    }
}

static void
cancels_are_kept_up_to_a_bound_and_the_set_knows_its_age(void **state)
{
    struct sdk_cancels cancels;
    char token[32];

    (void)state;
    sdk_cancels_init(&cancels);
    cancels.from = 50;
    for (int i = 0; i < SDK_CANCELS_MAX + 10; i++) {
        (void)snprintf(token, sizeof(token), "token-%d", i);
        sdk_cancels_add(&cancels, odk_str(token), 100 + i);
        sdk_cancels_add(&cancels, odk_str(token), 100 + i);
    }
    assert_false(sdk_cancels_has(&cancels, ODK_STR("token-9")));
    assert_true(sdk_cancels_has(&cancels, ODK_STR("token-10")));
    assert_int_equal(cancels.from, 110);
    sdk_cancels_release(&cancels);
}

static void
options_are_checked_by_name_and_bounds(void **state)
{
    struct odradek_config *config = odradek_config_new();
    char why[128];

    (void)state;
    assert_int_equal(
        odradek_config_set(config, "concurrency", "12", why, sizeof(why)), 0);
    assert_int_equal(
        odradek_config_set(config, "concurrency", "-1", why, sizeof(why)),
        ODRADEK_EINVAL);
    assert_string_equal(why,
                        "concurrency: \"-1\" is not a number from 0 to 1024");
    assert_int_equal(odradek_config_set(config, "colour", "red", why, 10),
                     ODRADEK_EINVAL);
    assert_string_equal(why, "colour: t");
    assert_int_equal(
        odradek_config_set(config, "kafka.client.rack", "a", NULL, 0), 0);
    odradek_config_free(config);
}

/** The command as it would be sent. */
static void
encode_and_decode(const struct odradek_call *call, struct odk_buf *buf,
                  struct odk_arena *arena, struct codec_record *out)
{
    const struct sdk_reply_place place = {.topic = "odradek.replies.x",
                                          .partition = 3};
    struct codec *codec = codec_new(NULL);

    assert_int_equal(sdk_call_encode(call, codec, &place, "default", buf, NULL),
                     0);
    assert_int_equal(codec_decode(codec, odk_buf_str(buf), arena, out, NULL),
                     0);
    codec_free(codec);
}

static void
a_call_keeps_its_request_id_and_says_where_to_answer(void **state)
{
    struct fixture *fixture = *state;
    struct odradek_call *call = odradek_start_new("w", "order");
    struct codec_record record;
    struct odk_arena arena;

    odk_arena_init(&arena, 0);
    assert_int_equal(odradek_call_set_input(call, "{}", 2), 0);
    assert_int_equal(
        odradek_call_set_conflict(call, ODRADEK_CONFLICT_TERMINATE_EXISTING),
        0);
    assert_int_equal(odradek_call_set_version(call, 4), 0);
    assert_int_equal(odradek_call_set_reason(call, "r"), ODRADEK_EINVAL);
    encode_and_decode(call, &fixture->buf, &arena, &record);
    assert_int_equal(record.kind, CODEC_START_WORKFLOW);
    assert_true(odk_str_is(record.start_workflow.request_id,
                           odradek_call_request_id(call)));
    assert_int_equal(record.start_workflow.conflict_policy,
                     CODEC_CONFLICT_POLICY_TERMINATE_EXISTING);
    assert_int_equal(record.start_workflow.definition_version, 4);
    assert_true(record.start_workflow.has_reply);
    assert_int_equal(record.start_workflow.reply.partition, 3);
    odradek_call_free(call);
    odk_arena_release(&arena);
}

static void
a_call_that_waits_for_nothing_asks_for_no_reply(void **state)
{
    struct fixture *fixture = *state;
    struct odradek_call *call = odradek_resolve_new("w", ODRADEK_COMPLETE);
    struct codec_record record;
    struct odk_arena arena;

    odk_arena_init(&arena, 0);
    assert_int_equal(odradek_call_set_await(call, ODRADEK_AWAIT_CLOSED),
                     ODRADEK_EINVAL);
    assert_int_equal(odradek_call_set_await(call, ODRADEK_AWAIT_SENT), 0);
    assert_int_equal(odradek_call_set_entry(call, 12), 0);
    encode_and_decode(call, &fixture->buf, &arena, &record);
    assert_int_equal(record.kind, CODEC_RESOLVE_COMPENSATION);
    assert_false(record.resolve_compensation.has_reply);
    assert_null(record.resolve_compensation.result.ptr);
    assert_int_equal(record.resolve_compensation.entry, 12);
    odradek_call_free(call);
    odk_arena_release(&arena);
}

static void
a_reply_moves_the_call_on(void **state)
{
    struct odradek_call *call = odradek_start_new("w", "order");
    struct codec_reply reply;

    (void)state;
    codec_reply_init(&reply);
    reply.kind = CODEC_REPLY_KIND_ACCEPTED;
    reply.run_id = ODK_STR("run");
    assert_int_equal(sdk_call_answer(call, &reply), 0);
    assert_false(sdk_call_is_done(call));
    reply.kind = CODEC_REPLY_KIND_CLOSED;
    reply.has_status = true;
    reply.status = CODEC_EXECUTION_STATUS_TIMED_OUT;
    reply.error = ODK_STR("States.Timeout");
    assert_int_equal(sdk_call_answer(call, &reply), 0);
    assert_true(sdk_call_is_done(call));
    assert_string_equal(odradek_call_status(call), "TIMED_OUT");
    assert_string_equal(odradek_call_error(call), "States.Timeout");
    assert_string_equal(odradek_call_run_id(call), "run");
    odradek_call_free(call);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_commit_is_the_contiguous_finished_prefix),
        TEST(the_watermark_is_of_the_committed_offset_not_of_what_was_polled),
        TEST(a_repeat_of_a_shard_is_finished_at_once),
        TEST(an_offset_that_comes_again_is_a_repeat),
        TEST(gaps_in_the_offsets_are_no_hindrance),
        TEST(a_successor_repeats_only_what_is_unfinished),
        TEST(metadata_of_somebody_else_is_refused_and_the_offset_kept),
        TEST(a_full_window_takes_no_more_until_the_prefix_moves),
        TEST(metadata_stays_within_the_brokers_bound),
        TEST(progress_agrees_with_a_simple_model),
        TEST(cancels_are_kept_up_to_a_bound_and_the_set_knows_its_age),
        TEST(options_are_checked_by_name_and_bounds),
        TEST(a_call_keeps_its_request_id_and_says_where_to_answer),
        TEST(a_call_that_waits_for_nothing_asks_for_no_reply),
        TEST(a_reply_moves_the_call_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
