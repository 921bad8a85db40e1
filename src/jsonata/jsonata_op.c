/*
 * Operators, and the steps that read a value: names, wildcards, descendants.
 */

#include <math.h>

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define RANGE_ITEMS_MAX 1e7

static struct jv
numeric(struct jx *ctx, uint16_t op, struct jv a, struct jv b)
{
    if (!jv_is_undefined(a) && !jv_is_numeric(ctx, a)) {
        return jx_fail_value(ctx, "T2001", a);
    }
    if (!jv_is_undefined(b) && !jv_is_numeric(ctx, b)) {
        return jx_fail_value(ctx, "T2002", b);
    }
    if (jv_is_undefined(a) || jv_is_undefined(b)) {
        return jv_undefined();
    }
    switch (op) {
    case '+':
        return jv_number(a.u.number + b.u.number);
    case '-':
        return jv_number(a.u.number - b.u.number);
    case '*':
        return jv_number(a.u.number * b.u.number);
    case '/':
        return jv_number(a.u.number / b.u.number);
    default:
        return jv_number(fmod(a.u.number, b.u.number));
    }
}

static bool
is_comparable(struct jv v)
{
    return v.type == JV_STRING || v.type == JV_NUMBER;
}

static struct jv
compare(struct jx *ctx, uint16_t op, struct jv a, struct jv b)
{
    double left = 0;
    double right = 0;

    if ((!jv_is_undefined(a) && !is_comparable(a)) ||
        (!jv_is_undefined(b) && !is_comparable(b))) {
        return jx_fail_value(ctx, "T2010", is_comparable(a) ? b : a);
    }
    if (jv_is_undefined(a) || jv_is_undefined(b)) {
        return jv_undefined();
    }
    if (a.type != b.type) {
        (void)jx_fail_value(ctx, "T2009", a);
        ctx->fault.value2 = b;
        return jv_undefined();
    }
    if (a.type == JV_STRING) {
        left = jv_text_cmp(jv_text(a), jv_text(b));
    } else {
        left = a.u.number;
        right = b.u.number;
    }
    switch (op) {
    case '<':
        return jv_bool(left < right);
    case '>':
        return jv_bool(left > right);
    case JN_OP_LE:
        return jv_bool(left <= right);
    default:
        return jv_bool(left >= right);
    }
}

static struct jv
equality(struct jx *ctx, uint16_t op, struct jv a, struct jv b)
{
    if (jv_is_undefined(a) || jv_is_undefined(b)) {
        return jv_bool(false);
    }
    return jv_bool(jv_equal(ctx, a, b) == (op == '='));
}

static struct jv
concat(struct jx *ctx, struct jv a, struct jv b)
{
    struct jx_text text;

    a = jx_string(ctx, a, false);
    b = jx_string(ctx, b, false);
    jx_text_init(&text, ctx);
    if (a.type == JV_STRING) {
        jx_text_put(&text, jv_text(a));
    }
    if (b.type == JV_STRING) {
        jx_text_put(&text, jv_text(b));
    }
    (void)jx_charge_bytes(ctx, text.len);
    return jx_text_value(&text);
}

static bool
is_integer(struct jv v)
{
    return v.type == JV_NUMBER && isfinite(v.u.number) &&
           v.u.number == floor(v.u.number);
}

static struct jv
range(struct jx *ctx, struct jv a, struct jv b)
{
    if (!jv_is_undefined(a) && !is_integer(a)) {
        return jx_fail_value(ctx, "T2003", a);
    }
    if (!jv_is_undefined(b) && !is_integer(b)) {
        return jx_fail_value(ctx, "T2004", b);
    }
    if (jv_is_undefined(a) || jv_is_undefined(b) || a.u.number > b.u.number) {
        return jv_undefined();
    }
    double size = b.u.number - a.u.number + 1;
    if (size > RANGE_ITEMS_MAX) {
        return jx_fail_value(ctx, "D2014", jv_number(size));
    }
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);
    if (out) {
        out->is_range = true;
        out->start = a.u.number;
        out->len = (uint32_t)size;
    }
    return jv_array(out);
}

static struct jv
includes(struct jx *ctx, struct jv a, struct jv b)
{
    if (jv_is_undefined(a) || jv_is_undefined(b)) {
        return jv_bool(false);
    }
    if (b.type != JV_ARRAY) {
        return jv_bool(jv_identical(a, b));
    }
    uint32_t n = jv_len(b);
    for (uint32_t i = 0; i < n; i++) {
        if (jv_identical(jv_at(b, i), a)) {
            (void)jx_charge(ctx, i / 8);
            return jv_bool(true);
        }
    }
    (void)jx_charge(ctx, n / 8);
    return jv_bool(false);
}

static struct jv
binary(struct jx *ctx, uint16_t op, struct jv a, struct jv b)
{
    switch (op) {
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
        return numeric(ctx, op, a, b);
    case '=':
    case JN_OP_NE:
        return equality(ctx, op, a, b);
    case '<':
    case '>':
    case JN_OP_LE:
    case JN_OP_GE:
        return compare(ctx, op, a, b);
    case '&':
        return concat(ctx, a, b);
    case JN_OP_RANGE:
        return range(ctx, a, b);
    default:
        return includes(ctx, a, b);
    }
}

static const char *
op_text(uint16_t op, char small[2])
{
    static const char *const names[] = {
        "..", ":=", "!=", ">=", "<=", "**", "~>", "and", "or", "in"};

    if (op >= JN_OP_RANGE && op <= JN_OP_IN) {
        return names[op - JN_OP_RANGE];
    }
    small[0] = (char)op;
    small[1] = '\0';
    return small;
}

/* The operator is the error's token, whatever it was before. */
static void
blame_operator(struct jx *ctx, const struct jn *node)
{
    char small[2];
    struct jx_text text;

    if (ctx->fault.is_limit) {
        return;
    }
    jx_text_init(&text, ctx);
    jx_text_put_cstr(&text, op_text(node->op, small));
    ctx->fault.token = jv_string(jx_text_str(&text));
    ctx->fault.position = node->position;
}

static struct jv
boolean_operator(struct jx *ctx, const struct jn *node,
                 struct jv input, /* NOLINT(misc-no-recursion) */
                 struct jx_frame *env)
{
    struct jv a = jx_eval(ctx, node->lhs, input, env);

    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    bool result = jv_truthy(ctx, a);
    if (jx_ok(ctx) && result == (node->op == JN_OP_AND)) {
        result = jv_truthy(ctx, jx_eval(ctx, node->rhs, input, env));
    }
    if (!jx_ok(ctx)) {
        blame_operator(ctx, node);
    }
    return jv_bool(result);
}

struct jv
jx_eval_binary(struct jx *ctx, const struct jn *node,
               struct jv input, /* NOLINT(misc-no-recursion) */
               struct jx_frame *env)
{
    if (node->op == JN_OP_AND || node->op == JN_OP_OR) {
        return boolean_operator(ctx, node, input, env);
    }
    struct jv a = jx_eval(ctx, node->lhs, input, env);
    struct jv b =
        jx_ok(ctx) ? jx_eval(ctx, node->rhs, input, env) : jv_undefined();
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    struct jv result = binary(ctx, node->op, a, b);
    if (!jx_ok(ctx)) {
        blame_operator(ctx, node);
    }
    return result;
}

static struct jv
lookup_in_array( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv input, struct odk_str key)
{
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);
    uint32_t n = jv_len(input);

    if (!jx_charge(ctx, n)) {
        return jv_undefined();
    }
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv found = jx_lookup_name(ctx, jv_at(input, i), key);
        if (found.type == JV_ARRAY) {
            jv_array_extend(ctx, out, found);
        } else if (!jv_is_undefined(found)) {
            jv_array_push(ctx, out, found);
        }
    }
    return jv_array(out);
}

struct jv
jx_lookup_name( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv input, struct odk_str key)
{
    struct jv out = jv_undefined();

    if (input.type == JV_OBJECT) {
        return jv_get(input, key);
    }
    if (input.type != JV_ARRAY) {
        return out;
    }
    ctx->nest++;
    if (ctx->nest > JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(ctx, "The value is nested too deeply");
    } else {
        out = lookup_in_array(ctx, input, key);
    }
    ctx->nest--;
    return out;
}

/* Every item of an array of arrays. */
static void
flatten( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv v, struct jv_array *out)
{
    if (v.type != JV_ARRAY) {
        jv_array_push(ctx, out, v);
        return;
    }
    ctx->nest++;
    if (ctx->nest > JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(ctx, "The value is nested too deeply");
    }
    uint32_t n = jv_len(v);
    for (uint32_t i = 0; i < n && jx_charge(ctx, 1); i++) {
        flatten(ctx, jv_at(v, i), out);
    }
    ctx->nest--;
}

/* One member's value; an array makes the result a plain array, as appending
 * does in the reference. */
static void
add_wild(struct jx *ctx, struct jv_array *out, struct jv value)
{
    if (value.type == JV_ARRAY) {
        flatten(ctx, value, out);
        if (out) {
            out->flags = 0;
        }
    } else {
        jv_array_push(ctx, out, value);
    }
}

struct jv
jx_eval_wildcard(struct jx *ctx, const struct jn *node, struct jv input,
                 struct jx_frame *env)
{
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);
    struct odk_str key;
    struct jv value;

    (void)node;
    (void)env;
    if (jv_has_flag(input, JV_OUTER) && jv_len(input) > 0) {
        input = jv_at(input, 0);
    }
    if (input.type == JV_OBJECT) {
        struct jv_iter iter = jv_iter(input);
        while (jx_charge(ctx, 1) && jv_iter_next(&iter, &key, &value)) {
            add_wild(ctx, out, value);
        }
    } else if (input.type == JV_ARRAY) {
        uint32_t n = jv_len(input);
        for (uint32_t i = 0; i < n && jx_charge(ctx, 1); i++) {
            add_wild(ctx, out, jv_at(input, i));
        }
    }
    return jv_array(out);
}

static void
descend( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv v, struct jv_array *out)
{
    struct odk_str key;
    struct jv value;

    if (v.type != JV_ARRAY) {
        jv_array_push(ctx, out, v);
    }
    ctx->nest++;
    if (ctx->nest > JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(ctx, "The value is nested too deeply");
    }
    if (v.type == JV_ARRAY) {
        uint32_t n = jv_len(v);
        for (uint32_t i = 0; i < n && jx_charge(ctx, 1); i++) {
            descend(ctx, jv_at(v, i), out);
        }
    } else if (v.type == JV_OBJECT) {
        struct jv_iter iter = jv_iter(v);
        while (jx_charge(ctx, 1) && jv_iter_next(&iter, &key, &value)) {
            descend(ctx, value, out);
        }
    }
    ctx->nest--;
}

struct jv
jx_eval_descendant(struct jx *ctx, const struct jn *node, struct jv input,
                   struct jx_frame *env)
{
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);

    (void)node;
    (void)env;
    if (jv_is_undefined(input) || !out) {
        return jv_undefined();
    }
    descend(ctx, input, out);
    return out->len == 1 ? out->items[0] : jv_array(out);
}
