#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "telemetry/telemetry.h"

static void
a_line_is_a_json_object_with_four_members(void **state)
{
    struct odk_buf line;

    (void)state;
    odk_buf_init(&line, 0);
    telemetry_format(&line, 1795572881001, ODK_LOG_WARN, "store.failed",
                     "it \"broke\"\n\xff");
    assert_string_equal(
        line.ptr, "{\"ts\":\"2026-11-25T02:14:41.001Z\",\"level\":\"warn\","
                  "\"event\":\"store.failed\",\"message\":"
                  "\"it \\\"broke\\\"\\n\xef\xbf\xbd\"}");
    odk_buf_release(&line);
}

/* What a logger writes into a pipe, at most size - 1 bytes. */
static void
logged(enum odk_log_level level, enum odk_log_level of, const char *message,
       char *out, size_t size)
{
    struct telemetry_log log;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    telemetry_log_init(&log, fds[1], level);
    struct odk_logger logger = telemetry_logger(&log);
    odk_log(&logger, of, "a.b", "%s", message);
    (void)close(fds[1]);
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len<size - 1; len += n> 0 ? (size_t)n : 0) {
        n = read(fds[0], out + len, size - 1 - len);
    }
    out[len] = '\0';
    (void)close(fds[0]);
}

static void
an_event_below_the_level_is_dropped(void **state)
{
    char line[512];

    (void)state;
    logged(ODK_LOG_WARN, ODK_LOG_INFO, "x", line, sizeof(line));
    assert_string_equal(line, "");
    logged(ODK_LOG_WARN, ODK_LOG_ERROR, "x", line, sizeof(line));
    assert_non_null(strstr(line, "\"event\":\"a.b\",\"message\":\"x\"}\n"));
}

static void
a_message_too_long_for_a_line_is_said_to_be(void **state)
{
    static char message[TELEMETRY_LINE_BYTES_MAX];
    static char line[2 * TELEMETRY_LINE_BYTES_MAX];
    struct telemetry_log log;
    int fds[2];

    (void)state;
    memset(message, '\n', sizeof(message) - 1);
    assert_int_equal(pipe(fds), 0);
    telemetry_log_init(&log, fds[1], ODK_LOG_DEBUG);
    struct odk_logger logger = telemetry_logger(&log);
    logger.emit(logger.ctx, ODK_LOG_INFO, "a.b", message);
    ssize_t n = read(fds[0], line, sizeof(line) - 1);
    assert_true(n > 0);
    line[n] = '\0';
    assert_non_null(strstr(line, "too long"));
    assert_int_equal(line[n - 1], '\n');
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_json_object_with_four_members),
        cmocka_unit_test(an_event_below_the_level_is_dropped),
        cmocka_unit_test(a_message_too_long_for_a_line_is_said_to_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
