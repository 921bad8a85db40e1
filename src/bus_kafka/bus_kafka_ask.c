#include <stdlib.h>

#include "bus/bus_origin.h"
#include "bus_kafka/bus_kafka_priv.h"

/* Questions to the broker. */

/** A scan that gets nothing for this long gives up. */
#define SCAN_IDLE_MS_MAX 30000
#define SCAN_STEP_MS     500

static void
known_free(struct kafka_topic *topic)
{
    if (topic->write) {
        rd_kafka_topic_destroy(topic->write);
    }
    free(topic->name);
    free(topic);
}

void
kafka_known_release(struct kafka_bus *kafka)
{
    struct odk_map_node *node = NULL;

    while ((node = odk_map_next(&kafka->known, NULL))) {
        odk_map_remove(&kafka->known, node);
        known_free(ODK_CONTAINER(node, struct kafka_topic, node));
    }
    odk_map_release(&kafka->known);
    odk_map_init(&kafka->known);
}

void
kafka_known_unhandle(struct kafka_bus *kafka)
{
    struct odk_map_node *node = NULL;

    while ((node = odk_map_next(&kafka->known, node))) {
        struct kafka_topic *topic =
            ODK_CONTAINER(node, struct kafka_topic, node);

        if (topic->write) {
            rd_kafka_topic_destroy(topic->write);
            topic->write = NULL;
        }
        topic->checked_ms = -1; /* a topic that went may be why it ended */
    }
}

static struct kafka_topic *
known_get(struct kafka_bus *kafka, struct odk_str name)
{
    struct odk_map_node *node = odk_map_find(&kafka->known, name);

    if (node) {
        return ODK_CONTAINER(node, struct kafka_topic, node);
    }
    if (kafka->known.count >= KAFKA_TOPICS_MAX) {
        kafka_known_release(kafka);
    }
    struct kafka_topic *topic = kafka_calloc(1, sizeof(*topic));

    topic->name = kafka_calloc(name.len + 1, 1);
    memcpy(topic->name, name.ptr, name.len);
    topic->checked_ms = -1;
    odk_map_add(&kafka->known, &topic->node, odk_str_n(topic->name, name.len));
    return topic;
}

void
kafka_known_doubt(struct kafka_bus *kafka, const char *name)
{
    struct odk_map_node *node = odk_map_find(&kafka->known, odk_str(name));

    if (node) {
        ODK_CONTAINER(node, struct kafka_topic, node)->checked_ms = -1;
    }
}

static bool
known_is_fresh(const struct kafka_topic *topic, int64_t now)
{
    int64_t age_max =
        topic->n_partitions > 0 ? KAFKA_METADATA_AGE_MS : KAFKA_MISSING_AGE_MS;

    return topic->checked_ms >= 0 && now - topic->checked_ms < age_max;
}

/* Asks the broker and remembers the answer; without one, what was known
 * stays. */
static void
known_refresh(struct kafka_bus *kafka, struct kafka_topic *topic, int64_t now)
{
    int32_t n_partitions = 0;
    int rc = kafka_topic_ask(kafka->consumer, topic->name,
                             KAFKA_METADATA_MS_MAX, &n_partitions, NULL);

    if (rc == ODK_EAGAIN) {
        kafka->rest_until_ms = now + KAFKA_METADATA_REST_MS;
        return;
    }
    topic->n_partitions = n_partitions;
    topic->error = rc;
    topic->checked_ms = now;
}

int
kafka_known(struct kafka_bus *kafka, struct odk_str name,
            struct kafka_topic **out, struct odk_err *err)
{
    struct kafka_topic *topic = known_get(kafka, name);
    int64_t now = kafka_now_ms();

    if (!known_is_fresh(topic, now) && now >= kafka->rest_until_ms) {
        known_refresh(kafka, topic, now);
    }
    if (topic->n_partitions > 0) {
        *out = topic;
        return 0;
    }
    if (topic->error == 0) {
        return odk_err_set(err, ODK_EAGAIN, "topic %s: not known yet",
                           topic->name);
    }
    return odk_err_set(err, topic->error, "topic %s: %s", topic->name,
                       odk_err_text(topic->error));
}

int
kafka_partitions(struct bus *bus, struct odk_str topic, int32_t *out,
                 struct odk_err *err)
{
    struct kafka_topic *known = NULL;
    int rc = kafka_known(kafka_bus(bus), topic, &known, err);

    if (rc < 0) {
        return rc;
    }
    odk_assert(known);
    *out = known->n_partitions;
    return 0;
}

static int
partition_check(struct kafka_bus *kafka, struct odk_str topic,
                int32_t partition, struct kafka_topic **known,
                struct odk_err *err)
{
    int rc = kafka_known(kafka, topic, known, err);

    if (rc < 0) {
        return rc;
    }
    odk_assert(*known);
    if (partition >= (*known)->n_partitions) {
        return odk_err_set(err, ODK_ENOTFOUND, "topic %s has no partition %d",
                           (*known)->name, (int)partition);
    }
    return 0;
}

/* Not the consumer where it can be helped: the broker answers a connection in
 * order, and its fetch may wait for records first. */
static rd_kafka_t *
asker(const struct kafka_bus *kafka)
{
    return kafka->producer ? kafka->producer : kafka->consumer;
}

/* librdkafka keeps who leads a partition for minutes, and asks whom it knows:
 * after leaders have moved the question is put again with fresh metadata. */
static bool
is_leader_stale(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

rd_kafka_resp_err_t
kafka_range_ask(rd_kafka_t *client, const char *topic, int32_t partition,
                int64_t *start, int64_t *end, int ms_max)
{
    int32_t n_partitions = 0;
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        client, topic, partition, start, end, ms_max);

    if (is_leader_stale(error) &&
        kafka_topic_ask(client, topic, ms_max, &n_partitions, NULL) == 0) {
        error = rd_kafka_query_watermark_offsets(client, topic, partition,
                                                 start, end, ms_max);
    }
    return error;
}

int
kafka_log_range(struct bus *bus, struct odk_str topic, int32_t partition,
                int64_t *start, int64_t *end, struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    struct kafka_topic *known = NULL;
    int rc = partition_check(kafka, topic, partition, &known, err);

    if (rc < 0) {
        return rc;
    }
    odk_assert(known);
    rd_kafka_resp_err_t error = kafka_range_ask(
        asker(kafka), known->name, partition, start, end, KAFKA_ASK_MS_MAX);

    if (error) {
        *start = 0;
        *end = 0;
        return odk_err_set(err, kafka_code(error), "range of %s/%d: %s",
                           known->name, (int)partition,
                           rd_kafka_err2str(error));
    }
    return 0;
}

static size_t
names_take(const struct rd_kafka_metadata *metadata, struct odk_str prefix,
           struct odk_arena *arena, struct odk_str *out)
{
    size_t n = 0;

    for (int i = 0; i < metadata->topic_cnt; i++) {
        struct odk_str name = odk_str(metadata->topics[i].topic);

        if (odk_str_starts(name, prefix)) {
            out[n] = odk_arena_str(arena, name);
            n += out[n].ptr != NULL;
        }
    }
    return n;
}

int
kafka_topics(struct bus *bus, struct odk_str prefix, struct odk_arena *arena,
             const struct odk_str **out, size_t *n, struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(asker(kafka), 1, NULL, &metadata, KAFKA_ASK_MS_MAX);

    if (error) {
        return odk_err_set(err, kafka_code(error), "names of the topics: %s",
                           rd_kafka_err2str(error));
    }
    struct odk_str *names =
        odk_arena_calloc(arena, (size_t)metadata->topic_cnt, sizeof(*names));

    if (names) {
        *n = names_take(metadata, prefix, arena, names);
        *out = names;
    }
    rd_kafka_metadata_destroy(metadata);
    return names
               ? 0
               : odk_err_set(err, ODK_ELIMIT, "the names do not fit the arena");
}

int
kafka_offset_at(struct bus *bus, struct odk_str topic, int32_t partition,
                odk_time_ms at, int64_t *offset, struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    struct kafka_topic *known = NULL;
    int64_t start = 0;
    int64_t end = 0;
    int rc = partition_check(kafka, topic, partition, &known, err);

    if (rc == 0) {
        rc = kafka_log_range(bus, topic, partition, &start, &end, err);
    }
    if (rc < 0) {
        return rc;
    }
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one =
        rd_kafka_topic_partition_list_add(list, known->name, partition);

    one->offset = at > 0 ? at : 0;
    rd_kafka_resp_err_t error =
        rd_kafka_offsets_for_times(asker(kafka), list, KAFKA_ASK_MS_MAX);
    if (!error) {
        error = one->err;
    }
    *offset = one->offset >= 0 ? one->offset : end;
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        *offset = 0;
        return odk_err_set(err, kafka_code(error),
                           "offset of a time in %s/%d: %s", known->name,
                           (int)partition, rd_kafka_err2str(error));
    }
    return 0;
}

/* A scan under way. */
struct scan {
    rd_kafka_t *reader;
    int32_t shard;
    int64_t end; /**< of the log when the scan began */
    struct bus_scan *out;
};

static void
scan_message(struct scan *scan, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const void *text[2] = {NULL, NULL};
    size_t len[2] = {0, 0};

    scan->out->offset_next = message->offset + 1;
    if (rd_kafka_message_headers(message, &headers) ||
        rd_kafka_header_get_last(headers, BUS_ORIGIN_SHARD, &text[0],
                                 &len[0]) ||
        rd_kafka_header_get_last(headers, BUS_ORIGIN_SEQ, &text[1], &len[1])) {
        return;
    }
    struct bus_header pair[2] = {
        {ODK_STR(BUS_ORIGIN_SHARD), odk_str_n(text[0], len[0])},
        {ODK_STR(BUS_ORIGIN_SEQ), odk_str_n(text[1], len[1])},
    };
    int32_t shard = -1;
    uint64_t seq = 0;

    uint64_t *max =
        message->payload ? &scan->out->seq_max : &scan->out->marker_max;
    if (bus_origin_parse(pair, 2, &shard, &seq) && shard == scan->shard &&
        seq > *max) {
        *max = seq;
    }
}

/* Reads up to the end. The end of the partition is an event of its own, so that
 * markers and gaps behind the last record do not matter. */
static int
scan_run(struct scan *scan, struct odk_err *err)
{
    int64_t deadline = kafka_now_ms() + SCAN_IDLE_MS_MAX;

    while (scan->out->offset_next < scan->end) {
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(scan->reader, SCAN_STEP_MS);
        rd_kafka_resp_err_t error =
            message ? message->err : RD_KAFKA_RESP_ERR__TIMED_OUT;
        int code = kafka_code(error);

        if (!error) {
            scan_message(scan, message);
            deadline = kafka_now_ms() + SCAN_IDLE_MS_MAX;
        } else if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            scan->out->offset_next = scan->end;
        }
        if (message) {
            rd_kafka_message_destroy(message);
        }
        if (error && (code == ODK_EAUTH || code == ODK_ECORRUPT ||
                      code == ODK_ENOTFOUND)) {
            return odk_err_set(err, code, "scan: %s", rd_kafka_err2str(error));
        }
        if (kafka_now_ms() >= deadline) {
            return odk_err_set(err, ODK_ETIMEOUT,
                               "scan: nothing came for %d ms at offset %lld",
                               SCAN_IDLE_MS_MAX,
                               (long long)scan->out->offset_next);
        }
    }
    return 0;
}

static int
scan_begin(struct kafka_bus *kafka, struct scan *scan, const char *topic,
           int32_t partition, struct odk_err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(kafka->reader_conf);
    int rc = kafka_client_new(RD_KAFKA_CONSUMER, &conf, &scan->reader, err);

    if (rc < 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);

    (void)rd_kafka_poll_set_consumer(scan->reader);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset =
        scan->out->offset_next;
    rd_kafka_resp_err_t error = rd_kafka_assign(scan->reader, list);

    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        return odk_err_set(err, kafka_code(error), "scan of %s/%d: %s", topic,
                           (int)partition, rd_kafka_err2str(error));
    }
    return 0;
}

int
// NOLINTNEXTLINE(readability-function-size): the port's signature
kafka_scan(struct bus *bus, struct odk_str topic, int32_t partition,
           int32_t shard, int64_t offset, struct bus_scan *out,
           struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    struct kafka_topic *known = NULL;
    struct scan scan = {.shard = shard, .out = out};
    int64_t start = 0;
    int rc = partition_check(kafka, topic, partition, &known, err);

    if (rc == 0) {
        rc = kafka_log_range(bus, topic, partition, &start, &scan.end, err);
    }
    if (rc < 0) {
        return rc;
    }
    out->offset_next = offset > start ? offset : start;
    if (out->offset_next >= scan.end) {
        out->offset_next = scan.end;
        return 0;
    }
    rc = scan_begin(kafka, &scan, known->name, partition, err);
    if (rc == 0) {
        rc = scan_run(&scan, err);
    }
    if (scan.reader) {
        (void)rd_kafka_consumer_close(scan.reader);
        rd_kafka_destroy(scan.reader);
    }
    return rc;
}

static int
group_check(const struct kafka_bus *kafka, struct bus_place place,
            struct odk_err *err)
{
    odk_assert((size_t)place.topic < kafka->n_topics);
    if (!kafka->group_id) {
        return odk_err_set(err, ODK_EINVAL, "this bus has no group");
    }
    return 0;
}

int
kafka_group_offset(struct bus *bus, struct bus_place place, int64_t *offset,
                   struct odk_buf *metadata, struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    int rc = group_check(kafka, place, err);

    if (rc < 0) {
        return rc;
    }
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(
        list, kafka->topics[place.topic], place.partition);
    rd_kafka_resp_err_t error =
        rd_kafka_committed(kafka->consumer, list, KAFKA_ASK_MS_MAX);

    if (!error) {
        error = one->err;
    }
    if (!error && one->offset >= 0) {
        *offset = one->offset;
        odk_buf_put(metadata, one->metadata, one->metadata_size);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        return odk_err_set(err, kafka_code(error), "group offset: %s",
                           rd_kafka_err2str(error));
    }
    return 0;
}

int
kafka_commit_offset(struct bus *bus, struct bus_place place, int64_t offset,
                    struct odk_str metadata, struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    int rc = group_check(kafka, place, err);

    if (rc < 0) {
        return rc;
    }
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(
        list, kafka->topics[place.topic], place.partition);

    one->offset = offset;
    if (metadata.len > 0) {
        one->metadata = rd_kafka_mem_malloc(NULL, metadata.len);
        memcpy(one->metadata, metadata.ptr, metadata.len);
        one->metadata_size = metadata.len;
    }
    rd_kafka_resp_err_t error = rd_kafka_commit(kafka->consumer, list, 1);

    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        return odk_err_set(err, kafka_code(error), "group offset: %s",
                           rd_kafka_err2str(error));
    }
    return 0;
}
