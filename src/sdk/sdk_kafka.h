#ifndef SDK_SDK_KAFKA_H
#define SDK_SDK_KAFKA_H

/*
 * What the SDK needs of Kafka, with librdkafka (API of 2.0.2) behind it: a
 * producer whose acknowledgements are polled, and a consumer whose records,
 * rebalances and commits are polled. Nothing calls up; both write to the wake
 * descriptor (an eventfd) when there is something to poll, and must then be
 * polled until they have no more.
 */

#include "base/base.h"
#include "sdk/sdk_config.h"
#include "sdk/sdk_progress.h"

/** Largest payload record, and what is added for our own fields. */
#define SDK_PAYLOAD_BYTES_MAX ((size_t)1024 * 1024)
#define SDK_RECORD_BYTES_MAX  (SDK_PAYLOAD_BYTES_MAX + (size_t)64 * 1024)
/** Partitions of a topic of cancels. */
#define SDK_SIDE_MAX 16

/** A record to be sent; the key decides on the partition. */
struct sdk_record {
    const char *topic;
    struct odk_str key;
    struct odk_str value;
    struct odk_str traceparent; /**< absent: no such header */
    void *opaque;               /**< comes back with the acknowledgement */
};

/** What became of a record; valid until the next sdk_producer_next. */
struct sdk_ack {
    void *opaque;
    int code; /**< 0; ODK_ETOOBIG, ODK_EAUTH, ODK_ENOTFOUND, ODK_EINVAL: not
                 to be sent like this again; ODK_ETIMEOUT, ODK_EIO: not sent */
    const char *text;
    struct odk_str key;
    struct odk_str value;
    struct odk_str traceparent;
};

struct sdk_producer;

/** Connects within config->connect_timeout_ms. What is sent is retried for
 * retry_ms (0: for ever). ODK_ECONN, ODK_EAUTH, ODK_EINVAL (a property). */
int sdk_producer_open(const struct odradek_config *config, int64_t retry_ms,
                      int wake_fd, struct sdk_producer **out,
                      struct odk_err *err) ODK_MUST_USE;

/** producer may be NULL; what was not acknowledged is dropped. */
void sdk_producer_close(struct sdk_producer *producer);

/** Copies and enqueues; from any thread. ODK_EAGAIN: no room, or being renewed
 * after a fatal error; ODK_ETOOBIG. */
int sdk_producer_send(struct sdk_producer *producer,
                      const struct sdk_record *record,
                      struct odk_err *err) ODK_MUST_USE;

/** The next acknowledgement, or false. One thread. After a fatal error all that
 * was not acknowledged comes back with ODK_EIO and the producer is renewed. */
bool sdk_producer_next(struct sdk_producer *producer, struct sdk_ack *out);

/** Number of records without an acknowledgement. */
size_t sdk_producer_unacked(struct sdk_producer *producer);

/** Number of partitions of a topic. ODK_ENOTFOUND, ODK_ECONN, ODK_EAUTH. */
int sdk_producer_partitions(struct sdk_producer *producer, const char *topic,
                            int64_t timeout_ms, int32_t *out,
                            struct odk_err *err) ODK_MUST_USE;

/** A partition, and a position in it. */
struct sdk_place {
    int32_t partition;
    int64_t offset;          /**< < 0: none */
    struct odk_str metadata; /**< of a commit */
};

enum sdk_event_kind {
    SDK_EVENT_RECORD,
    SDK_EVENT_ASSIGN, /**< answer with sdk_consumer_assign */
    SDK_EVENT_REVOKE, /**< answer with sdk_consumer_unassign */
    SDK_EVENT_COMMIT, /**< what became of the last commit: code */
    SDK_EVENT_ERROR,  /**< code, text: for the log */
};

/** Valid until the next sdk_consumer_next. */
struct sdk_event {
    enum sdk_event_kind kind;
    bool is_side; /**< a record of the side topic */
    int32_t partition;
    int64_t offset;
    odk_time_ms at; /**< the record's time */
    struct odk_str key;
    struct odk_str value;
    struct odk_str traceparent;
    struct sdk_mark mark;           /**< its origin; shard < 0: none */
    const struct sdk_place *places; /**< assigned or revoked */
    size_t n_places;
    int code; /**< 0 or ODK_E*; ODK_EFENCED: close the consumer, another one has
                 its instance id */
    const char *text;
};

struct sdk_consumer;

struct sdk_consumer_options {
    const char *topic;
    const char *group; /**< NULL: no member of a group */
    const char *side;  /**< read whole by every member; NULL: none */
    int wake_fd;
};

/** ODK_EINVAL (a property). Does not wait for a broker. */
int sdk_consumer_open(const struct odradek_config *config,
                      const struct sdk_consumer_options *options,
                      struct sdk_consumer **out,
                      struct odk_err *err) ODK_MUST_USE;

/** Leaves the group; consumer may be NULL. */
void sdk_consumer_close(struct sdk_consumer *consumer);

/** The next event, or false. */
bool sdk_consumer_next(struct sdk_consumer *consumer, struct sdk_event *out);

/** Reads one partition from its end on, which is known when this returns:
 * whatever is written later will be read. Without a group. ODK_ECONN. */
int sdk_consumer_take_end(struct sdk_consumer *consumer, int32_t partition,
                          int64_t timeout_ms, struct odk_err *err) ODK_MUST_USE;

/** Looks up what was committed for the places; their metadata is borrowed until
 * the next call. ODK_ECONN. */
int sdk_consumer_committed(struct sdk_consumer *consumer,
                           struct sdk_place *places, size_t n_places,
                           struct odk_err *err) ODK_MUST_USE;

/** Takes assigned partitions at their offsets (< 0: the earliest). Positive:
 * the side topic begins anew, at its end. */
int sdk_consumer_assign(struct sdk_consumer *consumer,
                        const struct sdk_place *places, size_t n_places,
                        struct odk_err *err) ODK_MUST_USE;

/** Lets revoked partitions go, after the commits before it. */
void sdk_consumer_unassign(struct sdk_consumer *consumer,
                           const struct sdk_place *places, size_t n_places);

/** Whether the group has given our partitions away already. */
bool sdk_consumer_is_lost(struct sdk_consumer *consumer);

/** Commits the places; an SDK_EVENT_COMMIT follows. ODK_EIO. */
int sdk_consumer_commit(struct sdk_consumer *consumer,
                        const struct sdk_place *places, size_t n_places,
                        struct odk_err *err) ODK_MUST_USE;

/** Flow control of a partition; resuming continues at the offset, or leaves it
 * paused: ODK_ECONN, ODK_ETIMEOUT, … */
void sdk_consumer_pause(struct sdk_consumer *consumer, int32_t partition);
int sdk_consumer_resume(struct sdk_consumer *consumer, int32_t partition,
                        int64_t offset, struct odk_err *err) ODK_MUST_USE;

/** Number of partitions of the side topic that are read. */
size_t sdk_consumer_side_count(const struct sdk_consumer *consumer);

/** Reads the side topic again from that time; ends[] gets the offsets at which
 * its partitions end now. ODK_ECONN. */
int sdk_consumer_side_rewind(struct sdk_consumer *consumer, odk_time_ms from,
                             int64_t ends[SDK_SIDE_MAX],
                             struct odk_err *err) ODK_MUST_USE;

#endif
