#ifndef HARNESS_HARNESS_TEST_STATE_PRIV_H
#define HARNESS_HARNESS_TEST_STATE_PRIV_H

/*
 * A request of TestState on its way, and what refuses it.
 */

#include <jansson.h>

#include "asl/asl.h"
#include "base/base.h"

/** The name of the state in its own machine, as AWS has it. */
#define TEST_STATE_NAME "StateName"

/** What a service's call answers: see harness_test_state_shapes.c. */
struct test_state_shape {
    const char *call;    /**< "s3:getObject" */
    const char *members; /**< "ContentLength:n StorageClass:s=A|B" */
};

const struct test_state_shape *test_state_shapes(size_t *n);

/** A request, taken apart; JSON values are references. */
struct test_state_request {
    json_t *state; /**< its definition */
    json_t *query_language;
    json_t *input;
    json_t *variables;
    json_t *context; /**< NULL: not given */
    json_t *mock;    /**< NULL: not given */
    json_t *result;  /**< of the mock, parsed; NULL: not given */
    json_t *items;   /**< mapItemReaderData */
    json_t *configuration;
    json_t *role;
    struct odk_str level; /**< INFO, DEBUG, TRACE; borrowed */
    json_t *answer;       /**< owned by the caller */
};

/** Writes a refusal into the answer; false, for the caller to return. */
bool test_state_refuse(json_t *answer, const char *code, const char *fmt, ...)
    ODK_PRINTF(3, 4);

/** A text that holds JSON, or the value itself; a new reference, NULL for text
 * that is no JSON. */
json_t *test_state_parsed(json_t *value);

/** Whether the mock fits the state; sets result. The machine is the state's
 * own. False: refused. */
bool test_state_check_mock(struct test_state_request *request,
                           const struct asl_state *state);
/** Whether a result has the members that its service's call answers. */
bool test_state_check_shape(const struct test_state_request *request,
                            const struct asl_state *state);
/** Whether a given context object is one. */
bool test_state_check_context(const struct test_state_request *request,
                              const struct asl_state *state);

#endif
