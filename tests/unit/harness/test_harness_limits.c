/*
 * Quotas, and input that is meant to break something: each ends in an error of
 * the language within its budget.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/harness.h"
#include "json/json.h"

/* A text with ' for ". */
static void
put_quoted(struct odk_buf *out, const char *text)
{
    for (; *text; text++) {
        odk_buf_put_char(out, *text == '\'' ? '"' : *text);
    }
}

static json_t *
answer_to(struct odk_str line, int rc)
{
    struct odk_buf out;

    odk_buf_init(&out, 0);
    assert_int_equal(harness_eval(line, &out), rc);
    json_t *answer = json_parse(odk_buf_str(&out), NULL);
    assert_non_null(answer);
    odk_buf_release(&out);
    return answer;
}

/* The answer to one state A of a workflow with its input and limits. */
static json_t *
eval_state(const char *state, const char *input, const char *limits)
{
    struct odk_buf line;

    odk_buf_init(&line, 0);
    put_quoted(&line, "{'definition':{'StartAt':'A','States':{'A':");
    put_quoted(&line, state);
    put_quoted(&line, ",'Z':{'Type':'Succeed'}}},'input':");
    put_quoted(&line, input);
    put_quoted(&line, ",'limits':");
    put_quoted(&line, limits);
    odk_buf_put_char(&line, '}');
    json_t *answer = answer_to(odk_buf_str(&line), 0);
    odk_buf_release(&line);
    return answer;
}

static void
assert_failed(json_t *answer, const char *error, const char *cause)
{
    const char *text = json_string_value(json_get(answer, "cause"));

    assert_true(odk_str_is(json_str(json_get(answer, "error")), error));
    assert_non_null(text);
    assert_non_null(strstr(text, cause));
    json_decref(answer);
}

static void
assert_output(json_t *answer, const char *output)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    json_put(&text, json_get(answer, "output"));
    assert_true(odk_str_is(odk_buf_str(&text), output));
    odk_buf_release(&text);
    json_decref(answer);
}

#define JSONATA(text)                                                          \
    "{'Type':'Pass','QueryLanguage':'JSONata','Output':'{% " text              \
    " %}','End':true}"
#define ASSIGN(fields)                                                         \
    "{'Type':'Pass','QueryLanguage':'JSONata','Assign':{" fields "},'Next':'"  \
    "Z'}"
#define LOOP                                                                   \
    "{'Type':'Choice','Choices':[{'Variable':'$','IsPresent':true,"            \
    "'Next':'A'}],'Default':'Z'}"

static void
a_payload_has_256_kib_or_what_the_request_allows(void **state)
{
    (void)state;
    assert_failed(
        eval_state(JSONATA("$join([1..70000].($string()))"), "{}", "{}"),
        "States.DataLimitExceeded", "state/task 'A' returned a result");
    json_t *answer = eval_state(JSONATA("$join([1..70000].($string()))"), "{}",
                                "{'payloadBytes':400000}");
    assert_true(odk_str_is(json_str(json_get(answer, "status")), "SUCCEEDED"));
    json_decref(answer);
    assert_failed(eval_state("{'Type':'Pass','End':true}", "'0123456789'",
                             "{'payloadBytes':10}"),
                  "States.DataLimitExceeded",
                  "maximum number of bytes service limit");
}

/* Not only what a task gives: also what a rule or a catcher makes of it. */
static void
a_rule_and_a_catcher_keep_to_the_payload_quota(void **state)
{
    (void)state;
    assert_failed(
        eval_state("{'Type':'Choice','QueryLanguage':'JSONata','Choices':[{"
                   "'Condition':true,'Output':'0123456789','Next':'Z'}]}",
                   "1", "{'payloadBytes':10}"),
        "States.DataLimitExceeded", "'A'");
    assert_failed(
        eval_state("{'Type':'Task','QueryLanguage':'JSONata','Resource':'a',"
                   "'End':true,'Catch':[{'ErrorEquals':['States.ALL'],"
                   "'Output':'0123456789','Next':'Z'}]}",
                   "1", "{'payloadBytes':10}"),
        "States.DataLimitExceeded", "'A'");
}

static void
what_one_state_assigns_is_bounded(void **state)
{
    (void)state;
    assert_failed(
        eval_state(ASSIGN("'v':'{% $join([1..70000].($string())) %}'"), "{}",
                   "{}"),
        "States.DataLimitExceeded", "assigns variables");
    assert_failed(
        eval_state(ASSIGN("'v':'0123456789'"), "{}", "{'assignBytes':17}"),
        "States.DataLimitExceeded", "of one state");
    assert_output(
        eval_state(ASSIGN("'v':'0123456789'"), "{}", "{'assignBytes':18}"),
        "{}");
}

static void
all_variables_of_a_run_are_bounded_and_replaced_ones_do_not_count(void **state)
{
    static const char loop[] =
        "{'Type':'Choice','QueryLanguage':'JSONata','Choices':[{'Condition':"
        "'{% $not($exists($n)) or $n < 50 %}','Assign':{'n':'{% "
        "$exists($n) ? $n + 1 : 1 %}','v':'0123456789'},'Next':'A'}],"
        "'Default':'Z'}";

    (void)state;
    assert_output(eval_state(loop, "{}", "{'variablesBytes':60}"), "{}");
    assert_failed(eval_state(loop, "{}", "{'variablesBytes':20}"),
                  "States.DataLimitExceeded", "of an execution");
}

static void
an_endless_loop_ends(void **state)
{
    (void)state;
    assert_failed(eval_state(LOOP, "{}", "{'states':500}"), "States.Runtime",
                  "entered 500 states");
    assert_failed(eval_state(LOOP, "{}", "{}"), "States.Runtime",
                  "entered 100000 states");
}

static void
a_name_has_80_characters_or_what_the_request_allows(void **state)
{
    (void)state;
    json_t *answer = eval_state("{'Type':'Succeed'}", "{}", "{'nameChars':1}");
    assert_null(json_get(answer, "rejected"));
    json_decref(answer);
    answer = eval_state("{'Type':'Pass','End':true},'AB':{'Type':'Succeed'}",
                        "{}", "{'nameChars':1}");
    assert_true(json_array_size(json_get(answer, "rejected")) > 0);
    json_decref(answer);
}

static void
an_expensive_expression_ends_within_its_budget(void **state)
{
    (void)state;
    assert_output(
        eval_state(JSONATA("$reduce([1..1000000], function($a, $b) {$a + $b})"),
                   "{}", "{}"),
        "500000500000");
    assert_failed(eval_state(JSONATA("[1..100000000]"), "{}", "{}"),
                  "States.QueryEvaluationError", "D2014");
    assert_failed(
        eval_state(JSONATA("($f := function($n) {$f($n)}; $f(1))"), "{}", "{}"),
        "States.QueryEvaluationError", "U1001");
    assert_failed(
        eval_state(JSONATA("$match(\\'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"
                           "\\', /^(a+)+$/)"),
                   "{}", "{}"),
        "States.QueryEvaluationError", "U1001");
}

static void
a_catastrophic_filter_matches_nothing(void **state)
{
    (void)state;
    assert_output(
        eval_state("{'Type':'Pass','InputPath':'$[?(@.a =~ "
                   "/^(a+)+$/)]','End':true}",
                   "[{'a':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'}]", "{}"),
        "[]");
}

static void
numbers_beyond_2_53_are_kept(void **state)
{
    (void)state;
    assert_output(eval_state("{'Type':'Pass','End':true}",
                             "[9007199254740993,12345678901234567890]", "{}"),
                  "[9007199254740993,12345678901234567000.0]");
    assert_output(
        eval_state("{'Type':'Pass','Parameters':{'a.$':'States.MathAdd($, 1)'"
                   "},'End':true}",
                   "9007199254740993", "{}"),
        "{\"a\":9007199254740994}");
}

static void
a_wait_until_the_year_9999_is_too_long(void **state)
{
    (void)state;
    assert_failed(
        eval_state("{'Type':'Wait','Timestamp':'9999-12-31T23:59:59Z','End':"
                   "true}",
                   "{}", "{}"),
        "States.Runtime", "Wait state delay is too long");
    assert_failed(eval_state("{'Type':'Wait','SecondsPath':'$','End':true}",
                             "1e300", "{}"),
                  "States.Runtime", "'A'");
}

/* n times text. */
static void
put_times(struct odk_buf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        odk_buf_put_cstr(out, text);
    }
}

static void
nesting_without_end_is_no_request(void **state)
{
    struct odk_buf line;

    (void)state;
    odk_buf_init(&line, 0);
    put_quoted(&line, "{'definition':");
    put_times(&line, "[", 100000);
    put_times(&line, "]", 100000);
    odk_buf_put_char(&line, '}');
    json_t *answer = answer_to(odk_buf_str(&line), ODK_ESYNTAX);
    assert_int_equal(json_array_size(json_get(answer, "rejected")), 1);
    json_decref(answer);
    odk_buf_release(&line);
}

static void
text_that_is_not_utf8_is_no_request(void **state)
{
    (void)state;
    json_decref(answer_to(ODK_STR("{\"definition\":\"\xff\"}"), ODK_ESYNTAX));
}

/* As many states as one definition may have, each entered. */
static void
ten_thousand_states_run_and_one_more_is_refused(void **state)
{
    struct odk_buf line;

    (void)state;
    for (int n = 10000; n <= 10001; n++) {
        odk_buf_init(&line, 0);
        put_quoted(&line, "{'input':1,'definition':{'StartAt':'S1','States':{");
        for (int i = 1; i < n; i++) {
            odk_buf_printf(&line,
                           "\"S%d\":{\"Type\":\"Pass\",\"Next\":\"S%d\"},", i,
                           i + 1);
        }
        odk_buf_printf(&line, "\"S%d\":{\"Type\":\"Succeed\"}}}}", n);
        json_t *answer = answer_to(odk_buf_str(&line), 0);
        assert_int_equal(json_get(answer, "rejected") != NULL, n > 10000);
        json_decref(answer);
        odk_buf_release(&line);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_has_256_kib_or_what_the_request_allows),
        cmocka_unit_test(a_rule_and_a_catcher_keep_to_the_payload_quota),
        cmocka_unit_test(what_one_state_assigns_is_bounded),
        cmocka_unit_test(
            all_variables_of_a_run_are_bounded_and_replaced_ones_do_not_count),
        cmocka_unit_test(an_endless_loop_ends),
        cmocka_unit_test(a_name_has_80_characters_or_what_the_request_allows),
        cmocka_unit_test(an_expensive_expression_ends_within_its_budget),
        cmocka_unit_test(a_catastrophic_filter_matches_nothing),
        cmocka_unit_test(numbers_beyond_2_53_are_kept),
        cmocka_unit_test(a_wait_until_the_year_9999_is_too_long),
        cmocka_unit_test(nesting_without_end_is_no_request),
        cmocka_unit_test(text_that_is_not_utf8_is_no_request),
        cmocka_unit_test(ten_thousand_states_run_and_one_more_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
