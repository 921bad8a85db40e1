#include "relay/relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "relay/relay_letter.h"
#include "relay/relay_priv.h"

#define COMMANDS_TOPIC   "odradek.commands"
#define DEADLETTER_TOPIC "odradek.deadletter"
/* Room in odradek.deadletter beside the largest input (topics/README.md), less
 * the frame of a record. */
#define LETTER_ROOM_BYTES ((size_t)120 << 10)
#define INPUT_BYTES_MAX   ((size_t)1 << 20)
/* After a failure: doubles as long as it lasts. */
#define PAUSE_MS_MIN 200
#define PAUSE_MS_MAX 2000
/* After a partition could not be started. */
#define BEGIN_AGAIN_MS 1000
/* An outage is said so often. */
#define SAY_MS 1000

odk_dur_ms
relay_now(const struct relay *relay)
{
    return relay->options.monotonic(relay->options.clock_ctx);
}

void
relay_rest(struct relay *relay, odk_dur_ms pause)
{
    odk_dur_ms until = relay_now(relay) + pause;

    relay->retry_at = until > relay->retry_at ? until : relay->retry_at;
}

odk_dur_ms
relay_pause_next(odk_dur_ms pause, odk_dur_ms max)
{
    odk_dur_ms next = pause > 0 ? pause * 2 : PAUSE_MS_MIN;

    return next > max ? max : next;
}

static char *
copy_text(struct odk_str s)
{
    char *copy = calloc(1, s.len + 1);

    if (!copy) {
        odk_out_of_memory();
    }
    memcpy(copy, s.ptr, s.len);
    return copy;
}

struct relay *
relay_new(const struct relay_options *options)
{
    struct relay *relay = calloc(1, sizeof(*relay));

    if (!relay) {
        odk_out_of_memory();
    }
    odk_assert(options->partitions > 0);
    relay->options = *options;
    relay->bus = options->bus;
    relay->name = copy_text(options->name);
    relay->topic = copy_text(options->topic);
    if (relay->options.input_bytes_max == 0) {
        relay->options.input_bytes_max = INPUT_BYTES_MAX;
    }
    relay->options.name = odk_str(relay->name);
    relay->options.topic = odk_str(relay->topic);
    odk_arena_init(&relay->arena, 0);
    odk_buf_init(&relay->value, 0);
    return relay;
}

const struct relay_stats *
relay_stats(const struct relay *relay)
{
    return &relay->stats;
}

bool
relay_is_superseded(const struct relay *relay)
{
    return relay->is_superseded;
}

/* Reads nothing: another incarnation has taken over, or an operator has to. */
static bool
is_idle(const struct relay *relay)
{
    return relay->is_superseded || relay->is_quarantined;
}

void
relay_wake(struct relay *relay)
{
    bus_wake(&relay->bus);
}

void
relay_quarantine(struct relay *relay, const char *reason)
{
    struct odk_err err = {0};
    const struct relay_registry *registry = &relay->options.registry;

    relay->is_quarantined = true;
    relay_rest(relay, RELAY_QUARANTINE_MS);
    odk_log(&relay->options.logger, ODK_LOG_ERROR, "binding.quarantined",
            "binding %s, topic %s: %s", relay->name, relay->topic, reason);
    if (registry->quarantine(registry->ctx, relay->options.name,
                             odk_str(reason), &err) != 0) {
        odk_log(&relay->options.logger, ODK_LOG_ERROR,
                "binding.quarantine_failed", "%s", err.message);
    }
}

/* ---- partitions ---- */

struct relay_partition *
relay_partition_find(const struct relay *relay, int32_t id)
{
    struct relay_partition *partition = relay->partitions;

    while (partition && partition->id != id) {
        partition = partition->next;
    }
    return partition;
}

static void
partition_add(struct relay *relay, int32_t id)
{
    struct relay_partition *partition = relay_partition_find(relay, id);

    if (!partition) {
        partition = calloc(1, sizeof(*partition));
        if (!partition) {
            odk_out_of_memory();
        }
        partition->flights =
            calloc(RELAY_IN_FLIGHT_MAX, sizeof(*partition->flights));
        if (!partition->flights) {
            odk_out_of_memory();
        }
        partition->id = id;
        partition->next = relay->partitions;
        relay->partitions = partition;
    }
    partition->is_started = false;
    partition->is_restart = false;
    partition->n_flights = 0;
    partition->version = 0;
    partition->suspect_end = 0;
    partition->refused_code = 0;
}

static void
partition_remove(struct relay *relay, int32_t id)
{
    struct relay_partition **at = &relay->partitions;

    while (*at && (*at)->id != id) {
        at = &(*at)->next;
    }
    if (*at) {
        struct relay_partition *gone = *at;
        *at = gone->next;
        free(gone->flights);
        free(gone);
    }
}

/* Where an unstarted partition begins: the group's offset of this incarnation,
 * else the binding's start. */
static int
partition_begin(struct relay *relay, struct relay_partition *partition,
                struct odk_err *err)
{
    struct bus_place place = {0, partition->id};
    struct odk_buf metadata;
    char expected[24];
    int64_t offset = -1;
    int64_t start = 0;
    int64_t end = 0;

    (void)snprintf(expected, sizeof(expected), "odk-incarnation:%d",
                   relay->incarnation);
    odk_buf_init(&metadata, 0);
    int rc = bus_group_offset(&relay->bus, place, &offset, &metadata, err);
    bool is_ours = odk_str_is(odk_buf_str(&metadata), expected);
    odk_buf_release(&metadata);
    if (rc == 0) {
        rc = bus_log_range(&relay->bus, relay->options.topic, partition->id,
                           &start, &end, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (offset < 0 || !is_ours) {
        rc = relay_first_start(relay, partition->id, &offset, err);
        /* A partition that came after the binding begins where its log does. */
        offset = offset < 0 ? start : offset;
    }
    if (rc != 0) {
        return rc;
    }
    if (offset < start || offset > end) {
        char reason[200];
        (void)snprintf(reason, sizeof(reason),
                       "%s/%d holds the offsets %lld to %lld, the binding goes "
                       "on at %lld; see odradek binding reset",
                       relay->topic, partition->id, (long long)start,
                       (long long)end, (long long)offset);
        relay_quarantine(relay, reason);
        return 0;
    }
    rc = bus_start(&relay->bus, place, offset, err);
    if (rc == 0) {
        partition->is_started = true;
        partition->is_paused = false;
        partition->n_flights = 0;
        partition->next_offset = offset;
        partition->committed_offset = offset;
    }
    return rc;
}

static bool
is_one_unstarted(const struct relay *relay)
{
    bool is_one = false;

    for (const struct relay_partition *partition = relay->partitions; partition;
         partition = partition->next) {
        is_one |= !partition->is_started;
    }
    return is_one;
}

/* Looks for the end of a quarantine and starts the partitions that are new. */
static void
begin_partitions(struct relay *relay)
{
    struct odk_err err = {0};

    if (!relay->is_quarantined && !is_one_unstarted(relay)) {
        return;
    }
    int rc = relay_versions_refresh(relay, &err);
    for (struct relay_partition *partition = relay->partitions;
         rc == 0 && partition && !is_idle(relay); partition = partition->next) {
        if (!partition->is_started) {
            rc = partition_begin(relay, partition, &err);
        }
    }
    if (rc != 0) {
        relay_rest(relay, BEGIN_AGAIN_MS);
        odk_log(&relay->options.logger, ODK_LOG_WARN, "binding.start_failed",
                "binding %s: %s", relay->name, err.message);
    }
}

/* ---- polling ---- */

static void
take_assignments(struct relay *relay, const struct bus_batch *polled)
{
    struct odk_err err = {0};

    for (size_t i = 0; i < polled->n_assigned; i++) {
        partition_add(relay, polled->assigned[i].partition);
    }
    if (polled->n_revoked == 0) {
        return;
    }
    int32_t *gone = calloc(polled->n_revoked, sizeof(*gone));
    if (!gone) {
        odk_out_of_memory();
    }
    size_t n = polled->n_revoked;
    for (size_t i = 0; i < n; i++) {
        gone[i] = polled->revoked[i].partition;
    }
    if (!polled->is_lost) {
        relay_drain(relay); /* polls: the batch's arrays are gone */
    }
    for (size_t i = 0; i < n; i++) {
        partition_remove(relay, gone[i]);
    }
    free(gone);
    if (bus_revoke_done(&relay->bus, &err) != 0) {
        odk_log(&relay->options.logger, ODK_LOG_WARN, "binding.revoke_failed",
                "%s", err.message);
    }
}

/* Everything not acknowledged is read and sent again: the shards drop what
 * repeats. */
static void
producer_mend(struct relay *relay)
{
    struct odk_err err = {0};

    if (!relay->is_producer_down) {
        return;
    }
    if (bus_producer_reset(&relay->bus, &err) != 0) {
        odk_log(&relay->options.logger, ODK_LOG_ERROR,
                "binding.producer_failed", "%s", err.message);
        relay_rest(relay, BEGIN_AGAIN_MS);
        return;
    }
    relay->is_producer_down = false;
    relay->is_alone = false;
    relay->n_unacked = 0;
    for (struct relay_partition *partition = relay->partitions; partition;
         partition = partition->next) {
        partition->is_restart = true;
    }
}

static void
do_restarts(struct relay *relay)
{
    if (relay->is_holding && relay->n_unacked > 0) {
        return;
    }
    relay->is_holding = false;
    for (struct relay_partition *partition = relay->partitions; partition;
         partition = partition->next) {
        struct odk_err err = {0};
        if (!partition->is_restart || !partition->is_started) {
            continue;
        }
        int64_t offset = relay_landed_offset(partition);
        if (bus_start(&relay->bus, (struct bus_place){0, partition->id}, offset,
                      &err) != 0) {
            odk_log(&relay->options.logger, ODK_LOG_WARN,
                    "binding.restart_failed", "%s", err.message);
            continue;
        }
        partition->is_restart = false;
        partition->is_paused = false;
        partition->version = 0;
        partition->n_flights = 0;
        partition->next_offset = offset;
    }
}

static void
flow_control(struct relay *relay)
{
    for (struct relay_partition *partition = relay->partitions; partition;
         partition = partition->next) {
        bool is_full = partition->n_flights > RELAY_IN_FLIGHT_MAX / 2 ||
                       partition->is_restart || is_idle(relay);
        if (partition->is_started && is_full != partition->is_paused &&
            bus_pause(&relay->bus, (struct bus_place){0, partition->id},
                      is_full, NULL) == 0) {
            partition->is_paused = is_full;
        }
    }
}

/* ---- records ---- */

/* Encodes the command into relay->value. */
static int
encode_command(struct relay *relay, const struct bus_message *message,
               struct binding_outcome *outcome, struct odk_err *err)
{
    char source[400];
    struct codec_source from = {.seq = message->offset};
    int len =
        snprintf(source, sizeof(source), "binding/%s/%d/%s/%d", relay->name,
                 relay->incarnation, relay->topic, message->partition);

    odk_assert(len > 0 && (size_t)len < sizeof(source));
    from.name = odk_str_n(source, (size_t)len);
    if (outcome->command.kind == CODEC_START_WORKFLOW) {
        outcome->command.start_workflow.has_source = true;
        outcome->command.start_workflow.source = from;
    } else {
        outcome->command.signal_workflow.has_source = true;
        outcome->command.signal_workflow.source = from;
    }
    odk_buf_clear(&relay->value);
    return codec_encode(relay->options.codec, outcome->command.kind,
                        &outcome->command.start_workflow, &relay->value, err);
}

static int
send_command(struct relay *relay, struct relay_partition *partition,
             const struct bus_message *message,
             const struct binding_outcome *outcome, struct odk_err *err)
{
    struct bus_record record = {
        .shard = -1,
        .seq = relay_flight_number(message),
        .topic = ODK_STR(COMMANDS_TOPIC),
        .partition = odk_partition(outcome->key, relay->options.partitions),
        .key = outcome->key,
        .value = odk_buf_str(&relay->value)};
    int rc = relay_send(relay, partition, &record, err);

    relay->stats.commands += rc == 0;
    return rc;
}

static int
send_deadletter(struct relay *relay, struct relay_partition *partition,
                const struct bus_message *message,
                const struct binding_outcome *outcome, struct odk_err *err)
{
    struct relay_letter letter = {
        .message = message,
        .binding = relay->options.name,
        .incarnation = relay->incarnation,
        .topic = relay->options.topic,
        .code = odk_str(outcome->code),
        .text = odk_str(outcome->text),
        .bytes_max = relay->options.input_bytes_max + LETTER_ROOM_BYTES,
    };
    struct bus_record record = {0};
    int32_t partitions = 0;
    int rc = bus_partitions(&relay->bus, ODK_STR(DEADLETTER_TOPIC), &partitions,
                            err);

    if (rc != 0) {
        return rc;
    }
    relay_letter_make(&letter, &relay->arena, &record);
    record.seq = relay_flight_number(message);
    record.topic = ODK_STR(DEADLETTER_TOPIC);
    record.partition = message->partition % partitions;
    relay->stats.dead_letters++;
    odk_log(&relay->options.logger, ODK_LOG_WARN, "binding.dead_letter",
            "%s/%d/%lld: %s: %s", relay->topic, message->partition,
            (long long)message->offset, outcome->code, outcome->text);
    rc = relay_send(relay, partition, &record, err);
    if (relay_is_records_fault(rc)) {
        relay_quarantine(relay, err->message);
    }
    return rc;
}

/* What the broker refused to take as a command. */
static void
refuse(struct binding_outcome *outcome, int code)
{
    outcome->verdict = BINDING_BAD;
    outcome->code = odk_err_name(code);
    (void)snprintf(outcome->text, sizeof(outcome->text),
                   "%s refuses the command of this event: %s", COMMANDS_TOPIC,
                   odk_err_text(code));
}

/* A command that the shards would not take is the event's fault. */
static void
check_size(const struct relay *relay, struct binding_outcome *outcome)
{
    size_t bytes = odk_buf_str(&relay->value).len;

    if (bytes > relay->options.input_bytes_max) {
        outcome->verdict = BINDING_BAD;
        outcome->code = "TooLarge";
        (void)snprintf(outcome->text, sizeof(outcome->text),
                       "the command of this event has %zu bytes, at most %zu "
                       "are taken; send on a part of it, or pass large data "
                       "by reference",
                       bytes, relay->options.input_bytes_max);
    }
}

static int
forward(struct relay *relay, struct relay_partition *partition,
        const struct bus_message *message, struct binding_outcome *outcome,
        struct odk_err *err)
{
    struct relay_flight *flight = relay_flight_add(partition, message->offset);
    int rc = 0;

    if (outcome->verdict == BINDING_SKIP) {
        relay->stats.skipped++;
        flight->is_acked = true;
        return 0;
    }
    if (outcome->verdict == BINDING_COMMAND) {
        rc = send_command(relay, partition, message, outcome, err);
        if (!relay_is_records_fault(rc)) {
            return rc;
        }
        refuse(outcome, rc);
    }
    flight->is_letter = true;
    return send_deadletter(relay, partition, message, outcome, err);
}

static int
take_message(struct relay *relay, struct relay_partition *partition,
             const struct bus_message *message, struct odk_err *err)
{
    struct binding_event event = {relay->options.topic, message->key,
                                  message->value};
    struct binding_outcome outcome = {.verdict = BINDING_SKIP};
    const struct relay_loaded *version = NULL;
    int rc = relay_version_of(relay, partition, message->offset, &version, err);

    if (rc != 0) {
        return rc;
    }
    relay->stats.events++;
    if (version) {
        binding_match(version->binding, &event, &relay->arena, &outcome);
    }
    if (outcome.verdict == BINDING_COMMAND) {
        rc = encode_command(relay, message, &outcome, err);
        if (rc != 0) {
            return rc;
        }
        check_size(relay, &outcome);
        if (partition->refused_code &&
            message->offset == partition->refused_offset) {
            refuse(&outcome, partition->refused_code);
        }
    }
    return forward(relay, partition, message, &outcome, err);
}

/* Something that records need failed: they are read again after a pause. */
static void
rest(struct relay *relay, const struct odk_err *err)
{
    if (err->code == ODK_EFATAL) {
        relay_producer_failed(relay);
    }
    relay->pause_ms = relay_pause_next(relay->pause_ms, PAUSE_MS_MAX);
    relay_rest(relay, relay->pause_ms);
    odk_log(&relay->options.logger, ODK_LOG_WARN, "binding.paused",
            "binding %s: %s", relay->name, err->message);
}

static void
take_messages(struct relay *relay, const struct bus_batch *polled)
{
    struct odk_err err = {0};
    bool is_resting = relay_now(relay) < relay->retry_at;
    bool is_asking = polled->n_messages > 0 && !is_resting && !is_idle(relay);
    int rc = is_asking ? relay_versions_refresh(relay, &err) : 0;

    for (size_t i = 0; i < polled->n_messages; i++) {
        const struct bus_message *message = &polled->messages[i];
        struct relay_partition *partition =
            relay_partition_find(relay, message->partition);
        if (!partition || !partition->is_started || partition->is_restart ||
            message->offset < partition->next_offset) {
            continue;
        }
        if (rc == 0 && !is_resting && !is_idle(relay) &&
            partition->n_flights < RELAY_IN_FLIGHT_MAX &&
            !relay_must_hold(relay, partition, message->offset)) {
            rc = take_message(relay, partition, message, &err);
        } else {
            partition->is_restart = true;
        }
        if (rc != 0) {
            partition->is_restart = true;
        }
    }
    if (rc != 0) {
        rest(relay, &err);
    } else if (is_asking) {
        relay->pause_ms = 0;
    }
    if (polled->n_messages || polled->n_acks) {
        relay->commit_at = relay->commit_at
                               ? relay->commit_at
                               : relay_now(relay) + RELAY_COMMIT_MS;
    }
}

bool
relay_tick(struct relay *relay, odk_dur_ms wait_max)
{
    struct bus_batch polled = {0};
    struct odk_err err = {0};
    odk_dur_ms now = relay_now(relay);

    odk_arena_reset(&relay->arena);
    if (now >= relay->retry_at && !relay->is_superseded) {
        begin_partitions(relay);
    }
    if (now >= relay->retry_at && !is_idle(relay)) {
        producer_mend(relay);
        do_restarts(relay);
    }
    flow_control(relay);
    if (relay->commit_at && now >= relay->commit_at) {
        relay_commit(relay);
    }
    odk_dur_ms wait = relay->commit_at && relay->commit_at - now < wait_max
                          ? relay->commit_at - now
                          : wait_max;
    if (relay->retry_at > now && relay->retry_at - now < wait) {
        wait = relay->retry_at - now;
    }
    if (bus_poll(&relay->bus, wait > 0 ? wait : 0, &polled, &err) != 0) {
        if (now >= relay->say_at) {
            relay->say_at = now + SAY_MS;
            odk_log(&relay->options.logger, ODK_LOG_WARN, "binding.poll_failed",
                    "binding %s: %s", relay->name, err.message);
        }
        if (err.code == ODK_ECORRUPT) {
            relay_quarantine(relay,
                             "an offset is out of the topic's range; see "
                             "odradek binding reset");
        }
        return false;
    }
    bool is_busy =
        polled.n_messages > 0 || polled.n_acks > 0 || polled.n_assigned > 0;
    for (size_t i = 0; i < polled.n_acks; i++) {
        relay_take_ack(relay, &polled.acks[i]);
    }
    if (polled.is_producer_fatal) {
        relay_producer_failed(relay);
    }
    (void)relay_is_drained(relay);
    take_messages(relay, &polled);
    take_assignments(relay, &polled);
    return is_busy;
}

void
relay_close(struct relay *relay)
{
    relay_drain(relay);
    bus_close(&relay->bus, true);
    relay_versions_release(relay);
    while (relay->partitions) {
        partition_remove(relay, relay->partitions->id);
    }
    odk_arena_release(&relay->arena);
    odk_buf_release(&relay->value);
    free(relay->name);
    free(relay->topic);
    free(relay);
}
