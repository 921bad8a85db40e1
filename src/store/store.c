#include "store/store.h"

/* The wrappers check what both sides of the port promise; implementations may
 * rely on it. */

void
store_close(struct store *store)
{
    if (store->ops != NULL) {
        store->ops->close(store);
        *store = (struct store){NULL, NULL};
    }
}

int
store_reconnect(struct store *store, struct odk_err *err)
{
    odk_assert(store->ops != NULL);
    int rc = store->ops->reconnect(store, err);
    odk_assert(rc <= 0);
    return rc;
}

int
store_server(struct store *store, struct store_server *out, struct odk_err *err)
{
    *out = (struct store_server){0};
    int rc = store->ops->server(store, out, err);
    odk_assert(rc <= 0);
    return rc;
}

int
store_acquire(struct store *store, int32_t shard, int64_t fence, // NOLINT
              struct odk_str owner, struct odk_arena *arena,
              struct store_shard *out, struct odk_err *err)
{
    odk_assert(shard >= 0);
    odk_assert(fence != 0); /* the fence of a row that nobody acquired */
    *out = (struct store_shard){.shard = -1};
    int rc = store->ops->acquire(store, shard, fence, owner, arena, out, err);
    odk_assert(rc <= 0);
    if (rc == 0) {
        odk_assert(out->shard == shard);
        odk_assert(out->fence == fence);
        odk_assert(out->epoch > 0);
        odk_assert(out->published <= out->outbox_seq);
    }
    return rc;
}

int
store_quarantine(struct store *store, int32_t shard, int64_t fence,
                 struct odk_str reason, struct odk_err *err)
{
    odk_assert(shard >= 0 && fence != 0);
    odk_assert(reason.ptr != NULL && reason.len > 0);
    return store->ops->quarantine(store, shard, fence, reason, err);
}

int
store_accept_server(struct store *store, int32_t shard, int64_t fence,
                    uint64_t outbox_seq, struct odk_err *err)
{
    odk_assert(shard >= 0 && fence != 0);
    odk_assert(outbox_seq <= INT64_MAX);
    return store->ops->accept_server(store, shard, fence, outbox_seq, err);
}

int
store_forget_server(struct store *store, int32_t shard, int64_t fence,
                    struct odk_err *err)
{
    odk_assert(shard >= 0 && fence != 0);
    return store->ops->forget_server(store, shard, fence, err);
}

int
store_unpublished(struct store *store, int32_t shard, uint64_t after, // NOLINT
                  size_t bytes_max, struct odk_arena *arena,
                  const struct store_output **out, size_t *n,
                  struct odk_err *err)
{
    odk_assert(shard >= 0 && bytes_max > 0 && bytes_max <= INT64_MAX);
    *out = NULL;
    *n = 0;
    int rc = store->ops->unpublished(store, shard, after, bytes_max, arena, out,
                                     n, err);
    odk_assert(rc <= 0);
    if (rc == 0 && *n > 0) {
        odk_assert((*out)[0].seq > after);
        for (size_t i = 1; i < *n; i++) {
            odk_assert((*out)[i].seq > (*out)[i - 1].seq);
        }
    }
    return rc;
}

int
store_parked(struct store *store, int32_t shard, uint64_t seq,
             struct odk_arena *arena, struct store_output *out,
             struct odk_err *err)
{
    odk_assert(shard >= 0 && seq <= INT64_MAX);
    *out = (struct store_output){.seq = 0};
    int rc = store->ops->parked(store, shard, seq, arena, out, err);
    odk_assert(rc <= 0);
    odk_assert(rc != 0 || out->seq == seq);
    return rc;
}

int
store_sources(struct store *store, int32_t shard, struct odk_arena *arena,
              const struct store_source **out, size_t *n, struct odk_err *err)
{
    odk_assert(shard >= 0);
    *out = NULL;
    *n = 0;
    return store->ops->sources(store, shard, arena, out, n, err);
}

int
store_load(struct store *store, const struct store_want *wants, size_t n,
           struct odk_arena *arena, struct store_execution *out,
           struct odk_err *err)
{
    for (size_t i = 0; i < n; i++) {
        odk_assert(wants[i].shard >= 0);
        out[i] = (struct store_execution){.is_found = false};
    }
    if (n == 0) {
        return 0;
    }
    int rc = store->ops->load(store, wants, n, arena, out, err);
    odk_assert(rc <= 0);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        odk_assert_slow(!out[i].is_found || !wants[i].has_run_id ||
                        odk_uuid_eq(&out[i].run_id, &wants[i].run_id));
        odk_assert_slow(!out[i].is_found || wants[i].has_run_id ||
                        odk_str_eq(out[i].workflow_key, wants[i].workflow_key));
    }
    return rc;
}

int
store_requests(struct store *store, // NOLINT: the port's
               const struct store_request *wants, size_t n,
               struct odk_arena *arena, struct store_request *out,
               bool *is_found, struct odk_err *err)
{
    for (size_t i = 0; i < n; i++) {
        odk_assert(wants[i].shard >= 0);
        is_found[i] = false;
    }
    if (n == 0) {
        return 0;
    }
    int rc = store->ops->requests(store, wants, n, arena, out, is_found, err);
    odk_assert(rc <= 0);
    return rc;
}

static bool
is_before(const struct store_timer *a, const struct store_timer *b)
{
    if (a->due != b->due) {
        return a->due < b->due;
    }
    int order = memcmp(a->run_id.bytes, b->run_id.bytes, 16);
    return order != 0 ? order < 0 : a->id < b->id;
}

int
store_timers(struct store *store, int32_t shard, // NOLINT
             const struct store_timer *after, size_t max,
             struct odk_arena *arena, const struct store_timer **out, size_t *n,
             struct odk_err *err)
{
    odk_assert(shard >= 0 && max > 0 && max <= INT32_MAX);
    *out = NULL;
    *n = 0;
    int rc = store->ops->timers(store, shard, after, max, arena, out, n, err);
    odk_assert(rc <= 0);
    if (rc == 0 && *n > 0) {
        odk_assert(*n <= max);
        odk_assert(after == NULL || is_before(after, &(*out)[0]));
        for (size_t i = 1; i < *n; i++) {
            odk_assert_slow(is_before(&(*out)[i - 1], &(*out)[i]));
        }
    }
    return rc;
}

int
store_definition(struct store *store, struct odk_str namespace_, // NOLINT
                 struct odk_str name, int32_t version, struct odk_arena *arena,
                 struct store_definition *out, struct odk_err *err)
{
    odk_assert(version >= 0);
    *out = (struct store_definition){.version = 0};
    int rc = store->ops->definition(store, namespace_, name, version, arena,
                                    out, err);
    odk_assert(rc <= 0);
    if (rc == 0) {
        odk_assert(out->version > 0);
        odk_assert(version == 0 || out->version == version);
    }
    return rc;
}

static void
check_moves(const struct store_batch *batch)
{
    odk_assert(batch->n_shards > 0);
    for (size_t i = 0; i < batch->n_shards; i++) {
        const struct store_shard_move *move = &batch->shards[i];
        odk_assert(i == 0 || move->shard > batch->shards[i - 1].shard);
        odk_assert(move->fence != 0);
        odk_assert(move->published_from <= move->published);
        odk_assert(move->published <= move->outbox_seq);
        odk_assert(move->outbox_seq <= INT64_MAX);
    }
}

static bool
is_moved(const struct store_batch *batch, int32_t shard)
{
    for (size_t i = 0; i < batch->n_shards; i++) {
        if (batch->shards[i].shard == shard) {
            return true;
        }
    }
    return false;
}

/* Whatever a batch writes belongs to a shard whose row it moves: only that row
 * fences. */
static void
check_rows(const struct store_batch *batch)
{
    for (size_t i = 0; i < batch->n_executions; i++) {
        const struct store_execution_write *write = &batch->executions[i];
        odk_assert(is_moved(batch, write->shard));
        odk_assert(write->version > 0);
        odk_assert(!write->is_new || write->is_status_changed);
    }
    for (size_t i = 0; i < batch->n_histories; i++) {
        odk_assert(is_moved(batch, batch->histories[i].shard));
    }
    for (size_t i = 0; i < batch->n_timers; i++) {
        odk_assert(is_moved(batch, batch->timers[i].shard));
    }
    for (size_t i = 0; i < batch->n_requests; i++) {
        odk_assert(is_moved(batch, batch->requests[i].shard));
    }
    for (size_t i = 0; i < batch->n_sources; i++) {
        odk_assert(is_moved(batch, batch->sources[i].shard));
    }
    for (size_t i = 0; i < batch->n_outputs; i++) {
        odk_assert(is_moved(batch, batch->outputs[i].shard));
    }
    for (size_t i = 0; i < batch->n_parked; i++) {
        odk_assert(is_moved(batch, batch->parked[i].shard));
    }
    for (size_t i = 0; i < batch->n_parked_drops; i++) {
        odk_assert(is_moved(batch, batch->parked_drops[i].shard));
    }
}

int
store_commit(struct store *store, const struct store_batch *batch,
             struct odk_err *err)
{
    odk_assert(batch->wall > 0);
    check_moves(batch);
    check_rows(batch);
    int rc = store->ops->commit(store, batch, err);
    odk_assert(rc <= 0);
    return rc;
}
