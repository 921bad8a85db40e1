#include <stdio.h>

#include "json/json.h"
#include "lane/lane_priv.h"
#include "store/store_headers.h"

/* ---- one output ---- */

enum target_fate {
    TARGET_GOOD,
    TARGET_DROP, /**< a reply to nowhere */
    TARGET_PARK,
};

struct target {
    struct odk_str topic;
    int32_t partition; /**< -1: the shard's own among those the topic has */
    bool is_reply;
    struct odk_str key;
};

/* Where an output goes, from cached metadata (I7). ODK_EAGAIN: not known yet,
 * the batch is tried again. */
static int
target_check(struct lane *lane, int32_t shard, struct target *target,
             enum target_fate *fate, struct odk_err *err)
{
    int32_t partitions = 0;
    int rc = bus_partitions(&lane->bus, target->topic, &partitions, err);

    *fate = TARGET_GOOD;
    bool is_missing = rc == ODK_ENOTFOUND || rc == ODK_EAUTH ||
                      rc == ODK_EINVAL ||
                      (rc == 0 && target->partition >= partitions);
    if (is_missing && lane_is_never_parked(target->topic)) {
        return odk_err_set(err, ODK_EQUARANTINE,
                           "%.*s/%d is not there or not ours to write: create "
                           "it or grant the right, then odradek shards release",
                           ODK_STR_ARG(target->topic), target->partition);
    }
    if (is_missing) {
        *fate = target->is_reply ? TARGET_DROP : TARGET_PARK;
        return 0;
    }
    if (rc == 0 && target->partition < 0) {
        target->partition = shard % partitions;
    }
    return rc;
}

static void
add_void(struct lane *lane, int32_t shard, uint64_t seq)
{
    struct bus_ack *ack = lane_vec_push(&lane->batch.voids, sizeof(*ack));

    *ack = (struct bus_ack){.shard = shard, .seq = seq};
}

/* Gives the record in lane->scratch (headers in lane->headers) its number and
 * its place in the batch. */
static int
emit(struct lane *lane, struct lane_shard *shard, struct target target,
     struct odk_err *err)
{
    enum target_fate fate = TARGET_GOOD;
    int rc = target_check(lane, shard->id, &target, &fate, err);

    if (rc != 0) {
        return rc;
    }
    uint64_t seq = ++shard->outbox_seq;
    shard->n_outputs++;
    if (fate == TARGET_DROP) {
        lane->stats.replies_dropped++;
        add_void(lane, shard->id, seq);
        return 0;
    }
    struct store_output output = {
        .seq = seq,
        .topic = target.topic,
        .partition = target.partition,
        .key = lane_keep(lane, target.key),
        .value = lane_keep(lane, odk_buf_str(&lane->scratch)),
        .headers = lane_keep(lane, odk_buf_str(&lane->headers))};
    if (fate == TARGET_PARK) {
        struct store_parked_write *parked =
            lane_vec_push(&lane->batch.parked, sizeof(*parked));
        *parked = (struct store_parked_write){
            shard->id, output,
            ODK_STR("the topic does not exist or is not ours to write")};
        parked->output.partition = 0;
        lane->stats.parked++;
        lane_log(lane, ODK_LOG_ERROR, "output.parked",
                 "topic %.*s does not exist or is not ours to write: an output "
                 "of shard %d is parked; create the topic or grant the right",
                 ODK_STR_ARG(target.topic), shard->id);
        add_void(lane, shard->id, seq);
        return 0;
    }
    struct store_output_write *write =
        lane_vec_push(&lane->batch.outputs, sizeof(*write));
    *write = (struct store_output_write){shard->id, output};
    *(bool *)lane_vec_push(&lane->batch.named, sizeof(bool)) =
        odk_str_is(target.topic, LANE_TOPIC_HISTORY);
    lane->stats.outputs++;
    return 0;
}

static int
encode(struct lane *lane, enum codec_kind kind, const void *record,
       struct odk_err *err)
{
    odk_buf_clear(&lane->scratch);
    odk_buf_clear(&lane->headers);
    return codec_encode(lane->options.codec, kind, record, &lane->scratch, err);
}

static struct odk_str
topic_name(struct lane *lane, const char *prefix, struct odk_str name)
{
    odk_buf_clear(&lane->scratch);
    odk_buf_put_cstr(&lane->scratch, prefix);
    odk_buf_put_str(&lane->scratch, name);
    return lane_keep(lane, odk_buf_str(&lane->scratch));
}

static struct odk_str
run_text(struct lane *lane, const struct odk_uuid *run_id)
{
    char text[ODK_UUID_TEXT_LEN + 1];

    odk_uuid_format(run_id, text);
    return lane_keep(lane, odk_str(text));
}

static struct odk_str
payload_text(struct lane *lane, json_t *payload)
{
    odk_buf_clear(&lane->scratch);
    int rc = json_dump(payload, &lane->scratch);
    odk_assert(rc == 0);
    return lane_keep(lane, odk_buf_str(&lane->scratch));
}

/* ---- tasks ---- */

static struct odk_str
token_text(struct lane *lane, const struct odk_uuid *run_id,
           const struct engine_output *output, uint64_t seq)
{
    char text[LANE_TOKEN_TEXT_BYTES];
    struct lane_token token = {*run_id, output->activity_id, output->attempt,
                               seq};
    size_t len = lane_token_format(lane->options.token_key, &token, text);

    return lane_keep(lane, odk_str_n(text, len));
}

static int
emit_task(struct lane *lane, struct lane_shard *shard,
          const struct lane_execution *execution,
          const struct engine_output *output, struct odk_err *err)
{
    const struct engine_identity *identity = engine_identity(execution->engine);
    struct codec_task task = {
        .namespace = identity->namespace_,
        .workflow_id = identity->workflow_id,
        .run_id = run_text(lane, &identity->run_id),
        .activity_id = output->activity_id,
        .attempt = output->attempt,
        .queue = output->queue,
        .type = output->type,
        .input = payload_text(lane, output->input),
        .content_type = ODK_STR("application/json"),
        .has_start_to_close_ms = output->start_to_close_ms > 0,
        .start_to_close_ms = output->start_to_close_ms,
        .has_heartbeat_ms = output->heartbeat_ms > 0,
        .heartbeat_ms = output->heartbeat_ms,
        .has_schedule_to_close_at =
            output->schedule_to_close_at != ODK_TIME_NEVER,
        .schedule_to_close_at = output->schedule_to_close_at,
        .scheduled_at = shard->now,
        .wants_started = output->wants_started,
        .token =
            token_text(lane, &identity->run_id, output, shard->outbox_seq + 1),
    };
    struct target target = {topic_name(lane, LANE_TOPIC_TASKS, output->queue),
                            -1, false, execution->key};
    int rc = encode(lane, CODEC_TASK, &task, err);

    return rc ? rc : emit(lane, shard, target, err);
}

static int
emit_cancel(struct lane *lane, struct lane_shard *shard,
            const struct lane_execution *execution,
            const struct engine_output *output, struct odk_err *err)
{
    const struct engine_identity *identity = engine_identity(execution->engine);
    struct codec_cancel_task cancel = {
        .namespace = identity->namespace_,
        .workflow_id = identity->workflow_id,
        .run_id = run_text(lane, &identity->run_id),
        .activity_id = output->activity_id,
        .attempt = output->attempt,
        .queue = output->queue,
        .token = token_text(lane, &identity->run_id, output, output->token_seq),
        .reason = output->reason,
    };
    struct target target = {topic_name(lane, LANE_TOPIC_CANCELS, output->queue),
                            -1, false, execution->key};
    int rc = encode(lane, CODEC_CANCEL_TASK, &cancel, err);

    return rc ? rc : emit(lane, shard, target, err);
}

/* ---- replies ---- */

static enum codec_execution_status
status_of(enum engine_status status)
{
    switch (status) {
    case ENGINE_RUNNING:
        return CODEC_EXECUTION_STATUS_RUNNING;
    case ENGINE_SUCCEEDED:
        return CODEC_EXECUTION_STATUS_SUCCEEDED;
    case ENGINE_FAILED:
        return CODEC_EXECUTION_STATUS_FAILED;
    case ENGINE_TIMED_OUT:
        return CODEC_EXECUTION_STATUS_TIMED_OUT;
    case ENGINE_ABORTED:
        return CODEC_EXECUTION_STATUS_ABORTED;
    case ENGINE_TERMINATED:
        return CODEC_EXECUTION_STATUS_TERMINATED;
    }
    return CODEC_EXECUTION_STATUS_RUNNING;
}

static int
emit_reply(struct lane *lane, struct lane_shard *shard,
           const struct engine_reply_to *to, struct codec_reply *reply,
           struct odk_err *err)
{
    struct target target = {lane_keep(lane, to->topic), to->partition, true,
                            lane_keep(lane, to->correlation_id)};

    reply->correlation_id = to->correlation_id;
    if (!odk_str_starts(to->topic, ODK_STR(LANE_TOPIC_REPLIES)) ||
        to->partition < 0) {
        lane->stats.replies_dropped++; /* a reply topic is declared, never any
                                          topic of the cluster */
        add_void(lane, shard->id, ++shard->outbox_seq);
        shard->n_outputs++;
        return 0;
    }
    int rc = encode(lane, CODEC_REPLY, reply, err);
    return rc ? rc : emit(lane, shard, target, err);
}

int
lane_emit_reply(struct lane *lane, const struct lane_input *input,
                const struct odk_uuid *run_id, const char *code,
                struct odk_str message, struct odk_err *err)
{
    struct odk_str key = input->workflow_key;
    ptrdiff_t slash = odk_str_find(key, '/');

    if (!input->reply.topic.ptr) {
        return 0;
    }
    /* The key of a bad record may be anything. */
    odk_assert(slash > 0 || code);
    struct codec_reply reply = {
        .kind = code ? CODEC_REPLY_KIND_REJECTED : CODEC_REPLY_KIND_ACCEPTED,
        .namespace = odk_str_n(key.ptr, slash > 0 ? (size_t)slash : 0),
        .workflow_id = odk_str_from(key, (size_t)slash + 1),
        .run_id = run_id ? run_text(lane, run_id) : (struct odk_str){0},
        .code = odk_str(code),
        .message = code ? message : (struct odk_str){0},
    };
    return emit_reply(lane, input->shard, &input->reply, &reply, err);
}

int
lane_emit_closed(struct lane *lane, struct lane_shard *shard,
                 const struct engine *engine, const struct engine_reply_to *to,
                 struct odk_err *err)
{
    const struct engine_identity *identity = engine_identity(engine);
    json_t *output = engine_output(engine);
    struct codec_reply reply = {
        .kind = CODEC_REPLY_KIND_CLOSED,
        .namespace = identity->namespace_,
        .workflow_id = identity->workflow_id,
        .run_id = run_text(lane, &identity->run_id),
        .has_status = true,
        .status = status_of(engine_status(engine)),
        .output = output ? payload_text(lane, output) : (struct odk_str){0},
        .error = engine_error(engine),
        .cause = engine_cause(engine),
    };
    return emit_reply(lane, shard, to, &reply, err);
}

/* ---- history ---- */

static void
history_timers(struct lane *lane, const struct engine_update *update,
               struct codec_history_record *record)
{
    record->timers_set = odk_arena_calloc(&lane->arena, update->n_timers,
                                          sizeof(*record->timers_set));
    record->timers_dropped =
        odk_arena_calloc(&lane->arena, update->n_timers, sizeof(int64_t));
    odk_assert(record->timers_set && record->timers_dropped);
    for (size_t i = 0; i < update->n_timers; i++) {
        const struct engine_timer_op *op = &update->timers[i];
        if (op->is_set) {
            record->timers_set[record->n_timers_set++] =
                (struct codec_timer_set){.id = (int64_t)op->id, .due = op->due};
        } else {
            record->timers_dropped[record->n_timers_dropped++] =
                (int64_t)op->id;
        }
    }
}

/* The outputs of this shard since first in the batch: the transition's own. */
static void
history_outputs(struct lane *lane, int32_t shard, size_t first,
                struct codec_history_record *record)
{
    bool *named = lane->batch.named.items;

    for (size_t i = first; i < lane->batch.outputs.n; i++) {
        const struct store_output_write *outputs = lane->batch.outputs.items;
        named[i] |= outputs[i].shard == shard;
    }
    record->outputs =
        lane_output_refs(lane, shard, first, true, &record->n_outputs);
}

/* Whether the transition implies the outcome that its command is remembered by:
 * accepted, with this run. Not where a start ends the run before its own. */
static bool
implies_request(const struct lane_input *input,
                const struct engine_update *update)
{
    bool is_own = input->record.kind != CODEC_START_WORKFLOW ||
                  update->version == 1 || update->status == ENGINE_RUNNING;

    return input->message && input->request_id.ptr && !input->is_repeat &&
           !update->rejected && is_own;
}

static void
history_origin(const struct lane_input *input,
               struct codec_history_record *record)
{
    if (input->message) {
        record->has_origin = true;
        record->origin.topic = input->message->topic == LANE_PLACE_COMMANDS
                                   ? ODK_STR(LANE_TOPIC_COMMANDS)
                                   : ODK_STR(LANE_TOPIC_RESULTS);
        record->origin.partition = input->message->partition;
        record->origin.offset = input->message->offset;
    } else {
        record->has_timer_id = true;
        record->timer_id = (int64_t)input->timer.id;
    }
    record->request_id = input->request_id;
    record->has_source = input->has_source;
    record->source = input->source;
}

/* One record, or parts with consecutive numbers when the entries are too long
 * for one. */
static int
emit_history_parts(struct lane *lane, struct lane_shard *shard,
                   struct odk_str key, struct codec_history_record *record,
                   struct odk_err *err)
{
    struct odk_str entries = record->entries;
    size_t part_bytes = lane->options.record_bytes_max;
    size_t parts = entries.len <= part_bytes
                       ? 1
                       : (entries.len + part_bytes - 1) / part_bytes;
    struct target target = {ODK_STR(LANE_TOPIC_HISTORY), -1, false, key};
    int rc = 0;

    record->parts = (int32_t)parts;
    for (size_t i = 0; rc == 0 && i < parts; i++) {
        record->part = (int32_t)i + 1;
        record->entries = odk_str_from(entries, i * part_bytes);
        if (record->entries.len > part_bytes) {
            record->entries.len = part_bytes;
        }
        rc = encode(lane, CODEC_HISTORY_RECORD, record, err);
        if (rc == 0) {
            rc = emit(lane, shard, target, err);
        }
    }
    return rc;
}

static int
emit_history(struct lane *lane, struct lane_input *input,
             struct lane_execution *execution,
             const struct engine_update *update, size_t first_output,
             struct odk_err *err)
{
    const struct engine_identity *identity = engine_identity(execution->engine);
    struct lane_shard *shard = input->shard;
    struct codec_history_record record = {
        .shard = shard->id,
        .namespace = identity->namespace_,
        .workflow_id = identity->workflow_id,
        .run_id = run_text(lane, &identity->run_id),
        .version = update->version,
        .timestamp = shard->now,
        .definition = identity->definition,
        .definition_version = identity->definition_version,
        .status = status_of(update->status),
        .first_event_id = update->first_event_id,
        .last_event_id = update->last_event_id,
        .entries = lane_keep(lane, update->entries),
    };

    history_origin(input, &record);
    history_timers(lane, update, &record);
    history_outputs(lane, shard->id, first_output, &record);
    if (implies_request(input, update)) {
        input->is_in_history = true;
        record.request_digest = odk_str_n(input->digest, sizeof(input->digest));
    }
    if (input->has_source) {
        lane_source_name(shard, &input->source);
    }
    engine_chain(execution->engine, record.chain);
    struct store_history_write *row =
        lane_vec_push(&lane->batch.histories, sizeof(*row));
    *row =
        (struct store_history_write){.shard = shard->id,
                                     .run_id = identity->run_id,
                                     .version = update->version,
                                     .at = shard->now,
                                     .first_event_id = update->first_event_id,
                                     .entries = record.entries};
    return emit_history_parts(lane, shard, execution->key, &record, err);
}

/* ---- a transition ---- */

static int
emit_effect(struct lane *lane, struct lane_shard *shard,
            struct lane_execution *execution,
            const struct engine_output *output, struct odk_err *err)
{
    switch (output->kind) {
    case ENGINE_OUTPUT_TASK:
        return emit_task(lane, shard, execution, output, err);
    case ENGINE_OUTPUT_CANCEL_TASK:
        return emit_cancel(lane, shard, execution, output, err);
    case ENGINE_OUTPUT_REPLY:
        return lane_emit_closed(lane, shard, execution->engine, &output->reply,
                                err);
    }
    return odk_err_set(err, ODK_EINTERNAL, "an output of no kind");
}

static void
touch(struct lane *lane, struct lane_execution *execution,
      const struct engine_update *update)
{
    if (!execution->is_touched) {
        execution->is_touched = true;
        if (lane->batch.last_touched) {
            lane->batch.last_touched->next_touched = execution;
        } else {
            lane->batch.touched = execution;
        }
        lane->batch.last_touched = execution;
    }
    execution->is_stuck = update->is_stuck;
    execution->is_status_changed |=
        update->is_status_changed || execution->is_new;
    lane_cache_touch(&lane->cache, execution);
}

int
lane_emit_update(struct lane *lane, struct lane_input *input,
                 struct lane_execution *execution,
                 const struct engine_update *update, struct odk_err *err)
{
    struct lane_shard *shard = input->shard;
    size_t first_output = lane->batch.outputs.n;
    uint64_t seq_next = shard->outbox_seq + 1;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < update->n_outputs; i++) {
        rc = emit_effect(lane, shard, execution, &update->outputs[i], err);
        odk_assert(rc != 0 || shard->outbox_seq == seq_next + i);
    }
    for (size_t i = 0; rc == 0 && i < update->n_timers; i++) {
        lane_batch_timer(lane, shard->id, &execution->run_id,
                         &update->timers[i]);
    }
    if (rc == 0) {
        touch(lane, execution, update);
        shard->n_transitions++;
        lane->stats.transitions++;
        rc = emit_history(lane, input, execution, update, first_output, err);
    }
    return rc;
}

/* ---- records without a transition ---- */

static void
pack_number(struct lane *lane, const char *name, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)value);

    store_headers_put(&lane->headers, odk_str(name),
                      odk_str_n(text, (size_t)len));
}

int
lane_emit_deadletter(struct lane *lane, const struct lane_input *input,
                     struct odk_err *err)
{
    const struct bus_message *message = input->message;
    struct target target = {ODK_STR(LANE_TOPIC_DEADLETTER), -1, false,
                            message->key};
    const char *topic = message->topic == LANE_PLACE_COMMANDS
                            ? LANE_TOPIC_COMMANDS
                            : LANE_TOPIC_RESULTS;

    int64_t n_left_out = 0;

    odk_buf_clear(&lane->scratch);
    odk_buf_clear(&lane->headers);
    odk_buf_put_str(&lane->scratch, message->value);
    for (size_t i = 0; i < message->n_headers; i++) {
        struct odk_str name = message->headers[i].name;
        if (name.len <= STORE_HEADER_NAME_BYTES_MAX) {
            store_headers_put(&lane->headers, name, message->headers[i].value);
        } else {
            n_left_out++;
        }
    }
    if (n_left_out > 0) {
        pack_number(lane, "odk-headers-left-out", n_left_out);
    }
    store_headers_put(&lane->headers, ODK_STR("odk-origin-topic"),
                      odk_str(topic));
    pack_number(lane, "odk-origin-partition", message->partition);
    pack_number(lane, "odk-origin-offset", message->offset);
    store_headers_put(&lane->headers, ODK_STR("odk-error-code"),
                      odk_str(input->bad_code));
    store_headers_put(&lane->headers, ODK_STR("odk-error"),
                      odk_str(input->bad_text));
    lane->stats.dead_letters++;
    lane_log(lane, ODK_LOG_WARN, "input.dead_letter", "%s/%d/%lld: %s: %s",
             topic, message->partition, (long long)message->offset,
             input->bad_code, input->bad_text);
    return emit(lane, input->shard, target, err);
}

int
lane_emit_forward(struct lane *lane, const struct lane_input *input,
                  struct odk_err *err)
{
    const struct bus_message *message = input->message;
    const char *topic = message->topic == LANE_PLACE_COMMANDS
                            ? LANE_TOPIC_COMMANDS
                            : LANE_TOPIC_RESULTS;
    char source[64];

    (void)snprintf(source, sizeof(source), "%s/%d", topic, message->partition);
    struct codec_forwarded_record record = {
        .source = {odk_str(source), message->offset},
        .topic = odk_str(topic),
        .timestamp = input->timestamp,
        .record = message->value,
    };
    struct target target = {ODK_STR(LANE_TOPIC_COMMANDS), input->home, false,
                            message->key};

    lane->stats.forwarded++;
    int rc = encode(lane, CODEC_FORWARDED_RECORD, &record, err);
    return rc ? rc : emit(lane, input->shard, target, err);
}

/* A reply goes to the partition that its asker reads; all else to the one that
 * the shard has in the topic as it is now: of a topic that was missing none was
 * known. */
int
lane_emit_again(struct lane *lane, struct lane_shard *shard,
                const struct store_output *output, struct odk_err *err)
{
    bool is_reply = odk_str_starts(output->topic, ODK_STR(LANE_TOPIC_REPLIES));
    struct target target = {output->topic, is_reply ? output->partition : -1,
                            is_reply, output->key};
    enum target_fate fate = TARGET_GOOD;
    int rc = target_check(lane, shard->id, &target, &fate, err);

    if (rc == 0 && fate != TARGET_GOOD) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "topic %.*s is still missing or not ours to write; "
                           "create it or grant the right first",
                           ODK_STR_ARG(output->topic));
    }
    if (rc != 0) {
        return rc;
    }
    odk_buf_clear(&lane->scratch);
    odk_buf_clear(&lane->headers);
    odk_buf_put_str(&lane->scratch, output->value);
    odk_buf_put_str(&lane->headers, output->headers);
    return emit(lane, shard, target, err);
}

int
lane_emit_progress(struct lane *lane, struct lane_shard *shard,
                   struct odk_err *err)
{
    struct codec_shard_progress progress = {
        .shard = shard->id,
        .timestamp = shard->now,
        .next_command = shard->next_offset[LANE_PLACE_COMMANDS],
        .next_result = shard->next_offset[LANE_PLACE_RESULTS],
    };
    struct target target = {ODK_STR(LANE_TOPIC_HISTORY), -1, false, {0}};

    lane_tell_progress(lane, shard, &progress);
    int rc = encode(lane, CODEC_SHARD_PROGRESS, &progress, err);
    return rc ? rc : emit(lane, shard, target, err);
}
