#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config_priv.h"

#define KAFKA_PREFIX    ODK_STR("kafka.")
#define POSTGRES_PREFIX ODK_STR("postgres.")

static const struct config_option options[CONFIG_KEYS] = {
#define X(key, dotted, kind, value, least, most, words, reload, secret, brief, \
          text)                                                                \
    {.name = (dotted),                                                         \
     .type = CONFIG_TYPE_##kind,                                               \
     .fallback = (value),                                                      \
     .min = (least),                                                           \
     .max = (most),                                                            \
     .choices = (words),                                                       \
     .is_reloadable = (reload),                                                \
     .is_secret = (secret),                                                    \
     .alias = (brief),                                                         \
     .help = (text)},
    CONFIG_TABLE(X)
#undef X
};

const struct config_option *
config_option(enum config_key key)
{
    odk_assert(key < CONFIG_KEYS);
    return &options[key];
}

int
config_find(struct odk_str name)
{
    for (int key = 0; key < CONFIG_KEYS; key++) {
        if (odk_str_is(name, options[key].name)) {
            return key;
        }
    }
    return -1;
}

const char *
config_source_name(enum config_source source)
{
    static const char *const names[] = {"default", "file", "environment",
                                        "command line"};

    return names[source];
}

const char *
config_keep(struct config *config, struct odk_str s)
{
    struct odk_str kept = odk_arena_str(&config->arena, s);

    odk_assert(kept.ptr); /* the arena has no cap */
    return kept.ptr;
}

struct config *
config_new(void)
{
    struct config *config = calloc(1, sizeof(*config));

    if (!config) {
        odk_out_of_memory();
    }
    odk_arena_init(&config->arena, 0);
    for (int key = 0; key < CONFIG_KEYS; key++) {
        struct config_value *value = &config->values[key];
        value->text = options[key].fallback;
        value->where = "default";
        bool is_valid =
            config_parse(&options[key], odk_str(value->text), &value->number);
        odk_assert(is_valid);
    }
    return config;
}

void
config_free(struct config *config)
{
    if (config) {
        odk_arena_release(&config->arena);
        free(config);
    }
}

/* ---- setting ---- */

static int
refused(const struct config_option *option, struct odk_str value,
        const char *where, struct odk_err *err)
{
    struct odk_buf allowed;
    bool is_shown = !option->is_secret && value.len <= 64;

    odk_buf_init(&allowed, 0);
    config_allowed(option, &allowed);
    int rc = odk_err_set(
        err, ODK_EINVAL, "%s (set by %s): %s%.*s%s is not allowed; give %s",
        option->name, where, is_shown ? "\"" : "this value",
        is_shown ? (int)value.len : 0, value.ptr ? value.ptr : "",
        is_shown ? "\"" : "", odk_buf_str(&allowed).ptr);
    odk_buf_release(&allowed);
    return rc;
}

static int
set_key(struct config *config, enum config_key key, struct odk_str value,
        enum config_source source, const char *where, struct odk_err *err)
{
    const struct config_option *option = &options[key];
    struct config_value *slot = &config->values[key];
    int64_t number = 0;

    if (!config_parse(option, value, &number)) {
        return refused(option, value, where, err);
    }
    if (source < slot->source) {
        return 0;
    }
    slot->text = config_keep(config, value);
    slot->number = number;
    slot->source = source;
    slot->where = config_keep(config, odk_str(where));
    return 0;
}

int
config_pass(struct config *config, bool is_kafka,
            const struct config_passed *setting, struct odk_err *err)
{
    struct config_passed *list = is_kafka ? config->kafka : config->postgres;
    size_t *n = is_kafka ? &config->n_kafka : &config->n_postgres;
    size_t i = 0;

    while (i < *n && strcmp(list[i].name, setting->name) != 0) {
        i++;
    }
    if (i == CONFIG_PASSED_MAX) {
        return odk_err_set(err, ODK_ELIMIT,
                           "%s (set by %s): more than %d settings are handed "
                           "through",
                           setting->name, setting->where, CONFIG_PASSED_MAX);
    }
    if (i < *n && setting->source < list[i].source) {
        return 0;
    }
    list[i] = (struct config_passed){
        .name = config_keep(config, odk_str(setting->name)),
        .value = config_keep(config, odk_str(setting->value)),
        .source = setting->source,
        .where = config_keep(config, odk_str(setting->where)),
    };
    *n = i == *n ? *n + 1 : *n;
    return 0;
}

/* A misspelt option must not reach librdkafka: its names have a dot or are
 * single words, ours have a hyphen. */
static bool
is_passed_name(struct odk_str name)
{
    bool is_valid = name.len > 0;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        is_valid &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_';
    }
    return is_valid;
}

static int
unknown(struct odk_str name, const char *where, struct odk_err *err)
{
    const char *near = NULL;
    size_t best = 0;

    for (int key = 0; key < CONFIG_KEYS; key++) {
        size_t same = 0;
        while (same < name.len && options[key].name[same] != '\0' &&
               options[key].name[same] == name.ptr[same]) {
            same++;
        }
        if (same > best) {
            best = same;
            near = options[key].name;
        }
    }
    if (!near || best < 3) {
        return odk_err_set(err, ODK_EINVAL,
                           "%.*s (set by %s): there is no such option; "
                           "`odradek help config` lists them",
                           ODK_STR_ARG(name), where);
    }
    return odk_err_set(err, ODK_EINVAL,
                       "%.*s (set by %s): there is no such option; did you "
                       "mean %s? `odradek help config` lists them",
                       ODK_STR_ARG(name), where, near);
}

int
config_set(struct config *config, struct odk_str name, struct odk_str value,
           enum config_source source, const char *where, struct odk_err *err)
{
    int key = config_find(name);

    if (key >= 0) {
        return set_key(config, (enum config_key)key, value, source, where, err);
    }
    bool is_kafka = odk_str_starts(name, KAFKA_PREFIX);
    struct odk_str rest =
        odk_str_from(name, is_kafka ? KAFKA_PREFIX.len : POSTGRES_PREFIX.len);
    if ((!is_kafka && !odk_str_starts(name, POSTGRES_PREFIX)) ||
        !is_passed_name(rest)) {
        return unknown(name, where, err);
    }
    struct config_passed setting = {
        .name = config_keep(config, rest),
        .value = config_keep(config, value),
        .source = source,
        .where = where,
    };
    return config_pass(config, is_kafka, &setting, err);
}

/* ---- reading ---- */

const char *
config_str(const struct config *config, enum config_key key)
{
    odk_assert(options[key].type == CONFIG_TYPE_STR ||
               options[key].type == CONFIG_TYPE_FILE);
    return config->values[key].text;
}

int64_t
config_i64(const struct config *config, enum config_key key)
{
    odk_assert(options[key].type == CONFIG_TYPE_INT ||
               options[key].type == CONFIG_TYPE_DURATION ||
               options[key].type == CONFIG_TYPE_SIZE);
    return config->values[key].number;
}

bool
config_bool(const struct config *config, enum config_key key)
{
    odk_assert(options[key].type == CONFIG_TYPE_BOOL);
    return config->values[key].number != 0;
}

int
config_choice(const struct config *config, enum config_key key)
{
    odk_assert(options[key].type == CONFIG_TYPE_CHOICE);
    return (int)config->values[key].number;
}

enum config_source
config_origin(const struct config *config, enum config_key key)
{
    return config->values[key].source;
}

const char *
config_where(const struct config *config, enum config_key key)
{
    return config->values[key].where;
}

const struct config_passed *
config_kafka(const struct config *config, size_t *n)
{
    *n = config->n_kafka;
    return config->kafka;
}

const struct config_passed *
config_postgres(const struct config *config, size_t *n)
{
    *n = config->n_postgres;
    return config->postgres;
}

/* ---- finishing ---- */

/* A secret is one line: what an editor adds at its end is not part of it. */
static int
read_secret(struct config *config, enum config_key from, enum config_key to,
            struct odk_err *err)
{
    char bytes[CONFIG_SECRET_BYTES_MAX + 1];
    const char *path = config->values[from].text;

    if (path[0] == '\0' ||
        config->values[to].source > config->values[from].source) {
        return 0;
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        return odk_err_set(err, ODK_EINVAL,
                           "%s (set by %s): %s cannot be read: %s",
                           options[from].name, config->values[from].where, path,
                           strerrordesc_np(errno));
    }
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    if (len > CONFIG_SECRET_BYTES_MAX || memchr(bytes, '\0', len)) {
        return odk_err_set(err, ODK_EINVAL,
                           "%s (set by %s): %s must hold one line of at most "
                           "%zu bytes",
                           options[from].name, config->values[from].where, path,
                           CONFIG_SECRET_BYTES_MAX);
    }
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r')) {
        len--;
    }
    return set_key(config, to, odk_str_n(bytes, len),
                   config->values[from].source, config->values[from].where,
                   err);
}

static int
pass_key(struct config *config, bool is_kafka, enum config_key key,
         const char *name, struct odk_err *err)
{
    const struct config_value *value = &config->values[key];
    struct config_passed setting = {name, value->text, value->source,
                                    value->where};

    return value->text[0] == '\0'
               ? 0
               : config_pass(config, is_kafka, &setting, err);
}

int
config_finish(struct config *config, struct odk_err *err)
{
    static const enum config_key secrets[][2] = {
        {CONFIG_KAFKA_PASSWORD_FILE, CONFIG_KAFKA_PASSWORD},
        {CONFIG_POSTGRES_PASSWORD_FILE, CONFIG_POSTGRES_PASSWORD},
        {CONFIG_REGISTRY_PASSWORD_FILE, CONFIG_REGISTRY_PASSWORD},
    };

    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ODK_ARRAY_LEN(secrets); i++) {
        rc = read_secret(config, secrets[i][0], secrets[i][1], err);
    }
    if (rc == 0) {
        rc = pass_key(config, true, CONFIG_KAFKA_USER, "sasl.username", err);
    }
    if (rc == 0) {
        rc =
            pass_key(config, true, CONFIG_KAFKA_PASSWORD, "sasl.password", err);
    }
    if (rc == 0) {
        rc = pass_key(config, false, CONFIG_POSTGRES_PASSWORD, "password", err);
    }
    if (rc == 0 && config_choice(config, CONFIG_CODEC_FRAMING) == 1 &&
        config_str(config, CONFIG_REGISTRY_URLS)[0] == '\0') {
        rc = odk_err_set(err, ODK_EINVAL,
                         "codec.framing (set by %s): confluent needs "
                         "registry.urls",
                         config->values[CONFIG_CODEC_FRAMING].where);
    }
    return rc;
}

int
config_reload(struct config *config, const char *path, struct odk_err *err)
{
    struct config *fresh = config_new();
    int rc = config_read_file(fresh, path, err);

    for (int key = 0; rc == 0 && key < CONFIG_KEYS; key++) {
        struct config_value *value = &config->values[key];
        if (options[key].is_reloadable && value->source <= CONFIG_FILE) {
            *value = fresh->values[key];
            value->text = config_keep(config, odk_str(value->text));
            value->where = config_keep(config, odk_str(value->where));
        }
    }
    config_free(fresh);
    return rc;
}
