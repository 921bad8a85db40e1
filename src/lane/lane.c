#include "lane/lane.h"

#include <stdio.h>
#include <stdlib.h>

#include "lane/lane_priv.h"

#define BATCH_MAX           500u
#define CACHE_BYTES_MAX     (64u << 20)
#define INPUT_BYTES_MAX     (1u << 20)
#define RECORD_BYTES_MAX    900000u
#define HISTORY_EVENTS_WARN 25000
#define BACKLOG_MAX         100000u
#define QUEUE_MAX           100000u
#define TIMERS_IN_MEMORY    4096u
#define DRAIN_MS_MAX        5000
#define STORE_PAUSE_MIN     100
#define STORE_PAUSE_MAX     2000
/* Group offsets are for people and lag monitors: written lazily. */
#define GROUP_COMMIT_MS 5000
/* How far a later acquire has to scan odradek.history. */
#define HISTORY_NOTE_MS 30000

odk_dur_ms
lane_monotonic(const struct lane *lane)
{
    return lane->options.clock.monotonic(lane->options.clock.ctx);
}

uint64_t
lane_random(const struct lane *lane)
{
    return lane->options.clock.random(lane->options.clock.ctx);
}

void
lane_log(const struct lane *lane, enum odk_log_level level, const char *event,
         const char *fmt, ...)
{
    char message[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    odk_log(&lane->options.logger, level, event, "%s", message);
}

struct odk_str
lane_keep(struct lane *lane, struct odk_str s)
{
    if (!s.ptr) {
        return s;
    }
    struct odk_str kept = odk_arena_str(&lane->arena, s);
    odk_assert(kept.ptr); /* the tick's arena has no cap: a batch is bounded by
                             its inputs */
    return kept;
}

static void
set_default(size_t *option, size_t value)
{
    if (*option == 0) {
        *option = value;
    }
}

struct lane *
lane_new(const struct lane_options *options)
{
    struct lane *lane = calloc(1, sizeof(*lane));

    if (!lane) {
        odk_out_of_memory();
    }
    lane->options = *options;
    set_default(&lane->options.batch_max, BATCH_MAX);
    set_default(&lane->options.cache_bytes_max, CACHE_BYTES_MAX);
    set_default(&lane->options.input_bytes_max, INPUT_BYTES_MAX);
    set_default(&lane->options.record_bytes_max, RECORD_BYTES_MAX);
    set_default(&lane->options.timers_in_memory, TIMERS_IN_MEMORY);
    if (lane->options.backlog_max == 0) {
        lane->options.backlog_max = BACKLOG_MAX;
    }
    if (lane->options.queue_max == 0) {
        lane->options.queue_max = QUEUE_MAX;
    }
    if (lane->options.drain_ms_max == 0) {
        lane->options.drain_ms_max = DRAIN_MS_MAX;
    }
    if (lane->options.history_events_warn == 0) {
        lane->options.history_events_warn = HISTORY_EVENTS_WARN;
    }
    odk_assert(lane->options.task_republish_ms >= 0);
    odk_assert(lane->options.partitions > 0);
    odk_assert(lane->options.timers_in_memory >= 4);
    lane->bus = options->bus;
    lane->store = options->store;
    lane->marker.shard = -1;
    lane->slice_max = lane->options.batch_max;
    lane_cache_init(&lane->cache, lane->options.cache_bytes_max);
    odk_map_init(&lane->batch.timer_changes);
    odk_arena_init(&lane->arena, 0);
    odk_buf_init(&lane->scratch, 0);
    odk_buf_init(&lane->headers, 0);
    return lane;
}

void
lane_wake(struct lane *lane)
{
    bus_wake(&lane->bus);
}

const struct lane_stats *
lane_stats(const struct lane *lane)
{
    return &lane->stats;
}

uint64_t
lane_heartbeat(const struct lane *lane)
{
    return atomic_load(&lane->heartbeat);
}

/* ---- the two outsides ---- */

void
lane_store_failed(struct lane *lane, const struct odk_err *err)
{
    lane->stats.store_errors++;
    lane_log(lane, ODK_LOG_ERROR, "store.failed", "%s", err->message);
    lane->is_store_down = true;
    lane->is_store_broken = false;
    lane->store_pause_ms =
        lane->store_pause_ms ? lane->store_pause_ms * 2 : STORE_PAUSE_MIN;
    if (lane->store_pause_ms > STORE_PAUSE_MAX) {
        lane->store_pause_ms = STORE_PAUSE_MAX;
    }
    lane->store_retry_at = lane_monotonic(lane) + lane->store_pause_ms;
    /* No pause of their own: it is not the shards that failed, and the next
     * connection takes them at once. */
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        lane_shard_drop(lane, shard, 0);
    }
}

/* Every new connection acquires again: the shards wait in ACQUIRING. */
static void
store_mend(struct lane *lane, odk_dur_ms *next_at)
{
    struct odk_err err = {0};

    if (!lane->is_store_down) {
        return;
    }
    if (lane_monotonic(lane) < lane->store_retry_at) {
        *next_at =
            lane->store_retry_at < *next_at ? lane->store_retry_at : *next_at;
        return;
    }
    if (store_reconnect(&lane->store, &err) != 0) {
        lane_store_failed(lane, &err);
        *next_at =
            lane->store_retry_at < *next_at ? lane->store_retry_at : *next_at;
        return;
    }
    lane->is_store_down = false;
    lane->store_pause_ms = 0;
    lane_log(lane, ODK_LOG_INFO, "store.connected",
             "connected to PostgreSQL again");
}

/* A new producer under the same fences sends everything from acked + 1 again
 * (I7). */
static void
producer_mend(struct lane *lane)
{
    struct odk_err err = {0};

    if (!lane->is_producer_down) {
        return;
    }
    lane->stats.producer_resets++;
    lane_log(lane, ODK_LOG_WARN, "producer.reset",
             "a new producer publishes again from what is acknowledged");
    int rc = bus_producer_reset(&lane->bus, &err);
    lane->is_producer_down = rc != 0;
    if (rc == 0) {
        rc = lane_republish_suspects(lane, &err);
    }
    if (rc == 0) {
        rc = lane_republish_owned(lane, &err);
    }
    if (lane->is_store_broken) {
        lane_store_failed(lane, &err);
    } else if (rc != 0) {
        lane->is_producer_down = true;
        lane_log(lane, ODK_LOG_ERROR, "producer.reset_failed", "%s",
                 err.message);
    }
}

/* ---- assignments ---- */

static void
keep_places(struct lane_vec *vec, const struct bus_place *places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct bus_place *place = lane_vec_push(vec, sizeof(*place));
        *place = places[i];
    }
}

/* All of a poll but its records; assignments are done at the start of the next
 * tick. */
static void
poll_events(struct lane *lane, const struct bus_batch *polled)
{
    lane_acks(lane, polled);
    keep_places(&lane->revoked, polled->revoked, polled->n_revoked);
    keep_places(&lane->assigned, polled->assigned, polled->n_assigned);
    lane->is_lost |= polled->is_lost;
    lane->is_producer_down |= polled->is_producer_fatal;
}

void
lane_poll_aside(struct lane *lane, const struct bus_batch *polled)
{
    lane->is_polled_aside = true;
    poll_events(lane, polled);
    for (size_t i = 0; i < polled->n_messages; i++) {
        struct lane_shard *shard =
            lane_shard_find(lane, polled->messages[i].partition);
        if (shard) {
            shard->is_rewind = true;
        }
    }
}

/* A position outside of its log (the topic lost its tail, or its head expired
 * unread) stops a place for good. */
static int
poll_bus(struct lane *lane, odk_dur_ms wait_max, struct bus_batch *polled,
         struct odk_err *err)
{
    int rc = bus_poll(&lane->bus, wait_max, polled, err);

    lane->is_out_of_range |= rc == ODK_ECORRUPT;
    return rc;
}

int
lane_poll_once(struct lane *lane, odk_dur_ms *idle_ms, struct odk_err *err)
{
    struct bus_batch polled = {0};
    int rc = poll_bus(lane, LANE_POLL_MS, &polled, err);

    if (rc != 0) {
        return rc;
    }
    if (polled.n_acks == 0) {
        *idle_ms += LANE_POLL_MS;
    }
    lane_poll_aside(lane, &polled);
    if (polled.is_producer_fatal) {
        return odk_err_set(err, ODK_EFATAL,
                           "the producer was given up by the broker");
    }
    return 0;
}

static bool
is_drained(const struct lane *lane)
{
    for (const struct lane_shard *shard = lane->shards; shard;
         shard = shard->next) {
        if (shard->state == LANE_SHARD_OWNED &&
            shard->acked < shard->row.outbox_seq) {
            return false;
        }
    }
    return true;
}

/* Waits (bounded) until the broker has all outputs, then writes `published`:
 * the next owner repeats nothing. */
static void
drain(struct lane *lane)
{
    odk_dur_ms idle_ms = 0;
    struct odk_err err = {0};
    int rc = 0;

    while (rc == 0 && !lane->is_producer_down && !is_drained(lane) &&
           idle_ms < lane->options.drain_ms_max) {
        rc = lane_poll_once(lane, &idle_ms, &err);
    }
    if (!lane->is_store_down) {
        rc = lane_flush_published(lane, &err);
        if (rc != 0) {
            lane_log(lane, ODK_LOG_WARN, "drain.failed", "%s", err.message);
        }
    }
}

static void
do_revoked(struct lane *lane)
{
    struct odk_err err = {0};

    if (lane->revoked.n == 0) {
        return;
    }
    if (!lane->is_lost) {
        drain(lane);
    }
    const struct bus_place *places = lane->revoked.items;
    for (size_t i = 0; i < lane->revoked.n; i++) {
        lane_shard_revoke(lane, places[i].partition);
    }
    lane->revoked.n = 0;
    lane->is_lost = false;
    if (bus_revoke_done(&lane->bus, &err) != 0) {
        lane_log(lane, ODK_LOG_WARN, "group.revoke_failed", "%s", err.message);
    }
}

static void
do_assigned(struct lane *lane)
{
    const struct bus_place *places = lane->assigned.items;

    for (size_t i = 0; i < lane->assigned.n; i++) {
        lane_shard_assign(lane, places[i].partition);
    }
    lane->assigned.n = 0;
}

static void
do_rewinds(struct lane *lane)
{
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        struct odk_err err = {0};
        if (!shard->is_rewind) {
            continue;
        }
        shard->is_rewind = false;
        if (shard->state != LANE_SHARD_OWNED) {
            continue; /* the acquire starts it */
        }
        int rc = lane_shard_start(lane, shard, &err);
        shard->is_paused = false; /* a start resumes */
        if (rc != 0) {
            lane_log(lane, ODK_LOG_WARN, "shard.rewind_failed", "shard %d: %s",
                     shard->id, err.message);
            lane_shard_drop(lane, shard, 100);
        }
    }
}

/* ---- housekeeping ---- */

/* The outbox is bounded: a shard whose outputs are not acknowledged stops
 * reading. So is the producer: all stop while half of it is used, as what one
 * tick sends must find room. Neither begins again before half of that is gone.
 */
static bool
wants_pause(const struct lane *lane, const struct lane_shard *shard,
            uint64_t in_lane)
{
    const struct lane_options *options = &lane->options;
    uint64_t in_shard = shard->row.outbox_seq - shard->acked;
    unsigned halved = shard->is_paused ? 2 : 1;

    return in_shard > options->backlog_max / halved ||
           in_lane > options->queue_max / 2 / halved;
}

static void
set_paused(struct lane *lane, struct lane_shard *shard, bool is_paused)
{
    struct odk_err err = {0};

    for (int topic = 0; topic < LANE_N_PLACES; topic++) {
        if (bus_pause(&lane->bus, (struct bus_place){topic, shard->id},
                      is_paused, &err) != 0) {
            lane_log(lane, ODK_LOG_WARN, "shard.pause_failed", "shard %d: %s",
                     shard->id, err.message);
        }
    }
    shard->is_paused = is_paused;
}

static void
flow_control(struct lane *lane)
{
    uint64_t in_lane = 0;

    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        if (shard->state == LANE_SHARD_OWNED) {
            in_lane += shard->row.outbox_seq - shard->acked;
        }
    }
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        bool is_paused = wants_pause(lane, shard, in_lane);
        if (shard->state != LANE_SHARD_OWNED || is_paused == shard->is_paused) {
            continue;
        }
        set_paused(lane, shard, is_paused);
        lane_log(
            lane, ODK_LOG_WARN, is_paused ? "shard.paused" : "shard.resumed",
            "shard %d: %llu outputs are not acknowledged, %llu in the lane",
            shard->id,
            (unsigned long long)(shard->row.outbox_seq - shard->acked),
            (unsigned long long)in_lane);
    }
}

static void
flush(struct lane *lane, odk_dur_ms *next_at)
{
    struct odk_err err = {0};

    if (lane->flush_at == 0 && lane->failed.n == 0) {
        return;
    }
    if (lane->failed.n == 0 && lane_monotonic(lane) < lane->flush_at) {
        *next_at = lane->flush_at < *next_at ? lane->flush_at : *next_at;
        return;
    }
    lane->flush_at = 0;
    int rc = lane_flush_published(lane, &err);
    if (rc == ODK_ESKEW) {
        return; /* the watch of the server drops the shards */
    }
    if (rc == ODK_EFENCED) {
        lane->stats.fenced++;
        lane_shards_drop_all(lane);
    } else if (rc != 0) {
        lane_store_failed(lane, &err);
    }
}

static void
group_offsets(struct lane *lane)
{
    odk_dur_ms now = lane_monotonic(lane);

    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        char metadata[32];
        struct odk_err err = {0};
        if (shard->state != LANE_SHARD_OWNED ||
            now - shard->group_committed_at < GROUP_COMMIT_MS ||
            shard->group_committed_batch == shard->row.batch) {
            continue;
        }
        int len = snprintf(metadata, sizeof(metadata), "odk-seq:%llu",
                           (unsigned long long)shard->row.outbox_seq);
        int rc = bus_commit_offset(
            &lane->bus, (struct bus_place){LANE_PLACE_COMMANDS, shard->id},
            shard->row.next_command, odk_str_n(metadata, (size_t)len), &err);
        if (rc == 0) {
            rc = bus_commit_offset(
                &lane->bus, (struct bus_place){LANE_PLACE_RESULTS, shard->id},
                shard->row.next_result, odk_str_n(metadata, (size_t)len), &err);
        }
        if (rc != 0) {
            lane_log(lane, ODK_LOG_DEBUG, "group.commit_failed", "shard %d: %s",
                     shard->id, err.message);
        }
        shard->group_committed_at = now;
        shard->group_committed_batch = shard->row.batch;
    }
}

/*
 * Whatever lies below the log's end now has a number that is committed now; the
 * next batch writes the offset, so a later acquire scans from there. A database
 * that lost that batch lost the offset too.
 */
static void
note_history(struct lane *lane)
{
    odk_dur_ms now = lane_monotonic(lane);

    if (now - lane->history_noted_at < HISTORY_NOTE_MS) {
        return;
    }
    lane->history_noted_at = now;
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        struct odk_err err = {0};
        int32_t partitions = 0;
        int64_t start = 0;
        int64_t end = 0;
        if (shard->state != LANE_SHARD_OWNED ||
            shard->history_noted_batch == shard->row.batch) {
            continue;
        }
        int rc = bus_partitions(&lane->bus, ODK_STR(LANE_TOPIC_HISTORY),
                                &partitions, &err);
        if (rc == 0) {
            rc = bus_log_range(&lane->bus, ODK_STR(LANE_TOPIC_HISTORY),
                               shard->id % partitions, &start, &end, &err);
        }
        if (rc != 0) {
            return; /* each further try would wait for the broker as well */
        }
        shard->row.history_offset = end;
        shard->history_noted_batch = shard->row.batch;
    }
}

/* ---- inputs ---- */

static void
collect_messages(struct lane *lane, const struct bus_batch *polled)
{
    for (size_t i = 0; i < polled->n_messages; i++) {
        const struct bus_message *message = &polled->messages[i];
        struct lane_shard *shard = lane_shard_find(lane, message->partition);
        if (!shard || shard->state != LANE_SHARD_OWNED) {
            continue; /* fetched before the shard was lost: its next owner reads
                         it */
        }
        int64_t next = message->topic == LANE_PLACE_COMMANDS
                           ? shard->row.next_command
                           : shard->row.next_result;
        if (message->offset < next) {
            continue;
        }
        struct lane_input *input = lane_vec_push(&lane->inputs, sizeof(*input));
        lane_input_read(lane, shard, message, input);
    }
}

static void
collect_timers(struct lane *lane, odk_dur_ms *next_at)
{
    odk_dur_ms monotonic = lane_monotonic(lane);
    size_t room = lane->options.batch_max;
    /* No shard's crowd of due timers keeps the others waiting. */
    size_t quota = room / (lane->stats.shards_owned + 1) + 1;

    for (struct lane_shard *shard = lane->shards; shard && room > 0;
         shard = shard->next) {
        struct odk_err err = {0};
        if (shard->state != LANE_SHARD_OWNED || shard->is_paused) {
            continue;
        }
        if (lane_timers_wants_page(&shard->timers) &&
            lane_shard_timer_page(lane, shard, &err) != 0) {
            lane_store_failed(lane, &err);
            return;
        }
        odk_time_ms now = lane_shard_now(lane, shard);
        struct lane_timer *timer = lane_timers_next(&shard->timers);
        size_t left = quota < room ? quota : room;
        while (timer && timer->timer.due <= now && left > 0) {
            struct lane_input *input =
                lane_vec_push(&lane->inputs, sizeof(*input));
            lane_timers_fire(&shard->timers, timer);
            lane_input_timer(shard, timer, input);
            room--;
            left--;
            timer = lane_timers_next(&shard->timers);
        }
        if (timer && timer->timer.due - now < *next_at - monotonic) {
            *next_at = monotonic +
                       (timer->timer.due > now ? timer->timer.due - now : 0);
        }
    }
}

/* The records of these inputs are gone: their shards read them again. */
static void
return_inputs(const struct lane_input *inputs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct lane_shard *shard = inputs[i].shard;
        if (shard->state != LANE_SHARD_OWNED) {
            continue; /* the acquire does */
        }
        if (inputs[i].message) {
            shard->is_rewind = true;
        } else {
            lane_timers_return(&shard->timers, &inputs[i].timer.run_id,
                               inputs[i].timer.id);
        }
    }
}

static void
run_inputs(struct lane *lane)
{
    struct lane_input *inputs = lane->inputs.items;
    size_t at = 0;

    while (at < lane->inputs.n && !lane->is_store_down && !lane->is_clock_off &&
           !lane->is_polled_aside) {
        size_t n = lane->inputs.n - at;
        n = n < lane->slice_max ? n : lane->slice_max;
        lane_run(lane, inputs + at, n);
        at += n;
    }
    return_inputs(inputs + at, lane->inputs.n - at);
    lane->inputs.n = 0;
}

static void
count_shards(struct lane *lane)
{
    lane->stats.shards_owned = 0;
    lane->stats.shards_quarantined = 0;
    for (const struct lane_shard *shard = lane->shards; shard;
         shard = shard->next) {
        lane->stats.shards_owned += shard->state == LANE_SHARD_OWNED;
        lane->stats.shards_quarantined +=
            shard->state == LANE_SHARD_QUARANTINED;
    }
    lane->stats.executions_cached = lane->cache.by_run.count;
    lane->stats.cache_bytes = lane->cache.bytes;
}

bool
lane_tick(struct lane *lane, odk_dur_ms wait_max)
{
    struct bus_batch polled = {0};
    struct odk_err err = {0};
    odk_dur_ms now = lane_monotonic(lane);
    odk_dur_ms next_at = now + wait_max;

    atomic_fetch_add(&lane->heartbeat, 1);
    odk_arena_reset(&lane->arena);
    lane->newest.n = 0;
    lane_wall_read(lane);
    do_revoked(lane);
    do_assigned(lane);
    if (lane->is_out_of_range) {
        lane->is_out_of_range = false;
        lane_shards_drop_all(lane);
    }
    store_mend(lane, &next_at);
    lane_watch_server(lane, &next_at);
    producer_mend(lane);
    lane_shards_acquire(lane, &next_at);
    do_rewinds(lane);
    flow_control(lane);
    if (!lane->is_store_down) {
        flush(lane, &next_at);
        group_offsets(lane);
        note_history(lane);
        collect_timers(lane, &next_at);
    }
    lane->is_polled_aside = false;
    bool is_waiting =
        lane->inputs.n == 0 && lane->revoked.n == 0 && lane->assigned.n == 0;
    odk_dur_ms wait = next_at - lane_monotonic(lane);
    int rc = poll_bus(lane, is_waiting && wait > 0 ? wait : 0, &polled, &err);
    if (rc != 0) {
        lane_log(lane, ODK_LOG_WARN, "bus.failed", "%s", err.message);
    } else {
        poll_events(lane, &polled);
        collect_messages(lane, &polled);
    }
    bool is_busy = lane->inputs.n > 0 || polled.n_acks > 0 ||
                   lane->revoked.n > 0 || lane->assigned.n > 0;
    run_inputs(lane);
    count_shards(lane);
    return is_busy;
}

void
lane_crash(struct lane *lane)
{
    while (lane->shards) {
        lane_shard_revoke(lane, lane->shards->id);
    }
    lane_cache_release(&lane->cache);
    lane_batch_release(&lane->batch);
    odk_arena_release(&lane->arena);
    odk_buf_release(&lane->scratch);
    odk_buf_release(&lane->headers);
    free(lane->inputs.items);
    free(lane->newest.items);
    free(lane->unpacked.items);
    free(lane->failed.items);
    free(lane->suspects.items);
    free(lane->revoked.items);
    free(lane->assigned.items);
    store_close(&lane->store);
    free(lane);
}

void
lane_close(struct lane *lane, bool is_leaving)
{
    drain(lane);
    bus_close(&lane->bus, is_leaving);
    lane_crash(lane);
}
