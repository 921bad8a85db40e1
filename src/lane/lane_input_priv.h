#ifndef LANE_INPUT_PRIV_H
#define LANE_INPUT_PRIV_H

/*
 * Inputs: read from records (lane_input.c), with what they need from the
 * store (lane_load.c).
 */

#include "engine/engine.h"
#include "lane/lane_cache_priv.h"
#include "lane/lane_shard_priv.h"

enum lane_input_kind {
    LANE_INPUT_RECORD, /**< a decoded command or result */
    LANE_INPUT_TIMER,
    LANE_INPUT_BAD,     /**< a dead letter */
    LANE_INPUT_FOREIGN, /**< another shard's home: forwarded */
    LANE_INPUT_MARKER,  /**< moves the watermark of its source */
    LANE_INPUT_REPEAT,  /**< below its source's watermark, or of no interest */
};

/** One input of a batch; strings are borrowed from the poll or the tick's
 * arena. */
struct lane_input {
    enum lane_input_kind kind;
    int32_t home; /**< FOREIGN: the shard it belongs to */
    struct lane_shard *shard;
    const struct bus_message *message; /**< NULL: a timer */
    struct store_timer timer; /**< a copy: an earlier slice may have dropped it
                               */

    struct codec_record record; /**< the innermost one */
    struct odk_str workflow_key;
    struct odk_str request_id; /**< ptr NULL: none */
    uint8_t digest[ODK_SHA256_BYTES];
    struct codec_source source;
    struct engine_reply_to reply;
    odk_time_ms timestamp; /**< of the original record */
    uint64_t seed;         /**< randomness, from the original's identity */
    uint64_t token_seq;    /**< results: of the authenticated token */

    const char *bad_code; /**< BAD */
    char bad_text[256];

    struct store_execution found; /**< if is_loaded */
    struct store_request request; /**< if has_request: the earlier outcome */
    struct odk_uuid run_id;       /**< if has_run_id */
    bool has_run_id;
    bool has_source;
    bool is_loaded;
    bool has_request;
    bool is_repeat;     /**< of a command that is remembered */
    bool is_in_history; /**< a HistoryRecord implies its outcome */
};

/** Reads a record into an input of its shard; never fails: what is wrong
 * becomes LANE_INPUT_BAD. */
void lane_input_read(struct lane *lane, struct lane_shard *shard,
                     const struct bus_message *message, struct lane_input *out);
void lane_input_timer(struct lane_shard *shard, struct lane_timer *timer,
                      struct lane_input *out);
void lane_input_bad(struct lane_input *input, const char *code, const char *fmt,
                    ...) ODK_PRINTF(3, 4);

/** Loads the executions and request outcomes that the inputs need. */
int lane_load(struct lane *lane, struct lane_input *inputs, size_t n,
              struct odk_err *err) ODK_MUST_USE;

/** The execution of an input: by run id if it names one, else the current run;
 * NULL: none that is open. */
struct lane_execution *lane_input_execution(struct lane *lane,
                                            const struct lane_input *input);

#endif
