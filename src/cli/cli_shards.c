#include <stdlib.h>

#include "cli/cli_look.h"
#include "cli/cli_restore.h"
#include "json/json.h"

#define METADATA_POLL_MS 50
#define METADATA_POLLS   100

/* ---- odradek shards ---- */

/* Records that wait in Kafka; -1: not known. */
static int64_t
lag_of(struct bus *bus, const char *topic, int32_t partition, int64_t next)
{
    int64_t start = 0;
    int64_t end = 0;
    int rc = ODK_EAGAIN;

    for (int i = 0; bus->ops && rc == ODK_EAGAIN && i < METADATA_POLLS; i++) {
        struct bus_batch batch;
        rc = bus_log_range(bus, odk_str(topic), partition, &start, &end, NULL);
        if (rc == ODK_EAGAIN) {
            (void)!bus_poll(bus, METADATA_POLL_MS, &batch, NULL);
        }
    }
    return rc == 0 && end >= next ? end - next : -1;
}

static void
shard_json(struct cli *cli, const struct store_pg_shard_info *info, int64_t lag)
{
    const struct store_shard *row = &info->row;

    cli_put_json(
        cli, json_pack("{s:i, s:o, s:b, s:I, s:I, s:I, s:o, s:I, s:I, s:o}",
                       "shard", (int)row->shard, "owner",
                       cli_json_str(info->owner), "connected",
                       (int)info->is_connected, "epoch", (json_int_t)row->epoch,
                       "next_command", (json_int_t)row->next_command,
                       "next_result", (json_int_t)row->next_result, "lag",
                       lag < 0 ? json_null() : json_integer((json_int_t)lag),
                       "outputs", (json_int_t)row->outbox_seq, "unpublished",
                       (json_int_t)(row->outbox_seq - row->published),
                       "quarantine", cli_json_str(row->quarantine)));
}

static void
shard_row(struct cli *cli, struct cli_table *table,
          const struct store_pg_shard_info *info, int64_t lag)
{
    const struct store_shard *row = &info->row;

    if (cli->is_json) {
        shard_json(cli, info, lag);
        return;
    }
    cli_table_printf(table, CLI_PLAIN, "%d", (int)row->shard);
    cli_table_cell(table, info->is_connected ? CLI_GREEN : CLI_DIM,
                   info->owner);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)row->epoch);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)row->next_command);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)row->next_result);
    if (lag < 0) {
        cli_table_cell(table, CLI_DIM, ODK_STR("?"));
    } else {
        cli_table_printf(table, CLI_PLAIN, "%lld", (long long)lag);
    }
    cli_table_printf(table, CLI_PLAIN, "%llu",
                     (unsigned long long)row->outbox_seq);
    cli_table_printf(table, CLI_PLAIN, "%llu",
                     (unsigned long long)(row->outbox_seq - row->published));
    if (row->quarantine.ptr) {
        cli_table_printf(table, CLI_RED, "QUARANTINED: %.*s",
                         ODK_STR_ARG(row->quarantine));
    } else {
        cli_table_cell(table, info->is_connected ? CLI_GREEN : CLI_YELLOW,
                       odk_str(info->is_connected ? "owned" : "no owner"));
    }
}

/* Without Kafka the table has everything but the lag. */
static void
open_bus(struct cli *cli, struct bus *bus)
{
    struct cli_kafka kafka;
    struct odk_err err = {0};

    cli_kafka_options(cli->config, &kafka);
    if (bus_kafka_open(&kafka.options, bus, &err) != 0) {
        cli_note(cli, "The lag is not known: %s", err.message);
    }
}

int
cli_shards(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"SHARD",    "OWNER",       "EPOCH",
                                        "COMMANDS", "RESULTS",     "LAG",
                                        "OUTPUTS",  "UNPUBLISHED", "STATE"};
    const struct store_pg_shard_info *rows = NULL;
    struct cli_listing list;
    struct odk_err err = {0};
    struct bus bus = {0};
    size_t n = 0;
    int code = cli_listing_open(&list, cli, words, ODK_ARRAY_LEN(words));

    (void)args;
    if (code != CLI_OK) {
        return code;
    }
    if (store_pg_shards(list.query, &list.arena, &rows, &n, &err) != 0) {
        code = cli_fail_err(cli, &err);
    }
    if (n > 0) {
        open_bus(cli, &bus);
    }
    for (size_t i = 0; i < n; i++) {
        const struct store_shard *row = &rows[i].row;
        int64_t commands =
            lag_of(&bus, LANE_TOPIC_COMMANDS, row->shard, row->next_command);
        int64_t results =
            lag_of(&bus, LANE_TOPIC_RESULTS, row->shard, row->next_result);
        shard_row(cli, &list.table, &rows[i],
                  commands < 0 || results < 0 ? -1 : commands + results);
    }
    bus_close(&bus, false);
    return cli_listing_close(&list, code,
                             n > 0 ? NULL
                                   : "No shard was ever owned; `odradek "
                                     "serve` takes them.");
}

/* ---- odradek shards release ---- */

static int
parse_shard(struct cli *cli, const char *word, int32_t *out)
{
    int64_t shard = 0;

    if (!odk_str_to_i64(odk_str(word), &shard) || shard < 0 ||
        shard > INT32_MAX) {
        return cli_fail(cli, CLI_USAGE, "give a shard's number");
    }
    *out = (int32_t)shard;
    return CLI_OK;
}

/* What the journal keeps of it. */
struct decision {
    const char *action;
    const char *reason;
};

static int
release(struct cli *cli, struct store_pg_query *query, int32_t shard,
        const struct decision *decision, struct odk_err *err)
{
    struct odk_buf who;

    odk_buf_init(&who, 0);
    cli_who(cli, &who);
    int rc = store_pg_shard_release(query, shard, odk_str(decision->action),
                                    odk_buf_str(&who),
                                    odk_str(decision->reason), err);
    odk_buf_release(&who);
    return rc;
}

int
cli_shards_release(struct cli *cli, const struct cli_args *args)
{
    struct decision decision = {"release", cli_flag(args, "reason")};
    struct store_pg_query *query = NULL;
    struct odk_err err = {0};
    int32_t shard = 0;
    int code = parse_shard(cli, args->words[0], &shard);

    if (code == CLI_OK && (!decision.reason || !decision.reason[0])) {
        return cli_fail(cli, CLI_USAGE,
                        "--reason: say why the shard may go on");
    }
    if (code == CLI_OK) {
        code = cli_query_open(cli, &query);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (release(cli, query, shard, &decision, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:i, s:s}", "shard", (int)shard, "result",
                                    "released"));
    } else {
        cli_printf(cli,
                   "shard %d is out of quarantine; its owner takes it again\n",
                   (int)shard);
    }
    store_pg_query_close(query);
    return code;
}

/* ---- odradek shards repair ---- */

struct repair {
    struct cli *cli;
    struct cli_restore restore;
    struct odk_arena arena;
    const struct store_pg_shard_info *rows;
    size_t n_rows;
    int32_t shard; /**< -1: all that a repair is for */
    bool is_dry;
};

static void
log_note(void *ctx, enum odk_log_level level, const char *event,
         const char *message)
{
    if (level >= ODK_LOG_WARN) {
        cli_note(ctx, "%s: %s", event, message);
    }
}

static void
say_repair(const struct repair *repair, const struct rebuild_report *report)
{
    struct cli *cli = repair->cli;

    if (cli->is_json) {
        cli_put_json(cli,
                     json_pack("{s:i, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                               "shard", (int)report->shard, "dry_run",
                               (int)repair->is_dry, "transitions",
                               (json_int_t)report->transitions, "runs",
                               (json_int_t)report->runs, "requests",
                               (json_int_t)report->requests, "outputs",
                               (json_int_t)report->outputs, "lost_outputs",
                               (json_int_t)report->lost, "number_from",
                               (json_int_t)report->seq_from, "number",
                               (json_int_t)report->seq));
        return;
    }
    cli_printf(
        cli,
        "shard %d: %s %llu transitions (%llu new runs, %llu outcomes of "
        "commands), numbers %llu to %llu; %llu outputs had never "
        "arrived%s\n",
        (int)report->shard, repair->is_dry ? "would take" : "took",
        (unsigned long long)report->transitions,
        (unsigned long long)report->runs, (unsigned long long)report->requests,
        (unsigned long long)report->seq_from + 1,
        (unsigned long long)report->seq, (unsigned long long)report->outputs,
        repair->is_dry        ? ""
        : report->outputs > 0 ? " and are in the outbox again"
                              : "");
    if (report->parked > 0) {
        cli_note(cli,
                 "shard %d: %llu further ones are parked, as readers have "
                 "passed their numbers: `odradek parked retry`",
                 (int)report->shard, (unsigned long long)report->parked);
    }
    if (report->lost > 0) {
        cli_note(cli,
                 "shard %d: %llu outputs cannot be made again: see "
                 "rebuild.output_lost",
                 (int)report->shard, (unsigned long long)report->lost);
    }
}

static bool
is_for(const struct store_shard *row)
{
    return row->quarantine.ptr && cli_is_repairable(row->quarantine);
}

static int
repair_one(struct repair *repair, const struct store_shard *row)
{
    struct decision decision = {"repair", "from odradek.history"};
    struct cli_restore *restore = &repair->restore;
    struct odk_err err = {0};

    if (!is_for(row)) {
        return cli_fail(repair->cli, CLI_FAILED,
                        "shard %d is not in quarantine for lost commits: there "
                        "is nothing to repair",
                        (int)row->shard);
    }
    int rc = repair->is_dry ? rebuild_look(restore->rebuild, row, &err)
                            : cli_restore_shard(restore, row->shard, NULL, NULL,
                                                NULL, &err);
    if (rc == 0) {
        say_repair(repair, rebuild_report(restore->rebuild));
    }
    if (rc == 0 && !repair->is_dry) {
        rc = release(repair->cli, restore->query, row->shard, &decision, &err);
    }
    return rc == 0 ? CLI_OK : cli_fail_err(repair->cli, &err);
}

static int
repair_shards(struct repair *repair)
{
    struct odk_err err = {0};
    bool is_any = false;
    int code = CLI_OK;

    if (store_pg_shards(repair->restore.query, &repair->arena, &repair->rows,
                        &repair->n_rows, &err) != 0) {
        return cli_fail_err(repair->cli, &err);
    }
    for (size_t i = 0; code == CLI_OK && i < repair->n_rows; i++) {
        const struct store_shard *row = &repair->rows[i].row;
        if (repair->shard < 0 ? is_for(row) : row->shard == repair->shard) {
            is_any = true;
            code = repair_one(repair, row);
        }
    }
    if (!is_any && repair->shard >= 0) {
        return cli_fail(repair->cli, CLI_NOT_FOUND, "there is no shard %d",
                        (int)repair->shard);
    }
    if (!is_any) {
        cli_note(repair->cli, "No shard is in quarantine for lost commits.");
    }
    return code;
}

int
cli_shards_repair(struct cli *cli, const struct cli_args *args)
{
    struct repair repair = {
        .cli = cli, .shard = -1, .is_dry = cli_flag(args, "dry-run") != NULL};
    struct odk_logger logger = {log_note, cli};
    struct odk_err err = {0};
    bool is_all = cli_flag(args, "all") != NULL;
    bool is_lenient = cli_flag(args, "accept-lost-outputs") != NULL;

    if (is_all == (args->n_words > 0)) {
        return cli_fail(cli, CLI_USAGE, "give a shard's number, or --all");
    }
    int code =
        is_all ? CLI_OK : parse_shard(cli, args->words[0], &repair.shard);
    if (code != CLI_OK) {
        return code;
    }
    odk_arena_init(&repair.arena, 0);
    int rc = cli_restore_open(&repair.restore, cli->config, &logger, is_lenient,
                              &err);
    code = rc == 0 ? repair_shards(&repair) : cli_fail_err(cli, &err);
    cli_restore_close(&repair.restore);
    odk_arena_release(&repair.arena);
    return code;
}
