#ifndef JSON_PATH_PRIV_H
#define JSON_PATH_PRIV_H

/*
 * The compiled form of a path: a list of steps, some of which hold filters,
 * which hold paths again. All nodes live in the arena of the outermost path;
 * literals and regular expressions, which cannot, are on its lists.
 */

#include "json/json_path.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum path_step_kind {
    PATH_NAME,     /**< ['a'] or ['a','b'] */
    PATH_INDEX,    /**< [0] or [0,-1] */
    PATH_SLICE,    /**< [from:to] */
    PATH_WILDCARD, /**< [*] */
    PATH_SCAN,     /**< .. */
    PATH_FILTER,   /**< [?(…)] */
    PATH_FUNCTION, /**< .length() */
};

enum path_function {
    PATH_FN_AVG,
    PATH_FN_STDDEV,
    PATH_FN_SUM,
    PATH_FN_MIN,
    PATH_FN_MAX,
    PATH_FN_CONCAT,
    PATH_FN_LENGTH,
    PATH_FN_APPEND,
    PATH_FN_KEYS,
    PATH_FN_FIRST,
    PATH_FN_LAST,
    PATH_FN_INDEX,
    PATH_FN_DISTINCT,
};

/** An argument of a function: a path on the whole document, or a literal. */
struct path_argument {
    struct path_chain *path; /**< NULL: literal */
    json_t *literal;         /**< owned by the outermost path */
    struct path_argument *next;
};

struct path_step {
    enum path_step_kind kind;
    bool is_definite;          /**< this step alone */
    bool is_upstream_definite; /**< all steps before */
    struct path_step *next;    /**< NULL: leaf */

    union {
        struct {
            struct odk_str *list;
            size_t n;
        } names;

        struct {
            int64_t *list;
            size_t n;
        } indices;

        struct {
            int64_t from, to;
            bool has_from, has_to;
        } slice;
        struct path_filter *filter;

        struct {
            enum path_function id;
            struct path_argument *arguments;
        } function;
    };
};

/** One path: a root and its steps. */
struct path_chain {
    bool is_item; /**< begins with `@` */
    bool is_definite;
    bool is_function; /**< ends with a function */
    bool is_simple;   /**< single names and indices only */
    struct path_step *first;
    size_t n_steps;
};

enum path_operator {
    PATH_OP_EQ,
    PATH_OP_NE,
    PATH_OP_SAME, /**< === */
    PATH_OP_NOT_SAME,
    PATH_OP_LT,
    PATH_OP_LE,
    PATH_OP_GT,
    PATH_OP_GE,
    PATH_OP_MATCH,
    PATH_OP_IN,
    PATH_OP_NIN,
    PATH_OP_SUBSETOF,
    PATH_OP_ANYOF,
    PATH_OP_NONEOF,
    PATH_OP_CONTAINS,
    PATH_OP_ALL,
    PATH_OP_SIZE,
    PATH_OP_EMPTY,
};

/** One side of a comparison; exactly one of the three is set. */
struct path_operand {
    struct path_chain *path;
    json_t *literal;
    const pcre2_code *pattern;
};

enum path_filter_kind {
    PATH_FILTER_OR,
    PATH_FILTER_AND,
    PATH_FILTER_NOT,
    PATH_FILTER_EXISTS,
    PATH_FILTER_COMPARE,
};

struct path_filter {
    enum path_filter_kind kind;
    struct path_filter *children; /**< OR, AND: all; NOT: the one */
    struct path_filter *next;     /**< sibling */
    enum path_operator op;
    struct path_operand left; /**< EXISTS: the path */
    struct path_operand right;
};

/** What must be released one by one. */
struct path_owned {
    json_t *literal;
    pcre2_code *pattern;
    struct path_owned *next;
};

struct json_path {
    uint32_t magic;
    struct odk_arena arena;
    struct odk_str text;
    struct path_chain chain;
    struct path_owned *owned;
    bool is_reference;
};

/** Where the parser is. Every failure goes through path_fail once. */
struct path_parser {
    struct json_path *path;
    const char *start;
    const char *at;
    const char *end;
    unsigned nest;
    int rc;
    struct odk_err *err;
};

/** Sets the error if there is none yet; always false. */
bool path_fail(struct path_parser *p, int code, const char *fmt, ...)
    ODK_PRINTF(3, 4);

/** Memory of the path's arena; never NULL, it has no cap but the text's. */
void *path_alloc(struct path_parser *p, size_t size);

/** Keeps a new reference or a pattern until the path is freed. */
void path_own(struct path_parser *p, json_t *literal, pcre2_code *pattern);

static inline char
path_peek(const struct path_parser *p)
{
    return p->at < p->end ? *p->at : '\0';
}

void path_skip_space(struct path_parser *p);
bool path_take(struct path_parser *p, char c);
bool path_take_text(struct path_parser *p, struct odk_str text);

/** How the text around a path ends its names. */
enum path_place {
    PATH_ALONE,       /**< the whole text */
    PATH_IN_FILTER,   /**< ends at operators, blanks and parentheses */
    PATH_IN_ARGUMENT, /**< ends at a comma or parenthesis */
};

/** Parses `$…` or `@…` at the parser's place. */
bool path_parse_chain(struct path_parser *p, enum path_place place,
                      struct path_chain *out);

/** Parses what stands between `[?(` and `)]`, including these. */
bool path_parse_filter(struct path_parser *p, struct path_filter **out);

/** Parses a JSON literal, with strings in either kind of quotes. *out is owned
 * by the path. */
bool path_parse_literal(struct path_parser *p, json_t **out);

/** One evaluation. */
struct path_eval {
    json_t *root;
    struct odk_err *err; /**< may be NULL */
    uint64_t visits_left;
    unsigned depth;
};

/** Evaluates a chain; *out is a new reference. Codes as json_path_eval. */
int path_eval_chain(struct path_eval *eval, const struct path_chain *chain,
                    json_t *item, json_t **out);

/** Whether the filter accepts item. 0 or an error. */
int path_accepts(struct path_eval *eval, const struct path_filter *filter,
                 json_t *item, bool *out);

/** Applies a function to a value. *out is a new reference. */
int path_call(struct path_eval *eval, const struct path_step *step,
              json_t *value, json_t **out);

#endif
