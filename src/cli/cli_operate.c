#include "cli/cli_operate.h"

#include <stdio.h>

#include "cli/cli_output.h"
#include "lane/lane.h"

#define REPLIES       "odradek.replies.default"
#define ANSWER_MS_MAX 30000
#define STEP_MS       200

int
cli_operate_open(struct cli_operate *operate, struct cli *cli)
{
    struct odk_err err = {0};

    *operate = (struct cli_operate){0};
    int code = cli_codec_open(cli, &operate->codec);
    if (code != CLI_OK) {
        return code;
    }
    if (cli_topic_open(&operate->replies, cli, REPLIES, &err) != 0) {
        codec_free(operate->codec);
        return cli_fail_err(cli, &err);
    }
    odk_arena_init(&operate->arena, 0);
    return CLI_OK;
}

void
cli_operate_close(struct cli_operate *operate)
{
    cli_topic_close(&operate->replies);
    codec_free(operate->codec);
    odk_arena_release(&operate->arena);
}

/* The partition is read from its end as of now: the answer lies behind it. */
static int
listen(struct cli_operate *operate, const struct codec_reply_to *reply,
       struct odk_err *err)
{
    int64_t start = 0;
    int64_t end = 0;
    int rc =
        cli_topic_range(&operate->replies, reply->partition, &start, &end, err);

    return rc ? rc
              : cli_topic_start(&operate->replies, reply->partition, end, err);
}

static int
post(struct cli_operate *operate, const struct codec_operate_output *command,
     struct odk_err *err)
{
    struct odk_buf value;
    char key[64];
    int len = snprintf(key, sizeof(key), "%s/%d", LANE_OUTBOX_NAMESPACE,
                       command->shard);

    odk_buf_init(&value, 0);
    int rc = codec_encode(operate->codec, CODEC_OPERATE_OUTPUT, command, &value,
                          err);
    struct bus_record record = {.topic = ODK_STR(LANE_TOPIC_COMMANDS),
                                .partition = command->shard,
                                .key = odk_str_n(key, (size_t)len),
                                .value = odk_buf_str(&value)};
    rc = rc ? rc : cli_topic_post(&operate->replies, &record, err);
    odk_buf_release(&value);
    return rc;
}

/* The answer to our question among the records read, or false. */
static bool
find_answer(struct cli_operate *operate, const struct bus_batch *batch,
            struct odk_str correlation_id, struct codec_reply *out)
{
    struct codec_record record;

    for (size_t i = 0; i < batch->n_messages; i++) {
        const struct bus_message *message = &batch->messages[i];
        if (odk_str_eq(message->key, correlation_id) && message->value.ptr &&
            codec_decode(operate->codec,
                         odk_arena_str(&operate->arena, message->value),
                         &operate->arena, &record, NULL) == 0 &&
            record.kind == CODEC_REPLY) {
            *out = record.reply;
            return true;
        }
    }
    return false;
}

static int
await_answer(struct cli_operate *operate, struct odk_str correlation_id,
             struct codec_reply *out, struct odk_err *err)
{
    odk_time_ms give_up_at = cli_now() + ANSWER_MS_MAX;
    struct bus_batch batch = {0};

    while (cli_now() < give_up_at) {
        int rc = cli_topic_read(&operate->replies, STEP_MS, &batch, err);
        if (rc == 0) {
            rc = cli_topic_ack(&batch, err);
        }
        if (rc < 0) {
            return rc;
        }
        if (find_answer(operate, &batch, correlation_id, out)) {
            return 0;
        }
    }
    return odk_err_set(err, ODK_ETIMEOUT,
                       "no answer within %d s: is `odradek serve` running, and "
                       "does the shard have an owner (`odradek shards`)? Kafka "
                       "may have the command, then it will be done",
                       ANSWER_MS_MAX / 1000);
}

int
cli_operate_output(struct cli_operate *operate,
                   struct codec_operate_output *command,
                   struct codec_reply *out, struct odk_err *err)
{
    char correlation[ODK_UUID_TEXT_LEN + 1];

    cli_random_id(correlation);
    odk_arena_reset(&operate->arena);
    command->has_reply = true;
    command->reply = (struct codec_reply_to){
        ODK_STR(REPLIES),
        odk_partition(odk_str(correlation), operate->replies.partitions),
        odk_str(correlation)};
    int rc = listen(operate, &command->reply, err);
    rc = rc ? rc : post(operate, command, err);
    return rc ? rc : await_answer(operate, odk_str(correlation), out, err);
}
