#include "bus_kafka/bus_kafka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus_kafka/bus_kafka_priv.h"

/** Between two looks at the group while we wait to be let go. */
#define LEAVE_STEP_MS 50

struct kafka_bus *
kafka_bus(const struct bus *bus)
{
    struct kafka_bus *kafka = bus->impl;

    odk_assert(kafka && kafka->magic == KAFKA_MAGIC);
    return kafka;
}

/* Life. */

static void
kafka_free(struct kafka_bus *kafka)
{
    for (size_t i = 0; i < kafka->n_topics; i++) {
        free(kafka->topics[i]);
    }
    if (kafka->reader_conf) {
        rd_kafka_conf_destroy(kafka->reader_conf);
    }
    if (kafka->producer_conf) {
        rd_kafka_conf_destroy(kafka->producer_conf);
    }
    if (kafka->event_fd >= 0) {
        (void)close(kafka->event_fd);
    }
    if (kafka->wake_fd >= 0) {
        (void)close(kafka->wake_fd);
    }
    kafka->magic = 0;
    free(kafka->topics);
    free(kafka->places);
    free(kafka->sent);
    free(kafka->events);
    free(kafka->messages);
    free(kafka->headers);
    free(kafka->acks);
    free(kafka->listed);
    free(kafka->bootstrap);
    free(kafka->group_id);
    free(kafka->instance_id);
    free(kafka);
}

/* Whether the group still lists our instance. On doubt it does. */
static bool
description_has_us(const struct kafka_bus *kafka, rd_kafka_event_t *event)
{
    size_t n_groups = 0;
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        rd_kafka_event_DescribeConsumerGroups_result(event);
    const rd_kafka_ConsumerGroupDescription_t **groups =
        result
            ? rd_kafka_DescribeConsumerGroups_result_groups(result, &n_groups)
            : NULL;

    if (n_groups != 1 || rd_kafka_ConsumerGroupDescription_error(groups[0])) {
        return true;
    }
    size_t n = rd_kafka_ConsumerGroupDescription_member_count(groups[0]);

    for (size_t i = 0; i < n; i++) {
        const char *instance = rd_kafka_MemberDescription_group_instance_id(
            rd_kafka_ConsumerGroupDescription_member(groups[0], i));

        if (instance && strcmp(instance, kafka->instance_id) == 0) {
            return true;
        }
    }
    return false;
}

static bool
group_has_us(const struct kafka_bus *kafka, rd_kafka_queue_t *replies)
{
    const char *group = kafka->group_id;
    bool is_in = true;

    rd_kafka_DescribeConsumerGroups(kafka->consumer, &group, 1, NULL, replies);
    rd_kafka_event_t *event = rd_kafka_queue_poll(replies, KAFKA_LEAVE_MS_MAX);

    if (event) {
        is_in = description_has_us(kafka, event);
        rd_kafka_event_destroy(event);
    }
    return is_in;
}

/* Answers rebalances while leaving: everything is let go. */
static void
leave_events(struct kafka_bus *kafka, int wait_ms)
{
    rd_kafka_event_t *event =
        rd_kafka_queue_poll(kafka->consumer_queue, wait_ms);

    if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
        (void)rd_kafka_assign(kafka->consumer, NULL);
    }
    rd_kafka_event_destroy(event);
}

/*
 * A static member is not removed by closing: that is its purpose. Unsubscribing
 * sends the request to leave, but only after the partitions have been let go
 * and while the client is not being closed, so we wait until the group has
 * forgotten us.
 */
static void
leave_group(struct kafka_bus *kafka)
{
    rd_kafka_queue_t *replies = rd_kafka_queue_new(kafka->consumer);
    int64_t deadline = kafka_now_ms() + KAFKA_LEAVE_MS_MAX;
    bool is_in = true;

    (void)rd_kafka_unsubscribe(kafka->consumer);
    while (is_in && kafka_now_ms() < deadline) {
        leave_events(kafka, LEAVE_STEP_MS);
        is_in = group_has_us(kafka, replies);
    }
    if (is_in) {
        kafka_note(&kafka->sink, 4,
                   "the group did not let this member go; it expires with its "
                   "session");
    }
    rd_kafka_queue_destroy(replies);
}

static void
consumer_close(struct kafka_bus *kafka, bool is_leaving)
{
    if (!kafka->consumer) {
        return;
    }
    if (kafka->held || kafka->is_revoking) {
        (void)rd_kafka_assign(kafka->consumer, NULL);
    }
    if (kafka->held) {
        rd_kafka_event_destroy(kafka->held);
        kafka->held = NULL;
    }
    if (is_leaving && kafka->group_id && kafka->instance_id &&
        !kafka->is_fenced) {
        leave_group(kafka);
    }
    if (kafka->consumer_queue) {
        rd_kafka_queue_io_event_enable(kafka->consumer_queue, -1, NULL, 0);
        rd_kafka_queue_destroy(kafka->consumer_queue);
    }
    (void)rd_kafka_consumer_close(kafka->consumer);
    rd_kafka_destroy(kafka->consumer);
    kafka->consumer = NULL;
}

static void
kafka_close(struct bus *bus, bool is_leaving)
{
    struct kafka_bus *kafka = kafka_bus(bus);

    kafka_batch_release(kafka);
    kafka_producer_close(kafka);
    kafka_known_release(kafka);
    consumer_close(kafka, is_leaving);
    kafka_free(kafka);
}

static const struct bus_ops kafka_ops = {
    .close = kafka_close,
    .poll = kafka_poll,
    .wake = kafka_wake,
    .start = kafka_start,
    .pause = kafka_pause,
    .revoke_done = kafka_revoke_done,
    .send = kafka_send,
    .producer_reset = kafka_producer_reset,
    .partitions = kafka_partitions,
    .topics = kafka_topics,
    .log_range = kafka_log_range,
    .offset_at = kafka_offset_at,
    .scan = kafka_scan,
    .group_offset = kafka_group_offset,
    .commit_offset = kafka_commit_offset,
};

/* Opening. */

static void
buffers_make(struct kafka_bus *kafka, const struct bus_kafka_options *options)
{
    kafka->batch_max =
        options->batch_max ? options->batch_max : BUS_KAFKA_BATCH_MAX;
    kafka->sent_max = options->queue_records_max ? options->queue_records_max
                                                 : BUS_KAFKA_QUEUE_RECORDS_MAX;
    kafka->sent = kafka_calloc(kafka->sent_max, sizeof(*kafka->sent));
    kafka->acks = kafka_calloc(kafka->sent_max, sizeof(*kafka->acks));
    kafka->events = kafka_calloc(kafka->batch_max, sizeof(rd_kafka_event_t *));
    kafka->messages = kafka_calloc(kafka->batch_max, sizeof(*kafka->messages));
    kafka->topics = kafka_calloc(options->n_topics, sizeof(char *));
    kafka->bootstrap = kafka_strdup(options->bootstrap);
    kafka->group_id = kafka_strdup(options->group_id);
    kafka->instance_id = kafka_strdup(options->instance_id);
    odk_map_init(&kafka->known);
}

static int
fds_make(struct kafka_bus *kafka, struct odk_err *err)
{
    kafka->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    kafka->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (kafka->event_fd < 0 || kafka->wake_fd < 0) {
        return odk_err_set(err, ODK_EIO, "eventfd: error %d", errno);
    }
    return 0;
}

static int
consumer_make(struct kafka_bus *kafka, const struct bus_kafka_options *options,
              struct odk_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    int rc = kafka_conf_new(options, KAFKA_CONSUMER, &kafka->sink, &conf, err);

    if (rc < 0) {
        return rc;
    }
    rc = kafka_client_new(RD_KAFKA_CONSUMER, &conf, &kafka->consumer, err);
    if (rc < 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    return kafka_connect(kafka->consumer, options->bootstrap,
                         options->connect_ms_max ? options->connect_ms_max
                                                 : BUS_KAFKA_CONNECT_MS_MAX,
                         err);
}

/* All topics must be there, twins with the same number of partitions. */
static int
topics_check(struct kafka_bus *kafka, const struct bus_kafka_options *options,
             struct odk_err *err)
{
    int32_t n_first = 0;

    for (size_t i = 0; i < options->n_topics; i++) {
        int32_t n = 0;
        int64_t deadline = kafka_now_ms() + KAFKA_ASK_MS_MAX;
        struct odk_err last = {0};
        int rc = ODK_EAGAIN;

        while (rc == ODK_EAGAIN && kafka_now_ms() < deadline) {
            rc = kafka_topic_ask(kafka->consumer, options->topics[i],
                                 KAFKA_METADATA_MS_MAX, &n, &last);
        }
        if (rc < 0) {
            return odk_err_set(err, rc, "%s", last.message);
        }
        n_first = i == 0 ? n : n_first;
        if (n != n_first) {
            return odk_err_set(err, ODK_ECONFLICT,
                               "topic %s has %d partitions but %s has %d: both "
                               "must have the same number",
                               options->topics[i], (int)n, options->topics[0],
                               (int)n_first);
        }
        kafka->topics[kafka->n_topics++] = kafka_strdup(options->topics[i]);
    }
    kafka_places_fit(kafka, n_first);
    return 0;
}

static int
consumer_begin(struct kafka_bus *kafka, struct odk_err *err)
{
    static const uint64_t one = 1;
    rd_kafka_resp_err_t error = rd_kafka_poll_set_consumer(kafka->consumer);

    kafka->consumer_queue = rd_kafka_queue_get_consumer(kafka->consumer);
    rd_kafka_queue_io_event_enable(kafka->consumer_queue, kafka->event_fd, &one,
                                   sizeof(one));
    if (!error && kafka->group_id && kafka->n_topics > 0) {
        rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new(1);

        (void)rd_kafka_topic_partition_list_add(list, kafka->topics[0],
                                                RD_KAFKA_PARTITION_UA);
        error = rd_kafka_subscribe(kafka->consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
    if (error) {
        return odk_err_set(err, kafka_code(error), "subscription: %s",
                           rd_kafka_err2str(error));
    }
    return 0;
}

int
bus_kafka_open(const struct bus_kafka_options *options, struct bus *out,
               struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_calloc(1, sizeof(*kafka));

    *out = (struct bus){0};
    kafka->magic = KAFKA_MAGIC;
    kafka->sink = (struct kafka_sink){options->log, options->log_ctx};
    buffers_make(kafka, options);
    int rc = fds_make(kafka, err);

    if (rc == 0) {
        rc = kafka_conf_new(options, KAFKA_READER, &kafka->sink,
                            &kafka->reader_conf, err);
    }
    if (rc == 0) {
        rc = kafka_conf_new(options, KAFKA_PRODUCER, &kafka->sink,
                            &kafka->producer_conf, err);
    }
    rc = rc < 0 ? rc : consumer_make(kafka, options, err);
    rc = rc < 0 ? rc : topics_check(kafka, options, err);
    rc = rc < 0 ? rc : kafka_producer_open(kafka, err);
    rc = rc < 0 ? rc : consumer_begin(kafka, err);
    if (rc < 0) {
        kafka_producer_close(kafka);
        consumer_close(kafka, false);
        kafka_free(kafka);
        return rc;
    }
    *out = (struct bus){&kafka_ops, kafka};
    return 0;
}
