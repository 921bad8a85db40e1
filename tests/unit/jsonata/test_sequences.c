#include "jsonata_check.h"

static const char orders[] =
    "{\"orders\": [{\"id\": 1, \"lines\": [{\"sku\": \"a\", \"n\": 2}]},"
    " {\"id\": 2, \"lines\": [{\"sku\": \"b\", \"n\": 1}, {\"sku\": \"a\","
    " \"n\": 5}]}], \"empty\": [], \"nested\": [[1, [2]], [3]]}";

static void
one_item_stands_for_itself_and_none_for_nothing(void **state)
{
    (void)state;
    check("orders[id=1].id", orders, "1");
    check("orders[id=1].id[]", orders, "[1]");
    check("orders[id=9].id", orders, NULL);
    check("orders.lines.sku", orders, "[\"a\", \"b\", \"a\"]");
    check("$count(orders[id=9])", orders, "0");
}

static void
arrays_of_the_input_keep_their_shape(void **state)
{
    (void)state;
    check("empty", orders, "[]");
    check("nested", orders, "[[1, [2]], [3]]");
    check("nested[0]", orders, "[1, [2]]");
    check("[orders.id]", orders, "[1, 2]");
    check("[[1], [2]]", NULL, "[[1], [2]]");
    check("[1, [2, 3]][1]", NULL, "[2, 3]");
}

static void
predicates_take_positions_and_conditions(void **state)
{
    (void)state;
    check("orders[0].id", orders, "1");
    check("orders[-1].id", orders, "2");
    check("orders[[0, 1]].id", orders, "[1, 2]");
    check("orders.lines[0].sku", orders, "[\"a\", \"b\"]");
    check("(orders.lines)[0].sku", orders, "\"a\"");
    check("orders.lines[n > 1].n", orders, "[2, 5]");
}

static void
groups_gather_what_has_the_same_key(void **state)
{
    (void)state;
    check("orders.lines{sku: $sum(n)}", orders, "{\"a\": 7, \"b\": 1}");
    check("{'x': nothing, 'y': 1}", orders, "{\"y\": 1}");
    check_error("orders{1: id}", orders, "T1003");
    check_error("orders{'a': id, 'a': lines}", orders, "D1009");
}

static void
sorting_is_stable_and_puts_undefined_last(void **state)
{
    (void)state;
    check("orders.lines^(sku, >n).n", orders, "[5, 2, 1]");
    check("[{\"a\": 2}, {}, {\"a\": 1}]^(a).$string(a)", NULL,
          "[\"1\", \"2\"]");
    check_error("[1, 'a']^($)", NULL, "T2007");
    check_error("[1, true]^($)", NULL, "T2008");
}

static void
the_parent_operator_climbs(void **state)
{
    (void)state;
    check("orders.lines.(sku & %.id)", orders, "[\"a1\", \"b2\", \"a2\"]");
    check("orders.lines[%.id = 2].sku", orders, "[\"b\", \"a\"]");
    check("(orders.lines.{'s': sku, 'o': %.id})[0]", orders,
          "{\"s\": \"a\", \"o\": 1}");
}

static void
joins_and_positions_bind_variables(void **state)
{
    (void)state;
    check("orders#$i.lines.(sku & $i)", orders, "[\"a0\", \"b1\", \"a1\"]");
    check("orders@$o.lines@$l[$l.n > 1].{'o': $o.id, 'n': $l.n}", orders, NULL);
    check("orders@$o.orders@$p[$o.id < $p.id].[$o.id, $p.id]", orders,
          "[1, 2]");
    check("orders@$o.$o.lines.n", orders, "[2, 1, 5]");
}

static void
wildcards_and_descendants_find_everything(void **state)
{
    (void)state;
    check("*.id", orders, "[1, 2]");
    check("**.sku", orders, "[\"a\", \"b\", \"a\"]");
    check("$count(**)", "{\"a\": [1, {\"b\": 2}]}", "4");
}

static void
transforms_change_a_copy(void **state)
{
    (void)state;
    check("$ ~> |a|{'b': 2}|", "{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 2}}");
    check("($ ~> |a|{'c': 2}, ['b']|; a)", "{\"a\": {\"b\": 1}}", "{\"b\": 1}");
    check("$ ~> |**[id]|{'id': id + 1}|", "{\"x\": [{\"id\": 1}]}",
          "{\"x\": [{\"id\": 2}]}");
    check_error("$ ~> |a|5|", "{\"a\": {}}", "T2011");
    check_error("$ ~> |a|{}, 5|", "{\"a\": {}}", "T2012");
}

static void
an_input_that_is_an_array_is_one_document(void **state)
{
    (void)state;
    check("$[0]", "[1, 2]", "1");
    check("$", "[1, 2]", "[1, 2]");
    check("a", "[{\"a\": 1}, {\"a\": 2}]", "[1, 2]");
    check("$$.a", "[{\"a\": 1}]", "1");
}

static void
parts_of_the_input_are_shared_not_copied(void **state)
{
    json_t *input = json_loads("{\"a\": {\"big\": [1, 2, 3]}}", 0, NULL);
    struct jsonata *program = NULL;
    json_t *result = NULL;

    (void)state;
    assert_int_equal(jsonata_compile(ODK_STR("a.big"), &program, NULL), 0);
    assert_int_equal(jsonata_eval(program, input, NULL, &result, NULL), 0);
    assert_ptr_equal(result,
                     json_object_get(json_object_get(input, "a"), "big"));
    json_decref(result);
    jsonata_free(program);
    json_decref(input);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_item_stands_for_itself_and_none_for_nothing),
        cmocka_unit_test(arrays_of_the_input_keep_their_shape),
        cmocka_unit_test(predicates_take_positions_and_conditions),
        cmocka_unit_test(groups_gather_what_has_the_same_key),
        cmocka_unit_test(sorting_is_stable_and_puts_undefined_last),
        cmocka_unit_test(the_parent_operator_climbs),
        cmocka_unit_test(joins_and_positions_bind_variables),
        cmocka_unit_test(wildcards_and_descendants_find_everything),
        cmocka_unit_test(transforms_change_a_copy),
        cmocka_unit_test(an_input_that_is_an_array_is_one_document),
        cmocka_unit_test(parts_of_the_input_are_shared_not_copied),
    };

    return cmocka_run_group_tests_name("sequences", tests, NULL, NULL);
}
