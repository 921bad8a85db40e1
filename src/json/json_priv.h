#ifndef JSON_PRIV_H
#define JSON_PRIV_H

/*
 * What the files of this room share among themselves.
 */

#include "json/json.h"

/** Appends a code point as UTF-8. */
void json_put_code_point(struct odk_buf *out, uint32_t code);

/** As json_str_new, but s may hold halves of surrogate pairs. */
json_t *json_wtf8_new(struct odk_str s);

/** The double nearest to a decimal number in JSON's grammar; false when it is
 * beyond a double's range. */
bool json_double_parse(struct odk_str text, double *out);

#endif
