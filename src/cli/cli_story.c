#include "cli/cli_story.h"

#include <stdio.h>

#include "json/json.h"

/* One entry while it is told. */
struct tale {
    struct cli_story *story;
    const json_t *entry;
    const json_t *details;
    struct odk_buf *out;
};

typedef void (*tell_f)(const struct tale *tale);

/* ---- pieces of sentences ---- */

static struct odk_str
detail(const struct tale *tale, const char *name)
{
    return json_str(json_get(tale->details, name));
}

static int64_t
number(const struct tale *tale, const char *name)
{
    return json_integer_value(json_get(tale->entry, name));
}

static void
put(const struct tale *tale, const char *text)
{
    odk_buf_put_cstr(tale->out, text);
}

static void
put_payload(const struct tale *tale, const char *before, const char *name)
{
    const json_t *value = json_get(tale->details, name);

    if (value) {
        put(tale, before);
        cli_short_json(value, tale->story->payload_max, tale->out);
    }
}

/* "PaymentRefused: the card is blocked" */
static void
put_why(const struct tale *tale, const char *before)
{
    struct odk_str error = detail(tale, "error");
    struct odk_str cause = detail(tale, "cause");

    if (!error.ptr && !cause.ptr) {
        return;
    }
    put(tale, before);
    odk_buf_put_str(tale->out, error.ptr ? error : cause);
    if (error.ptr && cause.ptr && cause.len > 0) {
        put(tale, ": ");
        cli_short_text(cause, tale->story->payload_max * 2, tale->out);
    }
}

static void
put_attempt(const struct tale *tale)
{
    int64_t attempt = number(tale, "attempt");

    if (attempt > 1) {
        odk_buf_printf(tale->out, ", attempt %lld", (long long)attempt);
    }
}

static void
put_activity(const struct tale *tale)
{
    char key[24];

    (void)snprintf(key, sizeof(key), "%lld",
                   (long long)number(tale, "activity"));
    struct odk_str known = json_str(json_get(tale->story->activities, key));
    if (known.len > 0) {
        odk_buf_put_str(tale->out, known);
    } else {
        odk_buf_put_str(tale->out, detail(tale, "resourceType"));
        put(tale, ":");
        odk_buf_put_str(tale->out, detail(tale, "resource"));
    }
}

static void
put_seconds(const struct tale *tale, const char *before, const char *name)
{
    const json_t *value = json_get(tale->details, name);

    if (value) {
        odk_buf_printf(tale->out, "%s%lld s", before,
                       (long long)json_integer_value(value));
    }
}

/* ---- sentences ---- */

static void
tell_entered(const struct tale *tale)
{
    put_payload(tale, "begins with ", "input");
}

static void
tell_exited(const struct tale *tale)
{
    put_payload(tale, "ends with ", "output");
    put_payload(tale, ", assigns ", "assignedVariables");
}

static void
tell_started(const struct tale *tale)
{
    put_payload(tale, "the workflow starts with ", "input");
}

static void
tell_succeeded(const struct tale *tale)
{
    put_payload(tale, "the workflow ends well: ", "output");
}

static void
tell_ended(const struct tale *tale)
{
    put(tale, "the workflow ends");
    put_why(tale, ": ");
    put_payload(tale, "; left undone: ", "value");
}

static void
tell_scheduled(const struct tale *tale)
{
    if (odk_str_is(detail(tale, "resource"), "wait-signal")) {
        put(tale, "waits for the signal ");
        odk_buf_put_str(
            tale->out,
            json_str(json_get(json_get(tale->details, "parameters"), "Name")));
        put_seconds(tale, ", at most ", "timeoutInSeconds");
        return;
    }
    put(tale, "asks ");
    put_activity(tale);
    put_payload(tale, " ", "parameters");
    put_payload(tale, " ", "input");
    put_attempt(tale);
}

static void
tell_task_started(const struct tale *tale)
{
    put_activity(tale);
    put(tale, " is begun");
    struct odk_str worker = detail(tale, "workerName");
    if (worker.len > 0) {
        put(tale, " by ");
        odk_buf_put_str(tale->out, worker);
    }
    put_attempt(tale);
}

static void
tell_task_succeeded(const struct tale *tale)
{
    if (odk_str_is(detail(tale, "resource"), "wait-signal")) {
        put_payload(tale, "got the signal: ", "output");
        return;
    }
    put_activity(tale);
    put_payload(tale, " answers ", "output");
}

static void
tell_task_failed(const struct tale *tale)
{
    put_activity(tale);
    put(tale, " fails");
    put_why(tale, ": ");
    if (odk_str_is(detail(tale, "effect"), "UNKNOWN")) {
        put(tale, " (it may have had an effect)");
    }
    put_attempt(tale);
}

static void
tell_timed_out(const struct tale *tale)
{
    if (odk_str_is(detail(tale, "resource"), "wait-signal")) {
        put(tale, "the signal did not come in time");
        put_why(tale, ": ");
        return;
    }
    put_activity(tale);
    put(tale, " gives no answer in time");
    put_why(tale, ": ");
    put_attempt(tale);
}

static void
tell_aborted(const struct tale *tale)
{
    put(tale, "is given up");
}

static void
tell_failed(const struct tale *tale)
{
    put(tale, "fails");
    put_why(tale, ": ");
}

static void
tell_branches(const struct tale *tale)
{
    const json_t *length = json_get(tale->details, "length");

    if (length) {
        odk_buf_printf(tale->out, "%lld item(s), one iteration each",
                       (long long)json_integer_value(length));
    } else {
        put(tale, "its branches begin");
    }
}

static void
tell_joined(const struct tale *tale)
{
    put(tale, "all branches are done");
}

static void
tell_iteration(const struct tale *tale)
{
    odk_buf_printf(
        tale->out, "iteration %lld",
        (long long)json_integer_value(json_get(tale->details, "index")));
}

static void
tell_evaluation(const struct tale *tale)
{
    put(tale, "an expression fails");
    struct odk_str location = detail(tale, "location");
    if (location.len > 0) {
        put(tale, " in ");
        odk_buf_put_str(tale->out, location);
    }
    put_why(tale, ": ");
}

/* ---- compensation ---- */

static void
tell_registered(const struct tale *tale)
{
    if (detail(tale, "error").ptr) {
        put(tale, "was done, but how to undo it cannot be told");
        put_why(tale, ": ");
        return;
    }
    put(tale, odk_str_is(json_str(json_get(tale->entry, "mode")), "UNKNOWN")
                  ? "may have happened, so it will be undone by "
                  : "if the workflow fails, will be undone by ");
    odk_buf_put_str(tale->out, detail(tale, "resource"));
    put_payload(tale, " ", "parameters");
}

static void
tell_compensating(const struct tale *tale)
{
    odk_buf_printf(
        tale->out, "%s %lld step(s)",
        odk_str_is(json_str(json_get(tale->entry, "mode")), "SCOPE")
            ? "rolls back"
            : "the workflow undoes",
        (long long)json_integer_value(json_get(tale->details, "length")));
    put_why(tale, " because of ");
}

static void
tell_undo_scheduled(const struct tale *tale)
{
    put(tale, "is to be undone: asks ");
    put_activity(tale);
    put_payload(tale, " ", "parameters");
    put_attempt(tale);
}

static void
tell_undone(const struct tale *tale)
{
    struct odk_str reason = detail(tale, "reason");
    bool is_by_hand = number(tale, "activity") == 0;

    put(tale,
        is_by_hand ? "was undone by hand, says an operator" : "is undone");
    if (reason.len > 0) {
        put(tale, ": ");
        odk_buf_put_str(tale->out, reason);
    }
    put_payload(tale, "; answer ", "output");
}

static void
tell_undo_failed(const struct tale *tale)
{
    put(tale, "could not be undone");
    put_why(tale, ": ");
    put_attempt(tale);
    put(tale, json_get(tale->entry, "due") ? "; will be tried again" : "");
}

static void
tell_stuck(const struct tale *tale)
{
    put(tale, "is stuck and waits for an operator");
    put_why(tale, ": ");
}

static void
tell_skipped(const struct tale *tale)
{
    put(tale, "is left undone by an operator");
    struct odk_str reason = detail(tale, "reason");
    if (reason.len > 0) {
        put(tale, ": ");
        odk_buf_put_str(tale->out, reason);
    }
}

static void
tell_compensated(const struct tale *tale)
{
    put(tale, "nothing is left to undo");
}

/* ---- the table ---- */

static const struct {
    const char *type; /* the end of the event's type */
    tell_f tell;
} tales[] = {
    {"CompensationRegistered", tell_registered},
    {"CompensationStarted", tell_compensating},
    {"CompensationScheduled", tell_undo_scheduled},
    {"CompensationSucceeded", tell_undone},
    {"CompensationFailed", tell_undo_failed},
    {"CompensationStuck", tell_stuck},
    {"CompensationSkipped", tell_skipped},
    {"CompensationCompleted", tell_compensated},
    {"ExecutionStarted", tell_started},
    {"ExecutionSucceeded", tell_succeeded},
    {"ExecutionFailed", tell_ended},
    {"ExecutionTimedOut", tell_ended},
    {"ExecutionAborted", tell_ended},
    {"ExecutionTerminated", tell_ended},
    {"EvaluationFailed", tell_evaluation},
    {"StateEntered", tell_entered},
    {"StateExited", tell_exited},
    {"ParallelStateStarted", tell_branches},
    {"MapStateStarted", tell_branches},
    {"ParallelStateSucceeded", tell_joined},
    {"MapStateSucceeded", tell_joined},
    {"ParallelStateFailed", tell_failed},
    {"MapStateFailed", tell_failed},
    {"StateAborted", tell_aborted},
    {"MapIterationStarted", tell_iteration},
    {"MapIterationSucceeded", tell_iteration},
    {"MapIterationFailed", tell_iteration},
    {"MapIterationAborted", tell_iteration},
    {"Scheduled", tell_scheduled},
    {"Started", tell_task_started},
    {"Succeeded", tell_task_succeeded},
    {"Failed", tell_task_failed},
    {"TimedOut", tell_timed_out},
};

void
cli_story_init(struct cli_story *story, size_t payload_max)
{
    story->states = json_object();
    story->activities = json_object();
    story->payload_max = payload_max;
}

void
cli_story_release(struct cli_story *story)
{
    json_decref(story->states);
    json_decref(story->activities);
}

/* What later entries only name by number. */
static void
remember(struct cli_story *story, const json_t *entry, struct odk_str type)
{
    json_t *name = json_get(json_get(entry, "details"), "name");
    struct odk_str queue = json_str(json_get(entry, "queue"));
    struct odk_str kind = json_str(json_get(entry, "kind"));
    char key[24];

    if (odk_str_ends(type, ODK_STR("StateEntered")) && name) {
        (void)snprintf(key, sizeof(key), "%lld",
                       (long long)json_integer_value(json_get(entry, "frame")));
        json_set(story->states, odk_str(key), json_incref(name));
    }
    if (odk_str_ends(type, ODK_STR("Scheduled")) && queue.len > 0) {
        struct odk_buf text;
        (void)snprintf(
            key, sizeof(key), "%lld",
            (long long)json_integer_value(json_get(entry, "activity")));
        odk_buf_init(&text, 0);
        odk_buf_put_str(&text, queue);
        odk_buf_put_char(&text, ':');
        odk_buf_put_str(&text, kind);
        json_set(story->activities, odk_str(key),
                 json_str_new(odk_buf_str(&text)));
        odk_buf_release(&text);
    }
}

static void
put_state(const struct tale *tale, struct odk_str type, struct odk_buf *out)
{
    struct odk_str named = detail(tale, "state");
    char key[24];

    if (!named.ptr && !odk_str_ends(type, ODK_STR("Iteration"))) {
        named = odk_str_ends(type, ODK_STR("StateEntered")) ||
                        odk_str_ends(type, ODK_STR("StateExited"))
                    ? detail(tale, "name")
                    : named;
    }
    bool is_whole = odk_str_starts(type, ODK_STR("Execution")) ||
                    odk_str_is(type, "CompensationStarted") ||
                    odk_str_is(type, "CompensationCompleted");
    if (!named.ptr && !is_whole) {
        (void)snprintf(key, sizeof(key), "%lld",
                       (long long)number(tale, "frame"));
        named = json_str(json_get(tale->story->states, key));
    }
    odk_buf_put_str(out, named);
}

/* Facts have no words of their own: their members, without the time. */
static void
tell_fact(const struct tale *tale)
{
    struct json_member_iter iter;
    bool is_first = true;

    for (json_member_first(&iter, tale->entry); iter.value;
         json_member_next(&iter)) {
        if (odk_str_is(iter.key, "fact") || odk_str_is(iter.key, "ts")) {
            continue;
        }
        put(tale, is_first ? "" : " ");
        odk_buf_put_str(tale->out, iter.key);
        put(tale, "=");
        cli_short_json(iter.value, tale->story->payload_max, tale->out);
        is_first = false;
    }
}

void
cli_story_tell(struct cli_story *story, const json_t *entry,
               struct odk_buf *state, struct odk_buf *sentence)
{
    struct tale tale = {story, entry, json_get(entry, "details"), sentence};
    struct odk_str type = json_str(json_get(entry, "type"));

    odk_buf_put_cstr(state, "");
    odk_buf_put_cstr(sentence, "");
    if (json_get(entry, "fact")) {
        tell_fact(&tale);
        return;
    }
    remember(story, entry, type);
    put_state(&tale, type, state);
    for (size_t i = 0; i < ODK_ARRAY_LEN(tales); i++) {
        if (odk_str_ends(type, odk_str(tales[i].type))) {
            tales[i].tell(&tale);
            return;
        }
    }
    put_why(&tale, "");
}

enum cli_style
cli_story_style(const json_t *entry)
{
    static const struct {
        const char *end;
        enum cli_style style;
    } styles[] = {
        {"Stuck", CLI_RED},      {"Failed", CLI_RED},
        {"TimedOut", CLI_RED},   {"Aborted", CLI_RED},
        {"Terminated", CLI_RED}, {"ExecutionSucceeded", CLI_GREEN},
        {"Entered", CLI_BOLD},
    };
    struct odk_str type = json_str(json_get(entry, "type"));

    if (json_get(entry, "fact")) {
        return CLI_DIM;
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(styles); i++) {
        if (odk_str_ends(type, odk_str(styles[i].end))) {
            return styles[i].style;
        }
    }
    return odk_str_starts(type, ODK_STR("Compensation")) ? CLI_YELLOW
                                                         : CLI_PLAIN;
}
