#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/cli.h"

struct fixture {
    struct cli cli;
};

static const char *const no_variables[] = {NULL};

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->cli.config = config_new();
    f->cli.variables = no_variables;
    odk_buf_init(&f->cli.out, 0);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    config_free(f->cli.config);
    odk_buf_release(&f->cli.out);
    free(f);
    return 0;
}

#define RUN(f, ...)                                                            \
    cli_run(&(f)->cli,                                                         \
            (int)ODK_ARRAY_LEN(((const char *const[]){__VA_ARGS__})),          \
            (const char *const[]){__VA_ARGS__})

static void
every_command_is_described_and_its_flags_are_few(void **state)
{
    size_t n = 0;
    const struct cli_command *commands = cli_commands(&n);

    (void)state;
    assert_true(n > 20);
    for (size_t i = 0; i < n; i++) {
        size_t n_flags = 0;
        assert_true(strlen(commands[i].summary) > 5);
        assert_true(strlen(commands[i].summary) < 60);
        assert_non_null(commands[i].run);
        assert_true(commands[i].words_min <= commands[i].words_max);
        while (commands[i].flags && commands[i].flags[n_flags].name) {
            n_flags++;
        }
        assert_true(n_flags <= CLI_FLAGS_MAX);
    }
}

static void
the_manual_in_docs_is_the_tables(void **state)
{
    struct fixture *f = *state;
    const char *root = getenv("ODRADEK_SOURCE_DIR");
    size_t n = 0;
    const struct cli_command *commands = cli_commands(&n);
    struct cli_args args = {.n_words = 1, .words = {"commands"}};
    char path[4096];
    char *text = malloc(1 << 20);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(commands[i].name, "help") == 0) {
            args.command = &commands[i];
        }
    }
    args.flags[0] = "";
    assert_int_equal(cli_help(&f->cli, &args), CLI_OK);
    if (!root) {
        free(text);
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/docs/cli.md", root);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    /* Made by `odradek help commands --markdown > docs/cli.md`. */
    assert_string_equal(text, f->cli.out.ptr);
    free(text);
}

static void
wrong_command_lines_end_with_the_usage_code(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(cli_run(&f->cli, 0, NULL), CLI_USAGE);
    assert_int_equal(RUN(f, "frobnicate"), CLI_USAGE);
    assert_int_equal(RUN(f, "topics"), CLI_USAGE);
    assert_int_equal(RUN(f, "describe"), CLI_USAGE);
    assert_int_equal(RUN(f, "describe", "a", "b"), CLI_USAGE);
    assert_int_equal(RUN(f, "version", "--frobnicate"), CLI_USAGE);
    assert_int_equal(RUN(f, "version", "-x"), CLI_USAGE);
    assert_int_equal(RUN(f, "version", "--lanes"), CLI_USAGE);
    assert_int_equal(RUN(f, "version", "--lanes=x"), CLI_USAGE);
    assert_int_equal(RUN(f, "version", "--json=1"), CLI_USAGE);
    assert_int_equal(RUN(f, "version", "--color", "pink"), CLI_USAGE);
    assert_int_equal(RUN(f, "version", "--config", "/nowhere"), CLI_USAGE);
    assert_int_equal(RUN(f, "help", "frobnicate"), CLI_USAGE);
}

static void
options_are_flags_of_every_command(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "version", "--lanes=3", "--kafka-bootstrap", "k:1",
                         "--kafka.ssl.ca.location=/x", "--serve-leave"),
                     CLI_OK);
    assert_int_equal(config_i64(f->cli.config, CONFIG_LANES), 3);
    assert_string_equal(config_str(f->cli.config, CONFIG_KAFKA_BOOTSTRAP),
                        "k:1");
    assert_true(config_bool(f->cli.config, CONFIG_SERVE_LEAVE));
    size_t n = 0;
    (void)config_kafka(f->cli.config, &n);
    assert_int_equal(n, 1);
}

static void
a_commands_own_section_may_be_left_out(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "serve", "--ready-file", "/x", "--leave", "--help"),
                     CLI_OK);
    assert_string_equal(config_str(f->cli.config, CONFIG_SERVE_READY_FILE),
                        "/x");
    assert_true(config_bool(f->cli.config, CONFIG_SERVE_LEAVE));
    assert_int_equal(RUN(f, "version", "--ready-file", "/x"), CLI_USAGE);
}

static void
help_is_there_for_commands_families_and_codes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "help"), CLI_OK);
    assert_int_equal(RUN(f, "--help"), CLI_OK);
    assert_int_equal(RUN(f, "--version"), CLI_OK);
    assert_int_equal(RUN(f, "help", "exit-codes"), CLI_OK);
    assert_int_equal(RUN(f, "help", "config"), CLI_OK);
    assert_int_equal(RUN(f, "help", "saga"), CLI_OK);
    assert_int_equal(RUN(f, "help", "saga", "retry"), CLI_OK);
    assert_int_equal(RUN(f, "start", "--help"), CLI_OK);
    assert_int_equal(RUN(f, "config"), CLI_OK);
    assert_int_equal(RUN(f, "config", "--json"), CLI_OK);
}

static void
a_wrong_variable_stops_every_command(void **state)
{
    static const char *const variables[] = {"ODRADEK_LANES=many", NULL};
    struct fixture *f = *state;

    f->cli.variables = variables;
    assert_int_equal(RUN(f, "version"), CLI_USAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_command_is_described_and_its_flags_are_few),
        TEST(the_manual_in_docs_is_the_tables),
        TEST(wrong_command_lines_end_with_the_usage_code),
        TEST(options_are_flags_of_every_command),
        TEST(a_commands_own_section_may_be_left_out),
        TEST(help_is_there_for_commands_families_and_codes),
        TEST(a_wrong_variable_stops_every_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
