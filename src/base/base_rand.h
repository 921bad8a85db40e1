#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdint.h>

/** A seeded generator (splitmix64): the same seed gives the same numbers
 * everywhere. Not for secrets. */
struct odk_rand {
    uint64_t state;
};

void odk_rand_init(struct odk_rand *rand, uint64_t seed);
/** 64 random bits. */
uint64_t odk_rand_u64(struct odk_rand *rand);
/** Uniform in [0, n), n > 0. */
uint64_t odk_rand_below(struct odk_rand *rand, uint64_t n);
/** Uniform in [0, 1) with 53 bits. */
double odk_rand_unit(struct odk_rand *rand);

#endif
