#include "rebuild/rebuild_priv.h"

/* ---- what every record moves ---- */

static void
move_up(int64_t *at, int64_t value)
{
    *at = value > *at ? value : *at;
}

static void
move_source(struct rebuild *rebuild, const struct codec_source *source)
{
    struct store_source_write *write =
        rebuild_vec_push(&rebuild->sources, sizeof(*write));

    *write = (struct store_source_write){rebuild->row.shard,
                                         {source->name, source->seq}};
}

static void
move_numbers(struct rebuild *rebuild, const struct rebuild_item *item)
{
    struct store_shard *next = &rebuild->next;

    next->outbox_seq =
        item->seq > next->outbox_seq ? item->seq : next->outbox_seq;
    next->history_offset = item->offset + 1;
}

/* ---- a transition in several records ---- */

static bool
parts_fit(const struct rebuild_parts *parts, const struct rebuild_item *item)
{
    const struct codec_history_record *record = &item->record.history_record;

    return parts->part + 1 == record->part &&
           parts->version == record->version && parts->seq + 1 == item->seq &&
           odk_uuid_eq(&parts->run_id, &item->run_id);
}

/* Gives the whole transition, or *is_whole false. Pieces without their end are
 * what a broken producer left: the transition was done again under later
 * numbers, or will be. */
static int
parts_join(struct rebuild *rebuild, struct rebuild_item *item, bool *is_whole,
           struct odk_err *err)
{
    struct codec_history_record *record = &item->record.history_record;
    struct rebuild_parts *parts = &rebuild->parts;

    *is_whole = record->parts == 1;
    if (record->parts == 1) {
        parts->part = 0;
        return 0;
    }
    if (record->part == 1) {
        *parts = (struct rebuild_parts){.entries = parts->entries,
                                        .run_id = item->run_id,
                                        .version = record->version,
                                        .first_seq = item->seq,
                                        .first_offset = item->offset};
        odk_buf_clear(&parts->entries);
    } else if (!parts_fit(parts, item)) {
        return rebuild_corrupt(rebuild, item->offset, err,
                               "part %d of %d of a transition, and not the one "
                               "before it",
                               record->part, record->parts);
    }
    odk_buf_put_str(&parts->entries, record->entries);
    parts->part = record->part;
    parts->seq = item->seq;
    *is_whole = record->part == record->parts;
    if (*is_whole) {
        record->entries = rebuild_keep(rebuild, odk_buf_str(&parts->entries));
        parts->part = 0;
    }
    return 0;
}

/* ---- a transition ---- */

static enum engine_status
status_of(enum codec_execution_status status)
{
    switch (status) {
    case CODEC_EXECUTION_STATUS_RUNNING:
        return ENGINE_RUNNING;
    case CODEC_EXECUTION_STATUS_SUCCEEDED:
        return ENGINE_SUCCEEDED;
    case CODEC_EXECUTION_STATUS_FAILED:
        return ENGINE_FAILED;
    case CODEC_EXECUTION_STATUS_TIMED_OUT:
        return ENGINE_TIMED_OUT;
    case CODEC_EXECUTION_STATUS_ABORTED:
        return ENGINE_ABORTED;
    case CODEC_EXECUTION_STATUS_TERMINATED:
        return ENGINE_TERMINATED;
    }
    return ENGINE_RUNNING;
}

/* What the folded engine says against what the record says. */
static int
check(const struct rebuild *rebuild, const struct engine *engine,
      const struct rebuild_item *item, struct odk_err *err)
{
    const struct codec_history_record *record = &item->record.history_record;
    const struct engine_identity *identity = engine_identity(engine);
    uint8_t chain[ODK_SHA256_BYTES];

    if (!odk_uuid_eq(&identity->run_id, &item->run_id) ||
        !odk_str_eq(identity->namespace_, record->namespace) ||
        !odk_str_eq(identity->workflow_id, record->workflow_id)) {
        return rebuild_corrupt(rebuild, item->offset, err,
                               "the entries are of another run than %.*s",
                               ODK_STR_ARG(record->run_id));
    }
    engine_chain(engine, chain);
    if (memcmp(chain, record->chain, sizeof(chain)) != 0) {
        return rebuild_corrupt(rebuild, item->offset, err,
                               "run %.*s version %lld: the chain hash does not "
                               "fit its entries: they were changed",
                               ODK_STR_ARG(record->run_id),
                               (long long)record->version);
    }
    if (engine_status(engine) != status_of(record->status)) {
        return rebuild_corrupt(rebuild, item->offset, err,
                               "run %.*s version %lld: its entries give status "
                               "%s",
                               ODK_STR_ARG(record->run_id),
                               (long long)record->version,
                               engine_status_name(engine_status(engine)));
    }
    return 0;
}

static int
check_version(struct rebuild *rebuild, const struct rebuild_item *item,
              struct odk_err *err)
{
    const struct codec_history_record *record = &item->record.history_record;
    const struct rebuild_run *run = rebuild_run_find(rebuild, &item->run_id);
    int64_t version = run ? engine_version(run->engine) : 0;

    if (record->version == version + 1) {
        return 0;
    }
    return rebuild_corrupt(rebuild, item->offset, err,
                           "run %.*s has version %lld where %lld is due",
                           ODK_STR_ARG(record->run_id),
                           (long long)record->version, (long long)version + 1);
}

static int
fold(struct rebuild *rebuild, const struct rebuild_item *item,
     struct rebuild_run **out, struct odk_err *err)
{
    const struct codec_history_record *record = &item->record.history_record;
    struct rebuild_run *run = rebuild_run_find(rebuild, &item->run_id);
    struct engine *engine = run ? run->engine : NULL;
    const struct asl_machine *machine = NULL;
    struct odk_err problem = {0};

    int rc = rebuild_machine(rebuild, record->namespace, record->definition,
                             record->definition_version, &machine, &problem);
    if (rc == 0) {
        rc = engine_replay(&engine, machine, record->entries, &problem);
    }
    if (!run && engine) {
        run = rebuild_run_add(rebuild, &item->run_id, engine);
        run->is_new = true;
    }
    if (rc != 0 && odk_err_class(rc) == ODK_CLASS_RETRY) {
        return odk_err_set(err, rc, "%s", problem.message);
    }
    if (rc != 0) {
        return rebuild_corrupt(rebuild, item->offset, err,
                               "run %.*s version %lld: %s",
                               ODK_STR_ARG(record->run_id),
                               (long long)record->version, problem.message);
    }
    odk_assert(run && run->engine == engine);
    *out = run;
    return check(rebuild, engine, item, err);
}

static void
add_rows(struct rebuild *rebuild, const struct rebuild_item *item,
         struct rebuild_run *run)
{
    const struct codec_history_record *record = &item->record.history_record;
    struct engine_update update = {0};
    struct store_history_write *row =
        rebuild_vec_push(&rebuild->histories, sizeof(*row));

    engine_replayed(run->engine, &update);
    *row = (struct store_history_write){
        .shard = rebuild->row.shard,
        .run_id = item->run_id,
        .version = record->version,
        .at = record->timestamp,
        .first_event_id = record->first_event_id > record->last_event_id
                              ? 0
                              : record->first_event_id,
        .entries = record->entries};
    for (size_t i = 0; i < update.n_timers; i++) {
        struct store_timer_write *timer =
            rebuild_vec_push(&rebuild->timers, sizeof(*timer));
        *timer = (struct store_timer_write){
            rebuild->row.shard,
            update.timers[i].is_set,
            {update.timers[i].due, item->run_id, update.timers[i].id}};
    }
    run->is_status_changed |= update.is_status_changed;
    run->is_stuck = update.is_stuck;
    rebuild_run_touch(rebuild, run);
}

static struct odk_str
workflow_key(struct rebuild *rebuild, struct odk_str namespace_,
             struct odk_str workflow_id)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    odk_buf_printf(&text, "%.*s/%.*s", ODK_STR_ARG(namespace_),
                   ODK_STR_ARG(workflow_id));
    struct odk_str kept = rebuild_keep(rebuild, odk_buf_str(&text));
    odk_buf_release(&text);
    return kept;
}

/* The outcome that an accepted command's transition implies. */
static void
add_accepted(struct rebuild *rebuild, const struct rebuild_item *item)
{
    const struct codec_history_record *record = &item->record.history_record;

    if (!record->request_id.ptr ||
        record->request_digest.len != ODK_SHA256_BYTES) {
        return;
    }
    struct store_request *row =
        rebuild_vec_push(&rebuild->requests, sizeof(*row));
    *row = (struct store_request){
        .shard = rebuild->row.shard,
        .request_id = record->request_id,
        .workflow_key =
            workflow_key(rebuild, record->namespace, record->workflow_id),
        .has_run_id = true,
        .run_id = item->run_id,
        .at = record->timestamp};
    memcpy(row->digest, record->request_digest.ptr, ODK_SHA256_BYTES);
}

static void
move_origin(struct rebuild *rebuild, const struct codec_history_record *record)
{
    struct store_shard *next = &rebuild->next;

    if (record->has_origin) {
        rebuild_batch_origin(rebuild, &record->origin);
    }
    if (record->has_origin && record->origin.partition == next->shard) {
        move_up(odk_str_is(record->origin.topic, LANE_TOPIC_COMMANDS)
                    ? &next->next_command
                    : &next->next_result,
                record->origin.offset + 1);
    }
    if (record->has_source) {
        move_source(rebuild, &record->source);
    }
    move_up(&next->clock, record->timestamp);
}

static int
take_transition(struct rebuild *rebuild, struct rebuild_item *item,
                struct odk_err *err)
{
    const struct codec_history_record *record = &item->record.history_record;
    struct rebuild_run *run = NULL;
    bool is_split = record->parts > 1;
    bool is_whole = false;
    int rc = parts_join(rebuild, item, &is_whole, err);

    if (rc != 0 || !is_whole) {
        return rc;
    }
    rebuild_batch_note(rebuild, record->timestamp);
    rc = check_version(rebuild, item, err);
    if (rc == 0) {
        rc = rebuild_outputs(rebuild, item,
                             is_split ? rebuild->parts.first_seq : item->seq,
                             err);
    }
    if (rc == 0) {
        rc = fold(rebuild, item, &run, err);
    }
    if (rc == 0) {
        odk_assert(run);
        add_rows(rebuild, item, run);
        add_accepted(rebuild, item);
        move_origin(rebuild, record);
        move_numbers(rebuild, item);
    }
    return rc;
}

/* ---- what a batch did beside ---- */

static int
add_outcome(struct rebuild *rebuild, const struct rebuild_item *item,
            const struct codec_request_outcome *outcome, struct odk_err *err)
{
    struct store_request *row =
        rebuild_vec_push(&rebuild->requests, sizeof(*row));

    *row = (struct store_request){
        .shard = rebuild->row.shard,
        .request_id = outcome->request_id,
        .workflow_key =
            workflow_key(rebuild, outcome->namespace, outcome->workflow_id),
        .has_run_id = outcome->run_id.ptr != NULL,
        .code = outcome->code,
        .message = outcome->message,
        .at = item->record.shard_progress.timestamp};
    if (outcome->digest.len != sizeof(row->digest) ||
        (row->has_run_id && !odk_uuid_parse(outcome->run_id, &row->run_id))) {
        return rebuild_corrupt(rebuild, item->offset, err,
                               "the outcome of request %.*s cannot be read",
                               ODK_STR_ARG(outcome->request_id));
    }
    memcpy(row->digest, outcome->digest.ptr, sizeof(row->digest));
    return 0;
}

static int
take_progress(struct rebuild *rebuild, const struct rebuild_item *item,
              struct odk_err *err)
{
    const struct codec_shard_progress *progress = &item->record.shard_progress;
    struct store_shard *next = &rebuild->next;

    rebuild_batch_note(rebuild, progress->timestamp);
    int rc = rebuild_outputs_aside(rebuild, progress, err);

    for (size_t i = 0; rc == 0 && i < progress->n_requests; i++) {
        rc = add_outcome(rebuild, item, &progress->requests[i], err);
    }
    for (size_t i = 0; i < progress->n_sources; i++) {
        move_source(rebuild, &progress->sources[i]);
    }
    move_up(&next->next_command, progress->next_command);
    move_up(&next->next_result, progress->next_result);
    move_up(&next->clock, progress->timestamp);
    move_numbers(rebuild, item);
    return rc;
}

int
rebuild_take(struct rebuild *rebuild, struct rebuild_item *item,
             struct odk_err *err)
{
    rebuild->report.records++;
    if (item->record.kind == CODEC_HISTORY_RECORD) {
        return take_transition(rebuild, item, err);
    }
    rebuild->parts.part = 0;
    return take_progress(rebuild, item, err);
}
