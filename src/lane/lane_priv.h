#ifndef LANE_PRIV_H
#define LANE_PRIV_H

/*
 * The inside of a lane. Files: lane.c (tick), lane_shard.c (ownership),
 * lane_ack.c (what the broker has), lane_input.c (records to inputs),
 * lane_load.c (what a batch touches), lane_command.c and lane_result.c (inputs
 * to steps), lane_output.c (effects to records), lane_batch.c (one
 * transaction), lane_cache.c, lane_timer.c, lane_token.c.
 */

#include <stdatomic.h>

#include <jansson.h>

#include "asl/asl.h"
#include "engine/engine.h"
#include "lane/lane.h"

enum lane_place {
    LANE_PLACE_COMMANDS,
    LANE_PLACE_RESULTS,
    LANE_N_PLACES,
};

/* ---- timers (lane_timer.c) ---- */

#define LANE_TIMER_KEY_BYTES 24

/** One timer in memory. */
struct lane_timer {
    struct odk_map_node node; /**< key: run id and timer id */
    uint8_t key[LANE_TIMER_KEY_BYTES];
    struct store_timer timer;
    size_t heap_index;
    bool is_firing; /**< taken into the batch under way */
};

/** The next timers of a shard; those beyond the horizon are only in the store.
 */
struct lane_timers {
    struct lane_timer **heap;
    size_t n;
    size_t size;
    struct odk_map by_key;
    size_t max;
    bool is_complete;           /**< the store has none beyond the heap */
    struct store_timer horizon; /**< else: all up to here are in the heap */
};

void lane_timers_init(struct lane_timers *timers, size_t max);
void lane_timers_release(struct lane_timers *timers);
/** A page read from the store, in order; is_last: there are no more. */
void lane_timers_add_page(struct lane_timers *timers,
                          const struct store_timer *page, size_t n,
                          bool is_last);
/** A committed change. */
void lane_timers_set(struct lane_timers *timers,
                     const struct store_timer *timer);
void lane_timers_drop(struct lane_timers *timers, const struct odk_uuid *run_id,
                      uint64_t id);
/** The next one that is not firing, or NULL. */
struct lane_timer *lane_timers_next(struct lane_timers *timers);
/** Takes a due timer out of the queue until it is dropped or the shard is
 * dropped. */
void lane_timers_fire(struct lane_timers *timers, struct lane_timer *timer);
/** Whether it is there, firing or not. */
bool lane_timers_has(const struct lane_timers *timers,
                     const struct odk_uuid *run_id, uint64_t id);
/** The store has more timers and the heap ran low. */
bool lane_timers_wants_page(const struct lane_timers *timers);

/* ---- shards ---- */

enum lane_shard_state {
    LANE_SHARD_ACQUIRING,
    LANE_SHARD_OWNED,
    LANE_SHARD_QUARANTINED,
};

/** A watermark of an ordered origin. */
struct lane_source {
    struct odk_map_node node;
    int64_t seq;
    bool is_changed; /**< in the batch under way */
    struct lane_source *next_changed;
    char name[];
};

/** The input that PostgreSQL refused on its own: dead-lettered or failed at its
 * next turn. */
struct lane_poison {
    bool is_set;
    int64_t offset;
    struct odk_uuid run_id;
    uint64_t timer_id;
    char text[256];
};

struct lane_shard {
    struct lane_shard *next;
    int32_t id;
    enum lane_shard_state state;
    odk_dur_ms retry_at; /**< monotonic; ACQUIRING: not before */
    odk_dur_ms pause_ms; /**< of the next failure, doubles */

    struct store_shard row;
    odk_dur_ms clock_read_at; /**< monotonic time at which row.clock was read or
                                 written */
    uint64_t published_written;
    bool is_paused;
    bool is_rewind; /**< records were dropped unread: start again at the row's
                       offsets */

    uint64_t acked; /**< all numbers up to here are acknowledged (or parked) */
    uint64_t *ack_bits;  /**< ring of flags for acked + 1 … */
    size_t ack_bits_max; /**< a power of two */

    struct odk_map sources;
    struct lane_source *changed_sources;
    struct lane_timers timers;

    bool is_refused; /**< its last batch was, and is to be halved */
    /** One for each place and one for timers, whose inputs take turns; survive
     * a drop. */
    struct lane_poison poisons[LANE_N_PLACES + 1];

    /* The batch under way. */
    bool is_in_batch;
    int64_t next_offset[LANE_N_PLACES];
    uint64_t outbox_seq;
    size_t n_transitions;
    size_t n_outputs;
    odk_time_ms now;
    odk_dur_ms group_committed_at;
    int64_t group_committed_batch;
    int64_t history_noted_batch;
};

struct lane_shard *lane_shard_find(struct lane *lane, int32_t id);
/** The assignment brought a shard. */
void lane_shard_assign(struct lane *lane, int32_t id);
/** Tries to acquire what waits for it; sets *next_at to the earliest later try.
 */
void lane_shards_acquire(struct lane *lane, odk_dur_ms *next_at);
/** Forgets everything of the shard and acquires it again after a pause. */
void lane_shard_drop(struct lane *lane, struct lane_shard *shard,
                     odk_dur_ms pause_ms);
void lane_shards_drop_all(struct lane *lane);
void lane_shard_revoke(struct lane *lane, int32_t id);
void lane_shard_quarantine(struct lane *lane, struct lane_shard *shard,
                           const char *reason);
/** Reads the next page of timers. */
int lane_shard_timer_page(struct lane *lane, struct lane_shard *shard,
                          struct odk_err *err) ODK_MUST_USE;
/** Time of the shard: never behind what was written, nor behind the wall clock
 * (I10). */
odk_time_ms lane_shard_now(const struct lane *lane,
                           const struct lane_shard *shard);

/* ---- acknowledgements (lane_ack.c) ---- */

void lane_ack_init(struct lane_shard *shard);
/** Numbers up to shard->row.outbox_seq are under way. */
void lane_ack_mark(struct lane_shard *shard, uint64_t seq);
/** Numbers above after, up to seq, are void: nothing is ever produced under
 * them. */
void lane_ack_void(struct lane_shard *shard, uint64_t after, uint64_t seq);
/** Takes the acks of a poll. */
void lane_acks(struct lane *lane, const struct bus_batch *polled);
/** Sends (after, row.outbox_seq] of the shard again, from the store. */
int lane_republish(struct lane *lane, struct lane_shard *shard,
                   struct odk_err *err) ODK_MUST_USE;
/** History and commands: a hole in them cannot be mended, so the shard stops.
 */
bool lane_is_never_parked(struct odk_str topic);
/** After a new producer: sends what was refused, and all before it, one by one;
 * parks what fails alone. */
int lane_republish_suspects(struct lane *lane,
                            struct odk_err *err) ODK_MUST_USE;
/** The same for every shard that is owned: a new producer has nothing of them.
 */
int lane_republish_owned(struct lane *lane, struct odk_err *err) ODK_MUST_USE;
/** Sends one output, waiting for room in the producer. */
int lane_send(struct lane *lane, int32_t shard,
              const struct store_output *output,
              struct odk_err *err) ODK_MUST_USE;
/** Writes `published` of the shards where it lags, in one transaction. */
int lane_flush_published(struct lane *lane, struct odk_err *err) ODK_MUST_USE;
/** The same for one shard that is being acquired. */
int lane_flush_shard(struct lane *lane, struct lane_shard *shard,
                     struct odk_err *err) ODK_MUST_USE;

/* ---- definitions and executions (lane_cache.c) ---- */

struct lane_definition {
    struct odk_map_node node; /**< key: namespace/name/version */
    struct asl_machine *machine;
    size_t refs;
    size_t bytes;
    struct odk_str namespace_;
    struct odk_str name;
    int32_t version;
    char key[];
};

struct lane_execution {
    struct odk_map_node by_run;
    struct odk_map_node by_key;
    bool is_by_key;
    struct lane_execution *newer; /**< least recently used list */
    struct lane_execution *older;
    struct engine *engine;
    struct lane_definition *definition;
    struct odk_uuid run_id;
    int32_t shard;
    size_t bytes;
    bool is_new;            /**< first written by the batch under way */
    bool is_touched;        /**< by the batch under way */
    bool is_status_changed; /**< likewise */
    bool is_stuck;
    struct lane_execution *next_touched;
    struct odk_str key; /**< namespace/workflow_id, in text */
    char text[];
};

struct lane_cache {
    struct odk_map by_run;
    struct odk_map by_key; /**< the current run of a workflow id */
    struct odk_map definitions;
    struct lane_execution *newest;
    struct lane_execution *oldest;
    size_t bytes;
    size_t bytes_max;
};

void lane_cache_init(struct lane_cache *cache, size_t bytes_max);
void lane_cache_release(struct lane_cache *cache);
struct lane_execution *lane_cache_by_run(struct lane_cache *cache,
                                         const struct odk_uuid *run_id);
struct lane_execution *lane_cache_by_key(struct lane_cache *cache,
                                         struct odk_str key);
/** Takes the engine over; is_current: it is the current run of its key (an
 * older one gives way). */
struct lane_execution *lane_cache_add(struct lane_cache *cache, int32_t shard,
                                      struct odk_str key, struct engine *engine,
                                      struct lane_definition *definition,
                                      bool is_current);
void lane_cache_drop(struct lane_cache *cache,
                     struct lane_execution *execution);
void lane_cache_drop_shard(struct lane_cache *cache, int32_t shard);
/** Recounts a changed execution's size and marks it as used. */
void lane_cache_touch(struct lane_cache *cache,
                      struct lane_execution *execution);
/** Drops the least recently used until the budget holds. Nothing may be touched
 * by a batch under way. */
void lane_cache_trim(struct lane_cache *cache);

/** The compiled definition; version 0 = newest. ODK_ENOTFOUND; ODK_ECORRUPT if
 * it no longer compiles. */
int lane_definition_get(struct lane *lane, struct odk_str namespace_,
                        struct odk_str name, int32_t version,
                        struct lane_definition **out,
                        struct odk_err *err) ODK_MUST_USE;

/* ---- inputs (lane_input.c) ---- */

enum lane_input_kind {
    LANE_INPUT_RECORD, /**< a decoded command or result */
    LANE_INPUT_TIMER,
    LANE_INPUT_BAD,     /**< a dead letter */
    LANE_INPUT_FOREIGN, /**< another shard's home: forwarded */
    LANE_INPUT_REPEAT,  /**< below its source's watermark, or of no interest */
};

/** One input of a batch; strings are borrowed from the poll or the tick's
 * arena. */
struct lane_input {
    enum lane_input_kind kind;
    int32_t home; /**< FOREIGN: the shard it belongs to */
    struct lane_shard *shard;
    const struct bus_message *message; /**< NULL: a timer */
    struct store_timer timer; /**< a copy: an earlier slice may have dropped it
                               */

    struct codec_record record; /**< the innermost one */
    struct odk_str workflow_key;
    struct odk_str request_id; /**< ptr NULL: none */
    uint8_t digest[ODK_SHA256_BYTES];
    struct codec_source source;
    struct engine_reply_to reply;
    odk_time_ms timestamp; /**< of the original record */
    uint64_t seed;         /**< randomness, from the original's identity */
    uint64_t token_seq;    /**< results: of the authenticated token */

    const char *bad_code; /**< BAD */
    char bad_text[256];

    struct store_execution found; /**< if is_loaded */
    struct store_request request; /**< if has_request: the earlier outcome */
    struct odk_uuid run_id;       /**< if has_run_id */
    bool has_run_id;
    bool has_source;
    bool is_loaded;
    bool has_request;
};

/** Reads a record into an input of its shard; never fails: what is wrong
 * becomes LANE_INPUT_BAD. */
void lane_input_read(struct lane *lane, struct lane_shard *shard,
                     const struct bus_message *message, struct lane_input *out);
void lane_input_timer(struct lane_shard *shard, struct lane_timer *timer,
                      struct lane_input *out);
void lane_input_bad(struct lane_input *input, const char *code, const char *fmt,
                    ...) ODK_PRINTF(3, 4);

/** Loads the executions and request outcomes that the inputs need. */
int lane_load(struct lane *lane, struct lane_input *inputs, size_t n,
              struct odk_err *err) ODK_MUST_USE;

/** The execution of an input: by run id if it names one, else the current run;
 * NULL: none that is open. */
struct lane_execution *lane_input_execution(struct lane *lane,
                                            const struct lane_input *input);

/* ---- the batch (lane_batch.c) ---- */

/** A growing array of one type; memory is kept between batches. */
struct lane_vec {
    void *items;
    size_t n;
    size_t size;
};

/** Room for one more item of the given size, zeroed. */
void *lane_vec_push(struct lane_vec *vec, size_t item_bytes);

/** A timer change of the batch, netted: set and dropped within one batch leaves
 * nothing. */
struct lane_timer_change {
    struct odk_map_node node;
    uint8_t key[LANE_TIMER_KEY_BYTES];
    int32_t shard;
    struct store_timer timer;
    bool is_set;  /**< to be inserted */
    bool is_void; /**< set and dropped */
    struct lane_timer_change *next;
};

struct lane_batch {
    struct lane_vec shards;     /**< struct store_shard_move */
    struct lane_vec executions; /**< struct store_execution_write */
    struct lane_vec histories;
    struct lane_vec timers;
    struct lane_vec requests;
    struct lane_vec sources;
    struct lane_vec
        outputs; /**< struct store_output_write, in order of number a shard */
    struct lane_vec parked;
    struct lane_vec voids; /**< struct bus_ack: numbers that are not produced */
    struct odk_map timer_changes;
    struct lane_timer_change *first_change;
    /** In this order: of two runs of one workflow id that a batch starts the
     * later one becomes the current one. */
    struct lane_execution *touched;
    struct lane_execution *last_touched;
};

void lane_batch_release(struct lane_batch *batch);
void lane_batch_clear(struct lane_batch *batch);
void lane_batch_timer(struct lane *lane, int32_t shard,
                      const struct odk_uuid *run_id,
                      const struct engine_timer_op *op);

/** Applies, commits and publishes inputs (≥ 1); on an error the shards' state
 * in memory is dropped. */
void lane_run(struct lane *lane, struct lane_input *inputs, size_t n);

/* ---- steps (lane_command.c, lane_result.c) ---- */

int lane_apply_command(struct lane *lane, struct lane_input *input,
                       struct odk_err *err) ODK_MUST_USE;
int lane_apply_result(struct lane *lane, struct lane_input *input,
                      struct odk_err *err) ODK_MUST_USE;
int lane_apply_timer(struct lane *lane, struct lane_input *input,
                     struct odk_err *err) ODK_MUST_USE;
/** Steps an execution and emits what follows. update may be NULL. */
int lane_step(struct lane *lane, struct lane_input *input,
              struct lane_execution *execution, struct engine_input *event,
              struct engine_update *update, struct odk_err *err) ODK_MUST_USE;

/* ---- outputs (lane_output.c) ---- */

int lane_emit_update(struct lane *lane, const struct lane_input *input,
                     struct lane_execution *execution,
                     const struct engine_update *update,
                     struct odk_err *err) ODK_MUST_USE;
/** accepted (code NULL) or rejected, to the input's reply address if it has
 * one. */
int lane_emit_reply(struct lane *lane, const struct lane_input *input,
                    const struct odk_uuid *run_id, const char *code,
                    struct odk_str message, struct odk_err *err) ODK_MUST_USE;
/** The closed reply of an execution to one address. */
int lane_emit_closed(struct lane *lane, struct lane_shard *shard,
                     const struct engine *engine,
                     const struct engine_reply_to *to,
                     struct odk_err *err) ODK_MUST_USE;
int lane_emit_deadletter(struct lane *lane, const struct lane_input *input,
                         struct odk_err *err) ODK_MUST_USE;
int lane_emit_forward(struct lane *lane, const struct lane_input *input,
                      struct odk_err *err) ODK_MUST_USE;
int lane_emit_progress(struct lane *lane, struct lane_shard *shard,
                       struct odk_err *err) ODK_MUST_USE;

/* ---- tokens (lane_token.c) ---- */

#define LANE_TOKEN_TEXT_BYTES 80

/** What a token authenticates. */
struct lane_token {
    struct odk_uuid run_id;
    int64_t activity_id;
    int32_t attempt;
    uint64_t seq;
};

/** base64url text of the token and its MAC; NUL-terminated. Returns its length.
 */
size_t lane_token_format(const uint8_t key[LANE_TOKEN_KEY_BYTES],
                         const struct lane_token *token,
                         char out[LANE_TOKEN_TEXT_BYTES]);
/** False: not one of ours. */
bool lane_token_parse(const uint8_t key[LANE_TOKEN_KEY_BYTES],
                      struct odk_str text, struct lane_token *out);

/* ---- the lane ---- */

struct lane {
    struct lane_options options;
    struct bus bus;
    struct store store;
    struct lane_stats stats;
    atomic_uint_fast64_t heartbeat;

    struct lane_shard *shards;
    struct lane_cache cache;
    struct lane_batch batch;
    struct odk_arena arena; /**< of the tick */
    struct odk_buf scratch; /**< one record being encoded */
    struct odk_buf headers; /**< likewise its headers */
    struct lane_vec
        unpacked;           /**< struct bus_header: of the record being sent */
    struct lane_vec inputs; /**< struct lane_input */
    struct lane_vec newest; /**< struct lane_definition *: newest versions read
                               in this tick */
    struct lane_vec suspects; /**< struct bus_ack: refused with others */
    struct lane_vec failed; /**< struct bus_ack: permanently refused outputs */
    size_t slice_max; /**< inputs a batch now: halves when a value is refused */
    bool is_store_down;
    bool is_store_broken; /**< a call told so: its connection is gone */
    odk_dur_ms store_retry_at;
    odk_dur_ms store_pause_ms;
    odk_dur_ms flush_at; /**< monotonic: write `published` then; 0 = nothing to
                            write */
    bool is_producer_down;
    bool is_out_of_range;     /**< a place's position is not in its log: acquire
                                 again, whose checks say more */
    bool is_polled_aside;     /**< in this tick: borrowed records are gone */
    struct lane_vec revoked;  /**< struct bus_place: reported by a poll inside a
                                 tick, done at the next */
    struct lane_vec assigned; /**< likewise */
    bool is_lost;
    odk_dur_ms history_noted_at; /**< monotonic: when the log ends of history
                                    were read */
};

odk_dur_ms lane_monotonic(const struct lane *lane);
uint64_t lane_random(const struct lane *lane);
void lane_log(const struct lane *lane, enum odk_log_level level,
              const char *event, const char *fmt, ...) ODK_PRINTF(4, 5);
/** A copy in the tick's arena. */
struct odk_str lane_keep(struct lane *lane, struct odk_str s);
/** Takes acks and assignments of a poll inside a tick; its records are dropped
 * and fetched again. */
void lane_poll_aside(struct lane *lane, const struct bus_batch *polled);

/** Takes the result of a call to the store; passes it on. */
static inline int
lane_of_store(struct lane *lane, int rc)
{
    lane->is_store_broken |= rc == ODK_ECONN || rc == ODK_EUNKNOWN_COMMIT;
    return rc;
}

#define LANE_POLL_MS 50
/** Polls aside, at most LANE_POLL_MS; a poll without acks adds that to
 * *idle_ms. ODK_EFATAL: no producer. */
int lane_poll_once(struct lane *lane, odk_dur_ms *idle_ms,
                   struct odk_err *err) ODK_MUST_USE;
/** After a failed call to the store: reconnects (later) and drops every shard.
 */
void lane_store_failed(struct lane *lane, const struct odk_err *err);

#endif
