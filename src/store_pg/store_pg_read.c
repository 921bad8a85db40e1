#include "store_pg/store_pg_priv.h"

/* Rows that a page of the outbox may look at: chunks are mostly full. */
#define CHUNK_BYTES_TYPICAL 4000

/* ---- outbox and sources ---- */

static size_t
count_records(const struct store_pg_conn *conn, struct odk_err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < store_pg_rows(conn, 0); i++) {
        struct odk_str rest = store_pg_str(store_pg_result(conn, 0), (int)i, 0);
        struct store_output output;
        int more = store_pg_chunk_next(&rest, &output, err);
        while (more == 1) {
            n++;
            more = store_pg_chunk_next(&rest, &output, err);
        }
        if (more < 0) {
            return SIZE_MAX;
        }
    }
    return n;
}

/* Copies chunk rows as they are; the records point into the copies. */
static int
read_chunks(const struct store_pg_conn *conn, uint64_t after,
            struct odk_arena *arena, struct store_output *records, size_t *n)
{
    for (size_t i = 0; i < store_pg_rows(conn, 0); i++) {
        struct odk_str rest;
        if (!store_pg_copy(store_pg_result(conn, 0), (int)i, 0, arena, &rest)) {
            return ODK_ELIMIT;
        }
        struct store_output output;
        while (store_pg_chunk_next(&rest, &output, NULL) == 1) {
            /* A chunk is deleted when its last record is published. */
            if (output.seq > after) {
                records[(*n)++] = output;
            }
        }
    }
    return 0;
}

int
store_pg_unpublished(struct store *store, int32_t shard, // NOLINT
                     uint64_t after, size_t bytes_max, struct odk_arena *arena,
                     const struct store_output **out, size_t *n,
                     struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    store_pg_param_i64(&conn->params, store_pg_from_u64(after));
    store_pg_param_i64(&conn->params, (int64_t)bytes_max);
    store_pg_param_i64(&conn->params,
                       (int64_t)(bytes_max / CHUNK_BYTES_TYPICAL + 1));
    int rc = store_pg_run(conn, STORE_PG_UNPUBLISHED, err);
    if (rc != 0) {
        return rc;
    }
    size_t count = count_records(conn, err);
    if (count == SIZE_MAX) {
        return ODK_ECORRUPT;
    }
    struct store_output *records =
        odk_arena_calloc(arena, count ? count : 1, sizeof(*records));
    if (records == NULL || read_chunks(conn, after, arena, records, n) != 0) {
        return store_pg_full(err);
    }
    *out = records;
    return 0;
}

int
store_pg_parked_one(struct store *store, int32_t shard, uint64_t seq,
                    struct odk_arena *arena, struct store_output *out,
                    struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    store_pg_param_i64(&conn->params, store_pg_from_u64(seq));
    int rc = store_pg_run(conn, STORE_PG_PARKED, err);
    if (rc != 0) {
        return rc;
    }
    if (store_pg_rows(conn, 0) == 0) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "shard %d has parked no number %llu", (int)shard,
                           (unsigned long long)seq);
    }
    const PGresult *result = store_pg_result(conn, 0);
    out->seq = seq;
    out->partition = store_pg_i32(result, 0, 1);
    return store_pg_copy(result, 0, 0, arena, &out->topic) &&
                   store_pg_copy(result, 0, 2, arena, &out->key) &&
                   store_pg_copy(result, 0, 3, arena, &out->value) &&
                   store_pg_copy(result, 0, 4, arena, &out->headers)
               ? 0
               : store_pg_full(err);
}

int
store_pg_sources(struct store *store, int32_t shard, struct odk_arena *arena,
                 const struct store_source **out, size_t *n,
                 struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    int rc = store_pg_run(conn, STORE_PG_SOURCES, err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(conn, 0);
    size_t count = store_pg_rows(conn, 0);
    struct store_source *sources =
        odk_arena_calloc(arena, count ? count : 1, sizeof(*sources));
    if (sources == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (!store_pg_copy(result, (int)i, 0, arena, &sources[i].name)) {
            return store_pg_full(err);
        }
        sources[i].seq = store_pg_i64(result, (int)i, 1);
    }
    *out = sources;
    *n = count;
    return 0;
}

/* ---- executions ---- */

static const struct store_pg_column want_current[] = {
    {STORE_PG_I32, offsetof(struct store_want, shard), 0},
    {STORE_PG_TEXT, offsetof(struct store_want, workflow_key), 0},
};

static const struct store_pg_column want_run[] = {
    {STORE_PG_I32, offsetof(struct store_want, shard), 0},
    {STORE_PG_UUID, offsetof(struct store_want, run_id), 0},
};

static bool
read_execution(const PGresult *result, int row, struct odk_arena *arena,
               struct store_execution *out)
{
    *out = (struct store_execution){
        .is_found = true,
        .run_id = store_pg_uuid(result, row, 1),
        .definition_version = store_pg_i32(result, row, 4),
        .status = store_pg_i32(result, row, 5),
        .version = store_pg_i64(result, row, 6),
    };
    return store_pg_copy(result, row, 2, arena, &out->workflow_key) &&
           store_pg_copy(result, row, 3, arena, &out->definition) &&
           store_pg_copy(result, row, 7, arena, &out->state);
}

/* The wants by one statement, and which of all wants each of them is. */
struct wants {
    const void **rows;
    size_t *places;
    size_t n;
};

static bool
wants_pick(struct wants *picked, const struct store_want *wants, size_t n,
           bool has_run_id, struct odk_arena *arena)
{
    picked->n = 0;
    picked->rows = (const void **)odk_arena_calloc(arena, n, sizeof(void *));
    picked->places = odk_arena_calloc(arena, n, sizeof(size_t));
    if (picked->rows == NULL || picked->places == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (wants[i].has_run_id == has_run_id) {
            picked->rows[picked->n] = &wants[i];
            picked->places[picked->n++] = i;
        }
    }
    return true;
}

static int
send_wants(struct store_pg_conn *conn, const struct wants *picked,
           bool has_run_id, struct odk_err *err)
{
    if (picked->n == 0) {
        return 0;
    }
    store_pg_params_clear(&conn->params);
    store_pg_param_columns(&conn->params, picked->rows, picked->n,
                           has_run_id ? want_run : want_current, 2);
    return store_pg_send(
        conn, has_run_id ? STORE_PG_LOAD_RUN : STORE_PG_LOAD_CURRENT, err);
}

/* Answers come in any order; each names its want. */
static bool
read_wants(const PGresult *result, const struct wants *picked,
           struct odk_arena *arena, struct store_execution *out)
{
    for (int row = 0; row < PQntuples(result); row++) {
        int64_t place = store_pg_i64(result, row, 0);
        odk_assert(place >= 1 && (size_t)place <= picked->n);
        if (!read_execution(result, row, arena,
                            &out[picked->places[place - 1]])) {
            return false;
        }
    }
    return true;
}

int
store_pg_load(struct store *store, const struct store_want *wants, size_t n,
              struct odk_arena *arena, struct store_execution *out,
              struct odk_err *err)
{
    struct store_pg *pg = store_pg_of(store);
    struct wants current;
    struct wants runs;

    odk_arena_reset(&pg->scratch);
    if (!wants_pick(&current, wants, n, false, &pg->scratch) ||
        !wants_pick(&runs, wants, n, true, &pg->scratch)) {
        return store_pg_full(err);
    }
    int rc = store_pg_round_begin(&pg->conn, err);
    if (rc == 0) {
        rc = send_wants(&pg->conn, &current, false, err);
    }
    if (rc == 0) {
        rc = send_wants(&pg->conn, &runs, true, err);
    }
    if (rc == 0) {
        rc = store_pg_round_end(&pg->conn, err);
    }
    if (rc != 0) {
        return rc;
    }
    size_t at = 0;
    if (current.n > 0 &&
        !read_wants(store_pg_result(&pg->conn, at++), &current, arena, out)) {
        return store_pg_full(err);
    }
    if (runs.n > 0 &&
        !read_wants(store_pg_result(&pg->conn, at), &runs, arena, out)) {
        return store_pg_full(err);
    }
    return 0;
}

/* ---- requests, timers, definitions ---- */

static const struct store_pg_column want_request[] = {
    {STORE_PG_I32, offsetof(struct store_request, shard), 0},
    {STORE_PG_TEXT, offsetof(struct store_request, workflow_key), 0},
    {STORE_PG_TEXT, offsetof(struct store_request, request_id), 0},
};

static bool
read_request(const PGresult *result, int row, struct odk_arena *arena,
             struct store_request *out)
{
    struct odk_str digest = store_pg_str(result, row, 1);

    odk_assert(digest.len == sizeof(out->digest));
    memcpy(out->digest, digest.ptr, sizeof(out->digest));
    out->has_run_id = !PQgetisnull(result, row, 2);
    out->run_id = store_pg_uuid(result, row, 2);
    out->at = store_pg_time(result, row, 5);
    return store_pg_copy(result, row, 3, arena, &out->code) &&
           store_pg_copy(result, row, 4, arena, &out->message);
}

int
store_pg_requests(struct store *store, // NOLINT: the port's
                  const struct store_request *wants, size_t n,
                  struct odk_arena *arena, struct store_request *out,
                  bool *is_found, struct odk_err *err)
{
    struct store_pg *pg = store_pg_of(store);

    odk_arena_reset(&pg->scratch);
    const void **rows =
        (const void **)odk_arena_calloc(&pg->scratch, n, sizeof(void *));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < n; i++) {
        rows[i] = &wants[i];
        out[i] = wants[i];
    }
    store_pg_params_clear(&pg->conn.params);
    store_pg_param_columns(&pg->conn.params, rows, n, want_request,
                           ODK_ARRAY_LEN(want_request));
    int rc = store_pg_run(&pg->conn, STORE_PG_REQUESTS, err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(&pg->conn, 0);
    for (int row = 0; row < PQntuples(result); row++) {
        int64_t place = store_pg_i64(result, row, 0);
        odk_assert(place >= 1 && (size_t)place <= n);
        if (!read_request(result, row, arena, &out[place - 1])) {
            return store_pg_full(err);
        }
        is_found[place - 1] = true;
    }
    return 0;
}

int
store_pg_timers(struct store *store, int32_t shard, // NOLINT
                const struct store_timer *after, size_t max,
                struct odk_arena *arena, const struct store_timer **out,
                size_t *n, struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;
    struct odk_uuid first = {{0}};

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    store_pg_param_i64(&conn->params, after ? after->due : INT64_MIN);
    store_pg_param_uuid(&conn->params, after ? &after->run_id : &first);
    store_pg_param_i64(&conn->params,
                       after ? store_pg_from_u64(after->id) : INT64_MIN);
    store_pg_param_i64(&conn->params, (int64_t)max);
    int rc = store_pg_run(conn, STORE_PG_TIMERS, err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(conn, 0);
    size_t count = store_pg_rows(conn, 0);
    struct store_timer *timers =
        odk_arena_calloc(arena, count ? count : 1, sizeof(*timers));
    if (timers == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        timers[i] = (struct store_timer){
            .due = store_pg_i64(result, (int)i, 0),
            .run_id = store_pg_uuid(result, (int)i, 1),
            .id = (uint64_t)store_pg_i64(result, (int)i, 2),
        };
    }
    *out = timers;
    *n = count;
    return 0;
}

int
store_pg_definition(struct store *store, struct odk_str namespace_, // NOLINT
                    struct odk_str name, int32_t version,
                    struct odk_arena *arena, struct store_definition *out,
                    struct odk_err *err)
{
    struct store_pg_conn *conn = &store_pg_of(store)->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, namespace_);
    store_pg_param_str(&conn->params, name);
    store_pg_param_i32(&conn->params, version);
    int rc = store_pg_run(conn, STORE_PG_DEFINITION, err);
    if (rc != 0) {
        return rc;
    }
    if (store_pg_rows(conn, 0) == 0) {
        return odk_err_set(err, ODK_ENOTFOUND, "no definition %.*s/%.*s",
                           ODK_STR_ARG(namespace_), ODK_STR_ARG(name));
    }
    const PGresult *result = store_pg_result(conn, 0);
    out->version = store_pg_i32(result, 0, 0);
    out->namespace_ = odk_arena_str(arena, namespace_);
    out->name = odk_arena_str(arena, name);
    if (out->namespace_.ptr == NULL || out->name.ptr == NULL ||
        !store_pg_copy(result, 0, 1, arena, &out->text)) {
        return store_pg_full(err);
    }
    return 0;
}
