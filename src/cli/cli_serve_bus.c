#include <stdlib.h>

#include "cli/cli_serve_priv.h"

/*
 * The bus of a lane as the server has it: Kafka's, with two things that a lane
 * must not know. A schema id that a record names is asked of the registry
 * before the lane decodes the record; while the registry does not answer, the
 * record and those behind it are read again later, since an unknown schema is a
 * dead letter. And a lane that has lost its place in the group to another
 * process is closed and joins again.
 */

#define PAUSE_MS 1000

struct serve_bus {
    struct bus inner;
    struct serve *serve;
    struct serve_lane *lane; /**< codec and registry are its own */
};

static void
serve_bus_close(struct bus *bus, bool is_leaving)
{
    struct serve_bus *self = bus->impl;

    bus_close(&self->inner, is_leaving);
    free(self);
}

/* 0 also for an id that the registry does not have: the lane says so. */
static int
learn(struct serve_bus *self, const struct bus_message *message)
{
    struct codec_header header;
    struct odk_err err = {0};

    if (!message->value.ptr ||
        codec_header_read(message->value, &header, NULL) != 0 ||
        header.framing != CODEC_FRAMING_CONFLUENT ||
        codec_has_id(self->lane->codec, header.id)) {
        return 0;
    }
    int rc = registry_learn_id(self->lane->registry, self->lane->codec,
                               header.id, &err);
    if (rc == 0) {
        return 0;
    }
    bool is_transient = odk_err_class(rc) == ODK_CLASS_RETRY;
    serve_log(self->serve, is_transient ? ODK_LOG_WARN : ODK_LOG_ERROR,
              is_transient ? "serve.waiting_for_schema_registry"
                           : "serve.schema_unknown",
              "schema %u: %s", header.id, err.message);
    return is_transient ? rc : 0;
}

/* A place that is let go in this very poll is its next owner's to read. */
static bool
is_revoked(const struct bus_batch *batch, int32_t partition)
{
    for (size_t i = 0; i < batch->n_revoked; i++) {
        if (batch->revoked[i].partition == partition) {
            return true;
        }
    }
    return false;
}

/* Is this the first of the dropped messages of its place? */
static bool
is_first(const struct bus_message *messages, size_t from, size_t i)
{
    for (size_t k = from; k < i; k++) {
        if (messages[k].topic == messages[i].topic &&
            messages[k].partition == messages[i].partition) {
            return false;
        }
    }
    return true;
}

static void
learn_all(struct serve_bus *self, struct bus_batch *batch)
{
    odk_dur_ms pause = PAUSE_MS;
    size_t n = 0;

    while (n < batch->n_messages && learn(self, &batch->messages[n]) == 0) {
        n++;
    }
    if (n == batch->n_messages) {
        return;
    }
    for (size_t i = n; i < batch->n_messages; i++) {
        const struct bus_message *message = &batch->messages[i];
        struct bus_place place = {message->topic, message->partition};
        struct odk_err err = {0};
        if (is_first(batch->messages, n, i) &&
            !is_revoked(batch, place.partition) &&
            bus_start(&self->inner, place, message->offset, &err) != 0) {
            serve_give_up(self->serve, "serve.cannot_read_again", &err);
        }
    }
    batch->n_messages = n;
    (void)serve_pause(self->serve, &pause);
}

static int
serve_bus_poll(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
               struct odk_err *err)
{
    struct serve_bus *self = bus->impl;
    struct odk_err own = {0};
    int rc = bus_poll(&self->inner, wait_max, out, &own);

    if (rc == ODK_EFENCED) {
        self->lane->is_taken = true;
    } else if (rc == 0 && self->lane->registry) {
        learn_all(self, out);
    }
    if (rc != 0 && err) {
        *err = own;
    }
    return rc;
}

static void
serve_bus_wake(struct bus *bus)
{
    struct serve_bus *self = bus->impl;

    bus_wake(&self->inner);
}

static int
serve_bus_start(struct bus *bus, struct bus_place place, int64_t offset,
                struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_start(&self->inner, place, offset, err);
}

static int
serve_bus_pause(struct bus *bus, struct bus_place place, bool is_paused,
                struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_pause(&self->inner, place, is_paused, err);
}

static int
serve_bus_revoke_done(struct bus *bus, struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_revoke_done(&self->inner, err);
}

static int
serve_bus_send(struct bus *bus, const struct bus_record *record,
               struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_send(&self->inner, record, err);
}

static int
serve_bus_producer_reset(struct bus *bus, struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_producer_reset(&self->inner, err);
}

static int
serve_bus_partitions(struct bus *bus, struct odk_str topic, int32_t *out,
                     struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_partitions(&self->inner, topic, out, err);
}

static int
serve_bus_topics(struct bus *bus, struct odk_str prefix,
                 struct odk_arena *arena, const struct odk_str **out, size_t *n,
                 struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_topics(&self->inner, prefix, arena, out, n, err);
}

static int
serve_bus_offset_at(struct bus *bus, struct odk_str topic, int32_t partition,
                    odk_time_ms at, int64_t *offset, struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_offset_at(&self->inner, topic, partition, at, offset, err);
}

static int
serve_bus_log_range(struct bus *bus, struct odk_str topic, int32_t partition,
                    int64_t *start, int64_t *end, struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_log_range(&self->inner, topic, partition, start, end, err);
}

static int
serve_bus_scan( // NOLINT(readability-function-size): the port's signature
    struct bus *bus, struct odk_str topic, int32_t partition, int32_t shard,
    int64_t offset, struct bus_scan *out, struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_scan(&self->inner, topic, partition, shard, offset, out, err);
}

static int
serve_bus_group_offset(struct bus *bus, struct bus_place place, int64_t *offset,
                       struct odk_buf *metadata, struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_group_offset(&self->inner, place, offset, metadata, err);
}

static int
serve_bus_commit_offset(struct bus *bus, struct bus_place place, int64_t offset,
                        struct odk_str metadata, struct odk_err *err)
{
    struct serve_bus *self = bus->impl;

    return bus_commit_offset(&self->inner, place, offset, metadata, err);
}

void
serve_bus_wrap(struct serve_lane *lane, struct bus *bus)
{
    static const struct bus_ops ops = {
        .close = serve_bus_close,
        .poll = serve_bus_poll,
        .wake = serve_bus_wake,
        .start = serve_bus_start,
        .pause = serve_bus_pause,
        .revoke_done = serve_bus_revoke_done,
        .send = serve_bus_send,
        .producer_reset = serve_bus_producer_reset,
        .partitions = serve_bus_partitions,
        .topics = serve_bus_topics,
        .log_range = serve_bus_log_range,
        .offset_at = serve_bus_offset_at,
        .scan = serve_bus_scan,
        .group_offset = serve_bus_group_offset,
        .commit_offset = serve_bus_commit_offset,
    };
    struct serve_bus *self = calloc(1, sizeof(*self));

    if (!self) {
        odk_out_of_memory();
    }
    *self = (struct serve_bus){*bus, lane->serve, lane};
    *bus = (struct bus){&ops, self};
}
