#include "harness/harness_suite.h"

#include <stdio.h>

#include "asl/asl.h"
#include "harness/harness.h"
#include "json/json.h"

/* One file under test. */
struct suite {
    const struct asl_machine *machine;
    json_t *definition;
    json_t *states;      /* name → whether some case entered it */
    json_t *transitions; /* "A → B" → likewise */
    json_t *cases;       /* results */
    size_t n_failed;
};

/* ---- coverage ---- */

/* Children of a distributed Map are workflows of their own: no history tells
 * what they did. */
static bool
is_hidden(const struct asl_machine *machine, const struct asl_state *state)
{
    for (int32_t parent = machine->scopes[state->scope].parent_state;
         parent >= 0;
         parent = machine->scopes[machine->states[parent].scope].parent_state) {
        if (machine->states[parent].is_distributed) {
            return true;
        }
    }
    return false;
}

static void
put_transition(json_t *transitions, struct odk_str from, struct odk_str to,
               bool is_covered)
{
    struct odk_buf key;

    odk_buf_init(&key, 0);
    odk_buf_put_str(&key, from);
    odk_buf_put_cstr(&key, " → ");
    odk_buf_put_str(&key, to);
    json_set(transitions, odk_buf_str(&key), json_boolean(is_covered));
    odk_buf_release(&key);
}

static void
list_next(struct suite *suite, const struct asl_state *state, int32_t next)
{
    if (next >= 0) {
        put_transition(suite->transitions, state->name,
                       suite->machine->states[next].name, false);
    }
}

static void
list_all(struct suite *suite)
{
    for (int32_t i = 0; i < suite->machine->n_states; i++) {
        const struct asl_state *state = &suite->machine->states[i];
        if (is_hidden(suite->machine, state)) {
            continue;
        }
        json_set(suite->states, state->name, json_false());
        list_next(suite, state, state->next);
        for (size_t k = 0; k < state->n_rules; k++) {
            list_next(suite, state, state->rules[k].next);
        }
        if (state->type == ASL_CHOICE) {
            list_next(suite, state, state->default_next);
        }
        for (size_t k = 0; k < state->n_catchers; k++) {
            list_next(suite, state, state->catchers[k].next);
        }
    }
}

static struct odk_str
event_type(const json_t *event)
{
    return json_str(json_get(event, "type"));
}

static struct odk_str
event_name(const json_t *event, const char *member)
{
    return json_str(json_get(json_get(event, "details"), member));
}

/* A state that is entered follows the exit of the one before, if there is one.
 */
static void
cover_entered(struct suite *suite, const json_t *exits, const json_t *event)
{
    struct odk_str name = event_name(event, "name");
    char prev[24];

    (void)snprintf(prev, sizeof(prev), "%lld",
                   (long long)json_integer_value(json_get(event, "prev")));
    json_t *from = json_get(exits, prev);
    json_set(suite->states, name, json_true());
    if (from) {
        put_transition(suite->transitions, json_str(from), name, true);
    }
}

static void
cover(struct suite *suite, const json_t *history)
{
    json_t *exits = json_object();

    for (size_t i = 0; i < json_array_size(history); i++) {
        const json_t *event = json_array_get(history, i);
        if (odk_str_ends(event_type(event), ODK_STR("StateEntered"))) {
            cover_entered(suite, exits, event);
        } else if (odk_str_ends(event_type(event), ODK_STR("StateExited"))) {
            char id[24];
            (void)snprintf(
                id, sizeof(id), "%lld",
                (long long)json_integer_value(json_get(event, "id")));
            json_set(exits, odk_str(id),
                     json_str_new(event_name(event, "name")));
        }
    }
    json_decref(exits);
}

/* {covered, total, missing} of a set. */
static json_t *
coverage_of(const json_t *set)
{
    json_t *coverage = json_object();
    json_t *missing = json_array();
    struct json_member_iter it;

    for (json_member_first(&it, set); it.value; json_member_next(&it)) {
        if (!json_is_true(it.value)) {
            json_append(missing, json_str_new(it.key));
        }
    }
    json_set(coverage, ODK_STR("covered"),
             json_integer((json_int_t)(json_object_size(set) -
                                       json_array_size(missing))));
    json_set(coverage, ODK_STR("total"),
             json_integer((json_int_t)json_object_size(set)));
    json_set(coverage, ODK_STR("missing"), missing);
    return coverage;
}

/* ---- one case ---- */

/* The states as they were entered, and "Charge/Compensate" for what was undone;
 * a new reference. */
static json_t *
path_of(const json_t *history)
{
    json_t *path = json_array();

    for (size_t i = 0; i < json_array_size(history); i++) {
        const json_t *event = json_array_get(history, i);
        if (odk_str_ends(event_type(event), ODK_STR("StateEntered"))) {
            json_append(path, json_str_new(event_name(event, "name")));
        } else if (odk_str_is(event_type(event), "CompensationScheduled")) {
            struct odk_buf name;
            odk_buf_init(&name, 0);
            odk_buf_put_str(&name, event_name(event, "state"));
            odk_buf_put_cstr(&name, "/Compensate");
            json_append(path, json_str_new(odk_buf_str(&name)));
            odk_buf_release(&name);
        }
    }
    return path;
}

/* A mock as the harness takes it; NULL: it is none. */
static json_t *
task_of(struct odk_str state, const json_t *mock)
{
    json_t *result = json_get(mock, "result");
    json_t *error = json_get(mock, "error");
    json_t *cause = json_get(mock, "cause");
    bool is_timeout = json_is_true(json_get(mock, "timeout"));
    const char *outcome = is_timeout ? "TimedOut"
                          : error    ? "Failed"
                                     : "Succeeded";

    if ((result != NULL) + json_is_string(error) + is_timeout != 1) {
        return NULL;
    }
    json_t *task = json_object();
    json_set(task, ODK_STR("state"), json_str_new(state));
    json_set(task, ODK_STR("outcome"), json_string(outcome));
    if (result) {
        json_set(task, ODK_STR("output"), json_incref(result));
    }
    if (error) {
        json_set(task, ODK_STR("error"), json_incref(error));
        json_set(task, ODK_STR("cause"),
                 cause ? json_incref(cause) : json_string(""));
    }
    return task;
}

static void
fail(json_t *failures, const char *what, const json_t *expected,
     const json_t *actual)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    odk_buf_printf(&text, "%s: expected ", what);
    json_put(&text, expected);
    odk_buf_put_cstr(&text, ", but it was ");
    if (actual) {
        json_put(&text, actual);
    } else {
        odk_buf_put_cstr(&text, "absent");
    }
    json_append(failures, json_str_new(odk_buf_str(&text)));
    odk_buf_release(&text);
}

static void
say(json_t *failures, const char *text, struct odk_str name)
{
    struct odk_buf out;

    odk_buf_init(&out, 0);
    odk_buf_printf(&out, "%s %.*s", text, ODK_STR_ARG(name));
    json_append(failures, json_str_new(odk_buf_str(&out)));
    odk_buf_release(&out);
}

/* All mocks of a case in the harness' form; a new reference. */
static json_t *
tasks_of(const json_t *mocks, json_t *failures)
{
    json_t *tasks = json_array();
    struct json_member_iter it;

    for (json_member_first(&it, mocks); it.value; json_member_next(&it)) {
        size_t n = json_is_array(it.value) ? json_array_size(it.value) : 1;
        for (size_t i = 0; i < n; i++) {
            json_t *task = task_of(it.key, json_is_array(it.value)
                                               ? json_array_get(it.value, i)
                                               : it.value);
            if (task) {
                json_append(tasks, task);
            } else {
                say(failures,
                    "a mock needs one of result, error and timeout: state",
                    it.key);
            }
        }
    }
    return tasks;
}

/* The answer of the harness to a case; a new reference. */
static json_t *
evaluate(const struct suite *suite, const json_t *one, json_t *failures)
{
    static const char *const passed[] = {"input", "type", "context", "signals",
                                         "files"};
    json_t *request = json_object();
    struct odk_buf line;
    struct odk_buf out;

    odk_buf_init(&line, 0);
    odk_buf_init(&out, 0);
    json_set(request, ODK_STR("definition"), json_incref(suite->definition));
    json_set(request, ODK_STR("tasks"),
             tasks_of(json_get(one, "mocks"), failures));
    for (size_t i = 0; i < ODK_ARRAY_LEN(passed); i++) {
        json_t *value = json_get(one, passed[i]);
        if (value) {
            json_set(request, odk_str(passed[i]), json_incref(value));
        }
    }
    json_put(&line, request);
    int rc = harness_eval(odk_buf_str(&line), &out);
    odk_assert(rc == 0);
    json_t *answer = json_parse(odk_buf_str(&out), NULL);
    json_decref(request);
    odk_buf_release(&line);
    odk_buf_release(&out);
    return answer;
}

static json_t *
calls_of(const json_t *answer, struct odk_str state)
{
    json_t *tasks = json_get(answer, "tasks");
    json_t *calls = json_array();

    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const json_t *task = json_array_get(tasks, i);
        if (odk_str_eq(json_str(json_get(task, "state")), state)) {
            json_append(calls, json_incref(json_get(task, "parameters")));
        }
    }
    return calls;
}

/* What the tasks were asked for, and that every mock was needed. */
static void
check_calls(const json_t *one, const json_t *answer, json_t *failures)
{
    struct json_member_iter it;

    for (json_member_first(&it, json_get(one, "calls")); it.value;
         json_member_next(&it)) {
        json_t *calls = calls_of(answer, it.key);
        if (!json_eq(it.value, calls)) {
            struct odk_buf what;
            odk_buf_init(&what, 0);
            odk_buf_printf(&what, "calls of %.*s", ODK_STR_ARG(it.key));
            fail(failures, what.ptr, it.value, calls);
            odk_buf_release(&what);
        }
        json_decref(calls);
    }
    for (json_member_first(&it, json_get(one, "mocks")); it.value;
         json_member_next(&it)) {
        json_t *calls = calls_of(answer, it.key);
        size_t n = json_is_array(it.value) ? json_array_size(it.value) : 1;
        if (json_array_size(calls) < n) {
            say(failures, "not every mock was used: state", it.key);
        }
        json_decref(calls);
    }
}

static void
check(const json_t *one, const json_t *answer, const json_t *path,
      json_t *failures)
{
    static const char *const compared[] = {"output", "error", "cause"};
    json_t *status = json_incref(json_get(one, "status"));

    if (!status) {
        status = json_string(json_get(one, "error") ? "FAILED" : "SUCCEEDED");
    }
    if (!json_eq(status, json_get(answer, "status"))) {
        fail(failures, "status", status, json_get(answer, "status"));
        if (json_get(answer, "error") && !json_get(one, "error")) {
            say(failures, "it ended with", json_str(json_get(answer, "error")));
            say(failures, "its cause:", json_str(json_get(answer, "cause")));
        }
    }
    json_decref(status);
    for (size_t i = 0; i < ODK_ARRAY_LEN(compared); i++) {
        json_t *expected = json_get(one, compared[i]);
        json_t *actual = json_get(answer, compared[i]);
        if (expected && !(actual && json_eq(expected, actual))) {
            fail(failures, compared[i], expected, actual);
        }
    }
    if (json_get(one, "path") && !json_eq(json_get(one, "path"), path)) {
        fail(failures, "path", json_get(one, "path"), path);
    }
    check_calls(one, answer, failures);
}

/* Whether there are only known members: a test that is misspelt tests nothing.
 */
static bool
knows_all(const json_t *object, const char *const *names, size_t n,
          json_t *failures)
{
    struct json_member_iter it;
    bool is_known = true;

    for (json_member_first(&it, object); it.value; json_member_next(&it)) {
        bool is_found = false;
        for (size_t i = 0; i < n && !is_found; i++) {
            is_found = odk_str_is(it.key, names[i]);
        }
        if (!is_found) {
            say(failures, "there is no member", it.key);
            is_known = false;
        }
    }
    return is_known;
}

static void
run_case(struct suite *suite, const json_t *one)
{
    static const char *const names[] = {
        "name",  "comment", "input",  "type",   "context", "mocks", "signals",
        "files", "path",    "status", "output", "error",   "cause", "calls"};
    json_t *failures = json_array();
    json_t *result = json_object();
    json_t *name = json_get(one, "name");

    json_set(result, ODK_STR("name"),
             name ? json_incref(name) : json_string("a case without a name"));
    if (knows_all(one, names, ODK_ARRAY_LEN(names), failures)) {
        json_t *answer = evaluate(suite, one, failures);
        json_t *path = path_of(json_get(answer, "history"));
        cover(suite, json_get(answer, "history"));
        check(one, answer, path, failures);
        json_set(result, ODK_STR("status"),
                 json_get(answer, "status")
                     ? json_incref(json_get(answer, "status"))
                     : json_null());
        json_set(result, ODK_STR("path"), path);
        json_decref(answer);
    }
    suite->n_failed += json_array_size(failures) > 0;
    json_set(result, ODK_STR("failures"), failures);
    json_append(suite->cases, result);
}

/* ---- the file ---- */

static json_t *
wrong(const char *text, struct odk_str detail)
{
    json_t *result = json_object();
    struct odk_buf message;

    odk_buf_init(&message, 0);
    odk_buf_printf(&message, "%s%.*s", text, ODK_STR_ARG(detail));
    json_set(result, ODK_STR("error"), json_str_new(odk_buf_str(&message)));
    odk_buf_release(&message);
    return result;
}

static json_t *
wrong_definition(const struct asl_problems *problems)
{
    for (size_t i = 0; i < problems->n; i++) {
        if (!problems->list[i].is_warning) {
            return wrong("the definition is refused: ",
                         problems->list[i].message);
        }
    }
    return wrong("the definition is refused", ODK_STR(""));
}

static json_t *
run_cases(struct suite *suite, const json_t *cases)
{
    json_t *result = json_object();
    json_t *coverage = json_object();
    size_t n = json_array_size(cases);

    list_all(suite);
    for (size_t i = 0; i < n; i++) {
        run_case(suite, json_array_get(cases, i));
    }
    json_set(result, ODK_STR("cases"), json_incref(suite->cases));
    json_set(result, ODK_STR("passed"),
             json_integer((json_int_t)(n - suite->n_failed)));
    json_set(result, ODK_STR("failed"),
             json_integer((json_int_t)suite->n_failed));
    json_set(coverage, ODK_STR("states"), coverage_of(suite->states));
    json_set(coverage, ODK_STR("transitions"), coverage_of(suite->transitions));
    json_set(result, ODK_STR("coverage"), coverage);
    return result;
}

json_t *
harness_suite_run(const json_t *suite, json_t *definition)
{
    static const char *const names[] = {"definition", "comment", "cases"};
    struct asl_options options = {.is_any_resource_accepted = true};
    struct asl_problems problems;
    struct asl_machine *machine = NULL;
    json_t *unknown = json_array();
    json_t *result = NULL;

    asl_problems_init(&problems);
    if (!json_is_array(json_get(suite, "cases"))) {
        result = wrong("a test file needs an array `cases`", ODK_STR(""));
    } else if (!knows_all(suite, names, ODK_ARRAY_LEN(names), unknown)) {
        result = wrong("", json_str(json_array_get(unknown, 0)));
    } else if (asl_compile(definition, &options, &machine, &problems) != 0) {
        result = wrong_definition(&problems);
    } else {
        struct suite run = {
            .machine = machine,
            .definition = definition,
            .states = json_object(),
            .transitions = json_object(),
            .cases = json_array(),
        };
        result = run_cases(&run, json_get(suite, "cases"));
        json_decref(run.states);
        json_decref(run.transitions);
        json_decref(run.cases);
    }
    json_decref(unknown);
    asl_free(machine);
    asl_problems_release(&problems);
    return result;
}
