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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
