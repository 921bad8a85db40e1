#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "contract_fixture.h"

static struct store_execution_write
started(const struct fixture *f, uint64_t number, const char *key)
{
    struct odk_str text = odk_str(key);

    return (struct store_execution_write){
        .shard = f->shard,
        .is_new = true,
        .run_id = run_id(number),
        .namespace_ = ODK_STR("shop"),
        .workflow_id = odk_str_from(text, sizeof("shop/") - 1),
        .workflow_key = text,
        .definition = ODK_STR("order"),
        .definition_version = 3,
        .status = 1,
        .is_status_changed = true,
        .version = 1,
        .started_at = NOW,
        .state = ODK_STR("{\"a\":1}"),
    };
}

static struct store_execution
load_key(struct fixture *f, const char *key)
{
    struct store_want want = {.shard = f->shard, .workflow_key = odk_str(key)};
    struct store_execution out;

    assert_int_equal(store_load(&f->store, &want, 1, &f->arena, &out, &f->err),
                     0);
    return out;
}

static bool
is_current(struct fixture *f, const char *key, const struct odk_uuid *run_id)
{
    struct store_execution current = load_key(f, key);

    return odk_uuid_eq(&current.run_id, run_id);
}

/* ---- ownership ---- */

static void
test_an_acquire_makes_the_row_and_raises_its_epoch(void **state)
{
    struct fixture *f = *state;
    struct store_shard row;

    assert_int_equal(acquire_as(f, &f->store, 77, &row), 0);
    assert_int_equal(row.shard, f->shard);
    assert_int_equal(row.epoch, 2);
    assert_int_equal(row.fence, 77);
    assert_int_equal(row.batch, 0);
    assert_int_equal(row.system_id, 0);
    assert_true(row.server_system_id != 0);
    assert_true(row.server_timeline != 0);
    assert_null(row.quarantine.ptr);
}

static void
test_an_older_owner_is_fenced_and_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store other;
    struct store_shard row;
    struct store_execution_write execution = started(f, 1, "shop/fenced");
    struct store_batch batch = {.executions = &execution, .n_executions = 1};

    contract_connect(&other);
    assert_int_equal(acquire_as(f, &other, 4711, &row), 0);
    store_close(&other);
    assert_int_equal(commit(f, &batch), ODK_EFENCED);
    assert_false(load_key(f, "shop/fenced").is_found);
}

static void
test_a_batch_out_of_turn_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_execution_write execution = started(f, 1, "shop/turn");
    struct store_batch batch = {.executions = &execution, .n_executions = 1};

    f->move.batch_expected += 1;
    assert_int_equal(commit(f, &batch), ODK_EFENCED);
    f->move.batch_expected -= 1;
    commit_fine(f, &batch);
    f->move.batch_expected -= 1;
    assert_int_equal(commit(f, &batch), ODK_EFENCED);
}

static void
test_a_commit_moves_the_row(void **state)
{
    struct fixture *f = *state;
    struct store_batch batch = {.n_executions = 0};
    struct store_shard row;

    f->move.next_command = 11;
    f->move.next_result = 12;
    f->move.history_offset = 13;
    f->move.outbox_seq = UINT64_C(1) << 41;
    f->move.published = 15;
    f->move.clock = NOW + 16;
    commit_fine(f, &batch);
    assert_int_equal(acquire_as(f, &f->store, 5, &row), 0);
    assert_int_equal(row.batch, 1);
    assert_int_equal(row.next_command, 11);
    assert_int_equal(row.next_result, 12);
    assert_int_equal(row.history_offset, 13);
    assert_int_equal(row.outbox_seq, UINT64_C(1) << 41);
    assert_int_equal(row.published, 15);
    assert_int_equal(row.clock, NOW + 16);
}

static void
test_the_server_tells_who_it_is(void **state)
{
    struct fixture *f = *state;
    struct store_server server;
    struct store_shard row;

    assert_int_equal(store_server(&f->store, &server, &f->err), 0);
    assert_int_equal(acquire_as(f, &f->store, 7, &row), 0);
    assert_true(server.system_id == row.server_system_id);
    assert_true(server.timeline == row.server_timeline);
    assert_true(server.time > 0 && server.time <= row.server_time);
    contract_cut(&f->store);
    assert_int_equal(store_server(&f->store, &server, &f->err), ODK_ECONN);
}

static void
test_a_batch_of_another_time_is_refused_and_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_execution_write execution = started(f, 1, "shop/skewed");
    struct store_batch batch = {.executions = &execution, .n_executions = 1};
    static const odk_dur_ms off[] = {-STORE_SKEW_MS_MAX - 1000,
                                     STORE_SKEW_MS_MAX + 1000,
                                     INT64_C(86400000) * 36500};

    for (size_t i = 0; i < ODK_ARRAY_LEN(off); i++) {
        f->wall = agreed_time(f) + off[i];
        assert_int_equal(commit(f, &batch), ODK_ESKEW);
        assert_false(load_key(f, "shop/skewed").is_found);
    }
    f->wall = agreed_time(f) + STORE_SKEW_MS_MAX - 1000;
    commit_fine(f, &batch);
    f->wall = agreed_time(f) - STORE_SKEW_MS_MAX + 1000;
    batch.n_executions = 0;
    commit_fine(f, &batch);
}

static void
test_two_shards_commit_together_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct store_shard row;
    struct store_shard_move moves[2] = {f->move, f->move};
    struct store_execution_write execution = started(f, 1, "shop/two");
    struct store_batch batch = {.wall = f->wall,
                                .shards = moves,
                                .n_shards = 2,
                                .executions = &execution,
                                .n_executions = 1};

    moves[1].shard = next_shard();
    moves[1].fence = 9;
    assert_int_equal(store_commit(&f->store, &batch, &f->err), ODK_EFENCED);
    assert_false(load_key(f, "shop/two").is_found);
    assert_int_equal(store_acquire(&f->store, moves[1].shard, 9, ODK_STR("me"),
                                   &f->arena, &row, &f->err),
                     0);
    assert_int_equal(store_commit(&f->store, &batch, &f->err), 0);
    assert_true(load_key(f, "shop/two").is_found);
}

static void
test_a_quarantine_stays_and_is_fenced(void **state)
{
    struct fixture *f = *state;
    struct store_shard row;

    assert_int_equal(store_quarantine(&f->store, f->shard, f->move.fence + 1,
                                      ODK_STR("no"), &f->err),
                     ODK_EFENCED);
    assert_int_equal(store_quarantine(&f->store, f->shard, f->move.fence,
                                      ODK_STR("lost commits"), &f->err),
                     0);
    assert_int_equal(acquire_as(f, &f->store, 5, &row), 0);
    assert_str(row.quarantine, ODK_STR("lost commits"));
}

static void
test_accepting_a_server_writes_its_identity(void **state)
{
    struct fixture *f = *state;
    struct store_shard row;
    uint64_t floor = UINT64_C(1) << 40;

    assert_int_equal(store_accept_server(&f->store, f->shard, f->move.fence + 1,
                                         floor, &f->err),
                     ODK_EFENCED);
    assert_int_equal(
        store_accept_server(&f->store, f->shard, f->move.fence, floor, &f->err),
        0);
    assert_int_equal(acquire_as(f, &f->store, 5, &row), 0);
    assert_int_equal(row.outbox_seq, floor);
    assert_int_equal(row.batch, 0);
    assert_true(row.system_id == row.server_system_id);
    assert_true(row.timeline == row.server_timeline);
    assert_int_equal(store_accept_server(&f->store, f->shard, 5, 1, &f->err),
                     0);
    assert_int_equal(acquire_as(f, &f->store, 6, &row), 0);
    assert_int_equal(row.outbox_seq, floor);
}

static void
test_a_forgotten_server_is_none(void **state)
{
    struct fixture *f = *state;
    struct store_shard row;

    assert_int_equal(
        store_accept_server(&f->store, f->shard, f->move.fence, 7, &f->err), 0);
    assert_int_equal(
        store_forget_server(&f->store, f->shard, f->move.fence + 1, &f->err),
        ODK_EFENCED);
    assert_int_equal(
        store_forget_server(&f->store, f->shard, f->move.fence, &f->err), 0);
    assert_int_equal(acquire_as(f, &f->store, 5, &row), 0);
    assert_int_equal(row.outbox_seq, 7);
    assert_true(row.system_id == 0 && row.timeline == 0);
}

/* ---- executions ---- */

static void
test_a_run_is_found_by_key_and_by_id(void **state)
{
    struct fixture *f = *state;
    static const char bytes[] = "state \0 with \xff zeros";
    struct store_execution_write execution = started(f, 1, "shop/a b/ü");
    struct store_batch batch = {.executions = &execution, .n_executions = 1};
    struct store_want wants[3] = {
        {.shard = f->shard, .workflow_key = ODK_STR("shop/none")},
        {.shard = f->shard, .has_run_id = true, .run_id = run_id(1)},
        {.shard = f->shard, .workflow_key = ODK_STR("shop/a b/ü")},
    };
    struct store_execution out[3];

    execution.state = odk_str_n(bytes, sizeof(bytes));
    commit_fine(f, &batch);
    assert_int_equal(store_load(&f->store, wants, 3, &f->arena, out, &f->err),
                     0);
    assert_false(out[0].is_found);
    for (int i = 1; i < 3; i++) {
        assert_true(out[i].is_found);
        assert_true(odk_uuid_eq(&out[i].run_id, &execution.run_id));
        assert_str(out[i].workflow_key, execution.workflow_key);
        assert_str(out[i].definition, ODK_STR("order"));
        assert_int_equal(out[i].definition_version, 3);
        assert_int_equal(out[i].status, 1);
        assert_int_equal(out[i].version, 1);
        assert_str(out[i].state, execution.state);
    }
}

static void
test_a_transition_replaces_the_state(void **state)
{
    struct fixture *f = *state;
    struct store_execution_write execution = started(f, 1, "shop/x");
    struct store_batch batch = {.executions = &execution, .n_executions = 1};

    commit_fine(f, &batch);
    execution.is_new = false;
    execution.is_status_changed = false;
    execution.version = 4;
    execution.state = ODK_STR("{\"a\":2}");
    commit_fine(f, &batch);
    assert_int_equal(load_key(f, "shop/x").version, 4);
    assert_str(load_key(f, "shop/x").state, ODK_STR("{\"a\":2}"));

    execution.version = 4;
    assert_int_equal(commit(f, &batch), ODK_ECORRUPT);
    execution.version = 5;
    execution.run_id = run_id(2);
    assert_int_equal(commit(f, &batch), ODK_ECORRUPT);
    assert_int_equal(load_key(f, "shop/x").version, 4);
}

static void
test_the_current_run_moves_to_the_newer_one(void **state)
{
    struct fixture *f = *state;
    struct store_execution_write writes[2] = {started(f, 1, "shop/x"),
                                              started(f, 2, "shop/x")};
    struct store_batch batch = {.executions = writes, .n_executions = 1};
    struct odk_uuid second = run_id(2);
    struct odk_uuid third = run_id(3);

    commit_fine(f, &batch);
    /* The first one ends in the batch that starts the second. */
    writes[0].is_new = false;
    writes[0].version = 2;
    writes[0].status = 3;
    writes[0].closed_at = NOW + 5;
    writes[0].error = ODK_STR("States.Timeout");
    batch.n_executions = 2;
    commit_fine(f, &batch);
    assert_true(is_current(f, "shop/x", &second));
    assert_int_equal(load_key(f, "shop/x").status, 1);

    /* An older run's end changes nothing; of two new ones the last counts. */
    writes[0].version = 3;
    writes[1] = started(f, 3, "shop/x");
    writes[1].status = 2;
    writes[1].closed_at = NOW + 9;
    struct store_execution_write three[3] = {started(f, 4, "shop/x"), writes[0],
                                             writes[1]};
    batch.executions = three;
    batch.n_executions = 3;
    commit_fine(f, &batch);
    assert_true(is_current(f, "shop/x", &third));
    assert_int_equal(load_key(f, "shop/x").status, 2);
}

static void
test_a_refused_value_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_execution_write writes[2] = {started(f, 1, "shop/fine"),
                                              started(f, 2, "shop/poison")};
    struct store_batch batch = {.executions = writes, .n_executions = 2};
    static const struct odk_str poisons[] = {
        {"a\0b", 3}, {"\xc3\x28", 2}, {"\xed\xa0\x80", 3}};

    for (size_t i = 0; i < ODK_ARRAY_LEN(poisons); i++) {
        writes[1].workflow_id = poisons[i];
        assert_int_equal(commit(f, &batch), ODK_EREFUSED);
        assert_false(load_key(f, "shop/fine").is_found);
    }
    batch.n_executions = 1;
    commit_fine(f, &batch);
    assert_int_equal(commit(f, &batch), ODK_EREFUSED); /* the run exists */
    assert_true(load_key(f, "shop/fine").is_found);
}

static void
test_a_thousand_executions_fit_a_batch(void **state)
{
    enum {
        N = 1000
    };
    struct fixture *f = *state;
    struct store_execution_write *writes = calloc(N, sizeof(*writes));
    struct store_want *wants = calloc(N, sizeof(*wants));
    struct store_execution *out = calloc(N, sizeof(*out));
    struct store_history_write *histories = calloc(N, sizeof(*histories));
    struct store_batch batch = {.executions = writes,
                                .n_executions = N,
                                .histories = histories,
                                .n_histories = N};

    for (size_t i = 0; i < N; i++) {
        char key[40];
        (void)snprintf(key, sizeof(key), "shop/many-%zu", i);
        struct odk_str text = odk_arena_str(&f->arena, odk_str(key));
        writes[i] = started(f, i + 1, text.ptr);
        histories[i] = (struct store_history_write){
            .shard = f->shard,
            .run_id = writes[i].run_id,
            .version = 1,
            .at = NOW,
            .entries = ODK_STR("[]"),
        };
        wants[N - 1 - i] =
            (struct store_want){.shard = f->shard, .workflow_key = text};
    }
    commit_fine(f, &batch);
    assert_int_equal(store_load(&f->store, wants, N, &f->arena, out, &f->err),
                     0);
    for (size_t i = 0; i < N; i++) {
        assert_true(out[i].is_found);
        assert_true(odk_uuid_eq(&out[i].run_id, &writes[N - 1 - i].run_id));
    }
    assert_int_equal(contract_n_histories(f->shard, &writes[9].run_id), 1);
    free(writes);
    free(wants);
    free(out);
    free(histories);
}

/* ---- history, requests, sources, timers ---- */

static void
test_history_keeps_any_json_text(void **state)
{
    struct fixture *f = *state;
    struct store_history_write rows[2] = {
        {.shard = f->shard,
         .run_id = run_id(1),
         .version = 1,
         .at = NOW,
         .first_event_id = 1,
         .entries = ODK_STR("[{\"id\":1,\"d\":\"\\u0000\"}]")},
        {.shard = f->shard,
         .run_id = run_id(1),
         .version = 2,
         .at = NOW,
         .entries = ODK_STR("[]")},
    };
    struct store_batch batch = {.histories = rows, .n_histories = 2};

    commit_fine(f, &batch);
    assert_int_equal(contract_n_histories(f->shard, &rows[0].run_id), 2);
    rows[0].version = 3;
    rows[0].entries = (struct odk_str){"[\"\0\"]", 5};
    batch.n_histories = 1;
    assert_int_equal(commit(f, &batch), ODK_EREFUSED);
}

static void
test_requests_are_remembered(void **state)
{
    struct fixture *f = *state;
    struct store_request rows[2] = {
        {.shard = f->shard,
         .request_id = ODK_STR("r1"),
         .workflow_key = ODK_STR("shop/a"),
         .digest = {1, 0, 2},
         .has_run_id = true,
         .run_id = run_id(8),
         .at = NOW},
        {.shard = f->shard,
         .request_id = ODK_STR("r2"),
         .workflow_key = ODK_STR("shop/a"),
         .digest = {3},
         .code = ODK_STR("WorkflowAlreadyStarted"),
         .message = ODK_STR("it runs"),
         .at = NOW + 1},
    };
    struct store_batch batch = {.requests = rows, .n_requests = 2};
    struct store_request wants[3] = {rows[1], rows[0], rows[0]};
    struct store_request out[3];
    bool is_found[3];

    wants[2].workflow_key = ODK_STR("shop/b");
    commit_fine(f, &batch);
    assert_int_equal(
        store_requests(&f->store, wants, 3, &f->arena, out, is_found, &f->err),
        0);
    assert_true(is_found[0] && is_found[1] && !is_found[2]);
    assert_str(out[0].code, rows[1].code);
    assert_str(out[0].message, rows[1].message);
    assert_false(out[0].has_run_id);
    assert_int_equal(out[0].at, NOW + 1);
    assert_null(out[1].code.ptr);
    assert_true(out[1].has_run_id);
    assert_true(odk_uuid_eq(&out[1].run_id, &rows[0].run_id));
    assert_memory_equal(out[1].digest, rows[0].digest, ODK_SHA256_BYTES);
}

static void
test_sources_keep_the_last_number(void **state)
{
    struct fixture *f = *state;
    struct store_source_write rows[3] = {
        {f->shard, {ODK_STR("b"), 5}},
        {f->shard, {ODK_STR("a"), 9}},
        {f->shard, {ODK_STR("b"), 7}},
    };
    struct store_batch batch = {.sources = rows, .n_sources = 3};
    const struct store_source *out = NULL;
    size_t n = 0;

    commit_fine(f, &batch);
    rows[0].source.seq = 8;
    batch.n_sources = 1;
    commit_fine(f, &batch);
    assert_int_equal(
        store_sources(&f->store, f->shard, &f->arena, &out, &n, &f->err), 0);
    assert_int_equal(n, 2);
    assert_str(out[0].name, ODK_STR("a"));
    assert_int_equal(out[0].seq, 9);
    assert_str(out[1].name, ODK_STR("b"));
    assert_int_equal(out[1].seq, 8);
}

static struct store_timer_write
timer(const struct fixture *f, bool is_set, odk_time_ms due, uint64_t id)
{
    return (struct store_timer_write){
        .shard = f->shard, .is_set = is_set, .timer = {due, run_id(1), id}};
}

static void
test_timers_come_in_order_and_in_pages(void **state)
{
    struct fixture *f = *state;
    struct store_timer_write rows[] = {
        timer(f, true, NOW + 3, 1), timer(f, true, NOW + 1, 2),
        timer(f, true, NOW + 1, 1), timer(f, true, NOW + 2, 9),
        timer(f, true, NOW + 2, 9),
    };
    struct store_batch batch = {.timers = rows, .n_timers = 5};
    const struct store_timer *page = NULL;
    size_t n = 0;

    commit_fine(f, &batch);
    assert_int_equal(store_timers(&f->store, f->shard, NULL, 3, &f->arena,
                                  &page, &n, &f->err),
                     0);
    assert_int_equal(n, 3);
    assert_int_equal(page[0].due, NOW + 1);
    assert_int_equal(page[0].id, 1);
    assert_int_equal(page[1].id, 2);
    assert_int_equal(page[2].due, NOW + 2);
    assert_int_equal(store_timers(&f->store, f->shard, &page[2], 3, &f->arena,
                                  &page, &n, &f->err),
                     0);
    assert_int_equal(n, 1);
    assert_int_equal(page[0].due, NOW + 3);
    assert_int_equal(store_timers(&f->store, f->shard, &page[0], 3, &f->arena,
                                  &page, &n, &f->err),
                     0);
    assert_int_equal(n, 0);
}

static void
test_the_last_word_on_a_timer_counts(void **state)
{
    struct fixture *f = *state;
    struct store_timer_write rows[] = {
        timer(f, true, NOW, 1),  timer(f, false, NOW, 1),
        timer(f, false, NOW, 2), timer(f, true, NOW, 2),
        timer(f, true, NOW, 3),
    };
    struct store_batch batch = {.timers = rows, .n_timers = 5};
    const struct store_timer *page = NULL;
    size_t n = 0;

    commit_fine(f, &batch);
    rows[0] = timer(f, false, NOW, 3);
    batch.n_timers = 1;
    commit_fine(f, &batch);
    assert_int_equal(store_timers(&f->store, f->shard, NULL, 9, &f->arena,
                                  &page, &n, &f->err),
                     0);
    assert_int_equal(n, 1);
    assert_int_equal(page[0].id, 2);
}

/* ---- definitions, lost connections ---- */

static void
test_definitions_are_found_newest_or_exact(void **state)
{
    struct fixture *f = *state;
    struct store_definition out;
    struct odk_str shop = ODK_STR("shop");
    struct odk_str name = ODK_STR("order");

    contract_define(shop, name, ODK_STR("{\"v\":1}"));
    contract_define(shop, name, ODK_STR("{\"v\":2}"));
    assert_int_equal(
        store_definition(&f->store, shop, name, 0, &f->arena, &out, &f->err),
        0);
    assert_int_equal(out.version, 2);
    assert_str(out.text, ODK_STR("{\"v\":2}"));
    assert_str(out.name, name);
    assert_int_equal(
        store_definition(&f->store, shop, name, 1, &f->arena, &out, &f->err),
        0);
    assert_str(out.text, ODK_STR("{\"v\":1}"));
    assert_int_equal(
        store_definition(&f->store, shop, name, 3, &f->arena, &out, &f->err),
        ODK_ENOTFOUND);
    assert_int_equal(store_definition(&f->store, ODK_STR("x"), name, 0,
                                      &f->arena, &out, &f->err),
                     ODK_ENOTFOUND);
}

static void
test_a_lost_connection_is_told_and_mended(void **state)
{
    struct fixture *f = *state;
    struct store_execution_write execution = started(f, 1, "shop/lost");
    struct store_batch batch = {.executions = &execution, .n_executions = 1};
    struct store_want want = {.shard = f->shard,
                              .workflow_key = ODK_STR("shop/lost")};
    struct store_execution out;

    contract_cut(&f->store);
    int rc = commit(f, &batch);
    assert_true(rc == ODK_ECONN || rc == ODK_EUNKNOWN_COMMIT);
    assert_int_equal(store_load(&f->store, &want, 1, &f->arena, &out, &f->err),
                     ODK_ECONN);
    assert_int_equal(commit(f, &batch), ODK_ECONN);
    assert_int_equal(store_reconnect(&f->store, &f->err), 0);
    acquire(f, 321);
    assert_int_equal(f->move.batch_expected, 0);
    commit_fine(f, &batch);
    assert_true(load_key(f, "shop/lost").is_found);
}

static void
test_a_read_on_a_lost_connection_fails(void **state)
{
    struct fixture *f = *state;
    struct store_want want = {.shard = f->shard,
                              .workflow_key = ODK_STR("shop/lost")};
    struct store_execution out;

    contract_cut(&f->store);
    assert_int_equal(store_load(&f->store, &want, 1, &f->arena, &out, &f->err),
                     ODK_ECONN);
    assert_int_equal(store_reconnect(&f->store, &f->err), 0);
    assert_int_equal(store_load(&f->store, &want, 1, &f->arena, &out, &f->err),
                     0);
}

static void
test_an_answer_over_the_arenas_cap_is_a_limit(void **state)
{
    enum {
        BIG = 100000
    };
    struct fixture *f = *state;
    struct store_execution_write execution = started(f, 1, "shop/big");
    struct store_batch batch = {.executions = &execution, .n_executions = 1};
    struct store_want want = {.shard = f->shard,
                              .workflow_key = ODK_STR("shop/big")};
    struct store_execution out;
    struct odk_arena small;
    char *state_bytes = calloc(1, BIG);

    execution.state = odk_str_n(state_bytes, BIG);
    commit_fine(f, &batch);
    odk_arena_init(&small, BIG / 2);
    assert_int_equal(store_load(&f->store, &want, 1, &small, &out, &f->err),
                     ODK_ELIMIT);
    odk_arena_release(&small);
    assert_int_equal(load_key(f, "shop/big").state.len, BIG);
    free(state_bytes);
}

int
contract_run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_acquire_makes_the_row_and_raises_its_epoch),
        TEST(test_an_older_owner_is_fenced_and_writes_nothing),
        TEST(test_a_batch_out_of_turn_is_refused),
        TEST(test_a_commit_moves_the_row),
        TEST(test_the_server_tells_who_it_is),
        TEST(test_a_batch_of_another_time_is_refused_and_writes_nothing),
        TEST(test_two_shards_commit_together_or_not_at_all),
        TEST(test_a_quarantine_stays_and_is_fenced),
        TEST(test_accepting_a_server_writes_its_identity),
        TEST(test_a_forgotten_server_is_none),
        TEST(test_a_run_is_found_by_key_and_by_id),
        TEST(test_a_transition_replaces_the_state),
        TEST(test_the_current_run_moves_to_the_newer_one),
        TEST(test_a_refused_value_writes_nothing),
        TEST(test_a_thousand_executions_fit_a_batch),
        TEST(test_history_keeps_any_json_text),
        TEST(test_requests_are_remembered),
        TEST(test_sources_keep_the_last_number),
        TEST(test_timers_come_in_order_and_in_pages),
        TEST(test_the_last_word_on_a_timer_counts),
        TEST(test_definitions_are_found_newest_or_exact),
        TEST(test_a_lost_connection_is_told_and_mended),
        TEST(test_a_read_on_a_lost_connection_fails),
        TEST(test_an_answer_over_the_arenas_cap_is_a_limit),
    };

    int failed =
        cmocka_run_group_tests_name("store contract", tests, NULL, NULL);

    return failed + contract_outbox_run();
}
