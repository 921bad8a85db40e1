#include "asl/asl_fields.h"

/* The Choice operators of JSONPath: compiled to a table index and operands. */

enum operand {
    OPERAND_STRING,
    OPERAND_NUMERIC,
    OPERAND_TIMESTAMP,
    OPERAND_BOOLEAN,
    OPERAND_MATCHES,
    OPERAND_IS_NULL,
    OPERAND_IS_PRESENT,
    OPERAND_IS_NUMERIC,
    OPERAND_IS_STRING,
    OPERAND_IS_BOOLEAN,
    OPERAND_IS_TIMESTAMP,
};

/** Which outcomes of a three-way comparison are true. */
enum relation {
    REL_LESS = 1,
    REL_EQUAL = 2,
    REL_GREATER = 4,
};

struct choice_operator {
    const char *name;
    enum operand operand;
    uint8_t relation;
    bool is_path;
};

#define COMPARISONS(type, operand)                                             \
    {type "Equals", operand, REL_EQUAL, false},                                \
        {type "LessThan", operand, REL_LESS, false},                           \
        {type "GreaterThan", operand, REL_GREATER, false},                     \
        {type "LessThanEquals", operand, REL_LESS | REL_EQUAL, false},         \
        {type "GreaterThanEquals", operand, REL_GREATER | REL_EQUAL, false},   \
        {type "EqualsPath", operand, REL_EQUAL, true},                         \
        {type "LessThanPath", operand, REL_LESS, true},                        \
        {type "GreaterThanPath", operand, REL_GREATER, true},                  \
        {type "LessThanEqualsPath", operand, REL_LESS | REL_EQUAL, true},      \
    {                                                                          \
        type "GreaterThanEqualsPath", operand, REL_GREATER | REL_EQUAL, true   \
    }

static const struct choice_operator operators[] = {
    COMPARISONS("String", OPERAND_STRING),
    COMPARISONS("Numeric", OPERAND_NUMERIC),
    COMPARISONS("Timestamp", OPERAND_TIMESTAMP),
    {"BooleanEquals", OPERAND_BOOLEAN, REL_EQUAL, false},
    {"BooleanEqualsPath", OPERAND_BOOLEAN, REL_EQUAL, true},
    {"StringMatches", OPERAND_MATCHES, 0, false},
    {"IsNull", OPERAND_IS_NULL, 0, false},
    {"IsPresent", OPERAND_IS_PRESENT, 0, false},
    {"IsNumeric", OPERAND_IS_NUMERIC, 0, false},
    {"IsString", OPERAND_IS_STRING, 0, false},
    {"IsBoolean", OPERAND_IS_BOOLEAN, 0, false},
    {"IsTimestamp", OPERAND_IS_TIMESTAMP, 0, false},
};

_Static_assert(ODK_ARRAY_LEN(operators) == 39, "the language has 39");

enum condition_kind {
    CONDITION_TEST,
    CONDITION_AND,
    CONDITION_OR,
    CONDITION_NOT,
};

struct asl_condition {
    enum condition_kind kind;
    const struct choice_operator *op; /**< of a test */
    const struct asl_value *variable; /**< of a test */
    const struct asl_value *path;     /**< operand of a …Path test */
    json_t *literal;                  /**< operand of any other */
    odk_time_ms at;                   /**< the literal as a timestamp */
    const struct asl_condition **children;
    size_t n_children;
};

static const struct choice_operator *
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
    case OPERAND_STRING:
    case OPERAND_MATCHES:
        return json_is_string(value) ? NULL : "a string";
    case OPERAND_NUMERIC:
        return json_is_number(value) ? NULL : "a number";
    case OPERAND_TIMESTAMP:
        return json_is_string(value) &&
                       odk_time_parse(json_str(value), &test->at)
                   ? NULL
                   : "an RFC 3339 timestamp such as 2026-08-18T17:33:00Z";
    case OPERAND_BOOLEAN:
    case OPERAND_IS_NULL:
    case OPERAND_IS_PRESENT:
    case OPERAND_IS_NUMERIC:
    case OPERAND_IS_STRING:
    case OPERAND_IS_BOOLEAN:
    case OPERAND_IS_TIMESTAMP:
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
        test->path = asl_value_expr(&sub, ASL_WORDING_CHOICE);
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
    test->variable = asl_value_expr(&sub, ASL_WORDING_CHOICE);
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
    bool is_not = out->kind == CONDITION_NOT;
    size_t n = is_not ? 1 : json_array_size(list);
    struct json_place at = {slot->place, odk_str(key), 0};
    bool is_ok = true;

    if (is_not ? !json_is_object(list) : n == 0) {
        asl_problem(slot->c, &at,
                    is_not ? "Not must be an object with one test"
                           : "And and Or must be arrays of at least one test");
        return false;
    }
    out->children = odk_arena_calloc(slot->c->arena, n, sizeof(*out->children));
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
        enum condition_kind kind;
    } kinds[] = {
        {"And", CONDITION_AND}, {"Or", CONDITION_OR}, {"Not", CONDITION_NOT}};

    for (size_t i = 0; i < ODK_ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, key) == 0) {
            out->kind = kinds[i].kind;
            return condition_children(slot, key, value, out, depth);
        }
    }
    out->kind = CONDITION_TEST;
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

/** The value of a path; NULL when it names nothing (*rc says whether that is an
 * error). */
static json_t *
test_read(const struct asl_value *value, bool is_absent_fine,
          const struct asl_env *env, struct asl_error *error, int *rc)
{
    struct asl_error why = {0};
    json_t *out = NULL;

    *rc = asl_eval(value, env, &out, is_absent_fine ? &why : error);
    if (*rc != 0 && is_absent_fine) {
        odk_buf_release(&why.cause);
        *rc = 0;
    }
    return out;
}

/** UTF-16 order, which is Java's: characters beyond U+FFFF are made of
 * surrogates and sort before U+E000 to U+FFFF. */
static int
string_cmp(struct odk_str a, struct odk_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    size_t i = 0;

    while (i < n && a.ptr[i] == b.ptr[i]) {
        i++;
    }
    if (i < n) {
        unsigned char x = (unsigned char)a.ptr[i];
        unsigned char y = (unsigned char)b.ptr[i];
        bool is_swapped = (x >= 0xf0 && y >= 0xee && y < 0xf0) ||
                          (y >= 0xf0 && x >= 0xee && x < 0xf0);
        return (x < y) != is_swapped ? -1 : 1;
    }
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

/** `*` matches any characters, `\*` and `\\` themselves. */
static bool
string_matches(struct odk_str text, struct odk_str pattern)
{
    size_t t = 0;
    size_t p = 0;
    size_t star_p = SIZE_MAX;
    size_t star_t = 0;

    while (t < text.len || p < pattern.len) {
        bool is_escape =
            p + 1 < pattern.len && pattern.ptr[p] == '\\' &&
            (pattern.ptr[p + 1] == '*' || pattern.ptr[p + 1] == '\\');
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star_p = p++;
            star_t = t;
        } else if (t < text.len && p < pattern.len &&
                   pattern.ptr[p + is_escape] == text.ptr[t]) {
            p += 1u + is_escape;
            t++;
        } else if (star_p != SIZE_MAX && star_t < text.len) {
            p = star_p + 1;
            t = ++star_t;
        } else {
            return false;
        }
    }
    return true;
}

static bool
relation_holds(uint8_t relation, int order)
{
    if (order == 0) {
        return (relation & REL_EQUAL) != 0;
    }
    return (relation & (order < 0 ? REL_LESS : REL_GREATER)) != 0;
}

static bool
timestamp_holds(const struct asl_condition *test, const json_t *value,
                const json_t *operand)
{
    odk_time_ms a = 0;
    odk_time_ms b = test->at;

    if (!odk_time_parse(json_str(value), &a) ||
        (test->path && !odk_time_parse(json_str(operand), &b))) {
        return false;
    }
    return relation_holds(test->op->relation, a < b ? -1 : a > b);
}

/** The Is… operators: whether value is of the kind. */
static bool
kind_holds(enum operand operand, const json_t *value)
{
    odk_time_ms at = 0;

    switch (operand) {
    case OPERAND_IS_NULL:
        return json_is_null(value);
    case OPERAND_IS_PRESENT:
        return value != NULL;
    case OPERAND_IS_NUMERIC:
        return json_is_number(value);
    case OPERAND_IS_STRING:
        return json_is_string(value);
    case OPERAND_IS_BOOLEAN:
        return json_is_boolean(value);
    case OPERAND_IS_TIMESTAMP:
        return json_is_string(value) && odk_time_parse(json_str(value), &at);
    case OPERAND_STRING:
    case OPERAND_NUMERIC:
    case OPERAND_TIMESTAMP:
    case OPERAND_BOOLEAN:
    case OPERAND_MATCHES:
        return false;
    }
    return false;
}

/** Values of other types than the operator's make it false. */
static bool
test_holds(const struct asl_condition *test, const json_t *value,
           const json_t *operand)
{
    const struct choice_operator *op = test->op;

    switch (op->operand) {
    case OPERAND_STRING:
        return json_is_string(value) && json_is_string(operand) &&
               relation_holds(op->relation,
                              string_cmp(json_str(value), json_str(operand)));
    case OPERAND_NUMERIC:
        return json_is_number(value) && json_is_number(operand) &&
               relation_holds(op->relation, json_number_cmp(value, operand));
    case OPERAND_TIMESTAMP:
        return json_is_string(value) && json_is_string(operand) &&
               timestamp_holds(test, value, operand);
    case OPERAND_BOOLEAN:
        return json_is_boolean(value) && json_is_boolean(operand) &&
               json_is_true(value) == json_is_true(operand);
    case OPERAND_MATCHES:
        return json_is_string(value) &&
               string_matches(json_str(value), json_str(operand));
    case OPERAND_IS_NULL:
    case OPERAND_IS_PRESENT:
    case OPERAND_IS_NUMERIC:
    case OPERAND_IS_STRING:
    case OPERAND_IS_BOOLEAN:
    case OPERAND_IS_TIMESTAMP:
        return kind_holds(op->operand, value) == json_is_true(operand);
    }
    return false;
}

static bool
test_run(const struct asl_condition *test, const struct asl_env *env,
         struct asl_error *error, int *rc)
{
    json_t *operand = NULL;
    bool is_true = false;
    json_t *value =
        test_read(test->variable, test->op->operand == OPERAND_IS_PRESENT, env,
                  error, rc);

    if (*rc != 0) {
        return false;
    }
    operand = test->path ? test_read(test->path, false, env, error, rc)
                         : json_incref(test->literal);
    is_true = *rc == 0 && test_holds(test, value, operand);
    json_decref(value);
    json_decref(operand);
    return is_true;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): bounded by ASL_CONDITION_DEPTH_MAX
condition_run(const struct asl_condition *at, const struct asl_env *env,
              struct asl_error *error, int *rc)
{
    bool is_and = at->kind == CONDITION_AND;

    if (at->kind == CONDITION_TEST) {
        return test_run(at, env, error, rc);
    }
    if (at->kind == CONDITION_NOT) {
        bool is_true = condition_run(at->children[0], env, error, rc);
        return *rc == 0 && !is_true;
    }
    for (size_t i = 0; i < at->n_children; i++) {
        bool is_true = condition_run(at->children[i], env, error, rc);
        if (*rc != 0) {
            return false;
        }
        if (is_true != is_and) {
            return is_true;
        }
    }
    return is_and;
}

static bool
jsonata_run(const struct asl_value *value, const struct asl_env *env,
            struct asl_error *error, int *rc)
{
    json_t *out = NULL;
    bool is_true = false;

    *rc = asl_eval(value, env, &out, error);
    is_true = json_is_true(out);
    json_decref(out);
    return is_true;
}

int
asl_choose(const struct asl_state *state, const struct asl_env *env,
           int32_t *rule, struct asl_error *error)
{
    odk_assert(state->type == ASL_CHOICE);
    *rule = -1;
    for (size_t i = 0; i < state->n_rules; i++) {
        const struct asl_choice_rule *at = &state->rules[i];
        int rc = 0;
        bool is_true = at->condition
                           ? condition_run(at->condition, env, error, &rc)
                           : jsonata_run(at->jsonata, env, error, &rc);
        if (rc != 0) {
            return rc;
        }
        if (is_true) {
            *rule = (int32_t)i;
            return 0;
        }
    }
    return 0;
}
