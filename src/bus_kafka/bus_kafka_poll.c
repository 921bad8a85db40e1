#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus_kafka/bus_kafka_priv.h"

/*
 * One poll: bring the assignment in line, drain both queues, and only when
 * nothing came wait in poll(2). librdkafka writes to event_fd when a queue that
 * was found empty gets something, so a wait costs nothing and ends at once.
 */

enum {
    FD_EVENT,
    FD_WAKE,
    N_FDS
};

void
kafka_batch_release(struct kafka_bus *kafka)
{
    for (size_t i = 0; i < kafka->n_messages; i++) {
        rd_kafka_event_destroy(kafka->events[i]);
    }
    kafka->n_messages = 0;
    kafka->n_headers = 0;
    kafka->n_acks = 0;
    kafka->n_listed = 0;
    kafka->is_assigned_new = false;
    kafka->is_revoked_new = false;
    kafka->is_lost = false;
}

static void
headers_fit(struct kafka_bus *kafka, size_t n)
{
    if (kafka->n_headers + n <= kafka->headers_size) {
        return;
    }
    size_t size = (kafka->n_headers + n) * 2;
    struct bus_header *headers =
        realloc(kafka->headers, size * sizeof(*headers));

    if (!headers) {
        odk_out_of_memory();
    }
    kafka->headers = headers;
    kafka->headers_size = size;
}

/* The array may still move: the messages get their pointers at the end. */
static size_t
headers_take(struct kafka_bus *kafka, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;

    if (rd_kafka_message_headers(message, &headers)) {
        return 0;
    }
    size_t n = rd_kafka_header_cnt(headers);

    headers_fit(kafka, n);
    for (size_t i = 0; i < n; i++) {
        struct bus_header *out = &kafka->headers[kafka->n_headers + i];
        const char *name = NULL;
        const void *value = NULL;
        size_t len = 0;

        (void)rd_kafka_header_get_all(headers, i, &name, &value, &len);
        out->name = odk_str(name);
        out->value = odk_str_n(value, len);
    }
    kafka->n_headers += n;
    return n;
}

/* Absent stays absent; librdkafka gives a length of 0 for both. */
static struct odk_str
bytes_of(const void *ptr, size_t len)
{
    return odk_str_n(ptr, ptr ? len : 0);
}

static void
message_take(struct kafka_bus *kafka, rd_kafka_event_t *event,
             const rd_kafka_message_t *message, int topic)
{
    struct bus_message *out = &kafka->messages[kafka->n_messages];

    odk_assert(kafka->n_messages < kafka->batch_max);
    *out = (struct bus_message){
        .topic = topic,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp = rd_kafka_message_timestamp(message, NULL),
        .key = bytes_of(message->key, message->key_len),
        .value = bytes_of(message->payload, message->len),
    };
    out->n_headers = headers_take(kafka, message);
    kafka->events[kafka->n_messages++] = event;
}

/* True when the event is kept by the batch. */
static bool
fetch_event(struct kafka_bus *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message = rd_kafka_event_message_next(event);

    if (!message || message->err) {
        return false;
    }
    int topic = kafka_topic_index(kafka, rd_kafka_topic_name(message->rkt));
    struct bus_place at = {topic, message->partition};
    struct kafka_place *place = topic < 0 ? NULL : kafka_place(kafka, at);

    if (!place || !place->is_started || kafka->is_dirty ||
        message->offset < place->next) {
        /* Of a former assignment or start. */
        return false;
    }
    if (place->is_paused) {
        place->is_stale = true;
        return false;
    }
    place->next = message->offset + 1;
    message_take(kafka, event, message, topic);
    return true;
}

static void
trouble_set(struct kafka_bus *kafka, int code, const char *context,
            const char *text)
{
    if (kafka->trouble.code) {
        /* The first is the cause. */
        return;
    }
    kafka->trouble.code =
        odk_err_set(&kafka->trouble, code, "%s: %.400s", context, text);
}

/* A place that cannot go on rests until bus_start. */
static void
place_error(struct kafka_bus *kafka, rd_kafka_event_t *event,
            const rd_kafka_topic_partition_t *from)
{
    int code = kafka_code(rd_kafka_event_error(event));
    int topic = kafka_topic_index(kafka, from->topic);
    struct bus_place at = {topic, from->partition};
    struct kafka_place *place = topic < 0 ? NULL : kafka_place(kafka, at);
    struct odk_buf context;

    if (code == ODK_ECORRUPT && (!place || !place->is_started)) {
        return;
    }
    odk_buf_init(&context, 0);
    odk_buf_printf(&context, "%s/%d at offset %lld", from->topic,
                   (int)from->partition,
                   (long long)(place ? place->next : from->offset));
    if (code == ODK_ECORRUPT) {
        place->is_started = false;
        odk_buf_put_cstr(&context, " is out of the log's range");
    }
    trouble_set(kafka, code, context.ptr, rd_kafka_event_error_string(event));
    odk_buf_release(&context);
}

static void
consumer_error(struct kafka_bus *kafka, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    char fatal[256];

    text = text ? text : rd_kafka_err2str(error);
    if (rd_kafka_event_error_is_fatal(event)) {
        (void)rd_kafka_fatal_error(kafka->consumer, fatal, sizeof(fatal));
        kafka->is_fenced = true;
        trouble_set(kafka, ODK_EFENCED,
                    "Kafka has closed this member of the group, another "
                    "process may use its instance id",
                    fatal);
        return;
    }
    rd_kafka_topic_partition_t *from = rd_kafka_event_topic_partition(event);

    if (from) {
        place_error(kafka, event, from);
        rd_kafka_topic_partition_destroy(from);
    } else if (kafka_code(error) == ODK_EAUTH) {
        trouble_set(kafka, ODK_EAUTH, "Kafka refuses us", text);
    } else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        trouble_set(kafka, ODK_ECONN, "Kafka", text);
    } else {
        /* It passes, or comes again as one of the above. */
        kafka_note(&kafka->sink, 5, text);
    }
}

/* True when draining may go on. */
static bool
rebalance_event(struct kafka_bus *kafka, rd_kafka_event_t *event)
{
    if (kafka->n_messages > 0 || kafka->is_revoking) {
        /* Records first: what was read before the revocation is reported
         * before it. */
        kafka->held = event;
        return false;
    }
    kafka_rebalance(kafka, event);
    rd_kafka_event_destroy(event);
    return false;
}

/* Takes one event; true when draining may go on. */
static bool
consumer_event(struct kafka_bus *kafka, rd_kafka_event_t *event)
{
    rd_kafka_event_type_t type = rd_kafka_event_type(event);

    if (type == RD_KAFKA_EVENT_FETCH && fetch_event(kafka, event)) {
        return true;
    }
    if (type == RD_KAFKA_EVENT_REBALANCE) {
        return rebalance_event(kafka, event);
    }
    if (type == RD_KAFKA_EVENT_ERROR) {
        consumer_error(kafka, event);
    }
    rd_kafka_event_destroy(event);
    return kafka->trouble.code == 0;
}

static void
consumer_drain(struct kafka_bus *kafka)
{
    bool is_going = true;

    if (kafka->held && !kafka->is_revoking) {
        rd_kafka_event_t *event = kafka->held;

        kafka->held = NULL;
        is_going = consumer_event(kafka, event);
    }
    while (is_going && !kafka->held) {
        rd_kafka_event_t *event =
            kafka->n_messages < kafka->batch_max
                ? rd_kafka_queue_poll(kafka->consumer_queue, 0)
                : NULL;

        if (!event) {
            kafka->is_consumer_behind = kafka->n_messages == kafka->batch_max;
            return;
        }
        is_going = consumer_event(kafka, event);
    }
    /* What waits for bus_revoke_done is no reason to poll again. */
    kafka->is_consumer_behind = !(kafka->held && kafka->is_revoking);
}

static bool
batch_has_something(const struct kafka_bus *kafka)
{
    return kafka->n_messages > 0 || kafka->n_acks > 0 || kafka->n_listed > 0 ||
           kafka->is_producer_fatal || kafka->trouble.code != 0;
}

static void
fd_clear(int fd)
{
    uint64_t count = 0;

    while (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count)) {
    }
}

/* False when the wait is over: time, wake or signal. */
static bool
wait_for_events(struct kafka_bus *kafka, int64_t deadline)
{
    struct pollfd fds[N_FDS] = {
        [FD_EVENT] = {.fd = kafka->event_fd, .events = POLLIN},
        [FD_WAKE] = {.fd = kafka->wake_fd, .events = POLLIN},
    };
    int64_t fatal_deadline = kafka->fatal_ms + KAFKA_CAUSE_MS_MAX;

    if (kafka->fatal_ms > 0 && fatal_deadline < deadline) {
        deadline = fatal_deadline;
    }
    int64_t rest = deadline - kafka_now_ms();

    if (rest <= 0) {
        return false;
    }
    int n = poll(fds, N_FDS, rest > INT32_MAX ? INT32_MAX : (int)rest);

    if (n <= 0) {
        return false;
    }
    if (fds[FD_WAKE].revents) {
        fd_clear(kafka->wake_fd);
        return false;
    }
    fd_clear(kafka->event_fd);
    return true;
}

static void
batch_give(struct kafka_bus *kafka, struct bus_batch *out)
{
    const struct bus_header *headers = kafka->headers;

    for (size_t i = 0; i < kafka->n_messages; i++) {
        kafka->messages[i].headers = headers;
        headers += kafka->messages[i].n_headers;
    }
    out->messages = kafka->messages;
    out->n_messages = kafka->n_messages;
    out->acks = kafka->acks;
    out->n_acks = kafka->n_acks;
    out->is_producer_fatal = kafka->is_producer_fatal;
    if (kafka->is_assigned_new) {
        out->assigned = kafka->listed;
        out->n_assigned = kafka->n_listed;
    } else if (kafka->is_revoked_new) {
        out->revoked = kafka->listed;
        out->n_revoked = kafka->n_listed;
        out->is_lost = kafka->is_lost;
    }
}

static void
drain(struct kafka_bus *kafka)
{
    kafka_producer_drain(kafka);
    consumer_drain(kafka);
}

/* Another process has our place: what we hold is lost. */
static void
fenced_revoke(struct kafka_bus *kafka)
{
    if (kafka->is_revoking) {
        return;
    }
    for (int32_t p = 0; p < kafka->n_partitions; p++) {
        struct bus_place at = {0, p};

        if (kafka_place(kafka, at)->is_assigned) {
            kafka->listed[kafka->n_listed++] = at;
        }
    }
    for (size_t i = 0; i < kafka->n_topics * (size_t)kafka->n_partitions; i++) {
        kafka->places[i] = (struct kafka_place){0};
    }
    kafka->is_dirty = false;
    kafka->is_revoked_new = kafka->n_listed > 0;
    kafka->is_revoking = kafka->is_revoked_new;
    kafka->is_lost = kafka->is_revoked_new;
}

/* An error is returned alone, after what was already taken. */
static int
poll_end(struct kafka_bus *kafka, struct bus_batch *out, struct odk_err *err)
{
    if (kafka->is_fenced && kafka->n_messages == 0 && kafka->n_listed == 0) {
        fenced_revoke(kafka);
    }
    if (kafka->trouble.code && kafka->n_messages == 0 && kafka->n_acks == 0 &&
        kafka->n_listed == 0) {
        int rc =
            odk_err_set(err, kafka->trouble.code, "%s", kafka->trouble.message);

        if (!kafka->is_fenced) {
            kafka->trouble.code = 0;
        }
        return rc;
    }
    batch_give(kafka, out);
    return 0;
}

int
kafka_poll(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
           struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    int64_t deadline = wait_max > 0 ? kafka_now_ms() + wait_max : 0;

    kafka_batch_release(kafka);
    if (!kafka->group_id && kafka->n_topics > 0 &&
        !kafka_place(kafka, (struct bus_place){0, 0})->is_assigned) {
        kafka_assign_all(kafka);
    }
    if (kafka->trouble.code) {
        return poll_end(kafka, out, err);
    }
    int rc = kafka_places_sync(kafka, err);

    if (rc < 0) {
        return rc;
    }
    drain(kafka);
    while (wait_max > 0 && !batch_has_something(kafka) &&
           (kafka->is_consumer_behind || wait_for_events(kafka, deadline))) {
        drain(kafka);
    }
    return poll_end(kafka, out, err);
}

void
kafka_wake(struct bus *bus)
{
    const struct kafka_bus *kafka = bus->impl;

    /* A full counter means that a wake is pending already. */
    (void)eventfd_write(kafka->wake_fd, 1);
}
