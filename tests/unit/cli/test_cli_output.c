#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/cli_output.h"
#include "cli/cli_problems.h"
#include "json/json.h"

struct fixture {
    struct cli cli;
    struct odk_buf buf;
};

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    odk_buf_init(&f->cli.out, 0);
    odk_buf_init(&f->buf, 0);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    odk_buf_release(&f->cli.out);
    odk_buf_release(&f->buf);
    free(f);
    return 0;
}

static void
fill(struct cli_table *table)
{
    static const char *const words[] = {"A", "LONG"};
    static const char *const cells[] = {"x\n\033[31my", "1", "größer", ""};

    cli_table_init(table, words, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < ODK_ARRAY_LEN(cells); i++) {
        cli_table_cell(table, i == 0 ? CLI_RED : CLI_PLAIN, odk_str(cells[i]));
    }
}

static void
columns_are_aligned_by_characters_and_cells_cannot_steer_the_terminal(
    void **state)
{
    struct fixture *f = *state;
    struct cli_table table;

    fill(&table);
    cli_table_print(&f->cli, &table);
    assert_string_equal(f->cli.out.ptr, "A         LONG\n"
                                        "x  [31my  1\n"
                                        "größer    \n");
    cli_table_release(&table);
}

static void
colours_are_written_where_they_are_asked_for_only(void **state)
{
    struct fixture *f = *state;
    struct cli_table table;

    f->cli.is_color = true;
    fill(&table);
    cli_table_print(&f->cli, &table);
    assert_non_null(strstr(f->cli.out.ptr, "\033[31mx  [31my\033[0m  1"));
    cli_table_release(&table);
}

static void
a_table_with_nothing_but_its_heading_prints_nothing(void **state)
{
    struct fixture *f = *state;
    static const char *const words[] = {"ONLY"};
    struct cli_table table;

    cli_table_init(&table, words, 1);
    cli_table_print(&f->cli, &table);
    assert_int_equal(f->cli.out.len, 0);
    cli_table_release(&table);
}

static void
assert_duration(struct fixture *f, odk_dur_ms ms, const char *text)
{
    odk_buf_clear(&f->buf);
    cli_duration(ms, &f->buf);
    assert_string_equal(f->buf.ptr, text);
}

static void
durations_read_naturally(void **state)
{
    struct fixture *f = *state;

    assert_duration(f, 0, "0 ms");
    assert_duration(f, 999, "999 ms");
    assert_duration(f, 2150, "2.1 s");
    assert_duration(f, 185000, "3 m 5 s");
    assert_duration(f, 7500000, "2 h 5 m");
    assert_duration(f, 273600000, "3 d 4 h");
}

static void
long_texts_are_cut_between_characters(void **state)
{
    struct fixture *f = *state;

    cli_short_text(ODK_STR("aöö"), 2, &f->buf);
    assert_string_equal(f->buf.ptr, "a…");
    odk_buf_clear(&f->buf);
    cli_short_text(ODK_STR("aöö"), 5, &f->buf);
    assert_string_equal(f->buf.ptr, "aöö");
}

static void
json_is_one_object_a_line(void **state)
{
    struct fixture *f = *state;

    cli_put_json(&f->cli, json_pack("{s:o, s:o, s:o}", "at",
                                    cli_json_time(1795572881001), "never",
                                    cli_json_time(0), "absent",
                                    cli_json_str(odk_str(NULL))));
    assert_string_equal(
        f->cli.out.ptr,
        "{\"at\":\"2026-11-25T02:14:41.001Z\",\"never\":null,\"absent\":null}"
        "\n");
}

static void
codes_of_errors_become_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(cli_exit_of(ODK_EINVAL), CLI_USAGE);
    assert_int_equal(cli_exit_of(ODK_ENOTFOUND), CLI_NOT_FOUND);
    assert_int_equal(cli_exit_of(ODK_ECONFLICT), CLI_REJECTED);
    assert_int_equal(cli_exit_of(ODK_ETIMEOUT), CLI_TIMED_OUT);
    assert_int_equal(cli_exit_of(ODK_ECONN), CLI_UNAVAILABLE);
    assert_int_equal(cli_exit_of(ODK_EAUTH), CLI_DENIED);
    assert_int_equal(cli_exit_of(ODK_ESCHEMA), CLI_FAILED);
}

static void
assert_place(const char *text, const char *pointer, size_t line, size_t column)
{
    size_t l = 0;
    size_t c = 0;

    (void)cli_locate(odk_str(text), odk_str(pointer), &l, &c);
    assert_int_equal(l, line);
    assert_int_equal(c, column);
}

static void
a_json_pointer_leads_to_its_line_and_column(void **state)
{
    static const char text[] = "{\n"
                               "  \"a/b\": [1, {\"x\": \"}\\\"{\"}, true],\n"
                               "  \"c\": {\"d~e\": null}\n"
                               "}\n";

    (void)state;
    assert_place(text, "", 1, 1);
    assert_place(text, "/a~1b", 2, 10);
    assert_place(text, "/a~1b/1", 2, 14);
    assert_place(text, "/a~1b/1/x", 2, 20);
    assert_place(text, "/a~1b/2", 2, 29);
    assert_place(text, "/c/d~0e", 3, 16);
}

static void
a_pointer_to_what_lacks_leads_to_the_object_that_lacks_it(void **state)
{
    (void)state;
    assert_place("{\n \"c\": {}}", "/c/missing", 2, 7);
    assert_place("{\"c\": 1}", "/c/0/1", 1, 7);
    assert_place("[1, 2]", "/7", 1, 1);
    assert_place("not json", "/a", 1, 1);
    assert_place("{\"a", "/a", 1, 1);
    assert_place("", "/a", 1, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(
            columns_are_aligned_by_characters_and_cells_cannot_steer_the_terminal),
        TEST(colours_are_written_where_they_are_asked_for_only),
        TEST(a_table_with_nothing_but_its_heading_prints_nothing),
        TEST(durations_read_naturally),
        TEST(long_texts_are_cut_between_characters),
        TEST(json_is_one_object_a_line),
        TEST(codes_of_errors_become_exit_codes),
        TEST(a_json_pointer_leads_to_its_line_and_column),
        TEST(a_pointer_to_what_lacks_leads_to_the_object_that_lacks_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
