#include "codec/codec.h"

#include <stdlib.h>

#include "base/base.h"
#include "codec/codec_shape.h"

#define CODEC_MAGIC              0x636f6463u
#define SCHEMAS_MAX_DEFAULT      1024u
#define SCHEMA_BYTES_MAX_DEFAULT ((size_t)256 * 1024)
#define RESOLVED_BYTES_DEFAULT   ((size_t)16 * 1024 * 1024)
/** A shape's memory for a byte of schema text, generously. */
#define ARENA_BYTES_FACTOR 64u

/** A schema whose records can be read. */
struct codec_writer {
    struct odk_map_node node; /**< by fingerprint */
    uint64_t fingerprint;
    enum codec_kind kind;
    const struct codec_shape *shape; /**< NULL = the current schema */
    struct odk_arena arena;          /**< of shape */
};

/** An id of the registry. */
struct codec_id {
    struct odk_map_node node; /**< by id */
    uint32_t id;
    const struct codec_writer *writer;
};

struct codec {
    uint32_t magic;
    struct codec_options options;
    struct odk_map writers;
    struct odk_map ids;
    const struct codec_id *written[CODEC_KINDS]; /**< id to write, or NULL */
};

static struct odk_str
key_of_fingerprint(const uint64_t *fingerprint)
{
    return odk_str_n(fingerprint, sizeof(*fingerprint));
}

static struct odk_str
key_of_id(const uint32_t *id)
{
    return odk_str_n(id, sizeof(*id));
}

static const struct codec_writer *
find_writer(const struct codec *codec, uint64_t fingerprint)
{
    struct odk_map_node *node =
        odk_map_find(&codec->writers, key_of_fingerprint(&fingerprint));

    return node ? ODK_CONTAINER(node, struct codec_writer, node) : NULL;
}

static const struct codec_id *
find_id(const struct codec *codec, uint32_t id)
{
    struct odk_map_node *node = odk_map_find(&codec->ids, key_of_id(&id));

    return node ? ODK_CONTAINER(node, struct codec_id, node) : NULL;
}

static struct codec_writer *
new_writer(void)
{
    struct codec_writer *writer = calloc(1, sizeof(*writer));

    if (!writer) {
        odk_out_of_memory();
    }
    return writer;
}

static void
keep_writer(struct codec *codec, struct codec_writer *writer)
{
    odk_map_add(&codec->writers, &writer->node,
                key_of_fingerprint(&writer->fingerprint));
}

static void
free_writer(struct codec_writer *writer)
{
    odk_arena_release(&writer->arena);
    free(writer);
}

static struct codec_options
filled_in(const struct codec_options *options)
{
    struct codec_options out = options ? *options : (struct codec_options){0};

    out.schemas_max = out.schemas_max ? out.schemas_max : SCHEMAS_MAX_DEFAULT;
    out.schema_bytes_max =
        out.schema_bytes_max ? out.schema_bytes_max : SCHEMA_BYTES_MAX_DEFAULT;
    out.resolved_bytes_max = out.resolved_bytes_max ? out.resolved_bytes_max
                                                    : RESOLVED_BYTES_DEFAULT;
    return out;
}

struct codec *
codec_new(const struct codec_options *options)
{
    struct codec *codec = calloc(1, sizeof(*codec));

    if (!codec) {
        odk_out_of_memory();
    }
    codec->magic = CODEC_MAGIC;
    codec->options = filled_in(options);
    odk_map_init(&codec->writers);
    odk_map_init(&codec->ids);
    for (int kind = 0; kind < CODEC_KINDS; kind++) {
        struct codec_writer *writer = new_writer();
        writer->fingerprint = codec_kind_table[kind].fingerprint;
        writer->kind = (enum codec_kind)kind;
        keep_writer(codec, writer);
    }
    for (size_t i = 0; i < codec_older_count; i++) {
        int ret =
            codec_add_writer_schema(codec, codec_older_table[i], NULL, NULL);
        odk_assert(ret == 0);
    }
    return codec;
}

void
codec_free(struct codec *codec)
{
    struct odk_map_node *node;

    if (!codec) {
        return;
    }
    odk_assert(codec->magic == CODEC_MAGIC);
    while ((node = odk_map_next(&codec->ids, NULL))) {
        odk_map_remove(&codec->ids, node);
        free(ODK_CONTAINER(node, struct codec_id, node));
    }
    while ((node = odk_map_next(&codec->writers, NULL))) {
        odk_map_remove(&codec->writers, node);
        free_writer(ODK_CONTAINER(node, struct codec_writer, node));
    }
    odk_map_release(&codec->ids);
    odk_map_release(&codec->writers);
    codec->magic = 0;
    free(codec);
}

static int
read_single_object(const uint8_t *at, size_t len, struct codec_header *out,
                   struct odk_err *err)
{
    if (len < CODEC_SINGLE_OBJECT_BYTES || at[1] != 0x01) {
        return odk_err_set(err, ODK_ESYNTAX,
                           len > 1 && at[1] != 0x01
                               ? "bad magic: C3 %02X"
                               : "cut off within the framing (C3 %02X)",
                           len > 1 ? at[1] : 0u);
    }
    out->framing = CODEC_FRAMING_SINGLE_OBJECT;
    for (unsigned i = 0; i < 8; i++) {
        out->fingerprint |= (uint64_t)at[2 + i] << (8 * i);
    }
    out->body = odk_str_n(at + CODEC_SINGLE_OBJECT_BYTES,
                          len - CODEC_SINGLE_OBJECT_BYTES);
    return 0;
}

static int
read_confluent(const uint8_t *at, size_t len, struct codec_header *out,
               struct odk_err *err)
{
    if (len < CODEC_CONFLUENT_BYTES) {
        return odk_err_set(err, ODK_ESYNTAX, "cut off within the framing (00)");
    }
    out->framing = CODEC_FRAMING_CONFLUENT;
    out->id = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 |
              (uint32_t)at[3] << 8 | at[4];
    out->body =
        odk_str_n(at + CODEC_CONFLUENT_BYTES, len - CODEC_CONFLUENT_BYTES);
    return 0;
}

int
codec_header_read(struct odk_str framed, struct codec_header *out,
                  struct odk_err *err)
{
    const uint8_t *at = (const uint8_t *)framed.ptr;

    *out = (struct codec_header){0};
    if (framed.len == 0) {
        return odk_err_set(err, ODK_ESYNTAX, "bad magic: an empty value");
    }
    switch (at[0]) {
    case 0xC3:
        return read_single_object(at, framed.len, out, err);
    case 0x00:
        return read_confluent(at, framed.len, out, err);
    default:
        return odk_err_set(err, ODK_ESYNTAX, "bad magic: %02X", at[0]);
    }
}

static const struct codec_writer *
writer_of(const struct codec *codec, const struct codec_header *header,
          struct odk_err *err)
{
    const struct codec_writer *writer = NULL;

    switch (header->framing) {
    case CODEC_FRAMING_SINGLE_OBJECT:
        writer = find_writer(codec, header->fingerprint);
        if (!writer) {
            (void)odk_err_set(err, ODK_ESCHEMA,
                              "unknown schema: fingerprint %016llx",
                              (unsigned long long)header->fingerprint);
        }
        break;
    case CODEC_FRAMING_CONFLUENT: {
        const struct codec_id *id = find_id(codec, header->id);
        if (!id) {
            (void)odk_err_set(err, ODK_ESCHEMA, "unknown schema: id %lu",
                              (unsigned long)header->id);
        }
        writer = id ? id->writer : NULL;
        break;
    }
    }
    return writer;
}

/* The body of another schema: rewritten as the current one's, then read. */
static int
decode_resolved(const struct codec *codec, const struct codec_writer *writer,
                struct odk_str body, struct odk_arena *arena,
                struct codec_record *out, struct odk_err *err)
{
    const struct codec_kind_info *kind = &codec_kind_table[writer->kind];
    struct odk_buf buf;
    int ret;

    odk_buf_init(&buf, codec->options.resolved_bytes_max);
    ret = codec_shape_resolve(writer->shape, kind->shape, body, &buf, err);
    if (ret < 0) {
        ret = odk_err_wrap(err, ret, "%s", kind->name);
        goto out;
    }
    struct odk_str copy = odk_arena_str(arena, odk_buf_str(&buf));
    if (!copy.ptr) {
        ret = odk_err_set(err, ODK_ELIMIT, "%s: no room left", kind->name);
        goto out;
    }
    ret = kind->decode(copy, arena, out, err);
out:
    odk_buf_release(&buf);
    return ret;
}

int
codec_decode(const struct codec *codec, struct odk_str framed,
             struct odk_arena *arena, struct codec_record *out,
             struct odk_err *err)
{
    struct codec_header header;

    odk_assert(codec->magic == CODEC_MAGIC);
    int ret = codec_header_read(framed, &header, err);
    if (ret < 0) {
        return ret;
    }
    const struct codec_writer *writer = writer_of(codec, &header, err);
    if (!writer) {
        return ODK_ESCHEMA;
    }
    if (writer->shape) {
        return decode_resolved(codec, writer, header.body, arena, out, err);
    }
    return codec_kind_table[writer->kind].decode(header.body, arena, out, err);
}

static void
put_single_object(uint64_t fingerprint, struct odk_buf *out)
{
    uint8_t header[CODEC_SINGLE_OBJECT_BYTES] = {0xC3, 0x01};

    for (unsigned i = 0; i < 8; i++) {
        header[2 + i] = (uint8_t)(fingerprint >> (8 * i));
    }
    odk_buf_put(out, header, sizeof(header));
}

static void
put_confluent(uint32_t id, struct odk_buf *out)
{
    const uint8_t header[CODEC_CONFLUENT_BYTES] = {
        0x00, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
        (uint8_t)id};

    odk_buf_put(out, header, sizeof(header));
}

int
codec_encode(const struct codec *codec, enum codec_kind kind,
             const void *record, struct odk_buf *out, struct odk_err *err)
{
    odk_assert(codec->magic == CODEC_MAGIC);
    odk_assert((size_t)kind < CODEC_KINDS);
    const struct codec_kind_info *info = &codec_kind_table[kind];

    switch (codec->options.framing) {
    case CODEC_FRAMING_SINGLE_OBJECT:
        put_single_object(info->fingerprint, out);
        break;
    case CODEC_FRAMING_CONFLUENT:
        if (!codec->written[kind]) {
            return odk_err_set(err, ODK_ESCHEMA,
                               "%s has no id in the schema registry",
                               info->name);
        }
        put_confluent(codec->written[kind]->id, out);
        break;
    }
    info->encode(record, out);
    if (odk_buf_failed(out)) {
        return odk_err_set(err, ODK_ETOOBIG, "%s is too large", info->name);
    }
    return 0;
}

/* The kind that a schema's records are, by the schema's name. */
static int
kind_of_shape(const struct codec_shape *shape, enum codec_kind *out,
              struct odk_err *err)
{
    for (int kind = 0; kind < CODEC_KINDS; kind++) {
        if (shape->type == CODEC_TYPE_RECORD &&
            codec_name_matches(shape->name,
                               odk_str(codec_kind_table[kind].full_name))) {
            *out = (enum codec_kind)kind;
            return 0;
        }
    }
    return odk_err_set(err, ODK_ESCHEMA, "%.*s is no record of the protocol",
                       ODK_STR_ARG(shape->name));
}

static int
parse_writer(struct codec_writer *writer, struct odk_str json,
             struct odk_err *err)
{
    int ret = codec_shape_parse(json, &writer->arena, &writer->shape, err);

    if (ret < 0) {
        return ret;
    }
    ret = kind_of_shape(writer->shape, &writer->kind, err);
    if (ret < 0) {
        return ret;
    }
    writer->fingerprint = codec_shape_fingerprint(writer->shape);
    ret = codec_shape_match(writer->shape, codec_kind_table[writer->kind].shape,
                            err);
    return ret < 0 ? odk_err_wrap(err, ret, "the writer's %s",
                                  codec_kind_table[writer->kind].name)
                   : 0;
}

int
codec_add_writer_schema(struct codec *codec, struct odk_str json,
                        uint64_t *fingerprint, struct odk_err *err)
{
    odk_assert(codec->magic == CODEC_MAGIC);
    if (fingerprint) {
        *fingerprint = 0;
    }
    if (json.len > codec->options.schema_bytes_max) {
        return odk_err_set(err, ODK_ELIMIT, "a schema over %zu bytes",
                           codec->options.schema_bytes_max);
    }
    struct codec_writer *writer = new_writer();
    odk_arena_init(&writer->arena,
                   codec->options.schema_bytes_max * ARENA_BYTES_FACTOR);
    int ret = parse_writer(writer, json, err);
    if (ret < 0) {
        free_writer(writer);
        return ret;
    }
    if (fingerprint) {
        *fingerprint = writer->fingerprint;
    }
    if (find_writer(codec, writer->fingerprint)) {
        free_writer(writer);
        return 0;
    }
    if (codec->writers.count >=
        CODEC_KINDS + codec_older_count + codec->options.schemas_max) {
        free_writer(writer);
        return odk_err_set(err, ODK_ELIMIT, "more than %zu schemas",
                           codec->options.schemas_max);
    }
    keep_writer(codec, writer);
    return 0;
}

int
codec_map_id(struct codec *codec, uint32_t id, uint64_t fingerprint,
             struct odk_err *err)
{
    odk_assert(codec->magic == CODEC_MAGIC);
    const struct codec_id *known = find_id(codec, id);
    const struct codec_writer *writer = find_writer(codec, fingerprint);

    if (!writer) {
        return odk_err_set(err, ODK_ESCHEMA,
                           "unknown schema: fingerprint %016llx",
                           (unsigned long long)fingerprint);
    }
    if (known && known->writer != writer) {
        return odk_err_set(err, ODK_ECONFLICT,
                           "schema id %lu stands for another schema",
                           (unsigned long)id);
    }
    if (!known && codec->ids.count >= codec->options.schemas_max) {
        return odk_err_set(err, ODK_ELIMIT, "more than %zu schema ids",
                           codec->options.schemas_max);
    }
    if (!known) {
        struct codec_id *entry = calloc(1, sizeof(*entry));
        if (!entry) {
            odk_out_of_memory();
        }
        entry->id = id;
        entry->writer = writer;
        odk_map_add(&codec->ids, &entry->node, key_of_id(&entry->id));
        known = entry;
    }
    if (!writer->shape) {
        codec->written[writer->kind] = known;
    }
    return 0;
}

bool
codec_has_id(const struct codec *codec, uint32_t id)
{
    return find_id(codec, id) != NULL;
}

const char *
codec_kind_name(enum codec_kind kind)
{
    odk_assert((size_t)kind < CODEC_KINDS);
    return codec_kind_table[kind].name;
}

const char *
codec_kind_full_name(enum codec_kind kind)
{
    odk_assert((size_t)kind < CODEC_KINDS);
    return codec_kind_table[kind].full_name;
}

struct odk_str
codec_schema_json(enum codec_kind kind)
{
    odk_assert((size_t)kind < CODEC_KINDS);
    return codec_kind_table[kind].schema_json;
}

uint64_t
codec_fingerprint(enum codec_kind kind)
{
    odk_assert((size_t)kind < CODEC_KINDS);
    return codec_kind_table[kind].fingerprint;
}
