#ifndef BUS_BUS_H
#define BUS_BUS_H

/*
 * The port to the record log (Kafka). One bus = one consumer-group member plus
 * one idempotent producer, used from one thread: the lane's, or that of a
 * binding reader. It is polled and never calls up; what happened (records,
 * assignments, acknowledgements) comes back from bus_poll. Rules:
 * exactly-once.md §2, §3 (I7) and §6. Implementations: bus_mem (reference, this
 * folder) and bus_kafka (ring 4), both held to tests/contract/bus.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct bus_header {
    struct odk_str name;
    struct odk_str value;
};

/** One consumed record; borrowed until the next bus_poll. */
struct bus_message {
    int topic; /**< index into the options' topics */
    int32_t partition;
    int64_t offset;
    odk_time_ms timestamp;
    struct odk_str key;   /**< ptr NULL: no key */
    struct odk_str value; /**< ptr NULL: tombstone */
    const struct bus_header *headers;
    size_t n_headers;
};

/** A partition of a topic of ours, by index. */
struct bus_place {
    int topic;
    int32_t partition;
};

/** The fate of one sent record. */
struct bus_ack {
    int32_t shard;
    uint64_t seq;
    int code; /**< 0, or the permanent reason: ODK_ENOTFOUND (topic), ODK_EAUTH,
                 ODK_ETOOBIG, ODK_EREFUSED */
};

/** What one poll brought; arrays are borrowed until the next poll. */
struct bus_batch {
    const struct bus_message *messages;
    size_t n_messages;
    const struct bus_place *assigned; /**< primary topic's partitions, paused:
                                         start each with bus_start */
    size_t n_assigned;
    const struct bus_place
        *revoked; /**< stop them, then call bus_revoke_done */
    size_t n_revoked;
    bool is_lost; /**< revoked without a chance to finish: the group moved on
                     (no commit is possible) */
    const struct bus_ack *acks;
    size_t n_acks;
    bool is_producer_fatal; /**< call bus_producer_reset, then send again from
                               acked + 1 (I7) */
};

/** A record to produce; everything is copied by bus_send. */
struct bus_record {
    int32_t shard; /**< header odk-shard and the ack; -1: no odk headers (seq is
                      only echoed in the ack) */
    uint64_t seq;  /**< header odk-seq */
    struct odk_str topic;
    int32_t partition;
    struct odk_str key; /**< ptr NULL: none */
    struct odk_str value;
    const struct bus_header *headers; /**< before odk-shard and odk-seq */
    size_t n_headers;
};

/** Highest odk-seq of one shard seen by bus_scan. */
struct bus_scan {
    uint64_t seq_max;    /**< 0: none seen */
    uint64_t marker_max; /**< likewise of records without a value, which
                            seq_max leaves out: markers of a fail-over */
    int64_t offset_next; /**< where the scan ended */
};

struct bus;

struct bus_ops {
    void (*close)(struct bus *bus, bool is_leaving);
    int (*poll)(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
                struct odk_err *err);
    void (*wake)(struct bus *bus);
    int (*start)(struct bus *bus, struct bus_place place, int64_t offset,
                 struct odk_err *err);
    int (*pause)(struct bus *bus, struct bus_place place, bool is_paused,
                 struct odk_err *err);
    int (*revoke_done)(struct bus *bus, struct odk_err *err);
    int (*send)(struct bus *bus, const struct bus_record *record,
                struct odk_err *err);
    int (*producer_reset)(struct bus *bus, struct odk_err *err);
    int (*partitions)(struct bus *bus, struct odk_str topic, int32_t *out,
                      struct odk_err *err);
    int (*topics)(struct bus *bus, struct odk_str prefix,
                  struct odk_arena *arena, const struct odk_str **out,
                  size_t *n, struct odk_err *err);
    int (*log_range)(struct bus *bus, struct odk_str topic, int32_t partition,
                     int64_t *start, int64_t *end, struct odk_err *err);
    int (*offset_at)(struct bus *bus, struct odk_str topic, int32_t partition,
                     odk_time_ms at, int64_t *offset, struct odk_err *err);
    int (*scan)(struct bus *bus, struct odk_str topic, int32_t partition,
                int32_t shard, int64_t offset, struct bus_scan *out,
                struct odk_err *err);
    int (*group_offset)(struct bus *bus, struct bus_place place,
                        int64_t *offset, struct odk_buf *metadata,
                        struct odk_err *err);
    int (*commit_offset)(struct bus *bus, struct bus_place place,
                         int64_t offset, struct odk_str metadata,
                         struct odk_err *err);
};

struct bus {
    const struct bus_ops *ops;
    void *impl;
};

/** Ends the member. is_leaving: a static member leaves the group too (stop for
 * good). Frees impl. */
void bus_close(struct bus *bus, bool is_leaving);

/**
 * Waits until something happened or wait_max passed; blocks at most that long.
 * Returns at once with whatever is ready, at most the options' batch size of
 * messages. Nothing of a place arrives before its bus_start, nor below the
 * offset given there, nor after its revocation was reported. Errors: ODK_ECONN,
 * ODK_EAUTH (log-in refused), ODK_EIO; the bus stays usable.
 */
int bus_poll(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
             struct odk_err *err) ODK_MUST_USE;

/** Makes a running or the next bus_poll return soon. The only call allowed from
 * another thread. */
void bus_wake(struct bus *bus);

/** Begins (or begins again) to consume an assigned place at offset. */
int bus_start(struct bus *bus, struct bus_place place, int64_t offset,
              struct odk_err *err) ODK_MUST_USE;

/** Flow control of a started place. Fetched records may still arrive in the
 * poll under way only. */
int bus_pause(struct bus *bus, struct bus_place place, bool is_paused,
              struct odk_err *err) ODK_MUST_USE;

/** The revoked places of the last poll are let go. */
int bus_revoke_done(struct bus *bus, struct odk_err *err) ODK_MUST_USE;

/**
 * Queues one record; per (topic, partition) records are appended in the order
 * of calls, without gaps. Every accepted record is acknowledged exactly once by
 * some later bus_poll, or the producer turns fatal. Errors: ODK_EAGAIN (queue
 * full: poll, then again), ODK_EFATAL (bus_producer_reset first), permanent
 * ones as in struct bus_ack.
 */
int bus_send(struct bus *bus, const struct bus_record *record,
             struct odk_err *err) ODK_MUST_USE;

/** A new producer. What was queued is dropped without acks; nothing of it is
 * sent after the return. */
int bus_producer_reset(struct bus *bus, struct odk_err *err) ODK_MUST_USE;

/** Number of partitions from cached metadata. ODK_ENOTFOUND: no such topic;
 * ODK_EAGAIN: not known yet. */
int bus_partitions(struct bus *bus, struct odk_str topic, int32_t *out,
                   struct odk_err *err) ODK_MUST_USE;

/** Names of the broker's topics that begin with prefix, as of the call, in
 * arena (ODK_ELIMIT: its cap). Blocks up to 10 s. */
int bus_topics(struct bus *bus, struct odk_str prefix, struct odk_arena *arena,
               const struct odk_str **out, size_t *n,
               struct odk_err *err) ODK_MUST_USE;

/** First offset kept and the offset after the last (read-committed end). Blocks
 * up to 10 s. */
int bus_log_range(struct bus *bus, struct odk_str topic, int32_t partition,
                  int64_t *start, int64_t *end,
                  struct odk_err *err) ODK_MUST_USE;

/** Offset of the first record of the time `at` or a later one; the log's end
 * when there is none. Blocks up to 10 s. */
int bus_offset_at(struct bus *bus, struct odk_str topic, int32_t partition,
                  odk_time_ms at, int64_t *offset,
                  struct odk_err *err) ODK_MUST_USE;

/** Highest odk-seq of `shard` from offset (clamped to the log's start) to the
 * end as of the call. Blocks. */
int bus_scan(struct bus *bus, struct odk_str topic, int32_t partition,
             int32_t shard, int64_t offset, struct bus_scan *out,
             struct odk_err *err) ODK_MUST_USE;

/** The group's committed offset and its metadata; offset -1 when there is none.
 */
int bus_group_offset(struct bus *bus, struct bus_place place, int64_t *offset,
                     struct odk_buf *metadata,
                     struct odk_err *err) ODK_MUST_USE;

/** Commits a group offset, asynchronously for lag monitors and bindings; a
 * later poll reports nothing. */
int bus_commit_offset(struct bus *bus, struct bus_place place, int64_t offset,
                      struct odk_str metadata,
                      struct odk_err *err) ODK_MUST_USE;

#endif
