#include "items/items.h"

#include "items/items_priv.h"

int
items_more(struct odk_str window, size_t at, struct odk_err *err)
{
    if (window.len - at < ITEMS_RAW_BYTES_MAX) {
        return ITEMS_MORE;
    }
    return odk_err_set(err, ODK_ELIMIT,
                       "An item is larger than the maximum of %zu bytes.",
                       ITEMS_BYTES_MAX);
}

void
items_item_release(struct items_item *item)
{
    odk_buf_release(&item->key);
    json_decref(item->value);
    item->value = NULL;
}

/* The end of a line, without its line break; false: the window has none. */
static bool
line_end(struct odk_str window, bool is_last, size_t at, size_t *end,
         size_t *next)
{
    const char *found = memchr(window.ptr + at, '\n', window.len - at);

    if (!found && !is_last) {
        return false;
    }
    *end = found ? (size_t)(found - window.ptr) : window.len;
    *next = found ? *end + 1 : *end;
    return true;
}

static bool
is_blank(struct odk_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (!items_is_space(line.ptr[i])) {
            return false;
        }
    }
    return true;
}

static int
next_line( // NOLINT(readability-function-size): the signature of items_next
    struct odk_str window, bool is_last, size_t *at, struct items_item *out,
    struct odk_err *err)
{
    size_t begin = *at;
    size_t end = 0;
    size_t next = 0;

    for (;; begin = next) {
        if (begin == window.len && is_last) {
            *at = begin;
            return ITEMS_END;
        }
        if (!line_end(window, is_last, begin, &end, &next)) {
            return items_more(window, begin, err);
        }
        struct odk_str line = odk_str_n(window.ptr + begin, end - begin);
        if (is_blank(line)) {
            continue;
        }
        out->value = json_parse(line, err);
        if (!out->value) {
            return odk_err_wrap(err, ODK_ESYNTAX, "A line is not valid JSON");
        }
        *at = next;
        return ITEMS_ONE;
    }
}

static int
next_of(const struct items_spec *spec, struct odk_str window, bool is_last,
        size_t *at, struct items_item *out, struct odk_err *err)
{
    switch (spec->format) {
    case ITEMS_CSV:
        return items_next_csv(spec, window, is_last, at, out, err);
    case ITEMS_JSONL:
        return next_line(window, is_last, at, out, err);
    case ITEMS_ARRAY:
    case ITEMS_OBJECT:
        return items_next_json(spec, window, is_last, at, out, err);
    }
    return ODK_EINTERNAL;
}

int
items_next(const struct items_spec *spec, struct odk_str window, bool is_last,
           size_t *at, struct items_item *out, struct odk_err *err)
{
    odk_assert(*at <= window.len);
    *out = (struct items_item){.value = NULL};
    odk_buf_init(&out->key, 0);
    int rc = next_of(spec, window, is_last, at, out, err);

    if (rc == ITEMS_ONE && json_dump_size(out->value) > ITEMS_BYTES_MAX) {
        rc = odk_err_set(err, ODK_ELIMIT,
                         "An item is larger than the maximum of %zu bytes.",
                         ITEMS_BYTES_MAX);
    }
    if (rc != ITEMS_ONE) {
        items_item_release(out);
    }
    return rc;
}
