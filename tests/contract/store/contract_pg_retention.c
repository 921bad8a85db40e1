#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "contract_pg.h"
#include "store_pg/store_pg_retention.h"

#define DAY_MS  INT64_C(86400000)
#define KEEP_MS (30 * DAY_MS)
/* Far before what the other tests write. */
#define SHARD 7001
#define SINCE "date_trunc('day', now()) - interval '200 days'"

/*
 * A week of 200 days ago with three runs: `gone` closed then, `open` is open,
 * `late` closed now. `gone` has most of the rows, so a rewrite is worth it.
 */
struct fixture {
    struct store_pg_query *query;
    struct odk_err err;
};

static void
run(const char *sql)
{
    free(contract_sql(sql));
}

static void
add_run(const char *name, int hour, const char *closed_at, int n_rows)
{
    char sql[2048];

    (void)snprintf(
        sql, sizeof(sql),
        "WITH r AS (SELECT odradek.uuid_floor(" SINCE
        " + interval '%d hours') AS id), e AS (INSERT INTO odradek.execution "
        "SELECT %d, id, %d, " SINCE
        ", %s, 1, 1, false, 'old', '%s', 'd', NULL, '' FROM r), "
        "v AS (INSERT INTO odradek.visibility SELECT 'old', id, %d, 1, " SINCE
        ", %s, 1, 'd', '%s', NULL FROM r), c AS (INSERT INTO "
        "odradek.current_run SELECT %d, 'old/%s', id, 1 FROM r) "
        "INSERT INTO odradek.history SELECT %d, id, n, " SINCE
        ", n, '[]' FROM r, generate_series(1, %d) n",
        hour, SHARD, n_rows, closed_at, name, SHARD, closed_at, name, SHARD,
        name, SHARD, n_rows);
    run(sql);
}

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct store_pg_options options = {.conninfo = contract_conninfo()};
    struct odk_arena arena;
    struct store_shard row;
    struct store store;

    odk_arena_init(&arena, 0);
    assert_int_equal(store_pg_open(&options, &store, &f->err), 0);
    assert_int_equal(
        store_acquire(&store, SHARD, 1, ODK_STR("me"), &arena, &row, &f->err),
        0);
    store_close(&store);
    odk_arena_release(&arena);
    run("DELETE FROM odradek.execution WHERE namespace <> 'old'");
    run("SELECT odradek.partition_add('history', " SINCE ", " SINCE
        " + interval '7 days')");
    add_run("gone", 1, SINCE " + interval '1 day'", 200);
    add_run("open", 2, "NULL", 2);
    add_run("late", 3, "now()", 2);
    run("ANALYZE odradek.history");
    *state = f;
    return store_pg_query_open(&options, &f->query, &f->err);
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    store_pg_query_close(f->query);
    run("DELETE FROM odradek.execution WHERE namespace = 'old'");
    run("DELETE FROM odradek.visibility WHERE namespace = 'old'");
    run("DELETE FROM odradek.current_run WHERE workflow_key LIKE 'old/%'");
    run("DELETE FROM odradek.history WHERE shard = 7001");
    run("DO $$ BEGIN IF to_regclass('odradek.history_' || to_char(" SINCE
        ", 'YYYYMMDD')) IS NOT NULL THEN EXECUTE 'DROP TABLE "
        "odradek.history_' || to_char(" SINCE ", 'YYYYMMDD'); END IF; END $$");
    free(f);
    return 0;
}

static long long
rows_of(const char *name)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM odradek.history h JOIN (SELECT "
                   "odradek.uuid_floor(" SINCE
                   " + interval '1 hour' * array_position("
                   "ARRAY['gone','open','late'], '%s')) AS id) r "
                   "ON h.run_id = r.id AND h.shard = %d",
                   name, SHARD);
    return contract_sql_number(sql);
}

static long long
runs_of(const char *name)
{
    char sql[512];

    (void)snprintf(
        sql, sizeof(sql),
        "SELECT (SELECT count(*) FROM odradek.execution WHERE namespace = "
        "'old' AND workflow_id = '%s') + (SELECT count(*) FROM "
        "odradek.visibility WHERE namespace = 'old' AND workflow_id = '%s') + "
        "(SELECT count(*) FROM odradek.current_run WHERE workflow_key = "
        "'old/%s')",
        name, name, name);
    return contract_sql_number(sql);
}

static bool
has_partition(void)
{
    return contract_sql_number(
               "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = "
               "i.inhrelid WHERE c.relname = 'history_' || to_char(" SINCE
               ", 'YYYYMMDD')") == 1;
}

static long long
leftovers(void)
{
    return contract_sql_number("SELECT count(*) FROM pg_class WHERE relname ~ "
                               "'^history_\\d{8}_(old|kept)$' AND relkind = "
                               "'r'");
}

static struct store_pg_retention_stats
retain(struct fixture *f, bool is_dry)
{
    struct store_pg_retention *retention = NULL;
    bool is_done = false;

    assert_int_equal(store_pg_retention_begin(f->query, KEEP_MS, is_dry,
                                              &retention, &f->err),
                     0);
    for (int i = 0; i < 1000 && !is_done; i++) {
        int rc = store_pg_retention_step(retention, &is_done, &f->err);
        if (rc != 0) {
            fail_msg("%s", f->err.message);
        }
    }
    assert_true(is_done);
    struct store_pg_retention_stats stats =
        *store_pg_retention_stats(retention);
    store_pg_retention_end(retention);
    return stats;
}

static void
test_a_dry_run_says_what_there_is_to_do_and_does_nothing(void **state)
{
    struct store_pg_retention_stats stats = retain(*state, true);

    assert_int_equal(stats.runs, 1);
    assert_int_equal(stats.rewritten, 1);
    assert_int_equal(stats.kept, 2);
    assert_int_equal(runs_of("gone"), 3);
    assert_int_equal(rows_of("gone"), 200);
}

static void
test_a_run_that_closed_long_ago_leaves_and_others_stay(void **state)
{
    struct store_pg_retention_stats stats = retain(*state, false);

    assert_int_equal(stats.runs, 1);
    assert_int_equal(stats.rewritten, 1);
    assert_int_equal(runs_of("gone"), 0);
    assert_int_equal(rows_of("gone"), 0);
    assert_int_equal(runs_of("open"), 3);
    assert_int_equal(rows_of("open"), 2);
    assert_int_equal(rows_of("late"), 2);
    assert_true(has_partition());
    assert_int_equal(leftovers(), 0);
}

static void
test_a_partition_without_runs_that_stay_is_dropped(void **state)
{
    run("UPDATE odradek.execution SET closed_at = " SINCE
        " + interval '2 days' WHERE namespace = 'old'");
    struct store_pg_retention_stats stats = retain(*state, false);

    assert_int_equal(stats.runs, 3);
    assert_int_equal(stats.dropped, 1);
    assert_false(has_partition());
    assert_int_equal(leftovers(), 0);
    assert_int_equal(rows_of("open"), 0);
}

/* Writes to an open run while its rows are being moved. */
static void
test_what_is_written_meanwhile_moves_too(void **state)
{
    struct fixture *f = *state;
    struct store_pg_retention *retention = NULL;
    bool is_written = false;
    bool is_done = false;

    assert_int_equal(
        store_pg_retention_begin(f->query, KEEP_MS, false, &retention, &f->err),
        0);
    for (int i = 0; i < 1000 && !is_done; i++) {
        assert_int_equal(store_pg_retention_step(retention, &is_done, &f->err),
                         0);
        if (!is_written && leftovers() == 1) {
            is_written = true;
            run("INSERT INTO odradek.history SELECT shard, run_id, 3, ts, 3, "
                "'[]' FROM odradek.history WHERE shard = 7001 AND version = 2 "
                "AND run_id = odradek.uuid_floor(" SINCE
                " + interval '2 hours')");
        }
    }
    store_pg_retention_end(retention);
    assert_true(is_written && is_done);
    assert_int_equal(rows_of("open"), 3);
    assert_int_equal(rows_of("gone"), 0);
}

static void
test_one_process_at_a_time_does_it(void **state)
{
    struct fixture *f = *state;
    const struct store_pg_options options = {.conninfo = contract_conninfo()};
    struct store_pg_retention *first = NULL;
    struct store_pg_retention *second = NULL;
    struct store_pg_query *other = NULL;

    assert_int_equal(store_pg_query_open(&options, &other, &f->err), 0);
    assert_int_equal(
        store_pg_retention_begin(f->query, KEEP_MS, false, &first, &f->err), 0);
    assert_int_equal(
        store_pg_retention_begin(other, KEEP_MS, false, &second, &f->err),
        ODK_EAGAIN);
    assert_int_equal(
        store_pg_retention_begin(other, KEEP_MS, true, &second, &f->err), 0);
    store_pg_retention_end(second);
    store_pg_retention_end(first);
    assert_int_equal(
        store_pg_retention_begin(other, KEEP_MS, false, &second, &f->err), 0);
    store_pg_retention_end(second);
    store_pg_query_close(other);
}

static void
test_a_lock_that_is_held_is_waited_for_a_moment(void **state)
{
    struct fixture *f = *state;
    struct store_pg_retention *retention = NULL;
    bool is_done = false;
    int rc = 0;

    run("BEGIN");
    run("SELECT count(*) FROM odradek.history WHERE shard = 7001");
    assert_int_equal(
        store_pg_retention_begin(f->query, KEEP_MS, false, &retention, &f->err),
        0);
    for (int i = 0; i < 1000 && rc == 0 && !is_done; i++) {
        rc = store_pg_retention_step(retention, &is_done, &f->err);
    }
    assert_int_equal(rc, ODK_EAGAIN);
    run("COMMIT");
    while (!is_done) {
        assert_int_equal(store_pg_retention_step(retention, &is_done, &f->err),
                         0);
    }
    store_pg_retention_end(retention);
    assert_int_equal(rows_of("gone"), 0);
    assert_int_equal(rows_of("open"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
contract_pg_retention_run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_dry_run_says_what_there_is_to_do_and_does_nothing),
        TEST(test_a_run_that_closed_long_ago_leaves_and_others_stay),
        TEST(test_a_partition_without_runs_that_stay_is_dropped),
        TEST(test_what_is_written_meanwhile_moves_too),
        TEST(test_one_process_at_a_time_does_it),
        TEST(test_a_lock_that_is_held_is_waited_for_a_moment),
    };

    return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
