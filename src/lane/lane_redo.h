#ifndef LANE_REDO_H
#define LANE_REDO_H

/*
 * Does one input again, as a lane did it once, and writes nothing: the same
 * state, input, time and numbers give the same bytes (I10). A repair so gets
 * back outputs whose record in odradek.history names them and whose bytes were
 * in a database that is lost.
 */

#include "lane/lane.h"

struct lane_redo; /**< opaque */

/** options as for a lane, but the ports stay the caller's, which may use them
 * between calls: the store tells how the shard's executions were before the
 * input, the bus how many partitions topics have. clock is not used. */
struct lane_redo *lane_redo_new(const struct lane_options *options);

/** NULL is fine. */
void lane_redo_free(struct lane_redo *redo);

struct lane_redo_input {
    int32_t shard;
    const struct bus_message *message; /**< topic: 0 commands, 1 results; NULL:
                                          a timer fires */
    struct store_timer timer;
    int32_t definition_version;   /**< that a start took; 0: none was started */
    odk_dur_ms task_republish_ms; /**< as the start's options were; 0: never */
    odk_time_ms now;              /**< of its transition */
    uint64_t seq;                 /**< of the first output */
};

/** What it gave; valid until the next call. */
struct lane_redone {
    const struct store_output_write *outputs; /**< by ascending number; with
                                                 those of odradek.history */
    size_t n_outputs;
    const struct store_history_write *histories;
    size_t n_histories;
};

/** Errors are those of the ports and of the step. */
int lane_redo(struct lane_redo *redo, const struct lane_redo_input *input,
              struct lane_redone *out, struct odk_err *err) ODK_MUST_USE;

#endif
