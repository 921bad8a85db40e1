#include "asl/asl_priv.h"

/* Variables by the scope that assigns them. An inner scope reads those of the
 * scopes around it and may neither assign nor shadow them; a distributed Map
 * sees none of them. */

#define ASSIGNED_BY_MANY (-1)

/** One variable of one scope. */
struct scope_variable {
    struct odk_map_node node;
    int32_t state; /**< that assigns it, or ASSIGNED_BY_MANY */
};

struct scope_check {
    struct asl_compiler *c;
    struct odk_map variables;
    bool is_collecting; /**< first round; the second one checks */
};

/** Number of the scope and name of the variable, as one key. */
static struct odk_str
variable_key(struct asl_compiler *c, int32_t scope, struct odk_str name)
{
    size_t len = sizeof(scope) + name.len;
    char *key = odk_arena_alloc(c->arena, len);

    odk_assert(key);
    memcpy(key, &scope, sizeof(scope));
    memcpy(key + sizeof(scope), name.ptr, name.len);
    return odk_str_n(key, len);
}

static void
variable_collect(struct scope_check *check, int32_t state, struct odk_str name)
{
    int32_t scope = check->c->drafts[state].scope;
    struct odk_str key = variable_key(check->c, scope, name);
    struct odk_map_node *node = odk_map_find(&check->variables, key);
    struct scope_variable *variable = NULL;

    if (node) {
        variable = ODK_CONTAINER(node, struct scope_variable, node);
        if (variable->state != state) {
            variable->state = ASSIGNED_BY_MANY;
        }
        return;
    }
    variable = odk_arena_alloc(check->c->arena, sizeof(*variable));
    odk_assert(variable);
    variable->state = state;
    odk_map_add(&check->variables, &variable->node, key);
}

/** Whether the scope around a Parallel or Map has the variable. What only that
 * state assigns, in its Catch for instance, does not exist inside it yet: the
 * service takes an inner variable of the same name. */
static bool
outer_has(struct scope_check *check, int32_t parent, struct odk_str name)
{
    int32_t scope = check->c->drafts[parent].scope;
    struct odk_map_node *node =
        odk_map_find(&check->variables, variable_key(check->c, scope, name));

    return node &&
           ODK_CONTAINER(node, struct scope_variable, node)->state != parent;
}

static void
variable_check(struct scope_check *check, int32_t scope, struct odk_str name,
               const struct json_place *place)
{
    const struct asl_compiler *c = check->c;

    while (scope > 0 && !c->scopes[scope].is_distributed) {
        int32_t parent = c->scopes[scope].parent_state;
        if (outer_has(check, parent, name)) {
            asl_warn(check->c, place, ASL_CODE_PORTABLE,
                     "The variable '%.*s' is one of an outer scope: here it "
                     "can be read, but not assigned; choose another name",
                     ODK_STR_ARG(name));
            return;
        }
        scope = c->drafts[parent].scope;
    }
}

/** All names of the Assign of a state, rule or catcher. */
static void
assign_visit(struct scope_check *check, const struct asl_draft *draft,
             json_t *owner, const struct json_place *place)
{
    json_t *assign = json_get(owner, "Assign");
    struct json_place at = {place, ODK_STR("Assign"), 0};

    for (void *iter = json_object_iter(assign); iter;
         iter = json_object_iter_next(assign, iter)) {
        struct odk_str name = odk_str_n(json_object_iter_key(iter),
                                        json_object_iter_key_len(iter));
        struct json_place member = {&at, name, 0};
        if (!draft->is_jsonata && odk_str_ends(name, ODK_STR(".$"))) {
            name.len -= 2;
        }
        if (check->is_collecting) {
            variable_collect(check, (int32_t)(draft - check->c->drafts), name);
        } else {
            variable_check(check, draft->scope, name, &member);
        }
    }
}

static void
rules_visit(struct scope_check *check, const struct asl_draft *draft,
            const char *key)
{
    json_t *rules = json_get(draft->json, key);
    struct json_place place = {draft->place, odk_str(key), 0};
    size_t i = 0;
    json_t *rule = NULL;

    json_array_foreach (rules, i, rule) {
        struct json_place at = {&place, {0}, i};
        assign_visit(check, draft, rule, &at);
    }
}

static void
states_visit(struct scope_check *check)
{
    for (size_t i = 0; i < check->c->n_drafts; i++) {
        const struct asl_draft *draft = &check->c->drafts[i];
        assign_visit(check, draft, draft->json, draft->place);
        rules_visit(check, draft, "Choices");
        rules_visit(check, draft, "Catch");
    }
}

void
asl_scope_check(struct asl_compiler *c)
{
    struct scope_check check = {.c = c, .is_collecting = true};

    if (c->n_scopes < 2) {
        return;
    }
    odk_map_init(&check.variables);
    states_visit(&check);
    check.is_collecting = false;
    states_visit(&check);
    odk_map_release(&check.variables);
}
