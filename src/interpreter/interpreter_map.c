/*
 * Map: its items, its limits, the iterations of an inline one.
 */

#include "interpreter/interpreter_priv.h"

int64_t
interpreter_items_length(const json_t *items)
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
    bool is_read = state->item_reader && !(probe && !probe->items);
    json_t *items =
        is_read && probe ? json_incref(probe->items)
        : is_read        ? json_array()
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
    int64_t most = state->is_distributed
                       ? engine_limits_of(work->engine)->map_children
                   : limit == 0 ? INTERPRETER_INLINE_MAX
                                : INTERPRETER_CONCURRENCY_MAX;
    items->count = limit == 0 || limit > most ? most : limit;
}

/* An iteration that another one made room for follows that one's last event. */
static void
start_iteration(struct interpreter *in, struct engine *engine, int32_t frame,
                int64_t prev)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    const struct asl_state *state = interpreter_state(in, frame);
    struct engine_entry entry =
        interpreter_entry(in, ENGINE_EV_ITERATION_STARTED, frame);

    entry.prev = prev;
    entry.frame = interpreter_slot(in);
    entry.parent = frame;
    entry.scope = state->first_scope;
    entry.index = line->n_started;
    entry.name = state->name;
    engine_emit(engine, &entry);
}

void
interpreter_map_go_on(struct interpreter *in, struct engine *engine,
                      int32_t frame, int64_t prev)
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

/* How many children there are or will be; -1: not known yet. */
static int64_t
n_children(const struct interpreter_line *line)
{
    int64_t left = interpreter_items_length(line->items) - line->taken;

    if (!line->plan) {
        return line->length;
    }
    if (line->cursor || line->chore_kind == INTERPRETER_READ ||
        (left > 0 && json_get(line->plan, "batch"))) {
        return -1;
    }
    return line->n_started + left;
}

bool
interpreter_is_tolerated(const struct interpreter_line *line, int64_t failed)
{
    int64_t n = n_children(line);

    if (line->tolerated_percent < 0 && line->tolerated_count == 0) {
        return false;
    }
    if (line->tolerated_count > 0 && failed > line->tolerated_count) {
        return false;
    }
    return line->tolerated_percent < 0 || n <= 0 ||
           (double)failed * 100e6 <=
               (double)line->tolerated_percent * (double)n;
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
    struct interpreter_line line = {.items = items};
    for (int64_t i = 0; i < interpreter_items_length(items) && !work->is_failed;
         i++) {
        json_t *item = interpreter_item(&line, i, i);
        json_t *input = interpreter_selected(work, item);
        if (input) {
            json_append(selected, input);
        }
        json_decref(item);
    }
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
        interpreter_is_tolerated(line, probe->n_failed)) {
        return interpreter_stand_in(work);
    }
    interpreter_error(work->in, work->engine, work->frame,
                      ODK_STR("States.ExceedToleratedFailureThreshold"),
                      ODK_STR(INTERPRETER_THRESHOLD_CAUSE));
    return true;
}

static void
begin(struct interpreter_work *work, struct engine_entry *items,
      struct engine_entry *started, struct engine_entry *plan)
{
    struct interpreter *in = work->in;
    struct engine_entry run =
        interpreter_entry(in, ENGINE_EV_MAP_RUN_STARTED, work->frame);

    engine_emit(work->engine, items);
    if (plan->value) {
        engine_emit(work->engine, plan);
    }
    engine_emit(work->engine, started);
    if (plan->value) {
        run.map_run = json_str(json_get(plan->value, "mapRunArn"));
        run.prev = interpreter_line(in, work->frame)->prev;
        engine_emit(work->engine, &run);
    }
    if (stand_in(work)) {
        return;
    }
    if (plan->value) {
        interpreter_distribute(in, work->engine, work->frame);
    } else if (started->length == 0) {
        json_t *results = json_array();
        interpreter_nest_done(in, work->engine, work->frame, results);
        json_decref(results);
    } else {
        interpreter_map_go_on(in, work->engine, work->frame,
                              interpreter_line(in, work->frame)->prev);
    }
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
    struct engine_entry plan =
        interpreter_entry(in, ENGINE_EV_FACT_MAP_PLAN, work->frame);

    items.value = items_of(work);
    interpreter_note(work->engine, "afterItemsPath", items.value);
    if (!work->is_failed) {
        map_limits(work, &items);
    }
    if (!work->is_failed) {
        note_selected(work, items.value);
    }
    plan.value = work->is_failed || !state->is_distributed
                     ? NULL
                     : interpreter_plan(work);
    if (!work->is_failed) {
        started.length = interpreter_items_length(items.value);
        begin(work, &items, &started, &plan);
    }
    json_decref(items.value);
    json_decref(plan.value);
}

json_t *
interpreter_selected(struct interpreter_work *work, json_t *item)
{
    const struct asl_value *selector = work->state->item_selector
                                           ? work->state->item_selector
                                           : work->state->arguments;
    json_t *of = json_get(item, "Item");
    json_t *key = json_get(of, "Key");
    json_t *input = NULL;

    if (!selector) {
        input = json_incref(json_get(of, "Value"));
        if (key) {
            json_decref(input);
            input = json_object();
            json_set(input, ODK_STR("Key"), json_incref(key));
            json_set(input, ODK_STR("Value"),
                     json_incref(json_get(of, "Value")));
        }
        return input;
    }
    json_t *context =
        work->context
            ? work->context
            : interpreter_context(work->in, work->engine, work->frame);
    work->context = json_share_members(context);
    json_set(work->context, ODK_STR("Map"), json_incref(item));
    input = interpreter_eval(work, selector, work->effective, "ItemSelector");
    json_decref(work->context);
    work->context = context;
    return input;
}
