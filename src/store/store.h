#ifndef STORE_STORE_H
#define STORE_STORE_H

/*
 * The port to the authority (PostgreSQL), for the lane: acquire a shard, load
 * what a batch touches, commit a batch as one fenced transaction. One store =
 * one connection, used from one thread; every call blocks. Rules:
 * exactly-once.md §1, §2, §5. Implementations: store_mem (reference, this
 * folder) and store_pg (ring 4), both held to tests/contract/store.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/** How far a committer's wall clock may be from the server's (I10). */
#define STORE_SKEW_MS_MAX 5000

/** Who answers. */
struct store_server {
    uint64_t system_id;
    uint32_t timeline;
    odk_time_ms time;         /**< its clock */
    odk_time_ms took_over_at; /**< of the last commit that it has from the
                                 server before it; 0: not known */
};

/** The shard row. */
struct store_shard {
    int32_t shard;
    uint32_t timeline;         /**< of the database when the row was written */
    uint64_t system_id;        /**< likewise; 0: not yet, or forgotten */
    uint32_t server_timeline;  /**< of the database we talk to */
    uint64_t server_system_id; /**< likewise */
    odk_time_ms server_time;   /**< the database's clock at the acquire */
    int64_t epoch;             /**< for people; the fence decides */
    int64_t fence;             /**< random, set by the acquire */
    int64_t batch; /**< number of the next batch; an out-of-turn commit fails */
    int64_t next_command;
    int64_t next_result;
    int64_t history_offset; /**< where a scan of odradek.history may begin */
    uint64_t outbox_seq;    /**< last number given to an output */
    uint64_t published;     /**< all up to here are acknowledged */
    odk_time_ms clock;
    struct odk_str quarantine; /**< reason, ptr NULL: none */
};

/** One whole record of the outbox: what exactly is produced, where, under which
 * number. */
struct store_output {
    uint64_t seq;
    struct odk_str topic;
    int32_t partition;
    struct odk_str key; /**< ptr NULL: none */
    struct odk_str value;
    struct odk_str headers; /**< packed: see store_headers_* ; may be empty */
};

/** The current run of a workflow id, and its execution row when asked for and
 * present. */
struct store_execution {
    bool is_found;
    struct odk_uuid run_id;
    struct odk_str workflow_key; /**< namespace/workflow_id */
    struct odk_str definition;   /**< name */
    int32_t definition_version;
    int status; /**< enum engine_status */
    int64_t version;
    struct odk_str state; /**< as engine_save wrote it */
};

/** What a batch wants to know before it is applied: one per input that is not
 * served by the cache. */
struct store_want {
    int32_t shard;
    struct odk_str workflow_key; /**< the current run of this key … */
    bool has_run_id;
    struct odk_uuid run_id; /**< … or this run */
};

/** A command's outcome, kept for repeats. */
struct store_request {
    int32_t shard;
    struct odk_str
        request_id; /**< unique in its shard together with the workflow key */
    struct odk_str workflow_key;
    uint8_t digest[ODK_SHA256_BYTES]; /**< of the command's content without its
                                         reply address */
    bool has_run_id;
    struct odk_uuid run_id;
    struct odk_str
        code; /**< ptr NULL: accepted; else the code of the rejection */
    struct odk_str message; /**< of the rejection */
    odk_time_ms at;
};

struct store_timer {
    odk_time_ms due;
    struct odk_uuid run_id;
    uint64_t id;
};

struct store_source {
    struct odk_str name;
    int64_t seq;
};

/** A published definition's text. */
struct store_definition {
    struct odk_str namespace_;
    struct odk_str name;
    int32_t version;
    struct odk_str text; /**< JSON */
};

/* ---- one batch ---- */

/** Moves a shard's row; the row must still carry our fence and expected batch
 * number. */
struct store_shard_move {
    int32_t shard;
    int64_t fence;
    int64_t batch_expected; /**< becomes batch_expected + 1 */
    int64_t next_command;
    int64_t next_result;
    uint64_t outbox_seq;
    uint64_t published; /**< rows of outbox with seq <= this are deleted … */
    uint64_t published_from; /**< … from above this (the last published value
                                written): bounded both sides */
    int64_t history_offset;
    odk_time_ms clock;
};

struct store_execution_write {
    int32_t shard;
    bool is_new;
    struct odk_uuid run_id;
    struct odk_str namespace_;
    struct odk_str workflow_id;
    struct odk_str workflow_key; /**< namespace/workflow_id */
    struct odk_str definition;
    int32_t definition_version;
    int status;
    bool is_status_changed; /**< also true when new: the current-run and
                               visibility rows are written too */
    int64_t version;        /**< of the state: +1 each transition, 1 when new */
    odk_time_ms started_at;
    odk_time_ms closed_at; /**< 0 while open */
    struct odk_str error;  /**< of a closed execution, ptr NULL: none */
    bool is_stuck;         /**< a compensation waits for an operator */
    struct odk_str state;
};

struct store_history_write {
    int32_t shard;
    struct odk_uuid run_id;
    int64_t version;
    odk_time_ms at;
    int64_t first_event_id; /**< 0: only facts */
    struct odk_str entries; /**< JSON array text */
};

struct store_timer_write {
    int32_t shard;
    bool is_set; /**< else dropped */
    struct store_timer timer;
};

struct store_source_write {
    int32_t shard;
    struct store_source source;
};

struct store_output_write {
    int32_t shard;
    struct store_output output; /**< per shard in ascending seq; the store packs
                                   them into chunk rows */
};

struct store_parked_write {
    int32_t shard;
    struct store_output output;
    struct odk_str reason;
};

/** An output that is no longer parked: an operator sent it again or gave it up.
 */
struct store_parked_drop {
    int32_t shard;
    uint64_t seq;
};

struct store_batch {
    odk_time_ms wall; /**< the clock that the batch's times are from, carried to
                         now: it must be the server's */
    const struct store_shard_move *shards; /**< ascending */
    size_t n_shards;
    const struct store_execution_write
        *executions; /**< each run at most once; of several new runs of one
                        workflow id the last is its current one */
    size_t n_executions;
    const struct store_history_write *histories;
    size_t n_histories;
    const struct store_timer_write *timers;
    size_t n_timers;
    const struct store_request *requests;
    size_t n_requests;
    const struct store_source_write *sources;
    size_t n_sources;
    const struct store_output_write *outputs;
    size_t n_outputs;
    const struct store_parked_write *parked;
    size_t n_parked;
    const struct store_parked_drop *parked_drops;
    size_t n_parked_drops;
};

struct store;

struct store_ops {
    void (*close)(struct store *store);
    int (*reconnect)(struct store *store, struct odk_err *err);
    int (*server)(struct store *store, struct store_server *out,
                  struct odk_err *err);
    int (*acquire)(struct store *store, int32_t shard, int64_t fence,
                   struct odk_str owner, struct odk_arena *arena,
                   struct store_shard *out, struct odk_err *err);
    int (*quarantine)(struct store *store, int32_t shard, int64_t fence,
                      struct odk_str reason, struct odk_err *err);
    int (*accept_server)(struct store *store, int32_t shard, int64_t fence,
                         uint64_t outbox_seq, struct odk_err *err);
    int (*forget_server)(struct store *store, int32_t shard, int64_t fence,
                         struct odk_err *err);
    int (*unpublished)(struct store *store, int32_t shard, uint64_t after,
                       size_t bytes_max, struct odk_arena *arena,
                       const struct store_output **out, size_t *n,
                       struct odk_err *err);
    int (*parked)(struct store *store, int32_t shard, uint64_t seq,
                  struct odk_arena *arena, struct store_output *out,
                  struct odk_err *err);
    int (*sources)(struct store *store, int32_t shard, struct odk_arena *arena,
                   const struct store_source **out, size_t *n,
                   struct odk_err *err);
    int (*load)(struct store *store, const struct store_want *wants, size_t n,
                struct odk_arena *arena, struct store_execution *out,
                struct odk_err *err);
    int (*requests)(struct store *store, const struct store_request *wants,
                    size_t n, struct odk_arena *arena,
                    struct store_request *out, bool *is_found,
                    struct odk_err *err);
    int (*timers)(struct store *store, int32_t shard,
                  const struct store_timer *after, size_t max,
                  struct odk_arena *arena, const struct store_timer **out,
                  size_t *n, struct odk_err *err);
    int (*definition)(struct store *store, struct odk_str namespace_,
                      struct odk_str name, int32_t version,
                      struct odk_arena *arena, struct store_definition *out,
                      struct odk_err *err);
    int (*commit)(struct store *store, const struct store_batch *batch,
                  struct odk_err *err);
};

struct store {
    const struct store_ops *ops;
    void *impl;
};

void store_close(struct store *store);

/** A new connection after ODK_ECONN or ODK_EUNKNOWN_COMMIT. Every shard must be
 * acquired again. */
int store_reconnect(struct store *store, struct odk_err *err) ODK_MUST_USE;

/** Who answers at the other end of the connection, and its clock. */
int store_server(struct store *store, struct store_server *out,
                 struct odk_err *err) ODK_MUST_USE;

/**
 * Takes the shard: waits for the predecessor's open transaction (bounded; ends
 * its backend when it does not let go), raises the epoch, writes the fence,
 * creates the row if there is none. Strings of out live in arena.
 */
int store_acquire(struct store *store, int32_t shard, int64_t fence,
                  struct odk_str owner, struct odk_arena *arena,
                  struct store_shard *out, struct odk_err *err) ODK_MUST_USE;

/** Writes the reason for which this shard must not go on. ODK_EFENCED when it
 * is no longer ours. */
int store_quarantine(struct store *store, int32_t shard, int64_t fence,
                     struct odk_str reason, struct odk_err *err) ODK_MUST_USE;

/** Writes the server's system id and timeline and raises outbox_seq, after the
 * checks of §2. */
int store_accept_server(struct store *store, int32_t shard, int64_t fence,
                        uint64_t outbox_seq, struct odk_err *err) ODK_MUST_USE;

/** Clears system id and timeline of a row that was made from odradek.history:
 * its next owner does as after a fail-over (§2). */
int store_forget_server(struct store *store, int32_t shard, int64_t fence,
                        struct odk_err *err) ODK_MUST_USE;

/** Outbox records above `after` in ascending seq, about bytes_max at most (at
 * least one if there is one). */
int store_unpublished(struct store *store, int32_t shard, uint64_t after,
                      size_t bytes_max, struct odk_arena *arena,
                      const struct store_output **out, size_t *n,
                      struct odk_err *err) ODK_MUST_USE;

/** One parked output. ODK_ENOTFOUND: there is none of this number. */
int store_parked(struct store *store, int32_t shard, uint64_t seq,
                 struct odk_arena *arena, struct store_output *out,
                 struct odk_err *err) ODK_MUST_USE;

/** All source watermarks of a shard. */
int store_sources(struct store *store, int32_t shard, struct odk_arena *arena,
                  const struct store_source **out, size_t *n,
                  struct odk_err *err) ODK_MUST_USE;

/** Fills out[i] for wants[i] (is_found false if there is none); one round trip
 * for all. */
int store_load(struct store *store, const struct store_want *wants, size_t n,
               struct odk_arena *arena, struct store_execution *out,
               struct odk_err *err) ODK_MUST_USE;

/** Outcomes of earlier commands: wants carry shard, workflow_key and
 * request_id. One round trip. */
int store_requests(struct store *store, const struct store_request *wants,
                   size_t n, struct odk_arena *arena, struct store_request *out,
                   bool *is_found, struct odk_err *err) ODK_MUST_USE;

/** The next timers in (due, run_id, id) order, strictly after `after` (NULL:
 * from the first), at most max. */
int store_timers(struct store *store, int32_t shard,
                 const struct store_timer *after, size_t max,
                 struct odk_arena *arena, const struct store_timer **out,
                 size_t *n, struct odk_err *err) ODK_MUST_USE;

/** A definition; version 0 = the newest. ODK_ENOTFOUND. */
int store_definition(struct store *store, struct odk_str namespace_,
                     struct odk_str name, int32_t version,
                     struct odk_arena *arena, struct store_definition *out,
                     struct odk_err *err) ODK_MUST_USE;

/**
 * One transaction, all or nothing. ODK_EFENCED: another owner or out of turn
 * (nothing was written); ODK_ESKEW: the batch's wall clock is further than
 * STORE_SKEW_MS_MAX from the server's (nothing was written); ODK_EREFUSED:
 * PostgreSQL refused a value (SQLSTATE 22, 23 on another table, 54: nothing was
 * written); ODK_ECONN before COMMIT was
 * sent: nothing was written; ODK_EUNKNOWN_COMMIT: ask by acquiring again.
 */
int store_commit(struct store *store, const struct store_batch *batch,
                 struct odk_err *err) ODK_MUST_USE;

#endif
