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
/** A page of items as an ItemReader gives it: small, for it is saved with each
 * transition until its items have begun. */
#define INTERPRETER_PAGE_ITEMS 1000
#define INTERPRETER_PAGE_BYTES (INT64_C(64) * 1024)
/** Results that wait before a ResultWriter writes them, and in one task. */
#define INTERPRETER_RESULTS_BYTES (INT64_C(64) * 1024)
#define INTERPRETER_WRITE_BYTES   (INT64_C(128) * 1024)
/** The input of a child is left out of its record beyond this, as AWS does. */
#define INTERPRETER_RECORD_INPUT_BYTES ((size_t)128 * 1024)
#define INTERPRETER_THRESHOLD_CAUSE                                            \
    "The specified tolerated failure threshold was exceeded"
/** Ended Map Runs that an execution remembers. */
#define INTERPRETER_RUNS_MAX 100
/** Numbers of chores count from here: no event has them. */
#define INTERPRETER_CHORE_ID (INT64_C(1) << 48)

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

/** What a distributed Map has asked of the object store. */
enum interpreter_chore {
    INTERPRETER_NO_CHORE,
    INTERPRETER_READ,
    INTERPRETER_WRITE,
    INTERPRETER_FINISH, /**< the last results, and the manifest */
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

    /* Distributed Map: `items` is the current page, `results` what is not
     * written yet. */
    json_t *plan;          /**< interpreter_plan; NULL: not distributed */
    json_t *cursor;        /**< of the next page, {}: the first; NULL: none */
    json_t *failures;      /**< records of failed children, not written yet */
    int64_t taken;         /**< items of the page that were given out */
    int64_t n_items;       /**< items given out altogether */
    int64_t results_bytes; /**< of results and failures */
    int64_t n_succeeded_files;
    int64_t n_failed_files;
    int64_t chore; /**< its activity; 0: none */
    enum interpreter_chore chore_kind;
    bool is_written;        /**< the manifest, too */
    struct odk_str map_run; /**< owned */
    odk_time_ms run_at;     /**< when the Map Run began */

    /* A child of a distributed Map. */
    json_t *begun; /**< its input, where its record needs it */
    odk_time_ms began_at;

    /* A failure that waits for a rollback (mode), for the results of a Map to
     * be written (plan), or for its line to begin. */
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
    int64_t n_chores;       /**< that were scheduled */
    json_t *runs;           /**< Map Runs that have ended, the oldest first */
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
bool interpreter_has_closed(const void *state);
void interpreter_save_closed(const void *state, struct engine_texts *texts,
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
/** The context object's member Map for an item of a line's items: the one at
 * `at`, which is number `index` of all; a new reference. */
json_t *interpreter_item(const struct interpreter_line *line, int64_t at,
                         int64_t index);
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
/** All children are done: the state's result, borrowed. */
void interpreter_nest_done(struct interpreter *in, struct engine *engine,
                           int32_t frame, json_t *result);
/** Ends the lines below a line. */
void interpreter_abort_children(struct interpreter *in, struct engine *engine,
                                int32_t frame);
/** The input with which a child line begins; a new reference or NULL. */
json_t *interpreter_branch_input(struct interpreter *in, struct engine *engine,
                                 int32_t frame, struct asl_error *error);
/** Whether a line runs inside a distributed Map: its events are hidden. */
bool interpreter_is_hidden(const struct interpreter *in, int32_t frame);

/* Maps: interpreter_map.c, and what is distributed: interpreter_distributed.c,
 * interpreter_plan.c, interpreter_results.c. */

int64_t interpreter_items_length(const json_t *items);
/** Whether a Map goes on although so many of its children failed. */
bool interpreter_is_tolerated(const struct interpreter_line *line,
                              int64_t failed);
/** Starts iterations as far as the Map's limits allow; those that another one
 * made room for follow that one's last event. */
void interpreter_map_go_on(struct interpreter *in, struct engine *engine,
                           int32_t frame, int64_t prev);
/** What a child begins with: the item, or what ItemSelector makes of it. `item`
 * is the context's member Map, borrowed. */
json_t *interpreter_selected(struct interpreter_work *work, json_t *item);
/** ItemReader, ItemBatcher and ResultWriter of a state, evaluated; a new value,
 * NULL: the work failed. */
json_t *interpreter_plan(struct interpreter_work *work);
/** Starts children, reads and writes, and ends the Map when all is done. */
void interpreter_distribute(struct interpreter *in, struct engine *engine,
                            int32_t frame);
/** A chore of a distributed Map has ended. */
void interpreter_chore_done(struct interpreter *in, struct engine *engine,
                            const struct engine_result *result);
/** Fails a distributed Map, after what a ResultWriter must write. */
void interpreter_map_fail(struct interpreter *in, struct engine *engine,
                          int32_t frame, struct odk_str error,
                          struct odk_str cause);
/** Gives up what was asked of the object store. */
void interpreter_drop_chore(struct interpreter *in, struct engine *engine,
                            int32_t frame);
/** Whether results go to an object store. */
bool interpreter_is_exporting(const struct interpreter_line *line);
/** Notes how a child ended among its Map's results; apply only. */
void interpreter_note_result(struct interpreter_line *map,
                             const struct interpreter_line *child,
                             const struct engine_entry *entry, bool is_done);
/** What write-results gets: the oldest results, and with is_final the items
 * that never began and the manifest; a new value. */
json_t *interpreter_results_task(const struct interpreter_line *map,
                                 bool is_final);
/** Bytes of the results and failures that are not written yet. */
int64_t interpreter_results_bytes(const struct interpreter_line *map);
/** Whether one task can write all results that are left. */
bool interpreter_results_fit(const struct interpreter_line *map);
/** The result of the state, once all is done; a new value. */
json_t *interpreter_map_result(const struct interpreter_line *map);
/** Notes a Map Run that has ended; apply only. */
void interpreter_note_run(struct interpreter *in, int32_t frame,
                          const struct engine_entry *entry);

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
bool interpreter_awaits(const void *state, struct odk_str name);

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
