#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

/*
 * Executions as a pure function of events: one input goes in, an update comes
 * out (history, outputs, timers), nothing else happens. The same state, input
 * and time give the same bytes, always (architecture.md §3). What comes next in
 * a workflow is asked of a decider (ASL: room `interpreter`).
 *
 * Every change of state goes through entries: AWS-numbered *events* and
 * un-numbered *facts* (exactly-once.md I1). A live step decides, emits entries,
 * and applies each; a replay only applies. So fold(entries) = state by
 * construction, byte for byte, and debug builds check it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "asl/asl.h"
#include "base/base.h"

enum engine_status {
    ENGINE_RUNNING = 1,
    ENGINE_SUCCEEDED,
    ENGINE_FAILED,
    ENGINE_TIMED_OUT,
    ENGINE_ABORTED,    /**< cancelled */
    ENGINE_TERMINATED, /**< ended at once by an operator or a policy */
};

/** "RUNNING" … "TERMINATED". */
const char *engine_status_name(enum engine_status status);
bool engine_status_parse(struct odk_str name, enum engine_status *out);

/** Temporal's policies for a workflow id that was used before, and for one
 * whose run is open. */
enum engine_reuse {
    ENGINE_REUSE_ALLOW,
    ENGINE_REUSE_ALLOW_FAILED_ONLY,
    ENGINE_REUSE_REJECT,
};

enum engine_conflict {
    ENGINE_CONFLICT_FAIL,
    ENGINE_CONFLICT_USE_EXISTING,
    ENGINE_CONFLICT_TERMINATE_EXISTING,
};

enum engine_admission {
    ENGINE_ADMIT_START,          /**< a new run may start */
    ENGINE_ADMIT_USE_EXISTING,   /**< answer with the open run */
    ENGINE_ADMIT_TERMINATE_THEN, /**< terminate the open run, then start */
    ENGINE_ADMIT_REJECT,         /**< "WorkflowAlreadyStarted" */
};

/** What a start does, given the current run of its workflow id (status 0: there
 * is none). */
enum engine_admission engine_admit(enum engine_status current,
                                   enum engine_reuse reuse,
                                   enum engine_conflict conflict);

/** Where replies go. */
struct engine_reply_to {
    struct odk_str topic; /**< ptr NULL: nobody asked */
    int32_t partition;
    struct odk_str correlation_id;
};

/**
 * For tests of one state (harness_test_state.h): what the state computes on its
 * way is told, and its task or children are replaced by how they end. A run
 * with a probe ends when it leaves its first state. It is no part of the stored
 * state.
 */
struct engine_probe {
    /** Hears a value, borrowed: the field of TestState's inspection data, or
     * "output", "nextState", "error", "cause". */
    void (*note)(void *ctx, const char *what, json_t *value);
    void *ctx;
    json_t *variables;    /**< what the state sees; NULL: none */
    json_t *context;      /**< the whole context object; NULL: the run's */
    json_t *items;        /**< what an ItemReader reads; NULL: none */
    json_t *result;       /**< of the task or the children */
    struct odk_str error; /**< instead of a result; ptr NULL: none */
    struct odk_str cause;
    int64_t n_failed; /**< Map: iterations that failed */
};

/** The identity of a run and what it starts with. Everything is copied. */
struct engine_start {
    struct odk_str namespace_;
    struct odk_str workflow_id;
    struct odk_uuid run_id;
    struct odk_str definition; /**< name */
    int32_t definition_version;
    const struct asl_machine
        *machine;  /**< kept by reference: must outlive the engine */
    json_t *input; /**< borrowed; a reference is taken */
    odk_dur_ms execution_timeout_ms; /**< 0: the definition's */
    struct engine_reply_to reply;
    struct odk_str traceparent; /**< W3C trace context; ptr NULL: none */
    bool is_express;
    odk_dur_ms task_republish_ms; /**< a Task without an answer for so long is
                                     sent again; 0: never */
    json_t *context; /**< borrowed; members that replace those of the context
                        object; NULL: none */
    const struct engine_probe *probe; /**< NULL: none; else it must outlive the
                                         engine */
};

enum engine_input_kind {
    ENGINE_INPUT_START, /**< the first one of a run */
    ENGINE_INPUT_SIGNAL,
    ENGINE_INPUT_CANCEL,
    ENGINE_INPUT_TERMINATE,
    ENGINE_INPUT_TASK_STARTED,
    ENGINE_INPUT_TASK_SUCCEEDED,
    ENGINE_INPUT_TASK_FAILED,
    ENGINE_INPUT_TASK_HEARTBEAT,
    ENGINE_INPUT_TIMER,
    ENGINE_INPUT_RESOLVE_COMPENSATION,
    ENGINE_INPUT_SUBSCRIBE, /**< a repeat of a command registers its address for
                               the closed reply */
    ENGINE_INPUT_FAIL, /**< the shell refuses a transition: ends the run with
                          error and cause */
};

enum engine_effect {
    ENGINE_EFFECT_NONE,
    ENGINE_EFFECT_UNKNOWN,
};

enum engine_compensation_action {
    ENGINE_COMPENSATION_RETRY,
    ENGINE_COMPENSATION_SKIP,
    ENGINE_COMPENSATION_COMPLETE,
};

/** Quotas of a step, by which it decides; a replay does not look at them. Zero:
 * AWS's value. */
struct engine_limits {
    int64_t payload_bytes;   /**< of a state, a task or the run; 0 = 256 KiB */
    int64_t assign_bytes;    /**< of what one state assigns; 0 = 256 KiB */
    int64_t variables_bytes; /**< of all variables of the run; 0 = 10 MiB */
    int64_t loop_states;     /**< entered without an input from outside;
                                  0 = 100,000 */
    int64_t map_children;    /**< of a distributed Map at once; 0 = 1,000 */
};

/** One input. Only the fields of its kind are read; all borrowed for the call.
 */
struct engine_input {
    enum engine_input_kind kind;
    odk_time_ms now;
    uint64_t
        seed; /**< randomness of this transition, from the input's identity */
    uint64_t seq_next; /**< shard sequence number that the first output of this
                          step will get */

    struct engine_limits limits;

    struct engine_reply_to reply; /**< commands: registered for the closed reply
                                     (at most 16 a run) */

    struct odk_str signal_name; /**< SIGNAL */
    json_t *payload;       /**< SIGNAL payload, TASK_SUCCEEDED output, HEARTBEAT
                              details, RESOLVE result */
    struct odk_str reason; /**< CANCEL, TERMINATE, RESOLVE; ptr NULL: none */

    int64_t activity_id; /**< TASK_*; RESOLVE: the entry, 0 = every stuck one */
    int32_t attempt;
    uint64_t token_seq;    /**< odk-seq named by the authenticated token */
    struct odk_str worker; /**< TASK_STARTED */
    struct odk_str error;  /**< TASK_FAILED, FAIL */
    struct odk_str cause;  /**< TASK_FAILED, FAIL; ptr NULL: none */
    enum engine_effect effect;

    uint64_t timer_id; /**< TIMER */

    enum engine_compensation_action action; /**< RESOLVE */
};

enum engine_output_kind {
    ENGINE_OUTPUT_TASK,
    ENGINE_OUTPUT_CANCEL_TASK,
    ENGINE_OUTPUT_REPLY, /**< closed reply to one registered address */
};

/** An effect; the lane encodes it and gives it seq_next + its index as number.
 * Valid until the next step. */
struct engine_output {
    enum engine_output_kind kind;
    struct odk_str queue; /**< TASK, CANCEL_TASK */
    struct odk_str type;
    int64_t activity_id;
    int32_t attempt;
    json_t *input;                    /**< TASK; borrowed */
    odk_dur_ms start_to_close_ms;     /**< 0: none */
    odk_dur_ms heartbeat_ms;          /**< 0: none */
    odk_time_ms schedule_to_close_at; /**< ODK_TIME_NEVER: none */
    bool wants_started;
    uint64_t token_seq;    /**< CANCEL_TASK: seq of the Task it is about */
    struct odk_str reason; /**< CANCEL_TASK */
    struct engine_reply_to reply; /**< REPLY */
};

struct engine_timer_op {
    bool is_set; /**< else dropped */
    uint64_t id; /**< unique in the execution */
    odk_time_ms
        due; /**< also of a dropped one: it is part of the timer's key */
};

/** What to do about one step. Everything is borrowed from the engine until its
 * next step. */
struct engine_update {
    bool is_ignored; /**< counted and ignored: nothing changed, nothing to write
                      */
    const char *rejected; /**< code of a rejected command ("ExecutionClosed",
                             "Compensating" …), else NULL */
    struct odk_str rejected_message;
    struct odk_str
        entries; /**< JSON array: events {"id","prev","type","ts","details"} and
                    facts {"fact",…} */
    int64_t first_event_id; /**< 0: facts only */
    int64_t last_event_id;
    int64_t version; /**< of the state after the step */
    enum engine_status status;
    bool is_status_changed;
    bool is_stuck;       /**< a compensation waits for an operator */
    bool is_over_budget; /**< yields by a timer due now (step budget) */
    const struct engine_output *outputs;
    size_t n_outputs;
    const struct engine_timer_op *timers;
    size_t n_timers;
};

struct engine; /**< one execution in memory */

/** A run before its first step: call engine_step with ENGINE_INPUT_START next.
 */
int engine_new(const struct engine_start *start, struct engine **out,
               struct odk_err *err) ODK_MUST_USE;

/** From a stored state; machine is the one of its definition and version, and
 * must outlive the engine. */
int engine_load(struct odk_str state, const struct asl_machine *machine,
                struct engine **out, struct odk_err *err) ODK_MUST_USE;

/** From history alone: entries of version 1, 2, … in order, one call each; the
 * first creates. */
int engine_replay(struct engine **engine, const struct asl_machine *machine,
                  struct odk_str entries, struct odk_err *err) ODK_MUST_USE;

/** What the transition of the last engine_replay did, as its step said it, but
 * for entries, event ids and outputs, which are left out. Borrowed until the
 * next call. */
void engine_replayed(const struct engine *engine, struct engine_update *out);

void engine_free(struct engine *engine);

/**
 * Applies one input. On an error (ODK_ELIMIT, ODK_ECORRUPT) the engine is
 * unusable: free it and load it again. A refused command or an ignored result
 * is not an error, see update.
 */
int engine_step(struct engine *engine, const struct engine_input *input,
                struct engine_update *out, struct odk_err *err) ODK_MUST_USE;

/** Appends the state as stored: compact JSON, the same bytes for the same
 * state. */
void engine_save(const struct engine *engine, struct odk_buf *out);

/* What the shell needs to know of an execution; borrowed. */
struct engine_identity {
    struct odk_str namespace_;
    struct odk_str workflow_id;
    struct odk_uuid run_id;
    struct odk_str definition;
    int32_t definition_version;
    struct odk_str traceparent; /**< of the command that started the run; ptr
                                   NULL: none */
};

/** Read at any time; what is pointed to is borrowed until the next step. */
/** Accessors; everything is borrowed until the next step. */
const struct engine_identity *engine_identity(const struct engine *engine);
enum engine_status engine_status(const struct engine *engine);
int64_t engine_version(const struct engine *engine);
odk_time_ms engine_started_at(const struct engine *engine);
odk_time_ms engine_closed_at(const struct engine *engine); /**< 0 while open */
json_t *engine_output(const struct engine *engine); /**< of a succeeded run,
                                                       borrowed, else NULL */
struct odk_str engine_error(
    const struct engine *engine); /**< of a failed run, ptr NULL: none */
struct odk_str engine_cause(const struct engine *engine);

/** The chain hash over all transitions' entries (protocol.md), updated by every
 * step. */
void engine_chain(const struct engine *engine, uint8_t out[ODK_SHA256_BYTES]);

/** Estimated bytes in memory, for the cache budget. */
size_t engine_bytes(const struct engine *engine);

/**
 * Appends what `describe` shows as a JSON object: status, current states,
 * pending activities (attempt, last failure, heartbeat details, next retry),
 * timers, buffered signals, variables, compensation {state, done, left, stuck:
 * [...]}. From the stored state alone.
 */
int engine_describe(struct odk_str state, struct odk_buf *out,
                    struct odk_err *err) ODK_MUST_USE;

#endif
