#ifndef CLI_REPLAY_H
#define CLI_REPLAY_H

/*
 * Definitions and bindings from odradek.definitions into the database, as they
 * were published: what the executions of a rebuild rest on.
 */

#include "cli/cli_restore.h"

/** What was written; the rest was there. */
struct cli_replayed {
    uint64_t definitions;
    uint64_t bindings;
};

/** Reads the topic to its end. ODK_ECONFLICT: the database has another text
 * under a version. */
int cli_replay_definitions(struct cli_restore *restore,
                           struct cli_replayed *out,
                           struct odk_err *err) ODK_MUST_USE;

#endif
