#include "store_pg/store_pg_migrate.h"

#include <stdio.h>
#include <stdlib.h>

#include "store_pg/store_pg_priv.h"

#define PARTITIONS_DEFAULT 12
#define VERSIONS_MAX       10000

struct migration_run {
    struct store_pg_conn conn;
    const struct store_pg_migrate_options *options;
    const char *owner;
    const char *server;
    const char *readonly;
    store_pg_report_f report;
    void *ctx;
};

static void
say(const struct migration_run *run, const char *what, const char *name)
{
    char line[200];

    if (run->report != NULL) {
        (void)snprintf(line, sizeof(line), "%s %s", what, name);
        run->report(run->ctx, line);
    }
}

/* ---- what is applied ---- */

/* Applied migrations as (version, sha256) from the round's result 0; no table
 * yet means none. */
static int
read_applied(struct store_pg_conn *conn, struct odk_err *err)
{
    store_pg_params_clear(&conn->params);
    int rc = store_pg_run_sql(
        conn, "SELECT to_regclass('odradek.schema_migration') IS NOT NULL",
        err);
    if (rc != 0) {
        return rc;
    }
    bool is_there = store_pg_bool(store_pg_result(conn, 0), 0, 0);
    return store_pg_run_sql(
        conn,
        is_there ? "SELECT version, name, sha256, applied_at, applied_by "
                   "FROM odradek.schema_migration ORDER BY version"
                 : "SELECT 0::int4, ''::text, ''::bytea, now(), ''::text "
                   "WHERE false",
        err);
}

static void
digest_of(const struct store_pg_script *script, uint8_t out[ODK_SHA256_BYTES])
{
    odk_sha256(odk_str_n(script->sql, script->len), ODK_STR(""), out);
}

static bool
is_same(const PGresult *applied, int row, const struct store_pg_script *script)
{
    uint8_t digest[ODK_SHA256_BYTES];

    digest_of(script, digest);
    return odk_str_eq(store_pg_str(applied, row, 2),
                      odk_str_n(digest, sizeof(digest)));
}

/* Checks what is applied against ours and gives how many are. */
static int
compare(const struct store_pg_conn *conn, size_t *n_applied,
        struct odk_err *err)
{
    const PGresult *applied = store_pg_result(conn, 0);
    size_t n = store_pg_rows(conn, 0);

    *n_applied = n;
    for (size_t i = 0; i < n; i++) {
        int32_t version = store_pg_i32(applied, (int)i, 0);
        if (i >= store_pg_n_scripts) {
            return odk_err_set(err, ODK_ESCHEMA,
                               "the database's schema (%d) is newer than this "
                               "odradek (%zu): run the newer odradek",
                               (int)version, store_pg_n_scripts);
        }
        if (version != store_pg_scripts[i].version ||
            !is_same(applied, (int)i, &store_pg_scripts[i])) {
            return odk_err_set(err, ODK_ESCHEMA,
                               "migration %d of the database is not the one of "
                               "this odradek",
                               (int)version);
        }
    }
    return 0;
}

int
store_pg_conn_check_schema(struct store_pg_conn *conn, struct odk_err *err)
{
    size_t n = 0;
    int rc = read_applied(conn, err);

    if (rc == 0) {
        rc = compare(conn, &n, err);
    }
    if (rc == 0 && n < store_pg_n_scripts) {
        rc = odk_err_set(err, ODK_ESCHEMA,
                         "the database has %zu of %zu migrations: run "
                         "`odradek db migrate`",
                         n, store_pg_n_scripts);
    }
    return rc;
}

/* ---- roles ---- */

static int
run_params(struct migration_run *run, const char *sql, const char *param,
           struct odk_err *err)
{
    struct store_pg_params *params = &run->conn.params;

    store_pg_params_clear(params);
    if (param != NULL) {
        store_pg_param_str(params, odk_str(param));
    }
    return store_pg_run_sql(&run->conn, sql, err);
}

/* Another database's migration may make the same role at the same time. */
static const char role_sql[] =
    "DO $do$ DECLARE r text := current_setting('odradek.role'); BEGIN "
    "IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN "
    "EXECUTE format('CREATE ROLE %I NOLOGIN', r); END IF; "
    "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$";

static int
make_role(struct migration_run *run, const char *role, struct odk_err *err)
{
    int rc = run_params(
        run, "SELECT set_config('odradek.role', $1::text, false)", role, err);

    if (rc == 0) {
        rc = run_params(run, role_sql, NULL, err);
    }
    if (rc == ODK_EAUTH) {
        return odk_err_set(
            err, ODK_EAUTH,
            "this role may not create the role %s: let an administrator run "
            "CREATE ROLE %s NOLOGIN, or migrate without roles",
            role, role);
    }
    return rc;
}

/* Objects belong to the owner's role: become it. */
static const char become_sql[] =
    "DO $do$ DECLARE r text := current_setting('odradek.role'); BEGIN "
    "IF NOT pg_has_role(r, 'MEMBER') THEN "
    "EXECUTE format('GRANT %I TO %I', r, current_user); END IF; "
    "IF to_regnamespace('odradek') IS NULL THEN "
    "EXECUTE format('CREATE SCHEMA odradek AUTHORIZATION %I', r); END IF; "
    "EXECUTE format('SET ROLE %I', r); END $do$";

static int
become_owner(struct migration_run *run, struct odk_err *err)
{
    if (run->options->is_without_roles) {
        return run_params(run,
                          "DO $do$ BEGIN "
                          "IF to_regnamespace('odradek') IS NULL THEN "
                          "CREATE SCHEMA odradek; END IF; END $do$",
                          NULL, err);
    }
    int rc = make_role(run, run->server, err);
    if (rc == 0) {
        rc = make_role(run, run->readonly, err);
    }
    if (rc == 0) {
        rc = make_role(run, run->owner, err);
    }
    if (rc != 0) {
        return rc;
    }
    rc = run_params(run, become_sql, NULL, err);
    if (rc == ODK_EAUTH) {
        return odk_err_wrap(err, rc,
                            "let an administrator GRANT %s TO this role, and "
                            "GRANT CREATE on the database",
                            run->owner);
    }
    return rc;
}

/* ---- applying ---- */

/* A script holds many statements: only libpq's simple protocol takes them at
 * once, and that not in pipeline mode. */
static int
run_script(struct store_pg_conn *conn, struct odk_str sql, struct odk_err *err)
{
    char *text = malloc(sql.len + 1);

    if (text == NULL) {
        odk_out_of_memory();
    }
    memcpy(text, sql.ptr, sql.len);
    text[sql.len] = '\0';
    int is_out = PQexitPipelineMode(conn->pq);
    odk_assert(is_out);
    PGresult *result = PQexec(conn->pq, text);
    free(text);
    int rc = 0;
    if (PQresultStatus(result) != PGRES_COMMAND_OK &&
        PQresultStatus(result) != PGRES_TUPLES_OK) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        bool is_auth = state != NULL && strcmp(state, "42501") == 0;
        rc = odk_err_set(err, is_auth ? ODK_EAUTH : ODK_EINTERNAL, "%s",
                         PQresultErrorMessage(result));
    }
    PQclear(result);
    if (!PQenterPipelineMode(conn->pq)) {
        conn->is_broken = true;
    }
    return rc;
}

static int
record(struct migration_run *run, const struct store_pg_script *script,
       struct odk_err *err)
{
    struct store_pg_params *params = &run->conn.params;
    uint8_t digest[ODK_SHA256_BYTES];

    digest_of(script, digest);
    store_pg_params_clear(params);
    store_pg_param_i32(params, script->version);
    store_pg_param_str(params, odk_str(script->name));
    store_pg_param_str(params, odk_str_n(digest, sizeof(digest)));
    return store_pg_run_sql(
        &run->conn,
        "INSERT INTO odradek.schema_migration (version, name, sha256) "
        "VALUES ($1::int4, $2::text, $3::bytea)",
        err);
}

static int
apply(struct migration_run *run, const struct store_pg_script *script,
      struct odk_err *err)
{
    char name[80];

    (void)snprintf(name, sizeof(name), "%04d_%s", (int)script->version,
                   script->name);
    int rc = run_params(run, "BEGIN", NULL, err);
    if (rc == 0) {
        rc = run_script(&run->conn, odk_str_n(script->sql, script->len), err);
    }
    if (rc == 0) {
        rc = record(run, script, err);
    }
    if (rc == 0) {
        rc = run_params(run, "COMMIT", NULL, err);
    }
    if (rc != 0) {
        (void)run_params(run, "ROLLBACK", NULL, NULL);
        return odk_err_wrap(err, rc, "migration %s", name);
    }
    say(run, "applied", name);
    return 0;
}

static int
apply_all(struct migration_run *run, struct odk_err *err)
{
    size_t n = 0;
    int rc = run_params(
        run,
        "CREATE TABLE IF NOT EXISTS odradek.schema_migration ("
        "version integer PRIMARY KEY, name text NOT NULL, "
        "sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), "
        "applied_by text NOT NULL DEFAULT session_user)",
        NULL, err);

    if (rc == 0) {
        rc = read_applied(&run->conn, err);
    }
    if (rc == 0) {
        rc = compare(&run->conn, &n, err);
    }
    for (size_t i = n; rc == 0 && i < store_pg_n_scripts; i++) {
        rc = apply(run, &store_pg_scripts[i], err);
    }
    return rc;
}

/* ---- the cluster's row, rights, partitions ---- */

/* The token key is random: the server's uuid generator is a strong one. */
static int
put_cluster(struct migration_run *run, struct odk_err *err)
{
    struct store_pg_params *params = &run->conn.params;
    int32_t wanted = run->options->partitions;
    const char *key = run->options->token_key;

    store_pg_params_clear(params);
    store_pg_param_i32(params, wanted > 0 ? wanted : PARTITIONS_DEFAULT);
    store_pg_param_str(params, odk_str(key));
    int rc = store_pg_run_sql(
        &run->conn,
        "INSERT INTO odradek.cluster (partitions, token_key) VALUES ($1::int4, "
        "coalesce(decode($2::text, 'hex'), "
        "sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) "
        "|| uuid_send(gen_random_uuid())))) ON CONFLICT DO NOTHING",
        err);
    if (rc == 0) {
        store_pg_params_clear(params);
        store_pg_param_str(params, odk_str(key));
        rc = store_pg_run_sql(&run->conn,
                              "SELECT partitions, token_key = "
                              "coalesce(decode($1::text, 'hex'), token_key) "
                              "FROM odradek.cluster",
                              err);
    }
    if (rc != 0) {
        return rc;
    }
    odk_assert(store_pg_rows(&run->conn, 0) == 1);
    int32_t partitions = store_pg_i32(store_pg_result(&run->conn, 0), 0, 0);
    if (!store_pg_bool(store_pg_result(&run->conn, 0), 0, 1)) {
        return odk_err_set(err, ODK_ECONFLICT,
                           "this database has another token key already: only "
                           "the first migration takes one");
    }
    if (wanted > 0 && wanted != partitions) {
        return odk_err_set(err, ODK_ECONFLICT,
                           "this database was made for %d partitions, which "
                           "cannot be changed to %d",
                           (int)partitions, (int)wanted);
    }
    return 0;
}

static int
grant(struct migration_run *run, struct odk_err *err)
{
    if (run->options->is_without_roles) {
        return 0;
    }
    int rc = run_params(
        run, "SELECT set_config('odradek.server_role', $1::text, false)",
        run->server, err);
    if (rc == 0) {
        rc = run_params(
            run, "SELECT set_config('odradek.readonly_role', $1::text, false)",
            run->readonly, err);
    }
    if (rc == 0) {
        rc = run_script(&run->conn, store_pg_grants_sql, err);
    }
    return rc;
}

static int
check_identity(struct migration_run *run, struct odk_err *err)
{
    int rc = run_params(run, "SELECT system_id FROM odradek.server_identity()",
                        NULL, err);

    if (rc == ODK_EAUTH) {
        return odk_err_wrap(
            err, rc,
            "let an administrator run GRANT EXECUTE ON FUNCTION "
            "pg_control_system(), pg_walfile_name(pg_lsn), "
            "pg_current_wal_lsn() TO %s",
            run->options->is_without_roles ? "this role" : run->owner);
    }
    return rc;
}

static int
make_partitions(struct migration_run *run, struct odk_err *err)
{
    char count[24];
    int rc = run_params(run, "SELECT odradek.maintain()", NULL, err);

    if (rc == 0) {
        int32_t made = store_pg_i32(store_pg_result(&run->conn, 0), 0, 0);
        if (made > 0) {
            (void)snprintf(count, sizeof(count), "%d", (int)made);
            say(run, "partitions made:", count);
        }
    }
    return rc;
}

static int
migrate(struct migration_run *run, struct odk_err *err)
{
    int rc = run_params(
        run, "SELECT pg_advisory_lock(hashtext('odradek.migrate'))", NULL, err);

    if (rc == 0) {
        rc = become_owner(run, err);
    }
    if (rc == 0) {
        rc = apply_all(run, err);
    }
    if (rc == 0) {
        rc = put_cluster(run, err);
    }
    if (rc == 0) {
        rc = grant(run, err);
    }
    if (rc == 0) {
        rc = check_identity(run, err);
    }
    if (rc == 0) {
        rc = make_partitions(run, err);
    }
    return rc;
}

static const char *
role_or(const char *role, const char *fallback)
{
    return role != NULL && role[0] != '\0' ? role : fallback;
}

int
store_pg_migrate(const char *conninfo,
                 const struct store_pg_migrate_options *options,
                 store_pg_report_f report, void *ctx, struct odk_err *err)
{
    static const struct store_pg_migrate_options defaults = {.partitions = 0};
    const struct store_pg_options connection = {
        .conninfo = conninfo, .application_name = "odradek db migrate"};
    struct migration_run run = {
        .options = options ? options : &defaults,
        .report = report,
        .ctx = ctx,
    };

    run.owner = role_or(run.options->owner_role, "odradek_owner");
    run.server = role_or(run.options->server_role, "odradek_server");
    run.readonly = role_or(run.options->readonly_role, "odradek_readonly");
    store_pg_conn_init(&run.conn, &connection, false);
    int rc = store_pg_conn_open(&run.conn, err);
    if (rc == 0) {
        rc = migrate(&run, err);
    }
    store_pg_conn_release(&run.conn);
    return rc;
}

/* ---- status ---- */

static bool
read_status(const PGresult *applied, int row, struct odk_arena *arena,
            struct store_pg_migration *out)
{
    bool is_known = (size_t)row < store_pg_n_scripts;

    *out = (struct store_pg_migration){
        .version = store_pg_i32(applied, row, 0),
        .is_applied = true,
        .is_unknown = !is_known,
        .is_changed =
            is_known && !is_same(applied, row, &store_pg_scripts[row]),
        .at = store_pg_time(applied, row, 3),
    };
    return store_pg_copy(applied, row, 1, arena, &out->name) &&
           store_pg_copy(applied, row, 4, arena, &out->by);
}

static int
status(struct store_pg_conn *conn, struct odk_arena *arena,
       const struct store_pg_migration **out, size_t *n, struct odk_err *err)
{
    int rc = read_applied(conn, err);

    if (rc != 0) {
        return rc;
    }
    size_t applied = store_pg_rows(conn, 0);
    size_t count = applied > store_pg_n_scripts ? applied : store_pg_n_scripts;
    odk_assert(count <= VERSIONS_MAX);
    struct store_pg_migration *all =
        odk_arena_calloc(arena, count, sizeof(*all));
    if (all == NULL) {
        return store_pg_full(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (i >= applied) {
            all[i].version = store_pg_scripts[i].version;
            all[i].name = odk_str(store_pg_scripts[i].name);
        } else if (!read_status(store_pg_result(conn, 0), (int)i, arena,
                                &all[i])) {
            return store_pg_full(err);
        }
    }
    *out = all;
    *n = count;
    return 0;
}

int
store_pg_migrate_status(const char *conninfo, struct odk_arena *arena,
                        const struct store_pg_migration **out, size_t *n,
                        struct odk_err *err)
{
    const struct store_pg_options options = {
        .conninfo = conninfo, .application_name = "odradek db status"};
    struct store_pg_conn conn;

    *out = NULL;
    *n = 0;
    store_pg_conn_init(&conn, &options, false);
    int rc = store_pg_conn_open(&conn, err);
    if (rc == 0) {
        rc = status(&conn, arena, out, n, err);
    }
    store_pg_conn_release(&conn);
    return rc;
}

int
store_pg_maintain(const char *conninfo, struct odk_err *err)
{
    const struct store_pg_options options = {
        .conninfo = conninfo, .application_name = "odradek maintain"};
    struct store_pg_conn conn;

    store_pg_conn_init(&conn, &options, false);
    int rc = store_pg_conn_open(&conn, err);
    if (rc == 0) {
        store_pg_params_clear(&conn.params);
        rc = store_pg_run_sql(&conn, "SELECT odradek.maintain()", err);
    }
    store_pg_conn_release(&conn);
    return rc;
}
