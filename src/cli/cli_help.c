#include <stdio.h>
#include <string.h>

#include "bus_kafka/bus_kafka.h"
#include "cli/cli_output.h"

#define WIDTH 78

static const struct {
    enum cli_exit code;
    const char *text;
} exits[] = {
    {CLI_OK, "done; for a question: yes"},
    {CLI_FAILED, "the operation failed, or the answer is no (a definition has "
                 "errors, topics differ, the run ended without success)"},
    {CLI_USAGE, "wrong command line, configuration or input"},
    {CLI_NOT_FOUND, "what was named does not exist"},
    {CLI_REJECTED, "Odradek refused it (already started, nothing to resolve)"},
    {CLI_TIMED_OUT, "no answer within the time; it may still come"},
    {CLI_UNAVAILABLE, "Kafka, the database or the schema registry cannot be "
                      "reached"},
    {CLI_DENIED, "log-in refused, or not allowed"},
    {CLI_INTERNAL, "a mistake of odradek's: please report it"},
};

static const struct cli_flag common[] = {
    {"config", "FILE", "read options from a file"},
    {"json", NULL, "results for programs: an object or a line each"},
    {"color", "WHEN", "auto, always or never"},
    {"help", NULL, "this text"},
    {NULL, NULL, NULL},
};

/* Words, broken at WIDTH and indented. */
static void
put_wrapped(struct cli *cli, const char *text, size_t indent, size_t column)
{
    struct odk_str rest = odk_str(text);

    while (rest.len > 0) {
        ptrdiff_t space = odk_str_find(rest, ' ');
        struct odk_str word =
            odk_str_n(rest.ptr, space < 0 ? rest.len : (size_t)space);
        if (column > indent && column + 1 + word.len > WIDTH) {
            odk_buf_put_char(&cli->out, '\n');
            column = 0;
        }
        if (column > indent) {
            odk_buf_put_char(&cli->out, ' ');
            column++;
        }
        while (column < indent) {
            odk_buf_put_char(&cli->out, ' ');
            column++;
        }
        odk_buf_put_str(&cli->out, word);
        column += word.len;
        rest = odk_str_from(rest, word.len + (space >= 0));
    }
    odk_buf_put_char(&cli->out, '\n');
}

static void
put_flag(struct cli *cli, const struct cli_flag *flag)
{
    struct odk_buf name;

    odk_buf_init(&name, 0);
    odk_buf_printf(&name, "  --%s%s%s", flag->name, flag->value ? " " : "",
                   flag->value ? flag->value : "");
    cli_printf(cli, "%-26s", name.ptr);
    put_wrapped(cli, flag->help, 26, name.len > 25 ? name.len + 1 : 26);
    odk_buf_release(&name);
}

static void
help_command(struct cli *cli, const struct cli_command *command)
{
    cli_put(cli, CLI_BOLD, "odradek ");
    cli_put(cli, CLI_BOLD, command->name);
    cli_printf(cli, " %s%s[flags]\n", command->usage,
               command->usage[0] ? " " : "");
    cli_printf(cli, "\n  %s.\n", command->summary);
    if (command->help) {
        cli_printf(cli, "\n");
        put_wrapped(cli, command->help, 2, 0);
    }
    cli_printf(cli, "\nFlags\n");
    for (size_t i = 0; command->flags && command->flags[i].name; i++) {
        put_flag(cli, &command->flags[i]);
    }
    for (size_t i = 0; common[i].name; i++) {
        put_flag(cli, &common[i]);
    }
    cli_printf(cli, "  and every option: `odradek help config`\n");
    if (command->examples) {
        cli_printf(cli, "\nExamples\n%s", command->examples);
    }
}

static void
help_all(struct cli *cli)
{
    size_t n = 0;
    const struct cli_command *commands = cli_commands(&n);

    cli_put(cli, CLI_BOLD, "odradek");
    cli_printf(cli, ": durable workflows on Kafka and PostgreSQL\n\n");
    for (size_t i = 0; i < n; i++) {
        cli_printf(cli, "  %-22s%s\n", commands[i].name, commands[i].summary);
    }
    cli_printf(cli,
               "\n  odradek help COMMAND     its flags and examples\n"
               "  odradek help config      options, and how to set them\n"
               "  odradek help exit-codes  what a process ends with\n\n"
               "ODRADEK_KAFKA and ODRADEK_POSTGRES say where Kafka and the "
               "database are.\n");
}

static void
help_exits(struct cli *cli)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(exits); i++) {
        cli_printf(cli, "%4d  ", (int)exits[i].code);
        put_wrapped(cli, exits[i].text, 6, 6);
    }
}

static void
help_config(struct cli *cli)
{
    struct odk_buf text;

    cli_printf(cli,
               "An option is set, the first of these winning, by a flag "
               "(--kafka-bootstrap=…), a\nvariable "
               "(ODRADEK_KAFKA_BOOTSTRAP), a line of the file of --config\n"
               "(kafka.bootstrap = …), or its default. Other names with "
               "\"kafka.\" and \"postgres.\"\nbefore them go to librdkafka "
               "and libpq. `odradek config` shows what is in effect.\n\n");
    odk_buf_init(&text, 0);
    for (int i = 0; i < CONFIG_KEYS; i++) {
        const struct config_option *option = config_option((enum config_key)i);
        cli_put(cli, CLI_BOLD, option->name);
        if (option->fallback[0] != '\0') {
            cli_printf(cli, " (%s)", option->fallback);
        }
        cli_printf(cli, "\n");
        put_wrapped(cli, option->help, 4, 0);
        odk_buf_clear(&text);
        odk_buf_put_cstr(&text, "Allowed: ");
        config_allowed(option, &text);
        odk_buf_put_char(&text, '.');
        put_wrapped(cli, text.ptr, 4, 0);
    }
    odk_buf_release(&text);
}

/* ---- docs/cli.md ---- */

static void
markdown_command(struct cli *cli, const struct cli_command *command)
{
    cli_printf(cli, "\n## odradek %s\n\n`odradek %s%s%s [flags]`: %s.\n",
               command->name, command->name, command->usage[0] ? " " : "",
               command->usage, command->summary);
    if (command->help) {
        cli_printf(cli, "\n");
        put_wrapped(cli, command->help, 0, 0);
    }
    if (command->flags) {
        cli_printf(cli, "\n| flag | meaning |\n|---|---|\n");
    }
    for (size_t i = 0; command->flags && command->flags[i].name; i++) {
        const struct cli_flag *flag = &command->flags[i];
        cli_printf(cli, "| `--%s%s", flag->name, flag->value ? " " : "");
        for (const char *c = flag->value; c && *c; c++) {
            cli_printf(cli, "%s%c", *c == '|' ? "\\" : "", *c);
        }
        cli_printf(cli, "` | %s |\n", flag->help);
    }
    if (command->examples) {
        cli_printf(cli, "\n```\n%s```\n", command->examples);
    }
}

static void
markdown_commands(struct cli *cli)
{
    size_t n = 0;
    const struct cli_command *commands = cli_commands(&n);

    cli_printf(
        cli,
        "# The command line\n\n"
        "<!-- Made by `odradek help commands --markdown`; a test compares. "
        "-->\n\n"
        "One binary. Results go to standard output, everything else to "
        "standard error. Every command takes\n"
        "`--json` (an object, or one a line, for programs; errors are objects "
        "on standard error), `--config FILE`,\n"
        "`--color auto|always|never` (and respects `NO_COLOR`), `--help`, and "
        "every option of\n"
        "[configuration.md](configuration.md) as a flag. Times are UTC.\n\n"
        "## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (size_t i = 0; i < ODK_ARRAY_LEN(exits); i++) {
        cli_printf(cli, "| %d | %s |\n", (int)exits[i].code, exits[i].text);
    }
    for (size_t i = 0; i < n; i++) {
        markdown_command(cli, &commands[i]);
    }
}

/* ---- finding the topic ---- */

static const struct cli_command *
find(const char *name)
{
    size_t n = 0;
    const struct cli_command *commands = cli_commands(&n);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* All commands of a family: "help topics". */
static int
help_family(struct cli *cli, const char *word)
{
    size_t n = 0;
    const struct cli_command *commands = cli_commands(&n);
    int found = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(word);
        if (strncmp(commands[i].name, word, len) == 0 &&
            commands[i].name[len] == ' ') {
            cli_printf(cli, "  %-22s%s\n", commands[i].name,
                       commands[i].summary);
            found++;
        }
    }
    return found > 0 ? CLI_OK
                     : cli_fail(cli, CLI_USAGE,
                                "there is no help on \"%s\"; `odradek help` "
                                "lists the commands",
                                word);
}

int
cli_help(struct cli *cli, const struct cli_args *args)
{
    bool is_markdown = args->command && cli_flag(args, "markdown");
    const char *topic = args->n_words > 0 ? args->words[0] : "";
    char name[64];

    (void)snprintf(name, sizeof(name), "%s%s%s", topic,
                   args->n_words > 1 ? " " : "",
                   args->n_words > 1 ? args->words[1] : "");
    const struct cli_command *command = find(name);
    if (topic[0] == '\0') {
        help_all(cli);
    } else if (strcmp(name, "exit-codes") == 0) {
        help_exits(cli);
    } else if (strcmp(name, "config") == 0 && args->command) {
        if (is_markdown) {
            config_markdown(&cli->out);
        } else {
            help_config(cli);
        }
    } else if (strcmp(name, "commands") == 0) {
        if (is_markdown) {
            markdown_commands(cli);
        } else {
            help_all(cli);
        }
    } else if (command) {
        help_command(cli, command);
    } else {
        return help_family(cli, name);
    }
    return CLI_OK;
}

int
cli_version(struct cli *cli, const struct cli_args *args)
{
    bool is_scram_able = false;
    const char *library = bus_kafka_library(&is_scram_able);

    (void)args;
    if (cli->is_json) {
        cli_put_json(cli, json_pack("{s:s, s:s, s:b}", "odradek", CLI_VERSION,
                                    "librdkafka", library, "scram",
                                    (int)is_scram_able));
        return CLI_OK;
    }
    cli_printf(cli, "odradek %s\nlibrdkafka %s%s\n", CLI_VERSION, library,
               is_scram_able ? "" : " (cannot log in to Kafka 4 by SCRAM)");
    return CLI_OK;
}
