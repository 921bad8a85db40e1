#ifndef CLI_OPERATE_H
#define CLI_OPERATE_H

/*
 * An operator's commands to the owner of a shard, through odradek.commands like
 * every other, and the answers.
 */

#include "cli/cli_topic.h"

struct cli_operate {
    struct cli_topic replies;
    struct codec *codec;
    struct odk_arena arena; /**< of the last answer */
};

/** Connects; CLI_OK or the exit code, said (then there is nothing to close). */
int cli_operate_open(struct cli_operate *operate, struct cli *cli) ODK_MUST_USE;
void cli_operate_close(struct cli_operate *operate);

/** Sends the command to the owner of its shard and waits for the answer, which
 * lives until the next call. Fills its reply address. ODK_ETIMEOUT: none came;
 * Kafka may have the command. */
int cli_operate_output(struct cli_operate *operate,
                       struct codec_operate_output *command,
                       struct codec_reply *out,
                       struct odk_err *err) ODK_MUST_USE;

#endif
