/*
 * Functions on arrays and objects that call no functions.
 */

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

struct jv
jx_fn_zip(struct jx *ctx, struct jx_call *call)
{
    struct jv_array *out = jv_array_new(ctx, 0);
    uint32_t shortest = UINT32_MAX;

    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t n = call->args[i].type == JV_ARRAY ? jv_len(call->args[i]) : 0;
        shortest = n < shortest ? n : shortest;
    }
    for (uint32_t i = 0; call->n && i < shortest && jx_ok(ctx); i++) {
        struct jv_array *tuple = jv_array_new(ctx, 0);
        for (uint32_t k = 0; k < call->n && jx_charge(ctx, 1); k++) {
            jv_array_push(ctx, tuple, jv_at(call->args[k], i));
        }
        jv_array_push(ctx, out, jv_array(tuple));
    }
    return jv_array(out);
}

static void
merge_keys( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv v, struct jv_object *keys)
{
    struct odk_str key;
    struct jv value;

    ctx->nest++;
    if (ctx->nest > JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(ctx, "The value is nested too deeply");
    }
    if (v.type == JV_ARRAY) {
        uint32_t n = jv_len(v);
        for (uint32_t i = 0; i < n && jx_charge(ctx, 1); i++) {
            merge_keys(ctx, jv_at(v, i), keys);
        }
    } else if (v.type == JV_OBJECT) {
        struct jv_iter iter = jv_iter(v);
        while (jx_charge(ctx, 1) && jv_iter_next(&iter, &key, &value)) {
            jv_object_set(ctx, keys, key, jv_null());
        }
    }
    ctx->nest--;
}

struct jv
jx_fn_keys(struct jx *ctx, struct jx_call *call)
{
    struct jv_object *keys = jv_object_new(ctx);
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);

    merge_keys(ctx, call->args[0], keys);
    for (uint32_t i = 0; jx_ok(ctx) && i < keys->len; i++) {
        jv_array_push(ctx, out, jv_string(keys->pairs[i].key));
    }
    return jv_array(out);
}

struct jv
jx_fn_lookup(struct jx *ctx, struct jx_call *call)
{
    if (call->args[1].type != JV_STRING) {
        return jv_undefined();
    }
    return jx_lookup_name(ctx, call->args[0], jv_text(call->args[1]));
}

struct jv
jx_fn_append(struct jx *ctx, struct jx_call *call)
{
    return jv_append(ctx, call->args[0], call->args[1]);
}

/* The pairs of an object, or of the objects of an array, each an object. As
 * appending does in the reference, an array makes the result a plain one. */
static void
spread( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv v, struct jv_array *out)
{
    struct odk_str key;
    struct jv value;

    ctx->nest++;
    if (ctx->nest > JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(ctx, "The value is nested too deeply");
    }
    if (v.type == JV_ARRAY) {
        uint32_t n = jv_len(v);
        for (uint32_t i = 0; i < n && jx_charge(ctx, 1); i++) {
            out->flags = 0;
            spread(ctx, jv_at(v, i), out);
        }
    } else if (v.type == JV_OBJECT) {
        struct jv_iter iter = jv_iter(v);
        while (jx_charge(ctx, 1) && jv_iter_next(&iter, &key, &value)) {
            struct jv_object *pair = jv_object_new(ctx);
            jv_object_set(ctx, pair, key, value);
            jv_array_push(ctx, out, jv_object(pair));
        }
    } else if (!jv_is_undefined(v)) {
        jv_array_push(ctx, out, v);
    }
    ctx->nest--;
}

struct jv
jx_fn_spread(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);

    if (v.type != JV_ARRAY && v.type != JV_OBJECT) {
        return v;
    }
    if (out) {
        spread(ctx, v, out);
    }
    return jv_array(out);
}

struct jv
jx_fn_merge(struct jx *ctx, struct jx_call *call)
{
    struct jv list = call->args[0];
    struct jv_object *out = jv_object_new(ctx);
    struct odk_str key;
    struct jv value;

    if (jv_is_undefined(list)) {
        return list;
    }
    uint32_t n = jv_len(list);
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv item = jv_at(list, i);
        if (item.type != JV_OBJECT) {
            continue;
        }
        struct jv_iter iter = jv_iter(item);
        while (jx_charge(ctx, 1) && jv_iter_next(&iter, &key, &value)) {
            jv_object_set(ctx, out, key, value);
        }
    }
    return jv_object(out);
}

struct jv
jx_fn_reverse(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jv_array *out = jv_array_new(ctx, 0);

    if (jv_is_undefined(v) || jv_len(v) <= 1) {
        return v;
    }
    (void)jx_charge(ctx, jv_len(v) / 8);
    for (uint32_t i = jv_len(v); i-- > 0 && jx_ok(ctx);) {
        jv_array_push(ctx, out, jv_at(v, i));
    }
    return jv_array(out);
}

struct jv
jx_fn_shuffle(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v) || jv_len(v) <= 1) {
        return v;
    }
    uint32_t n = jv_len(v);
    struct jv_array *out = jv_array_new(ctx, 0);
    (void)jx_charge(ctx, n / 8);
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        uint32_t j = (uint32_t)odk_rand_below(&ctx->rand, i + 1);
        jv_array_push(ctx, out, jv_at(v, i));
        if (jx_ok(ctx)) {
            out->items[i] = out->items[j];
            out->items[j] = jv_at(v, i);
        }
    }
    return jv_array(out);
}

/* What was seen: strings and numbers by their bytes, the rest one by one. */
struct seen {
    struct jv_object *scalars;
    struct jv_array *others;
};

/* A key that only equal scalars share; absent for what is none. */
static struct odk_str
scalar_key(struct jx *ctx, struct jv v)
{
    struct jx_text text;
    char number[JX_NUMBER_TEXT_MAX];

    jx_text_init(&text, ctx);
    switch ((enum jv_type)v.type) {
    case JV_STRING:
        jx_text_put_char(&text, '"');
        jx_text_put(&text, jv_text(v));
        break;
    case JV_NUMBER:
        jx_text_put_char(&text, '#');
        jx_text_put(&text, jx_number_text(v.u.number, number));
        break;
    case JV_BOOL:
        jx_text_put_cstr(&text, v.u.boolean ? "t" : "f");
        break;
    case JV_NULL:
        jx_text_put_char(&text, 'n');
        break;
    case JV_UNDEFINED:
    case JV_ARRAY:
    case JV_OBJECT:
    case JV_FUNC:
    case JV_TUPLE:
        return odk_str(NULL);
    }
    return jx_text_str(&text);
}

static bool
is_new(struct jx *ctx, struct seen *seen, struct jv v)
{
    struct odk_str key = scalar_key(ctx, v);

    if (!jx_charge(ctx, 1)) {
        return false;
    }
    if (key.ptr) {
        if (jv_object_find(seen->scalars, key)) {
            return false;
        }
        jv_object_set(ctx, seen->scalars, key, jv_null());
        return true;
    }
    for (uint32_t i = 0; i < seen->others->len && jx_ok(ctx); i++) {
        if (jv_equal(ctx, v, seen->others->items[i])) {
            return false;
        }
    }
    jv_array_push(ctx, seen->others, v);
    return true;
}

struct jv
jx_fn_distinct(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct seen seen = {jv_object_new(ctx), jv_array_new(ctx, 0)};

    if (v.type != JV_ARRAY || jv_len(v) <= 1 || !jx_ok(ctx)) {
        return v;
    }
    struct jv_array *out =
        jv_array_new(ctx, jv_has_flag(v, JV_SEQUENCE) ? JV_SEQUENCE : 0);
    uint32_t n = jv_len(v);
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        if (is_new(ctx, &seen, jv_at(v, i))) {
            jv_array_push(ctx, out, jv_at(v, i));
        }
    }
    return jv_array(out);
}
