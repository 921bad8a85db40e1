#include <stdio.h>
#include <string.h>

#include "binding/binding.h"
#include "cli/cli_letter.h"
#include "cli/cli_look.h"
#include "cli/cli_record.h"
#include "lane/lane.h"

/*
 * What an operator does with dead letters. A command is sent again without its
 * source, whose watermark has passed it, and under a request id of the letter:
 * the outcome that was kept under its own is the refusal. So a retry takes
 * effect once, however often it is sent. What is no command goes as it is. A
 * foreign record is never written back: the binding, as it is published now,
 * makes its command anew.
 */

#define REQUEST_ID_BYTES_MAX 256
#define WORDS_HELP                                                             \
    "give PARTITION/OFFSET, as `odradek deadletter list` shows it"

struct acts {
    struct cli *cli;
    const struct cli_args *args;
    struct cli_letters letters;
    struct codec *codec;
    struct odk_buf by;
    struct odk_buf value;   /* of the record to send */
    struct odk_arena arena; /* of one letter */
    bool is_retry;
    size_t n_done;
    size_t n_refused;
};

/* A letter that cannot be sent again; the others go on. */
static int
refuse(struct odk_err *err, const char *text)
{
    return odk_err_set(err, ODK_EREFUSED, "%s", text);
}

/* ---- commands ---- */

/* False: no command. */
static bool
take_identity(struct codec_record *record, struct odk_str request_id)
{
    switch (record->kind) {
    case CODEC_START_WORKFLOW:
        record->start_workflow.request_id = request_id;
        record->start_workflow.has_source = false;
        return true;
    case CODEC_SIGNAL_WORKFLOW:
        record->signal_workflow.request_id = request_id;
        record->signal_workflow.has_source = false;
        return true;
    case CODEC_CANCEL_WORKFLOW:
        record->cancel_workflow.request_id = request_id;
        record->cancel_workflow.has_source = false;
        return true;
    case CODEC_TERMINATE_WORKFLOW:
        record->terminate_workflow.request_id = request_id;
        record->terminate_workflow.has_source = false;
        return true;
    case CODEC_RESOLVE_COMPENSATION:
        record->resolve_compensation.request_id = request_id;
        record->resolve_compensation.has_source = false;
        return true;
    case CODEC_OPERATE_OUTPUT:
        record->operate_output.request_id = request_id;
        return true;
    case CODEC_BINDING_PUBLISHED:
    case CODEC_CANCEL_TASK:
    case CODEC_DEFINITION_PUBLISHED:
    case CODEC_FORWARDED_RECORD:
    case CODEC_HISTORY_RECORD:
    case CODEC_REPLY:
    case CODEC_SHARD_PROGRESS:
    case CODEC_TASK:
    case CODEC_TASK_FAILED:
    case CODEC_TASK_HEARTBEAT:
    case CODEC_TASK_STARTED:
    case CODEC_TASK_SUCCEEDED:
        return false;
    }
    return false;
}

static int
encode(struct acts *acts, struct codec_record *record, struct odk_err *err)
{
    odk_buf_clear(&acts->value);
    return codec_encode(acts->codec, record->kind, &record->start_workflow,
                        &acts->value, err);
}

/* ---- of our own topics ---- */

/* What lies in the envelope of a forwarded record, else the bytes themselves;
 * *record is of no use when they cannot be decoded. */
static bool
decode(struct acts *acts, struct odk_str *bytes, struct codec_record *record)
{
    bool is_known =
        codec_decode(acts->codec, *bytes, &acts->arena, record, NULL) == 0;

    if (is_known && record->kind == CODEC_FORWARDED_RECORD) {
        *bytes = record->forwarded_record.record;
        is_known =
            codec_decode(acts->codec, *bytes, &acts->arena, record, NULL) == 0;
    }
    return is_known;
}

static int
make_own(struct acts *acts, const struct cli_letter *letter,
         struct bus_record *out, struct odk_err *err)
{
    struct codec_record record;
    struct odk_str bytes = letter->value;
    char request_id[64];
    int len = snprintf(request_id, sizeof(request_id), "deadletter:%d/%lld",
                       (int)letter->partition, (long long)letter->offset);

    if (!letter->value.ptr) {
        return refuse(err, "it has no value: there is nothing to send");
    }
    out->topic = letter->origin_topic;
    out->partition = (int32_t)letter->origin_partition;
    out->headers = letter->headers;
    out->n_headers = letter->n_headers;
    out->key = letter->key;
    if (decode(acts, &bytes, &record) &&
        take_identity(&record, odk_str_n(request_id, (size_t)len))) {
        int rc = encode(acts, &record, err);
        out->value = odk_buf_str(&acts->value);
        return rc;
    }
    out->value = bytes;
    return 0;
}

/* ---- of foreign topics ---- */

/* "binding/<name>/<incarnation>/<topic>/<partition>". */
static struct odk_str
binding_of(const struct cli_letter *letter)
{
    struct odk_str prefix = ODK_STR("binding/");

    if (!letter->source.ptr || !odk_str_starts(letter->source, prefix)) {
        return (struct odk_str){0};
    }
    struct odk_str name = odk_str_from(letter->source, prefix.len);
    ptrdiff_t slash = odk_str_find(name, '/');
    return odk_str_n(name.ptr, slash > 0 ? (size_t)slash : 0);
}

/* The origin, as protocol.md names the request ids of bindings. */
static struct odk_str
origin_id(struct acts *acts, const struct cli_letter *letter)
{
    uint8_t digest[ODK_SHA256_BYTES];
    char hex[2 * ODK_SHA256_BYTES + 1];
    struct odk_buf text;

    odk_buf_init(&text, 0);
    odk_buf_put_str(&text, letter->source);
    odk_buf_printf(&text, ":%lld", (long long)letter->origin_offset);
    struct odk_str id = odk_buf_str(&text);
    if (id.len > REQUEST_ID_BYTES_MAX) {
        odk_sha256(id, ODK_STR(""), digest);
        odk_hex(digest, sizeof(digest), hex);
        id = odk_str(hex);
    }
    id = odk_arena_str(&acts->arena, id);
    odk_buf_release(&text);
    return id;
}

static int
read_binding(struct acts *acts, const struct cli_letter *letter,
             struct binding **out, struct odk_err *err)
{
    struct store_pg_binding row = {0};
    struct binding_problems problems;
    struct odk_str name = binding_of(letter);

    *out = NULL;
    if (name.len == 0) {
        return refuse(err, "its headers name no binding");
    }
    int rc = store_pg_binding_read(acts->letters.query, name, 0, &acts->arena,
                                   &row, err);
    if (rc == ODK_ENOTFOUND) {
        return odk_err_set(err, ODK_EREFUSED, "binding %.*s is gone",
                           ODK_STR_ARG(name));
    }
    if (rc != 0) {
        return rc;
    }
    binding_problems_init(&problems);
    rc = binding_compile(row.rules, out, &problems);
    binding_problems_release(&problems);
    return rc == 0 ? 0
                   : odk_err_set(err, ODK_EREFUSED,
                                 "binding %.*s does not compile with this "
                                 "version",
                                 ODK_STR_ARG(name));
}

static int
match(struct acts *acts, const struct cli_letter *letter,
      const struct binding *binding, struct bus_record *out,
      struct odk_err *err)
{
    struct binding_event event = {letter->origin_topic, letter->key,
                                  letter->value};
    struct binding_outcome outcome = {.verdict = BINDING_SKIP};

    binding_match(binding, &event, &acts->arena, &outcome);
    switch (outcome.verdict) {
    case BINDING_SKIP:
        return refuse(err, "no rule of the binding wants it any more; drop it");
    case BINDING_BAD:
        return odk_err_set(err, ODK_EREFUSED, "%s: %s", outcome.code,
                           outcome.text);
    case BINDING_COMMAND:
        break;
    }
    bool is_command = take_identity(&outcome.command, origin_id(acts, letter));
    odk_assert(is_command);
    int rc = encode(acts, &outcome.command, err);
    out->topic = ODK_STR(LANE_TOPIC_COMMANDS);
    out->partition = -1;
    out->key = odk_arena_str(&acts->arena, outcome.key);
    out->value = odk_buf_str(&acts->value);
    return rc;
}

static int
make_foreign(struct acts *acts, const struct cli_letter *letter,
             struct bus_record *out, struct odk_err *err)
{
    struct binding *binding = NULL;

    if (letter->is_value_elsewhere) {
        return refuse(err, "its value was too large for a letter and stayed at "
                           "the origin");
    }
    int rc = read_binding(acts, letter, &binding, err);
    if (rc == 0) {
        rc = match(acts, letter, binding, out, err);
    }
    binding_free(binding);
    return rc;
}

/* ---- one letter ---- */

static int
retry(struct acts *acts, const struct cli_letter *letter, struct odk_err *err)
{
    struct bus_record record = {.shard = -1};
    bool is_ours = odk_str_is(letter->origin_topic, LANE_TOPIC_COMMANDS) ||
                   odk_str_is(letter->origin_topic, LANE_TOPIC_RESULTS);

    odk_arena_reset(&acts->arena);
    int rc = is_ours ? make_own(acts, letter, &record, err)
                     : make_foreign(acts, letter, &record, err);
    return rc ? rc : cli_topic_send(&acts->letters.topic, &record, err);
}

static int
handled(struct acts *acts, const struct cli_letter *letter, struct odk_err *err)
{
    struct store_pg_letter row = {
        .partition = letter->partition,
        .offset = letter->offset,
        .letter_at = letter->at,
        .action = odk_str(acts->is_retry ? "RETRIED" : "DROPPED"),
        .reason = odk_str(cli_flag(acts->args, "reason")),
        .by = odk_buf_str(&acts->by)};

    return store_pg_letter_handle(acts->letters.query, &row,
                                  acts->letters.log_start, err);
}

static void
tell(struct acts *acts, const struct cli_letter *letter, const char *result,
     const char *why)
{
    if (acts->cli->is_json) {
        char place[48];
        (void)snprintf(place, sizeof(place), "%d/%lld", (int)letter->partition,
                       (long long)letter->offset);
        cli_put_json(acts->cli, json_pack("{s:s, s:s, s:s?}", "letter", place,
                                          "result", result, "message", why));
    } else if (why) {
        cli_note(acts->cli, "%d/%lld: %s", (int)letter->partition,
                 (long long)letter->offset, why);
    } else {
        cli_printf(acts->cli, "%d/%lld %s\n", (int)letter->partition,
                   (long long)letter->offset, result);
    }
    cli_flush(acts->cli);
}

/* CLI_OK also for a letter that is refused: it is told and counted. */
static int
act(struct acts *acts, const struct cli_letter *letter)
{
    struct odk_err err = {0};
    int rc = 0;

    if (letter->action.ptr) {
        rc = odk_err_set(&err, ODK_EREFUSED, "somebody has dealt with it: %.*s",
                         ODK_STR_ARG(letter->action));
    } else if (acts->is_retry) {
        rc = retry(acts, letter, &err);
    }
    if (rc == ODK_EREFUSED || rc == ODK_ETOOBIG) {
        acts->n_refused++;
        tell(acts, letter, "refused", err.message);
        return CLI_OK;
    }
    rc = rc ? rc : handled(acts, letter, &err);
    if (rc != 0) {
        return cli_fail_err(acts->cli, &err);
    }
    acts->n_done++;
    tell(acts, letter, acts->is_retry ? "sent again" : "dropped", NULL);
    return CLI_OK;
}

/* ---- the command line ---- */

static int
act_all(struct acts *acts)
{
    struct odk_err err = {0};
    int code = CLI_OK;
    int rc = cli_letters_next(&acts->letters, &err);

    while (code == CLI_OK && rc == 0 && acts->letters.n > 0) {
        for (size_t i = 0; code == CLI_OK && i < acts->letters.n; i++) {
            code = act(acts, &acts->letters.list[i]);
        }
        rc = code == CLI_OK ? cli_letters_next(&acts->letters, &err) : 0;
    }
    return rc == 0 ? code : cli_fail_err(acts->cli, &err);
}

static int
act_words(struct acts *acts)
{
    int code = CLI_OK;

    for (int i = 0; code == CLI_OK && i < acts->args->n_words; i++) {
        struct cli_letter *letter = NULL;
        struct odk_err err = {0};
        int32_t partition = 0;
        int64_t offset = 0;
        if (!cli_place_parse(acts->args->words[i], &partition, &offset)) {
            return cli_fail(acts->cli, CLI_USAGE, WORDS_HELP);
        }
        code = cli_letters_get(&acts->letters, partition, offset, &letter,
                               &err) == 0
                   ? act(acts, letter)
                   : cli_fail_err(acts->cli, &err);
    }
    return code;
}

static int
check_usage(struct cli *cli, const struct cli_args *args, bool is_retry,
            struct cli_letter_filter *filter)
{
    bool is_all = cli_flag(args, "all") != NULL;
    int code = cli_letters_filter(cli, args, filter);

    if (code == CLI_OK && is_all == (args->n_words > 0)) {
        code = cli_fail(cli, CLI_USAGE, "%s, or --all", WORDS_HELP);
    }
    if (code == CLI_OK && !is_retry && !cli_flag(args, "reason")) {
        code = cli_fail(cli, CLI_USAGE,
                        "--reason is needed: it is recorded why this was given "
                        "up");
    }
    return code;
}

static int
run(struct cli *cli, const struct cli_args *args, bool is_retry)
{
    struct acts acts = {.cli = cli, .args = args, .is_retry = is_retry};
    struct cli_letter_filter filter;
    bool is_all = cli_flag(args, "all") != NULL;
    int code = check_usage(cli, args, is_retry, &filter);

    code = code ? code : cli_codec_open(cli, &acts.codec);
    if (code != CLI_OK) {
        return code;
    }
    code = cli_letters_open(&acts.letters, cli);
    if (code == CLI_OK) {
        acts.letters.filter = filter;
        odk_buf_init(&acts.by, 0);
        odk_buf_init(&acts.value, 0);
        odk_arena_init(&acts.arena, 0);
        cli_who(cli, &acts.by);
        code = is_all ? act_all(&acts) : act_words(&acts);
        odk_arena_release(&acts.arena);
        odk_buf_release(&acts.value);
        odk_buf_release(&acts.by);
        cli_letters_close(&acts.letters);
    }
    codec_free(acts.codec);
    if (code == CLI_OK && is_all && !cli->is_json) {
        cli_note(cli, "%zu %s, %zu refused", acts.n_done,
                 is_retry ? "sent again" : "dropped", acts.n_refused);
    }
    return code == CLI_OK && acts.n_refused > 0 ? CLI_REJECTED : code;
}

int
cli_deadletter_retry(struct cli *cli, const struct cli_args *args)
{
    return run(cli, args, true);
}

int
cli_deadletter_drop(struct cli *cli, const struct cli_args *args)
{
    return run(cli, args, false);
}
