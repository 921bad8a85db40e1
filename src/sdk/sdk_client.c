#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sdk/odradek.h"
#include "sdk/sdk_call.h"
#include "sdk/sdk_config.h"
#include "sdk/sdk_kafka.h"

#define TOPIC_COMMANDS "odradek.commands"
/** librdkafka wants to hear of a consumer now and then. */
#define REST_MS_MAX 60000

struct odradek_client {
    struct odradek_config *config;
    struct codec *codec;
    struct odk_arena arena;
    struct odk_buf buf;
    struct sdk_producer *producer;
    struct sdk_consumer *consumer;
    struct sdk_reply_place place;
    int wake_fd;
    char uuid[ODK_UUID_TEXT_LEN + 1];
    uint64_t last;              /**< number in the last correlation id */
    struct odk_map calls;       /**< in flight, by correlation id */
    struct odradek_call *first; /**< done, for odradek_client_poll */
    struct odradek_call *end;
    size_t n_submitted; /**< not handed back yet */
};

/** Opens both sides; the reply partition is any. */
static int
connect_both(struct odradek_client *client, struct odk_err *err)
{
    const struct sdk_consumer_options options = {
        .topic = client->config->reply_topic, .wake_fd = client->wake_fd};
    int64_t timeout_ms = client->config->connect_timeout_ms;
    int32_t n;
    int ret = sdk_producer_open(client->config, client->config->send_timeout_ms,
                                client->wake_fd, &client->producer, err);

    if (ret == 0) {
        ret = sdk_producer_partitions(
            client->producer, client->config->reply_topic, timeout_ms, &n, err);
    }
    if (ret == ODK_ENOTFOUND) {
        return odk_err_set(err, ODK_ENOTFOUND,
                           "topic %s does not exist: `odradek topics apply` "
                           "makes it",
                           client->config->reply_topic);
    }
    if (ret == 0) {
        ret =
            sdk_consumer_open(client->config, &options, &client->consumer, err);
    }
    if (ret != 0) {
        return ret;
    }
    client->place = (struct sdk_reply_place){
        .topic = client->config->reply_topic,
        .partition = (int32_t)(sdk_random() % (uint64_t)n),
    };
    return sdk_consumer_take_end(client->consumer, client->place.partition,
                                 timeout_ms, err);
}

int
odradek_client_open(const struct odradek_config *config,
                    struct odradek_client **out, char *why, size_t why_size)
{
    struct odk_err err = {0};
    struct odradek_client *client = calloc(1, sizeof(*client));

    *out = NULL;
    if (!client) {
        return sdk_fail(why, why_size, ODRADEK_ENOMEM, "out of memory");
    }
    odk_arena_init(&client->arena, SDK_RECORD_BYTES_MAX);
    odk_buf_init(&client->buf, SDK_RECORD_BYTES_MAX);
    odk_map_init(&client->calls);
    sdk_uuid(client->uuid);
    client->config = sdk_config_clone(config);
    client->codec = codec_new(NULL);
    client->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!client->config || !client->codec || client->wake_fd < 0) {
        odradek_client_close(client);
        return sdk_fail(why, why_size, ODRADEK_ENOMEM, "out of memory");
    }
    int ret = connect_both(client, &err);

    if (ret != 0) {
        odradek_client_close(client);
        return sdk_fail(why, why_size, sdk_error_of(ret), "%s", err.message);
    }
    *out = client;
    return 0;
}

static void on_ack(struct odradek_client *client, const struct sdk_ack *ack);

/** Takes what was acknowledged. */
static void
read_acks(struct odradek_client *client)
{
    struct sdk_ack ack;

    while (sdk_producer_next(client->producer, &ack)) {
        on_ack(client, &ack);
    }
}

/** Sleeps until something happens, or the time (of sdk_ticks_ms) has come. */
static void
rest(struct odradek_client *client, int64_t until)
{
    struct pollfd entry = {.fd = client->wake_fd, .events = POLLIN};
    int64_t left = until - sdk_ticks_ms();
    uint64_t count;

    if (left > 0) {
        (void)poll(&entry, 1, (int)(left < REST_MS_MAX ? left : REST_MS_MAX));
    }
    /* Before the queues are read: an entry that comes later wakes us again. */
    ssize_t n = read(client->wake_fd, &count, sizeof(count));

    (void)n;
}

static void
flush(struct odradek_client *client)
{
    int64_t until = sdk_ticks_ms() + client->config->send_timeout_ms;

    read_acks(client);
    while (sdk_producer_unacked(client->producer) > 0 &&
           sdk_ticks_ms() < until) {
        rest(client, until);
        read_acks(client);
    }
}

void
odradek_client_close(struct odradek_client *client)
{
    struct odk_map_node *node;

    if (!client) {
        return;
    }
    if (client->config && client->consumer) {
        flush(client);
    }
    while ((node = odk_map_next(&client->calls, NULL)) != NULL) {
        struct odradek_call *call =
            ODK_CONTAINER(node, struct odradek_call, node);

        odk_map_remove(&client->calls, node);
        call->is_in_flight = false;
        odradek_call_free(call);
    }
    while (client->first) {
        struct odradek_call *call = client->first;

        client->first = call->next;
        odradek_call_free(call);
    }
    sdk_consumer_close(client->consumer);
    sdk_producer_close(client->producer);
    if (client->wake_fd >= 0) {
        (void)close(client->wake_fd);
    }
    odk_map_release(&client->calls);
    odk_buf_release(&client->buf);
    odk_arena_release(&client->arena);
    codec_free(client->codec);
    odradek_config_free(client->config);
    free(client);
}

/** Takes a call out of flight; a submitted one goes into the list of those to
 * be handed back. */
static void
finish(struct odradek_client *client, struct odradek_call *call)
{
    odk_map_remove(&client->calls, &call->node);
    call->is_in_flight = false;
    call->next = NULL;
    if (call->is_run) {
        return;
    }
    if (client->first) {
        client->end->next = call;
    } else {
        client->first = call;
    }
    client->end = call;
}

static struct odradek_call *
find(const struct odradek_client *client, struct odk_str correlation_id)
{
    struct odk_map_node *node = odk_map_find(&client->calls, correlation_id);

    return node ? ODK_CONTAINER(node, struct odradek_call, node) : NULL;
}

/** The number stands for the call, which may be gone by now. */
static void
correlate(const struct odradek_client *client, uint64_t number,
          char out[SDK_CORRELATION_MAX])
{
    (void)snprintf(out, SDK_CORRELATION_MAX, "%s-%llu", client->uuid,
                   (unsigned long long)number);
}

static void
on_ack(struct odradek_client *client, const struct sdk_ack *ack)
{
    char id[SDK_CORRELATION_MAX];

    correlate(client, (uint64_t)(uintptr_t)ack->opaque, id);
    struct odradek_call *call = find(client, odk_str(id));

    if (!call || call->state != ODRADEK_CALL_SENDING) {
        return;
    }
    call->state = ack->code == 0 ? ODRADEK_CALL_SENT : ODRADEK_CALL_FAILED;
    call->failure = ack->code == 0 ? NULL : ack->text;
    if (sdk_call_is_done(call)) {
        finish(client, call);
    }
}

static void
on_reply(struct odradek_client *client, const struct sdk_event *event)
{
    /* Most replies of a shared partition are for others. */
    struct odradek_call *call = find(client, event->key);
    struct codec_record record;
    struct odk_err err = {0};

    if (!call) {
        return;
    }
    odk_arena_reset(&client->arena);
    int ret = codec_decode(client->codec, event->value, &client->arena, &record,
                           &err);

    if (ret == 0 && record.kind == CODEC_REPLY) {
        ret = sdk_call_answer(call, &record.reply);
    }
    if (ret != 0) {
        sdk_log(client->config, 4, "a reply cannot be read: %s", err.message);
    } else if (sdk_call_is_done(call)) {
        finish(client, call);
    }
}

/** One round: acknowledgements and replies. */
static void
work(struct odradek_client *client)
{
    struct sdk_event event;

    read_acks(client);
    while (sdk_consumer_next(client->consumer, &event)) {
        if (event.kind == SDK_EVENT_RECORD) {
            on_reply(client, &event);
        } else if (event.kind == SDK_EVENT_ERROR) {
            sdk_log(client->config, 6, "kafka: %s", event.text);
        }
    }
}

/** Encodes and sends a call, and puts it in flight. */
static int
send_call(struct odradek_client *client, struct odradek_call *call,
          struct odk_err *err)
{
    char key[2 * 1024 + 2];

    sdk_call_renew(call);
    if (!odk_str_starts(odk_str(call->correlation_id), odk_str(client->uuid))) {
        correlate(client, ++client->last, call->correlation_id);
    }
    odk_buf_clear(&client->buf);
    int ret = sdk_call_encode(call, client->codec, &client->place,
                              client->config->name_space, &client->buf, err);

    if (ret != 0) {
        return ret;
    }
    int len = snprintf(key, sizeof(key), "%s/%s",
                       call->name_space ? call->name_space
                                        : client->config->name_space,
                       call->workflow_id);

    if (len < 0 || (size_t)len >= sizeof(key)) {
        return odk_err_set(err, ODK_EINVAL, "the workflow id is too long");
    }
    const char *number = strrchr(call->correlation_id, '-') + 1;
    const struct sdk_record record = {
        .topic = TOPIC_COMMANDS,
        .key = odk_str_n(key, (size_t)len),
        .value = odk_buf_str(&client->buf),
        .opaque = (void *)(uintptr_t)strtoull(number, NULL, 10),
    };
    call->state = ODRADEK_CALL_SENDING;
    call->is_in_flight = true;
    odk_map_add(&client->calls, &call->node, odk_str(call->correlation_id));
    ret = sdk_producer_send(client->producer, &record, err);
    if (ret != 0) {
        odk_map_remove(&client->calls, &call->node);
        call->is_in_flight = false;
        call->state = ODRADEK_CALL_FAILED;
        call->failure = "not sent";
    }
    return ret;
}

int
odradek_client_submit(struct odradek_client *client, struct odradek_call **call,
                      char *why, size_t why_size)
{
    struct odk_err err = {0};

    if (!call || !*call || (*call)->is_in_flight) {
        return sdk_fail(why, why_size, ODRADEK_ESTATE,
                        "the call is in flight already");
    }
    if (client->calls.count >= (size_t)client->config->calls_max) {
        return sdk_fail(why, why_size, ODRADEK_ELIMIT,
                        "calls.max (%lld) are in flight",
                        (long long)client->config->calls_max);
    }
    (*call)->is_run = false;
    int ret = send_call(client, *call, &err);

    if (ret != 0) {
        return sdk_fail(why, why_size,
                        ret == ODK_EAGAIN ? ODRADEK_ELIMIT : sdk_error_of(ret),
                        "%s", err.message);
    }
    client->n_submitted++;
    *call = NULL;
    return 0;
}

static int64_t
deadline(int64_t timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX : sdk_ticks_ms() + timeout_ms;
}

struct odradek_call *
odradek_client_poll(struct odradek_client *client, int64_t timeout_ms)
{
    int64_t until = timeout_ms == 0 ? 0 : deadline(timeout_ms);

    if (!client->first) {
        work(client);
    }
    while (!client->first && client->n_submitted > 0 && until > 0 &&
           sdk_ticks_ms() < until) {
        rest(client, until);
        work(client);
    }
    struct odradek_call *call = client->first;

    if (call) {
        client->first = call->next;
        client->n_submitted--;
    }
    return call;
}

size_t
odradek_client_in_flight(const struct odradek_client *client)
{
    return client->n_submitted;
}

int
odradek_client_run(struct odradek_client *client, struct odradek_call *call,
                   int64_t timeout_ms, char *why, size_t why_size)
{
    struct odk_err err = {0};
    int64_t until = deadline(timeout_ms);

    if (!call || call->is_in_flight) {
        return sdk_fail(why, why_size, ODRADEK_ESTATE,
                        "the call is in flight already");
    }
    call->is_run = true;
    int ret = send_call(client, call, &err);

    if (ret != 0) {
        return sdk_fail(why, why_size, sdk_error_of(ret), "%s", err.message);
    }
    while (call->is_in_flight && sdk_ticks_ms() < until) {
        rest(client, until);
        work(client);
    }
    if (call->is_in_flight) {
        odk_map_remove(&client->calls, &call->node);
        call->is_in_flight = false;
        return sdk_fail(why, why_size, ODRADEK_ETIMEDOUT,
                        "%s: no answer within %lld ms", call->workflow_id,
                        (long long)timeout_ms);
    }
    if (call->state == ODRADEK_CALL_FAILED) {
        return sdk_fail(why, why_size, ODRADEK_ECONN, "%s: not sent: %s",
                        call->workflow_id, call->failure);
    }
    return 0;
}
