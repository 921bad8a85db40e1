#include <poll.h>
#include <stdlib.h>

#include "bus_kafka/bus_kafka_priv.h"

/*
 * Partitions of ours. librdkafka's assignment is always exactly the started
 * places, each from its next offset: a rebalance is answered with an empty
 * assignment, and places started since the last poll are put in together by one
 * rd_kafka_assign. (Assigned paused and then moved by seek, a partition would
 * have to be waited for: seek fails until its fetcher has begun, and for good
 * after an offset out of range.)
 *
 *   not assigned ──event──▶ assigned ──bus_start──▶ started ◀──▶ paused
 *        ▲                                             │
 *        └───────────── event: revoked ◀───────────────┘
 */

struct kafka_place *
kafka_place(const struct kafka_bus *kafka, struct bus_place place)
{
    if (place.partition < 0 || place.partition >= kafka->n_partitions) {
        return NULL;
    }
    odk_assert(place.topic >= 0 && (size_t)place.topic < kafka->n_topics);
    return &kafka->places[(size_t)place.topic * (size_t)kafka->n_partitions +
                          (size_t)place.partition];
}

int
kafka_topic_index(const struct kafka_bus *kafka, const char *name)
{
    for (size_t i = 0; i < kafka->n_topics; i++) {
        if (strcmp(kafka->topics[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void
kafka_places_fit(struct kafka_bus *kafka, int32_t n_partitions)
{
    if (n_partitions <= kafka->n_partitions) {
        return;
    }
    size_t n_new = (size_t)n_partitions;
    size_t n_old = (size_t)kafka->n_partitions;
    struct kafka_place *places =
        kafka_calloc(kafka->n_topics * n_new, sizeof(*places));

    for (size_t t = 0; n_old > 0 && t < kafka->n_topics; t++) {
        memcpy(places + t * n_new, kafka->places + t * n_old,
               n_old * sizeof(*places));
    }
    free(kafka->places);
    free(kafka->listed);
    kafka->places = places;
    kafka->listed = kafka_calloc(n_new, sizeof(*kafka->listed));
    kafka->n_partitions = n_partitions;
}

static int
not_ours(struct bus_place place, struct odk_err *err)
{
    return odk_err_set(err, ODK_EFENCED, "place %d/%d is not assigned",
                       place.topic, (int)place.partition);
}

int
kafka_start(struct bus *bus, struct bus_place place, int64_t offset,
            struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    struct kafka_place *mine = kafka_place(kafka, place);

    if (!mine || !mine->is_assigned) {
        return not_ours(place, err);
    }
    mine->is_started = true;
    mine->is_paused = false;
    mine->is_stale = false;
    mine->next = offset;
    kafka->is_dirty = true;
    return 0;
}

/* Pauses or resumes one place in librdkafka. Both answer only after queued
 * records have been made void, so nothing old arrives later. */
static int
pause_now(struct kafka_bus *kafka, struct bus_place place, bool is_paused,
          struct odk_err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);

    (void)rd_kafka_topic_partition_list_add(list, kafka->topics[place.topic],
                                            place.partition);
    rd_kafka_resp_err_t error =
        is_paused ? rd_kafka_pause_partitions(kafka->consumer, list)
                  : rd_kafka_resume_partitions(kafka->consumer, list);

    if (!error) {
        error = list->elems[0].err;
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        return odk_err_set(err, kafka_code(error), "pause of %s/%d: %s",
                           kafka->topics[place.topic], (int)place.partition,
                           rd_kafka_err2str(error));
    }
    return 0;
}

int
kafka_pause(struct bus *bus, struct bus_place place, bool is_paused,
            struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);
    struct kafka_place *mine = kafka_place(kafka, place);

    if (!mine || !mine->is_assigned) {
        return not_ours(place, err);
    }
    if (mine->is_paused == is_paused) {
        return 0;
    }
    mine->is_paused = is_paused;
    if (!is_paused && mine->is_stale) {
        mine->is_stale = false;
        kafka->is_dirty = true;
    }
    if (!mine->is_started || kafka->is_dirty) {
        /* The next sync tells librdkafka. */
        kafka->is_dirty = kafka->is_dirty || mine->is_started;
        return 0;
    }
    return pause_now(kafka, place, is_paused, err);
}

/* librdkafka stops what it had assigned in a thread of its own, and asserts
 * when it is told to stop the same a second time before that is done. It tells
 * nobody when it is. */
static rd_kafka_resp_err_t
assign(struct kafka_bus *kafka, const rd_kafka_topic_partition_list_t *list)
{
    int64_t rest = kafka->assigned_ms + KAFKA_ASSIGN_GAP_MS - kafka_now_ms();

    if (rest > 0) {
        (void)poll(NULL, 0, (int)rest);
    }
    rd_kafka_resp_err_t error = rd_kafka_assign(kafka->consumer, list);

    kafka->assigned_ms = kafka_now_ms();
    return error;
}

static void
assign_empty(struct kafka_bus *kafka)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);

    (void)assign(kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* All started places, each from its next offset. */
static rd_kafka_topic_partition_list_t *
started_list(const struct kafka_bus *kafka, bool is_paused_only)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(8);

    for (size_t t = 0; t < kafka->n_topics; t++) {
        for (int32_t p = 0; p < kafka->n_partitions; p++) {
            const struct kafka_place *place =
                kafka_place(kafka, (struct bus_place){(int)t, p});

            if (place->is_started && (!is_paused_only || place->is_paused)) {
                rd_kafka_topic_partition_list_add(list, kafka->topics[t], p)
                    ->offset = place->next;
            }
        }
    }
    return list;
}

int
kafka_places_sync(struct kafka_bus *kafka, struct odk_err *err)
{
    if (!kafka->is_dirty || kafka->is_revoking) {
        return 0;
    }
    rd_kafka_topic_partition_list_t *list = started_list(kafka, false);
    rd_kafka_topic_partition_list_t *paused = started_list(kafka, true);

    /* A pause outlives an assignment in some versions. */
    (void)rd_kafka_resume_partitions(kafka->consumer, list);
    rd_kafka_resp_err_t error = assign(kafka, list);

    if (!error && paused->cnt > 0) {
        error = rd_kafka_pause_partitions(kafka->consumer, paused);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(paused);
    if (error) {
        return odk_err_set(err, kafka_code(error), "assignment: %s",
                           rd_kafka_err2str(error));
    }
    kafka->is_dirty = false;
    return 0;
}

/* Twins of a listed partition follow it. */
static void
listed_mark(struct kafka_bus *kafka, bool is_assigned)
{
    for (size_t i = 0; i < kafka->n_listed; i++) {
        for (size_t t = 0; t < kafka->n_topics; t++) {
            struct bus_place twin = {(int)t, kafka->listed[i].partition};

            *kafka_place(kafka, twin) =
                (struct kafka_place){.is_assigned = is_assigned};
        }
    }
}

static void
list_assigned(struct kafka_bus *kafka,
              const rd_kafka_topic_partition_list_t *list)
{
    kafka->n_listed = 0;
    for (int i = 0; list && i < list->cnt; i++) {
        kafka_places_fit(kafka, list->elems[i].partition + 1);
    }
    for (int i = 0; list && i < list->cnt; i++) {
        if (kafka_topic_index(kafka, list->elems[i].topic) == 0) {
            kafka->listed[kafka->n_listed++] =
                (struct bus_place){0, list->elems[i].partition};
        }
    }
    listed_mark(kafka, true);
    kafka->is_assigned_new = kafka->n_listed > 0;
}

/* Everything that we hold: the range assignor revokes all. */
static void
list_revoked(struct kafka_bus *kafka)
{
    kafka->n_listed = 0;
    for (int32_t p = 0; p < kafka->n_partitions; p++) {
        struct bus_place place = {0, p};

        if (kafka_place(kafka, place)->is_assigned) {
            kafka->listed[kafka->n_listed++] = place;
        }
    }
    listed_mark(kafka, false);
    kafka->is_dirty = false;
    kafka->is_revoked_new = kafka->n_listed > 0;
    kafka->is_revoking = kafka->is_revoked_new;
}

void
kafka_rebalance(struct kafka_bus *kafka, rd_kafka_event_t *event)
{
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        /* Answered at once: an acquire may take long, the group must not wait
         * for it. */
        assign_empty(kafka);
        list_assigned(kafka, rd_kafka_event_topic_partition_list(event));
        return;
    }
    kafka->is_lost = rd_kafka_assignment_lost(kafka->consumer) != 0;
    list_revoked(kafka);
    if (!kafka->is_revoking) {
        (void)assign(kafka, NULL);
        kafka->is_lost = false;
    }
}

void
kafka_assign_all(struct kafka_bus *kafka)
{
    for (int32_t p = 0; p < kafka->n_partitions; p++) {
        kafka->listed[p] = (struct bus_place){0, p};
    }
    kafka->n_listed = (size_t)kafka->n_partitions;
    listed_mark(kafka, true);
    kafka->is_assigned_new = kafka->n_listed > 0;
}

int
kafka_revoke_done(struct bus *bus, struct odk_err *err)
{
    struct kafka_bus *kafka = kafka_bus(bus);

    if (!kafka->is_revoking) {
        return odk_err_set(err, ODK_EINVAL, "nothing was revoked");
    }
    kafka->is_revoking = false;
    rd_kafka_resp_err_t error = assign(kafka, NULL);

    if (error && !kafka->is_fenced) {
        return odk_err_set(err, kafka_code(error), "letting go: %s",
                           rd_kafka_err2str(error));
    }
    return 0;
}
