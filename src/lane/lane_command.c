#include "json/json.h"
#include "lane/lane_priv.h"

/* ---- requests: a repeated command gets the same answer ---- */

static void
remember(struct lane *lane, const struct lane_input *input,
         const struct odk_uuid *run_id, const char *code,
         struct odk_str message)
{
    if (!input->request_id.ptr) {
        return;
    }
    struct store_request *row =
        lane_vec_push(&lane->batch.requests, sizeof(*row));
    row->shard = input->shard->id;
    row->request_id = input->request_id;
    row->workflow_key = input->workflow_key;
    memcpy(row->digest, input->digest, sizeof(row->digest));
    row->has_run_id = run_id != NULL;
    if (run_id) {
        row->run_id = *run_id;
    }
    row->code = odk_str(code);
    row->message = code ? lane_keep(lane, message) : (struct odk_str){0};
    row->at = input->shard->now;
}

/* A refusal that nobody asked to hear is a dead letter: nothing is lost without
 * a trace. */
int
lane_answer(struct lane *lane, struct lane_input *input,
            const struct odk_uuid *run_id, const char *code,
            struct odk_str message, struct odk_err *err)
{
    int rc = 0;

    if (code) {
        lane->stats.rejected++;
    }
    if (code && !input->reply.topic.ptr && input->kind != LANE_INPUT_BAD) {
        lane_input_bad(input, code, "%.*s", ODK_STR_ARG(message));
        rc = lane_emit_deadletter(lane, input, err);
    }
    remember(lane, input, run_id, code, message);
    return rc ? rc : lane_emit_reply(lane, input, run_id, code, message, err);
}

static int
reject(struct lane *lane, struct lane_input *input, const char *code,
       const char *text, struct odk_err *err)
{
    return lane_answer(lane, input, NULL, code, odk_str(text), err);
}

/* An earlier outcome: stored, or given within this very batch. */
static const struct store_request *
request_find(struct lane *lane, const struct lane_input *input)
{
    const struct store_request *rows = lane->batch.requests.items;

    if (!input->request_id.ptr) {
        return NULL;
    }
    if (input->has_request) {
        return &input->request;
    }
    for (size_t i = 0; i < lane->batch.requests.n; i++) {
        if (rows[i].shard == input->shard->id &&
            odk_str_eq(rows[i].request_id, input->request_id) &&
            odk_str_eq(rows[i].workflow_key, input->workflow_key)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* A closed run answers at once; an open one keeps the address. */
static int
subscribe(struct lane *lane, struct lane_input *input,
          const struct odk_uuid *run_id, struct odk_err *err)
{
    struct lane_execution *execution = lane_cache_by_run(&lane->cache, run_id);
    struct store_want want = {
        .shard = input->shard->id, .has_run_id = true, .run_id = *run_id};
    struct store_execution found = {0};
    struct lane_definition *definition = NULL;
    struct engine *engine = NULL;

    if (!input->reply.topic.ptr) {
        return 0;
    }
    if (execution && engine_status(execution->engine) == ENGINE_RUNNING) {
        struct engine_input event = {.kind = ENGINE_INPUT_SUBSCRIBE};
        return lane_step(lane, input, execution, &event, NULL, err);
    }
    if (execution) {
        return lane_emit_closed(lane, input->shard, execution->engine,
                                &input->reply, err);
    }
    int rc = store_load(&lane->store, &want, 1, &lane->arena, &found, err);
    if (rc != 0 || !found.is_found) {
        return rc;
    }
    ptrdiff_t slash = odk_str_find(found.workflow_key, '/');
    rc = lane_definition_get(
        lane, odk_str_n(found.workflow_key.ptr, (size_t)slash),
        found.definition, found.definition_version, &definition, err);
    if (rc == 0) {
        rc = engine_load(found.state, definition->machine, &engine, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (engine_status(engine) == ENGINE_RUNNING) {
        execution =
            lane_cache_add(&lane->cache, input->shard->id, found.workflow_key,
                           engine, definition, true);
        struct engine_input event = {.kind = ENGINE_INPUT_SUBSCRIBE};
        return lane_step(lane, input, execution, &event, NULL, err);
    }
    rc = lane_emit_closed(lane, input->shard, engine, &input->reply, err);
    engine_free(engine);
    return rc;
}

static int
repeat(struct lane *lane, struct lane_input *input,
       const struct store_request *earlier, struct odk_err *err)
{
    const struct odk_uuid *run_id =
        earlier->has_run_id ? &earlier->run_id : NULL;

    lane->stats.repeats++;
    input->is_repeat = true;
    if (memcmp(earlier->digest, input->digest, sizeof(input->digest)) != 0) {
        input->request_id = (struct odk_str){0}; /* its outcome stands */
        return reject(lane, input, "RequestConflict",
                      "this request id was used for another command; use a "
                      "new one",
                      err);
    }
    char *code = NULL;
    if (earlier->code.ptr) {
        struct odk_str kept = odk_arena_str(&lane->arena, earlier->code);
        code = odk_arena_alloc(&lane->arena, kept.len + 1);
        odk_assert(code);
        memcpy(code, kept.ptr, kept.len);
    }
    int rc = lane_emit_reply(lane, input, run_id, code, earlier->message, err);
    if (rc == 0 && run_id && !code &&
        input->record.kind == CODEC_START_WORKFLOW) {
        rc = subscribe(lane, input, run_id, err);
    }
    return rc;
}

/* ---- payloads ---- */

/* NULL: not JSON, err says why. Nothing at all is an empty object. */
static json_t *
payload_parse(struct odk_str content_type, struct odk_str bytes,
              struct odk_err *err)
{
    if (content_type.len &&
        !odk_str_starts(content_type, ODK_STR("application/json"))) {
        (void)odk_err_set(err, ODK_EUNSUPPORTED,
                          "content type %.*s; send application/json",
                          ODK_STR_ARG(content_type));
        return NULL;
    }
    if (bytes.len == 0) {
        json_t *empty = json_object();
        if (!empty) {
            odk_out_of_memory();
        }
        return empty;
    }
    return json_parse(bytes, err);
}

/* A command that cannot be taken: its bytes are kept as a dead letter, and its
 * sender is told. */
static int
refuse(struct lane *lane, struct lane_input *input, const char *code,
       const char *text, struct odk_err *err)
{
    lane_input_bad(input, code, "%s", text);
    int rc = lane_emit_deadletter(lane, input, err);
    return rc ? rc : reject(lane, input, code, text, err);
}

/* ---- start ---- */

static enum engine_reuse
reuse_of(enum codec_reuse_policy policy)
{
    switch (policy) {
    case CODEC_REUSE_POLICY_ALLOW:
        return ENGINE_REUSE_ALLOW;
    case CODEC_REUSE_POLICY_ALLOW_FAILED_ONLY:
        return ENGINE_REUSE_ALLOW_FAILED_ONLY;
    case CODEC_REUSE_POLICY_REJECT:
        return ENGINE_REUSE_REJECT;
    }
    return ENGINE_REUSE_ALLOW;
}

static enum engine_conflict
conflict_of(enum codec_conflict_policy policy)
{
    switch (policy) {
    case CODEC_CONFLICT_POLICY_FAIL:
        return ENGINE_CONFLICT_FAIL;
    case CODEC_CONFLICT_POLICY_USE_EXISTING:
        return ENGINE_CONFLICT_USE_EXISTING;
    case CODEC_CONFLICT_POLICY_TERMINATE_EXISTING:
        return ENGINE_CONFLICT_TERMINATE_EXISTING;
    }
    return ENGINE_CONFLICT_FAIL;
}

/* Makes the run, adds it to the cache and takes its first step. Consumes the
 * payload's reference. */
static int
start_run(struct lane *lane, struct lane_input *input,
          struct lane_definition *definition, json_t *payload,
          struct odk_err *err)
{
    const struct codec_start_workflow *start = &input->record.start_workflow;
    struct engine *engine = NULL;
    struct engine_start params = {
        .namespace_ = start->namespace,
        .workflow_id = start->workflow_id,
        .run_id =
            odk_uuid_v7(input->timestamp, odk_mix64(input->seed ^ 0x5bd1e995),
                        odk_mix64(input->seed)),
        .definition = definition->name,
        .definition_version = definition->version,
        .machine = definition->machine,
        .input = payload,
        .execution_timeout_ms =
            start->has_execution_timeout_ms ? start->execution_timeout_ms : 0,
        .reply = input->reply,
        .task_republish_ms = lane->options.task_republish_ms,
    };
    struct engine_input event = {.kind = ENGINE_INPUT_START};

    if (lane_cache_by_run(&lane->cache, &params.run_id)) {
        /* The run's id is the input's: a later owner has applied it. */
        json_decref(payload);
        return odk_err_set(err, ODK_EFENCED,
                           "this input was applied by another owner");
    }
    int rc = engine_new(&params, &engine, err);
    json_decref(payload);
    if (rc != 0) {
        return rc;
    }
    struct lane_execution *execution =
        lane_cache_add(&lane->cache, input->shard->id, input->workflow_key,
                       engine, definition, true);
    execution->is_new = true;
    rc = lane_answer(lane, input, &params.run_id, NULL, (struct odk_str){0},
                     err);
    return rc ? rc : lane_step(lane, input, execution, &event, NULL, err);
}

static int
terminate_existing(struct lane *lane, struct lane_input *input,
                   struct odk_err *err)
{
    struct lane_execution *existing =
        lane_cache_by_key(&lane->cache, input->workflow_key);
    struct engine_input event = {
        .kind = ENGINE_INPUT_TERMINATE,
        .reason = ODK_STR("a new run of this workflow id was started")};

    odk_assert(existing);
    return lane_step(lane, input, existing, &event, NULL, err);
}

/* The current run of the input's workflow id, as this batch knows it. */
static enum engine_status
current_run(struct lane *lane, const struct lane_input *input,
            struct odk_uuid *run_id)
{
    struct lane_execution *execution =
        lane_cache_by_key(&lane->cache, input->workflow_key);

    if (execution) {
        *run_id = execution->run_id;
        return engine_status(execution->engine);
    }
    if (input->found.is_found) {
        *run_id = input->found.run_id;
        return (enum engine_status)input->found.status;
    }
    return (enum engine_status)0;
}

static int
start_definition(struct lane *lane, struct lane_input *input,
                 struct lane_definition **out, struct odk_err *err)
{
    const struct codec_start_workflow *start = &input->record.start_workflow;

    return lane_definition_get(
        lane, start->namespace, start->definition,
        start->has_definition_version ? start->definition_version : 0, out,
        err);
}

static int
apply_start(struct lane *lane, struct lane_input *input, struct odk_err *err)
{
    const struct codec_start_workflow *start = &input->record.start_workflow;
    struct lane_definition *definition = NULL;
    struct odk_uuid current = {{0}};
    struct odk_err problem = {0};
    enum engine_admission admission = engine_admit(
        current_run(lane, input, &current), reuse_of(start->reuse_policy),
        conflict_of(start->conflict_policy));

    if (admission == ENGINE_ADMIT_REJECT) {
        return lane_answer(lane, input, &current, "WorkflowAlreadyStarted",
                           ODK_STR("the workflow id is in use, see its run id; "
                                   "choose another policy or id"),
                           err);
    }
    if (admission == ENGINE_ADMIT_USE_EXISTING) {
        int rc =
            lane_answer(lane, input, &current, NULL, (struct odk_str){0}, err);
        return rc ? rc : subscribe(lane, input, &current, err);
    }
    int rc = start_definition(lane, input, &definition, &problem);
    if (rc == ODK_ENOTFOUND) {
        return refuse(lane, input, "DefinitionNotFound",
                      "no such definition in this namespace; publish it first "
                      "(odradek definition publish)",
                      err);
    }
    if (rc == ODK_ECORRUPT) {
        return refuse(lane, input, "DefinitionInvalid", problem.message, err);
    }
    if (rc != 0) {
        return odk_err_set(err, rc, "%s", problem.message);
    }
    json_t *payload =
        payload_parse(start->content_type, start->input, &problem);
    if (!payload) {
        return refuse(lane, input, "InvalidInput", problem.message, err);
    }
    if (admission == ENGINE_ADMIT_TERMINATE_THEN) {
        rc = terminate_existing(lane, input, err);
    }
    if (rc != 0) {
        json_decref(payload);
        return rc;
    }
    return start_run(lane, input, definition, payload, err);
}

/* ---- commands to a run ---- */

static int
no_open_run(struct lane *lane, struct lane_input *input, struct odk_err *err)
{
    if (input->found.is_found || lane_input_execution(lane, input)) {
        return reject(lane, input, "WorkflowClosed",
                      "the run is closed; nothing was done", err);
    }
    return reject(
        lane, input, "WorkflowNotFound",
        "no run of this workflow id; check namespace, workflow id and run id",
        err);
}

/* Fills the event; a payload comes with a reference of its own. */
static int
command_event(const struct lane_input *input, struct engine_input *event,
              json_t **payload, struct odk_err *err)
{
    const struct codec_record *record = &input->record;
    const struct codec_resolve_compensation *resolve =
        &record->resolve_compensation;

    if (record->kind == CODEC_SIGNAL_WORKFLOW) {
        event->kind = ENGINE_INPUT_SIGNAL;
        event->signal_name = record->signal_workflow.name;
        *payload = payload_parse(record->signal_workflow.content_type,
                                 record->signal_workflow.payload, err);
        event->payload = *payload;
        return *payload ? 0 : ODK_EINVAL;
    }
    if (record->kind == CODEC_CANCEL_WORKFLOW) {
        event->kind = ENGINE_INPUT_CANCEL;
        event->reason = record->cancel_workflow.reason;
        return 0;
    }
    if (record->kind == CODEC_TERMINATE_WORKFLOW) {
        event->kind = ENGINE_INPUT_TERMINATE;
        event->reason = record->terminate_workflow.reason;
        return 0;
    }
    odk_assert(record->kind == CODEC_RESOLVE_COMPENSATION);
    event->kind = ENGINE_INPUT_RESOLVE_COMPENSATION;
    event->activity_id = resolve->has_entry ? resolve->entry : 0;
    event->reason = resolve->reason;
    event->action = resolve->action == CODEC_COMPENSATION_ACTION_RETRY
                        ? ENGINE_COMPENSATION_RETRY
                    : resolve->action == CODEC_COMPENSATION_ACTION_SKIP
                        ? ENGINE_COMPENSATION_SKIP
                        : ENGINE_COMPENSATION_COMPLETE;
    if (resolve->result.ptr) {
        *payload = payload_parse((struct odk_str){0}, resolve->result, err);
        event->payload = *payload;
        return *payload ? 0 : ODK_EINVAL;
    }
    return 0;
}

static int
apply_to_run(struct lane *lane, struct lane_input *input, struct odk_err *err)
{
    struct lane_execution *execution = lane_input_execution(lane, input);
    struct engine_input event = {0};
    struct engine_update update = {0};
    struct odk_err problem = {0};
    json_t *payload = NULL;

    if (!execution || engine_status(execution->engine) != ENGINE_RUNNING) {
        return no_open_run(lane, input, err);
    }
    if (command_event(input, &event, &payload, &problem) != 0) {
        return refuse(lane, input, "InvalidPayload", problem.message, err);
    }
    struct odk_uuid run_id = execution->run_id;
    int rc = lane_step(lane, input, execution, &event, &update, err);
    json_decref(payload);
    if (rc != 0) {
        return rc;
    }
    return lane_answer(lane, input, &run_id, update.rejected,
                       update.rejected_message, err);
}

int
lane_apply_command(struct lane *lane, struct lane_input *input,
                   struct odk_err *err)
{
    const struct store_request *earlier = request_find(lane, input);

    if (earlier) {
        return repeat(lane, input, earlier, err);
    }
    if (input->record.kind == CODEC_START_WORKFLOW) {
        return apply_start(lane, input, err);
    }
    if (input->record.kind == CODEC_OPERATE_OUTPUT) {
        return lane_apply_parked(lane, input, err);
    }
    return apply_to_run(lane, input, err);
}
