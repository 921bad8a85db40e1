#include "base/base_uuid.h"

#include "base/base_digest.h"

static void
put_be64(uint8_t *out, uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        out[i] = (uint8_t)value;
        value >>= 8;
    }
}

struct odk_uuid
odk_uuid_v7(odk_time_ms at, uint64_t random_hi, uint64_t random_lo)
{
    struct odk_uuid id;

    put_be64(id.bytes,
             (uint64_t)at << 16 | (UINT64_C(7) << 12) | (random_hi & 0xfff));
    put_be64(id.bytes + 8, (random_lo & UINT64_C(0x3fffffffffffffff)) |
                               UINT64_C(0x8000000000000000));
    return id;
}

struct odk_uuid
odk_uuid_v4(uint64_t random_hi, uint64_t random_lo)
{
    struct odk_uuid id;

    put_be64(id.bytes, (random_hi & ~UINT64_C(0xf000)) | (UINT64_C(4) << 12));
    put_be64(id.bytes + 8, (random_lo & UINT64_C(0x3fffffffffffffff)) |
                               UINT64_C(0x8000000000000000));
    return id;
}

void
odk_uuid_format(const struct odk_uuid *id, char out[ODK_UUID_TEXT_LEN + 1])
{
    char hex[33];

    odk_hex(id->bytes, sizeof(id->bytes), hex);
    size_t at = 0;
    for (size_t i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) {
            out[at++] = '-';
        }
        out[at++] = hex[i];
    }
    out[at] = '\0';
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool
odk_uuid_parse(struct odk_str text, struct odk_uuid *out)
{
    struct odk_uuid id = {{0}};
    size_t nibble = 0;

    if (text.len != ODK_UUID_TEXT_LEN) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = hex_digit(text.ptr[i]);
        if (is_dash ? text.ptr[i] != '-' : digit < 0) {
            return false;
        }
        if (!is_dash) {
            id.bytes[nibble / 2] = (uint8_t)(id.bytes[nibble / 2] << 4 | digit);
            nibble++;
        }
    }
    *out = id;
    return true;
}

odk_time_ms
odk_uuid_time(const struct odk_uuid *id)
{
    uint64_t ms = 0;

    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | id->bytes[i];
    }
    return (odk_time_ms)ms;
}
