#include "interpreter/interpreter.h"

#include <stdlib.h>

#include "interpreter/interpreter_priv.h"

const struct interpreter_events interpreter_events[8] = {
    [ASL_PASS] = {ENGINE_EV_PASS_ENTERED, ENGINE_EV_PASS_EXITED,
                  ENGINE_EV_NONE},
    [ASL_TASK] = {ENGINE_EV_TASK_ENTERED, ENGINE_EV_TASK_EXITED,
                  ENGINE_EV_TASK_ABORTED},
    [ASL_CHOICE] = {ENGINE_EV_CHOICE_ENTERED, ENGINE_EV_CHOICE_EXITED,
                    ENGINE_EV_NONE},
    [ASL_WAIT] = {ENGINE_EV_WAIT_ENTERED, ENGINE_EV_WAIT_EXITED,
                  ENGINE_EV_WAIT_ABORTED},
    [ASL_SUCCEED] = {ENGINE_EV_SUCCEED_ENTERED, ENGINE_EV_SUCCEED_EXITED,
                     ENGINE_EV_NONE},
    [ASL_FAIL] = {ENGINE_EV_FAIL_ENTERED, ENGINE_EV_NONE, ENGINE_EV_NONE},
    [ASL_PARALLEL] = {ENGINE_EV_PARALLEL_ENTERED, ENGINE_EV_PARALLEL_EXITED,
                      ENGINE_EV_PARALLEL_ABORTED},
    [ASL_MAP] = {ENGINE_EV_MAP_ENTERED, ENGINE_EV_MAP_EXITED,
                 ENGINE_EV_MAP_ABORTED},
};

const struct asl_state *
interpreter_state(const struct interpreter *in, int32_t frame)
{
    int32_t state = interpreter_line(in, frame)->state;

    return state < 0 ? NULL : &in->machine->states[state];
}

bool
interpreter_is_hidden(const struct interpreter *in, int32_t frame)
{
    for (int32_t at = interpreter_line(in, frame)->parent; at >= 0;
         at = interpreter_line(in, at)->parent) {
        const struct asl_state *state = interpreter_state(in, at);
        if (state && state->is_distributed) {
            return true;
        }
    }
    return false;
}

struct engine_entry
interpreter_entry(const struct interpreter *in, enum engine_entry_type type,
                  int32_t frame)
{
    struct engine_entry entry = engine_entry_of(type, frame);

    entry.prev = interpreter_line(in, frame)->prev;
    entry.is_hidden = frame > 0 && interpreter_is_hidden(in, frame);
    return entry;
}

int32_t
interpreter_slot(const struct interpreter *in)
{
    if (in->n_used == in->n_lines) {
        return in->n_lines;
    }
    for (int32_t i = 0; i < in->n_lines; i++) {
        if (!in->lines[i].is_used) {
            return i;
        }
    }
    return in->n_lines;
}

static void *
create(const struct asl_machine *machine)
{
    struct interpreter *in = calloc(1, sizeof(*in));

    if (!in) {
        odk_out_of_memory();
    }
    in->machine = machine;
    return in;
}

static void
destroy(void *state)
{
    struct interpreter *in = state;

    for (int32_t i = 0; i < in->n_lines; i++) {
        interpreter_line_clear(&in->lines[i]);
    }
    json_decref(in->runs);
    free(in->lines);
    free(in);
}

static size_t
bytes(const void *state)
{
    const struct interpreter *in = state;

    return sizeof(*in) + (size_t)in->lines_size * sizeof(*in->lines) +
           (size_t)in->n_used * 512;
}

/* Begins a line: the first state of its scope. */
static void
begin(struct interpreter *in, struct engine *engine, int32_t frame)
{
    struct asl_error error = {0};
    int32_t scope = interpreter_line(in, frame)->scope;

    odk_buf_init(&error.cause, 0);
    json_t *input = interpreter_branch_input(in, engine, frame, &error);
    if (input) {
        interpreter_enter(in, engine, frame,
                          in->machine->scopes[scope].start_at, input);
        json_decref(input);
    } else {
        interpreter_branch_failed(in, engine, frame, odk_str(error.name),
                                  odk_buf_str(&error.cause));
    }
    odk_buf_release(&error.cause);
}

static void
do_pass(struct interpreter_work *work)
{
    json_t *result = NULL;

    if (work->state->is_jsonata) {
        interpreter_finish(work, NULL);
        return;
    }
    if (work->state->pass_result) {
        result = json_incref(work->state->pass_result);
    } else {
        result = interpreter_arguments(work);
    }
    if (result) {
        interpreter_finish(work, result);
    }
    json_decref(result);
}

static void
do_fail(struct interpreter_work *work)
{
    const struct asl_state *state = work->state;
    json_t *error = NULL;
    json_t *cause = NULL;

    if (state->error) {
        error = interpreter_eval(work, state->error, work->input, "Error");
    }
    if (state->cause && !work->is_failed) {
        cause = interpreter_eval(work, state->cause, work->input, "Cause");
    }
    if (!work->is_failed) {
        interpreter_error(work->in, work->engine, work->frame, json_str(error),
                          json_str(cause));
    }
    json_decref(error);
    json_decref(cause);
}

static void
do_state(struct interpreter_work *work)
{
    switch (work->state->type) {
    case ASL_PASS:
        do_pass(work);
        break;
    case ASL_TASK:
        interpreter_do_task(work);
        break;
    case ASL_CHOICE:
        interpreter_do_choice(work);
        break;
    case ASL_WAIT:
        interpreter_do_wait(work);
        break;
    case ASL_SUCCEED:
        interpreter_finish(work, work->effective);
        break;
    case ASL_FAIL:
        do_fail(work);
        break;
    case ASL_PARALLEL:
        interpreter_do_parallel(work);
        break;
    case ASL_MAP:
        interpreter_do_map(work);
        break;
    }
}

static void
go_on(struct interpreter *in, struct engine *engine, int32_t frame)
{
    struct interpreter_work work;

    if (interpreter_line(in, frame)->phase == INTERPRETER_BEGIN) {
        begin(in, engine, frame);
        return;
    }
    interpreter_work_init(&work, in, engine, frame);
    interpreter_take_input(&work);
    if (!work.is_failed) {
        do_state(&work);
    }
    if (work.is_failed) {
        interpreter_work_error(&work);
    }
    interpreter_work_release(&work);
}

static bool
is_ready(const struct interpreter *in, int32_t frame)
{
    const struct interpreter_line *line = &in->lines[frame];

    return line->is_used && (line->phase == INTERPRETER_READY ||
                             line->phase == INTERPRETER_BEGIN);
}

/* Depth first: a line goes on until it waits; then the next one in the order of
 * slots, round and round until all wait. */
static void
run(void *state, struct engine *engine)
{
    struct interpreter *in = state;
    int32_t at = 0;
    int32_t idle = 0;

    while (idle < in->n_lines) {
        if (!engine_is_running(engine) || !engine_may_enter(engine)) {
            return;
        }
        at = at < in->n_lines ? at : 0;
        if (is_ready(in, at)) {
            go_on(in, engine, at);
            idle = 0;
        } else {
            at++;
            idle++;
        }
    }
}

static void
start(void *state, struct engine *engine)
{
    struct interpreter *in = state;

    odk_assert(in->n_used == 1);
    run(in, engine);
}

/* A chore of a Map that is over by now does not matter. */
static void
chore_done(struct interpreter *in, struct engine *engine,
           const struct engine_result *result)
{
    if (result->frame < in->n_lines && in->lines[result->frame].is_used &&
        in->lines[result->frame].phase == INTERPRETER_CHILDREN) {
        interpreter_chore_done(in, engine, result);
    }
}

static void
task_done(void *state, struct engine *engine,
          const struct engine_result *result)
{
    struct interpreter *in = state;
    struct interpreter_work work;

    if (result->activity >= INTERPRETER_CHORE_ID) {
        chore_done(in, engine, result);
        return;
    }
    odk_assert(result->frame < in->n_lines);
    if (interpreter_line(in, result->frame)->phase != INTERPRETER_TASK) {
        return; /* the scope's failure waits for it: its answer counts for the
                   registry alone */
    }
    interpreter_work_init(&work, in, engine, result->frame);
    if (result->kind == ENGINE_RESULT_SUCCEEDED) {
        interpreter_take_input(&work);
        if (!work.is_failed) {
            interpreter_finish(&work, result->output);
        }
        if (work.is_failed) {
            interpreter_work_error(&work);
        }
    } else {
        interpreter_error(in, engine, result->frame, result->error,
                          result->cause);
    }
    interpreter_work_release(&work);
}

/* A Wait is over, a retry is due, or a signal did not come in time. */
static void
timer(void *state, struct engine *engine, int32_t frame)
{
    struct interpreter *in = state;
    struct interpreter_work work;
    struct engine_entry ready =
        interpreter_entry(in, ENGINE_EV_FACT_READY, frame);
    enum interpreter_phase phase = interpreter_line(in, frame)->phase;

    if (phase == INTERPRETER_BACKOFF) {
        engine_emit(engine, &ready);
        return;
    }
    if (phase == INTERPRETER_SIGNAL) {
        struct engine_entry late =
            interpreter_entry(in, ENGINE_EV_TASK_TIMED_OUT, frame);
        late.error = ODK_STR("States.Timeout");
        late.resource = ODK_STR("wait-signal");
        late.resource_type = ODK_STR("odradek");
        engine_emit(engine, &ready);
        engine_emit(engine, &late);
        interpreter_error(in, engine, frame, late.error, odk_str(NULL));
        return;
    }
    odk_assert(phase == INTERPRETER_WAIT);
    interpreter_work_init(&work, in, engine, frame);
    interpreter_take_input(&work);
    if (!work.is_failed) {
        interpreter_finish(&work, work.effective);
    }
    if (work.is_failed) {
        interpreter_work_error(&work);
    }
    interpreter_work_release(&work);
}

const struct engine_decider interpreter_decider = {
    .name = "asl",
    .create = create,
    .destroy = destroy,
    .apply = interpreter_apply,
    .save = interpreter_save,
    .has_closed = interpreter_has_closed,
    .save_closed = interpreter_save_closed,
    .load = interpreter_load,
    .bytes = bytes,
    .describe = interpreter_describe,
    .start = start,
    .run = run,
    .task_done = task_done,
    .timer = timer,
    .signal = interpreter_signal,
    .awaits = interpreter_awaits,
    .rolled_back = interpreter_rolled_back,
    .abandon = interpreter_abandon,
    .register_late = interpreter_register_late,
    .undo = interpreter_undo,
    .undo_delay = interpreter_undo_delay,
};
