#include "store_pg/store_pg.h"

#include <stdlib.h>

#include "store_pg/store_pg_priv.h"

/* Pointers to rows, chunks and keys of one batch. */
#define SCRATCH_BYTES_MAX ((size_t)256 << 20)

struct store_pg *
store_pg_of(struct store *store)
{
    struct store_pg *pg = store->impl;

    odk_assert(pg != NULL && pg->magic == STORE_PG_MAGIC);
    return pg;
}

static void
pg_free(struct store_pg *pg)
{
    store_pg_conn_release(&pg->conn);
    odk_arena_release(&pg->scratch);
    pg->magic = 0;
    free(pg);
}

static void
pg_close(struct store *store)
{
    pg_free(store_pg_of(store));
}

static int
pg_reconnect(struct store *store, struct odk_err *err)
{
    return store_pg_conn_open(&store_pg_of(store)->conn, err);
}

static const struct store_ops ops = {
    .close = pg_close,
    .reconnect = pg_reconnect,
    .server = store_pg_server,
    .acquire = store_pg_acquire,
    .quarantine = store_pg_quarantine,
    .accept_server = store_pg_accept_server,
    .forget_server = store_pg_forget_server,
    .unpublished = store_pg_unpublished,
    .parked = store_pg_parked_one,
    .sources = store_pg_sources,
    .load = store_pg_load,
    .requests = store_pg_requests,
    .timers = store_pg_timers,
    .definition = store_pg_definition,
    .commit = store_pg_commit,
};

int
store_pg_open(const struct store_pg_options *options, struct store *out,
              struct odk_err *err)
{
    struct store_pg *pg = calloc(1, sizeof(*pg));

    *out = (struct store){NULL, NULL};
    if (pg == NULL) {
        odk_out_of_memory();
    }
    pg->magic = STORE_PG_MAGIC;
    store_pg_conn_init(&pg->conn, options, true);
    odk_arena_init(&pg->scratch, SCRATCH_BYTES_MAX);
    int rc = store_pg_conn_open(&pg->conn, err);
    if (rc != 0) {
        pg_free(pg);
        return rc;
    }
    *out = (struct store){&ops, pg};
    return 0;
}

int
store_pg_check_schema(const struct store_pg_options *options,
                      struct odk_err *err)
{
    struct store_pg_conn conn;

    store_pg_conn_init(&conn, options, false);
    int rc = store_pg_conn_open(&conn, err);
    if (rc == 0) {
        rc = store_pg_conn_check_schema(&conn, err);
    }
    store_pg_conn_release(&conn);
    return rc;
}
