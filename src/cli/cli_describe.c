#include "cli/cli_look.h"
#include "engine/engine.h"
#include "json/json.h"

#define PAYLOAD_MAX 160

/* A described state for people, part by part. Members are engine_describe's. */
struct view {
    struct cli *cli;
    const struct cli_look *look;
    json_t *state;
    odk_time_ms now;
};

static struct odk_str
text(const json_t *object, const char *name)
{
    struct odk_str s = json_str(json_get(object, name));

    return s.ptr ? s : odk_str("");
}

static int64_t
number(const json_t *object, const char *name)
{
    return json_integer_value(json_get(object, name));
}

static void
put_label(const struct view *view, const char *label)
{
    cli_printf(view->cli, "  %-12s", label);
}

static void
put_value(const struct view *view, const char *label, const char *name)
{
    const json_t *value = json_get(view->state, name);

    if (value) {
        put_label(view, label);
        if (json_is_string(value)) {
            cli_short_text(json_str(value), PAYLOAD_MAX, &view->cli->out);
        } else {
            cli_short_json(value, PAYLOAD_MAX, &view->cli->out);
        }
        odk_buf_put_char(&view->cli->out, '\n');
    }
}

static void
put_age(const struct view *view, odk_time_ms at, struct odk_buf *out)
{
    odk_dur_ms age = view->now - at;

    odk_buf_put_cstr(out, age < 0 ? "in " : "");
    cli_duration(age < 0 ? -age : age, out);
    odk_buf_put_cstr(out, age < 0 ? "" : " ago");
}

static void
put_head(const struct view *view)
{
    const struct store_pg_execution *row = &view->look->row;
    char run[ODK_UUID_TEXT_LEN + 1];
    struct odk_buf *out = &view->cli->out;

    odk_uuid_format(&row->run_id, run);
    cli_printf(view->cli, "%.*s  ", ODK_STR_ARG(row->workflow_id));
    cli_put(view->cli, cli_status_style(row->status),
            engine_status_name((enum engine_status)row->status));
    if (row->is_stuck) {
        cli_put(view->cli, CLI_RED, ", compensation STUCK");
    }
    cli_printf(view->cli, "\n  %-12s%s, namespace %.*s, shard %d\n", "run", run,
               ODK_STR_ARG(row->namespace_), (int)row->shard);
    cli_printf(view->cli, "  %-12s%.*s version %d\n", "definition",
               ODK_STR_ARG(row->definition), (int)row->definition_version);
    put_label(view, "started");
    cli_time(row->started_at, out);
    odk_buf_put_cstr(out, ", ");
    put_age(view, row->started_at, out);
    odk_buf_put_char(out, '\n');
    if (row->closed_at) {
        put_label(view, "ended");
        cli_time(row->closed_at, out);
        odk_buf_put_cstr(out, ", after ");
        cli_duration(row->closed_at - row->started_at, out);
        odk_buf_put_char(out, '\n');
    }
    put_value(view, "input", "input");
    put_value(view, "output", "output");
    put_value(view, "error", "error");
    put_value(view, "cause", "cause");
    if (json_object_size(json_get(view->state, "variables")) > 0) {
        put_value(view, "variables", "variables");
    }
}

static void
age_cell(const struct view *view, struct cli_table *table, odk_time_ms at)
{
    struct odk_buf age;

    odk_buf_init(&age, 0);
    odk_buf_put_cstr(&age, "");
    if (at != 0) {
        put_age(view, at, &age);
    }
    cli_table_cell(table, CLI_PLAIN, odk_buf_str(&age));
    odk_buf_release(&age);
}

/* ---- what it is doing ---- */

static void
put_states(const struct view *view)
{
    static const char *const words[] = {"STATE", "WAITS FOR", "SINCE"};
    json_t *states = json_get(view->state, "states");
    struct cli_table table;

    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < json_array_size(states); i++) {
        json_t *state = json_array_get(states, i);
        struct odk_str signal = text(state, "signal");
        cli_table_cell(&table, CLI_PLAIN, text(state, "name"));
        if (signal.len > 0) {
            cli_table_printf(&table, CLI_PLAIN, "signal %.*s",
                             ODK_STR_ARG(signal));
        } else {
            cli_table_cell(&table, CLI_PLAIN, text(state, "waitsFor"));
        }
        age_cell(view, &table, number(state, "enteredAt"));
    }
    if (json_array_size(states) > 0) {
        cli_printf(view->cli, "\n");
    }
    cli_table_print(view->cli, &table);
    cli_table_release(&table);
}

static void
put_activity(const struct view *view, struct cli_table *table, json_t *activity)
{
    struct odk_str error = text(activity, "lastError");
    struct odk_str cause = text(activity, "lastCause");
    int64_t started_at = number(activity, "startedAt");

    cli_table_printf(table, CLI_PLAIN, "%lld",
                     (long long)number(activity, "activityId"));
    cli_table_printf(table, CLI_PLAIN, "%.*s:%.*s",
                     ODK_STR_ARG(text(activity, "queue")),
                     ODK_STR_ARG(text(activity, "type")));
    cli_table_cell(table, CLI_PLAIN, text(activity, "status"));
    cli_table_printf(table, CLI_PLAIN, "%lld",
                     (long long)number(activity, "attempt"));
    age_cell(view, table,
             started_at ? started_at : number(activity, "scheduledAt"));
    age_cell(view, table, number(activity, "lastHeartbeatAt"));
    cli_table_cell(table, CLI_PLAIN, text(activity, "worker"));
    age_cell(view, table, number(activity, "nextRetryAt"));
    cli_table_printf(table, CLI_RED, "%.*s%s%.*s", ODK_STR_ARG(error),
                     cause.len ? ": " : "", ODK_STR_ARG(cause));
}

static void
put_activities(const struct view *view)
{
    static const char *const words[] = {"ACTIVITY", "TASK",     "STATUS",
                                        "ATTEMPT",  "SINCE",    "HEARTBEAT",
                                        "WORKER",   "NEXT TRY", "LAST FAILURE"};
    json_t *activities = json_get(view->state, "activities");
    struct cli_table table;

    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < json_array_size(activities); i++) {
        put_activity(view, &table, json_array_get(activities, i));
    }
    if (json_array_size(activities) > 0) {
        cli_printf(view->cli, "\n");
    }
    cli_table_print(view->cli, &table);
    cli_table_release(&table);
}

static void
put_map_runs(const struct view *view)
{
    json_t *runs = json_get(view->state, "mapRuns");

    if (json_array_size(runs) > 0) {
        cli_printf(view->cli, "\n");
        cli_map_runs_put(view->cli, runs);
    }
}

static void
put_timers(const struct view *view)
{
    static const char *const words[] = {"TIMER", "KIND", "DUE"};
    json_t *timers = json_get(view->state, "timers");
    struct cli_table table;

    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < json_array_size(timers); i++) {
        json_t *timer = json_array_get(timers, i);
        cli_table_printf(&table, CLI_PLAIN, "%lld",
                         (long long)number(timer, "id"));
        cli_table_cell(&table, CLI_PLAIN, text(timer, "kind"));
        age_cell(view, &table, number(timer, "due"));
    }
    if (json_array_size(timers) > 0) {
        cli_printf(view->cli, "\n");
    }
    cli_table_print(view->cli, &table);
    cli_table_release(&table);
}

static void
put_signals(const struct view *view)
{
    json_t *signals = json_get(view->state, "signals");

    if (json_array_size(signals) == 0) {
        return;
    }
    cli_printf(view->cli, "\nSignals that no state has taken yet\n");
    for (size_t i = 0; i < json_array_size(signals); i++) {
        cli_printf(view->cli, "  ");
        cli_short_json(json_array_get(signals, i), PAYLOAD_MAX,
                       &view->cli->out);
        cli_printf(view->cli, "\n");
    }
}

/* ---- the saga ---- */

static void
put_commands(const struct view *view, int64_t entry)
{
    const struct store_pg_execution *row = &view->look->row;
    const char *option = "";
    struct odk_buf flag;

    odk_buf_init(&flag, 0);
    if (!odk_str_is(row->namespace_, "default")) {
        odk_buf_printf(&flag, " --namespace %.*s",
                       ODK_STR_ARG(row->namespace_));
        option = flag.ptr;
    }
    cli_printf(view->cli,
               "    odradek saga retry %.*s --entry %lld%s\n"
               "    odradek saga skip %.*s --entry %lld%s --reason 'why'\n"
               "    odradek saga complete %.*s --entry %lld%s --reason 'what "
               "was done by hand'\n",
               ODK_STR_ARG(row->workflow_id), (long long)entry, option,
               ODK_STR_ARG(row->workflow_id), (long long)entry, option,
               ODK_STR_ARG(row->workflow_id), (long long)entry, option);
    odk_buf_release(&flag);
}

static void
put_undos(const struct view *view, json_t *list, bool is_stuck)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *undo = json_array_get(list, i);
        const json_t *arguments = json_get(undo, "arguments");
        cli_printf(view->cli, "  entry %lld, state %.*s",
                   (long long)number(undo, "entry"),
                   ODK_STR_ARG(text(undo, "state")));
        if (json_get(undo, "resource")) {
            cli_printf(view->cli, ", by %.*s",
                       ODK_STR_ARG(text(undo, "resource")));
        }
        if (arguments) {
            cli_printf(view->cli, " ");
            cli_short_json(arguments, PAYLOAD_MAX, &view->cli->out);
        }
        cli_printf(view->cli, "\n");
        if (text(undo, "error").len > 0) {
            cli_printf(view->cli, "    ");
            cli_put(view->cli, CLI_RED, "last failure");
            cli_printf(view->cli, ": %.*s: %.*s\n",
                       ODK_STR_ARG(text(undo, "error")),
                       ODK_STR_ARG(text(undo, "cause")));
        }
        if (is_stuck) {
            put_commands(view, number(undo, "entry"));
        }
    }
}

static void
put_compensation(const struct view *view)
{
    json_t *saga = json_get(view->state, "compensation");
    struct odk_str state = text(saga, "state");
    json_t *late = json_get(saga, "late");

    if (state.len == 0 ||
        (odk_str_is(state, "NONE") && number(saga, "left") == 0)) {
        return;
    }
    cli_printf(view->cli, "\nCompensation ");
    cli_put(view->cli, odk_str_is(state, "STUCK") ? CLI_RED : CLI_YELLOW,
            odk_str_is(state, "NONE") ? "not needed so far" : state.ptr);
    cli_printf(view->cli, ": %lld done, %lld %s\n",
               (long long)number(saga, "done"), (long long)number(saga, "left"),
               odk_str_is(state, "NONE") ? "registered" : "left");
    put_undos(view, json_get(saga, "stuck"), true);
    if (json_array_size(late) > 0) {
        cli_printf(view->cli, "Effects that came after the end, not undone\n");
        put_undos(view, late, false);
    }
}

static void
put_json(const struct view *view)
{
    const struct store_pg_execution *row = &view->look->row;

    json_set(view->state, ODK_STR("shard"), json_integer(row->shard));
    json_set(view->state, ODK_STR("stuck"), json_boolean(row->is_stuck));
    cli_put_json(view->cli, json_incref(view->state));
}

int
cli_describe(struct cli *cli, const struct cli_args *args)
{
    struct cli_look look;
    int code = cli_look_open(&look, cli, args);
    json_t *state = code == CLI_OK ? cli_look_state(&look) : NULL;
    struct view view = {cli, &look, state, cli_now()};

    if (state && cli->is_json) {
        put_json(&view);
    } else if (state) {
        put_head(&view);
        put_states(&view);
        put_map_runs(&view);
        put_activities(&view);
        put_timers(&view);
        put_signals(&view);
        put_compensation(&view);
    } else if (code == CLI_OK) {
        code = CLI_FAILED;
    }
    json_decref(state);
    cli_look_close(&look);
    return code;
}
