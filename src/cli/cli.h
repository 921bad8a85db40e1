#ifndef CLI_CLI_H
#define CLI_CLI_H

/*
 * The one binary. A command is a row of a table: its words, flags and help, and
 * the function that does it. Options of room config are flags of every command.
 * Results go to standard output, everything else to standard error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config.h"

#define CLI_FLAGS_MAX 16
#define CLI_ARGS_MAX  256

/** What a process ends with; cli_exit_help says it for people. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_REJECTED = 4,
    CLI_TIMED_OUT = 5,
    CLI_UNAVAILABLE = 6,
    CLI_DENIED = 7,
    CLI_INTERNAL = 70,
};

/** A flag of one command. */
struct cli_flag {
    const char *name;  /**< without "--"; NULL ends a list */
    const char *value; /**< what stands for its value in the help; NULL: none */
    const char *help;
};

struct cli {
    struct config *config;
    const char *const *variables; /**< the environment */
    const char *config_file;      /**< read, NULL: none */
    bool is_json;
    bool is_color;      /**< of standard output */
    struct odk_buf out; /**< standard output, until cli_flush */
};

/** A parsed command line: what a command's function gets. */
struct cli_args {
    const struct cli_command *command;
    const char *flags[CLI_FLAGS_MAX]; /**< by the command's list; NULL: not
                                         given; a switch: "" */
    const char *words[CLI_ARGS_MAX];  /**< what is no flag */
    int n_words;
};

struct cli_command {
    const char *name;     /**< "topics apply" */
    const char *usage;    /**< what follows: "FILE|-" */
    const char *summary;  /**< half a line */
    const char *help;     /**< further sentences; NULL: none */
    const char *examples; /**< lines; NULL: none */
    const struct cli_flag *flags;
    int words_min;
    int words_max;
    /** Returns an enum cli_exit. */
    int (*run)(struct cli *cli, const struct cli_args *args);
};

/** Everything the binary can do, in the order of the help. */
const struct cli_command *cli_commands(size_t *n);

/** Value of a flag of this command, NULL if it was not given; a name that is
 * not in the command's list is a bug. */
const char *cli_flag(const struct cli_args *args, const char *name);

/** Reads a flag's whole number from 1 to max into *out, which stays as it is
 * when the flag was not given. CLI_OK, or CLI_USAGE, said. */
int cli_number_flag(struct cli *cli, const struct cli_args *args,
                    const char *name, int64_t max, int64_t *out) ODK_MUST_USE;

/** Runs one command line; returns the exit code. */
int cli_run(struct cli *cli, int argc, const char *const *argv);

/* ---- the commands' functions, by family ---- */

/** `odradek asl check`. */
int cli_asl_check(struct cli *cli, const struct cli_args *args);
/** `odradek asl eval`. */
int cli_asl_eval(struct cli *cli, const struct cli_args *args);
/** `odradek asl test`. */
int cli_asl_test(struct cli *cli, const struct cli_args *args);
/** `odradek asl test FILE...`. */
int cli_asl_test_files(struct cli *cli, const struct cli_args *args);
/** `odradek asl graph`. */
int cli_asl_graph(struct cli *cli, const struct cli_args *args);
/** `odradek asl fmt`. */
int cli_asl_fmt(struct cli *cli, const struct cli_args *args);
/** `odradek binding list`. */
int cli_binding_list(struct cli *cli, const struct cli_args *args);
/** `odradek binding publish`. */
int cli_binding_publish(struct cli *cli, const struct cli_args *args);
/** `odradek binding reset`. */
int cli_binding_reset(struct cli *cli, const struct cli_args *args);
/** `odradek binding show`. */
int cli_binding_show(struct cli *cli, const struct cli_args *args);
/** `odradek config`. */
int cli_config(struct cli *cli, const struct cli_args *args);
/** `odradek db migrate`. */
int cli_db_migrate(struct cli *cli, const struct cli_args *args);
/** `odradek db token-key`. */
int cli_db_token_key(struct cli *cli, const struct cli_args *args);
/** `odradek db retention`. */
int cli_db_retention(struct cli *cli, const struct cli_args *args);
/** `odradek db status`. */
int cli_db_status(struct cli *cli, const struct cli_args *args);
/** `odradek definition list`. */
int cli_definition_list(struct cli *cli, const struct cli_args *args);
/** `odradek definition publish`. */
int cli_definition_publish(struct cli *cli, const struct cli_args *args);
/** `odradek definition show`. */
int cli_definition_show(struct cli *cli, const struct cli_args *args);
/** `odradek doctor`. */
int cli_doctor(struct cli *cli, const struct cli_args *args);
/** `odradek help`. */
int cli_help(struct cli *cli, const struct cli_args *args);
/** `odradek jsonata`. */
int cli_jsonata(struct cli *cli, const struct cli_args *args);
/** `odradek rebuild`. */
int cli_rebuild(struct cli *cli, const struct cli_args *args);
/** `odradek shards`. */
int cli_shards(struct cli *cli, const struct cli_args *args);
/** `odradek shards release`. */
int cli_shards_release(struct cli *cli, const struct cli_args *args);
/** `odradek shards repair`. */
int cli_shards_repair(struct cli *cli, const struct cli_args *args);
/** `odradek serve`. */
int cli_serve(struct cli *cli, const struct cli_args *args);
/** `odradek topics apply`. */
int cli_topics_apply(struct cli *cli, const struct cli_args *args);
/** `odradek topics diff`. */
int cli_topics_diff(struct cli *cli, const struct cli_args *args);
/** `odradek version`. */
int cli_version(struct cli *cli, const struct cli_args *args);

#endif
