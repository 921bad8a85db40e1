#include "cli/cli_look.h"
#include "cli/cli_operate.h"
#include "cli/cli_record.h"
#include "json/json.h"
#include "store/store_headers.h"

/* What a page holds comes with its bytes, up to a megabyte each. */
#define PAGE       50
#define LIST_MAX   1000000
#define WORDS_HELP "give SHARD/SEQ, as `odradek parked list` shows it"

/* ---- reading ---- */

/* The outputs of a filter, page by page. */
struct walk {
    struct store_pg_query *query;
    struct odk_arena arena;
    struct store_pg_parked_filter filter;
    const struct store_pg_parked *rows;
    size_t n;
};

static void
walk_begin(struct walk *walk, struct store_pg_query *query,
           const struct cli_args *args)
{
    *walk = (struct walk){.query = query};
    walk->filter.max = PAGE;
    walk->filter.topic = odk_str(cli_flag(args, "topic"));
    odk_arena_init(&walk->arena, 0);
}

static int
walk_next(struct walk *walk, struct odk_err *err)
{
    odk_arena_reset(&walk->arena);
    int rc = store_pg_parked(walk->query, &walk->filter, &walk->arena,
                             &walk->rows, &walk->n, err);
    if (rc == 0 && walk->n > 0) {
        walk->filter.after_shard = walk->rows[walk->n - 1].shard;
        walk->filter.after_seq = walk->rows[walk->n - 1].output.seq;
    }
    return rc;
}

static void
walk_end(struct walk *walk)
{
    odk_arena_release(&walk->arena);
}

/* ---- list ---- */

static void
list_row(struct cli *cli, struct cli_table *table,
         const struct store_pg_parked *row)
{
    const struct store_output *output = &row->output;
    struct odk_buf key;

    odk_buf_init(&key, 0);
    cli_record_key(output->key, &key);
    if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:i, s:I, s:o, s:i, s:o, s:I, s:o, s:o}",
                                    "shard", (int)row->shard, "seq",
                                    (json_int_t)output->seq, "topic",
                                    cli_json_str(output->topic), "partition",
                                    (int)output->partition, "key",
                                    cli_json_str(odk_buf_str(&key)), "bytes",
                                    (json_int_t)output->value.len, "reason",
                                    cli_json_str(row->reason), "at",
                                    cli_json_time(row->at)));
    } else {
        cli_table_printf(table, CLI_PLAIN, "%d/%llu", (int)row->shard,
                         (unsigned long long)output->seq);
        cli_table_cell(table, CLI_PLAIN, output->topic);
        cli_table_cell(table, CLI_PLAIN, odk_buf_str(&key));
        cli_table_printf(table, CLI_PLAIN, "%zu", output->value.len);
        cli_table_time(table, row->at);
        cli_table_cell(table, CLI_RED, row->reason);
    }
    odk_buf_release(&key);
}

int
cli_parked_list(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"OUTPUT", "TOPIC",    "KEY",
                                        "BYTES",  "AT (UTC)", "REASON"};
    struct cli_listing list;
    struct odk_err err = {0};
    struct walk walk;
    int64_t limit = 100;
    int64_t n = 0;
    int code = cli_number_flag(cli, args, "limit", LIST_MAX, &limit);

    if (code == CLI_OK) {
        code = cli_listing_open(&list, cli, words, ODK_ARRAY_LEN(words));
    }
    if (code != CLI_OK) {
        return code;
    }
    walk_begin(&walk, list.query, args);
    do {
        if (walk_next(&walk, &err) != 0) {
            code = cli_fail_err(cli, &err);
        }
        for (size_t i = 0; code == CLI_OK && i < walk.n && n < limit; i++) {
            list_row(cli, &list.table, &walk.rows[i]);
            n++;
        }
    } while (code == CLI_OK && walk.n == PAGE && n < limit);
    walk_end(&walk);
    return cli_listing_close(
        &list, code,
        n == 0 ? "Nothing is parked."
               : "Mend what the reason says, then `odradek parked retry`.");
}

/* ---- show ---- */

static void
unpack(const struct store_output *output, struct odk_arena *arena,
       struct bus_record *out)
{
    struct odk_str rest = output->headers;
    struct bus_header header = {0};
    size_t n = 0;

    while (store_headers_next(&rest, &header.name, &header.value) == 1) {
        n++;
    }
    struct bus_header *headers = odk_arena_calloc(arena, n, sizeof(*headers));
    odk_assert(headers);
    rest = output->headers;
    *out = (struct bus_record){.key = output->key,
                               .value = output->value,
                               .headers = headers,
                               .n_headers = n};
    for (size_t i = 0; i < n; i++) {
        int more =
            store_headers_next(&rest, &headers[i].name, &headers[i].value);
        odk_assert(more == 1);
    }
}

static void
show(struct cli *cli, const struct store_pg_parked *row,
     struct odk_arena *arena, bool is_raw)
{
    struct bus_record record;

    if (is_raw) {
        odk_buf_put_str(&cli->out, row->output.value);
        return;
    }
    unpack(&row->output, arena, &record);
    if (cli->is_json) {
        json_t *object =
            json_pack("{s:i, s:I, s:o, s:i, s:o, s:o}", "shard",
                      (int)row->shard, "seq", (json_int_t)row->output.seq,
                      "topic", cli_json_str(row->output.topic), "partition",
                      (int)row->output.partition, "reason",
                      cli_json_str(row->reason), "at", cli_json_time(row->at));
        cli_record_json(object, &record);
        cli_put_json(cli, object);
        return;
    }
    cli_printf(cli, "to %.*s/%d, refused: %.*s\n",
               ODK_STR_ARG(row->output.topic), (int)row->output.partition,
               ODK_STR_ARG(row->reason));
    cli_record_print(cli, &record);
}

int
cli_parked_show(struct cli *cli, const struct cli_args *args)
{
    struct store_pg_query *query = NULL;
    const struct store_pg_parked *rows = NULL;
    struct store_pg_parked_filter filter = {.max = 1};
    struct odk_err err = {0};
    struct odk_arena arena;
    int64_t seq = 0;
    size_t n = 0;

    if (!cli_place_parse(args->words[0], &filter.after_shard, &seq) ||
        seq == 0) {
        return cli_fail(cli, CLI_USAGE, WORDS_HELP);
    }
    filter.after_seq = (uint64_t)seq - 1;
    int32_t shard = filter.after_shard;
    int code = cli_query_open(cli, &query);
    if (code != CLI_OK) {
        return code;
    }
    odk_arena_init(&arena, 0);
    if (store_pg_parked(query, &filter, &arena, &rows, &n, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else if (n == 0 || rows->shard != shard ||
               rows->output.seq != (uint64_t)seq) {
        code = cli_fail(cli, CLI_NOT_FOUND, "%s is not parked", args->words[0]);
    } else {
        show(cli, rows, &arena, cli_flag(args, "raw") != NULL);
    }
    odk_arena_release(&arena);
    store_pg_query_close(query);
    return code;
}

/* ---- retry and drop ---- */

/* Decisions of one command line. */
struct decisions {
    struct cli *cli;
    const struct cli_args *args;
    struct cli_operate operate;
    enum codec_output_action action;
    size_t n_done;
    size_t n_rejected;
};

static void
tell(struct decisions *decisions, int32_t shard, int64_t seq,
     const struct codec_reply *reply)
{
    bool is_done = reply->kind == CODEC_REPLY_KIND_ACCEPTED;
    const char *done = decisions->action == CODEC_OUTPUT_ACTION_RETRY
                           ? "sent again"
                           : "dropped";

    decisions->n_done += is_done;
    decisions->n_rejected += !is_done;
    if (decisions->cli->is_json) {
        cli_put_json(decisions->cli,
                     json_pack("{s:i, s:I, s:s, s:o, s:o}", "shard", (int)shard,
                               "seq", (json_int_t)seq, "result",
                               is_done ? done : "rejected", "code",
                               cli_json_str(reply->code), "message",
                               cli_json_str(reply->message)));
    } else if (is_done) {
        cli_printf(decisions->cli, "%d/%lld %s\n", (int)shard, (long long)seq,
                   done);
    } else {
        cli_note(decisions->cli, "%d/%lld: %.*s: %.*s", (int)shard,
                 (long long)seq, ODK_STR_ARG(reply->code),
                 ODK_STR_ARG(reply->message));
    }
    cli_flush(decisions->cli);
}

static int
decide(struct decisions *decisions, int32_t shard, int64_t seq)
{
    const char *request_id = cli_flag(decisions->args, "request-id");
    char made[ODK_UUID_TEXT_LEN + 1];
    struct codec_operate_output command;
    struct codec_reply reply;
    struct odk_err err = {0};

    cli_random_id(made);
    codec_operate_output_init(&command);
    command.shard = shard;
    command.seq = seq;
    command.action = decisions->action;
    command.reason = odk_str(cli_flag(decisions->args, "reason"));
    command.request_id = odk_str(request_id ? request_id : made);
    int rc = cli_operate_output(&decisions->operate, &command, &reply, &err);
    if (rc == ODK_ETIMEOUT) {
        return cli_fail(decisions->cli, CLI_TIMED_OUT,
                        "%d/%lld: %s; repeat it by --request-id %.*s",
                        (int)shard, (long long)seq, err.message,
                        ODK_STR_ARG(command.request_id));
    }
    if (rc != 0) {
        return cli_fail_err(decisions->cli, &err);
    }
    tell(decisions, shard, seq, &reply);
    return CLI_OK;
}

/* All that are parked now; what is refused again meanwhile has a new number and
 * is not among them. */
static int
find_all(struct decisions *decisions, struct odk_buf *places)
{
    struct store_pg_query *query = NULL;
    struct odk_err err = {0};
    struct walk walk;
    int code = cli_query_open(decisions->cli, &query);

    if (code != CLI_OK) {
        return code;
    }
    walk_begin(&walk, query, decisions->args);
    do {
        if (walk_next(&walk, &err) != 0) {
            code = cli_fail_err(decisions->cli, &err);
        }
        for (size_t i = 0; code == CLI_OK && i < walk.n; i++) {
            struct store_parked_drop place = {walk.rows[i].shard,
                                              walk.rows[i].output.seq};
            odk_buf_put(places, &place, sizeof(place));
        }
    } while (code == CLI_OK && walk.n == PAGE);
    walk_end(&walk);
    store_pg_query_close(query);
    return code;
}

static int
decide_all(struct decisions *decisions)
{
    struct odk_buf places;

    odk_buf_init(&places, 0);
    int code = find_all(decisions, &places);
    for (size_t at = 0; code == CLI_OK && at < places.len;
         at += sizeof(struct store_parked_drop)) {
        struct store_parked_drop place;
        memcpy(&place, places.ptr + at, sizeof(place));
        code = decide(decisions, place.shard, (int64_t)place.seq);
    }
    odk_buf_release(&places);
    return code;
}

static int
decide_words(struct decisions *decisions)
{
    int code = CLI_OK;

    for (int i = 0; code == CLI_OK && i < decisions->args->n_words; i++) {
        int32_t shard = 0;
        int64_t seq = 0;
        code = cli_place_parse(decisions->args->words[i], &shard, &seq)
                   ? decide(decisions, shard, seq)
                   : cli_fail(decisions->cli, CLI_USAGE, WORDS_HELP);
    }
    return code;
}

static int
operate(struct cli *cli, const struct cli_args *args,
        enum codec_output_action action)
{
    struct decisions decisions = {.cli = cli, .args = args, .action = action};
    bool is_all = cli_flag(args, "all") != NULL;

    if (is_all == (args->n_words > 0)) {
        return cli_fail(cli, CLI_USAGE, "%s, or --all", WORDS_HELP);
    }
    if (action == CODEC_OUTPUT_ACTION_DROP && !cli_flag(args, "reason")) {
        return cli_fail(cli, CLI_USAGE,
                        "--reason is needed: it is logged why this was given "
                        "up");
    }
    if (cli_flag(args, "request-id") && args->n_words != 1) {
        return cli_fail(cli, CLI_USAGE, "--request-id is for one output");
    }
    int code = cli_operate_open(&decisions.operate, cli);
    if (code != CLI_OK) {
        return code;
    }
    code = is_all ? decide_all(&decisions) : decide_words(&decisions);
    cli_operate_close(&decisions.operate);
    if (code == CLI_OK && is_all && !cli->is_json) {
        cli_note(cli, "%zu %s, %zu rejected", decisions.n_done,
                 action == CODEC_OUTPUT_ACTION_RETRY ? "sent again" : "dropped",
                 decisions.n_rejected);
    }
    return code == CLI_OK && decisions.n_rejected > 0 ? CLI_REJECTED : code;
}

int
cli_parked_retry(struct cli *cli, const struct cli_args *args)
{
    return operate(cli, args, CODEC_OUTPUT_ACTION_RETRY);
}

int
cli_parked_drop(struct cli *cli, const struct cli_args *args)
{
    return operate(cli, args, CODEC_OUTPUT_ACTION_DROP);
}
