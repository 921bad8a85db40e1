#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

/*
 * From the configuration to connections: the options of bus_kafka and store_pg,
 * filled once, and files of the command line.
 */

#include "bus_kafka/bus_kafka.h"
#include "cli/cli.h"
#include "codec/codec.h"
#include "registry/registry.h"
#include "store_pg/store_pg.h"
#include "store_pg/store_pg_query.h"

/** Storage of what struct bus_kafka_options points to. */
struct cli_kafka {
    struct bus_kafka_options options;
    struct bus_kafka_property properties[CONFIG_PASSED_MAX];
};

/** Fills all that the configuration says; topics, group and instance stay
 * empty. Lives as long as the configuration and out. */
void cli_kafka_options(const struct config *config, struct cli_kafka *out);

/** Appends libpq's string and fills the options; out keeps a pointer into
 * conninfo. */
void cli_postgres_options(const struct config *config, struct odk_buf *conninfo,
                          struct store_pg_options *out);

/** Connects for reading and publishing; says what is wrong. CLI_OK or the exit
 * code. */
int cli_query_open(struct cli *cli, struct store_pg_query **out) ODK_MUST_USE;

/** A codec that writes the configured framing; with a registry it has learnt
 * the ids of our schemas. CLI_OK or the exit code, said. */
int cli_codec_open(struct cli *cli, struct codec **out) ODK_MUST_USE;

/** The same without a word to people. registry, if not NULL, gets the registry
 * for ids to come, or NULL where none is configured; it is the caller's. */
int cli_codec_new(const struct config *config, struct codec **out,
                  struct registry **registry, struct odk_err *err) ODK_MUST_USE;

/** Reads a whole file, "-" = standard input, at most bytes_max. */
int cli_read_file(const char *path, size_t bytes_max, struct odk_buf *out,
                  struct odk_err *err) ODK_MUST_USE;

/** Who publishes: user@host. */
void cli_who(const struct cli *cli, struct odk_buf *out);

#endif
