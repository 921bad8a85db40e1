/*
 * JavaScript's encodeURI and its three sisters.
 */

#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define URL_MARKS    "-_.!~*'()"
#define URL_RESERVED ";/?:@&=+$,#"

static struct jv
fail_url(struct jx *ctx, const char *function, struct jv v)
{
    (void)jx_fail_value(ctx, "D3140", v);
    ctx->fault.noun = function;
    return jv_undefined();
}

static bool
is_kept(char c, const char *extra)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') ||
           (c && (strchr(URL_MARKS, c) || strchr(extra, c)));
}

static struct jv
encode(struct jx *ctx, struct jv v, const char *function, const char *extra)
{
    static const char hex[] = "0123456789ABCDEF";
    struct jx_text text;

    if (jv_is_undefined(v)) {
        return v;
    }
    jx_text_init(&text, ctx);
    (void)jx_charge_bytes(ctx, v.len);
    for (size_t at = 0; at < v.len && jx_ok(ctx);) {
        size_t from = at;
        uint32_t code = jx_code_next(jv_text(v), &at);
        if (code >= 0xd800 && code <= 0xdfff) {
            return fail_url(ctx, function, v);
        }
        for (; from < at; from++) {
            char c = v.u.text[from];
            if (is_kept(c, extra)) {
                jx_text_put_char(&text, c);
                continue;
            }
            jx_text_put_char(&text, '%');
            jx_text_put_char(&text, hex[(unsigned char)c >> 4]);
            jx_text_put_char(&text, hex[(unsigned char)c & 15]);
        }
    }
    return jx_text_value(&text);
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that %hh at `at` stands for, or -1. */
static int
percent_byte(struct odk_str s, size_t at)
{
    if (at + 2 >= s.len || s.ptr[at] != '%') {
        return -1;
    }
    int high = hex_value(s.ptr[at + 1]);
    int low = hex_value(s.ptr[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* One character from %hh at *at on, which moves past it; false if the bytes are
 * no UTF-8. */
static bool
decode_char(struct odk_str s, size_t *at, struct jx_text *text,
            const char *reserved)
{
    char bytes[4];
    int first = percent_byte(s, *at);
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    for (size_t i = 0; i < n; i++) {
        int byte = percent_byte(s, *at + 3 * i);
        if (byte < 0) {
            return false;
        }
        bytes[i] = (char)byte;
    }
    if (!odk_str_is_utf8(odk_str_n(bytes, n))) {
        return false;
    }
    if (n == 1 && bytes[0] && strchr(reserved, bytes[0])) {
        jx_text_put(text, jx_str_slice(s, *at, *at + 3));
    } else {
        jx_text_put(text, odk_str_n(bytes, n));
    }
    *at += 3 * n;
    return true;
}

static struct jv
decode(struct jx *ctx, struct jv v, const char *function, const char *reserved)
{
    struct jx_text text;

    if (jv_is_undefined(v)) {
        return v;
    }
    jx_text_init(&text, ctx);
    (void)jx_charge_bytes(ctx, v.len);
    for (size_t at = 0; at < v.len && jx_ok(ctx);) {
        if (v.u.text[at] != '%') {
            jx_text_put_char(&text, v.u.text[at++]);
        } else if (!decode_char(jv_text(v), &at, &text, reserved)) {
            return fail_url(ctx, function, v);
        }
    }
    return jx_text_value(&text);
}

struct jv
jx_fn_encode_url_component(struct jx *ctx, struct jx_call *call)
{
    return encode(ctx, call->args[0], "encodeUrlComponent", "");
}

struct jv
jx_fn_encode_url(struct jx *ctx, struct jx_call *call)
{
    return encode(ctx, call->args[0], "encodeUrl", URL_RESERVED);
}

struct jv
jx_fn_decode_url_component(struct jx *ctx, struct jx_call *call)
{
    return decode(ctx, call->args[0], "decodeUrlComponent", "");
}

struct jv
jx_fn_decode_url(struct jx *ctx, struct jx_call *call)
{
    return decode(ctx, call->args[0], "decodeUrl", URL_RESERVED);
}
