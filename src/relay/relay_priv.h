#ifndef RELAY_PRIV_H
#define RELAY_PRIV_H

/*
 * Inside of a relay: its state, the versions of its binding (relay_version.c)
 * and the records under way (relay_flight.c).
 */

#include "relay/relay.h"

/** Unacknowledged records of a partition; then it is paused. */
#define RELAY_IN_FLIGHT_MAX 10000u
/** A quarantined binding is looked at again so often. */
#define RELAY_QUARANTINE_MS 10000
/** Between two commits. */
#define RELAY_COMMIT_MS 500
/** Versions kept compiled; others are read again when an event needs them. */
#define RELAY_VERSIONS_MAX 64

/** One record read and not yet acknowledged as a whole. */
struct relay_flight {
    int64_t offset;
    bool is_acked;
    bool is_letter; /**< sent as a dead letter */
};

/** A partition of the foreign topic that we own. */
struct relay_partition {
    struct relay_partition *next;
    int32_t id;
    bool is_started;
    bool is_paused;
    bool is_restart;     /**< read again from the first unacknowledged record */
    int64_t next_offset; /**< behind the last record read */
    int64_t committed_offset;     /**< as last committed */
    struct relay_flight *flights; /**< a ring, oldest first */
    size_t n_flights;
    size_t first_flight;
    int32_t version;       /**< of the binding for the last record read */
    int64_t version_end;   /**< where the one after it begins; 0: not known */
    int64_t suspect_first; /**< from here */
    int64_t suspect_end;   /**< to before here each goes alone */
    int64_t refused_offset;
    int refused_code; /**< why this record alone was refused; 0: none was */
};

/** A compiled version of the binding. */
struct relay_loaded {
    struct binding *binding;
    uint64_t used; /**< the relay's count of uses at the last one */
    int32_t version;
    int64_t *starts;
    size_t n_starts;
};

/** The state of a relay. */
struct relay {
    struct relay_options options;
    struct bus bus;
    struct relay_stats stats;
    struct relay_partition *partitions;
    struct relay_loaded versions[RELAY_VERSIONS_MAX]; /**< in no order */
    size_t n_versions;
    uint64_t n_uses;     /**< of versions */
    int32_t newest;      /**< version */
    int32_t first;       /**< version of the incarnation; 0: not known yet */
    int32_t incarnation; /**< the one it began with; 0: not known yet */
    bool is_superseded;  /**< there is another one */
    bool is_quarantined;
    bool is_producer_down;
    bool is_alone;      /**< one suspect is under way and nothing else */
    bool is_holding;    /**< nothing is read until nothing is under way */
    size_t n_unacked;   /**< accepted by this producer, without an ack yet */
    odk_dur_ms mend_ms; /**< before the last new producer; 0 after a success */
    odk_dur_ms commit_at; /**< monotonic; 0: nothing to commit */
    odk_dur_ms retry_at;
    odk_dur_ms pause_ms; /**< the last one, 0 after a success */
    odk_dur_ms say_at;   /**< when a failing poll is logged again */
    struct odk_arena arena;
    struct odk_buf value;
    char *name;
    char *topic;
};

/** The monotonic time. */
odk_dur_ms relay_now(const struct relay *relay);

/** Nothing is read or sent for so long. */
void relay_rest(struct relay *relay, odk_dur_ms pause);

/** The next pause after one that lasted pause (0: none yet). */
odk_dur_ms relay_pause_next(odk_dur_ms pause, odk_dur_ms max);

/** Stops the binding until an operator resets it; a failure is logged. */
void relay_quarantine(struct relay *relay, const char *reason);

/** NULL: not ours. */
struct relay_partition *relay_partition_find(const struct relay *relay,
                                             int32_t id);

/** Looks whether a newer version was published or the binding was reset
 * (is_superseded); called under every poll that brought records. */
int relay_versions_refresh(struct relay *relay,
                           struct odk_err *err) ODK_MUST_USE;

/** The version that an offset belongs to; NULL: below the oldest one, not the
 * binding's business. */
int relay_version_of(struct relay *relay, struct relay_partition *partition,
                     int64_t offset, const struct relay_loaded **out,
                     struct odk_err *err) ODK_MUST_USE;

/** Where the binding's first version of this incarnation begins; -1: the
 * partition came later. */
int relay_first_start(struct relay *relay, int32_t partition, int64_t *out,
                      struct odk_err *err) ODK_MUST_USE;

/** Frees the versions that are loaded. */
void relay_versions_release(struct relay *relay);

/** A record that was read and is to be acknowledged; there must be room. */
struct relay_flight *relay_flight_add(struct relay_partition *partition,
                                      int64_t offset);

/** Forgets what was acknowledged without a gap; true: nothing is left. */
bool relay_is_drained(struct relay *relay);

/** What may be committed: the first offset not yet acknowledged. */
int64_t relay_landed_offset(const struct relay_partition *partition);

/** Sends a record of the partition whose flight is the newest. */
int relay_send(struct relay *relay, struct relay_partition *partition,
               const struct bus_record *record,
               struct odk_err *err) ODK_MUST_USE;

/** Whether a record may not be sent yet, since it or what is under way is
 * suspect: then all wait until nothing is under way. */
bool relay_must_hold(struct relay *relay,
                     const struct relay_partition *partition, int64_t offset);

/** The producer has failed: after a pause there is to be a new one. */
void relay_producer_failed(struct relay *relay);

/** Whether the broker's reason lies in the record. */
bool relay_is_records_fault(int code);

/** What an ack names a record by. */
uint64_t relay_flight_number(const struct bus_message *message);

/** Notes the fate of a record. */
void relay_take_ack(struct relay *relay, const struct bus_ack *ack);

/** Commits what was acknowledged. */
void relay_commit(struct relay *relay);

/** Waits, bounded, for acknowledgements and commits. */
void relay_drain(struct relay *relay);

#endif
