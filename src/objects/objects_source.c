/*
 * The items of one object, from a place in it on, by windows.
 */

#include "objects/objects_priv.h"

/** The first window; one that ends within an item is doubled. */
#define WINDOW_BYTES ((size_t)128 * 1024)

size_t
objects_page_size(const struct objects_page *page)
{
    return json_is_object(page->items) ? json_object_size(page->items)
                                       : json_array_size(page->items);
}

bool
objects_page_has_room(const struct objects_page *page, size_t bytes)
{
    size_t n = objects_page_size(page);

    return n < page->n_max &&
           (n == 0 || page->bytes + bytes <= page->bytes_max);
}

void
objects_page_add(struct objects_page *page, json_t *value)
{
    page->bytes += json_dump_size(value) + 1;
    json_append(page->items, value);
}

/* ---- where it begins ---- */

/* Windows have a BOM before the first item, which is none of it. */
static int
skip_bom(struct objects_source *source, struct odk_err *err)
{
    struct odk_buf head;

    odk_buf_init(&head, 0);
    int rc = objects_read(source->objects, &source->ref, 0, 3, &head, err);
    if (rc == 0 && odk_str_is(odk_buf_str(&head), "\xef\xbb\xbf")) {
        source->offset = 3;
    }
    if (rc == 0 && head.len > 1 && memcmp(head.ptr, "\x1f\x8b", 2) == 0) {
        rc = odk_err_set(err, ODK_EUNSUPPORTED,
                         "The object 's3://%.*s/%.*s' is compressed by gzip, "
                         "which is not supported: store it uncompressed.",
                         ODK_STR_ARG(source->ref.bucket),
                         ODK_STR_ARG(source->ref.key));
    }
    odk_buf_release(&head);
    return rc;
}

/* Behind the bracket of the container that the ItemsPointer names. */
static int
locate(struct objects_source *source, struct odk_err *err)
{
    struct items_locator locator;
    struct odk_buf piece;
    size_t at = 0;
    int rc = items_locator_init(&locator, source->format->pointer, err);

    odk_buf_init(&piece, 0);
    rc = rc != 0 ? rc : ITEMS_MORE;
    while (rc == ITEMS_MORE) {
        odk_buf_clear(&piece);
        rc = objects_read(source->objects, &source->ref, source->offset,
                          WINDOW_BYTES, &piece, err);
        if (rc == 0 && piece.len == 0) {
            rc = odk_err_set(err, ODK_ESYNTAX,
                             "The object ends before its items begin.");
        }
        if (rc == 0) {
            rc = items_locate(&locator, odk_buf_str(&piece), &at,
                              &source->spec.format, err);
            source->offset += at;
        }
    }
    odk_buf_release(&piece);
    items_locator_release(&locator);
    return rc;
}

/* The first row names the columns. */
static int
read_headers(struct objects_source *source, struct odk_err *err)
{
    struct odk_buf window;
    size_t at = 0;

    odk_buf_init(&window, 0);
    int rc = objects_read(source->objects, &source->ref, source->offset,
                          ITEMS_HEADER_BYTES_MAX, &window, err);
    if (rc == 0) {
        bool is_last = source->offset + window.len >= source->bytes;
        rc = items_csv_row(source->format->delimiter, odk_buf_str(&window),
                           is_last, &at, &source->headers, err);
        if (rc == ITEMS_MORE) {
            rc = odk_err_set(err, ODK_ELIMIT,
                             "The CSV headers are larger than %zu bytes.",
                             ITEMS_HEADER_BYTES_MAX);
        } else if (rc == ITEMS_END) {
            source->headers = json_array(); /* an empty object has no rows */
            rc = 0;
        }
    }
    source->offset += at;
    odk_buf_release(&window);
    return rc;
}

static int
begin(struct objects_source *source, struct odk_err *err)
{
    const struct objects_format *format = source->format;
    int rc = skip_bom(source, err);

    if (rc != 0) {
        return rc;
    }
    if (odk_str_is(format->name, "JSON")) {
        return locate(source, err);
    }
    if (odk_str_is(format->name, "JSONL")) {
        source->spec.format = ITEMS_JSONL;
        return 0;
    }
    source->spec.format = ITEMS_CSV;
    if (format->headers) {
        source->headers = json_incref(format->headers);
    } else {
        rc = read_headers(source, err);
    }
    return rc != 0 ? rc : items_headers_check(source->headers, err);
}

static void
resume(struct objects_source *source, const json_t *cursor)
{
    source->offset = (uint64_t)json_integer_value(json_get(cursor, "offset"));
    source->headers = json_incref(json_get(cursor, "headers"));
    if (!source->headers && source->format->headers) {
        source->headers = json_incref(source->format->headers);
    }
    source->spec.format =
        odk_str_is(source->format->name, "CSV")      ? ITEMS_CSV
        : odk_str_is(source->format->name, "JSONL")  ? ITEMS_JSONL
        : json_is_true(json_get(cursor, "isObject")) ? ITEMS_OBJECT
                                                     : ITEMS_ARRAY;
}

int
objects_source_open(struct objects_source *source, const json_t *cursor,
                    struct odk_arena *arena, struct odk_err *err)
{
    struct objects_info info;

    source->ref.etag = json_str(json_get(cursor, "etag"));
    int rc = objects_stat(source->objects, &source->ref, arena, &info, err);
    if (rc != 0) {
        return rc;
    }
    source->ref.etag = info.etag;
    source->bytes = info.bytes;
    if (cursor) {
        resume(source, cursor);
    } else {
        rc = begin(source, err);
    }
    source->spec.delimiter = source->format->delimiter;
    source->spec.headers = source->headers;
    return rc;
}

void
objects_source_release(struct objects_source *source)
{
    json_decref(source->headers);
    source->headers = NULL;
}

json_t *
objects_source_cursor(const struct objects_source *source)
{
    json_t *cursor = json_object();

    json_set(cursor, ODK_STR("key"), json_str_new(source->ref.key));
    json_set(cursor, ODK_STR("etag"), json_str_new(source->ref.etag));
    json_set(cursor, ODK_STR("offset"),
             json_integer((json_int_t)source->offset));
    if (source->headers && !source->format->headers) {
        json_set(cursor, ODK_STR("headers"), json_incref(source->headers));
    }
    if (source->spec.format == ITEMS_OBJECT) {
        json_set(cursor, ODK_STR("isObject"), json_true());
    }
    return cursor;
}

/* ---- items ---- */

/* A member of an object is a member of the page, or a pair among others. */
static bool
add_item(const struct objects_source *source, struct objects_page *page,
         struct items_item *item)
{
    struct odk_str key = odk_buf_str(&item->key);
    size_t bytes = json_dump_size(item->value) + key.len + 24;

    if (!objects_page_has_room(page, bytes)) {
        return false;
    }
    if (source->spec.format != ITEMS_OBJECT) {
        objects_page_add(page, json_incref(item->value));
    } else if (json_is_object(page->items)) {
        json_set(page->items, key, json_incref(item->value));
        page->bytes += bytes;
    } else {
        json_t *pair = json_object();
        json_set(pair, ODK_STR("Key"), json_str_new(key));
        json_set(pair, ODK_STR("Value"), json_incref(item->value));
        objects_page_add(page, pair);
    }
    return true;
}

/* Takes the items of a window. ITEMS_MORE: it must be longer, or begin later;
 * ITEMS_ONE: the page is full; ITEMS_END. */
static int
take_window(struct objects_source *source, struct odk_str window, bool is_last,
            struct objects_page *page, struct odk_err *err)
{
    struct items_item item;
    size_t at = 0;
    bool is_taken = true;
    int rc = ITEMS_ONE;

    while (rc == ITEMS_ONE && is_taken) {
        size_t next = at;
        rc = items_next(&source->spec, window, is_last, &next, &item, err);
        if (rc == ITEMS_ONE) {
            is_taken = add_item(source, page, &item);
            items_item_release(&item);
        }
        at = is_taken ? next : at;
    }
    source->offset += at;
    return rc;
}

int
objects_source_fill(struct objects_source *source, struct objects_page *page,
                    bool *is_done, struct odk_err *err)
{
    size_t len = WINDOW_BYTES;
    struct odk_buf window;
    int rc = ITEMS_MORE;

    if (json_is_array(page->items) && source->format->is_members &&
        source->spec.format == ITEMS_OBJECT &&
        json_array_size(page->items) == 0) {
        json_decref(page->items);
        page->items = json_object();
    }
    odk_buf_init(&window, 0);
    while (rc == ITEMS_MORE) {
        uint64_t before = source->offset;
        odk_buf_clear(&window);
        rc = objects_read(source->objects, &source->ref, source->offset, len,
                          &window, err);
        bool is_last = source->offset + window.len >= source->bytes;
        rc = rc != 0 ? rc
                     : take_window(source, odk_buf_str(&window), is_last, page,
                                   err);
        len = source->offset == before ? len * 2 : len;
    }
    odk_buf_release(&window);
    *is_done = rc == ITEMS_END;
    return rc < 0 ? rc : 0;
}
