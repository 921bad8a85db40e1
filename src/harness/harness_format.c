#include "harness/harness_format.h"

#include "json/json.h"

/* Columns that a value on one line may reach. */
#define WIDTH 120
/* Deeper values do not come out of json_parse. */
#define LEVELS_MAX 1024

/* The order of members: of a state or machine, of what is listed in them.
 * Others follow in their own order, then what says where to go. */
static const char *const order_first[] = {
    "Comment",     "Version",     "QueryLanguage", "StartAt",
    "Type",        "ErrorEquals", "Pivot",         "Resource",
    "Credentials", "InputPath",   "Variable",      "Condition",
    "And",         "Or",          "Not",           "ItemReader",
    "ItemsPath",   "Items",       "ItemSelector",  "ItemBatcher",
    "Parameters",  "Arguments",   "Result",        "ResultSelector",
    "ResultPath",  "Output",      "OutputPath",    "Assign",
    "Seconds",     "SecondsPath", "Timestamp",     "TimestampPath",
    "Error",       "ErrorPath",   "Cause",         "CausePath",
};

static const char *const order_last[] = {
    "TimeoutSeconds",
    "TimeoutSecondsPath",
    "HeartbeatSeconds",
    "HeartbeatSecondsPath",
    "Retry",
    "Catch",
    "Compensation",
    "Compensate",
    "Choices",
    "Default",
    "ProcessorConfig",
    "States",
    "Branches",
    "ItemProcessor",
    "Iterator",
    "ResultWriter",
    "Next",
    "End",
};

/* What an object is to the language. */
enum kind {
    KIND_DATA,   /* nothing: as it is */
    KIND_SCOPE,  /* machine, branch or processor */
    KIND_STATES, /* name → state */
    KIND_STATE,
    KIND_RULE, /* of Retry, Catch, Choices; a condition; Compensate */
};

static int
rank_of(struct odk_str key)
{
    int n_first = (int)ODK_ARRAY_LEN(order_first);

    for (int i = 0; i < n_first; i++) {
        if (odk_str_is(key, order_first[i])) {
            return i;
        }
    }
    for (int i = 0; i < (int)ODK_ARRAY_LEN(order_last); i++) {
        if (odk_str_is(key, order_last[i])) {
            return n_first + 1 + i;
        }
    }
    return n_first;
}

/* What the value of a member, or each element of it, is. */
static enum kind
kind_below(enum kind kind, struct odk_str key)
{
    static const struct {
        const char *key;
        enum kind of;
        enum kind is;
    } below[] = {
        {"States", KIND_SCOPE, KIND_STATES},
        {"Branches", KIND_STATE, KIND_SCOPE},
        {"ItemProcessor", KIND_STATE, KIND_SCOPE},
        {"Iterator", KIND_STATE, KIND_SCOPE},
        {"Retry", KIND_STATE, KIND_RULE},
        {"Catch", KIND_STATE, KIND_RULE},
        {"Choices", KIND_STATE, KIND_RULE},
        {"Compensate", KIND_STATE, KIND_RULE},
        {"Retry", KIND_RULE, KIND_RULE},
        {"And", KIND_RULE, KIND_RULE},
        {"Or", KIND_RULE, KIND_RULE},
        {"Not", KIND_RULE, KIND_RULE},
    };

    if (kind == KIND_STATES) {
        return KIND_STATE;
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(below); i++) {
        if (below[i].of == kind && odk_str_is(key, below[i].key)) {
            return below[i].is;
        }
    }
    return KIND_DATA;
}

static bool
is_ordered(enum kind kind)
{
    return kind != KIND_DATA && kind != KIND_STATES;
}

static json_t *ordered(json_t *value, enum kind kind, int level);

static json_t *
// NOLINTNEXTLINE(misc-no-recursion): level ≤ LEVELS_MAX
ordered_array(json_t *array, enum kind kind, int level)
{
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(array); i++) {
        json_append(out, ordered(json_array_get(array, i), kind, level + 1));
    }
    return out;
}

/* A value with its members in order; a new reference. */
static json_t *
// NOLINTNEXTLINE(misc-no-recursion): level ≤ LEVELS_MAX
ordered(json_t *value, enum kind kind, int level)
{
    int n_ranks =
        (int)(ODK_ARRAY_LEN(order_first) + ODK_ARRAY_LEN(order_last)) + 1;
    struct json_member_iter it;

    if (kind == KIND_DATA || level > LEVELS_MAX) {
        return json_incref(value);
    }
    if (json_is_array(value)) {
        return ordered_array(value, kind, level);
    }
    if (!json_is_object(value)) {
        return json_incref(value);
    }
    json_t *out = json_object();
    for (int rank = 0; rank < (is_ordered(kind) ? n_ranks : 1); rank++) {
        for (json_member_first(&it, value); it.value; json_member_next(&it)) {
            if (!is_ordered(kind) || rank_of(it.key) == rank) {
                json_set(
                    out, it.key,
                    ordered(it.value, kind_below(kind, it.key), level + 1));
            }
        }
    }
    return out;
}

/* ---- layout ---- */

static void
new_line(struct odk_buf *out, int level)
{
    odk_buf_put_char(out, '\n');
    for (int i = 0; i < level; i++) {
        odk_buf_put_cstr(out, "  ");
    }
}

/* On one line, with spaces: { "a": [1, 2] }. */
static void
// NOLINTNEXTLINE(misc-no-recursion): json_parse bounds the nesting
put_flat(struct odk_buf *out, const json_t *value)
{
    struct json_member_iter it;
    const char *comma = "";

    if (json_is_array(value)) {
        odk_buf_put_char(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            odk_buf_put_cstr(out, i > 0 ? ", " : "");
            put_flat(out, json_array_get(value, i));
        }
        odk_buf_put_char(out, ']');
        return;
    }
    if (!json_is_object(value) || json_object_size(value) == 0) {
        json_put(out, value);
        return;
    }
    odk_buf_put_cstr(out, "{ ");
    for (json_member_first(&it, value); it.value; json_member_next(&it)) {
        odk_buf_put_cstr(out, comma);
        odk_buf_put_json_str(out, it.key);
        odk_buf_put_cstr(out, ": ");
        put_flat(out, it.value);
        comma = ", ";
    }
    odk_buf_put_cstr(out, " }");
}

/* Whether a value fits on the rest of a line. What holds states never does. */
static bool
is_short(const json_t *value, enum kind kind, size_t column)
{
    struct odk_buf text;

    if (kind == KIND_SCOPE || kind == KIND_STATES) {
        return false;
    }
    if (kind == KIND_STATE && json_object_size(value) > 1) {
        return false;
    }
    if (json_dump_size(value) > WIDTH) {
        return false;
    }
    odk_buf_init(&text, 0);
    put_flat(&text, value);
    bool fits = column + text.len <= WIDTH;
    odk_buf_release(&text);
    return fits;
}

static size_t
column_of(const struct odk_buf *out)
{
    size_t at = out->len;

    while (at > 0 && out->ptr[at - 1] != '\n') {
        at--;
    }
    return out->len - at;
}

static void put_value(struct odk_buf *out, const json_t *value, enum kind kind,
                      int level);

static void
// NOLINTNEXTLINE(misc-no-recursion): json_parse bounds the nesting
put_members(struct odk_buf *out, const json_t *value, enum kind kind, int level)
{
    struct json_member_iter it;
    const char *comma = "";

    odk_buf_put_char(out, '{');
    for (json_member_first(&it, value); it.value; json_member_next(&it)) {
        odk_buf_put_cstr(out, comma);
        new_line(out, level + 1);
        odk_buf_put_json_str(out, it.key);
        odk_buf_put_cstr(out, ": ");
        put_value(out, it.value, kind_below(kind, it.key), level + 1);
        comma = ",";
    }
    new_line(out, level);
    odk_buf_put_char(out, '}');
}

static void
// NOLINTNEXTLINE(misc-no-recursion): json_parse bounds the nesting
put_value(struct odk_buf *out, const json_t *value, enum kind kind, int level)
{
    bool is_container = json_is_object(value) || json_is_array(value);

    if (!is_container || is_short(value, kind, column_of(out) + 1)) {
        put_flat(out, value);
    } else if (json_is_object(value)) {
        put_members(out, value, kind, level);
    } else {
        odk_buf_put_char(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            odk_buf_put_cstr(out, i > 0 ? "," : "");
            new_line(out, level + 1);
            put_value(out, json_array_get(value, i), kind, level + 1);
        }
        new_line(out, level);
        odk_buf_put_char(out, ']');
    }
}

void
harness_format(json_t *definition, struct odk_buf *out)
{
    json_t *sorted = ordered(definition, KIND_SCOPE, 0);

    put_value(out, sorted, KIND_SCOPE, 0);
    odk_buf_put_char(out, '\n');
    json_decref(sorted);
}
