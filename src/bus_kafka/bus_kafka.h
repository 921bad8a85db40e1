#ifndef BUS_KAFKA_BUS_KAFKA_H
#define BUS_KAFKA_BUS_KAFKA_H

/*
 * The bus on Kafka: the only room that sees librdkafka (API of 2.0.2). It
 * follows exactly-once.md §6 and I7. All work happens in the caller's thread:
 * librdkafka's events are drained by bus_poll, which waits in poll(2).
 *
 * What bus.h leaves open:
 * - bus_poll returns ODK_ECORRUPT once for a place whose offset is out of the
 *   log's range; the place rests until the next bus_start.
 * - bus_poll returns ODK_EFENCED once another process has taken our instance
 *   id: close the bus.
 * - The places of `revoked` are the primary topic's, like those of `assigned`;
 *   its twins go along.
 */

#include "bus/bus.h"

#define BUS_KAFKA_SESSION_MS        10000
#define BUS_KAFKA_HEARTBEAT_MS      500
#define BUS_KAFKA_CONNECT_MS_MAX    10000
#define BUS_KAFKA_BATCH_MAX         2000
#define BUS_KAFKA_QUEUE_RECORDS_MAX 100000
#define BUS_KAFKA_QUEUE_KIB_MAX     65536
/* The most that any topic of Odradek takes, odradek.deadletter; each topic's
 * own bound is its broker's to keep (topics/README.md). */
#define BUS_KAFKA_MESSAGE_BYTES_MAX 1179648

/** A librdkafka property handed through, after ours. The prefixes "consumer."
 * and "producer." limit it to one side. What the protocol rests on (offsets,
 * idempotence, acks, assignor) is refused with ODK_EINVAL. */
struct bus_kafka_property {
    const char *name;
    const char *value;
};

/** A line of librdkafka's log, with syslog's severity; from any thread. */
typedef void (*bus_kafka_log_f)(void *ctx, int severity, const char *facility,
                                const char *text);

/** Zero means the default. Nothing is kept but log and log_ctx. */
struct bus_kafka_options {
    const char *bootstrap;     /**< host:port,… */
    const char *group_id;      /**< NULL: no group; all partitions of topics[0]
                                  are assigned by the first poll */
    const char *instance_id;   /**< NULL: dynamic member */
    const char *client_id;     /**< NULL: "odradek" */
    const char *const *topics; /**< [0] is subscribed, the others are its twins
                                  (same number of partitions) */
    size_t n_topics;           /**< 0: a producer only */
    odk_dur_ms session_ms;
    odk_dur_ms heartbeat_ms;
    odk_dur_ms connect_ms_max; /**< bound of bus_kafka_open */
    int64_t linger_us;         /**< of the producer; 0: send at once */
    size_t batch_max;          /**< messages of one poll */
    size_t queue_records_max;  /**< sent and not yet acknowledged */
    size_t queue_kib_max;      /**< likewise */
    size_t fetch_kib_max; /**< prefetched records; 0: BUS_KAFKA_QUEUE_KIB_MAX */
    size_t message_bytes_max; /**< of a sent record */
    const struct bus_kafka_property *properties;
    size_t n_properties;
    bus_kafka_log_f log; /**< NULL: warnings and worse to standard error */
    void *log_ctx;
};

/**
 * Connects a member and a producer; blocks up to connect_ms_max. Errors:
 * ODK_ECONN (no broker answers), ODK_EAUTH (log-in or TLS refused),
 * ODK_ENOTFOUND (a topic is missing), ODK_ECONFLICT (twins differ in
 * partitions), ODK_EINVAL (a property).
 */
int bus_kafka_open(const struct bus_kafka_options *options, struct bus *out,
                   struct odk_err *err) ODK_MUST_USE;

/** Version of the librdkafka in use, and whether it can log in by SCRAM to
 * Kafka 4 (2.6.1 or newer). */
const char *bus_kafka_library(bool *is_scram_able);

#endif
