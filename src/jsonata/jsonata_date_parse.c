/*
 * $toMillis: ISO 8601 text, or text by a picture. A picture becomes a regular
 * expression with a group for each part.
 */

#define PCRE2_CODE_UNIT_WIDTH 8

#include <math.h>
#include <string.h>

#include <pcre2.h>

#include "base/base.h"
#include "jsonata/jsonata_date_priv.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define PATTERN_BYTES_MAX 65536u
#define MATCH_LIMIT       100000u

/* Components found in a text, by their letter. */
struct components {
    double value[128];
    bool is_set[128];
    bool is_any;
};

static bool
eat(struct odk_str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c) {
        return false;
    }
    *s = odk_str_from(*s, 1);
    return true;
}

/* n digits as a number, or false. */
static bool
eat_digits(struct odk_str *s, size_t n, double *out)
{
    if (s->len < n) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s->ptr[i];
        if (c < '0' || c > '9') {
            return false;
        }
        *out = *out * 10 + (c - '0');
    }
    *s = odk_str_from(*s, n);
    return true;
}

static bool
eat_time(struct odk_str *s, double *ms)
{
    double hour = 0;
    double minute = 0;
    double second = 0;

    if (!eat_digits(s, 2, &hour) || !eat(s, ':') ||
        !eat_digits(s, 2, &minute) || !eat(s, ':') ||
        !eat_digits(s, 2, &second)) {
        return false;
    }
    if (hour > 29 || minute > 59 || second > 59) {
        return false;
    }
    *ms = hour > 24 || (hour == 24 && minute + second > 0)
              ? NAN
              : ((hour * 60 + minute) * 60 + second) * 1000;
    return true;
}

static bool
eat_fraction(struct odk_str *s, double *ms)
{
    double unit = 100;
    size_t n = 0;

    for (; n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++) {
        *ms += n < 3 ? unit * (s->ptr[n] - '0') : 0;
        unit /= 10;
    }
    *s = odk_str_from(*s, n);
    return n > 0;
}

/* +hh:mm, +hhmm, Z or nothing. */
static bool
eat_zone(struct odk_str *s, double *ms)
{
    double hour = 0;
    double minute = 0;
    bool is_minus = s->len && s->ptr[0] == '-';

    if (eat(s, 'Z') || s->len == 0) {
        return true;
    }
    if (!eat(s, '+') && !eat(s, '-')) {
        return false;
    }
    if (!eat_digits(s, 2, &hour)) {
        return false;
    }
    (void)eat(s, ':');
    if (!eat_digits(s, 2, &minute) || hour > 29 || minute > 59) {
        return false;
    }
    *ms -= (is_minus ? -1 : 1) * (hour * 60 + minute) * 60000;
    return true;
}

/* Whether -nn comes next, and not a zone. */
static bool
has_dash_field(struct odk_str s)
{
    return s.len >= 3 && s.ptr[0] == '-' && s.len != 5 &&
           !(s.len == 6 && s.ptr[3] == ':');
}

static bool
eat_dash_field(struct odk_str *s, double max, double *out)
{
    return eat(s, '-') && eat_digits(s, 2, out) && *out <= max;
}

/* yyyy(-mm(-dd)?)?(Thh:mm:ss)?(.fff)?zone?; false if it has another shape, NaN
 * if there is no such day. */
static bool
parse_iso(struct odk_str s, double *out)
{
    double year = 0;
    double month = 1;
    double day = 1;
    double ms = 0;

    if (!eat_digits(&s, 4, &year)) {
        return false;
    }
    if (has_dash_field(s) &&
        (!eat_dash_field(&s, 19, &month) ||
         (has_dash_field(s) && !eat_dash_field(&s, 39, &day)))) {
        return false;
    }
    if ((eat(&s, 'T') && !eat_time(&s, &ms)) ||
        (eat(&s, '.') && !eat_fraction(&s, &ms)) || !eat_zone(&s, &ms) ||
        s.len) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > 31) {
        *out = NAN;
        return true;
    }
    int64_t days = odk_days_from_civil((int64_t)year, (int)month, 1);
    *out = ((double)days + day - 1) * JX_DAY_MS + ms;
    return true;
}

static void
put_quoted(struct odk_buf *buf, struct odk_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] && strchr(".*+?^${}()|[]\\", s.ptr[i])) {
            odk_buf_put_char(buf, '\\');
        }
        odk_buf_put_char(buf, s.ptr[i]);
    }
}

static void
put_integer_pattern(struct jx *ctx, const struct jx_date_part *part,
                    struct odk_buf *buf)
{
    const struct jx_integer_picture *p = part->integer;
    bool is_upper = p->letter_case == JX_CASE_UPPER;
    int n = part->component && strchr("YMD", part->component)
                ? part->year_digits
                : 0;
    double ignored = 0;

    switch ((enum jx_primary)p->primary) {
    case JX_LETTERS:
        odk_buf_put_cstr(buf, is_upper ? "[A-Z]+" : "[a-z]+");
        break;
    case JX_ROMAN:
        odk_buf_put_cstr(buf, is_upper ? "[MDCLXVI]+" : "[mdclxvi]+");
        break;
    case JX_WORDS:
        odk_buf_put_cstr(buf, "(?:");
        for (uint32_t i = 0; jx_words_nth(i, &ignored); i++) {
            odk_buf_put_cstr(buf, jx_words_nth(i, &ignored));
            odk_buf_put_char(buf, '|');
        }
        odk_buf_put_cstr(buf, "and|[\\-, ])+");
        break;
    case JX_DECIMAL:
        odk_buf_put_cstr(buf, "[0-9]");
        if (n <= 0) {
            odk_buf_put_char(buf, '+');
        } else if (p->optional == 0) {
            odk_buf_printf(buf, "{%d}", n);
        } else {
            odk_buf_printf(buf, "{%d,%d}", n - (int)p->optional, n);
        }
        odk_buf_put_cstr(buf, p->is_ordinal ? "(?:th|st|nd|rd)" : "");
        break;
    case JX_SEQUENCE:
        (void)jx_fail_value(ctx, "D3130", jv_string(p->token));
        break;
    }
}

/* The character between hours and minutes of a zone; 0 if there is none. */
static uint32_t
zone_separator(const struct jx_date_part *part)
{
    return part->integer->is_regular ? part->integer->separators[0].code : 0;
}

static void
put_zone_pattern(const struct jx_date_part *part, struct odk_buf *buf)
{
    char bytes[JX_CODE_BYTES_MAX];
    uint32_t separator = zone_separator(part);

    odk_buf_put_cstr(buf,
                     part->component == 'z' ? "GMT[-+][0-9]+" : "[-+][0-9]+");
    if (separator) {
        put_quoted(buf, odk_str_n(bytes, jx_code_put(separator, bytes)));
        odk_buf_put_cstr(buf, "[0-9]+");
    }
}

static void
put_part_pattern(struct jx *ctx, const struct jx_date_part *part,
                 struct odk_buf *buf)
{
    odk_buf_put_char(buf, '(');
    if (!part->component) {
        put_quoted(buf, part->text);
    } else if (part->component == 'Z' || part->component == 'z') {
        put_zone_pattern(part, buf);
    } else if (part->has_integer) {
        put_integer_pattern(ctx, part, buf);
    } else if (strchr("MxFP", part->component)) {
        odk_buf_put_cstr(buf, "[a-zA-Z]+");
    } else {
        (void)jx_fail_value(ctx, "D3133", jv_string(part->text));
    }
    odk_buf_put_char(buf, ')');
}

/* Minutes east of Greenwich. */
static double
parse_zone(const struct jx_date_part *part, struct odk_str s)
{
    char bytes[JX_CODE_BYTES_MAX];
    uint32_t separator = zone_separator(part);

    if (part->component == 'z') {
        s = odk_str_from(s, 3);
    }
    if (separator) {
        struct odk_str mark = odk_str_n(bytes, jx_code_put(separator, bytes));
        ptrdiff_t at = jx_str_find(s, mark, 0);
        size_t end = at < 0 ? s.len : (size_t)at;
        return jx_parse_int(jx_str_slice(s, 0, end)) * 60 +
               jx_parse_int(odk_str_from(s, end + mark.len));
    }
    if (s.len <= 3) {
        return jx_parse_int(s) * 60;
    }
    return jx_parse_int(jx_str_slice(s, 0, 3)) * 60 +
           jx_parse_int(odk_str_from(s, 3));
}

/* The number that a name stands for; false if it is none. The names are as
 * written in English, cut to the picture's width. */
static bool
parse_name(const struct jx_date_part *part, struct odk_str s, double *out)
{
    const char *const *names = jx_month_names;
    size_t n = 12;
    size_t first = 0;

    if (part->component == 'P') {
        *out = odk_str_is(s, "pm") || odk_str_is(s, "PM");
        return *out > 0 || odk_str_is(s, "am") || odk_str_is(s, "AM");
    }
    if (part->component == 'F') {
        names = jx_day_names;
        n = 8;
        first = 1;
    }
    for (size_t i = first; i < n; i++) {
        struct odk_str name = odk_str(names[i]);
        if (part->width_max > 0 && (double)name.len > part->width_max) {
            name.len = (size_t)part->width_max;
        }
        if (odk_str_eq(s, name)) {
            *out = (double)(i - first + 1);
            return true;
        }
    }
    return false;
}

static void
read_part(struct jx *ctx, const struct jx_date_part *part, struct odk_str s,
          struct components *out)
{
    unsigned char c = (unsigned char)part->component;
    double value = NAN;
    bool is_set = true;

    if (c == 0 || c >= 128) {
        return;
    }
    if (c == 'Z' || c == 'z') {
        value = parse_zone(part, s);
    } else if (part->has_integer) {
        value = jx_integer_parse(ctx, s, part->integer);
    } else {
        is_set = parse_name(part, s, &value);
    }
    out->value[c] = value;
    out->is_set[c] = is_set;
    out->is_any = true;
}

/* Matches the whole text; false if it does not match. */
static bool
match_picture(struct jx *ctx, struct odk_str s, const struct odk_buf *pattern,
              const struct jx_date_picture *p, struct components *out)
{
    int error = 0;
    PCRE2_SIZE at = 0;
    bool is_match = false;

    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern->ptr, pattern->len,
                                     PCRE2_UTF | PCRE2_CASELESS |
                                         PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                                     &error, &at, NULL);
    if (!code) {
        (void)jx_fail(ctx, "D3136");
        return false;
    }
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    if (!data || !context) {
        odk_out_of_memory();
    }
    (void)pcre2_set_match_limit(context, MATCH_LIMIT);
    int rc = pcre2_match(code, (PCRE2_SPTR)s.ptr, s.len, 0, PCRE2_NO_UTF_CHECK,
                         data, context);
    if (rc > 0) {
        const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(data);
        is_match = true;
        for (uint32_t i = 0; i < p->n && jx_ok(ctx); i++) {
            read_part(ctx, &p->parts[i],
                      jx_str_slice(s, offsets[2 * i + 2], offsets[2 * i + 3]),
                      out);
        }
    } else if (rc != PCRE2_ERROR_NOMATCH) {
        (void)jx_fail_limit(ctx, "The picture backtracks too much");
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return is_match && jx_ok(ctx);
}

/* Which of the letters were found, and not as zero, as bits. */
static unsigned
mask_of(const struct components *c, const char *letters)
{
    unsigned mask = 0;

    for (; *letters; letters++) {
        unsigned char letter = (unsigned char)*letters;
        bool is_true = c->is_set[letter] && c->value[letter] != 0 &&
                       !isnan(c->value[letter]);
        mask = mask << 1 | is_true;
    }
    return mask;
}

/* Nothing but bits of type, and one of them at least. */
static bool
is_type(unsigned mask, unsigned type)
{
    return !(~type & mask) && (type & mask);
}

/* How far the filling of gaps has come. */
struct filling {
    struct jx_date now;
    bool has_begun;
    bool has_ended;
};

/* Fills the gaps: above what was given from the time now, below it with the
 * least value. False for a gap in between, which cannot be filled. */
static bool
fill(struct components *c, const char *letters, struct filling *f)
{
    for (; *letters; letters++) {
        unsigned char letter = (unsigned char)*letters;
        if (c->is_set[letter]) {
            f->has_begun = true;
            if (f->has_ended) {
                return false;
            }
            continue;
        }
        f->has_ended = f->has_ended || f->has_begun;
        c->value[letter] = f->has_begun ? strchr("MDd", letter) != NULL
                                        : jx_date_component(&f->now, *letters);
        c->is_set[letter] = true;
    }
    return true;
}

static double
millis_of(struct components *c, bool is_day_of_year, bool is_half_day)
{
    double month = c->value['M'] > 0 ? c->value['M'] - 1 : 0;
    double day = c->value['D'];

    if (is_day_of_year) {
        month = 0;
        day = c->value['d'];
    }
    if (is_half_day) {
        c->value['H'] = (c->value['h'] == 12 ? 0 : c->value['h']) +
                        (c->value['P'] == 1 ? 12 : 0);
    }
    double time =
        ((c->value['H'] * 60 + c->value['m']) * 60 + c->value['s']) * 1000 +
        c->value['f'];
    double ms = jx_date_utc(c->value['Y'], month, day, time);
    double zone = c->is_set['Z'] && c->value['Z'] != 0 ? c->value['Z']
                  : c->is_set['z']                     ? c->value['z']
                                                       : 0;
    return ms - zone * 60000;
}

/* What was given decides between the ways of telling a date (Y M D, Y d, or by
 * weeks, which cannot be parsed) and a time (H or P h). */
static struct jv
assemble(struct jx *ctx, struct components *c)
{
    unsigned date = mask_of(c, "YXMxWwdD");
    unsigned time = mask_of(c, "PHhmsf");
    bool is_date = is_type(date, 0xa1);
    bool is_day_of_year = !is_date && is_type(date, 0x82);
    bool is_month_week = is_type(date, 0x54);
    bool is_week = !is_month_week && is_type(date, 0x48);
    bool is_half_day = !is_type(time, 0x17) && is_type(time, 0x2f);
    const char *letters = is_day_of_year  ? "YD"
                          : is_month_week ? "XxwF"
                          : is_week       ? "XWF"
                                          : "YMD";

    struct filling f = {.now = jx_date_of((double)ctx->options->now)};
    if (!fill(c, letters, &f) || !fill(c, is_half_day ? "Phmsf" : "Hmsf", &f) ||
        is_month_week || is_week) {
        return jx_fail(ctx, "D3136");
    }
    return jv_number(millis_of(c, is_day_of_year, is_half_day));
}

static struct jv
parse_date(struct jx *ctx, struct odk_str s, struct odk_str picture)
{
    struct jx_date_picture *p = jx_alloc(ctx, sizeof(*p));
    struct components *c = jx_alloc(ctx, sizeof(*c));
    struct odk_buf pattern;

    if (!p || !c || !jx_charge(ctx, 100) ||
        !jx_date_picture_parse(ctx, picture, p)) {
        return jv_undefined();
    }
    odk_buf_init(&pattern, PATTERN_BYTES_MAX);
    for (uint32_t i = 0; i < p->n && jx_ok(ctx); i++) {
        put_part_pattern(ctx, &p->parts[i], &pattern);
    }
    if (odk_buf_failed(&pattern)) {
        (void)jx_fail_limit(ctx, "The picture is too long");
    }
    bool is_match =
        jx_ok(ctx) && pattern.len > 0 && match_picture(ctx, s, &pattern, p, c);
    odk_buf_release(&pattern);
    return is_match && c->is_any ? assemble(ctx, c) : jv_undefined();
}

struct jv
jx_fn_to_millis(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];
    double ms = 0;

    if (jv_is_undefined(v)) {
        return v;
    }
    if (call->args[1].type == JV_STRING) {
        return parse_date(ctx, jv_text(v), jv_text(call->args[1]));
    }
    if (!parse_iso(jv_text(v), &ms)) {
        return jx_fail_value(ctx, "D3110", v);
    }
    return jv_number(ms);
}
