/*
 * `odradek asl test FILE…`: the test files that stand beside definitions.
 */

#include <stdio.h>
#include <string.h>

#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "harness/harness_suite.h"
#include "json/json.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)

static int
read_json(const char *path, json_t **out, struct odk_err *err)
{
    struct odk_buf text;

    *out = NULL;
    odk_buf_init(&text, 0);
    int rc = cli_read_file(path, FILE_BYTES_MAX, &text, err);
    if (rc == 0) {
        *out = json_parse_strict(odk_buf_str(&text), err);
        rc = *out ? 0 : odk_err_wrap(err, ODK_ESYNTAX, "%s", path);
    }
    odk_buf_release(&text);
    return rc;
}

/* The definition's path, as seen from the test file. */
static void
definition_path(const char *file, struct odk_str name, struct odk_buf *out)
{
    const char *slash = strrchr(file, '/');

    if (slash && name.len > 0 && name.ptr[0] != '/') {
        odk_buf_put(out, file, (size_t)(slash - file) + 1);
    }
    odk_buf_put_str(out, name);
    odk_buf_put_char(out, '\0');
}

static int
run_file(const char *file, json_t **result, struct odk_err *err)
{
    json_t *suite = NULL;
    json_t *definition = NULL;
    struct odk_buf path;
    int rc = read_json(file, &suite, err);

    odk_buf_init(&path, 0);
    if (rc == 0) {
        definition_path(file, json_str(json_get(suite, "definition")), &path);
        rc = read_json(path.ptr, &definition, err);
    }
    if (rc == 0) {
        *result = harness_suite_run(suite, definition);
    }
    odk_buf_release(&path);
    json_decref(suite);
    json_decref(definition);
    return rc;
}

static void
put_coverage(struct cli *cli, const json_t *coverage, const char *what,
             const char *missed)
{
    json_t *part = json_get(coverage, what);
    json_t *missing = json_get(part, "missing");

    cli_printf(cli, "  %s %lld of %lld\n", what,
               (long long)json_integer_value(json_get(part, "covered")),
               (long long)json_integer_value(json_get(part, "total")));
    for (size_t i = 0; i < json_array_size(missing); i++) {
        cli_printf(cli, "    %s: %s\n", missed,
                   json_string_value(json_array_get(missing, i)));
    }
}

static void
put_case(struct cli *cli, const json_t *one)
{
    json_t *failures = json_get(one, "failures");
    bool is_ok = json_array_size(failures) == 0;

    cli_put(cli, is_ok ? CLI_GREEN : CLI_RED, is_ok ? "  ok    " : "  FAIL  ");
    cli_printf(cli, "%s\n", json_string_value(json_get(one, "name")));
    for (size_t i = 0; i < json_array_size(failures); i++) {
        cli_printf(cli, "        %s\n",
                   json_string_value(json_array_get(failures, i)));
    }
}

static void
put_result(struct cli *cli, const char *file, json_t *result)
{
    json_t *cases = json_get(result, "cases");
    json_t *error = json_get(result, "error");

    if (cli->is_json) {
        json_t *line = json_object();
        json_set(line, ODK_STR("file"), json_string(file));
        json_set(line, ODK_STR("result"), json_incref(result));
        cli_put_json(cli, line);
        return;
    }
    cli_printf(cli, "%s\n", file);
    if (error) {
        cli_put(cli, CLI_RED, "  FAIL  ");
        cli_printf(cli, "%s\n", json_string_value(error));
        return;
    }
    for (size_t i = 0; i < json_array_size(cases); i++) {
        put_case(cli, json_array_get(cases, i));
    }
    json_t *coverage = json_get(result, "coverage");
    put_coverage(cli, coverage, "states", "not entered");
    put_coverage(cli, coverage, "transitions", "not taken");
}

static int
write_junit(struct cli *cli, const char *path, const json_t *results)
{
    struct odk_buf text;
    FILE *file = fopen(path, "we");

    odk_buf_init(&text, 0);
    harness_suite_junit(results, &text);
    bool is_ok = file && fwrite(text.ptr, 1, text.len, file) == text.len;
    is_ok = file && fclose(file) == 0 && is_ok;
    odk_buf_release(&text);
    return is_ok ? CLI_OK
                 : cli_fail(cli, CLI_USAGE, "%s cannot be written", path);
}

static bool
is_passed(const json_t *result)
{
    return !json_get(result, "error") &&
           json_integer_value(json_get(result, "failed")) == 0;
}

int
cli_asl_test_files(struct cli *cli, const struct cli_args *args)
{
    const char *junit = cli_flag(args, "junit");
    json_t *results = json_array();
    int worst = CLI_OK;

    for (int i = 0; i < args->n_words; i++) {
        struct odk_err err = {0};
        json_t *result = NULL;
        if (run_file(args->words[i], &result, &err) != 0) {
            worst = cli_fail_err(cli, &err);
            continue;
        }
        put_result(cli, args->words[i], result);
        cli_flush(cli);
        if (!is_passed(result) && worst == CLI_OK) {
            worst = CLI_FAILED;
        }
        json_t *entry = json_object();
        json_set(entry, ODK_STR("file"), json_string(args->words[i]));
        json_set(entry, ODK_STR("result"), result);
        json_append(results, entry);
    }
    if (junit) {
        int code = write_junit(cli, junit, results);
        worst = worst == CLI_OK ? code : worst;
    }
    json_decref(results);
    return worst;
}
