/*
 * The functions at the end of a path. Arguments are literals or paths on the
 * whole document.
 */

#include <math.h>
#include <stdlib.h>

#include "json/json.h"
#include "json/json_path_priv.h"

/** Numbers of a list and of the arguments, in one pass. */
struct path_sum {
    double sum, squares, min, max;
    size_t n;
};

static void
add_number(struct path_sum *sum, const json_t *value)
{
    double number = json_number_value(value);

    if (!json_is_number(value)) {
        return;
    }
    sum->min = sum->n == 0 || number < sum->min ? number : sum->min;
    sum->max = sum->n == 0 || number > sum->max ? number : sum->max;
    sum->sum += number;
    sum->squares += number * number;
    sum->n++;
}

static void
add_numbers(struct path_sum *sum, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        add_number(sum, json_array_get(list, i));
    }
}

/* An argument's value; *out is a new reference. */
static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
load_argument(struct path_eval *eval, const struct path_argument *argument,
              json_t **out)
{
    if (!argument->path) {
        *out = json_incref(argument->literal);
        return 0;
    }
    return path_eval_chain(eval, argument->path, eval->root, out);
}

static int
empty_array(const struct path_eval *eval)
{
    return odk_err_set(eval->err, ODK_EINVAL,
                       "Aggregation function attempted to calculate value "
                       "using empty array");
}

static double
total(enum path_function id, const struct path_sum *sum)
{
    double n = (double)sum->n;

    switch (id) {
    case PATH_FN_AVG:
        return sum->sum / n;
    case PATH_FN_STDDEV:
        return sqrt(fmax(sum->squares / n - sum->sum * sum->sum / n / n, 0));
    case PATH_FN_MIN:
        return sum->min;
    case PATH_FN_MAX:
        return sum->max;
    case PATH_FN_SUM:
    case PATH_FN_CONCAT:
    case PATH_FN_LENGTH:
    case PATH_FN_APPEND:
    case PATH_FN_KEYS:
    case PATH_FN_FIRST:
    case PATH_FN_LAST:
    case PATH_FN_INDEX:
    case PATH_FN_DISTINCT:
        break;
    }
    return sum->sum;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
call_numeric(struct path_eval *eval, const struct path_step *step,
             json_t *value, json_t **out)
{
    struct path_sum sum = {0};

    add_numbers(&sum, value);
    for (const struct path_argument *argument = step->function.arguments;
         argument; argument = argument->next) {
        json_t *loaded = NULL;
        int rc = load_argument(eval, argument, &loaded);
        if (rc != 0) {
            return rc;
        }
        add_number(&sum, loaded);
        add_numbers(&sum, loaded);
        json_decref(loaded);
    }
    if (sum.n == 0) {
        return empty_array(eval);
    }
    double result = total(step->function.id, &sum);
    if (!isfinite(result)) {
        return odk_err_set(eval->err, ODK_EINVAL,
                           "The result of the function is out of range");
    }
    *out = json_real(result);
    return 0;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
call_concat(struct path_eval *eval, const struct path_step *step, json_t *value,
            json_t **out)
{
    struct odk_buf text;
    int rc = 0;

    odk_buf_init(&text, 0);
    for (size_t i = 0; i < json_array_size(value); i++) {
        odk_buf_put_str(&text, json_str(json_array_get(value, i)));
    }
    for (const struct path_argument *argument = step->function.arguments;
         rc == 0 && argument; argument = argument->next) {
        json_t *loaded = NULL;
        rc = load_argument(eval, argument, &loaded);
        if (rc == 0 && json_is_string(loaded)) {
            odk_buf_put_str(&text, json_str(loaded));
        } else if (rc == 0 && !json_is_null(loaded)) {
            rc = json_dump(loaded, &text);
        }
        json_decref(loaded);
    }
    if (rc == 0) {
        *out = json_str_new(odk_buf_str(&text));
    }
    odk_buf_release(&text);
    return rc;
}

static size_t
size_of(const json_t *value)
{
    return json_array_size(value) + json_object_size(value);
}

/* Of a list or object; with an argument: how many children that has, over all
 * that it finds. */
static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
call_length(struct path_eval *eval, const struct path_step *step, json_t *value,
            json_t **out)
{
    const struct path_argument *argument = step->function.arguments;
    json_t *loaded = NULL;
    size_t n = 0;

    if (argument && argument->path) {
        int rc = load_argument(eval, argument, &loaded);
        if (rc != 0) {
            return rc;
        }
        if (argument->path->is_definite) {
            n = size_of(loaded);
        }
        for (size_t i = 0;
             !argument->path->is_definite && i < json_array_size(loaded); i++) {
            n += size_of(json_array_get(loaded, i));
        }
        json_decref(loaded);
        *out = json_integer((json_int_t)n);
        return 0;
    }
    *out = json_is_array(value) || json_is_object(value)
               ? json_integer((json_int_t)size_of(value))
               : json_null();
    return 0;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
call_append(struct path_eval *eval, const struct path_step *step, json_t *value,
            json_t **out)
{
    if (!json_is_array(value)) {
        *out = json_incref(value);
        return 0;
    }
    json_t *list = json_share_members(value);
    for (const struct path_argument *argument = step->function.arguments;
         argument; argument = argument->next) {
        json_t *loaded = NULL;
        int rc = load_argument(eval, argument, &loaded);
        if (rc != 0) {
            json_decref(list);
            return rc;
        }
        json_append(list, loaded);
    }
    *out = list;
    return 0;
}

static void
call_keys(const json_t *value, json_t **out)
{
    struct json_member_iter it;

    if (!json_is_object(value)) {
        *out = json_null();
        return;
    }
    *out = json_array();
    for (json_member_first(&it, value); it.value; json_member_next(&it)) {
        json_append(*out, json_str_new(it.key));
    }
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
call_element(struct path_eval *eval, const struct path_step *step,
             json_t *value, json_t **out)
{
    const struct path_argument *argument = step->function.arguments;
    int64_t n = (int64_t)json_array_size(value);
    int64_t index = step->function.id == PATH_FN_LAST ? -1 : 0;

    if (!json_is_array(value)) {
        return empty_array(eval);
    }
    if (step->function.id == PATH_FN_INDEX) {
        json_t *loaded = NULL;
        int rc = argument ? load_argument(eval, argument, &loaded) : 0;
        bool is_index = rc == 0 && json_to_i64(loaded, &index);
        json_decref(loaded);
        if (rc != 0 || !is_index) {
            return rc != 0 ? rc
                           : odk_err_set(eval->err, ODK_EINVAL,
                                         "index() needs an integer");
        }
    }
    int64_t place = index < 0 ? index + n : index;
    if (place < 0 || place >= n) {
        return odk_err_set(eval->err, ODK_EINVAL,
                           "Target index:%lld larger than object count:%lld",
                           (long long)index, (long long)n);
    }
    *out = json_incref(json_array_get(value, (size_t)place));
    return 0;
}

static int
call_distinct(struct path_eval *eval, const json_t *value, json_t **out)
{
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(value); i++) {
        json_t *member = json_array_get(value, i);
        size_t seen = 0;
        size_t n = json_array_size(list);
        if (eval->visits_left < n) {
            json_decref(list);
            return odk_err_set(eval->err, ODK_ELIMIT,
                               "distinct() needs too many steps");
        }
        eval->visits_left -= n;
        while (seen < n && !json_eq(json_array_get(list, seen), member)) {
            seen++;
        }
        if (seen == n) {
            json_append(list, json_incref(member));
        }
    }
    *out = list;
    return 0;
}

int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
path_call(struct path_eval *eval, const struct path_step *step, json_t *value,
          json_t **out)
{
    *out = NULL;
    switch (step->function.id) {
    case PATH_FN_AVG:
    case PATH_FN_STDDEV:
    case PATH_FN_SUM:
    case PATH_FN_MIN:
    case PATH_FN_MAX:
        return call_numeric(eval, step, value, out);
    case PATH_FN_CONCAT:
        return call_concat(eval, step, value, out);
    case PATH_FN_LENGTH:
        return call_length(eval, step, value, out);
    case PATH_FN_APPEND:
        return call_append(eval, step, value, out);
    case PATH_FN_KEYS:
        call_keys(value, out);
        return 0;
    case PATH_FN_FIRST:
    case PATH_FN_LAST:
    case PATH_FN_INDEX:
        return call_element(eval, step, value, out);
    case PATH_FN_DISTINCT:
        break;
    }
    return call_distinct(eval, value, out);
}
