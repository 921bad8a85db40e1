#ifndef CONFIG_CONFIG_PRIV_H
#define CONFIG_CONFIG_PRIV_H

/*
 * The values and where they come from. Every string lives in the arena as long
 * as the config, replaced ones too: a process sets each a handful of times.
 */

#include "config/config.h"

struct config_value {
    const char *text;
    int64_t number; /**< INT, BOOL, DURATION, SIZE; CHOICE: the index */
    enum config_source source;
    const char *where;
};

struct config {
    struct odk_arena arena;
    struct config_value values[CONFIG_KEYS];
    struct config_passed kafka[CONFIG_PASSED_MAX];
    size_t n_kafka;
    struct config_passed postgres[CONFIG_PASSED_MAX];
    size_t n_postgres;
};

/** A NUL-terminated copy that lives as long as the config. */
const char *config_keep(struct config *config, struct odk_str s);

/** Parses a value by its row. False when it is not allowed. */
bool config_parse(const struct config_option *option, struct odk_str text,
                  int64_t *number);

/** Sets a passed-through name, prefix cut off. */
int config_pass(struct config *config, bool is_kafka,
                const struct config_passed *setting, struct odk_err *err);

#endif
