#include "rebuild/rebuild_priv.h"

/*
 * Outputs beside the transitions of a batch: refusals, dead letters, forwarded
 * records. Its ShardProgress names them, and none of the inputs. But those lie
 * in the offsets that the batch moved over and that no HistoryRecord of it
 * names; they are done again, and what they put on a partition must be as many
 * as the record has there. Their order among each other is that of their
 * offsets, so the n-th is the n-th.
 */

/** A partition that lacks some of them. */
struct aside {
    const struct codec_output_ref *refs; /**< of the record */
    size_t n_refs;
    struct rebuild_vec outputs; /**< struct store_output: done again */
};

/* ---- the batch ---- */

/* Records of one batch have one time. Two of the same millisecond are taken for
 * one: then there are too many outputs, and they count as lost. */
void
rebuild_batch_note(struct rebuild *rebuild, odk_time_ms at)
{
    if (rebuild->batch_at == at) {
        return;
    }
    rebuild->batch_at = at;
    rebuild->batch_next[0] = rebuild->next.next_command;
    rebuild->batch_next[1] = rebuild->next.next_result;
    rebuild->origins.n = 0;
}

void
rebuild_batch_origin(struct rebuild *rebuild, const struct codec_origin *origin)
{
    struct rebuild_origin *known =
        rebuild_vec_push(&rebuild->origins, sizeof(*known));

    *known = (struct rebuild_origin){
        odk_str_is(origin->topic, LANE_TOPIC_COMMANDS) ? 0 : 1, origin->offset};
}

static bool
is_known(const struct rebuild *rebuild, const struct bus_message *message)
{
    const struct rebuild_origin *origins = rebuild->origins.items;

    for (size_t i = 0; i < rebuild->origins.n; i++) {
        if (origins[i].place == message->topic &&
            origins[i].offset == message->offset) {
            return true;
        }
    }
    return false;
}

/* ---- its inputs ---- */

static int
redo(struct rebuild *rebuild, const struct bus_message *message,
     struct aside *aside, struct odk_err *err)
{
    struct lane_redo_input input = {.shard = rebuild->row.shard,
                                    .message = message,
                                    .now = rebuild->batch_at,
                                    .seq = 1};
    struct lane_redone redone = {0};
    int rc = rebuild_learn(rebuild, message->value, err);

    if (rc != 0) {
        return rc;
    }
    rc = lane_redo(rebuild->redo, &input, &redone, err);

    /* With a transition it is none of these. */
    for (size_t i = 0;
         rc == 0 && redone.n_histories == 0 && i < redone.n_outputs; i++) {
        struct store_output *kept =
            rebuild_vec_push(&aside->outputs, sizeof(*kept));
        *kept = redone.outputs[i].output;
        kept->topic = rebuild_keep(rebuild, kept->topic);
        kept->key = rebuild_keep(rebuild, kept->key);
        kept->value = rebuild_keep(rebuild, kept->value);
        kept->headers = rebuild_keep(rebuild, kept->headers);
    }
    return rc;
}

/** Offsets of an input topic. */
struct range {
    struct bus_place place;
    int64_t next;
    int64_t end;
};

static int
redo_page(struct rebuild *rebuild, const struct bus_batch *batch,
          struct range *range, struct aside *aside, struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->n_messages; i++) {
        const struct bus_message *message = &batch->messages[i];
        if (message->topic != range->place.topic ||
            message->partition != range->place.partition ||
            message->offset < range->next) {
            continue;
        }
        range->next = message->offset + 1;
        if (message->offset < range->end && !is_known(rebuild, message)) {
            rc = redo(rebuild, message, aside, err);
        }
    }
    return rc;
}

/* All inputs of a topic that the batch moved over. */
static int
redo_range(struct rebuild *rebuild, int topic, int64_t end, struct aside *aside,
           struct odk_err *err)
{
    struct range range = {
        {topic, rebuild->row.shard}, rebuild->batch_next[topic], end};
    odk_dur_ms idle_ms = 0;

    if (range.next >= end) {
        return 0;
    }
    int rc = rebuild_bus_ready(rebuild, &rebuild->inputs, err);
    if (rc == 0) {
        rc = bus_start(&rebuild->inputs, range.place, range.next, err);
    }
    while (rc == 0 && range.next < end &&
           idle_ms < rebuild->options.idle_ms_max) {
        struct bus_batch batch = {0};
        rc = bus_poll(&rebuild->inputs, REBUILD_POLL_MS, &batch, err);
        if (rc == 0) {
            rc = redo_page(rebuild, &batch, &range, aside, err);
        }
        idle_ms = batch.n_messages > 0 ? 0 : idle_ms + REBUILD_POLL_MS;
    }
    return rc;
}

/* ---- numbers to outputs ---- */

static bool
is_on(const struct codec_output_ref *ref, const struct store_output *output)
{
    return ref->partition == output->partition &&
           odk_str_eq(ref->topic, output->topic);
}

/* The n-th output that was done again for the partition of the n-th number on
 * it; NULL: there are not as many. */
static const struct store_output *
find_output(const struct aside *aside, size_t at)
{
    const struct store_output *outputs = aside->outputs.items;
    const struct store_output *found = NULL;
    size_t before = 0;
    size_t n_refs = 0;
    size_t n = 0;

    for (size_t i = 0; i < aside->n_refs; i++) {
        bool is_same = aside->refs[i].partition == aside->refs[at].partition &&
                       odk_str_eq(aside->refs[i].topic, aside->refs[at].topic);
        n_refs += is_same;
        before += is_same && i < at;
    }
    for (size_t i = 0; i < aside->outputs.n; i++) {
        if (is_on(&aside->refs[at], &outputs[i])) {
            found = n++ == before ? &outputs[i] : found;
        }
    }
    return n == n_refs ? found : NULL;
}

static int
keep(struct rebuild *rebuild, const struct aside *aside, size_t at,
     struct odk_err *err)
{
    const struct store_output *output = find_output(aside, at);
    struct store_output numbered;

    if (!output) {
        rebuild_output_lost(rebuild, &aside->refs[at]);
        return 0;
    }
    numbered = *output;
    numbered.seq = (uint64_t)aside->refs[at].seq;
    return rebuild_output_keep(rebuild, &numbered, err);
}

static int
keep_lacking(struct rebuild *rebuild, const struct aside *aside,
             struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < aside->n_refs; i++) {
        bool lacks = false;
        rc = rebuild_output_lacks(rebuild, &aside->refs[i], &lacks, err);
        if (rc == 0 && lacks) {
            rc = keep(rebuild, aside, i, err);
        }
    }
    return rc;
}

int
rebuild_outputs_aside(struct rebuild *rebuild,
                      const struct codec_shard_progress *progress,
                      struct odk_err *err)
{
    struct aside aside = {progress->outputs, progress->n_outputs, {0}};
    uint64_t n = 0;
    int rc = rebuild_count_lacking(rebuild, progress->outputs,
                                   progress->n_outputs, &n, err);

    if (rc != 0 || n == 0) {
        return rc;
    }
    rc = rebuild_commit(rebuild, err); /* the store is as the batch left it */
    rc = rc ? rc : redo_range(rebuild, 0, progress->next_command, &aside, err);
    rc = rc ? rc : redo_range(rebuild, 1, progress->next_result, &aside, err);
    if (rc != 0 && rebuild->options.accepts_lost &&
        odk_err_class(rc) != ODK_CLASS_RETRY) {
        rc = 0; /* what is missing is counted */
    }
    rc = rc ? rc : keep_lacking(rebuild, &aside, err);
    rebuild_vec_release(&aside.outputs);
    return rc;
}
