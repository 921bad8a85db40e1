#ifndef CODEC_SHAPE_H
#define CODEC_SHAPE_H

/*
 * Private to the room. A shape is an Avro schema as a tree that resolution can
 * walk: constant tables for our own records (made by the generator), memory of
 * the codec for foreign ones (made by codec_avro.c). Also the table of kinds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "codec/codec_records.h"

/** Nesting of a schema; ours need five. */
#define CODEC_DEPTH_MAX 32
/** Types of a schema, a named one counted wherever it is mentioned. */
#define CODEC_SHAPES_MAX 1024

enum codec_type {
    CODEC_TYPE_NULL,
    CODEC_TYPE_BOOLEAN,
    CODEC_TYPE_INT,
    CODEC_TYPE_LONG,
    CODEC_TYPE_FLOAT,
    CODEC_TYPE_DOUBLE,
    CODEC_TYPE_BYTES,
    CODEC_TYPE_STRING,
    CODEC_TYPE_RECORD,
    CODEC_TYPE_ENUM,
    CODEC_TYPE_FIXED,
    CODEC_TYPE_ARRAY,
    CODEC_TYPE_MAP,
    CODEC_TYPE_UNION,
};

struct codec_shape;

/** A field, a symbol, a branch, or the item of an array or map. */
struct codec_part {
    struct odk_str name;             /**< of fields and symbols */
    const struct codec_shape *shape; /**< NULL for symbols */
    struct odk_str preset; /**< the default's encoding; ptr NULL = none */
};

struct codec_shape {
    enum codec_type type;
    struct odk_str name; /**< full name of records, enums and fixeds */
    size_t size;         /**< of fixeds */
    int fallback;        /**< symbol that stands for unknown ones, -1 = none */
    size_t n_parts;
    const struct codec_part *parts;
};

/** All that is known of a kind of record. */
struct codec_kind_info {
    const char *name;      /**< "StartWorkflow" */
    const char *full_name; /**< "io.odradek.v1.StartWorkflow" */
    struct odk_str schema_json;
    uint64_t fingerprint;
    const struct codec_shape *shape;
    void (*encode)(const void *record, struct odk_buf *out);
    int (*decode)(struct odk_str bytes, struct odk_arena *arena,
                  struct codec_record *out, struct odk_err *err);
};

extern const struct codec_kind_info codec_kind_table[CODEC_KINDS];

/** Schema texts of older versions whose records may still be on topics. */
extern const struct odk_str codec_older_table[];
extern const size_t codec_older_count;

/** "string", "record", … */
const char *codec_type_name(enum codec_type type);

/** Appends the parsing canonical form. */
void codec_shape_canonical(const struct codec_shape *shape,
                           struct odk_buf *out);

/** CRC-64-AVRO of the parsing canonical form. */
uint64_t codec_shape_fingerprint(const struct codec_shape *shape);

/** The same name but for the namespace, as Avro's resolution compares names. */
bool codec_name_matches(struct odk_str a, struct odk_str b);

/** Whether records written as writer can be read as reader: 0, or ODK_ESCHEMA
 * with the place and the reason. */
int codec_shape_match(const struct codec_shape *writer,
                      const struct codec_shape *reader,
                      struct odk_err *err) ODK_MUST_USE;

/** Rewrites bytes of writer as bytes of reader, which codec_shape_match must
 * have found to fit. ODK_EINVAL when they are no record of writer or hold what
 * reader cannot take; ODK_ELIMIT at out's cap. */
int codec_shape_resolve(const struct codec_shape *writer,
                        const struct codec_shape *reader, struct odk_str bytes,
                        struct odk_buf *out, struct odk_err *err) ODK_MUST_USE;

/** Appends the content of bytes of shape (codec_content.c): the same for every
 * schema of a record, as long as what one has more than another is the default.
 * ODK_EINVAL when they are no record of shape. */
int codec_shape_content(const struct codec_shape *shape, struct odk_str bytes,
                        struct odk_buf *out, struct odk_err *err) ODK_MUST_USE;

/** Parses a schema's text into arena (codec_avro.c). ODK_ESCHEMA when it is
 * none, contains itself or is nested too deeply; ODK_ELIMIT at arena's cap. */
int codec_shape_parse(struct odk_str json, struct odk_arena *arena,
                      const struct codec_shape **out,
                      struct odk_err *err) ODK_MUST_USE;

#endif
