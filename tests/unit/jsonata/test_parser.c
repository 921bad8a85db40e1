#include <string.h>

#include "base/base.h"
#include "jsonata_check.h"

static void
operators_bind_as_the_language_says(void **state)
{
    (void)state;
    check("1 + 2 * 3 - 4 / 2", NULL, "5");
    check("1 + 2 & 'x'", NULL, "\"3x\"");
    check("2 > 1 and 1 > 2 or true", NULL, "true");
    check("-2 + 3", NULL, "1");
    check("true ? false ? 1 : 2 : 3", NULL, "2");
}

static void
keywords_may_be_names(void **state)
{
    (void)state;
    check("and and or", "{\"and\": true, \"or\": 1}", "true");
    check("in.or", "{\"in\": {\"or\": 7}}", "7");
}

static void
comments_and_quoted_names_are_read(void **state)
{
    (void)state;
    check("/* one */ `a b` /* two */", "{\"a b\": 1}", "1");
    check("\"a b\".c", "{\"a b\": {\"c\": 2}}", "2");
    check_error("/* open", NULL, "S0106");
    check_error("`open", NULL, "S0105");
}

static void
strings_know_their_escapes(void **state)
{
    (void)state;
    check("'\\u0041\\n\\\"'", NULL, "\"A\\n\\\"\"");
    check("'\\ud83d\\ude00'", NULL, "\"\\ud83d\\ude00\"");
    check("'\\ud83d' & '\\ude00'", NULL, "\"\\ud83d\\ude00\"");
    check_error("'\\q'", NULL, "S0103");
    check_error("'\\u12'", NULL, "S0104");
    check_error("'open", NULL, "S0101");
}

static void
syntax_errors_have_the_codes_of_the_reference(void **state)
{
    (void)state;
    check_error("1 2", NULL, "S0201");
    check_error("[1", NULL, "S0203");
    check_error("(1]", NULL, "S0202");
    check_error("1 +", NULL, "S0207");
    check_error("= 1", NULL, "S0211");
    check_error("1 := 2", NULL, "S0212");
    check_error("a.1", NULL, "S0213");
    check_error("a@b", NULL, "S0214");
    check_error("a[1]@$b", NULL, "S0215");
    check_error("a^(b)@$b", NULL, "S0216");
    check_error("%", NULL, "S0217");
    check_error("a ! b", NULL, "S0204");
    check_error("function(x){1}", NULL, "S0208");
    check_error("function($x)<n<n>:n>{1}", NULL, "S0401");
    check_error("//", NULL, "S0301");
    check_error("/a", NULL, "S0302");
}

static void
an_error_tells_position_token_and_sentence(void **state)
{
    struct jsonata_error err = {.position = 0};
    json_t *result = NULL;

    (void)state;
    assert_int_equal(check_run("1 + 'é' + ", NULL, NULL, &result, &err),
                     ODK_ESYNTAX);
    assert_string_equal(err.code, "S0207");
    assert_int_equal(err.position, 10);
    assert_int_equal(check_run("1 + 'é'", NULL, NULL, &result, &err),
                     ODK_EINVAL);
    assert_string_equal(err.code, "T2002");
    assert_string_equal(err.token, "+");
    assert_int_equal(err.position, 3);
    assert_string_equal(
        err.message,
        "The right side of the \"+\" operator must evaluate to a number");
}

static void
a_bottomless_text_is_refused(void **state)
{
    static char text[20001];
    struct jsonata_error err = {.position = 0};
    struct jsonata *program = NULL;
    static const char *const units[] = {"(",  "[",  "{", "-",
                                        "a.", "a&", "!", "$f("};

    (void)state;
    for (size_t u = 0; u < ODK_ARRAY_LEN(units); u++) {
        size_t len = strlen(units[u]);
        for (size_t i = 0; i + len < sizeof(text); i += len) {
            memcpy(text + i, units[u], len);
        }
        assert_int_not_equal(
            jsonata_compile(odk_str_n(text, 20000 / len * len), &program, &err),
            0);
        assert_null(program);
    }
}

static void
text_that_is_no_utf8_is_refused(void **state)
{
    struct jsonata_error err = {.position = 0};
    struct jsonata *program = NULL;

    (void)state;
    assert_int_equal(jsonata_compile(ODK_STR("'\xff'"), &program, &err),
                     ODK_ESYNTAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_bind_as_the_language_says),
        cmocka_unit_test(keywords_may_be_names),
        cmocka_unit_test(comments_and_quoted_names_are_read),
        cmocka_unit_test(strings_know_their_escapes),
        cmocka_unit_test(syntax_errors_have_the_codes_of_the_reference),
        cmocka_unit_test(an_error_tells_position_token_and_sentence),
        cmocka_unit_test(a_bottomless_text_is_refused),
        cmocka_unit_test(text_that_is_no_utf8_is_refused),
    };

    return cmocka_run_group_tests_name("parser", tests, NULL, NULL);
}
