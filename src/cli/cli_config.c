#include "cli/cli_output.h"

static void
show(struct cli *cli, struct cli_table *table, const char *name,
     struct odk_str value, const char *source, const char *where)
{
    if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:s, s:o, s:s, s:s}", "option", name,
                                    "value", cli_json_str(value), "source",
                                    source, "where", where));
        return;
    }
    bool is_default = strcmp(source, "default") == 0;
    cli_table_cell(table, is_default ? CLI_DIM : CLI_PLAIN, odk_str(name));
    cli_table_cell(table, is_default ? CLI_DIM : CLI_PLAIN, value);
    cli_table_cell(table, CLI_DIM, odk_str(where));
}

static void
show_passed(struct cli *cli, struct cli_table *table, const char *prefix,
            const struct config_passed *list, size_t n)
{
    struct odk_buf name;

    odk_buf_init(&name, 0);
    for (size_t i = 0; i < n; i++) {
        bool is_secret = config_passed_is_secret(list[i].name);
        odk_buf_clear(&name);
        odk_buf_put_cstr(&name, prefix);
        odk_buf_put_cstr(&name, list[i].name);
        show(cli, table, odk_buf_str(&name).ptr,
             odk_str(is_secret ? "********" : list[i].value),
             config_source_name(list[i].source), list[i].where);
    }
    odk_buf_release(&name);
}

int
cli_config(struct cli *cli, const struct cli_args *args)
{
    static const char *const words[] = {"OPTION", "VALUE", "SET BY"};
    struct cli_table table;
    struct odk_buf value;
    size_t n = 0;

    (void)args;
    cli_table_init(&table, words, ODK_ARRAY_LEN(words));
    odk_buf_init(&value, 0);
    for (int i = 0; i < CONFIG_KEYS; i++) {
        enum config_key key = (enum config_key)i;
        odk_buf_clear(&value);
        odk_buf_put_cstr(&value, "");
        config_show(cli->config, key, &value);
        show(cli, &table, config_option(key)->name, odk_buf_str(&value),
             config_source_name(config_origin(cli->config, key)),
             config_where(cli->config, key));
    }
    const struct config_passed *list = config_kafka(cli->config, &n);
    show_passed(cli, &table, "kafka.", list, n);
    list = config_postgres(cli->config, &n);
    show_passed(cli, &table, "postgres.", list, n);
    cli_table_print(cli, &table);
    odk_buf_release(&value);
    cli_table_release(&table);
    return CLI_OK;
}
