#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

/*
 * Records of the protocol (schemas/README.md) to bytes and back.
 * codec_records.h, made from schemas/ at build time, holds a struct a record
 * with its body's encoder and decoder; this header adds the framing and the
 * schemas of others.
 *
 *   single object  | C3 01 | CRC-64-AVRO of the schema, little-endian, 8 | body
 *   Confluent      | 00    | id in the registry, big-endian, 4           | body
 *
 * Both framings are read always. Records of older and foreign schemas are
 * brought into our own by Avro's resolution rules. The room is pure: what a
 * registry knows is told to it (room `registry`).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "codec/codec_records.h"

/** Bytes before the body. */
#define CODEC_SINGLE_OBJECT_BYTES 10
#define CODEC_CONFLUENT_BYTES     5

enum codec_framing {
    CODEC_FRAMING_SINGLE_OBJECT,
    CODEC_FRAMING_CONFLUENT,
};

/** What stands before a body. */
struct codec_header {
    enum codec_framing framing;
    uint64_t fingerprint; /**< single object */
    uint32_t id;          /**< Confluent */
    struct odk_str body;  /**< borrowed */
};

struct codec_options {
    enum codec_framing framing; /**< of what is written */
    size_t schemas_max;         /**< schemas of others and ids; 0 = 1,024 */
    size_t schema_bytes_max;    /**< a schema's text; 0 = 256 KiB */
    size_t resolved_bytes_max;  /**< a record after resolution; 0 = 16 MiB */
};

/** The table of schemas and ids. Used by one thread at a time; decode and
 * encode do not change it, so several may share one that nobody adds to. */
struct codec;

/** options may be NULL. The codec knows the current schemas and their older
 * committed versions. */
struct codec *codec_new(const struct codec_options *options);

/** codec may be NULL. */
void codec_free(struct codec *codec);

/** Reads the framing: ODK_ESYNTAX when it is neither (bad magic) or cut off. */
int codec_header_read(struct odk_str framed, struct codec_header *out,
                      struct odk_err *err) ODK_MUST_USE;

/** Reads a record of any kind. Strings borrow from framed, or live in arena
 * like the arrays. ODK_ESYNTAX: bad magic. ODK_ESCHEMA: the fingerprint or id
 * is not known (codec_header_read tells which). ODK_EINVAL: the body is not
 * that record. ODK_ELIMIT: the arena's cap, or resolved_bytes_max. After an
 * error out is not to be read. */
int codec_decode(const struct codec *codec, struct odk_str framed,
                 struct odk_arena *arena, struct codec_record *out,
                 struct odk_err *err) ODK_MUST_USE;

/** Appends framing and body of a record, a struct codec_<kind>. Its strings
 * should be UTF-8: decoders refuse others. ODK_ESCHEMA: Confluent framing and
 * no id was mapped to the kind. ODK_ETOOBIG: out's cap; out is failed then. */
int codec_encode(const struct codec *codec, enum codec_kind kind,
                 const void *record, struct odk_buf *out,
                 struct odk_err *err) ODK_MUST_USE;

/** Appends what a record, a struct codec_<kind>, says, in a form of which a
 * hash may be kept: it does not depend on the schema's version, and a field
 * that has its default does not show in it. */
void codec_content(enum codec_kind kind, const void *record,
                   struct odk_buf *out);

/** Makes a writer's schema known, by its fingerprint (out, may be NULL). json
 * is copied. Adding one again changes nothing. ODK_ESCHEMA: no schema, of none
 * of our records, or not to be read as ours. ODK_ELIMIT: schemas_max. */
int codec_add_writer_schema(struct codec *codec, struct odk_str json,
                            uint64_t *fingerprint,
                            struct odk_err *err) ODK_MUST_USE;

/** Says that a registry knows the schema with this fingerprint as id. If it is
 * the current schema of a kind, records of the kind are written with the id.
 * ODK_ESCHEMA: no such fingerprint. ODK_ELIMIT: schemas_max. ODK_ECONFLICT: the
 * id is mapped to another schema. */
int codec_map_id(struct codec *codec, uint32_t id, uint64_t fingerprint,
                 struct odk_err *err) ODK_MUST_USE;

/** Whether the id is mapped. */
bool codec_has_id(const struct codec *codec, uint32_t id);

/** "StartWorkflow". */
const char *codec_kind_name(enum codec_kind kind);

/** "io.odradek.v1.StartWorkflow". */
const char *codec_kind_full_name(enum codec_kind kind);

/** The current schema, self-contained, with doc strings and defaults. */
struct odk_str codec_schema_json(enum codec_kind kind);

/** CRC-64-AVRO of the current schema. */
uint64_t codec_fingerprint(enum codec_kind kind);

#endif
