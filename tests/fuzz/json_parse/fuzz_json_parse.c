/*
 * Any bytes: parsed or refused; what is parsed is written, and that text means
 * the same.
 */

#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct odk_str text = odk_str_n(data, size);
    struct odk_err err = {0};
    struct odk_buf first;
    struct odk_buf second;
    json_t *value = json_parse(text, &err);
    json_t *strict = json_parse_strict(text, NULL);

    if (!value) {
        odk_assert(err.code == ODK_ESYNTAX || err.code == ODK_ELIMIT);
        odk_assert(!strict);
        return 0;
    }
    odk_buf_init(&first, 0);
    odk_buf_init(&second, 0);
    odk_assert(json_dump(value, &first) == 0);
    json_t *again = json_parse(odk_buf_str(&first), &err);
    odk_assert(again != NULL);
    odk_assert(json_eq(value, again));
    odk_assert(json_dump(again, &second) == 0);
    odk_assert(odk_str_eq(odk_buf_str(&first), odk_buf_str(&second)));
    odk_buf_release(&first);
    odk_buf_release(&second);
    json_decref(value);
    json_decref(strict);
    json_decref(again);
    return 0;
}
