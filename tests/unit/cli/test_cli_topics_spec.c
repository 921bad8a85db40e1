#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli_topics_spec.h"

static const struct bus_kafka_config *
config(const struct bus_kafka_topic *topic, const char *name)
{
    for (size_t i = 0; i < topic->n_configs; i++) {
        if (odk_str_is(topic->configs[i].name, name)) {
            return &topic->configs[i];
        }
    }
    return NULL;
}

static void
the_built_in_file_declares_the_topics_of_the_protocol(void **state)
{
    static const char *const names[] = {
        "odradek.commands",   "odradek.results",     "odradek.history",
        "odradek.deadletter", "odradek.definitions", "odradek.replies.default"};
    struct cli_topics_spec spec;
    struct odk_str queue;

    (void)state;
    assert_int_equal(cli_topics_spec_read(NULL, &spec, NULL), 0);
    for (size_t i = 0; i < ODK_ARRAY_LEN(names); i++) {
        const struct cli_topic_spec *found =
            cli_topics_spec_match(&spec, odk_str(names[i]), &queue);
        assert_non_null(found);
        assert_int_equal(queue.len, 0);
    }
    assert_non_null(cli_topics_spec_template(&spec, ODK_STR("odradek.tasks.")));
    assert_non_null(
        cli_topics_spec_template(&spec, ODK_STR("odradek.cancels.")));
    assert_null(cli_topics_spec_match(&spec, ODK_STR("shop.orders"), &queue));
    cli_topics_spec_release(&spec);
}

static void
a_template_becomes_the_topic_of_a_queue(void **state)
{
    struct cli_topics_spec spec;
    struct bus_kafka_topic topic;
    struct odk_arena arena;
    struct odk_str queue;

    (void)state;
    odk_arena_init(&arena, 0);
    assert_int_equal(cli_topics_spec_read(NULL, &spec, NULL), 0);
    const struct cli_topic_spec *found =
        cli_topics_spec_match(&spec, ODK_STR("odradek.tasks.pay.eu"), &queue);
    assert_non_null(found);
    assert_true(odk_str_is(queue, "pay.eu"));
    cli_topics_spec_topic(found, queue, 7, 0, &arena, &topic);
    assert_true(odk_str_is(topic.name, "odradek.tasks.pay.eu"));
    assert_int_equal(topic.partitions, 7);
    assert_int_equal(topic.replication, 3);
    assert_true(odk_str_is(config(&topic, "min.insync.replicas")->value, "2"));
    cli_topics_spec_topic(found, queue, 7, 1, &arena, &topic);
    assert_int_equal(topic.replication, 1);
    assert_true(odk_str_is(config(&topic, "min.insync.replicas")->value, "1"));
    cli_topics_spec_release(&spec);
    odk_arena_release(&arena);
}

static void
assert_refused(const char *text, const char *why)
{
    char path[] = "/tmp/odradek-topics-XXXXXX";
    struct cli_topics_spec spec;
    struct odk_err err = {0};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    assert_true(cli_topics_spec_read(path, &spec, &err) < 0);
    if (!strstr(err.message, why)) {
        fail_msg("\"%s\" is not in: %s", why, err.message);
    }
    cli_topics_spec_release(&spec);
    (void)unlink(path);
}

static void
a_wrong_declaration_is_refused_with_its_place(void **state)
{
    (void)state;
    assert_refused("{}", "array");
    assert_refused("[", "line 1");
    assert_refused("[{\"name\":\"a\"}]", "replication");
    assert_refused("[{\"name\":\"a\",\"replication\":1,\"partitions\":0,"
                   "\"config\":{}}]",
                   "topic 1");
    assert_refused("[{\"name\":\"a\",\"replication\":1,\"partitions\":1,"
                   "\"config\":{\"x\":1}}]",
                   "config/x must be a string");
    assert_refused("[{\"name\":\"a<queue>\",\"replication\":1,\"partitions\":1,"
                   "\"config\":{}}]",
                   "template");
}

static void
names_of_queues_are_checked(void **state)
{
    (void)state;
    assert_true(cli_queue_is_valid(ODK_STR("aws.dynamodb-1_x")));
    assert_false(cli_queue_is_valid(ODK_STR("")));
    assert_false(cli_queue_is_valid(ODK_STR("a/b")));
    assert_false(cli_queue_is_valid(ODK_STR("a b")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_file_declares_the_topics_of_the_protocol),
        cmocka_unit_test(a_template_becomes_the_topic_of_a_queue),
        cmocka_unit_test(a_wrong_declaration_is_refused_with_its_place),
        cmocka_unit_test(names_of_queues_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
