#include <stdlib.h>

#include "json/json.h"
#include "lane/lane_priv.h"

/* What an execution costs beside its engine. */
#define CACHE_ENTRY_BYTES 512u

void
lane_cache_init(struct lane_cache *cache, size_t bytes_max)
{
    *cache = (struct lane_cache){.bytes_max = bytes_max};
    odk_map_init(&cache->by_run);
    odk_map_init(&cache->by_key);
    odk_map_init(&cache->definitions);
}

struct lane_execution *
lane_cache_by_run(struct lane_cache *cache, const struct odk_uuid *run_id)
{
    struct odk_map_node *node =
        odk_map_find(&cache->by_run, odk_str_n(run_id->bytes, 16));

    return node ? ODK_CONTAINER(node, struct lane_execution, by_run) : NULL;
}

struct lane_execution *
lane_cache_by_key(struct lane_cache *cache, struct odk_str key)
{
    struct odk_map_node *node = odk_map_find(&cache->by_key, key);

    return node ? ODK_CONTAINER(node, struct lane_execution, by_key) : NULL;
}

static void
lru_add(struct lane_cache *cache, struct lane_execution *execution)
{
    execution->newer = NULL;
    execution->older = cache->newest;
    if (cache->newest) {
        cache->newest->newer = execution;
    } else {
        cache->oldest = execution;
    }
    cache->newest = execution;
}

static void
lru_remove(struct lane_cache *cache, struct lane_execution *execution)
{
    *(execution->newer ? &execution->newer->older : &cache->newest) =
        execution->older;
    *(execution->older ? &execution->older->newer : &cache->oldest) =
        execution->newer;
}

static void
execution_not_current(struct lane_cache *cache,
                      struct lane_execution *execution)
{
    if (execution->is_by_key) {
        odk_map_remove(&cache->by_key, &execution->by_key);
        execution->is_by_key = false;
    }
}

struct lane_execution *
lane_cache_add(struct lane_cache *cache, int32_t shard, struct odk_str key,
               struct engine *engine, struct lane_definition *definition,
               bool is_current)
{
    struct lane_execution *execution =
        calloc(1, sizeof(*execution) + key.len + 1);

    if (!execution) {
        odk_out_of_memory();
    }
    memcpy(execution->text, key.ptr, key.len);
    execution->key = odk_str_n(execution->text, key.len);
    execution->shard = shard;
    execution->engine = engine;
    execution->definition = definition;
    execution->run_id = engine_identity(engine)->run_id;
    definition->refs++;
    odk_map_add(&cache->by_run, &execution->by_run,
                odk_str_n(execution->run_id.bytes, 16));
    if (is_current) {
        struct lane_execution *older = lane_cache_by_key(cache, key);
        if (older) {
            execution_not_current(cache, older);
        }
        odk_map_add(&cache->by_key, &execution->by_key, execution->key);
        execution->is_by_key = true;
    }
    execution->bytes = CACHE_ENTRY_BYTES + key.len + engine_bytes(engine);
    cache->bytes += execution->bytes;
    lru_add(cache, execution);
    return execution;
}

void
lane_cache_drop(struct lane_cache *cache, struct lane_execution *execution)
{
    odk_assert(cache->bytes >= execution->bytes);
    odk_map_remove(&cache->by_run, &execution->by_run);
    execution_not_current(cache, execution);
    lru_remove(cache, execution);
    cache->bytes -= execution->bytes;
    execution->definition->refs--;
    engine_free(execution->engine);
    free(execution);
}

void
lane_cache_drop_shard(struct lane_cache *cache, int32_t shard)
{
    struct lane_execution *execution = cache->newest;

    while (execution) {
        struct lane_execution *older = execution->older;
        if (execution->shard == shard) {
            lane_cache_drop(cache, execution);
        }
        execution = older;
    }
}

void
lane_cache_touch(struct lane_cache *cache, struct lane_execution *execution)
{
    size_t bytes = CACHE_ENTRY_BYTES + execution->key.len +
                   engine_bytes(execution->engine);

    cache->bytes = cache->bytes - execution->bytes + bytes;
    execution->bytes = bytes;
    lru_remove(cache, execution);
    lru_add(cache, execution);
}

void
lane_cache_trim(struct lane_cache *cache)
{
    while (cache->oldest && cache->bytes > cache->bytes_max) {
        lane_cache_drop(cache, cache->oldest);
    }
}

static void
definition_free(struct lane_cache *cache, struct lane_definition *definition)
{
    odk_assert(definition->refs == 0);
    odk_map_remove(&cache->definitions, &definition->node);
    asl_free(definition->machine);
    free(definition);
}

void
lane_cache_release(struct lane_cache *cache)
{
    while (cache->newest) {
        lane_cache_drop(cache, cache->newest);
    }
    struct odk_map_node *node = odk_map_next(&cache->definitions, NULL);
    while (node) {
        definition_free(cache,
                        ODK_CONTAINER(node, struct lane_definition, node));
        node = odk_map_next(&cache->definitions, NULL);
    }
    odk_map_release(&cache->definitions);
    odk_map_release(&cache->by_run);
    odk_map_release(&cache->by_key);
}

/* ---- definitions ---- */

/* Compiled definitions kept though no cached execution uses them. */
#define DEFINITIONS_IDLE_MAX 256u

static void
definitions_trim(struct lane_cache *cache)
{
    struct odk_map_node *node = odk_map_next(&cache->definitions, NULL);

    while (node && cache->definitions.count > DEFINITIONS_IDLE_MAX) {
        struct odk_map_node *next = odk_map_next(&cache->definitions, node);
        struct lane_definition *definition =
            ODK_CONTAINER(node, struct lane_definition, node);
        if (definition->refs == 0) {
            definition_free(cache, definition);
        }
        node = next;
    }
}

static int
definition_compile(const struct store_definition *row, struct asl_machine **out,
                   struct odk_err *err)
{
    struct asl_problems problems;
    /* What was published stays valid, whatever the quotas are today. */
    struct asl_options options = {.definition_bytes_max = SIZE_MAX,
                                  .name_chars_max = SIZE_MAX};

    asl_problems_init(&problems);
    int rc = asl_compile_text(row->text, &options, out, &problems);
    if (rc != 0) {
        struct odk_str message =
            problems.n ? problems.list[0].message : ODK_STR("no message");
        rc = odk_err_set(
            err, ODK_ECORRUPT,
            "definition %.*s/%.*s version %d no longer compiles: %.*s",
            ODK_STR_ARG(row->namespace_), ODK_STR_ARG(row->name), row->version,
            ODK_STR_ARG(message));
    }
    asl_problems_release(&problems);
    return rc;
}

static struct lane_definition *
definition_find(struct lane *lane, struct odk_str namespace_,
                struct odk_str name, int32_t version)
{
    struct odk_buf *key = &lane->scratch;

    odk_buf_clear(key);
    odk_buf_printf(key, "%.*s/%.*s/%d", ODK_STR_ARG(namespace_),
                   ODK_STR_ARG(name), version);
    struct odk_map_node *node =
        odk_map_find(&lane->cache.definitions, odk_buf_str(key));
    return node ? ODK_CONTAINER(node, struct lane_definition, node) : NULL;
}

/* Two strings behind the key, which is in lane->scratch. */
static struct lane_definition *
definition_new(struct lane *lane, const struct store_definition *row,
               struct asl_machine *machine)
{
    struct odk_str key = odk_buf_str(&lane->scratch);
    struct lane_definition *definition = calloc(
        1, sizeof(*definition) + key.len + row->namespace_.len + row->name.len);

    if (!definition) {
        odk_out_of_memory();
    }
    char *at = definition->key;
    memcpy(at, key.ptr, key.len);
    at += key.len;
    memcpy(at, row->namespace_.ptr, row->namespace_.len);
    definition->namespace_ = odk_str_n(at, row->namespace_.len);
    at += row->namespace_.len;
    memcpy(at, row->name.ptr, row->name.len);
    definition->name = odk_str_n(at, row->name.len);
    definition->machine = machine;
    definition->version = row->version;
    odk_map_add(&lane->cache.definitions, &definition->node,
                odk_str_n(definition->key, key.len));
    return definition;
}

/* The newest version of a name as this tick has read it, or NULL. */
static struct lane_definition *
newest_find(struct lane *lane, struct odk_str namespace_, struct odk_str name)
{
    struct lane_definition **newest = lane->newest.items;

    for (size_t i = 0; i < lane->newest.n; i++) {
        if (odk_str_eq(newest[i]->name, name) &&
            odk_str_eq(newest[i]->namespace_, namespace_)) {
            return newest[i];
        }
    }
    return NULL;
}

static void
newest_add(struct lane *lane, struct lane_definition *definition)
{
    struct lane_definition **slot =
        lane_vec_push(&lane->newest, sizeof(struct lane_definition *));

    *slot = definition;
}

int
lane_definition_get(struct lane *lane, struct odk_str namespace_,
                    struct odk_str name, int32_t version,
                    struct lane_definition **out, struct odk_err *err)
{
    struct store_definition row = {0};
    struct asl_machine *machine = NULL;

    *out = version ? definition_find(lane, namespace_, name, version)
                   : newest_find(lane, namespace_, name);
    if (*out) {
        return 0;
    }
    int rc = store_definition(&lane->store, namespace_, name, version,
                              &lane->arena, &row, err);
    if (rc != 0) {
        return rc;
    }
    *out = definition_find(lane, namespace_, name, row.version);
    if (!*out) {
        rc = definition_compile(&row, &machine, err);
        if (rc != 0) {
            return rc;
        }
        lane->newest.n = 0; /* trimming may free what it points to */
        definitions_trim(&lane->cache);
        (void)definition_find(lane, namespace_, name,
                              row.version); /* the key, into scratch */
        *out = definition_new(lane, &row, machine);
    }
    if (version == 0) {
        newest_add(lane, *out);
    }
    return 0;
}
