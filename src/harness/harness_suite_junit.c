/*
 * Results of test files in the form that CI systems read.
 */

#include "harness/harness_suite.h"
#include "json/json.h"

/* Text or an attribute; what XML cannot hold becomes a question mark. */
static void
put_text(struct odk_buf *out, struct odk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '<') {
            odk_buf_put_cstr(out, "&lt;");
        } else if (c == '>') {
            odk_buf_put_cstr(out, "&gt;");
        } else if (c == '&') {
            odk_buf_put_cstr(out, "&amp;");
        } else if (c == '"') {
            odk_buf_put_cstr(out, "&quot;");
        } else if ((unsigned char)c < ' ' && c != '\n') {
            odk_buf_put_char(out, '?');
        } else {
            odk_buf_put_char(out, c);
        }
    }
}

static void
put_case(struct odk_buf *out, struct odk_str file, struct odk_str name,
         const json_t *failures)
{
    odk_buf_put_cstr(out, "    <testcase classname=\"");
    put_text(out, file);
    odk_buf_put_cstr(out, "\" name=\"");
    put_text(out, name);
    if (json_array_size(failures) == 0) {
        odk_buf_put_cstr(out, "\"/>\n");
        return;
    }
    odk_buf_put_cstr(out, "\">\n      <failure message=\"");
    put_text(out, json_str(json_array_get(failures, 0)));
    odk_buf_put_cstr(out, "\">");
    for (size_t i = 0; i < json_array_size(failures); i++) {
        put_text(out, json_str(json_array_get(failures, i)));
        odk_buf_put_char(out, '\n');
    }
    odk_buf_put_cstr(out, "</failure>\n    </testcase>\n");
}

static void
put_suite(struct odk_buf *out, struct odk_str file, const json_t *result)
{
    json_t *cases = json_get(result, "cases");
    json_t *error = json_get(result, "error");
    size_t n = error ? 1 : json_array_size(cases);
    json_int_t n_failed =
        error ? 1 : json_integer_value(json_get(result, "failed"));

    odk_buf_put_cstr(out, "  <testsuite name=\"");
    put_text(out, file);
    odk_buf_printf(out, "\" tests=\"%zu\" failures=\"%lld\">\n", n,
                   (long long)n_failed);
    if (error) {
        json_t *failures = json_array();
        json_append(failures, json_incref(error));
        put_case(out, file, ODK_STR("the file"), failures);
        json_decref(failures);
    }
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        put_case(out, file, json_str(json_get(one, "name")),
                 json_get(one, "failures"));
    }
    odk_buf_put_cstr(out, "  </testsuite>\n");
}

void
harness_suite_junit(const json_t *results, struct odk_buf *out)
{
    odk_buf_put_cstr(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                          "<testsuites>\n");
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *result = json_array_get(results, i);
        put_suite(out, json_str(json_get(result, "file")),
                  json_get(result, "result"));
    }
    odk_buf_put_cstr(out, "</testsuites>\n");
}
