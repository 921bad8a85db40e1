#include "asl/asl_priv.h"
#include "jsonata/jsonata.h"

static void
own_jsonata_free(void *ptr)
{
    jsonata_free(ptr);
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

static struct odk_str
trimmed(struct odk_str text)
{
    while (text.len && is_blank(text.ptr[0])) {
        text = odk_str_from(text, 1);
    }
    while (text.len && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/** Begins or ends like an expression without being one. */
static bool
is_jsonata_mistake(struct odk_str text)
{
    return odk_str_starts(trimmed(text), ODK_STR("{%")) ||
           odk_str_ends(trimmed(text), ODK_STR("%}"));
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
    if (asl_is_jsonata_text(trimmed(text))) {
        /* A constant, as recorded, but hardly meant. */
        asl_warn(walk->slot->c, &walk->place, ASL_CODE_SCHEMA,
                 "White space around a JSONata expression makes it a text");
        return true;
    }
    if (is_jsonata_mistake(text)) {
        asl_problem(walk->slot->c, &walk->place,
                    "A JSONata expression must begin with '{%% ' and end with "
                    "' %%}', with nothing around them");
        return false;
    }
    return true;
}

const struct asl_value *
asl_template_jsonata(const struct asl_slot *slot)
{
    struct asl_node *node = odk_arena_alloc(slot->c->arena, sizeof(*node));
    struct node_walk walk = {.slot = slot, .place = *slot->place};
    struct asl_value *value = NULL;

    odk_assert(node);
    if (!node_compile(&walk, slot->value, node)) {
        return NULL;
    }
    value = asl_value_new(slot, ASL_VALUE_JSONATA);
    if (node->kind == ASL_NODE_LITERAL) {
        value->kind = ASL_VALUE_LITERAL;
        value->literal = slot->value;
        return value;
    }
    value->node = node;
    value->text = node->text;
    return value;
}

bool
asl_value_jsonata(const struct asl_slot *slot, const struct asl_value **out)
{
    if (!slot->state->is_jsonata || !json_is_string(slot->value) ||
        !is_jsonata_mistake(json_str(slot->value))) {
        return false;
    }
    *out = asl_template_jsonata(slot);
    return true;
}
