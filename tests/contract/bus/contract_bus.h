#ifndef CONTRACT_BUS_H
#define CONTRACT_BUS_H

/*
 * What every implementation of the bus promises (bus.h), as one suite. An
 * implementation hands in a rig; the tests see nothing else of it. Nobody
 * sleeps: waits are polls, at most POLLS_MAX of POLL_MS.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/bus.h"

#define POLL_MS      100
#define POLLS_MAX    300
#define NAME_MAX_LEN 64
#define PLACES_MAX   16

/** How to open one more bus. */
struct contract_open {
    const char *group; /**< NULL: none */
    const char *instance;
    const char *const *topics;
    size_t n_topics;
    size_t queue_max;
};

struct contract_rig {
    int (*topic_create)(struct contract_rig *rig, const char *name,
                        int32_t partitions);
    int (*open)(struct contract_rig *rig, const struct contract_open *how,
                struct bus *out, struct odk_err *err);
    void *impl;
    int n_names;     /**< given so far */
    char prefix[24]; /**< of all names, unique per run */
};

/** A name that nobody else has. */
void contract_name(struct contract_rig *rig, char out[NAME_MAX_LEN]);

/** Runs the suite; returns what cmocka returns. */
int contract_bus_run(struct contract_rig *rig);

/* A bus with everything it has seen. */

struct peer_message {
    int topic;
    int32_t partition;
    int64_t offset;
    uint64_t number; /**< the value as decimal text */
};

struct peer {
    struct contract_rig *rig;
    struct bus bus;
    char topic[NAME_MAX_LEN];
    char twin[NAME_MAX_LEN];
    struct peer_message *messages;
    size_t n_messages;
    struct bus_ack *acks;
    size_t n_acks;
    bool is_assigned[PLACES_MAX]; /**< primary partitions held */
    int n_assigned;
    int n_revokes;
    bool is_lost;
    bool is_starting; /**< starts what it is assigned, from `next` */
    bool is_letting_go;
    bool is_producer_fatal;
    int64_t next[2][PLACES_MAX];
    int error; /**< of the last poll */
};

/** One topic of n partitions (and a twin when has_twin), and a bus on it. */
enum peer_kind {
    PEER_ALONE,
    PEER_WITH_TWIN,
};

void peer_open(struct peer *peer, struct contract_rig *rig, int32_t partitions,
               enum peer_kind kind);
/** One more member of the group, on the same topic. */
void peer_join(struct peer *peer, const struct peer *other, const char *group,
               const char *instance);
void peer_close(struct peer *peer);
/** One poll; what it brought is recorded and answered. */
void peer_poll(struct peer *peer, odk_dur_ms wait_max);
void peer_wait_assigned(struct peer *peer, int n);
void peer_wait_messages(struct peer *peer, size_t n);
void peer_wait_acks(struct peer *peer, size_t n);
/** Polls until nothing came n times. */
void peer_wait_silence(struct peer *peer, int n);
/** Sends a record whose value is the number. */
void peer_send_number(struct peer *peer, int32_t partition, uint64_t number);
int peer_send(struct peer *peer, const struct bus_record *record);

/* Tests in contract_bus_group.c. */
void members_share_partitions_and_hand_over_without_loss(void **state);
void a_revocation_is_reported_before_others_get_the_partition(void **state);
void a_static_member_comes_back_to_its_partitions(void **state);
void a_static_member_that_leaves_frees_its_partitions(void **state);
void a_second_owner_of_an_instance_fences_the_first(void **state);
void twins_go_along_with_the_primary_topic(void **state);
void twins_of_different_width_are_refused(void **state);
void without_a_group_all_partitions_are_assigned(void **state);
void a_group_offset_comes_back_with_its_metadata(void **state);

#endif
