#include <stdio.h>
#include <stdlib.h>

#include "sdk/sdk_priv.h"

/** A record that found no room is tried again after this. */
#define AGAIN_MS        50
#define ERROR_TOO_LARGE "States.DataLimitExceeded"

/* ------------------------------------------------------------------- lists */

void
sdk_list_push(struct sdk_task_list *list, struct odradek_task *task)
{
    task->next = NULL;
    if (list->first) {
        list->last->next = task;
    } else {
        list->first = task;
    }
    list->last = task;
}

struct odradek_task *
sdk_list_pop(struct sdk_task_list *list)
{
    struct odradek_task *task = list->first;

    if (task) {
        list->first = task->next;
        task->next = NULL;
    }
    return task;
}

/* ------------------------------------------------------------ made, ended */

/** Copies text behind *at, with a NUL, and moves *at. */
static const char *
put_text(char **at, struct odk_str text)
{
    char *copy = *at;

    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    copy[text.len] = '\0';
    *at += text.len + 1;
    return copy;
}

static void
fill_texts(struct odradek_task *task, const struct codec_task *record,
           struct odk_str traceparent)
{
    char *at = task->texts;

    task->name_space = put_text(&at, record->namespace);
    task->workflow_id = put_text(&at, record->workflow_id);
    task->run_id = put_text(&at, record->run_id);
    task->type = put_text(&at, record->type);
    task->token = put_text(&at, record->token);
    task->content_type = put_text(&at, record->content_type);
    task->input = put_text(&at, record->input);
    task->input_bytes = record->input.len;
    task->traceparent = traceparent.ptr ? put_text(&at, traceparent) : NULL;
    task->key = at;
    (void)put_text(&at, record->namespace);
    at[-1] = '/';
    (void)put_text(&at, record->workflow_id);
    task->idempotency_key = at;
    (void)put_text(&at, record->run_id);
    at[-1] = ':';
    (void)snprintf(at, 24, "%lld", (long long)record->activity_id);
}

struct odradek_task *
sdk_task_new(const struct codec_task *record, const struct sdk_event *event)
{
    /* Each text with its NUL; namespace, workflow and run id come twice. */
    size_t bytes = 2 * (record->namespace.len + record->workflow_id.len +
                        record->run_id.len) +
                   record->type.len + record->token.len +
                   record->content_type.len + record->input.len +
                   event->traceparent.len + 64;
    struct odradek_task *task = calloc(1, sizeof(*task) + bytes);

    if (!task) {
        return NULL;
    }
    fill_texts(task, record, event->traceparent);
    task->partition = event->partition;
    task->offset = event->offset;
    task->at = event->at;
    task->refs = record->wants_started ? 2 : 1;
    task->bytes = sizeof(*task) + bytes;
    task->activity_id = record->activity_id;
    task->attempt = record->attempt;
    task->start_to_close_ms =
        record->has_start_to_close_ms ? record->start_to_close_ms : 0;
    task->heartbeat_ms = record->has_heartbeat_ms ? record->heartbeat_ms : 0;
    task->schedule_to_close_at =
        record->has_schedule_to_close_at ? record->schedule_to_close_at : 0;
    task->scheduled_at = record->scheduled_at;
    task->wants_started = record->wants_started;
    task->started = (struct sdk_sent){.task = task};
    task->answered = (struct sdk_sent){.task = task, .is_answer = true};
    atomic_init(&task->stage, SDK_WAITING);
    atomic_init(&task->is_cancelled, false);
    return task;
}

void
sdk_task_own(struct odradek_worker *worker, struct odradek_task *task)
{
    task->worker = worker;
    task->older = worker->newest;
    if (task->older) {
        task->older->newer = task;
    }
    worker->newest = task;
}

void
sdk_task_free(struct odradek_task *task)
{
    if (task->older) {
        task->older->newer = task->newer;
    }
    if (task->newer) {
        task->newer->older = task->older;
    } else {
        task->worker->newest = task->older;
    }
    free(task->output);
    free(task->output_type);
    free(task->cause);
    free(task->started.value);
    free(task->answered.value);
    free(task);
}

void
sdk_task_unref(struct odradek_task *task)
{
    odk_assert(task->refs > 0);
    if (--task->refs == 0) {
        sdk_task_free(task);
    }
}

bool
sdk_task_is_past(const struct odradek_task *task)
{
    return atomic_load(&task->is_cancelled) ||
           (task->schedule_to_close_at > 0 &&
            sdk_worker_now(task->worker) > task->schedule_to_close_at);
}

/* ----------------------------------------------------------------- records */

/* The records of a result share these fields, but no struct. */
#define FILL_COMMON(record)                                                    \
    ((record)->namespace = odk_str(task->name_space),                          \
     (record)->workflow_id = odk_str(task->workflow_id),                       \
     (record)->run_id = odk_str(task->run_id),                                 \
     (record)->activity_id = task->activity_id,                                \
     (record)->attempt = task->attempt,                                        \
     (record)->token = odk_str(task->token))

static int
encode_started(const struct odradek_task *task, struct odk_buf *out)
{
    struct codec_task_started record;

    codec_task_started_init(&record);
    FILL_COMMON(&record);
    record.worker = odk_str(task->worker->config->name);
    return codec_encode(task->worker->codec, CODEC_TASK_STARTED, &record, out,
                        NULL);
}

static int
encode_heartbeat(const struct odradek_task *task, struct odk_str details,
                 struct odk_buf *out)
{
    struct codec_task_heartbeat record;

    codec_task_heartbeat_init(&record);
    FILL_COMMON(&record);
    record.details = details;
    return codec_encode(task->worker->codec, CODEC_TASK_HEARTBEAT, &record, out,
                        NULL);
}

static int
encode_failed(const struct odradek_task *task, const char *error,
              const char *cause, struct odk_buf *out)
{
    struct codec_task_failed record;

    codec_task_failed_init(&record);
    FILL_COMMON(&record);
    record.error = odk_str(error);
    record.cause = odk_str(cause);
    record.effect = task->effect == ODRADEK_EFFECT_NONE
                        ? CODEC_TASK_EFFECT_NONE
                        : CODEC_TASK_EFFECT_UNKNOWN;
    return codec_encode(task->worker->codec, CODEC_TASK_FAILED, &record, out,
                        NULL);
}

static int
encode_answer(const struct odradek_task *task, struct odk_buf *out)
{
    struct codec_task_succeeded record;

    if (task->answer == SDK_ANSWER_FAIL) {
        return encode_failed(task, task->output, task->cause, out);
    }
    odk_assert(task->answer == SDK_ANSWER_SUCCEED);
    codec_task_succeeded_init(&record);
    FILL_COMMON(&record);
    record.output = odk_str_n(task->output, task->output_bytes);
    if (task->output_type) {
        record.content_type = odk_str(task->output_type);
    }
    return codec_encode(task->worker->codec, CODEC_TASK_SUCCEEDED, &record, out,
                        NULL);
}

/** Sends a record of the task; opaque NULL: its fate does not matter. */
static int
send_record(const struct odradek_task *task, struct odk_str value,
            struct sdk_sent *opaque)
{
    const struct sdk_record record = {
        .topic = SDK_TOPIC_RESULTS,
        .key = odk_str(task->key),
        .value = value,
        .traceparent = odk_str(task->traceparent),
        .opaque = opaque,
    };

    return sdk_producer_send(task->worker->producer, &record, NULL);
}

/** Keeps a record for the next try. From any thread. */
static void
keep(struct sdk_sent *sent, struct odk_str value)
{
    struct odradek_worker *worker = sent->task->worker;

    if (value.ptr != sent->value) {
        free(sent->value);
        sent->value = sdk_copy(value);
        sent->value_bytes = value.len;
        if (!sent->value) {
            odk_out_of_memory();
        }
    }
    (void)pthread_mutex_lock(&worker->lock);
    sent->next = worker->unsent;
    worker->unsent = sent;
    (void)pthread_mutex_unlock(&worker->lock);
    sdk_worker_wake(worker);
}

void
sdk_task_send_again(struct sdk_sent *sent)
{
    struct odk_str value = odk_str_n(sent->value, sent->value_bytes);

    if (send_record(sent->task, value, sent) != 0) {
        keep(sent, value);
    }
}

void
sdk_task_refused(struct sdk_sent *sent, const struct sdk_ack *ack)
{
    struct odradek_task *task = sent->task;
    struct odk_buf buf;

    sdk_log(task->worker->config, 4, "%s: an answer was not taken: %s",
            task->key, ack->text);
    if (ack->code != ODK_ETOOBIG || !sent->is_answer) {
        keep(sent, ack->value);
        return;
    }
    odk_buf_init(&buf, 0);
    task->effect = ODRADEK_EFFECT_UNKNOWN;
    int ret =
        encode_failed(task, ERROR_TOO_LARGE,
                      "The answer is larger than the topic allows.", &buf);

    odk_assert(ret == 0);
    keep(sent, odk_buf_str(&buf));
    odk_buf_release(&buf);
}

/* -------------------------------------------------------------- a handler */

/** Hands a task that has no answer to the loop. */
static void
hand_over(struct odradek_task *task)
{
    struct odradek_worker *worker = task->worker;

    (void)pthread_mutex_lock(&worker->lock);
    sdk_list_push(&worker->done, task);
    (void)pthread_mutex_unlock(&worker->lock);
    sdk_worker_wake(worker);
}

static void
announce(struct odradek_task *task)
{
    struct odk_buf buf;

    odk_buf_init(&buf, 0);
    int ret = encode_started(task, &buf);

    odk_assert(ret == 0);
    task->is_announced = true;
    if (send_record(task, odk_buf_str(&buf), &task->started) != 0) {
        keep(&task->started, odk_buf_str(&buf));
    }
    odk_buf_release(&buf);
    task->beat_at = sdk_worker_ticks(task->worker);
}

static void
answer(struct odradek_task *task)
{
    struct odk_buf buf;

    odk_buf_init(&buf, 0);
    int ret = encode_answer(task, &buf);

    odk_assert(ret == 0);
    /* Once it is sent, the loop may free the task at any time. */
    if (send_record(task, odk_buf_str(&buf), &task->answered) != 0) {
        keep(&task->answered, odk_buf_str(&buf));
    }
    odk_buf_release(&buf);
}

static void
call_handler(struct odradek_task *task)
{
    if (task->handler) {
        task->handler->call(task, task->handler->ctx);
        if (task->answer == SDK_ANSWER_NONE) {
            (void)odradek_task_fail(task, "Odradek.NoAnswer",
                                    "The handler returned without an answer.",
                                    ODRADEK_EFFECT_UNKNOWN);
        }
    } else {
        (void)odradek_task_fail(task, "Odradek.UnknownType",
                                "The worker has no handler of this type.",
                                ODRADEK_EFFECT_NONE);
    }
}

bool
sdk_task_begin(struct odradek_task *task)
{
    int waiting = SDK_WAITING;

    if (!atomic_compare_exchange_strong(&task->stage, &waiting, SDK_RUNNING) ||
        sdk_task_is_past(task)) {
        hand_over(task);
        return false;
    }
    if (task->wants_started) {
        announce(task);
    }
    return true;
}

void
sdk_task_end(struct odradek_task *task)
{
    call_handler(task);
    if (task->answer == SDK_ANSWER_LEAVE || task->answer == SDK_ANSWER_NONE) {
        /* NONE: short of memory even for the failure; the time-out decides. */
        hand_over(task);
    } else {
        answer(task);
    }
}

void
sdk_task_run(struct odradek_task *task)
{
    if (sdk_task_begin(task)) {
        sdk_task_end(task);
    }
}

static int
check_answer(const struct odradek_task *task, size_t size)
{
    if (task->answer != SDK_ANSWER_NONE) {
        return ODRADEK_ESTATE;
    }
    return size > SDK_PAYLOAD_BYTES_MAX ? ODRADEK_ETOOBIG : 0;
}

int
odradek_task_succeed(struct odradek_task *task, const void *data, size_t size)
{
    int ret = check_answer(task, size);

    if (ret != 0) {
        return ret;
    }
    task->output = sdk_copy(data ? odk_str_n(data, size) : ODK_STR("null"));
    if (!task->output) {
        return ODRADEK_ENOMEM;
    }
    task->output_bytes = data ? size : 4;
    task->answer = SDK_ANSWER_SUCCEED;
    return 0;
}

int
odradek_task_set_content_type(struct odradek_task *task,
                              const char *content_type)
{
    char *copy = content_type ? strdup(content_type) : NULL;

    if (!copy) {
        return content_type ? ODRADEK_ENOMEM : ODRADEK_EINVAL;
    }
    free(task->output_type);
    task->output_type = copy;
    return 0;
}

int
odradek_task_fail(struct odradek_task *task, const char *error,
                  const char *cause, enum odradek_effect effect)
{
    size_t size = (error ? strlen(error) : 0) + (cause ? strlen(cause) : 0);
    int ret = check_answer(task, size);

    if (ret != 0) {
        return ret;
    }
    if (!error || !*error || !odk_str_is_utf8(odk_str(error)) ||
        (cause && !odk_str_is_utf8(odk_str(cause))) ||
        (strncmp(error, "States.", 7) == 0 &&
         strcmp(error, "States.TaskFailed") != 0)) {
        return ODRADEK_EINVAL;
    }
    task->output = strdup(error);
    task->cause = cause ? strdup(cause) : NULL;
    if (!task->output || (cause && !task->cause)) {
        free(task->output);
        task->output = NULL;
        return ODRADEK_ENOMEM;
    }
    task->effect = effect;
    task->answer = SDK_ANSWER_FAIL;
    return 0;
}

int
odradek_task_leave(struct odradek_task *task)
{
    int ret = check_answer(task, 0);

    if (ret == 0) {
        task->answer = SDK_ANSWER_LEAVE;
    }
    return ret;
}

int
odradek_task_heartbeat(struct odradek_task *task, const void *details,
                       size_t size)
{
    int64_t now = sdk_worker_ticks(task->worker);
    struct odk_buf buf;

    if (size > SDK_PAYLOAD_BYTES_MAX) {
        return ODRADEK_ETOOBIG;
    }
    if (task->heartbeat_ms <= 0 ||
        now - task->beat_at < task->heartbeat_ms / 4) {
        return 0;
    }
    odk_buf_init(&buf, 0);
    int ret = encode_heartbeat(
        task, details ? odk_str_n(details, size) : odk_str(NULL), &buf);

    odk_assert(ret == 0);
    /* One that is lost is made good by the next. */
    if (send_record(task, odk_buf_str(&buf), NULL) == 0) {
        task->beat_at = now;
    }
    odk_buf_release(&buf);
    return 0;
}

bool
odradek_task_is_cancelled(const struct odradek_task *task)
{
    return atomic_load(&task->is_cancelled) ||
           atomic_load(&task->worker->is_hurrying);
}

/* ----------------------------------------------------------------- getters */

const char *
odradek_task_namespace(const struct odradek_task *task)
{
    return task->name_space;
}

const char *
odradek_task_workflow_id(const struct odradek_task *task)
{
    return task->workflow_id;
}

const char *
odradek_task_run_id(const struct odradek_task *task)
{
    return task->run_id;
}

const char *
odradek_task_queue(const struct odradek_task *task)
{
    return task->queue->name;
}

const char *
odradek_task_type(const struct odradek_task *task)
{
    return task->type;
}

const char *
odradek_task_token(const struct odradek_task *task)
{
    return task->token;
}

int64_t
odradek_task_activity_id(const struct odradek_task *task)
{
    return task->activity_id;
}

int32_t
odradek_task_attempt(const struct odradek_task *task)
{
    return task->attempt;
}

const char *
odradek_task_idempotency_key(const struct odradek_task *task)
{
    return task->idempotency_key;
}

const void *
odradek_task_input(const struct odradek_task *task, size_t *size)
{
    if (size) {
        *size = task->input_bytes;
    }
    return task->input;
}

const char *
odradek_task_content_type(const struct odradek_task *task)
{
    return task->content_type;
}

int64_t
odradek_task_scheduled_at(const struct odradek_task *task)
{
    return task->scheduled_at;
}

int64_t
odradek_task_start_to_close_ms(const struct odradek_task *task)
{
    return task->start_to_close_ms;
}

int64_t
odradek_task_heartbeat_ms(const struct odradek_task *task)
{
    return task->heartbeat_ms;
}
