#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/expr.h"
#include "expr_check.h"

#define FAILS(expr, input, text)                                               \
    check_failure(expr, input, "States.IntrinsicFailure",                      \
                  "The function '" expr "' had the following error: " text)

static void
array_holds_its_arguments(void **state)
{
    (void)state;
    check_value("States.Array()", "{}", "[]");
    check_value("States.Array( 'a' ,1, -2.5,true , null,$.a, $n )",
                "{\"a\":{\"b\":1}}", "[\"a\",1,-2.5,true,null,{\"b\":1},7]");
    check_value("States.Array(1,2,3,4,5,6)", "{}", "[1,2,3,4,5,6]");
}

static void
paths_among_arguments_may_hold_commas_and_parentheses(void **state)
{
    (void)state;
    check_value("States.Array($.a['x,y)'], $.l.length(), $.l[?(@ > 1)])",
                "{\"a\":{\"x,y)\":1},\"l\":[1,2]}", "[1,2,[2]]");
}

static void
array_partition_cuts_into_chunks(void **state)
{
    (void)state;
    check_value("States.ArrayPartition($, 2)", "[0,1,2]", "[[0,1],[2]]");
    check_value("States.ArrayPartition($, 2.4)", "[0,1,2]", "[[0,1],[2]]");
    check_value("States.ArrayPartition($, 9)", "[0]", "[[0]]");
    check_value("States.ArrayPartition($, 1)", "[]", "[]");
    FAILS("States.ArrayPartition($, 0)", "[]",
          "The chunk size must be positive");
    FAILS("States.ArrayPartition($, 1)", "{}",
          "Argument 1 must be an array, not object");
    FAILS("States.ArrayPartition($, 'a')", "[]",
          "Argument 2 must be a number, not string");
}

static void
array_contains_compares_by_value(void **state)
{
    (void)state;
    check_value("States.ArrayContains($.a, 5)", "{\"a\":[1,5.0]}", "true");
    check_value("States.ArrayContains($.a, '5')", "{\"a\":[1,5]}", "false");
    check_value("States.ArrayContains($.a, $.b)",
                "{\"a\":[{\"x\":[1]}],\"b\":{\"x\":[1]}}", "true");
}

static void
array_range_includes_its_end(void **state)
{
    (void)state;
    check_value("States.ArrayRange(1, 9, 2)", "{}", "[1,3,5,7,9]");
    check_value("States.ArrayRange(1, 9, 9)", "{}", "[1]");
    check_value("States.ArrayRange(3, 1, -1)", "{}", "[3,2,1]");
    check_value("States.ArrayRange(3, 1, 1)", "{}", "[]");
    FAILS("States.ArrayRange(0, 1, 0)", "{}",
          "The step of a range must not be 0");
    FAILS("States.ArrayRange(0, 1000, 1)", "{}",
          "A range must not have more than 1000 elements");
    FAILS("States.ArrayRange(-9223372036854775808, 9223372036854775807, 1)",
          "{}", "A range must not have more than 1000 elements");
}

static void
array_get_item_stays_within_bounds(void **state)
{
    (void)state;
    check_value("States.ArrayGetItem($, 1)", "[1,2]", "2");
    FAILS("States.ArrayGetItem($, 2)", "[1,2]",
          "The index 2 is out of bounds of an array of 2 elements");
    FAILS("States.ArrayGetItem($, -1)", "[1,2]",
          "The index -1 is out of bounds of an array of 2 elements");
}

static void
array_length_counts(void **state)
{
    (void)state;
    check_value("States.ArrayLength($)", "[1,[2,3]]", "2");
}

static void
array_unique_keeps_the_first_of_each(void **state)
{
    (void)state;
    check_value("States.ArrayUnique($)",
                "[null,null,true,1,1,\"a\",\"a\",\"1\",[],[],{\"a\":1,\"b\":2},"
                "{\"b\":2,\"a\":1}]",
                "[null,true,1,\"a\",\"1\",[],{\"a\":1,\"b\":2}]");
}

static void
base64_goes_there_and_back(void **state)
{
    (void)state;
    check_value("States.Base64Encode('')", "{}", "\"\"");
    check_value("States.Base64Encode('Data to encode')", "{}",
                "\"RGF0YSB0byBlbmNvZGU=\"");
    check_value("States.Base64Encode('a')", "{}", "\"YQ==\"");
    check_value("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "{}",
                "\"Data to encode\"");
    check_value("States.Base64Decode(States.Base64Encode($))", "\"\xC3\xA4\"",
                "\"\xC3\xA4\"");
    FAILS("States.Base64Decode('a*b=')", "{}", "The argument is not Base64");
    FAILS("States.Base64Decode('/w==')", "{}",
          "The decoded data is not UTF-8 text");
}

static void
hash_knows_five_algorithms(void **state)
{
    (void)state;
    check_value("States.Hash('input data', 'SHA-1')", "{}",
                "\"aaff4a450a104cd177d28d18d74485e8cae074b7\"");
    check_value("States.Hash('', 'MD5')", "{}",
                "\"d41d8cd98f00b204e9800998ecf8427e\"");
    check_value("States.Hash($, 'MD5')", "{\"a\": 1}",
                "\"bb6cb5c68df4652941caf652a366f2d8\"");
    FAILS("States.Hash('', 'sha1')", "{}",
          "The hash algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, "
          "SHA-512");
}

static void
long_texts_are_refused(void **state)
{
    struct odk_buf text;

    (void)state;
    odk_buf_init(&text, 0);
    odk_buf_put_char(&text, '"');
    for (int i = 0; i < 10001; i++) {
        odk_buf_put_cstr(&text, "\xC3\xA4");
    }
    odk_buf_put_char(&text, '"');
    FAILS("States.Base64Encode($)", text.ptr,
          "Argument 1 is longer than 10000 characters");
    FAILS("States.Hash($, 'MD5')", text.ptr,
          "Argument 1 is longer than 10000 characters");
    odk_buf_release(&text);
}

static void
json_merge_is_shallow_and_the_second_wins(void **state)
{
    (void)state;
    check_value("States.JsonMerge($.a, $.b, false)",
                "{\"a\":{\"a\":{\"x\":1},\"d\":3},\"b\":{\"a\":{\"y\":1},"
                "\"c\":2}}",
                "{\"a\":{\"y\":1},\"d\":3,\"c\":2}");
    FAILS("States.JsonMerge($, $, true)", "{}",
          "Argument 3 must be false: only a shallow merge is supported");
    FAILS("States.JsonMerge($, 1, false)", "{}",
          "Argument 2 must be an object, not number");
}

static void
json_becomes_text_and_text_json(void **state)
{
    (void)state;
    check_value("States.StringToJson('{\"a\": [1, 2.0]}')", "{}",
                "{\"a\":[1,2.0]}");
    check_value("States.StringToJson('')", "{}", "null");
    check_value("States.StringToJson(' ')", "{}", "null");
    check_value("States.StringToJson('-0')", "{}", "0");
    check_value("States.JsonToString($)", "{\"a\":[1,1.1,\"x\"]}",
                "\"{\\\"a\\\":[1,1.1,\\\"x\\\"]}\"");
    FAILS("States.StringToJson('{a')", "{}",
          "The argument is not JSON: line 1 column 2: a key in quotes is "
          "missing");
}

static void
math_add_rounds_half_up(void **state)
{
    (void)state;
    check_value("States.MathAdd(1, -1)", "{}", "0");
    check_value("States.MathAdd(1.5, 0)", "{}", "2");
    check_value("States.MathAdd(-1.5, 0)", "{}", "-1");
    check_value("States.MathAdd(1.4, 1.4)", "{}", "2");
    FAILS("States.MathAdd(9223372036854775807, 1)", "{}",
          "The sum is out of range");
    FAILS("States.MathAdd(1e300, 1)", "{}", "Argument 1 is out of range");
}

static void
math_random_stays_in_range_and_repeats_by_seed(void **state)
{
    (void)state;
    check_value("States.MathRandom(5, 6)", "{}", "5");
    check_value("States.ArrayUnique(States.Array(States.MathRandom(0,1000,3), "
                "States.MathRandom(0,1000,3)))",
                "{}", "[53]");
    FAILS("States.MathRandom(5, 5)", "{}",
          "The start must be less than the end");
}

static void
string_split_drops_empty_parts(void **state)
{
    (void)state;
    check_value("States.StringSplit('This.is+a,test=string', '.+,=')", "{}",
                "[\"This\",\"is\",\"a\",\"test\",\"string\"]");
    check_value("States.StringSplit(', , ,', ',')", "{}", "[\" \",\" \"]");
    check_value("States.StringSplit(',,,,', ',')", "{}", "[]");
    check_value("States.StringSplit('', ',')", "{}", "[]");
    check_value("States.StringSplit('ab', '')", "{}", "[\"ab\"]");
    check_value("States.StringSplit('a\xC3\xA4"
                "b\xC3\xB6"
                "c', '\xC3\xB6')",
                "{}",
                "[\"a\xC3\xA4"
                "b\",\"c\"]");
}

static void
uuid_comes_from_the_environment(void **state)
{
    (void)state;
    check_value("States.UUID()", "{}",
                "\"bdd73226-2feb-4e95-a8ef-e333b266f103\"");
}

static void
format_fills_its_template(void **state)
{
    (void)state;
    check_value("States.Format('Hello')", "{}", "\"Hello\"");
    check_value("States.Format('{} {}{}', 'a', 1, $.b)", "{\"b\":true}",
                "\"a 1true\"");
    check_value("States.Format('{},{}', $.o, null)", "{\"o\":{\"a\":[1]}}",
                "\"{\\\"a\\\":[1]},null\"");
    check_value("States.Format('\\{\\} it\\'s \\\\ {}', 'x')", "{}",
                "\"{} it's \\\\ x\"");
    check_value("States.Format('{ } {a}')", "{}", "\"{ } {a}\"");
    check_value("States.Format($.t, 1)", "{\"t\":\"<{}>\"}", "\"<1>\"");
    check_value("States.Format('{}', '\\{\\}')", "{}", "\"{}\"");
    FAILS("States.Format('{}')", "{}",
          "The template has 1 placeholders for 0 arguments");
    FAILS("States.Format('{}', 1, 2)", "{}",
          "The template has 1 placeholders for 2 arguments");
}

static void
calls_nest(void **state)
{
    (void)state;
    check_value("States.ArrayGetItem(States.StringSplit('a-b-c', '-'), "
                "States.MathAdd(States.ArrayLength(States.StringSplit('a-b-c', "
                "'-')), -1))",
                "{}", "\"c\"");
}

static void
an_argument_that_finds_nothing_names_path_and_input(void **state)
{
    (void)state;
    check_failure("States.Format('{}', $.b)", "{\"a\":1}", "States.Runtime",
                  "The function 'States.Format('{}', $.b)' had the following "
                  "error: The JsonPath argument for the field '$.b' could not "
                  "be found in the input '{\"a\":1}'");
    check_failure("States.Array(States.Array($none))", "{}", "States.Runtime",
                  "The function 'States.Array($none)' had the following "
                  "error: The variable $none is undefined");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(array_holds_its_arguments),
        cmocka_unit_test(paths_among_arguments_may_hold_commas_and_parentheses),
        cmocka_unit_test(array_partition_cuts_into_chunks),
        cmocka_unit_test(array_contains_compares_by_value),
        cmocka_unit_test(array_range_includes_its_end),
        cmocka_unit_test(array_get_item_stays_within_bounds),
        cmocka_unit_test(array_length_counts),
        cmocka_unit_test(array_unique_keeps_the_first_of_each),
        cmocka_unit_test(base64_goes_there_and_back),
        cmocka_unit_test(hash_knows_five_algorithms),
        cmocka_unit_test(long_texts_are_refused),
        cmocka_unit_test(json_merge_is_shallow_and_the_second_wins),
        cmocka_unit_test(json_becomes_text_and_text_json),
        cmocka_unit_test(math_add_rounds_half_up),
        cmocka_unit_test(math_random_stays_in_range_and_repeats_by_seed),
        cmocka_unit_test(string_split_drops_empty_parts),
        cmocka_unit_test(uuid_comes_from_the_environment),
        cmocka_unit_test(format_fills_its_template),
        cmocka_unit_test(calls_nest),
        cmocka_unit_test(an_argument_that_finds_nothing_names_path_and_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
