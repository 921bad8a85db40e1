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

static void
a_reply_to_a_topic_that_is_no_reply_topic_is_dropped(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;

    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("work");
    start.has_reply = true;
    start.reply =
        (struct codec_reply_to){ODK_STR("odradek.commands"), 1, ODK_STR("c")};
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    start.workflow_id = ODK_STR("w-2");
    start.reply = (struct codec_reply_to){ODK_STR("odradek.replies.none"), 1,
                                          ODK_STR("c")};
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    start.workflow_id = ODK_STR("w-3");
    start.reply = (struct codec_reply_to){ODK_STR(REPLIES), 99, ODK_STR("c")};
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    world_settle(w);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 3);
    assert_int_equal(lane_stats(w->lanes[0])->replies_dropped, 3);
    world_pass(w, 2000);
    assert_int_equal(store_mem_count(w->db).outputs, 0);
}

static void
a_task_without_its_topic_is_parked_with_its_reason(void **state)
{
    struct world *w = *state;
    struct codec_start_workflow start;

    (void)store_mem_define(
        w->db, ODK_STR("default"), ODK_STR("lost"),
        ODK_STR("{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\","
                "\"Resource\":\"odradek:nowhere:work\",\"End\":true}}}"));
    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("w-1");
    start.definition = ODK_STR("lost");
    world_send(w, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
    world_start(w, "w-2", NULL);
    world_settle(w);
    const struct store_parked_write *parked = store_mem_parked(w->db, 0);
    assert_non_null(parked);
    assert_true(odk_str_is(parked->output.topic, "odradek.tasks.nowhere"));
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    world_pass(w, 2000);
    assert_int_equal(store_mem_count(w->db).outputs, 0);
}

static void
an_output_that_the_broker_refuses_is_parked_and_its_neighbours_are_not(
    void **state)
{
    struct world *w = *state;

    bus_mem_fail_topic(w->broker, ODK_STR(TASKS), ODK_EAUTH);
    world_start(w, "w-1", NULL);
    world_settle(w);
    world_pass(w, 2000);
    const struct store_parked_write *parked = store_mem_parked(w->db, 0);
    assert_non_null(parked);
    assert_true(odk_str_is(parked->output.topic, TASKS));
    assert_null(store_mem_parked(w->db, 1));
    assert_int_equal(world_replies(w, CODEC_REPLY_KIND_ACCEPTED), 1);
    assert_int_equal(
        world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 0, NULL), 1);
    bus_mem_fail_topic(w->broker, ODK_STR(TASKS), 0);
    world_start(w, "w-2", NULL);
    world_pass(w, 2000);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
    world_pass(w, 2000);
    assert_int_equal(store_mem_count(w->db).outputs, 0);
}

static void
a_refused_history_record_quarantines_its_shard(void **state)
{
    struct world *w = *state;

    bus_mem_fail_topic(w->broker, ODK_STR(LANE_TOPIC_HISTORY), ODK_ETOOBIG);
    world_start(w, "w-1", NULL);
    world_settle(w);
    world_pass(w, 2000);
    assert_int_equal(lane_stats(w->lanes[0])->shards_quarantined, 1);
    assert_null(store_mem_parked(w->db, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reply_to_a_topic_that_is_no_reply_topic_is_dropped),
        TEST(a_task_without_its_topic_is_parked_with_its_reason),
        TEST(
            an_output_that_the_broker_refuses_is_parked_and_its_neighbours_are_not),
        TEST(a_refused_history_record_quarantines_its_shard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
