#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus_kafka/bus_kafka_admin.h"
#include "bus_kafka_transaction.h"

/* What only Kafka has: topics and their settings, errors of connecting,
 * transactions of foreign clients. */

#define SKIPPED   77
#define POLL_MS   100
#define POLLS_MAX 300

struct fixture {
    struct bus_kafka_options options;
    struct odk_arena arena;
    struct odk_err err;
    char name[64];
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct timespec now = {0};

    assert_non_null(f);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(f->name, sizeof(f->name), "odk-admin-%x-%lx.%lx",
                   (unsigned)getpid(), (unsigned long)now.tv_sec,
                   (unsigned long)now.tv_nsec);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    f->options.bootstrap = getenv("ODRADEK_KAFKA");
    odk_arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static void
topic_make(struct fixture *f, int32_t partitions,
           const struct bus_kafka_config *configs, size_t n_configs)
{
    struct bus_kafka_topic topic = {.name = odk_str(f->name),
                                    .partitions = partitions,
                                    .configs = configs,
                                    .n_configs = n_configs};

    if (bus_kafka_topics_create(&f->options, &topic, 1, &f->err) < 0) {
        fail_msg("%s", f->err.message);
    }
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    struct odk_str name = odk_str(f->name);

    (void)!bus_kafka_topics_delete(&f->options, &name, 1, NULL);
    odk_arena_release(&f->arena);
    free(f);
    return 0;
}

static struct bus_kafka_topic
describe(struct fixture *f)
{
    struct odk_str names[] = {odk_str("odk-admin-none"), odk_str(f->name)};
    struct bus_kafka_topic *topics = NULL;
    int rc = bus_kafka_topics_describe(&f->options, names, 2, &f->arena,
                                       &topics, &f->err);

    if (rc < 0) {
        fail_msg("%s", f->err.message);
    }
    assert_false(topics[0].is_found);
    return topics[1];
}

static const struct bus_kafka_config *
config_of(const struct bus_kafka_topic *topic, const char *name)
{
    for (size_t i = 0; i < topic->n_configs; i++) {
        if (odk_str_is(topic->configs[i].name, name)) {
            return &topic->configs[i];
        }
    }
    return NULL;
}

static void
topics_are_described_as_they_were_created(void **state)
{
    struct fixture *f = *state;
    struct bus_kafka_config configs[] = {
        {.name = ODK_STR("retention.ms"), .value = ODK_STR("123456")}};
    struct odk_str *names = NULL;
    size_t n_names = 0;
    bool is_listed = false;

    topic_make(f, 3, configs, 1);
    struct bus_kafka_topic topic = describe(f);

    assert_true(topic.is_found);
    assert_int_equal(topic.partitions, 3);
    assert_int_equal(topic.replication, 1);
    const struct bus_kafka_config *set = config_of(&topic, "retention.ms");

    assert_non_null(set);
    assert_true(odk_str_is(set->value, "123456"));
    assert_false(set->is_default);
    assert_true(config_of(&topic, "cleanup.policy")->is_default);
    assert_int_equal(
        bus_kafka_topics_list(&f->options, &f->arena, &names, &n_names, NULL),
        0);
    for (size_t i = 0; i < n_names; i++) {
        is_listed = is_listed || odk_str_is(names[i], f->name);
    }
    assert_true(is_listed);
    struct bus_kafka_topic again = {.name = odk_str(f->name), .partitions = 3};

    assert_int_equal(bus_kafka_topics_create(&f->options, &again, 1, NULL),
                     ODK_EEXISTS);
}

static void
settings_change_one_by_one_and_topics_grow(void **state)
{
    struct fixture *f = *state;
    struct bus_kafka_config first[] = {
        {.name = ODK_STR("retention.ms"), .value = ODK_STR("123456")}};
    struct bus_kafka_config second[] = {
        {.name = ODK_STR("cleanup.policy"), .value = ODK_STR("compact")}};
    struct bus_kafka_topic topic = {.name = odk_str(f->name),
                                    .partitions = 4,
                                    .configs = second,
                                    .n_configs = 1};
    struct bus_kafka_range *ranges = NULL;
    size_t n = 0;

    topic_make(f, 2, first, 1);
    assert_int_equal(bus_kafka_topic_configure(&f->options, &topic, &f->err),
                     0);
    assert_int_equal(bus_kafka_topic_grow(&f->options, &topic, &f->err), 0);
    struct bus_kafka_topic now = describe(f);

    assert_int_equal(now.partitions, 4);
    assert_true(odk_str_is(config_of(&now, "retention.ms")->value, "123456"));
    assert_true(
        odk_str_is(config_of(&now, "cleanup.policy")->value, "compact"));
    assert_int_equal(bus_kafka_topic_ranges(&f->options, odk_str(f->name),
                                            &f->arena, &ranges, &n, NULL),
                     0);
    assert_int_equal(n, 4);
    assert_int_equal(ranges[3].end, 0);
    topic.name = ODK_STR("odk-admin-none");
    assert_int_equal(bus_kafka_topic_configure(&f->options, &topic, NULL),
                     ODK_ENOTFOUND);
    assert_int_equal(bus_kafka_topic_ranges(&f->options, topic.name, &f->arena,
                                            &ranges, &n, NULL),
                     ODK_ENOTFOUND);
}

static void
the_offsets_of_a_group_come_with_their_metadata(void **state)
{
    struct fixture *f = *state;
    const char *topics[] = {f->name};
    struct bus_kafka_options options = f->options;
    struct bus_kafka_committed *found = NULL;
    struct bus_batch batch = {0};
    struct bus bus;

    topic_make(f, 2, NULL, 0);
    assert_int_equal(bus_kafka_group_offsets(&f->options, f->name,
                                             odk_str(f->name), 2, &f->arena,
                                             &found, &f->err),
                     0);
    assert_int_equal(found[0].offset, -1);
    assert_int_equal(found[1].offset, -1);
    options.topics = topics;
    options.n_topics = 1;
    options.group_id = f->name;
    assert_int_equal(bus_kafka_open(&options, &bus, &f->err), 0);
    for (int i = 0; i < 300 && batch.n_assigned == 0; i++) {
        assert_int_equal(bus_poll(&bus, 100, &batch, &f->err), 0);
    }
    assert_int_equal(bus_commit_offset(&bus, (struct bus_place){0, 1}, 0,
                                       ODK_STR("odk-seq:7"), &f->err),
                     0);
    bus_close(&bus, false);
    assert_int_equal(bus_kafka_group_offsets(&f->options, f->name,
                                             odk_str(f->name), 2, &f->arena,
                                             &found, &f->err),
                     0);
    assert_int_equal(found[0].offset, -1);
    assert_int_equal(found[1].offset, 0);
    assert_true(odk_str_is(found[1].metadata, "odk-seq:7"));
}

static int
open_with(struct fixture *f, const char *name, const char *value)
{
    struct bus_kafka_property property = {name, value};
    struct bus_kafka_options options = f->options;
    struct bus bus;

    options.properties = &property;
    options.n_properties = 1;
    options.connect_ms_max = 3000;
    int rc = bus_kafka_open(&options, &bus, &f->err);

    bus_close(&bus, true);
    return rc;
}

static void
properties_pass_unless_the_protocol_rests_on_them(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_with(f, "producer.compression.codec", "gzip"), 0);
    assert_int_equal(open_with(f, "consumer.fetch.min.bytes", "2"), 0);
    assert_int_equal(open_with(f, "acks", "1"), ODK_EINVAL);
    assert_int_equal(open_with(f, "consumer.isolation.level", "x"), ODK_EINVAL);
    assert_int_equal(open_with(f, "no.such.thing", "x"), ODK_EINVAL);
    assert_true(strstr(f->err.message, "no.such.thing") != NULL);
}

static void
no_broker_is_an_error_within_the_bound(void **state)
{
    struct fixture *f = *state;
    struct bus_kafka_options options = {.bootstrap = "127.0.0.1:1",
                                        .connect_ms_max = 1000};
    struct bus bus;
    time_t before = time(NULL);

    assert_int_equal(bus_kafka_open(&options, &bus, &f->err), ODK_ECONN);
    assert_true(time(NULL) - before < 5);
    assert_true(strstr(f->err.message, "127.0.0.1:1") != NULL);
    assert_true(strstr(f->err.message, "Check") != NULL);
}

static void
a_wrong_protocol_is_an_error_that_names_the_setting(void **state)
{
    struct fixture *f = *state;
    int rc = open_with(f, "security.protocol", "ssl");

    /* The library's versions differ in what they call it. */
    assert_true(rc == ODK_EAUTH || rc == ODK_ECONN);
    assert_true(strstr(f->err.message, "security.protocol") != NULL);
}

/* Starts partition 0 and counts what arrives until nothing does. */
static size_t
count_messages(struct bus *bus)
{
    struct bus_batch batch = {0};
    size_t n = 0;
    int n_silent = 0;

    for (int i = 0; i < POLLS_MAX && n_silent < 5; i++) {
        assert_int_equal(bus_poll(bus, POLL_MS, &batch, NULL), 0);
        if (batch.n_assigned > 0) {
            assert_int_equal(bus_start(bus, (struct bus_place){0, 0}, 0, NULL),
                             0);
        }
        n += batch.n_messages;
        n_silent = batch.n_messages + batch.n_assigned > 0 ? 0 : n_silent + 1;
    }
    return n;
}

/* A marker is written a moment after the client's commit has returned. */
static uint64_t
scan_to(struct bus *bus, struct odk_str topic, int64_t end)
{
    struct bus_scan scan = {0};

    for (int i = 0; i < POLLS_MAX && scan.offset_next < end; i++) {
        assert_int_equal(bus_scan(bus, topic, 0, 1, 0, &scan, NULL), 0);
    }
    assert_int_equal(scan.offset_next, end);
    return scan.seq_max;
}

static void
markers_and_aborted_records_are_not_seen(void **state)
{
    struct fixture *f = *state;
    const char *topics[] = {f->name};
    struct odk_str topic = odk_str(f->name);
    struct bus_kafka_options options = f->options;
    struct bus bus;

    topic_make(f, 1, NULL, 0);
    options.topics = topics;
    options.n_topics = 1;
    assert_int_equal(bus_kafka_open(&options, &bus, &f->err), 0);
    assert_int_equal(transaction_write(options.bootstrap, f->name, 100, 10,
                                       TRANSACTION_ABORT),
                     0);
    /* Nothing but aborted records and a marker. */
    assert_int_equal(scan_to(&bus, topic, 11), 0);
    assert_int_equal(transaction_write(options.bootstrap, f->name, 1, 10,
                                       TRANSACTION_COMMIT),
                     0);
    assert_int_equal(scan_to(&bus, topic, 22), 10);
    assert_int_equal(count_messages(&bus), 10);
    bus_close(&bus, true);
}

/* The code of the ack with this seq; polls until the producer is fatal too. */
static int
wait_refusal(struct bus *bus, uint64_t seq)
{
    bool is_fatal = false;
    int code = 0;

    for (int i = 0; i < POLLS_MAX && (code == 0 || !is_fatal); i++) {
        struct bus_batch batch;

        assert_int_equal(bus_poll(bus, POLL_MS, &batch, NULL), 0);
        is_fatal = is_fatal || batch.is_producer_fatal;
        for (size_t k = 0; k < batch.n_acks; k++) {
            code = batch.acks[k].seq == seq ? batch.acks[k].code : code;
        }
    }
    assert_true(is_fatal);
    return code;
}

static void
wait_ack(struct bus *bus, uint64_t seq)
{
    struct bus_batch batch = {0};

    for (int i = 0; i < POLLS_MAX && batch.n_acks == 0; i++) {
        assert_int_equal(bus_poll(bus, POLL_MS, &batch, NULL), 0);
    }
    assert_int_equal(batch.n_acks, 1);
    assert_int_equal(batch.acks[0].seq, seq);
    assert_int_equal(batch.acks[0].code, 0);
}

static void
a_record_that_the_broker_refuses_is_named_and_ends_the_producer(void **state)
{
    static char bytes[5000];
    struct fixture *f = *state;
    struct bus_kafka_config configs[] = {
        {.name = ODK_STR("max.message.bytes"), .value = ODK_STR("1000")}};
    struct bus_record record = {
        .shard = 1, .seq = 1, .topic = odk_str(f->name), .value = {bytes, 100}};
    struct bus bus;

    topic_make(f, 1, configs, 1);
    assert_int_equal(bus_kafka_open(&f->options, &bus, &f->err), 0);
    assert_int_equal(bus_send(&bus, &record, NULL), 0);
    wait_ack(&bus, 1);
    record.seq = 2;
    record.value.len = sizeof(bytes);
    assert_int_equal(bus_send(&bus, &record, NULL), 0);
    assert_int_equal(wait_refusal(&bus, 2), ODK_ETOOBIG);
    record.value.len = 100;
    assert_int_equal(bus_send(&bus, &record, NULL), ODK_EFATAL);
    assert_int_equal(bus_producer_reset(&bus, NULL), 0);
    record.seq = 3;
    assert_int_equal(bus_send(&bus, &record, NULL), 0);
    wait_ack(&bus, 3);
    bus_close(&bus, true);
}

/* Its records would wait for 30 s before they are refused. */
static void
a_new_producer_knows_when_a_topic_is_gone(void **state)
{
    enum {
        ROUNDS = 50, /* until the broker has forgotten it */
    };
    struct fixture *f = *state;
    struct odk_str topic = odk_str(f->name);
    struct bus_record record = {
        .shard = 1, .seq = 1, .topic = topic, .value = ODK_STR("x")};
    struct bus bus;
    int rc = 0;

    topic_make(f, 1, NULL, 0);
    assert_int_equal(bus_kafka_open(&f->options, &bus, &f->err), 0);
    assert_int_equal(bus_send(&bus, &record, NULL), 0);
    wait_ack(&bus, 1);
    assert_int_equal(bus_kafka_topics_delete(&f->options, &topic, 1, NULL), 0);
    for (int i = 0; i < ROUNDS && rc == 0; i++) {
        struct bus_batch batch;

        assert_int_equal(bus_poll(&bus, POLL_MS, &batch, NULL), 0);
        assert_int_equal(bus_producer_reset(&bus, NULL), 0);
        rc = bus_send(&bus, &record, NULL);
    }
    assert_int_equal(rc, ODK_ENOTFOUND);
    bus_close(&bus, true);
}

static void
the_librarys_version_is_known(void **state)
{
    bool is_scram_able = false;

    (void)state;
    assert_non_null(bus_kafka_library(&is_scram_able));
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_offsets_of_a_group_come_with_their_metadata),
        CASE(topics_are_described_as_they_were_created),
        CASE(settings_change_one_by_one_and_topics_grow),
        CASE(properties_pass_unless_the_protocol_rests_on_them),
        CASE(no_broker_is_an_error_within_the_bound),
        CASE(a_wrong_protocol_is_an_error_that_names_the_setting),
        CASE(markers_and_aborted_records_are_not_seen),
        CASE(a_record_that_the_broker_refuses_is_named_and_ends_the_producer),
        CASE(a_new_producer_knows_when_a_topic_is_gone),
        CASE(the_librarys_version_is_known),
    };
#undef CASE
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    const char *bootstrap = getenv("ODRADEK_KAFKA");

    if (!bootstrap || !bootstrap[0]) {
        (void)fprintf(stderr, "skipped: ODRADEK_KAFKA is not set\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("bus_kafka_admin", tests, NULL, NULL);
}
