/*
 * Answers harness requests, one a line: for scoring conformance cases before
 * and without the command line program.
 */

#include <stdio.h>
#include <stdlib.h>

#include "harness/harness.h"

int
main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;

    while ((len = getline(&line, &size, stdin)) > 0) {
        struct odk_buf out;
        odk_buf_init(&out, 0);
        /* The answer says what was wrong with the request. */
        int rc = harness_eval(odk_str_n(line, (size_t)len), &out);
        (void)rc;
        odk_buf_put_char(&out, '\n');
        (void)fwrite(out.ptr, 1, out.len, stdout);
        odk_buf_release(&out);
    }
    free(line);
    return 0;
}
