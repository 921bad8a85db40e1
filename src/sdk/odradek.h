#ifndef SDK_ODRADEK_H
#define SDK_ODRADEK_H

/*
 * NAME
 *     odradek - clients and workers of Odradek's durable workflows
 *
 * SYNOPSIS
 *     #include <odradek.h>
 *     cc $(pkg-config --cflags --libs odradek) …
 *
 * DESCRIPTION
 *     A client asks: it starts, signals, cancels and terminates workflows and
 *     waits for what becomes of them. A worker answers: it takes the tasks of
 *     queues and runs a function of yours for each. Both speak to Kafka only,
 *     in the open protocol of docs and schemas/; any Kafka client could do the
 *     same.
 *
 *     Everything is behind a handle with setters and getters. Names are
 *     copied; what a getter returns lives as long as its handle and is not
 *     changed by the library. NULL may be passed to every *_free and *_close.
 *
 * RETURN VALUE
 *     0, or one of the negative codes below. Constructors return NULL when
 *     memory is short. Where a function takes `why`, a sentence for people is
 *     written there on failure, cut to why_size; why may be NULL.
 *
 * THREADS
 *     A client is used by one thread at a time; open several for more. A
 *     worker is run by one thread and runs handlers in threads of its own; a
 *     task is used by its handler only. odradek_worker_stop may be called from
 *     anywhere.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ODRADEK_API __attribute__((visibility("default")))

/** What may go wrong. */
enum odradek_error {
    ODRADEK_EINVAL = -1,     /* an argument or option; why names it */
    ODRADEK_ENOMEM = -2,     /* out of memory */
    ODRADEK_ECONN = -3,      /* no broker answers */
    ODRADEK_EAUTH = -4,      /* log-in, TLS or rights */
    ODRADEK_ENOTFOUND = -5,  /* a topic that must exist does not */
    ODRADEK_ETIMEDOUT = -6,  /* not within the given time */
    ODRADEK_ELIMIT = -7,     /* a limit of the library was reached */
    ODRADEK_ETOOBIG = -8,    /* a payload over 1 MiB, or over the topic's */
    ODRADEK_ESTATE = -9,     /* not in this state of the handle */
    ODRADEK_EINTERNAL = -10, /* a mistake of the library */
};

/** "no broker answers", for a code above. */
ODRADEK_API const char *odradek_strerror(int code);

/** "0.1.0": of the library that is loaded. */
ODRADEK_API const char *odradek_version(void);

/* ------------------------------------------------------------------ config */

/*
 * Options for clients and workers, by name:
 *
 *     bootstrap           host:port,…                         (required)
 *     namespace           of workflows                        (default)
 *     name                of this program, for people         (host:pid)
 *     reply.topic         where answers come  (odradek.replies.default)
 *     connect.timeout.ms  for opening                         (10000)
 *     send.timeout.ms     until a command counts as not sent  (30000)
 *     linger.us           wait for more records to send       (0)
 *     calls.max           calls in flight of a client         (10000)
 *     concurrency         handlers of a worker at once; 0 runs them in the
 *                         worker's thread, for short ones     (8)
 *     window              tasks taken and not finished, a partition (1000)
 *     instance            a stable name of this worker: restarted under it
 *                         within the session, it gets its partitions back at
 *                         once                                (none)
 *     session.timeout.ms  until a dead worker's tasks go to others (10000)
 *     commit.interval.ms  at most this much is repeated after a crash (200)
 *     stop.wait.ms        until running tasks see a cancel at a stop (10000)
 *     kafka.<property>    any property of librdkafka, as it names it
 */
struct odradek_config;

/** NULL: out of memory. */
ODRADEK_API struct odradek_config *odradek_config_new(void);
ODRADEK_API void odradek_config_free(struct odradek_config *config);

/** Sets an option; a later value replaces the earlier one. ODRADEK_EINVAL: no
 * such option, or a value outside its bounds; why says which are allowed. */
ODRADEK_API int odradek_config_set(struct odradek_config *config,
                                   const char *name, const char *value,
                                   char *why, size_t why_size);

/** A line for the log of the program: severity as syslog's (3 error, 4 warning,
 * 6 information), text without payloads or secrets. From any thread. */
typedef void (*odradek_log_f)(void *ctx, int severity, const char *text);

/** NULL, the default: warnings and worse go to standard error. */
ODRADEK_API void odradek_config_set_log(struct odradek_config *config,
                                        odradek_log_f log, void *ctx);

/* ------------------------------------------------------------------- calls */

/*
 * A call is a command and what was answered. It begins with a request id of its
 * own (a UUID) and keeps it: submitting a call again, after a time-out or a
 * lost connection, repeats the command without doubling its effect.
 */
struct odradek_call;

/** Starts a workflow of a published definition. The client's namespace is used
 * unless odradek_call_set_namespace says otherwise. */
ODRADEK_API struct odradek_call *odradek_start_new(const char *workflow_id,
                                                   const char *definition);

/** Hands a payload to the workflow's open run, where odradek:wait-signal takes
 * it. */
ODRADEK_API struct odradek_call *odradek_signal_new(const char *workflow_id,
                                                    const char *signal);

/** Asks the open run to stop, after its compensation where that is listed. */
ODRADEK_API struct odradek_call *odradek_cancel_new(const char *workflow_id);

/** Ends the open run at once; nothing is compensated. */
ODRADEK_API struct odradek_call *odradek_terminate_new(const char *workflow_id);

enum odradek_resolution {
    ODRADEK_RETRY,    /* run the compensation again, with fresh retries */
    ODRADEK_SKIP,     /* leave it undone; needs a reason */
    ODRADEK_COMPLETE, /* it was done by hand; the input is its result */
};

/** Decides on stuck compensations of the open run. */
ODRADEK_API struct odradek_call *
odradek_resolve_new(const char *workflow_id, enum odradek_resolution action);

ODRADEK_API void odradek_call_free(struct odradek_call *call);

enum odradek_reuse {
    ODRADEK_REUSE_ALLOW,             /* start anew after any closed run */
    ODRADEK_REUSE_ALLOW_FAILED_ONLY, /* only after one that did not succeed */
    ODRADEK_REUSE_REJECT,            /* a workflow id serves once */
};

enum odradek_conflict {
    ODRADEK_CONFLICT_FAIL,               /* rejected while a run is open */
    ODRADEK_CONFLICT_USE_EXISTING,       /* answered with the open run */
    ODRADEK_CONFLICT_TERMINATE_EXISTING, /* which is terminated first */
};

/** How far odradek_client_run and _poll wait. */
enum odradek_await {
    ODRADEK_AWAIT_SENT,     /* Kafka has the command */
    ODRADEK_AWAIT_ACCEPTED, /* it took effect, or was rejected */
    ODRADEK_AWAIT_CLOSED,   /* the started run has ended; starts only */
};

/** Setters of a call that is not in flight. ODRADEK_EINVAL: the call has no
 * such thing, or the value is not allowed. ODRADEK_ENOMEM. ODRADEK_ESTATE: it
 * is in flight. Times in milliseconds. */
ODRADEK_API int odradek_call_set_namespace(struct odradek_call *call,
                                           const char *name);
ODRADEK_API int odradek_call_set_request_id(struct odradek_call *call,
                                            const char *id);
ODRADEK_API int odradek_call_set_run_id(struct odradek_call *call,
                                        const char *run_id);
ODRADEK_API int odradek_call_set_input(struct odradek_call *call,
                                       const void *data, size_t size);
ODRADEK_API int odradek_call_set_content_type(struct odradek_call *call,
                                              const char *content_type);
ODRADEK_API int odradek_call_set_version(struct odradek_call *call,
                                         int32_t version);
ODRADEK_API int odradek_call_set_reuse(struct odradek_call *call,
                                       enum odradek_reuse policy);
ODRADEK_API int odradek_call_set_conflict(struct odradek_call *call,
                                          enum odradek_conflict policy);
ODRADEK_API int odradek_call_set_execution_timeout(struct odradek_call *call,
                                                   int64_t timeout_ms);
ODRADEK_API int odradek_call_set_reason(struct odradek_call *call,
                                        const char *reason);
ODRADEK_API int odradek_call_set_entry(struct odradek_call *call,
                                       int64_t event_id);
/** Default: CLOSED for a start, ACCEPTED for all others. */
ODRADEK_API int odradek_call_set_await(struct odradek_call *call,
                                       enum odradek_await await);
/** Anything of yours. */
ODRADEK_API void odradek_call_set_tag(struct odradek_call *call, void *tag);
ODRADEK_API void *odradek_call_tag(const struct odradek_call *call);

enum odradek_call_state {
    ODRADEK_CALL_NEW,      /* never submitted */
    ODRADEK_CALL_SENDING,  /* on its way to Kafka */
    ODRADEK_CALL_SENT,     /* Kafka has it */
    ODRADEK_CALL_ACCEPTED, /* it took effect */
    ODRADEK_CALL_REJECTED, /* it never will: code and message say why */
    ODRADEK_CALL_CLOSED,   /* the run has ended: see status */
    ODRADEK_CALL_FAILED,   /* Kafka did not confirm it: repeat it */
};

/** Getters. What was not answered is NULL, or 0. */
ODRADEK_API enum odradek_call_state
odradek_call_state(const struct odradek_call *call);
ODRADEK_API const char *
odradek_call_workflow_id(const struct odradek_call *call);
ODRADEK_API const char *odradek_call_request_id(const struct odradek_call *c);
ODRADEK_API const char *odradek_call_run_id(const struct odradek_call *call);
/** Rejected: a stable word for programs, such as AlreadyExists; a sentence. */
ODRADEK_API const char *odradek_call_code(const struct odradek_call *call);
ODRADEK_API const char *odradek_call_message(const struct odradek_call *call);
/** Closed: SUCCEEDED, FAILED, TIMED_OUT, ABORTED or TERMINATED. */
ODRADEK_API const char *odradek_call_status(const struct odradek_call *call);
/** Closed and succeeded: the output; NUL follows its last byte. */
ODRADEK_API const void *odradek_call_output(const struct odradek_call *call,
                                            size_t *size);
/** Closed otherwise. */
ODRADEK_API const char *odradek_call_error(const struct odradek_call *call);
ODRADEK_API const char *odradek_call_cause(const struct odradek_call *call);

/* ------------------------------------------------------------------ client */

/*
 * EXAMPLE
 *     struct odradek_call *call = odradek_start_new("order-7", "order");
 *     odradek_call_set_input(call, "{\"total\": 12}", 13);
 *     if (odradek_client_run(client, call, 60000, why, sizeof(why)) == 0) {
 *         puts(odradek_call_status(call));
 *     }
 *     odradek_call_free(call);
 */
struct odradek_client;

/** Connects, and takes a partition of the reply topic at its end; blocks up to
 * connect.timeout.ms. config is copied. ODRADEK_ECONN, _EAUTH, _ENOTFOUND (no
 * reply topic: `odradek topics apply` makes it), _EINVAL, _ENOMEM. */
ODRADEK_API int odradek_client_open(const struct odradek_config *config,
                                    struct odradek_client **out, char *why,
                                    size_t why_size);

/** Waits up to send.timeout.ms for Kafka to take what was sent. Calls that are
 * in flight are freed. */
ODRADEK_API void odradek_client_close(struct odradek_client *client);

/** Sends the call and waits until it has come as far as it awaits. The call
 * stays yours. 0: look at odradek_call_state (a rejection is an answer, not a
 * failure). ODRADEK_ETIMEDOUT: no answer yet, run it again to go on waiting:
 * the command is repeated under its request id. ODRADEK_ECONN: Kafka did not
 * confirm it. timeout_ms < 0: for ever. */
ODRADEK_API int odradek_client_run(struct odradek_client *client,
                                   struct odradek_call *call,
                                   int64_t timeout_ms, char *why,
                                   size_t why_size);

/** Sends the call without waiting. The client owns it until _poll hands it
 * back; *call becomes NULL. On failure it stays yours. ODRADEK_ELIMIT:
 * calls.max are in flight. */
ODRADEK_API int odradek_client_submit(struct odradek_client *client,
                                      struct odradek_call **call, char *why,
                                      size_t why_size);

/** The next submitted call that has come as far as it awaits, been rejected or
 * failed; NULL after timeout_ms without one (0: does not wait; < 0: waits for
 * ever), and at once when none is in flight. Free it, or submit it again. */
ODRADEK_API struct odradek_call *
odradek_client_poll(struct odradek_client *client, int64_t timeout_ms);

/** Number of submitted calls that _poll has not handed back. */
ODRADEK_API size_t odradek_client_in_flight(const struct odradek_client *c);

/* ------------------------------------------------------------------ worker */

/*
 * DESCRIPTION
 *     Workers of a queue form the group odradek-worker.<queue>. A task reaches
 *     a handler at least once: after a crash it comes again, with the same
 *     idempotency key. What must happen once outside is to be guarded by that
 *     key.
 */
struct odradek_worker;
struct odradek_task;

/** Does a task and answers by odradek_task_succeed, _fail or _leave before it
 * returns. One that returns without an answer fails with
 * Odradek.NoAnswer and unknown effect. */
typedef void (*odradek_handler_f)(struct odradek_task *task, void *ctx);

/** config is copied. Does not connect yet. */
ODRADEK_API int odradek_worker_new(const struct odradek_config *config,
                                   struct odradek_worker **out, char *why,
                                   size_t why_size);
ODRADEK_API void odradek_worker_free(struct odradek_worker *worker);

/** Says which function does tasks of a type; "*" is for all types that have
 * none of their own. Before odradek_worker_run. A task of a type without a
 * function fails with Odradek.UnknownType. ODRADEK_EINVAL: registered twice.
 * ODRADEK_ELIMIT: over 64 queues. */
ODRADEK_API int odradek_worker_register(struct odradek_worker *worker,
                                        const char *queue, const char *type,
                                        odradek_handler_f handler, void *ctx);

/** Works until odradek_worker_stop. Then: takes no more, waits for running
 * handlers (after stop.wait.ms they see odradek_task_is_cancelled), for Kafka
 * to have their answers, commits, leaves the groups, and returns 0. A broker
 * that is away is waited for, but not at the beginning: ODRADEK_ECONN, _EAUTH
 * after connect.timeout.ms. ODRADEK_ESTATE: nothing is registered, or another
 * worker uses the same instance. A task topic that does not exist yet is waited
 * for. */
ODRADEK_API int odradek_worker_run(struct odradek_worker *worker, char *why,
                                   size_t why_size);

/** Makes odradek_worker_run return; safe in a signal handler. */
ODRADEK_API void odradek_worker_stop(struct odradek_worker *worker);

/** Getters of a task. */
ODRADEK_API const char *odradek_task_namespace(const struct odradek_task *task);
ODRADEK_API const char *
odradek_task_workflow_id(const struct odradek_task *task);
ODRADEK_API const char *odradek_task_run_id(const struct odradek_task *task);
ODRADEK_API const char *odradek_task_queue(const struct odradek_task *task);
ODRADEK_API const char *odradek_task_type(const struct odradek_task *task);
ODRADEK_API const char *odradek_task_token(const struct odradek_task *task);
ODRADEK_API int64_t odradek_task_activity_id(const struct odradek_task *task);
/** Counts from 1. */
ODRADEK_API int32_t odradek_task_attempt(const struct odradek_task *task);
/** "run_id:activity_id": the same for all attempts and deliveries. */
ODRADEK_API const char *
odradek_task_idempotency_key(const struct odradek_task *task);
/** NUL follows the last byte. */
ODRADEK_API const void *odradek_task_input(const struct odradek_task *task,
                                           size_t *size);
ODRADEK_API const char *
odradek_task_content_type(const struct odradek_task *task);
/** Milliseconds since 1970. */
ODRADEK_API int64_t odradek_task_scheduled_at(const struct odradek_task *task);
/** Milliseconds; 0: no such limit. */
ODRADEK_API int64_t
odradek_task_start_to_close_ms(const struct odradek_task *task);
ODRADEK_API int64_t odradek_task_heartbeat_ms(const struct odradek_task *task);

/** Whether the workflow no longer wants the answer, or the worker stops. Any
 * answer is allowed then; a failure should say whether there was an effect. */
ODRADEK_API bool odradek_task_is_cancelled(const struct odradek_task *task);

/** Says that the task is alive; details (may be NULL) show up in `odradek
 * describe`. More often than four times a heartbeat_ms is left out. Does
 * nothing for a task without heartbeat_ms. ODRADEK_ETOOBIG. */
ODRADEK_API int odradek_task_heartbeat(struct odradek_task *task,
                                       const void *details, size_t size);

/** The answers; the first one counts, ODRADEK_ESTATE afterwards. Sent when the
 * handler returns. */

/** data is the result, JSON unless odradek_task_set_content_type said
 * otherwise. ODRADEK_ETOOBIG, ODRADEK_ENOMEM: not answered. */
ODRADEK_API int odradek_task_succeed(struct odradek_task *task,
                                     const void *data, size_t size);
ODRADEK_API int odradek_task_set_content_type(struct odradek_task *task,
                                              const char *content_type);

enum odradek_effect {
    ODRADEK_EFFECT_NONE,    /* certainly nothing has happened outside */
    ODRADEK_EFFECT_UNKNOWN, /* perhaps something has */
};

/** error is what Retry and Catch match; cause (may be NULL) is a sentence.
 * Names beginning with "States." are the language's: ODRADEK_EINVAL, but for
 * States.TaskFailed. */
ODRADEK_API int odradek_task_fail(struct odradek_task *task, const char *error,
                                  const char *cause,
                                  enum odradek_effect effect);

/** Gives no answer from here: another program answers with the token, or the
 * time-out decides. */
ODRADEK_API int odradek_task_leave(struct odradek_task *task);

#ifdef __cplusplus
}
#endif

#endif
