#ifndef BUS_BUS_MEM_H
#define BUS_BUS_MEM_H

/*
 * The reference of the port: a virtual broker in memory and buses on it. One
 * thread; time is a value that the test sets. It does what the rules need of a
 * broker and no more: topics, partitions, one log each, groups with eager range
 * assignment, group offsets, idempotent producers. bus_poll never waits.
 *
 * The group works like Kafka's: a change of members revokes everybody's
 * partitions; when each member has let go (bus_revoke_done, or it is dropped)
 * the new range assignment is handed out. A static member (instance_id) that
 * opens again within its session gets its partitions back at once.
 */

#include "bus/bus.h"

#define BUS_MEM_MESSAGE_BYTES_MAX 1048576
#define BUS_MEM_BATCH_MAX         1000
#define BUS_MEM_QUEUE_MAX         100000
#define BUS_MEM_SESSION_MS        10000

struct bus_mem_broker;

struct bus_mem_options {
    const char *group_id;      /**< NULL: no group, all partitions of topics[0]
                                  are assigned at once */
    const char *instance_id;   /**< NULL: dynamic member */
    const char *const *topics; /**< [0] is subscribed, the others are its twins
                                  (same number of partitions) */
    size_t n_topics;           /**< 0: a producer only */
    size_t batch_max;          /**< messages of a poll; 0: BUS_MEM_BATCH_MAX */
    size_t queue_max;      /**< records sent and not acked; 0: BUS_MEM_QUEUE_MAX
                            */
    odk_dur_ms session_ms; /**< 0: BUS_MEM_SESSION_MS */
};

/** An empty broker at time 0. */
struct bus_mem_broker *bus_mem_broker_new(void);

/** All buses must be closed or crashed. */
void bus_mem_broker_free(struct bus_mem_broker *broker);

/** The virtual clock (timestamps of records, sessions of crashed members);
 * never goes back. */
void bus_mem_set_time(struct bus_mem_broker *broker, odk_time_ms now);

/** partitions > 0; bytes_max 0: BUS_MEM_MESSAGE_BYTES_MAX. ODK_EEXISTS. */
int bus_mem_topic_create(struct bus_mem_broker *broker, struct odk_str topic,
                         int32_t partitions, size_t bytes_max,
                         struct odk_err *err) ODK_MUST_USE;

/** A foreign client's record: record->shard -1 writes just the given headers.
 * Returns the offset, or ODK_ENOTFOUND or ODK_ETOOBIG. */
int64_t bus_mem_append(struct bus_mem_broker *broker,
                       const struct bus_record *record) ODK_MUST_USE;

/** n offsets without a record, as transaction markers and compaction leave
 * them. The place must exist. */
void bus_mem_append_gap(struct bus_mem_broker *broker, struct odk_str topic,
                        int32_t partition, int64_t n);

/** Retention: drops everything below start. The place must exist. */
void bus_mem_truncate_head(struct bus_mem_broker *broker, struct odk_str topic,
                           int32_t partition, int64_t start);

/** A broker's loss: drops everything at or above end. The place must exist. */
void bus_mem_truncate_tail(struct bus_mem_broker *broker, struct odk_str topic,
                           int32_t partition, int64_t end);

/** Reads the first record at or above offset for a checker; topic is left 0.
 * Borrowed until the log is truncated. False at the end or without such a
 * place. */
bool bus_mem_read(const struct bus_mem_broker *broker, struct odk_str topic,
                  int32_t partition, int64_t offset, struct bus_message *out);

/** What a group has committed for a place, for a checker; -1: nothing. */
int64_t bus_mem_group_offset(const struct bus_mem_broker *broker,
                             const char *group_id, struct odk_str topic,
                             int32_t partition);

/** As kafka-consumer-groups --reset-offsets does: without metadata. The place
 * must exist. */
void bus_mem_group_reset(struct bus_mem_broker *broker, const char *group_id,
                         struct odk_str topic, int32_t partition,
                         int64_t offset);

/** Connects one more bus. The strings of options are copied. ODK_ENOTFOUND: a
 * topic is missing; ODK_ECONFLICT: twins differ in partitions. */
int bus_mem_open(struct bus_mem_broker *broker,
                 const struct bus_mem_options *options, struct bus *out,
                 struct odk_err *err) ODK_MUST_USE;

/* Fault switches. */

/** kill -9: the first n_arriving records in flight are appended, the others
 * are not; the member stays in its group for its session. Frees impl. */
void bus_mem_crash(struct bus *bus, size_t n_arriving);

/** The process was away for longer than its session: the group moves on. Its
 * next poll reports the places as revoked with is_lost, then it joins again. */
void bus_mem_drop_member(struct bus *bus);

/** While held, records stay in flight (neither appended nor acked). */
void bus_mem_hold_sends(struct bus *bus, bool is_held);

/** Appends the first n records in flight although sends are held. */
void bus_mem_deliver(struct bus *bus, size_t n);

/** Records in flight: accepted by bus_send and not appended. */
size_t bus_mem_in_flight(const struct bus *bus);

/** While held, what was appended is not reported. */
void bus_mem_hold_acks(struct bus *bus, bool is_held);

/** Every later record to topic fails for good with code (one of struct
 * bus_ack): its ack tells so and the producer turns fatal, what was sent after
 * it is not acknowledged; 0 heals. The topic must exist. */
void bus_mem_fail_topic(struct bus_mem_broker *broker, struct odk_str topic,
                        int code);

/** The producer turns fatal: in flight and unreported acks are gone, sends fail
 * until bus_producer_reset. */
void bus_mem_producer_fatal(struct bus *bus);

/** While down, every call that needs the broker fails with ODK_ECONN, and
 * nothing is appended, acked or fetched. */
void bus_mem_set_down(struct bus_mem_broker *broker, bool is_down);

#endif
