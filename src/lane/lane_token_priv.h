#ifndef LANE_TOKEN_PRIV_H
#define LANE_TOKEN_PRIV_H

/*
 * Task tokens (lane_token.c).
 */

#include "lane/lane.h"

#define LANE_TOKEN_TEXT_BYTES 80

/** What a token authenticates. */
struct lane_token {
    struct odk_uuid run_id;
    int64_t activity_id;
    int32_t attempt;
    uint64_t seq;
};

/** base64url text of the token and its MAC; NUL-terminated. Returns its length.
 */
size_t lane_token_format(const uint8_t key[LANE_TOKEN_KEY_BYTES],
                         const struct lane_token *token,
                         char out[LANE_TOKEN_TEXT_BYTES]);
/** False: not one of ours. */
bool lane_token_parse(const uint8_t key[LANE_TOKEN_KEY_BYTES],
                      struct odk_str text, struct lane_token *out);

#endif
