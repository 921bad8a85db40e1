#ifndef JSONATA_VALUE_PRIV_H
#define JSONATA_VALUE_PRIV_H

/*
 * The evaluator's values: 16 bytes, passed by copy. Arrays and objects of the
 * input stay where they are and are read through jansson; what the expression
 * makes lives in the arena of the evaluation. A sequence is an array that
 * remembers that it came from a query: alone in it, an item stands for itself.
 *
 * Strings are UTF-8 in which a lone surrogate may stand as its three bytes
 * (WTF-8), because JSONata's strings are UTF-16 underneath.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/base_str.h"

struct jx;
struct jv_array;
struct jv_object;
struct jv_func;
struct jv_tuple;

enum jv_type {
    JV_UNDEFINED,
    JV_NULL,
    JV_BOOL,
    JV_NUMBER,
    JV_STRING,
    JV_ARRAY,
    JV_OBJECT,
    JV_FUNC,
    JV_TUPLE, /**< an item of a tuple stream; never seen by an expression */
};

struct jv {
    uint8_t type;
    bool is_json;    /**< array or object borrowed from jansson */
    bool is_wrapped; /**< a function that was passed as an argument */
    uint32_t len;    /**< bytes of a string */

    union {
        bool boolean;
        double number;
        const char *text;
        json_t *json;
        struct jv_array *array;
        struct jv_object *object;
        const struct jv_func *func;
        struct jv_tuple *tuple;
    } u;
};

enum jv_array_flag {
    JV_SEQUENCE = 1,
    JV_KEEP_SINGLETON = 2, /**< a sequence that does not collapse */
    JV_CONS = 4,           /**< made by [...]; not flattened into a path */
    JV_OUTER = 8,          /**< wraps an input that is an array */
    JV_TUPLES = 16,        /**< items are JV_TUPLE */
};

/** Either items, or (items NULL and is_range) the integers from `start`. */
struct jv_array {
    struct jv *items;
    uint32_t len;
    uint32_t cap;
    uint8_t flags;
    bool is_range;
    double start;
};

struct jv_pair {
    struct odk_str key;
    struct jv value;
};

/** Pairs in the order of insertion; past JV_INDEX_MIN an index of hash slots
 * (position + 1, 0 = free). Deleted pairs close up. */
struct jv_object {
    struct jv_pair *pairs;
    uint32_t len;
    uint32_t cap;
    uint32_t *slots;
    uint32_t n_slots;
};

#define JV_INDEX_MIN 16u

static inline struct jv
jv_undefined(void)
{
    return (struct jv){.type = JV_UNDEFINED};
}

static inline struct jv
jv_null(void)
{
    return (struct jv){.type = JV_NULL};
}

static inline struct jv
jv_bool(bool b)
{
    return (struct jv){.type = JV_BOOL, .u.boolean = b};
}

static inline struct jv
jv_number(double n)
{
    return (struct jv){.type = JV_NUMBER, .u.number = n};
}

static inline struct jv
jv_string(struct odk_str s)
{
    return (struct jv){.type = JV_STRING,
                       .len = (uint32_t)s.len,
                       .u.text = s.ptr ? s.ptr : ""};
}

static inline struct jv
jv_array(struct jv_array *array)
{
    if (!array) {
        return jv_undefined();
    }
    return (struct jv){.type = JV_ARRAY, .u.array = array};
}

static inline struct jv
jv_object(struct jv_object *object)
{
    if (!object) {
        return jv_undefined();
    }
    return (struct jv){.type = JV_OBJECT, .u.object = object};
}

static inline struct jv
jv_func(const struct jv_func *func)
{
    if (!func) {
        return jv_undefined();
    }
    return (struct jv){.type = JV_FUNC, .u.func = func};
}

static inline struct odk_str
jv_text(struct jv v)
{
    return (struct odk_str){v.u.text, v.len};
}

static inline bool
jv_is(struct jv v, enum jv_type type)
{
    return v.type == (uint8_t)type;
}

static inline bool
jv_is_undefined(struct jv v)
{
    return v.type == JV_UNDEFINED;
}

/** An array of our own with the flag set. */
static inline bool
jv_has_flag(struct jv v, enum jv_array_flag flag)
{
    return v.type == JV_ARRAY && !v.is_json &&
           (v.u.array->flags & (uint8_t)flag) != 0;
}

/** A view of a JSON value; NULL is undefined. */
struct jv jv_from_json(json_t *json);

/** Number of items of an array. */
static inline uint32_t
jv_len(struct jv v)
{
    return v.is_json ? (uint32_t)json_array_size(v.u.json) : v.u.array->len;
}

/** Item of an array; undefined past its end. */
struct jv jv_at(struct jv v, size_t index);

/** A new empty array of the evaluation; NULL once it failed. */
struct jv_array *jv_array_new(struct jx *ctx, uint8_t flags);
void jv_array_push(struct jx *ctx, struct jv_array *array, struct jv item);
/** Pushes every item of an array. */
void jv_array_extend(struct jx *ctx, struct jv_array *array, struct jv items);
/** v itself if it is an array, else an array of it alone. */
struct jv jv_as_array(struct jx *ctx, struct jv v, uint8_t flags);
/** A shallow copy without flags; a range stays lazy. */
struct jv jv_array_copy(struct jx *ctx, struct jv v);
/** The language's `append`: joins two values as arrays, ignoring undefined. */
struct jv jv_append(struct jx *ctx, struct jv a, struct jv b);

/** A new empty object of the evaluation; NULL once it failed. */
struct jv_object *jv_object_new(struct jx *ctx);
/** Sets or replaces; the key's bytes are kept by reference. */
void jv_object_set(struct jx *ctx, struct jv_object *object, struct odk_str key,
                   struct jv value);
void jv_object_delete(struct jv_object *object, struct odk_str key);
/** NULL when the key is absent. */
struct jv *jv_object_find(const struct jv_object *object, struct odk_str key);

/** Member of any object; undefined when absent. */
struct jv jv_get(struct jv object, struct odk_str key);

/** Iterates the members of an object in their order. */
struct jv_iter {
    struct jv object;
    void *json_iter;
    uint32_t next;
};

struct jv_iter jv_iter(struct jv object);
bool jv_iter_next(struct jv_iter *iter, struct odk_str *key, struct jv *value);
uint32_t jv_object_len(struct jv object);

/** Deep equality, as the operator `=`; false once the budget ends. */
bool jv_equal(struct jx *ctx, struct jv a, struct jv b);
/** JavaScript's ===. */
bool jv_identical(struct jv a, struct jv b);

/** The language's cast to boolean; undefined gives false. */
bool jv_truthy(struct jx *ctx, struct jv v);
/** JavaScript's own truth of a value, which comparators are judged by. */
bool jv_truthy_js(struct jv v);

/** A number that is not NaN; an infinite one fails with D1001. */
bool jv_is_numeric(struct jx *ctx, struct jv v);
bool jv_all_strings(struct jv v);
bool jv_all_numbers(struct jx *ctx, struct jv v);

/** Order of two strings by UTF-16 units. */
int jv_text_cmp(struct odk_str a, struct odk_str b);

/** A deep copy that a transform may change. */
struct jv jv_clone(struct jx *ctx, struct jv v);

/** A new reference; NULL for undefined or once the evaluation failed. */
json_t *jv_to_json(struct jx *ctx, struct jv v);

#endif
