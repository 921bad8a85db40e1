/* Choice rules: every operator, what a missing or odd value does. */

#include "asl_fixture.h"

/** Whether a rule with these members matches the input. */
static bool
holds(struct fixture *fixture, const char *test, const char *input)
{
    char members[1024];
    const struct asl_state *choice = NULL;
    int32_t rule = -2;

    (void)snprintf(members, sizeof(members),
                   "'Type':'Choice','Default':'T','Choices':[{%s,'Next':'T'}]",
                   test);
    choice = fixture_state(fixture, members);
    fixture_env(fixture, input, NULL, NULL);
    assert_int_equal(asl_choose(choice, &fixture->env, &rule, &fixture->error),
                     0);
    return rule == 0;
}

static void
a_comparison_is_false_for_another_type(void **state)
{
    struct fixture *fixture = *state;

    assert_true(
        holds(fixture, "'Variable':'$.a','StringEquals':'1'", "{'a':'1'}"));
    assert_false(
        holds(fixture, "'Variable':'$.a','StringEquals':'1'", "{'a':1}"));
    assert_false(
        holds(fixture, "'Variable':'$.a','NumericEquals':1", "{'a':'1'}"));
    assert_true(
        holds(fixture, "'Variable':'$.a','NumericEquals':1", "{'a':1.0}"));
    assert_false(
        holds(fixture, "'Variable':'$.a','BooleanEquals':true", "{'a':1}"));
}

static void
order_is_strict_or_not_as_the_operator_says(void **state)
{
    struct fixture *fixture = *state;

    assert_true(
        holds(fixture, "'Variable':'$.a','NumericLessThan':2", "{'a':1}"));
    assert_false(
        holds(fixture, "'Variable':'$.a','NumericLessThan':1", "{'a':1}"));
    assert_true(holds(fixture, "'Variable':'$.a','NumericLessThanEquals':1",
                      "{'a':1}"));
    assert_true(holds(fixture, "'Variable':'$.a','StringGreaterThan':'a'",
                      "{'a':'b'}"));
    assert_true(holds(fixture, "'Variable':'$.a','StringGreaterThanEquals':'b'",
                      "{'a':'b'}"));
    assert_true(holds(
        fixture, "'Variable':'$.a','TimestampLessThan':'2026-01-01T00:00:00Z'",
        "{'a':'2026-01-01T00:30:00+01:00'}"));
}

static void
a_path_operand_is_read_from_the_input(void **state)
{
    struct fixture *fixture = *state;

    assert_true(holds(fixture, "'Variable':'$.a','NumericEqualsPath':'$.b'",
                      "{'a':1,'b':1}"));
    assert_false(holds(fixture, "'Variable':'$.a','NumericEqualsPath':'$.b'",
                       "{'a':1,'b':'1'}"));
}

static void
strings_are_in_utf16_order(void **state)
{
    struct fixture *fixture = *state;

    /* U+1F600 is made of surrogates, below U+FB01. */
    assert_true(holds(fixture,
                      "'Variable':'$.a','StringLessThan':'\xef\xac\x81'",
                      "{'a':'\xf0\x9f\x98\x80'}"));
}

static void
string_matches_knows_stars_and_escapes(void **state)
{
    struct fixture *fixture = *state;

    static const struct {
        const char *pattern;
        const char *text;
        bool is_match;
    } cases[] = {
        {"log-*.txt", "log-1.txt", true},
        {"log-*.txt", "log-.txt", true},
        {"log-*.txt", "log-1.txt.gz", false},
        {"*", "", true},
        {"a*b*c", "a-b-b-c", true},
        {"a\\\\*b", "a*b", true},
        {"a\\\\*b", "axb", false},
        {"a\\\\\\\\*", "a\\\\b", true},
        {"", "a", false},
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        char test[128];
        char input[128];
        (void)snprintf(test, sizeof(test),
                       "'Variable':'$.a','StringMatches':'%s'",
                       cases[i].pattern);
        (void)snprintf(input, sizeof(input), "{'a':'%s'}", cases[i].text);
        if (holds(fixture, test, input) != cases[i].is_match) {
            fail_msg("%s against %s", cases[i].text, cases[i].pattern);
        }
    }
}

static void
the_kind_operators_compare_with_true_and_false(void **state)
{
    struct fixture *fixture = *state;

    assert_true(
        holds(fixture, "'Variable':'$.a','IsString':true", "{'a':'x'}"));
    assert_true(holds(fixture, "'Variable':'$.a','IsString':false", "{'a':1}"));
    assert_true(holds(fixture, "'Variable':'$.a','IsNull':true", "{'a':null}"));
    assert_true(holds(fixture, "'Variable':'$.a','IsTimestamp':true",
                      "{'a':'2026-01-01T00:00:00Z'}"));
    assert_false(holds(fixture, "'Variable':'$.a','IsTimestamp':true",
                       "{'a':'yesterday'}"));
}

static void
only_is_present_takes_a_missing_variable(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *choice = NULL;
    int32_t rule = 0;

    assert_true(holds(fixture, "'Variable':'$.a','IsPresent':false", "{}"));
    assert_true(
        holds(fixture, "'Variable':'$.a','IsPresent':true", "{'a':null}"));
    choice = fixture_state(fixture,
                           "'Type':'Choice','Default':'T','Choices':[{"
                           "'Variable':'$.a','StringEquals':'x','Next':'T'}]");
    fixture_env(fixture, "{}", NULL, NULL);
    assert_int_equal(asl_choose(choice, &fixture->env, &rule, &fixture->error),
                     ODK_EINVAL);
    assert_string_equal(fixture->error.name, "States.Runtime");
    assert_non_null(strstr(fixture_cause(fixture),
                           "Invalid path '$.a': The choice state's condition "
                           "path references an invalid value."));
}

static void
and_or_and_not_nest(void **state)
{
    struct fixture *fixture = *state;
    const char *test =
        "'And':[{'Not':{'Variable':'$.a','NumericEquals':1}},"
        "{'Or':[{'Variable':'$.b','IsPresent':true},{'Variable':'$.c',"
        "'IsPresent':true}]}]";

    assert_true(holds(fixture, test, "{'a':2,'c':1}"));
    assert_false(holds(fixture, test, "{'a':1,'c':1}"));
    assert_false(holds(fixture, test, "{'a':2}"));
}

static void
the_first_rule_that_matches_wins(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *choice = fixture_state(
        fixture,
        "'Type':'Choice','Choices':[{'Variable':'$.a','NumericEquals':1,"
        "'Next':'T'},{'Variable':'$.a','IsNumeric':true,'Next':'T','Assign':{"
        "'v.$':'$.a'}}]");
    int32_t rule = -1;

    fixture_env(fixture, "{'a':5}", NULL, NULL);
    assert_int_equal(asl_choose(choice, &fixture->env, &rule, &fixture->error),
                     0);
    assert_int_equal(rule, 1);
    assert_string_equal(fixture_eval(fixture, choice->rules[1].assign),
                        "{\"v\":5}");
    assert_int_equal(choice->default_next, -1);
}

static void
a_rule_has_one_operator_and_a_next(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture,
                    "'Type':'Choice','Choices':[{'Variable':'$.a',"
                    "'IsNull':true,'IsString':true,'Next':'T'}]",
                    "/Choices/0");
    fixture_refuses(fixture,
                    "'Type':'Choice','Choices':[{'Variable':'$.a',"
                    "'IsNull':true}]",
                    "/Choices/0");
    fixture_refuses(fixture,
                    "'Type':'Choice','Choices':[{'Not':{'Variable':'$.a',"
                    "'IsNull':true,'Next':'T'},'Next':'T'}]",
                    "/Choices/0/Not/Next");
    fixture_refuses(fixture,
                    "'Type':'Choice','Choices':[{'IsNull':true,'Next':'T'}]",
                    "/Choices/0");
    fixture_refuses(fixture, "'Type':'Choice','Choices':[]", "/Choices");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(a_comparison_is_false_for_another_type),
        SUITE_TEST(order_is_strict_or_not_as_the_operator_says),
        SUITE_TEST(a_path_operand_is_read_from_the_input),
        SUITE_TEST(strings_are_in_utf16_order),
        SUITE_TEST(string_matches_knows_stars_and_escapes),
        SUITE_TEST(the_kind_operators_compare_with_true_and_false),
        SUITE_TEST(only_is_present_takes_a_missing_variable),
        SUITE_TEST(and_or_and_not_nest),
        SUITE_TEST(the_first_rule_that_matches_wins),
        SUITE_TEST(a_rule_has_one_operator_and_a_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
