#include "sdk/sdk_call.h"

#include <stdlib.h>

#include "sdk/sdk_config.h"
#include "sdk/sdk_kafka.h"

#define NAME_BYTES_MAX 1024

static struct odradek_call *
call_new(enum codec_kind kind, const char *workflow_id, const char *name)
{
    char uuid[ODK_UUID_TEXT_LEN + 1];
    struct odradek_call *call = calloc(1, sizeof(*call));

    if (!call || !workflow_id) {
        free(call);
        return NULL;
    }
    sdk_uuid(uuid);
    call->kind = kind;
    call->await = kind == CODEC_START_WORKFLOW ? ODRADEK_AWAIT_CLOSED
                                               : ODRADEK_AWAIT_ACCEPTED;
    call->request_id = strdup(uuid);
    call->workflow_id = strdup(workflow_id);
    call->name = name ? strdup(name) : NULL;
    if (!call->request_id || !call->workflow_id || (name && !call->name)) {
        odradek_call_free(call);
        return NULL;
    }
    return call;
}

struct odradek_call *
odradek_start_new(const char *workflow_id, const char *definition)
{
    return definition ? call_new(CODEC_START_WORKFLOW, workflow_id, definition)
                      : NULL;
}

struct odradek_call *
odradek_signal_new(const char *workflow_id, const char *signal)
{
    return signal ? call_new(CODEC_SIGNAL_WORKFLOW, workflow_id, signal) : NULL;
}

struct odradek_call *
odradek_cancel_new(const char *workflow_id)
{
    return call_new(CODEC_CANCEL_WORKFLOW, workflow_id, NULL);
}

struct odradek_call *
odradek_terminate_new(const char *workflow_id)
{
    return call_new(CODEC_TERMINATE_WORKFLOW, workflow_id, NULL);
}

struct odradek_call *
odradek_resolve_new(const char *workflow_id, enum odradek_resolution action)
{
    struct odradek_call *call =
        call_new(CODEC_RESOLVE_COMPENSATION, workflow_id, NULL);

    if (call) {
        call->resolution = action;
    }
    return call;
}

void
sdk_call_renew(struct odradek_call *call)
{
    char **const owned[] = {&call->run_id, &call->code,  &call->message,
                            &call->output, &call->error, &call->cause};

    for (size_t i = 0; i < ODK_ARRAY_LEN(owned); i++) {
        free(*owned[i]);
        *owned[i] = NULL;
    }
    call->output_bytes = 0;
    call->status = NULL;
    call->failure = NULL;
}

void
odradek_call_free(struct odradek_call *call)
{
    if (!call) {
        return;
    }
    odk_assert(!call->is_in_flight);
    sdk_call_renew(call);
    free(call->name_space);
    free(call->workflow_id);
    free(call->name);
    free(call->request_id);
    free(call->wanted_run_id);
    free(call->reason);
    free(call->content_type);
    free(call->input);
    free(call);
}

/** Replaces a text of a call that is not in flight. */
static int
set_text(struct odradek_call *call, char **place, const char *value)
{
    if (call->is_in_flight) {
        return ODRADEK_ESTATE;
    }
    size_t len = value ? strlen(value) : 0;

    if (len == 0 || !odk_str_is_utf8(odk_str_n(value, len)) ||
        (place != &call->reason && len > NAME_BYTES_MAX)) {
        return ODRADEK_EINVAL;
    }
    char *copy = strdup(value);

    if (!copy) {
        return ODRADEK_ENOMEM;
    }
    free(*place);
    *place = copy;
    return 0;
}

/** Whether a setter that only some kinds have may go on: 0, or why not. */
static int
check(const struct odradek_call *call, bool is_known)
{
    if (call->is_in_flight) {
        return ODRADEK_ESTATE;
    }
    return is_known ? 0 : ODRADEK_EINVAL;
}

static bool
is_start(const struct odradek_call *call)
{
    return call->kind == CODEC_START_WORKFLOW;
}

int
odradek_call_set_namespace(struct odradek_call *call, const char *name)
{
    return set_text(call, &call->name_space, name);
}

int
odradek_call_set_request_id(struct odradek_call *call, const char *id)
{
    return set_text(call, &call->request_id, id);
}

int
odradek_call_set_run_id(struct odradek_call *call, const char *run_id)
{
    struct odk_uuid parsed;

    return is_start(call) || !run_id ||
                   !odk_uuid_parse(odk_str(run_id), &parsed)
               ? ODRADEK_EINVAL
               : set_text(call, &call->wanted_run_id, run_id);
}

int
odradek_call_set_input(struct odradek_call *call, const void *data, size_t size)
{
    int ret =
        check(call, is_start(call) || call->kind == CODEC_SIGNAL_WORKFLOW ||
                        call->kind == CODEC_RESOLVE_COMPENSATION);

    if (ret != 0) {
        return ret;
    }
    if (size > SDK_PAYLOAD_BYTES_MAX) {
        return ODRADEK_ETOOBIG;
    }
    char *copy = sdk_copy(odk_str_n(data ? data : "", data ? size : 0));

    if (!copy) {
        return ODRADEK_ENOMEM;
    }
    free(call->input);
    call->input = copy;
    call->input_bytes = data ? size : 0;
    return 0;
}

int
odradek_call_set_content_type(struct odradek_call *call,
                              const char *content_type)
{
    int ret =
        check(call, is_start(call) || call->kind == CODEC_SIGNAL_WORKFLOW);

    return ret ? ret : set_text(call, &call->content_type, content_type);
}

int
odradek_call_set_version(struct odradek_call *call, int32_t version)
{
    int ret = check(call, is_start(call) && version > 0);

    if (ret == 0) {
        call->version = version;
    }
    return ret;
}

int
odradek_call_set_reuse(struct odradek_call *call, enum odradek_reuse policy)
{
    int ret = check(call, is_start(call) && policy <= ODRADEK_REUSE_REJECT);

    if (ret == 0) {
        call->reuse = policy;
    }
    return ret;
}

int
odradek_call_set_conflict(struct odradek_call *call,
                          enum odradek_conflict policy)
{
    int ret = check(call, is_start(call) &&
                              policy <= ODRADEK_CONFLICT_TERMINATE_EXISTING);

    if (ret == 0) {
        call->conflict = policy;
    }
    return ret;
}

int
odradek_call_set_execution_timeout(struct odradek_call *call,
                                   int64_t timeout_ms)
{
    int ret = check(call, is_start(call) && timeout_ms > 0);

    if (ret == 0) {
        call->execution_timeout_ms = timeout_ms;
    }
    return ret;
}

int
odradek_call_set_reason(struct odradek_call *call, const char *reason)
{
    int ret =
        check(call, !is_start(call) && call->kind != CODEC_SIGNAL_WORKFLOW);

    return ret ? ret : set_text(call, &call->reason, reason);
}

int
odradek_call_set_entry(struct odradek_call *call, int64_t event_id)
{
    int ret =
        check(call, call->kind == CODEC_RESOLVE_COMPENSATION && event_id > 0);

    if (ret == 0) {
        call->entry = event_id;
    }
    return ret;
}

int
odradek_call_set_await(struct odradek_call *call, enum odradek_await await)
{
    int ret =
        check(call, await < ODRADEK_AWAIT_CLOSED ||
                        (is_start(call) && await == ODRADEK_AWAIT_CLOSED));

    if (ret == 0) {
        call->await = await;
    }
    return ret;
}

void
odradek_call_set_tag(struct odradek_call *call, void *tag)
{
    call->tag = tag;
}

void *
odradek_call_tag(const struct odradek_call *call)
{
    return call->tag;
}

enum odradek_call_state
odradek_call_state(const struct odradek_call *call)
{
    return call->state;
}

const char *
odradek_call_workflow_id(const struct odradek_call *call)
{
    return call->workflow_id;
}

const char *
odradek_call_request_id(const struct odradek_call *call)
{
    return call->request_id;
}

const char *
odradek_call_run_id(const struct odradek_call *call)
{
    return call->run_id;
}

const char *
odradek_call_code(const struct odradek_call *call)
{
    return call->code;
}

const char *
odradek_call_message(const struct odradek_call *call)
{
    return call->state == ODRADEK_CALL_FAILED ? call->failure : call->message;
}

const char *
odradek_call_status(const struct odradek_call *call)
{
    return call->status;
}

const void *
odradek_call_output(const struct odradek_call *call, size_t *size)
{
    if (size) {
        *size = call->output_bytes;
    }
    return call->output;
}

const char *
odradek_call_error(const struct odradek_call *call)
{
    return call->error;
}

const char *
odradek_call_cause(const struct odradek_call *call)
{
    return call->cause;
}

bool
sdk_call_is_done(const struct odradek_call *call)
{
    switch (call->state) {
    case ODRADEK_CALL_NEW:
    case ODRADEK_CALL_SENDING:
        return false;
    case ODRADEK_CALL_SENT:
        return call->await == ODRADEK_AWAIT_SENT;
    case ODRADEK_CALL_ACCEPTED:
        return call->await <= ODRADEK_AWAIT_ACCEPTED;
    case ODRADEK_CALL_REJECTED:
    case ODRADEK_CALL_CLOSED:
    case ODRADEK_CALL_FAILED:
        return true;
    }
    return false;
}

/* ----------------------------------------------------------------- records */

static struct codec_reply_to
reply_to(const struct odradek_call *call, const struct sdk_reply_place *place)
{
    return (struct codec_reply_to){
        .topic = odk_str(place->topic),
        .partition = place->partition,
        .correlation_id = odk_str(call->correlation_id),
    };
}

static struct odk_str
input_of(const struct odradek_call *call)
{
    return call->input ? odk_str_n(call->input, call->input_bytes)
                       : ODK_STR("{}");
}

static struct odk_str
content_type_of(const struct odradek_call *call)
{
    return odk_str(call->content_type ? call->content_type
                                      : "application/json");
}

static void
fill_start(const struct odradek_call *call, struct codec_start_workflow *out)
{
    out->definition = odk_str(call->name);
    out->has_definition_version = call->version > 0;
    out->definition_version = call->version;
    out->input = input_of(call);
    out->content_type = content_type_of(call);
    out->reuse_policy = (enum codec_reuse_policy)call->reuse;
    out->conflict_policy = (enum codec_conflict_policy)call->conflict;
    out->has_execution_timeout_ms = call->execution_timeout_ms > 0;
    out->execution_timeout_ms = call->execution_timeout_ms;
}

static void
fill_signal(const struct odradek_call *call, struct codec_signal_workflow *out)
{
    out->run_id = odk_str(call->wanted_run_id);
    out->name = odk_str(call->name);
    out->payload = input_of(call);
    out->content_type = content_type_of(call);
}

static void
fill_resolve(const struct odradek_call *call,
             struct codec_resolve_compensation *out)
{
    out->run_id = odk_str(call->wanted_run_id);
    out->has_entry = call->entry > 0;
    out->entry = call->entry;
    out->action = (enum codec_compensation_action)call->resolution;
    out->reason = odk_str(call->reason);
    out->result = call->input ? input_of(call) : odk_str(NULL);
}

/* The kinds share these fields, but no struct. */
#define FILL_COMMON(record)                                                    \
    ((record)->request_id = odk_str(call->request_id),                         \
     (record)->namespace = space,                                              \
     (record)->workflow_id = odk_str(call->workflow_id),                       \
     (record)->has_reply = call->await != ODRADEK_AWAIT_SENT,                  \
     (record)->reply = reply_to(call, place))

int
sdk_call_encode(const struct odradek_call *call, const struct codec *codec,
                const struct sdk_reply_place *place, const char *name_space,
                struct odk_buf *out, struct odk_err *err)
{
    struct odk_str space =
        odk_str(call->name_space ? call->name_space : name_space);
    struct codec_record record = {.kind = call->kind};

    if (call->kind == CODEC_START_WORKFLOW) {
        codec_start_workflow_init(&record.start_workflow);
        FILL_COMMON(&record.start_workflow);
        fill_start(call, &record.start_workflow);
        return codec_encode(codec, call->kind, &record.start_workflow, out,
                            err);
    }
    if (call->kind == CODEC_SIGNAL_WORKFLOW) {
        codec_signal_workflow_init(&record.signal_workflow);
        FILL_COMMON(&record.signal_workflow);
        fill_signal(call, &record.signal_workflow);
        return codec_encode(codec, call->kind, &record.signal_workflow, out,
                            err);
    }
    if (call->kind == CODEC_CANCEL_WORKFLOW) {
        codec_cancel_workflow_init(&record.cancel_workflow);
        FILL_COMMON(&record.cancel_workflow);
        record.cancel_workflow.run_id = odk_str(call->wanted_run_id);
        record.cancel_workflow.reason = odk_str(call->reason);
        return codec_encode(codec, call->kind, &record.cancel_workflow, out,
                            err);
    }
    if (call->kind == CODEC_TERMINATE_WORKFLOW) {
        codec_terminate_workflow_init(&record.terminate_workflow);
        FILL_COMMON(&record.terminate_workflow);
        record.terminate_workflow.run_id = odk_str(call->wanted_run_id);
        record.terminate_workflow.reason = odk_str(call->reason);
        return codec_encode(codec, call->kind, &record.terminate_workflow, out,
                            err);
    }
    odk_assert(call->kind == CODEC_RESOLVE_COMPENSATION);
    codec_resolve_compensation_init(&record.resolve_compensation);
    FILL_COMMON(&record.resolve_compensation);
    fill_resolve(call, &record.resolve_compensation);
    return codec_encode(codec, call->kind, &record.resolve_compensation, out,
                        err);
}

/** Copies text to place; false: out of memory. */
static bool
take(char **place, struct odk_str text)
{
    if (!text.ptr) {
        return true;
    }
    free(*place);
    *place = sdk_copy(text);
    return *place != NULL;
}

int
sdk_call_answer(struct odradek_call *call, const struct codec_reply *reply)
{
    if (!take(&call->run_id, reply->run_id) ||
        !take(&call->code, reply->code) ||
        !take(&call->message, reply->message) ||
        !take(&call->output, reply->output) ||
        !take(&call->error, reply->error) ||
        !take(&call->cause, reply->cause)) {
        return ODK_ELIMIT;
    }
    call->output_bytes = call->output ? reply->output.len : 0;
    switch (reply->kind) {
    case CODEC_REPLY_KIND_ACCEPTED:
        if (call->state != ODRADEK_CALL_CLOSED) {
            call->state = ODRADEK_CALL_ACCEPTED;
        }
        break;
    case CODEC_REPLY_KIND_REJECTED:
        call->state = ODRADEK_CALL_REJECTED;
        break;
    case CODEC_REPLY_KIND_CLOSED:
        call->state = ODRADEK_CALL_CLOSED;
        call->status = reply->has_status
                           ? codec_execution_status_name(reply->status)
                           : NULL;
        break;
    }
    return 0;
}
