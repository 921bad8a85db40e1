#ifndef BASE_STR_H
#define BASE_STR_H

/*
 * A string is a pointer and a length; it is borrowed, never owned, and need not
 * end with NUL. A null pointer with length 0 means "absent" where a comment
 * says so, else it equals "".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct odk_str {
    const char *ptr;
    size_t len;
};

/** A string from a literal. */
#define ODK_STR(lit) ((struct odk_str){(lit), sizeof(lit) - 1})
/** For initialisers of static tables. */
#define ODK_STR_INIT(lit)                                                      \
    {                                                                          \
        (lit), sizeof(lit) - 1                                                 \
    }
/** For printf("%.*s"). */
#define ODK_STR_ARG(s) (int)(s).len, (s).ptr

/** Borrows a NUL-terminated string; NULL gives the absent string. */
static inline struct odk_str
odk_str(const char *text)
{
    return (struct odk_str){text, text ? strlen(text) : 0};
}

static inline struct odk_str
odk_str_n(const void *ptr, size_t len)
{
    return (struct odk_str){(const char *)ptr, len};
}

static inline bool
odk_str_eq(struct odk_str a, struct odk_str b)
{
    if (a.len != b.len) {
        return false;
    }
    return a.len == 0 || (a.ptr && b.ptr && memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
odk_str_is(struct odk_str a, const char *text)
{
    return odk_str_eq(a, odk_str(text));
}

/** Bytewise order, shorter first among equals: <0, 0, >0. */
int odk_str_cmp(struct odk_str a, struct odk_str b);

/** Whether s begins, or ends, with the other. */
bool odk_str_starts(struct odk_str s, struct odk_str prefix);
bool odk_str_ends(struct odk_str s, struct odk_str suffix);

/** Index of the first c, or -1. */
ptrdiff_t odk_str_find(struct odk_str s, char c);

/** The part from offset on; past the end it is empty. */
struct odk_str odk_str_from(struct odk_str s, size_t offset);

/** Whether s is well-formed UTF-8 (no overlong forms, surrogates or code points
 * over U+10FFFF). */
bool odk_str_is_utf8(struct odk_str s);

/** As odk_str_is_utf8, but half a surrogate pair may stand as its three bytes:
 * text of a language whose strings are UTF-16. */
bool odk_str_is_wtf8(struct odk_str s);

/** Decimal integer, optional sign, nothing else; false on anything else or
 * overflow. */
bool odk_str_to_i64(struct odk_str s, int64_t *out);
bool odk_str_to_u64(struct odk_str s, uint64_t *out);

#endif
