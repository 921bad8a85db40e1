#ifndef LANE_BATCH_PRIV_H
#define LANE_BATCH_PRIV_H

/*
 * The batch under way: one transaction (lane_batch.c).
 */

#include "engine/engine.h"
#include "lane/lane_cache_priv.h"
#include "lane/lane_input_priv.h"
#include "lane/lane_timer_priv.h"

/** A growing array of one type; memory is kept between batches. */
struct lane_vec {
    void *items;
    size_t n;
    size_t size;
};

/** Room for one more item of the given size, zeroed. */
void *lane_vec_push(struct lane_vec *vec, size_t item_bytes);

/** A timer change of the batch, netted: set and dropped within one batch leaves
 * nothing. */
struct lane_timer_change {
    struct odk_map_node node;
    uint8_t key[LANE_TIMER_KEY_BYTES];
    int32_t shard;
    struct store_timer timer;
    bool is_set;  /**< to be inserted */
    bool is_void; /**< set and dropped */
    struct lane_timer_change *next;
};

struct lane_batch {
    struct lane_vec shards;     /**< struct store_shard_move */
    struct lane_vec executions; /**< struct store_execution_write */
    struct lane_vec histories;
    struct lane_vec timers;
    struct lane_vec requests;
    struct lane_vec sources;
    struct lane_vec
        outputs; /**< struct store_output_write, in order of number a shard */
    struct lane_vec parked;
    struct lane_vec parked_drops;   /**< struct store_parked_drop */
    struct lane_vec named;          /**< bool a row of outputs: a HistoryRecord
                                       names it, or it is one */
    struct lane_vec loose_requests; /**< size_t: rows of requests that no
                                       HistoryRecord implies */
    struct lane_vec operated; /**< struct codec_output_operated, of each drop */
    struct lane_vec voids; /**< struct bus_ack: numbers that are not produced */
    struct odk_map timer_changes;
    struct lane_timer_change *first_change;
    /** In this order: of two runs of one workflow id that a batch starts the
     * later one becomes the current one. */
    struct lane_execution *touched;
    struct lane_execution *last_touched;
};

void lane_batch_release(struct lane_batch *batch);
void lane_batch_clear(struct lane_batch *batch);
void lane_batch_timer(struct lane *lane, int32_t shard,
                      const struct odk_uuid *run_id,
                      const struct engine_timer_op *op);

/** Applies inputs (≥ 1) to the batch under way; failed: the one whose step
 * failed, NULL: their load did. */
int lane_apply(struct lane *lane, struct lane_input *inputs, size_t n,
               const struct lane_input **failed,
               struct odk_err *err) ODK_MUST_USE;

/** Applies, commits and publishes inputs (≥ 1); on an error the shards' state
 * in memory is dropped. */
void lane_run(struct lane *lane, struct lane_input *inputs, size_t n);

#endif
