#ifndef BUS_KAFKA_BUS_KAFKA_PRIV_H
#define BUS_KAFKA_BUS_KAFKA_PRIV_H

/*
 * Inside of the bus on Kafka: one librdkafka consumer, one producer, and what
 * we believe about the partitions. Everything runs in the caller's thread but
 * the log function.
 */

#include <librdkafka/rdkafka.h>

#include "bus_kafka/bus_kafka.h"

#define KAFKA_MAGIC 0x6b616662U

/** A blocking question to the broker (bus.h: up to 10 s). */
#define KAFKA_ASK_MS_MAX 10000
/** A look at a topic's metadata from bus_send or bus_partitions. */
#define KAFKA_METADATA_MS_MAX 500
/** A count of partitions is asked for again after this time. */
#define KAFKA_METADATA_AGE_MS 60000
/** A missing topic is asked for again after this time. */
#define KAFKA_MISSING_AGE_MS 1000
/** After a question without an answer, none is asked for this time. */
#define KAFKA_METADATA_REST_MS 5000
/** Names come from outside (reply topics); at the bound the cache starts anew.
 */
#define KAFKA_TOPICS_MAX 4096
/** A failed producer is reported once the delivery report that names the cause
 * is there, at most this time later. */
#define KAFKA_CAUSE_MS_MAX 500
/** Between two assignments of librdkafka; a start waits so long at most. */
#define KAFKA_ASSIGN_GAP_MS 50
/** How long a close waits for the group to let us go. */
#define KAFKA_LEAVE_MS_MAX 5000

/** Which client a configuration is for. */
enum kafka_side {
    KAFKA_CONSUMER = 1, /**< the member of the group */
    KAFKA_PRODUCER = 2,
    KAFKA_READER = 4, /**< of a scan */
    KAFKA_ADMIN = 8,
};

/** Where librdkafka's log lines go; outlives its clients. */
struct kafka_sink {
    bus_kafka_log_f log;
    void *ctx;
};

/** A sent record until its delivery report; or a link of the free list. */
struct kafka_sent {
    struct kafka_sent *next_free;
    int32_t shard;
    uint64_t seq;
};

/** What is known of a topic that we write to or ask about. */
struct kafka_topic {
    struct odk_map_node node;
    char *name;
    int32_t n_partitions;    /**< 0: does not exist */
    int error;               /**< reason of 0, an ODK_E* */
    int64_t checked_ms;      /**< monotonic */
    rd_kafka_topic_t *write; /**< handle of the present producer, or NULL */
};

struct kafka_place {
    bool is_assigned;
    bool is_started;
    bool is_paused;
    bool is_stale; /**< a record was dropped while paused: resume by seeking */
    int64_t next;  /**< everything below is old */
};

struct kafka_bus {
    uint32_t magic;
    struct kafka_sink sink;
    char *bootstrap;
    char *group_id; /**< NULL: none */
    char *instance_id;
    int event_fd; /**< both queues write to it */
    int wake_fd;

    rd_kafka_t *consumer;
    rd_kafka_queue_t *consumer_queue;
    rd_kafka_conf_t *reader_conf; /**< to be copied for each scan */
    char **topics;
    size_t n_topics;
    struct kafka_place *places; /**< [topic * n_partitions + partition] */
    int64_t assigned_ms;        /**< when librdkafka was given an assignment */
    int32_t n_partitions;
    bool is_dirty;           /**< librdkafka's assignment is not ours yet */
    bool is_revoking;        /**< reported, waits for bus_revoke_done */
    bool is_fenced;          /**< our instance id has another owner */
    rd_kafka_event_t *held;  /**< a rebalance that waits for the next poll */
    struct odk_err trouble;  /**< to be returned by a poll; code 0: none */
    bool is_consumer_behind; /**< the queue was not drained */

    rd_kafka_t *producer;
    rd_kafka_queue_t *producer_queue;
    rd_kafka_conf_t *producer_conf; /**< to be copied for each producer */
    struct kafka_sent *sent;
    struct kafka_sent *sent_free;
    size_t sent_max;
    int64_t fatal_ms;       /**< monotonic time of a failure; 0: none */
    bool is_producer_fatal; /**< to be reported */

    struct odk_map known; /**< struct kafka_topic by name */
    int64_t rest_until_ms;

    /* The batch of the last poll. */
    size_t batch_max;
    rd_kafka_event_t **events;
    struct bus_message *messages;
    size_t n_messages;
    struct bus_header *headers;
    size_t n_headers;
    size_t headers_size;
    struct bus_ack *acks;
    size_t n_acks;
    struct bus_place *listed; /**< assigned or revoked */
    size_t n_listed;
    bool is_assigned_new;
    bool is_revoked_new;
    bool is_lost;
};

struct kafka_bus *kafka_bus(const struct bus *bus);
int64_t kafka_now_ms(void);
void *kafka_calloc(size_t n, size_t bytes);
char *kafka_strdup(const char *text);

/* bus_kafka_conf.c */

/** A configuration with everything the rules want, then the options'
 * properties. */
int kafka_conf_new(const struct bus_kafka_options *options,
                   enum kafka_side side, struct kafka_sink *sink,
                   rd_kafka_conf_t **out, struct odk_err *err) ODK_MUST_USE;
/** Takes the configuration. */
int kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t **conf,
                     rd_kafka_t **out, struct odk_err *err) ODK_MUST_USE;
/** Waits until a broker answers; log-in failures end it at once. */
int kafka_connect(rd_kafka_t *client, const char *bootstrap, odk_dur_ms ms_max,
                  struct odk_err *err) ODK_MUST_USE;
/** Our code of a librdkafka or broker error. */
int kafka_code(rd_kafka_resp_err_t error);
/** Partitions of one topic, asked of the broker. ODK_ENOTFOUND, ODK_EAUTH,
 * ODK_EAGAIN (no answer yet). */
int kafka_topic_ask(rd_kafka_t *client, const char *name, int ms_max,
                    int32_t *n_partitions, struct odk_err *err) ODK_MUST_USE;
/** First and next offset of a partition, asked of its leader as it is now. */
rd_kafka_resp_err_t kafka_range_ask(rd_kafka_t *client, const char *topic,
                                    int32_t partition, int64_t *start,
                                    int64_t *end, int ms_max) ODK_MUST_USE;
void kafka_note(const struct kafka_sink *sink, int severity, const char *text);

/* bus_kafka_places.c */

/** Room for n partitions of each topic; keeps what is known. */
void kafka_places_fit(struct kafka_bus *kafka, int32_t n_partitions);
struct kafka_place *kafka_place(const struct kafka_bus *kafka,
                                struct bus_place place);
int kafka_start(struct bus *bus, struct bus_place place, int64_t offset,
                struct odk_err *err) ODK_MUST_USE;
int kafka_pause(struct bus *bus, struct bus_place place, bool is_paused,
                struct odk_err *err) ODK_MUST_USE;
int kafka_revoke_done(struct bus *bus, struct odk_err *err) ODK_MUST_USE;
/** Brings librdkafka's assignment in line with ours. */
int kafka_places_sync(struct kafka_bus *kafka,
                      struct odk_err *err) ODK_MUST_USE;
/** Takes in a rebalance event; fills the batch's listed places. */
void kafka_rebalance(struct kafka_bus *kafka, rd_kafka_event_t *event);
/** Assigns all partitions of the primary topic: no group. */
void kafka_assign_all(struct kafka_bus *kafka);
/** Index of a topic of ours by name, or -1. */
int kafka_topic_index(const struct kafka_bus *kafka, const char *name);

/* bus_kafka_poll.c */

int kafka_poll(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
               struct odk_err *err) ODK_MUST_USE;
void kafka_wake(struct bus *bus);
/** Ends the borrow of the last batch. */
void kafka_batch_release(struct kafka_bus *kafka);

/* bus_kafka_send.c */

int kafka_send(struct bus *bus, const struct bus_record *record,
               struct odk_err *err) ODK_MUST_USE;
int kafka_producer_open(struct kafka_bus *kafka,
                        struct odk_err *err) ODK_MUST_USE;
void kafka_producer_close(struct kafka_bus *kafka);
int kafka_producer_reset(struct bus *bus, struct odk_err *err) ODK_MUST_USE;
/** Turns delivery reports into acks and notes errors. */
void kafka_producer_drain(struct kafka_bus *kafka);

/* bus_kafka_ask.c */

int kafka_known(struct kafka_bus *kafka, struct odk_str name,
                struct kafka_topic **out, struct odk_err *err) ODK_MUST_USE;
/** Asks again before the topic is used next. */
void kafka_known_doubt(struct kafka_bus *kafka, const char *name);
/** Forgets the handles of a producer that ends; the topics are asked for anew.
 */
void kafka_known_unhandle(struct kafka_bus *kafka);
void kafka_known_release(struct kafka_bus *kafka);
int kafka_partitions(struct bus *bus, struct odk_str topic, int32_t *out,
                     struct odk_err *err) ODK_MUST_USE;
int kafka_topics(struct bus *bus, struct odk_str prefix,
                 struct odk_arena *arena, const struct odk_str **out, size_t *n,
                 struct odk_err *err) ODK_MUST_USE;
int kafka_offset_at(struct bus *bus, struct odk_str topic, int32_t partition,
                    odk_time_ms at, int64_t *offset,
                    struct odk_err *err) ODK_MUST_USE;
int kafka_log_range(struct bus *bus, struct odk_str topic, int32_t partition,
                    int64_t *start, int64_t *end,
                    struct odk_err *err) ODK_MUST_USE;
int kafka_scan(struct bus *bus, struct odk_str topic, int32_t partition,
               int32_t shard, int64_t offset, struct bus_scan *out,
               struct odk_err *err) ODK_MUST_USE;
int kafka_group_offset(struct bus *bus, struct bus_place place, int64_t *offset,
                       struct odk_buf *metadata,
                       struct odk_err *err) ODK_MUST_USE;
int kafka_commit_offset(struct bus *bus, struct bus_place place, int64_t offset,
                        struct odk_str metadata,
                        struct odk_err *err) ODK_MUST_USE;

#endif
