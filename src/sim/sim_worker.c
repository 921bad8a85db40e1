#include <stdio.h>

#include "sim/sim_priv.h"

/* Workers of the one queue: quick, slow, silent, wrong, repeating themselves.
 * In a calm world they answer. */

/** One answer to one task; the strings live as long as the simulation. */
struct answer {
    enum codec_kind kind;
    struct odk_str workflow_id;
    struct odk_str run_id;
    struct odk_str token;
    int64_t activity_id;
    int32_t attempt;
    bool is_unknown;
    struct odk_str output;
};

static void
answer_send(struct sim *sim, void *arg)
{
    const struct answer *answer = arg;
    struct codec_record record = {.kind = answer->kind};
    struct codec_task_started *started = &record.task_started;
    struct codec_task_succeeded *succeeded = &record.task_succeeded;
    struct codec_task_failed *failed = &record.task_failed;
    struct codec_task_heartbeat *heartbeat = &record.task_heartbeat;

#define FILL(r)                                                                \
    (r)->namespace = ODK_STR("sim");                                           \
    (r)->workflow_id = answer->workflow_id;                                    \
    (r)->run_id = answer->run_id;                                              \
    (r)->activity_id = answer->activity_id;                                    \
    (r)->attempt = answer->attempt;                                            \
    (r)->token = answer->token

    if (answer->kind == CODEC_TASK_STARTED) {
        codec_task_started_init(started);
        FILL(started);
        started->worker = ODK_STR("worker");
    } else if (answer->kind == CODEC_TASK_SUCCEEDED) {
        codec_task_succeeded_init(succeeded);
        FILL(succeeded);
        succeeded->output = answer->output;
    } else if (answer->kind == CODEC_TASK_FAILED) {
        codec_task_failed_init(failed);
        FILL(failed);
        failed->error = ODK_STR("Broken");
        failed->effect = answer->is_unknown ? CODEC_TASK_EFFECT_UNKNOWN
                                            : CODEC_TASK_EFFECT_NONE;
    } else {
        codec_task_heartbeat_init(heartbeat);
        FILL(heartbeat);
        heartbeat->details = ODK_STR("{\"at\":1}");
    }
#undef FILL
    sim_append(sim, LANE_TOPIC_RESULTS, answer->kind, &record.task_started,
               answer->workflow_id);
}

static struct answer *
answer_new(struct sim *sim, const struct codec_task *task)
{
    struct answer *answer = sim_alloc(sim, sizeof(*answer));

    answer->workflow_id = sim_keep(sim, task->workflow_id);
    answer->run_id = sim_keep(sim, task->run_id);
    answer->token = sim_keep(sim, task->token);
    answer->activity_id = task->activity_id;
    answer->attempt = task->attempt;
    return answer;
}

static void
answer_after(struct sim *sim, const struct answer *like, enum codec_kind kind,
             odk_dur_ms wait)
{
    struct answer *answer = sim_alloc(sim, sizeof(*answer));

    *answer = *like;
    answer->kind = kind;
    sim_after(sim, wait, answer_send, answer);
}

static struct odk_str
output_draw(struct sim *sim, int64_t activity)
{
    char text[64];
    uint64_t roll = sim_below(&sim->rand, 100);

    if (roll < 3 && sim->profile.is_refusing && !sim->is_calm) {
        return ODK_STR("{\"x\":\"\\u0050oisoned\"}");
    }
    if (roll < 10) {
        return ODK_STR("{\"more\":true}");
    }
    int len =
        snprintf(text, sizeof(text), "{\"id\":%lld}", (long long)activity);
    return sim_keep(sim, odk_str_n(text, (size_t)len));
}

/* What a worker does with a task in a storm. */
static void
work(struct sim *sim, const struct codec_task *task, struct answer *answer,
     odk_dur_ms wait)
{
    uint64_t roll = sim_below(&sim->rand, 100);
    bool may_be_silent = task->has_start_to_close_ms || task->has_heartbeat_ms;

    if (roll < 15) {
        answer_after(sim, answer, CODEC_TASK_FAILED, wait);
    } else if (roll < 21) {
        answer->is_unknown = true;
        answer_after(sim, answer, CODEC_TASK_FAILED, wait);
    } else if (roll < 29 && may_be_silent) {
        return;
    } else if (roll < 36 && task->has_start_to_close_ms) {
        answer_after(sim, answer, CODEC_TASK_SUCCEEDED,
                     task->start_to_close_ms +
                         sim_between(&sim->rand, -1000, 20000));
    } else if (roll < 42) {
        answer_after(sim, answer, CODEC_TASK_SUCCEEDED, wait);
        answer_after(sim, answer,
                     sim_chance(&sim->rand, 500) ? CODEC_TASK_SUCCEEDED
                                                 : CODEC_TASK_FAILED,
                     wait + sim_between(&sim->rand, 0, 4000));
    } else if (roll < 50 && task->has_heartbeat_ms) {
        int64_t n = sim_between(&sim->rand, 1, 4);
        for (int64_t i = 1; i <= n; i++) {
            answer_after(sim, answer, CODEC_TASK_HEARTBEAT, i * 3000);
        }
        answer_after(sim, answer, CODEC_TASK_SUCCEEDED, n * 3000 + wait);
    } else {
        answer_after(sim, answer, CODEC_TASK_SUCCEEDED, wait);
    }
}

void
sim_task_seen(struct sim *sim, const struct bus_message *message,
              const struct codec_record *record)
{
    const struct codec_task *task = &record->task;
    odk_dur_ms wait = sim_between(&sim->rand, 0, 2500);

    (void)message;
    if (record->kind != CODEC_TASK) {
        sim_fail(sim, "a task topic holds a %s", codec_kind_name(record->kind));
        return;
    }
    sim_trace(sim, "task %.*s of %.*s: activity %lld, attempt %d",
              ODK_STR_ARG(task->type), ODK_STR_ARG(task->workflow_id),
              (long long)task->activity_id, task->attempt);
    struct answer *answer = answer_new(sim, task);
    answer->output = output_draw(sim, task->activity_id);
    if (task->wants_started) {
        answer_after(sim, answer, CODEC_TASK_STARTED,
                     sim_between(&sim->rand, 0, 800));
    }
    if (sim->is_calm) {
        bool is_undo = odk_str_starts(task->type, ODK_STR("undo-"));
        answer_after(sim, answer,
                     !is_undo && sim_chance(&sim->rand, 150)
                         ? CODEC_TASK_FAILED
                         : CODEC_TASK_SUCCEEDED,
                     wait);
        return;
    }
    work(sim, task, answer, wait);
    if (sim_chance(&sim->rand, 20)) {
        work(sim, task, answer, wait + sim_between(&sim->rand, 0, 9000));
    }
}
