#include "codec/codec_wire.h"

#include "base/base.h"

void
codec_reader_init(struct codec_reader *in, struct odk_str bytes,
                  struct odk_arena *arena)
{
    odk_assert(bytes.ptr || bytes.len == 0);
    const uint8_t *start = (const uint8_t *)(bytes.ptr ? bytes.ptr : "");

    *in = (struct codec_reader){
        .start = start,
        .at = start,
        .end = start + bytes.len,
        .arena = arena,
    };
}

void
codec_reader_fail(struct codec_reader *in, const char *problem)
{
    if (!in->problem) {
        in->problem = problem;
        in->problem_offset = (size_t)(in->at - in->start);
    }
    in->at = in->end;
}

int
codec_reader_end(struct codec_reader *in, const char *name, struct odk_err *err)
{
    if (!in->problem && in->at != in->end) {
        codec_reader_fail(in, "bytes left over");
    }
    if (!in->problem) {
        return 0;
    }
    return odk_err_set(err, in->is_out_of_arena ? ODK_ELIMIT : ODK_EINVAL,
                       "%s: byte %zu: %s", name, in->problem_offset,
                       in->problem);
}

int64_t
codec_read_long_slow(struct codec_reader *in)
{
    uint64_t bits = 0;

    for (unsigned shift = 0; in->at < in->end; shift += 7) {
        uint8_t byte = *in->at;
        /* The tenth byte holds the last of 64 bits and ends the number. */
        if (shift == 63 && byte > 1) {
            codec_reader_fail(in, "a number over 64 bits");
            return 0;
        }
        in->at++;
        bits |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
        }
    }
    codec_reader_fail(in, "ends within a number");
    return 0;
}

int32_t
codec_read_int(struct codec_reader *in)
{
    int64_t value = codec_read_long(in);

    if (value < INT32_MIN || value > INT32_MAX) {
        codec_reader_fail(in, "a number over 32 bits");
        return 0;
    }
    return (int32_t)value;
}

const uint8_t *
codec_read_raw(struct codec_reader *in, size_t n)
{
    if (n > (size_t)(in->end - in->at)) {
        codec_reader_fail(in, "ends within a value");
        return NULL;
    }
    const uint8_t *out = in->at;
    in->at += n;
    return out;
}

double
codec_read_double(struct codec_reader *in)
{
    const uint8_t *from = codec_read_raw(in, 8);
    uint64_t bits = 0;
    double value;

    for (unsigned i = 0; from && i < 8; i++) {
        bits |= (uint64_t)from[i] << (8 * i);
    }
    memcpy(&value, &bits, sizeof(value));
    return value;
}

struct odk_str
codec_read_bytes(struct codec_reader *in)
{
    int64_t len = codec_read_long(in);

    if (len < 0 || (uint64_t)len > (uint64_t)(in->end - in->at)) {
        codec_reader_fail(in, len < 0 ? "a negative length"
                                      : "a length beyond the end");
        return ODK_STR("");
    }
    struct odk_str out = odk_str_n(in->at, (size_t)len);
    in->at += len;
    return out;
}

struct odk_str
codec_read_string(struct codec_reader *in)
{
    struct odk_str out = codec_read_bytes(in);

    if (!odk_str_is_utf8(out)) {
        codec_reader_fail(in, "a string that is not UTF-8");
        return ODK_STR("");
    }
    return out;
}

size_t
codec_read_count(struct codec_reader *in, size_t wire_bytes_min,
                 const uint8_t **stop)
{
    int64_t count = codec_read_long(in);
    uint64_t n = (uint64_t)count;

    *stop = NULL;
    if (count < 0) {
        /* A negative count is followed by the block's size in bytes. */
        int64_t size = codec_read_long(in);
        if (size < 0 || size > in->end - in->at) {
            codec_reader_fail(in, "an array's block beyond the end");
            return 0;
        }
        *stop = in->at + size;
        n = 0 - n;
    }
    if (n > (uint64_t)(in->end - in->at) / wire_bytes_min) {
        codec_reader_fail(in, "an array's count beyond the end");
        return 0;
    }
    return (size_t)n;
}

/* Makes room for n more items. Doubling bounds what many small blocks cost. */
static bool
array_grow(struct codec_reader *in, struct codec_array *array, size_t n)
{
    size_t size = array->done + n;

    if (size <= array->size) {
        return true;
    }
    if (array->size && size < 2 * array->size) {
        size = 2 * array->size;
    }
    void *items = odk_arena_calloc(in->arena, size, array->item_bytes);
    if (!items) {
        in->is_out_of_arena = !in->problem;
        codec_reader_fail(in, "no room left for an array");
        return false;
    }
    if (array->done) {
        memcpy(items, array->items, array->done * array->item_bytes);
    }
    array->items = items;
    array->size = size;
    return true;
}

bool
codec_read_block(struct codec_reader *in, struct codec_array *array)
{
    if (array->is_begun) {
        array->done++;
        array->left--;
    }
    if (in->problem) {
        array->done = 0;
        return false;
    }
    if (array->is_begun && array->left) {
        return true;
    }
    if (array->stop && array->stop != in->at) {
        codec_reader_fail(in, "an array's block of another size");
        return false;
    }
    array->left = codec_read_count(in, array->wire_bytes_min, &array->stop);
    array->is_begun = array->left > 0;
    return array->left && array_grow(in, array, array->left);
}

void
codec_put_long(struct odk_buf *out, int64_t value)
{
    uint8_t bytes[CODEC_VARINT_BYTES_MAX];
    const uint8_t *end = codec_write_long(bytes, value);

    odk_buf_put(out, bytes, (size_t)(end - bytes));
}

void
codec_put_double(struct odk_buf *out, double value)
{
    uint8_t bytes[8];
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(bits >> (8 * i));
    }
    odk_buf_put(out, bytes, sizeof(bytes));
}

void
codec_put_bytes(struct odk_buf *out, struct odk_str s)
{
    codec_put_long(out, (int64_t)s.len);
    odk_buf_put_str(out, s);
}
