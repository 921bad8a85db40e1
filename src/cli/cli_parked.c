#include "cli/cli_connect.h"
#include "cli/cli_look.h"
#include "json/json.h"

#define PARKED_MAX 1000

static void
parked_row(struct cli *cli, struct cli_table *table,
           const struct store_pg_parked *row)
{
    const struct store_output *output = &row->output;

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
    cli_table_printf(table, CLI_PLAIN, "%d", (int)row->shard);
    cli_table_printf(table, CLI_PLAIN, "%llu", (unsigned long long)output->seq);
    cli_table_cell(table, CLI_PLAIN, output->topic);
    cli_table_cell(table, CLI_PLAIN,
                   output->key.ptr ? output->key : odk_str(""));
    cli_table_time(table, row->at);
    cli_table_cell(table, CLI_RED, row->reason);
}

int
cli_parked(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"SHARD", "SEQ",      "TOPIC",
                                        "KEY",   "AT (UTC)", "REASON"};
    const struct store_pg_parked *rows = NULL;
    struct cli_listing list;
    struct odk_err err = {0};
    size_t n = 0;
    int code = cli_listing_open(&list, cli, words, ODK_ARRAY_LEN(words));

    (void)args;
    if (code != CLI_OK) {
        return code;
    }
    if (store_pg_parked(list.query, NULL, PARKED_MAX, &list.arena, &rows, &n,
                        &err) != 0) {
        code = cli_fail_err(cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        parked_row(cli, &list.table, &rows[i]);
    }
    return cli_listing_close(
        &list, code,
        n == 0 ? "Nothing is parked."
               : "What no topic takes is kept with its bytes in table "
                 "odradek.outbox_parked; the reason says what lacks.");
}
