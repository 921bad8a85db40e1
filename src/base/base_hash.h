#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_str.h"

/** 64-bit hash for tables in memory; never stored, never sent. */
uint64_t odk_hash64(struct odk_str s, uint64_t seed);

/** Mixes one number: a good hash of a counter. */
uint64_t odk_mix64(uint64_t x);

/** Kafka's murmur2, as the Java client hashes keys (signed result masked to 31
 * bits). */
uint32_t odk_murmur2(struct odk_str key);

/** Home partition of a key among n > 0 partitions: murmur2(key) mod n. */
int32_t odk_partition(struct odk_str key, int32_t partitions);

#endif
