/*
 * First line: a path. The rest: a document, or a default one. The evaluation
 * ends within its limits, a definite path never gives more than one value, and
 * what is set is found.
 */

#include "json/json.h"
#include "json/json_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_set(const struct json_path *path, json_t *root)
{
    json_t *value = json_string("set");
    json_t *changed = NULL;
    json_t *found = NULL;

    if (json_path_set(path, root, value, &changed, NULL) == 0) {
        odk_assert(json_path_eval(path, changed, &found, NULL) == 0);
        odk_assert(found == value);
        json_decref(found);
        json_decref(changed);
    }
    json_decref(value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct odk_str text = odk_str_n(data, size);
    ptrdiff_t end = odk_str_find(text, '\n');
    struct odk_str head = end < 0 ? text : odk_str_n(data, (size_t)end);
    struct json_path *path = NULL;
    struct odk_err err = {0};
    json_t *found = NULL;

    if (json_path_compile(head, &path, &err) != 0) {
        odk_assert(!path);
        odk_assert(err.message[0] != '\0');
        return 0;
    }
    json_t *root =
        end < 0 ? NULL : json_parse(odk_str_from(text, (size_t)end + 1), NULL);
    if (!root) {
        root = json_parse(ODK_STR("{\"a\":[{\"b\":1,\"c\":\"x\"},[1,2,3],null],"
                                  "\"b\":{\"a\":{\"c\":2.5}}}"),
                          NULL);
    }
    int rc = json_path_eval(path, root, &found, &err);
    odk_assert((rc == 0) == (found != NULL));
    odk_assert(rc != 0 || json_path_is_definite(path) || json_is_array(found));
    odk_assert(rc != ODK_ENOTFOUND || err.message[0] != '\0');
    if (json_path_is_reference(path)) {
        check_set(path, root);
    }
    json_decref(found);
    json_decref(root);
    json_path_free(path);
    return 0;
}
