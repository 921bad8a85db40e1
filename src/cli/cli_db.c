#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "store_pg/store_pg_migrate.h"
#include "store_pg/store_pg_retention.h"

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

#define TOKEN_KEY_DIGITS ((size_t)2 * STORE_PG_TOKEN_KEY_BYTES)

/* The key as `odradek db token-key` writes it. */
static int
read_token_key(struct cli *cli, const char *path, struct odk_buf *out)
{
    struct odk_err err = {0};
    bool is_key = true;

    if (cli_read_file(path, 1024, out, &err) != 0) {
        return cli_fail_err(cli, &err);
    }
    if (out->len > 0 && out->ptr[out->len - 1] == '\n') {
        out->len--;
    }
    for (size_t i = 0; i < out->len; i++) {
        char c = out->ptr[i];
        is_key &= (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    if (!is_key || out->len != TOKEN_KEY_DIGITS) {
        return cli_fail(
            cli, CLI_USAGE,
            "--token-key: %s does not hold a key of %zu hexadecimal "
            "digits",
            path, TOKEN_KEY_DIGITS);
    }
    odk_buf_put_char(out, '\0');
    return CLI_OK;
}

int
cli_db_token_key(struct cli *cli, const struct cli_args *args)
{
    struct store_pg_query *query = NULL;
    struct store_pg_cluster cluster = {0};
    struct odk_err err = {0};
    int code = cli_query_open(cli, &query);

    (void)args;
    if (code != CLI_OK) {
        return code;
    }
    if (store_pg_cluster(query, &cluster, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else if (!cluster.has_token_key) {
        code = cli_fail(cli, CLI_DENIED,
                        "this database role may not read the key; connect with "
                        "the server's role (odradek_server)");
    }
    for (size_t i = 0; code == CLI_OK && i < sizeof(cluster.token_key); i++) {
        cli_printf(cli, "%02x", cluster.token_key[i]);
    }
    if (code == CLI_OK) {
        cli_put(cli, CLI_PLAIN, "\n");
    }
    store_pg_query_close(query);
    return code;
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
    const char *key_file = cli_flag(args, "token-key");
    struct odk_buf conninfo;
    struct odk_buf key;
    int code = migrate_options(cli, args, &options);

    odk_buf_init(&key, 0);
    if (code == CLI_OK && key_file) {
        code = read_token_key(cli, key_file, &key);
        options.token_key = key.ptr;
    }
    if (code != CLI_OK) {
        odk_buf_release(&key);
        return code;
    }
    odk_buf_init(&conninfo, 0);
    odk_buf_put_cstr(&conninfo, "");
    config_conninfo(cli->config, &conninfo);
    int rc = store_pg_migrate(odk_buf_str(&conninfo).ptr, &options, report, cli,
                              &err);
    odk_buf_release(&conninfo);
    odk_buf_release(&key);
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

/* ---- retention ---- */

static void
tell_retention(struct cli *cli, const struct store_pg_retention_stats *stats,
               bool is_dry)
{
    if (cli->is_json) {
        cli_put_json(cli,
                     json_pack("{s:b, s:I, s:I, s:I, s:I}", "dry_run",
                               (int)is_dry, "runs", (json_int_t)stats->runs,
                               "dropped", (json_int_t)stats->dropped,
                               "rewritten", (json_int_t)stats->rewritten,
                               "kept", (json_int_t)stats->kept));
        return;
    }
    cli_printf(cli,
               "%lld closed run(s) %s the database; of history %lld "
               "partition(s) %s dropped and %lld rewritten; %lld run(s) of old "
               "partitions stay\n",
               (long long)stats->runs, is_dry ? "would leave" : "left",
               (long long)stats->dropped, is_dry ? "would be" : "were",
               (long long)stats->rewritten, (long long)stats->kept);
}

/* A step that found a lock taken is tried again: it was a moment's. */
static int
run_retention(struct store_pg_retention *retention, struct odk_err *err)
{
    bool is_done = false;
    int rc = 0;

    while (!is_done && (rc == 0 || rc == ODK_EAGAIN)) {
        rc = store_pg_retention_step(retention, &is_done, err);
    }
    return rc;
}

int
cli_db_retention(struct cli *cli, const struct cli_args *args)
{
    odk_dur_ms keep = config_i64(cli->config, CONFIG_RETENTION_CLOSED);
    bool is_dry = cli_flag(args, "dry-run") != NULL;
    struct store_pg_retention *retention = NULL;
    struct store_pg_query *query = NULL;
    struct odk_err err = {0};

    if (is_dry == (cli_flag(args, "run") != NULL)) {
        return cli_fail(cli, CLI_USAGE, "give --dry-run or --run");
    }
    if (keep == 0) {
        return cli_fail(cli, CLI_USAGE,
                        "retention.closed is 0: closed runs stay for ever");
    }
    int code = cli_query_open(cli, &query);
    if (code != CLI_OK) {
        return code;
    }
    int rc = store_pg_retention_begin(query, keep, is_dry, &retention, &err);
    if (rc == 0) {
        rc = run_retention(retention, &err);
    }
    if (rc == 0) {
        tell_retention(cli, store_pg_retention_stats(retention), is_dry);
    } else {
        code = cli_fail_err(cli, &err);
    }
    store_pg_retention_end(retention);
    store_pg_query_close(query);
    return code;
}
