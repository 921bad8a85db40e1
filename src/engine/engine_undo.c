#include "engine/engine_priv.h"

struct engine_undo_entry *
engine_undo_find(const struct engine *engine, int64_t id)
{
    for (size_t i = 0; i < engine->n_undos; i++) {
        if (engine->undos[i].id == id) {
            return &engine->undos[i];
        }
    }
    return NULL;
}

void
engine_apply_undo(struct engine *engine, const struct engine_entry *entry)
{
    (void)engine;
    (void)entry;
}

bool
engine_take_late(struct engine *engine, const struct engine_input *input)
{
    (void)engine;
    (void)input;
    return false;
}

void
engine_take_undo_timer(struct engine *engine, int64_t id)
{
    (void)engine;
    (void)id;
}

void
engine_take_resolve(struct engine *engine, const struct engine_input *input)
{
    (void)input;
    engine_reject(engine, "NotStuck", "No compensation waits for an operator.");
}

void
engine_undo_done(struct engine *engine, int64_t entry,
                 const struct engine_result *result)
{
    (void)engine;
    (void)entry;
    (void)result;
}

void
engine_undo_run(struct engine *engine)
{
    (void)engine;
}

bool
engine_is_stuck(const struct engine *engine)
{
    (void)engine;
    return false;
}

void
engine_end(struct engine *engine, enum engine_status status, int64_t prev,
           struct odk_str error, struct odk_str cause)
{
    struct engine_entry entry = engine_entry_of(ENGINE_EV_EXECUTION_FAILED, 0);

    entry.error = error;
    entry.cause = cause;
    engine_close(engine, status, prev, &entry);
}

int64_t
engine_register_undo(struct engine *engine, const struct engine_entry *entry)
{
    (void)engine;
    (void)entry;
    return 0;
}

bool
engine_may_register(const struct engine *engine)
{
    return engine->n_undos < ENGINE_UNDOS_MAX;
}

void
engine_pass_pivot(struct engine *engine, int32_t frame)
{
    (void)engine;
    (void)frame;
}

void
engine_end_scope(struct engine *engine, int32_t frame, int32_t parent,
                 enum engine_scope_end end)
{
    (void)engine;
    (void)frame;
    (void)parent;
    (void)end;
}

bool
engine_rollback(struct engine *engine, int32_t frame, const int32_t *lines,
                size_t n_lines)
{
    (void)engine;
    (void)frame;
    (void)lines;
    (void)n_lines;
    return false;
}
