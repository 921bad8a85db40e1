#ifndef REBUILD_PRIV_H
#define REBUILD_PRIV_H

/*
 * Inside: rebuild.c (reading), rebuild_record.c (a record to rows),
 * rebuild_run.c (executions and definitions in memory), rebuild_output.c and
 * rebuild_aside.c (outputs done again), rebuild_rows.c (one transaction).
 */

#include "engine/engine.h"
#include "lane/lane_redo.h"
#include "rebuild/rebuild.h"

/** How long one poll waits. */
#define REBUILD_POLL_MS 50

/** A growing array of one type; memory is kept between pages. */
struct rebuild_vec {
    void *items;
    size_t n;
    size_t size;
};

/** Room for one more item, zeroed. */
void *rebuild_vec_push(struct rebuild_vec *vec, size_t item_bytes);
void rebuild_vec_release(struct rebuild_vec *vec);

/** A compiled definition. */
struct rebuild_definition {
    struct odk_map_node node; /**< key: namespace/name/version */
    struct asl_machine *machine;
    char key[];
};

/** An execution in memory. */
struct rebuild_run {
    struct odk_map_node node; /**< key: run id */
    struct odk_uuid run_id;
    struct engine *engine;
    size_t bytes;
    bool is_new; /**< in the transaction under way, like the next three */
    bool is_status_changed;
    bool is_touched;
    bool is_stuck;
    struct rebuild_run *next_touched;
};

/** A record of odradek.history. */
struct rebuild_item {
    int64_t offset;
    uint64_t seq;
    struct codec_record record;
    struct odk_uuid run_id; /**< of a HistoryRecord */
};

/** Pieces of a transition that was written as several records. */
struct rebuild_parts {
    struct odk_buf entries;
    struct odk_uuid run_id;
    int64_t version;
    int32_t part; /**< the last one taken; 0: none */
    uint64_t seq; /**< of the last one */
    uint64_t first_seq;
    int64_t first_offset;
};

/** An input of the batch being read. */
struct rebuild_origin {
    int place; /**< 0 commands, 1 results */
    int64_t offset;
};

/** How far the shard's outputs reach on one partition. */
struct rebuild_reach {
    struct odk_map_node node; /**< key: topic/partition */
    uint64_t seq;
    uint64_t marker; /**< of a fail-over: readers take nothing below it */
    char key[];
};

struct rebuild {
    struct rebuild_options options;
    struct bus history;
    struct bus inputs;
    struct store store;
    struct lane_redo *redo;
    struct rebuild_report report;
    struct rebuild_cut cut;

    struct store_shard row;  /**< as committed */
    struct store_shard next; /**< as the transaction under way leaves it */
    int32_t place;           /**< partition of odradek.history */
    int64_t offset;          /**< read up to here */
    int64_t end;             /**< where odradek.history ended at the begin */
    uint64_t seen;           /**< highest number read */
    odk_dur_ms idle_ms;
    bool is_open;     /**< a shard was begun */
    bool is_cut;      /**< the cut was met */
    bool is_reported; /**< report is of row.shard */
    bool is_history_ready;
    bool is_inputs_ready;
    uint64_t output_seq; /**< no row of the outbox is above */
    bool may_publish;    /**< all up to next.outbox_seq is on its partition */

    odk_time_ms batch_at;       /**< of the batch being read */
    int64_t batch_next[2];      /**< commands, results: where it began */
    struct rebuild_vec origins; /**< struct rebuild_origin: its transitions' */

    struct rebuild_parts parts;
    struct odk_map runs;
    size_t runs_bytes;
    struct odk_map definitions;
    struct odk_map reaches;

    struct odk_arena arena; /**< of the page */
    struct rebuild_vec items;
    struct rebuild_vec histories;
    struct rebuild_vec timers;
    struct rebuild_vec requests;
    struct rebuild_vec sources;
    struct rebuild_vec outputs;
    struct rebuild_vec parked;
    struct rebuild_vec
        made; /**< uint64_t: numbers done again since the begin */
    struct rebuild_run *touched;
    struct rebuild_run *last_touched;
};

/** Kept in the page's arena. */
struct odk_str rebuild_keep(struct rebuild *rebuild, struct odk_str s);
/** ODK_ECORRUPT with partition and offset before the text. */
int rebuild_corrupt(const struct rebuild *rebuild, int64_t offset,
                    struct odk_err *err, const char *fmt, ...) ODK_PRINTF(4, 5);
/** Learns what the record's framing names. */
int rebuild_learn(const struct rebuild *rebuild, struct odk_str framed,
                  struct odk_err *err) ODK_MUST_USE;
/** Polls until the bus has its partitions. */
int rebuild_bus_ready(struct rebuild *rebuild, struct bus *bus,
                      struct odk_err *err) ODK_MUST_USE;

/* ---- rebuild_run.c ---- */

/** Reads the executions of the page's records that are not in memory. */
int rebuild_runs_load(struct rebuild *rebuild,
                      struct odk_err *err) ODK_MUST_USE;
/** NULL: not there. */
struct rebuild_run *rebuild_run_find(struct rebuild *rebuild,
                                     const struct odk_uuid *run_id);
/** Takes an engine over. */
struct rebuild_run *rebuild_run_add(struct rebuild *rebuild,
                                    const struct odk_uuid *run_id,
                                    struct engine *engine);
/** It is part of the transaction under way. */
void rebuild_run_touch(struct rebuild *rebuild, struct rebuild_run *run);
/** After a commit: closed ones go, and all when there are too many. */
void rebuild_runs_trim(struct rebuild *rebuild);
void rebuild_runs_release(struct rebuild *rebuild);
int rebuild_machine(struct rebuild *rebuild, struct odk_str namespace_,
                    struct odk_str name, int32_t version,
                    const struct asl_machine **out,
                    struct odk_err *err) ODK_MUST_USE;

/* ---- rebuild_record.c ---- */

/** Adds a record's rows to the transaction under way. */
int rebuild_take(struct rebuild *rebuild, struct rebuild_item *item,
                 struct odk_err *err) ODK_MUST_USE;

/* ---- rebuild_output.c ---- */

/** Before a transition is taken: does its input again if a partition lacks one
 * of its outputs. seq: of its (first) record. */
int rebuild_outputs(struct rebuild *rebuild, const struct rebuild_item *item,
                    uint64_t seq, struct odk_err *err) ODK_MUST_USE;
/** Whether the output's partition lacks it, and it was not done again yet. */
int rebuild_output_lacks(struct rebuild *rebuild,
                         const struct codec_output_ref *ref, bool *out,
                         struct odk_err *err) ODK_MUST_USE;
/** Copies an output that was done again into the outbox, under its number;
 * where a fail-over's marker or the outbox has passed that, it is parked, and
 * an operator's retry gives it a new one: a reader would drop it, and the
 * outbox is in order. */
int rebuild_output_keep(struct rebuild *rebuild,
                        const struct store_output *output,
                        struct odk_err *err) ODK_MUST_USE;
/** Counts and logs one that is given up. */
void rebuild_output_lost(struct rebuild *rebuild,
                         const struct codec_output_ref *ref);
/** Adds the outputs that their partitions lack to *n. */
int rebuild_count_lacking(struct rebuild *rebuild,
                          const struct codec_output_ref *refs, size_t n_refs,
                          uint64_t *n, struct odk_err *err) ODK_MUST_USE;
void rebuild_reaches_release(struct rebuild *rebuild);

/* ---- rebuild_aside.c ---- */

/** A record of the batch that has this time. */
void rebuild_batch_note(struct rebuild *rebuild, odk_time_ms at);
/** An input of that batch which made a transition. */
void rebuild_batch_origin(struct rebuild *rebuild,
                          const struct codec_origin *origin);
/** Before a ShardProgress is taken: does inputs again whose outputs beside
 * transitions lack; counts those that cannot be. */
int rebuild_outputs_aside(struct rebuild *rebuild,
                          const struct codec_shard_progress *progress,
                          struct odk_err *err) ODK_MUST_USE;

/* ---- rebuild_rows.c ---- */

/** Commits what was taken. */
int rebuild_commit(struct rebuild *rebuild, struct odk_err *err) ODK_MUST_USE;
/** Forgets what was taken and not committed. */
void rebuild_rows_clear(struct rebuild *rebuild);

#endif
