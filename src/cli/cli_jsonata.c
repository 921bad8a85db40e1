#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "cli/cli_connect.h"
#include "cli/cli_look.h"
#include "json/json.h"
#include "jsonata/jsonata.h"

#define DATA_BYTES_MAX ((size_t)64 << 20)

/* What became of one expression. */
struct outcome {
    json_t *value; /* NULL and no code: undefined */
    bool is_failed;
    struct jsonata_error err;
};

static void
evaluate(struct odk_str text, json_t *input, json_t *bindings, int64_t depth,
         struct outcome *out)
{
    struct jsonata_options options = {.now = cli_now(), .bindings = bindings};
    struct jsonata *program = NULL;
    ssize_t n = getrandom(&options.seed, sizeof(options.seed), 0);

    odk_assert(n == (ssize_t)sizeof(options.seed));
    options.depth_max =
        depth > 0 && depth < JSONATA_DEPTH_MAX ? (uint32_t)depth : 0;
    *out = (struct outcome){0};
    int rc = jsonata_compile(text, &program, &out->err);
    if (rc == 0) {
        rc = jsonata_eval(program, input, &options, &out->value, &out->err);
    }
    out->is_failed = rc != 0 && rc != ODK_EUNSUPPORTED;
    jsonata_free(program);
}

/* ---- one expression ---- */

static int
read_input(struct cli *cli, const char *flag, json_t **out)
{
    struct odk_err err = {0};
    struct odk_buf text;
    int rc = 0;

    *out = NULL;
    if (!flag) {
        return CLI_OK;
    }
    odk_buf_init(&text, 0);
    if (flag[0] == '@' || strcmp(flag, "-") == 0) {
        rc = cli_read_file(flag[0] == '@' ? flag + 1 : flag, DATA_BYTES_MAX,
                           &text, &err);
    } else {
        odk_buf_put_cstr(&text, flag);
    }
    if (rc == 0) {
        *out = json_parse(odk_buf_str(&text), &err);
        rc = *out ? 0 : ODK_ESYNTAX;
    }
    odk_buf_release(&text);
    return rc == 0 ? CLI_OK : cli_fail_err(cli, &err);
}

static int
eval_one(struct cli *cli, const struct cli_args *args)
{
    struct outcome outcome;
    json_t *input = NULL;
    int code = read_input(cli, cli_flag(args, "input"), &input);

    if (code != CLI_OK) {
        return code;
    }
    evaluate(odk_str(args->words[0]), input, NULL, 0, &outcome);
    if (outcome.is_failed) {
        code = cli_fail(cli, CLI_FAILED, "%s at %zu: %s", outcome.err.code,
                        outcome.err.position, outcome.err.message);
    } else if (outcome.value) {
        json_put(&cli->out, outcome.value);
        odk_buf_put_char(&cli->out, '\n');
    }
    json_decref(outcome.value);
    json_decref(input);
    return code;
}

/* ---- the conformance cases ---- */

static void
answer_line(struct cli *cli, struct odk_str line, const json_t *datasets)
{
    struct odk_err err = {0};
    /* The language's strings are UTF-16: an expression may hold half of a
     * surrogate pair, data and answers may not. */
    json_t *raw = json_parse_wtf8(line, NULL);
    struct outcome outcome = {0};
    json_t *request = json_parse(line, &err);
    json_t *answer = json_object();
    json_t *id = json_get(request, "id");
    json_t *input = json_get(request, "data");

    if (!input) {
        input = json_get_str(datasets, json_str(json_get(request, "dataset")));
    }
    json_set(answer, ODK_STR("id"), id ? json_incref(id) : json_null());
    if (request) {
        evaluate(json_str(json_get(raw, "expr")), input,
                 json_get(request, "bindings"),
                 json_integer_value(json_get(request, "depth")), &outcome);
    }
    if (!request) {
        json_set(answer, ODK_STR("error"), json_string(err.message));
    } else if (outcome.is_failed) {
        json_set(answer, ODK_STR("code"), json_string(outcome.err.code));
    } else if (outcome.value) {
        json_set(answer, ODK_STR("result"), json_incref(outcome.value));
    } else {
        json_set(answer, ODK_STR("undefined"), json_true());
    }
    cli_put_json(cli, answer);
    cli_flush(cli);
    json_decref(outcome.value);
    json_decref(request);
    json_decref(raw);
}

static int
eval_lines(struct cli *cli, const char *path)
{
    json_t *datasets = NULL;
    char *line = NULL;
    size_t size = 0;
    struct odk_buf at;

    odk_buf_init(&at, 0);
    odk_buf_printf(&at, "@%s", path ? path : "");
    int code = read_input(cli, path ? at.ptr : NULL, &datasets);
    odk_buf_release(&at);
    while (code == CLI_OK) {
        ssize_t n = getline(&line, &size, stdin);
        if (n < 0) {
            break;
        }
        struct odk_str text = odk_str_n(line, (size_t)n);
        text.len -= odk_str_ends(text, ODK_STR("\n"));
        if (text.len > 0) {
            answer_line(cli, text, datasets);
        }
    }
    free(line);
    json_decref(datasets);
    return code;
}

int
cli_jsonata(struct cli *cli, const struct cli_args *args)
{
    if (cli_flag(args, "jsonl")) {
        return eval_lines(cli, cli_flag(args, "datasets"));
    }
    return args->n_words == 1
               ? eval_one(cli, args)
               : cli_fail(cli, CLI_USAGE,
                          "give an expression, or --jsonl and one request a "
                          "line");
}
