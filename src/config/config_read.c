#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config_priv.h"

#define VARIABLE_PREFIX ODK_STR("ODRADEK_")
#define WHERE_MAX       256

static struct odk_str
trim(struct odk_str s)
{
    while (s.len > 0 && isspace((unsigned char)s.ptr[0])) {
        s = odk_str_from(s, 1);
    }
    while (s.len > 0 && isspace((unsigned char)s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

static int
read_line(struct config *config, struct odk_str line, const char *where,
          struct odk_err *err)
{
    line = trim(line);
    if (line.len == 0 || line.ptr[0] == '#') {
        return 0;
    }
    ptrdiff_t equals = odk_str_find(line, '=');
    if (equals <= 0) {
        return odk_err_set(err, ODK_EINVAL,
                           "%s: expected a line `key = value`, or a comment "
                           "that begins with #",
                           where);
    }
    return config_set(config, trim(odk_str_n(line.ptr, (size_t)equals)),
                      trim(odk_str_from(line, (size_t)equals + 1)), CONFIG_FILE,
                      where, err);
}

int
config_read_text(struct config *config, struct odk_str text, const char *name,
                 struct odk_err *err)
{
    char where[WHERE_MAX];
    int rc = 0;

    for (int number = 1; rc == 0 && text.len > 0; number++) {
        ptrdiff_t end = odk_str_find(text, '\n');
        struct odk_str line =
            odk_str_n(text.ptr, end < 0 ? text.len : (size_t)end);
        (void)snprintf(where, sizeof(where), "%s:%d", name, number);
        rc = read_line(config, line, where, err);
        text = odk_str_from(text, line.len + 1);
    }
    return rc;
}

int
config_read_file(struct config *config, const char *path, struct odk_err *err)
{
    FILE *file = fopen(path, "re");
    int rc = 0;

    if (!file) {
        return odk_err_set(err, ODK_EINVAL, "--config: %s cannot be read: %s",
                           path, strerrordesc_np(errno));
    }
    char *bytes = malloc(CONFIG_FILE_BYTES_MAX + 1);
    if (!bytes) {
        odk_out_of_memory();
    }
    size_t len = fread(bytes, 1, CONFIG_FILE_BYTES_MAX + 1, file);
    if (ferror(file)) {
        rc = odk_err_set(err, ODK_EIO, "--config: %s cannot be read", path);
    } else if (len > CONFIG_FILE_BYTES_MAX) {
        rc = odk_err_set(err, ODK_ETOOBIG,
                         "--config: %s has more than %zu bytes", path,
                         CONFIG_FILE_BYTES_MAX);
    } else {
        rc = config_read_text(config, odk_str_n(bytes, len), path, err);
    }
    free(bytes);
    (void)fclose(file);
    return rc;
}

/* ---- environment ---- */

static bool
is_variable_of(struct odk_str variable, enum config_key key)
{
    const char *alias = config_option(key)->alias;
    struct odk_buf name;

    if (alias && odk_str_is(variable, alias)) {
        return true;
    }
    odk_buf_init(&name, 0);
    config_variable_name(key, &name);
    bool is_same = odk_str_eq(variable, odk_buf_str(&name));
    odk_buf_release(&name);
    return is_same;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ODRADEK_KAFKA__SSL_CA_LOCATION to kafka.ssl.ca.location: no name of
 * librdkafka has an underscore. libpq's names have no dots, so there it stays.
 */
static bool
passed_name(struct odk_str variable, struct odk_buf *out)
{
    static const struct odk_str prefixes[] = {
        ODK_STR_INIT("ODRADEK_KAFKA__"), ODK_STR_INIT("ODRADEK_POSTGRES__")};
    bool is_kafka = odk_str_starts(variable, prefixes[0]);

    if (!is_kafka && !odk_str_starts(variable, prefixes[1])) {
        return false;
    }
    odk_buf_put_cstr(out, is_kafka ? "kafka." : "postgres.");
    for (size_t i = prefixes[is_kafka ? 0 : 1].len; i < variable.len; i++) {
        char c = lower(variable.ptr[i]);
        odk_buf_put_char(out, is_kafka && c == '_' ? '.' : c);
    }
    return true;
}

/* Whether a variable that is no option looks like one: its second word is one
 * of our sections. Others, like ODRADEK_RUN_DIR, belong to scripts. */
static bool
is_in_section(struct odk_str variable)
{
    static const struct odk_str sections[] = {
        ODK_STR_INIT("ODRADEK_KAFKA_"),    ODK_STR_INIT("ODRADEK_POSTGRES_"),
        ODK_STR_INIT("ODRADEK_LANE_"),     ODK_STR_INIT("ODRADEK_CODEC_"),
        ODK_STR_INIT("ODRADEK_REGISTRY_"), ODK_STR_INIT("ODRADEK_SERVE_"),
        ODK_STR_INIT("ODRADEK_LOG_"),      ODK_STR_INIT("ODRADEK_SHARDS_"),
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(sections); i++) {
        if (odk_str_starts(variable, sections[i])) {
            return true;
        }
    }
    return false;
}

static int
read_variable(struct config *config, struct odk_str variable,
              struct odk_str value, struct odk_err *err)
{
    char where[WHERE_MAX];
    struct odk_buf name;

    (void)snprintf(where, sizeof(where), "environment variable %.*s",
                   ODK_STR_ARG(variable));
    for (int key = 0; key < CONFIG_KEYS; key++) {
        if (is_variable_of(variable, (enum config_key)key)) {
            return config_set(
                config, odk_str(config_option((enum config_key)key)->name),
                value, CONFIG_ENVIRONMENT, where, err);
        }
    }
    int rc = 0;
    odk_buf_init(&name, 0);
    if (passed_name(variable, &name)) {
        rc = config_set(config, odk_buf_str(&name), value, CONFIG_ENVIRONMENT,
                        where, err);
    } else if (is_in_section(variable)) {
        rc = odk_err_set(err, ODK_EINVAL,
                         "%s: there is no such option; `odradek help config` "
                         "lists them",
                         where);
    }
    odk_buf_release(&name);
    return rc;
}

int
config_read_environment(struct config *config, const char *const *variables,
                        struct odk_err *err)
{
    int rc = 0;

    for (; rc == 0 && *variables; variables++) {
        struct odk_str line = odk_str(*variables);
        ptrdiff_t equals = odk_str_find(line, '=');
        if (equals > 0 && odk_str_starts(line, VARIABLE_PREFIX)) {
            rc = read_variable(config, odk_str_n(line.ptr, (size_t)equals),
                               odk_str_from(line, (size_t)equals + 1), err);
        }
    }
    return rc;
}
