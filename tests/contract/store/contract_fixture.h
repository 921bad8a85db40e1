#ifndef CONTRACT_FIXTURE_H
#define CONTRACT_FIXTURE_H

/*
 * What the tests of the suite share: a store with a shard of its own, and the
 * way to commit to it.
 */

#include "contract_store.h"

#define NOW INT64_C(1790000000000)

/** Each test has shards of its own, as they share one database. */
struct fixture {
    struct store store;
    struct odk_arena arena;
    struct odk_err err;
    odk_time_ms wall; /**< of the next commits */
    int32_t shard;
    struct store_shard_move move; /**< the next batch of shard */
};

/** A shard that no other test has. */
int32_t next_shard(void);
/** The run id of a number. */
struct odk_uuid run_id(uint64_t number);
/** A clock that agrees with the server's. */
odk_time_ms agreed_time(struct fixture *f);
/** Takes the fixture's shard for any store. */
int acquire_as(struct fixture *f, struct store *store, int64_t fence,
               struct store_shard *out);
/** Takes it for the fixture's own store; commits go on from there. */
void acquire(struct fixture *f, int64_t fence);
int set_up(void **state);
int tear_down(void **state);
/** Commits with the shard's next move; on success the one after is prepared. */
int commit(struct fixture *f, struct store_batch *batch);
/** The same, and it must work. */
void commit_fine(struct fixture *f, struct store_batch *batch);
void assert_str(struct odk_str actual, struct odk_str expected);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/** The part of the suite about outputs; a result for main. */
int contract_outbox_run(void);

#endif
