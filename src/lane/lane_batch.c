#include <stdlib.h>

#include "lane/lane_priv.h"

/* ---- growing arrays ---- */

#define VEC_ITEMS_MIN 64u

void *
lane_vec_push(struct lane_vec *vec, size_t item_bytes)
{
    if (vec->n == vec->size) {
        vec->size = vec->size ? vec->size * 2 : VEC_ITEMS_MIN;
        void *grown = realloc(vec->items, vec->size * item_bytes);
        if (!grown) {
            odk_out_of_memory();
        }
        vec->items = grown;
    }
    void *item = (char *)vec->items + vec->n++ * item_bytes;
    memset(item, 0, item_bytes);
    return item;
}

static void
vec_release(struct lane_vec *vec)
{
    free(vec->items);
    *vec = (struct lane_vec){0};
}

void
lane_batch_release(struct lane_batch *batch)
{
    vec_release(&batch->shards);
    vec_release(&batch->executions);
    vec_release(&batch->histories);
    vec_release(&batch->timers);
    vec_release(&batch->requests);
    vec_release(&batch->sources);
    vec_release(&batch->outputs);
    vec_release(&batch->parked);
    vec_release(&batch->parked_drops);
    vec_release(&batch->named);
    vec_release(&batch->loose_requests);
    vec_release(&batch->operated);
    vec_release(&batch->voids);
    odk_map_release(&batch->timer_changes);
}

void
lane_batch_clear(struct lane_batch *batch)
{
    batch->shards.n = 0;
    batch->executions.n = 0;
    batch->histories.n = 0;
    batch->timers.n = 0;
    batch->requests.n = 0;
    batch->sources.n = 0;
    batch->outputs.n = 0;
    batch->parked.n = 0;
    batch->parked_drops.n = 0;
    batch->named.n = 0;
    batch->loose_requests.n = 0;
    batch->operated.n = 0;
    batch->voids.n = 0;
    /* The changes live in the tick's arena; the map only forgets them. */
    for (struct lane_timer_change *change = batch->first_change; change;
         change = change->next) {
        odk_map_remove(&batch->timer_changes, &change->node);
    }
    batch->first_change = NULL;
    batch->touched = batch->last_touched = NULL;
}

/* ---- timers ---- */

static struct lane_timer_change *
timer_change(struct lane *lane, const struct odk_uuid *run_id, uint64_t id,
             bool *is_new)
{
    uint8_t key[LANE_TIMER_KEY_BYTES];
    struct lane_batch *batch = &lane->batch;

    memcpy(key, run_id->bytes, 16);
    memcpy(key + 16, &id, 8);
    struct odk_map_node *node =
        odk_map_find(&batch->timer_changes, odk_str_n(key, sizeof(key)));
    *is_new = node == NULL;
    if (node) {
        return ODK_CONTAINER(node, struct lane_timer_change, node);
    }
    struct lane_timer_change *change =
        odk_arena_alloc(&lane->arena, sizeof(*change));
    odk_assert(change);
    memcpy(change->key, key, sizeof(key));
    odk_map_add(&batch->timer_changes, &change->node,
                odk_str_n(change->key, sizeof(change->key)));
    change->next = batch->first_change;
    batch->first_change = change;
    return change;
}

void
lane_batch_timer(struct lane *lane, int32_t shard,
                 const struct odk_uuid *run_id,
                 const struct engine_timer_op *op)
{
    bool is_new = false;
    struct lane_timer_change *change =
        timer_change(lane, run_id, op->id, &is_new);

    if (!op->is_set && !is_new && change->is_set) {
        change->is_void = true;
        return;
    }
    odk_assert(is_new || !op->is_set); /* the engine never uses an id twice */
    change->shard = shard;
    change->is_set = op->is_set;
    change->timer =
        (struct store_timer){.due = op->due, .run_id = *run_id, .id = op->id};
}

/* ---- sources ---- */

static struct lane_source *
source_get(struct lane_shard *shard, struct odk_str name)
{
    struct odk_map_node *node = odk_map_find(&shard->sources, name);

    if (node) {
        return ODK_CONTAINER(node, struct lane_source, node);
    }
    struct lane_source *source = calloc(1, sizeof(*source) + name.len + 1);
    if (!source) {
        odk_out_of_memory();
    }
    memcpy(source->name, name.ptr, name.len);
    source->seq = -1;
    odk_map_add(&shard->sources, &source->node,
                odk_str_n(source->name, name.len));
    return source;
}

/* False: at or below the watermark, this record was applied before. */
static bool
source_advance(struct lane_shard *shard, const struct codec_source *from)
{
    struct lane_source *source = source_get(shard, from->name);

    if (from->seq <= source->seq) {
        return false;
    }
    source->seq = from->seq;
    source->is_named = false;
    if (!source->is_changed) {
        source->is_changed = true;
        source->next_changed = shard->changed_sources;
        shard->changed_sources = source;
    }
    return true;
}

/* ---- applying ---- */

static struct lane_poison *
poison_of(const struct lane_input *input)
{
    int at = input->message ? input->message->topic : LANE_N_PLACES;

    return &input->shard->poisons[at];
}

static bool
is_poison(const struct lane_input *input)
{
    const struct lane_poison *poison = poison_of(input);

    if (!poison->is_set) {
        return false;
    }
    if (!input->message) {
        return odk_uuid_eq(&poison->run_id, &input->run_id) &&
               poison->timer_id == input->timer.id;
    }
    return poison->offset == input->message->offset;
}

static void
poison_set(const struct lane_input *input, const struct odk_err *err)
{
    struct lane_poison *poison = poison_of(input);

    *poison = (struct lane_poison){.is_set = true};
    if (input->message) {
        poison->offset = input->message->offset;
    } else {
        poison->run_id = input->run_id;
        poison->timer_id = input->timer.id;
    }
    memcpy(poison->text, err->message, sizeof(poison->text));
    poison->text[sizeof(poison->text) - 1] = '\0';
}

/* The one input whose transition is refused: its run ends with States.Runtime,
 * a command is a dead letter. */
static int
apply_poison(struct lane *lane, struct lane_input *input, struct odk_err *err)
{
    struct lane_execution *execution = lane_input_execution(lane, input);
    struct engine_input event = {
        .kind = ENGINE_INPUT_FAIL,
        .error = ODK_STR("States.Runtime"),
        .cause = ODK_STR("the transition was refused: see the server's log")};
    bool is_command =
        input->message && input->message->topic == LANE_PLACE_COMMANDS;

    if (input->has_source && !source_advance(input->shard, &input->source)) {
        lane->stats.repeats++; /* it was refused before */
        return 0;
    }
    if (!input->message) {
        struct engine_timer_op drop = {.id = input->timer.id,
                                       .due = input->timer.due};
        lane_batch_timer(lane, input->shard->id, &input->run_id, &drop);
    } else if (is_command || !execution) {
        lane_input_bad(input, "Refused", "%s", poison_of(input)->text);
        int rc = lane_emit_deadletter(lane, input, err);
        if (rc != 0) {
            return rc;
        }
    }
    if (!is_command && execution &&
        engine_status(execution->engine) == ENGINE_RUNNING) {
        return lane_step(lane, input, execution, &event, NULL, err);
    }
    return is_command ? lane_emit_reply(lane, input, NULL, "Refused",
                                        odk_str(poison_of(input)->text), err)
                      : 0;
}

static bool
is_result(const struct lane_input *input)
{
    enum codec_kind kind = input->record.kind;

    return kind == CODEC_TASK_STARTED || kind == CODEC_TASK_SUCCEEDED ||
           kind == CODEC_TASK_FAILED || kind == CODEC_TASK_HEARTBEAT;
}

static int
apply_record(struct lane *lane, struct lane_input *input, struct odk_err *err)
{
    if (input->has_source && !source_advance(input->shard, &input->source)) {
        lane->stats.repeats++;
        return 0;
    }
    return is_result(input) ? lane_apply_result(lane, input, err)
                            : lane_apply_command(lane, input, err);
}

/* Its bytes are kept; who sent a command that can be read is told as well. */
static int
apply_bad(struct lane *lane, struct lane_input *input, struct odk_err *err)
{
    int rc = lane_emit_deadletter(lane, input, err);

    return rc ? rc
              : lane_emit_reply(lane, input, NULL, input->bad_code,
                                odk_str(input->bad_text), err);
}

static int
apply_kind(struct lane *lane, struct lane_input *input, struct odk_err *err)
{
    if (is_poison(input) && input->kind != LANE_INPUT_BAD &&
        input->kind != LANE_INPUT_MARKER && input->kind != LANE_INPUT_REPEAT) {
        return apply_poison(lane, input, err);
    }
    switch (input->kind) {
    case LANE_INPUT_RECORD:
        return apply_record(lane, input, err);
    case LANE_INPUT_TIMER:
        return lane_apply_timer(lane, input, err);
    case LANE_INPUT_BAD:
        return apply_bad(lane, input, err);
    case LANE_INPUT_FOREIGN:
        return lane_emit_forward(lane, input, err);
    case LANE_INPUT_MARKER:
        (void)source_advance(input->shard, &input->source);
        return 0;
    case LANE_INPUT_REPEAT:
        return 0;
    }
    return odk_err_set(err, ODK_EINTERNAL, "an input of no kind");
}

static int
apply(struct lane *lane, struct lane_input *input, struct odk_err *err)
{
    struct lane_batch *batch = &lane->batch;
    size_t n = batch->requests.n;

    lane->stats.inputs++;
    int rc = apply_kind(lane, input, err);
    for (; n < batch->requests.n && !input->is_in_history; n++) {
        *(size_t *)lane_vec_push(&batch->loose_requests, sizeof(n)) = n;
    }
    return rc;
}

static void
begin_shard(struct lane *lane, struct lane_shard *shard)
{
    if (shard->is_in_batch) {
        return;
    }
    shard->is_in_batch = true;
    shard->next_offset[LANE_PLACE_COMMANDS] = shard->row.next_command;
    shard->next_offset[LANE_PLACE_RESULTS] = shard->row.next_result;
    shard->outbox_seq = shard->row.outbox_seq;
    shard->n_transitions = 0;
    shard->n_outputs = 0;
    shard->now = lane_shard_now(lane, shard);
}

/* ---- building ---- */

static void
build_shard(struct lane *lane, struct lane_shard *shard)
{
    struct store_shard_move *move =
        lane_vec_push(&lane->batch.shards, sizeof(*move));

    *move = (struct store_shard_move){
        .shard = shard->id,
        .fence = shard->row.fence,
        .batch_expected = shard->row.batch,
        .next_command = shard->next_offset[LANE_PLACE_COMMANDS],
        .next_result = shard->next_offset[LANE_PLACE_RESULTS],
        .outbox_seq = shard->outbox_seq,
        .published = shard->acked,
        .published_from = shard->published_written,
        .history_offset = shard->row.history_offset,
        .clock = shard->now};
    for (struct lane_source *source = shard->changed_sources; source;
         source = source->next_changed) {
        struct store_source_write *write =
            lane_vec_push(&lane->batch.sources, sizeof(*write));
        *write = (struct store_source_write){shard->id,
                                             {source->node.key, source->seq}};
    }
}

static void
build_execution(struct lane *lane, struct lane_execution *execution)
{
    const struct engine_identity *identity = engine_identity(execution->engine);
    struct store_execution_write *write =
        lane_vec_push(&lane->batch.executions, sizeof(*write));

    odk_buf_clear(&lane->scratch);
    engine_save(execution->engine, &lane->scratch);
    odk_assert(!odk_buf_failed(&lane->scratch));
    *write = (struct store_execution_write){
        .shard = execution->shard,
        .is_new = execution->is_new,
        .run_id = identity->run_id,
        .namespace_ = identity->namespace_,
        .workflow_id = identity->workflow_id,
        .workflow_key = execution->key,
        .definition = identity->definition,
        .definition_version = identity->definition_version,
        .status = (int)engine_status(execution->engine),
        .is_status_changed = execution->is_status_changed,
        .version = engine_version(execution->engine),
        .started_at = engine_started_at(execution->engine),
        .closed_at = engine_closed_at(execution->engine),
        .error = engine_error(execution->engine),
        .is_stuck = execution->is_stuck,
        .state = lane_keep(lane, odk_buf_str(&lane->scratch)),
    };
}

static void
build_timers(struct lane *lane)
{
    for (struct lane_timer_change *change = lane->batch.first_change; change;
         change = change->next) {
        if (!change->is_void) {
            struct store_timer_write *write =
                lane_vec_push(&lane->batch.timers, sizeof(*write));
            *write = (struct store_timer_write){change->shard, change->is_set,
                                                change->timer};
        }
    }
}

static int
build(struct lane *lane, struct store_batch *out, struct odk_err *err)
{
    struct lane_batch *batch = &lane->batch;

    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        if (!shard->is_in_batch) {
            continue;
        }
        if (lane_has_progress(lane, shard)) {
            int rc = lane_emit_progress(lane, shard, err);
            if (rc != 0) {
                return rc;
            }
        }
        build_shard(lane, shard);
    }
    for (struct lane_execution *execution = batch->touched; execution;
         execution = execution->next_touched) {
        build_execution(lane, execution);
    }
    build_timers(lane);
    *out = (struct store_batch){
        .shards = batch->shards.items,
        .n_shards = batch->shards.n,
        .executions = batch->executions.items,
        .n_executions = batch->executions.n,
        .histories = batch->histories.items,
        .n_histories = batch->histories.n,
        .timers = batch->timers.items,
        .n_timers = batch->timers.n,
        .requests = batch->requests.items,
        .n_requests = batch->requests.n,
        .sources = batch->sources.items,
        .n_sources = batch->sources.n,
        .outputs = batch->outputs.items,
        .n_outputs = batch->outputs.n,
        .parked = batch->parked.items,
        .n_parked = batch->parked.n,
        .parked_drops = batch->parked_drops.items,
        .n_parked_drops = batch->parked_drops.n,
    };
    return 0;
}

/* ---- after the commit ---- */

static void
committed_shard(struct lane *lane, struct lane_shard *shard)
{
    shard->is_in_batch = false;
    shard->row.batch++;
    shard->row.next_command = shard->next_offset[LANE_PLACE_COMMANDS];
    shard->row.next_result = shard->next_offset[LANE_PLACE_RESULTS];
    shard->row.outbox_seq = shard->outbox_seq;
    shard->row.clock = shard->now;
    shard->clock_read_at = lane_monotonic(lane);
    shard->published_written = shard->acked;
    shard->pause_ms = 0;
    shard->is_refused = false;
    for (size_t i = 0; i < ODK_ARRAY_LEN(shard->poisons); i++) {
        shard->poisons[i].is_set = false;
    }
    while (shard->changed_sources) {
        shard->changed_sources->is_changed = false;
        shard->changed_sources = shard->changed_sources->next_changed;
    }
}

static void
committed_executions(struct lane *lane)
{
    struct lane_execution *execution = lane->batch.touched;

    while (execution) {
        struct lane_execution *next = execution->next_touched;
        execution->is_touched = execution->is_new =
            execution->is_status_changed = false;
        execution->next_touched = NULL;
        if (engine_status(execution->engine) != ENGINE_RUNNING) {
            lane_cache_drop(&lane->cache, execution);
        }
        execution = next;
    }
    lane_cache_trim(&lane->cache);
}

static void
committed_timers(struct lane *lane)
{
    for (struct lane_timer_change *change = lane->batch.first_change; change;
         change = change->next) {
        struct lane_shard *shard = lane_shard_find(lane, change->shard);
        if (change->is_void) {
            continue;
        }
        if (change->is_set) {
            lane_timers_set(&shard->timers, &change->timer);
        } else {
            lane_timers_drop(&shard->timers, &change->timer.run_id,
                             change->timer.id);
        }
    }
}

static void
publish(struct lane *lane)
{
    const struct store_output_write *outputs = lane->batch.outputs.items;
    const struct bus_ack *voids = lane->batch.voids.items;
    struct odk_err err = {0};

    for (size_t i = 0; i < lane->batch.voids.n; i++) {
        lane_ack_mark(lane_shard_find(lane, voids[i].shard), voids[i].seq);
    }
    for (size_t i = 0; i < lane->batch.outputs.n; i++) {
        int rc = lane_send(lane, outputs[i].shard, &outputs[i].output, &err);
        if (rc != 0) {
            /* Everything is in the outbox: the new producer sends from acked
             * + 1. */
            lane_log(lane, ODK_LOG_WARN, "publish.failed", "%s", err.message);
            lane->is_producer_down = true;
            return;
        }
    }
}

/* While a shard looks for the input that is refused, what others commit must
 * not make its batch large again. */
static void
slice_grow(struct lane *lane)
{
    for (const struct lane_shard *shard = lane->shards; shard;
         shard = shard->next) {
        if (shard->is_refused && shard->state != LANE_SHARD_QUARANTINED) {
            return;
        }
    }
    lane->slice_max = lane->slice_max * 2 < lane->options.batch_max
                          ? lane->slice_max * 2
                          : lane->options.batch_max;
}

static void
committed(struct lane *lane)
{
    lane->stats.batches++;
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        if (shard->is_in_batch) {
            committed_shard(lane, shard);
        }
    }
    committed_timers(lane);
    if (!lane->is_producer_down) {
        publish(lane);
    }
    committed_executions(lane);
    slice_grow(lane);
    lane_batch_clear(&lane->batch);
}

/* ---- failures ---- */

static void
drop_batch_shards(struct lane *lane, odk_dur_ms pause_ms)
{
    for (struct lane_shard *shard = lane->shards; shard; shard = shard->next) {
        if (shard->is_in_batch) {
            lane_shard_drop(lane, shard, pause_ms);
        }
    }
}

/* One input is to blame: refused at its next turn. If even its refusal is
 * refused, people must look. */
static void
refused_alone(struct lane *lane, const struct lane_input *input,
              const struct odk_err *err)
{
    lane_log(lane, ODK_LOG_ERROR, "input.refused", "shard %d: %s",
             input->shard->id, err->message);
    if (is_poison(input)) {
        lane_shard_quarantine(lane, input->shard, err->message);
    }
    poison_set(input, err);
    input->shard->is_refused = true;
    lane->slice_max =
        1; /* its refusal commits alone, whatever comes behind it */
    drop_batch_shards(lane, 0);
}

/* failed is the input whose step failed, or NULL when the commit as a whole
 * did. */
static void
run_failed(struct lane *lane, struct lane_input *inputs, size_t n,
           const struct lane_input *failed, const struct odk_err *err)
{
    bool is_refused = err->code == ODK_EREFUSED;
    enum odk_err_class kind = odk_err_class(err->code);

    if (failed && err->code == ODK_EQUARANTINE) {
        lane_shard_quarantine(lane, failed->shard, err->message);
        drop_batch_shards(lane, 0);
    } else if (failed && kind != ODK_CLASS_RETRY && kind != ODK_CLASS_FENCE) {
        refused_alone(lane, failed, err);
    } else if (is_refused && n == 1) {
        refused_alone(lane, inputs, err);
    } else if (is_refused) {
        lane->slice_max = n / 2;
        for (size_t i = 0; i < n; i++) {
            inputs[i].shard->is_refused = true;
        }
        drop_batch_shards(lane, 0);
    } else if (err->code == ODK_EFENCED) {
        lane->stats.fenced++;
        lane_log(lane, ODK_LOG_WARN, "shard.fenced",
                 "another owner took over: %s", err->message);
        drop_batch_shards(lane, 100);
    } else if (err->code == ODK_ESKEW) {
        drop_batch_shards(lane, 0);
    } else if (err->code == ODK_EAGAIN || kind == ODK_CLASS_CORRUPT ||
               kind == ODK_CLASS_BUG) {
        lane_log(lane, ODK_LOG_WARN, "batch.failed", "%s", err->message);
        drop_batch_shards(lane, 100);
    } else {
        lane_store_failed(lane, err);
    }
    lane_batch_clear(&lane->batch);
}

static size_t
count_ready(struct lane_input *inputs, size_t n)
{
    size_t ready = 0;

    for (size_t i = 0; i < n; i++) {
        if (inputs[i].shard->state == LANE_SHARD_OWNED) {
            inputs[ready++] = inputs[i];
        }
    }
    return ready;
}

int
lane_apply(struct lane *lane, struct lane_input *inputs, size_t n,
           const struct lane_input **failed, struct odk_err *err)
{
    *failed = NULL;
    for (size_t i = 0; i < n; i++) {
        begin_shard(lane, inputs[i].shard);
    }
    int rc = lane_load(lane, inputs, n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = apply(lane, &inputs[i], err);
        *failed = rc ? &inputs[i] : NULL;
        if (inputs[i].message) {
            inputs[i].shard->next_offset[inputs[i].message->topic] =
                inputs[i].message->offset + 1;
        }
    }
    return rc;
}

void
lane_run(struct lane *lane, struct lane_input *inputs, size_t n)
{
    struct store_batch batch = {0};
    struct odk_err err = {0};
    const struct lane_input *failed = NULL;

    n = count_ready(inputs,
                    n); /* an earlier slice of the tick may have lost a shard */
    if (n == 0) {
        return;
    }
    int rc = lane_apply(lane, inputs, n, &failed, &err);
    if (rc == 0) {
        rc = build(lane, &batch, &err);
    }
    if (rc == 0) {
        rc = lane_commit(lane, &batch, &err);
    }
    if (rc == 0) {
        committed(lane);
        return;
    }
    odk_assert(err.code == rc);
    run_failed(lane, inputs, n, failed, &err);
}
