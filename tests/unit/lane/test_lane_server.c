/* The database's server as a lane sees it: its clock, its identity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "world.h"

#define TASKS "odradek.tasks.q"

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

/* ---- clocks ---- */

static odk_time_ms
shard_clock(const struct world *w, const char *key)
{
    struct store_shard row = {0};
    int32_t home = odk_partition(odk_str(key), WORLD_PARTITIONS);

    assert_true(store_mem_shard(w->db, home, &row));
    return row.clock;
}

static void
a_lane_whose_clock_leaps_commits_nothing_until_the_clocks_agree(void **state)
{
    static const odk_dur_ms leaps[] = {5001, -5001, 3600000, -3600000};
    struct world *w = *state;
    char id[16];

    for (size_t i = 0; i < ODK_ARRAY_LEN(leaps); i++) {
        (void)snprintf(id, sizeof(id), "w-%zu", i);
        w->clock_off_ms = leaps[i];
        world_start(w, id, NULL);
        world_settle(w);
        world_pass(w, 20000);
        assert_int_equal(store_mem_count(w->db).executions, i);
        assert_int_equal(lane_stats(w->lanes[0])->shards_owned, 0);
        assert_int_equal(world_logged(w, "clock.skewed"), i + 1);
        w->clock_off_ms = 0;
        world_pass(w, 60000);
        assert_int_equal(store_mem_count(w->db).executions, i + 1);
        assert_int_equal(world_logged(w, "clock.agrees"), i + 1);
        assert_true(shard_clock(w, "default/w-0") <= w->now);
    }
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL),
                     ODK_ARRAY_LEN(leaps));
    assert_int_equal(world_count_raw(w, LANE_TOPIC_DEADLETTER), 0);
}

static void
an_idle_lane_whose_clock_leaps_is_alarmed_once_a_minute(void **state)
{
    struct world *w = *state;

    w->clock_off_ms = 100000;
    for (int i = 0; i < 90; i++) {
        world_pass(w, 1000);
    }
    assert_int_equal(world_logged(w, "clock.skewed"), 2);
}

static void
a_timer_is_not_early_when_the_clock_leaps(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_settle(w);
    world_started(w, 0);
    world_settle(w);
    w->clock_off_ms = 7200000;
    world_settle(w);
    world_pass(w, 3000);
    w->clock_off_ms = 0;
    world_pass(w, 2000);
    world_pass(w, 50000);
    assert_int_equal(store_mem_execution_next(w->db, NULL)->status,
                     ENGINE_RUNNING);
    world_pass(w, 10000);
    world_pass(w, 600000);
    assert_int_equal(store_mem_execution_next(w->db, NULL)->status,
                     ENGINE_FAILED);
}

static void
a_shard_that_is_ahead_of_the_time_falls_back_to_it(void **state)
{
    struct world *w = *state;

    w->clock_off_ms = 4000;
    world_start(w, "w-1", NULL);
    world_settle(w);
    assert_int_equal(shard_clock(w, "default/w-1"), w->now + 4000);
    w->clock_off_ms = 0;
    world_pass(w, 2000);
    world_succeed(w, 0, "{}");
    world_settle(w);
    assert_int_equal(shard_clock(w, "default/w-1"), w->now + 3000);
    world_pass(w, 6000);
    world_start(w, "w-1", NULL);
    world_settle(w);
    assert_int_equal(shard_clock(w, "default/w-1"), w->now);
}

/* ---- fail-overs ---- */

static void
an_idle_lane_notices_another_server(void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_pass(w, 2000);
    store_mem_set_server(w->db, 1, 2);
    world_pass(w, 11000);
    assert_int_equal(world_logged(w, "shard.server_changed"), WORLD_PARTITIONS);
    assert_int_equal(world_logged(w, "shard.fail_over"), WORLD_PARTITIONS);
    world_pass(w, 11000);
    assert_int_equal(world_logged(w, "shard.fail_over"), WORLD_PARTITIONS);
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned, WORLD_PARTITIONS);
}

static void
an_idle_lane_notices_that_its_connection_is_cut(void **state)
{
    struct world *w = *state;

    store_mem_disconnect(&w->stores[0]);
    world_pass(w, 11000);
    world_pass(w, 1000);
    assert_int_equal(world_logged(w, "store.connected"), 1);
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned, WORLD_PARTITIONS);
}

/* Another workflow id with the same home. */
static void
id_beside(const char *id, char out[16])
{
    char key[32];
    int32_t home = 0;
    int n = 0;

    (void)snprintf(key, sizeof(key), "default/%s", id);
    home = odk_partition(odk_str(key), WORLD_PARTITIONS);
    do {
        (void)snprintf(out, 16, "v-%d", n++);
        (void)snprintf(key, sizeof(key), "default/%s", out);
    } while (odk_partition(odk_str(key), WORLD_PARTITIONS) != home);
}

/* Its history had no time to arrive, nor had the group's offset: the task alone
 * tells that commits are lost. */
static void
a_fail_over_that_lost_a_task_alone_is_noticed(void **state)
{
    struct world *w = *state;
    struct store_shard row;
    char id[16];

    world_start(w, "w-1", NULL);
    world_settle(w);
    struct store_mem_db *backup = store_mem_db_copy(w->db);
    size_t n_history = world_count_raw(w, LANE_TOPIC_HISTORY);
    bus_mem_hold_sends(&w->buses[0], true);
    id_beside("w-1", id);
    world_start(w, id, NULL);
    world_settle(w);
    world_kill(w, 0, 2); /* the answer and the task */
    assert_int_equal(world_count_raw(w, TASKS), 2);
    assert_int_equal(world_count_raw(w, LANE_TOPIC_HISTORY), n_history);
    store_mem_db_free(w->db);
    w->db = backup;
    store_mem_set_time(w->db, w->now);
    store_mem_set_server(w->db, 1, 2);
    world_open(w, 0);
    assert_int_equal(lane_stats(w->lanes[0])->shards_quarantined, 1);
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned,
                     WORLD_PARTITIONS - 1);
    assert_true(store_mem_shard(
        w->db, odk_partition(ODK_STR("default/w-1"), WORLD_PARTITIONS), &row));
    assert_true(odk_str_starts(row.quarantine, ODK_STR(TASKS)));
}

static void
after_a_fail_over_every_partition_has_a_marker_and_no_reader_stumbles(
    void **state)
{
    struct world *w = *state;

    world_start(w, "w-1", NULL);
    world_settle(w);
    world_pass(w, 2000);
    size_t n_tasks = world_count_raw(w, TASKS);
    size_t n_commands = world_count_raw(w, LANE_TOPIC_COMMANDS);
    store_mem_set_server(w->db, 1, 2);
    world_pass(w, 11000);
    world_pass(w, 2000);
    assert_int_equal(world_count_raw(w, TASKS), n_tasks + WORLD_PARTITIONS);
    assert_int_equal(world_count_raw(w, "odradek.cancels.q"), WORLD_PARTITIONS);
    assert_int_equal(world_count_raw(w, LANE_TOPIC_DEADLETTER),
                     WORLD_PARTITIONS);
    assert_int_equal(world_count_raw(w, LANE_TOPIC_COMMANDS),
                     n_commands + (size_t)WORLD_PARTITIONS * WORLD_PARTITIONS);
    assert_int_equal(lane_stats(w->lanes[0])->dead_letters, 0);
    world_succeed(w, 0, "{}");
    world_start(w, "w-2", NULL);
    world_settle(w);
    world_pass(w, 2000);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 2);
    assert_int_equal(store_mem_count(w->db).outputs, 0);
}

static struct store_source
source_of(struct world *w, int32_t shard, const char *name)
{
    struct store_source none = {.seq = -1};
    const struct store_source *sources = NULL;
    struct store store;
    size_t n = 0;

    store_mem_connect(w->db, &store);
    assert_int_equal(
        store_sources(&store, shard, &w->arena, &sources, &n, NULL), 0);
    store_close(&store);
    for (size_t i = 0; i < n; i++) {
        if (odk_str_is(sources[i].name, name)) {
            return sources[i];
        }
    }
    return none;
}

static void
a_marker_among_the_commands_moves_the_watermark_of_its_shard(void **state)
{
    struct world *w = *state;

    store_mem_set_server(w->db, 1, 2);
    world_pass(w, 11000);
    world_pass(w, 2000);
    for (int32_t s = 0; s < WORLD_PARTITIONS; s++) {
        assert_int_equal(source_of(w, s, "shard/3").seq, INT64_C(1) << 40);
    }
}

static void
a_headless_record_that_is_no_marker_is_a_dead_letter(void **state)
{
    struct world *w = *state;
    struct bus_record record = {.shard = 3,
                                .seq = 77,
                                .topic = ODK_STR(LANE_TOPIC_COMMANDS),
                                .partition = 2,
                                .key = ODK_STR("default/x")};

    assert_true(bus_mem_append(w->broker, &record) >= 0);
    world_settle(w);
    assert_int_equal(lane_stats(w->lanes[0])->dead_letters, 1);
    assert_int_equal(source_of(w, 2, "shard/3").seq, -1);
}

static void
a_topic_that_takes_nothing_does_not_stop_a_fail_over(void **state)
{
    struct world *w = *state;

    bus_mem_fail_topic(w->broker, ODK_STR(TASKS), ODK_EAUTH);
    store_mem_set_server(w->db, 1, 2);
    world_pass(w, 11000);
    assert_int_equal(world_logged(w, "shard.not_marked"), WORLD_PARTITIONS);
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned, WORLD_PARTITIONS);
    bus_mem_fail_topic(w->broker, ODK_STR(TASKS), 0);
    world_start(w, "w-1", NULL);
    world_pass(w, 2000);
    assert_int_equal(world_read(w, TASKS, CODEC_TASK, 0, NULL), 1);
}

static void
a_history_that_takes_nothing_stops_it_until_it_does(void **state)
{
    struct world *w = *state;

    bus_mem_fail_topic(w->broker, ODK_STR(LANE_TOPIC_HISTORY), ODK_EAUTH);
    store_mem_set_server(w->db, 1, 2);
    world_pass(w, 11000);
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned, 0);
    assert_int_equal(lane_stats(w->lanes[0])->shards_quarantined, 0);
    bus_mem_fail_topic(w->broker, ODK_STR(LANE_TOPIC_HISTORY), 0);
    world_pass(w, 20000);
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned, WORLD_PARTITIONS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lane_whose_clock_leaps_commits_nothing_until_the_clocks_agree),
        TEST(an_idle_lane_whose_clock_leaps_is_alarmed_once_a_minute),
        TEST(a_timer_is_not_early_when_the_clock_leaps),
        TEST(a_shard_that_is_ahead_of_the_time_falls_back_to_it),
        TEST(an_idle_lane_notices_another_server),
        TEST(an_idle_lane_notices_that_its_connection_is_cut),
        TEST(a_fail_over_that_lost_a_task_alone_is_noticed),
        TEST(
            after_a_fail_over_every_partition_has_a_marker_and_no_reader_stumbles),
        TEST(a_marker_among_the_commands_moves_the_watermark_of_its_shard),
        TEST(a_headless_record_that_is_no_marker_is_a_dead_letter),
        TEST(a_topic_that_takes_nothing_does_not_stop_a_fail_over),
        TEST(a_history_that_takes_nothing_stops_it_until_it_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
