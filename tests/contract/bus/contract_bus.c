#include "contract_bus.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 5000

static void
send_many(struct peer *peer, int32_t partitions, uint64_t first, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        peer_send_number(peer, (int32_t)(i % (uint64_t)partitions), first + i);
    }
}

/* Per partition, numbers ascend by step without a hole. */
static void
assert_contiguous(const struct peer *peer, int32_t partition, uint64_t first,
                  uint64_t step)
{
    uint64_t expected = first;

    for (size_t i = 0; i < peer->n_messages; i++) {
        if (peer->messages[i].partition == partition) {
            assert_int_equal(peer->messages[i].number, expected);
            expected += step;
        }
    }
}

static void
records_of_a_partition_arrive_in_order(void **state)
{
    struct peer peer;

    peer_open(&peer, *state, 2, PEER_ALONE);
    peer_wait_assigned(&peer, 2);
    send_many(&peer, 2, 0, MANY);
    peer_wait_messages(&peer, MANY);
    assert_contiguous(&peer, 0, 0, 2);
    assert_contiguous(&peer, 1, 1, 2);
    peer_close(&peer);
}

static void
nothing_arrives_before_start(void **state)
{
    struct peer peer;

    peer_open(&peer, *state, 1, PEER_ALONE);
    peer.is_starting = false;
    send_many(&peer, 1, 0, 10);
    peer_wait_assigned(&peer, 1);
    peer_wait_acks(&peer, 10);
    peer_wait_silence(&peer, 5);
    assert_int_equal(peer.n_messages, 0);
    assert_int_equal(bus_start(&peer.bus, (struct bus_place){0, 0}, 0, NULL),
                     0);
    peer_wait_messages(&peer, 10);
    peer_close(&peer);
}

static void
nothing_below_the_start_offset_arrives(void **state)
{
    struct peer peer;

    peer_open(&peer, *state, 1, PEER_ALONE);
    peer.is_starting = false;
    send_many(&peer, 1, 0, 10);
    peer_wait_assigned(&peer, 1);
    peer_wait_acks(&peer, 10);
    assert_int_equal(bus_start(&peer.bus, (struct bus_place){0, 0}, 7, NULL),
                     0);
    peer_wait_messages(&peer, 3);
    assert_int_equal(peer.messages[0].offset, 7);
    assert_contiguous(&peer, 0, 7, 1);
    peer_close(&peer);
}

static void
a_start_again_reads_again_from_there(void **state)
{
    struct peer peer;

    peer_open(&peer, *state, 1, PEER_ALONE);
    send_many(&peer, 1, 0, 1000);
    peer_wait_messages(&peer, 1000);
    peer.n_messages = 0;
    assert_int_equal(bus_start(&peer.bus, (struct bus_place){0, 0}, 400, NULL),
                     0);
    peer_wait_messages(&peer, 600);
    assert_contiguous(&peer, 0, 400, 1);
    peer.n_messages = 0;
    assert_int_equal(bus_start(&peer.bus, (struct bus_place){0, 0}, 1000, NULL),
                     0);
    send_many(&peer, 1, 1000, 10);
    peer_wait_messages(&peer, 10);
    assert_contiguous(&peer, 0, 1000, 1);
    peer_close(&peer);
}

static void
a_start_beside_a_running_place_loses_nothing(void **state)
{
    struct peer peer;

    peer_open(&peer, *state, 4, PEER_ALONE);
    peer.is_starting = false;
    peer_wait_assigned(&peer, 4);
    for (int32_t p = 0; p < 4; p++) {
        send_many(&peer, 4, (uint64_t)p * 1000, 1000);
        assert_int_equal(
            bus_start(&peer.bus, (struct bus_place){0, p}, 0, NULL), 0);
        peer_poll(&peer, 0);
    }
    peer_wait_messages(&peer, 4000);
    for (int32_t p = 0; p < 4; p++) {
        assert_contiguous(&peer, p, (uint64_t)p, 4);
    }
    peer_close(&peer);
}

static void
a_place_that_is_not_ours_cannot_be_started(void **state)
{
    struct peer peer;
    struct bus_place first = {0, 0};
    struct bus_place beyond = {0, 9};

    peer_open(&peer, *state, 1, PEER_ALONE);
    assert_int_equal(bus_start(&peer.bus, first, 0, NULL), ODK_EFENCED);
    assert_int_equal(bus_pause(&peer.bus, first, true, NULL), ODK_EFENCED);
    peer_wait_assigned(&peer, 1);
    assert_int_equal(bus_start(&peer.bus, beyond, 0, NULL), ODK_EFENCED);
    assert_int_equal(bus_revoke_done(&peer.bus, NULL), ODK_EINVAL);
    peer_close(&peer);
}

static void
a_paused_place_is_silent_and_loses_nothing(void **state)
{
    struct peer peer;
    struct bus_place place = {0, 0};

    peer_open(&peer, *state, 2, PEER_ALONE);
    peer_wait_assigned(&peer, 2);
    send_many(&peer, 2, 0, MANY);
    /* In the middle of the stream, with records fetched already. */
    for (int round = 0; round < 5; round++) {
        peer_poll(&peer, POLL_MS);
        assert_int_equal(bus_pause(&peer.bus, place, true, NULL), 0);
        size_t at = peer.n_messages;

        peer_wait_silence(&peer, 2);
        for (size_t i = at; i < peer.n_messages; i++) {
            assert_int_equal(peer.messages[i].partition, 1);
        }
        assert_int_equal(bus_pause(&peer.bus, place, false, NULL), 0);
    }
    peer_wait_messages(&peer, MANY);
    assert_contiguous(&peer, 0, 0, 2);
    assert_contiguous(&peer, 1, 1, 2);
    peer_close(&peer);
}

static void
an_offset_out_of_range_is_an_error_and_start_heals_it(void **state)
{
    struct peer peer;
    struct bus_place place = {0, 0};

    peer_open(&peer, *state, 1, PEER_ALONE);
    send_many(&peer, 1, 0, 10);
    peer_wait_acks(&peer, 10);
    peer.n_messages = 0;
    peer_wait_assigned(&peer, 1);
    assert_int_equal(bus_start(&peer.bus, place, 5000, NULL), 0);
    for (int i = 0; i < POLLS_MAX && peer.error == 0; i++) {
        peer_poll(&peer, POLL_MS);
    }
    assert_int_equal(peer.error, ODK_ECORRUPT);
    peer_poll(&peer, POLL_MS);
    assert_int_equal(peer.error, 0);
    peer.n_messages = 0;
    assert_int_equal(bus_start(&peer.bus, place, 8, NULL), 0);
    peer_wait_messages(&peer, 2);
    peer_close(&peer);
}

static void
every_record_is_acknowledged_once(void **state)
{
    struct peer peer;
    bool *is_acked = calloc(MANY, sizeof(*is_acked));

    assert_non_null(is_acked);
    peer_open(&peer, *state, 3, PEER_ALONE);
    send_many(&peer, 3, 0, MANY);
    peer_wait_acks(&peer, MANY);
    peer_wait_silence(&peer, 2);
    assert_int_equal(peer.n_acks, MANY);
    for (size_t i = 0; i < peer.n_acks; i++) {
        assert_int_equal(peer.acks[i].shard, 3);
        assert_int_equal(peer.acks[i].code, 0);
        assert_true(peer.acks[i].seq < MANY);
        assert_false(is_acked[peer.acks[i].seq]);
        is_acked[peer.acks[i].seq] = true;
    }
    assert_false(peer.is_producer_fatal);
    free(is_acked);
    peer_close(&peer);
}

/* Polls the raw batch until a message comes. */
static const struct bus_message *
next_message(struct peer *peer)
{
    struct bus_batch batch = {0};

    for (int i = 0; i < POLLS_MAX && batch.n_messages == 0; i++) {
        assert_int_equal(bus_poll(&peer->bus, POLL_MS, &batch, NULL), 0);
    }
    assert_int_equal(batch.n_messages, 1);
    return batch.messages;
}

static bool
has_header(const struct bus_message *message, const char *name,
           struct odk_str value)
{
    for (size_t i = 0; i < message->n_headers; i++) {
        if (odk_str_is(message->headers[i].name, name) &&
            odk_str_eq(message->headers[i].value, value)) {
            return true;
        }
    }
    return false;
}

static void
a_record_arrives_as_it_was_sent(void **state)
{
    static const char binary[] = "a\0b\xff\n";
    struct bus_header headers[] = {
        {ODK_STR("content-type"), ODK_STR("application/json")},
        {ODK_STR("binary"), {binary, sizeof(binary)}},
        {ODK_STR("empty"), {"", 0}},
    };
    struct peer peer;

    peer_open(&peer, *state, 1, PEER_ALONE);
    peer_wait_assigned(&peer, 1);
    struct bus_record record = {
        .shard = 11,
        .seq = UINT64_C(9007199254740993),
        .topic = odk_str(peer.topic),
        .key = {binary, sizeof(binary)},
        .value = {binary, sizeof(binary)},
        .headers = headers,
        .n_headers = 3,
    };

    assert_int_equal(peer_send(&peer, &record), 0);
    const struct bus_message *message = next_message(&peer);

    assert_int_equal(message->topic, 0);
    assert_int_equal(message->partition, 0);
    assert_true(odk_str_eq(message->key, record.key));
    assert_true(odk_str_eq(message->value, record.value));
    assert_int_equal(message->n_headers, 5);
    assert_true(has_header(message, "odk-shard", ODK_STR("11")));
    assert_true(has_header(message, "odk-seq", ODK_STR("9007199254740993")));
    for (size_t i = 0; i < 3; i++) {
        assert_true(has_header(message, headers[i].name.ptr, headers[i].value));
    }
    peer_close(&peer);
}

static void
absent_key_value_and_origin_stay_absent(void **state)
{
    struct peer peer;

    peer_open(&peer, *state, 1, PEER_ALONE);
    peer_wait_assigned(&peer, 1);
    struct bus_record record = {
        .shard = -1, .seq = 5, .topic = odk_str(peer.topic)};

    assert_int_equal(peer_send(&peer, &record), 0);
    const struct bus_message *message = next_message(&peer);

    assert_null(message->key.ptr);
    assert_null(message->value.ptr);
    assert_int_equal(message->n_headers, 0);
    record.key = ODK_STR("");
    record.value = ODK_STR("");
    assert_int_equal(peer_send(&peer, &record), 0);
    message = next_message(&peer);
    assert_non_null(message->key.ptr);
    assert_int_equal(message->key.len, 0);
    assert_non_null(message->value.ptr);
    assert_int_equal(message->value.len, 0);
    peer_close(&peer);
}

static void
large_records_pass_and_too_large_ones_are_refused(void **state)
{
    size_t size = (size_t)2 * 1024 * 1024;
    char *bytes = malloc(size);
    struct peer peer;

    assert_non_null(bytes);
    memset(bytes, 'x', size);
    peer_open(&peer, *state, 1, PEER_ALONE);
    peer_wait_assigned(&peer, 1);
    struct bus_record record = {
        .shard = 1,
        .seq = 1,
        .topic = odk_str(peer.topic),
        .value = {bytes, (size_t)900 * 1024},
    };

    assert_int_equal(peer_send(&peer, &record), 0);
    assert_int_equal(next_message(&peer)->value.len, 900 * 1024);
    record.seq = 2;
    record.value.len = size;
    int rc = peer_send(&peer, &record);

    if (rc == 0) {
        peer.n_acks = 0;
        peer_wait_acks(&peer, 1);
        rc = peer.acks[0].code;
    }
    assert_int_equal(rc, ODK_ETOOBIG);
    free(bytes);
    peer_close(&peer);
}

static void
unknown_places_are_refused(void **state)
{
    struct peer peer;
    int32_t n = 0;

    peer_open(&peer, *state, 2, PEER_ALONE);
    struct bus_record record = {
        .shard = 1, .seq = 1, .topic = ODK_STR("odradek-contract-none")};

    assert_int_equal(peer_send(&peer, &record), ODK_ENOTFOUND);
    assert_int_equal(bus_partitions(&peer.bus, record.topic, &n, NULL),
                     ODK_ENOTFOUND);
    record.topic = odk_str(peer.topic);
    record.partition = 2;
    assert_int_equal(peer_send(&peer, &record), ODK_ENOTFOUND);
    assert_int_equal(bus_partitions(&peer.bus, record.topic, &n, NULL), 0);
    assert_int_equal(n, 2);
    /* Nothing of this harmed the producer. */
    peer_send_number(&peer, 1, 2);
    peer_wait_acks(&peer, 1);
    peer_close(&peer);
}

static void
a_missing_topic_is_an_error_of_opening(void **state)
{
    struct contract_rig *rig = *state;
    const char *topics[] = {"odradek-contract-none"};
    struct contract_open how = {.group = "g", .topics = topics, .n_topics = 1};
    struct odk_err err = {0};
    struct bus bus;

    assert_int_equal(rig->open(rig, &how, &bus, &err), ODK_ENOTFOUND);
    assert_true(strstr(err.message, topics[0]) != NULL);
    assert_null(bus.ops);
}

static void
a_full_queue_asks_for_patience(void **state)
{
    struct contract_rig *rig = *state;
    struct peer peer;
    struct peer slow;
    uint64_t n = 0;
    int rc = 0;

    peer_open(&peer, rig, 1, PEER_ALONE);
    struct contract_open how = {.queue_max = 100};
    struct bus_record record = {
        .shard = 1, .topic = odk_str(peer.topic), .value = ODK_STR("x")};

    peer_join(&slow, &peer, NULL, NULL);
    bus_close(&slow.bus, false);
    assert_int_equal(rig->open(rig, &how, &slow.bus, NULL), 0);
    while (rc == 0 && n < 1000) {
        record.seq = n;
        rc = bus_send(&slow.bus, &record, NULL);
        n += rc == 0 ? 1 : 0;
    }
    assert_int_equal(rc, ODK_EAGAIN);
    assert_int_equal(n, 100);
    peer_wait_acks(&slow, n);
    assert_int_equal(bus_send(&slow.bus, &record, NULL), 0);
    peer_close(&slow);
    peer_close(&peer);
}

static void
a_new_producer_goes_on_without_a_gap(void **state)
{
    struct peer peer;
    uint64_t seen_max = 0;

    peer_open(&peer, *state, 1, PEER_ALONE);
    peer_wait_assigned(&peer, 1);
    send_many(&peer, 1, 1, 1000);
    peer_poll(&peer, 0);
    size_t n_before = peer.n_acks;

    assert_int_equal(bus_producer_reset(&peer.bus, NULL), 0);
    /* As the owner does: from the first that is not acknowledged. */
    send_many(&peer, 1, n_before + 1, 2000 - n_before);
    peer_wait_acks(&peer, 2000);
    peer_wait_silence(&peer, 3);
    /* First appearances ascend without a hole (I8). */
    for (size_t i = 0; i < peer.n_messages; i++) {
        if (peer.messages[i].number > seen_max) {
            assert_int_equal(peer.messages[i].number, seen_max + 1);
            seen_max++;
        }
    }
    assert_int_equal(seen_max, 2000);
    peer_close(&peer);
}

static void
a_scan_finds_the_highest_number_of_its_shard(void **state)
{
    struct peer peer;
    struct bus_scan scan;

    peer_open(&peer, *state, 1, PEER_ALONE);
    struct odk_str topic = odk_str(peer.topic);

    assert_int_equal(bus_scan(&peer.bus, topic, 0, 3, 0, &scan, NULL), 0);
    assert_int_equal(scan.seq_max, 0);
    assert_int_equal(scan.offset_next, 0);
    send_many(&peer, 1, 100, 50);
    struct bus_record other = {
        .shard = 4, .seq = 77, .topic = topic, .value = ODK_STR("x")};
    struct bus_record marker = {.shard = 3, .seq = 4000, .topic = topic};
    struct bus_record foreign = {.shard = -1, .seq = 900, .topic = topic};

    assert_int_equal(peer_send(&peer, &other), 0);
    assert_int_equal(peer_send(&peer, &foreign), 0);
    peer_wait_acks(&peer, 52);
    assert_int_equal(peer_send(&peer, &marker), 0);
    peer_wait_acks(&peer, 53);
    assert_int_equal(bus_scan(&peer.bus, topic, 0, 3, 0, &scan, NULL), 0);
    assert_int_equal(scan.seq_max, 149);
    assert_int_equal(scan.marker_max, 4000);
    assert_int_equal(scan.offset_next, 53);
    assert_int_equal(bus_scan(&peer.bus, topic, 0, 4, 10, &scan, NULL), 0);
    assert_int_equal(scan.seq_max, 77);
    assert_int_equal(bus_scan(&peer.bus, topic, 0, 3, 50, &scan, NULL), 0);
    assert_int_equal(scan.seq_max, 0);
    assert_int_equal(bus_scan(&peer.bus, topic, 0, 3, 4000, &scan, NULL), 0);
    assert_int_equal(scan.offset_next, 53);
    assert_int_equal(bus_scan(&peer.bus, topic, 5, 3, 0, &scan, NULL),
                     ODK_ENOTFOUND);
    peer_close(&peer);
}

static void
topics_are_found_by_the_beginning_of_their_name(void **state)
{
    struct peer peer;
    struct odk_arena arena;
    const struct odk_str *names = NULL;
    size_t n = 0;

    peer_open(&peer, *state, 1, PEER_WITH_TWIN);
    odk_arena_init(&arena, 0);
    assert_int_equal(
        bus_topics(&peer.bus, odk_str(peer.topic), &arena, &names, &n, NULL),
        0);
    assert_int_equal(n, 1);
    assert_true(odk_str_is(names[0], peer.topic));
    assert_int_equal(bus_topics(&peer.bus, odk_str(peer.rig->prefix), &arena,
                                &names, &n, NULL),
                     0);
    assert_true(n >= 2);
    assert_int_equal(bus_topics(&peer.bus, ODK_STR("nobody-has-this"), &arena,
                                &names, &n, NULL),
                     0);
    assert_int_equal(n, 0);
    odk_arena_release(&arena);
    peer_close(&peer);
}

static void
an_offset_is_found_by_its_time(void **state)
{
    struct peer peer;
    int64_t offset = -1;

    peer_open(&peer, *state, 1, PEER_ALONE);
    struct odk_str topic = odk_str(peer.topic);

    send_many(&peer, 1, 100, 5);
    peer_wait_acks(&peer, 5);
    assert_int_equal(bus_offset_at(&peer.bus, topic, 0, 0, &offset, NULL), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(bus_offset_at(&peer.bus, topic, 0, INT64_C(9000000000000),
                                   &offset, NULL),
                     0);
    assert_int_equal(offset, 5);
    assert_int_equal(bus_offset_at(&peer.bus, topic, 7, 0, &offset, NULL),
                     ODK_ENOTFOUND);
    peer_close(&peer);
}

static void
the_range_of_a_log_is_known(void **state)
{
    struct peer peer;
    int64_t start = -1;
    int64_t end = -1;

    peer_open(&peer, *state, 2, PEER_ALONE);
    struct odk_str topic = odk_str(peer.topic);

    assert_int_equal(bus_log_range(&peer.bus, topic, 1, &start, &end, NULL), 0);
    assert_int_equal(start, 0);
    assert_int_equal(end, 0);
    send_many(&peer, 2, 0, 20);
    peer_wait_acks(&peer, 20);
    assert_int_equal(bus_log_range(&peer.bus, topic, 1, &start, &end, NULL), 0);
    assert_int_equal(start, 0);
    assert_int_equal(end, 10);
    assert_int_equal(bus_log_range(&peer.bus, topic, 2, &start, &end, NULL),
                     ODK_ENOTFOUND);
    peer_close(&peer);
}

static void *
wake_thread(void *arg)
{
    struct peer *peer = arg;

    bus_wake(&peer->bus);
    return NULL;
}

static void
a_wake_ends_a_wait(void **state)
{
    struct peer peer;
    pthread_t thread;

    peer_open(&peer, *state, 1, PEER_ALONE);
    peer_wait_assigned(&peer, 1);
    peer_wait_silence(&peer, 1);
    /* Ten waits of a minute: without the wake the suite's time is over. */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pthread_create(&thread, NULL, wake_thread, &peer), 0);
        peer_poll(&peer, 60000);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    peer_close(&peer);
}

int
contract_bus_run(struct contract_rig *rig)
{
#define CASE(f) cmocka_unit_test_prestate(f, rig)
    const struct CMUnitTest tests[] = {
        CASE(records_of_a_partition_arrive_in_order),
        CASE(nothing_arrives_before_start),
        CASE(nothing_below_the_start_offset_arrives),
        CASE(a_start_again_reads_again_from_there),
        CASE(a_start_beside_a_running_place_loses_nothing),
        CASE(a_place_that_is_not_ours_cannot_be_started),
        CASE(a_paused_place_is_silent_and_loses_nothing),
        CASE(an_offset_out_of_range_is_an_error_and_start_heals_it),
        CASE(every_record_is_acknowledged_once),
        CASE(a_record_arrives_as_it_was_sent),
        CASE(absent_key_value_and_origin_stay_absent),
        CASE(large_records_pass_and_too_large_ones_are_refused),
        CASE(unknown_places_are_refused),
        CASE(a_missing_topic_is_an_error_of_opening),
        CASE(a_full_queue_asks_for_patience),
        CASE(a_new_producer_goes_on_without_a_gap),
        CASE(a_scan_finds_the_highest_number_of_its_shard),
        CASE(topics_are_found_by_the_beginning_of_their_name),
        CASE(an_offset_is_found_by_its_time),
        CASE(the_range_of_a_log_is_known),
        CASE(a_wake_ends_a_wait),
        CASE(members_share_partitions_and_hand_over_without_loss),
        CASE(a_revocation_is_reported_before_others_get_the_partition),
        CASE(a_static_member_comes_back_to_its_partitions),
        CASE(a_static_member_that_leaves_frees_its_partitions),
        CASE(a_second_owner_of_an_instance_fences_the_first),
        CASE(twins_go_along_with_the_primary_topic),
        CASE(twins_of_different_width_are_refused),
        CASE(without_a_group_all_partitions_are_assigned),
        CASE(a_group_offset_comes_back_with_its_metadata),
    };
#undef CASE

    return cmocka_run_group_tests_name(rig->prefix, tests, NULL, NULL);
}
