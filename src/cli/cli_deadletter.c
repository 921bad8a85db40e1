#include <stdio.h>

#include "cli/cli_letter.h"
#include "cli/cli_look.h"
#include "cli/cli_record.h"
#include "json/json.h"

#define LIST_MAX 1000000
#define WORDS_HELP                                                             \
    "give PARTITION/OFFSET, as `odradek deadletter list` shows it"

/* ---- list ---- */

static json_t *
letter_json(const struct cli_letter *letter)
{
    char place[48];

    (void)snprintf(place, sizeof(place), "%d/%lld", (int)letter->partition,
                   (long long)letter->offset);
    return json_pack(
        "{s:s, s:o, s:{s:o, s:I, s:I}, s:o, s:o, s:o, s:o, s:o}", "letter",
        place, "at", cli_json_time(letter->at), "origin", "topic",
        cli_json_str(letter->origin_topic), "partition",
        (json_int_t)letter->origin_partition, "offset",
        (json_int_t)letter->origin_offset, "code", cli_json_str(letter->code),
        "error", cli_json_str(letter->text), "source",
        cli_json_str(letter->source), "handled", cli_json_str(letter->action),
        "reason", cli_json_str(letter->reason));
}

static void
list_row(struct cli *cli, struct cli_table *table,
         const struct cli_letter *letter)
{
    struct odk_buf key;

    odk_buf_init(&key, 0);
    cli_record_key(letter->key, &key);
    if (cli->is_json) {
        json_t *row = letter_json(letter);
        json_set(row, ODK_STR("key"), cli_json_str(odk_buf_str(&key)));
        cli_put_json(cli, row);
    } else {
        cli_table_printf(table, CLI_PLAIN, "%d/%lld", (int)letter->partition,
                         (long long)letter->offset);
        cli_table_time(table, letter->at);
        cli_table_printf(table, CLI_PLAIN, "%.*s/%lld/%lld",
                         ODK_STR_ARG(letter->origin_topic),
                         (long long)letter->origin_partition,
                         (long long)letter->origin_offset);
        cli_table_cell(table, CLI_PLAIN, odk_buf_str(&key));
        cli_table_printf(table, letter->action.ptr ? CLI_DIM : CLI_RED,
                         "%.*s%s%.*s", ODK_STR_ARG(letter->code),
                         letter->action.ptr ? ", " : "",
                         ODK_STR_ARG(letter->action));
        cli_table_cell(table, CLI_PLAIN, letter->text);
    }
    odk_buf_release(&key);
}

/* What a listing was asked for. */
struct asked {
    struct cli_letter_filter filter;
    bool is_after;
    int32_t partition;
    int64_t offset;
    int64_t limit;
};

static int
read_flags(struct cli *cli, const struct cli_args *args, struct asked *out)
{
    const char *after = cli_flag(args, "after");

    *out = (struct asked){.is_after = after != NULL, .limit = 100};
    int code = cli_letters_filter(cli, args, &out->filter);
    out->filter.is_with_handled = cli_flag(args, "handled") != NULL;
    code = code ? code
                : cli_number_flag(cli, args, "limit", LIST_MAX, &out->limit);
    if (code == CLI_OK && after &&
        !cli_place_parse(after, &out->partition, &out->offset)) {
        code = cli_fail(cli, CLI_USAGE, "--after: " WORDS_HELP);
    }
    return code;
}

/* *n is the number of letters listed. */
static int
list_all(struct cli *cli, struct cli_letters *letters,
         const struct asked *asked, struct cli_table *table, int64_t *n)
{
    struct odk_err err = {0};
    int rc = asked->is_after ? cli_letters_seek(letters, asked->partition,
                                                asked->offset, &err)
                             : 0;

    letters->filter = asked->filter;
    while (rc == 0 && *n < asked->limit &&
           (rc = cli_letters_next(letters, &err)) == 0 && letters->n > 0) {
        for (size_t i = 0; i < letters->n && *n < asked->limit; i++) {
            list_row(cli, table, &letters->list[i]);
            (*n)++;
        }
    }
    return rc == 0 ? CLI_OK : cli_fail_err(cli, &err);
}

int
cli_deadletter_list(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"LETTER", "AT (UTC)", "ORIGIN",
                                        "KEY",    "CODE",     "ERROR"};
    struct cli_letters letters;
    struct cli_table table;
    struct asked asked;
    int64_t n = 0;
    int code = read_flags(cli, args, &asked);

    code = code ? code : cli_letters_open(&letters, cli);
    if (code != CLI_OK) {
        return code;
    }
    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    code = list_all(cli, &letters, &asked, &table, &n);
    cli_table_print(cli, &table);
    cli_table_release(&table);
    cli_letters_close(&letters);
    if (code == CLI_OK && !cli->is_json && (n == 0 || n == asked.limit)) {
        cli_note(cli, n == 0 ? "No such dead letter."
                             : "There may be more; --after the last one shows "
                               "them.");
    }
    return code;
}

/* ---- show ---- */

static void
show(struct cli *cli, const struct cli_letter *letter, bool is_raw)
{
    struct bus_record record = {.key = letter->key,
                                .value = letter->value,
                                .headers = letter->headers,
                                .n_headers = letter->n_headers};

    if (is_raw) {
        odk_buf_put_str(&cli->out, letter->value);
        return;
    }
    if (cli->is_json) {
        json_t *object = letter_json(letter);
        cli_record_json(object, &record);
        cli_put_json(cli, object);
        return;
    }
    cli_printf(
        cli, "from %.*s/%lld, offset %lld%s%.*s\n",
        ODK_STR_ARG(letter->origin_topic), (long long)letter->origin_partition,
        (long long)letter->origin_offset,
        letter->source.ptr ? ", read as " : "", ODK_STR_ARG(letter->source));
    cli_printf(cli, "%.*s: %.*s\n", ODK_STR_ARG(letter->code),
               ODK_STR_ARG(letter->text));
    if (letter->action.ptr) {
        cli_printf(cli, "handled: %.*s%s%.*s\n", ODK_STR_ARG(letter->action),
                   letter->reason.ptr ? ", " : "", ODK_STR_ARG(letter->reason));
    }
    if (letter->is_value_elsewhere) {
        cli_printf(cli, "Its value was too large for a letter: it stayed at "
                        "the origin.\n");
    }
    cli_record_print(cli, &record);
}

int
cli_deadletter_show(struct cli *cli, const struct cli_args *args)
{
    struct cli_letters letters;
    struct cli_letter *letter = NULL;
    struct odk_err err = {0};
    int32_t partition = 0;
    int64_t offset = 0;

    if (!cli_place_parse(args->words[0], &partition, &offset)) {
        return cli_fail(cli, CLI_USAGE, WORDS_HELP);
    }
    int code = cli_letters_open(&letters, cli);
    if (code != CLI_OK) {
        return code;
    }
    if (cli_letters_get(&letters, partition, offset, &letter, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else {
        show(cli, letter, cli_flag(args, "raw") != NULL);
    }
    cli_letters_close(&letters);
    return code;
}
