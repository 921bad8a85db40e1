#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define TASKS   "odradek.tasks.q"
#define REPLIES "odradek.replies.default"

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

static struct codec_reply
last_reply(struct world *world)
{
    struct codec_record record = {0};
    size_t n = world_read(world, REPLIES, CODEC_REPLY, 0, NULL);

    assert_true(n > 0);
    (void)world_read(world, REPLIES, CODEC_REPLY, n - 1, &record);
    return record.reply;
}

static size_t
dead_letters(struct world *world, const char *code)
{
    size_t n = world_count_raw(world, LANE_TOPIC_DEADLETTER);

    if (n > 0 && code) {
        struct odk_str last =
            world_last_header(world, LANE_TOPIC_DEADLETTER, "odk-error-code");
        assert_true(odk_str_is(last, code));
    }
    return n;
}

/* ---- the main path ---- */

static void
a_start_becomes_a_task_and_its_result_a_closed_reply(void **state)
{
    struct world *w = *state;
    struct codec_record task;

    world_start(w, "w-1", NULL);
    world_settle(w);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, &task), 1);
    assert_true(odk_str_is(task.task.type, "work"));
    assert_true(odk_str_is(task.task.input, "{\"n\":1}"));
    assert_int_equal(task.task.attempt, 1);
    assert_int_equal(task.task.start_to_close_ms, 60000);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_ACCEPTED), 1);
    world_succeed(w, 0, "{\"ok\":true}");
    world_settle(w);
    struct codec_reply reply = last_reply(w);
    assert_int_equal(reply.kind, CODEC_REPLY_KIND_CLOSED);
    assert_int_equal(reply.status, CODEC_EXECUTION_STATUS_SUCCEEDED);
    assert_true(odk_str_is(reply.output, "{\"ok\":true}"));
    assert_true(odk_str_is(reply.correlation_id, "w-1"));
    assert_int_equal(
        world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 0, NULL), 2);
    assert_int_equal(store_mem_count(w->db).timers, 0);
}

static void
many_starts_in_one_batch_are_all_applied(void **state)
{
    struct world *w = *state;
    char id[16];

    for (int i = 0; i < 1200; i++) {
        (void)snprintf(id, sizeof(id), "w-%d", i);
        world_start(w, id, NULL);
    }
    world_settle(w);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1200);
    assert_int_equal(store_mem_count(w->db).executions, 1200);
}

static void
a_second_result_is_ignored(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_settle(w);
    world_succeed(w, 0, "1");
    world_succeed(w, 0, "2");
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 1);
    assert_true(odk_str_is(last_reply(w).output, "1"));
    assert_int_equal(dead_letters(w, NULL), 0);
    assert_true(lane_stats(w->lanes[0])->ignored >= 1);
}

static void
a_run_with_more_events_than_the_quota_is_told_once(void **state)
{
    struct world *w = *state;

    world_kill(w, 0, SIZE_MAX);
    w->history_events_warn = 4;
    world_open(w, 0);
    world_start(w, "w-1", NULL);
    world_settle(w);
    assert_int_equal(world_logged(w, "history.long"), 0);
    world_started(w, 0);
    world_succeed(w, 0, "1");
    world_settle(w);
    assert_int_equal(last_reply(w).status, CODEC_EXECUTION_STATUS_SUCCEEDED);
    assert_int_equal(world_logged(w, "history.long"), 1);
}

static void
a_started_task_that_is_never_answered_times_out(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_settle(w);
    world_started(w, 0);
    world_pass(w, 59000);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 0);
    world_pass(w, 10 * 60000);
    struct codec_reply reply = last_reply(w);
    assert_int_equal(reply.kind, CODEC_REPLY_KIND_CLOSED);
    assert_int_equal(reply.status, CODEC_EXECUTION_STATUS_FAILED);
    assert_true(odk_str_is(reply.error, "States.Timeout"));
    assert_int_equal(store_mem_count(w->db).timers, 0);
}

/* ---- faults ---- */

static void
a_commit_that_fails_is_applied_from_the_stored_offsets(void **state)
{
    struct world *w = *state;

    store_mem_fail_next_commit(&w->stores[0], ODK_ECONN);
    world_start(w, "w-1", NULL);
    world_settle(w);
    world_pass(w, 10000);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    assert_int_equal(store_mem_count(w->db).executions, 1);
    assert_true(world_logged(w, "store.connected"));
}

/* The failures of the database are not the shards': they do not add up. */
static void
shards_go_on_as_soon_as_a_lost_database_is_back(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    for (int i = 0; i < 10; i++) {
        store_mem_fail_next_commit(&w->stores[0], ODK_ECONN);
        world_settle(w);
        world_pass(w, 250);
    }
    world_pass(w, 2500);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
}

static void
a_lost_answer_to_a_commit_applies_the_batch_once(void **state)
{
    struct world *w = *state;

    store_mem_lose_next_answer(&w->stores[0]);
    world_start(w, "w-1", NULL);
    world_settle(w);
    world_pass(w, 10000);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    assert_int_equal(store_mem_count(w->db).executions, 1);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_ACCEPTED), 1);
}

static void
an_owner_killed_before_it_published_is_replaced_by_one_that_does(void **state)
{
    struct world *w = *state;

    bus_mem_hold_sends(&w->buses[0], true);
    world_start(w, "w-1", NULL);
    world_settle(w);
    assert_int_equal(world_count_raw(w, TASKS), 0);
    world_kill(w, 0, 1); /* one of three records arrives */
    world_open(w, 0);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_ACCEPTED), 1);
    assert_int_equal(
        world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 0, NULL), 1);
    world_succeed(w, 0, "{}");
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 1);
}

static void
what_a_killed_owner_had_published_is_dropped_by_watermark(void **state)
{
    struct world *w = *state;

    bus_mem_hold_acks(&w->buses[0], true);
    world_start(w, "w-1", NULL);
    world_settle(w);
    world_kill(w, 0, 100);
    world_open(w, 0);
    assert_int_equal(world_count_raw(w, TASKS), 2);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
}

static void
a_paused_owner_that_wakes_commits_nothing(void **state)
{
    struct world *w = *state;

    bus_mem_drop_member(&w->buses[0]);
    struct lane *zombie = w->lanes[0];
    w->lanes[0] = NULL;
    world_open(w, 1);
    world_start(w, "w-1", NULL);
    world_settle(w);
    w->lanes[0] = zombie;
    world_start(w, "w-2", NULL);
    world_pass(w, 1000);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 2);
    assert_int_equal(store_mem_count(w->db).executions, 2);
}

static void
a_second_owner_takes_its_share_and_nothing_is_lost(void **state)
{
    struct world *w = *state;
    char id[16];

    for (int i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof(id), "w-%d", i);
        world_start(w, id, NULL);
    }
    world_settle(w);
    world_open(w, 1);
    world_pass(w, 1000);
    for (size_t i = 0; i < 100; i++) {
        world_succeed(w, i, "{}");
    }
    world_pass(w, 1000);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 100);
    assert_true(lane_stats(w->lanes[0])->shards_owned == 2);
    assert_true(lane_stats(w->lanes[1])->shards_owned == 2);
}

static void
a_new_producer_publishes_from_what_is_acknowledged(void **state)
{
    struct world *w = *state;

    bus_mem_hold_sends(&w->buses[0], true);
    world_start(w, "w-1", NULL);
    world_settle(w);
    bus_mem_hold_sends(&w->buses[0], false);
    bus_mem_producer_fatal(&w->buses[0]);
    world_pass(w, 100);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    assert_int_equal(lane_stats(w->lanes[0])->producer_resets, 1);
}

static void
outputs_are_deleted_once_they_are_acknowledged(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_settle(w);
    assert_true(store_mem_count(w->db).outputs > 0);
    world_pass(w, 2000);
    assert_int_equal(store_mem_count(w->db).outputs, 0);
}

static void
a_database_that_lost_commits_is_quarantined(void **state)
{
    struct world *w = *state;
    struct store_shard row;
    int32_t home = odk_partition(ODK_STR("default/w-1"), WORLD_PARTITIONS);
    struct store_mem_db *backup = store_mem_db_copy(w->db);

    world_start(w, "w-1", NULL);
    world_pass(w, 2000);
    world_kill(w, 0, 100);
    store_mem_db_free(w->db);
    w->db = backup;
    store_mem_set_time(w->db, w->now);
    world_open(w, 0);
    assert_true(world_logged(w, "shard.quarantined"));
    assert_true(store_mem_shard(w->db, home, &row));
    assert_non_null(row.quarantine.ptr);
    assert_int_equal(lane_stats(w->lanes[0])->shards_quarantined, 1);
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned,
                     WORLD_PARTITIONS - 1);
}

static void
a_fail_over_that_lost_nothing_goes_on_and_readers_miss_nothing(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_pass(w, 2000);
    bus_mem_hold_sends(&w->buses[0], true);
    for (int i = 2; i < 12; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "w-%d", i);
        world_start(w, id, NULL);
    }
    world_settle(w);
    assert_int_equal(
        world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 0, NULL), 1);
    bus_mem_hold_sends(&w->buses[0], false);
    world_kill(w, 0, 0);
    store_mem_set_server(w->db, 1, 2);
    world_open(w, 0);
    world_pass(w, 2000);
    assert_true(world_logged(w, "shard.fail_over"));
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned, WORLD_PARTITIONS);
    assert_int_equal(
        world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 0, NULL), 11);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 11);
    assert_int_equal(store_mem_count(w->db).outputs, 0);
}

static void
a_topic_that_lost_its_tail_is_quarantined(void **state)
{
    struct world *w = *state;
    int32_t home = odk_partition(ODK_STR("default/w-1"), WORLD_PARTITIONS);

    world_start(w, "w-1", NULL);
    world_pass(w, 2000);
    world_kill(w, 0, 100);
    bus_mem_truncate_tail(w->broker, ODK_STR(LANE_TOPIC_COMMANDS), home, 0);
    world_open(w, 0);
    assert_int_equal(lane_stats(w->lanes[0])->shards_quarantined, 1);
}

/* ---- commands ---- */

static void
a_repeated_request_gets_the_same_answer_and_starts_nothing(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", "r-1");
    world_settle(w);
    world_start(w, "w-1", "r-1");
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_ACCEPTED), 2);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    world_succeed(w, 0, "{}");
    world_settle(w);
    assert_true(world_replies(w, CODEC_REPLY_KIND_CLOSED) >= 1);
}

static void
a_repeat_of_a_rejected_start_hears_nothing_of_the_run_in_its_way(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;

    codec_start_workflow_init(&start);
    start.request_id = ODK_STR("r-2");
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("work");
    start.has_reply = true;
    start.reply = (struct codec_reply_to){ODK_STR("odradek.replies.default"), 0,
                                          ODK_STR("another")};
    world_start(w, "w-1", "r-1");
    world_settle(w);
    for (int i = 0; i < 2; i++) {
        world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
                   start.workflow_id);
        world_settle(w);
    }
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_REJECTED), 2);
    world_started(w, 0);
    world_succeed(w, 0, "1");
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 1);
}

static void
a_repeat_within_one_batch_starts_nothing(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", "r-1");
    world_start(w, "w-1", "r-1");
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_ACCEPTED), 2);
    assert_int_equal(store_mem_count(w->db).executions, 1);
}

static void
a_request_id_with_another_content_is_rejected(void **state)
{
    struct world *w = *state;
    struct codec_terminate_workflow terminate;

    world_start(w, "w-1", "r-1");
    world_settle(w);
    codec_terminate_workflow_init(&terminate);
    terminate.namespace = ODK_STR("default");
    terminate.workflow_id = ODK_STR("w-1");
    terminate.request_id = ODK_STR("r-1");
    terminate.has_reply = true;
    terminate.reply =
        (struct codec_reply_to){ODK_STR(REPLIES), 1, ODK_STR("t")};
    world_send(w, CODEC_TERMINATE_WORKFLOW, &terminate, terminate.namespace,
               terminate.workflow_id);
    world_settle(w);
    assert_true(odk_str_is(last_reply(w).code, "RequestConflict"));
}

static void
a_second_start_of_an_open_workflow_id_is_rejected(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_start(w, "w-1", NULL);
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_ACCEPTED), 1);
    assert_true(odk_str_is(last_reply(w).code, "WorkflowAlreadyStarted"));
}

static void
terminate_existing_ends_the_open_run_and_starts_another(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;

    world_start(w, "w-1", NULL);
    world_settle(w);
    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("work");
    start.conflict_policy = CODEC_CONFLICT_POLICY_TERMINATE_EXISTING;
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 1);
    assert_int_equal(last_reply(w).status, CODEC_EXECUTION_STATUS_TERMINATED);
    assert_int_equal(store_mem_count(w->db).executions, 2);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 2);
}

static void
of_two_runs_that_a_batch_starts_the_later_is_the_current_one(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;

    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("work");
    start.conflict_policy = CODEC_CONFLICT_POLICY_TERMINATE_EXISTING;
    for (int i = 0; i < 2; i++) {
        world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
                   start.workflow_id);
    }
    world_settle(w);
    world_kill(w, 0, 100);
    world_open(w, 0);
    start.conflict_policy = CODEC_CONFLICT_POLICY_FAIL;
    start.has_reply = true;
    start.reply = (struct codec_reply_to){ODK_STR(REPLIES), 1, ODK_STR("c")};
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    world_settle(w);
    assert_true(odk_str_is(last_reply(w).code, "WorkflowAlreadyStarted"));
}

static void
an_unknown_definition_is_a_dead_letter_and_a_rejected_reply(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;

    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("nothing");
    start.has_reply = true;
    start.reply = (struct codec_reply_to){ODK_STR(REPLIES), 1, ODK_STR("c")};
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    world_settle(w);
    assert_int_equal(dead_letters(w, "DefinitionNotFound"), 1);
    assert_int_equal(last_reply(w).kind, CODEC_REPLY_KIND_REJECTED);
    assert_true(odk_str_is(last_reply(w).code, "DefinitionNotFound"));
}

static void
a_signal_to_nobody_is_kept_as_a_dead_letter(void **state)
{
    struct world *w = *state;
    struct codec_signal_workflow signal;

    codec_signal_workflow_init(&signal);
    signal.namespace = ODK_STR("default");
    signal.workflow_id = ODK_STR("nobody");
    signal.name = ODK_STR("go");
    world_send(w, CODEC_SIGNAL_WORKFLOW, &signal, signal.namespace,
               signal.workflow_id);
    world_settle(w);
    assert_int_equal(dead_letters(w, "WorkflowNotFound"), 1);
}

static void
a_source_watermark_drops_what_repeats(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;

    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("work");
    start.has_source = true;
    start.source = (struct codec_source){ODK_STR("binding/b/1/t/0"), 7};
    for (int i = 0; i < 3; i++) {
        world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
                   start.workflow_id);
        world_settle(w);
    }
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    assert_int_equal(dead_letters(w, NULL), 0);
    assert_int_equal(lane_stats(w->lanes[0])->repeats, 2);
}

static void
a_record_on_a_wrong_shard_is_forwarded_and_applied_once(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;
    struct odk_buf bytes;
    int32_t home = odk_partition(ODK_STR("default/w-1"), WORLD_PARTITIONS);

    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("work");
    odk_buf_init(&bytes, 0);
    assert_int_equal(
        codec_encode(w->codec, CODEC_START_WORKFLOW, &start, &bytes, NULL), 0);
    world_append(w, LANE_TOPIC_COMMANDS, (home + 1) % WORLD_PARTITIONS,
                 ODK_STR("default/w-1"), odk_buf_str(&bytes));
    odk_buf_release(&bytes);
    world_settle(w);
    assert_int_equal(lane_stats(w->lanes[0])->forwarded, 1);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    const struct store_execution_write *row =
        store_mem_execution_next(w->db, NULL);
    assert_int_equal(row->shard, home);
}

/* ---- bad input ---- */

static void
every_kind_of_bad_record_is_a_dead_letter_and_the_next_one_is_processed(
    void **state)
{
    struct world *w = *state;
    int32_t home = odk_partition(ODK_STR("default/w-1"), WORLD_PARTITIONS);

    world_append(w, LANE_TOPIC_COMMANDS, home, ODK_STR("default/w-1"),
                 ODK_STR("{\"not\":\"avro\"}"));
    world_append(w, LANE_TOPIC_COMMANDS, home, ODK_STR("default/w-1"),
                 odk_str_n("\xC3\x01"
                           "abcdefgh"
                           "xyz",
                           13));
    world_append(w, LANE_TOPIC_COMMANDS, home, (struct odk_str){0},
                 ODK_STR("x"));
    world_append(w, LANE_TOPIC_COMMANDS, home, ODK_STR("\xFF\xFE"),
                 ODK_STR("x"));
    world_append(w, LANE_TOPIC_COMMANDS, home, ODK_STR("default/w-1"),
                 (struct odk_str){0});
    world_append(w, LANE_TOPIC_RESULTS, home, ODK_STR("default/w-1"),
                 odk_str_n("\xC3\x01short", 7));
    world_start(w, "w-1", NULL);
    world_settle(w);
    assert_int_equal(dead_letters(w, NULL), 6);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
}

static void
a_dead_letter_keeps_the_bytes_and_says_where_they_came_from(void **state)
{
    struct world *w = *state;
    struct bus_message message;

    world_append(w, LANE_TOPIC_COMMANDS, 2, ODK_STR("default/x"),
                 odk_str_n("\x00\x01\x02raw", 6));
    world_settle(w);
    assert_true(bus_mem_read(w->broker, ODK_STR(LANE_TOPIC_DEADLETTER), 0, 0,
                             &message));
    assert_true(odk_str_eq(message.value, odk_str_n("\x00\x01\x02raw", 6)));
    assert_true(odk_str_is(message.key, "default/x"));
    assert_true(odk_str_is(
        world_last_header(w, LANE_TOPIC_DEADLETTER, "odk-origin-topic"),
        LANE_TOPIC_COMMANDS));
    assert_true(odk_str_is(
        world_last_header(w, LANE_TOPIC_DEADLETTER, "odk-origin-partition"),
        "2"));
    assert_true(odk_str_is(
        world_last_header(w, LANE_TOPIC_DEADLETTER, "odk-origin-offset"), "0"));
}

/* The reader of dead letters goes by the last header of a name. */
static void
a_dead_letter_keeps_any_number_of_headers_and_its_own_come_last(void **state)
{
    enum {
        N = 150,
        LONG = 70000
    };
    struct world *w = *state;
    static struct bus_header headers[N + 2];
    static char name[LONG];
    struct bus_message message;

    for (size_t i = 0; i < N; i++) {
        headers[i] = (struct bus_header){ODK_STR("h"), ODK_STR("1")};
    }
    headers[N] = (struct bus_header){ODK_STR("odk-seq"), ODK_STR("999999")};
    memset(name, 'n', sizeof(name));
    headers[N + 1] =
        (struct bus_header){odk_str_n(name, sizeof(name)), ODK_STR("v")};
    struct bus_record record = {.shard = -1,
                                .topic = ODK_STR(LANE_TOPIC_COMMANDS),
                                .partition = 2,
                                .key = ODK_STR("default/x"),
                                .value = ODK_STR("rubbish"),
                                .headers = headers,
                                .n_headers = N + 2};
    assert_true(bus_mem_append(w->broker, &record) >= 0);
    world_settle(w);
    assert_true(bus_mem_read(w->broker, ODK_STR(LANE_TOPIC_DEADLETTER), 0, 0,
                             &message));
    assert_true(odk_str_is(message.headers[N].value, "999999"));
    assert_true(
        odk_str_is(message.headers[message.n_headers - 1].name, "odk-seq"));
    assert_false(
        odk_str_is(message.headers[message.n_headers - 1].value, "999999"));
    assert_true(odk_str_is(
        world_last_header(w, LANE_TOPIC_DEADLETTER, "odk-error-code"),
        "BadMagic"));
    assert_true(odk_str_is(
        world_last_header(w, LANE_TOPIC_DEADLETTER, "odk-headers-left-out"),
        "1"));
}

static void
who_sent_a_command_with_a_bad_target_is_told(void **state)
{
    struct world *w = *state;
    struct codec_cancel_workflow cancel;

    codec_cancel_workflow_init(&cancel);
    cancel.namespace = ODK_STR("default");
    cancel.workflow_id = ODK_STR("w-1");
    cancel.run_id = ODK_STR("that one");
    cancel.has_reply = true;
    cancel.reply = (struct codec_reply_to){ODK_STR(REPLIES), 0, ODK_STR("c")};
    world_send(w, CODEC_CANCEL_WORKFLOW, &cancel, cancel.namespace,
               cancel.workflow_id);
    world_send(w, CODEC_CANCEL_WORKFLOW, &cancel, cancel.namespace,
               ODK_STR("another"));
    world_settle(w);
    assert_int_equal(dead_letters(w, NULL), 2);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_REJECTED), 2);
}

/* The needle is in the state of one run only, not in the record that starts it.
 */
static void
a_value_that_the_database_refuses_stops_nobody_else(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;
    char id[16];

    (void)store_mem_define(
        w->db, ODK_STR("default"), ODK_STR("bad"),
        ODK_STR(
            "{\"StartAt\":\"Poison\",\"States\":{\"Poison\":{\"Type\":\"Task\","
            "\"Resource\":\"odradek:q:work\",\"End\":true}}}"));
    store_mem_refuse(w->db, ODK_STR("Poison"));
    for (int i = 0; i < 40; i++) {
        (void)snprintf(id, sizeof(id), "w-%d", i);
        if (i != 17) {
            world_start(w, id, NULL);
            continue;
        }
        codec_start_workflow_init(&start);
        start.namespace = ODK_STR("default");
        start.workflow_id = odk_str(id);
        start.definition = ODK_STR("bad");
        start.has_reply = true;
        start.reply =
            (struct codec_reply_to){ODK_STR(REPLIES), 1, ODK_STR("p")};
        world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
                   start.workflow_id);
    }
    world_settle(w);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 39);
    assert_int_equal(dead_letters(w, "Refused"), 1);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_REJECTED), 1);
}

static void
a_shard_whose_refusals_are_refused_is_quarantined_and_the_others_go_on(
    void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;
    char id[16];

    store_mem_refuse(w->db, ODK_STR("poison-value"));
    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("work");
    start.input = ODK_STR("{\"x\":\"poison-value\"}");
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    for (int i = 2; i < 40; i++) {
        (void)snprintf(id, sizeof(id), "w-%d", i);
        world_start(w, id, NULL);
    }
    world_settle(w);
    assert_int_equal(lane_stats(w->lanes[0])->shards_quarantined, 1);
    size_t n = world_read(w, TASKS, CODEC_TASK, 0, NULL);
    assert_true(n > 0 && n < 38);
}

static void
a_result_under_another_workflow_id_is_ignored(void **state)
{
    struct world *w = *state;
    struct codec_task_succeeded success;
    struct codec_record task;
    struct odk_buf bytes;

    world_start(w, "w-1", NULL);
    world_settle(w);
    (void)world_read(w, TASKS, CODEC_TASK, 0, &task);
    world_kill(w, 0, 100); /* the next owner has nothing in its cache */
    world_open(w, 0);
    codec_task_succeeded_init(&success);
    success.namespace = ODK_STR("default");
    success.workflow_id = ODK_STR("other");
    success.run_id = task.task.run_id;
    success.activity_id = task.task.activity_id;
    success.attempt = 1;
    success.token = task.task.token;
    odk_buf_init(&bytes, 0);
    assert_int_equal(
        codec_encode(w->codec, CODEC_TASK_SUCCEEDED, &success, &bytes, NULL),
        0);
    world_append(w, LANE_TOPIC_RESULTS,
                 odk_partition(ODK_STR("default/other"), WORLD_PARTITIONS),
                 ODK_STR("default/other"), odk_buf_str(&bytes));
    odk_buf_release(&bytes);
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 0);
    world_succeed(w, 0, "{}");
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 1);
}

static void
a_request_conflict_that_nobody_hears_is_a_dead_letter(void **state)
{
    struct world *w = *state;
    struct codec_terminate_workflow terminate;

    world_start(w, "w-1", "r-1");
    world_settle(w);
    codec_terminate_workflow_init(&terminate);
    terminate.namespace = ODK_STR("default");
    terminate.workflow_id = ODK_STR("w-1");
    terminate.request_id = ODK_STR("r-1");
    world_send(w, CODEC_TERMINATE_WORKFLOW, &terminate, terminate.namespace,
               terminate.workflow_id);
    world_settle(w);
    assert_int_equal(dead_letters(w, "RequestConflict"), 1);
}

static void
a_result_with_a_forged_token_is_ignored(void **state)
{
    struct world *w = *state;
    struct codec_task_succeeded success;
    struct codec_record task;
    struct odk_buf bytes;
    char token[128];

    world_start(w, "w-1", NULL);
    world_settle(w);
    (void)world_read(w, TASKS, CODEC_TASK, 0, &task);
    codec_task_succeeded_init(&success);
    success.namespace = ODK_STR("default");
    success.workflow_id = ODK_STR("w-1");
    success.run_id = task.task.run_id;
    success.activity_id = task.task.activity_id;
    success.attempt = 1;
    memcpy(token, task.task.token.ptr, task.task.token.len);
    token[40] = token[40] == 'A' ? 'B' : 'A';
    success.token = odk_str_n(token, task.task.token.len);
    odk_buf_init(&bytes, 0);
    assert_int_equal(
        codec_encode(w->codec, CODEC_TASK_SUCCEEDED, &success, &bytes, NULL),
        0);
    world_append(w, LANE_TOPIC_RESULTS,
                 odk_partition(ODK_STR("default/w-1"), WORLD_PARTITIONS),
                 ODK_STR("default/w-1"), odk_buf_str(&bytes));
    odk_buf_release(&bytes);
    world_settle(w);
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_CLOSED), 0);
    assert_int_equal(dead_letters(w, NULL), 0);
    assert_int_equal(lane_stats(w->lanes[0])->ignored, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_start_becomes_a_task_and_its_result_a_closed_reply),
        TEST(many_starts_in_one_batch_are_all_applied),
        TEST(a_second_result_is_ignored),
        TEST(a_run_with_more_events_than_the_quota_is_told_once),
        TEST(a_started_task_that_is_never_answered_times_out),
        TEST(a_commit_that_fails_is_applied_from_the_stored_offsets),
        TEST(shards_go_on_as_soon_as_a_lost_database_is_back),
        TEST(a_lost_answer_to_a_commit_applies_the_batch_once),
        TEST(an_owner_killed_before_it_published_is_replaced_by_one_that_does),
        TEST(what_a_killed_owner_had_published_is_dropped_by_watermark),
        TEST(a_paused_owner_that_wakes_commits_nothing),
        TEST(a_second_owner_takes_its_share_and_nothing_is_lost),
        TEST(a_new_producer_publishes_from_what_is_acknowledged),
        TEST(outputs_are_deleted_once_they_are_acknowledged),
        TEST(a_database_that_lost_commits_is_quarantined),
        TEST(a_fail_over_that_lost_nothing_goes_on_and_readers_miss_nothing),
        TEST(a_topic_that_lost_its_tail_is_quarantined),
        TEST(a_repeated_request_gets_the_same_answer_and_starts_nothing),
        TEST(a_repeat_of_a_rejected_start_hears_nothing_of_the_run_in_its_way),
        TEST(a_repeat_within_one_batch_starts_nothing),
        TEST(a_request_id_with_another_content_is_rejected),
        TEST(a_second_start_of_an_open_workflow_id_is_rejected),
        TEST(of_two_runs_that_a_batch_starts_the_later_is_the_current_one),
        TEST(terminate_existing_ends_the_open_run_and_starts_another),
        TEST(an_unknown_definition_is_a_dead_letter_and_a_rejected_reply),
        TEST(a_signal_to_nobody_is_kept_as_a_dead_letter),
        TEST(a_source_watermark_drops_what_repeats),
        TEST(a_record_on_a_wrong_shard_is_forwarded_and_applied_once),
        TEST(
            every_kind_of_bad_record_is_a_dead_letter_and_the_next_one_is_processed),
        TEST(a_dead_letter_keeps_the_bytes_and_says_where_they_came_from),
        TEST(a_dead_letter_keeps_any_number_of_headers_and_its_own_come_last),
        TEST(who_sent_a_command_with_a_bad_target_is_told),
        TEST(a_value_that_the_database_refuses_stops_nobody_else),
        TEST(
            a_shard_whose_refusals_are_refused_is_quarantined_and_the_others_go_on),
        TEST(a_result_under_another_workflow_id_is_ignored),
        TEST(a_request_conflict_that_nobody_hears_is_a_dead_letter),
        TEST(a_result_with_a_forged_token_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
