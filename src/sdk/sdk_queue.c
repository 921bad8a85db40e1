#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sdk/sdk_priv.h"

/** A revoked partition's running tasks may take that long to end here. */
#define REVOKE_WAIT_MS 3000
/** Between tries of what a broker did not answer. */
#define RETRY_MS 500
/** Cancels are read from so long before the task that needs them: one reading
 * then serves the tasks of all partitions. */
#define REWIND_MARGIN_MS 60000
/** Tasks do not wait longer for their cancels; one that is missed costs work in
 * vain, nothing else. */
#define CATCH_UP_MS_MAX 5000
/** Not more often, however many cancels there are. */
#define REWIND_MS_MIN 10000
/** After a fence the queue is joined again within one to two of these. */
#define REOPEN_MS 1000
/** So many fences in a row mean that two workers have one instance. */
#define FENCED_MAX    8
#define FENCED_ROW_MS 60000
/** Events of one round, so that the other queues get their turn. */
#define EVENTS_MAX 2000

int
sdk_queue_open(struct sdk_queue *queue, struct odk_err *err)
{
    char group[sizeof(SDK_GROUP) + SDK_NAME_MAX];
    char side[sizeof(SDK_TOPIC_CANCELS) + SDK_NAME_MAX];

    (void)snprintf(group, sizeof(group), SDK_GROUP "%s", queue->name);
    (void)snprintf(side, sizeof(side), SDK_TOPIC_CANCELS "%s", queue->name);
    const struct sdk_consumer_options options = {
        .topic = queue->topic,
        .group = group,
        .side = side,
        .wake_fd = queue->worker->wake_fd,
    };

    return sdk_consumer_open(queue->worker->config, &options, &queue->consumer,
                             err);
}

void
sdk_queue_close(struct sdk_queue *queue)
{
    sdk_consumer_close(queue->consumer);
    queue->consumer = NULL;
    for (size_t i = 0; i < queue->n_partitions; i++) {
        sdk_progress_release(&queue->partitions[i].progress);
    }
    queue->n_partitions = 0;
}

void
sdk_queue_free(struct sdk_queue *queue)
{
    if (!queue) {
        return;
    }
    odk_assert(queue->open.count == 0);
    sdk_queue_close(queue);
    while (queue->handlers) {
        struct sdk_handler *handler = queue->handlers;

        queue->handlers = handler->next;
        free(handler->type);
        free(handler);
    }
    sdk_cancels_release(&queue->cancels);
    odk_map_release(&queue->open);
    odk_buf_release(&queue->metadata);
    free(queue->name);
    free(queue->topic);
    free(queue);
}

/* ------------------------------------------------------- a task's way out */

/** The partition's state, if it is still the assignment the task came from. */
static struct sdk_partition *
partition_of(const struct odradek_task *task)
{
    struct sdk_partition *partition = &task->queue->partitions[task->partition];

    return partition->is_held && partition->generation == task->generation
               ? partition
               : NULL;
}

void
sdk_queue_count(struct odradek_task *task)
{
    struct sdk_partition *partition = partition_of(task);

    if (task->is_counted || !partition) {
        return;
    }
    task->is_counted = true;
    partition->n_open--;
    sdk_progress_finish(&partition->progress, task->offset);
}

void
sdk_queue_over(struct odradek_task *task)
{
    struct odradek_worker *worker = task->worker;

    task->is_over = true;
    /* Without an answer, its time-outs decide: they need its TaskStarted. */
    if (atomic_load(&task->stage) != SDK_DROPPED &&
        (task->answer == SDK_ANSWER_SUCCEED ||
         task->answer == SDK_ANSWER_FAIL || !task->is_announced ||
         task->is_confirmed)) {
        sdk_queue_count(task);
    }
    if (!task->is_unlisted) {
        odk_map_remove(&task->queue->open, &task->node);
    }
    worker->open_bytes -= task->bytes;
    worker->n_open--;
    if (task->wants_started && !task->is_announced) {
        sdk_task_unref(task);
    }
    sdk_task_unref(task);
}

/** Drops a task that no handler has begun; it leaves by the pool, or at once if
 * it is held. Should it be delivered again meanwhile, that is another task. */
static void
drop(struct odradek_task *task)
{
    struct sdk_partition *partition = partition_of(task);
    int waiting = SDK_WAITING;

    if (!atomic_compare_exchange_strong(&task->stage, &waiting, SDK_DROPPED)) {
        return;
    }
    if (partition && !task->is_counted) {
        partition->n_open--;
    }
    odk_map_remove(&task->queue->open, &task->node);
    task->is_unlisted = true;
}

/** The open task after a node, or NULL; drop may be called on the one before.
 */
static struct odradek_task *
next_open(const struct sdk_queue *queue, struct odk_map_node **at)
{
    struct odk_map_node *node = *at;

    if (!node) {
        return NULL;
    }
    *at = odk_map_next(&queue->open, node);
    return ODK_CONTAINER(node, struct odradek_task, node);
}

/** Lets held tasks go that were dropped. */
static void
sweep_held(struct sdk_queue *queue)
{
    struct sdk_task_list held = queue->held;
    struct odradek_task *task;

    queue->held = (struct sdk_task_list){NULL, NULL};
    while ((task = sdk_list_pop(&held)) != NULL) {
        if (atomic_load(&task->stage) == SDK_DROPPED) {
            sdk_queue_over(task);
        } else {
            sdk_list_push(&queue->held, task);
        }
    }
}

void
sdk_queue_drop_waiting(struct sdk_queue *queue)
{
    struct odk_map_node *at = odk_map_next(&queue->open, NULL);
    struct odradek_task *task;

    while ((task = next_open(queue, &at)) != NULL) {
        drop(task);
    }
    sweep_held(queue);
}

/* -------------------------------------------------------------- rebalances */

/** A commit's place of a partition; metadata at [from, len) of the buffer. */
static size_t
collect(struct sdk_queue *queue, struct sdk_place *out, bool is_all)
{
    size_t n = 0;

    odk_buf_clear(&queue->metadata);
    for (size_t i = 0; i < queue->n_partitions; i++) {
        struct sdk_partition *partition = &queue->partitions[i];
        size_t from = queue->metadata.len;

        if (!partition->is_held || partition->progress.next < 0 ||
            !(is_all || partition->progress.is_changed)) {
            continue;
        }
        /* The buffer may move: pointers are set below. */
        struct odk_buf one;

        odk_buf_init(&one, 0);
        sdk_progress_commit(&partition->progress, &one);
        odk_buf_put_str(&queue->metadata, odk_buf_str(&one));
        odk_buf_release(&one);
        out[n++] = (struct sdk_place){
            .partition = (int32_t)i,
            .offset = partition->progress.next,
            .metadata = {NULL, queue->metadata.len - from},
        };
    }
    const char *at = queue->metadata.ptr;

    for (size_t i = 0; i < n; i++) {
        out[i].metadata.ptr = at;
        at += out[i].metadata.len;
    }
    return n;
}

/** Commits what has changed, unless a commit is under way. */
static void
commit(struct sdk_queue *queue)
{
    struct sdk_place places[SDK_PARTITIONS_MAX];
    struct odk_err err = {0};
    size_t n = collect(queue, places, false);

    if (n == 0) {
        return;
    }
    queue->is_committing = true;
    queue->commit_at = sdk_worker_ticks(queue->worker) +
                       queue->worker->config->commit_interval_ms;
    if (sdk_consumer_commit(queue->consumer, places, n, &err) != 0) {
        queue->is_committing = false;
        sdk_log(queue->worker->config, 4, "%s: %s", queue->topic, err.message);
    }
}

static bool
is_changed(const struct sdk_queue *queue)
{
    for (size_t i = 0; i < queue->n_partitions; i++) {
        if (queue->partitions[i].is_held &&
            queue->partitions[i].progress.is_changed) {
            return true;
        }
    }
    return false;
}

bool
sdk_queue_is_settled(const struct sdk_queue *queue)
{
    return !queue->is_committing && !is_changed(queue);
}

static void
on_commit(struct sdk_queue *queue, const struct sdk_event *event)
{
    queue->is_committing = false;
    if (event->code == 0) {
        return;
    }
    sdk_log(queue->worker->config, 6, "%s: commit: %s", queue->topic,
            event->text);
    /* All of them again: a commit more costs nothing. */
    for (size_t i = 0; i < queue->n_partitions; i++) {
        struct sdk_partition *partition = &queue->partitions[i];

        partition->progress.is_changed =
            partition->is_held && partition->progress.next >= 0;
    }
    queue->commit_at = sdk_worker_ticks(queue->worker) + RETRY_MS;
}

/** Begins a partition where its last owner committed. */
static int
hold(struct sdk_queue *queue, const struct sdk_place *place)
{
    struct sdk_partition *partition = &queue->partitions[place->partition];

    sdk_progress_release(&partition->progress);
    int ret = sdk_progress_init(&partition->progress,
                                (size_t)queue->worker->config->window);

    if (ret != 0) {
        return ret;
    }
    if (sdk_progress_restore(&partition->progress, place->offset,
                             place->metadata) != 0) {
        sdk_log(queue->worker->config, 4,
                "%s/%d: the committed metadata is not ours: some tasks may be "
                "done again",
                queue->topic, (int)place->partition);
    }
    partition->is_held = true;
    partition->is_paused = false;
    partition->next = -1;
    partition->n_open = 0;
    partition->generation++;
    if ((size_t)place->partition >= queue->n_partitions) {
        queue->n_partitions = (size_t)place->partition + 1;
    }
    return 0;
}

static void
assign(struct sdk_queue *queue)
{
    struct odk_err err = {0};
    int ret = queue->n_change == 0
                  ? 0
                  : sdk_consumer_committed(queue->consumer, queue->change,
                                           queue->n_change, &err);

    for (size_t i = 0; ret == 0 && i < queue->n_change; i++) {
        ret = hold(queue, &queue->change[i]);
    }
    if (ret == 0) {
        ret = sdk_consumer_assign(queue->consumer, queue->change,
                                  queue->n_change, &err);
    }
    if (ret < 0) {
        sdk_log(queue->worker->config, 4, "%s: %s: trying again", queue->topic,
                err.message);
        queue->change_at = sdk_worker_ticks(queue->worker) + RETRY_MS;
        return;
    }
    if (ret > 0) {
        queue->cancels.from = ODK_TIME_NEVER;
        queue->is_catching_up = false;
    }
    queue->is_assigning = false;
}

/** Whether a handler still works on a task of a revoked partition. */
static bool
is_change_busy(const struct sdk_queue *queue)
{
    for (size_t i = 0; i < queue->n_change; i++) {
        const struct sdk_partition *partition =
            &queue->partitions[queue->change[i].partition];

        if (partition->is_held && partition->n_open > 0) {
            return true;
        }
    }
    return false;
}

static void
let_go(struct sdk_queue *queue)
{
    if (!sdk_consumer_is_lost(queue->consumer)) {
        /* librdkafka sends it before it says that they are given up. */
        commit(queue);
    }
    for (size_t i = 0; i < queue->n_change; i++) {
        struct sdk_partition *partition =
            &queue->partitions[queue->change[i].partition];

        partition->is_held = false;
        sdk_progress_release(&partition->progress);
    }
    sdk_consumer_unassign(queue->consumer, queue->change, queue->n_change);
    queue->is_revoking = false;
}

static bool
is_revoked(const struct sdk_queue *queue, int32_t partition)
{
    for (size_t i = 0; queue->is_revoking && i < queue->n_change; i++) {
        if (queue->change[i].partition == partition) {
            return true;
        }
    }
    return false;
}

static void
on_change(struct sdk_queue *queue, const struct sdk_event *event)
{
    queue->n_change = event->n_places < SDK_PARTITIONS_MAX ? event->n_places
                                                           : SDK_PARTITIONS_MAX;
    if (queue->n_change > 0) {
        memcpy(queue->change, event->places,
               queue->n_change * sizeof(queue->change[0]));
    }
    queue->is_assigning = event->kind == SDK_EVENT_ASSIGN;
    queue->is_revoking = event->kind == SDK_EVENT_REVOKE;
    queue->change_at = sdk_worker_ticks(queue->worker);
    if (!queue->is_revoking) {
        return;
    }
    if (!sdk_consumer_is_lost(queue->consumer)) {
        queue->change_at += REVOKE_WAIT_MS;
    }
    struct odk_map_node *at = odk_map_next(&queue->open, NULL);
    struct odradek_task *task;

    while ((task = next_open(queue, &at)) != NULL) {
        if (is_revoked(queue, task->partition)) {
            drop(task);
        }
    }
    sweep_held(queue);
}

static void
step_change(struct sdk_queue *queue)
{
    int64_t now = sdk_worker_ticks(queue->worker);

    if (queue->is_assigning && now >= queue->change_at) {
        assign(queue);
    } else if (queue->is_revoking &&
               (now >= queue->change_at || !is_change_busy(queue))) {
        let_go(queue);
    }
}

/* ----------------------------------------------------------------- cancels */

/** Whether the cancels that a task of that time may have are known; starts to
 * read them if not. */
static bool
is_covered(struct sdk_queue *queue, odk_time_ms at)
{
    int64_t now = sdk_worker_ticks(queue->worker);
    struct odk_err err = {0};

    if (sdk_consumer_side_count(queue->consumer) == 0) {
        return true;
    }
    if (queue->is_catching_up || at >= queue->cancels.from) {
        return !queue->is_catching_up;
    }
    if (now < queue->retry_at) {
        return false;
    }
    if (queue->cancels.from != ODK_TIME_NEVER && queue->rewound_at > 0 &&
        now - queue->rewound_at < REWIND_MS_MIN) {
        return true;
    }
    if (sdk_consumer_side_rewind(queue->consumer, at - REWIND_MARGIN_MS,
                                 queue->ends, &err) != 0) {
        sdk_log(queue->worker->config, 4, "%s: %s: trying again", queue->topic,
                err.message);
        queue->retry_at = now + RETRY_MS;
        return false;
    }
    queue->cancels.from = at - REWIND_MARGIN_MS;
    queue->rewound_at = now;
    for (size_t i = 0; i < sdk_consumer_side_count(queue->consumer); i++) {
        queue->is_catching_up = queue->is_catching_up || queue->ends[i] >= 0;
    }
    return !queue->is_catching_up;
}

static void
read_cancel(struct sdk_queue *queue, const struct sdk_event *event)
{
    struct codec_record record;

    odk_arena_reset(&queue->worker->arena);
    if (codec_decode(queue->worker->codec, event->value, &queue->worker->arena,
                     &record, NULL) != 0 ||
        record.kind != CODEC_CANCEL_TASK) {
        sdk_log(queue->worker->config, 4, "a cancel cannot be read");
        return;
    }
    sdk_cancels_add(&queue->cancels, record.cancel_task.token, event->at);
    struct odk_map_node *node =
        odk_map_find(&queue->open, record.cancel_task.token);

    if (node) {
        struct odradek_task *task =
            ODK_CONTAINER(node, struct odradek_task, node);

        atomic_store(&task->is_cancelled, true);
    }
}

/** A record without a value is a marker: there are no repeats to be dropped
 * among cancels. */
static void
on_cancel(struct sdk_queue *queue, const struct sdk_event *event)
{
    if (event->value.ptr) {
        read_cancel(queue, event);
    }
    if (event->partition < SDK_SIDE_MAX && queue->is_catching_up &&
        event->offset + 1 >= queue->ends[event->partition]) {
        queue->ends[event->partition] = -1;
    }
}

static void
check_caught_up(struct sdk_queue *queue)
{
    bool is_whole = true;

    for (size_t i = 0; i < sdk_consumer_side_count(queue->consumer); i++) {
        is_whole = is_whole && queue->ends[i] < 0;
    }
    if (is_whole ||
        sdk_worker_ticks(queue->worker) - queue->rewound_at > CATCH_UP_MS_MAX) {
        queue->is_catching_up = false;
    }
}

/** Hands held tasks to the pool, once their cancels are known. */
static void
step_held(struct sdk_queue *queue)
{
    if (queue->is_catching_up) {
        check_caught_up(queue);
    }
    while (queue->held.first && is_covered(queue, queue->held.first->at)) {
        struct odradek_task *task = sdk_list_pop(&queue->held);

        if (sdk_cancels_has(&queue->cancels, odk_str(task->token))) {
            atomic_store(&task->is_cancelled, true);
        }
        sdk_pool_push(queue->worker->pool, task);
    }
}

/* ------------------------------------------------------------------- tasks */

static const struct sdk_handler *
find_handler(const struct sdk_queue *queue, struct odk_str type)
{
    const struct sdk_handler *any = NULL;

    for (const struct sdk_handler *h = queue->handlers; h; h = h->next) {
        if (odk_str_is(type, h->type)) {
            return h;
        }
        if (strcmp(h->type, "*") == 0) {
            any = h;
        }
    }
    return any;
}

/** A task that is being worked on is delivered again, as its partition went and
 * came back: its end shall count for this delivery. False: it counts already.
 */
static bool
adopt(struct sdk_queue *queue, struct odradek_task *task,
      const struct sdk_event *event)
{
    struct sdk_partition *partition = &queue->partitions[event->partition];

    if (task->is_counted || partition_of(task)) {
        return false;
    }
    task->partition = event->partition;
    task->offset = event->offset;
    task->generation = partition->generation;
    partition->n_open++;
    return true;
}

/** A task for a record that was taken. NULL: there is nothing to be done; then
 * *is_open says whether a running task will finish it. */
static struct odradek_task *
make_task(struct sdk_queue *queue, const struct sdk_event *event, bool *is_open)
{
    struct odradek_worker *worker = queue->worker;
    struct codec_record record;
    struct odk_err err = {0};

    if (!event->value.ptr) {
        return NULL; /* a marker: it only moves the watermark */
    }
    odk_arena_reset(&worker->arena);
    int ret = codec_decode(worker->codec, event->value, &worker->arena, &record,
                           &err);

    if (ret != 0 || record.kind != CODEC_TASK) {
        sdk_log(worker->config, 4, "%s/%d: offset %" PRId64 " is no task: %s",
                queue->topic, (int)event->partition, event->offset,
                ret ? err.message : "another record");
        return NULL;
    }
    struct odk_map_node *node = odk_map_find(&queue->open, record.task.token);

    if (node) {
        *is_open =
            adopt(queue, ODK_CONTAINER(node, struct odradek_task, node), event);
        return NULL;
    }
    struct odradek_task *task = sdk_task_new(&record.task, event);

    if (!task) {
        sdk_worker_fail(worker, ODRADEK_ENOMEM, "out of memory");
        *is_open = true;
        return NULL;
    }
    sdk_task_own(worker, task);
    task->queue = queue;
    task->handler = find_handler(queue, record.task.type);
    task->generation = queue->partitions[event->partition].generation;
    return task;
}

static void
pause_partition(struct sdk_queue *queue, int32_t number)
{
    queue->partitions[number].is_paused = true;
    sdk_consumer_pause(queue->consumer, number);
}

static bool
is_full(const struct sdk_queue *queue, const struct sdk_partition *partition)
{
    return sdk_progress_is_full(&partition->progress) ||
           queue->worker->open_bytes >= SDK_OPEN_BYTES_MAX;
}

static void
on_task(struct sdk_queue *queue, const struct sdk_event *event)
{
    if (event->partition < 0 || event->partition >= SDK_PARTITIONS_MAX) {
        return;
    }
    struct sdk_partition *partition = &queue->partitions[event->partition];

    /* What comes after a pause is read again at the resume. */
    if (!partition->is_held || partition->is_paused ||
        is_revoked(queue, event->partition) ||
        atomic_load(&queue->worker->is_stopping)) {
        return;
    }
    enum sdk_verdict verdict =
        sdk_progress_take(&partition->progress, event->offset, event->mark);

    odk_assert(verdict != SDK_FULL);
    partition->next = event->offset + 1;
    bool is_open = false;
    struct odradek_task *task =
        verdict == SDK_TAKE ? make_task(queue, event, &is_open) : NULL;

    if (verdict == SDK_TAKE && !task && !is_open) {
        sdk_progress_finish(&partition->progress, event->offset);
    }
    if (task) {
        partition->n_open++;
        queue->worker->n_open++;
        queue->worker->open_bytes += task->bytes;
        odk_map_add(&queue->open, &task->node, odk_str(task->token));
        sdk_list_push(&queue->held, task);
    }
    if (is_full(queue, partition)) {
        pause_partition(queue, event->partition);
    }
}

/** What was thrown away while it was paused must be read again: a partition
 * that cannot be set back stays paused until the next try. */
static void
resume(struct sdk_queue *queue, int32_t number)
{
    struct sdk_partition *partition = &queue->partitions[number];
    struct odk_err err = {0};

    if (sdk_consumer_resume(queue->consumer, number, partition->next, &err) ==
        0) {
        partition->is_paused = false;
        return;
    }
    sdk_log(queue->worker->config, 4, "%s/%d: %s: trying again", queue->topic,
            (int)number, err.message);
    queue->resume_at = sdk_worker_ticks(queue->worker) + RETRY_MS;
}

/** Lets paused partitions go on that have room for half a window. */
static void
step_flow(struct sdk_queue *queue)
{
    if (sdk_worker_ticks(queue->worker) < queue->resume_at) {
        return;
    }
    queue->resume_at = 0;
    for (size_t i = 0; i < queue->n_partitions; i++) {
        struct sdk_partition *partition = &queue->partitions[i];

        if (partition->is_held && partition->is_paused &&
            !is_full(queue, partition) &&
            partition->progress.count <= partition->progress.window / 2 &&
            partition->progress.n_ranges <= SDK_RANGES_MAX / 2) {
            resume(queue, (int32_t)i);
        }
    }
}

/* ------------------------------------------------------------------ fences */

/** Another member has our instance id, or the broker has lost ours in a crash:
 * nothing of what we hold is ours any more. */
static void
on_fenced(struct sdk_queue *queue, const struct sdk_event *event)
{
    int64_t now = sdk_worker_ticks(queue->worker);

    sdk_log(queue->worker->config, 3, "%s: %s: joining again", queue->topic,
            event->text);
    sdk_queue_drop_waiting(queue);
    for (size_t i = 0; i < queue->n_partitions; i++) {
        queue->partitions[i].is_held = false;
    }
    if (now - queue->fenced_at > FENCED_ROW_MS) {
        queue->fenced_at = now;
        queue->n_fenced = 0;
    }
    if (++queue->n_fenced == FENCED_MAX) {
        sdk_worker_fail(queue->worker, ODRADEK_ESTATE,
                        "another worker uses the same instance");
    }
    queue->is_assigning = false;
    queue->is_revoking = false;
    queue->is_committing = false;
    queue->is_fenced = true;
    queue->reopen_at =
        now + REOPEN_MS +
        (int64_t)(sdk_worker_random(queue->worker) % (uint64_t)REOPEN_MS);
}

static void
reopen(struct sdk_queue *queue)
{
    struct odk_err err = {0};

    sdk_consumer_close(queue->consumer);
    queue->consumer = NULL;
    if (sdk_queue_open(queue, &err) != 0) {
        sdk_log(queue->worker->config, 3, "%s: %s", queue->topic, err.message);
        sdk_worker_fail(queue->worker, ODRADEK_EINTERNAL,
                        "a consumer cannot be opened again");
    } else {
        queue->is_fenced = false;
    }
}

static void
on_error(struct sdk_queue *queue, const struct sdk_event *event)
{
    if (event->code == ODK_EFENCED) {
        on_fenced(queue, event);
    } else {
        sdk_log(queue->worker->config, event->code == ODK_EAUTH ? 3 : 6,
                "%s: %s", queue->topic, event->text);
    }
}

/** Takes what the consumer has to say. */
static void
step_events(struct sdk_queue *queue)
{
    struct sdk_event event;
    size_t n = 0;

    while (!queue->is_fenced && n++ < EVENTS_MAX &&
           sdk_consumer_next(queue->consumer, &event)) {
        switch (event.kind) {
        case SDK_EVENT_RECORD:
            if (event.is_side) {
                on_cancel(queue, &event);
            } else {
                on_task(queue, &event);
            }
            break;
        case SDK_EVENT_ASSIGN:
        case SDK_EVENT_REVOKE:
            on_change(queue, &event);
            step_change(queue);
            break;
        case SDK_EVENT_COMMIT:
            on_commit(queue, &event);
            break;
        case SDK_EVENT_ERROR:
            on_error(queue, &event);
            break;
        }
    }
    if (n > EVENTS_MAX) {
        sdk_worker_wake(queue->worker);
    }
}

void
sdk_queue_step(struct sdk_queue *queue)
{
    if (queue->is_fenced &&
        sdk_worker_ticks(queue->worker) >= queue->reopen_at) {
        reopen(queue);
    }
    if (!queue->is_fenced) {
        step_events(queue);
    }
    if (queue->is_fenced) {
        return;
    }
    step_change(queue);
    step_held(queue);
    step_flow(queue);
    if (!queue->is_committing &&
        sdk_worker_ticks(queue->worker) >= queue->commit_at) {
        commit(queue);
    }
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t
sdk_queue_due(const struct sdk_queue *queue, int64_t until)
{
    int64_t soon = sdk_worker_ticks(queue->worker) + RETRY_MS;

    if (queue->is_fenced) {
        return earlier(until, queue->reopen_at);
    }
    if (queue->is_assigning || queue->is_revoking) {
        until = earlier(until, queue->change_at);
    }
    if (queue->held.first) {
        until = earlier(until, soon);
    }
    if (queue->resume_at > 0) {
        until = earlier(until, queue->resume_at);
    }
    if (!queue->is_committing && is_changed(queue)) {
        until = earlier(until, queue->commit_at);
    }
    return until;
}
