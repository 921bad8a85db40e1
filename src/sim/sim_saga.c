#include "json/json.h"
#include "sim/sim_priv.h"

/* saga.md's invariant, from the history of a run. */

#define ENTRIES_MAX 128

struct sim_saga {
    bool is_ordered; /**< its entries are undone from the last to the first */

    struct {
        int64_t entry;
        bool is_begun;
        bool is_late;    /**< registered when its scope was over already */
        bool is_dropped; /**< by the Pivot */
        int n_done;      /**< succeeded, by a worker or by hand */
        int n_skipped;
    } entries[ENTRIES_MAX];

    size_t n;
    int n_scheduled;
    int64_t settling[ENTRIES_MAX]; /**< unknown outcomes that are waited for */
    size_t n_settling;
};

static void
settling_end(struct sim_saga *saga, int64_t entry)
{
    for (size_t i = 0; i < saga->n_settling; i++) {
        if (saga->settling[i] == entry) {
            saga->settling[i] = saga->settling[--saga->n_settling];
            return;
        }
    }
}

static bool
is_over(const struct sim_saga *saga, size_t at)
{
    return saga->entries[at].is_dropped || saga->entries[at].is_begun ||
           saga->entries[at].n_done + saga->entries[at].n_skipped > 0;
}

/* In an order's one scope: the last registered is undone first. */
static void
check_turn(struct sim *sim, const struct sim_run *run,
           const struct sim_saga *saga, size_t at)
{
    for (size_t i = at + 1; i < saga->n; i++) {
        if (saga->is_ordered && !is_over(saga, i)) {
            sim_fail(sim, SIM_CHECK_SAGA,
                     "%.*s: entry %lld is undone before entry %lld",
                     ODK_STR_ARG(run->key), (long long)saga->entries[at].entry,
                     (long long)saga->entries[i].entry);
        }
    }
}

static int
entry_find(const struct sim_saga *saga, int64_t entry)
{
    for (size_t i = 0; i < saga->n; i++) {
        if (saga->entries[i].entry == entry) {
            return (int)i;
        }
    }
    return -1;
}

static void
on_scheduled(struct sim *sim, const struct sim_run *run, struct sim_saga *saga,
             int at)
{
    saga->n_scheduled++;
    if (saga->n_settling > 0 && at >= 0 && !saga->entries[at].is_late) {
        sim_fail(sim, SIM_CHECK_SAGA_OPEN,
                 "%.*s: a compensation runs while the outcome of entry %lld is "
                 "waited for",
                 ODK_STR_ARG(run->key), (long long)saga->settling[0]);
    }
    if (at < 0) {
        return;
    }
    if (!saga->entries[at].is_begun) {
        check_turn(sim, run, saga, (size_t)at);
    }
    /* One that was under way goes on to its end. */
    if (saga->entries[at].is_dropped && !saga->entries[at].is_begun) {
        sim_fail(sim, SIM_CHECK_SAGA,
                 "%.*s: entry %lld is undone though the Pivot succeeded",
                 ODK_STR_ARG(run->key), (long long)saga->entries[at].entry);
    }
    saga->entries[at].is_begun = true;
    if (saga->entries[at].n_done + saga->entries[at].n_skipped > 0) {
        sim_fail(sim, SIM_CHECK_SAGA, "%.*s: entry %lld is undone again",
                 ODK_STR_ARG(run->key), (long long)saga->entries[at].entry);
    }
}

static void
on_pivot(struct sim_saga *saga)
{
    for (size_t i = 0; i < saga->n; i++) {
        saga->entries[i].is_dropped = true;
    }
    saga->n_settling = 0;
}

static void
apply_entry(struct sim *sim, const struct sim_run *run, struct sim_saga *saga,
            const json_t *entry)
{
    struct odk_str type = json_str(json_get(entry, "type"));
    int64_t id = json_integer_value(json_get(entry, "entry"));
    int at = entry_find(saga, id);

    if (odk_str_is(type, "CompensationRegistered")) {
        /* `entry` names the unknown one that it takes the place of. */
        odk_assert(saga->n < ENTRIES_MAX);
        settling_end(saga, id);
        saga->entries[saga->n].is_late =
            odk_str_is(json_str(json_get(entry, "mode")), "LATE");
        saga->entries[saga->n++].entry =
            json_integer_value(json_get(entry, "id"));
    } else if (odk_str_is(json_str(json_get(entry, "fact")), "settling")) {
        odk_assert(saga->n_settling < ENTRIES_MAX);
        saga->settling[saga->n_settling++] = id;
    } else if (odk_str_is(json_str(json_get(entry, "fact")), "settled") ||
               odk_str_is(type, "CompensationStuck")) {
        settling_end(saga, id);
    } else if (odk_str_is(type, "CompensationScheduled")) {
        on_scheduled(sim, run, saga, at);
    } else if (odk_str_is(type, "CompensationSucceeded") && at >= 0) {
        saga->entries[at].n_done++;
    } else if (odk_str_is(type, "CompensationSkipped") && at >= 0) {
        saga->entries[at].n_skipped++;
    } else if (odk_str_is(json_str(json_get(entry, "fact")), "scope") &&
               odk_str_is(json_str(json_get(entry, "mode")), "PIVOT")) {
        on_pivot(saga);
    }
}

void
sim_saga_apply(struct sim *sim, struct sim_run *run, json_t *entries)
{
    if (!run->saga) {
        run->saga = sim_alloc(sim, sizeof(*run->saga));
        *run->saga = (struct sim_saga){
            .is_ordered =
                run->machine == sim_flow_machine(sim, ODK_STR("order"), 1)};
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        apply_entry(sim, run, run->saga, json_array_get(entries, i));
    }
}

/* Whether this end of this definition undoes what was done. */
static bool
is_compensating(const struct store_execution_write *row)
{
    bool is_order = odk_str_is(row->definition, "order");

    return (is_order || odk_str_is(row->definition, "trip")) &&
           !odk_str_is(row->error, "States.Runtime") &&
           (row->status == ENGINE_FAILED || row->status == ENGINE_TIMED_OUT ||
            (is_order && row->status == ENGINE_ABORTED));
}

void
sim_saga_end(struct sim *sim, const struct sim_run *run,
             const struct store_execution_write *row)
{
    const struct sim_saga *saga = run->saga;

    for (size_t i = 0; saga && i < saga->n; i++) {
        int n = saga->entries[i].n_done + saga->entries[i].n_skipped;
        if (n > 1) {
            sim_fail(sim, SIM_CHECK_SAGA, "%.*s: entry %lld is undone %d times",
                     ODK_STR_ARG(run->key), (long long)saga->entries[i].entry,
                     n);
        }
        /* A refused transition ends its run wherever it is. */
        if (n == 0 && is_compensating(row) && !sim->profile.is_refusing &&
            !saga->entries[i].is_dropped) {
            sim_fail(sim, SIM_CHECK_SAGA,
                     "%.*s (%.*s): the run closed %s %.*s with entry %lld "
                     "neither undone nor skipped",
                     ODK_STR_ARG(run->key), ODK_STR_ARG(row->definition),
                     engine_status_name((enum engine_status)row->status),
                     ODK_STR_ARG(row->error),
                     (long long)saga->entries[i].entry);
        }
    }
    if (saga && row->status == ENGINE_SUCCEEDED && saga->n_scheduled > 0 &&
        !odk_str_is(row->definition, "again")) {
        sim_fail(sim, SIM_CHECK_SAGA, "%.*s: the run succeeded and was undone",
                 ODK_STR_ARG(run->key));
    }
}
