#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define NOWHERE "odradek.tasks.nowhere"
#define REPLIES "odradek.replies.default"

/* A run whose task has no topic: its output is parked. */
struct fixture {
    struct world world;
    struct odk_buf bytes;
    int32_t shard;
    uint64_t seq;
};

static int
setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct codec_start_workflow start;

    *f = (struct fixture){.shard = -1};
    odk_buf_init(&f->bytes, 0);
    world_init(&f->world);
    world_open(&f->world, 0);
    (void)store_mem_define(
        f->world.db, ODK_STR("default"), ODK_STR("lost"),
        ODK_STR("{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\","
                "\"Resource\":\"odradek:nowhere:work\",\"End\":true}}}"));
    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("lost");
    world_send(&f->world, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    world_settle(&f->world);
    const struct store_parked_write *parked = store_mem_parked(f->world.db, 0);
    assert_non_null(parked);
    f->shard = parked->shard;
    f->seq = parked->output.seq;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    world_release(&f->world);
    odk_buf_release(&f->bytes);
    return 0;
}

static void
make_topic(struct fixture *f)
{
    assert_int_equal(
        bus_mem_topic_create(f->world.broker, ODK_STR(NOWHERE), 2, 0, NULL), 0);
}

static struct codec_operate_output
operation(const struct fixture *f, enum codec_output_action action,
          const char *request_id)
{
    struct codec_operate_output operate;

    codec_operate_output_init(&operate);
    operate.shard = f->shard;
    operate.seq = (int64_t)f->seq;
    operate.action = action;
    operate.request_id = odk_str(request_id);
    operate.has_reply = true;
    operate.reply =
        (struct codec_reply_to){ODK_STR(REPLIES), 1, odk_str(request_id)};
    return operate;
}

static void
append(struct fixture *f, const struct codec_operate_output *operate,
       int32_t partition)
{
    char key[64];
    int len = snprintf(key, sizeof(key), "%s/%d", LANE_OUTBOX_NAMESPACE,
                       operate->shard);

    odk_buf_clear(&f->bytes);
    assert_int_equal(codec_encode(f->world.codec, CODEC_OPERATE_OUTPUT, operate,
                                  &f->bytes, NULL),
                     0);
    world_append(&f->world, LANE_TOPIC_COMMANDS, partition,
                 odk_str_n(key, (size_t)len), odk_buf_str(&f->bytes));
}

static void
operate(struct fixture *f, enum codec_output_action action,
        const char *request_id)
{
    struct codec_operate_output command = operation(f, action, request_id);

    append(f, &command, f->shard);
    world_settle(&f->world);
}

static void
assert_reply(struct fixture *f, size_t index, const char *code)
{
    struct codec_record record = {0};

    assert_int_equal(
        world_read(&f->world, REPLIES, CODEC_REPLY, index, &record), index + 1);
    assert_int_equal(record.reply.kind, code ? CODEC_REPLY_KIND_REJECTED
                                             : CODEC_REPLY_KIND_ACCEPTED);
    assert_true(odk_str_eq(record.reply.code, odk_str(code)));
}

static size_t
tasks(struct fixture *f, struct codec_record *out)
{
    return world_read(&f->world, NOWHERE, CODEC_TASK, 0, out);
}

static void
a_retry_publishes_the_output_under_a_new_number(void **state)
{
    struct fixture *f = *state;
    struct codec_record task;
    struct bus_message message;
    uint64_t seq = 0;

    make_topic(f);
    operate(f, CODEC_OUTPUT_ACTION_RETRY, "r-1");
    assert_reply(f, 0, NULL);
    assert_null(store_mem_parked(f->world.db, 0));
    assert_int_equal(tasks(f, &task), 1);
    assert_true(odk_str_is(task.task.workflow_id, "w-1"));
    assert_true(bus_mem_read(f->world.broker, ODK_STR(NOWHERE), f->shard % 2, 0,
                             &message));
    for (size_t i = 0; i < message.n_headers; i++) {
        if (odk_str_is(message.headers[i].name, "odk-seq")) {
            assert_true(odk_str_to_u64(message.headers[i].value, &seq));
        }
    }
    assert_true(seq > f->seq);
}

static void
the_token_of_a_task_that_is_sent_again_is_good(void **state)
{
    struct fixture *f = *state;
    struct codec_task_succeeded success;
    struct codec_record task;

    make_topic(f);
    operate(f, CODEC_OUTPUT_ACTION_RETRY, "r-1");
    assert_int_equal(tasks(f, &task), 1);
    codec_task_succeeded_init(&success);
    success.namespace = task.task.namespace;
    success.workflow_id = task.task.workflow_id;
    success.run_id = task.task.run_id;
    success.activity_id = task.task.activity_id;
    success.attempt = task.task.attempt;
    success.token = task.task.token;
    success.output = ODK_STR("1");
    odk_buf_clear(&f->bytes);
    assert_int_equal(codec_encode(f->world.codec, CODEC_TASK_SUCCEEDED,
                                  &success, &f->bytes, NULL),
                     0);
    world_append(&f->world, LANE_TOPIC_RESULTS, f->shard,
                 ODK_STR("default/w-1"), odk_buf_str(&f->bytes));
    world_settle(&f->world);
    assert_int_equal(lane_stats(f->world.lanes[0])->ignored, 0);
    assert_int_equal(lane_stats(f->world.lanes[0])->transitions, 2);
}

static void
a_retry_without_its_topic_is_rejected_and_keeps_the_output(void **state)
{
    struct fixture *f = *state;

    operate(f, CODEC_OUTPUT_ACTION_RETRY, "r-1");
    assert_reply(f, 0, "TopicMissing");
    assert_non_null(store_mem_parked(f->world.db, 0));
    make_topic(f);
    operate(f, CODEC_OUTPUT_ACTION_RETRY, "r-2");
    assert_reply(f, 1, NULL);
    assert_int_equal(tasks(f, NULL), 1);
}

static void
a_repeated_request_gets_its_answer_and_does_nothing_again(void **state)
{
    struct fixture *f = *state;

    make_topic(f);
    operate(f, CODEC_OUTPUT_ACTION_RETRY, "r-1");
    operate(f, CODEC_OUTPUT_ACTION_RETRY, "r-1");
    assert_reply(f, 1, NULL);
    assert_int_equal(tasks(f, NULL), 1);
    operate(f, CODEC_OUTPUT_ACTION_DROP, "r-1");
    assert_reply(f, 2, "RequestConflict");
}

static void
of_two_decisions_in_one_batch_the_first_holds(void **state)
{
    struct fixture *f = *state;
    struct codec_operate_output retry =
        operation(f, CODEC_OUTPUT_ACTION_RETRY, "r-1");
    struct codec_operate_output dropped =
        operation(f, CODEC_OUTPUT_ACTION_DROP, "r-2");
    uint64_t batches = lane_stats(f->world.lanes[0])->batches;

    make_topic(f);
    append(f, &retry, f->shard);
    append(f, &dropped, f->shard);
    world_settle(&f->world);
    assert_int_equal(lane_stats(f->world.lanes[0])->batches, batches + 1);
    assert_reply(f, 1, "OutputNotFound");
    assert_int_equal(tasks(f, NULL), 1);
    assert_null(store_mem_parked(f->world.db, 0));
}

static void
a_drop_forgets_the_output(void **state)
{
    struct fixture *f = *state;
    struct codec_record progress;

    make_topic(f);
    operate(f, CODEC_OUTPUT_ACTION_DROP, "r-1");
    assert_reply(f, 0, NULL);
    assert_null(store_mem_parked(f->world.db, 0));
    assert_int_equal(tasks(f, NULL), 0);
    size_t n = world_read(&f->world, LANE_TOPIC_HISTORY, CODEC_SHARD_PROGRESS,
                          0, &progress);
    assert_int_equal(n, 1);
    assert_int_equal(progress.shard_progress.n_operated, 1);
    assert_int_equal(progress.shard_progress.operated[0].seq, f->seq);
    assert_int_equal(progress.shard_progress.operated[0].action,
                     CODEC_OUTPUT_ACTION_DROP);
    operate(f, CODEC_OUTPUT_ACTION_RETRY, "r-2");
    assert_reply(f, 1, "OutputNotFound");
    assert_true(world_logged(&f->world, "output.operated"));
}

static void
a_command_on_another_partition_is_forwarded(void **state)
{
    struct fixture *f = *state;
    struct codec_operate_output command =
        operation(f, CODEC_OUTPUT_ACTION_DROP, "r-1");

    append(f, &command, (f->shard + 1) % WORLD_PARTITIONS);
    world_settle(&f->world);
    assert_reply(f, 0, NULL);
    assert_null(store_mem_parked(f->world.db, 0));
}

static void
a_command_to_no_shard_is_a_dead_letter_and_its_sender_is_told(void **state)
{
    struct fixture *f = *state;
    struct codec_operate_output command =
        operation(f, CODEC_OUTPUT_ACTION_DROP, "r-1");

    command.shard = 99;
    append(f, &command, 0);
    world_settle(&f->world);
    assert_reply(f, 0, "BadShard");
    struct odk_str code =
        world_last_header(&f->world, LANE_TOPIC_DEADLETTER, "odk-error-code");
    assert_true(odk_str_is(code, "BadShard"));
    assert_non_null(store_mem_parked(f->world.db, 0));
}

static void
a_number_that_is_none_is_rejected(void **state)
{
    struct fixture *f = *state;

    f->seq = UINT64_MAX; /* -1 on the topic */
    operate(f, CODEC_OUTPUT_ACTION_DROP, "r-1");
    assert_reply(f, 0, "OutputNotFound");
    assert_non_null(store_mem_parked(f->world.db, 0));
}

static void
a_crash_before_the_output_arrives_leaves_it_to_the_next_owner(void **state)
{
    struct fixture *f = *state;
    struct codec_operate_output retry =
        operation(f, CODEC_OUTPUT_ACTION_RETRY, "r-1");

    make_topic(f);
    bus_mem_hold_sends(&f->world.buses[0], true);
    append(f, &retry, f->shard);
    world_settle(&f->world);
    assert_int_equal(tasks(f, NULL), 0);
    world_kill(&f->world, 0, 0);
    world_open(&f->world, 1);
    assert_int_equal(tasks(f, NULL), 1);
    assert_reply(f, 0, NULL);
    assert_null(store_mem_parked(f->world.db, 0));
}

#define TEST(f) cmocka_unit_test_setup_teardown((f), setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_retry_publishes_the_output_under_a_new_number),
        TEST(the_token_of_a_task_that_is_sent_again_is_good),
        TEST(a_retry_without_its_topic_is_rejected_and_keeps_the_output),
        TEST(a_repeated_request_gets_its_answer_and_does_nothing_again),
        TEST(of_two_decisions_in_one_batch_the_first_holds),
        TEST(a_drop_forgets_the_output),
        TEST(a_command_on_another_partition_is_forwarded),
        TEST(a_command_to_no_shard_is_a_dead_letter_and_its_sender_is_told),
        TEST(a_number_that_is_none_is_rejected),
        TEST(a_crash_before_the_output_arrives_leaves_it_to_the_next_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
