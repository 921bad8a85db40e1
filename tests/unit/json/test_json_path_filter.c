#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"
#include "json_check.h"

/* The n of those items that pass the filter. */
static const char items[] =
    "{\"max\":2,\"l\":["
    "{\"n\":0},"
    "{\"n\":1,\"v\":1,\"s\":\"abc\",\"t\":[\"x\",\"y\"]},"
    "{\"n\":2,\"v\":2.5,\"s\":\"ABD\",\"t\":[],\"o\":{}},"
    "{\"n\":3,\"v\":\"1\",\"s\":\"\",\"b\":true},"
    "{\"n\":4,\"v\":null,\"b\":false}]}";

#define CHECK(filter, wanted) check_finds("$.l[?(" filter ")].n", items, wanted)

static void
numbers_and_strings_compare(void **state)
{
    (void)state;
    CHECK("@.v == 2.5", "[2]");
    CHECK("@.v > 1", "[2]");
    CHECK("@.v >= 1", "[1,2]");
    CHECK("@.v < 2.5", "[1]");
    CHECK("@.v <= 2.5", "[1,2]");
    CHECK("@.n > $.max", "[3,4]");
    CHECK("@.s == 'abc'", "[1]");
    CHECK("@.s > \"ABC\"", "[1,2]");
    CHECK("2 < @.n", "[3,4]");
    CHECK("@.n==2", "[2]");
    CHECK("@['n'] == 2", "[2]");
}

static void
a_number_equals_a_string_of_its_digits(void **state)
{
    (void)state;
    CHECK("@.v == 1", "[1,3]");
    CHECK("@.v == '1'", "[1,3]");
    CHECK("@.v === 1", "[1]");
    CHECK("@.v !== 1", "[0,2,3,4]");
}

static void
what_is_not_there_equals_nothing(void **state)
{
    (void)state;
    CHECK("@.v == null", "[4]");
    CHECK("@.v != 1", "[0,2,4]");
    CHECK("@.none == @.nothing", "[]");
    CHECK("@.b == true", "[3]");
    CHECK("@.b != false", "[0,1,2,3]");
}

static void
a_path_alone_asks_whether_it_finds(void **state)
{
    (void)state;
    CHECK("@.v", "[1,2,3,4]");
    CHECK("!@.v", "[0]");
    CHECK("!(@.b)", "[0,1,2]");
    CHECK("@.t[*]", "[1]");
}

static void
terms_join_by_and_before_or(void **state)
{
    (void)state;
    CHECK("@.n == 0 || @.n == 1 && @.v == 2", "[0]");
    CHECK("(@.n == 0 || @.n == 1) && @.v == 1", "[1]");
    CHECK("@.n == 0||@.n == 4", "[0,4]");
    CHECK("!(@.n < 2) && !(@.n > 3)", "[2,3]");
}

static void
regular_expressions_match_the_whole_text(void **state)
{
    (void)state;
    CHECK("@.s =~ /ab.*/", "[1]");
    CHECK("@.s =~ /ab.*/i", "[1,2]");
    CHECK("@.s =~ /b/", "[]");
    CHECK("@.t =~ /[xz]/", "[1]");
    CHECK("@.v =~ /\\d/", "[1,3]");
    CHECK("/a\\/?bc/ =~ @.s", "[1]");
}

static void
a_regular_expression_that_backtracks_for_ever_gives_up(void **state)
{
    (void)state;
    check_finds("$[?(@ =~ /(a+)+$/)]",
                "[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"]", "[]");
}

static void
lists_are_compared_by_members(void **state)
{
    (void)state;
    CHECK("@.s in ['abc', 'q']", "[1]");
    CHECK("@.s nin ['abc', '']", "[0,2,4]");
    CHECK("@.v in [1, null]", "[1,3,4]");
    CHECK("@.t subsetof [\"x\",\"y\",\"z\"]", "[1,2]");
    CHECK("@.t anyof ['y']", "[1]");
    CHECK("@.t noneof ['y']", "[2]");
    CHECK("@.t all ['x']", "[1]");
    CHECK("@.t contains 'x'", "[1]");
    CHECK("@.s contains 'BD'", "[2]");
    CHECK("@.t == ['x','y']", "[1]");
    CHECK("@.o == {}", "[2]");
    CHECK("@ == {'n':0}", "[0]");
}

static void
size_and_emptiness_can_be_asked(void **state)
{
    (void)state;
    CHECK("@.t size 2", "[1]");
    CHECK("@.s size 3", "[1,2]");
    CHECK("@.t empty true", "[2]");
    CHECK("@.s empty false", "[1,2]");
    CHECK("@.o EMPTY true", "[2]");
    CHECK("@.t.length() == 2", "[1]");
}

static void
filters_nest(void **state)
{
    (void)state;
    CHECK("@.t[?(@ == 'x')]", "[1]");
    check_finds("$..[?(@.n == 1)].s", items, "[\"abc\"]");
    check_finds("$[?(@.a[?(@.b > 1)])]",
                "[{\"a\":[{\"b\":1}]},{\"a\":[{\"b\":2}]}]",
                "[{\"a\":[{\"b\":2}]}]");
}

static void
a_filter_applies_to_an_object_itself(void **state)
{
    (void)state;
    check_finds("$.a[?(@.b == 1)]", "{\"a\":{\"b\":1}}", "[{\"b\":1}]");
    check_fails("$.a[?(@.b)]", "{\"a\":5}", ODK_EINVAL,
                "Filter: [?] can not be applied to primitives. Current "
                "context is: 5");
}

static void
literals_know_escapes(void **state)
{
    (void)state;
    check_finds("$[?(@ == 'it\\'s')]", "[\"it's\"]", "[\"it's\"]");
    check_finds("$[?(@ == \"a\\n\\u00e4\")]", "[\"a\\n\xC3\xA4\"]",
                "[\"a\\n\xC3\xA4\"]");
    check_finds("$[?(@ == -1.5e1)]", "[-15,1]", "[-15]");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_strings_compare),
        cmocka_unit_test(a_number_equals_a_string_of_its_digits),
        cmocka_unit_test(what_is_not_there_equals_nothing),
        cmocka_unit_test(a_path_alone_asks_whether_it_finds),
        cmocka_unit_test(terms_join_by_and_before_or),
        cmocka_unit_test(regular_expressions_match_the_whole_text),
        cmocka_unit_test(
            a_regular_expression_that_backtracks_for_ever_gives_up),
        cmocka_unit_test(lists_are_compared_by_members),
        cmocka_unit_test(size_and_emptiness_can_be_asked),
        cmocka_unit_test(filters_nest),
        cmocka_unit_test(a_filter_applies_to_an_object_itself),
        cmocka_unit_test(literals_know_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
