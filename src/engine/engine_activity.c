/*
 * Activities: attempts, their four time-outs, results.
 *
 *             TaskScheduled             TaskStarted
 *   (none) ─────────────────▶ SCHEDULED ────────────▶ STARTED
 *                               ▲   │ failed, timed out  │
 *             next attempt      │   ▼                    ▼
 *                               └─ IDLE ◀────────────────┘ ── closed ─▶ (none)
 *   A success removes it. One timer per activity stands for the earliest of
 *   its deadlines; a heartbeat moves a deadline without moving the timer, which
 *   is armed anew when it fires too early.
 */

#include "engine/engine_priv.h"

const struct engine_family_events engine_families[5] = {
    [ENGINE_FAMILY_TASK] = {ENGINE_EV_TASK_SCHEDULED, ENGINE_EV_TASK_STARTED,
                            ENGINE_EV_TASK_SUCCEEDED, ENGINE_EV_TASK_FAILED,
                            ENGINE_EV_TASK_TIMED_OUT},
    [ENGINE_FAMILY_LAMBDA] = {ENGINE_EV_LAMBDA_SCHEDULED,
                              ENGINE_EV_LAMBDA_STARTED,
                              ENGINE_EV_LAMBDA_SUCCEEDED,
                              ENGINE_EV_LAMBDA_FAILED,
                              ENGINE_EV_LAMBDA_TIMED_OUT},
    [ENGINE_FAMILY_ACTIVITY] = {ENGINE_EV_ACTIVITY_SCHEDULED,
                                ENGINE_EV_ACTIVITY_STARTED,
                                ENGINE_EV_ACTIVITY_SUCCEEDED,
                                ENGINE_EV_ACTIVITY_FAILED,
                                ENGINE_EV_ACTIVITY_TIMED_OUT},
    [ENGINE_FAMILY_COMPENSATION] = {ENGINE_EV_COMPENSATION_SCHEDULED,
                                    ENGINE_EV_FACT_UNDO_STARTED,
                                    ENGINE_EV_COMPENSATION_SUCCEEDED,
                                    ENGINE_EV_COMPENSATION_FAILED,
                                    ENGINE_EV_COMPENSATION_FAILED},
    [ENGINE_FAMILY_CHORE] = {ENGINE_EV_FACT_CHORE, ENGINE_EV_FACT_CHORE_STARTED,
                             ENGINE_EV_FACT_CHORE_SUCCEEDED,
                             ENGINE_EV_FACT_CHORE_FAILED,
                             ENGINE_EV_FACT_CHORE_FAILED},
};

enum activity_change {
    CHANGE_NONE,
    CHANGE_SCHEDULED,
    CHANGE_STARTED,
    CHANGE_SUCCEEDED,
    CHANGE_FAILED,
    CHANGE_TIMED_OUT,
};

static enum activity_change
change_of(enum engine_entry_type type, enum engine_family *family)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(engine_families); i++) {
        *family = (enum engine_family)i;
        if (type == engine_families[i].scheduled) {
            return CHANGE_SCHEDULED;
        }
        if (type == engine_families[i].started) {
            return CHANGE_STARTED;
        }
        if (type == engine_families[i].succeeded) {
            return CHANGE_SUCCEEDED;
        }
        if (type == engine_families[i].failed) {
            return CHANGE_FAILED;
        }
        if (type == engine_families[i].timed_out) {
            return CHANGE_TIMED_OUT;
        }
    }
    return CHANGE_NONE;
}

struct engine_activity *
engine_activity_find(const struct engine *engine, int64_t id)
{
    for (size_t i = 0; i < engine->n_activities; i++) {
        if (engine->activities[i].id == id) {
            return &engine->activities[i];
        }
    }
    return NULL;
}

bool
engine_activity_is_open(const struct engine_activity *activity)
{
    return activity->status != ENGINE_ACTIVITY_IDLE;
}

bool
engine_activity_wants_started(const struct engine_activity *activity)
{
    return activity->start_to_close_ms > 0 || activity->heartbeat_ms > 0;
}

/* Deadlines; each ODK_TIME_NEVER when it does not apply now. */

odk_time_ms
engine_start_due(const struct engine_activity *activity)
{
    return activity->started_at == 0 && activity->schedule_to_start_ms > 0
               ? odk_time_add(activity->scheduled_at,
                              activity->schedule_to_start_ms)
               : ODK_TIME_NEVER;
}

odk_time_ms
engine_close_due(const struct engine_activity *activity)
{
    return activity->started_at != 0 && activity->start_to_close_ms > 0
               ? odk_time_add(activity->started_at, activity->start_to_close_ms)
               : ODK_TIME_NEVER;
}

odk_time_ms
engine_heartbeat_due(const struct engine_activity *activity)
{
    if (activity->started_at == 0 || activity->heartbeat_ms == 0) {
        return ODK_TIME_NEVER;
    }
    odk_time_ms last = activity->heartbeat_at > activity->started_at
                           ? activity->heartbeat_at
                           : activity->started_at;
    return odk_time_add(last, activity->heartbeat_ms);
}

odk_time_ms
engine_republish_due(const struct engine *engine,
                     const struct engine_activity *activity)
{
    return activity->started_at == 0 && engine->republish_ms > 0
               ? odk_time_add(activity->published_at, engine->republish_ms)
               : ODK_TIME_NEVER;
}

static odk_time_ms
earlier(odk_time_ms a, odk_time_ms b)
{
    return a < b ? a : b;
}

odk_time_ms
engine_activity_due(const struct engine *engine,
                    const struct engine_activity *activity)
{
    odk_time_ms due = activity->schedule_to_close_at > 0
                          ? activity->schedule_to_close_at
                          : ODK_TIME_NEVER;

    if (!engine_activity_is_open(activity)) {
        return ODK_TIME_NEVER;
    }
    due = earlier(due, engine_start_due(activity));
    due = earlier(due, engine_close_due(activity));
    due = earlier(due, engine_heartbeat_due(activity));
    return earlier(due, engine_republish_due(engine, activity));
}

/* Sets the timer to the earliest deadline, if it is not there already. */
static void
arm(struct engine *engine, struct engine_activity *activity)
{
    odk_time_ms due = engine_activity_due(engine, activity);
    const struct engine_timer *timer =
        engine_timer_find(engine, activity->timer);

    if (timer && timer->due == due) {
        return;
    }
    engine_timer_drop(engine, activity->timer);
    activity->timer = due == ODK_TIME_NEVER
                          ? 0
                          : engine_timer_set(engine, ENGINE_TIMER_ACTIVITY,
                                             activity->id, due);
}

bool
engine_token_known(const struct engine_token *tokens, int32_t n,
                   int32_t attempt, uint64_t seq)
{
    for (int32_t i = 0; i < n; i++) {
        if (tokens[i].attempt == attempt && tokens[i].seq == seq) {
            return true;
        }
    }
    return false;
}

/* The oldest token makes room. */
static void
add_token(struct engine_activity *activity, int32_t attempt, uint64_t seq)
{
    if (activity->n_tokens == ENGINE_TOKENS_MAX) {
        activity->n_tokens--;
        memmove(&activity->tokens[0], &activity->tokens[1],
                sizeof(activity->tokens) - sizeof(activity->tokens[0]));
    }
    activity->tokens[activity->n_tokens++] =
        (struct engine_token){attempt, seq};
}

static void
apply_scheduled(struct engine *engine, const struct engine_entry *entry,
                enum engine_family family)
{
    struct engine_activity *activity =
        engine_activity_find(engine, entry->activity);

    if (!activity) {
        activity =
            engine_grow((void **)&engine->activities, &engine->n_activities,
                        &engine->activities_size, sizeof(*activity));
        activity->id = entry->activity;
    }
    activity->family = family;
    activity->frame = entry->frame;
    activity->entry = entry->entry;
    activity->prev = entry->id;
    activity->attempt = entry->attempt;
    activity->status = ENGINE_ACTIVITY_SCHEDULED;
    activity->is_last_unknown = false;
    add_token(activity, entry->attempt, entry->seq);
    engine_str_set(&activity->queue, entry->queue);
    engine_str_set(&activity->type, entry->kind);
    engine_str_set(&activity->resource, entry->resource);
    engine_str_set(&activity->resource_type, entry->resource_type);
    engine_str_drop(&activity->worker);
    json_decref(activity->input);
    activity->input =
        json_incref(entry->parameters ? entry->parameters : entry->input);
    json_decref(activity->heartbeat);
    activity->heartbeat = NULL;
    activity->scheduled_at = entry->ts;
    activity->published_at = entry->ts;
    activity->started_at = 0;
    activity->heartbeat_at = 0;
    activity->schedule_to_start_ms = entry->schedule_to_start_ms;
    activity->start_to_close_ms = entry->start_to_close_ms;
    activity->heartbeat_ms = entry->heartbeat_ms;
    activity->schedule_to_close_at = entry->schedule_to_close_at;
    arm(engine, activity);
}

static void
apply_ended(struct engine *engine, struct engine_activity *activity,
            const struct engine_entry *entry, bool is_unknown)
{
    activity->status = ENGINE_ACTIVITY_IDLE;
    activity->is_last_unknown = is_unknown;
    activity->n_unknown += is_unknown ? 1 : 0;
    engine_str_set(&activity->error, entry->error);
    engine_str_set(&activity->cause, entry->cause);
    arm(engine, activity);
}

static void
apply_fact(struct engine *engine, struct engine_activity *activity,
           const struct engine_entry *entry)
{
    if (entry->type == ENGINE_EV_FACT_HEARTBEAT) {
        activity->heartbeat_at = entry->ts;
        json_decref(activity->heartbeat);
        activity->heartbeat = json_incref(entry->value);
    } else if (entry->type == ENGINE_EV_FACT_REARM) {
        engine_timer_drop(engine, entry->timer);
        activity->timer = 0;
        arm(engine, activity);
    } else if (entry->type == ENGINE_EV_FACT_REPUBLISH) {
        add_token(activity, entry->attempt, entry->seq);
        activity->published_at = entry->ts;
        arm(engine, activity);
    } else if (entry->type == ENGINE_EV_FACT_LATE_SUCCESS) {
        json_decref(activity->late);
        activity->late = json_incref(entry->value);
    } else if (entry->type == ENGINE_EV_FACT_ACTIVITY_CLOSED ||
               entry->type == ENGINE_EV_TASK_ABORTED) {
        engine_activity_remove(engine, activity);
    }
}

void
engine_apply_activity(struct engine *engine, const struct engine_entry *entry)
{
    enum engine_family family = ENGINE_FAMILY_TASK;
    struct engine_activity *activity = NULL;

    if (entry->activity == 0) {
        return;
    }
    enum activity_change change = change_of(entry->type, &family);
    if (change == CHANGE_SCHEDULED) {
        apply_scheduled(engine, entry, family);
        return;
    }
    activity = engine_activity_find(engine, entry->activity);
    if (!activity) {
        return;
    }
    if (entry->id != 0) {
        activity->prev = entry->id;
    }
    switch (change) {
    case CHANGE_STARTED:
        activity->status = ENGINE_ACTIVITY_STARTED;
        activity->started_at = entry->ts;
        engine_str_set(&activity->worker, entry->worker);
        arm(engine, activity);
        break;
    case CHANGE_SUCCEEDED:
        engine_activity_remove(engine, activity);
        break;
    case CHANGE_FAILED:
        apply_ended(engine, activity, entry,
                    odk_str_is(entry->effect, "UNKNOWN"));
        break;
    case CHANGE_TIMED_OUT:
        apply_ended(engine, activity, entry, true);
        break;
    case CHANGE_NONE:
    case CHANGE_SCHEDULED:
        apply_fact(engine, activity, entry);
        break;
    }
}
