#include "json/json.h"
#include "lane/lane_priv.h"

/* A run goes on beyond AWS's quota of events, but somebody should know. */
static void
warn_of_length(const struct lane *lane, const struct lane_execution *execution,
               const struct engine_update *update)
{
    int64_t quota = lane->options.history_events_warn;

    if (update->first_event_id > 0 && update->first_event_id <= quota + 1 &&
        update->last_event_id > quota) {
        lane_log(lane, ODK_LOG_WARN, "history.long",
                 "the run of %.*s has more than %lld events",
                 ODK_STR_ARG(execution->key), (long long)quota);
    }
}

int
lane_step(struct lane *lane, struct lane_input *input,
          struct lane_execution *execution, struct engine_input *event,
          struct engine_update *update, struct odk_err *err)
{
    struct engine_update local = {0};
    struct engine_update *out = update ? update : &local;
    struct lane_shard *shard = input->shard;

    event->now = shard->now;
    event->limits = lane->options.limits;
    event->seed = input->seed;
    event->seq_next = shard->outbox_seq + 1;
    if (event->kind == ENGINE_INPUT_START ||
        event->kind == ENGINE_INPUT_SUBSCRIBE) {
        event->reply = input->reply;
    }
    int rc = engine_step(execution->engine, event, out, err);
    if (rc != 0) {
        return odk_err_wrap(err, rc, "run of %.*s",
                            ODK_STR_ARG(execution->key));
    }
    if (out->is_ignored) {
        lane->stats.ignored++;
        return 0;
    }
    if (out->rejected && out->entries.len == 0) {
        return 0;
    }
    warn_of_length(lane, execution, out);
    return lane_emit_update(lane, input, execution, out, err);
}

/* The output of a worker, or NULL and the event turned into a failure whose
 * effect nobody knows. */
static json_t *
result_payload(struct odk_str content_type, struct odk_str bytes,
               struct engine_input *event, struct odk_err *problem)
{
    bool is_json = content_type.len == 0 ||
                   odk_str_starts(content_type, ODK_STR("application/json"));
    json_t *payload = NULL;

    if (bytes.len == 0) {
        payload = json_null();
    } else if (is_json) {
        payload = json_parse(bytes, problem);
    } else {
        (void)odk_err_set(problem, ODK_EUNSUPPORTED, "content type %.*s",
                          ODK_STR_ARG(content_type));
    }
    if (!payload) {
        event->kind = ENGINE_INPUT_TASK_FAILED;
        event->error = ODK_STR("Odradek.InvalidOutput");
        event->cause = odk_str(problem->message);
        event->effect = ENGINE_EFFECT_UNKNOWN;
    }
    return payload;
}

static void
result_event(const struct lane_input *input, struct engine_input *event,
             json_t **payload, struct odk_err *problem)
{
    const struct codec_record *record = &input->record;

    if (record->kind == CODEC_TASK_STARTED) {
        event->kind = ENGINE_INPUT_TASK_STARTED;
        event->activity_id = record->task_started.activity_id;
        event->attempt = record->task_started.attempt;
        event->worker = record->task_started.worker;
    } else if (record->kind == CODEC_TASK_SUCCEEDED) {
        event->kind = ENGINE_INPUT_TASK_SUCCEEDED;
        event->activity_id = record->task_succeeded.activity_id;
        event->attempt = record->task_succeeded.attempt;
        *payload =
            result_payload(record->task_succeeded.content_type,
                           record->task_succeeded.output, event, problem);
    } else if (record->kind == CODEC_TASK_FAILED) {
        event->kind = ENGINE_INPUT_TASK_FAILED;
        event->activity_id = record->task_failed.activity_id;
        event->attempt = record->task_failed.attempt;
        event->error = record->task_failed.error;
        event->cause = record->task_failed.cause;
        event->effect = record->task_failed.effect == CODEC_TASK_EFFECT_UNKNOWN
                            ? ENGINE_EFFECT_UNKNOWN
                            : ENGINE_EFFECT_NONE;
    } else {
        odk_assert(record->kind == CODEC_TASK_HEARTBEAT);
        event->kind = ENGINE_INPUT_TASK_HEARTBEAT;
        event->activity_id = record->task_heartbeat.activity_id;
        event->attempt = record->task_heartbeat.attempt;
        /* Details are for people; what is no JSON is shown as text. */
        *payload = record->task_heartbeat.details.len
                       ? json_parse(record->task_heartbeat.details, problem)
                       : NULL;
    }
    event->payload = *payload;
    event->token_seq = input->token_seq;
}

/*
 * A closed run takes one thing: a late success of a compensatable task, which
 * is kept, listed and alarmed (saga.md). *out stays NULL when it takes nothing.
 */
static int
closed_run(struct lane *lane, const struct lane_input *input,
           struct lane_execution **out, struct odk_err *err)
{
    const struct store_execution *found = &input->found;
    struct lane_definition *definition = NULL;
    struct engine *engine = NULL;

    *out = NULL;
    if (!found->is_found || found->status == ENGINE_RUNNING ||
        input->record.kind != CODEC_TASK_SUCCEEDED ||
        !odk_str_eq(found->workflow_key, input->workflow_key)) {
        return 0;
    }
    ptrdiff_t slash = odk_str_find(found->workflow_key, '/');
    odk_assert(slash > 0);
    int rc = lane_definition_get(
        lane, odk_str_n(found->workflow_key.ptr, (size_t)slash),
        found->definition, found->definition_version, &definition, err);
    if (rc != 0 || !definition->machine->has_compensation) {
        return rc;
    }
    rc = engine_load(found->state, definition->machine, &engine, err);
    if (rc == 0) {
        *out = lane_cache_add(&lane->cache, input->shard->id,
                              found->workflow_key, engine, definition, false);
    }
    return rc;
}

static int
step_result(struct lane *lane, struct lane_input *input,
            struct lane_execution *execution, struct odk_err *err)
{
    bool is_closed = engine_status(execution->engine) != ENGINE_RUNNING;
    struct engine_input event = {0};
    struct engine_update update = {0};
    struct odk_err problem = {0};
    json_t *payload = NULL;

    result_event(input, &event, &payload, &problem);
    int rc = lane_step(lane, input, execution, &event, &update, err);
    json_decref(payload);
    if (rc == 0 && is_closed && !update.is_ignored) {
        lane->stats.late_effects++;
        lane_log(lane, ODK_LOG_ERROR, "execution.late_effect",
                 "%.*s: a task succeeded after its run was closed; its effect "
                 "is not undone (odradek describe lists it)",
                 ODK_STR_ARG(input->workflow_key));
    }
    return rc;
}

int
lane_apply_result(struct lane *lane, struct lane_input *input,
                  struct odk_err *err)
{
    struct lane_execution *execution = lane_input_execution(lane, input);

    if (!execution) {
        int rc = closed_run(lane, input, &execution, err);
        if (rc != 0) {
            return rc;
        }
    }
    if (!execution) {
        lane->stats.ignored++; /* an unknown or closed run: never an error */
        return 0;
    }
    return step_result(lane, input, execution, err);
}

int
lane_apply_timer(struct lane *lane, struct lane_input *input,
                 struct odk_err *err)
{
    struct lane_execution *execution = lane_input_execution(lane, input);
    struct engine_input event = {.kind = ENGINE_INPUT_TIMER,
                                 .timer_id = input->timer.id};
    struct engine_timer_op drop = {.id = input->timer.id,
                                   .due = input->timer.due};

    if (!lane_timers_has(&input->shard->timers, &input->run_id,
                         input->timer.id)) {
        lane->stats.ignored++; /* an earlier slice of the tick dropped it */
        return 0;
    }
    lane_batch_timer(lane, input->shard->id, &input->run_id, &drop);
    if (!execution || engine_status(execution->engine) != ENGINE_RUNNING) {
        lane->stats.ignored++;
        return 0;
    }
    return lane_step(lane, input, execution, &event, NULL, err);
}
