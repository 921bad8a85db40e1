#include "harness/harness_test_state.h"

#include <stdio.h>

#include "engine/engine.h"
#include "harness/harness_test_state_priv.h"
#include "json/json.h"

/* The moment of every test: 2026-01-01T00:00:00Z. */
#define TEST_STATE_EPOCH INT64_C(1767225600000)
/* Timers of one test: bounds a large retry count. */
#define TEST_STATE_TIMERS_MAX 10000

#define TEST_STATE_ACCOUNT "arn:aws:states:us-east-1:111111111111:"

/* A state under test. */
struct run {
    const struct test_state_request *request;
    const struct asl_state *state;
    struct engine *engine;
    json_t *inspection;
    json_t *output;
    json_t *error_details; /* of the last error; NULL: none yet */
    json_t *error;
    json_t *cause;
    json_t *next;
    odk_time_ms now;
    struct engine_timer_op timer; /* the last that was set */
    int64_t n_retries;
    uint64_t seq;
};

/* What the state's fields compute. */

/* Which states show a field: recorded, where a sentence of the documentation
 * does not say it. */
static bool
is_shown(const struct run *run, struct odk_str what)
{
    const struct asl_state *state = run->state;
    bool is_constant = state->type == ASL_PASS && state->pass_result;
    bool is_nest = state->type == ASL_PARALLEL || state->type == ASL_MAP;

    if (odk_str_is(what, "afterInputPath")) {
        return !state->is_jsonata && !is_constant &&
               (state->type != ASL_PARALLEL || state->input_value);
    }
    if (odk_str_is(what, "afterParameters")) {
        return !is_constant &&
               (state->type != ASL_PARALLEL || state->arguments);
    }
    if (odk_str_is(what, "afterArguments")) {
        return state->arguments != NULL;
    }
    if (odk_str_is(what, "result")) {
        return state->type == ASL_TASK || is_constant;
    }
    if (odk_str_starts(what, ODK_STR("afterResult"))) {
        return !state->is_jsonata &&
               (is_nest || state->type == ASL_TASK || state->type == ASL_PASS);
    }
    return !odk_str_is(what, "afterItemsPath") || !state->is_jsonata;
}

static void
keep(json_t **to, json_t *value)
{
    json_decref(*to);
    *to = json_incref(value);
}

/* A value as the API shows it: what is no object is a text, a result that went
 * through unchanged the very text that was given. */
static json_t *
shown(const struct run *run, json_t *value)
{
    json_t *given = json_get(run->request->mock, "result");
    struct odk_buf text;

    if (json_is_object(value)) {
        return json_incref(value);
    }
    if (value == run->request->result && json_is_string(given)) {
        return json_incref(given);
    }
    odk_buf_init(&text, 0);
    json_put(&text, value);
    json_t *string = json_str_new(odk_buf_str(&text));
    odk_buf_release(&text);
    return string;
}

static bool
note_outcome(struct run *run, struct odk_str what, json_t *value)
{
    if (odk_str_is(what, "error")) {
        keep(&run->error, value);
        keep(&run->cause, NULL);
        json_decref(run->error_details);
        run->error_details = json_object();
    } else if (odk_str_is(what, "cause")) {
        keep(&run->cause, value);
    } else if (odk_str_is(what, "nextState")) {
        keep(&run->next, value);
    } else if (odk_str_is(what, "output")) {
        keep(&run->output, value);
    } else {
        return false;
    }
    return true;
}

static void
note(void *ctx, const char *name, json_t *value)
{
    struct run *run = ctx;
    struct odk_str what = odk_str(name);

    if (note_outcome(run, what, value)) {
        return;
    }
    if (odk_str_starts(what, ODK_STR("retry")) ||
        odk_str_is(what, "catchIndex")) {
        json_set(run->error_details, what, json_incref(value));
        run->n_retries += odk_str_is(what, "retryBackoffIntervalSeconds");
    } else if (odk_str_is(what, "variables")) {
        (void)json_object_update(json_get(run->inspection, "variables"), value);
    } else if (is_shown(run, what)) {
        json_set(run->inspection, what,
                 json_is_number(value) &&
                         !odk_str_starts(what, ODK_STR("after")) &&
                         !odk_str_is(what, "result")
                     ? json_incref(value)
                     : shown(run, value));
    }
}

/* The run. */

static int
step(struct run *run, struct engine_input *input, struct odk_err *err)
{
    struct engine_update update;

    input->now = run->now;
    input->seq_next = run->seq;
    input->seed = odk_mix64(run->seq);
    int rc = engine_step(run->engine, input, &update, err);
    if (rc != 0) {
        return rc;
    }
    run->seq += update.n_outputs + 1;
    for (size_t i = 0; i < update.n_timers; i++) {
        if (update.timers[i].is_set) {
            run->timer = update.timers[i];
        }
    }
    return 0;
}

/* Retries as many times as the request says have been, and waits. */
static int
run_all(struct run *run, struct odk_err *err)
{
    struct engine_input input = {.kind = ENGINE_INPUT_START};
    int64_t retries = 0;
    int rc = step(run, &input, err);

    (void)json_to_i64(
        json_get(run->request->configuration, "retrierRetryCount"), &retries);
    for (int i = 0; rc == 0 && i < TEST_STATE_TIMERS_MAX; i++) {
        if (engine_status(run->engine) != ENGINE_RUNNING ||
            run->n_retries > retries || run->timer.id == 0) {
            return 0;
        }
        input = (struct engine_input){.kind = ENGINE_INPUT_TIMER,
                                      .timer_id = run->timer.id};
        run->now = run->timer.due > run->now ? run->timer.due : run->now;
        run->timer.id = 0;
        rc = step(run, &input, err);
    }
    return rc;
}

static json_t *
default_context(const struct test_state_request *request)
{
    char started[ODK_TIME_TEXT_MAX];
    json_t *context = json_object();
    json_t *execution = json_object();
    json_t *machine = json_object();

    odk_time_format(TEST_STATE_EPOCH, started);
    json_set(execution, ODK_STR("Id"),
             json_string(TEST_STATE_ACCOUNT "express:test:test"));
    json_set(execution, ODK_STR("Input"), json_incref(request->input));
    json_set(execution, ODK_STR("Name"), json_string("test"));
    json_set(execution, ODK_STR("RoleArn"),
             request->role ? json_incref(request->role) : json_null());
    json_set(execution, ODK_STR("StartTime"), json_string(started));
    json_set(machine, ODK_STR("Id"),
             json_string(TEST_STATE_ACCOUNT "stateMachine:test"));
    json_set(machine, ODK_STR("Name"), json_string("test"));
    json_set(context, ODK_STR("Execution"), execution);
    json_set(context, ODK_STR("StateMachine"), machine);
    return context;
}

static bool
is_in_detail(const struct run *run)
{
    return odk_str_is(run->request->level, "DEBUG") ||
           odk_str_is(run->request->level, "TRACE");
}

static void
put_answer(struct run *run)
{
    json_t *answer = run->request->answer;
    bool is_running = engine_status(run->engine) == ENGINE_RUNNING;
    bool is_failed = engine_status(run->engine) == ENGINE_FAILED;
    const char *status = is_running   ? "RETRIABLE"
                         : is_failed  ? "FAILED"
                         : run->error ? "CAUGHT_ERROR"
                                      : "SUCCEEDED";

    json_set(answer, ODK_STR("status"), json_string(status));
    if (!is_failed && run->output) {
        json_set(answer, ODK_STR("output"), shown(run, run->output));
    }
    if (is_failed && engine_error(run->engine).ptr) {
        keep(&run->cause, NULL);
        json_decref(run->error);
        run->error = json_str_new(engine_error(run->engine));
        if (engine_cause(run->engine).ptr) {
            run->cause = json_str_new(engine_cause(run->engine));
        }
    }
    if (run->error) {
        json_set(answer, ODK_STR("error"), json_incref(run->error));
    }
    if (run->cause) {
        json_set(answer, ODK_STR("cause"), json_incref(run->cause));
    }
    if (run->next) {
        json_set(answer, ODK_STR("nextState"), json_incref(run->next));
    }
    if (!is_in_detail(run)) {
        return;
    }
    if (json_object_size(run->error_details) > 0) {
        json_set(run->inspection, ODK_STR("errorDetails"),
                 json_incref(run->error_details));
    }
    if (json_object_size(json_get(run->inspection, "variables")) == 0) {
        (void)json_object_del(run->inspection, "variables");
    }
    json_set(answer, ODK_STR("inspectionData"), json_incref(run->inspection));
}

static void
run_state(const struct test_state_request *request,
          const struct asl_machine *machine)
{
    struct odk_err err = {0};
    json_t *error = json_get(request->mock, "errorOutput");
    struct run run = {
        .request = request,
        .state =
            &machine->states[asl_state_find(machine, ODK_STR(TEST_STATE_NAME))],
        .inspection = json_object(),
        .now = TEST_STATE_EPOCH,
        .seq = 1,
    };
    struct engine_probe probe = {
        .note = note,
        .ctx = &run,
        .variables = request->variables,
        .context = request->context,
        .items = request->items,
        .result = request->result,
    };
    json_t *context = default_context(request);
    struct engine_start start = {
        .namespace_ = ODK_STR("default"),
        .workflow_id = ODK_STR("test"),
        .run_id = odk_uuid_v7(TEST_STATE_EPOCH, 1, 1),
        .definition = ODK_STR("test"),
        .definition_version = 1,
        .machine = machine,
        .input = request->input,
        .context = context,
        .probe = &probe,
    };

    if (error) {
        struct odk_str name = json_str(json_get(error, "error"));
        probe.error = name.ptr ? name : ODK_STR("");
        probe.cause = json_str(json_get(error, "cause"));
    }
    (void)json_to_i64(
        json_get(request->configuration, "mapIterationFailureCount"),
        &probe.n_failed);
    probe.n_failed = probe.n_failed > 0 ? probe.n_failed : 0;
    json_set(run.inspection, ODK_STR("input"), shown(&run, request->input));
    json_set(run.inspection, ODK_STR("variables"),
             request->variables ? json_share_members(request->variables)
                                : json_object());
    int rc = engine_new(&start, &run.engine, &err);
    rc = rc != 0 ? rc : run_all(&run, &err);
    if (rc == 0) {
        put_answer(&run);
    } else {
        (void)test_state_refuse(request->answer, "InternalException", "%s",
                                err.message);
    }
    engine_free(run.engine);
    json_decref(context);
    json_decref(run.inspection);
    json_decref(run.output);
    json_decref(run.error_details);
    json_decref(run.error);
    json_decref(run.cause);
    json_decref(run.next);
}

/* The machine of the state's own. */

static void
add_target(json_t *states, const json_t *name)
{
    if (json_is_string(name) && !odk_str_is(json_str(name), TEST_STATE_NAME)) {
        json_set(states, json_str(name), json_pack("{s:s}", "Type", "Succeed"));
    }
}

static void
add_targets(json_t *states, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        add_target(states, json_get(json_array_get(list, i), "Next"));
    }
}

/* The state with every state that it may go to; a new reference. */
static json_t *
own_machine(const struct test_state_request *request)
{
    json_t *machine = json_object();
    json_t *states = json_object();

    add_target(states, json_get(request->state, "Next"));
    add_target(states, json_get(request->state, "Default"));
    add_targets(states, json_get(request->state, "Choices"));
    add_targets(states, json_get(request->state, "Catch"));
    json_set(states, ODK_STR(TEST_STATE_NAME), json_incref(request->state));
    json_set(machine, ODK_STR("StartAt"), json_string(TEST_STATE_NAME));
    if (request->query_language) {
        json_set(machine, ODK_STR("QueryLanguage"),
                 json_incref(request->query_language));
    }
    json_set(machine, ODK_STR("States"), states);
    return machine;
}

static bool
refuse_problems(json_t *answer, const struct asl_problems *problems)
{
    struct odk_buf text;
    const char *comma = "";

    odk_buf_init(&text, 0);
    for (size_t i = 0; i < problems->n; i++) {
        const struct asl_problem *problem = &problems->list[i];
        if (problem->is_warning) {
            continue;
        }
        odk_buf_printf(
            &text, "%s%.*s: %.*s at %.*s", comma, ODK_STR_ARG(problem->code),
            ODK_STR_ARG(problem->message), ODK_STR_ARG(problem->pointer));
        comma = ", ";
    }
    (void)test_state_refuse(answer, "InvalidDefinition",
                            "Invalid State Machine Definition: '%.*s'",
                            ODK_STR_ARG(odk_buf_str(&text)));
    odk_buf_release(&text);
    return false;
}

static void
test_compiled(struct test_state_request *request)
{
    struct asl_options options = {.is_any_resource_accepted = true};
    struct asl_problems problems;
    struct asl_machine *machine = NULL;
    json_t *definition = own_machine(request);

    asl_problems_init(&problems);
    if (asl_compile(definition, &options, &machine, &problems) != 0) {
        (void)refuse_problems(request->answer, &problems);
    } else {
        const struct asl_state *state =
            &machine->states[asl_state_find(machine, ODK_STR(TEST_STATE_NAME))];
        if (test_state_check_mock(request, state) &&
            test_state_check_context(request, state)) {
            run_state(request, machine);
        }
    }
    asl_free(machine);
    asl_problems_release(&problems);
    json_decref(definition);
}

/* The request. */

/* A state by its name, in whatever scope; borrowed, NULL: there is none. */
static json_t *
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ 32
find_state(const json_t *machine, struct odk_str name, int depth)
{
    json_t *states = json_get(machine, "States");
    json_t *found = json_get_str(states, name);
    struct json_member_iter it;

    if (depth > 32) {
        return NULL;
    }
    for (json_member_first(&it, states); it.value && !found;
         json_member_next(&it)) {
        json_t *branches = json_get(it.value, "Branches");
        json_t *processor = json_get(it.value, "ItemProcessor");
        for (size_t i = 0; i < json_array_size(branches) && !found; i++) {
            found = find_state(json_array_get(branches, i), name, depth + 1);
        }
        if (!found) {
            processor = processor ? processor : json_get(it.value, "Iterator");
            found = find_state(processor, name, depth + 1);
        }
    }
    return found;
}

static bool
take_definition(const json_t *from, struct test_state_request *request)
{
    json_t *definition = test_state_parsed(json_get(from, "definition"));
    json_t *name = json_get(from, "stateName");
    bool is_found = true;

    if (name && json_str(name).len == 0) {
        is_found = test_state_refuse(
            request->answer, "ParamValidationError",
            "Parameter validation failed:\nInvalid length for parameter "
            "stateName, value: 0, valid min length: 1");
    } else if (!json_is_object(definition)) {
        is_found = test_state_refuse(
            request->answer, "InvalidDefinition",
            "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: The "
            "definition must be a JSON object at /'");
    } else if (name || json_get(definition, "States")) {
        request->state = json_incref(find_state(definition, json_str(name), 0));
        request->query_language =
            json_incref(json_get(definition, "QueryLanguage"));
        is_found = request->state ||
                   test_state_refuse(request->answer, "ValidationException",
                                     "State not found in definition");
    } else {
        request->state = json_incref(definition);
    }
    json_decref(definition);
    return is_found;
}

/* Input, variables and context are values here, and texts in the API. */
static json_t *
value_of(const json_t *from, const char *name)
{
    json_t *value = json_get(from, name);
    json_t *parsed = test_state_parsed(value);

    return parsed ? parsed : json_incref(value);
}

static bool
check_supported(const struct test_state_request *request)
{
    struct odk_str type = json_str(json_get(request->state, "Type"));

    if (!request->mock &&
        (odk_str_is(type, "Map") || odk_str_is(type, "Parallel"))) {
        return test_state_refuse(
            request->answer, "InvalidDefinition",
            "TestState API does not support Map or Parallel states. Supported "
            "state types include: [Task, Wait, Pass, Succeed, Fail, Choice]");
    }
    if (request->variables && !json_is_object(request->variables)) {
        return test_state_refuse(request->answer, "ValidationException",
                                 "Variables must be a JSON object");
    }
    return true;
}

static void
test_request(const json_t *from, json_t *answer)
{
    struct test_state_request request = {
        .answer = answer,
        .level = json_str(json_get(from, "inspectionLevel")),
    };

    if (take_definition(from, &request)) {
        request.configuration =
            json_incref(json_get(from, "stateConfiguration"));
        request.mock = json_incref(json_get(from, "mock"));
        request.role = json_incref(json_get(from, "roleArn"));
        request.variables = value_of(from, "variables");
        request.context = value_of(from, "context");
        request.items = value_of(request.configuration, "mapItemReaderData");
        request.input = value_of(from, "input");
        request.input = request.input ? request.input : json_object();
        if (check_supported(&request)) {
            test_compiled(&request);
        }
    }
    json_decref(request.state);
    json_decref(request.query_language);
    json_decref(request.input);
    json_decref(request.variables);
    json_decref(request.context);
    json_decref(request.mock);
    json_decref(request.result);
    json_decref(request.items);
    json_decref(request.configuration);
    json_decref(request.role);
}

int
harness_test_state(struct odk_str line, struct odk_buf *out)
{
    struct odk_err err = {0};
    json_t *whole = json_parse(line, &err);
    json_t *request = json_get(whole, "request");
    json_t *answer = json_object();
    int rc = json_is_object(whole) ? 0 : ODK_ESYNTAX;

    if (rc != 0) {
        (void)test_state_refuse(answer, "ValidationException", "%s",
                                whole ? "The request must be a JSON object."
                                      : err.message);
    } else {
        test_request(request ? request : whole, answer);
    }
    if (json_dump(answer, out) != 0) {
        rc = ODK_ELIMIT;
    }
    json_decref(whole);
    json_decref(answer);
    return rc;
}
