#include "engine/engine.h"

#include <stdlib.h>

#include "engine/engine_priv.h"
#include "interpreter/interpreter.h"

static const char *const status_names[] = {
    [ENGINE_RUNNING] = "RUNNING", [ENGINE_SUCCEEDED] = "SUCCEEDED",
    [ENGINE_FAILED] = "FAILED",   [ENGINE_TIMED_OUT] = "TIMED_OUT",
    [ENGINE_ABORTED] = "ABORTED", [ENGINE_TERMINATED] = "TERMINATED",
};

const char *
engine_status_name(enum engine_status status)
{
    odk_assert(status >= ENGINE_RUNNING && status <= ENGINE_TERMINATED);
    return status_names[status];
}

bool
engine_status_parse(struct odk_str name, enum engine_status *out)
{
    for (size_t i = ENGINE_RUNNING; i < ODK_ARRAY_LEN(status_names); i++) {
        if (odk_str_is(name, status_names[i])) {
            *out = (enum engine_status)i;
            return true;
        }
    }
    return false;
}

enum engine_admission
engine_admit(enum engine_status current, enum engine_reuse reuse,
             enum engine_conflict conflict)
{
    static const enum engine_admission open[] = {
        [ENGINE_CONFLICT_FAIL] = ENGINE_ADMIT_REJECT,
        [ENGINE_CONFLICT_USE_EXISTING] = ENGINE_ADMIT_USE_EXISTING,
        [ENGINE_CONFLICT_TERMINATE_EXISTING] = ENGINE_ADMIT_TERMINATE_THEN,
    };

    if (current == 0) {
        return ENGINE_ADMIT_START;
    }
    if (current == ENGINE_RUNNING) {
        return open[conflict];
    }
    if (reuse == ENGINE_REUSE_REJECT) {
        return ENGINE_ADMIT_REJECT;
    }
    return reuse == ENGINE_REUSE_ALLOW_FAILED_ONLY &&
                   current == ENGINE_SUCCEEDED
               ? ENGINE_ADMIT_REJECT
               : ENGINE_ADMIT_START;
}

struct odk_str
engine_str_dup(struct odk_str s)
{
    if (!s.ptr) {
        return s;
    }
    char *copy = malloc(s.len + 1);
    if (!copy) {
        odk_out_of_memory();
    }
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return odk_str_n(copy, s.len);
}

void
engine_str_drop(struct odk_str *s)
{
    union {
        const char *in;
        char *out;
    } owned = {.in = s->ptr};

    free(owned.out);
    *s = (struct odk_str){NULL, 0};
}

void
engine_str_set(struct odk_str *at, struct odk_str s)
{
    struct odk_str copy = engine_str_dup(s);

    engine_str_drop(at);
    *at = copy;
}

void *
engine_grow(void **list, size_t *n, size_t *size, size_t element)
{
    if (*n == *size) {
        size_t more = *size ? *size * 2 : 4;
        void *grown = realloc(*list, more * element);
        if (!grown) {
            odk_out_of_memory();
        }
        *list = grown;
        *size = more;
    }
    void *at = (char *)*list + (*n)++ * element;
    memset(at, 0, element);
    return at;
}

struct engine *
engine_blank(const struct asl_machine *machine)
{
    struct engine *engine = calloc(1, sizeof(*engine));

    if (!engine) {
        odk_out_of_memory();
    }
    engine->magic = ENGINE_MAGIC;
    odk_arena_init(&engine->arena, 0);
    odk_arena_init(&engine->step.arena, 0);
    odk_buf_init(&engine->step.entries, 0);
    odk_buf_init(&engine->step.skeleton, 0);
    engine_texts_init(&engine->texts);
    engine->machine = machine;
    engine->status = ENGINE_RUNNING;
    engine->next_event_id = 1;
    engine->next_hidden_id = ENGINE_HIDDEN_ID;
    engine->next_timer = 1;
    /* The one place that knows which decider there is; a remote one will be
     * chosen here by what the definition is. */
    engine->decider = &interpreter_decider;
    engine->lines = engine->decider->create(machine);
    return engine;
}

int
engine_new(const struct engine_start *start, struct engine **out,
           struct odk_err *err)
{
    char run_id[ODK_UUID_TEXT_LEN + 1];

    *out = NULL;
    if (!start->machine || start->workflow_id.len == 0) {
        return odk_err_set(err, ODK_EINVAL,
                           "a run needs a machine and a workflow id");
    }
    struct engine *engine = engine_blank(start->machine);
    odk_uuid_format(&start->run_id, run_id);
    struct engine_entry identity = engine_entry_of(ENGINE_EV_FACT_IDENTITY, 0);
    identity.namespace_ = start->namespace_;
    identity.workflow_id = start->workflow_id;
    identity.run_id = odk_str(run_id);
    identity.definition = start->definition;
    identity.number = start->definition_version;
    identity.due = start->execution_timeout_ms > 0 ? start->execution_timeout_ms
                                                   : start->machine->timeout_ms;
    identity.count = start->task_republish_ms;
    identity.mode = start->is_express ? ODK_STR("EXPRESS") : odk_str(NULL);
    identity.value = start->context;
    identity.traceparent = start->traceparent;
    engine_apply_identity(engine, &identity);
    engine->probe = start->probe;
    engine->input = start->input ? json_incref(start->input) : json_object();
    if (start->reply.topic.ptr) {
        engine->first_reply.topic =
            odk_arena_str(&engine->arena, start->reply.topic);
        engine->first_reply.partition = start->reply.partition;
        engine->first_reply.correlation_id =
            odk_arena_str(&engine->arena, start->reply.correlation_id);
    }
    *out = engine;
    return 0;
}

static void
free_activity(struct engine_activity *activity)
{
    engine_str_drop(&activity->queue);
    engine_str_drop(&activity->type);
    engine_str_drop(&activity->resource);
    engine_str_drop(&activity->resource_type);
    engine_str_drop(&activity->worker);
    engine_str_drop(&activity->error);
    engine_str_drop(&activity->cause);
    json_decref(activity->input);
    json_decref(activity->heartbeat);
    json_decref(activity->late);
}

void
engine_activity_remove(struct engine *engine, struct engine_activity *activity)
{
    size_t at = (size_t)(activity - engine->activities);

    odk_assert(at < engine->n_activities);
    engine_timer_drop(engine, activity->timer);
    free_activity(activity);
    engine->n_activities--;
    memmove(activity, activity + 1,
            (engine->n_activities - at) * sizeof(*activity));
}

static void
free_lists(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_activities; i++) {
        free_activity(&engine->activities[i]);
    }
    for (size_t i = 0; i < engine->n_signals; i++) {
        engine_str_drop(&engine->signals[i].name);
        json_decref(engine->signals[i].payload);
    }
    for (size_t i = 0; i < engine->n_replies; i++) {
        engine_str_drop(&engine->replies[i].topic);
        engine_str_drop(&engine->replies[i].correlation_id);
    }
    while (engine->n_undos > 0) {
        engine_undo_clear(&engine->undos[--engine->n_undos]);
    }
    free(engine->activities);
    free(engine->signals);
    free(engine->replies);
    free(engine->undos);
    free(engine->rollbacks);
    free(engine->timers);
}

static void
free_outputs(struct engine_step_scratch *step)
{
    for (size_t i = 0; i < step->n_outputs; i++) {
        json_decref(step->outputs[i].input);
    }
    step->n_outputs = 0;
}

void
engine_free(struct engine *engine)
{
    if (!engine) {
        return;
    }
    odk_assert(engine->magic == ENGINE_MAGIC);
    engine->magic = 0;
    engine->decider->destroy(engine->lines);
    free_lists(engine);
    free_outputs(&engine->step);
    free(engine->step.outputs);
    free(engine->step.timers);
    odk_buf_release(&engine->step.entries);
    odk_buf_release(&engine->step.skeleton);
    free(engine->step.spans.list);
    odk_arena_release(&engine->step.arena);
    engine_texts_release(&engine->texts);
    engine_str_drop(&engine->error);
    engine_str_drop(&engine->cause);
    engine_str_drop(&engine->cancel_reason);
    json_decref(engine->input);
    json_decref(engine->context);
    json_decref(engine->output);
    odk_arena_release(&engine->arena);
#ifdef ODK_SLOW_ASSERTS
    odk_buf_release(&engine->before);
#endif
    free(engine);
}

const struct engine_identity *
engine_identity(const struct engine *engine)
{
    return &engine->identity;
}

enum engine_status
engine_status(const struct engine *engine)
{
    return engine->status;
}

int64_t
engine_version(const struct engine *engine)
{
    return engine->version;
}

odk_time_ms
engine_started_at(const struct engine *engine)
{
    return engine->started_at;
}

odk_time_ms
engine_closed_at(const struct engine *engine)
{
    return engine->closed_at;
}

json_t *
engine_output(const struct engine *engine)
{
    return engine->status == ENGINE_SUCCEEDED ? engine->output : NULL;
}

struct odk_str
engine_error(const struct engine *engine)
{
    return engine->status == ENGINE_RUNNING ? odk_str(NULL) : engine->error;
}

struct odk_str
engine_cause(const struct engine *engine)
{
    return engine->status == ENGINE_RUNNING ? odk_str(NULL) : engine->cause;
}

void
engine_chain(const struct engine *engine, uint8_t out[ODK_SHA256_BYTES])
{
    memcpy(out, engine->chain, ODK_SHA256_BYTES);
}

size_t
engine_bytes(const struct engine *engine)
{
    return sizeof(*engine) +
           engine->activities_size * sizeof(*engine->activities) +
           engine->timers_size * sizeof(*engine->timers) +
           engine->signals_size * sizeof(*engine->signals) +
           engine->undos_size * sizeof(*engine->undos) +
           engine->step.outputs_size * sizeof(*engine->step.outputs) +
           engine->step.entries.size + engine->texts.buf.size +
           engine->step.skeleton.size +
           engine->step.spans.size * sizeof(*engine->step.spans.list) +
           engine->arena.used_bytes + engine->decider->bytes(engine->lines);
}
