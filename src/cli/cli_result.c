#include <time.h>

#include "cli/cli_client.h"
#include "cli/cli_look.h"
#include "engine/engine.h"
#include "json/json.h"

/* Waits by looking again, ever less often: a client that wants the answer at
 * once starts with --wait. */
#define PAUSE_MS_MIN 100
#define PAUSE_MS_MAX 2000

static int
show(struct cli_look *look)
{
    struct cli *cli = look->cli;
    json_t *state = cli_look_state(look);
    const char *status =
        engine_status_name((enum engine_status)look->row.status);
    json_t *output = json_get(state, "output");

    if (!state) {
        return CLI_FAILED;
    }
    int code = look->row.status == ENGINE_SUCCEEDED ? CLI_OK : CLI_FAILED;
    if (cli->is_json) {
        char run[ODK_UUID_TEXT_LEN + 1];
        odk_uuid_format(&look->row.run_id, run);
        cli_put_json(cli, json_pack("{s:o, s:s, s:s, s:O*, s:O*, s:O*}",
                                    "workflow_id",
                                    cli_json_str(look->row.workflow_id),
                                    "run_id", run, "status", status, "output",
                                    output, "error", json_get(state, "error"),
                                    "cause", json_get(state, "cause")));
    } else if (code == CLI_OK) {
        json_put(&cli->out, output);
        odk_buf_put_char(&cli->out, '\n');
    } else {
        struct odk_str error = json_str(json_get(state, "error"));
        struct odk_str cause = json_str(json_get(state, "cause"));
        code = cli_fail(cli, CLI_FAILED, "%.*s %s: %.*s%s%.*s",
                        ODK_STR_ARG(look->row.workflow_id), status,
                        ODK_STR_ARG(error), cause.len ? ": " : "",
                        ODK_STR_ARG(cause));
    }
    json_decref(state);
    return code;
}

static void
rest(odk_dur_ms ms)
{
    struct timespec pause = {.tv_sec = ms / 1000,
                             .tv_nsec = (ms % 1000) * 1000000};

    (void)nanosleep(&pause, NULL);
}

/* Looks until the run has ended or the time is over. */
static int
wait_end(struct cli_look *look, odk_time_ms give_up_at)
{
    struct odk_uuid run_id = look->row.run_id;
    odk_dur_ms pause = PAUSE_MS_MIN;
    struct odk_err err = {0};
    struct odk_arena names;

    odk_arena_init(&names, 0);
    struct odk_str space = odk_arena_str(&names, look->row.namespace_);
    struct odk_str id = odk_arena_str(&names, look->row.workflow_id);
    int rc = 0;
    while (rc == 0 && look->row.status == ENGINE_RUNNING) {
        odk_dur_ms left = give_up_at - cli_now();
        if (left <= 0) {
            break;
        }
        rest(pause < left ? pause : left);
        pause = pause * 3 / 2 > PAUSE_MS_MAX ? PAUSE_MS_MAX : pause * 3 / 2;
        odk_arena_reset(&look->arena);
        rc = store_pg_describe(look->query, space, id, &run_id, &look->arena,
                               &look->row, &err);
    }
    odk_arena_release(&names);
    return rc == 0 ? CLI_OK : cli_fail_err(look->cli, &err);
}

int
cli_result(struct cli *cli, const struct cli_args *args)
{
    int64_t timeout_ms = INT64_MAX;
    struct cli_look look = {0};
    int code = cli_duration_flag(cli, args, "timeout", &timeout_ms);

    if (code != CLI_OK) {
        return code;
    }
    code = cli_look_open(&look, cli, args);
    if (code == CLI_OK) {
        code = wait_end(&look, odk_time_add(cli_now(), timeout_ms));
    }
    if (code == CLI_OK && look.row.status == ENGINE_RUNNING) {
        code = cli_fail(
            cli, CLI_TIMED_OUT, "%s is still running%s", args->words[0],
            look.row.is_stuck ? "; its compensation is stuck, see `odradek "
                                "describe`"
                              : "");
    } else if (code == CLI_OK) {
        code = show(&look);
    }
    cli_look_close(&look);
    return code;
}
