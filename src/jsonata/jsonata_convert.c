/*
 * Values that leave an evaluation, and the deep copies that transforms change.
 */

#include <math.h>
#include <string.h>

#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_text_priv.h"

/* What a jansson node costs the memory budget. */
#define JSON_NODE_BYTES 64u
#define EXACT_MAX       9007199254740992.0

/* One level deeper, whatever it returns; the caller goes back up. */
static bool
enter(struct jx *ctx)
{
    ctx->nest++;
    if (ctx->nest > JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(ctx, "The value is nested too deeply");
        return false;
    }
    return jx_charge(ctx, 1);
}

static struct jv
clone_array(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    struct jv_array *out = jv_array_new(ctx, 0);
    uint32_t n = jv_len(v);

    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv item = jv_clone(ctx, jv_at(v, i));
        jv_array_push(ctx, out, jv_is_undefined(item) ? jv_null() : item);
    }
    return jv_array(out);
}

static struct jv
clone_object(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    struct jv_object *out = jv_object_new(ctx);
    struct jv_iter iter = jv_iter(v);
    struct odk_str key;
    struct jv value;

    while (jx_ok(ctx) && jv_iter_next(&iter, &key, &value)) {
        if (!jv_is_undefined(value)) {
            jv_object_set(ctx, out, key, jv_clone(ctx, value));
        }
    }
    return jv_object(out);
}

struct jv
jv_clone(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    struct jv out = v;

    if (!enter(ctx)) {
        out = jv_undefined();
    } else if (v.type == JV_ARRAY) {
        out = clone_array(ctx, v);
    } else if (v.type == JV_OBJECT) {
        out = clone_object(ctx, v);
    } else if (v.type == JV_FUNC || v.type == JV_TUPLE) {
        out = jv_cstr("");
    } else if (v.type == JV_NUMBER) {
        out = isnan(v.u.number) ? jv_null()
                                : jv_number(jx_number_round15(v.u.number));
        (void)jv_is_numeric(ctx, v);
    }
    ctx->nest--;
    return out;
}

/* JSON has no infinity and no NaN: as JSON.stringify, it gets null. */
static json_t *
number_to_json(double n)
{
    if (!isfinite(n)) {
        return json_null();
    }
    if (n == floor(n) && fabs(n) <= EXACT_MAX) {
        return json_integer((json_int_t)n);
    }
    return json_real(n);
}

/* jansson refuses lone surrogates: they become U+FFFD. */
static json_t *
string_to_json(struct jx *ctx, struct odk_str s)
{
    struct jx_text text;

    json_t *json = json_stringn(s.ptr, s.len);
    if (json) {
        return json;
    }
    jx_text_init(&text, ctx);
    for (size_t at = 0; at < s.len && jx_ok(ctx);) {
        size_t start = at;
        uint32_t code = jx_code_next(s, &at);
        if ((code >= 0xd800 && code <= 0xdfff) ||
            (at - start == 1 && code >= 0x80)) {
            code = 0xfffd;
        }
        jx_text_put_code(&text, code);
    }
    if (!jx_ok(ctx)) {
        return NULL;
    }
    return json_stringn(jx_text_str(&text).ptr, text.len);
}

static json_t *
array_to_json(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    json_t *out = json_array();
    uint32_t n = jv_len(v);

    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        json_t *item = jv_to_json(ctx, jv_at(v, i));
        if (!item && jx_ok(ctx)) {
            item = json_null();
        }
        if (item) {
            (void)json_array_append_new(out, item);
        }
    }
    return out;
}

/* Takes item. */
static void
set_member(struct jx *ctx, json_t *object, struct odk_str key, json_t *item)
{
    if (odk_str_is_utf8(key)) {
        (void)json_object_setn_new(object, key.ptr, key.len, item);
        return;
    }
    json_t *clean = string_to_json(ctx, key);
    (void)json_object_setn_new(object, json_string_value(clean),
                               json_string_length(clean), item);
    json_decref(clean);
}

static json_t *
object_to_json(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    json_t *out = json_object();
    struct jv_iter iter = jv_iter(v);
    struct odk_str key;
    struct jv value;

    while (jx_ok(ctx) && jv_iter_next(&iter, &key, &value)) {
        json_t *item = jv_to_json(ctx, value);
        if (item) {
            set_member(ctx, out, key, item);
        }
    }
    return out;
}

static json_t *
to_json(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    switch ((enum jv_type)v.type) {
    case JV_UNDEFINED:
        return NULL;
    case JV_NULL:
    case JV_TUPLE:
        return json_null();
    case JV_BOOL:
        return json_boolean(v.u.boolean);
    case JV_NUMBER:
        return number_to_json(v.u.number);
    case JV_STRING:
        return string_to_json(ctx, jv_text(v));
    case JV_ARRAY:
        return array_to_json(ctx, v);
    case JV_OBJECT:
        return object_to_json(ctx, v);
    case JV_FUNC:
        (void)jx_fail(ctx, "");
        ctx->fault.is_unsupported = true;
        return NULL;
    }
    return NULL;
}

/* Counts what the result takes against the memory budget, since jansson's nodes
 * do not come from the arena. */
static bool
charge_node(struct jx *ctx, struct jv v)
{
    size_t bytes = JSON_NODE_BYTES + (v.type == JV_STRING ? v.len : 0);

    if (ctx->json_bytes_left < bytes) {
        (void)jx_fail_limit(ctx, "The result takes too much memory");
        return false;
    }
    ctx->json_bytes_left -= bytes;
    return true;
}

json_t *
jv_to_json(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    json_t *out = NULL;

    if (v.is_json) {
        return json_incref(v.u.json);
    }
    if (!charge_node(ctx, v)) {
        return NULL;
    }
    if (enter(ctx)) {
        out = to_json(ctx, v);
    }
    ctx->nest--;
    if (!jx_ok(ctx)) {
        json_decref(out);
        return NULL;
    }
    return out;
}
