#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"
#include "rebuild/rebuild_priv.h"

/*
 * Per producer and partition, what was appended is a prefix of what was sent
 * (I7). So a partition lacks exactly the outputs above the highest number of
 * the shard that it has, and those alone have to be done again.
 */

/* ---- how far a partition reaches ---- */

/* First look, in offsets back from the end; each further one is REACH_STEPS
 * times as far. */
#define REACH_BACK  4096
#define REACH_STEPS 8
/* A ShardProgress names numbers of its own batch. */
#define MADE_SPAN 100000

/* The newest record of the shard lies near the end, where older numbers may be
 * repeated behind it: once something is found, one look further back. Numbers
 * that are missed so are published again, which readers drop. */
static int
reach_look(struct rebuild *rebuild, struct odk_str topic, int32_t partition,
           struct bus_scan *out, struct odk_err *err)
{
    struct bus *bus = &rebuild->history;
    int64_t start = 0;
    int64_t end = 0;
    int64_t back = REACH_BACK;
    bool is_last = false;
    bool is_found = false;
    int rc = bus_log_range(bus, topic, partition, &start, &end, err);

    while (rc == 0 && !is_last) {
        struct bus_scan scan = {0};
        int64_t from = end - start > back ? end - back : start;
        is_last = is_found || from == start;
        rc = bus_scan(bus, topic, partition, rebuild->row.shard, from, &scan,
                      err);
        is_found = scan.seq_max > 0;
        *out = scan; /* each look holds the one before */
        back *= REACH_STEPS;
    }
    return rc;
}

static struct rebuild_reach *
reach_new(struct rebuild *rebuild, struct odk_str key,
          const struct bus_scan *scan)
{
    struct rebuild_reach *reach = calloc(1, sizeof(*reach) + key.len);

    if (!reach) {
        odk_out_of_memory();
    }
    memcpy(reach->key, key.ptr, key.len);
    reach->seq = scan->seq_max;
    reach->marker = scan->marker_max;
    odk_map_add(&rebuild->reaches, &reach->node,
                odk_str_n(reach->key, key.len));
    return reach;
}

static int
reach_get(struct rebuild *rebuild, struct odk_str topic, int32_t partition,
          const struct rebuild_reach **out, struct odk_err *err)
{
    struct bus_scan scan = {0};
    struct odk_buf key;
    int rc = 0;

    odk_buf_init(&key, 0);
    odk_buf_printf(&key, "%.*s/%d", ODK_STR_ARG(topic), partition);
    struct odk_map_node *node =
        odk_map_find(&rebuild->reaches, odk_buf_str(&key));
    *out = node ? ODK_CONTAINER(node, struct rebuild_reach, node) : NULL;
    if (!*out) {
        rc = reach_look(rebuild, topic, partition, &scan, err);
        rc = rc == ODK_ENOTFOUND ? 0 : rc; /* the topic is gone: all lack */
    }
    if (!*out && rc == 0) {
        *out = reach_new(rebuild, odk_buf_str(&key), &scan);
    }
    odk_buf_release(&key);
    return rc;
}

void
rebuild_output_lost(struct rebuild *rebuild, const struct codec_output_ref *ref)
{
    rebuild->report.lost++;
    odk_log(&rebuild->options.logger, ODK_LOG_WARN, "rebuild.output_lost",
            "shard %d: number %lld to %.*s/%d never arrived and cannot be done "
            "again",
            rebuild->row.shard, (long long)ref->seq, ODK_STR_ARG(ref->topic),
            ref->partition);
}

void
rebuild_reaches_release(struct rebuild *rebuild)
{
    struct odk_map_node *node = NULL;

    while ((node = odk_map_next(&rebuild->reaches, NULL))) {
        odk_map_remove(&rebuild->reaches, node);
        free(ODK_CONTAINER(node, struct rebuild_reach, node));
    }
    odk_map_release(&rebuild->reaches);
    odk_map_init(&rebuild->reaches);
}

static int
is_lacking(struct rebuild *rebuild, const struct store_output *output,
           bool *out, struct odk_err *err)
{
    const struct rebuild_reach *reach = NULL;

    *out = false;
    if (odk_str_is(output->topic, LANE_TOPIC_HISTORY) ||
        output->partition < 0) {
        /* What history lacks was never there: its input is read again. What was
         * parked was never sent. */
        return 0;
    }
    int rc = reach_get(rebuild, output->topic, output->partition, &reach, err);
    *out = rc == 0 && output->seq > reach->seq;
    return rc;
}

int
rebuild_output_lacks(struct rebuild *rebuild,
                     const struct codec_output_ref *ref, bool *out,
                     struct odk_err *err)
{
    struct store_output output = {.seq = (uint64_t)ref->seq,
                                  .topic = ref->topic,
                                  .partition = ref->partition};
    const uint64_t *made = rebuild->made.items;
    int rc = is_lacking(rebuild, &output, out, err);

    /* Numbers mostly rise: what is below all of the newest is not among them.
     */
    for (size_t i = rebuild->made.n; i-- > 0 && *out;) {
        *out = made[i] != output.seq;
        if (made[i] + MADE_SPAN < output.seq) {
            break;
        }
    }
    return rc;
}

/* ---- the input ---- */

static int
read_input(struct rebuild *rebuild, const struct codec_origin *origin,
           struct bus_message *out, struct odk_err *err)
{
    struct bus *bus = &rebuild->inputs;
    struct bus_place place = {
        odk_str_is(origin->topic, LANE_TOPIC_COMMANDS) ? 0 : 1,
        origin->partition};
    odk_dur_ms idle_ms = 0;
    int rc = rebuild_bus_ready(rebuild, bus, err);

    if (rc == 0) {
        rc = bus_start(bus, place, origin->offset, err);
    }
    while (rc == 0 && idle_ms < rebuild->options.idle_ms_max) {
        struct bus_batch batch = {0};
        rc = bus_poll(bus, REBUILD_POLL_MS, &batch, err);
        for (size_t i = 0; rc == 0 && i < batch.n_messages; i++) {
            const struct bus_message *message = &batch.messages[i];
            if (message->topic == place.topic &&
                message->partition == place.partition &&
                message->offset == origin->offset) {
                *out = *message;
                return rebuild_learn(rebuild, message->value, err);
            }
        }
        idle_ms += REBUILD_POLL_MS;
    }
    return rc ? rc
              : odk_err_set(err, ODK_ENOTFOUND,
                            "the input %.*s/%d offset %lld is not to be had",
                            ODK_STR_ARG(origin->topic), origin->partition,
                            (long long)origin->offset);
}

/* How long a lane waited for the answer to a task is a run's from its start on:
 * the fact of its identity has it. */
static odk_dur_ms
republish_of(struct odk_str entries)
{
    json_t *list = json_parse(entries, NULL);
    json_int_t ms = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        const char *fact = json_string_value(json_object_get(entry, "fact"));
        if (fact && strcmp(fact, "identity") == 0) {
            ms = json_integer_value(json_object_get(entry, "count"));
        }
    }
    json_decref(list);
    return (odk_dur_ms)ms;
}

static int
redo_input(struct rebuild *rebuild, const struct rebuild_item *item,
           struct bus_message *message, struct lane_redo_input *out,
           struct odk_err *err)
{
    const struct codec_history_record *record = &item->record.history_record;

    *out = (struct lane_redo_input){
        .shard = rebuild->row.shard,
        .definition_version =
            record->version == 1 ? record->definition_version : 0,
        .task_republish_ms =
            record->version == 1 ? republish_of(record->entries) : 0,
        .now = record->timestamp,
        .seq = 1};
    if (record->has_timer_id) {
        out->timer = (struct store_timer){.due = record->timestamp,
                                          .run_id = item->run_id,
                                          .id = (uint64_t)record->timer_id};
        return 0;
    }
    out->message = message;
    return read_input(rebuild, &record->origin, message, err);
}

/* ---- doing it again ---- */

/* The transition's place in what an input gave: an input may have had one of an
 * older run before it (terminated, to make room). */
struct span {
    size_t history; /**< index in histories */
    uint64_t seq;   /**< of its first record */
    uint64_t after; /**< outputs above this … */
    uint64_t upto;  /**< … up to this belong to it */
};

static bool
find_span(const struct rebuild *rebuild, const struct lane_redone *redone,
          const struct rebuild_item *item, struct odk_arena *arena,
          struct span *out)
{
    bool is_found = false;
    size_t n = 0;

    *out = (struct span){.upto = UINT64_MAX};
    for (size_t i = 0; i < redone->n_outputs; i++) {
        const struct store_output *output = &redone->outputs[i].output;
        struct codec_record record;
        if (!odk_str_is(output->topic, LANE_TOPIC_HISTORY) ||
            codec_decode(rebuild->options.codec, output->value, arena, &record,
                         NULL) != 0 ||
            record.kind != CODEC_HISTORY_RECORD ||
            record.history_record.part != 1) {
            continue;
        }
        if (is_found) {
            out->upto = output->seq; /* the next one's begin thereafter */
            break;
        }
        if (odk_str_eq(record.history_record.run_id,
                       item->record.history_record.run_id)) {
            is_found = true;
            out->history = n;
            out->seq = output->seq;
        } else {
            out->after = output->seq;
        }
        n++;
    }
    if (is_found && out->upto != UINT64_MAX) {
        out->upto = out->seq; /* what comes behind is the next one's */
    }
    return is_found && out->history < redone->n_histories;
}

static int
mismatch(const struct rebuild *rebuild, const struct rebuild_item *item,
         struct odk_err *err, const char *text)
{
    const struct codec_history_record *record = &item->record.history_record;

    return rebuild_corrupt(
        rebuild, item->offset, err,
        "run %.*s version %lld put out what its partitions lack, and doing its "
        "input again %s: use the odradek and the options that wrote it",
        ODK_STR_ARG(record->run_id), (long long)record->version, text);
}

/* Every output that the record names, under its number; where topics have other
 * partitions now, the record's hold. */
static bool
refs_fit(const struct codec_history_record *record,
         const struct lane_redone *redone, const struct span *span)
{
    for (size_t i = 0; i < record->n_outputs; i++) {
        const struct codec_output_ref *ref = &record->outputs[i];
        bool is_there = false;
        for (size_t k = 0; k < redone->n_outputs && !is_there; k++) {
            const struct store_output *output = &redone->outputs[k].output;
            is_there = output->seq == (uint64_t)ref->seq &&
                       output->seq > span->after && output->seq <= span->upto &&
                       odk_str_eq(output->topic, ref->topic);
        }
        if (!is_there) {
            return false;
        }
    }
    return true;
}

int
rebuild_output_keep(struct rebuild *rebuild, const struct store_output *output,
                    struct odk_err *err)
{
    const struct rebuild_reach *reach = NULL;
    struct store_output kept = {.seq = output->seq,
                                .topic = rebuild_keep(rebuild, output->topic),
                                .partition = output->partition,
                                .key = rebuild_keep(rebuild, output->key),
                                .value = rebuild_keep(rebuild, output->value),
                                .headers =
                                    rebuild_keep(rebuild, output->headers)};
    int rc = reach_get(rebuild, output->topic, output->partition, &reach, err);

    if (rc != 0) {
        return rc;
    }
    *(uint64_t *)rebuild_vec_push(&rebuild->made, sizeof(uint64_t)) =
        output->seq;
    if (output->seq > reach->marker && output->seq > rebuild->output_seq &&
        output->seq > rebuild->row.published) {
        struct store_output_write *write =
            rebuild_vec_push(&rebuild->outputs, sizeof(*write));
        *write = (struct store_output_write){rebuild->row.shard, kept};
        return 0;
    }
    struct store_parked_write *parked =
        rebuild_vec_push(&rebuild->parked, sizeof(*parked));
    *parked = (struct store_parked_write){
        rebuild->row.shard, kept,
        ODK_STR(
            "made again after a fail-over, when its number had been passed: "
            "retry it")};
    return 0;
}

static int32_t
partition_of(const struct codec_history_record *record,
             const struct store_output *output)
{
    for (size_t i = 0; i < record->n_outputs; i++) {
        if ((uint64_t)record->outputs[i].seq == output->seq) {
            return record->outputs[i].partition;
        }
    }
    return output->partition;
}

static int
keep_outputs(struct rebuild *rebuild, const struct rebuild_item *item,
             const struct lane_redone *redone, const struct span *span,
             struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < redone->n_outputs; i++) {
        struct store_output output = redone->outputs[i].output;
        bool lacks = false;
        if (output.seq <= span->after || output.seq > span->upto) {
            continue;
        }
        output.partition = partition_of(&item->record.history_record, &output);
        rc = is_lacking(rebuild, &output, &lacks, err);
        if (rc == 0 && lacks) {
            rc = rebuild_output_keep(rebuild, &output, err);
        }
    }
    return rc;
}

/* Once under any number, to learn how many outputs come before the record; then
 * under the right one. */
static int
redo(struct rebuild *rebuild, const struct rebuild_item *item, uint64_t seq,
     struct odk_err *err)
{
    const struct codec_history_record *record = &item->record.history_record;
    struct lane_redo_input input;
    struct bus_message message = {0};
    struct lane_redone redone = {0};
    struct span span = {0};
    int rc = redo_input(rebuild, item, &message, &input, err);

    if (rc == 0) {
        rc = lane_redo(rebuild->redo, &input, &redone, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (!find_span(rebuild, &redone, item, &rebuild->arena, &span) ||
        span.seq > seq) {
        return mismatch(rebuild, item, err, "gives no such transition");
    }
    input.seq = seq - span.seq + 1;
    rc = lane_redo(rebuild->redo, &input, &redone, err);
    if (rc != 0) {
        return rc;
    }
    if (!find_span(rebuild, &redone, item, &rebuild->arena, &span) ||
        span.seq != seq ||
        !odk_str_eq(redone.histories[span.history].entries, record->entries)) {
        return mismatch(rebuild, item, err, "gives other entries");
    }
    if (!refs_fit(record, &redone, &span)) {
        return mismatch(rebuild, item, err, "gives other outputs");
    }
    return keep_outputs(rebuild, item, &redone, &span, err);
}

/* Goes on without the outputs of a transition that its partitions lack. */
static int
count_lost(struct rebuild *rebuild, const struct codec_history_record *record,
           struct odk_err *err)
{
    int rc = 0;

    if (err) {
        odk_log(&rebuild->options.logger, ODK_LOG_WARN, "rebuild.not_redone",
                "%s", err->message);
    }
    for (size_t i = 0; rc == 0 && i < record->n_outputs; i++) {
        bool lacks = false;
        rc = rebuild_output_lacks(rebuild, &record->outputs[i], &lacks, err);
        if (rc == 0 && lacks) {
            rebuild_output_lost(rebuild, &record->outputs[i]);
        }
    }
    return rc;
}

int
rebuild_outputs(struct rebuild *rebuild, const struct rebuild_item *item,
                uint64_t seq, struct odk_err *err)
{
    const struct codec_history_record *record = &item->record.history_record;
    bool lacks = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && !lacks && i < record->n_outputs; i++) {
        rc = rebuild_output_lacks(rebuild, &record->outputs[i], &lacks, err);
    }
    if (rc != 0 || !lacks) {
        return rc;
    }
    rc = rebuild_commit(rebuild, err); /* the store is as it was then */
    if (rc != 0) {
        return rc;
    }
    rc = redo(rebuild, item, seq, err);
    if (rc != 0 && rebuild->options.accepts_lost &&
        odk_err_class(rc) != ODK_CLASS_RETRY) {
        rc = count_lost(rebuild, record, err);
    }
    return rc;
}

int
rebuild_count_lacking(struct rebuild *rebuild,
                      const struct codec_output_ref *refs, size_t n_refs,
                      uint64_t *n, struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n_refs; i++) {
        bool lacks = false;
        rc = rebuild_output_lacks(rebuild, &refs[i], &lacks, err);
        *n += lacks;
    }
    return rc;
}
