#ifndef ITEMS_ITEMS_H
#define ITEMS_ITEMS_H

/*
 * Items within the bytes of an object. A *window* is a part of the object that
 * begins between two items; what it holds is taken from it one by one. When it
 * ends within an item, the caller reads a longer one from the same place.
 */

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/base.h"

/** An item as JSON text: a page that brings it and says where the next one
 * begins still fits the payload quota of 256 KiB. */
#define ITEMS_BYTES_MAX ((size_t)224 * 1024)
/** An item as it stands in the object: escapes and names of columns make the
 * two differ. */
#define ITEMS_RAW_BYTES_MAX ((size_t)1024 * 1024)
/** The first row of a CSV. */
#define ITEMS_HEADER_BYTES_MAX ((size_t)10 * 1024)
/** An ItemsPointer. */
#define ITEMS_POINTER_BYTES_MAX 2000

enum items_format {
    ITEMS_CSV,
    ITEMS_JSONL,
    ITEMS_ARRAY,  /**< elements; the window begins behind `[` or a comma */
    ITEMS_OBJECT, /**< members, likewise */
};

struct items_spec {
    enum items_format format;
    char delimiter;  /**< CSV */
    json_t *headers; /**< CSV: names of columns, borrowed */
};

/** What items_next and items_csv_row found, beside errors. */
enum items_found {
    ITEMS_ONE = 0, /**< *out is set */
    ITEMS_MORE,    /**< the window ends within an item */
    ITEMS_END,     /**< there are no more */
};

/** One item of the format; new references. */
struct items_item {
    struct odk_buf key; /**< OBJECT: the member's name */
    json_t *value;
};

/**
 * The next item of a window from *at on, which moves behind it. is_last: the
 * object ends where the window does. ODK_ESYNTAX: malformed; ODK_ELIMIT: larger
 * than ITEMS_BYTES_MAX. *at stays where it was but for ITEMS_ONE and ITEMS_END.
 */
int items_next(const struct items_spec *spec, struct odk_str window,
               bool is_last, size_t *at, struct items_item *out,
               struct odk_err *err) ODK_MUST_USE;

void items_item_release(struct items_item *item);

/** One row of a CSV as an array of its fields; as items_next. */
int items_csv_row(char delimiter, struct odk_str window, bool is_last,
                  size_t *at, json_t **out, struct odk_err *err) ODK_MUST_USE;

/** Names of columns: strings, each once. ODK_EINVAL. */
int items_headers_check(const json_t *headers,
                        struct odk_err *err) ODK_MUST_USE;

/** Where a JSON text has the items. Fed with the whole text from its beginning,
 * piece by piece; no pointer means the text itself. */
struct items_locator {
    struct odk_str pointer; /**< what is left of it, borrowed */
    int mode;
    int64_t index;      /**< of the current element */
    int depth;          /**< of what is skipped */
    bool is_string;     /**< within one that is skipped */
    bool is_escaped;    /**< behind a backslash */
    bool is_array;      /**< the container that is walked through */
    bool is_match;      /**< the member that was named last is the one */
    struct odk_buf key; /**< as written, with its quotes */
};

/** pointer: RFC 6901, "" or absent for the whole; borrowed. ODK_EINVAL. */
int items_locator_init(struct items_locator *locator, struct odk_str pointer,
                       struct odk_err *err) ODK_MUST_USE;
void items_locator_release(struct items_locator *locator);

/** Feeds a piece. ITEMS_ONE: *at is behind the bracket of what the pointer
 * names, an ITEMS_ARRAY or ITEMS_OBJECT; ITEMS_MORE: not yet. ODK_ENOTFOUND,
 * ODK_ESYNTAX: it is none, or is not there. */
int items_locate(struct items_locator *locator, struct odk_str piece,
                 size_t *at, enum items_format *format,
                 struct odk_err *err) ODK_MUST_USE;

#endif
