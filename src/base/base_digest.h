#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

/*
 * Message digests over OpenSSL's libcrypto: the only place in the pure rooms
 * that sees it. A digest reads nothing but its argument, so the room stays
 * pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base_str.h"

#define ODK_DIGEST_BYTES_MAX 64
#define ODK_SHA256_BYTES     32

enum odk_digest {
    ODK_DIGEST_MD5,
    ODK_DIGEST_SHA1,
    ODK_DIGEST_SHA256,
    ODK_DIGEST_SHA384,
    ODK_DIGEST_SHA512,
};

/** Digest of data; returns its length in bytes (16–64). */
size_t odk_digest(enum odk_digest kind, struct odk_str data,
                  uint8_t out[ODK_DIGEST_BYTES_MAX]);

/** SHA-256 of a and b put together. */
void odk_sha256(struct odk_str a, struct odk_str b,
                uint8_t out[ODK_SHA256_BYTES]);

/** HMAC-SHA-256 of data under key. */
void odk_hmac_sha256(struct odk_str key, struct odk_str data,
                     uint8_t out[ODK_SHA256_BYTES]);

/** Compares in constant time. */
bool odk_digest_eq(const void *a, const void *b, size_t len);

/** Lower-case hex of data, NUL-terminated: out holds 2 * len + 1 bytes. */
void odk_hex(const void *data, size_t len, char *out);

#endif
