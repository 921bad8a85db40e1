/*
 * Bodies of every kind. The first byte says which kind, and whether the body is
 * read straight or through resolution by the kind's own schema. What is read
 * must be written and read again as the same bytes.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/codec_shape.h"

#define ARENA_BYTES    ((size_t)4 * 1024 * 1024)
#define RESOLVED_BYTES ((size_t)1024 * 1024)
#define RESOLVE_BIT    0x80

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's word */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Encodes what was decoded, decodes that, and encodes again. */
static void
check_round(const struct codec_kind_info *kind, const void *record,
            struct odk_arena *arena)
{
    struct codec_record again;
    struct odk_buf first;
    struct odk_buf second;

    odk_buf_init(&first, 0);
    odk_buf_init(&second, 0);
    kind->encode(record, &first);
    int ret = kind->decode(odk_buf_str(&first), arena, &again, NULL);
    odk_assert(ret == 0);
    kind->encode(&again.start_workflow, &second);
    odk_assert(odk_str_eq(odk_buf_str(&first), odk_buf_str(&second)));
    odk_buf_release(&first);
    odk_buf_release(&second);
}

static void
run(const struct codec_kind_info *kind, struct odk_str bytes, bool resolve)
{
    struct codec_record record;
    struct odk_arena arena;
    struct odk_buf resolved;
    struct odk_err err;
    int ret = 0;

    odk_arena_init(&arena, ARENA_BYTES);
    odk_buf_init(&resolved, RESOLVED_BYTES);
    if (resolve) {
        ret = codec_shape_resolve(kind->shape, kind->shape, bytes, &resolved,
                                  &err);
        bytes = odk_buf_str(&resolved);
    }
    if (ret == 0) {
        ret = kind->decode(bytes, &arena, &record, &err);
    }
    if (ret == 0) {
        struct odk_arena second;
        odk_arena_init(&second, 0);
        check_round(kind, &record.start_workflow, &second);
        odk_arena_release(&second);
    }
    odk_buf_release(&resolved);
    odk_arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    /* A copy of the exact size: ASan sees reads beyond it. */
    char *copy = malloc(size > 1 ? size - 1 : 1);
    odk_assert(copy);
    memcpy(copy, data + 1, size - 1);
    run(&codec_kind_table[(data[0] & ~RESOLVE_BIT) % CODEC_KINDS],
        odk_str_n(copy, size - 1), (data[0] & RESOLVE_BIT) != 0);
    free(copy);
    return 0;
}
