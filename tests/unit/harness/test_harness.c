#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/harness.h"
#include "json/json.h"

/* The answer to a request with ' for "; a new reference. */
static json_t *
ask(const char *request, int rc)
{
    struct odk_buf line;
    struct odk_buf out;

    odk_buf_init(&line, 0);
    odk_buf_init(&out, 0);
    for (const char *c = request; *c; c++) {
        odk_buf_put_char(&line, *c == '\'' ? '"' : *c);
    }
    assert_int_equal(harness_eval(odk_buf_str(&line), &out), rc);
    json_t *answer = json_parse(odk_buf_str(&out), NULL);
    assert_non_null(answer);
    odk_buf_release(&line);
    odk_buf_release(&out);
    return answer;
}

static void
assert_member(json_t *answer, const char *name, const char *text)
{
    assert_true(odk_str_is(json_str(json_get(answer, name)), text));
}

static void
a_line_that_is_no_request_is_answered(void **state)
{
    (void)state;
    json_t *answer = ask("{nonsense", ODK_ESYNTAX);
    assert_int_equal(json_array_size(json_get(answer, "rejected")), 1);
    json_decref(answer);
    answer = ask("[1]", ODK_ESYNTAX);
    assert_int_equal(json_array_size(json_get(answer, "rejected")), 1);
    json_decref(answer);
}

static void
a_bad_definition_lists_its_problems(void **state)
{
    (void)state;
    json_t *answer = ask("{'id':'x','definition':{'StartAt':'A','States':{"
                         "'A':{'Type':'Pass','Next':'B'}}},'input':{}}",
                         0);
    assert_member(answer, "id", "x");
    assert_true(json_array_size(json_get(answer, "rejected")) > 0);
    assert_null(json_get(answer, "status"));
    json_decref(answer);
}

static void
tasks_end_as_the_request_says(void **state)
{
    (void)state;
    json_t *answer =
        ask("{'id':1,'definition':{'StartAt':'A','States':{'A':{'Type':"
            "'Task','Resource':'anything','Retry':[{'ErrorEquals':["
            "'States.Timeout'],'IntervalSeconds':999999}],'TimeoutSeconds':"
            "60,'End':true}}},'input':{},'tasks':[{'state':'A','outcome':"
            "'TimedOut'},{'state':'A','outcome':'Succeeded','output':7}]}",
            0);
    assert_member(answer, "status", "SUCCEEDED");
    assert_int_equal(json_integer_value(json_get(answer, "output")), 7);
    assert_int_equal(json_array_size(json_get(answer, "tasks")), 2);
    json_decref(answer);
}

static void
a_task_without_an_outcome_fails(void **state)
{
    (void)state;
    json_t *answer =
        ask("{'id':1,'definition':{'StartAt':'A','States':{'A':{'Type':"
            "'Task','Resource':'anything','End':true}}},'input':{}}",
            0);
    assert_member(answer, "status", "FAILED");
    assert_member(answer, "error", "States.TaskFailed");
    json_decref(answer);
}

static void
waits_take_no_time(void **state)
{
    (void)state;
    json_t *answer =
        ask("{'id':1,'definition':{'StartAt':'A','States':{'A':{'Type':"
            "'Wait','Seconds':99999999,'End':true}}},'input':{'a':1}}",
            0);
    assert_member(answer, "status", "SUCCEEDED");
    json_decref(answer);
}

static void
context_members_come_from_the_request(void **state)
{
    (void)state;
    json_t *answer =
        ask("{'id':1,'context':{'Execution':{'Id':'e-1'}},'definition':{"
            "'StartAt':'A','States':{'A':{'Type':'Pass','Parameters':{'id.$':"
            "'$$.Execution.Id','s.$':'$$.State.Name'},'End':true}}},"
            "'input':{}}",
            0);
    assert_member(json_get(answer, "output"), "id", "e-1");
    assert_member(json_get(answer, "output"), "s", "A");
    json_decref(answer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_is_no_request_is_answered),
        cmocka_unit_test(a_bad_definition_lists_its_problems),
        cmocka_unit_test(tasks_end_as_the_request_says),
        cmocka_unit_test(a_task_without_an_outcome_fails),
        cmocka_unit_test(waits_take_no_time),
        cmocka_unit_test(context_members_come_from_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
