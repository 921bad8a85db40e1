/*
 * Values in error messages: JSON, cut where the room ends.
 */

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_text_priv.h"

#define BRIEF_DEPTH_MAX 6u

struct brief {
    char *out;
    size_t max;
    size_t len;
    uint32_t depth;
};

static void
put(struct brief *b, struct odk_str s)
{
    size_t left = b->max - b->len;
    size_t len = s.len < left ? s.len : left;

    if (len) {
        memcpy(b->out + b->len, s.ptr, len);
    }
    b->len += len;
}

static bool
is_full(const struct brief *b)
{
    return b->len >= b->max;
}

static void
put_string(struct brief *b, struct odk_str s)
{
    struct odk_buf buf;
    char replaced[] = "\xef\xbf\xbd";
    size_t from = 0;

    odk_buf_init(&buf, 0);
    if (s.len > b->max) {
        s.len = jx_units_offset(s, b->max / 3);
    }
    odk_buf_put_json_str(&buf, s);
    struct odk_str json = odk_buf_str(&buf);
    for (size_t at = 0; at < json.len;) {
        size_t start = at;
        uint32_t code = jx_code_next(json, &at);
        if (code >= 0xd800 && code <= 0xdfff) {
            put(b, jx_str_slice(json, from, start));
            put(b, odk_str(replaced));
            from = at;
        }
    }
    put(b, odk_str_from(json, from));
    odk_buf_release(&buf);
}

static void brief_value(struct brief *b, struct jv v);

static void
brief_array(struct brief *b, struct jv v) /* NOLINT(misc-no-recursion) */
{
    uint32_t n = jv_len(v);

    put(b, ODK_STR("["));
    for (uint32_t i = 0; i < n && !is_full(b); i++) {
        if (i) {
            put(b, ODK_STR(","));
        }
        brief_value(b, jv_at(v, i));
    }
    put(b, ODK_STR("]"));
}

static void
brief_object(struct brief *b, struct jv v) /* NOLINT(misc-no-recursion) */
{
    struct jv_iter iter = jv_iter(v);
    struct odk_str key;
    struct jv value;
    bool is_first = true;

    put(b, ODK_STR("{"));
    while (!is_full(b) && jv_iter_next(&iter, &key, &value)) {
        if (!is_first) {
            put(b, ODK_STR(","));
        }
        is_first = false;
        put_string(b, key);
        put(b, ODK_STR(":"));
        brief_value(b, value);
    }
    put(b, ODK_STR("}"));
}

static void
brief_value(struct brief *b, struct jv v) /* NOLINT(misc-no-recursion) */
{
    char number[JX_NUMBER_TEXT_MAX];

    if (b->depth >= BRIEF_DEPTH_MAX) {
        put(b, ODK_STR("..."));
        return;
    }
    b->depth++;
    switch ((enum jv_type)v.type) {
    case JV_UNDEFINED:
        put(b, odk_str(b->depth > 1 ? "null" : "undefined"));
        break;
    case JV_NULL:
    case JV_TUPLE:
        put(b, ODK_STR("null"));
        break;
    case JV_BOOL:
        put(b, odk_str(v.u.boolean ? "true" : "false"));
        break;
    case JV_NUMBER:
        put(b, isfinite(v.u.number) ? jx_number_text(v.u.number, number)
                                    : odk_str("null"));
        break;
    case JV_STRING:
        put_string(b, jv_text(v));
        break;
    case JV_ARRAY:
        brief_array(b, v);
        break;
    case JV_OBJECT:
        brief_object(b, v);
        break;
    case JV_FUNC:
        put(b, ODK_STR("{}"));
        break;
    }
    b->depth--;
}

struct odk_str
jx_json_brief(struct jv v, char *out, size_t max)
{
    struct brief b = {.out = out, .max = max};

    brief_value(&b, v);
    return odk_str_n(out, b.len);
}
