#ifndef ENGINE_ENTRY_H
#define ENGINE_ENTRY_H

/*
 * Entries: what a transition writes to the history. An *event* has an id, the
 * id of the event before it on its line, a time and details as in Step
 * Functions' GetExecutionHistory; members beside `details` are what a replay
 * needs and AWS does not show. A *fact* has no number. One table says which
 * members each type has; writer and parser follow it, so they cannot differ.
 */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/base.h"

/* X(member, key, kind, place): the fields of struct engine_entry in the order
 * in which they are written. Zero, NULL and absent strings are left out. */
#define ENGINE_FIELD_TABLE(X)                                                  \
    X(frame, "frame", I32, TOP)                                                \
    X(parent, "parent", I32, TOP)                                              \
    X(scope, "scope", I32, TOP)                                                \
    X(activity, "activity", I64, TOP)                                          \
    X(attempt, "attempt", I32, TOP)                                            \
    X(entry, "entry", I64, TOP)                                                \
    X(seq, "seq", U64, TOP)                                                    \
    X(timer, "timer", U64, TOP)                                                \
    X(due, "due", I64, TOP)                                                    \
    X(count, "count", I64, TOP)                                                \
    X(mode, "mode", STR, TOP)                                                  \
    X(queue, "queue", STR, TOP)                                                \
    X(kind, "kind", STR, TOP)                                                  \
    X(schedule_to_start_ms, "scheduleToStart", I64, TOP)                       \
    X(start_to_close_ms, "startToClose", I64, TOP)                             \
    X(heartbeat_ms, "heartbeat", I64, TOP)                                     \
    X(schedule_to_close_at, "scheduleToCloseAt", I64, TOP)                     \
    X(namespace_, "namespace", STR, TOP)                                       \
    X(workflow_id, "workflowId", STR, TOP)                                     \
    X(run_id, "runId", STR, TOP)                                               \
    X(definition, "definition", STR, TOP)                                      \
    X(number, "number", I64, TOP)                                              \
    X(traceparent, "traceparent", STR, TOP)                                    \
    X(topic, "topic", STR, TOP)                                                \
    X(partition, "partition", I32, TOP)                                        \
    X(correlation_id, "correlationId", STR, TOP)                               \
    X(name, "name", STR, DETAILS)                                              \
    X(index, "index", I64Z, DETAILS)                                           \
    X(length, "length", I64Z, DETAILS)                                         \
    X(input, "input", JSON, DETAILS)                                           \
    X(output, "output", JSON, DETAILS)                                         \
    X(parameters, "parameters", JSON, DETAILS)                                 \
    X(value, "value", JSON, DETAILS)                                           \
    X(left, "left", JSON, DETAILS)                                             \
    X(assigned, "assignedVariables", JSON, DETAILS)                            \
    X(resource, "resource", STR, DETAILS)                                      \
    X(resource_type, "resourceType", STR, DETAILS)                             \
    X(timeout_seconds, "timeoutInSeconds", I64, DETAILS)                       \
    X(heartbeat_seconds, "heartbeatInSeconds", I64, DETAILS)                   \
    X(credentials, "taskCredentials", JSON, DETAILS)                           \
    X(worker, "workerName", STR, DETAILS)                                      \
    X(map_run, "mapRunArn", STR, DETAILS)                                      \
    X(error, "error", STR, DETAILS)                                            \
    X(cause, "cause", STR, DETAILS)                                            \
    X(location, "location", STR, DETAILS)                                      \
    X(state, "state", STR, DETAILS)                                            \
    X(effect, "effect", STR, DETAILS)                                          \
    X(reason, "reason", STR, DETAILS)

enum engine_field {
#define X(member, key, kind, place) ENGINE_FIELD_##member,
    ENGINE_FIELD_TABLE(X)
#undef X
    ENGINE_FIELD_COUNT
};

#define ENGINE_F(member) (UINT64_C(1) << ENGINE_FIELD_##member)

#define ENGINE_ENTERED (ENGINE_F(frame) | ENGINE_F(name) | ENGINE_F(input))
#define ENGINE_EXITED                                                          \
    (ENGINE_F(frame) | ENGINE_F(name) | ENGINE_F(output) | ENGINE_F(assigned))
#define ENGINE_TASK_ID                                                         \
    (ENGINE_F(frame) | ENGINE_F(activity) | ENGINE_F(attempt) | ENGINE_F(entry))
#define ENGINE_TASK                                                            \
    (ENGINE_TASK_ID | ENGINE_F(resource) | ENGINE_F(resource_type))
#define ENGINE_TASK_SPEC                                                       \
    (ENGINE_TASK | ENGINE_F(seq) | ENGINE_F(mode) | ENGINE_F(queue) |          \
     ENGINE_F(kind) | ENGINE_F(schedule_to_start_ms) |                         \
     ENGINE_F(start_to_close_ms) | ENGINE_F(heartbeat_ms) |                    \
     ENGINE_F(schedule_to_close_at) | ENGINE_F(timeout_seconds) |              \
     ENGINE_F(heartbeat_seconds) | ENGINE_F(credentials))
#define ENGINE_WHY    (ENGINE_F(error) | ENGINE_F(cause))
#define ENGINE_BRANCH (ENGINE_F(frame) | ENGINE_F(name) | ENGINE_F(index))

/* X(constant, text, class, fields). Class: EVENT moves its line's previous
 * event to itself, ASIDE is an event that does not, FACT has no number. */
#define ENGINE_ENTRY_TABLE(X)                                                  \
    X(EXECUTION_STARTED, "ExecutionStarted", ASIDE, ENGINE_F(input))           \
    X(EXECUTION_SUCCEEDED, "ExecutionSucceeded", ASIDE, ENGINE_F(output))      \
    X(EXECUTION_FAILED, "ExecutionFailed", ASIDE, ENGINE_WHY)                  \
    X(EXECUTION_TIMED_OUT, "ExecutionTimedOut", ASIDE, ENGINE_WHY)             \
    X(EXECUTION_ABORTED, "ExecutionAborted", ASIDE, ENGINE_WHY)                \
    X(EXECUTION_TERMINATED, "ExecutionTerminated", ASIDE,                      \
      ENGINE_WHY | ENGINE_F(left))                                             \
    X(PASS_ENTERED, "PassStateEntered", EVENT, ENGINE_ENTERED)                 \
    X(PASS_EXITED, "PassStateExited", EVENT, ENGINE_EXITED)                    \
    X(TASK_ENTERED, "TaskStateEntered", EVENT, ENGINE_ENTERED)                 \
    X(TASK_EXITED, "TaskStateExited", EVENT, ENGINE_EXITED)                    \
    X(TASK_ABORTED, "TaskStateAborted", ASIDE, ENGINE_TASK_ID)                 \
    X(CHOICE_ENTERED, "ChoiceStateEntered", EVENT, ENGINE_ENTERED)             \
    X(CHOICE_EXITED, "ChoiceStateExited", EVENT, ENGINE_EXITED)                \
    X(WAIT_ENTERED, "WaitStateEntered", EVENT, ENGINE_ENTERED)                 \
    X(WAIT_EXITED, "WaitStateExited", EVENT, ENGINE_EXITED)                    \
    X(WAIT_ABORTED, "WaitStateAborted", ASIDE, ENGINE_F(frame))                \
    X(SUCCEED_ENTERED, "SucceedStateEntered", EVENT, ENGINE_ENTERED)           \
    X(SUCCEED_EXITED, "SucceedStateExited", EVENT, ENGINE_EXITED)              \
    X(FAIL_ENTERED, "FailStateEntered", EVENT, ENGINE_ENTERED)                 \
    X(PARALLEL_ENTERED, "ParallelStateEntered", EVENT, ENGINE_ENTERED)         \
    X(PARALLEL_EXITED, "ParallelStateExited", EVENT, ENGINE_EXITED)            \
    X(PARALLEL_STARTED, "ParallelStateStarted", EVENT,                         \
      ENGINE_F(frame) | ENGINE_F(count))                                       \
    X(PARALLEL_SUCCEEDED, "ParallelStateSucceeded", ASIDE, ENGINE_F(frame))    \
    X(PARALLEL_FAILED, "ParallelStateFailed", EVENT, ENGINE_F(frame))          \
    X(PARALLEL_ABORTED, "ParallelStateAborted", ASIDE, ENGINE_F(frame))        \
    X(MAP_ENTERED, "MapStateEntered", EVENT, ENGINE_ENTERED)                   \
    X(MAP_EXITED, "MapStateExited", EVENT, ENGINE_EXITED)                      \
    X(MAP_STARTED, "MapStateStarted", EVENT,                                   \
      ENGINE_F(frame) | ENGINE_F(length))                                      \
    X(MAP_SUCCEEDED, "MapStateSucceeded", ASIDE, ENGINE_F(frame))              \
    X(MAP_FAILED, "MapStateFailed", EVENT, ENGINE_F(frame))                    \
    X(MAP_ABORTED, "MapStateAborted", ASIDE, ENGINE_F(frame))                  \
    X(ITERATION_STARTED, "MapIterationStarted", EVENT,                         \
      ENGINE_BRANCH | ENGINE_F(parent) | ENGINE_F(scope))                      \
    X(ITERATION_SUCCEEDED, "MapIterationSucceeded", ASIDE, ENGINE_BRANCH)      \
    X(ITERATION_FAILED, "MapIterationFailed", ASIDE, ENGINE_BRANCH)            \
    X(ITERATION_ABORTED, "MapIterationAborted", ASIDE, ENGINE_BRANCH)          \
    X(MAP_RUN_STARTED, "MapRunStarted", EVENT,                                 \
      ENGINE_F(frame) | ENGINE_F(map_run))                                     \
    X(MAP_RUN_SUCCEEDED, "MapRunSucceeded", EVENT, ENGINE_F(frame))            \
    X(MAP_RUN_FAILED, "MapRunFailed", EVENT, ENGINE_F(frame) | ENGINE_WHY)     \
    X(MAP_RUN_ABORTED, "MapRunAborted", ASIDE, ENGINE_F(frame))                \
    X(EVALUATION_FAILED, "EvaluationFailed", EVENT,                            \
      ENGINE_F(frame) | ENGINE_WHY | ENGINE_F(location) | ENGINE_F(state))     \
    X(TASK_SCHEDULED, "TaskScheduled", EVENT,                                  \
      ENGINE_TASK_SPEC | ENGINE_F(parameters))                                 \
    X(TASK_STARTED, "TaskStarted", EVENT, ENGINE_TASK | ENGINE_F(worker))      \
    X(TASK_SUCCEEDED, "TaskSucceeded", EVENT,                                  \
      ENGINE_TASK | ENGINE_F(output) | ENGINE_F(index))                        \
    X(TASK_FAILED, "TaskFailed", EVENT,                                        \
      ENGINE_TASK | ENGINE_WHY | ENGINE_F(effect))                             \
    X(TASK_TIMED_OUT, "TaskTimedOut", EVENT, ENGINE_TASK | ENGINE_WHY)         \
    X(LAMBDA_SCHEDULED, "LambdaFunctionScheduled", EVENT,                      \
      ENGINE_TASK_SPEC | ENGINE_F(input))                                      \
    X(LAMBDA_STARTED, "LambdaFunctionStarted", EVENT, ENGINE_TASK_ID)          \
    X(LAMBDA_SUCCEEDED, "LambdaFunctionSucceeded", EVENT,                      \
      ENGINE_TASK_ID | ENGINE_F(output))                                       \
    X(LAMBDA_FAILED, "LambdaFunctionFailed", EVENT,                            \
      ENGINE_TASK_ID | ENGINE_WHY | ENGINE_F(effect))                          \
    X(LAMBDA_TIMED_OUT, "LambdaFunctionTimedOut", EVENT,                       \
      ENGINE_TASK_ID | ENGINE_WHY)                                             \
    X(ACTIVITY_SCHEDULED, "ActivityScheduled", EVENT,                          \
      ENGINE_TASK_SPEC | ENGINE_F(input))                                      \
    X(ACTIVITY_STARTED, "ActivityStarted", EVENT,                              \
      ENGINE_TASK_ID | ENGINE_F(worker))                                       \
    X(ACTIVITY_SUCCEEDED, "ActivitySucceeded", EVENT,                          \
      ENGINE_TASK_ID | ENGINE_F(output))                                       \
    X(ACTIVITY_FAILED, "ActivityFailed", EVENT,                                \
      ENGINE_TASK_ID | ENGINE_WHY | ENGINE_F(effect))                          \
    X(ACTIVITY_TIMED_OUT, "ActivityTimedOut", EVENT,                           \
      ENGINE_TASK_ID | ENGINE_WHY)                                             \
    X(COMPENSATION_REGISTERED, "CompensationRegistered", EVENT,                \
      ENGINE_F(frame) | ENGINE_F(activity) | ENGINE_F(entry) |                 \
          ENGINE_F(mode) | ENGINE_F(state) | ENGINE_F(resource) |              \
          ENGINE_F(parameters) | ENGINE_WHY)                                   \
    X(COMPENSATION_STARTED, "CompensationStarted", EVENT,                      \
      ENGINE_F(frame) | ENGINE_F(entry) | ENGINE_F(mode) | ENGINE_F(length) |  \
          ENGINE_WHY)                                                          \
    X(COMPENSATION_SCHEDULED, "CompensationScheduled", ASIDE,                  \
      ENGINE_TASK_SPEC | ENGINE_F(parameters) | ENGINE_F(state))               \
    X(COMPENSATION_SUCCEEDED, "CompensationSucceeded", ASIDE,                  \
      ENGINE_F(activity) | ENGINE_F(entry) | ENGINE_F(state) |                 \
          ENGINE_F(output) | ENGINE_F(reason))                                 \
    X(COMPENSATION_FAILED, "CompensationFailed", ASIDE,                        \
      ENGINE_F(activity) | ENGINE_F(entry) | ENGINE_F(attempt) |               \
          ENGINE_F(state) | ENGINE_WHY | ENGINE_F(due))                        \
    X(COMPENSATION_STUCK, "CompensationStuck", ASIDE,                          \
      ENGINE_F(entry) | ENGINE_F(state) | ENGINE_WHY)                          \
    X(COMPENSATION_SKIPPED, "CompensationSkipped", ASIDE,                      \
      ENGINE_F(entry) | ENGINE_F(state) | ENGINE_F(reason))                    \
    X(COMPENSATION_COMPLETED, "CompensationCompleted", EVENT,                  \
      ENGINE_F(frame) | ENGINE_F(mode) | ENGINE_F(length))                     \
    X(FACT_IDENTITY, "identity", FACT,                                         \
      ENGINE_F(namespace_) | ENGINE_F(workflow_id) | ENGINE_F(run_id) |        \
          ENGINE_F(definition) | ENGINE_F(number) | ENGINE_F(due) |            \
          ENGINE_F(mode) | ENGINE_F(count) | ENGINE_F(value) |                 \
          ENGINE_F(traceparent))                                               \
    X(FACT_REPLY, "reply", FACT,                                               \
      ENGINE_F(topic) | ENGINE_F(partition) | ENGINE_F(correlation_id))        \
    X(FACT_UNDO_STARTED, "compensationTaskStarted", FACT,                      \
      ENGINE_TASK_ID | ENGINE_F(worker))                                       \
    X(FACT_CHORE, "chore", FACT, ENGINE_TASK_SPEC | ENGINE_F(input))           \
    X(FACT_CHORE_STARTED, "choreStarted", FACT,                                \
      ENGINE_TASK_ID | ENGINE_F(worker))                                       \
    X(FACT_CHORE_SUCCEEDED, "choreSucceeded", FACT,                            \
      ENGINE_TASK_ID | ENGINE_F(output))                                       \
    X(FACT_CHORE_FAILED, "choreFailed", FACT,                                  \
      ENGINE_TASK_ID | ENGINE_WHY | ENGINE_F(effect))                          \
    X(FACT_REARM, "rearm", FACT, ENGINE_F(activity) | ENGINE_F(timer))         \
    X(FACT_REPUBLISH, "republish", FACT,                                       \
      ENGINE_F(activity) | ENGINE_F(attempt) | ENGINE_F(seq))                  \
    X(FACT_HEARTBEAT, "heartbeat", FACT,                                       \
      ENGINE_F(activity) | ENGINE_F(attempt) | ENGINE_F(value))                \
    X(FACT_ACTIVITY_CLOSED, "activityClosed", FACT, ENGINE_F(activity))        \
    X(FACT_FIRED, "fired", FACT, ENGINE_F(timer))                              \
    X(FACT_YIELD, "yield", FACT, 0)                                            \
    X(FACT_SIGNAL, "signal", FACT, ENGINE_F(name) | ENGINE_F(value))           \
    X(FACT_SIGNAL_TAKEN, "signalTaken", FACT,                                  \
      ENGINE_F(frame) | ENGINE_F(index))                                       \
    X(FACT_CANCEL, "cancel", FACT, ENGINE_F(reason))                           \
    X(FACT_CLOSING, "closing", FACT, ENGINE_F(mode) | ENGINE_WHY)              \
    X(FACT_WAIT, "wait", FACT,                                                 \
      ENGINE_F(frame) | ENGINE_F(due) | ENGINE_F(name))                        \
    X(FACT_RETRY, "retry", FACT,                                               \
      ENGINE_F(frame) | ENGINE_F(index) | ENGINE_F(due))                       \
    X(FACT_READY, "ready", FACT, ENGINE_F(frame))                              \
    X(FACT_BRANCH, "branch", FACT,                                             \
      ENGINE_F(frame) | ENGINE_F(parent) | ENGINE_F(scope) | ENGINE_F(count) | \
          ENGINE_F(index) | ENGINE_F(value) | ENGINE_WHY)                      \
    X(FACT_BRANCH_DONE, "branchDone", FACT, ENGINE_F(frame))                   \
    X(FACT_BRANCH_FAILED, "branchFailed", FACT, ENGINE_F(frame) | ENGINE_WHY)  \
    X(FACT_FRAME_END, "frameEnd", FACT, ENGINE_F(frame))                       \
    X(FACT_ITEMS, "items", FACT,                                               \
      ENGINE_F(frame) | ENGINE_F(value) | ENGINE_F(count) | ENGINE_F(number) | \
          ENGINE_F(due))                                                       \
    X(FACT_MAP_PLAN, "mapPlan", FACT, ENGINE_F(frame) | ENGINE_F(value))       \
    X(FACT_MAP_CLOSING, "mapClosing", FACT, ENGINE_F(frame) | ENGINE_WHY)      \
    X(FACT_FAILURE, "failure", FACT,                                           \
      ENGINE_F(frame) | ENGINE_F(mode) | ENGINE_F(index) | ENGINE_WHY)         \
    X(FACT_UNKNOWN, "unknown", FACT,                                           \
      ENGINE_F(frame) | ENGINE_F(activity) | ENGINE_F(count) |                 \
          ENGINE_F(mode) | ENGINE_F(state) | ENGINE_F(resource) |              \
          ENGINE_F(value) | ENGINE_F(input))                                   \
    X(FACT_SETTLED, "settled", FACT,                                           \
      ENGINE_F(entry) | ENGINE_F(mode) | ENGINE_F(value) | ENGINE_F(reason))   \
    X(FACT_SETTLING, "settling", FACT, ENGINE_F(entry) | ENGINE_F(due))        \
    X(FACT_SCOPE, "scope", FACT,                                               \
      ENGINE_F(frame) | ENGINE_F(parent) | ENGINE_F(mode) | ENGINE_F(entry))   \
    X(FACT_LATE_SUCCESS, "lateSuccess", FACT,                                  \
      ENGINE_F(activity) | ENGINE_F(attempt) | ENGINE_F(value))                \
    X(FACT_LATE, "lateEffect", FACT, ENGINE_F(entry) | ENGINE_F(value))

enum engine_entry_type {
    ENGINE_EV_NONE,
#define X(constant, text, class, fields) ENGINE_EV_##constant,
    ENGINE_ENTRY_TABLE(X)
#undef X
    ENGINE_EV_COUNT
};

enum engine_entry_class {
    ENGINE_CLASS_EVENT,
    ENGINE_CLASS_ASIDE,
    ENGINE_CLASS_FACT,
};

/** Events of child workflows that run inside (distributed Map) are no part of
 * the run's history: they count from here and are written as facts. */
#define ENGINE_HIDDEN_ID (INT64_C(1) << 40)

/** One entry. Strings and values are borrowed for as long as it is used. */
struct engine_entry {
    enum engine_entry_type type;
    bool is_hidden; /**< live: an event of a child workflow, numbered apart */
    int64_t id;     /**< 0: fact */
    int64_t prev;   /**< 0: none */
    odk_time_ms ts;

    int32_t frame; /**< the decider's line; < 0: none */
    int32_t parent;
    int32_t scope;
    int64_t activity;
    int32_t attempt;
    int64_t entry; /**< of the compensation registry */
    uint64_t seq;
    uint64_t timer;
    odk_time_ms due;
    int64_t count;
    struct odk_str mode;
    struct odk_str queue;
    struct odk_str kind;
    odk_dur_ms schedule_to_start_ms;
    odk_dur_ms start_to_close_ms;
    odk_dur_ms heartbeat_ms;
    odk_time_ms schedule_to_close_at; /**< 0: none */
    struct odk_str namespace_;
    struct odk_str workflow_id;
    struct odk_str run_id;
    struct odk_str definition;
    int64_t number;
    struct odk_str traceparent;
    struct odk_str topic;
    int32_t partition;
    struct odk_str correlation_id;
    struct odk_str name;
    int64_t index;
    int64_t length;
    json_t *input;
    json_t *output;
    json_t *parameters;
    json_t *value;
    json_t *left;
    json_t *assigned;
    struct odk_str resource;
    struct odk_str resource_type;
    int64_t timeout_seconds;
    int64_t heartbeat_seconds;
    json_t *credentials;
    struct odk_str worker;
    struct odk_str map_run;
    struct odk_str error;
    struct odk_str cause;
    struct odk_str location;
    struct odk_str state;
    struct odk_str effect;
    struct odk_str reason;
};

struct engine_texts;

/** Where payloads stand in a text of entries: the chain hash goes over their
 * hashes instead, so that a payload can be erased later. */
struct engine_spans {
    struct engine_span {
        size_t offset;
        size_t len;
    } * list;

    size_t n;
    size_t size;
};

/** The text of a type ("PassStateEntered"), its class and fields. */
struct odk_str engine_entry_name(enum engine_entry_type type);
enum engine_entry_class engine_entry_class(enum engine_entry_type type);
uint64_t engine_entry_fields(enum engine_entry_type type);

/** Appends one entry as a JSON object, and its payloads' places to spans. */
void engine_entry_write(const struct engine_entry *entry,
                        struct engine_texts *texts, struct odk_buf *out,
                        struct engine_spans *spans);

/** Reads one entry; it borrows from value. ODK_ECORRUPT with a sentence. */
int engine_entry_read(json_t *value, struct engine_entry *out,
                      struct odk_err *err) ODK_MUST_USE;

#endif
