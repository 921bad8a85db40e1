#include "cli/cli_connect.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli_output.h"

static void
log_nothing(void *ctx, int severity, const char *facility, const char *text)
{
    (void)ctx;
    (void)severity;
    (void)facility;
    (void)text;
}

void
cli_kafka_options(const struct config *config, struct cli_kafka *out)
{
    size_t n = 0;
    const struct config_passed *passed = config_kafka(config, &n);

    *out = (struct cli_kafka){0};
    for (size_t i = 0; i < n; i++) {
        out->properties[i] =
            (struct bus_kafka_property){passed[i].name, passed[i].value};
    }
    /* What librdkafka logs about an attempt, the error that comes back says
     * better. */
    out->options = (struct bus_kafka_options){
        .bootstrap = config_str(config, CONFIG_KAFKA_BOOTSTRAP),
        .client_id = config_str(config, CONFIG_KAFKA_CLIENT_ID),
        .session_ms = config_i64(config, CONFIG_KAFKA_SESSION),
        .connect_ms_max = config_i64(config, CONFIG_KAFKA_CONNECT),
        .linger_us = config_i64(config, CONFIG_KAFKA_LINGER) * 1000,
        .properties = out->properties,
        .n_properties = n,
        .log = log_nothing,
    };
}

void
cli_postgres_options(const struct config *config, struct odk_buf *conninfo,
                     struct store_pg_options *out)
{
    odk_buf_put_cstr(conninfo, "");
    config_conninfo(config, conninfo);
    *out = (struct store_pg_options){
        .conninfo = odk_buf_str(conninfo).ptr,
        .application_name = "odradek",
        .connect_ms_max = config_i64(config, CONFIG_POSTGRES_CONNECT),
        .lock_wait_ms_max = config_i64(config, CONFIG_POSTGRES_LOCK_WAIT),
    };
}

int
cli_query_open(struct cli *cli, struct store_pg_query **out)
{
    struct odk_err err = {0};
    struct odk_buf conninfo;
    struct store_pg_options options;

    *out = NULL;
    odk_buf_init(&conninfo, 0);
    cli_postgres_options(cli->config, &conninfo, &options);
    int rc = store_pg_query_open(&options, out, &err);
    odk_buf_release(&conninfo);
    return rc == 0 ? CLI_OK : cli_fail_err(cli, &err);
}

/* ---- codec ---- */

static int
learn_kinds(const struct config *config, struct registry *registry,
            struct codec *codec, struct odk_err *err)
{
    static const struct {
        const char *topic;
        enum codec_kind kind;
    } kinds[] = {
        {"odradek.commands", CODEC_START_WORKFLOW},
        {"odradek.commands", CODEC_SIGNAL_WORKFLOW},
        {"odradek.commands", CODEC_CANCEL_WORKFLOW},
        {"odradek.commands", CODEC_TERMINATE_WORKFLOW},
        {"odradek.commands", CODEC_RESOLVE_COMPENSATION},
        {"odradek.commands", CODEC_OPERATE_OUTPUT},
        {"odradek.commands", CODEC_FORWARDED_RECORD},
        {"odradek.results", CODEC_TASK_STARTED},
        {"odradek.results", CODEC_TASK_SUCCEEDED},
        {"odradek.results", CODEC_TASK_FAILED},
        {"odradek.results", CODEC_TASK_HEARTBEAT},
        {"odradek.tasks", CODEC_TASK},
        {"odradek.cancels", CODEC_CANCEL_TASK},
        {"odradek.replies", CODEC_REPLY},
        {"odradek.history", CODEC_HISTORY_RECORD},
        {"odradek.history", CODEC_SHARD_PROGRESS},
        {"odradek.definitions", CODEC_DEFINITION_PUBLISHED},
        {"odradek.definitions", CODEC_BINDING_PUBLISHED},
    };
    enum registry_missing missing =
        config_choice(config, CONFIG_REGISTRY_MISSING) == 0 ? REGISTRY_ADD
                                                            : REGISTRY_REFUSE;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ODK_ARRAY_LEN(kinds); i++) {
        rc = registry_learn_kind(registry, codec, odk_str(kinds[i].topic),
                                 kinds[i].kind, missing, err);
    }
    return rc;
}

static int
open_registry(const struct config *config, struct registry **out,
              struct odk_err *err)
{
    struct registry_options options = {
        .urls = config_str(config, CONFIG_REGISTRY_URLS),
        .user = config_str(config, CONFIG_REGISTRY_USER),
        .password = config_str(config, CONFIG_REGISTRY_PASSWORD),
        .ca_file = config_str(config, CONFIG_REGISTRY_CA),
    };

    options.user = options.user[0] ? options.user : NULL;
    options.ca_file = options.ca_file[0] ? options.ca_file : NULL;
    return options.urls[0] ? registry_new(&options, out, err) : 0;
}

int
cli_codec_new(const struct config *config, struct codec **out,
              struct registry **registry, struct odk_err *err)
{
    bool is_confluent = config_choice(config, CONFIG_CODEC_FRAMING) == 1;
    struct codec_options options = {
        .framing = is_confluent ? CODEC_FRAMING_CONFLUENT
                                : CODEC_FRAMING_SINGLE_OBJECT,
    };
    struct codec *codec = codec_new(&options);
    struct registry *opened = NULL;
    int rc = open_registry(config, &opened, err);

    if (rc == 0 && is_confluent) {
        odk_assert(opened); /* config_finish has seen to it */
        rc = learn_kinds(config, opened, codec, err);
    }
    if (rc == 0 && registry) {
        *registry = opened;
        opened = NULL;
    }
    if (rc != 0) {
        codec_free(codec);
        codec = NULL;
    }
    registry_free(opened);
    *out = codec;
    return rc;
}

int
cli_codec_open(struct cli *cli, struct codec **out)
{
    struct odk_err err = {0};

    return cli_codec_new(cli->config, out, NULL, &err) == 0
               ? CLI_OK
               : cli_fail_err(cli, &err);
}

/* ---- files ---- */

int
cli_read_file(const char *path, size_t bytes_max, struct odk_buf *out,
              struct odk_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    size_t got = 1;

    if (!file) {
        return odk_err_set(err, ODK_ENOTFOUND, "%s cannot be read: %s", path,
                           strerrordesc_np(errno));
    }
    while (got > 0 && out->len <= bytes_max) {
        char *room = odk_buf_reserve(out, 65536);
        got = room ? fread(room, 1, 65536, file) : 0;
        odk_buf_commit(out, got);
    }
    bool is_failed = ferror(file) != 0;
    if (!is_stdin) {
        (void)fclose(file);
    }
    if (is_failed) {
        return odk_err_set(err, ODK_EIO, "%s cannot be read", path);
    }
    if (out->len > bytes_max) {
        return odk_err_set(err, ODK_ETOOBIG, "%s has more than %zu bytes", path,
                           bytes_max);
    }
    return 0;
}

void
cli_who(const struct cli *cli, struct odk_buf *out)
{
    char host[256] = "";
    struct odk_str user = ODK_STR("someone");

    for (const char *const *line = cli->variables; *line; line++) {
        if (strncmp(*line, "USER=", 5) == 0) {
            user = odk_str(*line + 5);
        }
    }
    (void)gethostname(host, sizeof(host) - 1);
    odk_buf_put_str(out, user);
    odk_buf_put_char(out, '@');
    odk_buf_put_cstr(out, host);
}
