#ifndef CLI_STORY_H
#define CLI_STORY_H

/*
 * History entries as a story: what state an event is about, and a sentence. The
 * teller remembers which line of the run is in which state and what each
 * activity asked for, so entries are told in order from the first one.
 */

#include <stdbool.h>

#include <jansson.h>

#include "base/base.h"
#include "cli/cli_output.h"

struct cli_story {
    json_t *states;     /**< line → name of its state */
    json_t *activities; /**< activity id → "queue:type" */
    size_t payload_max; /**< bytes of a payload that are shown */
};

void cli_story_init(struct cli_story *story, size_t payload_max);
void cli_story_release(struct cli_story *story);

/** Appends the state's name (perhaps nothing) and the sentence of one entry, an
 * event or a fact. Never fails: what is not known is shown as it is. */
void cli_story_tell(struct cli_story *story, const json_t *entry,
                    struct odk_buf *state, struct odk_buf *sentence);

/** How an entry is coloured. */
enum cli_style cli_story_style(const json_t *entry);

#endif
