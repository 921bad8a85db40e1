#ifndef JSONATA_EVAL_PRIV_H
#define JSONATA_EVAL_PRIV_H

/*
 * One evaluation: its budget, its arena, its fault. Functions return values and
 * leave failure in the context, where it sticks: whoever loops or decides asks
 * jx_ok. That keeps the evaluator's two hundred small functions readable, which
 * a return code each would not.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/base_arena.h"
#include "base/base_rand.h"
#include "jsonata/jsonata.h"
#include "jsonata/jsonata_node_priv.h"
#include "jsonata/jsonata_value_priv.h"

/** What the error's sentence is made of; undefined parts are left out. */
struct jx_fault {
    char code[8];
    uint32_t position; /**< bytes; 0 = unknown */
    struct jv token;
    struct jv value;
    struct jv value2;
    uint32_t index;
    const char *noun;       /**< type or function name, by the code */
    struct odk_str message; /**< takes the place of the sentence */
    bool is_limit;
    bool is_unsupported;
};

struct jx_binding {
    struct jx_binding *next;
    uint32_t sym;
    struct jv value;
};

/** Newest binding first: a later one hides an earlier one. */
struct jx_frame {
    struct jx_frame *parent;
    struct jx_binding *first;
};

/** An item of a tuple stream: the value and the variables bound on its way. */
struct jv_tuple {
    struct jv at;
    struct jx_binding *first;
};

/** JSON that an evaluation made and must let go. */
struct jx_json {
    struct jx_json *next;
    json_t *json;
};

struct jx {
    const struct jsonata *program;
    const struct jsonata_options *options;
    struct odk_arena arena;
    uint64_t steps_left;
    uint32_t depth;
    uint32_t depth_max;
    uint32_t calls;         /**< of functions, within each other */
    uint32_t nest;          /**< of recursions over values */
    size_t json_bytes_left; /**< what the result may take */
    bool is_failed;
    struct jx_fault fault;
    struct jv *globals; /**< by symbol */
    struct odk_rand rand;
    struct jx_json *parsed;
    void *match_data; /**< of PCRE2, one for all matches */
    void *match_context;
};

/** Arguments and surroundings of a call. */
struct jx_call {
    struct jv *args; /**< at least JX_ARGS_MIN, undefined past n */
    uint32_t n;
    struct jv input; /**< context of the call */
};

#define JX_ARGS_MIN 4u
/** Deepest value that is walked recursively: compared, cloned, printed. */
#define JX_VALUE_DEPTH_MAX 500u

typedef struct jv (*jx_builtin_f)(struct jx *ctx, struct jx_call *call);

struct jx_builtin {
    const char *name;
    const char *signature;
    uint32_t arity; /**< parameters that higher-order functions see */
    jx_builtin_f call;
};

enum jv_func_kind {
    JV_FUNC_LAMBDA,
    JV_FUNC_BUILTIN,
    JV_FUNC_PARTIAL,   /**< of a function that is no lambda */
    JV_FUNC_CHAIN,     /**< f ~> g */
    JV_FUNC_TRANSFORM, /**< | … | … | */
    JV_FUNC_REGEX,
    JV_FUNC_NEXT, /**< the next match of a regular expression */
};

struct jv_func {
    uint8_t kind;
    bool is_thunk;
    uint32_t n_params;
    const struct jn *node; /**< lambda, transform or regular expression */
    const struct jx_builtin *builtin;
    const struct jx_sig *sig;
    struct jv input;
    struct jx_frame *env;
    const uint32_t *params; /**< symbols of a lambda */
    struct jv *args; /**< partial: given ones; chain: f, g; next: text, from */
    bool *is_hole;   /**< partial: which of args are open */
    uint32_t n_args;
};

static inline bool
jx_ok(const struct jx *ctx)
{
    return !ctx->is_failed;
}

/** Zeroed memory of the evaluation; NULL (and failed) at the budget's end. */
void *jx_alloc(struct jx *ctx, size_t bytes);
/** Pays for work; false (and failed) when the steps are spent. */
bool jx_charge(struct jx *ctx, uint64_t steps);
/** Pays for work on bytes. */
bool jx_charge_bytes(struct jx *ctx, size_t bytes);

/** Fails unless failed already; returns undefined. */
struct jv jx_fail(struct jx *ctx, const char *code);
struct jv jx_fail_value(struct jx *ctx, const char *code, struct jv value);
struct jv jx_fail_at(struct jx *ctx, const char *code, uint32_t position,
                     struct jv value);
struct jv jx_fail_limit(struct jx *ctx, const char *message);
/** Position and token for a fault that has none yet. */
void jx_fault_where(struct jx *ctx, uint32_t position, struct jv token);

/** Fills the public error from a fault. */
void jx_fault_export(const struct jx_fault *fault, struct odk_str text,
                     struct jsonata_error *err);

/** A literal as a value. */
static inline struct jv
jv_cstr(const char *text)
{
    return jv_string(odk_str(text));
}

/** The value of a node: input is the context item, env the variables.
 * Undefined once the evaluation failed. The jx_eval_… below are its cases. */
struct jv jx_eval(struct jx *ctx, const struct jn *node, struct jv input,
                  struct jx_frame *env);

/* jsonata_path.c */
struct jv jx_eval_path(struct jx *ctx, const struct jn *node, struct jv input,
                       struct jx_frame *env);
/** What of input a predicate keeps. */
struct jv jx_filter(struct jx *ctx, const struct jn *predicate, struct jv input,
                    struct jx_frame *env);
/** The frame of a tuple: its bindings before those of env. */
struct jx_frame *jx_tuple_frame(struct jx *ctx, struct jv item,
                                struct jx_frame *env);

/* jsonata_group.c */

/** The object of a group's pairs over input. */
struct jv jx_group(struct jx *ctx, const struct jn *group, struct jv input,
                   struct jx_frame *env);
/** input in the order of a sort node's terms. */
struct jv jx_sort_by(struct jx *ctx, const struct jn *sort, struct jv input,
                     struct jx_frame *env);

/* jsonata_op.c */
struct jv jx_eval_binary(struct jx *ctx, const struct jn *node, struct jv input,
                         struct jx_frame *env);
/** Member `key` of an object, or of every object of an array. */
struct jv jx_lookup_name(struct jx *ctx, struct jv input, struct odk_str key);
struct jv jx_eval_wildcard(struct jx *ctx, const struct jn *node,
                           struct jv input, struct jx_frame *env);
struct jv jx_eval_descendant(struct jx *ctx, const struct jn *node,
                             struct jv input, struct jx_frame *env);

/* jsonata_call.c */
struct jv jx_eval_function(struct jx *ctx, const struct jn *node,
                           struct jv input, struct jx_frame *env);
struct jv jx_eval_partial(struct jx *ctx, const struct jn *node,
                          struct jv input, struct jx_frame *env);
struct jv jx_eval_lambda(struct jx *ctx, const struct jn *node, struct jv input,
                         struct jx_frame *env);
struct jv jx_eval_apply(struct jx *ctx, const struct jn *node, struct jv input,
                        struct jx_frame *env);
/** Calls func with the arguments, following tail calls; args has JX_ARGS_MIN
 * at least. */
struct jv jx_apply(struct jx *ctx, struct jv func, struct jv *args, uint32_t n,
                   struct jv input);
/** Parameters that a function takes, for higher-order functions. */
uint32_t jx_arity(struct jv func);

/* jsonata_transform.c */
struct jv jx_eval_transform(struct jx *ctx, const struct jn *node,
                            struct jv input, struct jx_frame *env);
/** A changed copy of object. */
struct jv jx_apply_transform(struct jx *ctx, const struct jv_func *func,
                             struct jv object);

/** An empty frame below parent (NULL = outermost). */
struct jx_frame *jx_frame_new(struct jx *ctx, struct jx_frame *parent);
/** Binds sym in the frame, hiding what it was bound to. */
void jx_bind(struct jx *ctx, struct jx_frame *frame, uint32_t sym,
             struct jv value);
/** What sym is bound to, here, further out, or by the caller. */
struct jv jx_lookup(struct jx *ctx, const struct jx_frame *frame, uint32_t sym);

/** Checks and completes arguments; args is replaced. False after a failure. */
bool jx_sig_apply(struct jx *ctx, const struct jx_sig *sig,
                  struct jx_call *call);

/** Stable merge sort; is_behind(a, b) tells that a belongs behind b. */
typedef bool (*jx_after_f)(struct jx *ctx, void *arg, struct jv a, struct jv b);
struct jv jx_merge_sort(struct jx *ctx, struct jv array, jx_after_f is_behind,
                        void *arg);

/** The function of that name; NULL if there is none. */
const struct jx_builtin *jx_builtin_find(struct odk_str name, bool is_aws);

#endif
