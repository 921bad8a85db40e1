#include <stdio.h>
#include <stdlib.h>

#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "cli/cli_problems.h"
#include "harness/harness.h"
#include "harness/harness_test_state.h"

#define REQUEST_BYTES_MAX ((size_t)64 << 20)

static int
check_file(struct cli *cli, const char *file, bool is_express)
{
    /* A team's file may still hold the placeholders of its deployment: those
     * are warnings here and errors when it is published. */
    struct asl_options options = cli_asl_options(cli);
    struct asl_problems problems;
    struct asl_machine *machine = NULL;
    struct odk_err err = {0};
    struct odk_buf text;

    options.is_express = is_express;
    options.is_any_resource_accepted = true;
    odk_buf_init(&text, 0);
    if (cli_read_file(file, CLI_DEFINITION_BYTES_MAX, &text, &err) != 0) {
        odk_buf_release(&text);
        return cli_fail_err(cli, &err);
    }
    asl_problems_init(&problems);
    int rc =
        asl_compile_text(odk_buf_str(&text), &options, &machine, &problems);
    cli_put_problems(cli, file, odk_buf_str(&text), &problems);
    if (rc == 0 && problems.n == 0 && !cli->is_json) {
        cli_printf(cli, "%s: valid, %d states\n", file, (int)machine->n_states);
    }
    asl_free(machine);
    asl_problems_release(&problems);
    odk_buf_release(&text);
    return rc == 0 ? CLI_OK : CLI_FAILED;
}

int
cli_asl_check(struct cli *cli, const struct cli_args *args)
{
    bool is_express = cli_flag(args, "express") != NULL;
    int worst = CLI_OK;

    for (int i = 0; i < args->n_words; i++) {
        int code = check_file(cli, args->words[i], is_express);
        worst = code > worst ? code : worst;
        cli_flush(cli);
    }
    return worst;
}

/* Answers one request: harness_eval or harness_test_state. */
typedef int (*answer_f)(struct odk_str line, struct odk_buf *out);

static int
eval(struct cli *cli, answer_f answer, struct odk_str request)
{
    int rc = answer(request, &cli->out);

    odk_buf_put_char(&cli->out, '\n');
    cli_flush(cli);
    return rc == 0 ? CLI_OK : CLI_USAGE;
}

static int
eval_lines(struct cli *cli, answer_f answer)
{
    char *line = NULL;
    size_t size = 0;
    int worst = CLI_OK;

    for (ssize_t n = getline(&line, &size, stdin); n >= 0;
         n = getline(&line, &size, stdin)) {
        struct odk_str request = odk_str_n(line, (size_t)n);
        if (odk_str_ends(request, ODK_STR("\n"))) {
            request.len--;
        }
        if (request.len > 0) {
            int code = eval(cli, answer, request);
            worst = code > worst ? code : worst;
        }
    }
    free(line);
    return worst;
}

static int
eval_input(struct cli *cli, const struct cli_args *args, answer_f answer)
{
    struct odk_err err = {0};
    struct odk_buf text;
    int code = CLI_OK;

    if (cli_flag(args, "jsonl")) {
        return eval_lines(cli, answer);
    }
    odk_buf_init(&text, 0);
    if (cli_read_file("-", REQUEST_BYTES_MAX, &text, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else {
        code = eval(cli, answer, odk_buf_str(&text));
    }
    odk_buf_release(&text);
    return code;
}

int
cli_asl_eval(struct cli *cli, const struct cli_args *args)
{
    return eval_input(cli, args, harness_eval);
}

int
cli_asl_test(struct cli *cli, const struct cli_args *args)
{
    return args->n_words > 0 ? cli_asl_test_files(cli, args)
                             : eval_input(cli, args, harness_test_state);
}
