/*
 * Filters over values, with Jayway's rules of comparison: a number and a string
 * may be equal, ordering needs two numbers or two strings, and what a path does
 * not find equals nothing.
 */

#include <stdlib.h>

#include "json/json.h"
#include "json/json_path_priv.h"

/** One side, evaluated. */
struct path_side {
    json_t *value; /**< owned; NULL: undefined, or a pattern */
    const pcre2_code *pattern;
};

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
load(struct path_eval *eval, const struct path_operand *operand, json_t *item,
     struct path_side *out)
{
    struct odk_err *err = eval->err;
    int rc = 0;

    *out = (struct path_side){.pattern = operand->pattern};
    if (operand->literal) {
        out->value = json_incref(operand->literal);
    } else if (operand->path) {
        /* Finding nothing is no error in a filter: spare the text. */
        eval->err = NULL;
        rc = path_eval_chain(eval, operand->path, item, &out->value);
        eval->err = err;
    }
    if (rc == ODK_ENOTFOUND || rc == ODK_EINVAL) {
        return 0;
    }
    if (rc != 0) {
        (void)odk_err_set(err, rc, "The filter needs too many steps");
    }
    return rc;
}

static bool
is_container(const json_t *value)
{
    return json_is_object(value) || json_is_array(value);
}

static bool
string_eq_number(const json_t *string, const json_t *number,
                 bool is_string_left)
{
    struct odk_buf text;
    bool is_eq = false;

    if (is_string_left) {
        odk_buf_init(&text, 0);
        is_eq = json_dump(number, &text) == 0 &&
                odk_str_eq(odk_buf_str(&text), json_str(string));
        odk_buf_release(&text);
        return is_eq;
    }
    json_t *parsed = json_parse(json_str(string), NULL);
    is_eq = json_is_number(parsed) && json_number_cmp(number, parsed) == 0;
    json_decref(parsed);
    return is_eq;
}

static bool
values_eq(const json_t *left, const json_t *right)
{
    if (!left || !right) {
        return false;
    }
    if (json_is_string(left) && json_is_number(right)) {
        return string_eq_number(left, right, true);
    }
    if (json_is_number(left) && json_is_string(right)) {
        return string_eq_number(right, left, false);
    }
    return json_eq(left, right);
}

/* <0, 0, >0, or 2 where there is no order. */
static int
order(const json_t *left, const json_t *right)
{
    if (json_is_number(left) && json_is_number(right)) {
        return json_number_cmp(left, right);
    }
    if (json_is_string(left) && json_is_string(right)) {
        int cmp = odk_str_cmp(json_str(left), json_str(right));
        return (cmp > 0) - (cmp < 0);
    }
    return 2;
}

static bool
has_value(const json_t *list, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (values_eq(json_array_get(list, i), value)) {
            return true;
        }
    }
    return false;
}

/* How many members of left are in right. */
static size_t
count_common(const json_t *left, const json_t *right)
{
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(left); i++) {
        n += has_value(right, json_array_get(left, i));
    }
    return n;
}

static bool
contains(const json_t *left, const json_t *right)
{
    if (json_is_string(left) && json_is_string(right)) {
        struct odk_str text = json_str(left);
        struct odk_str part = json_str(right);
        return memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
    }
    return has_value(left, right);
}

static size_t
utf16_length(struct odk_str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        n += (c & 0xC0) != 0x80;
        n += c >= 0xF0;
    }
    return n;
}

static bool
has_size(const json_t *left, const json_t *right)
{
    int64_t size = 0;

    if (!json_to_i64(right, &size) || size < 0) {
        return false;
    }
    if (json_is_string(left)) {
        return utf16_length(json_str(left)) == (size_t)size;
    }
    return json_is_array(left) && json_array_size(left) == (size_t)size;
}

static bool
is_empty(const json_t *left, const json_t *right)
{
    if (!json_is_boolean(right)) {
        return false;
    }
    if (json_is_string(left)) {
        return (json_string_length(left) == 0) == json_is_true(right);
    }
    return is_container(left) &&
           (json_array_size(left) + json_object_size(left) == 0) ==
               json_is_true(right);
}

static bool
pattern_matches(const pcre2_code *pattern, const json_t *value)
{
    pcre2_match_data *data = NULL;
    pcre2_match_context *context = NULL;
    struct odk_buf text;
    int rc = 0;

    odk_buf_init(&text, 0);
    if (json_is_string(value)) {
        odk_buf_put_str(&text, json_str(value));
    } else if (json_is_number(value) || json_is_boolean(value)) {
        json_put(&text, value);
    }
    data = pcre2_match_data_create(1, NULL);
    context = pcre2_match_context_create(NULL);
    if (!data || !context) {
        odk_out_of_memory();
    }
    (void)pcre2_set_match_limit(context, JSON_PATH_MATCH_MAX);
    rc = pcre2_match(pattern, (PCRE2_SPTR)odk_buf_str(&text).ptr, text.len, 0,
                     PCRE2_NO_UTF_CHECK, data, context);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    odk_buf_release(&text);
    return rc >= 0;
}

/* One side must be a pattern; of a list any member may match. */
static bool
matches(const struct path_side *left, const struct path_side *right)
{
    const pcre2_code *pattern = left->pattern ? left->pattern : right->pattern;
    const json_t *value = left->pattern ? right->value : left->value;

    if (!pattern || (left->pattern && right->pattern)) {
        return false;
    }
    if (!json_is_array(value)) {
        return pattern_matches(pattern, value);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (pattern_matches(pattern, json_array_get(value, i))) {
            return true;
        }
    }
    return false;
}

static bool
is_same(const json_t *left, const json_t *right)
{
    bool are_numbers = json_is_number(left) && json_is_number(right);

    return left && right &&
           (are_numbers || json_typeof(left) == json_typeof(right)) &&
           json_eq(left, right);
}

static bool
compare_lists(enum path_operator op, const json_t *left, const json_t *right)
{
    if (!json_is_array(left) || !json_is_array(right)) {
        return false;
    }
    if (op == PATH_OP_SUBSETOF) {
        return count_common(left, right) == json_array_size(left);
    }
    if (op == PATH_OP_ALL) {
        return count_common(right, left) == json_array_size(right);
    }
    return (count_common(left, right) > 0) == (op == PATH_OP_ANYOF);
}

static bool
compare(enum path_operator op, const struct path_side *left,
        const struct path_side *right)
{
    const json_t *l = left->value;
    const json_t *r = right->value;

    switch (op) {
    case PATH_OP_EQ:
        return values_eq(l, r);
    case PATH_OP_NE:
        return !values_eq(l, r);
    case PATH_OP_SAME:
        return is_same(l, r);
    case PATH_OP_NOT_SAME:
        return !is_same(l, r);
    case PATH_OP_LT:
        return order(l, r) < 0;
    case PATH_OP_LE:
        return order(l, r) <= 0;
    case PATH_OP_GT:
        return order(l, r) == 1;
    case PATH_OP_GE:
        return order(l, r) == 0 || order(l, r) == 1;
    case PATH_OP_MATCH:
        return matches(left, right);
    case PATH_OP_IN:
        return has_value(r, l);
    case PATH_OP_NIN:
        return !has_value(r, l);
    case PATH_OP_SUBSETOF:
    case PATH_OP_ANYOF:
    case PATH_OP_NONEOF:
    case PATH_OP_ALL:
        return compare_lists(op, l, r);
    case PATH_OP_CONTAINS:
        return contains(l, r);
    case PATH_OP_SIZE:
        return has_size(l, r);
    case PATH_OP_EMPTY:
        return is_empty(l, r);
    }
    return false;
}

/* Takes what a comparison may cost from the budget; when that is empty, the
 * next visit fails. */
static void
charge(struct path_eval *eval, enum path_operator op,
       const struct path_side *left, const struct path_side *right)
{
    uint64_t pairs = 1 + json_array_size(left->value);
    uint64_t cost = 0;

    if (op == PATH_OP_MATCH) {
        cost = JSON_PATH_MATCH_VISITS * (pairs + json_array_size(right->value));
    } else if (json_is_array(right->value)) {
        cost = pairs * json_array_size(right->value);
    }
    eval->visits_left -= cost < eval->visits_left ? cost : eval->visits_left;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
accept_compare(struct path_eval *eval, const struct path_filter *filter,
               json_t *item, bool *out)
{
    struct path_side left = {0};
    struct path_side right = {0};
    int rc = load(eval, &filter->left, item, &left);

    if (rc == 0) {
        rc = load(eval, &filter->right, item, &right);
    }
    if (rc == 0) {
        charge(eval, filter->op, &left, &right);
        *out = compare(filter->op, &left, &right);
    }
    json_decref(left.value);
    json_decref(right.value);
    return rc;
}

/* Finding a null is finding; an indefinite path must find something. */
static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
accept_exists(struct path_eval *eval, const struct path_filter *filter,
              json_t *item, bool *out)
{
    struct path_side side = {0};
    int rc = load(eval, &filter->left, item, &side);

    *out = side.value &&
           (filter->left.path->is_definite || json_array_size(side.value) > 0);
    json_decref(side.value);
    return rc;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): filters nest ≤ JSON_PATH_NEST_MAX
accept_children(struct path_eval *eval, const struct path_filter *filter,
                json_t *item, bool *out)
{
    bool is_or = filter->kind == PATH_FILTER_OR;
    int rc = 0;

    *out = !is_or;
    for (const struct path_filter *child = filter->children;
         rc == 0 && child && *out != is_or; child = child->next) {
        rc = path_accepts(eval, child, item, out);
    }
    return rc;
}

int
// NOLINTNEXTLINE(misc-no-recursion): filters nest ≤ JSON_PATH_NEST_MAX
path_accepts(struct path_eval *eval, const struct path_filter *filter,
             json_t *item, bool *out)
{
    int rc = 0;

    *out = false;
    if (eval->visits_left == 0) {
        return odk_err_set(eval->err, ODK_ELIMIT,
                           "The filter needs too many steps");
    }
    eval->visits_left--;
    switch (filter->kind) {
    case PATH_FILTER_OR:
    case PATH_FILTER_AND:
        return accept_children(eval, filter, item, out);
    case PATH_FILTER_NOT:
        rc = path_accepts(eval, filter->children, item, out);
        *out = !*out;
        return rc;
    case PATH_FILTER_EXISTS:
        return accept_exists(eval, filter, item, out);
    case PATH_FILTER_COMPARE:
        break;
    }
    return accept_compare(eval, filter, item, out);
}
