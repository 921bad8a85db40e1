/*
 * $formatNumber: XPath's format-number pictures. The rules are numbered as in
 * "XPath and XQuery Functions and Operators 3.1", 4.7.3 to 4.7.5.
 */

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define POSITIONS_MAX 32u
#define PLACES_MAX    300u
#define FIXED_MAX     700u

struct symbols {
    struct odk_str decimal;
    struct odk_str grouping;
    struct odk_str exponent;
    struct odk_str minus;
    struct odk_str percent;
    struct odk_str per_mille;
    struct odk_str digit;
    struct odk_str separator;
    struct odk_str zero;
    uint32_t zero_code;
};

/* A sub-picture in its parts. */
struct parts {
    struct odk_str picture;
    struct odk_str prefix;
    struct odk_str suffix;
    struct odk_str active;
    struct odk_str mantissa;
    struct odk_str exponent;
    struct odk_str integer;
    struct odk_str fraction;
    bool has_exponent;
};

struct positions {
    uint32_t at[POSITIONS_MAX];
    uint32_t n;
};

/* What the parts say about the number. */
struct format {
    struct positions integer_groups;
    struct positions fraction_groups;
    uint32_t regular;
    uint32_t integer_min;
    uint32_t scaling;
    uint32_t fraction_min;
    uint32_t fraction_max;
    uint32_t exponent_min;
};

static bool
is_symbol(struct odk_str c, struct odk_str symbol)
{
    return odk_str_eq(c, symbol);
}

/* The next character of s as a string. */
static struct odk_str
next_char(struct odk_str s, size_t *at)
{
    size_t from = *at;

    (void)jx_code_next(s, at);
    return jx_str_slice(s, from, *at);
}

static bool
is_digit(const struct symbols *y, struct odk_str c)
{
    size_t at = 0;
    uint32_t code = c.len ? jx_code_next(c, &at) : 0;

    return at == c.len && c.len && code >= y->zero_code &&
           code < y->zero_code + 10;
}

static bool
is_active(const struct symbols *y, struct odk_str c)
{
    return is_digit(y, c) || is_symbol(c, y->decimal) ||
           is_symbol(c, y->exponent) || is_symbol(c, y->grouping) ||
           is_symbol(c, y->digit) || is_symbol(c, y->separator);
}

static uint32_t
count(const struct symbols *y, struct odk_str s, bool with_optional)
{
    uint32_t n = 0;

    for (size_t at = 0; at < s.len;) {
        struct odk_str c = next_char(s, &at);
        n += is_digit(y, c) || (with_optional && is_symbol(c, y->digit));
    }
    return n;
}

static void
split_parts(const struct symbols *y, struct odk_str picture, struct parts *out)
{
    size_t first = picture.len;
    size_t last = 0;
    bool is_found = false;

    for (size_t at = 0; at < picture.len;) {
        size_t from = at;
        struct odk_str c = next_char(picture, &at);
        if (is_active(y, c) && !is_symbol(c, y->exponent)) {
            first = is_found ? first : from;
            last = at;
            is_found = true;
        }
    }
    *out = (struct parts){.picture = picture};
    if (!is_found) {
        first = last = 0;
    }
    out->prefix = jx_str_slice(picture, 0, first);
    out->suffix = odk_str_from(picture, last);
    out->active = jx_str_slice(picture, first, last);
    out->mantissa = out->active;
    ptrdiff_t e = jx_str_find(picture, y->exponent, first);
    if (e >= 0 && (size_t)e <= last) {
        /* The reference counts the exponent's place from the wrong end: it
         * shifts by the prefix, which is kept. */
        out->has_exponent = true;
        out->mantissa = jx_str_slice(out->active, 0, (size_t)e);
        out->exponent = odk_str_from(out->active, (size_t)e + 1);
    }
    ptrdiff_t point = jx_str_find(out->mantissa, y->decimal, 0);
    if (point < 0) {
        out->integer = out->mantissa;
        out->fraction = out->suffix;
    } else {
        out->integer = jx_str_slice(out->mantissa, 0, (size_t)point);
        out->fraction =
            odk_str_from(out->mantissa, (size_t)point + y->decimal.len);
    }
}

static bool
repeats(struct odk_str s, struct odk_str symbol)
{
    return jx_str_find(s, symbol, 0) != jx_str_rfind(s, symbol);
}

static bool
holds(struct odk_str s, struct odk_str symbol)
{
    return jx_str_find(s, symbol, 0) >= 0;
}

/* An optional digit in the wrong order: behind a mandatory one in the integer
 * part, before one in the fraction. */
static bool
is_misplaced(const struct symbols *y, const struct parts *p, bool in_fraction)
{
    struct odk_str s = in_fraction ? p->fraction : p->integer;
    ptrdiff_t at =
        in_fraction ? jx_str_rfind(s, y->digit) : jx_str_find(s, y->digit, 0);

    if (at < 0) {
        return false;
    }
    return count(y,
                 in_fraction ? odk_str_from(s, (size_t)at)
                             : jx_str_slice(s, 0, (size_t)at),
                 false) > 0;
}

static bool
has_passive(const struct symbols *y, struct odk_str active)
{
    for (size_t at = 0; at < active.len;) {
        if (!is_active(y, next_char(active, &at))) {
            return true;
        }
    }
    return false;
}

/* Grouping separators next to the point, at the integer's end, or doubled. */
static const char *
check_grouping(const struct symbols *y, const struct parts *p)
{
    const char *error = NULL;
    ptrdiff_t point = jx_str_find(p->picture, y->decimal, 0);
    struct odk_str rest = p->picture;

    if (point >= 0) {
        struct odk_str before = jx_str_slice(p->picture, 0, (size_t)point);
        struct odk_str after =
            odk_str_from(p->picture, (size_t)point + y->decimal.len);
        if (odk_str_ends(before, y->grouping) ||
            odk_str_starts(after, y->grouping)) {
            error = "D3087";
        }
    } else if (p->integer.len && odk_str_ends(p->integer, y->grouping)) {
        error = "D3088";
    }
    for (ptrdiff_t at = jx_str_find(rest, y->grouping, 0); at >= 0;
         at = jx_str_find(rest, y->grouping, 0)) {
        rest = odk_str_from(rest, (size_t)at + y->grouping.len);
        if (odk_str_starts(rest, y->grouping)) {
            error = "D3089";
        }
    }
    return error;
}

static const char *
check_exponent(const struct symbols *y, const struct parts *p)
{
    const char *error = NULL;

    if (!p->has_exponent) {
        return NULL;
    }
    if (p->exponent.len &&
        (holds(p->picture, y->percent) || holds(p->picture, y->per_mille))) {
        error = "D3092";
    }
    bool is_bad =
        p->exponent.len == 0 ||
        count(y, p->exponent, false) < (uint32_t)jx_code_count(p->exponent);
    return is_bad ? "D3093" : error;
}

/* 4.7.3; of several errors the last one found counts, as in the reference. */
static const char *
validate(const struct symbols *y, const struct parts *p)
{
    const char *error = NULL;
    const char *found = NULL;

    error = repeats(p->picture, y->decimal) ? "D3081" : error;
    error = repeats(p->picture, y->percent) ? "D3082" : error;
    error = repeats(p->picture, y->per_mille) ? "D3083" : error;
    if (holds(p->picture, y->percent) && holds(p->picture, y->per_mille)) {
        error = "D3084";
    }
    error = count(y, p->mantissa, true) == 0 ? "D3085" : error;
    error = has_passive(y, p->active) ? "D3086" : error;
    found = check_grouping(y, p);
    error = found ? found : error;
    error = is_misplaced(y, p, false) ? "D3090" : error;
    error = is_misplaced(y, p, true) ? "D3091" : error;
    found = check_exponent(y, p);
    return found ? found : error;
}

/* Digits right of each grouping separator, or left of it in the fraction. The
 * reference looks for all but the first in the integer part. */
static bool
find_groups(struct jx *ctx, const struct symbols *y, const struct parts *p,
            bool to_left, struct positions *out)
{
    struct odk_str part = to_left ? p->fraction : p->integer;

    for (ptrdiff_t at = jx_str_find(part, y->grouping, 0); at >= 0;
         at = jx_str_find(p->integer, y->grouping, (size_t)at + 1)) {
        if (out->n == POSITIONS_MAX) {
            (void)jx_fail_limit(ctx, "The picture has too many separators");
            return false;
        }
        out->at[out->n++] = count(y,
                                  to_left ? jx_str_slice(part, 0, (size_t)at)
                                          : odk_str_from(part, (size_t)at),
                                  true);
    }
    return true;
}

static uint32_t
regular_distance(const struct positions *p)
{
    uint32_t factor = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t a = factor;
        uint32_t b = p->at[i];
        while (b) {
            uint32_t rest = a % b;
            a = b;
            b = rest;
        }
        factor = a;
    }
    for (uint32_t i = 1; i <= p->n; i++) {
        bool is_there = false;
        for (uint32_t k = 0; k < p->n; k++) {
            is_there = is_there || p->at[k] == i * factor;
        }
        if (!is_there) {
            return 0;
        }
    }
    return factor;
}

/* 4.7.4 */
static bool
analyse(struct jx *ctx, const struct symbols *y, const struct parts *p,
        struct format *f)
{
    *f = (struct format){.regular = 0};
    if (!find_groups(ctx, y, p, false, &f->integer_groups) ||
        !find_groups(ctx, y, p, true, &f->fraction_groups)) {
        return false;
    }
    f->regular = regular_distance(&f->integer_groups);
    f->integer_min = count(y, p->integer, false);
    f->scaling = f->integer_min;
    f->fraction_min = count(y, p->fraction, false);
    f->fraction_max = count(y, p->fraction, true);
    if (f->integer_min == 0 && f->fraction_max == 0) {
        if (p->has_exponent) {
            f->fraction_min = 1;
            f->fraction_max = 1;
        } else {
            f->integer_min = 1;
        }
    }
    if (p->has_exponent && f->integer_min == 0 && holds(p->integer, y->digit)) {
        f->integer_min = 1;
    }
    if (f->integer_min == 0 && f->fraction_min == 0) {
        f->fraction_min = 1;
    }
    if (p->has_exponent) {
        f->exponent_min = count(y, p->exponent, false);
    }
    if (f->fraction_max > PLACES_MAX || f->integer_min > PLACES_MAX ||
        f->exponent_min > PLACES_MAX) {
        (void)jx_fail_limit(ctx, "The picture has too many digits");
        return false;
    }
    return true;
}

/* The number's digits while they are laid out: ASCII, one point. */
struct layout {
    char text[FIXED_MAX + 2 * PLACES_MAX];
    size_t len;
};

static size_t
point_of(const struct layout *l)
{
    const char *at = memchr(l->text, '.', l->len);

    return at ? (size_t)(at - l->text) : l->len;
}

static void
insert(struct layout *l, size_t at, char c)
{
    if (l->len + 1 >= sizeof(l->text)) {
        return;
    }
    at = at < l->len ? at : l->len;
    memmove(l->text + at + 1, l->text + at, l->len - at);
    l->text[at] = c;
    l->len++;
}

/* Rules 7 to 9: fixed digits without needless zeros, padded to the minimum. */
static void
lay_out(struct layout *l, double n, const struct format *f)
{
    size_t skip = 0;

    l->len = jx_to_fixed(n, f->fraction_max, l->text, FIXED_MAX);
    if (!memchr(l->text, '.', l->len)) {
        l->text[l->len++] = '.';
    }
    while (skip < l->len && l->text[skip] == '0') {
        skip++;
    }
    memmove(l->text, l->text + skip, l->len - skip);
    l->len -= skip;
    while (l->len && l->text[l->len - 1] == '0') {
        l->len--;
    }
    for (size_t point = point_of(l); point < f->integer_min; point++) {
        insert(l, 0, '0');
    }
    while (l->len - point_of(l) - 1 < f->fraction_min) {
        insert(l, l->len, '0');
    }
}

/* Rules 10 and 11; ',' stands for the grouping separator. */
static void
group_digits(struct layout *l, const struct format *f)
{
    size_t point = point_of(l);

    if (f->regular) {
        for (size_t n = f->regular; n < point; n += f->regular) {
            insert(l, point - n, ',');
        }
    } else {
        for (uint32_t i = 0; i < f->integer_groups.n; i++, point++) {
            size_t right = f->integer_groups.at[i];
            /* An offset left of the number counts from its end, as the
             * reference slices. */
            size_t from = right <= point ? point : l->len + point;
            insert(l, from > right ? from - right : 0, ',');
        }
    }
    point = point_of(l);
    for (uint32_t i = 0; i < f->fraction_groups.n; i++) {
        insert(l, point + 1 + f->fraction_groups.at[i], ',');
    }
}

static void
put_digit(struct jx_text *text, const struct symbols *y, char c)
{
    if (c >= '0' && c <= '9') {
        jx_text_put_code(text, y->zero_code + (uint32_t)(c - '0'));
    } else if (c == '.') {
        jx_text_put(text, y->decimal);
    } else if (c == ',') {
        jx_text_put(text, y->grouping);
    } else {
        jx_text_put_char(text, c);
    }
}

/* Rule 13 */
static void
put_exponent(struct jx_text *text, const struct symbols *y, int exponent,
             uint32_t digits_min)
{
    char digits[JX_NUMBER_TEXT_MAX];
    struct odk_str s = jx_number_text(fabs((double)exponent), digits);

    jx_text_put(text, y->exponent);
    if (exponent < 0) {
        jx_text_put(text, y->minus);
    }
    for (size_t i = s.len; i < digits_min; i++) {
        put_digit(text, y, '0');
    }
    for (size_t i = 0; i < s.len; i++) {
        put_digit(text, y, s.ptr[i]);
    }
}

/* Rule 5: the mantissa between 10^(scaling-1) and 10^scaling. */
static int
scale(double *n, uint32_t scaling)
{
    double max = pow(10, scaling);
    double min = pow(10, (double)scaling - 1);
    int exponent = 0;

    /* The reference never ends on numbers that no power of ten brings up. */
    while (*n<min && * n> 0) {
        *n *= 10;
        exponent--;
    }
    while (*n > max && isfinite(*n)) {
        *n /= 10;
        exponent++;
    }
    return exponent;
}

static struct jv
format(struct jx *ctx, double n, const struct symbols *y, const struct parts *p,
       bool adds_minus)
{
    struct layout l = {.len = 0};
    struct format f;
    struct jx_text text;
    int exponent = 0;

    if (!analyse(ctx, y, p, &f)) {
        return jv_undefined();
    }
    if (holds(p->picture, y->percent)) {
        n *= 100;
    } else if (holds(p->picture, y->per_mille)) {
        n *= 1000;
    }
    if (f.exponent_min) {
        n = fabs(n);
        exponent = scale(&n, f.scaling);
    }
    lay_out(&l, jx_round(n, f.fraction_max), &f);
    group_digits(&l, &f);
    if (!holds(p->picture, y->decimal) || point_of(&l) == l.len - 1) {
        l.len--;
    }
    jx_text_init(&text, ctx);
    if (adds_minus) {
        jx_text_put(&text, y->minus);
    }
    jx_text_put(&text, p->prefix);
    for (size_t i = 0; i < l.len; i++) {
        put_digit(&text, y, l.text[i]);
    }
    if (f.exponent_min) {
        put_exponent(&text, y, exponent, f.exponent_min);
    }
    jx_text_put(&text, p->suffix);
    return jx_text_value(&text);
}

/* The options' symbols over the defaults. */
static void
read_symbols(struct jv options, struct symbols *y)
{
    size_t at = 0;

    *y = (struct symbols){.decimal = ODK_STR_INIT("."),
                          .grouping = ODK_STR_INIT(","),
                          .exponent = ODK_STR_INIT("e"),
                          .minus = ODK_STR_INIT("-"),
                          .percent = ODK_STR_INIT("%"),
                          .per_mille = ODK_STR_INIT("\xe2\x80\xb0"),
                          .digit = ODK_STR_INIT("#"),
                          .separator = ODK_STR_INIT(";"),
                          .zero = ODK_STR_INIT("0")};

    const struct {
        struct odk_str name;
        struct odk_str *symbol;
    } names[] = {
        {ODK_STR("decimal-separator"), &y->decimal},
        {ODK_STR("grouping-separator"), &y->grouping},
        {ODK_STR("exponent-separator"), &y->exponent},
        {ODK_STR("minus-sign"), &y->minus},
        {ODK_STR("percent"), &y->percent},
        {ODK_STR("per-mille"), &y->per_mille},
        {ODK_STR("digit"), &y->digit},
        {ODK_STR("pattern-separator"), &y->separator},
        {ODK_STR("zero-digit"), &y->zero},
    };

    for (size_t i = 0; options.type == JV_OBJECT && i < ODK_ARRAY_LEN(names);
         i++) {
        struct jv v = jv_get(options, names[i].name);
        if (v.type == JV_STRING && v.len > 0) {
            *names[i].symbol = jv_text(v);
        }
    }
    y->zero_code = jx_code_next(y->zero, &at);
}

struct jv
jx_fn_format_number(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct symbols y;
    struct parts parts[2];
    uint32_t n = 0;

    if (jv_is_undefined(v) || call->args[1].type != JV_STRING) {
        return jv_undefined();
    }
    if (!jv_is_numeric(ctx, v)) {
        return jv_undefined();
    }
    struct odk_str rest = jv_text(call->args[1]);
    read_symbols(call->args[2], &y);
    (void)jx_charge_bytes(ctx, rest.len * 16);
    for (bool is_more = true; is_more;) {
        ptrdiff_t end = jx_str_find(rest, y.separator, 0);
        is_more = end >= 0;
        if (n == 2) {
            return jx_fail(ctx, "D3080");
        }
        split_parts(&y, is_more ? jx_str_slice(rest, 0, (size_t)end) : rest,
                    &parts[n++]);
        rest =
            is_more ? odk_str_from(rest, (size_t)end + y.separator.len) : rest;
    }
    for (uint32_t i = 0; i < n; i++) {
        const char *error = validate(&y, &parts[i]);
        if (error) {
            return jx_fail(ctx, error);
        }
    }
    bool is_second = !(v.u.number >= 0) && n == 2;
    return format(ctx, v.u.number, &y, &parts[is_second],
                  v.u.number < 0 && n == 1);
}
