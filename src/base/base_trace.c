#include "base/base_trace.h"

#include <string.h>

/* Where a field begins and ends. */
#define VERSION  0, 2
#define TRACE_ID 3, 32
#define PARENT   36, 16
#define FLAGS    53, 2

static bool
is_hex(struct odk_str text, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}

static bool
is_zero(struct odk_str text, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++) {
        if (text.ptr[i] != '0') {
            return false;
        }
    }
    return true;
}

bool
odk_traceparent_parse(struct odk_str text, struct odk_str *out)
{
    *out = (struct odk_str){0};
    if (text.len < ODK_TRACEPARENT_BYTES || text.ptr[2] != '-' ||
        text.ptr[35] != '-' || text.ptr[52] != '-' || !is_hex(text, VERSION) ||
        !is_hex(text, TRACE_ID) || !is_hex(text, PARENT) ||
        !is_hex(text, FLAGS) || is_zero(text, TRACE_ID) ||
        is_zero(text, PARENT) || memcmp(text.ptr, "ff", 2) == 0) {
        return false;
    }
    if (text.len > ODK_TRACEPARENT_BYTES &&
        (is_zero(text, VERSION) || text.ptr[ODK_TRACEPARENT_BYTES] != '-')) {
        return false;
    }
    *out = odk_str_n(text.ptr, ODK_TRACEPARENT_BYTES);
    return true;
}
