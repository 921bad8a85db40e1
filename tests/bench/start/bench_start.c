/*
 * bench_start [--seconds S] [--in-flight N,N…] [--definition NAME]
 *             [--activities N] [--watch NAME=PID,PID…]… [--json]
 *
 * One-activity workflows in a closed loop, from the StartWorkflow record to the
 * reply that says that it has closed; the worker runs in this process. For each
 * number in flight a line: throughput, latencies, and what the watched
 * processes have spent: CPU µs a transition (a workflow of n activities is
 * n + 1) and resident memory.
 */

#include <odradek.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUEUE         "bench"
#define LEVELS_MAX    16
#define WATCHED_MAX   8
#define PIDS_MAX      64
#define WHY_MAX       512
#define SAMPLES_MAX   4000000
#define WARM_UP_US    INT64_C(1500000)
#define ANSWER_MS_MAX 30000
#define LINE_MAX      1024

/** A program that is looked at: one or many processes. */
struct watched {
    char name[32];
    long pids[PIDS_MAX];
    size_t n_pids;
};

struct bench {
    struct odradek_client *client;
    const char *definition;
    long activities;
    int64_t seconds;
    long levels[LEVELS_MAX];
    size_t n_levels;
    struct watched watched[WATCHED_MAX];
    size_t n_watched;
    bool is_json;
    uint64_t next;
    char run[16];      /**< makes workflow ids new */
    uint32_t *samples; /**< latencies in µs */
    size_t n_samples;
    uint64_t n_failed;
};

/** When a call was submitted: its tag. */
struct stamp {
    int64_t at_us;
};

static int64_t
now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int
complain(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_start: %s: %s\n", what, why);
    return 1;
}

static void
do_nothing(struct odradek_task *task, void *ctx)
{
    (void)ctx;
    (void)odradek_task_succeed(task, "1", 1);
}

static void *
worker_main(void *arg)
{
    char why[WHY_MAX] = "";

    if (odradek_worker_run(arg, why, sizeof(why)) != 0) {
        (void)complain("worker", why);
    }
    return NULL;
}

/* --------------------------------------------------------------- processes */

/** CPU of a process in µs; 0 if it is gone. */
static uint64_t
cpu_us(long pid)
{
    char path[64];
    char line[LINE_MAX] = "";
    uint64_t ticks = 0;

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");

    if (!file) {
        return 0;
    }
    if (!fgets(line, sizeof(line), file)) {
        line[0] = '\0';
    }
    (void)fclose(file);
    /* Fields 14 and 15; the name, which may hold blanks, ends with ')'. */
    const char *at = strrchr(line, ')');

    for (int field = 3; at && field <= 15; field++) {
        at = strchr(at + 1, ' ');
        if (at && field >= 14) {
            ticks += strtoull(at + 1, NULL, 10);
        }
    }
    return ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint64_t
watched_cpu_us(const struct watched *watched)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < watched->n_pids; i++) {
        sum += cpu_us(watched->pids[i]);
    }
    return sum;
}

/** Resident memory of the first process, in KiB. */
static uint64_t
watched_rss_kib(const struct watched *watched)
{
    char path[64];
    char line[LINE_MAX];
    uint64_t kib = 0;

    (void)snprintf(path, sizeof(path), "/proc/%ld/status", watched->pids[0]);
    FILE *file = fopen(path, "re");

    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtoull(line + 6, NULL, 10);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return kib;
}

/* ------------------------------------------------------------------- loads */

static int
submit(struct bench *bench)
{
    char id[64];
    char why[WHY_MAX] = "";

    (void)snprintf(id, sizeof(id), "bench-%s-%llu", bench->run,
                   (unsigned long long)bench->next++);
    struct odradek_call *call = odradek_start_new(id, bench->definition);
    struct stamp *stamp = malloc(sizeof(*stamp));

    if (!call || !stamp) {
        free(stamp);
        odradek_call_free(call);
        return complain("submit", "out of memory");
    }
    (void)odradek_call_set_input(call, "{\"n\":1}", 7);
    odradek_call_set_tag(call, stamp);
    stamp->at_us = now_us();
    if (odradek_client_submit(bench->client, &call, why, sizeof(why)) != 0) {
        free(stamp);
        odradek_call_free(call);
        return complain("submit", why);
    }
    return 0;
}

/** Takes a finished call; counts it if it ended after `from`. */
static void
collect(struct bench *bench, struct odradek_call *call, int64_t from)
{
    struct stamp *stamp = odradek_call_tag(call);
    const char *status = odradek_call_status(call);
    int64_t now = now_us();

    if (!status || strcmp(status, "SUCCEEDED") != 0) {
        if (bench->n_failed++ == 0) {
            const char *message = odradek_call_message(call);
            const char *error = odradek_call_error(call);

            (void)complain(odradek_call_workflow_id(call),
                           message ? message : (error ? error : "no answer"));
        }
    } else if (now >= from && bench->n_samples < SAMPLES_MAX) {
        bench->samples[bench->n_samples++] = (uint32_t)(now - stamp->at_us);
    }
    free(stamp);
    odradek_call_free(call);
}

static int
compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double
quantile_ms(const struct bench *bench, double q)
{
    size_t at = (size_t)((double)bench->n_samples * q);

    if (bench->n_samples == 0) {
        return 0;
    }
    at = at < bench->n_samples ? at : bench->n_samples - 1;
    return bench->samples[at] / 1000.0;
}

static void
print_head(const struct bench *bench)
{
    if (bench->is_json) {
        return;
    }
    (void)printf("%9s %11s %9s %9s %9s", "in flight", "workflows/s", "p50 ms",
                 "p99 ms", "max ms");
    for (size_t i = 0; i < bench->n_watched; i++) {
        (void)printf(" %11.11s", bench->watched[i].name);
    }
    if (bench->n_watched > 0) {
        (void)printf("   (CPU µs a transition; then RSS of the first)");
    }
    (void)printf("\n");
}

static void
print_level(const struct bench *bench, long level, double seconds,
            const uint64_t *spent_us)
{
    double done = (double)bench->n_samples;
    double transitions = done * (double)(bench->activities + 1);

    (void)printf(bench->is_json
                     ? "{\"in_flight\":%ld,\"per_second\":%.0f,\"p50_ms\":%.2f,"
                       "\"p99_ms\":%.2f,\"max_ms\":%.2f"
                     : "%9ld %11.0f %9.2f %9.2f %9.2f",
                 level, done / seconds, quantile_ms(bench, 0.5),
                 quantile_ms(bench, 0.99), quantile_ms(bench, 1));
    for (size_t i = 0; i < bench->n_watched; i++) {
        double us = done > 0 ? (double)spent_us[i] / transitions : 0;

        if (bench->is_json) {
            (void)printf(
                ",\"%s_cpu_us\":%.1f,\"%s_rss_kib\":%llu",
                bench->watched[i].name, us, bench->watched[i].name,
                (unsigned long long)watched_rss_kib(&bench->watched[i]));
        } else {
            (void)printf(" %11.1f", us);
        }
    }
    if (!bench->is_json && bench->n_watched > 0) {
        (void)printf("   %.1f MiB",
                     (double)watched_rss_kib(&bench->watched[0]) / 1024);
    }
    (void)printf(bench->is_json ? "}\n" : "\n");
    (void)fflush(stdout);
}

static void
spent(const struct bench *bench, uint64_t *out)
{
    for (size_t i = 0; i < bench->n_watched; i++) {
        out[i] = watched_cpu_us(&bench->watched[i]);
    }
}

/** Keeps `level` in flight until the time; then lets all end. */
static int
run_level(struct bench *bench, long level)
{
    uint64_t before[WATCHED_MAX] = {0};
    uint64_t after[WATCHED_MAX] = {0};
    int64_t from = now_us() + WARM_UP_US;
    int64_t until = from + bench->seconds * 1000000;
    bool is_warm = false;
    struct odradek_call *call;

    bench->n_samples = 0;
    for (long i = 0; i < level; i++) {
        if (submit(bench) != 0) {
            return 1;
        }
    }
    while (now_us() < until) {
        call = odradek_client_poll(bench->client, ANSWER_MS_MAX);
        if (!call) {
            return complain("no answer", "is odradek serve running?");
        }
        if (!is_warm && now_us() >= from) {
            is_warm = true;
            spent(bench, before);
        }
        collect(bench, call, from);
        if (bench->n_failed > 100 || submit(bench) != 0) {
            return 1;
        }
    }
    spent(bench, after);
    double seconds = (double)(now_us() - from) / 1e6;

    while ((call = odradek_client_poll(bench->client, ANSWER_MS_MAX))) {
        collect(bench, call, INT64_MAX);
    }
    for (size_t i = 0; i < bench->n_watched && is_warm; i++) {
        after[i] -= before[i];
    }
    qsort(bench->samples, bench->n_samples, sizeof(bench->samples[0]), compare);
    print_level(bench, level, seconds, after);
    return odradek_client_in_flight(bench->client) == 0 ? 0 : 1;
}

static int
run_levels(struct bench *bench, const struct odradek_config *config)
{
    char why[WHY_MAX] = "";
    int ret = odradek_client_open(config, &bench->client, why, sizeof(why));

    if (ret != 0) {
        return complain("client", why);
    }
    /* The worker joins its group meanwhile. */
    if (submit(bench) == 0) {
        struct odradek_call *call =
            odradek_client_poll(bench->client, ANSWER_MS_MAX);

        ret = call ? 0 : complain("no answer", "is odradek serve running?");
        if (call) {
            collect(bench, call, INT64_MAX);
        }
    }
    print_head(bench);
    for (size_t i = 0; ret == 0 && i < bench->n_levels; i++) {
        ret = run_level(bench, bench->levels[i]);
    }
    odradek_client_close(bench->client);
    if (bench->n_failed > 0) {
        (void)fprintf(stderr, "bench_start: %llu failed\n",
                      (unsigned long long)bench->n_failed);
    }
    return ret == 0 && bench->n_failed == 0 ? 0 : 1;
}

static int
run(struct bench *bench, const struct odradek_config *config)
{
    struct odradek_worker *worker;
    char why[WHY_MAX] = "";
    pthread_t thread;

    if (odradek_worker_new(config, &worker, why, sizeof(why)) != 0) {
        return complain("worker", why);
    }
    (void)odradek_worker_register(worker, QUEUE, "*", do_nothing, NULL);
    if (pthread_create(&thread, NULL, worker_main, worker) != 0) {
        odradek_worker_free(worker);
        return complain("worker", "no thread");
    }
    int ret = run_levels(bench, config);

    odradek_worker_stop(worker);
    (void)pthread_join(thread, NULL);
    odradek_worker_free(worker);
    return ret;
}

/* -------------------------------------------------------------- arguments */

/** Numbers with commas between; their count. */
static size_t
read_numbers(const char *text, long *out, size_t max)
{
    size_t n = 0;

    while (text && *text && n < max) {
        char *end;

        out[n] = strtol(text, &end, 10);
        if (end == text || out[n] <= 0) {
            return 0;
        }
        n++;
        text = *end == ',' ? end + 1 : NULL;
    }
    return n;
}

static bool
read_watched(struct bench *bench, const char *text)
{
    const char *equals = strchr(text, '=');
    struct watched *watched = &bench->watched[bench->n_watched];

    if (!equals || bench->n_watched == WATCHED_MAX ||
        (size_t)(equals - text) >= sizeof(watched->name)) {
        return false;
    }
    memcpy(watched->name, text, (size_t)(equals - text));
    watched->n_pids = read_numbers(equals + 1, watched->pids, PIDS_MAX);
    bench->n_watched++;
    return watched->n_pids > 0;
}

static bool
read_option(struct bench *bench, const char *name, const char *value)
{
    if (strcmp(name, "--seconds") == 0) {
        bench->seconds = strtol(value, NULL, 10);
        return bench->seconds > 0 && bench->seconds <= 3600;
    }
    if (strcmp(name, "--in-flight") == 0) {
        bench->n_levels = read_numbers(value, bench->levels, LEVELS_MAX);
        return bench->n_levels > 0;
    }
    if (strcmp(name, "--definition") == 0) {
        bench->definition = value;
        return true;
    }
    if (strcmp(name, "--activities") == 0) {
        bench->activities = strtol(value, NULL, 10);
        return bench->activities > 0;
    }
    return strcmp(name, "--watch") == 0 && read_watched(bench, value);
}

int
main(int argc, char **argv)
{
    const char *kafka = getenv("ODRADEK_KAFKA"); /* NOLINT(concurrency-*) */
    struct bench bench = {.definition = "bench",
                          .activities = 1,
                          .seconds = 5,
                          .levels = {1, 16, 64, 256},
                          .n_levels = 4};
    struct odradek_config *config = odradek_config_new();
    char why[WHY_MAX] = "";
    int ret = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            bench.is_json = true;
        } else if (i + 1 == argc ||
                   !read_option(&bench, argv[i], argv[i + 1])) {
            odradek_config_free(config);
            return complain(argv[i], "see the head of bench_start.c") + 1;
        } else {
            i++;
        }
    }
    (void)snprintf(bench.run, sizeof(bench.run), "%llx",
                   (unsigned long long)time(NULL));
    bench.samples = malloc(SAMPLES_MAX * sizeof(bench.samples[0]));
    if (!kafka || !bench.samples || !config) {
        ret = complain("ODRADEK_KAFKA", "is not set");
    } else if (odradek_config_set(config, "bootstrap", kafka, why,
                                  sizeof(why)) ||
               odradek_config_set(config, "concurrency", "0", NULL, 0)) {
        ret = complain("config", why);
    } else {
        ret = run(&bench, config);
    }
    free(bench.samples);
    odradek_config_free(config);
    return ret;
}
