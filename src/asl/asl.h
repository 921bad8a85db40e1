#ifndef ASL_ASL_H
#define ASL_ASL_H

/*
 * A definition in the Amazon States Language, compiled once into tables that
 * never change: states of all scopes in one array, names resolved to indexes,
 * every expression compiled. The interpreter walks these tables; which of the
 * two query languages a field uses is hidden behind asl_eval. Fields and rules:
 * design/asl.md §1 and design/saga.md.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/base.h"
#include "json/json_path.h"

enum asl_type {
    ASL_PASS,
    ASL_TASK,
    ASL_CHOICE,
    ASL_WAIT,
    ASL_SUCCEED,
    ASL_FAIL,
    ASL_PARALLEL,
    ASL_MAP,
};

/** A compiled field value; opaque, evaluated by asl_eval. NULL pointer = the
 * field is absent. */
struct asl_value;

/** What expressions may read. All borrowed. */
struct asl_env {
    json_t *input; /**< what paths see: the effective input, or the result, as
                      the field demands */
    json_t *states_input; /**< JSONata $states.input */
    json_t *result; /**< JSONata $states.result; NULL outside its fields */
    json_t *error_output; /**< JSONata $states.errorOutput (Catch), else NULL */
    json_t *context;      /**< context object, $$ and $states.context */
    json_t *(*variable)(void *ctx,
                        struct odk_str name); /**< borrowed value or NULL */
    json_t *(*variables)(
        void *ctx); /**< all visible variables, new reference (JSONata) */
    void *variable_ctx;
    struct odk_rand *rand;
    odk_time_ms now;
    struct odk_str state_name; /**< for the error texts */
    int64_t entered_event_id;  /**< likewise: "entered at the event id #N" */
};

/** An error of the language: what Retry and Catch match. */
struct asl_error {
    char name[128]; /**< States.Runtime, States.ParameterPathFailure … */
    struct odk_buf cause; /**< AWS's wording where it is recorded; released by
                             the caller */
    struct odk_str location; /**< the field, e.g. "Output/x"; borrowed from the
                                machine */
};

/** One entry of Retry, with the defaults of the language filled in. */
struct asl_retrier {
    const struct odk_str *errors; /**< ErrorEquals */
    size_t n_errors;
    double interval_seconds;
    int32_t max_attempts;
    double backoff_rate;
    double max_delay_seconds; /**< 0: none */
    bool is_jitter_full;
};

struct asl_catcher {
    const struct odk_str *errors;
    size_t n_errors;
    int32_t next;                        /**< index of a state */
    const struct json_path *result_path; /**< NULL: whole replacement ("$") */
    bool is_result_discarded;            /**< ResultPath null */
    const struct asl_value *output;      /**< JSONata */
    const struct asl_value *assign;
    bool is_compensating; /**< "Compensate": true, saga.md */
};

enum asl_on_unknown {
    ASL_ON_UNKNOWN_STUCK,
    ASL_ON_UNKNOWN_COMPENSATE,
    ASL_ON_UNKNOWN_IGNORE,
};

/** Where a task goes: protocol.md "Resource → (queue, type)". */
enum asl_resource_kind {
    ASL_RESOURCE_TASK, /**< odradek:<queue>:<type> and service integrations */
    ASL_RESOURCE_ACTIVITY,        /**< an activity ARN: Activity* events */
    ASL_RESOURCE_LAMBDA,          /**< a Lambda ARN: LambdaFunction* events */
    ASL_RESOURCE_WAIT_SIGNAL,     /**< odradek:wait-signal */
    ASL_RESOURCE_START_EXECUTION, /**< states:startExecution */
};

enum asl_pattern {
    ASL_PATTERN_REQUEST_RESPONSE,
    ASL_PATTERN_SYNC,
    ASL_PATTERN_SYNC_2,
    ASL_PATTERN_WAIT_FOR_TASK_TOKEN,
};

struct asl_resource {
    struct odk_str text; /**< as written */
    enum asl_resource_kind kind;
    enum asl_pattern pattern;
    struct odk_str queue; /**< where the Task is sent */
    struct odk_str type;  /**< of the Task; empty for lambda:invoke, where it is
                             the evaluated FunctionName */
    struct odk_str
        resource; /**< TaskScheduled's "resource": "invoke.waitForTaskToken" */
    struct odk_str
        resource_type; /**< TaskScheduled's "resourceType": "lambda" */
};

struct asl_compensate {
    struct asl_resource resource;
    const struct asl_value *arguments;  /**< Parameters or Arguments */
    double timeout_seconds;             /**< 300 */
    double heartbeat_seconds;           /**< 0: none */
    const struct asl_retrier *retriers; /**< with the default: States.ALL, 10
                                           attempts, backoff 2, ≤ 300 s */
    size_t n_retriers;
    double settle_seconds; /**< 60 */
    enum asl_on_unknown on_unknown;
};

struct asl_condition; /**< compiled test of a JSONPath Choice rule */

struct asl_choice_rule {
    const struct asl_condition *condition; /**< JSONPath, else NULL */
    const struct asl_value *jsonata;       /**< Condition */
    int32_t next;
    const struct asl_value *assign;
    const struct asl_value *output;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by meaning */
struct asl_state {
    struct odk_str name; /**< unique in the machine */
    enum asl_type type;
    bool is_jsonata;
    int32_t index;
    int32_t scope; /**< of which it is a member */
    int32_t next;  /**< index, -1: End or none */

    /* Data flow. NULL values mean the default of the language. */
    const struct asl_value *input_value; /**< InputPath (may be $$… or $var) */
    bool is_input_discarded;             /**< InputPath null */
    const struct asl_value *output_value; /**< OutputPath */
    bool is_output_discarded;
    const struct asl_value *arguments; /**< Parameters or Arguments (Map: old
                                          Parameters = item_selector) */
    const struct asl_value *result_selector; /**< sees the result */
    const struct json_path *result_path;     /**< NULL: "$" */
    bool is_result_discarded;                /**< ResultPath null */
    const struct asl_value *output;          /**< JSONata Output */
    const struct asl_value *assign;
    const struct asl_retrier *retriers;
    size_t n_retriers;
    const struct asl_catcher *catchers;
    size_t n_catchers;

    const struct asl_compensate *compensate; /**< NULL: none */
    bool is_pivot;
    double pivot_settle_seconds;
    enum asl_on_unknown pivot_on_unknown;

    json_t *pass_result; /**< Pass: Result */

    struct asl_resource resource; /**< Task */
    const struct asl_value *credentials;
    const struct asl_value *timeout; /**< TimeoutSeconds[Path], also of Task in
                                        seconds; NULL: none */
    const struct asl_value *heartbeat; /**< HeartbeatSeconds[Path] */
    double schedule_to_start_seconds;  /**< 0: none */
    double schedule_to_close_seconds;

    const struct asl_choice_rule *rules; /**< Choice */
    size_t n_rules;
    int32_t default_next; /**< -1: none */

    const struct asl_value *wait_seconds; /**< Wait: one of the two */
    const struct asl_value *wait_timestamp;

    const struct asl_value *error; /**< Fail */
    const struct asl_value *cause;

    int32_t first_scope; /**< Parallel: branches are scopes first_scope …
                            first_scope + n_scopes - 1; Map: one */
    int32_t n_scopes;

    const struct asl_value
        *items; /**< Map: ItemsPath or Items; NULL: the effective input */
    const struct asl_value *item_selector;
    const struct asl_value *max_concurrency; /**< 0 or NULL: no limit */
    const struct asl_value *tolerated_count;
    const struct asl_value *tolerated_percentage;
    bool is_distributed;
    bool is_express_children;
    struct odk_str label;
    json_t *item_reader; /**< raw, for distributed Map */
    json_t *item_batcher;
    json_t *result_writer;
    const struct asl_value *reader_arguments; /**< what is to be evaluated in
                                                 the three; NULL: absent */
    const struct asl_value *reader_max_items;
    const struct asl_value *batch_max_items;
    const struct asl_value *batch_max_bytes;
    const struct asl_value *batch_input;
    const struct asl_value *writer_arguments;
    bool is_iterator; /**< written with the old Iterator field */
};

struct asl_scope {
    int32_t start_at;     /**< index of a state */
    int32_t parent_state; /**< -1: the machine itself */
    int32_t branch;       /**< number within the parent */
};

enum asl_compensation_order {
    ASL_COMPENSATION_REVERSE,
    ASL_COMPENSATION_PARALLEL,
};

struct asl_machine {
    struct odk_str comment;
    odk_dur_ms timeout_ms; /**< 0: none */
    const struct asl_state *states;
    int32_t n_states;
    const struct asl_scope *scopes; /**< [0] is the machine */
    int32_t n_scopes;
    bool compensates_failed; /**< Compensation.On */
    bool compensates_timed_out;
    bool compensates_aborted;
    enum asl_compensation_order compensation_order;
    bool has_compensation; /**< some state has Compensate or Pivot */
    json_t *definition;    /**< as published */
};

/** One finding about a definition. */
struct asl_problem {
    struct odk_str code;    /**< AWS's diagnostic code where it exists, e.g.
                               SCHEMA_VALIDATION_FAILED */
    struct odk_str pointer; /**< JSON pointer */
    struct odk_str message; /**< a sentence that says what to do */
    bool is_warning;
};

/** Everything that is wrong, at once; release with asl_problems_release. */
struct asl_problems {
    struct odk_arena arena;
    struct asl_problem *list;
    size_t n;
    size_t n_errors;
};

void asl_problems_init(struct asl_problems *problems);
void asl_problems_release(struct asl_problems *problems);

/** Options of a compilation. */
struct asl_options {
    bool is_express;
    size_t definition_bytes_max;   /**< of a text; 0 = 1 MiB */
    size_t name_chars_max;         /**< of a state's name; 0 = 80 */
    bool is_any_resource_accepted; /**< any Resource string, e.g. a placeholder,
                                      is taken as an activity (with a warning)
                                    */
};

/**
 * Compiles a definition. 0: *out is a machine (there may be warnings);
 * ODK_EINVAL: problems lists at least one error, *out is NULL. The machine owns
 * all it points to, and a reference to definition.
 */
int asl_compile(json_t *definition, const struct asl_options *options,
                struct asl_machine **out,
                struct asl_problems *problems) ODK_MUST_USE;

/** Parses (duplicate keys rejected, size and depth bounded) and compiles. */
int asl_compile_text(struct odk_str text, const struct asl_options *options,
                     struct asl_machine **out,
                     struct asl_problems *problems) ODK_MUST_USE;

void asl_free(struct asl_machine *machine);

/** Index of a state by name, -1 if there is none. */
int32_t asl_state_find(const struct asl_machine *machine, struct odk_str name);

/**
 * Evaluates a field. 0: *out is a new reference, error is untouched;
 * ODK_EINVAL: error is set (whatever it held is overwritten). Deterministic:
 * the same env gives the same value.
 */
int asl_eval(const struct asl_value *value, const struct asl_env *env,
             json_t **out, struct asl_error *error) ODK_MUST_USE;

/** The expression as written ("$.a", or a JSONata expression without its
 * `{% %}`); empty for a literal. For causes. */
struct odk_str asl_value_text(const struct asl_value *value);

/** The field as AWS names it in causes: "SecondsPath", "Items". */
struct odk_str asl_value_field(const struct asl_value *value);

/** The value of a literal, borrowed; NULL if it must be evaluated. */
json_t *asl_value_constant(const struct asl_value *value);

/** First matching rule of a Choice state; -1 when none matches (the caller
 * takes default_next). */
int asl_choose(const struct asl_state *state, const struct asl_env *env,
               int32_t *rule, struct asl_error *error) ODK_MUST_USE;

/** Whether an ErrorEquals list matches an error name (States.ALL,
 * States.TaskFailed rules). */
bool asl_error_matches(const struct odk_str *errors, size_t n_errors,
                       struct odk_str name);

/** Delay before retry number `attempt` (1 = first retry); rand is used for full
 * jitter only. */
odk_dur_ms asl_retry_delay(const struct asl_retrier *retrier, int32_t attempt,
                           struct odk_rand *rand);

#endif
