#ifndef CLI_RECORD_H
#define CLI_RECORD_H

/*
 * A record of a topic as people and programs see it: headers, key, bytes.
 */

#include "bus/bus.h"
#include "cli/cli_output.h"

/** Writes a record's headers, key and value for people: text where it is text,
 * else a hex dump. */
void cli_record_print(struct cli *cli, const struct bus_record *record);

/** Adds "key", "headers" and "value" to an object; what is no text has the
 * suffix "_hex" and is hex. */
void cli_record_json(json_t *object, const struct bus_record *record);

/** What a list shows of a key: itself, or hex where it is no text. */
void cli_record_key(struct odk_str key, struct odk_buf *out);

/** Parses "3/17": a partition or shard and a number. */
bool cli_place_parse(const char *text, int32_t *partition, int64_t *number);

#endif
