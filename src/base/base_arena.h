#ifndef BASE_ARENA_H
#define BASE_ARENA_H

/*
 * An arena hands out memory that is freed all at once. It has a cap: reaching
 * it is an error that the caller reports (ODK_ELIMIT), not a crash. One arena
 * per lane tick and one per compiled thing; reset or release, never free
 * piecemeal. Under AddressSanitizer each block is its own allocation.
 */

#include <stddef.h>

#include "base/base_str.h"

struct odk_arena_block;

struct odk_arena {
    struct odk_arena_block *blocks; /**< newest first */
    size_t used_bytes;              /**< handed out since the last reset */
    size_t cap_bytes;               /**< 0 = no cap */
};

void odk_arena_init(struct odk_arena *arena, size_t cap_bytes);

/** Frees everything; the arena is usable again. Keeps one block for the next
 * round. */
void odk_arena_reset(struct odk_arena *arena);

/** Frees everything. */
void odk_arena_release(struct odk_arena *arena);

/** Zeroed memory aligned for any type; NULL when the cap is reached. */
void *odk_arena_alloc(struct odk_arena *arena, size_t size);

/** As odk_arena_alloc for n objects; NULL on overflow too. */
void *odk_arena_calloc(struct odk_arena *arena, size_t n, size_t size);

/** A copy, NUL-terminated beyond its length; ptr is NULL when the cap is
 * reached. */
struct odk_str odk_arena_str(struct odk_arena *arena, struct odk_str s);

#endif
