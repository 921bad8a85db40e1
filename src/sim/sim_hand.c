#include <stdlib.h>

#include "sdk/sdk_config.h"
#include "sdk/sdk_loop.h"
#include "sim/sim_priv.h"

/*
 * Worker processes: each the production loop of src/sdk on virtual Kafka
 * (sim_kafka.c) and a pool without threads, in which a handler is two events,
 * its beginning and its end. Killing a process dooms it, as in sim_node.c.
 */

/* A process among those of its hand: late events of an earlier one are void. */
struct life {
    struct sim_hand *hand;
    uint64_t number;
};

/* A task in the pool. */
struct job {
    struct life life;
    struct odradek_task *task; /**< NULL: over */
    bool is_begun;
};

struct sdk_pool {
    struct sim_hand *hand;
    struct sim_vec jobs; /**< struct job * */
};

/* ---- the process ---- */

static odk_time_ms
clock_now(void *ctx)
{
    const struct sim_hand *hand = ctx;

    return hand->sim->now;
}

static int64_t
clock_ticks(void *ctx)
{
    const struct sim_hand *hand = ctx;

    return hand->sim->now - SIM_START;
}

static uint64_t
clock_random(void *ctx)
{
    struct sim_hand *hand = ctx;

    return odk_mix64(++hand->sim->fences);
}

static void
log_line(void *ctx, int severity, const char *line)
{
    const struct sim_hand *hand = ctx;

    sim_trace(hand->sim, "w%d (%d): %s", hand->id, severity, line);
}

static void
bury(struct sim_hand *hand)
{
    struct sim *sim = hand->sim;

    sdk_loop_end(hand->worker);
    odradek_worker_free(hand->worker);
    hand->worker = NULL;
    hand->is_doomed = hand->is_fenced = false;
    hand->life++;
    sim->is_dirty = true;
    if (!sim->is_failed) {
        sim_hand_start(
            sim, hand,
            sim_between(&sim->chaos, 50, sim->is_calm ? 1000 : 9000));
    }
}

void
sim_hand_kill(struct sim_hand *hand)
{
    if (!hand->worker || hand->is_doomed) {
        return;
    }
    hand->sim->is_hand_disturbed = true;
    hand->is_doomed = true;
    sim_trace(hand->sim, "w%d is killed", hand->id);
    if (!hand->is_busy) {
        bury(hand);
    }
}

static void
turn(struct sim *sim, void *arg)
{
    const struct life *life = arg;
    struct sim_hand *hand = life->hand;
    int64_t until = 0;

    if (hand->life != life->number || !hand->worker || hand->is_busy) {
        return;
    }
    hand->is_busy = true;
    bool is_going_on = sdk_loop_turn(hand->worker, &until);
    hand->is_busy = false;
    if (hand->is_doomed) {
        bury(hand);
        return;
    }
    if (!is_going_on) {
        sim_trace(sim, "w%d has stopped", hand->id);
        bury(hand);
        return;
    }
    sim_after(sim, sim_between(&sim->rand, 1, sim->is_calm ? 200 : 60), turn,
              arg);
}

static void
set(struct odradek_config *config, const char *name, const char *value)
{
    int rc = odradek_config_set(config, name, value, NULL, 0);

    odk_assert(rc == 0);
}

static struct odradek_config *
config_make(struct sim_hand *hand)
{
    struct odradek_config *config = odradek_config_new();
    char window[24];
    char session[24];

    odk_assert(config);
    (void)snprintf(window, sizeof(window), "%zu", hand->sim->profile.window);
    (void)snprintf(session, sizeof(session), "%d", SIM_SESSION_MS);
    set(config, "bootstrap", "virtual");
    set(config, "namespace", "sim");
    set(config, "name", hand->name);
    set(config, "window", window);
    set(config, "session.timeout.ms", session);
    set(config, "concurrency", "0");
    if (hand->sim->profile.is_static) {
        set(config, "instance", hand->name);
    }
    odradek_config_set_log(config, log_line, hand);
    return config;
}

static void
start(struct sim *sim, void *arg)
{
    const struct life *life = arg;
    struct sim_hand *hand = life->hand;
    const struct sdk_clock clock = {clock_now, clock_ticks, clock_random, hand};
    struct odk_err err = {0};

    if (hand->life != life->number || hand->worker) {
        return;
    }
    if (sim->is_broker_down) {
        sim_after(sim, 500, start, arg);
        return;
    }
    struct odradek_config *config = config_make(hand);
    int rc = odradek_worker_new(config, &hand->worker, NULL, 0);
    odk_assert(rc == 0);
    odradek_config_free(config);
    rc = odradek_worker_register(hand->worker, "q", "*", sim_handle, hand);
    odk_assert(rc == 0);
    sdk_loop_clock(hand->worker, &clock);
    rc = sdk_loop_begin(hand->worker, &err);
    odk_assert(rc == 0);
    sim_trace(sim, "w%d starts", hand->id);
    sim_after(sim, 0, turn, arg);
}

void
sim_hand_start(struct sim *sim, struct sim_hand *hand, odk_dur_ms wait)
{
    struct life *life = sim_alloc(sim, sizeof(*life));

    (void)snprintf(hand->name, sizeof(hand->name), "w%d", hand->id);
    *life = (struct life){hand, hand->life};
    sim_after(sim, wait, start, life);
}

void
sim_hands_end(struct sim *sim)
{
    for (int i = 0; i < SIM_HANDS_MAX; i++) {
        struct sim_hand *hand = &sim->hands[i];
        if (hand->worker) {
            hand->is_doomed = true;
            bury(hand);
        }
    }
}

/* ---- faults ---- */

static void
release_sends(struct sim *sim, void *arg)
{
    const struct life *life = arg;
    struct sim_hand *hand = life->hand;

    if (hand->life == life->number && hand->producer) {
        bus_mem_hold_sends(hand->producer, false);
        bus_mem_hold_acks(hand->producer, false);
        sim->is_dirty = true;
    }
}

/* What it sent in the meantime is lost with it. */
static void
dies_silent(struct sim *sim, void *arg)
{
    const struct life *life = arg;

    (void)sim;
    if (life->hand->life == life->number) {
        sim_hand_kill(life->hand);
    }
}

static void
hold(struct sim_hand *hand, odk_dur_ms ms)
{
    struct sim *sim = hand->sim;
    struct life *life = sim_alloc(sim, sizeof(*life));
    bool is_silent = sim_chance(&sim->chaos, 500);

    *life = (struct life){hand, hand->life};
    sim_trace(sim, "w%d %s for %lld ms", hand->id,
              is_silent ? "sends nothing" : "hears no acks", (long long)ms);
    if (is_silent) {
        bus_mem_hold_sends(hand->producer, true);
    } else {
        bus_mem_hold_acks(hand->producer, true);
    }
    sim_after(sim, ms,
              is_silent && sim_chance(&sim->chaos, 400) ? dies_silent
                                                        : release_sends,
              life);
}

static void
drop_out(struct sim_hand *hand)
{
    if (hand->consumer && !hand->is_doomed) {
        sim_trace(hand->sim, "w%d is dropped from its group", hand->id);
        bus_mem_drop_member(hand->consumer);
    }
}

static void
pause_for(struct sim_hand *hand, odk_dur_ms ms)
{
    struct sim *sim = hand->sim;

    sim_trace(sim, "w%d is paused for %lld ms", hand->id, (long long)ms);
    hand->is_stopped = true;
    sim_pass(sim, ms < SIM_SESSION_MS ? ms : SIM_SESSION_MS);
    if (ms > SIM_SESSION_MS && !sim->is_failed) {
        drop_out(hand);
        sim_pass(sim, ms - SIM_SESSION_MS);
    }
    hand->is_stopped = false;
    sim_trace(sim, "w%d goes on", hand->id);
}

bool
sim_hand_point(struct sim_hand *hand)
{
    struct sim *sim = hand->sim;

    if (hand->is_doomed || !hand->is_busy || sim->is_calm || sim->is_ended ||
        sim->profile.hand_every == 0 || --sim->until_hand_fault > 0) {
        return !hand->is_doomed;
    }
    uint64_t roll = sim_below(&sim->chaos, 100);
    sim->until_hand_fault =
        1 + sim_below(&sim->chaos, 2 * sim->profile.hand_every);
    sim->stats.faults++;
    sim->is_hand_disturbed = true;
    if (roll < 35) {
        sim_hand_kill(hand);
    } else if (roll < 60 && sim->depth < 3) {
        pause_for(hand, sim_between(&sim->chaos, 1, 12000));
    } else if (roll < 75 && hand->producer) {
        hold(hand, sim_between(&sim->chaos, 5, 15000));
    } else if (roll < 90 && hand->producer) {
        sim_trace(sim, "w%d loses its producer", hand->id);
        bus_mem_producer_fatal(hand->producer);
    } else {
        drop_out(hand);
    }
    return !hand->is_doomed;
}

void
sim_hand_fault(struct sim_hand *hand, uint64_t roll)
{
    hand->sim->is_hand_disturbed = true;
    if (!hand->worker || hand->is_busy || hand->is_doomed) {
        return;
    }
    if (roll < 40) {
        sim_hand_kill(hand);
    } else if (roll < 70) {
        sim_trace(hand->sim, "w%d is told to stop", hand->id);
        odradek_worker_stop(hand->worker);
    } else if (roll < 85) {
        drop_out(hand);
    } else {
        sim_trace(hand->sim, "w%d is fenced", hand->id);
        hand->is_fenced = true;
    }
}

void
sim_hand_heal(struct sim_hand *hand)
{
    if (hand->producer) {
        bus_mem_hold_sends(hand->producer, false);
        bus_mem_hold_acks(hand->producer, false);
    }
}

/* ---- the pool ---- */

int
sdk_pool_new(const struct odradek_config *config, struct sdk_pool **out)
{
    *out = calloc(1, sizeof(**out));
    if (!*out) {
        odk_out_of_memory();
    }
    (*out)->hand = config->log_ctx;
    (*out)->hand->pool = *out;
    return 0;
}

static void
job_forget(struct sdk_pool *pool, struct job *job)
{
    struct job **jobs = pool->jobs.items;

    job->task = NULL;
    for (size_t i = 0; i < pool->jobs.n; i++) {
        if (jobs[i] == job) {
            jobs[i] = jobs[--pool->jobs.n];
            return;
        }
    }
}

void
sdk_pool_free(struct sdk_pool *pool)
{
    if (!pool) {
        return;
    }
    struct job **jobs = pool->jobs.items;
    for (size_t i = 0; i < pool->jobs.n; i++) {
        /* Dropped ones go back to the loop, others end with the process. */
        if (!jobs[i]->is_begun) {
            (void)sdk_task_begin(jobs[i]->task);
        }
        jobs[i]->task = NULL;
    }
    pool->hand->pool = NULL;
    free(pool->jobs.items);
    free(pool);
}

/* Whether the job's event has no meaning any more; a paused process's waits. */
static bool
is_void(struct sim *sim, struct job *job, sim_event_f *event)
{
    struct sim_hand *hand = job->life.hand;

    if (hand->life != job->life.number || !job->task || hand->is_doomed) {
        return true;
    }
    if (hand->is_stopped) {
        sim_after(sim, 100, event, job);
    }
    return hand->is_stopped;
}

static void
job_end(struct sim *sim, void *arg)
{
    struct job *job = arg;

    if (!is_void(sim, job, job_end)) {
        struct odradek_task *task = job->task;
        job_forget(job->life.hand->pool, job);
        sdk_task_end(task);
    }
}

static void
job_beat(struct sim *sim, void *arg)
{
    struct job *job = arg;

    if (!is_void(sim, job, job_beat)) {
        (void)odradek_task_heartbeat(job->task, "{\"at\":1}", 8);
    }
}

static void
job_begin(struct sim *sim, void *arg)
{
    struct job *job = arg;

    if (is_void(sim, job, job_begin)) {
        return;
    }
    struct odradek_task *task = job->task;
    struct odk_str token = sim_keep(sim, odk_str(odradek_task_token(task)));
    if (!sdk_task_begin(task)) {
        job_forget(job->life.hand->pool, job);
        return;
    }
    job->is_begun = true;
    sim_task_begun(sim, job->life.hand, token);
    odk_dur_ms lasts = sim_task_duration(sim, task);
    int64_t beat = odradek_task_heartbeat_ms(task) / 2;
    for (odk_dur_ms at = beat; beat > 0 && at < lasts; at += beat) {
        sim_after(sim, at, job_beat, job);
    }
    sim_after(sim, lasts, job_end, job);
}

void
sdk_pool_push(struct sdk_pool *pool, struct odradek_task *task)
{
    struct sim_hand *hand = pool->hand;
    struct job *job = sim_alloc(hand->sim, sizeof(*job));

    *job = (struct job){.life = {hand, hand->life}, .task = task};
    struct job **place = sim_push(&pool->jobs, sizeof(void *));
    *place = job;
    sim_after(hand->sim, sim_between(&hand->sim->rand, 0, 300), job_begin, job);
}

bool
sdk_pool_run_inline(struct sdk_pool *pool, size_t n)
{
    (void)pool;
    (void)n;
    return false;
}
