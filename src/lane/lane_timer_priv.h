#ifndef LANE_TIMER_PRIV_H
#define LANE_TIMER_PRIV_H

/*
 * The next timers of a shard in memory (lane_timer.c).
 */

#include "base/base.h"
#include "engine/engine.h"
#include "store/store.h"

#define LANE_TIMER_KEY_BYTES 24

/** One timer in memory. */
struct lane_timer {
    struct odk_map_node node; /**< key: run id and timer id */
    uint8_t key[LANE_TIMER_KEY_BYTES];
    struct store_timer timer;
    size_t heap_index;
    bool is_firing; /**< taken into the batch under way */
};

/** The next timers of a shard; those beyond the horizon are only in the store.
 */
struct lane_timers {
    struct lane_timer **heap;
    size_t n;
    size_t size;
    struct odk_map by_key;
    size_t max;
    bool is_complete;           /**< the store has none beyond the heap */
    struct store_timer horizon; /**< else: all up to here are in the heap */
};

void lane_timers_init(struct lane_timers *timers, size_t max);
void lane_timers_release(struct lane_timers *timers);
/** A page read from the store, in order; is_last: there are no more. */
void lane_timers_add_page(struct lane_timers *timers,
                          const struct store_timer *page, size_t n,
                          bool is_last);
/** A committed change. */
void lane_timers_set(struct lane_timers *timers,
                     const struct store_timer *timer);
void lane_timers_drop(struct lane_timers *timers, const struct odk_uuid *run_id,
                      uint64_t id);
/** The next one that is not firing, or NULL. */
struct lane_timer *lane_timers_next(struct lane_timers *timers);
/** Takes a due timer out of the queue until it is dropped or the shard is
 * dropped. */
void lane_timers_fire(struct lane_timers *timers, struct lane_timer *timer);
/** Puts one that was fired back, unless it was dropped meanwhile. */
void lane_timers_return(struct lane_timers *timers,
                        const struct odk_uuid *run_id, uint64_t id);
/** Whether it is there, firing or not. */
bool lane_timers_has(const struct lane_timers *timers,
                     const struct odk_uuid *run_id, uint64_t id);
/** The store has more timers and the heap ran low. */
bool lane_timers_wants_page(const struct lane_timers *timers);

#endif
