#include <stdio.h>
#include <stdlib.h>

#include "cli/cli_digest.h"
#include "cli/cli_output.h"
#include "cli/cli_replay.h"

#define PROGRESS_MS 2000
#define SHARDS_MAX  10000

struct work {
    struct cli *cli;
    struct cli_restore restore;
    odk_time_ms until;           /**< 0: none */
    int64_t offsets[SHARDS_MAX]; /**< by shard; -1: none */
    odk_dur_ms began_at;
    odk_dur_ms said_at;
    uint64_t before; /**< transitions of the shards that are done */
    uint64_t lost;
};

static odk_dur_ms
monotonic(void)
{
    struct lane_clock clock = cli_lane_clock();

    return clock.monotonic(clock.ctx);
}

/* ---- what is asked for ---- */

static int
parse_offset(struct work *work, struct odk_str item)
{
    ptrdiff_t eq = odk_str_find(item, '=');
    int64_t shard = -1;
    int64_t offset = -1;

    if (eq <= 0 || !odk_str_to_i64(odk_str_n(item.ptr, (size_t)eq), &shard) ||
        !odk_str_to_i64(odk_str_from(item, (size_t)eq + 1), &offset) ||
        shard < 0 || shard >= SHARDS_MAX || offset < 0) {
        return cli_fail(work->cli, CLI_USAGE,
                        "--until-offsets: give SHARD=OFFSET,… as in "
                        "0=1200,1=980");
    }
    work->offsets[shard] = offset;
    return CLI_OK;
}

static int
parse_cut(struct work *work, const struct cli_args *args)
{
    const char *time = cli_flag(args, "until-time");
    struct odk_str rest = odk_str(cli_flag(args, "until-offsets"));
    int code = CLI_OK;

    for (size_t i = 0; i < SHARDS_MAX; i++) {
        work->offsets[i] = -1;
    }
    if (time &&
        (!odk_time_parse(odk_str(time), &work->until) || work->until <= 0)) {
        return cli_fail(work->cli, CLI_USAGE,
                        "--until-time: give a time as in 2026-11-25T01:02:03Z");
    }
    while (code == CLI_OK && rest.len > 0) {
        ptrdiff_t comma = odk_str_find(rest, ',');
        size_t len = comma < 0 ? rest.len : (size_t)comma;
        code = parse_offset(work, odk_str_n(rest.ptr, len));
        rest = odk_str_from(rest, comma < 0 ? len : len + 1);
    }
    return code;
}

/* ---- saying ---- */

static uint64_t
rate(uint64_t n, odk_dur_ms took)
{
    return took > 0 ? n * 1000 / (uint64_t)took : n;
}

static bool
hear(void *ctx, const struct rebuild_report *report)
{
    struct work *work = ctx;
    odk_dur_ms now = monotonic();

    if (now - work->said_at < PROGRESS_MS) {
        return true;
    }
    work->said_at = now;
    uint64_t n = work->before + report->transitions;
    cli_note(work->cli,
             "shard %d: offset %lld of %lld; %llu transitions in all, %llu/s",
             (int)report->shard, (long long)report->offset,
             (long long)report->offset_end, (unsigned long long)n,
             (unsigned long long)rate(n, now - work->began_at));
    return true;
}

static void
shard_row(struct work *work, struct cli_table *table,
          const struct rebuild_report *report)
{
    if (work->cli->is_json) {
        cli_put_json(work->cli,
                     json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
                               "shard", (int)report->shard, "records",
                               (json_int_t)report->records, "transitions",
                               (json_int_t)report->transitions, "runs",
                               (json_int_t)report->runs, "requests",
                               (json_int_t)report->requests, "outputs",
                               (json_int_t)report->outputs, "lost_outputs",
                               (json_int_t)report->lost, "offset",
                               (json_int_t)report->offset, "until",
                               cli_json_time(report->clock)));
        return;
    }
    cli_table_printf(table, CLI_PLAIN, "%d", (int)report->shard);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)report->offset);
    cli_table_printf(table, CLI_PLAIN, "%llu",
                     (unsigned long long)report->transitions);
    cli_table_printf(table, CLI_PLAIN, "%llu",
                     (unsigned long long)report->runs);
    cli_table_printf(table, CLI_PLAIN, "%llu",
                     (unsigned long long)report->requests);
    cli_table_printf(table, CLI_PLAIN, "%llu",
                     (unsigned long long)report->outputs);
    cli_table_printf(table, report->lost ? CLI_RED : CLI_PLAIN, "%llu",
                     (unsigned long long)report->lost);
    cli_table_time(table, report->clock);
}

static void
say_end(struct work *work)
{
    odk_dur_ms took = monotonic() - work->began_at;
    uint64_t per_s = rate(work->before, took);

    if (work->cli->is_json) {
        cli_put_json(work->cli,
                     json_pack("{s:I, s:I, s:I}", "transitions",
                               (json_int_t)work->before, "ms", (json_int_t)took,
                               "transitions_per_second", (json_int_t)per_s));
        return;
    }
    cli_printf(work->cli, "%llu transitions in %lld ms: %llu/s\n",
               (unsigned long long)work->before, (long long)took,
               (unsigned long long)per_s);
}

static void
log_note(void *ctx, enum odk_log_level level, const char *event,
         const char *message)
{
    if (level >= ODK_LOG_WARN) {
        cli_note(ctx, "%s: %s", event, message);
    }
}

/* ---- doing ---- */

/* Shards beyond N forward only; they have a row and a history of it. */
static int
count_shards(struct work *work, int32_t *n)
{
    struct odk_err err = {0};
    int rc = ODK_EAGAIN;

    *n = 0;
    for (int i = 0; rc == ODK_EAGAIN && i < 100; i++) {
        struct bus_batch batch;
        rc = bus_partitions(&work->restore.inputs, ODK_STR(LANE_TOPIC_COMMANDS),
                            n, &err);
        if (rc == ODK_EAGAIN) {
            (void)!bus_poll(&work->restore.inputs, 50, &batch, NULL);
        }
    }
    if (rc == 0 && *n > SHARDS_MAX) {
        rc = odk_err_set(&err, ODK_ELIMIT, "more than %d shards", SHARDS_MAX);
    }
    return rc == 0 ? CLI_OK : cli_fail_err(work->cli, &err);
}

static int
rebuild_shards(struct work *work)
{
    static const char *const words[] = {"SHARD", "OFFSET",     "TRANSITIONS",
                                        "RUNS",  "REQUESTS",   "OUTBOX",
                                        "LOST",  "UNTIL (UTC)"};
    struct cli_restore_watch watch = {hear, work};
    struct odk_err err = {0};
    struct cli_table table;
    int32_t n = 0;
    int code = count_shards(work, &n);

    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    for (int32_t shard = 0; code == CLI_OK && shard < n; shard++) {
        struct rebuild_cut cut = {work->until, work->offsets[shard]};
        int rc = cli_restore_shard(&work->restore, shard, CLI_REBUILT, &cut,
                                   &watch, &err);
        const struct rebuild_report *report =
            rebuild_report(work->restore.rebuild);
        code = rc == 0 ? CLI_OK : cli_fail_err(work->cli, &err);
        if (rc == 0) {
            work->before += report->transitions;
            work->lost += report->lost;
            shard_row(work, &table, report);
        }
    }
    if (!work->cli->is_json) {
        cli_table_print(work->cli, &table);
    }
    cli_table_release(&table);
    if (code == CLI_OK) {
        say_end(work);
    }
    return code;
}

static int
rebuild_all(struct work *work)
{
    struct cli_replayed replayed;
    struct odk_err err = {0};
    int rc = cli_replay_definitions(&work->restore, &replayed, &err);

    if (rc != 0) {
        return cli_fail_err(work->cli, &err);
    }
    cli_note(work->cli, "%llu definitions and %llu bindings published",
             (unsigned long long)replayed.definitions,
             (unsigned long long)replayed.bindings);
    work->began_at = work->said_at = monotonic();
    return rebuild_shards(work);
}

int
cli_rebuild(struct cli *cli, const struct cli_args *args)
{
    const char *compare = cli_flag(args, "compare");
    bool is_lenient = cli_flag(args, "accept-lost-outputs") != NULL;
    struct odk_logger logger = {log_note, cli};
    struct odk_err err = {0};
    struct work *work = calloc(1, sizeof(*work));

    if (!work) {
        odk_out_of_memory();
    }
    work->cli = cli;
    int code = parse_cut(work, args);
    if (code != CLI_OK) {
        free(work);
        return code;
    }
    int rc = cli_restore_open(&work->restore, cli->config, &logger, is_lenient,
                              &err);
    code = rc == 0 ? rebuild_all(work) : cli_fail_err(cli, &err);
    if (code == CLI_OK && compare) {
        code = cli_digest_compare(cli, work->restore.query, compare);
    }
    cli_restore_close(&work->restore);
    free(work);
    return code;
}
