#include <stdlib.h>

#include "asl/asl.h"
#include "rebuild/rebuild_priv.h"

/* ---- definitions ---- */

static int
compile(const struct store_definition *row, struct asl_machine **out,
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
            "definition %.*s/%.*s version %d does not compile: %.*s",
            ODK_STR_ARG(row->namespace_), ODK_STR_ARG(row->name), row->version,
            ODK_STR_ARG(message));
    }
    asl_problems_release(&problems);
    return rc;
}

int
rebuild_machine(struct rebuild *rebuild, struct odk_str namespace_,
                struct odk_str name, int32_t version,
                const struct asl_machine **out, struct odk_err *err)
{
    struct store_definition row = {0};
    struct asl_machine *machine = NULL;
    struct odk_buf key;

    odk_buf_init(&key, 0);
    odk_buf_printf(&key, "%.*s/%.*s/%d", ODK_STR_ARG(namespace_),
                   ODK_STR_ARG(name), version);
    struct odk_map_node *node =
        odk_map_find(&rebuild->definitions, odk_buf_str(&key));
    if (node) {
        odk_buf_release(&key);
        *out = ODK_CONTAINER(node, struct rebuild_definition, node)->machine;
        return 0;
    }
    int rc = store_definition(&rebuild->store, namespace_, name, version,
                              &rebuild->arena, &row, err);
    if (rc == ODK_ENOTFOUND) {
        rc = odk_err_set(err, ODK_ENOTFOUND,
                         "definition %s is not in the database", key.ptr);
    }
    if (rc == 0) {
        rc = compile(&row, &machine, err);
    }
    if (rc == 0) {
        struct rebuild_definition *definition =
            calloc(1, sizeof(*definition) + key.len);
        if (!definition) {
            odk_out_of_memory();
        }
        memcpy(definition->key, key.ptr, key.len);
        definition->machine = machine;
        odk_map_add(&rebuild->definitions, &definition->node,
                    odk_str_n(definition->key, key.len));
        *out = machine;
    }
    odk_buf_release(&key);
    return rc;
}

static void
definitions_release(struct rebuild *rebuild)
{
    struct odk_map_node *node = NULL;

    while ((node = odk_map_next(&rebuild->definitions, NULL))) {
        struct rebuild_definition *definition =
            ODK_CONTAINER(node, struct rebuild_definition, node);
        odk_map_remove(&rebuild->definitions, node);
        asl_free(definition->machine);
        free(definition);
    }
    odk_map_release(&rebuild->definitions);
}

/* ---- executions ---- */

struct rebuild_run *
rebuild_run_find(struct rebuild *rebuild, const struct odk_uuid *run_id)
{
    struct odk_map_node *node =
        odk_map_find(&rebuild->runs, odk_str_n(run_id->bytes, 16));

    return node ? ODK_CONTAINER(node, struct rebuild_run, node) : NULL;
}

struct rebuild_run *
rebuild_run_add(struct rebuild *rebuild, const struct odk_uuid *run_id,
                struct engine *engine)
{
    struct rebuild_run *run = calloc(1, sizeof(*run));

    if (!run) {
        odk_out_of_memory();
    }
    run->run_id = *run_id;
    run->engine = engine;
    odk_map_add(&rebuild->runs, &run->node, odk_str_n(run->run_id.bytes, 16));
    return run;
}

static void
run_drop(struct rebuild *rebuild, struct rebuild_run *run)
{
    odk_map_remove(&rebuild->runs, &run->node);
    rebuild->runs_bytes -= run->bytes;
    engine_free(run->engine);
    free(run);
}

void
rebuild_run_touch(struct rebuild *rebuild, struct rebuild_run *run)
{
    size_t bytes = sizeof(*run) + engine_bytes(run->engine);

    rebuild->runs_bytes += bytes - run->bytes;
    run->bytes = bytes;
    if (run->is_touched) {
        return;
    }
    run->is_touched = true;
    if (rebuild->last_touched) {
        rebuild->last_touched->next_touched = run;
    } else {
        rebuild->touched = run;
    }
    rebuild->last_touched = run;
}

/* What is not in memory is read again when a record asks for it: a bound that
 * empties the table is enough for a reader that goes through a log once. */
void
rebuild_runs_trim(struct rebuild *rebuild)
{
    bool is_full = rebuild->runs_bytes > rebuild->options.cache_bytes_max;
    struct odk_map_node *node = odk_map_next(&rebuild->runs, NULL);

    while (node) {
        struct odk_map_node *after = odk_map_next(&rebuild->runs, node);
        struct rebuild_run *run = ODK_CONTAINER(node, struct rebuild_run, node);
        if (is_full || engine_status(run->engine) != ENGINE_RUNNING) {
            run_drop(rebuild, run);
        }
        node = after;
    }
}

void
rebuild_runs_release(struct rebuild *rebuild)
{
    struct odk_map_node *node = NULL;

    while ((node = odk_map_next(&rebuild->runs, NULL))) {
        run_drop(rebuild, ODK_CONTAINER(node, struct rebuild_run, node));
    }
    odk_map_release(&rebuild->runs);
    definitions_release(rebuild);
}

static int
load_found(struct rebuild *rebuild, const struct store_execution *found,
           struct odk_err *err)
{
    const struct asl_machine *machine = NULL;
    struct engine *engine = NULL;
    ptrdiff_t slash = odk_str_find(found->workflow_key, '/');

    if (!found->is_found || rebuild_run_find(rebuild, &found->run_id)) {
        return 0;
    }
    odk_assert(slash > 0);
    int rc = rebuild_machine(
        rebuild, odk_str_n(found->workflow_key.ptr, (size_t)slash),
        found->definition, found->definition_version, &machine, err);
    if (rc == 0) {
        rc = engine_load(found->state, machine, &engine, err);
    }
    if (rc == 0) {
        (void)rebuild_run_add(rebuild, &found->run_id, engine);
    }
    return rc;
}

int
rebuild_runs_load(struct rebuild *rebuild, struct odk_err *err)
{
    const struct rebuild_item *items = rebuild->items.items;
    size_t max = rebuild->items.n;
    struct store_want *wants =
        odk_arena_calloc(&rebuild->arena, max, sizeof(*wants));
    struct store_execution *found =
        odk_arena_calloc(&rebuild->arena, max, sizeof(*found));
    size_t n = 0;

    odk_assert(wants && found); /* no cap: a page is bounded by its poll */
    for (size_t i = 0; i < max; i++) {
        if (items[i].record.kind == CODEC_HISTORY_RECORD &&
            items[i].record.history_record.version > 1 &&
            !rebuild_run_find(rebuild, &items[i].run_id)) {
            wants[n++] = (struct store_want){.shard = rebuild->row.shard,
                                             .has_run_id = true,
                                             .run_id = items[i].run_id};
        }
    }
    int rc = n > 0 ? store_load(&rebuild->store, wants, n, &rebuild->arena,
                                found, err)
                   : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = load_found(rebuild, &found[i], err);
    }
    return rc;
}
