#include "lane/lane_priv.h"

/*
 * What a batch did beside the transitions of runs: outputs, watermarks,
 * outcomes of commands and operators' decisions that no HistoryRecord of it
 * says. One ShardProgress, the last record of the batch, has them, so that a
 * rebuild misses nothing (protocol.md).
 */

struct codec_output_ref *
lane_output_refs(struct lane *lane, int32_t shard, size_t first, bool is_named,
                 size_t *n)
{
    const struct store_output_write *outputs = lane->batch.outputs.items;
    const bool *named = lane->batch.named.items;
    size_t count = lane->batch.outputs.n - first;
    struct codec_output_ref *refs =
        odk_arena_calloc(&lane->arena, count, sizeof(*refs));

    odk_assert(refs);
    *n = 0;
    for (size_t i = first; i < lane->batch.outputs.n; i++) {
        const struct store_output *output = &outputs[i].output;
        if (outputs[i].shard == shard && named[i] == is_named &&
            !odk_str_is(output->topic, LANE_TOPIC_HISTORY)) {
            refs[(*n)++] =
                (struct codec_output_ref){.topic = output->topic,
                                          .partition = output->partition,
                                          .seq = (int64_t)output->seq};
        }
    }
    return refs;
}

void
lane_source_name(struct lane_shard *shard, const struct codec_source *source)
{
    struct odk_map_node *node = odk_map_find(&shard->sources, source->name);

    if (node) {
        struct lane_source *known =
            ODK_CONTAINER(node, struct lane_source, node);
        known->is_named = known->seq == source->seq;
    }
}

static bool
has_source(const struct lane_shard *shard)
{
    for (const struct lane_source *source = shard->changed_sources; source;
         source = source->next_changed) {
        if (!source->is_named) {
            return true;
        }
    }
    return false;
}

static bool
has_output(const struct lane *lane, int32_t shard)
{
    const struct store_output_write *outputs = lane->batch.outputs.items;
    const bool *named = lane->batch.named.items;

    for (size_t i = 0; i < lane->batch.outputs.n; i++) {
        if (outputs[i].shard == shard && !named[i]) {
            return true;
        }
    }
    return false;
}

static bool
has_request(const struct lane *lane, int32_t shard)
{
    const struct store_request *rows = lane->batch.requests.items;
    const size_t *loose = lane->batch.loose_requests.items;

    for (size_t i = 0; i < lane->batch.loose_requests.n; i++) {
        if (rows[loose[i]].shard == shard) {
            return true;
        }
    }
    return false;
}

bool
lane_has_progress(const struct lane *lane, const struct lane_shard *shard)
{
    return has_source(shard) || has_request(lane, shard->id) ||
           has_output(lane, shard->id) || lane_is_operated(lane, shard->id) ||
           (shard->n_outputs > 0 && shard->n_transitions == 0);
}

/* ---- telling ---- */

static void
tell_sources(struct lane *lane, const struct lane_shard *shard,
             struct codec_shard_progress *progress)
{
    size_t n = 0;

    for (const struct lane_source *source = shard->changed_sources; source;
         source = source->next_changed) {
        n++;
    }
    progress->sources =
        odk_arena_calloc(&lane->arena, n, sizeof(*progress->sources));
    odk_assert(progress->sources);
    for (const struct lane_source *source = shard->changed_sources; source;
         source = source->next_changed) {
        if (!source->is_named) {
            progress->sources[progress->n_sources++] =
                (struct codec_source){source->node.key, source->seq};
        }
    }
}

static struct odk_str
run_text(struct lane *lane, const struct store_request *row)
{
    char text[ODK_UUID_TEXT_LEN + 1];

    if (!row->has_run_id) {
        return (struct odk_str){0};
    }
    odk_uuid_format(&row->run_id, text);
    return lane_keep(lane, odk_str(text));
}

static void
tell_requests(struct lane *lane, int32_t shard,
              struct codec_shard_progress *progress)
{
    const struct store_request *rows = lane->batch.requests.items;
    const size_t *loose = lane->batch.loose_requests.items;
    size_t n = lane->batch.loose_requests.n;

    progress->requests =
        odk_arena_calloc(&lane->arena, n, sizeof(*progress->requests));
    odk_assert(progress->requests);
    for (size_t i = 0; i < n; i++) {
        const struct store_request *row = &rows[loose[i]];
        struct odk_str key = row->workflow_key;
        ptrdiff_t slash = odk_str_find(key, '/');
        if (row->shard != shard) {
            continue;
        }
        odk_assert(slash > 0); /* what is remembered has a good key */
        progress->requests[progress->n_requests++] =
            (struct codec_request_outcome){
                .request_id = row->request_id,
                .namespace = odk_str_n(key.ptr, (size_t)slash),
                .workflow_id = odk_str_from(key, (size_t)slash + 1),
                .digest = odk_str_n(row->digest, sizeof(row->digest)),
                .run_id = run_text(lane, row),
                .code = row->code,
                .message = row->message};
    }
}

void
lane_tell_progress(struct lane *lane, const struct lane_shard *shard,
                   struct codec_shard_progress *progress)
{
    progress->outputs =
        lane_output_refs(lane, shard->id, 0, false, &progress->n_outputs);
    tell_sources(lane, shard, progress);
    tell_requests(lane, shard->id, progress);
    lane_tell_operated(lane, shard->id, progress);
}
