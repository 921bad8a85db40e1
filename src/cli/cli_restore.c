#include "cli/cli_restore.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli_output.h"

/* Fenced so often without a step in between: two that cannot both go on. */
#define FENCED_MAX 5
#define MS_PER_S   1000
#define NS_PER_MS  1000000

/* ---- the clock ---- */

static odk_time_ms
clock_wall(void *ctx)
{
    (void)ctx;
    return cli_now();
}

static odk_dur_ms
clock_monotonic(void *ctx)
{
    struct timespec now;

    (void)ctx;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (odk_dur_ms)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static uint64_t
clock_random(void *ctx)
{
    uint64_t random = 0;

    (void)ctx;
    ssize_t n = getrandom(&random, sizeof(random), 0);
    odk_assert(n == (ssize_t)sizeof(random));
    return random;
}

struct lane_clock
cli_lane_clock(void)
{
    return (struct lane_clock){clock_wall, clock_monotonic, clock_random, NULL};
}

struct lane_options
cli_lane_options(const struct config *config,
                 const struct store_pg_cluster *cluster)
{
    struct lane_options options = {
        .clock = cli_lane_clock(),
        .partitions = cluster->partitions,
        .batch_max = (size_t)config_i64(config, CONFIG_LANE_BATCH),
        .cache_bytes_max = (size_t)config_i64(config, CONFIG_LANE_CACHE),
        .input_bytes_max = (size_t)config_i64(config, CONFIG_LANE_INPUT),
        .record_bytes_max = (size_t)config_i64(config, CONFIG_LANE_RECORD),
        .backlog_max = (uint64_t)config_i64(config, CONFIG_LANE_BACKLOG),
        .timers_in_memory = (size_t)config_i64(config, CONFIG_LANE_TIMERS),
        .drain_ms_max = config_i64(config, CONFIG_LANE_DRAIN),
        .limits = {.payload_bytes = config_i64(config, CONFIG_LIMIT_PAYLOAD),
                   .assign_bytes = config_i64(config, CONFIG_LIMIT_ASSIGN),
                   .variables_bytes =
                       config_i64(config, CONFIG_LIMIT_VARIABLES),
                   .loop_states = config_i64(config, CONFIG_LIMIT_STATES),
                   .map_children = config_i64(config, CONFIG_LIMIT_CHILDREN)},
        .history_events_warn = config_i64(config, CONFIG_LIMIT_HISTORY),
    };

    memcpy(options.token_key, cluster->token_key, LANE_TOKEN_KEY_BYTES);
    return options;
}

/* ---- opening ---- */

bool
cli_is_repairable(struct odk_str reason)
{
    return odk_str_is(reason, CLI_REBUILT) ||
           odk_str_ends(reason, ODK_STR(LANE_LOST_COMMITS));
}

static int
open_database(struct cli_restore *restore, struct odk_err *err)
{
    int rc = store_pg_query_open(&restore->postgres, &restore->query, err);

    if (rc == 0) {
        rc = store_pg_cluster(restore->query, &restore->cluster, err);
    }
    if (rc == 0 && !restore->cluster.has_token_key) {
        rc = odk_err_set(err, ODK_EAUTH,
                         "this database role may not read the key of the task "
                         "tokens; connect with the server's role "
                         "(odradek_server)");
    }
    return rc ? rc : store_pg_open(&restore->postgres, &restore->store, err);
}

static int
open_kafka(struct cli_restore *restore, struct odk_err *err)
{
    static const char *const history[] = {LANE_TOPIC_HISTORY};
    static const char *const inputs[] = {LANE_TOPIC_COMMANDS,
                                         LANE_TOPIC_RESULTS};
    struct bus_kafka_options options = restore->kafka.options;

    options.topics = history;
    options.n_topics = ODK_ARRAY_LEN(history);
    int rc = bus_kafka_open(&options, &restore->history, err);
    if (rc == 0) {
        options.topics = inputs;
        options.n_topics = ODK_ARRAY_LEN(inputs);
        rc = bus_kafka_open(&options, &restore->inputs, err);
    }
    return rc;
}

int
cli_restore_learn(struct cli_restore *restore, struct odk_str framed,
                  struct odk_err *err)
{
    struct codec_header header;
    struct odk_err own = {0};

    if (!restore->registry || codec_header_read(framed, &header, NULL) != 0 ||
        header.framing != CODEC_FRAMING_CONFLUENT ||
        codec_has_id(restore->codec, header.id)) {
        return 0;
    }
    int rc =
        registry_learn_id(restore->registry, restore->codec, header.id, &own);
    if (rc == 0 || odk_err_class(rc) != ODK_CLASS_RETRY) {
        return 0; /* decoding says that it is not known */
    }
    return odk_err_set(err, rc, "schema %u: %s", header.id, own.message);
}

static int
learn(void *ctx, struct odk_str framed, struct odk_err *err)
{
    return cli_restore_learn(ctx, framed, err);
}

int
cli_restore_open(struct cli_restore *out, const struct config *config,
                 const struct odk_logger *logger, bool is_lenient,
                 struct odk_err *err)
{
    *out = (struct cli_restore){.config = config};
    odk_buf_init(&out->conninfo, 0);
    cli_kafka_options(config, &out->kafka);
    cli_postgres_options(config, &out->conninfo, &out->postgres);
    int rc = open_database(out, err);
    if (rc == 0) {
        rc = cli_codec_new(config, &out->codec, &out->registry, err);
    }
    if (rc == 0) {
        rc = open_kafka(out, err);
    }
    if (rc != 0) {
        return rc;
    }
    struct rebuild_options options = {
        .history = out->history,
        .inputs = out->inputs,
        .store = out->store,
        .codec = out->codec,
        .schemas = {learn, out},
        .logger = *logger,
        .owner = ODK_STR("rebuild"),
        .clock = cli_lane_clock(),
        .lane = cli_lane_options(config, &out->cluster),
        .accepts_lost = is_lenient,
        .cache_bytes_max = (size_t)config_i64(config, CONFIG_LANE_CACHE),
    };
    out->rebuild = rebuild_new(&options);
    return 0;
}

void
cli_restore_close(struct cli_restore *restore)
{
    rebuild_free(restore->rebuild);
    bus_close(&restore->history, true);
    bus_close(&restore->inputs, true);
    store_close(&restore->store);
    registry_free(restore->registry);
    codec_free(restore->codec);
    store_pg_query_close(restore->query);
    odk_buf_release(&restore->conninfo);
}

/* ---- one shard ---- */

static int
run(struct cli_restore *restore, const struct cli_restore_watch *watch,
    struct odk_err *err)
{
    struct rebuild *rebuild = restore->rebuild;
    bool is_done = false;
    int rc = 0;

    while (rc == 0 && !is_done) {
        rc = rebuild_step(rebuild, &is_done, err);
        if (rc == 0 && watch &&
            !watch->hear(watch->ctx, rebuild_report(rebuild))) {
            return odk_err_set(err, ODK_ETIMEOUT, "stopped");
        }
    }
    return rc ? rc : rebuild_end(rebuild, err);
}

/* Whoever took the shard found it in quarantine, or it is not ours to go on. */
static int
check_quarantined(struct cli_restore *restore, int32_t shard,
                  struct odk_err *err)
{
    const struct store_pg_shard_info *rows = NULL;
    struct odk_arena arena;
    size_t n = 0;

    odk_arena_init(&arena, 0);
    int rc = store_pg_shards(restore->query, &arena, &rows, &n, err);
    bool is_quarantined = false;
    for (size_t i = 0; i < n; i++) {
        is_quarantined |=
            rows[i].row.shard == shard && rows[i].row.quarantine.ptr != NULL;
    }
    odk_arena_release(&arena);
    if (rc == 0 && !is_quarantined) {
        rc = odk_err_set(err, ODK_EFENCED,
                         "shard %d was released by somebody else meanwhile",
                         (int)shard);
    }
    return rc;
}

int
cli_restore_shard(struct cli_restore *restore, int32_t shard, // NOLINT
                  const char *reason, const struct rebuild_cut *cut,
                  const struct cli_restore_watch *watch, struct odk_err *err)
{
    uint64_t before = 0;
    int fenced = 0;
    int rc = ODK_EFENCED;

    while (rc == ODK_EFENCED && fenced < FENCED_MAX) {
        rc = rebuild_begin(restore->rebuild, shard, reason, cut, err);
        const struct rebuild_report *report = rebuild_report(restore->rebuild);
        if (rc == 0) {
            rc = run(restore, watch, err);
        }
        fenced = report->seq > before ? 1 : fenced + 1;
        before = report->seq;
        if (rc == ODK_EFENCED) {
            int checked = check_quarantined(restore, shard, err);
            rc = checked ? checked : rc;
            fenced = checked ? FENCED_MAX : fenced;
        }
    }
    return rc;
}
