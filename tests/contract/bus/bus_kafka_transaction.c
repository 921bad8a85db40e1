#include "bus_kafka_transaction.h"

#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#define WAIT_MS 20000

static int
check(rd_kafka_error_t *error)
{
    if (!error) {
        return 0;
    }
    (void)fprintf(stderr, "transaction: %s\n", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return -1;
}

static int
write_one(rd_kafka_t *client, const char *topic, uint64_t seq)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    char text[32];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)seq);
    (void)rd_kafka_header_add(headers, "odk-shard", -1, "1", 1);
    (void)rd_kafka_header_add(headers, "odk-seq", -1, text, -1);
    return rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic),
                             RD_KAFKA_V_PARTITION(0),
                             /* Without a value it would be a marker. */
                             RD_KAFKA_V_VALUE(text, strlen(text)),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
}

int
transaction_write(const char *bootstrap, const char *topic, uint64_t first,
                  int n, enum transaction_end end)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    (void)rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, NULL, 0);
    (void)rd_kafka_conf_set(conf, "transactional.id", topic, NULL, 0);
    (void)rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
    rd_kafka_t *client =
        rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

    if (!client) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    int rc = check(rd_kafka_init_transactions(client, WAIT_MS));

    rc = rc ? rc : check(rd_kafka_begin_transaction(client));
    for (int i = 0; rc == 0 && i < n; i++) {
        rc = write_one(client, topic, first + (uint64_t)i);
    }
    if (rc == 0) {
        (void)rd_kafka_flush(client, WAIT_MS);
        rc = check(end == TRANSACTION_COMMIT
                       ? rd_kafka_commit_transaction(client, WAIT_MS)
                       : rd_kafka_abort_transaction(client, WAIT_MS));
    }
    rd_kafka_destroy(client);
    return rc;
}
