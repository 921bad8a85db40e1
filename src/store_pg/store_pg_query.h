#ifndef STORE_PG_QUERY_H
#define STORE_PG_QUERY_H

/*
 * What the edges (CLI, later the HTTP API) read from the database, and the two
 * things that they publish into it: definitions and bindings. A connection of
 * its own, one thread, every call blocks. Results live in the given arena
 * (ODK_ELIMIT when its cap is reached). ODK_ECONN: store_pg_query_reconnect,
 * then again.
 */

#include "store/store.h"
#include "store_pg/store_pg.h"

struct store_pg_query;

/** Connects and checks the schema. Errors as store_pg_open. */
int store_pg_query_open(const struct store_pg_options *options,
                        struct store_pg_query **out,
                        struct odk_err *err) ODK_MUST_USE;
/** A new connection with the same options. */
int store_pg_query_reconnect(struct store_pg_query *query,
                             struct odk_err *err) ODK_MUST_USE;
/** NULL is fine. */
void store_pg_query_close(struct store_pg_query *query);

/* ---- the cluster ---- */

#define STORE_PG_TOKEN_KEY_BYTES 32

/** Fixed at the first migration. */
struct store_pg_cluster {
    int32_t
        partitions; /**< N of protocol.md: home shard = murmur2(key) mod N */
    bool has_token_key; /**< the connecting role may read it */
    uint8_t token_key[STORE_PG_TOKEN_KEY_BYTES]; /**< authenticates task tokens;
                                                    a secret */
    odk_time_ms created_at;
};

/** Reads the cluster's settings. */
int store_pg_cluster(struct store_pg_query *query, struct store_pg_cluster *out,
                     struct odk_err *err) ODK_MUST_USE;

/** A named setting; ODK_ENOTFOUND. */
int store_pg_setting_get(struct store_pg_query *query, struct odk_str name,
                         struct odk_arena *arena, struct odk_str *out,
                         struct odk_err *err) ODK_MUST_USE;
/** Writes a named setting. */
int store_pg_setting_put(struct store_pg_query *query, struct odk_str name,
                         struct odk_str value,
                         struct odk_err *err) ODK_MUST_USE;

/* ---- executions ---- */

struct store_pg_execution {
    int32_t shard;
    struct odk_uuid run_id;
    struct odk_str namespace_;
    struct odk_str workflow_id;
    struct odk_str definition;
    int32_t definition_version;
    int status; /**< enum engine_status */
    bool is_stuck;
    int64_t version; /**< of the state; lists: 0 */
    odk_time_ms started_at;
    odk_time_ms closed_at; /**< 0 while open */
    struct odk_str error;  /**< ptr NULL: none */
    struct odk_str state;  /**< for engine_describe; lists: ptr NULL */
};

/** One execution: the given run, or with run_id NULL the current run of the
 * workflow id. ODK_ENOTFOUND. */
int store_pg_describe(struct store_pg_query *query, struct odk_str namespace_,
                      struct odk_str workflow_id, const struct odk_uuid *run_id,
                      struct odk_arena *arena, struct store_pg_execution *out,
                      struct odk_err *err) ODK_MUST_USE;

struct store_pg_filter {
    struct odk_str namespace_;     /**< required */
    struct odk_str definition;     /**< ptr NULL: any */
    struct odk_str workflow_id;    /**< ptr NULL: any; else all runs of it */
    int status;                    /**< enum engine_status, 0: any */
    bool is_stuck_only;            /**< a compensation waits for an operator */
    const struct odk_uuid *before; /**< page: only runs older than this one;
                                      NULL: from the newest */
    size_t max;                    /**< 1–1,000 rows; 0: 100 */
};

/** Executions, newest first (in the order of their run ids). */
int store_pg_list(struct store_pg_query *query,
                  const struct store_pg_filter *filter, struct odk_arena *arena,
                  const struct store_pg_execution **out, size_t *n,
                  struct odk_err *err) ODK_MUST_USE;

struct store_pg_history_row {
    int64_t version;
    odk_time_ms at;
    int64_t first_event_id; /**< 0: only facts */
    struct odk_str entries; /**< JSON array text */
};

struct store_pg_history_range {
    int32_t shard;
    struct odk_uuid run_id;
    int64_t after_version; /**< 0: from the first */
    size_t max;            /**< 1–1,000 rows; 0: 1,000 */
};

/** History rows of one run in order of version. */
int store_pg_history(struct store_pg_query *query,
                     const struct store_pg_history_range *range,
                     struct odk_arena *arena,
                     const struct store_pg_history_row **out, size_t *n,
                     struct odk_err *err) ODK_MUST_USE;

/* ---- digests ---- */

/** What a table holds of a shard, in two values. */
struct store_pg_digest_row {
    int32_t shard;
    struct odk_str table;
    int64_t count;
    struct odk_str sum; /**< of its rows' hashes */
};

/** A digest of everything that a rebuild must give back, by shard and table,
 * from one snapshot; requests: of the last six days. Reads every row. */
int store_pg_digest(struct store_pg_query *query, struct odk_arena *arena,
                    const struct store_pg_digest_row **out, size_t *n,
                    struct odk_err *err) ODK_MUST_USE;

/* ---- shards ---- */

struct store_pg_shard_info {
    struct store_shard row; /**< the members server_* are of this connection */
    struct odk_str owner;
    int32_t backend_pid;
    bool is_connected; /**< that backend is alive (as far as our role sees) */
};

/** All shard rows, ascending. */
int store_pg_shards(struct store_pg_query *query, struct odk_arena *arena,
                    const struct store_pg_shard_info **out, size_t *n,
                    struct odk_err *err) ODK_MUST_USE;

/** Takes a shard out of quarantine and writes who decided it, how (action) and
 * why into the journal; its fence is changed, so the owner acquires it again.
 * ODK_ENOTFOUND: no such shard, or not quarantined. */
int store_pg_shard_release(struct store_pg_query *query, int32_t shard,
                           struct odk_str action, struct odk_str by,
                           struct odk_str reason,
                           struct odk_err *err) ODK_MUST_USE;

/** Where a shard is to go on reading. */
struct store_pg_seek {
    int32_t shard;
    int64_t from_command; /**< what the row holds now … */
    int64_t from_result;
    int64_t to_command; /**< … and what it gets */
    int64_t to_result;
    struct odk_str by;
    struct odk_str reason;
};

/** Moves a shard's next offsets, with who and why into the journal, and changes
 * its fence, so that its owner commits nothing more and acquires it again.
 * ODK_ECONFLICT: the row does not
 * hold the expected offsets (any more). */
int store_pg_shard_seek(struct store_pg_query *query,
                        const struct store_pg_seek *seek,
                        struct odk_err *err) ODK_MUST_USE;

struct store_pg_parked {
    int32_t shard;
    struct store_output output;
    struct odk_str reason;
    odk_time_ms at;
};

struct store_pg_parked_filter {
    int32_t after_shard;  /**< page: only outputs behind this shard … */
    uint64_t after_seq;   /**< … and number; 0, 0: from the first */
    struct odk_str topic; /**< ptr NULL: any */
    size_t max;           /**< 1–1,000 rows; 0: 100 */
};

/** Parked outputs by (shard, seq). */
int store_pg_parked(struct store_pg_query *query,
                    const struct store_pg_parked_filter *filter,
                    struct odk_arena *arena, const struct store_pg_parked **out,
                    size_t *n, struct odk_err *err) ODK_MUST_USE;

/* ---- dead letters ---- */

/** A dead letter that an operator has dealt with. */
struct store_pg_letter {
    int32_t partition; /**< of odradek.deadletter */
    int64_t offset;
    odk_time_ms letter_at;  /**< the record's timestamp */
    odk_time_ms handled_at; /**< not for store_pg_letter_handle */
    struct odk_str action;  /**< "RETRIED" or "DROPPED" */
    struct odk_str reason;  /**< ptr NULL: none */
    struct odk_str by;
};

struct store_pg_letter_range {
    int32_t partition;
    int64_t from;
    int64_t to; /**< not included */
};

/** Those of a range, in order. */
int store_pg_letters_handled(struct store_pg_query *query,
                             const struct store_pg_letter_range *range,
                             struct odk_arena *arena,
                             const struct store_pg_letter **out, size_t *n,
                             struct odk_err *err) ODK_MUST_USE;

/** Marks one as handled, and forgets those of its partition below the log's
 * start. */
int store_pg_letter_handle(struct store_pg_query *query,
                           const struct store_pg_letter *letter,
                           int64_t log_start, struct odk_err *err) ODK_MUST_USE;

/* ---- definitions ---- */

struct store_pg_definition {
    struct store_definition definition; /**< text: ptr NULL in lists */
    uint8_t sha256[ODK_SHA256_BYTES];
    odk_time_ms at;
    struct odk_str by; /**< role or person */
};

/**
 * Publishes text (JSON, already checked by the caller) as the next version of
 * the name, and gives that version. The same bytes as the newest version give
 * that version with *is_new false.
 */
int store_pg_definition_publish(struct store_pg_query *query,
                                const struct store_definition *definition,
                                struct odk_str by, int32_t *version,
                                bool *is_new, struct odk_err *err) ODK_MUST_USE;

/** A version of a definition, 0 = the newest. ODK_ENOTFOUND. */
int store_pg_definition_show(struct store_pg_query *query,
                             const struct store_definition *which,
                             struct odk_arena *arena,
                             struct store_pg_definition *out,
                             struct odk_err *err) ODK_MUST_USE;

/** Every version, by namespace, name, version descending; namespace_.ptr NULL:
 * all namespaces; name.ptr NULL: all names. At most 10,000. */
int store_pg_definitions(struct store_pg_query *query,
                         struct odk_str namespace_, struct odk_str name,
                         struct odk_arena *arena,
                         const struct store_pg_definition **out, size_t *n,
                         struct odk_err *err) ODK_MUST_USE;

/* ---- bindings ---- */

/** Where a version begins to apply on a foreign partition. */
struct store_pg_binding_start {
    struct odk_str topic;
    int32_t partition;
    int64_t offset; /**< first offset under this version; lower ones keep the
                       version before */
};

struct store_pg_binding {
    struct odk_str name;
    int32_t version;
    int32_t incarnation;
    struct odk_str rules;      /**< JSON text */
    struct odk_str quarantine; /**< reason, ptr NULL: none */
    odk_time_ms at;
    struct odk_str by;
    const struct store_pg_binding_start *starts;
    size_t n_starts;
};

/**
 * Opens a transaction that holds the binding's exclusive advisory lock: read
 * the log ends under it, then store_pg_binding_publish, or
 * store_pg_binding_abort. Waits for readers. No other call in between but
 * store_pg_binding_read of the same connection.
 */
int store_pg_binding_begin(struct store_pg_query *query, struct odk_str name,
                           struct odk_err *err) ODK_MUST_USE;
void store_pg_binding_abort(struct store_pg_query *query);

/**
 * Writes the next version with its starts and commits. is_reset: the
 * incarnation goes up by one and a quarantine ends, else both stay (a first
 * version has incarnation 1). Gives version and incarnation in *binding.
 */
int store_pg_binding_publish(struct store_pg_query *query,
                             struct store_pg_binding *binding, bool is_reset,
                             struct odk_err *err) ODK_MUST_USE;

/** A version, 0 = the newest; under the shared lock. ODK_ENOTFOUND. */
int store_pg_binding_read(struct store_pg_query *query, struct odk_str name,
                          int32_t version, struct odk_arena *arena,
                          struct store_pg_binding *out,
                          struct odk_err *err) ODK_MUST_USE;

/** The newest version of every binding, by name, without starts. */
int store_pg_bindings(struct store_pg_query *query, struct odk_arena *arena,
                      const struct store_pg_binding **out, size_t *n,
                      struct odk_err *err) ODK_MUST_USE;

/** Stops a binding with a reason; a publish with is_reset starts it again.
 * ODK_ENOTFOUND. */
int store_pg_binding_quarantine(struct store_pg_query *query,
                                struct odk_str name, struct odk_str reason,
                                struct odk_err *err) ODK_MUST_USE;

#endif
