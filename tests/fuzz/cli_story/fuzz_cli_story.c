/*
 * Any bytes as a history's entries, and as a text in which a JSON pointer (its
 * first line) is located: told and located whatever they are.
 */

#include "cli/cli_problems.h"
#include "cli/cli_story.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
tell(json_t *entries)
{
    struct cli_story story;
    struct odk_buf state;
    struct odk_buf sentence;

    cli_story_init(&story, 40);
    odk_buf_init(&state, 0);
    odk_buf_init(&sentence, 0);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        cli_story_tell(&story, json_array_get(entries, i), &state, &sentence);
        (void)cli_story_style(json_array_get(entries, i));
    }
    odk_buf_release(&state);
    odk_buf_release(&sentence);
    cli_story_release(&story);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct odk_str text = odk_str_n(data, size);
    ptrdiff_t end = odk_str_find(text, '\n');
    struct odk_str pointer = odk_str_n(data, end < 0 ? 0 : (size_t)end);
    struct odk_str rest = odk_str_from(text, pointer.len);
    size_t line = 0;
    size_t column = 0;

    (void)cli_locate(rest, pointer, &line, &column);
    odk_assert(line >= 1 && column >= 1 && line <= rest.len + 1);
    json_t *entries = json_parse(rest, NULL);
    tell(entries);
    json_decref(entries);
    return 0;
}
