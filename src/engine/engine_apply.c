/*
 * What an entry does to the kernel's state. Nothing else changes what is saved,
 * neither in a live step nor in a replay.
 */

#include <stdlib.h>

#include "engine/engine_priv.h"

uint64_t
engine_timer_set(struct engine *engine, enum engine_timer_kind kind,
                 int64_t ref, odk_time_ms due)
{
    struct engine_timer *timer =
        engine_grow((void **)&engine->timers, &engine->n_timers,
                    &engine->timers_size, sizeof(*timer));

    timer->id = engine->next_timer++;
    timer->kind = kind;
    timer->ref = ref;
    timer->due = due;
    if (engine->step.is_noting) {
        struct engine_timer_op *op =
            engine_grow((void **)&engine->step.timers, &engine->step.n_timers,
                        &engine->step.timers_size, sizeof(*op));
        *op = (struct engine_timer_op){true, timer->id, due};
    }
    return timer->id;
}

/* A timer that was set in this very step is forgotten, not dropped. */
static void
note_drop(struct engine_step_scratch *step, uint64_t id, odk_time_ms due)
{
    for (size_t i = 0; i < step->n_timers; i++) {
        if (step->timers[i].is_set && step->timers[i].id == id) {
            step->n_timers--;
            memmove(&step->timers[i], &step->timers[i + 1],
                    (step->n_timers - i) * sizeof(step->timers[0]));
            return;
        }
    }
    struct engine_timer_op *op =
        engine_grow((void **)&step->timers, &step->n_timers, &step->timers_size,
                    sizeof(*op));
    *op = (struct engine_timer_op){false, id, due};
}

static void
timer_remove(struct engine *engine, size_t at)
{
    if (engine->step.is_noting) {
        note_drop(&engine->step, engine->timers[at].id, engine->timers[at].due);
    }
    engine->n_timers--;
    memmove(&engine->timers[at], &engine->timers[at + 1],
            (engine->n_timers - at) * sizeof(engine->timers[0]));
}

void
engine_timer_drop(struct engine *engine, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < engine->n_timers; i++) {
        if (engine->timers[i].id == id) {
            timer_remove(engine, i);
            return;
        }
    }
}

void
engine_timer_drop_ref(struct engine *engine, enum engine_timer_kind kind,
                      int64_t ref)
{
    for (size_t i = engine->n_timers; i-- > 0;) {
        if (engine->timers[i].kind == kind && engine->timers[i].ref == ref) {
            timer_remove(engine, i);
        }
    }
}

const struct engine_timer *
engine_timer_find(const struct engine *engine, uint64_t id)
{
    for (size_t i = 0; i < engine->n_timers; i++) {
        if (engine->timers[i].id == id) {
            return &engine->timers[i];
        }
    }
    return NULL;
}

void
engine_apply_identity(struct engine *engine, const struct engine_entry *entry)
{
    struct engine_identity *identity = &engine->identity;
    struct odk_arena *arena = &engine->arena;

    if (identity->workflow_id.ptr) {
        return; /* engine_new has set it; the fact repeats it for replays */
    }
    identity->namespace_ = odk_arena_str(arena, entry->namespace_);
    identity->workflow_id = odk_arena_str(arena, entry->workflow_id);
    identity->definition = odk_arena_str(arena, entry->definition);
    identity->definition_version = (int32_t)entry->number;
    if (entry->traceparent.ptr) {
        identity->traceparent = odk_arena_str(arena, entry->traceparent);
    }
    (void)odk_uuid_parse(entry->run_id, &identity->run_id);
    engine->timeout_ms = entry->due;
    engine->republish_ms = entry->count;
    engine->is_express = odk_str_is(entry->mode, "EXPRESS");
    engine->context = json_incref(entry->value);
}

static void
apply_started(struct engine *engine, const struct engine_entry *entry)
{
    json_t *input = json_incref(entry->input);

    json_decref(engine->input);
    engine->input = input;
    engine->started_at = entry->ts;
    if (engine->timeout_ms > 0) {
        (void)engine_timer_set(engine, ENGINE_TIMER_EXECUTION, 0,
                               odk_time_add(entry->ts, engine->timeout_ms));
    }
}

static void
apply_closed(struct engine *engine, enum engine_status status,
             const struct engine_entry *entry)
{
    engine->status = status;
    engine->closed_at = entry->ts;
    engine->closing = 0;
    engine->output = json_incref(entry->output);
    engine_str_set(&engine->error, entry->error);
    engine_str_set(&engine->cause, entry->cause);
    while (engine->n_activities > 0) {
        engine_activity_remove(engine,
                               &engine->activities[engine->n_activities - 1]);
    }
    while (engine->n_timers > 0) {
        timer_remove(engine, engine->n_timers - 1);
    }
    for (size_t i = 0; i < engine->n_undos; i++) {
        engine->undos[i].timer = 0;
        engine->undos[i].rollback = 0;
    }
    engine->n_rollbacks = 0;
    engine->timeout_left = 0;
}

static void
apply_reply(struct engine *engine, const struct engine_entry *entry)
{
    struct engine_address *address =
        engine_grow((void **)&engine->replies, &engine->n_replies,
                    &(size_t){engine->n_replies}, sizeof(*address));

    address->topic = engine_str_dup(entry->topic);
    address->partition = entry->partition;
    address->correlation_id = engine_str_dup(entry->correlation_id);
}

static void
apply_signal(struct engine *engine, const struct engine_entry *entry)
{
    struct engine_signal *signal =
        engine_grow((void **)&engine->signals, &engine->n_signals,
                    &engine->signals_size, sizeof(*signal));

    signal->name = engine_str_dup(entry->name);
    signal->payload = json_incref(entry->value);
    signal->bytes =
        entry->name.len + engine_texts_size(&engine->texts, entry->value);
    engine->loop_count = 0;
}

static void
apply_signal_taken(struct engine *engine, const struct engine_entry *entry)
{
    size_t at = (size_t)entry->index;

    if (at >= engine->n_signals) {
        return;
    }
    engine_str_drop(&engine->signals[at].name);
    json_decref(engine->signals[at].payload);
    engine->n_signals--;
    memmove(&engine->signals[at], &engine->signals[at + 1],
            (engine->n_signals - at) * sizeof(engine->signals[0]));
}

/* Facts of the kernel that are about the run as a whole. */
static void
apply_run(struct engine *engine, const struct engine_entry *entry)
{
    if (entry->type == ENGINE_EV_EXECUTION_STARTED) {
        apply_started(engine, entry);
    } else if (entry->type == ENGINE_EV_EXECUTION_SUCCEEDED) {
        apply_closed(engine, ENGINE_SUCCEEDED, entry);
    } else if (entry->type == ENGINE_EV_EXECUTION_FAILED) {
        apply_closed(engine, ENGINE_FAILED, entry);
    } else if (entry->type == ENGINE_EV_EXECUTION_TIMED_OUT) {
        apply_closed(engine, ENGINE_TIMED_OUT, entry);
    } else if (entry->type == ENGINE_EV_EXECUTION_ABORTED) {
        apply_closed(engine, ENGINE_ABORTED, entry);
    } else if (entry->type == ENGINE_EV_EXECUTION_TERMINATED) {
        apply_closed(engine, ENGINE_TERMINATED, entry);
    } else if (entry->type == ENGINE_EV_FACT_IDENTITY) {
        engine_apply_identity(engine, entry);
    } else if (entry->type == ENGINE_EV_FACT_REPLY) {
        apply_reply(engine, entry);
    } else if (entry->type == ENGINE_EV_FACT_SIGNAL) {
        apply_signal(engine, entry);
    } else if (entry->type == ENGINE_EV_FACT_SIGNAL_TAKEN) {
        apply_signal_taken(engine, entry);
    } else if (entry->type == ENGINE_EV_FACT_CANCEL) {
        engine->is_cancel_asked = true;
        engine_str_set(&engine->cancel_reason, entry->reason);
    }
}

static void
apply_timers(struct engine *engine, const struct engine_entry *entry)
{
    if (entry->type == ENGINE_EV_FACT_FIRED) {
        engine_timer_drop(engine, entry->timer);
    } else if (entry->type == ENGINE_EV_FACT_YIELD) {
        (void)engine_timer_set(engine, ENGINE_TIMER_YIELD, 0, entry->ts);
    } else if ((entry->type == ENGINE_EV_FACT_WAIT && entry->due > 0) ||
               entry->type == ENGINE_EV_FACT_RETRY) {
        (void)engine_timer_set(engine, ENGINE_TIMER_FRAME, entry->frame,
                               entry->due);
    } else if (entry->type == ENGINE_EV_FACT_READY ||
               entry->type == ENGINE_EV_FACT_SIGNAL_TAKEN ||
               entry->type == ENGINE_EV_FACT_FRAME_END) {
        engine_timer_drop_ref(engine, ENGINE_TIMER_FRAME, entry->frame);
    }
}

/* Counts states between inputs from outside. */
static void
apply_loop(struct engine *engine, const struct engine_entry *entry)
{
    uint64_t mask = engine_entry_fields(entry->type);

    if (mask == ENGINE_ENTERED) {
        engine->loop_count++;
    } else if (entry->type == ENGINE_EV_WAIT_EXITED ||
               (mask & ENGINE_TASK_ID) == ENGINE_TASK_ID) {
        engine->loop_count = 0;
    }
}

void
engine_apply(struct engine *engine, const struct engine_entry *entry)
{
    if (entry->ts > engine->clock) {
        engine->clock = entry->ts;
    }
    if (entry->id >= ENGINE_HIDDEN_ID) {
        engine->next_hidden_id = entry->id + 1;
    } else if (entry->id != 0) {
        engine->next_event_id = entry->id + 1;
    }
    apply_run(engine, entry);
    apply_timers(engine, entry);
    apply_loop(engine, entry);
    engine_apply_activity(engine, entry);
    engine_apply_undo(engine, entry);
    engine->decider->apply(engine->lines, entry);
}
