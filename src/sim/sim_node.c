#include <stdlib.h>

#include "sim/sim_priv.h"

/*
 * A process: a lane on ports that may fail at every call. Killing it while it
 * is inside of a tick dooms it: from then on its calls have no effect, and it
 * is buried when the tick has unwound.
 */

/* Three quarters of seven days, which the task topics are declared to keep. */
#define TASK_REPUBLISH_MS 453600000

/* A process among those of its node: late events of an earlier one are void. */
struct life {
    struct sim_node *node;
    uint64_t number;
};

static odk_time_ms
clock_wall(void *ctx)
{
    const struct sim_node *node = ctx;

    return node->sim->now + node->offset_ms;
}

static odk_dur_ms
clock_monotonic(void *ctx)
{
    const struct sim_node *node = ctx;
    odk_dur_ms passed = node->sim->now - SIM_START;

    return passed + passed * node->drift_ppm / 1000000;
}

static uint64_t
clock_random(void *ctx)
{
    struct sim_node *node = ctx;

    return odk_mix64(++node->sim->fences);
}

static void
log_emit(void *ctx, enum odk_log_level level, const char *event,
         const char *message)
{
    const struct sim_node *node = ctx;

    if (level != ODK_LOG_DEBUG) {
        sim_trace(node->sim, "n%d %s: %s", node->id, event, message);
    }
}

static void
bury(struct sim_node *node)
{
    struct lane *lane = node->lane;

    sim_trace(node->sim, "n%d is dead, %zu of %zu records in flight arrive",
              node->id, node->n_arriving, bus_mem_in_flight(&node->bus));
    bus_mem_crash(&node->bus, node->n_arriving);
    node->sim->is_dirty = true;
    node->lane = NULL;
    node->is_doomed = false;
    node->life++;
    lane_crash(lane);
    if (!node->sim->is_failed) {
        sim_node_start(node->sim, node,
                       sim_between(&node->sim->chaos, 50,
                                   node->sim->is_calm ? 1000 : 20000));
    }
}

static void
doom(struct sim_node *node)
{
    if (!node->is_doomed) {
        node->is_doomed = true;
        node->n_arriving =
            sim_below(&node->sim->chaos, bus_mem_in_flight(&node->bus) + 1);
        node->sim->stats.faults++;
        sim_trace(node->sim, "n%d is killed", node->id);
    }
}

void
sim_node_kill(struct sim_node *node)
{
    if (!node->lane) {
        return;
    }
    doom(node);
    if (!node->is_busy) {
        bury(node);
    }
}

static void
close_now(struct sim_node *node)
{
    struct lane *lane = node->lane;
    bool is_leaving = sim_chance(&node->sim->chaos, 500);

    sim_trace(node->sim, "n%d drains and %s", node->id,
              is_leaving ? "leaves" : "stops");
    node->is_busy = true;
    lane_close(lane, is_leaving);
    node->is_busy = false;
    node->lane = NULL;
    node->is_doomed = false;
    node->life++;
    node->sim->is_dirty = true;
    if (!node->sim->is_failed) {
        sim_node_start(node->sim, node,
                       sim_between(&node->sim->chaos, 50, 8000));
    }
}

void
sim_node_close(struct sim_node *node)
{
    if (node->lane && !node->is_busy && !node->is_doomed) {
        close_now(node);
    }
}

void
sim_node_pause(struct sim_node *node, odk_dur_ms ms)
{
    struct sim *sim = node->sim;
    odk_dur_ms first = ms < SIM_SESSION_MS ? ms : SIM_SESSION_MS;

    odk_assert(node->is_busy);
    sim_trace(sim, "n%d is paused for %lld ms", node->id, (long long)ms);
    sim->stats.faults++;
    node->is_stopped = true;
    sim_pass(sim, first);
    if (ms > first && !node->is_doomed && !sim->is_failed) {
        sim_trace(sim, "n%d is dropped from its group", node->id);
        bus_mem_drop_member(&node->bus);
        sim_pass(sim, ms - first);
    }
    node->is_stopped = false;
    sim_trace(sim, "n%d goes on", node->id);
}

/* Bounded memory, whatever happens. */
static void
check_bounds(struct sim_node *node)
{
    const struct lane_stats *stats = lane_stats(node->lane);
    size_t max = node->sim->profile.cache_bytes_max;

    if (max && stats->cache_bytes > max + (1u << 20)) {
        sim_fail(node->sim, SIM_CHECK_MEMORY,
                 "n%d caches %llu bytes, its bound is %zu", node->id,
                 (unsigned long long)stats->cache_bytes, max);
    }
}

static void
tick(struct sim *sim, void *arg)
{
    const struct life *life = arg;
    struct sim_node *node = life->node;

    if (node->life != life->number || !node->lane || node->is_busy) {
        return; /* busy: it drains and will be gone */
    }
    node->is_busy = true;
    bool is_working = lane_tick(node->lane, 0);
    node->is_busy = false;
    if (node->is_doomed) {
        bury(node);
        return;
    }
    check_bounds(node);
    node->idle = is_working ? 0 : node->idle + 1;
    int64_t most = node->idle < 6 ? 10 : (node->idle < 40 ? 50 : 200);
    sim_after(sim, sim_between(&sim->rand, node->idle ? 1 : 0, most), tick,
              arg);
}

static void
options_set(struct sim_node *node, struct lane_options *options)
{
    const struct sim_profile *profile = &node->sim->profile;

    *options = (struct lane_options){
        .bus = sim_bus(node),
        .store = sim_store(node),
        .codec = node->sim->codec,
        .clock = {clock_wall, clock_monotonic, clock_random, node},
        .logger = {log_emit, node},
        .owner = odk_str(node->instance),
        .partitions = profile->partitions,
        .batch_max = profile->batch_max,
        .cache_bytes_max = profile->cache_bytes_max,
        .record_bytes_max = profile->record_bytes_max,
        .backlog_max = profile->backlog_max,
        .queue_max = profile->queue_max,
        .timers_in_memory = profile->timers_in_memory,
        .task_republish_ms = TASK_REPUBLISH_MS,
    };
    memset(options->token_key, 7, sizeof(options->token_key));
}

static void
start(struct sim *sim, void *arg)
{
    static const char *const topics[] = {LANE_TOPIC_COMMANDS,
                                         LANE_TOPIC_RESULTS};
    struct life *life = arg;
    struct sim_node *node = life->node;
    struct lane_options options;
    struct bus_mem_options bus = {
        .group_id = "odradek",
        .instance_id = sim->profile.is_static ? node->instance : NULL,
        .topics = topics,
        .n_topics = 2,
        .batch_max = sim->profile.poll_max,
        .queue_max = sim->profile.queue_max,
        .session_ms = SIM_SESSION_MS};

    if (node->life != life->number || node->lane) {
        return;
    }
    if (bus_mem_open(sim->broker, &bus, &node->bus, NULL) != 0) {
        sim_after(sim, 500, start, life);
        return;
    }
    store_mem_connect(sim->db, &node->store);
    node->db = sim->db;
    node->idle = 0;
    options_set(node, &options);
    node->lane = lane_new(&options);
    sim_trace(sim, "n%d starts", node->id);
    sim_after(sim, 0, tick, life);
}

void
sim_node_start(struct sim *sim, struct sim_node *node, odk_dur_ms wait)
{
    struct life *life = sim_alloc(sim, sizeof(*life));

    (void)snprintf(node->instance, sizeof(node->instance), "n%d", node->id);
    *life = (struct life){node, node->life};
    sim_after(sim, wait, start, life);
}

void
sim_nodes_end(struct sim *sim)
{
    sim->is_failed = true; /* nothing starts again */
    for (int i = 0; i < SIM_NODES_MAX; i++) {
        if (sim->nodes[i].lane) {
            sim->nodes[i].n_arriving = 0;
            bury(&sim->nodes[i]);
        }
    }
}

/* ---- faults at a call of a port ---- */

static void
release_sends(struct sim *sim, void *arg)
{
    const struct life *life = arg;

    if (life->node->life == life->number && life->node->lane) {
        bus_mem_hold_sends(&life->node->bus, false);
        bus_mem_hold_acks(&life->node->bus, false);
        sim->is_dirty = true;
    }
}

static void
hold(struct sim_node *node, odk_dur_ms ms)
{
    struct sim *sim = node->sim;
    struct life *life = sim_alloc(sim, sizeof(*life));

    *life = (struct life){node, node->life};
    sim->stats.faults++;
    if (sim_chance(&sim->chaos, 500)) {
        sim_trace(sim, "n%d sends nothing for %lld ms", node->id,
                  (long long)ms);
        bus_mem_hold_sends(&node->bus, true);
    } else {
        sim_trace(sim, "n%d hears no acks for %lld ms", node->id,
                  (long long)ms);
        bus_mem_hold_acks(&node->bus, true);
    }
    sim_after(sim, ms, release_sends, life);
}

static void
disturb(struct sim_node *node)
{
    struct sim *sim = node->sim;
    uint64_t roll = sim_below(&sim->chaos, 100);

    if (roll < 30) {
        doom(node);
    } else if (roll < 50 && sim->depth < 3) {
        sim_node_pause(node, sim_between(&sim->chaos, 1, 400));
    } else if (roll < 65 && sim->depth < 2) {
        bool is_long = sim_chance(&sim->chaos, 100);
        sim_node_pause(node, sim_between(&sim->chaos, SIM_SESSION_MS + 1,
                                         is_long ? 600000 : 30000));
    } else if (roll < 75) {
        sim_trace(sim, "n%d loses its connection to the database", node->id);
        store_mem_disconnect(&node->store);
        sim->stats.faults++;
    } else if (roll < 85) {
        sim_trace(sim, "n%d loses its producer", node->id);
        bus_mem_producer_fatal(&node->bus);
        sim->stats.faults++;
    } else {
        hold(node, sim_between(&sim->chaos, 5, 15000));
    }
}

bool
sim_point(struct sim_node *node)
{
    struct sim *sim = node->sim;

    if (node->is_doomed || !node->is_busy || sim->is_calm || sim->is_ended ||
        sim->profile.point_every == 0 || --sim->until_fault > 0) {
        return !node->is_doomed;
    }
    sim->until_fault = 1 + sim_below(&sim->chaos, 2 * sim->profile.point_every);
    disturb(node);
    return !node->is_doomed;
}
