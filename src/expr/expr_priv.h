#ifndef EXPR_PRIV_H
#define EXPR_PRIV_H

/*
 * The compiled form of an expression: a tree of paths, literals and calls.
 */

#include "expr/expr.h"

/** Arguments and results beyond this are refused by Hash and Base64*, as by the
 * service. In characters. */
#define EXPR_TEXT_CHARS_MAX 10000
/** Longest list that ArrayRange makes. */
#define EXPR_RANGE_MAX 1000
/** Causes are cut here; the service's own limit. */
#define EXPR_CAUSE_BYTES_MAX 32768
/** Comparisons that one call of ArrayUnique or ArrayContains may take. */
#define EXPR_COMPARES_MAX 10000000

enum expr_function {
    EXPR_ARRAY,
    EXPR_ARRAY_PARTITION,
    EXPR_ARRAY_CONTAINS,
    EXPR_ARRAY_RANGE,
    EXPR_ARRAY_GET_ITEM,
    EXPR_ARRAY_LENGTH,
    EXPR_ARRAY_UNIQUE,
    EXPR_BASE64_ENCODE,
    EXPR_BASE64_DECODE,
    EXPR_HASH,
    EXPR_JSON_MERGE,
    EXPR_STRING_TO_JSON,
    EXPR_JSON_TO_STRING,
    EXPR_MATH_RANDOM,
    EXPR_MATH_ADD,
    EXPR_STRING_SPLIT,
    EXPR_UUID,
    EXPR_FORMAT,
};

struct expr_node {
    enum expr_kind kind;
    struct odk_str text;     /**< as written */
    json_t *literal;         /**< not NULL: a literal, kind has no meaning */
    struct json_path *path;  /**< paths and variables */
    struct odk_str variable; /**< name without `$` */
    enum expr_function function;
    struct expr_node **arguments;
    size_t n_arguments;
};

struct expr {
    uint32_t magic;
    struct odk_arena arena;
    struct expr_node root;
};

/** Parses the whole text into expr->root. */
int expr_parse(struct expr *expr, struct odk_str text,
               struct odk_err *err) ODK_MUST_USE;

/** Releases what the arena does not hold. */
void expr_node_release(struct expr_node *node);

/** One evaluation. */
struct expr_run {
    const struct expr_env *env;
    struct expr_error *error; /**< may be NULL */
};

/** Evaluates a path node; ODK_ENOTFOUND or another code with err filled (may be
 * NULL). *out is a new reference. */
int expr_path_eval(const struct expr_node *node, const struct expr_env *env,
                   json_t **out, struct odk_err *err) ODK_MUST_USE;

/** The document a path node looks into; NULL: the variable does not exist. */
json_t *expr_document(const struct expr_node *node, const struct expr_env *env);

/** Evaluates a call with all its arguments. */
int expr_call(struct expr_run *run, const struct expr_node *node,
              json_t **out) ODK_MUST_USE;

/** Appends "'<document>'" cut to what a cause can hold. */
void expr_put_document(struct odk_buf *out, const json_t *document);

/** A call with its arguments evaluated. */
struct expr_call {
    struct expr_run *run;
    const struct expr_node *node;
    json_t **arguments;
};

/** Reports that the call failed; always ODK_EINVAL. */
int expr_call_fail(const struct expr_call *call, const char *fmt, ...)
    ODK_PRINTF(2, 3);

/** Argument i, borrowed, checked for its type: NULL after expr_call_fail. */
json_t *expr_want_array(const struct expr_call *call, size_t i);
json_t *expr_want_object(const struct expr_call *call, size_t i);
/** False after expr_call_fail. */
bool expr_want_string(const struct expr_call *call, size_t i,
                      struct odk_str *out);
/** A number, rounded half up to an integer, as all of the service's functions
 * do. */
bool expr_want_integer(const struct expr_call *call, size_t i, int64_t *out);

int expr_array(const struct expr_call *call, json_t **out);
int expr_array_partition(const struct expr_call *call, json_t **out);
int expr_array_contains(const struct expr_call *call, json_t **out);
int expr_array_range(const struct expr_call *call, json_t **out);
int expr_array_get_item(const struct expr_call *call, json_t **out);
int expr_array_length(const struct expr_call *call, json_t **out);
int expr_array_unique(const struct expr_call *call, json_t **out);
int expr_base64_encode(const struct expr_call *call, json_t **out);
int expr_base64_decode(const struct expr_call *call, json_t **out);
int expr_hash(const struct expr_call *call, json_t **out);
int expr_json_merge(const struct expr_call *call, json_t **out);
int expr_string_to_json(const struct expr_call *call, json_t **out);
int expr_json_to_string(const struct expr_call *call, json_t **out);
int expr_math_random(const struct expr_call *call, json_t **out);
int expr_math_add(const struct expr_call *call, json_t **out);
int expr_string_split(const struct expr_call *call, json_t **out);
int expr_uuid(const struct expr_call *call, json_t **out);
int expr_format(const struct expr_call *call, json_t **out);

#endif
