#include "cli/cli_client.h"

#include <stdio.h>

#include "cli/cli_connect.h"
#include "cli/cli_output.h"
#include "json/json.h"
#include "sdk/odradek.h"

/*
 * What asks something of a workflow: commands through Kafka by the SDK, like
 * any other client.
 */

#define INPUT_BYTES_MAX ((size_t)1 << 20)
#define ANSWER_MS       30000
#define WHY_BYTES       512

static void
log_nothing(void *ctx, int severity, const char *text)
{
    (void)ctx;
    (void)severity;
    (void)text;
}

/* ---- the connection ---- */

enum cli_exit
cli_exit_of_sdk(int rc)
{
    switch (rc) {
    case ODRADEK_EINVAL:
    case ODRADEK_ETOOBIG:
        return CLI_USAGE;
    case ODRADEK_ECONN:
        return CLI_UNAVAILABLE;
    case ODRADEK_EAUTH:
        return CLI_DENIED;
    case ODRADEK_ENOTFOUND:
        return CLI_NOT_FOUND;
    case ODRADEK_ETIMEDOUT:
        return CLI_TIMED_OUT;
    default:
        return CLI_FAILED;
    }
}

int
cli_sdk_options(const struct config *config, struct odradek_config *options,
                char *why)
{
    size_t n = 0;
    const struct config_passed *passed = config_kafka(config, &n);
    char number[32];
    char name[256];
    int rc = odradek_config_set(options, "bootstrap",
                                config_str(config, CONFIG_KAFKA_BOOTSTRAP), why,
                                WHY_BYTES);

    (void)snprintf(number, sizeof(number), "%lld",
                   (long long)config_i64(config, CONFIG_KAFKA_CONNECT));
    if (rc == 0) {
        rc = odradek_config_set(options, "connect.timeout.ms", number, why,
                                WHY_BYTES);
    }
    if (rc == 0) {
        rc = odradek_config_set(options, "namespace",
                                config_str(config, CONFIG_NAMESPACE), why,
                                WHY_BYTES);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        bool is_sided = strncmp(passed[i].name, "consumer.", 9) == 0 ||
                        strncmp(passed[i].name, "producer.", 9) == 0;
        (void)snprintf(name, sizeof(name), "kafka.%s",
                       passed[i].name + (is_sided ? 9 : 0));
        rc = odradek_config_set(options, name, passed[i].value, why, WHY_BYTES);
    }
    return rc;
}

static int
open_client(struct cli *cli, struct odradek_client **out)
{
    struct odradek_config *config = odradek_config_new();
    char why[WHY_BYTES] = "";

    if (!config) {
        odk_out_of_memory();
    }
    odradek_config_set_log(config, log_nothing, NULL);
    int rc = cli_sdk_options(cli->config, config, why);
    if (rc == 0) {
        rc = odradek_client_open(config, out, why, sizeof(why));
    }
    odradek_config_free(config);
    return rc == 0 ? CLI_OK
                   : cli_fail(cli, cli_exit_of_sdk(rc), "%s",
                              why[0] ? why : odradek_strerror(rc));
}

/* ---- flags to calls ---- */

int
cli_duration_flag(struct cli *cli, const struct cli_args *args,
                  const char *name, int64_t *out)
{
    const char *text = cli_flag(args, name);

    if (text && (!config_parse_duration(odk_str(text), out) || *out < 1)) {
        return cli_fail(cli, CLI_USAGE,
                        "--%s: give a duration such as 500ms, 30s, 5m, 1h",
                        name);
    }
    return CLI_OK;
}

/* JSON text, @file or - for standard input; checked here, as a wrong one would
 * only fail the run. */
static int
set_payload(struct cli *cli, struct odradek_call *call, const char *text)
{
    struct odk_err err = {0};
    struct odk_buf buf;
    int code = CLI_OK;

    odk_buf_init(&buf, 0);
    if (text[0] == '@' || strcmp(text, "-") == 0) {
        const char *path = text[0] == '@' ? text + 1 : "-";
        if (cli_read_file(path, INPUT_BYTES_MAX, &buf, &err) != 0) {
            code = cli_fail_err(cli, &err);
        }
    } else {
        odk_buf_put_cstr(&buf, text);
    }
    json_t *parsed =
        code == CLI_OK ? json_parse(odk_buf_str(&buf), &err) : NULL;
    if (code == CLI_OK && !parsed) {
        code = cli_fail(cli, CLI_USAGE, "the payload is not JSON: %s",
                        err.message);
    }
    json_decref(parsed);
    if (code == CLI_OK) {
        int rc = odradek_call_set_input(call, buf.ptr, buf.len);
        code = rc == 0 ? CLI_OK
                       : cli_fail(cli, CLI_USAGE, "the payload: %s",
                                  odradek_strerror(rc));
    }
    odk_buf_release(&buf);
    return code;
}

/* Index of a word in a list, or -1, said. */
static int
word_index(struct cli *cli, const struct cli_args *args, const char *flag,
           const char *const *words)
{
    const char *text = cli_flag(args, flag);
    int i = 0;

    while (text && words[i] && strcmp(words[i], text) != 0) {
        i++;
    }
    if (text && !words[i]) {
        (void)cli_fail(cli, CLI_USAGE, "--%s: give %s, %s or %s", flag,
                       words[0], words[1], words[2]);
        return -1;
    }
    return i;
}

static int
set_common(struct cli *cli, struct odradek_call *call,
           const struct cli_args *args)
{
    const char *request_id = cli_flag(args, "request-id");
    int rc = request_id ? odradek_call_set_request_id(call, request_id) : 0;

    return rc == 0 ? CLI_OK
                   : cli_fail(cli, CLI_USAGE, "--request-id: %s",
                              odradek_strerror(rc));
}

static int
set_run(struct cli *cli, struct odradek_call *call, const struct cli_args *args)
{
    const char *run = cli_flag(args, "run");
    const char *reason = cli_flag(args, "reason");
    int rc = run ? odradek_call_set_run_id(call, run) : 0;

    if (rc != 0) {
        return cli_fail(cli, CLI_USAGE, "--run: give a run id (a UUID)");
    }
    rc = reason ? odradek_call_set_reason(call, reason) : 0;
    if (rc != 0) {
        return cli_fail(cli, CLI_USAGE, "--reason: %s", odradek_strerror(rc));
    }
    return set_common(cli, call, args);
}

/* ---- the answer ---- */

static json_t *
call_json(const struct odradek_call *call)
{
    static const char *const states[] = {
        "NEW", "SENDING", "SENT", "ACCEPTED", "REJECTED", "CLOSED", "FAILED"};
    size_t size = 0;
    const char *output = odradek_call_output(call, &size);
    json_t *shown = json_pack(
        "{s:s, s:s, s:s, s:s?, s:s*, s:s*, s:s*, s:s*, s:s*}", "state",
        states[odradek_call_state(call)], "workflow_id",
        odradek_call_workflow_id(call), "request_id",
        odradek_call_request_id(call), "run_id", odradek_call_run_id(call),
        "code", odradek_call_code(call), "message", odradek_call_message(call),
        "status", odradek_call_status(call), "error", odradek_call_error(call),
        "cause", odradek_call_cause(call));

    if (output) {
        json_t *value = json_parse(odk_str_n(output, size), NULL);
        json_set(shown, ODK_STR("output"),
                 value ? value : cli_json_str(odk_str_n(output, size)));
    }
    return shown;
}

static int
closed(struct cli *cli, const struct odradek_call *call)
{
    const char *status = odradek_call_status(call);
    size_t size = 0;
    const char *output = odradek_call_output(call, &size);

    if (strcmp(status, "SUCCEEDED") == 0) {
        if (!cli->is_json) {
            odk_buf_put(&cli->out, output ? output : "", size);
            odk_buf_put_char(&cli->out, '\n');
        }
        return CLI_OK;
    }
    return cli->is_json
               ? CLI_FAILED
               : cli_fail(
                     cli, CLI_FAILED, "%s %s: %s%s%s",
                     odradek_call_workflow_id(call), status,
                     odradek_call_error(call) ? odradek_call_error(call) : "",
                     odradek_call_cause(call) ? ": " : "",
                     odradek_call_cause(call) ? odradek_call_cause(call) : "");
}

static enum cli_exit
rejection(const struct odradek_call *call)
{
    return odk_str_ends(odk_str(odradek_call_code(call)), ODK_STR("NotFound"))
               ? CLI_NOT_FOUND
               : CLI_REJECTED;
}

static int
answer(struct cli *cli, const struct odradek_call *call, const char *done)
{
    if (cli->is_json) {
        cli_put_json(cli, call_json(call));
    }
    switch (odradek_call_state(call)) {
    case ODRADEK_CALL_ACCEPTED:
        if (!cli->is_json) {
            cli_printf(cli, "%s %s, run %s\n", done,
                       odradek_call_workflow_id(call),
                       odradek_call_run_id(call) ? odradek_call_run_id(call)
                                                 : "unknown");
        }
        return CLI_OK;
    case ODRADEK_CALL_CLOSED:
        return closed(cli, call);
    case ODRADEK_CALL_REJECTED:
        return cli->is_json ? (int)rejection(call)
                            : cli_fail(cli, rejection(call), "rejected: %s: %s",
                                       odradek_call_code(call),
                                       odradek_call_message(call)
                                           ? odradek_call_message(call)
                                           : "");
    case ODRADEK_CALL_SENT:
        cli_note(cli,
                 "Sent. With codec.framing = confluent the answer cannot be "
                 "read here; `odradek describe %s` shows what came of it.",
                 odradek_call_workflow_id(call));
        return CLI_OK;
    case ODRADEK_CALL_NEW:
    case ODRADEK_CALL_SENDING:
    case ODRADEK_CALL_FAILED:
        break;
    }
    return CLI_FAILED;
}

/* Sends, waits, says what became of it. */
static int
ask(struct cli *cli, struct odradek_call *call, int64_t wait_ms,
    const char *done)
{
    struct odradek_client *client = NULL;
    char why[WHY_BYTES] = "";
    int code = open_client(cli, &client);

    if (code != CLI_OK) {
        return code;
    }
    bool is_answer_readable =
        config_choice(cli->config, CONFIG_CODEC_FRAMING) == 0;
    if (!is_answer_readable) {
        (void)odradek_call_set_await(call, ODRADEK_AWAIT_SENT);
    }
    int rc = odradek_client_run(client, call, wait_ms, why, sizeof(why));
    if (rc == ODRADEK_ETIMEDOUT &&
        odradek_call_state(call) == ODRADEK_CALL_ACCEPTED) {
        code = cli_fail(cli, CLI_TIMED_OUT,
                        "%s is still running; `odradek result %s` waits on",
                        odradek_call_workflow_id(call),
                        odradek_call_workflow_id(call));
    } else if (rc == ODRADEK_ETIMEDOUT) {
        code = cli_fail(
            cli, CLI_TIMED_OUT,
            "no answer within %lld s: is `odradek serve` running? Kafka has "
            "the command, it will be done; repeat it without doubling it by "
            "--request-id %s",
            (long long)wait_ms / 1000, odradek_call_request_id(call));
    } else if (rc != 0) {
        code = cli_fail(cli, cli_exit_of_sdk(rc), "%s",
                        why[0] ? why : odradek_strerror(rc));
    } else {
        code = answer(cli, call, done);
    }
    odradek_client_close(client);
    return code;
}

static struct odradek_call *
must(struct odradek_call *call)
{
    if (!call) {
        odk_out_of_memory();
    }
    return call;
}

/* ---- start ---- */

static int
set_policies(struct cli *cli, struct odradek_call *call,
             const struct cli_args *args)
{
    static const char *const reuses[] = {"allow", "allow-failed-only", "reject",
                                         NULL};
    static const char *const conflicts[] = {"fail", "use-existing",
                                            "terminate-existing", NULL};
    int reuse = word_index(cli, args, "reuse", reuses);
    int conflict =
        reuse < 0 ? -1 : word_index(cli, args, "conflict", conflicts);

    if (reuse < 0 || conflict < 0) {
        return CLI_USAGE;
    }
    (void)odradek_call_set_reuse(call, (enum odradek_reuse)reuse);
    (void)odradek_call_set_conflict(call, (enum odradek_conflict)conflict);
    return CLI_OK;
}

static int
set_start(struct cli *cli, struct odradek_call *call,
          const struct cli_args *args, int64_t *wait_ms)
{
    const char *input = cli_flag(args, "input");
    const char *version = cli_flag(args, "version");
    int64_t timeout_ms = 0;
    int64_t number = 0;
    int code = set_common(cli, call, args);

    if (code == CLI_OK) {
        code = set_payload(cli, call, input ? input : "{}");
    }
    if (code == CLI_OK) {
        code = set_policies(cli, call, args);
    }
    if (code == CLI_OK) {
        code = cli_duration_flag(cli, args, "timeout", &timeout_ms);
    }
    if (code == CLI_OK && timeout_ms > 0) {
        (void)odradek_call_set_execution_timeout(call, timeout_ms);
    }
    if (code == CLI_OK && version) {
        bool is_valid = odk_str_to_i64(odk_str(version), &number) &&
                        number > 0 && number <= INT32_MAX;
        code = is_valid ? CLI_OK
                        : cli_fail(cli, CLI_USAGE,
                                   "--version: give a version's number");
        if (is_valid) {
            (void)odradek_call_set_version(call, (int32_t)number);
        }
    }
    bool is_waiting = cli_flag(args, "wait") != NULL;
    *wait_ms = is_waiting ? -1 : ANSWER_MS;
    (void)odradek_call_set_await(call, is_waiting ? ODRADEK_AWAIT_CLOSED
                                                  : ODRADEK_AWAIT_ACCEPTED);
    return code == CLI_OK
               ? cli_duration_flag(cli, args, "wait-timeout", wait_ms)
               : code;
}

int
cli_start(struct cli *cli, const struct cli_args *args)
{
    const char *id = cli_flag(args, "id");
    char made[ODK_UUID_TEXT_LEN + 1];
    int64_t wait_ms = 0;

    if (!id) {
        cli_random_id(made);
    }
    struct odradek_call *call =
        must(odradek_start_new(id ? id : made, args->words[0]));
    int code = set_start(cli, call, args, &wait_ms);
    if (code == CLI_OK) {
        code = ask(cli, call, wait_ms, "started");
    }
    odradek_call_free(call);
    return code;
}

/* ---- the others ---- */

int
cli_signal(struct cli *cli, const struct cli_args *args)
{
    const char *payload = cli_flag(args, "payload");
    struct odradek_call *call =
        must(odradek_signal_new(args->words[0], args->words[1]));
    int code = set_payload(cli, call, payload ? payload : "null");

    if (code == CLI_OK) {
        const char *run = cli_flag(args, "run");
        code = run && odradek_call_set_run_id(call, run) != 0
                   ? cli_fail(cli, CLI_USAGE, "--run: give a run id (a UUID)")
                   : set_common(cli, call, args);
    }
    if (code == CLI_OK) {
        code = ask(cli, call, ANSWER_MS, "signalled");
    }
    odradek_call_free(call);
    return code;
}

static int
end_run(struct cli *cli, const struct cli_args *args, struct odradek_call *call,
        const char *done)
{
    int code = set_run(cli, call, args);

    if (code == CLI_OK) {
        code = ask(cli, call, ANSWER_MS, done);
    }
    odradek_call_free(call);
    return code;
}

int
cli_cancel(struct cli *cli, const struct cli_args *args)
{
    return end_run(cli, args, must(odradek_cancel_new(args->words[0])),
                   "asked to cancel");
}

int
cli_terminate(struct cli *cli, const struct cli_args *args)
{
    return end_run(cli, args, must(odradek_terminate_new(args->words[0])),
                   "terminated");
}

static int
resolve(struct cli *cli, const struct cli_args *args,
        enum odradek_resolution action, const char *done)
{
    struct odradek_call *call =
        must(odradek_resolve_new(args->words[0], action));
    const char *entry = cli_flag(args, "entry");
    const char *result =
        action == ODRADEK_COMPLETE ? cli_flag(args, "result") : NULL;
    int64_t number = 0;
    int code = set_run(cli, call, args);

    if (code == CLI_OK && entry) {
        bool is_valid = odk_str_to_i64(odk_str(entry), &number) && number > 0;
        code = is_valid ? CLI_OK
                        : cli_fail(cli, CLI_USAGE,
                                   "--entry: give the entry's number, as "
                                   "`odradek describe` shows it");
        (void)odradek_call_set_entry(call, number);
    }
    if (code == CLI_OK && action == ODRADEK_SKIP && !cli_flag(args, "reason")) {
        code = cli_fail(cli, CLI_USAGE,
                        "--reason is needed: it is recorded why this was left "
                        "undone");
    }
    if (code == CLI_OK && result) {
        code = set_payload(cli, call, result);
    }
    if (code == CLI_OK) {
        code = ask(cli, call, ANSWER_MS, done);
    }
    odradek_call_free(call);
    return code;
}

int
cli_saga_retry(struct cli *cli, const struct cli_args *args)
{
    return resolve(cli, args, ODRADEK_RETRY, "compensating again:");
}

int
cli_saga_skip(struct cli *cli, const struct cli_args *args)
{
    return resolve(cli, args, ODRADEK_SKIP, "skipped:");
}

int
cli_saga_complete(struct cli *cli, const struct cli_args *args)
{
    return resolve(cli, args, ODRADEK_COMPLETE, "recorded as done by hand:");
}
