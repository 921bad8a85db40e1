#include <stdio.h>

#include "relay/relay_priv.h"

#define DRAIN_POLLS   100
#define DRAIN_POLL_MS 50

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

void
relay_take_ack(struct relay *relay, const struct bus_ack *ack)
{
    struct relay_partition *partition =
        relay_partition_find(relay, (int32_t)(ack->seq >> FLIGHT_OFFSET_BITS));
    int64_t offset =
        (int64_t)(ack->seq & ((UINT64_C(1) << FLIGHT_OFFSET_BITS) - 1));
    size_t low = 0;
    size_t high = partition ? partition->n_flights : 0;

    if (ack->code != 0) {
        odk_log(&relay->options.logger, ODK_LOG_ERROR, "binding.send_refused",
                "binding %s: %s", relay->name, odk_err_text(ack->code));
        relay->is_producer_down = true;
        return;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct relay_flight *flight =
            &partition->flights[(partition->first_flight + middle) %
                                RELAY_IN_FLIGHT_MAX];
        if (flight->offset == offset) {
            flight->is_acked = true;
            return;
        }
        if (flight->offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
}

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
        n_idle += polled.n_acks == 0;
    }
    relay_commit(relay);
}
