#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/base_str.h"
#include "base/base_time.h"

#define ODK_UUID_TEXT_LEN 36

struct odk_uuid {
    uint8_t bytes[16];
};

/** UUIDv7 with the given time and random bits: the same arguments give the same
 * id. */
struct odk_uuid odk_uuid_v7(odk_time_ms at, uint64_t random_hi,
                            uint64_t random_lo);
/** UUIDv4 from the given random bits. */
struct odk_uuid odk_uuid_v4(uint64_t random_hi, uint64_t random_lo);

/** Lower-case 8-4-4-4-12, NUL-terminated. */
void odk_uuid_format(const struct odk_uuid *id,
                     char out[ODK_UUID_TEXT_LEN + 1]);
bool odk_uuid_parse(struct odk_str text, struct odk_uuid *out);

/** The time of a UUIDv7. */
odk_time_ms odk_uuid_time(const struct odk_uuid *id);

static inline bool
odk_uuid_eq(const struct odk_uuid *a, const struct odk_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

#endif
