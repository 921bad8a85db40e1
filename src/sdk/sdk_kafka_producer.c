#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "sdk/sdk_kafka.h"
#include "sdk/sdk_kafka_priv.h"

/** A slice of the wait for the first broker; between them errors are read. */
#define CONNECT_SLICE_MS 500
/** Records that wait for room or an acknowledgement. */
#define QUEUE_RECORDS "200000"

/* Handler threads send while the loop may renew the handle after a fatal
 * error, hence the lock; nobody waits for it otherwise. */
struct sdk_producer {
    const struct odradek_config *config;
    int64_t retry_ms;
    int wake_fd;
    pthread_rwlock_t lock; /**< of rk, queue and is_fatal */
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    bool is_fatal;
    rd_kafka_event_t *event; /**< being read */
};

static int
handle_open(struct sdk_producer *producer, struct odk_err *err)
{
    char retry[24];
    char linger[24];
    char text[512];
    rd_kafka_conf_t *conf;

    (void)snprintf(retry, sizeof(retry), "%lld", (long long)producer->retry_ms);
    (void)snprintf(linger, sizeof(linger), "%lld.%03lld",
                   (long long)(producer->config->linger_us / 1000),
                   (long long)(producer->config->linger_us % 1000));
    const struct sdk_kafka_setting settings[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"partitioner", "murmur2_random"},
        {"message.timeout.ms", retry},
        {"linger.ms", linger},
        {"retry.backoff.ms", "50"},
        {"queue.buffering.max.messages", QUEUE_RECORDS},
        {"message.max.bytes", "1114112"},
    };
    int ret = sdk_kafka_conf(producer->config, settings,
                             ODK_ARRAY_LEN(settings), &conf, err);

    if (ret != 0) {
        return ret;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    producer->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!producer->rk) {
        rd_kafka_conf_destroy(conf);
        return odk_err_set(err, ODK_EINVAL, "producer: %s", text);
    }
    producer->queue = rd_kafka_queue_get_main(producer->rk);
    sdk_kafka_wake(producer->queue, producer->wake_fd);
    producer->is_fatal = false;
    return 0;
}

static void
handle_close(struct sdk_producer *producer)
{
    if (producer->event) {
        rd_kafka_event_destroy(producer->event);
        producer->event = NULL;
    }
    if (producer->queue) {
        rd_kafka_queue_io_event_enable(producer->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(producer->queue);
        producer->queue = NULL;
    }
    if (producer->rk) {
        (void)rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE |
                                               RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(producer->rk);
        producer->rk = NULL;
    }
}

/** Reads errors that came before any broker answered. */
static int
check_log_in(struct sdk_producer *producer, struct odk_err *err)
{
    rd_kafka_event_t *event;
    int ret = 0;

    while ((event = rd_kafka_queue_poll(producer->queue, 0)) != NULL) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
            sdk_kafka_code(rd_kafka_event_error(event)) == ODK_EAUTH) {
            ret = odk_err_set(err, ODK_EAUTH, "%s: %s",
                              producer->config->bootstrap,
                              rd_kafka_event_error_string(event));
        }
        rd_kafka_event_destroy(event);
    }
    return ret;
}

static int
connect_wait(struct sdk_producer *producer, struct odk_err *err)
{
    int64_t until = sdk_ticks_ms() + producer->config->connect_timeout_ms;
    int ret = 0;

    for (;;) {
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t code = rd_kafka_metadata(
            producer->rk, 0, NULL, &metadata, CONNECT_SLICE_MS);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(metadata);
            return 0;
        }
        ret = check_log_in(producer, err);
        if (ret != 0) {
            return ret;
        }
        if (sdk_ticks_ms() >= until) {
            return odk_err_set(err, ODK_ECONN,
                               "%s: no broker answers within %lld ms",
                               producer->config->bootstrap,
                               (long long)producer->config->connect_timeout_ms);
        }
    }
}

int
sdk_producer_open(const struct odradek_config *config, int64_t retry_ms,
                  int wake_fd, struct sdk_producer **out, struct odk_err *err)
{
    struct sdk_producer *producer = calloc(1, sizeof(*producer));

    *out = NULL;
    if (!producer) {
        return odk_err_set(err, ODK_ELIMIT, "out of memory");
    }
    producer->config = config;
    producer->retry_ms = retry_ms;
    producer->wake_fd = wake_fd;
    (void)pthread_rwlock_init(&producer->lock, NULL);
    int ret = handle_open(producer, err);

    if (ret == 0) {
        ret = connect_wait(producer, err);
    }
    if (ret != 0) {
        sdk_producer_close(producer);
        return ret;
    }
    *out = producer;
    return 0;
}

void
sdk_producer_close(struct sdk_producer *producer)
{
    if (!producer) {
        return;
    }
    handle_close(producer);
    (void)pthread_rwlock_destroy(&producer->lock);
    free(producer);
}

/** Under the lock. */
static rd_kafka_resp_err_t
enqueue(struct sdk_producer *producer, const struct sdk_record *record)
{
    rd_kafka_headers_t *headers = NULL;

    if (record->traceparent.ptr) {
        headers = rd_kafka_headers_new(1);
        (void)rd_kafka_header_add(headers, SDK_HEADER_TRACEPARENT, -1,
                                  record->traceparent.ptr,
                                  (ssize_t)record->traceparent.len);
    }
    const rd_kafka_vu_t arguments[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {(void *)(uintptr_t)record->key.ptr, record->key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)record->value.ptr, record->value.len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = record->opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(
        producer->rk, arguments, ODK_ARRAY_LEN(arguments) - (headers ? 0 : 1));
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (error) {
        code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        if (headers) {
            rd_kafka_headers_destroy(headers);
        }
    }
    return code;
}

int
sdk_producer_send(struct sdk_producer *producer,
                  const struct sdk_record *record, struct odk_err *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__FATAL;

    odk_assert(record->key.ptr && record->value.ptr);
    (void)pthread_rwlock_rdlock(&producer->lock);
    if (!producer->is_fatal) {
        code = enqueue(producer, record);
    }
    (void)pthread_rwlock_unlock(&producer->lock);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        return odk_err_set(err, ODK_EAGAIN, "the producer is being renewed");
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : sdk_kafka_fail(err, code, record->topic);
}

/** After a fatal error: all that is open comes back as failed, then a new
 * handle takes the old one's place. */
static void
renew(struct sdk_producer *producer)
{
    struct odk_err err = {0};
    int ret;

    if (rd_kafka_outq_len(producer->rk) > 0) {
        (void)rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE |
                                               RD_KAFKA_PURGE_F_INFLIGHT);
        return;
    }
    (void)pthread_rwlock_wrlock(&producer->lock);
    handle_close(producer);
    ret = handle_open(producer, &err);
    /* The same settings were good for the first one. */
    odk_assert(ret == 0);
    (void)pthread_rwlock_unlock(&producer->lock);
    sdk_log(producer->config, 4, "the producer was renewed");
}

static void
set_fatal(struct sdk_producer *producer)
{
    char text[512] = "";

    if (producer->is_fatal) {
        return;
    }
    (void)rd_kafka_fatal_error(producer->rk, text, sizeof(text));
    (void)pthread_rwlock_wrlock(&producer->lock);
    producer->is_fatal = true;
    (void)pthread_rwlock_unlock(&producer->lock);
    sdk_log(producer->config, 4, "the producer must be renewed: %s", text);
}

static void
read_error(struct sdk_producer *producer)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(producer->event);

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        set_fatal(producer);
    } else {
        sdk_log(producer->config,
                code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? 4 : 6,
                "kafka: %s", rd_kafka_event_error_string(producer->event));
    }
}

static void
read_report(struct sdk_producer *producer, const rd_kafka_message_t *message,
            struct sdk_ack *out)
{
    if (message->err && rd_kafka_fatal_error(producer->rk, NULL, 0)) {
        set_fatal(producer);
    }
    *out = (struct sdk_ack){
        .opaque = message->_private,
        .code = producer->is_fatal && message->err
                    ? ODK_EIO
                    : sdk_kafka_code(message->err),
        .text = rd_kafka_err2str(message->err),
        .key = odk_str_n(message->key, message->key_len),
        .value = odk_str_n(message->payload, message->len),
        .traceparent = sdk_kafka_header(message, SDK_HEADER_TRACEPARENT),
    };
}

bool
sdk_producer_next(struct sdk_producer *producer, struct sdk_ack *out)
{
    for (;;) {
        const rd_kafka_message_t *message =
            producer->event ? rd_kafka_event_message_next(producer->event)
                            : NULL;

        if (message) {
            read_report(producer, message, out);
            return true;
        }
        if (producer->event) {
            rd_kafka_event_destroy(producer->event);
        }
        producer->event = rd_kafka_queue_poll(producer->queue, 0);
        if (!producer->event && producer->is_fatal) {
            renew(producer);
            return false;
        }
        if (!producer->event) {
            return false;
        }
        if (rd_kafka_event_type(producer->event) == RD_KAFKA_EVENT_ERROR) {
            read_error(producer);
        }
    }
}

size_t
sdk_producer_unacked(struct sdk_producer *producer)
{
    int n = rd_kafka_outq_len(producer->rk);

    return n > 0 ? (size_t)n : 0;
}

int
sdk_producer_partitions(struct sdk_producer *producer, const char *topic,
                        int64_t timeout_ms, int32_t *out, struct odk_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer->rk, topic, NULL);
    rd_kafka_resp_err_t code =
        handle ? rd_kafka_metadata(producer->rk, 0, handle, &metadata,
                                   (int)timeout_ms)
               : rd_kafka_last_error();

    *out = 0;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata &&
        metadata->topic_cnt == 1) {
        code = metadata->topics[0].err;
        *out = metadata->topics[0].partition_cnt;
    }
    if (metadata) {
        rd_kafka_metadata_destroy(metadata);
    }
    if (handle) {
        rd_kafka_topic_destroy(handle);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && *out <= 0) {
        code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : sdk_kafka_fail(err, code, topic);
}
