#ifndef LANE_PRIV_H
#define LANE_PRIV_H

/*
 * The inside of a lane: the thread's own state (lane.c). Each concept has a
 * header of its own beside it, private like this one.
 */

#include <stdatomic.h>

#include "lane/lane.h"
#include "lane/lane_ack_priv.h"
#include "lane/lane_batch_priv.h"
#include "lane/lane_cache_priv.h"
#include "lane/lane_input_priv.h"
#include "lane/lane_server_priv.h"
#include "lane/lane_shard_priv.h"
#include "lane/lane_step_priv.h"
#include "lane/lane_timer_priv.h"
#include "lane/lane_token_priv.h"

struct lane {
    struct lane_options options;
    struct bus bus;
    struct store store;
    struct lane_stats stats;
    atomic_uint_fast64_t heartbeat;

    struct lane_shard *shards;
    struct lane_cache cache;
    struct lane_batch batch;
    struct odk_arena arena; /**< of the tick */
    struct odk_buf scratch; /**< one record being encoded */
    struct odk_buf headers; /**< likewise its headers */
    struct lane_vec
        unpacked;           /**< struct bus_header: of the record being sent */
    struct lane_vec inputs; /**< struct lane_input */
    struct lane_vec newest; /**< struct lane_definition *: newest versions read
                               in this tick */
    struct lane_vec suspects; /**< struct bus_ack: refused with others */
    struct lane_vec failed;  /**< struct bus_ack: permanently refused outputs */
    struct bus_ack marker;   /**< under way (lane_failover.c); shard -1: none */
    struct lane_vec revoked; /**< struct bus_place: reported by a poll inside a
                                tick, done at the next */
    struct lane_vec assigned; /**< likewise */
    size_t slice_max; /**< inputs a batch now: halves when a value is refused */

    /* Times are monotonic but for wall. */
    odk_time_ms wall; /**< as read in this tick */
    odk_dur_ms wall_read_at;
    odk_dur_ms clock_alarm_at; /**< not before */
    odk_dur_ms server_look_at;
    odk_dur_ms store_retry_at;
    odk_dur_ms store_pause_ms;
    odk_dur_ms flush_at; /**< write `published` then; 0 = nothing to write */
    odk_dur_ms history_noted_at; /**< when the log ends of history were read */

    bool is_clock_off; /**< too far from the server's: nothing is committed */
    bool is_store_down;
    bool is_store_broken; /**< a call told so: its connection is gone */
    bool is_producer_down;
    bool is_marker_told;
    bool is_out_of_range; /**< a place's position is not in its log: acquire
                             again, whose checks say more */
    bool is_polled_aside; /**< in this tick: borrowed records are gone */
    bool is_lost;
};

odk_dur_ms lane_monotonic(const struct lane *lane);
uint64_t lane_random(const struct lane *lane);
void lane_log(const struct lane *lane, enum odk_log_level level,
              const char *event, const char *fmt, ...) ODK_PRINTF(4, 5);
/** A copy in the tick's arena. */
struct odk_str lane_keep(struct lane *lane, struct odk_str s);
/** Takes acks and assignments of a poll inside a tick; its records are dropped
 * and fetched again. */
void lane_poll_aside(struct lane *lane, const struct bus_batch *polled);

/** Takes the result of a call to the store; passes it on. */
static inline int
lane_of_store(struct lane *lane, int rc)
{
    lane->is_store_broken |= rc == ODK_ECONN || rc == ODK_EUNKNOWN_COMMIT;
    return rc;
}

#define LANE_POLL_MS 50
/** Polls aside, at most LANE_POLL_MS; a poll without acks adds that to
 * *idle_ms. ODK_EFATAL: no producer. */
int lane_poll_once(struct lane *lane, odk_dur_ms *idle_ms,
                   struct odk_err *err) ODK_MUST_USE;
/** After a failed call to the store: reconnects (later) and drops every shard.
 */
void lane_store_failed(struct lane *lane, const struct odk_err *err);

#endif
