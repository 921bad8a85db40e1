#ifndef JSONATA_DATE_PRIV_H
#define JSONATA_DATE_PRIV_H

/*
 * Date and time pictures (XPath's format-dateTime, with the ISO week year as X
 * and the week's month as x).
 */

#include <stdbool.h>
#include <stdint.h>

#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_picture_priv.h"

#define JX_DAY_MS         86400000.0
#define JX_DATE_MS_MAX    8.64e15
#define JX_DATE_PARTS_MAX 64u
#define JX_DATE_ISO       "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

/** Text as it is (component 0), or one component of a date. */
struct jx_date_part {
    struct odk_str text;
    char component;
    char modifier; /**< a, t, c, o or 0 */
    uint8_t names; /**< enum jx_letter_case; NONE = as a number */
    bool has_integer;
    int year_digits;  /**< of Y, M, D: -1 = all */
    double width_max; /**< NaN = none */
    struct jx_integer_picture *integer;
};

struct jx_date_picture {
    struct jx_date_part parts[JX_DATE_PARTS_MAX];
    uint32_t n;
};

/** False (and failed) if the picture is wrong. */
bool jx_date_picture_parse(struct jx *ctx, struct odk_str picture,
                           struct jx_date_picture *out);

/** A point in time in its components, UTC. */
struct jx_date {
    double ms;
    int64_t year;
    int month; /**< 0–11 */
    int day;
    int hour;
    int minute;
    int second;
    int milli;
};

/** ms within ±JX_DATE_MS_MAX. */
struct jx_date jx_date_of(double ms);
/** JavaScript's Date.UTC: fields may run over; years 0–99 are 1900–1999. */
double jx_date_utc(double year, double month, double day, double time_ms);
/** Numeric component of a date; NaN for those that are text. */
double jx_date_component(const struct jx_date *date, char component);

extern const char *const jx_month_names[12];
extern const char *const jx_day_names[8];

#endif
