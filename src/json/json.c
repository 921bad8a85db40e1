#include "json/json.h"

#include <math.h>

#include "json/json_priv.h"

/* jansson's iterators want an object they may change, and do not change it. */
static json_t *
mutable_of(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

struct odk_str
json_str(const json_t *value)
{
    if (!json_is_string(value)) {
        return (struct odk_str){0};
    }
    return odk_str_n(json_string_value(value), json_string_length(value));
}

json_t *
json_str_new(struct odk_str s)
{
    odk_assert_slow(odk_str_is_utf8(s));
    return json_wtf8_new(s);
}

json_t *
json_wtf8_new(struct odk_str s)
{
    json_t *value = json_stringn_nocheck(s.ptr ? s.ptr : "", s.len);

    if (!value) {
        odk_out_of_memory();
    }
    return value;
}

json_t *
json_get_str(const json_t *object, struct odk_str key)
{
    return json_object_getn(object, key.ptr ? key.ptr : "", key.len);
}

json_t *
json_get(const json_t *object, const char *key)
{
    return json_get_str(object, odk_str(key));
}

void
json_set(json_t *object, struct odk_str key, json_t *value)
{
    odk_assert(json_is_object(object));
    odk_assert(value != NULL);
    if (json_object_setn_new_nocheck(object, key.ptr ? key.ptr : "", key.len,
                                     value) != 0) {
        odk_out_of_memory();
    }
}

void
json_append(json_t *array, json_t *value)
{
    odk_assert(json_is_array(array));
    odk_assert(value != NULL);
    if (json_array_append_new(array, value) != 0) {
        odk_out_of_memory();
    }
}

static void
load_member(struct json_member_iter *iter)
{
    iter->value = NULL;
    if (iter->at) {
        iter->key = odk_str_n(json_object_iter_key(iter->at),
                              json_object_iter_key_len(iter->at));
        iter->value = json_object_iter_value(iter->at);
    }
}

void
json_member_first(struct json_member_iter *iter, const json_t *object)
{
    *iter = (struct json_member_iter){.object = mutable_of(object)};
    iter->at = json_object_iter(iter->object);
    load_member(iter);
}

void
json_member_next(struct json_member_iter *iter)
{
    iter->at = json_object_iter_next(iter->object, iter->at);
    load_member(iter);
}

json_t *
json_share_members(const json_t *container)
{
    json_t *copy = NULL;

    odk_assert(json_is_array(container) || json_is_object(container));
    copy = json_copy(mutable_of(container));
    if (!copy) {
        odk_out_of_memory();
    }
    return copy;
}

static int
cmp_i64_double(int64_t a, double b)
{
    if (b >= 9223372036854775808.0) {
        return -1;
    }
    if (b < -9223372036854775808.0) {
        return 1;
    }
    int64_t whole = (int64_t)b;
    if (a != whole) {
        return a < whole ? -1 : 1;
    }
    double rest = b - (double)whole;
    return (rest < 0) - (rest > 0);
}

int
json_number_cmp(const json_t *a, const json_t *b)
{
    odk_assert(json_is_number(a));
    odk_assert(json_is_number(b));
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t left = json_integer_value(a);
        json_int_t right = json_integer_value(b);
        return (left > right) - (left < right);
    }
    if (json_is_integer(a)) {
        return cmp_i64_double(json_integer_value(a), json_real_value(b));
    }
    if (json_is_integer(b)) {
        return -cmp_i64_double(json_integer_value(b), json_real_value(a));
    }
    double left = json_real_value(a);
    double right = json_real_value(b);
    return (left > right) - (left < right);
}

bool
json_to_i64(const json_t *value, int64_t *out)
{
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (!json_is_real(value)) {
        return false;
    }
    double real = json_real_value(value);
    if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0) ||
        real != trunc(real)) {
        return false;
    }
    *out = (int64_t)real;
    return true;
}

static bool eq(const json_t *a, const json_t *b, unsigned depth);

static bool
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
arrays_eq(const json_t *a, const json_t *b, unsigned depth)
{
    size_t n = json_array_size(a);

    if (n != json_array_size(b)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!eq(json_array_get(a, i), json_array_get(b, i), depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
objects_eq(const json_t *a, const json_t *b, unsigned depth)
{
    struct json_member_iter it;

    if (json_object_size(a) != json_object_size(b)) {
        return false;
    }
    for (json_member_first(&it, a); it.value; json_member_next(&it)) {
        const json_t *other = json_get_str(b, it.key);
        if (!other || !eq(it.value, other, depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
eq(const json_t *a, const json_t *b, unsigned depth)
{
    if (a == b) {
        return true;
    }
    if (json_is_number(a) && json_is_number(b)) {
        return json_number_cmp(a, b) == 0;
    }
    if (json_typeof(a) != json_typeof(b) || depth > JSON_DEPTH_MAX) {
        return false;
    }
    switch (json_typeof(a)) {
    case JSON_STRING:
        return odk_str_eq(json_str(a), json_str(b));
    case JSON_ARRAY:
        return arrays_eq(a, b, depth);
    case JSON_OBJECT:
        return objects_eq(a, b, depth);
    case JSON_INTEGER:
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return true;
}

bool
json_eq(const json_t *a, const json_t *b)
{
    odk_assert(a != NULL);
    odk_assert(b != NULL);
    return eq(a, b, 0);
}

const char *
json_type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}
