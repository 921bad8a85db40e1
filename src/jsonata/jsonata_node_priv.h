#ifndef JSONATA_NODE_PRIV_H
#define JSONATA_NODE_PRIV_H

/*
 * The syntax tree. The parser makes binary nodes; jsonata_process turns them
 * into what the evaluator walks: paths of steps with stages, binds, sorts.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/base_arena.h"
#include "base/base_map.h"
#include "jsonata/jsonata.h"
#include "jsonata/jsonata_value_priv.h"

enum jn_type {
    JN_END,
    JN_OPERATOR, /**< `?` of a partial application, or a stray keyword */
    JN_NAME,
    JN_VARIABLE,
    JN_STRING,
    JN_NUMBER,
    JN_VALUE,
    JN_REGEX,
    JN_WILDCARD,
    JN_DESCENDANT,
    JN_PARENT,
    JN_BINARY,
    JN_UNARY,
    JN_FUNCTION,
    JN_PARTIAL,
    JN_LAMBDA,
    JN_CONDITION,
    JN_BLOCK,
    JN_TRANSFORM,
    JN_PATH,
    JN_SORT,
    JN_BIND,
    JN_APPLY,
    JN_FILTER, /**< a stage: lhs is the predicate */
    JN_INDEX,  /**< a stage: binds the position to sym */
    JN_TERM,   /**< of a sort: lhs, is_descending */
    JN_GROUP,  /**< items are key, value, key, value … */
    JN_TYPES
};

/** Operators of one character are that character. */
enum jn_op {
    JN_OP_RANGE = 256,
    JN_OP_BIND,
    JN_OP_NE,
    JN_OP_GE,
    JN_OP_LE,
    JN_OP_DESCENDANT,
    JN_OP_CHAIN,
    JN_OP_AND,
    JN_OP_OR,
    JN_OP_IN,
    JN_OP_END,  /**< end of the expression */
    JN_OP_NAME, /**< a token that is no operator */
    JN_OP_COUNT
};

/** A `%` looking for the step whose value it stands for. */
struct jn_slot {
    uint32_t label; /**< the symbol that carries the value */
    int level;
};

struct jn_list {
    struct jn **items;
    uint32_t n;
    uint32_t cap;
};

struct jn_slots {
    struct jn_slot **items;
    uint32_t n;
    uint32_t cap;
    bool is_set; /**< even when empty */
};

struct jx_sig;
struct jx_regex;

struct jn {
    uint8_t type;
    uint16_t op;
    uint32_t position; /**< byte after the token */
    uint32_t sym;      /**< of a name, variable or index; 0 = none */
    bool keep_array;   /**< followed by [] */
    bool keep_singleton;
    bool is_cons;
    bool is_tuple;
    bool is_thunk;
    bool is_descending;
    struct jv value;      /**< literal; text of a name, variable or operator */
    struct jn *lhs;       /**< condition, pattern, procedure, key … */
    struct jn *rhs;       /**< then, update, body … */
    struct jn *other;     /**< else, delete */
    struct jn_list items; /**< steps, arguments, expressions, terms */
    struct jn_list predicates; /**< of a node outside a path */
    struct jn_list stages;     /**< of a step */
    struct jn *group;
    uint32_t focus; /**< symbol of @$v */
    uint32_t index; /**< symbol of #$i */
    struct jn_slot *ancestor;
    struct jn_slot *slot;
    struct jn_slots seeking;
    struct jx_sig *sig;
    struct jx_regex *regex;
};

struct jx_builtin;

/** A name that the expression mentions. */
struct jx_symbol {
    struct odk_map_node node;
    uint32_t id;
    bool is_variable;
    struct jv builtin;     /**< function of the language, or undefined */
    struct jv builtin_aws; /**< function of the AWS dialect, or undefined */
};

struct jsonata {
    uint32_t magic;
    struct odk_arena arena;
    struct odk_str text;
    struct odk_map map;
    struct jx_symbol **symbols; /**< by id; 0 is unused */
    uint32_t n_symbols;
    uint32_t cap_symbols;
    uint32_t sym_root;  /**< of $$ */
    uint32_t sym_clone; /**< of $clone, which transforms call */
    struct jn *root;
    struct jx_regex *regexes; /**< compiled code to be freed */
    bool reads_input;
};

/** State of one compilation; a fault sticks. */
struct jx_fault;

struct jp {
    struct jsonata *program;
    struct jx_fault *fault;
    bool is_failed;
    bool is_limit;
    uint32_t nest;
    uint32_t offset; /**< of the lexer */
    struct jn *node; /**< the token in sight */
    uint32_t n_labels;
};

/** Fails with code; token and value may be undefined. Returns NULL. */
struct jn *jp_fail(struct jp *jp, const char *code, uint32_t position,
                   struct jv token, struct jv value);
/** A limit of the compiler was reached. */
void jp_fail_limit(struct jp *jp);

/** A zeroed node; NULL after a failure. */
struct jn *jn_new(struct jp *jp, enum jn_type type, uint32_t position);
/** Appends node to list. */
void jn_list_add(struct jp *jp, struct jn_list *list, struct jn *node);
/** The number of a name, 0 after a failure; the same name has one number. */
uint32_t jp_symbol(struct jp *jp, struct odk_str name, bool is_variable);

/** Next token as a node: of type NAME … REGEX, OPERATOR or END. `is_infix`:
 * a slash divides. */
struct jn *jp_lex(struct jp *jp, bool is_infix);

/** The whole text as raw tree. */
struct jn *jp_parse(struct jp *jp);

/** Turns a raw tree into the evaluator's. */
struct jn *jp_process(struct jp *jp, struct jn *node);

/** Whether the processed tree reads the input document. */
bool jn_reads_input(const struct jn *node);

/** Parses a signature `<…>`; NULL after a failure. position is its first
 * byte. */
struct jx_sig *jp_signature(struct jp *jp, struct odk_str s, uint32_t position);

/** Compiles a JavaScript regular expression and registers it with the program;
 * NULL after a failure. */
struct jx_regex *jp_regex(struct jp *jp, struct odk_str pattern,
                          struct odk_str flags, uint32_t position);
void jx_regex_free_all(struct jx_regex *list);

#endif
