#ifndef STORE_HEADERS_H
#define STORE_HEADERS_H

/*
 * The packed form of a record's headers in struct store_output: one after the
 * other, in order, each
 *
 *     ┌──────────┬──────┬───────────┬───────┐
 *     │ u16 len  │ name │ u32 len   │ value │     lengths big-endian,
 *     └──────────┴──────┴───────────┴───────┘     0xffffffff: no value
 */

#include <stdbool.h>

#include "base/base.h"

#define STORE_HEADER_NAME_BYTES_MAX 65535u

/** Appends one header; value.ptr NULL: a header without a value. A longer name
 * fails the buffer. */
void store_headers_put(struct odk_buf *buf, struct odk_str name,
                       struct odk_str value);

/**
 * Takes the first header off *rest. Returns 1 and borrows name and value from
 * it, 0 at the end, ODK_ECORRUPT when the bytes are no headers.
 */
int store_headers_next(struct odk_str *rest, struct odk_str *name,
                       struct odk_str *value) ODK_MUST_USE;

#endif
