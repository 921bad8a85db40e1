#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_picture_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define ROMAN_MAX        1e6
#define DIGITS_MAX       128u
#define MANDATORY_MAX    1000u
#define PICTURE_CODE_MAX 4096u

/* Zeros of Unicode's decimal digit groups. */
static const uint32_t zeros[] = {
    0x30,   0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6,
    0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50, 0x0ED0,
    0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900,
    0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10};

/* Zero of the group that a digit belongs to; 0 if it is none. */
static uint32_t
zero_of(uint32_t code)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(zeros); i++) {
        if (code >= zeros[i] && code <= zeros[i] + 9) {
            return zeros[i];
        }
    }
    return 0;
}

static bool
parse_named(struct odk_str format, struct jx_integer_picture *out)
{
    static const struct {
        char text[4];
        uint8_t primary;
        uint8_t letter_case;
    } named[] = {
        {"A", JX_LETTERS, JX_CASE_UPPER}, {"a", JX_LETTERS, JX_CASE_LOWER},
        {"I", JX_ROMAN, JX_CASE_UPPER},   {"i", JX_ROMAN, JX_CASE_LOWER},
        {"W", JX_WORDS, JX_CASE_UPPER},   {"w", JX_WORDS, JX_CASE_LOWER},
        {"Ww", JX_WORDS, JX_CASE_TITLE},
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(named); i++) {
        if (odk_str_is(format, named[i].text)) {
            out->primary = named[i].primary;
            out->letter_case = named[i].letter_case;
            return true;
        }
    }
    return false;
}

static uint32_t
gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The distance at which the same separator repeats; 0 if it does not. */
static uint32_t
regular_distance(const struct jx_integer_picture *p)
{
    uint32_t factor = 0;

    for (uint32_t i = 0; i < p->n_separators; i++) {
        if (p->separators[i].code != p->separators[0].code) {
            return 0;
        }
        factor = gcd(factor, p->separators[i].position);
    }
    for (uint32_t i = 1; i <= p->n_separators; i++) {
        bool is_there = false;
        for (uint32_t k = 0; k < p->n_separators; k++) {
            is_there = is_there || p->separators[k].position == i * factor;
        }
        if (!is_there) {
            return 0;
        }
    }
    return factor;
}

/* One character of a decimal pattern, read from the right. */
static bool
parse_decimal_code(struct jx *ctx, uint32_t code, uint32_t *position,
                   struct jx_integer_picture *out)
{
    uint32_t zero = zero_of(code);

    if (zero) {
        out->mandatory++;
        (*position)++;
        if (out->zero && out->zero != zero) {
            (void)jx_fail(ctx, "D3131");
        }
        out->zero = zero;
    } else if (code == '#') {
        out->optional++;
        (*position)++;
    } else if (out->n_separators == JX_SEPARATORS_MAX) {
        (void)jx_fail_limit(ctx, "The picture has too many separators");
    } else {
        out->separators[out->n_separators++] =
            (struct jx_separator){*position, code};
    }
    return jx_ok(ctx);
}

static bool
parse_decimal(struct jx *ctx, struct odk_str format,
              struct jx_integer_picture *out)
{
    uint32_t position = 0;
    size_t n = jx_code_count(format);
    uint32_t *codes = jx_alloc(ctx, (n + 1) * sizeof(*codes));

    if (!codes || n > PICTURE_CODE_MAX) {
        (void)jx_fail_limit(ctx, "The picture is too long");
        return false;
    }
    for (size_t at = 0, i = 0; at < format.len; i++) {
        codes[i] = jx_code_next(format, &at);
    }
    for (size_t i = n; i-- > 0;) {
        if (!parse_decimal_code(ctx, codes[i], &position, out)) {
            return false;
        }
    }
    if (out->mandatory == 0) {
        out->primary = JX_SEQUENCE;
        out->token = format;
        return true;
    }
    out->regular = regular_distance(out);
    out->is_regular = out->regular > 0;
    return true;
}

bool
jx_integer_picture_parse(struct jx *ctx, struct odk_str picture,
                         struct jx_integer_picture *out)
{
    struct odk_str format = picture;
    ptrdiff_t semicolon = jx_str_rfind(picture, ODK_STR(";"));

    *out = (struct jx_integer_picture){.letter_case = JX_CASE_LOWER};
    if (semicolon >= 0) {
        struct odk_str modifier = odk_str_from(picture, (size_t)semicolon + 1);
        format = jx_str_slice(picture, 0, (size_t)semicolon);
        out->is_ordinal = odk_str_starts(modifier, ODK_STR("o"));
    }
    return parse_named(format, out) || parse_decimal(ctx, format, out);
}

static void
put_letters(struct jx_text *text, double n, char first)
{
    char letters[256];
    size_t at = sizeof(letters);

    while (n > 0 && at > 0) {
        letters[--at] = (char)(first + (int)fmod(n - 1, 26));
        n = floor((n - 1) / 26);
    }
    jx_text_put(text, odk_str_n(letters + at, sizeof(letters) - at));
}

static void
put_roman(struct jx_text *text, double n)
{
    static const struct {
        double value;
        const char *text;
    } numerals[] = {
        {1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"},
        {90, "xc"},  {50, "l"},   {40, "xl"}, {10, "x"},   {9, "ix"},
        {5, "v"},    {4, "iv"},   {1, "i"},
    };

    if (n > ROMAN_MAX) {
        (void)jx_fail_limit(text->ctx, "The Roman numeral is too long");
        return;
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(numerals);) {
        if (n >= numerals[i].value) {
            jx_text_put_cstr(text, numerals[i].text);
            n -= numerals[i].value;
        } else {
            i++;
        }
    }
}

/* The formatted number as code points, while separators are put in. */
struct digits {
    uint32_t *codes;
    size_t n;
};

static void
insert_regular(struct digits *d, uint32_t distance, uint32_t code)
{
    size_t count = d->n ? (d->n - 1) / distance : 0;
    size_t to = d->n + count;
    size_t from = d->n;

    for (size_t i = 0; from > 0; i++) {
        if (i && i % distance == 0) {
            d->codes[--to] = code;
        }
        d->codes[--to] = d->codes[--from];
    }
    d->n += count;
}

/* As the reference: a separator left of all digits drops what its negative
 * offset does not reach. */
static void
insert_at(struct digits *d, uint32_t position, uint32_t code)
{
    if (position <= d->n) {
        size_t at = d->n - position;
        memmove(d->codes + at + 1, d->codes + at, position * sizeof(*d->codes));
        d->codes[at] = code;
        d->n++;
        return;
    }
    size_t reach = position - d->n;
    size_t kept = reach < d->n ? reach : d->n;
    memmove(d->codes + 1, d->codes + d->n - kept, kept * sizeof(*d->codes));
    d->codes[0] = code;
    d->n = kept + 1;
}

static const char *
ordinal_suffix(const struct digits *d)
{
    uint32_t last = d->n ? d->codes[d->n - 1] : 0;

    if (d->n > 1 && d->codes[d->n - 2] == '1') {
        return "th";
    }
    return last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th";
}

static void
put_decimal(struct jx_text *text, double n, const struct jx_integer_picture *p)
{
    char number[JX_NUMBER_TEXT_MAX];
    struct odk_str s = jx_number_text(n, number);
    uint32_t mandatory =
        p->mandatory < MANDATORY_MAX ? p->mandatory : MANDATORY_MAX;
    size_t pad = mandatory > s.len ? mandatory - s.len : 0;
    size_t cap = 2 * (s.len + pad) + JX_SEPARATORS_MAX + 1;
    struct digits d = {jx_alloc(text->ctx, cap * sizeof(uint32_t)), 0};

    if (!d.codes) {
        return;
    }
    for (size_t i = 0; i < s.len + pad; i++) {
        uint32_t code = i < pad ? '0' : (unsigned char)s.ptr[i - pad];
        d.codes[d.n++] = code + p->zero - '0';
    }
    if (p->is_regular) {
        insert_regular(&d, p->regular, p->separators[0].code);
    }
    for (uint32_t i = p->is_regular ? 0 : p->n_separators; i-- > 0;) {
        insert_at(&d, p->separators[i].position, p->separators[i].code);
    }
    for (size_t i = 0; i < d.n; i++) {
        jx_text_put_code(text, d.codes[i]);
    }
    if (p->is_ordinal) {
        jx_text_put_cstr(text, ordinal_suffix(&d));
    }
}

struct jv
jx_integer_format(struct jx *ctx, double n, const struct jx_integer_picture *p)
{
    bool is_upper = p->letter_case == JX_CASE_UPPER;
    struct jx_text text;
    struct jx_text out;

    if (p->primary == JX_SEQUENCE) {
        return jx_fail_value(ctx, "D3130", jv_string(p->token));
    }
    jx_text_init(&text, ctx);
    switch ((enum jx_primary)p->primary) {
    case JX_LETTERS:
        put_letters(&text, fabs(n), is_upper ? 'A' : 'a');
        break;
    case JX_ROMAN:
        put_roman(&text, fabs(n));
        break;
    case JX_WORDS:
        jx_words_put(&text, fabs(n), p->is_ordinal);
        break;
    case JX_DECIMAL:
    case JX_SEQUENCE:
        put_decimal(&text, fabs(n), p);
        break;
    }
    struct jv v = jx_text_value(&text);
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    if (p->primary == JX_WORDS && p->letter_case != JX_CASE_TITLE) {
        v = jx_text_case(ctx, jv_text(v), is_upper);
    } else if (p->primary == JX_ROMAN && is_upper) {
        v = jx_text_case(ctx, jv_text(v), true);
    }
    if (!(n < 0) || !jx_ok(ctx)) {
        return v;
    }
    jx_text_init(&out, ctx);
    jx_text_put_char(&out, '-');
    jx_text_put(&out, jv_text(v));
    return jx_text_value(&out);
}

static double
parse_letters(struct odk_str s, char first)
{
    double n = 0;

    for (size_t at = 0; at < s.len;) {
        uint32_t code = jx_code_next(s, &at);
        n = n * 26 + ((double)code - first + 1);
    }
    return n;
}

static double
parse_roman(struct odk_str s, bool is_upper)
{
    static const char letters[] = "MDCLXVI";
    static const double values[] = {1000, 500, 100, 50, 10, 5, 1};
    double sum = 0;
    double max = 1;

    for (size_t i = s.len; i-- > 0;) {
        char c = s.ptr[i];
        if (!is_upper && c >= 'a' && c <= 'z') {
            c = (char)(c - 'a' + 'A');
        }
        const char *at = c ? strchr(letters, c) : NULL;
        if (!at) {
            return NAN;
        }
        double value = values[at - letters];
        if (value < max) {
            sum -= value;
        } else {
            max = value;
            sum += value;
        }
    }
    return sum;
}

static bool
is_separator(const struct jx_integer_picture *p, uint32_t code)
{
    if (p->is_regular) {
        return code == ',';
    }
    for (uint32_t i = 0; i < p->n_separators; i++) {
        if (p->separators[i].code == code) {
            return true;
        }
    }
    return false;
}

static double
parse_digits(struct jx *ctx, struct odk_str s,
             const struct jx_integer_picture *p)
{
    struct jx_text text;

    if (p->is_ordinal) {
        s.len = s.len > 2 ? s.len - 2 : 0;
    }
    jx_text_init(&text, ctx);
    for (size_t at = 0; at < s.len && jx_ok(ctx);) {
        uint32_t code = jx_code_next(s, &at);
        if (is_separator(p, code)) {
            continue;
        }
        if (p->zero == '0') {
            jx_text_put_code(&text, code);
        } else if (code >= p->zero && code <= p->zero + 9) {
            jx_text_put_char(&text, (char)('0' + code - p->zero));
        } else {
            jx_text_put_char(&text, '?');
        }
    }
    return jx_ok(ctx) ? jx_parse_int(jx_text_str(&text)) : NAN;
}

double
jx_integer_parse(struct jx *ctx, struct odk_str s,
                 const struct jx_integer_picture *p)
{
    bool is_upper = p->letter_case == JX_CASE_UPPER;

    switch ((enum jx_primary)p->primary) {
    case JX_LETTERS:
        return parse_letters(s, is_upper ? 'A' : 'a');
    case JX_ROMAN:
        return parse_roman(s, is_upper);
    case JX_WORDS: {
        struct jv lower = jx_text_case(ctx, s, false);
        return jx_ok(ctx) ? jx_words_parse(jv_text(lower)) : NAN;
    }
    case JX_DECIMAL:
        return parse_digits(ctx, s, p);
    case JX_SEQUENCE:
        break;
    }
    (void)jx_fail_value(ctx, "D3130", jv_string(p->token));
    return NAN;
}

struct jv
jx_format_integer(struct jx *ctx, double n, struct odk_str picture)
{
    struct jx_integer_picture p;

    if (!jx_integer_picture_parse(ctx, picture, &p)) {
        return jv_undefined();
    }
    return jx_integer_format(ctx, floor(n), &p);
}

struct jv
jx_fn_format_integer(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v)) {
        return v;
    }
    if (call->args[1].type != JV_STRING) {
        return jx_fail_value(ctx, "T0410", call->args[1]);
    }
    return jx_format_integer(ctx, v.u.number, jv_text(call->args[1]));
}

struct jv
jx_fn_parse_integer(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    struct jx_integer_picture p;

    if (jv_is_undefined(v)) {
        return v;
    }
    if (call->args[1].type != JV_STRING) {
        return jx_fail_value(ctx, "T0410", call->args[1]);
    }
    if (!jx_integer_picture_parse(ctx, jv_text(call->args[1]), &p)) {
        return jv_undefined();
    }
    (void)jx_charge_bytes(ctx, (size_t)v.len * 8);
    double n = jx_integer_parse(ctx, jv_text(v), &p);
    return jx_ok(ctx) ? jv_number(n) : jv_undefined();
}
