#include "engine/engine_texts.h"

#include "json/json.h"

void
engine_texts_init(struct engine_texts *texts)
{
    texts->n = 0;
    odk_buf_init(&texts->buf, 0);
}

void
engine_texts_clear(struct engine_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++) {
        json_decref(texts->list[i].value);
    }
    texts->n = 0;
    odk_buf_clear(&texts->buf);
}

void
engine_texts_release(struct engine_texts *texts)
{
    engine_texts_clear(texts);
    odk_buf_release(&texts->buf);
}

/* Small values are as quick to write as to look up. */
static bool
is_worth_keeping(const json_t *value)
{
    return (json_is_object(value) && json_object_size(value) > 0) ||
           (json_is_array(value) && json_array_size(value) > 0) ||
           (json_is_string(value) && json_string_length(value) > 64);
}

static void
dump(json_t *value, struct odk_buf *out)
{
    if (!value) {
        odk_buf_put_cstr(out, "null");
        return;
    }
    /* Every value came through json_parse, which bounds its nesting; a value
     * that an expression nested deeper is refused by its size check. */
    if (json_dump(value, out) != 0) {
        odk_buf_put_cstr(out, "null");
    }
}

/* Index of the kept text, or -1 when the value is not kept. */
static ptrdiff_t
keep(struct engine_texts *texts, json_t *value)
{
    if (!texts || !is_worth_keeping(value)) {
        return -1;
    }
    for (size_t i = 0; i < texts->n; i++) {
        if (texts->list[i].value == value) {
            return (ptrdiff_t)i;
        }
    }
    if (texts->n == ENGINE_TEXTS_MAX) {
        return -1;
    }
    size_t offset = texts->buf.len;
    dump(value, &texts->buf);
    texts->list[texts->n].value = json_incref(value);
    texts->list[texts->n].offset = offset;
    texts->list[texts->n].len = texts->buf.len - offset;
    return (ptrdiff_t)texts->n++;
}

void
engine_texts_put(struct engine_texts *texts, json_t *value, struct odk_buf *out)
{
    ptrdiff_t at = keep(texts, value);

    if (at < 0) {
        dump(value, out);
        return;
    }
    odk_buf_put(out, texts->buf.ptr + texts->list[at].offset,
                texts->list[at].len);
}

size_t
engine_texts_size(struct engine_texts *texts, json_t *value)
{
    ptrdiff_t at = keep(texts, value);

    return at < 0 ? json_dump_size(value) : texts->list[at].len;
}
