#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "store_pg/store_pg_migrate.h"

static void
report(void *ctx, const char *line)
{
    struct cli *cli = ctx;

    if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:s}", "done", line));
    } else {
        cli_printf(cli, "%s\n", line);
    }
    cli_flush(cli);
}

static int
migrate_options(struct cli *cli, const struct cli_args *args,
                struct store_pg_migrate_options *out)
{
    int64_t number = 0;
    int code = cli_number_flag(cli, args, "partitions", 10000, &number);

    *out = (struct store_pg_migrate_options){
        .partitions = (int32_t)number,
        .owner_role = cli_flag(args, "owner-role"),
        .server_role = cli_flag(args, "server-role"),
        .readonly_role = cli_flag(args, "readonly-role"),
        .is_without_roles = cli_flag(args, "without-roles") != NULL,
    };
    return code;
}

int
cli_db_migrate(struct cli *cli, const struct cli_args *args)
{
    struct store_pg_migrate_options options;
    struct odk_err err = {0};
    struct odk_buf conninfo;
    int code = migrate_options(cli, args, &options);

    if (code != CLI_OK) {
        return code;
    }
    odk_buf_init(&conninfo, 0);
    odk_buf_put_cstr(&conninfo, "");
    config_conninfo(cli->config, &conninfo);
    int rc = store_pg_migrate(odk_buf_str(&conninfo).ptr, &options, report, cli,
                              &err);
    odk_buf_release(&conninfo);
    if (rc != 0) {
        return cli_fail_err(cli, &err);
    }
    report(cli, "the database is up to date");
    return CLI_OK;
}

static void
show_migration(struct cli *cli, struct cli_table *table,
               const struct store_pg_migration *migration)
{
    const char *state = migration->is_unknown   ? "unknown to this binary"
                        : migration->is_changed ? "CHANGED since"
                        : migration->is_applied ? "applied"
                                                : "pending";

    if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:i, s:o, s:s, s:o, s:o}", "version",
                                    (int)migration->version, "name",
                                    cli_json_str(migration->name), "state",
                                    state, "at", cli_json_time(migration->at),
                                    "by", cli_json_str(migration->by)));
        return;
    }
    cli_table_printf(table, CLI_PLAIN, "%04d", (int)migration->version);
    cli_table_cell(table, CLI_PLAIN, migration->name);
    cli_table_cell(table, migration->is_applied ? CLI_GREEN : CLI_YELLOW,
                   odk_str(state));
    cli_table_time(table, migration->at);
    cli_table_cell(table, CLI_DIM, migration->by);
}

int
cli_db_status(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"VERSION", "NAME", "STATE", "AT (UTC)",
                                        "BY"};
    const struct store_pg_migration *list = NULL;
    struct odk_err err = {0};
    struct odk_arena arena;
    struct odk_buf conninfo;
    struct cli_table table;
    size_t n = 0;
    bool is_current = true;

    (void)args;
    odk_arena_init(&arena, 0);
    odk_buf_init(&conninfo, 0);
    odk_buf_put_cstr(&conninfo, "");
    config_conninfo(cli->config, &conninfo);
    int rc = store_pg_migrate_status(odk_buf_str(&conninfo).ptr, &arena, &list,
                                     &n, &err);
    int code = rc == 0 ? CLI_OK : cli_fail_err(cli, &err);
    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    for (size_t i = 0; i < n; i++) {
        is_current &=
            list[i].is_applied && !list[i].is_changed && !list[i].is_unknown;
        show_migration(cli, &table, &list[i]);
    }
    cli_table_print(cli, &table);
    if (code == CLI_OK && !is_current) {
        cli_note(cli, "Run `odradek db migrate` with this binary, or use the "
                      "binary that the database was migrated by.");
        code = CLI_FAILED;
    }
    cli_table_release(&table);
    odk_buf_release(&conninfo);
    odk_arena_release(&arena);
    return code;
}
