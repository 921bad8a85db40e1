/*
 * A distributed Map at work: children begin with an item or a batch each as
 * far as the limit on those at once allows; one chore at a time reads the next
 * page of items or writes results. All that waits is bounded: a page, a page's
 * worth of results, the children at once.
 *
 *   ──▶ start children ──▶ write results, if a page of them waits
 *    ▲        │              read items, if the page is used up
 *    └── a child or a chore ended ──▶ all done: last results and manifest ──▶
 *                                     the state's result, or its failure
 */

#include <stdio.h>

#include "interpreter/interpreter_priv.h"
#include "objects/objects_task.h"

bool
interpreter_is_exporting(const struct interpreter_line *line)
{
    return json_get(json_get(line->plan, "write"), "bucket") != NULL;
}

static bool
is_closing(const struct interpreter_line *line)
{
    return odk_str_is(line->mode, "CLOSING");
}

/* ---- chores ---- */

static void
schedule(struct interpreter *in, struct engine *engine, int32_t frame,
         const char *type, json_t *input)
{
    struct engine_task task = {
        .frame = frame,
        .activity = INTERPRETER_CHORE_ID + in->n_chores,
        .attempt = 1,
        .prev = interpreter_line(in, frame)->prev,
        .family = ENGINE_FAMILY_CHORE,
        .queue = ODK_STR(OBJECTS_QUEUE),
        .type = odk_str(type),
        .input = input,
    };

    engine_schedule(engine, &task);
    json_decref(input);
}

static void
read_page(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    int64_t n_max = json_integer_value(json_get(line->plan, "maxItems"));
    int64_t left = interpreter_items_length(line->items) - line->taken;
    int64_t n =
        n_max > 0 ? n_max - line->n_items - left : INTERPRETER_PAGE_ITEMS;
    json_t *input = json_share_members(json_get(line->plan, "read"));

    json_set(
        input, ODK_STR("maxItems"),
        json_integer(n < INTERPRETER_PAGE_ITEMS ? n : INTERPRETER_PAGE_ITEMS));
    json_set(input, ODK_STR("maxBytes"), json_integer(INTERPRETER_PAGE_BYTES));
    if (json_object_size(line->cursor) > 0) {
        json_set(input, ODK_STR("cursor"), json_incref(line->cursor));
    }
    schedule(in, engine, frame, OBJECTS_READ, input);
}

static void
write_results(struct interpreter *in, struct engine *engine, int32_t frame,
              bool is_final)
{
    schedule(in, engine, frame, OBJECTS_WRITE,
             interpreter_results_task(interpreter_line(in, frame), is_final));
}

void
interpreter_drop_chore(struct interpreter *in, struct engine *engine,
                       int32_t frame)
{
    struct engine_entry closed =
        interpreter_entry(in, ENGINE_EV_FACT_ACTIVITY_CLOSED, frame);

    closed.activity = interpreter_line(in, frame)->chore;
    if (closed.activity != 0) {
        engine_cancel_task(engine, closed.activity,
                           ODK_STR("The scope has failed."));
        engine_emit(engine, &closed);
    }
}

/* ---- children ---- */

/* What a child begins with. */
struct begin {
    json_t *input;   /**< a reference; NULL: it fails at once */
    int64_t n_items; /**< 0: the items that are here are too few for a batch */
};

/* One item's input, which may fail. */
static json_t *
item_input(struct interpreter_work *work, int64_t offset)
{
    const struct interpreter_line *line =
        interpreter_line(work->in, work->frame);
    json_t *item =
        interpreter_item(line, line->taken + offset, line->n_items + offset);
    json_t *input = interpreter_selected(work, item);

    json_decref(item);
    return input;
}

/* Whether there may be more items than the page has. */
static bool
has_more(const struct interpreter_line *line)
{
    return line->cursor || line->chore_kind == INTERPRETER_READ;
}

/* As many items as fit a batch, at least one. */
static void
make_batch(struct interpreter_work *work, json_t *batch, struct begin *out)
{
    const struct interpreter_line *line =
        interpreter_line(work->in, work->frame);
    int64_t left = interpreter_items_length(line->items) - line->taken;
    int64_t n_max = json_integer_value(json_get(batch, "items"));
    size_t bytes_max = (size_t)json_integer_value(json_get(batch, "bytes"));
    json_t *shared = json_get(batch, "input");
    size_t bytes = shared ? json_dump_size(shared) + 32 : 16;
    json_t *items = json_array();
    bool is_full = false;

    while (!is_full && !work->is_failed && out->n_items < left) {
        json_t *item = item_input(work, out->n_items);
        bytes += item ? json_dump_size(item) + 1 : 0;
        is_full = out->n_items > 0 && bytes > bytes_max;
        if (item && !is_full) {
            json_append(items, json_incref(item));
            out->n_items++;
            is_full = out->n_items == n_max;
        }
        json_decref(item);
    }
    if (work->is_failed) {
        out->n_items++; /* the item that cannot be selected fails its batch */
    } else if (is_full || !has_more(line)) {
        out->input = json_object();
        if (shared) {
            json_set(out->input, ODK_STR("BatchInput"), json_incref(shared));
        }
        json_set(out->input, ODK_STR("Items"), json_incref(items));
    } else {
        out->n_items = 0;
    }
    json_decref(items);
}

/* Starts a child, or tells that items lack. */
static bool
start_child(struct interpreter_work *work)
{
    const struct interpreter_line *line =
        interpreter_line(work->in, work->frame);
    struct engine_entry entry =
        interpreter_entry(work->in, ENGINE_EV_FACT_BRANCH, work->frame);
    json_t *batch = json_get(line->plan, "batch");
    struct begin begin = {0};

    if (line->taken == interpreter_items_length(line->items)) {
        return false;
    }
    if (batch) {
        make_batch(work, batch, &begin);
    } else {
        begin.input = item_input(work, 0);
        begin.n_items = 1;
    }
    if (begin.n_items == 0) {
        return false;
    }
    entry.frame = interpreter_slot(work->in);
    entry.parent = work->frame;
    entry.scope = work->state->first_scope;
    entry.index = line->n_started;
    entry.count = begin.n_items;
    entry.value = begin.input;
    if (work->is_failed) {
        entry.error = odk_str(work->error.name);
        entry.cause = odk_buf_str(&work->error.cause);
        work->is_failed = false;
    }
    engine_emit(work->engine, &entry);
    json_decref(begin.input);
    return true;
}

static bool
has_room(const struct interpreter *in, int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    int64_t running = line->n_started - line->n_done;
    bool is_backed_up = interpreter_is_exporting(line) &&
                        line->results_bytes > INTERPRETER_RESULTS_BYTES;

    return running < line->limit && !is_backed_up &&
           (running == 0 || in->n_used < INTERPRETER_LINES_MAX);
}

static void
start_children(struct interpreter *in, struct engine *engine, int32_t frame)
{
    struct interpreter_work work;

    interpreter_work_init(&work, in, engine, frame);
    interpreter_take_input(&work);
    while (!work.is_failed && has_room(in, frame) && start_child(&work)) {
    }
    interpreter_work_release(&work);
}

/* ---- the end ---- */

static void
copy_failure(const struct interpreter_line *line, struct odk_buf *error,
             struct odk_buf *cause)
{
    odk_buf_init(error, 0);
    odk_buf_init(cause, 0);
    odk_buf_put_str(error, line->error);
    odk_buf_put_str(cause, line->cause);
}

static void
finish(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    struct odk_buf error;
    struct odk_buf cause;

    if (is_closing(line)) {
        copy_failure(line, &error, &cause);
        interpreter_error(in, engine, frame, odk_buf_str(&error),
                          odk_buf_str(&cause));
        odk_buf_release(&error);
        odk_buf_release(&cause);
        return;
    }
    json_t *result = interpreter_map_result(line);
    interpreter_nest_done(in, engine, frame, result);
    json_decref(result);
}

/* From now on nothing begins; what a page waits for is not needed. */
static void
close_map(struct interpreter *in, struct engine *engine, int32_t frame,
          struct odk_str error, struct odk_str cause)
{
    struct engine_entry closing =
        interpreter_entry(in, ENGINE_EV_FACT_MAP_CLOSING, frame);

    closing.error = error;
    closing.cause = cause;
    engine_emit(engine, &closing);
    interpreter_abort_children(in, engine, frame);
    if (interpreter_line(in, frame)->chore_kind == INTERPRETER_READ) {
        interpreter_drop_chore(in, engine, frame);
    }
}

void
interpreter_map_fail(struct interpreter *in, struct engine *engine,
                     int32_t frame, struct odk_str error, struct odk_str cause)
{
    close_map(in, engine, frame, error, cause);
    const struct interpreter_line *line = interpreter_line(in, frame);
    if (!interpreter_is_exporting(line)) {
        finish(in, engine, frame);
    } else if (line->chore == 0) {
        write_results(in, engine, frame, interpreter_results_fit(line));
    }
}

/* Nothing runs and nothing is left. */
static bool
is_complete(const struct interpreter_line *line)
{
    return is_closing(line) ||
           (line->n_done == line->n_started && !line->cursor &&
            line->taken == interpreter_items_length(line->items));
}

/* The next thing to ask of the object store; false: nothing. */
static bool
start_chore(struct interpreter *in, struct engine *engine, int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);
    bool is_exporting = interpreter_is_exporting(line);

    if (is_exporting && !line->is_written && is_complete(line)) {
        write_results(in, engine, frame, interpreter_results_fit(line));
    } else if (is_exporting && !is_complete(line) &&
               line->results_bytes > INTERPRETER_RESULTS_BYTES) {
        write_results(in, engine, frame, false);
    } else if (line->cursor && !is_closing(line) && has_room(in, frame)) {
        read_page(in, engine, frame);
    } else {
        return false;
    }
    return true;
}

static bool
has_too_many_results(struct engine *engine, const struct interpreter_line *line)
{
    return !interpreter_is_exporting(line) && !is_closing(line) &&
           line->results_bytes > engine_limits_of(engine)->payload_bytes;
}

/* The share of failures is known when all children are. */
static bool
has_too_many_failures(const struct interpreter_line *line)
{
    return is_complete(line) && !is_closing(line) && line->n_failed > 0 &&
           !interpreter_is_tolerated(line, line->n_failed);
}

static void
fail_over_results(struct interpreter *in, struct engine *engine, int32_t frame)
{
    struct interpreter_work work;

    interpreter_work_init(&work, in, engine, frame);
    odk_buf_printf(
        interpreter_fail(&work, "States.DataLimitExceeded"),
        "The state/task '%.*s' returned a result with a size exceeding the "
        "maximum number of bytes service limit.",
        ODK_STR_ARG(work.state->name));
    interpreter_map_fail(in, engine, frame, odk_str(work.error.name),
                         odk_buf_str(&work.error.cause));
    interpreter_work_release(&work);
}

void
interpreter_distribute(struct interpreter *in, struct engine *engine,
                       int32_t frame)
{
    const struct interpreter_line *line = interpreter_line(in, frame);

    if (has_too_many_results(engine, line)) {
        fail_over_results(in, engine, frame);
        return;
    }
    if (!is_closing(line)) {
        start_children(in, engine, frame);
        line = interpreter_line(in, frame);
    }
    if (line->chore != 0) {
        return;
    }
    if (has_too_many_failures(line)) {
        interpreter_map_fail(in, engine, frame,
                             ODK_STR("States.ExceedToleratedFailureThreshold"),
                             ODK_STR(INTERPRETER_THRESHOLD_CAUSE));
        return;
    }
    if (!start_chore(in, engine, frame) && is_complete(line)) {
        finish(in, engine, frame);
    }
}

void
interpreter_chore_done(struct interpreter *in, struct engine *engine,
                       const struct engine_result *result)
{
    struct engine_entry closed =
        interpreter_entry(in, ENGINE_EV_FACT_ACTIVITY_CLOSED, result->frame);
    const struct interpreter_line *line = interpreter_line(in, result->frame);
    bool is_read = line->chore_kind == INTERPRETER_READ;

    if (result->kind == ENGINE_RESULT_SUCCEEDED) {
        interpreter_distribute(in, engine, result->frame);
        return;
    }
    closed.activity = result->activity;
    engine_emit(engine, &closed);
    if (is_read) {
        interpreter_map_fail(in, engine, result->frame,
                             ODK_STR("States.ItemReaderFailed"), result->cause);
        return;
    }
    if (!is_closing(line)) { /* else its first failure tells more */
        close_map(in, engine, result->frame,
                  ODK_STR("States.ResultWriterFailed"), result->cause);
    }
    finish(in, engine, result->frame);
}
