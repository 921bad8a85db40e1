#include "store_pg/store_pg_priv.h"
#include "store_pg/store_pg_query.h"

#define VERSIONS_LISTED_MAX "10000"

/* ---- publishing ---- */

enum {
    AT_BEGIN,
    AT_LOCK,
    AT_INSERT,
    AT_NEWEST,
    AT_COMMIT,
};

/* The next version, unless the newest has these bytes; then the newest's
 * version and whether it is ours. One round: the lock is taken before the
 * insert looks. */
static int
send_publish(struct store_pg_conn *conn,
             const struct store_definition *definition, struct odk_str by,
             struct odk_err *err)
{
    struct store_pg_params *params = &conn->params;
    uint8_t sha256[ODK_SHA256_BYTES];

    odk_sha256(definition->text, ODK_STR(""), sha256);
    store_pg_params_clear(params);
    int rc = store_pg_send_sql(conn, "BEGIN", err);
    store_pg_param_str(params, definition->namespace_);
    store_pg_param_str(params, definition->name);
    if (rc == 0) {
        rc = store_pg_send_sql(
            conn,
            "SELECT pg_advisory_xact_lock(hashtextextended("
            "'odradek.definition/' || $1::text || '/' || $2::text, 0))",
            err);
    }
    store_pg_param_str(params, definition->text);
    store_pg_param_str(params, odk_str_n(sha256, sizeof(sha256)));
    store_pg_param_str(params, by);
    if (rc == 0) {
        rc = store_pg_send_sql(
            conn,
            "WITH newest AS (SELECT version, sha256 FROM odradek.definition "
            "WHERE namespace = $1::text AND name = $2::text "
            "ORDER BY version DESC LIMIT 1) INSERT INTO odradek.definition "
            "(namespace, name, version, text, sha256, published_by) "
            "SELECT $1, $2, coalesce((SELECT version FROM newest), 0) + 1, "
            "$3::text, $4::bytea, coalesce($5::text, session_user::text) "
            "WHERE NOT EXISTS (SELECT FROM newest WHERE sha256 = $4) "
            "RETURNING version",
            err);
    }
    store_pg_params_clear(params);
    store_pg_param_str(params, definition->namespace_);
    store_pg_param_str(params, definition->name);
    if (rc == 0) {
        rc = store_pg_send_sql(conn,
                               "SELECT max(version) FROM odradek.definition "
                               "WHERE namespace = $1::text AND name = $2::text",
                               err);
    }
    store_pg_params_clear(params);
    return rc == 0 ? store_pg_send_sql(conn, "COMMIT", err) : rc;
}

int
store_pg_definition_publish(struct store_pg_query *query,
                            const struct store_definition *definition,
                            struct odk_str by, int32_t *version, bool *is_new,
                            struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *version = 0;
    *is_new = false;
    int rc = store_pg_round_begin(conn, err);
    if (rc == 0) {
        rc = send_publish(conn, definition, by, err);
    }
    if (rc == 0) {
        rc = store_pg_round_end(conn, err);
    }
    if (rc != 0) {
        return odk_err_wrap(err, rc, "publishing %.*s",
                            ODK_STR_ARG(definition->name));
    }
    *is_new = store_pg_rows(conn, AT_INSERT) == 1;
    *version = store_pg_i32(store_pg_result(conn, AT_NEWEST), 0, 0);
    odk_assert(*version > 0);
    return 0;
}

/* ---- reading ---- */

static bool
read_definition(const PGresult *result, int row, struct odk_arena *arena,
                struct store_pg_definition *out)
{
    struct odk_str sha256 = store_pg_str(result, row, 3);

    odk_assert(sha256.len == sizeof(out->sha256));
    memcpy(out->sha256, sha256.ptr, sizeof(out->sha256));
    out->definition.version = store_pg_i32(result, row, 2);
    out->at = store_pg_time(result, row, 4);
    return store_pg_copy(result, row, 0, arena, &out->definition.namespace_) &&
           store_pg_copy(result, row, 1, arena, &out->definition.name) &&
           store_pg_copy(result, row, 5, arena, &out->by) &&
           store_pg_copy(result, row, 6, arena, &out->definition.text);
}

int
store_pg_definition_show(struct store_pg_query *query,
                         const struct store_definition *which,
                         struct odk_arena *arena,
                         struct store_pg_definition *out, struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = (struct store_pg_definition){.at = 0};
    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, which->namespace_);
    store_pg_param_str(&conn->params, which->name);
    store_pg_param_i32(&conn->params, which->version);
    int rc = store_pg_run_sql(
        conn,
        "SELECT namespace, name, version, sha256, published_at, published_by, "
        "text FROM odradek.definition WHERE namespace = $1::text "
        "AND name = $2::text AND ($3::int4 = 0 OR version = $3) "
        "ORDER BY version DESC LIMIT 1",
        err);
    if (rc != 0) {
        return rc;
    }
    if (store_pg_rows(conn, 0) == 0) {
        return odk_err_set(err, ODK_ENOTFOUND, "no definition %.*s/%.*s%s",
                           ODK_STR_ARG(which->namespace_),
                           ODK_STR_ARG(which->name),
                           which->version ? " of this version" : "");
    }
    if (!read_definition(store_pg_result(conn, 0), 0, arena, out)) {
        return store_pg_full(err);
    }
    return 0;
}

int
store_pg_definitions(struct store_pg_query *query, // NOLINT: two filters
                     struct odk_str namespace_, struct odk_str name,
                     struct odk_arena *arena,
                     const struct store_pg_definition **out, size_t *n,
                     struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = NULL;
    *n = 0;
    store_pg_params_clear(&conn->params);
    store_pg_param_str(&conn->params, namespace_);
    store_pg_param_str(&conn->params, name);
    int rc = store_pg_run_sql(
        conn,
        "SELECT namespace, name, version, sha256, published_at, published_by, "
        "NULL::text FROM odradek.definition "
        "WHERE ($1::text IS NULL OR namespace = $1) "
        "AND ($2::text IS NULL OR name = $2) "
        "ORDER BY namespace, name, version DESC LIMIT " VERSIONS_LISTED_MAX,
        err);
    if (rc != 0) {
        return rc;
    }
    size_t count = store_pg_rows(conn, 0);
    struct store_pg_definition *rows =
        odk_arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_definition(store_pg_result(conn, 0), (int)i, arena,
                             &rows[i])) {
            return store_pg_full(err);
        }
    }
    *out = rows;
    *n = count;
    return 0;
}
