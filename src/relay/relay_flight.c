#include <stdio.h>

#include "relay/relay_priv.h"

#define DRAIN_POLLS   100
#define DRAIN_POLL_MS 50
/* Before a new producer: doubles as long as producers fail. */
#define MEND_MS_MAX 10000

struct relay_flight *
relay_flight_add(struct relay_partition *partition, int64_t offset)
{
    odk_assert(partition->n_flights < RELAY_IN_FLIGHT_MAX);
    struct relay_flight *flight =
        &partition->flights[(partition->first_flight + partition->n_flights++) %
                            RELAY_IN_FLIGHT_MAX];

    *flight = (struct relay_flight){.offset = offset};
    partition->next_offset = offset + 1;
    return flight;
}

static void
flights_land(struct relay_partition *partition)
{
    while (partition->n_flights > 0 &&
           partition->flights[partition->first_flight].is_acked) {
        partition->first_flight =
            (partition->first_flight + 1) % RELAY_IN_FLIGHT_MAX;
        partition->n_flights--;
    }
}

int64_t
relay_landed_offset(const struct relay_partition *partition)
{
    return partition->n_flights
               ? partition->flights[partition->first_flight].offset
               : partition->next_offset;
}

/* Acks name a record by a number: partition and offset in the foreign topic. */
#define FLIGHT_OFFSET_BITS 44

uint64_t
relay_flight_number(const struct bus_message *message)
{
    odk_assert(message->offset >> FLIGHT_OFFSET_BITS == 0);
    return (uint64_t)message->partition << FLIGHT_OFFSET_BITS |
           (uint64_t)message->offset;
}

static struct relay_flight *
flight_find(const struct relay_partition *partition, int64_t offset)
{
    size_t low = 0;
    size_t high = partition ? partition->n_flights : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct relay_flight *flight =
            &partition->flights[(partition->first_flight + middle) %
                                RELAY_IN_FLIGHT_MAX];
        if (flight->offset == offset) {
            return flight;
        }
        if (flight->offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* ---- refused records ---- */

/*
 * Kafka refuses whole batches: what it names is suspect, and is read again and
 * sent one by one. What is refused alone becomes a dead letter, unless the
 * reason is the topic's: that waits until the topic takes it.
 */

bool
relay_is_records_fault(int code)
{
    return code == ODK_ETOOBIG || code == ODK_EREFUSED;
}

static bool
is_suspect(const struct relay_partition *partition, int64_t offset)
{
    return offset >= partition->suspect_first &&
           offset < partition->suspect_end;
}

static void
suspect_add(struct relay_partition *partition, int64_t offset)
{
    if (partition->suspect_end <= relay_landed_offset(partition)) {
        partition->suspect_first = offset; /* those of before are settled */
        partition->suspect_end = offset + 1;
    }
    if (offset < partition->suspect_first) {
        partition->suspect_first = offset;
    }
    if (offset >= partition->suspect_end) {
        partition->suspect_end = offset + 1;
    }
}

bool
relay_must_hold(struct relay *relay, const struct relay_partition *partition,
                int64_t offset)
{
    relay->is_holding |= relay->is_alone || (relay->n_unacked > 0 &&
                                             is_suspect(partition, offset));
    return relay->is_holding;
}

int
relay_send(struct relay *relay, struct relay_partition *partition,
           const struct bus_record *record, struct odk_err *err)
{
    int rc = bus_send(&relay->bus, record, err);

    if (rc == 0) {
        relay->n_unacked++;
        relay->is_alone = is_suspect(partition, partition->next_offset - 1);
    }
    odk_assert(!relay->is_alone || relay->n_unacked == 1);
    return rc;
}

void
relay_producer_failed(struct relay *relay)
{
    if (!relay->is_producer_down) {
        relay->is_producer_down = true;
        relay->mend_ms = relay_pause_next(relay->mend_ms, MEND_MS_MAX);
        relay_rest(relay, relay->mend_ms);
    }
}

static void
take_refusal(struct relay *relay, struct relay_partition *partition,
             const struct relay_flight *flight, int code)
{
    if (!relay->is_producer_down) {
        odk_log(&relay->options.logger, ODK_LOG_ERROR, "binding.send_refused",
                "binding %s, topic %s/%d, offset %lld: %s", relay->name,
                relay->topic, partition->id, (long long)flight->offset,
                odk_err_text(code));
    }
    relay_producer_failed(relay);
    if (!relay->is_alone) {
        suspect_add(partition, flight->offset);
    } else if (flight->is_letter) {
        char reason[200];
        (void)snprintf(reason, sizeof(reason),
                       "the dead letter of %s/%d, offset %lld, is refused: %s",
                       relay->topic, partition->id, (long long)flight->offset,
                       odk_err_text(code));
        relay_quarantine(relay, reason);
    } else if (relay_is_records_fault(code)) {
        partition->refused_offset = flight->offset;
        partition->refused_code = code;
    }
}

void
relay_take_ack(struct relay *relay, const struct bus_ack *ack)
{
    struct relay_partition *partition =
        relay_partition_find(relay, (int32_t)(ack->seq >> FLIGHT_OFFSET_BITS));
    int64_t offset =
        (int64_t)(ack->seq & ((UINT64_C(1) << FLIGHT_OFFSET_BITS) - 1));
    struct relay_flight *flight = flight_find(partition, offset);

    relay->n_unacked -= relay->n_unacked > 0;
    if (ack->code != 0 && flight) {
        take_refusal(relay, partition, flight, ack->code);
    } else if (ack->code != 0) {
        relay_producer_failed(relay);
    } else if (flight) {
        flight->is_acked = true;
    }
    if (relay->n_unacked == 0) {
        relay->is_alone = false;
        relay->mend_ms = relay->is_producer_down ? relay->mend_ms : 0;
    }
}

/* ---- offsets ---- */

void
relay_commit(struct relay *relay)
{
    char metadata[24];
    int len = snprintf(metadata, sizeof(metadata), "odk-incarnation:%d",
                       relay->incarnation);

    relay->commit_at = 0;
    if (relay->is_superseded) {
        return; /* the group's offsets are the next incarnation's */
    }
    for (struct relay_partition *partition = relay->partitions; partition;
         partition = partition->next) {
        struct odk_err err = {0};
        int64_t offset = relay_landed_offset(partition);
        if (!partition->is_started || offset == partition->committed_offset) {
            continue;
        }
        int rc =
            bus_commit_offset(&relay->bus, (struct bus_place){0, partition->id},
                              offset, odk_str_n(metadata, (size_t)len), &err);
        if (rc != 0) {
            odk_log(&relay->options.logger, ODK_LOG_WARN,
                    "binding.commit_failed", "%s", err.message);
            relay->commit_at = relay_now(relay) + RELAY_COMMIT_MS;
        } else {
            partition->committed_offset = offset;
        }
    }
}

bool
relay_is_drained(struct relay *relay)
{
    bool is_empty = true;

    for (struct relay_partition *partition = relay->partitions; partition;
         partition = partition->next) {
        flights_land(partition);
        is_empty &= partition->n_flights == 0;
    }
    return is_empty;
}

/* Waits for acknowledgements, at most DRAIN_POLLS polls that bring nothing. */
void
relay_drain(struct relay *relay)
{
    int n_idle = 0;

    while (!relay->is_superseded && !relay->is_producer_down &&
           !relay_is_drained(relay) && n_idle < DRAIN_POLLS) {
        struct bus_batch polled = {0};
        if (bus_poll(&relay->bus, DRAIN_POLL_MS, &polled, NULL) != 0) {
            break;
        }
        for (size_t i = 0; i < polled.n_acks; i++) {
            relay_take_ack(relay, &polled.acks[i]);
        }
        if (polled.is_producer_fatal) {
            relay_producer_failed(relay);
        }
        n_idle += polled.n_acks == 0;
    }
    relay_commit(relay);
}
