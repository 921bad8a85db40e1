#include "expr/expr.h"

#include <stdlib.h>

#include "expr/expr_priv.h"

#define EXPR_MAGIC 0x45585052u

void
expr_error_init(struct expr_error *error)
{
    error->name = "";
    odk_buf_init(&error->cause, 0);
}

void
expr_error_release(struct expr_error *error)
{
    odk_buf_release(&error->cause);
}

void
// NOLINTNEXTLINE(misc-no-recursion): calls nest ≤ EXPR_NEST_MAX
expr_node_release(struct expr_node *node)
{
    json_path_free(node->path);
    json_decref(node->literal);
    for (size_t i = 0; i < node->n_arguments; i++) {
        expr_node_release(node->arguments[i]);
    }
}

int
expr_compile(struct odk_str text, struct expr **out, struct odk_err *err)
{
    struct expr *expr = calloc(1, sizeof(*expr));
    int rc = 0;

    *out = NULL;
    if (!expr) {
        odk_out_of_memory();
    }
    expr->magic = EXPR_MAGIC;
    odk_arena_init(&expr->arena, 0);
    rc = expr_parse(expr, odk_arena_str(&expr->arena, text), err);
    if (rc != 0) {
        expr_free(expr);
        return rc;
    }
    *out = expr;
    return 0;
}

void
expr_free(struct expr *expr)
{
    if (!expr) {
        return;
    }
    odk_assert(expr->magic == EXPR_MAGIC);
    expr_node_release(&expr->root);
    odk_arena_release(&expr->arena);
    expr->magic = 0;
    free(expr);
}

enum expr_kind
expr_kind(const struct expr *expr)
{
    odk_assert(expr->magic == EXPR_MAGIC);
    return expr->root.kind;
}

struct odk_str
expr_text(const struct expr *expr)
{
    odk_assert(expr->magic == EXPR_MAGIC);
    return expr->root.text;
}

const struct json_path *
expr_path(const struct expr *expr)
{
    odk_assert(expr->magic == EXPR_MAGIC);
    return expr->root.path;
}

bool
expr_is_reference(const struct expr *expr)
{
    odk_assert(expr->magic == EXPR_MAGIC);
    return expr->root.kind == EXPR_INPUT_PATH &&
           json_path_is_reference(expr->root.path);
}

static void
// NOLINTNEXTLINE(misc-no-recursion): calls nest ≤ EXPR_NEST_MAX
visit_variables(const struct expr_node *node,
                void (*visit)(void *ctx, struct odk_str name), void *ctx)
{
    if (node->variable.len > 0) {
        visit(ctx, node->variable);
    }
    for (size_t i = 0; i < node->n_arguments; i++) {
        visit_variables(node->arguments[i], visit, ctx);
    }
}

void
expr_variables(const struct expr *expr,
               void (*visit)(void *ctx, struct odk_str name), void *ctx)
{
    odk_assert(expr->magic == EXPR_MAGIC);
    visit_variables(&expr->root, visit, ctx);
}

json_t *
expr_document(const struct expr_node *node, const struct expr_env *env)
{
    switch (node->kind) {
    case EXPR_INPUT_PATH:
        return env->input;
    case EXPR_CONTEXT_PATH:
        return env->context;
    case EXPR_VARIABLE:
        return env->variable ? env->variable(env->variable_ctx, node->variable)
                             : NULL;
    case EXPR_INTRINSIC:
        break;
    }
    return NULL;
}

int
expr_path_eval(const struct expr_node *node, const struct expr_env *env,
               json_t **out, struct odk_err *err)
{
    json_t *document = expr_document(node, env);

    *out = NULL;
    if (!document && node->kind == EXPR_CONTEXT_PATH) {
        document = json_object();
        int rc = json_path_eval(node->path, document, out, err);
        json_decref(document);
        return rc;
    }
    if (!document) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "The variable $%.*s is undefined",
                           ODK_STR_ARG(node->variable));
    }
    return json_path_eval(node->path, document, out, err);
}

static int
fail_path(const struct expr_node *node, int rc, const struct odk_err *err,
          struct expr_error *error)
{
    error->name = "States.Runtime";
    odk_buf_clear(&error->cause);
    odk_buf_put_cstr(&error->cause, "Invalid path '");
    odk_buf_put_str(&error->cause, node->text);
    odk_buf_put_cstr(&error->cause, "' : ");
    odk_buf_put_cstr(&error->cause, err->message);
    return rc == ODK_ENOTFOUND ? ODK_ENOTFOUND : ODK_EINVAL;
}

int
expr_eval(const struct expr *expr, const struct expr_env *env, json_t **out,
          struct expr_error *error)
{
    struct odk_err err = {0};

    odk_assert(expr->magic == EXPR_MAGIC);
    if (expr->root.kind == EXPR_INTRINSIC) {
        struct expr_run run = {.env = env, .error = error};
        return expr_call(&run, &expr->root, out);
    }
    int rc = expr_path_eval(&expr->root, env, out, error ? &err : NULL);
    if (rc != 0 && error) {
        return fail_path(&expr->root, rc, &err, error);
    }
    return rc == 0 || rc == ODK_ENOTFOUND ? rc : ODK_EINVAL;
}
