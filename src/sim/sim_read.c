#include <stdio.h>

#include "bus/bus_origin.h"
#include "sim/sim_priv.h"

/*
 * A reader with a watermark a (shard, partition), of every topic: it must see
 * each committed output exactly once and in order, and nothing that was not
 * committed.
 */

/* Numbers from here on, at multiples of it, are markers of a fail-over. */
#define MARKER (UINT64_C(1) << 40)

static void
topic_add(struct sim *sim, const char *name, int32_t partitions,
          void (*seen)(struct sim *, const struct bus_message *,
                       const struct codec_record *))
{
    struct sim_topic *topic = &sim->topics[sim->n_topics++];

    odk_assert(sim->n_topics <= SIM_TOPICS_MAX);
    odk_assert(partitions <= SIM_PARTITIONS_MAX);
    (void)snprintf(topic->name, sizeof(topic->name), "%s", name);
    topic->partitions = partitions;
    topic->seen = seen;
    int rc =
        bus_mem_topic_create(sim->broker, odk_str(name), partitions, 0, NULL);
    odk_assert(rc == 0);
}

void
sim_read_topics(struct sim *sim)
{
    int32_t n = sim->profile.partitions;

    topic_add(sim, LANE_TOPIC_COMMANDS, n, NULL);
    topic_add(sim, LANE_TOPIC_RESULTS, n, NULL);
    topic_add(sim, LANE_TOPIC_HISTORY, n, sim_history_seen);
    topic_add(sim, LANE_TOPIC_DEADLETTER, 1, sim_deadletter_seen);
    topic_add(sim, SIM_TOPIC_TASKS, 2, sim_task_seen);
    topic_add(sim, SIM_TOPIC_CANCELS, 1, sim_cancel_seen);
    topic_add(sim, "odradek.replies.default", 2, sim_reply_seen);
    topic_add(sim, "odradek.replies.flaky", 1, sim_reply_seen);
}

int
sim_topic_find(const struct sim *sim, struct odk_str name)
{
    for (int i = 0; i < sim->n_topics; i++) {
        if (odk_str_is(name, sim->topics[i].name)) {
            return i;
        }
    }
    return -1;
}

/* What lies between the mark and this number was for this place, too, but was
 * passed over. */
static void
mark_move(struct sim *sim, int32_t shard, int topic, int32_t partition,
          uint64_t seq)
{
    const struct sim_vec *outputs = &sim->shards[shard].outputs;
    struct sim_mark *mark = &sim->topics[topic].marks[partition][shard];
    const struct sim_output *all = outputs->items;

    for (; mark->at < outputs->n && all[mark->at].seq < seq; mark->at++) {
        if (all[mark->at].topic == topic &&
            all[mark->at].partition == partition && !all[mark->at].is_void &&
            !all[mark->at].is_seen) {
            sim_fail(sim, SIM_CHECK_GAPLESS,
                     "%s/%d: a reader passes from number %llu of shard %d to "
                     "%llu and never sees %llu",
                     sim->topics[topic].name, partition,
                     (unsigned long long)mark->seq, shard,
                     (unsigned long long)seq,
                     (unsigned long long)all[mark->at].seq);
        }
    }
    mark->seq = seq;
}

static bool
is_marker(const struct bus_message *message, uint64_t seq)
{
    return !message->value.ptr && seq % MARKER == 0;
}

/* A record that Odradek wrote, against what was committed under its number. */
static struct sim_output *
output_check(struct sim *sim, int topic, const struct bus_message *message,
             int32_t shard, uint64_t seq)
{
    struct sim_output *output = sim_output_find(sim, shard, seq);

    if (!output) {
        sim_fail(sim, SIM_CHECK_COMMITTED,
                 "%s/%d/%lld: number %llu of shard %d is not committed",
                 sim->topics[topic].name, message->partition,
                 (long long)message->offset, (unsigned long long)seq, shard);
    } else if (output->topic != topic ||
               output->partition != message->partition ||
               output->hash != sim_output_hash(message->key, message->value)) {
        sim_fail(sim, SIM_CHECK_COMMITTED,
                 "%s/%d/%lld: number %llu of shard %d is another record than "
                 "the committed one",
                 sim->topics[topic].name, message->partition,
                 (long long)message->offset, (unsigned long long)seq, shard);
    }
    return sim->is_failed ? NULL : output;
}

static void
seen(struct sim *sim, int topic, const struct bus_message *message)
{
    struct codec_record record = {0};

    if (!sim->topics[topic].seen) {
        return;
    }
    odk_arena_reset(&sim->scratch);
    if (sim->topics[topic].seen != sim_deadletter_seen &&
        codec_decode(sim->codec, message->value, &sim->scratch, &record,
                     NULL) != 0) {
        sim_fail(sim, SIM_CHECK_RECORD, "%s/%d/%lld cannot be decoded",
                 sim->topics[topic].name, message->partition,
                 (long long)message->offset);
        return;
    }
    sim->topics[topic].seen(sim, message, &record);
}

static void
take(struct sim *sim, int topic, const struct bus_message *message)
{
    int32_t shard = -1;
    uint64_t seq = 0;

    if (!bus_origin_parse(message->headers, message->n_headers, &shard, &seq)) {
        return; /* a client's or a worker's */
    }
    odk_assert(shard >= 0 && shard < SIM_PARTITIONS_MAX);
    struct sim_mark *mark =
        &sim->topics[topic].marks[message->partition][shard];
    bool is_repeat =
        seq <=
        mark->seq - (mark->seq && sim_is_mutant(sim, SIM_MUTANT_READER_OFF));
    if (sim->is_losing) {
        return; /* numbers mean nothing any more */
    }
    if (is_marker(message, seq)) {
        if (!is_repeat) {
            mark_move(sim, shard, topic, message->partition, seq);
        }
        return;
    }
    struct sim_output *output = output_check(sim, topic, message, shard, seq);
    if (!output || is_repeat) {
        return;
    }
    if (output->is_seen) {
        sim_fail(sim, SIM_CHECK_ONCE,
                 "%s/%d/%lld: a reader sees number %llu of shard %d twice",
                 sim->topics[topic].name, message->partition,
                 (long long)message->offset, (unsigned long long)seq, shard);
        return;
    }
    mark_move(sim, shard, topic, message->partition, seq);
    mark->seen = seq;
    output->is_seen = true;
    seen(sim, topic, message);
}

void
sim_read(struct sim *sim)
{
    struct bus_message message;

    sim->is_dirty = false;
    for (int i = 0; i < sim->n_topics; i++) {
        struct sim_topic *topic = &sim->topics[i];
        struct odk_str name = odk_str(topic->name);
        for (int32_t p = 0; p < topic->partitions; p++) {
            while (!sim->is_failed &&
                   bus_mem_read(sim->broker, name, p, topic->offset[p],
                                &message)) {
                topic->offset[p] = message.offset + 1;
                message.partition = p;
                take(sim, i, &message);
            }
        }
    }
}
