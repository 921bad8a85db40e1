/*
 * From the raw tree to the evaluator's: `a.b[c]` becomes a path of steps with
 * stages, and every `%` finds the step whose input it stands for.
 *
 * A `%` is a slot with a level: how many steps it still has to climb. Each node
 * carries the slots below it that no step has claimed yet (`seeking`); a path
 * that gets to know its steps resolves them, or hands them on upwards.
 */

#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_ancestry_priv.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_node_priv.h"

#define TREE_DEPTH_MAX 800u

static struct jn *
path_of(struct jp *jp, struct jn *step)
{
    struct jn *path = jn_new(jp, JN_PATH, 0);

    if (path) {
        jn_list_add(jp, &path->items, step);
    }
    return path;
}

static struct jn *
last_step(const struct jn *path)
{
    return path->items.items[path->items.n - 1];
}

static bool
is_array_constructor(const struct jn *node)
{
    return node->type == JN_UNARY && node->op == '[';
}

static void
move_predicates(struct jn *step)
{
    if (step->predicates.n) {
        step->stages = step->predicates;
        step->predicates = (struct jn_list){.n = 0};
    }
}

/* What the steps of a path may be, and what they tell the path. */
static void
check_steps(struct jp *jp, struct jn *path)
{
    for (uint32_t i = 0; i < path->items.n; i++) {
        struct jn *step = path->items.items[i];
        if (step->type == JN_NUMBER || step->type == JN_VALUE) {
            (void)jp_fail(jp, "S0213", step->position, jv_undefined(),
                          step->value);
            return;
        }
        if (step->type == JN_STRING) {
            step->type = JN_NAME;
        }
        if (step->keep_array) {
            path->keep_singleton = true;
        }
    }
    if (is_array_constructor(path->items.items[0])) {
        path->items.items[0]->is_cons = true;
    }
    if (is_array_constructor(last_step(path))) {
        last_step(path)->is_cons = true;
    }
}

/* a.b */
static struct jn *
process_map(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    struct jn *left = jp_process(jp, node->lhs);

    if (!left) {
        return NULL;
    }
    struct jn *path = left->type == JN_PATH ? left : path_of(jp, left);
    if (path && left->type == JN_PARENT) {
        jn_seek(jp, path, left->slot);
    }
    struct jn *rest = path ? jp_process(jp, node->rhs) : NULL;
    if (!rest) {
        return NULL;
    }
    if (rest->type == JN_PATH) {
        for (uint32_t i = 0; i < rest->items.n; i++) {
            jn_list_add(jp, &path->items, rest->items.items[i]);
        }
    } else {
        move_predicates(rest);
        jn_list_add(jp, &path->items, rest);
    }
    if (!jp->is_failed) {
        check_steps(jp, path);
    }
    if (!jp->is_failed) {
        jn_resolve_ancestry(jp, path);
    }
    return path;
}

/* a[b] */
static struct jn *
process_predicate( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *node)
{
    struct jn *result = jp_process(jp, node->lhs);

    if (!result) {
        return NULL;
    }
    bool is_path = result->type == JN_PATH;
    struct jn *step = is_path ? last_step(result) : result;
    if (step->group) {
        return jp_fail(jp, "S0209", node->position, jv_undefined(),
                       jv_undefined());
    }
    struct jn *predicate = jp_process(jp, node->rhs);
    struct jn *stage = predicate ? jn_new(jp, JN_FILTER, node->position) : NULL;
    if (!stage) {
        return NULL;
    }
    stage->lhs = predicate;
    if (predicate->seeking.is_set) {
        for (uint32_t i = 0; i < predicate->seeking.n; i++) {
            struct jn_slot *slot = predicate->seeking.items[i];
            if (slot->level == 1) {
                jn_seek_parent(jp, step, slot);
            } else {
                slot->level--;
            }
        }
        jn_push_ancestry(jp, step, predicate);
    }
    jn_list_add(jp, is_path ? &step->stages : &step->predicates, stage);
    return result;
}

/* a{key: value} */
static struct jn *
process_group(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    struct jn *result = jp_process(jp, node->lhs);
    struct jn *group = result ? jn_new(jp, JN_GROUP, node->position) : NULL;

    if (!group) {
        return NULL;
    }
    if (result->group) {
        return jp_fail(jp, "S0210", node->position, jv_undefined(),
                       jv_undefined());
    }
    for (uint32_t i = 0; i < node->items.n; i++) {
        jn_list_add(jp, &group->items, jp_process(jp, node->items.items[i]));
    }
    result->group = group;
    return result;
}

/* a^(b) */
static struct jn *
process_order(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    struct jn *result = jp_process(jp, node->lhs);

    if (result && result->type != JN_PATH) {
        result = path_of(jp, result);
    }
    struct jn *sort = result ? jn_new(jp, JN_SORT, node->position) : NULL;
    if (!sort) {
        return NULL;
    }
    for (uint32_t i = 0; i < node->items.n; i++) {
        struct jn *term = node->items.items[i];
        term->lhs = jp_process(jp, term->lhs);
        if (!term->lhs) {
            return NULL;
        }
        jn_push_ancestry(jp, sort, term->lhs);
        jn_list_add(jp, &sort->items, term);
    }
    jn_list_add(jp, &result->items, sort);
    if (!jp->is_failed) {
        jn_resolve_ancestry(jp, result);
    }
    return result;
}

/* a@$v */
static struct jn *
process_focus(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    struct jn *result = jp_process(jp, node->lhs);

    if (!result) {
        return NULL;
    }
    struct jn *step = result->type == JN_PATH ? last_step(result) : result;
    if (step->stages.n || step->predicates.n) {
        return jp_fail(jp, "S0215", node->position, jv_undefined(),
                       jv_undefined());
    }
    if (step->type == JN_SORT) {
        return jp_fail(jp, "S0216", node->position, jv_undefined(),
                       jv_undefined());
    }
    if (node->keep_array) {
        step->keep_array = true;
    }
    step->focus = node->rhs->sym;
    step->is_tuple = true;
    return result;
}

/* a#$i */
static struct jn *
process_index(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    struct jn *result = jp_process(jp, node->lhs);

    if (!result) {
        return NULL;
    }
    struct jn *step = result;
    if (result->type == JN_PATH) {
        step = last_step(result);
    } else {
        result = path_of(jp, result);
        move_predicates(step);
    }
    if (step->stages.n == 0) {
        step->index = node->rhs->sym;
    } else {
        struct jn *stage = jn_new(jp, JN_INDEX, node->position);
        if (!stage) {
            return NULL;
        }
        stage->sym = node->rhs->sym;
        jn_list_add(jp, &step->stages, stage);
    }
    step->is_tuple = true;
    return result;
}

/* Both operands, whatever the operator. */
static struct jn *
process_operands( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *node, enum jn_type type)
{
    node->lhs = jp_process(jp, node->lhs);
    node->rhs = jp_process(jp, node->rhs);
    if (jp->is_failed) {
        return NULL;
    }
    node->type = (uint8_t)type;
    if (type == JN_APPLY) {
        node->keep_array =
            node->keep_array || node->lhs->keep_array || node->rhs->keep_array;
        return node;
    }
    if (type == JN_BINARY) {
        jn_push_ancestry(jp, node, node->lhs);
    }
    jn_push_ancestry(jp, node, node->rhs);
    return node;
}

static struct jn *
process_binary(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    switch (node->op) {
    case '.':
        return process_map(jp, node);
    case '[':
        return process_predicate(jp, node);
    case '{':
        return process_group(jp, node);
    case '^':
        return process_order(jp, node);
    case '@':
        return process_focus(jp, node);
    case '#':
        return process_index(jp, node);
    case JN_OP_BIND:
        return process_operands(jp, node, JN_BIND);
    case JN_OP_CHAIN:
        return process_operands(jp, node, JN_APPLY);
    default:
        return process_operands(jp, node, JN_BINARY);
    }
}

/* Processes the members of a list in place; the node seeks what they seek. */
static void
process_items(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    for (uint32_t i = 0; i < node->items.n && !jp->is_failed; i++) {
        struct jn *item = jp_process(jp, node->items.items[i]);
        if (item) {
            node->items.items[i] = item;
            jn_push_ancestry(jp, node, item);
        }
    }
}

static struct jn *
process_unary(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    if (node->op != '-') {
        process_items(jp, node);
        return node;
    }
    node->rhs = jp_process(jp, node->rhs);
    if (!node->rhs) {
        return NULL;
    }
    if (node->rhs->type == JN_NUMBER) {
        node->rhs->value.u.number = -node->rhs->value.u.number;
        return node->rhs;
    }
    jn_push_ancestry(jp, node, node->rhs);
    return node;
}

static struct jn *
process_call(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    process_items(jp, node);
    node->lhs = jp_process(jp, node->lhs);
    if (node->lhs && node->lhs->type == JN_PATH) {
        /* A bare name that is called may be a variable without its $. */
        struct jn *name = node->lhs->items.items[0];
        if (name->type == JN_NAME) {
            name->sym = jp_symbol(jp, jv_text(name->value), false);
        }
    }
    return node;
}

/* A call in tail position becomes a thunk, which the caller's loop evaluates
 * after the frame is gone. */
static struct jn *
tail_call(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    if (node->type == JN_FUNCTION && node->predicates.n == 0) {
        struct jn *thunk = jn_new(jp, JN_LAMBDA, node->position);
        if (thunk) {
            thunk->is_thunk = true;
            thunk->rhs = node;
        }
        return thunk;
    }
    if (node->type == JN_CONDITION) {
        node->rhs = tail_call(jp, node->rhs);
        if (node->other) {
            node->other = tail_call(jp, node->other);
        }
    } else if (node->type == JN_BLOCK && node->items.n > 0) {
        struct jn **last = &node->items.items[node->items.n - 1];
        *last = tail_call(jp, *last);
    }
    return node;
}

static struct jn *
process_condition( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *node)
{
    node->lhs = jp_process(jp, node->lhs);
    node->rhs = jp_process(jp, node->rhs);
    if (node->other) {
        node->other = jp_process(jp, node->other);
    }
    if (jp->is_failed) {
        return NULL;
    }
    jn_push_ancestry(jp, node, node->lhs);
    jn_push_ancestry(jp, node, node->rhs);
    if (node->other) {
        jn_push_ancestry(jp, node, node->other);
    }
    return node;
}

static struct jn *
process_transform( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *node)
{
    node->lhs = jp_process(jp, node->lhs);
    node->rhs = jp_process(jp, node->rhs);
    if (node->other) {
        node->other = jp_process(jp, node->other);
    }
    return node;
}

static struct jn *
process_block(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    process_items(jp, node);
    for (uint32_t i = 0; i < node->items.n && !jp->is_failed; i++) {
        const struct jn *part = node->items.items[i];
        if (part->is_cons ||
            (part->type == JN_PATH && part->items.items[0]->is_cons)) {
            node->is_cons = true;
        }
    }
    return node;
}

static struct jn *
process_name(struct jp *jp, struct jn *node)
{
    struct jn *path = path_of(jp, node);

    if (path) {
        node->type = JN_NAME;
        path->keep_singleton = node->keep_array;
    }
    return path;
}

static struct jn *
process_parent(struct jp *jp, struct jn *node)
{
    struct odk_buf buf;

    odk_buf_init(&buf, 0);
    odk_buf_put_char(&buf, '!');
    odk_buf_put_u64(&buf, jp->n_labels++);
    struct odk_str name = odk_arena_str(&jp->program->arena, odk_buf_str(&buf));
    odk_buf_release(&buf);
    node->slot = odk_arena_alloc(&jp->program->arena, sizeof(*node->slot));
    if (!name.ptr || !node->slot) {
        jp_fail_limit(jp);
        return NULL;
    }
    node->slot->label = jp_symbol(jp, name, false);
    node->slot->level = 1;
    return node;
}

static struct jn *
process_by_type(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    switch (node->type) {
    case JN_BINARY:
        return process_binary(jp, node);
    case JN_UNARY:
        return process_unary(jp, node);
    case JN_FUNCTION:
    case JN_PARTIAL:
        return process_call(jp, node);
    case JN_LAMBDA:
        node->rhs = jp_process(jp, node->rhs);
        if (node->rhs) {
            node->rhs = tail_call(jp, node->rhs);
        }
        return node;
    case JN_CONDITION:
        return process_condition(jp, node);
    case JN_TRANSFORM:
        return process_transform(jp, node);
    case JN_BLOCK:
        return process_block(jp, node);
    case JN_NAME:
        return process_name(jp, node);
    case JN_PARENT:
        return process_parent(jp, node);
    case JN_OPERATOR:
        if (node->op == '?') {
            return node;
        }
        if (node->op == JN_OP_AND || node->op == JN_OP_OR ||
            node->op == JN_OP_IN) {
            return process_name(jp, node);
        }
        return jp_fail(jp, "S0201", node->position, node->value,
                       jv_undefined());
    case JN_END:
        return jp_fail(jp, "S0207", node->position, node->value,
                       jv_undefined());
    default:
        return node;
    }
}

struct jn *
jp_process(struct jp *jp, struct jn *node) /* NOLINT(misc-no-recursion) */
{
    if (jp->is_failed) {
        return NULL;
    }
    if (jp->nest >= TREE_DEPTH_MAX) {
        jp_fail_limit(jp);
        return NULL;
    }
    bool keep_array = node->keep_array;
    jp->nest++;
    struct jn *result = process_by_type(jp, node);
    jp->nest--;
    if (jp->is_failed || !result) {
        return NULL;
    }
    if (keep_array) {
        result->keep_array = true;
    }
    return result;
}
