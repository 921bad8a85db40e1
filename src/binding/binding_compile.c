#include <stdio.h>
#include <stdlib.h>

#include "binding/binding_priv.h"

#define PROBLEMS_MAX 100u

void
binding_problems_init(struct binding_problems *problems)
{
    *problems = (struct binding_problems){0};
    odk_arena_init(&problems->arena, 0);
}

void
binding_problems_release(struct binding_problems *problems)
{
    odk_arena_release(&problems->arena);
    free(problems->list);
    *problems = (struct binding_problems){0};
}

static void problem(struct binding_problems *problems, const char *pointer,
                    const char *fmt, ...) ODK_PRINTF(3, 4);

static void
problem(struct binding_problems *problems, const char *pointer, const char *fmt,
        ...)
{
    char message[256];
    va_list args;

    if (problems->n == PROBLEMS_MAX) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    struct binding_problem *grown =
        realloc(problems->list, (problems->n + 1) * sizeof(*grown));
    if (!grown) {
        odk_out_of_memory();
    }
    problems->list = grown;
    problems->list[problems->n++] = (struct binding_problem){
        odk_arena_str(&problems->arena, odk_str(pointer)),
        odk_arena_str(&problems->arena, odk_str(message))};
}

/* The rule being read: its JSON pointer is "/rules/<index>". */
struct reader {
    struct binding_problems *problems;
    json_t *object;
    char pointer[32];
};

static void
field_problem(struct reader *reader, const char *field, const char *text)
{
    char pointer[128];

    (void)snprintf(pointer, sizeof(pointer), "%s/%s", reader->pointer, field);
    problem(reader->problems, pointer, "%s", text);
}

/* Only these fields may stand in an object. */
static void
check_fields(struct reader *reader, const char *const *known, size_t n)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach (reader->object, key, value) {
        size_t i = 0;
        while (i < n && strcmp(known[i], key) != 0) {
            i++;
        }
        if (i == n) {
            field_problem(
                reader, key,
                "this field is not known here; remove it or mend its name");
        }
    }
}

static struct odk_str
need_string(struct reader *reader, const char *field)
{
    struct odk_str value = json_str(json_get(reader->object, field));

    if (value.len == 0) {
        field_problem(reader, field,
                      "a string that is not empty is required here");
    }
    return value;
}

static struct json_path *
read_path(struct reader *reader, const char *field, struct odk_str text)
{
    struct json_path *path = NULL;
    struct odk_err err = {0};

    if (json_path_compile(text, &path, &err) != 0) {
        field_problem(reader, field, err.message);
        return NULL;
    }
    if (!json_path_is_definite(path)) {
        field_problem(
            reader, field,
            "the path must name one value: no wildcard, slice or filter");
    }
    return path;
}

static void
read_when(struct reader *reader, struct binding_rule *rule)
{
    static const char *const known[] = {"path", "equals"};
    json_t *when = json_get(reader->object, "when");
    struct reader inner = {.problems = reader->problems, .object = when};

    if (!when) {
        return;
    }
    if (!json_is_object(when)) {
        field_problem(
            reader, "when",
            "an object {\"path\": …, \"equals\": …} is required here");
        return;
    }
    (void)snprintf(inner.pointer, sizeof(inner.pointer), "%.20s/when",
                   reader->pointer);
    check_fields(&inner, known, ODK_ARRAY_LEN(known));
    struct odk_str path = need_string(&inner, "path");
    if (path.len) {
        rule->when_path = read_path(&inner, "path", path);
    }
    rule->when_equals = json_get(when, "equals");
}

static const char *const reuse_names[] = {"ALLOW", "ALLOW_FAILED_ONLY",
                                          "REJECT"};
static const char *const conflict_names[] = {"FAIL", "USE_EXISTING",
                                             "TERMINATE_EXISTING"};

/* Index of the field's value among names, fallback when it is absent. */
static int
read_choice(struct reader *reader, const char *field,
            const char *const names[3], int fallback)
{
    char text[160];
    json_t *value = json_get(reader->object, field);

    if (!value) {
        return fallback;
    }
    for (int i = 0; i < 3; i++) {
        if (json_is_string(value) && odk_str_is(json_str(value), names[i])) {
            return i;
        }
    }
    (void)snprintf(text, sizeof(text), "one of %s, %s, %s is required here",
                   names[0], names[1], names[2]);
    field_problem(reader, field, text);
    return fallback;
}

static void
read_start(struct reader *reader, struct binding_rule *rule)
{
    static const char *const known[] = {"topic",  "when",       "workflow_id",
                                        "action", "definition", "version",
                                        "input",  "reuse",      "conflict"};
    json_t *version = json_get(reader->object, "version");

    check_fields(reader, known, ODK_ARRAY_LEN(known));
    rule->action = BINDING_START;
    rule->definition = need_string(reader, "definition");
    if (version &&
        !(json_is_integer(version) && json_integer_value(version) > 0 &&
          json_integer_value(version) <= INT32_MAX)) {
        field_problem(
            reader, "version",
            "a version is a whole number from 1; leave it out for the newest");
    } else {
        rule->version = version ? (int32_t)json_integer_value(version) : 0;
    }
    rule->reuse = (enum codec_reuse_policy)read_choice(
        reader, "reuse", reuse_names, CODEC_REUSE_POLICY_REJECT);
    rule->conflict = (enum codec_conflict_policy)read_choice(
        reader, "conflict", conflict_names, CODEC_CONFLICT_POLICY_USE_EXISTING);
}

static void
read_signal(struct reader *reader, struct binding_rule *rule)
{
    static const char *const known[] = {"topic",  "when",   "workflow_id",
                                        "action", "signal", "payload"};

    check_fields(reader, known, ODK_ARRAY_LEN(known));
    rule->action = BINDING_SIGNAL;
    rule->signal = need_string(reader, "signal");
}

static void
read_rule(struct reader *reader, struct binding_rule *rule)
{
    rule->topic = need_string(reader, "topic");
    if (odk_str_starts(rule->topic, ODK_STR("odradek."))) {
        field_problem(reader, "topic",
                      "topics of odradek itself cannot be bound");
    }
    struct odk_str id = need_string(reader, "workflow_id");
    if (id.len && !odk_str_is(id, "key")) {
        rule->id_path = read_path(reader, "workflow_id", id);
    }
    read_when(reader, rule);
    struct odk_str action = need_string(reader, "action");
    const char *payload_field = "input";
    if (odk_str_is(action, "signal")) {
        payload_field = "payload";
        read_signal(reader, rule);
    } else {
        read_start(reader, rule);
        if (action.len && !odk_str_is(action, "start")) {
            field_problem(reader, "action",
                          "\"start\" or \"signal\" is required here");
        }
    }
    struct odk_str payload = json_str(json_get(reader->object, payload_field));
    if (payload.len && !odk_str_is(payload, "$")) {
        rule->payload_path = read_path(reader, payload_field, payload);
    }
}

static void
read_rules(struct binding *binding, json_t *rules,
           struct binding_problems *problems)
{
    size_t n = json_array_size(rules);

    if (!json_is_array(rules) || n == 0 || n > BINDING_RULES_MAX) {
        problem(problems, "/rules", "a list of 1 to %d rules is required here",
                BINDING_RULES_MAX);
        return;
    }
    binding->rules = calloc(n, sizeof(*binding->rules));
    binding->topics = calloc(n, sizeof(*binding->topics));
    if (!binding->rules || !binding->topics) {
        odk_out_of_memory();
    }
    binding->n_rules = n;
    for (size_t i = 0; i < n; i++) {
        struct reader reader = {.problems = problems,
                                .object = json_array_get(rules, i)};
        (void)snprintf(reader.pointer, sizeof(reader.pointer), "/rules/%zu", i);
        if (!json_is_object(reader.object)) {
            problem(problems, reader.pointer, "a rule is an object");
            continue;
        }
        read_rule(&reader, &binding->rules[i]);
    }
}

static void
collect_topics(struct binding *binding)
{
    for (size_t i = 0; i < binding->n_rules; i++) {
        size_t at = 0;
        while (at < binding->n_topics &&
               !odk_str_eq(binding->topics[at], binding->rules[i].topic)) {
            at++;
        }
        if (at == binding->n_topics) {
            binding->topics[binding->n_topics++] = binding->rules[i].topic;
        }
    }
}

static bool
is_name(struct odk_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.')) {
            return false;
        }
    }
    return name.len > 0 && name.len <= BINDING_NAME_MAX;
}

static void
read_binding(struct binding *binding, struct binding_problems *problems)
{
    static const char *const known[] = {"name", "namespace", "rules",
                                        "comment"};
    struct reader reader = {.problems = problems, .object = binding->text};

    check_fields(&reader, known, ODK_ARRAY_LEN(known));
    binding->name = json_str(json_get(binding->text, "name"));
    if (!is_name(binding->name)) {
        problem(problems, "/name",
                "a name has 1 to %d letters, digits, '.', '-' or '_'",
                BINDING_NAME_MAX);
    }
    json_t *space = json_get(binding->text, "namespace");
    binding->namespace_ = space ? json_str(space) : ODK_STR("default");
    if (!is_name(binding->namespace_)) {
        problem(problems, "/namespace",
                "a namespace has 1 to %d letters, digits, '.', '-' or '_'",
                BINDING_NAME_MAX);
    }
    read_rules(binding, json_get(binding->text, "rules"), problems);
}

int
binding_compile(struct odk_str text, struct binding **out,
                struct binding_problems *problems)
{
    struct odk_err err = {0};

    *out = NULL;
    if (text.len > BINDING_TEXT_BYTES_MAX) {
        problem(problems, "", "a binding has at most %d bytes",
                BINDING_TEXT_BYTES_MAX);
        return ODK_EINVAL;
    }
    json_t *json = json_parse_strict(text, &err);
    if (!json || !json_is_object(json)) {
        problem(problems, "", "a binding is a JSON object: %s",
                json ? "this is something else" : err.message);
        json_decref(json);
        return ODK_EINVAL;
    }
    struct binding *binding = calloc(1, sizeof(*binding));
    if (!binding) {
        odk_out_of_memory();
    }
    binding->text = json;
    read_binding(binding, problems);
    if (problems->n > 0) {
        binding_free(binding);
        return ODK_EINVAL;
    }
    collect_topics(binding);
    *out = binding;
    return 0;
}

void
binding_free(struct binding *binding)
{
    if (!binding) {
        return;
    }
    for (size_t i = 0; i < binding->n_rules; i++) {
        json_path_free(binding->rules[i].when_path);
        json_path_free(binding->rules[i].id_path);
        json_path_free(binding->rules[i].payload_path);
    }
    free(binding->rules);
    free(binding->topics);
    json_decref(binding->text);
    free(binding);
}
