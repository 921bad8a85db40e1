#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_ancestry_priv.h"
#include "jsonata/jsonata_eval_priv.h"

#define SLOTS_CAP_FIRST 4u
/* Slots times steps that one expression may make the compiler walk. */
#define SLOTS_MAX 256u

struct jv
jn_type_name(const struct jn *node)
{
    static const char *const names[JN_TYPES] = {
        "(end)",  "operator",  "name",  "variable",  "string",
        "number", "value",     "regex", "wildcard",  "descendant",
        "parent", "binary",    "unary", "function",  "partial",
        "lambda", "condition", "block", "transform", "path",
        "sort",   "bind",      "apply", "filter",    "index",
        "term",   "group"};

    return jv_cstr(names[node->type]);
}

void
jn_seek(struct jp *jp, struct jn *node, struct jn_slot *slot)
{
    struct jn_slots *slots = &node->seeking;

    slots->is_set = true;
    if (slots->n == slots->cap) {
        uint32_t cap = slots->cap ? slots->cap * 2 : SLOTS_CAP_FIRST;
        struct jn_slot **items =
            cap > SLOTS_MAX ? NULL
                            : odk_arena_calloc(&jp->program->arena, cap,
                                               sizeof(struct jn_slot *));
        if (!items) {
            jp_fail_limit(jp);
            return;
        }
        if (slots->n) {
            memcpy(items, slots->items, slots->n * sizeof(struct jn_slot *));
        }
        slots->items = items;
        slots->cap = cap;
    }
    slots->items[slots->n++] = slot;
}

void
jn_push_ancestry(struct jp *jp, struct jn *node, struct jn *value)
{
    if (!value->seeking.is_set && value->type != JN_PARENT) {
        return;
    }
    node->seeking.is_set = true;
    for (uint32_t i = 0; i < value->seeking.n && !jp->is_failed; i++) {
        jn_seek(jp, node, value->seeking.items[i]);
    }
    if (value->type == JN_PARENT) {
        jn_seek(jp, node, value->slot);
    }
}

void
jn_seek_parent( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *node, struct jn_slot *slot)
{
    switch (node->type) {
    case JN_NAME:
    case JN_WILDCARD:
        slot->level--;
        if (slot->level == 0) {
            if (node->ancestor) {
                slot->label = node->ancestor->label;
            }
            node->ancestor = slot;
            node->is_tuple = true;
        }
        return;
    case JN_PARENT:
        slot->level++;
        return;
    case JN_BLOCK:
        if (node->items.n > 0) {
            node->is_tuple = true;
            jn_seek_parent(jp, node->items.items[node->items.n - 1], slot);
        }
        return;
    case JN_PATH: {
        uint32_t left = node->items.n;
        node->is_tuple = true;
        do {
            left--;
            jn_seek_parent(jp, node->items.items[left], slot);
        } while (slot->level > 0 && left > 0 && !jp->is_failed);
        return;
    }
    default:
        (void)jp_fail(jp, "S0217", node->position, jn_type_name(node),
                      jv_undefined());
    }
}

/* Climbs from the step before the last one. */
static void
resolve_slot(struct jp *jp, struct jn *path, struct jn_slot *slot)
{
    int64_t index = (int64_t)path->items.n - 2;

    while (slot->level > 0 && !jp->is_failed) {
        if (index < 0) {
            jn_seek(jp, path, slot);
            return;
        }
        struct jn *step = path->items.items[index--];
        /* Steps that bind their value do not move the context. */
        while (index >= 0 && step->focus && path->items.items[index]->focus) {
            step = path->items.items[index--];
        }
        jn_seek_parent(jp, step, slot);
    }
}

void
jn_resolve_ancestry(struct jp *jp, struct jn *path)
{
    struct jn *last = path->items.items[path->items.n - 1];

    for (uint32_t i = 0; i < last->seeking.n && !jp->is_failed; i++) {
        resolve_slot(jp, path, last->seeking.items[i]);
    }
    if (last->type == JN_PARENT && !jp->is_failed) {
        resolve_slot(jp, path, last->slot);
    }
}
