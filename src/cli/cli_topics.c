#include <stdarg.h>
#include <stdio.h>

#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "cli/cli_topics_spec.h"

/*
 * Topics as declared against topics as they are. Nothing here deletes or
 * changes a topic that exists: a difference is reported with what to do.
 */

#define TOPICS_BYTES_MAX ((size_t)64 << 20)

enum finding {
    FINDING_OK,
    FINDING_MISSING,
    FINDING_CREATED,
    FINDING_DRIFT,
    FINDING_ERROR,
};

struct topics {
    struct cli *cli;
    struct cli_kafka kafka;
    struct cli_topics_spec spec;
    struct odk_arena arena;
    struct cli_table table;
    int64_t shards;
    int64_t replication; /**< 0: as declared */
    struct bus_kafka_topic *wanted;
    size_t n_wanted;
    struct bus_kafka_topic *actual; /**< as many, in the same order */
    size_t n_missing;
    size_t n_drifts;
    size_t n_errors;
};

/* The number of shards is the database's; --partitions stands in for it where
 * there is none yet. */
static int
find_shards(struct topics *topics, const struct cli_args *args)
{
    struct store_pg_query *query = NULL;
    struct store_pg_cluster cluster = {0};
    struct odk_err err = {0};
    int code = cli_number_flag(topics->cli, args, "partitions", 10000,
                               &topics->shards);

    if (code != CLI_OK || topics->shards > 0) {
        return code;
    }
    code = cli_query_open(topics->cli, &query);
    if (code != CLI_OK) {
        cli_note(topics->cli, "The database holds the number of shards. Run "
                              "`odradek db migrate` first, or give "
                              "--partitions N.");
        return code;
    }
    int rc = store_pg_cluster(query, &cluster, &err);
    store_pg_query_close(query);
    topics->shards = cluster.partitions;
    return rc == 0 ? CLI_OK : cli_fail_err(topics->cli, &err);
}

static void
want(struct topics *topics, const struct cli_topic_spec *spec,
     struct odk_str queue)
{
    cli_topics_spec_topic(spec, queue, (int32_t)topics->shards,
                          (int32_t)topics->replication, &topics->arena,
                          &topics->wanted[topics->n_wanted++]);
}

/* The topics of --create-queues a,b. */
static int
want_queues(struct topics *topics, const char *list)
{
    struct odk_str rest = odk_str(list);

    while (rest.len > 0) {
        ptrdiff_t comma = odk_str_find(rest, ',');
        struct odk_str queue =
            odk_str_n(rest.ptr, comma < 0 ? rest.len : (size_t)comma);
        if (!cli_queue_is_valid(queue)) {
            return cli_fail(topics->cli, CLI_USAGE,
                            "--create-queues: \"%.*s\" is no queue name "
                            "(letters, digits, dot, hyphen, underscore)",
                            ODK_STR_ARG(queue));
        }
        for (size_t i = 0; i < topics->spec.n; i++) {
            if (topics->spec.topics[i].is_template) {
                want(topics, &topics->spec.topics[i], queue);
            }
        }
        rest = odk_str_from(rest, queue.len + (comma >= 0));
    }
    return CLI_OK;
}

/* Existing topics of queues are compared with their template. */
static void
want_existing(struct topics *topics, const struct odk_str *names, size_t n)
{
    struct odk_str queue;

    for (size_t i = 0; i < n; i++) {
        const struct cli_topic_spec *spec =
            cli_topics_spec_match(&topics->spec, names[i], &queue);
        bool is_wanted = !spec || !spec->is_template;
        for (size_t k = 0; !is_wanted && k < topics->n_wanted; k++) {
            is_wanted = odk_str_eq(topics->wanted[k].name, names[i]);
        }
        if (!is_wanted) {
            want(topics, spec, queue);
        }
    }
}

static size_t
count_commas(const char *list)
{
    size_t n = 1;

    for (; list && *list; list++) {
        n += *list == ',';
    }
    return n;
}

/* Fills wanted and actual. */
static int
gather(struct topics *topics, const char *queues)
{
    struct odk_err err = {0};
    struct odk_str *names = NULL;
    size_t n = 0;
    int rc = bus_kafka_topics_list(&topics->kafka.options, &topics->arena,
                                   &names, &n, &err);

    if (rc != 0) {
        return cli_fail_err(topics->cli, &err);
    }
    size_t max = topics->spec.n * (1 + count_commas(queues)) + n;
    topics->wanted =
        odk_arena_calloc(&topics->arena, max, sizeof(*topics->wanted));
    for (size_t i = 0; i < topics->spec.n; i++) {
        if (!topics->spec.topics[i].is_template) {
            want(topics, &topics->spec.topics[i], odk_str(""));
        }
    }
    int code = want_queues(topics, queues ? queues : "");
    if (code != CLI_OK) {
        return code;
    }
    want_existing(topics, names, n);
    struct odk_str *asked =
        odk_arena_calloc(&topics->arena, topics->n_wanted, sizeof(*asked));
    for (size_t i = 0; i < topics->n_wanted; i++) {
        asked[i] = topics->wanted[i].name;
    }
    rc = bus_kafka_topics_describe(&topics->kafka.options, asked,
                                   topics->n_wanted, &topics->arena,
                                   &topics->actual, &err);
    return rc == 0 ? CLI_OK : cli_fail_err(topics->cli, &err);
}

/* ---- the report ---- */

static void report(struct topics *topics, struct odk_str name,
                   enum finding finding, const char *fmt, ...) ODK_PRINTF(4, 5);

static void
report(struct topics *topics, struct odk_str name, enum finding finding,
       const char *fmt, ...)
{
    static const char *const words[] = {"ok", "missing", "created", "drift",
                                        "ERROR"};

    static const enum cli_style styles[] = {CLI_GREEN, CLI_YELLOW, CLI_GREEN,
                                            CLI_YELLOW, CLI_RED};

    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    topics->n_missing += finding == FINDING_MISSING;
    topics->n_drifts += finding == FINDING_DRIFT;
    topics->n_errors += finding == FINDING_ERROR;
    if (topics->cli->is_json) {
        cli_put_json(topics->cli,
                     json_pack("{s:o, s:s, s:s}", "topic", cli_json_str(name),
                               "finding", words[finding], "detail", text));
        return;
    }
    cli_table_cell(&topics->table, CLI_PLAIN, name);
    cli_table_cell(&topics->table, styles[finding], odk_str(words[finding]));
    cli_table_cell(&topics->table, CLI_PLAIN, odk_str(text));
}

/* Partitions that are the home of executions: another number is no drift but a
 * way to lose the order. */
static bool
is_home(struct odk_str name)
{
    return odk_str_is(name, "odradek.commands") ||
           odk_str_is(name, "odradek.results") ||
           odk_str_is(name, "odradek.history");
}

static const struct bus_kafka_config *
find_config(const struct bus_kafka_topic *topic, struct odk_str name)
{
    for (size_t i = 0; i < topic->n_configs; i++) {
        if (odk_str_eq(topic->configs[i].name, name)) {
            return &topic->configs[i];
        }
    }
    return NULL;
}

static size_t
compare_configs(struct topics *topics, const struct bus_kafka_topic *wanted,
                const struct bus_kafka_topic *actual)
{
    size_t n = 0;

    for (size_t i = 0; i < wanted->n_configs; i++) {
        const struct bus_kafka_config *config = &wanted->configs[i];
        const struct bus_kafka_config *has = find_config(actual, config->name);
        if (has && has->value.ptr && odk_str_eq(has->value, config->value)) {
            continue;
        }
        report(topics, wanted->name, FINDING_DRIFT,
               "%.*s is %.*s, declared %.*s", ODK_STR_ARG(config->name),
               has && has->value.ptr ? (int)has->value.len : 5,
               has && has->value.ptr ? has->value.ptr : "unset",
               ODK_STR_ARG(config->value));
        n++;
    }
    return n;
}

static void
compare(struct topics *topics, const struct bus_kafka_topic *wanted,
        const struct bus_kafka_topic *actual)
{
    size_t n = 0;

    if (wanted->partitions != actual->partitions) {
        bool is_error = is_home(wanted->name);
        report(topics, wanted->name, is_error ? FINDING_ERROR : FINDING_DRIFT,
               is_error ? "%d partitions, but the database was made for %d: "
                          "executions would miss their home. Recreate the "
                          "topic while it is empty, or restore the number"
                        : "%d partitions, declared %d",
               (int)actual->partitions, (int)wanted->partitions);
        n++;
    }
    if (wanted->replication != actual->replication) {
        report(topics, wanted->name, FINDING_DRIFT,
               "replication %d, declared %d", (int)actual->replication,
               (int)wanted->replication);
        n++;
    }
    n += compare_configs(topics, wanted, actual);
    if (n == 0) {
        report(topics, wanted->name, FINDING_OK,
               "%d partitions, replication %d", (int)actual->partitions,
               (int)actual->replication);
    }
}

/* ---- the commands ---- */

static int
create_missing(struct topics *topics)
{
    struct odk_err err = {0};
    struct bus_kafka_topic *missing =
        odk_arena_calloc(&topics->arena, topics->n_wanted, sizeof(*missing));
    size_t n = 0;

    for (size_t i = 0; i < topics->n_wanted; i++) {
        if (!topics->actual[i].is_found) {
            missing[n++] = topics->wanted[i];
        }
    }
    int rc = n == 0 ? 0
                    : bus_kafka_topics_create(&topics->kafka.options, missing,
                                              n, &err);
    if (rc != 0) {
        int code = cli_fail_err(topics->cli, &err);
        if (!topics->replication) {
            cli_note(topics->cli, "A cluster of fewer than three brokers wants "
                                  "--replication 1.");
        }
        return code == CLI_USAGE ? CLI_REJECTED : code;
    }
    return CLI_OK;
}

static void
report_all(struct topics *topics, bool is_apply)
{
    for (size_t i = 0; i < topics->n_wanted; i++) {
        const struct bus_kafka_topic *wanted = &topics->wanted[i];
        if (topics->actual[i].is_found) {
            compare(topics, wanted, &topics->actual[i]);
        } else {
            report(topics, wanted->name,
                   is_apply ? FINDING_CREATED : FINDING_MISSING,
                   "%d partitions, replication %d", (int)wanted->partitions,
                   (int)wanted->replication);
        }
    }
    cli_table_print(topics->cli, &topics->table);
}

static int
verdict(struct topics *topics, bool is_apply)
{
    if (topics->n_errors > 0) {
        return cli_fail(topics->cli, CLI_FAILED,
                        "%zu topic(s) contradict the database",
                        topics->n_errors);
    }
    if (is_apply) {
        if (topics->n_drifts > 0) {
            cli_note(topics->cli,
                     "%zu difference(s) left as they are: change "
                     "them with Kafka's own tools, or change the "
                     "declaration.",
                     topics->n_drifts);
        }
        return CLI_OK;
    }
    return topics->n_missing + topics->n_drifts > 0 ? CLI_FAILED : CLI_OK;
}

static int
topics_do(struct cli *cli, const struct cli_args *args, bool is_apply)
{
    static const char *const words[] = {"TOPIC", "FINDING", "DETAIL"};
    struct topics topics = {.cli = cli};
    struct odk_err err = {0};
    int code =
        cli_number_flag(cli, args, "replication", 100, &topics.replication);

    odk_arena_init(&topics.arena, TOPICS_BYTES_MAX);
    cli_table_init(&topics.table, words, ODK_ARRAY_LEN(words));
    cli_kafka_options(cli->config, &topics.kafka);
    if (cli_topics_spec_read(cli_flag(args, "file"), &topics.spec, &err) != 0) {
        code = cli_fail_err(cli, &err);
    }
    if (code == CLI_OK) {
        code = find_shards(&topics, args);
    }
    if (code == CLI_OK) {
        code =
            gather(&topics, is_apply ? cli_flag(args, "create-queues") : NULL);
    }
    if (code == CLI_OK && is_apply) {
        code = create_missing(&topics);
    }
    if (code == CLI_OK) {
        report_all(&topics, is_apply);
        code = verdict(&topics, is_apply);
    }
    cli_table_release(&topics.table);
    cli_topics_spec_release(&topics.spec);
    odk_arena_release(&topics.arena);
    return code;
}

int
cli_topics_apply(struct cli *cli, const struct cli_args *args)
{
    return topics_do(cli, args, true);
}

int
cli_topics_diff(struct cli *cli, const struct cli_args *args)
{
    return topics_do(cli, args, false);
}
