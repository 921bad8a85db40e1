#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sdk/sdk_priv.h"

/** librdkafka wants to hear of a consumer now and then. */
#define REST_MS_MAX 60000
/** Records that were refused are sent again after this. */
#define AGAIN_MS 100
/** The last commits may take so long at a stop. */
#define SETTLE_MS_MAX 5000
/** Tasks that are done in the loop's own thread between two looks at Kafka. */
#define INLINE_MAX 64

int
odradek_worker_new(const struct odradek_config *config,
                   struct odradek_worker **out, char *why, size_t why_size)
{
    struct odradek_worker *worker = calloc(1, sizeof(*worker));

    *out = NULL;
    if (!worker) {
        return sdk_fail(why, why_size, ODRADEK_ENOMEM, "out of memory");
    }
    worker->config = sdk_config_clone(config);
    worker->codec = codec_new(NULL);
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    odk_arena_init(&worker->arena, SDK_RECORD_BYTES_MAX);
    atomic_init(&worker->is_stopping, false);
    atomic_init(&worker->is_hurrying, false);
    (void)pthread_mutex_init(&worker->lock, NULL);
    if (!worker->config || !worker->codec || worker->wake_fd < 0) {
        odradek_worker_free(worker);
        return sdk_fail(why, why_size, ODRADEK_ENOMEM, "out of memory");
    }
    *out = worker;
    return 0;
}

void
odradek_worker_free(struct odradek_worker *worker)
{
    if (!worker) {
        return;
    }
    for (size_t i = 0; i < worker->n_queues; i++) {
        sdk_queue_free(worker->queues[i]);
    }
    if (worker->wake_fd >= 0) {
        (void)close(worker->wake_fd);
    }
    (void)pthread_mutex_destroy(&worker->lock);
    odk_arena_release(&worker->arena);
    codec_free(worker->codec);
    odradek_config_free(worker->config);
    free(worker);
}

/** The queue of that name, made if it is new; NULL: out of memory or over the
 * limit. */
static struct sdk_queue *
queue_get(struct odradek_worker *worker, const char *name)
{
    for (size_t i = 0; i < worker->n_queues; i++) {
        if (strcmp(worker->queues[i]->name, name) == 0) {
            return worker->queues[i];
        }
    }
    struct sdk_queue *queue =
        worker->n_queues < SDK_QUEUES_MAX ? calloc(1, sizeof(*queue)) : NULL;
    size_t bytes = sizeof(SDK_TOPIC_TASKS) + strlen(name);

    if (!queue) {
        return NULL;
    }
    queue->worker = worker;
    sdk_cancels_init(&queue->cancels);
    odk_map_init(&queue->open);
    odk_buf_init(&queue->metadata, 0);
    queue->name = strdup(name);
    queue->topic = calloc(1, bytes);
    if (!queue->name || !queue->topic) {
        sdk_queue_free(queue);
        return NULL;
    }
    (void)snprintf(queue->topic, bytes, SDK_TOPIC_TASKS "%s", name);
    worker->queues[worker->n_queues++] = queue;
    return queue;
}

static bool
is_name(const char *name)
{
    size_t len = name ? strlen(name) : 0;

    return len > 0 && len <= SDK_NAME_MAX &&
           odk_str_is_utf8(odk_str_n(name, len));
}

int
odradek_worker_register(struct odradek_worker *worker, const char *queue,
                        const char *type, odradek_handler_f handler, void *ctx)
{
    if (!is_name(queue) || !is_name(type) || !handler) {
        return ODRADEK_EINVAL;
    }
    struct sdk_queue *place = queue_get(worker, queue);

    if (!place) {
        return worker->n_queues == SDK_QUEUES_MAX ? ODRADEK_ELIMIT
                                                  : ODRADEK_ENOMEM;
    }
    for (const struct sdk_handler *h = place->handlers; h; h = h->next) {
        if (strcmp(h->type, type) == 0) {
            return ODRADEK_EINVAL;
        }
    }
    struct sdk_handler *added = calloc(1, sizeof(*added));

    if (!added) {
        return ODRADEK_ENOMEM;
    }
    added->type = strdup(type);
    if (!added->type) {
        free(added);
        return ODRADEK_ENOMEM;
    }
    added->call = handler;
    added->ctx = ctx;
    added->next = place->handlers;
    place->handlers = added;
    return 0;
}

void
sdk_worker_wake(struct odradek_worker *worker)
{
    uint64_t one = 1;
    ssize_t n = write(worker->wake_fd, &one, sizeof(one));

    /* Full means that it is awake already. */
    (void)n;
}

void
odradek_worker_stop(struct odradek_worker *worker)
{
    atomic_store(&worker->is_stopping, true);
    sdk_worker_wake(worker);
}

void
sdk_worker_fail(struct odradek_worker *worker, int code, const char *why)
{
    if (worker->failed == 0) {
        worker->failed = code;
        worker->why = why;
    }
}

/* -------------------------------------------------------------- the rounds */

static void
on_ack(struct odradek_worker *worker, const struct sdk_ack *ack)
{
    struct sdk_sent *sent = ack->opaque;

    if (!sent) {
        return;
    }
    if (ack->code != 0) {
        sdk_task_refused(sent, ack);
        worker->unsent_at = sdk_ticks_ms() + AGAIN_MS;
    } else if (sent->is_answer) {
        sdk_queue_over(sent->task);
    } else {
        if (sent->task->heartbeat_ms > 0) {
            /* From here on heartbeats guard it (protocol.md). */
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
    bool is_time = sent && sdk_ticks_ms() >= worker->unsent_at;

    if (is_time) {
        worker->unsent = NULL;
    }
    (void)pthread_mutex_unlock(&worker->lock);
    if (sent && !is_time) {
        return worker->unsent_at < until ? worker->unsent_at : until;
    }
    if (is_time) {
        worker->unsent_at = sdk_ticks_ms() + AGAIN_MS;
    }
    while (sent) {
        struct sdk_sent *next = sent->next;

        sdk_task_send_again(sent);
        sent = next;
    }
    return until;
}

static void
rest(struct odradek_worker *worker, int64_t until)
{
    struct pollfd entry = {.fd = worker->wake_fd, .events = POLLIN};
    int64_t left = until - sdk_ticks_ms();
    uint64_t count;

    if (left > 0) {
        (void)poll(&entry, 1, (int)(left < REST_MS_MAX ? left : REST_MS_MAX));
    }
    /* Before the queues are read: an entry that comes later wakes us again. */
    ssize_t n = read(worker->wake_fd, &count, sizeof(count));

    (void)n;
}

/** One round of everything; then sleeps, at most until then. */
static void
turn(struct odradek_worker *worker, int64_t until)
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
    if (sdk_pool_run_inline(worker->pool, INLINE_MAX)) {
        until = 0;
    }
    rest(worker, until);
}

/** Waits until no task is open; those that no handler has begun are dropped.
 * Running ones are told to end after stop_wait_ms. */
static void
wind_down(struct odradek_worker *worker)
{
    int64_t began = sdk_ticks_ms();
    int64_t hurry_at = began + worker->config->stop_wait_ms;
    int64_t end_at = 0;

    for (size_t i = 0; i < worker->n_queues; i++) {
        sdk_queue_drop_waiting(worker->queues[i]);
    }
    while (worker->n_open > 0 && (end_at == 0 || sdk_ticks_ms() < end_at)) {
        if (sdk_ticks_ms() >= hurry_at) {
            atomic_store(&worker->is_hurrying, true);
        }
        /* Handlers may take as long as they like, brokers may not. */
        if (sdk_producer_unacked(worker->producer) < worker->n_open) {
            end_at = 0;
        } else if (end_at == 0) {
            end_at = sdk_ticks_ms() + worker->config->send_timeout_ms;
        }
        turn(worker, sdk_ticks_ms() + AGAIN_MS);
    }
    int64_t until = sdk_ticks_ms() + SETTLE_MS_MAX;
    bool is_settled = false;

    while (!is_settled && sdk_ticks_ms() < until) {
        is_settled = true;
        turn(worker, sdk_ticks_ms() + AGAIN_MS);
        for (size_t i = 0; i < worker->n_queues; i++) {
            is_settled = is_settled && sdk_queue_is_settled(worker->queues[i]);
        }
    }
}

/** Frees tasks whose answers Kafka did not confirm before the end. */
static void
forget_open(struct odradek_worker *worker)
{
    for (size_t i = 0; i < worker->n_queues; i++) {
        struct odk_map_node *node;

        while ((node = odk_map_next(&worker->queues[i]->open, NULL)) != NULL) {
            odk_map_remove(&worker->queues[i]->open, node);
            sdk_task_free(ODK_CONTAINER(node, struct odradek_task, node));
        }
    }
    worker->unsent = NULL;
    worker->n_open = 0;
    worker->open_bytes = 0;
}

static int
start(struct odradek_worker *worker, struct odk_err *err)
{
    int ret = sdk_producer_open(worker->config, 0, worker->wake_fd,
                                &worker->producer, err);

    if (ret == 0) {
        ret = sdk_pool_new((size_t)worker->config->concurrency, &worker->pool);
    }
    for (size_t i = 0; ret == 0 && i < worker->n_queues; i++) {
        ret = sdk_queue_open(worker->queues[i], err);
    }
    return ret;
}

int
odradek_worker_run(struct odradek_worker *worker, char *why, size_t why_size)
{
    struct odk_err err = {0};

    if (worker->n_queues == 0) {
        return sdk_fail(why, why_size, ODRADEK_ESTATE,
                        "no handler is registered");
    }
    int ret = start(worker, &err);

    if (ret == 0) {
        sdk_log(worker->config, 6, "%s: working", worker->config->name);
        while (!atomic_load(&worker->is_stopping) && worker->failed == 0) {
            turn(worker, INT64_MAX);
        }
        atomic_store(&worker->is_stopping, true);
        wind_down(worker);
    }
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
    if (ret != 0) {
        return sdk_fail(why, why_size, sdk_error_of(ret), "%s", err.message);
    }
    return worker->failed == 0
               ? 0
               : sdk_fail(why, why_size, worker->failed, "%s", worker->why);
}
