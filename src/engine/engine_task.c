/*
 * Activities, live: what schedules an attempt, and which answers count.
 */

#include "engine/engine_priv.h"

struct engine_output *
engine_output_add(struct engine *engine, enum engine_output_kind kind)
{
    struct engine_output *output =
        engine_grow((void **)&engine->step.outputs, &engine->step.n_outputs,
                    &engine->step.outputs_size, sizeof(*output));

    output->kind = kind;
    output->schedule_to_close_at = ODK_TIME_NEVER;
    return output;
}

struct odk_str
engine_step_str(struct engine *engine, struct odk_str s)
{
    return s.ptr ? odk_arena_str(&engine->step.arena, s) : s;
}

static void
fill_spec(struct engine_entry *entry, const struct engine_task *task)
{
    entry->activity = task->activity;
    entry->attempt = task->attempt;
    entry->prev = task->prev;
    entry->queue = task->queue;
    entry->kind = task->type;
    entry->resource = task->resource;
    entry->resource_type = task->resource_type;
    entry->state = task->state;
    entry->credentials = task->credentials;
    entry->schedule_to_start_ms = task->schedule_to_start_ms;
    entry->start_to_close_ms = task->start_to_close_ms;
    entry->heartbeat_ms = task->heartbeat_ms;
    entry->timeout_seconds = task->start_to_close_ms / 1000;
    entry->heartbeat_seconds = task->heartbeat_ms / 1000;
    if (task->family == ENGINE_FAMILY_TASK ||
        task->family == ENGINE_FAMILY_COMPENSATION) {
        entry->parameters = task->input;
    } else {
        entry->input = task->input;
    }
}

static void
send_task(struct engine *engine, const struct engine_activity *activity)
{
    struct engine_output *output =
        engine_output_add(engine, ENGINE_OUTPUT_TASK);

    output->queue = engine_step_str(engine, activity->queue);
    output->type = engine_step_str(engine, activity->type);
    output->activity_id = activity->id;
    output->attempt = activity->attempt;
    output->input = json_incref(activity->input);
    output->start_to_close_ms = activity->start_to_close_ms;
    output->heartbeat_ms = activity->heartbeat_ms;
    output->schedule_to_close_at = activity->schedule_to_close_at > 0
                                       ? activity->schedule_to_close_at
                                       : ODK_TIME_NEVER;
    output->wants_started = engine_activity_wants_started(activity);
}

static uint64_t
next_seq(const struct engine *engine)
{
    return engine->step.seq_next + engine->step.n_outputs;
}

void
engine_schedule(struct engine *engine, const struct engine_task *task)
{
    const struct engine_activity *activity =
        engine_activity_find(engine, task->activity);
    struct engine_entry entry =
        engine_entry_of(engine_families[task->family].scheduled, task->frame);

    odk_assert(!activity || !engine_activity_is_open(activity));
    fill_spec(&entry, task);
    entry.seq = next_seq(engine);
    entry.entry =
        task->family == ENGINE_FAMILY_COMPENSATION ? task->activity : 0;
    if (activity) {
        entry.schedule_to_close_at = activity->schedule_to_close_at;
    } else if (task->schedule_to_close_ms > 0) {
        entry.schedule_to_close_at =
            odk_time_add(engine_now(engine), task->schedule_to_close_ms);
    }
    engine_emit(engine, &entry);
    send_task(engine, engine_activity_find(engine, task->activity));
}

void
engine_cancel_task(struct engine *engine, int64_t id, struct odk_str reason)
{
    const struct engine_activity *activity = engine_activity_find(engine, id);

    if (!activity || !engine_activity_is_open(activity)) {
        return;
    }
    for (int32_t i = 0; i < activity->n_tokens; i++) {
        if (activity->tokens[i].attempt != activity->attempt) {
            continue;
        }
        struct engine_output *output =
            engine_output_add(engine, ENGINE_OUTPUT_CANCEL_TASK);
        output->queue = engine_step_str(engine, activity->queue);
        output->type = engine_step_str(engine, activity->type);
        output->activity_id = activity->id;
        output->attempt = activity->attempt;
        output->token_seq = activity->tokens[i].seq;
        output->reason = engine_step_str(engine, reason);
    }
}

bool
engine_has_open_task(const struct engine *engine, int64_t id)
{
    const struct engine_activity *activity = engine_activity_find(engine, id);

    return activity && engine_activity_is_open(activity);
}

bool
engine_knows_activity(const struct engine *engine, int64_t id)
{
    return engine_activity_find(engine, id) != NULL;
}

odk_time_ms
engine_closes_at(const struct engine *engine, int64_t id)
{
    const struct engine_activity *activity = engine_activity_find(engine, id);

    return activity && activity->schedule_to_close_at > 0
               ? activity->schedule_to_close_at
               : ODK_TIME_NEVER;
}

/* An entry about an activity's attempt; strings are copied to the step, for
 * the activity may end while the decider still looks at them. */
static struct engine_entry
entry_about(struct engine *engine, const struct engine_activity *activity,
            enum engine_entry_type type)
{
    struct engine_entry entry = engine_entry_of(type, activity->frame);

    entry.activity = activity->id;
    entry.attempt = activity->attempt;
    entry.entry = activity->entry;
    entry.prev = activity->family == ENGINE_FAMILY_COMPENSATION
                     ? engine->undo_prev
                     : activity->prev;
    entry.resource = engine_step_str(engine, activity->resource);
    entry.resource_type = engine_step_str(engine, activity->resource_type);
    return entry;
}

static void
start(struct engine *engine, const struct engine_activity *activity,
      struct odk_str worker)
{
    struct engine_entry entry = entry_about(
        engine, activity, engine_families[activity->family].started);

    entry.worker = worker.len > 0 ? worker : odk_str(NULL);
    engine_emit(engine, &entry);
}

/* Hands the end of an attempt to who waits for it: the registry or the line. */
static void
finish(struct engine *engine, int64_t entry, const struct engine_result *result)
{
    if (entry != 0) {
        engine_undo_done(engine, entry, result);
    } else {
        engine->decider->task_done(engine->lines, engine, result);
    }
}

static void
succeed(struct engine *engine, const struct engine_activity *activity,
        json_t *output)
{
    struct engine_entry entry = entry_about(
        engine, activity, engine_families[activity->family].succeeded);
    struct engine_result result = {
        .kind = ENGINE_RESULT_SUCCEEDED,
        .frame = activity->frame,
        .activity = activity->id,
        .attempt = activity->attempt,
        .output = output,
    };
    bool is_undo = activity->family == ENGINE_FAMILY_COMPENSATION;

    if (is_undo) {
        finish(engine, activity->entry, &result);
        return;
    }
    entry.output = output;
    engine_emit(engine, &entry);
    finish(engine, 0, &result);
}

static void
fail(struct engine *engine, const struct engine_activity *activity,
     enum engine_result_kind kind, const struct engine_input *why)
{
    struct engine_entry entry =
        entry_about(engine, activity,
                    kind == ENGINE_RESULT_TIMED_OUT
                        ? engine_families[activity->family].timed_out
                        : engine_families[activity->family].failed);
    struct engine_result result = {
        .kind = kind,
        .frame = activity->frame,
        .activity = activity->id,
        .attempt = activity->attempt,
        .error = why->error,
        .cause = why->cause,
    };

    if (activity->family == ENGINE_FAMILY_COMPENSATION) {
        finish(engine, activity->entry, &result);
        return;
    }
    entry.error = why->error;
    entry.cause = why->cause;
    entry.effect = why->effect == ENGINE_EFFECT_UNKNOWN ? ODK_STR("UNKNOWN")
                                                        : odk_str(NULL);
    engine_emit(engine, &entry);
    finish(engine, 0, &result);
}

static bool
is_awaited(const struct engine_activity *activity,
           const struct engine_input *input)
{
    if (!activity || !engine_activity_is_open(activity) ||
        activity->attempt != input->attempt) {
        return false;
    }
    return engine_token_known(activity->tokens, activity->n_tokens,
                              input->attempt, input->token_seq);
}

/* A result over the quota is the language's error in that one state. */
static void
refuse_result(struct engine *engine, const struct engine_activity *activity)
{
    struct odk_buf text;
    struct odk_str who = activity->resource_type.len > 0
                             ? activity->resource_type
                             : activity->resource;

    odk_buf_init(&text, 0);
    odk_buf_printf(&text,
                   "The state/task '%.*s' returned a result with a size "
                   "exceeding the maximum number of bytes service limit.",
                   ODK_STR_ARG(who));
    struct engine_input why = {.error = ODK_STR("States.DataLimitExceeded"),
                               .cause = odk_buf_str(&text),
                               .effect = ENGINE_EFFECT_UNKNOWN};
    fail(engine, activity, ENGINE_RESULT_FAILED, &why);
    odk_buf_release(&text);
}

static void
take_end(struct engine *engine, const struct engine_activity *activity,
         const struct engine_input *input)
{
    if (activity->started_at == 0) {
        start(engine, activity, input->worker);
        activity = engine_activity_find(engine, input->activity_id);
    }
    if (input->kind == ENGINE_INPUT_TASK_FAILED) {
        struct engine_input why = *input;
        if (why.error.len == 0) {
            why.error = ODK_STR("States.TaskFailed");
        }
        fail(engine, activity, ENGINE_RESULT_FAILED, &why);
        return;
    }
    json_t *output = input->payload ? input->payload : json_null();
    if (activity->family != ENGINE_FAMILY_CHORE &&
        engine_texts_size(&engine->texts, output) >
            (size_t)engine_limits_of(engine)->payload_bytes) {
        refuse_result(engine, activity);
        return;
    }
    succeed(engine, activity, output);
}

void
engine_take_result(struct engine *engine, const struct engine_input *input)
{
    const struct engine_activity *activity =
        engine_activity_find(engine, input->activity_id);

    if (!is_awaited(activity, input)) {
        (void)engine_take_late(engine, input);
        return;
    }
    if (input->kind == ENGINE_INPUT_TASK_STARTED) {
        if (activity->started_at == 0) {
            start(engine, activity, input->worker);
        }
        return;
    }
    if (input->kind == ENGINE_INPUT_TASK_HEARTBEAT) {
        struct engine_entry entry =
            engine_entry_of(ENGINE_EV_FACT_HEARTBEAT, 0);
        entry.activity = activity->id;
        entry.attempt = activity->attempt;
        entry.value = input->payload;
        engine_emit(engine, &entry);
        return;
    }
    take_end(engine, activity, input);
}

static void
time_out(struct engine *engine, const struct engine_activity *activity,
         struct odk_str error)
{
    struct engine_input why = {.error = error};

    engine_cancel_task(engine, activity->id, error);
    fail(engine, activity, ENGINE_RESULT_TIMED_OUT, &why);
}

static void
republish(struct engine *engine, const struct engine_activity *activity)
{
    struct engine_entry entry = engine_entry_of(ENGINE_EV_FACT_REPUBLISH, 0);

    entry.activity = activity->id;
    entry.attempt = activity->attempt;
    entry.seq = next_seq(engine);
    engine_emit(engine, &entry);
    send_task(engine, engine_activity_find(engine, entry.activity));
}

void
engine_take_activity_timer(struct engine *engine, int64_t id)
{
    const struct engine_activity *activity = engine_activity_find(engine, id);
    odk_time_ms now = engine_now(engine);

    odk_assert(activity && engine_activity_is_open(activity));
    bool is_closed = activity->schedule_to_close_at > 0 &&
                     activity->schedule_to_close_at <= now;
    if (is_closed || engine_close_due(activity) <= now ||
        engine_start_due(activity) <= now) {
        time_out(engine, activity, ODK_STR("States.Timeout"));
    } else if (engine_heartbeat_due(activity) <= now) {
        time_out(engine, activity, ODK_STR("States.HeartbeatTimeout"));
    } else if (engine_republish_due(engine, activity) <= now) {
        republish(engine, activity);
    } else {
        struct engine_entry entry = engine_entry_of(ENGINE_EV_FACT_REARM, 0);
        entry.activity = id;
        entry.timer = activity->timer;
        engine_emit(engine, &entry);
    }
}
