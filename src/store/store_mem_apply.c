#include "store/store_mem_priv.h"

/* ---- what PostgreSQL would refuse ---- */

/* Text as PostgreSQL takes it: UTF-8 without NUL. */
static bool
is_text(struct odk_str s)
{
    return odk_str_is_utf8(s) && odk_str_find(s, '\0') < 0;
}

static bool
holds(struct odk_str s, struct odk_str needle)
{
    return needle.ptr != NULL && s.len >= needle.len && s.len > 0 &&
           memmem(s.ptr, s.len, needle.ptr, needle.len) != NULL;
}

static bool
is_execution_fine(const struct store_mem_db *db,
                  const struct store_execution_write *write)
{
    return is_text(write->namespace_) && is_text(write->workflow_id) &&
           is_text(write->workflow_key) && is_text(write->definition) &&
           is_text(write->error) && !holds(write->workflow_id, db->refused) &&
           !holds(write->state, db->refused);
}

static bool
is_request_fine(const struct store_mem_db *db,
                const struct store_request *request)
{
    const struct store_mem_row *row =
        store_mem_find(&db->requests, request->shard, request->workflow_key,
                       request->request_id);

    return is_text(request->request_id) && is_text(request->workflow_key) &&
           is_text(request->code) && is_text(request->message) &&
           !holds(request->request_id, db->refused) &&
           (row == NULL || row->u.request.at != request->at);
}

static bool
are_values_fine(const struct store_mem_db *db, const struct store_batch *batch)
{
    bool is_fine = true;

    for (size_t i = 0; i < batch->n_executions; i++) {
        is_fine = is_fine && is_execution_fine(db, &batch->executions[i]);
    }
    for (size_t i = 0; i < batch->n_histories; i++) {
        struct odk_str entries = batch->histories[i].entries;
        is_fine = is_fine && is_text(entries) && !holds(entries, db->refused);
    }
    for (size_t i = 0; i < batch->n_requests; i++) {
        is_fine = is_fine && is_request_fine(db, &batch->requests[i]);
    }
    for (size_t i = 0; i < batch->n_sources; i++) {
        is_fine = is_fine && is_text(batch->sources[i].source.name);
    }
    for (size_t i = 0; i < batch->n_outputs; i++) {
        is_fine =
            is_fine && !holds(batch->outputs[i].output.value, db->refused);
    }
    for (size_t i = 0; i < batch->n_parked; i++) {
        is_fine = is_fine && is_text(batch->parked[i].output.topic) &&
                  is_text(batch->parked[i].reason);
    }
    return is_fine;
}

static int
check_executions(const struct store_mem_db *db, const struct store_batch *batch,
                 struct odk_err *err)
{
    for (size_t i = 0; i < batch->n_executions; i++) {
        const struct store_execution_write *write = &batch->executions[i];
        const struct store_mem_row *row =
            store_mem_find(&db->executions, write->shard,
                           store_mem_run_key(&write->run_id), ODK_STR(""));
        if (write->is_new && row != NULL) {
            return odk_err_set(err, ODK_EREFUSED,
                               "an execution of this run id exists");
        }
        if (!write->is_new &&
            (row == NULL || row->u.execution.version >= write->version)) {
            return odk_err_set(err, ODK_ECORRUPT,
                               "an execution's row is missing, or newer than "
                               "what was to be written");
        }
    }
    return 0;
}

int
store_mem_check(const struct store_mem_db *db, const struct store_batch *batch,
                struct odk_err *err)
{
    for (size_t i = 0; i < batch->n_shards; i++) {
        const struct store_shard_move *move = &batch->shards[i];
        const struct store_mem_shard *shard =
            store_mem_shard_find(db, move->shard);
        if (shard == NULL || shard->row.fence != move->fence) {
            return odk_err_set(err, ODK_EFENCED, "shard %d has another owner",
                               (int)move->shard);
        }
        if (shard->row.batch != move->batch_expected) {
            return odk_err_set(err, ODK_EFENCED,
                               "a batch of shard %d out of turn",
                               (int)move->shard);
        }
    }
    odk_dur_ms skew = batch->wall - db->now;
    if (skew > STORE_SKEW_MS_MAX || skew < -STORE_SKEW_MS_MAX) {
        return odk_err_set(err, ODK_ESKEW,
                           "the clock is %lld ms from the database's",
                           (long long)skew);
    }
    if (!are_values_fine(db, batch)) {
        return odk_err_set(err, ODK_EREFUSED, "a value of the batch");
    }
    return check_executions(db, batch, err);
}

/* ---- applying ---- */

static void
apply_move(struct store_mem_db *db, const struct store_shard_move *move)
{
    struct store_mem_shard *shard = store_mem_shard_find(db, move->shard);
    size_t first = 0;

    shard->row.batch = move->batch_expected + 1;
    shard->row.next_command = move->next_command;
    shard->row.next_result = move->next_result;
    shard->row.outbox_seq = move->outbox_seq;
    shard->row.published = move->published;
    shard->row.history_offset = move->history_offset;
    shard->row.clock = move->clock;

    /* (published_from, published]: what is below stays, as in the table. */
    while (first < shard->outputs.n &&
           STORE_MEM_AT(&shard->outputs, first, struct store_output)->seq <=
               move->published_from) {
        first++;
    }
    size_t end = first;
    while (end < shard->outputs.n &&
           STORE_MEM_AT(&shard->outputs, end, struct store_output)->seq <=
               move->published) {
        store_mem_free_output(
            STORE_MEM_AT(&shard->outputs, end, struct store_output));
        end++;
    }
    store_mem_vec_remove(&shard->outputs, first, end - first,
                         sizeof(struct store_output));
}

static void
apply_execution(struct store_mem_db *db,
                const struct store_execution_write *write)
{
    store_mem_put_execution(db, write);
    if (!write->is_status_changed) {
        return;
    }
    struct store_mem_row *current =
        write->is_new ? store_mem_put(&db->currents, write->shard,
                                      write->workflow_key, ODK_STR(""))
                      : store_mem_find(&db->currents, write->shard,
                                       write->workflow_key, ODK_STR(""));
    if (write->is_new) {
        current->u.current.run_id = write->run_id;
    }
    /* A run that is no longer the current one leaves it alone. */
    if (current != NULL &&
        odk_uuid_eq(&current->u.current.run_id, &write->run_id)) {
        current->u.current.status = write->status;
    }
}

static void
apply_timer(struct store_mem_db *db, const struct store_timer_write *write)
{
    struct store_mem_shard *shard = store_mem_shard_find(db, write->shard);
    size_t at = store_mem_timer_index(shard, &write->timer);
    bool is_there =
        at < shard->timers.n &&
        store_mem_timer_eq(STORE_MEM_AT(&shard->timers, at, struct store_timer),
                           &write->timer);

    if (write->is_set && !is_there) {
        struct store_timer *row =
            store_mem_vec_insert(&shard->timers, at, sizeof(*row));
        *row = write->timer;
    } else if (!write->is_set && is_there) {
        store_mem_vec_remove(&shard->timers, at, 1, sizeof(struct store_timer));
    }
}

void
store_mem_apply(struct store_mem_db *db, const struct store_batch *batch)
{
    db->committed_at = db->now;
    for (size_t i = 0; i < batch->n_executions; i++) {
        apply_execution(db, &batch->executions[i]);
    }
    for (size_t i = 0; i < batch->n_histories; i++) {
        store_mem_add_history(db, &batch->histories[i]);
    }
    for (size_t i = 0; i < batch->n_timers; i++) {
        apply_timer(db, &batch->timers[i]);
    }
    for (size_t i = 0; i < batch->n_requests; i++) {
        store_mem_put_request(db, &batch->requests[i]);
    }
    for (size_t i = 0; i < batch->n_sources; i++) {
        store_mem_put_source(store_mem_shard_find(db, batch->sources[i].shard),
                             &batch->sources[i].source);
    }
    for (size_t i = 0; i < batch->n_outputs; i++) {
        store_mem_add_output(store_mem_shard_find(db, batch->outputs[i].shard),
                             &batch->outputs[i].output);
    }
    for (size_t i = 0; i < batch->n_parked_drops; i++) {
        store_mem_drop_parked(db, &batch->parked_drops[i]);
    }
    for (size_t i = 0; i < batch->n_parked; i++) {
        store_mem_add_parked(db, &batch->parked[i]);
    }
    for (size_t i = 0; i < batch->n_shards; i++) {
        apply_move(db, &batch->shards[i]);
    }
}
