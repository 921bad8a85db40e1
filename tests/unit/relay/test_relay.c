#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bus/bus_mem.h"
#include "relay/relay.h"

#define TOPIC    "shop.orders"
#define COMMANDS "odradek.commands"
#define LETTERS  "odradek.deadletter"

static const char *const topics[] = {TOPIC};

struct fixture {
    struct bus_mem_broker *broker;
    struct codec *codec;
    struct bus bus;
    struct relay *relay;
    odk_dur_ms now;
    const char *rules[3]; /**< version 1, 2, … */
    int64_t starts[3][2];
    bool is_long; /**< version n is order-n and begins at offset n - 1 */
    int32_t newest;
    int32_t incarnation; /**< of the newest version */
    int32_t first;       /**< version of it; those before are of another */
    bool is_quarantined;
    int n_reads;   /**< of the registry */
    bool is_picky; /**< batches of commands that hold "poison" are refused */
    bool is_poisoned;
    struct bus_ack pending[20000];
    size_t n_pending;
    const struct bus_ops *mem_ops;
    struct bus_ops ops;
    int n_resets; /**< of the producer */
    size_t input_bytes_max;
    struct odk_arena arena;
};

static struct fixture *
the_fixture(void)
{
    static struct fixture fixture;

    return &fixture;
}

/* ---- a broker that refuses whole batches, as Kafka does ---- */

static int
picky_send(struct bus *bus, const struct bus_record *record,
           struct odk_err *err)
{
    struct fixture *f = the_fixture();
    int rc = f->mem_ops->send(bus, record, err);

    if (rc == 0 && f->is_picky && odk_str_is(record->topic, COMMANDS)) {
        f->pending[f->n_pending++] =
            (struct bus_ack){record->shard, record->seq, ODK_ETOOBIG};
        f->is_poisoned |=
            memmem(record->value.ptr, record->value.len, "poison", 6) != NULL;
    }
    return rc;
}

static int
picky_poll(struct bus *bus, odk_dur_ms wait_max, struct bus_batch *out,
           struct odk_err *err)
{
    struct fixture *f = the_fixture();
    bool is_refusing = f->is_poisoned;

    if (is_refusing) {
        bus_mem_producer_fatal(bus);
    } else if (f->is_picky) {
        bus_mem_deliver(bus, bus_mem_in_flight(bus));
    }
    int rc = f->mem_ops->poll(bus, wait_max, out, err);
    if (is_refusing && rc == 0) {
        out->acks = f->pending;
        out->n_acks = f->n_pending;
    }
    f->n_pending = 0;
    f->is_poisoned = false;
    return rc;
}

static int
picky_reset(struct bus *bus, struct odk_err *err)
{
    the_fixture()->n_resets++;
    return the_fixture()->mem_ops->producer_reset(bus, err);
}

/* ---- the fixture ---- */

static odk_dur_ms
monotonic(void *ctx)
{
    return ((struct fixture *)ctx)->now;
}

static void
make_version(int32_t version, struct odk_arena *arena,
             struct relay_version *out)
{
    int64_t *starts = odk_arena_calloc(arena, 2, sizeof(*starts));
    char rules[200];

    (void)snprintf(rules, sizeof(rules),
                   "{\"name\":\"orders\",\"rules\":[{\"topic\":"
                   "\"shop.orders\",\"workflow_id\":\"$.id\","
                   "\"action\":\"start\",\"definition\":\"order-%d\"}]}",
                   version);
    out->rules = odk_arena_str(arena, odk_str(rules));
    starts[0] = version - 1;
    starts[1] = version - 1;
    out->starts = starts;
    out->n_starts = 2;
}

static int
registry_read( // NOLINT(readability-function-size): the port's signature
    void *ctx, struct odk_str name, struct odk_str topic, int32_t version,
    struct odk_arena *arena, struct relay_version *out, struct odk_err *err)
{
    struct fixture *f = ctx;

    (void)name;
    (void)topic;
    f->n_reads++;
    if (f->newest == 0) {
        return odk_err_set(err, ODK_ECONN, "no database");
    }
    if (version > f->newest) {
        return odk_err_set(err, ODK_ENOTFOUND, "no version %d", version);
    }
    version = version ? version : f->newest;
    *out = (struct relay_version){
        .version = version,
        .incarnation = version < f->first ? f->incarnation - 1 : f->incarnation,
        .is_quarantined = f->is_quarantined};
    if (f->is_long) {
        make_version(version, arena, out);
    } else {
        out->rules = odk_str(f->rules[version - 1]);
        out->starts = f->starts[version - 1];
        out->n_starts = 2;
    }
    return 0;
}

static int
registry_quarantine(void *ctx, struct odk_str name, struct odk_str reason,
                    struct odk_err *err)
{
    (void)name;
    (void)reason;
    (void)err;
    ((struct fixture *)ctx)->is_quarantined = true;
    return 0;
}

static void
open_relay(struct fixture *f)
{
    struct bus_mem_options options = {
        .group_id = "g", .topics = topics, .n_topics = 1};

    assert_int_equal(bus_mem_open(f->broker, &options, &f->bus, NULL), 0);
    f->mem_ops = f->bus.ops;
    f->ops = *f->bus.ops;
    f->ops.send = picky_send;
    f->ops.poll = picky_poll;
    f->ops.producer_reset = picky_reset;
    f->bus.ops = &f->ops;
    bus_mem_hold_sends(&f->bus, f->is_picky);
    f->relay = relay_new(&(struct relay_options){
        .bus = f->bus,
        .codec = f->codec,
        .registry = {registry_read, registry_quarantine, f},
        .monotonic = monotonic,
        .clock_ctx = f,
        .name = ODK_STR("orders"),
        .topic = ODK_STR(TOPIC),
        .partitions = 4,
        .input_bytes_max = f->input_bytes_max});
}

static void
settle(struct fixture *f)
{
    for (int i = 0; i < 20; i++) {
        f->now += 300;
        (void)relay_tick(f->relay, 0);
    }
}

static int
setup(void **state)
{
    struct fixture *f = the_fixture();

    memset(f, 0, sizeof(*f));
    f->newest = 1;
    f->incarnation = 1;
    f->now = 1;
    f->rules[0] = "{\"name\":\"orders\",\"rules\":[{\"topic\":\"shop.orders\","
                  "\"workflow_id\":\"$.id\","
                  "\"action\":\"start\",\"definition\":\"order\"}]}";
    f->rules[1] = "{\"name\":\"orders\",\"rules\":[{\"topic\":\"shop.orders\","
                  "\"workflow_id\":\"$.id\","
                  "\"action\":\"start\",\"definition\":\"order-two\"}]}";
    f->rules[2] = f->rules[0];
    f->broker = bus_mem_broker_new();
    f->codec = codec_new(NULL);
    odk_arena_init(&f->arena, 0);
    assert_int_equal(
        bus_mem_topic_create(f->broker, ODK_STR(TOPIC), 2, 0, NULL), 0);
    assert_int_equal(
        bus_mem_topic_create(f->broker, ODK_STR(COMMANDS), 4, 0, NULL), 0);
    assert_int_equal(
        bus_mem_topic_create(f->broker, ODK_STR(LETTERS), 1, 0, NULL), 0);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    if (f->relay) {
        relay_close(f->relay);
    }
    bus_mem_broker_free(f->broker);
    codec_free(f->codec);
    odk_arena_release(&f->arena);
    return 0;
}

static void
publish(struct fixture *f, int32_t partition, const char *value)
{
    struct bus_record record = {.shard = -1,
                                .topic = ODK_STR(TOPIC),
                                .partition = partition,
                                .value = odk_str(value)};

    assert_true(bus_mem_append(f->broker, &record) >= 0);
}

/* Commands on all partitions; number index is decoded into *out. */
static size_t
commands(struct fixture *f, size_t index, struct codec_record *out)
{
    size_t n = 0;

    for (int32_t partition = 0; partition < 4; partition++) {
        struct bus_message message;
        int64_t offset = 0;
        while (bus_mem_read(f->broker, ODK_STR(COMMANDS), partition, offset,
                            &message)) {
            offset = message.offset + 1;
            if (n++ == index && out) {
                assert_int_equal(
                    codec_decode(f->codec, message.value, &f->arena, out, NULL),
                    0);
                assert_int_equal(odk_partition(message.key, 4), partition);
            }
        }
    }
    return n;
}

static void
an_event_is_forwarded_with_its_source_and_number(void **state)
{
    struct fixture *f = *state;
    struct codec_record record;

    open_relay(f);
    publish(f, 1, "{\"id\":\"o-0\"}");
    publish(f, 1, "{\"id\":\"o-1\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 2);
    for (size_t i = 0; i < 2; i++) {
        (void)commands(f, i, &record);
        assert_int_equal(record.kind, CODEC_START_WORKFLOW);
        assert_true(odk_str_is(record.start_workflow.source.name,
                               "binding/orders/1/shop.orders/1"));
        assert_int_equal(
            record.start_workflow.source.seq,
            odk_str_is(record.start_workflow.workflow_id, "o-0") ? 0 : 1);
    }
}

static void
a_bad_event_is_a_dead_letter_with_its_bytes_and_the_next_goes_on(void **state)
{
    struct fixture *f = *state;
    struct bus_message message;

    open_relay(f);
    publish(f, 0, "no json");
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 1);
    assert_true(bus_mem_read(f->broker, ODK_STR(LETTERS), 0, 0, &message));
    assert_true(odk_str_is(message.value, "no json"));
    assert_int_equal(relay_stats(f->relay)->dead_letters, 1);
}

/* A JSON event of so many bytes whose id is `large`. */
static char *
large_event(size_t bytes)
{
    static const char head[] = "{\"id\":\"large\",\"a\":\"";
    char *text = malloc(bytes + 1);

    assert_non_null(text);
    memset(text, 'x', bytes);
    memcpy(text, head, sizeof(head) - 1);
    memcpy(text + bytes - 2, "\"}", 3);
    return text;
}

static struct odk_str
letter_header(const struct bus_message *message, const char *name)
{
    for (size_t i = 0; i < message->n_headers; i++) {
        if (odk_str_is(message->headers[i].name, name)) {
            return message->headers[i].value;
        }
    }
    return (struct odk_str){0};
}

static void
an_event_too_large_for_a_command_is_a_dead_letter(void **state)
{
    struct fixture *f = *state;
    struct bus_message message;
    char *text = large_event(3000);

    f->input_bytes_max = 2000;
    open_relay(f);
    publish(f, 0, text);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 1);
    assert_true(bus_mem_read(f->broker, ODK_STR(LETTERS), 0, 0, &message));
    assert_true(odk_str_is(message.value, text));
    assert_true(
        odk_str_is(letter_header(&message, "odk-error-code"), "TooLarge"));
    free(text);
}

static void
an_event_too_large_for_a_dead_letter_is_named_by_place_and_digest(void **state)
{
    struct fixture *f = *state;
    struct bus_message message;
    char *text = large_event(200000);

    f->input_bytes_max = 2000;
    open_relay(f);
    publish(f, 0, text);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 1);
    assert_true(bus_mem_read(f->broker, ODK_STR(LETTERS), 0, 0, &message));
    assert_null(message.value.ptr);
    assert_true(
        odk_str_is(letter_header(&message, "odk-value-bytes"), "200000"));
    assert_int_equal(letter_header(&message, "odk-value-sha256").len, 64);
    assert_true(odk_str_is(letter_header(&message, "odk-origin-offset"), "0"));
    free(text);
}

static void
events_before_the_bindings_start_are_not_its_business(void **state)
{
    struct fixture *f = *state;

    publish(f, 0, "{\"id\":\"old\"}");
    publish(f, 0, "{\"id\":\"new\"}");
    f->starts[0][0] = 1;
    open_relay(f);
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 1);
}

static void
a_new_version_applies_from_its_start_on(void **state)
{
    struct fixture *f = *state;
    struct codec_record record;
    size_t old = 0;

    publish(f, 0, "{\"id\":\"a\"}");
    publish(f, 0, "{\"id\":\"b\"}");
    publish(f, 0, "{\"id\":\"c\"}");
    f->newest = 2;
    f->starts[1][0] = 2;
    open_relay(f);
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 3);
    for (size_t i = 0; i < 3; i++) {
        (void)commands(f, i, &record);
        bool is_third = odk_str_is(record.start_workflow.workflow_id, "c");
        assert_true(odk_str_is(record.start_workflow.definition,
                               is_third ? "order-two" : "order"));
        old += !is_third;
    }
    assert_int_equal(old, 2);
}

static void
events_that_are_read_again_keep_their_versions(void **state)
{
    struct fixture *f = *state;
    struct codec_record record;
    char definition[32];
    char value[32];

    f->is_long = true;
    f->newest = 3;
    open_relay(f);
    bus_mem_hold_sends(&f->bus, true);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(value, sizeof(value), "{\"id\":\"%d\"}",
                       i < 2 ? i + 1 : 3);
        publish(f, 0, value);
        publish(f, 1, value);
    }
    settle(f);
    bus_mem_producer_fatal(&f->bus);
    bus_mem_hold_sends(&f->bus, false);
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 8);
    for (size_t i = 0; i < 8; i++) {
        (void)commands(f, i, &record);
        (void)snprintf(definition, sizeof(definition), "order-%.*s",
                       ODK_STR_ARG(record.start_workflow.workflow_id));
        assert_true(odk_str_is(record.start_workflow.definition, definition));
    }
}

static void
a_killed_relay_forwards_again_under_the_same_numbers(void **state)
{
    struct fixture *f = *state;
    struct codec_record first;
    struct codec_record second;

    open_relay(f);
    bus_mem_hold_acks(&f->bus, true);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 1);
    relay_close(f->relay);
    open_relay(f);
    settle(f);
    assert_int_equal(commands(f, 0, &first), 2);
    (void)commands(f, 1, &second);
    assert_int_equal(first.start_workflow.source.seq,
                     second.start_workflow.source.seq);
    assert_true(odk_str_eq(first.start_workflow.source.name,
                           second.start_workflow.source.name));
}

static void
what_was_acknowledged_is_not_forwarded_again(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    relay_close(f->relay);
    open_relay(f);
    publish(f, 0, "{\"id\":\"o-2\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 2);
}

static void
a_new_producer_forwards_what_was_not_acknowledged(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    settle(f);
    bus_mem_hold_sends(&f->bus, true);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 0);
    bus_mem_producer_fatal(&f->bus);
    bus_mem_hold_sends(&f->bus, false);
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 1);
}

static void
a_topic_that_was_made_anew_quarantines_the_binding(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    publish(f, 0, "{\"id\":\"o-1\"}");
    publish(f, 0, "{\"id\":\"o-2\"}");
    settle(f);
    relay_close(f->relay);
    bus_mem_truncate_tail(f->broker, ODK_STR(TOPIC), 0, 0);
    open_relay(f);
    settle(f);
    assert_true(f->is_quarantined);
    publish(f, 0, "{\"id\":\"o-3\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 2);
}

static void
ten_thousand_events_pass_with_bounded_flights(void **state)
{
    struct fixture *f = *state;
    char value[32];

    open_relay(f);
    for (int i = 0; i < 25000; i++) {
        (void)snprintf(value, sizeof(value), "{\"id\":%d}", i);
        publish(f, 0, value);
    }
    for (int i = 0; i < 10; i++) {
        settle(f);
    }
    assert_int_equal(commands(f, 0, NULL), 25000);
}

/* The binding is reset: its events count again from the start. */
static void
reset_binding(struct fixture *f)
{
    f->newest++;
    f->first = f->newest;
    f->incarnation++;
    f->is_quarantined = false;
}

static void
a_reset_ends_the_relay_and_the_next_one_begins_at_the_start(void **state)
{
    struct fixture *f = *state;
    struct codec_record record;
    size_t again = 0;

    open_relay(f);
    publish(f, 0, "{\"id\":\"o-1\"}");
    publish(f, 0, "{\"id\":\"o-2\"}");
    settle(f);
    assert_false(relay_is_superseded(f->relay));
    reset_binding(f);
    publish(f, 0, "{\"id\":\"o-3\"}");
    settle(f);
    assert_true(relay_is_superseded(f->relay));
    assert_int_equal(commands(f, 0, NULL), 2);
    relay_close(f->relay);
    open_relay(f);
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 5);
    for (size_t i = 0; i < 5; i++) {
        (void)commands(f, i, &record);
        again += odk_str_is(record.start_workflow.source.name,
                            "binding/orders/2/shop.orders/0");
    }
    assert_int_equal(again, 3);
}

static void
a_relay_that_a_reset_ended_commits_nothing(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    bus_mem_hold_acks(&f->bus, true);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    reset_binding(f);
    publish(f, 0, "{\"id\":\"o-2\"}");
    settle(f);
    bus_mem_hold_acks(&f->bus, false);
    settle(f);
    relay_close(f->relay);
    open_relay(f);
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 3);
}

static void
a_quarantined_relay_rests_until_the_binding_is_reset(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    f->is_quarantined = true;
    publish(f, 0, "{\"id\":\"o-2\"}");
    settle(f);
    f->n_reads = 0;
    for (int i = 0; i < 100; i++) {
        f->now += 300;
        assert_false(relay_tick(f->relay, 0));
    }
    assert_in_range(f->n_reads, 2, 4);
    assert_int_equal(commands(f, 0, NULL), 1);
    reset_binding(f);
    f->now += 10000;
    settle(f);
    assert_true(relay_is_superseded(f->relay));
}

static void
a_relay_that_rests_does_not_read_on(void **state)
{
    struct fixture *f = *state;
    int n_busy = 0;

    open_relay(f);
    settle(f);
    f->newest = 0; /* the registry is lost */
    for (int i = 0; i < 100; i++) {
        publish(f, 0, "{\"id\":\"o-1\"}");
        n_busy += relay_tick(f->relay, 0);
    }
    assert_in_range(n_busy, 1, 2);
    f->newest = 1;
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 100);
}

/* Fifty events, one of which the broker refuses. */
static void
publish_poison(struct fixture *f)
{
    char value[64];

    for (int i = 0; i < 50; i++) {
        (void)snprintf(value, sizeof(value), "{\"id\":\"%s-%d\"}",
                       i == 20 ? "poison" : "o", i);
        publish(f, i % 2, value);
    }
}

static void
a_record_refused_alone_is_a_dead_letter_and_the_others_go_on(void **state)
{
    struct fixture *f = *state;
    struct bus_message message;

    f->is_picky = true;
    open_relay(f);
    settle(f);
    publish_poison(f);
    for (int i = 0; i < 10; i++) {
        settle(f);
    }
    assert_int_equal(commands(f, 0, NULL), 49);
    assert_true(bus_mem_read(f->broker, ODK_STR(LETTERS), 0, 0, &message));
    assert_true(odk_str_is(message.value, "{\"id\":\"poison-20\"}"));
    assert_true(
        odk_str_is(letter_header(&message, "odk-error-code"), "ODK_ETOOBIG"));
    assert_int_equal(relay_stats(f->relay)->dead_letters, 1);
    assert_in_range(f->n_resets, 2, 2);
    publish_poison(f);
    for (int i = 0; i < 10; i++) {
        settle(f);
    }
    assert_int_equal(commands(f, 0, NULL), 98);
}

static void
a_refused_dead_letter_quarantines_the_binding(void **state)
{
    struct fixture *f = *state;

    f->is_picky = true;
    open_relay(f);
    settle(f);
    bus_mem_fail_topic(f->broker, ODK_STR(LETTERS), ODK_EREFUSED);
    publish_poison(f);
    for (int i = 0; i < 10; i++) {
        settle(f);
    }
    assert_true(f->is_quarantined);
    assert_in_range(f->n_resets, 2, 3);
}

static void
a_topic_that_may_not_be_written_is_tried_with_pauses_until_it_may(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    settle(f);
    bus_mem_fail_topic(f->broker, ODK_STR(COMMANDS), ODK_EAUTH);
    publish(f, 0, "no json");
    publish(f, 0, "{\"id\":\"o-1\"}");
    publish(f, 0, "no json");
    publish(f, 1, "{\"id\":\"o-2\"}");
    for (int i = 0; i < 6000; i++) {
        f->now += 10;
        (void)relay_tick(f->relay, 0);
    }
    assert_in_range(f->n_resets, 5, 15);
    assert_false(f->is_quarantined);
    assert_int_equal(commands(f, 0, NULL), 0);
    bus_mem_fail_topic(f->broker, ODK_STR(COMMANDS), 0);
    for (int i = 0; i < 5; i++) {
        settle(f);
    }
    assert_int_equal(commands(f, 0, NULL), 2);
    assert_in_range(relay_stats(f->relay)->dead_letters, 2, 4);
}

static void
a_producer_that_keeps_failing_is_replaced_with_pauses(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    settle(f);
    bus_mem_hold_sends(&f->bus, true);
    publish(f, 0, "{\"id\":\"o-1\"}");
    for (int i = 0; i < 3000; i++) {
        f->now += 10;
        (void)relay_tick(f->relay, 0);
        bus_mem_producer_fatal(&f->bus);
    }
    assert_in_range(f->n_resets, 5, 10);
}

static void
a_lost_partition_is_read_again_when_it_comes_back(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    bus_mem_hold_acks(&f->bus, true);
    publish(f, 0, "{\"id\":\"o-2\"}");
    f->now += 300;
    (void)relay_tick(f->relay, 0);
    bus_mem_drop_member(&f->bus);
    settle(f);
    bus_mem_hold_acks(&f->bus, false);
    publish(f, 0, "{\"id\":\"o-3\"}");
    settle(f);
    assert_in_range(commands(f, 0, NULL), 3, 4);
}

static void
a_broker_that_was_down_loses_nothing(void **state)
{
    struct fixture *f = *state;

    open_relay(f);
    publish(f, 0, "{\"id\":\"o-1\"}");
    settle(f);
    bus_mem_set_down(f->broker, true);
    for (int i = 0; i < 100; i++) {
        f->now += 300;
        assert_false(relay_tick(f->relay, 0));
    }
    bus_mem_set_down(f->broker, false);
    publish(f, 0, "{\"id\":\"o-2\"}");
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 2);
}

static void
a_partition_far_behind_meets_each_of_many_versions(void **state)
{
    struct fixture *f = *state;
    struct codec_record record;
    char value[32];
    char definition[32];

    f->is_long = true;
    f->newest = 200;
    for (int i = 0; i < 200; i++) {
        (void)snprintf(value, sizeof(value), "{\"id\":\"%d\"}", i + 1);
        publish(f, 0, value);
        publish(f, 1, value);
    }
    open_relay(f);
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 400);
    for (size_t i = 0; i < 400; i++) {
        (void)commands(f, i, &record);
        (void)snprintf(definition, sizeof(definition), "order-%.*s",
                       ODK_STR_ARG(record.start_workflow.workflow_id));
        assert_true(odk_str_is(record.start_workflow.definition, definition));
        odk_arena_reset(&f->arena);
    }
    assert_in_range(f->n_reads, 200, 800);
}

static void
many_versions_of_before_a_reset_are_not_of_this_incarnation(void **state)
{
    struct fixture *f = *state;

    f->is_long = true;
    f->newest = 200;
    f->incarnation = 2;
    f->first = 101;
    for (int i = 0; i < 200; i++) {
        publish(f, 0, "{\"id\":\"o-1\"}");
        publish(f, 1, "{\"id\":\"o-1\"}");
    }
    open_relay(f);
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 200);
}

static void
versions_that_come_while_a_partition_lags_apply_from_their_starts(void **state)
{
    struct fixture *f = *state;
    struct codec_record record;

    f->is_long = true;
    open_relay(f);
    settle(f);
    for (int i = 0; i < 150; i++) {
        publish(f, 0, "{\"id\":\"o-1\"}");
    }
    f->newest = 150;
    settle(f);
    assert_int_equal(commands(f, 0, NULL), 150);
    (void)commands(f, 0, &record);
    assert_true(odk_str_is(record.start_workflow.definition, "order-1"));
    (void)commands(f, 149, &record);
    assert_true(odk_str_is(record.start_workflow.definition, "order-150"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_forwarded_with_its_source_and_number),
        TEST(a_bad_event_is_a_dead_letter_with_its_bytes_and_the_next_goes_on),
        TEST(an_event_too_large_for_a_command_is_a_dead_letter),
        TEST(an_event_too_large_for_a_dead_letter_is_named_by_place_and_digest),
        TEST(events_before_the_bindings_start_are_not_its_business),
        TEST(a_new_version_applies_from_its_start_on),
        TEST(events_that_are_read_again_keep_their_versions),
        TEST(a_killed_relay_forwards_again_under_the_same_numbers),
        TEST(what_was_acknowledged_is_not_forwarded_again),
        TEST(a_new_producer_forwards_what_was_not_acknowledged),
        TEST(a_topic_that_was_made_anew_quarantines_the_binding),
        TEST(a_reset_ends_the_relay_and_the_next_one_begins_at_the_start),
        TEST(a_relay_that_a_reset_ended_commits_nothing),
        TEST(a_quarantined_relay_rests_until_the_binding_is_reset),
        TEST(a_relay_that_rests_does_not_read_on),
        TEST(a_record_refused_alone_is_a_dead_letter_and_the_others_go_on),
        TEST(a_refused_dead_letter_quarantines_the_binding),
        TEST(a_topic_that_may_not_be_written_is_tried_with_pauses_until_it_may),
        TEST(a_producer_that_keeps_failing_is_replaced_with_pauses),
        TEST(a_lost_partition_is_read_again_when_it_comes_back),
        TEST(a_broker_that_was_down_loses_nothing),
        TEST(a_partition_far_behind_meets_each_of_many_versions),
        TEST(many_versions_of_before_a_reset_are_not_of_this_incarnation),
        TEST(versions_that_come_while_a_partition_lags_apply_from_their_starts),
        TEST(ten_thousand_events_pass_with_bounded_flights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
