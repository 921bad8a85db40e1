#ifndef STORE_PG_PRIV_H
#define STORE_PG_PRIV_H

/*
 * Inside the room: a connection that is always in pipeline mode. One *round* is
 * what is sent up to a sync: begin, queue statements with their parameters,
 * end, read the results by the order of the statements.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/base.h"
#include "store_pg/store_pg.h"

/* ---- parameters: store_pg_params.c ---- */

#define STORE_PG_PARAMS_MAX 16

/** Binary parameters of one statement, in one buffer that is used again. */
struct store_pg_params {
    struct odk_buf buf;
    size_t n;
    size_t at[STORE_PG_PARAMS_MAX]; /**< offset in buf */
    size_t len[STORE_PG_PARAMS_MAX];
    bool is_null[STORE_PG_PARAMS_MAX];
};

/** What a member of a row struct becomes as an element of an array. */
enum store_pg_kind {
    STORE_PG_I32,
    STORE_PG_I64,
    STORE_PG_BOOL,
    STORE_PG_TEXT,
    STORE_PG_TEXT_NULL, /**< ptr NULL becomes NULL */
    STORE_PG_BYTES,
    STORE_PG_BYTES_NULL,
    STORE_PG_DIGEST, /**< uint8_t[ODK_SHA256_BYTES] */
    STORE_PG_UUID,
    STORE_PG_UUID_NULL, /**< NULL where the bool at flag_offset is false */
    STORE_PG_TIME,
    STORE_PG_TIME_NULL, /**< 0 becomes NULL */
};

/** One array parameter: a member of every row. */
struct store_pg_column {
    enum store_pg_kind kind;
    size_t offset;
    size_t flag_offset;
};

/** Empties the parameters for the next statement. */
void store_pg_params_clear(struct store_pg_params *params);

/** Append one scalar parameter; text and bytes are the same on the wire, ptr
 * NULL gives NULL. */
void store_pg_param_i32(struct store_pg_params *params, int32_t value);
void store_pg_param_i64(struct store_pg_params *params, int64_t value);
void store_pg_param_time(struct store_pg_params *params, odk_time_ms value);
void store_pg_param_bool(struct store_pg_params *params, bool value);
void store_pg_param_str(struct store_pg_params *params, struct odk_str value);
void store_pg_param_uuid(struct store_pg_params *params,
                         const struct odk_uuid *value);

/** Appends one array parameter per column over the n rows pointed to. */
void store_pg_param_columns(struct store_pg_params *params,
                            const void *const *rows, size_t n,
                            const struct store_pg_column *columns,
                            size_t n_columns);

/** A number that PostgreSQL keeps as bigint. */
int64_t store_pg_from_u64(uint64_t value);

/* ---- results in binary form: store_pg_params.c ---- */

/** One field; NULL reads as 0, false, ptr NULL. */
int32_t store_pg_i32(const PGresult *result, int row, int col);
int64_t store_pg_i64(const PGresult *result, int row, int col);
bool store_pg_bool(const PGresult *result, int row, int col);
odk_time_ms store_pg_time(const PGresult *result, int row, int col);
struct odk_uuid store_pg_uuid(const PGresult *result, int row, int col);
/** Borrowed from the result. */
struct odk_str store_pg_str(const PGresult *result, int row, int col);
/** Copied to the arena; false when its cap is reached. */
bool store_pg_copy(const PGresult *result, int row, int col,
                   struct odk_arena *arena, struct odk_str *out);

/* ---- statements of the lane: store_pg_statements.c ---- */

#define STORE_PG_STATEMENTS(X)                                                 \
    X(BEGIN)                                                                   \
    X(COMMIT)                                                                  \
    X(ROLLBACK)                                                                \
    X(LOCK_TIMEOUT)                                                            \
    X(SHARD_CREATE)                                                            \
    X(SHARD_ACQUIRE)                                                           \
    X(SERVER_IDENTITY)                                                         \
    X(BACKEND_END)                                                             \
    X(SHARD_QUARANTINE)                                                        \
    X(SHARD_ACCEPT)                                                            \
    X(SHARD_FORGET)                                                            \
    X(SHARD_MOVE)                                                              \
    X(OUTBOX_DELETE)                                                           \
    X(EXECUTION_INSERT)                                                        \
    X(EXECUTION_UPDATE)                                                        \
    X(CURRENT_PUT)                                                             \
    X(CURRENT_STATUS)                                                          \
    X(VISIBILITY_INSERT)                                                       \
    X(VISIBILITY_UPDATE)                                                       \
    X(HISTORY_INSERT)                                                          \
    X(TIMER_DELETE)                                                            \
    X(TIMER_INSERT)                                                            \
    X(REQUEST_INSERT)                                                          \
    X(SOURCE_PUT)                                                              \
    X(OUTBOX_INSERT)                                                           \
    X(PARKED_INSERT)                                                           \
    X(PARKED_DELETE)                                                           \
    X(PARKED)                                                                  \
    X(UNPUBLISHED)                                                             \
    X(SOURCES)                                                                 \
    X(LOAD_CURRENT)                                                            \
    X(LOAD_RUN)                                                                \
    X(REQUESTS)                                                                \
    X(TIMERS)                                                                  \
    X(DEFINITION)

enum store_pg_statement {
#define X(name) STORE_PG_##name,
    STORE_PG_STATEMENTS(X)
#undef X
    STORE_PG_N_STATEMENTS,
};

/** Name and text of a statement. */
const char *store_pg_statement_name(enum store_pg_statement statement);
const char *store_pg_statement_sql(enum store_pg_statement statement);

/* ---- the connection: store_pg_conn.c ---- */

#define STORE_PG_LOCK_WAIT_MS 3000

struct store_pg_conn {
    struct store_pg_options options; /**< strings are ours, defaults filled */
    bool is_lane;   /**< statements are prepared, plans are generic */
    bool is_broken; /**< ODK_ECONN until reconnected */
    bool is_warned; /**< the server sent a warning since the round began */
    PGconn *pq;     /**< NULL before the first connect */
    struct store_pg_params params; /**< of the statement to be queued next */
    size_t n_sent;                 /**< statements of the round */
    PGresult **results;            /**< of the round, n_sent of them; NULL where
                                      nothing came */
    size_t results_size;
    size_t failed; /**< index of the statement that failed in the round */
};

/** Copies the options; connects nothing. */
void store_pg_conn_init(struct store_pg_conn *conn,
                        const struct store_pg_options *options, bool is_lane);
void store_pg_conn_release(struct store_pg_conn *conn);

/** Connects (again), sets the session up; a lane's connection also checks the
 * schema's version and prepares its statements. */
int store_pg_conn_open(struct store_pg_conn *conn,
                       struct odk_err *err) ODK_MUST_USE;

/** Begins a round; ODK_ECONN on a broken connection. */
int store_pg_round_begin(struct store_pg_conn *conn,
                         struct odk_err *err) ODK_MUST_USE;

/** Queues a prepared statement with conn->params (cleared by the call before
 * it), or SQL text. Errors (ODK_ECONN, ODK_ETOOBIG) break the connection. */
int store_pg_send(struct store_pg_conn *conn, enum store_pg_statement statement,
                  struct odk_err *err) ODK_MUST_USE;
int store_pg_send_sql(struct store_pg_conn *conn, const char *sql,
                      struct odk_err *err) ODK_MUST_USE;

/**
 * Syncs and reads all results. On an error of the server, conn->failed is the
 * statement's index and the transaction, if any, is rolled back. The results
 * stay until the next round.
 */
int store_pg_round_end(struct store_pg_conn *conn,
                       struct odk_err *err) ODK_MUST_USE;

/** begin, one prepared statement with conn->params (or SQL), end. The caller
 * fills conn->params before. */
int store_pg_run(struct store_pg_conn *conn, enum store_pg_statement statement,
                 struct odk_err *err) ODK_MUST_USE;
int store_pg_run_sql(struct store_pg_conn *conn, const char *sql,
                     struct odk_err *err) ODK_MUST_USE;

/** Result of the round's statement. */
const PGresult *store_pg_result(const struct store_pg_conn *conn, size_t index);

/** Number of its rows. */
size_t store_pg_rows(const struct store_pg_conn *conn, size_t index);

/** The SQLSTATE of the round's failed statement, "" if there is none. */
const char *store_pg_sqlstate(const struct store_pg_conn *conn);

/** The error for an arena whose cap is reached. */
int store_pg_full(struct odk_err *err);

/* ---- the store: store_pg.c ---- */

#define STORE_PG_MAGIC UINT32_C(0x70675374)

struct store_pg {
    uint32_t magic;
    struct store_pg_conn conn;
    struct odk_arena scratch; /**< reset by each call */
};

/** The object behind the port. */
struct store_pg *store_pg_of(struct store *store);

/* Operations of the port, by file: commit, shard, read. */
int store_pg_commit(struct store *store, const struct store_batch *batch,
                    struct odk_err *err) ODK_MUST_USE;

/** store_pg_shard.c */
int store_pg_server(struct store *store, struct store_server *out,
                    struct odk_err *err) ODK_MUST_USE;
int store_pg_acquire(struct store *store, int32_t shard, int64_t fence,
                     struct odk_str owner, struct odk_arena *arena,
                     struct store_shard *out,
                     struct odk_err *err) ODK_MUST_USE; // NOLINT
int store_pg_quarantine(struct store *store, int32_t shard, int64_t fence,
                        struct odk_str reason,
                        struct odk_err *err) ODK_MUST_USE;
int store_pg_forget_server(struct store *store, int32_t shard, int64_t fence,
                           struct odk_err *err);
int store_pg_accept_server(struct store *store, int32_t shard, int64_t fence,
                           uint64_t outbox_seq,
                           struct odk_err *err) ODK_MUST_USE;

/** store_pg_read.c */
int store_pg_unpublished(struct store *store, int32_t shard, uint64_t after,
                         size_t bytes_max, struct odk_arena *arena,
                         const struct store_output **out, size_t *n,
                         struct odk_err *err) ODK_MUST_USE; // NOLINT
int store_pg_parked_one(struct store *store, int32_t shard, uint64_t seq,
                        struct odk_arena *arena, struct store_output *out,
                        struct odk_err *err) ODK_MUST_USE;
int store_pg_sources(struct store *store, int32_t shard,
                     struct odk_arena *arena, const struct store_source **out,
                     size_t *n, struct odk_err *err) ODK_MUST_USE;
int store_pg_load(struct store *store, const struct store_want *wants, size_t n,
                  struct odk_arena *arena, struct store_execution *out,
                  struct odk_err *err) ODK_MUST_USE;
int store_pg_requests(struct store *store, const struct store_request *wants,
                      size_t n, struct odk_arena *arena,
                      struct store_request *out, bool *is_found,
                      struct odk_err *err) ODK_MUST_USE; // NOLINT
int store_pg_timers(struct store *store, int32_t shard,
                    const struct store_timer *after, size_t max,
                    struct odk_arena *arena, const struct store_timer **out,
                    size_t *n, struct odk_err *err) ODK_MUST_USE; // NOLINT
int store_pg_definition(struct store *store, struct odk_str namespace_,
                        struct odk_str name, int32_t version,
                        struct odk_arena *arena, struct store_definition *out,
                        struct odk_err *err) ODK_MUST_USE; // NOLINT

/** Fills *out from a row of shard in the order of STORE_PG_SHARD_COLUMNS. */
#define STORE_PG_SHARD_COLUMNS                                                 \
    "shard, epoch, fence, batch, next_command, next_result, history_offset, "  \
    "outbox_seq, published, clock, system_id, timeline, quarantine"
#define STORE_PG_N_SHARD_COLUMNS 13
bool store_pg_shard_read(const PGresult *result, int row,
                         struct odk_arena *arena, struct store_shard *out);

/* ---- chunk rows of the outbox: store_pg_chunk.c ---- */

/** A row of the table outbox. */
struct store_pg_chunk {
    int32_t shard;
    int64_t seq; /**< of its last record */
    struct odk_str data;
};

#define STORE_PG_CHUNK_BYTES_MAX 7800

/** What the outputs of the batch's shards become; all in the arena. */
int store_pg_chunks_pack(const struct store_batch *batch,
                         struct odk_arena *arena,
                         const struct store_pg_chunk **out, size_t *n,
                         struct odk_err *err) ODK_MUST_USE;

/** Takes the first record off *rest, borrowed from it. 1, 0 at the end, or
 * ODK_ECORRUPT. */
int store_pg_chunk_next(struct odk_str *rest, struct store_output *out,
                        struct odk_err *err) ODK_MUST_USE;

/* ---- which rows of a batch go into which statement: store_pg_select.c ---- */

/** Pointers to rows. */
struct store_pg_rows {
    const void **ptr;
    size_t n;
};

/** Rows of a batch by statement. Of several writes to one row the last counts;
 * a statement must not touch a row twice. */
struct store_pg_selection {
    struct store_pg_rows executions_new;
    struct store_pg_rows executions_old;
    struct store_pg_rows current; /**< new runs: the last one of each key */
    struct store_pg_rows closed;  /**< old runs whose status changed */
    struct store_pg_rows timers_set;
    struct store_pg_rows timers_dropped;
    struct store_pg_rows sources;
};

/** Sorts the batch's rows; everything in the arena. */
int store_pg_select(const struct store_batch *batch, struct odk_arena *arena,
                    struct store_pg_selection *out,
                    struct odk_err *err) ODK_MUST_USE;

/* ---- migrations: generated, and store_pg_migrate.c ---- */

struct store_pg_script {
    int32_t version;
    const char *name;
    const char *sql;
    size_t len;
};

extern const struct store_pg_script store_pg_scripts[];
extern const size_t store_pg_n_scripts;
extern const struct odk_str store_pg_grants_sql;

/** Compares the database's schema with this binary's. */
int store_pg_conn_check_schema(struct store_pg_conn *conn,
                               struct odk_err *err) ODK_MUST_USE;

/* ---- the edges' connection: store_pg_query.c ---- */

#define STORE_PG_QUERY_MAGIC UINT32_C(0x70675172)

struct store_pg_query {
    uint32_t magic;
    struct store_pg_conn conn;
    struct odk_buf name; /**< of the binding being published, "" = none */
};

/** The connection of an open query object. */
struct store_pg_conn *store_pg_query_conn(struct store_pg_query *query);

#endif
