#ifndef STORE_PG_RETENTION_H
#define STORE_PG_RETENTION_H

/*
 * Closed runs leave the database after a time (exactly-once.md §3): their rows
 * in bounded pages, their history by dropping its partition once no run of it
 * is open or closed too recently. A few that are still there move first. Each
 * step is a short transaction that waits for no lock longer than a moment; one
 * process at a time does it.
 */

#include "store_pg/store_pg_query.h"

/** What was done, or with is_dry what there is to do. */
struct store_pg_retention_stats {
    int64_t runs;      /**< whose rows left */
    int64_t dropped;   /**< history partitions */
    int64_t rewritten; /**< history partitions, for the runs that stay */
    int64_t kept;      /**< runs that stay of those partitions */
    int64_t swept;     /**< rows and tables left behind */
};

struct store_pg_retention;

/** Begins, with a connection that it borrows for as long. ODK_EAGAIN: another
 * process is at it (which stops no dry run). */
int store_pg_retention_begin(struct store_pg_query *query, odk_dur_ms keep_ms,
                             bool is_dry, struct store_pg_retention **out,
                             struct odk_err *err) ODK_MUST_USE;

/** One step; *is_done after the last. An error of class retry (a lock that
 * somebody holds) leaves the step to be tried again. */
int store_pg_retention_step(struct store_pg_retention *retention, bool *is_done,
                            struct odk_err *err) ODK_MUST_USE;

/** What was done so far; borrowed. */
const struct store_pg_retention_stats *
store_pg_retention_stats(const struct store_pg_retention *retention);

/** Lets others begin. NULL is fine. */
void store_pg_retention_end(struct store_pg_retention *retention);

#endif
