#include <stdio.h>

#include "lane/lane_priv.h"

/* A shard without work notices a fail-over, or a connection that was cut, this
 * late; it costs a tenth of a query a second. */
#define LOOK_MS 10000
/* While the clocks differ. */
#define LOOK_SKEWED_MS 1000
/* An operator is told once in so long. */
#define ALARM_MS 60000

/* ---- time ---- */

void
lane_wall_read(struct lane *lane)
{
    const struct lane_clock *clock = &lane->options.clock;

    lane->wall = clock->wall(clock->ctx);
    lane->wall_read_at = lane_monotonic(lane);
}

odk_time_ms
lane_wall(const struct lane *lane)
{
    return odk_time_add(lane->wall, lane_monotonic(lane) - lane->wall_read_at);
}

odk_time_ms
lane_shard_now(const struct lane *lane, const struct lane_shard *shard)
{
    odk_time_ms wall = lane_wall(lane);
    odk_dur_ms passed = lane_monotonic(lane) - shard->clock_read_at;
    odk_time_ms carried = odk_time_add(shard->row.clock, passed / 2);

    return wall > carried ? wall : carried;
}

/* ---- the clocks agree ---- */

static void
clock_is_off(struct lane *lane, const char *problem)
{
    odk_dur_ms now = lane_monotonic(lane);

    if (!lane->is_clock_off) {
        lane->is_clock_off = true;
        lane->server_look_at = now;
    }
    if (now >= lane->clock_alarm_at) {
        lane->clock_alarm_at = now + ALARM_MS;
        lane_log(lane, ODK_LOG_ERROR, "clock.skewed",
                 "%s: nothing is committed until they agree; synchronise the "
                 "clocks",
                 problem);
    }
}

int
lane_check_clock(struct lane *lane, odk_time_ms server_time,
                 struct odk_err *err)
{
    const struct lane_clock *clock = &lane->options.clock;
    odk_dur_ms skew = clock->wall(clock->ctx) - server_time;
    char problem[96];

    if (skew <= STORE_SKEW_MS_MAX && skew >= -STORE_SKEW_MS_MAX) {
        return 0;
    }
    (void)snprintf(problem, sizeof(problem),
                   "this machine's clock is %lld ms from PostgreSQL's",
                   (long long)skew);
    clock_is_off(lane, problem);
    return odk_err_set(err, ODK_ESKEW, "%s", problem);
}

int
lane_commit(struct lane *lane, struct store_batch *batch, struct odk_err *err)
{
    batch->wall = lane_wall(lane);
    int rc = lane_of_store(lane, store_commit(&lane->store, batch, err));

    if (rc == ODK_ESKEW) {
        clock_is_off(lane, err->message);
    }
    return rc;
}

/* ---- the server ---- */

static void
drop_owned(struct lane *lane)
{
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        if (shard->state == LANE_SHARD_OWNED) {
            lane_shard_drop(lane, shard, 0);
        }
    }
}

static void
compare_identity(struct lane *lane, const struct store_server *server)
{
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        const struct store_shard *row = &shard->row;
        if (shard->state == LANE_SHARD_OWNED &&
            (row->server_system_id != server->system_id ||
             row->server_timeline != server->timeline)) {
            lane_log(lane, ODK_LOG_WARN, "shard.server_changed",
                     "shard %d: another server or timeline answers; it is "
                     "acquired again",
                     shard->id);
            lane_shard_drop(lane, shard, 0);
        }
    }
}

static void
look(struct lane *lane)
{
    struct store_server server;
    struct odk_err err = {0};
    int rc = lane_of_store(lane, store_server(&lane->store, &server, &err));

    if (lane->is_store_broken) {
        lane_store_failed(lane, &err);
        return;
    }
    if (rc != 0) {
        lane_log(lane, ODK_LOG_WARN, "server.look_failed", "%s", err.message);
        return;
    }
    if (lane_check_clock(lane, server.time, &err) != 0) {
        drop_owned(lane);
        return;
    }
    if (lane->is_clock_off) {
        lane->is_clock_off = false;
        lane_log(lane, ODK_LOG_INFO, "clock.agrees",
                 "this machine's clock agrees with PostgreSQL's again");
    }
    compare_identity(lane, &server);
}

void
lane_watch_server(struct lane *lane, odk_dur_ms *next_at)
{
    odk_dur_ms now = lane_monotonic(lane);

    if (lane->is_store_down) {
        return;
    }
    if (now >= lane->server_look_at) {
        look(lane);
        lane->server_look_at =
            now + (lane->is_clock_off ? LOOK_SKEWED_MS : LOOK_MS);
    }
    if (lane->server_look_at < *next_at) {
        *next_at = lane->server_look_at;
    }
}
