#include "harness/harness.h"

#include <stdlib.h>

#include <jansson.h>

#include "asl/asl.h"
#include "engine/engine.h"
#include "json/json.h"
#include "objects/objects_mem.h"
#include "objects/objects_task.h"

/* The moment at which every evaluation begins: 2026-01-01T00:00:00Z. */
#define HARNESS_EPOCH INT64_C(1767225600000)

struct pending {
    struct engine_output task;
    json_t *input;
    uint64_t seq;
    const char *chore; /**< its type, of the object store's; NULL: a task */
};

struct timer {
    uint64_t id;
    odk_time_ms due;
};

struct harness {
    struct engine *engine;
    const struct asl_machine *machine;
    json_t *tasks;   /**< as requested */
    json_t *signals; /**< likewise */
    bool *is_used;   /**< by index of tasks */
    json_t *done;    /**< tasks of the answer */
    json_t *history; /**< of the answer */
    json_t *names;   /**< activity id → state name */
    json_t *files;   /**< as requested: key → text */
    json_t *written; /**< of the answer: bucket/key → text */
    struct objects objects;
    struct pending *queue;
    size_t n_queue;
    size_t head;
    size_t queue_size;
    struct timer *timers;
    size_t n_timers;
    size_t timers_size;
    odk_time_ms now;
    uint64_t seq;
    struct engine_limits limits;
    bool is_stuck;
};

static void *
grow(void **list, size_t *n, size_t *size, size_t element)
{
    if (*n == *size) {
        *size = *size ? *size * 2 : 8;
        *list = realloc(*list, *size * element);
        if (!*list) {
            odk_out_of_memory();
        }
    }
    return (char *)*list + (*n)++ * element;
}

/* History in the form of the cases. */

/* A cause that is the text of a JSON object or array is shown parsed. */
static json_t *
parsed(json_t *text)
{
    struct odk_str s = json_str(text);
    json_t *value = NULL;

    if (s.len > 1 && (s.ptr[0] == '{' || s.ptr[0] == '[')) {
        value = json_parse(s, NULL);
    }
    return value ? value : json_incref(text);
}

/* Variables are shown as texts, objects as objects. */
static json_t *
variables_shown(json_t *assigned)
{
    json_t *shown = json_object();
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach (assigned, name, value) {
        struct odk_buf text;
        if (json_is_object(value)) {
            json_set(shown, odk_str(name), json_incref(value));
            continue;
        }
        odk_buf_init(&text, 0);
        if (json_dump(value, &text) == 0) {
            json_set(shown, odk_str(name), json_str_new(odk_buf_str(&text)));
        }
        odk_buf_release(&text);
    }
    return shown;
}

static json_t *
details_shown(json_t *entry)
{
    json_t *details = json_get(entry, "details");
    json_t *cause = json_get(details, "cause");
    json_t *assigned = json_get(details, "assignedVariables");

    if (json_object_size(details) == 0) {
        return json_null();
    }
    json_t *shown = json_share_members(details);
    if (cause) {
        json_set(shown, ODK_STR("cause"), parsed(cause));
    }
    if (assigned) {
        json_set(shown, ODK_STR("assignedVariables"),
                 variables_shown(assigned));
    }
    if (odk_str_is(json_str(json_get(entry, "type")), "TaskScheduled")) {
        json_set(shown, ODK_STR("region"), json_string("local"));
    }
    return shown;
}

/* An activity's state; that of a compensation is "Charge/Compensate". */
static void
note_name(struct harness *h, json_t *activity, struct odk_str state,
          const char *suffix)
{
    struct odk_buf name;
    char id[24];

    (void)snprintf(id, sizeof(id), "%lld",
                   (long long)json_integer_value(activity));
    odk_buf_init(&name, 0);
    odk_buf_put_str(&name, state);
    odk_buf_put_cstr(&name, suffix);
    json_set(h->names, odk_str(id), json_str_new(odk_buf_str(&name)));
    odk_buf_release(&name);
}

static void
note_entry(struct harness *h, json_t *entry)
{
    struct odk_str type = json_str(json_get(entry, "type"));
    bool is_fact = json_get(entry, "fact") != NULL;

    if (odk_str_is(type, "TaskStateEntered")) {
        note_name(h, json_get(entry, "id"),
                  json_str(json_get(json_get(entry, "details"), "name")), "");
    } else if (odk_str_is(type, "CompensationScheduled")) {
        note_name(h, json_get(entry, "activity"),
                  json_str(json_get(json_get(entry, "details"), "state")),
                  "/Compensate");
    }
    if (is_fact) {
        return;
    }
    json_t *event = json_object();
    json_set(event, ODK_STR("id"), json_incref(json_get(entry, "id")));
    json_set(event, ODK_STR("prev"), json_incref(json_get(entry, "prev")));
    json_set(event, ODK_STR("type"), json_incref(json_get(entry, "type")));
    json_set(event, ODK_STR("details"), details_shown(entry));
    json_append(h->history, event);
}

static void
note_timers(struct harness *h, const struct engine_update *update)
{
    for (size_t i = 0; i < update->n_timers; i++) {
        const struct engine_timer_op *op = &update->timers[i];
        if (op->is_set) {
            struct timer *timer = grow((void **)&h->timers, &h->n_timers,
                                       &h->timers_size, sizeof(*timer));
            *timer = (struct timer){op->id, op->due};
            continue;
        }
        for (size_t k = 0; k < h->n_timers; k++) {
            if (h->timers[k].id == op->id) {
                h->timers[k] = h->timers[--h->n_timers];
                break;
            }
        }
    }
}

/* The step's strings do not outlive it. */
static const char *
chore_of(const struct engine_output *output)
{
    if (!odk_str_is(output->queue, OBJECTS_QUEUE)) {
        return NULL;
    }
    return odk_str_is(output->type, OBJECTS_READ) ? OBJECTS_READ
                                                  : OBJECTS_WRITE;
}

static int
take_update(struct harness *h, const struct engine_update *update,
            struct odk_err *err)
{
    json_t *entries =
        update->entries.len > 0 ? json_parse(update->entries, err) : NULL;

    for (size_t i = 0; i < json_array_size(entries); i++) {
        note_entry(h, json_array_get(entries, i));
    }
    json_decref(entries);
    h->is_stuck = update->is_stuck;
    note_timers(h, update);
    for (size_t i = 0; i < update->n_outputs; i++) {
        const struct engine_output *output = &update->outputs[i];
        if (output->kind == ENGINE_OUTPUT_TASK) {
            struct pending *pending = grow((void **)&h->queue, &h->n_queue,
                                           &h->queue_size, sizeof(*pending));
            *pending = (struct pending){*output, json_incref(output->input),
                                        h->seq + i, chore_of(output)};
        }
    }
    h->seq += update->n_outputs;
    return 0;
}

static int
step(struct harness *h, struct engine_input *input, struct odk_err *err)
{
    struct engine_update update;

    input->now = h->now;
    input->limits = h->limits;
    input->seq_next = h->seq;
    input->seed = odk_mix64(h->seq + (uint64_t)engine_version(h->engine));
    int rc = engine_step(h->engine, input, &update, err);
    return rc != 0 ? rc : take_update(h, &update, err);
}

/* Tasks. */

static struct odk_str
state_of(const struct harness *h, int64_t activity)
{
    char id[24];

    (void)snprintf(id, sizeof(id), "%lld", (long long)activity);
    return json_str(json_get(h->names, id));
}

/* The next unused outcome of a state; NULL: none is left. */
static json_t *
outcome_of(struct harness *h, struct odk_str state)
{
    for (size_t i = 0; i < json_array_size(h->tasks); i++) {
        json_t *task = json_array_get(h->tasks, i);
        if (!h->is_used[i] &&
            odk_str_eq(json_str(json_get(task, "state")), state)) {
            h->is_used[i] = true;
            return task;
        }
    }
    return NULL;
}

static void
note_task(struct harness *h, const struct pending *pending,
          struct odk_str state)
{
    json_t *task = json_object();

    json_set(task, ODK_STR("state"), json_str_new(state));
    json_set(task, ODK_STR("parameters"), json_incref(pending->input));
    json_append(h->done, task);
}

/* How a task ends, as an input; text holds a cause that was given as JSON. */
static void
fill_outcome(struct engine_input *input, json_t *outcome, struct odk_buf *text)
{
    struct odk_str kind = json_str(json_get(outcome, "outcome"));
    json_t *cause = json_get(outcome, "cause");

    if (odk_str_is(kind, "Succeeded")) {
        input->kind = ENGINE_INPUT_TASK_SUCCEEDED;
        input->payload = json_get(outcome, "output");
        return;
    }
    input->kind = ENGINE_INPUT_TASK_FAILED;
    input->error = outcome ? json_str(json_get(outcome, "error"))
                           : ODK_STR("States.TaskFailed");
    input->cause = json_str(cause);
    if (cause && !json_is_string(cause) && json_dump(cause, text) == 0) {
        input->cause = odk_buf_str(text);
    }
    if (!outcome) {
        input->cause = ODK_STR("The request has no outcome left for this "
                               "state.");
    }
}

static void
drop_timer(struct harness *h, size_t at, struct timer *out)
{
    *out = h->timers[at];
    h->timers[at] = h->timers[--h->n_timers];
}

/* The earliest timer fires; of several the one that was set first. */
static bool
next_timer(struct harness *h, struct timer *out)
{
    size_t first = 0;

    if (h->n_timers == 0) {
        return false;
    }
    for (size_t i = 1; i < h->n_timers; i++) {
        const struct timer *a = &h->timers[i];
        const struct timer *b = &h->timers[first];
        if (a->due < b->due || (a->due == b->due && a->id < b->id)) {
            first = i;
        }
    }
    drop_timer(h, first, out);
    return true;
}

static int
fire(struct harness *h, const struct timer *timer, struct odk_err *err)
{
    struct engine_input input = {.kind = ENGINE_INPUT_TIMER,
                                 .timer_id = timer->id};

    h->now = timer->due > h->now ? timer->due : h->now;
    return step(h, &input, err);
}

/* The request's files are in every bucket that is asked for. */
static void
fill_bucket(struct harness *h, struct odk_str bucket)
{
    struct json_member_iter file;

    if (bucket.len == 0) {
        return;
    }
    objects_mem_make_bucket(&h->objects, bucket);
    for (json_member_first(&file, h->files); file.value;
         json_member_next(&file)) {
        struct objects_ref ref = {.bucket = bucket, .key = file.key};
        struct odk_arena arena;
        struct objects_info info;
        odk_arena_init(&arena, 0);
        if (objects_stat(&h->objects, &ref, &arena, &info, NULL) != 0) {
            (void)!objects_put(&h->objects, &ref, json_str(file.value), NULL);
        }
        odk_arena_release(&arena);
    }
}

/* A file that a ResultWriter has put. */
static void
note_file(struct harness *h, struct odk_str bucket, struct odk_str key)
{
    struct objects_ref ref = {.bucket = bucket, .key = key};
    struct odk_buf name;
    struct odk_buf text;

    odk_buf_init(&name, 0);
    odk_buf_init(&text, 0);
    odk_buf_put_str(&name, bucket);
    odk_buf_put_char(&name, '/');
    odk_buf_put_str(&name, key);
    if (objects_read(&h->objects, &ref, 0, OBJECTS_PUT_BYTES_MAX, &text,
                     NULL) == 0) {
        json_set(h->written, odk_buf_str(&name),
                 json_str_new(odk_buf_str(&text)));
    }
    odk_buf_release(&name);
    odk_buf_release(&text);
}

/* All files under the prefix of a write; the last write names them all. */
static void
note_files(struct harness *h, json_t *task)
{
    struct objects_query query = {
        .bucket = json_str(json_get(task, "bucket")),
        .prefix = json_str(json_get(task, "prefix")),
        .max = OBJECTS_LIST_MAX,
    };
    struct objects_list found = {0};
    struct odk_arena arena;

    odk_arena_init(&arena, 0);
    do {
        if (objects_list(&h->objects, &query, &arena, &found, NULL) != 0) {
            break;
        }
        for (size_t i = 0; i < found.n; i++) {
            note_file(h, query.bucket, found.list[i].key);
            query.after = found.list[i].key;
        }
    } while (found.n == OBJECTS_LIST_MAX);
    odk_arena_release(&arena);
}

/* What the workers of the object store would do. */
static int
run_chore(struct harness *h, const struct pending *pending, struct odk_err *err)
{
    struct odk_err why = {0};
    json_t *output = NULL;
    struct engine_input input = {
        .kind = ENGINE_INPUT_TASK_SUCCEEDED,
        .activity_id = pending->task.activity_id,
        .attempt = pending->task.attempt,
        .token_seq = pending->seq,
    };

    fill_bucket(h, json_str(json_get(pending->input, "bucket")));
    if (objects_task(&h->objects, odk_str(pending->chore), pending->input,
                     &output, &why) != 0) {
        input.kind = ENGINE_INPUT_TASK_FAILED;
        input.error = ODK_STR(OBJECTS_ERROR);
        input.cause = odk_str(why.message);
    }
    if (json_get(pending->input, "mapRunArn")) {
        note_files(h, pending->input);
    }
    input.payload = output;
    int rc = step(h, &input, err);
    json_decref(output);
    return rc;
}

static int
run_task(struct harness *h, const struct pending *pending, struct odk_err *err)
{
    struct odk_str state = state_of(h, pending->task.activity_id);
    json_t *outcome = outcome_of(h, state);
    struct engine_input input = {
        .kind = ENGINE_INPUT_TASK_STARTED,
        .activity_id = pending->task.activity_id,
        .attempt = pending->task.attempt,
        .token_seq = pending->seq,
        .worker = json_str(json_get(outcome, "workerName")),
    };
    struct odk_buf text;

    note_task(h, pending, state);
    int rc = step(h, &input, err);
    if (rc != 0 ||
        odk_str_is(json_str(json_get(outcome, "outcome")), "TimedOut")) {
        return rc; /* its timer will say so */
    }
    odk_buf_init(&text, 0);
    fill_outcome(&input, outcome, &text);
    rc = step(h, &input, err);
    odk_buf_release(&text);
    return rc;
}

/* Nothing will happen any more: a stuck compensation would wait for its
 * operator, a signal for its sender, and a task that is to time out has no
 * time-out. */
static int
end_waiting(struct harness *h, struct odk_err *err)
{
    struct engine_input input = {
        .kind = h->is_stuck ? ENGINE_INPUT_TERMINATE : ENGINE_INPUT_FAIL,
        .error = ODK_STR("States.Timeout"),
    };

    return step(h, &input, err);
}

/* Signals come at once, and are kept until a state waits for them. */
static int
send_signals(struct harness *h, struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(h->signals) &&
                       engine_status(h->engine) == ENGINE_RUNNING;
         i++) {
        json_t *signal = json_array_get(h->signals, i);
        json_t *payload = json_get(signal, "payload");
        struct engine_input input = {
            .kind = ENGINE_INPUT_SIGNAL,
            .signal_name = json_str(json_get(signal, "name")),
            .payload = payload ? payload : json_null(),
        };
        rc = step(h, &input, err);
    }
    return rc;
}

static int
run_all(struct harness *h, struct odk_err *err)
{
    struct engine_input start = {.kind = ENGINE_INPUT_START};
    struct timer timer;
    int rc = step(h, &start, err);

    rc = rc != 0 ? rc : send_signals(h, err);

    for (int i = 0; rc == 0 && i < HARNESS_STEPS_MAX &&
                    engine_status(h->engine) == ENGINE_RUNNING;
         i++) {
        if (h->head < h->n_queue) {
            struct pending pending = h->queue[h->head++];
            rc = pending.chore ? run_chore(h, &pending, err)
                               : run_task(h, &pending, err);
        } else if (next_timer(h, &timer)) {
            rc = fire(h, &timer, err);
        } else {
            rc = end_waiting(h, err);
        }
    }
    return rc;
}

/* The answer. */

static void
put_outcome(const struct harness *h, json_t *answer)
{
    const struct engine *engine = h->engine;
    struct odk_str error = engine_error(engine);
    struct odk_str cause = engine_cause(engine);

    json_set(answer, ODK_STR("status"),
             json_string(engine_status_name(engine_status(engine))));
    if (engine_output(engine)) {
        json_set(answer, ODK_STR("output"), json_incref(engine_output(engine)));
    }
    if (error.ptr) {
        json_set(answer, ODK_STR("error"), json_str_new(error));
    }
    if (cause.ptr) {
        json_t *text = json_str_new(cause);
        json_set(answer, ODK_STR("cause"), parsed(text));
        json_decref(text);
    }
    json_set(answer, ODK_STR("tasks"), json_incref(h->done));
    json_set(answer, ODK_STR("history"), json_incref(h->history));
    if (json_object_size(h->written) > 0) {
        json_set(answer, ODK_STR("files"), json_incref(h->written));
    }
}

static void
put_problems(const struct asl_problems *problems, json_t *answer)
{
    json_t *list = json_array();

    for (size_t i = 0; i < problems->n; i++) {
        const struct asl_problem *problem = &problems->list[i];
        if (problem->is_warning) {
            continue;
        }
        json_t *item = json_object();
        json_set(item, ODK_STR("code"), json_str_new(problem->code));
        json_set(item, ODK_STR("pointer"), json_str_new(problem->pointer));
        json_set(item, ODK_STR("message"), json_str_new(problem->message));
        json_append(list, item);
    }
    json_set(answer, ODK_STR("rejected"), list);
}

/* A quota of the request; 0: the service's own. */
static int64_t
limit_of(json_t *request, const char *name)
{
    int64_t limit =
        json_integer_value(json_get(json_get(request, "limits"), name));

    return limit > 0 ? limit : 0;
}

static int
evaluate(const struct asl_machine *machine, json_t *request, json_t *answer,
         struct odk_err *err)
{
    struct harness h = {
        .machine = machine,
        .tasks = json_get(request, "tasks"),
        .signals = json_get(request, "signals"),
        .done = json_array(),
        .history = json_array(),
        .names = json_object(),
        .files = json_get(request, "files"),
        .written = json_object(),
        .now = HARNESS_EPOCH,
        .seq = 1,
        .limits = {.payload_bytes = limit_of(request, "payloadBytes"),
                   .assign_bytes = limit_of(request, "assignBytes"),
                   .variables_bytes = limit_of(request, "variablesBytes"),
                   .loop_states = limit_of(request, "states"),
                   .map_children = limit_of(request, "mapChildren")},
    };
    struct engine_start start = {
        .namespace_ = ODK_STR("default"),
        .workflow_id = ODK_STR("eval"),
        .run_id = odk_uuid_v7(HARNESS_EPOCH, 1, 1),
        .definition = ODK_STR("eval"),
        .definition_version = 1,
        .machine = machine,
        .input = json_get(request, "input"),
        .is_express =
            odk_str_is(json_str(json_get(request, "type")), "EXPRESS"),
        .context = json_get(request, "context"),
    };

    h.is_used = calloc(json_array_size(h.tasks) + 1, sizeof(*h.is_used));
    if (!h.is_used) {
        odk_out_of_memory();
    }
    objects_mem_open(HARNESS_EPOCH, &h.objects);
    int rc = engine_new(&start, &h.engine, err);
    rc = rc != 0 ? rc : run_all(&h, err);
    if (rc == 0) {
        put_outcome(&h, answer);
    }
    engine_free(h.engine);
    objects_close(&h.objects);
    for (size_t i = 0; i < h.n_queue; i++) {
        json_decref(h.queue[i].input);
    }
    free(h.queue);
    free(h.timers);
    free(h.is_used);
    json_decref(h.done);
    json_decref(h.history);
    json_decref(h.names);
    json_decref(h.written);
    return rc;
}

static void
refuse(json_t *answer, const char *code, const char *message)
{
    json_t *list = json_array();
    json_t *item = json_object();

    json_set(item, ODK_STR("code"), json_string(code));
    json_set(item, ODK_STR("pointer"), json_string(""));
    json_set(item, ODK_STR("message"), json_string(message));
    json_append(list, item);
    json_set(answer, ODK_STR("rejected"), list);
}

int
harness_eval(struct odk_str line, struct odk_buf *out)
{
    struct asl_problems problems;
    struct asl_machine *machine = NULL;
    struct odk_err err = {0};
    json_t *request = json_parse(line, &err);
    json_t *answer = json_object();
    int rc = json_is_object(request) ? 0 : ODK_ESYNTAX;
    struct asl_options options = {
        .is_express =
            odk_str_is(json_str(json_get(request, "type")), "EXPRESS"),
        .is_any_resource_accepted = true,
        .name_chars_max = (size_t)limit_of(request, "nameChars"),
    };

    asl_problems_init(&problems);
    if (rc != 0) {
        refuse(answer, "INVALID_REQUEST",
               request ? "The request must be a JSON object." : err.message);
    } else {
        json_set(answer, ODK_STR("id"),
                 request && json_get(request, "id")
                     ? json_incref(json_get(request, "id"))
                     : json_null());
        if (asl_compile(json_get(request, "definition"), &options, &machine,
                        &problems) != 0) {
            put_problems(&problems, answer);
        } else if (evaluate(machine, request, answer, &err) != 0) {
            refuse(answer, "NOT_EVALUATED", err.message);
        }
    }
    if (json_dump(answer, out) != 0) {
        rc = ODK_ELIMIT;
    }
    asl_problems_release(&problems);
    asl_free(machine);
    json_decref(request);
    json_decref(answer);
    return rc;
}
