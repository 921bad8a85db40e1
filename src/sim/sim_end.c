#include "json/json.h"
#include "sim/sim_priv.h"

/* The last word: nothing is open, nothing was lost, and the stored history
 * folds to the stored state. */

/* ---- is everything finished ---- */

static bool
are_shards_idle(const struct sim *sim)
{
    for (int32_t s = 0; s < sim->profile.partitions; s++) {
        struct store_shard row;
        if (!store_mem_shard(sim->db, s, &row) ||
            row.published != row.outbox_seq ||
            row.next_command < sim->topics[0].offset[s] ||
            row.next_result < sim->topics[1].offset[s]) {
            return false;
        }
    }
    return true;
}

static bool
are_runs_closed(const struct sim *sim)
{
    for (const struct sim_run *run = sim->first_run; run; run = run->next_run) {
        if (run->status == ENGINE_RUNNING || run->seen < (int64_t)run->rows.n) {
            return false;
        }
    }
    return true;
}

/* Whether the workers have committed everything. */
static bool
are_tasks_done(const struct sim *sim)
{
    const struct sim_topic *tasks =
        &sim->topics[sim_topic_find(sim, ODK_STR(SIM_TOPIC_TASKS))];

    for (int32_t p = 0; p < tasks->partitions; p++) {
        int64_t committed = bus_mem_group_offset(sim->broker, SIM_GROUP_WORKERS,
                                                 ODK_STR(SIM_TOPIC_TASKS), p);
        if (tasks->offset[p] > 0 && committed < tasks->offset[p]) {
            return false;
        }
    }
    return true;
}

bool
sim_is_done(struct sim *sim)
{
    return !sim->is_losing && are_tasks_done(sim) &&
           store_mem_count(sim->db).outputs == 0 && are_runs_closed(sim) &&
           are_shards_idle(sim);
}

/* ---- fold(history) = state ---- */

static void
machines_find(struct sim *sim)
{
    const struct store_execution_write *row = NULL;

    while ((row = store_mem_execution_next(sim->db, row)) != NULL) {
        struct sim_run *run = sim_run_find(sim, row->run_id);
        if (!run) {
            sim_fail(sim, SIM_CHECK_FOLD, "%.*s: a row of an unknown run",
                     ODK_STR_ARG(row->workflow_key));
            return;
        }
        run->machine =
            sim_flow_machine(sim, row->definition, row->definition_version);
        odk_assert(run->machine);
    }
}

static void
replay(struct sim *sim)
{
    const struct store_history_write *row = NULL;
    struct odk_err err = {0};

    for (size_t i = 0;
         !sim->is_failed && (row = store_mem_history(sim->db, i)) != NULL;
         i++) {
        struct sim_run *run = sim_run_find(sim, row->run_id);
        if (!run || !run->machine) {
            sim_fail(sim, SIM_CHECK_FOLD, "a history row of an unknown run");
            return;
        }
        if (engine_replay(&run->replayed, run->machine, row->entries, &err) !=
            0) {
            sim_fail(sim, SIM_CHECK_FOLD,
                     "%.*s: version %lld cannot be replayed: %s",
                     ODK_STR_ARG(run->key), (long long)row->version,
                     err.message);
            return;
        }
        json_t *entries = json_parse(row->entries, NULL);
        sim_saga_apply(sim, run, entries);
        json_decref(entries);
    }
}

static void
check_run(struct sim *sim, const struct store_execution_write *row)
{
    struct sim_run *run = sim_run_find(sim, row->run_id);

    if (!run || !run->replayed) {
        sim_fail(sim, SIM_CHECK_FOLD, "%.*s: a run without a history",
                 ODK_STR_ARG(row->workflow_key));
        return;
    }
    odk_buf_clear(&sim->buf);
    engine_save(run->replayed, &sim->buf);
    if (!odk_str_eq(odk_buf_str(&sim->buf), row->state)) {
        sim_fail(sim, SIM_CHECK_FOLD,
                 "%.*s: the history does not fold to the state",
                 ODK_STR_ARG(run->key));
        sim_trace(sim, "folded: %.*s", ODK_STR_ARG(odk_buf_str(&sim->buf)));
        sim_trace(sim, "stored: %.*s", ODK_STR_ARG(row->state));
    }
    if (row->status == ENGINE_RUNNING) {
        sim_fail(sim, SIM_CHECK_LIVENESS, "%.*s (%.*s) is still running",
                 ODK_STR_ARG(run->key), ODK_STR_ARG(row->definition));
        sim_trace(sim, "%.*s", ODK_STR_ARG(row->state));
        return;
    }
    sim_saga_end(sim, run, row);
}

static void
check_timers(struct sim *sim)
{
    struct store_mem_counts counts = store_mem_count(sim->db);

    for (const struct sim_run *run = sim->first_run; run; run = run->next_run) {
        const struct sim_timer *timers = run->timers.items;
        for (size_t i = 0; i < run->timers.n; i++) {
            if (!timers[i].is_fired && !timers[i].is_dropped) {
                sim_fail(sim, SIM_CHECK_TIMER, "%.*s: timer %llu is lost",
                         ODK_STR_ARG(run->key),
                         (unsigned long long)timers[i].id);
            }
        }
    }
    if (counts.timers > 0) {
        sim_fail(sim, SIM_CHECK_TIMER, "%zu timers of closed runs are left",
                 counts.timers);
    }
    if (counts.outputs > 0) {
        sim_fail(sim, SIM_CHECK_OUTBOX, "%zu outputs are left in the outbox",
                 counts.outputs);
    }
}

/* ---- what clients were told ---- */

static void
check_command(struct sim *sim, size_t index)
{
    const struct sim_command *command =
        &((const struct sim_command *)sim->commands.items)[index];

    if (command->is_garbage) {
        if (command->n_effects != 1) {
            sim_fail(sim, SIM_CHECK_DEADLETTER,
                     "garbage c-%zu has left no trace", index);
        }
        return;
    }
    if (!command->is_answered && !command->is_flaky) {
        sim_fail(sim, SIM_CHECK_REPLY, "command c-%zu got no answer", index);
        return;
    }
    if (command->kind == CODEC_START_WORKFLOW && !command->is_flaky &&
        command->reply == CODEC_REPLY_KIND_ACCEPTED && !command->is_closed) {
        sim_fail(sim, SIM_CHECK_REPLY,
                 "command c-%zu was accepted, its run never closed", index);
    }
}

/* An outcome that is kept; a refused command's is not, as the request id itself
 * may be what the database refuses. */
static bool
is_told(const struct sim_command *command)
{
    return command->is_answered &&
           strcmp(command->code, "RequestConflict") != 0 &&
           strcmp(command->code, "Refused") != 0;
}

/* Every repeat of a command must be told the same. */
static void
check_repeat(struct sim *sim, size_t index)
{
    const struct sim_command *all = sim->commands.items;
    const struct sim_command *command = &all[index];

    for (size_t i = index + 1; i < sim->commands.n; i++) {
        if (all[i].first != command->first || !is_told(&all[i]) ||
            !is_told(command)) {
            continue;
        }
        if (all[i].reply != command->reply ||
            !odk_str_is(odk_str(all[i].code), command->code) ||
            !odk_str_is(odk_str(all[i].run_id), command->run_id) ||
            all[i].is_conflict != command->is_conflict) {
            sim_fail(sim, SIM_CHECK_REPLY,
                     "c-%zu and its repeat c-%zu were told different", index,
                     i);
        }
        return;
    }
}

static void
check_signal(struct sim *sim, size_t index)
{
    const struct sim_command *all = sim->commands.items;
    bool is_accepted = false;
    bool is_known = false;

    if (!all[index].is_signal || all[index].first != index) {
        return;
    }
    for (size_t i = index; i < sim->commands.n; i++) {
        if (all[i].first == index && is_told(&all[i])) {
            is_known = true;
            is_accepted |= all[i].reply == CODEC_REPLY_KIND_ACCEPTED;
        }
    }
    if (all[index].n_effects > 1 ||
        (is_known && all[index].n_effects != (is_accepted ? 1 : 0))) {
        sim_fail(sim, SIM_CHECK_SIGNAL,
                 "signal c-%zu was %s and has %d effects", index,
                 is_accepted ? "accepted" : "rejected", all[index].n_effects);
    }
}

/* Long after the last fault each shard has an owner that runs. */
void
sim_check_owners(struct sim *sim, void *arg)
{
    (void)arg;
    for (int32_t s = 0; !sim->is_losing && s < sim->profile.partitions; s++) {
        const struct sim_node *owner = sim->shards[s].owner;
        if (!owner || !owner->lane ||
            owner->life != sim->shards[s].owner_life) {
            sim_fail(sim, SIM_CHECK_OWNER, "shard %d has no owner", s);
        }
    }
}

void
sim_check_end(struct sim *sim)
{
    const struct store_execution_write *row = NULL;

    sim_read(sim);
    machines_find(sim);
    replay(sim);
    while (!sim->is_failed &&
           (row = store_mem_execution_next(sim->db, row)) != NULL) {
        check_run(sim, row);
    }
    for (size_t i = 0; !sim->is_failed && i < sim->commands.n; i++) {
        check_command(sim, i);
        check_repeat(sim, i);
        check_signal(sim, i);
    }
    if (!sim->is_failed) {
        check_timers(sim);
        sim_tasks_check(sim);
    }
}

/* A tail that grew again to where the shard had read before anybody looked:
 * offsets alone do not tell that it is another one. */
static bool
is_grown_again(const struct sim *sim, int32_t shard)
{
    const struct sim_shard *model = &sim->shards[shard];
    struct bus_message message;

    return model->cut_topic &&
           bus_mem_read(sim->broker, odk_str(model->cut_topic), shard,
                        model->cut_next - 1, &message);
}

void
sim_check_lost(struct sim *sim)
{
    for (int32_t s = 0; s < sim->profile.partitions; s++) {
        struct store_shard row = {0};
        if (sim->shards[s].must_stop && !is_grown_again(sim, s) &&
            (!store_mem_shard(sim->db, s, &row) || !row.quarantine.ptr)) {
            sim_fail(sim, SIM_CHECK_QUARANTINE,
                     "shard %d goes on though what it built on is lost", s);
        }
    }
}
