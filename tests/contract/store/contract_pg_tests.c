#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "contract_pg.h"
#include "contract_store.h"
#include "store_pg/store_pg_migrate.h"
#include "store_pg/store_pg_priv.h"
#include "store_pg/store_pg_query.h"

#define NOW INT64_C(1790000000000)

/* Far from the shards of the suite. */
#define SHARD 5000

struct fixture {
    struct store_pg_query *query;
    struct odk_arena arena;
    struct odk_err err;
};

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct store_pg_options options = {.conninfo = contract_conninfo()};

    odk_arena_init(&f->arena, (size_t)16 << 20);
    *state = f;
    return store_pg_query_open(&options, &f->query, &f->err);
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    store_pg_query_close(f->query);
    odk_arena_release(&f->arena);
    free(f);
    return 0;
}

static void
assert_str(struct odk_str actual, const char *expected)
{
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.ptr, expected, actual.len);
}

static struct odk_uuid
run_id(uint64_t number)
{
    return odk_uuid_v7(NOW + (odk_time_ms)number, number, number);
}

static struct store_execution_write
started(int32_t shard, uint64_t number, const char *id, const char *key)
{
    return (struct store_execution_write){
        .shard = shard,
        .is_new = true,
        .run_id = run_id(number),
        .namespace_ = ODK_STR("bank"),
        .workflow_id = odk_str(id),
        .workflow_key = odk_str(key),
        .definition = number % 2 ? ODK_STR("odd") : ODK_STR("even"),
        .definition_version = 1,
        .status = 1,
        .is_status_changed = true,
        .version = 1,
        .started_at = NOW,
        .state = ODK_STR("{}"),
    };
}

/* Commits one batch as a new owner of the shard. */
static void
commit(struct fixture *f, int32_t shard, struct store_batch *batch,
       const char *conninfo)
{
    const struct store_pg_options options = {.conninfo = conninfo};
    struct store store;
    struct store_shard row;

    assert_int_equal(store_pg_open(&options, &store, &f->err), 0);
    assert_int_equal(store_acquire(&store, shard, 1 + shard, ODK_STR("test"),
                                   &f->arena, &row, &f->err),
                     0);
    struct store_shard_move move = {
        .shard = shard,
        .fence = 1 + shard,
        .batch_expected = row.batch,
        .outbox_seq = 100,
        .published = row.published,
        .published_from = row.published,
    };
    batch->wall = row.server_time;
    batch->shards = &move;
    batch->n_shards = 1;
    int rc = store_commit(&store, batch, &f->err);
    if (rc != 0) {
        fail_msg("commit: %s", f->err.message);
    }
    store_close(&store);
}

/* ---- migrations, roles ---- */

static void
count_lines(void *ctx, const char *line)
{
    (void)line;
    ++*(int *)ctx;
}

static void
test_migrating_again_does_nothing(void **state)
{
    struct fixture *f = *state;
    const struct store_pg_migration *all = NULL;
    const struct store_pg_options options = {.conninfo = contract_conninfo()};
    struct store_pg_migrate_options other = {.partitions = 13};
    size_t n = 0;
    int lines = 0;

    assert_int_equal(store_pg_migrate(contract_conninfo(), NULL, count_lines,
                                      &lines, &f->err),
                     0);
    assert_int_equal(lines, 0);
    assert_int_equal(
        store_pg_migrate(contract_conninfo(), &other, NULL, NULL, &f->err),
        ODK_ECONFLICT);
    assert_int_equal(store_pg_migrate_status(contract_conninfo(), &f->arena,
                                             &all, &n, &f->err),
                     0);
    assert_true(n >= 2);
    for (size_t i = 0; i < n; i++) {
        assert_true(all[i].is_applied);
        assert_false(all[i].is_changed || all[i].is_unknown);
        assert_true(all[i].at > 0 && all[i].by.len > 0);
    }
    assert_int_equal(store_pg_check_schema(&options, &f->err), 0);
    assert_int_equal(store_pg_maintain(contract_conninfo(), &f->err), 0);
}

static void
test_another_schema_stops_the_start(void **state)
{
    struct fixture *f = *state;
    const struct store_pg_options options = {.conninfo = contract_conninfo()};
    struct store store;

    free(contract_sql("INSERT INTO odradek.schema_migration "
                      "(version, name, sha256) VALUES (9999, 'later', '')"));
    assert_int_equal(store_pg_open(&options, &store, &f->err), ODK_ESCHEMA);
    assert_int_equal(
        store_pg_migrate(contract_conninfo(), NULL, NULL, NULL, &f->err),
        ODK_ESCHEMA);
    free(contract_sql("DELETE FROM odradek.schema_migration "
                      "WHERE version = 9999"));
    free(contract_sql("UPDATE odradek.schema_migration SET sha256 = 'x' || "
                      "sha256 WHERE version = 1"));
    assert_int_equal(store_pg_check_schema(&options, &f->err), ODK_ESCHEMA);
    free(contract_sql("UPDATE odradek.schema_migration SET sha256 = "
                      "substr(sha256, 2) WHERE version = 1"));
    assert_int_equal(store_pg_check_schema(&options, &f->err), 0);
}

static void
test_the_servers_role_suffices_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct store_execution_write execution =
        started(SHARD, 900, "role", "bank/role");
    struct store_timer_write timer = {.shard = SHARD, .timer = {1, {{0}}, 1}};
    struct store_output_write output = {
        .shard = SHARD, .output = {.seq = 1, .value = ODK_STR("v")}};
    struct store_parked_write parked = {
        .shard = SHARD,
        .output = {.seq = 2, .value = ODK_STR("v"), .topic = ODK_STR("t")},
        .reason = ODK_STR("r")};
    struct store_request request = {.shard = SHARD,
                                    .request_id = ODK_STR("q"),
                                    .workflow_key = ODK_STR("bank/role"),
                                    .at = NOW};
    struct store_source_write source = {SHARD, {ODK_STR("s"), 1}};
    struct store_history_write history = {.shard = SHARD,
                                          .run_id = run_id(900),
                                          .version = 1,
                                          .at = NOW,
                                          .entries = ODK_STR("[]")};
    struct store_batch batch = {
        .executions = &execution,
        .n_executions = 1,
        .timers = &timer,
        .n_timers = 1,
        .outputs = &output,
        .n_outputs = 1,
        .parked = &parked,
        .n_parked = 1,
        .requests = &request,
        .n_requests = 1,
        .sources = &source,
        .n_sources = 1,
        .histories = &history,
        .n_histories = 1,
    };
    char conninfo[1200];

    free(contract_sql("GRANT odradek_server TO CURRENT_USER"));
    (void)snprintf(conninfo, sizeof(conninfo),
                   "%s options='-c role=odradek_server'", contract_conninfo());
    commit(f, SHARD, &batch, conninfo);
    assert_int_equal(store_pg_maintain(conninfo, &f->err), 0);
    assert_int_equal(
        contract_sql_number("SELECT has_table_privilege('odradek_server', "
                            "'odradek.history', 'DELETE')::int + "
                            "has_table_privilege('odradek_server', "
                            "'odradek.shard', 'DELETE')::int + "
                            "has_schema_privilege('odradek_server', "
                            "'odradek', 'CREATE')::int"),
        0);
    assert_int_equal(
        contract_sql_number("SELECT has_column_privilege('odradek_readonly', "
                            "'odradek.cluster', 'token_key', 'SELECT')::int"),
        0);
}

/* ---- what the edges read ---- */

static void
test_the_cluster_has_partitions_and_a_key(void **state)
{
    struct fixture *f = *state;
    struct store_pg_cluster cluster;
    uint8_t zeros[STORE_PG_TOKEN_KEY_BYTES] = {0};
    struct odk_str value;

    assert_int_equal(store_pg_cluster(f->query, &cluster, &f->err), 0);
    assert_int_equal(cluster.partitions, 12);
    assert_true(cluster.has_token_key);
    assert_memory_not_equal(cluster.token_key, zeros, sizeof(zeros));
    assert_int_equal(store_pg_setting_get(f->query, ODK_STR("x"), &f->arena,
                                          &value, &f->err),
                     ODK_ENOTFOUND);
    assert_int_equal(
        store_pg_setting_put(f->query, ODK_STR("x"), ODK_STR("1"), &f->err), 0);
    assert_int_equal(
        store_pg_setting_put(f->query, ODK_STR("x"), ODK_STR("2"), &f->err), 0);
    assert_int_equal(store_pg_setting_get(f->query, ODK_STR("x"), &f->arena,
                                          &value, &f->err),
                     0);
    assert_str(value, "2");
}

static void
test_executions_are_described_and_listed(void **state)
{
    enum {
        N = 25
    };
    struct fixture *f = *state;
    struct odk_str key = ODK_STR("bank/one");
    int32_t shard = odk_partition(key, 12);
    struct store_execution_write writes[N];
    struct store_batch batch = {.executions = writes, .n_executions = N};
    struct store_pg_execution out;
    const struct store_pg_execution *rows = NULL;
    size_t n = 0;

    for (uint64_t i = 0; i < N; i++) {
        writes[i] = started(shard, i, "one", "bank/one");
    }
    writes[3].status = 3;
    writes[3].closed_at = NOW + 77;
    writes[3].error = ODK_STR("States.Timeout");
    writes[5].is_stuck = true;
    commit(f, shard, &batch, contract_conninfo());

    assert_int_equal(store_pg_describe(f->query, ODK_STR("bank"),
                                       ODK_STR("one"), NULL, &f->arena, &out,
                                       &f->err),
                     0);
    assert_true(odk_uuid_eq(&out.run_id, &writes[N - 1].run_id));
    assert_str(out.state, "{}");
    assert_int_equal(store_pg_describe(f->query, ODK_STR("bank"),
                                       ODK_STR("one"), &writes[3].run_id,
                                       &f->arena, &out, &f->err),
                     0);
    assert_str(out.error, "States.Timeout");
    assert_int_equal(out.closed_at, NOW + 77);
    assert_int_equal(store_pg_describe(f->query, ODK_STR("bank"),
                                       ODK_STR("two"), NULL, &f->arena, &out,
                                       &f->err),
                     ODK_ENOTFOUND);

    struct store_pg_filter filter = {.namespace_ = ODK_STR("bank"),
                                     .workflow_id = ODK_STR("one"),
                                     .max = 10};
    size_t seen = 0;
    do {
        assert_int_equal(
            store_pg_list(f->query, &filter, &f->arena, &rows, &n, &f->err), 0);
        for (size_t i = 0; i < n; i++) {
            assert_true(
                odk_uuid_eq(&rows[i].run_id, &writes[N - 1 - seen].run_id));
            seen++;
        }
        filter.before = n ? &rows[n - 1].run_id : NULL;
    } while (n > 0);
    assert_int_equal(seen, N);

    filter =
        (struct store_pg_filter){.namespace_ = ODK_STR("bank"), .status = 3};
    assert_int_equal(
        store_pg_list(f->query, &filter, &f->arena, &rows, &n, &f->err), 0);
    assert_int_equal(n, 1);
    filter = (struct store_pg_filter){.namespace_ = ODK_STR("bank"),
                                      .is_stuck_only = true};
    assert_int_equal(
        store_pg_list(f->query, &filter, &f->arena, &rows, &n, &f->err), 0);
    assert_int_equal(n, 1);
    assert_true(rows[0].is_stuck);
    filter = (struct store_pg_filter){.namespace_ = ODK_STR("bank"),
                                      .workflow_id = ODK_STR("one"),
                                      .definition = ODK_STR("odd")};
    assert_int_equal(
        store_pg_list(f->query, &filter, &f->arena, &rows, &n, &f->err), 0);
    assert_int_equal(n, N / 2);
}

static void
test_a_status_change_reaches_the_list(void **state)
{
    struct fixture *f = *state;
    struct store_execution_write write =
        started(SHARD + 1, 50, "closes", "bank/closes");
    struct store_batch batch = {.executions = &write, .n_executions = 1};
    struct store_pg_filter filter = {.namespace_ = ODK_STR("bank"),
                                     .workflow_id = ODK_STR("closes"),
                                     .status = 2};
    const struct store_pg_execution *rows = NULL;
    size_t n = 0;

    commit(f, SHARD + 1, &batch, contract_conninfo());
    write.is_new = false;
    write.version = 2;
    write.status = 2;
    write.closed_at = NOW + 1;
    commit(f, SHARD + 1, &batch, contract_conninfo());
    assert_int_equal(
        store_pg_list(f->query, &filter, &f->arena, &rows, &n, &f->err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].closed_at, NOW + 1);
}

static void
test_history_is_read_in_pages_and_as_events(void **state)
{
    struct fixture *f = *state;
    static const char entries[] =
        "[{\"id\":1,\"prev\":0,\"type\":\"ExecutionStarted\",\"ts\":1,"
        "\"details\":{\"x\":\"\\u0000 \\ud800 \\\\u0000 \\\"\"}},"
        "{\"fact\":\"due\"},{\"id\":2,\"type\":\"Pass\",\"d\":\"\\u00e9\"}]";
    struct store_history_write rows[2] = {
        {.shard = SHARD,
         .run_id = run_id(60),
         .version = 1,
         .at = NOW + 1,
         .first_event_id = 1,
         .entries = odk_str(entries)},
        {.shard = SHARD,
         .run_id = run_id(60),
         .version = 2,
         .at = NOW + 2,
         .entries = ODK_STR("[{\"fact\":1}]")},
    };
    struct store_batch batch = {.histories = rows, .n_histories = 2};
    struct store_pg_history_range range = {
        .shard = SHARD, .run_id = run_id(60), .max = 1};
    const struct store_pg_history_row *out = NULL;
    size_t n = 0;

    commit(f, SHARD, &batch, contract_conninfo());
    assert_int_equal(
        store_pg_history(f->query, &range, &f->arena, &out, &n, &f->err), 0);
    assert_int_equal(n, 1);
    assert_str(out[0].entries, entries);
    assert_int_equal(out[0].first_event_id, 1);
    assert_int_equal(out[0].at, NOW + 1);
    range.after_version = 1;
    assert_int_equal(
        store_pg_history(f->query, &range, &f->arena, &out, &n, &f->err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(out[0].version, 2);

    char id[ODK_UUID_TEXT_LEN + 1];
    char sql[400];
    odk_uuid_format(&range.run_id, id);
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) * 100 + sum(event_id) * 10 + "
                   "count(*) FILTER (WHERE type IN ('ExecutionStarted', "
                   "'Pass') AND event LIKE '{%%}') "
                   "FROM odradek.history_event WHERE run_id = '%s'",
                   id);
    assert_int_equal(contract_sql_number(sql), 232);
}

static void
test_history_falls_into_its_weeks_partition(void **state)
{
    struct fixture *f = *state;
    odk_time_ms now = contract_sql_number(
        "SELECT floor(extract(epoch FROM now()) * 1000)::int8");
    struct store_history_write row = {.shard = SHARD,
                                      .run_id = odk_uuid_v7(now, 1, 1),
                                      .version = 1,
                                      .at = now,
                                      .entries = ODK_STR("[]")};
    struct store_request request = {.shard = SHARD,
                                    .request_id = ODK_STR("week"),
                                    .workflow_key = ODK_STR("bank/week"),
                                    .at = now};
    struct store_batch batch = {.histories = &row,
                                .n_histories = 1,
                                .requests = &request,
                                .n_requests = 1};

    commit(f, SHARD, &batch, contract_conninfo());
    assert_int_equal(
        contract_sql_number("SELECT count(*) FROM odradek.history WHERE "
                            "run_id >= odradek.uuid_floor(now() - "
                            "interval '1 hour') AND run_id < "
                            "odradek.uuid_floor(now() + interval '1 hour') "
                            "AND tableoid::regclass::text "
                            "!= 'odradek.history_default'"),
        1);
    assert_int_equal(
        contract_sql_number("SELECT count(*) FROM odradek.request WHERE "
                            "request_id = 'week' AND tableoid::regclass::text "
                            "!= 'odradek.request_default'"),
        1);
}

static void
test_rows_of_the_default_partition_move_to_a_new_one(void **state)
{
    struct fixture *f = *state;
    struct store_history_write row = {.shard = SHARD,
                                      .run_id = odk_uuid_v7(86400000, 3, 3),
                                      .version = 1,
                                      .at = NOW,
                                      .entries = ODK_STR("[]")};
    struct store_batch batch = {.histories = &row, .n_histories = 1};

    commit(f, SHARD, &batch, contract_conninfo());
    free(contract_sql("SELECT odradek.partition_add('history', "
                      "'1970-01-01Z', '1970-01-08Z')"));
    assert_int_equal(
        contract_sql_number("SELECT count(*) FROM odradek.history_19700101"),
        1);
}

static size_t
handled(struct fixture *f, const struct store_pg_letter **out)
{
    struct store_pg_letter_range range = {3, 5, 11};
    size_t n = 0;

    assert_int_equal(
        store_pg_letters_handled(f->query, &range, &f->arena, out, &n, &f->err),
        0);
    return n;
}

static void
test_handled_letters_are_known_while_their_topic_keeps_them(void **state)
{
    struct fixture *f = *state;
    const struct store_pg_letter *rows = NULL;
    struct store_pg_letter letter = {.partition = 3,
                                     .offset = 5,
                                     .letter_at = NOW,
                                     .action = ODK_STR("DROPPED"),
                                     .reason = ODK_STR("noise"),
                                     .by = ODK_STR("me")};

    assert_int_equal(store_pg_letter_handle(f->query, &letter, 0, &f->err), 0);
    assert_int_equal(store_pg_letter_handle(f->query, &letter, 0, &f->err), 0);
    letter.offset = 10;
    letter.action = ODK_STR("RETRIED");
    letter.reason = (struct odk_str){0};
    assert_int_equal(store_pg_letter_handle(f->query, &letter, 0, &f->err), 0);
    letter.offset = 11;
    assert_int_equal(store_pg_letter_handle(f->query, &letter, 0, &f->err), 0);
    assert_int_equal(handled(f, &rows), 2);
    assert_int_equal(rows[0].offset, 5);
    assert_int_equal(rows[0].letter_at, NOW);
    assert_true(odk_str_is(rows[0].reason, "noise"));
    assert_true(odk_str_is(rows[1].action, "RETRIED"));
    assert_null(rows[1].reason.ptr);
    assert_int_equal(store_pg_letter_handle(f->query, &letter, 10, &f->err), 0);
    assert_int_equal(handled(f, &rows), 1);
    assert_int_equal(rows[0].offset, 10);
}

static void
test_a_seek_fences_the_owner_and_holds_for_the_next(void **state)
{
    struct fixture *f = *state;
    const struct store_pg_options options = {.conninfo = contract_conninfo()};
    struct store_pg_seek seek = {
        .shard = SHARD + 3, .by = ODK_STR("me"), .reason = ODK_STR("a test")};
    struct store_shard row;
    struct store store;

    assert_int_equal(store_pg_open(&options, &store, &f->err), 0);
    assert_int_equal(store_acquire(&store, SHARD + 3, 77, ODK_STR("owner"),
                                   &f->arena, &row, &f->err),
                     0);
    seek.from_command = row.next_command;
    seek.from_result = row.next_result;
    seek.to_command = row.next_command + 40;
    seek.to_result = row.next_result + 2;
    assert_int_equal(store_pg_shard_seek(f->query, &seek, &f->err), 0);
    assert_int_equal(store_pg_shard_seek(f->query, &seek, &f->err),
                     ODK_ECONFLICT);
    struct store_server server;
    assert_int_equal(store_server(&store, &server, &f->err), 0);
    struct store_shard_move move = {.shard = SHARD + 3,
                                    .fence = 77,
                                    .batch_expected = row.batch,
                                    .clock = server.time};
    struct store_batch batch = {
        .shards = &move, .n_shards = 1, .wall = server.time};
    assert_int_equal(store_commit(&store, &batch, &f->err), ODK_EFENCED);
    assert_int_equal(store_acquire(&store, SHARD + 3, 78, ODK_STR("owner"),
                                   &f->arena, &row, &f->err),
                     0);
    assert_int_equal(row.next_command, seek.to_command);
    assert_int_equal(row.next_result, seek.to_result);
    store_close(&store);
}

static void
test_shards_and_parked_are_listed(void **state)
{
    struct fixture *f = *state;
    const struct store_pg_shard_info *shards = NULL;
    const struct store_pg_parked *parked = NULL;
    struct store_pg_parked_filter filter = {.max = 0};
    size_t n = 0;
    struct store_batch none = {.n_executions = 0};

    commit(f, SHARD + 2, &none, contract_conninfo());
    free(contract_sql("UPDATE odradek.shard SET quarantine = 'why' "
                      "WHERE shard = 5002"));
    assert_int_equal(store_pg_shards(f->query, &f->arena, &shards, &n, &f->err),
                     0);
    bool is_seen = false;
    for (size_t i = 0; i < n; i++) {
        if (shards[i].row.shard == SHARD + 2) {
            is_seen = true;
            assert_str(shards[i].row.quarantine, "why");
            assert_str(shards[i].owner, "test");
            assert_false(shards[i].is_connected);
            assert_true(shards[i].row.server_system_id != 0);
        }
    }
    assert_true(is_seen);
    assert_int_equal(store_pg_shard_release(f->query, SHARD + 2,
                                            ODK_STR("release"), ODK_STR("me"),
                                            ODK_STR("looked"), &f->err),
                     0);
    assert_int_equal(
        contract_sql_number(
            "SELECT count(*) FROM odradek.journal WHERE shard = 5002 "
            "AND action = 'release' AND by = 'me' "
            "AND reason = 'looked' AND was = 'why'"),
        1);
    assert_int_equal(store_pg_shard_release(f->query, SHARD + 2,
                                            ODK_STR("release"), ODK_STR("me"),
                                            ODK_STR("again"), &f->err),
                     ODK_ENOTFOUND);
    assert_int_equal(
        store_pg_parked(f->query, &filter, &f->arena, &parked, &n, &f->err), 0);
    assert_true(n >= 1);
    size_t rest = 0;
    filter.after_shard = parked[n - 1].shard;
    filter.after_seq = parked[n - 1].output.seq;
    assert_int_equal(
        store_pg_parked(f->query, &filter, &f->arena, &parked, &rest, &f->err),
        0);
    assert_int_equal(rest, 0);
    filter =
        (struct store_pg_parked_filter){.topic = ODK_STR("odradek.tasks.none")};
    assert_int_equal(
        store_pg_parked(f->query, &filter, &f->arena, &parked, &rest, &f->err),
        0);
    assert_int_equal(rest, 0);
}

/* ---- publishing ---- */

static void
test_the_same_definition_is_the_same_version(void **state)
{
    struct fixture *f = *state;
    struct store_definition definition = {.namespace_ = ODK_STR("bank"),
                                          .name = ODK_STR("transfer"),
                                          .text = ODK_STR("{\"a\":1}")};
    const struct store_pg_definition *all = NULL;
    struct store_pg_definition one;
    struct odk_str none = {NULL, 0};
    int32_t version = 0;
    bool is_new = false;
    size_t n = 0;

    static const struct {
        const char *text;
        int32_t version;
        bool is_new;
    } steps[] = {
        {"{\"a\":1}", 1, true},
        {"{\"a\":1}", 1, false},
        {"{\"a\":2}", 2, true},
        {"{\"a\":1}", 3, true},
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(steps); i++) {
        definition.text = odk_str(steps[i].text);
        assert_int_equal(store_pg_definition_publish(f->query, &definition,
                                                     none, &version, &is_new,
                                                     &f->err),
                         0);
        assert_int_equal(version, steps[i].version);
        assert_int_equal(is_new, steps[i].is_new);
    }
    definition.version = 2;
    assert_int_equal(store_pg_definition_show(f->query, &definition, &f->arena,
                                              &one, &f->err),
                     0);
    assert_str(one.definition.text, "{\"a\":2}");
    assert_true(one.by.len > 0);
    definition.version = 4;
    assert_int_equal(store_pg_definition_show(f->query, &definition, &f->arena,
                                              &one, &f->err),
                     ODK_ENOTFOUND);
    assert_int_equal(store_pg_definitions(f->query, ODK_STR("bank"), none,
                                          &f->arena, &all, &n, &f->err),
                     0);
    assert_int_equal(n, 3);
    assert_int_equal(all[0].definition.version, 3);
    assert_null(all[0].definition.text.ptr);
}

static int
publish(struct fixture *f, struct store_pg_binding *binding, bool is_reset)
{
    int rc = store_pg_binding_begin(f->query, binding->name, &f->err);

    assert_int_equal(rc, 0);
    return store_pg_binding_publish(f->query, binding, is_reset, &f->err);
}

static void
test_bindings_have_versions_and_incarnations(void **state)
{
    struct fixture *f = *state;
    const struct store_pg_binding_start starts[] = {
        {ODK_STR("shop.orders"), 0, 7}, {ODK_STR("shop.orders"), 1, 9}};
    struct store_pg_binding binding = {.name = ODK_STR("orders"),
                                       .rules = ODK_STR("{\"r\":1}"),
                                       .starts = starts,
                                       .n_starts = 2};
    struct store_pg_binding out;
    const struct store_pg_binding *all = NULL;
    size_t n = 0;

    assert_int_equal(store_pg_binding_read(f->query, binding.name, 0, &f->arena,
                                           &out, &f->err),
                     ODK_ENOTFOUND);
    assert_int_equal(publish(f, &binding, false), 0);
    assert_int_equal(binding.version, 1);
    assert_int_equal(binding.incarnation, 1);
    assert_int_equal(store_pg_binding_begin(f->query, binding.name, &f->err),
                     0);
    assert_int_equal(store_pg_binding_read(f->query, binding.name, 0, &f->arena,
                                           &out, &f->err),
                     0);
    store_pg_binding_abort(f->query);
    assert_int_equal(out.n_starts, 2);
    assert_int_equal(out.starts[1].offset, 9);
    assert_int_equal(store_pg_binding_quarantine(f->query, binding.name,
                                                 ODK_STR("gone"), &f->err),
                     0);
    binding.n_starts = 0;
    assert_int_equal(publish(f, &binding, false), 0);
    assert_int_equal(binding.version, 2);
    assert_int_equal(binding.incarnation, 1);
    assert_int_equal(store_pg_binding_read(f->query, binding.name, 0, &f->arena,
                                           &out, &f->err),
                     0);
    assert_str(out.quarantine, "gone");
    assert_int_equal(out.n_starts, 0);
    assert_int_equal(publish(f, &binding, true), 0);
    assert_int_equal(binding.incarnation, 2);
    assert_int_equal(store_pg_bindings(f->query, &f->arena, &all, &n, &f->err),
                     0);
    assert_int_equal(n, 1);
    assert_int_equal(all[0].version, 3);
    assert_null(all[0].quarantine.ptr);
    assert_int_equal(store_pg_binding_quarantine(f->query, ODK_STR("x"),
                                                 ODK_STR("y"), &f->err),
                     ODK_ENOTFOUND);
}

/* ---- a predecessor that does not let go ---- */

static void
test_a_stuck_predecessor_is_ended(void **state)
{
    struct fixture *f = *state;
    const struct store_pg_options options = {.conninfo = contract_conninfo(),
                                             .lock_wait_ms_max = 200};
    struct store_batch none = {.n_executions = 0};
    struct store store;
    struct store_shard row;

    commit(f, SHARD + 3, &none, contract_conninfo());
    PGconn *stuck = PQconnectdb(contract_conninfo());
    PQclear(PQexec(stuck,
                   "UPDATE odradek.shard SET backend_pid = pg_backend_pid(), "
                   "backend_start = (SELECT backend_start FROM "
                   "pg_stat_activity WHERE pid = pg_backend_pid()) "
                   "WHERE shard = 5003"));
    PQclear(PQexec(stuck, "BEGIN"));
    PQclear(PQexec(stuck, "UPDATE odradek.shard SET clock = 0 "
                          "WHERE shard = 5003"));
    assert_int_equal(PQtransactionStatus(stuck), PQTRANS_INTRANS);
    assert_int_equal(store_pg_open(&options, &store, &f->err), 0);
    assert_int_equal(store_acquire(&store, SHARD + 3, 8, ODK_STR("next"),
                                   &f->arena, &row, &f->err),
                     0);
    store_close(&store);
    PQclear(PQexec(stuck, "COMMIT"));
    assert_int_equal(PQstatus(stuck), CONNECTION_BAD);
    PQfinish(stuck);
}

static void
test_no_server_and_no_schema_are_told_apart(void **state)
{
    struct fixture *f = *state;
    struct store_pg_options options = {
        .conninfo = "host=127.0.0.1 port=1 dbname=x", .connect_ms_max = 2000};
    struct store store;
    char conninfo[1200];

    assert_int_equal(store_pg_open(&options, &store, &f->err), ODK_ECONN);
    assert_null(store.ops);
    (void)snprintf(conninfo, sizeof(conninfo), "%s dbname=postgres",
                   contract_conninfo());
    options.conninfo = conninfo;
    assert_int_equal(store_pg_open(&options, &store, &f->err), ODK_ESCHEMA);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
contract_pg_run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_migrating_again_does_nothing),
        TEST(test_another_schema_stops_the_start),
        TEST(test_the_servers_role_suffices_and_no_more),
        TEST(test_the_cluster_has_partitions_and_a_key),
        TEST(test_executions_are_described_and_listed),
        TEST(test_a_status_change_reaches_the_list),
        TEST(test_history_is_read_in_pages_and_as_events),
        TEST(test_history_falls_into_its_weeks_partition),
        TEST(test_rows_of_the_default_partition_move_to_a_new_one),
        TEST(test_a_seek_fences_the_owner_and_holds_for_the_next),
        TEST(test_shards_and_parked_are_listed),
        TEST(test_handled_letters_are_known_while_their_topic_keeps_them),
        TEST(test_the_same_definition_is_the_same_version),
        TEST(test_bindings_have_versions_and_incarnations),
        TEST(test_a_stuck_predecessor_is_ended),
        TEST(test_no_server_and_no_schema_are_told_apart),
    };

    return cmocka_run_group_tests_name("store_pg", tests, NULL, NULL);
}
