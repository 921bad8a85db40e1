#include <stdio.h>

#include "bus/bus_origin.h"
#include "lane/lane_priv.h"

/* Limits of names on the topics. */
#define NAMESPACE_BYTES_MAX   128u
#define WORKFLOW_ID_BYTES_MAX 512u
#define REQUEST_ID_BYTES_MAX  256u

void
lane_input_bad(struct lane_input *input, const char *code, const char *fmt, ...)
{
    va_list args;

    input->kind = LANE_INPUT_BAD;
    input->bad_code = code;
    va_start(args, fmt);
    (void)vsnprintf(input->bad_text, sizeof(input->bad_text), fmt, args);
    va_end(args);
}

void
lane_input_timer(struct lane_shard *shard, struct lane_timer *timer,
                 struct lane_input *out)
{
    *out = (struct lane_input){
        .kind = LANE_INPUT_TIMER, .shard = shard, .timer = timer->timer};
    out->has_run_id = true;
    out->run_id = timer->timer.run_id;
    out->seed = odk_hash64(odk_str_n(timer->key, sizeof(timer->key)), 1);
}

/* What every record says of its target, by kind. */
struct target {
    struct odk_str namespace_;
    struct odk_str workflow_id;
    struct odk_str run_id;
    struct odk_str request_id;
    const struct codec_reply_to *reply;
    const struct codec_source *source;
    struct odk_str token;
};

#define TARGET_COMMAND(r)                                                      \
    ((struct target){(r).namespace,                                            \
                     (r).workflow_id,                                          \
                     (r).run_id,                                               \
                     (r).request_id,                                           \
                     (r).has_reply ? &(r).reply : NULL,                        \
                     (r).has_source ? &(r).source : NULL,                      \
                     {0}})
#define TARGET_RESULT(r)                                                       \
    ((struct target){(r).namespace,                                            \
                     (r).workflow_id,                                          \
                     (r).run_id,                                               \
                     {0},                                                      \
                     NULL,                                                     \
                     NULL,                                                     \
                     (r).token})

/* Its target is a shard: the key says which, but no hash of it. */
static void
target_output(const struct codec_operate_output *operate,
              struct odk_arena *arena, struct target *out)
{
    char shard[16];
    int len = snprintf(shard, sizeof(shard), "%d", operate->shard);

    *out = (struct target){
        .namespace_ = ODK_STR(LANE_OUTBOX_NAMESPACE),
        .workflow_id = odk_arena_str(arena, odk_str_n(shard, (size_t)len)),
        .request_id = operate->request_id,
        .reply = operate->has_reply ? &operate->reply : NULL};
}

/* False: no kind that comes in on commands or results. */
static bool
target_of(const struct codec_record *record, struct odk_arena *arena,
          struct target *out)
{
    const struct codec_start_workflow *start = &record->start_workflow;

    switch (record->kind) {
    case CODEC_START_WORKFLOW:
        *out = (struct target){start->namespace,
                               start->workflow_id,
                               {0},
                               start->request_id,
                               start->has_reply ? &start->reply : NULL,
                               start->has_source ? &start->source : NULL,
                               {0}};
        return true;
    case CODEC_SIGNAL_WORKFLOW:
        *out = TARGET_COMMAND(record->signal_workflow);
        return true;
    case CODEC_CANCEL_WORKFLOW:
        *out = TARGET_COMMAND(record->cancel_workflow);
        return true;
    case CODEC_TERMINATE_WORKFLOW:
        *out = TARGET_COMMAND(record->terminate_workflow);
        return true;
    case CODEC_RESOLVE_COMPENSATION:
        *out = TARGET_COMMAND(record->resolve_compensation);
        return true;
    case CODEC_OPERATE_OUTPUT:
        target_output(&record->operate_output, arena, out);
        return true;
    case CODEC_TASK_STARTED:
        *out = TARGET_RESULT(record->task_started);
        return true;
    case CODEC_TASK_SUCCEEDED:
        *out = TARGET_RESULT(record->task_succeeded);
        return true;
    case CODEC_TASK_FAILED:
        *out = TARGET_RESULT(record->task_failed);
        return true;
    case CODEC_TASK_HEARTBEAT:
        *out = TARGET_RESULT(record->task_heartbeat);
        return true;
    case CODEC_BINDING_PUBLISHED:
    case CODEC_CANCEL_TASK:
    case CODEC_DEFINITION_PUBLISHED:
    case CODEC_FORWARDED_RECORD:
    case CODEC_HISTORY_RECORD:
    case CODEC_REPLY:
    case CODEC_SHARD_PROGRESS:
    case CODEC_TASK:
        return false;
    }
    return false;
}

/* What a forwarded record has around it. */
#define ENVELOPE_BYTES 4096u

static bool
size_is_good(const struct lane *lane, size_t bytes, size_t extra,
             struct lane_input *out)
{
    size_t max = lane->options.input_bytes_max;

    if (bytes <= max + extra) {
        return true;
    }
    lane_input_bad(out, "TooLarge",
                   "the record has %zu bytes, at most %zu are taken; pass "
                   "large data by reference",
                   bytes, max);
    return false;
}

/* The frame of the record: key and size, before anything is decoded. */
static bool
frame_is_good(struct lane *lane, const struct bus_message *message,
              struct lane_input *out)
{
    if (!message->value.ptr) {
        lane_input_bad(
            out, "Tombstone",
            "the record has no value; commands and results are never deleted");
        return false;
    }
    if (!message->key.ptr || message->key.len == 0) {
        lane_input_bad(out, "NoKey",
                       "the record has no key; send it with the key "
                       "namespace/workflow_id");
        return false;
    }
    if (!odk_str_is_utf8(message->key)) {
        lane_input_bad(
            out, "KeyNotUtf8",
            "the record's key is not UTF-8; use namespace/workflow_id");
        return false;
    }
    return size_is_good(lane, message->value.len, ENVELOPE_BYTES, out);
}

static bool
decode(struct lane *lane, struct odk_str value, struct lane_input *out)
{
    struct odk_err err = {0};
    int rc = codec_decode(lane->options.codec, value, &lane->arena,
                          &out->record, &err);

    if (rc == 0) {
        return true;
    }
    const char *code = rc == ODK_ESYNTAX   ? "BadMagic"
                       : rc == ODK_ESCHEMA ? "UnknownSchema"
                                           : "Undecodable";
    lane_input_bad(out, code, "%s", err.message);
    return false;
}

static void
set_source(struct lane_input *out, const struct codec_source *source)
{
    out->has_source = true;
    out->source = *source;
    out->seed = odk_hash64(source->name, (uint64_t)source->seq + 1);
}

/* Takes a forwarded record out of its envelope. */
static bool
unwrap(struct lane *lane, struct lane_input *out)
{
    struct codec_forwarded_record envelope = out->record.forwarded_record;

    set_source(out, &envelope.source);
    out->timestamp = envelope.timestamp;
    return decode(lane, envelope.record, out);
}

/* After a fail-over of the database a shard says on every partition of
 * odradek.commands from which number on it goes on. */
static bool
read_marker(struct lane *lane, const struct bus_message *message,
            struct lane_input *out)
{
    char name[32];
    int32_t shard = -1;
    uint64_t seq = 0;

    if (message->value.ptr || message->topic != LANE_PLACE_COMMANDS ||
        !bus_origin_parse(message->headers, message->n_headers, &shard, &seq) ||
        seq % LANE_SEQ_FLOOR != 0 || seq > INT64_MAX) {
        return false;
    }
    int len = snprintf(name, sizeof(name), "shard/%d", (int)shard);
    struct codec_source source = {lane_keep(lane, odk_str_n(name, (size_t)len)),
                                  (int64_t)seq};

    set_source(out, &source);
    out->kind = LANE_INPUT_MARKER;
    return true;
}

static bool
target_is_good(const struct target *target, struct lane_input *out)
{
    struct odk_str key = out->workflow_key;

    if (target->namespace_.len == 0 ||
        target->namespace_.len > NAMESPACE_BYTES_MAX ||
        odk_str_find(target->namespace_, '/') >= 0) {
        lane_input_bad(out, "BadNamespace",
                       "a namespace has 1 to %u bytes and no slash",
                       NAMESPACE_BYTES_MAX);
        return false;
    }
    if (target->workflow_id.len == 0 ||
        target->workflow_id.len > WORKFLOW_ID_BYTES_MAX ||
        memchr(target->workflow_id.ptr, '\0', target->workflow_id.len)) {
        lane_input_bad(out, "BadWorkflowId",
                       "a workflow id has 1 to %u bytes and no NUL",
                       WORKFLOW_ID_BYTES_MAX);
        return false;
    }
    size_t at = target->namespace_.len;
    if (key.len != at + 1 + target->workflow_id.len || key.ptr[at] != '/' ||
        !odk_str_starts(key, target->namespace_) ||
        !odk_str_eq(odk_str_from(key, at + 1), target->workflow_id)) {
        lane_input_bad(out, "KeyMismatch",
                       "the record's key must be its namespace/workflow_id");
        return false;
    }
    if (target->run_id.ptr && !odk_uuid_parse(target->run_id, &out->run_id)) {
        lane_input_bad(out, "BadRunId", "the run id is not a UUID");
        return false;
    }
    out->has_run_id = target->run_id.ptr != NULL;
    if (target->request_id.len > REQUEST_ID_BYTES_MAX) {
        lane_input_bad(out, "BadRequestId", "a request id has at most %u bytes",
                       REQUEST_ID_BYTES_MAX);
        return false;
    }
    return true;
}

/* Takes the reply address and the origin out of a command; false: it is none.
 */
static bool
strip(struct codec_record *bare)
{
    switch (bare->kind) {
    case CODEC_START_WORKFLOW:
        bare->start_workflow.has_reply = bare->start_workflow.has_source =
            false;
        return true;
    case CODEC_SIGNAL_WORKFLOW:
        bare->signal_workflow.has_reply = bare->signal_workflow.has_source =
            false;
        return true;
    case CODEC_CANCEL_WORKFLOW:
        bare->cancel_workflow.has_reply = bare->cancel_workflow.has_source =
            false;
        return true;
    case CODEC_TERMINATE_WORKFLOW:
        bare->terminate_workflow.has_reply =
            bare->terminate_workflow.has_source = false;
        return true;
    case CODEC_RESOLVE_COMPENSATION:
        bare->resolve_compensation.has_reply =
            bare->resolve_compensation.has_source = false;
        return true;
    case CODEC_OPERATE_OUTPUT:
        bare->operate_output.has_reply = false;
        return true;
    case CODEC_BINDING_PUBLISHED:
    case CODEC_CANCEL_TASK:
    case CODEC_DEFINITION_PUBLISHED:
    case CODEC_FORWARDED_RECORD:
    case CODEC_HISTORY_RECORD:
    case CODEC_REPLY:
    case CODEC_SHARD_PROGRESS:
    case CODEC_TASK:
    case CODEC_TASK_FAILED:
    case CODEC_TASK_HEARTBEAT:
    case CODEC_TASK_STARTED:
    case CODEC_TASK_SUCCEEDED:
        return false;
    }
    return false;
}

/* What a repeat must have in common with the first: all but the reply address
 * and the origin, in whatever version of the schema it comes. */
static void
digest_command(struct lane *lane, struct lane_input *out)
{
    struct codec_record bare = out->record;

    if (!strip(&bare)) {
        return;
    }
    odk_buf_clear(&lane->scratch);
    /* The members of the union begin at one place. */
    codec_content(bare.kind, &bare.start_workflow, &lane->scratch);
    odk_sha256(odk_buf_str(&lane->scratch), ODK_STR(""), out->digest);
}

/* Tokens are authenticated here; the engine decides whether somebody waits for
 * the result. */
static void
check_token(struct lane *lane, struct odk_str text, struct lane_input *out)
{
    struct lane_token token = {0};

    if (!lane_token_parse(lane->options.token_key, text, &token) ||
        !out->has_run_id || !odk_uuid_eq(&token.run_id, &out->run_id)) {
        out->kind = LANE_INPUT_REPEAT;
        lane->stats.ignored++;
        return;
    }
    out->token_seq = token.seq;
}

static void
read_target(struct lane *lane, const struct target *target,
            struct lane_input *out)
{
    if (target->source && !out->has_source) {
        set_source(out, target->source);
    }
    if (target->token.ptr) {
        check_token(lane, target->token, out);
    } else if (target->request_id.ptr) {
        out->request_id = target->request_id;
        digest_command(lane, out);
    }
}

static int32_t
home_of(const struct lane *lane, const struct lane_input *input)
{
    return input->record.kind == CODEC_OPERATE_OUTPUT
               ? input->record.operate_output.shard
               : odk_partition(input->workflow_key, lane->options.partitions);
}

void
lane_input_read(struct lane *lane, struct lane_shard *shard,
                const struct bus_message *message, struct lane_input *out)
{
    struct target target = {0};

    *out = (struct lane_input){
        .kind = LANE_INPUT_RECORD, .shard = shard, .message = message};
    out->timestamp = message->timestamp;
    out->workflow_key = message->key;
    out->seed = odk_mix64(odk_mix64((uint64_t)message->partition * 2 +
                                    (uint64_t)message->topic + 1) +
                          (uint64_t)message->offset);
    if (read_marker(lane, message, out)) {
        return;
    }
    if (!frame_is_good(lane, message, out) ||
        !decode(lane, message->value, out)) {
        return;
    }
    if (out->record.kind == CODEC_FORWARDED_RECORD) {
        if (!unwrap(lane, out)) {
            return;
        }
    } else if (!size_is_good(lane, message->value.len, 0, out)) {
        return;
    }
    if (!target_of(&out->record, &lane->arena, &target)) {
        lane_input_bad(out, "WrongRecord", "%s is no command and no result",
                       codec_kind_name(out->record.kind));
        return;
    }
    if (target.reply) {
        out->reply = (struct engine_reply_to){target.reply->topic,
                                              target.reply->partition,
                                              target.reply->correlation_id};
    }
    if (!target_is_good(&target, out)) {
        return;
    }
    int32_t home = home_of(lane, out);
    if (home != message->partition &&
        (home < 0 || home >= lane->options.partitions)) {
        lane_input_bad(out, "BadShard", "there is no shard %d", home);
        return;
    }
    if (home != message->partition) {
        out->kind = LANE_INPUT_FOREIGN;
        out->home = home;
        return;
    }
    read_target(lane, &target, out);
}
