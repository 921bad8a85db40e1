#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store_pg/store_pg_priv.h"

/* Packs n outputs of one shard with values of these sizes. */
static size_t
pack(const size_t *sizes, size_t n, struct odk_arena *arena,
     const struct store_pg_chunk **out)
{
    static char bytes[20000]; // NOLINT: content does not matter
    struct store_shard_move move = {.shard = 1};
    struct store_output_write *rows = odk_arena_calloc(arena, n, sizeof(*rows));
    size_t n_chunks = 0;

    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct store_output_write){
            .shard = 1,
            .output = {.seq = i + 1, .value = odk_str_n(bytes, sizes[i])}};
    }
    struct store_batch batch = {
        .shards = &move, .n_shards = 1, .outputs = rows, .n_outputs = n};
    assert_int_equal(store_pg_chunks_pack(&batch, arena, out, &n_chunks, NULL),
                     0);
    return n_chunks;
}

static void
test_chunks_hold_whole_records_up_to_a_page(void **state)
{
    struct odk_arena arena;
    const struct store_pg_chunk *chunks = NULL;
    static const size_t sizes[] = {3000, 3000, 3000, 15000, 10, 10};

    (void)state;
    odk_arena_init(&arena, 0);
    size_t n = pack(sizes, ODK_ARRAY_LEN(sizes), &arena, &chunks);
    assert_int_equal(n, 4);
    assert_int_equal(chunks[0].seq, 2);
    assert_int_equal(chunks[1].seq, 3);
    assert_int_equal(chunks[2].seq, 4);
    assert_true(chunks[2].data.len > 15000);
    assert_int_equal(chunks[3].seq, 6);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 2 || chunks[i].data.len <= STORE_PG_CHUNK_BYTES_MAX);
    }
    odk_arena_release(&arena);
}

static void
test_every_cut_chunk_is_corrupt(void **state)
{
    struct odk_arena arena;
    const struct store_pg_chunk *chunks = NULL;
    struct store_output output;
    static const size_t sizes[] = {20};

    (void)state;
    odk_arena_init(&arena, 0);
    assert_int_equal(pack(sizes, 1, &arena, &chunks), 1);
    for (size_t len = 1; len < chunks[0].data.len; len++) {
        struct odk_str rest = odk_str_n(chunks[0].data.ptr, len);
        assert_int_equal(store_pg_chunk_next(&rest, &output, NULL),
                         ODK_ECORRUPT);
    }
    odk_arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_hold_whole_records_up_to_a_page),
        cmocka_unit_test(test_every_cut_chunk_is_corrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
