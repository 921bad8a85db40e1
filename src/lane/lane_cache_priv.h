#ifndef LANE_CACHE_PRIV_H
#define LANE_CACHE_PRIV_H

/*
 * Definitions and executions in memory (lane_cache.c).
 */

#include "asl/asl.h"
#include "engine/engine.h"
#include "lane/lane.h"

struct lane_definition {
    struct odk_map_node node; /**< key: namespace/name/version */
    struct asl_machine *machine;
    size_t refs;
    size_t bytes;
    struct odk_str namespace_;
    struct odk_str name;
    int32_t version;
    char key[];
};

struct lane_execution {
    struct odk_map_node by_run;
    struct odk_map_node by_key;
    bool is_by_key;
    struct lane_execution *newer; /**< least recently used list */
    struct lane_execution *older;
    struct engine *engine;
    struct lane_definition *definition;
    struct odk_uuid run_id;
    int32_t shard;
    size_t bytes;
    bool is_new;            /**< first written by the batch under way */
    bool is_touched;        /**< by the batch under way */
    bool is_status_changed; /**< likewise */
    bool is_stuck;
    struct lane_execution *next_touched;
    struct odk_str key; /**< namespace/workflow_id, in text */
    char text[];
};

struct lane_cache {
    struct odk_map by_run;
    struct odk_map by_key; /**< the current run of a workflow id */
    struct odk_map definitions;
    struct lane_execution *newest;
    struct lane_execution *oldest;
    size_t bytes;
    size_t bytes_max;
};

void lane_cache_init(struct lane_cache *cache, size_t bytes_max);
void lane_cache_release(struct lane_cache *cache);
struct lane_execution *lane_cache_by_run(struct lane_cache *cache,
                                         const struct odk_uuid *run_id);
struct lane_execution *lane_cache_by_key(struct lane_cache *cache,
                                         struct odk_str key);
/** Takes the engine over; is_current: it is the current run of its key (an
 * older one gives way). */
struct lane_execution *lane_cache_add(struct lane_cache *cache, int32_t shard,
                                      struct odk_str key, struct engine *engine,
                                      struct lane_definition *definition,
                                      bool is_current);
void lane_cache_drop(struct lane_cache *cache,
                     struct lane_execution *execution);
void lane_cache_drop_shard(struct lane_cache *cache, int32_t shard);
/** Recounts a changed execution's size and marks it as used. */
void lane_cache_touch(struct lane_cache *cache,
                      struct lane_execution *execution);
/** Drops the least recently used until the budget holds. Nothing may be touched
 * by a batch under way. */
void lane_cache_trim(struct lane_cache *cache);

/** The compiled definition; version 0 = newest. ODK_ENOTFOUND; ODK_ECORRUPT if
 * it no longer compiles. */
int lane_definition_get(struct lane *lane, struct odk_str namespace_,
                        struct odk_str name, int32_t version,
                        struct lane_definition **out,
                        struct odk_err *err) ODK_MUST_USE;

#endif
