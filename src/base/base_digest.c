#include "base/base_digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base_assert.h"

static const EVP_MD *
digest_md(enum odk_digest kind)
{
    switch (kind) {
    case ODK_DIGEST_MD5:
        return EVP_md5();
    case ODK_DIGEST_SHA1:
        return EVP_sha1();
    case ODK_DIGEST_SHA256:
        return EVP_sha256();
    case ODK_DIGEST_SHA384:
        return EVP_sha384();
    case ODK_DIGEST_SHA512:
        return EVP_sha512();
    }
    odk_assert_fail("kind is a digest", __FILE__, __LINE__, __func__);
}

size_t
odk_digest(enum odk_digest kind, struct odk_str data,
           uint8_t out[ODK_DIGEST_BYTES_MAX])
{
    unsigned int len = 0;
    int ok = EVP_Digest(data.ptr ? data.ptr : "", data.len, out, &len,
                        digest_md(kind), NULL);

    odk_assert(ok == 1);
    return len;
}

void
odk_sha256(struct odk_str a, struct odk_str b, uint8_t out[ODK_SHA256_BYTES])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned int len = 0;

    if (!ctx) {
        odk_out_of_memory();
    }
    int ok = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
             EVP_DigestUpdate(ctx, a.ptr, a.len) == 1 &&
             EVP_DigestUpdate(ctx, b.ptr, b.len) == 1 &&
             EVP_DigestFinal_ex(ctx, out, &len) == 1;
    EVP_MD_CTX_free(ctx);
    odk_assert(ok && len == ODK_SHA256_BYTES);
}

void
odk_hmac_sha256(struct odk_str key, struct odk_str data,
                uint8_t out[ODK_SHA256_BYTES])
{
    unsigned int len = 0;
    unsigned char *ok =
        HMAC(EVP_sha256(), key.ptr, (int)key.len,
             (const unsigned char *)data.ptr, data.len, out, &len);

    odk_assert(ok && len == ODK_SHA256_BYTES);
}

bool
odk_digest_eq(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void
odk_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}
