#include <string.h>

#include <avro.h>

#include "base/base.h"
#include "codec/codec_shape.h"

/*
 * The only file that sees avro-c. It parses a writer's schema and copies it out
 * as a shape at once. Data is not read with it: it trusts lengths and counts,
 * and its resolution knows no defaults. codec_resolve.c does both.
 */

/** A schema while it is copied. */
struct copying {
    struct odk_arena *arena;
    struct odk_err *err;
    avro_schema_t open[CODEC_DEPTH_MAX]; /**< the types around this one */
    unsigned depth;
    size_t n_shapes;
    int ret; /**< the first error */
};

static const struct codec_shape *copy_shape(struct copying *copying,
                                            avro_schema_t from);

static void
copying_fail(struct copying *copying, int code, const char *problem)
{
    if (copying->ret == 0) {
        copying->ret = odk_err_set(copying->err, code, "%s", problem);
    }
}

static void *
copying_alloc(struct copying *copying, size_t n, size_t size)
{
    void *out = odk_arena_calloc(copying->arena, n, size);

    if (!out) {
        copying_fail(copying, ODK_ELIMIT, "a schema that is too large");
    }
    return out;
}

static struct odk_str
copy_text(struct copying *copying, const char *text)
{
    struct odk_str out = odk_arena_str(copying->arena, odk_str(text));

    if (!out.ptr) {
        copying_fail(copying, ODK_ELIMIT, "a schema that is too large");
        return ODK_STR("");
    }
    return out;
}

static struct odk_str
copy_full_name(struct copying *copying, avro_schema_t from)
{
    const char *space = avro_schema_namespace(from);
    struct odk_str name = odk_str(avro_schema_name(from));
    struct odk_str out;
    struct odk_buf buf;

    odk_buf_init(&buf, 0);
    if (space && *space) {
        odk_buf_put_cstr(&buf, space);
        odk_buf_put_char(&buf, '.');
    }
    odk_buf_put_str(&buf, name);
    out = copy_text(copying, buf.ptr);
    odk_buf_release(&buf);
    return out;
}

static size_t
count_parts(avro_schema_t from)
{
    switch (avro_typeof(from)) {
    case AVRO_RECORD:
        return avro_schema_record_size(from);
    case AVRO_ENUM:
        return (size_t)avro_schema_enum_number_of_symbols(from);
    case AVRO_UNION:
        return avro_schema_union_size(from);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return 1;
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_INT32:
    case AVRO_INT64:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_BOOLEAN:
    case AVRO_NULL:
    case AVRO_FIXED:
    case AVRO_LINK:
        break;
    }
    return 0;
}

/* Recursion follows the schema's nesting, at most CODEC_DEPTH_MAX levels:
 * copy_shape counts them. NOLINTBEGIN(misc-no-recursion) */

static void
copy_part(struct copying *copying, avro_schema_t from, int i,
          struct codec_part *out)
{
    avro_schema_t inner = NULL;

    if (is_avro_record(from)) {
        out->name = copy_text(copying, avro_schema_record_field_name(from, i));
        inner = avro_schema_record_field_get_by_index(from, i);
    } else if (is_avro_enum(from)) {
        out->name = copy_text(copying, avro_schema_enum_get(from, i));
        return;
    } else if (is_avro_union(from)) {
        inner = avro_schema_union_branch(from, i);
    } else if (is_avro_array(from)) {
        inner = avro_schema_array_items(from);
    } else {
        inner = avro_schema_map_values(from);
    }
    out->shape = copy_shape(copying, inner);
}

static enum codec_type
type_of(avro_schema_t from)
{
    static const enum codec_type types[] = {
        [AVRO_STRING] = CODEC_TYPE_STRING,   [AVRO_BYTES] = CODEC_TYPE_BYTES,
        [AVRO_INT32] = CODEC_TYPE_INT,       [AVRO_INT64] = CODEC_TYPE_LONG,
        [AVRO_FLOAT] = CODEC_TYPE_FLOAT,     [AVRO_DOUBLE] = CODEC_TYPE_DOUBLE,
        [AVRO_BOOLEAN] = CODEC_TYPE_BOOLEAN, [AVRO_NULL] = CODEC_TYPE_NULL,
        [AVRO_RECORD] = CODEC_TYPE_RECORD,   [AVRO_ENUM] = CODEC_TYPE_ENUM,
        [AVRO_FIXED] = CODEC_TYPE_FIXED,     [AVRO_MAP] = CODEC_TYPE_MAP,
        [AVRO_ARRAY] = CODEC_TYPE_ARRAY,     [AVRO_UNION] = CODEC_TYPE_UNION,
    };

    odk_assert((size_t)avro_typeof(from) < ODK_ARRAY_LEN(types));
    return types[avro_typeof(from)];
}

static void
fill_shape(struct copying *copying, avro_schema_t from, struct codec_shape *out)
{
    size_t n_parts = count_parts(from);

    out->type = type_of(from);
    out->fallback = -1;
    if (avro_schema_name(from) &&
        (is_avro_record(from) || is_avro_enum(from) || is_avro_fixed(from))) {
        out->name = copy_full_name(copying, from);
    }
    if (is_avro_fixed(from)) {
        out->size = (size_t)avro_schema_fixed_size(from);
    }
    struct codec_part *parts =
        copying_alloc(copying, n_parts + 1, sizeof(*parts));
    for (size_t i = 0; parts && i < n_parts && copying->ret == 0; i++) {
        copy_part(copying, from, (int)i, &parts[i]);
    }
    out->parts = parts;
    out->n_parts = n_parts;
}

static const struct codec_shape *
copy_shape(struct copying *copying, avro_schema_t from)
{
    if (is_avro_link(from)) {
        from = avro_schema_link_target(from);
    }
    for (unsigned i = 0; i < copying->depth; i++) {
        if (copying->open[i] == from && !is_avro_primitive(from)) {
            copying_fail(copying, ODK_ESCHEMA, "a type that contains itself");
            return NULL;
        }
    }
    if (copying->depth == CODEC_DEPTH_MAX) {
        copying_fail(copying, ODK_ESCHEMA, "a schema nested too deeply");
        return NULL;
    }
    if (++copying->n_shapes > CODEC_SHAPES_MAX) {
        copying_fail(copying, ODK_ESCHEMA, "a schema of too many types");
        return NULL;
    }
    struct codec_shape *out = copying_alloc(copying, 1, sizeof(*out));
    if (out) {
        copying->open[copying->depth++] = from;
        fill_shape(copying, from, out);
        copying->depth--;
    }
    return out;
}

/* NOLINTEND(misc-no-recursion) */

int
codec_shape_parse(struct odk_str json, struct odk_arena *arena,
                  const struct codec_shape **out, struct odk_err *err)
{
    struct copying copying = {.arena = arena, .err = err};
    avro_schema_t schema = NULL;

    *out = NULL;
    if (json.len == 0 ||
        avro_schema_from_json_length(json.ptr, json.len, &schema) != 0) {
        return odk_err_set(err, ODK_ESCHEMA, "not an Avro schema: %s",
                           json.len ? avro_strerror() : "empty");
    }
    const struct codec_shape *shape = copy_shape(&copying, schema);
    (void)avro_schema_decref(schema);
    if (copying.ret < 0) {
        return copying.ret;
    }
    *out = shape;
    return 0;
}
