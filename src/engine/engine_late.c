/*
 * Unknown outcomes of what can be undone: how they are noted, settled and
 * answered late (saga.md, "The unknown outcome").
 */

#include "engine/engine_priv.h"

void
engine_note_unknown(struct engine *engine, struct engine_entry *entry)
{
    const struct engine_activity *activity =
        engine_activity_find(engine, entry->activity);

    odk_assert(entry->type == ENGINE_EV_FACT_UNKNOWN);
    if (!activity || engine->is_past_pivot) {
        return;
    }
    if (activity->late) {
        json_t *output = json_incref(activity->late);
        struct engine_late late = {
            .state = entry->state,
            .frame = entry->frame,
            .activity = entry->activity,
            .input = entry->input,
            .output = output,
        };
        engine->decider->register_late(engine->lines, engine, &late);
        json_decref(output);
        return;
    }
    bool is_open = engine_activity_is_open(activity);
    if (!is_open && activity->n_unknown == 0) {
        return; /* every attempt failed for certain */
    }
    entry->count =
        activity->n_unknown - (!is_open && activity->is_last_unknown ? 1 : 0);
    engine_emit(engine, entry);
}

void
engine_abandon(struct engine *engine)
{
    if (engine->machine->has_compensation && !engine->is_past_pivot) {
        engine->decider->abandon(engine->lines, engine);
    }
}

/* OnUnknown COMPENSATE: under a new entry, with the arguments of the state's
 * input; the old one stays for a late answer. */
static void
compensate_unknown(struct engine *engine, const struct engine_undo_entry *undo)
{
    struct engine_entry entry =
        engine_undo_about(engine, ENGINE_EV_COMPENSATION_REGISTERED, undo);

    entry.activity = undo->activity;
    entry.mode = ODK_STR("UNKNOWN");
    entry.state = engine_undo_state(engine, undo);
    entry.resource = engine_step_str(engine, undo->resource);
    entry.parameters = json_incref(undo->arguments);
    if (!entry.parameters) {
        entry.error = ODK_STR("States.ParameterPathFailure");
        entry.cause = ODK_STR("The arguments of the compensation need the "
                              "result, which is unknown.");
    }
    engine_emit(engine, &entry);
    json_decref(entry.parameters);
}

static void
settle(struct engine *engine, const struct engine_undo_entry *undo)
{
    struct engine_undo how = {.on_unknown = ASL_ON_UNKNOWN_STUCK};
    struct engine_entry entry =
        engine_undo_about(engine, ENGINE_EV_FACT_SETTLED, undo);

    (void)engine->decider->undo(engine->lines, undo->state, &how);
    switch (how.on_unknown) {
    case ASL_ON_UNKNOWN_COMPENSATE:
        if (undo->is_pivot) {
            entry.mode = ODK_STR("COMPENSATE");
            engine_emit(engine, &entry);
        } else {
            compensate_unknown(engine, undo);
        }
        break;
    case ASL_ON_UNKNOWN_IGNORE:
        entry.mode = ODK_STR("IGNORE");
        engine_emit(engine, &entry);
        break;
    case ASL_ON_UNKNOWN_STUCK:
        engine_undo_stuck(
            engine, undo, ODK_STR("Odradek.UnknownOutcome"),
            ODK_STR("Nobody knows whether the activity had its effect."));
        break;
    }
}

void
engine_take_undo_timer(struct engine *engine, int64_t id)
{
    const struct engine_undo_entry *undo = engine_undo_find(engine, id);

    if (undo && undo->status == ENGINE_UNDO_SETTLING) {
        settle(engine, undo);
    }
}

/* Late answers. */

static struct engine_undo_entry *
find_by_token(const struct engine *engine, const struct engine_input *input)
{
    for (size_t i = 0; i < engine->n_undos; i++) {
        struct engine_undo_entry *undo = &engine->undos[i];
        if (undo->activity == input->activity_id &&
            engine_token_known(undo->tokens, undo->n_tokens, input->attempt,
                               input->token_seq)) {
            return undo;
        }
    }
    return NULL;
}

/* An earlier attempt of an activity that is still tried: kept until the line
 * gives it up. */
static void
keep_late(struct engine *engine, const struct engine_input *input)
{
    const struct engine_activity *activity =
        engine_activity_find(engine, input->activity_id);
    struct engine_entry entry = engine_entry_of(ENGINE_EV_FACT_LATE_SUCCESS, 0);

    if (!activity || activity->late || activity->entry != 0 ||
        !engine->machine->has_compensation ||
        input->kind != ENGINE_INPUT_TASK_SUCCEEDED ||
        !engine_token_known(activity->tokens, activity->n_tokens,
                            input->attempt, input->token_seq)) {
        return;
    }
    entry.activity = activity->id;
    entry.attempt = input->attempt;
    entry.value = input->payload ? input->payload : json_null();
    engine_emit(engine, &entry);
}

static void
late_effect(struct engine *engine, const struct engine_undo_entry *undo,
            json_t *output)
{
    struct engine_entry entry =
        engine_undo_about(engine, ENGINE_EV_FACT_LATE, undo);

    entry.value = output;
    engine_emit(engine, &entry);
}

static void
late_success(struct engine *engine, const struct engine_undo_entry *undo,
             json_t *output)
{
    enum engine_undo_status status = undo->status;
    bool was_over =
        status == ENGINE_UNDO_IGNORED || status == ENGINE_UNDO_SKIPPED;

    if (engine->status != ENGINE_RUNNING) {
        late_effect(engine, undo, output);
        return;
    }
    if (undo->is_pivot) {
        if (status == ENGINE_UNDO_DECIDED) {
            late_effect(engine, undo, output);
        }
        engine_pass_pivot(engine);
        return;
    }
    json_t *input = json_incref(undo->input);
    struct engine_late late = {
        .state = engine_undo_state(engine, undo),
        .frame = undo->frame,
        .activity = undo->activity,
        .entry = undo->id,
        .input = input,
        .output = output,
    };
    engine->decider->register_late(engine->lines, engine, &late);
    json_decref(input);
    if (was_over && engine->n_undos > 0) {
        engine_undo_stuck(
            engine, &engine->undos[engine->n_undos - 1],
            ODK_STR("Odradek.LateEffect"),
            ODK_STR("The activity had its effect after it was decided not "
                    "to undo it."));
    }
}

bool
engine_take_late(struct engine *engine, const struct engine_input *input)
{
    const struct engine_undo_entry *undo = find_by_token(engine, input);
    json_t *output = input->payload ? input->payload : json_null();

    if (!undo) {
        keep_late(engine, input);
        return false;
    }
    if (input->kind == ENGINE_INPUT_TASK_SUCCEEDED &&
        undo->status != ENGINE_UNDO_LATE) {
        late_success(engine, undo, output);
        return true;
    }
    bool is_waiting = undo->status == ENGINE_UNDO_UNKNOWN ||
                      undo->status == ENGINE_UNDO_SETTLING;
    if (input->kind == ENGINE_INPUT_TASK_FAILED &&
        input->effect == ENGINE_EFFECT_NONE && is_waiting &&
        !undo->is_doubtful && engine->status == ENGINE_RUNNING) {
        struct engine_entry entry =
            engine_undo_about(engine, ENGINE_EV_FACT_SETTLED, undo);
        entry.mode = ODK_STR("FAILED");
        engine_emit(engine, &entry);
        return true;
    }
    return false;
}
