#include <stdio.h>
#include <string.h>

#include "binding/binding.h"
#include "bus_kafka/bus_kafka_admin.h"
#include "cli/cli_look.h"
#include "cli/cli_operate.h"
#include "lane/lane.h"

/*
 * Where the shards and the bindings read: what Kafka's groups hold beside what
 * holds. A shard goes on at the database's offsets, whatever its group says.
 */

#define METADATA    "odk-seq:"
#define KAFKA_BYTES ((size_t)64 << 20)
#define N_INBOUND   2

static const char *const inbound[N_INBOUND] = {LANE_TOPIC_COMMANDS,
                                               LANE_TOPIC_RESULTS};

/* One place that is read. */
struct place {
    const char *binding; /* NULL: a shard's */
    struct odk_str topic;
    int32_t partition;
    int64_t next; /* the database's; -1: it has none */
    struct bus_kafka_committed group;
    struct bus_kafka_range log;
};

struct offsets {
    struct cli_listing list;
    struct cli_kafka kafka;
    struct odk_arena arena;
};

/* ---- what there is to say ---- */

static bool
is_ours(const struct bus_kafka_committed *group)
{
    return odk_str_starts(group->metadata, ODK_STR(METADATA));
}

static const char *
state_of(const struct place *place, enum cli_style *style)
{
    *style = CLI_RED;
    if (place->next >= 0 && place->next < place->log.start) {
        return "inputs expired unread: quarantine";
    }
    if (place->next > place->log.end) {
        return "behind the log's end: quarantine";
    }
    *style = CLI_YELLOW;
    if (place->next >= 0 && place->group.offset >= 0 &&
        !is_ours(&place->group) && place->group.offset != place->next) {
        return "the group was reset by hand: of no effect, overwritten";
    }
    if (place->binding && place->group.offset >= 0 &&
        (place->group.offset < place->log.start ||
         place->group.offset > place->log.end)) {
        return "out of the log's range: quarantine";
    }
    *style = CLI_GREEN;
    return "ok";
}

/* -1: there is none. */
static void
number_cell(struct cli_table *table, int64_t number)
{
    if (number < 0) {
        cli_table_cell(table, CLI_DIM, ODK_STR("-"));
    } else {
        cli_table_printf(table, CLI_PLAIN, "%lld", (long long)number);
    }
}

static void
put_place(struct offsets *offsets, const struct place *place)
{
    struct cli *cli = offsets->list.cli;
    struct cli_table *table = &offsets->list.table;
    enum cli_style style = CLI_PLAIN;
    const char *state = state_of(place, &style);
    int64_t at = place->next >= 0           ? place->next
                 : place->group.offset >= 0 ? place->group.offset
                                            : place->log.start;

    if (cli->is_json) {
        cli_put_json(
            cli,
            json_pack(
                "{s:s?, s:o, s:i, s:o, s:o, s:I, s:I, s:I, s:s}", "binding",
                place->binding, "topic", cli_json_str(place->topic),
                "partition", (int)place->partition, "next",
                place->next >= 0 ? json_integer(place->next) : json_null(),
                "group",
                place->group.offset >= 0 ? json_integer(place->group.offset)
                                         : json_null(),
                "log_start", (json_int_t)place->log.start, "log_end",
                (json_int_t)place->log.end, "lag",
                (json_int_t)(place->log.end - at), "state", state));
        return;
    }
    cli_table_cell(table, CLI_PLAIN,
                   odk_str(place->binding ? place->binding : "shards"));
    cli_table_printf(table, CLI_PLAIN, "%.*s/%d", ODK_STR_ARG(place->topic),
                     (int)place->partition);
    number_cell(table, place->next);
    number_cell(table, place->group.offset);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)place->log.start);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)place->log.end);
    cli_table_printf(table, CLI_PLAIN, "%lld",
                     (long long)(place->log.end - at));
    cli_table_cell(table, style, odk_str(state));
}

/* ---- reading ---- */

/* What a group has committed of a topic and where its logs begin and end. */
struct side {
    struct bus_kafka_committed *committed;
    struct bus_kafka_range *ranges;
    size_t n;
};

static int
read_side(struct offsets *offsets, const char *group, struct odk_str topic,
          struct side *out, struct odk_err *err)
{
    *out = (struct side){0};
    int rc =
        bus_kafka_topic_ranges(&offsets->kafka.options, topic, &offsets->arena,
                               &out->ranges, &out->n, err);
    return rc ? rc
              : bus_kafka_group_offsets(&offsets->kafka.options, group, topic,
                                        (int32_t)out->n, &offsets->arena,
                                        &out->committed, err);
}

static int
list_shards(struct offsets *offsets, struct odk_err *err)
{
    const char *group =
        config_str(offsets->list.cli->config, CONFIG_KAFKA_GROUP);
    const struct store_pg_shard_info *rows = NULL;
    size_t n = 0;
    int rc =
        store_pg_shards(offsets->list.query, &offsets->arena, &rows, &n, err);

    for (size_t t = 0; rc == 0 && t < N_INBOUND; t++) {
        struct side side;
        struct odk_str topic = odk_str(inbound[t]);
        rc = read_side(offsets, group, topic, &side, err);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            const struct store_shard *row = &rows[i].row;
            if ((size_t)row->shard >= side.n) {
                continue; /* the topic was made anew with fewer partitions */
            }
            struct place place = {.topic = topic,
                                  .partition = row->shard,
                                  .next = t == 0 ? row->next_command
                                                 : row->next_result,
                                  .group = side.committed[row->shard],
                                  .log = side.ranges[row->shard]};
            put_place(offsets, &place);
        }
    }
    return rc;
}

static int
list_topic(struct offsets *offsets, const char *binding, struct odk_str topic,
           struct odk_err *err)
{
    struct side side;
    struct odk_buf group;

    odk_buf_init(&group, 0);
    odk_buf_printf(&group, "odradek-binding.%s.%.*s", binding,
                   ODK_STR_ARG(topic));
    int rc = read_side(offsets, group.ptr, topic, &side, err);
    for (size_t i = 0; rc == 0 && i < side.n; i++) {
        struct place place = {.binding = binding,
                              .topic = topic,
                              .partition = (int32_t)i,
                              .next = -1,
                              .group = side.committed[i],
                              .log = side.ranges[i]};
        put_place(offsets, &place);
    }
    odk_buf_release(&group);
    if (rc == ODK_ENOTFOUND) {
        cli_note(offsets->list.cli, "topic %.*s of binding %s does not exist",
                 ODK_STR_ARG(topic), binding);
        rc = 0;
    }
    return rc;
}

static int
list_binding(struct offsets *offsets, const struct store_pg_binding *row,
             struct odk_err *err)
{
    struct binding *compiled = NULL;
    struct binding_problems problems;
    const struct odk_str *topics = NULL;
    char name[BINDING_NAME_MAX + 1];
    int rc = 0;

    (void)snprintf(name, sizeof(name), "%.*s", ODK_STR_ARG(row->name));
    binding_problems_init(&problems);
    if (binding_compile(row->rules, &compiled, &problems) == 0) {
        size_t n = binding_topics(compiled, &topics);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            rc = list_topic(offsets, name, topics[i], err);
        }
    }
    binding_problems_release(&problems);
    binding_free(compiled);
    return rc;
}

static int
list_bindings(struct offsets *offsets, struct odk_err *err)
{
    const struct store_pg_binding *rows = NULL;
    size_t n = 0;
    int rc = store_pg_bindings(offsets->list.query, &offsets->list.arena, &rows,
                               &n, err);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = list_binding(offsets, &rows[i], err);
    }
    return rc;
}

int
cli_offsets(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"READER", "PLACE",     "NEXT",
                                        "GROUP",  "LOG START", "LOG END",
                                        "LAG",    "STATE"};
    struct offsets offsets;
    struct odk_err err = {0};
    int code =
        cli_listing_open(&offsets.list, cli, words, ODK_ARRAY_LEN(words));

    (void)args;
    if (code != CLI_OK) {
        return code;
    }
    odk_arena_init(&offsets.arena, KAFKA_BYTES);
    cli_kafka_options(cli->config, &offsets.kafka);
    int rc = list_shards(&offsets, &err);
    rc = rc ? rc : list_bindings(&offsets, &err);
    if (rc != 0) {
        code = cli_fail_err(cli, &err);
    }
    odk_arena_release(&offsets.arena);
    return cli_listing_close(
        &offsets.list, code,
        "A shard goes on at NEXT, which PostgreSQL holds with what the inputs "
        "did. GROUP follows it\nfor lag monitors, a few seconds behind. A "
        "reset "
        "of that group by Kafka's tools has no\neffect: set back, nothing is "
        "read again; set forward, nothing is skipped; the log says so\nand it "
        "is overwritten. `odradek offsets reset` moves a shard.\n"
        "A binding goes on at GROUP. Set back, its events become commands that "
        "the shards drop as\nrepeats; set forward, the events between are not "
        "read: `odradek binding reset` says so.");
}

/* ---- reset ---- */

struct reset {
    struct cli *cli;
    struct store_pg_seek seek;
    struct bus_kafka_range logs[N_INBOUND];
    bool is_quarantined;
    bool is_owned; /* by somebody who is connected */
};

static int
parse_target(struct cli *cli, const char *flag, const char *text,
             const struct bus_kafka_range *log, int64_t *out)
{
    if (!text) {
        return CLI_OK;
    }
    if (strcmp(text, "start") == 0) {
        *out = log->start;
    } else if (strcmp(text, "end") == 0) {
        *out = log->end;
    } else if (!odk_str_to_i64(odk_str(text), out)) {
        return cli_fail(cli, CLI_USAGE, "--%s: give an offset, start or end",
                        flag);
    }
    if (*out < log->start || *out > log->end) {
        return cli_fail(cli, CLI_USAGE,
                        "--%s: the log holds the offsets %lld to %lld", flag,
                        (long long)log->start, (long long)log->end);
    }
    return CLI_OK;
}

static int
find_shard(struct reset *reset, struct store_pg_query *query, int32_t shard,
           struct odk_arena *arena)
{
    const struct store_pg_shard_info *rows = NULL;
    struct odk_err err = {0};
    size_t n = 0;

    if (store_pg_shards(query, arena, &rows, &n, &err) != 0) {
        return cli_fail_err(reset->cli, &err);
    }
    for (size_t i = 0; i < n; i++) {
        const struct store_shard *row = &rows[i].row;
        if (row->shard == shard) {
            reset->seek =
                (struct store_pg_seek){.shard = shard,
                                       .from_command = row->next_command,
                                       .from_result = row->next_result,
                                       .to_command = row->next_command,
                                       .to_result = row->next_result};
            reset->is_quarantined = row->quarantine.ptr != NULL;
            reset->is_owned = rows[i].is_connected && !reset->is_quarantined;
            return CLI_OK;
        }
    }
    return cli_fail(reset->cli, CLI_NOT_FOUND, "there is no shard %d",
                    (int)shard);
}

static int
find_logs(struct reset *reset, struct odk_arena *arena)
{
    struct cli_kafka kafka;
    struct odk_err err = {0};

    cli_kafka_options(reset->cli->config, &kafka);
    for (size_t t = 0; t < N_INBOUND; t++) {
        struct bus_kafka_range *ranges = NULL;
        size_t n = 0;
        if (bus_kafka_topic_ranges(&kafka.options, odk_str(inbound[t]), arena,
                                   &ranges, &n, &err) != 0) {
            return cli_fail_err(reset->cli, &err);
        }
        if ((size_t)reset->seek.shard >= n) {
            return cli_fail(reset->cli, CLI_NOT_FOUND, "%s has no partition %d",
                            inbound[t], (int)reset->seek.shard);
        }
        reset->logs[t] = ranges[reset->seek.shard];
    }
    return CLI_OK;
}

static void
explain(struct reset *reset, const char *topic, int64_t from, int64_t to)
{
    long long n = (long long)(to - from);

    if (n == 0) {
        return;
    }
    if (reset->cli->is_json) {
        cli_put_json(reset->cli,
                     json_pack("{s:s, s:i, s:I, s:I, s:s}", "topic", topic,
                               "partition", (int)reset->seek.shard, "from",
                               (json_int_t)from, "to", (json_int_t)to,
                               "between",
                               n > 0 ? "never applied" : "read again"));
        return;
    }
    cli_printf(reset->cli, "%s/%d goes on at %lld instead of %lld: ", topic,
               (int)reset->seek.shard, (long long)to, (long long)from);
    if (n > 0) {
        cli_printf(reset->cli,
                   "the %lld offset(s) between them are never applied.\n", n);
    } else if (strcmp(topic, LANE_TOPIC_COMMANDS) == 0) {
        cli_printf(reset->cli,
                   "%lld offset(s) are read again. Starts, and what carries a "
                   "source or a request id of the last 7 days, take effect "
                   "once; a signal, cancel or terminate without one takes "
                   "effect again.\n",
                   -n);
    } else {
        cli_printf(reset->cli,
                   "%lld offset(s) are read again. A result that nobody waits "
                   "for is ignored.\n",
                   -n);
    }
}

/* Any command makes an owner that has nothing to do find out that its fence is
 * gone; its answer comes from the next ownership. */
static int
await_owner(struct reset *reset)
{
    struct cli_operate operate;
    struct codec_operate_output nothing;
    struct codec_reply reply;
    struct odk_err err = {0};
    char id[ODK_UUID_TEXT_LEN + 1];
    int code = cli_operate_open(&operate, reset->cli);

    if (code != CLI_OK) {
        return code;
    }
    cli_random_id(id);
    codec_operate_output_init(&nothing);
    nothing.shard = reset->seek.shard;
    nothing.action = CODEC_OUTPUT_ACTION_DROP;
    nothing.request_id = odk_str(id);
    int rc = cli_operate_output(&operate, &nothing, &reply, &err);
    cli_operate_close(&operate);
    return rc == 0 ? CLI_OK : cli_fail_err(reset->cli, &err);
}

static void
tell(struct reset *reset)
{
    int shard = (int)reset->seek.shard;

    if (reset->cli->is_json) {
        cli_put_json(reset->cli, json_pack("{s:i, s:s}", "shard", shard,
                                           "result", "moved"));
    } else if (reset->is_quarantined) {
        cli_printf(reset->cli,
                   "shard %d is moved; `odradek shards release %d` ends its "
                   "quarantine\n",
                   shard, shard);
    } else {
        cli_printf(reset->cli, "shard %d is moved%s\n", shard,
                   reset->is_owned ? ", and its owner has taken it again"
                                   : "; nobody owns it now");
    }
}

static int
act(struct reset *reset, struct store_pg_query *query)
{
    struct odk_err err = {0};
    struct odk_buf by;
    int code = CLI_OK;

    odk_buf_init(&by, 0);
    cli_who(reset->cli, &by);
    reset->seek.by = odk_buf_str(&by);
    if (store_pg_shard_seek(query, &reset->seek, &err) != 0) {
        code = cli_fail_err(reset->cli, &err);
    }
    odk_buf_release(&by);
    if (code != CLI_OK) {
        return code;
    }
    if (reset->is_owned) {
        code = await_owner(reset);
    }
    if (code == CLI_OK) {
        tell(reset);
    }
    return code;
}

static int
plan(struct reset *reset, const struct cli_args *args)
{
    const struct store_pg_seek *seek = &reset->seek;
    const char *reason = cli_flag(args, "reason");
    int code = parse_target(reset->cli, "commands", cli_flag(args, "commands"),
                            &reset->logs[0], &reset->seek.to_command);

    code = code ? code
                : parse_target(reset->cli, "results", cli_flag(args, "results"),
                               &reset->logs[1], &reset->seek.to_result);
    if (code != CLI_OK) {
        return code;
    }
    if (cli_flag(args, "yes") && !reason) {
        return cli_fail(reset->cli, CLI_USAGE,
                        "--reason is needed: the journal keeps why");
    }
    reset->seek.reason = odk_str(reason);
    if (seek->to_command == seek->from_command &&
        seek->to_result == seek->from_result) {
        return cli_fail(reset->cli, CLI_USAGE,
                        "nothing would move; give --commands or --results with "
                        "another offset, start or end");
    }
    explain(reset, LANE_TOPIC_COMMANDS, seek->from_command, seek->to_command);
    explain(reset, LANE_TOPIC_RESULTS, seek->from_result, seek->to_result);
    return CLI_OK;
}

int
cli_offsets_reset(struct cli *cli, const struct cli_args *args)
{
    struct reset reset = {.cli = cli};
    struct store_pg_query *query = NULL;
    struct odk_arena arena;
    int64_t shard = 0;

    if (!odk_str_to_i64(odk_str(args->words[0]), &shard) || shard < 0 ||
        shard > INT32_MAX) {
        return cli_fail(cli, CLI_USAGE, "give a shard's number");
    }
    int code = cli_query_open(cli, &query);
    if (code != CLI_OK) {
        return code;
    }
    odk_arena_init(&arena, KAFKA_BYTES);
    code = find_shard(&reset, query, (int32_t)shard, &arena);
    code = code ? code : find_logs(&reset, &arena);
    code = code ? code : plan(&reset, args);
    if (code == CLI_OK && !cli_flag(args, "yes")) {
        code =
            cli_fail(cli, CLI_REJECTED, "nothing is done yet: --yes does it");
    } else if (code == CLI_OK) {
        code = act(&reset, query);
    }
    odk_arena_release(&arena);
    store_pg_query_close(query);
    return code;
}
