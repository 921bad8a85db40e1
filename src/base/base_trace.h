#ifndef BASE_TRACE_H
#define BASE_TRACE_H

/*
 * The W3C trace context that records carry in the header `traceparent`:
 *
 *   version - trace id - parent id - flags
 *        00 - 32 hex   - 16 hex    - 2 hex
 *
 * It is carried and never made here.
 */

#include <stdbool.h>

#include "base/base_str.h"

#define ODK_TRACEPARENT       "traceparent"
#define ODK_TRACEPARENT_BYTES 55u

/** Reads a header's value; *out borrows the part that is carried on: of a
 * version later than 00 the fields that 00 has. False: malformed, to be
 * ignored. */
bool odk_traceparent_parse(struct odk_str text, struct odk_str *out);

#endif
