#include "store_pg/store_pg_priv.h"
#include "store_pg/store_pg_query.h"

/*
 * What two databases must have in common, a sum of hashes a shard and table:
 * the order of rows does not matter, and the server keeps nothing but sums. One
 * statement, so one snapshot. Times are numbers: text depends on the session.
 */

/* clang-format off: a table a line */
#define MS(column) "(extract(epoch FROM " column ") * 1000)::bigint"
#define TABLE(name, rest, row)                                                 \
    "SELECT shard, '" name "', count(*), coalesce(sum(('x' || substr(md5("     \
    "ROW(" row ")::text), 1, 15))::bit(60)::bigint), 0)::text "                \
    "FROM odradek." name rest " GROUP BY shard "

static const char
    digest_sql
        [] =
            TABLE("execution", "",
                  "run_id, version, " MS("started_at") ", " MS(
                      "closed_at") ", definition_version, status, is_stuck, "
                                   "namespace, "
                                   "workflow_id, definition, error, md5(state)") "UNION ALL " TABLE("current_run", "", "workflow_key, run_id, status") "UNION ALL " TABLE("visibility", "", "namespace, run_id, status, " MS("started_at") ", " MS("closed_at") ", definition_version, definition, workflow_id, error") "UNION ALL " TABLE("history",
                                                                                                                                                                                                                                                                                                                                           "",
                                                                                                                                                                                                                                                                                                                                           "run_id, version, " MS("ts") ", first_event_id, "
                                                                                                                                                                                                                                                                                                                                                                        "md5(events)") "UNION ALL " TABLE("timer", "", "due, run_id, id") "UNION ALL " TABLE("source",
                                                                                                                                                                                                                                                                                                                                                                                                                                                             "",
                                                                                                                                                                                                                                                                                                                                                                                                                                                             "name, seq") "UNION ALL "
    /* Older ones are dropped by and by (odradek.maintain). */
    TABLE("request", " WHERE at > now() - interval '6 days'",
          "workflow_key, request_id, " MS(
              "at") ", digest, run_id, code, message") "ORDER BY 1, 2";

/* clang-format on */

int
store_pg_digest(struct store_pg_query *query, struct odk_arena *arena,
                const struct store_pg_digest_row **out, size_t *n,
                struct odk_err *err)
{
    struct store_pg_conn *conn = store_pg_query_conn(query);

    *out = NULL;
    *n = 0;
    store_pg_params_clear(&conn->params);
    int rc = store_pg_run_sql(conn, digest_sql, err);
    if (rc != 0) {
        return rc;
    }
    const PGresult *result = store_pg_result(conn, 0);
    size_t count = store_pg_rows(conn, 0);
    struct store_pg_digest_row *rows =
        odk_arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].shard = store_pg_i32(result, (int)i, 0);
        rows[i].count = store_pg_i64(result, (int)i, 2);
        if (!store_pg_copy(result, (int)i, 1, arena, &rows[i].table) ||
            !store_pg_copy(result, (int)i, 3, arena, &rows[i].sum)) {
            return store_pg_full(err);
        }
    }
    *out = rows;
    *n = count;
    return 0;
}
