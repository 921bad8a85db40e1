#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "contract_fixture.h"

static struct store_output_write
output(const struct fixture *f, uint64_t seq, struct odk_str value)
{
    return (struct store_output_write){
        .shard = f->shard,
        .output = {.seq = seq,
                   .topic = ODK_STR("odradek.tasks.payments"),
                   .partition = (int32_t)(seq % 7),
                   .key =
                       seq % 3 ? ODK_STR("shop/a") : (struct odk_str){NULL, 0},
                   .value = value,
                   .headers = {"\0\1\xffh", seq % 2 ? 4 : 0}}};
}

static void
assert_output(const struct store_output *actual,
              const struct store_output *expected)
{
    assert_int_equal(actual->seq, expected->seq);
    assert_int_equal(actual->partition, expected->partition);
    assert_str(actual->topic, expected->topic);
    assert_str(actual->key, expected->key);
    assert_int_equal(actual->key.ptr == NULL, expected->key.ptr == NULL);
    assert_str(actual->value, expected->value);
    assert_str(actual->headers, expected->headers);
}

/* Reads everything above after, page by page, against rows[0…n). */
static void
assert_unpublished(struct fixture *f, uint64_t after, size_t bytes_max,
                   const struct store_output_write *rows, size_t n)
{
    size_t at = 0;
    size_t pages = 0;

    for (;;) {
        const struct store_output *page = NULL;
        size_t count = 0;
        assert_int_equal(store_unpublished(&f->store, f->shard, after,
                                           bytes_max, &f->arena, &page, &count,
                                           &f->err),
                         0);
        if (count == 0) {
            break;
        }
        pages++;
        for (size_t i = 0; i < count; i++) {
            assert_true(at < n);
            assert_output(&page[i], &rows[at++].output);
        }
        after = page[count - 1].seq;
    }
    assert_int_equal(at, n);
    assert_true(n == 0 || pages > 0);
}

static void
test_outputs_come_back_byte_for_byte(void **state)
{
    enum {
        BIG = 900000
    };
    struct fixture *f = *state;
    char *big = malloc(BIG);
    static const char binary[] = {0, 1, 2, (char)0xff, 0, 'x'};

    for (size_t i = 0; i < BIG; i++) {
        big[i] = (char)(i * 2654435761U >> 13);
    }
    struct store_output_write rows[] = {
        output(f, 1, ODK_STR("one")),
        output(f, 2, odk_str_n(binary, sizeof(binary))),
        output(f, 3, odk_str_n(big, BIG)),
        output(f, 4, ODK_STR("")),
        output(f, 9, odk_str_n(big, 7000)),
        output(f, 10, odk_str_n(big, 7000)),
    };
    struct store_batch batch = {.outputs = rows, .n_outputs = 6};
    f->move.outbox_seq = 10;
    commit_fine(f, &batch);
    assert_unpublished(f, 0, (size_t)10 << 20, rows, 6);
    assert_unpublished(f, 0, 1, rows, 6);
    assert_unpublished(f, 1, 1000, rows + 1, 5);
    assert_unpublished(f, 3, 1000, rows + 3, 3);
    assert_unpublished(f, 10, 1000, rows, 0);
    free(big);
}

static void
test_many_small_outputs_are_deleted_as_published(void **state)
{
    enum {
        N = 3000
    };
    struct fixture *f = *state;
    struct store_output_write *rows = calloc(N, sizeof(*rows));
    struct store_batch batch = {.outputs = rows, .n_outputs = N};
    struct store_batch nothing = {.n_outputs = 0};
    static const uint64_t steps[] = {1, 2, 700, 701, 2999, 3000};

    for (size_t i = 0; i < N; i++) {
        char value[40];
        (void)snprintf(value, sizeof(value), "value %zu", i);
        rows[i] = output(f, i + 1, odk_arena_str(&f->arena, odk_str(value)));
    }
    f->move.outbox_seq = N;
    commit_fine(f, &batch);
    assert_unpublished(f, 0, (size_t)1 << 20, rows, N);
    assert_unpublished(f, 0, 5000, rows, N);
    for (size_t i = 0; i < ODK_ARRAY_LEN(steps); i++) {
        f->move.published = steps[i];
        commit_fine(f, &nothing);
        assert_unpublished(f, steps[i], 5000, rows + steps[i], N - steps[i]);
    }
    assert_unpublished(f, 0, 5000, rows, 0);
    free(rows);
}

static void
test_shards_keep_their_outputs_apart(void **state)
{
    struct fixture *f = *state;
    struct fixture other = *f;
    struct store_shard row;
    struct store_shard_move moves[2];

    odk_arena_init(&other.arena, 0);
    other.shard = next_shard();
    assert_int_equal(acquire_as(&other, &f->store, 9, &row), 0);
    moves[0] = f->move;
    moves[1] = f->move;
    moves[1].shard = other.shard;
    moves[1].fence = 9;
    moves[0].outbox_seq = moves[1].outbox_seq = 2;
    struct store_output_write rows[] = {
        output(f, 1, ODK_STR("a1")),
        output(&other, 1, ODK_STR("b1")),
        output(f, 2, ODK_STR("a2")),
        output(&other, 2, ODK_STR("b2")),
    };
    struct store_batch batch = {.wall = f->wall,
                                .shards = moves,
                                .n_shards = 2,
                                .outputs = rows,
                                .n_outputs = 4};
    assert_int_equal(store_commit(&f->store, &batch, &f->err), 0);
    struct store_output_write ours[] = {rows[0], rows[2]};
    struct store_output_write theirs[] = {rows[1], rows[3]};
    assert_unpublished(f, 0, 100, ours, 2);
    assert_unpublished(&other, 0, 100, theirs, 2);
    odk_arena_release(&other.arena);
}

static void
test_parked_outputs_are_kept(void **state)
{
    struct fixture *f = *state;
    struct store_output_write written = output(f, 3, ODK_STR("v\0w"));
    struct store_parked_write row = {.shard = f->shard,
                                     .output = written.output,
                                     .reason = ODK_STR("unknown topic")};
    struct store_batch batch = {.parked = &row, .n_parked = 1};

    commit_fine(f, &batch);
    assert_int_equal(contract_n_parked(f->shard), 1);
}

static void
test_a_parked_output_is_read_and_dropped_by_its_number(void **state)
{
    struct fixture *f = *state;
    struct store_output_write first = output(f, 3, ODK_STR("v\0w"));
    struct store_output_write second = output(f, 4, ODK_STR("other"));
    struct store_parked_write rows[] = {
        {f->shard, first.output, ODK_STR("unknown topic")},
        {f->shard, second.output, ODK_STR("unknown topic")}};
    struct store_parked_drop drop = {f->shard, 3};
    struct store_batch put = {.parked = rows, .n_parked = 2};
    struct store_batch take = {.parked_drops = &drop, .n_parked_drops = 1};
    struct store_output found;

    commit_fine(f, &put);
    assert_int_equal(
        store_parked(&f->store, f->shard, 3, &f->arena, &found, &f->err), 0);
    assert_output(&found, &first.output);
    assert_int_equal(
        store_parked(&f->store, f->shard, 5, &f->arena, &found, &f->err),
        ODK_ENOTFOUND);
    commit_fine(f, &take);
    assert_int_equal(contract_n_parked(f->shard), 1);
    assert_int_equal(
        store_parked(&f->store, f->shard, 3, &f->arena, &found, &f->err),
        ODK_ENOTFOUND);
    commit_fine(f, &take); /* what is gone may be dropped again */
}

int
contract_outbox_run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_outputs_come_back_byte_for_byte),
        TEST(test_many_small_outputs_are_deleted_as_published),
        TEST(test_shards_keep_their_outputs_apart),
        TEST(test_parked_outputs_are_kept),
        TEST(test_a_parked_output_is_read_and_dropped_by_its_number),
    };

    return cmocka_run_group_tests_name("outputs", tests, NULL, NULL);
}
