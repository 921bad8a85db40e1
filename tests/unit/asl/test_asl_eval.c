/* Fields are evaluated alike in both query languages, with AWS's causes. */

#include "asl_fixture.h"

#define PREFIX                                                                 \
    "An error occurred while executing the state 'S' (entered at the event "   \
    "id #2). "

static void
a_path_shares_the_value_it_finds(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *pass =
        fixture_state(fixture, "'Type':'Pass','End':true,'InputPath':'$.a'");
    json_t *out = NULL;

    fixture_env(fixture, "{'a':{'b':1}}", NULL, NULL);
    assert_int_equal(
        asl_eval(pass->input_value, &fixture->env, &out, &fixture->error), 0);
    assert_ptr_equal(out, json_get(fixture->input, "a"));
    json_decref(out);
}

static void
paths_read_input_context_and_variables(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *pass = fixture_state(
        fixture, "'Type':'Pass','End':true,'Parameters':{'i.$':'$.a','c.$':"
                 "'$$.State.Name','v.$':'$v.w','f.$':"
                 "'States.Format(\\'{}!\\', $.a)','k':1}");

    fixture_env(fixture, "{'a':'x'}", "{'State':{'Name':'S'}}",
                "{'v':{'w':[2]}}");
    assert_string_equal(fixture_eval(fixture, pass->arguments),
                        "{\"i\":\"x\",\"c\":\"S\",\"v\":[2],\"f\":\"x!\","
                        "\"k\":1}");
}

static void
a_path_that_finds_nothing_is_worded_as_its_field_demands(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *at = NULL;

    fixture_env(fixture, "{'b':1}", NULL, NULL);
    at = fixture_state(fixture,
                       "'Type':'Pass','End':true,'OutputPath':'$.no.such'");
    assert_string_equal(fixture_eval(fixture, at->output_value), "");
    assert_string_equal(fixture->error.name, "States.Runtime");
    assert_string_equal(fixture_cause(fixture),
                        PREFIX "Invalid path '$.no.such' : Missing property in "
                               "path $['no']");
    at = fixture_state(fixture,
                       "'Type':'Pass','End':true,'Parameters':{'x.$':'$.a'}");
    (void)fixture_eval(fixture, at->arguments);
    assert_string_equal(fixture_cause(fixture),
                        PREFIX "The JSONPath '$.a' specified for the field "
                               "'x.$' could not be found in the input "
                               "'{\"b\":1}'");
    at = fixture_state(fixture, "'Type':'Wait','End':true,'SecondsPath':'$.a'");
    (void)fixture_eval(fixture, at->wait_seconds);
    assert_string_equal(fixture_cause(fixture),
                        PREFIX "The SecondsPath parameter does not reference "
                               "an input value: $.a");
    assert_true(odk_str_is(asl_value_text(at->wait_seconds), "$.a"));
    assert_true(odk_str_is(asl_value_field(at->wait_seconds), "SecondsPath"));
}

static void
a_literal_needs_no_evaluation(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *wait =
        fixture_state(fixture, "'Type':'Wait','End':true,'Seconds':3");

    assert_int_equal(json_integer_value(asl_value_constant(wait->wait_seconds)),
                     3);
    wait =
        fixture_state(fixture, "'Type':'Wait','End':true,'SecondsPath':'$.a'");
    assert_null(asl_value_constant(wait->wait_seconds));
}

static void
a_filter_that_cannot_be_read_fails_when_it_is_evaluated(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *pass = fixture_state(
        fixture, "'Type':'Pass','End':true,'OutputPath':'$[(@.length-1)].bar'");

    assert_string_equal(fixture_eval(fixture, pass->output_value), "");
    assert_string_equal(fixture->error.name, "States.Runtime");
}

static void
a_cause_is_cut_at_the_services_limit(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *pass = fixture_state(
        fixture, "'Type':'Pass','End':true,'Parameters':{'x.$':'$.a'}");
    struct odk_buf text;

    odk_buf_init(&text, 0);
    odk_buf_put_cstr(&text, "{'b':'");
    for (int i = 0; i < 70000; i++) {
        odk_buf_put_char(&text, 'y');
    }
    odk_buf_put_cstr(&text, "'}");
    fixture_env(fixture, text.ptr, NULL, NULL);
    odk_buf_release(&text);
    (void)fixture_eval(fixture, pass->arguments);
    assert_true(fixture->error.cause.len <= 32768);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(a_path_shares_the_value_it_finds),
        SUITE_TEST(paths_read_input_context_and_variables),
        SUITE_TEST(a_path_that_finds_nothing_is_worded_as_its_field_demands),
        SUITE_TEST(a_literal_needs_no_evaluation),
        SUITE_TEST(a_filter_that_cannot_be_read_fails_when_it_is_evaluated),
        SUITE_TEST(a_cause_is_cut_at_the_services_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
