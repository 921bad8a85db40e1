#include "world.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const inbound[] = {LANE_TOPIC_COMMANDS, LANE_TOPIC_RESULTS};

static odk_time_ms
clock_wall(void *ctx)
{
    const struct world *world = ctx;

    return world->now + world->clock_off_ms;
}

static odk_dur_ms
clock_monotonic(void *ctx)
{
    return ((const struct world *)ctx)->now;
}

static uint64_t
clock_random(void *ctx)
{
    struct world *world = ctx;

    return odk_mix64(++world->random);
}

static void
log_emit(void *ctx, enum odk_log_level level, const char *event,
         const char *message)
{
    struct world *world = ctx;
    size_t len = strlen(world->log);

    (void)level;
    (void)message;
    (void)snprintf(world->log + len, sizeof(world->log) - len, "%s\n", event);
    if (getenv("WORLD_LOG")) {
        (void)fprintf(stderr, "%s: %s\n", event, message);
    }
}

size_t
world_logged(const struct world *world, const char *event)
{
    const char *at = world->log;
    size_t n = 0;

    while ((at = strstr(at, event))) {
        at += strlen(event);
        n++;
    }
    return n;
}

static void
topic_create(struct world *world, const char *name, int32_t partitions)
{
    int rc =
        bus_mem_topic_create(world->broker, odk_str(name), partitions, 0, NULL);

    odk_assert(rc == 0);
}

void
world_init(struct world *world)
{
    *world = (struct world){.now = 1764032523456};
    world->broker = bus_mem_broker_new();
    world->db = store_mem_db_new();
    world->codec = codec_new(NULL);
    bus_mem_set_time(world->broker, world->now);
    store_mem_set_time(world->db, world->now);
    topic_create(world, LANE_TOPIC_COMMANDS, WORLD_PARTITIONS);
    topic_create(world, LANE_TOPIC_RESULTS, WORLD_PARTITIONS);
    topic_create(world, LANE_TOPIC_HISTORY, WORLD_PARTITIONS);
    topic_create(world, LANE_TOPIC_DEADLETTER, 1);
    topic_create(world, "odradek.tasks.q", 2);
    topic_create(world, "odradek.cancels.q", 1);
    topic_create(world, "odradek.replies.default", 3);
    (void)store_mem_define(
        world->db, ODK_STR("default"), ODK_STR("work"),
        ODK_STR("{\"StartAt\":\"Work\",\"States\":{\"Work\":{\"Type\":\"Task\","
                "\"Resource\":\"odradek:q:work\",\"TimeoutSeconds\":60,\"End\":"
                "true}}}"));
    odk_buf_init(&world->scratch, 0);
    odk_arena_init(&world->arena, 0);
}

void
world_release(struct world *world)
{
    for (int i = 0; i < WORLD_LANES; i++) {
        if (world->lanes[i]) {
            lane_close(world->lanes[i], true);
        }
    }
    bus_mem_broker_free(world->broker);
    store_mem_db_free(world->db);
    codec_free(world->codec);
    odk_buf_release(&world->scratch);
    odk_arena_release(&world->arena);
}

void
world_open(struct world *world, int i)
{
    struct bus_mem_options bus = {.group_id = "odradek",
                                  .topics = inbound,
                                  .n_topics = 2,
                                  .queue_max = world->queue_max};
    struct lane_options options = {
        .codec = world->codec,
        .clock = {clock_wall, clock_monotonic, clock_random, world},
        .logger = {log_emit, world},
        .owner = ODK_STR("test"),
        .partitions = WORLD_PARTITIONS,
        .queue_max = world->queue_max,
        .drain_ms_max = 1,
        .history_events_warn = world->history_events_warn,
    };
    int rc = bus_mem_open(world->broker, &bus, &world->buses[i], NULL);

    odk_assert(rc == 0 && !world->lanes[i]);
    store_mem_connect(world->db, &world->stores[i]);
    options.bus = world->buses[i];
    options.store = world->stores[i];
    world->lanes[i] = lane_new(&options);
    world_settle(world);
}

void
world_kill(struct world *world, int i, size_t n_arriving)
{
    bus_mem_crash(&world->buses[i], n_arriving);
    lane_crash(world->lanes[i]);
    world->lanes[i] = NULL;
    world->now += BUS_MEM_SESSION_MS + 1;
    bus_mem_set_time(world->broker, world->now);
    store_mem_set_time(world->db, world->now);
}

void
world_settle(struct world *world)
{
    int quiet = 0;

    for (int round = 0; quiet < 4 && round < 10000; round++) {
        bool is_busy = false;
        for (int i = 0; i < WORLD_LANES; i++) {
            is_busy |= world->lanes[i] && lane_tick(world->lanes[i], 0);
        }
        quiet = is_busy ? 0 : quiet + 1;
    }
    odk_assert(quiet == 4);
}

void
world_pass(struct world *world, odk_dur_ms ms)
{
    world->now += ms;
    bus_mem_set_time(world->broker, world->now);
    store_mem_set_time(world->db, world->now);
    world_settle(world);
}

void
world_append(struct world *world, const char *topic, int32_t partition,
             struct odk_str key, struct odk_str value)
{
    struct bus_record record = {.shard = -1,
                                .topic = odk_str(topic),
                                .partition = partition,
                                .key = key,
                                .value = value};

    odk_assert(bus_mem_append(world->broker, &record) >= 0);
}

static void
append_record(struct world *world, const char *topic, enum codec_kind kind,
              const void *record, struct odk_str key)
{
    odk_buf_clear(&world->scratch);
    int rc = codec_encode(world->codec, kind, record, &world->scratch, NULL);
    odk_assert(rc == 0);
    world_append(world, topic, odk_partition(key, WORLD_PARTITIONS), key,
                 odk_buf_str(&world->scratch));
}

static struct odk_str
key_of(char out[256], struct odk_str namespace_, struct odk_str workflow_id)
{
    int len = snprintf(out, 256, "%.*s/%.*s", ODK_STR_ARG(namespace_),
                       ODK_STR_ARG(workflow_id));

    return odk_str_n(out, (size_t)len);
}

void
world_send(struct world *world, enum codec_kind kind, const void *record,
           struct odk_str namespace_, struct odk_str workflow_id)
{
    char key[256];

    append_record(world, LANE_TOPIC_COMMANDS, kind, record,
                  key_of(key, namespace_, workflow_id));
}

void
world_start(struct world *world, const char *workflow_id,
            const char *request_id)
{
    struct codec_start_workflow start;

    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = odk_str(workflow_id);
    start.definition = ODK_STR("work");
    start.input = ODK_STR("{\"n\":1}");
    start.request_id = odk_str(request_id);
    start.has_reply = true;
    start.reply = (struct codec_reply_to){ODK_STR("odradek.replies.default"), 1,
                                          odk_str(workflow_id)};
    world_send(world, CODEC_START_WORKFLOW, &start, start.namespace,
               start.workflow_id);
}

/* The number in a header, 0 if it is absent. */
static uint64_t
header_number(const struct bus_message *message, const char *name)
{
    uint64_t value = 0;

    for (size_t i = 0; i < message->n_headers; i++) {
        if (odk_str_is(message->headers[i].name, name)) {
            (void)odk_str_to_u64(message->headers[i].value, &value);
        }
    }
    return value;
}

struct reader {
    struct world *world;
    enum codec_kind kind;
    size_t index;
    struct codec_record *out;
    size_t n;
};

static void
read_partition(struct reader *reader, const char *topic, int32_t partition)
{
    uint64_t watermarks[WORLD_PARTITIONS] = {0};
    struct bus_message message;
    int64_t offset = 0;

    while (bus_mem_read(reader->world->broker, odk_str(topic), partition,
                        offset, &message)) {
        uint64_t shard = header_number(&message, "odk-shard");
        uint64_t seq = header_number(&message, "odk-seq");
        struct codec_record record;
        offset = message.offset + 1;
        odk_assert(shard < WORLD_PARTITIONS);
        if (seq != 0 && seq <= watermarks[shard]) {
            continue;
        }
        watermarks[shard] = seq;
        if (!message.value.ptr ||
            codec_decode(reader->world->codec, message.value,
                         &reader->world->arena, &record, NULL) != 0 ||
            record.kind != reader->kind) {
            continue;
        }
        if (reader->n++ == reader->index && reader->out) {
            *reader->out = record;
        }
    }
}

size_t
world_read(struct world *world, const char *topic, enum codec_kind kind,
           size_t index, struct codec_record *out)
{
    struct reader reader = {world, kind, index, out, 0};

    for (int32_t partition = 0; partition < WORLD_PARTITIONS; partition++) {
        read_partition(&reader, topic, partition);
    }
    return reader.n;
}

size_t
world_count_raw(const struct world *world, const char *topic)
{
    struct bus_message message;
    size_t n = 0;

    for (int32_t partition = 0; partition < WORLD_PARTITIONS; partition++) {
        int64_t offset = 0;
        while (bus_mem_read(world->broker, odk_str(topic), partition, offset,
                            &message)) {
            offset = message.offset + 1;
            n++;
        }
    }
    return n;
}

struct odk_str
world_last_header(const struct world *world, const char *topic,
                  const char *name)
{
    struct bus_message message;
    struct odk_str value = {0};
    int64_t offset = 0;

    while (bus_mem_read(world->broker, odk_str(topic), 0, offset, &message)) {
        offset = message.offset + 1;
        value = (struct odk_str){0};
        for (size_t i = 0; i < message.n_headers; i++) {
            if (odk_str_is(message.headers[i].name, name)) {
                value = message.headers[i].value;
            }
        }
    }
    return value;
}

void
world_succeed(struct world *world, size_t index, const char *output)
{
    struct codec_task_succeeded success;
    struct codec_record task;
    char key[256];

    odk_assert(world_read(world, "odradek.tasks.q", CODEC_TASK, index, &task) >
               index);
    codec_task_succeeded_init(&success);
    success.namespace = task.task.namespace;
    success.workflow_id = task.task.workflow_id;
    success.run_id = task.task.run_id;
    success.activity_id = task.task.activity_id;
    success.attempt = task.task.attempt;
    success.token = task.task.token;
    success.output = odk_str(output);
    append_record(world, LANE_TOPIC_RESULTS, CODEC_TASK_SUCCEEDED, &success,
                  key_of(key, task.task.namespace, task.task.workflow_id));
}

void
world_started(struct world *world, size_t index)
{
    struct codec_task_started started;
    struct codec_record task;
    char key[256];

    odk_assert(world_read(world, "odradek.tasks.q", CODEC_TASK, index, &task) >
               index);
    codec_task_started_init(&started);
    started.namespace = task.task.namespace;
    started.workflow_id = task.task.workflow_id;
    started.run_id = task.task.run_id;
    started.activity_id = task.task.activity_id;
    started.attempt = task.task.attempt;
    started.token = task.task.token;
    append_record(world, LANE_TOPIC_RESULTS, CODEC_TASK_STARTED, &started,
                  key_of(key, task.task.namespace, task.task.workflow_id));
}

size_t
world_replies(struct world *world, enum codec_reply_kind kind)
{
    struct codec_record record;
    const char *topic = "odradek.replies.default";
    size_t n = world_read(world, topic, CODEC_REPLY, 0, NULL);
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        (void)world_read(world, topic, CODEC_REPLY, i, &record);
        found += record.reply.kind == kind;
    }
    return found;
}
