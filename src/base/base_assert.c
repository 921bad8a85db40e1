#include "base/base_assert.h"

#include <stdio.h>
#include <stdlib.h>

void
odk_assert_fail(const char *cond, const char *file, int line, const char *func)
{
    (void)fprintf(stderr,
                  "odradek: assertion failed: %s, %s:%d (%s), built %s\n", cond,
                  file, line, func, __VERSION__);
    abort();
}

void
odk_out_of_memory(void)
{
    (void)fputs("odradek: out of memory\n", stderr);
    abort();
}
