#ifndef ENGINE_PRIV_H
#define ENGINE_PRIV_H

/*
 * The state of one execution and what the files of this room share. Only
 * engine_apply.c (and its parts) changes what is saved.
 */

#include "engine/engine.h"
#include "engine/engine_decider.h"
#include "engine/engine_entry.h"
#include "engine/engine_texts.h"
#include "json/json.h"

#define ENGINE_MAGIC 0x6f646b65U /* "odke" */

#define ENGINE_REPLIES_MAX 16
/** Tasks sent for one activity whose answers count: the first, republished and
 * retried ones, the newest of them. */
#define ENGINE_TOKENS_MAX  8
#define ENGINE_SIGNALS_MAX 10000
/** Of all kept signals: they are part of the state, which every transition
 * writes. */
#define ENGINE_SIGNALS_BYTES_MAX ((size_t)4 << 20)
#define ENGINE_UNDOS_MAX         10000

enum engine_activity_status {
    ENGINE_ACTIVITY_SCHEDULED = 1,
    ENGINE_ACTIVITY_STARTED,
    ENGINE_ACTIVITY_IDLE, /**< between attempts, or given up */
};

/** A Task that was sent: what an answer must name. */
struct engine_token {
    int32_t attempt;
    uint64_t seq;
};

struct engine_activity {
    int64_t id;
    int32_t frame;
    int32_t attempt;
    int64_t prev;  /**< last event of its line */
    int64_t entry; /**< compensations: of the registry */
    enum engine_activity_status status;
    enum engine_family family;
    int32_t n_unknown;    /**< attempts that may have had their effect */
    bool is_last_unknown; /**< the last one is among them */
    struct engine_token tokens[ENGINE_TOKENS_MAX]; /**< oldest first */
    int32_t n_tokens;
    json_t *late; /**< output of an earlier attempt that succeeded late */
    struct odk_str queue; /**< owned, as all strings here */
    struct odk_str type;
    struct odk_str resource;
    struct odk_str resource_type;
    struct odk_str worker;
    json_t *input;
    odk_time_ms scheduled_at;
    odk_time_ms published_at;
    odk_time_ms started_at;   /**< 0: not yet */
    odk_time_ms heartbeat_at; /**< 0: none yet */
    json_t *heartbeat;        /**< details of the last one */
    odk_dur_ms schedule_to_start_ms;
    odk_dur_ms start_to_close_ms;
    odk_dur_ms heartbeat_ms;
    odk_time_ms schedule_to_close_at; /**< 0: none */
    uint64_t timer;                   /**< 0: none */
    struct odk_str error;             /**< of the last failed attempt */
    struct odk_str cause;
};

struct engine_family_events {
    enum engine_entry_type scheduled;
    enum engine_entry_type started;
    enum engine_entry_type succeeded;
    enum engine_entry_type failed;
    enum engine_entry_type timed_out;
};

enum engine_timer_kind {
    ENGINE_TIMER_EXECUTION = 1,
    ENGINE_TIMER_ACTIVITY,
    ENGINE_TIMER_FRAME,
    ENGINE_TIMER_YIELD,
    ENGINE_TIMER_UNDO, /**< settle or retry of a registry entry */
};

struct engine_timer {
    uint64_t id;
    enum engine_timer_kind kind;
    int64_t ref; /**< activity, line or entry */
    odk_time_ms due;
};

struct engine_signal {
    struct odk_str name;
    json_t *payload;
    size_t bytes; /**< of both, as text */
};

struct engine_address {
    struct odk_str topic;
    int32_t partition;
    struct odk_str correlation_id;
};

/** A registry entry's life; engine_undo.c draws it. */
enum engine_undo_status {
    ENGINE_UNDO_UNKNOWN = 1, /**< its activity may have had its effect */
    ENGINE_UNDO_SETTLING,    /**< a rollback waits for the late answer */
    ENGINE_UNDO_READY,
    ENGINE_UNDO_UNRESOLVED, /**< its arguments could not be evaluated */
    ENGINE_UNDO_RUNNING,
    ENGINE_UNDO_BACKOFF,
    ENGINE_UNDO_STUCK,

    /* Over, kept for a late answer. */
    ENGINE_UNDO_IGNORED,
    ENGINE_UNDO_SKIPPED,
    ENGINE_UNDO_DECIDED, /**< compensated by OnUnknown */
    ENGINE_UNDO_LATE,    /**< the effect came when nobody would undo it */
};

struct engine_undo_entry {
    int64_t id;       /**< of its event or, unknown, of its activity's */
    int64_t activity; /**< the forward one */
    int32_t frame;    /**< scope */
    int32_t rollback; /**< key of the one that runs it, 0: none */
    int32_t attempt;
    int32_t tries; /**< since an operator's retry */
    enum engine_undo_status status;
    bool is_pivot;        /**< an unknown pivot, not a compensation */
    bool is_doubtful;     /**< unknown: an earlier attempt is unknown, too */
    struct odk_str state; /**< owned */
    struct odk_str resource;
    json_t *arguments; /**< NULL: none */
    json_t *input;     /**< unknown: of the state, for late arguments */
    struct odk_str error;
    struct odk_str cause;
    uint64_t timer;
    struct engine_token tokens[ENGINE_TOKENS_MAX]; /**< of the forward
                                                      activity */
    int32_t n_tokens;
};

/** A rollback's frame: a line's, or one of these. */
#define ENGINE_ROLLBACK_CLOSING (-1)
/** Late successes of what was decided already; nobody waits for it. */
#define ENGINE_ROLLBACK_LATE (-2)

struct engine_rollback {
    int32_t frame;
    int64_t n_done;
};

/** What a step collects. */
struct engine_step_scratch {
    struct odk_buf entries;
    struct engine_spans spans; /**< of the payloads in entries */
    struct odk_buf skeleton;
    struct engine_output *outputs;
    size_t n_outputs;
    size_t outputs_size;
    struct engine_timer_op *timers;
    size_t n_timers;
    size_t timers_size;
    struct odk_arena arena; /**< strings of outputs */
    struct odk_rand rand;
    struct engine_limits limits; /**< filled in */
    odk_time_ms now;
    uint64_t seq_next;
    int64_t first_event_id;
    int64_t last_event_id;
    int64_t n_entries;
    int32_t n_entered; /**< states */
    bool is_live;
    bool is_noting;     /**< timers that change: in a step and a replay */
    bool is_status_new; /**< a replay changed it */
    bool is_over_budget;
    const char *rejected;
    struct odk_str rejected_message;
};

struct engine {
    unsigned magic;
    enum engine_status status;
    enum engine_status closing; /**< 0: not; else the end that was decided */
    bool is_express;
    bool is_past_pivot;
    bool is_cancel_asked; /**< takes effect after a rollback */
    bool has_undone;      /**< a compensation has started */

    /* What never changes after the first entry. */
    struct odk_arena arena;
    struct engine_identity identity;
    const struct asl_machine *machine;
    json_t *input;
    json_t *context;
    const struct engine_probe *probe; /**< not stored */
    odk_dur_ms timeout_ms;
    odk_dur_ms republish_ms;
    struct engine_reply_to first_reply; /**< of engine_new, for the first step
                                         */

    int64_t version;
    int64_t next_event_id;
    int64_t next_hidden_id;
    odk_time_ms clock;
    odk_time_ms started_at;
    odk_time_ms closed_at;
    uint64_t next_timer;
    int64_t loop_count;
    uint8_t chain[ODK_SHA256_BYTES];
    json_t *output;
    struct odk_str error;
    struct odk_str cause;

    /* Compensation. */
    odk_dur_ms timeout_left; /**< of the run's, while rollbacks suspend it */
    struct odk_str cancel_reason;
    int64_t undo_prev; /**< previous event of the compensation's line */
    int64_t undo_done;

    struct engine_address *replies;
    size_t n_replies;
    struct engine_activity *activities;
    size_t n_activities;
    size_t activities_size;
    struct engine_timer *timers;
    size_t n_timers;
    size_t timers_size;
    struct engine_signal *signals;
    size_t n_signals;
    size_t signals_size;
    struct engine_undo_entry *undos;
    size_t n_undos;
    size_t undos_size;
    struct engine_rollback *rollbacks;
    size_t n_rollbacks;
    size_t rollbacks_size;

    const struct engine_decider *decider;
    void *lines;

    struct engine_texts texts;
    struct engine_step_scratch step;
#ifdef ODK_SLOW_ASSERTS
    struct odk_buf before;
#endif
};

/** Owned copies of strings; absent stays absent. */
struct odk_str engine_str_dup(struct odk_str s);
void engine_str_drop(struct odk_str *s);
void engine_str_set(struct odk_str *at, struct odk_str s);

/** Room for one more in a growing array; returns the new, zeroed element. */
void *engine_grow(void **list, size_t *n, size_t *size, size_t element);

/** An engine without identity, for load and replay. */
struct engine *engine_blank(const struct asl_machine *machine);

/* Apply: the only changers of saved state. */

/** Applies one entry to kernel and decider. */
void engine_apply(struct engine *engine, const struct engine_entry *entry);
void engine_apply_activity(struct engine *engine,
                           const struct engine_entry *entry);
void engine_apply_undo(struct engine *engine, const struct engine_entry *entry);
/** Sets the identity from its fact, or from engine_new. */
void engine_apply_identity(struct engine *engine,
                           const struct engine_entry *entry);

/** Timers; ids are given in order. Drops of 0 or unknown ids do nothing. */
uint64_t engine_timer_set(struct engine *engine, enum engine_timer_kind kind,
                          int64_t ref, odk_time_ms due);
void engine_timer_drop(struct engine *engine, uint64_t id);
void engine_timer_drop_ref(struct engine *engine, enum engine_timer_kind kind,
                           int64_t ref);
const struct engine_timer *engine_timer_find(const struct engine *engine,
                                             uint64_t id);

struct engine_activity *engine_activity_find(const struct engine *engine,
                                             int64_t id);
void engine_activity_remove(struct engine *engine,
                            struct engine_activity *activity);
/** The events of a family. */
extern const struct engine_family_events engine_families[5];
/** Whether a worker must say that it started. */
bool engine_activity_wants_started(const struct engine_activity *activity);
/** Deadlines; each ODK_TIME_NEVER when it does not apply now. */
odk_time_ms engine_start_due(const struct engine_activity *activity);
odk_time_ms engine_close_due(const struct engine_activity *activity);
odk_time_ms engine_heartbeat_due(const struct engine_activity *activity);
odk_time_ms engine_republish_due(const struct engine *engine,
                                 const struct engine_activity *activity);
bool engine_activity_is_open(const struct engine_activity *activity);
/** When its timer is due next; ODK_TIME_NEVER: no timer. */
odk_time_ms engine_activity_due(const struct engine *engine,
                                const struct engine_activity *activity);

struct engine_undo_entry *engine_undo_find(const struct engine *engine,
                                           int64_t id);
/** Releases what an entry owns. */
void engine_undo_clear(struct engine_undo_entry *undo);
/** The key that marks the members of a rollback. */
int32_t engine_rollback_key(int32_t frame);
struct engine_rollback *engine_rollback_find(const struct engine *engine,
                                             int32_t frame);
/** Whether an entry is still to be undone, settled or decided. */
bool engine_undo_is_left(const struct engine_undo_entry *undo);
/** Whether a token list names a Task. */
bool engine_token_known(const struct engine_token *tokens, int32_t n,
                        int32_t attempt, uint64_t seq);

/** Appends an entry to the text of the step. */
void engine_write(struct engine *engine, const struct engine_entry *entry);
/** Counts a transition and chains the hash of the step's entries. */
void engine_seal(struct engine *engine);

/* Live. */

/** Inputs about activities; see engine_step. */
void engine_take_result(struct engine *engine,
                        const struct engine_input *input);
void engine_take_activity_timer(struct engine *engine, int64_t id);
/** An event or fact about a registry entry. */
struct engine_entry engine_undo_about(const struct engine *engine,
                                      enum engine_entry_type type,
                                      const struct engine_undo_entry *undo);
/** The name of its state, copied: an apply may free the entry. */
struct odk_str engine_undo_state(struct engine *engine,
                                 const struct engine_undo_entry *undo);
/** It waits for an operator from now on. */
void engine_undo_stuck(struct engine *engine,
                       const struct engine_undo_entry *undo,
                       struct odk_str error, struct odk_str cause);
/** Late answers for closed attempts of what can be undone; true: taken. */
bool engine_take_late(struct engine *engine, const struct engine_input *input);
void engine_take_undo_timer(struct engine *engine, int64_t id);
void engine_take_resolve(struct engine *engine,
                         const struct engine_input *input);
/** Notes every open or unknown activity that could be undone, before the run
 * ends. */
void engine_abandon(struct engine *engine);
/** A result of a running compensation. */
void engine_undo_done(struct engine *engine, int64_t id,
                      const struct engine_result *result);

/** Ends the run now: tells open tasks, writes the closing event. */
void engine_close(struct engine *engine, enum engine_status status,
                  int64_t prev, struct engine_entry *why);
/** Ends the run, after its compensation when the definition wants one. */
void engine_end(struct engine *engine, enum engine_status status, int64_t prev,
                struct odk_str error, struct odk_str cause);
/** Goes on with every rollback. */
void engine_undo_run(struct engine *engine);
bool engine_is_stuck(const struct engine *engine);

struct engine_output *engine_output_add(struct engine *engine,
                                        enum engine_output_kind kind);
struct odk_str engine_step_str(struct engine *engine, struct odk_str s);

/** Refuses the command of this step. */
void engine_reject(struct engine *engine, const char *code, const char *text);

#endif
