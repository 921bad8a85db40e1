#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

struct fixture {
    struct cli cli;
    char folder[64];
    char definition[96];
    char suite[96];
};

static const char *const no_variables[] = {NULL};

#define DEFINITION                                                             \
    "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": {\n      "          \
    "\"Type\": \"Pass\",\n      \"Result\": 1,\n      \"End\": true\n    "     \
    "}\n  }\n}\n"

static void
write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->cli.config = config_new();
    f->cli.variables = no_variables;
    odk_buf_init(&f->cli.out, 0);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/cli_asl.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->definition, sizeof(f->definition), "%s/a.asl.json",
                   f->folder);
    (void)snprintf(f->suite, sizeof(f->suite), "%s/a.test.json", f->folder);
    write_text(f->definition, DEFINITION);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    (void)unlink(f->definition);
    (void)unlink(f->suite);
    (void)rmdir(f->folder);
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
a_file_is_laid_out_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "asl", "fmt", "--check", f->definition), CLI_OK);
    write_text(f->definition, "{\"States\":{\"A\":{\"End\":true,\"Result\":1,"
                              "\"Type\":\"Pass\"}},\"StartAt\":\"A\"}");
    assert_int_equal(RUN(f, "asl", "fmt", "--check", f->definition),
                     CLI_FAILED);
    assert_int_equal(RUN(f, "asl", "fmt", f->definition), CLI_OK);
    assert_int_equal(RUN(f, "asl", "fmt", "--check", f->definition), CLI_OK);
    write_text(f->definition, "{\"A\": 1, \"A\": 2}");
    assert_int_equal(RUN(f, "asl", "fmt", f->definition), CLI_FAILED);
    assert_int_equal(RUN(f, "asl", "fmt", "/nowhere"), CLI_NOT_FOUND);
}

static void
a_test_file_finds_its_definition_and_says_how_it_ended(void **state)
{
    struct fixture *f = *state;

    write_text(f->suite, "{\"definition\": \"a.asl.json\", \"cases\": [{"
                         "\"name\": \"a\", \"output\": 1}]}");
    assert_int_equal(RUN(f, "asl", "test", f->suite), CLI_OK);
    assert_int_equal(RUN(f, "asl", "test", f->suite, "--json"), CLI_OK);
    write_text(f->suite, "{\"definition\": \"a.asl.json\", \"cases\": [{"
                         "\"name\": \"a\", \"output\": 2}]}");
    assert_int_equal(RUN(f, "asl", "test", f->suite), CLI_FAILED);
    write_text(f->suite, "{\"definition\": \"b.asl.json\", \"cases\": []}");
    assert_int_equal(RUN(f, "asl", "test", f->suite), CLI_NOT_FOUND);
    assert_int_equal(
        RUN(f, "asl", "test", f->suite, "--junit", "/nowhere/x.xml"),
        CLI_NOT_FOUND);
}

static void
a_drawing_needs_a_definition_and_a_known_format(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(RUN(f, "asl", "graph", f->definition), CLI_OK);
    assert_int_equal(RUN(f, "asl", "graph", f->definition, "--format", "png"),
                     CLI_USAGE);
    assert_int_equal(
        RUN(f, "asl", "graph", f->definition, "--history", "/nowhere"),
        CLI_NOT_FOUND);
    write_text(f->definition, "{}");
    assert_int_equal(RUN(f, "asl", "graph", f->definition), CLI_FAILED);
}

static void
a_placeholder_for_a_resource_passes_a_check(void **state)
{
    struct fixture *f = *state;

    write_text(f->definition,
               "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\","
               "\"Resource\":\"${Charge}\",\"End\":true}}}");
    assert_int_equal(RUN(f, "asl", "check", f->definition), CLI_OK);
    write_text(f->definition,
               "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\","
               "\"Resource\":7,\"End\":true}}}");
    assert_int_equal(RUN(f, "asl", "check", f->definition), CLI_FAILED);
}

static void
quotas_of_definitions_are_settings(void **state)
{
    struct fixture *f = *state;
    size_t len = (size_t)1100 << 10;
    char *text = malloc(len + 1);

    assert_non_null(text);
    assert_int_equal(
        RUN(f, "asl", "check", f->definition, "--limits-definition", "1KiB"),
        CLI_OK);
    memset(text, ' ', len);
    memcpy(text, DEFINITION, sizeof(DEFINITION) - 1);
    text[len] = '\0';
    write_text(f->definition, text);
    free(text);
    assert_int_equal(RUN(f, "asl", "check", f->definition), CLI_FAILED);
    assert_int_equal(
        RUN(f, "asl", "check", f->definition, "--limits-definition", "2MiB"),
        CLI_OK);
    write_text(f->definition, "{\"StartAt\":\"AB\",\"States\":{\"AB\":{"
                              "\"Type\":\"Succeed\"}}}");
    config_free(f->cli.config);
    f->cli.config = config_new();
    assert_int_equal(
        RUN(f, "asl", "check", f->definition, "--limits-name", "1"),
        CLI_FAILED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quotas_of_definitions_are_settings,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_placeholder_for_a_resource_passes_a_check, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_laid_out_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_test_file_finds_its_definition_and_says_how_it_ended, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            a_drawing_needs_a_definition_and_a_known_format, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
