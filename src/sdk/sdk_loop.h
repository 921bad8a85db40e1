#ifndef SDK_SDK_LOOP_H
#define SDK_SDK_LOOP_H

/*
 * The worker without its surroundings: rounds that never wait, on a clock that
 * is handed in, on Kafka as sdk_kafka.h has it and on a pool of handlers. What
 * is here and in sdk_kafka.h has two implementations: threads and librdkafka
 * (sdk_pool.c, sdk_kafka*.c), and virtual ones (src/sim), round the same loop.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "sdk/odradek.h"

/** What a worker takes for the time and for chance; called from any thread. */
struct sdk_clock {
    odk_time_ms (*now)(void *ctx); /**< since 1970 */
    int64_t (*ticks)(void *ctx);   /**< ms of a clock that never jumps */
    uint64_t (*random)(void *ctx);
    void *ctx;
};

/** Replaces the system's clock; before sdk_loop_begin. Copied. */
void sdk_loop_clock(struct odradek_worker *worker,
                    const struct sdk_clock *clock);

/** Opens what the worker stands on. After an error, too, sdk_loop_end. */
int sdk_loop_begin(struct odradek_worker *worker,
                   struct odk_err *err) ODK_MUST_USE;

/** One round; *until (in ticks) gets when the next must come, unless something
 * happens before. False: it was told to stop, and everything is over. */
bool sdk_loop_turn(struct odradek_worker *worker, int64_t *until);

/** Closes everything, and forgets the tasks that are still open. */
void sdk_loop_end(struct odradek_worker *worker);

/* ---- a task in the pool's hands ---- */

/** Claims a task and announces it. False: nobody wants it any more; the loop
 * has it back. */
bool sdk_task_begin(struct odradek_task *task);

/** Calls the handler of a begun task and sends its answer. The task belongs to
 * the loop when this returns. */
void sdk_task_end(struct odradek_task *task);

/** Both. */
void sdk_task_run(struct odradek_task *task);

/* ---- the pool ---- */

struct sdk_pool;

/** As many threads as config->concurrency says; 0: sdk_pool_run_inline does the
 * work. ODK_ELIMIT. */
int sdk_pool_new(const struct odradek_config *config,
                 struct sdk_pool **out) ODK_MUST_USE;
/** Waits for running handlers; waiting tasks are handed over as dropped ones
 * are. */
void sdk_pool_free(struct sdk_pool *pool);
void sdk_pool_push(struct sdk_pool *pool, struct odradek_task *task);
/** Runs up to n tasks in the caller's thread when there are no others; whether
 * more wait. */
bool sdk_pool_run_inline(struct sdk_pool *pool, size_t n);

#endif
