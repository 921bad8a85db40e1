/*
 * Functions on strings, without patterns.
 */

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

struct jv
jx_fn_string(struct jx *ctx, struct jx_call *call)
{
    return jx_string(ctx, call->args[0], jv_truthy_js(call->args[1]));
}

/* JavaScript's slice index: from the end if negative, within 0 … n. */
static size_t
slice_index(double at, size_t n)
{
    at = isnan(at) ? 0 : trunc(at);
    if (at < 0) {
        at += (double)n;
    }
    return at <= 0 ? 0 : at >= (double)n ? n : (size_t)at;
}

struct jv
jx_fn_substring(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v)) {
        return v;
    }
    struct odk_str s = jv_text(v);
    size_t n = jx_code_count(s);
    double start =
        call->args[1].type == JV_NUMBER ? call->args[1].u.number : NAN;
    size_t end = n;
    (void)jx_charge_bytes(ctx, s.len);
    if ((double)n + start < 0) {
        start = 0;
    }
    if (call->args[2].type == JV_NUMBER) {
        double length = call->args[2].u.number;
        if (length <= 0) {
            return jv_cstr("");
        }
        end = slice_index(
            start >= 0 ? start + length : (double)n + start + length, n);
    }
    size_t from = slice_index(start, n);
    if (from >= end) {
        return jv_cstr("");
    }
    size_t first = jx_code_offset(s, from);
    size_t last = first + jx_code_offset(odk_str_from(s, first), end - from);
    return jv_string(jx_str_slice(s, first, last));
}

struct jv
jx_fn_substring_before(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v) || call->args[1].type != JV_STRING) {
        return v;
    }
    (void)jx_charge_bytes(ctx, v.len);
    ptrdiff_t at = jx_str_find(jv_text(v), jv_text(call->args[1]), 0);
    return at < 0 ? v : jv_string(jx_str_slice(jv_text(v), 0, (size_t)at));
}

struct jv
jx_fn_substring_after(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v) || call->args[1].type != JV_STRING) {
        return v;
    }
    (void)jx_charge_bytes(ctx, v.len);
    ptrdiff_t at = jx_str_find(jv_text(v), jv_text(call->args[1]), 0);
    return at < 0 ? v
                  : jv_string(odk_str_from(jv_text(v),
                                           (size_t)at + call->args[1].len));
}

struct jv
jx_fn_lowercase(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    return jv_is_undefined(v) ? v : jx_text_case(ctx, jv_text(v), false);
}

struct jv
jx_fn_uppercase(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    return jv_is_undefined(v) ? v : jx_text_case(ctx, jv_text(v), true);
}

struct jv
jx_fn_length(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v)) {
        return v;
    }
    (void)jx_charge_bytes(ctx, v.len);
    return jv_number((double)jx_code_count(jv_text(v)));
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct jv
jx_fn_trim(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jx_text text;
    bool is_gap = false;

    if (jv_is_undefined(v)) {
        return v;
    }
    struct odk_str s = jv_text(v);
    (void)jx_charge_bytes(ctx, s.len);
    jx_text_init(&text, ctx);
    for (size_t i = 0; i < s.len; i++) {
        if (is_blank(s.ptr[i])) {
            is_gap = text.len > 0;
            continue;
        }
        if (is_gap) {
            jx_text_put_char(&text, ' ');
        }
        is_gap = false;
        jx_text_put_char(&text, s.ptr[i]);
    }
    return jx_text_value(&text);
}

/* count code points of fill, over and over. */
static void
put_padding(struct jx_text *text, struct odk_str fill, double count)
{
    size_t at = 0;

    while (count > 0 && jx_ok(text->ctx)) {
        size_t from = at;
        (void)jx_code_next(fill, &at);
        jx_text_put(text, jx_str_slice(fill, from, at));
        if (at >= fill.len) {
            at = 0;
        }
        count--;
    }
}

struct jv
jx_fn_pad(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    double width = call->args[1].type == JV_NUMBER ? call->args[1].u.number : 0;
    struct odk_str fill =
        call->args[2].type == JV_STRING ? jv_text(call->args[2]) : odk_str(" ");
    struct jx_text text;

    if (jv_is_undefined(v)) {
        return v;
    }
    double count = trunc(fabs(width) - (double)jx_code_count(jv_text(v)));
    if (!(count > 0)) {
        return v;
    }
    if (fill.len == 0) {
        fill = odk_str(" ");
    }
    (void)jx_charge(ctx, count < 1e9 ? (uint64_t)count / 8 : UINT32_MAX);
    jx_text_init(&text, ctx);
    if (width < 0) {
        put_padding(&text, fill, count);
    }
    jx_text_put(&text, jv_text(v));
    if (width > 0) {
        put_padding(&text, fill, count);
    }
    return jx_text_value(&text);
}

struct jv
jx_fn_join(struct jx *ctx, struct jx_call *call)
{
    struct jv list = call->args[0];
    struct jx_text text;

    if (jv_is_undefined(list)) {
        return list;
    }
    uint32_t n = jv_len(list);
    jx_text_init(&text, ctx);
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        if (i && call->args[1].type == JV_STRING) {
            jx_text_put(&text, jv_text(call->args[1]));
        }
        jx_text_put(&text, jv_text(jv_at(list, i)));
    }
    (void)jx_charge_bytes(ctx, text.len);
    return jx_text_value(&text);
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Three bytes or fewer as four digits. */
static void
put_base64(struct jx_text *text, const uint8_t bytes[3], size_t n)
{
    uint32_t group =
        (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];

    for (size_t i = 0; i < 4; i++) {
        jx_text_put_char(text,
                         i <= n ? base64_digits[(group >> 18) & 63] : '=');
        group <<= 6;
    }
}

/* Each UTF-16 unit gives its low byte, as the reference has it. */
struct jv
jx_fn_base64encode(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jx_text text;
    uint8_t bytes[4] = {0};
    size_t n = 0;

    if (jv_is_undefined(v)) {
        return v;
    }
    (void)jx_charge_bytes(ctx, v.len);
    jx_text_init(&text, ctx);
    for (size_t at = 0; at < v.len && jx_ok(ctx);) {
        uint32_t code = jx_code_next(jv_text(v), &at);
        if (code >= 0x10000) {
            bytes[n++] = (uint8_t)(0xd800 + ((code - 0x10000) >> 10));
        }
        bytes[n++] = (uint8_t)code;
        if (n >= 3) {
            put_base64(&text, bytes, 3);
            bytes[0] = bytes[3];
            n -= 3;
            bytes[1] = bytes[2] = bytes[3] = 0;
            bytes[0] = n ? bytes[0] : 0;
        }
    }
    if (n) {
        put_base64(&text, bytes, n);
    }
    return jx_text_value(&text);
}

static int
base64_value(char c)
{
    const char *at = NULL;

    if (c == '-' || c == '_') {
        return c == '-' ? 62 : 63;
    }
    at = c ? strchr(base64_digits, c) : NULL;
    return at ? (int)(at - base64_digits) : -1;
}

struct jv
jx_fn_base64decode(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jx_text text;
    uint32_t group = 0;
    int bits = 0;

    if (jv_is_undefined(v)) {
        return v;
    }
    (void)jx_charge_bytes(ctx, v.len);
    jx_text_init(&text, ctx);
    for (size_t i = 0; i < v.len && v.u.text[i] != '='; i++) {
        int digit = base64_value(v.u.text[i]);
        if (digit < 0) {
            continue;
        }
        group = (group << 6 | (uint32_t)digit) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            jx_text_put_code(&text, (group >> bits) & 0xff);
        }
    }
    return jx_text_value(&text);
}
