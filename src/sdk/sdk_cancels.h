#ifndef SDK_SDK_CANCELS_H
#define SDK_SDK_CANCELS_H

/*
 * The tokens that were withdrawn on odradek.cancels.<queue>. Every worker reads
 * all of them, also of tasks that it may get later, so the last ones are kept;
 * `from` says from which point in time on the set is whole. A task that is
 * older needs the topic to be read again from its time. Pure.
 */

#include "base/base.h"

/** Tokens that are kept; then the oldest goes, and `from` moves behind it. */
#define SDK_CANCELS_MAX 16384

struct sdk_cancel {
    struct odk_map_node node;
    struct sdk_cancel *newer;
    odk_time_ms at;
    char token[];
};

struct sdk_cancels {
    struct odk_map by_token;
    struct sdk_cancel *oldest;
    struct sdk_cancel *newest;
    odk_time_ms from; /**< ODK_TIME_NEVER: nothing was read yet */
};

void sdk_cancels_init(struct sdk_cancels *cancels);
void sdk_cancels_release(struct sdk_cancels *cancels);

/** Keeps a token that was withdrawn at that time of the broker. Short of memory
 * it is not kept, and `from` moves behind it. */
void sdk_cancels_add(struct sdk_cancels *cancels, struct odk_str token,
                     odk_time_ms at);

/** Whether the token was withdrawn, as far as is known. */
bool sdk_cancels_has(const struct sdk_cancels *cancels, struct odk_str token);

#endif
