#include "sdk/sdk_cancels.h"

#include <stdlib.h>

void
sdk_cancels_init(struct sdk_cancels *cancels)
{
    *cancels = (struct sdk_cancels){.from = ODK_TIME_NEVER};
    odk_map_init(&cancels->by_token);
}

/** Forgets the oldest one. */
static void
drop_oldest(struct sdk_cancels *cancels)
{
    struct sdk_cancel *cancel = cancels->oldest;

    odk_map_remove(&cancels->by_token, &cancel->node);
    cancels->oldest = cancel->newer;
    if (cancels->newest == cancel) {
        cancels->newest = NULL;
    }
    free(cancel);
}

void
sdk_cancels_release(struct sdk_cancels *cancels)
{
    while (cancels->oldest) {
        drop_oldest(cancels);
    }
    odk_map_release(&cancels->by_token);
}

/** The set is whole only after that time. */
static void
move_from(struct sdk_cancels *cancels, odk_time_ms at)
{
    if (cancels->from != ODK_TIME_NEVER && cancels->from <= at) {
        cancels->from = at + 1;
    }
}

void
sdk_cancels_add(struct sdk_cancels *cancels, struct odk_str token,
                odk_time_ms at)
{
    if (odk_map_find(&cancels->by_token, token)) {
        return;
    }
    struct sdk_cancel *cancel = calloc(1, sizeof(*cancel) + token.len + 1);

    if (!cancel) {
        move_from(cancels, at);
        return;
    }
    cancel->at = at;
    memcpy(cancel->token, token.ptr, token.len);
    odk_map_add(&cancels->by_token, &cancel->node,
                odk_str_n(cancel->token, token.len));
    if (cancels->newest) {
        cancels->newest->newer = cancel;
    } else {
        cancels->oldest = cancel;
    }
    cancels->newest = cancel;
    while (cancels->by_token.count > SDK_CANCELS_MAX) {
        move_from(cancels, cancels->oldest->at);
        drop_oldest(cancels);
    }
}

bool
sdk_cancels_has(const struct sdk_cancels *cancels, struct odk_str token)
{
    return odk_map_find(&cancels->by_token, token) != NULL;
}
