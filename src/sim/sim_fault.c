#include "sim/sim_priv.h"

/* How far a clock is off where nobody has to notice. */
#define CLOCK_MS_MAX 4500

/* ---- what kind of a world ---- */

static size_t
pick(struct odk_rand *rand, size_t a, size_t b, size_t c)
{
    size_t all[] = {a, b, c};

    return all[sim_below(rand, 3)];
}

static void
draw_sizes(struct sim_profile *profile, struct odk_rand *rand)
{
    profile->batch_max = (size_t)pick(rand, 0, 3, 20);
    profile->cache_bytes_max = (size_t)pick(rand, 0, 1, 40000);
    profile->record_bytes_max = (size_t)pick(rand, 0, 0, 300);
    profile->backlog_max = pick(rand, 0, 0, 40);
    profile->timers_in_memory = (size_t)pick(rand, 0, 4, 16);
    profile->queue_max = (size_t)pick(rand, 2000, 2000, 24);
    profile->poll_max = (size_t)pick(rand, 1000, 5, 50);
}

void
sim_profile_amounts(const struct sim_profile *profile,
                    int64_t out[SIM_AMOUNT_COUNT])
{
    out[SIM_AMOUNT_COMMANDS] = profile->n_commands;
    out[SIM_AMOUNT_KEYS] = profile->keys;
    out[SIM_AMOUNT_SECONDS] = profile->storm_ms / 1000;
    out[SIM_AMOUNT_PROCESSES] = profile->nodes;
    out[SIM_AMOUNT_WORKERS] = profile->hands;
    out[SIM_AMOUNT_CALL_FAULTS] = profile->point_every > 0;
    out[SIM_AMOUNT_COMMIT_FAULTS] = profile->commit_permille > 0;
    out[SIM_AMOUNT_WORLD_FAULTS] = profile->fault_every_ms > 0;
    out[SIM_AMOUNT_WORKER_FAULTS] = profile->hand_every > 0;
    out[SIM_AMOUNT_SKEW] = profile->has_skew;
    out[SIM_AMOUNT_REFUSALS] = profile->is_refusing;
}

/* As drawn, but not more than was asked for. */
static void
trim(struct sim_profile *profile, const int64_t at_most[SIM_AMOUNT_COUNT])
{
    int64_t have[SIM_AMOUNT_COUNT];

    sim_profile_amounts(profile, have);
    for (int i = 0; i < SIM_AMOUNT_COUNT; i++) {
        have[i] =
            at_most[i] >= 0 && at_most[i] < have[i] ? at_most[i] : have[i];
    }
    profile->n_commands = have[SIM_AMOUNT_COMMANDS];
    profile->keys = have[SIM_AMOUNT_KEYS];
    profile->storm_ms = have[SIM_AMOUNT_SECONDS] * 1000;
    profile->nodes = (int)have[SIM_AMOUNT_PROCESSES];
    profile->hands = (int)have[SIM_AMOUNT_WORKERS];
    profile->point_every *= (uint64_t)have[SIM_AMOUNT_CALL_FAULTS];
    profile->commit_permille *= (uint64_t)have[SIM_AMOUNT_COMMIT_FAULTS];
    profile->fault_every_ms *= have[SIM_AMOUNT_WORLD_FAULTS];
    profile->hand_every *= (uint64_t)have[SIM_AMOUNT_WORKER_FAULTS];
    profile->has_skew = have[SIM_AMOUNT_SKEW] > 0;
    profile->is_refusing = have[SIM_AMOUNT_REFUSALS] > 0;
}

void
sim_profile_draw(struct sim *sim)
{
    struct odk_rand *rand = &sim->rand;
    struct sim_profile *profile = &sim->profile;
    bool is_last_act = sim_chance(rand, 100);

    profile->nodes = (int)sim_between(rand, 1, 3);
    profile->partitions = (int32_t)sim_between(rand, 1, 5);
    profile->is_static = sim_chance(rand, 400);
    profile->n_commands = sim_between(rand, 5, 120);
    profile->storm_ms = sim_between(rand, 20, 240) * 1000;
    profile->point_every =
        sim_chance(rand, 150) ? 0 : pick(rand, 60, 300, 2000);
    profile->commit_permille =
        sim_chance(rand, 300) ? 0 : pick(rand, 5, 30, 150);
    profile->fault_every_ms =
        sim_chance(rand, 200) ? 0 : (odk_dur_ms)pick(rand, 1500, 6000, 20000);
    profile->is_refusing = sim_chance(rand, 300);
    profile->has_skew = sim_chance(rand, 500);
    profile->is_losing = is_last_act && sim_chance(rand, 500);
    profile->is_truncating = is_last_act && !profile->is_losing;
    profile->hands = (int)sim_between(rand, 1, SIM_HANDS_MAX);
    profile->hand_every =
        sim_chance(rand, 400) ? 0 : pick(rand, 100, 500, 3000);
    profile->window = (size_t)pick(rand, 2, 10, 1000);
    profile->keys = 14;
    profile->misrouted_permille = pick(rand, 20, 20, 300);
    draw_sizes(profile, rand);
    trim(profile, sim->options->at_most);
    sim->until_fault = 1 + sim_below(&sim->chaos, 2 * profile->point_every + 1);
    sim->until_hand_fault =
        1 + sim_below(&sim->chaos, 2 * profile->hand_every + 1);
    sim_trace(sim, "workers: %d, window %zu, a fault in %llu calls",
              profile->hands, profile->window,
              (unsigned long long)profile->hand_every);
    sim_trace(sim,
              "world: %d processes, %d partitions%s, %lld commands in %lld s, "
              "a fault in %llu calls, in %llu of 1,000 commits, every %lld ms",
              profile->nodes, profile->partitions,
              profile->is_static ? ", static" : "",
              (long long)profile->n_commands,
              (long long)profile->storm_ms / 1000,
              (unsigned long long)profile->point_every,
              (unsigned long long)profile->commit_permille,
              (long long)profile->fault_every_ms);
    sim_trace(sim,
              "limits: batch %zu, cache %zu, record %zu, backlog %llu, timers "
              "%zu, queue %zu, poll %zu",
              profile->batch_max, profile->cache_bytes_max,
              profile->record_bytes_max,
              (unsigned long long)profile->backlog_max,
              profile->timers_in_memory, profile->queue_max, profile->poll_max);
}

/* ---- faults of the world ---- */

static void
broker_up(struct sim *sim, void *arg)
{
    (void)arg;
    sim->is_broker_down = false;
    bus_mem_set_down(sim->broker, false);
    sim_trace(sim, "the broker is up");
}

static void
broker_down(struct sim *sim)
{
    odk_dur_ms ms = sim_between(&sim->chaos, 100, 12000);

    sim_trace(sim, "the broker is down for %lld ms", (long long)ms);
    sim->is_broker_down = true;
    bus_mem_set_down(sim->broker, true);
    sim_after(sim, ms, broker_up, NULL);
}

static void
disconnect_all(struct sim *sim)
{
    for (int i = 0; i < sim->profile.nodes; i++) {
        if (sim->nodes[i].lane) {
            store_mem_disconnect(&sim->nodes[i].store);
        }
    }
}

static void
db_up(struct sim *sim, void *arg)
{
    (void)arg;
    sim->is_db_down = false;
    sim_trace(sim, "the database is up");
}

static void
db_down(struct sim *sim)
{
    odk_dur_ms ms = sim_between(&sim->chaos, 100, 8000);

    sim_trace(sim, "the database is down for %lld ms", (long long)ms);
    disconnect_all(sim);
    sim->is_db_down = true;
    sim_after(sim, ms, db_up, NULL);
}

/* Another server with the same data. */
static void
fail_over(struct sim *sim)
{
    struct store_mem_db *standby = store_mem_db_copy(sim->db);

    if (sim->n_dbs == SIM_DBS_MAX) {
        store_mem_db_free(standby);
        return;
    }
    sim_trace(sim, "the database fails over and loses nothing");
    disconnect_all(sim);
    sim->db = sim->dbs[sim->n_dbs++] = standby;
    store_mem_set_server(standby, 1, (uint32_t)++sim->server);
    store_mem_set_time(standby, sim->now);
}

static void
topic_heals(struct sim *sim, void *arg)
{
    (void)arg;
    bus_mem_fail_topic(sim->broker, ODK_STR("odradek.replies.flaky"), 0);
    sim_trace(sim, "the flaky topic takes records again");
}

static void
topic_fails(struct sim *sim)
{
    sim_trace(sim, "the flaky topic refuses records");
    bus_mem_fail_topic(sim->broker, ODK_STR("odradek.replies.flaky"),
                       ODK_EAUTH);
    sim_after(sim, sim_between(&sim->chaos, 1000, 10000), topic_heals, NULL);
}

static void
clock_returns(struct sim *sim, void *arg)
{
    struct sim_node *node = arg;

    node->offset_ms = sim_between(&sim->chaos, -CLOCK_MS_MAX, CLOCK_MS_MAX);
    sim_trace(sim, "n%d's clock is set right, to %+lld ms", node->id,
              (long long)node->offset_ms);
}

/* Too far to commit anything, for a while. */
static void
clock_leaps(struct sim *sim, struct sim_node *node)
{
    odk_dur_ms leap = sim_between(
        &sim->chaos, 7000, (int64_t)pick(&sim->chaos, 9000, 60000, 7200000));

    node->offset_ms = sim_chance(&sim->chaos, 500) ? leap : -leap;
    sim_trace(sim, "n%d's clock leaps to %+lld ms", node->id,
              (long long)node->offset_ms);
    sim_after(sim, sim_between(&sim->chaos, 1, 30000), clock_returns, node);
}

static void
clock_jumps(struct sim *sim, struct sim_node *node)
{
    if (!sim->profile.has_skew) {
        return;
    }
    if (sim->now > SIM_START && sim_chance(&sim->chaos, 400)) {
        clock_leaps(sim, node);
        return;
    }
    node->offset_ms = sim_between(&sim->chaos, -CLOCK_MS_MAX, CLOCK_MS_MAX);
    if (sim->now == SIM_START) {
        /* Once: the monotonic clock must not jump. */
        node->drift_ppm = sim_between(&sim->chaos, 0, 500);
    }
    sim_trace(sim, "n%d's clock jumps to %+lld ms", node->id,
              (long long)node->offset_ms);
}

static void
clock_mends(struct sim *sim, void *arg)
{
    struct sim_node *node = arg;

    node->offset_ms = 0;
    sim_trace(sim, "n%d's clock is right again", node->id);
}

/* Far outside of what is allowed, until somebody sets it. */
static void
clock_is_wrong(struct sim *sim, struct sim_node *node)
{
    if (sim->profile.has_skew) {
        node->offset_ms = sim_between(&sim->chaos, -3600000, 3600000);
        sim_trace(sim, "n%d's clock jumps to %+lld ms", node->id,
                  (long long)node->offset_ms);
        sim_after(sim, sim_between(&sim->chaos, 100, 15000), clock_mends, node);
    }
}

/* An operator sets the group of the shards anywhere: nothing may come of it. */
static void
group_is_reset(struct sim *sim)
{
    int place = (int)sim_below(&sim->chaos, 2);
    const struct sim_topic *topic = &sim->topics[place];
    int32_t partition =
        (int32_t)sim_below(&sim->chaos, (uint64_t)topic->partitions);
    int64_t offset = sim_between(&sim->chaos, 0, topic->offset[partition]);

    sim_trace(sim, "an operator resets %s/%d to %lld", topic->name, partition,
              (long long)offset);
    bus_mem_group_reset(sim->broker, "odradek", odk_str(topic->name), partition,
                        offset);
}

/* An operator sets the workers back: they repeat, and no answer counts twice.
 */
static void
workers_are_reset(struct sim *sim)
{
    int32_t partition = (int32_t)sim_below(&sim->chaos, 2);
    int64_t committed = bus_mem_group_offset(
        sim->broker, SIM_GROUP_WORKERS, ODK_STR(SIM_TOPIC_TASKS), partition);

    if (committed > 0) {
        int64_t offset = sim_between(&sim->chaos, 0, committed);
        /* Kafka does it for a group without members only. */
        for (int i = 0; i < sim->profile.hands; i++) {
            sim_hand_kill(&sim->hands[i]);
        }
        sim->is_hand_disturbed = true;
        sim_trace(sim, "an operator resets the workers of %d to %lld",
                  partition, (long long)offset);
        bus_mem_group_reset(sim->broker, SIM_GROUP_WORKERS,
                            ODK_STR(SIM_TOPIC_TASKS), partition, offset);
    }
}

/* Retention: what everybody has read goes. */
static void
retention(struct sim *sim)
{
    int32_t partition =
        (int32_t)sim_below(&sim->chaos, (uint64_t)sim->profile.partitions);
    bool is_result = sim_chance(&sim->chaos, 500);
    struct store_shard row = {0};

    if (store_mem_shard(sim->db, partition, &row)) {
        int64_t next = is_result ? row.next_result : row.next_command;
        sim_trace(sim, "%s/%d expires below %lld", sim->topics[is_result].name,
                  partition, (long long)next);
        bus_mem_truncate_head(sim->broker, odk_str(sim->topics[is_result].name),
                              partition, next);
    }
}

static void
disk_is_full(struct sim *sim)
{
    odk_dur_ms ms = sim_between(&sim->chaos, 100, 10000);

    sim_trace(sim, "the database's disk is full for %lld ms", (long long)ms);
    sim->full_until = sim->now + ms;
}

/* What operators and retention do. */
static void
quiet_fault(struct sim *sim, uint64_t roll)
{
    /* A last act needs what was there before. */
    bool is_last_act = sim->profile.is_losing || sim->profile.is_truncating;

    if (roll < 25) {
        disk_is_full(sim);
    } else if (roll < 50 && !is_last_act) {
        group_is_reset(sim);
    } else if (roll < 75 && !is_last_act) {
        retention(sim);
    } else {
        workers_are_reset(sim);
    }
}

static void
member_drops(struct sim *sim, const struct sim_node *node)
{
    struct bus bus = node->bus;

    if (node->lane && !node->is_doomed) {
        sim_trace(sim, "n%d is dropped from its group and does not know it",
                  node->id);
        bus_mem_drop_member(&bus);
    }
}

static void
node_fault(struct sim *sim, uint64_t roll)
{
    struct sim_node *node =
        &sim->nodes[sim_below(&sim->chaos, (uint64_t)sim->profile.nodes)];

    if (roll < 40) {
        sim_node_kill(node);
    } else if (roll < 60) {
        sim_node_close(node);
    } else if (roll < 75) {
        member_drops(sim, node);
    } else if (roll < 90) {
        clock_jumps(sim, node);
    } else {
        clock_is_wrong(sim, node);
    }
}

static void
fault(struct sim *sim, void *arg)
{
    uint64_t roll = sim_below(&sim->chaos, 100);

    if (sim->is_calm) {
        return;
    }
    sim->stats.faults++;
    if (roll < 45) {
        node_fault(sim, sim_below(&sim->chaos, 100));
    } else if (roll < 55 && sim->profile.hand_every) {
        sim_hand_fault(
            &sim->hands[sim_below(&sim->chaos, (uint64_t)sim->profile.hands)],
            sim_below(&sim->chaos, 100));
    } else if (roll < 70) {
        broker_down(sim);
    } else if (roll < 80) {
        db_down(sim);
    } else if (roll < 85) {
        topic_fails(sim);
    } else if (roll < 92) {
        fail_over(sim);
    } else {
        quiet_fault(sim, sim_below(&sim->chaos, 100));
    }
    sim_after(sim, sim_between(&sim->chaos, 1, 2 * sim->profile.fault_every_ms),
              fault, arg);
}

/* ---- a last act: what must be noticed ---- */

static void
backup(struct sim *sim, void *arg)
{
    (void)arg;
    sim->backup = store_mem_db_copy(sim->db);
    sim_trace(sim, "the standby falls behind from here");
}

/* A place without new records is not asked for its position. */
static void
poke(struct sim *sim, void *arg)
{
    (void)arg;
    for (int32_t p = 0; p < sim->profile.partitions; p++) {
        struct bus_record record = {.shard = -1,
                                    .topic = ODK_STR(LANE_TOPIC_COMMANDS),
                                    .partition = p,
                                    .value = ODK_STR("poke")};
        (void)!bus_mem_append(sim->broker, &record);
    }
}

static void
last_act_ends(struct sim *sim, void *arg)
{
    (void)arg;
    sim->is_ended = true;
}

static void
last_act(struct sim *sim)
{
    sim->is_losing = sim->is_expecting_quarantine = true;
    sim->is_calm = true;
    sim_faults_end(sim);
    sim_after(sim, 120000, last_act_ends, NULL);
}

/* The highest number of the shard that a reader has seen, but for replies: a
 * client gets its answer again. */
static uint64_t
seen_max(const struct sim *sim, int32_t shard)
{
    uint64_t max = 0;

    for (int i = 0; i < sim->n_topics; i++) {
        const struct sim_topic *topic = &sim->topics[i];
        bool is_reply =
            odk_str_starts(odk_str(topic->name), ODK_STR(LANE_TOPIC_REPLIES));
        for (int32_t p = 0; !is_reply && p < topic->partitions; p++) {
            uint64_t seen = topic->marks[p][shard].seen;
            max = seen > max ? seen : max;
        }
    }
    return max;
}

/* The standby becomes the database: what was committed since is lost. */
static void
losing_fail_over(struct sim *sim, void *arg)
{
    (void)arg;
    if (sim->depth > 0 || !sim->backup || sim->n_dbs == SIM_DBS_MAX) {
        sim_after(sim, 100, losing_fail_over, NULL);
        return;
    }
    sim_read(sim);
    sim_trace(sim, "the database fails over and loses commits");
    for (int32_t s = 0; s < sim->profile.partitions; s++) {
        struct store_shard row = {0};
        (void)store_mem_shard(sim->backup, s, &row);
        sim->shards[s].must_stop = seen_max(sim, s) > row.outbox_seq;
    }
    disconnect_all(sim);
    sim->db = sim->dbs[sim->n_dbs++] = sim->backup;
    sim->backup = NULL;
    store_mem_set_server(sim->db, 1, (uint32_t)++sim->server);
    store_mem_set_time(sim->db, sim->now);
    last_act(sim);
}

/* Cuts the tail of a place that was read already. */
static void
tail_is_lost(struct sim *sim, void *arg)
{
    int32_t partition =
        (int32_t)sim_below(&sim->chaos, (uint64_t)sim->profile.partitions);
    int place = (int)sim_below(&sim->chaos, 2);
    const char *topic = place ? LANE_TOPIC_RESULTS : LANE_TOPIC_COMMANDS;
    int64_t next = sim->shards[partition].next[place];

    if (sim->depth > 0 || next == 0) {
        sim_after(sim, 100, tail_is_lost, arg);
        return;
    }
    int64_t end = sim_between(&sim->chaos, 0, next - 1);
    sim_trace(sim, "%s/%d loses everything from %lld on, the table is at %lld",
              topic, partition, (long long)end, (long long)next);
    bus_mem_truncate_tail(sim->broker, odk_str(topic), partition, end);
    sim->shards[partition].must_stop = true;
    sim->shards[partition].cut_topic = topic;
    sim->shards[partition].cut_next = next;
    last_act(sim);
    sim_after(sim, 60000, poke, NULL);
}

void
sim_faults_start(struct sim *sim)
{
    const struct sim_profile *profile = &sim->profile;

    for (int i = 0; i < profile->nodes; i++) {
        clock_jumps(sim, &sim->nodes[i]);
    }
    if (profile->is_refusing) {
        store_mem_refuse(sim->db, ODK_STR("Poisoned"));
    }
    if (profile->fault_every_ms) {
        sim_after(sim, sim_between(&sim->chaos, 1, profile->fault_every_ms),
                  fault, NULL);
    }
    odk_dur_ms last = profile->storm_ms * 3 / 4;
    if (profile->is_losing) {
        sim_after(sim, last - sim_between(&sim->chaos, 10, 5000), backup, NULL);
        sim_after(sim, last, losing_fail_over, NULL);
    }
    if (profile->is_truncating) {
        sim_after(sim, last, tail_is_lost, NULL);
    }
}

void
sim_faults_end(struct sim *sim)
{
    broker_up(sim, NULL);
    db_up(sim, NULL);
    topic_heals(sim, NULL);
    for (int i = 0; i < sim->profile.nodes; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (node->lane) {
            bus_mem_hold_sends(&node->bus, false);
            bus_mem_hold_acks(&node->bus, false);
        }
    }
    for (int i = 0; i < sim->profile.hands; i++) {
        sim_hand_heal(&sim->hands[i]);
    }
    sim->is_dirty = true;
}
