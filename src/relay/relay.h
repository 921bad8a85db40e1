#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

/*
 * A relay reads one foreign topic for one binding, in a consumer group of its
 * own, and writes the commands that the binding makes of its records to
 * odradek.commands, each with (source = binding/incarnation/topic/partition,
 * seq = offset): the shards drop what repeats (exactly-once.md §3). Foreign
 * offsets are committed after acknowledgement only. What a rule wants but
 * cannot turn into a command becomes a dead letter with its bytes and origin.
 *
 * Ports only: the bus (group "odradek-binding.<name>.<topic>", one topic) and a
 * registry of bindings.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "binding/binding.h"
#include "bus/bus.h"
#include "codec/codec.h"

/** A published version of the relay's binding. */
struct relay_version {
    int32_t version;
    int32_t incarnation;
    struct odk_str rules; /**< as published, in the given arena */
    bool is_quarantined;
    const int64_t *starts; /**< first offset a partition under this version; in
                              the arena */
    size_t n_starts;       /**< partitions beyond it: from their beginning */
};

/** Where published bindings are found (PostgreSQL). */
struct relay_registry {
    /** A version of the binding for the topic, 0 = the newest, read under the
     * binding's shared lock. */
    int (*read)(void *ctx, struct odk_str name, struct odk_str topic,
                int32_t version, struct odk_arena *arena,
                struct relay_version *out, struct odk_err *err);
    /** Stops the binding with a reason until an operator resets it. */
    int (*quarantine)(void *ctx, struct odk_str name, struct odk_str reason,
                      struct odk_err *err);
    void *ctx;
};

struct relay_options {
    struct bus bus; /**< moved into the relay: topics[0] is the foreign topic */
    const struct codec *codec;
    struct relay_registry registry;
    struct odk_logger logger;
    odk_dur_ms (*monotonic)(void *ctx);
    void *clock_ctx;
    struct odk_str name;    /**< of the binding; copied */
    struct odk_str topic;   /**< copied */
    int32_t partitions;     /**< N of odradek.commands */
    size_t input_bytes_max; /**< larger commands are dead letters; 0 = 1 MiB */
};

struct relay_stats {
    uint64_t events;
    uint64_t commands;
    uint64_t skipped;
    uint64_t dead_letters;
};

struct relay;

/** Never fails: memory is the only thing it needs. */
struct relay *relay_new(const struct relay_options *options);

/** One round: waits at most wait_max. Errors are logged and retried inside;
 * false: nothing was done. */
bool relay_tick(struct relay *relay, odk_dur_ms wait_max);

/** The binding was reset since the relay began: it reads, sends and commits
 * nothing more. Close it and open another. */
bool relay_is_superseded(const struct relay *relay);

/** Makes a waiting tick return; the one call allowed from another thread. */
void relay_wake(struct relay *relay);

/** Waits (bounded) for acknowledgements, commits the offsets, closes the bus.
 */
void relay_close(struct relay *relay);

/** Counters since the start. */
const struct relay_stats *relay_stats(const struct relay *relay);

#endif
