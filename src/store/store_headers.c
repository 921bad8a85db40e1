#include "store/store_headers.h"

#define NO_VALUE UINT32_MAX

static void
put_number(struct odk_buf *buf, uint32_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        odk_buf_put_char(buf, (char)(value >> (8 * i)));
    }
}

void
store_headers_put(struct odk_buf *buf, struct odk_str name,
                  struct odk_str value)
{
    if (name.len > STORE_HEADER_NAME_BYTES_MAX || value.len >= NO_VALUE) {
        buf->is_failed = true;
        return;
    }
    put_number(buf, (uint32_t)name.len, 2);
    odk_buf_put_str(buf, name);
    if (value.ptr == NULL) {
        put_number(buf, NO_VALUE, 4);
    } else {
        put_number(buf, (uint32_t)value.len, 4);
        odk_buf_put_str(buf, value);
    }
}

static bool
take_number(struct odk_str *rest, size_t bytes, uint32_t *out)
{
    *out = 0;
    if (rest->len < bytes) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        *out = *out << 8 | (unsigned char)rest->ptr[i];
    }
    *rest = odk_str_from(*rest, bytes);
    return true;
}

static bool
take_bytes(struct odk_str *rest, size_t len, struct odk_str *out)
{
    if (rest->len < len) {
        return false;
    }
    *out = odk_str_n(rest->ptr, len);
    *rest = odk_str_from(*rest, len);
    return true;
}

int
store_headers_next(struct odk_str *rest, struct odk_str *name,
                   struct odk_str *value)
{
    uint32_t len = 0;

    *name = (struct odk_str){NULL, 0};
    *value = (struct odk_str){NULL, 0};
    if (rest->len == 0) {
        return 0;
    }
    if (!take_number(rest, 2, &len) || !take_bytes(rest, len, name) ||
        !take_number(rest, 4, &len)) {
        return ODK_ECORRUPT;
    }
    if (len != NO_VALUE && !take_bytes(rest, len, value)) {
        return ODK_ECORRUPT;
    }
    return 1;
}
