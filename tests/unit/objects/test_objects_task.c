#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/json.h"
#include "objects/objects_mem.h"
#include "objects/objects_task.h"

struct fixture {
    struct objects objects;
    struct odk_buf buf;
    struct odk_err err;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    objects_mem_open(5000, &f->objects);
    objects_mem_make_bucket(&f->objects, ODK_STR("b"));
    odk_buf_init(&f->buf, 0);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    objects_close(&f->objects);
    odk_buf_release(&f->buf);
    free(f);
    return 0;
}

static void
put(struct fixture *f, const char *key, const char *data)
{
    struct objects_ref ref = {.bucket = ODK_STR("b"), .key = odk_str(key)};

    assert_int_equal(objects_put(&f->objects, &ref, odk_str(data), &f->err), 0);
}

/* The answer to a task; NULL with f->err. */
static json_t *
ask(struct fixture *f, const char *type, json_t *input)
{
    json_t *out = NULL;
    int rc = objects_task(&f->objects, odk_str(type), input, &out, &f->err);

    assert_true((rc == 0) == (out != NULL));
    return out;
}

/* All pages of a read, of n items and so many bytes at most, as one text with
 * a bar between pages. */
static const char *
read_pages(struct fixture *f, const char *input, int n, int bytes)
{
    json_t *task = json_parse(odk_str(input), &f->err);

    assert_non_null(task);
    json_set(task, ODK_STR("bucket"), json_string("b"));
    json_set(task, ODK_STR("maxItems"), json_integer(n));
    json_set(task, ODK_STR("maxBytes"), json_integer(bytes));
    odk_buf_clear(&f->buf);
    for (;;) {
        json_t *page = ask(f, OBJECTS_READ, task);
        if (!page) {
            json_decref(task);
            return f->err.message;
        }
        json_t *cursor = json_get(page, "cursor");
        assert_int_equal(json_dump(json_get(page, "items"), &f->buf), 0);
        if (!cursor) {
            json_decref(page);
            json_decref(task);
            return odk_buf_str(&f->buf).ptr;
        }
        odk_buf_put_char(&f->buf, '|');
        json_set(task, ODK_STR("cursor"), json_incref(cursor));
        json_decref(page);
    }
}

static void
test_a_csv_is_read_page_by_page(void **state)
{
    struct fixture *f = *state;

    put(f, "x.csv", "\xef\xbb\xbfn,m\n1,2\n3,4\n5,6\n");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"OBJECT\",\"key\":\"x.csv\",\"format\":"
                   "\"CSV\"}",
                   2, 1000),
        "[{\"n\":\"1\",\"m\":\"2\"},{\"n\":\"3\",\"m\":\"4\"}]|"
        "[{\"n\":\"5\",\"m\":\"6\"}]");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"OBJECT\",\"key\":\"x.csv\",\"format\":"
                   "\"CSV\",\"headers\":[\"h\"]}",
                   9, 12),
        "[{\"h\":\"n\"}]|[{\"h\":\"1\"}]|[{\"h\":\"3\"}]|[{\"h\":\"5\"}]");
}

static void
test_json_is_read_at_its_pointer(void **state)
{
    struct fixture *f = *state;

    put(f, "x.json", "{\"no\":[9],\"data\":{\"items\":[1,[2],3]}}");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"OBJECT\",\"key\":\"x.json\",\"format\":"
                   "\"JSON\",\"pointer\":\"/data/items\"}",
                   2, 1000),
        "[1,[2]]|[3]");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"OBJECT\",\"key\":\"x.json\",\"format\":"
                   "\"JSON\"}",
                   1, 1000),
        "{\"no\":[9]}|{\"data\":{\"items\":[1,[2],3]}}");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"OBJECT\",\"key\":\"x.json\",\"format\":"
                   "\"JSON\",\"pointer\":\"/x\"}",
                   1, 1000),
        "The ItemsPointer does not reference a value of the object.");
}

static void
test_an_object_larger_than_a_window_is_read_whole(void **state)
{
    struct fixture *f = *state;
    struct odk_buf text;
    json_t *task = json_parse(
        ODK_STR("{\"source\":\"OBJECT\",\"bucket\":\"b\",\"key\":\"big\","
                "\"format\":\"JSONL\",\"maxItems\":1000,\"maxBytes\":50000}"),
        &f->err);
    int64_t expected = 0;
    int n_pages = 0;

    odk_buf_init(&text, 0);
    for (int i = 0; i < 40000; i++) {
        odk_buf_put_i64(&text, i);
        odk_buf_put_char(&text, '\n');
    }
    put(f, "big", odk_buf_str(&text).ptr);
    odk_buf_release(&text);
    for (bool is_done = false; !is_done; n_pages++) {
        json_t *page = ask(f, OBJECTS_READ, task);
        assert_non_null(page);
        json_t *items = json_get(page, "items");
        json_t *cursor = json_get(page, "cursor");
        for (size_t i = 0; i < json_array_size(items); i++) {
            assert_int_equal(json_integer_value(json_array_get(items, i)),
                             expected++);
        }
        is_done = cursor == NULL;
        if (cursor) {
            json_set(task, ODK_STR("cursor"), json_incref(cursor));
        }
        json_decref(page);
    }
    assert_int_equal(expected, 40000);
    assert_int_equal(n_pages, 40);
    json_decref(task);
}

static void
test_an_object_that_changes_between_pages_is_refused(void **state)
{
    struct fixture *f = *state;
    json_t *task = json_parse(
        ODK_STR("{\"source\":\"OBJECT\",\"bucket\":\"b\",\"key\":\"k\","
                "\"format\":\"JSONL\",\"maxItems\":1,\"maxBytes\":50000}"),
        &f->err);

    put(f, "k", "1\n2\n");
    json_t *page = ask(f, OBJECTS_READ, task);
    assert_non_null(page);
    json_set(task, ODK_STR("cursor"), json_incref(json_get(page, "cursor")));
    put(f, "k", "1\n2\n");
    assert_null(ask(f, OBJECTS_READ, task));
    assert_string_equal(f->err.message,
                        "The object 's3://b/k' was changed while it was read.");
    json_decref(page);
    json_decref(task);
}

static void
test_a_list_gives_names_or_contents(void **state)
{
    struct fixture *f = *state;

    put(f, "in/1", "[1,2,3]");
    put(f, "in/2", "[]");
    put(f, "in/3", "{\"k\":4}");
    put(f, "out", "[5]");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"LIST\",\"prefix\":\"in/\",\"flatten\":"
                   "true,\"format\":\"JSON\"}",
                   2, 1000),
        "[1,2]|[3,{\"Key\":\"k\",\"Value\":4}]");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"LIST\",\"prefix\":\"in/\",\"flatten\":"
                   "true,\"format\":\"JSON\"}",
                   1, 1000),
        "[1]|[2]|[3]|[{\"Key\":\"k\",\"Value\":4}]");
    assert_string_equal(
        read_pages(f, "{\"source\":\"LIST\",\"prefix\":\"o\"}", 9, 1000),
        "[{\"Etag\":\"\\\"0000000000000004\\\"\",\"Key\":\"out\","
        "\"LastModified\":5,\"Size\":3,\"StorageClass\":\"STANDARD\"}]");
}

static void
test_manifests_lead_to_their_files(void **state)
{
    struct fixture *f = *state;

    put(f, "inv.json",
        "{\"destinationBucket\":\"arn:aws:s3:::b\",\"fileFormat\":\"CSV\","
        "\"fileSchema\":\"Bucket, Key\",\"files\":[{\"key\":\"d/1.csv\"},"
        "{\"key\":\"d/2.csv\"}]}");
    put(f, "d/1.csv", "\"b\",\"x\"\n\"b\",\"y\"\n");
    put(f, "d/2.csv", "\"b\",\"z\"\n");
    assert_string_equal(
        read_pages(f, "{\"source\":\"INVENTORY\",\"key\":\"inv.json\"}", 2,
                   1000),
        "[{\"Bucket\":\"b\",\"Key\":\"x\"},{\"Bucket\":\"b\",\"Key\":\"y\"}]|"
        "[{\"Bucket\":\"b\",\"Key\":\"z\"}]");
    put(f, "m.csv", "s3://b/1.jsonl\ns3://b/2.jsonl\n");
    put(f, "1.jsonl", "1\n2\n");
    put(f, "2.jsonl", "3\n");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"ATHENA\",\"key\":\"m.csv\",\"format\":"
                   "\"JSONL\"}",
                   3, 1000),
        "[1,2,3]");
}

static void
test_bad_manifests_are_refused(void **state)
{
    struct fixture *f = *state;

    put(f, "m", "{\"files\":[]}");
    assert_string_equal(
        read_pages(f, "{\"source\":\"INVENTORY\",\"key\":\"m\"}", 9, 1000),
        "The manifest is not valid: fileSchema and files are required.");
    put(f, "m", "{");
    assert_string_equal(
        read_pages(f, "{\"source\":\"INVENTORY\",\"key\":\"m\"}", 9, 1000),
        "The manifest is not valid: it is not JSON.");
    put(f, "m", "{\"fileSchema\":\"Key\",\"files\":[{}]}");
    assert_non_null(strstr(
        read_pages(f, "{\"source\":\"INVENTORY\",\"key\":\"m\"}", 9, 1000),
        "is not valid"));
    put(f, "m", "bucket/key\n");
    assert_string_equal(
        read_pages(f,
                   "{\"source\":\"ATHENA\",\"key\":\"m\",\"format\":"
                   "\"CSV\"}",
                   9, 1000),
        "The manifest is not valid: each line must be s3://bucket/key.");
    put(f, "m", "\x1f\x8b");
    assert_non_null(
        strstr(read_pages(f,
                          "{\"source\":\"OBJECT\",\"key\":\"m\",\"format\":"
                          "\"CSV\"}",
                          9, 1000),
               "compressed by gzip"));
}

static void
test_bad_input_is_refused(void **state)
{
    static const char *const inputs[] = {
        "null",
        "{}",
        "{\"maxItems\":1,\"maxBytes\":1}",
        "{\"maxItems\":1,\"maxBytes\":1,\"source\":\"OBJECT\"}",
        "{\"maxItems\":1,\"maxBytes\":1,\"source\":\"OBJECT\",\"bucket\":\"b\","
        "\"key\":\"none\",\"format\":\"CSV\"}",
        "{\"maxItems\":1,\"maxBytes\":1,\"source\":\"LIST\",\"bucket\":7}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ODK_ARRAY_LEN(inputs); i++) {
        json_t *input = json_parse(odk_str(inputs[i]), NULL);
        assert_null(ask(f, OBJECTS_READ, input));
        assert_true(f->err.message[0] != '\0');
        json_decref(input);
    }
    json_t *input = json_object();
    assert_null(ask(f, "nothing", input));
    json_decref(input);
}

static const char *
content(struct fixture *f, const char *key)
{
    struct objects_ref ref = {.bucket = ODK_STR("b"), .key = odk_str(key)};

    odk_buf_clear(&f->buf);
    assert_int_equal(
        objects_read(&f->objects, &ref, 0, 100000, &f->buf, &f->err), 0);
    return odk_buf_str(&f->buf).ptr;
}

static void
write(struct fixture *f, const char *input)
{
    json_t *task = json_parse(odk_str(input), NULL);
    json_t *out = ask(f, OBJECTS_WRITE, task);

    assert_non_null(out);
    json_decref(out);
    json_decref(task);
}

static void
test_results_are_files_and_a_manifest_again_and_again(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        write(f, "{\"bucket\":\"b\",\"prefix\":\"p/u\",\"type\":\"JSON\","
                 "\"files\":[{\"name\":\"SUCCEEDED_0.json\",\"records\":[1,"
                 "2]},{\"name\":\"FAILED_0.json\",\"records\":[3]}]}");
        write(f, "{\"bucket\":\"b\",\"prefix\":\"p/u\",\"type\":\"JSONL\","
                 "\"files\":[{\"name\":\"SUCCEEDED_10.jsonl\",\"records\":[{},"
                 "4]}],\"mapRunArn\":\"arn\"}");
    }
    assert_string_equal(content(f, "p/u/SUCCEEDED_0.json"), "[1,2]");
    assert_string_equal(content(f, "p/u/SUCCEEDED_10.jsonl"), "{}\n4\n");
    assert_string_equal(
        content(f, "p/u/manifest.json"),
        "{\"DestinationBucket\":\"b\",\"MapRunArn\":\"arn\",\"ResultFiles\":{"
        "\"FAILED\":[{\"Key\":\"p/u/FAILED_0.json\",\"Size\":3}],"
        "\"PENDING\":[],"
        "\"SUCCEEDED\":[{\"Key\":\"p/u/SUCCEEDED_0.json\",\"Size\":5},"
        "{\"Key\":\"p/u/SUCCEEDED_10.jsonl\",\"Size\":5}]}}");
}

static void
test_results_without_a_bucket_are_refused(void **state)
{
    struct fixture *f = *state;
    json_t *task = json_parse(
        ODK_STR("{\"bucket\":\"none\",\"prefix\":\"p\",\"type\":\"JSON\","
                "\"files\":[],\"mapRunArn\":\"x\"}"),
        NULL);

    assert_null(ask(f, OBJECTS_WRITE, task));
    assert_string_equal(f->err.message, "The bucket 'none' does not exist.");
    json_decref(task);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_csv_is_read_page_by_page),
        TEST(test_json_is_read_at_its_pointer),
        TEST(test_an_object_larger_than_a_window_is_read_whole),
        TEST(test_an_object_that_changes_between_pages_is_refused),
        TEST(test_a_list_gives_names_or_contents),
        TEST(test_manifests_lead_to_their_files),
        TEST(test_bad_manifests_are_refused),
        TEST(test_bad_input_is_refused),
        TEST(test_results_are_files_and_a_manifest_again_and_again),
        TEST(test_results_without_a_bucket_are_refused),
    };

    return cmocka_run_group_tests_name("objects_task", tests, NULL, NULL);
}
