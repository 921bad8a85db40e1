#ifndef LANE_STEP_PRIV_H
#define LANE_STEP_PRIV_H

/*
 * Inputs to engine steps (lane_command.c, lane_result.c) or to what an operator
 * decides (lane_parked.c), and effects to records (lane_output.c).
 */

#include "engine/engine.h"
#include "lane/lane_cache_priv.h"
#include "lane/lane_input_priv.h"

int lane_apply_command(struct lane *lane, struct lane_input *input,
                       struct odk_err *err) ODK_MUST_USE;
/** The outcome of a command, kept under its request id and told to who asked;
 * run_id and code may be NULL. */
int lane_answer(struct lane *lane, struct lane_input *input,
                const struct odk_uuid *run_id, const char *code,
                struct odk_str message, struct odk_err *err) ODK_MUST_USE;
/** An operator's decision on a parked output (lane_parked.c). */
int lane_apply_parked(struct lane *lane, struct lane_input *input,
                      struct odk_err *err) ODK_MUST_USE;
/** Whether the batch holds a decision on an output of the shard. */
bool lane_is_operated(const struct lane *lane, int32_t shard);
/** Adds those decisions to the record of the shard's progress. */
void lane_tell_operated(struct lane *lane, int32_t shard,
                        struct codec_shard_progress *progress);
int lane_apply_result(struct lane *lane, struct lane_input *input,
                      struct odk_err *err) ODK_MUST_USE;
int lane_apply_timer(struct lane *lane, struct lane_input *input,
                     struct odk_err *err) ODK_MUST_USE;
/** Steps an execution and emits what follows. update may be NULL. */
int lane_step(struct lane *lane, struct lane_input *input,
              struct lane_execution *execution, struct engine_input *event,
              struct engine_update *update, struct odk_err *err) ODK_MUST_USE;

int lane_emit_update(struct lane *lane, struct lane_input *input,
                     struct lane_execution *execution,
                     const struct engine_update *update,
                     struct odk_err *err) ODK_MUST_USE;
/** accepted (code NULL) or rejected, to the input's reply address if it has
 * one. */
int lane_emit_reply(struct lane *lane, const struct lane_input *input,
                    const struct odk_uuid *run_id, const char *code,
                    struct odk_str message, struct odk_err *err) ODK_MUST_USE;
/** The closed reply of an execution to one address. */
int lane_emit_closed(struct lane *lane, struct lane_shard *shard,
                     const struct engine *engine,
                     const struct engine_reply_to *to,
                     struct odk_err *err) ODK_MUST_USE;
int lane_emit_deadletter(struct lane *lane, const struct lane_input *input,
                         struct odk_err *err) ODK_MUST_USE;
int lane_emit_forward(struct lane *lane, const struct lane_input *input,
                      struct odk_err *err) ODK_MUST_USE;
/** A parked output under a new number. ODK_ENOTFOUND: its topic is still
 * missing, nothing was done. */
int lane_emit_again(struct lane *lane, struct lane_shard *shard,
                    const struct store_output *output,
                    struct odk_err *err) ODK_MUST_USE;
/** The outputs of this shard in the batch from first on, of those that a
 * HistoryRecord names or of the others, but HistoryRecords themselves. */
struct codec_output_ref *lane_output_refs(struct lane *lane, int32_t shard,
                                          size_t first, bool is_named,
                                          size_t *n);
/** A HistoryRecord of the batch has the watermark of its source. */
void lane_source_name(struct lane_shard *shard,
                      const struct codec_source *source);
/** Whether the batch did something for the shard that no HistoryRecord says. */
bool lane_has_progress(const struct lane *lane, const struct lane_shard *shard);
/** Fills in what that was. */
void lane_tell_progress(struct lane *lane, const struct lane_shard *shard,
                        struct codec_shard_progress *progress);
int lane_emit_progress(struct lane *lane, struct lane_shard *shard,
                       struct odk_err *err) ODK_MUST_USE;

#endif
