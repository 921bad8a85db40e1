#include "rebuild/rebuild.h"

#include <stdio.h>
#include <stdlib.h>

#include "bus/bus_origin.h"
#include "rebuild/rebuild_priv.h"

#define CACHE_BYTES_MAX (64u << 20)
#define IDLE_MS_MAX     30000
/* Records folded in one transaction. */
#define PAGE_RECORDS 500u

struct rebuild *
rebuild_new(const struct rebuild_options *options)
{
    struct rebuild *rebuild = calloc(1, sizeof(*rebuild));

    if (!rebuild) {
        odk_out_of_memory();
    }
    rebuild->options = *options;
    rebuild->history = options->history;
    rebuild->inputs = options->inputs;
    rebuild->store = options->store;
    if (rebuild->options.cache_bytes_max == 0) {
        rebuild->options.cache_bytes_max = CACHE_BYTES_MAX;
    }
    if (rebuild->options.idle_ms_max == 0) {
        rebuild->options.idle_ms_max = IDLE_MS_MAX;
    }
    struct lane_options lane = options->lane;
    lane.bus = options->inputs;
    lane.store = options->store;
    lane.codec = options->codec;
    lane.logger = (struct odk_logger){0}; /* what was logged once is not news */
    rebuild->redo = lane_redo_new(&lane);
    odk_map_init(&rebuild->runs);
    odk_map_init(&rebuild->definitions);
    odk_map_init(&rebuild->reaches);
    odk_arena_init(&rebuild->arena, 0);
    odk_buf_init(&rebuild->parts.entries, 0);
    return rebuild;
}

void
rebuild_free(struct rebuild *rebuild)
{
    if (!rebuild) {
        return;
    }
    lane_redo_free(rebuild->redo);
    rebuild_runs_release(rebuild);
    rebuild_reaches_release(rebuild);
    odk_buf_release(&rebuild->parts.entries);
    odk_arena_release(&rebuild->arena);
    rebuild_vec_release(&rebuild->items);
    rebuild_vec_release(&rebuild->histories);
    rebuild_vec_release(&rebuild->timers);
    rebuild_vec_release(&rebuild->requests);
    rebuild_vec_release(&rebuild->sources);
    rebuild_vec_release(&rebuild->outputs);
    rebuild_vec_release(&rebuild->parked);
    rebuild_vec_release(&rebuild->made);
    rebuild_vec_release(&rebuild->origins);
    free(rebuild);
}

const struct rebuild_report *
rebuild_report(const struct rebuild *rebuild)
{
    return &rebuild->report;
}

struct odk_str
rebuild_keep(struct rebuild *rebuild, struct odk_str s)
{
    if (!s.ptr) {
        return s;
    }
    struct odk_str kept = odk_arena_str(&rebuild->arena, s);
    odk_assert(kept.ptr); /* no cap: a page is bounded by its poll */
    return kept;
}

int
rebuild_corrupt(const struct rebuild *rebuild, int64_t offset,
                struct odk_err *err, const char *fmt, ...)
{
    char text[400];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return odk_err_set(err, ODK_ECORRUPT,
                       LANE_TOPIC_HISTORY "/%d offset %lld: %s", rebuild->place,
                       (long long)offset, text);
}

int
rebuild_learn(const struct rebuild *rebuild, struct odk_str framed,
              struct odk_err *err)
{
    const struct rebuild_schemas *schemas = &rebuild->options.schemas;

    return schemas->learn && framed.ptr
               ? schemas->learn(schemas->ctx, framed, err)
               : 0;
}

int
rebuild_bus_ready(struct rebuild *rebuild, struct bus *bus, struct odk_err *err)
{
    bool *is_ready = bus == &rebuild->history ? &rebuild->is_history_ready
                                              : &rebuild->is_inputs_ready;
    odk_dur_ms idle_ms = 0;
    int rc = 0;

    while (rc == 0 && !*is_ready) {
        struct bus_batch batch = {0};
        if (idle_ms >= rebuild->options.idle_ms_max) {
            return odk_err_set(err, ODK_ETIMEOUT,
                               "the broker hands out no partitions");
        }
        rc = bus_poll(bus, REBUILD_POLL_MS, &batch, err);
        *is_ready = rc == 0 && batch.n_assigned > 0;
        idle_ms += REBUILD_POLL_MS;
    }
    return rc;
}

/* ---- begin ---- */

static void
forget(struct rebuild *rebuild)
{
    rebuild_rows_clear(rebuild);
    rebuild_runs_release(rebuild);
    odk_map_init(&rebuild->runs);
    odk_map_init(&rebuild->definitions);
    rebuild_reaches_release(rebuild);
    odk_arena_reset(&rebuild->arena);
    rebuild->items.n = 0;
    rebuild->made.n = 0;
    rebuild->origins.n = 0;
    rebuild->batch_at = 0;
    rebuild->parts.part = 0;
    rebuild->idle_ms = 0;
    rebuild->is_cut = false;
}

/* A row of an empty database, or one that an earlier rebuild left. */
static int
check_empty(struct rebuild *rebuild, const char *reason, struct odk_err *err)
{
    const struct store_shard *row = &rebuild->row;

    if (row->batch == 0 && row->outbox_seq == 0) {
        return store_quarantine(&rebuild->store, row->shard, row->fence,
                                odk_str(reason), err);
    }
    if (row->quarantine.ptr && odk_str_is(row->quarantine, reason)) {
        return 0;
    }
    return odk_err_set(err, ODK_ECONFLICT,
                       "shard %d of this database has data of its own: a "
                       "rebuild goes into an empty one",
                       row->shard);
}

static int
check_range(struct rebuild *rebuild, struct odk_err *err)
{
    int32_t partitions = 0;
    int64_t start = 0;
    odk_dur_ms idle_ms = 0;
    int rc = ODK_EAGAIN;

    while (rc == ODK_EAGAIN && idle_ms < rebuild->options.idle_ms_max) {
        struct bus_batch batch = {0};
        rc = bus_partitions(&rebuild->history, ODK_STR(LANE_TOPIC_HISTORY),
                            &partitions, err);
        if (rc == ODK_EAGAIN &&
            bus_poll(&rebuild->history, REBUILD_POLL_MS, &batch, err) == 0) {
            idle_ms += REBUILD_POLL_MS;
        }
    }
    if (rc != 0) {
        return rc;
    }
    rebuild->place = rebuild->row.shard % partitions;
    rc = bus_log_range(&rebuild->history, ODK_STR(LANE_TOPIC_HISTORY),
                       rebuild->place, &start, &rebuild->end, err);
    if (rc == 0 && start > rebuild->row.history_offset) {
        rc = odk_err_set(
            err, ODK_ECORRUPT,
            LANE_TOPIC_HISTORY
            "/%d begins at offset %lld, the database needs "
            "it from %lld: begin with a backup that is young enough",
            rebuild->place, (long long)start,
            (long long)rebuild->row.history_offset);
    }
    if (rc == 0 && rebuild->end < rebuild->row.history_offset) {
        rc = odk_err_set(err, ODK_ECORRUPT,
                         LANE_TOPIC_HISTORY
                         "/%d ends at offset %lld, the database has read it up "
                         "to %lld: the topic lost its tail",
                         rebuild->place, (long long)rebuild->end,
                         (long long)rebuild->row.history_offset);
    }
    return rc;
}

static void
report_begin(struct rebuild *rebuild)
{
    const struct store_shard *row = &rebuild->row;

    if (rebuild->is_reported && rebuild->report.shard == row->shard) {
        rebuild->report.offset_end = rebuild->end;
        return;
    }
    rebuild->is_reported = true;
    rebuild->report = (struct rebuild_report){
        .shard = row->shard,
        .seq_from = row->outbox_seq,
        .seq = row->outbox_seq,
        .offset_from = row->history_offset,
        .offset = row->history_offset,
        .offset_end = rebuild->end,
        .clock = row->clock,
    };
}

/* At what the row stands for. */
static int
begin_reading(struct rebuild *rebuild, struct odk_err *err)
{
    int rc = check_range(rebuild, err);

    if (rc == 0) {
        rc = rebuild_bus_ready(rebuild, &rebuild->history, err);
    }
    if (rc == 0) {
        rc = bus_start(&rebuild->history, (struct bus_place){0, rebuild->place},
                       rebuild->row.history_offset, err);
    }
    if (rc != 0) {
        return rc;
    }
    rebuild->row.quarantine = (struct odk_str){0}; /* lives in the arena */
    rebuild->next = rebuild->row;
    rebuild->offset = rebuild->row.history_offset;
    rebuild->seen = rebuild->row.outbox_seq;
    rebuild->may_publish = rebuild->row.published == rebuild->row.outbox_seq;
    rebuild->output_seq = rebuild->may_publish ? 0 : rebuild->row.outbox_seq;
    report_begin(rebuild);
    return 0;
}

int
rebuild_begin(struct rebuild *rebuild, int32_t shard, const char *reason,
              const struct rebuild_cut *cut, struct odk_err *err)
{
    const struct rebuild_options *options = &rebuild->options;
    const struct lane_clock *clock = &options->clock;
    int64_t fence = (int64_t)(clock->random(clock->ctx) >> 1);

    rebuild->is_open = false;
    forget(rebuild);
    rebuild->cut = cut ? *cut : (struct rebuild_cut){.offset = -1};
    int rc = store_acquire(&rebuild->store, shard, fence ? fence : 1,
                           options->owner, &rebuild->arena, &rebuild->row, err);
    if (rc == 0 && reason) {
        rc = check_empty(rebuild, reason, err);
    }
    if (rc == 0) {
        rc = begin_reading(rebuild, err);
    }
    rebuild->is_open = rc == 0;
    return rc;
}

/* ---- reading ---- */

/* Whether the record lies behind the cut. */
static bool
is_behind(const struct rebuild *rebuild, const struct rebuild_item *item)
{
    const struct rebuild_cut *cut = &rebuild->cut;
    odk_time_ms at = item->record.kind == CODEC_HISTORY_RECORD
                         ? item->record.history_record.timestamp
                         : item->record.shard_progress.timestamp;

    return cut->until > 0 && at > cut->until;
}

static int
decode(struct rebuild *rebuild, const struct bus_message *message,
       struct rebuild_item *item, struct odk_err *err)
{
    struct odk_err problem = {0};
    struct codec_record *record = &item->record;
    int rc = rebuild_learn(rebuild, message->value, err);

    if (rc != 0) {
        return rc;
    }
    rc = codec_decode(rebuild->options.codec, message->value, &rebuild->arena,
                      record, &problem);

    if (rc != 0) {
        return rebuild_corrupt(rebuild, message->offset, err, "%s",
                               problem.message);
    }
    if (record->kind == CODEC_SHARD_PROGRESS) {
        return 0;
    }
    if (record->kind != CODEC_HISTORY_RECORD ||
        record->history_record.shard != rebuild->row.shard ||
        !odk_uuid_parse(record->history_record.run_id, &item->run_id)) {
        return rebuild_corrupt(rebuild, message->offset, err,
                               "no record of this shard's history");
    }
    return 0;
}

/* Takes a message of the page; what is repeated, of another shard, or a marker
 * only moves on. */
static int
collect(struct rebuild *rebuild, const struct bus_message *message,
        struct odk_err *err)
{
    struct rebuild_item item = {.offset = message->offset};
    int32_t shard = -1;

    rebuild->offset = message->offset + 1;
    if (!bus_origin_parse(message->headers, message->n_headers, &shard,
                          &item.seq) ||
        shard != rebuild->row.shard || item.seq <= rebuild->seen) {
        return 0;
    }
    if (message->value.ptr) {
        int rc = decode(rebuild, message, &item, err);
        if (rc != 0) {
            return rc;
        }
        rebuild->is_cut = is_behind(rebuild, &item);
    }
    if (rebuild->is_cut) {
        return 0;
    }
    rebuild->seen = item.seq;
    if (message->value.ptr) {
        *(struct rebuild_item *)rebuild_vec_push(&rebuild->items,
                                                 sizeof(item)) = item;
    }
    return 0;
}

static bool
is_past_cut(const struct rebuild *rebuild, int64_t offset)
{
    return rebuild->cut.offset >= 0 && offset >= rebuild->cut.offset;
}

static int
collect_page(struct rebuild *rebuild, const struct bus_batch *batch,
             struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < batch->n_messages && !rebuild->is_cut;
         i++) {
        const struct bus_message *message = &batch->messages[i];
        if (message->partition != rebuild->place ||
            message->offset < rebuild->offset) {
            continue;
        }
        if (is_past_cut(rebuild, message->offset)) {
            rebuild->is_cut = true;
        } else {
            rc = collect(rebuild, message, err);
        }
    }
    return rc;
}

/* The row stands for whole transitions: a broken one at the end is read again
 * by who comes next. */
static void
note_offset(struct rebuild *rebuild)
{
    if (rebuild->parts.part == 0 && !rebuild->is_cut) {
        rebuild->next.history_offset = rebuild->offset;
        rebuild->next.outbox_seq = rebuild->seen > rebuild->next.outbox_seq
                                       ? rebuild->seen
                                       : rebuild->next.outbox_seq;
    }
}

static int
take_page(struct rebuild *rebuild, struct odk_err *err)
{
    struct rebuild_item *items = rebuild->items.items;
    int rc = rebuild_runs_load(rebuild, err);

    for (size_t i = 0; rc == 0 && i < rebuild->items.n; i++) {
        rc = rebuild_take(rebuild, &items[i], err);
        if (rc == 0 && rebuild->histories.n >= PAGE_RECORDS) {
            rc = rebuild_commit(rebuild, err);
        }
    }
    if (rc == 0) {
        note_offset(rebuild);
    }
    if (rc == 0 && rebuild->next.history_offset > rebuild->row.history_offset) {
        rc = rebuild_commit(rebuild, err);
    }
    rebuild_runs_trim(rebuild);
    return rc;
}

static int
idle(struct rebuild *rebuild, struct odk_err *err)
{
    rebuild->idle_ms += REBUILD_POLL_MS;
    if (rebuild->idle_ms < rebuild->options.idle_ms_max) {
        return 0;
    }
    return odk_err_set(err, ODK_ETIMEOUT,
                       LANE_TOPIC_HISTORY "/%d: nothing came at offset %lld of "
                                          "%lld",
                       rebuild->place, (long long)rebuild->offset,
                       (long long)rebuild->end);
}

static bool
is_at_end(const struct rebuild *rebuild)
{
    return rebuild->is_cut || rebuild->offset >= rebuild->end ||
           is_past_cut(rebuild, rebuild->offset);
}

/* The records of one poll, decoded. */
static int
read_page(struct rebuild *rebuild, struct odk_err *err)
{
    struct bus_batch batch = {0};

    odk_arena_reset(&rebuild->arena);
    rebuild->items.n = 0;
    int rc = bus_poll(&rebuild->history, REBUILD_POLL_MS, &batch, err);
    if (rc == 0 && batch.n_messages == 0) {
        return idle(rebuild, err);
    }
    rebuild->idle_ms = 0;
    if (rc == 0) {
        rc = collect_page(rebuild, &batch, err);
    }
    rebuild->report.offset = rebuild->offset;
    return rc;
}

int
rebuild_step(struct rebuild *rebuild, bool *is_done, struct odk_err *err)
{
    odk_assert(rebuild->is_open);
    *is_done = is_at_end(rebuild);
    if (*is_done) {
        return 0;
    }
    int rc = read_page(rebuild, err);
    if (rc == 0) {
        rc = take_page(rebuild, err);
    }
    rebuild->is_open = rc == 0;
    return rc;
}

/* ---- looking only ---- */

static int
count_page(struct rebuild *rebuild, struct odk_err *err)
{
    const struct rebuild_item *items = rebuild->items.items;
    struct rebuild_report *report = &rebuild->report;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < rebuild->items.n; i++) {
        const struct codec_record *record = &items[i].record;
        const struct codec_shard_progress *progress = &record->shard_progress;
        const struct codec_history_record *history = &record->history_record;
        report->records++;
        report->seq = items[i].seq;
        if (record->kind == CODEC_SHARD_PROGRESS) {
            report->requests += progress->n_requests;
            rc = rebuild_count_lacking(rebuild, progress->outputs,
                                       progress->n_outputs, &report->lost, err);
        } else if (history->part == history->parts) {
            report->transitions++;
            report->runs += history->version == 1;
            report->requests += history->request_digest.ptr != NULL;
            report->clock = history->timestamp;
            rc = rebuild_count_lacking(rebuild, history->outputs,
                                       history->n_outputs, &report->outputs,
                                       err);
        }
    }
    return rc;
}

int
rebuild_look(struct rebuild *rebuild, const struct store_shard *row,
             struct odk_err *err)
{
    rebuild->is_open = rebuild->is_reported = false;
    forget(rebuild);
    rebuild->cut = (struct rebuild_cut){.offset = -1};
    rebuild->row = *row;
    int rc = begin_reading(rebuild, err);

    rebuild->is_reported = false;
    while (rc == 0 && !is_at_end(rebuild)) {
        rc = read_page(rebuild, err);
        if (rc == 0) {
            rc = count_page(rebuild, err);
        }
    }
    return rc;
}

int
rebuild_end(struct rebuild *rebuild, struct odk_err *err)
{
    odk_assert(rebuild->is_open);
    rebuild->is_open = false;
    return store_forget_server(&rebuild->store, rebuild->row.shard,
                               rebuild->row.fence, err);
}
