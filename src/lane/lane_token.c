#include <stdio.h>

#include "lane/lane_priv.h"

/*
 * token = base64url( run id 16 | seq 8 | activity id 8 | attempt 4 | MAC 20 ),
 * big-endian
 */
#define TOKEN_BODY_BYTES 36
#define TOKEN_MAC_BYTES  20
#define TOKEN_BYTES      (TOKEN_BODY_BYTES + TOKEN_MAC_BYTES)
#define TOKEN_TEXT_LEN   75 /* ceil(56 * 4 / 3) */

static const char base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
put_be(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--) {
        out[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t
get_be(const uint8_t *in, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

static void
token_mac(const uint8_t key[LANE_TOKEN_KEY_BYTES], const uint8_t *body,
          uint8_t out[ODK_SHA256_BYTES])
{
    odk_hmac_sha256(odk_str_n(key, LANE_TOKEN_KEY_BYTES),
                    odk_str_n(body, TOKEN_BODY_BYTES), out);
}

size_t
lane_token_format(const uint8_t key[LANE_TOKEN_KEY_BYTES],
                  const struct lane_token *token,
                  char out[LANE_TOKEN_TEXT_BYTES])
{
    uint8_t bytes[TOKEN_BODY_BYTES + ODK_SHA256_BYTES] = {0};
    size_t at = 0;

    memcpy(bytes, token->run_id.bytes, 16);
    put_be(bytes + 16, token->seq, 8);
    put_be(bytes + 24, (uint64_t)token->activity_id, 8);
    put_be(bytes + 32, (uint32_t)token->attempt, 4);
    token_mac(key, bytes, bytes + TOKEN_BODY_BYTES);
    for (size_t bit = 0; bit < (size_t)TOKEN_BYTES * 8; bit += 6) {
        uint32_t word = (uint32_t)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
        if (bit / 8 + 1 >= TOKEN_BYTES) {
            word &= 0xff00; /* what lies behind is no part of the token */
        }
        out[at++] = base64url[word >> (10 - bit % 8) & 63];
    }
    odk_assert(at == TOKEN_TEXT_LEN);
    out[at] = '\0';
    return at;
}

static int
base64url_value(char c)
{
    const char *at = c ? strchr(base64url, c) : NULL;

    return at ? (int)(at - base64url) : -1;
}

static bool
base64url_decode(struct odk_str text, uint8_t out[TOKEN_BYTES])
{
    uint32_t bits = 0;
    int n_bits = 0;
    size_t at = 0;

    if (text.len != TOKEN_TEXT_LEN) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = base64url_value(text.ptr[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8 && at < TOKEN_BYTES) {
            n_bits -= 8;
            out[at++] = (uint8_t)(bits >> n_bits);
        }
    }
    return at == TOKEN_BYTES && (bits & ((1u << n_bits) - 1)) == 0;
}

bool
lane_token_parse(const uint8_t key[LANE_TOKEN_KEY_BYTES], struct odk_str text,
                 struct lane_token *out)
{
    uint8_t bytes[TOKEN_BYTES];
    uint8_t mac[ODK_SHA256_BYTES];

    if (!base64url_decode(text, bytes)) {
        return false;
    }
    token_mac(key, bytes, mac);
    if (!odk_digest_eq(mac, bytes + TOKEN_BODY_BYTES, TOKEN_MAC_BYTES)) {
        return false;
    }
    memcpy(out->run_id.bytes, bytes, 16);
    out->seq = get_be(bytes + 16, 8);
    out->activity_id = (int64_t)get_be(bytes + 24, 8);
    out->attempt = (int32_t)get_be(bytes + 32, 4);
    return true;
}
