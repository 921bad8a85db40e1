#include "bus/bus_mem.h"

#include <stdlib.h>

#include "bus/bus_mem_priv.h"
#include "bus/bus_origin.h"

static struct mem_bus *
mem_bus(const struct bus *bus)
{
    struct mem_bus *mem = bus->impl;

    odk_assert(mem && mem->magic == MEM_BUS_MAGIC);
    return mem;
}

static int
down_err(const struct mem_bus *mem, struct odk_err *err)
{
    if (mem->broker->is_down) {
        return odk_err_set(err, ODK_ECONN, "the virtual broker is down");
    }
    return 0;
}

/* Producer. */

static void
flight_land(struct mem_bus *mem, const struct mem_flight *flight)
{
    struct mem_topic *topic = &mem->broker->topics[flight->topic];
    struct bus_ack ack = flight->ack;

    ack.code = topic->fail_code;
    if (ack.code) {
        /* As on Kafka, a delivery report in error ends the producer (I7). */
        free(flight->record);
        mem->is_fatal = true;
    } else {
        (void)mem_log_append(&topic->logs[flight->partition], flight->record,
                             mem->broker->now);
    }
    mem->acks[mem->n_acks++] = ack;
}

static void
flights_land(struct mem_bus *mem, size_t n_max)
{
    size_t n = 0;

    while (n < n_max && n < mem->n_flights && !mem->is_fatal) {
        flight_land(mem, &mem->flights[n++]);
    }
    mem->n_flights -= n;
    if (n > 0) {
        memmove(mem->flights, mem->flights + n,
                mem->n_flights * sizeof(*mem->flights));
    }
}

static void
flights_land_freely(struct mem_bus *mem)
{
    if (!mem->is_holding_sends && !mem->broker->is_down) {
        flights_land(mem, mem->n_flights);
    }
}

static void
flights_drop(struct mem_bus *mem)
{
    for (size_t i = 0; i < mem->n_flights; i++) {
        free(mem->flights[i].record);
    }
    mem->n_flights = 0;
}

static int
mem_send(struct bus *bus, const struct bus_record *record, struct odk_err *err)
{
    struct mem_bus *mem = mem_bus(bus);
    ptrdiff_t at = mem_topic_find(mem->broker, record->topic);

    if (mem->is_fatal) {
        return odk_err_set(err, ODK_EFATAL, "the producer has failed");
    }
    if (at < 0 || record->partition >= mem->broker->topics[at].n_partitions) {
        return odk_err_set(err, ODK_ENOTFOUND, "no partition %.*s/%d",
                           ODK_STR_ARG(record->topic), (int)record->partition);
    }
    if (mem_record_bytes(record) > mem->broker->topics[at].bytes_max) {
        return odk_err_set(err, ODK_ETOOBIG, "record too large for %.*s",
                           ODK_STR_ARG(record->topic));
    }
    if (mem->n_flights + mem->n_acks >= mem->queue_max) {
        return odk_err_set(err, ODK_EAGAIN, "the producer's queue is full");
    }
    mem->flights[mem->n_flights++] = (struct mem_flight){
        .record = mem_record_new(record),
        .topic = (size_t)at,
        .partition = record->partition,
        .ack = {.shard = record->shard, .seq = record->seq},
    };
    flights_land_freely(mem);
    return 0;
}

static int
mem_producer_reset(struct bus *bus, struct odk_err *err)
{
    struct mem_bus *mem = mem_bus(bus);

    (void)err;
    flights_drop(mem);
    mem->n_acks = 0;
    mem->is_fatal = false;
    return 0;
}

/* Consumer. */

static struct mem_place *
place_of(const struct mem_bus *mem, struct bus_place place)
{
    bool is_owned = place.partition >= mem->first &&
                    place.partition < mem->first + mem->n_owned;

    odk_assert((size_t)place.topic < mem->n_topics);
    if (!is_owned || mem->revoke != MEM_REVOKE_NONE || mem->has_assignment) {
        return NULL;
    }
    return &mem->places[(size_t)place.topic * (size_t)mem->n_partitions +
                        (size_t)place.partition];
}

static int
mem_start(struct bus *bus, struct bus_place place, int64_t offset,
          struct odk_err *err)
{
    struct mem_place *mine = place_of(mem_bus(bus), place);

    if (!mine) {
        return odk_err_set(err, ODK_EFENCED, "place %d/%d is not assigned",
                           place.topic, (int)place.partition);
    }
    *mine = (struct mem_place){.is_started = true, .next = offset};
    return 0;
}

static int
mem_pause(struct bus *bus, struct bus_place place, bool is_paused,
          struct odk_err *err)
{
    struct mem_place *mine = place_of(mem_bus(bus), place);

    if (!mine) {
        return odk_err_set(err, ODK_EFENCED, "place %d/%d is not assigned",
                           place.topic, (int)place.partition);
    }
    mine->is_paused = is_paused;
    return 0;
}

static void
let_go(struct mem_bus *mem)
{
    for (size_t i = 0; i < mem->n_topics * (size_t)mem->n_partitions; i++) {
        mem->places[i] = (struct mem_place){0};
    }
    mem->n_owned = 0;
    mem->has_assignment = false;
    mem->revoke = MEM_REVOKE_NONE;
    mem->is_lost = false;
}

static int
mem_revoke_done(struct bus *bus, struct odk_err *err)
{
    struct mem_bus *mem = mem_bus(bus);

    if (mem->revoke != MEM_REVOKE_REPORTED) {
        return odk_err_set(err, ODK_EINVAL, "nothing was revoked");
    }
    let_go(mem);
    if (mem->is_fenced) {
        return 0;
    }
    if (mem->member) {
        mem->member->n_owned = 0;
        mem_group_settle(mem->group);
    } else {
        mem_group_join(mem->group, mem);
    }
    return 0;
}

static size_t
places_list(const struct mem_bus *mem)
{
    for (int32_t i = 0; i < mem->n_owned; i++) {
        mem->out_places[i] = (struct bus_place){0, mem->first + i};
    }
    return (size_t)mem->n_owned;
}

/* Reports at most one change of the assignment. */
static void
poll_assignment(struct mem_bus *mem, struct bus_batch *out)
{
    if (mem->revoke == MEM_REVOKE_DUE) {
        out->revoked = mem->out_places;
        out->n_revoked = places_list(mem);
        out->is_lost = mem->is_lost;
        mem->revoke = MEM_REVOKE_REPORTED;
    } else if (mem->revoke == MEM_REVOKE_NONE && mem->has_assignment) {
        mem->has_assignment = false;
        out->assigned = mem->out_places;
        out->n_assigned = places_list(mem);
    }
}

static void
poll_acks(struct mem_bus *mem, struct bus_batch *out)
{
    flights_land_freely(mem);
    out->is_producer_fatal = mem->is_fatal;
    if (mem->is_holding_acks || mem->n_acks == 0) {
        return;
    }
    memcpy(mem->out_acks, mem->acks, mem->n_acks * sizeof(*mem->acks));
    out->acks = mem->out_acks;
    out->n_acks = mem->n_acks;
    mem->n_acks = 0;
}

static void
message_put(struct bus_message *out, const struct mem_record *record)
{
    out->offset = record->offset;
    out->timestamp = record->timestamp;
    out->key = record->key;
    out->value = record->value;
    out->headers = record->headers;
    out->n_headers = record->n_headers;
}

/* Reads one place; ODK_ECORRUPT when its position is outside of the log. */
static int
poll_place(struct mem_bus *mem, size_t index, size_t *n, struct odk_err *err)
{
    struct mem_place *place = &mem->places[index];
    size_t topic = index / (size_t)mem->n_partitions;
    int32_t partition = (int32_t)(index % (size_t)mem->n_partitions);
    const struct mem_topic *from = &mem->broker->topics[mem->topics[topic]];
    const struct mem_log *log = &from->logs[partition];

    if (!place->is_started || place->is_paused) {
        return 0;
    }
    if (place->next < log->start || place->next > log->end) {
        place->is_started = false;
        return odk_err_set(err, ODK_ECORRUPT,
                           "%s/%d: offset %lld is out of range %lld to %lld",
                           from->name, (int)partition, (long long)place->next,
                           (long long)log->start, (long long)log->end);
    }
    for (size_t i = mem_log_seek(log, place->next);
         i < log->n_records && *n < mem->batch_max; i++) {
        struct bus_message *message = &mem->out_messages[(*n)++];

        message->topic = (int)topic;
        message->partition = partition;
        message_put(message, log->records[i]);
        place->next = log->records[i]->offset + 1;
    }
    return 0;
}

static int
poll_messages(struct mem_bus *mem, struct bus_batch *out, struct odk_err *err)
{
    size_t n_places = mem->n_topics * (size_t)mem->n_partitions;
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < n_places && n < mem->batch_max; i++) {
        rc = poll_place(mem, (mem->turn + i) % n_places, &n, err);
        if (rc < 0 && n == 0) {
            return rc;
        }
        if (rc < 0) {
            /* What was read already goes first; the place fails next time. */
            mem->places[(mem->turn + i) % n_places].is_started = true;
            break;
        }
    }
    mem->turn = n_places ? (mem->turn + 1) % n_places : 0;
    out->messages = mem->out_messages;
    out->n_messages = n;
    return 0;
}

static int
mem_poll(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
         struct odk_err *err)
{
    struct mem_bus *mem = mem_bus(bus);

    (void)wait_max;
    if (mem->is_fenced && mem->revoke == MEM_REVOKE_NONE && mem->n_owned > 0) {
        mem->revoke = MEM_REVOKE_DUE;
        mem->is_lost = true;
    } else if (mem->is_fenced && mem->revoke == MEM_REVOKE_NONE) {
        return odk_err_set(err, ODK_EFENCED,
                           "another process has taken instance id %s",
                           mem->instance_id);
    }
    int rc = down_err(mem, err);

    if (rc < 0) {
        return rc;
    }
    if (mem->group && !mem->member && !mem->is_fenced &&
        mem->revoke == MEM_REVOKE_NONE) {
        mem_group_join(mem->group, mem);
    }
    poll_assignment(mem, out);
    if (mem->revoke == MEM_REVOKE_NONE) {
        /* Before the acks, which an error would lose. */
        rc = poll_messages(mem, out, err);
        if (rc < 0) {
            return rc;
        }
    }
    poll_acks(mem, out);
    return 0;
}

static void
mem_wake(struct bus *bus)
{
    /* A poll never waits here. */
    (void)mem_bus(bus);
}

/* Questions. */

static int
log_get(const struct mem_bus *mem, struct odk_str topic, int32_t partition,
        struct mem_log **out, struct odk_err *err)
{
    int rc = down_err(mem, err);

    if (rc < 0) {
        return rc;
    }
    *out = mem_log_find(mem->broker, topic, partition);
    if (!*out) {
        return odk_err_set(err, ODK_ENOTFOUND, "no partition %.*s/%d",
                           ODK_STR_ARG(topic), (int)partition);
    }
    return 0;
}

static int
mem_partitions(struct bus *bus, struct odk_str topic, int32_t *out,
               struct odk_err *err)
{
    const struct mem_bus *mem = mem_bus(bus);
    ptrdiff_t at = mem_topic_find(mem->broker, topic);

    if (at < 0) {
        return odk_err_set(err, ODK_ENOTFOUND, "no topic %.*s",
                           ODK_STR_ARG(topic));
    }
    *out = mem->broker->topics[at].n_partitions;
    return 0;
}

static int
mem_topics(struct bus *bus, struct odk_str prefix, struct odk_arena *arena,
           const struct odk_str **out, size_t *n, struct odk_err *err)
{
    const struct mem_bus *mem = mem_bus(bus);
    const struct bus_mem_broker *broker = mem->broker;
    int rc = down_err(mem, err);

    if (rc < 0) {
        return rc;
    }
    struct odk_str *names =
        odk_arena_calloc(arena, broker->n_topics, sizeof(*names));
    if (!names) {
        return odk_err_set(err, ODK_ELIMIT, "the names do not fit the arena");
    }
    for (size_t i = 0; i < broker->n_topics; i++) {
        struct odk_str name = odk_str(broker->topics[i].name);

        if (odk_str_starts(name, prefix)) {
            names[(*n)++] = name; /* a topic is never taken away here */
        }
    }
    *out = names;
    return 0;
}

static int
mem_offset_at(struct bus *bus, struct odk_str topic, int32_t partition,
              odk_time_ms at, int64_t *offset, struct odk_err *err)
{
    struct mem_log *log = NULL;
    int rc = log_get(mem_bus(bus), topic, partition, &log, err);

    if (rc < 0) {
        return rc;
    }
    *offset = log->end;
    for (size_t i = log->n_records; i > 0; i--) {
        if (log->records[i - 1]->timestamp >= at) {
            *offset = log->records[i - 1]->offset;
        }
    }
    return 0;
}

static int
mem_log_range(struct bus *bus, struct odk_str topic, int32_t partition,
              int64_t *start, int64_t *end, struct odk_err *err)
{
    struct mem_log *log = NULL;
    int rc = log_get(mem_bus(bus), topic, partition, &log, err);

    if (rc < 0) {
        return rc;
    }
    *start = log->start;
    *end = log->end;
    return 0;
}

static int
// NOLINTNEXTLINE(readability-function-size): the port's signature
mem_scan(struct bus *bus, struct odk_str topic, int32_t partition,
         int32_t shard, int64_t offset, struct bus_scan *out,
         struct odk_err *err)
{
    struct mem_log *log = NULL;
    int rc = log_get(mem_bus(bus), topic, partition, &log, err);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = mem_log_seek(log, offset); i < log->n_records; i++) {
        const struct mem_record *record = log->records[i];
        int32_t from = -1;
        uint64_t *max = record->value.ptr ? &out->seq_max : &out->marker_max;
        uint64_t seq = 0;

        if (bus_origin_parse(record->headers, record->n_headers, &from, &seq) &&
            from == shard && seq > *max) {
            *max = seq;
        }
    }
    out->offset_next = log->end;
    return 0;
}

static int
offset_get(const struct mem_bus *mem, struct bus_place place,
           struct mem_offset **out, struct odk_err *err)
{
    int rc = down_err(mem, err);

    if (rc < 0) {
        return rc;
    }
    if (!mem->group) {
        return odk_err_set(err, ODK_EINVAL, "this bus has no group");
    }
    odk_assert((size_t)place.topic < mem->n_topics);
    *out =
        mem_group_offset(mem->group, mem->topics[place.topic], place.partition);
    return 0;
}

static int
mem_offset_read(struct bus *bus, struct bus_place place, int64_t *offset,
                struct odk_buf *metadata, struct odk_err *err)
{
    struct mem_offset *stored = NULL;
    int rc = offset_get(mem_bus(bus), place, &stored, err);

    if (rc < 0) {
        return rc;
    }
    odk_assert(stored);
    *offset = stored->offset;
    odk_buf_put_str(metadata, odk_buf_str(&stored->metadata));
    return 0;
}

static int
mem_offset_write(struct bus *bus, struct bus_place place, int64_t offset,
                 struct odk_str metadata, struct odk_err *err)
{
    struct mem_offset *stored = NULL;
    int rc = offset_get(mem_bus(bus), place, &stored, err);

    if (rc < 0) {
        return rc;
    }
    odk_assert(stored);
    stored->offset = offset;
    odk_buf_clear(&stored->metadata);
    odk_buf_put_str(&stored->metadata, metadata);
    return 0;
}

/* Life. */

static void
mem_bus_free(struct mem_bus *mem)
{
    flights_drop(mem);
    mem->broker->n_buses--;
    mem->magic = 0;
    free(mem->instance_id);
    free(mem->topics);
    free(mem->places);
    free(mem->flights);
    free(mem->acks);
    free(mem->out_messages);
    free(mem->out_acks);
    free(mem->out_places);
    free(mem);
}

static void
mem_close(struct bus *bus, bool is_leaving)
{
    struct mem_bus *mem = mem_bus(bus);

    if (mem->member && (is_leaving || !mem->instance_id)) {
        mem_group_leave(mem->group, mem->member);
    } else if (mem->member) {
        mem_group_abandon(mem->group, mem->member,
                          mem->broker->now + mem->session_ms);
    }
    mem_bus_free(mem);
}

static const struct bus_ops mem_ops = {
    .close = mem_close,
    .poll = mem_poll,
    .wake = mem_wake,
    .start = mem_start,
    .pause = mem_pause,
    .revoke_done = mem_revoke_done,
    .send = mem_send,
    .producer_reset = mem_producer_reset,
    .partitions = mem_partitions,
    .topics = mem_topics,
    .log_range = mem_log_range,
    .offset_at = mem_offset_at,
    .scan = mem_scan,
    .group_offset = mem_offset_read,
    .commit_offset = mem_offset_write,
};

/* Looks the topics up; twins must be alike. */
static int
topics_resolve(struct mem_bus *mem, const struct bus_mem_options *options,
               struct odk_err *err)
{
    const struct bus_mem_broker *broker = mem->broker;

    mem->topics = mem_calloc(options->n_topics, sizeof(*mem->topics));
    mem->n_topics = options->n_topics;
    for (size_t i = 0; i < options->n_topics; i++) {
        ptrdiff_t at = mem_topic_find(broker, odk_str(options->topics[i]));

        if (at < 0) {
            return odk_err_set(err, ODK_ENOTFOUND, "no topic %s",
                               options->topics[i]);
        }
        mem->topics[i] = (size_t)at;
        if (broker->topics[at].n_partitions !=
            broker->topics[mem->topics[0]].n_partitions) {
            return odk_err_set(err, ODK_ECONFLICT,
                               "topics %s and %s differ in partitions",
                               options->topics[0], options->topics[i]);
        }
        mem->n_partitions = broker->topics[at].n_partitions;
    }
    return 0;
}

int
bus_mem_open(struct bus_mem_broker *broker,
             const struct bus_mem_options *options, struct bus *out,
             struct odk_err *err)
{
    odk_assert(broker->magic == MEM_BROKER_MAGIC);
    *out = (struct bus){0};
    struct mem_bus *mem = mem_calloc(1, sizeof(*mem));

    mem->magic = MEM_BUS_MAGIC;
    mem->broker = broker;
    broker->n_buses++;
    int rc = down_err(mem, err);

    rc = rc < 0 ? rc : topics_resolve(mem, options, err);
    if (rc < 0) {
        mem_bus_free(mem);
        return rc;
    }
    size_t n_partitions = (size_t)mem->n_partitions;

    mem->batch_max =
        options->batch_max ? options->batch_max : BUS_MEM_BATCH_MAX;
    mem->queue_max =
        options->queue_max ? options->queue_max : BUS_MEM_QUEUE_MAX;
    mem->session_ms =
        options->session_ms ? options->session_ms : BUS_MEM_SESSION_MS;
    mem->instance_id = mem_strdup(options->instance_id);
    mem->places =
        mem_calloc(mem->n_topics * n_partitions, sizeof(*mem->places));
    mem->flights = mem_calloc(mem->queue_max, sizeof(*mem->flights));
    mem->acks = mem_calloc(mem->queue_max, sizeof(*mem->acks));
    mem->out_messages = mem_calloc(mem->batch_max, sizeof(*mem->out_messages));
    mem->out_acks = mem_calloc(mem->queue_max, sizeof(*mem->out_acks));
    mem->out_places = mem_calloc(n_partitions, sizeof(*mem->out_places));
    *out = (struct bus){&mem_ops, mem};
    if (mem->n_topics > 0 && options->group_id) {
        mem->group = mem_group_get(broker, options->group_id);
        mem_group_join(mem->group, mem);
    } else if (mem->n_topics > 0) {
        mem->n_owned = mem->n_partitions;
        mem->has_assignment = true;
    }
    return 0;
}

/* Faults. */

void
bus_mem_crash(struct bus *bus, size_t n_arriving)
{
    struct mem_bus *mem = mem_bus(bus);

    flights_land(mem, n_arriving);
    if (mem->member) {
        mem_group_abandon(mem->group, mem->member,
                          mem->broker->now + mem->session_ms);
    }
    mem_bus_free(mem);
    *bus = (struct bus){0};
}

void
bus_mem_drop_member(struct bus *bus)
{
    struct mem_bus *mem = mem_bus(bus);

    if (!mem->member) {
        return;
    }
    if (mem->n_owned > 0 && !mem->has_assignment &&
        mem->revoke != MEM_REVOKE_REPORTED) {
        mem->revoke = MEM_REVOKE_DUE;
        mem->is_lost = true;
    } else if (mem->revoke != MEM_REVOKE_REPORTED) {
        let_go(mem);
    }
    mem_group_leave(mem->group, mem->member);
}

void
bus_mem_hold_sends(struct bus *bus, bool is_held)
{
    struct mem_bus *mem = mem_bus(bus);

    mem->is_holding_sends = is_held;
    flights_land_freely(mem);
}

void
bus_mem_deliver(struct bus *bus, size_t n)
{
    flights_land(mem_bus(bus), n);
}

size_t
bus_mem_in_flight(const struct bus *bus)
{
    return mem_bus(bus)->n_flights;
}

void
bus_mem_hold_acks(struct bus *bus, bool is_held)
{
    mem_bus(bus)->is_holding_acks = is_held;
}

void
bus_mem_producer_fatal(struct bus *bus)
{
    struct mem_bus *mem = mem_bus(bus);

    flights_drop(mem);
    mem->n_acks = 0;
    mem->is_fatal = true;
}
