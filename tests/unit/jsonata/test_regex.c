#include "jsonata_check.h"

static void
matches_tell_text_index_and_groups(void **state)
{
    (void)state;
    check("$match('ababbabbcc', /a(b+)/)", NULL,
          "[{\"match\": \"ab\", \"index\": 0, \"groups\": [\"b\"]},"
          " {\"match\": \"abb\", \"index\": 2, \"groups\": [\"bb\"]},"
          " {\"match\": \"abb\", \"index\": 5, \"groups\": [\"bb\"]}]");
    check("$match('😀b', /b/).index", NULL, "2");
    check("$match('b', /(a)|b/).groups", NULL, "[null]");
    check("/b/('abc').[start, end]", NULL, "[1, 2]");
    check("/b/('abcb').next().start", NULL, "3");
}

static void
replacements_know_groups_and_functions(void **state)
{
    (void)state;
    check("$replace('John Smith', /(\\w+)\\s(\\w+)/, '$2, $1')", NULL,
          "\"Smith, John\"");
    check("$replace('abc', /b/, '[$0$$$9]')", NULL, "\"a[b$]c\"");
    check("$replace('a1b2', /\\d/, function($m){$string($number($m.match) * "
          "2)})",
          NULL, "\"a2b4\"");
    check("$replace('aaa', 'a', 'b', 2)", NULL, "\"bba\"");
    check_error("$replace('a', '', 'b')", NULL, "D3010");
    check_error("$replace('a', /a/, function(){1})", NULL, "D3012");
    check_error("$replace('a', 'a', 'b', -1)", NULL, "D3011");
}

static void
texts_are_split_by_patterns(void **state)
{
    (void)state;
    check("$split('a, b;c', /[,;]\\s*/)", NULL, "[\"a\", \"b\", \"c\"]");
    check("$split('a, b', /x/)", NULL, "[\"a, b\"]");
    check("$split('abc', '')", NULL, "[\"a\", \"b\", \"c\"]");
    check_error("$split('a', ' ', -1)", NULL, "D3020");
}

static void
the_syntax_is_javascripts(void **state)
{
    (void)state;
    check("$contains('\\u00a0', /^\\s$/)", NULL, "true");
    check("$contains('٣', /\\d/)", NULL, "false");
    check("$contains('a\\n', /a$/)", NULL, "false");
    check("$contains('a\\nb', /a$/m)", NULL, "true");
    check("$contains('a{}', /a{}/)", NULL, "true");
    check("$contains(':a', /[:x:]a/)", NULL, "true");
    check("$contains('ab', /[^]b/)", NULL, "true");
    check("$contains('\\u2028', /./)", NULL, "false");
    check("$contains('aa', /(a)\\1/)", NULL, "true");
    check("$contains('É', /é/i)", NULL, "true");
    check_error("$contains('a', /a++/)", NULL, "S0303");
    check_error("$contains('a', /(?>a)/)", NULL, "S0303");
    check_error("$contains('a', /(*ACCEPT)/)", NULL, "S0303");
}

static void
an_empty_match_ends_the_search(void **state)
{
    (void)state;
    check("$contains('abc', /x*/)", NULL, "true");
    check_error("$match('abc', /x*/)", NULL, "D1004");
}

static void
a_function_may_play_a_regular_expression(void **state)
{
    (void)state;
    check("$match('xay', function($s){{'match': 'a', 'start': 1, 'end': 2,"
          " 'groups': [], 'next': function(){nothing}}})",
          NULL, "{\"match\": \"a\", \"index\": 1, \"groups\": []}");
    check_error("$contains('a', function($s){{'x': 1}})", NULL, "T1010");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_tell_text_index_and_groups),
        cmocka_unit_test(replacements_know_groups_and_functions),
        cmocka_unit_test(texts_are_split_by_patterns),
        cmocka_unit_test(the_syntax_is_javascripts),
        cmocka_unit_test(an_empty_match_ends_the_search),
        cmocka_unit_test(a_function_may_play_a_regular_expression),
    };

    return cmocka_run_group_tests_name("regex", tests, NULL, NULL);
}
