#ifndef LANE_SERVER_PRIV_H
#define LANE_SERVER_PRIV_H

/*
 * What the lane has to know of the database's server (lane_server.c): that its
 * clock and ours agree (I10), and that it is still the one the shards were
 * acquired from. The wall clock is read once a tick and carried from there, so
 * that a step of it cannot part what was decided from what is committed.
 */

#include "lane/lane_shard_priv.h"

/** Reads the wall clock: at the start of every tick. */
void lane_wall_read(struct lane *lane);
/** The wall clock of this tick, carried to now. */
odk_time_ms lane_wall(const struct lane *lane);

/** Time of the shard: never behind what was written, nor behind the wall clock;
 * ahead of the wall clock it goes at half speed until that has caught up. */
odk_time_ms lane_shard_now(const struct lane *lane,
                           const struct lane_shard *shard);

/** ODK_ESKEW (and the lane commits nothing until they agree again) when our
 * clock is too far from the server's. */
int lane_check_clock(struct lane *lane, odk_time_ms server_time,
                     struct odk_err *err) ODK_MUST_USE;

/** Commits the batch under our clock. ODK_ESKEW as above. */
int lane_commit(struct lane *lane, struct store_batch *batch,
                struct odk_err *err) ODK_MUST_USE;

/** Asks the server now and then who it is and what time it has: shards of
 * another one, or of a time that is not ours, are dropped. */
void lane_watch_server(struct lane *lane, odk_dur_ms *next_at);

#endif
