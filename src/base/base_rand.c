#include "base/base_rand.h"

#include "base/base_assert.h"
#include "base/base_hash.h"

void
odk_rand_init(struct odk_rand *rand, uint64_t seed)
{
    rand->state = seed;
}

uint64_t
odk_rand_u64(struct odk_rand *rand)
{
    rand->state += UINT64_C(0x9e3779b97f4a7c15);
    return odk_mix64(rand->state);
}

uint64_t
odk_rand_below(struct odk_rand *rand, uint64_t n)
{
    odk_assert(n > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t value = odk_rand_u64(rand);
    while (value >= limit) {
        value = odk_rand_u64(rand);
    }
    return value % n;
}

double
odk_rand_unit(struct odk_rand *rand)
{
    return (double)(odk_rand_u64(rand) >> 11) * 0x1.0p-53;
}
