/*
 * Any text is compiled; what compiles is evaluated over a small document within
 * a small budget, in both dialects. Nothing may crash, leak or last.
 */

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "jsonata/jsonata.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's word */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char document[] =
    "{\"a\": {\"b\": {\"c\": 42, \"d\": [1, 2, 3]}, \"e\": \"h\u00e9llo\"},"
    " \"items\": [{\"id\": 1, \"name\": \"x\", \"price\": 2.5, \"tags\": "
    "[\"t\", \"u\"]}, {\"id\": 2, \"name\": \"y\", \"price\": -3}],"
    " \"n\": null, \"s\": \"the quick brown fox\", \"arr\": [[1], [2, [3]]]}";

int
/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's word */
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jsonata_options options = {.now = 1700000000000,
                                      .seed = 1,
                                      .steps_max = 20000,
                                      .depth_max = 200,
                                      .memory_bytes_max = (size_t)4 << 20};
    struct jsonata_error err;
    struct jsonata *program = NULL;
    json_t *result = NULL;

    if (jsonata_compile(odk_str_n(data, size), &program, &err)) {
        return 0;
    }
    json_t *input = json_loads(document, 0, NULL);
    options.bindings = input;
    (void)jsonata_reads_input(program);
    for (int i = 0; i < 2; i++) {
        options.is_aws = i == 1;
        if (jsonata_eval(program, input, &options, &result, &err) == 0) {
            json_decref(result);
        }
    }
    json_decref(input);
    jsonata_free(program);
    return 0;
}
