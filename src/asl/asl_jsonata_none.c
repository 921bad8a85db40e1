/*
 * Stands in where the room jsonata is not in the build: every expression is
 * refused when a definition is published.
 */

#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata.h"

int
jsonata_compile(struct odk_str text, struct jsonata **out,
                struct jsonata_error *err)
{
    static const char message[] = "JSONata is not available in this build";

    (void)text;
    *out = NULL;
    if (err) {
        memcpy(err->message, message, sizeof(message));
    }
    return ODK_EUNSUPPORTED;
}

void
jsonata_free(struct jsonata *program)
{
    (void)program;
}

int
jsonata_eval(const struct jsonata *program, json_t *input,
             const struct jsonata_options *options, json_t **out,
             struct jsonata_error *err)
{
    (void)program;
    (void)input;
    (void)options;
    (void)err;
    *out = NULL;
    return ODK_EUNSUPPORTED;
}

bool
jsonata_reads_input(const struct jsonata *program)
{
    (void)program;
    return false;
}

bool
jsonata_reads_variable(const struct jsonata *program, struct odk_str name)
{
    (void)program;
    (void)name;
    return false;
}
