/*
 * Text → steps. The grammar is the one that Jayway's compiler accepts, so names
 * after a dot may hold any character but blanks, dots and brackets.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"
#include "json/json_path.h"
#include "json/json_path_priv.h"

#define PATH_MAGIC 0x4a504154u

bool
path_fail(struct path_parser *p, int code, const char *fmt, ...)
{
    char text[256] = "";
    va_list args;

    if (p->rc == 0) {
        va_start(args, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        p->rc = odk_err_set(p->err, code, "%s", text);
    }
    return false;
}

void *
path_alloc(struct path_parser *p, size_t size)
{
    void *memory = odk_arena_alloc(&p->path->arena, size);

    odk_assert(memory != NULL);
    return memory;
}

void
path_own(struct path_parser *p, json_t *literal, pcre2_code *pattern)
{
    struct path_owned *owned = path_alloc(p, sizeof(*owned));

    *owned = (struct path_owned){literal, pattern, p->path->owned};
    p->path->owned = owned;
}

void
path_skip_space(struct path_parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' ||
                              *p->at == '\n' || *p->at == '\r')) {
        p->at++;
    }
}

bool
path_take(struct path_parser *p, char c)
{
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

bool
path_take_text(struct path_parser *p, struct odk_str text)
{
    if (odk_str_starts(odk_str_n(p->at, (size_t)(p->end - p->at)), text)) {
        p->at += text.len;
        return true;
    }
    return false;
}

static size_t
position(const struct path_parser *p)
{
    return (size_t)(p->at - p->start);
}

static struct path_step *
add_step(struct path_parser *p, struct path_chain *chain,
         enum path_step_kind kind)
{
    struct path_step *step = NULL;
    struct path_step **tail = &chain->first;

    if (chain->n_steps >= JSON_PATH_STEPS_MAX) {
        (void)path_fail(p, ODK_ELIMIT, "The path has more than %d steps",
                        JSON_PATH_STEPS_MAX);
        return NULL;
    }
    while (*tail) {
        tail = &(*tail)->next;
    }
    step = path_alloc(p, sizeof(*step));
    step->kind = kind;
    *tail = step;
    chain->n_steps++;
    return step;
}

/* The name between quotes: an escaped quote or backslash stands for itself, any
 * other backslash is part of the name (recorded: the service finds the member
 * Test\""Name" with that very text). */
static bool
parse_quoted(struct path_parser *p, char quote, struct odk_str *out)
{
    const char *start = p->at;
    char *copy = NULL;
    size_t len = 0;

    while (p->at < p->end && *p->at != quote) {
        p->at += *p->at == '\\' && p->end - p->at > 1 ? 2 : 1;
    }
    if (p->at >= p->end) {
        return path_fail(p, ODK_ESYNTAX,
                         "Property has not been closed - missing closing %c",
                         quote);
    }
    copy = path_alloc(p, (size_t)(p->at - start) + 1);
    for (const char *c = start; c < p->at; c++) {
        if (*c == '\\' && c + 1 < p->at && (c[1] == quote || c[1] == '\\')) {
            c++;
        }
        copy[len++] = *c;
    }
    p->at++;
    *out = odk_str_n(copy, len);
    return true;
}

/* Behind `[`, at a quote. */
static bool
parse_names(struct path_parser *p, struct path_chain *chain)
{
    char quote = path_peek(p);
    struct odk_str names[JSON_PATH_UNION_MAX];
    size_t n = 0;

    do {
        path_skip_space(p);
        if (!path_take(p, quote)) {
            return path_fail(p, ODK_ESYNTAX,
                             "Found empty property at index %zu", position(p));
        }
        if (n == JSON_PATH_UNION_MAX) {
            return path_fail(p, ODK_ELIMIT, "More than %d properties in a step",
                             JSON_PATH_UNION_MAX);
        }
        if (!parse_quoted(p, quote, &names[n++])) {
            return false;
        }
        path_skip_space(p);
    } while (path_take(p, ','));
    if (!path_take(p, ']')) {
        return path_fail(
            p, ODK_ESYNTAX,
            p->at < p->end ? "Property must be separated by comma or Property "
                             "must be terminated close square bracket at "
                             "index %zu"
                           : "Property has not been closed - missing closing "
                             "] at index %zu",
            position(p));
    }
    struct path_step *step = add_step(p, chain, PATH_NAME);
    if (!step) {
        return false;
    }
    step->names.list = path_alloc(p, n * sizeof(names[0]));
    memcpy(step->names.list, names, n * sizeof(names[0]));
    step->names.n = n;
    return true;
}

/* A decimal integer of 32 bits, as Java's. */
static bool
parse_index(struct path_parser *p, int64_t *out)
{
    const char *start = p->at;

    (void)path_take(p, '-');
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        p->at++;
    }
    return odk_str_to_i64(odk_str_n(start, (size_t)(p->at - start)), out) &&
           *out >= INT32_MIN && *out <= INT32_MAX;
}

static bool
bad_index(struct path_parser *p, const char *start)
{
    const char *end = memchr(start, ']', (size_t)(p->end - start));

    end = end ? end : p->end;
    return path_fail(p, ODK_ESYNTAX,
                     "Failed to parse ArrayIndexOperation: %.*s",
                     (int)(end - start), start);
}

/* Behind `[`, at the first sign of a slice; from is what stood before the
 * colon. */
static bool
parse_slice(struct path_parser *p, struct path_chain *chain,
            const int64_t *from)
{
    struct path_step *step = add_step(p, chain, PATH_SLICE);
    const char *start = p->at;

    if (!step) {
        return false;
    }
    step->slice.has_from = from != NULL;
    step->slice.from = from ? *from : 0;
    path_skip_space(p);
    if (path_peek(p) != ']') {
        step->slice.has_to = true;
        if (!parse_index(p, &step->slice.to)) {
            return bad_index(p, start);
        }
        path_skip_space(p);
    }
    if (!path_take(p, ']') || (!step->slice.has_from && !step->slice.has_to)) {
        return path_fail(p, ODK_ESYNTAX, "Failed to parse SliceOperation: %.*s",
                         (int)(p->at - start), start);
    }
    return true;
}

/* Behind `[`, at a digit, minus or colon. */
static bool
parse_indices(struct path_parser *p, struct path_chain *chain)
{
    int64_t indices[JSON_PATH_UNION_MAX];
    const char *start = p->at;
    size_t n = 0;

    if (path_take(p, ':')) {
        return parse_slice(p, chain, NULL);
    }
    do {
        path_skip_space(p);
        if (n == JSON_PATH_UNION_MAX) {
            return path_fail(p, ODK_ELIMIT, "More than %d indices in a step",
                             JSON_PATH_UNION_MAX);
        }
        if (!parse_index(p, &indices[n++])) {
            return bad_index(p, start);
        }
        path_skip_space(p);
        if (n == 1 && path_take(p, ':')) {
            return parse_slice(p, chain, &indices[0]);
        }
    } while (path_take(p, ','));
    if (!path_take(p, ']')) {
        return bad_index(p, start);
    }
    struct path_step *step = add_step(p, chain, PATH_INDEX);
    if (!step) {
        return false;
    }
    step->indices.list = path_alloc(p, n * sizeof(indices[0]));
    memcpy(step->indices.list, indices, n * sizeof(indices[0]));
    step->indices.n = n;
    return true;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_bracket(struct path_parser *p, struct path_chain *chain)
{
    size_t open = position(p);

    p->at++;
    path_skip_space(p);
    char c = path_peek(p);
    if (c == '\'' || c == '"') {
        return parse_names(p, chain);
    }
    if ((c >= '0' && c <= '9') || c == '-' || c == ':') {
        return parse_indices(p, chain);
    }
    if (path_take(p, '*')) {
        path_skip_space(p);
        if (!path_take(p, ']')) {
            return path_fail(
                p, ODK_ESYNTAX,
                "Expected wildcard token to end with ']' on position %zu",
                position(p));
        }
        return add_step(p, chain, PATH_WILDCARD) != NULL;
    }
    if (path_take(p, '?')) {
        struct path_step *step = add_step(p, chain, PATH_FILTER);
        return step && path_parse_filter(p, &step->filter);
    }
    return path_fail(p, ODK_ESYNTAX,
                     "Could not parse token starting at position %zu. "
                     "Expected ?, ', 0-9, * ",
                     open);
}

static bool
ends_name(char c, enum path_place place)
{
    if (c == '.' || c == '[' || c == '(') {
        return true;
    }
    switch (place) {
    case PATH_ALONE:
        return c == ' ';
    case PATH_IN_FILTER:
        return c != '\0' && strchr(" <>=~!)&|,]", c) != NULL;
    case PATH_IN_ARGUMENT:
        return c != '\0' && strchr(" ,)", c) != NULL;
    }
    return false;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_argument(struct path_parser *p, struct path_argument **out)
{
    struct path_argument *argument = path_alloc(p, sizeof(*argument));
    char c = path_peek(p);

    *out = argument;
    if (c != '$' && c != '@') {
        return path_parse_literal(p, &argument->literal);
    }
    argument->path = path_alloc(p, sizeof(*argument->path));
    return path_parse_chain(p, PATH_IN_ARGUMENT, argument->path);
}

/* Behind `name(`. */
static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_function(struct path_parser *p, struct path_chain *chain,
               struct odk_str name)
{
    static const char *const names[] = {
        "avg",    "stddev", "sum",   "min",  "max",   "concat",  "length",
        "append", "keys",   "first", "last", "index", "distinct"};
    struct path_step *step = add_step(p, chain, PATH_FUNCTION);
    size_t id = 0;

    if (!step) {
        return false;
    }
    while (id < ODK_ARRAY_LEN(names) && !odk_str_is(name, names[id])) {
        id++;
    }
    if (id == ODK_ARRAY_LEN(names) && odk_str_is(name, "size")) {
        id = PATH_FN_LENGTH;
    }
    if (id == ODK_ARRAY_LEN(names)) {
        return path_fail(p, ODK_ESYNTAX,
                         "Function with name: %.*s does not exist.",
                         ODK_STR_ARG(name));
    }
    step->function.id = (enum path_function)id;
    struct path_argument **tail = &step->function.arguments;
    path_skip_space(p);
    if (path_take(p, ')')) {
        return true;
    }
    do {
        path_skip_space(p);
        if (!parse_argument(p, tail)) {
            return false;
        }
        tail = &(*tail)->next;
        path_skip_space(p);
    } while (path_take(p, ','));
    return path_take(p, ')') ||
           path_fail(p, ODK_ESYNTAX,
                     "Arguments to function: '%.*s' are not closed properly.",
                     ODK_STR_ARG(name));
}

/* A bare name, `name()` or `*`, behind a dot. */
static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_bare(struct path_parser *p, struct path_chain *chain,
           enum path_place place)
{
    const char *start = p->at;

    if (path_take(p, '*')) {
        return add_step(p, chain, PATH_WILDCARD) != NULL;
    }
    while (p->at < p->end && !ends_name(*p->at, place)) {
        p->at++;
    }
    struct odk_str name = odk_str_n(start, (size_t)(p->at - start));
    if (path_peek(p) == ' ' && place == PATH_ALONE) {
        return path_fail(p, ODK_ESYNTAX,
                         "Use bracket notion ['my prop'] if your property "
                         "contains blank characters. position: %zu",
                         (size_t)(start - p->start));
    }
    if (name.len == 0) {
        return path_fail(p, ODK_ESYNTAX,
                         "Could not parse token starting at position %zu",
                         position(p));
    }
    if (path_take(p, '(')) {
        return parse_function(p, chain, name);
    }
    struct path_step *step = add_step(p, chain, PATH_NAME);
    if (!step) {
        return false;
    }
    step->names.list = path_alloc(p, sizeof(name));
    step->names.list[0] = odk_arena_str(&p->path->arena, name);
    step->names.n = 1;
    return true;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_dot(struct path_parser *p, struct path_chain *chain,
          enum path_place place)
{
    bool is_scan = path_take_text(p, ODK_STR(".."));

    if (!is_scan) {
        p->at++;
    }
    if (p->at == p->end) {
        return path_fail(p, ODK_ESYNTAX,
                         "Path must not end with a '.' or '..'");
    }
    if (is_scan && !add_step(p, chain, PATH_SCAN)) {
        return false;
    }
    if (path_peek(p) == '.') {
        return path_fail(p, ODK_ESYNTAX,
                         "Character '.' on position %zu is not valid.",
                         position(p));
    }
    return path_peek(p) == '[' ? parse_bracket(p, chain)
                               : parse_bare(p, chain, place);
}

/* What the steps together are. */
static void
classify(struct path_chain *chain)
{
    bool is_upstream_definite = true;

    chain->is_simple = true;
    for (struct path_step *step = chain->first; step; step = step->next) {
        switch (step->kind) {
        case PATH_NAME:
            step->is_definite = step->names.n == 1 || !step->next;
            chain->is_simple = chain->is_simple && step->names.n == 1;
            break;
        case PATH_INDEX:
            step->is_definite = step->indices.n == 1;
            chain->is_simple = chain->is_simple && step->is_definite;
            break;
        case PATH_FUNCTION:
            step->is_definite = true;
            chain->is_simple = false;
            chain->is_function = !step->next;
            break;
        case PATH_SLICE:
        case PATH_WILDCARD:
        case PATH_SCAN:
        case PATH_FILTER:
            chain->is_simple = false;
            break;
        }
        step->is_upstream_definite = is_upstream_definite;
        is_upstream_definite = is_upstream_definite && step->is_definite;
    }
    chain->is_definite = is_upstream_definite;
}

/* `$..a.sum()` sums all that the scan finds: the function goes to the front
 * with the rest of the path as its argument. Only a scan as the first step is
 * turned, as in Jayway's. */
static void
invert_scan(struct path_parser *p, struct path_chain *chain)
{
    struct path_step *prior = NULL;
    struct path_step *step = chain->first;

    if (!chain->is_function || !step || step->kind != PATH_SCAN) {
        return;
    }
    while (step && step->kind != PATH_FUNCTION) {
        prior = step;
        step = step->next;
    }
    if (!step || !prior) {
        return;
    }
    struct path_argument *argument = path_alloc(p, sizeof(*argument));
    argument->path = path_alloc(p, sizeof(*argument->path));
    *argument->path = *chain;
    prior->next = NULL;
    argument->path->is_function = false;
    classify(argument->path);
    step->function.arguments = argument;
    chain->first = step;
    classify(chain);
}

bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
path_parse_chain(struct path_parser *p, enum path_place place,
                 struct path_chain *out)
{
    bool is_good = true;

    if (p->nest >= JSON_PATH_NEST_MAX) {
        return path_fail(p, ODK_ELIMIT, "The path is nested too deep");
    }
    if (path_peek(p) != '$' && path_peek(p) != '@') {
        return path_fail(p, ODK_ESYNTAX, "Path must start with '$' or '@'");
    }
    p->nest++;
    out->is_item = *p->at++ == '@';
    while (is_good && (path_peek(p) == '.' || path_peek(p) == '[')) {
        is_good = path_peek(p) == '.' ? parse_dot(p, out, place)
                                      : parse_bracket(p, out);
    }
    p->nest--;
    if (is_good) {
        classify(out);
        invert_scan(p, out);
    }
    return is_good;
}

static bool
is_reference(const struct path_chain *chain)
{
    if (!chain->is_simple) {
        return false;
    }
    for (const struct path_step *step = chain->first; step; step = step->next) {
        if (step->kind == PATH_INDEX && step->indices.list[0] < 0) {
            return false;
        }
    }
    return true;
}

static void
parse_whole(struct path_parser *p)
{
    if (path_peek(p) == '@') {
        (void)path_fail(p, ODK_ESYNTAX, "Path must start with '$' or '@'");
        return;
    }
    if (!path_parse_chain(p, PATH_ALONE, &p->path->chain)) {
        return;
    }
    if (p->at != p->end) {
        (void)path_fail(p, ODK_ESYNTAX,
                        "Illegal character at position %zu expected '.' or '['",
                        position(p));
        return;
    }
    p->path->is_reference = is_reference(&p->path->chain);
}

int
json_path_compile(struct odk_str text, struct json_path **out,
                  struct odk_err *err)
{
    struct json_path *path = NULL;

    *out = NULL;
    if (text.len > JSON_PATH_BYTES_MAX) {
        return odk_err_set(err, ODK_ELIMIT, "The path is longer than %d bytes",
                           JSON_PATH_BYTES_MAX);
    }
    if (!odk_str_is_utf8(text)) {
        return odk_err_set(err, ODK_ESYNTAX, "The path is not UTF-8");
    }
    path = calloc(1, sizeof(*path));
    if (!path) {
        odk_out_of_memory();
    }
    path->magic = PATH_MAGIC;
    odk_arena_init(&path->arena, 0);
    path->text = odk_arena_str(&path->arena, text);
    struct path_parser p = {
        .path = path,
        .start = path->text.ptr,
        .at = path->text.ptr,
        .end = path->text.ptr + path->text.len,
        .err = err,
    };
    while (p.end > p.at && p.end[-1] == ' ') {
        p.end--;
    }
    path_skip_space(&p);
    parse_whole(&p);
    if (p.rc != 0) {
        json_path_free(path);
        return p.rc;
    }
    *out = path;
    return 0;
}

void
json_path_free(struct json_path *path)
{
    if (!path) {
        return;
    }
    odk_assert(path->magic == PATH_MAGIC);
    for (struct path_owned *owned = path->owned; owned; owned = owned->next) {
        json_decref(owned->literal);
        pcre2_code_free(owned->pattern);
    }
    odk_arena_release(&path->arena);
    path->magic = 0;
    free(path);
}

struct odk_str
json_path_text(const struct json_path *path)
{
    odk_assert(path->magic == PATH_MAGIC);
    return path->text;
}

bool
json_path_is_definite(const struct json_path *path)
{
    odk_assert(path->magic == PATH_MAGIC);
    return path->chain.is_definite;
}

bool
json_path_is_reference(const struct json_path *path)
{
    odk_assert(path->magic == PATH_MAGIC);
    return path->is_reference;
}

bool
json_path_is_root(const struct json_path *path)
{
    odk_assert(path->magic == PATH_MAGIC);
    return !path->chain.first;
}
