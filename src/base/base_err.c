#include "base/base_err.h"

#include <stdio.h>
#include <string.h>

struct err_row {
    const char *name;
    const char *text;
    enum odk_err_class class;
};

static const struct err_row err_rows[] = {
#define X(name, number, class, text)                                           \
    [(number)] = {"ODK_" #name, text, ODK_CLASS_##class},
    ODK_ERR_TABLE(X)
#undef X
};

static const struct err_row *
err_row(int code)
{
    size_t n = sizeof(err_rows) / sizeof(err_rows[0]);

    if (code >= 0 || (size_t)-code >= n) {
        return &err_rows[-ODK_EINTERNAL];
    }
    return &err_rows[-code];
}

const char *
odk_err_name(int code)
{
    return err_row(code)->name;
}

const char *
odk_err_text(int code)
{
    return err_row(code)->text;
}

enum odk_err_class
odk_err_class(int code)
{
    return err_row(code)->class;
}

int
odk_err_set_at(struct odk_err *err, const char *file, int line, int code,
               const char *fmt, ...)
{
    va_list args;

    odk_assert(code < 0);
    if (!err) {
        return code;
    }
    err->code = code;
    err->file = file;
    err->line = line;
    va_start(args, fmt);
    (void)vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    return code;
}

int
odk_err_wrap(struct odk_err *err, int code, const char *fmt, ...)
{
    char inner[sizeof(err->message)];
    va_list args;
    int n = 0;

    if (!err) {
        return code;
    }
    memcpy(inner, err->message, sizeof(inner));
    va_start(args, fmt);
    n = vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n + 2 < sizeof(err->message)) {
        int left = (int)(sizeof(err->message) - (size_t)n - 3);
        (void)snprintf(err->message + n, sizeof(err->message) - (size_t)n,
                       ": %.*s", left, inner);
    }
    return err->code;
}
