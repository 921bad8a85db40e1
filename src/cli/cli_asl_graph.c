/*
 * `odradek asl graph FILE`: a definition drawn, with what a run did.
 */

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "cli/cli_problems.h"
#include "harness/harness_graph.h"
#include "json/json.h"

#define HISTORY_BYTES_MAX ((size_t)256 << 20)

/* ---- the history ---- */

/* One event a line, as `history --json` writes them; NULL: a line is no JSON.
 */
static json_t *
parse_lines(struct odk_str rest, struct odk_err *err)
{
    json_t *events = json_array();

    while (rest.len > 0) {
        ptrdiff_t end = odk_str_find(rest, '\n');
        size_t n = end < 0 ? rest.len : (size_t)end;
        json_t *event = n > 0 ? json_parse(odk_str_n(rest.ptr, n), err) : NULL;
        if (n > 0 && !event) {
            json_decref(events);
            return NULL;
        }
        if (event) {
            json_append(events, event);
        }
        rest = odk_str_from(rest, n < rest.len ? n + 1 : n);
    }
    return events;
}

/* An array, an answer of `asl eval`, or lines; a new reference. */
static json_t *
parse_history(struct odk_str text, struct odk_err *err)
{
    json_t *whole = json_parse(text, NULL);
    json_t *history = json_get(whole, "history");

    if (json_is_array(history)) {
        history = json_incref(history);
        json_decref(whole);
        return history;
    }
    if (json_is_array(whole)) {
        return whole;
    }
    json_decref(whole);
    return parse_lines(text, err);
}

static int
read_history(struct cli *cli, const char *path, json_t **out)
{
    struct odk_err err = {0};
    struct odk_buf text;
    int code = CLI_OK;

    *out = NULL;
    if (!path) {
        return CLI_OK;
    }
    odk_buf_init(&text, 0);
    if (cli_read_file(path, HISTORY_BYTES_MAX, &text, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else {
        *out = parse_history(odk_buf_str(&text), &err);
        code = *out ? CLI_OK
                    : cli_fail(cli, CLI_USAGE, "%s is no history: %s", path,
                               err.message);
    }
    odk_buf_release(&text);
    return code;
}

/* ---- SVG ---- */

/* Graphviz reads from a file of no name and writes to our standard output. */
static int
run_dot(FILE *input, int *status)
{
    char program[] = "dot";
    char format[] = "-Tsvg";
    char *const argv[] = {program, format, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;

    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) {
        return rc;
    }
    rc = posix_spawn_file_actions_adddup2(&actions, fileno(input), 0);
    rc = rc != 0 ? rc
                 : posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc == 0 && waitpid(pid, status, 0) != pid) {
        rc = errno;
    }
    return rc;
}

static int
put_svg(struct cli *cli)
{
    FILE *input = tmpfile();
    int status = 0;

    if (!input ||
        fwrite(cli->out.ptr, 1, cli->out.len, input) != cli->out.len ||
        fseek(input, 0, SEEK_SET) != 0) {
        if (input) {
            (void)fclose(input);
        }
        return cli_fail(cli, CLI_FAILED, "no temporary file can be written");
    }
    odk_buf_clear(&cli->out);
    int rc = run_dot(input, &status);
    (void)fclose(input);
    if (rc == ENOENT) {
        return cli_fail(cli, CLI_UNAVAILABLE,
                        "Graphviz's program `dot` is not there: install "
                        "graphviz, or take --format dot or mermaid");
    }
    return rc == 0 && status == 0
               ? CLI_OK
               : cli_fail(cli, CLI_FAILED, "`dot` has failed: %s",
                          rc != 0 ? strerrordesc_np(rc) : "see its message");
}

/* ---- the command ---- */

static int
compile(struct cli *cli, const char *file, struct asl_machine **out)
{
    struct asl_options options = cli_asl_options(cli);
    struct asl_problems problems;
    struct odk_err err = {0};
    struct odk_buf text;
    int code = CLI_OK;

    options.is_any_resource_accepted = true;
    odk_buf_init(&text, 0);
    asl_problems_init(&problems);
    if (cli_read_file(file, CLI_DEFINITION_BYTES_MAX, &text, &err) != 0) {
        code = cli_fail_err(cli, &err);
    } else if (asl_compile_text(odk_buf_str(&text), &options, out, &problems) !=
               0) {
        cli_put_problems(cli, file, odk_buf_str(&text), &problems);
        code = CLI_FAILED;
    }
    asl_problems_release(&problems);
    odk_buf_release(&text);
    return code;
}

int
cli_asl_graph(struct cli *cli, const struct cli_args *args)
{
    const char *format = cli_flag(args, "format");
    bool is_mermaid = format && strcmp(format, "mermaid") == 0;
    bool is_svg = format && strcmp(format, "svg") == 0;
    struct asl_machine *machine = NULL;
    json_t *history = NULL;

    if (format && !is_mermaid && !is_svg && strcmp(format, "dot") != 0) {
        return cli_fail(cli, CLI_USAGE,
                        "--format is dot, mermaid or svg, not %s", format);
    }
    int code = compile(cli, args->words[0], &machine);
    if (code == CLI_OK) {
        code = read_history(cli, cli_flag(args, "history"), &history);
    }
    if (code == CLI_OK) {
        harness_graph(machine, history,
                      is_mermaid ? HARNESS_GRAPH_MERMAID : HARNESS_GRAPH_DOT,
                      &cli->out);
        if (is_svg) {
            code = put_svg(cli);
        }
    }
    json_decref(history);
    asl_free(machine);
    return code;
}
