#ifndef INTERPRETER_H
#define INTERPRETER_H

/*
 * The first decider: the Amazon States Language, over a compiled machine. Its
 * lines are the threads of a run: the root, the branches of Parallel states and
 * the iterations of Map states. design/asl.md says what conforms.
 */

#include "engine/engine_decider.h"

extern const struct engine_decider interpreter_decider;

#endif
