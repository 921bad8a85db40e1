/*
 * Text → tree:
 *     expression = path | call
 *     call       = "States." name "(" [ argument { "," argument } ] ")"
 *     argument   = path | call | 'string' | number | true | false | null
 */

#include "expr/expr_priv.h"

struct expr_parser {
    struct expr *expr;
    const char *start;
    const char *at;
    const char *end;
    unsigned nest;
    struct odk_err *err;
};

static const struct {
    struct odk_str name;
    uint32_t arguments_min;
    uint32_t arguments_max;
} functions[] = {
    [EXPR_ARRAY] = {ODK_STR_INIT("Array"), 0, EXPR_ARGS_MAX},
    [EXPR_ARRAY_PARTITION] = {ODK_STR_INIT("ArrayPartition"), 2, 2},
    [EXPR_ARRAY_CONTAINS] = {ODK_STR_INIT("ArrayContains"), 2, 2},
    [EXPR_ARRAY_RANGE] = {ODK_STR_INIT("ArrayRange"), 3, 3},
    [EXPR_ARRAY_GET_ITEM] = {ODK_STR_INIT("ArrayGetItem"), 2, 2},
    [EXPR_ARRAY_LENGTH] = {ODK_STR_INIT("ArrayLength"), 1, 1},
    [EXPR_ARRAY_UNIQUE] = {ODK_STR_INIT("ArrayUnique"), 1, 1},
    [EXPR_BASE64_ENCODE] = {ODK_STR_INIT("Base64Encode"), 1, 1},
    [EXPR_BASE64_DECODE] = {ODK_STR_INIT("Base64Decode"), 1, 1},
    [EXPR_HASH] = {ODK_STR_INIT("Hash"), 2, 2},
    [EXPR_JSON_MERGE] = {ODK_STR_INIT("JsonMerge"), 3, 3},
    [EXPR_STRING_TO_JSON] = {ODK_STR_INIT("StringToJson"), 1, 1},
    [EXPR_JSON_TO_STRING] = {ODK_STR_INIT("JsonToString"), 1, 1},
    [EXPR_MATH_RANDOM] = {ODK_STR_INIT("MathRandom"), 2, 3},
    [EXPR_MATH_ADD] = {ODK_STR_INIT("MathAdd"), 2, 2},
    [EXPR_STRING_SPLIT] = {ODK_STR_INIT("StringSplit"), 2, 2},
    [EXPR_UUID] = {ODK_STR_INIT("UUID"), 0, 0},
    [EXPR_FORMAT] = {ODK_STR_INIT("Format"), 1, EXPR_ARGS_MAX},
};

static int parse_call(struct expr_parser *p, struct expr_node *node);

static size_t
position(const struct expr_parser *p)
{
    return (size_t)(p->at - p->start);
}

static char
peek(const struct expr_parser *p)
{
    return p->at < p->end ? *p->at : '\0';
}

static bool
take(struct expr_parser *p, char c)
{
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

static void
skip_space(struct expr_parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' ||
                              *p->at == '\n' || *p->at == '\r')) {
        p->at++;
    }
}

static void *
alloc(struct expr_parser *p, size_t size)
{
    void *memory = odk_arena_alloc(&p->expr->arena, size);

    odk_assert(memory != NULL);
    return memory;
}

static bool
is_name_char(char c, bool is_first)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '_' || (unsigned char)c >= 0x80;

    return is_letter || (!is_first && c >= '0' && c <= '9');
}

/* Splits `$name…`, `$$…` or `$…` (all of text) and compiles the path in it. */
static int
parse_path(struct expr_parser *p, struct odk_str text, struct expr_node *node)
{
    size_t n = 1;
    int rc = 0;

    node->text = text;
    node->kind = EXPR_INPUT_PATH;
    if (text.len > 1 && text.ptr[1] == '$') {
        node->kind = EXPR_CONTEXT_PATH;
        return json_path_compile(odk_str_from(text, 1), &node->path, p->err);
    }
    while (n < text.len && is_name_char(text.ptr[n], n == 1)) {
        n++;
    }
    if (n == 1) {
        return json_path_compile(text, &node->path, p->err);
    }
    node->kind = EXPR_VARIABLE;
    node->variable = odk_str_n(text.ptr + 1, n - 1);
    if (node->variable.len > EXPR_VARIABLE_BYTES_MAX) {
        return odk_err_set(p->err, ODK_ELIMIT,
                           "The name of a variable is longer than %d bytes",
                           EXPR_VARIABLE_BYTES_MAX);
    }
    /* The path sees the variable's value as its root. */
    char *path = alloc(p, text.len - n + 1);
    path[0] = '$';
    memcpy(path + 1, text.ptr + n, text.len - n);
    rc = json_path_compile(odk_str_n(path, text.len - n + 1), &node->path,
                           p->err);
    return rc;
}

/* The closing quote of the name or literal that begins at `at`, or the end. */
static const char *
quote_end(const struct expr_parser *p, const char *at)
{
    char quote = *at++;

    while (at < p->end && *at != quote) {
        at += *at == '\\' && p->end - at > 1 ? 2 : 1;
    }
    return at < p->end ? at : p->end - 1;
}

/* End of a path among arguments: a comma or parenthesis outside of brackets,
 * parentheses and quotes. */
static const char *
path_end(const struct expr_parser *p)
{
    size_t open = 0;
    const char *at = p->at;

    for (; at < p->end; at++) {
        char c = *at;
        if (open > 0 && (c == '\'' || c == '"')) {
            at = quote_end(p, at);
        } else if (c == '[' || c == '(') {
            open++;
        } else if (open == 0 && (c == ',' || c == ')')) {
            break;
        } else if (c == ']' || c == ')') {
            open -= open > 0;
        }
    }
    while (at > p->at && (at[-1] == ' ' || at[-1] == '\t')) {
        at--;
    }
    return at;
}

/* Behind the opening quote. Legal escapes are \' \\ \{ \}. A template of Format
 * keeps all but \' for Format itself, which alone tells `{}` from `\{\}`. */
static int
parse_string(struct expr_parser *p, bool is_template, json_t **out)
{
    char *text = NULL;
    size_t len = 0;
    const char *start = p->at;

    while (p->at < p->end && *p->at != '\'') {
        p->at += *p->at == '\\' && p->end - p->at > 1 ? 2 : 1;
    }
    if (p->at >= p->end) {
        return odk_err_set(p->err, ODK_ESYNTAX,
                           "the string at position %zu is not closed",
                           (size_t)(start - p->start) - 1);
    }
    text = alloc(p, (size_t)(p->at - start) + 1);
    for (const char *c = start; c < p->at; c++) {
        if (*c == '\\') {
            c++;
            if (!strchr("'\\{}", *c) || *c == '\0') {
                return odk_err_set(p->err, ODK_ESYNTAX,
                                   "illegal escape in the string at position "
                                   "%zu; legal are \\' \\\\ \\{ \\}",
                                   (size_t)(start - p->start) - 1);
            }
            if (is_template && *c != '\'') {
                text[len++] = '\\';
            }
        }
        text[len++] = *c;
    }
    p->at++;
    *out = json_str_new(odk_str_n(text, len));
    return 0;
}

/* A number, true, false or null. */
static int
parse_word(struct expr_parser *p, json_t **out)
{
    const char *start = p->at;

    while (p->at < p->end && *p->at != ',' && *p->at != ')' && *p->at != ' ') {
        p->at++;
    }
    struct odk_str text = odk_str_n(start, (size_t)(p->at - start));
    *out = text.len > 0 && *start != '"' && *start != '[' && *start != '{'
               ? json_parse(text, NULL)
               : NULL;
    if (!*out) {
        return odk_err_set(p->err, ODK_ESYNTAX,
                           "not an argument at position %zu",
                           (size_t)(start - p->start));
    }
    return 0;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): calls nest ≤ EXPR_NEST_MAX
parse_argument(struct expr_parser *p, bool is_template, struct expr_node *node)
{
    const char *start = p->at;

    if (take(p, '\'')) {
        return parse_string(p, is_template, &node->literal);
    }
    if (peek(p) == '$') {
        p->at = path_end(p);
        return parse_path(p, odk_str_n(start, (size_t)(p->at - start)), node);
    }
    if (peek(p) == 'S') {
        return parse_call(p, node);
    }
    return parse_word(p, &node->literal);
}

static int
// NOLINTNEXTLINE(misc-no-recursion): calls nest ≤ EXPR_NEST_MAX
parse_arguments(struct expr_parser *p, struct expr_node *node)
{
    struct expr_node *arguments[EXPR_ARGS_MAX];
    size_t n = 0;
    int rc = 0;

    skip_space(p);
    if (take(p, ')')) {
        return 0;
    }
    do {
        skip_space(p);
        if (n == EXPR_ARGS_MAX) {
            rc = odk_err_set(p->err, ODK_ELIMIT, "more than %d arguments",
                             EXPR_ARGS_MAX);
            break;
        }
        arguments[n] = alloc(p, sizeof(*arguments[n]));
        rc = parse_argument(p, node->function == EXPR_FORMAT && n == 0,
                            arguments[n]);
        n++;
        skip_space(p);
    } while (rc == 0 && take(p, ','));
    /* Also after a failure, so that what was made is released. */
    node->arguments = alloc(p, n * sizeof(struct expr_node *));
    memcpy(node->arguments, arguments, n * sizeof(struct expr_node *));
    node->n_arguments = n;
    if (rc == 0 && !take(p, ')')) {
        rc = odk_err_set(p->err, ODK_ESYNTAX,
                         "',' or ')' is missing at position %zu", position(p));
    }
    return rc;
}

static bool
find_function(struct odk_str name, enum expr_function *out)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(functions); i++) {
        if (odk_str_eq(name, functions[i].name)) {
            *out = (enum expr_function)i;
            return true;
        }
    }
    return false;
}

static int
check_count(struct expr_parser *p, const struct expr_node *node)
{
    if (node->n_arguments < functions[node->function].arguments_min ||
        node->n_arguments > functions[node->function].arguments_max) {
        return odk_err_set(p->err, ODK_ESYNTAX,
                           "wrong number of arguments for States.%.*s: %zu",
                           ODK_STR_ARG(functions[node->function].name),
                           node->n_arguments);
    }
    return 0;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): calls nest ≤ EXPR_NEST_MAX
parse_call(struct expr_parser *p, struct expr_node *node)
{
    const char *start = p->at;
    struct odk_str prefix = ODK_STR("States.");
    int rc = 0;

    if (p->nest >= EXPR_NEST_MAX) {
        return odk_err_set(p->err, ODK_ELIMIT,
                           "more than %d intrinsic functions inside each other",
                           EXPR_NEST_MAX);
    }
    if (!odk_str_starts(odk_str_n(start, (size_t)(p->end - start)), prefix)) {
        return odk_err_set(p->err, ODK_ESYNTAX,
                           "neither a path nor an intrinsic function");
    }
    p->at += prefix.len;
    const char *name = p->at;
    while (p->at < p->end && is_name_char(*p->at, p->at == name)) {
        p->at++;
    }
    if (!find_function(odk_str_n(name, (size_t)(p->at - name)),
                       &node->function)) {
        return odk_err_set(p->err, ODK_ESYNTAX,
                           "there is no intrinsic function 'States.%.*s'",
                           (int)(p->at - name), name);
    }
    skip_space(p);
    if (!take(p, '(')) {
        return odk_err_set(p->err, ODK_ESYNTAX,
                           "'(' is missing at position %zu", position(p));
    }
    node->kind = EXPR_INTRINSIC;
    p->nest++;
    rc = parse_arguments(p, node);
    p->nest--;
    node->text = odk_str_n(start, (size_t)(p->at - start));
    return rc == 0 ? check_count(p, node) : rc;
}

int
expr_parse(struct expr *expr, struct odk_str text, struct odk_err *err)
{
    struct expr_parser p = {
        .expr = expr,
        .start = text.ptr,
        .at = text.ptr,
        .end = text.ptr + text.len,
        .err = err,
    };
    int rc = 0;

    if (!odk_str_is_utf8(text)) {
        return odk_err_set(err, ODK_ESYNTAX, "the expression is not UTF-8");
    }
    if (peek(&p) == '$') {
        return parse_path(&p, text, &expr->root);
    }
    rc = parse_call(&p, &expr->root);
    skip_space(&p);
    if (rc == 0 && p.at != p.end) {
        rc = odk_err_set(err, ODK_ESYNTAX,
                         "more text behind the call at position %zu",
                         position(&p));
    }
    expr->root.text = text;
    return rc;
}
