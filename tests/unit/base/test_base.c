#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/base.h"

static void
strings_compare_bytewise_and_shorter_first(void **state)
{
    (void)state;
    assert_true(odk_str_cmp(ODK_STR("a"), ODK_STR("b")) < 0);
    assert_true(odk_str_cmp(ODK_STR("a"), ODK_STR("ab")) < 0);
    assert_int_equal(odk_str_cmp(ODK_STR("ab"), ODK_STR("ab")), 0);
    assert_true(odk_str_cmp(ODK_STR("\xff"), ODK_STR("a")) > 0);
}

static void
utf8_refuses_overlong_forms_surrogates_and_cut_sequences(void **state)
{
    (void)state;
    assert_true(odk_str_is_utf8(
        ODK_STR("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80")));
    assert_false(odk_str_is_utf8(ODK_STR("\xC0\xAF")));
    assert_false(odk_str_is_utf8(ODK_STR("\xED\xA0\x80")));
    assert_false(odk_str_is_utf8(ODK_STR("\xE2\x82")));
    assert_false(odk_str_is_utf8(ODK_STR("\xF4\x90\x80\x80")));
    assert_false(odk_str_is_utf8(ODK_STR("\x80")));
    assert_true(odk_str_is_wtf8(ODK_STR("a\xED\xA0\x80")));
    assert_false(odk_str_is_wtf8(ODK_STR("\xED\xA0")));
}

static void
integers_are_read_to_their_limits_and_not_beyond(void **state)
{
    int64_t value = 0;
    uint64_t unsigned_value = 0;
    (void)state;

    assert_true(odk_str_to_i64(ODK_STR("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    assert_false(odk_str_to_i64(ODK_STR("9223372036854775808"), &value));
    assert_true(
        odk_str_to_u64(ODK_STR("18446744073709551615"), &unsigned_value));
    assert_false(
        odk_str_to_u64(ODK_STR("18446744073709551616"), &unsigned_value));
    assert_false(odk_str_to_i64(ODK_STR("12x"), &value));
    assert_false(odk_str_to_i64(ODK_STR(""), &value));
    assert_false(odk_str_to_i64(ODK_STR("-"), &value));
}

/* Values of Kafka's own test, UtilsTest.testMurmur2, with the sign bit masked.
 */
static void
murmur2_agrees_with_the_java_client(void **state)
{
    (void)state;
    assert_int_equal(odk_murmur2(ODK_STR("21")),
                     (uint32_t)-973932308 & 0x7fffffff);
    assert_int_equal(odk_murmur2(ODK_STR("foobar")),
                     (uint32_t)-790332482 & 0x7fffffff);
    assert_int_equal(odk_murmur2(ODK_STR("a-little-bit-long-string")),
                     (uint32_t)-985981536 & 0x7fffffff);
    assert_int_equal(odk_murmur2(ODK_STR("a-little-bit-longer-string")),
                     (uint32_t)-1486304829 & 0x7fffffff);
    assert_int_equal(odk_murmur2(ODK_STR("abc")),
                     (uint32_t)479470107 & 0x7fffffff);
}

static void
a_time_survives_its_text(void **state)
{
    static const odk_time_ms times[] = {
        0, 1, 951782400123, 1764032523456, -1, 253402300799999};
    (void)state;

    for (size_t i = 0; i < ODK_ARRAY_LEN(times); i++) {
        char text[ODK_TIME_TEXT_MAX];
        odk_time_ms back = 0;
        odk_time_format(times[i], text);
        assert_true(odk_time_parse(odk_str(text), &back));
        assert_true(back == times[i]);
    }
}

static void
times_with_offsets_and_without_fractions_are_read(void **state)
{
    odk_time_ms at = 0;
    (void)state;

    assert_true(odk_time_parse(ODK_STR("2016-03-14T01:59:00Z"), &at));
    assert_true(at == 1457920740000);
    assert_true(odk_time_parse(ODK_STR("2016-03-14T03:59:00.5+02:00"), &at));
    assert_true(at == 1457920740500);
    assert_false(odk_time_parse(ODK_STR("2016-02-30T00:00:00Z"), &at));
    assert_false(odk_time_parse(ODK_STR("2016-03-14 01:59:00Z"), &at));
    assert_false(odk_time_parse(ODK_STR("2016-03-14T01:59:00"), &at));
    assert_false(odk_time_parse(ODK_STR("2016-03-14T24:00:00Z"), &at));
}

static void
adding_to_a_time_never_overflows(void **state)
{
    (void)state;
    assert_true(odk_time_add(INT64_MAX - 1, 10) == ODK_TIME_NEVER);
    assert_true(odk_time_add(100, -40) == 60);
}

static void
a_uuid_survives_its_text_and_keeps_its_time(void **state)
{
    struct odk_uuid id =
        odk_uuid_v7(1764032523456, 0x123456789abcdef0, 0xfedcba9876543210);
    struct odk_uuid back;
    char text[ODK_UUID_TEXT_LEN + 1];
    (void)state;

    odk_uuid_format(&id, text);
    assert_int_equal(text[14], '7');
    assert_non_null(strchr("89ab", text[19]));
    assert_true(odk_uuid_parse(odk_str(text), &back));
    assert_true(odk_uuid_eq(&id, &back));
    assert_true(odk_uuid_time(&id) == 1764032523456);
    assert_false(odk_uuid_parse(ODK_STR("not-a-uuid"), &back));
}

static void
a_buffer_that_reached_its_cap_stays_failed(void **state)
{
    struct odk_buf buf;
    (void)state;

    odk_buf_init(&buf, 8);
    odk_buf_put_cstr(&buf, "12345678");
    assert_false(odk_buf_failed(&buf));
    odk_buf_put_char(&buf, '9');
    odk_buf_put_cstr(&buf, "");
    assert_true(odk_buf_failed(&buf));
    odk_buf_clear(&buf);
    odk_buf_printf(&buf, "%d", 42);
    assert_true(odk_str_is(odk_buf_str(&buf), "42"));
    odk_buf_release(&buf);
}

static void
json_strings_are_escaped_and_bad_bytes_replaced(void **state)
{
    struct odk_buf buf;
    (void)state;

    odk_buf_init(&buf, 0);
    odk_buf_put_json_str(&buf, odk_str_n("a\"\\\n\x01\0b", 7));
    assert_true(
        odk_str_is(odk_buf_str(&buf), "\"a\\\"\\\\\\n\\u0001\\u0000b\""));
    odk_buf_clear(&buf);
    odk_buf_put_json_str(&buf, ODK_STR("a\xFFz"));
    assert_true(odk_str_is(odk_buf_str(&buf), "\"a\xEF\xBF\xBDz\""));
    odk_buf_release(&buf);
}

static void
numbers_are_written_to_their_limits(void **state)
{
    struct odk_buf buf;
    (void)state;

    odk_buf_init(&buf, 0);
    odk_buf_put_i64(&buf, INT64_MIN);
    odk_buf_put_char(&buf, ' ');
    odk_buf_put_u64(&buf, UINT64_MAX);
    assert_true(odk_str_is(odk_buf_str(&buf),
                           "-9223372036854775808 18446744073709551615"));
    odk_buf_release(&buf);
}

static void
an_arena_gives_zeroed_memory_up_to_its_cap(void **state)
{
    struct odk_arena arena;
    (void)state;

    odk_arena_init(&arena, 4096);
    for (int round = 0; round < 3; round++) {
        char *first = odk_arena_alloc(&arena, 1000);
        assert_non_null(first);
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(first[i], 0);
        }
        memset(first, 'x', 1000);
        assert_null(odk_arena_alloc(&arena, 4000));
        assert_null(odk_arena_calloc(&arena, SIZE_MAX / 2, 4));
        odk_arena_reset(&arena);
    }
    odk_arena_release(&arena);
}

struct entry {
    struct odk_map_node node;
    char key[16];
};

static void
a_map_finds_what_was_added_and_not_what_was_removed(void **state)
{
    static struct entry entries[500];
    struct odk_map map;
    (void)state;

    odk_map_init(&map);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(entries[i].key, sizeof(entries[i].key), "%d", i);
        odk_map_add(&map, &entries[i].node, odk_str(entries[i].key));
    }
    for (int i = 0; i < 500; i += 2) {
        odk_map_remove(&map, &entries[i].node);
    }
    assert_int_equal(map.count, 250);
    for (int i = 0; i < 500; i++) {
        struct odk_map_node *node = odk_map_find(&map, odk_str(entries[i].key));
        assert_ptr_equal(node, i % 2 ? &entries[i].node : NULL);
    }
    size_t seen = 0;
    for (struct odk_map_node *node = odk_map_next(&map, NULL); node;
         node = odk_map_next(&map, node)) {
        seen++;
    }
    assert_int_equal(seen, 250);
    odk_map_release(&map);
}

static void
digests_agree_with_published_vectors(void **state)
{
    uint8_t out[ODK_DIGEST_BYTES_MAX];
    char hex[2 * ODK_DIGEST_BYTES_MAX + 1];
    (void)state;

    odk_hex(out, odk_digest(ODK_DIGEST_MD5, ODK_STR("abc"), out), hex);
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
    odk_sha256(ODK_STR("a"), ODK_STR("bc"), out);
    odk_hex(out, ODK_SHA256_BYTES, hex);
    assert_string_equal(
        hex,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    odk_hmac_sha256(ODK_STR("Jefe"), ODK_STR("what do ya want for nothing?"),
                    out);
    odk_hex(out, ODK_SHA256_BYTES, hex);
    assert_string_equal(
        hex,
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void
an_error_carries_its_context_outside_in(void **state)
{
    struct odk_err err = {0};
    (void)state;

    assert_int_equal(odk_err_set(&err, ODK_ENOTFOUND, "no topic %s", "x"),
                     ODK_ENOTFOUND);
    assert_int_equal(odk_err_wrap(&err, ODK_ENOTFOUND, "shard %d", 3),
                     ODK_ENOTFOUND);
    assert_string_equal(err.message, "shard 3: no topic x");
    assert_int_equal(odk_err_class(ODK_EFENCED), ODK_CLASS_FENCE);
    assert_string_equal(odk_err_name(ODK_ECONN), "ODK_ECONN");
    assert_int_equal(odk_err_set(NULL, ODK_EIO, "nobody listens"), ODK_EIO);
}

static void
the_same_seed_gives_the_same_numbers(void **state)
{
    struct odk_rand a;
    struct odk_rand b;
    (void)state;

    odk_rand_init(&a, 7);
    odk_rand_init(&b, 7);
    for (int i = 0; i < 100; i++) {
        assert_true(odk_rand_u64(&a) == odk_rand_u64(&b));
        double unit = odk_rand_unit(&a);
        assert_true(unit >= 0 && unit < 1);
        (void)odk_rand_unit(&b);
        assert_true(odk_rand_below(&a, 10) < 10);
        (void)odk_rand_below(&b, 10);
    }
}

static void
a_trace_context_is_carried_and_a_malformed_one_is_not(void **state)
{
    static const char good[] =
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    static const char *const bad[] = {
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
    };
    struct odk_str out;
    (void)state;

    assert_true(odk_traceparent_parse(odk_str(good), &out));
    assert_true(odk_str_is(out, good));
    for (size_t i = 0; i < ODK_ARRAY_LEN(bad); i++) {
        assert_false(odk_traceparent_parse(odk_str(bad[i]), &out));
        assert_null(out.ptr);
    }
    assert_false(odk_traceparent_parse((struct odk_str){0}, &out));
    assert_true(odk_traceparent_parse(
        ODK_STR("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-new"),
        &out));
    assert_int_equal(out.len, ODK_TRACEPARENT_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_compare_bytewise_and_shorter_first),
        cmocka_unit_test(
            utf8_refuses_overlong_forms_surrogates_and_cut_sequences),
        cmocka_unit_test(integers_are_read_to_their_limits_and_not_beyond),
        cmocka_unit_test(murmur2_agrees_with_the_java_client),
        cmocka_unit_test(a_time_survives_its_text),
        cmocka_unit_test(times_with_offsets_and_without_fractions_are_read),
        cmocka_unit_test(adding_to_a_time_never_overflows),
        cmocka_unit_test(a_uuid_survives_its_text_and_keeps_its_time),
        cmocka_unit_test(a_buffer_that_reached_its_cap_stays_failed),
        cmocka_unit_test(json_strings_are_escaped_and_bad_bytes_replaced),
        cmocka_unit_test(numbers_are_written_to_their_limits),
        cmocka_unit_test(an_arena_gives_zeroed_memory_up_to_its_cap),
        cmocka_unit_test(a_map_finds_what_was_added_and_not_what_was_removed),
        cmocka_unit_test(digests_agree_with_published_vectors),
        cmocka_unit_test(an_error_carries_its_context_outside_in),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(a_trace_context_is_carried_and_a_malformed_one_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
