#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus_kafka/bus_kafka_priv.h"

#define SEVERITY_WARNING 4
#define SEVERITY_INFO    6
#define NUMBER_MAX       32
#define MESSAGE_MAX      512
#define SCRAM_VERSION    0x02060100 /* 2.6.1: Kafka 4 accepts its nonce */

/** Milliseconds between two looks at a connection that is being made. */
#define CONNECT_STEP_MS 200

struct setting {
    unsigned sides;
    const char *name;
    const char *value;
};

enum {
    READS = KAFKA_CONSUMER | KAFKA_READER,
    ALL = KAFKA_CONSUMER | KAFKA_READER | KAFKA_PRODUCER | KAFKA_ADMIN,
};

/* exactly-once.md §6 and I7. fetch.wait.max.ms bounds how long a place that is
 * started beside others waits for the fetch under way. */
static const struct setting settings[] = {
    {ALL, "socket.nagle.disable", "true"},
    {ALL, "log.connection.close", "false"},
    {ALL, "reconnect.backoff.ms", "50"},
    {ALL, "reconnect.backoff.max.ms", "1000"},
    {READS, "enable.auto.commit", "false"},
    {READS, "enable.auto.offset.store", "false"},
    {READS, "auto.offset.reset", "error"},
    {READS, "isolation.level", "read_committed"},
    {READS, "fetch.wait.max.ms", "100"},
    {READS, "fetch.error.backoff.ms", "100"},
    {READS, "fetch.max.bytes", "16777216"},
    {READS, "check.crcs", "true"},
    {READS, "allow.auto.create.topics", "false"},
    {KAFKA_READER, "enable.partition.eof", "true"},
    {KAFKA_CONSUMER, "partition.assignment.strategy", "range"},
    {KAFKA_CONSUMER, "max.poll.interval.ms", "120000"},
    {KAFKA_CONSUMER, "queued.min.messages", "100000"},
    {KAFKA_PRODUCER, "enable.idempotence", "true"},
    {KAFKA_PRODUCER, "enable.gapless.guarantee", "true"},
    {KAFKA_PRODUCER, "acks", "all"},
    {KAFKA_PRODUCER, "message.timeout.ms", "0"},
};

/* The protocol rests on these; a property of this name is refused. */
static const char *const reserved[] = {
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "request.required.acks",
    "retries",
    "transactional.id",
};

/* Newer libraries only: without it a full fetch queue rests for a second. */
static const char backoff_name[] = "fetch.queue.backoff.ms";

int64_t
kafka_now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void *
kafka_calloc(size_t n, size_t bytes)
{
    void *array = calloc(n ? n : 1, bytes);

    if (!array) {
        odk_out_of_memory();
    }
    return array;
}

char *
kafka_strdup(const char *text)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy) {
        odk_out_of_memory();
    }
    return copy;
}

/* Permanent errors have the codes of struct bus_ack; all that may pass is
 * ODK_EIO, ODK_ECONN or ODK_ETIMEOUT. */
int
kafka_code(rd_kafka_resp_err_t error)
{
    static const struct {
        rd_kafka_resp_err_t error;
        int code;
    } codes[] = {
        {RD_KAFKA_RESP_ERR__AUTHENTICATION, ODK_EAUTH},
        {RD_KAFKA_RESP_ERR__SSL, ODK_EAUTH},
        {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ODK_EAUTH},
        {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, ODK_EAUTH},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ODK_EAUTH},
        {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ODK_EAUTH},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ODK_EAUTH},
        {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ODK_ENOTFOUND},
        {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ODK_ENOTFOUND},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ODK_ENOTFOUND},
        {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ODK_ENOTFOUND},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ODK_ETOOBIG},
        {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, ODK_ETOOBIG},
        {RD_KAFKA_RESP_ERR_INVALID_RECORD, ODK_EREFUSED},
        {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, ODK_EREFUSED},
        {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ODK_EREFUSED},
        {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, ODK_EREFUSED},
        {RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, ODK_EEXISTS},
        {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ODK_EINVAL},
        {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ODK_EINVAL},
        {RD_KAFKA_RESP_ERR_INVALID_CONFIG, ODK_EINVAL},
        {RD_KAFKA_RESP_ERR__INVALID_ARG, ODK_EINVAL},
        {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ODK_ECORRUPT},
        {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, ODK_ECORRUPT},
        {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, ODK_EFENCED},
        {RD_KAFKA_RESP_ERR__TIMED_OUT, ODK_ETIMEOUT},
        {RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, ODK_ETIMEOUT},
        {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, ODK_ETIMEOUT},
        {RD_KAFKA_RESP_ERR__TRANSPORT, ODK_ECONN},
        {RD_KAFKA_RESP_ERR__RESOLVE, ODK_ECONN},
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ODK_ECONN},
        {RD_KAFKA_RESP_ERR__QUEUE_FULL, ODK_EAGAIN},
        {RD_KAFKA_RESP_ERR__FATAL, ODK_EFATAL},
        {RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, ODK_EFATAL},
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(codes); i++) {
        if (codes[i].error == error) {
            return codes[i].code;
        }
    }
    return ODK_EIO;
}

void
kafka_note(const struct kafka_sink *sink, int severity, const char *text)
{
    if (sink->log) {
        sink->log(sink->ctx, severity, "BUS", text);
    } else if (severity <= SEVERITY_WARNING) {
        (void)fprintf(stderr, "librdkafka: %s\n", text);
    }
}

/* It warns of our own settings, and of records that we drop on purpose. */
static bool
is_known_noise(const char *facility, const char *text)
{
    return strcmp(facility, "TERMINATE") == 0 ||
           (strcmp(facility, "CONFWARN") == 0 &&
            strstr(text, "enable.gapless.guarantee"));
}

static void
log_line(const rd_kafka_t *client, int severity, const char *facility,
         const char *text)
{
    const struct kafka_sink *sink = rd_kafka_opaque(client);

    if (is_known_noise(facility, text)) {
        return;
    }
    if (sink && sink->log) {
        sink->log(sink->ctx, severity, facility, text);
    } else if (severity <= SEVERITY_WARNING) {
        (void)fprintf(stderr, "librdkafka: %s: %s\n", facility, text);
    }
}

static int
set(rd_kafka_conf_t *conf, const char *name, const char *value,
    struct odk_err *err)
{
    char text[MESSAGE_MAX];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) !=
        RD_KAFKA_CONF_OK) {
        return odk_err_set(err, ODK_EINVAL, "Kafka property %s: %s", name,
                           text);
    }
    return 0;
}

static int
set_number(rd_kafka_conf_t *conf, const char *name, int64_t value,
           struct odk_err *err)
{
    char text[NUMBER_MAX];

    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    return set(conf, name, text, err);
}

static int64_t
or_default(int64_t value, int64_t normal)
{
    return value > 0 ? value : normal;
}

static int
conf_common(rd_kafka_conf_t *conf, const struct bus_kafka_options *options,
            enum kafka_side side, struct odk_err *err)
{
    int rc = set(conf, "bootstrap.servers", options->bootstrap, err);

    if (rc == 0) {
        rc = set(conf, "client.id",
                 options->client_id ? options->client_id : "odradek", err);
    }
    for (size_t i = 0; rc == 0 && i < ODK_ARRAY_LEN(settings); i++) {
        if (settings[i].sides & (unsigned)side) {
            rc = set(conf, settings[i].name, settings[i].value, err);
        }
    }
    if (rc == 0 && !options->log) {
        rc = set_number(conf, "log_level", SEVERITY_WARNING, err);
    }
    return rc;
}

static int
conf_consumer(rd_kafka_conf_t *conf, const struct bus_kafka_options *options,
              struct odk_err *err)
{
    /* Without a group no request ever names this id. */
    int rc = set(conf, "group.id",
                 options->group_id ? options->group_id : "odradek.none", err);

    if (rc == 0 && options->group_id && options->instance_id) {
        rc = set(conf, "group.instance.id", options->instance_id, err);
    }
    if (rc == 0) {
        rc = set_number(conf, "session.timeout.ms",
                        or_default(options->session_ms, BUS_KAFKA_SESSION_MS),
                        err);
    }
    if (rc == 0) {
        rc = set_number(
            conf, "heartbeat.interval.ms",
            or_default(options->heartbeat_ms, BUS_KAFKA_HEARTBEAT_MS), err);
    }
    if (rc == 0) {
        rc = set_number(conf, "queued.max.messages.kbytes",
                        or_default((int64_t)options->fetch_kib_max,
                                   BUS_KAFKA_QUEUE_KIB_MAX),
                        err);
    }
    (void)rd_kafka_conf_set(conf, backoff_name, "10", NULL, 0);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_FETCH |
                                       RD_KAFKA_EVENT_REBALANCE |
                                       RD_KAFKA_EVENT_ERROR);
    return rc;
}

static int
conf_producer(rd_kafka_conf_t *conf, const struct bus_kafka_options *options,
              struct odk_err *err)
{
    char linger[NUMBER_MAX];

    (void)snprintf(linger, sizeof(linger), "%" PRId64 ".%03d",
                   options->linger_us / 1000, (int)(options->linger_us % 1000));
    int rc = set(conf, "linger.ms", linger, err);

    if (rc == 0) {
        rc = set_number(conf, "message.max.bytes",
                        or_default((int64_t)options->message_bytes_max,
                                   BUS_KAFKA_MESSAGE_BYTES_MAX),
                        err);
    }
    if (rc == 0) {
        rc = set_number(conf, "queue.buffering.max.messages",
                        or_default((int64_t)options->queue_records_max,
                                   BUS_KAFKA_QUEUE_RECORDS_MAX),
                        err);
    }
    if (rc == 0) {
        rc = set_number(conf, "queue.buffering.max.kbytes",
                        or_default((int64_t)options->queue_kib_max,
                                   BUS_KAFKA_QUEUE_KIB_MAX),
                        err);
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    return rc;
}

/* Name without its prefix; NULL when the property is for another side. */
static const char *
property_name(const char *name, enum kafka_side side)
{
    static const char for_consumer[] = "consumer.";
    static const char for_producer[] = "producer.";

    if (strncmp(name, for_consumer, sizeof(for_consumer) - 1) == 0) {
        return side & READS ? name + sizeof(for_consumer) - 1 : NULL;
    }
    if (strncmp(name, for_producer, sizeof(for_producer) - 1) == 0) {
        return side == KAFKA_PRODUCER ? name + sizeof(for_producer) - 1 : NULL;
    }
    return name;
}

static int
conf_properties(rd_kafka_conf_t *conf, const struct bus_kafka_options *options,
                enum kafka_side side, struct odk_err *err)
{
    for (size_t i = 0; i < options->n_properties; i++) {
        const char *name = property_name(options->properties[i].name, side);

        for (size_t k = 0; name && k < ODK_ARRAY_LEN(reserved); k++) {
            if (strcmp(name, reserved[k]) == 0) {
                return odk_err_set(err, ODK_EINVAL,
                                   "Kafka property %s cannot be set: what "
                                   "Odradek promises rests on its value",
                                   name);
            }
        }
        int rc = name ? set(conf, name, options->properties[i].value, err) : 0;

        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int
kafka_conf_new(const struct bus_kafka_options *options, enum kafka_side side,
               struct kafka_sink *sink, rd_kafka_conf_t **out,
               struct odk_err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    *out = NULL;
    if (!options->bootstrap || !options->bootstrap[0]) {
        rd_kafka_conf_destroy(conf);
        return odk_err_set(err, ODK_EINVAL, "no Kafka address was given");
    }
    rd_kafka_conf_set_log_cb(conf, log_line);
    rd_kafka_conf_set_opaque(conf, sink);
    int rc = conf_common(conf, options, side, err);

    if (rc == 0 && side == KAFKA_CONSUMER) {
        rc = conf_consumer(conf, options, err);
    } else if (rc == 0 && side == KAFKA_PRODUCER) {
        rc = conf_producer(conf, options, err);
    } else if (rc == 0 && side == KAFKA_READER) {
        rc = set(conf, "group.id", "odradek.none", err);
    } else if (rc == 0) {
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR);
    }
    if (rc == 0) {
        rc = conf_properties(conf, options, side, err);
    }
    if (rc < 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    *out = conf;
    return 0;
}

int
kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t **conf, rd_kafka_t **out,
                 struct odk_err *err)
{
    char text[MESSAGE_MAX];

    *out = rd_kafka_new(type, *conf, text, sizeof(text));
    if (!*out) {
        return odk_err_set(err, ODK_EINVAL, "Kafka client: %s", text);
    }
    *conf = NULL;
    return 0;
}

/* exactly-once.md §6: older libraries compute a nonce that Kafka 4 refuses. */
static const char *
scram_hint(const char *reason)
{
    return strstr(reason, "SCRAM") && rd_kafka_version() < SCRAM_VERSION
               ? "; this librdkafka is older than 2.6.1 and cannot log in by "
                 "SCRAM to Kafka 4"
               : "";
}

/* Drains error events while connecting; a refused log-in ends it. The last
 * other reason is kept in text. */
static int
connect_errors(rd_kafka_queue_t *queue, const char *bootstrap, char *text,
               struct odk_err *err)
{
    rd_kafka_event_t *event = NULL;
    int rc = 0;

    while (rc == 0 && (event = rd_kafka_queue_poll(queue, 0))) {
        const char *reason = rd_kafka_event_error_string(event);

        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
            kafka_code(rd_kafka_event_error(event)) == ODK_EAUTH) {
            rc = odk_err_set(
                err, ODK_EAUTH,
                "Kafka at %s refuses us: %.250s. Check security.protocol, "
                "user, password and certificates%s",
                bootstrap, reason, scram_hint(reason));
        } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
                   rd_kafka_event_error(event) !=
                       RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
            (void)snprintf(text, MESSAGE_MAX, "%s", reason);
        }
        rd_kafka_event_destroy(event);
    }
    return rc;
}

int
kafka_connect(rd_kafka_t *client, const char *bootstrap, odk_dur_ms ms_max,
              struct odk_err *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(client);
    int64_t deadline = kafka_now_ms() + ms_max;
    char text[MESSAGE_MAX] = "no answer";
    int rc = ODK_EAGAIN;

    while (rc == ODK_EAGAIN) {
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t error =
            rd_kafka_metadata(client, 0, NULL, &metadata, CONNECT_STEP_MS);

        if (!error) {
            rd_kafka_metadata_destroy(metadata);
            rc = 0;
            break;
        }
        int failed = connect_errors(queue, bootstrap, text, err);

        if (failed < 0) {
            rc = failed;
        } else if (kafka_now_ms() >= deadline) {
            rc = odk_err_set(err, ODK_ECONN,
                             "no Kafka broker answers at %s within %d ms "
                             "(%.250s). Check the address, that the broker "
                             "runs, and security.protocol",
                             bootstrap, (int)ms_max, text);
        }
    }
    rd_kafka_queue_destroy(queue);
    return rc;
}

/* The answer about one topic. */
static int
topic_answer(const struct rd_kafka_metadata *metadata, const char *name,
             int32_t *n_partitions, struct odk_err *err)
{
    if (metadata->topic_cnt < 1) {
        return odk_err_set(err, ODK_EAGAIN, "topic %s: no answer yet", name);
    }
    rd_kafka_resp_err_t error = metadata->topics[0].err;
    int code = kafka_code(error);

    if (!error && metadata->topics[0].partition_cnt > 0) {
        *n_partitions = metadata->topics[0].partition_cnt;
        return 0;
    }
    if (code == ODK_ENOTFOUND) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "Kafka has no topic %s. Run `odradek topics apply`, "
                           "or create it",
                           name);
    }
    if (code == ODK_EAUTH) {
        return odk_err_set(err, ODK_EAUTH,
                           "Kafka does not let us use topic %s: give this user "
                           "the rights",
                           name);
    }
    return odk_err_set(err, ODK_EAGAIN, "topic %s: %s", name,
                       rd_kafka_err2str(error));
}

int
kafka_topic_ask(rd_kafka_t *client, const char *name, int ms_max,
                int32_t *n_partitions, struct odk_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);

    if (!topic) {
        return odk_err_set(err, ODK_ENOTFOUND, "%s cannot be a topic: %s", name,
                           rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(client, 0, topic, &metadata, ms_max);
    int rc = 0;

    if (error) {
        rc = odk_err_set(err, ODK_EAGAIN, "topic %s: %s", name,
                         rd_kafka_err2str(error));
    } else {
        rc = topic_answer(metadata, name, n_partitions, err);
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return rc;
}

const char *
bus_kafka_library(bool *is_scram_able)
{
    *is_scram_able = rd_kafka_version() >= SCRAM_VERSION;
    return rd_kafka_version_str();
}
