#include <stdlib.h>

#include "lane/lane_priv.h"
#include "store/store_headers.h"

/*
 * Which numbers of a shard the broker has. Numbers are dense, acks come in any
 * order over partitions:
 *
 *      acked                     outbox_seq
 *   ─────┴──[1][0][1][1][0]…[0]──────┴─────      ack_bits, a ring of flags
 *
 * `acked` is the last number of the longest acknowledged prefix: what may be
 * deleted from the outbox.
 */

#define ACK_BITS_MIN 4096u
/* Far more than the backlog: what is so far ahead lies beyond the gap of a
 * fail-over, and is sent again when the gap is passed. */
#define ACK_SPAN_MAX (UINT64_C(1) << 26)
/* Rows of the outbox read at a time when publishing again. */
#define REPUBLISH_BYTES (4u << 20)
/* A producer that takes nothing for so long is replaced. */
#define SEND_WAIT_MS 30000
/* An output that is sent alone keeps the other shards waiting no longer. */
#define ALONE_WAIT_MS 5000

static bool
bit_get(const struct lane_shard *shard, uint64_t seq)
{
    uint64_t index = seq & (shard->ack_bits_max - 1);

    return shard->ack_bits[index / 64] >> (index % 64) & 1;
}

static void
bit_put(struct lane_shard *shard, uint64_t seq, bool value)
{
    uint64_t index = seq & (shard->ack_bits_max - 1);
    uint64_t mask = UINT64_C(1) << (index % 64);

    if (value) {
        shard->ack_bits[index / 64] |= mask;
    } else {
        shard->ack_bits[index / 64] &= ~mask;
    }
}

void
lane_ack_init(struct lane_shard *shard)
{
    free(shard->ack_bits);
    shard->ack_bits_max = ACK_BITS_MIN;
    shard->ack_bits = calloc(shard->ack_bits_max / 64, sizeof(uint64_t));
    if (!shard->ack_bits) {
        odk_out_of_memory();
    }
    shard->acked = shard->row.published;
}

/* The ring must hold every number between acked and the last one given out. */
static void
ring_grow(struct lane_shard *shard, uint64_t seq)
{
    struct lane_shard old = *shard;

    if (seq - shard->acked < shard->ack_bits_max) {
        return;
    }
    while (seq - shard->acked >= shard->ack_bits_max) {
        shard->ack_bits_max *= 2;
    }
    shard->ack_bits = calloc(shard->ack_bits_max / 64, sizeof(uint64_t));
    if (!shard->ack_bits) {
        odk_out_of_memory();
    }
    for (uint64_t i = 1; i < old.ack_bits_max; i++) {
        bit_put(shard, old.acked + i, bit_get(&old, old.acked + i));
    }
    free(old.ack_bits);
}

void
lane_ack_void(struct lane_shard *shard, uint64_t after, uint64_t seq)
{
    odk_assert(seq <= shard->row.outbox_seq);
    if (shard->acked == after && seq - after >= shard->ack_bits_max) {
        /* A fail-over skips more numbers than could be marked one by one. */
        memset(shard->ack_bits, 0, shard->ack_bits_max / 8);
        shard->acked = seq;
        return;
    }
    for (after++; after <= seq; after++) {
        lane_ack_mark(shard, after);
    }
}

void
lane_ack_mark(struct lane_shard *shard, uint64_t seq)
{
    if (seq <= shard->acked || seq > shard->row.outbox_seq ||
        seq - shard->acked >= ACK_SPAN_MAX) {
        return; /* of an ownership before this one, or a marker */
    }
    ring_grow(shard, seq);
    bit_put(shard, seq, true);
    while (shard->acked < shard->row.outbox_seq &&
           bit_get(shard, shard->acked + 1)) {
        shard->acked++;
        bit_put(shard, shard->acked, false);
    }
}

void
lane_acks(struct lane *lane, const struct bus_batch *polled)
{
    bool is_moved = false;

    for (size_t i = 0; i < polled->n_acks; i++) {
        const struct bus_ack *ack = &polled->acks[i];
        if (ack->shard == lane->marker.shard && ack->seq == lane->marker.seq) {
            lane->marker.code = ack->code;
            lane->is_marker_told = true;
            continue;
        }
        struct lane_shard *shard = lane_shard_find(lane, ack->shard);
        if (!shard || shard->state == LANE_SHARD_QUARANTINED) {
            continue;
        }
        /* Also of one being acquired: to publish again it waits for room. */
        if (ack->code == 0) {
            lane_ack_mark(shard, ack->seq);
            is_moved = true;
        } else {
            /* Kafka refuses whole batches: this one or a neighbour is to blame.
             */
            struct bus_ack *suspect =
                lane_vec_push(&lane->suspects, sizeof(*suspect));
            *suspect = *ack;
        }
    }
    if (is_moved && lane->flush_at == 0) {
        lane->flush_at = lane_monotonic(lane) + 1000;
    }
}

/* A dead letter has all the headers of the original, and they have no bound but
 * the record's size. */
static void
unpack_headers(struct lane *lane, struct odk_str packed)
{
    struct bus_header header = {0};

    lane->unpacked.n = 0;
    while (store_headers_next(&packed, &header.name, &header.value) == 1) {
        *(struct bus_header *)lane_vec_push(&lane->unpacked, sizeof(header)) =
            header;
    }
}

int
lane_produce(struct lane *lane, int32_t shard,
             const struct store_output *output, struct odk_err *err)
{
    odk_dur_ms idle_ms = 0;

    unpack_headers(lane, output->headers);
    struct bus_record record = {.shard = shard,
                                .seq = output->seq,
                                .topic = output->topic,
                                .partition = output->partition,
                                .key = output->key,
                                .value = output->value,
                                .headers = lane->unpacked.items,
                                .n_headers = lane->unpacked.n};
    int rc = bus_send(&lane->bus, &record, err);
    while (rc == ODK_EAGAIN && idle_ms < SEND_WAIT_MS) {
        rc = lane_poll_once(lane, &idle_ms, err);
        if (rc == 0) {
            rc = bus_send(&lane->bus, &record, err);
        }
    }
    return rc;
}

int
lane_send(struct lane *lane, int32_t shard, const struct store_output *output,
          struct odk_err *err)
{
    int rc = lane_produce(lane, shard, output, err);

    if (rc != 0 && odk_err_class(rc) == ODK_CLASS_REJECT) {
        struct bus_ack *failed = lane_vec_push(&lane->failed, sizeof(*failed));
        *failed =
            (struct bus_ack){.shard = shard, .seq = output->seq, .code = rc};
        return 0; /* this one only: it is parked, the others go on */
    }
    return rc;
}

/* A row above our last number is another owner's: it is not ours to send (I6).
 */
static int
check_ours(const struct lane_shard *shard, const struct store_output *outputs,
           size_t n, struct odk_err *err)
{
    if (n > 0 && outputs[n - 1].seq > shard->row.outbox_seq) {
        return odk_err_set(err, ODK_EFENCED,
                           "shard %d: another owner has written to the outbox",
                           shard->id);
    }
    return 0;
}

int
lane_republish(struct lane *lane, struct lane_shard *shard, struct odk_err *err)
{
    uint64_t after = shard->acked;
    int rc = 0;

    while (rc == 0 && after < shard->row.outbox_seq) {
        struct odk_arena arena;
        const struct store_output *outputs = NULL;
        size_t n = 0;

        odk_arena_init(&arena, 0);
        rc = lane_of_store(lane, store_unpublished(&lane->store, shard->id,
                                                   after, REPUBLISH_BYTES,
                                                   &arena, &outputs, &n, err));
        rc = rc ? rc : check_ours(shard, outputs, n, err);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            /* A number without a row was void or parked. */
            lane_ack_void(shard, after, outputs[i].seq - 1);
            after = outputs[i].seq;
            rc = lane_send(lane, shard->id, &outputs[i], err);
            lane->stats.republished++;
        }
        odk_arena_release(&arena);
        if (rc == 0 && n == 0) {
            lane_ack_void(shard, after, shard->row.outbox_seq);
            after = shard->row.outbox_seq;
        }
    }
    return rc;
}

/* A shard that turned out to be another's is let go, the others go on. */
static int
drop_fenced(struct lane *lane, struct lane_shard *shard, int rc)
{
    if (rc != ODK_EFENCED) {
        return rc;
    }
    lane->stats.fenced++;
    lane_shard_drop(lane, shard, 100);
    return 0;
}

int
lane_republish_owned(struct lane *lane, struct odk_err *err)
{
    int rc = 0;

    for (struct lane_shard *shard = lane->shards; rc == 0 && shard;
         shard = shard->next) {
        if (shard->state == LANE_SHARD_OWNED) {
            rc = lane_republish(lane, shard, err);
        }
        rc = drop_fenced(lane, shard, rc);
    }
    return rc;
}

/* ---- outputs that no topic takes ---- */

bool
lane_is_never_parked(struct odk_str topic)
{
    return odk_str_is(topic, LANE_TOPIC_HISTORY) ||
           odk_str_is(topic, LANE_TOPIC_COMMANDS);
}

/* A refused output of a shard that is ours, which nobody has parked yet. */
static bool
is_unparked(struct lane *lane, const struct bus_ack *failed)
{
    const struct lane_shard *shard = lane_shard_find(lane, failed->shard);

    return shard && shard->state == LANE_SHARD_OWNED &&
           failed->seq > shard->acked;
}

/* Moves one refused output from the outbox to the parked ones, in the batch:
 * when all before it are acknowledged, so that `published` passes it in the
 * same transaction. Else the next owner would publish it again, and a retry
 * double it. */
static int
park(struct lane *lane, const struct bus_ack *failed, struct odk_err *err)
{
    struct lane_shard *shard = lane_shard_find(lane, failed->shard);
    const struct store_output *outputs = NULL;
    size_t n = 0;

    if (!is_unparked(lane, failed) || failed->seq > shard->acked + 1) {
        return 0;
    }
    int rc = lane_of_store(
        lane, store_unpublished(&lane->store, shard->id, failed->seq - 1, 1,
                                &lane->arena, &outputs, &n, err));
    if (rc != 0 || n == 0 || outputs[0].seq != failed->seq) {
        return rc;
    }
    if (lane_is_never_parked(outputs[0].topic)) {
        lane_shard_quarantine(lane, shard,
                              "the broker refuses a record of odradek.history "
                              "or odradek.commands");
        return 0;
    }
    lane_log(lane, ODK_LOG_ERROR, "output.parked",
             "shard %d, number %llu to %.*s/%d: %s; it is parked", shard->id,
             (unsigned long long)failed->seq, ODK_STR_ARG(outputs[0].topic),
             outputs[0].partition, odk_err_text(failed->code));
    struct store_parked_write *write =
        lane_vec_push(&lane->batch.parked, sizeof(*write));
    *write = (struct store_parked_write){shard->id, outputs[0],
                                         odk_str(odk_err_text(failed->code))};
    lane_ack_mark(shard, failed->seq);
    lane->stats.parked++;
    return 0;
}

static void
flush_move(struct lane *lane, struct lane_shard *shard)
{
    struct store_shard_move *move =
        lane_vec_push(&lane->batch.shards, sizeof(*move));

    *move =
        (struct store_shard_move){.shard = shard->id,
                                  .fence = shard->row.fence,
                                  .batch_expected = shard->row.batch,
                                  .next_command = shard->row.next_command,
                                  .next_result = shard->row.next_result,
                                  .outbox_seq = shard->row.outbox_seq,
                                  .published = shard->acked,
                                  .published_from = shard->published_written,
                                  .history_offset = shard->row.history_offset,
                                  .clock = lane_shard_now(lane, shard)};
}

static void
flushed(struct lane *lane)
{
    const struct store_shard_move *moves = lane->batch.shards.items;

    for (size_t i = 0; i < lane->batch.shards.n; i++) {
        struct lane_shard *shard = lane_shard_find(lane, moves[i].shard);
        shard->row.batch++;
        shard->row.clock = moves[i].clock;
        shard->clock_read_at = lane_monotonic(lane);
        shard->published_written = moves[i].published;
    }
}

/* What still waits for those before it is kept. */
static void
forget_parked(struct lane *lane)
{
    struct bus_ack *failed = lane->failed.items;
    size_t n = 0;

    for (size_t i = 0; i < lane->failed.n; i++) {
        if (is_unparked(lane, &failed[i])) {
            failed[n++] = failed[i];
        }
    }
    lane->failed.n = n;
}

static int
flush_commit(struct lane *lane, struct odk_err *err)
{
    struct store_batch batch = {.shards = lane->batch.shards.items,
                                .n_shards = lane->batch.shards.n,
                                .parked = lane->batch.parked.items,
                                .n_parked = lane->batch.parked.n};
    int rc = 0;

    if (batch.n_shards > 0) {
        rc = lane_commit(lane, &batch, err);
    }
    if (batch.n_shards > 0 && rc == 0) {
        flushed(lane);
    }
    return rc;
}

int
lane_flush_shard(struct lane *lane, struct lane_shard *shard,
                 struct odk_err *err)
{
    flush_move(lane, shard);
    int rc = flush_commit(lane, err);

    lane_batch_clear(&lane->batch);
    return rc;
}

int
lane_flush_published(struct lane *lane, struct odk_err *err)
{
    const struct bus_ack *failed = lane->failed.items;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < lane->failed.n; i++) {
        rc = park(lane, &failed[i], err);
    }
    for (struct lane_shard *shard = lane->shards; rc == 0 && shard;
         shard = shard->next) {
        if (shard->state == LANE_SHARD_OWNED &&
            shard->acked > shard->published_written) {
            flush_move(lane, shard);
        }
    }
    if (rc == 0) {
        rc = flush_commit(lane, err);
    }
    if (rc == 0) {
        forget_parked(lane);
    } else if (lane->batch.parked.n > 0) {
        lane_shards_drop_all(lane); /* what was marked is not parked */
    }
    lane_batch_clear(&lane->batch);
    return rc;
}

/* ---- after a refusal: one by one ---- */

/* Sends one output and waits for its fate: *code is 0 or why it was refused. */
static int
send_alone(struct lane *lane, struct lane_shard *shard,
           const struct store_output *output, int *code, struct odk_err *err)
{
    odk_dur_ms idle_ms = 0;
    size_t n_failed = lane->failed.n;
    int rc = lane_send(lane, shard->id, output, err);

    *code = 0;
    lane->suspects.n = 0;
    if (rc == 0 && lane->failed.n > n_failed) {
        /* Refused before it was sent. */
        const struct bus_ack *failed = lane->failed.items;
        *code = failed[--lane->failed.n].code;
        return 0;
    }
    while (rc == 0 && shard->acked < output->seq) {
        if (idle_ms >= ALONE_WAIT_MS) {
            return odk_err_set(err, ODK_EAGAIN, "no answer of the broker");
        }
        rc = lane_poll_once(lane, &idle_ms, err);
        if (lane->suspects.n > 0) {
            const struct bus_ack *suspect = lane->suspects.items;
            *code = suspect->code;
            lane->suspects.n = 0;
            return 0;
        }
    }
    return rc;
}

/* Parks the one that failed alone; the producer that carried it is gone. */
static int
park_alone(struct lane *lane, struct lane_shard *shard, uint64_t seq, int code,
           struct odk_err *err)
{
    struct bus_ack *failed = lane_vec_push(&lane->failed, sizeof(*failed));

    *failed = (struct bus_ack){.shard = shard->id, .seq = seq, .code = code};
    int rc = lane_flush_published(lane, err);
    return rc ? rc : bus_producer_reset(&lane->bus, err);
}

/* Sends (acked, last] of a shard one by one, in order. */
static int
republish_singly(struct lane *lane, struct lane_shard *shard, uint64_t last,
                 struct odk_err *err)
{
    int rc = 0;

    while (rc == 0 && shard->state == LANE_SHARD_OWNED && shard->acked < last) {
        struct odk_arena arena;
        const struct store_output *outputs = NULL;
        uint64_t acked = shard->acked;
        size_t n = 0;
        int code = 0;

        odk_arena_init(&arena, 0);
        rc = lane_of_store(lane,
                           store_unpublished(&lane->store, shard->id, acked, 1,
                                             &arena, &outputs, &n, err));
        rc = rc ? rc : check_ours(shard, outputs, n, err);
        uint64_t next = n > 0 ? outputs[0].seq : shard->row.outbox_seq + 1;
        for (uint64_t seq = acked + 1; rc == 0 && seq < next; seq++) {
            lane_ack_mark(shard, seq); /* it was void or parked */
        }
        if (rc == 0 && n > 0) {
            rc = send_alone(lane, shard, &outputs[0], &code, err);
        }
        odk_arena_release(&arena);
        if (rc == 0 && code != 0) {
            rc = park_alone(lane, shard, next, code, err);
        }
    }
    return rc;
}

int
lane_republish_suspects(struct lane *lane, struct odk_err *err)
{
    size_t n = lane->suspects.n;
    struct bus_ack *suspects =
        odk_arena_calloc(&lane->arena, n, sizeof(*suspects));
    int rc = 0;

    odk_assert(suspects);
    if (n > 0) {
        memcpy(suspects, lane->suspects.items, n * sizeof(*suspects));
    }
    lane->suspects.n = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct lane_shard *shard = lane_shard_find(lane, suspects[i].shard);
        if (shard && shard->state == LANE_SHARD_OWNED) {
            rc = republish_singly(lane, shard, suspects[i].seq, err);
            rc = drop_fenced(lane, shard, rc);
        }
    }
    return rc;
}
