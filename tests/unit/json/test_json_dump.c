#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

static void
check_same(const char *text)
{
    json_t *value = json_parse(odk_str(text), NULL);
    struct odk_buf out;

    odk_buf_init(&out, 0);
    assert_non_null(value);
    assert_int_equal(json_dump(value, &out), 0);
    assert_string_equal(out.ptr, text);
    assert_int_equal(json_dump_size(value), strlen(text));
    odk_buf_release(&out);
    json_decref(value);
}

static void
check_real(double value, const char *wanted)
{
    struct odk_buf out;

    odk_buf_init(&out, 0);
    json_put_real(&out, value);
    assert_string_equal(out.ptr, wanted);
    odk_buf_release(&out);
}

static void
compact_text_comes_back_as_it_was(void **state)
{
    (void)state;
    check_same("{\"z\":1,\"a\":[null,true,false,-5,\"x\"],\"\":{}}");
    check_same("\"\xC3\xA4\xF0\x9F\x98\x80\"");
    check_same("\"\\u0000\\\"\\\\\\n\"");
    check_same("[]");
    check_same("9223372036854775807");
    check_same("-9223372036854775808");
}

static void
a_real_stays_a_real(void **state)
{
    (void)state;
    check_real(1.0, "1.0");
    check_real(-100.0, "-100.0");
    check_real(0.0, "0.0");
    check_real(-0.0, "-0.0");
}

static void
a_real_has_the_fewest_digits_that_read_back(void **state)
{
    (void)state;
    check_real(0.1, "0.1");
    check_real(1.1, "1.1");
    check_real(-2.05, "-2.05");
    check_real(123456.789, "123456.789");
    check_real(0.1 + 0.2, "0.30000000000000004");
    check_real(3.141592653589793, "3.141592653589793");
    check_real(1e15, "1000000000000000.0");
    check_real(1e20, "100000000000000000000.0");
    check_real(1e21, "1.0e21");
    check_real(1.5e300, "1.5e300");
    check_real(0.0000001, "0.0000001");
    check_real(1e-9, "1.0e-9");
    check_real(5e-324, "5.0e-324");
    check_real(1.7976931348623157e308, "1.7976931348623157e308");
    check_real(123456789012345680.0, "123456789012345680.0");
}

static void
every_real_reads_back(void **state)
{
    struct odk_rand rand;

    (void)state;
    odk_rand_init(&rand, 7);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = odk_rand_u64(&rand);
        struct odk_buf out;
        double value = 0;
        memcpy(&value, &bits, sizeof(value));
        if (value != value || value - value != 0) {
            continue;
        }
        odk_buf_init(&out, 0);
        json_put_real(&out, i % 2 ? value : (double)(bits % 1000000) / 1000);
        json_t *back = json_parse(odk_buf_str(&out), NULL);
        assert_true(json_is_real(back));
        assert_true(json_real_value(back) ==
                    (i % 2 ? value : (double)(bits % 1000000) / 1000));
        json_decref(back);
        odk_buf_release(&out);
    }
}

static void
canonical_text_has_its_keys_in_order(void **state)
{
    json_t *value =
        json_parse(ODK_STR("{\"b\":{\"z\":1,\"y\":2},\"a\":3,\"ab\":4}"), NULL);
    struct odk_buf out;

    (void)state;
    odk_buf_init(&out, 0);
    assert_int_equal(json_dump_canonical(value, &out), 0);
    assert_string_equal(out.ptr, "{\"a\":3,\"ab\":4,\"b\":{\"y\":2,\"z\":1}}");
    odk_buf_release(&out);
    json_decref(value);
}

static void
the_cap_of_the_buffer_is_reported(void **state)
{
    json_t *value = json_parse(ODK_STR("[1,2,3,4,5,6]"), NULL);
    struct odk_buf out;

    (void)state;
    odk_buf_init(&out, 5);
    assert_int_equal(json_dump(value, &out), ODK_ELIMIT);
    odk_buf_release(&out);
    json_decref(value);
}

static void
a_value_nested_too_deep_is_reported(void **state)
{
    json_t *value = json_integer(1);
    struct odk_buf out;

    (void)state;
    for (int i = 0; i < JSON_DEPTH_MAX + 2; i++) {
        json_t *array = json_array();
        json_append(array, value);
        value = array;
    }
    odk_buf_init(&out, 0);
    assert_int_equal(json_dump(value, &out), ODK_ELIMIT);
    assert_true(json_dump_size(value) == SIZE_MAX);
    odk_buf_release(&out);
    json_decref(value);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_text_comes_back_as_it_was),
        cmocka_unit_test(a_real_stays_a_real),
        cmocka_unit_test(a_real_has_the_fewest_digits_that_read_back),
        cmocka_unit_test(every_real_reads_back),
        cmocka_unit_test(canonical_text_has_its_keys_in_order),
        cmocka_unit_test(the_cap_of_the_buffer_is_reported),
        cmocka_unit_test(a_value_nested_too_deep_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
