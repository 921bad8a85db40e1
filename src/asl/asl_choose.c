#include "asl/asl_condition.h"

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
        return (relation & ASL_EQUAL) != 0;
    }
    return (relation & (order < 0 ? ASL_LESS : ASL_GREATER)) != 0;
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
kind_holds(enum asl_operand operand, const json_t *value)
{
    odk_time_ms at = 0;

    switch (operand) {
    case ASL_OPERAND_IS_NULL:
        return json_is_null(value);
    case ASL_OPERAND_IS_PRESENT:
        return value != NULL;
    case ASL_OPERAND_IS_NUMERIC:
        return json_is_number(value);
    case ASL_OPERAND_IS_STRING:
        return json_is_string(value);
    case ASL_OPERAND_IS_BOOLEAN:
        return json_is_boolean(value);
    case ASL_OPERAND_IS_TIMESTAMP:
        return json_is_string(value) && odk_time_parse(json_str(value), &at);
    case ASL_OPERAND_STRING:
    case ASL_OPERAND_NUMERIC:
    case ASL_OPERAND_TIMESTAMP:
    case ASL_OPERAND_BOOLEAN:
    case ASL_OPERAND_MATCHES:
        return false;
    }
    return false;
}

/** Values of other types than the operator's make it false. */
static bool
test_holds(const struct asl_condition *test, const json_t *value,
           const json_t *operand)
{
    const struct asl_operator *op = test->op;

    switch (op->operand) {
    case ASL_OPERAND_STRING:
        return json_is_string(value) && json_is_string(operand) &&
               relation_holds(op->relation,
                              string_cmp(json_str(value), json_str(operand)));
    case ASL_OPERAND_NUMERIC:
        return json_is_number(value) && json_is_number(operand) &&
               relation_holds(op->relation, json_number_cmp(value, operand));
    case ASL_OPERAND_TIMESTAMP:
        return json_is_string(value) && json_is_string(operand) &&
               timestamp_holds(test, value, operand);
    case ASL_OPERAND_BOOLEAN:
        return json_is_boolean(value) && json_is_boolean(operand) &&
               json_is_true(value) == json_is_true(operand);
    case ASL_OPERAND_MATCHES:
        return json_is_string(value) &&
               string_matches(json_str(value), json_str(operand));
    case ASL_OPERAND_IS_NULL:
    case ASL_OPERAND_IS_PRESENT:
    case ASL_OPERAND_IS_NUMERIC:
    case ASL_OPERAND_IS_STRING:
    case ASL_OPERAND_IS_BOOLEAN:
    case ASL_OPERAND_IS_TIMESTAMP:
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
        test_read(test->variable, test->op->operand == ASL_OPERAND_IS_PRESENT,
                  env, error, rc);

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
    bool is_and = at->kind == ASL_CONDITION_AND;

    if (at->kind == ASL_CONDITION_TEST) {
        return test_run(at, env, error, rc);
    }
    if (at->kind == ASL_CONDITION_NOT) {
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
