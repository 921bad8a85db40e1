#ifndef HARNESS_HARNESS_SUITE_H
#define HARNESS_HARNESS_SUITE_H

/*
 * The test file that a team keeps beside its definition (docs/asl-test.md):
 * whole workflows on virtual time, with mocks of their tasks, against what is
 * expected of them; and which states and transitions the cases went through.
 */

#include <jansson.h>

#include "base/base.h"

/**
 * Runs every case of a test file over the definition that it names. A new
 * reference: {cases: [{name, status, path, failures: [text]}], passed, failed,
 * coverage: {states, transitions: {covered, total, missing: [text]}}}, or
 * {error: text} when the file or the definition is wrong as a whole.
 */
json_t *harness_suite_run(const json_t *suite, json_t *definition);

/** Appends results of harness_suite_run as JUnit's XML. results: an array of
 * {file, result}. */
void harness_suite_junit(const json_t *results, struct odk_buf *out);

#endif
