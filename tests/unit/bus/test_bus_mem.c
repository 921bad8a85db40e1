#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bus/bus_mem.h"
#include "bus/bus_origin.h"

/* The faults of the virtual broker; what it promises as a bus is in
 * tests/contract/bus. */

#define TOPIC ODK_STR("t")

struct fixture {
    struct bus_mem_broker *broker;
    struct bus a;
    struct bus b;
};

static void
join(struct fixture *f, struct bus *bus, const char *instance_id)
{
    static const char *const topics[] = {"t"};
    struct bus_mem_options options = {
        .group_id = "g",
        .instance_id = instance_id,
        .topics = topics,
        .n_topics = 1,
        .session_ms = 1000,
    };

    assert_int_equal(bus_mem_open(f->broker, &options, bus, NULL), 0);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->broker = bus_mem_broker_new();
    assert_int_equal(bus_mem_topic_create(f->broker, TOPIC, 2, 0, NULL), 0);
    join(f, &f->a, NULL);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    bus_close(&f->a, true);
    bus_close(&f->b, true);
    bus_mem_broker_free(f->broker);
    free(f);
    return 0;
}

static struct bus_batch
poll_once(struct bus *bus)
{
    struct bus_batch batch;

    assert_int_equal(bus_poll(bus, 0, &batch, NULL), 0);
    return batch;
}

static int
send(struct bus *bus, uint64_t seq)
{
    struct bus_record record = {
        .shard = 0, .seq = seq, .topic = TOPIC, .value = ODK_STR("v")};

    return bus_send(bus, &record, NULL);
}

static int64_t
log_end(struct bus *bus)
{
    int64_t start = 0;
    int64_t end = 0;

    assert_int_equal(bus_log_range(bus, TOPIC, 0, &start, &end, NULL), 0);
    return end;
}

static void
held_sends_are_neither_appended_nor_acknowledged(void **state)
{
    struct fixture *f = *state;

    (void)poll_once(&f->a);
    bus_mem_hold_sends(&f->a, true);
    assert_int_equal(send(&f->a, 1), 0);
    assert_int_equal(send(&f->a, 2), 0);
    assert_int_equal(bus_mem_in_flight(&f->a), 2);
    assert_int_equal(poll_once(&f->a).n_acks, 0);
    assert_int_equal(log_end(&f->a), 0);
    bus_mem_deliver(&f->a, 1);
    assert_int_equal(log_end(&f->a), 1);
    assert_int_equal(poll_once(&f->a).acks[0].seq, 1);
    bus_mem_hold_sends(&f->a, false);
    assert_int_equal(poll_once(&f->a).acks[0].seq, 2);
}

static void
held_acks_come_later_in_order(void **state)
{
    struct fixture *f = *state;

    (void)poll_once(&f->a);
    bus_mem_hold_acks(&f->a, true);
    assert_int_equal(send(&f->a, 1), 0);
    assert_int_equal(send(&f->a, 2), 0);
    assert_int_equal(log_end(&f->a), 2);
    assert_int_equal(poll_once(&f->a).n_acks, 0);
    bus_mem_hold_acks(&f->a, false);
    struct bus_batch batch = poll_once(&f->a);

    assert_int_equal(batch.n_acks, 2);
    assert_int_equal(batch.acks[0].seq, 1);
    assert_int_equal(batch.acks[1].seq, 2);
}

static void
a_fatal_producer_refuses_until_it_is_replaced(void **state)
{
    struct fixture *f = *state;

    bus_mem_hold_sends(&f->a, true);
    assert_int_equal(send(&f->a, 1), 0);
    bus_mem_producer_fatal(&f->a);
    assert_true(poll_once(&f->a).is_producer_fatal);
    assert_int_equal(send(&f->a, 2), ODK_EFATAL);
    assert_int_equal(bus_producer_reset(&f->a, NULL), 0);
    bus_mem_hold_sends(&f->a, false);
    assert_int_equal(send(&f->a, 1), 0);
    struct bus_batch batch = poll_once(&f->a);

    assert_false(batch.is_producer_fatal);
    assert_int_equal(batch.n_acks, 1);
    assert_int_equal(log_end(&f->a), 1);
}

static void
a_refused_record_names_its_code_and_ends_the_producer(void **state)
{
    struct fixture *f = *state;

    (void)poll_once(&f->a);
    bus_mem_fail_topic(f->broker, TOPIC, ODK_EAUTH);
    bus_mem_hold_sends(&f->a, true);
    assert_int_equal(send(&f->a, 1), 0);
    assert_int_equal(send(&f->a, 2), 0);
    bus_mem_hold_sends(&f->a, false);
    struct bus_batch batch = poll_once(&f->a);

    assert_int_equal(batch.n_acks, 1);
    assert_int_equal(batch.acks[0].code, ODK_EAUTH);
    assert_true(batch.is_producer_fatal);
    bus_mem_fail_topic(f->broker, TOPIC, 0);
    assert_int_equal(bus_producer_reset(&f->a, NULL), 0);
    assert_int_equal(send(&f->a, 2), 0);
    assert_int_equal(log_end(&f->a), 1);
}

static void
a_crashed_member_keeps_its_partitions_for_its_session(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(poll_once(&f->a).n_assigned, 2);
    bus_mem_hold_sends(&f->a, true);
    assert_int_equal(send(&f->a, 1), 0);
    assert_int_equal(send(&f->a, 2), 0);
    bus_mem_crash(&f->a, 1);
    join(f, &f->b, NULL);
    bus_mem_set_time(f->broker, 999);
    assert_int_equal(poll_once(&f->b).n_assigned, 0);
    bus_mem_set_time(f->broker, 1000);
    assert_int_equal(poll_once(&f->b).n_assigned, 2);
    assert_int_equal(log_end(&f->b), 1);
}

static void
a_dropped_member_learns_that_it_lost_all_and_joins_again(void **state)
{
    struct fixture *f = *state;
    struct bus_batch batch;

    assert_int_equal(poll_once(&f->a).n_assigned, 2);
    join(f, &f->b, NULL);
    bus_mem_drop_member(&f->a);
    assert_int_equal(poll_once(&f->b).n_assigned, 2);
    batch = poll_once(&f->a);
    assert_int_equal(batch.n_revoked, 2);
    assert_true(batch.is_lost);
    assert_int_equal(bus_revoke_done(&f->a, NULL), 0);
    assert_int_equal(poll_once(&f->b).n_revoked, 2);
    assert_int_equal(bus_revoke_done(&f->b, NULL), 0);
    assert_int_equal(poll_once(&f->a).n_assigned, 1);
    assert_int_equal(poll_once(&f->b).n_assigned, 1);
}

static void
a_static_member_takes_its_place_after_a_crash(void **state)
{
    struct fixture *f = *state;

    bus_close(&f->a, true);
    join(f, &f->a, "slot");
    assert_int_equal(poll_once(&f->a).n_assigned, 2);
    bus_mem_crash(&f->a, 0);
    join(f, &f->a, "slot");
    assert_int_equal(poll_once(&f->a).n_assigned, 2);
}

static void
gaps_and_truncation_move_the_range(void **state)
{
    struct fixture *f = *state;
    struct bus_record record = {.shard = -1, .topic = TOPIC};
    struct bus_message message;
    struct odk_err err = {0};
    struct bus_batch batch;

    (void)poll_once(&f->a);
    assert_int_equal(bus_mem_append(f->broker, &record), 0);
    bus_mem_append_gap(f->broker, TOPIC, 0, 5);
    assert_int_equal(bus_mem_append(f->broker, &record), 6);
    assert_int_equal(bus_start(&f->a, (struct bus_place){0, 0}, 1, NULL), 0);
    assert_int_equal(poll_once(&f->a).messages[0].offset, 6);
    bus_mem_truncate_head(f->broker, TOPIC, 0, 3);
    assert_true(bus_mem_read(f->broker, TOPIC, 0, 0, &message));
    assert_int_equal(message.offset, 6);
    assert_int_equal(bus_start(&f->a, (struct bus_place){0, 0}, 2, NULL), 0);
    assert_int_equal(bus_poll(&f->a, 0, &batch, &err), ODK_ECORRUPT);
    bus_mem_truncate_tail(f->broker, TOPIC, 0, 5);
    assert_false(bus_mem_read(f->broker, TOPIC, 0, 0, &message));
    assert_int_equal(log_end(&f->a), 5);
    record.topic = ODK_STR("none");
    assert_int_equal(bus_mem_append(f->broker, &record), ODK_ENOTFOUND);
}

static void
a_broker_that_is_down_answers_nothing(void **state)
{
    struct fixture *f = *state;
    struct bus_batch batch;
    int64_t start = 0;
    int64_t end = 0;

    (void)poll_once(&f->a);
    bus_mem_set_down(f->broker, true);
    assert_int_equal(send(&f->a, 1), 0);
    assert_int_equal(bus_poll(&f->a, 0, &batch, NULL), ODK_ECONN);
    assert_int_equal(bus_log_range(&f->a, TOPIC, 0, &start, &end, NULL),
                     ODK_ECONN);
    bus_mem_set_down(f->broker, false);
    assert_int_equal(poll_once(&f->a).n_acks, 1);
}

static void
origin_headers_are_read_strictly(void **state)
{
    struct bus_header headers[] = {
        {ODK_STR(BUS_ORIGIN_SEQ), ODK_STR("18446744073709551615")},
        {ODK_STR("other"), ODK_STR("1")},
        {ODK_STR(BUS_ORIGIN_SHARD), ODK_STR("2147483647")},
    };
    int32_t shard = 0;
    uint64_t seq = 0;
    char text[BUS_ORIGIN_TEXT_MAX];

    (void)state;
    assert_true(bus_origin_parse(headers, 3, &shard, &seq));
    assert_int_equal(shard, INT32_MAX);
    assert_true(seq == UINT64_MAX);
    assert_false(bus_origin_parse(headers, 2, &shard, &seq));
    headers[2].value = ODK_STR("-1");
    assert_false(bus_origin_parse(headers, 3, &shard, &seq));
    headers[2].value = ODK_STR("1x");
    assert_false(bus_origin_parse(headers, 3, &shard, &seq));
    assert_int_equal(bus_origin_format(UINT64_MAX, text), 20);
    assert_string_equal(text, "18446744073709551615");
    assert_int_equal(bus_origin_format(0, text), 1);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(held_sends_are_neither_appended_nor_acknowledged),
        CASE(held_acks_come_later_in_order),
        CASE(a_fatal_producer_refuses_until_it_is_replaced),
        CASE(a_refused_record_names_its_code_and_ends_the_producer),
        CASE(a_crashed_member_keeps_its_partitions_for_its_session),
        CASE(a_dropped_member_learns_that_it_lost_all_and_joins_again),
        CASE(a_static_member_takes_its_place_after_a_crash),
        CASE(gaps_and_truncation_move_the_range),
        CASE(a_broker_that_is_down_answers_nothing),
        cmocka_unit_test(origin_headers_are_read_strictly),
    };
#undef CASE

    return cmocka_run_group_tests_name("bus_mem", tests, NULL, NULL);
}
