#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

/*
 * Commands that ask something of a workflow, and the flags they share with
 * those that look at one.
 */

#include "cli/cli.h"

/** Reads a duration flag into *out, which stays as it is when the flag was not
 * given. CLI_OK, or CLI_USAGE, said. */
int cli_duration_flag(struct cli *cli, const struct cli_args *args,
                      const char *name, int64_t *out) ODK_MUST_USE;

int cli_start(struct cli *cli, const struct cli_args *args);
int cli_signal(struct cli *cli, const struct cli_args *args);
int cli_cancel(struct cli *cli, const struct cli_args *args);
int cli_terminate(struct cli *cli, const struct cli_args *args);
int cli_saga_retry(struct cli *cli, const struct cli_args *args);
int cli_saga_skip(struct cli *cli, const struct cli_args *args);
int cli_saga_complete(struct cli *cli, const struct cli_args *args);

#endif
