#include "base/base.h"
#include "jsonata_check.h"

static void
signatures_check_and_complete_arguments(void **state)
{
    (void)state;
    check("$sum(5)", NULL, "5");
    check("('abc').$length()", NULL, "3");
    check("('abc').$substringAfter('a')", NULL, "\"bc\"");
    check_error("$sum('a')", NULL, "T0412");
    check_error("$sum(1, 2)", NULL, "T0410");
    check_error("5.$length()", NULL, "S0213");
    check_error("(5).$length()", NULL, "T0411");
    check("function($x)<n-:n>{$x * 2}(4)", NULL, "8");
    check_error("function($x)<n:n>{$x}('a')", NULL, "T0410");
}

static void
lambdas_close_over_their_frame(void **state)
{
    (void)state;
    check("($add := function($x){function($y){$x + $y}}; $add(2)(3))", NULL,
          "5");
    check("($f := function($n){$n <= 1 ? 1 : $n * $f($n - 1)}; $f(10))", NULL,
          "3628800");
    check("($x := 1; ($x := 2; $x) + $x)", NULL, "3");
}

static void
functions_apply_partially_and_chain(void **state)
{
    (void)state;
    check("($first := $substring(?, 0, 2); $first('hello'))", NULL, "\"he\"");
    check("($add := function($a, $b){$a + $b}; $add(?, 2)(3))", NULL, "5");
    check("'a b' ~> $split(' ') ~> $join('-')", NULL, "\"a-b\"");
    check("($f := $trim ~> $uppercase; $f(' a '))", NULL, "\"A\"");
    check_error("1 ~> 2", NULL, "T2006");
    check_error("nothing(?)", NULL, "T1008");
}

static void
what_is_no_function_is_not_called(void **state)
{
    (void)state;
    check_error("$nothing(1)", NULL, "T1006");
    check_error("sum(1)", NULL, "T1005");
    check_error("sum(?)", NULL, "T1007");
}

static void
higher_order_functions_pass_what_is_taken(void **state)
{
    (void)state;
    check("$map([1, 2], function($v, $i){$v * $i})", NULL, "[0, 2]");
    check("$map([1..3], $string)", NULL, "[\"1\", \"2\", \"3\"]");
    check("$filter([1..5], function($v){$v % 2 = 0})", NULL, "[2, 4]");
    check("$reduce([1..4], function($a, $b){$a * $b})", NULL, "24");
    check("$single([1, 2], function($v){$v = 2})", NULL, "2");
    check("$sift({'a': 1, 'b': 2}, function($v){$v > 1})", NULL, "{\"b\": 2}");
    check("$each({'a': 1}, function($v, $k){$k & $v})", NULL, "\"a1\"");
    check_error("$reduce([1, 2], function($a){$a})", NULL, "D3050");
    check_error("$single([1, 1])", NULL, "D3138");
    check_error("$single([], function(){true})", NULL, "D3139");
}

static void
strings_count_characters_not_bytes(void **state)
{
    (void)state;
    check("$length('é😀')", NULL, "2");
    check("$substring('é😀x', 1, 1)", NULL, "\"😀\"");
    check("$substring('hello', -3, 2)", NULL, "\"ll\"");
    check("$pad('é', -3, '#')", NULL, "\"##é\"");
    check("$uppercase('straße é')", NULL, "\"STRASSE É\"");
    check("$lowercase('ÀЖΩ')", NULL, "\"àжω\"");
    check("$trim('  a\\n b ')", NULL, "\"a b\"");
    check("'\\uff5e' > '\\ud83d\\ude00'", NULL, "true");
}

static void
texts_are_encoded_and_decoded(void **state)
{
    (void)state;
    check("$base64encode('hello')", NULL, "\"aGVsbG8=\"");
    check("$base64decode('aGVsbG8=')", NULL, "\"hello\"");
    check("$encodeUrlComponent('a b&é')", NULL, "\"a%20b%26%C3%A9\"");
    check("$encodeUrl('http://x/?a=b c')", NULL, "\"http://x/?a=b%20c\"");
    check("$decodeUrlComponent('%C3%A9')", NULL, "\"é\"");
    check("$decodeUrl('%2Fa%20')", NULL, "\"%2Fa \"");
    check_error("$decodeUrlComponent('%ff')", NULL, "D3140");
}

static void
values_become_text_as_in_javascript(void **state)
{
    (void)state;
    check("$string(0.1 + 0.2)", NULL, "\"0.3\"");
    check("$string(1e21)", NULL, "\"1e+21\"");
    check("$string(1e-7)", NULL, "\"1e-7\"");
    check("$string(123456789012345680)", NULL, "\"123456789012346000\"");
    check("$string({'a': [1, null, 'x\\n']})", NULL,
          "\"{\\\"a\\\":[1,null,\\\"x\\\\n\\\"]}\"");
    check("$string([1, {'a': 2}], true)", NULL,
          "\"[\\n  1,\\n  {\\n    \\\"a\\\": 2\\n  }\\n]\"");
    check("1/3", NULL, "0.3333333333333333");
    check_error("$string(1/0)", NULL, "D3001");
}

static void
numbers_are_read_and_rounded(void **state)
{
    (void)state;
    check("$number('0x1F')", NULL, "31");
    check("$number('-1.5e2')", NULL, "-150");
    check_error("$number('1x')", NULL, "D3030");
    check("$round(2.5)", NULL, "2");
    check("$round(3.5)", NULL, "4");
    check("$round(1.015, 2)", NULL, "1.02");
    check("$round(12345, -2)", NULL, "12300");
    check("$formatBase(255, 16)", NULL, "\"ff\"");
    check_error("$formatBase(1, 99)", NULL, "D3100");
    check_error("$sqrt(-1)", NULL, "D3060");
    check_error("$power(10, 400)", NULL, "D3061");
}

static void
lists_and_objects_are_taken_apart(void **state)
{
    (void)state;
    check("$keys([{'a': 1}, {'b': 2, 'a': 3}])", NULL, "[\"a\", \"b\"]");
    check("$spread({'a': 1, 'b': 2})", NULL, "[{\"a\": 1}, {\"b\": 2}]");
    check("$merge([{'a': 1}, {'a': 2, 'b': 3}])", NULL, "{\"a\": 2, \"b\": 3}");
    check("$zip([1, 2, 3], ['a', 'b'])", NULL, "[[1, \"a\"], [2, \"b\"]]");
    check("$distinct([1, '1', 1, {'a': 1}, {'a': 1}, true, true])", NULL,
          "[1, \"1\", {\"a\": 1}, true]");
    check("$reverse([1..3])", NULL, "[3, 2, 1]");
    check("$sort([3, 1, 2])", NULL, "[1, 2, 3]");
    check("$sort(['b', 'a'], function($l, $r){$l < $r})", NULL,
          "[\"b\", \"a\"]");
    check_error("$sort([1, 'a'])", NULL, "D3070");
    check("$append([], 1)", NULL, "[1]");
    check("$count($shuffle([1..9]))", NULL, "9");
}

static void
the_expression_may_fail_itself(void **state)
{
    struct jsonata_error err = {.position = 0};
    json_t *result = NULL;

    (void)state;
    assert_int_not_equal(
        check_run("$error('my words')", NULL, NULL, &result, &err), 0);
    assert_string_equal(err.code, "D3137");
    assert_string_equal(err.message, "my words");
    check_error("$assert(false)", NULL, "D3141");
    check("$assert(true)", NULL, NULL);
}

static void
lone_surrogates_leave_as_replacement_characters(void **state)
{
    struct jsonata_error err = {.position = 0};
    json_t *result = NULL;

    (void)state;
    check("{'\\ud800': 'a\\udc00'}", NULL, "{\"\\ufffd\": \"a\\ufffd\"}");
    check("$length('\\ud800')", NULL, "1");
    assert_int_not_equal(
        check_run("$error('\\ud800!')", NULL, NULL, &result, &err), 0);
    assert_string_equal(err.message, "\xef\xbf\xbd!");
}

static void
a_function_is_no_result(void **state)
{
    struct jsonata_error err = {.position = 0};
    json_t *result = NULL;

    (void)state;
    assert_int_equal(check_run("$sum", NULL, NULL, &result, &err),
                     ODK_EUNSUPPORTED);
    assert_int_equal(check_run("[function(){1}]", NULL, NULL, &result, &err),
                     ODK_EUNSUPPORTED);
}

static void
the_same_seed_gives_the_same_numbers(void **state)
{
    struct jsonata_options options = {.seed = 7};
    json_t *first = NULL;
    json_t *second = NULL;

    (void)state;
    assert_int_equal(check_run("[$random(), $shuffle([1..20])]", NULL, &options,
                               &first, NULL),
                     0);
    assert_int_equal(check_run("[$random(), $shuffle([1..20])]", NULL, &options,
                               &second, NULL),
                     0);
    assert_true(json_equal(first, second));
    json_decref(first);
    json_decref(second);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_check_and_complete_arguments),
        cmocka_unit_test(lambdas_close_over_their_frame),
        cmocka_unit_test(functions_apply_partially_and_chain),
        cmocka_unit_test(what_is_no_function_is_not_called),
        cmocka_unit_test(higher_order_functions_pass_what_is_taken),
        cmocka_unit_test(strings_count_characters_not_bytes),
        cmocka_unit_test(texts_are_encoded_and_decoded),
        cmocka_unit_test(values_become_text_as_in_javascript),
        cmocka_unit_test(numbers_are_read_and_rounded),
        cmocka_unit_test(lists_and_objects_are_taken_apart),
        cmocka_unit_test(the_expression_may_fail_itself),
        cmocka_unit_test(lone_surrogates_leave_as_replacement_characters),
        cmocka_unit_test(a_function_is_no_result),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
    };

    return cmocka_run_group_tests_name("functions", tests, NULL, NULL);
}
