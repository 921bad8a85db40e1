#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/harness_test_state.h"
#include "json/json.h"

/* The answer to a request with ' for "; a new reference. */
static json_t *
ask(const char *request)
{
    struct odk_buf line;
    struct odk_buf out;

    odk_buf_init(&line, 0);
    odk_buf_init(&out, 0);
    for (const char *c = request; *c; c++) {
        odk_buf_put_char(&line, *c == '\'' ? '"' : *c);
    }
    assert_int_equal(harness_test_state(odk_buf_str(&line), &out), 0);
    json_t *answer = json_parse(odk_buf_str(&out), NULL);
    assert_non_null(answer);
    odk_buf_release(&line);
    odk_buf_release(&out);
    return answer;
}

/* The answer, compared whole. */
static void
assert_answer(const char *request, const char *expected)
{
    json_t *answer = ask(request);
    struct odk_buf text;

    odk_buf_init(&text, 0);
    json_put(&text, answer);
    for (size_t i = 0; i < text.len; i++) {
        text.ptr[i] = text.ptr[i] == '"' ? '\'' : text.ptr[i];
    }
    odk_buf_put_char(&text, '\0');
    assert_string_equal(text.ptr, expected);
    odk_buf_release(&text);
    json_decref(answer);
}

static void
assert_refused(const char *request, const char *message)
{
    json_t *answer = ask(request);

    assert_string_equal(json_string_value(json_get(answer, "message")),
                        message);
    json_decref(answer);
}

#define CALL "'Type': 'Task', 'Resource': 'odradek:q:t', 'End': true"

static void
a_line_that_is_no_request_is_answered(void **state)
{
    (void)state;
    struct odk_buf out;
    odk_buf_init(&out, 0);
    assert_int_equal(harness_test_state(ODK_STR("[1]"), &out), ODK_ESYNTAX);
    assert_true(out.len > 0);
    odk_buf_release(&out);
}

static void
every_field_shows_what_it_made(void **state)
{
    (void)state;
    assert_answer(
        "{'definition': {" CALL ", 'InputPath': '$.a', 'Parameters': {'p.$': "
        "'$.b'}, 'ResultSelector': {'s.$': '$.r'}, 'ResultPath': '$.c', "
        "'OutputPath': '$.c'}, 'input': {'a': {'b': 1}}, 'inspectionLevel': "
        "'DEBUG', 'mock': {'result': '{\\'r\\': 2}'}}",
        "{'status':'SUCCEEDED','output':{'s':2},'inspectionData':{"
        "'input':{'a':{'b':1}},'afterInputPath':{'b':1},"
        "'afterParameters':{'p':1},'result':{'r':2},"
        "'afterResultSelector':{'s':2},"
        "'afterResultPath':{'a':{'b':1},'c':{'s':2}}}}");
}

static void
without_a_level_there_is_no_inspection(void **state)
{
    (void)state;
    assert_answer("{'definition': {'Type': 'Pass', 'Next': 'B'}, 'input': 7}",
                  "{'status':'SUCCEEDED','output':'7','nextState':'B'}");
}

static void
a_state_that_goes_to_itself_is_left_once(void **state)
{
    (void)state;
    assert_answer("{'definition': {'Type': 'Pass', 'Next': 'StateName'}}",
                  "{'status':'SUCCEEDED','output':{},'nextState':'StateName'}");
}

static void
an_error_is_retriable_while_attempts_are_left(void **state)
{
    (void)state;
    assert_answer(
        "{'definition': {" CALL ", 'Retry': [{'ErrorEquals': ['X']}, "
        "{'ErrorEquals': ['E'], 'MaxAttempts': 2, 'IntervalSeconds': 3}]}, "
        "'stateConfiguration': {'retrierRetryCount': 1}, "
        "'mock': {'errorOutput': {'error': 'E', 'cause': 'c'}}, "
        "'inspectionLevel': 'DEBUG'}",
        "{'status':'RETRIABLE','error':'E','cause':'c','inspectionData':{"
        "'input':{},'afterInputPath':{},'afterParameters':{},"
        "'errorDetails':{'retryIndex':1,'retryBackoffIntervalSeconds':6}}}");
}

static void
an_error_that_is_caught_goes_on(void **state)
{
    (void)state;
    assert_answer(
        "{'definition': {" CALL ", 'Catch': [{'ErrorEquals': ['States.ALL'], "
        "'ResultPath': '$.e', 'Next': 'Mend'}]}, 'input': {'a': 1}, "
        "'mock': {'errorOutput': {'error': 'E', 'cause': 'c'}}}",
        "{'status':'CAUGHT_ERROR','output':{'a':1,'e':{'Error':'E','Cause':"
        "'c'}},'error':'E','cause':'c','nextState':'Mend'}");
}

static void
variables_are_seen_and_assigned(void **state)
{
    (void)state;
    assert_answer(
        "{'definition': {'Type': 'Pass', 'QueryLanguage': 'JSONata', "
        "'Assign': {'y': '{% $x + 1 %}'}, 'Output': '{% $x %}', 'End': true}, "
        "'variables': {'x': 4}, 'inspectionLevel': 'DEBUG'}",
        "{'status':'SUCCEEDED','output':'4','inspectionData':{'input':{},"
        "'variables':{'x':4,'y':5}}}");
}

static void
a_state_of_a_machine_is_found_in_any_scope(void **state)
{
    (void)state;
    assert_answer(
        "{'definition': {'QueryLanguage': 'JSONata', 'StartAt': 'P', "
        "'States': {'P': {'Type': 'Parallel', 'End': true, 'Branches': "
        "[{'StartAt': 'In', 'States': {'In': {'Type': 'Pass', 'Output': "
        "'{% 1 + 1 %}', 'End': true}}}]}}}, 'stateName': 'In'}",
        "{'status':'SUCCEEDED','output':'2'}");
    assert_refused("{'definition': {'StartAt': 'A', 'States': {'A': {'Type': "
                   "'Succeed'}}}, 'stateName': 'B'}",
                   "State not found in definition");
}

#define MAP(n_failed)                                                          \
    "{'definition': {'Type': 'Map', 'ItemsPath': '$.v', 'End': true, "         \
    "'ToleratedFailureCount': 1, 'ItemProcessor': {'ProcessorConfig': "        \
    "{'Mode': 'DISTRIBUTED', 'ExecutionType': 'STANDARD'}, 'StartAt': "        \
    "'I', 'States': {'I': {'Type': 'Pass', 'End': true}}}}, 'input': "         \
    "{'v': [1, 2, 3]}, 'mock': {'result': '[1,1,1]'}, "                        \
    "'stateConfiguration': {'mapIterationFailureCount': " n_failed "}}"

static void
a_map_fails_beyond_its_tolerance(void **state)
{
    (void)state;
    assert_answer(MAP("1"), "{'status':'SUCCEEDED','output':'[1,1,1]'}");
    assert_answer(
        MAP("2"),
        "{'status':'FAILED','error':'States.ExceedToleratedFailureThreshold',"
        "'cause':'The specified tolerated failure threshold was exceeded'}");
}

static void
a_map_over_its_input_shows_its_items(void **state)
{
    (void)state;
    json_t *answer =
        ask("{'definition': {'Type': 'Map', 'End': true, 'ItemSelector': {"
            "'v.$': '$$.Map.Item.Value'}, 'ItemProcessor': {'StartAt': 'I', "
            "'States': {'I': {'Type': 'Pass', 'End': true}}}}, 'input': [4], "
            "'mock': {'result': '[3]'}, 'inspectionLevel': 'DEBUG'}");
    assert_string_equal(
        json_string_value(
            json_get(json_get(answer, "inspectionData"), "afterItemSelector")),
        "[{\"v\":4}]");
    json_decref(answer);
}

static void
a_map_shows_its_items(void **state)
{
    (void)state;
    assert_answer(
        "{'definition': {'Type': 'Map', 'ItemsPath': '$.v', 'End': true, "
        "'MaxConcurrency': 2, 'ItemSelector': {'i.$': '$$.Map.Item.Index', "
        "'w.$': '$.w'}, 'ItemProcessor': {'StartAt': 'I', 'States': {'I': "
        "{'Type': 'Pass', 'End': true}}}}, 'input': {'v': [7, 8], 'w': 1}, "
        "'mock': {'result': '[3]'}, 'inspectionLevel': 'TRACE'}",
        "{'status':'SUCCEEDED','output':'[3]','inspectionData':{'input':{'v':"
        "[7,8],'w':1},'afterInputPath':{'v':[7,8],'w':1},'afterItemsPath':"
        "'[7,8]','maxConcurrency':2,'afterItemSelector':'[{\\'i\\':0,\\'w\\'"
        ":1},{\\'i\\':1,\\'w\\':1}]','afterResultSelector':'[3]',"
        "'afterResultPath':'[3]'}}");
}

#define START(result, mode)                                                    \
    "{'definition': {'Type': 'Task', 'Resource': "                             \
    "'arn:aws:states:::aws-sdk:sfn:startExecution', 'End': true}, "            \
    "'mock': {'result': '" result "', 'fieldValidationMode': '" mode "'}}"

static void
a_result_must_have_the_shape_of_its_service(void **state)
{
    (void)state;
    assert_refused(START("{}", "STRICT"),
                   "Mock result schema validation error: Required field "
                   "'ExecutionArn' is missing");
    assert_answer(START("{}", "PRESENT"), "{'status':'SUCCEEDED','output':{}}");
    assert_refused(START("{\\'StartDate\\': 1}", "PRESENT"),
                   "Mock result schema validation error: Field 'StartDate' "
                   "must be a string");
    assert_answer(START("{\\'StartDate\\': 1}", "NONE"),
                  "{'status':'SUCCEEDED','output':{'StartDate':1}}");
}

static void
what_a_test_cannot_do_is_refused(void **state)
{
    (void)state;
    assert_refused("{'definition': 7}",
                   "Invalid State Machine Definition: "
                   "'INVALID_JSON_DESCRIPTION: The definition must be a JSON "
                   "object at /'");
    assert_refused("{'definition': {" CALL "}}",
                   "RoleArn must be specified when testing a Task state");
    assert_refused("{'definition': {" CALL "}, 'mock': {}}",
                   "A test mock should have only one of the following fields: "
                   "[result, errorOutput].");
    assert_refused("{'definition': {" CALL "}, 'mock': {'result': '1'}, "
                   "'context': {'State': {'RetryCount': 'x'}}}",
                   "Invalid Context object provided: State.RetryCount must be "
                   "a number");
}

static void
a_state_that_undoes_and_waits_is_tested_too(void **state)
{
    (void)state;
    assert_answer("{'definition': {" CALL
                  ", 'Compensate': {'Resource': 'odradek:q:u'}}, "
                  "'mock': {'result': '1'}}",
                  "{'status':'SUCCEEDED','output':'1'}");
    assert_answer("{'definition': {'Type': 'Wait', 'Seconds': 9, 'End': true}}",
                  "{'status':'SUCCEEDED','output':{}}");
    assert_answer(
        "{'definition': {'Type': 'Task', 'Resource': 'odradek:wait-signal', "
        "'Parameters': {'Name': 'go'}, 'End': true}, 'mock': {'result': "
        "'[2]'}}",
        "{'status':'SUCCEEDED','output':'[2]'}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_is_no_request_is_answered),
        cmocka_unit_test(every_field_shows_what_it_made),
        cmocka_unit_test(without_a_level_there_is_no_inspection),
        cmocka_unit_test(a_state_that_goes_to_itself_is_left_once),
        cmocka_unit_test(an_error_is_retriable_while_attempts_are_left),
        cmocka_unit_test(an_error_that_is_caught_goes_on),
        cmocka_unit_test(variables_are_seen_and_assigned),
        cmocka_unit_test(a_state_of_a_machine_is_found_in_any_scope),
        cmocka_unit_test(a_map_fails_beyond_its_tolerance),
        cmocka_unit_test(a_map_shows_its_items),
        cmocka_unit_test(a_map_over_its_input_shows_its_items),
        cmocka_unit_test(a_result_must_have_the_shape_of_its_service),
        cmocka_unit_test(what_a_test_cannot_do_is_refused),
        cmocka_unit_test(a_state_that_undoes_and_waits_is_tested_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
