#ifndef CLI_PUBLISH_H
#define CLI_PUBLISH_H

/*
 * What definitions and bindings share: names, and the record that tells the
 * world (topic odradek.definitions).
 */

#include "cli/cli.h"
#include "codec/codec.h"

#define CLI_NAME_BYTES_MAX 80

/** Letters, digits, dot, hyphen, underscore; at most CLI_NAME_BYTES_MAX. */
bool cli_name_is_valid(struct odk_str name);

/** Encodes a record and writes it to odradek.definitions under key; CLI_OK or
 * the exit code, said. */
int cli_announce(struct cli *cli, enum codec_kind kind, const void *record,
                 struct odk_str key) ODK_MUST_USE;

#endif
