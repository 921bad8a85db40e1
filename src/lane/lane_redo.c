#include "lane/lane_redo.h"

#include <stdlib.h>

#include "lane/lane_priv.h"

/** A lane without a life of its own. */
struct lane_redo {
    struct lane *lane;
};

/* The shard's clock is the input's: nothing is ever later than it. */
static odk_time_ms
never(void *ctx)
{
    (void)ctx;
    return 0;
}

struct lane_redo *
lane_redo_new(const struct lane_options *options)
{
    struct lane_redo *redo = calloc(1, sizeof(*redo));
    struct lane_options own = *options;

    if (!redo) {
        odk_out_of_memory();
    }
    own.clock = (struct lane_clock){.wall = never, .monotonic = never};
    redo->lane = lane_new(&own);
    return redo;
}

void
lane_redo_free(struct lane_redo *redo)
{
    if (redo) {
        redo->lane->store = (struct store){0};
        lane_crash(redo->lane);
        free(redo);
    }
}

static struct lane_shard *
shard_as_then(struct lane *lane, const struct lane_redo_input *input)
{
    lane_shard_revoke(lane, input->shard);
    lane_shard_assign(lane, input->shard);
    struct lane_shard *shard = lane_shard_find(lane, input->shard);
    shard->state = LANE_SHARD_OWNED;
    shard->row.shard = input->shard;
    shard->row.clock = input->now;
    shard->row.outbox_seq = input->seq - 1;
    shard->timers.is_complete = true;
    return shard;
}

static void
input_as_then(struct lane *lane, struct lane_shard *shard,
              const struct lane_redo_input *input, struct lane_input *out)
{
    if (input->message) {
        lane_input_read(lane, shard, input->message, out);
    } else {
        lane_timers_set(&shard->timers, &input->timer);
        lane_input_timer(shard, lane_timers_next(&shard->timers), out);
    }
    if (out->kind == LANE_INPUT_RECORD &&
        out->record.kind == CODEC_START_WORKFLOW &&
        input->definition_version > 0) {
        /* The newest version then is not the newest any more. */
        out->record.start_workflow.has_definition_version = true;
        out->record.start_workflow.definition_version =
            input->definition_version;
    }
}

int
lane_redo(struct lane_redo *redo, const struct lane_redo_input *input,
          struct lane_redone *out, struct odk_err *err)
{
    struct lane *lane = redo->lane;
    const struct lane_input *failed = NULL;
    struct lane_input again;

    odk_assert(input->seq > 0);
    lane->options.task_republish_ms = input->task_republish_ms;
    lane_batch_clear(&lane->batch);
    odk_arena_reset(&lane->arena);
    lane->newest.n = 0;
    struct lane_shard *shard = shard_as_then(lane, input);
    input_as_then(lane, shard, input, &again);
    int rc = lane_apply(lane, &again, 1, &failed, err);
    *out = (struct lane_redone){
        .outputs = lane->batch.outputs.items,
        .n_outputs = rc == 0 ? lane->batch.outputs.n : 0,
        .histories = lane->batch.histories.items,
        .n_histories = rc == 0 ? lane->batch.histories.n : 0,
    };
    return rc;
}
