#include "asl/asl_fields.h"

int32_t
asl_target(struct asl_compiler *c, json_t *value,
           const struct json_place *place, int32_t scope)
{
    const struct asl_draft_scope *in = &c->scopes[scope];
    struct odk_str name = json_str(value);
    const struct odk_map_node *node = NULL;

    if (!json_is_string(value)) {
        asl_problem(c, place, "The name of a state must be a string, not %s",
                    json_type_name(value));
        return -1;
    }
    node = odk_map_find(&c->impl->names, name);
    if (node) {
        const struct asl_name_node *found =
            (const struct asl_name_node *)(const void *)node;
        if (c->drafts[found->index].scope == scope) {
            return found->index;
        }
    }
    /* Of two states with one name, itself an error, the other may be meant. */
    for (int32_t i = in->first_state;
         node && i < in->first_state + in->n_states; i++) {
        if (odk_str_eq(c->drafts[i].name, name)) {
            return i;
        }
    }
    asl_problem_code(c, place, ASL_CODE_TARGET,
                     node ? "Missing '%.*s' target '%.*s': a state of that "
                            "name exists, but in another scope"
                          : "Missing '%.*s' target '%.*s': there is no state "
                            "of that name",
                     ODK_STR_ARG(place->key), ODK_STR_ARG(name));
    return -1;
}

/** A walk over the states of one scope that can follow each other. */
struct flow_walk {
    struct asl_compiler *c;
    bool *is_seen; /**< by state */
    int32_t *queue;
    size_t n_queued;
};

static void
visit(struct flow_walk *walk, int32_t index)
{
    if (index >= 0 && !walk->is_seen[index]) {
        walk->is_seen[index] = true;
        walk->queue[walk->n_queued++] = index;
    }
}

/** is_catch: also where its errors lead. */
static void
visit_next(struct flow_walk *walk, const struct asl_state *state, bool is_catch)
{
    visit(walk, state->next);
    visit(walk, state->default_next);
    for (size_t i = 0; i < state->n_rules; i++) {
        visit(walk, state->rules[i].next);
    }
    for (size_t i = 0; is_catch && i < state->n_catchers; i++) {
        visit(walk, state->catchers[i].next);
    }
}

/** Follows all that is queued, into the scopes of Parallel and Map too. */
static void
follow(struct flow_walk *walk, size_t from)
{
    for (size_t at = from; at < walk->n_queued; at++) {
        const struct asl_state *state = &walk->c->states[walk->queue[at]];
        visit_next(walk, state, true);
        for (int32_t k = 0; k < state->n_scopes; k++) {
            visit(walk, walk->c->scopes[state->first_scope + k].start_at);
        }
    }
}

static struct flow_walk
walk_new(struct asl_compiler *c)
{
    struct flow_walk walk = {.c = c};

    walk.is_seen = odk_arena_calloc(c->arena, c->n_drafts + 1, sizeof(bool));
    walk.queue = odk_arena_calloc(c->arena, c->n_drafts + 1, sizeof(int32_t));
    odk_assert(walk.is_seen && walk.queue);
    return walk;
}

static bool
state_is_terminal(const struct asl_state *state)
{
    return state->type == ASL_SUCCEED || state->type == ASL_FAIL ||
           (state->type != ASL_CHOICE && state->next < 0);
}

static void
check_reachable(struct asl_compiler *c)
{
    struct flow_walk walk = walk_new(c);

    visit(&walk, c->scopes[0].start_at);
    follow(&walk, 0);
    for (size_t i = 0; i < c->n_drafts; i++) {
        if (!walk.is_seen[i]) {
            asl_warn(c, c->drafts[i].place, ASL_CODE_UNREACHABLE,
                     "No transition leads to the state '%.*s': remove it, or "
                     "name it in a Next",
                     ODK_STR_ARG(c->drafts[i].name));
        }
    }
}

static void
check_terminal(struct asl_compiler *c, size_t scope)
{
    const struct asl_draft_scope *in = &c->scopes[scope];

    for (int32_t i = in->first_state; i < in->first_state + in->n_states; i++) {
        if (state_is_terminal(&c->states[i])) {
            return;
        }
    }
    if (in->n_states > 0) {
        asl_warn(c, in->place, ASL_CODE_UNREACHABLE,
                 "No state of this scope ends it: it runs until a limit stops "
                 "it");
    }
}

/** Warns of each Compensate that may be registered after this Pivot. */
static void
check_after_pivot(struct asl_compiler *c, const struct asl_state *pivot)
{
    struct flow_walk walk = walk_new(c);

    visit_next(&walk, pivot, false);
    follow(&walk, 0);
    for (size_t i = 0; i < c->n_drafts; i++) {
        if (walk.is_seen[i] && c->states[i].compensate) {
            asl_warn(c, c->drafts[i].place, ASL_CODE_SAGA,
                     "The state '%.*s' comes after the Pivot '%.*s': nothing "
                     "compensates after it, so its Compensate never runs",
                     ODK_STR_ARG(c->drafts[i].name), ODK_STR_ARG(pivot->name));
        }
    }
}

/** Whether a path reads what only the result has put there. */
static bool
path_reads_result(const struct asl_state *state, struct odk_str path)
{
    struct odk_str root =
        state->result_path ? json_path_text(state->result_path) : ODK_STR("$");
    struct odk_str rest = odk_str_from(path, root.len);

    if (state->is_result_discarded || !odk_str_starts(path, root)) {
        return false;
    }
    return rest.len == 0 || rest.ptr[0] == '.' || rest.ptr[0] == '[';
}

static bool
text_has(struct odk_str text, struct odk_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (memcmp(text.ptr + i, part.ptr, part.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): depth is bounded by ASL_DEPTH_MAX
reads_result(const struct asl_state *state, json_t *value)
{
    const char *key = NULL;
    json_t *member = NULL;
    size_t i = 0;

    if (json_is_string(value) && state->is_jsonata) {
        return asl_is_jsonata_text(json_str(value)) &&
               text_has(json_str(value), ODK_STR("$states.result"));
    }
    json_array_foreach (value, i, member) {
        if (reads_result(state, member)) {
            return true;
        }
    }
    json_object_foreach (value, key, member) {
        bool is_path = !state->is_jsonata && json_is_string(member) &&
                       odk_str_ends(odk_str(key), ODK_STR(".$"));
        if (is_path ? path_reads_result(state, json_str(member))
                    : reads_result(state, member)) {
            return true;
        }
    }
    return false;
}

static void
check_on_unknown(struct asl_compiler *c, size_t index)
{
    const struct asl_state *state = &c->states[index];
    const struct asl_draft *draft = &c->drafts[index];
    struct json_place place = {draft->place, ODK_STR("Compensate"), 0};
    struct json_place at = {
        &place, odk_str(state->is_jsonata ? "Arguments" : "Parameters"), 0};
    json_t *compensate = json_get(draft->json, "Compensate");

    if (!state->compensate ||
        state->compensate->on_unknown != ASL_ON_UNKNOWN_COMPENSATE) {
        return;
    }
    if (reads_result(state, json_get_str(compensate, at.key))) {
        asl_warn(c, &at, ASL_CODE_SAGA,
                 "With OnUnknown COMPENSATE the arguments may be evaluated "
                 "over the state's input, where there is no result: what is "
                 "read from the result must be there, too");
    }
}

/** Endings of keys whose literal value is likely a secret. */
static const struct odk_str secret_keys[] = {
    ODK_STR_INIT("password"),        ODK_STR_INIT("passwd"),
    ODK_STR_INIT("secret"),          ODK_STR_INIT("apikey"),
    ODK_STR_INIT("accesskey"),       ODK_STR_INIT("privatekey"),
    ODK_STR_INIT("accesstoken"),     ODK_STR_INIT("secretkey"),
    ODK_STR_INIT("secretaccesskey"),
};

static const struct odk_str secret_values[] = {
    ODK_STR_INIT("-----BEGIN "),
    ODK_STR_INIT("AKIA"),
    ODK_STR_INIT("ghp_"),
    ODK_STR_INIT("xoxb-"),
};

static bool
key_is_secret(struct odk_str key)
{
    char plain[64];
    size_t n = 0;

    for (size_t i = 0; i < key.len && n < sizeof(plain); i++) {
        char ch = key.ptr[i];
        if (ch != '_' && ch != '-') {
            plain[n++] = (char)(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
        }
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(secret_keys); i++) {
        if (odk_str_ends(odk_str_n(plain, n), secret_keys[i])) {
            return true;
        }
    }
    return false;
}

static bool
value_is_secret(struct odk_str text)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(secret_values); i++) {
        if (odk_str_starts(text, secret_values[i]) && text.len >= 20) {
            return true;
        }
    }
    return false;
}

static bool
text_is_literal(struct odk_str text)
{
    return text.len > 0 && text.ptr[0] != '$' &&
           !odk_str_starts(text, ODK_STR("{%")) &&
           !odk_str_starts(text, ODK_STR("arn:"));
}

static void
check_secret(struct asl_compiler *c, json_t *value,
             const struct json_place *place)
{
    struct odk_str text = json_str(value);

    if (value_is_secret(text) ||
        (key_is_secret(place->key) && text_is_literal(text))) {
        asl_warn(c, place, ASL_CODE_SECRET,
                 "This looks like a secret: a definition is stored and shown "
                 "as it is, give the workflow a reference instead");
    }
}

static void
// NOLINTNEXTLINE(misc-no-recursion): depth is bounded by ASL_DEPTH_MAX
check_secrets(struct asl_compiler *c, json_t *value,
              const struct json_place *place)
{
    const char *key = NULL;
    json_t *member = NULL;
    size_t i = 0;

    if (json_is_string(value)) {
        check_secret(c, value, place);
    }
    json_array_foreach (value, i, member) {
        struct json_place at = {place, {0}, i};
        check_secrets(c, member, &at);
    }
    json_object_foreach (value, key, member) {
        struct json_place at = {place, odk_str(key), 0};
        check_secrets(c, member, &at);
    }
}

void
asl_flow(struct asl_compiler *c)
{
    check_secrets(c, c->scopes[0].json, c->scopes[0].place);
    if (c->problems->n_errors > 0) {
        return;
    }
    check_reachable(c);
    for (size_t i = 0; i < c->n_scopes; i++) {
        check_terminal(c, i);
    }
    for (size_t i = 0; i < c->n_drafts; i++) {
        if (c->states[i].is_pivot) {
            check_after_pivot(c, &c->states[i]);
        }
        check_on_unknown(c, i);
    }
}
