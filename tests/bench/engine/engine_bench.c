/*
 * What one transition of a one-activity workflow costs in the engine: step,
 * entries, state text, chain hash; in memory, and loaded from its text before
 * each step. Prints nanoseconds per transition.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "asl/asl.h"
#include "engine/engine.h"
#include "json/json.h"

static int64_t
now_ns(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static void
check(int rc, const struct odk_err *err)
{
    if (rc != 0) {
        (void)fprintf(stderr, "engine_bench: %s\n", err->message);
        exit(1);
    }
}

struct bench {
    struct asl_machine *machine;
    json_t *input;
    json_t *output;
    struct odk_buf state;
    bool is_cold;
    size_t state_bytes;
    size_t entries_bytes;
};

/* One workflow: two transitions. */
static void
run_one(struct bench *bench, uint64_t n)
{
    struct engine_start start = {
        .namespace_ = ODK_STR("default"),
        .workflow_id = ODK_STR("order-12345678"),
        .run_id = odk_uuid_v7((odk_time_ms)n, n, n),
        .definition = ODK_STR("order"),
        .definition_version = 3,
        .machine = bench->machine,
        .input = bench->input,
        .reply = {.topic = ODK_STR("odradek.replies.default"),
                  .partition = 3,
                  .correlation_id = ODK_STR("0123456789abcdef")},
    };
    struct engine_input input = {
        .kind = ENGINE_INPUT_START, .now = 1767225600000, .seq_next = n};
    struct engine_update update;
    struct engine *engine = NULL;
    struct odk_err err = {0};

    check(engine_new(&start, &engine, &err), &err);
    check(engine_step(engine, &input, &update, &err), &err);
    input = (struct engine_input){.kind = ENGINE_INPUT_TASK_SUCCEEDED,
                                  .now = 1767225600010,
                                  .seq_next = n + 1,
                                  .activity_id = update.outputs[0].activity_id,
                                  .attempt = 1,
                                  .token_seq = n,
                                  .payload = bench->output};
    odk_buf_clear(&bench->state);
    engine_save(engine, &bench->state);
    bench->state_bytes = bench->state.len;
    bench->entries_bytes = update.entries.len;
    if (bench->is_cold) {
        engine_free(engine);
        check(engine_load(odk_buf_str(&bench->state), bench->machine, &engine,
                          &err),
              &err);
    }
    check(engine_step(engine, &input, &update, &err), &err);
    odk_buf_clear(&bench->state);
    engine_save(engine, &bench->state);
    engine_free(engine);
}

static void
measure(struct bench *bench, const char *name, int rounds)
{
    int64_t best = INT64_MAX;

    for (int r = 0; r < 5; r++) {
        int64_t from = now_ns();
        for (int i = 0; i < rounds; i++) {
            run_one(bench, (uint64_t)i + 1);
        }
        int64_t spent = (now_ns() - from) / (2 * (int64_t)rounds);
        best = spent < best ? spent : best;
    }
    (void)printf("%-28s %6lld ns per transition, %lld/s, state %zu bytes, "
                 "entries %zu bytes\n",
                 name, (long long)best, (long long)(1000000000 / best),
                 bench->state_bytes, bench->entries_bytes);
}

int
main(int argc, char **argv)
{
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20000;
    struct asl_problems problems;
    struct bench bench = {0};
    struct odk_err err = {0};

    asl_problems_init(&problems);
    check(asl_compile_text(
              ODK_STR("{\"StartAt\":\"Charge\",\"States\":{\"Charge\":{"
                      "\"Type\":\"Task\",\"Resource\":"
                      "\"odradek:payments:charge\",\"End\":true}}}"),
              &(struct asl_options){0}, &bench.machine, &problems),
          &err);
    asl_problems_release(&problems);
    bench.input = json_parse(
        ODK_STR("{\"id\":\"order-12345678\",\"total\":129.9,\"items\":[{"
                "\"sku\":\"A-1\",\"n\":2},{\"sku\":\"B-7\",\"n\":1}]}"),
        &err);
    bench.output =
        json_parse(ODK_STR("{\"charge\":{\"id\":\"ch_1\",\"ok\":true}}"), &err);
    odk_buf_init(&bench.state, 0);
    measure(&bench, "one activity, in memory", rounds);
    bench.is_cold = true;
    measure(&bench, "one activity, loaded", rounds);
    json_decref(bench.input);
    json_decref(bench.output);
    odk_buf_release(&bench.state);
    asl_free(bench.machine);
    return 0;
}
