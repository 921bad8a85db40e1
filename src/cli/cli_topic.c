#include "cli/cli_topic.h"

#include "cli/cli_output.h"

#define ASSIGN_MS_MAX 10000
#define SEND_MS_MAX   15000
#define STEP_MS       100

/* The first poll of a bus without a group assigns every partition. */
static int
await_places(struct cli_topic *topic, struct odk_err *err)
{
    odk_time_ms give_up_at = cli_now() + ASSIGN_MS_MAX;
    struct bus_batch batch = {0};

    while (topic->partitions == 0 && cli_now() < give_up_at) {
        int rc = bus_poll(&topic->bus, STEP_MS, &batch, err);
        if (rc != 0 && rc != ODK_ECONN) {
            return rc;
        }
        topic->partitions = rc == 0 ? (int32_t)batch.n_assigned : 0;
    }
    return topic->partitions > 0
               ? 0
               : odk_err_set(err, ODK_ETIMEOUT,
                             "Kafka did not say what partitions %.*s has",
                             ODK_STR_ARG(topic->name));
}

int
cli_topic_open(struct cli_topic *topic, struct cli *cli, const char *name,
               struct odk_err *err)
{
    struct cli_kafka kafka;

    *topic = (struct cli_topic){.cli = cli, .name = odk_str(name)};
    cli_kafka_options(cli->config, &kafka);
    kafka.options.topics = &name;
    kafka.options.n_topics = name ? 1 : 0;
    int rc = bus_kafka_open(&kafka.options, &topic->bus, err);
    if (rc == 0 && name) {
        rc = await_places(topic, err);
        if (rc != 0) {
            bus_close(&topic->bus, false);
        }
    }
    return rc;
}

void
cli_topic_close(struct cli_topic *topic)
{
    bus_close(&topic->bus, false);
}

int
cli_topic_range(struct cli_topic *topic, int32_t partition, int64_t *start,
                int64_t *end, struct odk_err *err)
{
    return bus_log_range(&topic->bus, topic->name, partition, start, end, err);
}

int
cli_topic_start(struct cli_topic *topic, int32_t partition, int64_t offset,
                struct odk_err *err)
{
    return bus_start(&topic->bus, (struct bus_place){0, partition}, offset,
                     err);
}

int
cli_topic_read(struct cli_topic *topic, odk_dur_ms wait_ms,
               struct bus_batch *out, struct odk_err *err)
{
    int rc = bus_poll(&topic->bus, wait_ms, out, err);

    if (rc == ODK_ECONN) {
        *out = (struct bus_batch){0};
        rc = 0;
    }
    return rc;
}

/* ---- sending ---- */

static int
find_partition(struct cli_topic *topic, struct bus_record *record,
               struct odk_err *err)
{
    int32_t partitions = 0;
    int rc = bus_partitions(&topic->bus, record->topic, &partitions, err);

    for (int i = 0; rc == ODK_EAGAIN && i < ASSIGN_MS_MAX / STEP_MS; i++) {
        struct bus_batch batch = {0};
        (void)!bus_poll(&topic->bus, STEP_MS, &batch, NULL);
        rc = bus_partitions(&topic->bus, record->topic, &partitions, err);
    }
    if (rc == 0 && record->partition < 0) {
        record->partition = odk_partition(record->key, partitions);
    }
    if (rc == 0 && record->partition >= partitions) {
        rc = odk_err_set(err, ODK_ENOTFOUND, "%.*s has no partition %d",
                         ODK_STR_ARG(record->topic), (int)record->partition);
    }
    return rc;
}

int
cli_topic_post(struct cli_topic *topic, const struct bus_record *record,
               struct odk_err *err)
{
    struct bus_record sent = *record;

    sent.shard = -1;
    int rc = find_partition(topic, &sent, err);

    return rc ? rc : bus_send(&topic->bus, &sent, err);
}

/* The ack of a refused record comes with the end of its producer. */
int
cli_topic_ack(const struct bus_batch *batch, struct odk_err *err)
{
    if (batch->n_acks > 0 && batch->acks[0].code != 0) {
        return odk_err_set(err, batch->acks[0].code,
                           "the broker refused the record: %s",
                           odk_err_text(batch->acks[0].code));
    }
    if (batch->n_acks == 0 && batch->is_producer_fatal) {
        return odk_err_set(err, ODK_EIO, "the producer failed");
    }
    return batch->n_acks > 0 ? 1 : 0;
}

static int
await_ack(struct cli_topic *topic, struct odk_err *err)
{
    odk_time_ms give_up_at = cli_now() + SEND_MS_MAX;
    struct bus_batch batch = {0};
    int rc = 0;

    while (rc == 0 && cli_now() < give_up_at) {
        rc = cli_topic_read(topic, STEP_MS, &batch, err);
        rc = rc ? rc : cli_topic_ack(&batch, err);
    }
    if (rc == 0) {
        return odk_err_set(err, ODK_ETIMEOUT,
                           "no broker acknowledged the record within %d s",
                           SEND_MS_MAX / 1000);
    }
    return rc > 0 ? 0 : rc;
}

int
cli_topic_send(struct cli_topic *topic, const struct bus_record *record,
               struct odk_err *err)
{
    int rc = cli_topic_post(topic, record, err);

    if (rc == 0) {
        rc = await_ack(topic, err);
    }
    if (rc != 0) {
        /* The next record must not wait behind what came of this one. */
        (void)!bus_producer_reset(&topic->bus, NULL);
    }
    return rc;
}

int
cli_send(struct cli *cli, const struct bus_record *record, struct odk_err *err)
{
    struct cli_topic topic;
    int rc = cli_topic_open(&topic, cli, NULL, err);

    if (rc == 0) {
        rc = cli_topic_send(&topic, record, err);
        cli_topic_close(&topic);
    }
    return rc;
}
