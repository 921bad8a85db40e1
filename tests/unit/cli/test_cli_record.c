#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli_record.h"
#include "json/json.h"

static int
setup(void **state)
{
    static struct cli cli;

    cli = (struct cli){.is_json = false};
    odk_buf_init(&cli.out, 0);
    *state = &cli;
    return 0;
}

static int
teardown(void **state)
{
    struct cli *cli = *state;

    odk_buf_release(&cli->out);
    return 0;
}

static void
a_place_is_two_numbers_and_a_slash(void **state)
{
    static const char *const bad[] = {
        "",      "3",    "/",    "3/",  "/17",   "x/1",         "3/-1",
        "-1/17", "3/1 ", "3//1", "3/x", "3/1/2", "4294967296/1"};
    int32_t partition = 0;
    int64_t number = 0;

    (void)state;
    assert_true(cli_place_parse("3/1718", &partition, &number));
    assert_int_equal(partition, 3);
    assert_int_equal(number, 1718);
    assert_true(cli_place_parse("0/0", &partition, &number));
    for (size_t i = 0; i < ODK_ARRAY_LEN(bad); i++) {
        if (cli_place_parse(bad[i], &partition, &number)) {
            fail_msg("%s is taken for a place", bad[i]);
        }
    }
}

static void
text_is_shown_as_it_is_and_other_bytes_in_hex(void **state)
{
    struct cli *cli = *state;
    struct bus_header header = {ODK_STR("h"), ODK_STR("\x01\x02")};
    struct bus_record record = {.key = ODK_STR("default/größer"),
                                .value = ODK_STR("\xc3\x01noise\xff"),
                                .headers = &header,
                                .n_headers = 1};

    cli_record_print(cli, &record);
    assert_string_equal(cli->out.ptr, "HEADER  VALUE\n"
                                      "h       0102\n"
                                      "key 16 bytes\n"
                                      "  default/größer\n"
                                      "value 8 bytes\n"
                                      "  00000000  c3 01 6e 6f 69 73 65 ff"
                                      "                          ..noise.\n");
}

static void
control_characters_do_not_reach_the_terminal(void **state)
{
    struct cli *cli = *state;
    struct bus_record record = {.value = ODK_STR("\033[31mred")};

    cli_record_print(cli, &record);
    assert_null(memchr(cli->out.ptr, '\033', cli->out.len));
    assert_non_null(strstr(cli->out.ptr, "key none"));
}

static void
a_program_gets_text_or_hex_under_its_name(void **state)
{
    struct bus_record record = {.key = ODK_STR("k"),
                                .value = ODK_STR("\xff\x00\x01")};
    json_t *object = json_object();

    (void)state;
    cli_record_json(object, &record);
    assert_string_equal(json_string_value(json_get(object, "key")), "k");
    assert_string_equal(json_string_value(json_get(object, "value_hex")),
                        "ff0001");
    assert_null(json_get(object, "value"));
    assert_int_equal(json_array_size(json_get(object, "headers")), 0);
    json_decref(object);
}

static void
a_long_key_is_cut(void **state)
{
    char bytes[200];
    struct odk_buf out;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    odk_buf_init(&out, 0);
    cli_record_key(odk_str_n(bytes, sizeof(bytes)), &out);
    assert_true(out.len < 70);
    odk_buf_clear(&out);
    bytes[0] = '\xff';
    cli_record_key(odk_str_n(bytes, sizeof(bytes)), &out);
    assert_int_equal(out.len, 60);
    odk_buf_release(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown((f), setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_place_is_two_numbers_and_a_slash),
        TEST(text_is_shown_as_it_is_and_other_bytes_in_hex),
        TEST(control_characters_do_not_reach_the_terminal),
        TEST(a_program_gets_text_or_hex_under_its_name),
        TEST(a_long_key_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
