#include "binding/binding.h"
#include "bus_kafka/bus_kafka_admin.h"
#include "cli/cli_connect.h"
#include "cli/cli_look.h"
#include "cli/cli_problems.h"
#include "cli/cli_publish.h"

#define RANGES_BYTES_MAX ((size_t)16 << 20)

/* One publication of a binding: rules, and where they begin to apply. */
struct binding_job {
    struct cli *cli;
    struct store_pg_query *query;
    struct odk_arena arena;
    struct odk_buf by;
    struct binding *compiled;
    struct store_pg_binding row; /* what is published */
    struct store_pg_binding_start *starts;
    size_t size; /* of starts */
    bool is_reset;
    bool is_from_start; /* of the logs, not their ends */
};

static int
job_open(struct binding_job *job, struct cli *cli, const struct cli_args *args)
{
    *job = (struct binding_job){.cli = cli};
    job->is_from_start = cli_flag(args, "from-start") != NULL;
    odk_arena_init(&job->arena, RANGES_BYTES_MAX);
    odk_buf_init(&job->by, 0);
    cli_who(cli, &job->by);
    job->row.by = odk_buf_str(&job->by);
    return cli_query_open(cli, &job->query);
}

static void
job_close(struct binding_job *job)
{
    store_pg_query_close(job->query);
    binding_free(job->compiled);
    odk_buf_release(&job->by);
    odk_arena_release(&job->arena);
}

static int
compile(struct binding_job *job, const char *file, struct odk_str text)
{
    struct binding_problems problems;

    binding_problems_init(&problems);
    int rc = binding_compile(text, &job->compiled, &problems);
    for (size_t i = 0; i < problems.n; i++) {
        struct asl_problem shown = {
            .code = ODK_STR("BINDING"),
            .pointer = problems.list[i].pointer,
            .message = problems.list[i].message,
        };
        cli_put_problem(job->cli, file, text, &shown);
    }
    int code = rc == 0 ? CLI_OK
                       : cli_fail(job->cli, CLI_FAILED,
                                  "%s: %zu error(s), nothing is published",
                                  file, problems.n);
    binding_problems_release(&problems);
    job->row.rules = text;
    return code;
}

/* ---- where it begins ---- */

static void
add_start(struct binding_job *job, struct odk_str topic, int32_t partition,
          int64_t offset)
{
    if (job->row.n_starts == job->size) {
        size_t size = job->size ? job->size * 2 : 64;
        struct store_pg_binding_start *grown =
            odk_arena_calloc(&job->arena, size, sizeof(*grown));
        odk_assert(grown);
        if (job->row.n_starts > 0) {
            memcpy(grown, job->starts, job->row.n_starts * sizeof(*grown));
        }
        job->starts = grown;
        job->size = size;
    }
    job->starts[job->row.n_starts++] =
        (struct store_pg_binding_start){topic, partition, offset};
    job->row.starts = job->starts;
}

/* Read under the binding's lock: no reader goes on with the old version beyond
 * what is read here. */
static int
find_starts(struct binding_job *job)
{
    const struct odk_str *topics = NULL;
    size_t n_topics = binding_topics(job->compiled, &topics);
    struct cli_kafka kafka;
    struct odk_err err = {0};

    cli_kafka_options(job->cli->config, &kafka);
    for (size_t i = 0; i < n_topics; i++) {
        struct bus_kafka_range *ranges = NULL;
        size_t n = 0;
        int rc = bus_kafka_topic_ranges(&kafka.options, topics[i], &job->arena,
                                        &ranges, &n, &err);
        if (rc == ODK_ENOTFOUND) {
            return cli_fail(job->cli, CLI_NOT_FOUND,
                            "topic %.*s does not exist; create it first, as "
                            "the binding begins where its log ends now",
                            ODK_STR_ARG(topics[i]));
        }
        if (rc != 0) {
            return cli_fail_err(job->cli, &err);
        }
        for (size_t k = 0; k < n; k++) {
            add_start(job, topics[i], (int32_t)k,
                      job->is_from_start ? ranges[k].start : ranges[k].end);
        }
    }
    return CLI_OK;
}

/* ---- publishing ---- */

static int
announce(struct binding_job *job)
{
    struct codec_binding_published record;
    const struct store_pg_binding *row = &job->row;
    struct codec_binding_start *starts =
        odk_arena_calloc(&job->arena, row->n_starts + 1, sizeof(*starts));
    struct odk_buf key;

    odk_assert(starts);
    for (size_t i = 0; i < row->n_starts; i++) {
        starts[i] = (struct codec_binding_start){row->starts[i].topic,
                                                 row->starts[i].partition,
                                                 row->starts[i].offset};
    }
    codec_binding_published_init(&record);
    record.name = row->name;
    record.version = row->version;
    record.incarnation = row->incarnation;
    record.rules = row->rules;
    record.published_at = cli_now();
    record.n_starts = row->n_starts;
    record.starts = starts;
    odk_buf_init(&key, 0);
    odk_buf_put_cstr(&key, "binding/");
    odk_buf_put_str(&key, row->name);
    odk_buf_printf(&key, "/%d", (int)row->version);
    int code = cli_announce(job->cli, CODEC_BINDING_PUBLISHED, &record,
                            odk_buf_str(&key));
    odk_buf_release(&key);
    return code;
}

static int
report(struct binding_job *job, const char *word)
{
    const struct store_pg_binding *row = &job->row;

    if (job->cli->is_json) {
        cli_put_json(job->cli,
                     json_pack("{s:o, s:i, s:i, s:s}", "name",
                               cli_json_str(row->name), "version",
                               (int)row->version, "incarnation",
                               (int)row->incarnation, "result", word));
        return CLI_OK;
    }
    cli_printf(job->cli, "%s binding %.*s version %d, incarnation %d\n", word,
               ODK_STR_ARG(row->name), (int)row->version,
               (int)row->incarnation);
    for (size_t i = 0; i < row->n_starts; i++) {
        if (i == 0 ||
            !odk_str_eq(row->starts[i].topic, row->starts[i - 1].topic)) {
            cli_printf(job->cli, "%s  %.*s from", i ? "\n" : "",
                       ODK_STR_ARG(row->starts[i].topic));
        }
        cli_printf(job->cli, " %d:%lld", (int)row->starts[i].partition,
                   (long long)row->starts[i].offset);
    }
    cli_printf(job->cli, "\n");
    return CLI_OK;
}

static int
publish(struct binding_job *job)
{
    struct odk_err err = {0};
    int code = CLI_OK;

    if (store_pg_binding_begin(job->query, job->row.name, &err) != 0) {
        return cli_fail_err(job->cli, &err);
    }
    code = find_starts(job);
    if (code != CLI_OK) {
        store_pg_binding_abort(job->query);
        return code;
    }
    if (store_pg_binding_publish(job->query, &job->row, job->is_reset, &err) !=
        0) {
        return cli_fail_err(job->cli, &err);
    }
    code = announce(job);
    return code == CLI_OK ? report(job, job->is_reset ? "reset" : "published")
                          : code;
}

int
cli_binding_publish(struct cli *cli, const struct cli_args *args)
{
    struct store_pg_binding newest = {0};
    struct binding_job job;
    struct odk_err err = {0};
    struct odk_buf text;
    int code = job_open(&job, cli, args);

    odk_buf_init(&text, 0);
    if (code == CLI_OK && cli_read_file(args->words[0], BINDING_TEXT_BYTES_MAX,
                                        &text, &err) != 0) {
        code = cli_fail_err(cli, &err);
    }
    if (code == CLI_OK) {
        code = compile(&job, args->words[0], odk_buf_str(&text));
    }
    if (code == CLI_OK) {
        job.row.name = binding_name(job.compiled);
        int rc = store_pg_binding_read(job.query, job.row.name, 0, &job.arena,
                                       &newest, &err);
        if (rc != 0 && rc != ODK_ENOTFOUND) {
            code = cli_fail_err(cli, &err);
        } else if (rc == 0 && odk_str_eq(newest.rules, job.row.rules)) {
            job.row = newest;
            code = report(&job, "unchanged:");
        } else if (rc == 0 && job.is_from_start) {
            code = cli_fail(cli, CLI_USAGE,
                            "--from-start is for a first version: records that "
                            "an earlier one has seen keep it");
        } else {
            code = publish(&job);
        }
    }
    odk_buf_release(&text);
    job_close(&job);
    return code;
}

int
cli_binding_reset(struct cli *cli, const struct cli_args *args)
{
    struct store_pg_binding newest = {0};
    struct binding_job job;
    struct odk_err err = {0};
    int code = job_open(&job, cli, args);

    job.is_reset = true;
    if (code == CLI_OK &&
        store_pg_binding_read(job.query, odk_str(args->words[0]), 0, &job.arena,
                              &newest, &err) != 0) {
        code = cli_fail_err(cli, &err);
    }
    if (code == CLI_OK) {
        job.row.name = newest.name;
        code = compile(&job, args->words[0], newest.rules);
    }
    if (code == CLI_OK) {
        code = publish(&job);
    }
    job_close(&job);
    return code;
}

/* ---- list and show ---- */

static void
list_row(struct cli *cli, struct cli_table *table,
         const struct store_pg_binding *row)
{

    if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:o, s:i, s:i, s:o, s:o, s:o}", "name",
                                    cli_json_str(row->name), "version",
                                    (int)row->version, "incarnation",
                                    (int)row->incarnation, "quarantine",
                                    cli_json_str(row->quarantine),
                                    "published_at", cli_json_time(row->at),
                                    "published_by", cli_json_str(row->by)));
        return;
    }
    cli_table_cell(table, CLI_PLAIN, row->name);
    cli_table_printf(table, CLI_PLAIN, "%d", (int)row->version);
    cli_table_printf(table, CLI_PLAIN, "%d", (int)row->incarnation);
    cli_table_time(table, row->at);
    cli_table_cell(table, CLI_DIM, row->by);
    cli_table_cell(table, row->quarantine.ptr ? CLI_RED : CLI_GREEN,
                   row->quarantine.ptr ? row->quarantine : ODK_STR("works"));
}

int
cli_binding_list(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {
        "NAME", "VERSION", "INCARNATION", "PUBLISHED (UTC)", "BY", "STATE"};
    const struct store_pg_binding *rows = NULL;
    struct cli_listing list;
    struct odk_err err = {0};
    size_t n = 0;
    int code = cli_listing_open(&list, cli, words, ODK_ARRAY_LEN(words));

    (void)args;
    if (code != CLI_OK) {
        return code;
    }
    if (store_pg_bindings(list.query, &list.arena, &rows, &n, &err) != 0) {
        code = cli_fail_err(cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        list_row(cli, &list.table, &rows[i]);
    }
    return cli_listing_close(&list, code,
                             n > 0 ? NULL
                                   : "No binding is published; `odradek "
                                     "binding publish FILE` does.");
}

int
cli_binding_show(struct cli *cli, const struct cli_args *args)
{
    struct store_pg_binding found = {0};
    struct store_pg_query *query = NULL;
    struct odk_err err = {0};
    struct odk_arena arena;
    int64_t number = 0;
    int code = cli_number_flag(cli, args, "version", INT32_MAX, &number);

    if (code == CLI_OK) {
        code = cli_query_open(cli, &query);
    }
    if (code != CLI_OK) {
        return code;
    }
    odk_arena_init(&arena, 0);
    if (store_pg_binding_read(query, odk_str(args->words[0]), (int32_t)number,
                              &arena, &found, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else {
        odk_buf_put_str(&cli->out, found.rules);
        if (!odk_str_ends(found.rules, ODK_STR("\n"))) {
            odk_buf_put_char(&cli->out, '\n');
        }
        if (found.quarantine.ptr) {
            cli_note(cli,
                     "quarantined: %.*s\n`odradek binding reset %.*s` starts "
                     "it again at the logs' ends.",
                     ODK_STR_ARG(found.quarantine), ODK_STR_ARG(found.name));
        }
    }
    odk_arena_release(&arena);
    store_pg_query_close(query);
    return code;
}
