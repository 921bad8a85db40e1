#include <stdlib.h>
#include <string.h>

#include "contract_bus.h"

/* Polls both until each holds n partitions. */
static void
wait_shared(struct peer *a, struct peer *b, int n)
{
    for (int i = 0; i < POLLS_MAX && (a->n_assigned != n || b->n_assigned != n);
         i++) {
        peer_poll(a, POLL_MS / 2);
        peer_poll(b, POLL_MS / 2);
    }
    assert_int_equal(a->n_assigned, n);
    assert_int_equal(b->n_assigned, n);
}

static void
count_numbers(const struct peer *peer, unsigned char *counts, size_t n)
{
    for (size_t i = 0; i < peer->n_messages; i++) {
        assert_true(peer->messages[i].number < n);
        counts[peer->messages[i].number]++;
    }
}

/* The new owner goes on where the old one stopped, as the stored offsets tell
 * it in real life. */
static void
hand_over_offsets(struct peer *to, const struct peer *from)
{
    for (int p = 0; p < PLACES_MAX; p++) {
        if (from->next[0][p] > to->next[0][p]) {
            to->next[0][p] = from->next[0][p];
        }
    }
}

void
members_share_partitions_and_hand_over_without_loss(void **state)
{
    enum {
        N = 6000
    };

    unsigned char *counts = calloc(N, 1);
    struct peer a;
    struct peer b;
    size_t n_sent = 0;

    assert_non_null(counts);
    peer_open(&a, *state, 4, PEER_ALONE);
    peer_wait_assigned(&a, 4);
    peer_join(&b, &a, a.topic, NULL);
    while (n_sent < N) {
        peer_send_number(&a, (int32_t)(n_sent % 4), n_sent);
        n_sent++;
        if (n_sent % 100 == 0) {
            peer_poll(&a, 1);
            hand_over_offsets(&b, &a);
            peer_poll(&b, 1);
            hand_over_offsets(&a, &b);
        }
    }
    for (int i = 0; i < POLLS_MAX && a.n_messages + b.n_messages < N; i++) {
        peer_poll(&a, POLL_MS / 2);
        hand_over_offsets(&b, &a);
        peer_poll(&b, POLL_MS / 2);
        hand_over_offsets(&a, &b);
    }
    wait_shared(&a, &b, 2);
    assert_true(a.n_revokes > 0);
    assert_false(a.is_lost);
    count_numbers(&a, counts, N);
    count_numbers(&b, counts, N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(counts[i], 1);
    }
    peer_close(&b);
    for (int i = 0; i < POLLS_MAX && a.n_assigned != 4; i++) {
        peer_poll(&a, POLL_MS);
    }
    assert_int_equal(a.n_assigned, 4);
    peer_close(&a);
    free(counts);
}

void
a_revocation_is_reported_before_others_get_the_partition(void **state)
{
    struct peer a;
    struct peer b;

    peer_open(&a, *state, 2, PEER_ALONE);
    peer_wait_assigned(&a, 2);
    a.is_letting_go = false;
    peer_join(&b, &a, a.topic, NULL);
    for (int i = 0; i < POLLS_MAX && a.n_revokes == 0; i++) {
        peer_poll(&a, POLL_MS / 2);
        peer_poll(&b, POLL_MS / 2);
        assert_int_equal(b.n_assigned, 0);
    }
    assert_int_equal(a.n_revokes, 1);
    /* The old owner finishes its work: nothing of the place arrives any more,
     * acks do, and the new owner waits. */
    a.n_messages = 0;
    peer_send_number(&a, 0, 1);
    peer_wait_acks(&a, 1);
    peer_wait_silence(&a, 3);
    assert_int_equal(a.n_messages, 0);
    peer_wait_silence(&b, 3);
    assert_int_equal(b.n_assigned, 0);
    a.is_letting_go = true;
    assert_int_equal(bus_revoke_done(&a.bus, NULL), 0);
    wait_shared(&a, &b, 1);
    peer_close(&a);
    peer_close(&b);
}

void
a_static_member_comes_back_to_its_partitions(void **state)
{
    struct peer a;
    struct peer b;
    struct peer again;
    char group[NAME_MAX_LEN];

    peer_open(&a, *state, 2, PEER_ALONE);
    contract_name(*state, group);
    struct peer first = a;

    peer_join(&a, &first, group, "slot-a");
    peer_wait_assigned(&a, 2);
    peer_join(&b, &first, group, "slot-b");
    wait_shared(&a, &b, 1);
    int n_revokes = b.n_revokes;

    bus_close(&a.bus, false);
    peer_join(&again, &first, group, "slot-a");
    peer_wait_assigned(&again, 1);
    peer_wait_silence(&b, 3);
    /* Nobody else noticed. */
    assert_int_equal(b.n_revokes, n_revokes);
    assert_int_equal(b.n_assigned, 1);
    peer_close(&again);
    peer_close(&b);
    peer_close(&a);
    peer_close(&first);
}

void
a_static_member_that_leaves_frees_its_partitions(void **state)
{
    struct peer first;
    struct peer a;
    struct peer b;
    char group[NAME_MAX_LEN];

    peer_open(&first, *state, 2, PEER_ALONE);
    contract_name(*state, group);
    peer_join(&a, &first, group, "slot-a");
    peer_wait_assigned(&a, 2);
    peer_join(&b, &first, group, "slot-b");
    wait_shared(&a, &b, 1);
    bus_close(&a.bus, true);
    /* Within fewer polls than the session is long. */
    for (int i = 0; i < 50 && b.n_assigned != 2; i++) {
        peer_poll(&b, POLL_MS);
    }
    assert_int_equal(b.n_assigned, 2);
    peer_close(&b);
    peer_close(&a);
    peer_close(&first);
}

void
a_second_owner_of_an_instance_fences_the_first(void **state)
{
    struct peer first;
    struct peer a;
    struct peer usurper;
    char group[NAME_MAX_LEN];

    peer_open(&first, *state, 2, PEER_ALONE);
    contract_name(*state, group);
    peer_join(&a, &first, group, "slot-a");
    peer_wait_assigned(&a, 2);
    peer_join(&usurper, &first, group, "slot-a");
    peer_wait_assigned(&usurper, 2);
    for (int i = 0; i < POLLS_MAX && a.error != ODK_EFENCED; i++) {
        peer_poll(&a, POLL_MS);
    }
    assert_int_equal(a.error, ODK_EFENCED);
    assert_int_equal(a.n_assigned, 0);
    assert_true(a.is_lost);
    peer_close(&a);
    assert_int_equal(usurper.n_assigned, 2);
    peer_close(&usurper);
    peer_close(&first);
}

void
twins_go_along_with_the_primary_topic(void **state)
{
    struct peer peer;
    size_t n_twin = 0;

    peer_open(&peer, *state, 2, PEER_WITH_TWIN);
    peer_wait_assigned(&peer, 2);
    struct bus_record record = {.shard = 1,
                                .seq = 1,
                                .topic = odk_str(peer.twin),
                                .value = ODK_STR("7")};

    for (record.partition = 0; record.partition < 2; record.partition++) {
        assert_int_equal(peer_send(&peer, &record), 0);
        peer_send_number(&peer, record.partition, 8);
    }
    peer_wait_messages(&peer, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(peer.messages[i].number,
                         peer.messages[i].topic == 1 ? 7 : 8);
        n_twin += peer.messages[i].topic == 1 ? 1 : 0;
    }
    assert_int_equal(n_twin, 2);
    peer_close(&peer);
}

void
twins_of_different_width_are_refused(void **state)
{
    struct contract_rig *rig = *state;
    char names[2][NAME_MAX_LEN];
    const char *topics[] = {names[0], names[1]};
    struct contract_open how = {.group = "g", .topics = topics, .n_topics = 2};
    struct bus bus;

    contract_name(rig, names[0]);
    contract_name(rig, names[1]);
    assert_int_equal(rig->topic_create(rig, names[0], 2), 0);
    assert_int_equal(rig->topic_create(rig, names[1], 3), 0);
    assert_int_equal(rig->open(rig, &how, &bus, NULL), ODK_ECONFLICT);
}

void
without_a_group_all_partitions_are_assigned(void **state)
{
    struct peer first;
    struct peer a;
    struct peer b;
    int64_t offset = 0;
    struct odk_buf metadata;

    odk_buf_init(&metadata, 0);
    peer_open(&first, *state, 3, PEER_ALONE);
    peer_join(&a, &first, NULL, NULL);
    peer_join(&b, &first, NULL, NULL);
    wait_shared(&a, &b, 3);
    peer_send_number(&a, 2, 5);
    peer_wait_messages(&a, 1);
    peer_wait_messages(&b, 1);
    assert_int_equal(bus_group_offset(&a.bus, (struct bus_place){0, 0}, &offset,
                                      &metadata, NULL),
                     ODK_EINVAL);
    odk_buf_release(&metadata);
    peer_close(&a);
    peer_close(&b);
    peer_close(&first);
}

void
a_group_offset_comes_back_with_its_metadata(void **state)
{
    struct bus_place place = {0, 1};
    struct odk_buf metadata;
    struct peer peer;
    int64_t offset = 0;

    odk_buf_init(&metadata, 0);
    peer_open(&peer, *state, 2, PEER_ALONE);
    peer_wait_assigned(&peer, 2);
    assert_int_equal(
        bus_group_offset(&peer.bus, place, &offset, &metadata, NULL), 0);
    assert_int_equal(offset, -1);
    assert_int_equal(
        bus_commit_offset(&peer.bus, place, 42, ODK_STR("seq=17;x"), NULL), 0);
    for (int i = 0; i < POLLS_MAX && offset != 42; i++) {
        assert_int_equal(
            bus_group_offset(&peer.bus, place, &offset, &metadata, NULL), 0);
    }
    assert_int_equal(offset, 42);
    assert_true(odk_str_is(odk_buf_str(&metadata), "seq=17;x"));
    odk_buf_release(&metadata);
    peer_close(&peer);
}
