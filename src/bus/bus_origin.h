#ifndef BUS_BUS_ORIGIN_H
#define BUS_BUS_ORIGIN_H

/*
 * The two headers that let a reader drop repeats (exactly-once.md I8): decimal
 * text, so that any client can read them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/bus.h"

#define BUS_ORIGIN_SHARD "odk-shard"
#define BUS_ORIGIN_SEQ   "odk-seq"
/** Room for any of the two values. */
#define BUS_ORIGIN_TEXT_MAX 24

/** Writes value as the header's text; returns its length. */
size_t bus_origin_format(uint64_t value, char out[BUS_ORIGIN_TEXT_MAX]);

/** Reads both headers; false when one is missing or malformed. */
bool bus_origin_parse(const struct bus_header *headers, size_t n_headers,
                      int32_t *shard, uint64_t *seq);

#endif
