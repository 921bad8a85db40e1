#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "binding/binding.h"
#include "bus_kafka/bus_kafka_admin.h"
#include "cli/cli_output.h"
#include "cli/cli_serve_priv.h"
#include "relay/relay.h"
#include "store_pg/store_pg_migrate.h"

#define MAINTAIN_MS       ((odk_dur_ms)24 * 3600 * 1000)
#define MAINTAIN_RETRY_MS ((odk_dur_ms)3600 * 1000)
#define STOP_MARGIN_MS    10000
#define TOPIC_BYTES_MAX   ((size_t)8 << 20)
/* No signal is heard during an attempt to reach Kafka, and nothing is said: it
 * is short, and there are as many as it takes. */
#define ATTEMPT_MS_MAX 4000

struct server {
    struct serve serve;
    int signal_fd;
    struct serve_lane lanes[SERVE_LANES_MAX];
    int n_lanes;
    struct serve_relays relays;
    struct serve_objects objects;
    struct serve_retention retention;
    struct serve_repair repair;
    struct store_pg_query *query;
    odk_dur_ms bindings_at; /* next look at the bindings */
    odk_dur_ms maintain_at;
    bool is_ready;
    int signal; /* that asked to stop */
};

/* ---- what threads use ---- */

odk_dur_ms
serve_monotonic(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (odk_dur_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
serve_log(const struct serve *serve, enum odk_log_level level,
          const char *event, const char *fmt, ...)
{
    char message[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    odk_log(&serve->logger, level, event, "%s", message);
}

void
serve_kafka_log(void *ctx, int severity, const char *facility, const char *text)
{
    const struct serve *serve = ctx;
    enum odk_log_level level = severity <= 2   ? ODK_LOG_ERROR
                               : severity <= 4 ? ODK_LOG_WARN
                                               : ODK_LOG_DEBUG;

    serve_log(serve, level, "kafka.log", "%s: %s", facility, text);
}

void
serve_notify(struct serve *serve)
{
    uint64_t one = 1;
    ssize_t n = write(serve->event_fd, &one, sizeof(one));

    odk_assert(n == (ssize_t)sizeof(one) || errno == EAGAIN);
}

bool
serve_pause(struct serve *serve, odk_dur_ms *pause)
{
    struct pollfd stop = {.fd = serve->stop_fd, .events = POLLIN};

    (void)poll(&stop, 1, (int)*pause);
    *pause = *pause * 2 > SERVE_PAUSE_MS_MAX ? SERVE_PAUSE_MS_MAX : *pause * 2;
    return !atomic_load(&serve->is_stopping);
}

bool
serve_is_transient(int code)
{
    return odk_err_class(code) == ODK_CLASS_RETRY || code == ODK_ENOTFOUND;
}

void
serve_give_up(struct serve *serve, const char *event, const struct odk_err *err)
{
    int expected = 0;

    serve_log(serve, ODK_LOG_ERROR, event, "%s", err->message);
    (void)atomic_compare_exchange_strong(&serve->failure, &expected,
                                         (int)cli_exit_of(err->code));
    serve_notify(serve);
}

/* ---- signals ---- */

static void
stop_all(struct server *server)
{
    uint64_t one = 1;

    if (atomic_exchange(&server->serve.is_stopping, true)) {
        return;
    }
    ssize_t n = write(server->serve.stop_fd, &one, sizeof(one));
    odk_assert(n == (ssize_t)sizeof(one));
    for (int i = 0; i < server->n_lanes; i++) {
        if (server->lanes[i].is_started) {
            serve_lane_wake(&server->lanes[i]);
        }
    }
    serve_relays_stop(&server->relays);
    serve_objects_stop(&server->objects);
}

/* A wrong file changes nothing: the server goes on as it was. */
static void
reload(struct server *server)
{
    struct cli *cli = server->serve.cli;
    struct odk_err err = {0};

    server->bindings_at = 0;
    if (cli->config_file &&
        config_reload(cli->config, cli->config_file, &err) != 0) {
        serve_log(&server->serve, ODK_LOG_ERROR, "serve.reload_refused", "%s",
                  err.message);
        return;
    }
    telemetry_log_set_level(
        &server->serve.log,
        (enum odk_log_level)config_choice(cli->config, CONFIG_LOG_LEVEL));
    serve_log(&server->serve, ODK_LOG_INFO, "serve.reload",
              "configuration read, looking for new bindings");
}

static void
on_signal(struct server *server, int signal)
{
    if (signal == SIGHUP) {
        reload(server);
        return;
    }
    if (server->signal != 0) {
        serve_log(&server->serve, ODK_LOG_WARN, "serve.killed",
                  "a second signal: ending at once");
        _exit(128 + signal);
    }
    server->signal = signal;
    serve_log(&server->serve, ODK_LOG_INFO, "serve.stopping",
              "signal %d: finishing what was begun; a second one ends at once",
              signal);
    stop_all(server);
}

/* Waits for a signal or news of a thread. */
static void
wait_events(struct server *server, odk_dur_ms wait_ms)
{
    struct pollfd fds[] = {
        {.fd = server->signal_fd, .events = POLLIN},
        {.fd = server->serve.event_fd, .events = POLLIN},
    };
    struct signalfd_siginfo info;
    uint64_t news = 0;

    (void)poll(fds, ODK_ARRAY_LEN(fds), (int)wait_ms);
    ssize_t n = read(server->serve.event_fd, &news, sizeof(news));
    odk_assert(n == (ssize_t)sizeof(news) || errno == EAGAIN);
    while (read(server->signal_fd, &info, sizeof(info)) ==
           (ssize_t)sizeof(info)) {
        on_signal(server, (int)info.ssi_signo);
    }
}

static int
open_signals(struct server *server, struct odk_err *err)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    /* Threads begin with the mask of who makes them: only signalfd sees these.
     */
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    server->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    server->serve.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->serve.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->signal_fd < 0 || server->serve.event_fd < 0 ||
        server->serve.stop_fd < 0) {
        return odk_err_set(err, ODK_EIO, "no file descriptors for signals");
    }
    return 0;
}

/* ---- before the lanes ---- */

/* Reads the cluster's settings. */
static int
check_database(struct server *server, struct odk_err *err)
{
    struct store_pg_cluster *cluster = &server->serve.cluster;
    int rc = 0;

    if (!server->query) {
        rc = store_pg_query_open(&server->serve.postgres, &server->query, err);
    }
    if (rc == 0) {
        rc = store_pg_cluster(server->query, cluster, err);
    }
    if (rc == 0 && !cluster->has_token_key) {
        rc = odk_err_set(err, ODK_EAUTH,
                         "this database role may not read the key of the task "
                         "tokens; connect with the server's role "
                         "(odradek_server)");
    }
    return rc;
}

/* Fewer partitions than shards: executions would have no home. */
static int
check_topics(struct server *server, struct odk_err *err)
{
    static const struct odk_str names[] = {
        ODK_STR_INIT(LANE_TOPIC_COMMANDS),
        ODK_STR_INIT(LANE_TOPIC_RESULTS),
        ODK_STR_INIT(LANE_TOPIC_HISTORY),
    };
    struct bus_kafka_options options = server->serve.kafka.options;
    struct bus_kafka_topic *found = NULL;
    struct odk_arena arena;
    int32_t n = server->serve.cluster.partitions;

    if (options.connect_ms_max > ATTEMPT_MS_MAX) {
        options.connect_ms_max = ATTEMPT_MS_MAX;
    }
    odk_arena_init(&arena, TOPIC_BYTES_MAX);
    int rc = bus_kafka_topics_describe(&options, names, ODK_ARRAY_LEN(names),
                                       &arena, &found, err);
    for (size_t i = 0; rc == 0 && i < ODK_ARRAY_LEN(names); i++) {
        if (!found[i].is_found) {
            rc = odk_err_set(err, ODK_ENOTFOUND,
                             "topic %.*s does not exist; `odradek topics "
                             "apply` makes it",
                             ODK_STR_ARG(names[i]));
        } else if (found[i].partitions < n) {
            rc = odk_err_set(err, ODK_EINVAL,
                             "topic %.*s has %d partitions, the database has "
                             "%d shards; `odradek topics diff` says more",
                             ODK_STR_ARG(names[i]), (int)found[i].partitions,
                             (int)n);
        }
    }
    odk_arena_release(&arena);
    return rc ? rc : serve_task_republish(&server->serve, &options, err);
}

static int
check_codec(struct server *server, struct odk_err *err)
{
    return server->serve.codec ? 0
                               : cli_codec_new(server->serve.config,
                                               &server->serve.codec, NULL, err);
}

static const struct {
    const char *what;
    int (*check)(struct server *server, struct odk_err *err);
    const char *option; /* that says where it is */
} checks[] = {
    {"database", check_database, "postgres.conninfo"},
    {"schema_registry", check_codec, "registry.urls"},
    {"kafka", check_topics, "kafka.bootstrap"},
};

static void
log_refusal(const struct server *server, size_t check,
            const struct odk_err *err)
{
    bool is_transient = serve_is_transient(err->code);
    char event[64];

    (void)snprintf(event, sizeof(event), "serve.%s%s%s",
                   is_transient ? "waiting_for_" : "", checks[check].what,
                   is_transient ? "" : "_refused");
    serve_log(&server->serve, is_transient ? ODK_LOG_WARN : ODK_LOG_ERROR,
              event, "%s; %s, and %s says where it is", err->message,
              is_transient ? "trying again until it is there" : "giving up",
              checks[check].option);
}

/* Tries until everything is there; CLI_OK also when asked to stop meanwhile. */
static int
prepare(struct server *server)
{
    odk_dur_ms limit = config_i64(server->serve.config, CONFIG_SERVE_WAIT);
    odk_dur_ms began_at = serve_monotonic();
    odk_dur_ms pause = SERVE_PAUSE_MS_MIN;
    struct odk_err err = {0};

    for (size_t i = 0; i < ODK_ARRAY_LEN(checks);) {
        if (atomic_load(&server->serve.is_stopping)) {
            return CLI_OK;
        }
        if (checks[i].check(server, &err) == 0) {
            i++;
            pause = SERVE_PAUSE_MS_MIN;
            continue;
        }
        log_refusal(server, i, &err);
        if (err.code == ODK_ESCHEMA) {
            return CLI_FAILED;
        }
        if (!serve_is_transient(err.code)) {
            return (int)cli_exit_of(err.code);
        }
        if (limit > 0 && serve_monotonic() - began_at > limit) {
            return CLI_UNAVAILABLE;
        }
        wait_events(server, pause);
        pause = pause * 2 > SERVE_PAUSE_MS_MAX ? SERVE_PAUSE_MS_MAX : pause * 2;
    }
    return CLI_OK;
}

static int
lane_count(const struct config *config)
{
    int64_t n = config_i64(config, CONFIG_LANES);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (n == 0) {
        n = processors > 3 ? processors / 2 : 1;
    }
    return n > SERVE_LANES_MAX ? SERVE_LANES_MAX : (int)n;
}

/* ---- while it runs ---- */

static void
write_ready_file(const struct server *server)
{
    const char *path =
        config_str(server->serve.config, CONFIG_SERVE_READY_FILE);

    if (path[0] == '\0') {
        return;
    }
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "%d\n", (int)getpid()) < 0) {
        serve_log(&server->serve, ODK_LOG_ERROR, "serve.ready_file",
                  "%s cannot be written", path);
    }
    if (file) {
        (void)fclose(file);
    }
}

static void
check_ready(struct server *server)
{
    bool is_ready = true;

    for (int i = 0; i < server->n_lanes; i++) {
        is_ready &= atomic_load(&server->lanes[i].state) == SERVE_READY;
    }
    if (is_ready && !server->is_ready) {
        server->is_ready = true;
        serve_log(&server->serve, ODK_LOG_INFO, "serve.ready",
                  "%d lane(s), %d shards in the cluster, group %s",
                  server->n_lanes, (int)server->serve.cluster.partitions,
                  config_str(server->serve.config, CONFIG_KAFKA_GROUP));
        write_ready_file(server);
    }
}

/* A stuck lane holds its shards for good: only a new process frees them. */
static void
watch(struct server *server, odk_dur_ms now)
{
    odk_dur_ms timeout =
        config_i64(server->serve.config, CONFIG_SERVE_WATCHDOG);

    for (int i = 0; i < server->n_lanes; i++) {
        if (!serve_lane_is_alive(&server->lanes[i], now, timeout)) {
            serve_log(&server->serve, ODK_LOG_ERROR, "serve.stuck",
                      "lane %d finished no round for %lld s: aborting, so "
                      "that the supervisor starts a new process",
                      i, (long long)timeout / 1000);
            abort();
        }
    }
}

static int
count_quarantined(const struct server *server)
{
    int n = 0;

    for (int i = 0; i < server->n_lanes; i++) {
        n += atomic_load(&server->lanes[i].n_quarantined);
    }
    return n;
}

static void
chores(struct server *server)
{
    odk_dur_ms now = serve_monotonic();
    struct odk_err err = {0};

    check_ready(server);
    watch(server, now);
    serve_repair_check(&server->repair, count_quarantined(server));
    if (now >= server->bindings_at ||
        serve_relays_is_one_ended(&server->relays)) {
        serve_relays_check(&server->relays, server->query);
        server->bindings_at =
            now + config_i64(server->serve.config, CONFIG_SERVE_BINDINGS);
    }
    serve_retention_tick(&server->retention, now);
    if (now >= server->maintain_at) {
        server->maintain_at = now + MAINTAIN_MS;
        if (store_pg_maintain(odk_buf_str(&server->serve.conninfo).ptr, &err) !=
            0) {
            serve_log(&server->serve, ODK_LOG_WARN, "serve.maintain_failed",
                      "partitions ahead were not made: %s", err.message);
            server->maintain_at = now + MAINTAIN_RETRY_MS;
        }
    }
}

static odk_dur_ms
next_wait(const struct server *server)
{
    odk_dur_ms next_at = server->bindings_at < server->retention.next_at
                             ? server->bindings_at
                             : server->retention.next_at;
    odk_dur_ms left = next_at - serve_monotonic();

    return left < 0 ? 0 : left < SERVE_TICK_MS ? left + 1 : SERVE_TICK_MS;
}

static bool
are_ended(const struct server *server)
{
    bool is_ended = serve_relays_are_ended(&server->relays) &&
                    serve_objects_is_ended(&server->objects) &&
                    serve_repair_is_ended(&server->repair);

    for (int i = 0; i < server->n_lanes; i++) {
        is_ended &= !server->lanes[i].is_started ||
                    atomic_load(&server->lanes[i].state) == SERVE_ENDED;
    }
    return is_ended;
}

/* Waits, bounded, for every thread; who is not done by then is left behind: the
 * protocol recovers from that as from a crash. */
static void
finish(struct server *server)
{
    odk_dur_ms give_up_at =
        serve_monotonic() +
        config_i64(server->serve.config, CONFIG_LANE_DRAIN) + STOP_MARGIN_MS;
    const char *ready_file =
        config_str(server->serve.config, CONFIG_SERVE_READY_FILE);

    stop_all(server);
    if (server->is_ready && ready_file[0] != '\0') {
        (void)unlink(ready_file);
    }
    while (!are_ended(server)) {
        odk_dur_ms left = give_up_at - serve_monotonic();
        if (left <= 0) {
            serve_log(&server->serve, ODK_LOG_ERROR, "serve.unfinished",
                      "a thread did not end in time: ending without it");
            _exit(CLI_FAILED);
        }
        wait_events(server, left);
    }
    for (int i = 0; i < server->n_lanes; i++) {
        if (server->lanes[i].is_started) {
            (void)pthread_join(server->lanes[i].thread, NULL);
            (void)pthread_mutex_destroy(&server->lanes[i].lock);
        }
    }
    serve_relays_release(&server->relays);
    serve_objects_release(&server->objects);
    serve_repair_release(&server->repair);
}

static void
start_lanes(struct server *server)
{
    struct odk_err err = {0};

    server->n_lanes = lane_count(server->serve.config);
    for (int i = 0; i < server->n_lanes; i++) {
        server->lanes[i].serve = &server->serve;
        server->lanes[i].index = i;
        if (serve_lane_start(&server->lanes[i], &err) != 0) {
            serve_give_up(&server->serve, "serve.no_thread", &err);
            return;
        }
    }
}

static void
start_objects(struct server *server)
{
    struct odk_err err = {0};

    server->objects.serve = &server->serve;
    if (serve_objects_start(&server->objects, &err) != 0) {
        serve_give_up(&server->serve, "objects.refused", &err);
    }
}

static int
serve_run(struct server *server)
{
    struct serve *serve = &server->serve;

    serve_log(serve, ODK_LOG_INFO, "serve.starting",
              "process %d on %s, Kafka %s", (int)getpid(), serve->host,
              config_str(serve->config, CONFIG_KAFKA_BOOTSTRAP));
    int code = prepare(server);
    if (code != CLI_OK || atomic_load(&serve->is_stopping)) {
        return code;
    }
    start_lanes(server);
    start_objects(server);
    while (!atomic_load(&serve->is_stopping) &&
           atomic_load(&serve->failure) == 0) {
        chores(server);
        wait_events(server, next_wait(server));
    }
    serve_retention_release(&server->retention);
    finish(server);
    code = atomic_load(&serve->failure);
    serve_log(serve, ODK_LOG_INFO, "serve.stopped", "ended with code %d", code);
    return code;
}

/* Without a name that survives restarts a process is a static member all the
 * same, under a name of its own that it takes with it: a dynamic one would wait
 * for the session of its own former self after Kafka was away. */
static void
name_instance(struct serve *serve)
{
    const char *given = config_str(serve->config, CONFIG_KAFKA_INSTANCE_ID);
    char made[ODK_UUID_TEXT_LEN + 1];

    cli_random_id(made);
    (void)snprintf(serve->instance, sizeof(serve->instance), "%s",
                   given[0] != '\0' ? given : made);
    serve->is_leaving =
        given[0] == '\0' || config_bool(serve->config, CONFIG_SERVE_LEAVE);
}

static void
server_init(struct server *server, struct cli *cli)
{
    struct serve *serve = &server->serve;
    int level = config_choice(cli->config, CONFIG_LOG_LEVEL);

    serve->cli = cli;
    serve->config = cli->config;
    telemetry_log_init(&serve->log, STDERR_FILENO, (enum odk_log_level)level);
    serve->logger = telemetry_logger(&serve->log);
    cli_kafka_options(cli->config, &serve->kafka);
    serve->kafka.options.log = serve_kafka_log;
    serve->kafka.options.log_ctx = serve;
    odk_buf_init(&serve->conninfo, 0);
    cli_postgres_options(cli->config, &serve->conninfo, &serve->postgres);
    atomic_init(&serve->is_stopping, false);
    atomic_init(&serve->failure, 0);
    (void)gethostname(serve->host, sizeof(serve->host) - 1);
    name_instance(serve);
    server->relays.serve = serve;
    server->retention.serve = serve;
    server->repair.serve = serve;
}

int
cli_serve(struct cli *cli, const struct cli_args *args)
{
    struct server *server = calloc(1, sizeof(*server));
    struct odk_err err = {0};

    (void)args;
    if (!server) {
        odk_out_of_memory();
    }
    server_init(server, cli);
    int code = open_signals(server, &err) == 0 ? serve_run(server)
                                               : cli_fail_err(cli, &err);
    store_pg_query_close(server->query);
    codec_free(server->serve.codec);
    odk_buf_release(&server->serve.conninfo);
    (void)close(server->signal_fd);
    (void)close(server->serve.event_fd);
    (void)close(server->serve.stop_fd);
    free(server);
    return code;
}
