#include "asl/asl_fields.h"

static const struct asl_member jsonata_members[] = {
    {"Condition", ASL_IN_BOTH, true}, {"Next", ASL_IN_BOTH, true},
    {"Assign", ASL_IN_BOTH, false},   {"Output", ASL_IN_BOTH, false},
    {"Comment", ASL_IN_BOTH, false},
};

static const struct asl_field field_condition = {"Condition",        0, 0,
                                                 ASL_EXPECT_BOOLEAN, 0, NULL};
static const struct asl_field field_output = {"Output", 0, 0, 0, 0, NULL};
static const struct asl_field field_assign = {"Assign", 0, 0, 0, 0, NULL};

/** A member of the rule as a slot; its value is NULL when it is absent. */
static struct asl_slot
rule_slot(const struct asl_slot *rule, struct json_place *at,
          const struct asl_field *field)
{
    *at = (struct json_place){rule->place, odk_str(field->name), 0};
    return asl_slot_sub(rule, json_get(rule->value, field->name), at, field);
}

static void
rule_jsonata(const struct asl_slot *rule, struct asl_choice_rule *out)
{
    struct json_place at;
    struct asl_slot sub = rule_slot(rule, &at, &field_condition);

    if (!asl_members_check(rule, rule->value, rule->place, jsonata_members,
                           ODK_ARRAY_LEN(jsonata_members))) {
        return;
    }
    if (sub.value && json_is_boolean(sub.value)) {
        out->jsonata = asl_value_literal(&sub);
    } else if (sub.value && !asl_value_jsonata(&sub, &out->jsonata)) {
        asl_problem(rule->c, &at,
                    "Condition must be a JSONata expression in '{%% ' and "
                    "' %%}'");
    }
    sub = rule_slot(rule, &at, &field_output);
    if (sub.value) {
        out->output = asl_value_template(&sub);
    }
}

static void
rule_compile(const struct asl_slot *rule, struct asl_choice_rule *out)
{
    struct json_place at;
    struct json_place next = {rule->place, ODK_STR("Next"), 0};
    json_t *target = json_get(rule->value, "Next");
    struct asl_slot sub;

    out->next = -1;
    if (rule->state->is_jsonata) {
        rule_jsonata(rule, out);
    } else {
        out->condition = asl_condition_compile(rule);
    }
    sub = rule_slot(rule, &at, &field_assign);
    if (sub.value) {
        out->assign = asl_assign_compile(&sub);
    }
    if (target) {
        out->next = asl_target(rule->c, target, &next, rule->draft->scope);
    } else if (!rule->state->is_jsonata && json_is_object(rule->value)) {
        asl_problem(rule->c, rule->place, "These fields are required: [Next]");
    }
}

void
asl_field_choices(const struct asl_slot *slot)
{
    size_t n = json_array_size(slot->value);
    struct asl_choice_rule *rules =
        odk_arena_calloc(slot->c->arena, n ? n : 1, sizeof(*rules));

    odk_assert(rules);
    if (!json_is_array(slot->value) || n == 0) {
        asl_problem(slot->c, slot->place,
                    "Choices must be an array of at least one rule");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct json_place place = {slot->place, {0}, i};
        struct asl_slot rule = asl_slot_sub(
            slot, json_array_get(slot->value, i), &place, slot->field);
        rule_compile(&rule, &rules[i]);
    }
    slot->state->rules = rules;
    slot->state->n_rules = n;
}

void
asl_field_default(const struct asl_slot *slot)
{
    slot->state->default_next =
        asl_target(slot->c, slot->value, slot->place, slot->draft->scope);
}
