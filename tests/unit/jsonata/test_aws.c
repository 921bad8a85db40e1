#include "base/base.h"
#include "jsonata_check.h"

static const struct jsonata_options aws = {.is_aws = true, .seed = 3};

static void
the_functions_of_step_functions_exist(void **state)
{
    (void)state;
    check_with("$partition([1..5], 2)", &aws, "[[1, 2], [3, 4], [5]]");
    check_with("$partition([0], 4)", &aws, "[[0]]");
    check_with("$range(0, 10, 3)", &aws, "[0, 3, 6, 9]");
    check_with("$range(1, 9, 9)", &aws, "1");
    check_with("$range(3, 1, -1)", &aws, "[3, 2, 1]");
    check_with("$hash('abc', 'MD5')", &aws,
               "\"900150983cd24fb0d6963f7d28e17f72\"");
    check_with("$parse('{\"a\": [1, null]}').a", &aws, "[1, null]");
    check_with("$parse('-0')", &aws, "0");
    check_with("$length($uuid())", &aws, "36");
    check_with("$random(5) = $random(5)", &aws, "true");
    check_with("$random() < 1", &aws, "true");
}

static void
their_arguments_are_checked(void **state)
{
    static const char *const bad[] = {"$partition([1], 0)",
                                      "$range(1, 2000, 1)", "$range(1, 2, 0)",
                                      "$hash('a', 'CRC')", "$parse('{')"};
    struct jsonata_error err = {.position = 0};
    json_t *result = NULL;

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(bad); i++) {
        assert_int_equal(check_run(bad[i], NULL, &aws, &result, &err),
                         ODK_EINVAL);
        assert_true(err.message[0]);
    }
}

static void
they_are_unknown_outside_of_it(void **state)
{
    (void)state;
    check_error("$uuid()", NULL, "T1006");
    check_error("$eval('1')", NULL, "T1006");
}

static void
an_expression_that_reads_a_document_is_refused(void **state)
{
    static const char *const bad[] = {
        "$",         "$$",       "states.input", "1 + a", "$$.a",
        "$sum(a.b)", "{'a': b}", "$x[$$.a = 1]", "*",     "**"};
    static const char *const good[] = {
        "$x[a = 1]",          "$x.a",    "$count($x[$ = 1])",
        "$x.{'a': b}",        "$x^(a)",  "$map($x, function($v){$v.a})",
        "$x ~> |$|{'a': b}|", "states()"};
    struct jsonata_error err = {.position = 0};
    struct jsonata *program = NULL;
    json_t *result = NULL;

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(bad); i++) {
        assert_int_equal(check_run(bad[i], NULL, &aws, &result, &err),
                         ODK_EINVAL);
        assert_string_equal(err.code, "A0001");
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(good); i++) {
        assert_int_equal(jsonata_compile(odk_str(good[i]), &program, &err), 0);
        assert_false(jsonata_reads_input(program));
        jsonata_free(program);
    }
}

static void
variables_come_from_the_bindings(void **state)
{
    struct jsonata_options options = aws;
    struct jsonata *program = NULL;

    (void)state;
    options.bindings =
        json_loads("{\"states\": {\"input\": {\"n\": 2}}}", 0, NULL);
    check_with("$states.input.n + 1", &options, "3");
    check_with("($x := $states.input; $x.n)", &options, "2");
    json_decref(options.bindings);
    assert_int_equal(jsonata_compile(ODK_STR("$a + $b"), &program, NULL), 0);
    assert_true(jsonata_reads_variable(program, ODK_STR("a")));
    assert_false(jsonata_reads_variable(program, ODK_STR("c")));
    jsonata_free(program);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_functions_of_step_functions_exist),
        cmocka_unit_test(their_arguments_are_checked),
        cmocka_unit_test(they_are_unknown_outside_of_it),
        cmocka_unit_test(an_expression_that_reads_a_document_is_refused),
        cmocka_unit_test(variables_come_from_the_bindings),
    };

    return cmocka_run_group_tests_name("aws", tests, NULL, NULL);
}
