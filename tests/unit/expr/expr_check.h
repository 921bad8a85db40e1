#ifndef EXPR_CHECK_H
#define EXPR_CHECK_H

/* An expression against an input, all as text; shared by the tests of this
 * folder. The context object is {"State":{"Name":"S"}}, the variables are
 * {"x":{"y":[5,"z"]},"n":7}. */

/** The expression has this value. */
void check_value(const char *expr, const char *input, const char *wanted);

/** It fails with this error and cause. */
void check_failure(const char *expr, const char *input, const char *name,
                   const char *cause);

/** It does not compile. */
void check_refused(const char *expr, int code);

#endif
