#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/store_mem.h"

/* What contract.store does not ask of the memory store: faults, copies. */
struct fixture {
    struct store_mem_db *db;
    struct store store;
    struct odk_arena arena;
    struct odk_err err;
    struct store_shard_move move;
};

static void
acquire(struct fixture *f)
{
    struct store_shard row;

    assert_int_equal(
        store_acquire(&f->store, 1, 7, ODK_STR("me"), &f->arena, &row, &f->err),
        0);
    f->move = (struct store_shard_move){
        .shard = 1, .fence = 7, .batch_expected = row.batch, .outbox_seq = 10};
}

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->db = store_mem_db_new();
    store_mem_set_time(f->db, 1000);
    store_mem_connect(f->db, &f->store);
    odk_arena_init(&f->arena, 0);
    acquire(f);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    store_close(&f->store);
    store_mem_db_free(f->db);
    odk_arena_release(&f->arena);
    free(f);
    return 0;
}

static int
commit(struct fixture *f, struct odk_str entries)
{
    struct store_history_write row = {
        .shard = 1, .version = 1, .first_event_id = 1, .entries = entries};
    struct store_output_write output = {
        .shard = 1,
        .output = {.seq = (uint64_t)f->move.batch_expected + 1,
                   .topic = ODK_STR("t"),
                   .value = ODK_STR("v")}};
    struct store_timer_write timer = {
        .shard = 1, .is_set = true, .timer = {.due = f->move.batch_expected}};
    struct store_batch batch = {.wall = 1000,
                                .shards = &f->move,
                                .n_shards = 1,
                                .histories = &row,
                                .n_histories = 1,
                                .outputs = &output,
                                .n_outputs = 1,
                                .timers = &timer,
                                .n_timers = 1};
    int rc = store_commit(&f->store, &batch, &f->err);

    if (rc == 0) {
        f->move.batch_expected++;
    }
    return rc;
}

static void
test_a_failed_commit_writes_nothing_once(void **state)
{
    struct fixture *f = *state;

    store_mem_fail_next_commit(&f->store, ODK_EAGAIN);
    assert_int_equal(commit(f, ODK_STR("[]")), ODK_EAGAIN);
    assert_null(store_mem_history(f->db, 0));
    assert_int_equal(commit(f, ODK_STR("[]")), 0);
    assert_non_null(store_mem_history(f->db, 0));
}

static void
test_a_lost_answer_was_applied(void **state)
{
    struct fixture *f = *state;
    struct store_shard row;

    store_mem_lose_next_answer(&f->store);
    assert_int_equal(commit(f, ODK_STR("[]")), ODK_EUNKNOWN_COMMIT);
    assert_non_null(store_mem_history(f->db, 0));
    assert_int_equal(commit(f, ODK_STR("[]")), ODK_ECONN);
    assert_int_equal(store_reconnect(&f->store, &f->err), 0);
    assert_true(store_mem_shard(f->db, 1, &row));
    assert_int_equal(row.batch, 1);
}

static void
test_an_unknown_commit_may_not_have_been_applied(void **state)
{
    struct fixture *f = *state;

    store_mem_fail_next_commit(&f->store, ODK_EUNKNOWN_COMMIT);
    assert_int_equal(commit(f, ODK_STR("[]")), ODK_EUNKNOWN_COMMIT);
    assert_null(store_mem_history(f->db, 0));
    assert_int_equal(commit(f, ODK_STR("[]")), ODK_ECONN);
}

static void
test_a_needle_is_refused_until_it_is_not(void **state)
{
    struct fixture *f = *state;

    store_mem_refuse(f->db, ODK_STR("poison"));
    assert_int_equal(commit(f, ODK_STR("[\"a poison\"]")), ODK_EREFUSED);
    assert_int_equal(commit(f, ODK_STR("[\"fine\"]")), 0);
    store_mem_refuse(f->db, (struct odk_str){NULL, 0});
    assert_int_equal(commit(f, ODK_STR("[\"a poison\"]")), 0);
}

static void
test_a_copy_lives_on_its_own(void **state)
{
    struct fixture *f = *state;
    struct store_shard row;
    struct odk_str shop = ODK_STR("shop");

    assert_int_equal(store_mem_define(f->db, shop, shop, ODK_STR("{}")), 1);
    assert_int_equal(store_mem_define(f->db, shop, shop, ODK_STR("{}")), 2);
    assert_int_equal(commit(f, ODK_STR("[]")), 0);
    struct store_mem_db *copy = store_mem_db_copy(f->db);
    assert_int_equal(commit(f, ODK_STR("[1]")), 0);

    assert_true(store_mem_shard(copy, 1, &row));
    assert_int_equal(row.batch, 1);
    assert_int_equal(store_mem_count(copy).histories, 1);
    assert_int_equal(store_mem_count(copy).outputs, 1);
    assert_int_equal(store_mem_count(copy).timers, 1);
    assert_int_equal(store_mem_count(f->db).histories, 2);
    assert_int_equal(store_mem_define(copy, shop, shop, ODK_STR("{}")), 3);
    store_mem_db_free(copy);
}

static void
test_a_fail_over_shows_in_the_acquire(void **state)
{
    struct fixture *f = *state;
    struct store_shard row;

    store_mem_set_server(f->db, 5, 6);
    store_mem_set_time(f->db, 1234);
    assert_int_equal(
        store_acquire(&f->store, 1, 8, ODK_STR("me"), &f->arena, &row, &f->err),
        0);
    assert_int_equal(row.server_system_id, 5);
    assert_int_equal(row.server_timeline, 6);
    assert_int_equal(row.server_time, 1234);
    assert_int_equal(row.system_id, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_failed_commit_writes_nothing_once),
        TEST(test_a_lost_answer_was_applied),
        TEST(test_an_unknown_commit_may_not_have_been_applied),
        TEST(test_a_needle_is_refused_until_it_is_not),
        TEST(test_a_copy_lives_on_its_own),
        TEST(test_a_fail_over_shows_in_the_acquire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
