#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_date_priv.h"
#include "jsonata/jsonata_fn_priv.h"
#include "jsonata/jsonata_text_priv.h"

const char *const jx_month_names[12] = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
const char *const jx_day_names[8] = {"",          "Monday",   "Tuesday",
                                     "Wednesday", "Thursday", "Friday",
                                     "Saturday",  "Sunday"};

struct jx_date
jx_date_of(double ms)
{
    struct jx_date d = {.ms = ms};
    double days = floor(ms / JX_DAY_MS);
    int rest = (int)(ms - days * JX_DAY_MS);

    odk_civil_from_days((int64_t)days, &d.year, &d.month, &d.day);
    d.month--;
    d.hour = rest / 3600000;
    d.minute = rest / 60000 % 60;
    d.second = rest / 1000 % 60;
    d.milli = rest % 1000;
    return d;
}

double
jx_date_utc(double year, double month, double day, double time_ms)
{
    if (!isfinite(year) || !isfinite(month) || !isfinite(day) ||
        fabs(year) > 400000 || fabs(month) > 4000000) {
        return NAN;
    }
    year = trunc(year);
    if (year >= 0 && year <= 99) {
        year += 1900;
    }
    year += floor(trunc(month) / 12);
    double rest = trunc(month) - floor(trunc(month) / 12) * 12;
    int64_t days = odk_days_from_civil((int64_t)year, (int)rest + 1, 1);
    double ms = ((double)days + trunc(day) - 1) * JX_DAY_MS + time_ms;
    return fabs(ms) <= JX_DATE_MS_MAX ? ms : NAN;
}

/* Days of a month's first day, and Monday of the first week: the one that holds
 * the month's first Thursday. */
static int64_t
first_week(int64_t year, int month)
{
    if (month > 11) {
        year++;
        month -= 12;
    } else if (month < 0) {
        year--;
        month += 12;
    }
    int64_t first = odk_days_from_civil(year, month + 1, 1);
    int64_t weekday = ((first + 3) % 7 + 7) % 7;
    return weekday > 3 ? first + 7 - weekday : first - weekday;
}

/* Week of a day in the period that begins with a month, `length` months
 * long. */
static double
week_in(const struct jx_date *d, int month, int length)
{
    int64_t today = (int64_t)floor(d->ms / JX_DAY_MS);
    int64_t week = (today - first_week(d->year, month)) / 7 + 1;

    if (today < first_week(d->year, month)) {
        int64_t before =
            first_week(d->year - (length == 12), length == 12 ? 0 : month - 1);
        week = (today - before) / 7 + 1;
        return (double)week;
    }
    bool is_next = length == 12 ? today >= first_week(d->year + 1, 0)
                                : today >= first_week(d->year, month + 1);
    return is_next ? 1 : (double)week;
}

/* The year or month that the day's week belongs to. */
static double
week_owner(const struct jx_date *d, bool is_year)
{
    int64_t today = (int64_t)floor(d->ms / JX_DAY_MS);

    if (is_year) {
        if (today < first_week(d->year, 0)) {
            return (double)d->year - 1;
        }
        return (double)d->year + (today >= first_week(d->year + 1, 0));
    }
    if (today < first_week(d->year, d->month)) {
        return (d->month + 11) % 12 + 1;
    }
    if (today >= first_week(d->year, d->month + 1)) {
        return (d->month + 1) % 12 + 1;
    }
    return d->month + 1;
}

double
jx_date_component(const struct jx_date *d, char component)
{
    int64_t today = (int64_t)floor(d->ms / JX_DAY_MS);

    switch (component) {
    case 'Y':
        return (double)d->year;
    case 'M':
        return d->month + 1;
    case 'D':
        return d->day;
    case 'd':
        return (double)(today - odk_days_from_civil(d->year, 1, 1) + 1);
    case 'F':
        return (double)(((today + 3) % 7 + 7) % 7 + 1);
    case 'W':
        return week_in(d, 0, 12);
    case 'w':
        return week_in(d, d->month, 1);
    case 'X':
        return week_owner(d, true);
    case 'x':
        return week_owner(d, false);
    case 'H':
        return d->hour;
    case 'h':
        return (d->hour + 11) % 12 + 1;
    case 'm':
        return d->minute;
    case 's':
        return d->second;
    case 'f':
        return d->milli;
    default:
        return NAN;
    }
}

static struct jx_date_part *
add_part(struct jx *ctx, struct jx_date_picture *out)
{
    if (out->n == JX_DATE_PARTS_MAX) {
        (void)jx_fail_limit(ctx, "The picture has too many parts");
        return NULL;
    }
    out->parts[out->n] = (struct jx_date_part){.width_max = NAN};
    return &out->parts[out->n++];
}

/* Literal text, in which ]] stands for ]. */
static void
add_literal(struct jx *ctx, struct odk_str text, struct jx_date_picture *out)
{
    struct jx_text literal;

    if (text.len == 0) {
        return;
    }
    struct jx_date_part *part = add_part(ctx, out);
    if (!part) {
        return;
    }
    jx_text_init(&literal, ctx);
    for (size_t i = 0; i < text.len; i++) {
        jx_text_put_char(&literal, text.ptr[i]);
        i += text.ptr[i] == ']' && i + 1 < text.len && text.ptr[i + 1] == ']';
    }
    part->text = jx_text_str(&literal);
}

/* Without a width the digits count; a width of its own wins. */
static void
apply_year_width(struct jx_date_part *part)
{
    bool is_decimal = part->integer->primary == JX_DECIMAL;
    uint32_t digits = part->integer->mandatory + part->integer->optional;

    part->year_digits = -1;
    if (!isnan(part->width_max)) {
        part->year_digits = (int)fmin(part->width_max, 1000);
        part->integer->mandatory = (uint32_t)part->year_digits;
    } else if (is_decimal && digits >= 2) {
        part->year_digits = (int)digits;
    }
}

static bool
has_char(const char *set, char c)
{
    return c && strchr(set, c) != NULL;
}

/* How the component is shown: by name, or by an integer picture. */
static void
present(struct jx *ctx, struct odk_str presentation, double width_min,
        struct jx_date_part *part)
{
    char first = presentation.len ? presentation.ptr[0] : '\0';
    bool is_zone = part->component == 'Z' || part->component == 'z';
    struct odk_str picture = presentation;
    struct jx_text text;

    if (first == 'n' || first == 'N') {
        bool is_title = presentation.len > 1 && presentation.ptr[1] == 'n';
        part->names = first == 'n' ? JX_CASE_LOWER
                      : is_title   ? JX_CASE_TITLE
                                   : JX_CASE_UPPER;
    }
    bool is_number =
        !part->names && has_char("YMDdFWwXxHhmsf", part->component);
    if (!is_number && !is_zone) {
        return;
    }
    if (part->modifier && !is_zone) {
        jx_text_init(&text, ctx);
        jx_text_put(&text, presentation);
        jx_text_put_char(&text, ';');
        jx_text_put_char(&text, part->modifier);
        picture = jx_text_str(&text);
    }
    part->integer = jx_alloc(ctx, sizeof(*part->integer));
    if (!part->integer ||
        !jx_integer_picture_parse(ctx, picture, part->integer)) {
        return;
    }
    part->has_integer = true;
    if (!is_zone && part->integer->primary == JX_DECIMAL &&
        width_min > part->integer->mandatory) {
        part->integer->mandatory = (uint32_t)fmin(width_min, 1000);
    }
    if (!is_zone && has_char("YMD", part->component)) {
        apply_year_width(part);
    }
}

static const char *
default_presentation(char component)
{
    static const char components[] = "YMDdFWwXxHhPmsfZzCE";
    static const char *const presentations[] = {
        "1", "1", "1",  "1",  "n", "1",     "1",     "1", "1", "1",
        "1", "n", "01", "01", "1", "01:01", "01:01", "n", "n"};
    const char *at = component ? strchr(components, component) : NULL;

    return at ? presentations[at - components] : NULL;
}

static double
parse_width(struct odk_str s)
{
    return s.len == 0 || odk_str_is(s, "*") ? NAN : jx_parse_int(s);
}

/* `Y0001,2-4` between the brackets, blanks taken out. */
static void
add_marker(struct jx *ctx, struct odk_str marker, struct jx_date_picture *out)
{
    struct jx_date_part *part = add_part(ctx, out);
    ptrdiff_t comma = jx_str_rfind(marker, ODK_STR(","));
    double width_min = NAN;

    if (!part) {
        return;
    }
    size_t at = 0;
    struct odk_str component = odk_str("");
    if (marker.len) {
        (void)jx_code_next(marker, &at);
        component = jx_str_slice(marker, 0, at);
    }
    part->component = component.len == 1 ? component.ptr[0] : '?';
    struct odk_str presentation = odk_str_from(marker, at);
    if (comma >= 0) {
        struct odk_str width = odk_str_from(marker, (size_t)comma + 1);
        ptrdiff_t dash = odk_str_find(width, '-');
        presentation = jx_str_slice(marker, at, (size_t)comma);
        width_min = parse_width(
            dash < 0 ? width : jx_str_slice(width, 0, (size_t)dash));
        if (dash >= 0) {
            part->width_max =
                parse_width(odk_str_from(width, (size_t)dash + 1));
        }
    }
    if (presentation.len > 1 &&
        has_char("atco", presentation.ptr[presentation.len - 1])) {
        part->modifier = presentation.ptr[--presentation.len];
    }
    if (presentation.len == 0 && !part->modifier) {
        const char *text = default_presentation(part->component);
        if (!text) {
            (void)jx_fail_value(ctx, "D3132", jv_string(component));
            return;
        }
        presentation = odk_str(text);
    }
    part->text = component;
    present(ctx, presentation, width_min, part);
}

static struct odk_str
without_blanks(struct jx *ctx, struct odk_str s)
{
    struct jx_text text;

    jx_text_init(&text, ctx);
    for (size_t i = 0; i < s.len; i++) {
        if (!has_char(" \t\n\r\v\f", s.ptr[i])) {
            jx_text_put_char(&text, s.ptr[i]);
        }
    }
    return jx_text_str(&text);
}

bool
jx_date_picture_parse(struct jx *ctx, struct odk_str picture,
                      struct jx_date_picture *out)
{
    size_t start = 0;
    size_t at = 0;

    out->n = 0;
    while (at < picture.len && jx_ok(ctx)) {
        if (picture.ptr[at] != '[') {
            at++;
            continue;
        }
        add_literal(ctx, jx_str_slice(picture, start, at), out);
        if (at + 1 < picture.len && picture.ptr[at + 1] == '[') {
            add_literal(ctx, ODK_STR("["), out);
            at += 2;
            start = at;
            continue;
        }
        ptrdiff_t end = jx_str_find(picture, ODK_STR("]"), at);
        if (end < 0) {
            (void)jx_fail(ctx, "D3135");
            return false;
        }
        add_marker(
            ctx,
            without_blanks(ctx, jx_str_slice(picture, at + 1, (size_t)end)),
            out);
        at = (size_t)end + 1;
        start = at;
    }
    add_literal(ctx, jx_str_slice(picture, start, at), out);
    return jx_ok(ctx);
}

/* An offset from UTC as +hhmm gives hours and minutes. */
struct zone {
    double hours;
    double minutes;
};

static void
put_value(struct jx_text *text, struct jv v)
{
    if (v.type == JV_STRING) {
        jx_text_put(text, jv_text(v));
    }
}

static void
put_zone(struct jx_text *text, const struct jx_date_part *part,
         struct zone zone)
{
    struct jx *ctx = text->ctx;
    double offset = zone.hours * 100 + zone.minutes;
    uint32_t digits = part->integer->mandatory;
    bool is_hours = !part->integer->is_regular && digits >= 1 && digits <= 2;

    if (offset == 0 && part->modifier == 't') {
        jx_text_put_char(text, 'Z');
        return;
    }
    if (!part->integer->is_regular && (digits < 1 || digits > 4)) {
        (void)jx_fail_value(ctx, "D3134",
                            digits ? jv_number(digits) : jv_undefined());
        return;
    }
    if (part->component == 'z') {
        jx_text_put_cstr(text, "GMT");
    }
    if (offset >= 0) {
        jx_text_put_char(text, '+');
    }
    put_value(text, jx_integer_format(ctx, is_hours ? zone.hours : offset,
                                      part->integer));
    if (is_hours && zone.minutes != 0 && jx_ok(ctx)) {
        jx_text_put_char(text, ':');
        put_value(text, jx_format_integer(ctx, zone.minutes, ODK_STR("00")));
    }
}

static void
put_name(struct jx_text *text, const struct jx_date_part *part, double value)
{
    const char *name = NULL;

    if (part->component == 'M' || part->component == 'x') {
        name = jx_month_names[(int)value - 1];
    } else if (part->component == 'F') {
        name = jx_day_names[(int)value];
    } else {
        (void)jx_fail_value(text->ctx, "D3133", jv_string(part->text));
        return;
    }
    struct odk_str s = odk_str(name);
    if (!isnan(part->width_max) && (double)s.len > part->width_max) {
        s.len = part->width_max > 0 ? (size_t)part->width_max : 0;
    }
    struct jv v = jv_string(s);
    if (part->names != JX_CASE_TITLE) {
        v = jx_text_case(text->ctx, s, part->names == JX_CASE_UPPER);
    }
    put_value(text, v);
}

static void
put_component(struct jx_text *text, const struct jx_date *date,
              const struct jx_date_part *part, struct zone zone)
{
    double value = jx_date_component(date, part->component);

    if (part->component == 'Z' || part->component == 'z') {
        put_zone(text, part, zone);
    } else if (part->component == 'P') {
        bool is_upper = part->names == JX_CASE_UPPER;
        jx_text_put_cstr(text, date->hour < 12 ? (is_upper ? "AM" : "am")
                                               : (is_upper ? "PM" : "pm"));
    } else if (part->component == 'C' || part->component == 'E') {
        jx_text_put_cstr(text, "ISO");
    } else if (isnan(value)) {
        jx_text_put_cstr(text, "undefined");
    } else if (part->names && part->component != 'f') {
        put_name(text, part, value);
    } else if (part->integer) {
        if (part->component == 'Y' && part->year_digits >= 0) {
            value = fmod(value, pow(10, part->year_digits));
        }
        put_value(text, jx_integer_format(text->ctx, value, part->integer));
    }
}

static struct jv
format_date(struct jx *ctx, double ms, struct jv picture, struct jv timezone)
{
    struct jx_date_picture *p = jx_alloc(ctx, sizeof(*p));
    struct zone zone = {0, 0};
    struct jx_text text;

    if (timezone.type == JV_STRING) {
        double offset = jx_parse_int(jv_text(timezone));
        zone.hours = floor(offset / 100);
        zone.minutes = fmod(offset, 100);
    }
    ms = trunc(ms + (60 * zone.hours + zone.minutes) * 60000);
    if (!p || !(fabs(ms) <= JX_DATE_MS_MAX)) {
        return jx_fail_value(ctx, "D1001", jv_number(ms));
    }
    struct odk_str s =
        picture.type == JV_STRING ? jv_text(picture) : odk_str(JX_DATE_ISO);
    if (!jx_date_picture_parse(ctx, s, p)) {
        return jv_undefined();
    }
    struct jx_date date = jx_date_of(ms);
    jx_text_init(&text, ctx);
    for (uint32_t i = 0; i < p->n && jx_ok(ctx); i++) {
        if (p->parts[i].component) {
            put_component(&text, &date, &p->parts[i], zone);
        } else {
            jx_text_put(&text, p->parts[i].text);
        }
    }
    return jx_text_value(&text);
}

struct jv
jx_fn_from_millis(struct jx *ctx, struct jx_call *call)
{
    struct jv v = call->args[0];

    if (jv_is_undefined(v)) {
        return v;
    }
    return format_date(ctx, v.u.number, call->args[1], call->args[2]);
}

struct jv
jx_fn_now(struct jx *ctx, struct jx_call *call)
{
    return format_date(ctx, (double)ctx->options->now, call->args[0],
                       call->args[1]);
}
