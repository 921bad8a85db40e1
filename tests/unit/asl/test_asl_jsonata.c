/* Fields whose query language is JSONata. */

#include "asl_fixture.h"

#define PREFIX                                                                 \
    "An error occurred while executing the state 'S' (entered at the event "   \
    "id #2). "
#define PASS "'Type':'Pass','QueryLanguage':'JSONata','End':true,"

/** The value of a Pass state's Output. */
static const char *
output(struct fixture *fixture, const char *json)
{
    char members[512];
    const struct asl_state *pass = NULL;

    (void)snprintf(members, sizeof(members), PASS "'Output':%s", json);
    pass = fixture_state(fixture, members);
    return fixture_eval(fixture, pass->output);
}

static void
expressions_are_evaluated_wherever_they_stand(void **state)
{
    struct fixture *fixture = *state;

    fixture_env(fixture, "{'a':[1,2]}", "{'State':{'Name':'S'}}", "{'v':5}");
    assert_string_equal(
        output(fixture, "{'x':['{% $states.input.a[1] %}','k',{'y':"
                        "'{% $v + 1 %}'}],'n':'{% $states.context.State.Name "
                        "%}'}"),
        "{\"x\":[2,\"k\",{\"y\":6}],\"n\":\"S\"}");
    assert_string_equal(output(fixture, "'{% $sum($states.input.a) %}'"), "3");
    assert_string_equal(output(fixture, "'no expression'"),
                        "\"no expression\"");
}

static void
result_and_error_output_exist_where_they_are_given(void **state)
{
    struct fixture *fixture = *state;

    fixture_env(fixture, "{}", NULL, NULL);
    fixture->env.result = fixture->input;
    assert_string_equal(output(fixture, "'{% $states.result %}'"), "{}");
    assert_string_equal(output(fixture, "'{% $exists($states.errorOutput) %}'"),
                        "false");
}

static void
what_is_undefined_fails_with_the_expression_and_its_field(void **state)
{
    struct fixture *fixture = *state;

    fixture_env(fixture, "{}", NULL, NULL);
    assert_string_equal(output(fixture, "{'x':'{% $states.input.no %}'}"), "");
    assert_string_equal(fixture->error.name, "States.QueryEvaluationError");
    assert_string_equal(fixture_cause(fixture),
                        PREFIX "The JSONata expression '$states.input.no' "
                               "specified for the field 'Output/x' returned "
                               "nothing (undefined).");
    assert_true(odk_str_is(fixture->error.location, "Output/x"));
}

static void
what_throws_fails_with_the_languages_code(void **state)
{
    struct fixture *fixture = *state;

    fixture_env(fixture, "{}", NULL, NULL);
    assert_string_equal(output(fixture, "'{% $nope() %}'"), "");
    assert_string_equal(fixture_cause(fixture),
                        PREFIX "The JSONata expression '$nope()' specified for "
                               "the field 'Output' threw an error during "
                               "evaluation. T1006: Attempted to invoke a "
                               "non-function");
}

static void
a_field_demands_its_type(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *map = fixture_state(
        fixture, "'Type':'Map','QueryLanguage':'JSONata','End':true,'Items':"
                 "'{% 1 %}','ItemProcessor':{'StartAt':'I','States':{'I':{"
                 "'Type':'Succeed'}}}");

    assert_string_equal(fixture_eval(fixture, map->items), "");
    assert_string_equal(fixture_cause(fixture),
                        PREFIX "The JSONata expression '1' specified for the "
                               "field 'Items' returned an unexpected result "
                               "type. Expected 'array', but was 'number' for "
                               "value: 1");
}

static void
a_function_is_no_result(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(output(fixture, "'{% function($x){$x} %}'"), "");
    assert_non_null(
        strstr(fixture_cause(fixture), "returned an unsupported result type."));
}

static void
the_same_seed_gives_the_same_number(void **state)
{
    struct fixture *fixture = *state;
    char first[64];

    odk_rand_init(&fixture->rand, 7);
    (void)snprintf(first, sizeof(first), "%s",
                   output(fixture, "'{% $random() %}'"));
    odk_rand_init(&fixture->rand, 7);
    assert_string_equal(output(fixture, "'{% $random() %}'"), first);
}

static void
a_condition_chooses(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *choice = fixture_state(
        fixture, "'Type':'Choice','QueryLanguage':'JSONata','Default':'T',"
                 "'Choices':[{'Condition':'{% $states.input.a > 1 %}','Next':"
                 "'T','Output':'{% $states.input.a %}'}]");
    int32_t rule = -1;

    fixture_env(fixture, "{'a':2}", NULL, NULL);
    assert_int_equal(asl_choose(choice, &fixture->env, &rule, &fixture->error),
                     0);
    assert_int_equal(rule, 0);
    assert_string_equal(fixture_eval(fixture, choice->rules[0].output), "2");
}

static void
what_is_no_expression_is_refused_when_published(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture, PASS "'Output':'{%10%}'", "/Output");
    fixture_refuses(fixture, PASS "'Output':{'a':[' {% 1 %']}", "/Output/a/0");
    fixture_refuses(fixture, PASS "'Output':'{% 10 + * 2 %}'", "/Output");
    fixture_refuses(fixture, PASS "'Output':'{% a.b %}'", "/Output");
    fixture_refuses(fixture, PASS "'Output':'{% $ %}'", "/Output");
    fixture_refuses(fixture,
                    "'Type':'Wait','QueryLanguage':'JSONata','End':true,"
                    "'Seconds':'5'",
                    "/Seconds");
}

static void
white_space_around_an_expression_makes_it_a_text(void **state)
{
    struct fixture *fixture = *state;

    (void)fixture_state(fixture, PASS "'Output':{'a':' {% 1 %}'}");
    assert_int_equal(fixture->problems.n_errors, 0);
    assert_true(
        fixture_has(fixture, "SCHEMA_VALIDATION_FAILED", "/States/S/Output/a"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(expressions_are_evaluated_wherever_they_stand),
        SUITE_TEST(result_and_error_output_exist_where_they_are_given),
        SUITE_TEST(what_is_undefined_fails_with_the_expression_and_its_field),
        SUITE_TEST(what_throws_fails_with_the_languages_code),
        SUITE_TEST(a_field_demands_its_type),
        SUITE_TEST(a_function_is_no_result),
        SUITE_TEST(the_same_seed_gives_the_same_number),
        SUITE_TEST(a_condition_chooses),
        SUITE_TEST(what_is_no_expression_is_refused_when_published),
        SUITE_TEST(white_space_around_an_expression_makes_it_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
