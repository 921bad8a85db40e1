/*
 * How data flows through a state: InputPath, Parameters, ResultSelector,
 * ResultPath, OutputPath; Arguments, Output; Assign; the context object and the
 * variables that expressions see.
 */

#include <stdio.h>

#include "interpreter/interpreter_priv.h"

void
interpreter_work_init(struct interpreter_work *work, struct interpreter *in,
                      struct engine *engine, int32_t frame)
{
    *work = (struct interpreter_work){
        .in = in,
        .engine = engine,
        .frame = frame,
        .state = interpreter_state(in, frame),
        .input = json_incref(interpreter_line(in, frame)->input),
    };
}

void
interpreter_work_release(struct interpreter_work *work)
{
    json_decref(work->input);
    json_decref(work->effective);
    json_decref(work->context);
    odk_buf_release(&work->error.cause);
}

struct odk_buf *
interpreter_fail(struct interpreter_work *work, const char *name)
{
    work->is_failed = true;
    odk_buf_clear(&work->error.cause);
    (void)snprintf(work->error.name, sizeof(work->error.name), "%s", name);
    return &work->error.cause;
}

struct odk_buf *
interpreter_blame(struct interpreter_work *work, const char *name)
{
    struct odk_buf *cause = interpreter_fail(work, name);

    odk_buf_printf(
        cause,
        "An error occurred while executing the state '%.*s' (entered at the "
        "event id #%lld). ",
        ODK_STR_ARG(work->state->name),
        (long long)interpreter_line(work->in, work->frame)->entered_id);
    return cause;
}

/* Variables. An inner scope reads the outer ones; a distributed Map's children
 * are workflows of their own and see none. */

static int32_t
outer_line(const struct interpreter *in, int32_t frame)
{
    int32_t parent = interpreter_line(in, frame)->parent;

    if (parent < 0) {
        return -1;
    }
    const struct asl_state *state = interpreter_state(in, parent);
    return state && state->is_distributed ? -1 : parent;
}

json_t *
interpreter_variable(const struct interpreter *in, int32_t frame,
                     struct odk_str name)
{
    for (int32_t at = frame; at >= 0; at = outer_line(in, at)) {
        json_t *found = json_get_str(interpreter_line(in, at)->vars, name);
        if (found) {
            return found;
        }
    }
    return NULL;
}

static json_t *
variable_of(void *ctx, struct odk_str name)
{
    const struct interpreter_work *work = ctx;
    const struct engine_probe *probe = engine_probe_of(work->engine);
    json_t *found = interpreter_variable(work->in, work->frame, name);

    return found || !probe ? found : json_get_str(probe->variables, name);
}

static json_t *
variables_of(void *ctx)
{
    const struct interpreter_work *work = ctx;
    const struct engine_probe *probe = engine_probe_of(work->engine);
    json_t *all = json_object();

    for (int32_t at = work->frame; at >= 0; at = outer_line(work->in, at)) {
        json_t *vars = interpreter_line(work->in, at)->vars;
        if (vars) {
            (void)json_object_update_missing(all, vars);
        }
    }
    if (probe && probe->variables) {
        (void)json_object_update_missing(all, probe->variables);
    }
    return all;
}

/* The context object. */

static json_t *
time_text(odk_time_ms at)
{
    char text[ODK_TIME_TEXT_MAX];

    odk_time_format(at, text);
    return json_string(text);
}

static json_t *
context_execution(struct engine *engine)
{
    const struct engine_identity *identity = engine_identity(engine);
    json_t *execution = json_object();
    char run_id[ODK_UUID_TEXT_LEN + 1];
    struct odk_buf id;

    odk_buf_init(&id, 0);
    odk_uuid_format(&identity->run_id, run_id);
    odk_buf_put_str(&id, identity->namespace_);
    odk_buf_put_char(&id, '/');
    odk_buf_put_str(&id, identity->workflow_id);
    odk_buf_put_char(&id, '/');
    odk_buf_put_cstr(&id, run_id);
    json_set(execution, ODK_STR("Id"), json_str_new(odk_buf_str(&id)));
    odk_buf_release(&id);
    json_set(execution, ODK_STR("Input"), json_incref(engine_input_of(engine)));
    json_set(execution, ODK_STR("Name"), json_str_new(identity->workflow_id));
    json_set(execution, ODK_STR("RoleArn"), json_string(""));
    json_set(execution, ODK_STR("StartTime"),
             time_text(engine_started_at(engine)));
    json_set(execution, ODK_STR("RedriveCount"), json_integer(0));
    return execution;
}

static json_t *
context_machine(struct engine *engine)
{
    const struct engine_identity *identity = engine_identity(engine);
    json_t *machine = json_object();

    json_set(machine, ODK_STR("Id"), json_str_new(identity->definition));
    json_set(machine, ODK_STR("Name"), json_str_new(identity->definition));
    return machine;
}

static json_t *
context_state(const struct interpreter_line *line,
              const struct asl_state *state)
{
    json_t *object = json_object();

    json_set(object, ODK_STR("EnteredTime"), time_text(line->entered_at));
    json_set(object, ODK_STR("Name"), json_str_new(state->name));
    if (state->type == ASL_TASK || state->type == ASL_PARALLEL ||
        state->type == ASL_MAP) {
        json_set(object, ODK_STR("RetryCount"),
                 json_integer(line->tries_total));
    }
    return object;
}

/* An item of a Map: arrays by index, objects by their keys' order. */
static void
put_item(json_t *item, json_t *items, int64_t index)
{
    if (json_is_array(items)) {
        json_set(item, ODK_STR("Value"),
                 json_incref(json_array_get(items, (size_t)index)));
        return;
    }
    void *at = json_object_iter(items);
    for (int64_t i = 0; at && i < index; i++) {
        at = json_object_iter_next(items, at);
    }
    if (at) {
        json_set(item, ODK_STR("Key"),
                 json_str_new(odk_str_n(json_object_iter_key(at),
                                        json_object_iter_key_len(at))));
        json_set(item, ODK_STR("Value"),
                 json_incref(json_object_iter_value(at)));
    }
}

json_t *
interpreter_item(const struct interpreter_line *line, int64_t at, int64_t index)
{
    json_t *source = json_get(line->plan, "source");
    json_t *map = json_object();
    json_t *item = json_object();

    json_set(item, ODK_STR("Index"), json_integer(index));
    put_item(item, line->items, at);
    json_set(item, ODK_STR("Source"),
             source ? json_incref(source) : json_string("STATE_DATA"));
    json_set(map, ODK_STR("Item"), item);
    return map;
}

/* The innermost iteration that a line is part of; children of a distributed
 * Map are workflows of their own and see none. */
static json_t *
context_map(const struct interpreter *in, int32_t frame)
{
    for (int32_t at = frame; at >= 0; at = interpreter_line(in, at)->parent) {
        const struct interpreter_line *line = interpreter_line(in, at);
        const struct asl_state *state =
            line->parent < 0 ? NULL : interpreter_state(in, line->parent);
        if (!state || state->type != ASL_MAP) {
            continue;
        }
        return state->is_distributed
                   ? NULL
                   : interpreter_item(interpreter_line(in, line->parent),
                                      line->index, line->index);
    }
    return NULL;
}

static json_t *
context_task(struct engine *engine, const struct interpreter_line *line)
{
    char run_id[ODK_UUID_TEXT_LEN + 1];
    char token[128];
    json_t *task = json_object();

    odk_uuid_format(&engine_identity(engine)->run_id, run_id);
    (void)snprintf(token, sizeof(token), "%s:%lld:%d", run_id,
                   (long long)line->entered_id, line->tries_total + 1);
    json_set(task, ODK_STR("Token"), json_string(token));
    return task;
}

json_t *
interpreter_context(const struct interpreter *in, struct engine *engine,
                    int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *state = interpreter_state(in, frame);
    const struct engine_probe *probe = engine_probe_of(engine);

    if (probe && probe->context) {
        return json_incref(probe->context);
    }
    json_t *context = json_object();
    json_t *map = context_map(in, frame);

    json_set(context, ODK_STR("Execution"), context_execution(engine));
    json_set(context, ODK_STR("StateMachine"), context_machine(engine));
    if (state) {
        json_set(context, ODK_STR("State"), context_state(line, state));
        if (state->type == ASL_TASK &&
            state->resource.pattern == ASL_PATTERN_WAIT_FOR_TASK_TOKEN) {
            json_set(context, ODK_STR("Task"), context_task(engine, line));
        }
    }
    if (map) {
        json_set(context, ODK_STR("Map"), map);
    }
    if (engine_context_of(engine)) {
        (void)json_object_update(context, engine_context_of(engine));
    }
    return context;
}

void
interpreter_env(struct interpreter_work *work, json_t *input,
                struct asl_env *env)
{
    const struct interpreter_line *line =
        interpreter_line(work->in, work->frame);

    if (!work->context) {
        work->context =
            interpreter_context(work->in, work->engine, work->frame);
    }
    *env = (struct asl_env){
        .input = input,
        .states_input = work->input,
        .result = work->result,
        .error_output = work->failure,
        .context = work->context,
        .variable = variable_of,
        .variables = variables_of,
        .variable_ctx = work,
        .rand = engine_rand(work->engine),
        .now = engine_now(work->engine),
        .state_name = work->state ? work->state->name : odk_str(NULL),
        .entered_event_id = line->entered_id,
    };
}

json_t *
interpreter_eval(struct interpreter_work *work, const struct asl_value *value,
                 json_t *input, const char *location)
{
    struct asl_env env;
    json_t *out = NULL;

    odk_assert(!work->is_failed);
    interpreter_env(work, input, &env);
    if (asl_eval(value, &env, &out, &work->error) != 0) {
        work->is_failed = true;
        work->location = location;
        return NULL;
    }
    return out;
}

int64_t
interpreter_eval_int(struct interpreter_work *work,
                     const struct asl_value *value, int64_t otherwise,
                     const char *location)
{
    int64_t number = otherwise;

    if (!value || work->is_failed) {
        return otherwise;
    }
    json_t *out = interpreter_eval(work, value, work->effective, location);
    if (out && !json_to_i64(out, &number) &&
        !(json_is_string(out) && odk_str_to_i64(json_str(out), &number))) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "The %s parameter is not an integer.", location);
    }
    json_decref(out);
    return number;
}

void
interpreter_take_input(struct interpreter_work *work)
{
    const struct asl_state *state = work->state;

    if (state->is_input_discarded) {
        work->effective = json_object();
    } else if (state->input_value) {
        work->effective = interpreter_eval(work, state->input_value,
                                           work->input, "InputPath");
    } else {
        work->effective = json_incref(work->input);
    }
    interpreter_note(work->engine, "afterInputPath", work->effective);
}

json_t *
interpreter_arguments(struct interpreter_work *work)
{
    const struct asl_state *state = work->state;
    json_t *arguments =
        state->arguments
            ? interpreter_eval(work, state->arguments, work->effective,
                               state->is_jsonata ? "Arguments" : "Parameters")
            : json_incref(work->effective);

    interpreter_note(work->engine,
                     state->is_jsonata ? "afterArguments" : "afterParameters",
                     arguments);
    return arguments;
}

/* The output by JSONPath's fields; a new reference. */
static json_t *
output_by_path(struct interpreter_work *work, json_t *result)
{
    const struct asl_state *state = work->state;
    struct odk_err err = {0};
    json_t *placed = NULL;

    if (state->is_result_discarded) {
        placed = json_incref(work->input);
    } else if (!state->result_path) {
        placed = json_incref(result);
    } else if (json_path_set(state->result_path, work->input, result, &placed,
                             &err) != 0) {
        odk_buf_printf(interpreter_blame(work, "States.ResultPathMatchFailure"),
                       "Unable to apply step \"%.*s\" to input: %s",
                       ODK_STR_ARG(json_path_text(state->result_path)),
                       err.message);
        return NULL;
    }
    interpreter_note(work->engine, "afterResultPath", placed);
    if (state->is_output_discarded) {
        json_decref(placed);
        return json_object();
    }
    if (!state->output_value) {
        return placed;
    }
    json_t *output =
        interpreter_eval(work, state->output_value, placed, "OutputPath");
    json_decref(placed);
    return output;
}

static json_t *
output_by_expression(struct interpreter_work *work, json_t *result)
{
    if (work->state->output) {
        return interpreter_eval(work, work->state->output, work->input,
                                "Output");
    }
    return json_incref(result ? result : work->input);
}

bool
interpreter_fits(struct interpreter_work *work, json_t *value)
{
    const struct engine_limits *limits = engine_limits_of(work->engine);

    if (engine_texts_size(engine_texts_of(work->engine), value) <=
        (size_t)limits->payload_bytes) {
        return true;
    }
    odk_buf_printf(
        interpreter_fail(work, "States.DataLimitExceeded"),
        "The state/task '%.*s' returned a result with a size exceeding the "
        "maximum number of bytes service limit.",
        ODK_STR_ARG(work->state->name));
    return false;
}

/* What the variables of all lines will have with those in assigned, which
 * replace others of their names. */
static size_t
variables_measure(const struct interpreter *in, int32_t frame, json_t *assigned)
{
    const json_t *own = interpreter_line(in, frame)->vars;
    size_t bytes = json_dump_size(assigned);
    const char *name = NULL;
    json_t *value = NULL;

    for (int32_t i = 0; i < in->n_lines; i++) {
        bytes += in->lines[i].vars ? json_dump_size(in->lines[i].vars) : 0;
    }
    json_object_foreach (assigned, name, value) {
        json_t *old = json_get(own, name);
        bytes -= old ? json_dump_size(old) : 0;
    }
    return bytes;
}

/* Whether what a state assigns keeps to the quotas of variables. The sum of
 * what was assigned bounds what is kept, so that the variables of all lines are
 * measured only when that sum says that there may be too much. */
static bool
variables_fit(struct interpreter_work *work, json_t *assigned)
{
    const struct engine_limits *limits = engine_limits_of(work->engine);
    struct interpreter *in = work->in;
    size_t bytes = engine_texts_size(engine_texts_of(work->engine), assigned);
    const char *what = "one state";

    if (bytes <= (size_t)limits->assign_bytes) {
        what = "an execution";
        in->variables_bytes += bytes;
        if (!in->are_variables_measured ||
            in->variables_bytes > (size_t)limits->variables_bytes) {
            in->variables_bytes = variables_measure(in, work->frame, assigned);
            in->are_variables_measured = true;
        }
        if (in->variables_bytes <= (size_t)limits->variables_bytes) {
            return true;
        }
    }
    odk_buf_printf(interpreter_fail(work, "States.DataLimitExceeded"),
                   "The state/task '%.*s' assigns variables with a size "
                   "exceeding the maximum number of bytes of %s.",
                   ODK_STR_ARG(work->state->name), what);
    return false;
}

bool
interpreter_may_leave(struct interpreter_work *work, json_t *output,
                      json_t *assigned)
{
    return interpreter_fits(work, output) &&
           (!assigned || variables_fit(work, assigned));
}

void
interpreter_finish(struct interpreter_work *work, json_t *result)
{
    const struct asl_state *state = work->state;
    json_t *selected = json_incref(result);
    json_t *output = NULL;
    json_t *assigned = NULL;

    work->result = result;
    interpreter_note(work->engine, "result", result);
    if (state->result_selector) {
        json_decref(selected);
        selected = interpreter_eval(work, state->result_selector, result,
                                    "ResultSelector");
    }
    interpreter_note(work->engine, "afterResultSelector", selected);
    if (!work->is_failed && state->assign) {
        assigned =
            interpreter_eval(work, state->assign,
                             selected ? selected : work->effective, "Assign");
    }
    if (!work->is_failed) {
        output = state->is_jsonata ? output_by_expression(work, selected)
                                   : output_by_path(work, selected);
    }
    if (output && interpreter_may_leave(work, output, assigned) &&
        interpreter_register(work, result)) {
        interpreter_leave(work, output, assigned, state->next);
    }
    work->result = NULL;
    json_decref(selected);
    json_decref(output);
    json_decref(assigned);
}

void
interpreter_enter(struct interpreter *in, struct engine *engine, int32_t frame,
                  int32_t state, json_t *input)
{
    const struct asl_state *next = &in->machine->states[state];
    struct engine_entry entry =
        interpreter_entry(in, interpreter_events[next->type].entered, frame);

    if (engine_loop_count(engine) >= engine_limits_of(engine)->loop_states) {
        char cause[128];
        (void)snprintf(cause, sizeof(cause),
                       "The execution entered %lld states without anything "
                       "from outside: an endless loop.",
                       (long long)engine_limits_of(engine)->loop_states);
        engine_fail(engine, entry.prev, ODK_STR("States.Runtime"),
                    odk_str(cause));
        return;
    }
    entry.name = next->name;
    entry.input = input;
    engine_emit(engine, &entry);
}

void
interpreter_leave(struct interpreter_work *work, json_t *output,
                  json_t *assigned, int32_t next)
{
    struct interpreter *in = work->in;
    int32_t frame = work->frame;
    struct engine_entry entry = interpreter_entry(
        in, interpreter_events[work->state->type].exited, frame);

    entry.name = work->state->name;
    entry.output = output;
    entry.assigned = json_object_size(assigned) > 0 ? assigned : NULL;
    engine_emit(work->engine, &entry);
    if (engine_probe_of(work->engine)) {
        interpreter_end_test(work, output, assigned, next);
    } else if (next >= 0) {
        interpreter_enter(in, work->engine, frame, next, output);
    } else if (interpreter_line(in, frame)->parent < 0) {
        engine_succeed(work->engine, interpreter_line(in, frame)->prev, output);
    } else {
        interpreter_branch_done(in, work->engine, frame);
    }
}
