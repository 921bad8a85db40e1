#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sdk/sdk_priv.h"

/** librdkafka wants to hear of a consumer now and then. */
#define REST_MS_MAX 60000

static odk_time_ms
system_now(void *ctx)
{
    (void)ctx;
    return sdk_now();
}

static int64_t
system_ticks(void *ctx)
{
    (void)ctx;
    return sdk_ticks_ms();
}

static uint64_t
system_random(void *ctx)
{
    (void)ctx;
    return sdk_random();
}

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
    worker->clock =
        (struct sdk_clock){system_now, system_ticks, system_random, NULL};
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

static void
rest(struct odradek_worker *worker, int64_t until)
{
    struct pollfd entry = {.fd = worker->wake_fd, .events = POLLIN};
    int64_t left = until - sdk_worker_ticks(worker);
    uint64_t count;

    if (left > 0) {
        (void)poll(&entry, 1, (int)(left < REST_MS_MAX ? left : REST_MS_MAX));
    }
    /* Before the queues are read: an entry that comes later wakes us again. */
    ssize_t n = read(worker->wake_fd, &count, sizeof(count));

    (void)n;
}

int
odradek_worker_run(struct odradek_worker *worker, char *why, size_t why_size)
{
    struct odk_err err = {0};
    int64_t until;

    if (worker->n_queues == 0) {
        return sdk_fail(why, why_size, ODRADEK_ESTATE,
                        "no handler is registered");
    }
    int ret = sdk_loop_begin(worker, &err);

    if (ret == 0) {
        sdk_log(worker->config, 6, "%s: working", worker->config->name);
        while (sdk_loop_turn(worker, &until)) {
            rest(worker, until);
        }
    }
    sdk_loop_end(worker);
    if (ret != 0) {
        return sdk_fail(why, why_size, sdk_error_of(ret), "%s", err.message);
    }
    return worker->failed == 0
               ? 0
               : sdk_fail(why, why_size, worker->failed, "%s", worker->why);
}
