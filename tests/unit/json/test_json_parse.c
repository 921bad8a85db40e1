#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

static void
check_refused(const char *text, int code, const char *message)
{
    struct odk_err err = {0};

    assert_null(json_parse(odk_str(text), &err));
    assert_int_equal(err.code, code);
    assert_string_equal(err.message, message);
}

static void
any_value_may_stand_at_the_top(void **state)
{
    static const struct {
        const char *text;
        json_type type;
    } cases[] = {
        {"null", JSON_NULL},       {" true ", JSON_TRUE},
        {"\tfalse\n", JSON_FALSE}, {"12", JSON_INTEGER},
        {"1.5", JSON_REAL},        {"\"a\"", JSON_STRING},
        {"[1 , 2]", JSON_ARRAY},   {"{\"a\" : 1}", JSON_OBJECT},
    };

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        json_t *value = json_parse(odk_str(cases[i].text), NULL);
        assert_non_null(value);
        assert_int_equal(json_typeof(value), cases[i].type);
        json_decref(value);
    }
}

static void
errors_tell_line_and_column(void **state)
{
    (void)state;
    check_refused("", ODK_ESYNTAX, "line 1 column 1: a value is missing");
    check_refused("{\n \"\xC3\xA4\": x}", ODK_ESYNTAX,
                  "line 2 column 7: not the beginning of a value");
    check_refused("[1,]", ODK_ESYNTAX,
                  "line 1 column 4: not the beginning of a value");
    check_refused("[1", ODK_ESYNTAX, "line 1 column 3: ',' or ']' is missing");
    check_refused("{\"a\" 1}", ODK_ESYNTAX, "line 1 column 6: ':' is missing");
    check_refused("1 2", ODK_ESYNTAX,
                  "line 1 column 3: more text behind the value");
    check_refused("\"a", ODK_ESYNTAX,
                  "line 1 column 3: the string is not closed");
    check_refused("\"\n\"", ODK_ESYNTAX,
                  "line 1 column 2: control character in a string");
    check_refused("\"\\x\"", ODK_ESYNTAX,
                  "line 1 column 3: invalid escape in a string");
}

static void
malformed_numbers_are_refused(void **state)
{
    static const char *const cases[] = {
        "-",   "01",  "1.",  ".5",       "+1",    "1e",    "1e+",
        "0x1", "1_0", "NaN", "Infinity", "1e999", "-1e999"};

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        assert_null(json_parse(odk_str(cases[i]), NULL));
    }
}

static void
integers_beyond_64_bits_become_reals(void **state)
{
    (void)state;
    json_t *value = json_parse(
        ODK_STR("[9223372036854775807,9223372036854775808,-0]"), NULL);
    assert_true(json_is_integer(json_array_get(value, 0)));
    assert_true(json_is_real(json_array_get(value, 1)));
    assert_true(json_real_value(json_array_get(value, 1)) ==
                9223372036854775808.0);
    assert_true(json_is_integer(json_array_get(value, 2)));
    json_decref(value);
}

static void
reals_are_the_nearest_double(void **state)
{
    static const char *const cases[] = {"0.1",
                                        "-2.5",
                                        "123456.789",
                                        "1.7976931348623157e308",
                                        "5e-324",
                                        "0.3e1",
                                        "3.141592653589793238462643383279",
                                        "1e22",
                                        "1.0e-10",
                                        "999999999999999.9",
                                        "-0.0"};

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        json_t *value = json_parse(odk_str(cases[i]), NULL);
        assert_true(json_real_value(value) == strtod(cases[i], NULL));
        json_decref(value);
    }
}

static void
escapes_become_utf8(void **state)
{
    (void)state;
    json_t *value =
        json_parse(ODK_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20AC"
                           "\\ud83d\\ude00\""),
                   NULL);
    assert_string_equal(json_string_value(value),
                        "\"\\/\b\f\n\r\t\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    json_decref(value);
}

static void
half_a_surrogate_pair_becomes_the_replacement_character(void **state)
{
    (void)state;
    json_t *value =
        json_parse(ODK_STR("\"\\ud83dx\\ude00\\ud83d\\u0041\""), NULL);
    assert_string_equal(json_string_value(value),
                        "\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD"
                        "A");
    json_decref(value);
}

static void
half_a_surrogate_pair_stays_one_where_that_is_asked_for(void **state)
{
    (void)state;
    json_t *value =
        json_parse_wtf8(ODK_STR("\"\\ud83dx\\ud83d\\ude00\""), NULL);
    assert_string_equal(json_string_value(value),
                        "\xED\xA0\xBDx\xF0\x9F\x98\x80");
    json_decref(value);
    assert_null(json_parse_wtf8(ODK_STR("\"\xED\xA0\xBD\""), NULL));
}

static void
nul_is_legal_in_strings_and_keys(void **state)
{
    (void)state;
    json_t *value = json_parse(ODK_STR("{\"a\\u0000b\":\"c\\u0000d\"}"), NULL);
    json_t *member = json_get_str(value, odk_str_n("a\0b", 3));
    assert_non_null(member);
    assert_int_equal(json_str(member).len, 3);
    json_decref(value);
}

static void
an_escaped_key_survives_the_keys_of_its_value(void **state)
{
    (void)state;
    json_t *value = json_parse(
        ODK_STR("{\"\\u0061\":{\"\\u0062\":{\"\\u0063\":1}}}"), NULL);
    json_t *inner = json_get(json_get(json_get(value, "a"), "b"), "c");
    assert_int_equal(json_integer_value(inner), 1);
    json_decref(value);
}

static void
text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    check_refused("\"\xC3\"", ODK_ESYNTAX, "the text is not UTF-8");
    check_refused("\"\xED\xA0\x80\"", ODK_ESYNTAX, "the text is not UTF-8");
}

static void
of_duplicate_keys_the_last_wins_unless_strict(void **state)
{
    struct odk_str text = ODK_STR("{\"a\":1,\"b\":{\"c\":1,\"c\":2}}");
    struct odk_err err = {0};

    (void)state;
    json_t *value = json_parse(text, NULL);
    assert_int_equal(json_integer_value(json_get(json_get(value, "b"), "c")),
                     2);
    json_decref(value);
    assert_null(json_parse_strict(text, &err));
    assert_string_equal(err.message,
                        "line 1 column 22: the key occurs twice in its object");
}

static void
nesting_is_limited(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 1) + 1];
    struct odk_err err = {0};

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    json_t *value =
        json_parse(odk_str_n(text, (size_t)2 * JSON_DEPTH_MAX), &err);
    assert_non_null(value);
    json_decref(value);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_null(
        json_parse(odk_str_n(text, 2 * ((size_t)JSON_DEPTH_MAX + 1)), &err));
    assert_int_equal(err.code, ODK_ELIMIT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_value_may_stand_at_the_top),
        cmocka_unit_test(errors_tell_line_and_column),
        cmocka_unit_test(malformed_numbers_are_refused),
        cmocka_unit_test(integers_beyond_64_bits_become_reals),
        cmocka_unit_test(reals_are_the_nearest_double),
        cmocka_unit_test(escapes_become_utf8),
        cmocka_unit_test(
            half_a_surrogate_pair_becomes_the_replacement_character),
        cmocka_unit_test(
            half_a_surrogate_pair_stays_one_where_that_is_asked_for),
        cmocka_unit_test(nul_is_legal_in_strings_and_keys),
        cmocka_unit_test(an_escaped_key_survives_the_keys_of_its_value),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(of_duplicate_keys_the_last_wins_unless_strict),
        cmocka_unit_test(nesting_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
