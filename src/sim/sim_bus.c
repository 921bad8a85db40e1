#include "sim/sim_priv.h"

/* The bus port of a process: the one in memory, with a fault now and then. */

static struct sim_node *
node_of(const struct bus *bus)
{
    return bus->impl;
}

static int
dead(struct odk_err *err)
{
    return odk_err_set(err, ODK_ECONN, "the process is dead");
}

static void
sim_close(struct bus *bus, bool is_leaving)
{
    struct sim_node *node = node_of(bus);

    if (node->is_doomed) {
        bus_mem_crash(&node->bus, node->n_arriving);
    } else {
        bus_close(&node->bus, is_leaving);
    }
    node->sim->is_dirty = true;
}

static bool
is_empty(const struct bus_batch *batch)
{
    return batch->n_messages == 0 && batch->n_acks == 0 &&
           batch->n_assigned == 0 && batch->n_revoked == 0 &&
           !batch->is_producer_fatal;
}

/* A poll that may wait lets the world go on meanwhile. */
static int
sim_poll(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
         struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    if (!sim_point(node)) {
        return dead(err);
    }
    node->sim->is_dirty = true;
    int rc = bus_poll(&node->bus, 0, out, err);
    if ((rc == 0 && !is_empty(out)) || wait_max <= 0) {
        return rc;
    }
    sim_pass(node->sim, sim_between(&node->sim->rand, 1, wait_max));
    if (node->is_doomed) {
        return dead(err);
    }
    *out = (struct bus_batch){0};
    /* An error is told once: not lost behind a second poll. */
    return rc ? rc : bus_poll(&node->bus, 0, out, err);
}

static void
sim_wake(struct bus *bus)
{
    bus_wake(&node_of(bus)->bus);
}

static int
sim_start(struct bus *bus, struct bus_place place, int64_t offset,
          struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    if (!sim_point(node)) {
        return dead(err);
    }
    if (sim_is_mutant(node->sim, SIM_MUTANT_INPUT_SKIPPED) && offset > 0) {
        offset++;
    }
    return bus_start(&node->bus, place, offset, err);
}

static int
sim_pause(struct bus *bus, struct bus_place place, bool is_paused,
          struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node) ? bus_pause(&node->bus, place, is_paused, err)
                           : dead(err);
}

static int
sim_revoke_done(struct bus *bus, struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node) ? bus_revoke_done(&node->bus, err) : dead(err);
}

/* What an earlier owner sent may still arrive; whoever owns the shard knows
 * that it is parked. */
static void
check_parked(const struct sim_node *node, const struct bus_record *record)
{
    struct sim *sim = node->sim;
    const struct sim_shard *shard =
        record->shard >= 0 ? &sim->shards[record->shard] : NULL;
    const struct sim_output *output =
        shard ? sim_output_find(sim, record->shard, record->seq) : NULL;

    if (output && output->is_void && !sim->is_losing && shard->owner == node &&
        shard->owner_life == node->life) {
        sim_fail(sim, SIM_CHECK_COMMITTED,
                 "n%d sends number %llu of shard %d, which is parked", node->id,
                 (unsigned long long)record->seq, record->shard);
    }
}

static int
sim_send(struct bus *bus, const struct bus_record *record, struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    if (!sim_point(node)) {
        return dead(err);
    }
    check_parked(node, record);
    node->sim->is_dirty = true;
    return bus_send(&node->bus, record, err);
}

static int
sim_producer_reset(struct bus *bus, struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node) ? bus_producer_reset(&node->bus, err) : dead(err);
}

static int
sim_partitions(struct bus *bus, struct odk_str topic, int32_t *out,
               struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return node->is_doomed ? dead(err)
                           : bus_partitions(&node->bus, topic, out, err);
}

static int
sim_topics(struct bus *bus, struct odk_str prefix, struct odk_arena *arena,
           const struct odk_str **out, size_t *n, struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node) ? bus_topics(&node->bus, prefix, arena, out, n, err)
                           : dead(err);
}

static int
sim_offset_at(struct bus *bus, struct odk_str topic, int32_t partition,
              odk_time_ms at, int64_t *offset, struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node)
               ? bus_offset_at(&node->bus, topic, partition, at, offset, err)
               : dead(err);
}

static int
sim_log_range(struct bus *bus, struct odk_str topic, int32_t partition,
              int64_t *start, int64_t *end, struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node)
               ? bus_log_range(&node->bus, topic, partition, start, end, err)
               : dead(err);
}

static int
// NOLINTNEXTLINE(readability-function-size): the port's signature
sim_scan(struct bus *bus, struct odk_str topic, int32_t partition,
         int32_t shard, int64_t offset, struct bus_scan *out,
         struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node)
               ? bus_scan(&node->bus, topic, partition, shard, offset, out, err)
               : dead(err);
}

static int
sim_group_offset(struct bus *bus, struct bus_place place, int64_t *offset,
                 struct odk_buf *metadata, struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node)
               ? bus_group_offset(&node->bus, place, offset, metadata, err)
               : dead(err);
}

static int
sim_commit_offset(struct bus *bus, struct bus_place place, int64_t offset,
                  struct odk_str metadata, struct odk_err *err)
{
    struct sim_node *node = node_of(bus);

    return sim_point(node)
               ? bus_commit_offset(&node->bus, place, offset, metadata, err)
               : dead(err);
}

static const struct bus_ops ops = {
    .close = sim_close,
    .poll = sim_poll,
    .wake = sim_wake,
    .start = sim_start,
    .pause = sim_pause,
    .revoke_done = sim_revoke_done,
    .send = sim_send,
    .producer_reset = sim_producer_reset,
    .partitions = sim_partitions,
    .topics = sim_topics,
    .log_range = sim_log_range,
    .offset_at = sim_offset_at,
    .scan = sim_scan,
    .group_offset = sim_group_offset,
    .commit_offset = sim_commit_offset,
};

struct bus
sim_bus(struct sim_node *node)
{
    return (struct bus){&ops, node};
}
