#ifndef BASE_TIME_H
#define BASE_TIME_H

/*
 * Points in time are milliseconds since 1970 in UTC; durations are
 * milliseconds. Nothing here reads a clock: the time arrives as an argument.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/base_str.h"

typedef int64_t odk_time_ms;
typedef int64_t odk_dur_ms;

#define ODK_TIME_NEVER    INT64_MAX
#define ODK_TIME_TEXT_MAX 32

/** "2026-11-25T01:02:03.456Z", NUL-terminated; years outside 0–9999 are
 * clamped. */
void odk_time_format(odk_time_ms at, char out[ODK_TIME_TEXT_MAX]);

/** RFC 3339 / ISO 8601 profile of ASL: date, "T", time, optional fraction, "Z"
 * or ±hh:mm offset. */
bool odk_time_parse(struct odk_str text, odk_time_ms *out);

/** Days since 1970-01-01 of a proleptic Gregorian date (month 1–12, day 1–31).
 */
int64_t odk_days_from_civil(int64_t year, int month, int day);
void odk_civil_from_days(int64_t days, int64_t *year, int *month, int *day);

/** a + b without overflow: clamped to ODK_TIME_NEVER. */
odk_time_ms odk_time_add(odk_time_ms at, odk_dur_ms dur);

#endif
