#include "asl/asl_fields.h"

static const struct asl_member *
member_find(const char *name, const struct asl_member *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(members[i].name, name) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static void
member_check(const struct asl_slot *slot, const struct json_place *at,
             const char *key, const struct asl_member *member)
{
    bool is_jsonata = slot->state->is_jsonata;
    unsigned language = is_jsonata ? ASL_IN_JSONATA : ASL_IN_JSONPATH;

    if (!member) {
        asl_problem(slot->c, at,
                    "The field '%s' is not supported here: check its spelling",
                    key);
    } else if (!(member->languages & language)) {
        asl_problem(slot->c, at,
                    "The field '%s' belongs to %s, but the QueryLanguage of "
                    "this state is %s",
                    key, is_jsonata ? "JSONPath" : "JSONata",
                    is_jsonata ? "JSONata" : "JSONPath");
    }
}

bool
asl_members_check(const struct asl_slot *slot, json_t *value,
                  const struct json_place *place,
                  const struct asl_member *members, size_t n)
{
    unsigned language =
        slot->state->is_jsonata ? ASL_IN_JSONATA : ASL_IN_JSONPATH;
    const char *key = NULL;
    json_t *member = NULL;

    if (!json_is_object(value)) {
        asl_problem(slot->c, place, "This must be an object, not %s",
                    json_type_name(value));
        return false;
    }
    json_object_foreach (value, key, member) {
        struct json_place at = {place, odk_str(key), 0};
        member_check(slot, &at, key, member_find(key, members, n));
    }
    for (size_t i = 0; i < n; i++) {
        if (members[i].is_required && (members[i].languages & language) &&
            !json_get(value, members[i].name)) {
            asl_problem(slot->c, place, "These fields are required: [%s]",
                        members[i].name);
        }
    }
    if (json_get(value, "Comment")) {
        (void)asl_string(slot->c, value, place, "Comment");
    }
    return true;
}

int64_t
asl_member_integer(struct asl_compiler *c, json_t *object,
                   const struct json_place *place, const char *key,
                   const int64_t bounds[3])
{
    json_t *value = json_get(object, key);
    struct json_place at = {place, odk_str(key), 0};
    int64_t n = 0;

    if (!value) {
        return bounds[0];
    }
    if (!json_to_i64(value, &n) || n < bounds[1] || n > bounds[2]) {
        asl_problem(c, &at,
                    "The field '%s' must be an integer from %lld to %lld", key,
                    (long long)bounds[1], (long long)bounds[2]);
        return bounds[0];
    }
    return n;
}

static bool
error_known(struct odk_str name)
{
    static const char *const known[] = {
        "ALL",
        "BranchFailed",
        "DataLimitExceeded",
        "ExceedToleratedFailureThreshold",
        "HeartbeatTimeout",
        "Http.Socket",
        "IntrinsicFailure",
        "ItemReaderFailed",
        "NoChoiceMatched",
        "ParameterPathFailure",
        "Permissions",
        "QueryEvaluationError",
        "ResultPathMatchFailure",
        "ResultWriterFailed",
        "Runtime",
        "TaskFailed",
        "Timeout",
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(known); i++) {
        if (odk_str_is(odk_str_from(name, sizeof("States.") - 1), known[i])) {
            return true;
        }
    }
    return false;
}

/** One entry of ErrorEquals; false after a problem. */
static bool
error_check(const struct asl_slot *slot, json_t *value,
            const struct json_place *at, bool is_alone_and_last)
{
    struct odk_str name = json_str(value);

    if (!json_is_string(value)) {
        asl_problem(slot->c, at, "An error name must be a string, not %s",
                    json_type_name(value));
        return false;
    }
    if (odk_str_is(name, "States.ALL") && !is_alone_and_last) {
        asl_problem(slot->c, at,
                    "States.ALL must be alone in its ErrorEquals and in the "
                    "last rule");
        return false;
    }
    if (odk_str_starts(name, ODK_STR("States.")) && !error_known(name)) {
        asl_warn(slot->c, at, ASL_CODE_CATCH,
                 "The error '%.*s' does not exist: names that begin with "
                 "'States.' are those of the language",
                 ODK_STR_ARG(name));
    }
    return true;
}

const struct odk_str *
asl_error_equals(const struct asl_slot *slot, json_t *rule,
                 const struct json_place *place, bool is_last, size_t *n)
{
    json_t *list = json_get(rule, "ErrorEquals");
    struct json_place at = {place, ODK_STR("ErrorEquals"), 0};
    size_t size = json_array_size(list);
    struct odk_str *names = NULL;
    bool is_ok = true;

    *n = 0;
    if (!list) {
        return NULL;
    }
    if (!json_is_array(list) || size == 0) {
        asl_problem(slot->c, &at,
                    "ErrorEquals must be an array of at least one error name");
        return NULL;
    }
    names = odk_arena_calloc(slot->c->arena, size, sizeof(*names));
    odk_assert(names);
    for (size_t i = 0; i < size; i++) {
        struct json_place item = {&at, {0}, i};
        json_t *value = json_array_get(list, i);
        names[i] = json_str(value);
        is_ok = error_check(slot, value, &item, is_last && size == 1) && is_ok;
    }
    *n = is_ok ? size : 0;
    return names;
}
