#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "harness/harness_suite.h"
#include "json/json.h"

/* JSON with ' for "; a new reference. */
static json_t *
parse(const char *text)
{
    struct odk_buf line;

    odk_buf_init(&line, 0);
    for (const char *c = text; *c; c++) {
        odk_buf_put_char(&line, *c == '\'' ? '"' : *c);
    }
    json_t *value = json_parse(odk_buf_str(&line), NULL);
    assert_non_null(value);
    odk_buf_release(&line);
    return value;
}

#define MACHINE                                                                \
    "{'StartAt': 'Ask', 'States': {"                                           \
    "'Ask': {'Type': 'Task', 'Resource': 'odradek:q:t', 'Next': 'Is', "        \
    "'Retry': [{'ErrorEquals': ['Busy']}], "                                   \
    "'Catch': [{'ErrorEquals': ['States.ALL'], 'Next': 'No'}]}, "              \
    "'Is': {'Type': 'Choice', 'Choices': [{'Variable': '$', "                  \
    "'NumericGreaterThan': 1, 'Next': 'Yes'}], 'Default': 'No'}, "             \
    "'Yes': {'Type': 'Succeed'}, 'No': {'Type': 'Fail', 'Error': 'N'}}}"

static json_t *
run(const char *cases)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    odk_buf_printf(&text, "{'definition': 'x', 'cases': %s}", cases);
    json_t *suite = parse(text.ptr);
    json_t *machine = parse(MACHINE);
    json_t *result = harness_suite_run(suite, machine);
    odk_buf_release(&text);
    json_decref(suite);
    json_decref(machine);
    return result;
}

static const char *
failure(const json_t *result, size_t i)
{
    json_t *one = json_array_get(json_get(result, "cases"), 0);

    return json_string_value(json_array_get(json_get(one, "failures"), i));
}

static int64_t
covered(const json_t *result, const char *what)
{
    json_t *part = json_get(json_get(result, "coverage"), what);

    return json_integer_value(json_get(part, "covered"));
}

static void
a_case_passes_that_goes_as_expected(void **state)
{
    (void)state;
    json_t *result =
        run("[{'name': 'a', 'input': 5, 'mocks': {'Ask': [{'error': 'Busy'}, "
            "{'result': 2}]}, 'path': ['Ask', 'Is', 'Yes'], 'output': 2, "
            "'calls': {'Ask': [5, 5]}}]");
    assert_int_equal(json_integer_value(json_get(result, "passed")), 1);
    assert_null(failure(result, 0));
    json_decref(result);
}

static void
every_difference_is_told(void **state)
{
    (void)state;
    json_t *result =
        run("[{'name': 'a', 'mocks': {'Ask': {'error': 'E'}}, 'path': ['Ask'], "
            "'output': 1, 'calls': {'Ask': [7]}}]");
    assert_int_equal(json_integer_value(json_get(result, "failed")), 1);
    assert_string_equal(failure(result, 0), "status: expected \"SUCCEEDED\", "
                                            "but it was \"FAILED\"");
    assert_string_equal(failure(result, 1), "it ended with N");
    json_t *one = json_array_get(json_get(result, "cases"), 0);
    assert_int_equal(json_array_size(json_get(one, "failures")), 6);
    json_decref(result);
}

static void
a_mock_that_nobody_needs_fails_the_case(void **state)
{
    (void)state;
    json_t *result = run("[{'name': 'a', 'mocks': {'Ask': [{'result': 2}, "
                         "{'result': 3}]}}]");
    assert_string_equal(failure(result, 0),
                        "not every mock was used: state Ask");
    json_decref(result);
}

static void
a_misspelt_member_fails_the_case(void **state)
{
    (void)state;
    json_t *result = run("[{'name': 'a', 'mock': {}}]");
    assert_string_equal(failure(result, 0), "there is no member mock");
    json_decref(result);
    result = run("[{'name': 'a', 'mocks': {'Ask': {'output': 1}}}]");
    assert_string_equal(failure(result, 0), "a mock needs one of result, error "
                                            "and timeout: state Ask");
    json_decref(result);
}

static void
coverage_counts_states_and_transitions(void **state)
{
    (void)state;
    json_t *result = run("[{'name': 'a', 'mocks': {'Ask': {'result': 2}}}]");
    assert_int_equal(covered(result, "states"), 3);
    assert_int_equal(covered(result, "transitions"), 2);
    json_t *part = json_get(json_get(result, "coverage"), "transitions");
    assert_int_equal(json_integer_value(json_get(part, "total")), 4);
    assert_string_equal(
        json_string_value(json_array_get(json_get(part, "missing"), 0)),
        "Ask → No");
    json_decref(result);
}

static void
a_file_that_is_wrong_as_a_whole_says_so(void **state)
{
    (void)state;
    json_t *suite = parse("{'cases': []}");
    json_t *machine = parse("{'StartAt': 'A'}");
    json_t *result = harness_suite_run(suite, machine);
    assert_non_null(json_get(result, "error"));
    json_decref(result);
    json_decref(suite);
    suite = parse("{'case': []}");
    result = harness_suite_run(suite, machine);
    assert_string_equal(json_string_value(json_get(result, "error")),
                        "a test file needs an array `cases`");
    json_decref(result);
    json_decref(suite);
    json_decref(machine);
}

static void
junit_holds_cases_and_failures_escaped(void **state)
{
    (void)state;
    struct odk_buf out;
    json_t *results = json_array();
    json_t *entry = json_object();

    json_set(entry, ODK_STR("file"), json_string("a<b.json"));
    json_set(entry, ODK_STR("result"),
             run("[{'name': 'good & well', 'mocks': {'Ask': {'result': 2}}}, "
                 "{'name': 'bad', 'mocks': {'Ask': {'result': 2}}, 'output': "
                 "'<'}]"));
    json_append(results, entry);
    odk_buf_init(&out, 0);
    harness_suite_junit(results, &out);
    assert_non_null(strstr(out.ptr, "<testsuite name=\"a&lt;b.json\" "
                                    "tests=\"2\" failures=\"1\">"));
    assert_non_null(strstr(out.ptr, "name=\"good &amp; well\"/>"));
    assert_non_null(strstr(out.ptr, "<failure message=\"output: expected "
                                    "&quot;&lt;&quot;, but it was 2\">"));
    odk_buf_release(&out);
    json_decref(results);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_passes_that_goes_as_expected),
        cmocka_unit_test(every_difference_is_told),
        cmocka_unit_test(a_mock_that_nobody_needs_fails_the_case),
        cmocka_unit_test(a_misspelt_member_fails_the_case),
        cmocka_unit_test(coverage_counts_states_and_transitions),
        cmocka_unit_test(a_file_that_is_wrong_as_a_whole_says_so),
        cmocka_unit_test(junit_holds_cases_and_failures_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
