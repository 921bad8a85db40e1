#ifndef HARNESS_HARNESS_FORMAT_H
#define HARNESS_HARNESS_FORMAT_H

/*
 * The one layout of a definition's text: members in a fixed order, two spaces a
 * level, short values on one line. Only the language's own objects are
 * reordered; what a payload, a Comment or a test holds stays as it is, and so
 * does the order of the states.
 */

#include <jansson.h>

#include "base/base.h"

/** Appends the text of a definition, with a line end. The same content gives
 * the same text, however it was laid out. */
void harness_format(json_t *definition, struct odk_buf *out);

#endif
