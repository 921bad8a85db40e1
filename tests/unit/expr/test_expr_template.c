#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/expr_template.h"

/* Collects findings as "pointer: message\n". */
static void
collect(void *ctx, const struct json_place *place, struct odk_str message)
{
    struct odk_buf *out = ctx;

    json_place_put(place, out);
    odk_buf_put_cstr(out, ": ");
    odk_buf_put_str(out, message);
    odk_buf_put_char(out, '\n');
}

static struct expr_template *
compile(json_t *source, struct odk_buf *problems)
{
    struct expr_template *tmpl = NULL;
    struct json_place root = {0};
    struct json_place place = {.parent = &root, .key = ODK_STR("P")};
    struct expr_template_source from = {
        .value = source,
        .place = &place,
        .problem = collect,
        .problem_ctx = problems,
    };
    int rc = expr_template_compile(&from, &tmpl);

    assert_int_equal(rc, tmpl ? 0 : ODK_EINVAL);
    return tmpl;
}

static void
check(const char *text, const char *input, const char *wanted)
{
    struct expr_env env = {.input = json_parse(odk_str(input), NULL)};
    json_t *source = json_parse(odk_str(text), NULL);
    struct expr_template *tmpl = compile(source, NULL);
    struct expr_error error;
    struct odk_buf out;
    json_t *value = NULL;

    odk_buf_init(&out, 0);
    expr_error_init(&error);
    if (expr_template_eval(tmpl, &env, &value, &error) == 0) {
        json_put(&out, value);
    } else {
        odk_buf_put_cstr(&out, error.name);
        odk_buf_put_char(&out, ' ');
        odk_buf_put_str(&out, odk_buf_str(&error.cause));
    }
    assert_string_equal(out.ptr, wanted);
    json_decref(value);
    json_decref(source);
    json_decref(env.input);
    odk_buf_release(&out);
    expr_error_release(&error);
    expr_template_free(tmpl);
}

static void
check_problems(const char *text, const char *wanted)
{
    json_t *source = json_parse(odk_str(text), NULL);
    struct odk_buf problems;

    odk_buf_init(&problems, 0);
    assert_null(compile(source, &problems));
    assert_string_equal(problems.ptr, wanted);
    odk_buf_release(&problems);
    json_decref(source);
}

static void
fields_with_an_expression_get_its_value(void **state)
{
    (void)state;
    check("{\"a.$\":\"$.x\",\"b\":\"$.x\",\"c.$\":\"States.MathAdd($.x, 1)\"}",
          "{\"x\":1}", "{\"a\":1,\"b\":\"$.x\",\"c\":2}");
    check("{\"z\":1,\"a.$\":\"$\",\"b\":2}", "5", "{\"z\":1,\"a\":5,\"b\":2}");
}

static void
objects_inside_objects_and_lists_are_filled(void **state)
{
    (void)state;
    check("{\"o\":{\"p\":{\"q.$\":\"$\"}},\"l\":[1,\"$\",{\"m.$\":\"$\"},"
          "[{\"n.$\":\"$\"}]]}",
          "7",
          "{\"o\":{\"p\":{\"q\":7}},\"l\":[1,\"$\",{\"m\":7},[{\"n\":7}]]}");
}

static void
a_path_that_finds_nothing_names_the_field(void **state)
{
    (void)state;
    check("{\"o\":{\"a.$\":\"$.x.y\"}}", "{\"z\":1}",
          "States.Runtime The JSONPath '$.x.y' specified for the field 'a.$' "
          "could not be found in the input '{\"z\":1}'");
    check("{\"a.$\":\"$v\"}", "{}",
          "States.Runtime The variable $v is "
          "undefined");
    check("{\"a.$\":\"States.MathAdd('x', 1)\"}", "{}",
          "States.IntrinsicFailure The function 'States.MathAdd('x', 1)' had "
          "the following error: Argument 1 must be a number, not string");
}

static void
every_problem_is_reported_with_its_place(void **state)
{
    (void)state;
    check_problems(
        "{\"a.$\":\"x\",\"b\":{\"c.$\":5},\"l\":[{\"d.$\":\"$.\"}]}",
        "/P: The value for the field 'a.$' must be a valid JSONPath or a "
        "valid intrinsic function call\n"
        "/P/b: The value for the field 'c.$' must be a STRING that contains a "
        "JSONPath but was another type\n"
        "/P/l/0: The value for the field 'd.$' must be a valid JSONPath or a "
        "valid intrinsic function call\n");
    check_problems("{\"a\":1,\"a.$\":\"$\"}",
                   "/P: The fields 'a' and 'a.$' are the same field\n");
}

static void
what_has_no_expression_is_shared(void **state)
{
    json_t *source =
        json_parse(ODK_STR("{\"k\":{\"deep\":[1]},\"a.$\":\"$\"}"), NULL);
    struct expr_template *tmpl = compile(source, NULL);
    struct expr_env env = {.input = json_true()};
    json_t *value = NULL;

    (void)state;
    assert_false(expr_template_is_constant(tmpl));
    assert_int_equal(expr_template_eval(tmpl, &env, &value, NULL), 0);
    assert_ptr_equal(json_get(value, "k"), json_get(source, "k"));
    json_decref(value);
    expr_template_free(tmpl);
    json_decref(source);
}

static void
a_template_without_expressions_is_its_source(void **state)
{
    json_t *source = json_parse(ODK_STR("{\"k\":[{\"x\":\"$\"}]}"), NULL);
    struct expr_template *tmpl = compile(source, NULL);
    struct expr_env env = {.input = json_true()};
    json_t *value = NULL;

    (void)state;
    assert_true(expr_template_is_constant(tmpl));
    assert_int_equal(expr_template_eval(tmpl, &env, &value, NULL), 0);
    assert_ptr_equal(value, source);
    json_decref(value);
    expr_template_free(tmpl);
    json_decref(source);
}

static void
put_name(void *ctx, struct odk_str name)
{
    odk_buf_put_str(ctx, name);
    odk_buf_put_char(ctx, ' ');
}

static void
the_variables_of_all_fields_are_listed(void **state)
{
    json_t *source = json_parse(
        ODK_STR("{\"a.$\":\"$x\",\"b\":[{\"c.$\":\"States.Array($y.z)\"}]}"),
        NULL);
    struct expr_template *tmpl = compile(source, NULL);
    struct odk_buf names;

    (void)state;
    odk_buf_init(&names, 0);
    expr_template_variables(tmpl, put_name, &names);
    assert_string_equal(names.ptr, "x y ");
    odk_buf_release(&names);
    expr_template_free(tmpl);
    json_decref(source);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_with_an_expression_get_its_value),
        cmocka_unit_test(objects_inside_objects_and_lists_are_filled),
        cmocka_unit_test(a_path_that_finds_nothing_names_the_field),
        cmocka_unit_test(every_problem_is_reported_with_its_place),
        cmocka_unit_test(what_has_no_expression_is_shared),
        cmocka_unit_test(a_template_without_expressions_is_its_source),
        cmocka_unit_test(the_variables_of_all_fields_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
