#include "binding/binding.h"

#include <stdio.h>

#include "binding/binding_priv.h"

#define WORKFLOW_ID_BYTES_MAX 512u

struct odk_str
binding_name(const struct binding *binding)
{
    return binding->name;
}

size_t
binding_topics(const struct binding *binding, const struct odk_str **out)
{
    *out = binding->topics;
    return binding->n_topics;
}

static void bad(struct binding_outcome *out, const char *code, const char *fmt,
                ...) ODK_PRINTF(3, 4);

static void
bad(struct binding_outcome *out, const char *code, const char *fmt, ...)
{
    va_list args;

    out->verdict = BINDING_BAD;
    out->code = code;
    va_start(args, fmt);
    (void)vsnprintf(out->text, sizeof(out->text), fmt, args);
    va_end(args);
}

static struct odk_str
keep(struct odk_arena *arena, struct odk_str s)
{
    struct odk_str kept = odk_arena_str(arena, s);

    odk_assert(kept.ptr);
    return kept;
}

static bool
rule_wants(const struct binding_rule *rule, json_t *event)
{
    json_t *value = NULL;
    bool wants = false;

    if (!rule->when_path) {
        return true;
    }
    if (json_path_eval(rule->when_path, event, &value, NULL) == 0) {
        wants = !rule->when_equals || json_eq(value, rule->when_equals);
        json_decref(value);
    }
    return wants;
}

static const struct binding_rule *
rule_find(const struct binding *binding, struct odk_str topic, json_t *event)
{
    for (size_t i = 0; i < binding->n_rules; i++) {
        if (odk_str_eq(binding->rules[i].topic, topic) &&
            rule_wants(&binding->rules[i], event)) {
            return &binding->rules[i];
        }
    }
    return NULL;
}

/* The workflow id as text: a string or an integer of the event, or the record's
 * key. */
static bool
workflow_id(const struct binding_rule *rule, const struct binding_event *event,
            json_t *value, struct odk_arena *arena, struct odk_str *out)
{
    json_t *found = NULL;
    char number[24];

    *out = (struct odk_str){0};
    if (!rule->id_path) {
        *out = event->key;
        return event->key.len > 0 && odk_str_is_utf8(event->key);
    }
    if (json_path_eval(rule->id_path, value, &found, NULL) != 0) {
        return false;
    }
    if (json_is_string(found)) {
        *out = keep(arena, json_str(found));
    } else if (json_is_integer(found)) {
        int len = snprintf(number, sizeof(number), "%lld",
                           (long long)json_integer_value(found));
        *out = keep(arena, odk_str_n(number, (size_t)len));
    }
    json_decref(found);
    return out->len > 0;
}

/* The event, or the part of it that the rule sends on, as JSON text. */
static bool
payload(const struct binding_rule *rule, json_t *value, struct odk_arena *arena,
        struct odk_str *out)
{
    json_t *part = NULL;
    struct odk_buf text;

    if (!rule->payload_path) {
        part = json_incref(value);
    } else if (json_path_eval(rule->payload_path, value, &part, NULL) != 0) {
        return false;
    }
    odk_buf_init(&text, 0);
    int rc = json_dump(part, &text);
    if (rc == 0) {
        *out = keep(arena, odk_buf_str(&text));
    }
    odk_buf_release(&text);
    json_decref(part);
    return rc == 0;
}

static void
fill_command(const struct binding *binding, const struct binding_rule *rule,
             struct odk_str id, struct odk_str body,
             struct binding_outcome *out)
{
    if (rule->action == BINDING_START) {
        struct codec_start_workflow *start = &out->command.start_workflow;
        out->command.kind = CODEC_START_WORKFLOW;
        codec_start_workflow_init(start);
        start->namespace = binding->namespace_;
        start->workflow_id = id;
        start->definition = rule->definition;
        start->has_definition_version = rule->version != 0;
        start->definition_version = rule->version;
        start->input = body;
        start->reuse_policy = rule->reuse;
        start->conflict_policy = rule->conflict;
        return;
    }
    struct codec_signal_workflow *signal = &out->command.signal_workflow;
    out->command.kind = CODEC_SIGNAL_WORKFLOW;
    codec_signal_workflow_init(signal);
    signal->namespace = binding->namespace_;
    signal->workflow_id = id;
    signal->name = rule->signal;
    signal->payload = body;
}

static void
match_value(const struct binding *binding, const struct binding_event *event,
            json_t *value, struct odk_arena *arena, struct binding_outcome *out)
{
    const struct binding_rule *rule = rule_find(binding, event->topic, value);
    struct odk_str id = {0};
    struct odk_str body = {0};

    if (!rule) {
        return;
    }
    if (!workflow_id(rule, event, value, arena, &id)) {
        bad(out, "NoWorkflowId",
            "the event has no workflow id where the rule looks for it; send it "
            "there");
        return;
    }
    if (id.len > WORKFLOW_ID_BYTES_MAX || memchr(id.ptr, '\0', id.len)) {
        bad(out, "BadWorkflowId", "a workflow id has 1 to %u bytes and no NUL",
            WORKFLOW_ID_BYTES_MAX);
        return;
    }
    if (!payload(rule, value, arena, &body)) {
        bad(out, "NoPayload", "the event lacks what the rule sends on");
        return;
    }
    out->verdict = BINDING_COMMAND;
    char *key = odk_arena_alloc(arena, binding->namespace_.len + 1 + id.len);
    odk_assert(key);
    memcpy(key, binding->namespace_.ptr, binding->namespace_.len);
    key[binding->namespace_.len] = '/';
    memcpy(key + binding->namespace_.len + 1, id.ptr, id.len);
    out->key = odk_str_n(key, binding->namespace_.len + 1 + id.len);
    fill_command(binding, rule, id, body, out);
}

void
binding_match(const struct binding *binding, const struct binding_event *event,
              struct odk_arena *arena, struct binding_outcome *out)
{
    struct odk_err err = {0};

    *out = (struct binding_outcome){.verdict = BINDING_SKIP};
    if (!event->value.ptr) {
        return; /* a tombstone says nothing that a rule could want */
    }
    json_t *value = json_parse(event->value, &err);
    if (!value) {
        bad(out, "NotJson", "the event is not JSON: %s", err.message);
        return;
    }
    match_value(binding, event, value, arena, out);
    json_decref(value);
}
