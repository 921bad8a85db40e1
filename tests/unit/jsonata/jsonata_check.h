#ifndef JSONATA_CHECK_H
#define JSONATA_CHECK_H

/* What a test says about an expression, in one line each. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "jsonata/jsonata.h"

#define CHECK_NOW 1700000000123

/** The expression gives `expected` (JSON; NULL = undefined) over `input` (JSON;
 * NULL = undefined). */
void check(const char *expr, const char *input, const char *expected);
/** The expression fails with the code, in compiling or evaluating. */
void check_error(const char *expr, const char *input, const char *code);
/** As check, under options. */
void check_with(const char *expr, const struct jsonata_options *options,
                const char *expected);
/** Compiles and evaluates; returns the code of jsonata_eval or
 * jsonata_compile. */
int check_run(const char *expr, const char *input,
              const struct jsonata_options *options, json_t **out,
              struct jsonata_error *err);

#endif
