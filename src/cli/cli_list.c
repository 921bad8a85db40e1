#include "cli/cli_connect.h"
#include "cli/cli_look.h"
#include "engine/engine.h"
#include "json/json.h"

#define LIST_MAX    1000000
#define PAGE        500
#define PARKED_MAX  1000
#define ERROR_WIDTH 60

/* ---- executions ---- */

static void
list_row(struct cli *cli, struct cli_table *table,
         const struct store_pg_execution *row)
{
    const char *status = engine_status_name((enum engine_status)row->status);
    char run[ODK_UUID_TEXT_LEN + 1];
    struct odk_buf cell;

    odk_uuid_format(&row->run_id, run);
    if (cli->is_json) {
        cli_put_json(
            cli,
            json_pack("{s:o, s:o, s:s, s:o, s:i, s:s, s:b, s:o, s:o, s:o}",
                      "namespace", cli_json_str(row->namespace_), "workflow_id",
                      cli_json_str(row->workflow_id), "run_id", run,
                      "definition", cli_json_str(row->definition), "version",
                      (int)row->definition_version, "status", status, "stuck",
                      (int)row->is_stuck, "started_at",
                      cli_json_time(row->started_at), "closed_at",
                      cli_json_time(row->closed_at), "error",
                      cli_json_str(row->error)));
        return;
    }
    odk_buf_init(&cell, 0);
    cli_table_cell(table, CLI_PLAIN, row->workflow_id);
    cli_table_printf(table, cli_status_style(row->status), "%s%s", status,
                     row->is_stuck ? " (stuck)" : "");
    cli_table_printf(table, CLI_PLAIN, "%.*s/%d", ODK_STR_ARG(row->definition),
                     (int)row->definition_version);
    cli_time(row->started_at, &cell);
    cli_table_cell(table, CLI_DIM, odk_buf_str(&cell));
    odk_buf_clear(&cell);
    odk_buf_put_cstr(&cell, "");
    if (row->closed_at) {
        cli_duration(row->closed_at - row->started_at, &cell);
    }
    cli_table_cell(table, CLI_DIM, odk_buf_str(&cell));
    cli_table_cell(table, CLI_DIM, odk_str(run));
    odk_buf_clear(&cell);
    odk_buf_put_cstr(&cell, "");
    cli_short_text(row->error.ptr ? row->error : odk_str(""), ERROR_WIDTH,
                   &cell);
    cli_table_cell(table, CLI_RED, odk_buf_str(&cell));
    odk_buf_release(&cell);
}

static int
list_filter(struct cli *cli, const struct cli_args *args,
            struct store_pg_filter *out, int64_t *limit)
{
    const char *status = cli_flag(args, "status");
    const char *text = cli_flag(args, "limit");
    enum engine_status parsed = ENGINE_RUNNING;

    *limit = 100;
    if (status && !engine_status_parse(odk_str(status), &parsed)) {
        return cli_fail(cli, CLI_USAGE,
                        "--status: give RUNNING, SUCCEEDED, FAILED, TIMED_OUT, "
                        "ABORTED or TERMINATED");
    }
    if (text && (!odk_str_to_i64(odk_str(text), limit) || *limit < 1 ||
                 *limit > LIST_MAX)) {
        return cli_fail(cli, CLI_USAGE,
                        "--limit: give a whole number from 1 to %d", LIST_MAX);
    }
    *out = (struct store_pg_filter){
        .namespace_ = odk_str(config_str(cli->config, CONFIG_NAMESPACE)),
        .definition = odk_str(cli_flag(args, "definition")),
        .workflow_id = odk_str(cli_flag(args, "id")),
        .status = status ? (int)parsed : 0,
        .is_stuck_only = cli_flag(args, "stuck") != NULL,
    };
    return CLI_OK;
}

/* One page; *n is 0 at the end. */
static int
list_page(struct cli *cli, struct store_pg_query *query,
          struct store_pg_filter *filter, struct odk_uuid *last,
          struct cli_table *table, size_t *n)
{
    const struct store_pg_execution *rows = NULL;
    struct odk_err err = {0};
    struct odk_arena arena;
    int code = CLI_OK;

    odk_arena_init(&arena, 0);
    if (store_pg_list(query, filter, &arena, &rows, n, &err) != 0) {
        code = cli_fail_err(cli, &err);
        *n = 0;
    }
    for (size_t i = 0; i < *n; i++) {
        list_row(cli, table, &rows[i]);
        *last = rows[i].run_id;
        filter->before = last;
    }
    odk_arena_release(&arena);
    return code;
}

int
cli_list(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"WORKFLOW",      "STATUS", "DEFINITION",
                                        "STARTED (UTC)", "TOOK",   "RUN",
                                        "ERROR"};
    struct store_pg_filter filter;
    struct store_pg_query *query = NULL;
    struct odk_uuid last;
    struct cli_table table;
    int64_t left = 0;
    int code = list_filter(cli, args, &filter, &left);
    bool is_empty = true;

    if (code == CLI_OK) {
        code = cli_query_open(cli, &query);
    }
    if (code != CLI_OK) {
        return code;
    }
    cli_table_init(&table, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < ODK_ARRAY_LEN(words); i++) {
        cli_table_cell(&table, CLI_BOLD, odk_str(words[i]));
    }
    for (size_t n = 1; code == CLI_OK && n > 0 && left > 0;) {
        filter.max = left < PAGE ? (size_t)left : PAGE;
        code = list_page(cli, query, &filter, &last, &table, &n);
        left -= (int64_t)n;
        is_empty &= n == 0;
    }
    cli_table_print(cli, &table);
    if (code == CLI_OK && left == 0 && !cli->is_json) {
        cli_note(cli, "There may be more; --limit N shows them.");
    } else if (code == CLI_OK && is_empty && !cli->is_json) {
        cli_note(cli, "No such workflow.");
    }
    cli_table_release(&table);
    store_pg_query_close(query);
    return code;
}

/* ---- shards ---- */

static void
shard_row(struct cli *cli, struct cli_table *table,
          const struct store_pg_shard_info *info)
{
    const struct store_shard *row = &info->row;
    bool is_bad = row->quarantine.ptr != NULL;
    uint64_t backlog = row->outbox_seq - row->published;

    if (cli->is_json) {
        cli_put_json(cli,
                     json_pack("{s:i, s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:o}",
                               "shard", (int)row->shard, "owner",
                               cli_json_str(info->owner), "connected",
                               (int)info->is_connected, "epoch",
                               (json_int_t)row->epoch, "next_command",
                               (json_int_t)row->next_command, "next_result",
                               (json_int_t)row->next_result, "outputs",
                               (json_int_t)row->outbox_seq, "unpublished",
                               (json_int_t)backlog, "quarantine",
                               cli_json_str(row->quarantine)));
        return;
    }
    cli_table_printf(table, CLI_PLAIN, "%d", (int)row->shard);
    cli_table_cell(table, info->is_connected ? CLI_GREEN : CLI_DIM,
                   info->owner);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)row->epoch);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)row->next_command);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)row->next_result);
    cli_table_printf(table, CLI_PLAIN, "%llu",
                     (unsigned long long)row->outbox_seq);
    cli_table_printf(table, CLI_PLAIN, "%llu", (unsigned long long)backlog);
    if (is_bad) {
        cli_table_printf(table, CLI_RED, "QUARANTINED: %.*s",
                         ODK_STR_ARG(row->quarantine));
    } else {
        cli_table_cell(table, info->is_connected ? CLI_GREEN : CLI_YELLOW,
                       odk_str(info->is_connected ? "owned" : "no owner"));
    }
}

int
cli_shards(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"SHARD",       "OWNER",   "EPOCH",
                                        "COMMANDS",    "RESULTS", "OUTPUTS",
                                        "UNPUBLISHED", "STATE"};
    const struct store_pg_shard_info *rows = NULL;
    struct store_pg_query *query = NULL;
    struct odk_err err = {0};
    struct odk_arena arena;
    struct cli_table table;
    size_t n = 0;
    int code = cli_query_open(cli, &query);

    (void)args;
    if (code != CLI_OK) {
        return code;
    }
    odk_arena_init(&arena, 0);
    cli_table_init(&table, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < ODK_ARRAY_LEN(words); i++) {
        cli_table_cell(&table, CLI_BOLD, odk_str(words[i]));
    }
    if (store_pg_shards(query, &arena, &rows, &n, &err) != 0) {
        code = cli_fail_err(cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        shard_row(cli, &table, &rows[i]);
    }
    cli_table_print(cli, &table);
    if (code == CLI_OK && n == 0 && !cli->is_json) {
        cli_note(cli, "No shard was ever owned; `odradek serve` takes them.");
    }
    cli_table_release(&table);
    odk_arena_release(&arena);
    store_pg_query_close(query);
    return code;
}

int
cli_shard_release(struct cli *cli, const struct cli_args *args)
{
    struct store_pg_query *query = NULL;
    struct odk_err err = {0};
    int64_t shard = 0;

    if (!odk_str_to_i64(odk_str(args->words[0]), &shard) || shard < 0 ||
        shard > INT32_MAX) {
        return cli_fail(cli, CLI_USAGE, "give a shard's number");
    }
    int code = cli_query_open(cli, &query);
    if (code != CLI_OK) {
        return code;
    }
    if (store_pg_shard_release(query, (int32_t)shard, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:I, s:s}", "shard", (json_int_t)shard,
                                    "result", "released"));
    } else {
        cli_printf(cli,
                   "shard %lld is out of quarantine; its owner takes it "
                   "again\n",
                   (long long)shard);
    }
    store_pg_query_close(query);
    return code;
}

/* ---- parked outputs ---- */

static void
parked_row(struct cli *cli, struct cli_table *table,
           const struct store_pg_parked *row)
{
    const struct store_output *output = &row->output;
    struct odk_buf at;

    if (cli->is_json) {
        cli_put_json(
            cli,
            json_pack("{s:i, s:I, s:o, s:i, s:o, s:I, s:o, s:o}", "shard",
                      (int)row->shard, "seq", (json_int_t)output->seq, "topic",
                      cli_json_str(output->topic), "partition",
                      (int)output->partition, "key", cli_json_str(output->key),
                      "bytes", (json_int_t)output->value.len, "reason",
                      cli_json_str(row->reason), "at", cli_json_time(row->at)));
        return;
    }
    odk_buf_init(&at, 0);
    cli_time(row->at, &at);
    cli_table_printf(table, CLI_PLAIN, "%d", (int)row->shard);
    cli_table_printf(table, CLI_PLAIN, "%llu", (unsigned long long)output->seq);
    cli_table_cell(table, CLI_PLAIN, output->topic);
    cli_table_cell(table, CLI_PLAIN,
                   output->key.ptr ? output->key : odk_str(""));
    cli_table_cell(table, CLI_DIM, odk_buf_str(&at));
    cli_table_cell(table, CLI_RED, row->reason);
    odk_buf_release(&at);
}

int
cli_parked(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"SHARD", "SEQ",      "TOPIC",
                                        "KEY",   "AT (UTC)", "REASON"};
    const struct store_pg_parked *rows = NULL;
    struct store_pg_query *query = NULL;
    struct odk_err err = {0};
    struct odk_arena arena;
    struct cli_table table;
    size_t n = 0;
    int code = cli_query_open(cli, &query);

    (void)args;
    if (code != CLI_OK) {
        return code;
    }
    odk_arena_init(&arena, 0);
    cli_table_init(&table, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < ODK_ARRAY_LEN(words); i++) {
        cli_table_cell(&table, CLI_BOLD, odk_str(words[i]));
    }
    if (store_pg_parked(query, NULL, PARKED_MAX, &arena, &rows, &n, &err) !=
        0) {
        code = cli_fail_err(cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        parked_row(cli, &table, &rows[i]);
    }
    cli_table_print(cli, &table);
    if (code == CLI_OK && n == 0 && !cli->is_json) {
        cli_note(cli, "Nothing is parked.");
    } else if (code == CLI_OK && !cli->is_json) {
        cli_note(cli, "What no topic takes is kept with its bytes in table "
                      "odradek.outbox_parked; the reason says what lacks.");
    }
    cli_table_release(&table);
    odk_arena_release(&arena);
    store_pg_query_close(query);
    return code;
}
