#include <limits.h>

#include "config/config_priv.h"

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit durations[] = {
    {"ms", 1},      {"s", 1000},    {"m", 60000},
    {"min", 60000}, {"h", 3600000}, {"d", 86400000},
};

static const struct unit sizes[] = {
    {"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824},
};

static bool
parse_unit(struct odk_str text, const struct unit *units, size_t n,
           int64_t *out)
{
    size_t digits = 0;
    int64_t number = 0;

    while (digits < text.len && text.ptr[digits] >= '0' &&
           text.ptr[digits] <= '9') {
        digits++;
    }
    if (!odk_str_to_i64(odk_str_n(text.ptr, digits), &number)) {
        return false;
    }
    struct odk_str rest = odk_str_from(text, digits);
    for (size_t i = 0; i < n; i++) {
        if (odk_str_is(rest, units[i].name)) {
            return !__builtin_mul_overflow(number, units[i].factor, out);
        }
    }
    return false;
}

bool
config_parse_duration(struct odk_str text, int64_t *ms)
{
    if (odk_str_is(text, "0")) {
        *ms = 0;
        return true;
    }
    return parse_unit(text, durations, ODK_ARRAY_LEN(durations), ms);
}

bool
config_parse_size(struct odk_str text, int64_t *bytes)
{
    return parse_unit(text, sizes, ODK_ARRAY_LEN(sizes), bytes);
}

static bool
parse_bool(struct odk_str text, int64_t *number)
{
    static const char *const words[] = {"false", "true", "no", "yes",
                                        "off",   "on",   "0",  "1"};

    for (size_t i = 0; i < ODK_ARRAY_LEN(words); i++) {
        if (odk_str_is(text, words[i])) {
            *number = (int64_t)(i % 2);
            return true;
        }
    }
    return false;
}

static bool
parse_choice(const char *choices, struct odk_str text, int64_t *number)
{
    struct odk_str rest = odk_str(choices);

    for (int64_t index = 0;; index++) {
        ptrdiff_t bar = odk_str_find(rest, '|');
        struct odk_str word =
            odk_str_n(rest.ptr, bar < 0 ? rest.len : (size_t)bar);
        if (odk_str_eq(word, text)) {
            *number = index;
            return true;
        }
        if (bar < 0) {
            return false;
        }
        rest = odk_str_from(rest, (size_t)bar + 1);
    }
}

bool
config_parse(const struct config_option *option, struct odk_str text,
             int64_t *number)
{
    bool is_valid = false;

    if (!text.ptr) {
        text = ODK_STR("");
    }
    if (memchr(text.ptr, '\0', text.len)) {
        return false;
    }
    switch (option->type) {
    case CONFIG_TYPE_STR:
    case CONFIG_TYPE_FILE:
        *number = (int64_t)text.len;
        is_valid = odk_str_is_utf8(text);
        break;
    case CONFIG_TYPE_INT:
        is_valid = odk_str_to_i64(text, number);
        break;
    case CONFIG_TYPE_DURATION:
        is_valid = config_parse_duration(text, number);
        break;
    case CONFIG_TYPE_SIZE:
        is_valid = config_parse_size(text, number);
        break;
    case CONFIG_TYPE_BOOL:
        return parse_bool(text, number);
    case CONFIG_TYPE_CHOICE:
        return parse_choice(option->choices, text, number);
    }
    return is_valid && *number >= option->min && *number <= option->max;
}
