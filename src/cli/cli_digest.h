#ifndef CLI_DIGEST_H
#define CLI_DIGEST_H

/*
 * A rebuilt database against the live one, by the digests of their shards'
 * tables.
 */

#include "cli/cli.h"
#include "store_pg/store_pg_query.h"

/** Compares with the database that conninfo names and says what differs. CLI_OK
 * when nothing does, CLI_FAILED when something does, else why not, said. */
int cli_digest_compare(struct cli *cli, struct store_pg_query *rebuilt,
                       const char *conninfo) ODK_MUST_USE;

#endif
