#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"
#include "json/json_path.h"
#include "json_check.h"

static const char store[] =
    "{\"store\":{\"book\":["
    "{\"category\":\"reference\",\"author\":\"Nigel\",\"price\":8.95},"
    "{\"category\":\"fiction\",\"author\":\"Evelyn\",\"price\":12.99},"
    "{\"category\":\"fiction\",\"author\":\"Herman\",\"isbn\":\"0-553\","
    "\"price\":8.99}],"
    "\"bicycle\":{\"color\":\"red\",\"price\":19.95}},\"expensive\":10}";

static void
names_and_indices_find_one_value(void **state)
{
    (void)state;
    check_finds("$", "5", "5");
    check_finds("$.store.bicycle.color", store, "\"red\"");
    check_finds("$['store'][\"bicycle\"]['color']", store, "\"red\"");
    check_finds("$.store.book[0].author", store, "\"Nigel\"");
    check_finds("$.store.book[-1].author", store, "\"Herman\"");
    check_finds("$[ 'expensive' ]", store, "10");
    check_finds(" $.expensive ", store, "10");
    check_finds("$[0][1]", "[[1,2]]", "2");
    check_finds("$.a-b.c:d", "{\"a-b\":{\"c:d\":1}}", "1");
    check_finds("$.\xC3\xA4", "{\"\xC3\xA4\":1}", "1");
    check_finds("$.a", "{\"a\":null}", "null");
}

static void
quotes_in_names_are_escaped_and_other_backslashes_kept(void **state)
{
    (void)state;
    check_finds("$['it\\'s']", "{\"it's\":1}", "1");
    check_finds("$['a\\\\b']", "{\"a\\\\b\":1}", "1");
    check_finds("$['Test\\\"\"Name\"']", "{\"Test\\\\\\\"\\\"Name\\\"\":1}",
                "1");
    check_finds("$['a.b']['c]d']", "{\"a.b\":{\"c]d\":1}}", "1");
}

static void
a_definite_path_that_finds_nothing_says_what_jayway_says(void **state)
{
    (void)state;
    check_fails("$.a.b", "{\"a\":{}}", ODK_ENOTFOUND,
                "No results for path: $['a']['b']");
    check_fails("$.no.such.result.path", "{}", ODK_ENOTFOUND,
                "Missing property in path $['no']");
    check_fails("$.a.b.c", "{\"a\":{}}", ODK_ENOTFOUND,
                "Missing property in path $['a']['b']");
    check_fails("$.a[3].b", "{\"a\":[1]}", ODK_ENOTFOUND,
                "No results for path: $['a'][3]['b']");
    check_fails("$.a[0]", "{\"a\":null}", ODK_ENOTFOUND,
                "The path $['a'] is null");
    check_fails("$.a[0]", "{\"a\":{\"b\":1}}", ODK_ENOTFOUND,
                "Filter: [0] can only be applied to arrays. Current context "
                "is: {\"b\":1}");
    check_fails("$.a.b", "{\"a\":\"x\"}", ODK_ENOTFOUND,
                "Expected to find an object with property ['b'] in path "
                "$['a'] but found 'java.lang.String'. This is not a json "
                "object according to the JsonProvider: "
                "'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.");
    check_fails("$.a.b[*]", "{\"a\":{}}", ODK_ENOTFOUND,
                "Missing property in path $['a']['b']");
}

static void
an_indefinite_path_finds_a_list(void **state)
{
    (void)state;
    check_finds("$.store.book[*].author", store,
                "[\"Nigel\",\"Evelyn\",\"Herman\"]");
    check_finds("$.store.book[*].isbn", store, "[\"0-553\"]");
    check_finds("$.store.bicycle.*", store, "[\"red\",19.95]");
    check_finds("$.a[*]", "{\"a\":[]}", "[]");
    check_finds("$.a[*].b", "{\"a\":5}", "[]");
    check_finds("$.store.book[0,2].author", store, "[\"Nigel\",\"Herman\"]");
    check_finds("$.store.book[0,9].author", store, "[\"Nigel\"]");
}

static void
several_names_at_the_end_make_an_object(void **state)
{
    (void)state;
    check_finds("$.store.bicycle['price','color','none']", store,
                "{\"price\":19.95,\"color\":\"red\"}");
    check_finds("$.store.book[*]['author','isbn']", store,
                "[{\"author\":\"Nigel\"},{\"author\":\"Evelyn\"},"
                "{\"author\":\"Herman\",\"isbn\":\"0-553\"}]");
    check_finds("$['a','b'].c", "{\"a\":{\"c\":1},\"b\":{\"c\":2}}", "[1,2]");
}

static void
slices_count_as_jayway_counts(void **state)
{
    (void)state;
    check_finds("$[1:3]", "[0,1,2,3,4]", "[1,2]");
    check_finds("$[3:]", "[0,1,2,3,4]", "[3,4]");
    check_finds("$[-2:]", "[0,1,2,3,4]", "[3,4]");
    check_finds("$[:2]", "[0,1,2,3,4]", "[0,1]");
    check_finds("$[:-3]", "[0,1,2,3,4]", "[0,1]");
    check_finds("$[-3:-1]", "[0,1,2,3,4]", "[2,3]");
    check_finds("$[2:99]", "[0,1,2,3,4]", "[2,3,4]");
    check_finds("$[7:]", "[0,1]", "[]");
    check_finds("$[-7:]", "[0,1]", "[0,1]");
    check_finds("$[3:1]", "[0,1,2,3,4]", "[]");
}

static void
a_scan_looks_everywhere_below(void **state)
{
    (void)state;
    check_finds("$..author", store, "[\"Nigel\",\"Evelyn\",\"Herman\"]");
    check_finds("$.store..price", store, "[8.95,12.99,8.99,19.95]");
    check_finds("$..book[0].author", store, "[\"Nigel\"]");
    check_finds("$..*", "{\"a\":{\"b\":[1]}}", "[{\"b\":[1]},[1],1]");
    check_finds("$..none", store, "[]");
    check_finds("$..[1]", "[[1,2],[3,4]]", "[[3,4],2,4]");
    check_finds("$..['a','b']", "{\"a\":1,\"b\":2,\"c\":{\"a\":3}}",
                "[{\"a\":1,\"b\":2}]");
    check_finds("$..x", "5", "[]");
}

static void
functions_work_on_what_the_path_found(void **state)
{
    (void)state;
    check_finds("$.store.book.length()", store, "3");
    check_finds("$.store.length()", store, "2");
    check_finds("$.expensive.length()", store, "null");
    check_finds("$.length($.store.book)", store, "3");
    check_finds("$.a.sum()", "{\"a\":[1,2.5,\"x\"]}", "3.5");
    check_finds("$.a.avg()", "{\"a\":[1,2]}", "1.5");
    check_finds("$.a.min()", "{\"a\":[3,1,2]}", "1.0");
    check_finds("$.a.max(9)", "{\"a\":[3,1,2]}", "9.0");
    check_finds("$.a.stddev()", "{\"a\":[2,4,4,4,5,5,7,9]}", "2.0");
    check_finds("$.a.concat(\"-\", $.b)", "{\"a\":[\"x\",\"y\"],\"b\":1}",
                "\"xy-1\"");
    check_finds("$.store.bicycle.keys()", store, "[\"color\",\"price\"]");
    check_finds("$.a.append(3)", "{\"a\":[1,2]}", "[1,2,3]");
    check_finds("$.a.first()", "{\"a\":[1,2]}", "1");
    check_finds("$.a.last()", "{\"a\":[1]}", "1");
    check_finds("$.a.index(-2)", "{\"a\":[1,2,3]}", "2");
    check_finds("$.a.distinct()", "{\"a\":[1,1.0,2]}", "[1,2]");
    check_finds("$..price.sum()", "{\"a\":{\"price\":1},\"price\":2}", "3.0");
    check_finds("$[*].length()", "[[1],[1,2]]", "[1,2]");
}

static void
a_function_that_cannot_work_is_an_error(void **state)
{
    (void)state;
    check_fails("$.a.sum()", "{\"a\":[]}", ODK_EINVAL,
                "Aggregation function attempted to calculate value using "
                "empty array");
    check_fails("$.a.index(5)", "{\"a\":[1]}", ODK_EINVAL,
                "Target index:5 larger than object count:1");
}

static void
malformed_paths_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "a",
        "@",
        "$.",
        "$..",
        "$a",
        "$.a.",
        "$.a..",
        "$...a",
        "$[",
        "$[]",
        "$['a'",
        "$['a]",
        "$[a]",
        "$['a',]",
        "$[1",
        "$[1,]",
        "$[1:2:3]",
        "$[:]",
        "$.a b",
        "$.a[*",
        "$.a[?]",
        "$.a[?()]",
        "$.a[?(@.b]",
        "$[?(@.a ==)]",
        "$.a.no()",
        "$.a.sum(1",

        "$[99999999999]",
        "$[--1]",
        "$.a[?(1)]",
        "$[?(@.a =~ /x)]",
        "$[?(@.a =~ /(/)]",
        "\xC3",
        "$['a' 'b']",
        "$.a[?(@.b == 'x)]",
    };

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        check_refused(cases[i], ODK_ESYNTAX);
    }
}

static void
limits_of_a_path_are_told(void **state)
{
    struct odk_buf text;

    (void)state;
    odk_buf_init(&text, 0);
    odk_buf_put_char(&text, '$');
    for (int i = 0; i <= JSON_PATH_STEPS_MAX; i++) {
        odk_buf_put_cstr(&text, ".a");
    }
    check_refused(text.ptr, ODK_ELIMIT);
    odk_buf_clear(&text);
    for (int i = 0; i <= JSON_PATH_NEST_MAX; i++) {
        odk_buf_put_cstr(&text, i ? "@[?(" : "$[?(");
    }
    check_refused(text.ptr, ODK_ELIMIT);
    odk_buf_release(&text);
}

static void
an_evaluation_that_runs_away_is_stopped(void **state)
{
    struct json_path *path = NULL;
    json_t *value = json_array();
    json_t *found = NULL;
    struct odk_err err = {0};

    (void)state;
    /* Each level is the level below ten times: 10^8 values in 8 arrays. */
    for (int i = 0; i < 8; i++) {
        json_t *level = json_array();
        for (int k = 0; k < 10; k++) {
            json_append(level, json_incref(value));
        }
        json_decref(value);
        value = level;
    }
    assert_int_equal(json_path_compile(ODK_STR("$..x"), &path, &err), 0);
    assert_int_equal(json_path_eval(path, value, &found, &err), ODK_ELIMIT);
    assert_null(found);
    json_path_free(path);
    json_decref(value);
}

static void
paths_know_what_they_are(void **state)
{
    static const struct {
        const char *text;
        bool is_definite, is_reference, is_root;
    } cases[] = {
        {"$", true, true, true},
        {"$.a['b'][0]", true, true, false},
        {"$.a[-1]", true, false, false},
        {"$['a','b']", true, false, false},
        {"$['a','b'].c", false, false, false},
        {"$.a[*]", false, false, false},
        {"$..a", false, false, false},
        {"$.a[0,1]", false, false, false},
        {"$.a[1:]", false, false, false},
        {"$.a[?(@.b)]", false, false, false},
        {"$.a.length()", true, false, false},
    };

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        struct json_path *path = NULL;
        assert_int_equal(json_path_compile(odk_str(cases[i].text), &path, NULL),
                         0);
        assert_int_equal(json_path_is_definite(path), cases[i].is_definite);
        assert_int_equal(json_path_is_reference(path), cases[i].is_reference);
        assert_int_equal(json_path_is_root(path), cases[i].is_root);
        assert_true(odk_str_is(json_path_text(path), cases[i].text));
        json_path_free(path);
    }
}

static void
what_is_found_is_shared_not_copied(void **state)
{
    json_t *root = json_parse(ODK_STR("{\"a\":{\"b\":[1]}}"), NULL);
    struct json_path *path = NULL;
    json_t *found = NULL;

    (void)state;
    assert_int_equal(json_path_compile(ODK_STR("$.a.b"), &path, NULL), 0);
    assert_int_equal(json_path_eval(path, root, &found, NULL), 0);
    assert_ptr_equal(found, json_get(json_get(root, "a"), "b"));
    json_decref(found);
    json_path_free(path);
    json_decref(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_indices_find_one_value),
        cmocka_unit_test(
            quotes_in_names_are_escaped_and_other_backslashes_kept),
        cmocka_unit_test(
            a_definite_path_that_finds_nothing_says_what_jayway_says),
        cmocka_unit_test(an_indefinite_path_finds_a_list),
        cmocka_unit_test(several_names_at_the_end_make_an_object),
        cmocka_unit_test(slices_count_as_jayway_counts),
        cmocka_unit_test(a_scan_looks_everywhere_below),
        cmocka_unit_test(functions_work_on_what_the_path_found),
        cmocka_unit_test(a_function_that_cannot_work_is_an_error),
        cmocka_unit_test(malformed_paths_are_refused),
        cmocka_unit_test(limits_of_a_path_are_told),
        cmocka_unit_test(an_evaluation_that_runs_away_is_stopped),
        cmocka_unit_test(paths_know_what_they_are),
        cmocka_unit_test(what_is_found_is_shared_not_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
