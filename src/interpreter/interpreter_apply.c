/*
 * What an entry does to the lines. Nothing else changes what is saved.
 */

#include <stdlib.h>

#include "interpreter/interpreter_priv.h"
#include "objects/objects_task.h"

static void
drop_str(struct odk_str *s)
{
    union {
        const char *in;
        char *out;
    } owned = {.in = s->ptr};

    free(owned.out);
    *s = (struct odk_str){NULL, 0};
}

static void
set_str(struct odk_str *at, struct odk_str s)
{
    char *copy = NULL;

    drop_str(at);
    if (!s.ptr) {
        return;
    }
    copy = malloc(s.len + 1);
    if (!copy) {
        odk_out_of_memory();
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    *at = odk_str_n(copy, s.len);
}

static void
set_json(json_t **at, json_t *value)
{
    json_t *old = *at;

    *at = json_incref(value);
    json_decref(old);
}

void
interpreter_line_clear(struct interpreter_line *line)
{
    set_json(&line->input, NULL);
    set_json(&line->vars, NULL);
    set_json(&line->items, NULL);
    set_json(&line->results, NULL);
    set_json(&line->plan, NULL);
    set_json(&line->cursor, NULL);
    set_json(&line->failures, NULL);
    set_json(&line->begun, NULL);
    drop_str(&line->map_run);
    free(line->tries);
    drop_str(&line->signal);
    drop_str(&line->mode);
    drop_str(&line->error);
    drop_str(&line->cause);
    *line = (struct interpreter_line){0};
}

struct interpreter_line *
interpreter_line_at(struct interpreter *in, int32_t frame)
{
    odk_assert(frame >= 0);
    while (frame >= in->lines_size) {
        int32_t size = in->lines_size ? in->lines_size * 2 : 2;
        struct interpreter_line *grown =
            realloc(in->lines, (size_t)size * sizeof(*grown));
        if (!grown) {
            odk_out_of_memory();
        }
        in->lines = grown;
        in->lines_size = size;
    }
    while (frame >= in->n_lines) {
        in->lines[in->n_lines++] = (struct interpreter_line){0};
    }
    return &in->lines[frame];
}

/* A child of a distributed Map takes items with it. */
static void
begin_below(struct interpreter_line *parent, struct interpreter_line *line,
            const struct engine_entry *entry)
{
    parent->n_started++;
    if (!parent->plan) {
        return;
    }
    parent->taken += entry->count;
    parent->n_items += entry->count;
    set_json(&line->input, entry->value);
    if (json_get(parent->plan, "write")) {
        set_json(&line->begun, entry->value);
    }
    set_str(&line->error, entry->error);
    set_str(&line->cause, entry->cause);
}

static void
begin_line(struct interpreter *in, const struct engine_entry *entry,
           int32_t parent, int64_t prev)
{
    struct interpreter_line *line = interpreter_line_at(in, entry->frame);

    odk_assert(!line->is_used);
    line->is_used = true;
    line->parent = parent;
    line->scope = entry->scope;
    line->index = entry->index;
    line->state = -1;
    line->phase = INTERPRETER_BEGIN;
    line->prev = prev;
    line->tolerated_percent = -1;
    line->began_at = entry->ts;
    in->n_used++;
    if (parent >= 0) {
        begin_below(interpreter_line(in, parent), line, entry);
    }
}

static void
end_line(struct interpreter *in, int32_t frame)
{
    interpreter_line_clear(interpreter_line(in, frame));
    in->n_used--;
    while (in->n_lines > 0 && !in->lines[in->n_lines - 1].is_used) {
        in->n_lines--;
    }
}

/* A distributed Map begins anew, or is over. */
static void
clear_plan(struct interpreter_line *line)
{
    set_json(&line->plan, NULL);
    set_json(&line->cursor, NULL);
    set_json(&line->failures, NULL);
    drop_str(&line->map_run);
    line->taken = 0;
    line->n_items = 0;
    line->results_bytes = 0;
    line->n_succeeded_files = 0;
    line->n_failed_files = 0;
    line->chore = 0;
    line->chore_kind = INTERPRETER_NO_CHORE;
    line->is_written = false;
}

static void
apply_entered(struct interpreter *in, struct interpreter_line *line,
              const struct engine_entry *entry)
{
    line->state = asl_state_find(in->machine, entry->name);
    line->phase = INTERPRETER_READY;
    line->entered_id = entry->id;
    line->entered_at = entry->ts;
    line->entered_prev = entry->prev;
    set_json(&line->input, entry->input);
    set_json(&line->items, NULL);
    set_json(&line->results, NULL);
    clear_plan(line);
    free(line->tries);
    line->tries = NULL;
    line->n_tries = 0;
    line->tries_total = 0;
}

static void
apply_exited(struct interpreter_line *line, const struct engine_entry *entry)
{
    set_json(&line->input, entry->output);
    if (entry->assigned) {
        json_t *vars =
            line->vars ? json_share_members(line->vars) : json_object();
        (void)json_object_update(vars, entry->assigned);
        json_decref(line->vars);
        line->vars = vars;
    }
}

static void
apply_retry(struct interpreter_line *line, const struct engine_entry *entry)
{
    int32_t n = (int32_t)entry->index + 1;

    if (n > line->n_tries) {
        int32_t *tries = realloc(line->tries, (size_t)n * sizeof(*tries));
        if (!tries) {
            odk_out_of_memory();
        }
        memset(tries + line->n_tries, 0,
               (size_t)(n - line->n_tries) * sizeof(*tries));
        line->tries = tries;
        line->n_tries = n;
    }
    line->tries[entry->index]++;
    line->tries_total++;
    line->phase = INTERPRETER_BACKOFF;
}

static void
apply_nest(struct interpreter_line *line, int64_t length)
{
    json_t *results = json_array();

    for (int64_t i = 0; i < length; i++) {
        json_append(results, json_null());
    }
    json_decref(line->results);
    line->results = results;
    line->length = length;
    line->n_started = 0;
    line->n_done = 0;
    line->n_failed = 0;
    line->phase = INTERPRETER_CHILDREN;
}

static void
apply_items(struct interpreter_line *line, const struct engine_entry *entry)
{
    set_json(&line->items, entry->value);
    line->limit = entry->count;
    line->tolerated_count = entry->number;
    line->tolerated_percent = entry->due > 0 ? entry->due : -1;
}

/* A child's end counts for its parent; slots may move, so look it up anew. */
static void
apply_child_end(struct interpreter *in, const struct engine_entry *entry,
                bool is_done)
{
    struct interpreter_line *child = interpreter_line(in, entry->frame);
    struct interpreter_line *parent = interpreter_line(in, child->parent);

    if (entry->type == ENGINE_EV_ITERATION_SUCCEEDED) {
        parent->prev = entry->id;
    } else if (child->prev < ENGINE_HIDDEN_ID) {
        parent->prev = child->prev;
    }
    parent->n_done++;
    if (!is_done) {
        parent->n_failed++;
    }
    if (parent->plan) {
        interpreter_note_result(parent, child, entry, is_done);
    } else if (parent->results && child->index >= 0) {
        json_t *result = is_done ? json_incref(child->input) : json_null();
        if (!is_done) {
            result = json_object();
            json_set(result, ODK_STR("Status"), json_string("FAILED"));
            json_set(
                result, ODK_STR("Error"),
                json_str_new(entry->error.ptr ? entry->error : ODK_STR("")));
            json_set(
                result, ODK_STR("Cause"),
                json_str_new(entry->cause.ptr ? entry->cause : ODK_STR("")));
        }
        (void)json_array_set_new(parent->results, (size_t)child->index, result);
    }
    end_line(in, entry->frame);
}

/* A Map Run has ended with this entry. */
static void
end_run(struct interpreter *in, int32_t frame, const struct engine_entry *entry)
{
    interpreter_note_run(in, frame, entry);
    drop_str(&interpreter_line(in, frame)->map_run);
}

static void
apply_plan(struct interpreter *in, struct interpreter_line *line,
           const struct engine_entry *entry)
{
    if (line->map_run.ptr) {
        end_run(in, entry->frame, entry); /* and is retried */
    }
    clear_plan(line);
    drop_str(&line->mode);
    set_json(&line->plan, entry->value);
    line->failures = json_array();
    if (json_get(entry->value, "read")) {
        line->cursor = json_object();
    }
}

/* Takes what a write carries away off the results. */
static void
drop_first(json_t **list, size_t n)
{
    json_t *rest = json_array();

    for (size_t i = n; i < json_array_size(*list); i++) {
        json_append(rest, json_incref(json_array_get(*list, i)));
    }
    json_decref(*list);
    *list = rest;
}

static void
apply_write(struct interpreter_line *line, const struct engine_entry *entry)
{
    json_t *files = json_get(entry->input, "files");

    line->chore_kind = json_get(entry->input, "mapRunArn") ? INTERPRETER_FINISH
                                                           : INTERPRETER_WRITE;
    for (size_t i = 0; i < json_array_size(files); i++) {
        json_t *file = json_array_get(files, i);
        struct odk_str name = json_str(json_get(file, "name"));
        size_t n = json_array_size(json_get(file, "records"));
        if (odk_str_starts(name, ODK_STR("SUCCEEDED_"))) {
            drop_first(&line->results, n);
            line->n_succeeded_files++;
        } else if (odk_str_starts(name, ODK_STR("FAILED_"))) {
            drop_first(&line->failures, n);
            line->n_failed_files++;
        }
    }
    line->results_bytes = interpreter_results_bytes(line);
}

static void
apply_chore(struct interpreter *in, struct interpreter_line *line,
            const struct engine_entry *entry)
{
    in->n_chores++;
    line->chore = entry->activity;
    if (odk_str_is(entry->kind, OBJECTS_READ)) {
        line->chore_kind = INTERPRETER_READ;
        set_json(&line->cursor, NULL);
    } else {
        apply_write(line, entry);
    }
}

/* Members of an object from a place on. */
static void
take_members(json_t *to, json_t *from, int64_t at)
{
    struct json_member_iter member;

    for (json_member_first(&member, from); member.value;
         json_member_next(&member)) {
        if (at-- <= 0) {
            json_set(to, member.key, json_incref(member.value));
        }
    }
}

/* What is left of the page goes before the new one. */
static void
apply_page(struct interpreter_line *line, json_t *page)
{
    int64_t n_max = json_integer_value(json_get(line->plan, "maxItems"));
    json_t *items = json_get(page, "items");
    json_t *cursor = json_get(page, "cursor");
    int64_t n = interpreter_items_length(line->items);
    json_t *all = json_is_object(items) ? json_object() : json_array();

    for (int64_t i = line->taken; json_is_array(line->items) && i < n; i++) {
        json_append(all, json_incref(json_array_get(line->items, (size_t)i)));
    }
    if (json_is_object(items)) {
        take_members(all, line->items, line->taken);
        (void)json_object_update(all, items);
    } else {
        (void)json_array_extend(all, items);
    }
    set_json(&line->items, all);
    json_decref(all);
    line->taken = 0;
    n = interpreter_items_length(line->items);
    /* A place that says nothing would be the beginning once more. */
    if (json_object_size(cursor) > 0 &&
        (n_max == 0 || line->n_items + n < n_max)) {
        set_json(&line->cursor, cursor);
    }
}

static void
apply_chore_end(struct interpreter_line *line, const struct engine_entry *entry)
{
    bool is_done = entry->type == ENGINE_EV_FACT_CHORE_SUCCEEDED;

    if (line->chore != entry->activity) {
        return; /* the Map has gone on without it */
    }
    if (is_done && line->chore_kind == INTERPRETER_READ) {
        apply_page(line, entry->output);
    }
    line->is_written |= is_done && line->chore_kind == INTERPRETER_FINISH;
    line->chore = 0;
    if (is_done) {
        line->chore_kind = INTERPRETER_NO_CHORE;
    }
}

/* A Map gave up what it had asked for. */
static void
apply_chore_closed(struct interpreter *in, int64_t activity)
{
    for (int32_t i = 0; i < in->n_lines; i++) {
        if (in->lines[i].is_used && in->lines[i].chore == activity) {
            in->lines[i].chore = 0;
            in->lines[i].chore_kind = INTERPRETER_NO_CHORE;
        }
    }
}

static void
apply_closing(struct interpreter_line *line, const struct engine_entry *entry)
{
    set_str(&line->mode, ODK_STR("CLOSING"));
    set_str(&line->error, entry->error);
    set_str(&line->cause, entry->cause);
    set_json(&line->cursor, NULL);
}

static bool
is_end_of_run(enum engine_entry_type type)
{
    return type == ENGINE_EV_EXECUTION_FAILED ||
           type == ENGINE_EV_EXECUTION_TIMED_OUT ||
           type == ENGINE_EV_EXECUTION_ABORTED ||
           type == ENGINE_EV_EXECUTION_TERMINATED;
}

static void
note_open_runs(struct interpreter *in, const struct engine_entry *entry)
{
    for (int32_t i = 0; i < in->n_lines; i++) {
        if (in->lines[i].is_used && in->lines[i].map_run.ptr) {
            end_run(in, i, entry);
        }
    }
}

/* Entries of distributed Maps. */
static bool
apply_to_map(struct interpreter *in, struct interpreter_line *line,
             const struct engine_entry *entry)
{
    if (entry->type == ENGINE_EV_FACT_MAP_PLAN) {
        apply_plan(in, line, entry);
    } else if (entry->type == ENGINE_EV_FACT_MAP_CLOSING) {
        apply_closing(line, entry);
    } else if (entry->type == ENGINE_EV_MAP_RUN_STARTED) {
        set_str(&line->map_run, entry->map_run);
        line->run_at = entry->ts;
    } else if (entry->type == ENGINE_EV_FACT_CHORE) {
        apply_chore(in, line, entry);
    } else if (entry->type == ENGINE_EV_FACT_CHORE_SUCCEEDED ||
               entry->type == ENGINE_EV_FACT_CHORE_FAILED) {
        apply_chore_end(line, entry);
    } else if (entry->type == ENGINE_EV_MAP_RUN_SUCCEEDED ||
               entry->type == ENGINE_EV_MAP_RUN_FAILED ||
               (entry->type == ENGINE_EV_MAP_ABORTED && line->map_run.ptr)) {
        end_run(in, entry->frame, entry);
    } else {
        return false;
    }
    return true;
}

static void
apply_failure(struct interpreter_line *line, const struct engine_entry *entry)
{
    line->phase = INTERPRETER_ROLLBACK;
    line->rule = entry->index;
    set_str(&line->mode, entry->mode);
    set_str(&line->error, entry->error);
    set_str(&line->cause, entry->cause);
}

static void
apply_wait(struct interpreter_line *line, const struct engine_entry *entry)
{
    line->phase = entry->name.ptr ? INTERPRETER_SIGNAL : INTERPRETER_WAIT;
    set_str(&line->signal, entry->name);
}

/* Entries that make or end a line. */
static bool
apply_line_set(struct interpreter *in, const struct engine_entry *entry)
{
    if (entry->type == ENGINE_EV_EXECUTION_STARTED) {
        begin_line(in, entry, -1, 0);
    } else if (entry->type == ENGINE_EV_ITERATION_STARTED) {
        begin_line(in, entry, entry->parent, entry->id);
    } else if (entry->type == ENGINE_EV_FACT_BRANCH) {
        begin_line(in, entry, entry->parent,
                   interpreter_line(in, entry->parent)->prev);
    } else if (entry->type == ENGINE_EV_ITERATION_SUCCEEDED ||
               entry->type == ENGINE_EV_FACT_BRANCH_DONE) {
        apply_child_end(in, entry, true);
    } else if (entry->type == ENGINE_EV_FACT_BRANCH_FAILED) {
        apply_child_end(in, entry, false);
    } else if (entry->type == ENGINE_EV_FACT_FRAME_END) {
        end_line(in, entry->frame);
    } else {
        return false;
    }
    return true;
}

static void
apply_to_line(struct interpreter *in, struct interpreter_line *line,
              const struct engine_entry *entry)
{
    uint64_t mask = engine_entry_fields(entry->type);

    if (mask == ENGINE_ENTERED) {
        apply_entered(in, line, entry);
    } else if (mask == ENGINE_EXITED) {
        apply_exited(line, entry);
    } else if (entry->type == ENGINE_EV_PARALLEL_STARTED) {
        apply_nest(line, entry->count);
    } else if (entry->type == ENGINE_EV_MAP_STARTED) {
        apply_nest(line, entry->length);
    } else if (entry->type == ENGINE_EV_FACT_ITEMS) {
        apply_items(line, entry);
    } else if (entry->type == ENGINE_EV_FACT_WAIT) {
        apply_wait(line, entry);
    } else if (entry->type == ENGINE_EV_FACT_RETRY) {
        apply_retry(line, entry);
    } else if (entry->type == ENGINE_EV_FACT_READY) {
        line->phase = INTERPRETER_READY;
    } else if (entry->type == ENGINE_EV_FACT_FAILURE) {
        apply_failure(line, entry);
    } else if (entry->seq != 0 || (mask & ENGINE_F(seq)) != 0) {
        line->phase = entry->activity != 0 ? INTERPRETER_TASK : line->phase;
    }
}

/* Types that belong to no line although they have a frame of 0. */
static bool
is_about_line(const struct interpreter *in, const struct engine_entry *entry)
{
    uint64_t mask = engine_entry_fields(entry->type);

    return (mask & ENGINE_F(frame)) != 0 && entry->frame >= 0 &&
           entry->frame < in->n_lines && in->lines[entry->frame].is_used &&
           entry->type != ENGINE_EV_COMPENSATION_SCHEDULED;
}

void
interpreter_apply(void *state, const struct engine_entry *entry)
{
    struct interpreter *in = state;

    if (entry->type == ENGINE_EV_FACT_ACTIVITY_CLOSED &&
        entry->activity >= INTERPRETER_CHORE_ID) {
        apply_chore_closed(in, entry->activity);
    }
    if (is_end_of_run(entry->type)) {
        note_open_runs(in, entry);
    }
    if (apply_line_set(in, entry) || !is_about_line(in, entry)) {
        return;
    }
    struct interpreter_line *line = interpreter_line(in, entry->frame);
    if (engine_entry_class(entry->type) == ENGINE_CLASS_EVENT) {
        line->prev = entry->id;
    }
    if (!apply_to_map(in, line, entry)) {
        apply_to_line(in, line, entry);
    }
}
