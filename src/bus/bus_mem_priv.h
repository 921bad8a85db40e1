#ifndef BUS_BUS_MEM_PRIV_H
#define BUS_BUS_MEM_PRIV_H

/*
 * Inside of the virtual broker: logs (bus_mem_broker.c), groups
 * (bus_mem_group.c) and the buses on it (bus_mem.c).
 */

#include "bus/bus_mem.h"

#define MEM_BROKER_MAGIC 0x6d62726bU
#define MEM_BUS_MAGIC    0x6d627573U

/** A stored record; all its bytes follow it in one allocation. */
struct mem_record {
    int64_t offset;
    odk_time_ms timestamp;
    struct odk_str key;
    struct odk_str value;
    struct bus_header *headers;
    size_t n_headers;
};

struct mem_log {
    struct mem_record **records; /**< ascending offsets */
    size_t n_records;
    size_t size;
    int64_t start;
    int64_t end;
};

struct mem_topic {
    char *name;
    int32_t n_partitions;
    size_t bytes_max;
    int fail_code;
    struct mem_log *logs;
};

/** Where a member stands in a rebalance. */
enum mem_revoke {
    MEM_REVOKE_NONE,
    MEM_REVOKE_DUE,      /**< the next poll reports it */
    MEM_REVOKE_REPORTED, /**< waits for bus_revoke_done */
};

struct mem_member {
    char *instance_id;   /**< NULL: dynamic */
    size_t topic;        /**< subscribed, index in the broker */
    struct mem_bus *bus; /**< NULL: its process is gone */
    odk_time_ms expires; /**< of a gone one */
    int32_t first;       /**< range of partitions owned */
    int32_t n_owned;
};

struct mem_offset {
    size_t topic;
    int32_t partition;
    int64_t offset;
    struct odk_buf metadata;
};

struct mem_group {
    char *id;
    struct mem_member **members; /**< in the order of joining */
    size_t n_members;
    bool is_rebalancing;
    struct mem_offset *offsets;
    size_t n_offsets;
};

struct bus_mem_broker {
    uint32_t magic;
    odk_time_ms now;
    bool is_down;
    struct mem_topic *topics;
    size_t n_topics;
    struct mem_group **groups;
    size_t n_groups;
    size_t n_buses;
};

/** A record between bus_send and the log. */
struct mem_flight {
    struct mem_record *record;
    size_t topic;
    int32_t partition;
    struct bus_ack ack;
};

struct mem_place {
    bool is_started;
    bool is_paused;
    int64_t next;
};

struct mem_bus {
    uint32_t magic;
    struct bus_mem_broker *broker;
    struct mem_group *group;   /**< NULL: none */
    struct mem_member *member; /**< NULL: not joined */
    char *instance_id;
    odk_dur_ms session_ms;
    size_t *topics; /**< indexes in the broker */
    size_t n_topics;
    int32_t n_partitions;
    struct mem_place *places; /**< topic-major */
    size_t turn;              /**< place that the next poll reads first */

    bool is_fenced;
    bool is_lost;
    bool has_assignment; /**< to be reported */
    enum mem_revoke revoke;
    int32_t first; /**< what we believe to own */
    int32_t n_owned;

    struct mem_flight *flights;
    size_t n_flights;
    struct bus_ack *acks; /**< appended, to be reported */
    size_t n_acks;
    size_t queue_max;
    bool is_holding_sends;
    bool is_holding_acks;
    bool is_fatal;

    size_t batch_max;
    struct bus_message *out_messages;
    struct bus_ack *out_acks;
    struct bus_place *out_places;
};

/** Grows an array of n objects by one and returns its new last, zeroed. */
void *mem_grow(void **array, size_t n, size_t object_bytes);
void *mem_calloc(size_t n, size_t object_bytes);
char *mem_strdup(const char *text);

/** Index of the topic, or -1. */
ptrdiff_t mem_topic_find(const struct bus_mem_broker *broker,
                         struct odk_str name);
struct mem_log *mem_log_find(const struct bus_mem_broker *broker,
                             struct odk_str topic, int32_t partition);
struct mem_record *mem_record_new(const struct bus_record *from);
size_t mem_record_bytes(const struct bus_record *from);
/** Takes the record. */
int64_t mem_log_append(struct mem_log *log, struct mem_record *record,
                       odk_time_ms now);
/** Index of the first record at or above offset. */
size_t mem_log_seek(const struct mem_log *log, int64_t offset);

struct mem_group *mem_group_get(struct bus_mem_broker *broker, const char *id);
void mem_group_free(struct mem_group *group);
void mem_group_join(struct mem_group *group, struct mem_bus *bus);
/** The member leaves for good. */
void mem_group_leave(struct mem_group *group, struct mem_member *member);
/** The member's process is gone; it stays until its session ends. */
void mem_group_abandon(struct mem_group *group, struct mem_member *member,
                       odk_time_ms expires);
/** Hands out the partitions once every member has let go. */
void mem_group_settle(struct mem_group *group);
void mem_group_expire(struct mem_group *group, odk_time_ms now);
struct mem_offset *mem_group_offset(struct mem_group *group, size_t topic,
                                    int32_t partition);

#endif
