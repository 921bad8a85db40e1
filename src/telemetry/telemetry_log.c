#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "telemetry/telemetry.h"

static const char *
level_name(enum odk_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    return names[level];
}

void
telemetry_format(struct odk_buf *out, odk_time_ms at, enum odk_log_level level,
                 const char *event, const char *message)
{
    char text[ODK_TIME_TEXT_MAX];

    odk_time_format(at, text);
    odk_buf_printf(out, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":", text,
                   level_name(level));
    odk_buf_put_json_str(out, odk_str(event));
    odk_buf_put_cstr(out, ",\"message\":");
    odk_buf_put_json_str(out, odk_str(message));
    odk_buf_put_char(out, '}');
}

static odk_time_ms
wall_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (odk_time_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A log that cannot be written is no reason to stop: there is nobody to tell.
 */
static void
write_all(int fd, struct odk_str line)
{
    while (line.len > 0) {
        ssize_t n = write(fd, line.ptr, line.len);
        if (n < 0 && errno != EINTR) {
            return;
        }
        line = odk_str_from(line, n < 0 ? 0 : (size_t)n);
    }
}

static void
emit(void *ctx, enum odk_log_level level, const char *event,
     const char *message)
{
    struct telemetry_log *log = ctx;
    struct odk_buf line;

    if ((int)level < atomic_load(&log->level)) {
        return;
    }
    odk_buf_init(&line, TELEMETRY_LINE_BYTES_MAX);
    telemetry_format(&line, wall_clock(), level, event, message);
    odk_buf_put_char(&line, '\n');
    if (odk_buf_failed(&line)) {
        odk_buf_clear(&line);
        telemetry_format(&line, wall_clock(), level, event,
                         "(a message that is too long for a line)");
        odk_buf_put_char(&line, '\n');
    }
    write_all(log->fd, odk_buf_str(&line));
    odk_buf_release(&line);
}

void
telemetry_log_init(struct telemetry_log *log, int fd, enum odk_log_level level)
{
    log->fd = fd;
    atomic_init(&log->level, (int)level);
}

void
telemetry_log_set_level(struct telemetry_log *log, enum odk_log_level level)
{
    atomic_store(&log->level, (int)level);
}

struct odk_logger
telemetry_logger(struct telemetry_log *log)
{
    return (struct odk_logger){emit, log};
}
