#ifndef ASL_FIXTURE_H
#define ASL_FIXTURE_H

/* What the suites of this folder share: one definition, its problems, and an
 * environment to evaluate in. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "asl/asl.h"
#include "base/base.h"
#include "json/json.h"

struct fixture {
    struct asl_machine *machine;
    struct asl_problems problems;
    struct asl_options options;
    struct asl_env env;
    struct asl_error error;
    struct odk_rand rand;
    json_t *input;
    json_t *context;
    json_t *variables;
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/** Compiles; single quotes stand for double ones, `\\'` for single. */
int fixture_compile(struct fixture *fixture, const char *text);
/** Compiles what must be right. */
void fixture_take(struct fixture *fixture, const char *text);
/** A machine of one state "S" with these members, which must be right. */
const struct asl_state *fixture_state(struct fixture *fixture,
                                      const char *members);
/** Whether there is a problem with that code at that place. */
bool fixture_has(const struct fixture *fixture, const char *code,
                 const char *pointer);
/** The one state "S" has a schema problem at /States/S and `pointer`. */
void fixture_refuses(struct fixture *fixture, const char *members,
                     const char *pointer);
/** Sets what expressions read; NULL leaves a part as it is. */
void fixture_env(struct fixture *fixture, const char *input,
                 const char *context, const char *vars);
/** Evaluates; the result as text in a static buffer. "" after an error. */
const char *fixture_eval(struct fixture *fixture,
                         const struct asl_value *value);
/** The cause of the last error. */
const char *fixture_cause(const struct fixture *fixture);

#define SUITE_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

#endif
