/*
 * Verdicts on the definitions of the conformance data, which lives beside the
 * checkout: without it the test is skipped (exit code 77). Prints every miss
 * and "N passed, N failed" for each set.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "asl/asl.h"
#include "base/base.h"
#include "json/json.h"

#define SKIPPED        77
#define FILE_BYTES_MAX ((long)64 * 1024 * 1024)

struct score {
    const char *set;
    size_t n_passed;
    size_t n_failed;
};

static char *
file_read(const char *name, size_t *len)
{
    const char *root = getenv("ODRADEK_SOURCE_DIR"); // NOLINT(concurrency-*)
    char path[1024];
    char *text = NULL;
    FILE *file = NULL;
    long size = 0;

    (void)snprintf(path, sizeof(path), "%s/../shared/conformance/%s",
                   root ? root : ".", name);
    file = fopen(path, "rb");
    if (!file) {
        return NULL;
    }
    (void)fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    odk_assert(size >= 0 && size < FILE_BYTES_MAX);
    text = malloc((size_t)size + 1);
    odk_assert(text);
    *len = fread(text, 1, (size_t)size, file);
    (void)fclose(file);
    return text;
}

static void
judge(struct score *score, json_t *row, bool is_ok,
      const struct asl_problems *problems)
{
    if (is_ok) {
        score->n_passed++;
        return;
    }
    score->n_failed++;
    (void)printf("%s: %s\n", score->set,
                 json_string_value(json_get(row, "id")));
    for (size_t i = 0; i < problems->n; i++) {
        const struct asl_problem *problem = &problems->list[i];
        (void)printf("    %s %.*s at '%.*s': %.*s\n",
                     problem->is_warning ? "warning" : "error",
                     ODK_STR_ARG(problem->code), ODK_STR_ARG(problem->pointer),
                     ODK_STR_ARG(problem->message));
    }
}

/** Compiles a definition given as JSON or as text. */
static int
compile(json_t *definition, struct odk_str text, bool is_express,
        struct asl_problems *problems)
{
    struct asl_options options = {.is_express = is_express,
                                  .is_any_resource_accepted = true};
    struct asl_machine *machine = NULL;
    int rc = text.ptr ? asl_compile_text(text, &options, &machine, problems)
                      : asl_compile(definition, &options, &machine, problems);

    asl_free(machine);
    return rc;
}

static bool
has_code(const struct asl_problems *problems, struct odk_str code)
{
    for (size_t i = 0; i < problems->n; i++) {
        if (odk_str_eq(problems->list[i].code, code)) {
            return true;
        }
    }
    return false;
}

static bool
is_express(json_t *object)
{
    return odk_str_is(json_str(json_get(object, "type")), "EXPRESS");
}

static void
case_asl(json_t *row, struct score scores[3])
{
    struct odk_str kind = json_str(json_get(row, "kind"));
    json_t *request = json_get(row, "request");
    json_t *diagnostics = json_get(json_get(row, "expected"), "diagnostics");
    json_t *definition = NULL;
    struct asl_problems problems;
    int rc = 0;

    asl_problems_init(&problems);
    if (odk_str_is(kind, "execution")) {
        rc = compile(json_get(row, "definition"), (struct odk_str){0},
                     is_express(row), &problems);
        judge(&scores[0], row, rc == 0, &problems);
    } else if (odk_str_is(kind, "reject")) {
        rc = compile(json_get(row, "definition"),
                     json_str(json_get(row, "definition_text")),
                     is_express(row), &problems);
        judge(&scores[1], row, rc != 0, &problems);
    } else if (odk_str_is(kind, "validate")) {
        definition = json_get(request, "definition");
        rc = compile(definition, json_str(definition), is_express(request),
                     &problems);
        judge(&scores[2], row,
              rc != 0 && has_code(&problems,
                                  json_str(json_get(
                                      json_array_get(diagnostics, 0), "code"))),
              &problems);
    }
    asl_problems_release(&problems);
}

static void
case_validation(json_t *row, struct score *score)
{
    struct asl_problems problems;
    int rc = 0;

    asl_problems_init(&problems);
    rc = compile(NULL, json_str(json_get(row, "definition_text")), false,
                 &problems);
    judge(score, row, (rc == 0) == json_is_true(json_get(row, "valid")),
          &problems);
    asl_problems_release(&problems);
}

/** Calls case_asl or case_validation for each line. */
static void
lines(const char *text, size_t len, struct score *scores, bool is_validation)
{
    struct odk_str rest = odk_str_n(text, len);

    while (rest.len > 0) {
        ptrdiff_t end = odk_str_find(rest, '\n');
        size_t n = end < 0 ? rest.len : (size_t)end;
        json_t *row = json_parse(odk_str_n(rest.ptr, n), NULL);
        if (row && is_validation) {
            case_validation(row, scores);
        } else if (row) {
            case_asl(row, scores);
        }
        json_decref(row);
        rest = odk_str_from(rest, n < rest.len ? n + 1 : n);
    }
}

int
main(void)
{
    struct score scores[4] = {
        {"execution", 0, 0},
        {"reject", 0, 0},
        {"validate", 0, 0},
        {"validation", 0, 0},
    };
    size_t len_asl = 0;
    size_t len_validation = 0;
    char *asl = file_read("asl/cases.jsonl", &len_asl);
    char *validation = file_read("validation/cases.jsonl", &len_validation);
    size_t n_failed = 0;

    if (!asl || !validation) {
        (void)printf("skipped: ../shared/conformance is not there\n");
        free(asl);
        free(validation);
        return SKIPPED;
    }
    lines(asl, len_asl, scores, false);
    lines(validation, len_validation, &scores[3], true);
    free(asl);
    free(validation);
    for (size_t i = 0; i < ODK_ARRAY_LEN(scores); i++) {
        (void)printf("%s: %zu passed, %zu failed\n", scores[i].set,
                     scores[i].n_passed, scores[i].n_failed);
        n_failed += scores[i].n_failed;
    }
    return n_failed > 0 ? 1 : 0;
}
