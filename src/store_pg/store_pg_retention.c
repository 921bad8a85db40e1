#include "store_pg/store_pg_retention.h"

#include <stdlib.h>

#include "store_pg/store_pg_priv.h"

/* Runs looked at in one page, runs copied in one, strays deleted in one. */
#define PAGE_RUNS  1000
#define COPY_RUNS  50
#define SWEEP_ROWS 1000
/* The swap looks at each kept run once under the table's lock: at most so many
 * for some tens of milliseconds. */
#define KEPT_RUNS_MAX 5000
#define LOCK          "hashtextextended('odradek.retention', 0)"

/* A partition before the cut-off. */
struct old_part {
    struct odk_str name;
    struct odk_uuid low;
    struct odk_uuid high;
    int64_t total; /* rows, about */
    int64_t kept;  /* runs */
};

/*
 * RUNS ─▶ PARTS ─▶ (next part) ──few runs stay──▶ COPY ─▶ SWAP ─┐
 *                   ▲   │ none stays: detached                 │
 *                   └───┴───────────────────────────────────────┘
 *                       └──no more──▶ SWEEP ─▶ DONE
 */
enum phase {
    RUNS,
    PARTS,
    NEXT,
    COPY,
    SWAP,
    SWEEP,
    DONE,
};

struct store_pg_retention {
    struct store_pg_conn *conn;
    struct odk_arena arena;
    struct store_pg_retention_stats stats;
    bool is_dry;
    odk_time_ms cutoff;
    enum phase phase;
    int32_t *shards;
    size_t n_shards;
    size_t shard; /* index */
    struct odk_uuid after;
    struct old_part *parts;
    size_t n_parts;
    size_t part; /* index */
    bool is_copy_begun;
    int32_t after_shard;
};

/* ---- begin and end ---- */

static int
read_shards(struct store_pg_retention *retention, struct odk_err *err)
{
    struct store_pg_conn *conn = retention->conn;

    store_pg_params_clear(&conn->params);
    int rc = store_pg_run_sql(
        conn, "SELECT shard FROM odradek.shard ORDER BY shard", err);
    if (rc != 0) {
        return rc;
    }
    retention->n_shards = store_pg_rows(conn, 0);
    retention->shards = odk_arena_calloc(
        &retention->arena, retention->n_shards + 1, sizeof(int32_t));
    odk_assert(retention->shards);
    for (size_t i = 0; i < retention->n_shards; i++) {
        retention->shards[i] =
            store_pg_i32(store_pg_result(conn, 0), (int)i, 0);
    }
    return 0;
}

/* The server's clock decides, and its lock says who does it. */
static int
take_lock(struct store_pg_retention *retention, odk_dur_ms keep_ms,
          struct odk_err *err)
{
    struct store_pg_conn *conn = retention->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_i64(&conn->params, keep_ms);
    store_pg_param_bool(&conn->params, retention->is_dry);
    int rc = store_pg_run_sql(
        conn,
        "SELECT $2::bool OR pg_try_advisory_lock(" LOCK "), "
        "clock_timestamp() - make_interval(secs => $1::int8 / 1000.0)",
        err);
    if (rc == 0 && !store_pg_bool(store_pg_result(conn, 0), 0, 0)) {
        return odk_err_set(err, ODK_EAGAIN,
                           "another process is about the retention");
    }
    if (rc == 0) {
        retention->cutoff = store_pg_time(store_pg_result(conn, 0), 0, 1);
    }
    return rc;
}

int
store_pg_retention_begin(struct store_pg_query *query, odk_dur_ms keep_ms,
                         bool is_dry, struct store_pg_retention **out,
                         struct odk_err *err)
{
    struct store_pg_retention *retention = calloc(1, sizeof(*retention));

    if (!retention) {
        odk_out_of_memory();
    }
    odk_assert(keep_ms > 0);
    *out = NULL;
    retention->conn = store_pg_query_conn(query);
    retention->is_dry = is_dry;
    odk_arena_init(&retention->arena, 0);
    int rc = take_lock(retention, keep_ms, err);
    if (rc != 0) {
        odk_arena_release(&retention->arena);
        free(retention);
        return rc;
    }
    rc = read_shards(retention, err);
    if (rc != 0) {
        store_pg_retention_end(retention);
        return rc;
    }
    *out = retention;
    return 0;
}

void
store_pg_retention_end(struct store_pg_retention *retention)
{
    if (!retention) {
        return;
    }
    if (!retention->is_dry) {
        /* A lost connection has lost the lock, too. */
        store_pg_params_clear(&retention->conn->params);
        (void)!store_pg_run_sql(retention->conn,
                                "SELECT pg_advisory_unlock(" LOCK ")", NULL);
    }
    odk_arena_release(&retention->arena);
    free(retention);
}

const struct store_pg_retention_stats *
store_pg_retention_stats(const struct store_pg_retention *retention)
{
    return &retention->stats;
}

/* ---- rows of runs ---- */

static int
step_runs(struct store_pg_retention *retention, struct odk_err *err)
{
    struct store_pg_conn *conn = retention->conn;

    if (retention->shard == retention->n_shards) {
        retention->phase = PARTS;
        return 0;
    }
    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, retention->shards[retention->shard]);
    store_pg_param_uuid(&conn->params, &retention->after);
    store_pg_param_time(&conn->params, retention->cutoff);
    store_pg_param_i32(&conn->params, PAGE_RUNS);
    store_pg_param_bool(&conn->params, retention->is_dry);
    int rc = store_pg_run_sql(
        conn,
        "SELECT last, seen, gone FROM odradek.retention_page($1::int4, "
        "$2::uuid, $3::timestamptz, $4::int4, $5::bool)",
        err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(conn, 0);
    retention->stats.runs += store_pg_i32(result, 0, 2);
    retention->after = store_pg_uuid(result, 0, 0);
    if (store_pg_i32(result, 0, 1) < PAGE_RUNS) {
        retention->shard++;
        retention->after = (struct odk_uuid){{0}};
    }
    return 0;
}

/* ---- partitions ---- */

static int
step_parts(struct store_pg_retention *retention, struct odk_err *err)
{
    struct store_pg_conn *conn = retention->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_time(&conn->params, retention->cutoff);
    int rc =
        store_pg_run_sql(conn,
                         "SELECT part, low, high, total, kept "
                         "FROM odradek.retention_partitions($1::timestamptz)",
                         err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(conn, 0);
    retention->n_parts = store_pg_rows(conn, 0);
    retention->parts = odk_arena_calloc(
        &retention->arena, retention->n_parts + 1, sizeof(*retention->parts));
    odk_assert(retention->parts);
    for (size_t i = 0; i < retention->n_parts; i++) {
        struct old_part *part = &retention->parts[i];
        part->low = store_pg_uuid(result, (int)i, 1);
        part->high = store_pg_uuid(result, (int)i, 2);
        part->total = store_pg_i64(result, (int)i, 3);
        part->kept = store_pg_i64(result, (int)i, 4);
        bool is_copied =
            store_pg_copy(result, (int)i, 0, &retention->arena, &part->name);
        odk_assert(is_copied);
    }
    retention->phase = NEXT;
    return 0;
}

static int
detach(struct store_pg_retention *retention, const struct old_part *part,
       struct odk_err *err)
{
    struct store_pg_conn *conn = retention->conn;

    if (retention->is_dry) {
        return 0;
    }
    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, part->name);
    return store_pg_run_sql(
        conn, "SELECT odradek.retention_detach('history', $1::text)", err);
}

/* A rewrite must be worth it: a run has some ten rows, and at least half of
 * the partition should go. */
static bool
is_worth_it(const struct old_part *part)
{
    return part->kept <= KEPT_RUNS_MAX && part->kept * 20 < part->total;
}

static int
step_next(struct store_pg_retention *retention, struct odk_err *err)
{
    if (retention->part == retention->n_parts) {
        retention->phase = retention->is_dry ? DONE : SWEEP;
        return 0;
    }
    const struct old_part *part = &retention->parts[retention->part];
    if (part->kept == 0) {
        int rc = detach(retention, part, err);
        retention->stats.dropped += rc == 0;
        retention->part += rc == 0;
        return rc;
    }
    retention->stats.kept += part->kept;
    if (!is_worth_it(part)) {
        retention->part++;
    } else if (retention->is_dry) {
        retention->stats.rewritten++;
        retention->part++;
    } else {
        retention->phase = COPY;
        retention->is_copy_begun = false;
    }
    return 0;
}

static int
step_copy(struct store_pg_retention *retention, struct odk_err *err)
{
    struct store_pg_conn *conn = retention->conn;
    const struct old_part *part = &retention->parts[retention->part];
    struct odk_uuid last = {{0}};

    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, part->name);
    store_pg_param_uuid(&conn->params, &part->low);
    store_pg_param_uuid(&conn->params, &part->high);
    store_pg_param_time(&conn->params, retention->cutoff);
    store_pg_param_i32(&conn->params, retention->after_shard);
    store_pg_param_uuid(&conn->params,
                        retention->is_copy_begun ? &retention->after : NULL);
    store_pg_param_i32(&conn->params, COPY_RUNS);
    int rc = store_pg_run_sql(
        conn,
        "SELECT last_shard, last_run FROM odradek.retention_copy($1::text, "
        "$2::uuid, $3::uuid, $4::timestamptz, $5::int4, $6::uuid, $7::int4)",
        err);
    if (rc != 0) {
        return rc;
    }
    retention->after_shard = store_pg_i32(store_pg_result(conn, 0), 0, 0);
    retention->after = store_pg_uuid(store_pg_result(conn, 0), 0, 1);
    retention->is_copy_begun = true;
    if (odk_uuid_eq(&retention->after, &last)) {
        retention->phase = SWAP;
    }
    return 0;
}

static int
step_swap(struct store_pg_retention *retention, struct odk_err *err)
{
    struct store_pg_conn *conn = retention->conn;
    const struct old_part *part = &retention->parts[retention->part];

    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, part->name);
    store_pg_param_uuid(&conn->params, &part->low);
    store_pg_param_uuid(&conn->params, &part->high);
    int rc = store_pg_run_sql(
        conn, "SELECT odradek.retention_swap($1::text, $2::uuid, $3::uuid)",
        err);
    if (rc == 0) {
        retention->stats.rewritten++;
        retention->part++;
        retention->phase = NEXT;
    }
    return rc;
}

static int
step_sweep(struct store_pg_retention *retention, struct odk_err *err)
{
    struct store_pg_conn *conn = retention->conn;

    store_pg_params_clear(&conn->params);
    store_pg_param_time(&conn->params, retention->cutoff);
    store_pg_param_i32(&conn->params, SWEEP_ROWS);
    int rc = store_pg_run_sql(
        conn, "SELECT odradek.retention_sweep($1::timestamptz, $2::int4)", err);
    if (rc == 0) {
        int32_t n = store_pg_i32(store_pg_result(conn, 0), 0, 0);
        retention->stats.swept += n;
        retention->phase = n == 0 ? DONE : SWEEP;
    }
    return rc;
}

int
store_pg_retention_step(struct store_pg_retention *retention, bool *is_done,
                        struct odk_err *err)
{
    int rc = 0;

    switch (retention->phase) {
    case RUNS:
        rc = step_runs(retention, err);
        break;
    case PARTS:
        rc = step_parts(retention, err);
        break;
    case NEXT:
        rc = step_next(retention, err);
        break;
    case COPY:
        rc = step_copy(retention, err);
        break;
    case SWAP:
        rc = step_swap(retention, err);
        break;
    case SWEEP:
        rc = step_sweep(retention, err);
        break;
    case DONE:
        break;
    }
    *is_done = retention->phase == DONE;
    return rc;
}
