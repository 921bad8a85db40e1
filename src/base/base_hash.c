#include "base/base_hash.h"

#include <string.h>

#include "base/base_assert.h"

uint64_t
odk_mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return x;
}

uint64_t
odk_hash64(struct odk_str s, uint64_t seed)
{
    uint64_t h = seed ^ (s.len * UINT64_C(0x9e3779b97f4a7c15));
    size_t i = 0;

    for (; i + 8 <= s.len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, s.ptr + i, 8);
        h = odk_mix64(h ^ word) + UINT64_C(0x9e3779b97f4a7c15);
    }
    uint64_t tail = 0;
    if (s.len > i) {
        memcpy(&tail, s.ptr + i, s.len - i);
    }
    return odk_mix64(h ^ tail);
}

uint32_t
odk_murmur2(struct odk_str key)
{
    const uint32_t m = 0x5bd1e995;
    const unsigned char *p = (const unsigned char *)key.ptr;
    uint32_t h = UINT32_C(0x9747b28c) ^ (uint32_t)key.len;
    size_t i = 0;

    for (; i + 4 <= key.len; i += 4) {
        uint32_t k = (uint32_t)p[i] | (uint32_t)p[i + 1] << 8 |
                     (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h *= m;
        h ^= k;
    }
    for (size_t left = key.len - i; left > 0; left--) {
        h ^= (uint32_t)p[i + left - 1] << (8 * (left - 1));
        if (left == 1) {
            h *= m;
        }
    }
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return h & UINT32_C(0x7fffffff);
}

int32_t
odk_partition(struct odk_str key, int32_t partitions)
{
    odk_assert(partitions > 0);
    return (int32_t)(odk_murmur2(key) % (uint32_t)partitions);
}
