#include "store_pg/store_pg_priv.h"
#include "store_pg/store_pg_query.h"

int
store_pg_letters_handled(struct store_pg_query *query,
                         const struct store_pg_letter_range *range,
                         struct odk_arena *arena,
                         const struct store_pg_letter **out, size_t *n,
                         struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = NULL;
    *n = 0;
    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, range->partition);
    store_pg_param_i64(&conn->params, range->from);
    store_pg_param_i64(&conn->params, range->to);
    int rc = store_pg_run_sql(
        conn,
        "SELECT \"offset\", letter_at, action, reason, handled_at, handled_by "
        "FROM odradek.deadletter_handled WHERE partition = $1::int4 "
        "AND \"offset\" >= $2::int8 AND \"offset\" < $3::int8 "
        "ORDER BY \"offset\", letter_at",
        err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(conn, 0);
    size_t count = store_pg_rows(conn, 0);
    struct store_pg_letter *rows =
        odk_arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].partition = range->partition;
        rows[i].offset = store_pg_i64(result, (int)i, 0);
        rows[i].letter_at = store_pg_time(result, (int)i, 1);
        rows[i].handled_at = store_pg_time(result, (int)i, 4);
        if (!store_pg_copy(result, (int)i, 2, arena, &rows[i].action) ||
            !store_pg_copy(result, (int)i, 3, arena, &rows[i].reason) ||
            !store_pg_copy(result, (int)i, 5, arena, &rows[i].by)) {
            return store_pg_full(err);
        }
    }
    *out = rows;
    *n = count;
    return 0;
}

int
store_pg_letter_handle(struct store_pg_query *query,
                       const struct store_pg_letter *letter, int64_t log_start,
                       struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    store_pg_params_clear(&conn->params);
    store_pg_param_i32(&conn->params, letter->partition);
    store_pg_param_i64(&conn->params, letter->offset);
    store_pg_param_time(&conn->params, letter->letter_at);
    store_pg_param_str(&conn->params, letter->action);
    store_pg_param_str(&conn->params, letter->reason);
    store_pg_param_str(&conn->params, letter->by);
    store_pg_param_i64(&conn->params, log_start);
    return store_pg_run_sql(
        conn,
        "WITH gone AS (DELETE FROM odradek.deadletter_handled "
        "WHERE partition = $1::int4 AND \"offset\" < $7::int8) "
        "INSERT INTO odradek.deadletter_handled (partition, \"offset\", "
        "letter_at, action, reason, handled_by) VALUES ($1, $2::int8, "
        "$3::timestamptz, $4::text, $5::text, $6::text) "
        "ON CONFLICT (partition, \"offset\", letter_at) DO UPDATE "
        "SET action = excluded.action, reason = excluded.reason, "
        "handled_at = now(), handled_by = excluded.handled_by",
        err);
}
