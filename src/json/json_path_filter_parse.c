/*
 * Filters:
 *     or      = and { "||" and }
 *     and     = term { "&&" term }
 *     term    = "!" term | "(" or ")" | compare
 *     compare = operand [ operator operand ]
 *     operand = path | literal | /pattern/flags
 * A path without an operator asks whether it finds something.
 */

#include "json/json_path_priv.h"

static const struct {
    struct odk_str text;
    enum path_operator op;
} operators[] = {
    /* A sign comes before the ones that it begins with. */
    {ODK_STR_INIT("==="), PATH_OP_SAME},
    {ODK_STR_INIT("=="), PATH_OP_EQ},
    {ODK_STR_INIT("=~"), PATH_OP_MATCH},
    {ODK_STR_INIT("!=="), PATH_OP_NOT_SAME},
    {ODK_STR_INIT("!="), PATH_OP_NE},
    {ODK_STR_INIT("<="), PATH_OP_LE},
    {ODK_STR_INIT("<"), PATH_OP_LT},
    {ODK_STR_INIT(">="), PATH_OP_GE},
    {ODK_STR_INIT(">"), PATH_OP_GT},
    {ODK_STR_INIT("in"), PATH_OP_IN},
    {ODK_STR_INIT("nin"), PATH_OP_NIN},
    {ODK_STR_INIT("subsetof"), PATH_OP_SUBSETOF},
    {ODK_STR_INIT("anyof"), PATH_OP_ANYOF},
    {ODK_STR_INIT("noneof"), PATH_OP_NONEOF},
    {ODK_STR_INIT("contains"), PATH_OP_CONTAINS},
    {ODK_STR_INIT("all"), PATH_OP_ALL},
    {ODK_STR_INIT("size"), PATH_OP_SIZE},
    {ODK_STR_INIT("empty"), PATH_OP_EMPTY},
};

static bool parse_or(struct path_parser *p, struct path_filter **out);

static uint32_t
pattern_flag(char c)
{
    switch (c) {
    case 'i':
        return PCRE2_CASELESS;
    case 'm':
        return PCRE2_MULTILINE;
    case 's':
        return PCRE2_DOTALL;
    case 'x':
        return PCRE2_EXTENDED;
    case 'U':
        return PCRE2_UCP;
    default:
        return 0;
    }
}

/* Behind the first slash. */
static bool
parse_pattern(struct path_parser *p, const pcre2_code **out)
{
    uint32_t flags = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
                     PCRE2_NEVER_BACKSLASH_C;
    const char *start = p->at;
    int code = 0;
    size_t offset = 0;

    while (p->at < p->end && *p->at != '/') {
        p->at += *p->at == '\\' && p->end - p->at > 1 ? 2 : 1;
    }
    if (p->at >= p->end) {
        return path_fail(p, ODK_ESYNTAX, "Pattern not closed. Expected /");
    }
    size_t len = (size_t)(p->at - start);
    p->at++;
    while (p->at < p->end &&
           (pattern_flag(*p->at) || *p->at == 'u' || *p->at == 'd')) {
        flags |= pattern_flag(*p->at++);
    }
    pcre2_code *pattern =
        pcre2_compile((PCRE2_SPTR)start, len, flags, &code, &offset, NULL);
    if (!pattern) {
        return path_fail(p, ODK_ESYNTAX,
                         "The regular expression is wrong at position %zu",
                         offset);
    }
    path_own(p, NULL, pattern);
    *out = pattern;
    return true;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_operand(struct path_parser *p, struct path_operand *out)
{
    path_skip_space(p);
    if (path_take(p, '/')) {
        return parse_pattern(p, &out->pattern);
    }
    if (path_peek(p) == '$' || path_peek(p) == '@') {
        out->path = path_alloc(p, sizeof(*out->path));
        return path_parse_chain(p, PATH_IN_FILTER, out->path);
    }
    return path_parse_literal(p, &out->literal);
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Operators that are words may be in either case. */
static bool
take_operator(struct path_parser *p, enum path_operator *out)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(operators); i++) {
        struct odk_str text = operators[i].text;
        size_t n = 0;
        while (n < text.len && p->at + n < p->end &&
               lower(p->at[n]) == text.ptr[n]) {
            n++;
        }
        bool is_word = lower(text.ptr[0]) >= 'a';
        bool goes_on = p->at + n < p->end && lower(p->at[n]) >= 'a' &&
                       lower(p->at[n]) <= 'z';
        if (n == text.len && !(is_word && goes_on)) {
            p->at += n;
            *out = operators[i].op;
            return true;
        }
    }
    return false;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_compare(struct path_parser *p, struct path_filter *filter)
{
    if (!parse_operand(p, &filter->left)) {
        return false;
    }
    path_skip_space(p);
    if (take_operator(p, &filter->op)) {
        filter->kind = PATH_FILTER_COMPARE;
        return parse_operand(p, &filter->right);
    }
    filter->kind = PATH_FILTER_EXISTS;
    return filter->left.path ||
           path_fail(p, ODK_ESYNTAX, "Expected path node at position %zu",
                     (size_t)(p->at - p->start));
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_term(struct path_parser *p, struct path_filter **out)
{
    bool is_good = false;

    path_skip_space(p);
    if (p->nest >= JSON_PATH_NEST_MAX) {
        return path_fail(p, ODK_ELIMIT, "The filter is nested too deep");
    }
    p->nest++;
    if (path_take(p, '(')) {
        is_good = parse_or(p, out) &&
                  (path_take(p, ')') ||
                   path_fail(p, ODK_ESYNTAX, "Expected character: )"));
    } else {
        *out = path_alloc(p, sizeof(**out));
        if (path_take(p, '!')) {
            (*out)->kind = PATH_FILTER_NOT;
            is_good = parse_term(p, &(*out)->children);
        } else {
            is_good = parse_compare(p, *out);
        }
    }
    p->nest--;
    path_skip_space(p);
    return is_good;
}

/* One or more of what parse reads, joined by the sign; a single one stays
 * itself. */
static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_joined(struct path_parser *p, enum path_filter_kind kind,
             struct path_filter **out)
{
    struct odk_str sign =
        kind == PATH_FILTER_OR ? ODK_STR("||") : ODK_STR("&&");
    struct path_filter *first = NULL;
    struct path_filter **tail = &first;

    do {
        struct path_filter *part = NULL;
        bool is_good = kind == PATH_FILTER_OR
                           ? parse_joined(p, PATH_FILTER_AND, &part)
                           : parse_term(p, &part);
        if (!is_good) {
            return false;
        }
        odk_assert(part != NULL);
        *tail = part;
        tail = &part->next;
    } while (path_take_text(p, sign));
    odk_assert(first != NULL);
    if (!first->next) {
        *out = first;
        return true;
    }
    *out = path_alloc(p, sizeof(**out));
    (*out)->kind = kind;
    (*out)->children = first;
    return true;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_or(struct path_parser *p, struct path_filter **out)
{
    return parse_joined(p, PATH_FILTER_OR, out);
}

bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
path_parse_filter(struct path_parser *p, struct path_filter **out)
{
    path_skip_space(p);
    if (!path_take(p, '(')) {
        return path_fail(p, ODK_ESYNTAX,
                         "Filter must start with '[?(' and end with ')]'. ");
    }
    if (!parse_or(p, out)) {
        return false;
    }
    bool is_closed = path_take(p, ')');
    path_skip_space(p);
    return (is_closed && path_take(p, ']')) ||
           path_fail(p, ODK_ESYNTAX,
                     "Expected end of filter expression instead of: %.*s",
                     (int)(p->end - p->at), p->at);
}
