/*
 * A worker and a client for fake_orchestrator.py.
 *
 *     sdk_peer worker BOOTSTRAP QUEUE CONCURRENCY    until SIGTERM
 *     sdk_peer client BOOTSTRAP COUNT IN_FLIGHT      starts workflows
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sdk/odradek.h"

/* The signal handler reaches nothing else. */
static struct odradek_worker *the_worker; /* NOLINT(*-global-variables) */

static void
on_signal(int number)
{
    (void)number;
    /* odradek.h allows it here. NOLINTNEXTLINE(bugprone-signal-handler) */
    odradek_worker_stop(the_worker);
}

static void
sleep_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000,
                                   .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&pause, NULL);
}

static void
say(const struct odradek_task *task, const char *what)
{
    (void)printf("%s %s %s\n", what, odradek_task_type(task),
                 odradek_task_idempotency_key(task));
    (void)fflush(stdout);
}

static void
do_echo(struct odradek_task *task, void *ctx)
{
    size_t size;
    const void *input = odradek_task_input(task, &size);

    (void)ctx;
    say(task, "did");
    (void)odradek_task_succeed(task, input, size);
}

static void
do_fail(struct odradek_task *task, void *ctx)
{
    (void)ctx;
    (void)odradek_task_fail(task, "Shop.Refused", "no \"money\"",
                            ODRADEK_EFFECT_UNKNOWN);
}

static void
do_nothing(struct odradek_task *task, void *ctx)
{
    (void)task;
    (void)ctx;
}

static void
do_leave(struct odradek_task *task, void *ctx)
{
    (void)ctx;
    say(task, "left");
    (void)odradek_task_leave(task);
}

/** Works for as many milliseconds as the input says, with heartbeats. */
static void
do_sleep(struct odradek_task *task, void *ctx)
{
    long ms = strtol(odradek_task_input(task, NULL), NULL, 10);

    (void)ctx;
    say(task, "began");
    for (long at = 0; at < ms && !odradek_task_is_cancelled(task); at += 20) {
        (void)odradek_task_heartbeat(task, "half", 4);
        sleep_ms(20);
    }
    say(task, odradek_task_is_cancelled(task) ? "cancelled" : "did");
    if (odradek_task_is_cancelled(task)) {
        (void)odradek_task_fail(task, "Cancelled", NULL, ODRADEK_EFFECT_NONE);
    } else {
        (void)odradek_task_succeed(task, NULL, 0);
    }
}

static int
complain(const char *why)
{
    (void)fprintf(stderr, "sdk_peer: %s\n", why);
    return 1;
}

static int
work(struct odradek_config *config, const char *queue)
{
    char why[512] = "";

    if (odradek_worker_new(config, &the_worker, why, sizeof(why)) != 0 ||
        odradek_worker_register(the_worker, queue, "echo", do_echo, NULL) ||
        odradek_worker_register(the_worker, queue, "fail", do_fail, NULL) ||
        odradek_worker_register(the_worker, queue, "none", do_nothing, NULL) ||
        odradek_worker_register(the_worker, queue, "leave", do_leave, NULL) ||
        odradek_worker_register(the_worker, queue, "sleep", do_sleep, NULL)) {
        return complain(why);
    }
    (void)signal(SIGTERM, on_signal);
    int ret = odradek_worker_run(the_worker, why, sizeof(why));

    odradek_worker_free(the_worker);
    return ret == 0 ? 0 : complain(why);
}

/** Submits until in_flight are, or none is left. */
static int
fill(struct odradek_client *client, long *next, long count, long in_flight)
{
    char id[32];
    char why[512] = "";

    while (*next < count &&
           odradek_client_in_flight(client) < (size_t)in_flight) {
        (void)snprintf(id, sizeof(id), "flow-%ld", (*next)++);
        struct odradek_call *call = odradek_start_new(id, "echo");

        (void)odradek_call_set_input(call, id, strlen(id));
        if (odradek_client_submit(client, &call, why, sizeof(why)) != 0) {
            odradek_call_free(call);
            return complain(why);
        }
    }
    return 0;
}

static int
ask(struct odradek_config *config, long count, long in_flight)
{
    struct odradek_client *client;
    struct odradek_call *call;
    char why[512] = "";
    long next = 0;
    long n_closed = 0;
    long n_rejected = 0;

    if (odradek_client_open(config, &client, why, sizeof(why)) != 0) {
        return complain(why);
    }
    int ret = fill(client, &next, count, in_flight);

    while (ret == 0 && (call = odradek_client_poll(client, 20000)) != NULL) {
        const char *output = odradek_call_output(call, NULL);

        n_rejected += odradek_call_state(call) == ODRADEK_CALL_REJECTED;
        n_closed +=
            output && strcmp(output, odradek_call_workflow_id(call)) == 0;
        odradek_call_free(call);
        ret = fill(client, &next, count, in_flight);
    }
    call = odradek_signal_new("flow-0", "hello");
    if (ret == 0) {
        ret = odradek_client_run(client, call, 20000, why, sizeof(why));
    }
    (void)printf("closed %ld rejected %ld signal %d %s\n", n_closed, n_rejected,
                 (int)odradek_call_state(call), why);
    odradek_call_free(call);
    odradek_client_close(client);
    return ret == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
    char why[512] = "";

    if (argc != 5) {
        return complain("see the head of sdk_peer.c");
    }
    struct odradek_config *config = odradek_config_new();
    const char *instance = getenv("SDK_PEER_INSTANCE"); /* NOLINT */
    bool is_worker = strcmp(argv[1], "worker") == 0;
    int ret;

    if (instance) {
        (void)odradek_config_set(config, "instance", instance, NULL, 0);
    }

    if (odradek_config_set(config, "bootstrap", argv[2], why, sizeof(why)) ||
        (is_worker && odradek_config_set(config, "concurrency", argv[4], why,
                                         sizeof(why)))) {
        ret = complain(why);
    } else if (is_worker) {
        ret = work(config, argv[3]);
    } else {
        ret = ask(config, strtol(argv[3], NULL, 10), strtol(argv[4], NULL, 10));
    }
    odradek_config_free(config);
    return ret;
}
