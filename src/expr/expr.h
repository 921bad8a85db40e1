#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

/*
 * The expressions of the Amazon States Language's JSONPath mode. A field's
 * value is a path on the input (`$.a`), on the context object
 * (`$$.State.Name`), on a variable (`$order.id`), or a call of an intrinsic
 * function (`States.Format('{}', $.a)`). They are compiled once and are
 * immutable then. Evaluation is a function of the environment: randomness comes
 * in with it.
 */

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/base.h"
#include "json/json.h"
#include "json/json_path.h"

/** Calls inside calls: the service's quota. */
#define EXPR_NEST_MAX 10
/** Arguments of one call. */
#define EXPR_ARGS_MAX 256
/** Longest name of a variable, in bytes. */
#define EXPR_VARIABLE_BYTES_MAX 80

/** What an expression may read. All borrowed. */
struct expr_env {
    json_t *input;
    json_t *context; /**< NULL: an empty object */
    /** Value of a variable, borrowed, or NULL when it does not exist. The name
     * has no `$`. The function itself may be NULL: no variables. */
    json_t *(*variable)(void *ctx, struct odk_str name);
    void *variable_ctx;
    struct odk_rand *rand; /**< of States.UUID and States.MathRandom */
};

/** Why an evaluation failed: an error name of the language and its cause in the
 * service's words, without the sentence that names state and event. */
struct expr_error {
    const char *name;     /**< static text: "States.Runtime" … */
    struct odk_buf cause; /**< owned; see expr_error_init */
};

/** No error yet. */
void expr_error_init(struct expr_error *error);
/** Frees the cause. */
void expr_error_release(struct expr_error *error);

enum expr_kind {
    EXPR_INPUT_PATH,   /**< `$…` */
    EXPR_CONTEXT_PATH, /**< `$$…` */
    EXPR_VARIABLE,     /**< `$name…` */
    EXPR_INTRINSIC,    /**< `States.…(…)` */
};

struct expr;

/** Compiles text (copied). ODK_ESYNTAX with the reason, ODK_ELIMIT. */
int expr_compile(struct odk_str text, struct expr **out,
                 struct odk_err *err) ODK_MUST_USE;

/** NULL is allowed. */
void expr_free(struct expr *expr);

/** What the expression is. */
enum expr_kind expr_kind(const struct expr *expr);
/** As it was written; lives as long as the expression. */
struct odk_str expr_text(const struct expr *expr);
/** The path behind an EXPR_*_PATH or EXPR_VARIABLE (of `$order.id`: `$.id`),
 * borrowed; NULL for an intrinsic. */
const struct json_path *expr_path(const struct expr *expr);
/** Whether it is a path on the input that can name a place to write. */
bool expr_is_reference(const struct expr *expr);

/** Calls visit for each variable that the expression reads (without `$`; one
 * that is read twice may come twice). */
void expr_variables(const struct expr *expr,
                    void (*visit)(void *ctx, struct odk_str name), void *ctx);

/**
 * Evaluates. *out is a new reference, shared with the environment where
 * possible. A path that finds nothing is ODK_ENOTFOUND, anything else
 * ODK_EINVAL; error (may be NULL) says why. For a path the cause is Jayway's:
 * "Invalid path '$.a.b' : Missing property in path $['a']"; who knows the
 * field's name words its own.
 */
int expr_eval(const struct expr *expr, const struct expr_env *env, json_t **out,
              struct expr_error *error) ODK_MUST_USE;

#endif
