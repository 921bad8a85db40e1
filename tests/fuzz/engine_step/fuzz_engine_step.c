/*
 * Bytes → a definition and a sequence of inputs, good and bad ones. Every step
 * is checked by the engine itself (fold of the entries = state, in builds with
 * slow assertions); here: events are gapless, a closed run stays closed, and an
 * open one always waits for something.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "asl/asl.h"
#include "engine/engine.h"
#include "json/json.h"

#define TASKS_MAX  512
#define TIMERS_MAX 1024
#define STEPS_MAX  400

#define TASK(name, more, next)                                                 \
    "'" name "':{'Type':'Task','Resource':'odradek:q:" name "'" more           \
    ",'Next':'" next "'}"
#define RETRY                                                                  \
    ",'Retry':[{'ErrorEquals':['X'],'IntervalSeconds':1,'MaxAttempts':2}]"
#define UNDO(name, how)                                                        \
    ",'Compensate':{'Resource':'odradek:q:" name "','OnUnknown':'" how         \
    "','Retry':[{'ErrorEquals':['States.ALL'],'MaxAttempts':1,"                \
    "'IntervalSeconds':1}]}"

static const char *const definitions[] = {
    "{'StartAt':'a','States':{" TASK(
        "a", RETRY ",'TimeoutSeconds':5",
        "b") ","
             "'b':{'Type':'Task','Resource':'odradek:wait-signal','Parameters':"
             "{"
             "'Name':'go'},'TimeoutSeconds':30,'End':true}}}",

    "{'TimeoutSeconds':900,'Compensation':{'On':['FAILED','TIMED_OUT',"
    "'ABORTED']},'StartAt':'a','States':{" TASK(
        "a", UNDO("ua", "STUCK") RETRY,
        "b") "," TASK("b", UNDO("ub", "COMPENSATE") RETRY ",'TimeoutSeconds':5",
                      "c") "," TASK("c",
                                    ",'Pivot':true,'TimeoutSeconds':9,'Catch':["
                                    "{"
                                    "'ErrorEquals':['Y'],'Compensate':true,'"
                                    "Next':'a'}]",
                                    "d") ",'d':{'Type':'Task','Resource':'"
                                         "odradek:q:d',"
                                         "'End':true}}}",

    "{'Compensation':{'Order':'PARALLEL'},'StartAt':'p','States':{'p':{"
    "'Type':'Parallel'" RETRY ",'Catch':[{'ErrorEquals':['Y'],'Compensate':"
    "true,'Next':'f'}],'Next':'f','Branches':[{'StartAt':'a','States':{" TASK(
        "a", UNDO("ua", "IGNORE"),
        "b") "," TASK("b", UNDO("ub", "STUCK"),
                      "c") ","
                           "'c':{'Type':'Task','Resource':'odradek:q:c','Catch'"
                           ":[{'ErrorEquals':["
                           "'States.ALL'],'Compensate':true,'Next':'e'}],'End':"
                           "true},'e':{'Type':"
                           "'Wait','Seconds':3,'End':true}}},{'StartAt':'g','"
                           "States':{" TASK(
                               "g",
                               UNDO("ug", "COMPENSATE") ",'TimeoutSeconds':5",
                               "h") ",'h':{'Type':'Pass','End':true}}}]},'f':{'"
                                    "Type':'Task',"
                                    "'Resource':'odradek:q:f','End':true}}}",

    "{'StartAt':'m','States':{'m':{'Type':'Map','MaxConcurrency':2,"
    "'ItemsPath':'$.l','Next':'n','ItemProcessor':{'StartAt':'a','States':"
    "{" TASK("a", UNDO("ua", "STUCK"),
             "b") ",'b':{'Type':'Task','Resource':"
                  "'odradek:wait-signal','Parameters':{'Name':'go'},'"
                  "TimeoutSeconds':9,"
                  "'End':true}}}},'n':{'Type':'Map','ItemsPath':'$','End':true,"
                  "'ToleratedFailureCount':2,'ItemProcessor':{'ProcessorConfig'"
                  ":{'Mode':"
                  "'DISTRIBUTED','ExecutionType':'STANDARD'},'StartAt':'c','"
                  "States':{" TASK(
                      "c", UNDO("uc", "COMPENSATE") ",'TimeoutSeconds':4",
                      "e") ",'e':{'Type':'Task','Resource':'odradek:q:e','End':"
                           "true}}}}}}",
};

struct sent {
    int64_t activity;
    int32_t attempt;
    uint64_t seq;
};

/* What the history says of the registry. */
struct undo {
    int64_t id;
    int64_t activity;
    bool is_over;
};

struct world {
    const struct asl_machine *machine;
    struct engine *engine;
    struct engine_update update;
    struct sent tasks[TASKS_MAX];
    size_t n_tasks;
    struct engine_timer_op timers[TIMERS_MAX];
    size_t n_timers;
    odk_time_ms now;
    uint64_t seq;
    int64_t last_event;
    struct undo undos[TASKS_MAX];
    size_t n_undos;
    int64_t open[TASKS_MAX]; /**< forward activities with an open attempt */
    size_t n_open;
    bool is_past_pivot;
    bool is_given_up; /**< ended by the shell or an operator */
    json_t *values[4];
};

static json_t *
parse(const char *text)
{
    struct odk_buf buf;

    odk_buf_init(&buf, 0);
    for (const char *c = text; *c; c++) {
        odk_buf_put_char(&buf, *c == '\'' ? '"' : *c);
    }
    json_t *value = json_parse(odk_buf_str(&buf), NULL);
    odk_assert(value);
    odk_buf_release(&buf);
    return value;
}

static void
note(struct world *w)
{
    for (size_t i = 0; i < w->update.n_outputs; i++) {
        const struct engine_output *output = &w->update.outputs[i];
        if (output->kind == ENGINE_OUTPUT_TASK && w->n_tasks < TASKS_MAX) {
            w->tasks[w->n_tasks++] =
                (struct sent){output->activity_id, output->attempt, w->seq + i};
        }
    }
    w->seq += w->update.n_outputs;
    for (size_t i = 0; i < w->update.n_timers; i++) {
        const struct engine_timer_op *op = &w->update.timers[i];
        if (op->is_set) {
            odk_assert(w->n_timers < TIMERS_MAX);
            w->timers[w->n_timers++] = *op;
            continue;
        }
        size_t k = 0;
        while (k < w->n_timers && w->timers[k].id != op->id) {
            k++;
        }
        odk_assert(k < w->n_timers);
        w->timers[k] = w->timers[--w->n_timers];
    }
}

/* Something will move an open run: a task, a timer, a signal, an operator. */
static void
check_alive(const struct world *w)
{
    struct odk_buf state;
    struct odk_buf shown;
    struct odk_err err = {0};
    bool is_waiting = w->n_timers > 0;

    odk_buf_init(&state, 0);
    odk_buf_init(&shown, 0);
    engine_save(w->engine, &state);
    int rc = engine_describe(odk_buf_str(&state), &shown, &err);
    odk_assert(rc == 0);
    json_t *root = json_parse(odk_buf_str(&shown), NULL);
    json_t *states = json_get(root, "states");
    json_t *activities = json_get(root, "activities");
    json_t *stuck = json_get(json_get(root, "compensation"), "stuck");
    for (size_t i = 0; i < json_array_size(activities); i++) {
        struct odk_str status =
            json_str(json_get(json_array_get(activities, i), "status"));
        is_waiting |= !odk_str_is(status, "RETRY");
    }
    for (size_t i = 0; i < json_array_size(states); i++) {
        is_waiting |= odk_str_is(
            json_str(json_get(json_array_get(states, i), "waitsFor")),
            "SIGNAL");
    }
    is_waiting |= json_array_size(stuck) > 0;
    odk_assert(is_waiting);
    json_decref(root);
    odk_buf_release(&state);
    odk_buf_release(&shown);
}

static int64_t
number(json_t *entry, const char *name)
{
    return json_integer_value(json_get(entry, name));
}

static bool
ends_with(struct odk_str s, const char *suffix)
{
    return odk_str_ends(s, odk_str(suffix));
}

static void
close_activity(struct world *w, int64_t activity)
{
    for (size_t i = 0; i < w->n_open; i++) {
        if (w->open[i] == activity) {
            w->open[i] = w->open[--w->n_open];
            return;
        }
    }
}

static void
over(struct world *w, int64_t id)
{
    for (size_t i = 0; i < w->n_undos; i++) {
        w->undos[i].is_over |= w->undos[i].id == id;
    }
}

/* No compensation runs while its forward task is open. */
static void
check_undo(const struct world *w, int64_t id)
{
    for (size_t i = 0; i < w->n_undos; i++) {
        for (size_t k = 0; k < w->n_open && w->undos[i].id == id; k++) {
            odk_assert(w->open[k] != w->undos[i].activity);
        }
    }
}

/* A run that failed by itself has undone all that it registered. */
static void
check_closed(const struct world *w)
{
    for (size_t i = 0; i < w->n_undos; i++) {
        odk_assert(w->undos[i].is_over || w->is_past_pivot || w->is_given_up);
    }
}

static void
read_undo(struct world *w, struct odk_str type, json_t *entry)
{
    if (odk_str_is(type, "CompensationRegistered") && w->n_undos < TASKS_MAX) {
        w->undos[w->n_undos++] = (struct undo){
            number(entry, "id"), number(entry, "activity"), false};
    } else if (odk_str_is(type, "CompensationScheduled")) {
        check_undo(w, number(entry, "entry"));
    } else if (odk_str_is(type, "CompensationSucceeded") ||
               odk_str_is(type, "CompensationSkipped")) {
        over(w, number(entry, "entry"));
    }
}

static void
read_entry(struct world *w, json_t *entry)
{
    struct odk_str type = json_str(json_get(entry, "type"));
    struct odk_str fact = json_str(json_get(entry, "fact"));
    struct odk_str mode = json_str(json_get(entry, "mode"));
    int64_t activity = number(entry, "activity");

    if (odk_str_is(type, "TaskScheduled") && activity != 0 &&
        w->n_open < TASKS_MAX) {
        w->open[w->n_open++] = activity;
    } else if (odk_str_is(type, "TaskSucceeded") ||
               odk_str_is(type, "TaskFailed") ||
               odk_str_is(type, "TaskTimedOut") ||
               odk_str_is(type, "TaskStateAborted")) {
        close_activity(w, activity);
    } else if (odk_str_is(fact, "closing")) {
        w->n_open = 0;
    } else if (odk_str_is(fact, "scope")) {
        w->is_past_pivot |= odk_str_is(mode, "PIVOT");
        /* A child workflow's success: its parent's state undoes it. */
        for (size_t i = 0; odk_str_is(mode, "DROP") && i < w->n_undos; i++) {
            w->undos[i].is_over = true;
        }
    } else if (odk_str_is(type, "ExecutionFailed") ||
               odk_str_is(type, "ExecutionTimedOut")) {
        check_closed(w);
    }
    if (ends_with(type, "Registered") || ends_with(type, "Scheduled") ||
        ends_with(type, "Succeeded") || ends_with(type, "Skipped")) {
        read_undo(w, type, entry);
    }
}

static void
read_entries(struct world *w)
{
    json_t *entries =
        w->update.entries.len > 0 ? json_parse(w->update.entries, NULL) : NULL;

    for (size_t i = 0; i < json_array_size(entries); i++) {
        read_entry(w, json_array_get(entries, i));
    }
    json_decref(entries);
}

static void
reload(struct world *w)
{
    struct odk_buf state;
    struct odk_err err = {0};

    odk_buf_init(&state, 0);
    engine_save(w->engine, &state);
    engine_free(w->engine);
    int rc = engine_load(odk_buf_str(&state), w->machine, &w->engine, &err);
    odk_assert(rc == 0);
    odk_buf_release(&state);
}

static void
step(struct world *w, struct engine_input *input)
{
    struct odk_err err = {0};
    enum engine_status before = engine_status(w->engine);

    input->now = w->now;
    input->seq_next = w->seq;
    input->seed = w->seq;
    int rc = engine_step(w->engine, input, &w->update, &err);
    odk_assert(rc == 0);
    if (w->update.first_event_id != 0) {
        odk_assert(w->update.first_event_id == w->last_event + 1);
        w->last_event = w->update.last_event_id;
    }
    odk_assert(before == ENGINE_RUNNING || w->update.status == before);
    odk_assert(w->update.is_ignored ==
               (w->update.entries.len == 0 && !w->update.rejected));
    note(w);
    w->is_given_up |= input->kind == ENGINE_INPUT_FAIL;
    read_entries(w);
    if (w->update.status == ENGINE_RUNNING) {
        check_alive(w);
    } else {
        odk_assert(w->n_timers == 0);
    }
}

static void
answer(struct world *w, uint8_t kind, uint8_t which)
{
    static const enum engine_input_kind kinds[] = {
        ENGINE_INPUT_TASK_STARTED,   ENGINE_INPUT_TASK_SUCCEEDED,
        ENGINE_INPUT_TASK_SUCCEEDED, ENGINE_INPUT_TASK_FAILED,
        ENGINE_INPUT_TASK_FAILED,    ENGINE_INPUT_TASK_HEARTBEAT,
    };

    if (w->n_tasks == 0) {
        return;
    }
    /* Mostly the newest, sometimes any. */
    size_t back = which & 0x80 ? which % w->n_tasks : which % 3;
    size_t at = w->n_tasks - 1 - (back < w->n_tasks ? back : 0);
    struct engine_input input = {
        .kind = kinds[kind % 6],
        .activity_id = w->tasks[at].activity,
        .attempt = w->tasks[at].attempt,
        .token_seq = w->tasks[at].seq,
        .payload = w->values[which % 4],
        .error = which & 0x40 ? ODK_STR("X") : ODK_STR("Y"),
        .effect = which & 0x20 ? ENGINE_EFFECT_UNKNOWN : ENGINE_EFFECT_NONE,
    };
    step(w, &input);
}

static void
fire(struct world *w, uint8_t which)
{
    if (w->n_timers == 0) {
        return;
    }
    struct engine_timer_op timer = w->timers[which % w->n_timers];
    if (timer.due > w->now && which < 200) {
        w->now = timer.due;
    }
    step(w, &(struct engine_input){.kind = ENGINE_INPUT_TIMER,
                                   .timer_id = timer.id});
}

static void
command(struct world *w, uint8_t which)
{
    struct engine_input input = {.reason = ODK_STR("r"),
                                 .payload = w->values[which % 4]};

    if (which < 150) {
        input.kind = ENGINE_INPUT_SIGNAL;
        input.signal_name = ODK_STR("go");
    } else if (which < 220) {
        input.kind = ENGINE_INPUT_RESOLVE_COMPENSATION;
        input.action = (enum engine_compensation_action)(which % 3);
    } else if (which < 240) {
        input.kind = ENGINE_INPUT_CANCEL;
    } else if (which < 248) {
        input.kind = ENGINE_INPUT_FAIL;
        input.error = ODK_STR("States.Runtime");
    } else {
        input.kind = ENGINE_INPUT_TERMINATE;
    }
    step(w, &input);
}

static void
play(struct world *w, const uint8_t *data, size_t size)
{
    step(w, &(struct engine_input){.kind = ENGINE_INPUT_START});
    for (size_t i = 0; i + 1 < size && i < (size_t)2 * STEPS_MAX; i += 2) {
        uint8_t what = data[i];
        if (what < 160) {
            answer(w, what, data[i + 1]);
        } else if (what < 210) {
            fire(w, data[i + 1]);
        } else if (what < 240) {
            command(w, data[i + 1]);
        } else {
            w->now += (odk_time_ms)data[i + 1] * 100;
            reload(w);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.now = 1767225600000, .seq = 1};
    struct asl_machine *machine = NULL;
    struct asl_problems problems;
    struct odk_err err = {0};

    if (size < 2) {
        return 0;
    }
    json_t *definition =
        parse(definitions[data[0] % ODK_ARRAY_LEN(definitions)]);
    json_t *input = parse("{'l':[1,2,3]}");
    w.values[0] = parse("{'l':[1],'n':1}");
    w.values[1] = parse("null");
    w.values[2] = parse("'text'");
    w.values[3] = parse("{'l':[{'k':1.5},2,3,4]}");
    asl_problems_init(&problems);
    int rc =
        asl_compile(definition, &(struct asl_options){0}, &machine, &problems);
    odk_assert(rc == 0);
    asl_problems_release(&problems);
    w.machine = machine;
    struct engine_start start = {
        .namespace_ = ODK_STR("n"),
        .workflow_id = ODK_STR("w"),
        .run_id = odk_uuid_v7(1, 2, 3),
        .definition = ODK_STR("d"),
        .machine = machine,
        .input = input,
        .task_republish_ms = data[1] & 1 ? 20000 : 0,
    };
    rc = engine_new(&start, &w.engine, &err);
    odk_assert(rc == 0);
    play(&w, data + 2, size - 2);
    engine_free(w.engine);
    asl_free(machine);
    json_decref(definition);
    json_decref(input);
    for (size_t i = 0; i < ODK_ARRAY_LEN(w.values); i++) {
        json_decref(w.values[i]);
    }
    return 0;
}
