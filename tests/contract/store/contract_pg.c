#include "contract_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "contract_store.h"
#include "store_pg/store_pg.h"
#include "store_pg/store_pg_migrate.h"
#include "store_pg/store_pg_priv.h"
#include "store_pg/store_pg_query.h"

enum {
    SKIPPED = 77,
};

static char conninfo[1000]; // NOLINT: of the program's own database
static PGconn *side;        // NOLINT: a connection beside the tested ones

static void
die(const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, PQerrorMessage(side));
    exit(1);
}

const char *
contract_conninfo(void)
{
    return conninfo;
}

char *
contract_sql(const char *sql)
{
    PGresult *result = PQexec(side, sql);
    ExecStatusType status = PQresultStatus(result);
    char *value = NULL;

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        die(sql);
    }
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0)) {
        value = strdup(PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    return value;
}

long long
contract_sql_number(const char *sql)
{
    char *text = contract_sql(sql);
    int64_t number = -1;

    if (text != NULL && !odk_str_to_i64(odk_str(text), &number)) {
        die(text);
    }
    free(text);
    return number;
}

void
contract_connect(struct store *out)
{
    const struct store_pg_options options = {.conninfo = conninfo,
                                             .application_name = "contract"};
    struct odk_err err = {.code = 0};

    if (store_pg_open(&options, out, &err) != 0) {
        die(err.message);
    }
}

void
contract_define(struct odk_str namespace_, struct odk_str name,
                struct odk_str text)
{
    const struct store_pg_options options = {.conninfo = conninfo};
    const struct store_definition definition = {
        .namespace_ = namespace_, .name = name, .text = text};
    struct store_pg_query *query = NULL;
    struct odk_err err = {.code = 0};
    int32_t version = 0;
    bool is_new = false;

    if (store_pg_query_open(&options, &query, &err) != 0 ||
        store_pg_definition_publish(query, &definition, ODK_STR("test"),
                                    &version, &is_new, &err) != 0) {
        die(err.message);
    }
    store_pg_query_close(query);
}

void
contract_cut(struct store *store)
{
    char sql[100];
    int pid = PQbackendPID(store_pg_of(store)->conn.pq);

    (void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d, 5000)",
                   pid);
    free(contract_sql(sql));
}

size_t
contract_n_parked(int32_t shard)
{
    char sql[100];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM odradek.outbox_parked "
                   "WHERE shard = %d",
                   (int)shard);
    return (size_t)contract_sql_number(sql);
}

size_t
contract_n_histories(int32_t shard, const struct odk_uuid *run_id)
{
    char id[ODK_UUID_TEXT_LEN + 1];
    char sql[200];

    odk_uuid_format(run_id, id);
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM odradek.history "
                   "WHERE shard = %d AND run_id = '%s'",
                   (int)shard, id);
    return (size_t)contract_sql_number(sql);
}

/* ---- a database of our own ---- */

/* The address with another database, as every keyword of libpq. */
static void
name_database(const char *address, const char *database)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(address, &error);
    size_t len = 0;

    if (options == NULL) {
        (void)fprintf(stderr, "ODRADEK_POSTGRES: %s\n", error);
        exit(1);
    }
    for (PQconninfoOption *o = options; o->keyword != NULL; o++) {
        if (o->val != NULL && strcmp(o->keyword, "dbname") != 0) {
            len += (size_t)snprintf(conninfo + len, sizeof(conninfo) - len,
                                    "%s='%s' ", o->keyword, o->val);
        }
    }
    (void)snprintf(conninfo + len, sizeof(conninfo) - len, "dbname=%s",
                   database);
    PQconninfoFree(options);
}

static void
connect_side(const char *address)
{
    PQfinish(side);
    side = PQconnectdb(address);
    if (PQstatus(side) != CONNECTION_OK) {
        die("connecting");
    }
    free(contract_sql("SET client_min_messages = error"));
}

static void
on_report(void *ctx, const char *line)
{
    (void)ctx;
    (void)fprintf(stderr, "migrate: %s\n", line);
}

int
main(void)
{
    const char *address = getenv("ODRADEK_POSTGRES"); // NOLINT: one thread
    char database[60];
    char sql[200];
    struct odk_err err = {.code = 0};

    if (address == NULL || address[0] == '\0') {
        (void)fprintf(stderr, "skipped: ODRADEK_POSTGRES names no server\n");
        return SKIPPED;
    }
    (void)snprintf(database, sizeof(database), "odradek_contract_%ld_%ld",
                   (long)getpid(), (long)time(NULL));
    name_database(address, database);
    connect_side(address);
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s", database);
    free(contract_sql(sql));
    connect_side(conninfo);
    int rc = store_pg_migrate(conninfo, NULL, on_report, NULL, &err);
    if (rc != 0) {
        (void)fprintf(stderr, "migrate: %s\n", err.message);
    } else {
        rc = contract_run();
        rc += contract_pg_run();
        rc += contract_pg_retention_run();
    }
    connect_side(address);
    (void)snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", database);
    free(contract_sql(sql));
    PQfinish(side);
    return rc != 0;
}
