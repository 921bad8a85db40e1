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

/** The colour of a status. */
enum cli_style cli_status_style(int status);

/** What engine_describe says of the row's state: a new reference, or NULL,
 * said. */
json_t *cli_look_state(struct cli_look *look);

/** `odradek describe`. */
int cli_describe(struct cli *cli, const struct cli_args *args);
/** `odradek history`. */
int cli_history(struct cli *cli, const struct cli_args *args);
/** `odradek list`. */
int cli_list(struct cli *cli, const struct cli_args *args);
/** `odradek parked`. */
int cli_parked(struct cli *cli, const struct cli_args *args);
/** `odradek result`. */
int cli_result(struct cli *cli, const struct cli_args *args);
/** `odradek shards`. */
int cli_shards(struct cli *cli, const struct cli_args *args);
/** `odradek shard release`. */
int cli_shard_release(struct cli *cli, const struct cli_args *args);

#endif
