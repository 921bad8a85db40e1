/*
 * What `describe` shows of a stored state.
 */

#include "engine/engine_priv.h"
#include "interpreter/interpreter.h"

static void
take(json_t *from, const char *name, json_t *to, const char *as)
{
    json_t *value = json_get(from, name);

    if (value) {
        json_set(to, odk_str(as), json_incref(value));
    }
}

/* When the line of an activity between attempts tries again; NULL: not. */
static json_t *
next_retry(json_t *timers, int64_t frame)
{
    for (size_t i = 0; i < json_array_size(timers); i++) {
        json_t *timer = json_array_get(timers, i);
        if (json_integer_value(json_array_get(timer, 1)) ==
                ENGINE_TIMER_FRAME &&
            json_integer_value(json_array_get(timer, 2)) == frame) {
            return json_array_get(timer, 3);
        }
    }
    return NULL;
}

static json_t *
activity_shown(json_t *saved, json_t *timers)
{
    static const char *const statuses[] = {"UNKNOWN", "SCHEDULED", "STARTED",
                                           "RETRY"};
    json_t *shown = json_object();
    size_t status = (size_t)json_integer_value(json_get(saved, "status"));

    take(saved, "id", shown, "activityId");
    take(saved, "attempt", shown, "attempt");
    json_set(
        shown, ODK_STR("status"),
        json_string(statuses[status < ODK_ARRAY_LEN(statuses) ? status : 0]));
    take(saved, "queue", shown, "queue");
    take(saved, "type", shown, "type");
    take(saved, "worker", shown, "worker");
    take(saved, "scheduledAt", shown, "scheduledAt");
    take(saved, "startedAt", shown, "startedAt");
    take(saved, "heartbeatAt", shown, "lastHeartbeatAt");
    take(saved, "heartbeat", shown, "heartbeatDetails");
    take(saved, "error", shown, "lastError");
    take(saved, "cause", shown, "lastCause");
    take(saved, "entry", shown, "compensationEntry");
    json_t *retry =
        status == ENGINE_ACTIVITY_IDLE
            ? next_retry(timers, json_integer_value(json_get(saved, "frame")))
            : NULL;
    if (retry) {
        json_set(shown, ODK_STR("nextRetryAt"), json_incref(retry));
    }
    return shown;
}

static json_t *
timer_shown(json_t *saved)
{
    static const char *const kinds[] = {"",      "EXECUTION", "ACTIVITY",
                                        "STATE", "YIELD",     "COMPENSATION"};
    json_t *shown = json_object();
    size_t kind = (size_t)json_integer_value(json_array_get(saved, 1));

    json_set(shown, ODK_STR("id"), json_incref(json_array_get(saved, 0)));
    json_set(shown, ODK_STR("kind"),
             json_string(kinds[kind < ODK_ARRAY_LEN(kinds) ? kind : 0]));
    json_set(shown, ODK_STR("due"), json_incref(json_array_get(saved, 3)));
    return shown;
}

static json_t *
undo_shown(json_t *saved)
{
    json_t *shown = json_object();

    take(saved, "id", shown, "entry");
    take(saved, "state", shown, "state");
    take(saved, "resource", shown, "resource");
    take(saved, "attempt", shown, "attempt");
    take(saved, "arguments", shown, "arguments");
    take(saved, "error", shown, "error");
    take(saved, "cause", shown, "cause");
    return shown;
}

/* {state, done, left, stuck: […], late: […]} */
static json_t *
compensation_shown(json_t *state)
{
    json_t *undos = json_get(state, "undos");
    json_t *stuck = json_array();
    json_t *late = json_array();
    int64_t left = 0;
    bool is_closing = json_integer_value(json_get(state, "closing")) != 0 ||
                      json_array_size(json_get(state, "rollbacks")) > 0;
    bool has_undone = json_integer_value(json_get(state, "hasUndone")) != 0;

    for (size_t i = 0; i < json_array_size(undos); i++) {
        json_t *undo = json_array_get(undos, i);
        int64_t status = json_integer_value(json_get(undo, "status"));
        if (status == ENGINE_UNDO_LATE) {
            json_append(late, undo_shown(undo));
            continue;
        }
        if (status > ENGINE_UNDO_STUCK) {
            continue;
        }
        left++;
        if (status == ENGINE_UNDO_STUCK) {
            json_append(stuck, undo_shown(undo));
        }
    }
    json_t *shown = json_object();
    json_set(shown, ODK_STR("state"),
             json_string(json_array_size(stuck) > 0 ? "STUCK"
                         : is_closing               ? "RUNNING"
                         : has_undone               ? "DONE"
                                                    : "NONE"));
    json_set(shown, ODK_STR("done"),
             json_integer(json_integer_value(json_get(state, "undoDone"))));
    json_set(shown, ODK_STR("left"), json_integer(left));
    json_set(shown, ODK_STR("stuck"), stuck);
    json_set(shown, ODK_STR("late"), late);
    return shown;
}

static void
show_lists(json_t *state, json_t *shown)
{
    json_t *from = json_get(state, "activities");
    json_t *timers = json_get(state, "timers");
    json_t *activities = json_array();
    json_t *due = json_array();

    for (size_t i = 0; i < json_array_size(from); i++) {
        json_append(activities,
                    activity_shown(json_array_get(from, i), timers));
    }
    for (size_t i = 0; i < json_array_size(timers); i++) {
        json_append(due, timer_shown(json_array_get(timers, i)));
    }
    json_set(shown, ODK_STR("activities"), activities);
    json_set(shown, ODK_STR("timers"), due);
    json_t *signals = json_get(state, "signals");
    json_set(shown, ODK_STR("signals"),
             signals ? json_incref(signals) : json_array());
}

int
engine_describe(struct odk_str state, struct odk_buf *out, struct odk_err *err)
{
    json_t *saved = json_parse(state, err);

    if (!json_is_object(saved)) {
        json_decref(saved);
        return odk_err_set(err, ODK_ECORRUPT, "stored state is no object");
    }
    json_t *shown = json_object();
    take(saved, "namespace", shown, "namespace");
    take(saved, "workflowId", shown, "workflowId");
    take(saved, "runId", shown, "runId");
    take(saved, "definition", shown, "definition");
    take(saved, "definitionVersion", shown, "definitionVersion");
    take(saved, "status", shown, "status");
    take(saved, "version", shown, "version");
    take(saved, "startedAt", shown, "startedAt");
    take(saved, "closedAt", shown, "closedAt");
    take(saved, "input", shown, "input");
    take(saved, "output", shown, "output");
    take(saved, "error", shown, "error");
    take(saved, "cause", shown, "cause");
    interpreter_decider.describe(json_get(saved, "lines"), shown);
    show_lists(saved, shown);
    json_set(shown, ODK_STR("compensation"), compensation_shown(saved));
    int rc = json_dump(shown, out);
    json_decref(shown);
    json_decref(saved);
    return rc;
}
