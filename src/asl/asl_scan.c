#include <string.h>

#include "asl/asl_fields.h"

const struct json_place *
asl_place(struct asl_compiler *c, const struct json_place *parent,
          struct odk_str key, size_t index)
{
    struct json_place *place = odk_arena_alloc(c->arena, sizeof(*place));

    odk_assert(place);
    *place = (struct json_place){parent, key, index};
    return place;
}

struct odk_str
asl_string(struct asl_compiler *c, json_t *object,
           const struct json_place *place, const char *key)
{
    json_t *value = json_get(object, key);
    struct json_place at = {place, odk_str(key), 0};

    if (value && !json_is_string(value)) {
        asl_problem(c, &at, "The field '%s' must be a string, not %s", key,
                    json_type_name(value));
    }
    return json_str(value);
}

bool
asl_language(struct asl_compiler *c, json_t *object,
             const struct json_place *place, bool inherited)
{
    struct odk_str text = asl_string(c, object, place, "QueryLanguage");
    struct json_place at = {place, ODK_STR("QueryLanguage"), 0};

    if (odk_str_is(text, "JSONata")) {
        return true;
    }
    if (odk_str_is(text, "JSONPath")) {
        return false;
    }
    if (text.ptr) {
        asl_problem(c, &at,
                    "QueryLanguage must be JSONPath or JSONata, not '%.*s'",
                    ODK_STR_ARG(text));
    }
    return inherited;
}

/** Makes room for one more. */
static void *
grown(void *list, size_t *size, size_t n, size_t bytes)
{
    if (n < *size) {
        return list;
    }
    *size = *size ? *size * 2 : 64;
    list = realloc(list, *size * bytes);
    if (!list) {
        odk_out_of_memory();
    }
    return list;
}

static int32_t
scope_add(struct asl_compiler *c, struct asl_draft_scope scope)
{
    if (c->n_scopes >= ASL_SCOPES_MAX) {
        asl_problem_code(c, scope.place, ASL_CODE_LIMIT,
                         "There are more than %u branches and Map processors: "
                         "split the definition",
                         ASL_SCOPES_MAX);
        return -1;
    }
    c->scopes =
        grown(c->scopes, &c->size_scopes, c->n_scopes, sizeof(*c->scopes));
    c->scopes[c->n_scopes] = scope;
    return (int32_t)c->n_scopes++;
}

static const struct {
    const char *name;
    bool is_top;
    bool is_processor;
    bool is_branch;
} scope_fields[] = {
    {"StartAt", true, true, true},
    {"States", true, true, true},
    {"Comment", true, true, true},
    {"QueryLanguage", true, false, false},
    {"TimeoutSeconds", true, false, false},
    {"Version", true, false, false},
    {"Compensation", true, false, false},
    {"ProcessorConfig", false, true, false},
};

static bool
scope_has_field(const struct asl_draft_scope *scope, const char *key,
                bool is_processor)
{
    bool is_top = scope->parent_state < 0;

    for (size_t i = 0; i < ODK_ARRAY_LEN(scope_fields); i++) {
        if (strcmp(scope_fields[i].name, key) == 0) {
            return is_top         ? scope_fields[i].is_top
                   : is_processor ? scope_fields[i].is_processor
                                  : scope_fields[i].is_branch;
        }
    }
    return false;
}

static void
scope_check_fields(struct asl_compiler *c, const struct asl_draft_scope *scope)
{
    bool is_processor = scope->parent_state >= 0 &&
                        c->drafts[scope->parent_state].type == ASL_MAP;
    bool has_states = json_get(scope->json, "States") != NULL;
    bool has_start = json_get(scope->json, "StartAt") != NULL;
    const char *key = NULL;
    json_t *value = NULL;

    if (!has_states || !has_start) {
        asl_problem(c, scope->place, "These fields are required: [%s%s%s]",
                    has_states ? "" : "States",
                    has_states || has_start ? "" : ", ",
                    has_start ? "" : "StartAt");
    }
    json_object_foreach (scope->json, key, value) {
        struct json_place at = {scope->place, odk_str(key), 0};
        if (!scope_has_field(scope, key, is_processor)) {
            asl_problem(c, &at, "The field '%s' is not supported here", key);
        }
    }
    (void)asl_string(c, scope->json, scope->place, "Comment");
    (void)asl_string(c, scope->json, scope->place, "StartAt");
}

static bool
processor_is_distributed(json_t *processor)
{
    json_t *config = json_get(processor, "ProcessorConfig");

    return odk_str_is(json_str(json_get(config, "Mode")), "DISTRIBUTED");
}

static void
scan_branches(struct asl_compiler *c, size_t index)
{
    struct asl_draft *draft = &c->drafts[index];
    const struct json_place *place =
        asl_place(c, draft->place, ODK_STR("Branches"), 0);
    json_t *branches = json_get(draft->json, "Branches");
    struct asl_draft_scope scope = {
        .parent_state = (int32_t)index,
        .is_jsonata = c->scopes[0].is_jsonata,
        .is_child = c->scopes[draft->scope].is_child,
    };
    size_t i = 0;
    json_t *branch = NULL;

    if (!branches) {
        return;
    }
    if (!json_is_array(branches)) {
        asl_problem(c, place, "Branches must be an array of objects");
        return;
    }
    if (json_array_size(branches) == 0) {
        asl_problem(c, place, "Value cannot be empty");
    }
    draft->first_scope = (int32_t)c->n_scopes;
    json_array_foreach (branches, i, branch) {
        scope.place = asl_place(c, place, (struct odk_str){0}, i);
        scope.json = branch;
        scope.branch = (int32_t)i;
        if (!json_is_object(branch)) {
            asl_problem(c, scope.place,
                        "A branch must be an object with StartAt and States, "
                        "not %s",
                        json_type_name(branch));
        } else if (scope_add(c, scope) < 0) {
            return;
        } else {
            draft->n_scopes++;
        }
    }
}

static void
scan_processor(struct asl_compiler *c, size_t index)
{
    struct asl_draft *draft = &c->drafts[index];
    json_t *processor = json_get(draft->json, "ItemProcessor");
    const char *key = processor ? "ItemProcessor" : "Iterator";
    struct asl_draft_scope scope = {
        .parent_state = (int32_t)index,
        .is_jsonata = c->scopes[0].is_jsonata,
        .place = asl_place(c, draft->place, odk_str(key), 0),
    };

    processor = processor ? processor : json_get(draft->json, key);
    if (!processor) {
        return;
    }
    if (!json_is_object(processor)) {
        asl_problem(c, scope.place,
                    "%s must be an object with StartAt and States, not %s", key,
                    json_type_name(processor));
        return;
    }
    scope.json = processor;
    scope.is_distributed = processor_is_distributed(processor);
    scope.is_child = scope.is_distributed || c->scopes[draft->scope].is_child;
    draft->first_scope = (int32_t)c->n_scopes;
    draft->n_scopes = scope_add(c, scope) < 0 ? 0 : 1;
}

static int32_t
scan_type(struct asl_compiler *c, const struct asl_draft *draft)
{
    struct odk_str text = asl_string(c, draft->json, draft->place, "Type");
    struct json_place at = {draft->place, ODK_STR("Type"), 0};

    for (int32_t type = ASL_PASS; type <= ASL_MAP; type++) {
        if (odk_str_is(text, asl_type_name((enum asl_type)type))) {
            return type;
        }
    }
    if (!json_get(draft->json, "Type")) {
        asl_problem(c, draft->place, "These fields are required: [Type]");
    } else if (text.ptr) {
        asl_problem(c, &at,
                    "Type must be one of Pass, Task, Choice, Wait, Succeed, "
                    "Fail, Parallel and Map, not '%.*s'",
                    ODK_STR_ARG(text));
    }
    return -1;
}

static void
scan_language(struct asl_compiler *c, struct asl_draft *draft)
{
    const struct asl_draft_scope *scope = &c->scopes[draft->scope];
    struct json_place at = {draft->place, ODK_STR("QueryLanguage"), 0};

    draft->is_jsonata =
        asl_language(c, draft->json, draft->place, scope->is_jsonata);
    if (draft->is_jsonata || !c->scopes[0].is_jsonata) {
        return;
    }
    if (scope->is_child) {
        asl_warn(c, &at, ASL_CODE_PORTABLE,
                 "A JSONPath state in a JSONata machine is taken because it is "
                 "in a distributed Map: AWS may refuse it");
        return;
    }
    asl_problem(c, &at,
                "A machine whose QueryLanguage is JSONata cannot have JSONPath "
                "states");
}

size_t
asl_count_chars(struct odk_str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        n += ((unsigned char)text.ptr[i] & 0xc0u) != 0x80u;
    }
    return n;
}

static void
scan_name(struct asl_compiler *c, size_t index)
{
    const struct asl_draft *draft = &c->drafts[index];
    size_t n = asl_count_chars(draft->name);
    size_t n_max = c->options.name_chars_max ? c->options.name_chars_max
                                             : ASL_NAME_CHARS_MAX;

    if (n == 0 || n > n_max) {
        asl_problem(c, draft->place,
                    "The name of a state must have 1 to %zu characters, this "
                    "one has %zu",
                    n_max, n);
    }
}

static void
scan_state(struct asl_compiler *c, size_t scope, struct odk_str name,
           json_t *json)
{
    size_t index = c->n_drafts;
    struct asl_draft *draft = NULL;

    c->drafts =
        grown(c->drafts, &c->size_drafts, c->n_drafts, sizeof(*c->drafts));
    draft = &c->drafts[c->n_drafts++];
    *draft = (struct asl_draft){
        .json = json, .name = name, .scope = (int32_t)scope, .type = -1};
    draft->place = asl_place(
        c, asl_place(c, c->scopes[scope].place, ODK_STR("States"), 0), name, 0);
    scan_name(c, index);
    if (!json_is_object(json)) {
        asl_problem(c, draft->place, "A state must be an object, not %s",
                    json_type_name(json));
        return;
    }
    draft->type = scan_type(c, draft);
    scan_language(c, draft);
    if (draft->type == ASL_PARALLEL) {
        scan_branches(c, index);
    } else if (draft->type == ASL_MAP) {
        scan_processor(c, index);
    }
}

/** False when the limit of states is reached. */
static bool
scan_scope(struct asl_compiler *c, size_t index)
{
    json_t *states = json_get(c->scopes[index].json, "States");
    struct json_place at = {c->scopes[index].place, ODK_STR("States"), 0};

    scope_check_fields(c, &c->scopes[index]);
    c->scopes[index].first_state = (int32_t)c->n_drafts;
    if (!states) {
        return true;
    }
    if (!json_is_object(states) || json_object_size(states) == 0) {
        asl_problem(c, &at, "States must be an object with at least one state");
        return true;
    }
    if (json_object_size(states) > ASL_STATES_MAX - c->n_drafts) {
        asl_problem_code(c, &at, ASL_CODE_LIMIT,
                         "There are more than %u states: split the definition "
                         "into several",
                         ASL_STATES_MAX);
        return false;
    }
    for (void *iter = json_object_iter(states); iter;
         iter = json_object_iter_next(states, iter)) {
        scan_state(c, index,
                   odk_str_n(json_object_iter_key(iter),
                             json_object_iter_key_len(iter)),
                   json_object_iter_value(iter));
    }
    c->scopes[index].n_states =
        (int32_t)c->n_drafts - c->scopes[index].first_state;
    return true;
}

void
asl_scan(struct asl_compiler *c, json_t *definition)
{
    struct asl_draft_scope top = {
        .json = definition,
        .place = asl_place(c, NULL, (struct odk_str){0}, 0),
        .parent_state = -1,
    };

    top.is_jsonata = asl_language(c, definition, top.place, false);
    (void)scope_add(c, top);
    for (size_t i = 0; i < c->n_scopes; i++) {
        if (!scan_scope(c, i)) {
            return;
        }
    }
}
