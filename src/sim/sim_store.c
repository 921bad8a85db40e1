#include <stdlib.h>

#include "sim/sim_priv.h"
#include "store/store_headers.h"

/* The store port of a process: the one in memory, with a fault now and then. */

#define ITEMS_MAX 4096

static struct sim_node *
node_of(const struct store *store)
{
    return store->impl;
}

static int
dead(struct odk_err *err)
{
    return odk_err_set(err, ODK_ECONN, "the process is dead");
}

static void
sim_close(struct store *store)
{
    store_close(&node_of(store)->store);
}

static int
sim_reconnect(struct store *store, struct odk_err *err)
{
    struct sim_node *node = node_of(store);
    struct sim *sim = node->sim;

    if (!sim_point(node)) {
        return dead(err);
    }
    if (sim->is_db_down) {
        return odk_err_set(err, ODK_ECONN, "the database is down");
    }
    if (node->db != sim->db) {
        store_close(&node->store);
        store_mem_connect(sim->db, &node->store);
        node->db = sim->db;
    }
    return store_reconnect(&node->store, err);
}

static int
sim_server(struct store *store, struct store_server *out, struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    return sim_point(node) ? store_server(&node->store, out, err) : dead(err);
}

// NOLINTNEXTLINE(readability-function-size): the port's signature
static int
sim_acquire(struct store *store, int32_t shard, int64_t fence, // NOLINT
            struct odk_str owner, struct odk_arena *arena,
            struct store_shard *out, struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    if (!sim_point(node)) {
        return dead(err);
    }
    int rc = store_acquire(&node->store, shard, fence, owner, arena, out, err);
    if (rc == 0 && node->db == node->sim->db) {
        sim_model_acquire(node, shard);
    }
    return sim_point(node) ? rc : dead(err);
}

static int
sim_quarantine(struct store *store, int32_t shard, int64_t fence,
               struct odk_str reason, struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    if (!sim_point(node)) {
        return dead(err);
    }
    int rc = store_quarantine(&node->store, shard, fence, reason, err);
    if (rc == 0 && !node->sim->is_expecting_quarantine) {
        sim_fail(node->sim, SIM_CHECK_QUARANTINE,
                 "shard %d is quarantined without a reason: %.*s", shard,
                 ODK_STR_ARG(reason));
    }
    return rc;
}

static int
sim_accept_server(struct store *store, int32_t shard, int64_t fence,
                  uint64_t outbox_seq, struct odk_err *err)
{
    struct sim_node *node = node_of(store);
    struct store_shard row;

    if (!sim_point(node)) {
        return dead(err);
    }
    int rc = store_accept_server(&node->store, shard, fence, outbox_seq, err);
    if (rc == 0 && store_mem_shard(node->db, shard, &row)) {
        node->sim->shards[shard].outbox_seq = row.outbox_seq;
    }
    return rc;
}

static int
sim_forget_server(struct store *store, int32_t shard, int64_t fence,
                  struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    return sim_point(node)
               ? store_forget_server(&node->store, shard, fence, err)
               : dead(err);
}

static int
sim_unpublished(struct store *store, int32_t shard, uint64_t after, // NOLINT
                size_t bytes_max, struct odk_arena *arena,
                const struct store_output **out, size_t *n, struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    if (!sim_point(node)) {
        return dead(err);
    }
    if (sim_is_mutant(node->sim, SIM_MUTANT_NO_REPUBLISH)) {
        return 0;
    }
    return store_unpublished(&node->store, shard, after, bytes_max, arena, out,
                             n, err);
}

static int
sim_parked(struct store *store, int32_t shard, uint64_t seq,
           struct odk_arena *arena, struct store_output *out,
           struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    return sim_point(node)
               ? store_parked(&node->store, shard, seq, arena, out, err)
               : dead(err);
}

static int
sim_sources(struct store *store, int32_t shard, struct odk_arena *arena,
            const struct store_source **out, size_t *n, struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    return sim_point(node)
               ? store_sources(&node->store, shard, arena, out, n, err)
               : dead(err);
}

static int
sim_load(struct store *store, const struct store_want *wants, size_t n,
         struct odk_arena *arena, struct store_execution *out,
         struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    return sim_point(node) ? store_load(&node->store, wants, n, arena, out, err)
                           : dead(err);
}

static int
sim_requests(struct store *store, const struct store_request *wants, // NOLINT
             size_t n, struct odk_arena *arena, struct store_request *out,
             bool *is_found, struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    if (!sim_point(node)) {
        return dead(err);
    }
    int rc = store_requests(&node->store, wants, n, arena, out, is_found, err);
    if (sim_is_mutant(node->sim, SIM_MUTANT_NO_REQUESTS)) {
        memset(is_found, 0, n * sizeof(*is_found));
    }
    return rc;
}

static int
sim_timers(struct store *store, int32_t shard, // NOLINT
           const struct store_timer *after, size_t max, struct odk_arena *arena,
           const struct store_timer **out, size_t *n, struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    if (!sim_point(node)) {
        return dead(err);
    }
    int rc = store_timers(&node->store, shard, after, max, arena, out, n, err);
    if (rc == 0 && *n && sim_is_mutant(node->sim, SIM_MUTANT_TIMER_EARLY)) {
        struct store_timer *early = odk_arena_calloc(arena, *n, sizeof(*early));
        for (size_t i = 0; i < *n; i++) {
            early[i] = (*out)[i];
            early[i].due -= 300000;
        }
        *out = early;
    }
    return rc;
}

static int
sim_definition(struct store *store, struct odk_str namespace_, // NOLINT
               struct odk_str name, int32_t version, struct odk_arena *arena,
               struct store_definition *out, struct odk_err *err)
{
    struct sim_node *node = node_of(store);

    return sim_point(node) ? store_definition(&node->store, namespace_, name,
                                              version, arena, out, err)
                           : dead(err);
}

/* ---- commit ---- */

/* A batch with mistakes in it. */
struct twisted {
    struct store_batch batch;
    struct store_shard_move moves[SIM_PARTITIONS_MAX];
    struct store_timer_write timers[ITEMS_MAX];
    struct store_source_write sources[ITEMS_MAX];
    struct store_history_write histories[ITEMS_MAX];
    struct store_execution_write executions[ITEMS_MAX];
};

static void
twist_moves(struct sim *sim, const struct store_batch *batch,
            struct twisted *out)
{
    for (size_t i = 0; i < batch->n_shards; i++) {
        struct store_shard_move *move = &out->moves[i];
        struct store_shard row = {0};
        (void)store_mem_shard(sim->db, batch->shards[i].shard, &row);
        *move = batch->shards[i];
        if (sim_is_mutant(sim, SIM_MUTANT_UNFENCED)) {
            move->fence = row.fence;
            move->batch_expected = row.batch;
        } else if (sim_is_mutant(sim, SIM_MUTANT_OFFSET_LATE)) {
            move->next_command = row.next_command;
            move->next_result = row.next_result;
        } else if (sim_is_mutant(sim, SIM_MUTANT_PUBLISHED_EARLY)) {
            move->published = move->outbox_seq;
        }
    }
    out->batch.shards = out->moves;
}

/* Whether one item in 20 is left out. */
static bool
is_left_out(struct sim *sim, enum sim_mutant mutant)
{
    return sim_is_mutant(sim, mutant) && sim_chance(&sim->chaos, 50);
}

static void
twist_rows(struct sim *sim, const struct store_batch *batch,
           struct twisted *out)
{
    struct store_batch *b = &out->batch;

    b->n_timers = b->n_sources = b->n_histories = b->n_executions = 0;
    for (size_t i = 0; i < batch->n_timers; i++) {
        if (!batch->timers[i].is_set ||
            !is_left_out(sim, SIM_MUTANT_TIMER_DROPPED)) {
            out->timers[b->n_timers++] = batch->timers[i];
        }
    }
    for (size_t i = 0; i < batch->n_sources; i++) {
        out->sources[b->n_sources] = batch->sources[i];
        out->sources[b->n_sources++].source.seq -=
            sim_is_mutant(sim, SIM_MUTANT_SOURCE_OFF);
    }
    for (size_t i = 0; i < batch->n_histories; i++) {
        if (!is_left_out(sim, SIM_MUTANT_HISTORY_LOST)) {
            out->histories[b->n_histories++] = batch->histories[i];
        }
    }
    for (size_t i = 0; i < batch->n_executions; i++) {
        if (batch->executions[i].is_new ||
            !is_left_out(sim, SIM_MUTANT_STATE_LOST)) {
            out->executions[b->n_executions++] = batch->executions[i];
        }
    }
    b->timers = out->timers;
    b->sources = out->sources;
    b->histories = out->histories;
    b->executions = out->executions;
}

static bool
is_twisting(const struct sim *sim, const struct store_batch *batch)
{
    return sim->options->mutant != SIM_MUTANT_NONE &&
           batch->n_timers <= ITEMS_MAX && batch->n_sources <= ITEMS_MAX &&
           batch->n_histories <= ITEMS_MAX && batch->n_executions <= ITEMS_MAX;
}

/* Sends the batch's outputs before it is committed. */
static void
publish_first(struct sim_node *node, const struct store_batch *batch)
{
    for (size_t i = 0; i < batch->n_outputs; i++) {
        const struct store_output *output = &batch->outputs[i].output;
        struct bus_record record = {.shard = batch->outputs[i].shard,
                                    .seq = output->seq,
                                    .topic = output->topic,
                                    .partition = output->partition,
                                    .key = output->key,
                                    .value = output->value};
        (void)!bus_send(&node->bus, &record, NULL);
    }
}

enum fate {
    FATE_GOOD,
    FATE_FAILED,
    FATE_UNKNOWN, /**< not applied */
    FATE_ANSWER_LOST,
    FATE_DISK_FULL,
};

static enum fate
fate_draw(struct sim *sim)
{
    if (sim->now < sim->full_until) {
        return FATE_DISK_FULL;
    }
    if (sim->is_calm ||
        !sim_chance(&sim->chaos, sim->profile.commit_permille)) {
        return FATE_GOOD;
    }
    sim->stats.faults++;
    return (enum fate)sim_between(&sim->chaos, FATE_FAILED, FATE_ANSWER_LOST);
}

static void
fate_set(struct sim_node *node, enum fate fate)
{
    if (fate == FATE_FAILED) {
        sim_trace(node->sim, "n%d: the next commit fails", node->id);
        store_mem_fail_next_commit(&node->store, ODK_ECONN);
    } else if (fate == FATE_UNKNOWN) {
        sim_trace(node->sim, "n%d: the next commit is lost", node->id);
        store_mem_fail_next_commit(&node->store, ODK_EUNKNOWN_COMMIT);
    } else if (fate == FATE_DISK_FULL) {
        store_mem_fail_next_commit(&node->store, ODK_EAGAIN);
    } else if (fate == FATE_ANSWER_LOST) {
        sim_trace(node->sim, "n%d: the next commit's answer is lost", node->id);
        store_mem_lose_next_answer(&node->store);
    }
}

/* Whether a commit of unknown fate went through. */
static bool
is_applied(const struct sim_node *node, const struct store_batch *batch,
           const struct store_shard *before)
{
    struct store_shard row = {0};

    (void)store_mem_shard(node->db, batch->shards[0].shard, &row);
    return row.batch == before[0].batch + 1;
}

static int
commit_below(struct sim_node *node, const struct store_batch *batch,
             enum fate fate, struct odk_err *err)
{
    struct sim *sim = node->sim;
    struct store_shard *before = calloc(batch->n_shards, sizeof(*before));

    odk_assert(before && batch->n_shards > 0);
    for (size_t i = 0; i < batch->n_shards; i++) {
        (void)store_mem_shard(node->db, batch->shards[i].shard, &before[i]);
    }
    int rc = store_commit(&node->store, batch, err);
    if (is_applied(node, batch, before) && node->db == sim->db) {
        sim_trace(
            sim,
            "n%d commits shard %d%s batch %lld: %zu transitions, %zu "
            "outputs to %llu, published %llu, next %lld %lld",
            node->id, batch->shards[0].shard, batch->n_shards > 1 ? "…" : "",
            (long long)batch->shards[0].batch_expected, batch->n_histories,
            batch->n_outputs, (unsigned long long)batch->shards[0].outbox_seq,
            (unsigned long long)batch->shards[0].published,
            (long long)batch->shards[0].next_command,
            (long long)batch->shards[0].next_result);
        sim_model_commit(node, batch, before);
    } else if (fate == FATE_FAILED &&
               sim_is_mutant(sim, SIM_MUTANT_OFFSET_FIRST)) {
        struct store_batch offsets = {.wall = batch->wall,
                                      .shards = batch->shards,
                                      .n_shards = batch->n_shards};
        (void)!store_reconnect(&node->store, NULL);
        (void)!store_commit(&node->store, &offsets, NULL);
        store_mem_disconnect(&node->store);
    }
    free(before);
    if (fate == FATE_UNKNOWN && sim_is_mutant(sim, SIM_MUTANT_LYING_COMMIT)) {
        rc = store_reconnect(&node->store, err);
    }
    return rc;
}

static int
sim_commit(struct store *store, const struct store_batch *batch,
           struct odk_err *err)
{
    struct sim_node *node = node_of(store);
    struct sim *sim = node->sim;

    if (!sim_point(node)) {
        return dead(err);
    }
    enum fate fate = fate_draw(sim);
    if (sim_is_mutant(sim, SIM_MUTANT_PUBLISH_FIRST)) {
        publish_first(node, batch);
        if (!sim_point(node)) {
            return dead(err);
        }
    }
    fate_set(node, fate);
    int rc = 0;
    if (is_twisting(sim, batch)) {
        struct odk_arena arena;
        odk_arena_init(&arena, 0);
        struct twisted *twisted = odk_arena_alloc(&arena, sizeof(*twisted));
        twisted->batch = *batch;
        twisted->batch.wall =
            sim_is_mutant(sim, SIM_MUTANT_SKEWED) ? sim->now : batch->wall;
        twist_moves(sim, batch, twisted);
        twist_rows(sim, batch, twisted);
        rc = commit_below(node, &twisted->batch, fate, err);
        odk_arena_release(&arena);
    } else {
        rc = commit_below(node, batch, fate, err);
    }
    return sim_point(node) ? rc : dead(err);
}

static const struct store_ops ops = {
    .close = sim_close,
    .reconnect = sim_reconnect,
    .server = sim_server,
    .acquire = sim_acquire,
    .quarantine = sim_quarantine,
    .accept_server = sim_accept_server,
    .forget_server = sim_forget_server,
    .unpublished = sim_unpublished,
    .parked = sim_parked,
    .sources = sim_sources,
    .load = sim_load,
    .requests = sim_requests,
    .timers = sim_timers,
    .definition = sim_definition,
    .commit = sim_commit,
};

struct store
sim_store(struct sim_node *node)
{
    return (struct store){&ops, node};
}
