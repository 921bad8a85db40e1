/*
 * Parallel and Map: child lines, their inputs, their ends.
 */

#include <stdlib.h>

#include "interpreter/interpreter_priv.h"

/* Parallel: all branches begin with what Parameters made, made once. */
void
interpreter_do_parallel(struct interpreter_work *work)
{
    struct interpreter *in = work->in;
    const struct asl_state *state = work->state;
    struct engine_entry started =
        interpreter_entry(in, ENGINE_EV_PARALLEL_STARTED, work->frame);
    struct engine_entry items =
        interpreter_entry(in, ENGINE_EV_FACT_ITEMS, work->frame);

    if (in->n_used + state->n_scopes > INTERPRETER_LINES_MAX) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "The execution has too many branches at once.");
        return;
    }
    items.value = interpreter_arguments(work);
    if (work->is_failed || interpreter_stand_in(work)) {
        json_decref(items.value);
        return;
    }
    started.count = state->n_scopes;
    engine_emit(work->engine, &items);
    json_decref(items.value);
    engine_emit(work->engine, &started);
    for (int32_t i = 0; i < state->n_scopes; i++) {
        struct engine_entry branch =
            interpreter_entry(in, ENGINE_EV_FACT_BRANCH, work->frame);
        branch.frame = interpreter_slot(in);
        branch.parent = work->frame;
        branch.scope = state->first_scope + i;
        branch.index = i;
        engine_emit(work->engine, &branch);
    }
}

static int64_t
items_length(const json_t *items)
{
    return json_is_object(items) ? (int64_t)json_object_size(items)
                                 : (int64_t)json_array_size(items);
}

/* The items of a Map; a new reference. */
static json_t *
items_of(struct interpreter_work *work)
{
    const struct asl_state *state = work->state;
    const struct engine_probe *probe = engine_probe_of(work->engine);
    struct odk_buf text;
    json_t *items =
        state->item_reader && probe && probe->items ? json_incref(probe->items)
        : state->items
            ? interpreter_eval(work, state->items, work->effective,
                               state->is_jsonata ? "Items" : "ItemsPath")
            : json_incref(work->effective);

    if (!items || json_is_array(items) || json_is_object(items)) {
        return items;
    }
    odk_buf_init(&text, 0);
    engine_texts_put(NULL, items, &text);
    odk_buf_printf(interpreter_blame(work, state->is_jsonata
                                               ? "States.QueryEvaluationError"
                                               : "States.Runtime"),
                   "Map state input must be an array but was: %.*s",
                   ODK_STR_ARG(odk_buf_str(&text)));
    odk_buf_release(&text);
    json_decref(items);
    return NULL;
}

static double
percent_of(struct interpreter_work *work)
{
    double percent = -1;

    if (!work->state->tolerated_percentage || work->is_failed) {
        return percent;
    }
    json_t *value =
        interpreter_eval(work, work->state->tolerated_percentage,
                         work->effective, "ToleratedFailurePercentage");
    if (json_is_number(value)) {
        percent = json_number_value(value);
    } else if (value) {
        int64_t whole = 0;
        (void)odk_str_to_i64(json_str(value), &whole);
        percent = (double)whole;
    }
    json_decref(value);
    return percent;
}

static void
note_limits(struct interpreter_work *work, int64_t limit, int64_t tolerated,
            double percent)
{
    if (work->is_failed || !engine_probe_of(work->engine)) {
        return;
    }
    interpreter_note_int(work->engine, "maxConcurrency", limit);
    if (work->state->tolerated_count) {
        interpreter_note_int(work->engine, "toleratedFailureCount", tolerated);
    }
    if (work->state->tolerated_percentage) {
        json_t *value = json_real(percent);
        interpreter_note(work->engine, "toleratedFailurePercentage", value);
        json_decref(value);
    }
}

/* Limits of a Map into its items fact. */
static void
map_limits(struct interpreter_work *work, struct engine_entry *items)
{
    const struct asl_state *state = work->state;
    int64_t limit =
        interpreter_eval_int(work, state->max_concurrency, 0, "MaxConcurrency");

    items->number = interpreter_eval_int(work, state->tolerated_count, 0,
                                         "ToleratedFailureCount");
    double percent = percent_of(work);
    note_limits(work, limit, items->number, percent);
    items->due = percent < 0 ? 0 : (int64_t)(percent * 1e6);
    if (!work->is_failed && limit < 0) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "The MaxConcurrency field must not be negative: %lld",
                       (long long)limit);
    }
    items->count = limit == 0 ? INTERPRETER_INLINE_MAX
                   : limit > INTERPRETER_CONCURRENCY_MAX
                       ? INTERPRETER_CONCURRENCY_MAX
                       : limit;
}

/* An iteration that another one made room for follows that one's last event. */
static void
start_iteration(struct interpreter *in, struct engine *engine, int32_t frame,
                int64_t prev)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *state = interpreter_state(in, frame);
    struct engine_entry entry =
        interpreter_entry(in,
                          state->is_distributed ? ENGINE_EV_FACT_BRANCH
                                                : ENGINE_EV_ITERATION_STARTED,
                          frame);

    entry.prev = prev;
    entry.frame = interpreter_slot(in);
    entry.parent = frame;
    entry.scope = state->first_scope;
    entry.index = line->n_started;
    entry.name = state->name;
    engine_emit(engine, &entry);
}

static void
start_iterations(struct interpreter *in, struct engine *engine, int32_t frame,
                 int64_t prev)
{
    for (;;) {
        const struct interpreter_line *line = interpreter_line(in, frame);
        int64_t running = line->n_started - line->n_done;
        if (line->n_started >= line->length || running >= line->limit ||
            (running > 0 && in->n_used >= INTERPRETER_LINES_MAX)) {
            return;
        }
        start_iteration(in, engine, frame, prev);
    }
}

/* All children are done: the state's result. */
static void
nest_done(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct asl_state *state = interpreter_state(in, frame);
    enum engine_entry_type type = state->type == ASL_MAP
                                      ? ENGINE_EV_MAP_SUCCEEDED
                                      : ENGINE_EV_PARALLEL_SUCCEEDED;
    json_t *results = json_incref(interpreter_line(in, frame)->results);
    struct interpreter_work work;

    if (state->is_distributed) {
        struct engine_entry run =
            interpreter_entry(in, ENGINE_EV_MAP_RUN_SUCCEEDED, frame);
        engine_emit(engine, &run);
    }
    struct engine_entry done = interpreter_entry(in, type, frame);
    engine_emit(engine, &done);
    interpreter_work_init(&work, in, engine, frame);
    interpreter_take_input(&work);
    if (!work.is_failed) {
        interpreter_finish(&work, results);
    }
    if (work.is_failed) {
        interpreter_work_error(&work);
    }
    interpreter_work_release(&work);
    json_decref(results);
}

static void
start_run(struct interpreter_work *work)
{
    struct engine_entry run =
        interpreter_entry(work->in, ENGINE_EV_MAP_RUN_STARTED, work->frame);
    char run_id[ODK_UUID_TEXT_LEN + 1];
    struct odk_buf arn;

    odk_uuid_format(&engine_identity(work->engine)->run_id, run_id);
    odk_buf_init(&arn, 0);
    odk_buf_printf(
        &arn, "%s/%.*s:%lld", run_id,
        ODK_STR_ARG(work->state->label.len > 0 ? work->state->label
                                               : work->state->name),
        (long long)interpreter_line(work->in, work->frame)->entered_id);
    run.map_run = odk_buf_str(&arn);
    engine_emit(work->engine, &run);
    odk_buf_release(&arn);
}

static bool
is_tolerated(const struct interpreter_line *line, int64_t failed)
{
    if (line->tolerated_percent < 0 && line->tolerated_count == 0) {
        return false;
    }
    if (line->tolerated_count > 0 && failed > line->tolerated_count) {
        return false;
    }
    return line->tolerated_percent < 0 || line->length == 0 ||
           (double)failed * 100e6 <=
               (double)line->tolerated_percent * (double)line->length;
}

/* What ItemSelector makes of every item, for the probe. */
static void
note_selected(struct interpreter_work *work, json_t *items)
{
    const struct asl_state *state = work->state;
    const struct asl_value *selector =
        state->item_selector ? state->item_selector : state->arguments;

    if (!selector || !engine_probe_of(work->engine)) {
        return;
    }
    json_t *selected = json_array();
    json_t *context =
        work->context
            ? work->context
            : interpreter_context(work->in, work->engine, work->frame);
    for (int64_t i = 0; i < items_length(items) && !work->is_failed; i++) {
        work->context = json_share_members(context);
        json_set(work->context, ODK_STR("Map"), interpreter_item(items, i));
        json_t *input =
            interpreter_eval(work, selector, work->effective, "ItemSelector");
        if (input) {
            json_append(selected, input);
        }
        json_decref(work->context);
    }
    work->context = context;
    interpreter_note(work->engine, "afterItemSelector", selected);
    json_decref(selected);
}

/* The probe may say that iterations have failed, and the rest has a result. */
static bool
stand_in(struct interpreter_work *work)
{
    const struct engine_probe *probe = engine_probe_of(work->engine);
    const struct interpreter_line *line =
        interpreter_line(work->in, work->frame);

    if (!probe || probe->error.ptr || probe->n_failed == 0 ||
        is_tolerated(line, probe->n_failed)) {
        return interpreter_stand_in(work);
    }
    interpreter_error(
        work->in, work->engine, work->frame,
        ODK_STR("States.ExceedToleratedFailureThreshold"),
        ODK_STR("The specified tolerated failure threshold was exceeded"));
    return true;
}

void
interpreter_do_map(struct interpreter_work *work)
{
    struct interpreter *in = work->in;
    const struct asl_state *state = work->state;
    struct engine_entry started =
        interpreter_entry(in, ENGINE_EV_MAP_STARTED, work->frame);
    struct engine_entry items =
        interpreter_entry(in, ENGINE_EV_FACT_ITEMS, work->frame);

    if ((state->item_reader || state->item_batcher || state->result_writer) &&
        !engine_probe_of(work->engine)) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "ItemReader, ItemBatcher and ResultWriter are "
                       "not supported yet.");
        return;
    }
    items.value = items_of(work);
    interpreter_note(work->engine, "afterItemsPath", items.value);
    if (!work->is_failed) {
        map_limits(work, &items);
    }
    if (!work->is_failed) {
        note_selected(work, items.value);
    }
    if (work->is_failed) {
        json_decref(items.value);
        return;
    }
    started.length = items_length(items.value);
    engine_emit(work->engine, &items);
    json_decref(items.value);
    engine_emit(work->engine, &started);
    if (state->is_distributed) {
        start_run(work);
    }
    if (stand_in(work)) {
        return;
    }
    if (started.length == 0) {
        nest_done(in, work->engine, work->frame);
        return;
    }
    start_iterations(in, work->engine, work->frame,
                     interpreter_line(in, work->frame)->prev);
}

/* The input of an iteration: the item, or what ItemSelector makes of it. The
 * selector reads the Map state's input, and the item in the context. */
static json_t *
iteration_input(struct interpreter *in, struct engine *engine, int32_t frame,
                struct asl_error *error)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *map = interpreter_state(in, line->parent);
    const struct asl_value *selector =
        map->item_selector ? map->item_selector : map->arguments;
    struct interpreter_work work;
    json_t *input = NULL;

    interpreter_work_init(&work, in, engine, line->parent);
    work.context = interpreter_context(in, engine, line->parent);
    json_t *item_context = interpreter_context(in, engine, frame);
    json_t *item = json_get(item_context, "Map");
    if (item) {
        json_set(work.context, ODK_STR("Map"), json_incref(item));
    }
    json_decref(item_context);
    if (selector) {
        interpreter_take_input(&work);
        if (!work.is_failed) {
            input = interpreter_eval(&work, selector, work.effective,
                                     "ItemSelector");
        }
    } else {
        json_t *of = json_get(json_get(work.context, "Map"), "Item");
        input = json_incref(json_get(of, "Value"));
        if (json_get(of, "Key")) {
            json_decref(input);
            input = json_object();
            json_set(input, ODK_STR("Key"), json_incref(json_get(of, "Key")));
            json_set(input, ODK_STR("Value"),
                     json_incref(json_get(of, "Value")));
        }
    }
    if (work.is_failed) {
        odk_buf_release(&error->cause);
        *error = work.error;
        odk_buf_init(&work.error.cause, 0);
    }
    interpreter_work_release(&work);
    return input;
}

json_t *
interpreter_branch_input(struct interpreter *in, struct engine *engine,
                         int32_t frame, struct asl_error *error)
{
    const struct interpreter_line *line = interpreter_line(in, frame);

    if (line->parent < 0) {
        return json_incref(engine_input_of(engine));
    }
    if (interpreter_state(in, line->parent)->type == ASL_PARALLEL) {
        return json_incref(interpreter_line(in, line->parent)->items);
    }
    return iteration_input(in, engine, frame, error);
}

void
interpreter_branch_done(struct interpreter *in, struct engine *engine,
                        int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    int32_t parent = line->parent;
    int64_t prev = line->prev;
    const struct asl_state *state = interpreter_state(in, parent);
    struct engine_entry done =
        interpreter_entry(in,
                          state->type == ASL_MAP && !state->is_distributed
                              ? ENGINE_EV_ITERATION_SUCCEEDED
                              : ENGINE_EV_FACT_BRANCH_DONE,
                          frame);

    done.index = line->index;
    done.name = state->name;
    engine_end_scope(
        engine, frame, parent,
        state->is_distributed ? ENGINE_SCOPE_REPLACE : ENGINE_SCOPE_PASS, 0);
    engine_emit(engine, &done);
    line = interpreter_line(in, parent);
    if (line->phase != INTERPRETER_CHILDREN) {
        return;
    }
    if (line->n_done == line->length) {
        nest_done(in, engine, parent);
    } else if (state->type == ASL_MAP) {
        start_iterations(in, engine, parent, prev);
    }
}

/* Ends the lines below a failed Parallel or Map, the deepest first. Their
 * activities are told; what may have had its effect stays in the registry. */
static void
abort_line(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *state = interpreter_state(in, frame);
    int32_t parent = line->parent;
    int64_t activity = line->entered_id;
    struct engine_entry end =
        interpreter_entry(in, ENGINE_EV_FACT_FRAME_END, frame);

    if (state && interpreter_events[state->type].aborted != ENGINE_EV_NONE) {
        struct engine_entry aborted = interpreter_entry(
            in, interpreter_events[state->type].aborted, frame);
        if (state->type == ASL_TASK) {
            interpreter_note_unknown(in, engine, frame);
            engine_cancel_task(engine, activity,
                               ODK_STR("The scope has failed."));
            aborted.activity = activity;
        }
        engine_emit(engine, &aborted);
    }
    const struct asl_state *above = interpreter_state(in, parent);
    if (above->type == ASL_MAP && !above->is_distributed) {
        struct engine_entry aborted =
            interpreter_entry(in, ENGINE_EV_ITERATION_ABORTED, frame);
        aborted.index = interpreter_line(in, frame)->index;
        aborted.name = above->name;
        engine_emit(engine, &aborted);
    }
    engine_end_scope(engine, frame, parent, ENGINE_SCOPE_PASS, 0);
    engine_emit(engine, &end);
}

/* How far below a line another one is; 0: not at all. */
static int32_t
depth_below(const struct interpreter *in, int32_t line, int32_t above)
{
    int32_t depth = 0;

    while (line >= 0 && line != above) {
        line = interpreter_line(in, line)->parent;
        depth++;
    }
    return line == above ? depth : 0;
}

/* The lines below a line, parents before their children. */
static int32_t *
lines_below(const struct interpreter *in, int32_t frame, size_t *n)
{
    int32_t *list = malloc(((size_t)in->n_lines + 1) * sizeof(*list));
    size_t before = 0;

    if (!list) {
        odk_out_of_memory();
    }
    *n = 0;
    for (int32_t depth = 1; depth == 1 || *n > before; depth++) {
        before = *n;
        for (int32_t i = 0; i < in->n_lines; i++) {
            if (in->lines[i].is_used && depth_below(in, i, frame) == depth) {
                list[(*n)++] = i;
            }
        }
    }
    return list;
}

static void
abort_children(struct interpreter *in, struct engine *engine, int32_t frame)
{
    size_t n = 0;
    int32_t *lines = lines_below(in, frame, &n);

    while (n > 0) {
        abort_line(in, engine, lines[--n]);
    }
    free(lines);
}

static void
iteration_failed(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *map = interpreter_state(in, line->parent);
    struct engine_entry entry =
        interpreter_entry(in, ENGINE_EV_ITERATION_FAILED, frame);

    entry.index = line->index;
    entry.name = map->name;
    engine_emit(engine, &entry);
}

/* A tolerated iteration, and a child workflow, undo what they did when they
 * fail; the iteration's end waits for it. */
static bool
roll_back_branch(struct interpreter *in, struct engine *engine, int32_t frame,
                 struct odk_str error, struct odk_str cause)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct interpreter_line *parent = interpreter_line(in, line->parent);
    const struct asl_state *state = interpreter_state(in, line->parent);
    struct engine_entry failure =
        interpreter_entry(in, ENGINE_EV_FACT_FAILURE, frame);

    if (line->phase == INTERPRETER_ROLLBACK || state->type != ASL_MAP ||
        (!state->is_distributed &&
         !is_tolerated(parent, parent->n_failed + 1)) ||
        !engine_rollback(engine, frame, 0)) {
        return false;
    }
    failure.mode = ODK_STR("BRANCH");
    failure.error = error;
    failure.cause = cause;
    engine_emit(engine, &failure);
    return true;
}

void
interpreter_branch_failed(struct interpreter *in, struct engine *engine,
                          int32_t frame, struct odk_str error,
                          struct odk_str cause)
{
    if (roll_back_branch(in, engine, frame, error, cause)) {
        return;
    }
    const struct interpreter_line *line = interpreter_line(in, frame);
    int32_t parent = line->parent;
    int64_t prev = line->prev;
    const struct asl_state *state = interpreter_state(in, parent);
    const struct asl_state *own = interpreter_state(in, frame);
    struct engine_entry failed =
        interpreter_entry(in, ENGINE_EV_FACT_BRANCH_FAILED, frame);

    if (state->type == ASL_PARALLEL && own && own->type == ASL_TASK) {
        struct engine_entry aborted =
            interpreter_entry(in, ENGINE_EV_TASK_ABORTED, frame);
        engine_emit(engine, &aborted);
    } else if (state->type == ASL_MAP && !state->is_distributed) {
        iteration_failed(in, engine, frame);
    }
    engine_end_scope(engine, frame, parent, ENGINE_SCOPE_PASS, 0);
    failed.error = error;
    failed.cause = cause;
    engine_emit(engine, &failed);
    line = interpreter_line(in, parent);
    if (line->phase != INTERPRETER_CHILDREN) {
        return;
    }
    if (state->type == ASL_MAP && is_tolerated(line, line->n_failed)) {
        if (line->n_done == line->length) {
            nest_done(in, engine, parent);
        } else {
            start_iterations(in, engine, parent, prev);
        }
        return;
    }
    abort_children(in, engine, parent);
    bool is_threshold = state->type == ASL_MAP && line->tolerated_count > 0;
    interpreter_error(
        in, engine, parent,
        is_threshold ? ODK_STR("States.ExceedToleratedFailureThreshold")
                     : error,
        is_threshold
            ? ODK_STR("The specified tolerated failure threshold was exceeded")
            : cause);
}
