#include "asl/asl_priv.h"
#include "jsonata/jsonata.h"

void
asl_own(struct asl_compiler *c, void *ptr, void (*free_it)(void *))
{
    struct asl_owned *owned = odk_arena_alloc(c->arena, sizeof(*owned));

    odk_assert(owned);
    owned->ptr = ptr;
    owned->free = free_it;
    owned->next = c->impl->owned;
    c->impl->owned = owned;
}

static void
own_expr_free(void *ptr)
{
    expr_free(ptr);
}

static void
own_template_free(void *ptr)
{
    expr_template_free(ptr);
}

static void
own_jsonata_free(void *ptr)
{
    jsonata_free(ptr);
}

static struct asl_value *
value_new(const struct asl_slot *slot, enum asl_value_kind kind)
{
    struct asl_value *value = odk_arena_alloc(slot->c->arena, sizeof(*value));

    odk_assert(value);
    value->kind = kind;
    value->field = odk_str(slot->field->name);
    value->expect = (enum asl_expect)slot->field->expect;
    return value;
}

const struct asl_value *
asl_value_literal(const struct asl_slot *slot)
{
    struct asl_value *value = value_new(slot, ASL_VALUE_LITERAL);

    value->literal = slot->value;
    return value;
}

/** Whether a text that does not compile has a filter or a script in it: the
 * service looks into those only when it evaluates. */
static bool
path_is_late(struct odk_str text)
{
    bool is_path = odk_str_starts(text, ODK_STR("$")) ||
                   odk_str_starts(text, ODK_STR("States."));

    for (size_t i = 0; is_path && i + 1 < text.len; i++) {
        if (text.ptr[i] == '[' &&
            (text.ptr[i + 1] == '(' || text.ptr[i + 1] == '?')) {
            return true;
        }
    }
    return false;
}

const struct asl_value *
asl_value_expr(const struct asl_slot *slot, enum asl_wording wording)
{
    struct asl_value *value = value_new(slot, ASL_VALUE_EXPR);
    struct odk_str text = json_str(slot->value);
    struct expr *expr = NULL;
    struct odk_err err = {0};

    if (!json_is_string(slot->value)) {
        asl_problem(slot->c, slot->place,
                    "The field '%s' must be a string that holds a path or an "
                    "intrinsic function, not %s",
                    slot->field->name, json_type_name(slot->value));
        return NULL;
    }
    value->wording = wording;
    value->text = text;
    if (expr_compile(text, &expr, &err) == 0) {
        asl_own(slot->c, expr, own_expr_free);
        value->expr = expr;
        return value;
    }
    if (path_is_late(text)) {
        asl_warn(slot->c, slot->place, ASL_CODE_PORTABLE,
                 "The path will fail when it is evaluated: %s", err.message);
        value->kind = ASL_VALUE_BROKEN;
        value->broken = odk_arena_str(slot->c->arena, odk_str(err.message));
        return value;
    }
    asl_problem(slot->c, slot->place,
                "The value for the field '%s' must be a valid JSONPath or a "
                "valid intrinsic function call: %s",
                slot->field->name, err.message);
    return NULL;
}

/** What a template's findings go to. */
struct template_sink {
    const struct asl_slot *slot;
    struct odk_str late; /**< the first path that only an evaluation refuses */
    struct odk_str why;
    size_t n_errors;
};

/** The value at a place of the definition. */
static json_t *
// NOLINTNEXTLINE(misc-no-recursion): depth is bounded by ASL_DEPTH_MAX
place_value(const struct asl_compiler *c, const struct json_place *place)
{
    json_t *parent = NULL;

    if (!place->parent) {
        return c->impl->machine.definition;
    }
    parent = place_value(c, place->parent);
    return place->key.ptr ? json_get_str(parent, place->key)
                          : json_array_get(parent, place->index);
}

/** The member of a template's object that a finding is about. */
static struct odk_str
finding_key(json_t *object, struct odk_str message)
{
    struct odk_str prefix = ODK_STR("The value for the field '");
    struct odk_str rest = odk_str_from(message, prefix.len);

    if (!odk_str_starts(message, prefix)) {
        return (struct odk_str){0};
    }
    for (void *iter = json_object_iter(object); iter;
         iter = json_object_iter_next(object, iter)) {
        struct odk_str key = odk_str_n(json_object_iter_key(iter),
                                       json_object_iter_key_len(iter));
        if (odk_str_starts(rest, key) && rest.len > key.len &&
            rest.ptr[key.len] == '\'') {
            return key;
        }
    }
    return (struct odk_str){0};
}

static void
template_problem(void *ctx, const struct json_place *place,
                 struct odk_str message)
{
    struct template_sink *sink = ctx;
    struct asl_compiler *c = sink->slot->c;
    json_t *object = place_value(c, place ? place : sink->slot->place);
    struct json_place at = {place ? place : sink->slot->place,
                            finding_key(object, message), 0};
    struct odk_str text = json_str(json_get_str(object, at.key));
    struct odk_err err = {0};
    struct expr *expr = NULL;

    if (!text.ptr || expr_compile(text, &expr, &err) == 0) {
        expr_free(expr);
        asl_problem(c, at.parent, "%.*s", ODK_STR_ARG(message));
        sink->n_errors++;
    } else if (path_is_late(text)) {
        asl_warn(c, &at, ASL_CODE_PORTABLE,
                 "The path will fail when it is evaluated: %s", err.message);
        sink->late = text;
        sink->why = odk_arena_str(c->arena, odk_str(err.message));
    } else {
        asl_problem(c, &at, "%.*s: %s", ODK_STR_ARG(message), err.message);
        sink->n_errors++;
    }
}

static const struct asl_value *
template_broken(const struct template_sink *sink)
{
    struct asl_value *value = NULL;

    if (sink->n_errors > 0 || !sink->late.ptr) {
        return NULL;
    }
    value = value_new(sink->slot, ASL_VALUE_BROKEN);
    value->text = sink->late;
    value->broken = sink->why;
    return value;
}

static const struct asl_value *
template_jsonpath(const struct asl_slot *slot)
{
    struct template_sink sink = {.slot = slot};
    struct expr_template *tmpl = NULL;
    struct expr_template_source source = {
        .value = slot->value,
        .place = slot->place,
        .problem = template_problem,
        .problem_ctx = &sink,
    };
    struct asl_value *value = NULL;

    if (expr_template_compile(&source, &tmpl) != 0) {
        return template_broken(&sink);
    }
    value = value_new(slot, ASL_VALUE_TEMPLATE);
    if (expr_template_is_constant(tmpl)) {
        expr_template_free(tmpl);
        value->kind = ASL_VALUE_LITERAL;
        value->literal = slot->value;
        return value;
    }
    asl_own(slot->c, tmpl, own_template_free);
    value->tmpl = tmpl;
    return value;
}

static bool
is_blank(char ch)
{
    return ch == ' ' || ch == '\n' || ch == '\r' || ch == '\t';
}

bool
asl_is_jsonata_text(struct odk_str text)
{
    return text.len >= 5 && odk_str_starts(text, ODK_STR("{%")) &&
           odk_str_ends(text, ODK_STR("%}")) && is_blank(text.ptr[2]) &&
           is_blank(text.ptr[text.len - 3]);
}

/** Begins or ends like an expression without being one. */
static bool
is_jsonata_mistake(struct odk_str text)
{
    while (text.len && is_blank(text.ptr[0])) {
        text = odk_str_from(text, 1);
    }
    while (text.len && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return odk_str_starts(text, ODK_STR("{%")) ||
           odk_str_ends(text, ODK_STR("%}"));
}

/** A step of the walk over a JSONata template. */
struct node_walk {
    const struct asl_slot *slot;
    const struct node_walk *up; /**< NULL: the field itself */
    struct odk_str key;         /**< absent: an element */
    size_t index;
    struct json_place place;
};

static void
field_put(struct odk_buf *buf, const struct node_walk *walk)
{
    const struct node_walk *chain[ASL_DEPTH_MAX];
    size_t n = 0;

    for (; walk->up && n < ASL_DEPTH_MAX; walk = walk->up) {
        chain[n++] = walk;
    }
    odk_buf_put_cstr(buf, walk->slot->field->name);
    while (n > 0) {
        const struct node_walk *step = chain[--n];
        if (step->key.ptr) {
            odk_buf_put_char(buf, '/');
            odk_buf_put_str(buf, step->key);
        } else {
            odk_buf_put_char(buf, '[');
            odk_buf_put_u64(buf, step->index);
            odk_buf_put_char(buf, ']');
        }
    }
}

static bool
node_program(const struct node_walk *walk, struct odk_str text,
             struct asl_node *node)
{
    struct asl_compiler *c = walk->slot->c;
    struct jsonata_error err = {0};
    struct jsonata *program = NULL;
    struct odk_buf field;
    int rc = 0;

    node->text = odk_str_n(text.ptr + 2, text.len - 4);
    while (node->text.len && is_blank(node->text.ptr[0])) {
        node->text = odk_str_from(node->text, 1);
    }
    while (node->text.len && is_blank(node->text.ptr[node->text.len - 1])) {
        node->text.len--;
    }
    rc = jsonata_compile(node->text, &program, &err);
    if (rc != 0) {
        asl_problem(c, &walk->place,
                    "The JSONata expression is not valid: %s %s (at position "
                    "%zu)",
                    err.code, err.message, err.position);
        return false;
    }
    asl_own(c, program, own_jsonata_free);
    if (jsonata_reads_input(program)) {
        asl_problem(c, &walk->place,
                    "The JSONata expression reads an input document with '$', "
                    "'$$' or a bare name, but there is none: write "
                    "$states.input");
        return false;
    }
    odk_buf_init(&field, 0);
    field_put(&field, walk);
    node->kind = ASL_NODE_JSONATA;
    node->program = program;
    node->field = odk_arena_str(c->arena, odk_buf_str(&field));
    odk_buf_release(&field);
    return true;
}

static bool node_compile(const struct node_walk *walk, json_t *value,
                         struct asl_node *node);

/** Compiles one child; false if it made the parent more than a literal. */
static bool
// NOLINTNEXTLINE(misc-no-recursion): depth is bounded by ASL_DEPTH_MAX
child_compile(const struct node_walk *walk, json_t *value,
              struct asl_node *child, bool *is_literal)
{
    bool is_ok = node_compile(walk, value, child);

    child->key = walk->key;
    *is_literal = *is_literal && child->kind == ASL_NODE_LITERAL;
    return is_ok;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): depth is bounded by ASL_DEPTH_MAX
node_container(const struct node_walk *walk, json_t *value,
               struct asl_node *node)
{
    bool is_object = json_is_object(value);
    size_t n = is_object ? json_object_size(value) : json_array_size(value);
    struct asl_node *children =
        odk_arena_calloc(walk->slot->c->arena, n ? n : 1, sizeof(*children));
    void *iter = is_object ? json_object_iter(value) : NULL;
    bool is_ok = true;
    bool is_literal = true;

    odk_assert(children);
    for (size_t i = 0; i < n; i++) {
        struct node_walk step = {.slot = walk->slot, .up = walk, .index = i};
        json_t *child = NULL;
        if (is_object) {
            step.key = odk_str_n(json_object_iter_key(iter),
                                 json_object_iter_key_len(iter));
            child = json_object_iter_value(iter);
            iter = json_object_iter_next(value, iter);
        } else {
            child = json_array_get(value, i);
        }
        step.place = (struct json_place){&walk->place, step.key, i};
        is_ok = child_compile(&step, child, &children[i], &is_literal) && is_ok;
    }
    if (!is_literal) {
        node->kind = is_object ? ASL_NODE_OBJECT : ASL_NODE_ARRAY;
        node->children = children;
        node->n_children = n;
    }
    return is_ok;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): depth is bounded by ASL_DEPTH_MAX
node_compile(const struct node_walk *walk, json_t *value, struct asl_node *node)
{
    struct odk_str text = json_str(value);

    node->kind = ASL_NODE_LITERAL;
    node->literal = value;
    if (json_is_object(value) || json_is_array(value)) {
        return node_container(walk, value, node);
    }
    if (!json_is_string(value)) {
        return true;
    }
    if (asl_is_jsonata_text(text)) {
        return node_program(walk, text, node);
    }
    if (is_jsonata_mistake(text)) {
        asl_problem(walk->slot->c, &walk->place,
                    "A JSONata expression must begin with '{%% ' and end with "
                    "' %%}', with nothing around them");
        return false;
    }
    return true;
}

static const struct asl_value *
template_jsonata(const struct asl_slot *slot)
{
    struct asl_node *node = odk_arena_alloc(slot->c->arena, sizeof(*node));
    struct node_walk walk = {.slot = slot, .place = *slot->place};
    struct asl_value *value = NULL;

    odk_assert(node);
    if (!node_compile(&walk, slot->value, node)) {
        return NULL;
    }
    value = value_new(slot, ASL_VALUE_JSONATA);
    if (node->kind == ASL_NODE_LITERAL) {
        value->kind = ASL_VALUE_LITERAL;
        value->literal = slot->value;
        return value;
    }
    value->node = node;
    value->text = node->text;
    return value;
}

const struct asl_value *
asl_value_template(const struct asl_slot *slot)
{
    return slot->state && slot->state->is_jsonata ? template_jsonata(slot)
                                                  : template_jsonpath(slot);
}

bool
asl_value_jsonata(const struct asl_slot *slot, const struct asl_value **out)
{
    if (!slot->state->is_jsonata || !json_is_string(slot->value) ||
        !is_jsonata_mistake(json_str(slot->value))) {
        return false;
    }
    *out = template_jsonata(slot);
    return true;
}
