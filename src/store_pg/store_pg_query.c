#include "store_pg/store_pg_query.h"

#include <stdlib.h>

#include "store_pg/store_pg_priv.h"

#define PAGE_DEFAULT     100
#define PAGE_MAX         1000
#define BINDING_NAME_MAX 1024

struct store_pg_conn *
store_pg_query_conn(struct store_pg_query *query)
{
    odk_assert(query != NULL && query->magic == STORE_PG_QUERY_MAGIC);
    return &query->conn;
}

int
store_pg_query_open(const struct store_pg_options *options,
                    struct store_pg_query **out, struct odk_err *err)
{
    struct store_pg_query *query = calloc(1, sizeof(*query));

    *out = NULL;
    if (query == NULL) {
        odk_out_of_memory();
    }
    query->magic = STORE_PG_QUERY_MAGIC;
    store_pg_conn_init(&query->conn, options, false);
    odk_buf_init(&query->name, BINDING_NAME_MAX);
    int rc = store_pg_query_reconnect(query, err);
    if (rc != 0) {
        store_pg_query_close(query);
        return rc;
    }
    *out = query;
    return 0;
}

int
store_pg_query_reconnect(struct store_pg_query *query, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    odk_buf_clear(&query->name);
    int rc = store_pg_conn_open(conn, err);
    return rc == 0 ? store_pg_conn_check_schema(conn, err) : rc;
}

void
store_pg_query_close(struct store_pg_query *query)
{
    if (query == NULL) {
        return;
    }
    store_pg_conn_release(store_pg_query_conn(query));
    odk_buf_release(&query->name);
    query->magic = 0;
    free(query);
}

static size_t
page(size_t max, size_t fallback)
{
    if (max == 0) {
        return fallback;
    }
    return max > PAGE_MAX ? PAGE_MAX : max;
}

/* ---- the cluster ---- */

int
store_pg_cluster(struct store_pg_query *query, struct store_pg_cluster *out,
                 struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = (struct store_pg_cluster){.partitions = 0};
    store_pg_params_clear(&conn->params);
    int rc = store_pg_run_sql(
        conn,
        "SELECT partitions, created_at, "
        "has_column_privilege('odradek.cluster', 'token_key', 'SELECT') "
        "FROM odradek.cluster",
        err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(conn, 0);
    if (PQntuples(result) != 1) {
        return odk_err_set(err, ODK_ESCHEMA,
                           "the database has no cluster row: run "
                           "`odradek db migrate`");
    }
    out->partitions = store_pg_i32(result, 0, 0);
    out->created_at = store_pg_time(result, 0, 1);
    out->has_token_key = store_pg_bool(result, 0, 2);
    if (!out->has_token_key) {
        return 0;
    }
    rc = store_pg_run_sql(conn, "SELECT token_key FROM odradek.cluster", err);
    if (rc != 0) {
        return rc;
    }
    struct odk_str key = store_pg_str(store_pg_result(conn, 0), 0, 0);
    odk_assert(key.len == sizeof(out->token_key));
    memcpy(out->token_key, key.ptr, sizeof(out->token_key));
    return 0;
}

int
store_pg_setting_get(struct store_pg_query *query, struct odk_str name,
                     struct odk_arena *arena, struct odk_str *out,
                     struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = (struct odk_str){NULL, 0};
    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, name);
    int rc = store_pg_run_sql(
        conn, "SELECT value FROM odradek.setting WHERE name = $1::text", err);
    if (rc != 0) {
        return rc;
    }
    if (store_pg_rows(conn, 0) == 0) {
        return odk_err_set(err, ODK_ENOTFOUND, "no setting %.*s",
                           ODK_STR_ARG(name));
    }
    if (!store_pg_copy(store_pg_result(conn, 0), 0, 0, arena, out)) {
        return store_pg_full(err);
    }
    return 0;
}

int
store_pg_setting_put(struct store_pg_query *query, struct odk_str name,
                     struct odk_str value, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, name);
    store_pg_param_str(&conn->params, value);
    return store_pg_run_sql(conn,
                            "INSERT INTO odradek.setting (name, value) "
                            "VALUES ($1::text, $2::text) ON CONFLICT (name) "
                            "DO UPDATE SET value = excluded.value",
                            err);
}

/* ---- executions ---- */

#define EXECUTION_SQL                                                          \
    "SELECT e.shard, e.run_id, e.namespace, e.workflow_id, e.definition, "     \
    "e.definition_version, e.status, e.is_stuck, e.version, e.started_at, "    \
    "e.closed_at, e.error, e.state "

static bool
read_execution(const PGresult *result, int row, struct odk_arena *arena,
               struct store_pg_execution *out)
{
    *out = (struct store_pg_execution){
        .shard = store_pg_i32(result, row, 0),
        .run_id = store_pg_uuid(result, row, 1),
        .definition_version = store_pg_i32(result, row, 5),
        .status = store_pg_i32(result, row, 6),
        .is_stuck = store_pg_bool(result, row, 7),
        .version = store_pg_i64(result, row, 8),
        .started_at = store_pg_time(result, row, 9),
        .closed_at = store_pg_time(result, row, 10),
    };
    return store_pg_copy(result, row, 2, arena, &out->namespace_) &&
           store_pg_copy(result, row, 3, arena, &out->workflow_id) &&
           store_pg_copy(result, row, 4, arena, &out->definition) &&
           store_pg_copy(result, row, 11, arena, &out->error) &&
           store_pg_copy(result, row, 12, arena, &out->state);
}

/* A key's home is murmur2(key) mod N (protocol.md). */
static int
home_shard(struct store_pg_query *query, struct odk_str namespace_,
           struct odk_str workflow_id, int32_t *out, struct odk_err *err)
{
    struct store_pg_cluster cluster;
    struct odk_buf key;
    int rc = store_pg_cluster(query, &cluster, err);

    *out = 0;
    if (rc != 0) {
        return rc;
    }
    odk_buf_init(&key, 0);
    odk_buf_put_str(&key, namespace_);
    odk_buf_put_char(&key, '/');
    odk_buf_put_str(&key, workflow_id);
    *out = odk_partition(odk_buf_str(&key), cluster.partitions);
    odk_buf_release(&key);
    return 0;
}

int
store_pg_describe(struct store_pg_query *query, // NOLINT: a key of three
                  struct odk_str namespace_, struct odk_str workflow_id,
                  const struct odk_uuid *run_id, struct odk_arena *arena,
                  struct store_pg_execution *out, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);
    int32_t shard = 0;

    *out = (struct store_pg_execution){.shard = 0};
    int rc = home_shard(query, namespace_, workflow_id, &shard, err);
    if (rc != 0) {
        return rc;
    }
    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    store_pg_param_str(&conn->params, namespace_);
    store_pg_param_str(&conn->params, workflow_id);
    store_pg_param_uuid(&conn->params, run_id);
    rc = store_pg_run_sql(conn,
                          EXECUTION_SQL
                          "FROM odradek.execution e WHERE e.shard = $1::int4 "
                          "AND e.run_id = coalesce($4::uuid, (SELECT c.run_id "
                          "FROM odradek.current_run c WHERE c.shard = $1 "
                          "AND c.workflow_key = $2::text || '/' || $3::text)) "
                          "AND e.namespace = $2 AND e.workflow_id = $3",
                          err);
    if (rc != 0) {
        return rc;
    }
    if (store_pg_rows(conn, 0) == 0) {
        return odk_err_set(err, ODK_ENOTFOUND, "no execution %.*s/%.*s%s",
                           ODK_STR_ARG(namespace_), ODK_STR_ARG(workflow_id),
                           run_id ? " with this run id" : "");
    }
    if (!read_execution(store_pg_result(conn, 0), 0, arena, out)) {
        return store_pg_full(err);
    }
    return 0;
}

/* Each list walks the index that has its most selective column, newest first.
 * The planner drops what is NULL: the plan is made for these parameters. */
#define LIST_COLUMNS                                                           \
    "SELECT v.shard, v.run_id, v.namespace, v.workflow_id, v.definition, "     \
    "v.definition_version, v.status, coalesce(e.is_stuck, false), 0::int8, "   \
    "v.started_at, v.closed_at, v.error, NULL::bytea "
#define LIST_WHERE                                                             \
    "WHERE v.namespace = $1::text "                                            \
    "AND ($2::text IS NULL OR v.definition = $2) "                             \
    "AND ($3::text IS NULL OR v.workflow_id = $3) "                            \
    "AND ($4::int4 = 0 OR v.status = $4) "                                     \
    "AND ($5::uuid IS NULL OR v.run_id < $5) "
#define LIST_ORDER "ORDER BY v.run_id DESC LIMIT $6::int8"

static const char list_sql[] = LIST_COLUMNS
    "FROM odradek.visibility v LEFT JOIN odradek.execution e "
    "ON e.shard = v.shard AND e.run_id = v.run_id " LIST_WHERE LIST_ORDER;

/* The few stuck ones have an index of their own. */
static const char list_stuck_sql[] = LIST_COLUMNS
    "FROM odradek.execution e JOIN odradek.visibility v "
    "ON v.namespace = e.namespace AND v.run_id = e.run_id "
    "AND v.shard = e.shard " LIST_WHERE "AND e.is_stuck " LIST_ORDER;

int
store_pg_list(struct store_pg_query *query,
              const struct store_pg_filter *filter, struct odk_arena *arena,
              const struct store_pg_execution **out, size_t *n,
              struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);
    struct store_pg_params *params = &conn->params;

    *out = NULL;
    *n = 0;
    store_pg_params_clear(params);
    store_pg_param_str(params, filter->namespace_.ptr ? filter->namespace_
                                                      : ODK_STR(""));
    store_pg_param_str(params, filter->definition);
    store_pg_param_str(params, filter->workflow_id);
    store_pg_param_i32(params, filter->status);
    store_pg_param_uuid(params, filter->before);
    store_pg_param_i64(params, (int64_t)page(filter->max, PAGE_DEFAULT));
    int rc = store_pg_run_sql(
        conn, filter->is_stuck_only ? list_stuck_sql : list_sql, err);
    if (rc != 0) {
        return rc;
    }
    size_t count = store_pg_rows(conn, 0);
    struct store_pg_execution *rows =
        odk_arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_execution(store_pg_result(conn, 0), (int)i, arena,
                            &rows[i])) {
            return store_pg_full(err);
        }
    }
    *out = rows;
    *n = count;
    return 0;
}

int
store_pg_history(struct store_pg_query *query,
                 const struct store_pg_history_range *range,
                 struct odk_arena *arena,
                 const struct store_pg_history_row **out, size_t *n,
                 struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = NULL;
    *n = 0;
    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, range->shard);
    store_pg_param_uuid(&conn->params, &range->run_id);
    store_pg_param_i64(&conn->params, range->after_version);
    store_pg_param_i64(&conn->params, (int64_t)page(range->max, PAGE_MAX));
    int rc = store_pg_run_sql(
        conn,
        "SELECT version, ts, first_event_id, events FROM odradek.history "
        "WHERE shard = $1::int4 AND run_id = $2::uuid "
        "AND version > $3::int8 ORDER BY version LIMIT $4::int8",
        err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(conn, 0);
    size_t count = store_pg_rows(conn, 0);
    struct store_pg_history_row *rows =
        odk_arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].version = store_pg_i64(result, (int)i, 0);
        rows[i].at = store_pg_time(result, (int)i, 1);
        rows[i].first_event_id = store_pg_i64(result, (int)i, 2);
        if (!store_pg_copy(result, (int)i, 3, arena, &rows[i].entries)) {
            return store_pg_full(err);
        }
    }
    *out = rows;
    *n = count;
    return 0;
}

/* ---- shards ---- */

#define AFTER_SHARD(i) (STORE_PG_N_SHARD_COLUMNS + (i))

static bool
read_shard_info(const PGresult *result, int row, struct odk_arena *arena,
                struct store_pg_shard_info *out)
{
    if (!store_pg_shard_read(result, row, arena, &out->row) ||
        !store_pg_copy(result, row, AFTER_SHARD(0), arena, &out->owner)) {
        return false;
    }
    out->backend_pid = store_pg_i32(result, row, AFTER_SHARD(1));
    out->is_connected = store_pg_bool(result, row, AFTER_SHARD(2));
    out->row.server_system_id =
        (uint64_t)store_pg_i64(result, row, AFTER_SHARD(3));
    out->row.server_timeline =
        (uint32_t)store_pg_i32(result, row, AFTER_SHARD(4));
    out->row.server_time = store_pg_time(result, row, AFTER_SHARD(5));
    return true;
}

int
store_pg_shards(struct store_pg_query *query, struct odk_arena *arena,
                const struct store_pg_shard_info **out, size_t *n,
                struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = NULL;
    *n = 0;
    store_pg_params_clear(&conn->params);
    int rc = store_pg_run_sql(
        conn,
        "SELECT s.shard, epoch, fence, batch, next_command, next_result, "
        "history_offset, outbox_seq, published, clock, s.system_id, "
        "s.timeline, quarantine, owner, backend_pid, EXISTS (SELECT FROM "
        "pg_stat_activity a WHERE a.pid = s.backend_pid "
        "AND a.backend_start = s.backend_start), "
        "i.system_id, i.timeline, i.server_time FROM odradek.shard s "
        "CROSS JOIN odradek.server_identity() i ORDER BY s.shard",
        err);
    if (rc != 0) {
        return rc;
    }
    size_t count = store_pg_rows(conn, 0);
    struct store_pg_shard_info *rows =
        odk_arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_shard_info(store_pg_result(conn, 0), (int)i, arena,
                             &rows[i])) {
            return store_pg_full(err);
        }
    }
    *out = rows;
    *n = count;
    return 0;
}

/* The number of rows that the round's only statement touched. */
static bool
is_touched(const struct store_pg_conn *conn)
{
    const PGresult *result = store_pg_result(conn, 0);

    return strcmp(PQcmdTuples((PGresult *)(uintptr_t)result), "0") != 0;
}

/* A new fence no one holds: the owner is fenced and acquires again. */
int
store_pg_shard_release(struct store_pg_query *query, int32_t shard, // NOLINT
                       struct odk_str action, struct odk_str by,
                       struct odk_str reason, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, shard);
    store_pg_param_str(&conn->params, action);
    store_pg_param_str(&conn->params, by);
    store_pg_param_str(&conn->params, reason);
    int rc = store_pg_run_sql(
        conn,
        "WITH held AS (SELECT shard, quarantine FROM odradek.shard "
        "WHERE shard = $1::int4 AND quarantine IS NOT NULL FOR UPDATE), "
        "freed AS (UPDATE odradek.shard s SET quarantine = NULL, "
        "epoch = epoch + 1, fence = f, writer_fence = f FROM held, (SELECT "
        "hashtextextended(gen_random_uuid()::text, 0) AS f) r "
        "WHERE s.shard = held.shard RETURNING s.shard) "
        "INSERT INTO odradek.journal (shard, action, by, reason, was) "
        "SELECT held.shard, $2::text, $3::text, $4::text, held.quarantine "
        "FROM held JOIN freed USING (shard)",
        err);
    if (rc == 0 && !is_touched(conn)) {
        rc = odk_err_set(err, ODK_ENOTFOUND, "shard %d is not quarantined",
                         (int)shard);
    }
    return rc;
}

int
store_pg_shard_seek(struct store_pg_query *query,
                    const struct store_pg_seek *seek, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, seek->shard);
    store_pg_param_i64(&conn->params, seek->from_command);
    store_pg_param_i64(&conn->params, seek->from_result);
    store_pg_param_i64(&conn->params, seek->to_command);
    store_pg_param_i64(&conn->params, seek->to_result);
    store_pg_param_str(&conn->params, seek->by);
    store_pg_param_str(&conn->params, seek->reason);
    int rc = store_pg_run_sql(
        conn,
        "WITH moved AS (UPDATE odradek.shard SET next_command = $4::int8, "
        "next_result = $5::int8, epoch = epoch + 1, fence = f, "
        "writer_fence = f FROM (SELECT "
        "hashtextextended(gen_random_uuid()::text, 0) AS f) r "
        "WHERE shard = $1::int4 AND next_command = $2::int8 "
        "AND next_result = $3::int8 RETURNING shard) "
        "INSERT INTO odradek.journal (shard, action, by, reason, was) "
        "SELECT shard, format('offsets reset: commands %s, results %s', $4, "
        "$5), $6::text, $7::text, format('commands %s, results %s', $2, $3) "
        "FROM moved",
        err);
    if (rc == 0 && !is_touched(conn)) {
        rc = odk_err_set(err, ODK_ECONFLICT,
                         "shard %d has read on meanwhile; look again",
                         (int)seek->shard);
    }
    return rc;
}

static bool
read_parked(const PGresult *result, int row, struct odk_arena *arena,
            struct store_pg_parked *out)
{
    out->shard = store_pg_i32(result, row, 0);
    out->output.seq = (uint64_t)store_pg_i64(result, row, 1);
    out->output.partition = store_pg_i32(result, row, 3);
    out->at = store_pg_time(result, row, 8);
    return store_pg_copy(result, row, 2, arena, &out->output.topic) &&
           store_pg_copy(result, row, 4, arena, &out->output.key) &&
           store_pg_copy(result, row, 5, arena, &out->output.value) &&
           store_pg_copy(result, row, 6, arena, &out->output.headers) &&
           store_pg_copy(result, row, 7, arena, &out->reason);
}

int
store_pg_parked(struct store_pg_query *query,
                const struct store_pg_parked_filter *filter,
                struct odk_arena *arena, const struct store_pg_parked **out,
                size_t *n, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = NULL;
    *n = 0;
    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, filter->after_shard);
    store_pg_param_i64(&conn->params, store_pg_from_u64(filter->after_seq));
    store_pg_param_str(&conn->params, filter->topic);
    store_pg_param_i64(&conn->params, (int64_t)page(filter->max, PAGE_DEFAULT));
    int rc = store_pg_run_sql(
        conn,
        "SELECT shard, seq, topic, partition, key, value, headers, reason, at "
        "FROM odradek.outbox_parked WHERE (shard, seq) > ($1::int4, $2::int8) "
        "AND ($3::text IS NULL OR topic = $3) "
        "ORDER BY shard, seq LIMIT $4::int8",
        err);
    if (rc != 0) {
        return rc;
    }
    size_t count = store_pg_rows(conn, 0);
    struct store_pg_parked *rows =
        odk_arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_parked(store_pg_result(conn, 0), (int)i, arena, &rows[i])) {
            return store_pg_full(err);
        }
    }
    *out = rows;
    *n = count;
    return 0;
}
