#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_regex_priv.h"
#include "jsonata/jsonata_text_priv.h"

void *
jx_alloc(struct jx *ctx, size_t bytes)
{
    void *out = odk_arena_alloc(&ctx->arena, bytes);

    if (!out) {
        (void)jx_fail_limit(ctx, "The evaluation takes too much memory");
    }
    return out;
}

bool
jx_charge(struct jx *ctx, uint64_t steps)
{
    if (ctx->steps_left < steps) {
        ctx->steps_left = 0;
        (void)jx_fail_limit(
            ctx, "Expression evaluation timeout: Check for infinite loop");
        return false;
    }
    ctx->steps_left -= steps;
    return jx_ok(ctx);
}

bool
jx_charge_bytes(struct jx *ctx, size_t bytes)
{
    return jx_charge(ctx, bytes / 64);
}

struct jx_frame *
jx_frame_new(struct jx *ctx, struct jx_frame *parent)
{
    struct jx_frame *frame = jx_alloc(ctx, sizeof(*frame));

    if (frame) {
        frame->parent = parent;
    }
    return frame;
}

void
jx_bind(struct jx *ctx, struct jx_frame *frame, uint32_t sym, struct jv value)
{
    struct jx_binding *binding = jx_alloc(ctx, sizeof(*binding));

    if (binding && frame) {
        binding->next = frame->first;
        binding->sym = sym;
        binding->value = value;
        frame->first = binding;
    }
}

struct jv
jx_lookup(struct jx *ctx, const struct jx_frame *frame, uint32_t sym)
{
    for (; frame; frame = frame->parent) {
        for (const struct jx_binding *b = frame->first; b; b = b->next) {
            if (b->sym == sym) {
                return b->value;
            }
        }
    }
    return ctx->globals[sym];
}

static struct jv
eval_literal(struct jx *ctx, const struct jn *node, struct jv input,
             struct jx_frame *env)
{
    (void)ctx;
    (void)input;
    (void)env;
    return node->value;
}

static struct jv
eval_nothing(struct jx *ctx, const struct jn *node, struct jv input,
             struct jx_frame *env)
{
    (void)ctx;
    (void)node;
    (void)input;
    (void)env;
    return jv_undefined();
}

static struct jv
eval_name(struct jx *ctx, const struct jn *node, struct jv input,
          struct jx_frame *env)
{
    (void)env;
    return jx_lookup_name(ctx, input, jv_text(node->value));
}

static struct jv
eval_variable(struct jx *ctx, const struct jn *node, struct jv input,
              struct jx_frame *env)
{
    if (node->value.len == 0) {
        return jv_has_flag(input, JV_OUTER) ? jv_at(input, 0) : input;
    }
    return jx_lookup(ctx, env, node->sym);
}

static struct jv
eval_parent(struct jx *ctx, const struct jn *node, struct jv input,
            struct jx_frame *env)
{
    (void)input;
    return jx_lookup(ctx, env, node->slot->label);
}

static struct jv
eval_condition(struct jx *ctx, const struct jn *node,
               struct jv input, /* NOLINT(misc-no-recursion) */
               struct jx_frame *env)
{
    struct jv condition = jx_eval(ctx, node->lhs, input, env);

    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    if (jv_truthy(ctx, condition)) {
        return jx_eval(ctx, node->rhs, input, env);
    }
    return node->other ? jx_eval(ctx, node->other, input, env) : jv_undefined();
}

static struct jv
eval_block(struct jx *ctx, const struct jn *node,
           struct jv input, /* NOLINT(misc-no-recursion) */
           struct jx_frame *env)
{
    struct jx_frame *frame = jx_frame_new(ctx, env);
    struct jv result = jv_undefined();

    for (uint32_t i = 0; i < node->items.n && jx_ok(ctx); i++) {
        result = jx_eval(ctx, node->items.items[i], input, frame);
    }
    return result;
}

static struct jv
eval_bind(struct jx *ctx, const struct jn *node,
          struct jv input, /* NOLINT(misc-no-recursion) */
          struct jx_frame *env)
{
    struct jv value = jx_eval(ctx, node->rhs, input, env);

    jx_bind(ctx, env, node->lhs->sym, value);
    return value;
}

static struct jv
eval_array(struct jx *ctx, const struct jn *node,
           struct jv input, /* NOLINT(misc-no-recursion) */
           struct jx_frame *env)
{
    struct jv_array *out = jv_array_new(ctx, node->is_cons ? JV_CONS : 0);

    for (uint32_t i = 0; i < node->items.n && jx_ok(ctx); i++) {
        const struct jn *item = node->items.items[i];
        struct jv value = jx_eval(ctx, item, input, env);
        bool is_nested = item->type == JN_UNARY && item->op == '[';
        if (jv_is_undefined(value)) {
            continue;
        }
        if (value.type == JV_ARRAY && !is_nested) {
            jv_array_extend(ctx, out, value);
        } else {
            jv_array_push(ctx, out, value);
        }
    }
    return jv_array(out);
}

static struct jv
eval_unary(struct jx *ctx, const struct jn *node,
           struct jv input, /* NOLINT(misc-no-recursion) */
           struct jx_frame *env)
{
    if (node->op == '[') {
        return eval_array(ctx, node, input, env);
    }
    if (node->op == '{') {
        return jx_group(ctx, node, input, env);
    }
    struct jv value = jx_eval(ctx, node->rhs, input, env);
    if (jv_is_undefined(value) || !jx_ok(ctx)) {
        return jv_undefined();
    }
    if (!jv_is_numeric(ctx, value)) {
        (void)jx_fail_at(ctx, "D1002", node->position, value);
        jx_fault_where(ctx, node->position, jv_cstr("-"));
        return jv_undefined();
    }
    return jv_number(-value.u.number);
}

static struct jv
eval_regex(struct jx *ctx, const struct jn *node, struct jv input,
           struct jx_frame *env)
{
    struct jv_func *func = jx_alloc(ctx, sizeof(*func));

    (void)input;
    (void)env;
    if (func) {
        func->kind = JV_FUNC_REGEX;
        func->node = node;
        func->n_params = 2;
    }
    return jv_func(func);
}

/* A sequence of one item is that item, an empty one is nothing. */
static struct jv
collapse(const struct jn *node, struct jv result)
{
    struct jv_array *array = result.u.array;

    if (!(array->flags & JV_SEQUENCE) || (array->flags & JV_TUPLES)) {
        return result;
    }
    if (node->keep_array) {
        array->flags |= JV_KEEP_SINGLETON;
    }
    if (array->len == 0) {
        return jv_undefined();
    }
    if (array->len == 1 && !(array->flags & JV_KEEP_SINGLETON)) {
        return jv_at(result, 0);
    }
    return result;
}

typedef struct jv (*eval_f)(struct jx *, const struct jn *, struct jv,
                            struct jx_frame *);

static const eval_f evaluators[JN_TYPES] = {
    [JN_END] = eval_nothing,
    [JN_OPERATOR] = eval_nothing,
    [JN_NAME] = eval_name,
    [JN_VARIABLE] = eval_variable,
    [JN_STRING] = eval_literal,
    [JN_NUMBER] = eval_literal,
    [JN_VALUE] = eval_literal,
    [JN_REGEX] = eval_regex,
    [JN_WILDCARD] = jx_eval_wildcard,
    [JN_DESCENDANT] = jx_eval_descendant,
    [JN_PARENT] = eval_parent,
    [JN_BINARY] = jx_eval_binary,
    [JN_UNARY] = eval_unary,
    [JN_FUNCTION] = jx_eval_function,
    [JN_PARTIAL] = jx_eval_partial,
    [JN_LAMBDA] = jx_eval_lambda,
    [JN_CONDITION] = eval_condition,
    [JN_BLOCK] = eval_block,
    [JN_TRANSFORM] = jx_eval_transform,
    [JN_PATH] = jx_eval_path,
    [JN_SORT] = eval_nothing,
    [JN_BIND] = eval_bind,
    [JN_APPLY] = jx_eval_apply,
    [JN_FILTER] = eval_nothing,
    [JN_INDEX] = eval_nothing,
    [JN_TERM] = eval_nothing,
    [JN_GROUP] = eval_nothing,
};

static bool
enter(struct jx *ctx)
{
    ctx->depth++;
    if (ctx->depth > ctx->depth_max) {
        (void)jx_fail_limit(
            ctx, "Stack overflow error: Check for non-terminating recursive "
                 "function.  Consider rewriting as tail-recursive.");
        return false;
    }
    return jx_charge(ctx, 1);
}

struct jv
jx_eval(struct jx *ctx, const struct jn *node,
        struct jv input, /* NOLINT(misc-no-recursion) */
        struct jx_frame *env)
{
    struct jv result = jv_undefined();

    if (enter(ctx)) {
        result = evaluators[node->type](ctx, node, input, env);
    }
    for (uint32_t i = 0; i < node->predicates.n && jx_ok(ctx); i++) {
        result = jx_filter(ctx, node->predicates.items[i]->lhs, result, env);
    }
    if (node->group && node->type != JN_PATH && jx_ok(ctx)) {
        result = jx_group(ctx, node->group, result, env);
    }
    ctx->depth--;
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    if (result.type == JV_ARRAY && !result.is_json) {
        return collapse(node, result);
    }
    return result;
}

/* What each name of the expression means outside of it. */
static bool
resolve_globals(struct jx *ctx, struct jv root)
{
    const struct jsonata *program = ctx->program;
    json_t *bindings = ctx->options->bindings;

    ctx->globals = jx_alloc(ctx, program->n_symbols * sizeof(*ctx->globals));
    if (!ctx->globals) {
        return false;
    }
    for (uint32_t i = 0; i < program->n_symbols; i++) {
        const struct jx_symbol *symbol = program->symbols[i];
        struct odk_str name = symbol->node.key;
        struct jv value = jv_undefined();
        if (bindings && symbol->is_variable) {
            value =
                jv_from_json(json_object_getn(bindings, name.ptr, name.len));
        }
        if (jv_is_undefined(value) && ctx->options->is_aws) {
            value = symbol->builtin_aws;
        }
        ctx->globals[i] = jv_is_undefined(value) ? symbol->builtin : value;
    }
    ctx->globals[program->sym_root] = root;
    return true;
}

static void
context_init(struct jx *ctx, const struct jsonata *program,
             const struct jsonata_options *options)
{
    size_t memory = options->memory_bytes_max ? options->memory_bytes_max
                                              : JSONATA_MEMORY_DEFAULT;
    uint32_t depth =
        options->depth_max ? options->depth_max : JSONATA_DEPTH_DEFAULT;

    *ctx = (struct jx){.program = program, .options = options};
    odk_arena_init(&ctx->arena, memory);
    ctx->steps_left =
        options->steps_max ? options->steps_max : JSONATA_STEPS_DEFAULT;
    ctx->depth_max = depth < JSONATA_DEPTH_MAX ? depth : JSONATA_DEPTH_MAX;
    ctx->json_bytes_left = memory;
    odk_rand_init(&ctx->rand, options->seed);
}

static int
finish(struct jx *ctx, struct jsonata_error *err)
{
    jx_regex_release(ctx);
    for (; ctx->parsed; ctx->parsed = ctx->parsed->next) {
        json_decref(ctx->parsed->json);
    }
    int rc = 0;
    if (ctx->is_failed) {
        rc = ctx->fault.is_unsupported ? ODK_EUNSUPPORTED
             : ctx->fault.is_limit     ? ODK_ELIMIT
                                       : ODK_EINVAL;
        jx_fault_export(&ctx->fault, ctx->program->text, err);
    }
    odk_arena_release(&ctx->arena);
    return rc;
}

int
jsonata_eval(const struct jsonata *program, json_t *input,
             const struct jsonata_options *options, json_t **out,
             struct jsonata_error *err)
{
    static const struct jsonata_options defaults = {.now = 0};
    struct jx ctx;
    struct jv root = jv_from_json(input);

    *out = NULL;
    context_init(&ctx, program, options ? options : &defaults);
    if (ctx.options->is_aws && program->reads_input) {
        (void)jx_fail(&ctx, "A0001");
        return finish(&ctx, err);
    }
    struct jx_frame *env = jx_frame_new(&ctx, NULL);
    if (resolve_globals(&ctx, root)) {
        if (root.type == JV_ARRAY) {
            struct jv_array *outer = jv_array_new(&ctx, JV_SEQUENCE | JV_OUTER);
            jv_array_push(&ctx, outer, root);
            root = jv_array(outer);
        }
        struct jv result = jx_eval(&ctx, program->root, root, env);
        if (jx_ok(&ctx)) {
            *out = jv_to_json(&ctx, result);
        }
    }
    return finish(&ctx, err);
}
