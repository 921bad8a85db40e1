#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

static bool
texts_eq(const char *a, const char *b)
{
    json_t *left = json_parse(odk_str(a), NULL);
    json_t *right = json_parse(odk_str(b), NULL);
    bool is_eq = json_eq(left, right);

    assert_int_equal(json_eq(right, left), is_eq);
    json_decref(left);
    json_decref(right);
    return is_eq;
}

static void
numbers_are_equal_by_value(void **state)
{
    (void)state;
    assert_true(texts_eq("1", "1.0"));
    assert_true(texts_eq("-0", "0.0"));
    assert_false(texts_eq("1", "1.5"));
    assert_false(texts_eq("9007199254740993", "9007199254740992.0"));
    assert_false(texts_eq("9223372036854775807", "9223372036854775808.0"));
    assert_false(texts_eq("1", "\"1\""));
}

static void
members_are_equal_in_any_order(void **state)
{
    (void)state;
    assert_true(texts_eq("{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}"));
    assert_false(texts_eq("{\"a\":1}", "{\"b\":1}"));
    assert_false(texts_eq("{\"a\":1}", "{\"a\":1,\"b\":1}"));
    assert_false(texts_eq("[1,2]", "[2,1]"));
    assert_false(texts_eq("[1]", "[1,2]"));
    assert_false(texts_eq("true", "false"));
    assert_true(texts_eq("null", "null"));
}

static int
cmp(const char *a, const char *b)
{
    json_t *left = json_parse(odk_str(a), NULL);
    json_t *right = json_parse(odk_str(b), NULL);
    int order = json_number_cmp(left, right);

    json_decref(left);
    json_decref(right);
    return order;
}

static void
numbers_compare_exactly_across_types(void **state)
{
    (void)state;
    assert_int_equal(cmp("1", "2"), -1);
    assert_int_equal(cmp("1.5", "1"), 1);
    assert_int_equal(cmp("1", "1.5"), -1);
    assert_int_equal(cmp("-1", "-1.5"), 1);
    assert_int_equal(cmp("9007199254740993", "9007199254740992.0"), 1);
    assert_int_equal(cmp("9223372036854775807", "1e30"), -1);
    assert_int_equal(cmp("-1e30", "-9223372036854775808"), -1);
    assert_int_equal(cmp("2.5", "2.5"), 0);
}

static void
a_real_without_fraction_is_an_integer(void **state)
{
    json_t *values = json_parse(
        ODK_STR("[3,3.0,3.5,1e30,\"3\",-9223372036854775808.0]"), NULL);
    int64_t out = 0;

    (void)state;
    assert_true(json_to_i64(json_array_get(values, 0), &out));
    assert_int_equal(out, 3);
    assert_true(json_to_i64(json_array_get(values, 1), &out));
    assert_int_equal(out, 3);
    assert_false(json_to_i64(json_array_get(values, 2), &out));
    assert_false(json_to_i64(json_array_get(values, 3), &out));
    assert_false(json_to_i64(json_array_get(values, 4), &out));
    assert_true(json_to_i64(json_array_get(values, 5), &out));
    assert_true(out == INT64_MIN);
    json_decref(values);
}

static void
a_place_is_a_json_pointer(void **state)
{
    struct json_place root = {0};
    struct json_place states = {.parent = &root, .key = ODK_STR("States")};
    struct json_place name = {.parent = &states, .key = ODK_STR("a/b~c")};
    struct json_place retry = {.parent = &name, .key = ODK_STR("Retry")};
    struct json_place first = {.parent = &retry, .index = 0};
    struct odk_buf out;

    (void)state;
    odk_buf_init(&out, 0);
    json_place_put(&first, &out);
    assert_string_equal(out.ptr, "/States/a~1b~0c/Retry/0");
    odk_buf_clear(&out);
    json_place_put(&root, &out);
    json_place_put(NULL, &out);
    assert_int_equal(out.len, 0);
    odk_buf_release(&out);
}

static void
a_field_of_the_wrong_type_is_named_by_its_pointer(void **state)
{
    json_t *object = json_parse(
        ODK_STR("{\"s\":\"x\",\"n\":1.5,\"b\":true,\"o\":{},\"a\":[]}"), NULL);
    struct json_place root = {0};
    struct json_place place = {.parent = &root, .key = ODK_STR("P")};
    struct odk_err err = {0};
    struct odk_str text = {0};
    int64_t integer = 7;
    double number = 0;
    bool flag = false;
    json_t *value = NULL;

    (void)state;
    assert_int_equal(
        json_field_str(&(struct json_field){object, &place, "s", true}, &text,
                       &err),
        0);
    assert_true(odk_str_is(text, "x"));
    assert_int_equal(
        json_field_double(&(struct json_field){object, &place, "n", true},
                          &number, &err),
        0);
    assert_true(number == 1.5);
    assert_int_equal(
        json_field_bool(&(struct json_field){object, &place, "b", true}, &flag,
                        &err),
        0);
    assert_true(flag);
    assert_int_equal(
        json_field_object(&(struct json_field){object, &place, "o", true},
                          &value, &err),
        0);
    assert_int_equal(
        json_field_array(&(struct json_field){object, &place, "a", true},
                         &value, &err),
        0);
    assert_int_equal(
        json_field_i64(&(struct json_field){object, &place, "n", true},
                       &integer, &err),
        ODK_EINVAL);
    assert_string_equal(err.message, "/P/n: must be an integer");
    assert_int_equal(
        json_field_i64(&(struct json_field){object, &place, "none", true},
                       &integer, &err),
        ODK_EINVAL);
    assert_string_equal(err.message, "/P/none: is missing");
    assert_int_equal(
        json_field_i64(&(struct json_field){object, &place, "none", false},
                       &integer, &err),
        0);
    assert_int_equal(integer, 7);
    json_decref(object);
}

static void
a_shared_copy_has_the_same_members(void **state)
{
    json_t *value = json_parse(ODK_STR("{\"a\":{\"b\":1}}"), NULL);
    json_t *copy = json_share_members(value);

    (void)state;
    json_set(copy, ODK_STR("c"), json_true());
    assert_ptr_equal(json_get(value, "a"), json_get(copy, "a"));
    assert_null(json_get(value, "c"));
    json_decref(value);
    json_decref(copy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_equal_by_value),
        cmocka_unit_test(members_are_equal_in_any_order),
        cmocka_unit_test(numbers_compare_exactly_across_types),
        cmocka_unit_test(a_real_without_fraction_is_an_integer),
        cmocka_unit_test(a_place_is_a_json_pointer),
        cmocka_unit_test(a_field_of_the_wrong_type_is_named_by_its_pointer),
        cmocka_unit_test(a_shared_copy_has_the_same_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
