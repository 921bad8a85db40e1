#ifndef HARNESS_HARNESS_TEST_STATE_H
#define HARNESS_HARNESS_TEST_STATE_H

/*
 * One state alone, as TestState of AWS Step Functions does it (asl.md §1): what
 * `odradek asl test` answers without files. The engine runs the state in a
 * machine of its own; a probe hears what its fields compute and stands in for
 * its task or its branches.
 *
 * in:  definition (of the state, or of a machine with stateName), input,
 *      variables, context, mock {result | errorOutput, fieldValidationMode},
 *      stateConfiguration, inspectionLevel, roleArn; or a case {request}
 * out: status, output, error, cause, nextState, inspectionData; or
 *      {Error {Code, Message}, message}
 *
 * Values of the answer that are no objects are JSON texts, as in the
 * recordings.
 */

#include "base/base.h"

/**
 * Appends the answer to one request, without a newline. Whatever the request
 * is, there is an answer; ODK_ESYNTAX when it is not a JSON object.
 */
int harness_test_state(struct odk_str line, struct odk_buf *out) ODK_MUST_USE;

#endif
