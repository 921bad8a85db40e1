#include <string.h>

#include "base/base.h"
#include "codec/codec.h"
#include "codec/codec_shape.h"
#include "codec/codec_wire.h"

/*
 * What a record says, apart from the schema that it was written in:
 *
 *   record   for each field that is not its default: name, value; an empty name
 *   array    for each item: 1, value; 0
 *   enum     the symbol's name
 *   others   as Avro writes them
 *
 * A field that a later schema adds has its default in every older record, so
 * it is left out of both.
 *
 * Every recursion here follows a shape, a finite tree of at most
 * CODEC_DEPTH_MAX levels (codec_avro.c). NOLINTBEGIN(misc-no-recursion)
 */

static void put_content(struct codec_reader *in,
                        const struct codec_shape *shape, struct odk_buf *out);

static void
put_record(struct codec_reader *in, const struct codec_shape *shape,
           struct odk_buf *out)
{
    for (size_t i = 0; i < shape->n_parts && !in->problem; i++) {
        const struct codec_part *part = &shape->parts[i];
        const uint8_t *start = in->at;
        size_t mark = out->len;

        codec_put_bytes(out, part->name);
        put_content(in, part->shape, out);
        struct odk_str value = odk_str_n(start, (size_t)(in->at - start));
        if (part->preset.ptr && odk_str_eq(value, part->preset)) {
            out->len = mark;
        }
    }
    codec_put_bytes(out, ODK_STR(""));
}

static void
put_items(struct codec_reader *in, const struct codec_shape *shape,
          struct odk_buf *out)
{
    const uint8_t *stop = NULL;
    size_t n = 0;

    while ((n = codec_read_count(in, 1, &stop)) > 0) {
        for (; n > 0 && !in->problem; n--) {
            codec_put_long(out, 1);
            put_content(in, shape->parts[0].shape, out);
        }
    }
    codec_put_long(out, 0);
}

static void
put_branch(struct codec_reader *in, const struct codec_shape *shape,
           struct odk_buf *out)
{
    int64_t branch = codec_read_long(in);

    if (branch < 0 || (uint64_t)branch >= shape->n_parts) {
        codec_reader_fail(in, "no such branch of the union");
        return;
    }
    codec_put_long(out, branch);
    put_content(in, shape->parts[branch].shape, out);
}

static void
put_symbol(struct codec_reader *in, const struct codec_shape *shape,
           struct odk_buf *out)
{
    int index = codec_read_enum(in, (int)shape->n_parts);

    codec_put_bytes(out, shape->parts[index].name);
}

static void
put_raw(struct codec_reader *in, size_t n, struct odk_buf *out)
{
    const uint8_t *raw = codec_read_raw(in, n);

    if (raw) {
        odk_buf_put(out, raw, n);
    }
}

static void
put_content(struct codec_reader *in, const struct codec_shape *shape,
            struct odk_buf *out)
{
    switch (shape->type) {
    case CODEC_TYPE_NULL:
        break;
    case CODEC_TYPE_BOOLEAN:
        odk_buf_put_char(out, codec_read_boolean(in) ? 1 : 0);
        break;
    case CODEC_TYPE_INT:
    case CODEC_TYPE_LONG:
        codec_put_long(out, codec_read_long(in));
        break;
    case CODEC_TYPE_DOUBLE:
        put_raw(in, 8, out);
        break;
    case CODEC_TYPE_BYTES:
    case CODEC_TYPE_STRING:
        codec_put_bytes(out, codec_read_bytes(in));
        break;
    case CODEC_TYPE_FIXED:
        put_raw(in, shape->size, out);
        break;
    case CODEC_TYPE_ENUM:
        put_symbol(in, shape, out);
        break;
    case CODEC_TYPE_RECORD:
        put_record(in, shape, out);
        break;
    case CODEC_TYPE_ARRAY:
        put_items(in, shape, out);
        break;
    case CODEC_TYPE_UNION:
        put_branch(in, shape, out);
        break;
    case CODEC_TYPE_FLOAT:
    case CODEC_TYPE_MAP:
        codec_reader_fail(in, "a type that is none of ours");
        break;
    }
}

/* NOLINTEND(misc-no-recursion) */

int
codec_shape_content(const struct codec_shape *shape, struct odk_str bytes,
                    struct odk_buf *out, struct odk_err *err)
{
    struct codec_reader in;

    codec_reader_init(&in, bytes, NULL);
    put_content(&in, shape, out);
    return codec_reader_end(&in, "of this shape", err);
}

void
codec_content(enum codec_kind kind, const void *record, struct odk_buf *out)
{
    const struct codec_kind_info *info = &codec_kind_table[kind];
    struct odk_buf body;

    odk_buf_init(&body, 0);
    info->encode(record, &body);
    codec_put_bytes(out, odk_str(info->full_name));
    int rc = codec_shape_content(info->shape, odk_buf_str(&body), out, NULL);
    odk_assert(rc == 0); /* our own encoder wrote it */
    odk_buf_release(&body);
}
