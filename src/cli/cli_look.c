#include "cli/cli_look.h"

#include "cli/cli_connect.h"
#include "engine/engine.h"
#include "json/json.h"

int
cli_look_open(struct cli_look *look, struct cli *cli,
              const struct cli_args *args)
{
    const char *run = cli_flag(args, "run");
    struct odk_uuid run_id;
    struct odk_err err = {0};

    *look = (struct cli_look){.cli = cli};
    odk_arena_init(&look->arena, 0);
    if (run && !odk_uuid_parse(odk_str(run), &run_id)) {
        return cli_fail(cli, CLI_USAGE, "--run: give a run id (a UUID)");
    }
    int code = cli_query_open(cli, &look->query);
    if (code != CLI_OK) {
        return code;
    }
    int rc = store_pg_describe(
        look->query, odk_str(config_str(cli->config, CONFIG_NAMESPACE)),
        odk_str(args->words[0]), run ? &run_id : NULL, &look->arena, &look->row,
        &err);
    if (rc == ODK_ENOTFOUND) {
        return cli_fail(
            cli, CLI_NOT_FOUND, "there is no run of %s in namespace %s%s",
            args->words[0], config_str(cli->config, CONFIG_NAMESPACE),
            run ? " under this run id" : "");
    }
    return rc == 0 ? CLI_OK : cli_fail_err(cli, &err);
}

void
cli_look_close(struct cli_look *look)
{
    store_pg_query_close(look->query);
    odk_arena_release(&look->arena);
}

int
cli_listing_open(struct cli_listing *list, struct cli *cli,
                 const char *const *words, size_t n)
{
    *list = (struct cli_listing){.cli = cli};
    int code = cli_query_open(cli, &list->query);

    if (code == CLI_OK) {
        odk_arena_init(&list->arena, 0);
        cli_table_init(&list->table, words, n);
    }
    return code;
}

int
cli_listing_close(struct cli_listing *list, int code, const char *note)
{
    cli_table_print(list->cli, &list->table);
    if (code == CLI_OK && note && !list->cli->is_json) {
        cli_note(list->cli, "%s", note);
    }
    cli_table_release(&list->table);
    odk_arena_release(&list->arena);
    store_pg_query_close(list->query);
    return code;
}

enum cli_style
cli_status_style(int status)
{
    switch ((enum engine_status)status) {
    case ENGINE_RUNNING:
        return CLI_YELLOW;
    case ENGINE_SUCCEEDED:
        return CLI_GREEN;
    case ENGINE_FAILED:
    case ENGINE_TIMED_OUT:
    case ENGINE_ABORTED:
    case ENGINE_TERMINATED:
        break;
    }
    return CLI_RED;
}

json_t *
cli_look_state(struct cli_look *look)
{
    struct odk_err err = {0};
    struct odk_buf text;
    json_t *state = NULL;

    odk_buf_init(&text, 0);
    int rc = engine_describe(look->row.state, &text, &err);
    if (rc == 0) {
        state = json_parse(odk_buf_str(&text), &err);
    }
    odk_buf_release(&text);
    if (!state) {
        (void)cli_fail_err(look->cli, &err);
    }
    return state;
}
