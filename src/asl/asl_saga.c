#include "asl/asl_fields.h"

/* design/saga.md, "The fields". */

#define COMPENSATE_TIMEOUT_SECONDS 300
#define COMPENSATE_SETTLE_SECONDS  60
#define COMPENSATE_RETRIES         10
#define COMPENSATE_RETRY_DELAY     300

static const struct asl_member compensate_members[] = {
    {"Resource", ASL_IN_BOTH, true},
    {"Parameters", ASL_IN_JSONPATH, false},
    {"Arguments", ASL_IN_JSONATA, false},
    {"TimeoutSeconds", ASL_IN_BOTH, false},
    {"HeartbeatSeconds", ASL_IN_BOTH, false},
    {"Retry", ASL_IN_BOTH, false},
    {"SettleSeconds", ASL_IN_BOTH, false},
    {"OnUnknown", ASL_IN_BOTH, false},
    {"Comment", ASL_IN_BOTH, false},
};

static const struct asl_field field_retry = {"Retry", 0, 0, 0, 0, NULL};
static const struct asl_field field_parameters = {
    "Compensate/Parameters", 0, 0, 0, 0, NULL};
static const struct asl_field field_arguments = {
    "Compensate/Arguments", 0, 0, 0, 0, NULL};

static const struct odk_str error_all = ODK_STR_INIT("States.ALL");

static const struct asl_retrier compensate_retrier = {
    .errors = &error_all,
    .n_errors = 1,
    .interval_seconds = 1,
    .max_attempts = COMPENSATE_RETRIES,
    .backoff_rate = 2,
    .max_delay_seconds = COMPENSATE_RETRY_DELAY,
};

enum asl_on_unknown
asl_on_unknown_parse(struct asl_compiler *c, json_t *object,
                     const struct json_place *place)
{
    struct odk_str text = asl_string(c, object, place, "OnUnknown");
    struct json_place at = {place, ODK_STR("OnUnknown"), 0};

    if (!text.ptr || odk_str_is(text, "STUCK")) {
        return ASL_ON_UNKNOWN_STUCK;
    }
    if (odk_str_is(text, "COMPENSATE")) {
        return ASL_ON_UNKNOWN_COMPENSATE;
    }
    if (odk_str_is(text, "IGNORE")) {
        return ASL_ON_UNKNOWN_IGNORE;
    }
    asl_problem(c, &at, "OnUnknown must be STUCK, COMPENSATE or IGNORE");
    return ASL_ON_UNKNOWN_STUCK;
}

static void
compensate_resource(const struct asl_slot *slot, struct asl_compensate *out)
{
    json_t *value = json_get(slot->value, "Resource");
    struct json_place at = {slot->place, ODK_STR("Resource"), 0};
    const char *why = NULL;

    if (!value) {
        return;
    }
    if (!json_is_string(value)) {
        asl_problem(slot->c, &at, "Resource must be a string, not %s",
                    json_type_name(value));
        return;
    }
    why = asl_resource_parse(slot->c->arena, json_str(value),
                             slot->c->options.is_any_resource_accepted,
                             &out->resource);
    if (why) {
        asl_problem(slot->c, &at,
                    "The resource provided %.*s is not recognized. %s",
                    ODK_STR_ARG(json_str(value)), why);
    } else if (out->resource.kind == ASL_RESOURCE_WAIT_SIGNAL ||
               out->resource.kind == ASL_RESOURCE_START_EXECUTION) {
        asl_problem(slot->c, &at,
                    "A compensation must be a task: it cannot wait for a "
                    "signal or start an execution");
    }
}

static void
compensate_arguments(const struct asl_slot *slot, struct asl_compensate *out)
{
    bool is_jsonata = slot->state->is_jsonata;
    const struct asl_field *field =
        is_jsonata ? &field_arguments : &field_parameters;
    struct json_place at = {
        slot->place, odk_str(is_jsonata ? "Arguments" : "Parameters"), 0};
    json_t *value = json_get_str(slot->value, at.key);
    struct asl_slot sub = asl_slot_sub(slot, value, &at, field);

    if (value) {
        out->arguments = asl_value_template(&sub);
    }
}

static void
compensate_retry(const struct asl_slot *slot, struct asl_compensate *out)
{
    json_t *value = json_get(slot->value, "Retry");
    struct json_place at = {slot->place, ODK_STR("Retry"), 0};
    struct asl_slot sub = asl_slot_sub(slot, value, &at, &field_retry);

    out->retriers = &compensate_retrier;
    out->n_retriers = 1;
    if (value) {
        asl_retry_compile(&sub, &out->retriers, &out->n_retriers);
    }
}

void
asl_compensate_compile(const struct asl_slot *slot)
{
    struct asl_compensate *out = odk_arena_alloc(slot->c->arena, sizeof(*out));
    struct asl_compiler *c = slot->c;

    odk_assert(out);
    if (!asl_members_check(slot, slot->value, slot->place, compensate_members,
                           ODK_ARRAY_LEN(compensate_members))) {
        return;
    }
    compensate_resource(slot, out);
    compensate_arguments(slot, out);
    compensate_retry(slot, out);
    out->timeout_seconds = (double)asl_member_integer(
        c, slot->value, slot->place, "TimeoutSeconds",
        (const int64_t[3]){COMPENSATE_TIMEOUT_SECONDS, 1, ASL_SECONDS_MAX});
    out->heartbeat_seconds = (double)asl_member_integer(
        c, slot->value, slot->place, "HeartbeatSeconds",
        (const int64_t[3]){0, 1, ASL_SECONDS_MAX});
    out->settle_seconds = (double)asl_member_integer(
        c, slot->value, slot->place, "SettleSeconds",
        (const int64_t[3]){COMPENSATE_SETTLE_SECONDS, 0, ASL_SECONDS_MAX});
    out->on_unknown = asl_on_unknown_parse(c, slot->value, slot->place);
    if (out->heartbeat_seconds >= out->timeout_seconds) {
        asl_problem(c, slot->place,
                    "HeartbeatSeconds must be smaller than TimeoutSeconds");
    }
    if (c->options.is_express) {
        asl_problem(c, slot->place,
                    "An Express workflow cannot compensate: it keeps no "
                    "history");
    }
    slot->state->compensate = out;
    c->impl->machine.has_compensation = true;
}

void
asl_field_pivot(const struct asl_slot *slot)
{
    const struct asl_draft *draft = slot->draft;

    slot->state->is_pivot = json_is_true(slot->value);
    if (!json_is_boolean(slot->value)) {
        asl_problem(slot->c, slot->place, "Pivot must be true or false");
    }
    if (!slot->state->is_pivot) {
        return;
    }
    slot->c->impl->machine.has_compensation = true;
    if (!json_get(draft->json, "SettleSeconds")) {
        slot->state->pivot_settle_seconds = COMPENSATE_SETTLE_SECONDS;
    }
    if (draft->scope != 0) {
        asl_problem(slot->c, slot->place,
                    "A Pivot must be a Task of the machine itself, not inside "
                    "a Parallel or Map");
    }
    if (json_get(draft->json, "Compensate")) {
        asl_warn(slot->c, slot->place, ASL_CODE_SAGA,
                 "Nothing compensates after a Pivot succeeded: its own "
                 "Compensate never runs");
    }
}

void
asl_field_on_unknown(const struct asl_slot *slot)
{
    enum asl_on_unknown on_unknown =
        asl_on_unknown_parse(slot->c, slot->draft->json, slot->draft->place);

    slot->state->pivot_on_unknown = on_unknown;
    if (on_unknown == ASL_ON_UNKNOWN_IGNORE) {
        asl_problem(slot->c, slot->place,
                    "OnUnknown of a Pivot must be STUCK or COMPENSATE");
    }
}

void
asl_field_own_seconds(const struct asl_slot *slot)
{
    struct odk_str name = odk_str(slot->field->name);
    bool is_settle = odk_str_is(name, "SettleSeconds");
    double seconds = (double)asl_member_integer(
        slot->c, slot->draft->json, slot->draft->place, slot->field->name,
        (const int64_t[3]){0, is_settle ? 0 : 1, ASL_SECONDS_MAX});

    if (is_settle) {
        slot->state->pivot_settle_seconds = seconds;
    } else if (odk_str_is(name, "ScheduleToStartSeconds")) {
        slot->state->schedule_to_start_seconds = seconds;
    } else {
        slot->state->schedule_to_close_seconds = seconds;
    }
}

static void
compensation_on(struct asl_compiler *c, json_t *list,
                const struct json_place *place)
{
    struct asl_machine *machine = &c->impl->machine;
    size_t i = 0;
    json_t *item = NULL;

    if (!json_is_array(list)) {
        asl_problem(c, place,
                    "On must be an array of FAILED, TIMED_OUT and ABORTED");
        return;
    }
    machine->compensates_failed = false;
    machine->compensates_timed_out = false;
    json_array_foreach (list, i, item) {
        struct json_place at = {place, {0}, i};
        struct odk_str name = json_str(item);
        if (odk_str_is(name, "FAILED")) {
            machine->compensates_failed = true;
        } else if (odk_str_is(name, "TIMED_OUT")) {
            machine->compensates_timed_out = true;
        } else if (odk_str_is(name, "ABORTED")) {
            machine->compensates_aborted = true;
        } else {
            asl_problem(c, &at,
                        "On must be an array of FAILED, TIMED_OUT and ABORTED");
        }
    }
}

void
asl_compensation_compile(struct asl_compiler *c, json_t *value,
                         const struct json_place *place)
{
    struct asl_machine *machine = &c->impl->machine;
    struct odk_str order = {0};
    const char *key = NULL;
    json_t *member = NULL;

    if (!json_is_object(value)) {
        asl_problem(c, place, "Compensation must be an object with On, Order");
        return;
    }
    json_object_foreach (value, key, member) {
        struct json_place at = {place, odk_str(key), 0};
        if (strcmp(key, "On") == 0) {
            compensation_on(c, member, &at);
        } else if (strcmp(key, "Order") != 0 && strcmp(key, "Comment") != 0) {
            asl_problem(c, &at, "The field '%s' is not supported here", key);
        }
    }
    order = asl_string(c, value, place, "Order");
    machine->compensation_order = odk_str_is(order, "PARALLEL")
                                      ? ASL_COMPENSATION_PARALLEL
                                      : ASL_COMPENSATION_REVERSE;
    if (order.ptr && !odk_str_is(order, "PARALLEL") &&
        !odk_str_is(order, "REVERSE")) {
        asl_problem(c, place, "Order must be REVERSE or PARALLEL");
    }
}
