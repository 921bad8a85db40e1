#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "sdk/sdk_kafka.h"
#include "sdk/sdk_kafka_priv.h"

/** Bound of the calls that ask a broker while partitions change hands. */
#define ASK_MS 5000
/** Between looks for a partition's leader. */
#define LEADER_MS 50
/** Partitions of a task topic that one member may hold. */
#define PLACES_MAX 1024

struct sdk_consumer {
    const struct odradek_config *config;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event; /**< being read */
    char *topic;
    char *side; /**< NULL: none */
    size_t n_side;
    bool is_side_assigned;
    rd_kafka_topic_partition_list_t *committed; /**< of the last look-up */
    struct sdk_place places[PLACES_MAX];        /**< of the event */
};

static int
conf_make(const struct odradek_config *config,
          const struct sdk_consumer_options *options, rd_kafka_conf_t **out,
          struct odk_err *err)
{
    char session[24];
    char heartbeat[24];

    (void)snprintf(session, sizeof(session), "%lld",
                   (long long)config->session_timeout_ms);
    (void)snprintf(heartbeat, sizeof(heartbeat), "%lld",
                   (long long)config->session_timeout_ms / 10);
    const struct sdk_kafka_setting settings[] = {
        /* Without a group the name is never sent. */
        {"group.id", options->group ? options->group : "odradek-none"},
        {"client.id", config->name},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "earliest"},
        {"isolation.level", "read_committed"},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", heartbeat},
        /* A seek waits for the fetch that is under way. */
        {"fetch.wait.max.ms", options->group ? "500" : "5000"},
        {"fetch.error.backoff.ms", "50"},
        {"queued.max.messages.kbytes", "16384"},
        {"topic.metadata.refresh.interval.ms", "10000"},
        /* Last: without an instance it is left out. */
        {"group.instance.id", config->instance},
    };
    size_t n = ODK_ARRAY_LEN(settings);

    if (!config->instance || !options->group) {
        n--;
    }
    return sdk_kafka_conf(config, settings, n, out, err);
}

static int
subscribe(struct sdk_consumer *consumer, struct odk_err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);

    (void)rd_kafka_topic_partition_list_add(list, consumer->topic,
                                            RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->rk, list);

    rd_kafka_topic_partition_list_destroy(list);
    return code ? sdk_kafka_fail(err, code, consumer->topic) : 0;
}

static int
start(struct sdk_consumer *consumer, const struct sdk_consumer_options *options,
      struct odk_err *err)
{
    char text[512];
    rd_kafka_conf_t *conf;

    consumer->topic = strdup(options->topic);
    consumer->side = options->side ? strdup(options->side) : NULL;
    if (!consumer->topic || (options->side && !consumer->side)) {
        return odk_err_set(err, ODK_ELIMIT, "out of memory");
    }
    int ret = conf_make(consumer->config, options, &conf, err);

    if (ret != 0) {
        return ret;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE |
                                       RD_KAFKA_EVENT_OFFSET_COMMIT |
                                       RD_KAFKA_EVENT_ERROR);
    consumer->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!consumer->rk) {
        rd_kafka_conf_destroy(conf);
        return odk_err_set(err, ODK_EINVAL, "consumer: %s", text);
    }
    (void)rd_kafka_poll_set_consumer(consumer->rk);
    consumer->queue = rd_kafka_queue_get_consumer(consumer->rk);
    sdk_kafka_wake(consumer->queue, options->wake_fd);
    return options->group ? subscribe(consumer, err) : 0;
}

int
sdk_consumer_open(const struct odradek_config *config,
                  const struct sdk_consumer_options *options,
                  struct sdk_consumer **out, struct odk_err *err)
{
    struct sdk_consumer *consumer = calloc(1, sizeof(*consumer));

    *out = NULL;
    if (!consumer) {
        return odk_err_set(err, ODK_ELIMIT, "out of memory");
    }
    consumer->config = config;
    int ret = start(consumer, options, err);

    if (ret != 0) {
        sdk_consumer_close(consumer);
        return ret;
    }
    *out = consumer;
    return 0;
}

void
sdk_consumer_close(struct sdk_consumer *consumer)
{
    if (!consumer) {
        return;
    }
    if (consumer->event) {
        rd_kafka_event_destroy(consumer->event);
    }
    if (consumer->committed) {
        rd_kafka_topic_partition_list_destroy(consumer->committed);
    }
    if (consumer->queue) {
        rd_kafka_queue_io_event_enable(consumer->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(consumer->queue);
    }
    if (consumer->rk) {
        (void)rd_kafka_consumer_close(consumer->rk);
        rd_kafka_destroy(consumer->rk);
    }
    free(consumer->topic);
    free(consumer->side);
    free(consumer);
}

static struct sdk_mark
mark_of(const rd_kafka_message_t *message)
{
    struct odk_str shard = sdk_kafka_header(message, SDK_HEADER_SHARD);
    struct odk_str seq = sdk_kafka_header(message, SDK_HEADER_SEQ);
    struct sdk_mark mark = {.shard = -1};
    int64_t number;

    if (odk_str_to_i64(shard, &number) && number >= 0 && number <= INT32_MAX &&
        odk_str_to_u64(seq, &mark.seq)) {
        mark.shard = (int32_t)number;
    }
    return mark;
}

static void
read_record(const struct sdk_consumer *consumer,
            const rd_kafka_message_t *message, struct sdk_event *out)
{
    rd_kafka_timestamp_type_t type;

    *out = (struct sdk_event){
        .kind = message->err ? SDK_EVENT_ERROR : SDK_EVENT_RECORD,
        .partition = message->partition,
        .offset = message->offset,
        .code = sdk_kafka_code(message->err),
        .text = message->err ? rd_kafka_message_errstr(message) : NULL,
    };
    if (message->err) {
        return;
    }
    out->is_side = consumer->side && strcmp(rd_kafka_topic_name(message->rkt),
                                            consumer->side) == 0;
    out->at = rd_kafka_message_timestamp(message, &type);
    out->key = odk_str_n(message->key, message->key_len);
    out->value = odk_str_n(message->payload, message->len);
    out->traceparent = sdk_kafka_header(message, SDK_HEADER_TRACEPARENT);
    out->mark = mark_of(message);
}

static void
read_places(struct sdk_consumer *consumer,
            const rd_kafka_topic_partition_list_t *list, struct sdk_event *out)
{
    out->places = consumer->places;
    out->n_places = 0;
    for (int i = 0; list && i < list->cnt && i < PLACES_MAX; i++) {
        if (strcmp(list->elems[i].topic, consumer->topic) == 0) {
            consumer->places[out->n_places++] = (struct sdk_place){
                .partition = list->elems[i].partition, .offset = -1};
        }
    }
}

/** Any event but records. */
static bool
read_other(struct sdk_consumer *consumer, struct sdk_event *out)
{
    rd_kafka_event_t *event = consumer->event;
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);

    *out = (struct sdk_event){.code = sdk_kafka_code(code),
                              .text = rd_kafka_event_error_string(event)};
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE:
        out->kind = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                        ? SDK_EVENT_ASSIGN
                        : SDK_EVENT_REVOKE;
        out->code = 0;
        read_places(consumer, rd_kafka_event_topic_partition_list(event), out);
        return true;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        out->kind = SDK_EVENT_COMMIT;
        return true;
    case RD_KAFKA_EVENT_ERROR:
        out->kind = SDK_EVENT_ERROR;
        return true;
    default:
        return false;
    }
}

bool
sdk_consumer_next(struct sdk_consumer *consumer, struct sdk_event *out)
{
    for (;;) {
        const rd_kafka_message_t *message = NULL;

        if (consumer->event &&
            rd_kafka_event_type(consumer->event) == RD_KAFKA_EVENT_FETCH) {
            message = rd_kafka_event_message_next(consumer->event);
        }
        if (message) {
            read_record(consumer, message, out);
            return true;
        }
        if (consumer->event) {
            rd_kafka_event_destroy(consumer->event);
        }
        consumer->event = rd_kafka_queue_poll(consumer->queue, 0);
        if (!consumer->event) {
            return false;
        }
        if (rd_kafka_event_type(consumer->event) != RD_KAFKA_EVENT_FETCH &&
            read_other(consumer, out)) {
            return true;
        }
    }
}

/** The offset after the last record; a topic that was just made has no leader
 * for a moment. */
static rd_kafka_resp_err_t
find_end(struct sdk_consumer *consumer, int32_t partition, int64_t until,
         int64_t *out)
{
    rd_kafka_resp_err_t code;
    int64_t low;
    int64_t left;

    do {
        left = until - sdk_ticks_ms();
        code = rd_kafka_query_watermark_offsets(consumer->rk, consumer->topic,
                                                partition, &low, out,
                                                left > 0 ? (int)left : 1);
        if (code) {
            (void)poll(NULL, 0, LEADER_MS);
        }
    } while (code && sdk_kafka_code(code) != ODK_EAUTH && left > LEADER_MS);
    return code;
}

int
sdk_consumer_take_end(struct sdk_consumer *consumer, int32_t partition,
                      int64_t timeout_ms, struct odk_err *err)
{
    int64_t high;
    rd_kafka_resp_err_t code =
        find_end(consumer, partition, sdk_ticks_ms() + timeout_ms, &high);

    if (code) {
        return sdk_kafka_fail(err, code, consumer->topic);
    }
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, consumer->topic, partition)
        ->offset = high;
    code = rd_kafka_assign(consumer->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? sdk_kafka_fail(err, code, consumer->topic) : 0;
}

/** A list of our topic's partitions with their offsets; < 0: earliest. */
static rd_kafka_topic_partition_list_t *
list_of(const struct sdk_consumer *consumer, const struct sdk_place *places,
        size_t n_places)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)n_places);

    for (size_t i = 0; i < n_places; i++) {
        rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(
            list, consumer->topic, places[i].partition);

        at->offset =
            places[i].offset < 0 ? RD_KAFKA_OFFSET_BEGINNING : places[i].offset;
        if (places[i].metadata.len > 0) {
            /* The list frees it. */
            at->metadata = sdk_copy(places[i].metadata);
            at->metadata_size = at->metadata ? places[i].metadata.len : 0;
        }
    }
    return list;
}

int
sdk_consumer_committed(struct sdk_consumer *consumer, struct sdk_place *places,
                       size_t n_places, struct odk_err *err)
{
    if (consumer->committed) {
        rd_kafka_topic_partition_list_destroy(consumer->committed);
    }
    consumer->committed = list_of(consumer, places, n_places);
    rd_kafka_resp_err_t code =
        rd_kafka_committed(consumer->rk, consumer->committed, ASK_MS);

    for (size_t i = 0; !code && i < n_places; i++) {
        const rd_kafka_topic_partition_t *at =
            rd_kafka_topic_partition_list_find(
                consumer->committed, consumer->topic, places[i].partition);

        code = at->err;
        places[i].offset = at->offset < 0 ? -1 : at->offset;
        places[i].metadata = odk_str_n(at->metadata, at->metadata_size);
    }
    return code ? sdk_kafka_fail(err, code, "committed offsets") : 0;
}

/** Partitions of the side topic; 0 while it is not known. */
static size_t
side_look_up(struct sdk_consumer *consumer)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle =
        rd_kafka_topic_new(consumer->rk, consumer->side, NULL);
    size_t n = 0;

    if (!handle) {
        return 0;
    }
    if (!rd_kafka_metadata(consumer->rk, 0, handle, &metadata, ASK_MS) &&
        metadata->topic_cnt == 1 && metadata->topics[0].partition_cnt > 0) {
        n = (size_t)metadata->topics[0].partition_cnt;
    }
    if (metadata) {
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    return n < SDK_SIDE_MAX ? n : SDK_SIDE_MAX;
}

static bool
is_eager(const struct sdk_consumer *consumer)
{
    const char *protocol = rd_kafka_rebalance_protocol(consumer->rk);

    return protocol && strcmp(protocol, "COOPERATIVE") != 0;
}

int
sdk_consumer_assign(struct sdk_consumer *consumer,
                    const struct sdk_place *places, size_t n_places,
                    struct odk_err *err)
{
    rd_kafka_topic_partition_list_t *list = list_of(consumer, places, n_places);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool is_anew = false;

    if (consumer->side && (is_eager(consumer) || !consumer->is_side_assigned)) {
        consumer->n_side = side_look_up(consumer);
        is_anew = consumer->n_side > 0;
    }
    for (size_t i = 0; is_anew && i < consumer->n_side; i++) {
        int64_t low;

        /* Not OFFSET_END, which means the end at some later time. */
        code = rd_kafka_query_watermark_offsets(
            consumer->rk, consumer->side, (int32_t)i, &low,
            &rd_kafka_topic_partition_list_add(list, consumer->side, (int32_t)i)
                 ->offset,
            ASK_MS);
        if (code) {
            rd_kafka_topic_partition_list_destroy(list);
            return sdk_kafka_fail(err, code, consumer->side);
        }
    }
    if (is_eager(consumer)) {
        code = rd_kafka_assign(consumer->rk, list);
    } else {
        rd_kafka_error_t *error =
            rd_kafka_incremental_assign(consumer->rk, list);

        if (error) {
            code = rd_kafka_error_code(error);
            rd_kafka_error_destroy(error);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        return sdk_kafka_fail(err, code, "assign");
    }
    consumer->is_side_assigned = consumer->is_side_assigned || is_anew;
    return is_anew ? 1 : 0;
}

void
sdk_consumer_unassign(struct sdk_consumer *consumer,
                      const struct sdk_place *places, size_t n_places)
{
    if (is_eager(consumer)) {
        (void)rd_kafka_assign(consumer->rk, NULL);
        consumer->is_side_assigned = false;
        return;
    }
    rd_kafka_topic_partition_list_t *list = list_of(consumer, places, n_places);
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(consumer->rk, list);

    if (error) {
        sdk_log(consumer->config, 4, "%s: unassign: %s", consumer->topic,
                rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

bool
sdk_consumer_is_lost(struct sdk_consumer *consumer)
{
    return rd_kafka_assignment_lost(consumer->rk) != 0;
}

int
sdk_consumer_commit(struct sdk_consumer *consumer,
                    const struct sdk_place *places, size_t n_places,
                    struct odk_err *err)
{
    rd_kafka_topic_partition_list_t *list = list_of(consumer, places, n_places);
    rd_kafka_resp_err_t code =
        rd_kafka_commit_queue(consumer->rk, list, consumer->queue, NULL, NULL);

    rd_kafka_topic_partition_list_destroy(list);
    return code ? sdk_kafka_fail(err, code, "commit") : 0;
}

/** Applies pause or resume to one partition. */
static void
flow(struct sdk_consumer *consumer, int32_t partition,
     rd_kafka_resp_err_t (*change)(rd_kafka_t *,
                                   rd_kafka_topic_partition_list_t *))
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);

    (void)rd_kafka_topic_partition_list_add(list, consumer->topic, partition);
    (void)change(consumer->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/** Seeks to the offsets of the list. */
static rd_kafka_resp_err_t
seek(struct sdk_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error =
        list->cnt > 0 ? rd_kafka_seek_partitions(consumer->rk, list, ASK_MS)
                      : NULL;

    if (error) {
        code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
    }
    for (int i = 0; !code && i < list->cnt; i++) {
        code = list->elems[i].err;
    }
    return code;
}

void
sdk_consumer_pause(struct sdk_consumer *consumer, int32_t partition)
{
    flow(consumer, partition, rd_kafka_pause_partitions);
}

int
sdk_consumer_resume(struct sdk_consumer *consumer, int32_t partition,
                    int64_t offset, struct odk_err *err)
{
    const struct sdk_place place = {.partition = partition, .offset = offset};
    rd_kafka_topic_partition_list_t *list = list_of(consumer, &place, 1);
    rd_kafka_resp_err_t code = seek(consumer, list);

    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        /* It would go on behind records that were thrown away. */
        return sdk_kafka_fail(err, code, "seek");
    }
    flow(consumer, partition, rd_kafka_resume_partitions);
    return 0;
}

size_t
sdk_consumer_side_count(const struct sdk_consumer *consumer)
{
    return consumer->is_side_assigned ? consumer->n_side : 0;
}

/** Turns the times in the list into offsets, and learns where the log ends. */
static rd_kafka_resp_err_t
side_offsets(struct sdk_consumer *consumer,
             rd_kafka_topic_partition_list_t *list, int64_t *ends)
{
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(consumer->rk, list, ASK_MS);

    for (int i = 0; !code && i < list->cnt; i++) {
        rd_kafka_topic_partition_t *at = &list->elems[i];
        int64_t low;

        code = at->err ? at->err
                       : rd_kafka_query_watermark_offsets(
                             consumer->rk, consumer->side, at->partition, &low,
                             &ends[at->partition], ASK_MS);
        if (!code && at->offset < 0) {
            at->offset = ends[at->partition];
        }
    }
    return code;
}

int
sdk_consumer_side_rewind(struct sdk_consumer *consumer, odk_time_ms from,
                         int64_t ends[SDK_SIDE_MAX], struct odk_err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)consumer->n_side);

    for (size_t i = 0; i < consumer->n_side; i++) {
        rd_kafka_topic_partition_list_add(list, consumer->side, (int32_t)i)
            ->offset = from > 0 ? from : 0;
    }
    rd_kafka_resp_err_t code = side_offsets(consumer, list, ends);

    /* A seek waits for the fetch that is under way: not without a reason. */
    for (int i = list->cnt - 1; !code && i >= 0; i--) {
        int32_t partition = list->elems[i].partition;

        if (list->elems[i].offset >= ends[partition]) {
            ends[partition] = -1;
            rd_kafka_topic_partition_list_del_by_idx(list, i);
        }
    }
    if (!code) {
        code = seek(consumer, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? sdk_kafka_fail(err, code, consumer->side) : 0;
}
