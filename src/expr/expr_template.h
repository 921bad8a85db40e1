#ifndef EXPR_TEMPLATE_H
#define EXPR_TEMPLATE_H

/*
 * A payload template: JSON in which a field whose name ends in `.$` holds an
 * expression; the result has the field without the ending and the value that
 * the expression has. Parts without expressions are not copied, the result
 * shares them with the template.
 */

#include "expr/expr.h"

struct expr_template;

/** Takes one finding about a template: where (NULL = the template itself) and a
 * sentence. */
typedef void expr_problem_f(void *ctx, const struct json_place *place,
                            struct odk_str message);

/** What to compile. */
struct expr_template_source {
    json_t *value; /**< kept by reference */
    const struct json_place
        *place;              /**< of value in its document, for the findings */
    expr_problem_f *problem; /**< called for each finding; may be NULL */
    void *problem_ctx;
};

/** Compiles. Every problem is reported, not only the first; ODK_EINVAL if there
 * was any, *out is NULL then. */
int expr_template_compile(const struct expr_template_source *source,
                          struct expr_template **out) ODK_MUST_USE;

/** NULL is allowed. */
void expr_template_free(struct expr_template *tmpl);

/** Whether there is no expression in it: its value is the source itself. */
bool expr_template_is_constant(const struct expr_template *tmpl);

/** As expr_variables, for all expressions of the template. */
void expr_template_variables(const struct expr_template *tmpl,
                             void (*visit)(void *ctx, struct odk_str name),
                             void *ctx);

/** Evaluates all expressions. *out is a new reference. ODK_EINVAL: error (may
 * be NULL) has name and cause ("The JSONPath '$.a' specified for the field
 * 'b.$' could not be found in the input '{…}'"). */
int expr_template_eval(const struct expr_template *tmpl,
                       const struct expr_env *env, json_t **out,
                       struct expr_error *error) ODK_MUST_USE;

#endif
