#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_output.h"

/* The command line of one command: its own flags, those of the configuration,
 * the few that all have, and words. */
struct parse {
    struct cli *cli;
    struct cli_args *args;
    int argc;
    const char *const *argv;
    int at;
    const char *file; /* --config */
    const char *color;
    bool is_help;
};

const char *
cli_flag(const struct cli_args *args, const char *name)
{
    const struct cli_flag *flags = args->command->flags;

    for (size_t i = 0; flags && flags[i].name; i++) {
        if (strcmp(flags[i].name, name) == 0) {
            return args->flags[i];
        }
    }
    odk_assert(!"a flag that the command does not have");
    return NULL;
}

int
cli_number_flag(struct cli *cli, const struct cli_args *args, const char *name,
                int64_t max, int64_t *out)
{
    const char *text = cli_flag(args, name);
    int64_t number = 0;

    if (!text) {
        return CLI_OK;
    }
    if (!odk_str_to_i64(odk_str(text), &number) || number < 1 || number > max) {
        return cli_fail(cli, CLI_USAGE,
                        "--%s: give a whole number from 1 to %lld", name,
                        (long long)max);
    }
    *out = number;
    return CLI_OK;
}

static int
flag_index(const struct cli_command *command, struct odk_str name)
{
    for (int i = 0; command->flags && command->flags[i].name; i++) {
        odk_assert(i < CLI_FLAGS_MAX);
        if (odk_str_is(name, command->flags[i].name)) {
            return i;
        }
    }
    return -1;
}

/* The value behind "=", or the next word. NULL, said: there is none. */
static const char *
take_value(struct parse *parse, struct odk_str name, const char *inline_value)
{
    if (inline_value) {
        return inline_value;
    }
    if (parse->at + 1 < parse->argc) {
        return parse->argv[++parse->at];
    }
    (void)cli_fail(parse->cli, CLI_USAGE, "--%.*s needs a value",
                   ODK_STR_ARG(name));
    return NULL;
}

/* Whether a flag means an option: "kafka-bootstrap", "kafka.bootstrap", and for
 * the command `serve` also "ready-file" for "serve.ready-file". */
static bool
is_flag_of(const struct cli_command *command, enum config_key key,
           struct odk_str name)
{
    struct odk_str dotted = odk_str(config_option(key)->name);
    size_t section = strlen(command->name);
    struct odk_buf flag;

    odk_buf_init(&flag, 0);
    config_flag_name(key, &flag);
    struct odk_str dashed = odk_str_from(odk_buf_str(&flag), 2);
    bool is_same = odk_str_eq(dashed, name) || odk_str_eq(dotted, name) ||
                   (odk_str_starts(dotted, odk_str(command->name)) &&
                    dotted.len > section && dotted.ptr[section] == '.' &&
                    odk_str_eq(odk_str_from(dashed, section + 1), name));
    odk_buf_release(&flag);
    return is_same;
}

static int
option_find(const struct cli_command *command, struct odk_str name)
{
    for (int key = 0; key < CONFIG_KEYS; key++) {
        if (is_flag_of(command, (enum config_key)key, name)) {
            return key;
        }
    }
    return -1;
}

/* "--kafka-bootstrap" to "kafka.bootstrap"; "--kafka.ssl.ca.location" is what
 * it says. */
static int
option_flag(struct parse *parse, struct odk_str name, const char *inline_value)
{
    struct odk_buf where;
    struct odk_err err = {0};
    int key = option_find(parse->args->command, name);

    if (key < 0 && odk_str_find(name, '.') < 0) {
        return cli_fail(parse->cli, CLI_USAGE,
                        "--%.*s: `odradek %s` has no such flag; see `odradek "
                        "help %s`",
                        ODK_STR_ARG(name), parse->args->command->name,
                        parse->args->command->name);
    }
    bool is_switch =
        key >= 0 &&
        config_option((enum config_key)key)->type == CONFIG_TYPE_BOOL &&
        !inline_value;
    const char *value =
        is_switch ? "true" : take_value(parse, name, inline_value);
    if (!value) {
        return CLI_USAGE;
    }
    struct odk_str dotted =
        key >= 0 ? odk_str(config_option((enum config_key)key)->name) : name;
    odk_buf_init(&where, 0);
    odk_buf_printf(&where, "--%.*s", ODK_STR_ARG(name));
    int rc = config_set(parse->cli->config, dotted, odk_str(value),
                        CONFIG_COMMAND_LINE, odk_buf_str(&where).ptr, &err);
    odk_buf_release(&where);
    return rc == 0 ? CLI_OK
                   : cli_fail(parse->cli, CLI_USAGE, "%s", err.message);
}

static int
common_flag(struct parse *parse, struct odk_str name, const char *inline_value,
            bool *is_known)
{
    const char **value = NULL;

    *is_known = true;
    if (odk_str_is(name, "json")) {
        parse->cli->is_json = true;
    } else if (odk_str_is(name, "help")) {
        parse->is_help = true;
    } else if (odk_str_is(name, "config")) {
        value = &parse->file;
    } else if (odk_str_is(name, "color")) {
        value = &parse->color;
    } else {
        *is_known = false;
    }
    if (value) {
        *value = take_value(parse, name, inline_value);
        return *value ? CLI_OK : CLI_USAGE;
    }
    if (*is_known && inline_value) {
        return cli_fail(parse->cli, CLI_USAGE, "--%.*s takes no value",
                        ODK_STR_ARG(name));
    }
    return CLI_OK;
}

static int
parse_flag(struct parse *parse)
{
    struct odk_str name = odk_str_from(odk_str(parse->argv[parse->at]), 2);
    ptrdiff_t equals = odk_str_find(name, '=');
    const char *inline_value = equals < 0 ? NULL : name.ptr + equals + 1;
    bool is_common = false;

    name.len = equals < 0 ? name.len : (size_t)equals;
    int index = flag_index(parse->args->command, name);
    if (index < 0) {
        int code = common_flag(parse, name, inline_value, &is_common);
        return is_common ? code : option_flag(parse, name, inline_value);
    }
    if (parse->args->command->flags[index].value) {
        const char *value = take_value(parse, name, inline_value);
        parse->args->flags[index] = value;
        return value ? CLI_OK : CLI_USAGE;
    }
    parse->args->flags[index] = "";
    return inline_value ? cli_fail(parse->cli, CLI_USAGE,
                                   "--%.*s takes no value", ODK_STR_ARG(name))
                        : CLI_OK;
}

static int
parse_word(struct parse *parse, const char *word)
{
    struct cli_args *args = parse->args;

    if (args->n_words == args->command->words_max ||
        args->n_words == CLI_ARGS_MAX) {
        return cli_fail(parse->cli, CLI_USAGE,
                        "\"%s\" is one word too many; usage: odradek %s %s",
                        word, args->command->name, args->command->usage);
    }
    args->words[args->n_words++] = word;
    return CLI_OK;
}

static int
parse_all(struct parse *parse)
{
    bool is_flags_over = false;
    int code = CLI_OK;

    for (; code == CLI_OK && parse->at < parse->argc; parse->at++) {
        const char *word = parse->argv[parse->at];
        if (is_flags_over || word[0] != '-' || word[1] == '\0') {
            code = parse_word(parse, word);
        } else if (strcmp(word, "--") == 0) {
            is_flags_over = true;
        } else if (strcmp(word, "-h") == 0) {
            parse->is_help = true;
        } else if (word[1] == '-') {
            code = parse_flag(parse);
        } else {
            code = cli_fail(parse->cli, CLI_USAGE,
                            "%s: flags begin with two hyphens", word);
        }
    }
    return code;
}

static const char *
variable(const struct cli *cli, const char *name)
{
    size_t len = strlen(name);

    for (const char *const *line = cli->variables; *line; line++) {
        if (strncmp(*line, name, len) == 0 && (*line)[len] == '=') {
            return *line + len + 1;
        }
    }
    return NULL;
}

static int
choose_color(struct parse *parse)
{
    const char *word = parse->color ? parse->color : "auto";
    const char *off = variable(parse->cli, "NO_COLOR");
    const char *term = variable(parse->cli, "TERM");

    if (strcmp(word, "always") == 0 || strcmp(word, "never") == 0) {
        parse->cli->is_color = word[0] == 'a';
    } else if (strcmp(word, "auto") == 0) {
        parse->cli->is_color = isatty(STDOUT_FILENO) == 1 &&
                               (!off || off[0] == '\0') &&
                               (!term || strcmp(term, "dumb") != 0);
    } else {
        return cli_fail(parse->cli, CLI_USAGE,
                        "--color: give auto, always or never");
    }
    return CLI_OK;
}

static int
load_config(struct parse *parse)
{
    struct cli *cli = parse->cli;
    struct odk_err err = {0};
    const char *file =
        parse->file ? parse->file : variable(cli, "ODRADEK_CONFIG");
    int rc = config_read_environment(cli->config, cli->variables, &err);

    if (rc == 0 && file && file[0] != '\0') {
        cli->config_file = file;
        rc = config_read_file(cli->config, file, &err);
    }
    if (rc == 0) {
        rc = config_finish(cli->config, &err);
    }
    return rc == 0 ? CLI_OK : cli_fail(cli, CLI_USAGE, "%s", err.message);
}

/* The command with the most words that argv begins with. */
static const struct cli_command *
find_command(int argc, const char *const *argv, int *n_words)
{
    size_t n = 0;
    const struct cli_command *commands = cli_commands(&n);
    const struct cli_command *found = NULL;

    for (size_t i = 0; i < n; i++) {
        struct odk_str rest = odk_str(commands[i].name);
        int words = 0;
        while (rest.len > 0 && words < argc) {
            ptrdiff_t space = odk_str_find(rest, ' ');
            struct odk_str word =
                odk_str_n(rest.ptr, space < 0 ? rest.len : (size_t)space);
            if (!odk_str_is(word, argv[words])) {
                break;
            }
            words++;
            rest = odk_str_from(rest, word.len + (space >= 0));
        }
        if (rest.len == 0 && (!found || words > *n_words)) {
            found = &commands[i];
            *n_words = words;
        }
    }
    return found;
}

static int
no_command(struct cli *cli, int argc, const char *const *argv)
{
    size_t n = 0;
    const struct cli_command *commands = cli_commands(&n);
    struct odk_buf family;
    bool is_family = false;

    odk_buf_init(&family, 0);
    for (size_t i = 0; argc > 0 && i < n; i++) {
        struct odk_str word = odk_str(argv[0]);
        if (odk_str_starts(odk_str(commands[i].name), word) &&
            commands[i].name[word.len] == ' ') {
            odk_buf_put_cstr(&family, is_family ? ", " : "");
            odk_buf_put_cstr(&family, commands[i].name + word.len + 1);
            is_family = true;
        }
    }
    int code =
        argc == 0 ? cli_fail(cli, CLI_USAGE,
                             "say what to do; `odradek help` "
                             "lists the commands")
        : is_family
            ? cli_fail(cli, CLI_USAGE, "%s: one of %s must follow", argv[0],
                       odk_buf_str(&family).ptr)
            : cli_fail(cli, CLI_USAGE,
                       "%s: there is no such command; `odradek help` lists "
                       "them",
                       argv[0]);
    odk_buf_release(&family);
    return code;
}

/* "--help" and "--version" alone are commands, too. */
static const char *
first_word(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return "help";
    }
    return strcmp(word, "--version") == 0 ? "version" : word;
}

int
cli_run(struct cli *cli, int argc, const char *const *argv)
{
    struct cli_args args = {0};
    struct parse parse = {.cli = cli, .args = &args};
    const char *first[1] = {argc > 0 ? first_word(argv[0]) : NULL};
    int n_words = 0;

    args.command = argc > 0 && first[0] != argv[0]
                       ? find_command(1, first, &n_words)
                       : find_command(argc, argv, &n_words);
    if (!args.command) {
        return no_command(cli, argc, argv);
    }
    parse.argc = argc;
    parse.argv = argv;
    parse.at = n_words;
    int code = parse_all(&parse);
    if (code == CLI_OK) {
        code = choose_color(&parse);
    }
    if (code == CLI_OK && parse.is_help) {
        struct cli_args help = {.n_words = 1};
        help.words[0] = args.command->name;
        code = cli_help(cli, &help);
        cli_flush(cli);
        return code;
    }
    if (code == CLI_OK && args.n_words < args.command->words_min) {
        code = cli_fail(cli, CLI_USAGE, "usage: odradek %s %s",
                        args.command->name, args.command->usage);
    }
    if (code == CLI_OK) {
        code = load_config(&parse);
    }
    if (code == CLI_OK) {
        code = args.command->run(cli, &args);
    }
    cli_flush(cli);
    return code;
}
