#ifndef STORE_MEM_PRIV_H
#define STORE_MEM_PRIV_H

/* Inside the memory store: its tables. Every string in a table is the table's
 * own copy. */

#include "store/store_mem.h"

#define STORE_MEM_MAGIC UINT32_C(0x6d656d53)

/** A growing array; items are of one size. */
struct store_mem_vec {
    char *items;
    size_t n;
    size_t size; /**< allocated items */
};

/** A row that is found by its key. */
struct store_mem_row {
    struct odk_map_node node;
    struct odk_buf key;

    union {
        struct store_execution_write execution;
        struct store_request request;

        struct {
            struct odk_uuid run_id;
            int status;
        } current;
    } u;
};

struct store_mem_shard {
    struct store_shard row; /**< quarantine is ours */
    struct odk_str owner;
    struct store_mem_vec timers;  /**< struct store_timer, in order */
    struct store_mem_vec outputs; /**< struct store_output, in order of seq */
    struct store_mem_vec sources; /**< struct store_source */
};

struct store_mem_db {
    uint64_t system_id;
    uint32_t timeline;
    odk_time_ms now;
    odk_time_ms committed_at; /**< of the last commit */
    odk_time_ms took_over_at; /**< likewise of the database that this is a copy
                                 of */
    size_t n_stores;          /**< connected */
    struct odk_str refused;   /**< ptr NULL: none */
    struct store_mem_vec shards;      /**< struct store_mem_shard */
    struct store_mem_vec histories;   /**< struct store_history_write */
    struct store_mem_vec parked;      /**< struct store_parked_write */
    struct store_mem_vec definitions; /**< struct store_definition */
    struct odk_map executions;        /**< by (shard, run id) */
    struct odk_map currents;          /**< by (shard, workflow key) */
    struct odk_map requests; /**< by (shard, workflow key, request id) */
};

/** A connection. */
struct store_mem {
    uint32_t magic;
    struct store_mem_db *db;
    bool is_broken;
    bool is_answer_lost; /**< of the next commit */
    int fail_code;       /**< of the next commit, 0: none */
};

/** Room for one more item at index (the others move up); zeroed. */
void *store_mem_vec_insert(struct store_mem_vec *vec, size_t index,
                           size_t item_size);
/** Removes n items from index on; what they own was freed before. */
void store_mem_vec_remove(struct store_mem_vec *vec, size_t index, size_t n,
                          size_t item_size);

/** The item at index. */
#define STORE_MEM_AT(vec, index, type)                                         \
    ((type *)(void *)((vec)->items + (index) * sizeof(type)))

/** An own copy; ptr NULL stays NULL. */
struct odk_str store_mem_own(struct odk_str s);
void store_mem_disown(struct odk_str *s);

/** A row by its key's parts (text and more may be absent), or NULL. */
struct store_mem_row *store_mem_find(const struct odk_map *map, int32_t shard,
                                     struct odk_str text, struct odk_str more);
/** The same, made when it is not there. */
struct store_mem_row *store_mem_put(struct odk_map *map, int32_t shard,
                                    struct odk_str text, struct odk_str more);

/** The shard, or NULL; put makes it. */
struct store_mem_shard *store_mem_shard_find(const struct store_mem_db *db,
                                             int32_t shard);
struct store_mem_shard *store_mem_shard_put(struct store_mem_db *db,
                                            int32_t shard);

/** Index of the first timer that is not before this one. */
size_t store_mem_timer_index(const struct store_mem_shard *shard,
                             const struct store_timer *timer);
/** Whether two timers are the same. */
bool store_mem_timer_eq(const struct store_timer *a,
                        const struct store_timer *b);

/* Writing one row: strings are copied. */
void store_mem_put_execution(struct store_mem_db *db,
                             const struct store_execution_write *write);
void store_mem_put_request(struct store_mem_db *db,
                           const struct store_request *request);
void store_mem_put_source(struct store_mem_shard *shard,
                          const struct store_source *source);
void store_mem_add_history(struct store_mem_db *db,
                           const struct store_history_write *write);
void store_mem_add_parked(struct store_mem_db *db,
                          const struct store_parked_write *write);
void store_mem_drop_parked(struct store_mem_db *db,
                           const struct store_parked_drop *drop);
/** NULL: there is none of this number. */
const struct store_parked_write *
store_mem_find_parked(const struct store_mem_db *db, int32_t shard,
                      uint64_t seq);
void store_mem_add_output(struct store_mem_shard *shard,
                          const struct store_output *output);
void store_mem_free_output(struct store_output *output);

/** The run's id as a key part. */
static inline struct odk_str
store_mem_run_key(const struct odk_uuid *run_id)
{
    return odk_str_n(run_id->bytes, sizeof(run_id->bytes));
}

/** Whether the batch may be applied, without changing anything; then apply
 * cannot fail. */
int store_mem_check(const struct store_mem_db *db,
                    const struct store_batch *batch, struct odk_err *err);
void store_mem_apply(struct store_mem_db *db, const struct store_batch *batch);

#endif
