/*
 * A state from its stored text (engine_save.c), and from history alone.
 */

#include "engine/engine_priv.h"

static int64_t
get_i64(json_t *object, const char *name)
{
    return json_integer_value(json_get(object, name));
}

static struct odk_str
get_str(json_t *object, const char *name)
{
    return engine_str_dup(json_str(json_get(object, name)));
}

static json_t *
get_json(json_t *object, const char *name)
{
    return json_incref(json_get(object, name));
}

static int32_t
load_tokens(json_t *object, struct engine_token tokens[ENGINE_TOKENS_MAX])
{
    json_t *list = json_get(object, "tokens");
    size_t n = json_array_size(list);

    n = n > ENGINE_TOKENS_MAX ? ENGINE_TOKENS_MAX : n;
    for (size_t i = 0; i < n; i++) {
        json_t *token = json_array_get(list, i);
        tokens[i].attempt =
            (int32_t)json_integer_value(json_array_get(token, 0));
        tokens[i].seq = (uint64_t)json_integer_value(json_array_get(token, 1));
    }
    return (int32_t)n;
}

static void
load_activity(struct engine *engine, json_t *saved)
{
    struct engine_activity *activity =
        engine_grow((void **)&engine->activities, &engine->n_activities,
                    &engine->activities_size, sizeof(*activity));

    activity->id = get_i64(saved, "id");
    activity->frame = (int32_t)get_i64(saved, "frame");
    activity->attempt = (int32_t)get_i64(saved, "attempt");
    activity->prev = get_i64(saved, "prev");
    activity->entry = get_i64(saved, "entry");
    activity->status = (enum engine_activity_status)get_i64(saved, "status");
    activity->family = (enum engine_family)get_i64(saved, "family");
    activity->n_unknown = (int32_t)get_i64(saved, "unknown");
    activity->is_last_unknown = get_i64(saved, "lastUnknown") != 0;
    activity->n_tokens = load_tokens(saved, activity->tokens);
    activity->late = get_json(saved, "late");
    activity->queue = get_str(saved, "queue");
    activity->type = get_str(saved, "type");
    activity->resource = get_str(saved, "resource");
    activity->resource_type = get_str(saved, "resourceType");
    activity->worker = get_str(saved, "worker");
    activity->input = get_json(saved, "input");
    activity->scheduled_at = get_i64(saved, "scheduledAt");
    activity->published_at = get_i64(saved, "publishedAt");
    activity->started_at = get_i64(saved, "startedAt");
    activity->heartbeat_at = get_i64(saved, "heartbeatAt");
    activity->heartbeat = get_json(saved, "heartbeat");
    activity->schedule_to_start_ms = get_i64(saved, "scheduleToStart");
    activity->start_to_close_ms = get_i64(saved, "startToClose");
    activity->heartbeat_ms = get_i64(saved, "heartbeatMs");
    activity->schedule_to_close_at = get_i64(saved, "scheduleToCloseAt");
    activity->timer = (uint64_t)get_i64(saved, "timer");
    activity->error = get_str(saved, "error");
    activity->cause = get_str(saved, "cause");
}

static void
load_timer(struct engine *engine, json_t *saved)
{
    struct engine_timer *timer =
        engine_grow((void **)&engine->timers, &engine->n_timers,
                    &engine->timers_size, sizeof(*timer));

    timer->id = (uint64_t)json_integer_value(json_array_get(saved, 0));
    timer->kind =
        (enum engine_timer_kind)json_integer_value(json_array_get(saved, 1));
    timer->ref = json_integer_value(json_array_get(saved, 2));
    timer->due = json_integer_value(json_array_get(saved, 3));
}

static void
load_signal(struct engine *engine, json_t *saved)
{
    struct engine_signal *signal =
        engine_grow((void **)&engine->signals, &engine->n_signals,
                    &engine->signals_size, sizeof(*signal));

    signal->name = get_str(saved, "name");
    signal->payload = get_json(saved, "payload");
    signal->bytes = signal->name.len + engine_texts_size(NULL, signal->payload);
}

static void
load_reply(struct engine *engine, json_t *saved)
{
    struct engine_address *address =
        engine_grow((void **)&engine->replies, &engine->n_replies,
                    &(size_t){engine->n_replies}, sizeof(*address));

    address->topic = get_str(saved, "topic");
    address->partition = (int32_t)get_i64(saved, "partition");
    address->correlation_id = get_str(saved, "correlationId");
}

static void
load_undo(struct engine *engine, json_t *saved)
{
    struct engine_undo_entry *undo =
        engine_grow((void **)&engine->undos, &engine->n_undos,
                    &engine->undos_size, sizeof(*undo));

    undo->id = get_i64(saved, "id");
    undo->activity = get_i64(saved, "activity");
    undo->frame = (int32_t)get_i64(saved, "frame");
    undo->attempt = (int32_t)get_i64(saved, "attempt");
    undo->rollback = (int32_t)get_i64(saved, "rollback");
    undo->status = (enum engine_undo_status)get_i64(saved, "status");
    undo->is_doubtful = get_i64(saved, "doubtful") != 0;
    undo->tries = (int32_t)get_i64(saved, "tries");
    undo->input = get_json(saved, "input");
    undo->is_pivot = get_i64(saved, "pivot") != 0;
    undo->state = get_str(saved, "state");
    undo->resource = get_str(saved, "resource");
    undo->arguments = get_json(saved, "arguments");
    undo->error = get_str(saved, "error");
    undo->cause = get_str(saved, "cause");
    undo->timer = (uint64_t)get_i64(saved, "timer");
    undo->n_tokens = load_tokens(saved, undo->tokens);
}

static void
load_rollback(struct engine *engine, json_t *saved)
{
    struct engine_rollback *rollback =
        engine_grow((void **)&engine->rollbacks, &engine->n_rollbacks,
                    &engine->rollbacks_size, sizeof(*rollback));

    rollback->frame = (int32_t)json_integer_value(json_array_get(saved, 0));
    rollback->n_done = json_integer_value(json_array_get(saved, 1));
}

static void
load_list(struct engine *engine, json_t *saved, const char *name,
          void (*load)(struct engine *, json_t *))
{
    json_t *list = json_get(saved, name);
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) {
        load(engine, json_array_get(list, i));
    }
}

static bool
unhex(struct odk_str text, uint8_t out[ODK_SHA256_BYTES])
{
    if (text.len != (size_t)2 * ODK_SHA256_BYTES) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit < 0) {
            return false;
        }
        out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

static int
load_identity(struct engine *engine, json_t *saved, struct odk_err *err)
{
    struct engine_identity *identity = &engine->identity;
    struct odk_arena *arena = &engine->arena;

    identity->namespace_ =
        odk_arena_str(arena, json_str(json_get(saved, "namespace")));
    identity->workflow_id =
        odk_arena_str(arena, json_str(json_get(saved, "workflowId")));
    identity->definition =
        odk_arena_str(arena, json_str(json_get(saved, "definition")));
    identity->definition_version = (int32_t)get_i64(saved, "definitionVersion");
    if (json_get(saved, "traceparent")) {
        identity->traceparent =
            odk_arena_str(arena, json_str(json_get(saved, "traceparent")));
    }
    engine->timeout_ms = get_i64(saved, "timeout");
    engine->republish_ms = get_i64(saved, "republish");
    engine->is_express = get_i64(saved, "express") != 0;
    engine->context = get_json(saved, "context");
    engine->input = get_json(saved, "input");
    if (!odk_uuid_parse(json_str(json_get(saved, "runId")),
                        &identity->run_id) ||
        !engine_status_parse(json_str(json_get(saved, "status")),
                             &engine->status) ||
        !unhex(json_str(json_get(saved, "chain")), engine->chain)) {
        return odk_err_set(err, ODK_ECORRUPT,
                           "stored state: bad runId, status or chain");
    }
    return 0;
}

static int
load_all(struct engine *engine, json_t *saved, struct odk_err *err)
{
    if (get_i64(saved, "v") != 1) {
        return odk_err_set(err, ODK_ECORRUPT,
                           "stored state: version %lld is not known",
                           (long long)get_i64(saved, "v"));
    }
    int rc = load_identity(engine, saved, err);
    if (rc != 0) {
        return rc;
    }
    engine->version = get_i64(saved, "version");
    engine->next_event_id = get_i64(saved, "nextEvent");
    engine->next_hidden_id = ENGINE_HIDDEN_ID + get_i64(saved, "nextHidden");
    engine->clock = get_i64(saved, "clock");
    engine->started_at = get_i64(saved, "startedAt");
    engine->closed_at = get_i64(saved, "closedAt");
    engine->next_timer = (uint64_t)get_i64(saved, "nextTimer");
    engine->loop_count = get_i64(saved, "loop");
    engine->output = get_json(saved, "output");
    engine->error = get_str(saved, "error");
    engine->cause = get_str(saved, "cause");
    engine->closing = (enum engine_status)get_i64(saved, "closing");
    engine->timeout_left = get_i64(saved, "timeoutLeft");
    engine->is_past_pivot = get_i64(saved, "pastPivot") != 0;
    engine->is_cancel_asked = get_i64(saved, "cancelAsked") != 0;
    engine->cancel_reason = get_str(saved, "cancelReason");
    engine->undo_prev = get_i64(saved, "undoPrev");
    engine->undo_done = get_i64(saved, "undoDone");
    engine->has_undone = get_i64(saved, "hasUndone") != 0;
    load_list(engine, saved, "replies", load_reply);
    load_list(engine, saved, "activities", load_activity);
    load_list(engine, saved, "timers", load_timer);
    load_list(engine, saved, "signals", load_signal);
    load_list(engine, saved, "undos", load_undo);
    load_list(engine, saved, "rollbacks", load_rollback);
    return engine->decider->load(engine->lines, json_get(saved, "lines"), err);
}

int
engine_load(struct odk_str state, const struct asl_machine *machine,
            struct engine **out, struct odk_err *err)
{
    struct odk_err why = {0};
    json_t *saved = json_parse(state, &why);

    *out = NULL;
    if (!saved) {
        return odk_err_set(err, ODK_ECORRUPT, "stored state: %s", why.message);
    }
    struct engine *engine = engine_blank(machine);
    int rc = load_all(engine, saved, err);
    json_decref(saved);
    if (rc != 0) {
        engine_free(engine);
        return rc;
    }
    *out = engine;
    return 0;
}

int
engine_replay(struct engine **engine, const struct asl_machine *machine,
              struct odk_str entries, struct odk_err *err)
{
    json_t *list = json_parse(entries, err);
    int rc = 0;

    if (!json_is_array(list)) {
        json_decref(list);
        return odk_err_set(err, ODK_ECORRUPT, "history is no list of entries");
    }
    if (!*engine) {
        *engine = engine_blank(machine);
    }
    struct engine_step_scratch *step = &(*engine)->step;
    odk_buf_clear(&step->entries);
    step->spans.n = 0;
    step->n_entries = 0;
    step->n_timers = 0;
    step->is_noting = true;
    enum engine_status before = (*engine)->status;
    engine_texts_clear(&(*engine)->texts);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        struct engine_entry entry;
        rc = engine_entry_read(json_array_get(list, i), &entry, err);
        if (rc == 0 && entry.id != 0 && entry.id < ENGINE_HIDDEN_ID &&
            entry.id != (*engine)->next_event_id) {
            rc = odk_err_set(
                err, ODK_ECORRUPT, "history: event %lld where %lld is due",
                (long long)entry.id, (long long)(*engine)->next_event_id);
        }
        if (rc == 0) {
            engine_write(*engine, &entry);
            engine_apply(*engine, &entry);
        }
    }
    json_decref(list);
    step->is_noting = false;
    if (rc == 0) {
        odk_buf_put_char(&step->entries, ']');
        engine_seal(*engine);
        step->is_status_new =
            (*engine)->status != before || (*engine)->version == 1;
    }
    return rc;
}

void
engine_replayed(const struct engine *engine, struct engine_update *out)
{
    *out = (struct engine_update){
        .version = engine->version,
        .status = engine->status,
        .is_status_changed = engine->step.is_status_new,
        .is_stuck = engine_is_stuck(engine),
        .timers = engine->step.timers,
        .n_timers = engine->step.n_timers,
    };
}
