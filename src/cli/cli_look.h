#ifndef CLI_LOOK_H
#define CLI_LOOK_H

/*
 * Commands that look at executions: they read the database and write nothing.
 */

#include "cli/cli_output.h"
#include "store_pg/store_pg_query.h"

/** One execution with the connection that found it. */
struct cli_look {
    struct cli *cli;
    struct store_pg_query *query;
    struct odk_arena arena;
    struct store_pg_execution row;
};

/** Connects and finds the run of words[0] (--run or the current one); CLI_OK or
 * the exit code, said. To be closed in any case. */
int cli_look_open(struct cli_look *look, struct cli *cli,
                  const struct cli_args *args) ODK_MUST_USE;
void cli_look_close(struct cli_look *look);

/** A list of what the database holds: its connection, what was read, and the
 * table. */
struct cli_listing {
    struct cli *cli;
    struct store_pg_query *query;
    struct odk_arena arena;
    struct cli_table table;
};

/** Connects and begins a table of n words; CLI_OK or the exit code, said (then
 * there is nothing to close). */
int cli_listing_open(struct cli_listing *list, struct cli *cli,
                     const char *const *words, size_t n) ODK_MUST_USE;
/** Prints the table and ends the list; unless code says a failure, people read
 * the note (NULL: none). Returns code. */
int cli_listing_close(struct cli_listing *list, int code, const char *note);

/** The colour of a status. */
enum cli_style cli_status_style(int status);

/** What engine_describe says of the row's state: a new reference, or NULL,
 * said. */
json_t *cli_look_state(struct cli_look *look);

/** `odradek describe`. */
int cli_describe(struct cli *cli, const struct cli_args *args);
/** `odradek maprun list`. */
int cli_map_run_list(struct cli *cli, const struct cli_args *args);
/** `odradek maprun describe`. */
int cli_map_run_describe(struct cli *cli, const struct cli_args *args);
/** Adds rows of a table of Map Runs, as engine_describe shows them. */
void cli_map_runs_put(struct cli *cli, const json_t *runs);
/** `odradek history`. */
int cli_history(struct cli *cli, const struct cli_args *args);
/** `odradek list`. */
int cli_list(struct cli *cli, const struct cli_args *args);
/** `odradek offsets`. */
int cli_offsets(struct cli *cli, const struct cli_args *args);
/** `odradek offsets reset`. */
int cli_offsets_reset(struct cli *cli, const struct cli_args *args);
/** `odradek parked list`. */
int cli_parked_list(struct cli *cli, const struct cli_args *args);
/** `odradek parked show`. */
int cli_parked_show(struct cli *cli, const struct cli_args *args);
/** `odradek parked retry`. */
int cli_parked_retry(struct cli *cli, const struct cli_args *args);
/** `odradek parked drop`. */
int cli_parked_drop(struct cli *cli, const struct cli_args *args);
/** `odradek result`. */
int cli_result(struct cli *cli, const struct cli_args *args);

#endif
