#include "sdk/sdk_config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define TEXT_BYTES_MAX 65536
#define LINE_BYTES_MAX 1024
#define PREFIX_KAFKA   "kafka."
#define HOST_BYTES_MAX 256

/* One option a line: a text has a default, a number bounds as well. */
struct option_text {
    const char *name;
    size_t at; /**< of the char * in struct odradek_config */
    const char *initial;
};

struct option_number {
    const char *name;
    size_t at; /**< of the int64_t */
    int64_t initial;
    int64_t min;
    int64_t max;
};

#define AT(member) offsetof(struct odradek_config, member)

static const struct option_text texts[] = {
    {"bootstrap", AT(bootstrap), NULL},
    {"namespace", AT(name_space), "default"},
    {"name", AT(name), NULL},
    {"reply.topic", AT(reply_topic), "odradek.replies.default"},
    {"instance", AT(instance), NULL},
};

static const struct option_number numbers[] = {
    {"connect.timeout.ms", AT(connect_timeout_ms), 10000, 1, 3600000},
    {"send.timeout.ms", AT(send_timeout_ms), 30000, 1, 3600000},
    {"linger.us", AT(linger_us), 0, 0, 1000000},
    {"calls.max", AT(calls_max), 10000, 1, 1000000},
    {"concurrency", AT(concurrency), 8, 0, 1024},
    {"window", AT(window), 1000, 1, 10000},
    {"session.timeout.ms", AT(session_timeout_ms), 10000, 1000, 3600000},
    {"commit.interval.ms", AT(commit_interval_ms), 200, 1, 60000},
    {"stop.wait.ms", AT(stop_wait_ms), 10000, 0, 3600000},
};

static char **
text_of(struct odradek_config *config, const struct option_text *option)
{
    return (char **)(void *)((char *)config + option->at);
}

static int64_t *
number_of(struct odradek_config *config, const struct option_number *option)
{
    return (int64_t *)(void *)((char *)config + option->at);
}

/** Replaces *place by a copy; ODRADEK_ENOMEM leaves it. */
static int
replace(char **place, const char *value)
{
    char *copy = strdup(value);

    if (!copy) {
        return ODRADEK_ENOMEM;
    }
    free(*place);
    *place = copy;
    return 0;
}

static int
name_default(struct odradek_config *config)
{
    char host[HOST_BYTES_MAX] = "unknown";
    char name[HOST_BYTES_MAX + ODK_UUID_TEXT_LEN];

    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(name, sizeof(name), "%s:%ld", host, (long)getpid());
    return replace(&config->name, name);
}

struct odradek_config *
odradek_config_new(void)
{
    struct odradek_config *config = calloc(1, sizeof(*config));
    int ret = config ? name_default(config) : ODRADEK_ENOMEM;

    for (size_t i = 0; ret == 0 && i < ODK_ARRAY_LEN(texts); i++) {
        if (texts[i].initial) {
            ret = replace(text_of(config, &texts[i]), texts[i].initial);
        }
    }
    for (size_t i = 0; ret == 0 && i < ODK_ARRAY_LEN(numbers); i++) {
        *number_of(config, &numbers[i]) = numbers[i].initial;
    }
    if (ret != 0) {
        odradek_config_free(config);
        return NULL;
    }
    return config;
}

void
odradek_config_free(struct odradek_config *config)
{
    if (!config) {
        return;
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(texts); i++) {
        free(*text_of(config, &texts[i]));
    }
    for (size_t i = 0; i < config->n_properties; i++) {
        free(config->properties[i].name);
        free(config->properties[i].value);
    }
    free(config);
}

/** Sets or replaces a property of librdkafka. */
static int
set_property(struct odradek_config *config, const char *name, const char *value)
{
    size_t i = 0;

    while (i < config->n_properties &&
           strcmp(config->properties[i].name, name) != 0) {
        i++;
    }
    if (i == SDK_PROPERTIES_MAX) {
        return ODRADEK_ELIMIT;
    }
    if (i < config->n_properties) {
        return replace(&config->properties[i].value, value);
    }
    struct sdk_property property = {.name = strdup(name),
                                    .value = strdup(value)};

    if (!property.name || !property.value) {
        free(property.name);
        free(property.value);
        return ODRADEK_ENOMEM;
    }
    config->properties[config->n_properties++] = property;
    return 0;
}

static int
set_number(struct odradek_config *config, const struct option_number *option,
           const char *value, char *why, size_t why_size)
{
    int64_t number;

    if (!odk_str_to_i64(odk_str(value), &number) || number < option->min ||
        number > option->max) {
        return sdk_fail(why, why_size, ODRADEK_EINVAL,
                        "%s: \"%s\" is not a number from %lld to %lld",
                        option->name, value, (long long)option->min,
                        (long long)option->max);
    }
    *number_of(config, option) = number;
    return 0;
}

static int
set_text(struct odradek_config *config, const struct option_text *option,
         const char *value, char *why, size_t why_size)
{
    size_t len = strlen(value);

    if (len == 0 || len > TEXT_BYTES_MAX ||
        !odk_str_is_utf8(odk_str_n(value, len))) {
        return sdk_fail(why, why_size, ODRADEK_EINVAL,
                        "%s: must be UTF-8 of 1 to %d bytes", option->name,
                        TEXT_BYTES_MAX);
    }
    if (replace(text_of(config, option), value) != 0) {
        return sdk_fail(why, why_size, ODRADEK_ENOMEM, "out of memory");
    }
    return 0;
}

int
odradek_config_set(struct odradek_config *config, const char *name,
                   const char *value, char *why, size_t why_size)
{
    if (!config || !name || !value) {
        return sdk_fail(why, why_size, ODRADEK_EINVAL,
                        "config, name and value must not be NULL");
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(texts); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            return set_text(config, &texts[i], value, why, why_size);
        }
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(numbers); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            return set_number(config, &numbers[i], value, why, why_size);
        }
    }
    if (strncmp(name, PREFIX_KAFKA, sizeof(PREFIX_KAFKA) - 1) != 0) {
        return sdk_fail(why, why_size, ODRADEK_EINVAL,
                        "%s: there is no such option", name);
    }
    int ret = set_property(config, name + sizeof(PREFIX_KAFKA) - 1, value);

    return ret == 0 ? 0
                    : sdk_fail(why, why_size, ret, "%s: %s", name,
                               odradek_strerror(ret));
}

void
odradek_config_set_log(struct odradek_config *config, odradek_log_f log,
                       void *ctx)
{
    config->log = log;
    config->log_ctx = ctx;
}

struct odradek_config *
sdk_config_clone(const struct odradek_config *config)
{
    struct odradek_config *copy = calloc(1, sizeof(*copy));
    bool is_ok = copy != NULL;

    for (size_t i = 0; is_ok && i < ODK_ARRAY_LEN(texts); i++) {
        const char *const *from =
            (const char *const *)(const void *)((const char *)config +
                                                texts[i].at);
        if (*from) {
            is_ok = replace(text_of(copy, &texts[i]), *from) == 0;
        }
    }
    for (size_t i = 0; is_ok && i < ODK_ARRAY_LEN(numbers); i++) {
        *number_of(copy, &numbers[i]) =
            *(const int64_t *)(const void *)((const char *)config +
                                             numbers[i].at);
    }
    for (size_t i = 0; is_ok && i < config->n_properties; i++) {
        is_ok = set_property(copy, config->properties[i].name,
                             config->properties[i].value) == 0;
    }
    if (!is_ok) {
        odradek_config_free(copy);
        return NULL;
    }
    copy->log = config->log;
    copy->log_ctx = config->log_ctx;
    return copy;
}

void
sdk_log(const struct odradek_config *config, int severity, const char *format,
        ...)
{
    char line[LINE_BYTES_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (config->log) {
        config->log(config->log_ctx, severity, line);
    } else if (severity <= 4) {
        (void)fprintf(stderr, "odradek: %s\n", line);
    }
}

int
sdk_fail(char *why, size_t why_size, int code, const char *format, ...)
{
    va_list args;

    if (why && why_size > 0) {
        va_start(args, format);
        (void)vsnprintf(why, why_size, format, args);
        va_end(args);
    }
    return code;
}

int
sdk_error_of(int odk_code)
{
    switch (odk_code) {
    case ODK_EINVAL:
    case ODK_ESYNTAX:
        return ODRADEK_EINVAL;
    case ODK_ENOTFOUND:
        return ODRADEK_ENOTFOUND;
    case ODK_ELIMIT:
        return ODRADEK_ELIMIT;
    case ODK_ETOOBIG:
        return ODRADEK_ETOOBIG;
    case ODK_ETIMEOUT:
        return ODRADEK_ETIMEDOUT;
    case ODK_ECONN:
        return ODRADEK_ECONN;
    case ODK_EAUTH:
        return ODRADEK_EAUTH;
    default:
        return ODRADEK_EINTERNAL;
    }
}

const char *
odradek_strerror(int code)
{
    static const char *const sentences[] = {
        "no error",
        "an argument or option is not valid",
        "out of memory",
        "no broker answers",
        "not logged in, or not allowed",
        "a topic does not exist",
        "not within the given time",
        "a limit was reached",
        "too large",
        "not possible in this state",
        "internal error",
    };

    if (code > 0 || code <= -(int)ODK_ARRAY_LEN(sentences)) {
        return "unknown error";
    }
    return sentences[-code];
}

odk_time_ms
sdk_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (odk_time_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
sdk_ticks_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t
sdk_random(void)
{
    uint64_t bits = 0;

    while (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
        odk_assert(errno == EINTR);
    }
    return bits;
}

void
sdk_uuid(char out[ODK_UUID_TEXT_LEN + 1])
{
    struct odk_uuid id = odk_uuid_v4(sdk_random(), sdk_random());

    odk_uuid_format(&id, out);
}

char *
sdk_copy(struct odk_str text)
{
    char *copy = text.ptr ? calloc(1, text.len + 1) : NULL;

    if (copy && text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return copy;
}
