#ifndef INTERPRETER_PRIV_H
#define INTERPRETER_PRIV_H

/*
 * The lines of a run and what the files of this room share. Lines live in a
 * flat array, a child knows its parent by index; slots of ended lines are used
 * again. Only interpreter_apply.c changes what is saved.
 */

#include "engine/engine_decider.h"
#include "interpreter/interpreter.h"
#include "json/json.h"

/** Iterations of an inline Map that run at once, without MaxConcurrency. */
#define INTERPRETER_INLINE_MAX 40
/** Iterations that run at once, whatever MaxConcurrency says. */
#define INTERPRETER_CONCURRENCY_MAX 10000
/** Lines of a run at once, after which a Map starts one iteration at a time and
 * a Parallel fails. */
#define INTERPRETER_LINES_MAX 100000
/** The longest Wait: the service counts seconds in 31 bits. */
#define INTERPRETER_WAIT_SECONDS_MAX INT64_C(2147483647)

/*
 *  BEGIN ─▶ READY ─▶ TASK, WAIT, SIGNAL, CHILDREN ─▶ READY (next state)
 *             ▲         │ error
 *             └─ BACKOFF ◀┘      ROLLBACK: what the registry undoes comes first
 */
enum interpreter_phase {
    INTERPRETER_BEGIN = 1, /**< its scope's first state comes next */
    INTERPRETER_READY,     /**< its state was entered and comes next */
    INTERPRETER_TASK,
    INTERPRETER_WAIT,
    INTERPRETER_SIGNAL,
    INTERPRETER_CHILDREN,
    INTERPRETER_BACKOFF,
    INTERPRETER_ROLLBACK,
};

struct interpreter_line {
    bool is_used;
    int32_t parent; /**< -1: root */
    int32_t scope;
    int64_t index; /**< branch or iteration */
    int32_t state; /**< -1 before the first */
    enum interpreter_phase phase;
    int64_t entered_id;
    odk_time_ms entered_at;
    int64_t entered_prev; /**< previous event when the state was entered */
    int64_t prev;
    json_t *input;  /**< of the state, as it came in */
    json_t *vars;   /**< of this scope; NULL: none */
    int32_t *tries; /**< retries by retrier of the state */
    int32_t n_tries;
    int32_t tries_total;
    struct odk_str signal; /**< SIGNAL: its name, owned */

    /* Parallel and Map. */
    json_t *items;   /**< Map: its items; Parallel: the branches' input */
    json_t *results; /**< by branch or iteration */
    int64_t length;
    int64_t n_started;
    int64_t n_done;
    int64_t n_failed;
    int64_t limit; /**< iterations at once */
    int64_t tolerated_count;
    int64_t tolerated_percent; /**< in millionths of a percent, -1: none */

    /* A failure that waits for a rollback. */
    struct odk_str mode;
    int64_t rule;
    struct odk_str error;
    struct odk_str cause;
};

struct interpreter {
    const struct asl_machine *machine;
    struct interpreter_line *lines;
    int32_t n_lines; /**< slots */
    int32_t lines_size;
    int32_t n_used;
    size_t variables_bytes; /**< no less than the variables have; not stored */
    bool are_variables_measured;
};

/** One line's work on its current state. */
struct interpreter_work {
    struct interpreter *in;
    struct engine *engine;
    int32_t frame;
    const struct asl_state *state;
    json_t *input;     /**< of the state; a reference */
    json_t *effective; /**< after InputPath; a reference */
    json_t *context;   /**< made when first needed; a reference */
    json_t *result;    /**< $states.result; borrowed */
    json_t *failure;   /**< $states.errorOutput; borrowed */
    struct asl_error error;
    bool is_failed;
    const char *location; /**< field of a failed JSONata expression */
};

static inline struct interpreter_line *
interpreter_line(const struct interpreter *in, int32_t frame)
{
    odk_assert(frame >= 0 && frame < in->n_lines);
    return &in->lines[frame];
}

/** Borrowed state of a line; NULL before the first. */
const struct asl_state *interpreter_state(const struct interpreter *in,
                                          int32_t frame);
/** An event or fact of a line, with its place in the history. */
struct engine_entry interpreter_entry(const struct interpreter *in,
                                      enum engine_entry_type type,
                                      int32_t frame);
/** The lowest free slot. */
int32_t interpreter_slot(const struct interpreter *in);

/* interpreter_apply.c, interpreter_save.c: members of the decider. */
void interpreter_apply(void *state, const struct engine_entry *entry);
void interpreter_line_clear(struct interpreter_line *line);
/** Makes room for a slot. */
struct interpreter_line *interpreter_line_at(struct interpreter *in,
                                             int32_t frame);
void interpreter_save(const void *state, struct engine_texts *texts,
                      struct odk_buf *out);
int interpreter_load(void *state, json_t *saved, struct odk_err *err);
void interpreter_describe(json_t *saved, json_t *out);

/* A test of one state; without a probe nothing happens. */

/** Tells the probe a value, borrowed. */
void interpreter_note(struct engine *engine, const char *what, json_t *value);
void interpreter_note_int(struct engine *engine, const char *what,
                          int64_t value);
void interpreter_note_str(struct engine *engine, const char *what,
                          struct odk_str value);
/** Ends the state with what the probe stands in for its task or children;
 * false: it stands in for nothing. */
bool interpreter_stand_in(struct interpreter_work *work);
/** Ends the run as its state is left. */
void interpreter_end_test(struct interpreter_work *work, json_t *output,
                          json_t *assigned, int32_t next);

/* Work. */

void interpreter_work_init(struct interpreter_work *work,
                           struct interpreter *in, struct engine *engine,
                           int32_t frame);
void interpreter_work_release(struct interpreter_work *work);

/** Fails the work with a language error; its cause is appended to what is
 * returned. interpreter_blame begins with "An error occurred while executing
 * the state …". */
struct odk_buf *interpreter_fail(struct interpreter_work *work,
                                 const char *name);
struct odk_buf *interpreter_blame(struct interpreter_work *work,
                                  const char *name);

/** A field's value (a new reference), or NULL with the work failed. */
json_t *interpreter_eval(struct interpreter_work *work,
                         const struct asl_value *value, json_t *input,
                         const char *location);
/** An integer field; `otherwise` when it is absent. */
int64_t interpreter_eval_int(struct interpreter_work *work,
                             const struct asl_value *value, int64_t otherwise,
                             const char *location);
/** InputPath: sets work->effective. */
void interpreter_take_input(struct interpreter_work *work);
/** Parameters or Arguments over the effective input; a new reference. */
json_t *interpreter_arguments(struct interpreter_work *work);
/** The context object of a line; a new reference. */
json_t *interpreter_context(const struct interpreter *in, struct engine *engine,
                            int32_t frame);
/** The context object's member Map for an iteration; a new reference. */
json_t *interpreter_item(json_t *items, int64_t index);
/** A variable as a line sees it, borrowed. */
json_t *interpreter_variable(const struct interpreter *in, int32_t frame,
                             struct odk_str name);
void interpreter_env(struct interpreter_work *work, json_t *input,
                     struct asl_env *env);

/** Whether a value is within the payload quota; else the work failed. */
bool interpreter_fits(struct interpreter_work *work, json_t *value);
/** Whether output and assigned (or NULL) keep to the quotas; else the work has
 * failed with States.DataLimitExceeded. */
bool interpreter_may_leave(struct interpreter_work *work, json_t *output,
                           json_t *assigned);

/** Ends the state: result (borrowed) through selector, path, Output and
 * Assign, then to `next`, -1: the line ends. */
void interpreter_finish(struct interpreter_work *work, json_t *result);
/** Leaves the state with what is computed already. */
void interpreter_leave(struct interpreter_work *work, json_t *output,
                       json_t *assigned, int32_t next);
/** Enters a state. */
void interpreter_enter(struct interpreter *in, struct engine *engine,
                       int32_t frame, int32_t state, json_t *input);

/** Retry, Catch, or up: the error of a line's state. */
void interpreter_error(struct interpreter *in, struct engine *engine,
                       int32_t frame, struct odk_str error,
                       struct odk_str cause);
/** The error of failed work, with EvaluationFailed where AWS writes it. */
void interpreter_work_error(struct interpreter_work *work);
/** Goes on after the rollback that a failure waited for. */
void interpreter_rolled_back(void *data, struct engine *engine, int32_t frame);

/* States. */
void interpreter_do_choice(struct interpreter_work *work);
void interpreter_do_wait(struct interpreter_work *work);
void interpreter_do_task(struct interpreter_work *work);
void interpreter_do_parallel(struct interpreter_work *work);
void interpreter_do_map(struct interpreter_work *work);

/** A finished child line hands its output to its parent. */
void interpreter_branch_done(struct interpreter *in, struct engine *engine,
                             int32_t frame);
void interpreter_branch_failed(struct interpreter *in, struct engine *engine,
                               int32_t frame, struct odk_str error,
                               struct odk_str cause);
/** The input with which a child line begins; a new reference or NULL. */
json_t *interpreter_branch_input(struct interpreter *in, struct engine *engine,
                                 int32_t frame, struct asl_error *error);
/** Whether a line runs inside a distributed Map: its events are hidden. */
bool interpreter_is_hidden(const struct interpreter *in, int32_t frame);

/** The event types of a state's type. */
struct interpreter_events {
    enum engine_entry_type entered;
    enum engine_entry_type exited;
    enum engine_entry_type aborted;
};

extern const struct interpreter_events interpreter_events[8];

/** A signal that some line waits for. */
void interpreter_signal(void *state, struct engine *engine,
                        struct odk_str name);

/* Sagas (saga.md). */

/** Registers what undoes the succeeded state, or passes the pivot; false: its
 * arguments could not be evaluated and the work failed. */
bool interpreter_register(struct interpreter_work *work, json_t *result);
/** A line gives its activity up, which may have had its effect. */
void interpreter_note_unknown(struct interpreter *in, struct engine *engine,
                              int32_t frame);
/** Members of the decider. */
void interpreter_abandon(void *data, struct engine *engine);
void interpreter_register_late(void *data, struct engine *engine,
                               const struct engine_late *late);
bool interpreter_undo(const void *data, struct odk_str name,
                      struct engine_undo *out);
odk_dur_ms interpreter_undo_delay(const void *data, struct odk_str name,
                                  struct odk_str error, int32_t attempt,
                                  struct odk_rand *rand);

#endif
