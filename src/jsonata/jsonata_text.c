#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jsonata/jsonata_text_priv.h"

#define TEXT_CAP_FIRST 32u

void
jx_text_init(struct jx_text *text, struct jx *ctx)
{
    *text = (struct jx_text){.ctx = ctx};
}

static bool
text_reserve(struct jx_text *text, size_t n)
{
    size_t need = text->len + n + 1;
    size_t cap = text->cap ? text->cap : TEXT_CAP_FIRST;

    if (need <= text->cap) {
        return true;
    }
    if (need >= UINT32_MAX) {
        (void)jx_fail_limit(text->ctx, "String is too long");
        return false;
    }
    while (cap < need) {
        cap *= 2;
    }
    char *ptr = jx_alloc(text->ctx, cap);
    if (!ptr) {
        return false;
    }
    if (text->len) {
        memcpy(ptr, text->ptr, text->len);
    }
    text->ptr = ptr;
    text->cap = cap;
    return true;
}

static bool
is_surrogate_at(const char *p, unsigned char from, unsigned char to)
{
    const unsigned char *u = (const unsigned char *)p;

    return u[0] == 0xed && u[1] >= from && u[1] <= to;
}

void
jx_text_put(struct jx_text *text, struct odk_str s)
{
    if (s.len == 0 || !text_reserve(text, s.len + JX_CODE_BYTES_MAX)) {
        return;
    }
    if (s.len >= 3 && text->len >= 3 && is_surrogate_at(s.ptr, 0xb0, 0xbf) &&
        is_surrogate_at(text->ptr + text->len - 3, 0xa0, 0xaf)) {
        size_t at = 0;
        struct odk_str high = {text->ptr + text->len - 3, 3};
        uint32_t hi = jx_code_next(high, &at);
        at = 0;
        uint32_t lo = jx_code_next(s, &at);
        text->len -= 3;
        text->len += jx_code_put(0x10000 + ((hi - 0xd800) << 10) + lo - 0xdc00,
                                 text->ptr + text->len);
        s = odk_str_from(s, 3);
    }
    if (s.len) {
        memcpy(text->ptr + text->len, s.ptr, s.len);
        text->len += s.len;
    }
}

void
jx_text_put_char(struct jx_text *text, char c)
{
    if (text_reserve(text, 1)) {
        text->ptr[text->len++] = c;
    }
}

void
jx_text_put_code(struct jx_text *text, uint32_t code)
{
    char bytes[JX_CODE_BYTES_MAX];
    size_t len = jx_code_put(code, bytes);

    jx_text_put(text, odk_str_n(bytes, len));
}

void
jx_text_put_cstr(struct jx_text *text, const char *s)
{
    jx_text_put(text, odk_str(s));
}

struct odk_str
jx_text_str(const struct jx_text *text)
{
    return (struct odk_str){text->ptr ? text->ptr : "", text->len};
}

struct jv
jx_text_value(struct jx_text *text)
{
    if (!jx_ok(text->ctx)) {
        return jv_undefined();
    }
    return jv_string(jx_text_str(text));
}

size_t
jx_code_put(uint32_t code, char out[JX_CODE_BYTES_MAX])
{
    unsigned char *u = (unsigned char *)out;

    if (code < 0x80) {
        u[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        u[0] = (unsigned char)(0xc0 | (code >> 6));
        u[1] = (unsigned char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        u[0] = (unsigned char)(0xe0 | (code >> 12));
        u[1] = (unsigned char)(0x80 | ((code >> 6) & 0x3f));
        u[2] = (unsigned char)(0x80 | (code & 0x3f));
        return 3;
    }
    u[0] = (unsigned char)(0xf0 | ((code >> 18) & 7));
    u[1] = (unsigned char)(0x80 | ((code >> 12) & 0x3f));
    u[2] = (unsigned char)(0x80 | ((code >> 6) & 0x3f));
    u[3] = (unsigned char)(0x80 | (code & 0x3f));
    return 4;
}

uint32_t
jx_code_next(struct odk_str s, size_t *at)
{
    const unsigned char *u = (const unsigned char *)s.ptr + *at;
    size_t left = s.len - *at;
    size_t extra = u[0] < 0xc2   ? 0
                   : u[0] < 0xe0 ? 1
                   : u[0] < 0xf0 ? 2
                   : u[0] < 0xf5 ? 3
                                 : 0;

    if (extra == 0 || left <= extra) {
        *at += 1;
        return u[0];
    }
    uint32_t code = u[0] & (0x3fu >> extra);
    for (size_t i = 1; i <= extra; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            *at += 1;
            return u[0];
        }
        code = (code << 6) | (u[i] & 0x3f);
    }
    *at += extra + 1;
    return code;
}

size_t
jx_code_count(struct odk_str s)
{
    size_t n = 0;

    for (size_t at = 0; at < s.len; n++) {
        (void)jx_code_next(s, &at);
    }
    return n;
}

size_t
jx_code_offset(struct odk_str s, size_t n)
{
    size_t at = 0;

    while (at < s.len && n > 0) {
        (void)jx_code_next(s, &at);
        n--;
    }
    return at;
}

size_t
jx_units(struct odk_str s)
{
    size_t n = 0;

    for (size_t at = 0; at < s.len; n++) {
        if (jx_code_next(s, &at) >= 0x10000) {
            n++;
        }
    }
    return n;
}

size_t
jx_units_offset(struct odk_str s, size_t units)
{
    size_t at = 0;

    while (at < s.len && units > 0) {
        size_t next = at;
        size_t width = jx_code_next(s, &next) >= 0x10000 ? 2 : 1;
        if (width > units) {
            break;
        }
        units -= width;
        at = next;
    }
    return at;
}

struct odk_str
jx_str_slice(struct odk_str s, size_t from, size_t to)
{
    if (to > s.len) {
        to = s.len;
    }
    if (from >= to) {
        return odk_str("");
    }
    return odk_str_n(s.ptr + from, to - from);
}

ptrdiff_t
jx_str_find(struct odk_str s, struct odk_str part, size_t from)
{
    if (from > s.len) {
        return -1;
    }
    if (part.len == 0) {
        return (ptrdiff_t)from;
    }
    const char *hit = memmem(s.ptr + from, s.len - from, part.ptr, part.len);
    return hit ? hit - s.ptr : -1;
}

ptrdiff_t
jx_str_rfind(struct odk_str s, struct odk_str part)
{
    ptrdiff_t last = -1;

    for (ptrdiff_t at = jx_str_find(s, part, 0); at >= 0;
         at = jx_str_find(s, part, (size_t)at + 1)) {
        last = at;
    }
    return last;
}

/* Digits and decimal exponent (value = 0.d1d2… × 10^point) as JavaScript lays
 * them out. */
static struct odk_str
number_layout(bool is_negative, const char *digits, int count, int point,
              char out[JX_NUMBER_TEXT_MAX])
{
    int at = 0;

    odk_assert(count > 0 && count <= 17);
    if (is_negative) {
        out[at++] = '-';
    }
    if (point > 21 || point < -5) {
        out[at++] = digits[0];
        if (count > 1) {
            out[at++] = '.';
            memcpy(out + at, digits + 1, (size_t)count - 1);
            at += count - 1;
        }
        at += snprintf(out + at, (size_t)(JX_NUMBER_TEXT_MAX - at), "e%+d",
                       point - 1);
        return odk_str_n(out, (size_t)at);
    }
    if (point <= 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int i = point; i < 0; i++) {
            out[at++] = '0';
        }
    }
    for (int i = 0; i < count || i < point; i++) {
        if (i > 0 && i == point) {
            out[at++] = '.';
        }
        out[at++] = i < count ? digits[i] : '0';
    }
    out[at] = '\0';
    return odk_str_n(out, (size_t)at);
}

/* Splits the "%.*e" form of |n| into digits without trailing zeros; returns
 * their count and sets *point. */
static int
number_digits(double n, int precision, char digits[32], int *point)
{
    char text[64];
    int count = 0;

    (void)snprintf(text, sizeof(text), "%.*e", precision - 1, fabs(n));
    const char *exponent = strchr(text, 'e');
    for (const char *p = text; p < exponent; p++) {
        if (*p >= '0' && *p <= '9') {
            digits[count++] = *p;
        }
    }
    *point = (int)strtol(exponent + 1, NULL, 10) + 1;
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    return count;
}

static struct odk_str
number_special(double n)
{
    return odk_str(isnan(n) ? "NaN" : n < 0 ? "-Infinity" : "Infinity");
}

static bool
number_is_plain(double n)
{
    return n > -1e15 && n < 1e15 && n == floor(n);
}

static struct odk_str
number_plain(double n, char out[JX_NUMBER_TEXT_MAX])
{
    int64_t value = (int64_t)n;
    uint64_t rest = value < 0 ? (uint64_t)-value : (uint64_t)value;
    char *p = out + JX_NUMBER_TEXT_MAX - 1;

    *p = '\0';
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) {
        *--p = '-';
    }
    return odk_str_n(p, (size_t)(out + JX_NUMBER_TEXT_MAX - 1 - p));
}

struct odk_str
jx_number_text(double n, char out[JX_NUMBER_TEXT_MAX])
{
    char digits[32];
    int point = 0;
    int count = 0;

    if (!isfinite(n)) {
        return number_special(n);
    }
    if (number_is_plain(n)) {
        return number_plain(n, out);
    }
    for (int precision = 15; precision <= 17; precision++) {
        count = number_digits(n, precision, digits, &point);
        struct odk_str s = number_layout(n < 0, digits, count, point, out);
        if (precision == 17 || jx_number_parse(s) == n) {
            return s;
        }
    }
    return odk_str("");
}

struct odk_str
jx_number_text15(double n, char out[JX_NUMBER_TEXT_MAX])
{
    char digits[32];
    int point = 0;

    if (!isfinite(n)) {
        return number_special(n);
    }
    if (number_is_plain(n)) {
        return number_plain(n, out);
    }
    int count = number_digits(n, 15, digits, &point);
    return number_layout(n < 0, digits, count, point, out);
}

double
jx_number_round15(double n)
{
    char text[JX_NUMBER_TEXT_MAX];

    if (!isfinite(n) || number_is_plain(n)) {
        return n;
    }
    return jx_number_parse(jx_number_text15(n, text));
}

double
jx_number_parse(struct odk_str s)
{
    char small[64];
    char *copy = s.len < sizeof(small) ? small : malloc(s.len + 1);

    if (!copy) {
        odk_out_of_memory();
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    double n = strtod(copy, NULL);
    if (copy != small) {
        free(copy);
    }
    return n;
}

double
jx_parse_int(struct odk_str s)
{
    size_t at = 0;
    double n = 0;
    bool is_negative = false;

    while (at < s.len && strchr(" \t\n\r\v\f", s.ptr[at]) && s.ptr[at]) {
        at++;
    }
    if (at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '+')) {
        is_negative = s.ptr[at++] == '-';
    }
    size_t from = at;
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') {
        n = n * 10 + (s.ptr[at++] - '0');
    }
    if (at == from) {
        return NAN;
    }
    if (at - from > 15) {
        n = jx_number_parse(jx_str_slice(s, from, at));
    }
    return is_negative ? -n : n;
}
