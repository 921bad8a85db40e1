#include "base/base_str.h"

int
odk_str_cmp(struct odk_str a, struct odk_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

    if (c != 0) {
        return c;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool
odk_str_starts(struct odk_str s, struct odk_str prefix)
{
    return s.len >= prefix.len &&
           odk_str_eq(odk_str_n(s.ptr, prefix.len), prefix);
}

bool
odk_str_ends(struct odk_str s, struct odk_str suffix)
{
    return s.len >= suffix.len &&
           odk_str_eq(odk_str_from(s, s.len - suffix.len), suffix);
}

ptrdiff_t
odk_str_find(struct odk_str s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;

    return at ? at - s.ptr : -1;
}

struct odk_str
odk_str_from(struct odk_str s, size_t offset)
{
    if (offset >= s.len) {
        return (struct odk_str){s.ptr, 0};
    }
    return (struct odk_str){s.ptr + offset, s.len - offset};
}

/* Length of the UTF-8 sequence at p (left bytes remain), 0 if it is malformed.
 * The form of a surrogate is one where halves are allowed. */
static size_t
utf8_sequence(const unsigned char *p, size_t left, bool allows_halves)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;

    if (len == 1) {
        return 1;
    }
    if (p[0] < 0xC2 || p[0] > 0xF4 || left < len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    if ((p[0] == 0xE0 && p[1] < 0xA0) ||
        (p[0] == 0xED && p[1] > 0x9F && !allows_halves) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)) {
        return 0;
    }
    return len;
}

static bool
is_all_sequences(struct odk_str s, bool allows_halves)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;

    while (i < s.len) {
        size_t len = utf8_sequence(p + i, s.len - i, allows_halves);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}

bool
odk_str_is_utf8(struct odk_str s)
{
    return is_all_sequences(s, false);
}

bool
odk_str_is_wtf8(struct odk_str s)
{
    return is_all_sequences(s, true);
}

bool
odk_str_to_u64(struct odk_str s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool
odk_str_to_i64(struct odk_str s, int64_t *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t magnitude = 0;

    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        s = odk_str_from(s, 1);
    }
    if (!odk_str_to_u64(s, &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}
