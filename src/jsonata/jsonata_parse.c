/*
 * A Pratt parser: `nud` is what a token means where an operand begins, `led`
 * what it means behind an operand. It makes the raw tree of binary nodes;
 * jsonata_process.c gives it meaning.
 */

#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_node_priv.h"
#include "jsonata/jsonata_text_priv.h"

static struct jn *expression(struct jp *jp, uint32_t power);

static uint32_t
op_power(uint16_t op)
{
    switch (op) {
    case '[':
    case '(':
    case '@':
    case '#':
        return 80;
    case '.':
        return 75;
    case '{':
        return 70;
    case '*':
    case '/':
    case '%':
        return 60;
    case '+':
    case '-':
    case '&':
        return 50;
    case '=':
    case '<':
    case '>':
    case '^':
    case JN_OP_NE:
    case JN_OP_LE:
    case JN_OP_GE:
    case JN_OP_CHAIN:
    case JN_OP_IN:
        return 40;
    case JN_OP_AND:
        return 30;
    case JN_OP_OR:
        return 25;
    case '?':
        return 20;
    case JN_OP_BIND:
        return 10;
    default:
        return 0;
    }
}

static bool
sees(const struct jp *jp, uint16_t op)
{
    return !jp->is_failed && jp->node->op == op;
}

/* Takes the next token into sight. */
static void
advance(struct jp *jp, bool is_infix)
{
    if (jp->is_failed) {
        return;
    }
    jp->node = jp_lex(jp, is_infix);
    if (jp->is_failed) {
        return;
    }
    if (jp->node->op == '!' || jp->node->op == '~') {
        (void)jp_fail(jp, "S0204", jp->node->position, jp->node->value,
                      jv_undefined());
    }
}

/* The token in sight must be `op`; then as advance. */
static void
expect(struct jp *jp, uint16_t op, const char *name, bool is_infix)
{
    if (jp->is_failed) {
        return;
    }
    if (jp->node->op != op) {
        (void)jp_fail(jp, jp->node->type == JN_END ? "S0203" : "S0202",
                      jp->node->position, jp->node->value, jv_cstr(name));
        return;
    }
    advance(jp, is_infix);
}

static struct jn *
as_type(struct jn *node, enum jn_type type)
{
    if (node) {
        node->type = (uint8_t)type;
    }
    return node;
}

/* ( a; b ) */
static struct jn *
nud_block(struct jp *jp, struct jn *t) /* NOLINT(misc-no-recursion) */
{
    while (!jp->is_failed && !sees(jp, ')')) {
        jn_list_add(jp, &t->items, expression(jp, 0));
        if (!sees(jp, ';')) {
            break;
        }
        advance(jp, false);
    }
    expect(jp, ')', ")", true);
    return as_type(t, JN_BLOCK);
}

/* [ a, b .. c ] */
static struct jn *
nud_array(struct jp *jp, struct jn *t) /* NOLINT(misc-no-recursion) */
{
    while (!jp->is_failed && !sees(jp, ']')) {
        struct jn *item = expression(jp, 0);
        if (sees(jp, JN_OP_RANGE)) {
            struct jn *range = as_type(jp->node, JN_BINARY);
            advance(jp, false);
            range->lhs = item;
            range->rhs = expression(jp, 0);
            item = range;
        }
        jn_list_add(jp, &t->items, item);
        if (!sees(jp, ',')) {
            break;
        }
        advance(jp, false);
        if (sees(jp, ']')) {
            (void)jp_fail(jp, "S0211", jp->node->position, jp->node->value,
                          jv_undefined());
        }
    }
    expect(jp, ']', "]", true);
    return as_type(t, JN_UNARY);
}

/* { key: value, … }, alone or behind an operand */
static struct jn *
parse_pairs(struct jp *jp, struct jn *t) /* NOLINT(misc-no-recursion) */
{
    if (!sees(jp, '}')) {
        for (;;) {
            jn_list_add(jp, &t->items, expression(jp, 0));
            expect(jp, ':', ":", false);
            jn_list_add(jp, &t->items, expression(jp, 0));
            if (!sees(jp, ',')) {
                break;
            }
            advance(jp, false);
        }
    }
    expect(jp, '}', "}", true);
    return t;
}

/* | pattern | update, delete | */
static struct jn *
nud_transform(struct jp *jp, struct jn *t) /* NOLINT(misc-no-recursion) */
{
    t->lhs = expression(jp, 0);
    expect(jp, '|', "|", false);
    t->rhs = expression(jp, 0);
    if (sees(jp, ',')) {
        advance(jp, false);
        t->other = expression(jp, 0);
    }
    expect(jp, '|', "|", false);
    return as_type(t, JN_TRANSFORM);
}

static struct jn *
nud(struct jp *jp, struct jn *t) /* NOLINT(misc-no-recursion) */
{
    if (t->type != JN_OPERATOR) {
        return t;
    }
    switch (t->op) {
    case JN_OP_AND:
    case JN_OP_OR:
    case JN_OP_IN:
        return t;
    case '-':
        t->rhs = expression(jp, 70);
        return as_type(t, JN_UNARY);
    case '*':
        return as_type(t, JN_WILDCARD);
    case JN_OP_DESCENDANT:
        return as_type(t, JN_DESCENDANT);
    case '%':
        return as_type(t, JN_PARENT);
    case '(':
        return nud_block(jp, t);
    case '[':
        return nud_array(jp, t);
    case '{':
        return as_type(parse_pairs(jp, t), JN_UNARY);
    case '|':
        return nud_transform(jp, t);
    default:
        return jp_fail(jp, "S0211", t->position, t->value, jv_undefined());
    }
}

/* The types of a lambda's parameters, token by token. */
static void
lambda_signature(struct jp *jp, struct jn *t)
{
    uint32_t position = jp->node->position;
    uint32_t start = position - 1;
    int depth = 1;

    while (!jp->is_failed && depth > 0 && !sees(jp, '{') &&
           jp->node->type != JN_END) {
        advance(jp, false);
        depth += sees(jp, '<') ? 1 : sees(jp, '>') ? -1 : 0;
    }
    if (jp->is_failed) {
        return;
    }
    uint32_t end = jp->node->position;
    expect(jp, '>', ">", false);
    if (!jp->is_failed) {
        t->sig = jp_signature(jp, jx_str_slice(jp->program->text, start, end),
                              position);
    }
}

static struct jn *
finish_lambda(struct jp *jp, struct jn *t) /* NOLINT(misc-no-recursion) */
{
    for (uint32_t i = 0; i < t->items.n; i++) {
        struct jn *arg = t->items.items[i];
        if (arg->type != JN_VARIABLE) {
            return jp_fail(jp, "S0208", arg->position, arg->value,
                           jv_number(i + 1));
        }
    }
    t->type = JN_LAMBDA;
    if (sees(jp, '<')) {
        lambda_signature(jp, t);
    }
    expect(jp, '{', "{", false);
    t->rhs = expression(jp, 0);
    expect(jp, '}', "}", false);
    return t;
}

/* f(a, ?) or function($a) { … } */
static struct jn *
led_call( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *t, struct jn *left)
{
    t->lhs = left;
    t->type = JN_FUNCTION;
    if (!sees(jp, ')')) {
        for (;;) {
            if (sees(jp, '?')) {
                t->type = JN_PARTIAL;
                jn_list_add(jp, &t->items, jp->node);
                advance(jp, false);
            } else {
                jn_list_add(jp, &t->items, expression(jp, 0));
            }
            if (!sees(jp, ',')) {
                break;
            }
            advance(jp, false);
        }
    }
    expect(jp, ')', ")", true);
    if (jp->is_failed) {
        return NULL;
    }
    bool is_lambda = left->type == JN_NAME &&
                     (odk_str_is(jv_text(left->value), "function") ||
                      odk_str_is(jv_text(left->value), "\u03bb"));
    return is_lambda ? finish_lambda(jp, t) : t;
}

/* a[predicate], or a[] which keeps a single item an array */
static struct jn *
led_predicate( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *t, struct jn *left)
{
    if (!sees(jp, ']')) {
        t->lhs = left;
        t->rhs = expression(jp, 0);
        expect(jp, ']', "]", true);
        return as_type(t, JN_BINARY);
    }
    struct jn *step = left;
    while (step->type == JN_BINARY && step->op == '[') {
        step = step->lhs;
    }
    step->keep_array = true;
    advance(jp, false);
    return left;
}

/* a^(<b, >c) */
static struct jn *
led_order( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *t, struct jn *left)
{
    expect(jp, '(', "(", false);
    for (;;) {
        struct jn *term =
            jn_new(jp, JN_TERM, jp->is_failed ? 0 : jp->node->position);
        if (!term) {
            return NULL;
        }
        if (sees(jp, '<') || sees(jp, '>')) {
            term->is_descending = sees(jp, '>');
            advance(jp, false);
        }
        term->lhs = expression(jp, 0);
        jn_list_add(jp, &t->items, term);
        if (!sees(jp, ',')) {
            break;
        }
        advance(jp, false);
    }
    expect(jp, ')', ")", false);
    t->lhs = left;
    return as_type(t, JN_BINARY);
}

/* a@$v and a#$i */
static struct jn *
led_variable( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *t, struct jn *left)
{
    t->lhs = left;
    t->rhs = expression(jp, 80);
    if (!jp->is_failed && t->rhs->type != JN_VARIABLE) {
        return jp_fail(jp, "S0214", t->rhs->position, t->value, jv_undefined());
    }
    return as_type(t, JN_BINARY);
}

static struct jn *
led_condition( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *t, struct jn *left)
{
    t->lhs = left;
    t->rhs = expression(jp, 0);
    if (sees(jp, ':')) {
        advance(jp, false);
        t->other = expression(jp, 0);
    }
    return as_type(t, JN_CONDITION);
}

static struct jn *
led( // NOLINT(misc-no-recursion)
    struct jp *jp, struct jn *t, struct jn *left)
{
    switch (t->op) {
    case '(':
        return led_call(jp, t, left);
    case '[':
        return led_predicate(jp, t, left);
    case '^':
        return led_order(jp, t, left);
    case '{':
        t->lhs = left;
        return as_type(parse_pairs(jp, t), JN_BINARY);
    case '@':
    case '#':
        return led_variable(jp, t, left);
    case '?':
        return led_condition(jp, t, left);
    case JN_OP_BIND:
        if (left->type != JN_VARIABLE) {
            return jp_fail(jp, "S0212", left->position, left->value,
                           jv_undefined());
        }
        t->lhs = left;
        t->rhs = expression(jp, op_power(JN_OP_BIND) - 1);
        return as_type(t, JN_BINARY);
    default:
        t->lhs = left;
        t->rhs = expression(jp, op_power(t->op));
        return as_type(t, JN_BINARY);
    }
}

static struct jn *
expression(struct jp *jp, uint32_t power) /* NOLINT(misc-no-recursion) */
{
    struct jn *t = jp->node;
    struct jn *left = NULL;

    if (jp->is_failed) {
        return NULL;
    }
    if (jp->nest >= JSONATA_NEST_MAX) {
        jp_fail_limit(jp);
        return NULL;
    }
    jp->nest++;
    advance(jp, true);
    if (!jp->is_failed) {
        left = nud(jp, t);
    }
    while (!jp->is_failed && power < op_power(jp->node->op)) {
        t = jp->node;
        advance(jp, false);
        if (!jp->is_failed) {
            left = led(jp, t, left);
        }
    }
    jp->nest--;
    return jp->is_failed ? NULL : left;
}

struct jn *
jp_parse(struct jp *jp)
{
    advance(jp, false);
    struct jn *tree = expression(jp, 0);
    if (!jp->is_failed && jp->node->type != JN_END) {
        return jp_fail(jp, "S0201", jp->node->position, jp->node->value,
                       jv_undefined());
    }
    return tree;
}
