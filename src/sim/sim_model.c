#include <stdlib.h>

#include "sim/sim_priv.h"

/* What was committed, and by whom. */

/* How far a shard's clock may be ahead of the real time: the allowed skew, and
 * a day's drift. */
#define AHEAD_MS_MAX 6000

uint64_t
sim_output_hash(struct odk_str key, struct odk_str value)
{
    return odk_hash64(value, odk_hash64(key, key.ptr ? 1 : 0));
}

struct sim_output *
sim_output_find(struct sim *sim, int32_t shard, uint64_t seq)
{
    struct sim_vec *outputs = &sim->shards[shard].outputs;
    struct sim_output *all = outputs->items;
    size_t low = 0;
    size_t high = outputs->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < outputs->n && all[low].seq == seq ? &all[low] : NULL;
}

/* ---- runs ---- */

struct sim_run *
sim_run_find(struct sim *sim, struct odk_uuid run_id)
{
    struct odk_map_node *node =
        odk_map_find(&sim->runs, odk_str_n(run_id.bytes, 16));

    return node ? ODK_CONTAINER(node, struct sim_run, node) : NULL;
}

static struct sim_key *
key_get(struct sim *sim, struct odk_str name)
{
    struct odk_map_node *node = odk_map_find(&sim->keys, name);

    if (node) {
        return ODK_CONTAINER(node, struct sim_key, node);
    }
    struct sim_key *key = sim_alloc(sim, sizeof(*key));
    odk_map_add(&sim->keys, &key->node, sim_keep(sim, name));
    return key;
}

static void
run_add(struct sim *sim, const struct store_execution_write *write)
{
    struct sim_run *run = sim_run_find(sim, write->run_id);

    if (run) {
        sim_fail(sim, SIM_CHECK_VERSION, "a run of %.*s is new twice",
                 ODK_STR_ARG(write->workflow_key));
        return;
    }
    run = sim_alloc(sim, sizeof(*run));
    run->run_id = write->run_id;
    run->shard = write->shard;
    run->key = sim_keep(sim, write->workflow_key);
    run->workflow = key_get(sim, run->key);
    odk_buf_init(&run->parts, 0);
    odk_map_add(&sim->runs, &run->node, odk_str_n(run->run_id.bytes, 16));
    run->next_run = sim->first_run;
    sim->first_run = run;
    sim->stats.runs++;
}

void
sim_model_release(struct sim *sim)
{
    for (struct sim_run *run = sim->first_run; run; run = run->next_run) {
        free(run->rows.items);
        free(run->timers.items);
        odk_buf_release(&run->parts);
        engine_free(run->replayed);
    }
    for (int32_t s = 0; s < SIM_PARTITIONS_MAX; s++) {
        free(sim->shards[s].outputs.items);
    }
    odk_map_release(&sim->runs);
    odk_map_release(&sim->keys);
    odk_map_release(&sim->tasks);
}

/* ---- a commit ---- */

void
sim_model_acquire(const struct sim_node *node, int32_t shard)
{
    struct sim_shard *model = &node->sim->shards[shard];

    model->owner = node;
    model->owner_life = node->life;
    sim_trace(node->sim, "n%d acquires shard %d", node->id, shard);
}

/* The broker must have what the outbox forgets. */
static void
check_published(struct sim *sim, const struct store_shard_move *move,
                const struct store_shard *before)
{
    const struct sim_vec *outputs = &sim->shards[move->shard].outputs;
    const struct sim_output *all = outputs->items;

    if (move->published <= before->published) {
        return;
    }
    sim_read(sim);
    for (size_t i = outputs->n; i > 0; i--) {
        const struct sim_output *output = &all[i - 1];
        if (output->seq <= before->published) {
            break;
        }
        if (output->seq <= move->published && !output->is_seen &&
            !output->is_void) {
            sim_fail(sim, SIM_CHECK_OUTBOX,
                     "shard %d: number %llu leaves the outbox, but no broker "
                     "has it",
                     move->shard, (unsigned long long)output->seq);
        }
    }
}

static void
commit_shard(const struct sim_node *node, const struct store_shard_move *move,
             const struct store_shard *before)
{
    struct sim *sim = node->sim;
    struct sim_shard *shard = &sim->shards[move->shard];

    if (shard->owner != node || shard->owner_life != node->life) {
        sim_fail(sim, SIM_CHECK_FENCE,
                 "n%d commits to shard %d, which has another owner", node->id,
                 move->shard);
    }
    if (before->quarantine.ptr) {
        sim_fail(sim, SIM_CHECK_FENCE,
                 "n%d commits to shard %d, which is in quarantine", node->id,
                 move->shard);
    }
    if (move->next_command < shard->next[0] ||
        move->next_result < shard->next[1]) {
        sim_fail(sim, SIM_CHECK_SHARD_ROW, "shard %d: its offsets go back",
                 move->shard);
    }
    if (move->clock < shard->clock) {
        sim_fail(sim, SIM_CHECK_SHARD_ROW, "shard %d: its clock goes back",
                 move->shard);
    }
    if (move->clock > sim->now + AHEAD_MS_MAX) {
        sim_fail(sim, SIM_CHECK_SHARD_ROW,
                 "shard %d: its clock is %lld ms ahead", move->shard,
                 (long long)(move->clock - sim->now));
    }
    if (move->outbox_seq < shard->outbox_seq ||
        move->published > move->outbox_seq ||
        move->published < before->published) {
        sim_fail(sim, SIM_CHECK_SHARD_ROW, "shard %d: its numbers go back",
                 move->shard);
    }
    check_published(sim, move, before);
    shard->next[0] = move->next_command;
    shard->next[1] = move->next_result;
    shard->clock = move->clock;
}

static void
commit_output(struct sim *sim, const struct store_output_write *write)
{
    struct sim_shard *shard = &sim->shards[write->shard];
    const struct store_output *from = &write->output;

    if (from->seq <= shard->outbox_seq) {
        sim_fail(sim, SIM_CHECK_NUMBER, "shard %d: number %llu is given twice",
                 write->shard, (unsigned long long)from->seq);
        return;
    }
    shard->outbox_seq = from->seq;
    struct sim_output *output = sim_push(&shard->outputs, sizeof(*output));
    *output =
        (struct sim_output){.seq = from->seq,
                            .topic = sim_topic_find(sim, from->topic),
                            .partition = from->partition,
                            .hash = sim_output_hash(from->key, from->value)};
}

static void
commit_parked(struct sim *sim, const struct store_parked_write *write)
{
    struct sim_output *output =
        sim_output_find(sim, write->shard, write->output.seq);

    sim_trace(sim, "shard %d parks number %llu", write->shard,
              (unsigned long long)write->output.seq);
    if (!output) {
        return; /* it was parked before it was ever in the outbox */
    }
    /* An earlier attempt may have arrived, its acknowledgement lost. */
    output->is_void = !output->is_seen;
}

static void
commit_history(struct sim *sim, const struct store_history_write *write)
{
    struct sim_run *run = sim_run_find(sim, write->run_id);

    if (!run) {
        sim_fail(sim, SIM_CHECK_VERSION, "history of a run that has no row");
        return;
    }
    if (write->version != (int64_t)run->rows.n + 1) {
        sim_fail(sim, SIM_CHECK_VERSION,
                 "%.*s: version %lld follows version %zu",
                 ODK_STR_ARG(run->key), (long long)write->version, run->rows.n);
        return;
    }
    struct sim_row *row = sim_push(&run->rows, sizeof(*row));
    *row = (struct sim_row){odk_hash64(write->entries, 0), write->entries.len,
                            write->at};
    sim->stats.transitions++;
}

static void
commit_execution(struct sim *sim, const struct store_execution_write *write)
{
    struct sim_run *run = sim_run_find(sim, write->run_id);

    odk_assert(run);
    if (write->version != (int64_t)run->rows.n) {
        sim_fail(sim, SIM_CHECK_VERSION,
                 "%.*s: a state of version %lld, a history of %zu",
                 ODK_STR_ARG(run->key), (long long)write->version, run->rows.n);
    }
    /* A late effect may still be noted, but its end stays what it was. */
    if (run->status > ENGINE_RUNNING &&
        (write->status != run->status || write->is_status_changed)) {
        sim_fail(sim, SIM_CHECK_VERSION, "%.*s: a closed run closes again",
                 ODK_STR_ARG(run->key));
    }
    run->status = write->status;
}

void
sim_model_commit(struct sim_node *node, const struct store_batch *batch,
                 const struct store_shard *before)
{
    struct sim *sim = node->sim;

    if (sim->is_losing) {
        return;
    }
    for (size_t i = 0; i < batch->n_parked; i++) {
        commit_parked(sim, &batch->parked[i]);
    }
    for (size_t i = 0; i < batch->n_shards; i++) {
        commit_shard(node, &batch->shards[i], &before[i]);
    }
    for (size_t i = 0; i < batch->n_executions; i++) {
        if (batch->executions[i].is_new) {
            run_add(sim, &batch->executions[i]);
        }
    }
    for (size_t i = 0; i < batch->n_histories; i++) {
        commit_history(sim, &batch->histories[i]);
    }
    for (size_t i = 0; i < batch->n_executions; i++) {
        commit_execution(sim, &batch->executions[i]);
    }
    for (size_t i = 0; i < batch->n_outputs; i++) {
        commit_output(sim, &batch->outputs[i]);
    }
    for (size_t i = 0; i < batch->n_shards; i++) {
        sim->shards[batch->shards[i].shard].outbox_seq =
            batch->shards[i].outbox_seq;
    }
}
