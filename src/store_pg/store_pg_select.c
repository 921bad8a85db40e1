#include "store_pg/store_pg_priv.h"

/*
 * A batch may write one row more than once (a timer set and dropped again, a
 * source moved twice, two runs of one workflow id): walking it backwards, the
 * first write seen is the one that counts. Keys hold the shard too.
 */

#define KEY_BYTES_MAX 64

struct seen {
    struct odk_map map;
    struct odk_map_node *nodes;
    size_t n;
};

static bool
seen_init(struct seen *seen, size_t n, struct odk_arena *arena)
{
    odk_map_init(&seen->map);
    seen->n = 0;
    seen->nodes = odk_arena_calloc(arena, n ? n : 1, sizeof(*seen->nodes));
    return seen->nodes != NULL;
}

/* Whether key was there already; it is kept by reference. */
static bool
seen_add(struct seen *seen, struct odk_str key)
{
    if (odk_map_find(&seen->map, key) != NULL) {
        return true;
    }
    odk_map_add(&seen->map, &seen->nodes[seen->n++], key);
    return false;
}

static bool
rows_init(struct store_pg_rows *rows, size_t n, struct odk_arena *arena)
{
    rows->n = 0;
    rows->ptr =
        (const void **)odk_arena_calloc(arena, n ? n : 1, sizeof(void *));
    return rows->ptr != NULL;
}

static void
rows_add(struct store_pg_rows *rows, const void *row)
{
    rows->ptr[rows->n++] = row;
}

/* A shard and a text as one key. */
static struct odk_str
shard_key(int32_t shard, struct odk_str text, struct odk_arena *arena)
{
    char *key = odk_arena_alloc(arena, sizeof(shard) + text.len);

    if (key == NULL) {
        return (struct odk_str){NULL, 0};
    }
    memcpy(key, &shard, sizeof(shard));
    if (text.len > 0) {
        memcpy(key + sizeof(shard), text.ptr, text.len);
    }
    return odk_str_n(key, sizeof(shard) + text.len);
}

static int
select_executions(const struct store_batch *batch, struct odk_arena *arena,
                  struct store_pg_selection *out)
{
    for (size_t i = 0; i < batch->n_executions; i++) {
        const struct store_execution_write *write = &batch->executions[i];
        odk_assert(!write->is_new || write->is_status_changed);
        rows_add(write->is_new ? &out->executions_new : &out->executions_old,
                 write);
        if (!write->is_new && write->is_status_changed) {
            rows_add(&out->closed, write);
        }
    }
    if (out->executions_new.n == 0) {
        return 0;
    }
    struct seen seen;
    if (!seen_init(&seen, out->executions_new.n, arena)) {
        return ODK_ELIMIT;
    }
    int rc = 0;
    for (size_t i = out->executions_new.n; rc == 0 && i-- > 0;) {
        const struct store_execution_write *write = out->executions_new.ptr[i];
        struct odk_str key =
            shard_key(write->shard, write->workflow_key, arena);
        if (key.ptr == NULL) {
            rc = ODK_ELIMIT;
        } else if (!seen_add(&seen, key)) {
            rows_add(&out->current, write);
        }
    }
    odk_map_release(&seen.map);
    return rc;
}

/* The parts of a timer's identity side by side, without padding. */
static struct odk_str
timer_key(const struct store_timer_write *write, struct odk_arena *arena)
{
    const struct store_timer *timer = &write->timer;
    char key[KEY_BYTES_MAX];
    size_t len = 0;

    memcpy(key + len, &timer->due, sizeof(timer->due));
    len += sizeof(timer->due);
    memcpy(key + len, timer->run_id.bytes, sizeof(timer->run_id.bytes));
    len += sizeof(timer->run_id.bytes);
    memcpy(key + len, &timer->id, sizeof(timer->id));
    len += sizeof(timer->id);
    return shard_key(write->shard, odk_str_n(key, len), arena);
}

static int
select_timers(const struct store_batch *batch, struct odk_arena *arena,
              struct store_pg_selection *out)
{
    struct seen seen;
    int rc = 0;

    if (batch->n_timers == 0) {
        return 0;
    }
    if (!seen_init(&seen, batch->n_timers, arena)) {
        return ODK_ELIMIT;
    }
    for (size_t i = batch->n_timers; rc == 0 && i-- > 0;) {
        const struct store_timer_write *write = &batch->timers[i];
        struct odk_str key = timer_key(write, arena);
        if (key.ptr == NULL) {
            rc = ODK_ELIMIT;
        } else if (!seen_add(&seen, key)) {
            rows_add(write->is_set ? &out->timers_set : &out->timers_dropped,
                     write);
        }
    }
    odk_map_release(&seen.map);
    return rc;
}

static int
select_sources(const struct store_batch *batch, struct odk_arena *arena,
               struct store_pg_selection *out)
{
    struct seen seen;
    int rc = 0;

    if (batch->n_sources == 0) {
        return 0;
    }
    if (!seen_init(&seen, batch->n_sources, arena)) {
        return ODK_ELIMIT;
    }
    for (size_t i = batch->n_sources; rc == 0 && i-- > 0;) {
        const struct store_source_write *write = &batch->sources[i];
        struct odk_str key = shard_key(write->shard, write->source.name, arena);
        if (key.ptr == NULL) {
            rc = ODK_ELIMIT;
        } else if (!seen_add(&seen, key)) {
            rows_add(&out->sources, write);
        }
    }
    odk_map_release(&seen.map);
    return rc;
}

int
store_pg_select(const struct store_batch *batch, struct odk_arena *arena,
                struct store_pg_selection *out, struct odk_err *err)
{
    bool is_room =
        rows_init(&out->executions_new, batch->n_executions, arena) &&
        rows_init(&out->executions_old, batch->n_executions, arena) &&
        rows_init(&out->current, batch->n_executions, arena) &&
        rows_init(&out->closed, batch->n_executions, arena) &&
        rows_init(&out->timers_set, batch->n_timers, arena) &&
        rows_init(&out->timers_dropped, batch->n_timers, arena) &&
        rows_init(&out->sources, batch->n_sources, arena);

    if (!is_room || select_executions(batch, arena, out) != 0 ||
        select_timers(batch, arena, out) != 0 ||
        select_sources(batch, arena, out) != 0) {
        return odk_err_set(err, ODK_EREFUSED,
                           "a batch is larger than its memory");
    }
    return 0;
}
