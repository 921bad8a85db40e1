#ifndef OBJECTS_PRIV_H
#define OBJECTS_PRIV_H

#include "items/items.h"
#include "json/json.h"
#include "objects/objects_task.h"

/** Memory of one task beside its window and page. */
#define OBJECTS_TASK_BYTES_MAX ((size_t)8 * 1024 * 1024)
/** A manifest is read as a whole. */
#define OBJECTS_MANIFEST_BYTES_MAX ((size_t)4 * 1024 * 1024)

/** A page being filled. */
struct objects_page {
    json_t *items; /**< an array, or an object of members */
    size_t bytes;
    size_t n_max;
    size_t bytes_max;
};

size_t objects_page_size(const struct objects_page *page);
/** Whether an item of these bytes goes into the page; the first one does. */
bool objects_page_has_room(const struct objects_page *page, size_t bytes);
/** Takes the value over. */
void objects_page_add(struct objects_page *page, json_t *value);

/** How the bytes of objects are read. */
struct objects_format {
    struct odk_str name; /**< CSV, JSON or JSONL */
    char delimiter;
    json_t *headers; /**< borrowed; NULL: the first row */
    struct odk_str pointer;
    bool is_members; /**< members of an object fill an object */
};

/** An object between two of its items. */
struct objects_source {
    struct objects *objects;
    const struct objects_format *format;
    struct objects_ref ref;
    struct items_spec spec;
    json_t *headers; /**< a reference */
    uint64_t offset;
    uint64_t bytes; /**< of the object */
};

/** At the beginning of an object, or where a cursor says. */
int objects_source_open(struct objects_source *source, const json_t *cursor,
                        struct odk_arena *arena,
                        struct odk_err *err) ODK_MUST_USE;
void objects_source_release(struct objects_source *source);
/** Fills the page; is_done: the object has no more. */
int objects_source_fill(struct objects_source *source,
                        struct objects_page *page, bool *is_done,
                        struct odk_err *err) ODK_MUST_USE;
/** Where the source stands; a new value. */
json_t *objects_source_cursor(const struct objects_source *source);

/** The two tasks. */
int objects_read_items(struct objects *objects, json_t *input, json_t **out,
                       struct odk_err *err) ODK_MUST_USE;
int objects_write_results(struct objects *objects, json_t *input, json_t **out,
                          struct odk_err *err) ODK_MUST_USE;

#endif
