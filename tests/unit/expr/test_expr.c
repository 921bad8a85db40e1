#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/expr.h"
#include "expr_check.h"

static void
a_path_looks_into_input_context_or_variable(void **state)
{
    (void)state;
    check_value("$", "{\"a\":1}", "{\"a\":1}");
    check_value("$.a", "{\"a\":1}", "1");
    check_value("$[0]", "[1]", "1");
    check_value("$$", "{}", "{\"State\":{\"Name\":\"S\"}}");
    check_value("$$.State.Name", "{}", "\"S\"");
    check_value("$$['State']['Name']", "{}", "\"S\"");
    check_value("$n", "{}", "7");
    check_value("$x.y[1]", "{}", "\"z\"");
    check_value("$x['y'][0]", "{}", "5");
    check_value("$x.y[*]", "{}", "[5,\"z\"]");
}

static void
a_path_that_finds_nothing_fails_with_jayways_words(void **state)
{
    (void)state;
    check_failure("$.no.such.result.path", "{}", "States.Runtime",
                  "Invalid path '$.no.such.result.path' : Missing property "
                  "in path $['no']");
    check_failure("$$.State.None", "{}", "States.Runtime",
                  "Invalid path '$$.State.None' : No results for path: "
                  "$['State']['None']");
    check_failure("$none.a", "{}", "States.Runtime",
                  "Invalid path '$none.a' : The variable $none is undefined");
}

static void
finding_nothing_is_told_apart_from_other_failures(void **state)
{
    struct expr *expr = NULL;
    json_t *empty = json_object();
    struct expr_env env = {.input = empty};
    json_t *value = NULL;

    (void)state;
    assert_int_equal(expr_compile(ODK_STR("$.a"), &expr, NULL), 0);
    assert_int_equal(expr_eval(expr, &env, &value, NULL), ODK_ENOTFOUND);
    expr_free(expr);
    assert_int_equal(expr_compile(ODK_STR("$$.a"), &expr, NULL), 0);
    assert_int_equal(expr_eval(expr, &env, &value, NULL), ODK_ENOTFOUND);
    expr_free(expr);
    assert_int_equal(expr_compile(ODK_STR("$v"), &expr, NULL), 0);
    assert_int_equal(expr_eval(expr, &env, &value, NULL), ODK_ENOTFOUND);
    expr_free(expr);
    assert_int_equal(expr_compile(ODK_STR("$.sum()"), &expr, NULL), 0);
    assert_int_equal(expr_eval(expr, &env, &value, NULL), ODK_EINVAL);
    expr_free(expr);
    json_decref(empty);
}

static void
an_expression_knows_what_it_is(void **state)
{
    static const struct {
        const char *text;
        enum expr_kind kind;
        bool is_reference;
    } cases[] = {
        {"$.a", EXPR_INPUT_PATH, true},
        {"$.a[*]", EXPR_INPUT_PATH, false},
        {"$$.a", EXPR_CONTEXT_PATH, false},
        {"$a", EXPR_VARIABLE, false},
        {"States.UUID()", EXPR_INTRINSIC, false},
    };

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        struct expr *expr = NULL;
        assert_int_equal(expr_compile(odk_str(cases[i].text), &expr, NULL), 0);
        assert_int_equal(expr_kind(expr), cases[i].kind);
        assert_int_equal(expr_is_reference(expr), cases[i].is_reference);
        assert_true(odk_str_is(expr_text(expr), cases[i].text));
        assert_int_equal(expr_path(expr) == NULL,
                         cases[i].kind == EXPR_INTRINSIC);
        expr_free(expr);
    }
}

static void
collect(void *ctx, struct odk_str name)
{
    struct odk_buf *out = ctx;

    odk_buf_put_str(out, name);
    odk_buf_put_char(out, ' ');
}

static void
an_expression_lists_its_variables(void **state)
{
    struct expr *expr = NULL;
    struct odk_buf names;

    (void)state;
    odk_buf_init(&names, 0);
    assert_int_equal(
        expr_compile(
            ODK_STR("States.Format('{}{}', $a.b, States.Array($b, $.c, $$.d))"),
            &expr, NULL),
        0);
    expr_variables(expr, collect, &names);
    assert_string_equal(names.ptr, "a b ");
    expr_free(expr);
    odk_buf_release(&names);
}

static void
malformed_expressions_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "x",
        "States",
        "States.",
        "States.None()",
        "States.Array",
        "States.Array(",
        "States.Array(1",
        "States.Array(1,)",
        "States.Array(,)",
        "States.Array(1 2)",
        "States.Array(1)x",
        "States.Array(1)[0]",
        "States.Array(1).a",
        "States.Array(\"a\")",
        "States.Array([1])",
        "States.Array({})",
        "States.Array('a)",
        "States.Array(x)",
        "States.Array($.a[)",
        "States.Format('\\n')",
        "States.Format('He said, \\\"Hello, {}!\\\"', 'x')",
        "States.StringToJson('{\"text\":\"An \\\"escaped\\\" here\"}')",
        "States.UUID(1)",
        "States.Hash('a')",
        "States.Format()",
        "states.UUID()",
        "$.",
        "$a b",
        "$$a",
        "{% 1 %}",
    };

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        check_refused(cases[i], ODK_ESYNTAX);
    }
}

static void
calls_nest_ten_deep_and_no_deeper(void **state)
{
    struct odk_buf text;

    (void)state;
    for (int depth = EXPR_NEST_MAX; depth <= EXPR_NEST_MAX + 1; depth++) {
        odk_buf_init(&text, 0);
        for (int i = 0; i < depth; i++) {
            odk_buf_put_cstr(&text, "States.Array(");
        }
        for (int i = 0; i < depth; i++) {
            odk_buf_put_char(&text, ')');
        }
        if (depth == EXPR_NEST_MAX) {
            check_value(text.ptr, "{}", "[[[[[[[[[[]]]]]]]]]]");
        } else {
            check_refused(text.ptr, ODK_ELIMIT);
        }
        odk_buf_release(&text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_looks_into_input_context_or_variable),
        cmocka_unit_test(a_path_that_finds_nothing_fails_with_jayways_words),
        cmocka_unit_test(finding_nothing_is_told_apart_from_other_failures),
        cmocka_unit_test(an_expression_knows_what_it_is),
        cmocka_unit_test(an_expression_lists_its_variables),
        cmocka_unit_test(malformed_expressions_are_refused),
        cmocka_unit_test(calls_nest_ten_deep_and_no_deeper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
