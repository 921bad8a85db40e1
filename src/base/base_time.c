#include "base/base_time.h"

#define MS_PER_DAY INT64_C(86400000)

int64_t
odk_days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year =
        (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

void
odk_civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / 146096) /
                          365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* Writes value with exactly n digits; returns the place behind them. */
static char *
put_digits(char *out, int value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + n;
}

static char *
put_char(char *out, char c)
{
    *out = c;
    return out + 1;
}

void
odk_time_format(odk_time_ms at, char out[ODK_TIME_TEXT_MAX])
{
    const odk_time_ms lowest = odk_days_from_civil(0, 1, 1) * MS_PER_DAY;
    const odk_time_ms highest =
        odk_days_from_civil(10000, 1, 1) * MS_PER_DAY - 1;
    int64_t year = 0;
    int month = 0;
    int day = 0;

    at = at < lowest ? lowest : at > highest ? highest : at;
    int64_t days =
        at >= 0 ? at / MS_PER_DAY : -((-at + MS_PER_DAY - 1) / MS_PER_DAY);
    int64_t ms = at - days * MS_PER_DAY;
    odk_civil_from_days(days, &year, &month, &day);
    char *at_text = put_digits(out, (int)year, 4);
    at_text = put_digits(put_char(at_text, '-'), month, 2);
    at_text = put_digits(put_char(at_text, '-'), day, 2);
    at_text = put_digits(put_char(at_text, 'T'), (int)(ms / 3600000), 2);
    at_text = put_digits(put_char(at_text, ':'), (int)(ms / 60000 % 60), 2);
    at_text = put_digits(put_char(at_text, ':'), (int)(ms / 1000 % 60), 2);
    at_text = put_digits(put_char(at_text, '.'), (int)(ms % 1000), 3);
    *put_char(at_text, 'Z') = '\0';
}

/* Reads exactly n digits at *at. */
static bool
parse_digits(struct odk_str text, size_t *at, int n, int *out)
{
    int value = 0;

    for (int i = 0; i < n; i++, (*at)++) {
        if (*at >= text.len || text.ptr[*at] < '0' || text.ptr[*at] > '9') {
            return false;
        }
        value = value * 10 + (text.ptr[*at] - '0');
    }
    *out = value;
    return true;
}

static bool
parse_char(struct odk_str text, size_t *at, char c)
{
    if (*at >= text.len || text.ptr[*at] != c) {
        return false;
    }
    (*at)++;
    return true;
}

/* Digits after the point; those beyond milliseconds are dropped. */
static bool
parse_fraction(struct odk_str text, size_t *at, int *ms)
{
    int scale = 100;
    size_t start = *at;

    for (; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9';
         (*at)++) {
        *ms += (text.ptr[*at] - '0') * scale;
        scale /= 10;
    }
    return *at > start;
}

static bool
parse_offset(struct odk_str text, size_t *at, int *minutes)
{
    int hour = 0;
    int minute = 0;

    if (parse_char(text, at, 'Z')) {
        return true;
    }
    bool is_negative = *at < text.len && text.ptr[*at] == '-';
    if (!is_negative && !(*at < text.len && text.ptr[*at] == '+')) {
        return false;
    }
    (*at)++;
    if (!parse_digits(text, at, 2, &hour) || !parse_char(text, at, ':') ||
        !parse_digits(text, at, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *minutes = (hour * 60 + minute) * (is_negative ? -1 : 1);
    return true;
}

static int
days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool
parse_date(struct odk_str text, size_t *at, int64_t *days)
{
    int year = 0;
    int month = 0;
    int day = 0;

    if (!parse_digits(text, at, 4, &year) || !parse_char(text, at, '-') ||
        !parse_digits(text, at, 2, &month) || !parse_char(text, at, '-') ||
        !parse_digits(text, at, 2, &day)) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month)) {
        return false;
    }
    *days = odk_days_from_civil(year, month, day);
    return true;
}

bool
odk_time_parse(struct odk_str text, odk_time_ms *out)
{
    size_t at = 0;
    int64_t days = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int ms = 0;
    int offset_minutes = 0;

    if (!parse_date(text, &at, &days) || !parse_char(text, &at, 'T') ||
        !parse_digits(text, &at, 2, &hour) || !parse_char(text, &at, ':') ||
        !parse_digits(text, &at, 2, &minute) || !parse_char(text, &at, ':') ||
        !parse_digits(text, &at, 2, &second)) {
        return false;
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    if (parse_char(text, &at, '.') && !parse_fraction(text, &at, &ms)) {
        return false;
    }
    if (!parse_offset(text, &at, &offset_minutes) || at != text.len) {
        return false;
    }
    int64_t minutes = (int64_t)hour * 60 + minute - offset_minutes;
    *out = days * MS_PER_DAY + minutes * 60000 + (int64_t)second * 1000 + ms;
    return true;
}

odk_time_ms
odk_time_add(odk_time_ms at, odk_dur_ms dur)
{
    odk_time_ms sum = 0;

    if (__builtin_add_overflow(at, dur, &sum)) {
        return dur > 0 ? ODK_TIME_NEVER : INT64_MIN;
    }
    return sum;
}
