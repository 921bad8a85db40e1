#include <limits.h>

#include "store_pg/store_pg_priv.h"

/*
 * A chunk row holds whole records, one after the other:
 *
 *     ┌─────┬───────────┬─────────┬────────┬───────┬──────┐
 *     │ seq │ partition │ topic   │ key    │ value │ head │
 *     │ u64 │ u32       │ u32 len │ u32 …  │ u32 … │ u32 …│   big-endian;
 *     └─────┴───────────┴─────────┴────────┴───────┴──────┘   0xffffffff: NULL
 *
 * At most STORE_PG_CHUNK_BYTES_MAX, so that the row stays in its page; a record
 * over that is a row alone.
 */

#define FIXED_BYTES (8 + 4 + 4 * 4)
#define NO_LEN      UINT32_MAX

static char *
put_u32(char *to, uint32_t value)
{
    for (int i = 3; i >= 0; i--) {
        to[i] = (char)value;
        value >>= 8;
    }
    return to + 4;
}

static char *
put_str(char *to, struct odk_str s, bool is_nullable)
{
    if (is_nullable && s.ptr == NULL) {
        return put_u32(to, NO_LEN);
    }
    to = put_u32(to, (uint32_t)s.len);
    if (s.len > 0) {
        memcpy(to, s.ptr, s.len);
    }
    return to + s.len;
}

static size_t
record_bytes(const struct store_output *output)
{
    return FIXED_BYTES + output->topic.len + output->key.len +
           output->value.len + output->headers.len;
}

static char *
put_record(char *to, const struct store_output *output)
{
    to = put_u32(to, (uint32_t)(output->seq >> 32));
    to = put_u32(to, (uint32_t)output->seq);
    to = put_u32(to, (uint32_t)output->partition);
    to = put_str(to, output->topic, false);
    to = put_str(to, output->key, true);
    to = put_str(to, output->value, true);
    return put_str(to, output->headers, false);
}

/* Packs outputs [first, …) of one shard into chunks; others are skipped. */
struct packer {
    struct odk_arena *arena;
    struct store_pg_chunk *chunks;
    size_t n;
    char *at;    /* end of the open chunk */
    size_t room; /* bytes left in it */
};

static int
pack_record(struct packer *packer, const struct store_output_write *write,
            bool is_first, struct odk_err *err)
{
    const struct store_output *output = &write->output;
    size_t bytes = record_bytes(output);

    if (bytes >= INT_MAX) {
        return odk_err_set(err, ODK_EREFUSED, "an output of %zu bytes", bytes);
    }
    if (is_first || bytes > packer->room) {
        size_t size =
            bytes > STORE_PG_CHUNK_BYTES_MAX ? bytes : STORE_PG_CHUNK_BYTES_MAX;
        packer->at = odk_arena_alloc(packer->arena, size);
        if (packer->at == NULL) {
            return odk_err_set(err, ODK_EREFUSED,
                               "a batch's outputs are larger "
                               "than its memory");
        }
        packer->room = size;
        packer->chunks[packer->n++] = (struct store_pg_chunk){
            .shard = write->shard, .data = {packer->at, 0}};
    }
    struct store_pg_chunk *chunk = &packer->chunks[packer->n - 1];
    odk_assert(store_pg_from_u64(output->seq) > chunk->seq);
    packer->at = put_record(packer->at, output);
    packer->room -= bytes;
    chunk->data.len += bytes;
    chunk->seq = (int64_t)output->seq;
    return 0;
}

int
store_pg_chunks_pack(const struct store_batch *batch, struct odk_arena *arena,
                     const struct store_pg_chunk **out, size_t *n,
                     struct odk_err *err)
{
    struct packer packer = {.arena = arena};

    *out = NULL;
    *n = 0;
    packer.chunks =
        odk_arena_calloc(arena, batch->n_outputs + 1, sizeof(*packer.chunks));
    if (packer.chunks == NULL) {
        return odk_err_set(err, ODK_EREFUSED,
                           "a batch is larger than its memory");
    }
    for (size_t s = 0; s < batch->n_shards; s++) {
        bool is_first = true;
        for (size_t i = 0; i < batch->n_outputs; i++) {
            const struct store_output_write *write = &batch->outputs[i];
            if (write->shard != batch->shards[s].shard) {
                continue;
            }
            int rc = pack_record(&packer, write, is_first, err);
            if (rc != 0) {
                return rc;
            }
            is_first = false;
        }
    }
    *out = packer.chunks;
    *n = packer.n;
    return 0;
}

/* ---- unpacking ---- */

static bool
take_u32(struct odk_str *rest, uint32_t *out)
{
    if (rest->len < 4) {
        return false;
    }
    const unsigned char *p = (const unsigned char *)rest->ptr;
    *out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           (uint32_t)p[3];
    *rest = odk_str_from(*rest, 4);
    return true;
}

static bool
take_str(struct odk_str *rest, struct odk_str *out)
{
    uint32_t len = 0;

    *out = (struct odk_str){NULL, 0};
    if (!take_u32(rest, &len)) {
        return false;
    }
    if (len == NO_LEN) {
        return true;
    }
    if (len > rest->len) {
        return false;
    }
    *out = odk_str_n(rest->ptr, len);
    *rest = odk_str_from(*rest, len);
    return true;
}

int
store_pg_chunk_next(struct odk_str *rest, struct store_output *out,
                    struct odk_err *err)
{
    uint32_t high = 0;
    uint32_t low = 0;
    uint32_t partition = 0;

    if (rest->len == 0) {
        return 0;
    }
    if (!take_u32(rest, &high) || !take_u32(rest, &low) ||
        !take_u32(rest, &partition) || !take_str(rest, &out->topic) ||
        !take_str(rest, &out->key) || !take_str(rest, &out->value) ||
        !take_str(rest, &out->headers)) {
        return odk_err_set(err, ODK_ECORRUPT, "a row of outbox is no chunk");
    }
    out->seq = (uint64_t)high << 32 | low;
    out->partition = (int32_t)partition;
    return 1;
}
