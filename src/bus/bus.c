#include "bus/bus.h"

/* What must hold around every call, whatever stands behind the port. */

static bool
result_is_sane(int rc)
{
    return rc == 0 || (rc < 0 && odk_err_class(rc) != ODK_CLASS_BUG) ||
           rc == ODK_EINTERNAL;
}

static bool
place_is_sane(struct bus_place place)
{
    return place.topic >= 0 && place.partition >= 0;
}

static bool
record_is_sane(const struct bus_record *record)
{
    return record && record->topic.ptr && record->topic.len > 0 &&
           record->partition >= 0 && record->shard >= -1 &&
           (record->n_headers == 0 || record->headers);
}

static void
batch_check(const struct bus_batch *batch)
{
    odk_assert(batch->n_messages == 0 || batch->messages);
    odk_assert(batch->n_assigned == 0 || batch->assigned);
    odk_assert(batch->n_revoked == 0 || batch->revoked);
    odk_assert(batch->n_acks == 0 || batch->acks);
    odk_assert(!batch->is_lost || batch->n_revoked > 0);
    for (size_t i = 0; i < batch->n_messages; i++) {
        odk_assert_slow(batch->messages[i].topic >= 0);
        odk_assert_slow(batch->messages[i].partition >= 0);
        odk_assert_slow(batch->messages[i].offset >= 0);
        odk_assert_slow(batch->messages[i].n_headers == 0 ||
                        batch->messages[i].headers);
    }
    for (size_t i = 0; i < batch->n_acks; i++) {
        odk_assert_slow(batch->acks[i].code <= 0);
    }
}

void
bus_close(struct bus *bus, bool is_leaving)
{
    if (!bus || !bus->ops) {
        return;
    }
    bus->ops->close(bus, is_leaving);
    *bus = (struct bus){0};
}

int
bus_poll(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
         struct odk_err *err)
{
    odk_assert(bus && bus->ops && out);
    odk_assert(wait_max >= 0);
    *out = (struct bus_batch){0};

    int rc = bus->ops->poll(bus, wait_max, out, err);

    odk_assert(result_is_sane(rc));
    if (rc < 0) {
        *out = (struct bus_batch){0};
        return rc;
    }
    batch_check(out);
    return 0;
}

void
bus_wake(struct bus *bus)
{
    odk_assert(bus && bus->ops);
    bus->ops->wake(bus);
}

int
bus_start(struct bus *bus, struct bus_place place, int64_t offset,
          struct odk_err *err)
{
    odk_assert(bus && bus->ops);
    odk_assert(place_is_sane(place));
    odk_assert(offset >= 0);

    int rc = bus->ops->start(bus, place, offset, err);

    odk_assert(result_is_sane(rc));
    return rc;
}

int
bus_pause(struct bus *bus, struct bus_place place, bool is_paused,
          struct odk_err *err)
{
    odk_assert(bus && bus->ops);
    odk_assert(place_is_sane(place));

    int rc = bus->ops->pause(bus, place, is_paused, err);

    odk_assert(result_is_sane(rc));
    return rc;
}

int
bus_revoke_done(struct bus *bus, struct odk_err *err)
{
    odk_assert(bus && bus->ops);

    int rc = bus->ops->revoke_done(bus, err);

    odk_assert(result_is_sane(rc));
    return rc;
}

int
bus_send(struct bus *bus, const struct bus_record *record, struct odk_err *err)
{
    odk_assert(bus && bus->ops);
    odk_assert(record_is_sane(record));

    int rc = bus->ops->send(bus, record, err);

    odk_assert(result_is_sane(rc));
    return rc;
}

int
bus_producer_reset(struct bus *bus, struct odk_err *err)
{
    odk_assert(bus && bus->ops);

    int rc = bus->ops->producer_reset(bus, err);

    odk_assert(result_is_sane(rc));
    return rc;
}

int
bus_partitions(struct bus *bus, struct odk_str topic, int32_t *out,
               struct odk_err *err)
{
    odk_assert(bus && bus->ops && out);
    odk_assert(topic.len > 0);
    *out = 0;

    int rc = bus->ops->partitions(bus, topic, out, err);

    odk_assert(result_is_sane(rc));
    odk_assert(rc < 0 || *out > 0);
    return rc;
}

int
bus_topics(struct bus *bus, struct odk_str prefix, struct odk_arena *arena,
           const struct odk_str **out, size_t *n, struct odk_err *err)
{
    odk_assert(bus && bus->ops && arena && out && n);
    *out = NULL;
    *n = 0;

    int rc = bus->ops->topics(bus, prefix, arena, out, n, err);

    odk_assert(result_is_sane(rc));
    return rc;
}

int
bus_offset_at(struct bus *bus, struct odk_str topic, int32_t partition,
              odk_time_ms at, int64_t *offset, struct odk_err *err)
{
    odk_assert(bus && bus->ops && offset);
    odk_assert(topic.len > 0 && partition >= 0);
    *offset = 0;

    int rc = bus->ops->offset_at(bus, topic, partition, at, offset, err);

    odk_assert(result_is_sane(rc));
    odk_assert(*offset >= 0);
    return rc;
}

int
bus_log_range(struct bus *bus, struct odk_str topic, int32_t partition,
              int64_t *start, int64_t *end, struct odk_err *err)
{
    odk_assert(bus && bus->ops && start && end);
    odk_assert(topic.len > 0 && partition >= 0);
    *start = 0;
    *end = 0;

    int rc = bus->ops->log_range(bus, topic, partition, start, end, err);

    odk_assert(result_is_sane(rc));
    odk_assert(rc < 0 || (*start >= 0 && *start <= *end));
    return rc;
}

int
// NOLINTNEXTLINE(readability-function-size): the port's signature
bus_scan(struct bus *bus, struct odk_str topic, int32_t partition,
         int32_t shard, int64_t offset, struct bus_scan *out,
         struct odk_err *err)
{
    odk_assert(bus && bus->ops && out);
    odk_assert(topic.len > 0 && partition >= 0);
    odk_assert(shard >= 0 && offset >= 0);
    *out = (struct bus_scan){0};

    int rc = bus->ops->scan(bus, topic, partition, shard, offset, out, err);

    odk_assert(result_is_sane(rc));
    odk_assert(out->offset_next >= 0);
    return rc;
}

int
bus_group_offset(struct bus *bus, struct bus_place place, int64_t *offset,
                 struct odk_buf *metadata, struct odk_err *err)
{
    odk_assert(bus && bus->ops && offset && metadata);
    odk_assert(place_is_sane(place));
    *offset = -1;
    odk_buf_clear(metadata);

    int rc = bus->ops->group_offset(bus, place, offset, metadata, err);

    odk_assert(result_is_sane(rc));
    odk_assert(*offset >= -1);
    return rc;
}

int
bus_commit_offset(struct bus *bus, struct bus_place place, int64_t offset,
                  struct odk_str metadata, struct odk_err *err)
{
    odk_assert(bus && bus->ops);
    odk_assert(place_is_sane(place));
    odk_assert(offset >= 0);

    int rc = bus->ops->commit_offset(bus, place, offset, metadata, err);

    odk_assert(result_is_sane(rc));
    return rc;
}
