#include "bus_kafka/bus_kafka_admin.h"

#include <stdlib.h>
#include <string.h>

#include "bus_kafka/bus_kafka_priv.h"

/** Topics of one request. */
#define TOPICS_MAX  1000
#define MESSAGE_MAX 512
/** Between two looks at a topic that is being made. */
#define LEADER_STEP_MS 50

/** A connection for one call. */
struct admin {
    struct kafka_sink sink;
    rd_kafka_t *client;
    rd_kafka_queue_t *replies;
    int64_t deadline; /**< of the whole call, monotonic */
};

static int
rest_ms(const struct admin *admin)
{
    int64_t rest = admin->deadline - kafka_now_ms();

    return rest < 1 ? 1 : (int)rest;
}

static void
admin_close(struct admin *admin)
{
    if (admin->replies) {
        rd_kafka_queue_destroy(admin->replies);
    }
    if (admin->client) {
        rd_kafka_destroy(admin->client);
    }
}

static int
admin_open(struct admin *admin, const struct bus_kafka_options *options,
           struct odk_err *err)
{
    odk_dur_ms ms_max = options->connect_ms_max ? options->connect_ms_max
                                                : BUS_KAFKA_CONNECT_MS_MAX;
    rd_kafka_conf_t *conf = NULL;

    *admin = (struct admin){
        .sink = {options->log, options->log_ctx},
        .deadline = kafka_now_ms() + ms_max,
    };
    int rc = kafka_conf_new(options, KAFKA_ADMIN, &admin->sink, &conf, err);

    if (rc < 0) {
        return rc;
    }
    /* A consumer's metadata requests create no topics. */
    rc = kafka_client_new(RD_KAFKA_CONSUMER, &conf, &admin->client, err);
    if (rc < 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    rc = kafka_connect(admin->client, options->bootstrap, ms_max, err);
    if (rc < 0) {
        admin_close(admin);
        return rc;
    }
    admin->replies = rd_kafka_queue_new(admin->client);
    return 0;
}

/* Waits for the reply of one request; the caller destroys it. */
static int
reply_get(const struct admin *admin, const char *what, rd_kafka_event_t **out,
          struct odk_err *err)
{
    *out = rd_kafka_queue_poll(admin->replies, rest_ms(admin));
    if (!*out) {
        return odk_err_set(err, ODK_ETIMEOUT, "%s: Kafka did not answer", what);
    }
    rd_kafka_resp_err_t error = rd_kafka_event_error(*out);

    if (error) {
        int rc = odk_err_set(err, kafka_code(error), "%s: %s", what,
                             rd_kafka_event_error_string(*out));

        rd_kafka_event_destroy(*out);
        *out = NULL;
        return rc;
    }
    return 0;
}

static int
result_check(const rd_kafka_topic_result_t *result, const char *what,
             struct odk_err *err)
{
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(result);
    const char *text = rd_kafka_topic_result_error_string(result);

    if (!error) {
        return 0;
    }
    return odk_err_set(err, kafka_code(error), "%s topic %s: %s", what,
                       rd_kafka_topic_result_name(result),
                       text ? text : rd_kafka_err2str(error));
}

/* The first failure. */
static int
results_check(const rd_kafka_topic_result_t **results, size_t n,
              const char *what, struct odk_err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = result_check(results[i], what, err);
    }
    return rc;
}

static const char *
arena_text(struct odk_arena *arena, const char *text)
{
    return odk_arena_str(arena, odk_str(text)).ptr;
}

/* NUL-terminated copy; the caller frees it. */
static char *
text_of(struct odk_str s)
{
    char *text = kafka_calloc(s.len + 1, 1);

    if (s.len > 0) {
        memcpy(text, s.ptr, s.len);
    }
    return text;
}

static int
full(struct odk_err *err)
{
    return odk_err_set(err, ODK_ELIMIT, "too many topics or settings");
}

/* Describe. */

static int
config_copy(const rd_kafka_ConfigEntry_t *entry, struct odk_arena *arena,
            struct bus_kafka_config *out, struct odk_err *err)
{
    const char *value = rd_kafka_ConfigEntry_value(entry);
    rd_kafka_ConfigSource_t source = rd_kafka_ConfigEntry_source(entry);

    out->name = odk_str(arena_text(arena, rd_kafka_ConfigEntry_name(entry)));
    out->value = value ? odk_str(arena_text(arena, value)) : odk_str(NULL);
    out->is_default = source != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
    return out->name.ptr && (!value || out->value.ptr) ? 0 : full(err);
}

static int
configs_copy(const rd_kafka_ConfigResource_t *resource, struct odk_arena *arena,
             struct bus_kafka_topic *out, struct odk_err *err)
{
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **entries =
        rd_kafka_ConfigResource_configs(resource, &n);
    rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(resource);

    if (error) {
        return odk_err_set(err, kafka_code(error), "settings of topic %.*s: %s",
                           ODK_STR_ARG(out->name), rd_kafka_err2str(error));
    }
    struct bus_kafka_config *configs =
        odk_arena_calloc(arena, n ? n : 1, sizeof(*configs));
    int rc = configs ? 0 : full(err);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = config_copy(entries[i], arena, &configs[i], err);
    }
    out->configs = configs;
    out->n_configs = n;
    return rc;
}

/* The settings of one found topic. */
static int
configs_ask(const struct admin *admin, struct odk_arena *arena,
            struct bus_kafka_topic *topic, struct odk_err *err)
{
    char *name = text_of(topic->name);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_event_t *event = NULL;

    rd_kafka_DescribeConfigs(admin->client, &resource, 1, NULL, admin->replies);
    int rc = reply_get(admin, "describe settings", &event, err);

    if (rc == 0) {
        size_t n = 0;
        const rd_kafka_ConfigResource_t **found =
            rd_kafka_DescribeConfigs_result_resources(
                rd_kafka_event_DescribeConfigs_result(event), &n);

        odk_assert(n == 1);
        rc = configs_copy(found[0], arena, topic, err);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ConfigResource_destroy(resource);
    free(name);
    return rc;
}

static int
metadata_get(const struct admin *admin, const struct rd_kafka_metadata **out,
             struct odk_err *err)
{
    rd_kafka_resp_err_t error =
        rd_kafka_metadata(admin->client, 1, NULL, out, rest_ms(admin));

    if (error) {
        return odk_err_set(err, kafka_code(error), "list of topics: %s",
                           rd_kafka_err2str(error));
    }
    return 0;
}

static void
topic_fill(const struct rd_kafka_metadata *metadata,
           struct bus_kafka_topic *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *found = &metadata->topics[i];

        if (odk_str_is(topic->name, found->topic) && found->partition_cnt > 0) {
            topic->is_found = true;
            topic->partitions = found->partition_cnt;
            topic->replication = found->partitions[0].replica_cnt;
        }
    }
}

static int
describe(const struct admin *admin, struct odk_arena *arena,
         struct bus_kafka_topic *topics, size_t n, struct odk_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    int rc = metadata_get(admin, &metadata, err);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        topic_fill(metadata, &topics[i]);
    }
    rd_kafka_metadata_destroy(metadata);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (topics[i].is_found) {
            rc = configs_ask(admin, arena, &topics[i], err);
        }
    }
    return rc;
}

int
bus_kafka_topics_describe(const struct bus_kafka_options *options,
                          const struct odk_str *names, size_t n_names,
                          struct odk_arena *arena, struct bus_kafka_topic **out,
                          struct odk_err *err)
{
    struct admin admin;

    *out = NULL;
    struct bus_kafka_topic *topics =
        n_names > TOPICS_MAX
            ? NULL
            : odk_arena_calloc(arena, n_names ? n_names : 1, sizeof(*topics));

    if (!topics) {
        return full(err);
    }
    for (size_t i = 0; i < n_names; i++) {
        topics[i].name = odk_arena_str(arena, names[i]);
        if (!topics[i].name.ptr) {
            return full(err);
        }
    }
    int rc = admin_open(&admin, options, err);

    if (rc < 0) {
        return rc;
    }
    rc = describe(&admin, arena, topics, n_names, err);
    admin_close(&admin);
    *out = rc == 0 ? topics : NULL;
    return rc;
}

static int
names_copy(const struct rd_kafka_metadata *metadata, struct odk_arena *arena,
           struct odk_str **names, size_t *n_names, struct odk_err *err)
{
    size_t n = (size_t)metadata->topic_cnt;

    *names = odk_arena_calloc(arena, n ? n : 1, sizeof(**names));
    if (!*names) {
        return full(err);
    }
    for (size_t i = 0; i < n; i++) {
        (*names)[i] = odk_str(arena_text(arena, metadata->topics[i].topic));
        if (!(*names)[i].ptr) {
            return full(err);
        }
    }
    *n_names = n;
    return 0;
}

int
bus_kafka_topics_list(const struct bus_kafka_options *options,
                      struct odk_arena *arena, struct odk_str **names,
                      size_t *n_names, struct odk_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    struct admin admin;
    int rc = admin_open(&admin, options, err);

    *names = NULL;
    *n_names = 0;
    if (rc < 0) {
        return rc;
    }
    rc = metadata_get(&admin, &metadata, err);
    if (rc == 0) {
        rc = names_copy(metadata, arena, names, n_names, err);
        rd_kafka_metadata_destroy(metadata);
    }
    admin_close(&admin);
    return rc;
}

/* Create, delete, change. */

static int
new_topic(const struct bus_kafka_topic *topic, rd_kafka_NewTopic_t **out,
          struct odk_err *err)
{
    char text[MESSAGE_MAX];
    char *name = text_of(topic->name);

    odk_assert(topic->partitions > 0);
    *out = rd_kafka_NewTopic_new(name, topic->partitions,
                                 topic->replication ? topic->replication : -1,
                                 text, sizeof(text));
    free(name);
    if (!*out) {
        return odk_err_set(err, ODK_EINVAL, "topic %.*s: %s",
                           ODK_STR_ARG(topic->name), text);
    }
    for (size_t i = 0; i < topic->n_configs; i++) {
        char *key = text_of(topic->configs[i].name);
        char *value = text_of(topic->configs[i].value);

        (void)rd_kafka_NewTopic_set_config(*out, key, value);
        free(key);
        free(value);
    }
    return 0;
}

/* A topic is usable only when its partitions have leaders. */
static int
leaders_wait(const struct admin *admin, const struct bus_kafka_topic *topic,
             struct odk_err *err)
{
    char *name = text_of(topic->name);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(admin->client, name, NULL);
    bool is_ready = false;

    while (!is_ready && kafka_now_ms() < admin->deadline) {
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t error = rd_kafka_metadata(
            admin->client, 0, handle, &metadata, rest_ms(admin));

        if (error) {
            continue;
        }
        int n =
            metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;

        is_ready = n == topic->partitions;
        for (int i = 0; is_ready && i < n; i++) {
            is_ready = metadata->topics[0].partitions[i].leader >= 0;
        }
        rd_kafka_metadata_destroy(metadata);
        if (!is_ready) {
            /* Waits on an idle queue: nothing else comes here. */
            rd_kafka_event_destroy(
                rd_kafka_queue_poll(admin->replies, LEADER_STEP_MS));
        }
    }
    rd_kafka_topic_destroy(handle);
    free(name);
    return is_ready
               ? 0
               : odk_err_set(err, ODK_ETIMEOUT, "topic %.*s has no leaders yet",
                             ODK_STR_ARG(topic->name));
}

static int
create(const struct admin *admin, rd_kafka_NewTopic_t **made, size_t n,
       struct odk_err *err)
{
    rd_kafka_event_t *event = NULL;

    rd_kafka_CreateTopics(admin->client, made, n, NULL, admin->replies);
    int rc = reply_get(admin, "create topics", &event, err);

    if (rc == 0) {
        size_t n_results = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(
                rd_kafka_event_CreateTopics_result(event), &n_results);

        rc = results_check(results, n_results, "create", err);
        rd_kafka_event_destroy(event);
    }
    return rc;
}

int
bus_kafka_topics_create(const struct bus_kafka_options *options,
                        const struct bus_kafka_topic *topics, size_t n_topics,
                        struct odk_err *err)
{
    struct admin admin;

    if (n_topics == 0) {
        return 0;
    }
    if (n_topics > TOPICS_MAX) {
        return full(err);
    }
    rd_kafka_NewTopic_t **made =
        kafka_calloc(n_topics, sizeof(rd_kafka_NewTopic_t *));
    size_t n = 0;
    int rc = 0;

    while (rc == 0 && n < n_topics) {
        rc = new_topic(&topics[n], &made[n], err);
        n += rc == 0 ? 1 : 0;
    }
    if (rc == 0) {
        rc = admin_open(&admin, options, err);
    }
    if (rc == 0) {
        rc = create(&admin, made, n, err);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            rc = leaders_wait(&admin, &topics[i], err);
        }
        admin_close(&admin);
    }
    rd_kafka_NewTopic_destroy_array(made, n);
    free(made);
    return rc;
}

static int
drop(const struct admin *admin, rd_kafka_DeleteTopic_t **doomed, size_t n,
     struct odk_err *err)
{
    rd_kafka_event_t *event = NULL;

    rd_kafka_DeleteTopics(admin->client, doomed, n, NULL, admin->replies);
    int rc = reply_get(admin, "delete topics", &event, err);

    if (rc == 0) {
        size_t n_results = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_DeleteTopics_result_topics(
                rd_kafka_event_DeleteTopics_result(event), &n_results);

        rc = results_check(results, n_results, "delete", err);
        rd_kafka_event_destroy(event);
    }
    return rc;
}

int
bus_kafka_topics_delete(const struct bus_kafka_options *options,
                        const struct odk_str *names, size_t n_names,
                        struct odk_err *err)
{
    struct admin admin;

    if (n_names == 0) {
        return 0;
    }
    if (n_names > TOPICS_MAX) {
        return full(err);
    }
    int rc = admin_open(&admin, options, err);

    if (rc < 0) {
        return rc;
    }
    rd_kafka_DeleteTopic_t **doomed =
        kafka_calloc(n_names, sizeof(rd_kafka_DeleteTopic_t *));

    for (size_t i = 0; i < n_names; i++) {
        char *name = text_of(names[i]);

        doomed[i] = rd_kafka_DeleteTopic_new(name);
        free(name);
    }
    rc = drop(&admin, doomed, n_names, err);
    rd_kafka_DeleteTopic_destroy_array(doomed, n_names);
    free(doomed);
    admin_close(&admin);
    return rc;
}

static void
resource_set(rd_kafka_ConfigResource_t *resource,
             const struct bus_kafka_config *config)
{
    char *name = text_of(config->name);
    char *value = text_of(config->value);

    (void)rd_kafka_ConfigResource_set_config(resource, name, value);
    free(name);
    free(value);
}

static bool
is_set(const struct bus_kafka_topic *topic, struct odk_str name)
{
    for (size_t i = 0; i < topic->n_configs; i++) {
        if (odk_str_eq(topic->configs[i].name, name)) {
            return true;
        }
    }
    return false;
}

static int
alter(const struct admin *admin, rd_kafka_ConfigResource_t *resource,
      struct odk_err *err)
{
    rd_kafka_event_t *event = NULL;

    rd_kafka_AlterConfigs(admin->client, &resource, 1, NULL, admin->replies);
    int rc = reply_get(admin, "change settings", &event, err);

    if (rc == 0) {
        size_t n = 0;
        const rd_kafka_ConfigResource_t **results =
            rd_kafka_AlterConfigs_result_resources(
                rd_kafka_event_AlterConfigs_result(event), &n);
        rd_kafka_resp_err_t error =
            n == 1 ? rd_kafka_ConfigResource_error(results[0])
                   : RD_KAFKA_RESP_ERR_UNKNOWN;

        if (error) {
            rc = odk_err_set(err, kafka_code(error), "change settings: %s",
                             rd_kafka_err2str(error));
        }
        rd_kafka_event_destroy(event);
    }
    return rc;
}

int
bus_kafka_topic_configure(const struct bus_kafka_options *options,
                          const struct bus_kafka_topic *topic,
                          struct odk_err *err)
{
    struct bus_kafka_topic *now = NULL;
    struct odk_arena arena;
    struct admin admin;

    odk_arena_init(&arena, 0);
    int rc =
        bus_kafka_topics_describe(options, &topic->name, 1, &arena, &now, err);

    odk_assert(rc < 0 || now);
    if (rc == 0 && !now->is_found) {
        rc = odk_err_set(err, ODK_ENOTFOUND, "no topic %.*s",
                         ODK_STR_ARG(topic->name));
    }
    rc = rc < 0 ? rc : admin_open(&admin, options, err);
    if (rc == 0) {
        char *name = text_of(topic->name);
        rd_kafka_ConfigResource_t *resource =
            rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);

        /* The request of librdkafka 2.0.2 replaces all: hand the others in
         * again. */
        for (size_t i = 0; i < now->n_configs; i++) {
            if (!now->configs[i].is_default &&
                !is_set(topic, now->configs[i].name)) {
                resource_set(resource, &now->configs[i]);
            }
        }
        for (size_t i = 0; i < topic->n_configs; i++) {
            resource_set(resource, &topic->configs[i]);
        }
        rc = alter(&admin, resource, err);
        rd_kafka_ConfigResource_destroy(resource);
        free(name);
        admin_close(&admin);
    }
    odk_arena_release(&arena);
    return rc;
}

static int
grow(const struct admin *admin, rd_kafka_NewPartitions_t *more,
     struct odk_err *err)
{
    rd_kafka_event_t *event = NULL;

    rd_kafka_CreatePartitions(admin->client, &more, 1, NULL, admin->replies);
    int rc = reply_get(admin, "add partitions", &event, err);

    if (rc == 0) {
        size_t n = 0;
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreatePartitions_result_topics(
                rd_kafka_event_CreatePartitions_result(event), &n);

        rc = results_check(results, n, "grow", err);
        rd_kafka_event_destroy(event);
    }
    return rc;
}

int
bus_kafka_topic_grow(const struct bus_kafka_options *options,
                     const struct bus_kafka_topic *topic, struct odk_err *err)
{
    char text[MESSAGE_MAX];
    struct admin admin;
    int rc = admin_open(&admin, options, err);

    if (rc < 0) {
        return rc;
    }
    char *name = text_of(topic->name);
    rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(
        name, (size_t)topic->partitions, text, sizeof(text));

    if (!more) {
        rc = odk_err_set(err, ODK_EINVAL, "topic %s: %s", name, text);
    } else {
        rc = grow(&admin, more, err);
        rd_kafka_NewPartitions_destroy(more);
    }
    if (rc == 0) {
        rc = leaders_wait(&admin, topic, err);
    }
    free(name);
    admin_close(&admin);
    return rc;
}

static int
ranges_ask(const struct admin *admin, const char *topic,
           struct bus_kafka_range *ranges, int32_t n, struct odk_err *err)
{
    for (int32_t p = 0; p < n; p++) {
        rd_kafka_resp_err_t error =
            kafka_range_ask(admin->client, topic, p, &ranges[p].start,
                            &ranges[p].end, rest_ms(admin));

        if (error) {
            return odk_err_set(err, kafka_code(error), "range of %s/%d: %s",
                               topic, (int)p, rd_kafka_err2str(error));
        }
    }
    return 0;
}

int
bus_kafka_topic_ranges(const struct bus_kafka_options *options,
                       struct odk_str topic, struct odk_arena *arena,
                       struct bus_kafka_range **out, size_t *n_out,
                       struct odk_err *err)
{
    struct admin admin;
    int32_t n = 0;
    int rc = admin_open(&admin, options, err);

    *out = NULL;
    *n_out = 0;
    if (rc < 0) {
        return rc;
    }
    char *name = text_of(topic);

    rc = kafka_topic_ask(admin.client, name, rest_ms(&admin), &n, err);
    if (rc == 0) {
        *out = odk_arena_calloc(arena, (size_t)n, sizeof(**out));
        rc = *out ? ranges_ask(&admin, name, *out, n, err) : full(err);
        *n_out = rc == 0 ? (size_t)n : 0;
    }
    free(name);
    admin_close(&admin);
    return rc;
}

/* Offsets of groups. */

static int
committed_copy(const rd_kafka_topic_partition_list_t *list, int32_t n,
               struct odk_arena *arena, struct bus_kafka_committed *out,
               struct odk_err *err)
{
    for (int32_t p = 0; p < n; p++) {
        out[p] = (struct bus_kafka_committed){.offset = -1};
    }
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &list->elems[i];

        if (from->err || from->partition < 0 || from->partition >= n) {
            continue;
        }
        struct bus_kafka_committed *to = &out[from->partition];

        to->offset = from->offset < 0 ? -1 : from->offset;
        if (from->metadata_size > 0) {
            to->metadata = odk_arena_str(
                arena, odk_str_n(from->metadata, from->metadata_size));
            if (!to->metadata.ptr) {
                return full(err);
            }
        }
    }
    return 0;
}

/* The reply to a request about one group. */
static int
committed_read(rd_kafka_event_t *event, int32_t n, struct odk_arena *arena,
               struct bus_kafka_committed *out, struct odk_err *err)
{
    size_t n_results = 0;
    const rd_kafka_group_result_t **results =
        rd_kafka_ListConsumerGroupOffsets_result_groups(
            rd_kafka_event_ListConsumerGroupOffsets_result(event), &n_results);

    odk_assert(n_results == 1);
    const rd_kafka_error_t *error = rd_kafka_group_result_error(results[0]);
    if (error) {
        return odk_err_set(err, kafka_code(rd_kafka_error_code(error)),
                           "offsets of group %s: %s",
                           rd_kafka_group_result_name(results[0]),
                           rd_kafka_error_string(error));
    }
    return committed_copy(rd_kafka_group_result_partitions(results[0]), n,
                          arena, out, err);
}

static rd_kafka_ListConsumerGroupOffsets_t *
committed_request(const char *group, struct odk_str topic, int32_t n)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(n);
    char *name = text_of(topic);

    for (int32_t p = 0; p < n; p++) {
        (void)rd_kafka_topic_partition_list_add(list, name, p);
    }
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(group, list);

    rd_kafka_topic_partition_list_destroy(list);
    free(name);
    return request;
}

int
bus_kafka_group_offsets( // NOLINT: a group, a topic and its partitions
    const struct bus_kafka_options *options, const char *group,
    struct odk_str topic, int32_t n, struct odk_arena *arena,
    struct bus_kafka_committed **out, struct odk_err *err)
{
    rd_kafka_event_t *event = NULL;
    struct admin admin;

    odk_assert(n > 0);
    *out = odk_arena_calloc(arena, (size_t)n, sizeof(**out));
    if (!*out) {
        return full(err);
    }
    int rc = admin_open(&admin, options, err);

    if (rc < 0) {
        return rc;
    }
    rd_kafka_ListConsumerGroupOffsets_t *request =
        committed_request(group, topic, n);

    rd_kafka_ListConsumerGroupOffsets(admin.client, &request, 1, NULL,
                                      admin.replies);
    rc = reply_get(&admin, "offsets of the group", &event, err);
    if (rc == 0) {
        rc = committed_read(event, n, arena, *out, err);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    admin_close(&admin);
    return rc;
}
