#include <stdlib.h>

#include "expr/expr_priv.h"

int
expr_array(const struct expr_call *call, json_t **out)
{
    *out = json_array();
    for (size_t i = 0; i < call->node->n_arguments; i++) {
        json_append(*out, json_incref(call->arguments[i]));
    }
    return 0;
}

int
expr_array_partition(const struct expr_call *call, json_t **out)
{
    const json_t *array = expr_want_array(call, 0);
    json_t *part = NULL;
    int64_t size = 0;

    if (!array || !expr_want_integer(call, 1, &size)) {
        return ODK_EINVAL;
    }
    if (size < 1) {
        return expr_call_fail(call, "The chunk size must be positive");
    }
    *out = json_array();
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (!part || json_array_size(part) == (size_t)size) {
            part = json_array();
            json_append(*out, part);
        }
        json_append(part, json_incref(json_array_get(array, i)));
    }
    return 0;
}

int
expr_array_contains(const struct expr_call *call, json_t **out)
{
    const json_t *array = expr_want_array(call, 0);
    bool is_found = false;

    if (!array) {
        return ODK_EINVAL;
    }
    for (size_t i = 0; !is_found && i < json_array_size(array); i++) {
        is_found = json_eq(json_array_get(array, i), call->arguments[1]);
    }
    *out = json_boolean(is_found);
    return 0;
}

/* How many steps lead from first to last, both included; computed without
 * signed overflow. */
static uint64_t
range_length(int64_t first, int64_t last, int64_t step)
{
    if ((step > 0 && first > last) || (step < 0 && first < last)) {
        return 0;
    }
    uint64_t distance = step > 0 ? (uint64_t)last - (uint64_t)first
                                 : (uint64_t)first - (uint64_t)last;
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    uint64_t steps = distance / stride;
    return steps == UINT64_MAX ? steps : steps + 1;
}

int
expr_array_range(const struct expr_call *call, json_t **out)
{
    int64_t first = 0;
    int64_t last = 0;
    int64_t step = 0;

    if (!expr_want_integer(call, 0, &first) ||
        !expr_want_integer(call, 1, &last) ||
        !expr_want_integer(call, 2, &step)) {
        return ODK_EINVAL;
    }
    if (step == 0) {
        return expr_call_fail(call, "The step of a range must not be 0");
    }
    uint64_t n = range_length(first, last, step);
    if (n > EXPR_RANGE_MAX) {
        return expr_call_fail(call,
                              "A range must not have more than %d elements",
                              EXPR_RANGE_MAX);
    }
    *out = json_array();
    for (uint64_t i = 0; i < n; i++) {
        uint64_t value = (uint64_t)first + i * (uint64_t)step;
        json_append(*out, json_integer((json_int_t)value));
    }
    return 0;
}

int
expr_array_get_item(const struct expr_call *call, json_t **out)
{
    const json_t *array = expr_want_array(call, 0);
    int64_t index = 0;

    if (!array || !expr_want_integer(call, 1, &index)) {
        return ODK_EINVAL;
    }
    if (index < 0 || (size_t)index >= json_array_size(array)) {
        return expr_call_fail(call,
                              "The index %lld is out of bounds of an array of "
                              "%zu elements",
                              (long long)index, json_array_size(array));
    }
    *out = json_incref(json_array_get(array, (size_t)index));
    return 0;
}

int
expr_array_length(const struct expr_call *call, json_t **out)
{
    const json_t *array = expr_want_array(call, 0);

    if (!array) {
        return ODK_EINVAL;
    }
    *out = json_integer((json_int_t)json_array_size(array));
    return 0;
}

/* Strings, which are most of what there is, are found by a table; the rest is
 * compared pair by pair within a budget. */
struct seen_string {
    struct odk_map_node node;
};

struct unique {
    struct odk_map strings;
    struct seen_string *nodes;
    size_t n_nodes;
    json_t *list;
    size_t compares_left;
};

static bool
is_new_string(struct unique *unique, const json_t *value)
{
    struct odk_str text = json_str(value);

    if (odk_map_find(&unique->strings, text)) {
        return false;
    }
    odk_map_add(&unique->strings, &unique->nodes[unique->n_nodes++].node, text);
    return true;
}

static bool
is_new_other(struct unique *unique, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(unique->list); i++) {
        if (unique->compares_left == 0) {
            return false;
        }
        unique->compares_left--;
        if (json_eq(json_array_get(unique->list, i), value)) {
            return false;
        }
    }
    return true;
}

int
expr_array_unique(const struct expr_call *call, json_t **out)
{
    const json_t *array = expr_want_array(call, 0);
    struct unique unique = {.compares_left = EXPR_COMPARES_MAX};

    if (!array) {
        return ODK_EINVAL;
    }
    size_t n = json_array_size(array);
    unique.nodes = calloc(n ? n : 1, sizeof(*unique.nodes));
    if (!unique.nodes) {
        odk_out_of_memory();
    }
    unique.list = json_array();
    odk_map_init(&unique.strings);
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_array_get(array, i);
        if (json_is_string(value) ? is_new_string(&unique, value)
                                  : is_new_other(&unique, value)) {
            json_append(unique.list, json_incref(value));
        }
    }
    odk_map_release(&unique.strings);
    free(unique.nodes);
    if (unique.compares_left == 0) {
        json_decref(unique.list);
        return expr_call_fail(call, "The array has too many different values");
    }
    *out = unique.list;
    return 0;
}
