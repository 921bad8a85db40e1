/*
 * A test of one state: it is told what the state computes on its way, and
 * stands in for the state's task or children.
 */

#include "interpreter/interpreter_priv.h"

void
interpreter_note(struct engine *engine, const char *what, json_t *value)
{
    const struct engine_probe *probe = engine_probe_of(engine);

    if (probe && value) {
        probe->note(probe->ctx, what, value);
    }
}

void
interpreter_note_int(struct engine *engine, const char *what, int64_t value)
{
    if (engine_probe_of(engine)) {
        json_t *number = json_integer(value);
        interpreter_note(engine, what, number);
        json_decref(number);
    }
}

void
interpreter_note_str(struct engine *engine, const char *what,
                     struct odk_str value)
{
    if (engine_probe_of(engine) && value.ptr) {
        json_t *text = json_str_new(value);
        interpreter_note(engine, what, text);
        json_decref(text);
    }
}

bool
interpreter_stand_in(struct interpreter_work *work)
{
    const struct engine_probe *probe = engine_probe_of(work->engine);

    if (!probe) {
        return false;
    }
    if (probe->error.ptr) {
        interpreter_error(work->in, work->engine, work->frame, probe->error,
                          probe->cause);
    } else if (probe->result) {
        interpreter_finish(work, probe->result);
    } else {
        return false;
    }
    return true;
}

void
interpreter_end_test(struct interpreter_work *work, json_t *output,
                     json_t *assigned, int32_t next)
{
    const struct interpreter_line *line =
        interpreter_line(work->in, work->frame);

    interpreter_note(work->engine, "variables", assigned);
    interpreter_note(work->engine, "output", output);
    if (next >= 0) {
        interpreter_note_str(work->engine, "nextState",
                             work->in->machine->states[next].name);
    }
    engine_succeed(work->engine, line->prev, output);
}
