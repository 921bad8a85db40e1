#include "store_pg/store_pg_priv.h"

/*
 * One batch = one pipeline = one transaction (exactly-once.md §1). The shard
 * rows come first: a fenced owner's transaction dies on them before it touched
 * anything else.
 */

#define COLUMN(kind, type, member)                                             \
    {                                                                          \
        (kind), offsetof(type, member), 0                                      \
    }

#define EXECUTION(kind, member)                                                \
    COLUMN(kind, struct store_execution_write, member)

static const struct store_pg_column execution_insert[] = {
    EXECUTION(STORE_PG_I32, shard),
    EXECUTION(STORE_PG_UUID, run_id),
    EXECUTION(STORE_PG_TEXT, namespace_),
    EXECUTION(STORE_PG_TEXT, workflow_id),
    EXECUTION(STORE_PG_TEXT, definition),
    EXECUTION(STORE_PG_I32, definition_version),
    EXECUTION(STORE_PG_I32, status),
    EXECUTION(STORE_PG_BOOL, is_stuck),
    EXECUTION(STORE_PG_I64, version),
    EXECUTION(STORE_PG_TIME, started_at),
    EXECUTION(STORE_PG_TIME_NULL, closed_at),
    EXECUTION(STORE_PG_TEXT_NULL, error),
    EXECUTION(STORE_PG_BYTES, state),
};

static const struct store_pg_column execution_update[] = {
    EXECUTION(STORE_PG_I32, shard),
    EXECUTION(STORE_PG_UUID, run_id),
    EXECUTION(STORE_PG_I64, version),
    EXECUTION(STORE_PG_I32, status),
    EXECUTION(STORE_PG_BOOL, is_stuck),
    EXECUTION(STORE_PG_TIME_NULL, closed_at),
    EXECUTION(STORE_PG_TEXT_NULL, error),
    EXECUTION(STORE_PG_BYTES, state),
};

static const struct store_pg_column current_put[] = {
    EXECUTION(STORE_PG_I32, shard),
    EXECUTION(STORE_PG_TEXT, workflow_key),
    EXECUTION(STORE_PG_UUID, run_id),
    EXECUTION(STORE_PG_I32, status),
};

static const struct store_pg_column visibility_insert[] = {
    EXECUTION(STORE_PG_TEXT, namespace_),
    EXECUTION(STORE_PG_UUID, run_id),
    EXECUTION(STORE_PG_I32, shard),
    EXECUTION(STORE_PG_I32, status),
    EXECUTION(STORE_PG_TIME, started_at),
    EXECUTION(STORE_PG_TIME_NULL, closed_at),
    EXECUTION(STORE_PG_I32, definition_version),
    EXECUTION(STORE_PG_TEXT, definition),
    EXECUTION(STORE_PG_TEXT, workflow_id),
    EXECUTION(STORE_PG_TEXT_NULL, error),
};

static const struct store_pg_column visibility_update[] = {
    EXECUTION(STORE_PG_TEXT, namespace_),
    EXECUTION(STORE_PG_UUID, run_id),
    EXECUTION(STORE_PG_I32, shard),
    EXECUTION(STORE_PG_I32, status),
    EXECUTION(STORE_PG_TIME_NULL, closed_at),
    EXECUTION(STORE_PG_TEXT_NULL, error),
};

static const struct store_pg_column history_insert[] = {
    COLUMN(STORE_PG_I32, struct store_history_write, shard),
    COLUMN(STORE_PG_UUID, struct store_history_write, run_id),
    COLUMN(STORE_PG_I64, struct store_history_write, version),
    COLUMN(STORE_PG_TIME, struct store_history_write, at),
    COLUMN(STORE_PG_I64, struct store_history_write, first_event_id),
    COLUMN(STORE_PG_TEXT, struct store_history_write, entries),
};

static const struct store_pg_column timer_columns[] = {
    COLUMN(STORE_PG_I32, struct store_timer_write, shard),
    COLUMN(STORE_PG_I64, struct store_timer_write, timer.due),
    COLUMN(STORE_PG_UUID, struct store_timer_write, timer.run_id),
    COLUMN(STORE_PG_I64, struct store_timer_write, timer.id),
};

static const struct store_pg_column request_insert[] = {
    COLUMN(STORE_PG_I32, struct store_request, shard),
    COLUMN(STORE_PG_TEXT, struct store_request, workflow_key),
    COLUMN(STORE_PG_TEXT, struct store_request, request_id),
    COLUMN(STORE_PG_TIME, struct store_request, at),
    COLUMN(STORE_PG_DIGEST, struct store_request, digest),
    {STORE_PG_UUID_NULL, offsetof(struct store_request, run_id),
     offsetof(struct store_request, has_run_id)},
    COLUMN(STORE_PG_TEXT_NULL, struct store_request, code),
    COLUMN(STORE_PG_TEXT_NULL, struct store_request, message),
};

static const struct store_pg_column source_put[] = {
    COLUMN(STORE_PG_I32, struct store_source_write, shard),
    COLUMN(STORE_PG_TEXT, struct store_source_write, source.name),
    COLUMN(STORE_PG_I64, struct store_source_write, source.seq),
};

static const struct store_pg_column outbox_insert[] = {
    COLUMN(STORE_PG_I32, struct store_pg_chunk, shard),
    COLUMN(STORE_PG_I64, struct store_pg_chunk, seq),
    COLUMN(STORE_PG_BYTES, struct store_pg_chunk, data),
};

static const struct store_pg_column parked_insert[] = {
    COLUMN(STORE_PG_I32, struct store_parked_write, shard),
    COLUMN(STORE_PG_I64, struct store_parked_write, output.seq),
    COLUMN(STORE_PG_TEXT, struct store_parked_write, output.topic),
    COLUMN(STORE_PG_I32, struct store_parked_write, output.partition),
    COLUMN(STORE_PG_BYTES_NULL, struct store_parked_write, output.key),
    COLUMN(STORE_PG_BYTES, struct store_parked_write, output.value),
    COLUMN(STORE_PG_BYTES, struct store_parked_write, output.headers),
    COLUMN(STORE_PG_TEXT, struct store_parked_write, reason),
};

static const struct store_pg_column parked_delete[] = {
    COLUMN(STORE_PG_I32, struct store_parked_drop, shard),
    COLUMN(STORE_PG_I64, struct store_parked_drop, seq),
};

/* A statement over some rows; none is sent for no rows. */
struct part {
    enum store_pg_statement statement;
    bool is_counted; /**< the number of rows is the first parameter */
    struct store_pg_rows rows;
    const struct store_pg_column *columns;
    size_t n_columns;
};

#define PART(statement, rows, columns)                                         \
    {                                                                          \
        (statement), false, (rows), (columns), ODK_ARRAY_LEN(columns)          \
    }

/* Pointers to the n rows of an array. */
static bool
rows_of(const void *array, size_t n, size_t size, struct odk_arena *arena,
        struct store_pg_rows *out)
{
    const char *row = array;

    out->n = n;
    out->ptr =
        (const void **)odk_arena_calloc(arena, n ? n : 1, sizeof(void *));
    if (out->ptr == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        out->ptr[i] = row + i * size;
    }
    return true;
}

static int
send_shard_moves(struct store_pg_conn *conn, const struct store_batch *batch,
                 struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->n_shards; i++) {
        const struct store_shard_move *move = &batch->shards[i];
        struct store_pg_params *params = &conn->params;
        store_pg_params_clear(params);
        store_pg_param_i32(params, move->shard);
        store_pg_param_i64(params, move->fence);
        store_pg_param_i64(params, move->batch_expected);
        store_pg_param_i64(params, move->next_command);
        store_pg_param_i64(params, move->next_result);
        store_pg_param_i64(params, store_pg_from_u64(move->outbox_seq));
        store_pg_param_i64(params, store_pg_from_u64(move->published));
        store_pg_param_i64(params, move->history_offset);
        store_pg_param_i64(params, move->clock);
        store_pg_param_time(params, batch->wall);
        rc = store_pg_send(conn, STORE_PG_SHARD_MOVE, err);
    }
    return rc;
}

static int
send_outbox_deletes(struct store_pg_conn *conn, const struct store_batch *batch,
                    struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->n_shards; i++) {
        const struct store_shard_move *move = &batch->shards[i];
        if (move->published == move->published_from) {
            continue;
        }
        store_pg_params_clear(&conn->params);
        store_pg_param_i32(&conn->params, move->shard);
        store_pg_param_i64(&conn->params,
                           store_pg_from_u64(move->published_from));
        store_pg_param_i64(&conn->params, store_pg_from_u64(move->published));
        rc = store_pg_send(conn, STORE_PG_OUTBOX_DELETE, err);
    }
    return rc;
}

static int
send_parts(struct store_pg_conn *conn, const struct part *parts, size_t n,
           struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct part *part = &parts[i];
        if (part->rows.n == 0) {
            continue;
        }
        store_pg_params_clear(&conn->params);
        if (part->is_counted) {
            store_pg_param_i64(&conn->params, (int64_t)part->rows.n);
        }
        store_pg_param_columns(&conn->params, part->rows.ptr, part->rows.n,
                               part->columns, part->n_columns);
        rc = store_pg_send(conn, part->statement, err);
    }
    return rc;
}

/* A batch's rows by statement. */
struct batch_rows {
    struct store_pg_selection chosen;
    struct store_pg_rows histories;
    struct store_pg_rows requests;
    struct store_pg_rows chunks;
    struct store_pg_rows parked;
    struct store_pg_rows parked_drops;
};

static int
gather(const struct store_batch *batch, struct odk_arena *arena,
       struct batch_rows *out, struct odk_err *err)
{
    const struct store_pg_chunk *chunks = NULL;
    size_t n_chunks = 0;

    int rc = store_pg_select(batch, arena, &out->chosen, err);
    if (rc == 0) {
        rc = store_pg_chunks_pack(batch, arena, &chunks, &n_chunks, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (!rows_of(chunks, n_chunks, sizeof(*chunks), arena, &out->chunks) ||
        !rows_of(batch->histories, batch->n_histories,
                 sizeof(*batch->histories), arena, &out->histories) ||
        !rows_of(batch->requests, batch->n_requests, sizeof(*batch->requests),
                 arena, &out->requests) ||
        !rows_of(batch->parked, batch->n_parked, sizeof(*batch->parked), arena,
                 &out->parked) ||
        !rows_of(batch->parked_drops, batch->n_parked_drops,
                 sizeof(*batch->parked_drops), arena, &out->parked_drops)) {
        return odk_err_set(err, ODK_EREFUSED,
                           "a batch is larger than its memory");
    }
    return 0;
}

/* Everything but the shard rows. Timers: what is dropped goes first, what stays
 * set was chosen by store_pg_select. */
static int
send_rows(struct store_pg_conn *conn, const struct batch_rows *rows,
          struct odk_err *err)
{
    const struct store_pg_selection *chosen = &rows->chosen;
    const struct part parts[] = {
        PART(STORE_PG_EXECUTION_INSERT, chosen->executions_new,
             execution_insert),
        {STORE_PG_EXECUTION_UPDATE, true, chosen->executions_old,
         execution_update, ODK_ARRAY_LEN(execution_update)},
        PART(STORE_PG_CURRENT_STATUS, chosen->closed, current_put),
        PART(STORE_PG_CURRENT_PUT, chosen->current, current_put),
        PART(STORE_PG_VISIBILITY_UPDATE, chosen->closed, visibility_update),
        PART(STORE_PG_VISIBILITY_INSERT, chosen->executions_new,
             visibility_insert),
        PART(STORE_PG_HISTORY_INSERT, rows->histories, history_insert),
        PART(STORE_PG_TIMER_DELETE, chosen->timers_dropped, timer_columns),
        PART(STORE_PG_TIMER_INSERT, chosen->timers_set, timer_columns),
        PART(STORE_PG_REQUEST_INSERT, rows->requests, request_insert),
        PART(STORE_PG_SOURCE_PUT, chosen->sources, source_put),
        PART(STORE_PG_OUTBOX_INSERT, rows->chunks, outbox_insert),
        PART(STORE_PG_PARKED_DELETE, rows->parked_drops, parked_delete),
        PART(STORE_PG_PARKED_INSERT, rows->parked, parked_insert),
    };
    return send_parts(conn, parts, ODK_ARRAY_LEN(parts), err);
}

static int
send_batch(struct store_pg_conn *conn, const struct store_batch *batch,
           const struct batch_rows *rows, struct odk_err *err)
{
    store_pg_params_clear(&conn->params);
    int rc = store_pg_send(conn, STORE_PG_BEGIN, err);
    if (rc == 0) {
        rc = send_shard_moves(conn, batch, err);
    }
    if (rc == 0) {
        rc = send_rows(conn, rows, err);
    }
    if (rc == 0) {
        rc = send_outbox_deletes(conn, batch, err);
    }
    return rc;
}

/* Divisions by zero are ours: a row that had to be there is not. */
static int
commit_failed(struct store_pg_conn *conn, size_t n_shards, int rc,
              struct odk_err *err)
{
    const char *state = store_pg_sqlstate(conn);

    if (strcmp(state, "22012") == 0 && conn->failed <= n_shards) {
        return odk_err_set(err, ODK_EFENCED, "the shard has no row");
    }
    if (strcmp(state, "22012") == 0) {
        return odk_err_set(err, ODK_ECORRUPT,
                           "an execution's row is missing, or newer than what "
                           "was to be written");
    }
    /* A standby says so before it writes; every other loss leaves open whether
     * the COMMIT, sent with the rest, was done. */
    if (rc == ODK_ECONN && strcmp(state, "25006") != 0) {
        struct odk_err cause = {.message = ""};
        if (err != NULL) {
            cause = *err;
        }
        return odk_err_set(err, ODK_EUNKNOWN_COMMIT, "during commit: %s",
                           cause.message);
    }
    return rc;
}

/* A warning may be a replica that did not answer; ROLLBACK a failed COMMIT. */
static int
commit_checked(struct store_pg_conn *conn, struct odk_err *err)
{
    const PGresult *last = store_pg_result(conn, conn->n_sent - 1);
    /* libpq takes the result as not const, and only reads it. */
    const char *tag = PQcmdStatus((PGresult *)(uintptr_t)last);

    if (!conn->is_warned && strcmp(tag, "COMMIT") == 0) {
        return 0;
    }
    conn->is_broken = true;
    return odk_err_set(err, ODK_EUNKNOWN_COMMIT,
                       "PostgreSQL answered the commit with %s%s", tag,
                       conn->is_warned ? " and a warning" : "");
}

int
store_pg_commit(struct store *store, const struct store_batch *batch,
                struct odk_err *err)
{
    struct store_pg *pg = store_pg_of(store);
    struct store_pg_conn *conn = &pg->conn;
    struct batch_rows rows;

    odk_arena_reset(&pg->scratch);
    int rc = store_pg_round_begin(conn, err);
    if (rc == 0) {
        rc = gather(batch, &pg->scratch, &rows, err);
    }
    if (rc != 0) {
        return rc;
    }
    rc = send_batch(conn, batch, &rows, err);
    if (rc != 0) {
        /* What was queued without its COMMIT is rolled back with the
         * connection. */
        conn->is_broken = true;
        return rc;
    }
    store_pg_params_clear(&conn->params);
    rc = store_pg_send(conn, STORE_PG_COMMIT, err);
    if (rc == 0) {
        rc = store_pg_round_end(conn, err);
    }
    if (rc != 0) {
        return commit_failed(conn, batch->n_shards, rc, err);
    }
    return commit_checked(conn, err);
}
