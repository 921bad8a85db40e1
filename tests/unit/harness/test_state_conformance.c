/*
 * Score E: the recorded answers of TestState, which live beside the checkout;
 * without them the test is skipped (exit code 77). Prints every miss and
 * "N passed, N failed", and fails below the floor.
 */

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/base.h"
#include "harness/harness_test_state.h"
#include "json/json.h"

#define SKIPPED        77
#define FILE_BYTES_MAX ((long)64 * 1024 * 1024)
/* Six of the 93 recordings call a real Lambda function, without a mock. */
#define FLOOR_PERCENT 93
#define DEPTH_MAX     64

static char *
cases_read(size_t *len)
{
    const char *root = getenv("ODRADEK_SOURCE_DIR"); // NOLINT(concurrency-*)
    char path[1024];

    (void)snprintf(path, sizeof(path),
                   "%s/../shared/conformance/asl/cases.jsonl",
                   root ? root : ".");
    FILE *file = fopen(path, "rb");
    if (!file) {
        return NULL;
    }
    (void)fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    odk_assert(size >= 0 && size < FILE_BYTES_MAX);
    char *text = malloc((size_t)size + 1);
    odk_assert(text);
    *len = fread(text, 1, (size_t)size, file);
    (void)fclose(file);
    return text;
}

/* What the recorder did not keep matches anything. */
static bool
is_wild(const json_t *row, struct odk_str text)
{
    const json_t *wildcards = json_get(row, "wildcards");
    ptrdiff_t open = odk_str_find(text, '<');

    for (size_t i = 0; i < json_array_size(wildcards); i++) {
        if (odk_str_eq(json_str(json_array_get(wildcards, i)), text)) {
            return true;
        }
    }
    return odk_str_is(text, "date") || odk_str_is(text, "timestamp") ||
           (open >= 0 &&
            odk_str_find(odk_str_from(text, (size_t)open), '>') > 0);
}

static bool matches(const json_t *row, const json_t *expected,
                    const json_t *actual, int depth);

static bool
all_match(const json_t *row, const json_t *expected, const json_t *actual,
          int depth)
{
    struct json_member_iter it;

    if (json_object_size(expected) != json_object_size(actual) ||
        json_array_size(expected) != json_array_size(actual) ||
        json_typeof(expected) != json_typeof(actual)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(expected); i++) {
        if (!matches(row, json_array_get(expected, i),
                     json_array_get(actual, i), depth)) {
            return false;
        }
    }
    for (json_member_first(&it, expected); it.value; json_member_next(&it)) {
        if (!matches(row, it.value, json_get_str(actual, it.key), depth)) {
            return false;
        }
    }
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by depth */
static bool
matches(const json_t *row, const json_t *expected, const json_t *actual,
        int depth)
{
    struct odk_str text = json_str(expected);

    if (!actual || depth > DEPTH_MAX) {
        return false;
    }
    if (text.ptr && is_wild(row, text)) {
        return true;
    }
    return json_is_object(expected) || json_is_array(expected)
               ? all_match(row, expected, actual, depth + 1)
               : json_eq(expected, actual);
}

/* The recorder kept an exception of its client instead of the service's. */
static bool
matches_exception(const json_t *expected, const json_t *actual)
{
    json_t *error = json_get(actual, "Error");

    return odk_str_eq(json_str(json_get(expected, "exception_typename")),
                      json_str(json_get(error, "Code"))) &&
           odk_str_ends(json_str(json_get(expected, "exception_value")),
                        json_str(json_get(error, "Message")));
}

static bool
judge(json_t *row)
{
    const json_t *expected = json_get(row, "expected");
    struct odk_buf line;
    struct odk_buf out;

    odk_buf_init(&line, 0);
    odk_buf_init(&out, 0);
    json_put(&line, row);
    int rc = harness_test_state(odk_buf_str(&line), &out);
    odk_assert(rc == 0);
    json_t *actual = json_parse(odk_buf_str(&out), NULL);
    bool is_ok = json_get(expected, "exception_typename")
                     ? matches_exception(expected, actual)
                     : matches(row, expected, actual, 0);
    if (!is_ok) {
        odk_buf_clear(&line);
        json_put(&line, expected);
        (void)printf("%s\n    expected %.*s\n    answered %.*s\n",
                     json_string_value(json_get(row, "id")),
                     ODK_STR_ARG(odk_buf_str(&line)),
                     ODK_STR_ARG(odk_buf_str(&out)));
    }
    json_decref(actual);
    odk_buf_release(&line);
    odk_buf_release(&out);
    return is_ok;
}

int
main(void)
{
    size_t len = 0;
    size_t n_passed = 0;
    size_t n_failed = 0;
    char *text = cases_read(&len);
    struct odk_str rest = odk_str_n(text, len);

    if (!text) {
        (void)printf("skipped: ../shared/conformance is not there\n");
        return SKIPPED;
    }
    while (rest.len > 0) {
        ptrdiff_t end = odk_str_find(rest, '\n');
        size_t n = end < 0 ? rest.len : (size_t)end;
        json_t *row = json_parse(odk_str_n(rest.ptr, n), NULL);
        if (odk_str_is(json_str(json_get(row, "kind")), "test_state")) {
            bool is_ok = judge(row);
            n_passed += is_ok;
            n_failed += !is_ok;
        }
        json_decref(row);
        rest = odk_str_from(rest, n < rest.len ? n + 1 : n);
    }
    free(text);
    (void)printf("test_state: %zu passed, %zu failed\n", n_passed, n_failed);
    return n_passed * 100 < (n_passed + n_failed) * FLOOR_PERCENT ? 1 : 0;
}
