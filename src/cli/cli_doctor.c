#include <stdarg.h>
#include <stdio.h>

#include "bus_kafka/bus_kafka_admin.h"
#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "cli/cli_restore.h"
#include "cli/cli_topics_spec.h"
#include "store_pg/store_pg_migrate.h"

/*
 * Is everything there that Odradek needs? Each finding is a line: ok, warn or
 * fail, what was found, and for the latter two what to do.
 */

#define SKEW_WARN_MS    1000
#define SKEW_FAIL_MS    5000
#define ARENA_BYTES_MAX ((size_t)64 << 20)
#define PARKED_MAX      1000

enum health {
    HEALTH_OK,
    HEALTH_WARN,
    HEALTH_FAIL,
};

struct doctor {
    struct cli *cli;
    struct cli_kafka kafka;
    struct odk_arena arena;
    struct store_pg_query *query; /* NULL: the database cannot be reached */
    int32_t shards;               /* 0: not known */
    size_t n_failed;
};

static void find(struct doctor *doctor, enum health health, const char *what,
                 const char *fmt, ...) ODK_PRINTF(4, 5);

static void
find(struct doctor *doctor, enum health health, const char *what,
     const char *fmt, ...)
{
    static const char *const words[] = {"ok", "warn", "FAIL"};

    static const enum cli_style styles[] = {CLI_GREEN, CLI_YELLOW, CLI_RED};
    struct cli *cli = doctor->cli;
    char text[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    doctor->n_failed += health == HEALTH_FAIL;
    if (cli->is_json) {
        cli_put_json(cli,
                     json_pack("{s:s, s:s, s:s}", "check", what, "result",
                               health == HEALTH_FAIL ? "fail" : words[health],
                               "detail", text));
    } else {
        cli_put(cli, styles[health], words[health]);
        cli_printf(cli, "%*s%-14s%s\n", health == HEALTH_OK ? 4 : 2, "", what,
                   text);
    }
    cli_flush(cli);
}

/* ---- the program ---- */

static void
check_program(struct doctor *doctor)
{
    bool is_scram_able = false;
    const char *library = bus_kafka_library(&is_scram_able);

    find(doctor, HEALTH_OK, "odradek", "version %s", CLI_VERSION);
    find(doctor, is_scram_able ? HEALTH_OK : HEALTH_WARN, "librdkafka",
         "version %s%s", library,
         is_scram_able ? ""
                       : ": Kafka 4 refuses its SCRAM log-in; build with "
                         "deploy/build, which takes a newer one");
}

/* ---- the database ---- */

static void
check_migrations(struct doctor *doctor)
{
    const struct store_pg_migration *list = NULL;
    struct odk_err err = {0};
    struct odk_buf conninfo;
    size_t n = 0;
    size_t n_wrong = 0;

    odk_buf_init(&conninfo, 0);
    odk_buf_put_cstr(&conninfo, "");
    config_conninfo(doctor->cli->config, &conninfo);
    int rc = store_pg_migrate_status(odk_buf_str(&conninfo).ptr, &doctor->arena,
                                     &list, &n, &err);
    odk_buf_release(&conninfo);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        n_wrong +=
            !list[i].is_applied || list[i].is_changed || list[i].is_unknown;
    }
    if (rc != 0) {
        find(doctor, HEALTH_FAIL, "database", "%s", err.message);
    } else if (n_wrong > 0) {
        find(doctor, HEALTH_FAIL, "schema",
             "%zu migration(s) differ; `odradek db status` says which, "
             "`odradek db migrate` applies pending ones",
             n_wrong);
    } else {
        find(doctor, HEALTH_OK, "schema", "%zu migrations applied", n);
    }
}

static void
check_cluster(struct doctor *doctor)
{
    struct store_pg_cluster cluster = {0};
    struct odk_err err = {0};

    if (store_pg_cluster(doctor->query, &cluster, &err) != 0) {
        find(doctor, HEALTH_FAIL, "cluster", "%s", err.message);
        return;
    }
    doctor->shards = cluster.partitions;
    find(doctor, cluster.has_token_key ? HEALTH_OK : HEALTH_WARN, "cluster",
         "%d shards%s", (int)cluster.partitions,
         cluster.has_token_key ? ""
                               : "; this role may not read the tokens' key: "
                                 "enough to look, not to serve");
}

static void
check_clock(struct doctor *doctor, const struct store_pg_shard_info *info,
            odk_time_ms asked_at)
{
    odk_time_ms now = cli_now();
    odk_dur_ms skew = info->row.server_time - (asked_at + (now - asked_at) / 2);
    odk_dur_ms size = skew < 0 ? -skew : skew;
    enum health health = size > SKEW_FAIL_MS   ? HEALTH_FAIL
                         : size > SKEW_WARN_MS ? HEALTH_WARN
                                               : HEALTH_OK;

    find(doctor, health, "clocks", "the database's differs by %lld ms%s",
         (long long)skew,
         health == HEALTH_OK ? ""
                             : ": synchronize both (a lane stops over 5 s)");
}

static void
check_shards(struct doctor *doctor)
{
    const struct store_pg_shard_info *list = NULL;
    struct odk_err err = {0};
    odk_time_ms asked_at = cli_now();
    size_t n = 0;
    size_t n_owned = 0;

    if (store_pg_shards(doctor->query, &doctor->arena, &list, &n, &err) != 0) {
        find(doctor, HEALTH_FAIL, "shards", "%s", err.message);
        return;
    }
    if (n > 0) {
        check_clock(doctor, &list[0], asked_at);
    }
    for (size_t i = 0; i < n; i++) {
        n_owned += list[i].is_connected;
        if (list[i].row.quarantine.ptr) {
            bool is_for_repair = cli_is_repairable(list[i].row.quarantine);
            find(doctor, HEALTH_FAIL, "shards",
                 "shard %d is quarantined: %.*s; %s `odradek shards %s %d`",
                 (int)list[i].row.shard, ODK_STR_ARG(list[i].row.quarantine),
                 is_for_repair ? "docs/restore.md;" : "after looking into it",
                 is_for_repair ? "repair" : "release", (int)list[i].row.shard);
        }
    }
    bool is_served = n_owned >= (size_t)doctor->shards;
    find(doctor, is_served ? HEALTH_OK : HEALTH_WARN, "shards",
         "%zu of %d have an owner%s", n_owned, (int)doctor->shards,
         is_served ? "" : "; `odradek serve` takes them");
}

static void
check_waiting(struct doctor *doctor)
{
    const struct store_pg_parked *parked = NULL;
    const struct store_pg_binding *bindings = NULL;
    struct store_pg_parked_filter filter = {.max = PARKED_MAX};
    struct odk_err err = {0};
    size_t n = 0;

    if (store_pg_parked(doctor->query, &filter, &doctor->arena, &parked, &n,
                        &err) != 0) {
        find(doctor, HEALTH_FAIL, "outputs", "%s", err.message);
    } else {
        find(doctor, n > 0 ? HEALTH_WARN : HEALTH_OK, "outputs",
             n > 0 ? "%zu are parked; `odradek parked list` says why"
                   : "%zu are parked",
             n);
    }
    if (store_pg_bindings(doctor->query, &doctor->arena, &bindings, &n, &err) !=
        0) {
        find(doctor, HEALTH_FAIL, "bindings", "%s", err.message);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (bindings[i].quarantine.ptr) {
            find(doctor, HEALTH_FAIL, "bindings",
                 "%.*s is quarantined: %.*s; `odradek binding reset %.*s`",
                 ODK_STR_ARG(bindings[i].name),
                 ODK_STR_ARG(bindings[i].quarantine),
                 ODK_STR_ARG(bindings[i].name));
        }
    }
    find(doctor, HEALTH_OK, "bindings", "%zu published", n);
}

static void
check_database(struct doctor *doctor)
{
    struct store_pg_options options;
    struct odk_err err = {0};
    struct odk_buf conninfo;

    odk_buf_init(&conninfo, 0);
    cli_postgres_options(doctor->cli->config, &conninfo, &options);
    int rc = store_pg_query_open(&options, &doctor->query, &err);
    odk_buf_release(&conninfo);
    if (rc != 0 && rc != ODK_ESCHEMA) {
        find(doctor, HEALTH_FAIL, "database", "%s", err.message);
        return;
    }
    find(doctor, HEALTH_OK, "database", "connected");
    check_migrations(doctor);
    if (rc == 0) {
        check_cluster(doctor);
        check_shards(doctor);
        check_waiting(doctor);
    }
}

/* ---- Kafka ---- */

static void
check_topic(struct doctor *doctor, const struct cli_topic_spec *spec,
            const struct bus_kafka_topic *topic)
{
    int32_t wanted = spec->is_by_shards ? doctor->shards : spec->partitions;

    if (!topic->is_found) {
        find(doctor, HEALTH_FAIL, "topics",
             "%.*s is missing; `odradek topics apply` makes it",
             ODK_STR_ARG(spec->name));
    } else if (spec->is_by_shards && wanted > 0 &&
               topic->partitions != wanted) {
        find(doctor, HEALTH_FAIL, "topics",
             "%.*s has %d partitions, the database has %d shards",
             ODK_STR_ARG(spec->name), (int)topic->partitions, (int)wanted);
    } else if (topic->replication < spec->replication) {
        find(doctor, HEALTH_WARN, "topics",
             "%.*s has replication %d, declared %d: a broker's loss may lose "
             "records",
             ODK_STR_ARG(spec->name), (int)topic->replication,
             (int)spec->replication);
    } else {
        find(doctor, HEALTH_OK, "topics", "%.*s", ODK_STR_ARG(spec->name));
    }
}

static void
check_topics(struct doctor *doctor)
{
    struct cli_topics_spec spec;
    struct bus_kafka_topic *found = NULL;
    struct odk_err err = {0};
    size_t n = 0;

    if (cli_topics_spec_read(NULL, &spec, &err) != 0) {
        return;
    }
    struct odk_str *names =
        odk_arena_calloc(&doctor->arena, spec.n, sizeof(*names));
    size_t *indexes =
        odk_arena_calloc(&doctor->arena, spec.n, sizeof(*indexes));
    for (size_t i = 0; i < spec.n; i++) {
        if (!spec.topics[i].is_template) {
            indexes[n] = i;
            names[n++] = spec.topics[i].name;
        }
    }
    if (bus_kafka_topics_describe(&doctor->kafka.options, names, n,
                                  &doctor->arena, &found, &err) != 0) {
        find(doctor, HEALTH_FAIL, "topics", "%s", err.message);
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        check_topic(doctor, &spec.topics[indexes[i]], &found[i]);
    }
    cli_topics_spec_release(&spec);
}

static void
check_kafka(struct doctor *doctor)
{
    const char *bootstrap =
        config_str(doctor->cli->config, CONFIG_KAFKA_BOOTSTRAP);
    struct odk_str *names = NULL;
    struct odk_err err = {0};
    size_t n = 0;

    if (bus_kafka_topics_list(&doctor->kafka.options, &doctor->arena, &names,
                              &n, &err) != 0) {
        find(doctor, HEALTH_FAIL, "kafka", "%s", err.message);
        return;
    }
    find(doctor, HEALTH_OK, "kafka", "%s answers, %zu topics", bootstrap, n);
    check_topics(doctor);
}

static void
check_registry(struct doctor *doctor)
{
    struct codec *codec = NULL;
    struct odk_err err = {0};

    if (config_choice(doctor->cli->config, CONFIG_CODEC_FRAMING) == 0) {
        return;
    }
    if (cli_codec_new(doctor->cli->config, &codec, NULL, &err) != 0) {
        find(doctor, HEALTH_FAIL, "registry", "%s", err.message);
    } else {
        find(doctor, HEALTH_OK, "registry", "it knows all schemas");
    }
    codec_free(codec);
}

int
cli_doctor(struct cli *cli, const struct cli_args *args)
{
    struct doctor doctor = {.cli = cli};

    (void)args;
    odk_arena_init(&doctor.arena, ARENA_BYTES_MAX);
    cli_kafka_options(cli->config, &doctor.kafka);
    check_program(&doctor);
    check_database(&doctor);
    check_kafka(&doctor);
    check_registry(&doctor);
    store_pg_query_close(doctor.query);
    odk_arena_release(&doctor.arena);
    return doctor.n_failed == 0 ? CLI_OK : CLI_FAILED;
}
