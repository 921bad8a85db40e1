#include <math.h>

#include "asl/asl_fields.h"

/** Where the row says that the compiled value belongs. */
static void
store(const struct asl_slot *slot, const struct asl_value *value)
{
    char *base = (char *)slot->state;

    odk_assert(slot->field->offset > 0);
    *(const struct asl_value **)(void *)(base + slot->field->offset) = value;
}

struct asl_slot
asl_slot_sub(const struct asl_slot *slot, json_t *value,
             const struct json_place *place, const struct asl_field *field)
{
    struct asl_slot sub = *slot;

    sub.value = value;
    sub.place = place;
    sub.field = field;
    return sub;
}

void
asl_field_comment(const struct asl_slot *slot)
{
    if (!json_is_string(slot->value)) {
        asl_problem(slot->c, slot->place, "The field '%s' must be a string",
                    slot->field->name);
    }
}

void
asl_field_next(const struct asl_slot *slot)
{
    slot->state->next =
        asl_target(slot->c, slot->value, slot->place, slot->draft->scope);
}

void
asl_field_end(const struct asl_slot *slot)
{
    if (!json_is_true(slot->value)) {
        asl_problem(slot->c, slot->place,
                    "End must be true: write Next for a state that goes on");
    }
}

static void
io_path(const struct asl_slot *slot, bool *is_discarded)
{
    const struct asl_value *value = NULL;

    if (json_is_null(slot->value)) {
        *is_discarded = true;
        return;
    }
    value = asl_value_path(slot, ASL_WORDING_JAYWAY);
    if (value && !odk_str_is(value->text, "$")) {
        store(slot, value);
    }
}

void
asl_field_input_path(const struct asl_slot *slot)
{
    io_path(slot, &slot->state->is_input_discarded);
}

void
asl_field_output_path(const struct asl_slot *slot)
{
    io_path(slot, &slot->state->is_output_discarded);
}

static void
own_path_free(void *ptr)
{
    json_path_free(ptr);
}

const struct json_path *
asl_reference_path(const struct asl_slot *slot)
{
    struct odk_str text = json_str(slot->value);
    struct json_path *path = NULL;
    struct odk_err err = {0};

    if (!json_is_string(slot->value)) {
        asl_problem(slot->c, slot->place,
                    "The field '%s' must be a reference path or null, not %s",
                    slot->field->name, json_type_name(slot->value));
        return NULL;
    }
    if (json_path_compile(text, &path, &err) != 0) {
        asl_problem(slot->c, slot->place,
                    "The value for the field '%s' must be a valid JSONPath: "
                    "%s",
                    slot->field->name, err.message);
        return NULL;
    }
    asl_own(slot->c, path, own_path_free);
    if (!json_path_is_reference(path)) {
        asl_problem(slot->c, slot->place,
                    "The value for the field '%s' must be a reference path: it "
                    "may name one place only, by names and indices",
                    slot->field->name);
        return NULL;
    }
    return json_path_is_root(path) ? NULL : path;
}

void
asl_field_result_path(const struct asl_slot *slot)
{
    if (json_is_null(slot->value)) {
        slot->state->is_result_discarded = true;
        return;
    }
    slot->state->result_path = asl_reference_path(slot);
}

void
asl_field_template(const struct asl_slot *slot)
{
    store(slot, asl_value_template(slot));
}

void
asl_field_selector(const struct asl_slot *slot)
{
    if (!json_is_object(slot->value)) {
        asl_problem(slot->c, slot->place, "%s must be an object, not %s",
                    slot->field->name, json_type_name(slot->value));
        return;
    }
    store(slot, asl_value_template(slot));
}

/** JSONata names may hold what AWS's variables may not: said, not refused. */
static void
variable_check(const struct asl_slot *slot, struct odk_str name)
{
    struct json_place at = {slot->place, name, 0};
    bool is_plain = name.len > 0;

    if (odk_str_ends(name, ODK_STR(".$")) && !slot->state->is_jsonata) {
        name.len -= 2;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char ch = (unsigned char)name.ptr[i];
        is_plain =
            is_plain &&
            (ch >= 0x80 || ch == '_' || (ch >= 'a' && ch <= 'z') ||
             (ch >= 'A' && ch <= 'Z') || (i > 0 && ch >= '0' && ch <= '9'));
    }
    if (name.len == 0 || name.len > EXPR_VARIABLE_BYTES_MAX) {
        asl_problem(slot->c, &at,
                    "The name of a variable must have 1 to %d characters",
                    EXPR_VARIABLE_BYTES_MAX);
    } else if (odk_str_is(name, "states")) {
        asl_problem(slot->c, &at,
                    "The variable $states is reserved: choose another name");
    } else if (!is_plain) {
        asl_warn(slot->c, &at, ASL_CODE_PORTABLE,
                 "'%.*s' is no name that an expression can read or that AWS "
                 "takes: use letters, digits and '_'",
                 ODK_STR_ARG(name));
    }
}

const struct asl_value *
asl_assign_compile(const struct asl_slot *slot)
{
    if (!json_is_object(slot->value)) {
        asl_problem(slot->c, slot->place,
                    "Assign must be an object of variables, not %s",
                    json_type_name(slot->value));
        return NULL;
    }
    for (void *iter = json_object_iter(slot->value); iter;
         iter = json_object_iter_next(slot->value, iter)) {
        variable_check(slot, odk_str_n(json_object_iter_key(iter),
                                       json_object_iter_key_len(iter)));
    }
    return asl_value_template(slot);
}

void
asl_field_assign(const struct asl_slot *slot)
{
    store(slot, asl_assign_compile(slot));
}

void
asl_field_result(const struct asl_slot *slot)
{
    slot->state->pass_result = slot->value;
}

void
asl_field_retry(const struct asl_slot *slot)
{
    asl_retry_compile(slot, &slot->state->retriers, &slot->state->n_retriers);
}

/** What CloudFormation and its like fill in before a definition is deployed. */
static bool
is_substitution(json_t *value)
{
    const char *key = NULL;

    if (!json_is_object(value) || json_object_size(value) != 1) {
        return false;
    }
    key = json_object_iter_key(json_object_iter(value));
    return strcmp(key, "Ref") == 0 || strncmp(key, "Fn::", 4) == 0;
}

static void
resource_express_check(const struct asl_slot *slot)
{
    const struct asl_resource *resource = &slot->state->resource;
    bool is_express = slot->c->options.is_express ||
                      asl_scope_is_express(slot->c, slot->draft->scope);

    if (!is_express) {
        return;
    }
    if (resource->kind == ASL_RESOURCE_ACTIVITY) {
        asl_problem(slot->c, slot->place,
                    "An Express workflow cannot call an activity");
    } else if (resource->pattern != ASL_PATTERN_REQUEST_RESPONSE) {
        asl_problem(slot->c, slot->place,
                    "An Express workflow cannot use .sync or "
                    ".waitForTaskToken");
    } else if (resource->kind == ASL_RESOURCE_WAIT_SIGNAL) {
        asl_problem(slot->c, slot->place,
                    "An Express workflow cannot wait for a signal");
    }
}

void
asl_field_resource(const struct asl_slot *slot)
{
    struct odk_str text = json_str(slot->value);
    bool is_any = slot->c->options.is_any_resource_accepted;
    const char *why = NULL;

    if (is_any && is_substitution(slot->value)) {
        asl_warn(slot->c, slot->place, ASL_CODE_PORTABLE,
                 "The Resource is a placeholder: it must be filled in before "
                 "the definition is published");
        return;
    }
    if (!json_is_string(slot->value)) {
        asl_problem(slot->c, slot->place, "Resource must be a string, not %s",
                    json_type_name(slot->value));
        return;
    }
    why = asl_resource_parse(slot->c->arena, text, is_any,
                             &slot->state->resource);
    if (why) {
        asl_problem(slot->c, slot->place,
                    "The resource provided %.*s is not recognized. %s",
                    ODK_STR_ARG(text), why);
        return;
    }
    if (is_any && !odk_str_starts(text, ODK_STR("odradek:")) &&
        !odk_str_starts(text, ODK_STR("arn:"))) {
        asl_warn(slot->c, slot->place, ASL_CODE_PORTABLE,
                 "The Resource is a placeholder: publishing wants "
                 "odradek:<queue>:<type> or an ARN");
    }
    resource_express_check(slot);
}

void
asl_field_credentials(const struct asl_slot *slot)
{
    if (!json_is_object(slot->value)) {
        asl_problem(slot->c, slot->place,
                    "Credentials must be an object with RoleArn, not %s",
                    json_type_name(slot->value));
        return;
    }
    store(slot, asl_value_template(slot));
}

/** A number within bounds, or an expression of JSONata. */
static void
number(const struct asl_slot *slot, double min, double max, bool is_integer)
{
    const struct asl_value *value = NULL;
    double n = json_number_value(slot->value);
    int64_t whole = 0;

    if (asl_value_jsonata(slot, &value)) {
        store(slot, value);
        return;
    }
    if (!json_is_number(slot->value) || n < min || n > max ||
        (is_integer && !json_to_i64(slot->value, &whole))) {
        asl_problem(slot->c, slot->place,
                    "The field '%s' must be %s from %.0f to %.0f",
                    slot->field->name, is_integer ? "an integer" : "a number",
                    min, max);
        return;
    }
    store(slot, asl_value_literal(slot));
}

void
asl_field_seconds(const struct asl_slot *slot)
{
    number(slot, 1, ASL_SECONDS_MAX, true);
}

void
asl_field_wait_seconds(const struct asl_slot *slot)
{
    number(slot, 0, ASL_SECONDS_MAX, true);
}

void
asl_field_count(const struct asl_slot *slot)
{
    number(slot, 0, INT32_MAX, true);
}

void
asl_field_percentage(const struct asl_slot *slot)
{
    number(slot, 0, 100, false);
}

void
asl_field_path(const struct asl_slot *slot)
{
    store(slot, asl_value_path(slot, ASL_WORDING_PARAMETER));
}

void
asl_field_items_path(const struct asl_slot *slot)
{
    store(slot, asl_value_path(slot, ASL_WORDING_JAYWAY));
}

void
asl_field_timestamp(const struct asl_slot *slot)
{
    const struct asl_value *value = NULL;
    odk_time_ms at = 0;

    if (asl_value_jsonata(slot, &value)) {
        store(slot, value);
        return;
    }
    if (!json_is_string(slot->value) ||
        !odk_time_parse(json_str(slot->value), &at)) {
        asl_problem(slot->c, slot->place,
                    "String does not match RFC3339 timestamp: write it like "
                    "2026-08-18T17:33:00Z");
        return;
    }
    store(slot, asl_value_literal(slot));
}

void
asl_field_text(const struct asl_slot *slot)
{
    const struct asl_value *value = NULL;

    if (asl_value_jsonata(slot, &value)) {
        store(slot, value);
        return;
    }
    if (!json_is_string(slot->value)) {
        asl_problem(slot->c, slot->place, "The field '%s' must be a string",
                    slot->field->name);
        return;
    }
    store(slot, asl_value_literal(slot));
}

void
asl_field_text_path(const struct asl_slot *slot)
{
    store(slot, asl_value_expr(slot, ASL_WORDING_FIELD));
}

void
asl_field_items(const struct asl_slot *slot)
{
    if (!json_is_string(slot->value) && !json_is_array(slot->value) &&
        !json_is_object(slot->value)) {
        asl_problem(slot->c, slot->place,
                    "Items must be an array, an object or a JSONata "
                    "expression, not %s",
                    json_type_name(slot->value));
        return;
    }
    if (json_is_string(slot->value) &&
        !odk_str_starts(json_str(slot->value), ODK_STR("{%"))) {
        asl_problem(slot->c, slot->place,
                    "Items must be an array, an object or a JSONata "
                    "expression in '{%% ' and ' %%}'");
        return;
    }
    store(slot, asl_value_template(slot));
}

static bool
label_char_is_bad(unsigned char ch)
{
    static const char bad[] = " ?*<>{}[]:;,\\|^~$#%&`\"";

    return ch < 0x20 || ch == 0x7f || (ch < 0x80 && strchr(bad, ch) != NULL);
}

void
asl_field_label(const struct asl_slot *slot)
{
    struct odk_str text = json_str(slot->value);

    if (!json_is_string(slot->value) || text.len == 0 ||
        asl_count_chars(text) > 40) {
        asl_problem(slot->c, slot->place,
                    "Label must be a string of 1 to 40 characters");
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char ch = (unsigned char)text.ptr[i];
        bool is_c1 = ch == 0xc2 && i + 1 < text.len &&
                     (unsigned char)text.ptr[i + 1] < 0xa0;
        if (label_char_is_bad(ch) || is_c1) {
            asl_problem(slot->c, slot->place,
                        "Label contains an invalid character (at byte %zu): "
                        "use letters, digits, '-' and '_'",
                        i);
            return;
        }
    }
    slot->state->label = text;
}

/** A literal's number, or `absent`. */
static double
constant_number(const struct asl_value *value, double absent)
{
    json_t *literal = value ? asl_value_constant(value) : NULL;

    return literal ? json_number_value(literal) : absent;
}

static void
finish_task(const struct asl_slot *slot)
{
    const struct asl_state *state = slot->state;
    double timeout = constant_number(state->timeout, INFINITY);
    double heartbeat = constant_number(state->heartbeat, 0);
    struct json_place at = {slot->draft->place, ODK_STR("HeartbeatSeconds"), 0};

    if (heartbeat >= timeout) {
        asl_problem(slot->c, &at,
                    "HeartbeatSeconds must be smaller than TimeoutSeconds");
    }
    if (!state->is_pivot && (json_get(slot->draft->json, "SettleSeconds") ||
                             json_get(slot->draft->json, "OnUnknown"))) {
        asl_problem(slot->c, slot->draft->place,
                    "SettleSeconds and OnUnknown of a Task belong to a Pivot: "
                    "set \"Pivot\": true, or write them inside Compensate");
    }
}

/** A wait for a signal is told its name. */
static void
finish_signal(const struct asl_slot *slot)
{
    const char *key = slot->state->is_jsonata ? "Arguments" : "Parameters";
    struct json_place at = {slot->draft->place, odk_str(key), 0};
    json_t *arguments = json_get(slot->draft->json, key);

    if (slot->state->is_jsonata && json_is_string(arguments)) {
        return;
    }
    if (!json_get(arguments, "Name") && !json_get(arguments, "Name.$")) {
        asl_problem(slot->c, &at,
                    "odradek:wait-signal needs the name of the signal: "
                    "\"%s\": {\"Name\": …}",
                    key);
    }
}

void
asl_state_finish(const struct asl_slot *slot)
{
    if (slot->state->type == ASL_TASK) {
        finish_task(slot);
    }
    if (slot->state->type == ASL_TASK &&
        slot->state->resource.kind == ASL_RESOURCE_WAIT_SIGNAL) {
        finish_signal(slot);
    }
    if (slot->state->type == ASL_MAP && !slot->state->is_distributed &&
        (slot->state->item_reader || slot->state->item_batcher ||
         slot->state->result_writer)) {
        asl_warn(slot->c, slot->draft->place, ASL_CODE_PORTABLE,
                 "ItemReader, ItemBatcher and ResultWriter have a meaning only "
                 "with ProcessorConfig.Mode DISTRIBUTED");
    }
}
