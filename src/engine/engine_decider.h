#ifndef ENGINE_DECIDER_H
#define ENGINE_DECIDER_H

/*
 * What comes next in a workflow is asked of a decider: a const table of
 * functions over a state of its own. The kernel (this room) keeps what every
 * workflow has and knows nothing of the decider's language; the decider changes
 * nothing but through entries, which the kernel numbers, writes and hands to
 * both applies. A decider thinks in *lines*: small numbers, one for each thread
 * of its flow; the root is 0.
 */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/base.h"
#include "engine/engine.h"
#include "engine/engine_entry.h"
#include "engine/engine_texts.h"

/* Quotas of AWS, where struct engine_limits says nothing. */
#define ENGINE_PAYLOAD_BYTES_MAX   (INT64_C(256) << 10)
#define ENGINE_ASSIGN_BYTES_MAX    (INT64_C(256) << 10)
#define ENGINE_VARIABLES_BYTES_MAX (INT64_C(10) << 20)
/* AWS has 10,000 children at once, for which a run here is too small. */
#define ENGINE_MAP_CHILDREN_MAX 1000
/** States entered in one transition before it yields. */
#define ENGINE_STEP_STATES_MAX 1000
/** Bytes of entries after which a transition yields. */
#define ENGINE_STEP_BYTES_MAX 1048576
/** States entered without an input from outside: an endless loop. */
#define ENGINE_LOOP_STATES_MAX 100000

enum engine_result_kind {
    ENGINE_RESULT_SUCCEEDED,
    ENGINE_RESULT_FAILED,
    ENGINE_RESULT_TIMED_OUT,
};

/** How an attempt of a line's activity ended. */
struct engine_result {
    enum engine_result_kind kind;
    int32_t frame;
    int64_t activity;
    int32_t attempt;
    json_t *output;
    struct odk_str error;
    struct odk_str cause;
};

/** The events of an activity are named by family. */
enum engine_family {
    ENGINE_FAMILY_TASK,
    ENGINE_FAMILY_LAMBDA,
    ENGINE_FAMILY_ACTIVITY,
    ENGINE_FAMILY_COMPENSATION,
    ENGINE_FAMILY_CHORE, /**< of the decider's own: facts, no events */
};

/** One attempt to schedule. All borrowed for the call. */
struct engine_task {
    int32_t frame;
    int64_t activity; /**< id: of the event that entered the state; a chore's is
                         unique in the run, and no event has it */
    int32_t attempt;  /**< from 1 */
    int64_t prev;     /**< the line's previous event */
    enum engine_family family;
    struct odk_str queue;
    struct odk_str type;
    struct odk_str resource;
    struct odk_str resource_type;
    struct odk_str state; /**< compensations: of which state */
    json_t *input;
    json_t *credentials;
    odk_dur_ms schedule_to_start_ms;
    odk_dur_ms start_to_close_ms;
    odk_dur_ms heartbeat_ms;
    odk_dur_ms schedule_to_close_ms; /**< over all attempts */
};

/** What undoes an activity; from the definition. */
struct engine_undo {
    struct odk_str state; /**< names it in the history */
    struct odk_str resource;
    struct odk_str queue;
    struct odk_str type;
    odk_dur_ms timeout_ms;
    odk_dur_ms heartbeat_ms;
    odk_dur_ms settle_ms;
    enum asl_on_unknown on_unknown;
};

/** A success that came late. */
struct engine_late {
    struct odk_str state;
    int32_t frame; /**< scope */
    int64_t activity;
    int64_t entry;  /**< of the registry, which it resolves; 0: none */
    json_t *input;  /**< of the state */
    json_t *output; /**< of the activity */
};

enum engine_scope_end {
    ENGINE_SCOPE_PASS,    /**< entries go to the parent line */
    ENGINE_SCOPE_REPLACE, /**< entries end: another one stands for them */
};

struct engine_decider {
    const char *name;

    /* The state. */
    void *(*create)(const struct asl_machine *machine);
    void (*destroy)(void *state);
    void (*apply)(void *state, const struct engine_entry *entry);
    void (*save)(const void *state, struct engine_texts *texts,
                 struct odk_buf *out);
    /** What is kept of a run that has ended, in the form of save; nothing is
     * kept where has_closed is false. */
    bool (*has_closed)(const void *state);
    void (*save_closed)(const void *state, struct engine_texts *texts,
                        struct odk_buf *out);
    int (*load)(void *state, json_t *saved, struct odk_err *err);
    size_t (*bytes)(const void *state);
    /** Members for describe, from a saved state. */
    void (*describe)(json_t *saved, json_t *out);

    /* Live only: these emit entries. */
    void (*start)(void *state, struct engine *engine);
    /** Goes on with every line that is ready, within the step's budget. */
    void (*run)(void *state, struct engine *engine);
    void (*task_done)(void *state, struct engine *engine,
                      const struct engine_result *result);
    void (*timer)(void *state, struct engine *engine, int32_t frame);
    void (*signal)(void *state, struct engine *engine, struct odk_str name);
    /** Whether a line waits for a signal of this name now. */
    bool (*awaits)(const void *state, struct odk_str name);
    /** The run ends: calls engine_note_unknown for what may be undone. */
    void (*abandon)(void *state, struct engine *engine);
    /** A rollback that the decider asked for is complete. */
    void (*rolled_back)(void *state, struct engine *engine, int32_t frame);
    /** Evaluates what undoes an activity that succeeded when its line had gone
     * on, and registers it by engine_register_undo. */
    void (*register_late)(void *state, struct engine *engine,
                          const struct engine_late *late);
    /** How a state is undone; false: not at all. */
    bool (*undo)(const void *state, struct odk_str name,
                 struct engine_undo *out);
    /** Delay before the next attempt of a compensation, -1: no more. */
    odk_dur_ms (*undo_delay)(const void *state, struct odk_str name,
                             struct odk_str error, int32_t attempt,
                             struct odk_rand *rand);
};

/* Services for deciders. */

/** A new entry of a line. */
static inline struct engine_entry
engine_entry_of(enum engine_entry_type type, int32_t frame)
{
    return (struct engine_entry){
        .type = type, .frame = frame, .index = -1, .length = -1};
}

/** Numbers (an event), writes and applies an entry; entry->id is set. */
void engine_emit(struct engine *engine, struct engine_entry *entry);

/** Time, randomness and texts of this transition. */
odk_time_ms engine_now(const struct engine *engine);
struct odk_rand *engine_rand(struct engine *engine);
struct engine_texts *engine_texts_of(struct engine *engine);

/** The run's input, borrowed. */
json_t *engine_input_of(const struct engine *engine);
/** Members that replace those of the context object, or NULL. */
json_t *engine_context_of(const struct engine *engine);
/** Who tests a single state of this run, or NULL. */
const struct engine_probe *engine_probe_of(const struct engine *engine);
/** Of this step, none of them zero. */
const struct engine_limits *engine_limits_of(const struct engine *engine);

/** Whether lines may go on: the run is open and not closing. */
bool engine_is_running(const struct engine *engine);
/** Counts one state; false: the step's budget is used up. */
bool engine_may_enter(const struct engine *engine);
/** States entered since the last input from outside. */
int64_t engine_loop_count(const struct engine *engine);

/** Schedules one attempt and sends its Task. */
void engine_schedule(struct engine *engine, const struct engine_task *task);
/** Tells the workers of an open activity that nobody waits any more. */
void engine_cancel_task(struct engine *engine, int64_t id,
                        struct odk_str reason);
/** Whether an activity has an attempt that waits for its result. */
bool engine_has_open_task(const struct engine *engine, int64_t id);

/** Whether the kernel still keeps an activity, open or between attempts. */
bool engine_knows_activity(const struct engine *engine, int64_t id);

/** When an activity's time over all attempts ends; ODK_TIME_NEVER: never. */
odk_time_ms engine_closes_at(const struct engine *engine, int64_t id);

/** The oldest buffered signal of a name: its place and payload (borrowed), or
 * false. */
bool engine_signal_find(const struct engine *engine, struct odk_str name,
                        size_t *index, json_t **payload);

/** The run ends; failed ones compensate first where the definition says so. */
void engine_succeed(struct engine *engine, int64_t prev, json_t *output);
void engine_fail(struct engine *engine, int64_t prev, struct odk_str error,
                 struct odk_str cause);

/** Registers what undoes a state: an entry COMPENSATION_REGISTERED. Without
 * parameters, but with error and cause, it is unresolved. */
void engine_register_undo(struct engine *engine, struct engine_entry *entry);
/** Entries that may still be added to the run; false after the pivot, too. */
bool engine_may_register(const struct engine *engine);
/** Whether the pivot has succeeded. */
bool engine_is_past_pivot(const struct engine *engine);
/**
 * A line gives up an activity that could be undone (entry UNKNOWN; arguments
 * for OnUnknown COMPENSATE in value). Nothing is noted when every attempt
 * failed for certain.
 */
void engine_note_unknown(struct engine *engine, struct engine_entry *entry);
/** Drops every entry: the pivot succeeded. */
void engine_pass_pivot(struct engine *engine);
/** Moves the entries of a line that ends to its parent's, or ends those that
 * came after `since`. */
void engine_end_scope(struct engine *engine, int32_t frame, int32_t parent,
                      enum engine_scope_end end, int64_t since);
/** Runs and removes the entries of a line that came after `since` (0: all),
 * then calls decider->rolled_back(frame). False: there is nothing to undo, and
 * nothing will be called. */
bool engine_rollback(struct engine *engine, int32_t frame, int64_t since);

#endif
