/*
 * A page of items: of one object, of a list's objects, or of those that a
 * manifest names. A cursor is {"at": the part that comes next (a list's last
 * key, a manifest's number), "object": the place within it}.
 */

#include <stdio.h>

#include "objects/objects_priv.h"

struct reading {
    struct objects *objects;
    json_t *input;
    struct odk_arena arena;
    struct odk_str bucket;
    struct objects_format format;
    struct objects_page page;
    json_t *cursor; /**< of the next page, a reference; NULL: none */
};

static struct odk_str
input_str(const struct reading *reading, const char *name)
{
    return json_str(json_get(reading->input, name));
}

/* Fills the page from an object, from `place` (NULL: its beginning) on. When it
 * is not done, the reading's cursor says where. */
static int
read_object(struct reading *reading, struct odk_str bucket, struct odk_str key,
            const json_t *place, bool *is_done, struct odk_err *err)
{
    struct objects_source source = {
        .objects = reading->objects,
        .format = &reading->format,
        .ref = {.bucket = bucket, .key = key},
    };
    int rc = objects_source_open(&source, place, &reading->arena, err);

    *is_done = false;
    rc = rc != 0 ? rc
                 : objects_source_fill(&source, &reading->page, is_done, err);
    if (rc == 0 && !*is_done) {
        reading->cursor = json_object();
        json_set(reading->cursor, ODK_STR("object"),
                 objects_source_cursor(&source));
    }
    objects_source_release(&source);
    return rc;
}

static int
read_one(struct reading *reading, const json_t *cursor, struct odk_err *err)
{
    bool is_done = false;

    reading->format.is_members = true;
    return read_object(reading, reading->bucket, input_str(reading, "key"),
                       json_get(cursor, "object"), &is_done, err);
}

/* ---- lists ---- */

/* An object as AWS lists it. */
static json_t *
listed(const struct objects_info *info)
{
    json_t *item = json_object();
    char etag[256];

    (void)snprintf(etag, sizeof(etag), "\"%.*s\"", ODK_STR_ARG(info->etag));
    json_set(item, ODK_STR("Etag"), json_string(etag));
    json_set(item, ODK_STR("Key"), json_str_new(info->key));
    json_set(item, ODK_STR("LastModified"),
             json_integer(info->modified_at / 1000));
    json_set(item, ODK_STR("Size"), json_integer((json_int_t)info->bytes));
    json_set(item, ODK_STR("StorageClass"), json_string("STANDARD"));
    return item;
}

static void
stop_at(struct reading *reading, json_t *at)
{
    if (!reading->cursor) {
        reading->cursor = json_object();
    }
    json_set(reading->cursor, ODK_STR("at"), at);
}

/* The objects' names as items; the last one that was taken is the cursor. */
static int
take_names(struct reading *reading, const struct objects_list *found,
           struct odk_str *after)
{
    for (size_t i = 0; i < found->n; i++) {
        json_t *item = listed(&found->list[i]);
        bool has_room =
            objects_page_has_room(&reading->page, json_dump_size(item));
        if (!has_room) {
            json_decref(item);
            stop_at(reading, json_str_new(*after));
            return ITEMS_ONE;
        }
        objects_page_add(&reading->page, item);
        *after = found->list[i].key;
    }
    return ITEMS_MORE;
}

static bool
is_page_full(const struct reading *reading)
{
    return !objects_page_has_room(&reading->page, 0);
}

/* The objects' items. */
static int
take_contents(struct reading *reading, const struct objects_list *found,
              struct odk_str *after, struct odk_err *err)
{
    for (size_t i = 0; i < found->n; i++) {
        bool is_done = false;
        if (is_page_full(reading)) {
            stop_at(reading, json_str_new(*after));
            return ITEMS_ONE;
        }
        int rc = read_object(reading, reading->bucket, found->list[i].key, NULL,
                             &is_done, err);
        if (rc != 0) {
            return rc;
        }
        if (!is_done) {
            stop_at(reading, json_str_new(found->list[i].key));
            return ITEMS_ONE;
        }
        *after = found->list[i].key;
    }
    return ITEMS_MORE;
}

/* Ends the object in whose midst the last page ended. */
static int
go_on(struct reading *reading, const json_t *cursor, struct odk_err *err)
{
    const json_t *place = json_get(cursor, "object");
    bool is_done = true;
    int rc = 0;

    if (place) {
        rc =
            read_object(reading, reading->bucket,
                        json_str(json_get(place, "key")), place, &is_done, err);
    }
    if (rc == 0 && !is_done) {
        stop_at(reading, json_incref(json_get(cursor, "at")));
        return ITEMS_ONE;
    }
    return rc != 0 ? rc : (int)ITEMS_MORE;
}

static int
read_list(struct reading *reading, const json_t *cursor, struct odk_err *err)
{
    bool is_flat = json_is_true(json_get(reading->input, "flatten"));
    struct odk_str after = json_str(json_get(cursor, "at"));
    struct objects_query query = {
        .bucket = reading->bucket,
        .prefix = input_str(reading, "prefix"),
        .max = OBJECTS_LIST_MAX,
    };
    int rc = go_on(reading, cursor, err);

    while (rc == ITEMS_MORE) {
        struct objects_list found;
        query.after = after;
        rc = objects_list(reading->objects, &query, &reading->arena, &found,
                          err);
        if (rc != 0) {
            break;
        }
        rc = is_flat ? take_contents(reading, &found, &after, err)
                     : take_names(reading, &found, &after);
        if (rc == ITEMS_MORE && found.n < query.max) {
            rc = ITEMS_END;
        }
    }
    return rc < 0 ? rc : 0;
}

/* ---- manifests ---- */

static int
read_whole(struct reading *reading, struct odk_buf *out, struct odk_err *err)
{
    struct objects_ref ref = {.bucket = reading->bucket,
                              .key = input_str(reading, "key")};
    int rc = objects_read(reading->objects, &ref, 0,
                          OBJECTS_MANIFEST_BYTES_MAX + 1, out, err);

    if (rc == 0 && out->len > OBJECTS_MANIFEST_BYTES_MAX) {
        rc = odk_err_set(err, ODK_ELIMIT,
                         "The manifest is larger than the maximum of %zu "
                         "bytes.",
                         OBJECTS_MANIFEST_BYTES_MAX);
    }
    return rc;
}

static int
bad_manifest(struct odk_err *err, const char *what)
{
    return odk_err_set(err, ODK_ESYNTAX, "The manifest is not valid: %s.",
                       what);
}

/* "Bucket, Key, Size": the columns of an inventory. */
static json_t *
columns_of(struct odk_str schema)
{
    json_t *columns = json_array();
    struct odk_str rest = schema;

    while (rest.len > 0) {
        ptrdiff_t comma = odk_str_find(rest, ',');
        struct odk_str name =
            comma < 0 ? rest : odk_str_n(rest.ptr, (size_t)comma);
        rest = comma < 0 ? odk_str_n(rest.ptr, 0)
                         : odk_str_from(rest, (size_t)comma + 1);
        while (name.len > 0 && name.ptr[0] == ' ') {
            name = odk_str_from(name, 1);
        }
        json_append(columns, json_str_new(name));
    }
    return columns;
}

/* arn:aws:s3:::bucket */
static struct odk_str
bucket_of_arn(struct odk_str text)
{
    for (size_t i = text.len; i > 0; i--) {
        if (text.ptr[i - 1] == ':') {
            return odk_str_from(text, i);
        }
    }
    return text;
}

/* The files of an inventory, as [{"bucket", "key"}]. */
static int
inventory_files(struct reading *reading, struct odk_str text, json_t **files,
                json_t **columns, struct odk_err *err)
{
    json_t *manifest = json_parse(text, err);
    struct odk_str schema = json_str(json_get(manifest, "fileSchema"));
    struct odk_str format = json_str(json_get(manifest, "fileFormat"));
    json_t *listed_files = json_get(manifest, "files");
    struct odk_str bucket =
        bucket_of_arn(json_str(json_get(manifest, "destinationBucket")));
    int rc = 0;

    if (!manifest) {
        rc = bad_manifest(err, "it is not JSON");
    } else if (schema.len == 0 || !json_is_array(listed_files)) {
        rc = bad_manifest(err, "fileSchema and files are required");
    } else if (format.ptr && !odk_str_is(format, "CSV")) {
        rc = odk_err_set(err, ODK_EUNSUPPORTED,
                         "Inventories in the format %.*s are not supported: "
                         "use CSV.",
                         ODK_STR_ARG(format));
    } else {
        *columns = columns_of(schema);
    }
    for (size_t i = 0; rc == 0 && i < json_array_size(listed_files); i++) {
        json_t *key = json_get(json_array_get(listed_files, i), "key");
        json_t *file = json_object();
        json_set(file, ODK_STR("bucket"),
                 json_str_new(bucket.len > 0 ? bucket : reading->bucket));
        json_set(file, ODK_STR("key"), key ? json_incref(key) : json_null());
        json_append(*files, file);
    }
    json_decref(manifest);
    return rc;
}

/* s3://bucket/key */
static json_t *
file_of_uri(struct odk_str uri)
{
    struct odk_str rest = odk_str_from(uri, 5);
    ptrdiff_t slash = odk_str_find(rest, '/');

    if (!odk_str_starts(uri, ODK_STR("s3://")) || slash <= 0) {
        return NULL;
    }
    json_t *file = json_object();
    json_set(file, ODK_STR("bucket"),
             json_str_new(odk_str_n(rest.ptr, (size_t)slash)));
    json_set(file, ODK_STR("key"),
             json_str_new(odk_str_from(rest, (size_t)slash + 1)));
    return file;
}

/* The data files of an Athena query: one URI a row. */
static int
athena_files(struct odk_str text, json_t **files, struct odk_err *err)
{
    size_t at = 0;
    int rc = ITEMS_ONE;

    while (rc == ITEMS_ONE) {
        json_t *row = NULL;
        rc = items_csv_row(',', text, true, &at, &row, err);
        if (rc != ITEMS_ONE) {
            break;
        }
        json_t *file = file_of_uri(json_str(json_array_get(row, 0)));
        json_decref(row);
        if (!file) {
            rc = bad_manifest(err, "each line must be s3://bucket/key");
        } else {
            json_append(*files, file);
        }
    }
    return rc < 0 ? rc : 0;
}

/* Reads the files one after the other, from the cursor's on. */
static int
read_files(struct reading *reading, json_t *files, const json_t *cursor,
           struct odk_err *err)
{
    const json_t *place = json_get(cursor, "object");
    size_t at = (size_t)json_integer_value(json_get(cursor, "at"));
    int rc = 0;

    for (; rc == 0 && at < json_array_size(files); at++, place = NULL) {
        json_t *file = json_array_get(files, at);
        bool is_done = false;
        if (is_page_full(reading)) {
            stop_at(reading, json_integer((json_int_t)at));
            break;
        }
        rc = read_object(reading, json_str(json_get(file, "bucket")),
                         json_str(json_get(file, "key")), place, &is_done, err);
        if (rc == 0 && !is_done) {
            stop_at(reading, json_integer((json_int_t)at));
            break;
        }
    }
    return rc;
}

static int
read_manifest(struct reading *reading, bool is_inventory, const json_t *cursor,
              struct odk_err *err)
{
    json_t *files = json_array();
    json_t *columns = NULL;
    struct odk_buf text;

    odk_buf_init(&text, 0);
    int rc = read_whole(reading, &text, err);
    if (rc == 0) {
        rc = is_inventory ? inventory_files(reading, odk_buf_str(&text), &files,
                                            &columns, err)
                          : athena_files(odk_buf_str(&text), &files, err);
    }
    if (is_inventory) {
        reading->format = (struct objects_format){
            .name = ODK_STR("CSV"), .delimiter = ',', .headers = columns};
    }
    rc = rc != 0 ? rc : read_files(reading, files, cursor, err);
    odk_buf_release(&text);
    json_decref(files);
    json_decref(columns);
    return rc;
}

/* ---- the task ---- */

static int
read_source(struct reading *reading, struct odk_err *err)
{
    struct odk_str source = input_str(reading, "source");
    const json_t *cursor = json_get(reading->input, "cursor");

    if (odk_str_is(source, "OBJECT")) {
        return read_one(reading, cursor, err);
    }
    if (odk_str_is(source, "LIST")) {
        return read_list(reading, cursor, err);
    }
    if (odk_str_is(source, "INVENTORY") || odk_str_is(source, "ATHENA")) {
        return read_manifest(reading, odk_str_is(source, "INVENTORY"), cursor,
                             err);
    }
    return odk_err_set(err, ODK_EINVAL, "There is no source '%.*s'.",
                       ODK_STR_ARG(source));
}

int
objects_read_items(struct objects *objects, json_t *input, json_t **out,
                   struct odk_err *err)
{
    int64_t n_max = json_integer_value(json_get(input, "maxItems"));
    int64_t bytes_max = json_integer_value(json_get(input, "maxBytes"));
    struct odk_str delimiter = json_str(json_get(input, "delimiter"));
    struct reading reading = {
        .objects = objects,
        .input = input,
        .bucket = json_str(json_get(input, "bucket")),
        .format = {.name = json_str(json_get(input, "format")),
                   .delimiter = delimiter.len > 0 ? delimiter.ptr[0] : ',',
                   .headers = json_get(input, "headers"),
                   .pointer = json_str(json_get(input, "pointer"))},
    };

    if (n_max <= 0 || bytes_max <= 0) {
        return odk_err_set(err, ODK_EINVAL,
                           "A page needs maxItems and maxBytes.");
    }
    reading.page = (struct objects_page){
        .items = json_array(),
        .n_max = (size_t)n_max,
        .bytes_max = (size_t)bytes_max,
    };
    odk_arena_init(&reading.arena, OBJECTS_TASK_BYTES_MAX);
    int rc = read_source(&reading, err);
    if (rc == 0) {
        *out = json_object();
        json_set(*out, ODK_STR("items"), json_incref(reading.page.items));
        if (reading.cursor) {
            json_set(*out, ODK_STR("cursor"), json_incref(reading.cursor));
        }
    }
    json_decref(reading.page.items);
    json_decref(reading.cursor);
    odk_arena_release(&reading.arena);
    return rc;
}
