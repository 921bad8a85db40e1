#include "expr_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expr/expr.h"

static json_t *
variable(void *ctx, struct odk_str name)
{
    const json_t *variables = ctx;

    return json_get_str(variables, name);
}

static int
evaluate(const char *text, const char *input, json_t **out,
         struct expr_error *error)
{
    struct odk_err err = {0};
    struct expr *expr = NULL;
    struct odk_rand rand;
    json_t *variables =
        json_parse(ODK_STR("{\"x\":{\"y\":[5,\"z\"]},\"n\":7}"), NULL);
    struct expr_env env = {
        .input = json_parse(odk_str(input), NULL),
        .context = json_parse(ODK_STR("{\"State\":{\"Name\":\"S\"}}"), NULL),
        .variable = variable,
        .variable_ctx = variables,
        .rand = &rand,
    };

    assert_non_null(env.input);
    odk_rand_init(&rand, 42);
    if (expr_compile(odk_str(text), &expr, &err) != 0) {
        print_error("%s: %s\n", text, err.message);
    }
    assert_non_null(expr);
    int rc = expr_eval(expr, &env, out, error);
    expr_free(expr);
    json_decref(env.input);
    json_decref(env.context);
    json_decref(variables);
    return rc;
}

void
check_value(const char *expr, const char *input, const char *wanted)
{
    struct expr_error error;
    struct odk_buf text;
    json_t *value = NULL;

    odk_buf_init(&text, 0);
    expr_error_init(&error);
    if (evaluate(expr, input, &value, &error) == 0) {
        json_put(&text, value);
    } else {
        odk_buf_put_str(&text, odk_buf_str(&error.cause));
    }
    assert_string_equal(text.ptr, wanted);
    json_decref(value);
    odk_buf_release(&text);
    expr_error_release(&error);
}

void
check_failure(const char *expr, const char *input, const char *name,
              const char *cause)
{
    struct expr_error error;
    json_t *value = NULL;

    expr_error_init(&error);
    assert_int_not_equal(evaluate(expr, input, &value, &error), 0);
    assert_null(value);
    assert_string_equal(error.name, name);
    assert_string_equal(error.cause.ptr, cause);
    expr_error_release(&error);
    assert_int_not_equal(evaluate(expr, input, &value, NULL), 0);
}

void
check_refused(const char *expr, int code)
{
    struct odk_err err = {0};
    struct expr *compiled = NULL;
    int rc = expr_compile(odk_str(expr), &compiled, &err);

    if (rc != code) {
        print_error("%s gives %d\n", expr, rc);
    }
    assert_int_equal(rc, code);
    assert_null(compiled);
    assert_int_not_equal(err.message[0], '\0');
}
