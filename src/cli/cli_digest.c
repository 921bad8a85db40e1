#include "cli/cli_digest.h"

#include "cli/cli_output.h"

/** The two digests, ascending by shard and table. */
struct pair {
    struct odk_arena arena;
    const struct store_pg_digest_row *live;
    const struct store_pg_digest_row *made;
    size_t n_live;
    size_t n_made;
};

static int
row_cmp(const struct store_pg_digest_row *a,
        const struct store_pg_digest_row *b)
{
    if (a->shard != b->shard) {
        return a->shard < b->shard ? -1 : 1;
    }
    return odk_str_cmp(a->table, b->table);
}

static void
say(struct cli *cli, struct cli_table *table,
    const struct store_pg_digest_row *live,
    const struct store_pg_digest_row *made)
{
    const struct store_pg_digest_row *one = live ? live : made;
    odk_assert(one);
    int64_t n_live = live ? live->count : 0;
    int64_t n_made = made ? made->count : 0;

    if (cli->is_json) {
        cli_put_json(
            cli, json_pack("{s:i, s:o, s:I, s:I}", "shard", (int)one->shard,
                           "table", cli_json_str(one->table), "live",
                           (json_int_t)n_live, "rebuilt", (json_int_t)n_made));
        return;
    }
    cli_table_printf(table, CLI_PLAIN, "%d", (int)one->shard);
    cli_table_cell(table, CLI_PLAIN, one->table);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)n_live);
    cli_table_printf(table, CLI_PLAIN, "%lld", (long long)n_made);
    cli_table_cell(
        table, CLI_RED,
        odk_str(n_live == n_made ? "rows differ" : "numbers of rows differ"));
}

/* Tables that differ, and those that only one side has. */
static size_t
diff(struct cli *cli, const struct pair *pair, struct cli_table *table)
{
    size_t i = 0;
    size_t k = 0;
    size_t n = 0;

    while (i < pair->n_live || k < pair->n_made) {
        const struct store_pg_digest_row *live =
            i < pair->n_live ? &pair->live[i] : NULL;
        const struct store_pg_digest_row *made =
            k < pair->n_made ? &pair->made[k] : NULL;
        int order = !live ? 1 : !made ? -1 : row_cmp(live, made);
        live = order <= 0 ? live : NULL;
        made = order >= 0 ? made : NULL;
        i += live != NULL;
        k += made != NULL;
        if (!live || !made || live->count != made->count ||
            !odk_str_eq(live->sum, made->sum)) {
            say(cli, table, live, made);
            n++;
        }
    }
    return n;
}

static int
read_both(struct pair *pair, struct store_pg_query *rebuilt,
          const char *conninfo, struct odk_err *err)
{
    struct store_pg_options options = {.conninfo = conninfo};
    struct store_pg_query *live = NULL;
    int rc = store_pg_query_open(&options, &live, err);

    if (rc == 0) {
        rc = store_pg_digest(live, &pair->arena, &pair->live, &pair->n_live,
                             err);
    }
    store_pg_query_close(live);
    return rc ? rc
              : store_pg_digest(rebuilt, &pair->arena, &pair->made,
                                &pair->n_made, err);
}

int
cli_digest_compare(struct cli *cli, struct store_pg_query *rebuilt,
                   const char *conninfo)
{
    static const char *const words[] = {"SHARD", "TABLE", "LIVE", "REBUILT",
                                        ""};
    struct pair pair = {0};
    struct odk_err err = {0};
    struct cli_table table;
    size_t n = 0;

    odk_arena_init(&pair.arena, 0);
    int rc = read_both(&pair, rebuilt, conninfo, &err);
    int code = rc == 0 ? CLI_OK : cli_fail_err(cli, &err);
    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    if (code == CLI_OK) {
        n = diff(cli, &pair, &table);
    }
    if (n > 0) {
        cli_table_print(cli, &table);
        code = cli_fail(cli, CLI_FAILED,
                        "the databases differ; where the live one has more "
                        "rows it has gone on meanwhile: run the same again");
    } else if (code == CLI_OK && !cli->is_json) {
        cli_printf(cli, "the databases are equal: %zu tables of shards\n",
                   pair.n_live);
    }
    cli_table_release(&table);
    odk_arena_release(&pair.arena);
    return code;
}
