/*
 * Runs cases of JSONata's own suite, one JSON object a line, and prints
 * `N passed, N failed`. A case has `expr`, `data` or `dataset`, `bindings`, and
 * one of `result`, `undefinedResult`, `code` or `error`.
 *
 * Usage: jsonata_cases [-v] CASES DATASETS. Without arguments it looks beside
 * the checkout and exits 77 when there is nothing.
 */

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "jsonata/jsonata.h"

#define SKIPPED 77

struct run {
    json_t *datasets;
    bool is_verbose;
    size_t passed;
    size_t failed;
};

/* Whether every member of a is in b at another place, each used once. */
static bool equal(const json_t *a, const json_t *b, bool is_unordered);

static bool
equal_arrays( // NOLINT(misc-no-recursion)
    const json_t *a, const json_t *b, bool is_unordered)
{
    size_t n = json_array_size(a);
    bool *used = calloc(n + 1, sizeof(*used));
    bool is_equal = n == json_array_size(b) && used;

    for (size_t i = 0; i < n && is_equal; i++) {
        size_t k = is_unordered ? 0 : i;
        size_t end = is_unordered ? n : i + 1;
        while (k < end && (used[k] || !equal(json_array_get(a, i),
                                             json_array_get(b, k), false))) {
            k++;
        }
        is_equal = k < end;
        used[k] = true;
    }
    free(used);
    return is_equal;
}

static bool
equal_objects(const json_t *a, json_t *b) /* NOLINT(misc-no-recursion) */
{
    const char *key = NULL;
    json_t *value = NULL;

    if (json_object_size(a) != json_object_size(b)) {
        return false;
    }
    json_object_foreach (b, key, value) {
        if (!equal(json_object_get(a, key), value, false)) {
            return false;
        }
    }
    return true;
}

static bool
equal( // NOLINT(misc-no-recursion)
    const json_t *a, const json_t *b, bool is_unordered)
{
    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a);
        double y = json_number_value(b);
        return x == y || fabs(x - y) < 1e-14 * fabs(x);
    }
    if (!a || !b || json_typeof(a) != json_typeof(b)) {
        return false;
    }
    if (json_is_array(a)) {
        return equal_arrays(a, b, is_unordered);
    }
    if (json_is_object(a)) {
        return equal_objects(a, (json_t *)(uintptr_t)b);
    }
    return json_equal(a, b) != 0;
}

/* The verdict on what came out. */
static bool
judge(const json_t *test, const json_t *result, const struct jsonata_error *err)
{
    json_t *error = json_object_get(test, "error");
    const char *code = json_string_value(
        json_object_get(json_object_get(test, "code") ? test : error, "code"));
    const char *token = json_string_value(json_object_get(
        json_object_get(test, "token") ? test : error, "token"));
    const char *message = json_string_value(json_object_get(error, "message"));

    if (code) {
        return strcmp(code, err->code) == 0 &&
               (!token || strcmp(token, err->token) == 0) &&
               (!message || strcmp(message, err->message) == 0);
    }
    if (err->code[0]) {
        return false;
    }
    if (json_object_get(test, "undefinedResult")) {
        return !result;
    }
    return equal(json_object_get(test, "result"), result,
                 json_is_true(json_object_get(test, "unordered")));
}

static void
report(const json_t *test, const json_t *result,
       const struct jsonata_error *err)
{
    char *got =
        result ? json_dumps(result, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char *line = json_dumps(test, JSON_COMPACT);

    (void)printf("FAILED %.*s\n    got %s %s %s\n", 1200, line ? line : "",
                 got ? got : "undefined", err->code, err->message);
    free(got);
    free(line);
}

static void
run_case(struct run *run, const json_t *test)
{
    struct jsonata_error err = {.position = 0};
    struct jsonata *program = NULL;
    json_t *result = NULL;
    const char *dataset = json_string_value(json_object_get(test, "dataset"));
    json_t *input = dataset ? json_object_get(run->datasets, dataset)
                            : json_object_get(test, "data");
    json_t *depth = json_object_get(test, "depth");
    json_t *expr = json_object_get(test, "expr");
    struct jsonata_options options = {
        .now = (odk_time_ms)time(NULL) * 1000,
        .bindings = json_object_get(test, "bindings"),
        .depth_max = depth ? (uint32_t)json_integer_value(depth) : 0,
    };

    if (!json_object_get(test, "dataset") || dataset) {
        options.seed = 1;
    } else {
        input = NULL;
    }
    struct odk_str text =
        odk_str_n(json_string_value(expr), json_string_length(expr));
    if (jsonata_compile(text, &program, &err) == 0) {
        int rc = jsonata_eval(program, input, &options, &result, &err);
        if (rc && !err.code[0]) {
            (void)memccpy(err.code, "FUNC", '\0', sizeof(err.code));
        }
    }
    bool is_good = judge(test, result, &err);
    run->passed += is_good;
    run->failed += !is_good;
    if (!is_good && run->is_verbose) {
        report(test, result, &err);
    }
    json_decref(result);
    jsonata_free(program);
}

static int
run_file(struct run *run, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    if (!file) {
        return SKIPPED;
    }
    while (getline(&line, &size, file) > 0) {
        struct odk_err err = {0};
        json_t *test = json_parse_wtf8(odk_str(line), &err);
        if (test) {
            run_case(run, test);
        } else {
            (void)printf("unreadable: %s\n", err.message);
            run->failed++;
        }
        json_decref(test);
    }
    free(line);
    (void)fclose(file);
    return 0;
}

int
main(int argc, char **argv)
{
    char cases[4096];
    char datasets[4096];
    struct run run = {.is_verbose = true};
    const char *root =
        getenv("ODRADEK_SOURCE_DIR"); /* NOLINT(concurrency-mt-unsafe) */

    (void)snprintf(cases, sizeof(cases),
                   "%s/../shared/conformance/jsonata/cases.jsonl",
                   root ? root : ".");
    (void)snprintf(datasets, sizeof(datasets),
                   "%s/../shared/conformance/jsonata/datasets.json",
                   root ? root : ".");
    run.datasets =
        json_load_file(argc > 2 ? argv[2] : datasets, JSON_ALLOW_NUL, NULL);
    int rc =
        run.datasets ? run_file(&run, argc > 1 ? argv[1] : cases) : SKIPPED;
    json_decref(run.datasets);
    if (rc == SKIPPED) {
        (void)printf("skipped: no cases at %s\n", cases);
        return SKIPPED;
    }
    (void)printf("%zu passed, %zu failed\n", run.passed, run.failed);
    return run.failed > 0;
}
