#ifndef LANE_LANE_H
#define LANE_LANE_H

/*
 * A lane owns some shards: it consumes their inputs, applies them to
 * executions, commits each batch as one fenced transaction and then publishes
 * the outputs. It sees the ports only, so the simulator runs this very code.
 * The protocol is design/exactly-once.md; section numbers in this room point
 * there.
 *
 *   poll -> decode -> load -> step -> commit -> publish
 *
 * is lane_tick: one thread, no locks. A shard's life:
 *
 *   assigned                acquired, checked, published again
 *   --------> ACQUIRING ----------------------------------------> OWNED
 *              ^  |  ^       fenced, connection lost, rewound      |
 *              |  |  +---------------------------------------------+
 *     released |  | a check failed                                 | revoked
 *              |  v                                                v
 *            QUARANTINED (reason in the shard row)                gone
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "bus/bus.h"
#include "codec/codec.h"
#include "engine/engine.h"
#include "store/store.h"

/** Topics that a lane's bus must be opened with, in this order. */
#define LANE_TOPIC_COMMANDS   "odradek.commands"
#define LANE_TOPIC_RESULTS    "odradek.results"
#define LANE_TOPIC_HISTORY    "odradek.history"
#define LANE_TOPIC_DEADLETTER "odradek.deadletter"
#define LANE_TOPIC_TASKS      "odradek.tasks."
#define LANE_TOPIC_CANCELS    "odradek.cancels."
#define LANE_TOPIC_REPLIES    "odradek.replies."

/** The key of OperateOutput is this and the shard's number, with a slash. */
#define LANE_OUTBOX_NAMESPACE "odradek.outbox"

#define LANE_TOKEN_KEY_BYTES 32

/** Time and chance, as the shell or the simulator gives them. */
struct lane_clock {
    odk_time_ms (*wall)(void *ctx);
    odk_dur_ms (*monotonic)(void *ctx); /**< never goes back; any origin */
    uint64_t (*random)(
        void *ctx); /**< for fences and pauses: must differ between processes */
    void *ctx;
};

struct lane_options {
    struct bus bus;     /**< moved into the lane */
    struct store store; /**< moved into the lane */
    const struct codec *codec;
    struct lane_clock clock;
    struct odk_logger logger;
    struct odk_str owner; /**< who we are, for people: host, process, lane */
    int32_t partitions;   /**< N, the home rule */
    uint8_t token_key[LANE_TOKEN_KEY_BYTES];

    size_t batch_max;       /**< inputs a transaction; 0 = 500 */
    size_t cache_bytes_max; /**< executions kept in memory; 0 = 64 MiB */
    size_t input_bytes_max; /**< larger records are dead letters; 0 = 1 MiB */
    size_t
        record_bytes_max; /**< larger history records are split; 0 = 900,000 */
    uint64_t backlog_max; /**< unacknowledged outputs a shard, then it stops
                             reading; 0 = 100,000 */
    uint64_t queue_max;   /**< unacknowledged outputs that the bus takes: half
                             of them stops the reading; 0 = 100,000 */
    size_t timers_in_memory; /**< a shard; 0 = 4,096 */
    odk_dur_ms drain_ms_max; /**< wait for acks at a revoke; 0 = 5 s */
    struct engine_limits limits;
    int64_t history_events_warn;  /**< the log warns of a longer run;
                                       0 = 25,000 */
    odk_dur_ms task_republish_ms; /**< an attempt without an answer for so long
                                     is sent again: ¾ of the task topics'
                                     retention; 0 = never */
};

/** Counters since the start, and a few gauges. */
struct lane_stats {
    uint64_t inputs;
    uint64_t transitions;
    uint64_t batches;
    uint64_t outputs;
    uint64_t republished;
    uint64_t dead_letters;
    uint64_t rejected;  /**< commands answered with a code */
    uint64_t ignored;   /**< results and timers nobody waits for */
    uint64_t repeats;   /**< dropped by a source watermark or a request id */
    uint64_t forwarded; /**< records for another shard's home */
    uint64_t parked;    /**< outputs that no topic takes */
    uint64_t replies_dropped;
    uint64_t fenced;
    uint64_t store_errors;
    uint64_t producer_resets;
    uint64_t late_effects; /**< a compensatable task succeeded after its run was
                              closed */
    uint64_t shards_owned;
    uint64_t shards_quarantined;
    uint64_t executions_cached;
    uint64_t cache_bytes;
};

/** How the reason of a quarantine ends that odradek.history can mend. */
#define LANE_LOST_COMMITS "the database lost commits"

struct lane;

/** Never fails: memory is the only thing it needs. */
struct lane *lane_new(const struct lane_options *options);

/**
 * One round: waits at most wait_max for something to do, does it. Errors are
 * handled inside (logged, retried); returns false when nothing was done.
 */
bool lane_tick(struct lane *lane, odk_dur_ms wait_max);

/** Makes a waiting tick return; the one call allowed from another thread. */
void lane_wake(struct lane *lane);

/** Drains: waits for acks (bounded), writes `published`, lets the shards go,
 * closes both ports. */
void lane_close(struct lane *lane, bool is_leaving);

/** As if the process were killed: frees memory and the store's connection. The
 * bus is the caller's to end. */
void lane_crash(struct lane *lane);

/** Counters as of the last tick; read them from the lane's own thread. */
const struct lane_stats *lane_stats(const struct lane *lane);

/** Rises with every tick: a watchdog compares it. Safe from another thread. */
uint64_t lane_heartbeat(const struct lane *lane);

#endif
