#ifndef SDK_SDK_PROGRESS_H
#define SDK_SDK_PROGRESS_H

/*
 * What of one partition of a task topic is finished (protocol.md, "Workers"):
 * the offset to commit is the first unfinished one, and the commit's metadata
 * says the rest, so that a successor repeats little and believes nothing that
 * was only polled:
 *
 *     committed offset
 *          v
 *     # # # . # # . . #        # finished, . being worked on
 *           ^ ^^^     ^
 *           | +-+-----+-- finished ranges beyond the prefix
 *           +-- watermarks are as of here: the last (shard, seq) below
 *
 *     odk1 w=3:1234,15:77 d=1-2,5
 *
 * w = shard:seq, d = ranges relative to the committed offset, both decimal,
 * either may be missing. A record at or below its shard's watermark at its
 * place in the log is a repeat (exactly-once.md I8). Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/** Shards whose watermarks are kept; a partition is written by one, or few. */
#define SDK_MARKS_MAX 64
/** Finished ranges beyond the prefix: at the bound nothing more is taken. */
#define SDK_RANGES_MAX 128
/** The broker's bound of a commit's metadata is 4,096. */
#define SDK_METADATA_MAX 4000

struct sdk_mark {
    int32_t shard;
    uint64_t seq;
};

struct sdk_marks {
    struct sdk_mark of[SDK_MARKS_MAX]; /**< the last changed first */
    size_t n;
};

/** Offsets, both included. */
struct sdk_range {
    int64_t first;
    int64_t last;
};

struct sdk_slot {
    int64_t offset;
    struct sdk_mark mark; /**< shard < 0: the record has no origin */
    bool is_finished;
};

struct sdk_progress {
    int64_t next;          /**< first unfinished offset; -1: not known yet */
    struct sdk_slot *ring; /**< taken records from next on */
    size_t ring_len;
    size_t head;
    size_t count;
    size_t window;           /**< count at which no more should be taken */
    size_t n_ranges;         /**< finished runs in the ring */
    bool is_changed;         /**< since the last sdk_progress_commit */
    struct sdk_marks marks;  /**< as of next */
    struct sdk_marks polled; /**< as of the last taken record */
    struct sdk_range done[SDK_RANGES_MAX]; /**< what a predecessor finished */
    size_t n_done;
};

enum sdk_verdict {
    SDK_TAKE,   /**< to be worked on, then sdk_progress_finish */
    SDK_REPEAT, /**< seen before: finished at once */
    SDK_FULL,   /**< no room: not taken */
};

/** window records are taken at most, 2 * window if pushed. ODK_ELIMIT: out of
 * memory. */
int sdk_progress_init(struct sdk_progress *progress,
                      size_t window) ODK_MUST_USE;
void sdk_progress_release(struct sdk_progress *progress);

/** Begins where a commit ended; offset < 0: nothing was committed. ODK_ESYNTAX:
 * the metadata is not ours; the offset counts nevertheless. */
int sdk_progress_restore(struct sdk_progress *progress, int64_t offset,
                         struct odk_str metadata) ODK_MUST_USE;

/** A record was polled; offsets must rise, those below the last are repeats.
 * mark.shard < 0: without an origin. */
enum sdk_verdict sdk_progress_take(struct sdk_progress *progress,
                                   int64_t offset, struct sdk_mark mark);

/** A taken record is finished; finishing one twice, or one that was not taken,
 * changes nothing. */
void sdk_progress_finish(struct sdk_progress *progress, int64_t offset);

/** Whether the window or the ranges are at their bound. */
bool sdk_progress_is_full(const struct sdk_progress *progress);

/** Puts the metadata of a commit of progress->next into out, at most
 * SDK_METADATA_MAX bytes; ranges that find no room are left out and will be
 * repeated. */
void sdk_progress_commit(struct sdk_progress *progress, struct odk_buf *out);

#endif
