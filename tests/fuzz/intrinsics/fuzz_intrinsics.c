/*
 * Any bytes as an expression, and as the only field of a template: both compile
 * or neither does, and they agree about the value.
 */

#include "expr/expr_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *
variable(void *ctx, struct odk_str name)
{
    json_t *value = ctx;

    return odk_str_is(name, "v") ? value : NULL;
}

static void
check_template(struct odk_str text, const struct expr_env *env, json_t *wanted)
{
    json_t *source = json_object();
    struct expr_template *tmpl = NULL;
    struct expr_template_source from = {.value = source};
    json_t *value = NULL;

    json_set(source, ODK_STR("f.$"), json_str_new(text));
    odk_assert(expr_template_compile(&from, &tmpl) == 0);
    int rc = expr_template_eval(tmpl, env, &value, NULL);
    odk_assert((rc == 0) == (wanted != NULL));
    odk_assert(!wanted || json_eq(json_get(value, "f"), wanted));
    json_decref(value);
    expr_template_free(tmpl);
    json_decref(source);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct odk_str text = odk_str_n(data, size);
    struct odk_err err = {0};
    struct expr *expr = NULL;
    struct expr_error error;
    struct odk_rand rand;
    json_t *value = NULL;

    if (expr_compile(text, &expr, &err) != 0) {
        odk_assert(!expr);
        odk_assert(err.message[0] != '\0');
        return 0;
    }
    json_t *input = json_parse(ODK_STR("{\"a\":[1,2.5,\"x\",{\"b\":null}],"
                                       "\"s\":\"a,b\",\"t\":\"<{}>\"}"),
                               NULL);
    struct expr_env env = {
        .input = input,
        .context = input,
        .variable = variable,
        .variable_ctx = input,
        .rand = &rand,
    };
    expr_error_init(&error);
    odk_rand_init(&rand, 1);
    int rc = expr_eval(expr, &env, &value, &error);
    odk_assert((rc == 0) == (value != NULL));
    odk_assert(rc == 0 || error.name[0] != '\0');
    odk_rand_init(&rand, 1);
    check_template(text, &env, value);
    json_decref(value);
    json_decref(input);
    expr_error_release(&error);
    expr_free(expr);
    return 0;
}
