/*
 * Objects made of pairs, which group what they are made over, and sorting.
 */

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_text_priv.h"

/* What fell under one key: the first item itself, from the second on an array
 * of all. */
struct group {
    struct jv data;
    uint32_t pair; /**< which pair of expressions made the key */
    bool is_own;   /**< data is ours to append to */
};

struct grouping {
    const struct jn *node;
    struct jx_frame *env;
    struct jv_object *index; /**< key → number of its group */
    struct group *groups;
    uint32_t cap;
    bool is_tuples;
};

static void
group_append(struct jx *ctx, struct group *group, struct jv item)
{
    if (!group->is_own) {
        struct jv_array *own = jv_array_new(ctx, 0);
        if (jv_is_undefined(group->data)) {
            group->data = item;
            return;
        }
        if (jv_is_undefined(item)) {
            return;
        }
        jv_array_extend(ctx, own, jv_as_array(ctx, group->data, 0));
        group->data = jv_array(own);
        group->is_own = true;
    }
    if (!jx_ok(ctx)) {
        return;
    }
    if (item.type == JV_ARRAY) {
        jv_array_extend(ctx, group->data.u.array, item);
    } else if (!jv_is_undefined(item)) {
        jv_array_push(ctx, group->data.u.array, item);
    }
}

static struct group *
group_new(struct jx *ctx, struct grouping *g)
{
    uint32_t n = g->index->len;

    if (n == g->cap) {
        uint32_t cap = g->cap ? g->cap * 2 : 8;
        struct group *groups = jx_alloc(ctx, cap * sizeof(*groups));
        for (uint32_t i = 0; groups && i < n; i++) {
            groups[i] = g->groups[i];
        }
        g->groups = groups;
        g->cap = cap;
    }
    return g->groups ? &g->groups[n] : NULL;
}

static void
group_add(struct jx *ctx, struct grouping *g, uint32_t pair, struct jv key,
          struct jv item)
{
    if (key.type != JV_STRING) {
        if (!jv_is_undefined(key)) {
            (void)jx_fail_at(ctx, "T1003", g->node->position, key);
        }
        return;
    }
    const struct jv *at = jv_object_find(g->index, jv_text(key));
    if (at && g->groups) {
        struct group *group = &g->groups[(uint32_t)at->u.number];
        if (group->pair != pair) {
            (void)jx_fail_at(ctx, "D1009", g->node->position, key);
            return;
        }
        group_append(ctx, group, item);
        return;
    }
    struct group *group = group_new(ctx, g);
    if (group) {
        *group = (struct group){.data = item, .pair = pair};
        jv_object_set(ctx, g->index, jv_text(key), jv_number(g->index->len));
    }
}

static void
group_item(struct jx *ctx, struct grouping *g,
           struct jv item) /* NOLINT(misc-no-recursion) */
{
    bool is_tuple = g->is_tuples && item.type == JV_TUPLE;
    struct jx_frame *env =
        is_tuple ? jx_tuple_frame(ctx, item, g->env) : g->env;
    struct jv context = is_tuple ? item.u.tuple->at : item;

    for (uint32_t i = 0; i + 1 < g->node->items.n && jx_ok(ctx); i += 2) {
        struct jv key = jx_eval(ctx, g->node->items.items[i], context, env);
        if (jx_ok(ctx)) {
            group_add(ctx, g, i, key, item);
        }
    }
}

static bool
is_hidden(const struct jx_binding *first, const struct jx_binding *binding)
{
    for (; first != binding; first = first->next) {
        if (first->sym == binding->sym) {
            return true;
        }
    }
    return false;
}

/* The values of one variable in all tuples of a group; symbol 0 is the tuples'
 * own value. */
struct sum {
    uint32_t sym;
    struct group group;
};

struct sums {
    struct sum *items;
    uint32_t n;
    uint32_t cap;
};

static void
sum_add(struct jx *ctx, struct sums *sums, uint32_t sym, struct jv value)
{
    for (uint32_t i = 0; i < sums->n; i++) {
        if (sums->items[i].sym == sym) {
            group_append(ctx, &sums->items[i].group, value);
            return;
        }
    }
    if (sums->n == sums->cap) {
        uint32_t cap = sums->cap ? sums->cap * 2 : 8;
        struct sum *items = jx_alloc(ctx, cap * sizeof(*items));
        if (!items) {
            return;
        }
        for (uint32_t i = 0; i < sums->n; i++) {
            items[i] = sums->items[i];
        }
        sums->items = items;
        sums->cap = cap;
    }
    sums->items[sums->n++] = (struct sum){sym, {.data = value}};
}

static void
sum_tuple(struct jx *ctx, struct sums *sums, struct jv item)
{
    if (item.type != JV_TUPLE) {
        return;
    }
    const struct jv_tuple *tuple = item.u.tuple;
    sum_add(ctx, sums, 0, tuple->at);
    for (const struct jx_binding *b = tuple->first; b && jx_ok(ctx);
         b = b->next) {
        if (!is_hidden(tuple->first, b)) {
            sum_add(ctx, sums, b->sym, b->value);
        }
    }
}

/* All tuples of a group as one: the values, and each variable, appended. */
static struct jv
reduce_tuples(struct jx *ctx, struct jv data, struct jx_frame *frame)
{
    struct sums sums = {.n = 0};
    struct jv at = jv_undefined();
    uint32_t n = data.type == JV_ARRAY ? jv_len(data) : 1;

    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        sum_tuple(ctx, &sums, data.type == JV_ARRAY ? jv_at(data, i) : data);
    }
    for (uint32_t i = 0; i < sums.n && jx_ok(ctx); i++) {
        if (sums.items[i].sym == 0) {
            at = sums.items[i].group.data;
        } else {
            jx_bind(ctx, frame, sums.items[i].sym, sums.items[i].group.data);
        }
    }
    return at;
}

static struct jv
group_value(struct jx *ctx, const struct grouping *g,
            const struct group *group) /* NOLINT(misc-no-recursion) */
{
    struct jx_frame *env = g->env;
    struct jv context = group->data;

    if (g->is_tuples) {
        env = jx_frame_new(ctx, g->env);
        if (!env) {
            return jv_undefined();
        }
        context = reduce_tuples(ctx, group->data, env);
    }
    return jx_eval(ctx, g->node->items.items[group->pair + 1], context, env);
}

struct jv
jx_group(struct jx *ctx, const struct jn *group,
         struct jv input, /* NOLINT(misc-no-recursion) */
         struct jx_frame *env)
{
    struct grouping g = {.node = group,
                         .env = env,
                         .index = jv_object_new(ctx),
                         .is_tuples = jv_has_flag(input, JV_TUPLES)};
    struct jv_object *out = jv_object_new(ctx);
    bool is_array = input.type == JV_ARRAY;
    uint32_t n = is_array ? jv_len(input) : 1;

    /* Over nothing, the pairs still make an object, once. */
    if (n == 0) {
        is_array = false;
        input = jv_undefined();
        n = 1;
    }
    for (uint32_t i = 0; i < n && jx_ok(ctx); i++) {
        group_item(ctx, &g, is_array ? jv_at(input, i) : input);
    }
    for (uint32_t i = 0; jx_ok(ctx) && g.groups && i < g.index->len; i++) {
        struct jv value = group_value(ctx, &g, &g.groups[i]);
        if (jx_ok(ctx) && !jv_is_undefined(value)) {
            jv_object_set(ctx, out, g.index->pairs[i].key, value);
        }
    }
    return jv_object(out);
}

struct order {
    const struct jn *node;
    struct jx_frame *env;
    bool is_tuples;
};

static struct jv
term_of(struct jx *ctx, const struct order *order,
        const struct jn *term, /* NOLINT(misc-no-recursion) */
        struct jv item)
{
    if (order->is_tuples && item.type == JV_TUPLE) {
        return jx_eval(ctx, term->lhs, item.u.tuple->at,
                       jx_tuple_frame(ctx, item, order->env));
    }
    return jx_eval(ctx, term->lhs, item, order->env);
}

static bool
is_sortable(struct jv v)
{
    return v.type == JV_STRING || v.type == JV_NUMBER;
}

/* <0, 0, >0; undefined sorts last, whatever the direction. */
static int
compare_terms(struct jx *ctx, const struct order *order, const struct jn *term,
              struct jv a, struct jv b)
{
    int result = 0;

    if (jv_is_undefined(a) || jv_is_undefined(b)) {
        return jv_is_undefined(a) - jv_is_undefined(b);
    }
    if (!is_sortable(a) || !is_sortable(b)) {
        (void)jx_fail_at(ctx, "T2008", order->node->position,
                         is_sortable(a) ? b : a);
        return 0;
    }
    if (a.type != b.type) {
        (void)jx_fail_at(ctx, "T2007", order->node->position, a);
        ctx->fault.value2 = b;
        return 0;
    }
    if (a.type == JV_STRING) {
        result = jv_text_cmp(jv_text(a), jv_text(b));
    } else {
        result = a.u.number == b.u.number  ? 0
                 : a.u.number < b.u.number ? -1
                                           : 1;
    }
    return term->is_descending ? -result : result;
}

static bool
is_after(struct jx *ctx, void *arg, struct jv a,
         struct jv b) /* NOLINT(misc-no-recursion) */
{
    const struct order *order = arg;
    int result = 0;

    for (uint32_t i = 0; i < order->node->items.n && result == 0; i++) {
        const struct jn *term = order->node->items.items[i];
        struct jv left = term_of(ctx, order, term, a);
        struct jv right = term_of(ctx, order, term, b);
        if (!jx_ok(ctx)) {
            return false;
        }
        result = compare_terms(ctx, order, term, left, right);
    }
    return result > 0;
}

struct jv
jx_sort_by(struct jx *ctx, const struct jn *sort,
           struct jv input, /* NOLINT(misc-no-recursion) */
           struct jx_frame *env)
{
    struct order order = {
        .node = sort, .env = env, .is_tuples = jv_has_flag(input, JV_TUPLES)};

    return jx_merge_sort(ctx, input, is_after, &order);
}

struct sorter {
    jx_after_f is_after;
    void *arg;
    struct jv *items;
    struct jv *spare;
};

/* Merges the sorted halves [from, middle) and [middle, to) of items. */
static void
merge_halves(struct jx *ctx, struct sorter *s, uint32_t from, uint32_t middle,
             uint32_t to)
{
    uint32_t left = from;
    uint32_t right = middle;

    for (uint32_t at = from; at < to; at++) {
        bool takes_right =
            left == middle ||
            (right < to && jx_ok(ctx) &&
             s->is_after(ctx, s->arg, s->items[left], s->items[right]));
        s->spare[at] = takes_right ? s->items[right++] : s->items[left++];
    }
    for (uint32_t at = from; at < to; at++) {
        s->items[at] = s->spare[at];
    }
}

/* Depth is the logarithm of the length. */
static void
sort_part( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct sorter *s, uint32_t from, uint32_t to)
{
    uint32_t middle = from + (to - from) / 2;

    if (to - from < 2 || !jx_charge(ctx, (to - from) / 4)) {
        return;
    }
    sort_part(ctx, s, from, middle);
    sort_part(ctx, s, middle, to);
    if (jx_ok(ctx)) {
        merge_halves(ctx, s, from, middle, to);
    }
}

struct jv
jx_merge_sort(struct jx *ctx, struct jv array, jx_after_f is_behind, void *arg)
{
    uint32_t n = array.type == JV_ARRAY ? jv_len(array) : 0;

    if (n < 2) {
        return array;
    }
    struct jv_array *out = jv_array_new(ctx, 0);
    struct sorter s = {.is_after = is_behind, .arg = arg};
    s.items = jx_alloc(ctx, n * sizeof(*s.items));
    s.spare = jx_alloc(ctx, n * sizeof(*s.spare));
    if (!jx_ok(ctx)) {
        return jv_undefined();
    }
    for (uint32_t i = 0; i < n; i++) {
        s.items[i] = jv_at(array, i);
    }
    sort_part(ctx, &s, 0, n);
    out->items = s.items;
    out->len = n;
    out->cap = n;
    return jv_array(out);
}
