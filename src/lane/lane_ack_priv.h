#ifndef LANE_ACK_PRIV_H
#define LANE_ACK_PRIV_H

/*
 * What the broker has (lane_ack.c).
 */

#include "lane/lane_shard_priv.h"

void lane_ack_init(struct lane_shard *shard);
/** Numbers up to shard->row.outbox_seq are under way. */
void lane_ack_mark(struct lane_shard *shard, uint64_t seq);
/** Numbers above after, up to seq, are void: nothing is ever produced under
 * them. */
void lane_ack_void(struct lane_shard *shard, uint64_t after, uint64_t seq);
/** Takes the acks of a poll. */
void lane_acks(struct lane *lane, const struct bus_batch *polled);
/** Sends (after, row.outbox_seq] of the shard again, from the store. */
int lane_republish(struct lane *lane, struct lane_shard *shard,
                   struct odk_err *err) ODK_MUST_USE;
/** History and commands: a hole in them cannot be mended, so the shard stops.
 */
bool lane_is_never_parked(struct odk_str topic);
/** After a new producer: sends what was refused, and all before it, one by one;
 * parks what fails alone. */
int lane_republish_suspects(struct lane *lane,
                            struct odk_err *err) ODK_MUST_USE;
/** The same for every shard that is owned: a new producer has nothing of them.
 */
int lane_republish_owned(struct lane *lane, struct odk_err *err) ODK_MUST_USE;
/** Sends one record, waiting for room in the producer. */
int lane_produce(struct lane *lane, int32_t shard,
                 const struct store_output *output,
                 struct odk_err *err) ODK_MUST_USE;
/** Sends one output; one that is refused for good is kept, to be parked. */
int lane_send(struct lane *lane, int32_t shard,
              const struct store_output *output,
              struct odk_err *err) ODK_MUST_USE;
/** Writes `published` of the shards where it lags, in one transaction. */
int lane_flush_published(struct lane *lane, struct odk_err *err) ODK_MUST_USE;
/** The same for one shard that is being acquired. */
int lane_flush_shard(struct lane *lane, struct lane_shard *shard,
                     struct odk_err *err) ODK_MUST_USE;

#endif
