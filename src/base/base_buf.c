#include "base/base_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_SIZE_MIN 128u

void
odk_buf_init(struct odk_buf *buf, size_t cap_bytes)
{
    *buf = (struct odk_buf){.cap_bytes = cap_bytes};
}

void
odk_buf_release(struct odk_buf *buf)
{
    size_t cap_bytes = buf->cap_bytes;

    free(buf->ptr);
    odk_buf_init(buf, cap_bytes);
}

void
odk_buf_clear(struct odk_buf *buf)
{
    buf->len = 0;
    buf->is_failed = false;
    if (buf->ptr) {
        buf->ptr[0] = '\0';
    }
}

static bool
buf_grow(struct odk_buf *buf, size_t need)
{
    size_t size = buf->size ? buf->size : BUF_SIZE_MIN;

    while (size < need) {
        size *= 2;
    }
    char *grown = realloc(buf->ptr, size);
    if (!grown) {
        odk_out_of_memory();
    }
    buf->ptr = grown;
    buf->size = size;
    return true;
}

char *
odk_buf_reserve(struct odk_buf *buf, size_t n)
{
    if (buf->is_failed || n > SIZE_MAX / 4 ||
        (buf->cap_bytes &&
         (buf->len > buf->cap_bytes || n > buf->cap_bytes - buf->len))) {
        buf->is_failed = true;
        return NULL;
    }
    if (buf->size - buf->len < n + 1 && !buf_grow(buf, buf->len + n + 1)) {
        return NULL;
    }
    return buf->ptr + buf->len;
}

void
odk_buf_commit(struct odk_buf *buf, size_t n)
{
    odk_assert(buf->len + n < buf->size);
    buf->len += n;
    buf->ptr[buf->len] = '\0';
}

void
odk_buf_put(struct odk_buf *buf, const void *data, size_t len)
{
    char *at = odk_buf_reserve(buf, len);

    if (!at) {
        return;
    }
    if (len) {
        memcpy(at, data, len);
    }
    odk_buf_commit(buf, len);
}

void
odk_buf_put_str(struct odk_buf *buf, struct odk_str s)
{
    odk_buf_put(buf, s.ptr, s.len);
}

void
odk_buf_put_cstr(struct odk_buf *buf, const char *text)
{
    odk_buf_put(buf, text, strlen(text));
}

void
odk_buf_put_char(struct odk_buf *buf, char c)
{
    odk_buf_put(buf, &c, 1);
}

void
odk_buf_put_u64(struct odk_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    odk_buf_put(buf, digits + at, sizeof(digits) - at);
}

void
odk_buf_put_i64(struct odk_buf *buf, int64_t value)
{
    if (value < 0) {
        odk_buf_put_char(buf, '-');
        odk_buf_put_u64(buf, 0 - (uint64_t)value);
        return;
    }
    odk_buf_put_u64(buf, (uint64_t)value);
}

void
odk_buf_printf(struct odk_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_list again;

    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    odk_assert(n >= 0);
    char *at = odk_buf_reserve(buf, (size_t)n);
    if (at) {
        (void)vsnprintf(at, (size_t)n + 1, fmt, again);
        odk_buf_commit(buf, (size_t)n);
    }
    va_end(again);
}

/* The escape of a byte that JSON does not take as it is, or NULL. */
static const char *
json_escape(unsigned char c, char scratch[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (c >= 0x20) {
            return NULL;
        }
        (void)snprintf(scratch, 8, "\\u%04x", c);
        return scratch;
    }
}

static void
put_json_utf8(struct odk_buf *buf, struct odk_str s)
{
    size_t start = 0;

    for (size_t i = 0; i < s.len; i++) {
        char scratch[8];
        const char *escape = json_escape((unsigned char)s.ptr[i], scratch);
        if (escape) {
            odk_buf_put(buf, s.ptr + start, i - start);
            odk_buf_put_cstr(buf, escape);
            start = i + 1;
        }
    }
    odk_buf_put(buf, s.ptr + start, s.len - start);
}

void
odk_buf_put_json_str(struct odk_buf *buf, struct odk_str s)
{
    odk_buf_put_char(buf, '"');
    if (odk_str_is_utf8(s)) {
        put_json_utf8(buf, s);
    } else {
        for (size_t i = 0; i < s.len; i++) {
            struct odk_str c = {s.ptr + i, 1};
            put_json_utf8(buf, (unsigned char)s.ptr[i] < 0x80
                                   ? c
                                   : ODK_STR("\xEF\xBF\xBD"));
        }
    }
    odk_buf_put_char(buf, '"');
}
