#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "world.h"

/* What odradek.history says of a batch beside its transitions. */

static int
setup(void **state)
{
    static struct world world;

    world_init(&world);
    world_open(&world, 0);
    *state = &world;
    return 0;
}

static int
teardown(void **state)
{
    world_release(*state);
    return 0;
}

static size_t
progress(struct world *world, size_t index, struct codec_record *out)
{
    return world_read(world, LANE_TOPIC_HISTORY, CODEC_SHARD_PROGRESS, index,
                      out);
}

static void
cancel(struct world *world, const char *id, const char *request_id,
       const struct codec_source *source)
{
    struct codec_cancel_workflow record;

    codec_cancel_workflow_init(&record);
    record.namespace = ODK_STR("default");
    record.workflow_id = odk_str(id);
    record.request_id = odk_str(request_id);
    record.has_reply = true;
    record.reply = (struct codec_reply_to){ODK_STR("odradek.replies.default"),
                                           0, odk_str(id)};
    record.has_source = source != NULL;
    if (source) {
        record.source = *source;
    }
    world_send(world, CODEC_CANCEL_WORKFLOW, &record, record.namespace,
               record.workflow_id);
}

/* Of what the command says, whatever its schema's version. */
static void
assert_digest_of_cancel(struct odk_str digest, const char *id,
                        const char *request)
{
    struct codec_cancel_workflow said;
    struct odk_buf content;
    uint8_t expected[ODK_SHA256_BYTES];

    codec_cancel_workflow_init(&said);
    said.namespace = ODK_STR("default");
    said.workflow_id = odk_str(id);
    said.request_id = odk_str(request);
    odk_buf_init(&content, 0);
    codec_content(CODEC_CANCEL_WORKFLOW, &said, &content);
    odk_sha256(odk_buf_str(&content), ODK_STR(""), expected);
    odk_buf_release(&content);
    assert_int_equal(digest.len, ODK_SHA256_BYTES);
    assert_memory_equal(digest.ptr, expected, sizeof(expected));
}

static void
an_accepted_command_is_implied_by_its_transition(void **state)
{
    struct world *w = *state;
    struct codec_record record;

    world_start(w, "w-1", "r-1");
    world_settle(w);
    assert_int_equal(
        world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 0, &record), 1);
    assert_true(odk_str_is(record.history_record.request_id, "r-1"));
    assert_int_equal(record.history_record.request_digest.len,
                     ODK_SHA256_BYTES);
    assert_int_equal(record.history_record.n_outputs, 1); /* the task */
    assert_int_equal(progress(w, 0, &record), 1);
    assert_int_equal(record.shard_progress.n_requests, 0);
    assert_int_equal(record.shard_progress.n_outputs, 1); /* the answer */
    assert_true(odk_str_is(record.shard_progress.outputs[0].topic,
                           "odradek.replies.default"));
}

static void
a_refusal_beside_a_transition_is_told(void **state)
{
    struct world *w = *state;
    struct codec_source source = {ODK_STR("binding/b/1/t/0"), 7};
    struct codec_record record;

    world_start(w, "w-1", "r-1");
    world_settle(w);
    cancel(w, "w-1", "r-2", NULL);
    world_settle(w);
    cancel(w, "w-1", "r-3", &source);
    world_settle(w);
    assert_int_equal(progress(w, 2, &record), 3);
    assert_int_equal(record.shard_progress.n_requests, 1);
    const struct codec_request_outcome *outcome =
        &record.shard_progress.requests[0];
    assert_true(odk_str_is(outcome->request_id, "r-3"));
    assert_true(odk_str_is(outcome->workflow_id, "w-1"));
    assert_true(odk_str_is(outcome->code, "WorkflowClosed"));
    assert_digest_of_cancel(outcome->digest, "w-1", "r-3");
    assert_int_equal(record.shard_progress.n_sources, 1);
    assert_int_equal(record.shard_progress.sources[0].seq, 7);
    assert_int_equal(record.shard_progress.n_outputs, 1);
}

static void
a_start_that_ends_the_run_before_is_implied_by_its_own_run(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;
    struct codec_record record;

    world_start(w, "w-1", "r-1");
    world_settle(w);
    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("work");
    start.input = ODK_STR("{}");
    start.request_id = ODK_STR("r-2");
    start.conflict_policy = CODEC_CONFLICT_POLICY_TERMINATE_EXISTING;
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    world_settle(w);
    assert_int_equal(
        world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 1, &record), 3);
    assert_int_equal(record.history_record.status,
                     CODEC_EXECUTION_STATUS_TERMINATED);
    assert_null(record.history_record.request_digest.ptr);
    (void)world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 2, &record);
    assert_int_equal(record.history_record.version, 1);
    assert_int_equal(record.history_record.request_digest.len,
                     ODK_SHA256_BYTES);
}

static void
a_result_needs_no_record_beside_its_transition(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_settle(w);
    size_t before = progress(w, 0, NULL);
    world_succeed(w, 0, "{}");
    world_settle(w);
    assert_int_equal(progress(w, 0, NULL), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_accepted_command_is_implied_by_its_transition),
        TEST(a_refusal_beside_a_transition_is_told),
        TEST(a_start_that_ends_the_run_before_is_implied_by_its_own_run),
        TEST(a_result_needs_no_record_beside_its_transition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
