/*
 * Transitions per second that store_commit does on one connection to a real
 * PostgreSQL, beside nothing else:
 *
 *     store_bench CONNINFO [BATCH [SECONDS [RUNS]]]
 *
 * Each transition updates one execution (state of about 700 bytes), adds one
 * history row (600) and two outputs (400 each). The database must be migrated;
 * shard 9000 of it is used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store_pg/store_pg.h"
#include "store_pg/store_pg_migrate.h"

#define SHARD 9000

struct bench {
    struct store store;
    struct odk_arena arena;
    struct odk_err err;
    struct store_shard_move move;
    size_t batch;
    size_t n_runs;
    struct store_execution_write *runs;
    struct store_execution_write *executions;
    struct store_history_write *histories;
    struct store_output_write *outputs;
    size_t next_run;
};

static void
check(struct bench *b, int rc, const char *what)
{
    if (rc != 0) {
        (void)fprintf(stderr, "%s: %s: %s\n", what, odk_err_name(rc),
                      b->err.message);
        exit(1);
    }
}

static int64_t
now_us(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct odk_str
filler(struct odk_arena *arena, size_t bytes, uint64_t seed)
{
    struct odk_rand rand;
    char *text = odk_arena_alloc(arena, bytes);

    odk_rand_init(&rand, seed);
    for (size_t i = 0; i < bytes; i++) {
        text[i] = (char)('a' + odk_rand_below(&rand, 26));
    }
    return odk_str_n(text, bytes);
}

static void
commit(struct bench *b, struct store_batch *batch)
{
    batch->wall = now_us(CLOCK_REALTIME) / 1000;
    batch->shards = &b->move;
    batch->n_shards = 1;
    check(b, store_commit(&b->store, batch, &b->err), "commit");
    b->move.batch_expected++;
    b->move.published_from = b->move.published;
}

static void
start_runs(struct bench *b)
{
    odk_time_ms now = now_us(CLOCK_REALTIME) / 1000;

    for (size_t i = 0; i < b->n_runs; i++) {
        char key[60];
        (void)snprintf(key, sizeof(key), "bench/%lld-%zu", (long long)now, i);
        struct odk_str text = odk_arena_str(&b->arena, odk_str(key));
        b->runs[i] = (struct store_execution_write){
            .shard = SHARD,
            .is_new = true,
            .run_id = odk_uuid_v7(now + (odk_time_ms)i, i, odk_mix64(i)),
            .namespace_ = ODK_STR("bench"),
            .workflow_id = odk_str_from(text, 6),
            .workflow_key = text,
            .definition = ODK_STR("order"),
            .definition_version = 1,
            .status = 1,
            .is_status_changed = true,
            .version = 1,
            .started_at = now,
            .state = filler(&b->arena, 700, i),
        };
    }
    int64_t began = now_us(CLOCK_MONOTONIC);
    for (size_t i = 0; i < b->n_runs; i += b->batch) {
        size_t n = b->n_runs - i < b->batch ? b->n_runs - i : b->batch;
        struct store_batch batch = {.executions = b->runs + i,
                                    .n_executions = n};
        commit(b, &batch);
    }
    int64_t us = now_us(CLOCK_MONOTONIC) - began;
    (void)printf("starts alone: %.0f/s\n",
                 (double)b->n_runs * 1e6 / (double)us);
    for (size_t i = 0; i < b->n_runs; i++) {
        b->runs[i].is_new = false;
        b->runs[i].is_status_changed = false;
    }
}

static void
step(struct bench *b, odk_time_ms now)
{
    static const char *const topics[] = {"odradek.history",
                                         "odradek.tasks.payments"};

    for (size_t i = 0; i < b->batch; i++) {
        struct store_execution_write *run = &b->runs[b->next_run++ % b->n_runs];
        run->version++;
        b->executions[i] = *run;
        b->histories[i].run_id = run->run_id;
        b->histories[i].version = run->version;
        b->histories[i].at = now;
        for (size_t k = 0; k < 2; k++) {
            struct store_output *output = &b->outputs[2 * i + k].output;
            output->seq = ++b->move.outbox_seq;
            output->topic = odk_str(topics[k]);
            output->key = run->workflow_key;
        }
    }
    struct store_batch batch = {
        .executions = b->executions,
        .n_executions = b->batch,
        .histories = b->histories,
        .n_histories = b->batch,
        .outputs = b->outputs,
        .n_outputs = 2 * b->batch,
    };
    /* What the last but one batch wrote is acknowledged by now. */
    if (b->move.outbox_seq > 4 * b->batch + b->move.published) {
        b->move.published = b->move.outbox_seq - 4 * b->batch;
    }
    b->move.clock = now;
    commit(b, &batch);
}

static void
run(struct bench *b, int seconds)
{
    int64_t began = now_us(CLOCK_MONOTONIC);
    int64_t cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
    int64_t last = began;
    size_t n = 0;

    for (int second = 0; second < seconds; second++) {
        size_t in_second = 0;
        while (now_us(CLOCK_MONOTONIC) - last < 1000000) {
            step(b, now_us(CLOCK_REALTIME) / 1000);
            in_second += b->batch;
        }
        last += 1000000;
        n += in_second;
        (void)printf("%zu/s\n", in_second);
    }
    double us = (double)(now_us(CLOCK_MONOTONIC) - began);
    cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    (void)printf("batch %zu: %.0f transitions/s, our CPU %.2f us each\n",
                 b->batch, (double)n * 1e6 / us, (double)cpu / (double)n);
}

static void
set_up(struct bench *b, const char *conninfo)
{
    const struct store_pg_options options = {.conninfo = conninfo,
                                             .application_name = "bench"};
    struct store_shard row;
    struct odk_rand rand;

    check(b, store_pg_open(&options, &b->store, &b->err), "open");
    odk_arena_init(&b->arena, 0);
    odk_rand_init(&rand, (uint64_t)now_us(CLOCK_REALTIME));
    int64_t fence = (int64_t)(odk_rand_u64(&rand) >> 1) | 1;
    check(b,
          store_acquire(&b->store, SHARD, fence, ODK_STR("bench"), &b->arena,
                        &row, &b->err),
          "acquire");
    b->move = (struct store_shard_move){.shard = SHARD,
                                        .fence = fence,
                                        .batch_expected = row.batch,
                                        .outbox_seq = row.outbox_seq,
                                        .published = row.published,
                                        .published_from = row.published};
    b->runs = calloc(b->n_runs, sizeof(*b->runs));
    b->executions = calloc(b->batch, sizeof(*b->executions));
    b->histories = calloc(b->batch, sizeof(*b->histories));
    b->outputs = calloc(2 * b->batch, sizeof(*b->outputs));
    for (size_t i = 0; i < b->batch; i++) {
        b->histories[i].shard = SHARD;
        b->histories[i].entries = filler(&b->arena, 600, i);
    }
    for (size_t i = 0; i < 2 * b->batch; i++) {
        b->outputs[i].shard = SHARD;
        b->outputs[i].output.value = filler(&b->arena, 400, i);
    }
}

static size_t
number(int argc, char **argv, int index, size_t fallback)
{
    int64_t value = 0;

    if (index < argc && odk_str_to_i64(odk_str(argv[index]), &value) &&
        value > 0) {
        return (size_t)value;
    }
    return fallback;
}

int
main(int argc, char **argv)
{
    struct bench b = {
        .batch = number(argc, argv, 2, 300),
        .n_runs = number(argc, argv, 4, 20000),
    };

    if (argc < 2) {
        (void)fprintf(stderr,
                      "store_bench CONNINFO [BATCH [SECONDS [RUNS]]]\n");
        return 2;
    }
    check(&b, store_pg_migrate(argv[1], NULL, NULL, NULL, &b.err), "migrate");
    set_up(&b, argv[1]);
    start_runs(&b);
    run(&b, (int)number(argc, argv, 3, 10));
    store_close(&b.store);
    odk_arena_release(&b.arena);
    free(b.runs);
    free(b.executions);
    free(b.histories);
    free(b.outputs);
    return 0;
}
