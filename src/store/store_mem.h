#ifndef STORE_MEM_H
#define STORE_MEM_H

/*
 * The reference implementation of the port: tables in memory, shared by any
 * number of stores ("connections") of one thread. A commit checks everything
 * first and then applies, so it is atomic. For tests and the simulator: faults
 * on demand, the server's identity and clock set from outside, and a copy of
 * the whole database for a fail-over that loses commits.
 */

#include "store/store.h"

struct store_mem_db; /**< opaque: the database */

/** An empty database: system id 1, timeline 1, time 0. Definitions are put with
 * store_mem_define. */
struct store_mem_db *store_mem_db_new(void);

/** Frees the database; every store of it must be closed before. */
void store_mem_db_free(struct store_mem_db *db);

/** A deep copy without connections, as a backup or a replica holds it. */
struct store_mem_db *store_mem_db_copy(const struct store_mem_db *db);

/** Connects a store; out->impl is freed by store_close. */
void store_mem_connect(struct store_mem_db *db, struct store *out);

/** What acquires report as the server from now on. */
void store_mem_set_server(struct store_mem_db *db, uint64_t system_id,
                          uint32_t timeline);
void store_mem_set_time(struct store_mem_db *db, odk_time_ms now);

/** Publishes a definition; versions of a name count from 1. Texts are copied.
 * Returns the version. */
int32_t store_mem_define(struct store_mem_db *db, struct odk_str namespace_,
                         struct odk_str name, struct odk_str text);

/** Takes a shard out of quarantine, as an operator does. */
void store_mem_release(struct store_mem_db *db, int32_t shard);

/* ---- faults: each holds for one commit of this store, but for
 * store_mem_refuse ---- */

/** The next commit of store writes nothing and returns code. ODK_ECONN and
 * ODK_EUNKNOWN_COMMIT also break the connection: every call gives ODK_ECONN
 * until store_reconnect. */
void store_mem_fail_next_commit(struct store *store, int code);

/** The next commit of store is applied, its answer is lost:
 * ODK_EUNKNOWN_COMMIT and a broken connection. */
void store_mem_lose_next_answer(struct store *store);

/** Breaks the connection now, as when the server ends it. */
void store_mem_disconnect(struct store *store);

/** Every batch that holds needle in a text, a state or an output's value gives
 * ODK_EREFUSED; ptr NULL: no longer. Copied. */
void store_mem_refuse(struct store_mem_db *db, struct odk_str needle);

/* ---- looking in ---- */

/** History rows in the order of their commits; NULL past the last. Borrowed
 * until the next commit. */
const struct store_history_write *
store_mem_history(const struct store_mem_db *db, size_t index);

/** The shard row as stored (strings borrowed); false if there is none. */
bool store_mem_shard(const struct store_mem_db *db, int32_t shard,
                     struct store_shard *out);

/** Parked records in the order of their commits; NULL past the last. */
const struct store_parked_write *store_mem_parked(const struct store_mem_db *db,
                                                  size_t index);

/** Rows that are in the tables now. */
struct store_mem_counts {
    size_t executions;
    size_t histories;
    size_t timers;
    size_t requests;
    size_t outputs;
    size_t parked;
};

/** Counts over all shards. */
struct store_mem_counts store_mem_count(const struct store_mem_db *db);

/** Execution rows in no particular order: the one after `after` (NULL: the
 * first), NULL at the end. Borrowed until the next commit. */
const struct store_execution_write *
store_mem_execution_next(const struct store_mem_db *db,
                         const struct store_execution_write *after);

#endif
