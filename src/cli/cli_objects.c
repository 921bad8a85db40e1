#include "cli/cli_objects.h"

#include <signal.h>
#include <stdio.h>

#include "cli/cli_client.h"
#include "cli/cli_output.h"
#include "json/json.h"
#include "objects/objects_task.h"
#include "objects_dir/objects_dir.h"
#include "telemetry/telemetry.h"

#define WHY_BYTES 512

/* ---- tasks ---- */

static void
answer(struct odradek_task *task, json_t *output, const struct odk_err *err)
{
    struct odk_buf text;

    if (!output) {
        (void)odradek_task_fail(task, OBJECTS_ERROR, err->message,
                                ODRADEK_EFFECT_NONE);
        return;
    }
    odk_buf_init(&text, 0);
    if (json_dump(output, &text) != 0 ||
        odradek_task_succeed(task, text.ptr, text.len) != 0) {
        (void)odradek_task_fail(task, OBJECTS_ERROR,
                                "The answer is larger than a record.",
                                ODRADEK_EFFECT_NONE);
    }
    odk_buf_release(&text);
}

static void
handle(struct odradek_task *task, void *ctx)
{
    struct odk_err err = {0};
    size_t size = 0;
    const void *bytes = odradek_task_input(task, &size);
    json_t *input = json_parse(odk_str_n(bytes, size), &err);
    json_t *output = NULL;

    if (input && objects_task(ctx, odk_str(odradek_task_type(task)), input,
                              &output, &err) != 0) {
        output = NULL;
    }
    answer(task, output, &err);
    json_decref(output);
    json_decref(input);
}

int
cli_objects_worker( // NOLINT(readability-function-size): what a worker needs
    const struct config *config, struct objects *objects, odradek_log_f log,
    void *log_ctx, struct odradek_worker **out, struct odk_err *err)
{
    struct odradek_config *options = odradek_config_new();
    char why[WHY_BYTES] = "";
    char number[32];

    *out = NULL;
    if (!options) {
        odk_out_of_memory();
    }
    odradek_config_set_log(options, log, log_ctx);
    (void)snprintf(number, sizeof(number), "%lld",
                   (long long)config_i64(config, CONFIG_OBJECTS_CONCURRENCY));
    int rc = cli_sdk_options(config, options, why);
    rc = rc != 0 ? rc
                 : odradek_config_set(options, "concurrency", number, why,
                                      sizeof(why));
    rc = rc != 0 ? rc : odradek_worker_new(options, out, why, sizeof(why));
    rc = rc != 0 ? rc
                 : odradek_worker_register(*out, OBJECTS_QUEUE, "*", handle,
                                           objects);
    odradek_config_free(options);
    if (rc != 0) {
        odradek_worker_free(*out);
        *out = NULL;
        return odk_err_set(err, ODK_EINVAL, "%s",
                           why[0] ? why : odradek_strerror(rc));
    }
    return 0;
}

/* ---- a process of its own ---- */

/* A signal handler reaches nothing but this. */
static struct odradek_worker *running; // NOLINT: see above

static void
on_signal(int number)
{
    (void)number;
    odradek_worker_stop(running);
}

static void
log_line(void *ctx, int severity, const char *text)
{
    struct telemetry_log *log = ctx;
    struct odk_logger logger = telemetry_logger(log);
    enum odk_log_level level = severity <= 3   ? ODK_LOG_ERROR
                               : severity <= 4 ? ODK_LOG_WARN
                                               : ODK_LOG_INFO;

    odk_log(&logger, level, "objects.worker", "%s", text);
}

static int
work(struct cli *cli, struct odradek_worker *worker)
{
    struct sigaction action = {.sa_handler = on_signal};
    char why[WHY_BYTES] = "";

    running = worker;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    int rc = odradek_worker_run(worker, why, sizeof(why));
    return rc == 0 ? CLI_OK
                   : cli_fail(cli, cli_exit_of_sdk(rc), "%s",
                              why[0] ? why : odradek_strerror(rc));
}

int
cli_objects(struct cli *cli, const struct cli_args *args)
{
    const char *directory = config_str(cli->config, CONFIG_OBJECTS_DIRECTORY);
    int level = config_choice(cli->config, CONFIG_LOG_LEVEL);
    struct odradek_worker *worker = NULL;
    struct objects objects = {0};
    struct telemetry_log log;
    struct odk_err err = {0};

    (void)args;
    if (directory[0] == '\0') {
        return cli_fail(cli, CLI_USAGE,
                        "objects.directory says where the objects are: set it");
    }
    telemetry_log_init(&log, 2, (enum odk_log_level)level);
    int rc = objects_dir_open(directory, &objects, &err);
    rc = rc != 0 ? rc
                 : cli_objects_worker(cli->config, &objects, log_line, &log,
                                      &worker, &err);
    int code = rc == 0 ? work(cli, worker) : cli_fail_err(cli, &err);
    odradek_worker_free(worker);
    objects_close(&objects);
    return code;
}
