/*
 * | pattern | update, delete | makes a function that copies an object and
 * changes the copy where the pattern matches.
 */

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"

struct jv
jx_eval_transform(struct jx *ctx, const struct jn *node, struct jv input,
                  struct jx_frame *env)
{
    struct jv_func *func = jx_alloc(ctx, sizeof(*func));

    if (func) {
        func->kind = JV_FUNC_TRANSFORM;
        func->n_params = 1;
        func->node = node;
        func->input = input;
        func->env = env;
    }
    return jv_func(func);
}

/* The copy comes from $clone, which the expression may have redefined. */
static struct jv
clone(struct jx *ctx, const struct jv_func *func,
      struct jv object) /* NOLINT(misc-no-recursion) */
{
    struct jv clone_func = jx_lookup(ctx, func->env, ctx->program->sym_clone);
    struct jv args[JX_ARGS_MIN] = {object};

    if (clone_func.type != JV_FUNC) {
        return jx_fail_at(ctx, "T2013", func->node->position, jv_undefined());
    }
    if (clone_func.u.func->kind == JV_FUNC_BUILTIN) {
        return jv_clone(ctx, object);
    }
    struct jv copy = jx_apply(ctx, clone_func, args, 1, jv_null());
    return jx_ok(ctx) ? jv_clone(ctx, copy) : jv_undefined();
}

static void
update_match(struct jx *ctx, const struct jv_func *func,
             struct jv match) /* NOLINT(misc-no-recursion) */
{
    const struct jn *node = func->node->rhs;
    struct jv update = jx_eval(ctx, node, match, func->env);
    struct odk_str key;
    struct jv value;

    if (jv_is_undefined(update) || !jx_ok(ctx)) {
        return;
    }
    if (update.type != JV_OBJECT) {
        (void)jx_fail_at(ctx, "T2011", node->position, update);
        return;
    }
    if (match.type != JV_OBJECT || match.is_json) {
        return;
    }
    struct jv_iter iter = jv_iter(update);
    while (jx_charge(ctx, 1) && jv_iter_next(&iter, &key, &value)) {
        jv_object_set(ctx, match.u.object, key, value);
    }
}

static void
delete_from_match(struct jx *ctx, const struct jv_func *func,
                  struct jv match) /* NOLINT(misc-no-recursion) */
{
    const struct jn *node = func->node->other;
    struct jv keys = jx_eval(ctx, node, match, func->env);

    if (jv_is_undefined(keys) || !jx_ok(ctx)) {
        return;
    }
    struct jv list = jv_as_array(ctx, keys, 0);
    if (!jx_ok(ctx) || !jv_all_strings(list)) {
        (void)jx_fail_at(ctx, "T2012", node->position, keys);
        return;
    }
    uint32_t n = jv_len(list);
    bool is_ours = match.type == JV_OBJECT && !match.is_json;
    for (uint32_t i = 0; is_ours && i < n; i++) {
        (void)jx_charge(ctx, match.u.object->len / 8);
        jv_object_delete(match.u.object, jv_text(jv_at(list, i)));
    }
}

struct jv
jx_apply_transform(struct jx *ctx, const struct jv_func *func,
                   struct jv object) /* NOLINT(misc-no-recursion) */
{
    if (jv_is_undefined(object)) {
        return object;
    }
    struct jv copy = clone(ctx, func, object);
    struct jv matches = jx_ok(ctx)
                            ? jx_eval(ctx, func->node->lhs, copy, func->env)
                            : jv_undefined();
    if (jv_is_undefined(matches) || !jx_ok(ctx)) {
        return copy;
    }
    matches = jv_as_array(ctx, matches, 0);
    uint32_t n = jx_ok(ctx) ? jv_len(matches) : 0;
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv match = jv_at(matches, i);
        update_match(ctx, func, match);
        if (func->node->other && jx_ok(ctx)) {
            delete_from_match(ctx, func, match);
        }
    }
    return copy;
}
