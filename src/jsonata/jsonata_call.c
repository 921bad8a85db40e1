/*
 * Functions: calls, closures, partial application, chains and tail calls.
 */

#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_regex_priv.h"

uint32_t
jx_arity(struct jv func)
{
    return func.type == JV_FUNC ? func.u.func->n_params : 0;
}

static struct jv
call_lambda(struct jx *ctx,
            const struct jv_func *func, /* NOLINT(misc-no-recursion) */
            const struct jx_call *call)
{
    struct jx_frame *env = jx_frame_new(ctx, func->env);
    const struct jn_list *params = &func->node->items;

    if (!env) {
        return jv_undefined();
    }
    for (uint32_t i = 0; i < func->n_params; i++) {
        uint32_t sym = func->params ? func->params[i] : params->items[i]->sym;
        jx_bind(ctx, env, sym, i < call->n ? call->args[i] : jv_undefined());
    }
    return jx_eval(ctx, func->node->rhs, func->input, env);
}

/* A builtin that was given some of its arguments; call fills the holes. */
static struct jv
call_partial( // NOLINT(misc-no-recursion)
    struct jx *ctx, const struct jv_func *func, const struct jx_call *call)
{
    struct jv *args =
        jx_alloc(ctx, (func->n_args + JX_ARGS_MIN) * sizeof(*args));
    uint32_t next = 0;

    for (uint32_t i = 0; args && i < func->n_args; i++) {
        args[i] = func->args[i];
        if (func->is_hole[i]) {
            args[i] = next < call->n ? call->args[next] : jv_undefined();
            next++;
        }
    }
    return args ? jx_apply(ctx, func->input, args, func->n_args, jv_undefined())
                : jv_undefined();
}

static struct jv
call_chain( // NOLINT(misc-no-recursion)
    struct jx *ctx, const struct jv_func *func, const struct jx_call *call)
{
    struct jv args[JX_ARGS_MIN] = {call->n ? call->args[0] : jv_undefined()};

    args[0] = jx_apply(ctx, func->args[0], args, 1, jv_undefined());
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    args[0].is_wrapped = args[0].type == JV_FUNC;
    return jx_apply(ctx, func->args[1], args, 1, jv_undefined());
}

static struct jv
call_transform(struct jx *ctx,
               const struct jv_func *func, /* NOLINT(misc-no-recursion) */
               const struct jx_call *call)
{
    struct jv object = call->n ? call->args[0] : jv_undefined();
    bool is_fit = object.type == JV_OBJECT || object.type == JV_ARRAY ||
                  jv_is_undefined(object);

    if (call->n != 1 || !is_fit) {
        (void)jx_fail_value(ctx, "T0410", object);
        ctx->fault.index = is_fit && call->n ? 2 : 1;
        return jv_undefined();
    }
    return jx_apply_transform(ctx, func, object);
}

/* One call, which may end in a thunk. */
static struct jv
apply_once( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv func, struct jv *args, uint32_t n,
    struct jv input)
{
    struct jv local[JX_ARGS_MIN] = {{.type = JV_UNDEFINED}};
    struct jx_call call = {.n = n, .input = input};

    if (func.type != JV_FUNC) {
        return jx_fail(ctx, "T1006");
    }
    const struct jv_func *f = func.u.func;
    if (func.is_wrapped) {
        call.input = jv_null();
    }
    if (n) {
        call.args = n < JX_ARGS_MIN ? local : args;
        memmove(call.args, args, n * sizeof(*args));
    } else {
        call.args = local;
    }
    if (!jx_sig_apply(ctx, f->sig, &call)) {
        return jv_undefined();
    }
    switch ((enum jv_func_kind)f->kind) {
    case JV_FUNC_LAMBDA:
        return call_lambda(ctx, f, &call);
    case JV_FUNC_BUILTIN:
        return f->builtin->call(ctx, &call);
    case JV_FUNC_PARTIAL:
        return call_partial(ctx, f, &call);
    case JV_FUNC_CHAIN:
        return call_chain(ctx, f, &call);
    case JV_FUNC_TRANSFORM:
        return call_transform(ctx, f, &call);
    case JV_FUNC_REGEX:
        return jx_regex_call(ctx, f, call.args[0], call.args[1]);
    case JV_FUNC_NEXT:
        return jx_regex_call_next(ctx, f);
    }
    return jv_undefined();
}

/* Evaluates what a thunk put off. Its call is the token of an error. */
static struct jv
force( // NOLINT(misc-no-recursion)
    struct jx *ctx, const struct jv_func *thunk, struct jv input)
{
    const struct jn *call = thunk->node->rhs;
    const struct jn_list *list = &call->items;
    struct jv func = jx_eval(ctx, call->lhs, thunk->input, thunk->env);
    struct jv *args =
        jx_alloc(ctx, ((size_t)list->n + JX_ARGS_MIN) * sizeof(*args));

    for (uint32_t i = 0; i < list->n && jx_ok(ctx); i++) {
        args[i] = jx_eval(ctx, list->items[i], thunk->input, thunk->env);
    }
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    struct jv result = apply_once(ctx, func, args, list->n, input);
    if (!jx_ok(ctx)) {
        ctx->fault.position =
            func.type == JV_FUNC ? call->lhs->position : ctx->fault.position;
        jx_fault_where(ctx, call->lhs->position,
                       call->lhs->type == JN_VARIABLE ? call->lhs->value
                                                      : jv_undefined());
    }
    return result;
}

/* A call at a position (0 = unknown), which an error of it is blamed on. */
static struct jv
apply_at( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv func, const struct jx_call *call,
    uint32_t position)
{
    if (ctx->calls >= ctx->depth_max) {
        return jx_fail_limit(ctx, "Stack overflow error: Check for "
                                  "non-terminating recursive function.  "
                                  "Consider rewriting as tail-recursive.");
    }
    ctx->calls++;
    struct jv result = apply_once(ctx, func, call->args, call->n, call->input);
    if (!jx_ok(ctx) && position && func.type == JV_FUNC && !func.is_wrapped) {
        ctx->fault.position = position;
    }
    while (jx_ok(ctx) && result.type == JV_FUNC && result.u.func->is_thunk) {
        result = force(ctx, result.u.func,
                       func.is_wrapped ? jv_null() : call->input);
    }
    ctx->calls--;
    return jx_ok(ctx) ? result : jv_undefined();
}

struct jv
jx_apply( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv func, struct jv *args, uint32_t n,
    struct jv input)
{
    struct jx_call call = {.args = args, .n = n, .input = input};

    return apply_at(ctx, func, &call, 0);
}

/* What an error calls the function that a node calls. */
static struct jv
procedure_name(const struct jn *procedure)
{
    if (procedure->type == JN_PATH) {
        procedure = procedure->items.items[0];
    }
    return procedure->type <= JN_VALUE ? procedure->value : jv_undefined();
}

/* Whether what is called is a name that would be a function with a $. */
static bool
lacks_dollar(struct jx *ctx, const struct jn *procedure, struct jv func,
             struct jx_frame *env)
{
    return jv_is_undefined(func) && procedure->type == JN_PATH &&
           procedure->items.items[0]->type == JN_NAME &&
           jv_truthy_js(jx_lookup(ctx, env, procedure->items.items[0]->sym));
}

static struct jv
fail_dollar(struct jx *ctx, const char *code, const struct jn *node)
{
    (void)jx_fail_at(ctx, code, node->position, jv_undefined());
    jx_fault_where(ctx, node->position, procedure_name(node->lhs));
    return jv_undefined();
}

/* The call of a node; `first`, if any, comes before its own arguments. */
static struct jv
call_node(struct jx *ctx, const struct jn *node,
          struct jv input, /* NOLINT(misc-no-recursion) */
          struct jx_frame *env, const struct jv *first)
{
    struct jv func = jx_eval(ctx, node->lhs, input, env);
    uint32_t n = 0;

    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    if (lacks_dollar(ctx, node->lhs, func, env)) {
        return fail_dollar(ctx, "T1005", node);
    }
    struct jv *args = jx_alloc(ctx, ((size_t)node->items.n + 1 + JX_ARGS_MIN) *
                                        sizeof(*args));
    if (first && args) {
        args[n++] = *first;
    }
    for (uint32_t i = 0; args && i < node->items.n && jx_ok(ctx); i++) {
        args[n] = jx_eval(ctx, node->items.items[i], input, env);
        args[n].is_wrapped = args[n].type == JV_FUNC;
        n++;
    }
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    struct jx_call call = {.args = args, .n = n, .input = input};
    struct jv result = apply_at(ctx, func, &call, node->position);
    if (!jx_ok(ctx)) {
        jx_fault_where(ctx, node->position, procedure_name(node->lhs));
    }
    return result;
}

struct jv
jx_eval_function(struct jx *ctx, const struct jn *node,
                 struct jv input, /* NOLINT(misc-no-recursion) */
                 struct jx_frame *env)
{
    return call_node(ctx, node, input, env, NULL);
}

struct jv
jx_eval_lambda(struct jx *ctx, const struct jn *node, struct jv input,
               struct jx_frame *env)
{
    struct jv_func *func = jx_alloc(ctx, sizeof(*func));

    if (func) {
        func->kind = JV_FUNC_LAMBDA;
        func->is_thunk = node->is_thunk;
        func->n_params = node->items.n;
        func->node = node;
        func->sig = node->sig;
        func->input = input;
        func->env = env;
    }
    return jv_func(func);
}

/* A lambda with some parameters bound. */
static struct jv
partial_lambda(struct jx *ctx, const struct jv_func *base,
               const struct jv *args, const bool *is_hole, uint32_t n)
{
    struct jv_func *func = jx_alloc(ctx, sizeof(*func));
    uint32_t *params = jx_alloc(ctx, (base->n_params + 1) * sizeof(*params));
    struct jx_frame *env = jx_frame_new(ctx, base->env);

    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    func->kind = JV_FUNC_LAMBDA;
    func->node = base->node;
    func->input = base->input;
    func->env = env;
    func->params = params;
    for (uint32_t i = 0; i < base->n_params; i++) {
        uint32_t sym =
            base->params ? base->params[i] : base->node->items.items[i]->sym;
        if (i < n && is_hole[i]) {
            params[func->n_params++] = sym;
        } else {
            jx_bind(ctx, env, sym, i < n ? args[i] : jv_undefined());
        }
    }
    return jv_func(func);
}

static struct jv
partial_other(struct jx *ctx, struct jv base, struct jv *args, bool *is_hole,
              uint32_t n)
{
    struct jv_func *func = jx_alloc(ctx, sizeof(*func));

    if (!func) {
        return jv_undefined();
    }
    func->kind = JV_FUNC_PARTIAL;
    func->input = base;
    func->args = args;
    func->is_hole = is_hole;
    func->n_args = n;
    for (uint32_t i = 0; i < n; i++) {
        func->n_params += is_hole[i];
    }
    return jv_func(func);
}

struct jv
jx_eval_partial(struct jx *ctx, const struct jn *node,
                struct jv input, /* NOLINT(misc-no-recursion) */
                struct jx_frame *env)
{
    uint32_t n = node->items.n;
    struct jv *args = jx_alloc(ctx, (size_t)n * sizeof(*args));
    bool *is_hole = jx_alloc(ctx, n);

    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        const struct jn *arg = node->items.items[i];
        is_hole[i] = arg->type == JN_OPERATOR;
        if (!is_hole[i]) {
            args[i] = jx_eval(ctx, arg, input, env);
        }
    }
    struct jv base =
        jx_ok(ctx) ? jx_eval(ctx, node->lhs, input, env) : jv_undefined();
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    if (lacks_dollar(ctx, node->lhs, base, env)) {
        return fail_dollar(ctx, "T1007", node);
    }
    if (base.type != JV_FUNC) {
        return fail_dollar(ctx, "T1008", node);
    }
    if (base.u.func->kind == JV_FUNC_LAMBDA) {
        return partial_lambda(ctx, base.u.func, args, is_hole, n);
    }
    return partial_other(ctx, base, args, is_hole, n);
}

static struct jv
chain(struct jx *ctx, struct jv f, struct jv g)
{
    struct jv_func *func = jx_alloc(ctx, sizeof(*func));
    struct jv *args = jx_alloc(ctx, 2 * sizeof(*args));

    if (!func || !args) {
        return jv_undefined();
    }
    args[0] = f;
    args[1] = g;
    func->kind = JV_FUNC_CHAIN;
    func->n_params = 1;
    func->args = args;
    return jv_func(func);
}

struct jv
jx_eval_apply(struct jx *ctx, const struct jn *node,
              struct jv input, /* NOLINT(misc-no-recursion) */
              struct jx_frame *env)
{
    struct jv value = jx_eval(ctx, node->lhs, input, env);

    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    if (node->rhs->type == JN_FUNCTION) {
        return call_node(ctx, node->rhs, input, env, &value);
    }
    struct jv func = jx_eval(ctx, node->rhs, input, env);
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    if (func.type != JV_FUNC) {
        return jx_fail_at(ctx, "T2006", node->position, func);
    }
    if (value.type == JV_FUNC) {
        return chain(ctx, value, func);
    }
    struct jv args[JX_ARGS_MIN] = {value};
    return jx_apply(ctx, func, args, 1, jv_undefined());
}
