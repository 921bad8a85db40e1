#ifndef CODEC_WIRE_H
#define CODEC_WIRE_H

/*
 * Private to the room: Avro's binary encoding of single values. A reader keeps
 * its first problem and gives zeros from then on, so that the made code reads
 * field after field and asks once. Writers go into room that was measured
 * before; they cannot fail.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"

#define CODEC_VARINT_BYTES_MAX 10

struct codec_reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    struct odk_arena *arena; /**< for arrays */
    const char *problem;     /**< the first one, NULL = none */
    size_t problem_offset;   /**< where it was found */
    bool is_out_of_arena;    /**< the problem is the arena's cap */
};

/** An array while its blocks are read. */
struct codec_array {
    size_t item_bytes;     /**< of the C type */
    size_t wire_bytes_min; /**< fewest bytes of an item, at least 1 */
    void *items;
    size_t size;         /**< items that there is room for */
    size_t done;         /**< items read, once past the first call */
    size_t left;         /**< of the block, with the one being read */
    const uint8_t *stop; /**< where a block with a stated size must end */
    bool is_begun;
};

void codec_reader_init(struct codec_reader *in, struct odk_str bytes,
                       struct odk_arena *arena);

/** Notes a problem unless there is one; everything reads as zero from now. */
void codec_reader_fail(struct codec_reader *in, const char *problem);

/** Checks that all was read: 0, ODK_EINVAL or ODK_ELIMIT. */
int codec_reader_end(struct codec_reader *in, const char *name,
                     struct odk_err *err) ODK_MUST_USE;

/** The long that is not one byte; use codec_read_long. */
int64_t codec_read_long_slow(struct codec_reader *in);

/** Bytes with their length before them, borrowed. */
struct odk_str codec_read_bytes(struct codec_reader *in);

/** As codec_read_bytes; must be UTF-8. */
struct odk_str codec_read_string(struct codec_reader *in);

/** n bytes, borrowed; NULL when there are not so many. */
const uint8_t *codec_read_raw(struct codec_reader *in, size_t n);

/** A number of 32 bits, which Avro encodes as it does those of 64. */
int32_t codec_read_int(struct codec_reader *in);

/** Eight bytes, little-endian IEEE 754. */
double codec_read_double(struct codec_reader *in);

/** The header of an array's block: its count, 0 at the end. *stop is where it
 * must end if it says so, else NULL. */
size_t codec_read_count(struct codec_reader *in, size_t wire_bytes_min,
                        const uint8_t **stop);

/** Goes to the next item: false at the end. The item to fill in is at
 * items + done. */
bool codec_read_block(struct codec_reader *in, struct codec_array *array);

static inline int64_t
codec_read_long(struct codec_reader *in)
{
    if (in->at < in->end && *in->at < 0x80) {
        uint8_t byte = *in->at++;
        return (int64_t)(byte >> 1) ^ -(int64_t)(byte & 1);
    }
    return codec_read_long_slow(in);
}

static inline bool
codec_read_boolean(struct codec_reader *in)
{
    if (in->at < in->end && *in->at <= 1) {
        return *in->at++ != 0;
    }
    codec_reader_fail(in, "not a boolean");
    return false;
}

/** Branch of a union of null and one type: whether it is the type. */
static inline bool
codec_read_present(struct codec_reader *in)
{
    int64_t branch = codec_read_long(in);

    if (branch != 0 && branch != 1) {
        codec_reader_fail(in, "no such branch of the union");
        return false;
    }
    return branch == 1;
}

/** An index below count. */
static inline int
codec_read_enum(struct codec_reader *in, int count)
{
    int64_t index = codec_read_long(in);

    if (index < 0 || index >= count) {
        codec_reader_fail(in, "no such symbol of the enum");
        return 0;
    }
    return (int)index;
}

static inline void
codec_read_fixed(struct codec_reader *in, uint8_t *out, size_t size)
{
    const uint8_t *from = codec_read_raw(in, size);

    if (from) {
        memcpy(out, from, size);
    }
}

static inline uint64_t
codec_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value < 0 ? -1 : 0);
}

static inline size_t
codec_size_long(int64_t value)
{
    uint64_t bits = codec_zigzag(value) | 1;

    return (size_t)(63 - __builtin_clzll(bits)) / 7 + 1;
}

static inline size_t
codec_size_bytes(struct odk_str s)
{
    return codec_size_long((int64_t)s.len) + s.len;
}

/** Of the block header and the end mark of an array of n items. */
static inline size_t
codec_size_count(size_t n)
{
    return n ? codec_size_long((int64_t)n) + 1 : 1;
}

static inline uint8_t *
codec_write_long(uint8_t *at, int64_t value)
{
    uint64_t bits = codec_zigzag(value);

    while (bits > 0x7F) {
        *at++ = (uint8_t)(bits | 0x80);
        bits >>= 7;
    }
    *at++ = (uint8_t)bits;
    return at;
}

static inline uint8_t *
codec_write_bytes(uint8_t *at, struct odk_str s)
{
    odk_assert(s.ptr || s.len == 0);
    at = codec_write_long(at, (int64_t)s.len);
    if (s.len) {
        memcpy(at, s.ptr, s.len);
    }
    return at + s.len;
}

static inline uint8_t *
codec_write_boolean(uint8_t *at, bool value)
{
    *at++ = value ? 1 : 0;
    return at;
}

static inline uint8_t *
codec_write_enum(uint8_t *at, int value, int count)
{
    odk_assert(value >= 0 && value < count);
    return codec_write_long(at, value);
}

static inline uint8_t *
codec_write_fixed(uint8_t *at, const uint8_t *value, size_t size)
{
    memcpy(at, value, size);
    return at + size;
}

/** The block header of an array; its end mark is the caller's. */
static inline uint8_t *
codec_write_count(uint8_t *at, size_t n)
{
    return codec_write_long(at, (int64_t)n);
}

/** Appends one value to a buffer: where speed does not matter. */
void codec_put_long(struct odk_buf *out, int64_t value);
void codec_put_double(struct odk_buf *out, double value);
void codec_put_bytes(struct odk_buf *out, struct odk_str s);

#endif
