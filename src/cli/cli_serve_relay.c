#include <stdio.h>
#include <stdlib.h>

#include "binding/binding.h"
#include "cli/cli_output.h"
#include "cli/cli_serve_priv.h"
#include "relay/relay.h"

#define RELAY_WAIT_MS  1000
#define LIST_BYTES_MAX ((size_t)64 << 20)

/* ---- what a relay asks of the database ---- */

static int
read_binding(struct serve_relay *self, struct odk_str name, int32_t version,
             struct odk_arena *arena, struct store_pg_binding *out,
             struct odk_err *err)
{
    int rc = store_pg_binding_read(self->query, name, version, arena, out, err);

    if (rc == ODK_ECONN) {
        rc = store_pg_query_reconnect(self->query, err);
        if (rc == 0) {
            rc = store_pg_binding_read(self->query, name, version, arena, out,
                                       err);
        }
    }
    return rc;
}

/* First offsets by partition; those that are not listed begin at 0. */
static int
find_starts(const struct store_pg_binding *binding, struct odk_str topic,
            struct odk_arena *arena, struct relay_version *out,
            struct odk_err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < binding->n_starts; i++) {
        size_t past = (size_t)binding->starts[i].partition + 1;
        bool is_ours = odk_str_eq(binding->starts[i].topic, topic);
        n = is_ours && past > n ? past : n;
    }
    int64_t *starts = odk_arena_calloc(arena, n + 1, sizeof(*starts));
    if (!starts) {
        return odk_err_set(err, ODK_ELIMIT, "a binding with too many starts");
    }
    for (size_t i = 0; i < binding->n_starts; i++) {
        if (odk_str_eq(binding->starts[i].topic, topic)) {
            starts[binding->starts[i].partition] = binding->starts[i].offset;
        }
    }
    out->starts = starts;
    out->n_starts = n;
    return 0;
}

static int
registry_read( // NOLINT(readability-function-size): the port's signature
    void *ctx, struct odk_str name, struct odk_str topic, int32_t version,
    struct odk_arena *arena, struct relay_version *out, struct odk_err *err)
{
    struct store_pg_binding binding = {0};
    int rc = read_binding(ctx, name, version, arena, &binding, err);

    if (rc != 0) {
        return rc;
    }
    *out = (struct relay_version){
        .version = binding.version,
        .incarnation = binding.incarnation,
        .rules = binding.rules,
        .is_quarantined = binding.quarantine.ptr != NULL,
    };
    return find_starts(&binding, topic, arena, out, err);
}

static int
registry_quarantine(void *ctx, struct odk_str name, struct odk_str reason,
                    struct odk_err *err)
{
    struct serve_relay *self = ctx;
    int rc = store_pg_binding_quarantine(self->query, name, reason, err);

    if (rc == ODK_ECONN && store_pg_query_reconnect(self->query, err) == 0) {
        rc = store_pg_binding_quarantine(self->query, name, reason, err);
    }
    return rc;
}

/* ---- the thread ---- */

static odk_dur_ms
monotonic(void *ctx)
{
    (void)ctx;
    return serve_monotonic();
}

static bool
is_stopping(const struct serve_relay *self)
{
    return atomic_load(&self->serve->is_stopping) ||
           atomic_load(&self->is_stopping);
}

static void
waiting(struct serve_relay *self, const struct odk_err *err, odk_dur_ms *pause)
{
    serve_log(self->serve, ODK_LOG_WARN, "relay.waiting",
              "binding %s, topic %s: %s; trying again", self->name, self->topic,
              err->message);
    (void)serve_pause(self->serve, pause);
}

static bool
open_bus(struct serve_relay *self, struct bus *out)
{
    struct bus_kafka_options options = self->serve->kafka.options;
    const char *topics[1] = {self->topic};
    odk_dur_ms pause = SERVE_PAUSE_MS_MIN;
    struct odk_err err = {0};
    char group[sizeof(self->name) + sizeof(self->topic) + 32];

    (void)snprintf(group, sizeof(group), "odradek-binding.%s.%s", self->name,
                   self->topic);
    options.group_id = group;
    options.topics = topics;
    options.n_topics = 1;
    while (!is_stopping(self)) {
        if (bus_kafka_open(&options, out, &err) == 0) {
            return true;
        }
        waiting(self, &err, &pause);
    }
    return false;
}

static bool
open_query(struct serve_relay *self)
{
    odk_dur_ms pause = SERVE_PAUSE_MS_MIN;
    struct odk_err err = {0};

    while (!is_stopping(self)) {
        if (store_pg_query_open(&self->serve->postgres, &self->query, &err) ==
            0) {
            return true;
        }
        waiting(self, &err, &pause);
    }
    return false;
}

static void
set_relay(struct serve_relay *self, struct relay *relay)
{
    (void)pthread_mutex_lock(&self->lock);
    self->relay = relay;
    (void)pthread_mutex_unlock(&self->lock);
}

static void
run(struct serve_relay *self, struct bus bus)
{
    struct relay_options options = {
        .bus = bus,
        .codec = self->serve->codec,
        .registry = {registry_read, registry_quarantine, self},
        .logger = self->serve->logger,
        .monotonic = monotonic,
        .name = odk_str(self->name),
        .topic = odk_str(self->topic),
        .partitions = self->serve->cluster.partitions,
        .input_bytes_max =
            (size_t)config_i64(self->serve->config, CONFIG_LANE_INPUT),
    };

    set_relay(self, relay_new(&options));
    atomic_store(&self->state, SERVE_READY);
    serve_log(self->serve, ODK_LOG_INFO, "relay.started",
              "binding %s reads topic %s", self->name, self->topic);
    while (!is_stopping(self) && !relay_is_superseded(self->relay)) {
        (void)relay_tick(self->relay, RELAY_WAIT_MS);
    }
    struct relay *relay = self->relay;
    set_relay(self, NULL);
    const struct relay_stats *stats = relay_stats(relay);
    serve_log(self->serve, ODK_LOG_INFO, "relay.stopped",
              "binding %s, topic %s: events=%llu commands=%llu skipped=%llu "
              "dead_letters=%llu",
              self->name, self->topic, (unsigned long long)stats->events,
              (unsigned long long)stats->commands,
              (unsigned long long)stats->skipped,
              (unsigned long long)stats->dead_letters);
    relay_close(relay);
}

static void *
relay_main(void *argument)
{
    struct serve_relay *self = argument;
    struct bus bus = {0};

    if (open_query(self) && open_bus(self, &bus)) {
        run(self, bus);
    }
    store_pg_query_close(self->query);
    atomic_store(&self->state, SERVE_ENDED);
    serve_notify(self->serve);
    return NULL;
}

/* ---- which relays there are ---- */

static void
start(struct serve_relays *relays, const struct store_pg_binding *binding,
      struct odk_str topic)
{
    struct serve_relay *self = calloc(1, sizeof(*self));

    if (!self) {
        odk_out_of_memory();
    }
    if (relays->n == SERVE_RELAYS_MAX ||
        binding->name.len >= sizeof(self->name) ||
        topic.len >= sizeof(self->topic)) {
        serve_log(relays->serve, ODK_LOG_ERROR, "relay.refused",
                  "binding %.*s, topic %.*s: at most %d topics are read by one "
                  "process",
                  ODK_STR_ARG(binding->name), ODK_STR_ARG(topic),
                  SERVE_RELAYS_MAX);
        free(self);
        return;
    }
    self->serve = relays->serve;
    memcpy(self->name, binding->name.ptr, binding->name.len);
    memcpy(self->topic, topic.ptr, topic.len);
    self->incarnation = binding->incarnation;
    (void)pthread_mutex_init(&self->lock, NULL);
    atomic_init(&self->state, SERVE_OPENING);
    if (pthread_create(&self->thread, NULL, relay_main, self) != 0) {
        serve_log(relays->serve, ODK_LOG_ERROR, "relay.refused",
                  "no thread for binding %s", self->name);
        free(self);
        return;
    }
    relays->list[relays->n++] = self;
}

static void
stop(struct serve_relay *self)
{
    atomic_store(&self->is_stopping, true);
    (void)pthread_mutex_lock(&self->lock);
    if (self->relay) {
        relay_wake(self->relay);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

/* A reset binding lives on under another incarnation: its relay ends, and the
 * check that follows at once starts a new one. */
static bool
is_running(struct serve_relays *relays, const struct store_pg_binding *binding,
           struct odk_str topic)
{
    for (size_t i = 0; i < relays->n; i++) {
        struct serve_relay *self = relays->list[i];
        if (odk_str_is(binding->name, self->name) &&
            odk_str_is(topic, self->topic)) {
            if (self->incarnation != binding->incarnation) {
                stop(self);
            }
            return true;
        }
    }
    return false;
}

static void
check_binding(struct serve_relays *relays,
              const struct store_pg_binding *binding)
{
    struct binding_problems problems;
    struct binding *compiled = NULL;
    const struct odk_str *topics = NULL;

    binding_problems_init(&problems);
    if (binding_compile(binding->rules, &compiled, &problems) != 0) {
        serve_log(relays->serve, ODK_LOG_ERROR, "relay.refused",
                  "binding %.*s version %d does not compile: %.*s",
                  ODK_STR_ARG(binding->name), (int)binding->version,
                  ODK_STR_ARG(problems.list[0].message));
    } else {
        size_t n = binding_topics(compiled, &topics);
        for (size_t i = 0; i < n; i++) {
            if (!is_running(relays, binding, topics[i])) {
                start(relays, binding, topics[i]);
            }
        }
    }
    binding_free(compiled);
    binding_problems_release(&problems);
}

void
serve_relays_check(struct serve_relays *relays, struct store_pg_query *query)
{
    const struct store_pg_binding *list = NULL;
    struct odk_err err = {0};
    struct odk_arena arena;
    size_t n = 0;

    serve_relays_release(relays);
    odk_arena_init(&arena, LIST_BYTES_MAX);
    int rc = store_pg_bindings(query, &arena, &list, &n, &err);
    if (rc == ODK_ECONN && store_pg_query_reconnect(query, &err) == 0) {
        rc = store_pg_bindings(query, &arena, &list, &n, &err);
    }
    if (rc != 0) {
        serve_log(relays->serve, ODK_LOG_WARN, "serve.bindings_unknown",
                  "published bindings cannot be read: %s", err.message);
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (!list[i].quarantine.ptr) {
            check_binding(relays, &list[i]);
        }
    }
    odk_arena_release(&arena);
}

bool
serve_relays_is_one_ended(const struct serve_relays *relays)
{
    bool is_ended = false;

    for (size_t i = 0; i < relays->n; i++) {
        is_ended |= atomic_load(&relays->list[i]->state) == SERVE_ENDED;
    }
    return is_ended;
}

void
serve_relays_stop(struct serve_relays *relays)
{
    for (size_t i = 0; i < relays->n; i++) {
        stop(relays->list[i]);
    }
}

bool
serve_relays_are_ended(const struct serve_relays *relays)
{
    bool is_ended = true;

    for (size_t i = 0; i < relays->n; i++) {
        is_ended &= atomic_load(&relays->list[i]->state) == SERVE_ENDED;
    }
    return is_ended;
}

void
serve_relays_release(struct serve_relays *relays)
{
    for (size_t i = relays->n; i-- > 0;) {
        struct serve_relay *self = relays->list[i];
        if (atomic_load(&self->state) != SERVE_ENDED) {
            continue;
        }
        (void)pthread_join(self->thread, NULL);
        (void)pthread_mutex_destroy(&self->lock);
        free(self);
        relays->list[i] = relays->list[--relays->n];
    }
}
