#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "binding/binding.h"
#include "cli/cli_output.h"
#include "cli/cli_restore.h"
#include "cli/cli_serve_priv.h"

#define LANE_WAIT_MS 1000
/* An instance id that is taken from us: the first pause, and how often we take
 * it back when it never stays ours for the span. */
#define TAKEN_PAUSE_MS  1000
#define TAKEN_TIMES_MAX 5
#define TAKEN_SPAN_MS   600000

/* ---- opening ---- */

/* Tries until it works; false: to stop, or nothing that a retry mends. */
static bool
open_store(struct serve *serve, struct store *out)
{
    odk_dur_ms pause = SERVE_PAUSE_MS_MIN;
    struct odk_err err = {0};

    while (!atomic_load(&serve->is_stopping)) {
        if (store_pg_open(&serve->postgres, out, &err) == 0) {
            return true;
        }
        if (!serve_is_transient(err.code)) {
            serve_give_up(serve, "serve.database_refused", &err);
            return false;
        }
        serve_log(serve, ODK_LOG_WARN, "serve.waiting_for_database",
                  "%s; trying again", err.message);
        (void)serve_pause(serve, &pause);
    }
    return false;
}

static bool
open_codec(struct serve_lane *lane)
{
    struct serve *serve = lane->serve;
    odk_dur_ms pause = SERVE_PAUSE_MS_MIN;
    struct odk_err err = {0};

    while (!atomic_load(&serve->is_stopping)) {
        if (cli_codec_new(serve->config, &lane->codec, &lane->registry, &err) ==
            0) {
            return true;
        }
        if (!serve_is_transient(err.code)) {
            serve_give_up(serve, "serve.schema_registry_refused", &err);
            return false;
        }
        serve_log(serve, ODK_LOG_WARN, "serve.waiting_for_schema_registry",
                  "%s; trying again", err.message);
        (void)serve_pause(serve, &pause);
    }
    return false;
}

static bool
open_bus(struct serve_lane *lane, struct bus *out)
{
    static const char *const topics[] = {LANE_TOPIC_COMMANDS,
                                         LANE_TOPIC_RESULTS};
    struct serve *serve = lane->serve;
    struct bus_kafka_options options = serve->kafka.options;
    odk_dur_ms pause = SERVE_PAUSE_MS_MIN;
    struct odk_err err = {0};
    char id[192];

    (void)snprintf(id, sizeof(id), "%s-%d", serve->instance, lane->index);
    options.topics = topics;
    options.n_topics = ODK_ARRAY_LEN(topics);
    options.group_id = config_str(serve->config, CONFIG_KAFKA_GROUP);
    options.instance_id = id;
    while (!atomic_load(&serve->is_stopping)) {
        if (bus_kafka_open(&options, out, &err) == 0) {
            serve_bus_wrap(lane, out);
            return true;
        }
        if (!serve_is_transient(err.code)) {
            serve_give_up(serve, "serve.kafka_refused", &err);
            return false;
        }
        serve_log(serve, ODK_LOG_WARN, "serve.waiting_for_kafka",
                  "%s%s; trying again", err.message,
                  err.code == ODK_ENOTFOUND
                      ? " (`odradek topics apply` makes the topics)"
                      : "");
        (void)serve_pause(serve, &pause);
    }
    return false;
}

static struct lane *
make_lane(struct serve_lane *lane, struct bus bus, struct store store,
          struct odk_str owner)
{
    const struct serve *serve = lane->serve;
    struct lane_options options =
        cli_lane_options(serve->config, &serve->cluster);

    options.bus = bus;
    options.store = store;
    options.codec = lane->codec;
    options.logger = serve->logger;
    options.owner = owner;
    options.queue_max = BUS_KAFKA_QUEUE_RECORDS_MAX;
    options.task_republish_ms = serve->task_republish_ms;
    return lane_new(&options);
}

/* ---- running ---- */

static void
log_stats(const struct serve_lane *lane)
{
    const struct lane_stats *stats = lane_stats(lane->lane);

    serve_log(
        lane->serve, ODK_LOG_INFO, "lane.stats",
        "lane=%d shards=%llu quarantined=%llu inputs=%llu "
        "transitions=%llu batches=%llu outputs=%llu republished=%llu "
        "dead_letters=%llu rejected=%llu ignored=%llu repeats=%llu "
        "forwarded=%llu parked=%llu fenced=%llu store_errors=%llu "
        "producer_resets=%llu late_effects=%llu cached=%llu "
        "cache_bytes=%llu",
        lane->index, (unsigned long long)stats->shards_owned,
        (unsigned long long)stats->shards_quarantined,
        (unsigned long long)stats->inputs,
        (unsigned long long)stats->transitions,
        (unsigned long long)stats->batches, (unsigned long long)stats->outputs,
        (unsigned long long)stats->republished,
        (unsigned long long)stats->dead_letters,
        (unsigned long long)stats->rejected, (unsigned long long)stats->ignored,
        (unsigned long long)stats->repeats,
        (unsigned long long)stats->forwarded, (unsigned long long)stats->parked,
        (unsigned long long)stats->fenced,
        (unsigned long long)stats->store_errors,
        (unsigned long long)stats->producer_resets,
        (unsigned long long)stats->late_effects,
        (unsigned long long)stats->executions_cached,
        (unsigned long long)stats->cache_bytes);
}

static void
set_lane(struct serve_lane *lane, struct lane *made)
{
    (void)pthread_mutex_lock(&lane->lock);
    lane->lane = made;
    (void)pthread_mutex_unlock(&lane->lock);
}

static void
run(struct serve_lane *lane)
{
    struct serve *serve = lane->serve;
    odk_dur_ms began_at = serve_monotonic();
    odk_dur_ms every = config_i64(serve->config, CONFIG_SERVE_STATS);
    odk_dur_ms stats_at = began_at + every;

    atomic_store(&lane->state, SERVE_RUNNING);
    while (!atomic_load(&serve->is_stopping) && !lane->is_taken) {
        (void)lane_tick(lane->lane, LANE_WAIT_MS);
        atomic_store(&lane->n_quarantined,
                     (int)lane_stats(lane->lane)->shards_quarantined);
        odk_dur_ms now = serve_monotonic();
        if (atomic_load(&lane->state) == SERVE_RUNNING &&
            (lane_stats(lane->lane)->shards_owned > 0 ||
             now - began_at > SERVE_READY_MS)) {
            atomic_store(&lane->state, SERVE_READY);
            serve_notify(serve);
        }
        if (every > 0 && now >= stats_at) {
            log_stats(lane);
            stats_at = now + every;
        }
    }
    log_stats(lane);
}

/* A lane from its opening to its end. */
static void
live(struct serve_lane *self)
{
    struct serve *serve = self->serve;
    struct store store = {0};
    struct bus bus = {0};
    char owner[192];

    self->is_taken = false;
    (void)snprintf(owner, sizeof(owner), "%s:%d/%d", serve->host, (int)getpid(),
                   self->index);
    if (!open_store(serve, &store)) {
        return;
    }
    if (!open_bus(self, &bus)) {
        store_close(&store);
        return;
    }
    set_lane(self, make_lane(self, bus, store, odk_str(owner)));
    run(self);
    struct lane *lane = self->lane;
    set_lane(self, NULL);
    lane_close(lane, serve->is_leaving);
}

/* Kafka takes the instance id from us also when an answer to our own joining
 * was lost: joining again mends that. Two processes under one id would take it
 * from each other for ever: after a few times this one ends. */
static bool
rejoins(struct serve_lane *self, int times, odk_dur_ms *pause)
{
    struct serve *serve = self->serve;
    struct odk_err err = {0};

    if (atomic_load(&serve->is_stopping)) {
        return false;
    }
    if (times > TAKEN_TIMES_MAX) {
        (void)odk_err_set(&err, ODK_ECONFLICT,
                          "another process joins group %s as %s-%d again and "
                          "again: give each its own kafka.instance-id",
                          config_str(serve->config, CONFIG_KAFKA_GROUP),
                          serve->instance, self->index);
        serve_give_up(serve, "serve.instance_taken", &err);
        return false;
    }
    serve_log(serve, ODK_LOG_WARN, "serve.instance_lost",
              "Kafka gave our place in the group (instance id %s-%d) to "
              "another: joining again. If another process runs under this "
              "kafka.instance-id, give it its own",
              serve->instance, self->index);
    return serve_pause(serve, pause);
}

static void *
lane_main(void *argument)
{
    struct serve_lane *self = argument;
    struct serve *serve = self->serve;
    odk_dur_ms pause = TAKEN_PAUSE_MS;
    bool is_going_on = open_codec(self);

    for (int times = 1; is_going_on; times++) {
        odk_dur_ms began_at = serve_monotonic();
        live(self);
        if (serve_monotonic() - began_at > TAKEN_SPAN_MS) {
            times = 1;
            pause = TAKEN_PAUSE_MS;
        }
        is_going_on = self->is_taken && rejoins(self, times, &pause);
    }
    registry_free(self->registry);
    codec_free(self->codec);
    atomic_store(&self->state, SERVE_ENDED);
    serve_notify(serve);
    return NULL;
}

int
serve_lane_start(struct serve_lane *lane, struct odk_err *err)
{
    (void)pthread_mutex_init(&lane->lock, NULL);
    atomic_init(&lane->state, SERVE_OPENING);
    if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0) {
        return odk_err_set(err, ODK_EAGAIN, "no thread for lane %d",
                           lane->index);
    }
    lane->is_started = true;
    return 0;
}

void
serve_lane_wake(struct serve_lane *lane)
{
    (void)pthread_mutex_lock(&lane->lock);
    if (lane->lane) {
        lane_wake(lane->lane);
    }
    (void)pthread_mutex_unlock(&lane->lock);
}

bool
serve_lane_is_alive(struct serve_lane *lane, odk_dur_ms now, odk_dur_ms timeout)
{
    bool is_alive = true;

    (void)pthread_mutex_lock(&lane->lock);
    if (lane->lane) {
        uint64_t beat = lane_heartbeat(lane->lane);
        if (beat != lane->beat || lane->beat_at == 0) {
            lane->beat = beat;
            lane->beat_at = now;
        }
        is_alive = now - lane->beat_at <= timeout;
    }
    (void)pthread_mutex_unlock(&lane->lock);
    return is_alive;
}
