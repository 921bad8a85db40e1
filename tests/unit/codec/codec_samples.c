#include "codec_samples.h"

#include <string.h>

struct codec_history_record
codec_sample_history(void)
{
    static struct codec_timer_set timers_set[] = {{7, 1000}, {8, -1}};
    static int64_t timers_dropped[] = {3, INT64_MIN, INT64_MAX};
    static struct codec_output_ref outputs[] = {
        {ODK_STR_INIT("odradek.tasks.pay"), 4, 99},
        {ODK_STR_INIT(""), -1, 1ll << 40},
    };
    struct codec_history_record out;

    codec_history_record_init(&out);
    out.shard = 4;
    out.namespace = ODK_STR("default");
    out.workflow_id = ODK_STR("order-1");
    out.run_id = ODK_STR("0193a5d0-0000-7000-8000-000000000001");
    out.version = 2;
    out.timestamp = 1764032400000;
    out.definition = ODK_STR("order");
    out.definition_version = 1;
    out.status = CODEC_EXECUTION_STATUS_TIMED_OUT;
    out.has_origin = true;
    out.origin = (struct codec_origin){ODK_STR("odradek.commands"), 4, 12};
    out.has_timer_id = true;
    out.timer_id = 7;
    out.request_id = ODK_STR("r-1");
    out.has_source = true;
    out.source = (struct codec_source){ODK_STR("shard/1"), 5};
    out.first_event_id = 3;
    out.last_event_id = 9;
    out.entries = ODK_STR("[{\"id\":3}]");
    out.n_timers_set = 2;
    out.timers_set = timers_set;
    out.n_timers_dropped = 3;
    out.timers_dropped = timers_dropped;
    out.n_outputs = 2;
    out.outputs = outputs;
    memset(out.chain, 0xAB, sizeof(out.chain));
    out.request_digest = ODK_STR("digest");
    return out;
}

struct codec_start_workflow
codec_sample_start(void)
{
    struct codec_start_workflow out;

    codec_start_workflow_init(&out);
    out.request_id = ODK_STR("r-1");
    out.namespace = ODK_STR("default");
    out.workflow_id = ODK_STR("order-1");
    out.definition = ODK_STR("order");
    out.has_definition_version = true;
    out.definition_version = 3;
    out.input = ODK_STR("{\"id\":1}");
    out.conflict_policy = CODEC_CONFLICT_POLICY_USE_EXISTING;
    out.has_execution_timeout_ms = true;
    out.execution_timeout_ms = 60000;
    out.has_reply = true;
    out.reply = (struct codec_reply_to){ODK_STR("odradek.replies.default"), 0,
                                        ODK_STR("c-1")};
    return out;
}

struct codec_task_failed
codec_sample_failed(void)
{
    struct codec_task_failed out;

    codec_task_failed_init(&out);
    out.namespace = ODK_STR("n");
    out.workflow_id = ODK_STR("w");
    out.run_id = ODK_STR("r");
    out.activity_id = 2;
    out.attempt = 1;
    out.token = ODK_STR("t");
    out.error = ODK_STR("E");
    out.effect = CODEC_TASK_EFFECT_UNKNOWN;
    return out;
}
