#include "cli/cli_problems.h"

#include <ctype.h>

#include "cli/cli_output.h"

struct asl_options
cli_asl_options(const struct cli *cli)
{
    return (struct asl_options){
        .definition_bytes_max =
            (size_t)config_i64(cli->config, CONFIG_LIMIT_DEFINITION),
        .name_chars_max = (size_t)config_i64(cli->config, CONFIG_LIMIT_NAME),
    };
}

/*
 * The locator walks the text once, along the pointer. It trusts nothing: on a
 * text that is no JSON it stops where it no longer knows its way.
 */
struct scan {
    struct odk_str text;
    size_t at;
};

static char
peek(const struct scan *scan)
{
    return scan->at < scan->text.len ? scan->text.ptr[scan->at] : '\0';
}

static void
skip_space(struct scan *scan)
{
    while (scan->at < scan->text.len && isspace((unsigned char)peek(scan))) {
        scan->at++;
    }
}

/* At a quote: the raw text between it and its partner. */
static struct odk_str
take_string(struct scan *scan)
{
    size_t from = ++scan->at;

    while (scan->at < scan->text.len && peek(scan) != '"') {
        scan->at += peek(scan) == '\\' ? 2 : 1;
    }
    size_t to = scan->at < scan->text.len ? scan->at : scan->text.len;
    scan->at = to + 1;
    return odk_str_n(scan->text.ptr + from, to - from);
}

/* Over one value, brackets counted. */
static void
skip_value(struct scan *scan)
{
    size_t depth = 0;

    skip_space(scan);
    while (scan->at < scan->text.len) {
        char c = peek(scan);
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            return;
        }
        if (c == '"') {
            (void)take_string(scan);
        } else {
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
            scan->at++;
        }
    }
}

/* Whether a raw key is the pointer's token, "~1" and "~0" undone. Keys with
 * escapes are compared as written: close enough for a place. */
static bool
is_token(struct odk_str key, struct odk_str token)
{
    size_t k = 0;

    for (size_t t = 0; t < token.len; t++, k++) {
        char c = token.ptr[t];
        if (c == '~' && t + 1 < token.len) {
            c = token.ptr[++t] == '1' ? '/' : '~';
        }
        if (k >= key.len || key.ptr[k] != c) {
            return false;
        }
    }
    return k == key.len;
}

static bool
enter_member(struct scan *scan, struct odk_str token)
{
    scan->at++;
    for (;;) {
        skip_space(scan);
        if (peek(scan) != '"') {
            return false;
        }
        struct odk_str key = take_string(scan);
        skip_space(scan);
        if (peek(scan) != ':') {
            return false;
        }
        scan->at++;
        skip_space(scan);
        if (is_token(key, token)) {
            return true;
        }
        skip_value(scan);
        if (peek(scan) != ',') {
            return false;
        }
        scan->at++;
    }
}

static bool
enter_item(struct scan *scan, struct odk_str token)
{
    uint64_t index = 0;

    if (!odk_str_to_u64(token, &index)) {
        return false;
    }
    scan->at++;
    for (uint64_t i = 0; i < index; i++) {
        skip_value(scan);
        if (peek(scan) != ',') {
            return false;
        }
        scan->at++;
    }
    skip_space(scan);
    return peek(scan) != ']';
}

static void
position(const struct scan *scan, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < scan->at && i < scan->text.len; i++) {
        bool is_end = scan->text.ptr[i] == '\n';
        *line += is_end;
        *column = is_end ? 1 : *column + 1;
    }
}

bool
cli_locate(struct odk_str text, struct odk_str pointer, size_t *line,
           size_t *column)
{
    struct scan scan = {text, 0};
    bool is_found = true;

    skip_space(&scan);
    while (is_found && pointer.len > 0 && pointer.ptr[0] == '/') {
        pointer = odk_str_from(pointer, 1);
        ptrdiff_t slash = odk_str_find(pointer, '/');
        struct odk_str token =
            odk_str_n(pointer.ptr, slash < 0 ? pointer.len : (size_t)slash);
        size_t before = scan.at;
        is_found = peek(&scan) == '{'   ? enter_member(&scan, token)
                   : peek(&scan) == '[' ? enter_item(&scan, token)
                                        : false;
        /* A member that lacks: its object is the place. */
        scan.at = is_found ? scan.at : before;
        pointer = odk_str_from(pointer, token.len);
    }
    position(&scan, line, column);
    return is_found;
}

void
cli_put_problem(struct cli *cli, const char *file, struct odk_str text,
                const struct asl_problem *problem)
{
    size_t line = 0;
    size_t column = 0;
    const char *severity = problem->is_warning ? "warning" : "error";

    (void)cli_locate(text, problem->pointer, &line, &column);
    if (cli->is_json) {
        cli_put_json(cli,
                     json_pack("{s:s, s:I, s:I, s:s, s:o, s:o, s:o}", "file",
                               file, "line", (json_int_t)line, "column",
                               (json_int_t)column, "severity", severity, "code",
                               cli_json_str(problem->code), "pointer",
                               cli_json_str(problem->pointer), "message",
                               cli_json_str(problem->message)));
        return;
    }
    cli_put(cli, CLI_BOLD, file);
    cli_printf(cli, ":%zu:%zu: ", line, column);
    cli_put(cli, problem->is_warning ? CLI_YELLOW : CLI_RED, severity);
    cli_printf(cli, ": %.*s: %.*s\n",
               problem->pointer.len ? (int)problem->pointer.len : 1,
               problem->pointer.len ? problem->pointer.ptr : "/",
               ODK_STR_ARG(problem->message));
}

void
cli_put_problems(struct cli *cli, const char *file, struct odk_str text,
                 const struct asl_problems *problems)
{
    for (size_t i = 0; i < problems->n; i++) {
        cli_put_problem(cli, file, text, &problems->list[i]);
    }
}
