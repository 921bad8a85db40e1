/*
 * What saga.md adds to states: the registry entry of a success, the note about
 * an unknown outcome, the pivot.
 */

#include "interpreter/interpreter_priv.h"

/* Arguments of a compensation over `seen`; a new reference, or NULL with the
 * work failed. */
static json_t *
undo_arguments(struct interpreter_work *work, json_t *seen)
{
    const struct asl_compensate *undo = work->state->compensate;

    return undo->arguments ? interpreter_eval(work, undo->arguments, seen,
                                              "Compensate/Arguments")
                           : json_incref(seen);
}

/* The state's output before OutputPath: where ResultPath puts the result. */
static json_t *
placed_output(const struct interpreter_work *work, json_t *result)
{
    const struct asl_state *state = work->state;
    json_t *placed = NULL;

    if (state->is_jsonata ||
        (!state->result_path && !state->is_result_discarded)) {
        return json_incref(result ? result : work->input);
    }
    if (state->is_result_discarded ||
        json_path_set(state->result_path, work->input, result, &placed, NULL) !=
            0) {
        return json_incref(work->input);
    }
    return placed;
}

/* Emits the entry for a success with this result. */
static bool
emit_registered(struct interpreter_work *work, json_t *result,
                struct engine_entry *entry)
{
    json_t *selected = json_incref(result);

    work->result = result;
    if (work->state->result_selector) {
        json_decref(selected);
        selected = interpreter_eval(work, work->state->result_selector, result,
                                    "ResultSelector");
    }
    json_t *placed = work->is_failed ? NULL : placed_output(work, selected);
    json_t *arguments = placed ? undo_arguments(work, placed) : NULL;
    entry->state = work->state->name;
    entry->resource = work->state->compensate->resource.text;
    entry->parameters = arguments;
    if (!arguments) {
        entry->error = odk_str(work->error.name);
        entry->cause = odk_buf_str(&work->error.cause);
    }
    engine_register_undo(work->engine, entry);
    bool is_resolved = arguments != NULL;
    json_decref(selected);
    json_decref(placed);
    json_decref(arguments);
    return is_resolved;
}

bool
interpreter_register(struct interpreter_work *work, json_t *result)
{
    const struct asl_state *state = work->state;
    int64_t entered = interpreter_line(work->in, work->frame)->entered_id;
    struct engine_entry entry = interpreter_entry(
        work->in, ENGINE_EV_COMPENSATION_REGISTERED, work->frame);

    if (state->is_pivot) {
        engine_pass_pivot(work->engine);
        return true;
    }
    if (!state->compensate || engine_is_past_pivot(work->engine)) {
        return true;
    }
    if (state->type != ASL_TASK) {
        engine_end_scope(work->engine, work->frame, work->frame,
                         ENGINE_SCOPE_REPLACE, entered);
    }
    entry.activity = entered;
    return emit_registered(work, result, &entry);
}

void
interpreter_note_unknown(struct interpreter *in, struct engine *engine,
                         int32_t frame)
{
    const struct asl_state *state = interpreter_state(in, frame);
    struct engine_entry entry =
        interpreter_entry(in, ENGINE_EV_FACT_UNKNOWN, frame);
    struct interpreter_work work;

    if (!state || state->type != ASL_TASK ||
        (!state->compensate && !state->is_pivot)) {
        return;
    }
    interpreter_work_init(&work, in, engine, frame);
    interpreter_take_input(&work);
    entry.activity = interpreter_line(in, frame)->entered_id;
    entry.state = state->name;
    entry.input = work.input;
    entry.mode = state->is_pivot ? ODK_STR("PIVOT") : odk_str(NULL);
    if (state->compensate) {
        entry.resource = state->compensate->resource.text;
        entry.value =
            work.is_failed ? NULL : undo_arguments(&work, work.effective);
    }
    engine_note_unknown(engine, &entry);
    json_decref(entry.value);
    interpreter_work_release(&work);
}

void
interpreter_abandon(void *data, struct engine *engine)
{
    struct interpreter *in = data;

    for (int32_t i = 0; i < in->n_lines; i++) {
        if (in->lines[i].is_used) {
            interpreter_note_unknown(in, engine, i);
        }
    }
}

/* The line has gone on, or is gone: what its variables were then is lost, so
 * the arguments read those of the nearest line that is left. */
void
interpreter_register_late(void *data, struct engine *engine,
                          const struct engine_late *late)
{
    struct interpreter *in = data;
    int32_t index = asl_state_find(in->machine, late->state);
    bool is_line_left = late->frame >= 0 && late->frame < in->n_lines &&
                        in->lines[late->frame].is_used;
    int32_t frame = is_line_left ? late->frame : 0;
    struct interpreter_work work;
    struct engine_entry entry =
        interpreter_entry(in, ENGINE_EV_COMPENSATION_REGISTERED, frame);

    odk_assert(index >= 0);
    if (in->machine->states[index].is_pivot) {
        engine_pass_pivot(engine);
        return;
    }
    interpreter_work_init(&work, in, engine, frame);
    json_decref(work.input);
    work.input = json_incref(late->input);
    work.state = &in->machine->states[index];
    interpreter_take_input(&work);
    entry.frame = late->frame;
    entry.activity = late->activity;
    entry.entry = late->entry;
    entry.mode = ODK_STR("LATE");
    if (!work.is_failed) {
        (void)emit_registered(&work, late->output, &entry);
    }
    interpreter_work_release(&work);
}

static odk_dur_ms
milliseconds(double seconds)
{
    return (odk_dur_ms)(seconds * 1000);
}

bool
interpreter_undo(const void *data, struct odk_str name, struct engine_undo *out)
{
    const struct interpreter *in = data;
    int32_t index = asl_state_find(in->machine, name);

    if (index < 0) {
        return false;
    }
    const struct asl_state *state = &in->machine->states[index];
    const struct asl_compensate *undo = state->compensate;
    *out = (struct engine_undo){
        .state = state->name,
        .settle_ms = milliseconds(undo ? undo->settle_seconds
                                       : state->pivot_settle_seconds),
        .on_unknown = undo ? undo->on_unknown : state->pivot_on_unknown,
    };
    if (undo) {
        out->resource = undo->resource.text;
        out->queue = undo->resource.queue;
        out->type = undo->resource.type;
        out->timeout_ms = milliseconds(undo->timeout_seconds);
        out->heartbeat_ms = milliseconds(undo->heartbeat_seconds);
    }
    return undo || state->is_pivot;
}

odk_dur_ms
interpreter_undo_delay(const void *data, struct odk_str name,
                       struct odk_str error, int32_t attempt,
                       struct odk_rand *rand)
{
    const struct interpreter *in = data;
    int32_t index = asl_state_find(in->machine, name);
    const struct asl_compensate *undo =
        index < 0 ? NULL : in->machine->states[index].compensate;

    for (size_t i = 0; undo && i < undo->n_retriers; i++) {
        const struct asl_retrier *retrier = &undo->retriers[i];
        if (asl_error_matches(retrier->errors, retrier->n_errors, error)) {
            return attempt <= retrier->max_attempts
                       ? asl_retry_delay(retrier, attempt, rand)
                       : -1;
        }
    }
    return -1;
}
