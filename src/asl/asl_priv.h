#ifndef ASL_PRIV_H
#define ASL_PRIV_H

/*
 * What the files of this room share: the compiler's context, compiled values
 * and conditions, and the table of fields. Compilation is in three passes:
 * scan (scopes and states get their numbers, without recursion), fields (each
 * state by the table in asl_field.c), flow (names become indexes,
 * reachability).
 */

#include <stdlib.h>

#include "asl/asl.h"
#include "expr/expr.h"
#include "expr/expr_template.h"
#include "json/json.h"

/** A definition as text: AWS's limit. */
#define ASL_BYTES_MAX ((size_t)1024 * 1024)
/** Nesting of JSON within a definition. */
#define ASL_DEPTH_MAX  256u
#define ASL_STATES_MAX 10000u
#define ASL_SCOPES_MAX 10000u
/** And, Or and Not inside each other. */
#define ASL_CONDITION_DEPTH_MAX 64u
#define ASL_NAME_CHARS_MAX      80u
/** AWS's largest number of seconds. */
#define ASL_SECONDS_MAX     99999999
#define ASL_CAUSE_BYTES_MAX 32768u

/* Diagnostic codes: AWS's where they exist. */
#define ASL_CODE_SCHEMA      "SCHEMA_VALIDATION_FAILED"
#define ASL_CODE_JSON        "INVALID_JSON_DESCRIPTION"
#define ASL_CODE_TARGET      "MISSING_TRANSITION_TARGET"
#define ASL_CODE_DUPLICATE   "DUPLICATE_STATE_NAME"
#define ASL_CODE_LIMIT       "DEFINITION_TOO_LARGE"
#define ASL_CODE_UNREACHABLE "UNREACHABLE_STATE"
#define ASL_CODE_CATCH       "UNREACHABLE_CATCH"
#define ASL_CODE_SAGA        "COMPENSATION"
#define ASL_CODE_SECRET      "SECRET_IN_DEFINITION"
#define ASL_CODE_PORTABLE    "NOT_PORTABLE"

/** What must be released beside the arena. */
struct asl_owned {
    struct asl_owned *next;
    void (*free)(void *ptr);
    void *ptr;
};

/** The machine with all it owns; the caller sees the first member. */
struct asl_impl {
    struct asl_machine machine;
    uint32_t magic;
    struct odk_arena arena;
    struct asl_owned *owned;
    struct odk_map names; /**< of struct asl_name_node */
    struct asl_name_node *name_nodes;
};

/** States by name; of two with one name (an error) the first is in the map. */
struct asl_name_node {
    struct odk_map_node node;
    int32_t index;
};

/** A state between scan and fields. */
struct asl_draft {
    json_t *json;
    const struct json_place *place; /**< in the arena */
    struct odk_str name;
    int32_t scope;
    int32_t type; /**< enum asl_type, or -1 */
    bool is_jsonata;
    int32_t first_scope;
    int32_t n_scopes;
};

struct asl_draft_scope {
    json_t *json;
    const struct json_place *place;
    int32_t parent_state;
    int32_t branch;
    bool is_jsonata;     /**< default of its states */
    bool is_child;       /**< inside a distributed Map: a workflow of its own */
    bool is_distributed; /**< itself the processor of one */
    int32_t first_state;
    int32_t n_states;
    int32_t start_at;
};

struct asl_compiler {
    struct asl_impl *impl;
    struct odk_arena *arena;
    struct asl_problems *problems;
    struct asl_options options;
    struct asl_draft *drafts;
    size_t n_drafts;
    size_t size_drafts;
    struct asl_draft_scope *scopes;
    size_t n_scopes;
    size_t size_scopes;
    struct asl_state *states; /**< after the scan */
};

/** A field being compiled. */
struct asl_slot {
    struct asl_compiler *c;
    struct asl_state *state;
    const struct asl_draft *draft;
    json_t *value;
    const struct json_place *place; /**< of value */
    const struct asl_field *field;
};

/** One row of the table of fields. */
struct asl_field {
    const char *name;
    uint16_t types;    /**< bits of enum asl_type */
    uint8_t languages; /**< ASL_IN_… */
    uint8_t expect;    /**< enum asl_expect of a value */
    uint16_t offset;   /**< of a const struct asl_value * in asl_state */
    void (*compile)(const struct asl_slot *slot);
};

enum {
    ASL_IN_JSONPATH = 1,
    ASL_IN_JSONATA = 2,
    ASL_IN_BOTH = 3,
};

/** What a JSONata expression in a field must return. */
enum asl_expect {
    ASL_EXPECT_ANY,
    ASL_EXPECT_ARRAY,
    ASL_EXPECT_ARRAY_OR_OBJECT,
    ASL_EXPECT_BOOLEAN,
    ASL_EXPECT_NUMBER,
    ASL_EXPECT_OBJECT,
    ASL_EXPECT_STRING,
};

enum asl_value_kind {
    ASL_VALUE_LITERAL,
    ASL_VALUE_EXPR,
    ASL_VALUE_TEMPLATE,
    ASL_VALUE_JSONATA, /**< a tree of nodes; one node if the field is `{% %}` */
    ASL_VALUE_BROKEN,  /**< a path that only an evaluation refuses */
};

/** How a path that finds nothing is worded. */
enum asl_wording {
    ASL_WORDING_JAYWAY, /**< "Invalid path '$.a' : …" */
    ASL_WORDING_FIELD,  /**< "The JSONPath '$.a' specified for the field …" */
    ASL_WORDING_PARAMETER, /**< "The SecondsPath parameter does not reference …"
                            */
    ASL_WORDING_CHOICE,    /**< "Invalid path '$.a': The choice state's …" */
};

struct jsonata;

enum asl_node_kind {
    ASL_NODE_LITERAL,
    ASL_NODE_JSONATA,
    ASL_NODE_ARRAY,
    ASL_NODE_OBJECT,
};

/** One value of a JSONata template. */
struct asl_node {
    enum asl_node_kind kind;
    json_t *literal;         /**< owned by the definition */
    struct jsonata *program; /**< owned by the machine */
    struct odk_str text;     /**< the expression without its `{% %}` */
    struct odk_str field;    /**< "Output/x" */
    struct odk_str key;      /**< in its object */
    const struct asl_node *children;
    size_t n_children;
};

struct asl_value {
    enum asl_value_kind kind;
    enum asl_wording wording;
    enum asl_expect expect;
    struct odk_str field; /**< as AWS names it: "SecondsPath", "x.$" */
    struct odk_str text;  /**< of an expression, as written */
    json_t *literal;
    const struct expr *expr;
    const struct expr_template *tmpl;
    const struct asl_node *node;
    struct odk_str broken; /**< why the path cannot be evaluated */
};

/* asl_problem.c */

/** An error of the definition with code SCHEMA_VALIDATION_FAILED. */
void asl_problem(struct asl_compiler *c, const struct json_place *at,
                 const char *fmt, ...) ODK_PRINTF(3, 4);
/** The same with another code. */
void asl_problem_code(struct asl_compiler *c, const struct json_place *at,
                      const char *code, const char *fmt, ...) ODK_PRINTF(4, 5);
/** What is legal and probably not meant. */
void asl_warn(struct asl_compiler *c, const struct json_place *at,
              const char *code, const char *fmt, ...) ODK_PRINTF(4, 5);
/** The text without a character that was cut at its end. */
struct odk_str asl_text_whole(struct odk_str text);

/* asl_scan.c */

/** First pass. */
void asl_scan(struct asl_compiler *c, json_t *definition);
/** A copy of a place that lives as long as the compilation. */
const struct json_place *asl_place(struct asl_compiler *c,
                                   const struct json_place *parent,
                                   struct odk_str key, size_t index);
/** Reads QueryLanguage of a scope or state; `inherited` if it is absent or
 * wrong. */
bool asl_language(struct asl_compiler *c, json_t *object,
                  const struct json_place *place, bool inherited);
/** A string member, with a problem if it is of another type; absent if not
 * there. */
struct odk_str asl_string(struct asl_compiler *c, json_t *object,
                          const struct json_place *place, const char *key);

/* asl_field.c */

/** Second pass for one state. */
void asl_state_compile(struct asl_compiler *c, const struct asl_draft *draft,
                       struct asl_state *state);
extern const struct asl_field asl_fields[];
extern const size_t asl_n_fields;
const char *asl_type_name(enum asl_type type);
/** Whether a state of that type and language may have the field. */
const struct asl_field *asl_field_find(struct odk_str name);

/* asl_flow.c */

/** Third pass: reachability and what follows from it. */
void asl_flow(struct asl_compiler *c);

/* asl_scope.c */

/** Warns of the assignment of a variable that an outer scope has. */
void asl_scope_check(struct asl_compiler *c);

/* asl_flow.c */

/** The state that a Next names: its index, or -1 and a problem. */
int32_t asl_target(struct asl_compiler *c, json_t *value,
                   const struct json_place *place, int32_t scope);

/* asl_value.c */

/** A value with what its row of the table says. */
struct asl_value *asl_value_new(const struct asl_slot *slot,
                                enum asl_value_kind kind);
/** A path or an intrinsic. */
const struct asl_value *asl_value_expr(const struct asl_slot *slot,
                                       enum asl_wording wording);
/** A path without functions: `$…`, `$$…` or `$name…`. */
const struct asl_value *asl_value_path(const struct asl_slot *slot,
                                       enum asl_wording wording);
/** A payload template of JSONPath, or any JSON with `{% %}` of JSONata. */
const struct asl_value *asl_value_template(const struct asl_slot *slot);
const struct asl_value *asl_value_literal(const struct asl_slot *slot);
/** A field whose value is a literal or, in JSONata, one `{% %}`. False when it
 * is no expression (the caller checks the literal), else *out is set unless
 * there was a problem. */
bool asl_value_jsonata(const struct asl_slot *slot,
                       const struct asl_value **out);
bool asl_is_jsonata_text(struct odk_str text);
void asl_own(struct asl_compiler *c, void *ptr, void (*free_it)(void *));

/* asl_node.c */

/** asl_value_template of a JSONata state. */
const struct asl_value *asl_template_jsonata(const struct asl_slot *slot);

/* asl_eval.c */

/** Fills error with name and the sentence that names state and event. Returns
 * ODK_EINVAL. */
int asl_fail(struct asl_error *error, const struct asl_env *env,
             const char *name, struct odk_str cause);

/* asl_choose.c, asl_condition.c */

/** Compiles the test of a JSONPath rule; NULL after a problem. */
const struct asl_condition *asl_condition_compile(const struct asl_slot *slot);

/* asl_retry.c, asl_saga.c */

/** Retry of a state (slot->value is the array). */
void asl_retry_compile(const struct asl_slot *slot,
                       const struct asl_retrier **out, size_t *n);
void asl_catch_compile(const struct asl_slot *slot);
void asl_compensate_compile(const struct asl_slot *slot);
void asl_compensation_compile(struct asl_compiler *c, json_t *value,
                              const struct json_place *place);

/* asl_map.c: the processor and the distributed fields. */
void asl_processor_compile(const struct asl_slot *slot);
void asl_item_reader_compile(const struct asl_slot *slot);
void asl_item_batcher_compile(const struct asl_slot *slot);
void asl_result_writer_compile(const struct asl_slot *slot);

/* asl_resource.c */

/** Whether word is in the list, whose words are each between blanks. */
bool asl_word_in(struct odk_str word, const char *list);

/** Parses a Resource; the strings live in the arena. NULL, or a sentence that
 * says what is wrong. */
const char *asl_resource_parse(struct odk_arena *arena, struct odk_str text,
                               bool is_any_accepted, struct asl_resource *out);

#endif
