#include <stdlib.h>

#include "bus/bus_mem.h"
#include "bus/bus_mem_priv.h"
#include "bus/bus_origin.h"

void *
mem_calloc(size_t n, size_t object_bytes)
{
    void *array = calloc(n ? n : 1, object_bytes);

    if (!array) {
        odk_out_of_memory();
    }
    return array;
}

void *
mem_grow(void **array, size_t n, size_t object_bytes)
{
    char *grown = realloc(*array, (n + 1) * object_bytes);

    if (!grown) {
        odk_out_of_memory();
    }
    *array = grown;
    memset(grown + n * object_bytes, 0, object_bytes);
    return grown + n * object_bytes;
}

char *
mem_strdup(const char *text)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy) {
        odk_out_of_memory();
    }
    return copy;
}

static void
log_release(struct mem_log *log)
{
    for (size_t i = 0; i < log->n_records; i++) {
        free(log->records[i]);
    }
    free(log->records);
}

static void
topic_release(struct mem_topic *topic)
{
    for (int32_t p = 0; p < topic->n_partitions; p++) {
        log_release(&topic->logs[p]);
    }
    free(topic->logs);
    free(topic->name);
}

struct bus_mem_broker *
bus_mem_broker_new(void)
{
    struct bus_mem_broker *broker = mem_calloc(1, sizeof(*broker));

    broker->magic = MEM_BROKER_MAGIC;
    return broker;
}

void
bus_mem_broker_free(struct bus_mem_broker *broker)
{
    if (!broker) {
        return;
    }
    odk_assert(broker->magic == MEM_BROKER_MAGIC);
    odk_assert(broker->n_buses == 0);
    for (size_t i = 0; i < broker->n_topics; i++) {
        topic_release(&broker->topics[i]);
    }
    for (size_t i = 0; i < broker->n_groups; i++) {
        mem_group_free(broker->groups[i]);
    }
    free(broker->topics);
    free(broker->groups);
    broker->magic = 0;
    free(broker);
}

void
bus_mem_set_time(struct bus_mem_broker *broker, odk_time_ms now)
{
    odk_assert(broker->magic == MEM_BROKER_MAGIC);
    odk_assert(now >= broker->now);
    broker->now = now;
    for (size_t i = 0; i < broker->n_groups; i++) {
        mem_group_expire(broker->groups[i], now);
    }
}

void
bus_mem_set_down(struct bus_mem_broker *broker, bool is_down)
{
    odk_assert(broker->magic == MEM_BROKER_MAGIC);
    broker->is_down = is_down;
}

ptrdiff_t
mem_topic_find(const struct bus_mem_broker *broker, struct odk_str name)
{
    for (size_t i = 0; i < broker->n_topics; i++) {
        if (odk_str_is(name, broker->topics[i].name)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

struct mem_log *
mem_log_find(const struct bus_mem_broker *broker, struct odk_str topic,
             int32_t partition)
{
    ptrdiff_t at = mem_topic_find(broker, topic);

    if (at < 0 || partition < 0 ||
        partition >= broker->topics[at].n_partitions) {
        return NULL;
    }
    return &broker->topics[at].logs[partition];
}

int
bus_mem_topic_create(struct bus_mem_broker *broker, struct odk_str topic,
                     int32_t partitions, size_t bytes_max, struct odk_err *err)
{
    odk_assert(broker->magic == MEM_BROKER_MAGIC);
    odk_assert(partitions > 0);
    if (mem_topic_find(broker, topic) >= 0) {
        return odk_err_set(err, ODK_EEXISTS, "topic %.*s exists already",
                           ODK_STR_ARG(topic));
    }
    void *topics = broker->topics;
    struct mem_topic *made =
        mem_grow(&topics, broker->n_topics++, sizeof(*made));

    broker->topics = topics;
    made->name = mem_calloc(topic.len + 1, 1);
    memcpy(made->name, topic.ptr, topic.len);
    made->n_partitions = partitions;
    made->bytes_max = bytes_max ? bytes_max : BUS_MEM_MESSAGE_BYTES_MAX;
    made->logs = mem_calloc((size_t)partitions, sizeof(*made->logs));
    return 0;
}

void
bus_mem_fail_topic(struct bus_mem_broker *broker, struct odk_str topic,
                   int code)
{
    ptrdiff_t at = mem_topic_find(broker, topic);

    odk_assert(at >= 0);
    odk_assert(code <= 0);
    broker->topics[at].fail_code = code;
}

size_t
mem_record_bytes(const struct bus_record *from)
{
    size_t bytes = from->key.len + from->value.len;

    for (size_t i = 0; i < from->n_headers; i++) {
        bytes += from->headers[i].name.len + from->headers[i].value.len;
    }
    return bytes;
}

/* Copies s to *at and moves on; absent stays absent. */
static struct odk_str
bytes_put(char **at, struct odk_str s)
{
    struct odk_str copy = {s.ptr ? *at : NULL, s.len};

    if (s.ptr && s.len > 0) {
        memcpy(*at, s.ptr, s.len);
    }
    *at += s.len;
    return copy;
}

struct mem_record *
mem_record_new(const struct bus_record *from)
{
    size_t n_headers = from->n_headers + (from->shard >= 0 ? 2 : 0);
    size_t head =
        sizeof(struct mem_record) + n_headers * sizeof(struct bus_header);
    /* One byte more, so that an empty value at the end has an address. */
    struct mem_record *record =
        mem_calloc(1, head + mem_record_bytes(from) +
                          (size_t)2 * BUS_ORIGIN_TEXT_MAX + 64);
    char *at = (char *)record + head;

    record->headers = (struct bus_header *)(void *)(record + 1);
    record->n_headers = n_headers;
    record->key = bytes_put(&at, from->key);
    record->value = bytes_put(&at, from->value);
    struct bus_header *header = record->headers;

    for (size_t i = 0; i < from->n_headers; i++, header++) {
        header->name = bytes_put(&at, from->headers[i].name);
        header->value = bytes_put(&at, from->headers[i].value);
    }
    /* Last, as the last one of a name counts. */
    if (from->shard >= 0) {
        char text[BUS_ORIGIN_TEXT_MAX];
        size_t len = bus_origin_format((uint64_t)from->shard, text);

        header->name = ODK_STR(BUS_ORIGIN_SHARD);
        header->value = bytes_put(&at, odk_str_n(text, len));
        header++;
        len = bus_origin_format(from->seq, text);
        header->name = ODK_STR(BUS_ORIGIN_SEQ);
        header->value = bytes_put(&at, odk_str_n(text, len));
    }
    return record;
}

int64_t
mem_log_append(struct mem_log *log, struct mem_record *record, odk_time_ms now)
{
    if (log->n_records == log->size) {
        log->size = log->size ? log->size * 2 : 16;
        struct mem_record **grown =
            realloc(log->records, log->size * sizeof(struct mem_record *));

        if (!grown) {
            odk_out_of_memory();
        }
        log->records = grown;
    }
    record->offset = log->end++;
    record->timestamp = now;
    log->records[log->n_records++] = record;
    return record->offset;
}

size_t
mem_log_seek(const struct mem_log *log, int64_t offset)
{
    size_t low = 0;
    size_t high = log->n_records;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (log->records[middle]->offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int64_t
bus_mem_append(struct bus_mem_broker *broker, const struct bus_record *record)
{
    odk_assert(broker->magic == MEM_BROKER_MAGIC);
    struct mem_log *log =
        mem_log_find(broker, record->topic, record->partition);

    if (!log) {
        return ODK_ENOTFOUND;
    }
    ptrdiff_t at = mem_topic_find(broker, record->topic);

    if (mem_record_bytes(record) > broker->topics[at].bytes_max) {
        return ODK_ETOOBIG;
    }
    return mem_log_append(log, mem_record_new(record), broker->now);
}

void
bus_mem_append_gap(struct bus_mem_broker *broker, struct odk_str topic,
                   int32_t partition, int64_t n)
{
    struct mem_log *log = mem_log_find(broker, topic, partition);

    odk_assert(log && n >= 0);
    log->end += n;
}

void
bus_mem_truncate_head(struct bus_mem_broker *broker, struct odk_str topic,
                      int32_t partition, int64_t start)
{
    struct mem_log *log = mem_log_find(broker, topic, partition);

    odk_assert(log && start >= log->start && start <= log->end);
    size_t n_dropped = mem_log_seek(log, start);

    for (size_t i = 0; i < n_dropped; i++) {
        free(log->records[i]);
    }
    log->n_records -= n_dropped;
    if (n_dropped > 0) {
        memmove(log->records, log->records + n_dropped,
                log->n_records * sizeof(struct mem_record *));
    }
    log->start = start;
}

void
bus_mem_truncate_tail(struct bus_mem_broker *broker, struct odk_str topic,
                      int32_t partition, int64_t end)
{
    struct mem_log *log = mem_log_find(broker, topic, partition);

    odk_assert(log && end >= log->start && end <= log->end);
    size_t n_kept = mem_log_seek(log, end);

    while (log->n_records > n_kept) {
        free(log->records[--log->n_records]);
    }
    log->end = end;
}

bool
bus_mem_read(const struct bus_mem_broker *broker, struct odk_str topic,
             int32_t partition, int64_t offset, struct bus_message *out)
{
    const struct mem_log *log = mem_log_find(broker, topic, partition);
    size_t at = log ? mem_log_seek(log, offset) : 0;

    if (!log || at == log->n_records) {
        return false;
    }
    const struct mem_record *record = log->records[at];

    *out = (struct bus_message){
        .partition = partition,
        .offset = record->offset,
        .timestamp = record->timestamp,
        .key = record->key,
        .value = record->value,
        .headers = record->headers,
        .n_headers = record->n_headers,
    };
    return true;
}
