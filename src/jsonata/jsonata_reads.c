/*
 * Does an expression read the document it is given? Names inside a path's later
 * steps, predicates, sorts and groups read what the path brought, not the
 * document; `$$` reads it from anywhere.
 */

#include "base/base.h"
#include "jsonata/jsonata_node_priv.h"

static bool reads(const struct jn *node, bool is_top);

static bool
reads_list( // NOLINT(misc-no-recursion)
    const struct jn_list *list, bool is_top)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (reads(list->items[i], is_top)) {
            return true;
        }
    }
    return false;
}

static bool
reads_path(const struct jn *node) /* NOLINT(misc-no-recursion) */
{
    if (reads(node->items.items[0], true)) {
        return true;
    }
    for (uint32_t i = 1; i < node->items.n; i++) {
        if (reads(node->items.items[i], false)) {
            return true;
        }
    }
    return false;
}

/* Whether the node by itself, without its children, does. */
static bool
reads_itself(const struct jn *node, bool is_top)
{
    switch (node->type) {
    case JN_NAME:
    case JN_WILDCARD:
    case JN_DESCENDANT:
        return is_top;
    case JN_VARIABLE:
        return (is_top && node->value.len == 0) ||
               odk_str_is(jv_text(node->value), "$");
    default:
        return false;
    }
}

static bool
reads(const struct jn *node, bool is_top) /* NOLINT(misc-no-recursion) */
{
    if (!node || node->type == JN_OPERATOR) {
        return false;
    }
    if (reads_itself(node, is_top) || reads_list(&node->predicates, false) ||
        reads_list(&node->stages, false) || reads(node->group, false)) {
        return true;
    }
    switch (node->type) {
    case JN_PATH:
        return is_top ? reads_path(node) : reads_list(&node->items, false);
    case JN_SORT:
        return reads_list(&node->items, false);
    case JN_LAMBDA:
        return reads(node->rhs, is_top);
    case JN_TRANSFORM:
        return reads(node->lhs, false) || reads(node->rhs, false) ||
               reads(node->other, false);
    case JN_BIND:
        return reads(node->rhs, is_top);
    case JN_FUNCTION:
    case JN_PARTIAL:
        /* `name(…)` without $ is a mistake that evaluation explains. */
        return (node->lhs->type != JN_PATH && reads(node->lhs, is_top)) ||
               reads_list(&node->items, is_top);
    default:
        return reads_list(&node->items, is_top) || reads(node->lhs, is_top) ||
               reads(node->rhs, is_top) || reads(node->other, is_top);
    }
}

bool
jn_reads_input(const struct jn *node)
{
    return reads(node, true);
}
