#include "sdk/sdk_loop.h"

#include "sdk/sdk_priv.h"

/** Records that were refused are sent again after this. */
#define AGAIN_MS 100
/** The last commits may take so long at a stop. */
#define SETTLE_MS_MAX 5000
/** Tasks that are done in the loop's own thread between two looks at Kafka. */
#define INLINE_MAX 64

void
sdk_loop_clock(struct odradek_worker *worker, const struct sdk_clock *clock)
{
    worker->clock = *clock;
}

static void
on_ack(struct odradek_worker *worker, const struct sdk_ack *ack)
{
    struct sdk_sent *sent = ack->opaque;

    if (!sent) {
        return;
    }
    if (ack->code != 0) {
        sdk_task_refused(sent, ack);
        worker->unsent_at = sdk_worker_ticks(worker) + AGAIN_MS;
    } else if (sent->is_answer) {
        sdk_queue_over(sent->task);
    } else {
        sent->task->is_confirmed = true;
        if (sent->task->heartbeat_ms > 0 || sent->task->is_over) {
            /* From here on heartbeats guard it (protocol.md), or whoever took
             * it over, and the time-out. */
            sdk_queue_count(sent->task);
        }
        sdk_task_unref(sent->task);
    }
}

static void
step_done(struct odradek_worker *worker)
{
    struct odradek_task *task;

    (void)pthread_mutex_lock(&worker->lock);
    struct sdk_task_list done = worker->done;

    worker->done = (struct sdk_task_list){NULL, NULL};
    (void)pthread_mutex_unlock(&worker->lock);
    while ((task = sdk_list_pop(&done)) != NULL) {
        sdk_queue_over(task);
    }
}

/** Sends again what found no room or was refused. Returns when to look next. */
static int64_t
step_unsent(struct odradek_worker *worker, int64_t until)
{
    (void)pthread_mutex_lock(&worker->lock);
    struct sdk_sent *sent = worker->unsent;
    bool is_time = sent && sdk_worker_ticks(worker) >= worker->unsent_at;

    if (is_time) {
        worker->unsent = NULL;
    }
    (void)pthread_mutex_unlock(&worker->lock);
    if (sent && !is_time) {
        return worker->unsent_at < until ? worker->unsent_at : until;
    }
    if (is_time) {
        worker->unsent_at = sdk_worker_ticks(worker) + AGAIN_MS;
    }
    while (sent) {
        struct sdk_sent *next = sent->next;

        sdk_task_send_again(sent);
        sent = next;
    }
    return until;
}

/** One round of everything. Returns when the next must come. */
static int64_t
round_do(struct odradek_worker *worker, int64_t until)
{
    struct sdk_ack ack;

    while (sdk_producer_next(worker->producer, &ack)) {
        on_ack(worker, &ack);
    }
    step_done(worker);
    for (size_t i = 0; i < worker->n_queues; i++) {
        sdk_queue_step(worker->queues[i]);
        until = sdk_queue_due(worker->queues[i], until);
    }
    until = step_unsent(worker, until);
    return sdk_pool_run_inline(worker->pool, INLINE_MAX) ? 0 : until;
}

/* ---------------------------------------------------------------- the stop */

static void
wind_begin(struct odradek_worker *worker)
{
    atomic_store(&worker->is_stopping, true);
    worker->phase = SDK_WINDING;
    worker->hurry_at = sdk_worker_ticks(worker) + worker->config->stop_wait_ms;
    worker->end_at = 0;
    for (size_t i = 0; i < worker->n_queues; i++) {
        sdk_queue_drop_waiting(worker->queues[i]);
    }
}

/** Waits until no task is open; running ones are told to end after
 * stop_wait_ms. */
static void
wind(struct odradek_worker *worker)
{
    int64_t now = sdk_worker_ticks(worker);

    if (now >= worker->hurry_at) {
        atomic_store(&worker->is_hurrying, true);
    }
    /* Handlers may take as long as they like, brokers may not. */
    if (sdk_producer_unacked(worker->producer) < worker->n_open) {
        worker->end_at = 0;
    } else if (worker->end_at == 0) {
        worker->end_at = now + worker->config->send_timeout_ms;
    }
    if (worker->n_open == 0 || (worker->end_at != 0 && now >= worker->end_at)) {
        worker->phase = SDK_SETTLING;
        worker->end_at = now + SETTLE_MS_MAX;
    }
}

/** Whether the last commits are answered, or have had their time. */
static bool
is_settled(const struct odradek_worker *worker)
{
    bool is_done = true;

    for (size_t i = 0; i < worker->n_queues; i++) {
        is_done = is_done && sdk_queue_is_settled(worker->queues[i]);
    }
    return is_done || sdk_worker_ticks(worker) >= worker->end_at;
}

bool
sdk_loop_turn(struct odradek_worker *worker, int64_t *until)
{
    bool is_ending = atomic_load(&worker->is_stopping) || worker->failed != 0;

    if (worker->phase == SDK_WORKING && is_ending) {
        wind_begin(worker);
    }
    *until = worker->phase == SDK_WORKING ? INT64_MAX
                                          : sdk_worker_ticks(worker) + AGAIN_MS;
    *until = round_do(worker, *until);
    if (worker->phase == SDK_WINDING) {
        wind(worker);
        return true;
    }
    return worker->phase == SDK_WORKING || !is_settled(worker);
}

/* --------------------------------------------------- the beginning, the end */

int
sdk_loop_begin(struct odradek_worker *worker, struct odk_err *err)
{
    int ret = sdk_producer_open(worker->config, 0, worker->wake_fd,
                                &worker->producer, err);

    if (ret == 0) {
        ret = sdk_pool_new(worker->config, &worker->pool);
    }
    for (size_t i = 0; ret == 0 && i < worker->n_queues; i++) {
        ret = sdk_queue_open(worker->queues[i], err);
    }
    return ret;
}

/** Frees tasks of which Kafka did not confirm a record before the end. */
static void
forget_open(struct odradek_worker *worker)
{
    for (size_t i = 0; i < worker->n_queues; i++) {
        struct odk_map_node *node;

        while ((node = odk_map_next(&worker->queues[i]->open, NULL)) != NULL) {
            odk_map_remove(&worker->queues[i]->open, node);
        }
    }
    while (worker->newest) {
        sdk_task_free(worker->newest);
    }
    worker->unsent = NULL;
    worker->n_open = 0;
    worker->open_bytes = 0;
}

void
sdk_loop_end(struct odradek_worker *worker)
{
    /* Handlers first: they use the producer. */
    sdk_pool_free(worker->pool);
    worker->pool = NULL;
    step_done(worker);
    for (size_t i = 0; i < worker->n_queues; i++) {
        sdk_queue_close(worker->queues[i]);
    }
    sdk_producer_close(worker->producer);
    worker->producer = NULL;
    forget_open(worker);
}
