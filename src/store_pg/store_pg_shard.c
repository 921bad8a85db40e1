#include <stdio.h>

#include "store_pg/store_pg_priv.h"

#define ACQUIRE_TRIES 3

/* Places of the statements in the round of an acquire. */
enum {
    AT_BEGIN,
    AT_TIMEOUT,
    AT_CREATE,
    AT_ACQUIRE,
    AT_IDENTITY,
    AT_COMMIT,
};

bool
store_pg_shard_read(const PGresult *result, int row, struct odk_arena *arena,
                    struct store_shard *out)
{
    *out = (struct store_shard){
        .shard = store_pg_i32(result, row, 0),
        .epoch = store_pg_i64(result, row, 1),
        .fence = store_pg_i64(result, row, 2),
        .batch = store_pg_i64(result, row, 3),
        .next_command = store_pg_i64(result, row, 4),
        .next_result = store_pg_i64(result, row, 5),
        .history_offset = store_pg_i64(result, row, 6),
        .outbox_seq = (uint64_t)store_pg_i64(result, row, 7),
        .published = (uint64_t)store_pg_i64(result, row, 8),
        .clock = store_pg_i64(result, row, 9),
        .system_id = (uint64_t)store_pg_i64(result, row, 10),
        .timeline = (uint32_t)store_pg_i32(result, row, 11),
    };
    return store_pg_copy(result, row, 12, arena, &out->quarantine);
}

static int
send_acquire(struct store_pg_conn *conn, int32_t shard, int64_t fence,
             struct odk_str owner, struct odk_err *err)
{
    char wait_ms[24];
    struct store_pg_params *params = &conn->params;

    (void)snprintf(wait_ms, sizeof(wait_ms), "%lld",
                   (long long)conn->options.lock_wait_ms_max);
    store_pg_params_clear(params);
    int rc = store_pg_send(conn, STORE_PG_BEGIN, err);
    if (rc == 0) {
        store_pg_param_str(params, odk_str(wait_ms));
        rc = store_pg_send(conn, STORE_PG_LOCK_TIMEOUT, err);
    }
    if (rc == 0) {
        store_pg_params_clear(params);
        store_pg_param_i32(params, shard);
        rc = store_pg_send(conn, STORE_PG_SHARD_CREATE, err);
    }
    if (rc == 0) {
        store_pg_param_i64(params, fence);
        store_pg_param_str(params, owner.ptr ? owner : ODK_STR(""));
        rc = store_pg_send(conn, STORE_PG_SHARD_ACQUIRE, err);
    }
    store_pg_params_clear(params);
    if (rc == 0) {
        rc = store_pg_send(conn, STORE_PG_SERVER_IDENTITY, err);
    }
    if (rc == 0) {
        rc = store_pg_send(conn, STORE_PG_COMMIT, err);
    }
    return rc;
}

static int
acquire_once(struct store_pg_conn *conn, int32_t shard, int64_t fence,
             struct odk_str owner, struct odk_err *err)
{
    int rc = store_pg_round_begin(conn, err);

    if (rc == 0) {
        rc = send_acquire(conn, shard, fence, owner, err);
    }
    return rc == 0 ? store_pg_round_end(conn, err) : rc;
}

/* The predecessor holds the row's lock and does not let go: a paused process,
 * or a machine that is gone. Needs its role, or pg_signal_backend. */
static int
end_predecessor(struct store_pg_conn *conn, int32_t shard, struct odk_err *err)
{
    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    return store_pg_run(conn, STORE_PG_BACKEND_END, err);
}

int
store_pg_acquire(struct store *store, int32_t shard, int64_t fence, // NOLINT
                 struct odk_str owner, struct odk_arena *arena,
                 struct store_shard *out, struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;
    struct odk_err failure = {.code = 0};
    int rc = 0;

    for (int tries = 0; tries < ACQUIRE_TRIES; tries++) {
        rc = acquire_once(conn, shard, fence, owner, &failure);
        if (rc == 0 || strcmp(store_pg_sqlstate(conn), "55P03") != 0) {
            break;
        }
        rc = end_predecessor(conn, shard, &failure);
        if (rc != 0) {
            break;
        }
        rc = ODK_EAGAIN;
    }
    if (rc != 0) {
        return odk_err_set(err, rc, "acquiring shard %d: %s", (int)shard,
                           failure.message);
    }
    const PGresult *row = store_pg_result(conn, AT_ACQUIRE);
    const PGresult *server = store_pg_result(conn, AT_IDENTITY);
    odk_assert(PQntuples(row) == 1 && PQntuples(server) == 1);
    if (!store_pg_shard_read(row, 0, arena, out)) {
        return store_pg_full(err);
    }
    out->server_system_id = (uint64_t)store_pg_i64(server, 0, 0);
    out->server_timeline = (uint32_t)store_pg_i32(server, 0, 1);
    out->server_time = store_pg_time(server, 0, 2);
    return 0;
}

static void
read_server(const PGresult *result, struct store_server *out)
{
    odk_assert(PQntuples(result) == 1);
    out->system_id = (uint64_t)store_pg_i64(result, 0, 0);
    out->timeline = (uint32_t)store_pg_i32(result, 0, 1);
    out->time = store_pg_time(result, 0, 2);
    out->took_over_at = store_pg_time(result, 0, 3);
}

int
store_pg_server(struct store *store, struct store_server *out,
                struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;

    store_pg_params_clear(&conn->params);
    int rc = store_pg_run(conn, STORE_PG_SERVER_IDENTITY, err);
    if (rc == 0) {
        read_server(store_pg_result(conn, 0), out);
    }
    return rc;
}

/* A shard without a row is nobody's. */
static int
run_fenced(struct store_pg_conn *conn, enum store_pg_statement statement,
           struct odk_err *err)
{
    int rc = store_pg_run(conn, statement, err);

    if (rc != 0 && strcmp(store_pg_sqlstate(conn), "22012") == 0) {
        return odk_err_set(err, ODK_EFENCED, "the shard has no row");
    }
    return rc;
}

int
store_pg_quarantine(struct store *store, int32_t shard, int64_t fence,
                    struct odk_str reason, struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    store_pg_param_i64(&conn->params, fence);
    store_pg_param_str(&conn->params, reason);
    return run_fenced(conn, STORE_PG_SHARD_QUARANTINE, err);
}

int
store_pg_forget_server(struct store *store, int32_t shard, int64_t fence,
                       struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    store_pg_param_i64(&conn->params, fence);
    return run_fenced(conn, STORE_PG_SHARD_FORGET, err);
}

int
store_pg_accept_server(struct store *store, int32_t shard, int64_t fence,
                       uint64_t outbox_seq, struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    store_pg_param_i64(&conn->params, fence);
    store_pg_param_i64(&conn->params, store_pg_from_u64(outbox_seq));
    return run_fenced(conn, STORE_PG_SHARD_ACCEPT, err);
}
