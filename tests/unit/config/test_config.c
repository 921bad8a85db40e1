#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"

struct fixture {
    struct config *config;
    struct odk_err err;
    struct odk_buf buf;
};

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->config = config_new();
    odk_buf_init(&f->buf, 0);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    config_free(f->config);
    odk_buf_release(&f->buf);
    free(f);
    return 0;
}

static int
set(struct fixture *f, const char *name, const char *value,
    enum config_source source, const char *where)
{
    return config_set(f->config, odk_str(name), odk_str(value), source, where,
                      &f->err);
}

static void
assert_says(const struct fixture *f, const char *part)
{
    if (!strstr(f->err.message, part)) {
        fail_msg("\"%s\" is not in: %s", part, f->err.message);
    }
}

/* ---- the table ---- */

static void
every_default_is_allowed_by_its_own_row(void **state)
{
    struct fixture *f = *state;

    for (int key = 0; key < CONFIG_KEYS; key++) {
        const struct config_option *option =
            config_option((enum config_key)key);
        assert_int_equal(set(f, option->name, option->fallback,
                             CONFIG_COMMAND_LINE, "--test"),
                         0);
        assert_true(strlen(option->help) > 10);
        assert_int_equal(config_find(odk_str(option->name)), key);
    }
}

static void
names_of_flags_and_variables_come_from_the_dotted_name(void **state)
{
    struct fixture *f = *state;

    config_flag_name(CONFIG_KAFKA_INSTANCE_ID, &f->buf);
    odk_buf_put_char(&f->buf, ' ');
    config_variable_name(CONFIG_KAFKA_INSTANCE_ID, &f->buf);
    assert_string_equal(f->buf.ptr,
                        "--kafka-instance-id ODRADEK_KAFKA_INSTANCE_ID");
}

static void
the_manual_names_every_option(void **state)
{
    struct fixture *f = *state;

    config_markdown(&f->buf);
    for (int key = 0; key < CONFIG_KEYS; key++) {
        assert_non_null(
            strstr(f->buf.ptr, config_option((enum config_key)key)->name));
    }
}

static void
the_manual_in_docs_is_the_tables(void **state)
{
    struct fixture *f = *state;
    const char *root = getenv("ODRADEK_SOURCE_DIR");
    char path[4096];
    char *text = malloc(1 << 20);

    if (!root) {
        free(text);
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/docs/configuration.md", root);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, (1 << 20) - 1, file);
    text[n] = '\0';
    (void)fclose(file);
    config_markdown(&f->buf);
    /* Made by `odradek help config --markdown > docs/configuration.md`. */
    assert_string_equal(text, f->buf.ptr);
    free(text);
}

/* ---- values ---- */

static void
durations_and_sizes_have_units(void **state)
{
    int64_t n = 0;

    (void)state;
    assert_true(config_parse_duration(ODK_STR("250ms"), &n) && n == 250);
    assert_true(config_parse_duration(ODK_STR("10s"), &n) && n == 10000);
    assert_true(config_parse_duration(ODK_STR("5m"), &n) && n == 300000);
    assert_true(config_parse_duration(ODK_STR("2h"), &n) && n == 7200000);
    assert_true(config_parse_duration(ODK_STR("7d"), &n) && n == 604800000);
    assert_true(config_parse_duration(ODK_STR("0"), &n) && n == 0);
    assert_false(config_parse_duration(ODK_STR("10"), &n));
    assert_false(config_parse_duration(ODK_STR(""), &n));
    assert_false(config_parse_duration(ODK_STR("-1s"), &n));
    assert_false(config_parse_duration(ODK_STR("s"), &n));
    assert_false(config_parse_duration(ODK_STR("99999999999999999d"), &n));
    assert_true(config_parse_size(ODK_STR("64MiB"), &n) && n == 67108864);
    assert_true(config_parse_size(ODK_STR("900000"), &n) && n == 900000);
    assert_false(config_parse_size(ODK_STR("64MB"), &n));
}

static void
a_wrong_value_names_its_option_its_place_and_what_is_allowed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set(f, "lanes", "65", CONFIG_FILE, "odradek.conf:3"),
                     ODK_EINVAL);
    assert_says(f, "lanes (set by odradek.conf:3)");
    assert_says(f, "\"65\"");
    assert_says(f, "a whole number from 0 to 64");
    assert_int_equal(set(f, "codec.framing", "json", CONFIG_FILE, "x"),
                     ODK_EINVAL);
    assert_says(f, "single-object or confluent");
    assert_int_equal(set(f, "serve.leave", "maybe", CONFIG_FILE, "x"),
                     ODK_EINVAL);
    assert_says(f, "true or false");
}

static void
a_wrong_secret_is_not_repeated(void **state)
{
    struct fixture *f = *state;
    char *value = calloc(1, 5001);

    memset(value, 's', 5000);
    assert_int_equal(set(f, "postgres.password", value, CONFIG_FILE, "x"),
                     ODK_EINVAL);
    assert_null(strstr(f->err.message, "sss"));
    free(value);
}

static void
an_unknown_name_is_refused_with_its_neighbour(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set(f, "lane.bacth", "5", CONFIG_FILE, "f:1"), ODK_EINVAL);
    assert_says(f, "lane.bacth (set by f:1)");
    assert_says(f, "lane.ba");
    assert_int_equal(set(f, "kafka.bootstrap-servers", "x", CONFIG_FILE, "f"),
                     ODK_EINVAL);
    assert_int_equal(set(f, "", "x", CONFIG_FILE, "f"), ODK_EINVAL);
}

static void
a_value_with_a_nul_byte_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(config_set(f->config, ODK_STR("kafka.bootstrap"),
                                odk_str_n("a\0b", 3), CONFIG_FILE, "f",
                                &f->err),
                     ODK_EINVAL);
}

/* ---- precedence ---- */

static void
the_command_line_wins_over_the_environment_over_the_file(void **state)
{
    struct fixture *f = *state;
    static const char *const variables[] = {
        "ODRADEK_LANES=3", "ODRADEK_LANE_BATCH=30", "HOME=/", NULL};

    assert_int_equal(set(f, "lanes", "4", CONFIG_COMMAND_LINE, "--lanes"), 0);
    assert_int_equal(config_read_environment(f->config, variables, &f->err), 0);
    assert_int_equal(
        config_read_text(f->config,
                         ODK_STR("lanes = 2\nlane.batch = 20\n"
                                 "# a comment\n\n  lane.backlog-max=2000  \n"),
                         "f", &f->err),
        0);
    assert_int_equal(config_i64(f->config, CONFIG_LANES), 4);
    assert_int_equal(config_i64(f->config, CONFIG_LANE_BATCH), 30);
    assert_int_equal(config_i64(f->config, CONFIG_LANE_BACKLOG), 2000);
    assert_int_equal(config_i64(f->config, CONFIG_LANE_TIMERS), 4096);
    assert_int_equal(config_origin(f->config, CONFIG_LANE_BATCH),
                     CONFIG_ENVIRONMENT);
    assert_string_equal(config_where(f->config, CONFIG_LANE_BACKLOG), "f:5");
    assert_string_equal(config_where(f->config, CONFIG_LANE_TIMERS), "default");
}

static void
short_variables_are_read(void **state)
{
    struct fixture *f = *state;
    static const char *const variables[] = {
        "ODRADEK_KAFKA=k:1", "ODRADEK_POSTGRES=host=h", "ODRADEK_RUN_DIR=/x",
        "ODRADEK_DEV_KAFKA_PORT=1", NULL};

    assert_int_equal(config_read_environment(f->config, variables, &f->err), 0);
    assert_string_equal(config_str(f->config, CONFIG_KAFKA_BOOTSTRAP), "k:1");
    assert_string_equal(config_str(f->config, CONFIG_POSTGRES_CONNINFO),
                        "host=h");
}

static void
a_misspelt_variable_of_ours_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const variables[] = {"ODRADEK_LANE_BACTH=1", NULL};

    assert_int_equal(config_read_environment(f->config, variables, &f->err),
                     ODK_EINVAL);
    assert_says(f, "environment variable ODRADEK_LANE_BACTH");
}

static void
a_line_without_an_equals_sign_is_refused_with_its_number(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        config_read_text(f->config, ODK_STR("\nlanes 3\n"), "f", &f->err),
        ODK_EINVAL);
    assert_says(f, "f:2");
}

static void
a_reload_takes_reloadable_options_of_the_file_only(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/odradek-config-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "log.level = debug\nlanes = 9\n"
                               "serve.binding-check = 3s\n";

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    assert_int_equal(set(f, "serve.binding-check", "7s", CONFIG_COMMAND_LINE,
                         "--serve-binding-check"),
                     0);
    assert_int_equal(config_reload(f->config, path, &f->err), 0);
    assert_int_equal(config_choice(f->config, CONFIG_LOG_LEVEL), 0);
    assert_int_equal(config_i64(f->config, CONFIG_LANES), 0);
    assert_int_equal(config_i64(f->config, CONFIG_SERVE_BINDINGS), 7000);
    (void)unlink(path);
    assert_int_equal(config_reload(f->config, path, &f->err), ODK_EINVAL);
    assert_int_equal(config_choice(f->config, CONFIG_LOG_LEVEL), 0);
}

/* ---- what is handed through ---- */

static const char *
passed(const struct config_passed *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return list[i].value;
        }
    }
    return NULL;
}

static void
settings_of_librdkafka_and_libpq_are_handed_through(void **state)
{
    struct fixture *f = *state;
    static const char *const variables[] = {
        "ODRADEK_KAFKA__SSL_CA_LOCATION=/ca",
        "ODRADEK_POSTGRES__SSLMODE=require", NULL};
    size_t n = 0;

    assert_int_equal(
        set(f, "kafka.consumer.fetch.min.bytes", "1", CONFIG_FILE, "f"), 0);
    assert_int_equal(set(f, "kafka.security.protocol", "ssl", CONFIG_FILE, "f"),
                     0);
    assert_int_equal(set(f, "kafka.security.protocol", "sasl_ssl",
                         CONFIG_COMMAND_LINE, "--"),
                     0);
    assert_int_equal(
        set(f, "kafka.security.protocol", "plaintext", CONFIG_FILE, "f"), 0);
    assert_int_equal(config_read_environment(f->config, variables, &f->err), 0);
    const struct config_passed *list = config_kafka(f->config, &n);
    assert_int_equal(n, 3);
    assert_string_equal(passed(list, n, "consumer.fetch.min.bytes"), "1");
    assert_string_equal(passed(list, n, "security.protocol"), "sasl_ssl");
    assert_string_equal(passed(list, n, "ssl.ca.location"), "/ca");
    list = config_postgres(f->config, &n);
    assert_string_equal(passed(list, n, "sslmode"), "require");
}

static void
the_connection_string_gets_parameters_quoted(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        set(f, "postgres.conninfo", "host=h dbname=d", CONFIG_FILE, "f"), 0);
    assert_int_equal(set(f, "postgres.password", "a b'c\\d", CONFIG_FILE, "f"),
                     0);
    assert_int_equal(config_finish(f->config, &f->err), 0);
    config_conninfo(f->config, &f->buf);
    assert_string_equal(f->buf.ptr, "host=h dbname=d password='a b\\'c\\\\d'");
}

static void
a_uri_gets_parameters_escaped(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set(f, "postgres.conninfo", "postgresql://h/d?sslmode=off",
                         CONFIG_FILE, "f"),
                     0);
    assert_int_equal(set(f, "postgres.password", "a&b", CONFIG_FILE, "f"), 0);
    assert_int_equal(config_finish(f->config, &f->err), 0);
    config_conninfo(f->config, &f->buf);
    assert_string_equal(f->buf.ptr,
                        "postgresql://h/d?sslmode=off&password=a%26b");
}

/* ---- secrets ---- */

static void
a_secret_is_read_from_its_file_without_the_line_end(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/odradek-secret-XXXXXX";
    int fd = mkstemp(path);
    size_t n = 0;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "hush\n", 5), 5);
    (void)close(fd);
    assert_int_equal(set(f, "kafka.sasl-password-file", path, CONFIG_FILE, "f"),
                     0);
    assert_int_equal(config_finish(f->config, &f->err), 0);
    assert_string_equal(config_str(f->config, CONFIG_KAFKA_PASSWORD), "hush");
    const struct config_passed *list = config_kafka(f->config, &n);
    assert_string_equal(passed(list, n, "sasl.password"), "hush");
    (void)unlink(path);
}

static void
a_missing_secret_file_names_its_option(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        set(f, "postgres.password-file", "/nowhere/secret", CONFIG_FILE, "f:9"),
        0);
    assert_int_equal(config_finish(f->config, &f->err), ODK_EINVAL);
    assert_says(f, "postgres.password-file (set by f:9)");
    assert_says(f, "/nowhere/secret");
}

static void
assert_shown(struct fixture *f, const char *conninfo, const char *shown)
{
    assert_int_equal(set(f, "postgres.conninfo", conninfo, CONFIG_FILE, "f"),
                     0);
    odk_buf_clear(&f->buf);
    config_show(f->config, CONFIG_POSTGRES_CONNINFO, &f->buf);
    assert_string_equal(f->buf.ptr, shown);
}

static void
secrets_are_masked_wherever_they_are_shown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set(f, "kafka.sasl-password", "hush", CONFIG_FILE, "f"),
                     0);
    config_show(f->config, CONFIG_KAFKA_PASSWORD, &f->buf);
    assert_string_equal(f->buf.ptr, "********");
    assert_shown(f, "host=h password=hush user=u",
                 "host=h password=******** user=u");
    assert_shown(f, "password = 'hu sh\\' x' host=h",
                 "password=******** host=h");
    assert_shown(f, "postgresql://u:hu@sh@h/d", "postgresql://u:********@h/d");
    assert_shown(f, "postgresql://h/d?password=hush&sslmode=off",
                 "postgresql://h/d?password=********&sslmode=off");
    assert_shown(f, "postgresql://u@h:5432/d", "postgresql://u@h:5432/d");
    assert_true(config_passed_is_secret("sasl.password"));
    assert_true(config_passed_is_secret("ssl.key.password"));
    assert_true(config_passed_is_secret("password"));
    assert_false(config_passed_is_secret("sslmode"));
}

static void
confluent_framing_needs_a_registry(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set(f, "codec.framing", "confluent", CONFIG_FILE, "f"), 0);
    assert_int_equal(config_finish(f->config, &f->err), ODK_EINVAL);
    assert_says(f, "registry.urls");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_default_is_allowed_by_its_own_row),
        TEST(names_of_flags_and_variables_come_from_the_dotted_name),
        TEST(the_manual_names_every_option),
        TEST(the_manual_in_docs_is_the_tables),
        TEST(durations_and_sizes_have_units),
        TEST(a_wrong_value_names_its_option_its_place_and_what_is_allowed),
        TEST(a_wrong_secret_is_not_repeated),
        TEST(an_unknown_name_is_refused_with_its_neighbour),
        TEST(a_value_with_a_nul_byte_is_refused),
        TEST(the_command_line_wins_over_the_environment_over_the_file),
        TEST(short_variables_are_read),
        TEST(a_misspelt_variable_of_ours_is_refused),
        TEST(a_line_without_an_equals_sign_is_refused_with_its_number),
        TEST(a_reload_takes_reloadable_options_of_the_file_only),
        TEST(settings_of_librdkafka_and_libpq_are_handed_through),
        TEST(the_connection_string_gets_parameters_quoted),
        TEST(a_uri_gets_parameters_escaped),
        TEST(a_secret_is_read_from_its_file_without_the_line_end),
        TEST(a_missing_secret_file_names_its_option),
        TEST(secrets_are_masked_wherever_they_are_shown),
        TEST(confluent_framing_needs_a_registry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
