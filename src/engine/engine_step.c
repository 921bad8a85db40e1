/*
 * One input: who takes it, what is collected, and the check that a replay of
 * the entries gives the same state.
 */

#include <stdlib.h>

#include "engine/engine_priv.h"

odk_time_ms
engine_now(const struct engine *engine)
{
    return engine->step.now;
}

struct odk_rand *
engine_rand(struct engine *engine)
{
    return &engine->step.rand;
}

struct engine_texts *
engine_texts_of(struct engine *engine)
{
    return &engine->texts;
}

json_t *
engine_input_of(const struct engine *engine)
{
    return engine->input;
}

json_t *
engine_context_of(const struct engine *engine)
{
    return engine->context;
}

const struct engine_probe *
engine_probe_of(const struct engine *engine)
{
    return engine->probe;
}

const struct engine_limits *
engine_limits_of(const struct engine *engine)
{
    return &engine->step.limits;
}

bool
engine_is_running(const struct engine *engine)
{
    return engine->status == ENGINE_RUNNING && engine->closing == 0;
}

bool
engine_may_enter(const struct engine *engine)
{
    return engine->step.n_entered < ENGINE_STEP_STATES_MAX &&
           engine->step.entries.len < ENGINE_STEP_BYTES_MAX;
}

int64_t
engine_loop_count(const struct engine *engine)
{
    return engine->loop_count;
}

bool
engine_signal_find(const struct engine *engine, struct odk_str name,
                   size_t *index, json_t **payload)
{
    for (size_t i = 0; i < engine->n_signals; i++) {
        if (odk_str_eq(engine->signals[i].name, name)) {
            *index = i;
            *payload = engine->signals[i].payload;
            return true;
        }
    }
    return false;
}

void
engine_emit(struct engine *engine, struct engine_entry *entry)
{
    struct engine_step_scratch *step = &engine->step;

    odk_assert(step->is_live);
    entry->ts = step->now;
    if (engine_entry_class(entry->type) == ENGINE_CLASS_FACT) {
        entry->id = 0;
    } else if (entry->is_hidden || entry->activity >= ENGINE_HIDDEN_ID) {
        entry->id = engine->next_hidden_id;
    } else {
        entry->id = engine->next_event_id;
        step->last_event_id = entry->id;
        if (step->first_event_id == 0) {
            step->first_event_id = entry->id;
        }
    }
    if (engine_entry_fields(entry->type) == ENGINE_ENTERED) {
        step->n_entered++;
    }
    engine_write(engine, entry);
    engine_apply(engine, entry);
}

void
engine_reject(struct engine *engine, const char *code, const char *text)
{
    engine->step.rejected = code;
    engine->step.rejected_message = odk_str(text);
}

static void
add_reply(struct engine *engine, const struct engine_reply_to *reply)
{
    struct engine_entry entry = engine_entry_of(ENGINE_EV_FACT_REPLY, 0);

    if (!reply->topic.ptr || engine->n_replies == ENGINE_REPLIES_MAX) {
        return;
    }
    for (size_t i = 0; i < engine->n_replies; i++) {
        const struct engine_address *known = &engine->replies[i];
        if (odk_str_eq(known->topic, reply->topic) &&
            known->partition == reply->partition &&
            odk_str_eq(known->correlation_id, reply->correlation_id)) {
            return;
        }
    }
    entry.topic = reply->topic;
    entry.partition = reply->partition;
    entry.correlation_id = reply->correlation_id;
    engine_emit(engine, &entry);
}

static void
send_replies(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_replies; i++) {
        struct engine_output *output =
            engine_output_add(engine, ENGINE_OUTPUT_REPLY);
        output->reply.topic = engine_step_str(engine, engine->replies[i].topic);
        output->reply.partition = engine->replies[i].partition;
        output->reply.correlation_id =
            engine_step_str(engine, engine->replies[i].correlation_id);
    }
}

static void
cancel_open_tasks(struct engine *engine, struct odk_str reason)
{
    for (size_t i = 0; i < engine->n_activities; i++) {
        engine_cancel_task(engine, engine->activities[i].id, reason);
    }
}

void
engine_close(struct engine *engine, enum engine_status status, int64_t prev,
             struct engine_entry *why)
{
    static const enum engine_entry_type types[] = {
        [ENGINE_SUCCEEDED] = ENGINE_EV_EXECUTION_SUCCEEDED,
        [ENGINE_FAILED] = ENGINE_EV_EXECUTION_FAILED,
        [ENGINE_TIMED_OUT] = ENGINE_EV_EXECUTION_TIMED_OUT,
        [ENGINE_ABORTED] = ENGINE_EV_EXECUTION_ABORTED,
        [ENGINE_TERMINATED] = ENGINE_EV_EXECUTION_TERMINATED,
    };

    cancel_open_tasks(engine, odk_str(engine_status_name(status)));
    why->type = types[status];
    why->prev = prev;
    engine_emit(engine, why);
    send_replies(engine);
}

void
engine_succeed(struct engine *engine, int64_t prev, json_t *output)
{
    struct engine_entry entry =
        engine_entry_of(ENGINE_EV_EXECUTION_SUCCEEDED, 0);

    entry.output = output;
    engine_close(engine, ENGINE_SUCCEEDED, prev, &entry);
}

void
engine_fail(struct engine *engine, int64_t prev, struct odk_str error,
            struct odk_str cause)
{
    engine_end(engine, ENGINE_FAILED, prev, error, cause);
}

static void
take_start(struct engine *engine, const struct engine_input *input)
{
    struct engine_entry identity = engine_entry_of(ENGINE_EV_FACT_IDENTITY, 0);
    struct engine_entry started =
        engine_entry_of(ENGINE_EV_EXECUTION_STARTED, 0);
    char run_id[ODK_UUID_TEXT_LEN + 1];

    if (engine->version > 0) {
        engine_reject(engine, "WorkflowAlreadyStarted",
                      "The run has started already.");
        return;
    }
    odk_uuid_format(&engine->identity.run_id, run_id);
    identity.namespace_ = engine->identity.namespace_;
    identity.workflow_id = engine->identity.workflow_id;
    identity.run_id = odk_str(run_id);
    identity.definition = engine->identity.definition;
    identity.number = engine->identity.definition_version;
    identity.due = engine->timeout_ms;
    identity.count = engine->republish_ms;
    identity.mode = engine->is_express ? ODK_STR("EXPRESS") : odk_str(NULL);
    identity.value = engine->context;
    identity.traceparent = engine->identity.traceparent;
    engine_emit(engine, &identity);
    add_reply(engine, &engine->first_reply);
    add_reply(engine, &input->reply);
    started.input = engine->input;
    engine_emit(engine, &started);
    engine->decider->start(engine->lines, engine);
}

static bool
refuse_closed(struct engine *engine)
{
    if (engine->status != ENGINE_RUNNING) {
        engine_reject(engine, "ExecutionClosed",
                      "The execution is closed already.");
        return true;
    }
    return false;
}

/* One that is awaited is taken at once and needs no room. */
static bool
has_room_for(struct engine *engine, const struct engine_entry *signal)
{
    if (engine_is_running(engine) &&
        engine->decider->awaits(engine->lines, signal->name)) {
        return true;
    }
    size_t bytes =
        signal->name.len + engine_texts_size(&engine->texts, signal->value);

    for (size_t i = 0; i < engine->n_signals; i++) {
        bytes += engine->signals[i].bytes;
    }
    return engine->n_signals < ENGINE_SIGNALS_MAX &&
           bytes <= ENGINE_SIGNALS_BYTES_MAX;
}

static void
take_signal(struct engine *engine, const struct engine_input *input)
{
    struct engine_entry entry = engine_entry_of(ENGINE_EV_FACT_SIGNAL, 0);

    if (refuse_closed(engine)) {
        return;
    }
    entry.name = input->signal_name;
    entry.value = input->payload ? input->payload : json_null();
    if (!has_room_for(engine, &entry)) {
        engine_reject(engine, "TooManySignals",
                      "The execution has too many signals that nobody took.");
        return;
    }
    add_reply(engine, &input->reply);
    engine_emit(engine, &entry);
    if (engine_is_running(engine)) {
        engine->decider->signal(engine->lines, engine, input->signal_name);
    }
}

static void
take_cancel(struct engine *engine, const struct engine_input *input)
{
    struct engine_entry entry = engine_entry_of(ENGINE_EV_FACT_CANCEL, 0);

    if (refuse_closed(engine)) {
        return;
    }
    if (engine->closing != 0) {
        engine_reject(engine, "Compensating",
                      "The execution is compensating and will close with its "
                      "original error.");
        return;
    }
    add_reply(engine, &input->reply);
    if (engine->n_rollbacks > 0) {
        entry.reason = input->reason;
        engine_emit(engine, &entry);
        return;
    }
    engine_end(engine, ENGINE_ABORTED, 0, odk_str(NULL), input->reason);
}

/* What a terminated run leaves undone: the states of its registry. */
static json_t *
left_undone(const struct engine *engine)
{
    json_t *left = engine->n_undos > 0 ? json_array() : NULL;

    for (size_t i = 0; i < engine->n_undos; i++) {
        json_append(left, json_str_new(engine->undos[i].state));
    }
    return left;
}

static void
take_terminate(struct engine *engine, const struct engine_input *input)
{
    struct engine_entry entry =
        engine_entry_of(ENGINE_EV_EXECUTION_TERMINATED, 0);

    if (refuse_closed(engine)) {
        return;
    }
    add_reply(engine, &input->reply);
    entry.cause = input->reason;
    engine_abandon(engine);
    entry.left = left_undone(engine);
    engine_close(engine, ENGINE_TERMINATED, 0, &entry);
    json_decref(entry.left);
}

static void
take_fail(struct engine *engine, const struct engine_input *input)
{
    struct engine_entry entry = engine_entry_of(ENGINE_EV_EXECUTION_FAILED, 0);

    if (engine->status != ENGINE_RUNNING) {
        return;
    }
    if (engine->closing != 0) {
        /* The registry itself cannot go on: the run keeps its first error. */
        entry.error = engine_step_str(engine, engine->error);
        entry.cause = engine_step_str(engine, engine->cause);
        engine_close(engine, engine->closing, engine->undo_prev, &entry);
        return;
    }
    engine_end(engine, ENGINE_FAILED, 0, input->error, input->cause);
}

static void
take_timer(struct engine *engine, const struct engine_input *input)
{
    const struct engine_timer *found =
        engine_timer_find(engine, input->timer_id);
    struct engine_entry fired = engine_entry_of(ENGINE_EV_FACT_FIRED, 0);

    if (!found || found->due > engine->step.now) {
        return; /* dropped meanwhile, or early */
    }
    struct engine_timer timer = *found;
    if (timer.kind == ENGINE_TIMER_ACTIVITY) {
        engine_take_activity_timer(engine, timer.ref);
        return;
    }
    fired.timer = timer.id;
    engine_emit(engine, &fired);
    if (timer.kind == ENGINE_TIMER_EXECUTION) {
        engine_end(engine, ENGINE_TIMED_OUT, 0, odk_str(NULL), odk_str(NULL));
    } else if (timer.kind == ENGINE_TIMER_UNDO) {
        engine_take_undo_timer(engine, timer.ref);
    } else if (timer.kind == ENGINE_TIMER_FRAME) {
        engine->decider->timer(engine->lines, engine, (int32_t)timer.ref);
    }
}

static void
take(struct engine *engine, const struct engine_input *input)
{
    switch (input->kind) {
    case ENGINE_INPUT_START:
        take_start(engine, input);
        break;
    case ENGINE_INPUT_SIGNAL:
        take_signal(engine, input);
        break;
    case ENGINE_INPUT_CANCEL:
        take_cancel(engine, input);
        break;
    case ENGINE_INPUT_TERMINATE:
        take_terminate(engine, input);
        break;
    case ENGINE_INPUT_TASK_STARTED:
    case ENGINE_INPUT_TASK_SUCCEEDED:
    case ENGINE_INPUT_TASK_FAILED:
    case ENGINE_INPUT_TASK_HEARTBEAT:
        engine_take_result(engine, input);
        break;
    case ENGINE_INPUT_TIMER:
        take_timer(engine, input);
        break;
    case ENGINE_INPUT_RESOLVE_COMPENSATION:
        engine_take_resolve(engine, input);
        break;
    case ENGINE_INPUT_SUBSCRIBE:
        if (!refuse_closed(engine)) {
            add_reply(engine, &input->reply);
        }
        break;
    case ENGINE_INPUT_FAIL:
        take_fail(engine, input);
        break;
    }
}

/* Lines that are ready go on; then what is being undone. */
static void
go_on(struct engine *engine)
{
    struct engine_entry yield = engine_entry_of(ENGINE_EV_FACT_YIELD, 0);

    if (engine->step.n_entries == 0 && engine->version > 0) {
        return; /* ignored or refused: nothing has changed */
    }
    if (engine_is_running(engine)) {
        engine->decider->run(engine->lines, engine);
    }
    if (engine->status == ENGINE_RUNNING) {
        engine_undo_run(engine);
    }
    if (engine_is_running(engine) && !engine_may_enter(engine)) {
        engine->step.is_over_budget = true;
        engine_emit(engine, &yield);
    }
}

static int64_t
limit_or(int64_t limit, int64_t quota)
{
    return limit > 0 ? limit : quota;
}

static struct engine_limits
limits_filled(const struct engine_limits *limits)
{
    return (struct engine_limits){
        .payload_bytes =
            limit_or(limits->payload_bytes, ENGINE_PAYLOAD_BYTES_MAX),
        .assign_bytes = limit_or(limits->assign_bytes, ENGINE_ASSIGN_BYTES_MAX),
        .variables_bytes =
            limit_or(limits->variables_bytes, ENGINE_VARIABLES_BYTES_MAX),
        .loop_states = limit_or(limits->loop_states, ENGINE_LOOP_STATES_MAX),
        .map_children = limit_or(limits->map_children, ENGINE_MAP_CHILDREN_MAX),
    };
}

static void
begin(struct engine *engine, const struct engine_input *input)
{
    struct engine_step_scratch *step = &engine->step;

    for (size_t i = 0; i < step->n_outputs; i++) {
        json_decref(step->outputs[i].input);
    }
    step->n_outputs = 0;
    step->n_timers = 0;
    odk_arena_reset(&step->arena);
    odk_buf_clear(&step->entries);
    step->spans.n = 0;
    engine_texts_clear(&engine->texts);
    odk_rand_init(&step->rand, input->seed);
    step->limits = limits_filled(&input->limits);
    step->now = input->now > engine->clock ? input->now : engine->clock;
    step->seq_next = input->seq_next;
    step->first_event_id = 0;
    step->last_event_id = 0;
    step->n_entries = 0;
    step->n_entered = 0;
    step->is_over_budget = false;
    step->rejected = NULL;
    step->rejected_message = odk_str(NULL);
    step->is_live = true;
    step->is_noting = true;
}

static void
end(struct engine *engine, enum engine_status before, struct engine_update *out)
{
    struct engine_step_scratch *step = &engine->step;

    step->is_live = false;
    step->is_noting = false;
    if (step->n_entries > 0) {
        odk_buf_put_char(&step->entries, ']');
        engine_seal(engine);
    }
    *out = (struct engine_update){
        .is_ignored = step->n_entries == 0 && !step->rejected,
        .rejected = step->rejected,
        .rejected_message = step->rejected_message,
        .entries = odk_buf_str(&step->entries),
        .first_event_id = step->first_event_id,
        .last_event_id = step->last_event_id,
        .version = engine->version,
        .status = engine->status,
        .is_status_changed = engine->status != before ||
                             (engine->version == 1 && step->n_entries > 0),
        .is_stuck = engine_is_stuck(engine),
        .is_over_budget = step->is_over_budget,
        .outputs = step->outputs,
        .n_outputs = step->n_outputs,
        .timers = step->timers,
        .n_timers = step->n_timers,
    };
}

#ifdef ODK_SLOW_ASSERTS
static void
remember(struct engine *engine)
{
    odk_buf_clear(&engine->before);
    if (engine->version > 0) {
        engine_save(engine, &engine->before);
    }
}

/* fold(entries) = state, and load(save) = state, byte for byte. */
static void
check_fold(const struct engine *engine, struct odk_str entries)
{
    struct engine *again = NULL;
    struct odk_err err = {0};
    struct odk_buf live;
    struct odk_buf folded;
    int rc = 0;

    odk_buf_init(&live, 0);
    odk_buf_init(&folded, 0);
    engine_save(engine, &live);
    if (engine->before.len > 0) {
        rc = engine_load(odk_buf_str(&engine->before), engine->machine, &again,
                         &err);
        odk_assert(rc == 0);
    }
    if (entries.len > 0) {
        rc = engine_replay(&again, engine->machine, entries, &err);
        odk_assert(rc == 0);
    }
    engine_save(again, &folded);
    odk_assert(odk_str_eq(odk_buf_str(&live), odk_buf_str(&folded)));
    engine_free(again);
    odk_buf_release(&live);
    odk_buf_release(&folded);
}
#else
static void
remember(struct engine *engine)
{
    (void)engine;
}

static void
check_fold(const struct engine *engine, struct odk_str entries)
{
    (void)engine;
    (void)entries;
}
#endif

int
engine_step(struct engine *engine, const struct engine_input *input,
            struct engine_update *out, struct odk_err *err)
{
    odk_assert(engine->magic == ENGINE_MAGIC);
    enum engine_status before = engine->status;

    if (engine->version == 0 && input->kind != ENGINE_INPUT_START) {
        return odk_err_set(err, ODK_EINVAL, "a run's first input is START");
    }
    remember(engine);
    begin(engine, input);
    take(engine, input);
    go_on(engine);
    end(engine, before, out);
    if (odk_buf_failed(&engine->step.entries)) {
        return odk_err_set(err, ODK_ELIMIT, "the transition is too large");
    }
    if (engine->version > 0) {
        check_fold(engine, out->entries);
    }
    return 0;
}
