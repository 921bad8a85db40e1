/*
 * Walks a JSON text to what an ItemsPointer names, byte by byte, so that what
 * lies before it may be of any size.
 *
 *   VALUE ──[ or { named──▶ found
 *     │ { ──▶ KEY ──▶ COLON ──▶ VALUE (the member named) or SKIP (another one)
 *     │ [ ──▶ VALUE (the element named) or SKIP
 *   SKIP ──comma──▶ KEY, or the next element
 */

#include "items/items_priv.h"

enum mode {
    MODE_VALUE,
    MODE_KEY,
    MODE_NAME, /* within a name */
    MODE_COLON,
    MODE_SKIP,
};

int
items_locator_init(struct items_locator *locator, struct odk_str pointer,
                   struct odk_err *err)
{
    *locator = (struct items_locator){.pointer = pointer, .mode = MODE_VALUE};
    odk_buf_init(&locator->key, ITEMS_RAW_BYTES_MAX);
    if (pointer.len > ITEMS_POINTER_BYTES_MAX ||
        (pointer.len > 0 && pointer.ptr[0] != '/')) {
        return odk_err_set(err, ODK_EINVAL,
                           "ItemsPointer must be a JSON pointer such as "
                           "'/data/items'.");
    }
    return 0;
}

void
items_locator_release(struct items_locator *locator)
{
    odk_buf_release(&locator->key);
}

/* The first reference token, escaped as written. */
static struct odk_str
token_of(const struct items_locator *locator)
{
    struct odk_str rest = odk_str_from(locator->pointer, 1);
    ptrdiff_t slash = odk_str_find(rest, '/');

    return slash < 0 ? rest : odk_str_n(rest.ptr, (size_t)slash);
}

static void
drop_token(struct items_locator *locator)
{
    locator->pointer =
        odk_str_from(locator->pointer, token_of(locator).len + 1);
}

/* Whether a name is what the token means: ~1 is a slash, ~0 a tilde. */
static bool
token_is(struct odk_str token, struct odk_str name)
{
    size_t k = 0;

    for (size_t i = 0; i < token.len; i++, k++) {
        char c = token.ptr[i];
        if (c == '~' && i + 1 < token.len) {
            c = token.ptr[++i] == '1' ? '/' : '~';
        }
        if (k >= name.len || name.ptr[k] != c) {
            return false;
        }
    }
    return k == name.len;
}

static int
not_found(struct odk_err *err)
{
    return odk_err_set(err, ODK_ENOTFOUND,
                       "The ItemsPointer does not reference a value of the "
                       "object.");
}

/* The next value is the one on the way, or is skipped. */
static void
expect(struct items_locator *locator, bool is_match)
{
    locator->mode = is_match ? MODE_VALUE : MODE_SKIP;
    locator->depth = 0;
    locator->is_string = false;
    if (is_match) {
        drop_token(locator);
    }
}

static void
expect_element(struct items_locator *locator)
{
    int64_t wanted = -1;

    (void)odk_str_to_i64(token_of(locator), &wanted);
    expect(locator, wanted == locator->index);
}

static int
take_value(struct items_locator *locator, char c, enum items_format *format,
           struct odk_err *err)
{
    if (c != '[' && c != '{') {
        return locator->pointer.len > 0
                   ? not_found(err)
                   : odk_err_set(err, ODK_ESYNTAX,
                                 "Attempting to map over non-iterable node.");
    }
    if (locator->pointer.len == 0) {
        *format = c == '[' ? ITEMS_ARRAY : ITEMS_OBJECT;
        return ITEMS_ONE;
    }
    locator->is_array = c == '[';
    if (locator->is_array) {
        locator->index = 0;
        expect_element(locator);
    } else {
        locator->mode = MODE_KEY;
    }
    return ITEMS_MORE;
}

/* Within a name; at its end it is compared. */
static int
take_name(struct items_locator *locator, char c, struct odk_err *err)
{
    odk_buf_put_char(&locator->key, c);
    if (locator->is_escaped || c != '"') {
        locator->is_escaped = !locator->is_escaped && c == '\\';
        return ITEMS_MORE;
    }
    json_t *name = odk_buf_failed(&locator->key)
                       ? NULL
                       : json_parse(odk_buf_str(&locator->key), err);
    if (!name) {
        return odk_err_set(err, ODK_ESYNTAX, "The JSON has a bad name.");
    }
    locator->is_match = token_is(token_of(locator), json_str(name));
    json_decref(name);
    locator->mode = MODE_COLON;
    return ITEMS_MORE;
}

/* One byte of a value that is skipped; true: it is behind the value. */
static bool
skip(struct items_locator *locator, char c)
{
    if (locator->is_string) {
        bool is_end = c == '"' && !locator->is_escaped;
        locator->is_escaped = c == '\\' && !locator->is_escaped;
        locator->is_string = !is_end;
        return false;
    }
    if (c == '"') {
        locator->is_string = true;
    } else if (c == '[' || c == '{') {
        locator->depth++;
    } else if (locator->depth == 0) {
        return c == ',' || c == ']' || c == '}';
    } else if (c == ']' || c == '}') {
        locator->depth--;
    }
    return false;
}

static int
take_behind(struct items_locator *locator, char c, struct odk_err *err)
{
    if (c != ',') {
        return not_found(err);
    }
    if (locator->is_array) {
        locator->index++;
        expect_element(locator);
    } else {
        locator->mode = MODE_KEY;
    }
    return ITEMS_MORE;
}

static int
take_key(struct items_locator *locator, char c, struct odk_err *err)
{
    if (c != '"') {
        return not_found(err);
    }
    odk_buf_clear(&locator->key);
    odk_buf_put_char(&locator->key, c);
    locator->is_escaped = false;
    locator->mode = MODE_NAME;
    return ITEMS_MORE;
}

static int
take(struct items_locator *locator, char c, enum items_format *format,
     struct odk_err *err)
{
    enum mode mode = (enum mode)locator->mode;

    if (mode == MODE_NAME) {
        return take_name(locator, c, err);
    }
    if (mode == MODE_SKIP) {
        return skip(locator, c) ? take_behind(locator, c, err) : ITEMS_MORE;
    }
    if (items_is_space(c)) {
        return ITEMS_MORE;
    }
    if (mode == MODE_VALUE) {
        return take_value(locator, c, format, err);
    }
    if (mode == MODE_KEY) {
        return take_key(locator, c, err);
    }
    odk_assert(mode == MODE_COLON);
    if (c != ':') {
        return odk_err_set(err, ODK_ESYNTAX,
                           "The JSON is malformed: a colon lacks.");
    }
    expect(locator, locator->is_match);
    return ITEMS_MORE;
}

int
items_locate(struct items_locator *locator, struct odk_str piece, size_t *at,
             enum items_format *format, struct odk_err *err)
{
    int rc = ITEMS_MORE;

    for (size_t i = 0; rc == ITEMS_MORE && i < piece.len; i++) {
        rc = take(locator, piece.ptr[i], format, err);
        *at = i + 1;
    }
    return rc;
}
