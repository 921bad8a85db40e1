#include "json/json.h"
#include "lane/lane_priv.h"

int
lane_step(struct lane *lane, struct lane_input *input,
          struct lane_execution *execution, struct engine_input *event,
          struct engine_update *update, struct odk_err *err)
{
    struct engine_update local = {0};
    struct engine_update *out = update ? update : &local;
    struct lane_shard *shard = input->shard;

    event->now = shard->now;
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

int
lane_apply_result(struct lane *lane, struct lane_input *input,
                  struct odk_err *err)
{
    struct lane_execution *execution = lane_input_execution(lane, input);
    struct engine_input event = {0};
    struct odk_err problem = {0};
    json_t *payload = NULL;

    if (!execution || engine_status(execution->engine) != ENGINE_RUNNING) {
        lane->stats
            .ignored++; /* an unknown or closed run: counted, never an error */
        return 0;
    }
    result_event(input, &event, &payload, &problem);
    int rc = lane_step(lane, input, execution, &event, NULL, err);
    json_decref(payload);
    return rc;
}

int
lane_apply_timer(struct lane *lane, struct lane_input *input,
                 struct odk_err *err)
{
    struct lane_execution *execution = lane_input_execution(lane, input);
    struct engine_input event = {.kind = ENGINE_INPUT_TIMER,
                                 .timer_id = input->timer->timer.id};
    struct engine_timer_op drop = {.id = input->timer->timer.id,
                                   .due = input->timer->timer.due};

    lane_batch_timer(lane, input->shard->id, &input->run_id, &drop);
    if (!execution || engine_status(execution->engine) != ENGINE_RUNNING) {
        lane->stats.ignored++;
        return 0;
    }
    return lane_step(lane, input, execution, &event, NULL, err);
}
