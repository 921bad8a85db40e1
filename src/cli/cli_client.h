#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

/*
 * Commands that ask something of a workflow, and the flags they share with
 * those that look at one.
 */

#include "cli/cli.h"
#include "sdk/odradek.h"

/** Tells the SDK what the configuration says of Kafka; why as its own. */
int cli_sdk_options(const struct config *config, struct odradek_config *options,
                    char *why) ODK_MUST_USE;
/** The exit code of an error of the SDK. */
enum cli_exit cli_exit_of_sdk(int rc);

/** Reads a duration flag into *out, which stays as it is when the flag was not
 * given. CLI_OK, or CLI_USAGE, said. */
int cli_duration_flag(struct cli *cli, const struct cli_args *args,
                      const char *name, int64_t *out) ODK_MUST_USE;

/** `odradek start`. */
int cli_start(struct cli *cli, const struct cli_args *args);
/** `odradek signal`. */
int cli_signal(struct cli *cli, const struct cli_args *args);
/** `odradek cancel`. */
int cli_cancel(struct cli *cli, const struct cli_args *args);
/** `odradek terminate`. */
int cli_terminate(struct cli *cli, const struct cli_args *args);
/** `odradek saga retry`. */
int cli_saga_retry(struct cli *cli, const struct cli_args *args);
/** `odradek saga skip`. */
int cli_saga_skip(struct cli *cli, const struct cli_args *args);
/** `odradek saga complete`. */
int cli_saga_complete(struct cli *cli, const struct cli_args *args);

#endif
