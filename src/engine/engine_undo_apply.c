/*
 * What an entry does to the compensation registry.
 */

#include "engine/engine_priv.h"

struct engine_undo_entry *
engine_undo_find(const struct engine *engine, int64_t id)
{
    for (size_t i = 0; id != 0 && i < engine->n_undos; i++) {
        if (engine->undos[i].id == id) {
            return &engine->undos[i];
        }
    }
    return NULL;
}

int32_t
engine_rollback_key(int32_t frame)
{
    odk_assert(frame >= ENGINE_ROLLBACK_LATE);
    return frame - ENGINE_ROLLBACK_LATE + 1;
}

struct engine_rollback *
engine_rollback_find(const struct engine *engine, int32_t frame)
{
    for (size_t i = 0; i < engine->n_rollbacks; i++) {
        if (engine->rollbacks[i].frame == frame) {
            return &engine->rollbacks[i];
        }
    }
    return NULL;
}

bool
engine_undo_is_left(const struct engine_undo_entry *undo)
{
    return undo->status <= ENGINE_UNDO_STUCK;
}

void
engine_undo_clear(struct engine_undo_entry *undo)
{
    engine_str_drop(&undo->state);
    engine_str_drop(&undo->resource);
    engine_str_drop(&undo->error);
    engine_str_drop(&undo->cause);
    json_decref(undo->arguments);
    json_decref(undo->input);
}

static void
remove_undo(struct engine *engine, struct engine_undo_entry *undo)
{
    size_t at = (size_t)(undo - engine->undos);

    engine_timer_drop(engine, undo->timer);
    engine_undo_clear(undo);
    engine->n_undos--;
    memmove(undo, undo + 1, (engine->n_undos - at) * sizeof(*undo));
}

/* An entry that is over stays only where a late answer may still tell of its
 * activity's effect. */
static void
end_undo(struct engine *engine, struct engine_undo_entry *undo,
         enum engine_undo_status as)
{
    if (undo->n_tokens == 0) {
        remove_undo(engine, undo);
        return;
    }
    engine_timer_drop(engine, undo->timer);
    undo->timer = 0;
    undo->status = as;
    undo->rollback = 0;
}

static struct engine_undo_entry *
add_undo(struct engine *engine, const struct engine_entry *entry, int64_t id)
{
    struct engine_undo_entry *undo =
        engine_grow((void **)&engine->undos, &engine->n_undos,
                    &engine->undos_size, sizeof(*undo));

    undo->id = id;
    undo->activity = entry->activity;
    undo->frame = entry->frame;
    undo->state = engine_str_dup(entry->state);
    undo->resource = engine_str_dup(entry->resource);
    return undo;
}

/* A rollback in progress takes what is registered in its scope meanwhile. */
static void
join(struct engine *engine, struct engine_undo_entry *undo, int32_t rollback)
{
    undo->rollback = rollback;
    if (engine->closing != 0) {
        undo->rollback = engine_rollback_key(ENGINE_ROLLBACK_CLOSING);
    }
}

static void
apply_registered(struct engine *engine, const struct engine_entry *entry)
{
    struct engine_undo_entry *known = engine_undo_find(engine, entry->entry);
    int32_t rollback = known ? known->rollback : 0;
    bool is_decided = odk_str_is(entry->mode, "UNKNOWN");

    if (known && (known->status == ENGINE_UNDO_RUNNING ||
                  known->status == ENGINE_UNDO_BACKOFF)) {
        /* An operator had it undone; what came late is undone once more. */
        known->n_tokens = 0;
    } else if (known && is_decided) {
        end_undo(engine, known, ENGINE_UNDO_DECIDED);
    } else if (known) {
        rollback = known->status == ENGINE_UNDO_DECIDED && rollback == 0
                       ? engine_rollback_key(ENGINE_ROLLBACK_LATE)
                       : rollback;
        remove_undo(engine, known);
    }
    struct engine_undo_entry *undo = add_undo(engine, entry, entry->id);
    undo->status =
        entry->parameters ? ENGINE_UNDO_READY : ENGINE_UNDO_UNRESOLVED;
    undo->arguments = json_incref(entry->parameters);
    engine_str_set(&undo->error, entry->error);
    engine_str_set(&undo->cause, entry->cause);
    join(engine, undo, rollback);
    if (undo->rollback == engine_rollback_key(ENGINE_ROLLBACK_LATE) &&
        !engine_rollback_find(engine, ENGINE_ROLLBACK_LATE)) {
        struct engine_rollback *late =
            engine_grow((void **)&engine->rollbacks, &engine->n_rollbacks,
                        &engine->rollbacks_size, sizeof(*late));
        late->frame = ENGINE_ROLLBACK_LATE;
    }
}

static void
apply_unknown(struct engine *engine, const struct engine_entry *entry)
{
    const struct engine_activity *activity =
        engine_activity_find(engine, entry->activity);
    struct engine_undo_entry *undo = add_undo(engine, entry, entry->activity);

    undo->status = ENGINE_UNDO_UNKNOWN;
    undo->is_pivot = odk_str_is(entry->mode, "PIVOT");
    undo->is_doubtful = entry->count > 0;
    undo->arguments = json_incref(entry->value);
    undo->input = json_incref(entry->input);
    if (activity) {
        memcpy(undo->tokens, activity->tokens, sizeof(undo->tokens));
        undo->n_tokens = activity->n_tokens;
    }
    join(engine, undo, 0);
}

/* What was decided about one entry. */
static void
apply_settled(struct engine *engine, const struct engine_entry *entry)
{
    struct engine_undo_entry *undo = engine_undo_find(engine, entry->entry);

    if (!undo) {
        return;
    }
    if (odk_str_is(entry->mode, "FAILED")) {
        remove_undo(engine, undo); /* it failed for certain */
    } else if (odk_str_is(entry->mode, "IGNORE")) {
        end_undo(engine, undo, ENGINE_UNDO_IGNORED);
    } else if (odk_str_is(entry->mode, "COMPENSATE")) {
        end_undo(engine, undo, ENGINE_UNDO_DECIDED); /* a pivot's */
    } else if (odk_str_is(entry->mode, "RETRY")) {
        undo->status = ENGINE_UNDO_READY;
        undo->tries = 0;
        if (entry->value) {
            json_decref(undo->arguments);
            undo->arguments = json_incref(entry->value);
        }
    }
}

static void
suspend_timeout(struct engine *engine, odk_time_ms now)
{
    for (size_t i = 0; i < engine->n_timers; i++) {
        if (engine->timers[i].kind == ENGINE_TIMER_EXECUTION) {
            /* Due, but not fired yet: it fires as soon as it is resumed. */
            engine->timeout_left =
                engine->timers[i].due > now ? engine->timers[i].due - now : 1;
            engine_timer_drop(engine, engine->timers[i].id);
            return;
        }
    }
}

static void
resume_timeout(struct engine *engine, odk_time_ms now)
{
    if (engine->n_rollbacks == 0 && engine->timeout_left > 0) {
        (void)engine_timer_set(engine, ENGINE_TIMER_EXECUTION, 0,
                               odk_time_add(now, engine->timeout_left));
        engine->timeout_left = 0;
    }
}

static void
apply_rollback_started(struct engine *engine, const struct engine_entry *entry)
{
    bool is_closing = entry->frame == ENGINE_ROLLBACK_CLOSING;

    if (engine->n_rollbacks == 0) {
        suspend_timeout(engine, entry->ts);
    }
    struct engine_rollback *rollback =
        engine_grow((void **)&engine->rollbacks, &engine->n_rollbacks,
                    &engine->rollbacks_size, sizeof(*rollback));
    rollback->frame = entry->frame;
    engine->undo_prev = entry->id;
    engine->has_undone = true;
    for (size_t i = 0; i < engine->n_undos; i++) {
        struct engine_undo_entry *undo = &engine->undos[i];
        if (engine_undo_is_left(undo) &&
            (is_closing ||
             (undo->frame == entry->frame && undo->id > entry->entry))) {
            undo->rollback = engine_rollback_key(entry->frame);
        }
    }
}

static void
end_rollback(struct engine *engine, int32_t frame, odk_time_ms now)
{
    struct engine_rollback *rollback = engine_rollback_find(engine, frame);

    if (!rollback) {
        return;
    }
    size_t at = (size_t)(rollback - engine->rollbacks);
    engine->n_rollbacks--;
    memmove(rollback, rollback + 1,
            (engine->n_rollbacks - at) * sizeof(*rollback));
    resume_timeout(engine, now);
}

/* A scope ends: its entries pass to the parent, or are over. A rollback of the
 * scope is over with it; what it runs goes on (saga.md, Scopes). */
static void
apply_scope(struct engine *engine, const struct engine_entry *entry)
{
    bool is_pass = odk_str_is(entry->mode, "PASS");
    bool is_pivot = odk_str_is(entry->mode, "PIVOT");

    engine->is_past_pivot |= is_pivot;
    for (size_t i = engine->n_undos; i-- > 0;) {
        struct engine_undo_entry *undo = &engine->undos[i];
        bool is_inside = is_pivot || (undo->frame == entry->frame &&
                                      undo->id > entry->entry);
        if (!is_inside) {
            continue;
        }
        if (is_pass) {
            undo->frame = entry->parent;
            undo->rollback = 0;
        } else if (undo->status != ENGINE_UNDO_RUNNING &&
                   undo->status != ENGINE_UNDO_LATE) {
            remove_undo(engine, undo);
        }
    }
    if (is_pass) {
        end_rollback(engine, entry->frame, entry->ts);
    }
}

static void
apply_succeeded(struct engine *engine, struct engine_undo_entry *undo)
{
    int32_t key = undo->rollback;

    engine->undo_done++;
    for (size_t i = 0; i < engine->n_rollbacks; i++) {
        if (engine_rollback_key(engine->rollbacks[i].frame) == key) {
            engine->rollbacks[i].n_done++;
        }
    }
    remove_undo(engine, undo);
}

static void
apply_failed(struct engine *engine, struct engine_undo_entry *undo,
             const struct engine_entry *entry)
{
    engine_str_set(&undo->error, entry->error);
    engine_str_set(&undo->cause, entry->cause);
    undo->tries++;
    if (entry->due > 0) {
        undo->status = ENGINE_UNDO_BACKOFF;
        undo->timer =
            engine_timer_set(engine, ENGINE_TIMER_UNDO, undo->id, entry->due);
    }
}

static void
apply_to_undo(struct engine *engine, struct engine_undo_entry *undo,
              const struct engine_entry *entry)
{
    if (entry->type == ENGINE_EV_COMPENSATION_SCHEDULED) {
        undo->status = ENGINE_UNDO_RUNNING;
        undo->attempt = entry->attempt;
    } else if (entry->type == ENGINE_EV_COMPENSATION_SUCCEEDED) {
        apply_succeeded(engine, undo);
    } else if (entry->type == ENGINE_EV_COMPENSATION_FAILED) {
        apply_failed(engine, undo, entry);
    } else if (entry->type == ENGINE_EV_COMPENSATION_STUCK) {
        engine_timer_drop(engine, undo->timer);
        undo->timer = 0;
        undo->status = ENGINE_UNDO_STUCK;
        engine_str_set(&undo->error, entry->error);
        engine_str_set(&undo->cause, entry->cause);
    } else if (entry->type == ENGINE_EV_COMPENSATION_SKIPPED) {
        end_undo(engine, undo, ENGINE_UNDO_SKIPPED);
    } else if (entry->type == ENGINE_EV_FACT_SETTLING) {
        undo->status = ENGINE_UNDO_SETTLING;
        undo->timer =
            engine_timer_set(engine, ENGINE_TIMER_UNDO, undo->id, entry->due);
    } else if (entry->type == ENGINE_EV_FACT_LATE) {
        undo->status = ENGINE_UNDO_LATE;
        json_decref(undo->arguments);
        undo->arguments = json_incref(entry->value);
    }
}

/* The run's end is decided: the lines stop, what undoes comes first. */
static void
apply_closing(struct engine *engine, const struct engine_entry *entry)
{
    enum engine_status status = ENGINE_FAILED;

    (void)engine_status_parse(entry->mode, &status);
    engine->closing = status;
    engine_str_set(&engine->error, entry->error);
    engine_str_set(&engine->cause, entry->cause);
    for (size_t i = engine->n_activities; i-- > 0;) {
        if (engine->activities[i].family != ENGINE_FAMILY_COMPENSATION) {
            engine_activity_remove(engine, &engine->activities[i]);
        }
    }
    for (size_t i = engine->n_timers; i-- > 0;) {
        if (engine->timers[i].kind != ENGINE_TIMER_ACTIVITY &&
            engine->timers[i].kind != ENGINE_TIMER_UNDO) {
            engine_timer_drop(engine, engine->timers[i].id);
        }
    }
    engine->n_rollbacks = 0;
    engine->timeout_left = 0;
}

static void
apply_fired(struct engine *engine, const struct engine_entry *entry)
{
    for (size_t i = 0; i < engine->n_undos; i++) {
        struct engine_undo_entry *undo = &engine->undos[i];
        if (undo->timer == entry->timer) {
            undo->timer = 0;
            undo->status = undo->status == ENGINE_UNDO_BACKOFF
                               ? ENGINE_UNDO_READY
                               : undo->status;
        }
    }
}

/* A run that succeeded has nothing to undo. */
static void
drop_all(struct engine *engine)
{
    while (engine->n_undos > 0) {
        remove_undo(engine, &engine->undos[engine->n_undos - 1]);
    }
}

static bool
is_undo_event(enum engine_entry_type type)
{
    return type >= ENGINE_EV_COMPENSATION_STARTED &&
           type <= ENGINE_EV_COMPENSATION_COMPLETED;
}

void
engine_apply_undo(struct engine *engine, const struct engine_entry *entry)
{
    if (is_undo_event(entry->type)) {
        engine->undo_prev = entry->id;
    }
    if (entry->type == ENGINE_EV_COMPENSATION_REGISTERED) {
        apply_registered(engine, entry);
    } else if (entry->type == ENGINE_EV_COMPENSATION_STARTED) {
        apply_rollback_started(engine, entry);
    } else if (entry->type == ENGINE_EV_COMPENSATION_COMPLETED) {
        end_rollback(engine, entry->frame, entry->ts);
    } else if (entry->type == ENGINE_EV_FACT_UNKNOWN) {
        apply_unknown(engine, entry);
    } else if (entry->type == ENGINE_EV_FACT_SETTLED) {
        apply_settled(engine, entry);
    } else if (entry->type == ENGINE_EV_FACT_SCOPE) {
        apply_scope(engine, entry);
    } else if (entry->type == ENGINE_EV_FACT_CLOSING) {
        apply_closing(engine, entry);
    } else if (entry->type == ENGINE_EV_FACT_FIRED) {
        apply_fired(engine, entry);
    } else if (entry->type == ENGINE_EV_EXECUTION_SUCCEEDED) {
        drop_all(engine);
    } else if (entry->entry != 0) {
        struct engine_undo_entry *undo = engine_undo_find(engine, entry->entry);
        if (undo) {
            apply_to_undo(engine, undo, entry);
        }
    }
}
