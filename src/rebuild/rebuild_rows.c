#include <stdlib.h>

#include "rebuild/rebuild_priv.h"

#define VEC_ITEMS_MIN 64u

void *
rebuild_vec_push(struct rebuild_vec *vec, size_t item_bytes)
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

void
rebuild_vec_release(struct rebuild_vec *vec)
{
    free(vec->items);
    *vec = (struct rebuild_vec){0};
}

void
rebuild_rows_clear(struct rebuild *rebuild)
{
    rebuild->histories.n = 0;
    rebuild->timers.n = 0;
    rebuild->requests.n = 0;
    rebuild->sources.n = 0;
    rebuild->outputs.n = 0;
    rebuild->parked.n = 0;
    rebuild->touched = rebuild->last_touched = NULL;
}

static int
by_seq(const void *a, const void *b)
{
    const struct store_output_write *left = a;
    const struct store_output_write *right = b;

    return (left->output.seq > right->output.seq) -
           (left->output.seq < right->output.seq);
}

/* `published` goes along as long as nothing is left to be published. */
static struct store_shard_move
move_of(struct rebuild *rebuild)
{
    struct store_shard *next = &rebuild->next;
    struct store_output_write *outputs = rebuild->outputs.items;

    if (rebuild->outputs.n > 0) {
        qsort(outputs, rebuild->outputs.n, sizeof(*outputs), by_seq);
    }
    if (rebuild->may_publish && rebuild->outputs.n > 0) {
        next->published = outputs[0].output.seq - 1;
        rebuild->may_publish = false;
    } else if (rebuild->may_publish) {
        next->published = next->outbox_seq;
    }
    return (struct store_shard_move){.shard = next->shard,
                                     .fence = next->fence,
                                     .batch_expected = rebuild->row.batch,
                                     .next_command = next->next_command,
                                     .next_result = next->next_result,
                                     .outbox_seq = next->outbox_seq,
                                     .published = next->published,
                                     .published_from = rebuild->row.published,
                                     .history_offset = next->history_offset,
                                     .clock = next->clock};
}

static struct store_execution_write *
executions_of(struct rebuild *rebuild, size_t *n)
{
    struct store_execution_write *writes = NULL;
    size_t at = 0;

    *n = 0;
    for (struct rebuild_run *run = rebuild->touched; run;
         run = run->next_touched) {
        (*n)++;
    }
    writes = odk_arena_calloc(&rebuild->arena, *n, sizeof(*writes));
    odk_assert(writes);
    for (struct rebuild_run *run = rebuild->touched; run;
         run = run->next_touched) {
        const struct engine_identity *identity = engine_identity(run->engine);
        struct odk_buf text;
        odk_buf_init(&text, 0);
        odk_buf_printf(&text, "%.*s/%.*s", ODK_STR_ARG(identity->namespace_),
                       ODK_STR_ARG(identity->workflow_id));
        struct odk_str key = rebuild_keep(rebuild, odk_buf_str(&text));
        odk_buf_clear(&text);
        engine_save(run->engine, &text);
        writes[at++] = (struct store_execution_write){
            .shard = rebuild->row.shard,
            .is_new = run->is_new,
            .run_id = run->run_id,
            .namespace_ = identity->namespace_,
            .workflow_id = identity->workflow_id,
            .workflow_key = key,
            .definition = identity->definition,
            .definition_version = identity->definition_version,
            .status = (int)engine_status(run->engine),
            .is_status_changed = run->is_status_changed,
            .version = engine_version(run->engine),
            .started_at = engine_started_at(run->engine),
            .closed_at = engine_closed_at(run->engine),
            .error = engine_error(run->engine),
            .is_stuck = run->is_stuck,
            .state = rebuild_keep(rebuild, odk_buf_str(&text)),
        };
        odk_buf_release(&text);
    }
    return writes;
}

static void
committed(struct rebuild *rebuild)
{
    struct rebuild_report *report = &rebuild->report;

    if (rebuild->outputs.n > 0) {
        const struct store_output_write *outputs = rebuild->outputs.items;
        rebuild->output_seq = outputs[rebuild->outputs.n - 1].output.seq;
    }
    rebuild->next.batch++;
    rebuild->row = rebuild->next;
    report->outputs += rebuild->outputs.n;
    report->parked += rebuild->parked.n;
    report->requests += rebuild->requests.n;
    report->transitions += rebuild->histories.n;
    for (struct rebuild_run *run = rebuild->touched; run;) {
        struct rebuild_run *next = run->next_touched;
        report->runs += run->is_new;
        run->is_new = run->is_status_changed = run->is_touched = false;
        run->next_touched = NULL;
        run = next;
    }
    report->seq = rebuild->row.outbox_seq;
    report->clock = rebuild->row.clock;
    rebuild_rows_clear(rebuild);
}

int
rebuild_commit(struct rebuild *rebuild, struct odk_err *err)
{
    const struct lane_clock *clock = &rebuild->options.clock;
    struct store_shard_move move = move_of(rebuild);
    size_t n = 0;
    const struct store_execution_write *executions = executions_of(rebuild, &n);
    struct store_batch batch = {
        .wall = clock->wall(clock->ctx),
        .shards = &move,
        .n_shards = 1,
        .executions = executions,
        .n_executions = n,
        .histories = rebuild->histories.items,
        .n_histories = rebuild->histories.n,
        .timers = rebuild->timers.items,
        .n_timers = rebuild->timers.n,
        .requests = rebuild->requests.items,
        .n_requests = rebuild->requests.n,
        .sources = rebuild->sources.items,
        .n_sources = rebuild->sources.n,
        .outputs = rebuild->outputs.items,
        .n_outputs = rebuild->outputs.n,
        .parked = rebuild->parked.items,
        .n_parked = rebuild->parked.n,
    };
    int rc = store_commit(&rebuild->store, &batch, err);

    if (rc == 0) {
        committed(rebuild);
    }
    return rc;
}
