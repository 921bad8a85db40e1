#include "json_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json.h"
#include "json/json_path.h"

static int
find(const char *text, const char *document, json_t **out, struct odk_err *err)
{
    struct json_path *path = NULL;
    json_t *root = json_parse(odk_str(document), NULL);
    int rc = json_path_compile(odk_str(text), &path, err);

    assert_non_null(root);
    if (rc != 0) {
        print_error("%s: %s\n", text, err->message);
    }
    assert_int_equal(rc, 0);
    rc = json_path_eval(path, root, out, err);
    json_path_free(path);
    json_decref(root);
    return rc;
}

void
check_finds(const char *path, const char *document, const char *wanted)
{
    struct odk_err err = {0};
    struct odk_buf text;
    json_t *found = NULL;
    int rc = find(path, document, &found, &err);

    odk_buf_init(&text, 0);
    if (rc == 0) {
        json_put(&text, found);
    } else {
        odk_buf_put_cstr(&text, err.message);
    }
    assert_string_equal(text.ptr, wanted);
    json_decref(found);
    odk_buf_release(&text);
}

void
check_fails(const char *path, const char *document, int code,
            const char *message)
{
    struct odk_err err = {0};
    json_t *found = NULL;

    assert_int_equal(find(path, document, &found, &err), code);
    assert_string_equal(err.message, message);
    assert_null(found);
    assert_int_equal(find(path, document, &found, NULL), code);
}

void
check_refused(const char *path, int code)
{
    struct odk_err err = {0};
    struct json_path *compiled = NULL;
    int rc = json_path_compile(odk_str(path), &compiled, &err);

    if (rc != code) {
        print_error("%s gives %d\n", path, rc);
    }
    assert_int_equal(rc, code);
    assert_null(compiled);
    assert_int_not_equal(err.message[0], '\0');
}
