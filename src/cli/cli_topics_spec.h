#ifndef CLI_TOPICS_SPEC_H
#define CLI_TOPICS_SPEC_H

/*
 * The declared topics (topics/topics.json, built into the binary): what to
 * create and what to compare with. topics/README.md gives the fields.
 */

#include <jansson.h>

#include "bus_kafka/bus_kafka_admin.h"
#include "cli/cli.h"

#define CLI_TOPICS_BYTES_MAX ((size_t)1024 * 1024)
#define CLI_TOPIC_QUEUE      ODK_STR("<queue>")

/** The built-in file. */
extern const struct odk_str cli_topics_json;

struct cli_topic_spec {
    struct odk_str name;
    bool is_template;
    bool is_by_shards;  /**< as many partitions as there are shards */
    int32_t partitions; /**< otherwise */
    int32_t replication;
    const struct bus_kafka_config *configs;
    size_t n_configs;
};

/** Everything declared; strings live in the arena. */
struct cli_topics_spec {
    struct odk_arena arena;
    struct cli_topic_spec *topics;
    size_t n;
};

/** Reads a file, or the built-in text for NULL. */
int cli_topics_spec_read(const char *path, struct cli_topics_spec *out,
                         struct odk_err *err) ODK_MUST_USE;
void cli_topics_spec_release(struct cli_topics_spec *spec);

/** What a declared topic should be with `shards` shards: a template's name gets
 * the queue. replication 0: the declared one; min.insync.replicas is at most
 * the replication. */
void cli_topics_spec_topic(const struct cli_topic_spec *spec,
                           struct odk_str queue, int32_t shards,
                           int32_t replication, struct odk_arena *arena,
                           struct bus_kafka_topic *out);

/** The template whose name begins with prefix ("odradek.tasks."), or NULL. */
const struct cli_topic_spec *
cli_topics_spec_template(const struct cli_topics_spec *spec,
                         struct odk_str prefix);

/** The declaration that an existing topic follows (a template's too), or NULL;
 * *queue is what stands for <queue>. */
const struct cli_topic_spec *
cli_topics_spec_match(const struct cli_topics_spec *spec, struct odk_str name,
                      struct odk_str *queue);

/** Whether a queue may be part of a topic's name. */
bool cli_queue_is_valid(struct odk_str queue);

#endif
