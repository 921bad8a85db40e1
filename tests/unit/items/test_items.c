#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "items/items.h"
#include "json/json.h"

/* All items of a text as JSON, read through windows that begin with `first`
 * bytes and grow by one; an error's message instead. */
static json_t *
read_all(const struct items_spec *spec, struct odk_str text, size_t first)
{
    json_t *all = json_array();
    struct odk_err err = {0};
    size_t offset = 0;
    size_t len = first;

    for (;;) {
        struct items_item item;
        size_t at = 0;
        bool is_last = offset + len >= text.len;
        struct odk_str window =
            odk_str_n(text.ptr + offset, is_last ? text.len - offset : len);
        int rc = items_next(spec, window, is_last, &at, &item, &err);
        if (rc == ITEMS_MORE) {
            assert_false(is_last);
            len++;
            continue;
        }
        if (rc == ITEMS_END) {
            return all;
        }
        if (rc < 0) {
            json_decref(all);
            return json_string(err.message);
        }
        if (item.key.len > 0) {
            json_append(all, json_str_new(odk_buf_str(&item.key)));
        }
        json_append(all, json_incref(item.value));
        items_item_release(&item);
        offset += at;
        len = first;
    }
}

static void
check(const struct items_spec *spec, struct odk_str text, const char *expected)
{
    const size_t firsts[] = {1, 2, 7, 100000};

    for (size_t i = 0; i < ODK_ARRAY_LEN(firsts); i++) {
        struct odk_buf got;
        json_t *all = read_all(spec, text, firsts[i]);
        odk_buf_init(&got, 0);
        assert_int_equal(json_dump(all, &got), 0);
        assert_string_equal(odk_buf_str(&got).ptr, expected);
        odk_buf_release(&got);
        json_decref(all);
    }
}

static void
check_csv(const char *names, char delimiter, const char *text,
          const char *expected)
{
    json_t *headers = json_parse(odk_str(names), NULL);
    struct items_spec spec = {ITEMS_CSV, delimiter, headers};

    check(&spec, odk_str(text), expected);
    json_decref(headers);
}

static void
check_format(enum items_format format, const char *text, const char *expected)
{
    struct items_spec spec = {.format = format};

    check(&spec, odk_str(text), expected);
}

static void
test_a_row_gives_its_columns_missing_ones_are_empty(void **state)
{
    (void)state;
    check_csv("[\"a\",\"b\"]", ',', "1,2\n3\n,,\n   \n4,5,6\n",
              "[{\"a\":\"1\",\"b\":\"2\"},{\"a\":\"3\",\"b\":\"\"},"
              "{\"a\":\"\",\"b\":\"\"},{\"a\":\"   \",\"b\":\"\"},"
              "{\"a\":\"4\",\"b\":\"5\"}]");
}

static void
test_line_ends_of_windows_and_none_at_the_end(void **state)
{
    (void)state;
    check_csv("[\"a\",\"b\"]", ',', "1,2\r\n\r\n\n3,4",
              "[{\"a\":\"1\",\"b\":\"2\"},{\"a\":\"3\",\"b\":\"4\"}]");
}

static void
test_quotes_hold_delimiters_line_breaks_and_quotes(void **state)
{
    (void)state;
    check_csv("[\"a\",\"b\"]", ',',
              "\"x,\"\"y\"\"\nz\",{\"\"k\"\":1}\n\"\",2\n",
              "[{\"a\":\"x,\\\"y\\\"\\nz\",\"b\":\"{\\\"k\\\":1}\"},"
              "{\"a\":\"\",\"b\":\"2\"}]");
}

static void
test_backslashes_escape_or_vanish(void **state)
{
    (void)state;
    check_csv("[\"a\",\"b\"]", '|', "C:\\\\dir\\x|a\\|b\n",
              "[{\"a\":\"C:\\\\dirx\",\"b\":\"a|b\"}]");
}

static void
test_other_delimiters(void **state)
{
    (void)state;
    check_csv("[\"a\",\"b\"]", '\t', "1\t2,3\n",
              "[{\"a\":\"1\",\"b\":\"2,3\"}]");
    check_csv("[\"a\",\"b\"]", ' ', "1 2;3\n", "[{\"a\":\"1\",\"b\":\"2;3\"}]");
}

static void
test_an_unbalanced_quote_is_refused(void **state)
{
    (void)state;
    check_csv("[\"a\"]", ',', "\"never ends\n1\n",
              "\"The CSV ends within a quoted field.\"");
}

static void
test_a_field_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    check_csv("[\"a\"]", ',', "\xff\xfe\n",
              "\"A field of the CSV is not valid UTF-8.\"");
}

static void
test_an_empty_object_has_no_items(void **state)
{
    (void)state;
    check_csv("[\"a\"]", ',', "", "[]");
    check_format(ITEMS_JSONL, "", "[]");
    check_format(ITEMS_JSONL, " \n\r\n", "[]");
}

static void
test_headers_are_strings_each_once(void **state)
{
    json_t *twice = json_parse(ODK_STR("[\"a\",\"b\",\"a\"]"), NULL);
    json_t *number = json_parse(ODK_STR("[\"a\",1]"), NULL);
    struct odk_err err = {0};

    (void)state;
    assert_int_equal(items_headers_check(twice, &err), ODK_EINVAL);
    assert_string_equal(err.message, "CSV headers cannot contain duplicates.");
    assert_int_equal(items_headers_check(number, &err), ODK_EINVAL);
    json_decref(twice);
    json_decref(number);
}

static void
test_lines_are_values(void **state)
{
    (void)state;
    check_format(ITEMS_JSONL, "{\"a\":1}\n\n[2]\r\n\"x\"",
                 "[{\"a\":1},[2],\"x\"]");
}

static void
test_a_line_that_is_no_json_is_refused(void **state)
{
    (void)state;
    check_format(ITEMS_JSONL, "{\"a\":\n",
                 "\"A line is not valid JSON: line 1 column 6: a value is "
                 "missing\"");
}

static void
test_elements_of_an_array(void **state)
{
    (void)state;
    check_format(ITEMS_ARRAY, " 1 , \"],}\\\"\" ,[1,[2]], {\"a\":\"}\"}] junk",
                 "[1,\"],}\\\"\",[1,[2]],{\"a\":\"}\"}]");
    check_format(ITEMS_ARRAY, "]", "[]");
}

static void
test_members_of_an_object(void **state)
{
    (void)state;
    check_format(ITEMS_OBJECT, "\"a\" : 1,\"b\\n\":[2]}",
                 "[\"a\",1,\"b\\n\",[2]]");
}

static void
test_malformed_containers_are_refused(void **state)
{
    (void)state;
    check_format(ITEMS_ARRAY, "1,]",
                 "\"The JSON is malformed: behind a comma there is no "
                 "item.\"");
    check_format(ITEMS_ARRAY, "1,2",
                 "\"The JSON is malformed: it ends within an item.\"");
    check_format(ITEMS_ARRAY, "1}",
                 "\"The JSON is malformed: a comma lacks between two "
                 "items.\"");
    check_format(ITEMS_OBJECT, "1}",
                 "\"The JSON is malformed: a member begins without a name.\"");
}

static void
test_an_item_over_the_maximum_is_refused(void **state)
{
    struct items_spec spec = {.format = ITEMS_JSONL};
    size_t len = (size_t)300 * 1024;
    char *line = malloc(len + 1);

    (void)state;
    assert_non_null(line);
    memset(line, 'x', len);
    line[0] = '"';
    line[len - 1] = '"';
    line[len] = '\n';
    json_t *got = read_all(&spec, odk_str_n(line, len + 1), len + 1);
    assert_string_equal(json_string_value(got),
                        "An item is larger than the maximum of 229376 bytes.");
    json_decref(got);
    free(line);
}

static void
test_a_window_that_no_item_ends_is_refused_at_its_limit(void **state)
{
    struct items_spec spec = {.format = ITEMS_JSONL};
    struct items_item item;
    struct odk_err err = {0};
    size_t at = 0;
    char *line = calloc(1, ITEMS_RAW_BYTES_MAX);

    (void)state;
    assert_non_null(line);
    assert_int_equal(items_next(&spec, odk_str_n(line, ITEMS_RAW_BYTES_MAX),
                                false, &at, &item, &err),
                     ODK_ELIMIT);
    free(line);
}

/* Feeds one byte at a time; the rest behind what was found, or the error. */
static void
check_locate(const char *pointer, const char *text, const char *expected)
{
    struct items_locator locator;
    struct odk_err err = {0};
    enum items_format format = ITEMS_CSV;
    int rc = items_locator_init(&locator, odk_str(pointer), &err);
    size_t at = 0;
    size_t i = 0;

    rc = rc != 0 ? rc : ITEMS_MORE;
    for (; rc == ITEMS_MORE && text[i] != '\0'; i++) {
        rc = items_locate(&locator, odk_str_n(text + i, 1), &at, &format, &err);
    }
    if (rc == ITEMS_ONE) {
        assert_int_equal(format,
                         text[i - 1] == '[' ? ITEMS_ARRAY : ITEMS_OBJECT);
        assert_string_equal(text + i, expected);
    } else {
        assert_string_equal(rc < 0 ? err.message : "more", expected);
    }
    items_locator_release(&locator);
}

static void
test_a_pointer_is_followed(void **state)
{
    (void)state;
    check_locate("", " [1]", "1]");
    check_locate("", "{\"a\":1}", "\"a\":1}");
    check_locate("/b/1/x~1y",
                 "{\"a\":[{\"b\":\"]}\"}],\"b\":[0,{\"x/y\":[7]}]}", "7]}]}");
    check_locate("/a~0", "{\"a\\u007e\" : { } }", " } }");
}

static void
test_a_pointer_to_nothing_is_told(void **state)
{
    static const char *const none =
        "The ItemsPointer does not reference a value of the object.";

    (void)state;
    check_locate("/c", "{\"a\":1,\"b\":{}}", none);
    check_locate("/2", "[1,2]", none);
    check_locate("/a/b", "{\"a\":7}", none);
    check_locate("/a", "{\"a\":7}",
                 "Attempting to map over non-iterable node.");
    check_locate("", "7", "Attempting to map over non-iterable node.");
    check_locate("a", "{}",
                 "ItemsPointer must be a JSON pointer such as "
                 "'/data/items'.");
    check_locate("/a", "{\"a\"", "more");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_gives_its_columns_missing_ones_are_empty),
        cmocka_unit_test(test_line_ends_of_windows_and_none_at_the_end),
        cmocka_unit_test(test_quotes_hold_delimiters_line_breaks_and_quotes),
        cmocka_unit_test(test_backslashes_escape_or_vanish),
        cmocka_unit_test(test_other_delimiters),
        cmocka_unit_test(test_an_unbalanced_quote_is_refused),
        cmocka_unit_test(test_a_field_that_is_not_utf8_is_refused),
        cmocka_unit_test(test_an_empty_object_has_no_items),
        cmocka_unit_test(test_headers_are_strings_each_once),
        cmocka_unit_test(test_lines_are_values),
        cmocka_unit_test(test_a_line_that_is_no_json_is_refused),
        cmocka_unit_test(test_elements_of_an_array),
        cmocka_unit_test(test_members_of_an_object),
        cmocka_unit_test(test_malformed_containers_are_refused),
        cmocka_unit_test(test_an_item_over_the_maximum_is_refused),
        cmocka_unit_test(
            test_a_window_that_no_item_ends_is_refused_at_its_limit),
        cmocka_unit_test(test_a_pointer_is_followed),
        cmocka_unit_test(test_a_pointer_to_nothing_is_told),
    };

    return cmocka_run_group_tests_name("items", tests, NULL, NULL);
}
