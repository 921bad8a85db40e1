#ifndef SDK_SDK_KAFKA_PRIV_H
#define SDK_SDK_KAFKA_PRIV_H

#include <librdkafka/rdkafka.h>

#include "sdk/sdk_kafka.h"

#define SDK_HEADER_SHARD       "odk-shard"
#define SDK_HEADER_SEQ         "odk-seq"
#define SDK_HEADER_TRACEPARENT "traceparent"

/** A property of our own, before those of the user. */
struct sdk_kafka_setting {
    const char *name;
    const char *value;
};

/** What all our clients share: bootstrap, id, log, no Nagle; then ours, then
 * the user's (which may not touch ours: ODK_EINVAL). */
int sdk_kafka_conf(const struct odradek_config *config,
                   const struct sdk_kafka_setting *settings, size_t n_settings,
                   rd_kafka_conf_t **out, struct odk_err *err) ODK_MUST_USE;

/** Code of base_err.h for one of librdkafka. */
int sdk_kafka_code(rd_kafka_resp_err_t code);

/** Sets err and returns the code. */
int sdk_kafka_fail(struct odk_err *err, rd_kafka_resp_err_t code,
                   const char *what);

/** Makes the queue write to the descriptor when it gets its first entry. */
void sdk_kafka_wake(rd_kafka_queue_t *queue, int wake_fd);

/** The value of a header, or the absent string. */
struct odk_str sdk_kafka_header(const rd_kafka_message_t *message,
                                const char *name);

#endif
