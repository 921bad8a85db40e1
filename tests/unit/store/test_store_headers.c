#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/store_headers.h"

static void
test_headers_come_back_in_order(void **state)
{
    struct odk_buf buf;
    struct odk_str name;
    struct odk_str value;

    (void)state;
    odk_buf_init(&buf, 0);
    store_headers_put(&buf, ODK_STR("traceparent"), ODK_STR("00-\0-ff"));
    store_headers_put(&buf, ODK_STR(""), ODK_STR(""));
    store_headers_put(&buf, ODK_STR("n"), (struct odk_str){NULL, 0});
    struct odk_str rest = odk_buf_str(&buf);
    assert_int_equal(store_headers_next(&rest, &name, &value), 1);
    assert_true(odk_str_is(name, "traceparent"));
    assert_true(odk_str_eq(value, ODK_STR("00-\0-ff")));
    assert_int_equal(store_headers_next(&rest, &name, &value), 1);
    assert_int_equal(name.len, 0);
    assert_true(value.ptr != NULL && value.len == 0);
    assert_int_equal(store_headers_next(&rest, &name, &value), 1);
    assert_null(value.ptr);
    assert_int_equal(store_headers_next(&rest, &name, &value), 0);
    odk_buf_release(&buf);
}

static void
test_every_cut_is_corrupt(void **state)
{
    struct odk_buf buf;
    struct odk_str name;
    struct odk_str value;

    (void)state;
    odk_buf_init(&buf, 0);
    store_headers_put(&buf, ODK_STR("name"), ODK_STR("value"));
    for (size_t len = 1; len < buf.len; len++) {
        struct odk_str rest = odk_str_n(buf.ptr, len);
        assert_int_equal(store_headers_next(&rest, &name, &value),
                         ODK_ECORRUPT);
    }
    odk_buf_release(&buf);
}

static void
test_a_name_over_64_kib_fails_the_buffer(void **state)
{
    struct odk_buf buf;
    char *name = calloc(1, UINT16_MAX + 1);

    (void)state;
    odk_buf_init(&buf, 0);
    store_headers_put(&buf, odk_str_n(name, UINT16_MAX), ODK_STR("v"));
    assert_false(odk_buf_failed(&buf));
    store_headers_put(&buf, odk_str_n(name, UINT16_MAX + 1), ODK_STR("v"));
    assert_true(odk_buf_failed(&buf));
    odk_buf_release(&buf);
    free(name);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_come_back_in_order),
        cmocka_unit_test(test_every_cut_is_corrupt),
        cmocka_unit_test(test_a_name_over_64_kib_fails_the_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
