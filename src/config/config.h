#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/*
 * The one option table and the values that a process runs with. Each option has
 * a dotted name and may be set, the first of these winning, on the command line
 * (--kafka-bootstrap=…), in the environment (ODRADEK_KAFKA_BOOTSTRAP), in a
 * file (kafka.bootstrap = …), or left at its default. A value that is not
 * allowed, or a name that does not exist, is ODK_EINVAL with a message that
 * names the option, the place and what is allowed. Other rooms receive plain
 * structs and never see this one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config_table.h"

#define CONFIG_FILE_BYTES_MAX   ((size_t)256 * 1024)
#define CONFIG_SECRET_BYTES_MAX ((size_t)4096)
#define CONFIG_PASSED_MAX       256

enum config_type {
    CONFIG_TYPE_STR,
    CONFIG_TYPE_INT,
    CONFIG_TYPE_BOOL,
    CONFIG_TYPE_DURATION, /**< "250ms", "10s", "5m", "1h", "7d"; in ms */
    CONFIG_TYPE_SIZE,     /**< "64MiB", "900000"; in bytes */
    CONFIG_TYPE_CHOICE,   /**< one of the words of `choices` */
    CONFIG_TYPE_FILE,     /**< path of a file that holds a secret */
};

/** One row of the table. */
struct config_option {
    const char *name;     /**< dotted */
    const char *fallback; /**< default, as it would be written; "" = none */
    int64_t min;          /**< INT, DURATION, SIZE; STR: fewest bytes */
    int64_t max;          /**< likewise; STR: most bytes */
    const char *choices;  /**< CHOICE: "a|b"; else NULL */
    const char *alias;    /**< short environment variable, or NULL */
    const char *help;
    enum config_type type;
    bool is_reloadable; /**< SIGHUP applies a new value */
    bool is_secret;     /**< never shown */
};

/** The row of a key. */
const struct config_option *config_option(enum config_key key);

/** The key with a dotted name, or -1. */
int config_find(struct odk_str name);

/** In the order of precedence: a higher one wins. */
enum config_source {
    CONFIG_DEFAULT,
    CONFIG_FILE,
    CONFIG_ENVIRONMENT,
    CONFIG_COMMAND_LINE,
};

/** "default", "file", "environment", "command line". */
const char *config_source_name(enum config_source source);

/** A setting of librdkafka or libpq that is handed through. */
struct config_passed {
    const char *name;  /**< without our prefix */
    const char *value; /**< NUL-terminated */
    enum config_source source;
    const char *where;
};

struct config;

/** All options at their defaults. Aborts without memory. */
struct config *config_new(void);
/** NULL is allowed. */
void config_free(struct config *config);

/**
 * Sets one option by its dotted name (or a passed-through one: "kafka.<property
 * of librdkafka>", "postgres.<parameter of libpq>"). where names the place for
 * people: "--lanes", "odradek.conf:12". A source of higher precedence that was
 * set before stays. Copied.
 */
int config_set(struct config *config, struct odk_str name, struct odk_str value,
               enum config_source source, const char *where,
               struct odk_err *err) ODK_MUST_USE;

/** Reads "key = value" lines; # begins a comment line. ODK_EIO, ODK_EINVAL,
 * ODK_ETOOBIG. */
int config_read_file(struct config *config, const char *path,
                     struct odk_err *err) ODK_MUST_USE;

/** As config_read_file from memory; name is for the messages. */
int config_read_text(struct config *config, struct odk_str text,
                     const char *name, struct odk_err *err) ODK_MUST_USE;

/**
 * Reads the variables that belong to options: ODRADEK_KAFKA_BOOTSTRAP, the
 * short names (ODRADEK_KAFKA), and passed-through ones with two underscores
 * (ODRADEK_KAFKA__SSL_CA_LOCATION, ODRADEK_POSTGRES__SSLMODE). A variable in
 * one of our sections that is no option is ODK_EINVAL. environ is a NULL-ended
 * array of "NAME=value".
 */
int config_read_environment(struct config *config, const char *const *variables,
                            struct odk_err *err) ODK_MUST_USE;

/** Reads the files that hold secrets and checks options against each other. To
 * be called once, after all sources. */
int config_finish(struct config *config, struct odk_err *err) ODK_MUST_USE;

/** Reads the file again and takes its values, or the defaults, for reloadable
 * options that no variable or flag has set. On an error nothing changes. Only
 * the thread that reads those options may call it. */
int config_reload(struct config *config, const char *path,
                  struct odk_err *err) ODK_MUST_USE;

/** Values by key; the type must be the option's. Strings are borrowed, "" when
 * not set. */
const char *config_str(const struct config *config, enum config_key key);
int64_t config_i64(const struct config *config, enum config_key key);
bool config_bool(const struct config *config, enum config_key key);
/** Index of the word in the row's choices. */
int config_choice(const struct config *config, enum config_key key);

/** Where a value comes from. */
enum config_source config_origin(const struct config *config,
                                 enum config_key key);
const char *config_where(const struct config *config, enum config_key key);

/** The value for people: as written, a secret as "********", passwords within
 * a connection string likewise. */
void config_show(const struct config *config, enum config_key key,
                 struct odk_buf *out);

/** What is handed through, "kafka." or "postgres." cut off; secrets from files
 * are among them after config_finish. */
const struct config_passed *config_kafka(const struct config *config,
                                         size_t *n);
const struct config_passed *config_postgres(const struct config *config,
                                            size_t *n);

/** Whether the value of a passed-through name must not be shown. */
bool config_passed_is_secret(const char *name);

/** libpq's connection string: postgres.conninfo with the parameters and the
 * password added. */
void config_conninfo(const struct config *config, struct odk_buf *out);

/** "kafka.bootstrap" to "--kafka-bootstrap" and "ODRADEK_KAFKA_BOOTSTRAP". */
void config_flag_name(enum config_key key, struct odk_buf *out);
void config_variable_name(enum config_key key, struct odk_buf *out);

/** What values a row allows, as a sentence's end: "a whole number from 1 to
 * 64". */
void config_allowed(const struct config_option *option, struct odk_buf *out);

/** docs/configuration.md, whole. */
void config_markdown(struct odk_buf *out);

/** Parses "250ms", "10s", "1h30m" is not allowed; false when it is none or
 * overflows. */
bool config_parse_duration(struct odk_str text, int64_t *ms);
/** Parses "64MiB", "64KiB", "1GiB" or bytes. */
bool config_parse_size(struct odk_str text, int64_t *bytes);

#endif
