#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "store_pg/store_pg_priv.h"

#define CONNECT_MS      5000
#define TCP_USER_MS     10000
#define IDLE_IN_TX_MS   10000
#define PARAM_BYTES_MAX ((size_t)1 << 29)

static char *
copy_text(const char *text)
{
    char *copy = strdup(text ? text : "");

    if (copy == NULL) {
        odk_out_of_memory();
    }
    return copy;
}

static odk_dur_ms
or_default(odk_dur_ms value, odk_dur_ms fallback)
{
    return value > 0 ? value : fallback;
}

void
store_pg_conn_init(struct store_pg_conn *conn,
                   const struct store_pg_options *options, bool is_lane)
{
    *conn = (struct store_pg_conn){.is_lane = is_lane, .is_broken = true};
    conn->options = *options;
    conn->options.conninfo = copy_text(options->conninfo);
    conn->options.application_name = copy_text(
        options->application_name ? options->application_name : "odradek");
    conn->options.connect_ms_max =
        or_default(options->connect_ms_max, CONNECT_MS);
    conn->options.tcp_user_ms_max =
        or_default(options->tcp_user_ms_max, TCP_USER_MS);
    conn->options.idle_in_tx_ms_max =
        or_default(options->idle_in_tx_ms_max, IDLE_IN_TX_MS);
    conn->options.lock_wait_ms_max =
        or_default(options->lock_wait_ms_max, STORE_PG_LOCK_WAIT_MS);
    odk_buf_init(&conn->params.buf, PARAM_BYTES_MAX);
}

static void
results_clear(struct store_pg_conn *conn)
{
    for (size_t i = 0; i < conn->n_sent; i++) {
        PQclear(conn->results[i]);
        conn->results[i] = NULL;
    }
    conn->n_sent = 0;
}

void
store_pg_conn_release(struct store_pg_conn *conn)
{
    results_clear(conn);
    free(conn->results);
    PQfinish(conn->pq);
    odk_buf_release(&conn->params.buf);
    /* The strings were allocated by init; the options show them as const. */
    free((void *)(uintptr_t)conn->options.conninfo);
    free((void *)(uintptr_t)conn->options.application_name);
    *conn = (struct store_pg_conn){.is_broken = true};
}

/* ---- errors ---- */

/* libpq's message without its line breaks at the end. */
static int
text_len(const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' ')) {
        len--;
    }
    return len > 400 ? 400 : (int)len;
}

static int
lost(struct store_pg_conn *conn, struct odk_err *err)
{
    const char *text = PQerrorMessage(conn->pq);

    conn->is_broken = true;
    return odk_err_set(err, ODK_ECONN, "PostgreSQL connection lost: %.*s",
                       text_len(text), text);
}

static bool
is_state(const char *state, const char *prefix)
{
    return strncmp(state, prefix, strlen(prefix)) == 0;
}

static const struct {
    const char *prefix;
    int code;
} states[] = {
    {"22", ODK_EREFUSED},    /* data exception */
    {"23", ODK_EREFUSED},    /* constraint of another table than shard */
    {"54", ODK_EREFUSED},    /* program limit exceeded */
    {"08", ODK_ECONN},       /* connection exception */
    {"25006", ODK_ECONN},    /* read-only: a standby answers */
    {"57P", ODK_ECONN},      /* shutdown, starting up, dropped */
    {"28", ODK_EAUTH},       /* log-in */
    {"42501", ODK_EAUTH},    /* no right */
    {"42", ODK_ESCHEMA},     /* unknown table, column, function … */
    {"3F", ODK_ESCHEMA},     /* unknown schema */
    {"40", ODK_EAGAIN},      /* deadlock, serialisation */
    {"53", ODK_EAGAIN},      /* disk full, memory, connections */
    {"55P03", ODK_EAGAIN},   /* lock not available */
    {"57014", ODK_EAGAIN},   /* cancelled */
    {"58", ODK_EIO},         /* the server's system */
    {"XX001", ODK_ECORRUPT}, /* data corrupted */
    {"XX002", ODK_ECORRUPT}, /* index corrupted */
};

static int
code_of_state(const char *state)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(states); i++) {
        if (is_state(state, states[i].prefix)) {
            return states[i].code;
        }
    }
    return ODK_EINTERNAL;
}

/* §1: any constraint error on shard means fenced. */
static bool
is_of_shard(const PGresult *result)
{
    const char *schema = PQresultErrorField(result, PG_DIAG_SCHEMA_NAME);
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);

    return schema != NULL && table != NULL && strcmp(schema, "odradek") == 0 &&
           strcmp(table, "shard") == 0;
}

/* §1, I10: the clock of the row, and of no other, has no value when the
 * committer's is too far from the server's. */
static bool
is_skewed(const PGresult *result)
{
    const char *column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);

    return column != NULL && strcmp(column, "clock") == 0;
}

/* Only the primary message: details quote rows, which are not ours to log. */
static int
refused(struct store_pg_conn *conn, const PGresult *result, struct odk_err *err)
{
    const char *state = store_pg_sqlstate(conn);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (state[0] == '\0' || text == NULL) {
        return lost(conn, err);
    }
    if (is_state(state, "23502") && is_of_shard(result) && is_skewed(result)) {
        return odk_err_set(err, ODK_ESKEW,
                           "the clock of this machine is more than %d ms from "
                           "PostgreSQL's",
                           STORE_SKEW_MS_MAX);
    }
    int code = code_of_state(state);
    if (is_state(state, "23") && is_of_shard(result)) {
        code = ODK_EFENCED;
    } else if (code == ODK_ECONN) {
        conn->is_broken = true;
    }
    return odk_err_set(err, code, "PostgreSQL: %.*s (SQLSTATE %s)",
                       text_len(text), text, state);
}

int
store_pg_full(struct odk_err *err)
{
    return odk_err_set(err, ODK_ELIMIT,
                       "what PostgreSQL answered does not fit the arena");
}

/* ---- rounds ---- */

int
store_pg_round_begin(struct store_pg_conn *conn, struct odk_err *err)
{
    results_clear(conn);
    conn->failed = SIZE_MAX;
    conn->is_warned = false;
    if (conn->is_broken || PQstatus(conn->pq) != CONNECTION_OK) {
        conn->is_broken = true;
        return odk_err_set(err, ODK_ECONN, "no connection to PostgreSQL");
    }
    return 0;
}

static void
results_grow(struct store_pg_conn *conn)
{
    if (conn->n_sent < conn->results_size) {
        return;
    }
    size_t size = conn->results_size ? conn->results_size * 2 : 64;
    PGresult **results =
        realloc((void *)conn->results, size * sizeof(PGresult *));
    if (results == NULL) {
        odk_out_of_memory();
    }
    conn->results = results;
    conn->results_size = size;
}

static int
send_params(struct store_pg_conn *conn, const char *text, bool is_prepared,
            struct odk_err *err)
{
    const struct store_pg_params *params = &conn->params;
    const char *values[STORE_PG_PARAMS_MAX];
    int lengths[STORE_PG_PARAMS_MAX];
    int formats[STORE_PG_PARAMS_MAX];

    if (odk_buf_failed(&params->buf)) {
        conn->is_broken = true; /* the round is torn */
        return odk_err_set(err, ODK_ETOOBIG,
                           "a statement's parameters are "
                           "larger than PostgreSQL takes");
    }
    for (size_t i = 0; i < params->n; i++) {
        values[i] = params->is_null[i]
                        ? NULL
                        : odk_buf_str(&params->buf).ptr + params->at[i];
        lengths[i] = (int)params->len[i];
        formats[i] = 1;
    }
    results_grow(conn);
    int n = (int)params->n;
    int is_sent = is_prepared ? PQsendQueryPrepared(conn->pq, text, n, values,
                                                    lengths, formats, 1)
                              : PQsendQueryParams(conn->pq, text, n, NULL,
                                                  values, lengths, formats, 1);
    if (!is_sent) {
        return lost(conn, err);
    }
    conn->results[conn->n_sent++] = NULL;
    return 0;
}

int
store_pg_send(struct store_pg_conn *conn, enum store_pg_statement statement,
              struct odk_err *err)
{
    odk_assert(conn->is_lane);
    return send_params(conn, store_pg_statement_name(statement), true, err);
}

int
store_pg_send_sql(struct store_pg_conn *conn, const char *sql,
                  struct odk_err *err)
{
    return send_params(conn, sql, false, err);
}

/* The result of one statement; NULL when the connection is lost. */
static PGresult *
take_result(struct store_pg_conn *conn)
{
    PGresult *result = PQgetResult(conn->pq);

    if (result == NULL || PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        return result;
    }
    PGresult *more = PQgetResult(conn->pq);
    while (more != NULL) {
        PQclear(more);
        more = PQgetResult(conn->pq);
    }
    return result;
}

static bool
is_ok(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Reads up to the sync, whatever comes; false when the connection is lost. */
static bool
drain(struct store_pg_conn *conn)
{
    while (PQstatus(conn->pq) == CONNECTION_OK) {
        PGresult *result = take_result(conn);
        if (result == NULL) {
            return false;
        }
        bool is_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
        if (is_sync) {
            return PQstatus(conn->pq) == CONNECTION_OK;
        }
    }
    return false;
}

/* Ends a failed transaction; without one it only earns a warning. */
static void
roll_back(struct store_pg_conn *conn)
{
    if (conn->is_broken) {
        return;
    }
    if (!PQsendQueryParams(conn->pq, "ROLLBACK", 0, NULL, NULL, NULL, NULL,
                           1) ||
        !PQpipelineSync(conn->pq) || !drain(conn)) {
        conn->is_broken = true;
    }
}

int
store_pg_round_end(struct store_pg_conn *conn, struct odk_err *err)
{
    if (!PQpipelineSync(conn->pq)) {
        return lost(conn, err);
    }
    for (size_t i = 0; i < conn->n_sent; i++) {
        PGresult *result = take_result(conn);
        if (result == NULL) {
            return lost(conn, err);
        }
        conn->results[i] = result;
        if (!is_ok(result)) {
            conn->failed = i;
            int rc = refused(conn, result, err);
            if (!conn->is_broken && !drain(conn)) {
                conn->is_broken = true;
            }
            roll_back(conn);
            return rc;
        }
    }
    return drain(conn) ? 0 : lost(conn, err);
}

int
store_pg_run(struct store_pg_conn *conn, enum store_pg_statement statement,
             struct odk_err *err)
{
    int rc = store_pg_round_begin(conn, err);

    if (rc == 0) {
        rc = store_pg_send(conn, statement, err);
    }
    return rc == 0 ? store_pg_round_end(conn, err) : rc;
}

int
store_pg_run_sql(struct store_pg_conn *conn, const char *sql,
                 struct odk_err *err)
{
    int rc = store_pg_round_begin(conn, err);

    if (rc == 0) {
        rc = store_pg_send_sql(conn, sql, err);
    }
    return rc == 0 ? store_pg_round_end(conn, err) : rc;
}

const PGresult *
store_pg_result(const struct store_pg_conn *conn, size_t index)
{
    odk_assert(index < conn->n_sent && conn->results[index] != NULL);
    return conn->results[index];
}

size_t
store_pg_rows(const struct store_pg_conn *conn, size_t index)
{
    return (size_t)PQntuples(store_pg_result(conn, index));
}

const char *
store_pg_sqlstate(const struct store_pg_conn *conn)
{
    if (conn->failed >= conn->n_sent) {
        return "";
    }
    const char *state =
        PQresultErrorField(conn->results[conn->failed], PG_DIAG_SQLSTATE);
    return state ? state : "";
}

/* ---- connecting ---- */

static void
on_notice(void *arg, const PGresult *result)
{
    struct store_pg_conn *conn = arg;
    const char *severity =
        PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (severity != NULL && strcmp(severity, "WARNING") == 0) {
        conn->is_warned = true;
    }
}

/* libpq gives no SQLSTATE for a failed log-in. */
static int
connect_failed(struct store_pg_conn *conn, struct odk_err *err)
{
    const char *text = PQerrorMessage(conn->pq);
    bool is_auth = PQconnectionNeedsPassword(conn->pq) ||
                   strstr(text, "authentication failed") != NULL ||
                   strstr(text, "pg_hba.conf") != NULL;

    return odk_err_set(err, is_auth ? ODK_EAUTH : ODK_ECONN,
                       "cannot connect to PostgreSQL: %.*s", text_len(text),
                       text);
}

/* What stands before dbname can be overridden by the conninfo string. */
static void
pq_connect(struct store_pg_conn *conn)
{
    char connect_s[24];
    char tcp_ms[24];
    odk_dur_ms seconds = (conn->options.connect_ms_max + 999) / 1000;

    /* libpq reads 1 as 2, and counts per host. */
    (void)snprintf(connect_s, sizeof(connect_s), "%lld", (long long)seconds);
    (void)snprintf(tcp_ms, sizeof(tcp_ms), "%lld",
                   (long long)conn->options.tcp_user_ms_max);
    const char *const keys[] = {
        "connect_timeout",           "tcp_user_timeout",
        "keepalives_idle",           "keepalives_interval",
        "keepalives_count",          "target_session_attrs",
        "fallback_application_name", "dbname",
        "client_encoding",           NULL};
    const char *const values[] = {connect_s,
                                  tcp_ms,
                                  "5",
                                  "2",
                                  "3",
                                  "read-write",
                                  conn->options.application_name,
                                  conn->options.conninfo,
                                  "UTF8",
                                  NULL};
    PQfinish(conn->pq);
    conn->pq = PQconnectdbParams(keys, values, 1);
    if (conn->pq == NULL) {
        odk_out_of_memory();
    }
    (void)PQsetNoticeReceiver(conn->pq, on_notice, conn);
}

/*
 * synchronous_commit below "on" would lose acknowledged commits (I9);
 * remote_apply is stronger and stays. A lane only looks rows up by their keys:
 * its generic plans are made while tables are small, and must not choose what
 * is right for small tables only.
 */
static const char session_sql[] =
    "SELECT set_config(s.name, s.value, false) FROM (VALUES "
    "(false, 'idle_in_transaction_session_timeout', $2::text), "
    "(false, 'statement_timeout', '0'), (false, 'lock_timeout', '0'), "
    "(false, 'default_transaction_isolation', 'read committed'), "
    "(false, 'default_transaction_read_only', 'off'), "
    "(false, 'synchronous_commit', "
    "CASE current_setting('synchronous_commit') "
    "WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END), "
    "(false, 'jit', 'off'), "
    "(true, 'plan_cache_mode', 'force_generic_plan'), "
    "(true, 'enable_seqscan', 'off'), (true, 'enable_bitmapscan', 'off'), "
    "(true, 'enable_hashjoin', 'off'), (true, 'enable_mergejoin', 'off')) "
    "AS s(is_lane, name, value) WHERE $1::bool OR NOT s.is_lane";

static int
session_set(struct store_pg_conn *conn, struct odk_err *err)
{
    char idle_ms[24];

    (void)snprintf(idle_ms, sizeof(idle_ms), "%lld",
                   (long long)conn->options.idle_in_tx_ms_max);
    store_pg_params_clear(&conn->params);
    store_pg_param_bool(&conn->params, conn->is_lane);
    store_pg_param_str(&conn->params, odk_str(idle_ms));
    return store_pg_run_sql(conn, session_sql, err);
}

static int
prepare_all(struct store_pg_conn *conn, struct odk_err *err)
{
    int rc = store_pg_round_begin(conn, err);

    for (int i = 0; rc == 0 && i < STORE_PG_N_STATEMENTS; i++) {
        enum store_pg_statement statement = (enum store_pg_statement)i;
        results_grow(conn);
        if (!PQsendPrepare(conn->pq, store_pg_statement_name(statement),
                           store_pg_statement_sql(statement), 0, NULL)) {
            return lost(conn, err);
        }
        conn->results[conn->n_sent++] = NULL;
    }
    if (rc == 0) {
        rc = store_pg_round_end(conn, err);
    }
    if (rc != 0 && conn->failed < STORE_PG_N_STATEMENTS) {
        rc = odk_err_wrap(
            err, rc, "preparing %s",
            store_pg_statement_name((enum store_pg_statement)conn->failed));
    }
    return rc;
}

int
store_pg_conn_open(struct store_pg_conn *conn, struct odk_err *err)
{
    results_clear(conn);
    conn->is_broken = true;
    pq_connect(conn);
    if (PQstatus(conn->pq) != CONNECTION_OK) {
        return connect_failed(conn, err);
    }
    if (!PQenterPipelineMode(conn->pq)) {
        return lost(conn, err);
    }
    conn->is_broken = false;
    int rc = session_set(conn, err);
    if (rc == 0 && conn->is_lane) {
        rc = store_pg_conn_check_schema(conn, err);
    }
    if (rc == 0 && conn->is_lane) {
        rc = prepare_all(conn, err);
    }
    if (rc != 0) {
        conn->is_broken = true;
    }
    return rc;
}
