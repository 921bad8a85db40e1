/*
 * Parallel, and what Parallel and Map have in common: child lines and their
 * ends.
 */

#include <stdio.h>
#include <stdlib.h>

#include "interpreter/interpreter_priv.h"

/* Parallel: all branches begin with what Parameters made, made once. */
void
interpreter_do_parallel(struct interpreter_work *work)
{
    struct interpreter *in = work->in;
    const struct asl_state *state = work->state;
    struct engine_entry started =
        interpreter_entry(in, ENGINE_EV_PARALLEL_STARTED, work->frame);
    struct engine_entry items =
        interpreter_entry(in, ENGINE_EV_FACT_ITEMS, work->frame);

    if (in->n_used + state->n_scopes > INTERPRETER_LINES_MAX) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "The execution has too many branches at once.");
        return;
    }
    items.value = interpreter_arguments(work);
    if (work->is_failed || interpreter_stand_in(work)) {
        json_decref(items.value);
        return;
    }
    started.count = state->n_scopes;
    engine_emit(work->engine, &items);
    json_decref(items.value);
    engine_emit(work->engine, &started);
    for (int32_t i = 0; i < state->n_scopes; i++) {
        struct engine_entry branch =
            interpreter_entry(in, ENGINE_EV_FACT_BRANCH, work->frame);
        branch.frame = interpreter_slot(in);
        branch.parent = work->frame;
        branch.scope = state->first_scope + i;
        branch.index = i;
        engine_emit(work->engine, &branch);
    }
}

void
interpreter_nest_done(struct interpreter *in, struct engine *engine,
                      int32_t frame, json_t *result)
{
    const struct asl_state *state = interpreter_state(in, frame);
    enum engine_entry_type type = state->type == ASL_MAP
                                      ? ENGINE_EV_MAP_SUCCEEDED
                                      : ENGINE_EV_PARALLEL_SUCCEEDED;
    struct interpreter_work work;

    if (state->is_distributed) {
        struct engine_entry run =
            interpreter_entry(in, ENGINE_EV_MAP_RUN_SUCCEEDED, frame);
        engine_emit(engine, &run);
    }
    struct engine_entry done = interpreter_entry(in, type, frame);
    engine_emit(engine, &done);
    interpreter_work_init(&work, in, engine, frame);
    interpreter_take_input(&work);
    if (!work.is_failed) {
        interpreter_finish(&work, result);
    }
    if (work.is_failed) {
        interpreter_work_error(&work);
    }
    interpreter_work_release(&work);
}

/* A child of a distributed Map was given its input as it was started, for the
 * page of its item may be gone when it begins. */
static json_t *
begun_input(const struct interpreter_line *line, struct asl_error *error)
{
    if (line->input) {
        return json_incref(line->input);
    }
    (void)snprintf(error->name, sizeof(error->name), "%.*s",
                   ODK_STR_ARG(line->error));
    odk_buf_put_str(&error->cause, line->cause);
    return NULL;
}

static json_t *
iteration_input(struct interpreter *in, struct engine *engine, int32_t frame,
                struct asl_error *error)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    struct interpreter_work work;

    interpreter_work_init(&work, in, engine, line->parent);
    interpreter_take_input(&work);
    json_t *item = interpreter_item(interpreter_line(in, line->parent),
                                    line->index, line->index);
    json_t *input = work.is_failed ? NULL : interpreter_selected(&work, item);
    json_decref(item);
    if (work.is_failed) {
        odk_buf_release(&error->cause);
        *error = work.error;
        odk_buf_init(&work.error.cause, 0);
    }
    interpreter_work_release(&work);
    return input;
}

json_t *
interpreter_branch_input(struct interpreter *in, struct engine *engine,
                         int32_t frame, struct asl_error *error)
{
    const struct interpreter_line *line = interpreter_line(in, frame);

    if (line->parent < 0) {
        return json_incref(engine_input_of(engine));
    }
    if (interpreter_state(in, line->parent)->type == ASL_PARALLEL) {
        return json_incref(interpreter_line(in, line->parent)->items);
    }
    if (interpreter_state(in, line->parent)->is_distributed) {
        return begun_input(line, error);
    }
    return iteration_input(in, engine, frame, error);
}

/* The parent goes on, or is done. */
static void
child_ended(struct interpreter *in, struct engine *engine, int32_t parent,
            int64_t prev)
{
    const struct interpreter_line *line = interpreter_line(in, parent);
    const struct asl_state *state = interpreter_state(in, parent);

    if (state->is_distributed) {
        interpreter_distribute(in, engine, parent);
    } else if (line->n_done == line->length) {
        json_t *results = json_incref(line->results);
        interpreter_nest_done(in, engine, parent, results);
        json_decref(results);
    } else if (state->type == ASL_MAP) {
        interpreter_map_go_on(in, engine, parent, prev);
    }
}

void
interpreter_branch_done(struct interpreter *in, struct engine *engine,
                        int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    int32_t parent = line->parent;
    int64_t prev = line->prev;
    const struct asl_state *state = interpreter_state(in, parent);
    struct engine_entry done =
        interpreter_entry(in,
                          state->type == ASL_MAP && !state->is_distributed
                              ? ENGINE_EV_ITERATION_SUCCEEDED
                              : ENGINE_EV_FACT_BRANCH_DONE,
                          frame);

    done.index = line->index;
    done.name = state->name;
    engine_end_scope(
        engine, frame, parent,
        state->is_distributed ? ENGINE_SCOPE_REPLACE : ENGINE_SCOPE_PASS, 0);
    engine_emit(engine, &done);
    line = interpreter_line(in, parent);
    if (line->phase != INTERPRETER_CHILDREN) {
        return;
    }
    child_ended(in, engine, parent, prev);
}

/* Ends the lines below a failed Parallel or Map, the deepest first. Their
 * activities are told; what may have had its effect stays in the registry. */
static void
abort_line(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *state = interpreter_state(in, frame);
    int32_t parent = line->parent;
    int64_t activity = line->entered_id;
    struct engine_entry end =
        interpreter_entry(in, ENGINE_EV_FACT_FRAME_END, frame);

    interpreter_drop_chore(in, engine, frame);
    if (state && interpreter_events[state->type].aborted != ENGINE_EV_NONE) {
        struct engine_entry aborted = interpreter_entry(
            in, interpreter_events[state->type].aborted, frame);
        if (state->type == ASL_TASK) {
            interpreter_note_unknown(in, engine, frame);
            engine_cancel_task(engine, activity,
                               ODK_STR("The scope has failed."));
            aborted.activity = activity;
        }
        engine_emit(engine, &aborted);
    }
    const struct asl_state *above = interpreter_state(in, parent);
    if (above->type == ASL_MAP && !above->is_distributed) {
        struct engine_entry aborted =
            interpreter_entry(in, ENGINE_EV_ITERATION_ABORTED, frame);
        aborted.index = interpreter_line(in, frame)->index;
        aborted.name = above->name;
        engine_emit(engine, &aborted);
    }
    engine_end_scope(engine, frame, parent, ENGINE_SCOPE_PASS, 0);
    engine_emit(engine, &end);
}

/* How far below a line another one is; 0: not at all. */
static int32_t
depth_below(const struct interpreter *in, int32_t line, int32_t above)
{
    int32_t depth = 0;

    while (line >= 0 && line != above) {
        line = interpreter_line(in, line)->parent;
        depth++;
    }
    return line == above ? depth : 0;
}

/* The lines below a line, parents before their children. */
static int32_t *
lines_below(const struct interpreter *in, int32_t frame, size_t *n)
{
    int32_t *list = malloc(((size_t)in->n_lines + 1) * sizeof(*list));
    size_t before = 0;

    if (!list) {
        odk_out_of_memory();
    }
    *n = 0;
    for (int32_t depth = 1; depth == 1 || *n > before; depth++) {
        before = *n;
        for (int32_t i = 0; i < in->n_lines; i++) {
            if (in->lines[i].is_used && depth_below(in, i, frame) == depth) {
                list[(*n)++] = i;
            }
        }
    }
    return list;
}

void
interpreter_abort_children(struct interpreter *in, struct engine *engine,
                           int32_t frame)
{
    size_t n = 0;
    int32_t *lines = lines_below(in, frame, &n);

    while (n > 0) {
        abort_line(in, engine, lines[--n]);
    }
    free(lines);
}

static void
iteration_failed(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *map = interpreter_state(in, line->parent);
    struct engine_entry entry =
        interpreter_entry(in, ENGINE_EV_ITERATION_FAILED, frame);

    entry.index = line->index;
    entry.name = map->name;
    engine_emit(engine, &entry);
}

/* A tolerated iteration, and a child workflow, undo what they did when they
 * fail; the iteration's end waits for it. */
static bool
roll_back_branch(struct interpreter *in, struct engine *engine, int32_t frame,
                 struct odk_str error, struct odk_str cause)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct interpreter_line *parent = interpreter_line(in, line->parent);
    const struct asl_state *state = interpreter_state(in, line->parent);
    struct engine_entry failure =
        interpreter_entry(in, ENGINE_EV_FACT_FAILURE, frame);

    if (line->phase == INTERPRETER_ROLLBACK || state->type != ASL_MAP ||
        (!state->is_distributed &&
         !interpreter_is_tolerated(parent, parent->n_failed + 1)) ||
        !engine_rollback(engine, frame, 0)) {
        return false;
    }
    failure.mode = ODK_STR("BRANCH");
    failure.error = error;
    failure.cause = cause;
    engine_emit(engine, &failure);
    return true;
}

/* More than the Parallel or Map tolerates. */
static void
children_failed(struct interpreter *in, struct engine *engine, int32_t frame,
                struct odk_str error, struct odk_str cause)
{
    const struct asl_state *state = interpreter_state(in, frame);

    if (state->is_distributed ||
        (state->type == ASL_MAP &&
         interpreter_line(in, frame)->tolerated_count > 0)) {
        error = ODK_STR("States.ExceedToleratedFailureThreshold");
        cause = ODK_STR(INTERPRETER_THRESHOLD_CAUSE);
    }
    if (state->is_distributed) {
        interpreter_map_fail(in, engine, frame, error, cause);
    } else {
        interpreter_abort_children(in, engine, frame);
        interpreter_error(in, engine, frame, error, cause);
    }
}

void
interpreter_branch_failed(struct interpreter *in, struct engine *engine,
                          int32_t frame, struct odk_str error,
                          struct odk_str cause)
{
    if (roll_back_branch(in, engine, frame, error, cause)) {
        return;
    }
    const struct interpreter_line *line = interpreter_line(in, frame);
    int32_t parent = line->parent;
    int64_t prev = line->prev;
    const struct asl_state *state = interpreter_state(in, parent);
    const struct asl_state *own = interpreter_state(in, frame);
    struct engine_entry failed =
        interpreter_entry(in, ENGINE_EV_FACT_BRANCH_FAILED, frame);

    if (state->type == ASL_PARALLEL && own && own->type == ASL_TASK) {
        struct engine_entry aborted =
            interpreter_entry(in, ENGINE_EV_TASK_ABORTED, frame);
        engine_emit(engine, &aborted);
    } else if (state->type == ASL_MAP && !state->is_distributed) {
        iteration_failed(in, engine, frame);
    }
    engine_end_scope(engine, frame, parent, ENGINE_SCOPE_PASS, 0);
    failed.error = error;
    failed.cause = cause;
    engine_emit(engine, &failed);
    line = interpreter_line(in, parent);
    if (line->phase != INTERPRETER_CHILDREN) {
        return;
    }
    if (state->type == ASL_MAP &&
        interpreter_is_tolerated(line, line->n_failed)) {
        child_ended(in, engine, parent, prev);
        return;
    }
    children_failed(in, engine, parent, error, cause);
}
