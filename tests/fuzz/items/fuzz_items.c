/*
 * The first byte chooses format and delimiter, the second a window, the rest
 * is an object: through windows of that size come the same items, or the same
 * refusal, as through one that holds all. A JSON text is located, too.
 */

#include "items/items.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Items as an array; *code is how it ended. */
static json_t *
read_all(const struct items_spec *spec, struct odk_str text, size_t first,
         int *code)
{
    json_t *all = json_array();
    size_t offset = 0;
    size_t len = first;

    for (;;) {
        struct items_item item;
        size_t at = 0;
        bool is_last = offset + len >= text.len;
        struct odk_str window =
            odk_str_n(text.ptr + offset, is_last ? text.len - offset : len);
        int rc = items_next(spec, window, is_last, &at, &item, NULL);
        odk_assert(at <= window.len);
        if (rc == ITEMS_MORE) {
            odk_assert(!is_last);
            len *= 2;
            continue;
        }
        *code = rc;
        if (rc != ITEMS_ONE) {
            return all;
        }
        odk_assert(at > 0);
        json_append(all, json_str_new(odk_buf_str(&item.key)));
        json_append(all, json_incref(item.value));
        items_item_release(&item);
        offset += at;
        len = first;
    }
}

static void
check_locate(struct odk_str text, size_t piece)
{
    struct items_locator locator;
    enum items_format format = ITEMS_CSV;
    int rc = items_locator_init(&locator, ODK_STR("/a/1"), NULL);
    size_t at = 0;

    odk_assert(rc == 0);
    rc = ITEMS_MORE;
    for (size_t i = 0; rc == ITEMS_MORE && i < text.len; i += piece) {
        size_t left = text.len - i;
        rc = items_locate(&locator,
                          odk_str_n(text.ptr + i, left < piece ? left : piece),
                          &at, &format, NULL);
    }
    odk_assert(rc != ITEMS_ONE || format == ITEMS_ARRAY ||
               format == ITEMS_OBJECT);
    items_locator_release(&locator);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = {',', '|', ';', ' ', '\t'};
    int whole_code = 0;
    int code = 0;

    if (size < 2) {
        return 0;
    }
    json_t *headers = json_parse(ODK_STR("[\"a\",\"b\"]"), NULL);
    struct items_spec spec = {
        .format = (enum items_format)(data[0] % 4),
        .delimiter = delimiters[data[0] / 4 % sizeof(delimiters)],
        .headers = headers,
    };
    struct odk_str text = odk_str_n(data + 2, size - 2);
    size_t window = (size_t)data[1] + 1;
    json_t *whole = read_all(&spec, text, text.len + 1, &whole_code);
    json_t *parts = read_all(&spec, text, window, &code);

    odk_assert(code == whole_code);
    odk_assert(json_eq(whole, parts));
    check_locate(text, window);
    json_decref(whole);
    json_decref(parts);
    json_decref(headers);
    return 0;
}
