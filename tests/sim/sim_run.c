/*
 * Runs seeds of the simulator (src/sim): one, a range, a list kept in a file,
 * or fresh ones until a budget is used up. A failing seed is told as a story:
 * its last events, what broke, and how to repeat it.
 *
 * Seeds run in a child process, so that a failed assertion is told like any
 * other failure: the seed is run again with its trace, of which the end is
 * printed.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "sim/sim.h"
#include "tests/sim/sim_mutants.h"

#define STORY_LINES 80
#define LINE_BYTES  400
#define SEEDS_MAX   4096
/* A mistake at a port is caught within so many. */
#define PORT_MUTANT_SEEDS 40

struct totals {
    uint64_t seed;    /**< being run */
    uint64_t n_seeds; /**< done */
    uint64_t events;
    uint64_t faults;
    uint64_t transitions;
    uint64_t runs;
    uint64_t virtual_ms;
    uint64_t quarantines;
    bool is_failed;
    enum sim_check check; /**< that failed */
    uint64_t n_failed;    /**< of a soak */
    volatile sig_atomic_t is_stopping;
    int64_t amounts[SIM_AMOUNT_COUNT];
};

struct args {
    const char *program;
    uint64_t seeds[SEEDS_MAX]; /**< of --seed and --file */
    size_t n_seeds;
    uint64_t first; /**< of --seeds */
    uint64_t last;
    bool has_range;
    long budget_s; /**< 0: none */
    bool is_traced;
    bool is_twice; /**< each seed again: the hashes must be equal */
    bool is_loud;
    bool is_caught; /**< success is a seed that fails */
    enum sim_mutant mutant;
    int64_t at_most[SIM_AMOUNT_COUNT];
    const char *failed_path; /**< where --soak keeps what failed */
    bool is_soaking;
    bool is_telling; /**< the story of a mutant, too */
};

static double
seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- one seed ---- */

static bool
has_mutant(const struct args *args)
{
    return args->mutant || sim_code_mutant;
}

static const char *
mutant_name(const struct args *args)
{
    return sim_code_mutant ? sim_code_mutants[sim_code_mutant - 1].name
                           : sim_mutant_name(args->mutant);
}

static void
failure_print(const struct args *args, uint64_t seed, const char *checker,
              const char *problem)
{
    char at_most[400] = "";
    size_t len = 0;

    for (int i = 0; i < SIM_AMOUNT_COUNT; i++) {
        if (args->at_most[i] >= 0) {
            len += (size_t)snprintf(at_most + len, sizeof(at_most) - len,
                                    " --at-most %s=%lld",
                                    sim_amount_name((enum sim_amount)i),
                                    (long long)args->at_most[i]);
        }
    }
    (void)fprintf(
        stderr, "seed %llu: %s: %s\nrepeat: %s --seed %llu%s%s%s --trace\n",
        (unsigned long long)seed, checker, problem, args->program,
        (unsigned long long)seed, has_mutant(args) ? " --mutant " : "",
        has_mutant(args) ? mutant_name(args) : "", at_most);
}

static bool
seed_run(const struct args *args, uint64_t seed, struct totals *totals)
{
    struct sim_options options = {
        .seed = seed,
        .mutant = args->mutant,
        .trace = args->is_traced ? stdout : NULL,
        .story = args->is_traced || args->is_soaking ||
                         (has_mutant(args) && !args->is_telling)
                     ? NULL
                     : stderr};
    struct sim_result result;

    memcpy(options.at_most, args->at_most, sizeof(options.at_most));
    totals->seed = seed;
    sim_run(&options, &result);
    if (!result.is_failed && args->is_twice) {
        struct sim_result again;
        options.trace = NULL;
        sim_run(&options, &again);
        if (again.hash != result.hash) {
            result.is_failed = true;
            (void)snprintf(result.problem, sizeof(result.problem),
                           "the same seed gave another trace");
        }
    }
    totals->n_seeds++;
    totals->events += result.events;
    totals->faults += result.faults;
    totals->transitions += result.transitions;
    totals->runs += result.runs;
    totals->virtual_ms += (uint64_t)result.virtual_ms;
    totals->quarantines += result.quarantines;
    totals->is_failed = result.is_failed;
    totals->check = result.check;
    memcpy(totals->amounts, result.amounts, sizeof(totals->amounts));
    if (args->is_loud || args->is_traced) {
        (void)printf("seed %llu: hash %016llx, %llu events, %llu faults, %llu "
                     "transitions, %lld s\n",
                     (unsigned long long)seed, (unsigned long long)result.hash,
                     (unsigned long long)result.events,
                     (unsigned long long)result.faults,
                     (unsigned long long)result.transitions,
                     (long long)result.virtual_ms / 1000);
    }
    if (result.is_failed) {
        (void)fflush(stdout);
        failure_print(args, seed, sim_check_name(result.check), result.problem);
    }
    return !result.is_failed;
}

static void
seeds_run(const struct args *args, struct totals *totals)
{
    double end = seconds() + (double)args->budget_s;
    bool is_good = true;

    for (size_t i = 0; is_good && i < args->n_seeds; i++) {
        is_good = seed_run(args, args->seeds[i], totals);
    }
    for (uint64_t seed = args->first;
         is_good && args->has_range && seed <= args->last; seed++) {
        if (totals->is_stopping || (args->budget_s && seconds() >= end)) {
            break;
        }
        is_good = seed_run(args, seed, totals);
    }
}

/* ---- children ---- */

static int
child_wait(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* The end of what a child that will die again traces. */
static void
story_of_death(const struct args *args, uint64_t seed)
{
    static const struct totals none;
    int ends[2];

    if (pipe(ends) != 0) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        struct args again = *args;
        struct totals totals = none;
        again.is_traced = true;
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        (void)seed_run(&again, seed, &totals);
        _exit(0);
    }
    (void)close(ends[1]);
    char(*lines)[LINE_BYTES] = calloc(STORY_LINES, LINE_BYTES);
    FILE *in = fdopen(ends[0], "r");
    uint64_t n = 0;
    while (lines && in && fgets(lines[n % STORY_LINES], LINE_BYTES, in)) {
        n++;
    }
    for (uint64_t i = n > STORY_LINES ? n - STORY_LINES : 0; i < n; i++) {
        (void)fputs(lines[i % STORY_LINES], stderr);
    }
    if (in) {
        (void)fclose(in);
    }
    free(lines);
    (void)child_wait(child);
}

static void
totals_print(const struct totals *totals, double took)
{
    (void)printf("%llu seeds in %.1f s: %llu events, %llu faults, %llu runs, "
                 "%llu transitions, %llu s of virtual time (%.0f a second), "
                 "%llu last acts\n",
                 (unsigned long long)totals->n_seeds, took,
                 (unsigned long long)totals->events,
                 (unsigned long long)totals->faults,
                 (unsigned long long)totals->runs,
                 (unsigned long long)totals->transitions,
                 (unsigned long long)totals->virtual_ms / 1000,
                 (double)totals->virtual_ms / 1000 / (took > 0 ? took : 1),
                 (unsigned long long)totals->quarantines);
}

static int
run(const struct args *args)
{
    struct totals *totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double started = seconds();

    if (totals == MAP_FAILED) {
        return 1;
    }
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        seeds_run(args, totals);
        return totals->is_failed;
    }
    int status = child_wait(child);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) && !totals->is_failed)) {
        if (!args->is_traced && !has_mutant(args)) {
            story_of_death(args, totals->seed);
        }
        failure_print(args, totals->seed, "assertion", "the process died");
    }
    totals_print(totals, seconds() - started);
    int rc = WIFEXITED(status) ? WEXITSTATUS(status) : 2;
    return args->is_caught ? rc == 0 : rc;
}

/* ---- a failure made small ---- */

static struct totals *
totals_share(void)
{
    struct totals *totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return totals == MAP_FAILED ? NULL : totals;
}

/* Whether a seed fails likewise; one that dies has no checker. */
static bool
fails_alike(const struct args *args, uint64_t seed, int check)
{
    struct totals *totals = totals_share();

    if (!totals) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stdout);
        (void)!freopen("/dev/null", "w", stderr);
        (void)seed_run(args, seed, totals);
        _exit(0);
    }
    int status = child_wait(child);
    bool is_alike = check < 0 ? !WIFEXITED(status)
                              : WIFEXITED(status) && totals->is_failed &&
                                    (int)totals->check == check;
    (void)munmap(totals, sizeof(*totals));
    return is_alike;
}

/* Takes away what the failure does not need: nothing of a thing, then halves.
 */
static void
shrink(struct args *args, uint64_t seed, int check, const int64_t *amounts)
{
    static const bool must_be_one[SIM_AMOUNT_COUNT] = {
        [SIM_AMOUNT_COMMANDS] = true,
        [SIM_AMOUNT_KEYS] = true,
        [SIM_AMOUNT_SECONDS] = true,
        [SIM_AMOUNT_PROCESSES] = true,
        [SIM_AMOUNT_WORKERS] = true};

    for (int i = SIM_AMOUNT_COUNT; i-- > 0;) {
        int64_t low = must_be_one[i];
        int64_t high = amounts[i];
        /* The least first: what fails with little need not fail with more. */
        for (int64_t at = low; low < high; at = low + (high - low) / 2) {
            int64_t before = args->at_most[i];
            args->at_most[i] = at;
            if (fails_alike(args, seed, check)) {
                high = at;
            } else {
                args->at_most[i] = before;
                low = at + 1;
            }
        }
    }
}

static void
shrunk_tell(const struct args *args, uint64_t seed, bool has_died,
            const struct totals *totals)
{
    struct args *small = calloc(1, sizeof(*small));

    if (!small) {
        return;
    }
    *small = *args;
    small->is_twice = small->is_soaking = small->is_loud = false;
    small->is_telling = true;
    shrink(small, seed, has_died ? -1 : (int)totals->check, totals->amounts);
    (void)fprintf(stderr, "---- seed %llu, shrunk ----\n",
                  (unsigned long long)seed);
    if (has_died) {
        story_of_death(small, seed);
        failure_print(small, seed, "assertion", "the process died");
    } else {
        struct totals again = {0};
        (void)seed_run(small, seed, &again);
    }
    free(small);
}

/* ---- soak ---- */

static struct totals *soaking; // NOLINT: a signal handler has no argument

static void
on_stop(int signal)
{
    (void)signal;
    soaking->is_stopping = 1;
}

static void
failed_keep(const struct args *args, uint64_t seed)
{
    FILE *out = fopen(args->failed_path, "a");

    if (!out || fprintf(out, "%llu\n", (unsigned long long)seed) < 0 ||
        fclose(out) != 0) {
        (void)fprintf(stderr, "%s: cannot be written\n", args->failed_path);
    }
}

/* Fresh seeds until SIGINT or SIGTERM; each failure is shrunk, told and kept.
 */
static int
soak(struct args *args)
{
    struct sigaction action = {.sa_handler = on_stop};
    double started = seconds();

    soaking = totals_share();
    if (!soaking) {
        return 1;
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    while (!soaking->is_stopping &&
           (!args->budget_s || seconds() - started < (double)args->budget_s)) {
        (void)fflush(stdout);
        soaking->is_failed = false;
        pid_t child = fork();
        if (child == 0) {
            seeds_run(args, soaking);
            _exit(soaking->is_failed);
        }
        int status = child_wait(child);
        bool has_died = !WIFEXITED(status);
        if (has_died || soaking->is_failed) {
            soaking->n_failed++;
            failed_keep(args, soaking->seed);
            shrunk_tell(args, soaking->seed, has_died, soaking);
        }
        args->first = soaking->seed + 1;
    }
    totals_print(soaking, seconds() - started);
    (void)printf("%llu seeds failed%s%s\n",
                 (unsigned long long)soaking->n_failed,
                 soaking->n_failed ? ": " : "",
                 soaking->n_failed ? args->failed_path : "");
    return soaking->n_failed > 0;
}

/* ---- arguments ---- */

static bool
number(const char *text, uint64_t *out)
{
    return text && odk_str_to_u64(odk_str(text), out);
}

/* One seed a line, then a comment. */
static bool
file_read(struct args *args, const char *path)
{
    char line[LINE_BYTES];
    FILE *in = path ? fopen(path, "r") : NULL;

    if (!in) {
        return false;
    }
    while (fgets(line, sizeof(line), in) && args->n_seeds < SEEDS_MAX) {
        struct odk_str text = odk_str_n(line, strcspn(line, " \t\r\n#"));
        if (text.len && !odk_str_to_u64(text, &args->seeds[args->n_seeds++])) {
            (void)fclose(in);
            return false;
        }
    }
    return fclose(in) == 0;
}

static bool
range_read(struct args *args, const char *text)
{
    const char *dots = text ? strstr(text, "..") : NULL;

    args->has_range = true;
    return dots &&
           odk_str_to_u64(odk_str_n(text, (size_t)(dots - text)),
                          &args->first) &&
           number(dots + 2, &args->last);
}

static bool
mutant_read(struct args *args, const char *name)
{
    for (int i = 0; name && sim_code_mutants[i].name; i++) {
        if (strcmp(sim_code_mutants[i].name, name) == 0) {
            sim_code_mutant = i + 1;
            return true;
        }
    }
    for (int i = 1; name && i < SIM_MUTANT_COUNT; i++) {
        if (strcmp(sim_mutant_name((enum sim_mutant)i), name) == 0) {
            args->mutant = (enum sim_mutant)i;
            return true;
        }
    }
    return false;
}

/* NAME=N, at most so much of it. */
static bool
amount_read(struct args *args, const char *text)
{
    size_t len = strcspn(text, "=");

    for (int i = 0; i < SIM_AMOUNT_COUNT; i++) {
        const char *name = sim_amount_name((enum sim_amount)i);
        if (strlen(name) == len && strncmp(name, text, len) == 0) {
            return text[len] == '=' &&
                   odk_str_to_i64(odk_str(text + len + 1), &args->at_most[i]);
        }
    }
    return false;
}

/* An option with a value. */
static bool
value_read(struct args *args, const char *option, const char *value)
{
    uint64_t n = 0;

    if (strcmp(option, "--seed") == 0) {
        return args->n_seeds < SEEDS_MAX &&
               number(value, &args->seeds[args->n_seeds++]);
    }
    if (strcmp(option, "--seeds") == 0) {
        return range_read(args, value);
    }
    if (strcmp(option, "--file") == 0) {
        return file_read(args, value);
    }
    if (strcmp(option, "--mutant") == 0) {
        return mutant_read(args, value);
    }
    if (strcmp(option, "--at-most") == 0) {
        return amount_read(args, value);
    }
    if (strcmp(option, "--soak") == 0) {
        args->is_soaking = args->is_twice = true;
        args->failed_path = value;
        return true;
    }
    if (strcmp(option, "--budget") == 0 && number(value, &n)) {
        args->budget_s = (long)n;
        return true;
    }
    return false;
}

static bool
args_read(struct args *args, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            args->is_traced = true;
        } else if (strcmp(argv[i], "--twice") == 0) {
            args->is_twice = true;
        } else if (strcmp(argv[i], "--loud") == 0) {
            args->is_loud = true;
        } else if (strcmp(argv[i], "--caught") == 0) {
            args->is_caught = true;
        } else if (i + 1 >= argc || !value_read(args, argv[i], argv[i + 1])) {
            return false;
        } else {
            i++;
        }
    }
    if ((args->budget_s || args->is_soaking) && !args->has_range) {
        args->has_range = true;
        args->first = (uint64_t)time(NULL) * 1000000;
        args->last = UINT64_MAX;
    }
    return args->n_seeds > 0 || args->has_range;
}

static void
mutants_list(void)
{
    for (int i = 1; i < SIM_MUTANT_COUNT; i++) {
        (void)printf("%s %d %s\n", sim_mutant_name((enum sim_mutant)i),
                     PORT_MUTANT_SEEDS, sim_mutant_text((enum sim_mutant)i));
    }
    for (int i = 0; sim_code_mutants[i].name; i++) {
        (void)printf("%s %d %s\n", sim_code_mutants[i].name,
                     sim_code_mutants[i].seeds, sim_code_mutants[i].text);
    }
}

int
main(int argc, char **argv)
{
    static const char usage[] =
        "usage: sim_run [--seed N]… [--seeds A..B] [--file PATH]\n"
        "               [--budget SECONDS] [--mutant NAME]\n"
        "               [--at-most NAME=N]… [--trace] [--twice] [--loud]\n"
        "               [--caught] [--soak FILE]\n"
        "       sim_run --mutants\n";
    struct args *args = calloc(1, sizeof(*args));
    int rc = 2;

    if (!args) {
        return 2;
    }
    args->program = argv[0];
    for (int i = 0; i < SIM_AMOUNT_COUNT; i++) {
        args->at_most[i] = -1;
    }
    if (args_read(args, argc, argv)) {
        rc = args->is_soaking ? soak(args) : run(args);
    } else if (argc == 2 && strcmp(argv[1], "--mutants") == 0) {
        mutants_list();
        rc = 0;
    } else {
        (void)fputs(usage, stderr);
    }
    free(args);
    return rc;
}
