#include <stdlib.h>

#include "store/store_mem_priv.h"

/* ---- memory ---- */

void *
store_mem_vec_insert(struct store_mem_vec *vec, size_t index, size_t item_size)
{
    odk_assert(index <= vec->n);
    if (vec->n == vec->size) {
        vec->size = vec->size ? vec->size * 2 : 16;
        vec->items = realloc(vec->items, vec->size * item_size);
        if (vec->items == NULL) {
            odk_out_of_memory();
        }
    }
    char *at = vec->items + index * item_size;
    memmove(at + item_size, at, (vec->n - index) * item_size);
    memset(at, 0, item_size);
    vec->n++;
    return at;
}

void
store_mem_vec_remove(struct store_mem_vec *vec, size_t index, size_t n,
                     size_t item_size)
{
    odk_assert(index + n <= vec->n);
    if (n == 0) {
        return;
    }
    char *at = vec->items + index * item_size;
    memmove(at, at + n * item_size, (vec->n - index - n) * item_size);
    vec->n -= n;
}

struct odk_str
store_mem_own(struct odk_str s)
{
    if (s.ptr == NULL) {
        return s;
    }
    char *copy = malloc(s.len + 1);
    if (copy == NULL) {
        odk_out_of_memory();
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return odk_str_n(copy, s.len);
}

void
store_mem_disown(struct odk_str *s)
{
    free((void *)(uintptr_t)s->ptr);
    *s = (struct odk_str){NULL, 0};
}

/* ---- rows by key ---- */

static void
put_key(struct odk_buf *key, int32_t shard, struct odk_str text,
        struct odk_str more)
{
    odk_buf_put(key, &shard, sizeof(shard));
    odk_buf_put(key, &text.len, sizeof(text.len));
    odk_buf_put_str(key, text);
    odk_buf_put_str(key, more);
}

struct store_mem_row *
store_mem_find(const struct odk_map *map, int32_t shard, struct odk_str text,
               struct odk_str more)
{
    struct odk_buf key;

    odk_buf_init(&key, 0);
    put_key(&key, shard, text, more);
    struct odk_map_node *node = odk_map_find(map, odk_buf_str(&key));
    odk_buf_release(&key);
    return node ? ODK_CONTAINER(node, struct store_mem_row, node) : NULL;
}

struct store_mem_row *
store_mem_put(struct odk_map *map, int32_t shard, struct odk_str text,
              struct odk_str more)
{
    struct store_mem_row *row = store_mem_find(map, shard, text, more);

    if (row != NULL) {
        return row;
    }
    row = calloc(1, sizeof(*row));
    if (row == NULL) {
        odk_out_of_memory();
    }
    odk_buf_init(&row->key, 0);
    put_key(&row->key, shard, text, more);
    odk_map_add(map, &row->node, odk_buf_str(&row->key));
    return row;
}

static void
free_execution(struct store_execution_write *write)
{
    store_mem_disown(&write->namespace_);
    store_mem_disown(&write->workflow_id);
    store_mem_disown(&write->workflow_key);
    store_mem_disown(&write->definition);
    store_mem_disown(&write->error);
    store_mem_disown(&write->state);
}

static void
free_request(struct store_request *request)
{
    store_mem_disown(&request->request_id);
    store_mem_disown(&request->workflow_key);
    store_mem_disown(&request->code);
    store_mem_disown(&request->message);
}

void
store_mem_free_output(struct store_output *output)
{
    store_mem_disown(&output->topic);
    store_mem_disown(&output->key);
    store_mem_disown(&output->value);
    store_mem_disown(&output->headers);
}

static void
own_output(struct store_output *output)
{
    output->topic = store_mem_own(output->topic);
    output->key = store_mem_own(output->key);
    output->value = store_mem_own(output->value);
    output->headers = store_mem_own(output->headers);
}

void
store_mem_put_execution(struct store_mem_db *db,
                        const struct store_execution_write *write)
{
    struct store_execution_write *row =
        &store_mem_put(&db->executions, write->shard,
                       store_mem_run_key(&write->run_id), ODK_STR(""))
             ->u.execution;
    struct store_execution_write copy = *write;

    copy.namespace_ = store_mem_own(write->namespace_);
    copy.workflow_id = store_mem_own(write->workflow_id);
    copy.workflow_key = store_mem_own(write->workflow_key);
    copy.definition = store_mem_own(write->definition);
    copy.error = store_mem_own(write->error);
    copy.state = store_mem_own(write->state);
    free_execution(row);
    *row = copy;
}

void
store_mem_put_request(struct store_mem_db *db,
                      const struct store_request *request)
{
    struct store_request *row =
        &store_mem_put(&db->requests, request->shard, request->workflow_key,
                       request->request_id)
             ->u.request;
    struct store_request copy = *request;

    copy.request_id = store_mem_own(request->request_id);
    copy.workflow_key = store_mem_own(request->workflow_key);
    copy.code = store_mem_own(request->code);
    copy.message = store_mem_own(request->message);
    free_request(row);
    *row = copy;
}

void
store_mem_put_source(struct store_mem_shard *shard,
                     const struct store_source *source)
{
    size_t i = 0;

    while (i < shard->sources.n) {
        struct store_source *row =
            STORE_MEM_AT(&shard->sources, i, struct store_source);
        int order = odk_str_cmp(row->name, source->name);
        if (order == 0) {
            row->seq = source->seq;
            return;
        }
        if (order > 0) {
            break;
        }
        i++;
    }
    struct store_source *row =
        store_mem_vec_insert(&shard->sources, i, sizeof(*row));
    *row = (struct store_source){store_mem_own(source->name), source->seq};
}

void
store_mem_add_history(struct store_mem_db *db,
                      const struct store_history_write *write)
{
    struct store_history_write *row =
        store_mem_vec_insert(&db->histories, db->histories.n, sizeof(*row));

    *row = *write;
    row->entries = store_mem_own(write->entries);
}

void
store_mem_add_parked(struct store_mem_db *db,
                     const struct store_parked_write *write)
{
    struct store_parked_write *row =
        store_mem_vec_insert(&db->parked, db->parked.n, sizeof(*row));

    *row = *write;
    own_output(&row->output);
    row->reason = store_mem_own(write->reason);
}

static void
free_parked(struct store_parked_write *row)
{
    store_mem_free_output(&row->output);
    store_mem_disown(&row->reason);
}

static size_t
parked_index(const struct store_mem_db *db, int32_t shard, uint64_t seq)
{
    size_t i = 0;

    while (i < db->parked.n) {
        const struct store_parked_write *row =
            STORE_MEM_AT(&db->parked, i, struct store_parked_write);
        if (row->shard == shard && row->output.seq == seq) {
            break;
        }
        i++;
    }
    return i;
}

const struct store_parked_write *
store_mem_find_parked(const struct store_mem_db *db, int32_t shard,
                      uint64_t seq)
{
    return store_mem_parked(db, parked_index(db, shard, seq));
}

void
store_mem_drop_parked(struct store_mem_db *db,
                      const struct store_parked_drop *drop)
{
    size_t at = parked_index(db, drop->shard, drop->seq);

    if (at < db->parked.n) {
        free_parked(STORE_MEM_AT(&db->parked, at, struct store_parked_write));
        store_mem_vec_remove(&db->parked, at, 1,
                             sizeof(struct store_parked_write));
    }
}

void
store_mem_add_output(struct store_mem_shard *shard,
                     const struct store_output *output)
{
    size_t n = shard->outputs.n;

    odk_assert(n == 0 ||
               STORE_MEM_AT(&shard->outputs, n - 1, struct store_output)->seq <
                   output->seq);
    struct store_output *row =
        store_mem_vec_insert(&shard->outputs, n, sizeof(*row));
    *row = *output;
    own_output(row);
}

/* ---- shards ---- */

struct store_mem_shard *
store_mem_shard_find(const struct store_mem_db *db, int32_t shard)
{
    for (size_t i = 0; i < db->shards.n; i++) {
        struct store_mem_shard *row =
            STORE_MEM_AT(&db->shards, i, struct store_mem_shard);
        if (row->row.shard == shard) {
            return row;
        }
    }
    return NULL;
}

struct store_mem_shard *
store_mem_shard_put(struct store_mem_db *db, int32_t shard)
{
    struct store_mem_shard *row = store_mem_shard_find(db, shard);

    if (row == NULL) {
        row = store_mem_vec_insert(&db->shards, db->shards.n, sizeof(*row));
        row->row.shard = shard;
    }
    return row;
}

static int
timer_cmp(const struct store_timer *a, const struct store_timer *b)
{
    if (a->due != b->due) {
        return a->due < b->due ? -1 : 1;
    }
    int order =
        memcmp(a->run_id.bytes, b->run_id.bytes, sizeof(a->run_id.bytes));
    if (order != 0) {
        return order;
    }
    return a->id == b->id ? 0 : (a->id < b->id ? -1 : 1);
}

bool
store_mem_timer_eq(const struct store_timer *a, const struct store_timer *b)
{
    return timer_cmp(a, b) == 0;
}

size_t
store_mem_timer_index(const struct store_mem_shard *shard,
                      const struct store_timer *timer)
{
    size_t low = 0;
    size_t high = shard->timers.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct store_timer *at =
            STORE_MEM_AT(&shard->timers, middle, struct store_timer);
        if (timer_cmp(at, timer) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- the database ---- */

struct store_mem_db *
store_mem_db_new(void)
{
    struct store_mem_db *db = calloc(1, sizeof(*db));

    if (db == NULL) {
        odk_out_of_memory();
    }
    db->system_id = 1;
    db->timeline = 1;
    odk_map_init(&db->executions);
    odk_map_init(&db->currents);
    odk_map_init(&db->requests);
    return db;
}

static void
free_rows(struct odk_map *map, const struct store_mem_db *db)
{
    struct odk_map_node *node = odk_map_next(map, NULL);

    while (node != NULL) {
        struct store_mem_row *row =
            ODK_CONTAINER(node, struct store_mem_row, node);
        node = odk_map_next(map, node);
        odk_map_remove(map, &row->node);
        if (map == &db->executions) {
            free_execution(&row->u.execution);
        } else if (map == &db->requests) {
            free_request(&row->u.request);
        }
        odk_buf_release(&row->key);
        free(row);
    }
    odk_map_release(map);
}

static void
free_shard(struct store_mem_shard *shard)
{
    store_mem_disown(&shard->owner);
    store_mem_disown(&shard->row.quarantine);
    for (size_t i = 0; i < shard->outputs.n; i++) {
        store_mem_free_output(
            STORE_MEM_AT(&shard->outputs, i, struct store_output));
    }
    for (size_t i = 0; i < shard->sources.n; i++) {
        store_mem_disown(
            &STORE_MEM_AT(&shard->sources, i, struct store_source)->name);
    }
    free(shard->outputs.items);
    free(shard->sources.items);
    free(shard->timers.items);
}

void
store_mem_db_free(struct store_mem_db *db)
{
    if (db == NULL) {
        return;
    }
    odk_assert(db->n_stores == 0);
    for (size_t i = 0; i < db->shards.n; i++) {
        free_shard(STORE_MEM_AT(&db->shards, i, struct store_mem_shard));
    }
    for (size_t i = 0; i < db->histories.n; i++) {
        store_mem_disown(
            &STORE_MEM_AT(&db->histories, i, struct store_history_write)
                 ->entries);
    }
    for (size_t i = 0; i < db->parked.n; i++) {
        free_parked(STORE_MEM_AT(&db->parked, i, struct store_parked_write));
    }
    for (size_t i = 0; i < db->definitions.n; i++) {
        struct store_definition *row =
            STORE_MEM_AT(&db->definitions, i, struct store_definition);
        store_mem_disown(&row->namespace_);
        store_mem_disown(&row->name);
        store_mem_disown(&row->text);
    }
    free_rows(&db->executions, db);
    free_rows(&db->currents, db);
    free_rows(&db->requests, db);
    free(db->shards.items);
    free(db->histories.items);
    free(db->parked.items);
    free(db->definitions.items);
    store_mem_disown(&db->refused);
    free(db);
}

static void
copy_shard(struct store_mem_db *to, const struct store_mem_shard *from)
{
    struct store_mem_shard *shard = store_mem_shard_put(to, from->row.shard);

    shard->row = from->row;
    shard->row.quarantine = store_mem_own(from->row.quarantine);
    shard->owner = store_mem_own(from->owner);
    for (size_t i = 0; i < from->timers.n; i++) {
        struct store_timer *timer =
            store_mem_vec_insert(&shard->timers, i, sizeof(*timer));
        *timer = *STORE_MEM_AT(&from->timers, i, struct store_timer);
    }
    for (size_t i = 0; i < from->outputs.n; i++) {
        store_mem_add_output(
            shard, STORE_MEM_AT(&from->outputs, i, struct store_output));
    }
    for (size_t i = 0; i < from->sources.n; i++) {
        store_mem_put_source(
            shard, STORE_MEM_AT(&from->sources, i, struct store_source));
    }
}

static struct store_mem_row *
row_next(const struct odk_map *map, const struct store_mem_row *after)
{
    struct odk_map_node *node = odk_map_next(map, after ? &after->node : NULL);

    return node ? ODK_CONTAINER(node, struct store_mem_row, node) : NULL;
}

static void
copy_rows(struct store_mem_db *to, const struct store_mem_db *from)
{
    struct store_mem_row *row = NULL;

    while ((row = row_next(&from->executions, row)) != NULL) {
        store_mem_put_execution(to, &row->u.execution);
    }
    while ((row = row_next(&from->requests, row)) != NULL) {
        store_mem_put_request(to, &row->u.request);
    }
    while ((row = row_next(&from->currents, row)) != NULL) {
        struct odk_str key = row->node.key;
        int32_t shard = 0;
        memcpy(&shard, key.ptr, sizeof(shard));
        key = odk_str_from(key, sizeof(shard) + sizeof(key.len));
        store_mem_put(&to->currents, shard, key, ODK_STR(""))->u = row->u;
    }
}

struct store_mem_db *
store_mem_db_copy(const struct store_mem_db *db)
{
    struct store_mem_db *copy = store_mem_db_new();

    copy->system_id = db->system_id;
    copy->timeline = db->timeline;
    copy->now = db->now;
    copy->took_over_at = db->committed_at;
    copy->refused = store_mem_own(db->refused);
    for (size_t i = 0; i < db->shards.n; i++) {
        copy_shard(copy, STORE_MEM_AT(&db->shards, i, struct store_mem_shard));
    }
    for (size_t i = 0; i < db->histories.n; i++) {
        store_mem_add_history(
            copy, STORE_MEM_AT(&db->histories, i, struct store_history_write));
    }
    for (size_t i = 0; i < db->parked.n; i++) {
        store_mem_add_parked(
            copy, STORE_MEM_AT(&db->parked, i, struct store_parked_write));
    }
    for (size_t i = 0; i < db->definitions.n; i++) {
        const struct store_definition *row =
            STORE_MEM_AT(&db->definitions, i, struct store_definition);
        (void)store_mem_define(copy, row->namespace_, row->name, row->text);
    }
    copy_rows(copy, db);
    return copy;
}

/* ---- looking in, setting ---- */

void
store_mem_set_server(struct store_mem_db *db, uint64_t system_id,
                     uint32_t timeline)
{
    db->system_id = system_id;
    db->timeline = timeline;
}

void
store_mem_release(struct store_mem_db *db, int32_t shard)
{
    struct store_mem_shard *row = store_mem_shard_find(db, shard);

    odk_assert(row != NULL);
    store_mem_disown(&row->row.quarantine);
}

void
store_mem_set_time(struct store_mem_db *db, odk_time_ms now)
{
    db->now = now;
}

void
store_mem_refuse(struct store_mem_db *db, struct odk_str needle)
{
    store_mem_disown(&db->refused);
    db->refused = store_mem_own(needle);
}

int32_t
store_mem_define(struct store_mem_db *db, struct odk_str namespace_,
                 struct odk_str name, struct odk_str text)
{
    int32_t version = 1;

    for (size_t i = 0; i < db->definitions.n; i++) {
        const struct store_definition *row =
            STORE_MEM_AT(&db->definitions, i, struct store_definition);
        if (odk_str_eq(row->namespace_, namespace_) &&
            odk_str_eq(row->name, name)) {
            version++;
        }
    }
    struct store_definition *row =
        store_mem_vec_insert(&db->definitions, db->definitions.n, sizeof(*row));
    *row = (struct store_definition){
        .namespace_ = store_mem_own(namespace_),
        .name = store_mem_own(name),
        .version = version,
        .text = store_mem_own(text),
    };
    return version;
}

const struct store_history_write *
store_mem_history(const struct store_mem_db *db, size_t index)
{
    return index < db->histories.n
               ? STORE_MEM_AT(&db->histories, index, struct store_history_write)
               : NULL;
}

const struct store_parked_write *
store_mem_parked(const struct store_mem_db *db, size_t index)
{
    return index < db->parked.n
               ? STORE_MEM_AT(&db->parked, index, struct store_parked_write)
               : NULL;
}

bool
store_mem_shard(const struct store_mem_db *db, int32_t shard,
                struct store_shard *out)
{
    const struct store_mem_shard *row = store_mem_shard_find(db, shard);

    *out = row ? row->row : (struct store_shard){.shard = -1};
    return row != NULL;
}

struct store_mem_counts
store_mem_count(const struct store_mem_db *db)
{
    struct store_mem_counts counts = {
        .executions = db->executions.count,
        .histories = db->histories.n,
        .requests = db->requests.count,
        .parked = db->parked.n,
    };

    for (size_t i = 0; i < db->shards.n; i++) {
        const struct store_mem_shard *shard =
            STORE_MEM_AT(&db->shards, i, struct store_mem_shard);
        counts.timers += shard->timers.n;
        counts.outputs += shard->outputs.n;
    }
    return counts;
}

const struct store_execution_write *
store_mem_execution_next(const struct store_mem_db *db,
                         const struct store_execution_write *after)
{
    const struct store_mem_row *row = NULL;

    if (after != NULL) {
        row = store_mem_find(&db->executions, after->shard,
                             store_mem_run_key(&after->run_id), ODK_STR(""));
    }
    row = row_next(&db->executions, row);
    return row ? &row->u.execution : NULL;
}
