#ifndef SDK_SDK_CONFIG_H
#define SDK_SDK_CONFIG_H

/*
 * The options of odradek.h as values, and what every part of the SDK needs of
 * its surroundings: the clock, random bits, the log of the program.
 */

#include "base/base.h"
#include "sdk/odradek.h"

/** Properties of librdkafka that are handed through. */
#define SDK_PROPERTIES_MAX 64

struct sdk_property {
    char *name;
    char *value;
};

struct odradek_config {
    char *bootstrap;
    char *name_space;
    char *name;
    char *reply_topic;
    char *instance; /**< NULL: none */
    int64_t connect_timeout_ms;
    int64_t send_timeout_ms;
    int64_t linger_us;
    int64_t calls_max;
    int64_t concurrency;
    int64_t window;
    int64_t session_timeout_ms;
    int64_t commit_interval_ms;
    int64_t stop_wait_ms;
    struct sdk_property properties[SDK_PROPERTIES_MAX];
    size_t n_properties;
    odradek_log_f log;
    void *log_ctx;
};

/** A deep copy; NULL: out of memory. */
struct odradek_config *
sdk_config_clone(const struct odradek_config *config) ODK_MUST_USE;

/** One line to the program's log; severity as syslog's. */
void sdk_log(const struct odradek_config *config, int severity,
             const char *format, ...) ODK_PRINTF(3, 4);

/** Writes a sentence into the caller's buffer (may be NULL) and returns code.
 */
int sdk_fail(char *why, size_t why_size, int code, const char *format, ...)
    ODK_PRINTF(4, 5);

/** The code of odradek.h for one of base_err.h. */
int sdk_error_of(int odk_code);

/** Milliseconds since 1970, and of a clock that never jumps. */
odk_time_ms sdk_now(void);
int64_t sdk_ticks_ms(void);

/** A random UUID (version 4) as text. */
void sdk_uuid(char out[ODK_UUID_TEXT_LEN + 1]);

/** 64 random bits. */
uint64_t sdk_random(void);

/** A NUL-terminated copy; NULL for an absent string or out of memory. */
char *sdk_copy(struct odk_str text) ODK_MUST_USE;

#endif
