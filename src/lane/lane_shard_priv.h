#ifndef LANE_SHARD_PRIV_H
#define LANE_SHARD_PRIV_H

/*
 * A shard in memory, and its ownership (lane_shard.c).
 */

#include "lane/lane.h"
#include "lane/lane_timer_priv.h"

/** After a fail-over numbers go on at the next multiple of this: above all that
 * was ever sent (§2). */
#define LANE_SEQ_FLOOR (UINT64_C(1) << 40)

enum lane_place {
    LANE_PLACE_COMMANDS,
    LANE_PLACE_RESULTS,
    LANE_N_PLACES,
};

enum lane_shard_state {
    LANE_SHARD_ACQUIRING,
    LANE_SHARD_OWNED,
    LANE_SHARD_QUARANTINED,
};

/** A watermark of an ordered origin. */
struct lane_source {
    struct odk_map_node node;
    int64_t seq;
    bool is_changed; /**< in the batch under way */
    bool is_named;   /**< a HistoryRecord of the batch has this seq */
    struct lane_source *next_changed;
    char name[];
};

/** The input that PostgreSQL refused on its own: dead-lettered or failed at its
 * next turn. */
struct lane_poison {
    bool is_set;
    int64_t offset;
    struct odk_uuid run_id;
    uint64_t timer_id;
    char text[256];
};

struct lane_shard {
    struct lane_shard *next;
    int32_t id;
    enum lane_shard_state state;
    odk_dur_ms retry_at; /**< monotonic; ACQUIRING: not before */
    odk_dur_ms pause_ms; /**< of the next failure, doubles */

    struct store_shard row;
    odk_dur_ms clock_read_at; /**< monotonic time at which row.clock was read or
                                 written */
    uint64_t published_written;
    bool is_paused;
    bool is_rewind; /**< records were dropped unread: start again at the row's
                       offsets */

    uint64_t acked; /**< all numbers up to here are acknowledged (or parked) */
    uint64_t *ack_bits;  /**< ring of flags for acked + 1 … */
    size_t ack_bits_max; /**< a power of two */

    struct odk_map sources;
    struct lane_source *changed_sources;
    struct lane_timers timers;

    bool is_refused; /**< its last batch was, and is to be halved */
    /** One for each place and one for timers, whose inputs take turns; survive
     * a drop. */
    struct lane_poison poisons[LANE_N_PLACES + 1];

    /* The batch under way. */
    bool is_in_batch;
    int64_t next_offset[LANE_N_PLACES];
    uint64_t outbox_seq;
    size_t n_transitions;
    size_t n_outputs;
    odk_time_ms now;
    odk_dur_ms group_committed_at;
    int64_t group_committed_batch;
    int64_t history_noted_batch;
};

struct lane_shard *lane_shard_find(struct lane *lane, int32_t id);
/** The assignment brought a shard. */
void lane_shard_assign(struct lane *lane, int32_t id);
/** Tries to acquire what waits for it; sets *next_at to the earliest later try.
 */
void lane_shards_acquire(struct lane *lane, odk_dur_ms *next_at);
/** Forgets everything of the shard and acquires it again after a pause. */
void lane_shard_drop(struct lane *lane, struct lane_shard *shard,
                     odk_dur_ms pause_ms);
void lane_shards_drop_all(struct lane *lane);
void lane_shard_revoke(struct lane *lane, int32_t id);
void lane_shard_quarantine(struct lane *lane, struct lane_shard *shard,
                           const char *reason);
/** Quarantines (ODK_EQUARANTINE) a shard of which a number above its last one
 * was found on the broker. */
int lane_shard_check_number(struct lane *lane, struct lane_shard *shard,
                            struct odk_str topic, int32_t partition,
                            uint64_t seq, struct odk_err *err) ODK_MUST_USE;
/** Takes a shard that is being acquired over to another server or timeline
 * (lane_failover.c), or quarantines it. */
int lane_fail_over(struct lane *lane, struct lane_shard *shard,
                   struct odk_err *err) ODK_MUST_USE;
/** Reads its inputs from the offsets of its row on. */
int lane_shard_start(struct lane *lane, const struct lane_shard *shard,
                     struct odk_err *err) ODK_MUST_USE;
/** Reads the next page of timers. */
int lane_shard_timer_page(struct lane *lane, struct lane_shard *shard,
                          struct odk_err *err) ODK_MUST_USE;

#endif
