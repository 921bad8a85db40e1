/*
 * Functions on numbers, and over arrays of them.
 */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

struct jv
jx_fn_sum(struct jx *ctx, struct jx_call *call)
{
    struct jv array = call->args[0];
    double sum = 0;

    if (jv_is_undefined(array)) {
        return array;
    }
    uint32_t n = jv_len(array);
    for (uint32_t i = 0; i < n; i++) {
        sum += jv_at(array, i).u.number;
    }
    (void)jx_charge(ctx, n / 8);
    return jv_number(sum);
}

struct jv
jx_fn_count(struct jx *ctx, struct jx_call *call)
{
    struct jv array = call->args[0];

    (void)ctx;
    return jv_number(jv_is_undefined(array) ? 0 : jv_len(array));
}

static struct jv
extreme(struct jx *ctx, struct jv array, double sign)
{
    if (jv_is_undefined(array) || jv_len(array) == 0) {
        return jv_undefined();
    }
    uint32_t n = jv_len(array);
    double best = jv_at(array, 0).u.number;
    for (uint32_t i = 1; i < n; i++) {
        double number = jv_at(array, i).u.number;
        if (isnan(number) || sign * number > sign * best) {
            best = number;
        }
    }
    (void)jx_charge(ctx, n / 8);
    return jv_number(best);
}

struct jv
jx_fn_max(struct jx *ctx, struct jx_call *call)
{
    return extreme(ctx, call->args[0], 1);
}

struct jv
jx_fn_min(struct jx *ctx, struct jx_call *call)
{
    return extreme(ctx, call->args[0], -1);
}

struct jv
jx_fn_average(struct jx *ctx, struct jx_call *call)
{
    struct jv array = call->args[0];

    if (jv_is_undefined(array) || jv_len(array) == 0) {
        return jv_undefined();
    }
    struct jv sum = jx_fn_sum(ctx, call);
    return jv_number(sum.u.number / jv_len(array));
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -?digits(.digits)?([eE][-+]?digits)? */
static bool
is_decimal(struct odk_str s)
{
    size_t at = s.len && s.ptr[0] == '-';
    size_t from = at;

    while (at < s.len && is_digit(s.ptr[at])) {
        at++;
    }
    if (at == from) {
        return false;
    }
    if (at + 1 < s.len && s.ptr[at] == '.' && is_digit(s.ptr[at + 1])) {
        at++;
        while (at < s.len && is_digit(s.ptr[at])) {
            at++;
        }
    }
    if (at < s.len && (s.ptr[at] | 0x20) == 'e') {
        at++;
        at += at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '+');
        from = at;
        while (at < s.len && is_digit(s.ptr[at])) {
            at++;
        }
        return at == s.len && at > from;
    }
    return at == s.len;
}

/* 0x…, 0o…, 0b…; NaN for anything else. */
static double
parse_radix(struct odk_str s)
{
    char kind = s.len > 2 && s.ptr[0] == '0' ? (char)(s.ptr[1] | 0x20) : '\0';
    int radix = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    double n = 0;

    for (size_t i = 2; i < s.len && radix; i++) {
        char c = (char)(s.ptr[i] | 0x20);
        int digit = is_digit(s.ptr[i])     ? s.ptr[i] - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : 99;
        if (digit >= radix) {
            return NAN;
        }
        n = n * radix + digit;
    }
    return radix ? n : NAN;
}

struct jv
jx_fn_number(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v) || v.type == JV_NUMBER) {
        return v;
    }
    if (v.type == JV_BOOL) {
        return jv_number(v.u.boolean);
    }
    if (v.type == JV_STRING) {
        struct odk_str s = jv_text(v);
        double n = is_decimal(s) ? jx_number_parse(s) : parse_radix(s);
        if (isfinite(n)) {
            return jv_number(n);
        }
    }
    (void)jx_fail_value(ctx, "D3030", v);
    ctx->fault.index = 1;
    return jv_undefined();
}

struct jv
jx_fn_floor(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    (void)ctx;
    return jv_is_undefined(v) ? v : jv_number(floor(v.u.number));
}

struct jv
jx_fn_ceil(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    (void)ctx;
    return jv_is_undefined(v) ? v : jv_number(ceil(v.u.number));
}

struct jv
jx_fn_abs(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    (void)ctx;
    return jv_is_undefined(v) ? v : jv_number(fabs(v.u.number));
}

struct jv
jx_fn_sqrt(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v)) {
        return v;
    }
    if (v.u.number < 0) {
        return jx_fail_value(ctx, "D3060", v);
    }
    return jv_number(sqrt(v.u.number));
}

struct jv
jx_fn_power(struct jx *ctx, struct jx_call *call)
{
    struct jv base = call->args[0];
    struct jv exponent = call->args[1];

    if (jv_is_undefined(base)) {
        return base;
    }
    double n = exponent.type == JV_NUMBER
                   ? pow(base.u.number, exponent.u.number)
                   : NAN;
    if (!isfinite(n)) {
        (void)jx_fail_value(ctx, "D3061", base);
        ctx->fault.value2 = exponent;
        return jv_undefined();
    }
    return jv_number(n);
}

/* n × 10^places, by moving the point in its decimal text: multiplying would
 * add an error of its own. */
static double
shift(double n, double places)
{
    char text[JX_NUMBER_TEXT_MAX];
    char moved[JX_NUMBER_TEXT_MAX + 40];
    struct odk_str s = jx_number_text(n, text);
    ptrdiff_t at = odk_str_find(s, 'e');
    double exponent = places;

    if (at >= 0) {
        exponent += jx_number_parse(odk_str_from(s, (size_t)at + 1));
        s.len = (size_t)at;
    }
    if (fabs(exponent) > 10000) {
        exponent = copysign(10000, exponent);
    }
    int len = snprintf(moved, sizeof(moved), "%.*se%d", ODK_STR_ARG(s),
                       (int)exponent);
    return jx_number_parse(odk_str_n(moved, (size_t)len));
}

double
jx_round(double n, double precision)
{
    if (!isfinite(n)) {
        return n;
    }
    if (isnan(precision)) {
        precision = 0;
    }
    if (precision != 0) {
        n = precision == trunc(precision) ? shift(n, precision) : NAN;
        if (!isfinite(n)) {
            return NAN;
        }
    }
    double rounded = floor(n);
    if (n - rounded >= 0.5) {
        rounded += 1;
    }
    if (fabs(rounded - n) == 0.5 && fabs(fmod(rounded, 2)) == 1) {
        rounded -= 1;
    }
    if (precision != 0) {
        rounded = shift(rounded, -precision);
    }
    return rounded == 0 ? 0 : rounded;
}

struct jv
jx_fn_round(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jv precision = call->args[1];

    (void)ctx;
    if (jv_is_undefined(v)) {
        return v;
    }
    return jv_number(jx_round(
        v.u.number, precision.type == JV_NUMBER ? precision.u.number : 0));
}

struct jv
jx_fn_format_base(struct jx *ctx, struct jx_call *call)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct jv v = call->args[0];
    double radix = call->args[1].type == JV_NUMBER
                       ? jx_round(call->args[1].u.number, 0)
                       : 10;
    char out[1100];
    size_t at = sizeof(out);

    if (jv_is_undefined(v)) {
        return v;
    }
    if (!(radix >= 2 && radix <= 36)) {
        return jx_fail_value(ctx, "D3100", jv_number(radix));
    }
    if (!jv_is_numeric(ctx, v)) {
        return jv_undefined();
    }
    double n = fabs(jx_round(v.u.number, 0));
    /* As JavaScript does it: digits beyond a double's precision are zeros. */
    while (n >= 9007199254740992.0 && at > 1) {
        n /= radix;
        out[--at] = '0';
    }
    do {
        double digit = fmod(floor(n), radix);
        out[--at] = digits[(int)digit];
        n = (floor(n) - digit) / radix;
    } while (n > 0 && at > 1);
    if (v.u.number <= -0.5 && jx_round(v.u.number, 0) != 0) {
        out[--at] = '-';
    }
    struct jx_text text;
    jx_text_init(&text, ctx);
    jx_text_put(&text, odk_str_n(out + at, sizeof(out) - at));
    return jx_text_value(&text);
}

size_t
jx_to_fixed(double n, uint32_t places, char *out, size_t max)
{
    char small[JX_NUMBER_TEXT_MAX];

    n = fabs(n);
    if (n >= 1e21) {
        struct odk_str s = jx_number_text(n, small);
        odk_assert(s.len < max);
        memcpy(out, s.ptr, s.len);
        return s.len;
    }
    int len = snprintf(out, max, "%.*f", (int)places, n);
    odk_assert(len > 0 && (size_t)len < max);
    return (size_t)len;
}
