#include "contract_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

int32_t
next_shard(void)
{
    static int32_t last = 0; // NOLINT: across the tests of the program

    return ++last;
}

struct odk_uuid
run_id(uint64_t number)
{
    return odk_uuid_v7(NOW, number, number * 7919);
}

int
acquire_as(struct fixture *f, struct store *store, int64_t fence,
           struct store_shard *out)
{
    return store_acquire(store, f->shard, fence, ODK_STR("me"), &f->arena, out,
                         &f->err);
}

/* A clock that agrees with the server's. */
odk_time_ms
agreed_time(struct fixture *f)
{
    struct store_server server;

    assert_int_equal(store_server(&f->store, &server, &f->err), 0);
    return server.time;
}

void
acquire(struct fixture *f, int64_t fence)
{
    struct store_shard row;

    assert_int_equal(acquire_as(f, &f->store, fence, &row), 0);
    f->move = (struct store_shard_move){
        .shard = f->shard,
        .fence = fence,
        .batch_expected = row.batch,
        .next_command = row.next_command,
        .next_result = row.next_result,
        .outbox_seq = row.outbox_seq,
        .published = row.published,
        .published_from = row.published,
        .clock = NOW,
    };
}

int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    contract_connect(&f->store);
    odk_arena_init(&f->arena, (size_t)64 << 20);
    f->wall = agreed_time(f);
    f->shard = next_shard();
    acquire(f, 100 + f->shard);
    *state = f;
    return 0;
}

int
tear_down(void **state)
{
    struct fixture *f = *state;

    store_close(&f->store);
    odk_arena_release(&f->arena);
    free(f);
    return 0;
}

/* Commits with the shard's next move; on success the one after is prepared. */
int
commit(struct fixture *f, struct store_batch *batch)
{
    batch->wall = f->wall;
    batch->shards = &f->move;
    batch->n_shards = 1;
    int rc = store_commit(&f->store, batch, &f->err);
    if (rc == 0) {
        f->move.batch_expected++;
        f->move.published_from = f->move.published;
    }
    return rc;
}

void
commit_fine(struct fixture *f, struct store_batch *batch)
{
    int rc = commit(f, batch);

    if (rc != 0) {
        fail_msg("commit: %s", f->err.message);
    }
}

void
assert_str(struct odk_str actual, struct odk_str expected)
{
    assert_int_equal(actual.len, expected.len);
    if (expected.len > 0) {
        assert_memory_equal(actual.ptr, expected.ptr, expected.len);
    }
}
