#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"
#include "json/json_path.h"

static int
set(const char *text, const char *document, struct odk_buf *out,
    struct odk_err *err)
{
    struct json_path *path = NULL;
    json_t *root = json_parse(odk_str(document), NULL);
    json_t *value = json_parse(ODK_STR("{\"new\":1}"), NULL);
    json_t *result = NULL;
    struct odk_buf before;

    assert_int_equal(json_path_compile(odk_str(text), &path, NULL), 0);
    int rc = json_path_set(path, root, value, &result, err);
    if (rc == 0) {
        json_put(out, result);
    }
    odk_buf_init(&before, 0);
    json_put(&before, root);
    assert_string_equal(before.ptr, document);
    odk_buf_release(&before);
    json_decref(result);
    json_decref(value);
    json_decref(root);
    json_path_free(path);
    return rc;
}

static void
check(const char *path, const char *document, const char *wanted)
{
    struct odk_buf out;

    odk_buf_init(&out, 0);
    assert_int_equal(set(path, document, &out, NULL), 0);
    assert_string_equal(out.ptr, wanted);
    odk_buf_release(&out);
}

static void
check_unfit(const char *path, const char *document, const char *message)
{
    struct odk_err err = {0};
    struct odk_buf out;

    odk_buf_init(&out, 0);
    assert_int_equal(set(path, document, &out, &err), ODK_EINVAL);
    assert_string_equal(err.message, message);
    odk_buf_release(&out);
}

static void
the_root_is_replaced_whole(void **state)
{
    (void)state;
    check("$", "[1,2]", "{\"new\":1}");
}

static void
a_member_is_added_or_replaced(void **state)
{
    (void)state;
    check("$.r", "{\"a\":1}", "{\"a\":1,\"r\":{\"new\":1}}");
    check("$.a", "{\"a\":1,\"b\":2}", "{\"a\":{\"new\":1},\"b\":2}");
    check("$.a.b", "{\"a\":{\"b\":1,\"c\":2}}",
          "{\"a\":{\"b\":{\"new\":1},\"c\":2}}");
}

static void
missing_objects_are_made(void **state)
{
    (void)state;
    check("$.a.b.c", "{}", "{\"a\":{\"b\":{\"c\":{\"new\":1}}}}");
}

static void
an_element_is_replaced(void **state)
{
    (void)state;
    check("$.a[1]", "{\"a\":[1,2,3]}", "{\"a\":[1,{\"new\":1},3]}");
    check("$.a[0].b", "{\"a\":[{}]}", "{\"a\":[{\"b\":{\"new\":1}}]}");
}

static void
what_does_not_fit_is_refused(void **state)
{
    (void)state;
    check_unfit("$.a.b", "{\"a\":\"x\"}",
                "Unable to apply step \"b\" to a value of type string");
    check_unfit("$.a", "5",
                "Unable to apply step \"a\" to a value of type number");
    check_unfit("$.a", "[]",
                "Unable to apply step \"a\" to a value of type array");
    check_unfit("$.a[1]", "{\"a\":[1]}",
                "Unable to apply step \"[1]\": there is no such element");
    check_unfit("$.a[0]", "{}",
                "Unable to apply step \"[0]\": there is no such element");
}

static void
what_is_not_on_the_way_is_shared(void **state)
{
    json_t *root = json_parse(ODK_STR("{\"a\":{\"b\":1},\"c\":[2]}"), NULL);
    struct json_path *path = NULL;
    json_t *value = json_true();
    json_t *result = NULL;

    (void)state;
    assert_int_equal(json_path_compile(ODK_STR("$.a.d"), &path, NULL), 0);
    assert_int_equal(json_path_set(path, root, value, &result, NULL), 0);
    assert_ptr_equal(json_get(root, "c"), json_get(result, "c"));
    assert_ptr_not_equal(json_get(root, "a"), json_get(result, "a"));
    json_decref(result);
    json_path_free(path);
    json_decref(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_is_replaced_whole),
        cmocka_unit_test(a_member_is_added_or_replaced),
        cmocka_unit_test(missing_objects_are_made),
        cmocka_unit_test(an_element_is_replaced),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(what_is_not_on_the_way_is_shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
