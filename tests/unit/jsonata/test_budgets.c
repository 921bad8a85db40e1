#include <string.h>

#include "base/base.h"
#include "jsonata_check.h"

static void
ends(const char *expr, const struct jsonata_options *options)
{
    struct jsonata_error err = {.position = 0};
    json_t *result = NULL;

    assert_int_equal(check_run(expr, NULL, options, &result, &err), ODK_ELIMIT);
    assert_string_equal(err.code, "U1001");
    assert_null(result);
}

static void
endless_loops_end(void **state)
{
    const struct jsonata_options options = {.steps_max = 200000};

    (void)state;
    ends("($f := function(){$f()}; $f())", &options);
    ends("($f := function($n){$f($n + 1)}; $f(0))", &options);
    ends("$reduce([1..1000000], function($a, $b){$a + $b})", &options);
    ends("[1..5000].([1..5000])", &options);
    ends("$sort([1..300000], function($a, $b){$a < $b})", &options);
}

static void
deep_recursion_ends(void **state)
{
    const struct jsonata_options deepest = {.depth_max = UINT32_MAX};

    (void)state;
    ends("($f := function($n){1 + $f($n + 1)}; $f(0))", NULL);
    ends("($f := function($n){1 + $f($n + 1)}; $f(0))", &deepest);
    ends("($f := function($n){$map([$n], function($v){1 + $f($v)})}; $f(0))",
         &deepest);
    ends("($f := function($n){$sort([1, 2], $f)}; $f(0))", &deepest);
    ends("($f := function($c, $n){$n = 0 ? $c : $f($c ~> $abs, $n - 1)};"
         " $f($abs, 20000)(1))",
         &deepest);
}

static void
deep_values_end(void **state)
{
    static const char grow[] =
        "($f := function($v, $n){$n = 0 ? $v : $f([[$v]], $n - 1)};"
        " $v := $f(1, 5000); %s)";
    static const char *const uses[] = {
        "$string($v)", "$v",           "$v = $f(1, 5000)", "$v ~> |$|{}|",
        "$v.a",        "$boolean($v)", "$keys($v)",        "$spread($v)",
        "{'a': $v}.*", "{'a': $v}.**"};
    char expr[256];

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(uses); i++) {
        const char *mark = strstr(grow, "%s");
        size_t len = (size_t)(mark - grow);
        memcpy(expr, grow, len);
        memcpy(expr + len, uses[i], strlen(uses[i]));
        memcpy(expr + len + strlen(uses[i]), mark + 2, strlen(mark + 2) + 1);
        ends(expr, NULL);
    }
}

static void
memory_is_bounded(void **state)
{
    const struct jsonata_options options = {.memory_bytes_max = 1 << 20};

    (void)state;
    ends("($f := function($s, $n){$n = 0 ? $s : $f($s & $s, $n - 1)};"
         " $f('ab', 40))",
         &options);
    ends("$pad('', 100000000)", &options);
    ends("[1..10000000].$", &options);
    ends("[1..100000]", &options);
    /* Shared twice a level, the printed value would be beyond all bounds. */
    ends("($f := function($v, $n){$n = 0 ? $v : $f({'a': $v, 'b': $v}, "
         "$n - 1)}; $f(1, 60))",
         &options);
}

static void
regular_expressions_cannot_run_away(void **state)
{
    const struct jsonata_options options = {.steps_max = 500000};

    (void)state;
    ends("$contains($pad('', 40, 'a') & '!', /^(a+)+$/)", &options);
    ends("$contains($pad('', 5000, 'a'), /(a*)*(a*)*[bc]/)", &options);
    ends("$map([1..100000], function($i){$contains($pad('', 30, 'a') & '!',"
         " /(a|a)*$/)})",
         &options);
}

static void
a_lazy_range_costs_nothing(void **state)
{
    const struct jsonata_options options = {.memory_bytes_max = 65536};

    (void)state;
    check_with("$count([1..10000000])", &options, "10000000");
    check_with("[1..10000000][-1]", &options, "10000000");
    check_error("[1..10000001]", NULL, "D2014");
}

static void
tail_calls_need_no_depth(void **state)
{
    const struct jsonata_options options = {.depth_max = 20};

    (void)state;
    check_with("($f := function($n, $s){$n = 0 ? $s : $f($n - 1, $s + $n)};"
               " $f(10000, 0))",
               &options, "50005000");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_loops_end),
        cmocka_unit_test(deep_recursion_ends),
        cmocka_unit_test(deep_values_end),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(regular_expressions_cannot_run_away),
        cmocka_unit_test(a_lazy_range_costs_nothing),
        cmocka_unit_test(tail_calls_need_no_depth),
    };

    return cmocka_run_group_tests_name("budgets", tests, NULL, NULL);
}
