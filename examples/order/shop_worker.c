/*
 * shop_worker QUEUE…: the shop's activities on stock, payments and shipping.
 *
 * A worker with the SDK: for each activity type a function, which asks the
 * ledger (ledger.sql) and answers what that says. Ledger functions are
 * idempotent by the task's key, so a task that comes twice has one effect.
 *
 *   ODRADEK_KAFKA     bootstrap servers
 *   SHOP_POSTGRES     libpq string of the ledger
 *   SHOP_CONCURRENCY  tasks at once (16)
 *   SHOP_INSTANCE     a stable name: restarted soon, it goes on at once
 */

#include <odradek.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#define CONNECTIONS      4
#define RETRY_MS         500
#define RETRIES_MAX      60
#define CONCURRENCY      "16"
#define WHY_MAX          512
#define INPUT_BYTES_MAX  65536
#define NUMBER_BYTES_MAX 16

/** Connections to the ledger; a handler borrows one for a statement. */
struct ledger {
    pthread_mutex_t lock;
    pthread_cond_t is_free;
    PGconn *idle[CONNECTIONS];
    int n_idle;
};

/** An activity: queue, type and the ledger's function for it. */
struct activity {
    const char *queue;
    const char *type;
    const char *sql;
};

#define CALL(name)                                                             \
    "SELECT outcome, pause_ms, error, detail FROM " name "($1, $2::json, $3)"

static const struct activity activities[] = {
    {"stock", "reserve", CALL("shop_reserve")},
    {"stock", "release", CALL("shop_release")},
    {"payments", "charge", CALL("shop_charge")},
    {"payments", "refund", CALL("shop_refund")},
    {"shipping", "ship", CALL("shop_ship")},
};

#define N_ACTIVITIES (sizeof(activities) / sizeof(activities[0]))

/* What handlers get: the ledger, and which activity it is. */
struct job {
    struct ledger *ledger;
    const struct activity *activity;
};

/* The signal handler reaches nothing else. */
static struct odradek_worker *the_worker; /* NOLINT(*-global-variables) */

static void
on_signal(int number)
{
    (void)number;
    /* odradek.h allows it here. NOLINTNEXTLINE(bugprone-signal-handler) */
    odradek_worker_stop(the_worker);
}

static int
ledger_open(struct ledger *ledger, const char *conninfo)
{
    (void)pthread_mutex_init(&ledger->lock, NULL);
    (void)pthread_cond_init(&ledger->is_free, NULL);
    for (int i = 0; i < CONNECTIONS; i++) {
        ledger->idle[i] = PQconnectdb(conninfo);
        ledger->n_idle++;
        if (PQstatus(ledger->idle[i]) != CONNECTION_OK) {
            (void)fprintf(stderr, "shop_worker: SHOP_POSTGRES: %s",
                          PQerrorMessage(ledger->idle[i]));
            return -1;
        }
    }
    return 0;
}

static void
ledger_close(struct ledger *ledger)
{
    while (ledger->n_idle > 0) {
        PQfinish(ledger->idle[--ledger->n_idle]);
    }
    (void)pthread_cond_destroy(&ledger->is_free);
    (void)pthread_mutex_destroy(&ledger->lock);
}

static PGconn *
ledger_borrow(struct ledger *ledger)
{
    (void)pthread_mutex_lock(&ledger->lock);
    while (ledger->n_idle == 0) {
        (void)pthread_cond_wait(&ledger->is_free, &ledger->lock);
    }
    PGconn *connection = ledger->idle[--ledger->n_idle];

    (void)pthread_mutex_unlock(&ledger->lock);
    return connection;
}

static void
ledger_give_back(struct ledger *ledger, PGconn *connection)
{
    (void)pthread_mutex_lock(&ledger->lock);
    ledger->idle[ledger->n_idle++] = connection;
    (void)pthread_cond_signal(&ledger->is_free);
    (void)pthread_mutex_unlock(&ledger->lock);
}

static void
sleep_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000,
                                   .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&pause, NULL);
}

/** The task's input as JSON text that also names the attempt. */
static int
input_of(const struct odradek_task *task, char out[INPUT_BYTES_MAX])
{
    size_t size;
    const char *input = odradek_task_input(task, &size);

    if (size < 2 || input[0] != '{' || size > INPUT_BYTES_MAX - 64) {
        return -1;
    }
    (void)snprintf(out, INPUT_BYTES_MAX, "{\"attempt\":%d,%s",
                   (int)odradek_task_attempt(task), input + 1);
    return 0;
}

/** Asks the ledger; NULL: it cannot be reached. The caller clears the result.
 */
static PGresult *
ask(struct ledger *ledger, const char *sql, const char *const values[3])
{
    for (int i = 0; i < RETRIES_MAX; i++) {
        PGconn *connection = ledger_borrow(ledger);
        PGresult *result =
            PQexecParams(connection, sql, 3, NULL, values, NULL, NULL, 0);
        ExecStatusType status = PQresultStatus(result);

        if (status != PGRES_TUPLES_OK) {
            (void)fprintf(stderr, "shop_worker: %s",
                          PQerrorMessage(connection));
            PQclear(result);
            result = NULL;
            if (PQstatus(connection) != CONNECTION_OK) {
                PQreset(connection);
            }
        }
        ledger_give_back(ledger, connection);
        if (result) {
            return result;
        }
        sleep_ms(RETRY_MS);
    }
    return NULL;
}

/** Answers as the ledger said; a positive number: ask again after so many
 * milliseconds. */
static long
answer(struct odradek_task *task, const PGresult *result)
{
    const char *outcome = PQgetvalue(result, 0, 0);
    const char *detail = PQgetvalue(result, 0, 3);

    if (strcmp(outcome, "again") == 0) {
        return strtol(PQgetvalue(result, 0, 1), NULL, 10);
    }
    if (strcmp(outcome, "done") == 0) {
        (void)odradek_task_succeed(task, detail, strlen(detail));
    } else if (strcmp(outcome, "failed") == 0) {
        (void)odradek_task_fail(task, PQgetvalue(result, 0, 2), detail,
                                ODRADEK_EFFECT_NONE);
    } else {
        (void)odradek_task_leave(task);
    }
    return 0;
}

static void
handle(struct odradek_task *task, void *ctx)
{
    const struct job *job = ctx;
    char input[INPUT_BYTES_MAX];
    char number[NUMBER_BYTES_MAX];
    long pause_ms = 1;

    if (input_of(task, input) != 0) {
        (void)odradek_task_fail(task, "Shop.BadInput",
                                "The input is no JSON object.",
                                ODRADEK_EFFECT_NONE);
        return;
    }
    for (int round = 0; pause_ms > 0; round++) {
        (void)snprintf(number, sizeof(number), "%d", round);
        const char *const values[] = {odradek_task_idempotency_key(task), input,
                                      number};
        PGresult *result = ask(job->ledger, job->activity->sql, values);

        if (!result) {
            (void)odradek_task_fail(task, "Shop.Busy",
                                    "The ledger cannot be reached.",
                                    ODRADEK_EFFECT_UNKNOWN);
            return;
        }
        pause_ms = answer(task, result);
        PQclear(result);
        sleep_ms(pause_ms);
    }
}

static int
complain(const char *why)
{
    (void)fprintf(stderr, "shop_worker: %s\n", why);
    return 1;
}

/** Registers the activities of a queue; false: there is no such queue. */
static bool
register_queue(const char *queue, struct job jobs[N_ACTIVITIES])
{
    bool is_known = false;

    for (size_t i = 0; i < N_ACTIVITIES; i++) {
        if (strcmp(activities[i].queue, queue) == 0) {
            is_known =
                odradek_worker_register(the_worker, queue, activities[i].type,
                                        handle, &jobs[i]) == 0;
        }
    }
    return is_known;
}

static int
work(struct odradek_config *config, struct ledger *ledger, int n_queues,
     char **queues)
{
    struct job jobs[N_ACTIVITIES];
    char why[WHY_MAX] = "out of memory";

    for (size_t i = 0; i < N_ACTIVITIES; i++) {
        jobs[i] = (struct job){ledger, &activities[i]};
    }
    if (odradek_worker_new(config, &the_worker, why, sizeof(why)) != 0) {
        return complain(why);
    }
    for (int i = 0; i < n_queues; i++) {
        if (!register_queue(queues[i], jobs)) {
            return complain("queues are stock, payments and shipping");
        }
    }
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    int ret = odradek_worker_run(the_worker, why, sizeof(why));

    odradek_worker_free(the_worker);
    return ret == 0 ? 0 : complain(why);
}

static int
configure(struct odradek_config *config, char *why, size_t why_size)
{
    /* option, variable of the environment, value without it */
    static const char *const options[][3] = {
        {"bootstrap", "ODRADEK_KAFKA", NULL},
        {"concurrency", "SHOP_CONCURRENCY", CONCURRENCY},
        {"instance", "SHOP_INSTANCE", NULL},
    };
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < 3; i++) {
        const char *value = getenv(options[i][1]); /* NOLINT(concurrency-*) */

        value = value ? value : options[i][2];
        if (value) {
            ret =
                odradek_config_set(config, options[i][0], value, why, why_size);
        }
    }
    return ret;
}

int
main(int argc, char **argv)
{
    const char *shop = getenv("SHOP_POSTGRES"); /* NOLINT(concurrency-*) */
    struct ledger ledger = {.n_idle = 0};
    struct odradek_config *config = odradek_config_new();
    char why[WHY_MAX] = "";
    int ret = 1;

    if (argc < 2 || !shop) {
        ret = complain("usage: ODRADEK_KAFKA=… SHOP_POSTGRES=… shop_worker "
                       "QUEUE…");
    } else if (configure(config, why, sizeof(why)) != 0) {
        ret = complain(why);
    } else if (ledger_open(&ledger, shop) == 0) {
        ret = work(config, &ledger, argc - 1, argv + 1);
    }
    ledger_close(&ledger);
    odradek_config_free(config);
    return ret;
}
