#include <stdio.h>
#include <time.h>

#include "cli/cli_look.h"
#include "cli/cli_story.h"
#include "engine/engine.h"
#include "json/json.h"

#define PAYLOAD_MAX   100
#define PAYLOAD_WHOLE ((size_t)16 << 20)
#define ROWS          500
#define FOLLOW_MS     1000

/* A history read in pages and told entry by entry. Columns have fixed widths,
 * so that a long history is shown as it is read. */
struct telling {
    struct cli *cli;
    struct cli_look look;
    struct cli_story story;
    bool with_facts;
    int64_t after_version;
    odk_time_ms last_day; /* of the last line */
};

static void
put_time(struct telling *telling, odk_time_ms at)
{
    char text[ODK_TIME_TEXT_MAX];
    odk_time_ms day = at / 86400000;

    odk_time_format(at, text);
    if (day != telling->last_day) {
        cli_printf(telling->cli, "%.10s\n", text);
        telling->last_day = day;
    }
    cli_printf(telling->cli, "  %.12s ", text + 11);
}

static void
put_padded(struct cli *cli, enum cli_style style, struct odk_str text,
           size_t width)
{
    struct odk_buf cell;

    odk_buf_init(&cell, 0);
    odk_buf_put_str(&cell, text);
    odk_buf_put_cstr(&cell, "");
    cli_put(cli, style, cell.ptr);
    for (size_t n = cell.len; n < width; n++) {
        odk_buf_put_char(&cli->out, ' ');
    }
    odk_buf_put_char(&cli->out, ' ');
    odk_buf_release(&cell);
}

static void
tell_entry(struct telling *telling, const json_t *entry)
{
    struct cli *cli = telling->cli;
    const json_t *fact = json_get(entry, "fact");
    struct odk_buf state;
    struct odk_buf sentence;
    char id[24] = "·";

    odk_buf_init(&state, 0);
    odk_buf_init(&sentence, 0);
    cli_story_tell(&telling->story, entry, &state, &sentence);
    if (!fact || telling->with_facts) {
        put_time(telling, json_integer_value(json_get(entry, "ts")));
        if (!fact) {
            (void)snprintf(
                id, sizeof(id), "%lld",
                (long long)json_integer_value(json_get(entry, "id")));
        }
        cli_printf(cli, "%*s  ", fact ? 5 : 4, id);
        put_padded(cli, cli_story_style(entry),
                   json_str(fact ? fact : json_get(entry, "type")), 22);
        put_padded(cli, CLI_PLAIN, odk_buf_str(&state), 14);
        for (size_t i = 0; i < sentence.len; i++) {
            char c = sentence.ptr[i];
            odk_buf_put_char(&cli->out,
                             (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c);
        }
        odk_buf_put_char(&cli->out, '\n');
    }
    odk_buf_release(&state);
    odk_buf_release(&sentence);
}

static int
tell_row(struct telling *telling, const struct store_pg_history_row *row)
{
    struct odk_err err = {0};
    json_t *entries = json_parse(row->entries, &err);

    if (!json_is_array(entries)) {
        json_decref(entries);
        return cli_fail(telling->cli, CLI_FAILED,
                        "version %lld of the history is no array: %s",
                        (long long)row->version, err.message);
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_t *entry = json_array_get(entries, i);
        bool is_shown = telling->with_facts || !json_get(entry, "fact");
        if (!telling->cli->is_json) {
            tell_entry(telling, entry);
        } else if (is_shown) {
            cli_put_json(telling->cli, json_incref(entry));
        }
    }
    cli_flush(telling->cli);
    json_decref(entries);
    return CLI_OK;
}

/* All rows there are beyond the last one told. */
static int
tell_rows(struct telling *telling)
{
    struct store_pg_history_range range = {
        .shard = telling->look.row.shard,
        .run_id = telling->look.row.run_id,
        .max = ROWS,
    };
    struct odk_err err = {0};
    struct odk_arena arena;
    size_t n = ROWS;
    int code = CLI_OK;

    odk_arena_init(&arena, 0);
    while (code == CLI_OK && n == ROWS) {
        const struct store_pg_history_row *rows = NULL;
        range.after_version = telling->after_version;
        odk_arena_reset(&arena);
        n = 0;
        if (store_pg_history(telling->look.query, &range, &arena, &rows, &n,
                             &err) != 0) {
            code = cli_fail_err(telling->cli, &err);
        }
        for (size_t i = 0; code == CLI_OK && i < n; i++) {
            code = tell_row(telling, &rows[i]);
            telling->after_version = rows[i].version;
        }
    }
    odk_arena_release(&arena);
    return code;
}

static void
put_head(struct telling *telling)
{
    const struct store_pg_execution *row = &telling->look.row;
    char run[ODK_UUID_TEXT_LEN + 1];

    odk_uuid_format(&row->run_id, run);
    cli_printf(telling->cli, "%.*s: definition %.*s version %d, run %s, ",
               ODK_STR_ARG(row->workflow_id), ODK_STR_ARG(row->definition),
               (int)row->definition_version, run);
    cli_put(telling->cli, cli_status_style(row->status),
            engine_status_name((enum engine_status)row->status));
    cli_printf(telling->cli, "\n");
}

/* The row anew: only its status is of interest. */
static int
refresh(struct telling *telling, bool *is_open)
{
    struct cli_look *look = &telling->look;
    struct odk_uuid run_id = look->row.run_id;
    struct store_pg_execution row = {0};
    struct odk_arena arena;
    struct odk_err err = {0};

    odk_arena_init(&arena, 0);
    int rc =
        store_pg_describe(look->query, look->row.namespace_,
                          look->row.workflow_id, &run_id, &arena, &row, &err);
    *is_open = row.status == ENGINE_RUNNING;
    odk_arena_release(&arena);
    return rc == 0 ? CLI_OK : cli_fail_err(telling->cli, &err);
}

static int
follow(struct telling *telling)
{
    const struct timespec pause = {.tv_sec = FOLLOW_MS / 1000};
    bool is_open = true;
    int code = CLI_OK;

    while (code == CLI_OK && is_open) {
        (void)nanosleep(&pause, NULL);
        code = refresh(telling, &is_open);
        if (code == CLI_OK) {
            code = tell_rows(telling);
        }
    }
    return code;
}

int
cli_history(struct cli *cli, const struct cli_args *args)
{
    struct telling telling = {.cli = cli, .last_day = -1};
    int code = cli_look_open(&telling.look, cli, args);

    telling.with_facts = cli_flag(args, "facts") != NULL;
    cli_story_init(&telling.story,
                   cli_flag(args, "full") ? PAYLOAD_WHOLE : PAYLOAD_MAX);
    if (code == CLI_OK && !cli->is_json) {
        put_head(&telling);
    }
    if (code == CLI_OK) {
        code = tell_rows(&telling);
    }
    if (code == CLI_OK && cli_flag(args, "follow")) {
        code = follow(&telling);
    }
    cli_story_release(&telling.story);
    cli_look_close(&telling.look);
    return code;
}
