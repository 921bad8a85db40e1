/* The client against stub_registry.py, which starts this program. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "codec/codec.h"
#include "registry/registry.h"

#define COMMANDS ODK_STR("odradek.commands")

struct fixture {
    const char *url;
    const char *nobody;
    char urls[256];
    struct registry_options options;
    struct registry *registry;
    struct codec *codec;
    struct odk_buf buf;
    struct odk_arena arena;
    struct odk_err err;
};

static int
set_up(void **state)
{
    static struct fixture fixture;
    struct codec_options options = {.framing = CODEC_FRAMING_CONFLUENT};

    fixture = (struct fixture){
        /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
        .url = getenv("ODRADEK_TEST_REGISTRY"),
        .nobody = getenv("ODRADEK_TEST_NOBODY"),
        /* NOLINTEND(concurrency-mt-unsafe) */
        .codec = codec_new(&options),
    };
    if (!fixture.url || !fixture.nobody) {
        (void)fprintf(stderr, "to be run by stub_registry.py\n");
        return -1;
    }
    fixture.options.urls = fixture.url;
    odk_buf_init(&fixture.buf, 0);
    odk_arena_init(&fixture.arena, 0);
    *state = &fixture;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    registry_free(f->registry);
    codec_free(f->codec);
    odk_buf_release(&f->buf);
    odk_arena_release(&f->arena);
    return 0;
}

static void
open_registry(struct fixture *f)
{
    registry_free(f->registry);
    if (registry_new(&f->options, &f->registry, &f->err) < 0) {
        fail_msg("%s", f->err.message);
    }
}

static int
learn_id(struct fixture *f, uint32_t id)
{
    return registry_learn_id(f->registry, f->codec, id, &f->err);
}

static int
learn_kind(struct fixture *f, struct odk_str topic, enum codec_kind kind,
           enum registry_missing missing)
{
    return registry_learn_kind(f->registry, f->codec, topic, kind, missing,
                               &f->err);
}

/* A StartWorkflow of the codec, framed into f->buf. */
static int
write_start(struct fixture *f)
{
    struct codec_start_workflow start;

    codec_start_workflow_init(&start);
    start.namespace = ODK_STR("default");
    start.workflow_id = ODK_STR("order-1");
    start.definition = ODK_STR("order");
    start.input = ODK_STR("{}");
    odk_buf_clear(&f->buf);
    return codec_encode(f->codec, CODEC_START_WORKFLOW, &start, &f->buf,
                        &f->err);
}

static void
a_registered_kind_can_be_written_and_read_by_another(void **state)
{
    struct fixture *f = *state;
    struct codec_header header;
    struct codec_record record;

    open_registry(f);
    assert_int_equal(write_start(f), ODK_ESCHEMA);
    assert_int_equal(
        learn_kind(f, COMMANDS, CODEC_START_WORKFLOW, REGISTRY_ADD), 0);
    assert_int_equal(write_start(f), 0);
    assert_int_equal(codec_header_read(odk_buf_str(&f->buf), &header, &f->err),
                     0);

    /* Another process: it knows no ids, asks for the record's and reads it. */
    codec_free(f->codec);
    f->codec = codec_new(NULL);
    assert_int_equal(codec_decode(f->codec, odk_buf_str(&f->buf), &f->arena,
                                  &record, &f->err),
                     ODK_ESCHEMA);
    assert_int_equal(learn_id(f, header.id), 0);
    assert_int_equal(codec_decode(f->codec, odk_buf_str(&f->buf), &f->arena,
                                  &record, &f->err),
                     0);
    assert_int_equal(record.kind, CODEC_START_WORKFLOW);
    assert_true(odk_str_is(record.start_workflow.workflow_id, "order-1"));
}

static void
a_known_id_is_not_asked_for_again(void **state)
{
    struct fixture *f = *state;

    open_registry(f);
    assert_int_equal(learn_id(f, 906), 0);
    assert_int_equal(learn_id(f, 906), 0);
    assert_int_equal(registry_stats(f->registry).requests, 1);
}

static void
every_kind_is_accepted_and_found(void **state)
{
    struct fixture *f = *state;

    open_registry(f);
    for (int kind = 0; kind < CODEC_KINDS; kind++) {
        assert_int_equal(
            learn_kind(f, ODK_STR("all"), (enum codec_kind)kind, REGISTRY_ADD),
            0);
        assert_int_equal(learn_kind(f, ODK_STR("all"), (enum codec_kind)kind,
                                    REGISTRY_REFUSE),
                         0);
    }
}

static void
an_unregistered_kind_is_refused_unless_it_may_be_added(void **state)
{
    struct fixture *f = *state;

    open_registry(f);
    assert_int_equal(
        learn_kind(f, ODK_STR("fresh topic/ü"), CODEC_TASK, REGISTRY_REFUSE),
        ODK_ENOTFOUND);
    assert_non_null(strstr(f->err.message, "Schema not found"));
    assert_int_equal(
        learn_kind(f, ODK_STR("fresh topic/ü"), CODEC_TASK, REGISTRY_ADD), 0);
    assert_int_equal(
        learn_kind(f, ODK_STR("fresh topic/ü"), CODEC_TASK, REGISTRY_REFUSE),
        0);
}

static void
an_incompatible_schema_is_said_to_be_one(void **state)
{
    struct fixture *f = *state;

    open_registry(f);
    assert_int_equal(
        learn_kind(f, ODK_STR("incompatible-x"), CODEC_TASK, REGISTRY_ADD),
        ODK_ESCHEMA);
    assert_non_null(strstr(f->err.message, "incompatible"));
    assert_non_null(strstr(f->err.message, "Task on incompatible-x"));
}

static void
an_older_schema_of_ours_is_learnt(void **state)
{
    struct fixture *f = *state;
    struct codec_record record;

    open_registry(f);
    assert_int_equal(learn_id(f, 906), 0);
    assert_int_equal(codec_decode(f->codec,
                                  ODK_STR("\0\0\0\x03\x8A\x02n\x02w\x02r\x02t"
                                          "\x02"
                                          "E\x04\x02"),
                                  &f->arena, &record, &f->err),
                     0);
    assert_int_equal(record.kind, CODEC_TASK_FAILED);
    assert_true(odk_str_is(record.task_failed.error, "E"));
    assert_int_equal(record.task_failed.activity_id, 2);
}

static void
what_is_of_no_use_is_remembered(void **state)
{
    static const struct {
        uint32_t id;
        int code;
    } ids[] = {
        {77, ODK_ENOTFOUND},
        {904, ODK_EUNSUPPORTED},
        {905, ODK_EUNSUPPORTED},
        {907, ODK_ESCHEMA},
    };
    struct fixture *f = *state;

    open_registry(f);
    for (size_t i = 0; i < ODK_ARRAY_LEN(ids); i++) {
        assert_int_equal(learn_id(f, ids[i].id), ids[i].code);
        assert_int_equal(registry_stats(f->registry).requests, i + 1);
        assert_int_equal(learn_id(f, ids[i].id), ids[i].code);
        assert_int_equal(registry_stats(f->registry).requests, i + 1);
        assert_int_equal(registry_stats(f->registry).spared, i + 1);
    }
    assert_int_equal(registry_stats(f->registry).failures, 0);
}

static void
what_may_pass_is_asked_again(void **state)
{
    static const struct {
        uint32_t id;
        int code;
    } ids[] = {
        {900, ODK_EAGAIN}, {901, ODK_EIO}, {903, ODK_ETOOBIG},
        {908, ODK_EIO},    {909, ODK_EIO}, {910, ODK_EAGAIN},
    };
    struct fixture *f = *state;

    open_registry(f);
    for (size_t i = 0; i < ODK_ARRAY_LEN(ids); i++) {
        assert_int_equal(learn_id(f, ids[i].id), ids[i].code);
        assert_int_equal(learn_id(f, ids[i].id), ids[i].code);
        assert_int_equal(registry_stats(f->registry).requests, 2 * i + 2);
    }
    assert_int_equal(registry_stats(f->registry).spared, 0);
}

static void
a_slow_server_is_given_up_in_time(void **state)
{
    struct fixture *f = *state;

    f->options.timeout_ms = 200;
    open_registry(f);
    assert_int_equal(learn_id(f, 902), ODK_ETIMEOUT);
    assert_int_equal(registry_stats(f->registry).failures, 1);
}

static void
an_absent_server_is_a_lost_connection(void **state)
{
    struct fixture *f = *state;

    f->options.urls = f->nobody;
    open_registry(f);
    assert_int_equal(learn_id(f, 906), ODK_ECONN);
    assert_int_equal(odk_err_class(f->err.code), ODK_CLASS_RETRY);
}

static void
the_next_url_is_asked_and_kept(void **state)
{
    struct fixture *f = *state;

    (void)snprintf(f->urls, sizeof(f->urls), "%s/, %s/down, %s/", f->nobody,
                   f->url, f->url);
    f->options.urls = f->urls;
    open_registry(f);
    assert_int_equal(learn_id(f, 906), 0);
    assert_int_equal(registry_stats(f->registry).requests, 3);
    assert_int_equal(registry_stats(f->registry).failures, 2);
    assert_int_equal(learn_id(f, 77), ODK_ENOTFOUND);
    assert_int_equal(registry_stats(f->registry).requests, 4);
}

static void
user_and_password_are_sent(void **state)
{
    struct fixture *f = *state;

    (void)snprintf(f->urls, sizeof(f->urls), "%s/locked", f->url);
    f->options.urls = f->urls;
    open_registry(f);
    assert_int_equal(learn_id(f, 906), ODK_EAUTH);
    f->options.user = "shop";
    f->options.password = "s3:cret";
    open_registry(f);
    assert_int_equal(learn_id(f, 906), 0);
}

static void
bad_urls_are_refused_at_once(void **state)
{
    static const char nine[] =
        "http://1,http://2,http://3,http://4,http://5,http://6,http://7,"
        "http://8,http://9";
    static const char *const urls[] = {
        NULL, "", "localhost:8081", "file:///etc/passwd", "http://a,", nine,
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ODK_ARRAY_LEN(urls); i++) {
        f->options.urls = urls[i];
        assert_int_equal(registry_new(&f->options, &f->registry, &f->err),
                         ODK_EINVAL);
        assert_null(f->registry);
        assert_non_null(strstr(f->err.message, "schema registry: "));
    }
}

static void
subjects_join_topic_and_record(void **state)
{
    struct fixture *f = *state;

    registry_subject(COMMANDS, CODEC_START_WORKFLOW, &f->buf);
    assert_string_equal(f->buf.ptr,
                        "odradek.commands-io.odradek.v1.StartWorkflow");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_registered_kind_can_be_written_and_read_by_another),
        TEST(a_known_id_is_not_asked_for_again),
        TEST(every_kind_is_accepted_and_found),
        TEST(an_unregistered_kind_is_refused_unless_it_may_be_added),
        TEST(an_incompatible_schema_is_said_to_be_one),
        TEST(an_older_schema_of_ours_is_learnt),
        TEST(what_is_of_no_use_is_remembered),
        TEST(what_may_pass_is_asked_again),
        TEST(a_slow_server_is_given_up_in_time),
        TEST(an_absent_server_is_a_lost_connection),
        TEST(the_next_url_is_asked_and_kept),
        TEST(user_and_password_are_sent),
        TEST(bad_urls_are_refused_at_once),
        TEST(subjects_join_topic_and_record),
    };

    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
