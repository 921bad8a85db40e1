#include "bus_kafka/bus_kafka_admin.h"
#include "cli/cli_connect.h"
#include "cli/cli_look.h"
#include "cli/cli_problems.h"
#include "cli/cli_publish.h"
#include "cli/cli_topics_spec.h"
#include "json/json.h"
#include "objects/objects_task.h"

#define QUEUES_MAX 1024

struct publication {
    struct cli *cli;
    const struct cli_args *args;
    const char *file;
    struct odk_buf text;
    struct asl_machine *machine;
    struct odk_arena arena;
    struct odk_str name;
    struct odk_str namespace_;
    struct odk_str *queues;
    size_t n_queues;
};

/* ---- reading and checking ---- */

/* --name, or the file's name without its endings ("order.asl.json"). */
static int
find_name(struct publication *pub)
{
    const char *given = cli_flag(pub->args, "name");
    struct odk_str name = odk_str(given ? given : pub->file);

    if (!given) {
        for (ptrdiff_t slash = odk_str_find(name, '/'); slash >= 0;
             slash = odk_str_find(name, '/')) {
            name = odk_str_from(name, (size_t)slash + 1);
        }
        ptrdiff_t dot = odk_str_find(name, '.');
        name.len = dot > 0 ? (size_t)dot : name.len;
    }
    if (odk_str_is(name, "-") || !cli_name_is_valid(name)) {
        return cli_fail(pub->cli, CLI_USAGE,
                        "\"%.*s\" is no definition's name; give --name with "
                        "letters, digits, dots, hyphens and underscores",
                        ODK_STR_ARG(name));
    }
    pub->name = name;
    pub->namespace_ = odk_str(config_str(pub->cli->config, CONFIG_NAMESPACE));
    return CLI_OK;
}

static int
compile(struct publication *pub)
{
    struct asl_options options = cli_asl_options(pub->cli);
    struct asl_problems problems;
    struct odk_err err = {0};

    if (cli_read_file(pub->file, CLI_DEFINITION_BYTES_MAX, &pub->text, &err) !=
        0) {
        return cli_fail_err(pub->cli, &err);
    }
    asl_problems_init(&problems);
    int rc = asl_compile_text(odk_buf_str(&pub->text), &options, &pub->machine,
                              &problems);
    cli_put_problems(pub->cli, pub->file, odk_buf_str(&pub->text), &problems);
    int code = rc == 0 ? CLI_OK
                       : cli_fail(pub->cli, CLI_FAILED,
                                  "%s: %zu error(s), nothing is published",
                                  pub->file, problems.n_errors);
    asl_problems_release(&problems);
    return code;
}

/* ---- queues ---- */

static void
add_queue(struct publication *pub, const struct asl_resource *resource)
{
    bool is_task = resource->kind == ASL_RESOURCE_TASK ||
                   resource->kind == ASL_RESOURCE_ACTIVITY ||
                   resource->kind == ASL_RESOURCE_LAMBDA;

    if (!is_task || resource->queue.len == 0) {
        return;
    }
    for (size_t i = 0; i < pub->n_queues; i++) {
        if (odk_str_eq(pub->queues[i], resource->queue)) {
            return;
        }
    }
    if (pub->n_queues < QUEUES_MAX) {
        pub->queues[pub->n_queues++] = resource->queue;
    }
}

static void
find_queues(struct publication *pub)
{
    const struct asl_resource objects = {.kind = ASL_RESOURCE_TASK,
                                         .queue = ODK_STR(OBJECTS_QUEUE)};

    pub->queues =
        odk_arena_calloc(&pub->arena, QUEUES_MAX, sizeof(*pub->queues));
    for (int32_t i = 0; i < pub->machine->n_states; i++) {
        const struct asl_state *state = &pub->machine->states[i];
        if (state->type == ASL_TASK) {
            add_queue(pub, &state->resource);
        }
        if (state->compensate) {
            add_queue(pub, &state->compensate->resource);
        }
        if (state->item_reader || state->writer_arguments) {
            add_queue(pub, &objects);
        }
    }
}

/* Names of the topics that the queues need and Kafka lacks. */
static int
find_missing(struct publication *pub, const struct bus_kafka_options *kafka,
             const struct cli_topics_spec *spec,
             struct bus_kafka_topic *missing, size_t *n_missing)
{
    static const char *const prefixes[] = {"odradek.tasks.",
                                           "odradek.cancels."};
    size_t n = pub->n_queues * ODK_ARRAY_LEN(prefixes);
    struct odk_str *names = odk_arena_calloc(&pub->arena, n, sizeof(*names));
    struct bus_kafka_topic *found = NULL;
    struct odk_err err = {0};

    for (size_t i = 0; i < n; i++) {
        const struct cli_topic_spec *template = cli_topics_spec_template(
            spec, odk_str(prefixes[i % ODK_ARRAY_LEN(prefixes)]));
        odk_assert(template);
        cli_topics_spec_topic(template,
                              pub->queues[i / ODK_ARRAY_LEN(prefixes)], 1, 1,
                              &pub->arena, &missing[i]);
        names[i] = missing[i].name;
    }
    if (bus_kafka_topics_describe(kafka, names, n, &pub->arena, &found, &err) !=
        0) {
        return cli_fail_err(pub->cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        if (!found[i].is_found) {
            missing[(*n_missing)++] = missing[i];
        }
    }
    return CLI_OK;
}

/* The replication that the cluster's own topics have: a single broker in
 * development has one. */
static int32_t
replication_here(struct publication *pub, const struct bus_kafka_options *kafka)
{
    struct odk_str name = ODK_STR("odradek.commands");
    struct bus_kafka_topic *found = NULL;
    int rc =
        bus_kafka_topics_describe(kafka, &name, 1, &pub->arena, &found, NULL);

    return rc == 0 && found[0].is_found ? found[0].replication : 0;
}

static int
create_topics(struct publication *pub, const struct bus_kafka_options *kafka,
              const struct cli_topics_spec *spec,
              struct bus_kafka_topic *missing, size_t n, int32_t shards)
{
    int32_t replication = replication_here(pub, kafka);
    struct odk_err err = {0};

    for (size_t i = 0; i < n; i++) {
        struct odk_str queue;
        const struct cli_topic_spec *template =
            cli_topics_spec_match(spec, missing[i].name, &queue);
        odk_assert(template);
        cli_topics_spec_topic(template, queue, shards, replication, &pub->arena,
                              &missing[i]);
    }
    if (bus_kafka_topics_create(kafka, missing, n, &err) != 0) {
        return cli_fail_err(pub->cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        if (!pub->cli->is_json) {
            cli_printf(pub->cli, "created topic %.*s\n",
                       ODK_STR_ARG(missing[i].name));
        }
    }
    return CLI_OK;
}

static int
check_queues(struct publication *pub, struct store_pg_query *query)
{
    struct cli_topics_spec spec;
    struct cli_kafka kafka;
    struct store_pg_cluster cluster = {0};
    struct odk_err err = {0};
    size_t n = 0;
    struct bus_kafka_topic *missing =
        odk_arena_calloc(&pub->arena, pub->n_queues * 2 + 1, sizeof(*missing));

    if (pub->n_queues == 0) {
        return CLI_OK;
    }
    if (store_pg_cluster(query, &cluster, &err) != 0 ||
        cli_topics_spec_read(NULL, &spec, &err) != 0) {
        return cli_fail_err(pub->cli, &err);
    }
    cli_kafka_options(pub->cli->config, &kafka);
    int code = find_missing(pub, &kafka.options, &spec, missing, &n);
    if (code == CLI_OK && n > 0 && cli_flag(pub->args, "create-queues")) {
        code = create_topics(pub, &kafka.options, &spec, missing, n,
                             cluster.partitions);
    } else if (code == CLI_OK && n > 0) {
        for (size_t i = 0; i < n; i++) {
            cli_printf(pub->cli, "missing topic: %.*s\n",
                       ODK_STR_ARG(missing[i].name));
        }
        code = cli_fail(pub->cli, CLI_FAILED,
                        "%zu topic(s) of its queues are missing, nothing is "
                        "published; --create-queues makes them",
                        n);
    }
    cli_topics_spec_release(&spec);
    return code;
}

/* ---- publishing ---- */

static int
announce(struct publication *pub, int32_t version, struct odk_str by)
{
    struct codec_definition_published record;
    uint8_t sha256[ODK_SHA256_BYTES];
    struct odk_str text = odk_buf_str(&pub->text);
    struct odk_buf key;

    odk_sha256(text, odk_str(""), sha256);
    codec_definition_published_init(&record);
    record.namespace = pub->namespace_;
    record.name = pub->name;
    record.version = version;
    record.definition = text;
    record.sha256 = odk_str_n(sha256, sizeof(sha256));
    record.published_at = cli_now();
    record.published_by = by;
    odk_buf_init(&key, 0);
    odk_buf_put_str(&key, pub->namespace_);
    odk_buf_put_char(&key, '/');
    odk_buf_put_str(&key, pub->name);
    odk_buf_printf(&key, "/%d", (int)version);
    int code = cli_announce(pub->cli, CODEC_DEFINITION_PUBLISHED, &record,
                            odk_buf_str(&key));
    odk_buf_release(&key);
    return code;
}

static int
publish(struct publication *pub, struct store_pg_query *query)
{
    struct store_definition definition = {pub->namespace_, pub->name, 0,
                                          odk_buf_str(&pub->text)};
    struct odk_err err = {0};
    struct odk_buf by;
    int32_t version = 0;
    bool is_new = false;
    int code = CLI_OK;

    odk_buf_init(&by, 0);
    cli_who(pub->cli, &by);
    if (store_pg_definition_publish(query, &definition, odk_buf_str(&by),
                                    &version, &is_new, &err) != 0) {
        code = cli_fail_err(pub->cli, &err);
    }
    /* Sent again when nothing is new, too: the first attempt may have failed
     * between the two. */
    if (code == CLI_OK) {
        code = announce(pub, version, odk_buf_str(&by));
    }
    if (code == CLI_OK && pub->cli->is_json) {
        cli_put_json(pub->cli, json_pack("{s:o, s:o, s:i, s:b}", "namespace",
                                         cli_json_str(pub->namespace_), "name",
                                         cli_json_str(pub->name), "version",
                                         (int)version, "new", (int)is_new));
    } else if (code == CLI_OK) {
        cli_printf(
            pub->cli, "%s %.*s/%.*s version %d\n",
            is_new ? "published" : "unchanged:", ODK_STR_ARG(pub->namespace_),
            ODK_STR_ARG(pub->name), (int)version);
    }
    odk_buf_release(&by);
    return code;
}

int
cli_definition_publish(struct cli *cli, const struct cli_args *args)
{
    struct publication pub = {.cli = cli, .args = args, .file = args->words[0]};
    struct store_pg_query *query = NULL;

    odk_arena_init(&pub.arena, 0);
    odk_buf_init(&pub.text, 0);
    int code = find_name(&pub);
    if (code == CLI_OK) {
        code = compile(&pub);
    }
    if (code == CLI_OK) {
        find_queues(&pub);
        code = cli_query_open(cli, &query);
    }
    if (code == CLI_OK) {
        code = check_queues(&pub, query);
    }
    if (code == CLI_OK) {
        code = publish(&pub, query);
    }
    store_pg_query_close(query);
    asl_free(pub.machine);
    odk_buf_release(&pub.text);
    odk_arena_release(&pub.arena);
    return code;
}

/* ---- list and show ---- */

static void
list_row(struct cli *cli, struct cli_table *table,
         const struct store_pg_definition *row)
{

    if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:o, s:o, s:i, s:o, s:o}", "namespace",
                                    cli_json_str(row->definition.namespace_),
                                    "name", cli_json_str(row->definition.name),
                                    "version", (int)row->definition.version,
                                    "published_at", cli_json_time(row->at),
                                    "published_by", cli_json_str(row->by)));
        return;
    }
    cli_table_cell(table, CLI_PLAIN, row->definition.namespace_);
    cli_table_cell(table, CLI_PLAIN, row->definition.name);
    cli_table_printf(table, CLI_PLAIN, "%d", (int)row->definition.version);
    cli_table_time(table, row->at);
    cli_table_cell(table, CLI_DIM, row->by);
}

int
cli_definition_list(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"NAMESPACE", "NAME", "VERSION",
                                        "PUBLISHED (UTC)", "BY"};
    const struct store_pg_definition *rows = NULL;
    struct cli_listing list;
    struct odk_err err = {0};
    struct odk_str name =
        args->n_words > 0 ? odk_str(args->words[0]) : odk_str(NULL);
    size_t n = 0;
    int code = cli_listing_open(&list, cli, words, ODK_ARRAY_LEN(words));

    if (code != CLI_OK) {
        return code;
    }
    if (store_pg_definitions(list.query, odk_str(NULL), name, &list.arena,
                             &rows, &n, &err) != 0) {
        code = cli_fail_err(cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        list_row(cli, &list.table, &rows[i]);
    }
    return cli_listing_close(&list, code,
                             n > 0 ? NULL
                                   : "No definition is published; `odradek "
                                     "definition publish FILE` does.");
}

int
cli_definition_show(struct cli *cli, const struct cli_args *args)
{
    struct store_pg_definition found = {0};
    struct store_pg_query *query = NULL;
    struct odk_err err = {0};
    struct odk_arena arena;
    int64_t number = 0;
    int code = cli_number_flag(cli, args, "version", INT32_MAX, &number);
    struct store_definition which = {
        odk_str(config_str(cli->config, CONFIG_NAMESPACE)),
        odk_str(args->words[0]),
        (int32_t)number,
        {NULL, 0}};

    if (code == CLI_OK) {
        code = cli_query_open(cli, &query);
    }
    if (code != CLI_OK) {
        return code;
    }
    odk_arena_init(&arena, 0);
    if (store_pg_definition_show(query, &which, &arena, &found, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else {
        odk_buf_put_str(&cli->out, found.definition.text);
        if (!odk_str_ends(found.definition.text, ODK_STR("\n"))) {
            odk_buf_put_char(&cli->out, '\n');
        }
    }
    odk_arena_release(&arena);
    store_pg_query_close(query);
    return code;
}
