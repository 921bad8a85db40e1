#include "lane/lane_priv.h"

/*
 * What an operator decides on a parked output (OperateOutput). Only the owner
 * of the shard may act, so it comes as a command to the shard's partition and
 * takes effect in a fenced transaction: a retry gives the output a new number,
 * since readers have passed the old one, and the parked row goes in the same
 * batch.
 */

bool
lane_is_operated(const struct lane *lane, int32_t shard)
{
    const struct store_parked_drop *drops = lane->batch.parked_drops.items;

    for (size_t i = 0; i < lane->batch.parked_drops.n; i++) {
        if (drops[i].shard == shard) {
            return true;
        }
    }
    return false;
}

void
lane_tell_operated(struct lane *lane, int32_t shard,
                   struct codec_shard_progress *progress)
{
    const struct store_parked_drop *drops = lane->batch.parked_drops.items;
    const struct codec_output_operated *told = lane->batch.operated.items;
    size_t n = lane->batch.parked_drops.n;

    progress->operated =
        odk_arena_calloc(&lane->arena, n, sizeof(*progress->operated));
    odk_assert(progress->operated);
    for (size_t i = 0; i < n; i++) {
        if (drops[i].shard == shard) {
            progress->operated[progress->n_operated++] = told[i];
        }
    }
}

/* Another command of this very batch has decided on it. */
static bool
is_decided(const struct lane *lane, int32_t shard, uint64_t seq)
{
    const struct store_parked_drop *drops = lane->batch.parked_drops.items;

    for (size_t i = 0; i < lane->batch.parked_drops.n; i++) {
        if (drops[i].shard == shard && drops[i].seq == seq) {
            return true;
        }
    }
    return false;
}

static int
find(struct lane *lane, const struct lane_input *input,
     struct store_output *out, struct odk_err *err)
{
    const struct codec_operate_output *operate = &input->record.operate_output;
    int32_t shard = input->shard->id;
    uint64_t seq = (uint64_t)operate->seq;

    if (operate->seq <= 0 || is_decided(lane, shard, seq)) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "shard %d has parked no number %lld", shard,
                           (long long)operate->seq);
    }
    return lane_of_store(
        lane, store_parked(&lane->store, shard, seq, &lane->arena, out, err));
}

static void
drop(struct lane *lane, const struct lane_input *input,
     const struct store_output *output)
{
    const struct codec_operate_output *operate = &input->record.operate_output;
    struct store_parked_drop *row =
        lane_vec_push(&lane->batch.parked_drops, sizeof(*row));

    struct codec_output_operated *told =
        lane_vec_push(&lane->batch.operated, sizeof(*told));

    *row = (struct store_parked_drop){input->shard->id, output->seq};
    *told = (struct codec_output_operated){
        .seq = operate->seq,
        .action = operate->action,
        .reason = lane_keep(lane, operate->reason)};
    lane_log(lane, ODK_LOG_WARN, "output.operated",
             "shard %d, number %llu to %.*s is %s%s%.*s", input->shard->id,
             (unsigned long long)output->seq, ODK_STR_ARG(output->topic),
             operate->action == CODEC_OUTPUT_ACTION_RETRY ? "sent again"
                                                          : "dropped",
             operate->reason.len ? ": " : "", ODK_STR_ARG(operate->reason));
}

int
lane_apply_parked(struct lane *lane, struct lane_input *input,
                  struct odk_err *err)
{
    struct store_output output = {0};
    struct odk_err problem = {0};
    const char *code = "OutputNotFound";
    int rc = find(lane, input, &output, &problem);

    if (rc == 0 &&
        input->record.operate_output.action == CODEC_OUTPUT_ACTION_RETRY) {
        code = "TopicMissing";
        rc = lane_emit_again(lane, input->shard, &output, &problem);
    }
    if (rc == ODK_ENOTFOUND) {
        return lane_answer(lane, input, NULL, code, odk_str(problem.message),
                           err);
    }
    if (rc != 0) {
        return odk_err_set(err, rc, "%s", problem.message);
    }
    drop(lane, input, &output);
    return lane_answer(lane, input, NULL, NULL, (struct odk_str){0}, err);
}
