#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata.h"
#include "jsonata/jsonata_ancestry_priv.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_node_priv.h"

#define PROGRAM_MAGIC     0x6a736f6eu
#define PROGRAM_BYTES_MAX ((size_t)64 << 20)
#define LIST_CAP_FIRST    4u

struct jn *
jp_fail(struct jp *jp, const char *code, uint32_t position, struct jv token,
        struct jv value)
{
    if (jp->is_failed) {
        return NULL;
    }
    jp->is_failed = true;
    (void)memccpy(jp->fault->code, code, '\0', sizeof(jp->fault->code));
    jp->fault->position = position;
    jp->fault->token = token;
    jp->fault->value = value;
    return NULL;
}

void
jp_fail_limit(struct jp *jp)
{
    if (jp->is_failed) {
        return;
    }
    (void)jp_fail(jp, "U1001", 0, jv_undefined(), jv_undefined());
    jp->fault->is_limit = true;
    jp->fault->message = ODK_STR("The expression is too large");
}

struct jn *
jn_new(struct jp *jp, enum jn_type type, uint32_t position)
{
    struct jn *node = NULL;

    if (!jp->is_failed) {
        node = odk_arena_alloc(&jp->program->arena, sizeof(*node));
        if (!node) {
            jp_fail_limit(jp);
            return NULL;
        }
        node->type = (uint8_t)type;
        node->position = position;
    }
    return node;
}

void
jn_list_add(struct jp *jp, struct jn_list *list, struct jn *node)
{
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : LIST_CAP_FIRST;
        struct jn **items =
            odk_arena_calloc(&jp->program->arena, cap, sizeof(struct jn *));
        if (!items) {
            jp_fail_limit(jp);
            return;
        }
        if (list->n) {
            memcpy(items, list->items, list->n * sizeof(struct jn *));
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = node;
}

/* A function of the language as a value that lives as long as the program. */
static struct jv
builtin_value(struct jp *jp, struct odk_str name, bool is_aws)
{
    const struct jx_builtin *builtin = jx_builtin_find(name, is_aws);

    if (!builtin) {
        return jv_undefined();
    }
    struct jv_func *func = odk_arena_alloc(&jp->program->arena, sizeof(*func));
    if (!func) {
        jp_fail_limit(jp);
        return jv_undefined();
    }
    func->kind = JV_FUNC_BUILTIN;
    func->builtin = builtin;
    func->n_params = builtin->arity;
    func->sig = jp_signature(jp, odk_str(builtin->signature), 0);
    return jv_func(func);
}

static struct jx_symbol *
symbol_new(struct jp *jp, struct odk_str name)
{
    struct jsonata *program = jp->program;
    struct jx_symbol *symbol =
        odk_arena_alloc(&program->arena, sizeof(*symbol));

    if (!symbol) {
        jp_fail_limit(jp);
        return NULL;
    }
    if (program->n_symbols == program->cap_symbols) {
        uint32_t cap = program->cap_symbols ? program->cap_symbols * 2 : 16;
        struct jx_symbol **symbols =
            odk_arena_calloc(&program->arena, cap, sizeof(struct jx_symbol *));
        if (!symbols) {
            jp_fail_limit(jp);
            return NULL;
        }
        if (program->n_symbols) {
            memcpy(symbols, program->symbols,
                   program->n_symbols * sizeof(struct jx_symbol *));
        }
        program->symbols = symbols;
        program->cap_symbols = cap;
    }
    symbol->id = program->n_symbols;
    program->symbols[program->n_symbols++] = symbol;
    odk_map_add(&program->map, &symbol->node, name);
    symbol->builtin = builtin_value(jp, name, false);
    symbol->builtin_aws = builtin_value(jp, name, true);
    return symbol;
}

uint32_t
jp_symbol(struct jp *jp, struct odk_str name, bool is_variable)
{
    struct odk_map_node *node = odk_map_find(&jp->program->map, name);
    struct jx_symbol *symbol = node
                                   ? ODK_CONTAINER(node, struct jx_symbol, node)
                                   : symbol_new(jp, name);

    if (!symbol) {
        return 0;
    }
    symbol->is_variable = symbol->is_variable || is_variable;
    return symbol->id;
}

static int
compile(struct jp *jp)
{
    struct jsonata *program = jp->program;

    /* Symbol 0 means none. */
    (void)jp_symbol(jp, ODK_STR("\001"), false);
    program->sym_root = jp_symbol(jp, ODK_STR("$"), false);
    program->sym_clone = jp_symbol(jp, ODK_STR("clone"), false);
    struct jn *raw = jp_parse(jp);
    program->root = jp->is_failed ? NULL : jp_process(jp, raw);
    if (jp->is_failed) {
        return jp->fault->is_limit ? ODK_ELIMIT : ODK_ESYNTAX;
    }
    struct jn *root = program->root;
    if (root->type == JN_PARENT || root->seeking.is_set) {
        (void)jp_fail(jp, "S0217", root->type == JN_PARENT ? 0 : root->position,
                      jn_type_name(root), jv_undefined());
        return ODK_ESYNTAX;
    }
    program->reads_input = jn_reads_input(root);
    return 0;
}

int
jsonata_compile(struct odk_str text, struct jsonata **out,
                struct jsonata_error *err)
{
    struct jx_fault fault = {.is_limit = false};
    int rc = ODK_ELIMIT;

    *out = NULL;
    struct jsonata *program = calloc(1, sizeof(*program));
    if (!program) {
        odk_out_of_memory();
    }
    program->magic = PROGRAM_MAGIC;
    odk_arena_init(&program->arena, PROGRAM_BYTES_MAX);
    odk_map_init(&program->map);
    struct jp jp = {.program = program, .fault = &fault};
    if (text.len > JSONATA_TEXT_BYTES_MAX) {
        jp_fail_limit(&jp);
    } else if (!odk_str_is_wtf8(text)) {
        (void)jp_fail(&jp, "S0205", 0, jv_undefined(), jv_undefined());
        fault.message = ODK_STR("The expression is not UTF-8");
        rc = ODK_ESYNTAX;
    } else {
        program->text = odk_arena_str(&program->arena, text);
        odk_assert(program->text.ptr);
        rc = compile(&jp);
    }
    if (rc) {
        odk_assert(jp.is_failed);
        jx_fault_export(&fault, program->text, err);
        jsonata_free(program);
        return rc;
    }
    *out = program;
    return 0;
}

void
jsonata_free(struct jsonata *program)
{
    if (!program) {
        return;
    }
    odk_assert(program->magic == PROGRAM_MAGIC);
    program->magic = 0;
    jx_regex_free_all(program->regexes);
    odk_map_release(&program->map);
    odk_arena_release(&program->arena);
    free(program);
}

bool
jsonata_reads_input(const struct jsonata *program)
{
    return program->reads_input;
}

bool
jsonata_reads_variable(const struct jsonata *program, struct odk_str name)
{
    struct odk_map_node *node = odk_map_find(&program->map, name);

    return node && ODK_CONTAINER(node, struct jx_symbol, node)->is_variable;
}
