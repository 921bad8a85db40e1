#include "cli/cli_topics_spec.h"

#include <stdio.h>

#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "json/json.h"

#define QUEUE_BYTES_MAX 200

static int
read_configs(const json_t *object, const struct json_place *place,
             struct cli_topics_spec *spec, struct cli_topic_spec *out,
             struct odk_err *err)
{
    struct json_field field = {object, place, "config", true};
    struct json_member_iter iter;
    json_t *configs = NULL;
    int rc = json_field_object(&field, &configs, err);

    if (rc != 0) {
        return rc;
    }
    struct bus_kafka_config *list = odk_arena_calloc(
        &spec->arena, json_object_size(configs) + 1, sizeof(*list));
    out->configs = list;
    for (json_member_first(&iter, configs); iter.value;
         json_member_next(&iter)) {
        if (!json_is_string(iter.value)) {
            return odk_err_set(err, ODK_EINVAL,
                               "config/%.*s must be a string, as Kafka's "
                               "settings are",
                               ODK_STR_ARG(iter.key));
        }
        list[out->n_configs++] = (struct bus_kafka_config){
            .name = odk_arena_str(&spec->arena, iter.key),
            .value = odk_arena_str(&spec->arena, json_str(iter.value)),
        };
    }
    return 0;
}

static int
read_partitions(const json_t *object, const struct json_place *place,
                struct cli_topic_spec *out, struct odk_err *err)
{
    struct json_field field = {object, place, "partitions", true};
    int64_t number = 0;

    out->is_by_shards =
        odk_str_is(json_str(json_get(object, "partitions")), "shards");
    if (out->is_by_shards) {
        return 0;
    }
    int rc = json_field_i64(&field, &number, err);
    if (rc == 0 && (number < 1 || number > 10000)) {
        rc = odk_err_set(err, ODK_EINVAL,
                         "partitions must be \"shards\" or 1 to 10000");
    }
    out->partitions = (int32_t)number;
    return rc;
}

static int
read_topic(const json_t *object, size_t index, struct cli_topics_spec *spec,
           struct odk_err *err)
{
    struct json_place place = {NULL, {0}, index};
    struct cli_topic_spec *out = &spec->topics[spec->n];
    struct json_field name = {object, &place, "name", true};
    struct json_field template = {object, &place, "template", false};
    struct json_field replication = {object, &place, "replication", true};
    int64_t number = 0;
    int rc = json_field_str(&name, &out->name, err);

    if (rc == 0) {
        out->name = odk_arena_str(&spec->arena, out->name);
        rc = json_field_bool(&template, &out->is_template, err);
    }
    if (rc == 0) {
        rc = json_field_i64(&replication, &number, err);
    }
    if (rc == 0 && (number < 1 || number > 100)) {
        rc = odk_err_set(err, ODK_EINVAL, "replication must be 1 to 100");
    }
    out->replication = (int32_t)number;
    if (rc == 0) {
        rc = read_partitions(object, &place, out, err);
    }
    if (rc == 0) {
        rc = read_configs(object, &place, spec, out, err);
    }
    if (rc == 0 &&
        out->is_template != odk_str_ends(out->name, CLI_TOPIC_QUEUE)) {
        rc = odk_err_set(err, ODK_EINVAL,
                         "a template's name ends with <queue>, others' do not");
    }
    spec->n++;
    return rc;
}

static int
read_text(struct odk_str text, struct cli_topics_spec *out, struct odk_err *err)
{
    json_t *list = json_parse_strict(text, err);
    int rc = list ? 0 : ODK_ESYNTAX;

    if (rc == 0 && !json_is_array(list)) {
        rc = odk_err_set(err, ODK_EINVAL, "must be an array of topics");
    }
    if (rc == 0) {
        out->topics = odk_arena_calloc(&out->arena, json_array_size(list) + 1,
                                       sizeof(*out->topics));
    }
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        rc = read_topic(json_array_get(list, i), i, out, err);
        if (rc != 0) {
            rc = odk_err_wrap(err, rc, "topic %zu", i + 1);
        }
    }
    json_decref(list);
    return rc;
}

int
cli_topics_spec_read(const char *path, struct cli_topics_spec *out,
                     struct odk_err *err)
{
    struct odk_buf text;
    int rc = 0;

    *out = (struct cli_topics_spec){0};
    odk_arena_init(&out->arena, 0);
    if (!path) {
        rc = read_text(cli_topics_json, out, err);
        odk_assert(rc == 0);
        return rc;
    }
    odk_buf_init(&text, 0);
    rc = cli_read_file(path, CLI_TOPICS_BYTES_MAX, &text, err);
    if (rc == 0) {
        rc = read_text(odk_buf_str(&text), out, err);
        if (rc != 0) {
            rc = odk_err_wrap(err, rc, "%s", path);
        }
    }
    odk_buf_release(&text);
    return rc;
}

void
cli_topics_spec_release(struct cli_topics_spec *spec)
{
    odk_arena_release(&spec->arena);
}

static struct odk_str
stem(const struct cli_topic_spec *spec)
{
    return odk_str_n(spec->name.ptr,
                     spec->name.len -
                         (spec->is_template ? CLI_TOPIC_QUEUE.len : 0));
}

void
cli_topics_spec_topic(const struct cli_topic_spec *spec, struct odk_str queue,
                      int32_t shards, int32_t replication,
                      struct odk_arena *arena, struct bus_kafka_topic *out)
{
    struct bus_kafka_config *configs =
        odk_arena_calloc(arena, spec->n_configs + 1, sizeof(*configs));
    struct odk_str base = stem(spec);
    char *name = odk_arena_alloc(arena, base.len + queue.len + 1);
    int64_t insync = 0;
    char *number = odk_arena_alloc(arena, 16);

    memcpy(name, base.ptr, base.len);
    if (spec->is_template) {
        memcpy(name + base.len, queue.ptr, queue.len);
    }
    *out = (struct bus_kafka_topic){
        .name = odk_str(name),
        .partitions = spec->is_by_shards ? shards : spec->partitions,
        .replication = replication > 0 ? replication : spec->replication,
        .configs = configs,
        .n_configs = spec->n_configs,
    };
    for (size_t i = 0; i < spec->n_configs; i++) {
        configs[i] = spec->configs[i];
        if (odk_str_is(configs[i].name, "min.insync.replicas") &&
            odk_str_to_i64(configs[i].value, &insync) &&
            insync > out->replication) {
            int len = snprintf(number, 16, "%d", (int)out->replication);
            configs[i].value = odk_str_n(number, (size_t)len);
        }
    }
}

const struct cli_topic_spec *
cli_topics_spec_template(const struct cli_topics_spec *spec,
                         struct odk_str prefix)
{
    for (size_t i = 0; i < spec->n; i++) {
        if (spec->topics[i].is_template &&
            odk_str_eq(stem(&spec->topics[i]), prefix)) {
            return &spec->topics[i];
        }
    }
    return NULL;
}

const struct cli_topic_spec *
cli_topics_spec_match(const struct cli_topics_spec *spec, struct odk_str name,
                      struct odk_str *queue)
{
    for (size_t i = 0; i < spec->n; i++) {
        const struct cli_topic_spec *topic = &spec->topics[i];
        struct odk_str base = stem(topic);
        if (topic->is_template && odk_str_starts(name, base) &&
            name.len > base.len) {
            *queue = odk_str_from(name, base.len);
            return topic;
        }
        if (!topic->is_template && odk_str_eq(name, topic->name)) {
            *queue = odk_str("");
            return topic;
        }
    }
    return NULL;
}

bool
cli_queue_is_valid(struct odk_str queue)
{
    bool is_valid = queue.len > 0 && queue.len <= QUEUE_BYTES_MAX;

    for (size_t i = 0; is_valid && i < queue.len; i++) {
        char c = queue.ptr[i];
        is_valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    }
    return is_valid;
}
