#ifndef SDK_SDK_PRIV_H
#define SDK_SDK_PRIV_H

/*
 * The worker inside. One thread, the loop, owns everything; handler threads see
 * a task from the pool until they have sent its answer, and leave the rest to
 * the loop through two lists under a lock:
 *
 *   Kafka --record--> queue --take--> [held] --> pool --> handler --> Kafka
 *                       ^                                                |
 *                       +---- progress, commit <---- acknowledgement ----+
 *
 * A task's place moves WAITING -> RUNNING (by its handler thread) or WAITING ->
 * DROPPED (by the loop, when its partition goes away or the worker stops);
 * whoever changes it first has it.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "codec/codec.h"
#include "sdk/odradek.h"
#include "sdk/sdk_cancels.h"
#include "sdk/sdk_config.h"
#include "sdk/sdk_kafka.h"
#include "sdk/sdk_loop.h"
#include "sdk/sdk_progress.h"

#define SDK_TOPIC_RESULTS "odradek.results"
#define SDK_TOPIC_TASKS   "odradek.tasks."
#define SDK_TOPIC_CANCELS "odradek.cancels."
#define SDK_GROUP         "odradek-worker."

#define SDK_QUEUES_MAX     64
#define SDK_PARTITIONS_MAX 1024
/** Queue and type names. */
#define SDK_NAME_MAX 200
/** All records of open tasks; beyond it nothing is taken. */
#define SDK_OPEN_BYTES_MAX ((size_t)256 * 1024 * 1024)

enum sdk_stage {
    SDK_WAITING,
    SDK_RUNNING,
    SDK_DROPPED,
};

enum sdk_answer {
    SDK_ANSWER_NONE,
    SDK_ANSWER_SUCCEED,
    SDK_ANSWER_FAIL,
    SDK_ANSWER_LEAVE,
};

/** A record that must reach Kafka, TaskStarted or the answer: the opaque of its
 * acknowledgement. */
struct sdk_sent {
    struct odradek_task *task;
    struct sdk_sent *next; /**< in the list of those to be sent again */
    char *value;           /**< of those; owned */
    size_t value_bytes;
    bool is_answer;
};

struct sdk_handler {
    char *type;
    odradek_handler_f call;
    void *ctx;
    struct sdk_handler *next;
};

struct odradek_task {
    struct odk_map_node node;   /**< in its queue, by token, while open */
    struct odradek_task *next;  /**< in the pool, or among the held or done */
    struct odradek_task *older; /**< among all of the worker */
    struct odradek_task *newer;
    struct odradek_worker *worker;
    struct sdk_queue *queue;
    const struct sdk_handler *handler; /**< NULL: unknown type */
    int32_t partition;
    int64_t offset;
    uint64_t generation; /**< of the partition's assignment */
    int refs; /**< the loop's: open, and TaskStarted until acknowledged */
    bool is_counted;   /**< finished for the partition's progress */
    bool is_confirmed; /**< its TaskStarted was acknowledged */
    bool is_over;      /**< answered, left, or never begun */
    bool is_unlisted;  /**< dropped: not among the queue's open ones */
    size_t bytes;
    odk_time_ms at; /**< the record's time */
    atomic_int stage;
    atomic_bool is_cancelled;

    /* As in the Task; texts end with NUL. */
    const char *name_space;
    const char *workflow_id;
    const char *run_id;
    const char *type;
    const char *token;
    const char *content_type;
    const char *traceparent; /**< NULL: none */
    const char *key;         /**< of the record */
    const char *idempotency_key;
    const char *input;
    size_t input_bytes;
    int64_t activity_id;
    int32_t attempt;
    int64_t start_to_close_ms;
    int64_t heartbeat_ms;
    odk_time_ms schedule_to_close_at; /**< 0: none */
    odk_time_ms scheduled_at;
    bool wants_started;

    /* The handler's. */
    enum sdk_answer answer;
    char *output; /**< or the error's name */
    size_t output_bytes;
    char *output_type; /**< NULL: JSON */
    char *cause;
    enum odradek_effect effect;
    int64_t beat_at;   /**< last heartbeat, in sdk_ticks_ms */
    bool is_announced; /**< TaskStarted is on its way */
    struct sdk_sent started;
    struct sdk_sent answered;
    char texts[];
};

struct sdk_task_list {
    struct odradek_task *first;
    struct odradek_task *last;
};

struct sdk_partition {
    bool is_held; /**< assigned to us, progress is known */
    bool is_paused;
    uint64_t generation;
    int64_t next;  /**< offset after the last taken one; -1: none yet */
    size_t n_open; /**< taken and not finished for the progress */
    struct sdk_progress progress;
};

struct sdk_queue {
    struct odradek_worker *worker;
    char *name;
    char *topic;
    struct sdk_handler *handlers;
    struct sdk_consumer *consumer;
    struct sdk_partition partitions[SDK_PARTITIONS_MAX];
    size_t n_partitions; /**< highest seen + 1 */
    struct odk_map open;
    struct odk_buf metadata; /**< of the commit under way */

    /* A change of the assignment that is under way. */
    struct sdk_place change[SDK_PARTITIONS_MAX];
    size_t n_change;
    bool is_assigning;
    bool is_revoking;
    int64_t change_at; /**< next try, or the end of the wait */

    /* Fenced: closed, and opened again later. */
    bool is_fenced;
    int64_t reopen_at;
    int64_t fenced_at; /**< the first time of a row */
    int n_fenced;

    int64_t resume_at; /**< next try to resume a partition; 0: none failed */

    /* Commits. */
    bool is_committing;
    int64_t commit_at; /**< not before */

    /* Cancels. */
    struct sdk_cancels cancels;
    struct sdk_task_list held;  /**< until the cancels are known */
    int64_t ends[SDK_SIDE_MAX]; /**< to be read up to; -1: is */
    bool is_catching_up;
    int64_t rewound_at;
    int64_t retry_at;
};

/** What the loop is at. */
enum sdk_phase {
    SDK_WORKING,
    SDK_WINDING,  /**< takes nothing, waits for what is running */
    SDK_SETTLING, /**< waits for its last commits */
};

struct odradek_worker {
    struct odradek_config *config;
    struct sdk_clock clock;
    struct codec *codec;
    struct odk_arena arena;
    struct sdk_producer *producer;
    struct sdk_pool *pool;
    int wake_fd;
    struct sdk_queue *queues[SDK_QUEUES_MAX];
    size_t n_queues;
    struct odradek_task *newest; /**< of all tasks that are not freed */
    size_t open_bytes;
    size_t n_open;
    atomic_bool is_stopping;
    atomic_bool is_hurrying; /**< running tasks should end */
    enum sdk_phase phase;
    int64_t hurry_at; /**< while winding: running tasks should end */
    int64_t end_at;   /**< of the phase; 0: none */
    int failed;       /**< what odradek_worker_run returns, if not 0 */
    const char *why;
    pthread_mutex_t lock;      /**< of done and unsent */
    struct sdk_task_list done; /**< without a record to wait for */
    struct sdk_sent *unsent;
    int64_t unsent_at; /**< next try; the loop's */
};

/** The worker's clocks and chance; from any thread. */
static inline odk_time_ms
sdk_worker_now(const struct odradek_worker *worker)
{
    return worker->clock.now(worker->clock.ctx);
}

static inline int64_t
sdk_worker_ticks(const struct odradek_worker *worker)
{
    return worker->clock.ticks(worker->clock.ctx);
}

static inline uint64_t
sdk_worker_random(const struct odradek_worker *worker)
{
    return worker->clock.random(worker->clock.ctx);
}

/** Appends to a list. */
void sdk_list_push(struct sdk_task_list *list, struct odradek_task *task);
/** Takes the first one, or NULL. */
struct odradek_task *sdk_list_pop(struct sdk_task_list *list);

/** Ends the worker with that code; why is static. The loop's. */
void sdk_worker_fail(struct odradek_worker *worker, int code, const char *why);

/** Makes the loop look. From any thread, and in signal handlers. */
void sdk_worker_wake(struct odradek_worker *worker);

/** A copy of what the record says; NULL: out of memory. */
struct odradek_task *sdk_task_new(const struct codec_task *record,
                                  const struct sdk_event *event) ODK_MUST_USE;
/** Puts a new task among those of the worker, until it is freed. */
void sdk_task_own(struct odradek_worker *worker, struct odradek_task *task);
void sdk_task_free(struct odradek_task *task);

/** Whether nobody wants it any more. */
bool sdk_task_is_past(const struct odradek_task *task);

/** The loop's: sends a record again, or keeps it for the next try. */
void sdk_task_send_again(struct sdk_sent *sent);

/** The loop's: a record was not accepted; it is kept for the next try, changed
 * into a failure if it was too large. */
void sdk_task_refused(struct sdk_sent *sent, const struct sdk_ack *ack);

/** The loop's: the task is no longer wanted; frees it if nothing holds it. */
void sdk_task_unref(struct odradek_task *task);

/** Opens the group's consumer. */
int sdk_queue_open(struct sdk_queue *queue, struct odk_err *err) ODK_MUST_USE;
/** Leaves the group. */
void sdk_queue_close(struct sdk_queue *queue);
void sdk_queue_free(struct sdk_queue *queue);
/** One round: events, rebalances, holds, commits. */
void sdk_queue_step(struct sdk_queue *queue);
/** The task is finished for the progress, though perhaps still open. */
void sdk_queue_count(struct odradek_task *task);
/** The task is over: answered, left, or never begun. */
void sdk_queue_over(struct odradek_task *task);
/** Drops what no handler has begun. */
void sdk_queue_drop_waiting(struct sdk_queue *queue);
/** Earlier of `until` and the time at which the queue wants a round. */
int64_t sdk_queue_due(const struct sdk_queue *queue, int64_t until);
/** Whether everything finished is committed. */
bool sdk_queue_is_settled(const struct sdk_queue *queue);

#endif
