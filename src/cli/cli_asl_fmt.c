/*
 * `odradek asl fmt FILE…`: the one layout of definitions.
 */

#include <stdio.h>
#include <string.h>

#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "cli/cli_problems.h"
#include "harness/harness_format.h"
#include "json/json.h"

static int
write_file(struct cli *cli, const char *file, struct odk_str text)
{
    FILE *out = fopen(file, "we");
    bool is_ok = out && fwrite(text.ptr, 1, text.len, out) == text.len;

    is_ok = out && fclose(out) == 0 && is_ok;
    return is_ok ? CLI_OK
                 : cli_fail(cli, CLI_FAILED, "%s cannot be written", file);
}

static int
deliver(struct cli *cli, const char *file, struct odk_str before,
        struct odk_str after, bool is_check)
{
    bool is_same = odk_str_eq(before, after);

    if (is_check) {
        if (!is_same) {
            cli_printf(cli, "%s: not formatted\n", file);
        }
        return is_same ? CLI_OK : CLI_FAILED;
    }
    if (strcmp(file, "-") == 0) {
        odk_buf_put_str(&cli->out, after);
        return CLI_OK;
    }
    return is_same ? CLI_OK : write_file(cli, file, after);
}

static int
format_file(struct cli *cli, const char *file, bool is_check)
{
    struct odk_err err = {0};
    struct odk_buf before;
    struct odk_buf after;
    json_t *definition = NULL;
    int code = CLI_OK;

    odk_buf_init(&before, 0);
    odk_buf_init(&after, 0);
    if (cli_read_file(file, CLI_DEFINITION_BYTES_MAX, &before, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else {
        definition = json_parse_strict(odk_buf_str(&before), &err);
        if (definition) {
            harness_format(definition, &after);
            code = deliver(cli, file, odk_buf_str(&before), odk_buf_str(&after),
                           is_check);
        } else {
            code = cli_fail(cli, CLI_FAILED, "%s: %s", file, err.message);
        }
    }
    json_decref(definition);
    odk_buf_release(&before);
    odk_buf_release(&after);
    return code;
}

int
cli_asl_fmt(struct cli *cli, const struct cli_args *args)
{
    bool is_check = cli_flag(args, "check") != NULL;
    int worst = CLI_OK;

    for (int i = 0; i < args->n_words; i++) {
        int code = format_file(cli, args->words[i], is_check);
        worst = code > worst ? code : worst;
        cli_flush(cli);
    }
    return worst;
}
