/*
 * The cast to string: JSON as JSON.stringify writes it, with numbers rounded to
 * 15 significant digits and functions as empty strings.
 */

#include <math.h>
#include <string.h>

#include "jsonata/jsonata_text_priv.h"

struct printer {
    struct jx_text *text;
    struct jx *ctx;
    bool is_pretty;
    uint32_t indent;
};

static void print_value(struct printer *p, struct jv v);

static void
print_escaped(struct jx_text *text, uint32_t code)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
        if (code == (unsigned char)names[i]) {
            jx_text_put_char(text, '\\');
            jx_text_put_char(text, names[i + 1]);
            return;
        }
    }
    jx_text_put_cstr(text, "\\u");
    for (int shift = 12; shift >= 0; shift -= 4) {
        jx_text_put_char(text, hex[(code >> shift) & 15]);
    }
}

static void
print_string(struct printer *p, struct odk_str s)
{
    size_t from = 0;

    jx_text_put_char(p->text, '"');
    for (size_t at = 0; at < s.len;) {
        size_t start = at;
        uint32_t code = jx_code_next(s, &at);
        if (code >= 0x20 && code != '"' && code != '\\' &&
            (code < 0xd800 || code > 0xdfff)) {
            continue;
        }
        jx_text_put(p->text, jx_str_slice(s, from, start));
        print_escaped(p->text, code);
        from = at;
    }
    jx_text_put(p->text, odk_str_from(s, from));
    jx_text_put_char(p->text, '"');
}

static void
print_newline(struct printer *p)
{
    if (!p->is_pretty) {
        return;
    }
    jx_text_put_char(p->text, '\n');
    for (uint32_t i = 0; i < p->indent; i++) {
        jx_text_put_cstr(p->text, "  ");
    }
}

static void
print_array(struct printer *p, struct jv v) /* NOLINT(misc-no-recursion) */
{
    uint32_t n = jv_len(v);

    jx_text_put_char(p->text, '[');
    p->indent++;
    for (uint32_t i = 0; i < n && jx_ok(p->ctx); i++) {
        struct jv item = jv_at(v, i);
        if (i) {
            jx_text_put_char(p->text, ',');
        }
        print_newline(p);
        print_value(p, jv_is_undefined(item) ? jv_null() : item);
    }
    p->indent--;
    if (n) {
        print_newline(p);
    }
    jx_text_put_char(p->text, ']');
}

static void
print_object(struct printer *p, struct jv v) /* NOLINT(misc-no-recursion) */
{
    struct jv_iter iter = jv_iter(v);
    struct odk_str key;
    struct jv value;
    bool is_first = true;

    jx_text_put_char(p->text, '{');
    p->indent++;
    while (jx_ok(p->ctx) && jv_iter_next(&iter, &key, &value)) {
        if (jv_is_undefined(value)) {
            continue;
        }
        if (!is_first) {
            jx_text_put_char(p->text, ',');
        }
        is_first = false;
        print_newline(p);
        print_string(p, key);
        jx_text_put_cstr(p->text, p->is_pretty ? ": " : ":");
        print_value(p, value);
    }
    p->indent--;
    if (!is_first) {
        print_newline(p);
    }
    jx_text_put_char(p->text, '}');
}

static void
print_number(struct printer *p, double n)
{
    char out[JX_NUMBER_TEXT_MAX];

    if (isnan(n)) {
        jx_text_put_cstr(p->text, "null");
        return;
    }
    if (jv_is_numeric(p->ctx, jv_number(n))) {
        jx_text_put(p->text, jx_number_text15(n, out));
    }
}

static void
print_value(struct printer *p, struct jv v) /* NOLINT(misc-no-recursion) */
{
    if (p->ctx->nest >= JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(p->ctx, "The value is nested too deeply");
        return;
    }
    if (!jx_charge(p->ctx, 1)) {
        return;
    }
    p->ctx->nest++;
    switch ((enum jv_type)v.type) {
    case JV_UNDEFINED:
    case JV_NULL:
        jx_text_put_cstr(p->text, "null");
        break;
    case JV_BOOL:
        jx_text_put_cstr(p->text, v.u.boolean ? "true" : "false");
        break;
    case JV_NUMBER:
        print_number(p, v.u.number);
        break;
    case JV_STRING:
        print_string(p, jv_text(v));
        break;
    case JV_ARRAY:
        print_array(p, v);
        break;
    case JV_OBJECT:
        print_object(p, v);
        break;
    case JV_FUNC:
    case JV_TUPLE:
        jx_text_put_cstr(p->text, "\"\"");
        break;
    }
    p->ctx->nest--;
}

struct jv
jx_string(struct jx *ctx, struct jv v, bool is_pretty)
{
    struct jx_text text;

    if (v.type == JV_UNDEFINED || v.type == JV_STRING) {
        return v;
    }
    if (v.type == JV_FUNC) {
        return jv_cstr("");
    }
    if (v.type == JV_NUMBER && !isfinite(v.u.number)) {
        return jx_fail_value(ctx, "D3001", v);
    }
    if (jv_has_flag(v, JV_OUTER)) {
        v = jv_at(v, 0);
    }
    jx_text_init(&text, ctx);
    struct printer p = {.text = &text, .ctx = ctx, .is_pretty = is_pretty};
    print_value(&p, v);
    return jx_text_value(&text);
}
