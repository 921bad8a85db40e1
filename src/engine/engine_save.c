/*
 * The state as stored: compact JSON with short names, written directly. The
 * order of members and lists is fixed, so that the same state gives the same
 * bytes. engine_load.c reads it back.
 */

#include "engine/engine_priv.h"

static void
key(struct odk_buf *out, const char *name)
{
    char last = out->len > 0 ? out->ptr[out->len - 1] : '{';

    if (last != '{' && last != '[') {
        odk_buf_put_char(out, ',');
    }
    odk_buf_put_char(out, '"');
    odk_buf_put_cstr(out, name);
    odk_buf_put_cstr(out, "\":");
}

static void
put_i64(struct odk_buf *out, const char *name, int64_t value)
{
    if (value != 0) {
        key(out, name);
        odk_buf_put_i64(out, value);
    }
}

static void
put_str(struct odk_buf *out, const char *name, struct odk_str s)
{
    if (s.ptr) {
        key(out, name);
        odk_buf_put_json_str(out, s);
    }
}

static void
put_json(struct odk_buf *out, const char *name, json_t *value,
         struct engine_texts *texts)
{
    if (value) {
        key(out, name);
        engine_texts_put(texts, value, out);
    }
}

static void
open_item(struct odk_buf *out)
{
    odk_buf_put_cstr(out, out->ptr[out->len - 1] == '[' ? "{" : ",{");
}

static void
put_tokens(struct odk_buf *out, const struct engine_token *tokens, int32_t n)
{
    if (n == 0) {
        return;
    }
    key(out, "tokens");
    odk_buf_put_char(out, '[');
    for (int32_t i = 0; i < n; i++) {
        odk_buf_put_cstr(out, i > 0 ? ",[" : "[");
        odk_buf_put_i64(out, tokens[i].attempt);
        odk_buf_put_char(out, ',');
        odk_buf_put_u64(out, tokens[i].seq);
        odk_buf_put_char(out, ']');
    }
    odk_buf_put_char(out, ']');
}

static void
put_activity(struct odk_buf *out, const struct engine_activity *activity,
             struct engine_texts *texts)
{
    open_item(out);
    put_i64(out, "id", activity->id);
    put_i64(out, "frame", activity->frame);
    put_i64(out, "attempt", activity->attempt);
    put_i64(out, "prev", activity->prev);
    put_i64(out, "entry", activity->entry);
    put_i64(out, "status", (int64_t)activity->status);
    put_i64(out, "family", (int64_t)activity->family);
    put_i64(out, "unknown", activity->n_unknown);
    put_i64(out, "lastUnknown", activity->is_last_unknown);
    put_tokens(out, activity->tokens, activity->n_tokens);
    put_json(out, "late", activity->late, texts);
    put_str(out, "queue", activity->queue);
    put_str(out, "type", activity->type);
    put_str(out, "resource", activity->resource);
    put_str(out, "resourceType", activity->resource_type);
    put_str(out, "worker", activity->worker);
    put_json(out, "input", activity->input, texts);
    put_i64(out, "scheduledAt", activity->scheduled_at);
    put_i64(out, "publishedAt", activity->published_at);
    put_i64(out, "startedAt", activity->started_at);
    put_i64(out, "heartbeatAt", activity->heartbeat_at);
    put_json(out, "heartbeat", activity->heartbeat, texts);
    put_i64(out, "scheduleToStart", activity->schedule_to_start_ms);
    put_i64(out, "startToClose", activity->start_to_close_ms);
    put_i64(out, "heartbeatMs", activity->heartbeat_ms);
    put_i64(out, "scheduleToCloseAt", activity->schedule_to_close_at);
    put_i64(out, "timer", (int64_t)activity->timer);
    put_str(out, "error", activity->error);
    put_str(out, "cause", activity->cause);
    odk_buf_put_char(out, '}');
}

static void
put_activities(const struct engine *engine, struct odk_buf *out,
               struct engine_texts *texts)
{
    if (engine->n_activities == 0) {
        return;
    }
    key(out, "activities");
    odk_buf_put_char(out, '[');
    for (size_t i = 0; i < engine->n_activities; i++) {
        put_activity(out, &engine->activities[i], texts);
    }
    odk_buf_put_char(out, ']');
}

static void
put_timers(const struct engine *engine, struct odk_buf *out)
{
    if (engine->n_timers == 0) {
        return;
    }
    key(out, "timers");
    odk_buf_put_char(out, '[');
    for (size_t i = 0; i < engine->n_timers; i++) {
        const struct engine_timer *timer = &engine->timers[i];
        odk_buf_put_cstr(out, i > 0 ? ",[" : "[");
        odk_buf_put_u64(out, timer->id);
        odk_buf_put_char(out, ',');
        odk_buf_put_i64(out, (int64_t)timer->kind);
        odk_buf_put_char(out, ',');
        odk_buf_put_i64(out, timer->ref);
        odk_buf_put_char(out, ',');
        odk_buf_put_i64(out, timer->due);
        odk_buf_put_char(out, ']');
    }
    odk_buf_put_char(out, ']');
}

static void
put_signals(const struct engine *engine, struct odk_buf *out,
            struct engine_texts *texts)
{
    if (engine->n_signals == 0) {
        return;
    }
    key(out, "signals");
    odk_buf_put_char(out, '[');
    for (size_t i = 0; i < engine->n_signals; i++) {
        open_item(out);
        put_str(out, "name", engine->signals[i].name);
        put_json(out, "payload", engine->signals[i].payload, texts);
        odk_buf_put_char(out, '}');
    }
    odk_buf_put_char(out, ']');
}

static void
put_replies(const struct engine *engine, struct odk_buf *out)
{
    if (engine->n_replies == 0) {
        return;
    }
    key(out, "replies");
    odk_buf_put_char(out, '[');
    for (size_t i = 0; i < engine->n_replies; i++) {
        open_item(out);
        put_str(out, "topic", engine->replies[i].topic);
        put_i64(out, "partition", engine->replies[i].partition);
        put_str(out, "correlationId", engine->replies[i].correlation_id);
        odk_buf_put_char(out, '}');
    }
    odk_buf_put_char(out, ']');
}

static void
put_undo(struct odk_buf *out, const struct engine_undo_entry *undo,
         struct engine_texts *texts)
{
    open_item(out);
    put_i64(out, "id", undo->id);
    put_i64(out, "activity", undo->activity);
    put_i64(out, "frame", undo->frame);
    put_i64(out, "attempt", undo->attempt);
    put_i64(out, "rollback", undo->rollback);
    put_i64(out, "tries", undo->tries);
    put_i64(out, "status", (int64_t)undo->status);
    put_i64(out, "pivot", undo->is_pivot);
    put_i64(out, "doubtful", undo->is_doubtful);
    put_str(out, "state", undo->state);
    put_str(out, "resource", undo->resource);
    put_json(out, "arguments", undo->arguments, texts);
    put_json(out, "input", undo->input, texts);
    put_str(out, "error", undo->error);
    put_str(out, "cause", undo->cause);
    put_i64(out, "timer", (int64_t)undo->timer);
    put_tokens(out, undo->tokens, undo->n_tokens);
    odk_buf_put_char(out, '}');
}

static void
put_undos(const struct engine *engine, struct odk_buf *out,
          struct engine_texts *texts)
{
    if (engine->n_undos > 0) {
        key(out, "undos");
        odk_buf_put_char(out, '[');
        for (size_t i = 0; i < engine->n_undos; i++) {
            put_undo(out, &engine->undos[i], texts);
        }
        odk_buf_put_char(out, ']');
    }
    if (engine->n_rollbacks > 0) {
        key(out, "rollbacks");
        odk_buf_put_char(out, '[');
        for (size_t i = 0; i < engine->n_rollbacks; i++) {
            odk_buf_put_cstr(out, i > 0 ? ",[" : "[");
            odk_buf_put_i64(out, engine->rollbacks[i].frame);
            odk_buf_put_char(out, ',');
            odk_buf_put_i64(out, engine->rollbacks[i].n_done);
            odk_buf_put_char(out, ']');
        }
        odk_buf_put_char(out, ']');
    }
    put_i64(out, "closing", (int64_t)engine->closing);
    put_i64(out, "timeoutLeft", engine->timeout_left);
    put_i64(out, "pastPivot", engine->is_past_pivot);
    put_i64(out, "cancelAsked", engine->is_cancel_asked);
    put_str(out, "cancelReason", engine->cancel_reason);
    put_i64(out, "undoPrev", engine->undo_prev);
    put_i64(out, "undoDone", engine->undo_done);
    put_i64(out, "hasUndone", engine->has_undone);
}

static void
put_identity(const struct engine *engine, struct odk_buf *out,
             struct engine_texts *texts)
{
    const struct engine_identity *identity = &engine->identity;
    char run_id[ODK_UUID_TEXT_LEN + 1];

    odk_uuid_format(&identity->run_id, run_id);
    put_str(out, "namespace", identity->namespace_);
    put_str(out, "workflowId", identity->workflow_id);
    put_str(out, "runId", odk_str(run_id));
    put_str(out, "definition", identity->definition);
    put_i64(out, "definitionVersion", identity->definition_version);
    put_str(out, "traceparent", identity->traceparent);
    put_i64(out, "timeout", engine->timeout_ms);
    put_i64(out, "republish", engine->republish_ms);
    put_i64(out, "express", engine->is_express);
    put_json(out, "context", engine->context, texts);
    put_json(out, "input", engine->input, texts);
}

void
engine_save(const struct engine *engine, struct odk_buf *out)
{
    /* The cache of texts is no part of the state. */
    union {
        const struct engine_texts *in;
        struct engine_texts *out;
    } texts = {.in = &engine->texts};

    char chain[2 * ODK_SHA256_BYTES + 1];

    odk_hex(engine->chain, sizeof(engine->chain), chain);
    odk_buf_put_cstr(out, "{\"v\":1");
    put_identity(engine, out, texts.out);
    put_str(out, "status", odk_str(engine_status_name(engine->status)));
    put_i64(out, "version", engine->version);
    put_i64(out, "nextEvent", engine->next_event_id);
    put_i64(out, "nextHidden", engine->next_hidden_id - ENGINE_HIDDEN_ID);
    put_i64(out, "clock", engine->clock);
    put_i64(out, "startedAt", engine->started_at);
    put_i64(out, "closedAt", engine->closed_at);
    put_i64(out, "nextTimer", (int64_t)engine->next_timer);
    put_i64(out, "loop", engine->loop_count);
    put_str(out, "chain", odk_str(chain));
    put_json(out, "output", engine->output, texts.out);
    put_str(out, "error", engine->error);
    put_str(out, "cause", engine->cause);
    put_replies(engine, out);
    put_activities(engine, out, texts.out);
    put_timers(engine, out);
    put_signals(engine, out, texts.out);
    put_undos(engine, out, texts.out);
    if (engine->status == ENGINE_RUNNING) {
        key(out, "lines");
        engine->decider->save(engine->lines, texts.out, out);
    } else if (engine->decider->has_closed(engine->lines)) {
        key(out, "lines");
        engine->decider->save_closed(engine->lines, texts.out, out);
    }
    odk_buf_put_char(out, '}');
}
