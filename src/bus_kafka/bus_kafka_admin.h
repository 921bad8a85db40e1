#ifndef BUS_KAFKA_BUS_KAFKA_ADMIN_H
#define BUS_KAFKA_BUS_KAFKA_ADMIN_H

/*
 * Topics, their settings, the ends of their logs and the offsets of groups, for
 * `odradek topics`, `offsets`, `doctor` and the tests. Each call connects,
 * asks, and disconnects; of the options it takes bootstrap, client_id,
 * connect_ms_max (the bound of the whole call), properties and log. Errors:
 * ODK_ECONN, ODK_EAUTH, ODK_ETIMEOUT, and those named below.
 */

#include "bus_kafka/bus_kafka.h"

/** A setting of a topic as the broker names it. */
struct bus_kafka_config {
    struct odk_str name;
    struct odk_str value; /**< ptr NULL: withheld by the broker */
    bool is_default;      /**< not set on the topic itself */
};

struct bus_kafka_topic {
    struct odk_str name;
    bool is_found;       /**< only set by describe */
    int32_t partitions;  /**< > 0 for create */
    int32_t replication; /**< of partition 0; 0 for create: the broker's
                            default */
    const struct bus_kafka_config *configs; /**< for create: those to set */
    size_t n_configs;
};

/** Describes the named topics, in order, with all their settings; missing ones
 * are not found. Everything is in the arena. ODK_ELIMIT. */
int bus_kafka_topics_describe(const struct bus_kafka_options *options,
                              const struct odk_str *names, size_t n_names,
                              struct odk_arena *arena,
                              struct bus_kafka_topic **out,
                              struct odk_err *err) ODK_MUST_USE;

/** Names of all topics that we may see. ODK_ELIMIT. */
int bus_kafka_topics_list(const struct bus_kafka_options *options,
                          struct odk_arena *arena, struct odk_str **names,
                          size_t *n_names, struct odk_err *err) ODK_MUST_USE;

/** Creates all, and waits until each partition has a leader. ODK_EEXISTS,
 * ODK_EINVAL, ODK_EAUTH: the first that failed, the others were tried. */
int bus_kafka_topics_create(const struct bus_kafka_options *options,
                            const struct bus_kafka_topic *topics,
                            size_t n_topics, struct odk_err *err) ODK_MUST_USE;

/** Deletes all. ODK_ENOTFOUND, ODK_EAUTH: as above. */
int bus_kafka_topics_delete(const struct bus_kafka_options *options,
                            const struct odk_str *names, size_t n_names,
                            struct odk_err *err) ODK_MUST_USE;

/** Sets the given settings of one topic and keeps its others. */
int bus_kafka_topic_configure(const struct bus_kafka_options *options,
                              const struct bus_kafka_topic *topic,
                              struct odk_err *err) ODK_MUST_USE;

/** Adds partitions up to topic->partitions. */
int bus_kafka_topic_grow(const struct bus_kafka_options *options,
                         const struct bus_kafka_topic *topic,
                         struct odk_err *err) ODK_MUST_USE;

/** First and next offset of each partition of a topic. */
struct bus_kafka_range {
    int64_t start;
    int64_t end;
};

/** Ranges of all partitions, in order, in the arena. ODK_ENOTFOUND. */
int bus_kafka_topic_ranges(const struct bus_kafka_options *options,
                           struct odk_str topic, struct odk_arena *arena,
                           struct bus_kafka_range **out, size_t *n_out,
                           struct odk_err *err) ODK_MUST_USE;

/** A group's committed offset of a partition. */
struct bus_kafka_committed {
    int64_t offset;          /**< -1: none */
    struct odk_str metadata; /**< may be empty */
};

/** What a group has committed for the partitions 0 to n - 1 of a topic, in
 * order, in the arena. ODK_ELIMIT. */
int bus_kafka_group_offsets(const struct bus_kafka_options *options,
                            const char *group, struct odk_str topic, int32_t n,
                            struct odk_arena *arena,
                            struct bus_kafka_committed **out,
                            struct odk_err *err) ODK_MUST_USE;

#endif
