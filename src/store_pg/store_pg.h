#ifndef STORE_PG_H
#define STORE_PG_H

/*
 * The store on PostgreSQL (14 or newer): one connection, prepared statements,
 * pipelines, binary arrays. exactly-once.md §1, §2, §5. The tables are made by
 * store_pg_migrate.
 */

#include "store/store.h"

/** How to connect. Zero members mean the default. */
struct store_pg_options {
    const char *conninfo; /**< libpq's string or URI; NULL or "": libpq's
                             environment variables */
    const char *application_name; /**< default "odradek" */
    odk_dur_ms connect_ms_max;    /**< default 5 s, in whole seconds */
    odk_dur_ms tcp_user_ms_max;   /**< unacknowledged bytes, default 10 s */
    odk_dur_ms idle_in_tx_ms_max; /**< default 10 s */
    odk_dur_ms lock_wait_ms_max;  /**< an acquire waits this long for the
                                     predecessor's transaction, then ends its
                                     backend; default 3 s */
};

/**
 * Connects, checks the schema's version and prepares all statements; blocks.
 * The session raises synchronous_commit to "on" where it is lower
 * (remote_apply stays). ODK_ECONN, ODK_EAUTH, ODK_ESCHEMA (migrate first, or a
 * newer odradek has). options and its strings are copied.
 */
int store_pg_open(const struct store_pg_options *options, struct store *out,
                  struct odk_err *err) ODK_MUST_USE;

/** 0 if the database's schema is exactly the one that this binary was built
 * for; else ODK_ESCHEMA with what to do. */
int store_pg_check_schema(const struct store_pg_options *options,
                          struct odk_err *err) ODK_MUST_USE;

#endif
