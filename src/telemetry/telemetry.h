#ifndef TELEMETRY_TELEMETRY_H
#define TELEMETRY_TELEMETRY_H

/*
 * The shell's logger: one JSON object a line,
 *
 *   {"ts":"2026-11-25T01:02:03.456Z","level":"info","event":"serve.ready",
 *    "message":"…"}
 *
 * written whole by one write(2), so lines of several threads never mix. Rooms
 * get it as a struct odk_logger and never see this header.
 */

#include <stdatomic.h>

#include "base/base.h"

#define TELEMETRY_LINE_BYTES_MAX 4096

struct telemetry_log {
    int fd;
    atomic_int level; /**< enum odk_log_level; what is below is dropped */
};

/** Logs to a file descriptor, which stays the caller's. */
void telemetry_log_init(struct telemetry_log *log, int fd,
                        enum odk_log_level level);

/** May be called while others log. */
void telemetry_log_set_level(struct telemetry_log *log,
                             enum odk_log_level level);

/** The logger for other rooms; valid as long as log. */
struct odk_logger telemetry_logger(struct telemetry_log *log);

/** One line without its line end, as it would be written: for tests and other
 * sinks. */
void telemetry_format(struct odk_buf *out, odk_time_ms at,
                      enum odk_log_level level, const char *event,
                      const char *message);

#endif
