#include "cli/cli_publish.h"

#include "cli/cli_output.h"
#include "cli/cli_topic.h"

#define TOPIC ODK_STR("odradek.definitions")

bool
cli_name_is_valid(struct odk_str name)
{
    bool is_valid = name.len > 0 && name.len <= CLI_NAME_BYTES_MAX;

    for (size_t i = 0; is_valid && i < name.len; i++) {
        char c = name.ptr[i];
        is_valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    }
    return is_valid;
}

int
cli_announce(struct cli *cli, enum codec_kind kind, const void *record,
             struct odk_str key)
{
    struct odk_err err = {0};
    struct codec *codec = NULL;
    struct odk_buf value;
    int code = cli_codec_open(cli, &codec);

    if (code != CLI_OK) {
        return code;
    }
    odk_buf_init(&value, 0);
    int rc = codec_encode(codec, kind, record, &value, &err);
    struct bus_record sent = {
        .shard = -1,
        .topic = TOPIC,
        .partition = -1,
        .key = key,
        .value = odk_buf_str(&value),
    };
    rc = rc == 0 ? cli_send(cli, &sent, &err) : rc;
    if (rc != 0) {
        code = cli_fail_err(cli, &err);
        cli_note(cli, "It is in the database, but odradek.definitions does not "
                      "have it: publish it again (`odradek topics apply` makes "
                      "the topic).");
    }
    odk_buf_release(&value);
    codec_free(codec);
    return code;
}
