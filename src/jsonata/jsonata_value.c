#include <math.h>
#include <string.h>

#include "base/base_hash.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_text_priv.h"
#include "jsonata/jsonata_value_priv.h"

#define ARRAY_CAP_FIRST 4u

struct jv
jv_from_json(json_t *json)
{
    if (!json) {
        return jv_undefined();
    }
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return (struct jv){.type = JV_OBJECT, .is_json = true, .u.json = json};
    case JSON_ARRAY:
        return (struct jv){.type = JV_ARRAY, .is_json = true, .u.json = json};
    case JSON_STRING:
        return jv_string(
            odk_str_n(json_string_value(json), json_string_length(json)));
    case JSON_INTEGER:
        return jv_number((double)json_integer_value(json));
    case JSON_REAL:
        return jv_number(json_real_value(json));
    case JSON_TRUE:
        return jv_bool(true);
    case JSON_FALSE:
        return jv_bool(false);
    case JSON_NULL:
        return jv_null();
    }
    return jv_undefined();
}

struct jv
jv_at(struct jv v, size_t index)
{
    if (v.is_json) {
        return jv_from_json(json_array_get(v.u.json, index));
    }
    const struct jv_array *array = v.u.array;
    if (index >= array->len) {
        return jv_undefined();
    }
    if (array->is_range) {
        return jv_number(array->start + (double)index);
    }
    return array->items[index];
}

struct jv_array *
jv_array_new(struct jx *ctx, uint8_t flags)
{
    struct jv_array *array = jx_alloc(ctx, sizeof(*array));

    if (array) {
        array->flags = flags;
    }
    return array;
}

/* Room for n more items, as items of its own. */
static bool
array_reserve(struct jx *ctx, struct jv_array *array, uint32_t n)
{
    uint64_t need = (uint64_t)array->len + n;
    uint64_t cap = array->cap ? array->cap : ARRAY_CAP_FIRST;

    if (need <= array->cap && !array->is_range) {
        return true;
    }
    while (cap < need) {
        cap *= 2;
    }
    if (cap > UINT32_MAX) {
        (void)jx_fail_limit(ctx, "Array is too long");
        return false;
    }
    struct jv *items = jx_alloc(ctx, (size_t)cap * sizeof(*items));
    if (!items) {
        return false;
    }
    for (uint32_t i = 0; array->is_range && i < array->len; i++) {
        items[i] = jv_number(array->start + i);
    }
    if (!array->is_range && array->len) {
        memcpy(items, array->items, array->len * sizeof(*items));
    }
    array->is_range = false;
    array->items = items;
    array->cap = (uint32_t)cap;
    return true;
}

void
jv_array_push(struct jx *ctx, struct jv_array *array, struct jv item)
{
    if (!array || !array_reserve(ctx, array, 1)) {
        return;
    }
    array->items[array->len++] = item;
}

void
jv_array_extend(struct jx *ctx, struct jv_array *array, struct jv items)
{
    uint32_t n = jv_len(items);

    if (!array) {
        return;
    }
    if (array->len == 0 && !items.is_json && items.u.array->is_range) {
        array->is_range = true;
        array->start = items.u.array->start;
        array->len = n;
        array->cap = 0;
        return;
    }
    if (!jx_charge(ctx, n / 8) || !array_reserve(ctx, array, n)) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        array->items[array->len + i] = jv_at(items, i);
    }
    array->len += n;
}

struct jv
jv_as_array(struct jx *ctx, struct jv v, uint8_t flags)
{
    if (v.type == JV_ARRAY) {
        return v;
    }
    struct jv_array *array = jv_array_new(ctx, flags);
    jv_array_push(ctx, array, v);
    return jv_array(array);
}

struct jv
jv_array_copy(struct jx *ctx, struct jv v)
{
    struct jv_array *array = jv_array_new(ctx, 0);

    jv_array_extend(ctx, array, v);
    return jv_array(array);
}

struct jv
jv_append(struct jx *ctx, struct jv a, struct jv b)
{
    if (jv_is_undefined(a)) {
        return b;
    }
    if (jv_is_undefined(b)) {
        return a;
    }
    struct jv_array *out = jv_array_new(ctx, 0);
    jv_array_extend(ctx, out, jv_as_array(ctx, a, 0));
    if (b.type == JV_ARRAY) {
        jv_array_extend(ctx, out, b);
    } else {
        jv_array_push(ctx, out, b);
    }
    return jv_array(out);
}

struct jv_object *
jv_object_new(struct jx *ctx)
{
    return jx_alloc(ctx, sizeof(struct jv_object));
}

static uint32_t
slot_of(const struct jv_object *object, struct odk_str key)
{
    uint32_t mask = object->n_slots - 1;
    uint32_t at = (uint32_t)odk_hash64(key, 0) & mask;

    while (object->slots[at] &&
           !odk_str_eq(object->pairs[object->slots[at] - 1].key, key)) {
        at = (at + 1) & mask;
    }
    return at;
}

static void
object_index(struct jv_object *object)
{
    memset(object->slots, 0, object->n_slots * sizeof(*object->slots));
    for (uint32_t i = 0; i < object->len; i++) {
        object->slots[slot_of(object, object->pairs[i].key)] = i + 1;
    }
}

struct jv *
jv_object_find(const struct jv_object *object, struct odk_str key)
{
    if (object->slots) {
        uint32_t at = object->slots[slot_of(object, key)];
        return at ? &object->pairs[at - 1].value : NULL;
    }
    for (uint32_t i = 0; i < object->len; i++) {
        if (odk_str_eq(object->pairs[i].key, key)) {
            return &object->pairs[i].value;
        }
    }
    return NULL;
}

static bool
object_grow(struct jx *ctx, struct jv_object *object)
{
    uint32_t cap = object->cap ? object->cap * 2 : ARRAY_CAP_FIRST;

    if (object->len < object->cap) {
        return true;
    }
    struct jv_pair *pairs = jx_alloc(ctx, cap * sizeof(*pairs));
    if (!pairs) {
        return false;
    }
    if (object->len) {
        memcpy(pairs, object->pairs, object->len * sizeof(*pairs));
    }
    object->pairs = pairs;
    object->cap = cap;
    if (cap > JV_INDEX_MIN) {
        uint32_t *slots = jx_alloc(ctx, (size_t)cap * 2 * sizeof(*slots));
        if (!slots) {
            return false;
        }
        object->slots = slots;
        object->n_slots = cap * 2;
        object_index(object);
    }
    return true;
}

void
jv_object_set(struct jx *ctx, struct jv_object *object, struct odk_str key,
              struct jv value)
{
    if (!object) {
        return;
    }
    struct jv *old = jv_object_find(object, key);
    if (old) {
        *old = value;
        return;
    }
    if (!object_grow(ctx, object)) {
        return;
    }
    object->pairs[object->len] = (struct jv_pair){key, value};
    object->len++;
    if (object->slots) {
        object->slots[slot_of(object, key)] = object->len;
    }
}

void
jv_object_delete(struct jv_object *object, struct odk_str key)
{
    for (uint32_t i = 0; i < object->len; i++) {
        if (odk_str_eq(object->pairs[i].key, key)) {
            memmove(object->pairs + i, object->pairs + i + 1,
                    (object->len - i - 1) * sizeof(*object->pairs));
            object->len--;
            if (object->slots) {
                object_index(object);
            }
            return;
        }
    }
}

struct jv
jv_get(struct jv object, struct odk_str key)
{
    if (object.is_json) {
        return jv_from_json(json_object_getn(object.u.json, key.ptr, key.len));
    }
    struct jv *value = jv_object_find(object.u.object, key);
    return value ? *value : jv_undefined();
}

struct jv_iter
jv_iter(struct jv object)
{
    struct jv_iter iter = {.object = object};

    if (object.is_json) {
        iter.json_iter = json_object_iter(object.u.json);
    }
    return iter;
}

bool
jv_iter_next(struct jv_iter *iter, struct odk_str *key, struct jv *value)
{
    if (iter->object.is_json) {
        if (!iter->json_iter) {
            return false;
        }
        *key = odk_str_n(json_object_iter_key(iter->json_iter),
                         json_object_iter_key_len(iter->json_iter));
        *value = jv_from_json(json_object_iter_value(iter->json_iter));
        iter->json_iter =
            json_object_iter_next(iter->object.u.json, iter->json_iter);
        return true;
    }
    const struct jv_object *object = iter->object.u.object;
    if (iter->next >= object->len) {
        return false;
    }
    *key = object->pairs[iter->next].key;
    *value = object->pairs[iter->next].value;
    iter->next++;
    return true;
}

uint32_t
jv_object_len(struct jv object)
{
    return object.is_json ? (uint32_t)json_object_size(object.u.json)
                          : object.u.object->len;
}

bool
jv_identical(struct jv a, struct jv b)
{
    if (a.type != b.type) {
        return false;
    }
    switch ((enum jv_type)a.type) {
    case JV_UNDEFINED:
    case JV_NULL:
        return true;
    case JV_BOOL:
        return a.u.boolean == b.u.boolean;
    case JV_NUMBER:
        return a.u.number == b.u.number;
    case JV_STRING:
        return odk_str_eq(jv_text(a), jv_text(b));
    case JV_ARRAY:
    case JV_OBJECT:
    case JV_FUNC:
    case JV_TUPLE:
        return a.is_json == b.is_json && a.u.json == b.u.json;
    }
    return false;
}

static bool
equal_arrays( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv a, struct jv b)
{
    uint32_t n = jv_len(a);

    if (n != jv_len(b)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!jv_equal(ctx, jv_at(a, i), jv_at(b, i))) {
            return false;
        }
    }
    return true;
}

static bool
has_key(struct jv object, struct odk_str key)
{
    return object.is_json
               ? json_object_getn(object.u.json, key.ptr, key.len) != NULL
               : jv_object_find(object.u.object, key) != NULL;
}

static bool
equal_objects( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv a, struct jv b)
{
    struct jv_iter iter = jv_iter(a);
    struct odk_str key;
    struct jv value;

    if (jv_object_len(a) != jv_object_len(b)) {
        return false;
    }
    while (jv_iter_next(&iter, &key, &value)) {
        if (!has_key(b, key) || !jv_equal(ctx, value, jv_get(b, key))) {
            return false;
        }
    }
    return true;
}

bool
jv_equal( // NOLINT(misc-no-recursion)
    struct jx *ctx, struct jv a, struct jv b)
{
    bool is_equal = false;

    if (!jx_charge(ctx, 1)) {
        return false;
    }
    if (jv_identical(a, b)) {
        return true;
    }
    if (a.type != b.type || (a.type != JV_ARRAY && a.type != JV_OBJECT)) {
        return false;
    }
    if (ctx->nest >= JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(ctx, "The value is nested too deeply");
        return false;
    }
    ctx->nest++;
    if (a.type == JV_ARRAY) {
        is_equal = equal_arrays(ctx, a, b);
    } else {
        is_equal = equal_objects(ctx, a, b);
    }
    ctx->nest--;
    return is_equal;
}

static bool
truthy_array(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    uint32_t n = jv_len(v);
    bool is_true = false;

    if (ctx->nest >= JX_VALUE_DEPTH_MAX) {
        (void)jx_fail_limit(ctx, "The value is nested too deeply");
        return false;
    }
    ctx->nest++;
    for (uint32_t i = 0; i < n && !is_true && jx_charge(ctx, 1); i++) {
        is_true = jv_truthy(ctx, jv_at(v, i));
    }
    ctx->nest--;
    return is_true;
}

bool
jv_truthy(struct jx *ctx, struct jv v) /* NOLINT(misc-no-recursion) */
{
    switch ((enum jv_type)v.type) {
    case JV_BOOL:
        return v.u.boolean;
    case JV_NUMBER:
        return jv_is_numeric(ctx, v) && v.u.number != 0;
    case JV_STRING:
        return v.len > 0;
    case JV_ARRAY:
        return truthy_array(ctx, v);
    case JV_OBJECT:
        return jv_object_len(v) > 0;
    case JV_FUNC:
        /* The reference keeps lambdas as objects with members, and turns them
         * into memberless closures when they are passed as arguments. */
        return !v.is_wrapped && v.u.func->kind != JV_FUNC_REGEX &&
               v.u.func->kind != JV_FUNC_NEXT;
    case JV_UNDEFINED:
    case JV_NULL:
    case JV_TUPLE:
        return false;
    }
    return false;
}

bool
jv_truthy_js(struct jv v)
{
    switch ((enum jv_type)v.type) {
    case JV_UNDEFINED:
    case JV_NULL:
        return false;
    case JV_BOOL:
        return v.u.boolean;
    case JV_NUMBER:
        return v.u.number != 0 && !isnan(v.u.number);
    case JV_STRING:
        return v.len > 0;
    case JV_ARRAY:
    case JV_OBJECT:
    case JV_FUNC:
    case JV_TUPLE:
        return true;
    }
    return false;
}

bool
jv_is_numeric(struct jx *ctx, struct jv v)
{
    if (v.type != JV_NUMBER || isnan(v.u.number)) {
        return false;
    }
    if (isinf(v.u.number)) {
        (void)jx_fail_value(ctx, "D1001", v);
        return false;
    }
    return true;
}

bool
jv_all_strings(struct jv v)
{
    uint32_t n = v.type == JV_ARRAY ? jv_len(v) : 0;

    for (uint32_t i = 0; i < n; i++) {
        if (jv_at(v, i).type != JV_STRING) {
            return false;
        }
    }
    return v.type == JV_ARRAY;
}

bool
jv_all_numbers(struct jx *ctx, struct jv v)
{
    uint32_t n = v.type == JV_ARRAY ? jv_len(v) : 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!jv_is_numeric(ctx, jv_at(v, i))) {
            return false;
        }
    }
    return v.type == JV_ARRAY;
}

/* A code point's first UTF-16 unit decides against another's: surrogates sort
 * below U+E000. */
static uint32_t
unit_rank(uint32_t code)
{
    return code >= 0x10000 ? 0xd800 + ((code - 0x10000) >> 10) : code;
}

int
jv_text_cmp(struct odk_str a, struct odk_str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    size_t at = 0;

    while (at < shared && a.ptr[at] == b.ptr[at]) {
        at++;
    }
    if (at == shared) {
        return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
    }
    while (at > 0 && ((unsigned char)a.ptr[at] & 0xc0) == 0x80) {
        at--;
    }
    size_t at_b = at;
    uint32_t code_a = jx_code_next(a, &at);
    uint32_t code_b = jx_code_next(b, &at_b);
    uint32_t rank_a = unit_rank(code_a);
    uint32_t rank_b = unit_rank(code_b);
    if (rank_a == rank_b) {
        return code_a < code_b ? -1 : code_a > code_b ? 1 : 0;
    }
    return rank_a < rank_b ? -1 : 1;
}
