#include "asl/asl_condition.h"

#include "asl/asl_fields.h"

/* The Choice operators of JSONPath: a row of the table and operands. */

#define COMPARISONS(type, operand)                                             \
    {type "Equals", operand, ASL_EQUAL, false},                                \
        {type "LessThan", operand, ASL_LESS, false},                           \
        {type "GreaterThan", operand, ASL_GREATER, false},                     \
        {type "LessThanEquals", operand, ASL_LESS | ASL_EQUAL, false},         \
        {type "GreaterThanEquals", operand, ASL_GREATER | ASL_EQUAL, false},   \
        {type "EqualsPath", operand, ASL_EQUAL, true},                         \
        {type "LessThanPath", operand, ASL_LESS, true},                        \
        {type "GreaterThanPath", operand, ASL_GREATER, true},                  \
        {type "LessThanEqualsPath", operand, ASL_LESS | ASL_EQUAL, true},      \
    {                                                                          \
        type "GreaterThanEqualsPath", operand, ASL_GREATER | ASL_EQUAL, true   \
    }

static const struct asl_operator operators[] = {
    COMPARISONS("String", ASL_OPERAND_STRING),
    COMPARISONS("Numeric", ASL_OPERAND_NUMERIC),
    COMPARISONS("Timestamp", ASL_OPERAND_TIMESTAMP),
    {"BooleanEquals", ASL_OPERAND_BOOLEAN, ASL_EQUAL, false},
    {"BooleanEqualsPath", ASL_OPERAND_BOOLEAN, ASL_EQUAL, true},
    {"StringMatches", ASL_OPERAND_MATCHES, 0, false},
    {"IsNull", ASL_OPERAND_IS_NULL, 0, false},
    {"IsPresent", ASL_OPERAND_IS_PRESENT, 0, false},
    {"IsNumeric", ASL_OPERAND_IS_NUMERIC, 0, false},
    {"IsString", ASL_OPERAND_IS_STRING, 0, false},
    {"IsBoolean", ASL_OPERAND_IS_BOOLEAN, 0, false},
    {"IsTimestamp", ASL_OPERAND_IS_TIMESTAMP, 0, false},
};

_Static_assert(ODK_ARRAY_LEN(operators) == 39, "the language has 39");

static const struct asl_operator *
operator_find(const char *name)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(operators); i++) {
        if (strcmp(operators[i].name, name) == 0) {
            return &operators[i];
        }
    }
    return NULL;
}

/** Type of literal that an operator wants; NULL if `value` is one. */
static const char *
literal_failed(struct asl_condition *test, json_t *value)
{
    switch (test->op->operand) {
    case ASL_OPERAND_STRING:
    case ASL_OPERAND_MATCHES:
        return json_is_string(value) ? NULL : "a string";
    case ASL_OPERAND_NUMERIC:
        return json_is_number(value) ? NULL : "a number";
    case ASL_OPERAND_TIMESTAMP:
        return json_is_string(value) &&
                       odk_time_parse(json_str(value), &test->at)
                   ? NULL
                   : "an RFC 3339 timestamp such as 2026-08-18T17:33:00Z";
    case ASL_OPERAND_BOOLEAN:
    case ASL_OPERAND_IS_NULL:
    case ASL_OPERAND_IS_PRESENT:
    case ASL_OPERAND_IS_NUMERIC:
    case ASL_OPERAND_IS_STRING:
    case ASL_OPERAND_IS_BOOLEAN:
    case ASL_OPERAND_IS_TIMESTAMP:
        return json_is_boolean(value) ? NULL : "true or false";
    }
    return NULL;
}

static bool
test_operand(const struct asl_slot *slot, const char *key, json_t *value,
             struct asl_condition *test)
{
    struct json_place at = {slot->place, odk_str(key), 0};
    struct asl_field field = {.name = test->op->name};
    struct asl_slot sub = asl_slot_sub(slot, value, &at, &field);
    const char *wanted = NULL;

    if (test->op->is_path) {
        test->path = asl_value_path(&sub, ASL_WORDING_CHOICE);
        return test->path != NULL;
    }
    wanted = literal_failed(test, value);
    if (wanted) {
        asl_problem(slot->c, &at, "%s must be %s", key, wanted);
        return false;
    }
    test->literal = value;
    return true;
}

static bool
test_variable(const struct asl_slot *slot, struct asl_condition *test)
{
    static const struct asl_field field = {"Variable", 0, 0, 0, 0, NULL};
    json_t *value = json_get(slot->value, "Variable");
    struct json_place at = {slot->place, ODK_STR("Variable"), 0};
    struct asl_slot sub = asl_slot_sub(slot, value, &at, &field);

    if (!value) {
        asl_problem(slot->c, slot->place,
                    "These fields are required: [Variable]");
        return false;
    }
    test->variable = asl_value_path(&sub, ASL_WORDING_CHOICE);
    return test->variable != NULL;
}

/** Members of a rule that are no part of its test. is_top: the rule itself, not
 * one nested in And, Or, Not. */
static bool
rule_member(const struct asl_slot *slot, const char *key, bool is_top)
{
    struct json_place at = {slot->place, odk_str(key), 0};
    bool is_flow = strcmp(key, "Next") == 0 || strcmp(key, "Assign") == 0;

    if (is_flow && !is_top) {
        asl_problem(slot->c, &at,
                    "%s belongs to the rule itself, not inside And, Or, Not",
                    key);
    }
    return is_flow || strcmp(key, "Variable") == 0 ||
           strcmp(key, "Comment") == 0;
}

static const struct asl_condition *condition(const struct asl_slot *slot,
                                             unsigned depth);

static bool
// NOLINTNEXTLINE(misc-no-recursion): bounded by ASL_CONDITION_DEPTH_MAX
condition_children(const struct asl_slot *slot, const char *key, json_t *list,
                   struct asl_condition *out, unsigned depth)
{
    bool is_not = out->kind == ASL_CONDITION_NOT;
    size_t n = is_not ? 1 : json_array_size(list);
    struct json_place at = {slot->place, odk_str(key), 0};
    bool is_ok = true;

    if (is_not ? !json_is_object(list) : n == 0) {
        asl_problem(slot->c, &at,
                    is_not ? "Not must be an object with one test"
                           : "And and Or must be arrays of at least one test");
        return false;
    }
    out->children = odk_arena_calloc(slot->c->arena, n, sizeof(void *));
    odk_assert(out->children);
    out->n_children = n;
    for (size_t i = 0; i < n; i++) {
        struct json_place item = {&at, {0}, i};
        struct asl_slot sub =
            asl_slot_sub(slot, is_not ? list : json_array_get(list, i),
                         is_not ? &at : &item, slot->field);
        out->children[i] = condition(&sub, depth + 1);
        is_ok = out->children[i] && is_ok;
    }
    return is_ok;
}

/** What a member makes of the condition: true when it is part of its test. */
static bool
// NOLINTNEXTLINE(misc-no-recursion): bounded by ASL_CONDITION_DEPTH_MAX
condition_member(const struct asl_slot *slot, const char *key, json_t *value,
                 struct asl_condition *out, unsigned depth)
{
    static const struct {
        const char *name;
        enum asl_condition_kind kind;
    } kinds[] = {{"And", ASL_CONDITION_AND},
                 {"Or", ASL_CONDITION_OR},
                 {"Not", ASL_CONDITION_NOT}};

    for (size_t i = 0; i < ODK_ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, key) == 0) {
            out->kind = kinds[i].kind;
            return condition_children(slot, key, value, out, depth);
        }
    }
    out->kind = ASL_CONDITION_TEST;
    out->op = operator_find(key);
    if (!out->op) {
        struct json_place at = {slot->place, odk_str(key), 0};
        asl_problem(slot->c, &at,
                    "The field '%s' is no operator of a Choice rule", key);
        return false;
    }
    return test_variable(slot, out) && test_operand(slot, key, value, out);
}

static const struct asl_condition *
// NOLINTNEXTLINE(misc-no-recursion): bounded by ASL_CONDITION_DEPTH_MAX
condition(const struct asl_slot *slot, unsigned depth)
{
    struct asl_condition *out = odk_arena_alloc(slot->c->arena, sizeof(*out));
    const char *key = NULL;
    json_t *value = NULL;
    size_t n = 0;
    bool is_ok = true;

    odk_assert(out);
    if (!json_is_object(slot->value)) {
        asl_problem(slot->c, slot->place, "A Choice rule must be an object");
        return NULL;
    }
    if (depth > ASL_CONDITION_DEPTH_MAX) {
        asl_problem_code(slot->c, slot->place, ASL_CODE_LIMIT,
                         "And, Or and Not are nested more than %u deep",
                         ASL_CONDITION_DEPTH_MAX);
        return NULL;
    }
    json_object_foreach (slot->value, key, value) {
        if (!rule_member(slot, key, depth == 0)) {
            n++;
            is_ok = condition_member(slot, key, value, out, depth) && is_ok;
        }
    }
    if (n != 1) {
        asl_problem(slot->c, slot->place,
                    "A Choice rule must have exactly one operator, this one "
                    "has %zu",
                    n);
    }
    return n == 1 && is_ok ? out : NULL;
}

const struct asl_condition *
asl_condition_compile(const struct asl_slot *slot)
{
    return condition(slot, 0);
}
