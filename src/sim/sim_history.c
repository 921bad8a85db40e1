#include "json/json.h"
#include "sim/sim_priv.h"

/* odradek.history, as a reader with a watermark sees it, against what was
 * committed: gapless, each input once, in order, no timer early or twice. */

static struct sim_timer *
timer_find(struct sim_run *run, uint64_t id)
{
    struct sim_timer *timers = run->timers.items;

    for (size_t i = 0; i < run->timers.n; i++) {
        if (timers[i].id == id) {
            return &timers[i];
        }
    }
    return NULL;
}

static void
check_timer(struct sim *sim, struct sim_run *run,
            const struct codec_history_record *record)
{
    struct sim_timer *timer = timer_find(run, (uint64_t)record->timer_id);

    if (!timer || timer->is_fired || timer->is_dropped) {
        sim_fail(sim, SIM_CHECK_TIMER, "%.*s: timer %lld fires %s",
                 ODK_STR_ARG(run->key), (long long)record->timer_id,
                 !timer              ? "and was never set"
                 : timer->is_dropped ? "after it was dropped"
                                     : "twice");
        return;
    }
    if (record->timestamp < timer->due) {
        sim_fail(sim, SIM_CHECK_TIMER, "%.*s: timer %lld fires %lld ms early",
                 ODK_STR_ARG(run->key), (long long)record->timer_id,
                 (long long)(timer->due - record->timestamp));
    }
    timer->is_fired = true;
}

static void
take_timers(struct sim *sim, struct sim_run *run,
            const struct codec_history_record *record)
{
    for (size_t i = 0; i < record->n_timers_set; i++) {
        uint64_t id = (uint64_t)record->timers_set[i].id;
        if (timer_find(run, id)) {
            sim_fail(sim, SIM_CHECK_TIMER, "%.*s: timer %llu is set twice",
                     ODK_STR_ARG(run->key), (unsigned long long)id);
            return;
        }
        struct sim_timer *timer = sim_push(&run->timers, sizeof(*timer));
        timer->id = id;
        timer->due = record->timers_set[i].due;
    }
    for (size_t i = 0; i < record->n_timers_dropped; i++) {
        struct sim_timer *timer =
            timer_find(run, (uint64_t)record->timers_dropped[i]);
        if (!timer) {
            sim_fail(sim, SIM_CHECK_TIMER,
                     "%.*s: timer %lld is dropped and was never set",
                     ODK_STR_ARG(run->key),
                     (long long)record->timers_dropped[i]);
            return;
        }
        timer->is_dropped = true;
    }
}

static void
check_origin(struct sim *sim, struct sim_run *run,
             const struct codec_history_record *record)
{
    int place = odk_str_is(record->origin.topic, LANE_TOPIC_RESULTS);
    int64_t offset = record->origin.offset;

    if (record->origin.partition != run->shard) {
        sim_fail(sim, SIM_CHECK_INPUT, "%.*s: an input of another shard",
                 ODK_STR_ARG(run->key));
    }
    if (offset < run->next[place]) {
        sim_fail(sim, SIM_CHECK_INPUT,
                 "%.*s: input %.*s/%lld is applied twice or out of order",
                 ODK_STR_ARG(run->key), ODK_STR_ARG(record->origin.topic),
                 (long long)offset);
    }
    if (offset + 1 < run->workflow->next[place]) {
        sim_fail(sim, SIM_CHECK_ORDER,
                 "%.*s: input %.*s/%lld is applied after a later one",
                 ODK_STR_ARG(run->key), ODK_STR_ARG(record->origin.topic),
                 (long long)offset);
    }
    run->next[place] = offset + 1;
    run->workflow->next[place] = offset + 1;
}

static void
check_entries(struct sim *sim, struct sim_run *run)
{
    struct odk_str entries = odk_buf_str(&run->parts);
    const struct sim_row *row =
        &((const struct sim_row *)run->rows.items)[run->seen];
    json_t *list = json_parse(entries, NULL);

    if (row->len != entries.len || row->hash != odk_hash64(entries, 0)) {
        sim_fail(sim, SIM_CHECK_HISTORY,
                 "%.*s: version %lld on odradek.history is not the stored",
                 ODK_STR_ARG(run->key), (long long)run->seen + 1);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        if (odk_str_is(json_str(json_get(entry, "fact")), "signal")) {
            sim_signal_seen(sim, json_get(entry, "value"));
        }
    }
    json_decref(list);
}

static void
check_events(struct sim *sim, struct sim_run *run,
             const struct codec_history_record *record)
{
    if (record->first_event_id == 0) {
        return;
    }
    if (record->first_event_id != run->last_event_id + 1 ||
        record->last_event_id < record->first_event_id) {
        sim_fail(sim, SIM_CHECK_HISTORY,
                 "%.*s: events %lld to %lld follow event %lld",
                 ODK_STR_ARG(run->key), (long long)record->first_event_id,
                 (long long)record->last_event_id,
                 (long long)run->last_event_id);
    }
    run->last_event_id = record->last_event_id;
}

static void
take_transition(struct sim *sim, struct sim_run *run,
                const struct codec_history_record *record)
{
    check_entries(sim, run);
    check_events(sim, run, record);
    if (record->has_timer_id) {
        check_timer(sim, run, record);
    } else if (record->has_origin) {
        check_origin(sim, run, record);
    }
    take_timers(sim, run, record);
    run->seen = record->version;
}

void
sim_history_seen(struct sim *sim, const struct bus_message *message,
                 const struct codec_record *record)
{
    const struct codec_history_record *history = &record->history_record;
    struct odk_uuid run_id = {{0}};

    (void)message;
    if (record->kind == CODEC_SHARD_PROGRESS) {
        return;
    }
    if (record->kind != CODEC_HISTORY_RECORD ||
        !odk_uuid_parse(history->run_id, &run_id)) {
        sim_fail(sim, SIM_CHECK_RECORD, "odradek.history holds what is none");
        return;
    }
    struct sim_run *run = sim_run_find(sim, run_id);
    if (!run || history->version != run->seen + 1 ||
        history->part != run->part + 1) {
        sim_fail(sim, SIM_CHECK_HISTORY,
                 "%.*s: version %lld, part %d on odradek.history is not "
                 "the next one",
                 ODK_STR_ARG(history->workflow_id), (long long)history->version,
                 history->part);
        return;
    }
    odk_buf_put_str(&run->parts, history->entries);
    run->part = history->part;
    if (history->part == history->parts) {
        take_transition(sim, run, history);
        odk_buf_clear(&run->parts);
        run->part = 0;
    }
}
