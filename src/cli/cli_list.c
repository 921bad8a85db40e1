#include "cli/cli_connect.h"
#include "cli/cli_look.h"
#include "engine/engine.h"
#include "json/json.h"

#define LIST_MAX    1000000
#define PAGE        500
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
    cli_table_cell(table, CLI_PLAIN, row->workflow_id);
    cli_table_printf(table, cli_status_style(row->status), "%s%s", status,
                     row->is_stuck ? " (stuck)" : "");
    cli_table_printf(table, CLI_PLAIN, "%.*s/%d", ODK_STR_ARG(row->definition),
                     (int)row->definition_version);
    cli_table_time(table, row->started_at);
    odk_buf_init(&cell, 0);
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
    enum engine_status parsed = ENGINE_RUNNING;

    *limit = 100;
    if (status && !engine_status_parse(odk_str(status), &parsed)) {
        return cli_fail(cli, CLI_USAGE,
                        "--status: give RUNNING, SUCCEEDED, FAILED, TIMED_OUT, "
                        "ABORTED or TERMINATED");
    }
    *out = (struct store_pg_filter){
        .namespace_ = odk_str(config_str(cli->config, CONFIG_NAMESPACE)),
        .definition = odk_str(cli_flag(args, "definition")),
        .workflow_id = odk_str(cli_flag(args, "id")),
        .status = status ? (int)parsed : 0,
        .is_stuck_only = cli_flag(args, "stuck") != NULL,
    };
    return cli_number_flag(cli, args, "limit", LIST_MAX, limit);
}

/* One page; *n is 0 at the end. */
static int
list_page(struct cli_listing *list, struct store_pg_filter *filter,
          struct odk_uuid *last, size_t *n)
{
    const struct store_pg_execution *rows = NULL;
    struct odk_err err = {0};

    odk_arena_reset(&list->arena);
    if (store_pg_list(list->query, filter, &list->arena, &rows, n, &err) != 0) {
        *n = 0;
        return cli_fail_err(list->cli, &err);
    }
    for (size_t i = 0; i < *n; i++) {
        list_row(list->cli, &list->table, &rows[i]);
        *last = rows[i].run_id;
        filter->before = last;
    }
    return CLI_OK;
}

int
cli_list(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"WORKFLOW",      "STATUS", "DEFINITION",
                                        "STARTED (UTC)", "TOOK",   "RUN",
                                        "ERROR"};
    struct store_pg_filter filter;
    struct cli_listing list;
    struct odk_uuid last;
    int64_t left = 0;
    int code = list_filter(cli, args, &filter, &left);
    bool is_empty = true;

    if (code == CLI_OK) {
        code = cli_listing_open(&list, cli, words, ODK_ARRAY_LEN(words));
    }
    if (code != CLI_OK) {
        return code;
    }
    for (size_t n = 1; code == CLI_OK && n > 0 && left > 0;) {
        filter.max = left < PAGE ? (size_t)left : PAGE;
        code = list_page(&list, &filter, &last, &n);
        left -= (int64_t)n;
        is_empty &= n == 0;
    }
    return cli_listing_close(&list, code,
                             left == 0
                                 ? "There may be more; --limit N shows them."
                             : is_empty ? "No such workflow."
                                        : NULL);
}
