/*
 * Choice, Wait and Task.
 */

#include "interpreter/interpreter_priv.h"

static void
no_choice(struct interpreter_work *work)
{
    odk_buf_printf(interpreter_blame(work, "States.NoChoiceMatched"),
                   "Failed to transition out of the state. The state "
                   "does not point to a next state.");
}

void
interpreter_do_choice(struct interpreter_work *work)
{
    const struct asl_state *state = work->state;
    struct asl_env env;
    int32_t rule = -1;

    interpreter_env(work, work->effective, &env);
    if (asl_choose(state, &env, &rule, &work->error) != 0) {
        work->is_failed = true;
        work->location = "Choices";
        return;
    }
    int32_t next = rule < 0 ? state->default_next : state->rules[rule].next;
    const struct asl_value *assign =
        rule < 0 ? state->assign : state->rules[rule].assign;
    const struct asl_value *output = rule >= 0 && state->rules[rule].output
                                         ? state->rules[rule].output
                                         : state->output;
    if (next < 0) {
        no_choice(work);
        return;
    }
    json_t *assigned =
        assign ? interpreter_eval(work, assign, work->effective, "Assign")
               : NULL;
    json_t *out = NULL;
    if (work->is_failed) {
        return;
    }
    if (output) {
        out = interpreter_eval(work, output, work->input, "Output");
    } else if (state->is_output_discarded) {
        out = json_object();
    } else if (state->output_value) {
        out = interpreter_eval(work, state->output_value, work->effective,
                               "OutputPath");
    } else {
        out = json_incref(work->effective);
    }
    if (out && interpreter_may_leave(work, out, assigned)) {
        interpreter_leave(work, out, assigned, next);
    }
    json_decref(out);
    json_decref(assigned);
}

/* The point in time until which a Wait lasts. */

static void
bad_seconds(struct interpreter_work *work, const char *what, json_t *value)
{
    const struct asl_value *field = work->state->wait_seconds;
    struct odk_buf text;

    odk_buf_init(&text, 0);
    engine_texts_put(NULL, value, &text);
    odk_buf_printf(interpreter_blame(work, work->state->is_jsonata
                                               ? "States.QueryEvaluationError"
                                               : "States.Runtime"),
                   "The %.*s parameter %s: %.*s == %.*s",
                   ODK_STR_ARG(asl_value_field(field)), what,
                   ODK_STR_ARG(asl_value_text(field)),
                   ODK_STR_ARG(odk_buf_str(&text)));
    odk_buf_release(&text);
}

static odk_time_ms
until_seconds(struct interpreter_work *work)
{
    int64_t seconds = 0;
    json_t *value = interpreter_eval(work, work->state->wait_seconds,
                                     work->effective, "Seconds");

    if (!value) {
        return 0;
    }
    if (!json_to_i64(value, &seconds)) {
        bad_seconds(work, "cannot be parsed as a long value", value);
    } else if (seconds < 0) {
        bad_seconds(work, "references a negative value", value);
    } else if (seconds > INTERPRETER_WAIT_SECONDS_MAX) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "Wait state delay is too long.");
    }
    json_decref(value);
    return work->is_failed
               ? 0
               : odk_time_add(engine_now(work->engine), seconds * 1000);
}

static odk_time_ms
until_timestamp(struct interpreter_work *work)
{
    odk_time_ms at = 0;
    json_t *value = interpreter_eval(work, work->state->wait_timestamp,
                                     work->effective, "Timestamp");

    if (!value) {
        return 0;
    }
    struct odk_str text = json_str(value);
    if (!text.ptr || !odk_time_parse(text, &at)) {
        work->location = "Timestamp";
        odk_buf_printf(
            interpreter_blame(work, work->state->is_jsonata
                                        ? "States.QueryEvaluationError"
                                        : "States.Runtime"),
            "The Timestamp field cannot be parsed as an ISO-8601 extended "
            "offset date-time format string: %.*s",
            ODK_STR_ARG(text.ptr ? text : ODK_STR("")));
    } else if (at - engine_now(work->engine) >
               INTERPRETER_WAIT_SECONDS_MAX * 1000) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "Wait state delay is too long.");
    }
    json_decref(value);
    return at;
}

void
interpreter_do_wait(struct interpreter_work *work)
{
    struct engine_entry entry =
        interpreter_entry(work->in, ENGINE_EV_FACT_WAIT, work->frame);

    entry.due =
        work->state->wait_seconds ? until_seconds(work) : until_timestamp(work);
    if (work->is_failed) {
        return;
    }
    if (entry.due <= engine_now(work->engine)) {
        interpreter_finish(work, work->effective);
        return;
    }
    engine_emit(work->engine, &entry);
}

/* Tasks. */

static json_t *
credentials_of(struct interpreter_work *work)
{
    if (!work->state->credentials) {
        return NULL;
    }
    json_t *value = interpreter_eval(work, work->state->credentials,
                                     work->effective, "Credentials");
    json_t *role = json_get(value, "RoleArn");
    if (!role) {
        return value;
    }
    json_t *out = json_object();
    json_set(out, ODK_STR("roleArn"), json_incref(role));
    json_decref(value);
    return out;
}

static enum engine_family
family_of(const struct asl_resource *resource)
{
    return resource->kind == ASL_RESOURCE_ACTIVITY ? ENGINE_FAMILY_ACTIVITY
           : resource->kind == ASL_RESOURCE_LAMBDA ? ENGINE_FAMILY_LAMBDA
                                                   : ENGINE_FAMILY_TASK;
}

static void
schedule(struct interpreter_work *work, json_t *input, json_t *credentials)
{
    const struct asl_state *state = work->state;
    const struct interpreter_line *line =
        interpreter_line(work->in, work->frame);
    enum engine_family family = family_of(&state->resource);
    struct engine_task task = {
        .frame = work->frame,
        .activity = line->entered_id,
        .attempt = line->tries_total + 1,
        .prev = line->prev,
        .family = family,
        .queue = state->resource.queue,
        .type = state->resource.type,
        .resource = family == ENGINE_FAMILY_TASK ? state->resource.resource
                                                 : state->resource.text,
        .resource_type = family == ENGINE_FAMILY_TASK
                             ? state->resource.resource_type
                             : odk_str(NULL),
        .input = input,
        .credentials = credentials,
        .schedule_to_start_ms =
            (odk_dur_ms)(state->schedule_to_start_seconds * 1000),
        .schedule_to_close_ms =
            (odk_dur_ms)(state->schedule_to_close_seconds * 1000),
    };

    task.start_to_close_ms =
        interpreter_eval_int(work, state->timeout, 0, "TimeoutSeconds") * 1000;
    task.heartbeat_ms =
        interpreter_eval_int(work, state->heartbeat, 0, "HeartbeatSeconds") *
        1000;
    if (!work->is_failed && !interpreter_stand_in(work)) {
        engine_schedule(work->engine, &task);
    }
}

/* A signal came: TaskSucceeded with its payload. */
static void
take_signal(struct interpreter *in, struct engine *engine, int32_t frame)
{
    struct interpreter_work work;
    size_t index = 0;
    json_t *payload = NULL;
    struct engine_entry taken =
        interpreter_entry(in, ENGINE_EV_FACT_SIGNAL_TAKEN, frame);
    struct engine_entry done =
        interpreter_entry(in, ENGINE_EV_TASK_SUCCEEDED, frame);

    if (!engine_signal_find(engine, interpreter_line(in, frame)->signal, &index,
                            &payload)) {
        return;
    }
    json_incref(payload);
    taken.index = (int64_t)index;
    engine_emit(engine, &taken);
    done.resource = ODK_STR("wait-signal");
    done.resource_type = ODK_STR("odradek");
    done.output = payload;
    engine_emit(engine, &done);
    interpreter_work_init(&work, in, engine, frame);
    interpreter_take_input(&work);
    if (!work.is_failed) {
        interpreter_finish(&work, payload);
    }
    if (work.is_failed) {
        interpreter_work_error(&work);
    }
    interpreter_work_release(&work);
    json_decref(payload);
}

static void
wait_signal(struct interpreter_work *work, json_t *input)
{
    struct engine_entry scheduled =
        interpreter_entry(work->in, ENGINE_EV_TASK_SCHEDULED, work->frame);
    struct engine_entry wait =
        interpreter_entry(work->in, ENGINE_EV_FACT_WAIT, work->frame);
    int64_t timeout =
        interpreter_eval_int(work, work->state->timeout, 0, "TimeoutSeconds");

    wait.name = json_str(json_get(input, "Name"));
    if (!work->is_failed && wait.name.len == 0) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "A wait for a signal needs the Name of the "
                       "signal in its Parameters.");
    }
    if (work->is_failed || interpreter_stand_in(work)) {
        return;
    }
    scheduled.parameters = input;
    scheduled.resource = ODK_STR("wait-signal");
    scheduled.resource_type = ODK_STR("odradek");
    scheduled.timeout_seconds = timeout;
    engine_emit(work->engine, &scheduled);
    if (timeout > 0) {
        wait.due = odk_time_add(engine_now(work->engine), timeout * 1000);
    }
    engine_emit(work->engine, &wait);
    take_signal(work->in, work->engine, work->frame);
}

/* The first line that waits for a signal of the name, or -1. */
static int32_t
waiting_line(const struct interpreter *in, struct odk_str name)
{
    for (int32_t i = 0; i < in->n_lines; i++) {
        const struct interpreter_line *line = &in->lines[i];

        if (line->is_used && line->phase == INTERPRETER_SIGNAL &&
            odk_str_eq(line->signal, name)) {
            return i;
        }
    }
    return -1;
}

bool
interpreter_awaits(const void *state, struct odk_str name)
{
    return waiting_line(state, name) >= 0;
}

void
interpreter_signal(void *state, struct engine *engine, struct odk_str name)
{
    struct interpreter *in = state;
    int32_t frame = waiting_line(in, name);

    if (frame >= 0) {
        take_signal(in, engine, frame);
    }
}

void
interpreter_do_task(struct interpreter_work *work)
{
    const struct asl_state *state = work->state;
    json_t *credentials = NULL;
    json_t *input = NULL;

    if (state->compensate && !engine_may_register(work->engine)) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "The execution has registered its limit of "
                       "compensations.");
        return;
    }
    input = interpreter_arguments(work);
    if (!work->is_failed && interpreter_fits(work, input)) {
        credentials = credentials_of(work);
    }
    if (!work->is_failed) {
        if (state->resource.kind == ASL_RESOURCE_WAIT_SIGNAL) {
            wait_signal(work, input);
        } else {
            schedule(work, input, credentials);
        }
    }
    json_decref(input);
    json_decref(credentials);
}
