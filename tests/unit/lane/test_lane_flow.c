/* More than the producer takes at once: reading stops in time, and what was
 * read but not applied is read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lane/lane_timer_priv.h"
#include "world.h"

#define TASKS "odradek.tasks.q"

static void
open_with_queue(struct world *w, size_t queue_max)
{
    world_init(w);
    w->queue_max = queue_max;
    world_open(w, 0);
}

static void
start_many(struct world *w, int n)
{
    char id[16];

    for (int i = 0; i < n; i++) {
        (void)snprintf(id, sizeof(id), "w-%d", i);
        world_start(w, id, NULL);
    }
}

static void
all_shards_stop_reading_before_the_producer_is_full(void **state)
{
    struct world w;

    (void)state;
    open_with_queue(&w, 4000);
    bus_mem_hold_acks(&w.buses[0], true);
    start_many(&w, 3000);
    world_settle(&w);
    size_t n = store_mem_count(w.db).executions;
    assert_true(n >= 500 && n < 1334);
    assert_int_equal(world_logged(&w, "shard.paused"), WORLD_PARTITIONS);
    bus_mem_hold_acks(&w.buses[0], false);
    world_settle(&w);
    assert_int_equal(store_mem_count(w.db).executions, 3000);
    assert_int_equal(world_read(&w, TASKS, CODEC_TASK, 0, NULL), 3000);
    assert_int_equal(world_logged(&w, "publish.failed"), 0);
    assert_int_equal(lane_stats(w.lanes[0])->producer_resets, 0);
    world_release(&w);
}

static void
what_was_not_applied_is_read_again_without_an_acquire(void **state)
{
    struct world w;
    struct store_shard row;

    (void)state;
    open_with_queue(&w, 600);
    start_many(&w, 1000);
    world_settle(&w);
    assert_int_equal(store_mem_count(w.db).executions, 1000);
    assert_int_equal(world_read(&w, TASKS, CODEC_TASK, 0, NULL), 1000);
    for (int32_t s = 0; s < WORLD_PARTITIONS; s++) {
        assert_true(store_mem_shard(w.db, s, &row));
        assert_int_equal(row.epoch, 1);
    }
    world_release(&w);
}

static void
a_fired_timer_can_be_put_back(void **state)
{
    struct lane_timers timers;
    struct store_timer page[2] = {{.due = 10, .id = 1}, {.due = 20, .id = 2}};

    (void)state;
    lane_timers_init(&timers, 16);
    lane_timers_add_page(&timers, page, 2, true);
    lane_timers_fire(&timers, lane_timers_next(&timers));
    assert_int_equal(lane_timers_next(&timers)->timer.id, 2);
    lane_timers_return(&timers, &page[0].run_id, 1);
    lane_timers_return(&timers, &page[0].run_id, 1);
    assert_int_equal(lane_timers_next(&timers)->timer.id, 1);
    lane_timers_fire(&timers, lane_timers_next(&timers));
    lane_timers_drop(&timers, &page[0].run_id, 1);
    lane_timers_return(&timers, &page[0].run_id, 1);
    assert_int_equal(lane_timers_next(&timers)->timer.id, 2);
    assert_int_equal(timers.n, 1);
    lane_timers_release(&timers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shards_stop_reading_before_the_producer_is_full),
        cmocka_unit_test(what_was_not_applied_is_read_again_without_an_acquire),
        cmocka_unit_test(a_fired_timer_can_be_put_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
