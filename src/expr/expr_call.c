/*
 * Evaluates a call: arguments first, then the function. Whatever goes wrong is
 * told in the service's form, "The function '…' had the following error: …".
 */

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr/expr_priv.h"

typedef int function_f(const struct expr_call *call, json_t **out);

static function_f *const functions[] = {
    [EXPR_ARRAY] = expr_array,
    [EXPR_ARRAY_PARTITION] = expr_array_partition,
    [EXPR_ARRAY_CONTAINS] = expr_array_contains,
    [EXPR_ARRAY_RANGE] = expr_array_range,
    [EXPR_ARRAY_GET_ITEM] = expr_array_get_item,
    [EXPR_ARRAY_LENGTH] = expr_array_length,
    [EXPR_ARRAY_UNIQUE] = expr_array_unique,
    [EXPR_BASE64_ENCODE] = expr_base64_encode,
    [EXPR_BASE64_DECODE] = expr_base64_decode,
    [EXPR_HASH] = expr_hash,
    [EXPR_JSON_MERGE] = expr_json_merge,
    [EXPR_STRING_TO_JSON] = expr_string_to_json,
    [EXPR_JSON_TO_STRING] = expr_json_to_string,
    [EXPR_MATH_RANDOM] = expr_math_random,
    [EXPR_MATH_ADD] = expr_math_add,
    [EXPR_STRING_SPLIT] = expr_string_split,
    [EXPR_UUID] = expr_uuid,
    [EXPR_FORMAT] = expr_format,
};

/* Starts a cause about the node; NULL when nobody wants one. */
static struct odk_buf *
begin_cause(const struct expr_run *run, const struct expr_node *node,
            const char *name)
{
    if (!run->error) {
        return NULL;
    }
    run->error->name = name;
    odk_buf_clear(&run->error->cause);
    odk_buf_put_cstr(&run->error->cause, "The function '");
    odk_buf_put_str(&run->error->cause, node->text);
    odk_buf_put_cstr(&run->error->cause, "' had the following error: ");
    return &run->error->cause;
}

int
expr_call_fail(const struct expr_call *call, const char *fmt, ...)
{
    struct odk_buf *cause =
        begin_cause(call->run, call->node, "States.IntrinsicFailure");
    char text[256] = "";
    va_list args;

    if (cause) {
        va_start(args, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        odk_buf_put_cstr(cause, text);
    }
    return ODK_EINVAL;
}

void
expr_put_document(struct odk_buf *out, const json_t *document)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    if (document) {
        json_put(&text, document);
    }
    /* Cut between characters. */
    size_t len = text.len;
    if (len > EXPR_CAUSE_BYTES_MAX) {
        len = EXPR_CAUSE_BYTES_MAX;
        while (len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    odk_buf_put_char(out, '\'');
    odk_buf_put(out, odk_buf_str(&text).ptr, len);
    odk_buf_put_char(out, '\'');
    odk_buf_release(&text);
}

/* A path among the arguments that failed. */
static int
fail_argument(const struct expr_run *run, const struct expr_node *node,
              const struct expr_node *argument, const struct odk_err *err)
{
    struct odk_buf *cause = begin_cause(run, node, "States.Runtime");
    const json_t *document = expr_document(argument, run->env);

    if (!cause) {
        return ODK_EINVAL;
    }
    if (argument->kind == EXPR_VARIABLE && !document) {
        odk_buf_put_cstr(cause, err->message);
        return ODK_EINVAL;
    }
    odk_buf_put_cstr(cause, "The JsonPath argument for the field '");
    odk_buf_put_str(cause, argument->text);
    odk_buf_put_cstr(cause, "' could not be found in the input ");
    expr_put_document(cause, document);
    return ODK_EINVAL;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): calls nest ≤ EXPR_NEST_MAX
load_argument(struct expr_run *run, const struct expr_node *node,
              const struct expr_node *argument, json_t **out)
{
    struct odk_err err = {0};
    int rc = 0;

    if (argument->literal) {
        *out = json_incref(argument->literal);
        return 0;
    }
    if (argument->kind == EXPR_INTRINSIC) {
        return expr_call(run, argument, out);
    }
    rc = expr_path_eval(argument, run->env, out, run->error ? &err : NULL);
    return rc == 0 ? 0 : fail_argument(run, node, argument, &err);
}

int
// NOLINTNEXTLINE(misc-no-recursion): calls nest ≤ EXPR_NEST_MAX
expr_call(struct expr_run *run, const struct expr_node *node, json_t **out)
{
    json_t *few[4];
    json_t **arguments = few;
    size_t n = 0;
    int rc = 0;

    *out = NULL;
    if (node->n_arguments > ODK_ARRAY_LEN(few)) {
        arguments = calloc(node->n_arguments, sizeof(json_t *));
        if (!arguments) {
            odk_out_of_memory();
        }
    }
    while (rc == 0 && n < node->n_arguments) {
        rc = load_argument(run, node, node->arguments[n], &arguments[n]);
        n += rc == 0;
    }
    if (rc == 0) {
        struct expr_call call = {run, node, arguments};
        rc = functions[node->function](&call, out);
    }
    while (n > 0) {
        json_decref(arguments[--n]);
    }
    if (arguments != few) {
        free(arguments);
    }
    return rc;
}

static void
wrong_type(const struct expr_call *call, size_t i, const char *wanted)
{
    (void)expr_call_fail(call, "Argument %zu must be %s, not %s", i + 1, wanted,
                         json_type_name(call->arguments[i]));
}

json_t *
expr_want_array(const struct expr_call *call, size_t i)
{
    if (!json_is_array(call->arguments[i])) {
        wrong_type(call, i, "an array");
        return NULL;
    }
    return call->arguments[i];
}

json_t *
expr_want_object(const struct expr_call *call, size_t i)
{
    if (!json_is_object(call->arguments[i])) {
        wrong_type(call, i, "an object");
        return NULL;
    }
    return call->arguments[i];
}

bool
expr_want_string(const struct expr_call *call, size_t i, struct odk_str *out)
{
    if (!json_is_string(call->arguments[i])) {
        wrong_type(call, i, "a string");
        return false;
    }
    *out = json_str(call->arguments[i]);
    return true;
}

bool
expr_want_integer(const struct expr_call *call, size_t i, int64_t *out)
{
    const json_t *value = call->arguments[i];

    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (!json_is_real(value)) {
        wrong_type(call, i, "a number");
        return false;
    }
    double rounded = floor(json_real_value(value) + 0.5);
    if (!(rounded >= -9007199254740992.0 && rounded <= 9007199254740992.0)) {
        (void)expr_call_fail(call, "Argument %zu is out of range", i + 1);
        return false;
    }
    *out = (int64_t)rounded;
    return true;
}
