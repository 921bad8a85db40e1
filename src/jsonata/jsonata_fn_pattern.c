/*
 * Functions on strings with patterns: a pattern is a string, a regular
 * expression, or a function that answers as a regular expression does. As in
 * the reference, the next match is looked for before the limit is: its error
 * counts even where the match would not.
 */

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_regex_priv.h"
#include "jsonata/jsonata_text_priv.h"

/* A limit that must not be negative; without one there is none. */
static bool
take_limit(struct jx *ctx, struct jv v, const char *code, double *limit)
{
    *limit = v.type == JV_NUMBER ? v.u.number : INFINITY;
    if (*limit < 0) {
        (void)jx_fail_value(ctx, code, v);
        return false;
    }
    return true;
}

struct jv
jx_fn_contains(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jx_matcher matcher;
    struct jx_found found;

    if (jv_is_undefined(v)) {
        return v;
    }
    if (call->args[1].type == JV_STRING) {
        (void)jx_charge_bytes(ctx, v.len);
        return jv_bool(jx_str_find(jv_text(v), jv_text(call->args[1]), 0) >= 0);
    }
    jx_matcher_init(&matcher, call->args[1], jv_text(v));
    return jv_bool(jx_matcher_next(ctx, &matcher, &found));
}

struct jv
jx_fn_match(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);
    struct jx_matcher matcher;
    struct jx_found found;
    double limit = 0;
    size_t units = 0;
    size_t at = 0;

    if (jv_is_undefined(v) ||
        !take_limit(ctx, call->args[2], "D3040", &limit)) {
        return jv_undefined();
    }
    jx_matcher_init(&matcher, call->args[1], jv_text(v));
    bool is_more = limit > 0 && jx_matcher_next(ctx, &matcher, &found);
    for (uint64_t n = 0; (double)n < limit && is_more; n++) {
        struct jv_object *object = jv_object_new(ctx);
        if (found.start >= at) {
            units += jx_units(jx_str_slice(jv_text(v), at, found.start));
            at = found.start;
        }
        jv_object_set(ctx, object, ODK_STR("match"), jv_string(found.match));
        jv_object_set(ctx, object, ODK_STR("index"), jv_number((double)units));
        jv_object_set(ctx, object, ODK_STR("groups"), found.groups);
        jv_array_push(ctx, out, jv_object(object));
        is_more = jx_ok(ctx) && jx_matcher_next(ctx, &matcher, &found);
    }
    return jv_array(out);
}

/* The text of group number n, if it matched. */
static void
put_group(struct jx_text *text, const struct jx_found *found, double n)
{
    struct jv group = found->groups.type == JV_ARRAY && n >= 1
                          ? jv_at(found->groups, (size_t)n - 1)
                          : jv_undefined();

    if (group.type == JV_STRING) {
        jx_text_put(text, jv_text(group));
    }
}

/* $n at `at`, just behind the $: as many digits as the number of groups has,
 * one less if that is too high a number. Returns the digits taken. */
static size_t
put_reference(struct jx_text *text, struct odk_str s, size_t at,
              const struct jx_found *found)
{
    uint32_t groups =
        found->groups.type == JV_ARRAY ? jv_len(found->groups) : 0;
    size_t max_digits = 1;
    char digits[JX_NUMBER_TEXT_MAX];

    for (uint32_t n = groups; n >= 10; n /= 10) {
        max_digits++;
    }
    double n = jx_parse_int(jx_str_slice(s, at, at + max_digits));
    if (max_digits > 1 && n > groups) {
        n = jx_parse_int(jx_str_slice(s, at, at + max_digits - 1));
    }
    if (isnan(n)) {
        jx_text_put_char(text, '$');
        return 0;
    }
    put_group(text, found, n);
    return jx_number_text(n, digits).len;
}

static void
put_substitute(struct jx_text *text, struct odk_str s,
               const struct jx_found *found)
{
    size_t at = 0;

    for (;;) {
        ptrdiff_t dollar = jx_str_find(s, ODK_STR("$"), at);
        if (dollar < 0 || !jx_ok(text->ctx)) {
            break;
        }
        jx_text_put(text, jx_str_slice(s, at, (size_t)dollar));
        at = (size_t)dollar + 1;
        char c = at < s.len ? s.ptr[at] : '\0';
        if (c == '$') {
            jx_text_put_char(text, '$');
            at++;
        } else if (c == '0') {
            jx_text_put(text, found->match);
            at++;
        } else {
            at += put_reference(text, s, at, found);
        }
    }
    jx_text_put(text, odk_str_from(s, at));
}

static void
put_replacement(struct jx_text *text, struct jv replacement,
                const struct jx_matcher *matcher, const struct jx_found *found)
{
    struct jx *ctx = text->ctx;
    struct jv args[JX_ARGS_MIN] = {{.type = JV_UNDEFINED}};

    if (replacement.type == JV_STRING) {
        put_substitute(text, jv_text(replacement), found);
        return;
    }
    args[0] = jx_found_object(ctx, matcher, found);
    struct jv with = jx_apply(ctx, replacement, args, 1, jv_undefined());
    if (!jx_ok(ctx)) {
        return;
    }
    if (with.type != JV_STRING) {
        (void)jx_fail_value(ctx, "D3012", with);
        return;
    }
    jx_text_put(text, jv_text(with));
}

static struct jv
replace_text(struct jx *ctx, const struct jx_call *call, double limit)
{
    struct odk_str s = jv_text(call->args[0]);
    struct odk_str pattern = jv_text(call->args[1]);
    struct jx_text text;
    size_t at = 0;

    jx_text_init(&text, ctx);
    for (uint64_t n = 0; (double)n < limit && jx_ok(ctx); n++) {
        ptrdiff_t hit = jx_str_find(s, pattern, at);
        if (hit < 0) {
            break;
        }
        if (call->args[2].type != JV_STRING) {
            return jx_fail_value(ctx, "D3012", call->args[2]);
        }
        jx_text_put(&text, jx_str_slice(s, at, (size_t)hit));
        jx_text_put(&text, jv_text(call->args[2]));
        at = (size_t)hit + pattern.len;
    }
    jx_text_put(&text, odk_str_from(s, at));
    (void)jx_charge_bytes(ctx, s.len + text.len);
    return jx_text_value(&text);
}

struct jv
jx_fn_replace(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jx_matcher matcher;
    struct jx_found found;
    struct jx_text text;
    double limit = 0;
    size_t at = 0;

    if (jv_is_undefined(v)) {
        return v;
    }
    if (call->args[1].type == JV_STRING && call->args[1].len == 0) {
        return jx_fail_value(ctx, "D3010", call->args[1]);
    }
    if (!take_limit(ctx, call->args[3], "D3011", &limit)) {
        return jv_undefined();
    }
    if (call->args[1].type == JV_STRING) {
        return replace_text(ctx, call, limit);
    }
    jx_text_init(&text, ctx);
    jx_matcher_init(&matcher, call->args[1], jv_text(v));
    bool is_more = limit > 0 && jx_matcher_next(ctx, &matcher, &found);
    for (uint64_t n = 0; (double)n < limit && is_more; n++) {
        jx_text_put(&text, jx_str_slice(jv_text(v), at, found.start));
        put_replacement(&text, call->args[2], &matcher, &found);
        at = found.start + found.match.len;
        is_more = jx_ok(ctx) && jx_matcher_next(ctx, &matcher, &found);
    }
    jx_text_put(&text, odk_str_from(jv_text(v), at));
    return jx_text_value(&text);
}

/* Every UTF-16 unit by itself. */
static void
split_units(struct jx *ctx, struct odk_str s, double limit,
            struct jv_array *out)
{
    char half[JX_CODE_BYTES_MAX];

    for (size_t at = 0; at < s.len && out->len < limit && jx_charge(ctx, 1);) {
        size_t from = at;
        uint32_t code = jx_code_next(s, &at);
        if (code < 0x10000) {
            jv_array_push(ctx, out, jv_string(jx_str_slice(s, from, at)));
            continue;
        }
        uint32_t units[2] = {0xd800 + ((code - 0x10000) >> 10),
                             0xdc00 + (code & 0x3ff)};
        for (size_t i = 0; i < 2 && out->len < limit && jx_ok(ctx); i++) {
            struct jx_text text;
            jx_text_init(&text, ctx);
            jx_text_put(&text, odk_str_n(half, jx_code_put(units[i], half)));
            jv_array_push(ctx, out, jx_text_value(&text));
        }
    }
}

static struct jv
split_text(struct jx *ctx, struct odk_str s, struct odk_str separator,
           double limit)
{
    struct jv_array *out = jv_array_new(ctx, 0);
    size_t at = 0;

    (void)jx_charge_bytes(ctx, s.len);
    if (!out) {
        return jv_undefined();
    }
    if (separator.len == 0) {
        split_units(ctx, s, limit, out);
        return jv_array(out);
    }
    while (out->len < limit && jx_charge(ctx, 1)) {
        ptrdiff_t hit = jx_str_find(s, separator, at);
        size_t end = hit < 0 ? s.len : (size_t)hit;
        jv_array_push(ctx, out, jv_string(jx_str_slice(s, at, end)));
        if (hit < 0) {
            break;
        }
        at = end + separator.len;
    }
    return jv_array(out);
}

struct jv
jx_fn_split(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jv_array *out = jv_array_new(ctx, 0);
    struct jx_matcher matcher;
    struct jx_found found;
    double limit = 0;
    uint64_t n = 0;
    size_t at = 0;

    if (jv_is_undefined(v) ||
        !take_limit(ctx, call->args[2], "D3020", &limit)) {
        return jv_undefined();
    }
    if (call->args[1].type == JV_STRING) {
        return split_text(ctx, jv_text(v), jv_text(call->args[1]),
                          floor(limit));
    }
    jx_matcher_init(&matcher, call->args[1], jv_text(v));
    bool is_more = limit > 0 && jx_matcher_next(ctx, &matcher, &found);
    for (; (double)n < limit && is_more; n++) {
        jv_array_push(ctx, out,
                      jv_string(jx_str_slice(jv_text(v), at, found.start)));
        at = found.end;
        is_more = jx_ok(ctx) && jx_matcher_next(ctx, &matcher, &found);
    }
    if ((double)n < limit && jx_ok(ctx)) {
        jv_array_push(ctx, out, jv_string(odk_str_from(jv_text(v), at)));
    }
    return jv_array(out);
}
