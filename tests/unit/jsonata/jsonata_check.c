#include "jsonata_check.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *
parse(const char *text)
{
    json_error_t error;
    json_t *json =
        text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error)
             : NULL;

    assert_true(json || !text);
    return json;
}

int
check_run(const char *expr, const char *input,
          const struct jsonata_options *options, json_t **out,
          struct jsonata_error *err)
{
    struct jsonata *program = NULL;
    json_t *document = parse(input);

    *out = NULL;
    int rc = jsonata_compile(odk_str(expr), &program, err);
    if (rc == 0) {
        rc = jsonata_eval(program, document, options, out, err);
    }
    jsonata_free(program);
    json_decref(document);
    return rc;
}

static void
compare(const char *expr, const char *expected, json_t *result)
{
    json_t *want = parse(expected);

    if (!json_equal(want, result) && (want || result)) {
        char *got = json_dumps(result, JSON_ENCODE_ANY);
        (void)fprintf(stderr, "%s gave %s, not %s\n", expr,
                      got ? got : "undefined",
                      expected ? expected : "undefined");
        free(got);
        json_decref(want);
        json_decref(result);
        fail();
    }
    json_decref(want);
    json_decref(result);
}

static void
evaluate(const char *expr, const char *input,
         const struct jsonata_options *options, const char *expected)
{
    struct jsonata_error err = {.position = 0};
    json_t *result = NULL;

    if (check_run(expr, input, options, &result, &err) != 0) {
        (void)fprintf(stderr, "%s failed: %s %s\n", expr, err.code,
                      err.message);
        fail();
    }
    compare(expr, expected, result);
}

void
check(const char *expr, const char *input, const char *expected)
{
    const struct jsonata_options options = {.now = CHECK_NOW};

    evaluate(expr, input, &options, expected);
}

void
check_with(const char *expr, const struct jsonata_options *options,
           const char *expected)
{
    evaluate(expr, NULL, options, expected);
}

void
check_error(const char *expr, const char *input, const char *code)
{
    struct jsonata_error err = {.position = 0};
    json_t *result = NULL;

    assert_int_not_equal(check_run(expr, input, NULL, &result, &err), 0);
    assert_null(result);
    assert_string_equal(err.code, code);
}
