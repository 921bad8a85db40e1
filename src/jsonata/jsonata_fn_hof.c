/*
 * Higher-order functions.
 */

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

/* Calls func with as many of value, key and whole as it has parameters. */
static struct jv
call_item(struct jx *ctx, struct jv func, struct jv value,
          struct jv key, /* NOLINT(misc-no-recursion) */
          struct jv whole)
{
    struct jv args[JX_ARGS_MIN] = {value, key, whole};
    uint32_t n = jx_arity(func);

    (void)jx_charge(ctx, 1);
    return jx_apply(ctx, func, args, n < 1 ? 1 : n > 3 ? 3 : n, jv_undefined());
}

struct jv
jx_fn_map(struct jx *ctx, struct jx_call *call) /* NOLINT(misc-no-recursion) */
{
    struct jv array = call->args[0];
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);

    if (jv_is_undefined(array)) {
        return array;
    }
    uint32_t n = jv_len(array);
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv v =
            call_item(ctx, call->args[1], jv_at(array, i), jv_number(i), array);
        if (!jv_is_undefined(v)) {
            jv_array_push(ctx, out, v);
        }
    }
    return jv_array(out);
}

struct jv
jx_fn_filter(struct jx *ctx,
             struct jx_call *call) /* NOLINT(misc-no-recursion) */
{
    struct jv array = call->args[0];
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);

    if (jv_is_undefined(array)) {
        return array;
    }
    uint32_t n = jv_len(array);
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv item = jv_at(array, i);
        struct jv v = call_item(ctx, call->args[1], item, jv_number(i), array);
        if (jx_ok(ctx) && jv_truthy(ctx, v)) {
            jv_array_push(ctx, out, item);
        }
    }
    return jv_array(out);
}

struct jv
jx_fn_single(struct jx *ctx,
             struct jx_call *call) /* NOLINT(misc-no-recursion) */
{
    struct jv array = call->args[0];
    struct jv found = jv_undefined();
    bool is_found = false;

    if (jv_is_undefined(array)) {
        return array;
    }
    uint32_t n = jv_len(array);
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv item = jv_at(array, i);
        bool is_match = true;
        if (!jv_is_undefined(call->args[1])) {
            is_match = jv_truthy(
                ctx, call_item(ctx, call->args[1], item, jv_number(i), array));
        }
        if (!is_match) {
            continue;
        }
        if (is_found) {
            return jx_fail(ctx, "D3138");
        }
        found = item;
        is_found = true;
    }
    return is_found ? found : jx_fail(ctx, "D3139");
}

struct jv
jx_fn_reduce(struct jx *ctx,
             struct jx_call *call) /* NOLINT(misc-no-recursion) */
{
    struct jv array = call->args[0];
    struct jv result = call->args[2];
    uint32_t arity = jx_arity(call->args[1]);
    uint32_t i = 0;

    if (jv_is_undefined(array)) {
        return array;
    }
    if (arity < 2) {
        return jx_fail(ctx, "D3050");
    }
    uint32_t n = jv_len(array);
    if (jv_is_undefined(result) && n > 0) {
        result = jv_at(array, i++);
    }
    for (; i < n && jx_charge(ctx, 1); i++) {
        struct jv args[JX_ARGS_MIN] = {result, jv_at(array, i), jv_number(i),
                                       array};
        result = jx_apply(ctx, call->args[1], args, arity > 4 ? 4 : arity,
                          jv_undefined());
    }
    return result;
}

struct jv
jx_fn_sift(struct jx *ctx, struct jx_call *call) /* NOLINT(misc-no-recursion) */
{
    struct jv object = call->args[0];
    struct odk_str key;
    struct jv value;

    if (object.type != JV_OBJECT) {
        return jv_undefined();
    }
    struct jv_object *out = jv_object_new(ctx);
    struct jv_iter iter = jv_iter(object);
    while (jx_ok(ctx) && jv_iter_next(&iter, &key, &value)) {
        struct jv v =
            call_item(ctx, call->args[1], value, jv_string(key), object);
        if (jx_ok(ctx) && jv_truthy(ctx, v)) {
            jv_object_set(ctx, out, key, value);
        }
    }
    return out && out->len ? jv_object(out) : jv_undefined();
}

struct jv
jx_fn_each(struct jx *ctx, struct jx_call *call) /* NOLINT(misc-no-recursion) */
{
    struct jv object = call->args[0];
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);
    struct odk_str key;
    struct jv value;

    if (object.type == JV_OBJECT) {
        struct jv_iter iter = jv_iter(object);
        while (jx_ok(ctx) && jv_iter_next(&iter, &key, &value)) {
            struct jv v =
                call_item(ctx, call->args[1], value, jv_string(key), object);
            if (!jv_is_undefined(v)) {
                jv_array_push(ctx, out, v);
            }
        }
    }
    return jv_array(out);
}

static bool
is_after_natural(struct jx *ctx, void *arg, struct jv a, struct jv b)
{
    (void)ctx;
    (void)arg;
    if (a.type == JV_STRING) {
        return jv_text_cmp(jv_text(a), jv_text(b)) > 0;
    }
    return a.u.number > b.u.number;
}

static bool
is_after_by_call(struct jx *ctx, void *arg, struct jv a,
                 struct jv b) /* NOLINT(misc-no-recursion) */
{
    const struct jv *func = arg;
    struct jv args[JX_ARGS_MIN] = {a, b};

    return jv_truthy_js(jx_apply(ctx, *func, args, 2, jv_undefined()));
}

struct jv
jx_fn_sort(struct jx *ctx, struct jx_call *call) /* NOLINT(misc-no-recursion) */
{
    struct jv array = call->args[0];

    if (jv_is_undefined(array) || jv_len(array) <= 1) {
        return array;
    }
    if (!jv_is_undefined(call->args[1])) {
        return jx_merge_sort(ctx, array, is_after_by_call, &call->args[1]);
    }
    if (!jv_all_numbers(ctx, array) && !jv_all_strings(array)) {
        return jx_fail(ctx, "D3070");
    }
    return jx_merge_sort(ctx, array, is_after_natural, NULL);
}
