/*
 * The compensation registry, live (saga.md).
 *
 *   activity given up,             its state
 *   outcome unknown                succeeded
 *        │                             │  arguments fail
 *        ▼        late success         ▼ ───────────────▶ UNRESOLVED
 *     UNKNOWN ───────────────────▶   READY ◀─┐                │
 *        │ rollback   ▲    ▲           │     │ timer          │ its turn
 *        ▼            │    │           ▼     │                ▼
 *     SETTLING ───────┘    │        RUNNING ─┴▶ BACKOFF     STUCK
 *        │ SettleSeconds   │           │  no more retries     ▲ │ operator:
 *        ▼                 │           └──────────────────────┘ │ retry, skip,
 *   OnUnknown: COMPENSATE ─┘ IGNORE: over   STUCK ─────────▶────┘ complete
 */

#include "engine/engine_priv.h"

struct engine_entry
engine_undo_about(const struct engine *engine, enum engine_entry_type type,
                  const struct engine_undo_entry *undo)
{
    struct engine_entry entry = engine_entry_of(type, undo->frame);

    entry.entry = undo->id;
    entry.prev = engine->undo_prev;
    return entry;
}

struct odk_str
engine_undo_state(struct engine *engine, const struct engine_undo_entry *undo)
{
    return engine_step_str(engine, undo->state);
}

void
engine_undo_stuck(struct engine *engine, const struct engine_undo_entry *undo,
                  struct odk_str error, struct odk_str cause)
{
    struct engine_entry entry =
        engine_undo_about(engine, ENGINE_EV_COMPENSATION_STUCK, undo);

    entry.state = engine_undo_state(engine, undo);
    entry.error = error;
    entry.cause = cause;
    engine_emit(engine, &entry);
}

bool
engine_may_register(const struct engine *engine)
{
    return engine->n_undos < ENGINE_UNDOS_MAX;
}

bool
engine_is_past_pivot(const struct engine *engine)
{
    return engine->is_past_pivot;
}

void
engine_register_undo(struct engine *engine, struct engine_entry *entry)
{
    odk_assert(entry->type == ENGINE_EV_COMPENSATION_REGISTERED);
    odk_assert(entry->parameters || entry->error.ptr);
    engine_emit(engine, entry);
}

void
engine_pass_pivot(struct engine *engine)
{
    struct engine_entry entry = engine_entry_of(ENGINE_EV_FACT_SCOPE, 0);

    entry.mode = ODK_STR("PIVOT");
    engine_emit(engine, &entry);
}

void
engine_end_scope(struct engine *engine, int32_t frame, int32_t parent,
                 enum engine_scope_end end, int64_t since)
{
    struct engine_entry entry = engine_entry_of(ENGINE_EV_FACT_SCOPE, frame);
    bool is_any = engine_rollback_find(engine, frame) != NULL;

    for (size_t i = 0; i < engine->n_undos && !is_any; i++) {
        is_any = engine->undos[i].frame == frame && engine->undos[i].id > since;
    }
    if (!is_any) {
        return;
    }
    entry.parent = parent;
    entry.entry = since;
    entry.mode = end == ENGINE_SCOPE_PASS ? ODK_STR("PASS") : ODK_STR("DROP");
    engine_emit(engine, &entry);
}

/* Running. */

static void
run_entry(struct engine *engine, const struct engine_undo_entry *undo)
{
    struct engine_undo how = {0};
    json_t *arguments = json_incref(undo->arguments);

    if (!engine->decider->undo(engine->lines, undo->state, &how) ||
        !how.queue.ptr) {
        engine_undo_stuck(
            engine, undo, ODK_STR("States.Runtime"),
            ODK_STR("The definition does not say how to undo this state."));
        json_decref(arguments);
        return;
    }
    struct engine_task task = {
        .frame = undo->frame,
        .activity = undo->id,
        .attempt = undo->attempt + 1,
        .prev = engine->undo_prev,
        .family = ENGINE_FAMILY_COMPENSATION,
        .queue = how.queue,
        .type = how.type,
        .resource = how.resource,
        .state = how.state,
        .input = arguments,
        .start_to_close_ms = how.timeout_ms,
        .heartbeat_ms = how.heartbeat_ms,
    };
    engine_schedule(engine, &task);
    json_decref(arguments);
}

void
engine_undo_done(struct engine *engine, int64_t id,
                 const struct engine_result *result)
{
    const struct engine_undo_entry *undo = engine_undo_find(engine, id);
    struct engine_entry closed =
        engine_entry_of(ENGINE_EV_FACT_ACTIVITY_CLOSED, 0);

    odk_assert(undo && undo->status == ENGINE_UNDO_RUNNING);
    struct engine_entry entry =
        engine_undo_about(engine,
                          result->kind == ENGINE_RESULT_SUCCEEDED
                              ? ENGINE_EV_COMPENSATION_SUCCEEDED
                              : ENGINE_EV_COMPENSATION_FAILED,
                          undo);
    entry.activity = result->activity;
    entry.state = engine_undo_state(engine, undo);
    if (result->kind == ENGINE_RESULT_SUCCEEDED) {
        entry.output = result->output;
        engine_emit(engine, &entry);
        return;
    }
    odk_dur_ms delay =
        engine->decider->undo_delay(engine->lines, undo->state, result->error,
                                    undo->tries + 1, engine_rand(engine));
    entry.attempt = result->attempt;
    entry.error = result->error;
    entry.cause = result->cause;
    entry.due = delay < 0 ? 0 : odk_time_add(engine_now(engine), delay);
    engine_emit(engine, &entry);
    closed.activity = result->activity;
    engine_emit(engine, &closed);
    if (delay < 0) {
        engine_undo_stuck(engine, engine_undo_find(engine, id), result->error,
                          result->cause);
    }
}

static bool
is_member(const struct engine_undo_entry *undo, int32_t key)
{
    return undo->rollback == key && engine_undo_is_left(undo);
}

/* Unknown members settle first; true while some do. */
static bool
is_settling(struct engine *engine, int32_t key)
{
    bool is_any = false;

    for (size_t i = 0; i < engine->n_undos; i++) {
        const struct engine_undo_entry *undo = &engine->undos[i];
        struct engine_undo how = {0};
        if (!is_member(undo, key)) {
            continue;
        }
        if (undo->status == ENGINE_UNDO_UNKNOWN) {
            struct engine_entry entry =
                engine_undo_about(engine, ENGINE_EV_FACT_SETTLING, undo);
            (void)engine->decider->undo(engine->lines, undo->state, &how);
            entry.due = odk_time_add(engine_now(engine), how.settle_ms);
            engine_emit(engine, &entry);
            undo = &engine->undos[i];
        }
        is_any |= undo->status == ENGINE_UNDO_SETTLING;
    }
    return is_any;
}

/* What a member does when it is its turn. */
static void
take_turn(struct engine *engine, const struct engine_undo_entry *undo)
{
    if (undo->status == ENGINE_UNDO_READY && !undo->arguments) {
        engine_undo_stuck(engine, undo, undo->error, undo->cause);
    } else if (undo->status == ENGINE_UNDO_READY) {
        run_entry(engine, undo);
    } else if (undo->status == ENGINE_UNDO_UNRESOLVED) {
        engine_undo_stuck(engine, undo, engine_step_str(engine, undo->error),
                          engine_step_str(engine, undo->cause));
    }
}

/* Goes on with the members; how many are left. */
static size_t
run_members(struct engine *engine, int32_t key)
{
    bool is_parallel =
        engine->machine->compensation_order == ASL_COMPENSATION_PARALLEL;
    size_t left = 0;

    for (size_t i = engine->n_undos; i-- > 0;) {
        if (!is_member(&engine->undos[i], key)) {
            continue;
        }
        left++;
        if (is_parallel || left == 1) {
            take_turn(engine, &engine->undos[i]);
        }
    }
    return left;
}

/* The run closes with the error that it had before. */
static void
close_after(struct engine *engine)
{
    struct engine_entry why = engine_entry_of(ENGINE_EV_EXECUTION_FAILED, 0);
    enum engine_status status = engine->closing;

    why.error = engine_step_str(engine, engine->error);
    why.cause = engine_step_str(engine, engine->cause);
    engine_close(engine, status, engine->undo_prev, &why);
}

static void
complete(struct engine *engine, int32_t frame)
{
    struct engine_entry entry =
        engine_entry_of(ENGINE_EV_COMPENSATION_COMPLETED, frame);

    entry.prev = engine->undo_prev;
    entry.length = engine_rollback_find(engine, frame)->n_done;
    engine_emit(engine, &entry);
    if (frame == ENGINE_ROLLBACK_CLOSING) {
        close_after(engine);
    } else if (frame >= 0 && engine->is_cancel_asked) {
        struct odk_str reason = engine_step_str(engine, engine->cancel_reason);
        engine_end(engine, ENGINE_ABORTED, entry.id, odk_str(NULL), reason);
    } else if (frame >= 0) {
        engine->decider->rolled_back(engine->lines, engine, frame);
        if (engine_is_running(engine)) {
            engine->decider->run(engine->lines, engine);
        }
    }
}

void
engine_undo_run(struct engine *engine)
{
    size_t i = 0;

    /* A completed rollback may end the run, begin another one, or make room
     * in the list: start over then. Each round completes one. */
    while (engine->status == ENGINE_RUNNING && i < engine->n_rollbacks) {
        int32_t frame = engine->rollbacks[i].frame;
        int32_t key = engine_rollback_key(frame);
        if (is_settling(engine, key) || run_members(engine, key) > 0) {
            i++;
            continue;
        }
        complete(engine, frame);
        i = 0;
    }
}

bool
engine_is_stuck(const struct engine *engine)
{
    for (size_t i = 0; i < engine->n_undos; i++) {
        if (engine->undos[i].status == ENGINE_UNDO_STUCK ||
            engine->undos[i].status == ENGINE_UNDO_LATE) {
            return true;
        }
    }
    return false;
}

static size_t
n_left(const struct engine *engine, int32_t frame, int64_t since)
{
    size_t n = 0;

    for (size_t i = 0; i < engine->n_undos; i++) {
        const struct engine_undo_entry *undo = &engine->undos[i];
        if (engine_undo_is_left(undo) &&
            (frame == ENGINE_ROLLBACK_CLOSING ||
             (undo->frame == frame && undo->id > since))) {
            n++;
        }
    }
    return n;
}

bool
engine_rollback(struct engine *engine, int32_t frame, int64_t since)
{
    size_t n = n_left(engine, frame, since);
    struct engine_entry entry =
        engine_entry_of(ENGINE_EV_COMPENSATION_STARTED, frame);

    if (n == 0) {
        return false;
    }
    entry.entry = since;
    entry.prev = engine->undo_prev;
    entry.mode = ODK_STR("SCOPE");
    entry.length = (int64_t)n;
    engine_emit(engine, &entry);
    return true;
}

static bool
compensates(const struct engine *engine, enum engine_status status)
{
    const struct asl_machine *machine = engine->machine;

    return machine->has_compensation &&
           ((status == ENGINE_FAILED && machine->compensates_failed) ||
            (status == ENGINE_TIMED_OUT && machine->compensates_timed_out) ||
            (status == ENGINE_ABORTED && machine->compensates_aborted));
}

static void
cancel_forward_tasks(struct engine *engine, enum engine_status status)
{
    for (size_t i = 0; i < engine->n_activities; i++) {
        if (engine->activities[i].family != ENGINE_FAMILY_COMPENSATION) {
            engine_cancel_task(engine, engine->activities[i].id,
                               odk_str(engine_status_name(status)));
        }
    }
}

void
engine_end(struct engine *engine, enum engine_status status, int64_t prev,
           struct odk_str error, struct odk_str cause)
{
    struct engine_entry why = engine_entry_of(ENGINE_EV_EXECUTION_FAILED, 0);
    struct engine_entry closing = engine_entry_of(ENGINE_EV_FACT_CLOSING, 0);
    struct engine_entry started = engine_entry_of(
        ENGINE_EV_COMPENSATION_STARTED, ENGINE_ROLLBACK_CLOSING);

    error = engine_step_str(engine, error);
    cause = engine_step_str(engine, cause);
    why.error = error;
    why.cause = cause;
    engine_abandon(engine);
    size_t left = n_left(engine, ENGINE_ROLLBACK_CLOSING, 0);
    if (left == 0 || !compensates(engine, status)) {
        engine_close(engine, status, prev, &why);
        return;
    }
    cancel_forward_tasks(engine, status);
    closing.mode = odk_str(engine_status_name(status));
    closing.error = error;
    closing.cause = cause;
    engine_emit(engine, &closing);
    started.prev = prev;
    started.mode = closing.mode;
    started.error = error;
    started.cause = cause;
    started.length = (int64_t)left;
    engine_emit(engine, &started);
}

/* The operator. */

static const char *
resolve_refusal(const struct engine_undo_entry *undo,
                const struct engine_input *input)
{
    if (input->action == ENGINE_COMPENSATION_RETRY && undo->is_pivot) {
        return "An unknown pivot cannot be retried: skip it (it did not "
               "happen) or complete it (it did).";
    }
    if (input->action == ENGINE_COMPENSATION_RETRY && !undo->arguments &&
        !input->payload) {
        return "The compensation has no arguments: give them, skip it or "
               "complete it by hand.";
    }
    return NULL;
}

static void
resolve(struct engine *engine, const struct engine_undo_entry *undo,
        const struct engine_input *input)
{
    static const enum engine_entry_type types[] = {
        [ENGINE_COMPENSATION_RETRY] = ENGINE_EV_FACT_SETTLED,
        [ENGINE_COMPENSATION_SKIP] = ENGINE_EV_COMPENSATION_SKIPPED,
        [ENGINE_COMPENSATION_COMPLETE] = ENGINE_EV_COMPENSATION_SUCCEEDED,
    };

    const char *refusal = resolve_refusal(undo, input);

    if (refusal) {
        engine_reject(engine, "NotPossible", refusal);
        return;
    }
    if (undo->is_pivot && input->action == ENGINE_COMPENSATION_COMPLETE) {
        engine_pass_pivot(engine);
        return;
    }
    struct engine_entry entry =
        engine_undo_about(engine, types[input->action], undo);
    entry.state = engine_undo_state(engine, undo);
    entry.reason = input->reason;
    if (input->action == ENGINE_COMPENSATION_RETRY) {
        entry.mode = ODK_STR("RETRY");
        entry.value = input->payload;
    } else if (input->action == ENGINE_COMPENSATION_COMPLETE) {
        entry.output = input->payload;
    }
    engine_emit(engine, &entry);
}

void
engine_take_resolve(struct engine *engine, const struct engine_input *input)
{
    bool is_any = false;

    for (size_t i = engine->n_undos; i-- > 0;) {
        const struct engine_undo_entry *undo = &engine->undos[i];
        if (undo->status == ENGINE_UNDO_STUCK &&
            (input->activity_id == 0 || input->activity_id == undo->id)) {
            is_any = true;
            resolve(engine, undo, input);
        }
        i = i > engine->n_undos ? engine->n_undos : i;
    }
    if (!is_any) {
        engine_reject(engine,
                      engine->status == ENGINE_RUNNING ? "NotStuck"
                                                       : "ExecutionClosed",
                      "No such compensation waits for an operator.");
    }
}
