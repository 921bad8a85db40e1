/*
 * Whole values as they come from a topic: framing, then body, by a codec that
 * knows our schemas, some ids, and a foreign schema that is unlike ours.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "codec/codec.h"

#define ARENA_BYTES    ((size_t)4 * 1024 * 1024)
#define RESOLVED_BYTES ((size_t)1024 * 1024)
#define FOREIGN_ID     100

static const char foreign_schema[] =
    "{\"type\":\"record\",\"name\":\"shop.TaskFailed\",\"fields\":["
    "{\"name\":\"error\",\"type\":\"bytes\"},"
    "{\"name\":\"gone\",\"type\":{\"type\":\"map\",\"values\":[\"null\","
    "\"double\",\"boolean\",{\"type\":\"array\",\"items\":\"float\"},"
    "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}]}},"
    "{\"name\":\"empty\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
    "{\"name\":\"namespace\",\"type\":\"string\"},"
    "{\"name\":\"workflow_id\",\"type\":[\"string\",\"bytes\"]},"
    "{\"name\":\"run_id\",\"type\":\"string\"},"
    "{\"name\":\"activity_id\",\"type\":[\"int\",\"long\"]},"
    "{\"name\":\"attempt\",\"type\":\"int\"},"
    "{\"name\":\"cause\",\"type\":\"string\"},"
    "{\"name\":\"effect\",\"type\":{\"type\":\"enum\",\"name\":\"TaskEffect\","
    "\"symbols\":[\"UNKNOWN\",\"PARTIAL\",\"NONE\"]}},"
    "{\"name\":\"token\",\"type\":\"string\"}]}";

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's word */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct codec *
make_codec(void)
{
    struct codec_options options = {.resolved_bytes_max = RESOLVED_BYTES};
    struct codec *codec = codec_new(&options);
    uint64_t foreign = 0;

    int ret =
        codec_add_writer_schema(codec, odk_str(foreign_schema), &foreign, NULL);
    odk_assert(ret == 0);
    ret = codec_map_id(codec, FOREIGN_ID, foreign, NULL);
    odk_assert(ret == 0);
    for (uint32_t kind = 0; kind < CODEC_KINDS; kind++) {
        ret = codec_map_id(codec, kind,
                           codec_fingerprint((enum codec_kind)kind), NULL);
        odk_assert(ret == 0);
    }
    return codec;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct codec *codec = make_codec();
    struct codec_header header;
    struct codec_record record;
    struct odk_arena arena;
    struct odk_err err = {0};
    char *copy = malloc(size ? size : 1);

    odk_assert(copy);
    if (size) {
        memcpy(copy, data, size);
    }
    odk_arena_init(&arena, ARENA_BYTES);
    struct odk_str framed = odk_str_n(copy, size);
    int header_ret = codec_header_read(framed, &header, &err);
    int ret = codec_decode(codec, framed, &arena, &record, &err);
    odk_assert(header_ret == 0 || ret == header_ret);
    if (ret == 0) {
        struct odk_buf out;
        odk_buf_init(&out, 0);
        ret = codec_encode(codec, record.kind, &record.start_workflow, &out,
                           NULL);
        odk_assert(ret == 0);
        odk_buf_release(&out);
    }
    odk_arena_release(&arena);
    free(copy);
    codec_free(codec);
    return 0;
}
