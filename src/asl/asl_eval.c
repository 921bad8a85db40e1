#include <string.h>

#include "asl/asl_priv.h"
#include "jsonata/jsonata.h"

struct odk_str
asl_text_whole(struct odk_str text)
{
    size_t back = 0;

    while (back < 4 && back < text.len && !odk_str_is_utf8(text)) {
        text.len--;
        back++;
    }
    return text;
}

int
asl_fail(struct asl_error *error, const struct asl_env *env, const char *name,
         struct odk_str cause)
{
    struct odk_buf *buf = &error->cause;
    struct odk_str whole = {0};

    (void)strncpy(error->name, name, sizeof(error->name) - 1);
    error->name[sizeof(error->name) - 1] = '\0';
    odk_buf_init(buf, 0);
    odk_buf_put_cstr(buf, "An error occurred while executing the state '");
    odk_buf_put_str(buf, env->state_name);
    odk_buf_put_cstr(buf, "' (entered at the event id #");
    odk_buf_put_i64(buf, env->entered_event_id);
    odk_buf_put_cstr(buf, "). ");
    odk_buf_put_str(buf, cause);
    if (buf->len > ASL_CAUSE_BYTES_MAX) {
        whole = asl_text_whole(odk_str_n(buf->ptr, ASL_CAUSE_BYTES_MAX));
        buf->len = whole.len;
        buf->ptr[buf->len] = '\0';
    }
    return ODK_EINVAL;
}

/** As asl_fail, takes the buffer's content and releases it. */
static int
fail_with(struct asl_error *error, const struct asl_env *env, const char *name,
          struct odk_buf *cause)
{
    int rc = asl_fail(error, env, name, odk_buf_str(cause));

    odk_buf_release(cause);
    return rc;
}

static struct expr_env
env_of(const struct asl_env *env)
{
    return (struct expr_env){
        .input = env->input,
        .context = env->context,
        .variable = env->variable,
        .variable_ctx = env->variable_ctx,
        .rand = env->rand,
    };
}

/** A value as JSON; nothing for NULL and for what cannot be written. */
static void
value_put(struct odk_buf *buf, const json_t *value)
{
    size_t len = buf->len;

    if (value && json_dump(value, buf) != 0) {
        buf->len = len;
    }
}

/** The cause of a path that finds nothing, as AWS words it for the field. */
static void
word_missing(const struct asl_value *value, const struct asl_env *env,
             struct odk_buf *cause)
{
    json_t *seen = value->text.len > 1 && value->text.ptr[1] == '$'
                       ? env->context
                       : env->input;

    odk_buf_clear(cause);
    if (value->wording == ASL_WORDING_PARAMETER) {
        odk_buf_put_cstr(cause, "The ");
        odk_buf_put_str(cause, value->field);
        odk_buf_put_cstr(cause,
                         " parameter does not reference an input value: ");
        odk_buf_put_str(cause, value->text);
    } else if (value->wording == ASL_WORDING_CHOICE) {
        odk_buf_put_cstr(cause, "Invalid path '");
        odk_buf_put_str(cause, value->text);
        odk_buf_put_cstr(cause, "': The choice state's condition path "
                                "references an invalid value.");
    } else {
        odk_buf_put_cstr(cause, "The JSONPath '");
        odk_buf_put_str(cause, value->text);
        odk_buf_put_cstr(cause, "' specified for the field '");
        odk_buf_put_str(cause, value->field);
        odk_buf_put_cstr(cause, "' could not be found in the input '");
        value_put(cause, seen);
        odk_buf_put_char(cause, '\'');
    }
}

static int
eval_expr(const struct asl_value *value, const struct asl_env *env,
          json_t **out, struct asl_error *error)
{
    struct expr_env inner = env_of(env);
    struct expr_error why;
    int rc = 0;

    expr_error_init(&why);
    rc = expr_eval(value->expr, &inner, out, &why);
    if (rc != 0) {
        odk_assert(why.name);
        if (rc == ODK_ENOTFOUND && value->wording != ASL_WORDING_JAYWAY) {
            word_missing(value, env, &why.cause);
        }
        rc = asl_fail(error, env, why.name, odk_buf_str(&why.cause));
        error->location = value->field;
    }
    expr_error_release(&why);
    return rc;
}

static int
eval_template(const struct asl_value *value, const struct asl_env *env,
              json_t **out, struct asl_error *error)
{
    struct expr_env inner = env_of(env);
    struct expr_error why;
    int rc = 0;

    expr_error_init(&why);
    if (expr_template_eval(value->tmpl, &inner, out, &why) != 0) {
        odk_assert(why.name);
        rc = asl_fail(error, env, why.name, odk_buf_str(&why.cause));
        error->location = value->field;
    }
    expr_error_release(&why);
    return rc;
}

static int
eval_broken(const struct asl_value *value, const struct asl_env *env,
            struct asl_error *error)
{
    struct odk_buf cause;

    odk_buf_init(&cause, 0);
    odk_buf_put_cstr(&cause, "Invalid path '");
    odk_buf_put_str(&cause, value->text);
    odk_buf_put_cstr(&cause, "' : ");
    odk_buf_put_str(&cause, value->broken);
    error->location = value->field;
    return fail_with(error, env, "States.Runtime", &cause);
}

/** One evaluation of a JSONata field: the bindings are built once. */
struct jsonata_run {
    const struct asl_value *value;
    const struct asl_env *env;
    struct asl_error *error;
    json_t *bindings; /**< NULL until an expression needs it */
};

static void
member_put(json_t *object, const char *key, json_t *value)
{
    if (value) {
        json_set(object, odk_str(key), json_incref(value));
    }
}

/** The variables and `$states`. */
static json_t *
bindings_new(const struct asl_env *env)
{
    json_t *shared = env->variables ? env->variables(env->variable_ctx) : NULL;
    json_t *bindings = shared ? json_share_members(shared) : json_object();
    json_t *states = json_object();

    member_put(states, "input", env->states_input);
    member_put(states, "result", env->result);
    member_put(states, "errorOutput", env->error_output);
    member_put(states, "context", env->context);
    json_set(bindings, ODK_STR("states"), states);
    json_decref(shared);
    return bindings;
}

static int
node_fail(const struct jsonata_run *run, const struct asl_node *node,
          const char *what, struct odk_buf *tail)
{
    struct odk_buf cause;
    int rc = 0;

    odk_buf_init(&cause, 0);
    odk_buf_put_cstr(&cause, "The JSONata expression '");
    odk_buf_put_str(&cause, node->text);
    odk_buf_put_cstr(&cause, "' specified for the field '");
    odk_buf_put_str(&cause, node->field);
    odk_buf_put_cstr(&cause, "' ");
    odk_buf_put_cstr(&cause, what);
    if (tail) {
        odk_buf_put_str(&cause, odk_buf_str(tail));
        odk_buf_release(tail);
    }
    rc = fail_with(run->error, run->env, "States.QueryEvaluationError", &cause);
    run->error->location = node->field;
    return rc;
}

static int
node_thrown(const struct jsonata_run *run, const struct asl_node *node,
            const struct jsonata_error *why)
{
    struct odk_buf tail;

    odk_buf_init(&tail, 0);
    odk_buf_put_cstr(&tail, why->code);
    odk_buf_put_cstr(&tail, ": ");
    odk_buf_put_cstr(&tail, why->message);
    return node_fail(run, node, "threw an error during evaluation. ", &tail);
}

static int
node_run(struct jsonata_run *run, const struct asl_node *node, json_t **out)
{
    struct jsonata_error why = {0};
    struct jsonata_options options = {.now = run->env->now, .is_aws = true};
    int rc = 0;

    if (!run->bindings) {
        run->bindings = bindings_new(run->env);
    }
    options.bindings = run->bindings;
    options.seed = run->env->rand ? odk_rand_u64(run->env->rand) : 0;
    rc = jsonata_eval(node->program, NULL, &options, out, &why);
    if (rc == 0 && *out) {
        return 0;
    }
    if (rc == 0) {
        return node_fail(run, node, "returned nothing (undefined).", NULL);
    }
    if (rc == ODK_EUNSUPPORTED) {
        return node_fail(run, node, "returned an unsupported result type.",
                         NULL);
    }
    return node_thrown(run, node, &why);
}

static int node_eval(struct jsonata_run *run, const struct asl_node *node,
                     json_t **out);

static int
// NOLINTNEXTLINE(misc-no-recursion): depth is that of the definition
node_fill(struct jsonata_run *run, const struct asl_node *node,
          json_t *container)
{
    for (size_t i = 0; i < node->n_children; i++) {
        const struct asl_node *child = &node->children[i];
        json_t *value = NULL;
        int rc = node_eval(run, child, &value);
        if (rc != 0) {
            return rc;
        }
        if (node->kind == ASL_NODE_OBJECT) {
            json_set(container, child->key, value);
        } else {
            json_append(container, value);
        }
    }
    return 0;
}

static int
// NOLINTNEXTLINE(misc-no-recursion): depth is that of the definition
node_eval(struct jsonata_run *run, const struct asl_node *node, json_t **out)
{
    json_t *container = NULL;
    int rc = 0;

    switch (node->kind) {
    case ASL_NODE_LITERAL:
        *out = json_incref(node->literal);
        return 0;
    case ASL_NODE_JSONATA:
        return node_run(run, node, out);
    case ASL_NODE_ARRAY:
    case ASL_NODE_OBJECT:
        break;
    }
    container = node->kind == ASL_NODE_OBJECT ? json_object() : json_array();
    rc = node_fill(run, node, container);
    if (rc != 0) {
        json_decref(container);
        return rc;
    }
    *out = container;
    return 0;
}

/** Name of the type that a field demands; NULL when the value is fine. */
static const char *
expect_failed(enum asl_expect expect, const json_t *value)
{
    switch (expect) {
    case ASL_EXPECT_ANY:
        return NULL;
    case ASL_EXPECT_ARRAY:
        return json_is_array(value) ? NULL : "array";
    case ASL_EXPECT_ARRAY_OR_OBJECT:
        return json_is_array(value) || json_is_object(value) ? NULL : "array";
    case ASL_EXPECT_BOOLEAN:
        return json_is_boolean(value) ? NULL : "boolean";
    case ASL_EXPECT_NUMBER:
        return json_is_number(value) ? NULL : "number";
    case ASL_EXPECT_OBJECT:
        return json_is_object(value) ? NULL : "object";
    case ASL_EXPECT_STRING:
        return json_is_string(value) ? NULL : "string";
    }
    return NULL;
}

static int
eval_jsonata(const struct asl_value *value, const struct asl_env *env,
             json_t **out, struct asl_error *error)
{
    struct jsonata_run run = {.value = value, .env = env, .error = error};
    const char *expected = NULL;
    struct odk_buf tail;
    int rc = node_eval(&run, value->node, out);

    json_decref(run.bindings);
    if (rc != 0 || value->node->kind != ASL_NODE_JSONATA) {
        return rc;
    }
    expected = expect_failed(value->expect, *out);
    if (!expected) {
        return 0;
    }
    odk_buf_init(&tail, 0);
    odk_buf_put_cstr(&tail, expected);
    odk_buf_put_cstr(&tail, "', but was '");
    odk_buf_put_cstr(&tail, json_type_name(*out));
    odk_buf_put_cstr(&tail, "' for value: ");
    value_put(&tail, *out);
    json_decref(*out);
    *out = NULL;
    return node_fail(&run, value->node,
                     "returned an unexpected result type. Expected '", &tail);
}

int
asl_eval(const struct asl_value *value, const struct asl_env *env, json_t **out,
         struct asl_error *error)
{
    odk_assert(value);
    odk_assert(env);
    *out = NULL;
    switch (value->kind) {
    case ASL_VALUE_LITERAL:
        *out = json_incref(value->literal);
        return 0;
    case ASL_VALUE_EXPR:
        return eval_expr(value, env, out, error);
    case ASL_VALUE_TEMPLATE:
        return eval_template(value, env, out, error);
    case ASL_VALUE_JSONATA:
        return eval_jsonata(value, env, out, error);
    case ASL_VALUE_BROKEN:
        return eval_broken(value, env, error);
    }
    return ODK_EINTERNAL;
}

struct odk_str
asl_value_text(const struct asl_value *value)
{
    return value->text;
}

struct odk_str
asl_value_field(const struct asl_value *value)
{
    return value->field;
}

json_t *
asl_value_constant(const struct asl_value *value)
{
    return value->kind == ASL_VALUE_LITERAL ? value->literal : NULL;
}
