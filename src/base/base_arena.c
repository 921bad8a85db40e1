#include "base/base_arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_assert.h"

/* Blocks grow with the arena: a compiled expression holds some hundred bytes,
 * a tick's arena many thousand. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_BLOCK_BYTES_MIN 1u
#define ARENA_BLOCK_BYTES_MAX 1u
#else
#define ARENA_BLOCK_BYTES_MIN 256u
#define ARENA_BLOCK_BYTES_MAX 16384u
#endif

struct odk_arena_block {
    struct odk_arena_block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char data[];
};

void
odk_arena_init(struct odk_arena *arena, size_t cap_bytes)
{
    *arena = (struct odk_arena){.cap_bytes = cap_bytes};
}

void
odk_arena_release(struct odk_arena *arena)
{
    struct odk_arena_block *block = arena->blocks;

    while (block) {
        struct odk_arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->blocks = NULL;
    arena->used_bytes = 0;
}

void
odk_arena_reset(struct odk_arena *arena)
{
    struct odk_arena_block *keep = arena->blocks;

    if (!keep || keep->size > ARENA_BLOCK_BYTES_MAX ||
        ARENA_BLOCK_BYTES_MAX == 1) {
        odk_arena_release(arena);
        return;
    }
    arena->blocks = keep->next;
    odk_arena_release(arena);
    keep->next = NULL;
    keep->used = 0;
    arena->blocks = keep;
}

static struct odk_arena_block *
arena_grow(struct odk_arena *arena, size_t size)
{
    size_t bytes = arena->used_bytes;

    if (bytes < ARENA_BLOCK_BYTES_MIN) {
        bytes = ARENA_BLOCK_BYTES_MIN;
    }
    if (bytes > ARENA_BLOCK_BYTES_MAX) {
        bytes = ARENA_BLOCK_BYTES_MAX;
    }
    if (bytes < size) {
        bytes = size;
    }
    struct odk_arena_block *block = malloc(sizeof(*block) + bytes);

    if (!block) {
        odk_out_of_memory();
    }
    block->next = arena->blocks;
    block->size = bytes;
    block->used = 0;
    arena->blocks = block;
    return block;
}

void *
odk_arena_alloc(struct odk_arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    struct odk_arena_block *block = arena->blocks;

    if (size == 0) {
        size = 1;
    }
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + align - 1) / align * align;
    if (arena->cap_bytes && size > arena->cap_bytes - arena->used_bytes) {
        return NULL;
    }
    if (!block || block->size - block->used < size) {
        block = arena_grow(arena, size);
    }
    void *out = block->data + block->used;
    block->used += size;
    arena->used_bytes += size;
    memset(out, 0, size);
    return out;
}

void *
odk_arena_calloc(struct odk_arena *arena, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size) {
        return NULL;
    }
    return odk_arena_alloc(arena, n * size);
}

struct odk_str
odk_arena_str(struct odk_arena *arena, struct odk_str s)
{
    char *copy = odk_arena_alloc(arena, s.len + 1);

    if (!copy) {
        return (struct odk_str){NULL, 0};
    }
    if (s.len) {
        memcpy(copy, s.ptr, s.len);
    }
    return (struct odk_str){copy, s.len};
}
