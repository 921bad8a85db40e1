#include "asl/asl.h"

#include "asl/asl_priv.h"

#define ASL_MAGIC 0x61736c31u

static struct asl_impl *
impl_of(const struct asl_machine *machine)
{
    const struct asl_impl *impl =
        (const struct asl_impl *)(const void *)machine;

    odk_assert(impl->magic == ASL_MAGIC);
    return (struct asl_impl *)(uintptr_t)impl;
}

/** Whether value nests deeper than `left` levels. */
static bool
// NOLINTNEXTLINE(misc-no-recursion): `left` counts down
is_deeper(json_t *value, unsigned left)
{
    const char *key = NULL;
    json_t *member = NULL;
    size_t i = 0;

    if (left == 0) {
        return true;
    }
    json_array_foreach (value, i, member) {
        if (is_deeper(member, left - 1)) {
            return true;
        }
    }
    json_object_foreach (value, key, member) {
        if (is_deeper(member, left - 1)) {
            return true;
        }
    }
    return false;
}

static void
names_add(struct asl_compiler *c)
{
    struct asl_impl *impl = c->impl;

    impl->name_nodes =
        odk_arena_calloc(c->arena, c->n_drafts + 1, sizeof(*impl->name_nodes));
    odk_assert(impl->name_nodes);
    for (size_t i = 0; i < c->n_drafts; i++) {
        const struct asl_draft *draft = &c->drafts[i];
        if (odk_map_find(&impl->names, draft->name)) {
            asl_problem_code(c, draft->place, ASL_CODE_DUPLICATE,
                             "The name '%.*s' is used by another state: names "
                             "are unique in the whole machine",
                             ODK_STR_ARG(draft->name));
            continue;
        }
        impl->name_nodes[i].index = (int32_t)i;
        odk_map_add(&impl->names, &impl->name_nodes[i].node, draft->name);
    }
}

static void
starts_resolve(struct asl_compiler *c)
{
    for (size_t i = 0; i < c->n_scopes; i++) {
        json_t *value = json_get(c->scopes[i].json, "StartAt");
        struct json_place at = {c->scopes[i].place, ODK_STR("StartAt"), 0};
        c->scopes[i].start_at = -1;
        if (json_is_string(value)) {
            c->scopes[i].start_at = asl_target(c, value, &at, (int32_t)i);
        }
    }
}

static void
states_compile(struct asl_compiler *c)
{
    c->states = odk_arena_calloc(c->arena, c->n_drafts + 1, sizeof(*c->states));
    odk_assert(c->states);
    for (size_t i = 0; i < c->n_drafts; i++) {
        const struct asl_draft *draft = &c->drafts[i];
        struct asl_state *state = &c->states[i];
        state->name = draft->name;
        state->index = (int32_t)i;
        state->scope = draft->scope;
        state->is_jsonata = draft->is_jsonata;
        state->next = -1;
        state->default_next = -1;
        state->first_scope = draft->first_scope;
        state->n_scopes = draft->n_scopes;
        if (draft->type >= 0) {
            state->type = (enum asl_type)draft->type;
            asl_state_compile(c, draft, state);
        }
    }
}

static void
top_timeout(struct asl_compiler *c, json_t *definition,
            const struct json_place *place)
{
    json_t *value = json_get(definition, "TimeoutSeconds");
    struct json_place at = {place, ODK_STR("TimeoutSeconds"), 0};
    int64_t seconds = 0;

    if (!value) {
        return;
    }
    if (!json_to_i64(value, &seconds) || seconds < 1 ||
        seconds > ASL_SECONDS_MAX) {
        asl_problem(c, &at, "TimeoutSeconds must be an integer from 1 to %d",
                    ASL_SECONDS_MAX);
        return;
    }
    c->impl->machine.timeout_ms = seconds * 1000;
}

static void
top_compile(struct asl_compiler *c, json_t *definition)
{
    struct asl_machine *machine = &c->impl->machine;
    const struct json_place *place = c->scopes[0].place;
    struct json_place version = {place, ODK_STR("Version"), 0};
    struct json_place compensation = {place, ODK_STR("Compensation"), 0};
    struct odk_str text = asl_string(c, definition, place, "Version");

    machine->comment = json_str(json_get(definition, "Comment"));
    machine->compensates_failed = true;
    machine->compensates_timed_out = true;
    top_timeout(c, definition, place);
    if (text.ptr && !odk_str_is(text, "1.0")) {
        asl_problem(c, &version, "Version must be \"1.0\"");
    }
    if (json_get(definition, "Compensation")) {
        asl_compensation_compile(c, json_get(definition, "Compensation"),
                                 &compensation);
    }
}

static void
machine_fill(struct asl_compiler *c)
{
    struct asl_machine *machine = &c->impl->machine;
    struct asl_scope *scopes =
        odk_arena_calloc(c->arena, c->n_scopes + 1, sizeof(*scopes));

    odk_assert(scopes);
    for (size_t i = 0; i < c->n_scopes; i++) {
        scopes[i].start_at = c->scopes[i].start_at;
        scopes[i].parent_state = c->scopes[i].parent_state;
        scopes[i].branch = c->scopes[i].branch;
    }
    machine->states = c->states;
    machine->n_states = (int32_t)c->n_drafts;
    machine->scopes = scopes;
    machine->n_scopes = (int32_t)c->n_scopes;
}

static void
compile_object(struct asl_compiler *c, json_t *definition)
{
    asl_scan(c, definition);
    names_add(c);
    starts_resolve(c);
    top_compile(c, definition);
    states_compile(c);
    asl_scope_check(c);
    asl_flow(c);
    machine_fill(c);
    free(c->drafts);
    free(c->scopes);
}

int
asl_compile(json_t *definition, const struct asl_options *options,
            struct asl_machine **out, struct asl_problems *problems)
{
    struct asl_impl *impl = calloc(1, sizeof(*impl));
    struct asl_compiler c = {.impl = impl, .problems = problems};

    if (!impl) {
        odk_out_of_memory();
    }
    *out = NULL;
    impl->magic = ASL_MAGIC;
    odk_arena_init(&impl->arena, 0);
    odk_map_init(&impl->names);
    impl->machine.definition = json_incref(definition);
    c.arena = &impl->arena;
    c.options = options ? *options : (struct asl_options){0};
    if (!json_is_object(definition)) {
        asl_problem(&c, NULL, "Definition must be a valid JSON object");
    } else if (is_deeper(definition, ASL_DEPTH_MAX)) {
        asl_problem_code(&c, NULL, ASL_CODE_LIMIT,
                         "The definition is nested more than %u levels deep",
                         ASL_DEPTH_MAX);
    } else {
        compile_object(&c, definition);
    }
    if (problems->n_errors > 0) {
        asl_free(&impl->machine);
        return ODK_EINVAL;
    }
    *out = &impl->machine;
    return 0;
}

static bool
is_blank_text(struct odk_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr(" \t\r\n", text.ptr[i]) || text.ptr[i] == '\0') {
            return false;
        }
    }
    return true;
}

int
asl_compile_text(struct odk_str text, const struct asl_options *options,
                 struct asl_machine **out, struct asl_problems *problems)
{
    struct asl_compiler c = {.problems = problems};
    struct odk_err err = {0};
    json_t *definition = NULL;
    int rc = 0;

    size_t bytes_max = options && options->definition_bytes_max
                           ? options->definition_bytes_max
                           : ASL_BYTES_MAX;

    *out = NULL;
    if (text.len > bytes_max) {
        asl_problem_code(
            &c, NULL, ASL_CODE_LIMIT,
            "The definition has %zu bytes, at most %zu are allowed", text.len,
            bytes_max);
        return ODK_EINVAL;
    }
    if (is_blank_text(text)) {
        asl_problem(&c, NULL, "Definition must be a valid JSON object");
        return ODK_EINVAL;
    }
    definition = json_parse_strict(text, &err);
    if (!definition) {
        asl_problem_code(
            &c, NULL, err.code == ODK_ELIMIT ? ASL_CODE_LIMIT : ASL_CODE_JSON,
            "The definition is not valid JSON: %s", err.message);
        return ODK_EINVAL;
    }
    rc = asl_compile(definition, options, out, problems);
    json_decref(definition);
    return rc;
}

void
asl_free(struct asl_machine *machine)
{
    struct asl_impl *impl = NULL;
    struct asl_owned *owned = NULL;

    if (!machine) {
        return;
    }
    impl = impl_of(machine);
    for (owned = impl->owned; owned; owned = owned->next) {
        owned->free(owned->ptr);
    }
    impl->magic = 0;
    odk_map_release(&impl->names);
    odk_arena_release(&impl->arena);
    json_decref(machine->definition);
    free(impl);
}

int32_t
asl_state_find(const struct asl_machine *machine, struct odk_str name)
{
    const struct odk_map_node *node =
        odk_map_find(&impl_of(machine)->names, name);
    const struct asl_name_node *found =
        (const struct asl_name_node *)(const void *)node;

    return found ? found->index : -1;
}
