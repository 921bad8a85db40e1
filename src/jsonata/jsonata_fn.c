#include <math.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define X(name, signature, arity, function) {name, signature, arity, function},
static const struct jx_builtin builtins[] = {JX_BUILTINS(X)};
static const struct jx_builtin builtins_aws[] = {JX_BUILTINS_AWS(X)};
#undef X

const struct jx_builtin *
jx_builtin_find(struct odk_str name, bool is_aws)
{
    const struct jx_builtin *table = is_aws ? builtins_aws : builtins;
    size_t n = is_aws ? ODK_ARRAY_LEN(builtins_aws) : ODK_ARRAY_LEN(builtins);

    for (size_t i = 0; i < n; i++) {
        if (odk_str_is(name, table[i].name)) {
            return &table[i];
        }
    }
    return NULL;
}

struct jv
jx_fn_boolean(struct jx *ctx, struct jx_call *call)
{
    if (jv_is_undefined(call->args[0])) {
        return jv_undefined();
    }
    return jv_bool(jv_truthy(ctx, call->args[0]));
}

struct jv
jx_fn_not(struct jx *ctx, struct jx_call *call)
{
    if (jv_is_undefined(call->args[0])) {
        return jv_undefined();
    }
    return jv_bool(!jv_truthy(ctx, call->args[0]));
}

struct jv
jx_fn_exists(struct jx *ctx, struct jx_call *call)
{
    (void)ctx;
    return jv_bool(!jv_is_undefined(call->args[0]));
}

struct jv
jx_fn_type(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    switch ((enum jv_type)v.type) {
    case JV_NULL:
        return jv_cstr("null");
    case JV_BOOL:
        return jv_cstr("boolean");
    case JV_NUMBER:
        return jv_cstr(jv_is_numeric(ctx, v) ? "number" : "object");
    case JV_STRING:
        return jv_cstr("string");
    case JV_ARRAY:
        return jv_cstr("array");
    case JV_OBJECT:
        return jv_cstr("object");
    case JV_FUNC:
        return jv_cstr("function");
    case JV_UNDEFINED:
    case JV_TUPLE:
        break;
    }
    return jv_undefined();
}

/* Ends the evaluation with the expression's own words. */
static struct jv
fail_message(struct jx *ctx, const char *code, struct jv message,
             const char *otherwise)
{
    bool is_given = message.type == JV_STRING && message.len > 0;

    if (jx_ok(ctx)) {
        (void)jx_fail(ctx, code);
        ctx->fault.message = is_given ? jv_text(message) : odk_str(otherwise);
    }
    return jv_undefined();
}

struct jv
jx_fn_error(struct jx *ctx, struct jx_call *call)
{
    return fail_message(ctx, "D3137", call->args[0],
                        "$error() function evaluated");
}

struct jv
jx_fn_assert(struct jx *ctx, struct jx_call *call)
{
    if (jv_truthy_js(call->args[0])) {
        return jv_undefined();
    }
    return fail_message(ctx, "D3141", call->args[1],
                        "$assert() statement failed");
}

struct jv
jx_fn_clone(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    return jv_is_undefined(v) ? v : jv_clone(ctx, v);
}

struct jv
jx_fn_millis(struct jx *ctx, struct jx_call *call)
{
    (void)call;
    return jv_number((double)ctx->options->now);
}

struct jv
jx_fn_random(struct jx *ctx, struct jx_call *call)
{
    (void)call;
    return jv_number(odk_rand_unit(&ctx->rand));
}
