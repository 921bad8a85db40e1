#include "store_pg/store_pg_priv.h"

/*
 * Every statement names its schema and reads arrays by unnest: generic plans
 * join the unnested rows to an index. What must match exactly n rows divides by
 * zero when it does not: an error is the only thing that stops a pipeline.
 */
static const struct {
    const char *name;
    const char *sql;
} statements[STORE_PG_N_STATEMENTS] = {
    [STORE_PG_BEGIN] = {"begin", "BEGIN"},
    [STORE_PG_COMMIT] = {"commit", "COMMIT"},
    [STORE_PG_ROLLBACK] = {"rollback", "ROLLBACK"},
    [STORE_PG_LOCK_TIMEOUT] =
        {"lock_timeout", "SELECT set_config('lock_timeout', $1::text, true)"},
    [STORE_PG_SHARD_CREATE] =
        {"shard_create",
         "INSERT INTO odradek.shard (shard, epoch, fence, writer_fence, batch, "
         "next_command, next_result, history_offset, outbox_seq, published, "
         "clock, owner, system_id, timeline) "
         "VALUES ($1::int4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', 0, 0) "
         "ON CONFLICT DO NOTHING"},
    [STORE_PG_SHARD_ACQUIRE] =
        {"shard_acquire",
         "UPDATE odradek.shard SET epoch = epoch + 1, fence = $2::int8, "
         "writer_fence = $2, owner = $3::text, backend_pid = pg_backend_pid(), "
         "backend_start = (SELECT backend_start "
         "FROM pg_stat_get_activity(pg_backend_pid())) "
         "WHERE shard = $1::int4 RETURNING " STORE_PG_SHARD_COLUMNS},
    [STORE_PG_SERVER_IDENTITY] = {"server_identity",
                                  "SELECT system_id, timeline, server_time, "
                                  "pg_last_xact_replay_timestamp() "
                                  "FROM odradek.server_identity()"},
    [STORE_PG_BACKEND_END] =
        {"backend_end",
         "SELECT pg_terminate_backend(s.backend_pid) FROM odradek.shard s "
         "JOIN pg_stat_activity a "
         "ON a.pid = s.backend_pid AND a.backend_start = s.backend_start "
         "WHERE s.shard = $1::int4 AND a.pid <> pg_backend_pid()"},
    [STORE_PG_SHARD_QUARANTINE] =
        {"shard_quarantine",
         "WITH w AS (UPDATE odradek.shard SET writer_fence = $2::int8, "
         "quarantine = $3::text WHERE shard = $1::int4 RETURNING 1) "
         "SELECT 1 / count(*) FROM w"},
    [STORE_PG_SHARD_ACCEPT] =
        {"shard_accept",
         "WITH w AS (UPDATE odradek.shard s SET writer_fence = $2::int8, "
         "outbox_seq = greatest(s.outbox_seq, $3::int8), "
         "system_id = i.system_id, timeline = i.timeline "
         "FROM odradek.server_identity() i "
         "WHERE s.shard = $1::int4 RETURNING 1) SELECT 1 / count(*) FROM w"},
    [STORE_PG_SHARD_FORGET] =
        {"shard_forget",
         "WITH w AS (UPDATE odradek.shard SET writer_fence = $2::int8, "
         "system_id = 0, timeline = 0 WHERE shard = $1::int4 RETURNING 1) "
         "SELECT 1 / count(*) FROM w"},
    /* A batch out of turn leaves `batch` without a value, one of a clock that
     * is not the server's (STORE_SKEW_MS_MAX) leaves `clock` without one. now()
     * is when the BEGIN came: a wait for the row's lock is not the clock's. */
    [STORE_PG_SHARD_MOVE] =
        {"shard_move",
         "WITH w AS (UPDATE odradek.shard SET writer_fence = $2::int8, "
         "batch = CASE WHEN batch = $3::int8 THEN $3 + 1 END, "
         "next_command = $4::int8, next_result = $5::int8, "
         "outbox_seq = $6::int8, published = $7::int8, "
         "history_offset = $8::int8, "
         "clock = CASE WHEN $10::timestamptz BETWEEN now() - interval '5 s' "
         "AND now() + interval '5 s' THEN $9::int8 END "
         "WHERE shard = $1::int4 RETURNING 1) SELECT 1 / count(*) FROM w"},
    [STORE_PG_OUTBOX_DELETE] =
        {"outbox_delete", "DELETE FROM odradek.outbox WHERE shard = $1::int4 "
                          "AND seq > $2::int8 AND seq <= $3::int8"},
    [STORE_PG_EXECUTION_INSERT] =
        {"execution_insert",
         "INSERT INTO odradek.execution (shard, run_id, namespace, "
         "workflow_id, definition, definition_version, status, is_stuck, "
         "version, started_at, closed_at, error, state) "
         "SELECT * FROM unnest($1::int4[], $2::uuid[], $3::text[], "
         "$4::text[], $5::text[], $6::int4[], $7::int4[], $8::bool[], "
         "$9::int8[], $10::timestamptz[], $11::timestamptz[], $12::text[], "
         "$13::bytea[])"},
    /* An older version than the stored one would be a lost update. */
    [STORE_PG_EXECUTION_UPDATE] =
        {"execution_update",
         "WITH w AS (UPDATE odradek.execution e SET version = u.version, "
         "status = u.status, is_stuck = u.is_stuck, closed_at = u.closed_at, "
         "error = u.error, state = u.state "
         "FROM unnest($2::int4[], $3::uuid[], $4::int8[], $5::int4[], "
         "$6::bool[], $7::timestamptz[], $8::text[], $9::bytea[]) "
         "AS u(shard, run_id, version, status, is_stuck, closed_at, error, "
         "state) WHERE e.shard = u.shard AND e.run_id = u.run_id "
         "AND e.version < u.version RETURNING 1) "
         "SELECT 1 / (CASE WHEN count(*) = $1::int8 THEN 1 ELSE 0 END) "
         "FROM w"},
    [STORE_PG_CURRENT_PUT] =
        {"current_put",
         "INSERT INTO odradek.current_run (shard, workflow_key, run_id, "
         "status) SELECT * FROM unnest($1::int4[], $2::text[], $3::uuid[], "
         "$4::int4[]) ON CONFLICT (shard, workflow_key) "
         "DO UPDATE SET run_id = excluded.run_id, status = excluded.status"},
    [STORE_PG_CURRENT_STATUS] =
        {"current_status",
         "UPDATE odradek.current_run c SET status = u.status "
         "FROM unnest($1::int4[], $2::text[], $3::uuid[], $4::int4[]) "
         "AS u(shard, workflow_key, run_id, status) WHERE c.shard = u.shard "
         "AND c.workflow_key = u.workflow_key AND c.run_id = u.run_id"},
    [STORE_PG_VISIBILITY_INSERT] =
        {"visibility_insert",
         "INSERT INTO odradek.visibility (namespace, run_id, shard, status, "
         "started_at, closed_at, definition_version, definition, "
         "workflow_id, error) SELECT * FROM unnest($1::text[], $2::uuid[], "
         "$3::int4[], $4::int4[], $5::timestamptz[], $6::timestamptz[], "
         "$7::int4[], $8::text[], $9::text[], $10::text[])"},
    [STORE_PG_VISIBILITY_UPDATE] =
        {"visibility_update",
         "UPDATE odradek.visibility v SET status = u.status, "
         "closed_at = u.closed_at, error = u.error "
         "FROM unnest($1::text[], $2::uuid[], $3::int4[], $4::int4[], "
         "$5::timestamptz[], $6::text[]) AS u(namespace, run_id, shard, "
         "status, closed_at, error) WHERE v.namespace = u.namespace "
         "AND v.run_id = u.run_id AND v.shard = u.shard"},
    [STORE_PG_HISTORY_INSERT] =
        {"history_insert",
         "INSERT INTO odradek.history (shard, run_id, version, ts, "
         "first_event_id, events) SELECT * FROM unnest($1::int4[], "
         "$2::uuid[], $3::int8[], $4::timestamptz[], $5::int8[], "
         "$6::text[])"},
    [STORE_PG_TIMER_DELETE] =
        {"timer_delete",
         "DELETE FROM odradek.timer t USING unnest($1::int4[], $2::int8[], "
         "$3::uuid[], $4::int8[]) AS u(shard, due, run_id, id) "
         "WHERE t.shard = u.shard AND t.due = u.due "
         "AND t.run_id = u.run_id AND t.id = u.id"},
    [STORE_PG_TIMER_INSERT] =
        {"timer_insert",
         "INSERT INTO odradek.timer (shard, due, run_id, id) "
         "SELECT * FROM unnest($1::int4[], $2::int8[], $3::uuid[], "
         "$4::int8[]) ON CONFLICT DO NOTHING"},
    [STORE_PG_REQUEST_INSERT] =
        {"request_insert",
         "INSERT INTO odradek.request (shard, workflow_key, request_id, at, "
         "digest, run_id, code, message) SELECT * FROM unnest($1::int4[], "
         "$2::text[], $3::text[], $4::timestamptz[], $5::bytea[], "
         "$6::uuid[], $7::text[], $8::text[])"},
    [STORE_PG_SOURCE_PUT] =
        {"source_put",
         "INSERT INTO odradek.source (shard, name, seq) "
         "SELECT * FROM unnest($1::int4[], $2::text[], $3::int8[]) "
         "ON CONFLICT (shard, name) DO UPDATE SET seq = excluded.seq"},
    [STORE_PG_OUTBOX_INSERT] =
        {"outbox_insert",
         "INSERT INTO odradek.outbox (shard, seq, data) "
         "SELECT * FROM unnest($1::int4[], $2::int8[], $3::bytea[])"},
    [STORE_PG_PARKED_INSERT] =
        {"parked_insert",
         "INSERT INTO odradek.outbox_parked (shard, seq, topic, partition, "
         "key, value, headers, reason) SELECT * FROM unnest($1::int4[], "
         "$2::int8[], $3::text[], $4::int4[], $5::bytea[], $6::bytea[], "
         "$7::bytea[], $8::text[])"},
    [STORE_PG_PARKED_DELETE] =
        {"parked_delete",
         "DELETE FROM odradek.outbox_parked p USING unnest($1::int4[], "
         "$2::int8[]) AS u(shard, seq) "
         "WHERE p.shard = u.shard AND p.seq = u.seq"},
    [STORE_PG_PARKED] = {"parked",
                         "SELECT topic, partition, key, value, headers "
                         "FROM odradek.outbox_parked "
                         "WHERE shard = $1::int4 AND seq = $2::int8"},
    /* The inner limit bounds what is counted, the sum what is sent. */
    [STORE_PG_UNPUBLISHED] =
        {"unpublished",
         "SELECT data FROM (SELECT seq, data, sum(octet_length(data)) "
         "OVER (ORDER BY seq) - octet_length(data) AS before "
         "FROM (SELECT seq, data FROM odradek.outbox WHERE shard = $1::int4 "
         "AND seq > $2::int8 ORDER BY seq LIMIT $4::int8) o) p "
         "WHERE before < $3::int8 ORDER BY seq"},
    [STORE_PG_SOURCES] =
        {"sources",
         "SELECT name, seq FROM odradek.source WHERE shard = $1::int4 "
         "ORDER BY name"},
    [STORE_PG_LOAD_CURRENT] =
        {"load_current",
         "SELECT w.ord, c.run_id, c.workflow_key, e.definition, "
         "e.definition_version, c.status, e.version, e.state "
         "FROM unnest($1::int4[], $2::text[]) "
         "WITH ORDINALITY AS w(shard, workflow_key, ord) "
         "JOIN odradek.current_run c ON c.shard = w.shard "
         "AND c.workflow_key = w.workflow_key "
         "LEFT JOIN odradek.execution e ON e.shard = c.shard "
         "AND e.run_id = c.run_id"},
    [STORE_PG_LOAD_RUN] =
        {"load_run",
         "SELECT w.ord, e.run_id, e.namespace || '/' || e.workflow_id, "
         "e.definition, e.definition_version, e.status, e.version, e.state "
         "FROM unnest($1::int4[], $2::uuid[]) "
         "WITH ORDINALITY AS w(shard, run_id, ord) "
         "JOIN odradek.execution e ON e.shard = w.shard "
         "AND e.run_id = w.run_id"},
    [STORE_PG_REQUESTS] =
        {"requests",
         "SELECT w.ord, r.digest, r.run_id, r.code, r.message, r.at "
         "FROM unnest($1::int4[], $2::text[], $3::text[]) "
         "WITH ORDINALITY AS w(shard, workflow_key, request_id, ord) "
         "CROSS JOIN LATERAL (SELECT * FROM odradek.request q "
         "WHERE q.shard = w.shard AND q.workflow_key = w.workflow_key "
         "AND q.request_id = w.request_id ORDER BY q.at DESC LIMIT 1) r"},
    [STORE_PG_TIMERS] =
        {"timers",
         "SELECT due, run_id, id FROM odradek.timer WHERE shard = $1::int4 "
         "AND (due, run_id, id) > ($2::int8, $3::uuid, $4::int8) "
         "ORDER BY due, run_id, id LIMIT $5::int8"},
    [STORE_PG_DEFINITION] = {"definition",
                             "SELECT version, text FROM odradek.definition "
                             "WHERE namespace = $1::text AND name = $2::text "
                             "AND ($3::int4 = 0 OR version = $3) "
                             "ORDER BY version DESC LIMIT 1"},
};

const char *
store_pg_statement_name(enum store_pg_statement statement)
{
    odk_assert(statement < STORE_PG_N_STATEMENTS);
    return statements[statement].name;
}

const char *
store_pg_statement_sql(enum store_pg_statement statement)
{
    odk_assert(statement < STORE_PG_N_STATEMENTS);
    return statements[statement].sql;
}
