#include <stdio.h>

#include "lane/lane_priv.h"

/*
 * Another server, or another timeline, answers (exactly-once.md §2). What it
 * lacks may have been published, and a producer of before may still have
 * records under way. So each partition that the shard writes, but those of
 * replies, gets a marker: no value, and a number above all that can have been
 * given. A reader that has moved its watermark there drops whatever arrives
 * late; what arrived before lies in front of the marker, and is looked at:
 *
 *      since                                             marker
 *   ─────┴── 41 ── 42 ── 41 ── 43 ── … ──────────────── 2^40 ──
 *                               └ the table ends at 42: a commit was lost
 */

/* By how much the clocks of lanes, database and broker may differ. */
#define MARGIN_MS 60000
/* A scan reads no more of a partition: some seconds. */
#define SCAN_RECORDS_MAX 1000000

struct fail_over {
    struct lane *lane;
    struct lane_shard *shard;
    uint64_t floor;    /**< the marker's number */
    odk_time_ms since; /**< lost commits are later */
    bool is_from_log;  /**< the rows were made from odradek.history: what that
                          has lost is given up, and not searched for */
};

struct place {
    struct odk_str topic;
    int32_t partition;
    int64_t from; /**< of the scan; -1: by time */
};

/* What the new server lacks was committed after the last commit that it has:
 * the shard's own, or any, when it follows the one that wrote the row. */
static odk_time_ms
lost_since(const struct store_shard *row, const struct store_server *server)
{
    bool is_next = row->system_id == server->system_id &&
                   row->timeline + 1 == server->timeline;
    odk_time_ms at = row->clock;

    if (is_next && server->took_over_at > at) {
        at = server->took_over_at;
    }
    return at > MARGIN_MS ? at - MARGIN_MS : 0;
}

/* Everything that the table has goes first: a reader that moves its watermark
 * to the marker must have missed nothing. */
static int
fresh_producer(const struct fail_over *self, struct odk_err *err)
{
    int rc = bus_producer_reset(&self->lane->bus, err);

    if (rc == 0) {
        rc = lane_republish_owned(self->lane, err);
    }
    return rc ? rc : lane_republish(self->lane, self->shard, err);
}

/* ---- one marker ---- */

static int
await_marker(struct lane *lane, struct odk_err *err)
{
    odk_dur_ms idle_ms = 0;
    int rc = 0;

    while (rc == 0 && !lane->is_marker_told) {
        if (idle_ms > lane->options.drain_ms_max) {
            return odk_err_set(
                err, ODK_EAGAIN,
                "no acknowledgement of the marker after a fail-over");
        }
        rc = lane_poll_once(lane, &idle_ms, err);
    }
    if (!lane->is_marker_told || lane->marker.code == 0) {
        return lane->is_marker_told ? 0 : rc;
    }
    /* It ends the producer, maybe in the same poll. */
    return odk_err_set(err, lane->marker.code,
                       "the broker takes no marker after a fail-over");
}

/* *is_marked: false where no output can go either. */
static int
send_marker(const struct fail_over *self, const struct place *place,
            bool *is_marked, struct odk_err *err)
{
    struct lane *lane = self->lane;
    struct store_output marker = {.seq = self->floor,
                                  .topic = place->topic,
                                  .partition = place->partition};

    lane->marker =
        (struct bus_ack){.shard = self->shard->id, .seq = self->floor};
    lane->is_marker_told = false;
    int rc = lane_produce(lane, self->shard->id, &marker, err);
    if (rc == 0) {
        rc = await_marker(lane, err);
    }
    lane->marker = (struct bus_ack){.shard = -1};
    *is_marked = rc == 0;
    if (rc == 0 || odk_err_class(rc) == ODK_CLASS_RETRY ||
        lane_is_never_parked(place->topic)) {
        return rc;
    }
    lane_log(lane, ODK_LOG_WARN, "shard.not_marked",
             "shard %d: %.*s/%d takes no marker: %s", self->shard->id,
             ODK_STR_ARG(place->topic), place->partition, odk_err_text(rc));
    return fresh_producer(self, err);
}

/* Where the scan of a place begins, and its end as of now. */
static int
scan_range(const struct fail_over *self, const struct place *place,
           int64_t *from, int64_t *end, struct odk_err *err)
{
    struct lane *lane = self->lane;
    int64_t start = 0;
    int rc = bus_log_range(&lane->bus, place->topic, place->partition, &start,
                           end, err);

    *from = place->from;
    if (rc == 0 && *from < 0) {
        rc = bus_offset_at(&lane->bus, place->topic, place->partition,
                           self->since, from, err);
    }
    if (rc == 0 && *end - *from > SCAN_RECORDS_MAX) {
        *from = *end - SCAN_RECORDS_MAX;
        lane_log(lane, ODK_LOG_WARN, "shard.scan_cut",
                 "shard %d: only the last %d records of %.*s/%d are searched "
                 "for lost commits",
                 self->shard->id, SCAN_RECORDS_MAX, ODK_STR_ARG(place->topic),
                 place->partition);
    }
    return rc;
}

/* Up to the marker: an open transaction of a client may hide it for a while. */
static int
scan_place(const struct fail_over *self, struct place *place,
           struct odk_err *err)
{
    struct lane *lane = self->lane;
    struct bus_scan scan = {0};
    odk_dur_ms idle_ms = 0;
    int64_t end = 0;
    int rc = scan_range(self, place, &place->from, &end, err);

    if (rc == 0 && place->from >= end - 1) {
        return 0; /* there is the marker, and nothing before it */
    }
    while (rc == 0 && scan.marker_max < self->floor) {
        rc = bus_scan(&lane->bus, place->topic, place->partition,
                      self->shard->id, place->from, &scan, err);
        if (rc == 0) {
            place->from = scan.offset_next;
            rc = lane_shard_check_number(lane, self->shard, place->topic,
                                         place->partition, scan.seq_max, err);
        }
        if (rc == 0 && scan.marker_max < self->floor) {
            rc = lane_poll_once(lane, &idle_ms, err);
        }
        if (rc == 0 && idle_ms > lane->options.drain_ms_max) {
            rc = odk_err_set(err, ODK_EAGAIN,
                             "a transaction on %.*s/%d hides the marker",
                             ODK_STR_ARG(place->topic), place->partition);
        }
    }
    return rc;
}

static int
mark(const struct fail_over *self, struct place *place, struct odk_err *err)
{
    bool is_marked = false;
    int rc = send_marker(self, place, &is_marked, err);

    /* The watchdog sees that it goes on. */
    atomic_fetch_add(&self->lane->heartbeat, 1);
    if (rc != 0 || !is_marked || (self->is_from_log && place->from < 0)) {
        return rc;
    }
    return scan_place(self, place, err);
}

/* ---- all of them ---- */

/* The shard's own partition of a topic, if that exists. */
static int
mark_own(const struct fail_over *self, struct odk_str topic,
         struct odk_err *err)
{
    struct place place = {.topic = topic, .from = -1};
    int32_t partitions = 0;
    int rc = bus_partitions(&self->lane->bus, topic, &partitions, err);

    if (rc != 0) {
        return odk_err_class(rc) == ODK_CLASS_REJECT ? 0 : rc;
    }
    place.partition = self->shard->id % partitions;
    return mark(self, &place, err);
}

static int
mark_queues(const struct fail_over *self, struct odk_str prefix,
            struct odk_err *err)
{
    const struct odk_str *topics = NULL;
    size_t n = 0;
    int rc = bus_topics(&self->lane->bus, prefix, &self->lane->arena, &topics,
                        &n, err);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = mark_own(self, topics[i], err);
    }
    return rc;
}

/* Any shard's commands may have been written. */
static int
mark_commands(const struct fail_over *self, struct odk_err *err)
{
    struct place place = {.topic = ODK_STR(LANE_TOPIC_COMMANDS)};
    int32_t partitions = 0;
    int rc = bus_partitions(&self->lane->bus, place.topic, &partitions, err);

    for (int32_t p = 0; rc == 0 && p < partitions; p++) {
        place.partition = p;
        place.from = -1;
        rc = mark(self, &place, err);
    }
    return rc;
}

/* odradek.history was read up to an offset that is known. */
static int
mark_history(const struct fail_over *self, struct odk_err *err)
{
    struct place place = {.topic = ODK_STR(LANE_TOPIC_HISTORY),
                          .from = self->shard->row.history_offset};
    int32_t partitions = 0;
    int rc = bus_partitions(&self->lane->bus, place.topic, &partitions, err);

    if (rc == 0) {
        place.partition = self->shard->id % partitions;
        rc = mark(self, &place, err);
    }
    self->shard->row.history_offset = place.from;
    return rc;
}

static int
mark_all(const struct fail_over *self, struct odk_err *err)
{
    int rc = mark_history(self, err);

    rc = rc ? rc : mark_own(self, ODK_STR(LANE_TOPIC_DEADLETTER), err);
    rc = rc ? rc : mark_queues(self, ODK_STR(LANE_TOPIC_TASKS), err);
    rc = rc ? rc : mark_queues(self, ODK_STR(LANE_TOPIC_CANCELS), err);
    return rc ? rc : mark_commands(self, err);
}

/* The broker has all that the table has. */
static int
await_acked(const struct fail_over *self, struct odk_err *err)
{
    const struct lane_shard *shard = self->shard;
    odk_dur_ms idle_ms = 0;
    int rc = 0;

    while (rc == 0 && shard->acked < shard->row.outbox_seq) {
        if (idle_ms > self->lane->options.drain_ms_max) {
            return odk_err_set(err, ODK_EAGAIN,
                               "after a fail-over the broker has not "
                               "acknowledged all outputs of before");
        }
        rc = lane_poll_once(self->lane, &idle_ms, err);
    }
    return rc;
}

static int
accept(const struct fail_over *self, struct odk_err *err)
{
    struct lane *lane = self->lane;
    struct lane_shard *shard = self->shard;
    uint64_t last = shard->row.outbox_seq;
    /* `published` before the floor: no row of the outbox lies below both, so
     * numbers up to the floor are void without a look. */
    int rc = lane_flush_shard(lane, shard, err);

    if (rc == 0) {
        rc = lane_of_store(lane, store_accept_server(&lane->store, shard->id,
                                                     shard->row.fence,
                                                     self->floor, err));
    }
    if (rc == 0) {
        shard->row.outbox_seq = self->floor;
        lane_ack_void(shard, last, self->floor);
    }
    return rc;
}

int
lane_fail_over(struct lane *lane, struct lane_shard *shard, struct odk_err *err)
{
    uint64_t last = shard->row.outbox_seq;
    struct store_server server;
    struct fail_over self = {lane, shard,
                             (last / LANE_SEQ_FLOOR + 1) * LANE_SEQ_FLOOR, 0,
                             shard->row.system_id == 0};

    lane_log(lane, ODK_LOG_WARN, "shard.fail_over",
             "shard %d: another PostgreSQL server or timeline than before, or "
             "rows from odradek.history",
             shard->id);
    int rc = lane_of_store(lane, store_server(&lane->store, &server, err));
    if (rc == 0) {
        self.since = lost_since(&shard->row, &server);
        rc = fresh_producer(&self, err);
    }
    rc = rc ? rc : mark_all(&self, err);
    rc = rc ? rc : await_acked(&self, err);
    return rc ? rc : accept(&self, err);
}
