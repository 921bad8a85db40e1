#include <stdio.h>
#include <stdlib.h>

#include "lane/lane_priv.h"

#define PAUSE_MS_MIN 100
#define PAUSE_MS_MAX 10000
/* How often a quarantined shard looks whether an operator released it. */
#define QUARANTINE_LOOK_MS 10000
#define TIMER_PAGE         1024u
#define GROUP_METADATA     "odk-seq:"

struct lane_shard *
lane_shard_find(struct lane *lane, int32_t id)
{
    struct lane_shard *shard = lane->shards;

    while (shard && shard->id != id) {
        shard = shard->next;
    }
    return shard;
}

void
lane_shard_assign(struct lane *lane, int32_t id)
{
    struct lane_shard **at = &lane->shards;

    while (*at && (*at)->id < id) {
        at = &(*at)->next;
    }
    if (*at && (*at)->id == id) {
        lane_shard_drop(
            lane, *at,
            0); /* assigned anew: the offsets of before do not hold */
        return;
    }
    struct lane_shard *shard = calloc(1, sizeof(*shard));
    if (!shard) {
        odk_out_of_memory();
    }
    shard->id = id;
    shard->state = LANE_SHARD_ACQUIRING;
    odk_map_init(&shard->sources);
    lane_timers_init(&shard->timers, lane->options.timers_in_memory);
    shard->next = *at;
    *at = shard;
}

/* Whoever owns the shard next sends again what was refused: it may be taken
 * then. */
static void
forget_failed(struct lane *lane, int32_t shard)
{
    struct bus_ack *failed = lane->failed.items;
    size_t n = 0;

    for (size_t i = 0; i < lane->failed.n; i++) {
        if (failed[i].shard != shard) {
            failed[n++] = failed[i];
        }
    }
    lane->failed.n = n;
}

static void
shard_forget(struct lane *lane, struct lane_shard *shard)
{
    struct odk_map_node *node = odk_map_next(&shard->sources, NULL);

    forget_failed(lane, shard->id);
    while (node) {
        struct odk_map_node *next = odk_map_next(&shard->sources, node);
        free(ODK_CONTAINER(node, struct lane_source, node));
        node = next;
    }
    odk_map_release(&shard->sources);
    shard->changed_sources = NULL;
    lane_timers_release(&shard->timers);
    lane_timers_init(&shard->timers, lane->options.timers_in_memory);
    lane_cache_drop_shard(&lane->cache, shard->id);
    shard->is_in_batch = false;
    shard->is_paused = false;
}

void
lane_shard_drop(struct lane *lane, struct lane_shard *shard,
                odk_dur_ms pause_ms)
{
    shard_forget(lane, shard);
    shard->state = LANE_SHARD_ACQUIRING;
    shard->retry_at = 0;
    if (pause_ms > 0) {
        shard->pause_ms = shard->pause_ms ? shard->pause_ms * 2 : pause_ms;
        if (shard->pause_ms > PAUSE_MS_MAX) {
            shard->pause_ms = PAUSE_MS_MAX;
        }
        odk_dur_ms jitter = (odk_dur_ms)(lane_random(lane) %
                                         (uint64_t)(shard->pause_ms / 2 + 1));
        shard->retry_at = lane_monotonic(lane) + shard->pause_ms + jitter;
    }
}

void
lane_shards_drop_all(struct lane *lane)
{
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        lane_shard_drop(lane, shard, PAUSE_MS_MIN);
    }
}

void
lane_shard_revoke(struct lane *lane, int32_t id)
{
    struct lane_shard **at = &lane->shards;

    while (*at && (*at)->id != id) {
        at = &(*at)->next;
    }
    if (!*at) {
        return;
    }
    struct lane_shard *shard = *at;
    *at = shard->next;
    shard_forget(lane, shard);
    lane_timers_release(&shard->timers);
    free(shard->ack_bits);
    free(shard);
}

void
lane_shard_quarantine(struct lane *lane, struct lane_shard *shard,
                      const char *reason)
{
    struct odk_err err = {0};

    lane_log(lane, ODK_LOG_ERROR, "shard.quarantined", "shard %d: %s",
             shard->id, reason);
    int rc = lane_of_store(lane, store_quarantine(&lane->store, shard->id,
                                                  shard->row.fence,
                                                  odk_str(reason), &err));
    if (rc != 0) {
        lane_log(lane, ODK_LOG_ERROR, "shard.quarantine_failed", "shard %d: %s",
                 shard->id, err.message);
    }
    shard_forget(lane, shard);
    shard->state = LANE_SHARD_QUARANTINED;
    shard->retry_at = lane_monotonic(lane) + QUARANTINE_LOOK_MS;
}

/* ---- acquire: exactly-once.md §2 ---- */

/* A check found the shard unfit: its row says why, the acquire ends here. */
static int
unfit(struct lane *lane, struct lane_shard *shard, struct odk_err *err,
      const char *reason)
{
    lane_shard_quarantine(lane, shard, reason);
    return odk_err_set(err, ODK_EQUARANTINE, "%s", reason);
}

static int
check_log(struct lane *lane, struct lane_shard *shard, const char *topic,
          int64_t next, struct odk_err *err)
{
    char reason[256];
    int64_t start = 0;
    int64_t end = 0;
    int rc =
        bus_log_range(&lane->bus, odk_str(topic), shard->id, &start, &end, err);

    if (rc != 0 || (start <= next && next <= end)) {
        return rc;
    }
    (void)snprintf(reason, sizeof(reason),
                   "%s/%d holds the offsets %lld to %lld, the database goes on "
                   "at %lld: %s",
                   topic, shard->id, (long long)start, (long long)end,
                   (long long)next,
                   next < start ? "inputs expired unread"
                                : "the topic lost its tail or was made anew");
    return unfit(lane, shard, err, reason);
}

/* A number above the table's last one means that the database lost commits. A
 * marker does not: its sender may have died before it was accepted. */
int
// NOLINTNEXTLINE(readability-function-size): a place and a number
lane_shard_check_number(struct lane *lane, struct lane_shard *shard,
                        struct odk_str topic, int32_t partition, uint64_t seq,
                        struct odk_err *err)
{
    char reason[400];

    if (seq <= shard->row.outbox_seq) {
        return 0;
    }
    (void)snprintf(reason, sizeof(reason),
                   "%.*s/%d has number %llu, the database only "
                   "%llu: " LANE_LOST_COMMITS,
                   ODK_STR_ARG(topic), partition, (unsigned long long)seq,
                   (unsigned long long)shard->row.outbox_seq);
    return unfit(lane, shard, err, reason);
}

static int
check_history(struct lane *lane, struct lane_shard *shard, struct odk_err *err)
{
    struct odk_str topic = ODK_STR(LANE_TOPIC_HISTORY);
    struct bus_scan scan = {0};
    int32_t partitions = 0;
    int rc = bus_partitions(&lane->bus, topic, &partitions, err);

    if (rc == 0) {
        rc = bus_scan(&lane->bus, topic, shard->id % partitions, shard->id,
                      shard->row.history_offset, &scan, err);
    }
    if (rc == 0) {
        rc = lane_shard_check_number(lane, shard, topic, shard->id % partitions,
                                     scan.seq_max, err);
    }
    if (rc == 0) {
        shard->row.history_offset = scan.offset_next;
    }
    return rc;
}

/* Made from odradek.history by a rebuild or a repair: it knows as much as the
 * log does, and not which numbers were used for what the log has lost. */
static bool
is_from_log(const struct store_shard *row)
{
    return row->system_id == 0 && row->outbox_seq > 0;
}

/* Kafka's tools cannot move a shard: what they set is told and overwritten. */
static void
say_group_offset(const struct lane *lane, const struct lane_shard *shard,
                 int64_t offset)
{
    long long gap = (long long)(offset - shard->row.next_command);

    lane_log(
        lane, ODK_LOG_WARN, "shard.group_offset",
        "shard %d: somebody set the group's offset of " LANE_TOPIC_COMMANDS
        " to %lld, but PostgreSQL's %lld holds: the %lld record(s) between "
        "them are %s. The group's offset is overwritten; `odradek "
        "offsets` says more, `odradek offsets reset` moves a shard",
        shard->id, (long long)offset, (long long)shard->row.next_command,
        gap < 0 ? -gap : gap, gap < 0 ? "not read again" : "read, not skipped");
}

/* Whatever a batch does leaves an output: only a number above the table's last
 * one tells of lost commits. The offset alone may be ahead of the table's after
 * `odradek offsets reset`. */
static int
check_group(struct lane *lane, struct lane_shard *shard, struct odk_err *err)
{
    struct bus_place place = {LANE_PLACE_COMMANDS, shard->id};
    struct odk_buf metadata;
    int64_t offset = -1;
    uint64_t seq = 0;

    if (is_from_log(&shard->row)) {
        return 0;
    }
    odk_buf_init(&metadata, 0);
    int rc = bus_group_offset(&lane->bus, place, &offset, &metadata, err);
    struct odk_str text = odk_buf_str(&metadata);
    bool is_ours =
        odk_str_starts(text, ODK_STR(GROUP_METADATA)) &&
        odk_str_to_u64(odk_str_from(text, sizeof(GROUP_METADATA) - 1), &seq);
    odk_buf_release(&metadata);
    if (rc != 0 || offset < 0) {
        return rc;
    }
    if (is_ours && seq > shard->row.outbox_seq) {
        return unfit(lane, shard, err,
                     "the group's offset is ahead of the "
                     "database: " LANE_LOST_COMMITS);
    }
    if (!is_ours && offset != shard->row.next_command) {
        say_group_offset(lane, shard, offset);
    }
    return 0;
}

static int
check_server(struct lane *lane, struct lane_shard *shard, struct odk_err *err)
{
    const struct store_shard *row = &shard->row;

    if (row->system_id == row->server_system_id &&
        row->timeline == row->server_timeline) {
        return 0;
    }
    if (row->system_id == 0 && !is_from_log(row)) {
        return lane_of_store(lane, store_accept_server(&lane->store, shard->id,
                                                       row->fence,
                                                       row->outbox_seq, err));
    }
    return lane_fail_over(lane, shard, err);
}

static int
load_sources(struct lane *lane, struct lane_shard *shard, struct odk_err *err)
{
    const struct store_source *rows = NULL;
    size_t n = 0;
    int rc = lane_of_store(lane, store_sources(&lane->store, shard->id,
                                               &lane->arena, &rows, &n, err));

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct lane_source *source =
            calloc(1, sizeof(*source) + rows[i].name.len + 1);
        if (!source) {
            odk_out_of_memory();
        }
        memcpy(source->name, rows[i].name.ptr, rows[i].name.len);
        source->seq = rows[i].seq;
        odk_map_add(&shard->sources, &source->node,
                    odk_str_n(source->name, rows[i].name.len));
    }
    return rc;
}

int
lane_shard_timer_page(struct lane *lane, struct lane_shard *shard,
                      struct odk_err *err)
{
    struct lane_timers *timers = &shard->timers;
    bool is_first = timers->horizon.due == 0 && timers->horizon.id == 0;
    const struct store_timer *page = NULL;
    size_t n = 0;
    size_t max = timers->max / 2 < TIMER_PAGE ? timers->max / 2 : TIMER_PAGE;
    int rc =
        lane_of_store(lane, store_timers(&lane->store, shard->id,
                                         is_first ? NULL : &timers->horizon,
                                         max, &lane->arena, &page, &n, err));

    if (rc == 0) {
        lane_timers_add_page(timers, page, n, n < max);
    }
    return rc;
}

int
lane_shard_start(struct lane *lane, const struct lane_shard *shard,
                 struct odk_err *err)
{
    int rc = bus_start(&lane->bus,
                       (struct bus_place){LANE_PLACE_COMMANDS, shard->id},
                       shard->row.next_command, err);

    if (rc == 0) {
        rc = bus_start(&lane->bus,
                       (struct bus_place){LANE_PLACE_RESULTS, shard->id},
                       shard->row.next_result, err);
    }
    return rc;
}

static int
acquire(struct lane *lane, struct lane_shard *shard, struct odk_err *err)
{
    int64_t fence = (int64_t)(lane_random(lane) >> 1);
    int rc = lane_of_store(lane, store_acquire(&lane->store, shard->id, fence,
                                               lane->options.owner,
                                               &lane->arena, &shard->row, err));

    if (rc != 0) {
        return rc;
    }
    shard->clock_read_at = lane_monotonic(lane);
    shard->published_written = shard->row.published;
    lane_ack_init(shard);
    if (shard->row.quarantine.ptr) {
        shard->state = LANE_SHARD_QUARANTINED;
        shard->retry_at = lane_monotonic(lane) + QUARANTINE_LOOK_MS;
        return odk_err_set(err, ODK_EQUARANTINE, "%.*s",
                           ODK_STR_ARG(shard->row.quarantine));
    }
    shard->state = LANE_SHARD_ACQUIRING; /* released: acks count again */
    rc = lane_check_clock(lane, shard->row.server_time, err);
    rc = rc ? rc
            : check_log(lane, shard, LANE_TOPIC_COMMANDS,
                        shard->row.next_command, err);
    rc = rc ? rc
            : check_log(lane, shard, LANE_TOPIC_RESULTS, shard->row.next_result,
                        err);
    rc = rc ? rc : check_history(lane, shard, err);
    rc = rc ? rc : check_group(lane, shard, err);
    rc = rc ? rc : check_server(lane, shard, err);
    rc = rc ? rc : load_sources(lane, shard, err);
    rc = rc ? rc : lane_shard_timer_page(lane, shard, err);
    rc = rc ? rc : lane_republish(lane, shard, err);
    rc = rc ? rc : lane_shard_start(lane, shard, err);
    if (rc == 0) {
        shard->state = LANE_SHARD_OWNED;
        if (shard->acked > shard->published_written && lane->flush_at == 0) {
            lane->flush_at = lane_monotonic(lane) + 1000;
        }
        lane_log(lane, ODK_LOG_INFO, "shard.acquired",
                 "shard %d, epoch %lld, outputs up to %llu", shard->id,
                 (long long)shard->row.epoch,
                 (unsigned long long)shard->row.outbox_seq);
    }
    return rc;
}

/* The pause is over; a quarantined one looks whether it was released. */
static bool
is_due(struct lane_shard *shard, odk_dur_ms now, odk_dur_ms *next_at)
{
    if (shard->state == LANE_SHARD_OWNED) {
        return false;
    }
    if (shard->retry_at > now) {
        *next_at = shard->retry_at < *next_at ? shard->retry_at : *next_at;
        return false;
    }
    return true;
}

void
lane_shards_acquire(struct lane *lane, odk_dur_ms *next_at)
{
    odk_dur_ms now = lane_monotonic(lane);

    for (struct lane_shard *shard = lane->shards;
         shard && !lane->is_store_down && !lane->is_clock_off;
         shard = shard->next) {
        struct odk_err err = {0};
        bool was_quarantined = shard->state == LANE_SHARD_QUARANTINED;
        if (!is_due(shard, now, next_at)) {
            continue;
        }
        int rc = acquire(lane, shard, &err);
        if (rc == 0) {
            continue;
        }
        if (rc == ODK_ESKEW) {
            lane_shard_drop(lane, shard, 0); /* it is not the shard's fault */
            continue;
        }
        if (rc == ODK_EQUARANTINE) {
            lane_log(lane, was_quarantined ? ODK_LOG_DEBUG : ODK_LOG_ERROR,
                     "shard.in_quarantine", "shard %d: %s", shard->id,
                     err.message);
            continue;
        }
        lane_log(lane, ODK_LOG_WARN, "shard.acquire_failed", "shard %d: %s",
                 shard->id, err.message);
        lane_shard_drop(lane, shard, PAUSE_MS_MIN);
        *next_at = shard->retry_at < *next_at ? shard->retry_at : *next_at;
        if (lane->is_store_broken) {
            lane_store_failed(lane, &err);
        } else if (odk_err_class(rc) == ODK_CLASS_RETRY) {
            return; /* each further one would wait for the broker as well */
        }
    }
}
