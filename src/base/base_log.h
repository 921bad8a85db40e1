#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * Where the shell's events go. Pure rooms never log; a room of ring 3 or 4 is
 * given a logger. One line an event: a stable dotted name, a level, a sentence.
 * No payloads, no secrets.
 */

#include "base/base_assert.h"

enum odk_log_level {
    ODK_LOG_DEBUG,
    ODK_LOG_INFO,
    ODK_LOG_WARN,
    ODK_LOG_ERROR,
};

struct odk_logger {
    /** message is NUL-terminated and borrowed; may be called from any thread.
     */
    void (*emit)(void *ctx, enum odk_log_level level, const char *event,
                 const char *message);
    void *ctx;
};

/** Formats and emits; logger may be NULL or have no emit: then nothing happens.
 */
void odk_log(const struct odk_logger *logger, enum odk_log_level level,
             const char *event, const char *fmt, ...) ODK_PRINTF(4, 5);

#endif
