/*
 * Paths. A step maps a sequence to a sequence; once a step binds a variable
 * (@$v, #$i) or feeds a `%`, the rest of the path carries tuples: the value and
 * what was bound on the way to it.
 */

#include <math.h>

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"

static struct jv stages(struct jx *ctx, const struct jn_list *list,
                        struct jv input, /* NOLINT(misc-no-recursion) */
                        struct jx_frame *env);

/* The results of a step as they come in: one plain array at the end of a path
 * stays what it is, anything else is flattened into a sequence. */
struct collector {
    struct jv_array *out;
    struct jv first;
    uint32_t count;
};

static void
flatten_into(struct jx *ctx, struct collector *c, struct jv v)
{
    if (!c->out) {
        c->out = jv_array_new(ctx, JV_SEQUENCE);
    }
    if (v.type == JV_ARRAY && !jv_has_flag(v, JV_CONS)) {
        jv_array_extend(ctx, c->out, v);
    } else {
        jv_array_push(ctx, c->out, v);
    }
}

static void
collect(struct jx *ctx, struct collector *c, struct jv v)
{
    if (jv_is_undefined(v)) {
        return;
    }
    c->count++;
    if (c->count == 1) {
        c->first = v;
        return;
    }
    if (c->count == 2) {
        flatten_into(ctx, c, c->first);
    }
    flatten_into(ctx, c, v);
}

static struct jv
collected(struct jx *ctx, struct collector *c, bool is_last)
{
    if (c->count == 0) {
        return jv_array(jv_array_new(ctx, JV_SEQUENCE));
    }
    if (c->count > 1) {
        return jv_array(c->out);
    }
    if (is_last && c->first.type == JV_ARRAY &&
        !jv_has_flag(c->first, JV_SEQUENCE)) {
        return c->first;
    }
    flatten_into(ctx, c, c->first);
    return jv_array(c->out);
}

static struct jv
eval_step(struct jx *ctx, const struct jn *step,
          struct jv input, /* NOLINT(misc-no-recursion) */
          struct jx_frame *env, bool is_last)
{
    struct collector c = {.count = 0};

    if (step->type == JN_SORT) {
        struct jv sorted = jx_sort_by(ctx, step, input, env);
        return stages(ctx, &step->stages, sorted, env);
    }
    uint32_t n = jv_len(input);
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv v = jx_eval(ctx, step, jv_at(input, i), env);
        for (uint32_t s = 0; s < step->stages.n && jx_ok(ctx); s++) {
            v = jx_filter(ctx, step->stages.items[s]->lhs, v, env);
        }
        collect(ctx, &c, v);
    }
    return collected(ctx, &c, is_last);
}

static struct jv
tuple_new(struct jx *ctx, struct jv at, struct jx_binding *first)
{
    struct jv_tuple *tuple = jx_alloc(ctx, sizeof(*tuple));

    if (!tuple) {
        return jv_undefined();
    }
    tuple->at = at;
    tuple->first = first;
    return (struct jv){.type = JV_TUPLE, .u.tuple = tuple};
}

static void
tuple_bind(struct jx *ctx, struct jv tuple, uint32_t sym, struct jv value)
{
    struct jx_binding *binding = jx_alloc(ctx, sizeof(*binding));

    if (!binding || tuple.type != JV_TUPLE) {
        return;
    }
    binding->next = tuple.u.tuple->first;
    binding->sym = sym;
    binding->value = value;
    tuple.u.tuple->first = binding;
}

struct jx_frame *
jx_tuple_frame(struct jx *ctx, struct jv item, struct jx_frame *env)
{
    struct jx_frame *frame = jx_frame_new(ctx, env);

    if (frame && item.type == JV_TUPLE) {
        frame->first = item.u.tuple->first;
    }
    return frame;
}

static void
number_tuples(struct jx *ctx, uint32_t sym, struct jv input)
{
    uint32_t n = input.type == JV_ARRAY ? jv_len(input) : 0;

    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        tuple_bind(ctx, jv_at(input, i), sym, jv_number(i));
    }
}

static struct jv
stages(struct jx *ctx, const struct jn_list *list,
       struct jv input, /* NOLINT(misc-no-recursion) */
       struct jx_frame *env)
{
    for (uint32_t i = 0; i < list->n && jx_ok(ctx); i++) {
        const struct jn *stage = list->items[i];
        if (stage->type == JN_INDEX) {
            number_tuples(ctx, stage->sym, input);
        } else {
            input = jx_filter(ctx, stage->lhs, input, env);
        }
    }
    return input;
}

/* A copy of a tuple with the bindings of another before its own. */
static struct jv
tuple_merge(struct jx *ctx, struct jv base, struct jv over)
{
    struct jv out = tuple_new(ctx, over.u.tuple->at, base.u.tuple->first);
    struct jx_binding *reversed = NULL;

    for (struct jx_binding *b = over.u.tuple->first; b && jx_ok(ctx);
         b = b->next) {
        struct jx_binding *copy = jx_alloc(ctx, sizeof(*copy));
        if (copy) {
            *copy = *b;
            copy->next = reversed;
            reversed = copy;
        }
    }
    for (; reversed && jx_ok(ctx); reversed = reversed->next) {
        tuple_bind(ctx, out, reversed->sym, reversed->value);
    }
    return out;
}

/* The tuple that item `position` of a step's result makes of its origin. */
static struct jv
tuple_extend(struct jx *ctx, const struct jn *step, struct jv origin,
             struct jv item, uint32_t position)
{
    struct jv at = step->focus ? origin.u.tuple->at : item;
    struct jv out = tuple_new(ctx, at, origin.u.tuple->first);

    if (step->focus) {
        tuple_bind(ctx, out, step->focus, item);
    }
    if (step->index) {
        tuple_bind(ctx, out, step->index, jv_number(position));
    }
    if (step->ancestor) {
        tuple_bind(ctx, out, step->ancestor->label, origin.u.tuple->at);
    }
    return out;
}

static struct jv
as_tuples(struct jx *ctx, struct jv input)
{
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE | JV_TUPLES);
    uint32_t n = jv_len(input);

    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        jv_array_push(ctx, out, tuple_new(ctx, jv_at(input, i), NULL));
    }
    return jv_array(out);
}

static struct jv
tuple_sort(struct jx *ctx, const struct jn *step,
           struct jv input, /* NOLINT(misc-no-recursion) */
           struct jv bindings, struct jx_frame *env)
{
    if (!jv_is_undefined(bindings)) {
        return jx_sort_by(ctx, step, bindings, env);
    }
    struct jv out = as_tuples(ctx, jx_sort_by(ctx, step, input, env));
    if (jx_ok(ctx) && step->index) {
        number_tuples(ctx, step->index, out);
    }
    return out;
}

static void
tuple_results(struct jx *ctx, const struct jn *step, struct jv origin,
              struct jv result, struct jv_array *out)
{
    bool is_tuples = jv_has_flag(result, JV_TUPLES);

    if (result.type != JV_ARRAY) {
        if (!jv_is_undefined(result)) {
            jv_array_push(ctx, out, tuple_extend(ctx, step, origin, result, 0));
        }
        return;
    }
    uint32_t n = jv_len(result);
    for (uint32_t i = 0; i < n && jx_charge(ctx, 1); i++) {
        struct jv item = jv_at(result, i);
        jv_array_push(ctx, out,
                      is_tuples && item.type == JV_TUPLE
                          ? tuple_merge(ctx, origin, item)
                          : tuple_extend(ctx, step, origin, item, i));
    }
}

static struct jv
eval_tuple_step(struct jx *ctx, const struct jn *step,
                struct jv input, /* NOLINT(misc-no-recursion) */
                struct jv bindings, struct jx_frame *env)
{
    if (step->type == JN_SORT) {
        struct jv sorted = tuple_sort(ctx, step, input, bindings, env);
        return stages(ctx, &step->stages, sorted, env);
    }
    if (jv_is_undefined(bindings)) {
        bindings = as_tuples(ctx, input);
    }
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE | JV_TUPLES);
    uint32_t n = jx_ok(ctx) ? jv_len(bindings) : 0;
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv origin = jv_at(bindings, i);
        if (origin.type != JV_TUPLE) {
            origin = tuple_new(ctx, origin, NULL);
        }
        struct jx_frame *frame = jx_tuple_frame(ctx, origin, env);
        if (!jx_ok(ctx)) {
            break;
        }
        struct jv result = jx_eval(ctx, step, origin.u.tuple->at, frame);
        tuple_results(ctx, step, origin, result, out);
    }
    return stages(ctx, &step->stages, jv_array(out), env);
}

/* Where a path stands between two steps. */
struct walk {
    struct jv input;
    struct jv result;
    struct jv bindings;
    bool is_tuples;
};

static struct jv
values_of(struct jx *ctx, struct jv bindings)
{
    struct jv_array *out = jv_array_new(ctx, JV_SEQUENCE);
    uint32_t n = bindings.type == JV_ARRAY ? jv_len(bindings) : 0;

    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv item = jv_at(bindings, i);
        jv_array_push(ctx, out,
                      item.type == JV_TUPLE ? item.u.tuple->at : item);
    }
    return jv_array(out);
}

/* Whether there is something to walk on from. A single value that a leading
 * array constructor's predicate left is no sequence: the reference finds
 * nothing in it. */
static bool
goes_on(struct jx *ctx, struct walk *w, bool is_last)
{
    if (jv_is_undefined(w->result) || is_last) {
        return false;
    }
    if (w->result.type != JV_ARRAY) {
        w->result = jv_array(jv_array_new(ctx, JV_SEQUENCE));
    }
    return jx_ok(ctx) && jv_len(w->result) > 0;
}

static void
walk_steps(struct jx *ctx, const struct jn *node,
           struct walk *w, /* NOLINT(misc-no-recursion) */
           struct jx_frame *env)
{
    for (uint32_t i = 0; i < node->items.n && jx_ok(ctx); i++) {
        const struct jn *step = node->items.items[i];
        w->is_tuples = w->is_tuples || step->is_tuple;
        if (i == 0 && step->is_cons) {
            w->result = jx_eval(ctx, step, w->input, env);
        } else if (w->is_tuples) {
            w->bindings =
                eval_tuple_step(ctx, step, w->input, w->bindings, env);
        } else {
            w->result =
                eval_step(ctx, step, w->input, env, i + 1 == node->items.n);
        }
        if (!w->is_tuples && !goes_on(ctx, w, i + 1 == node->items.n)) {
            return;
        }
        if (!step->focus && w->result.type == JV_ARRAY) {
            w->input = w->result;
        }
    }
}

static struct jv
keep_singleton(struct jx *ctx, struct jv result)
{
    if (jv_has_flag(result, JV_CONS) && !jv_has_flag(result, JV_SEQUENCE)) {
        struct jv_array *outer = jv_array_new(ctx, JV_SEQUENCE);
        jv_array_push(ctx, outer, result);
        result = jv_array(outer);
    }
    if (result.type == JV_ARRAY && !result.is_json) {
        result.u.array->flags |= JV_KEEP_SINGLETON;
    }
    return result;
}

struct jv
jx_eval_path(struct jx *ctx, const struct jn *node,
             struct jv input, /* NOLINT(misc-no-recursion) */
             struct jx_frame *env)
{
    struct walk w = {.input = input};

    if (input.type != JV_ARRAY || node->items.items[0]->type == JN_VARIABLE) {
        struct jv_array *alone = jv_array_new(ctx, JV_SEQUENCE);
        jv_array_push(ctx, alone, input);
        w.input = jv_array(alone);
    }
    if (jx_ok(ctx)) {
        walk_steps(ctx, node, &w, env);
    }
    if (w.is_tuples) {
        w.result = node->is_tuple ? w.bindings : values_of(ctx, w.bindings);
    }
    if (node->keep_singleton && jx_ok(ctx)) {
        w.result = keep_singleton(ctx, w.result);
    }
    if (node->group && jx_ok(ctx)) {
        return jx_group(ctx, node->group, w.is_tuples ? w.bindings : w.result,
                        env);
    }
    return w.result;
}

/* Adds the item once for every index that names it. */
static void
filter_by_numbers(struct jx *ctx, struct jv indexes, uint32_t index, uint32_t n,
                  struct jv_array *out, struct jv item)
{
    uint32_t count = indexes.type == JV_ARRAY ? jv_len(indexes) : 1;

    for (uint32_t i = 0; i < count && jx_ok(ctx); i++) {
        struct jv number =
            indexes.type == JV_ARRAY ? jv_at(indexes, i) : indexes;
        double at = floor(number.u.number);
        if (at < 0) {
            at += n;
        }
        if (at == (double)index) {
            jv_array_push(ctx, out, item);
        }
    }
    (void)jx_charge(ctx, count / 8);
}

static struct jv
filter_by_constant(struct jx *ctx, double position, struct jv input,
                   struct jv_array *out)
{
    bool is_array = input.type == JV_ARRAY;
    double n = is_array ? jv_len(input) : 1;
    double at = floor(position);
    struct jv item = jv_undefined();

    if (at < 0) {
        at += n;
    }
    if (at >= 0 && at < n) {
        item = is_array ? jv_at(input, (size_t)at) : input;
    }
    if (item.type == JV_ARRAY) {
        return item;
    }
    if (!jv_is_undefined(item)) {
        jv_array_push(ctx, out, item);
    }
    return jv_array(out);
}

struct jv
jx_filter(struct jx *ctx, const struct jn *predicate,
          struct jv input, /* NOLINT(misc-no-recursion) */
          struct jx_frame *env)
{
    bool is_array = input.type == JV_ARRAY;
    bool is_tuples = jv_has_flag(input, JV_TUPLES);
    struct jv_array *out =
        jv_array_new(ctx, is_tuples ? JV_SEQUENCE | JV_TUPLES : JV_SEQUENCE);

    if (predicate->type == JN_NUMBER) {
        return filter_by_constant(ctx, predicate->value.u.number, input, out);
    }
    uint32_t n = is_array ? jv_len(input) : 1;
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        struct jv item = is_array ? jv_at(input, i) : input;
        struct jv context = item;
        struct jx_frame *frame = env;
        if (is_tuples && item.type == JV_TUPLE) {
            context = item.u.tuple->at;
            frame = jx_tuple_frame(ctx, item, env);
        }
        struct jv found = jx_eval(ctx, predicate, context, frame);
        if (!jx_ok(ctx)) {
            break;
        }
        if (jv_is_numeric(ctx, found) || jv_all_numbers(ctx, found)) {
            filter_by_numbers(ctx, found, i, n, out, item);
        } else if (jx_ok(ctx) && jv_truthy(ctx, found)) {
            jv_array_push(ctx, out, item);
        }
    }
    return jv_array(out);
}
