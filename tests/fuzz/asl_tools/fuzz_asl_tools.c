/*
 * Any definition: its layout keeps the content and is its own layout; what
 * compiles can be drawn.
 */

#include <stddef.h>
#include <stdint.h>

#include "harness/harness_format.h"
#include "harness/harness_graph.h"
#include "json/json.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's word */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
format(json_t *value)
{
    struct odk_buf once;
    struct odk_buf twice;

    odk_buf_init(&once, 0);
    odk_buf_init(&twice, 0);
    harness_format(value, &once);
    json_t *again = json_parse_strict(odk_buf_str(&once), NULL);
    odk_assert(again && json_eq(value, again));
    harness_format(again, &twice);
    odk_assert(odk_str_eq(odk_buf_str(&once), odk_buf_str(&twice)));
    json_decref(again);
    odk_buf_release(&once);
    odk_buf_release(&twice);
}

static void
draw(json_t *definition)
{
    struct asl_options options = {.is_any_resource_accepted = true};
    struct asl_problems problems;
    struct asl_machine *machine = NULL;
    struct odk_buf out;

    asl_problems_init(&problems);
    odk_buf_init(&out, 0);
    if (asl_compile(definition, &options, &machine, &problems) == 0) {
        harness_graph(machine, json_get(definition, "History"),
                      HARNESS_GRAPH_DOT, &out);
        harness_graph(machine, json_get(definition, "History"),
                      HARNESS_GRAPH_MERMAID, &out);
    }
    odk_buf_release(&out);
    asl_free(machine);
    asl_problems_release(&problems);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = json_parse_strict(odk_str_n(data, size), NULL);

    if (value) {
        format(value);
        draw(value);
    }
    json_decref(value);
    return 0;
}
