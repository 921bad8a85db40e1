#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract_bus.h"

#define MESSAGES_MAX 100000

void
contract_name(struct contract_rig *rig, char out[NAME_MAX_LEN])
{
    (void)snprintf(out, NAME_MAX_LEN, "%s.%d", rig->prefix, rig->n_names++);
}

static void
peer_connect(struct peer *peer, const char *group, const char *instance)
{
    const char *topics[] = {peer->topic, peer->twin};
    struct contract_open how = {
        .group = group,
        .instance = instance,
        .topics = topics,
        .n_topics = peer->twin[0] ? 2 : 1,
    };
    struct odk_err err = {0};
    int rc = peer->rig->open(peer->rig, &how, &peer->bus, &err);

    if (rc < 0) {
        fail_msg("open: %s", err.message);
    }
    peer->messages = calloc(MESSAGES_MAX, sizeof(*peer->messages));
    peer->acks = calloc(MESSAGES_MAX, sizeof(*peer->acks));
    assert_non_null(peer->messages);
    assert_non_null(peer->acks);
    peer->is_starting = true;
    peer->is_letting_go = true;
}

void
peer_open(struct peer *peer, struct contract_rig *rig, int32_t partitions,
          enum peer_kind kind)
{
    *peer = (struct peer){.rig = rig};
    contract_name(rig, peer->topic);
    assert_int_equal(rig->topic_create(rig, peer->topic, partitions), 0);
    if (kind == PEER_WITH_TWIN) {
        contract_name(rig, peer->twin);
        assert_int_equal(rig->topic_create(rig, peer->twin, partitions), 0);
    }
    peer_connect(peer, peer->topic, NULL);
}

void
peer_join(struct peer *peer, const struct peer *other, const char *group,
          const char *instance)
{
    *peer = (struct peer){.rig = other->rig};
    memcpy(peer->topic, other->topic, sizeof(peer->topic));
    memcpy(peer->twin, other->twin, sizeof(peer->twin));
    peer_connect(peer, group, instance);
}

void
peer_close(struct peer *peer)
{
    bus_close(&peer->bus, true);
    free(peer->messages);
    free(peer->acks);
    peer->messages = NULL;
    peer->acks = NULL;
}

static void
record_messages(struct peer *peer, const struct bus_batch *batch)
{
    for (size_t i = 0; i < batch->n_messages; i++) {
        const struct bus_message *from = &batch->messages[i];
        uint64_t number = 0;

        (void)odk_str_to_u64(from->value, &number);
        assert_true(peer->n_messages < MESSAGES_MAX);
        peer->messages[peer->n_messages++] = (struct peer_message){
            from->topic, from->partition, from->offset, number};
        peer->next[from->topic][from->partition] = from->offset + 1;
    }
}

static void
record_acks(struct peer *peer, const struct bus_batch *batch)
{
    for (size_t i = 0; i < batch->n_acks; i++) {
        assert_true(peer->n_acks < MESSAGES_MAX);
        peer->acks[peer->n_acks++] = batch->acks[i];
    }
    peer->is_producer_fatal =
        peer->is_producer_fatal || batch->is_producer_fatal;
}

static void
start_place(struct peer *peer, int topic, int32_t partition)
{
    struct bus_place place = {topic, partition};

    assert_int_equal(
        bus_start(&peer->bus, place, peer->next[topic][partition], NULL), 0);
}

static void
answer_assignment(struct peer *peer, const struct bus_batch *batch)
{
    for (size_t i = 0; i < batch->n_assigned; i++) {
        int32_t partition = batch->assigned[i].partition;

        assert_int_equal(batch->assigned[i].topic, 0);
        assert_false(peer->is_assigned[partition]);
        peer->is_assigned[partition] = true;
        peer->n_assigned++;
        if (peer->is_starting) {
            start_place(peer, 0, partition);
        }
        if (peer->is_starting && peer->twin[0]) {
            start_place(peer, 1, partition);
        }
    }
    for (size_t i = 0; i < batch->n_revoked; i++) {
        int32_t partition = batch->revoked[i].partition;

        assert_int_equal(batch->revoked[i].topic, 0);
        assert_true(peer->is_assigned[partition]);
        peer->is_assigned[partition] = false;
        peer->n_assigned--;
    }
    if (batch->n_revoked > 0) {
        peer->n_revokes++;
        peer->is_lost = batch->is_lost;
        if (peer->is_letting_go) {
            assert_int_equal(bus_revoke_done(&peer->bus, NULL), 0);
        }
    }
}

void
peer_poll(struct peer *peer, odk_dur_ms wait_max)
{
    struct bus_batch batch;
    struct odk_err err = {0};
    int rc = bus_poll(&peer->bus, wait_max, &batch, &err);

    peer->error = rc;
    if (rc < 0) {
        print_message("poll: %s\n", err.message);
        return;
    }
    record_messages(peer, &batch);
    record_acks(peer, &batch);
    answer_assignment(peer, &batch);
}

void
peer_wait_assigned(struct peer *peer, int n)
{
    for (int i = 0; i < POLLS_MAX && peer->n_assigned != n; i++) {
        peer_poll(peer, POLL_MS);
    }
    assert_int_equal(peer->n_assigned, n);
}

void
peer_wait_messages(struct peer *peer, size_t n)
{
    for (int i = 0; i < POLLS_MAX && peer->n_messages < n; i++) {
        peer_poll(peer, POLL_MS);
    }
    assert_int_equal(peer->n_messages, n);
}

void
peer_wait_acks(struct peer *peer, size_t n)
{
    for (int i = 0; i < POLLS_MAX && peer->n_acks < n; i++) {
        peer_poll(peer, POLL_MS);
    }
    assert_int_equal(peer->n_acks, n);
}

void
peer_wait_silence(struct peer *peer, int n)
{
    for (int i = 0; i < n;) {
        size_t before = peer->n_messages;

        peer_poll(peer, POLL_MS);
        i = peer->n_messages == before ? i + 1 : 0;
    }
}

int
peer_send(struct peer *peer, const struct bus_record *record)
{
    int rc = ODK_EAGAIN;

    for (int i = 0; i < POLLS_MAX && rc == ODK_EAGAIN; i++) {
        rc = bus_send(&peer->bus, record, NULL);
        if (rc == ODK_EAGAIN) {
            peer_poll(peer, POLL_MS);
        }
    }
    return rc;
}

void
peer_send_number(struct peer *peer, int32_t partition, uint64_t number)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    struct bus_record record = {
        .shard = 3,
        .seq = number,
        .topic = odk_str(peer->topic),
        .partition = partition,
        .key = ODK_STR("default/a"),
        .value = odk_str_n(text, (size_t)len),
    };

    assert_int_equal(peer_send(peer, &record), 0);
}
