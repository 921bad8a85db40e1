/*
 * Files of results, and the manifest over them. Which files there are is asked
 * of the store, so that a run of any length remembers none of their names.
 */

#include <stdlib.h>

#include "objects/objects_priv.h"

struct writing {
    struct objects *objects;
    struct odk_str bucket;
    struct odk_str prefix;
    bool is_lines;
};

static int
put(const struct writing *writing, struct odk_str name, struct odk_str data,
    struct odk_err *err)
{
    struct odk_buf key;

    odk_buf_init(&key, 0);
    odk_buf_put_str(&key, writing->prefix);
    odk_buf_put_char(&key, '/');
    odk_buf_put_str(&key, name);
    struct objects_ref ref = {.bucket = writing->bucket,
                              .key = odk_buf_str(&key)};
    int rc = objects_put(writing->objects, &ref, data, err);
    odk_buf_release(&key);
    return rc;
}

static int
write_file(const struct writing *writing, const json_t *file,
           struct odk_err *err)
{
    json_t *records = json_get(file, "records");
    struct odk_buf text;
    int rc = 0;

    odk_buf_init(&text, OBJECTS_PUT_BYTES_MAX);
    if (!writing->is_lines) {
        rc = json_dump(records, &text);
    }
    for (size_t i = 0;
         rc == 0 && writing->is_lines && i < json_array_size(records); i++) {
        rc = json_dump(json_array_get(records, i), &text);
        odk_buf_put_char(&text, '\n');
    }
    if (rc != 0) {
        rc = odk_err_set(err, ODK_ELIMIT, "The results are too large.");
    }
    rc = rc != 0 ? rc
                 : put(writing, json_str(json_get(file, "name")),
                       odk_buf_str(&text), err);
    odk_buf_release(&text);
    return rc;
}

/* ---- manifest ---- */

/* PENDING_10 comes behind PENDING_9. */
static int
by_number(const void *a, const void *b)
{
    json_t *const *left = a;
    json_t *const *right = b;
    struct odk_str l = json_str(json_get(*left, "Key"));
    struct odk_str r = json_str(json_get(*right, "Key"));

    return l.len != r.len ? (l.len < r.len ? -1 : 1) : odk_str_cmp(l, r);
}

static json_t *
sorted(json_t *files)
{
    size_t n = json_array_size(files);
    json_t **list = calloc(n + 1, sizeof(json_t *)); // NOLINT: of pointers
    json_t *out = json_array();

    if (!list) {
        odk_out_of_memory();
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = json_array_get(files, i);
    }
    qsort(list, n, sizeof(json_t *), by_number); // NOLINT: likewise
    for (size_t i = 0; i < n; i++) {
        json_append(out, json_incref(list[i]));
    }
    free(list);
    return out;
}

static void
note_file(const struct writing *writing, const struct objects_info *info,
          json_t *groups)
{
    struct odk_str name = odk_str_from(info->key, writing->prefix.len + 1);
    const char *group = NULL;
    json_t *files = NULL;

    json_object_foreach (groups, group, files) {
        size_t len = strlen(group);
        if (odk_str_starts(name, odk_str(group)) && name.len > len &&
            name.ptr[len] == '_') {
            json_t *file = json_object();
            json_set(file, ODK_STR("Key"), json_str_new(info->key));
            json_set(file, ODK_STR("Size"),
                     json_integer((json_int_t)info->bytes));
            json_append(files, file);
            return;
        }
    }
}

static int
find_files(const struct writing *writing, json_t *groups, struct odk_err *err)
{
    struct odk_arena arena;
    struct odk_buf prefix;
    struct objects_query query = {.bucket = writing->bucket,
                                  .max = OBJECTS_LIST_MAX};
    struct objects_list found = {.n = OBJECTS_LIST_MAX};
    int rc = 0;

    odk_arena_init(&arena, 0);
    odk_buf_init(&prefix, 0);
    odk_buf_put_str(&prefix, writing->prefix);
    odk_buf_put_char(&prefix, '/');
    query.prefix = odk_buf_str(&prefix);
    while (rc == 0 && found.n == OBJECTS_LIST_MAX) {
        rc = objects_list(writing->objects, &query, &arena, &found, err);
        for (size_t i = 0; rc == 0 && i < found.n; i++) {
            note_file(writing, &found.list[i], groups);
            query.after = found.list[i].key;
        }
    }
    odk_buf_release(&prefix);
    odk_arena_release(&arena);
    return rc;
}

static int
write_manifest(const struct writing *writing, json_t *arn, struct odk_err *err)
{
    static const char *const names[] = {"FAILED", "PENDING", "SUCCEEDED"};
    json_t *groups = json_object();
    json_t *files = json_object();
    json_t *manifest = json_object();
    struct odk_buf text;

    for (size_t i = 0; i < ODK_ARRAY_LEN(names); i++) {
        json_set(groups, odk_str(names[i]), json_array());
    }
    odk_buf_init(&text, OBJECTS_PUT_BYTES_MAX);
    int rc = find_files(writing, groups, err);
    for (size_t i = 0; i < ODK_ARRAY_LEN(names); i++) {
        json_set(files, odk_str(names[i]), sorted(json_get(groups, names[i])));
    }
    json_set(manifest, ODK_STR("DestinationBucket"),
             json_str_new(writing->bucket));
    json_set(manifest, ODK_STR("MapRunArn"), json_incref(arn));
    json_set(manifest, ODK_STR("ResultFiles"), files);
    if (rc == 0 && json_dump(manifest, &text) != 0) {
        rc = odk_err_set(err, ODK_ELIMIT, "The manifest is too large.");
    }
    rc = rc != 0
             ? rc
             : put(writing, ODK_STR("manifest.json"), odk_buf_str(&text), err);
    odk_buf_release(&text);
    json_decref(groups);
    json_decref(manifest);
    return rc;
}

int
objects_write_results(struct objects *objects, json_t *input, json_t **out,
                      struct odk_err *err)
{
    struct writing writing = {
        .objects = objects,
        .bucket = json_str(json_get(input, "bucket")),
        .prefix = json_str(json_get(input, "prefix")),
        .is_lines = odk_str_is(json_str(json_get(input, "type")), "JSONL"),
    };
    json_t *files = json_get(input, "files");
    json_t *arn = json_get(input, "mapRunArn");
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(files); i++) {
        rc = write_file(&writing, json_array_get(files, i), err);
    }
    if (rc == 0 && arn) {
        rc = write_manifest(&writing, arn, err);
    }
    if (rc == 0) {
        *out = json_object();
    }
    return rc;
}
