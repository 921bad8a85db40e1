/*
 * Times expressions and compilations for compare.py, which asks us and the
 * reference in turn. A request is a line of JSON: {expr, data, count} evaluates
 * a compiled expression count times, {definition, count} compiles the text of a
 * machine; the answer is {ns, result}: nanoseconds of one, and the value.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "asl/asl.h"
#include "json/json.h"
#include "jsonata/jsonata.h"

static int64_t
now_ns(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static void
check(int rc, const char *message)
{
    if (rc != 0) {
        (void)fprintf(stderr, "expr_bench: %s\n", message);
        _Exit(1);
    }
}

/* Returns the time of all; *result is a new reference. */
static int64_t
time_expression(struct odk_str text, json_t *data, int64_t count,
                json_t **result)
{
    struct jsonata_options options = {.now = 1767225600000, .seed = 1};
    struct jsonata_error err = {0};
    struct jsonata *program = NULL;

    check(jsonata_compile(text, &program, &err), err.message);
    int64_t from = now_ns();
    for (int64_t i = 0; i < count; i++) {
        json_decref(*result);
        check(jsonata_eval(program, data, &options, result, &err), err.message);
    }
    int64_t spent = now_ns() - from;
    jsonata_free(program);
    return spent;
}

static int64_t
time_compilation(struct odk_str text, int64_t count)
{
    int64_t from = now_ns();

    for (int64_t i = 0; i < count; i++) {
        struct asl_machine *machine = NULL;
        struct asl_problems problems;

        asl_problems_init(&problems);
        check(asl_compile_text(text, &(struct asl_options){0}, &machine,
                               &problems),
              "the machine does not compile");
        asl_problems_release(&problems);
        asl_free(machine);
    }
    return now_ns() - from;
}

static void
answer(struct odk_str line)
{
    struct odk_err err = {0};
    json_t *request = json_parse(line, &err);
    json_t *result = NULL;
    struct odk_buf out;

    check(request ? 0 : ODK_ESYNTAX, err.message);
    json_t *definition = json_get(request, "definition");
    int64_t count = json_integer_value(json_get(request, "count"));
    check(count > 0 ? 0 : ODK_EINVAL, "count is not positive");
    int64_t spent =
        definition ? time_compilation(json_str(definition), count)
                   : time_expression(json_str(json_get(request, "expr")),
                                     json_get(request, "data"), count, &result);
    odk_buf_init(&out, 0);
    odk_buf_printf(&out,
                   "{\"ns\":%lld,\"result\":", (long long)(spent / count));
    json_put(&out, result ? result : json_null());
    (void)printf("%.*s}\n", (int)out.len, out.ptr);
    (void)fflush(stdout);
    odk_buf_release(&out);
    json_decref(result);
    json_decref(request);
}

int
main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    while ((n = getline(&line, &size, stdin)) > 0) {
        answer(odk_str_n(line, (size_t)n));
    }
    free(line);
    return 0;
}
