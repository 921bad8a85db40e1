#include <stdlib.h>

#include "bus/bus_origin.h"
#include "sdk/sdk_kafka.h"
#include "sim/sim_priv.h"

/*
 * sdk_kafka.h on the broker in memory: what a worker process sees of Kafka. The
 * log's context of its configuration is the process (sim_worker.c). A doomed
 * process sends and hears nothing more.
 */

#define SIDE 0 /* the one partition of the cancels */

static struct sim_hand *
hand_of(const struct odradek_config *config)
{
    return config->log_ctx;
}

/* ---- producer ---- */

/** A record without an acknowledgement. */
struct sent {
    struct sent *next;
    uint64_t number;
    void *opaque;
    struct odk_str key;
    struct odk_str value;
    char bytes[];
};

struct sdk_producer {
    struct sim_hand *hand;
    struct bus bus;
    uint64_t number;
    struct sent *first; /**< the oldest */
    struct sent **end;
    size_t n_unacked;
    struct bus_ack acks[SIM_ACKS_MAX]; /**< polled, not told yet */
    size_t n_acks;
    size_t ack;
    bool is_renewing; /**< all that is sent comes back with ODK_EIO */
    struct sent *told;
};

// NOLINTNEXTLINE(readability-function-size): the face of sdk_kafka.h
int
sdk_producer_open(const struct odradek_config *config, int64_t retry_ms,
                  int wake_fd, struct sdk_producer **out, struct odk_err *err)
{
    struct sim_hand *hand = hand_of(config);
    struct bus_mem_options options = {.queue_max = SIM_ACKS_MAX};
    struct sdk_producer *producer = calloc(1, sizeof(*producer));

    (void)retry_ms;
    (void)wake_fd;
    *out = NULL;
    if (!producer) {
        odk_out_of_memory();
    }
    int rc = bus_mem_open(hand->sim->broker, &options, &producer->bus, err);
    odk_assert(rc == 0);
    producer->hand = hand;
    producer->end = &producer->first;
    hand->producer = &producer->bus;
    *out = producer;
    return 0;
}

void
sdk_producer_close(struct sdk_producer *producer)
{
    if (!producer) {
        return;
    }
    struct sim_hand *hand = producer->hand;

    if (hand->is_doomed) {
        bus_mem_crash(&producer->bus,
                      sim_below(&hand->sim->chaos,
                                bus_mem_in_flight(&producer->bus) + 1));
    } else {
        bus_close(&producer->bus, false);
    }
    hand->producer = NULL;
    hand->sim->is_dirty = true;
    while (producer->first) {
        struct sent *sent = producer->first;
        producer->first = sent->next;
        free(sent);
    }
    free(producer->told);
    free(producer);
}

static void
sent_add(struct sdk_producer *producer, const struct sdk_record *record)
{
    size_t bytes = record->key.len + record->value.len;
    struct sent *sent = calloc(1, sizeof(*sent) + bytes);

    if (!sent) {
        odk_out_of_memory();
    }
    sent->number = ++producer->number;
    sent->opaque = record->opaque;
    memcpy(sent->bytes, record->key.ptr, record->key.len);
    memcpy(sent->bytes + record->key.len, record->value.ptr, record->value.len);
    sent->key = odk_str_n(sent->bytes, record->key.len);
    sent->value = odk_str_n(sent->bytes + record->key.len, record->value.len);
    *producer->end = sent;
    producer->end = &sent->next;
    producer->n_unacked++;
}

int
sdk_producer_send(struct sdk_producer *producer,
                  const struct sdk_record *record, struct odk_err *err)
{
    struct sim_hand *hand = producer->hand;
    struct bus_record out = {
        .shard = -1,
        .seq = producer->number + 1,
        .topic = odk_str(record->topic),
        .partition = odk_partition(record->key, hand->sim->profile.partitions),
        .key = record->key,
        .value = record->value};

    if (!sim_hand_point(hand) || producer->is_renewing) {
        return odk_err_set(err, ODK_EAGAIN, "no room");
    }
    hand->sim->is_dirty = true;
    int rc = bus_send(&producer->bus, &out, err);
    if (rc != 0) {
        return odk_err_set(err, ODK_EAGAIN, "no room");
    }
    sent_add(producer, record);
    return 0;
}

/* Polls for acknowledgements when all that were polled are told. */
static void
acks_poll(struct sdk_producer *producer)
{
    struct bus_batch batch = {0};

    producer->ack = producer->n_acks = 0;
    producer->hand->sim->is_dirty = true;
    if (producer->hand->is_doomed ||
        bus_poll(&producer->bus, 0, &batch, NULL) != 0) {
        return;
    }
    odk_assert(batch.n_acks <= SIM_ACKS_MAX);
    if (batch.n_acks) {
        memcpy(producer->acks, batch.acks, batch.n_acks * sizeof(*batch.acks));
    }
    producer->n_acks = batch.n_acks;
    producer->is_renewing = batch.is_producer_fatal;
}

/* Takes the record of that number out of the list. */
static struct sent *
sent_take(struct sdk_producer *producer, uint64_t number)
{
    struct sent **at = &producer->first;

    while (*at && (*at)->number != number) {
        at = &(*at)->next;
    }
    struct sent *sent = *at;
    if (sent) {
        *at = sent->next;
        if (!*at) {
            producer->end = at;
        }
        producer->n_unacked--;
    }
    return sent;
}

static bool
tell(struct sdk_producer *producer, struct sent *sent, int code,
     struct sdk_ack *out)
{
    free(producer->told);
    producer->told = sent;
    *out = (struct sdk_ack){.opaque = sent->opaque,
                            .code = code,
                            .text = code ? "the producer is renewed" : NULL,
                            .key = sent->key,
                            .value = sent->value};
    return true;
}

bool
sdk_producer_next(struct sdk_producer *producer, struct sdk_ack *out)
{
    if (producer->ack == producer->n_acks && !producer->is_renewing) {
        acks_poll(producer);
    }
    while (producer->ack < producer->n_acks) {
        const struct bus_ack *ack = &producer->acks[producer->ack++];
        struct sent *sent = sent_take(producer, ack->seq);
        if (sent) {
            return tell(producer, sent, ack->code, out);
        }
    }
    if (producer->is_renewing && producer->first) {
        return tell(producer, sent_take(producer, producer->first->number),
                    ODK_EIO, out);
    }
    if (producer->is_renewing) {
        producer->is_renewing = bus_producer_reset(&producer->bus, NULL) != 0;
    }
    return false;
}

size_t
sdk_producer_unacked(struct sdk_producer *producer)
{
    return producer->n_unacked;
}

/* ---- consumer ---- */

struct sdk_consumer {
    struct sim_hand *hand;
    struct bus bus;
    struct bus_batch batch; /**< being told */
    size_t message;
    int64_t next[SIM_PARTITIONS_MAX]; /**< positions; -1: not assigned */
    struct sdk_place changed[SIM_PARTITIONS_MAX]; /**< of the event */
    bool is_changing; /**< an event of the group is not answered yet */
    bool is_lost;
    bool has_side;
    int64_t side_next;
    bool has_commit; /**< its answer is due */
    int commit_code;
    struct odk_buf committed[SIM_PARTITIONS_MAX]; /**< metadata */
};

int
sdk_consumer_open(const struct odradek_config *config,
                  const struct sdk_consumer_options *options,
                  struct sdk_consumer **out, struct odk_err *err)
{
    struct sim_hand *hand = hand_of(config);
    struct bus_mem_options bus = {.group_id = options->group,
                                  .instance_id = config->instance,
                                  .topics = &options->topic,
                                  .n_topics = 1,
                                  .batch_max = hand->sim->profile.poll_max,
                                  .session_ms = SIM_SESSION_MS};
    struct sdk_consumer *consumer = calloc(1, sizeof(*consumer));

    *out = NULL;
    if (!consumer) {
        odk_out_of_memory();
    }
    /* Opening one asks no broker. */
    bus_mem_set_down(hand->sim->broker, false);
    int rc = bus_mem_open(hand->sim->broker, &bus, &consumer->bus, err);
    odk_assert(rc == 0);
    bus_mem_set_down(hand->sim->broker, hand->sim->is_broker_down);
    consumer->hand = hand;
    for (int p = 0; p < SIM_PARTITIONS_MAX; p++) {
        consumer->next[p] = -1;
        odk_buf_init(&consumer->committed[p], 0);
    }
    hand->consumer = &consumer->bus;
    *out = consumer;
    return 0;
}

void
sdk_consumer_close(struct sdk_consumer *consumer)
{
    if (!consumer) {
        return;
    }
    if (consumer->hand->is_doomed) {
        bus_mem_crash(&consumer->bus, 0);
    } else {
        bus_close(&consumer->bus, false);
    }
    consumer->hand->consumer = NULL;
    for (int p = 0; p < SIM_PARTITIONS_MAX; p++) {
        odk_buf_release(&consumer->committed[p]);
    }
    free(consumer);
}

/* ---- consumer: events ---- */

static bool
tell_change(struct sdk_consumer *consumer, bool is_revoked,
            struct sdk_event *out)
{
    struct bus_batch *batch = &consumer->batch;
    const struct bus_place *places =
        is_revoked ? batch->revoked : batch->assigned;
    size_t n = is_revoked ? batch->n_revoked : batch->n_assigned;

    for (size_t i = 0; i < n; i++) {
        consumer->changed[i] =
            (struct sdk_place){.partition = places[i].partition, .offset = -1};
    }
    *out = (struct sdk_event){.kind = is_revoked ? SDK_EVENT_REVOKE
                                                 : SDK_EVENT_ASSIGN,
                              .places = consumer->changed,
                              .n_places = n};
    consumer->is_changing = true;
    consumer->is_lost = is_revoked && batch->is_lost;
    batch->n_revoked = is_revoked ? 0 : batch->n_revoked;
    batch->n_assigned = is_revoked ? batch->n_assigned : 0;
    return true;
}

static bool
tell_record(const struct bus_message *message, bool is_side,
            struct sdk_event *out)
{
    int32_t shard = -1;
    uint64_t seq = 0;

    *out = (struct sdk_event){.kind = SDK_EVENT_RECORD,
                              .is_side = is_side,
                              .partition = message->partition,
                              .offset = message->offset,
                              .at = message->timestamp,
                              .key = message->key,
                              .value = message->value,
                              .mark = {.shard = -1}};
    if (bus_origin_parse(message->headers, message->n_headers, &shard, &seq)) {
        out->mark = (struct sdk_mark){.shard = shard, .seq = seq};
    }
    return true;
}

static bool
tell_commit(struct sdk_consumer *consumer, struct sdk_event *out)
{
    consumer->has_commit = false;
    *out = (struct sdk_event){.kind = SDK_EVENT_COMMIT,
                              .code = consumer->commit_code,
                              .text = "no commit"};
    return true;
}

static bool
tell_fence(struct sdk_consumer *consumer, struct sdk_event *out)
{
    consumer->hand->is_fenced = false;
    *out = (struct sdk_event){
        .kind = SDK_EVENT_ERROR, .code = ODK_EFENCED, .text = "fenced"};
    return true;
}

static bool
tell_side(struct sdk_consumer *consumer, struct sdk_event *out)
{
    struct sim *sim = consumer->hand->sim;
    struct bus_message message = {0};

    if (!consumer->has_side || sim->is_broker_down ||
        !bus_mem_read(sim->broker, ODK_STR(SIM_TOPIC_CANCELS), SIDE,
                      consumer->side_next, &message)) {
        return false;
    }
    message.partition = SIDE;
    consumer->side_next = message.offset + 1;
    return tell_record(&message, true, out);
}

/* A position outside of the log begins anew, as by auto.offset.reset=earliest.
 */
static int
place_start(struct sdk_consumer *consumer, const struct sdk_place *place,
            struct odk_err *err)
{
    struct bus_place at = {0, place->partition};
    int64_t start = 0;
    int64_t end = 0;
    int rc = bus_log_range(&consumer->bus, ODK_STR(SIM_TOPIC_TASKS),
                           place->partition, &start, &end, err);
    int64_t offset =
        place->offset < start || place->offset > end ? start : place->offset;

    if (rc == 0) {
        rc = bus_start(&consumer->bus, at, offset, err);
        /* Gone meanwhile: its revocation comes next. */
        rc = rc == ODK_EFENCED ? 0 : rc;
    }
    if (rc == 0) {
        consumer->next[place->partition] = offset;
    }
    return rc;
}

static void
positions_mend(struct sdk_consumer *consumer)
{
    for (int32_t p = 0; p < SIM_PARTITIONS_MAX; p++) {
        struct sdk_place place = {.partition = p, .offset = consumer->next[p]};
        if (place.offset >= 0) {
            (void)!place_start(consumer, &place, NULL);
        }
    }
}

static bool
batch_poll(struct sdk_consumer *consumer)
{
    struct odk_err err = {0};

    consumer->batch = (struct bus_batch){0};
    consumer->message = 0;
    int rc = bus_poll(&consumer->bus, 0, &consumer->batch, &err);
    if (rc == ODK_EFENCED) {
        consumer->hand->is_fenced = true;
    } else if (rc == ODK_ECORRUPT) {
        positions_mend(consumer);
    }
    return rc == 0;
}

/* The next event of the batch; false: all are told. */
static bool
tell_batch(struct sdk_consumer *consumer, struct sdk_event *out)
{
    struct bus_batch *batch = &consumer->batch;

    if (consumer->message < batch->n_messages) {
        const struct bus_message *message =
            &batch->messages[consumer->message++];
        if (consumer->next[message->partition] >= 0) {
            consumer->next[message->partition] = message->offset + 1;
        }
        return tell_record(message, false, out);
    }
    if (batch->n_revoked > 0) {
        return tell_change(consumer, true, out);
    }
    return batch->n_assigned > 0 && tell_change(consumer, false, out);
}

bool
sdk_consumer_next(struct sdk_consumer *consumer, struct sdk_event *out)
{
    if (!sim_hand_point(consumer->hand)) {
        return false;
    }
    if (consumer->hand->is_fenced) {
        return tell_fence(consumer, out);
    }
    if (consumer->has_commit) {
        return tell_commit(consumer, out);
    }
    if (tell_batch(consumer, out)) {
        return true;
    }
    if (!consumer->is_changing && batch_poll(consumer) &&
        tell_batch(consumer, out)) {
        return true;
    }
    return tell_side(consumer, out);
}

/* ---- consumer: places ---- */

int
sdk_consumer_committed(struct sdk_consumer *consumer, struct sdk_place *places,
                       size_t n_places, struct odk_err *err)
{
    int rc = sim_hand_point(consumer->hand)
                 ? 0
                 : odk_err_set(err, ODK_ECONN, "the process is dead");

    for (size_t i = 0; rc == 0 && i < n_places; i++) {
        struct odk_buf *metadata = &consumer->committed[places[i].partition];
        odk_buf_clear(metadata);
        rc = bus_group_offset(&consumer->bus,
                              (struct bus_place){0, places[i].partition},
                              &places[i].offset, metadata, err);
        places[i].metadata = odk_buf_str(metadata);
    }
    return rc;
}

int
sdk_consumer_assign(struct sdk_consumer *consumer,
                    const struct sdk_place *places, size_t n_places,
                    struct odk_err *err)
{
    bool is_anew = !consumer->has_side;
    int64_t start = 0;
    int rc = 0;

    if (is_anew) {
        rc = bus_log_range(&consumer->bus, ODK_STR(SIM_TOPIC_CANCELS), SIDE,
                           &start, &consumer->side_next, err);
    }
    for (size_t i = 0; rc == 0 && i < n_places; i++) {
        rc = place_start(consumer, &places[i], err);
    }
    if (rc != 0) {
        return rc;
    }
    consumer->is_changing = false;
    consumer->has_side = true;
    return is_anew;
}

void
sdk_consumer_unassign(struct sdk_consumer *consumer,
                      const struct sdk_place *places, size_t n_places)
{
    for (size_t i = 0; i < n_places; i++) {
        consumer->next[places[i].partition] = -1;
    }
    consumer->is_changing = consumer->is_lost = false;
    if (sim_hand_point(consumer->hand)) {
        (void)!bus_revoke_done(&consumer->bus, NULL);
    }
}

bool
sdk_consumer_is_lost(struct sdk_consumer *consumer)
{
    return consumer->is_lost;
}

int
sdk_consumer_commit(struct sdk_consumer *consumer,
                    const struct sdk_place *places, size_t n_places,
                    struct odk_err *err)
{
    struct sim *sim = consumer->hand->sim;

    if (!sim_hand_point(consumer->hand)) {
        return odk_err_set(err, ODK_EIO, "the process is dead");
    }
    consumer->has_commit = true;
    consumer->commit_code =
        !sim->is_calm && sim_chance(&sim->chaos, sim->profile.commit_permille)
            ? ODK_ETIMEOUT
            : 0;
    for (size_t i = 0; consumer->commit_code == 0 && i < n_places; i++) {
        sim_trace(sim, "w%d commits %d/%lld, %.*s", consumer->hand->id,
                  places[i].partition, (long long)places[i].offset,
                  ODK_STR_ARG(places[i].metadata));
        consumer->commit_code = bus_commit_offset(
            &consumer->bus, (struct bus_place){0, places[i].partition},
            places[i].offset, places[i].metadata, err);
    }
    return 0;
}

void
sdk_consumer_pause(struct sdk_consumer *consumer, int32_t partition)
{
    (void)!bus_pause(&consumer->bus, (struct bus_place){0, partition}, true,
                     NULL);
}

int
sdk_consumer_resume(struct sdk_consumer *consumer, int32_t partition,
                    int64_t offset, struct odk_err *err)
{
    struct sdk_place place = {.partition = partition, .offset = offset};

    return sim_hand_point(consumer->hand)
               ? place_start(consumer, &place, err)
               : odk_err_set(err, ODK_ECONN, "the process is dead");
}

/* ---- consumer: the side topic ---- */

size_t
sdk_consumer_side_count(const struct sdk_consumer *consumer)
{
    return consumer->has_side ? 1 : 0;
}

int
sdk_consumer_side_rewind(struct sdk_consumer *consumer, odk_time_ms from,
                         int64_t ends[SDK_SIDE_MAX], struct odk_err *err)
{
    struct bus_message message = {0};
    int64_t start = 0;
    int64_t end = 0;
    int rc = sim_hand_point(consumer->hand)
                 ? bus_log_range(&consumer->bus, ODK_STR(SIM_TOPIC_CANCELS),
                                 SIDE, &start, &end, err)
                 : odk_err_set(err, ODK_ECONN, "the process is dead");
    if (rc != 0) {
        return rc;
    }
    while (bus_mem_read(consumer->hand->sim->broker, ODK_STR(SIM_TOPIC_CANCELS),
                        SIDE, start, &message) &&
           message.timestamp < from) {
        start = message.offset + 1;
    }
    ends[SIDE] = start < end ? end : -1;
    if (start < end) {
        consumer->side_next = start;
    }
    return 0;
}
