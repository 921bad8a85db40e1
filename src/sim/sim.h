#ifndef SIM_SIM_H
#define SIM_SIM_H

/*
 * A whole system on virtual time, from one seed and in one thread: several
 * orchestrator processes (each the production lane on the ports in memory),
 * clients, workers, clocks and faults, with a model beside it that checks what
 * exactly-once.md, saga.md and failure-modes.md promise. The same seed gives
 * the same events, hence the same hash.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Deliberate mistakes at the ports and in the reader: each must be caught. */
#define SIM_MUTANT_TABLE(X)                                                    \
    X(PUBLISH_FIRST, "publish-first", "outputs are produced before COMMIT")    \
    X(NO_REPUBLISH, "no-republish", "an acquire publishes nothing again")      \
    X(UNFENCED, "unfenced", "a commit is not checked against the fence")       \
    X(LYING_COMMIT, "lying-commit",                                            \
      "memory goes on though the COMMIT has failed")                           \
    X(TIMER_DROPPED, "timer-dropped", "one timer in 20 is not stored")         \
    X(TIMER_EARLY, "timer-early", "timers are read as due 5 minutes earlier")  \
    X(OFFSET_FIRST, "offset-first", "offsets move without the state")          \
    X(OFFSET_LATE, "offset-late", "the state moves without the offsets")       \
    X(PUBLISHED_EARLY, "published-early",                                      \
      "the outbox is emptied before the broker has it")                        \
    X(INPUT_SKIPPED, "input-skipped", "reading starts one record too late")    \
    X(NO_REQUESTS, "no-requests", "earlier outcomes are not looked up")        \
    X(SOURCE_OFF, "source-off", "source watermarks are stored one too low")    \
    X(READER_OFF, "reader-off", "the reader's watermark is one too low")       \
    X(HISTORY_LOST, "history-lost", "one history row in 20 is not stored")     \
    X(SKEWED, "skewed", "a commit's clock is not checked")                     \
    X(STATE_LOST, "state-lost", "one state in 20 is not stored")

enum sim_mutant {
    SIM_MUTANT_NONE,
#define X(constant, name, text) SIM_MUTANT_##constant,
    SIM_MUTANT_TABLE(X)
#undef X
    SIM_MUTANT_COUNT
};

/** Name and sentence of a mutant; NULL for NONE. */
const char *sim_mutant_name(enum sim_mutant mutant);
const char *sim_mutant_text(enum sim_mutant mutant);

struct sim_options {
    uint64_t seed;
    enum sim_mutant mutant;
    FILE *trace; /**< every event as a line, at once; NULL: none */
    FILE *story; /**< after a failure the last events; NULL: none */
};

struct sim_result {
    bool is_failed;
    char problem[512];
    uint64_t hash;        /**< of all events */
    uint64_t events;      /**< steps of the simulator */
    uint64_t faults;      /**< injected */
    uint64_t transitions; /**< committed */
    uint64_t runs;        /**< executions that were started */
    int64_t virtual_ms;   /**< time that passed inside */
    uint64_t quarantines; /**< expected ones */
};

/** Runs one seed to its end or to the first broken promise. */
void sim_run(const struct sim_options *options, struct sim_result *out);

#endif
