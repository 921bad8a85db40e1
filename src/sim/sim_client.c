#include <stdio.h>

#include "json/json.h"
#include "sim/sim_priv.h"

/* Clients: they start workflows, signal, cancel and terminate them, repeat
 * themselves, and now and then send garbage. */

static struct sim_command *
command_at(const struct sim *sim, size_t index)
{
    return &((struct sim_command *)sim->commands.items)[index];
}

/* The number in "c-17", SIZE_MAX if it is none of ours. */
static size_t
index_of(const struct sim *sim, struct odk_str text)
{
    uint64_t index = 0;

    if (!odk_str_starts(text, ODK_STR("c-")) ||
        !odk_str_to_u64(odk_str_from(text, 2), &index) ||
        index >= sim->commands.n) {
        return SIZE_MAX;
    }
    return (size_t)index;
}

/* ---- sending ---- */

void
sim_append(struct sim *sim, const char *topic, enum codec_kind kind,
           const void *record, struct odk_str workflow_id)
{
    struct odk_buf value;
    char key[128];
    int len = snprintf(key, sizeof(key), "sim/%.*s", ODK_STR_ARG(workflow_id));
    struct odk_str name = odk_str_n(key, (size_t)len);
    struct bus_record out = {.shard = -1, .topic = odk_str(topic), .key = name};

    odk_buf_init(&value, 0);
    int rc = codec_encode(sim->codec, kind, record, &value, NULL);
    odk_assert(rc == 0);
    out.value = odk_buf_str(&value);
    out.partition =
        sim_chance(&sim->rand, sim->profile.misrouted_permille)
            ? (int32_t)sim_below(&sim->rand, (uint64_t)sim->profile.partitions)
            : odk_partition(name, sim->profile.partitions);
    int64_t offset = bus_mem_append(sim->broker, &out);
    odk_assert(offset >= 0);
    sim->is_dirty = true;
    sim_trace(sim, "%s/%d/%lld: %s for %.*s", topic, out.partition,
              (long long)offset, codec_kind_name(kind),
              ODK_STR_ARG(workflow_id));
    odk_buf_release(&value);
}

static struct codec_reply_to
reply_to(struct sim *sim, size_t index, bool is_flaky)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "c-%zu", index);

    return (struct codec_reply_to){is_flaky
                                       ? ODK_STR("odradek.replies.flaky")
                                       : ODK_STR("odradek.replies.default"),
                                   is_flaky ? 0 : (int32_t)(index % 2),
                                   sim_keep(sim, odk_str_n(text, (size_t)len))};
}

/* What all commands have; its content is decided by `first` alone, so that a
 * repeat is one. */
struct draft {
    size_t index;
    size_t first;
    struct odk_rand rand;
    struct odk_str request_id;
    struct odk_str workflow_id;
    bool has_reply;
    struct codec_reply_to reply;
};

static void
send_start(struct sim *sim, struct draft *draft)
{
    struct codec_start_workflow start;
    char input[160];
    size_t n = sim->n_flows - (sim->profile.is_refusing ? 0 : 1);
    const struct sim_flow *flow = &sim->flows[sim_below(&draft->rand, n)];
    bool is_unknown = sim_chance(&draft->rand, 20);

    codec_start_workflow_init(&start);
    int len = snprintf(
        input, sizeof(input), "{\"items\":[1,2,3],\"n\":%zu%s}", draft->first,
        command_at(sim, draft->index)->is_conflict ? ",\"other\":1" : "");
    start.request_id = draft->request_id;
    start.namespace = ODK_STR("sim");
    start.workflow_id = draft->workflow_id;
    start.definition = is_unknown ? ODK_STR("nothing") : flow->name;
    start.input = odk_str_n(input, (size_t)len);
    start.reuse_policy = (enum codec_reuse_policy)(
        sim_chance(&draft->rand, 700) ? CODEC_REUSE_POLICY_ALLOW
                                      : sim_below(&draft->rand, 3));
    start.conflict_policy =
        (enum codec_conflict_policy)sim_below(&draft->rand, 3);
    start.has_reply = draft->has_reply;
    start.reply = draft->reply;
    sim_append(sim, LANE_TOPIC_COMMANDS, CODEC_START_WORKFLOW, &start,
               draft->workflow_id);
}

static void
send_signal(struct sim *sim, const struct draft *draft)
{
    struct codec_signal_workflow signal;
    char payload[80];
    int len = snprintf(
        payload, sizeof(payload), "{\"n\":%zu%s}", draft->first,
        command_at(sim, draft->index)->is_conflict ? ",\"other\":1" : "");

    codec_signal_workflow_init(&signal);
    signal.request_id = draft->request_id;
    signal.namespace = ODK_STR("sim");
    signal.workflow_id = draft->workflow_id;
    signal.name = ODK_STR("go");
    signal.payload = odk_str_n(payload, (size_t)len);
    signal.has_reply = draft->has_reply;
    signal.reply = draft->reply;
    sim_append(sim, LANE_TOPIC_COMMANDS, CODEC_SIGNAL_WORKFLOW, &signal,
               draft->workflow_id);
}

static void
send_end(struct sim *sim, const struct draft *draft, bool is_cancel)
{
    struct codec_cancel_workflow cancel;
    struct codec_terminate_workflow terminate;
    struct odk_str reason = command_at(sim, draft->index)->is_conflict
                                ? ODK_STR("other")
                                : ODK_STR("as told");

    codec_cancel_workflow_init(&cancel);
    codec_terminate_workflow_init(&terminate);
    cancel.request_id = terminate.request_id = draft->request_id;
    cancel.namespace = terminate.namespace = ODK_STR("sim");
    cancel.workflow_id = terminate.workflow_id = draft->workflow_id;
    cancel.reason = terminate.reason = reason;
    cancel.has_reply = terminate.has_reply = draft->has_reply;
    cancel.reply = terminate.reply = draft->reply;
    if (is_cancel) {
        sim_append(sim, LANE_TOPIC_COMMANDS, CODEC_CANCEL_WORKFLOW, &cancel,
                   draft->workflow_id);
    } else {
        sim_append(sim, LANE_TOPIC_COMMANDS, CODEC_TERMINATE_WORKFLOW,
                   &terminate, draft->workflow_id);
    }
}

static void
send_garbage(struct sim *sim, size_t index)
{
    char value[40];
    int len = snprintf(value, sizeof(value), "garbage c-%zu", index);
    bool is_result = sim_chance(&sim->rand, 500);
    struct bus_record record = {
        .shard = -1,
        .topic = is_result ? ODK_STR(LANE_TOPIC_RESULTS)
                           : ODK_STR(LANE_TOPIC_COMMANDS),
        .partition =
            (int32_t)sim_below(&sim->rand, (uint64_t)sim->profile.partitions),
        .key = sim_chance(&sim->rand, 500) ? ODK_STR("sim/x")
                                           : (struct odk_str){0},
        .value = odk_str_n(value, (size_t)len)};

    int64_t offset = bus_mem_append(sim->broker, &record);
    odk_assert(offset >= 0);
    sim_trace(sim, "%.*s/%d/%lld: %s", ODK_STR_ARG(record.topic),
              record.partition, (long long)offset, value);
    sim->is_dirty = true;
}

static void
send(struct sim *sim, size_t index)
{
    struct sim_command *command = command_at(sim, index);
    struct draft draft = {.index = index,
                          .first = command->first,
                          .has_reply = command->has_reply};
    char text[40];

    odk_rand_init(&draft.rand,
                  odk_mix64(sim->options->seed * 1000003 + draft.first));
    int len = snprintf(text, sizeof(text), "r-%zu", draft.first);
    if (sim_chance(&draft.rand, 900)) {
        draft.request_id = sim_keep(sim, odk_str_n(text, (size_t)len));
    }
    len = snprintf(text, sizeof(text), "w-%d",
                   (int)sim_below(&draft.rand, (uint64_t)sim->profile.keys));
    draft.workflow_id = sim_keep(sim, odk_str_n(text, (size_t)len));
    if (draft.has_reply) {
        draft.reply = reply_to(sim, index, command->is_flaky);
    }
    if (draft.first == index) {
        sim_trace(sim, "c-%zu:", index);
    } else {
        sim_trace(sim, "c-%zu, as c-%zu%s:", index, draft.first,
                  command->is_conflict ? " with another content" : "");
    }
    uint64_t roll = sim_below(&draft.rand, 100);
    if (roll < 50) {
        command->kind = CODEC_START_WORKFLOW;
        send_start(sim, &draft);
    } else if (roll < 85) {
        command->kind = CODEC_SIGNAL_WORKFLOW;
        command->is_signal = true;
        send_signal(sim, &draft);
    } else {
        command->kind =
            roll < 93 ? CODEC_CANCEL_WORKFLOW : CODEC_TERMINATE_WORKFLOW;
        send_end(sim, &draft, roll < 93);
    }
}

/* A repeat needs the request id of the first. */
static bool
has_request_id(const struct sim *sim, size_t first)
{
    struct odk_rand rand;

    odk_rand_init(&rand, odk_mix64(sim->options->seed * 1000003 + first));
    return sim_chance(&rand, 900);
}

static void
client(struct sim *sim, void *arg)
{
    size_t index = sim->commands.n;

    (void)arg;
    if (sim->is_calm) {
        return;
    }
    struct sim_command *command = sim_push(&sim->commands, sizeof(*command));
    command->first = index;
    command->has_reply = true;
    command->is_garbage = sim_chance(&sim->rand, 40);
    command->is_flaky = sim_chance(&sim->rand, 60);
    size_t earlier = (size_t)sim_below(&sim->rand, index + 1);
    if (!command->is_garbage && sim_chance(&sim->rand, 150) &&
        !command_at(sim, earlier)->is_garbage &&
        has_request_id(sim, command_at(sim, earlier)->first)) {
        command->first = command_at(sim, earlier)->first;
        command->is_conflict =
            command->first != index && sim_chance(&sim->rand, 150);
    }
    if (command->is_garbage) {
        send_garbage(sim, index);
    } else {
        send(sim, index);
    }
}

void
sim_clients_start(struct sim *sim)
{
    for (int64_t i = 0; i < sim->profile.n_commands; i++) {
        sim_after(sim, sim_between(&sim->rand, 0, sim->profile.storm_ms - 1000),
                  client, NULL);
    }
}

/* ---- what comes back ---- */

static void
copy_text(char *out, size_t size, struct odk_str s)
{
    (void)snprintf(out, size, "%.*s", ODK_STR_ARG(s));
}

static void
closed_seen(struct sim *sim, size_t index, const struct codec_reply *reply)
{
    struct sim_command *command = command_at(sim, index);

    if (command->is_closed) {
        sim_fail(sim, SIM_CHECK_REPLY, "command c-%zu got two closed replies",
                 index);
    }
    command->is_closed = true;
    if (command->is_answered && !odk_str_is(reply->run_id, command->run_id)) {
        sim_fail(sim, SIM_CHECK_REPLY,
                 "command c-%zu: accepted as run %s, closed as %.*s", index,
                 command->run_id, ODK_STR_ARG(reply->run_id));
    }
}

void
sim_reply_seen(struct sim *sim, const struct bus_message *message,
               const struct codec_record *record)
{
    const struct codec_reply *reply = &record->reply;
    size_t index = index_of(sim, reply->correlation_id);

    (void)message;
    if (record->kind != CODEC_REPLY || index == SIZE_MAX) {
        sim_fail(sim, SIM_CHECK_RECORD,
                 "a reply topic holds what is no reply of ours");
        return;
    }
    sim_trace(sim, "reply to c-%zu: %s %.*s %.*s", index,
              codec_reply_kind_name(reply->kind), ODK_STR_ARG(reply->code),
              ODK_STR_ARG(reply->run_id));
    if (reply->kind == CODEC_REPLY_KIND_CLOSED) {
        closed_seen(sim, index, reply);
        return;
    }
    struct sim_command *command = command_at(sim, index);
    if (command->is_answered) {
        sim_fail(sim, SIM_CHECK_REPLY, "command c-%zu was answered twice",
                 index);
    }
    command->is_answered = true;
    command->reply = reply->kind;
    copy_text(command->code, sizeof(command->code), reply->code);
    copy_text(command->run_id, sizeof(command->run_id), reply->run_id);
}

void
sim_deadletter_seen(struct sim *sim, const struct bus_message *message,
                    const struct codec_record *record)
{
    static const char prefix[] = "garbage ";

    (void)record;
    if (!odk_str_starts(message->value, odk_str(prefix))) {
        sim_trace(sim, "a dead letter");
        return;
    }
    size_t index =
        index_of(sim, odk_str_from(message->value, sizeof(prefix) - 1));
    sim_trace(sim, "dead letter of c-%zu", index);
    if (index == SIZE_MAX || !command_at(sim, index)->is_garbage) {
        sim_fail(sim, SIM_CHECK_DEADLETTER, "a dead letter that nobody sent");
    } else if (++command_at(sim, index)->n_effects > 1) {
        sim_fail(sim, SIM_CHECK_DEADLETTER, "two dead letters of c-%zu", index);
    }
}

void
sim_signal_seen(struct sim *sim, const json_t *value)
{
    size_t index = (size_t)json_integer_value(json_get(value, "n"));

    if (index >= sim->commands.n || !command_at(sim, index)->is_signal) {
        sim_fail(sim, SIM_CHECK_SIGNAL,
                 "a history holds a signal that nobody sent");
    } else {
        command_at(sim, index)->n_effects++;
    }
}

/* ---- an operator for what is stuck ---- */

static void
resolve(struct sim *sim, const struct store_execution_write *row)
{
    struct codec_resolve_compensation resolve;
    struct sim_command *command = sim_push(&sim->commands, sizeof(*command));

    command->kind = CODEC_RESOLVE_COMPENSATION;
    command->first = sim->commands.n - 1;
    command->has_reply = true;
    codec_resolve_compensation_init(&resolve);
    resolve.namespace = ODK_STR("sim");
    resolve.workflow_id = row->workflow_id;
    resolve.action = (enum codec_compensation_action)sim_below(
        &sim->rand, CODEC_COMPENSATION_ACTION_COUNT);
    resolve.reason = ODK_STR("the operator says so");
    if (resolve.action == CODEC_COMPENSATION_ACTION_COMPLETE) {
        resolve.result = ODK_STR("{\"byHand\":true}");
    }
    resolve.has_reply = true;
    resolve.reply = reply_to(sim, sim->commands.n - 1, false);
    sim_append(sim, LANE_TOPIC_COMMANDS, CODEC_RESOLVE_COMPENSATION, &resolve,
               row->workflow_id);
}

static void
operator_looks(struct sim *sim, void *arg)
{
    const struct store_execution_write *row = NULL;

    (void)arg;
    while ((row = store_mem_execution_next(sim->db, row)) != NULL) {
        if (row->is_stuck && row->status == ENGINE_RUNNING) {
            resolve(sim, row);
        }
    }
    sim_after(sim, 30000, operator_looks, NULL);
}

void
sim_operator_start(struct sim *sim)
{
    sim_after(sim, 20000, operator_looks, NULL);
}
