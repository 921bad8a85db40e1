#include <stdio.h>

#include "sim/sim_priv.h"

/*
 * What handlers do (sim_hand.c runs them): quick, slow, silent, wrong; beside
 * them a worker of another make that answers late and twice. In a calm world
 * all answer. And what must hold of tasks: each is begun, or was withdrawn;
 * none is begun twice while nothing disturbs the one worker there is.
 */

/** A foreign answer to one task; the strings live as long as the simulation. */
struct answer {
    enum codec_kind kind;
    struct odk_str workflow_id;
    struct odk_str run_id;
    struct odk_str token;
    int64_t activity_id;
    int32_t attempt;
    struct odk_str output;
};

static void
answer_send(struct sim *sim, void *arg)
{
    const struct answer *answer = arg;
    struct codec_record record = {.kind = answer->kind};
    struct codec_task_succeeded *succeeded = &record.task_succeeded;
    struct codec_task_failed *failed = &record.task_failed;

#define FILL(r)                                                                \
    (r)->namespace = ODK_STR("sim");                                           \
    (r)->workflow_id = answer->workflow_id;                                    \
    (r)->run_id = answer->run_id;                                              \
    (r)->activity_id = answer->activity_id;                                    \
    (r)->attempt = answer->attempt;                                            \
    (r)->token = answer->token

    if (answer->kind == CODEC_TASK_SUCCEEDED) {
        codec_task_succeeded_init(succeeded);
        FILL(succeeded);
        succeeded->output = answer->output;
    } else {
        codec_task_failed_init(failed);
        FILL(failed);
        failed->error = ODK_STR("Broken");
    }
#undef FILL
    sim_append(sim, LANE_TOPIC_RESULTS, answer->kind, &record.task_succeeded,
               answer->workflow_id);
}

static struct answer *
answer_new(struct sim *sim, const struct odradek_task *task)
{
    struct answer *answer = sim_alloc(sim, sizeof(*answer));

    answer->workflow_id =
        sim_keep(sim, odk_str(odradek_task_workflow_id(task)));
    answer->run_id = sim_keep(sim, odk_str(odradek_task_run_id(task)));
    answer->token = sim_keep(sim, odk_str(odradek_task_token(task)));
    answer->activity_id = odradek_task_activity_id(task);
    answer->attempt = odradek_task_attempt(task);
    answer->output = ODK_STR("{\"foreign\":true}");
    return answer;
}

/* ---- handlers ---- */

odk_dur_ms
sim_task_duration(struct sim *sim, const struct odradek_task *task)
{
    odk_dur_ms quick = sim_between(&sim->rand, 0, 2500);
    int64_t start_to_close = odradek_task_start_to_close_ms(task);
    uint64_t roll = sim_below(&sim->rand, 100);

    if (!sim->is_calm && roll < 7 && start_to_close > 0) {
        return start_to_close + sim_between(&sim->rand, -1000, 20000);
    }
    if (!sim->is_calm && roll < 14 && odradek_task_heartbeat_ms(task) > 0) {
        return quick + 3000 * sim_between(&sim->rand, 1, 4);
    }
    return quick;
}

static void
succeed(struct sim *sim, struct odradek_task *task)
{
    char text[64];
    uint64_t roll = sim_below(&sim->rand, 100);

    if (roll < 3 && sim->profile.is_refusing && !sim->is_calm) {
        (void)snprintf(text, sizeof(text), "{\"x\":\"\\u0050oisoned\"}");
    } else if (roll < 10) {
        (void)snprintf(text, sizeof(text), "{\"more\":true}");
    } else {
        (void)snprintf(text, sizeof(text), "{\"id\":%lld}",
                       (long long)odradek_task_activity_id(task));
    }
    int rc = odradek_task_succeed(task, text, strlen(text));
    odk_assert(rc == 0);
}

static void
fail(struct odradek_task *task, enum odradek_effect effect)
{
    int rc = odradek_task_fail(task, "Broken", NULL, effect);

    odk_assert(rc == 0);
}

static void
foreign_answer(struct sim *sim, const struct odradek_task *task,
               enum codec_kind kind, odk_dur_ms wait)
{
    struct answer *answer = answer_new(sim, task);

    answer->kind = kind;
    sim_after(sim, wait, answer_send, answer);
}

/* In a storm: an answer, none, or one more of a foreign worker. */
static void
handle_in_storm(struct sim *sim, struct odradek_task *task)
{
    uint64_t roll = sim_below(&sim->rand, 100);
    bool may_be_silent = odradek_task_start_to_close_ms(task) > 0 ||
                         odradek_task_heartbeat_ms(task) > 0;

    if (roll < 21) {
        fail(task, roll < 15 ? ODRADEK_EFFECT_NONE : ODRADEK_EFFECT_UNKNOWN);
    } else if (roll < 29 && may_be_silent) {
        (void)odradek_task_leave(task);
        if (sim_chance(&sim->rand, 300)) {
            foreign_answer(sim, task, CODEC_TASK_SUCCEEDED,
                           sim_between(&sim->rand, 0, 40000));
        }
    } else {
        succeed(sim, task);
        if (roll < 36) {
            foreign_answer(sim, task,
                           sim_chance(&sim->rand, 500) ? CODEC_TASK_SUCCEEDED
                                                       : CODEC_TASK_FAILED,
                           sim_between(&sim->rand, 0, 4000));
        }
    }
}

void
sim_handle(struct odradek_task *task, void *ctx)
{
    const struct sim_hand *hand = ctx;
    struct sim *sim = hand->sim;
    bool is_undo =
        odk_str_starts(odk_str(odradek_task_type(task)), ODK_STR("undo-"));

    if (!sim->is_calm) {
        handle_in_storm(sim, task);
    } else if (!is_undo && sim_chance(&sim->rand, 150)) {
        fail(task, ODRADEK_EFFECT_NONE);
    } else {
        succeed(sim, task);
    }
}

/* ---- each task once ---- */

static struct sim_task *
task_find(struct sim *sim, struct odk_str token)
{
    struct odk_map_node *node = odk_map_find(&sim->tasks, token);

    return node ? ODK_CONTAINER(node, struct sim_task, node) : NULL;
}

void
sim_task_seen(struct sim *sim, const struct bus_message *message,
              const struct codec_record *record)
{
    const struct codec_task *task = &record->task;

    if (record->kind != CODEC_TASK) {
        sim_fail(sim, SIM_CHECK_RECORD, "a task topic holds a %s",
                 codec_kind_name(record->kind));
        return;
    }
    sim_trace(sim, "task %d/%lld: %.*s of %.*s, activity %lld, attempt %d",
              message->partition, (long long)message->offset,
              ODK_STR_ARG(task->type), ODK_STR_ARG(task->workflow_id),
              (long long)task->activity_id, task->attempt);
    if (task_find(sim, task->token)) {
        sim_fail(sim, SIM_CHECK_TASK, "two tasks have the token of %.*s/%lld",
                 ODK_STR_ARG(task->workflow_id), (long long)task->activity_id);
        return;
    }
    struct sim_task *seen = sim_alloc(sim, sizeof(*seen));
    *seen = (struct sim_task){.partition = message->partition,
                              .offset = message->offset};
    odk_map_add(&sim->tasks, &seen->node, sim_keep(sim, task->token));
}

void
sim_cancel_seen(struct sim *sim, const struct bus_message *message,
                const struct codec_record *record)
{
    (void)message;
    struct sim_task *task = record->kind == CODEC_CANCEL_TASK
                                ? task_find(sim, record->cancel_task.token)
                                : NULL;

    if (task) {
        task->is_cancelled = true;
    }
}

void
sim_task_begun(struct sim *sim, const struct sim_hand *hand,
               struct odk_str token)
{
    struct sim_task *task = task_find(sim, token);

    if (!task && sim->is_losing) {
        return; /* the reader has stopped */
    }
    if (!task) {
        sim_fail(sim, SIM_CHECK_TASK, "w%d begins a task that nobody sent",
                 hand->id);
        return;
    }
    sim_trace(sim, "w%d begins task %d/%lld", hand->id, task->partition,
              (long long)task->offset);
    if (++task->n_begun > 1 && sim->profile.hands == 1 &&
        !sim->is_hand_disturbed) {
        sim_fail(sim, SIM_CHECK_TASK, "task %d/%lld is begun again",
                 task->partition, (long long)task->offset);
    }
}

/* Every task was handed to a handler, or nobody wanted it any more. */
void
sim_tasks_check(struct sim *sim)
{
    struct odk_map_node *node = NULL;

    while ((node = odk_map_next(&sim->tasks, node)) != NULL) {
        const struct sim_task *task =
            ODK_CONTAINER(node, struct sim_task, node);
        if (task->n_begun == 0 && !task->is_cancelled) {
            sim_fail(sim, SIM_CHECK_TASK, "task %d/%lld was never begun",
                     task->partition, (long long)task->offset);
        }
    }
}
