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

/** What is checked; a failure names its checker. X(constant, name, text) */
#define SIM_CHECK_TABLE(X)                                                     \
    X(FENCE, "fence",                                                          \
      "only the last acquirer commits, and no shard in "                       \
      "quarantine moves (I2)")                                                 \
    X(SHARD_ROW, "shard-row",                                                  \
      "offsets, numbers and clock of a shard never go back (I1, I4, I10)")     \
    X(OUTBOX, "outbox",                                                        \
      "what leaves the outbox is on the broker or parked (I5)")                \
    X(NUMBER, "number", "a number is given once (I4)")                         \
    X(COMMITTED, "committed",                                                  \
      "what is on a topic was committed, under this number, to this place, "   \
      "with these bytes (I3, I4)")                                             \
    X(GAPLESS, "gapless",                                                      \
      "a reader with a watermark passes over nothing (I6, I7, I8)")            \
    X(ONCE, "once", "a reader with a watermark sees nothing twice (I8)")       \
    X(RECORD, "record", "topics hold the records they are meant for")          \
    X(VERSION, "version",                                                      \
      "versions of a run are gapless, a closed run stays "                     \
      "as it closed (I1)")                                                     \
    X(HISTORY, "history",                                                      \
      "odradek.history is the stored history: gapless, "                       \
      "append-only, the same bytes")                                           \
    X(INPUT, "input", "an input is applied once to a run (I10)")               \
    X(ORDER, "order", "inputs of a workflow id keep their order")              \
    X(TIMER, "timer", "no timer early, twice, lost, or after its drop")        \
    X(FOLD, "fold", "fold(history) = state, byte for byte (I1)")               \
    X(REPLY, "reply",                                                          \
      "every command is answered once, every accepted start "                  \
      "is told its end, repeats hear the same (I10)")                          \
    X(SIGNAL, "signal", "an accepted signal is in one history, once")          \
    X(DEADLETTER, "deadletter", "a bad record is one dead letter")             \
    X(SAGA, "saga",                                                            \
      "each entry was undone or skipped once, or dropped by "                  \
      "the Pivot (saga.md)")                                                   \
    X(SAGA_OPEN, "saga-open",                                                  \
      "no compensation runs while the outcome of a task is waited for")        \
    X(TASK, "task",                                                            \
      "each task is begun by a worker, once if nothing disturbs "              \
      "it (protocol.md, Workers)")                                             \
    X(QUARANTINE, "quarantine",                                                \
      "a shard stops when what it built on is lost, "                          \
      "and for no other reason")                                               \
    X(MEMORY, "memory", "caches and queues stay within their bounds")          \
    X(OWNER, "owner",                                                          \
      "no shard without a working owner longer than the "                      \
      "time-outs allow")                                                       \
    X(LIVENESS, "liveness", "everything finishes when the faults are over")

enum sim_check {
#define X(constant, name, text) SIM_CHECK_##constant,
    SIM_CHECK_TABLE(X)
#undef X
    SIM_CHECK_COUNT
};

/** Name and sentence of a checker. */
const char *sim_check_name(enum sim_check check);
const char *sim_check_text(enum sim_check check);

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

/** What a world has of each thing; less of it makes a failure easier to read.
 * X(constant, name) */
#define SIM_AMOUNT_TABLE(X)                                                    \
    X(COMMANDS, "commands")                                                    \
    X(KEYS, "keys")                                                            \
    X(SECONDS, "seconds")                                                      \
    X(PROCESSES, "processes")                                                  \
    X(WORKERS, "workers")                                                      \
    X(CALL_FAULTS, "call-faults")                                              \
    X(COMMIT_FAULTS, "commit-faults")                                          \
    X(WORLD_FAULTS, "world-faults")                                            \
    X(WORKER_FAULTS, "worker-faults")                                          \
    X(SKEW, "skew")                                                            \
    X(REFUSALS, "refusals")

enum sim_amount {
#define X(constant, name) SIM_AMOUNT_##constant,
    SIM_AMOUNT_TABLE(X)
#undef X
    SIM_AMOUNT_COUNT
};

/** As --at-most has it. */
const char *sim_amount_name(enum sim_amount amount);

struct sim_options {
    uint64_t seed;
    enum sim_mutant mutant;
    int64_t at_most[SIM_AMOUNT_COUNT]; /**< of each thing; < 0: as drawn */
    FILE *trace; /**< every event as a line, at once; NULL: none */
    FILE *story; /**< after a failure the last events; NULL: none */
};

struct sim_result {
    bool is_failed;
    enum sim_check check; /**< that failed */
    char problem[512];
    uint64_t hash;                     /**< of all events */
    uint64_t events;                   /**< steps of the simulator */
    uint64_t faults;                   /**< injected */
    uint64_t transitions;              /**< committed */
    uint64_t runs;                     /**< executions that were started */
    int64_t virtual_ms;                /**< time that passed inside */
    uint64_t quarantines;              /**< expected ones */
    int64_t amounts[SIM_AMOUNT_COUNT]; /**< what the world had */
};

/** Runs one seed to its end or to the first broken promise. */
void sim_run(const struct sim_options *options, struct sim_result *out);

#endif
