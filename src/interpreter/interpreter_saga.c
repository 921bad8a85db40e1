/*
 * What saga.md adds to states: the registry entry of a success, the note about
 * an unknown outcome, the pivot.
 */

#include "interpreter/interpreter_priv.h"

static bool
evaluate_arguments(struct interpreter_work *work, json_t *output,
                   json_t **arguments)
{
    const struct asl_compensate *undo = work->state->compensate;

    if (!undo->arguments) {
        *arguments = json_incref(output);
        return true;
    }
    *arguments = interpreter_eval(work, undo->arguments, output, "Compensate");
    return *arguments != NULL;
}

/* The state's output before OutputPath: where ResultPath put the result. */
static json_t *
placed_output(struct interpreter_work *work, json_t *result)
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

bool
interpreter_register(struct interpreter_work *work, json_t *result,
                     json_t *output)
{
    const struct asl_state *state = work->state;
    bool is_nest = state->type == ASL_PARALLEL || state->type == ASL_MAP;
    struct engine_entry entry = interpreter_entry(
        work->in, ENGINE_EV_COMPENSATION_REGISTERED, work->frame);

    (void)output;
    if (state->is_pivot) {
        engine_pass_pivot(work->engine, work->frame);
        return true;
    }
    if (!state->compensate) {
        return true;
    }
    if (is_nest) {
        engine_end_scope(work->engine, work->frame, work->frame,
                         ENGINE_SCOPE_REPLACE);
    }
    json_t *placed = placed_output(work, result);
    json_t *arguments = NULL;
    bool is_resolved = evaluate_arguments(work, placed, &arguments);
    entry.activity = interpreter_line(work->in, work->frame)->entered_id;
    entry.state = state->name;
    entry.resource = state->compensate->resource.text;
    entry.parameters = arguments;
    if (!is_resolved) {
        entry.error = odk_str(work->error.name);
        entry.cause = odk_buf_str(&work->error.cause);
    }
    (void)engine_register_undo(work->engine, &entry);
    json_decref(placed);
    json_decref(arguments);
    return is_resolved;
}

void
interpreter_note_unknown(struct interpreter_work *work, int64_t activity)
{
    const struct asl_state *state = work->state;

    (void)activity;
    if (!state->compensate && !state->is_pivot) {
        return;
    }
}

int
interpreter_late_arguments(void *data, struct engine *engine,
                           struct odk_str name, json_t *output, json_t *input,
                           json_t **arguments, struct asl_error *error)
{
    (void)data;
    (void)engine;
    (void)name;
    (void)output;
    (void)input;
    (void)error;
    *arguments = NULL;
    return ODK_EINVAL;
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
            return attempt < retrier->max_attempts
                       ? asl_retry_delay(retrier, attempt, rand)
                       : -1;
        }
    }
    return -1;
}
