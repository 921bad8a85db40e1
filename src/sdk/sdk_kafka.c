#include "sdk/sdk_kafka.h"

#include <stdio.h>
#include <stdlib.h>

#include "sdk/sdk_kafka_priv.h"

/** What the user may not set, as the protocol or these files rest on it. */
static const char *const ours[] = {
    "bootstrap.servers",
    "enable.idempotence",
    "acks",
    "partitioner",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "group.id",
    "isolation.level",
    "message.timeout.ms",
};

static int
set(rd_kafka_conf_t *conf, const char *name, const char *value,
    struct odk_err *err)
{
    char text[512];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) !=
        RD_KAFKA_CONF_OK) {
        return odk_err_set(err, ODK_EINVAL, "kafka.%s: %s", name, text);
    }
    return 0;
}

static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct odradek_config *config = rd_kafka_opaque(rk);

    sdk_log(config, level, "kafka: %s: %s", facility, text);
}

static int
set_user(rd_kafka_conf_t *conf, const struct sdk_property *property,
         struct odk_err *err)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(ours); i++) {
        if (strcmp(property->name, ours[i]) == 0) {
            return odk_err_set(err, ODK_EINVAL,
                               "kafka.%s: is not to be changed",
                               property->name);
        }
    }
    return set(conf, property->name, property->value, err);
}

int
sdk_kafka_conf(const struct odradek_config *config,
               const struct sdk_kafka_setting *settings, size_t n_settings,
               rd_kafka_conf_t **out, struct odk_err *err)
{
    static const struct sdk_kafka_setting shared[] = {
        {"socket.nagle.disable", "true"},
        {"log.connection.close", "false"},
        {"allow.auto.create.topics", "false"},
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "1000"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int ret = 0;

    *out = NULL;
    if (!config->bootstrap) {
        ret = odk_err_set(err, ODK_EINVAL, "bootstrap: is not set");
    } else {
        ret = set(conf, "bootstrap.servers", config->bootstrap, err);
    }
    for (size_t i = 0; ret == 0 && i < ODK_ARRAY_LEN(shared); i++) {
        ret = set(conf, shared[i].name, shared[i].value, err);
    }
    for (size_t i = 0; ret == 0 && i < n_settings; i++) {
        ret = set(conf, settings[i].name, settings[i].value, err);
    }
    for (size_t i = 0; ret == 0 && i < config->n_properties; i++) {
        ret = set_user(conf, &config->properties[i], err);
    }
    if (ret != 0) {
        rd_kafka_conf_destroy(conf);
        return ret;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    /* rd_kafka_opaque hands it back; it is only read. */
    rd_kafka_conf_set_opaque(conf, (void *)(uintptr_t)config);
    *out = conf;
    return 0;
}

int
sdk_kafka_code(rd_kafka_resp_err_t code)
{
    /* Of a few hundred codes, those that change what is done. */
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
        code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE) {
        return ODK_ETOOBIG;
    }
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
        code == RD_KAFKA_RESP_ERR__SSL ||
        code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED) {
        return ODK_EAUTH;
    }
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return ODK_ENOTFOUND;
    }
    if (code == RD_KAFKA_RESP_ERR__FATAL ||
        code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
        return ODK_EFENCED;
    }
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
        code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT) {
        return ODK_ETIMEOUT;
    }
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT ||
        code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
        code == RD_KAFKA_RESP_ERR__RESOLVE) {
        return ODK_ECONN;
    }
    if (code == RD_KAFKA_RESP_ERR__INVALID_ARG ||
        code == RD_KAFKA_RESP_ERR_INVALID_RECORD) {
        return ODK_EINVAL;
    }
    return code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? ODK_EAGAIN : ODK_EIO;
}

int
sdk_kafka_fail(struct odk_err *err, rd_kafka_resp_err_t code, const char *what)
{
    return odk_err_set(err, sdk_kafka_code(code), "%s: %s", what,
                       rd_kafka_err2str(code));
}

void
sdk_kafka_wake(rd_kafka_queue_t *queue, int wake_fd)
{
    static const uint64_t one = 1;

    rd_kafka_queue_io_event_enable(queue, wake_fd, &one, sizeof(one));
}

struct odk_str
sdk_kafka_header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t len = 0;

    if (rd_kafka_message_headers(message, &headers) != 0 ||
        rd_kafka_header_get_last(headers, name, &value, &len) != 0) {
        return odk_str(NULL);
    }
    return odk_str_n(value, len);
}
