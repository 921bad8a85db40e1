#ifndef HARNESS_HARNESS_GRAPH_H
#define HARNESS_HARNESS_GRAPH_H

/*
 * A definition drawn: states, transitions and what catches errors, branches and
 * iterations as clusters; with a history, what a run did there.
 */

#include <jansson.h>

#include "asl/asl.h"
#include "base/base.h"

enum harness_graph_format {
    HARNESS_GRAPH_DOT, /**< Graphviz */
    HARNESS_GRAPH_MERMAID,
};

/**
 * Appends the drawing. history: NULL, or an array of events {id, prev, type,
 * ts, details} as `odradek history --json` or `odradek asl eval` write them;
 * ts, in milliseconds, may be absent. The way that was taken is green, a state
 * that did not end well is red, one where the run is now is yellow.
 */
void harness_graph(const struct asl_machine *machine, const json_t *history,
                   enum harness_graph_format format, struct odk_buf *out);

#endif
