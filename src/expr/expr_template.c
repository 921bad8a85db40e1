/*
 * A template is a tree that follows its source only as far as there are
 * expressions; what has none is one constant node.
 */

#include "expr/expr_template.h"

#include <stdlib.h>

#include "expr/expr_priv.h"

#define TEMPLATE_MAGIC 0x45545054u

enum template_kind {
    TEMPLATE_CONSTANT,
    TEMPLATE_EXPR,
    TEMPLATE_OBJECT,
    TEMPLATE_ARRAY,
};

struct template_node {
    enum template_kind kind;
    struct odk_str key;          /**< in the parent object, without `.$` */
    struct odk_str field;        /**< as written, for the cause */
    json_t *constant;            /**< borrowed from the source */
    struct expr *expr;           /**< owned */
    struct template_node *first; /**< children of an object or array */
    struct template_node *next;  /**< sibling */
};

struct expr_template {
    uint32_t magic;
    struct odk_arena arena;
    json_t *source;
    struct template_node root;
};

struct compilation {
    struct expr_template *tmpl;
    const struct expr_template_source *source;
    size_t n_problems;
    unsigned depth;
};

static int compile_node(struct compilation *c, json_t *value,
                        const struct json_place *place,
                        struct template_node *out);

static void
report(struct compilation *c, const struct json_place *place,
       struct odk_buf *message)
{
    c->n_problems++;
    if (c->source->problem) {
        c->source->problem(c->source->problem_ctx, place, odk_buf_str(message));
    }
    odk_buf_release(message);
}

static void
report_field(struct compilation *c, const struct json_place *place,
             struct odk_str field, const char *rest)
{
    struct odk_buf message;

    odk_buf_init(&message, 0);
    odk_buf_put_cstr(&message, "The value for the field '");
    odk_buf_put_str(&message, field);
    odk_buf_put_cstr(&message, "' ");
    odk_buf_put_cstr(&message, rest);
    report(c, place, &message);
}

static bool
is_expression_key(struct odk_str key)
{
    return odk_str_ends(key, ODK_STR(".$"));
}

static void
compile_expr(struct compilation *c, const struct json_member_iter *member,
             const struct json_place *place, struct template_node *out)
{
    static const char wrong[] =
        "must be a valid JSONPath or a valid intrinsic function call";

    out->kind = TEMPLATE_EXPR;
    if (!json_is_string(member->value)) {
        report_field(c, place, member->key,
                     "must be a STRING that contains a JSONPath but was "
                     "another type");
        return;
    }
    if (expr_compile(json_str(member->value), &out->expr, NULL) != 0) {
        report_field(c, place, member->key, wrong);
    }
}

static void
check_twice(struct compilation *c, json_t *object,
            const struct json_place *place, struct odk_str field)
{
    struct odk_str key = odk_str_n(field.ptr, field.len - 2);
    struct odk_buf message;

    if (!json_get_str(object, key)) {
        return;
    }
    odk_buf_init(&message, 0);
    odk_buf_put_cstr(&message, "The fields '");
    odk_buf_put_str(&message, key);
    odk_buf_put_cstr(&message, "' and '");
    odk_buf_put_str(&message, field);
    odk_buf_put_cstr(&message, "' are the same field");
    report(c, place, &message);
}

static struct template_node *
add_child(struct compilation *c, struct template_node ***tail)
{
    struct template_node *node =
        odk_arena_alloc(&c->tmpl->arena, sizeof(*node));

    odk_assert(node != NULL);
    **tail = node;
    *tail = &node->next;
    return node;
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
compile_object(struct compilation *c, json_t *object,
               const struct json_place *place, struct template_node *out)
{
    struct template_node **tail = &out->first;
    struct json_member_iter it;

    for (json_member_first(&it, object); it.value; json_member_next(&it)) {
        struct template_node *node = add_child(c, &tail);
        node->field = odk_arena_str(&c->tmpl->arena, it.key);
        node->key = node->field;
        if (is_expression_key(it.key)) {
            node->key.len -= 2;
            check_twice(c, object, place, it.key);
            compile_expr(c, &it, place, node);
            out->kind = TEMPLATE_OBJECT;
            continue;
        }
        struct json_place below = {.parent = place, .key = it.key};
        if (compile_node(c, it.value, &below, node) > 0) {
            out->kind = TEMPLATE_OBJECT;
        }
    }
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
compile_array(struct compilation *c, json_t *array,
              const struct json_place *place, struct template_node *out)
{
    struct template_node **tail = &out->first;

    for (size_t i = 0; i < json_array_size(array); i++) {
        struct template_node *node = add_child(c, &tail);
        struct json_place below = {.parent = place, .index = i};
        if (compile_node(c, json_array_get(array, i), &below, node) > 0) {
            out->kind = TEMPLATE_ARRAY;
        }
    }
}

/* 1: the node is to be evaluated; 0: it is a constant. */
static int
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
compile_node(struct compilation *c, json_t *value,
             const struct json_place *place, struct template_node *out)
{
    struct odk_buf message;

    out->kind = TEMPLATE_CONSTANT;
    out->constant = value;
    if (!json_is_object(value) && !json_is_array(value)) {
        return 0;
    }
    if (c->depth >= JSON_DEPTH_MAX) {
        odk_buf_init(&message, 0);
        odk_buf_put_cstr(&message, "nested too deep");
        report(c, place, &message);
        return 0;
    }
    c->depth++;
    if (json_is_object(value)) {
        compile_object(c, value, place, out);
    } else {
        compile_array(c, value, place, out);
    }
    c->depth--;
    if (out->kind == TEMPLATE_CONSTANT) {
        out->first = NULL;
        return 0;
    }
    return 1;
}

int
expr_template_compile(const struct expr_template_source *source,
                      struct expr_template **out)
{
    struct expr_template *tmpl = calloc(1, sizeof(*tmpl));
    struct compilation c = {.tmpl = tmpl, .source = source};
    struct json_place root = {0};

    *out = NULL;
    if (!tmpl) {
        odk_out_of_memory();
    }
    tmpl->magic = TEMPLATE_MAGIC;
    odk_arena_init(&tmpl->arena, 0);
    tmpl->source = json_incref(source->value);
    (void)compile_node(&c, source->value, source->place ? source->place : &root,
                       &tmpl->root);
    if (c.n_problems > 0) {
        expr_template_free(tmpl);
        return ODK_EINVAL;
    }
    *out = tmpl;
    return 0;
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
release_node(struct template_node *node)
{
    expr_free(node->expr);
    for (struct template_node *child = node->first; child;
         child = child->next) {
        release_node(child);
    }
}

void
expr_template_free(struct expr_template *tmpl)
{
    if (!tmpl) {
        return;
    }
    odk_assert(tmpl->magic == TEMPLATE_MAGIC);
    release_node(&tmpl->root);
    json_decref(tmpl->source);
    odk_arena_release(&tmpl->arena);
    tmpl->magic = 0;
    free(tmpl);
}

bool
expr_template_is_constant(const struct expr_template *tmpl)
{
    odk_assert(tmpl->magic == TEMPLATE_MAGIC);
    return tmpl->root.kind == TEMPLATE_CONSTANT;
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
visit_node(const struct template_node *node,
           void (*visit)(void *ctx, struct odk_str name), void *ctx)
{
    if (node->expr) {
        expr_variables(node->expr, visit, ctx);
    }
    for (const struct template_node *child = node->first; child;
         child = child->next) {
        visit_node(child, visit, ctx);
    }
}

void
expr_template_variables(const struct expr_template *tmpl,
                        void (*visit)(void *ctx, struct odk_str name),
                        void *ctx)
{
    odk_assert(tmpl->magic == TEMPLATE_MAGIC);
    visit_node(&tmpl->root, visit, ctx);
}

/* A path that found nothing, in the words for a template's field. */
static void
fail_field(const struct template_node *node, const struct expr_env *env,
           const struct odk_err *err, struct expr_error *error)
{
    const json_t *document = expr_document(&node->expr->root, env);

    error->name = "States.Runtime";
    odk_buf_clear(&error->cause);
    if (!document && node->expr->root.kind == EXPR_VARIABLE) {
        odk_buf_put_cstr(&error->cause, err->message);
        return;
    }
    odk_buf_put_cstr(&error->cause, "The JSONPath '");
    odk_buf_put_str(&error->cause, node->expr->root.text);
    odk_buf_put_cstr(&error->cause, "' specified for the field '");
    odk_buf_put_str(&error->cause, node->field);
    odk_buf_put_cstr(&error->cause, "' could not be found in the input ");
    expr_put_document(&error->cause, document);
}

static int
eval_expr(const struct template_node *node, const struct expr_env *env,
          json_t **out, struct expr_error *error)
{
    struct odk_err err = {0};
    int rc = 0;

    if (node->expr->root.kind == EXPR_INTRINSIC) {
        return expr_eval(node->expr, env, out, error);
    }
    rc = expr_path_eval(&node->expr->root, env, out, error ? &err : NULL);
    if (rc != 0 && error) {
        fail_field(node, env, &err, error);
    }
    return rc == 0 ? 0 : ODK_EINVAL;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
eval_node(const struct template_node *node, const struct expr_env *env,
          json_t **out, struct expr_error *error)
{
    if (node->kind == TEMPLATE_CONSTANT) {
        *out = json_incref(node->constant);
        return 0;
    }
    if (node->kind == TEMPLATE_EXPR) {
        return eval_expr(node, env, out, error);
    }
    bool is_object = node->kind == TEMPLATE_OBJECT;
    json_t *made = is_object ? json_object() : json_array();
    for (const struct template_node *child = node->first; child;
         child = child->next) {
        json_t *value = NULL;
        int rc = eval_node(child, env, &value, error);
        if (rc != 0) {
            json_decref(made);
            return rc;
        }
        if (is_object) {
            json_set(made, child->key, value);
        } else {
            json_append(made, value);
        }
    }
    *out = made;
    return 0;
}

int
expr_template_eval(const struct expr_template *tmpl, const struct expr_env *env,
                   json_t **out, struct expr_error *error)
{
    odk_assert(tmpl->magic == TEMPLATE_MAGIC);
    *out = NULL;
    return eval_node(&tmpl->root, env, out, error);
}
