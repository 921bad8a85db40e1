/*
 * The writer: straight into an odk_buf, no intermediate text. A real is always
 * written so that it reads back as a real (1.0, not 1), because stored state
 * must come back as it was.
 */

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"

struct json_dumper {
    struct odk_buf *out;
    bool is_sorted;
    bool is_too_deep;
};

struct dump_member {
    struct odk_str key;
    const json_t *value;
};

static void dump_value(struct json_dumper *d, const json_t *value,
                       unsigned depth);

/* The decimals of a non-negative fraction of 10^n_decimals; at least one. */
static void
put_decimals(struct odk_buf *out, int64_t fraction, int n_decimals)
{
    char text[8] = "0";

    for (int i = n_decimals - 1; i >= 0; i--) {
        text[i] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    odk_buf_put(out, text, n_decimals > 0 ? (size_t)n_decimals : 1);
}

/* The fewest decimals with which value reads back, if that is a handful: the
 * common case. A decimal of at most 15 digits has one double, and the division
 * finds it exactly. */
static bool
put_short_decimal(struct odk_buf *out, double value)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

    if (value == 0 && signbit(value)) {
        return false;
    }
    for (size_t n = 0; n < ODK_ARRAY_LEN(powers); n++) {
        double whole = nearbyint(fabs(value) * powers[n]);
        if (whole >= 1e15) {
            return false;
        }
        if (whole / powers[n] == fabs(value)) {
            int64_t digits = (int64_t)whole;
            int64_t unit = (int64_t)powers[n];
            if (value < 0) {
                odk_buf_put_char(out, '-');
            }
            odk_buf_put_i64(out, digits / unit);
            odk_buf_put_char(out, '.');
            put_decimals(out, digits % unit, (int)n);
            return true;
        }
    }
    return false;
}

/* The digits of a magnitude as d.ddde±x, the fewest that read back. Below the
 * normal doubles fewer than 15 may do. */
static void
format_shortest(double magnitude, char text[40])
{
    for (int digits = magnitude < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        (void)snprintf(text, 40, "%.*e", digits - 1, magnitude);
        if (strtod(text, NULL) == magnitude) {
            return;
        }
    }
}

/* Digits d[0].d[1]… times 10^exponent without an exponent. */
static void
put_plain(struct odk_buf *out, struct odk_str digits, int exponent)
{
    int n = (int)digits.len;

    if (exponent < 0) {
        odk_buf_put_cstr(out, "0.");
        for (int i = -1; i > exponent; i--) {
            odk_buf_put_char(out, '0');
        }
        odk_buf_put_str(out, digits);
        return;
    }
    for (int i = 0; i <= exponent; i++) {
        odk_buf_put_char(out, i < n ? digits.ptr[i] : '0');
    }
    odk_buf_put_char(out, '.');
    odk_buf_put_str(out, exponent + 1 < n
                             ? odk_str_from(digits, (size_t)exponent + 1)
                             : ODK_STR("0"));
}

void
json_put_real(struct odk_buf *out, double value)
{
    char text[40] = "";
    char digits[24] = "";
    size_t n = 0;

    odk_assert(isfinite(value));
    if (put_short_decimal(out, value)) {
        return;
    }
    format_shortest(fabs(value), text);
    for (const char *c = text; *c != 'e'; c++) {
        if (*c != '.') {
            digits[n++] = *c;
        }
    }
    while (n > 1 && digits[n - 1] == '0') {
        n--;
    }
    if (signbit(value)) {
        odk_buf_put_char(out, '-');
    }
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent >= -7 && exponent < 21) {
        put_plain(out, odk_str_n(digits, n), exponent);
        return;
    }
    put_plain(out, odk_str_n(digits, n), 0);
    odk_buf_put_char(out, 'e');
    odk_buf_put_i64(out, exponent);
}

static int
compare_members(const void *a, const void *b)
{
    const struct dump_member *left = a;
    const struct dump_member *right = b;

    return odk_str_cmp(left->key, right->key);
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
dump_member(struct json_dumper *d, const struct dump_member *member,
            unsigned depth)
{
    odk_buf_put_json_str(d->out, member->key);
    odk_buf_put_char(d->out, ':');
    dump_value(d, member->value, depth + 1);
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
dump_sorted(struct json_dumper *d, const json_t *value, unsigned depth)
{
    size_t n = json_object_size(value);
    struct dump_member *members = calloc(n ? n : 1, sizeof(*members));
    size_t i = 0;
    struct json_member_iter iter;

    if (!members) {
        odk_out_of_memory();
    }
    for (json_member_first(&iter, value); iter.value; json_member_next(&iter)) {
        members[i++] = (struct dump_member){iter.key, iter.value};
    }
    qsort(members, n, sizeof(*members), compare_members);
    for (i = 0; i < n; i++) {
        if (i > 0) {
            odk_buf_put_char(d->out, ',');
        }
        dump_member(d, &members[i], depth);
    }
    free(members);
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
dump_object(struct json_dumper *d, const json_t *value, unsigned depth)
{
    struct json_member_iter iter;
    bool is_first = true;

    odk_buf_put_char(d->out, '{');
    if (d->is_sorted) {
        dump_sorted(d, value, depth);
        odk_buf_put_char(d->out, '}');
        return;
    }
    for (json_member_first(&iter, value); iter.value; json_member_next(&iter)) {
        if (!is_first) {
            odk_buf_put_char(d->out, ',');
        }
        is_first = false;
        dump_member(d, &(struct dump_member){iter.key, iter.value}, depth);
    }
    odk_buf_put_char(d->out, '}');
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
dump_array(struct json_dumper *d, const json_t *value, unsigned depth)
{
    odk_buf_put_char(d->out, '[');
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i > 0) {
            odk_buf_put_char(d->out, ',');
        }
        dump_value(d, json_array_get(value, i), depth + 1);
    }
    odk_buf_put_char(d->out, ']');
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
dump_value(struct json_dumper *d, const json_t *value, unsigned depth)
{
    if (depth > JSON_DEPTH_MAX) {
        d->is_too_deep = true;
        return;
    }
    switch (json_typeof(value)) {
    case JSON_NULL:
        odk_buf_put(d->out, "null", 4);
        break;
    case JSON_TRUE:
        odk_buf_put(d->out, "true", 4);
        break;
    case JSON_FALSE:
        odk_buf_put(d->out, "false", 5);
        break;
    case JSON_INTEGER:
        odk_buf_put_i64(d->out, json_integer_value(value));
        break;
    case JSON_REAL:
        json_put_real(d->out, json_real_value(value));
        break;
    case JSON_STRING:
        odk_buf_put_json_str(d->out, json_str(value));
        break;
    case JSON_ARRAY:
        dump_array(d, value, depth);
        break;
    case JSON_OBJECT:
        dump_object(d, value, depth);
        break;
    }
}

static int
dump(const json_t *value, struct odk_buf *out, bool is_sorted)
{
    struct json_dumper d = {.out = out, .is_sorted = is_sorted};

    dump_value(&d, value, 0);
    return d.is_too_deep || odk_buf_failed(out) ? ODK_ELIMIT : 0;
}

int
json_dump(const json_t *value, struct odk_buf *out)
{
    return dump(value, out, false);
}

void
json_put(struct odk_buf *out, const json_t *value)
{
    struct json_dumper d = {.out = out};

    dump_value(&d, value, 0);
}

int
json_dump_canonical(const json_t *value, struct odk_buf *out)
{
    return dump(value, out, true);
}

size_t
json_dump_size(const json_t *value)
{
    struct odk_buf buf;
    size_t len = SIZE_MAX;

    odk_buf_init(&buf, 0);
    if (json_dump(value, &buf) == 0) {
        len = buf.len;
    }
    odk_buf_release(&buf);
    return len;
}
