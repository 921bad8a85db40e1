/*
 * Steps over values. A chain of single names and indices is a loop; everything
 * else is recursion over steps and, below `..`, over the document.
 */

#include <stdlib.h>

#include "json/json.h"
#include "json/json_path.h"
#include "json/json_path_priv.h"

/** What one chain has found so far. */
struct path_walk {
    struct path_eval *eval;
    const struct path_chain *chain;
    json_t *last;  /**< definite chains: the latest result, owned */
    json_t *found; /**< indefinite chains: the list */
    size_t n;
};

static int eval_step(struct path_walk *walk, const struct path_step *step,
                     json_t *value);

static void
put_indices(struct odk_buf *out, const struct path_step *step)
{
    for (size_t i = 0; i < step->indices.n; i++) {
        odk_buf_put_cstr(out, i > 0 ? "," : "");
        odk_buf_put_i64(out, step->indices.list[i]);
    }
}

static void
put_names(struct odk_buf *out, const struct path_step *step)
{
    for (size_t i = 0; i < step->names.n; i++) {
        odk_buf_put_cstr(out, i > 0 ? ",'" : "'");
        odk_buf_put_str(out, step->names.list[i]);
        odk_buf_put_char(out, '\'');
    }
}

static void
put_slice(struct odk_buf *out, const struct path_step *step)
{
    if (step->slice.has_from) {
        odk_buf_put_i64(out, step->slice.from);
    }
    odk_buf_put_char(out, ':');
    if (step->slice.has_to) {
        odk_buf_put_i64(out, step->slice.to);
    }
}

/* A step as Jayway prints it. */
static void
put_step(struct odk_buf *out, const struct path_step *step)
{
    if (step->kind == PATH_SCAN) {
        odk_buf_put_cstr(out, "..");
        return;
    }
    odk_buf_put_char(out, '[');
    switch (step->kind) {
    case PATH_NAME:
        put_names(out, step);
        break;
    case PATH_INDEX:
        put_indices(out, step);
        break;
    case PATH_SLICE:
        put_slice(out, step);
        break;
    case PATH_WILDCARD:
        odk_buf_put_char(out, '*');
        break;
    case PATH_FILTER:
    case PATH_FUNCTION:
    case PATH_SCAN:
        odk_buf_put_char(out, '?');
        break;
    }
    odk_buf_put_char(out, ']');
}

/* The chain up to a step, which is included; all of it for NULL. */
static void
put_chain(struct odk_buf *out, const struct path_chain *chain,
          const struct path_step *last)
{
    odk_buf_put_char(out, chain->is_item ? '@' : '$');
    for (const struct path_step *step = chain->first; step; step = step->next) {
        put_step(out, step);
        if (step == last) {
            break;
        }
    }
}

/* The chain before a step. */
static void
put_chain_before(struct odk_buf *out, const struct path_chain *chain,
                 const struct path_step *end)
{
    odk_buf_put_char(out, chain->is_item ? '@' : '$');
    for (const struct path_step *step = chain->first; step != end;
         step = step->next) {
        put_step(out, step);
    }
}

static const char *
java_class(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "java.util.LinkedHashMap";
    case JSON_ARRAY:
        return "java.util.ArrayList";
    case JSON_STRING:
        return "java.lang.String";
    case JSON_INTEGER:
        return "java.lang.Integer";
    case JSON_REAL:
        return "java.lang.Double";
    case JSON_TRUE:
    case JSON_FALSE:
        return "java.lang.Boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static int
finish_message(struct odk_err *err, int code, struct odk_buf *text)
{
    int rc = odk_err_set(err, code, "%.*s", ODK_STR_ARG(odk_buf_str(text)));

    odk_buf_release(text);
    return rc;
}

static int
no_results(const struct path_eval *eval, const struct path_chain *chain)
{
    struct odk_buf text;

    if (!eval->err) {
        return ODK_ENOTFOUND;
    }
    odk_buf_init(&text, 0);
    odk_buf_put_cstr(&text, "No results for path: ");
    put_chain(&text, chain, NULL);
    return finish_message(eval->err, ODK_ENOTFOUND, &text);
}

/* A name that a definite path asks of value, which does not have it. */
static int
missing_name(const struct path_eval *eval, const struct path_chain *chain,
             const struct path_step *step, const json_t *value)
{
    struct odk_buf text;

    if (!eval->err) {
        return ODK_ENOTFOUND;
    }
    if (json_is_object(value) && !step->next) {
        return no_results(eval, chain);
    }
    odk_buf_init(&text, 0);
    if (json_is_object(value)) {
        odk_buf_put_cstr(&text, "Missing property in path ");
        put_chain(&text, chain, step);
        return finish_message(eval->err, ODK_ENOTFOUND, &text);
    }
    odk_buf_put_cstr(&text, "Expected to find an object with property ");
    put_step(&text, step);
    odk_buf_put_cstr(&text, " in path ");
    put_chain_before(&text, chain, step);
    odk_buf_printf(
        &text,
        " but found '%s'. This is not a json object according to the "
        "JsonProvider: "
        "'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
        java_class(value));
    return finish_message(eval->err, ODK_ENOTFOUND, &text);
}

/* An array that a definite path wants, and value is none. */
static int
missing_array(const struct path_eval *eval, const struct path_chain *chain,
              const struct path_step *step, const json_t *value)
{
    struct odk_buf text;

    if (!eval->err) {
        return ODK_ENOTFOUND;
    }
    odk_buf_init(&text, 0);
    if (json_is_null(value)) {
        odk_buf_put_cstr(&text, "The path ");
        put_chain_before(&text, chain, step);
        odk_buf_put_cstr(&text, " is null");
    } else {
        odk_buf_put_cstr(&text, "Filter: ");
        put_step(&text, step);
        odk_buf_put_cstr(
            &text, " can only be applied to arrays. Current context is: ");
        json_put(&text, value);
    }
    return finish_message(eval->err, ODK_ENOTFOUND, &text);
}

static json_t *
element(const json_t *array, int64_t index)
{
    int64_t n = (int64_t)json_array_size(array);

    index = index < 0 ? index + n : index;
    return index >= 0 && index < n ? json_array_get(array, (size_t)index)
                                   : NULL;
}

static int
eval_simple(const struct path_eval *eval, const struct path_chain *chain,
            json_t *value, json_t **out)
{
    for (const struct path_step *step = chain->first; step; step = step->next) {
        json_t *next = NULL;
        if (step->kind == PATH_NAME) {
            next = json_get_str(value, step->names.list[0]);
            if (!next) {
                return missing_name(eval, chain, step, value);
            }
        } else {
            if (!json_is_array(value)) {
                return missing_array(eval, chain, step, value);
            }
            next = element(value, step->indices.list[0]);
            if (!next) {
                return no_results(eval, chain);
            }
        }
        value = next;
    }
    *out = json_incref(value);
    return 0;
}

static int
add_result(struct path_walk *walk, json_t *value)
{
    if (walk->n >= JSON_PATH_RESULTS_MAX) {
        return odk_err_set(walk->eval->err, ODK_ELIMIT,
                           "The path finds more than %d values",
                           JSON_PATH_RESULTS_MAX);
    }
    walk->n++;
    if (walk->found) {
        json_append(walk->found, json_incref(value));
    } else {
        json_decref(walk->last);
        walk->last = json_incref(value);
    }
    return 0;
}

/* On with the step behind, or a result. */
static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
go_on(struct path_walk *walk, const struct path_step *step, json_t *value)
{
    return step->next ? eval_step(walk, step->next, value)
                      : add_result(walk, value);
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_name(struct path_walk *walk, const struct path_step *step, json_t *value)
{
    if (!json_is_object(value)) {
        return step->is_upstream_definite
                   ? missing_name(walk->eval, walk->chain, step, value)
                   : 0;
    }
    if (step->names.n > 1 && !step->next) {
        json_t *merged = json_object();
        for (size_t i = 0; i < step->names.n; i++) {
            json_t *member = json_get_str(value, step->names.list[i]);
            if (member) {
                json_set(merged, step->names.list[i], json_incref(member));
            }
        }
        int rc = add_result(walk, merged);
        json_decref(merged);
        return rc;
    }
    for (size_t i = 0; i < step->names.n; i++) {
        json_t *member = json_get_str(value, step->names.list[i]);
        int rc = 0;
        if (member) {
            rc = go_on(walk, step, member);
        } else if (step->next && step->is_upstream_definite &&
                   step->is_definite) {
            rc = missing_name(walk->eval, walk->chain, step, value);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* [from, to) as Jayway counts: a from below zero counts from the end only when
 * there is no to; with a to it is taken literally, each index for itself. */
static void
slice_bounds(const struct path_step *step, int64_t n, int64_t *from,
             int64_t *to)
{
    *from = step->slice.has_from ? step->slice.from : 0;
    *to = step->slice.has_to ? step->slice.to : n;
    if (!step->slice.has_to) {
        *from = *from < 0 ? *from + n : *from;
        *from = *from < 0 ? 0 : *from;
    } else if (!step->slice.has_from && *to < 0) {
        *to += n;
    }
    *from = *from < -n ? -n : *from;
    *to = *to > n ? n : *to;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_element(struct path_walk *walk, const struct path_step *step,
             const json_t *array, int64_t index)
{
    json_t *value = element(array, index);

    return value ? go_on(walk, step, value) : 0;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_array(struct path_walk *walk, const struct path_step *step, json_t *value)
{
    int rc = 0;

    if (!json_is_array(value)) {
        return step->is_upstream_definite
                   ? missing_array(walk->eval, walk->chain, step, value)
                   : 0;
    }
    if (step->kind == PATH_INDEX) {
        for (size_t i = 0; rc == 0 && i < step->indices.n; i++) {
            rc = eval_element(walk, step, value, step->indices.list[i]);
        }
        return rc;
    }
    int64_t from = 0;
    int64_t to = 0;
    slice_bounds(step, (int64_t)json_array_size(value), &from, &to);
    for (; rc == 0 && from < to; from++) {
        rc = eval_element(walk, step, value, from);
    }
    return rc;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_wildcard(struct path_walk *walk, const struct path_step *step,
              json_t *value)
{
    struct json_member_iter it;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(value); i++) {
        rc = go_on(walk, step, json_array_get(value, i));
    }
    for (json_member_first(&it, value); rc == 0 && it.value;
         json_member_next(&it)) {
        rc = go_on(walk, step, it.value);
    }
    return rc;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_accepted(struct path_walk *walk, const struct path_step *step,
              json_t *value)
{
    bool is_accepted = false;
    int rc = path_accepts(walk->eval, step->filter, value, &is_accepted);

    return rc == 0 && is_accepted ? go_on(walk, step, value) : rc;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_filter(struct path_walk *walk, const struct path_step *step, json_t *value)
{
    struct odk_buf text;
    int rc = 0;

    if (json_is_object(value)) {
        return eval_accepted(walk, step, value);
    }
    if (json_is_array(value)) {
        for (size_t i = 0; rc == 0 && i < json_array_size(value); i++) {
            rc = eval_accepted(walk, step, json_array_get(value, i));
        }
        return rc;
    }
    if (!step->is_upstream_definite) {
        return 0;
    }
    odk_buf_init(&text, 0);
    odk_buf_put_cstr(&text, "Filter: [?] can not be applied to primitives. "
                            "Current context is: ");
    json_put(&text, value);
    return finish_message(walk->eval->err, ODK_EINVAL, &text);
}

/* Whether the step behind `..` is worth a try on value. */
static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
scan_matches(struct path_walk *walk, const struct path_step *step,
             json_t *value, bool *out)
{
    *out = true;
    switch (step->kind) {
    case PATH_NAME:
        *out = json_is_object(value);
        for (size_t i = 0; *out && step->is_definite && i < step->names.n;
             i++) {
            *out = json_get_str(value, step->names.list[i]) != NULL;
        }
        break;
    case PATH_INDEX:
    case PATH_SLICE:
        *out = json_is_array(value);
        break;
    case PATH_FILTER:
        return path_accepts(walk->eval, step->filter, value, out);
    case PATH_WILDCARD:
        break;
    case PATH_SCAN:
    case PATH_FUNCTION:
        *out = false;
        break;
    }
    return 0;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_scan(struct path_walk *walk, const struct path_step *step, json_t *value)
{
    struct json_member_iter it;
    bool is_match = false;
    int rc = 0;

    if (!step->next || !(json_is_object(value) || json_is_array(value))) {
        return 0;
    }
    rc = scan_matches(walk, step->next, value, &is_match);
    if (rc == 0 && is_match) {
        rc = eval_step(walk, step->next, value);
    }
    for (size_t i = 0; rc == 0 && i < json_array_size(value); i++) {
        rc = eval_step(walk, step, json_array_get(value, i));
    }
    for (json_member_first(&it, value); rc == 0 && it.value;
         json_member_next(&it)) {
        rc = eval_step(walk, step, it.value);
    }
    return rc;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_function(struct path_walk *walk, const struct path_step *step,
              json_t *value)
{
    json_t *result = NULL;
    int rc = path_call(walk->eval, step, value, &result);

    if (rc == 0) {
        rc = go_on(walk, step, result);
    }
    json_decref(result);
    return rc;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
dispatch(struct path_walk *walk, const struct path_step *step, json_t *value)
{
    switch (step->kind) {
    case PATH_NAME:
        return eval_name(walk, step, value);
    case PATH_INDEX:
    case PATH_SLICE:
        return eval_array(walk, step, value);
    case PATH_WILDCARD:
        return eval_wildcard(walk, step, value);
    case PATH_SCAN:
        return eval_scan(walk, step, value);
    case PATH_FILTER:
        return eval_filter(walk, step, value);
    case PATH_FUNCTION:
        break;
    }
    return eval_function(walk, step, value);
}

static int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
eval_step(struct path_walk *walk, const struct path_step *step, json_t *value)
{
    struct path_eval *eval = walk->eval;

    if (eval->depth >= JSON_PATH_DEPTH_MAX || eval->visits_left == 0) {
        return odk_err_set(eval->err, ODK_ELIMIT,
                           "The path needs too many steps on this document");
    }
    eval->depth++;
    eval->visits_left--;
    int rc = dispatch(walk, step, value);
    eval->depth--;
    return rc;
}

int
// NOLINTNEXTLINE(misc-no-recursion): eval->depth ≤ JSON_PATH_DEPTH_MAX
path_eval_chain(struct path_eval *eval, const struct path_chain *chain,
                json_t *item, json_t **out)
{
    struct path_walk walk = {.eval = eval, .chain = chain};
    json_t *start = chain->is_item ? item : eval->root;
    int rc = 0;

    *out = NULL;
    if (chain->is_simple) {
        return eval_simple(eval, chain, start, out);
    }
    if (!chain->is_definite) {
        walk.found = json_array();
    }
    rc = eval_step(&walk, chain->first, start);
    if (rc == 0 && chain->is_definite && walk.n == 0) {
        rc = no_results(eval, chain);
    }
    if (rc != 0) {
        json_decref(walk.found);
        json_decref(walk.last);
        return rc;
    }
    *out = chain->is_definite ? walk.last : walk.found;
    return 0;
}

int
json_path_eval(const struct json_path *path, json_t *root, json_t **out,
               struct odk_err *err)
{
    struct path_eval eval = {
        .root = root,
        .err = err,
        .visits_left = JSON_PATH_VISITS_MAX,
    };

    return path_eval_chain(&eval, &path->chain, root, out);
}
