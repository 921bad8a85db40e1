/*
 * The error of a state: Retry, Catch, or the failure of its line.
 */

#include <stdlib.h>

#include "interpreter/interpreter_priv.h"

static bool
is_retriable_type(const struct asl_state *state)
{
    return state->type == ASL_TASK || state->type == ASL_PARALLEL ||
           state->type == ASL_MAP;
}

/* States.Runtime is final: neither Retry nor Catch sees it, whatever they name
 * (recorded). */

static int32_t
tries_of(const struct interpreter_line *line, int64_t index)
{
    return index < line->n_tries ? line->tries[index] : 0;
}

/* The next retry by a retrier of the line's state; a jittered delay is drawn
 * from the transition's seed. */
static struct engine_entry
draw_retry(const struct interpreter *in, struct engine *engine, int32_t frame,
           int64_t index)
{
    const struct asl_retrier *retrier =
        &interpreter_state(in, frame)->retriers[index];
    int32_t tries = tries_of(interpreter_line(in, frame), index);
    struct engine_entry retry =
        interpreter_entry(in, ENGINE_EV_FACT_RETRY, frame);

    retry.index = index;
    retry.due =
        odk_time_add(engine_now(engine),
                     asl_retry_delay(retrier, tries + 1, engine_rand(engine)));
    return retry;
}

/* The first retrier that matches decides, whether it has attempts left or not.
 * A retry that would begin after the activity's time over all attempts is
 * none; its delay is drawn here, once. */
static const struct asl_retrier *
find_retrier(const struct interpreter *in, struct engine *engine, int32_t frame,
             struct odk_str error, struct engine_entry *retry)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *state = interpreter_state(in, frame);

    for (size_t i = 0; i < state->n_retriers; i++) {
        const struct asl_retrier *retrier = &state->retriers[i];
        if (!asl_error_matches(retrier->errors, retrier->n_errors, error)) {
            continue;
        }
        int32_t tries = tries_of(line, (int64_t)i);
        *retry = draw_retry(in, engine, frame, (int64_t)i);
        interpreter_note_int(engine, "retryIndex", retry->index);
        return tries < retrier->max_attempts &&
                       retry->due <= engine_closes_at(engine, line->entered_id)
                   ? retrier
                   : NULL;
    }
    return NULL;
}

static const struct asl_catcher *
find_catcher(const struct asl_state *state, struct odk_str error,
             int64_t *index)
{
    for (size_t i = 0; i < state->n_catchers; i++) {
        const struct asl_catcher *catcher = &state->catchers[i];
        if (asl_error_matches(catcher->errors, catcher->n_errors, error)) {
            *index = (int64_t)i;
            return catcher;
        }
    }
    return NULL;
}

/* What Catch sees; a new reference. */
static json_t *
error_output(struct odk_str error, struct odk_str cause)
{
    json_t *output = json_object();

    json_set(output, ODK_STR("Error"), json_str_new(error));
    json_set(output, ODK_STR("Cause"),
             json_str_new(cause.ptr ? cause : ODK_STR("")));
    return output;
}

static json_t *
caught_output(struct interpreter_work *work, const struct asl_catcher *catcher)
{
    struct odk_err err = {0};
    json_t *output = NULL;

    if (work->state->is_jsonata) {
        return catcher->output ? interpreter_eval(work, catcher->output,
                                                  work->input, "Output")
                               : json_incref(work->failure);
    }
    if (catcher->is_result_discarded) {
        return json_incref(work->input);
    }
    if (!catcher->result_path) {
        return json_incref(work->failure);
    }
    if (json_path_set(catcher->result_path, work->input, work->failure, &output,
                      &err) != 0) {
        odk_buf_printf(interpreter_blame(work, "States.ResultPathMatchFailure"),
                       "Unable to apply step \"%.*s\" to input: %s",
                       ODK_STR_ARG(json_path_text(catcher->result_path)),
                       err.message);
    }
    return output;
}

static void
fail_line(struct interpreter *in, struct engine *engine, int32_t frame,
          struct odk_str error, struct odk_str cause)
{
    const struct interpreter_line *line = interpreter_line(in, frame);

    if (line->parent < 0) {
        engine_fail(engine, line->prev, error, cause);
    } else {
        interpreter_branch_failed(in, engine, frame, error, cause);
    }
}

static void
take_catcher(struct interpreter *in, struct engine *engine, int32_t frame,
             const struct asl_catcher *catcher, struct odk_str error,
             struct odk_str cause)
{
    struct interpreter_work work;
    json_t *assigned = NULL;
    json_t *output = NULL;

    interpreter_work_init(&work, in, engine, frame);
    work.failure = error_output(error, cause);
    if (catcher->assign) {
        assigned =
            interpreter_eval(&work, catcher->assign, work.failure, "Assign");
    }
    if (!work.is_failed) {
        output = caught_output(&work, catcher);
    }
    if (output && interpreter_may_leave(&work, output, assigned)) {
        interpreter_leave(&work, output, assigned, catcher->next);
    } else {
        fail_line(in, engine, frame, odk_str(work.error.name),
                  odk_buf_str(&work.error.cause));
    }
    json_decref(output);
    json_decref(assigned);
    json_decref(work.failure);
    interpreter_work_release(&work);
}

static void
take_retry(struct engine *engine, struct engine_entry *retry)
{
    interpreter_note_int(engine, "retryBackoffIntervalSeconds",
                         (retry->due - engine_now(engine)) / 1000);
    engine_emit(engine, retry);
}

/* Remembers a failure that waits until the registry has undone a scope: before
 * a Catch all that the line did, before a retry what the failed attempt did,
 * which passed to the line as its branches ended. */
static bool
roll_back(struct interpreter *in, struct engine *engine, int32_t frame,
          struct engine_entry *failure)
{
    const struct asl_state *state = interpreter_state(in, frame);
    bool is_retry = odk_str_is(failure->mode, "RETRY");

    if (is_retry && state->type == ASL_TASK) {
        return false;
    }
    if (!engine_rollback(engine, frame,
                         is_retry ? interpreter_line(in, frame)->entered_id
                                  : 0)) {
        return false;
    }
    engine_emit(engine, failure);
    return true;
}

static void
nest_failed(struct interpreter *in, struct engine *engine, int32_t frame,
            const struct engine_entry *failure)
{
    const struct asl_state *state = interpreter_state(in, frame);
    enum interpreter_phase phase = interpreter_line(in, frame)->phase;
    bool is_nest = state->type == ASL_MAP || state->type == ASL_PARALLEL;

    if (!is_nest || phase != INTERPRETER_CHILDREN) {
        return;
    }
    if (state->is_distributed) {
        struct engine_entry run =
            interpreter_entry(in, ENGINE_EV_MAP_RUN_FAILED, frame);
        run.error = failure->error;
        run.cause = failure->cause;
        engine_emit(engine, &run);
    }
    struct engine_entry failed =
        interpreter_entry(in,
                          state->type == ASL_MAP ? ENGINE_EV_MAP_FAILED
                                                 : ENGINE_EV_PARALLEL_FAILED,
                          frame);
    engine_emit(engine, &failed);
}

/* The activity of a Task state that is given up: it may be in the registry. */
static void
give_up(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct asl_state *state = interpreter_state(in, frame);
    int64_t activity = interpreter_line(in, frame)->entered_id;
    struct engine_entry closed =
        interpreter_entry(in, ENGINE_EV_FACT_ACTIVITY_CLOSED, frame);

    if (state->type != ASL_TASK || !engine_knows_activity(engine, activity)) {
        return;
    }
    interpreter_note_unknown(in, engine, frame);
    closed.activity = activity;
    engine_emit(engine, &closed);
}

void
interpreter_error(struct interpreter *in, struct engine *engine, int32_t frame,
                  struct odk_str error, struct odk_str cause)
{
    const struct asl_state *state = interpreter_state(in, frame);
    struct engine_entry failure =
        interpreter_entry(in, ENGINE_EV_FACT_FAILURE, frame);
    int64_t index = -1;

    failure.error = error;
    failure.cause = cause;
    interpreter_note_str(engine, "error", error);
    interpreter_note_str(engine, "cause", cause);
    bool is_final = error.len == 0 || odk_str_is(error, "States.Runtime");
    if (is_retriable_type(state) && !is_final) {
        struct engine_entry retry = {0};
        const struct asl_retrier *retrier =
            find_retrier(in, engine, frame, error, &retry);
        if (retrier) {
            failure.mode = ODK_STR("RETRY");
            failure.index = retry.index;
            if (!roll_back(in, engine, frame, &failure)) {
                take_retry(engine, &retry);
            }
            return;
        }
        give_up(in, engine, frame);
        nest_failed(in, engine, frame, &failure);
        const struct asl_catcher *catcher = find_catcher(state, error, &index);
        if (catcher) {
            interpreter_note_int(engine, "catchIndex", index);
            failure.mode = ODK_STR("CATCH");
            failure.index = index;
            if (!catcher->is_compensating ||
                !roll_back(in, engine, frame, &failure)) {
                take_catcher(in, engine, frame, catcher, error, cause);
            }
            return;
        }
    } else if (is_retriable_type(state)) {
        give_up(in, engine, frame);
        nest_failed(in, engine, frame, &failure);
    }
    fail_line(in, engine, frame, error, cause);
}

void
interpreter_rolled_back(void *data, struct engine *engine, int32_t frame)
{
    struct interpreter *in = data;
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *state = interpreter_state(in, frame);
    int64_t rule = line->rule;

    odk_assert(line->phase == INTERPRETER_ROLLBACK);
    if (odk_str_is(line->mode, "RETRY")) {
        struct engine_entry retry = draw_retry(in, engine, frame, rule);
        take_retry(engine, &retry);
        return;
    }
    struct odk_buf error;
    struct odk_buf cause;
    odk_buf_init(&error, 0);
    odk_buf_init(&cause, 0);
    odk_buf_put_str(&error, line->error);
    odk_buf_put_str(&cause, line->cause);
    if (odk_str_is(line->mode, "BRANCH")) {
        interpreter_branch_failed(in, engine, frame, odk_buf_str(&error),
                                  odk_buf_str(&cause));
        odk_buf_release(&error);
        odk_buf_release(&cause);
        return;
    }
    take_catcher(in, engine, frame, &state->catchers[rule], odk_buf_str(&error),
                 odk_buf_str(&cause));
    odk_buf_release(&error);
    odk_buf_release(&cause);
}

/* JSONata errors have an event of their own. A Map's items are evaluated
 * before the Map begins: its event then follows the one before the state. */
static void
evaluation_failed(struct interpreter_work *work)
{
    struct interpreter *in = work->in;
    struct engine_entry entry =
        interpreter_entry(in, ENGINE_EV_EVALUATION_FAILED, work->frame);
    const struct interpreter_line *line = interpreter_line(in, work->frame);
    bool is_map =
        work->state->type == ASL_MAP && line->phase == INTERPRETER_READY;

    entry.error = odk_str(work->error.name);
    entry.cause = odk_buf_str(&work->error.cause);
    entry.location = work->error.location.ptr ? work->error.location
                                              : odk_str(work->location);
    entry.state = work->state->name;
    entry.prev = is_map ? line->entered_prev : entry.prev;
    engine_emit(work->engine, &entry);
    if (is_map) {
        struct engine_entry failed =
            interpreter_entry(in, ENGINE_EV_MAP_FAILED, work->frame);
        engine_emit(work->engine, &failed);
    }
}

void
interpreter_work_error(struct interpreter_work *work)
{
    odk_assert(work->is_failed);
    if (odk_str_is(odk_str(work->error.name), "States.QueryEvaluationError")) {
        evaluation_failed(work);
    }
    interpreter_error(work->in, work->engine, work->frame,
                      odk_str(work->error.name),
                      odk_buf_str(&work->error.cause));
}
