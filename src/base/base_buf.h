#ifndef BASE_BUF_H
#define BASE_BUF_H

/*
 * A growing byte buffer with a cap and a sticky error: append freely, check
 * `odk_buf_failed` once. After an error the content is undefined but safe.
 * Always NUL-terminated beyond its length once something was appended.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base_assert.h"
#include "base/base_str.h"

struct odk_buf {
    char *ptr;
    size_t len;
    size_t size;      /**< allocated */
    size_t cap_bytes; /**< 0 = no cap */
    bool is_failed;   /**< the cap was reached */
};

void odk_buf_init(struct odk_buf *buf, size_t cap_bytes);
void odk_buf_release(struct odk_buf *buf);
/** Empties the buffer and its error; keeps the memory. */
void odk_buf_clear(struct odk_buf *buf);

/** Room for n more bytes behind the length, or NULL (sticky error). Advance
 * with odk_buf_commit. */
char *odk_buf_reserve(struct odk_buf *buf, size_t n);
void odk_buf_commit(struct odk_buf *buf, size_t n);

/** Append bytes, text or a decimal number. */
void odk_buf_put(struct odk_buf *buf, const void *data, size_t len);
void odk_buf_put_str(struct odk_buf *buf, struct odk_str s);
void odk_buf_put_cstr(struct odk_buf *buf, const char *text);
void odk_buf_put_char(struct odk_buf *buf, char c);
void odk_buf_put_i64(struct odk_buf *buf, int64_t value);
void odk_buf_put_u64(struct odk_buf *buf, uint64_t value);
void odk_buf_printf(struct odk_buf *buf, const char *fmt, ...) ODK_PRINTF(2, 3);

/** Appends s as a JSON string with its quotes; bytes that are not UTF-8 become
 * U+FFFD. */
void odk_buf_put_json_str(struct odk_buf *buf, struct odk_str s);

static inline bool
odk_buf_failed(const struct odk_buf *buf)
{
    return buf->is_failed;
}

/** The content, borrowed until the next change. */
static inline struct odk_str
odk_buf_str(const struct odk_buf *buf)
{
    return (struct odk_str){buf->ptr ? buf->ptr : "", buf->len};
}

#endif
