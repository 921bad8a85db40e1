#include "cli/cli_replay.h"

#include "cli/cli_output.h"

#define TOPIC       "odradek.definitions"
#define POLL_MS     50
#define IDLE_MS_MAX 30000

struct replay {
    struct cli_restore *restore;
    struct cli_replayed *out;
    struct odk_arena arena;
};

/* ---- one record ---- */

/* A version is written once; the topic may have it again. */
static int
put_definition(struct replay *replay,
               const struct codec_definition_published *record,
               struct odk_err *err)
{
    struct store_pg_query *query = replay->restore->query;
    struct store_definition which = {record->namespace, record->name,
                                     record->version, record->definition};
    struct store_pg_definition found;
    int32_t version = 0;
    bool is_new = false;
    int rc =
        store_pg_definition_show(query, &which, &replay->arena, &found, err);

    if (rc == 0 && !odk_str_eq(found.definition.text, record->definition)) {
        return odk_err_set(err, ODK_ECONFLICT,
                           "definition %.*s/%.*s version %d is another one in "
                           "this database",
                           ODK_STR_ARG(record->namespace),
                           ODK_STR_ARG(record->name), (int)record->version);
    }
    if (rc != ODK_ENOTFOUND) {
        return rc;
    }
    rc = store_pg_definition_publish(
        query, &which,
        record->published_by.ptr ? record->published_by : ODK_STR("rebuild"),
        &version, &is_new, err);
    if (rc == 0 && version != record->version) {
        rc = odk_err_set(err, ODK_ECORRUPT,
                         TOPIC " has version %d of definition %.*s/%.*s, and "
                               "not the one before it",
                         (int)record->version, ODK_STR_ARG(record->namespace),
                         ODK_STR_ARG(record->name));
    }
    replay->out->definitions += rc == 0;
    return rc;
}

static int
put_binding(struct replay *replay, const struct codec_binding_published *record,
            struct odk_err *err)
{
    struct store_pg_query *query = replay->restore->query;
    struct store_pg_binding found = {0};
    struct store_pg_binding_start *starts =
        odk_arena_calloc(&replay->arena, record->n_starts + 1, sizeof(*starts));

    odk_assert(starts);
    for (size_t i = 0; i < record->n_starts; i++) {
        starts[i] = (struct store_pg_binding_start){record->starts[i].topic,
                                                    record->starts[i].partition,
                                                    record->starts[i].offset};
    }
    int rc = store_pg_binding_begin(query, record->name, err);
    if (rc == 0) {
        rc = store_pg_binding_read(query, record->name, 0, &replay->arena,
                                   &found, err);
    }
    rc = rc == ODK_ENOTFOUND ? 0 : rc;
    if (rc != 0 || record->version <= found.version) {
        store_pg_binding_abort(query);
        return rc;
    }
    struct store_pg_binding next = {.name = record->name,
                                    .rules = record->rules,
                                    .by = ODK_STR("rebuild"),
                                    .starts = starts,
                                    .n_starts = record->n_starts};
    bool is_reset =
        found.version > 0 && record->incarnation > found.incarnation;
    rc = store_pg_binding_publish(query, &next, is_reset, err);
    if (rc == 0 && (next.version != record->version ||
                    next.incarnation != record->incarnation)) {
        rc = odk_err_set(err, ODK_ECORRUPT,
                         TOPIC " has version %d of binding %.*s, and not the "
                               "one before it",
                         (int)record->version, ODK_STR_ARG(record->name));
    }
    replay->out->bindings += rc == 0;
    return rc;
}

static int
put_record(struct replay *replay, const struct bus_message *message,
           struct odk_err *err)
{
    struct codec_record record;

    if (!message->value.ptr) {
        return 0;
    }
    odk_arena_reset(&replay->arena);
    int rc = cli_restore_learn(replay->restore, message->value, err);
    if (rc != 0) {
        return rc;
    }
    rc = codec_decode(replay->restore->codec, message->value, &replay->arena,
                      &record, err);
    if (rc == 0 && record.kind == CODEC_DEFINITION_PUBLISHED) {
        rc = put_definition(replay, &record.definition_published, err);
    } else if (rc == 0 && record.kind == CODEC_BINDING_PUBLISHED) {
        rc = put_binding(replay, &record.binding_published, err);
    }
    return rc ? odk_err_wrap(err, rc, TOPIC "/%d offset %lld",
                             (int)message->partition,
                             (long long)message->offset)
              : 0;
}

/* ---- the topic ---- */

static int
read_partition(struct replay *replay, struct bus *bus, int32_t partition,
               struct odk_err *err)
{
    int64_t start = 0;
    int64_t end = 0;
    odk_dur_ms idle_ms = 0;
    int rc = bus_log_range(bus, ODK_STR(TOPIC), partition, &start, &end, err);

    if (rc == 0 && start < end) {
        rc = bus_start(bus, (struct bus_place){0, partition}, start, err);
    }
    while (rc == 0 && start < end && idle_ms < IDLE_MS_MAX) {
        struct bus_batch batch = {0};
        rc = bus_poll(bus, POLL_MS, &batch, err);
        for (size_t i = 0; rc == 0 && i < batch.n_messages; i++) {
            if (batch.messages[i].partition == partition) {
                rc = put_record(replay, &batch.messages[i], err);
                start = batch.messages[i].offset + 1;
            }
        }
        idle_ms = batch.n_messages > 0 ? 0 : idle_ms + POLL_MS;
    }
    if (rc == 0 && start < end) {
        rc = odk_err_set(err, ODK_ETIMEOUT,
                         TOPIC "/%d: nothing came at offset %lld of %lld",
                         (int)partition, (long long)start, (long long)end);
    }
    return rc;
}

static int
wait_assigned(struct bus *bus, int32_t *partitions, struct odk_err *err)
{
    int rc = 0;

    for (odk_dur_ms waited = 0; waited < IDLE_MS_MAX; waited += POLL_MS) {
        struct bus_batch batch = {0};
        rc = bus_poll(bus, POLL_MS, &batch, err);
        if (rc != 0 || batch.n_assigned > 0) {
            break;
        }
    }
    return rc ? rc : bus_partitions(bus, ODK_STR(TOPIC), partitions, err);
}

int
cli_replay_definitions(struct cli_restore *restore, struct cli_replayed *out,
                       struct odk_err *err)
{
    static const char *const topics[] = {TOPIC};
    struct bus_kafka_options options = restore->kafka.options;
    struct replay replay = {restore, out, {0}};
    struct bus bus = {0};
    int32_t partitions = 0;

    *out = (struct cli_replayed){0};
    options.topics = topics;
    options.n_topics = ODK_ARRAY_LEN(topics);
    odk_arena_init(&replay.arena, 0);
    int rc = bus_kafka_open(&options, &bus, err);
    if (rc == 0) {
        rc = wait_assigned(&bus, &partitions, err);
    }
    for (int32_t p = 0; rc == 0 && p < partitions; p++) {
        rc = read_partition(&replay, &bus, p, err);
    }
    bus_close(&bus, true);
    odk_arena_release(&replay.arena);
    return rc;
}
