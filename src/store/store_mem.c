#include "store/store_mem.h"

#include <stdlib.h>

#include "store/store_mem_priv.h"

static struct store_mem *
mem_of(struct store *store)
{
    struct store_mem *mem = store->impl;

    odk_assert(mem != NULL && mem->magic == STORE_MEM_MAGIC);
    return mem;
}

static int
check_connection(const struct store_mem *mem, struct odk_err *err)
{
    return mem->is_broken ? odk_err_set(err, ODK_ECONN, "no connection") : 0;
}

static int
full(struct odk_err *err)
{
    return odk_err_set(err, ODK_ELIMIT, "the answer does not fit the arena");
}

/* A copy in the arena; ptr NULL stays NULL. */
static bool
copy(struct odk_arena *arena, struct odk_str from, struct odk_str *to)
{
    *to = from;
    if (from.ptr == NULL) {
        return true;
    }
    *to = odk_arena_str(arena, from);
    return to->ptr != NULL;
}

static void
mem_close(struct store *store)
{
    struct store_mem *mem = mem_of(store);

    mem->db->n_stores--;
    mem->magic = 0;
    free(mem);
}

static int
mem_reconnect(struct store *store, struct odk_err *err)
{
    (void)err;
    mem_of(store)->is_broken = false;
    return 0;
}

static int
mem_server(struct store *store, struct store_server *out, struct odk_err *err)
{
    const struct store_mem *mem = mem_of(store);
    int rc = check_connection(mem, err);

    if (rc == 0) {
        *out = (struct store_server){mem->db->system_id, mem->db->timeline,
                                     mem->db->now, mem->db->took_over_at};
    }
    return rc;
}

/* ---- ownership ---- */

static int
mem_acquire(struct store *store, int32_t shard, int64_t fence, // NOLINT
            struct odk_str owner, struct odk_arena *arena,
            struct store_shard *out, struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    int rc = check_connection(mem, err);

    if (rc != 0) {
        return rc;
    }
    struct store_mem_shard *row = store_mem_shard_put(mem->db, shard);
    row->row.epoch++;
    row->row.fence = fence;
    store_mem_disown(&row->owner);
    row->owner = store_mem_own(owner);
    *out = row->row;
    out->server_system_id = mem->db->system_id;
    out->server_timeline = mem->db->timeline;
    out->server_time = mem->db->now;
    return copy(arena, row->row.quarantine, &out->quarantine) ? 0 : full(err);
}

static int
find_ours(struct store_mem *mem, int32_t shard, int64_t fence,
          struct store_mem_shard **out, struct odk_err *err)
{
    int rc = check_connection(mem, err);

    *out = store_mem_shard_find(mem->db, shard);
    if (rc == 0 && (*out == NULL || (*out)->row.fence != fence)) {
        rc = odk_err_set(err, ODK_EFENCED, "shard %d has another owner",
                         (int)shard);
    }
    return rc;
}

static int
mem_quarantine(struct store *store, int32_t shard, int64_t fence,
               struct odk_str reason, struct odk_err *err)
{
    struct store_mem_shard *row = NULL;
    int rc = find_ours(mem_of(store), shard, fence, &row, err);

    if (rc == 0) {
        store_mem_disown(&row->row.quarantine);
        row->row.quarantine = store_mem_own(reason);
    }
    return rc;
}

static int
mem_accept_server(struct store *store, int32_t shard, int64_t fence,
                  uint64_t outbox_seq, struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    struct store_mem_shard *row = NULL;
    int rc = find_ours(mem, shard, fence, &row, err);

    if (rc != 0) {
        return rc;
    }
    row->row.system_id = mem->db->system_id;
    row->row.timeline = mem->db->timeline;
    if (outbox_seq > row->row.outbox_seq) {
        row->row.outbox_seq = outbox_seq;
    }
    return 0;
}

static int
mem_forget_server(struct store *store, int32_t shard, int64_t fence,
                  struct odk_err *err)
{
    struct store_mem_shard *row = NULL;
    int rc = find_ours(mem_of(store), shard, fence, &row, err);

    if (rc == 0) {
        row->row.system_id = 0;
        row->row.timeline = 0;
    }
    return rc;
}

/* ---- reading ---- */

static bool
copy_output(struct odk_arena *arena, const struct store_output *from,
            struct store_output *to)
{
    *to = *from;
    return copy(arena, from->topic, &to->topic) &&
           copy(arena, from->key, &to->key) &&
           copy(arena, from->value, &to->value) &&
           copy(arena, from->headers, &to->headers);
}

static int
mem_unpublished(struct store *store, int32_t shard, uint64_t after, // NOLINT
                size_t bytes_max, struct odk_arena *arena,
                const struct store_output **out, size_t *n, struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    const struct store_mem_shard *row = store_mem_shard_find(mem->db, shard);
    int rc = check_connection(mem, err);

    if (rc != 0 || row == NULL || row->outputs.n == 0) {
        return rc;
    }
    struct store_output *all =
        odk_arena_calloc(arena, row->outputs.n, sizeof(*all));
    if (all == NULL) {
        return full(err);
    }
    size_t bytes = 0;
    for (size_t i = 0; i < row->outputs.n && bytes < bytes_max; i++) {
        const struct store_output *output =
            STORE_MEM_AT(&row->outputs, i, struct store_output);
        if (output->seq <= after) {
            continue;
        }
        if (!copy_output(arena, output, &all[(*n)++])) {
            return full(err);
        }
        bytes += output->key.len + output->value.len + output->headers.len;
    }
    *out = all;
    return 0;
}

static int
mem_parked(struct store *store, int32_t shard, uint64_t seq,
           struct odk_arena *arena, struct store_output *out,
           struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    const struct store_parked_write *row =
        store_mem_find_parked(mem->db, shard, seq);
    int rc = check_connection(mem, err);

    if (rc != 0) {
        return rc;
    }
    if (row == NULL) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "shard %d has parked no number %llu", (int)shard,
                           (unsigned long long)seq);
    }
    return copy_output(arena, &row->output, out) ? 0 : full(err);
}

static int
mem_sources(struct store *store, int32_t shard, struct odk_arena *arena,
            const struct store_source **out, size_t *n, struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    const struct store_mem_shard *row = store_mem_shard_find(mem->db, shard);
    int rc = check_connection(mem, err);

    if (rc != 0 || row == NULL || row->sources.n == 0) {
        return rc;
    }
    struct store_source *all =
        odk_arena_calloc(arena, row->sources.n, sizeof(*all));
    if (all == NULL) {
        return full(err);
    }
    for (size_t i = 0; i < row->sources.n; i++) {
        const struct store_source *source =
            STORE_MEM_AT(&row->sources, i, struct store_source);
        all[i].seq = source->seq;
        if (!copy(arena, source->name, &all[i].name)) {
            return full(err);
        }
    }
    *out = all;
    *n = row->sources.n;
    return 0;
}

static bool
load_row(const struct store_execution_write *row, struct odk_arena *arena,
         struct store_execution *out)
{
    out->is_found = true;
    out->run_id = row->run_id;
    out->definition_version = row->definition_version;
    out->status = row->status;
    out->version = row->version;
    return copy(arena, row->workflow_key, &out->workflow_key) &&
           copy(arena, row->definition, &out->definition) &&
           copy(arena, row->state, &out->state);
}

static bool
load_one(const struct store_mem_db *db, const struct store_want *want,
         struct odk_arena *arena, struct store_execution *out)
{
    struct odk_uuid run_id = want->run_id;

    if (!want->has_run_id) {
        const struct store_mem_row *current = store_mem_find(
            &db->currents, want->shard, want->workflow_key, ODK_STR(""));
        if (current == NULL) {
            return true;
        }
        run_id = current->u.current.run_id;
    }
    const struct store_mem_row *row = store_mem_find(
        &db->executions, want->shard, store_mem_run_key(&run_id), ODK_STR(""));
    return row == NULL || load_row(&row->u.execution, arena, out);
}

static int
mem_load(struct store *store, const struct store_want *wants, size_t n,
         struct odk_arena *arena, struct store_execution *out,
         struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    int rc = check_connection(mem, err);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!load_one(mem->db, &wants[i], arena, &out[i])) {
            rc = full(err);
        }
    }
    return rc;
}

static int
mem_requests(struct store *store, const struct store_request *wants, // NOLINT
             size_t n, struct odk_arena *arena, struct store_request *out,
             bool *is_found, struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    int rc = check_connection(mem, err);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct store_mem_row *row =
            store_mem_find(&mem->db->requests, wants[i].shard,
                           wants[i].workflow_key, wants[i].request_id);
        out[i] = wants[i];
        if (row == NULL) {
            continue;
        }
        is_found[i] = true;
        out[i] = row->u.request;
        out[i].request_id = wants[i].request_id;
        out[i].workflow_key = wants[i].workflow_key;
        if (!copy(arena, row->u.request.code, &out[i].code) ||
            !copy(arena, row->u.request.message, &out[i].message)) {
            rc = full(err);
        }
    }
    return rc;
}

static int
mem_timers(struct store *store, int32_t shard, // NOLINT
           const struct store_timer *after, size_t max, struct odk_arena *arena,
           const struct store_timer **out, size_t *n, struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    const struct store_mem_shard *row = store_mem_shard_find(mem->db, shard);
    int rc = check_connection(mem, err);
    size_t first = 0;

    if (rc != 0 || row == NULL) {
        return rc;
    }
    if (after != NULL) {
        first = store_mem_timer_index(row, after);
        if (first < row->timers.n &&
            store_mem_timer_eq(
                STORE_MEM_AT(&row->timers, first, struct store_timer), after)) {
            first++;
        }
    }
    size_t count = row->timers.n - first;
    count = count < max ? count : max;
    struct store_timer *all = odk_arena_calloc(arena, count + 1, sizeof(*all));
    if (all == NULL) {
        return full(err);
    }
    for (size_t i = 0; i < count; i++) {
        all[i] = *STORE_MEM_AT(&row->timers, first + i, struct store_timer);
    }
    *out = all;
    *n = count;
    return 0;
}

static int
mem_definition(struct store *store, struct odk_str namespace_, // NOLINT
               struct odk_str name, int32_t version, struct odk_arena *arena,
               struct store_definition *out, struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    const struct store_definition *found = NULL;
    int rc = check_connection(mem, err);

    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < mem->db->definitions.n; i++) {
        const struct store_definition *row =
            STORE_MEM_AT(&mem->db->definitions, i, struct store_definition);
        if (odk_str_eq(row->namespace_, namespace_) &&
            odk_str_eq(row->name, name) &&
            (version == 0 || row->version == version)) {
            found = row;
        }
    }
    if (found == NULL) {
        return odk_err_set(err, ODK_ENOTFOUND, "no definition %.*s/%.*s",
                           ODK_STR_ARG(namespace_), ODK_STR_ARG(name));
    }
    out->version = found->version;
    return copy(arena, found->namespace_, &out->namespace_) &&
                   copy(arena, found->name, &out->name) &&
                   copy(arena, found->text, &out->text)
               ? 0
               : full(err);
}

/* ---- commit ---- */

static int
mem_commit(struct store *store, const struct store_batch *batch,
           struct odk_err *err)
{
    struct store_mem *mem = mem_of(store);
    int rc = check_connection(mem, err);
    int fail_code = mem->fail_code;
    bool is_answer_lost = mem->is_answer_lost;

    if (rc != 0) {
        return rc;
    }
    mem->fail_code = 0;
    mem->is_answer_lost = false;
    if (fail_code != 0) {
        mem->is_broken =
            fail_code == ODK_ECONN || fail_code == ODK_EUNKNOWN_COMMIT;
        return odk_err_set(err, fail_code, "as told by the test");
    }
    rc = store_mem_check(mem->db, batch, err);
    if (rc == 0) {
        store_mem_apply(mem->db, batch);
    }
    if (is_answer_lost) {
        mem->is_broken = true;
        rc = odk_err_set(err, ODK_EUNKNOWN_COMMIT, "the answer is lost");
    }
    return rc;
}

static const struct store_ops ops = {
    .close = mem_close,
    .reconnect = mem_reconnect,
    .server = mem_server,
    .acquire = mem_acquire,
    .quarantine = mem_quarantine,
    .accept_server = mem_accept_server,
    .forget_server = mem_forget_server,
    .unpublished = mem_unpublished,
    .parked = mem_parked,
    .sources = mem_sources,
    .load = mem_load,
    .requests = mem_requests,
    .timers = mem_timers,
    .definition = mem_definition,
    .commit = mem_commit,
};

void
store_mem_connect(struct store_mem_db *db, struct store *out)
{
    struct store_mem *mem = calloc(1, sizeof(*mem));

    if (mem == NULL) {
        odk_out_of_memory();
    }
    mem->magic = STORE_MEM_MAGIC;
    mem->db = db;
    db->n_stores++;
    *out = (struct store){&ops, mem};
}

void
store_mem_fail_next_commit(struct store *store, int code)
{
    odk_assert(code < 0);
    mem_of(store)->fail_code = code;
}

void
store_mem_lose_next_answer(struct store *store)
{
    mem_of(store)->is_answer_lost = true;
}

void
store_mem_disconnect(struct store *store)
{
    mem_of(store)->is_broken = true;
}
