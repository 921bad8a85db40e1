#include <math.h>

#include "asl/asl_fields.h"

/** Longest delay between two attempts: a year. */
#define DELAY_SECONDS_MAX 31622400

static const struct asl_member retry_members[] = {
    {"ErrorEquals", ASL_IN_BOTH, true},
    {"IntervalSeconds", ASL_IN_BOTH, false},
    {"MaxAttempts", ASL_IN_BOTH, false},
    {"BackoffRate", ASL_IN_BOTH, false},
    {"MaxDelaySeconds", ASL_IN_BOTH, false},
    {"JitterStrategy", ASL_IN_BOTH, false},
    {"Comment", ASL_IN_BOTH, false},
};

static const struct asl_member catch_members[] = {
    {"ErrorEquals", ASL_IN_BOTH, true},     {"Next", ASL_IN_BOTH, true},
    {"ResultPath", ASL_IN_JSONPATH, false}, {"Output", ASL_IN_JSONATA, false},
    {"Assign", ASL_IN_BOTH, false},         {"Compensate", ASL_IN_BOTH, false},
    {"Comment", ASL_IN_BOTH, false},
};

static const struct asl_field catch_path = {"ResultPath", 0, 0, 0, 0, NULL};
static const struct asl_field catch_output = {"Output", 0, 0, 0, 0, NULL};
static const struct asl_field catch_assign = {"Assign", 0, 0, 0, 0, NULL};

static double
backoff_rate(struct asl_compiler *c, json_t *rule,
             const struct json_place *place)
{
    json_t *value = json_get(rule, "BackoffRate");
    struct json_place at = {place, ODK_STR("BackoffRate"), 0};

    if (!value) {
        return 2.0;
    }
    if (!json_is_number(value) || json_number_value(value) < 1.0) {
        asl_problem(c, &at, "BackoffRate must be a number of at least 1.0");
        return 2.0;
    }
    return json_number_value(value);
}

static void
retrier_compile(const struct asl_slot *slot, json_t *rule,
                const struct json_place *place, struct asl_retrier *out)
{
    struct asl_compiler *c = slot->c;
    struct odk_str jitter = asl_string(c, rule, place, "JitterStrategy");
    struct json_place at = {place, ODK_STR("JitterStrategy"), 0};
    struct json_place delay = {place, ODK_STR("MaxDelaySeconds"), 0};

    out->interval_seconds =
        (double)asl_member_integer(c, rule, place, "IntervalSeconds",
                                   (const int64_t[3]){1, 1, ASL_SECONDS_MAX});
    out->max_attempts =
        (int32_t)asl_member_integer(c, rule, place, "MaxAttempts",
                                    (const int64_t[3]){3, 0, ASL_SECONDS_MAX});
    out->backoff_rate = backoff_rate(c, rule, place);
    out->max_delay_seconds =
        (double)asl_member_integer(c, rule, place, "MaxDelaySeconds",
                                   (const int64_t[3]){0, 1, DELAY_SECONDS_MAX});
    if (out->max_delay_seconds > 0 &&
        out->max_delay_seconds <= out->interval_seconds) {
        asl_problem(c, &delay,
                    "MaxDelaySeconds must be greater than IntervalSeconds");
    }
    out->is_jitter_full = odk_str_is(jitter, "FULL");
    if (jitter.ptr && !out->is_jitter_full && !odk_str_is(jitter, "NONE")) {
        asl_problem(c, &at, "JitterStrategy must be FULL or NONE");
    }
}

void
asl_retry_compile(const struct asl_slot *slot, const struct asl_retrier **out,
                  size_t *n)
{
    size_t size = json_array_size(slot->value);
    struct asl_retrier *list =
        odk_arena_calloc(slot->c->arena, size ? size : 1, sizeof(*list));

    odk_assert(list);
    if (!json_is_array(slot->value)) {
        asl_problem(slot->c, slot->place,
                    "Retry must be an array of objects, not %s",
                    json_type_name(slot->value));
        return;
    }
    for (size_t i = 0; i < size; i++) {
        json_t *rule = json_array_get(slot->value, i);
        struct json_place place = {slot->place, {0}, i};
        if (asl_members_check(slot, rule, &place, retry_members,
                              ODK_ARRAY_LEN(retry_members))) {
            list[i].errors = asl_error_equals(slot, rule, &place, i + 1 == size,
                                              &list[i].n_errors);
            retrier_compile(slot, rule, &place, &list[i]);
        }
    }
    *out = list;
    *n = size;
}

static void
catcher_data(const struct asl_slot *slot, json_t *rule,
             const struct json_place *place, struct asl_catcher *out)
{
    struct json_place at = {place, ODK_STR("ResultPath"), 0};
    json_t *value = json_get(rule, "ResultPath");
    struct asl_slot sub = asl_slot_sub(slot, value, &at, &catch_path);

    if (json_is_null(value)) {
        out->is_result_discarded = true;
    } else if (value) {
        out->result_path = asl_reference_path(&sub);
    }
    value = json_get(rule, "Output");
    if (value) {
        at.key = ODK_STR("Output");
        sub = asl_slot_sub(slot, value, &at, &catch_output);
        out->output = asl_value_template(&sub);
    }
    value = json_get(rule, "Assign");
    if (value) {
        at.key = ODK_STR("Assign");
        sub = asl_slot_sub(slot, value, &at, &catch_assign);
        out->assign = asl_assign_compile(&sub);
    }
}

static void
catcher_compile(const struct asl_slot *slot, json_t *rule,
                const struct json_place *place, struct asl_catcher *out)
{
    struct json_place next = {place, ODK_STR("Next"), 0};
    struct json_place compensate = {place, ODK_STR("Compensate"), 0};
    json_t *flag = json_get(rule, "Compensate");

    out->next = -1;
    if (json_get(rule, "Next")) {
        out->next = asl_target(slot->c, json_get(rule, "Next"), &next,
                               slot->draft->scope);
    }
    if (flag && !json_is_boolean(flag)) {
        asl_problem(slot->c, &compensate,
                    "Compensate of a Catch must be true or false");
    }
    out->is_compensating = json_is_true(flag);
    catcher_data(slot, rule, place, out);
}

/** Whether each error of the catcher is matched by an earlier one. */
static bool
catcher_is_shadowed(const struct asl_catcher *list, size_t i)
{
    for (size_t e = 0; e < list[i].n_errors; e++) {
        bool is_taken = false;
        for (size_t k = 0; k < i && !is_taken; k++) {
            is_taken = asl_error_matches(list[k].errors, list[k].n_errors,
                                         list[i].errors[e]);
        }
        if (!is_taken) {
            return false;
        }
    }
    return list[i].n_errors > 0;
}

void
asl_catch_compile(const struct asl_slot *slot)
{
    size_t size = json_array_size(slot->value);
    struct asl_catcher *list =
        odk_arena_calloc(slot->c->arena, size ? size : 1, sizeof(*list));

    odk_assert(list);
    if (!json_is_array(slot->value)) {
        asl_problem(slot->c, slot->place,
                    "Catch must be an array of objects, not %s",
                    json_type_name(slot->value));
        return;
    }
    for (size_t i = 0; i < size; i++) {
        json_t *rule = json_array_get(slot->value, i);
        struct json_place place = {slot->place, {0}, i};
        if (asl_members_check(slot, rule, &place, catch_members,
                              ODK_ARRAY_LEN(catch_members))) {
            list[i].errors = asl_error_equals(slot, rule, &place, i + 1 == size,
                                              &list[i].n_errors);
            catcher_compile(slot, rule, &place, &list[i]);
            if (catcher_is_shadowed(list, i)) {
                asl_warn(slot->c, &place, ASL_CODE_CATCH,
                         "This Catch is never reached: earlier ones match all "
                         "its errors");
            }
        }
    }
    slot->state->catchers = list;
    slot->state->n_catchers = size;
}

/** States.Runtime is matched by name only. The documentation says so of
 * States.DataLimitExceeded too; two recordings show States.ALL catch it. */
static bool
error_is_terminal(struct odk_str name)
{
    return odk_str_is(name, "States.Runtime");
}

static bool
error_is_timeout(struct odk_str name)
{
    return odk_str_is(name, "States.Timeout") ||
           odk_str_is(name, "States.HeartbeatTimeout");
}

bool
asl_error_matches(const struct odk_str *errors, size_t n_errors,
                  struct odk_str name)
{
    for (size_t i = 0; i < n_errors; i++) {
        bool is_match =
            odk_str_eq(errors[i], name) ||
            (odk_str_is(errors[i], "States.ALL") && !error_is_terminal(name)) ||
            (odk_str_is(errors[i], "States.TaskFailed") &&
             !error_is_terminal(name) && !error_is_timeout(name)) ||
            (odk_str_is(errors[i], "States.Timeout") && error_is_timeout(name));
        if (is_match) {
            return true;
        }
    }
    return false;
}

odk_dur_ms
asl_retry_delay(const struct asl_retrier *retrier, int32_t attempt,
                struct odk_rand *rand)
{
    double seconds = 0;

    odk_assert(attempt >= 1);
    seconds =
        retrier->interval_seconds * pow(retrier->backoff_rate, attempt - 1);
    if (retrier->max_delay_seconds > 0 &&
        !(seconds < retrier->max_delay_seconds)) {
        seconds = retrier->max_delay_seconds;
    }
    if (!(seconds < DELAY_SECONDS_MAX)) {
        seconds = DELAY_SECONDS_MAX;
    }
    if (retrier->is_jitter_full && rand) {
        seconds *= odk_rand_unit(rand);
    }
    return (odk_dur_ms)llround(seconds * 1000.0);
}
