#include "store_pg/store_pg_priv.h"
#include "store_pg/store_pg_query.h"

#define BINDINGS_LISTED_MAX "10000"

/* The lock of protocol.md: publishers exclusive, readers shared. */
#define LOCK_KEY "hashtextextended('odradek.binding/' || $1::text, 0)"

/* ---- publishing ---- */

int
store_pg_binding_begin(struct store_pg_query *query, struct odk_str name,
                       struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    odk_assert(query->name.len == 0 && name.len > 0);
    store_pg_params_clear(&conn->params);
    int rc = store_pg_round_begin(conn, err);
    if (rc == 0) {
        rc = store_pg_send_sql(conn, "BEGIN", err);
    }
    /* Reading the log ends between two statements may take as long as Kafka
     * wants: up to its own time-outs. */
    if (rc == 0) {
        rc = store_pg_send_sql(
            conn, "SET LOCAL idle_in_transaction_session_timeout = '60s'", err);
    }
    if (rc == 0) {
        store_pg_param_str(&conn->params, name);
        rc = store_pg_send_sql(
            conn, "SELECT pg_advisory_xact_lock(" LOCK_KEY ")", err);
    }
    if (rc == 0) {
        rc = store_pg_round_end(conn, err);
    }
    if (rc == 0) {
        odk_buf_put_str(&query->name, name);
    }
    return rc;
}

void
store_pg_binding_abort(struct store_pg_query *query)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    odk_buf_clear(&query->name);
    store_pg_params_clear(&conn->params);
    if (store_pg_run_sql(conn, "ROLLBACK", NULL) != 0) {
        conn->is_broken = true;
    }
}

static int
send_version(struct store_pg_conn *conn, const struct store_pg_binding *binding,
             bool is_reset, struct odk_err *err)
{
    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, binding->name);
    store_pg_param_str(&conn->params, binding->rules);
    store_pg_param_str(&conn->params, binding->by);
    store_pg_param_bool(&conn->params, is_reset);
    return store_pg_send_sql(
        conn,
        "WITH newest AS (SELECT version, incarnation, quarantine "
        "FROM odradek.binding WHERE name = $1::text "
        "ORDER BY version DESC LIMIT 1) INSERT INTO odradek.binding "
        "(name, version, incarnation, rules, quarantine, published_by) "
        "SELECT $1, coalesce(max(version), 0) + 1, coalesce(max(incarnation) "
        "+ CASE WHEN $4::bool THEN 1 ELSE 0 END, 1), $2::text, "
        "CASE WHEN NOT $4 THEN max(quarantine) END, "
        "coalesce($3::text, session_user::text) FROM newest "
        "RETURNING version, incarnation, published_at",
        err);
}

static const struct store_pg_column start_columns[] = {
    {STORE_PG_TEXT, offsetof(struct store_pg_binding_start, topic), 0},
    {STORE_PG_I32, offsetof(struct store_pg_binding_start, partition), 0},
    {STORE_PG_I64, offsetof(struct store_pg_binding_start, offset), 0},
};

/* The version was inserted just before in this transaction: it is the newest.
 */
static int
send_starts(struct store_pg_conn *conn, const struct store_pg_binding *binding,
            struct odk_err *err)
{
    struct odk_arena arena;
    int rc = 0;

    if (binding->n_starts == 0) {
        return 0;
    }
    odk_arena_init(&arena, 0);
    const void **rows = (const void **)odk_arena_calloc(
        &arena, binding->n_starts, sizeof(void *));
    if (rows == NULL) {
        rc = store_pg_full(err);
        goto out;
    }
    for (size_t i = 0; i < binding->n_starts; i++) {
        rows[i] = &binding->starts[i];
    }
    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, binding->name);
    store_pg_param_columns(&conn->params, rows, binding->n_starts,
                           start_columns, ODK_ARRAY_LEN(start_columns));
    rc = store_pg_send_sql(
        conn,
        "INSERT INTO odradek.binding_start "
        "(name, version, topic, partition, start_offset) "
        "SELECT $1::text, (SELECT max(version) FROM odradek.binding "
        "WHERE name = $1), u.* FROM unnest($2::text[], $3::int4[], "
        "$4::int8[]) u",
        err);
out:
    odk_arena_release(&arena);
    return rc;
}

int
store_pg_binding_publish(struct store_pg_query *query,
                         struct store_pg_binding *binding, bool is_reset,
                         struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    odk_assert(odk_str_eq(odk_buf_str(&query->name), binding->name));
    odk_buf_clear(&query->name);
    int rc = store_pg_round_begin(conn, err);
    if (rc == 0) {
        rc = send_version(conn, binding, is_reset, err);
    }
    if (rc == 0) {
        rc = send_starts(conn, binding, err);
    }
    store_pg_params_clear(&conn->params);
    if (rc == 0) {
        rc = store_pg_send_sql(conn, "COMMIT", err);
    }
    if (rc == 0) {
        rc = store_pg_round_end(conn, err);
    }
    if (rc != 0) {
        return odk_err_wrap(err, rc, "publishing binding %.*s",
                            ODK_STR_ARG(binding->name));
    }
    const PGresult *result = store_pg_result(conn, 0);
    binding->version = store_pg_i32(result, 0, 0);
    binding->incarnation = store_pg_i32(result, 0, 1);
    binding->at = store_pg_time(result, 0, 2);
    return 0;
}

/* ---- reading ---- */

#define BINDING_COLUMNS                                                        \
    "name, version, incarnation, rules, quarantine, published_at, "            \
    "published_by "

static bool
read_binding(const PGresult *result, int row, struct odk_arena *arena,
             struct store_pg_binding *out)
{
    *out = (struct store_pg_binding){
        .version = store_pg_i32(result, row, 1),
        .incarnation = store_pg_i32(result, row, 2),
        .at = store_pg_time(result, row, 5),
    };
    return store_pg_copy(result, row, 0, arena, &out->name) &&
           store_pg_copy(result, row, 3, arena, &out->rules) &&
           store_pg_copy(result, row, 4, arena, &out->quarantine) &&
           store_pg_copy(result, row, 6, arena, &out->by);
}

static bool
read_starts(const PGresult *result, struct odk_arena *arena,
            struct store_pg_binding *out)
{
    size_t count = (size_t)PQntuples(result);
    struct store_pg_binding_start *starts =
        odk_arena_calloc(arena, count + 1, sizeof(*starts));

    if (starts == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        starts[i].partition = store_pg_i32(result, (int)i, 1);
        starts[i].offset = store_pg_i64(result, (int)i, 2);
        if (!store_pg_copy(result, (int)i, 0, arena, &starts[i].topic)) {
            return false;
        }
    }
    out->starts = starts;
    out->n_starts = count;
    return true;
}

enum {
    AT_LOCK,
    AT_VERSION,
    AT_STARTS,
};

/* One implicit transaction up to the sync: the lock holds for all three. Under
 * begin's explicit one it is granted at once, as we hold the exclusive lock. */
static int
send_read(struct store_pg_conn *conn, struct odk_str name, int32_t version,
          struct odk_err *err)
{
    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, name);
    int rc = store_pg_send_sql(
        conn, "SELECT pg_advisory_xact_lock_shared(" LOCK_KEY ")", err);
    store_pg_param_i32(&conn->params, version);
    if (rc == 0) {
        rc = store_pg_send_sql(
            conn,
            "SELECT " BINDING_COLUMNS "FROM odradek.binding "
            "WHERE name = $1::text AND ($2::int4 = 0 OR version = $2) "
            "ORDER BY version DESC LIMIT 1",
            err);
    }
    if (rc == 0) {
        rc = store_pg_send_sql(
            conn,
            "SELECT topic, partition, start_offset FROM odradek.binding_start "
            "WHERE name = $1::text AND version = CASE $2::int4 WHEN 0 THEN "
            "(SELECT max(version) FROM odradek.binding WHERE name = $1) "
            "ELSE $2 END ORDER BY topic, partition",
            err);
    }
    return rc;
}

int
store_pg_binding_read(struct store_pg_query *query, struct odk_str name,
                      int32_t version, struct odk_arena *arena,
                      struct store_pg_binding *out, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = (struct store_pg_binding){.version = 0};
    int rc = store_pg_round_begin(conn, err);
    if (rc == 0) {
        rc = send_read(conn, name, version, err);
    }
    if (rc == 0) {
        rc = store_pg_round_end(conn, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (store_pg_rows(conn, AT_VERSION) == 0) {
        return odk_err_set(err, ODK_ENOTFOUND, "no binding %.*s%s",
                           ODK_STR_ARG(name),
                           version ? " of this version" : "");
    }
    if (!read_binding(store_pg_result(conn, AT_VERSION), 0, arena, out) ||
        !read_starts(store_pg_result(conn, AT_STARTS), arena, out)) {
        return store_pg_full(err);
    }
    return 0;
}

int
store_pg_bindings(struct store_pg_query *query, struct odk_arena *arena,
                  const struct store_pg_binding **out, size_t *n,
                  struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = NULL;
    *n = 0;
    store_pg_params_clear(&conn->params);
    int rc = store_pg_run_sql(
        conn,
        "SELECT DISTINCT ON (name) " BINDING_COLUMNS "FROM odradek.binding "
        "ORDER BY name, version DESC LIMIT " BINDINGS_LISTED_MAX,
        err);
    if (rc != 0) {
        return rc;
    }
    size_t count = store_pg_rows(conn, 0);
    struct store_pg_binding *rows =
        odk_arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_binding(store_pg_result(conn, 0), (int)i, arena, &rows[i])) {
            return store_pg_full(err);
        }
    }
    *out = rows;
    *n = count;
    return 0;
}

int
store_pg_binding_quarantine(struct store_pg_query *query, struct odk_str name,
                            struct odk_str reason, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, name);
    store_pg_param_str(&conn->params, reason);
    int rc = store_pg_run_sql(
        conn,
        "UPDATE odradek.binding SET quarantine = $2::text "
        "WHERE name = $1::text AND version = (SELECT max(version) "
        "FROM odradek.binding WHERE name = $1) RETURNING 1",
        err);
    if (rc == 0 && store_pg_rows(conn, 0) == 0) {
        rc = odk_err_set(err, ODK_ENOTFOUND, "no binding %.*s",
                         ODK_STR_ARG(name));
    }
    return rc;
}
