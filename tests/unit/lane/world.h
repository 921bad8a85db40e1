#ifndef TESTS_LANE_WORLD_H
#define TESTS_LANE_WORLD_H

/*
 * A broker, a database and lanes in memory, on a clock that the test sets:
 * enough of a world to lose commits, acknowledgements and owners in.
 */

#include "bus/bus_mem.h"
#include "codec/codec.h"
#include "lane/lane.h"
#include "store/store_mem.h"

#define WORLD_PARTITIONS 4
#define WORLD_LANES      2

struct world {
    struct bus_mem_broker *broker;
    struct store_mem_db *db;
    struct codec *codec;
    odk_time_ms now;
    size_t queue_max;        /**< of the lanes' producers; 0: default */
    odk_dur_ms clock_off_ms; /**< of the lanes' wall clocks */
    uint64_t random;
    int64_t history_events_warn; /**< of lanes that are opened; 0: default */
    struct lane *lanes[WORLD_LANES];
    struct bus buses[WORLD_LANES]; /**< copies, for the fault switches */
    struct store stores[WORLD_LANES];
    struct odk_buf scratch;
    struct odk_arena arena;
    char log[16384]; /**< event names, one a line */
};

void world_init(struct world *world);
void world_release(struct world *world);

/** Opens lane number i and ticks until it owns something or nothing more
 * happens. */
void world_open(struct world *world, int i);
/** kill -9: of what is in flight the first n_arriving records reach the broker.
 */
void world_kill(struct world *world, int i, size_t n_arriving);

/** Ticks all lanes until nothing happens any more. */
void world_settle(struct world *world);
/** Moves the clock and settles. */
void world_pass(struct world *world, odk_dur_ms ms);

/** Appends a record to odradek.commands, on its home shard. */
void world_send(struct world *world, enum codec_kind kind, const void *record,
                struct odk_str namespace_, struct odk_str workflow_id);
/** A StartWorkflow of definition "work" in namespace "default", with a reply
 * address. */
void world_start(struct world *world, const char *workflow_id,
                 const char *request_id);
/** Appends raw bytes. */
void world_append(struct world *world, const char *topic, int32_t partition,
                  struct odk_str key, struct odk_str value);

/**
 * The records of a topic as a reader with a watermark a (shard, partition) sees
 * them: repeats dropped. Returns how many there are of the kind, and decodes
 * number `index` of them into *out if it exists.
 */
size_t world_read(struct world *world, const char *topic, enum codec_kind kind,
                  size_t index, struct codec_record *out);

/** Replies of a kind on the default reply topic. */
size_t world_replies(struct world *world, enum codec_reply_kind kind);
/** Records of a topic with repeats. */
size_t world_count_raw(const struct world *world, const char *topic);
/** The value of a header of the last record of a topic; ptr NULL: absent. */
struct odk_str world_last_header(const struct world *world, const char *topic,
                                 const char *name);

/** Says that task number index was begun. */
void world_started(struct world *world, size_t index);
/** Answers task number index with success. */
void world_succeed(struct world *world, size_t index, const char *output);

/** How often an event was logged. */
size_t world_logged(const struct world *world, const char *event);

#endif
