/*
 * The lines as stored, within the kernel's state.
 */

#include <stdlib.h>

#include "interpreter/interpreter_priv.h"

static void
put_i64(struct odk_buf *out, const char *name, int64_t value)
{
    if (value != 0) {
        odk_buf_put_cstr(out, ",\"");
        odk_buf_put_cstr(out, name);
        odk_buf_put_cstr(out, "\":");
        odk_buf_put_i64(out, value);
    }
}

static void
put_str(struct odk_buf *out, const char *name, struct odk_str s)
{
    if (s.ptr) {
        odk_buf_put_cstr(out, ",\"");
        odk_buf_put_cstr(out, name);
        odk_buf_put_cstr(out, "\":");
        odk_buf_put_json_str(out, s);
    }
}

static void
put_json(struct odk_buf *out, const char *name, json_t *value,
         struct engine_texts *texts)
{
    if (value) {
        odk_buf_put_cstr(out, ",\"");
        odk_buf_put_cstr(out, name);
        odk_buf_put_cstr(out, "\":");
        engine_texts_put(texts, value, out);
    }
}

static void
put_tries(struct odk_buf *out, const struct interpreter_line *line)
{
    if (line->n_tries == 0) {
        return;
    }
    odk_buf_put_cstr(out, ",\"tries\":[");
    for (int32_t i = 0; i < line->n_tries; i++) {
        if (i > 0) {
            odk_buf_put_char(out, ',');
        }
        odk_buf_put_i64(out, line->tries[i]);
    }
    odk_buf_put_char(out, ']');
}

static void
put_nest(struct odk_buf *out, const struct interpreter_line *line,
         struct engine_texts *texts)
{
    put_json(out, "items", line->items, texts);
    /* Results change in place while children end: never from the cache. */
    put_json(out, "results", line->results, NULL);
    put_i64(out, "length", line->length);
    put_i64(out, "started", line->n_started);
    put_i64(out, "done", line->n_done);
    put_i64(out, "failed", line->n_failed);
    put_i64(out, "limit", line->limit);
    put_i64(out, "toleratedCount", line->tolerated_count);
    put_i64(out, "toleratedPercent", line->tolerated_percent + 1);
}

/* What a distributed Map, and a child of one, have beside. */
static void
put_distributed(struct odk_buf *out, const struct interpreter_line *line,
                struct engine_texts *texts)
{
    put_json(out, "plan", line->plan, texts);
    put_json(out, "cursor", line->cursor, texts);
    put_json(out, "failures",
             json_array_size(line->failures) > 0 ? line->failures : NULL, NULL);
    put_i64(out, "taken", line->taken);
    put_i64(out, "given", line->n_items);
    put_i64(out, "resultsBytes", line->results_bytes);
    put_i64(out, "succeededFiles", line->n_succeeded_files);
    put_i64(out, "failedFiles", line->n_failed_files);
    put_i64(out, "chore", line->chore);
    put_i64(out, "choreKind", (int64_t)line->chore_kind);
    put_i64(out, "isWritten", line->is_written);
    put_str(out, "mapRun", line->map_run);
    put_i64(out, "runAt", line->run_at);
    put_json(out, "begun", line->begun, texts);
    put_i64(out, "beganAt", line->begun ? line->began_at : 0);
}

static void
put_line(struct odk_buf *out, const struct interpreter *in, int32_t frame,
         struct engine_texts *texts)
{
    const struct interpreter_line *line = &in->lines[frame];

    odk_buf_put_cstr(out, "{\"frame\":");
    odk_buf_put_i64(out, frame);
    put_i64(out, "parent", line->parent + 1);
    put_i64(out, "scope", line->scope);
    put_i64(out, "index", line->index + 1);
    if (line->state >= 0) {
        put_str(out, "state", in->machine->states[line->state].name);
    }
    put_i64(out, "phase", (int64_t)line->phase);
    put_i64(out, "entered", line->entered_id);
    put_i64(out, "enteredAt", line->entered_at);
    put_i64(out, "enteredPrev", line->entered_prev);
    put_i64(out, "prev", line->prev);
    put_json(out, "input", line->input, texts);
    put_json(out, "vars", line->vars, texts);
    put_tries(out, line);
    put_i64(out, "triesTotal", line->tries_total);
    put_str(out, "signal", line->signal);
    put_nest(out, line, texts);
    put_distributed(out, line, texts);
    put_str(out, "mode", line->mode);
    put_i64(out, "rule", line->rule);
    put_str(out, "error", line->error);
    put_str(out, "cause", line->cause);
    odk_buf_put_char(out, '}');
}

/* What the lines have in common, behind them. */
static void
put_common(struct odk_buf *out, const struct interpreter *in,
           struct engine_texts *texts)
{
    odk_buf_put_cstr(out, "{\"chores\":");
    odk_buf_put_i64(out, in->n_chores);
    put_json(out, "runs", in->runs, texts);
    odk_buf_put_char(out, '}');
}

void
interpreter_save(const void *state, struct engine_texts *texts,
                 struct odk_buf *out)
{
    const struct interpreter *in = state;
    bool is_first = true;

    odk_buf_put_char(out, '[');
    for (int32_t i = 0; i < in->n_lines; i++) {
        if (!in->lines[i].is_used) {
            continue;
        }
        if (!is_first) {
            odk_buf_put_char(out, ',');
        }
        put_line(out, in, i, texts);
        is_first = false;
    }
    if (in->n_chores > 0 || in->runs) {
        odk_buf_put_cstr(out, is_first ? "" : ",");
        put_common(out, in, texts);
    }
    odk_buf_put_char(out, ']');
}

bool
interpreter_has_closed(const void *state)
{
    const struct interpreter *in = state;

    return in->runs != NULL;
}

void
interpreter_save_closed(const void *state, struct engine_texts *texts,
                        struct odk_buf *out)
{
    odk_buf_put_char(out, '[');
    put_common(out, state, texts);
    odk_buf_put_char(out, ']');
}

static int64_t
get_i64(json_t *object, const char *name)
{
    return json_integer_value(json_get(object, name));
}

static struct odk_str
get_str(json_t *object, const char *name)
{
    struct odk_str s = json_str(json_get(object, name));

    if (!s.ptr) {
        return s;
    }
    char *copy = malloc(s.len + 1);
    if (!copy) {
        odk_out_of_memory();
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return odk_str_n(copy, s.len);
}

static void
load_tries(struct interpreter_line *line, json_t *saved)
{
    json_t *tries = json_get(saved, "tries");
    size_t n = json_array_size(tries);

    if (n == 0) {
        return;
    }
    line->tries = malloc(n * sizeof(*line->tries));
    if (!line->tries) {
        odk_out_of_memory();
    }
    for (size_t i = 0; i < n; i++) {
        line->tries[i] = (int32_t)json_integer_value(json_array_get(tries, i));
    }
    line->n_tries = (int32_t)n;
}

static void
load_nest(struct interpreter_line *line, json_t *saved)
{
    json_t *results = json_get(saved, "results");

    line->items = json_incref(json_get(saved, "items"));
    line->results = results ? json_share_members(results) : NULL;
    line->length = get_i64(saved, "length");
    line->n_started = get_i64(saved, "started");
    line->n_done = get_i64(saved, "done");
    line->n_failed = get_i64(saved, "failed");
    line->limit = get_i64(saved, "limit");
    line->tolerated_count = get_i64(saved, "toleratedCount");
    line->tolerated_percent = get_i64(saved, "toleratedPercent") - 1;
}

static void
load_distributed(struct interpreter_line *line, json_t *saved)
{
    json_t *failures = json_get(saved, "failures");

    line->plan = json_incref(json_get(saved, "plan"));
    line->cursor = json_incref(json_get(saved, "cursor"));
    line->failures = failures     ? json_share_members(failures)
                     : line->plan ? json_array()
                                  : NULL;
    line->taken = get_i64(saved, "taken");
    line->n_items = get_i64(saved, "given");
    line->results_bytes = get_i64(saved, "resultsBytes");
    line->n_succeeded_files = get_i64(saved, "succeededFiles");
    line->n_failed_files = get_i64(saved, "failedFiles");
    line->chore = get_i64(saved, "chore");
    line->chore_kind = (enum interpreter_chore)get_i64(saved, "choreKind");
    line->is_written = get_i64(saved, "isWritten") != 0;
    line->map_run = get_str(saved, "mapRun");
    line->run_at = get_i64(saved, "runAt");
    line->begun = json_incref(json_get(saved, "begun"));
    line->began_at = get_i64(saved, "beganAt");
}

static void
load_common(struct interpreter *in, json_t *saved)
{
    in->n_chores = get_i64(saved, "chores");
    in->runs = json_incref(json_get(saved, "runs"));
}

static int
load_line(struct interpreter *in, json_t *saved, struct odk_err *err)
{
    int64_t frame = get_i64(saved, "frame");
    struct odk_str name = json_str(json_get(saved, "state"));

    if (frame < 0 || frame >= INT64_C(10) * INTERPRETER_LINES_MAX) {
        return odk_err_set(err, ODK_ECORRUPT, "stored state: bad line");
    }
    struct interpreter_line *line = interpreter_line_at(in, (int32_t)frame);
    line->is_used = true;
    in->n_used++;
    line->parent = (int32_t)get_i64(saved, "parent") - 1;
    line->scope = (int32_t)get_i64(saved, "scope");
    line->index = get_i64(saved, "index") - 1;
    line->state = name.ptr ? asl_state_find(in->machine, name) : -1;
    line->phase = (enum interpreter_phase)get_i64(saved, "phase");
    line->entered_id = get_i64(saved, "entered");
    line->entered_at = get_i64(saved, "enteredAt");
    line->entered_prev = get_i64(saved, "enteredPrev");
    line->prev = get_i64(saved, "prev");
    line->input = json_incref(json_get(saved, "input"));
    line->vars = json_incref(json_get(saved, "vars"));
    load_tries(line, saved);
    line->tries_total = (int32_t)get_i64(saved, "triesTotal");
    line->signal = get_str(saved, "signal");
    load_nest(line, saved);
    load_distributed(line, saved);
    line->mode = get_str(saved, "mode");
    line->rule = get_i64(saved, "rule");
    line->error = get_str(saved, "error");
    line->cause = get_str(saved, "cause");
    if (name.ptr && line->state < 0) {
        return odk_err_set(err, ODK_ECORRUPT,
                           "stored state: the definition has no state '%.*s'",
                           ODK_STR_ARG(name));
    }
    return 0;
}

int
interpreter_load(void *state, json_t *saved, struct odk_err *err)
{
    struct interpreter *in = state;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(saved); i++) {
        json_t *element = json_array_get(saved, i);
        if (json_get(element, "chores")) {
            load_common(in, element);
        } else {
            rc = load_line(in, element, err);
        }
    }
    return rc;
}

/* A Map Run as it is shown: counts of children by how they are. */
static json_t *
run_shown(json_t *run, const char *status, int64_t n_pending)
{
    json_t *shown = json_object();
    json_t *counts = json_object();
    int64_t started = get_i64(run, "started");
    int64_t done = get_i64(run, "done");
    int64_t failed = get_i64(run, "failed");
    bool is_running = odk_str_is(odk_str(status), "RUNNING");

    json_set(shown, ODK_STR("status"), json_string(status));
    json_set(shown, ODK_STR("items"), json_integer(get_i64(run, "items")));
    json_set(counts, ODK_STR("pending"), json_integer(n_pending));
    json_set(counts, ODK_STR("running"),
             json_integer(is_running ? started - done : 0));
    json_set(counts, ODK_STR("succeeded"), json_integer(done - failed));
    json_set(counts, ODK_STR("failed"), json_integer(failed));
    json_set(counts, ODK_STR("aborted"),
             json_integer(is_running ? 0 : started - done));
    json_set(counts, ODK_STR("total"), json_integer(started + n_pending));
    json_set(shown, ODK_STR("counts"), counts);
    return shown;
}

static json_t *
open_run(json_t *line)
{
    json_t *run = json_share_members(line);
    int64_t left = interpreter_items_length(json_get(line, "items")) -
                   get_i64(line, "taken");

    json_set(run, ODK_STR("items"), json_integer(get_i64(line, "given")));
    json_t *shown = run_shown(run, "RUNNING", left);
    json_decref(run);
    json_set(shown, ODK_STR("mapRunArn"),
             json_incref(json_get(line, "mapRun")));
    json_set(shown, ODK_STR("startDate"), json_integer(get_i64(line, "runAt")));
    return shown;
}

/* Adds the Map Runs of an element of the saved lines; false: it is a line,
 * which may have one, too. */
static bool
describe_runs(json_t *element, json_t *out)
{
    json_t *runs = json_get(element, "runs");

    if (json_get(element, "mapRun") && json_get(element, "plan")) {
        json_append(out, open_run(element));
    }
    for (size_t i = 0; i < json_array_size(runs); i++) {
        json_t *run = json_array_get(runs, i);
        struct odk_str status = json_str(json_get(run, "status"));
        json_t *shown = run_shown(run, status.ptr ? status.ptr : "",
                                  get_i64(run, "pending"));
        json_set(shown, ODK_STR("mapRunArn"),
                 json_incref(json_get(run, "mapRunArn")));
        json_set(shown, ODK_STR("startDate"),
                 json_incref(json_get(run, "startDate")));
        json_set(shown, ODK_STR("stopDate"),
                 json_incref(json_get(run, "stopDate")));
        json_append(out, shown);
    }
    return json_get(element, "chores") != NULL;
}

void
interpreter_describe(json_t *saved, json_t *out)
{
    static const char *const phases[] = {
        [0] = "READY",
        [INTERPRETER_BEGIN] = "READY",
        [INTERPRETER_READY] = "READY",
        [INTERPRETER_TASK] = "TASK",
        [INTERPRETER_WAIT] = "WAIT",
        [INTERPRETER_SIGNAL] = "SIGNAL",
        [INTERPRETER_CHILDREN] = "CHILDREN",
        [INTERPRETER_BACKOFF] = "RETRY",
        [INTERPRETER_ROLLBACK] = "COMPENSATING",
    };
    json_t *states = json_array();
    json_t *variables = json_object();

    json_t *runs = json_array();

    for (size_t i = 0; i < json_array_size(saved); i++) {
        json_t *line = json_array_get(saved, i);
        if (describe_runs(line, runs)) {
            continue;
        }
        json_t *state = json_object();
        size_t phase = (size_t)get_i64(line, "phase");
        json_t *vars = json_get(line, "vars");

        if (json_get(line, "state")) {
            json_set(state, ODK_STR("name"),
                     json_incref(json_get(line, "state")));
        }
        json_set(
            state, ODK_STR("waitsFor"),
            json_string(phases[phase < ODK_ARRAY_LEN(phases) ? phase : 0]));
        json_set(state, ODK_STR("enteredEventId"),
                 json_integer(get_i64(line, "entered")));
        json_set(state, ODK_STR("enteredAt"),
                 json_integer(get_i64(line, "enteredAt")));
        if (json_get(line, "signal")) {
            json_set(state, ODK_STR("signal"),
                     json_incref(json_get(line, "signal")));
        }
        json_append(states, state);
        if (vars) {
            (void)json_object_update_missing(variables, vars);
        }
    }
    json_set(out, ODK_STR("states"), states);
    json_set(out, ODK_STR("variables"), variables);
    json_set(out, ODK_STR("mapRuns"), runs);
}
