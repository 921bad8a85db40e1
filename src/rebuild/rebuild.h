#ifndef REBUILD_REBUILD_H
#define REBUILD_REBUILD_H

/*
 * Rows of the database from odradek.history (exactly-once.md §2, §3;
 * protocol.md): all of a shard's, into an empty database (the restore drill),
 * or those of the commits that a fail-over lost. Both are one thing: the
 * records behind what the shard's row stands for are folded by the engine and
 * committed in bounded, fenced transactions. Nothing is produced. Outputs that
 * the records name and that their partitions do not have are done again
 * (lane_redo) and left in the outbox: who acquires the shard publishes them.
 *
 *   rebuild_begin -> rebuild_step … until done -> rebuild_end
 *
 * A begin after a break goes on where the last transaction ended.
 */

#include "base/base.h"
#include "bus/bus.h"
#include "codec/codec.h"
#include "lane/lane.h"
#include "store/store.h"

/** A cut in the past. */
struct rebuild_cut {
    odk_time_ms until; /**< transitions up to this time; 0: all */
    int64_t offset;    /**< records below this offset; -1: all */
};

/** Makes known what a record's framing names, before it is decoded. */
struct rebuild_schemas {
    int (*learn)(void *ctx, struct odk_str framed, struct odk_err *err);
    void *ctx;
};

struct rebuild_options {
    struct bus history; /**< without a group, on odradek.history; borrowed, as
                           all ports here */
    struct bus inputs;  /**< likewise on odradek.commands and
                           odradek.results */
    struct store store;
    const struct codec *codec;
    struct rebuild_schemas schemas; /**< learn NULL: all are known */
    struct odk_logger logger;
    struct odk_str owner;     /**< who we are, for people */
    struct lane_clock clock;  /**< its wall clock must be the server's */
    struct lane_options lane; /**< as those were that wrote the records; ports,
                                 codec and clock in it are not used */
    bool accepts_lost; /**< outputs that cannot be done again are counted and
                          logged, and do not stop it */
    size_t cache_bytes_max; /**< executions kept in memory; 0 = 64 MiB */
    odk_dur_ms idle_ms_max; /**< without a record, short of the end; 0 = 30 s */
};

/** What was done to one shard; begun again it goes on counting. */
struct rebuild_report {
    int32_t shard;
    uint64_t records;
    uint64_t transitions;
    uint64_t runs;     /**< begun in them */
    uint64_t requests; /**< outcomes of commands */
    uint64_t outputs;  /**< done again, now in the outbox */
    uint64_t parked;   /**< likewise, but their number had been passed:
                          parked, until an operator retries them */
    uint64_t lost;     /**< not on their partition and not to be done again:
                          each is logged */
    uint64_t seq_from; /**< the row stood for outputs up to here … */
    uint64_t seq;      /**< … and does up to here now */
    int64_t offset_from;
    int64_t offset; /**< of odradek.history, to be read next */
    int64_t offset_end;
    odk_time_ms clock; /**< of the last transition */
};

struct rebuild; /**< opaque */

/** The ports must outlive it. */
struct rebuild *rebuild_new(const struct rebuild_options *options);
/** NULL is fine. */
void rebuild_free(struct rebuild *rebuild);

/**
 * Takes the shard. reason not NULL: its row must be new, or one that an earlier
 * rebuild began, and stays in quarantine with this reason (ODK_ECONFLICT: it
 * has other data). ODK_ECORRUPT: odradek.history no longer has what the row
 * needs next. cut NULL: none.
 */
int rebuild_begin(struct rebuild *rebuild, int32_t shard, const char *reason,
                  const struct rebuild_cut *cut,
                  struct odk_err *err) ODK_MUST_USE;

/**
 * Reads on and commits. ODK_EFENCED: somebody else acquired the shard (a lane
 * that looks whether it was released): begin again. ODK_ECORRUPT: names the
 * partition and the offset of what contradicts itself.
 */
int rebuild_step(struct rebuild *rebuild, bool *is_done,
                 struct odk_err *err) ODK_MUST_USE;

/** After the last step: whoever acquires the shard treats the database as
 * another one than before (§2), which puts its numbers above all that were ever
 * used. */
int rebuild_end(struct rebuild *rebuild, struct odk_err *err) ODK_MUST_USE;

/**
 * Reads what a begin with this row would take, takes nothing and touches no
 * row: the report says how much there is (runs: transitions that begin one).
 */
int rebuild_look(struct rebuild *rebuild, const struct store_shard *row,
                 struct odk_err *err) ODK_MUST_USE;

/** Of the shard that was begun, or looked at, last. */
const struct rebuild_report *rebuild_report(const struct rebuild *rebuild);

#endif
