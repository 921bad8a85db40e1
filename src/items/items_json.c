/*
 * Elements of an array and members of an object, without the container around
 * them: where a value ends is found by brackets and quotes, whether it is JSON
 * says the parser.
 */

#include "items/items_priv.h"

struct scan {
    struct odk_str window;
    size_t at;
    bool is_last;
};

static bool
is_at_end(const struct scan *scan)
{
    return scan->at == scan->window.len;
}

static char
current(const struct scan *scan)
{
    return scan->window.ptr[scan->at];
}

static void
skip_space(struct scan *scan)
{
    while (!is_at_end(scan) && items_is_space(current(scan))) {
        scan->at++;
    }
}

/* Past a string that begins here; false: the window ends within it. */
static bool
skip_string(struct scan *scan)
{
    for (scan->at++; !is_at_end(scan); scan->at++) {
        if (current(scan) == '\\') {
            scan->at++;
        } else if (current(scan) == '"') {
            scan->at++;
            return true;
        }
        if (scan->at >= scan->window.len) {
            break;
        }
    }
    scan->at = scan->window.len;
    return false;
}

/* Past a value that begins here; false: the window ends within it, or right
 * behind it where a number could go on. */
static bool
skip_value(struct scan *scan)
{
    size_t depth = 0;

    while (!is_at_end(scan)) {
        char c = current(scan);
        if (c == '"') {
            if (!skip_string(scan)) {
                return false;
            }
        } else if (c == '[' || c == '{') {
            depth++;
            scan->at++;
        } else if (c == ']' || c == '}' || c == ',') {
            if (depth == 0) {
                return true;
            }
            depth -= c == ',' ? 0 : 1;
            scan->at++;
        } else {
            scan->at++;
        }
    }
    return false;
}

static int
malformed(struct odk_err *err, const char *what)
{
    return odk_err_set(err, ODK_ESYNTAX, "The JSON is malformed: %s.", what);
}

/* The window ends within an item: malformed where the object does, too. */
static int
cut(const struct scan *scan, size_t begin, struct odk_err *err)
{
    return scan->is_last ? malformed(err, "it ends within an item")
                         : items_more(scan->window, begin, err);
}

/* Behind an item comes the end of the container, which stays, or a comma with
 * another item. */
static int
take_comma(struct scan *scan, char closing, size_t begin, struct odk_err *err)
{
    if (is_at_end(scan)) {
        return cut(scan, begin, err);
    }
    if (current(scan) == closing) {
        return ITEMS_ONE;
    }
    if (current(scan) != ',') {
        return malformed(err, "a comma lacks between two items");
    }
    scan->at++;
    skip_space(scan);
    if (is_at_end(scan)) {
        return cut(scan, begin, err);
    }
    return current(scan) == closing
               ? malformed(err, "behind a comma there is no item")
               : ITEMS_ONE;
}

/* The name of a member and its colon. */
static int
take_key(struct scan *scan, size_t begin, struct odk_buf *key,
         struct odk_err *err)
{
    size_t from = scan->at;

    if (current(scan) != '"') {
        return malformed(err, "a member begins without a name");
    }
    if (!skip_string(scan)) {
        return cut(scan, begin, err);
    }
    json_t *name =
        json_parse(odk_str_n(scan->window.ptr + from, scan->at - from), err);
    if (!name) {
        return ODK_ESYNTAX;
    }
    odk_buf_put_str(key, json_str(name));
    json_decref(name);
    skip_space(scan);
    if (is_at_end(scan)) {
        return cut(scan, begin, err);
    }
    if (current(scan) != ':') {
        return malformed(err, "a colon lacks behind a name");
    }
    scan->at++;
    return ITEMS_ONE;
}

int
items_next_json(const struct items_spec *spec, struct odk_str window,
                bool is_last, size_t *at, struct items_item *out,
                struct odk_err *err)
{
    struct scan scan = {window, *at, is_last};
    char closing = spec->format == ITEMS_OBJECT ? '}' : ']';
    size_t begin = *at;

    skip_space(&scan);
    if (is_at_end(&scan)) {
        return cut(&scan, begin, err);
    }
    if (current(&scan) == closing) {
        return ITEMS_END;
    }
    int rc = spec->format == ITEMS_OBJECT
                 ? take_key(&scan, begin, &out->key, err)
                 : ITEMS_ONE;
    if (rc != ITEMS_ONE) {
        return rc;
    }
    size_t from = scan.at;
    if (!skip_value(&scan)) {
        return cut(&scan, begin, err);
    }
    struct odk_str text = odk_str_n(window.ptr + from, scan.at - from);
    rc = take_comma(&scan, closing, begin, err);
    if (rc != ITEMS_ONE) {
        return rc;
    }
    out->value = json_parse(text, err);
    if (!out->value) {
        return odk_err_wrap(err, ODK_ESYNTAX, "An item is not valid JSON");
    }
    *at = scan.at;
    return ITEMS_ONE;
}
