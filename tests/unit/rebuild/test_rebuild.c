#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../lane/world.h"
#include "rebuild/rebuild.h"

#define TASKS  "odradek.tasks.q"
#define REASON "rebuilt"

/* Tasks side by side, retries, a timer and a compensation. */
#define FLOW                                                                   \
    "{\"StartAt\":\"Both\",\"States\":{\"Both\":{\"Type\":\"Parallel\","       \
    "\"Branches\":[{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\","   \
    "\"Resource\":\"odradek:q:a\",\"TimeoutSeconds\":60,"                      \
    "\"Retry\":[{\"ErrorEquals\":[\"States.ALL\"],\"IntervalSeconds\":3,"      \
    "\"MaxAttempts\":2}],\"End\":true}}},{\"StartAt\":\"B\",\"States\":"       \
    "{\"B\":{\"Type\":\"Task\",\"Resource\":\"odradek:q:b\","                  \
    "\"TimeoutSeconds\":60,\"End\":true}}}],\"Next\":\"Rest\"},"               \
    "\"Rest\":{\"Type\":\"Wait\",\"Seconds\":5,\"Next\":\"Last\"},"            \
    "\"Last\":{\"Type\":\"Task\",\"Resource\":\"odradek:q:last\","             \
    "\"TimeoutSeconds\":600,\"End\":true}}}"

struct fixture {
    struct world world;
    struct store_mem_db *target; /**< rebuilt into */
    struct store store;
    struct bus history;
    struct bus inputs;
    struct rebuild *rebuild;
    struct odk_rand rand;
    struct odk_err err;
    int n_started;
    bool is_lenient;
};

static odk_time_ms
clock_wall(void *ctx)
{
    return ((struct fixture *)ctx)->world.now;
}

static uint64_t
clock_random(void *ctx)
{
    return odk_rand_u64(&((struct fixture *)ctx)->rand);
}

static void
define(struct store_mem_db *db)
{
    (void)store_mem_define(db, ODK_STR("default"), ODK_STR("flow"),
                           ODK_STR(FLOW));
}

/* A rebuild of db: a new connection, and buses without a group. */
static void
open_rebuild(struct fixture *f, struct store_mem_db *db)
{
    static const char *const history[] = {LANE_TOPIC_HISTORY};
    static const char *const inputs[] = {LANE_TOPIC_COMMANDS,
                                         LANE_TOPIC_RESULTS};
    struct bus_mem_options options = {.topics = history, .n_topics = 1};

    store_mem_set_time(db, f->world.now);
    store_mem_connect(db, &f->store);
    assert_int_equal(bus_mem_open(f->world.broker, &options, &f->history, NULL),
                     0);
    options.topics = inputs;
    options.n_topics = 2;
    assert_int_equal(bus_mem_open(f->world.broker, &options, &f->inputs, NULL),
                     0);
    struct rebuild_options of = {
        .history = f->history,
        .inputs = f->inputs,
        .store = f->store,
        .codec = f->world.codec,
        .owner = ODK_STR("rebuild"),
        .clock = {clock_wall, clock_wall, clock_random, f},
        .lane = {.partitions = WORLD_PARTITIONS},
        .accepts_lost = f->is_lenient};
    f->rebuild = rebuild_new(&of);
}

static void
close_rebuild(struct fixture *f)
{
    rebuild_free(f->rebuild);
    f->rebuild = NULL;
    store_close(&f->store);
    bus_close(&f->history, true);
    bus_close(&f->inputs, true);
}

static int
setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){0};
    odk_rand_init(&f.rand, 7);
    world_init(&f.world);
    define(f.world.db);
    world_open(&f.world, 0);
    f.target = store_mem_db_new();
    store_mem_set_server(f.target, 77, 1);
    store_mem_set_time(f.target, f.world.now);
    (void)store_mem_define(
        f.target, ODK_STR("default"), ODK_STR("work"),
        ODK_STR("{\"StartAt\":\"Work\",\"States\":{\"Work\":{\"Type\":\"Task\","
                "\"Resource\":\"odradek:q:work\",\"TimeoutSeconds\":60,\"End\":"
                "true}}}"));
    define(f.target);
    *state = &f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    if (f->rebuild) {
        close_rebuild(f);
    }
    store_mem_db_free(f->target);
    world_release(&f->world);
    return 0;
}

/* ---- the load ---- */

static size_t
n_tasks(struct fixture *f)
{
    return world_read(&f->world, TASKS, CODEC_TASK, 0, NULL);
}

static void
start(struct fixture *f, const char *definition)
{
    struct codec_start_workflow record;
    char id[32];
    char request[32];

    (void)snprintf(id, sizeof(id), "w-%d", f->n_started);
    (void)snprintf(request, sizeof(request), "r-%d", f->n_started++);
    codec_start_workflow_init(&record);
    record.namespace = ODK_STR("default");
    record.workflow_id = odk_str(id);
    record.definition = odk_str(definition);
    record.input = ODK_STR("{\"n\":1}");
    record.request_id = odk_str(request);
    record.has_reply = true;
    record.reply = (struct codec_reply_to){ODK_STR("odradek.replies.default"),
                                           1, odk_str(id)};
    world_send(&f->world, CODEC_START_WORKFLOW, &record, record.namespace,
               record.workflow_id);
}

static void
cancel(struct fixture *f, uint64_t i)
{
    struct codec_cancel_workflow record;
    char id[32];

    (void)snprintf(id, sizeof(id), "w-%d", (int)i);
    codec_cancel_workflow_init(&record);
    record.namespace = ODK_STR("default");
    record.workflow_id = odk_str(id);
    record.reason = ODK_STR("no more");
    record.request_id = ODK_STR("cancel");
    world_send(&f->world, CODEC_CANCEL_WORKFLOW, &record, record.namespace,
               record.workflow_id);
}

static void
act(struct fixture *f)
{
    size_t n = n_tasks(f);
    uint64_t dice = odk_rand_below(&f->rand, 10);

    if (dice < 3 || n == 0) {
        start(f, dice == 0 ? "work" : "flow");
    } else if (dice < 8) {
        world_succeed(&f->world, odk_rand_below(&f->rand, n), "{\"ok\":1}");
    } else if (dice == 8) {
        cancel(f, odk_rand_below(&f->rand, (uint64_t)f->n_started));
    } else {
        world_append(&f->world, LANE_TOPIC_COMMANDS, 1, ODK_STR("default/w-1"),
                     ODK_STR("nonsense"));
    }
}

static void
drive(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        act(f);
        if (odk_rand_below(&f->rand, 3) == 0) {
            world_pass(&f->world, (odk_dur_ms)odk_rand_below(&f->rand, 4000));
        }
    }
    world_pass(&f->world, 2000);
}

/* Every task is answered until nothing is left to do. */
static void
finish(struct fixture *f)
{
    for (int round = 0; round < 12; round++) {
        size_t n = n_tasks(f);
        for (size_t i = 0; i < n; i++) {
            world_succeed(&f->world, i, "{\"ok\":1}");
        }
        world_pass(&f->world, 6000);
    }
}

/* ---- looking ---- */

static uint64_t
hash(uint64_t seed, struct odk_str s)
{
    return odk_hash64(s, odk_mix64(seed + 1));
}

static uint64_t
hash_execution(const struct store_execution_write *row)
{
    uint64_t sum = hash((uint64_t)row->version, row->state);

    sum = hash(sum, row->workflow_key);
    sum = hash(sum + (uint64_t)row->status + (row->is_stuck ? 100 : 0),
               row->definition);
    sum = hash(sum + (uint64_t)row->started_at, row->error);
    return hash(sum + (uint64_t)row->closed_at,
                odk_str_n(row->run_id.bytes, 16));
}

static uint64_t
hash_histories(const struct store_mem_db *db)
{
    const struct store_history_write *row = NULL;
    uint64_t sum = 0;

    for (size_t i = 0; (row = store_mem_history(db, i)); i++) {
        uint64_t one =
            hash((uint64_t)row->version + (uint64_t)row->shard, row->entries);
        one = hash(one + (uint64_t)row->at + (uint64_t)row->first_event_id,
                   odk_str_n(row->run_id.bytes, 16));
        sum += one;
    }
    return sum;
}

static uint64_t
hash_shard(struct store *store, int32_t shard, struct odk_arena *arena)
{
    const struct store_timer *timers = NULL;
    const struct store_source *sources = NULL;
    uint64_t sum = 0;
    size_t n = 0;

    assert_int_equal(
        store_timers(store, shard, NULL, 100000, arena, &timers, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        sum += hash((uint64_t)timers[i].due + timers[i].id,
                    odk_str_n(timers[i].run_id.bytes, 16));
    }
    assert_int_equal(store_sources(store, shard, arena, &sources, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        sum += hash((uint64_t)sources[i].seq, sources[i].name);
    }
    return sum;
}

static uint64_t
hash_request(struct store *store, struct odk_arena *arena,
             struct odk_str workflow_key, const char *request_id)
{
    struct store_request want = {
        .shard = odk_partition(workflow_key, WORLD_PARTITIONS),
        .workflow_key = workflow_key,
        .request_id = odk_str(request_id)};
    struct store_request found = {0};
    bool is_found = false;

    assert_int_equal(
        store_requests(store, &want, 1, arena, &found, &is_found, NULL), 0);
    if (!is_found) {
        return 0;
    }
    uint64_t sum = hash((uint64_t)found.at, workflow_key);
    sum = hash(sum, odk_str_n(found.digest, sizeof(found.digest)));
    sum = hash(sum, odk_str_n(found.run_id.bytes, found.has_run_id ? 16 : 0));
    return hash(hash(sum, found.code), found.message);
}

/* Outcomes of the commands that the load sends. */
static uint64_t
hash_requests(struct fixture *f, struct store *store, struct odk_arena *arena)
{
    uint64_t sum = 0;
    char key[48];
    char request[32];

    for (int i = 0; i < f->n_started; i++) {
        (void)snprintf(key, sizeof(key), "default/w-%d", i);
        (void)snprintf(request, sizeof(request), "r-%d", i);
        sum += hash_request(store, arena, odk_str(key), request);
        sum += hash_request(store, arena, odk_str(key), "cancel");
    }
    return sum;
}

/* All that a rebuild must give back. */
static uint64_t
digest(struct fixture *f, struct store_mem_db *db)
{
    const struct store_execution_write *row = NULL;
    struct odk_arena arena;
    struct store store;
    uint64_t sum = hash_histories(db);

    odk_arena_init(&arena, 0);
    store_mem_connect(db, &store);
    while ((row = store_mem_execution_next(db, row))) {
        struct store_want want = {row->shard, row->workflow_key, false, {{0}}};
        struct store_execution current = {0};
        sum += hash_execution(row);
        assert_int_equal(store_load(&store, &want, 1, &arena, &current, NULL),
                         0);
        sum +=
            hash((uint64_t)current.status, odk_str_n(current.run_id.bytes, 16));
    }
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        sum += hash_shard(&store, shard, &arena);
    }
    sum += hash_requests(f, &store, &arena);
    store_close(&store);
    odk_arena_release(&arena);
    return sum;
}

/* ---- doing ---- */

static int
run(struct fixture *f, int32_t shard, const char *reason,
    const struct rebuild_cut *cut)
{
    bool is_done = false;
    int rc = rebuild_begin(f->rebuild, shard, reason, cut, &f->err);

    while (rc == 0 && !is_done) {
        rc = rebuild_step(f->rebuild, &is_done, &f->err);
    }
    return rc ? rc : rebuild_end(f->rebuild, &f->err);
}

static void
rebuild_all(struct fixture *f)
{
    open_rebuild(f, f->target);
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        int rc = run(f, shard, REASON, NULL);
        if (rc != 0) {
            fail_msg("shard %d: %s", shard, f->err.message);
        }
    }
}

static int64_t
log_end(struct fixture *f, const char *topic, int32_t partition)
{
    struct bus_message message;
    int64_t end = 0;

    while (bus_mem_read(f->world.broker, odk_str(topic), partition, end,
                        &message)) {
        end = message.offset + 1;
    }
    return end;
}

/* ---- tests ---- */

static void
a_rebuilt_database_is_the_live_one(void **state)
{
    struct fixture *f = *state;

    drive(f, 400);
    size_t n_records = world_count_raw(&f->world, LANE_TOPIC_HISTORY);
    size_t n_sent = world_count_raw(&f->world, TASKS);
    rebuild_all(f);
    assert_int_equal(store_mem_count(f->target).executions,
                     store_mem_count(f->world.db).executions);
    assert_int_equal(store_mem_count(f->target).histories,
                     store_mem_count(f->world.db).histories);
    assert_int_equal(store_mem_count(f->target).timers,
                     store_mem_count(f->world.db).timers);
    assert_int_equal(store_mem_count(f->target).requests,
                     store_mem_count(f->world.db).requests);
    assert_true(store_mem_count(f->target).requests > 50);
    assert_true(digest(f, f->target) == digest(f, f->world.db));
    assert_int_equal(store_mem_count(f->target).outputs, 0);
    /* Nothing was emitted. */
    assert_int_equal(world_count_raw(&f->world, LANE_TOPIC_HISTORY), n_records);
    assert_int_equal(world_count_raw(&f->world, TASKS), n_sent);
}

static void
a_cut_gives_the_state_of_that_moment(void **state)
{
    struct fixture *f = *state;
    int64_t ends[WORLD_PARTITIONS];

    drive(f, 120);
    struct store_mem_db *then = store_mem_db_copy(f->world.db);
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        ends[shard] = log_end(f, LANE_TOPIC_HISTORY, shard);
    }
    drive(f, 120);
    open_rebuild(f, f->target);
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        struct rebuild_cut cut = {.offset = ends[shard]};
        assert_int_equal(run(f, shard, REASON, &cut), 0);
    }
    assert_true(digest(f, f->target) == digest(f, then));
    assert_true(digest(f, f->target) != digest(f, f->world.db));
    /* Begun again without a cut it goes on from there. */
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        assert_int_equal(run(f, shard, REASON, NULL), 0);
    }
    assert_true(digest(f, f->target) == digest(f, f->world.db));
    store_mem_db_free(then);
}

static void
a_point_in_time_is_a_cut(void **state)
{
    struct fixture *f = *state;

    drive(f, 60);
    struct store_mem_db *then = store_mem_db_copy(f->world.db);
    struct rebuild_cut cut = {.until = f->world.now, .offset = -1};
    world_pass(&f->world, 1);
    drive(f, 60);
    open_rebuild(f, f->target);
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        assert_int_equal(run(f, shard, REASON, &cut), 0);
    }
    assert_true(digest(f, f->target) == digest(f, then));
    store_mem_db_free(then);
}

static void
a_database_with_data_of_its_own_is_refused(void **state)
{
    struct fixture *f = *state;
    int32_t home = odk_partition(ODK_STR("default/w-0"), WORLD_PARTITIONS);

    start(f, "work");
    world_pass(&f->world, 2000);
    open_rebuild(f, f->world.db);
    assert_int_equal(run(f, home, REASON, NULL), ODK_ECONFLICT);
}

/* The first record of the shard's history comes again as its only one, with a
 * text in it changed to another of the same length. Returns its offset. */
static int64_t
change_record(struct fixture *f, int32_t shard, const char *from,
              const char *to)
{
    struct bus_message message;
    struct bus_record record = {
        .shard = -1, .topic = ODK_STR(LANE_TOPIC_HISTORY), .partition = shard};
    struct odk_buf value;

    assert_true(
        bus_mem_read(f->world.broker, record.topic, shard, 0, &message));
    odk_buf_init(&value, 0);
    odk_buf_put_str(&value, message.value);
    char *at = memmem(value.ptr, value.len, from, strlen(from));
    assert_non_null(at);
    for (size_t i = 0; to[i]; i++) {
        at[i] = to[i];
    }
    record.value = odk_buf_str(&value);
    record.key = message.key;
    record.headers = message.headers;
    record.n_headers = message.n_headers;
    int64_t offset = bus_mem_append(f->world.broker, &record);
    assert_true(offset > 0);
    bus_mem_truncate_head(f->world.broker, record.topic, shard, offset);
    odk_buf_release(&value);
    return offset;
}

static void
a_changed_record_is_named(void **state)
{
    struct fixture *f = *state;
    int32_t home = odk_partition(ODK_STR("default/w-0"), WORLD_PARTITIONS);
    struct store_shard_move move = {.shard = home, .fence = 5};
    struct store_batch batch = {
        .wall = f->world.now, .shards = &move, .n_shards = 1};
    struct store_shard row;
    char place[64];

    start(f, "work");
    world_pass(&f->world, 2000);
    move.history_offset = change_record(f, home, "{\"n\":1}", "{\"n\":2}");
    open_rebuild(f, f->target);
    /* An earlier rebuild has read what expired since. */
    assert_int_equal(store_acquire(&f->store, home, 5, ODK_STR(""),
                                   &f->world.arena, &row, NULL),
                     0);
    assert_int_equal(store_commit(&f->store, &batch, NULL), 0);
    assert_int_equal(
        store_quarantine(&f->store, home, 5, ODK_STR(REASON), NULL), 0);
    assert_int_equal(run(f, home, REASON, NULL), ODK_ECORRUPT);
    (void)snprintf(place, sizeof(place),
                   "odradek.history/%d offset %lld: ", home,
                   (long long)move.history_offset);
    assert_non_null(strstr(f->err.message, place));
    assert_non_null(strstr(f->err.message, "chain hash"));
    assert_int_equal(store_mem_count(f->target).executions, 0);
}

static void
a_missing_version_is_named(void **state)
{
    struct fixture *f = *state;
    int32_t home = odk_partition(ODK_STR("default/w-0"), WORLD_PARTITIONS);
    struct store_shard_move move = {.shard = home, .fence = 5};
    struct store_batch batch = {
        .wall = f->world.now, .shards = &move, .n_shards = 1};
    struct store_shard row;

    start(f, "work");
    world_pass(&f->world, 2000);
    move.history_offset = log_end(f, LANE_TOPIC_HISTORY, home);
    world_succeed(&f->world, 0, "{}");
    world_pass(&f->world, 2000);
    open_rebuild(f, f->target);
    assert_int_equal(store_acquire(&f->store, home, 5, ODK_STR(""),
                                   &f->world.arena, &row, NULL),
                     0);
    assert_int_equal(store_commit(&f->store, &batch, NULL), 0);
    assert_int_equal(
        store_quarantine(&f->store, home, 5, ODK_STR(REASON), NULL), 0);
    assert_int_equal(run(f, home, REASON, NULL), ODK_ECORRUPT);
    assert_non_null(strstr(f->err.message, "has version 2 where 1 is due"));
}

static void
a_history_that_expired_is_refused(void **state)
{
    struct fixture *f = *state;
    int32_t home = odk_partition(ODK_STR("default/w-0"), WORLD_PARTITIONS);
    char place[64];

    start(f, "work");
    world_pass(&f->world, 2000);
    world_succeed(&f->world, 0, "{}");
    world_pass(&f->world, 2000);
    bus_mem_truncate_head(f->world.broker, ODK_STR(LANE_TOPIC_HISTORY), home,
                          1);
    open_rebuild(f, f->target);
    assert_int_equal(run(f, home, REASON, NULL), ODK_ECORRUPT);
    (void)snprintf(place, sizeof(place), "odradek.history/%d begins", home);
    assert_non_null(strstr(f->err.message, place));
}

/* The database of an older moment takes the live one's place. */
static void
fail_over_to(struct fixture *f, struct store_mem_db *backup)
{
    struct world *w = &f->world;

    world_kill(w, 0, 100000);
    store_mem_db_free(w->db);
    w->db = backup;
    store_mem_set_time(w->db, w->now);
    store_mem_set_server(w->db, 1, 2);
    world_open(w, 0);
}

static void
repair_all(struct fixture *f)
{
    open_rebuild(f, f->world.db);
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        struct store_shard row;
        if (!store_mem_shard(f->world.db, shard, &row) || !row.quarantine.ptr) {
            continue;
        }
        int rc = run(f, shard, NULL, NULL);
        if (rc != 0) {
            fail_msg("shard %d: %s", shard, f->err.message);
        }
        store_mem_release(f->world.db, shard);
    }
    close_rebuild(f);
    world_pass(&f->world, 20000);
}

static size_t
n_open(const struct store_mem_db *db)
{
    const struct store_execution_write *row = NULL;
    size_t n = 0;

    while ((row = store_mem_execution_next(db, row))) {
        n += row->closed_at == 0;
    }
    return n;
}

static void
lost_commits_are_repaired_and_every_run_ends_once(void **state)
{
    struct fixture *f = *state;

    drive(f, 100);
    struct store_mem_db *backup = store_mem_db_copy(f->world.db);
    drive(f, 100);
    size_t executions = store_mem_count(f->world.db).executions;
    size_t histories = store_mem_count(f->world.db).histories;
    uint64_t before = digest(f, f->world.db);
    fail_over_to(f, backup);
    assert_true(world_logged(&f->world, "shard.quarantined"));
    open_rebuild(f, f->world.db);
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        assert_int_equal(run(f, shard, NULL, NULL), 0);
        store_mem_release(f->world.db, shard);
    }
    close_rebuild(f);
    assert_int_equal(store_mem_count(f->world.db).histories, histories);
    assert_true(digest(f, f->world.db) == before);
    world_pass(&f->world, 20000);
    assert_int_equal(lane_stats(f->world.lanes[0])->shards_owned,
                     WORLD_PARTITIONS);
    finish(f);
    assert_int_equal(store_mem_count(f->world.db).executions, executions);
    assert_int_equal(n_open(f->world.db), 0);
}

/* Tasks whose records the broker does not have, while it has the history of
 * their transitions. */
static void
outputs_that_never_arrived_are_done_again(void **state)
{
    struct fixture *f = *state;
    drive(f, 60);
    struct store_mem_db *backup = store_mem_db_copy(f->world.db);
    size_t known = n_tasks(f);
    int64_t ends[2] = {log_end(f, TASKS, 0), log_end(f, TASKS, 1)};
    for (int i = 0; i < 8; i++) {
        start(f, i % 2 == 0 ? "flow" : "work");
    }
    drive(f, 60); /* timers, retries and cancels as well */
    size_t n = n_tasks(f);
    assert_true(n - known >= 16);
    for (int32_t p = 0; p < 2; p++) {
        bus_mem_truncate_tail(f->world.broker, ODK_STR(TASKS), p, ends[p]);
    }
    assert_int_equal(n_tasks(f), known);
    fail_over_to(f, backup);
    repair_all(f);
    assert_int_equal(n_tasks(f), n);
    assert_int_equal(lane_stats(f->world.lanes[0])->shards_owned,
                     WORLD_PARTITIONS);
    finish(f);
    assert_int_equal(n_open(f->world.db), 0);
}

static void
without_its_input_an_output_is_given_up_only_when_asked_to(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->world;
    int32_t home = odk_partition(ODK_STR("default/w-0"), WORLD_PARTITIONS);
    struct odk_str commands = ODK_STR(LANE_TOPIC_COMMANDS);

    struct store_mem_db *backup = store_mem_db_copy(w->db);
    start(f, "work");
    world_pass(w, 2000);
    assert_int_equal(n_tasks(f), 1);
    bus_mem_truncate_tail(w->broker, ODK_STR(TASKS), home % 2, 0);
    fail_over_to(f, backup);
    bus_mem_truncate_head(w->broker, commands, home,
                          log_end(f, LANE_TOPIC_COMMANDS, home));
    open_rebuild(f, w->db);
    assert_int_equal(run(f, home, NULL, NULL), ODK_ECORRUPT);
    assert_non_null(strstr(f->err.message, "odradek.commands"));
    assert_int_equal(store_mem_count(w->db).executions, 0);
    close_rebuild(f);
    f->is_lenient = true;
    open_rebuild(f, w->db);
    assert_int_equal(run(f, home, NULL, NULL), 0);
    assert_int_equal(rebuild_report(f->rebuild)->lost, 1);
    assert_int_equal(store_mem_count(w->db).executions, 1);
}

/* A signal to nobody, which is refused. */
static void
signal_nobody(struct fixture *f, const char *id)
{
    struct codec_signal_workflow record;

    codec_signal_workflow_init(&record);
    record.namespace = ODK_STR("default");
    record.workflow_id = odk_str(id);
    record.name = ODK_STR("go");
    record.has_reply = true;
    record.reply = (struct codec_reply_to){ODK_STR("odradek.replies.default"),
                                           2, odk_str(id)};
    world_send(&f->world, CODEC_SIGNAL_WORKFLOW, &record, record.namespace,
               record.workflow_id);
}

static void
refusals_and_dead_letters_that_never_arrived_are_done_again(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->world;

    drive(f, 60);
    struct store_mem_db *backup = store_mem_db_copy(w->db);
    int64_t letters = log_end(f, LANE_TOPIC_DEADLETTER, 0);
    int64_t replies = log_end(f, "odradek.replies.default", 2);
    for (int i = 0; i < 3; i++) {
        world_append(w, LANE_TOPIC_COMMANDS, 1, ODK_STR("default/w-1"),
                     ODK_STR("nonsense"));
        signal_nobody(f, i == 0 ? "nobody-1" : "nobody-2");
        world_pass(w, 1000);
    }
    int64_t n_letters = log_end(f, LANE_TOPIC_DEADLETTER, 0);
    int64_t n_replies = log_end(f, "odradek.replies.default", 2);
    assert_int_equal(n_letters - letters, 3);
    assert_int_equal(n_replies - replies, 3);
    bus_mem_truncate_tail(w->broker, ODK_STR(LANE_TOPIC_DEADLETTER), 0,
                          letters);
    bus_mem_truncate_tail(w->broker, ODK_STR("odradek.replies.default"), 2,
                          replies);
    fail_over_to(f, backup);
    repair_all(f);
    assert_int_equal(lane_stats(w->lanes[0])->shards_owned, WORLD_PARTITIONS);
    struct bus_message message;
    struct codec_record reply;
    assert_true(bus_mem_read(w->broker, ODK_STR("odradek.replies.default"), 2,
                             n_replies - 1, &message));
    assert_int_equal(
        codec_decode(w->codec, message.value, &w->arena, &reply, NULL), 0);
    assert_true(odk_str_is(reply.reply.code, "WorkflowNotFound"));
    assert_int_equal(log_end(f, "odradek.replies.default", 2), n_replies);
    assert_true(log_end(f, LANE_TOPIC_DEADLETTER, 0) >= n_letters);
}

static void
a_rebuilt_database_takes_over(void **state)
{
    struct fixture *f = *state;

    drive(f, 150);
    size_t executions = store_mem_count(f->world.db).executions;
    rebuild_all(f);
    close_rebuild(f);
    world_kill(&f->world, 0, 100000);
    struct store_mem_db *old = f->world.db;
    f->world.db = f->target;
    f->target = old;
    store_mem_set_time(f->world.db, f->world.now);
    world_open(&f->world, 0);
    assert_int_equal(lane_stats(f->world.lanes[0])->shards_quarantined,
                     WORLD_PARTITIONS);
    for (int32_t shard = 0; shard < WORLD_PARTITIONS; shard++) {
        store_mem_release(f->world.db, shard);
    }
    world_pass(&f->world, 20000);
    assert_int_equal(lane_stats(f->world.lanes[0])->shards_owned,
                     WORLD_PARTITIONS);
    finish(f);
    assert_int_equal(store_mem_count(f->world.db).executions, executions);
    assert_int_equal(n_open(f->world.db), 0);
}

/* ---- any loss ---- */

/* What a broker had not taken when the database was lost: of each partition the
 * records from some place behind the backup on (I7). */
static const struct {
    const char *topic;
    int32_t partitions;
} outbound[] = {
    {LANE_TOPIC_HISTORY, WORLD_PARTITIONS},
    {TASKS, 2},
    {"odradek.cancels.q", 1},
    {LANE_TOPIC_DEADLETTER, 1},
    {"odradek.replies.default", 3},
};

struct ends {
    int64_t at[ODK_ARRAY_LEN(outbound)][WORLD_PARTITIONS];
};

static void
read_ends(struct fixture *f, struct ends *out)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(outbound); i++) {
        for (int32_t p = 0; p < outbound[i].partitions; p++) {
            out->at[i][p] = log_end(f, outbound[i].topic, p);
        }
    }
}

static void
lose_tails(struct fixture *f, const struct ends *backup)
{
    struct ends now;

    read_ends(f, &now);
    for (size_t i = 0; i < ODK_ARRAY_LEN(outbound); i++) {
        for (int32_t p = 0; p < outbound[i].partitions; p++) {
            uint64_t n = (uint64_t)(now.at[i][p] - backup->at[i][p]);
            uint64_t kept = odk_rand_below(&f->rand, 2 * n + 1);
            if (kept < n) {
                bus_mem_truncate_tail(f->world.broker,
                                      odk_str(outbound[i].topic), p,
                                      backup->at[i][p] + (int64_t)kept);
            }
        }
    }
}

/* As a reader sees it: each version of a run once, and none without the one
 * before. */
static void
check_history(struct fixture *f)
{
    struct world *w = &f->world;
    size_t n = world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, 0, NULL);
    struct codec_history_record *all =
        odk_arena_calloc(&w->arena, n, sizeof(*all));

    for (size_t i = 0; i < n; i++) {
        struct codec_record record;
        (void)world_read(w, LANE_TOPIC_HISTORY, CODEC_HISTORY_RECORD, i,
                         &record);
        int64_t version = 0;
        for (size_t k = 0; k < i; k++) {
            if (odk_str_eq(all[k].run_id, record.history_record.run_id)) {
                assert_true(all[k].version > version);
                version = all[k].version;
            }
        }
        all[i] = record.history_record;
        assert_int_equal(all[i].version, version + 1);
    }
}

static void
repair_until_owned(struct fixture *f)
{
    for (int round = 0; round < 5; round++) {
        repair_all(f);
        if (lane_stats(f->world.lanes[0])->shards_owned == WORLD_PARTITIONS) {
            return;
        }
    }
    fail_msg("shards stay in quarantine");
}

static void
lose_something(uint64_t seed)
{
    void *state = NULL;
    struct ends ends;

    assert_int_equal(setup(&state), 0);
    struct fixture *f = state;
    odk_rand_init(&f->rand, seed);
    drive(f, 20);
    struct store_mem_db *backup = store_mem_db_copy(f->world.db);
    read_ends(f, &ends);
    drive(f, 30);
    world_kill(&f->world, 0, 100000);
    lose_tails(f, &ends);
    store_mem_db_free(f->world.db);
    f->world.db = backup;
    store_mem_set_time(f->world.db, f->world.now);
    store_mem_set_server(f->world.db, 1, 2);
    world_open(&f->world, 0);
    repair_until_owned(f);
    finish(f);
    assert_int_equal(n_open(f->world.db), 0);
    assert_int_equal(store_mem_count(f->world.db).executions, f->n_started);
    check_history(f);
    assert_int_equal(teardown(&state), 0);
}

/* REBUILD_SEEDS=n runs so many; REBUILD_SEED=n that one. */
static void
whatever_is_lost_every_run_ends_once(void **state)
{
    const char *seeds = getenv("REBUILD_SEEDS");
    const char *one = getenv("REBUILD_SEED");
    uint64_t n = 6;
    uint64_t seed = 0;

    (void)state;
    if (seeds) {
        (void)odk_str_to_u64(odk_str(seeds), &n);
    }
    if (one && odk_str_to_u64(odk_str(one), &seed)) {
        lose_something(seed);
        return;
    }
    for (seed = 1; seed <= n; seed++) {
        (void)fprintf(stderr, "%s%llu", seed == 1 ? "seeds: " : " ",
                      (unsigned long long)seed);
        lose_something(seed);
    }
    (void)fprintf(stderr, "\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rebuilt_database_is_the_live_one),
        TEST(a_cut_gives_the_state_of_that_moment),
        TEST(a_point_in_time_is_a_cut),
        TEST(a_database_with_data_of_its_own_is_refused),
        TEST(a_changed_record_is_named),
        TEST(a_missing_version_is_named),
        TEST(a_history_that_expired_is_refused),
        TEST(lost_commits_are_repaired_and_every_run_ends_once),
        TEST(outputs_that_never_arrived_are_done_again),
        TEST(without_its_input_an_output_is_given_up_only_when_asked_to),
        TEST(refusals_and_dead_letters_that_never_arrived_are_done_again),
        TEST(a_rebuilt_database_takes_over),
        cmocka_unit_test(whatever_is_lost_every_run_ends_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
