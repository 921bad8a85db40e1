#include <string.h>

#include "base/base.h"
#include "codec/codec_shape.h"
#include "codec/codec_wire.h"

/*
 * Avro's schema resolution: a record in its writer's schema is rewritten in our
 * own. The writer's fields come in the writer's order and ours are written in
 * ours, so each record first finds where its fields are, then goes through ours
 * in order.
 *
 * Every recursion here follows a writer's shape, a finite tree of at most
 * CODEC_DEPTH_MAX levels (codec_avro.c). NOLINTBEGIN(misc-no-recursion)
 */

/** Fields of a writer's record. */
#define FIELDS_MAX 128
/** Items of all arrays of null-sized types in a record: they take no bytes, so
 * the input does not bound them. */
#define EMPTY_ITEMS_MAX 65536

struct resolving {
    struct codec_reader in;
    struct odk_buf *out;
    size_t n_empty; /**< items that took no bytes */
};

/* --- can it be resolved ----------------------------------------------------
 */

static bool
promotes(enum codec_type from, enum codec_type to)
{
    bool to_real = to == CODEC_TYPE_FLOAT || to == CODEC_TYPE_DOUBLE;

    return (from == CODEC_TYPE_INT && (to == CODEC_TYPE_LONG || to_real)) ||
           (from == CODEC_TYPE_LONG && to_real) ||
           (from == CODEC_TYPE_FLOAT && to == CODEC_TYPE_DOUBLE) ||
           (from == CODEC_TYPE_STRING && to == CODEC_TYPE_BYTES) ||
           (from == CODEC_TYPE_BYTES && to == CODEC_TYPE_STRING);
}

static int
mismatch(const struct codec_shape *writer, const struct codec_shape *reader,
         struct odk_err *err)
{
    return odk_err_set(err, ODK_ESCHEMA, "%s is not read as %s",
                       codec_type_name(writer->type),
                       codec_type_name(reader->type));
}

static int match_same(const struct codec_shape *writer,
                      const struct codec_shape *reader, struct odk_err *err);

/* A type of the writer that is no union, against one of ours. */
static int
match_plain(const struct codec_shape *writer, const struct codec_shape *reader,
            struct odk_err *err)
{
    if (reader->type == CODEC_TYPE_UNION) {
        for (size_t i = 0; i < reader->n_parts; i++) {
            if (match_plain(writer, reader->parts[i].shape, NULL) == 0) {
                return 0;
            }
        }
        return odk_err_set(err, ODK_ESCHEMA, "no branch takes %s",
                           codec_type_name(writer->type));
    }
    if (writer->type != reader->type) {
        return promotes(writer->type, reader->type)
                   ? 0
                   : mismatch(writer, reader, err);
    }
    return match_same(writer, reader, err);
}

int
codec_shape_match(const struct codec_shape *writer,
                  const struct codec_shape *reader, struct odk_err *err)
{
    int ret = 0;

    if (writer->type != CODEC_TYPE_UNION) {
        return match_plain(writer, reader, err);
    }
    for (size_t i = 0; ret == 0 && i < writer->n_parts; i++) {
        ret = match_plain(writer->parts[i].shape, reader, err);
    }
    return ret;
}

static const struct codec_part *
find_part(const struct codec_shape *shape, struct odk_str name)
{
    for (size_t i = 0; i < shape->n_parts; i++) {
        if (odk_str_eq(shape->parts[i].name, name)) {
            return &shape->parts[i];
        }
    }
    return NULL;
}

static int
match_record(const struct codec_shape *writer, const struct codec_shape *reader,
             struct odk_err *err)
{
    if (writer->n_parts > FIELDS_MAX) {
        return odk_err_set(err, ODK_ESCHEMA, "more than %d fields", FIELDS_MAX);
    }
    for (size_t i = 0; i < reader->n_parts; i++) {
        const struct codec_part *part = &reader->parts[i];
        const struct codec_part *written = find_part(writer, part->name);
        if (!written && !part->preset.ptr) {
            return odk_err_set(err, ODK_ESCHEMA, "field %.*s is not written",
                               ODK_STR_ARG(part->name));
        }
        int ret =
            written ? codec_shape_match(written->shape, part->shape, err) : 0;
        if (ret < 0) {
            return odk_err_wrap(err, ret, "field %.*s",
                                ODK_STR_ARG(part->name));
        }
    }
    return 0;
}

/* Two shapes of one type. Symbols that are unknown show when they come. */
static int
match_same(const struct codec_shape *writer, const struct codec_shape *reader,
           struct odk_err *err)
{
    bool is_named = writer->name.len && reader->name.len;

    if (is_named && !codec_name_matches(writer->name, reader->name)) {
        return odk_err_set(err, ODK_ESCHEMA, "%.*s is not %.*s",
                           ODK_STR_ARG(writer->name),
                           ODK_STR_ARG(reader->name));
    }
    if (writer->type == CODEC_TYPE_RECORD) {
        return match_record(writer, reader, err);
    }
    if (writer->type == CODEC_TYPE_FIXED && writer->size != reader->size) {
        return odk_err_set(err, ODK_ESCHEMA, "a fixed of another size");
    }
    if (writer->type == CODEC_TYPE_ARRAY || writer->type == CODEC_TYPE_MAP) {
        return codec_shape_match(writer->parts[0].shape, reader->parts[0].shape,
                                 err);
    }
    return 0;
}

/* --- passing over values ---------------------------------------------------
 */

static void skip(struct resolving *r, const struct codec_shape *shape);

/* Counts items that took no bytes; false when they are too many. */
static bool
allow_item(struct resolving *r, const uint8_t *before)
{
    if (r->in.at == before && ++r->n_empty > EMPTY_ITEMS_MAX) {
        codec_reader_fail(&r->in, "too many empty items");
    }
    return !r->in.problem;
}

/* Count of the next block of the writer's array or map. The count is not held
 * against the bytes left, as items may take none; allow_item bounds it. */
static size_t
next_block(struct resolving *r)
{
    int64_t count = codec_read_long(&r->in);

    if (count < 0) {
        (void)codec_read_long(&r->in); /* the block's size: not needed */
    }
    if (count == INT64_MIN) {
        codec_reader_fail(&r->in, "an array's count beyond the end");
    }
    if (r->in.problem) {
        return 0;
    }
    return (size_t)(count < 0 ? -count : count);
}

static void
skip_items(struct resolving *r, const struct codec_shape *shape)
{
    for (size_t n = next_block(r); n; n = next_block(r)) {
        for (; n; n--) {
            const uint8_t *before = r->in.at;
            if (shape->type == CODEC_TYPE_MAP) {
                (void)codec_read_string(&r->in);
            }
            skip(r, shape->parts[0].shape);
            if (!allow_item(r, before)) {
                return;
            }
        }
    }
}

static const struct codec_shape *
read_branch(struct resolving *r, const struct codec_shape *shape)
{
    int64_t branch = codec_read_long(&r->in);

    if (branch < 0 || (uint64_t)branch >= shape->n_parts) {
        codec_reader_fail(&r->in, "no such branch of the union");
        return NULL;
    }
    return shape->parts[branch].shape;
}

static void
skip(struct resolving *r, const struct codec_shape *shape)
{
    const struct codec_shape *branch;

    switch (shape->type) {
    case CODEC_TYPE_NULL:
        break;
    case CODEC_TYPE_BOOLEAN:
        (void)codec_read_boolean(&r->in);
        break;
    case CODEC_TYPE_INT:
        (void)codec_read_int(&r->in);
        break;
    case CODEC_TYPE_LONG:
        (void)codec_read_long(&r->in);
        break;
    case CODEC_TYPE_ENUM:
        (void)codec_read_enum(&r->in, (int)shape->n_parts);
        break;
    case CODEC_TYPE_FLOAT:
        (void)codec_read_raw(&r->in, 4);
        break;
    case CODEC_TYPE_DOUBLE:
        (void)codec_read_raw(&r->in, 8);
        break;
    case CODEC_TYPE_BYTES:
    case CODEC_TYPE_STRING:
        (void)codec_read_bytes(&r->in);
        break;
    case CODEC_TYPE_FIXED:
        (void)codec_read_raw(&r->in, shape->size);
        break;
    case CODEC_TYPE_RECORD:
        for (size_t i = 0; i < shape->n_parts && !r->in.problem; i++) {
            skip(r, shape->parts[i].shape);
        }
        break;
    case CODEC_TYPE_ARRAY:
    case CODEC_TYPE_MAP:
        skip_items(r, shape);
        break;
    case CODEC_TYPE_UNION:
        branch = read_branch(r, shape);
        if (branch) {
            skip(r, branch);
        }
        break;
    }
}

/* --- rewriting values ------------------------------------------------------
 */

static void rewrite(struct resolving *r, const struct codec_shape *writer,
                    const struct codec_shape *reader);

/* A writer's number as one of ours. */
static void
rewrite_number(struct resolving *r, enum codec_type from, enum codec_type to)
{
    double real = 0;
    int64_t whole = 0;
    uint32_t bits = 0;
    float single;

    if (from == CODEC_TYPE_FLOAT) {
        const uint8_t *at = codec_read_raw(&r->in, 4);
        for (unsigned i = 0; at && i < 4; i++) {
            bits |= (uint32_t)at[i] << (8 * i);
        }
        memcpy(&single, &bits, sizeof(single));
        real = (double)single;
    } else if (from == CODEC_TYPE_DOUBLE) {
        real = codec_read_double(&r->in);
    } else {
        whole = from == CODEC_TYPE_INT ? codec_read_int(&r->in)
                                       : codec_read_long(&r->in);
        real = (double)whole;
    }
    if (to == CODEC_TYPE_INT || to == CODEC_TYPE_LONG) {
        codec_put_long(r->out, whole);
    } else if (to == CODEC_TYPE_DOUBLE) {
        codec_put_double(r->out, real);
    } else {
        codec_reader_fail(&r->in, "float is no type of ours");
    }
}

static void
rewrite_enum(struct resolving *r, const struct codec_shape *writer,
             const struct codec_shape *reader)
{
    int index = codec_read_enum(&r->in, (int)writer->n_parts);

    if (r->in.problem) {
        return;
    }
    const struct codec_part *ours =
        find_part(reader, writer->parts[index].name);
    if (!ours && reader->fallback < 0) {
        codec_reader_fail(&r->in, "a symbol that the enum does not have");
        return;
    }
    codec_put_long(r->out, ours ? ours - reader->parts : reader->fallback);
}

static void
rewrite_items(struct resolving *r, const struct codec_shape *writer,
              const struct codec_shape *reader)
{
    for (size_t n = next_block(r); n; n = next_block(r)) {
        /* One item a block: ours must be counted before they are written. */
        for (; n; n--) {
            const uint8_t *before = r->in.at;
            codec_put_long(r->out, 1);
            rewrite(r, writer->parts[0].shape, reader->parts[0].shape);
            if (!allow_item(r, before)) {
                return;
            }
        }
    }
    codec_put_long(r->out, 0);
}

static void
rewrite_record(struct resolving *r, const struct codec_shape *writer,
               const struct codec_shape *reader)
{
    const uint8_t *places[FIELDS_MAX];
    odk_assert(writer->n_parts <= FIELDS_MAX);

    for (size_t i = 0; i < writer->n_parts; i++) {
        places[i] = r->in.at;
        skip(r, writer->parts[i].shape);
    }
    const uint8_t *end = r->in.at;
    for (size_t i = 0; i < reader->n_parts && !r->in.problem; i++) {
        const struct codec_part *part = &reader->parts[i];
        const struct codec_part *written = find_part(writer, part->name);
        if (!written) {
            odk_buf_put_str(r->out, part->preset);
            continue;
        }
        r->in.at = places[written - writer->parts];
        rewrite(r, written->shape, part->shape);
    }
    if (!r->in.problem) {
        r->in.at = end;
    }
}

/* Into a union of ours: the branch of the same type, else one that takes it. */
static void
rewrite_into_union(struct resolving *r, const struct codec_shape *writer,
                   const struct codec_shape *reader)
{
    size_t found = reader->n_parts;

    for (size_t i = reader->n_parts; i > 0; i--) {
        const struct codec_shape *branch = reader->parts[i - 1].shape;
        bool is_exact = found < reader->n_parts &&
                        reader->parts[found].shape->type == writer->type;
        if (!is_exact && match_plain(writer, branch, NULL) == 0) {
            found = i - 1;
        }
    }
    if (found == reader->n_parts) {
        codec_reader_fail(&r->in, "a branch that the union does not have");
        return;
    }
    codec_put_long(r->out, (int64_t)found);
    rewrite(r, writer, reader->parts[found].shape);
}

static void
rewrite_same(struct resolving *r, const struct codec_shape *writer,
             const struct codec_shape *reader)
{
    const uint8_t *raw;

    switch (reader->type) {
    case CODEC_TYPE_NULL:
        break;
    case CODEC_TYPE_BOOLEAN:
        odk_buf_put_char(r->out, codec_read_boolean(&r->in) ? 1 : 0);
        break;
    case CODEC_TYPE_INT:
    case CODEC_TYPE_LONG:
    case CODEC_TYPE_FLOAT:
    case CODEC_TYPE_DOUBLE:
        rewrite_number(r, writer->type, reader->type);
        break;
    case CODEC_TYPE_BYTES:
    case CODEC_TYPE_STRING:
        codec_put_bytes(r->out, codec_read_bytes(&r->in));
        break;
    case CODEC_TYPE_FIXED:
        raw = codec_read_raw(&r->in, reader->size);
        if (raw) {
            odk_buf_put(r->out, raw, reader->size);
        }
        break;
    case CODEC_TYPE_ENUM:
        rewrite_enum(r, writer, reader);
        break;
    case CODEC_TYPE_RECORD:
        rewrite_record(r, writer, reader);
        break;
    case CODEC_TYPE_ARRAY:
        rewrite_items(r, writer, reader);
        break;
    case CODEC_TYPE_MAP:
    case CODEC_TYPE_UNION:
        codec_reader_fail(&r->in, "a type that is none of ours");
        break;
    }
}

static void
rewrite(struct resolving *r, const struct codec_shape *writer,
        const struct codec_shape *reader)
{
    if (writer->type == CODEC_TYPE_UNION) {
        writer = read_branch(r, writer);
        if (!writer) {
            return;
        }
    }
    if (odk_buf_failed(r->out)) {
        codec_reader_fail(&r->in, "too large after resolution");
    } else if (reader->type == CODEC_TYPE_UNION) {
        rewrite_into_union(r, writer, reader);
    } else {
        rewrite_same(r, writer, reader);
    }
}

int
codec_shape_resolve(const struct codec_shape *writer,
                    const struct codec_shape *reader, struct odk_str bytes,
                    struct odk_buf *out, struct odk_err *err)
{
    struct resolving r = {.out = out};

    codec_reader_init(&r.in, bytes, NULL);
    rewrite(&r, writer, reader);
    int ret = codec_reader_end(&r.in, "in the writer's schema", err);
    if (odk_buf_failed(out)) {
        return odk_err_set(err, ODK_ELIMIT, "too large after resolution");
    }
    return ret;
}

/* NOLINTEND(misc-no-recursion) */
