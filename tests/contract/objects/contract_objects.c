#include "contract_objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct objects objects;
    struct odk_arena arena;
    struct odk_buf buf;
    struct odk_err err;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    contract_open(&f->objects);
    odk_arena_init(&f->arena, 0);
    odk_buf_init(&f->buf, 0);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    contract_close(&f->objects);
    odk_arena_release(&f->arena);
    odk_buf_release(&f->buf);
    free(f);
    return 0;
}

static struct objects_ref
ref_of(const char *key)
{
    return (struct objects_ref){.bucket = ODK_STR("data"), .key = odk_str(key)};
}

static int
put(struct fixture *f, const char *key, const char *data)
{
    struct objects_ref ref = ref_of(key);

    return objects_put(&f->objects, &ref, odk_str(data), &f->err);
}

static const char *
get(struct fixture *f, const char *key, uint64_t offset, size_t len)
{
    struct objects_ref ref = ref_of(key);

    odk_buf_clear(&f->buf);
    return objects_read(&f->objects, &ref, offset, len, &f->buf, &f->err) == 0
               ? odk_buf_str(&f->buf).ptr
               : NULL;
}

static void
test_what_was_put_is_read_as_a_whole_and_in_parts(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put(f, "a/b/c.txt", "0123456789"), 0);
    assert_string_equal(get(f, "a/b/c.txt", 0, 100), "0123456789");
    assert_string_equal(get(f, "a/b/c.txt", 3, 4), "3456");
    assert_string_equal(get(f, "a/b/c.txt", 8, 4), "89");
    (void)get(f, "a/b/c.txt", 10, 4);
    assert_int_equal(f->buf.len, 0);
    (void)get(f, "a/b/c.txt", 1000, 4);
    assert_int_equal(f->buf.len, 0);
}

static void
test_a_put_replaces_and_changes_the_etag(void **state)
{
    struct fixture *f = *state;
    struct objects_ref ref = ref_of("x");
    struct objects_info first;
    struct objects_info second;

    assert_int_equal(put(f, "x", "one"), 0);
    assert_int_equal(
        objects_stat(&f->objects, &ref, &f->arena, &first, &f->err), 0);
    assert_int_equal(first.bytes, 3);
    ref.etag = first.etag;
    assert_int_equal(
        objects_stat(&f->objects, &ref, &f->arena, &second, &f->err), 0);
    assert_int_equal(put(f, "x", "other"), 0);
    assert_int_equal(
        objects_stat(&f->objects, &ref, &f->arena, &second, &f->err),
        ODK_ECONFLICT);
    assert_int_equal(objects_read(&f->objects, &ref, 0, 10, &f->buf, &f->err),
                     ODK_ECONFLICT);
    assert_string_equal(get(f, "x", 0, 10), "other");
}

static void
test_what_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;
    struct objects_ref ref = {.bucket = ODK_STR("none"), .key = ODK_STR("x")};
    struct objects_info info;

    assert_int_equal(put(f, "x/y", "data"), 0);
    assert_null(get(f, "z", 0, 1));
    assert_int_equal(f->err.code, ODK_ENOTFOUND);
    assert_string_equal(f->err.message,
                        "The object 's3://data/z' does not exist.");
    assert_null(get(f, "x", 0, 1));
    assert_int_equal(f->err.code, ODK_ENOTFOUND);
    assert_int_equal(objects_stat(&f->objects, &ref, &f->arena, &info, &f->err),
                     ODK_ENOTFOUND);
    assert_int_equal(objects_put(&f->objects, &ref, ODK_STR(""), &f->err),
                     ODK_ENOTFOUND);
}

static void
test_no_name_leads_outside(void **state)
{
    static const char *const keys[] = {
        "",  "../x", "a/../../x", "/etc/passwd", "a//b",         "a/",
        ".", "..",   "a/./b",     ".odradek-1",  "a/.odradek-x", "bad\xff",
    };
    static const char *const buckets[] = {"", ".", "..", "a/b", ".hidden"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ODK_ARRAY_LEN(keys); i++) {
        assert_int_equal(put(f, keys[i], "x"), ODK_EINVAL);
        assert_null(get(f, keys[i], 0, 1));
        assert_int_equal(f->err.code, ODK_EINVAL);
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(buckets); i++) {
        struct objects_ref ref = {.bucket = odk_str(buckets[i]),
                                  .key = ODK_STR("x")};
        assert_int_equal(objects_put(&f->objects, &ref, ODK_STR(""), &f->err),
                         ODK_EINVAL);
    }
    assert_null(get(f, "link/x", 0, 1));
    assert_int_equal(f->err.code, ODK_ENOTFOUND);
    struct objects_ref linked = {.bucket = ODK_STR("linked"),
                                 .key = ODK_STR("x")};
    assert_int_equal(objects_put(&f->objects, &linked, ODK_STR(""), &f->err),
                     ODK_ENOTFOUND);
}

/* Keys of all pages of `max`, with commas. */
static const char *
list(struct fixture *f, const char *prefix, const char *after, size_t max)
{
    struct objects_query query = {
        .bucket = ODK_STR("data"),
        .prefix = odk_str(prefix),
        .after = odk_str(after),
        .max = max,
    };
    struct objects_list found;

    odk_buf_clear(&f->buf);
    odk_buf_put_cstr(&f->buf, "");
    do {
        assert_int_equal(
            objects_list(&f->objects, &query, &f->arena, &found, &f->err), 0);
        for (size_t i = 0; i < found.n; i++) {
            odk_buf_put_str(&f->buf, found.list[i].key);
            odk_buf_put_char(&f->buf, ',');
            query.after = found.list[i].key;
        }
    } while (found.n == max);
    return odk_buf_str(&f->buf).ptr;
}

static void
test_keys_come_in_bytewise_order_and_in_pages(void **state)
{
    static const char *const all = "a,a-b,a/b,a/c/d,a0,b,";
    struct fixture *f = *state;
    const size_t pages[] = {1, 2, 3, 1000};

    assert_string_equal(list(f, NULL, NULL, 10), "");
    assert_int_equal(put(f, "b", "x"), 0);
    assert_int_equal(put(f, "a/c/d", "x"), 0);
    assert_int_equal(put(f, "a/b", "x"), 0);
    assert_int_equal(put(f, "a-b", "x"), 0);
    assert_int_equal(put(f, "a0", "x"), 0);
    for (size_t i = 0; i < ODK_ARRAY_LEN(pages); i++) {
        assert_string_equal(list(f, NULL, NULL, pages[i]), all + 2);
    }
    assert_string_equal(list(f, "a/", NULL, 2), "a/b,a/c/d,");
    assert_string_equal(list(f, "a/c", NULL, 2), "a/c/d,");
    assert_string_equal(list(f, "a", "a/b", 2), "a/c/d,a0,");
    assert_string_equal(list(f, "a/c/", "a/c", 2), "a/c/d,");
    assert_string_equal(list(f, "q", NULL, 2), "");
}

static void
test_a_list_tells_size_and_etag(void **state)
{
    struct fixture *f = *state;
    struct objects_query query = {.bucket = ODK_STR("data"), .max = 2};
    struct objects_list found;
    struct objects_info info;
    struct objects_ref ref = ref_of("n/m");

    assert_int_equal(put(f, "n/m", "12345"), 0);
    assert_int_equal(
        objects_list(&f->objects, &query, &f->arena, &found, &f->err), 0);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].bytes, 5);
    assert_int_equal(objects_stat(&f->objects, &ref, &f->arena, &info, &f->err),
                     0);
    assert_true(odk_str_eq(info.etag, found.list[0].etag));
    assert_true(info.modified_at > 0);
    query.bucket = ODK_STR("none");
    assert_int_equal(
        objects_list(&f->objects, &query, &f->arena, &found, &f->err),
        ODK_ENOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
contract_run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_put_is_read_as_a_whole_and_in_parts),
        TEST(test_a_put_replaces_and_changes_the_etag),
        TEST(test_what_is_not_there_is_told),
        TEST(test_no_name_leads_outside),
        TEST(test_keys_come_in_bytewise_order_and_in_pages),
        TEST(test_a_list_tells_size_and_etag),
    };

    return cmocka_run_group_tests_name("objects contract", tests, NULL, NULL);
}
