#include <stdlib.h>
#include <string.h>

#include "bus/bus_origin.h"
#include "bus_kafka/bus_kafka_priv.h"

/*
 * The idempotent producer (exactly-once.md I7). Whatever fails makes the
 * producer fatal, so that what is appended to a partition stays a prefix of
 * what was sent; the owner of the bus replaces it and sends again.
 */

static void
sent_reset(struct kafka_bus *kafka)
{
    kafka->sent_free = NULL;
    for (size_t i = kafka->sent_max; i-- > 0;) {
        kafka->sent[i].next_free = kafka->sent_free;
        kafka->sent_free = &kafka->sent[i];
    }
}

int
kafka_producer_open(struct kafka_bus *kafka, struct odk_err *err)
{
    static const uint64_t one = 1;
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(kafka->producer_conf);
    int rc = kafka_client_new(RD_KAFKA_PRODUCER, &conf, &kafka->producer, err);

    if (rc < 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    kafka->producer_queue = rd_kafka_queue_get_main(kafka->producer);
    rd_kafka_queue_io_event_enable(kafka->producer_queue, kafka->event_fd, &one,
                                   sizeof(one));
    kafka->is_producer_fatal = false;
    kafka->fatal_ms = 0;
    sent_reset(kafka);
    return 0;
}

void
kafka_producer_close(struct kafka_bus *kafka)
{
    if (!kafka->producer) {
        return;
    }
    /* What is queued is dropped, what is on the wire is not waited for and may
     * still arrive (I6). */
    (void)rd_kafka_purge(kafka->producer, RD_KAFKA_PURGE_F_QUEUE);
    rd_kafka_queue_io_event_enable(kafka->producer_queue, -1, NULL, 0);
    rd_kafka_queue_destroy(kafka->producer_queue);
    kafka_known_unhandle(kafka);
    rd_kafka_destroy(kafka->producer);
    kafka->producer = NULL;
    kafka->producer_queue = NULL;
}

int
kafka_producer_reset(struct bus *bus, struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);

    kafka_producer_close(kafka);
    return kafka_producer_open(kafka, err);
}

static void
producer_failed(struct kafka_bus *kafka)
{
    if (kafka->fatal_ms == 0) {
        kafka->fatal_ms = kafka_now_ms();
    }
}

static rd_kafka_headers_t *
headers_new(const struct bus_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->n_headers + 2);
    char text[BUS_ORIGIN_TEXT_MAX];

    for (size_t i = 0; i < record->n_headers; i++) {
        const struct bus_header *header = &record->headers[i];

        (void)rd_kafka_header_add(headers, header->name.ptr,
                                  (ssize_t)header->name.len, header->value.ptr,
                                  (ssize_t)header->value.len);
    }
    /* Last, as the last one of a name counts: a dead letter's own may be
     * forged. */
    if (record->shard >= 0) {
        size_t len = bus_origin_format((uint64_t)record->shard, text);

        (void)rd_kafka_header_add(headers, BUS_ORIGIN_SHARD, -1, text,
                                  (ssize_t)len);
        len = bus_origin_format(record->seq, text);
        (void)rd_kafka_header_add(headers, BUS_ORIGIN_SEQ, -1, text,
                                  (ssize_t)len);
    }
    return headers;
}

static void
bytes_set(rd_kafka_vu_t *field, rd_kafka_vtype_t type, struct odk_str bytes)
{
    field->vtype = type;
    /* librdkafka copies the bytes (F_COPY) but does not say const. */
    memcpy(&field->u.mem.ptr, &bytes.ptr, sizeof(bytes.ptr));
    field->u.mem.size = bytes.len;
}

static rd_kafka_resp_err_t
produce(struct kafka_bus *kafka, rd_kafka_topic_t *topic,
        const struct bus_record *record, struct kafka_sent *sent)
{
    rd_kafka_headers_t *headers = headers_new(record);
    rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u = {.rkt = topic}},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u = {.i32 = record->partition}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u = {.ptr = sent}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u = {.headers = headers}},
        {.vtype = RD_KAFKA_VTYPE_KEY},
        {.vtype = RD_KAFKA_VTYPE_VALUE},
    };

    bytes_set(&fields[5], RD_KAFKA_VTYPE_KEY, record->key);
    bytes_set(&fields[6], RD_KAFKA_VTYPE_VALUE, record->value);
    rd_kafka_error_t *error =
        rd_kafka_produceva(kafka->producer, fields, ODK_ARRAY_LEN(fields));

    if (!error) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);

    rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(headers);
    return code;
}

/* The topic must exist with the partition: what librdkafka does not know yet
 * would wait in its queue for 30 s and then fail the producer. */
static int
target_find(struct kafka_bus *kafka, const struct bus_record *record,
            rd_kafka_topic_t **out, struct odk_err *err)
{
    struct kafka_topic *topic = NULL;
    int rc = kafka_known(kafka, record->topic, &topic, err);

    if (rc < 0) {
        return rc;
    }
    if (record->partition >= topic->n_partitions) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "topic %s has no partition %d, only %d", topic->name,
                           (int)record->partition, (int)topic->n_partitions);
    }
    if (!topic->write) {
        topic->write = rd_kafka_topic_new(kafka->producer, topic->name, NULL);
    }
    if (!topic->write) {
        return odk_err_set(err, ODK_ENOTFOUND, "topic %s: %s", topic->name,
                           rd_kafka_err2str(rd_kafka_last_error()));
    }
    *out = topic->write;
    return 0;
}

int
kafka_send(struct bus *bus, const struct bus_record *record,
           struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    struct kafka_sent *sent = kafka->sent_free;
    rd_kafka_topic_t *topic = NULL;

    if (kafka->is_producer_fatal || !kafka->producer) {
        return odk_err_set(err, ODK_EFATAL, "the producer must be replaced");
    }
    if (kafka->fatal_ms > 0) {
        return odk_err_set(err, ODK_EAGAIN, "the producer has failed");
    }
    int rc = target_find(kafka, record, &topic, err);

    if (rc < 0) {
        return rc;
    }
    if (!sent) {
        return odk_err_set(err, ODK_EAGAIN, "%zu records wait for their acks",
                           kafka->sent_max);
    }
    struct kafka_sent *next = sent->next_free;

    *sent = (struct kafka_sent){.shard = record->shard, .seq = record->seq};
    rd_kafka_resp_err_t error = produce(kafka, topic, record, sent);

    if (error) {
        sent->next_free = next;
        int code = kafka_code(error);

        if (code == ODK_EFATAL) {
            producer_failed(kafka);
            code = ODK_EAGAIN;
        }
        return odk_err_set(err, code, "record for %.*s/%d: %s",
                           ODK_STR_ARG(record->topic), (int)record->partition,
                           rd_kafka_err2str(error));
    }
    kafka->sent_free = next;
    return 0;
}

/* A reason that will not pass by waiting. */
static bool
is_permanent(int code)
{
    return code == ODK_ENOTFOUND || code == ODK_EAUTH || code == ODK_ETOOBIG ||
           code == ODK_EREFUSED;
}

static void
report(struct kafka_bus *kafka, const rd_kafka_message_t *message)
{
    struct kafka_sent *sent = message->_private;
    int code = message->err ? kafka_code(message->err) : 0;

    odk_assert(sent >= kafka->sent && sent < kafka->sent + kafka->sent_max);
    if (code == ODK_ENOTFOUND && message->rkt) {
        kafka_known_doubt(kafka, rd_kafka_topic_name(message->rkt));
    }
    if (code == 0 || is_permanent(code)) {
        odk_assert(kafka->n_acks < kafka->sent_max);
        kafka->acks[kafka->n_acks++] =
            (struct bus_ack){sent->shard, sent->seq, code};
    }
    if (code != 0) {
        producer_failed(kafka);
        kafka->is_producer_fatal =
            kafka->is_producer_fatal || is_permanent(code);
    }
    sent->next_free = kafka->sent_free;
    kafka->sent_free = sent;
}

static void
producer_error(struct kafka_bus *kafka, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);

    kafka_note(&kafka->sink, 5, text ? text : rd_kafka_err2str(error));
    if (rd_kafka_event_error_is_fatal(event) ||
        error == RD_KAFKA_RESP_ERR__FATAL) {
        producer_failed(kafka);
    } else if (kafka_code(error) == ODK_EAUTH) {
        (void)odk_err_set(&kafka->trouble, ODK_EAUTH, "Kafka refuses us: %s",
                          text ? text : rd_kafka_err2str(error));
    }
}

/*
 * The event of a failure comes before the delivery report with its cause. The
 * owner replaces the producer as soon as it hears of the failure, and would
 * send the same record for ever if it never heard of the cause.
 */
static void
fatal_ripen(struct kafka_bus *kafka)
{
    if (kafka->fatal_ms > 0 && !kafka->is_producer_fatal) {
        kafka->is_producer_fatal =
            rd_kafka_outq_len(kafka->producer) == 0 ||
            kafka_now_ms() - kafka->fatal_ms >= KAFKA_CAUSE_MS_MAX;
    }
}

void
kafka_producer_drain(struct kafka_bus *kafka)
{
    rd_kafka_event_t *event = NULL;

    if (!kafka->producer) {
        return;
    }
    while ((event = rd_kafka_queue_poll(kafka->producer_queue, 0))) {
        const rd_kafka_message_t *message = NULL;

        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
            while ((message = rd_kafka_event_message_next(event))) {
                report(kafka, message);
            }
        } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
            producer_error(kafka, event);
        }
        rd_kafka_event_destroy(event);
    }
    fatal_ripen(kafka);
}
