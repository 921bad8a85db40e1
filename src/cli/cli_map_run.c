#include "cli/cli_look.h"
#include "json/json.h"

/* Map Runs: what distributed Maps of a workflow did, from its stored state. */

static int64_t
number(const json_t *object, const char *name)
{
    return json_integer_value(json_get(object, name));
}

static void
put_row(struct cli_table *table, const json_t *run)
{
    static const char *const counts[] = {"pending", "running", "succeeded",
                                         "failed", "aborted"};
    const json_t *of = json_get(run, "counts");

    cli_table_cell(table, CLI_PLAIN, json_str(json_get(run, "mapRunArn")));
    cli_table_cell(table, CLI_PLAIN, json_str(json_get(run, "status")));
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)number(run, "items"));
    for (size_t i = 0; i < ODK_ARRAY_LEN(counts); i++) {
        cli_table_printf(table, CLI_PLAIN, "%lld",
                         (long long)number(of, counts[i]));
    }
}

void
cli_map_runs_put(struct cli *cli, const json_t *runs)
{
    static const char *const words[] = {"MAP RUN", "STATUS",  "ITEMS",
                                        "PENDING", "RUNNING", "SUCCEEDED",
                                        "FAILED",  "ABORTED"};
    struct cli_table table;

    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < json_array_size(runs); i++) {
        put_row(&table, json_array_get(runs, i));
    }
    cli_table_print(cli, &table);
    cli_table_release(&table);
}

int
cli_map_run_list(struct cli *cli, const struct cli_args *args)
{
    struct cli_look look;
    int code = cli_look_open(&look, cli, args);
    json_t *state = code == CLI_OK ? cli_look_state(&look) : NULL;
    json_t *runs = json_get(state, "mapRuns");

    if (state && cli->is_json) {
        for (size_t i = 0; i < json_array_size(runs); i++) {
            cli_put_json(cli, json_incref(json_array_get(runs, i)));
        }
    } else if (state) {
        cli_map_runs_put(cli, runs);
    } else if (code == CLI_OK) {
        code = CLI_FAILED;
    }
    json_decref(state);
    cli_look_close(&look);
    return code;
}

/* The run with an ARN, or with the UUID at its end. */
static json_t *
find_run(const json_t *runs, struct odk_str name)
{
    for (size_t i = 0; i < json_array_size(runs); i++) {
        json_t *run = json_array_get(runs, i);
        struct odk_str arn = json_str(json_get(run, "mapRunArn"));
        if (odk_str_eq(arn, name) ||
            (name.len == ODK_UUID_TEXT_LEN && odk_str_ends(arn, name))) {
            return run;
        }
    }
    return NULL;
}

static void
put_run(struct cli *cli, const json_t *run)
{
    struct json_member_iter count;
    int64_t stopped_at = number(run, "stopDate");

    cli_printf(cli, "%.*s  %.*s\n",
               ODK_STR_ARG(json_str(json_get(run, "mapRunArn"))),
               ODK_STR_ARG(json_str(json_get(run, "status"))));
    cli_printf(cli, "  %-12s", "started");
    cli_time(number(run, "startDate"), &cli->out);
    if (stopped_at != 0) {
        cli_printf(cli, "\n  %-12s", "ended");
        cli_time(stopped_at, &cli->out);
    }
    cli_printf(cli, "\n  %-12s%lld\n", "items",
               (long long)number(run, "items"));
    for (json_member_first(&count, json_get(run, "counts")); count.value;
         json_member_next(&count)) {
        cli_printf(cli, "  %-12.*s%lld\n", ODK_STR_ARG(count.key),
                   (long long)json_integer_value(count.value));
    }
}

int
cli_map_run_describe(struct cli *cli, const struct cli_args *args)
{
    struct cli_look look;
    int code = cli_look_open(&look, cli, args);
    json_t *state = code == CLI_OK ? cli_look_state(&look) : NULL;
    json_t *run = find_run(json_get(state, "mapRuns"), odk_str(args->words[1]));

    if (code == CLI_OK && !state) {
        code = CLI_FAILED;
    } else if (code == CLI_OK && !run) {
        code = cli_fail(cli, CLI_NOT_FOUND, "the run has no Map Run '%s'",
                        args->words[1]);
    } else if (code == CLI_OK && cli->is_json) {
        cli_put_json(cli, json_incref(run));
    } else if (code == CLI_OK) {
        put_run(cli, run);
    }
    json_decref(state);
    cli_look_close(&look);
    return code;
}
