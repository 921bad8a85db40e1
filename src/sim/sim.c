#include "sim/sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_priv.h"

/* A calm world finishes within this much of virtual time: retries of
 * compensations wait up to 5 minutes ten times. */
#define CALM_MS_MAX (INT64_C(4) * 3600 * 1000)
/* The longest pause, the session, restarts and retries together. */
#define OWNER_MS_MAX 700000
/* Steps that no seed needs: an endless loop is a bug. */
#define EVENTS_MAX UINT64_C(3000000)

static const struct {
    const char *name;
    const char *text;
} mutants[] = {{NULL, NULL},

#define X(constant, name, text) {name, text},
               SIM_MUTANT_TABLE(X)
#undef X
};

const char *
sim_mutant_name(enum sim_mutant mutant)
{
    return mutants[mutant].name;
}

const char *
sim_mutant_text(enum sim_mutant mutant)
{
    return mutants[mutant].text;
}

bool
sim_is_mutant(const struct sim *sim, enum sim_mutant mutant)
{
    return sim->options->mutant == mutant;
}

static const struct {
    const char *name;
    const char *text;
} checks[] = {

#define X(constant, name, text) {name, text},
    SIM_CHECK_TABLE(X)
#undef X
};

const char *
sim_check_name(enum sim_check check)
{
    return checks[check].name;
}

const char *
sim_check_text(enum sim_check check)
{
    return checks[check].text;
}

const char *
sim_amount_name(enum sim_amount amount)
{
    static const char *const names[] = {
#define X(constant, name) name,
        SIM_AMOUNT_TABLE(X)
#undef X
    };

    return names[amount];
}

/* ---- the story ---- */

static void
line_put(struct sim *sim, const char *fmt, va_list args)
{
    char *line = sim->ring[sim->n_lines % SIM_RING];
    odk_dur_ms at = sim->now - SIM_START;
    int len = snprintf(line, SIM_LINE_BYTES, "%6lld.%03lld %*s",
                       (long long)(at / 1000), (long long)(at % 1000),
                       sim->depth * 2, "");

    if (len > 0 && len < SIM_LINE_BYTES) {
        (void)vsnprintf(line + len, SIM_LINE_BYTES - (size_t)len, fmt, args);
    }
    sim->n_lines++;
    sim->hash = odk_hash64(odk_str(line), sim->hash);
    if (sim->options->trace) {
        (void)fprintf(sim->options->trace, "%s\n", line);
    }
}

void
sim_trace(struct sim *sim, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    line_put(sim, fmt, args);
    va_end(args);
}

void
sim_fail(struct sim *sim, enum sim_check check, const char *fmt, ...)
{
    va_list args;

    if (sim->is_failed) {
        return;
    }
    sim->is_failed = true;
    sim->check = check;
    va_start(args, fmt);
    (void)vsnprintf(sim->problem, sizeof(sim->problem), fmt, args);
    va_end(args);
    sim_trace(sim, "BROKEN (%s): %s", sim_check_name(check), sim->problem);
}

static void
story_tell(const struct sim *sim, FILE *out)
{
    uint64_t first = sim->n_lines > SIM_RING ? sim->n_lines - SIM_RING : 0;

    for (uint64_t i = first; i < sim->n_lines; i++) {
        (void)fprintf(out, "%s\n", sim->ring[i % SIM_RING]);
    }
}

/* ---- memory ---- */

void *
sim_alloc(struct sim *sim, size_t bytes)
{
    void *memory = odk_arena_alloc(&sim->arena, bytes);

    odk_assert(memory);
    return memory;
}

struct odk_str
sim_keep(struct sim *sim, struct odk_str s)
{
    return s.ptr ? odk_arena_str(&sim->arena, s) : s;
}

void *
sim_push(struct sim_vec *vec, size_t item_bytes)
{
    if (vec->n == vec->size) {
        vec->size = vec->size ? vec->size * 2 : 16;
        vec->items = realloc(vec->items, vec->size * item_bytes);
        if (!vec->items) {
            odk_out_of_memory();
        }
    }
    void *item = (char *)vec->items + vec->n++ * item_bytes;
    memset(item, 0, item_bytes);
    return item;
}

/* ---- events: a heap by (due, order) ---- */

static bool
event_less(const struct sim_event *a, const struct sim_event *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

void
sim_after(struct sim *sim, odk_dur_ms wait, sim_event_f *run, void *arg)
{
    (void)sim_push(&sim->heap, sizeof(struct sim_event));
    struct sim_event *heap = sim->heap.items;
    size_t at = sim->heap.n - 1;
    struct sim_event event = {sim->now + (wait > 0 ? wait : 0), sim->order++,
                              run, arg};

    while (at > 0 && event_less(&event, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = event;
}

static struct sim_event
event_pop(struct sim *sim)
{
    struct sim_event *heap = sim->heap.items;
    struct sim_event first = heap[0];
    struct sim_event last = heap[--sim->heap.n];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sim->heap.n) {
            break;
        }
        if (child + 1 < sim->heap.n &&
            event_less(&heap[child + 1], &heap[child])) {
            child++;
        }
        if (!event_less(&heap[child], &last)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

static void
time_set(struct sim *sim, odk_time_ms now)
{
    if (now <= sim->now) {
        return;
    }
    sim->now = now;
    bus_mem_set_time(sim->broker, now);
    store_mem_set_time(sim->db, now);
}

static bool
is_over(const struct sim *sim)
{
    return sim->is_failed || sim->is_ended;
}

/* One event that is due until then; false: there is none. */
static bool
step(struct sim *sim, odk_time_ms until)
{
    const struct sim_event *heap = sim->heap.items;

    if (is_over(sim) || sim->heap.n == 0 || heap[0].due > until) {
        return false;
    }
    struct sim_event event = event_pop(sim);
    time_set(sim, event.due);
    event.run(sim, event.arg);
    if (sim->is_dirty) {
        sim_read(sim);
    }
    if (++sim->stats.events > EVENTS_MAX) {
        sim_fail(sim, SIM_CHECK_LIVENESS, "no end after %llu steps",
                 (unsigned long long)sim->stats.events);
    }
    return true;
}

void
sim_pass(struct sim *sim, odk_dur_ms ms)
{
    odk_time_ms until = sim->now + ms;

    sim->depth++;
    while (step(sim, until)) {
    }
    sim->depth--;
    time_set(sim, until);
}

/* ---- a world ---- */

static void
world_make(struct sim *sim)
{
    sim->now = SIM_START;
    odk_rand_init(&sim->rand, odk_mix64(sim->options->seed));
    odk_rand_init(&sim->chaos, odk_mix64(sim->options->seed ^ 0xc4a05));
    sim->fences = odk_mix64(sim->options->seed ^ 0xfe9ce);
    odk_arena_init(&sim->arena, 0);
    odk_arena_init(&sim->scratch, 0);
    odk_buf_init(&sim->buf, 0);
    odk_map_init(&sim->runs);
    odk_map_init(&sim->keys);
    odk_map_init(&sim->tasks);
    sim->broker = bus_mem_broker_new();
    sim->db = sim->dbs[sim->n_dbs++] = store_mem_db_new();
    sim->server = 1;
    sim->codec = codec_new(NULL);
    bus_mem_set_time(sim->broker, sim->now);
    store_mem_set_time(sim->db, sim->now);
    sim_profile_draw(sim);
    sim_read_topics(sim);
    sim_flows_define(sim);
}

static void
world_free(struct sim *sim)
{
    sim_nodes_end(sim);
    sim_hands_end(sim);
    sim_model_release(sim);
    bus_mem_broker_free(sim->broker);
    for (size_t i = 0; i < sim->n_dbs; i++) {
        store_mem_db_free(sim->dbs[i]);
    }
    store_mem_db_free(sim->backup);
    codec_free(sim->codec);
    for (size_t i = 0; i < sim->n_flows; i++) {
        asl_free(sim->flows[i].machine);
    }
    free(sim->heap.items);
    free(sim->commands.items);
    odk_buf_release(&sim->buf);
    odk_arena_release(&sim->scratch);
    odk_arena_release(&sim->arena);
}

static void
calm(struct sim *sim, void *arg)
{
    (void)arg;
    sim->is_calm = true;
    sim_trace(sim, "calm: no more faults, no more load");
    sim_faults_end(sim);
    sim_operator_start(sim);
    sim_after(sim, OWNER_MS_MAX, sim_check_owners, NULL);
}

static void
watch(struct sim *sim, void *arg)
{
    (void)arg;
    if (sim_is_done(sim)) {
        sim->is_ended = true;
        return;
    }
    if (sim->now > sim->calm_at + CALM_MS_MAX) {
        for (int i = 0; i < sim->profile.nodes; i++) {
            const struct sim_node *node = &sim->nodes[i];
            sim_trace(sim, "n%d: %s%s%s, %d idle ticks", i,
                      node->lane ? "runs" : "is gone",
                      node->is_busy ? ", busy" : "",
                      node->is_doomed ? ", doomed" : "", node->idle);
        }
        sim_check_end(sim);
        sim_fail(sim, SIM_CHECK_LIVENESS,
                 "not everything has finished %lld s after the last fault",
                 (long long)(CALM_MS_MAX / 1000));
        return;
    }
    sim_after(sim, 2000, watch, NULL);
}

static void
world_run(struct sim *sim)
{
    sim->calm_at = sim->now + sim->profile.storm_ms;
    for (int i = 0; i < sim->profile.nodes; i++) {
        sim->nodes[i].sim = sim;
        sim->nodes[i].id = i;
        sim_node_start(sim, &sim->nodes[i],
                       sim_between(&sim->rand, 0, i ? 3000 : 0));
    }
    for (int i = 0; i < sim->profile.hands; i++) {
        sim->hands[i].sim = sim;
        sim->hands[i].id = i;
        sim_hand_start(sim, &sim->hands[i],
                       sim_between(&sim->rand, 0, i ? 5000 : 0));
    }
    sim_clients_start(sim);
    sim_faults_start(sim);
    sim_after(sim, sim->profile.storm_ms, calm, NULL);
    sim_after(sim, sim->profile.storm_ms + 5000, watch, NULL);
    while (step(sim, INT64_MAX)) {
    }
    if (!sim->is_failed && sim->is_losing) {
        sim_check_lost(sim);
    } else if (!sim->is_failed) {
        sim_check_end(sim);
    }
}

void
sim_run(const struct sim_options *options, struct sim_result *out)
{
    struct sim *sim = calloc(1, sizeof(*sim));

    if (!sim) {
        odk_out_of_memory();
    }
    sim->options = options;
    world_make(sim);
    world_run(sim);
    *out = (struct sim_result){.is_failed = sim->is_failed,
                               .check = sim->check,
                               .hash = sim->hash,
                               .events = sim->stats.events,
                               .faults = sim->stats.faults,
                               .transitions = sim->stats.transitions,
                               .runs = sim->stats.runs,
                               .virtual_ms = sim->now - SIM_START,
                               .quarantines = sim->is_expecting_quarantine};
    memcpy(out->problem, sim->problem, sizeof(out->problem));
    sim_profile_amounts(&sim->profile, out->amounts);
    if (sim->is_failed && options->story) {
        story_tell(sim, options->story);
    }
    world_free(sim);
    free(sim);
}
