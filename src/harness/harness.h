#ifndef HARNESS_H
#define HARNESS_H

/*
 * Evaluates a workflow on virtual time with the very engine: what `odradek asl
 * eval` answers. One JSON object in, one out; waits and retries take no time,
 * tasks end as the request says.
 *
 * in:  id, definition, input, type, tasks, context, signals [{name, payload}],
 *      limits {payloadBytes, assignBytes, variablesBytes, states, nameChars}
 * out: id, status, output | error and cause, tasks, history; or id, rejected
 *
 * The state of a compensation's task is written "Charge/Compensate". A run that
 * is stuck in its compensation ends TERMINATED.
 */

#include "base/base.h"

/** Steps of one evaluation: bounds a workflow that never ends. */
#define HARNESS_STEPS_MAX 200000

/**
 * Appends the answer to one request, without a newline. Whatever the request
 * is, there is an answer; ODK_ESYNTAX when it is not a JSON object (the answer
 * then says so).
 */
int harness_eval(struct odk_str line, struct odk_buf *out) ODK_MUST_USE;

#endif
