#include "codec/codec_shape.h"

#include "base/base.h"

#define EMPTY_FINGERPRINT UINT64_C(0xc15d213aa4d7a795)

/** The canonical form while it is written. */
struct canonical {
    struct odk_buf *out;
    const struct codec_shape *seen[CODEC_SHAPES_MAX];
    size_t n_seen;
};

const char *
codec_type_name(enum codec_type type)
{
    static const char *const names[] = {
        "null",   "boolean", "int",  "long",  "float", "double", "bytes",
        "string", "record",  "enum", "fixed", "array", "map",    "union",
    };

    odk_assert((size_t)type < ODK_ARRAY_LEN(names));
    return names[type];
}

static void
put_quoted(struct odk_buf *out, struct odk_str text)
{
    odk_buf_put_char(out, '"');
    odk_buf_put_str(out, text);
    odk_buf_put_char(out, '"');
}

/* Recursion follows the shape, a finite tree of at most CODEC_DEPTH_MAX levels.
 * NOLINTBEGIN(misc-no-recursion) */

static void put_shape(struct canonical *to, const struct codec_shape *shape,
                      unsigned depth);

static void
put_parts(struct canonical *to, const struct codec_shape *shape, unsigned depth)
{
    odk_buf_put_char(to->out, '[');
    for (size_t i = 0; i < shape->n_parts; i++) {
        const struct codec_part *part = &shape->parts[i];
        if (i) {
            odk_buf_put_char(to->out, ',');
        }
        if (shape->type == CODEC_TYPE_ENUM) {
            put_quoted(to->out, part->name);
        } else if (shape->type == CODEC_TYPE_UNION) {
            put_shape(to, part->shape, depth);
        } else {
            odk_buf_put_cstr(to->out, "{\"name\":");
            put_quoted(to->out, part->name);
            odk_buf_put_cstr(to->out, ",\"type\":");
            put_shape(to, part->shape, depth);
            odk_buf_put_char(to->out, '}');
        }
    }
    odk_buf_put_char(to->out, ']');
}

/* A named type: in full the first time, by its name after that. */
static void
put_named(struct canonical *to, const struct codec_shape *shape, unsigned depth)
{
    for (size_t i = 0; i < to->n_seen; i++) {
        if (odk_str_eq(to->seen[i]->name, shape->name)) {
            put_quoted(to->out, shape->name);
            return;
        }
    }
    odk_assert(to->n_seen < CODEC_SHAPES_MAX);
    to->seen[to->n_seen++] = shape;
    odk_buf_put_cstr(to->out, "{\"name\":");
    put_quoted(to->out, shape->name);
    odk_buf_put_cstr(to->out, ",\"type\":");
    put_quoted(to->out, odk_str(codec_type_name(shape->type)));
    if (shape->type == CODEC_TYPE_FIXED) {
        odk_buf_put_cstr(to->out, ",\"size\":");
        odk_buf_put_u64(to->out, shape->size);
    } else {
        odk_buf_put_cstr(to->out, shape->type == CODEC_TYPE_ENUM
                                      ? ",\"symbols\":"
                                      : ",\"fields\":");
        put_parts(to, shape, depth);
    }
    odk_buf_put_char(to->out, '}');
}

static void
put_shape(struct canonical *to, const struct codec_shape *shape, unsigned depth)
{
    odk_assert(depth < CODEC_DEPTH_MAX);
    switch (shape->type) {
    case CODEC_TYPE_NULL:
    case CODEC_TYPE_BOOLEAN:
    case CODEC_TYPE_INT:
    case CODEC_TYPE_LONG:
    case CODEC_TYPE_FLOAT:
    case CODEC_TYPE_DOUBLE:
    case CODEC_TYPE_BYTES:
    case CODEC_TYPE_STRING:
        put_quoted(to->out, odk_str(codec_type_name(shape->type)));
        break;
    case CODEC_TYPE_RECORD:
    case CODEC_TYPE_ENUM:
    case CODEC_TYPE_FIXED:
        put_named(to, shape, depth + 1);
        break;
    case CODEC_TYPE_ARRAY:
    case CODEC_TYPE_MAP:
        odk_buf_put_cstr(to->out, shape->type == CODEC_TYPE_ARRAY
                                      ? "{\"type\":\"array\",\"items\":"
                                      : "{\"type\":\"map\",\"values\":");
        put_shape(to, shape->parts[0].shape, depth + 1);
        odk_buf_put_char(to->out, '}');
        break;
    case CODEC_TYPE_UNION:
        put_parts(to, shape, depth + 1);
        break;
    }
}

/* NOLINTEND(misc-no-recursion) */

void
codec_shape_canonical(const struct codec_shape *shape, struct odk_buf *out)
{
    struct canonical to = {.out = out};

    put_shape(&to, shape, 0);
}

uint64_t
codec_shape_fingerprint(const struct codec_shape *shape)
{
    struct odk_buf buf;
    uint64_t value = EMPTY_FINGERPRINT;

    odk_buf_init(&buf, 0);
    codec_shape_canonical(shape, &buf);
    for (size_t i = 0; i < buf.len; i++) {
        uint64_t step = (value ^ (uint8_t)buf.ptr[i]) & 0xFF;
        for (int bit = 0; bit < 8; bit++) {
            step = (step >> 1) ^ (EMPTY_FINGERPRINT & (0 - (step & 1)));
        }
        value = (value >> 8) ^ step;
    }
    odk_buf_release(&buf);
    return value;
}

static struct odk_str
after_last_dot(struct odk_str name)
{
    for (size_t i = name.len; i > 0; i--) {
        if (name.ptr[i - 1] == '.') {
            return odk_str_from(name, i);
        }
    }
    return name;
}

bool
codec_name_matches(struct odk_str a, struct odk_str b)
{
    return odk_str_eq(after_last_dot(a), after_last_dot(b));
}
