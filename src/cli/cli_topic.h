#ifndef CLI_TOPIC_H
#define CLI_TOPIC_H

/*
 * A topic read by a command, without a group, and the producer beside it: what
 * an operator's commands send, and the answers and dead letters that they read.
 */

#include "bus/bus.h"
#include "cli/cli_connect.h"

struct cli_topic {
    struct cli *cli;
    struct bus bus;
    struct odk_str name;
    int32_t partitions;
};

/** Connects; name must outlive it, NULL: a producer only. */
int cli_topic_open(struct cli_topic *topic, struct cli *cli, const char *name,
                   struct odk_err *err) ODK_MUST_USE;
void cli_topic_close(struct cli_topic *topic);

/** First and next offset of a partition. */
int cli_topic_range(struct cli_topic *topic, int32_t partition, int64_t *start,
                    int64_t *end, struct odk_err *err) ODK_MUST_USE;

/** Begins to read a partition at an offset. */
int cli_topic_start(struct cli_topic *topic, int32_t partition, int64_t offset,
                    struct odk_err *err) ODK_MUST_USE;

/** Waits at most wait_ms for records; those of *out are borrowed until the next
 * call. A broker that is away for a moment brings none. */
int cli_topic_read(struct cli_topic *topic, odk_dur_ms wait_ms,
                   struct bus_batch *out, struct odk_err *err) ODK_MUST_USE;

/** Queues a record without odk headers; its ack, or the end of the producer,
 * comes with cli_topic_read. partition -1: by the key, as every client does. */
int cli_topic_post(struct cli_topic *topic, const struct bus_record *record,
                   struct odk_err *err) ODK_MUST_USE;

/** What a read says of a posted record: 1 the broker has it, 0 not yet, or why
 * it refused. */
int cli_topic_ack(const struct bus_batch *batch,
                  struct odk_err *err) ODK_MUST_USE;

/** Posts and waits until the broker has the record. Records read meanwhile are
 * lost to cli_topic_read. */
int cli_topic_send(struct cli_topic *topic, const struct bus_record *record,
                   struct odk_err *err) ODK_MUST_USE;

/** One record, with a connection of its own. */
int cli_send(struct cli *cli, const struct bus_record *record,
             struct odk_err *err) ODK_MUST_USE;

#endif
