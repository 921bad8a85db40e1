#ifndef TESTS_UNIT_ENGINE_RUN_H
#define TESTS_UNIT_ENGINE_RUN_H

/*
 * One run under test: inputs by short calls, and what came of them as texts.
 * After each step the state is saved, loaded and gone on with, so that every
 * test also tests the stored form.
 */

#include <stdbool.h>
#include <stdint.h>

#include "asl/asl.h"
#include "engine/engine.h"
#include "json/json.h"

/** The trace that every run is started with. */
#define RUN_TRACEPARENT                                                        \
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

#define RUN_TASKS_MAX  64
#define RUN_TIMERS_MAX 256

struct run_task {
    char type[64];
    int64_t activity;
    int32_t attempt;
    uint64_t seq;
    bool is_open;
};

struct run {
    struct asl_machine *machine;
    struct engine *engine;
    struct engine_update update;
    uint64_t seq;
    odk_time_ms now;
    struct odk_buf types;   /**< event types in order, one space after each */
    struct odk_buf entries; /**< all entries, one line a step */
    struct odk_buf texts;   /**< inputs of Tasks: `type input` a line */
    struct run_task tasks[RUN_TASKS_MAX];
    size_t n_tasks;
    struct engine_timer_op timers[RUN_TIMERS_MAX];
    size_t n_timers;
    size_t n_cancels;
    size_t n_replies;
    bool is_kept; /**< the engine stays in memory between steps */
};

/** Starts a definition (JSON text with ' for ") with an input. */
void run_start(struct run *run, const char *definition, const char *input);
void run_release(struct run *run);

/** Applies an input; now, seed and seq are filled in. */
void run_step(struct run *run, struct engine_input *input);

/** The newest Task of a type is answered. */
void run_started(struct run *run, const char *type);
void run_ok(struct run *run, const char *type, const char *output);
void run_fail(struct run *run, const char *type, const char *error);
/** As run_fail, but the effect is unknown. */
void run_doubt(struct run *run, const char *type, const char *error);
/** An older Task, by its place in run->tasks. */
void run_ok_at(struct run *run, size_t at, const char *output);

void run_signal(struct run *run, const char *name, const char *payload);
void run_cancel(struct run *run);
void run_terminate(struct run *run);
void run_resolve(struct run *run, enum engine_compensation_action action,
                 int64_t entry, const char *payload);
/** The earliest timer fires at its due time. */
void run_fire(struct run *run);

/** Whether types contains this sequence, ended by its last type. */
bool run_has(const struct run *run, const char *types);
/** How often a type occurred. */
size_t run_count(const struct run *run, const char *type);
/** Whether a Task of a type was sent and has no answer. */
bool run_is_open(const struct run *run, const char *type);
/** Whether a Task was sent with this input. */
bool run_sent(const struct run *run, const char *type, const char *input);
enum engine_status run_status(const struct run *run);
/** A member of the description as JSON text: "/compensation/state". The text
 * is valid until the next call. */
const char *run_describe(const struct run *run, const char *pointer);
/** The output as JSON text, until the next call. */
const char *run_output(const struct run *run);

#endif
