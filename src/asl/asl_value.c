#include "asl/asl_priv.h"

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

struct asl_value *
asl_value_new(const struct asl_slot *slot, enum asl_value_kind kind)
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
    struct asl_value *value = asl_value_new(slot, ASL_VALUE_LITERAL);

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

/** Whether a call has literals only: no path outside of its strings. */
static bool
call_is_constant(struct odk_str text)
{
    bool is_quoted = false;

    if (!odk_str_starts(text, ODK_STR("States."))) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\') {
            i++;
        } else if (text.ptr[i] == '\'') {
            is_quoted = !is_quoted;
        } else if (text.ptr[i] == '$' && !is_quoted) {
            return false;
        }
    }
    return true;
}

/** A call of literals gives the same whatever the input: one that fails, for
 * instance for the type of an argument, is found when it is published. */
static bool
call_check(struct asl_compiler *c, const struct json_place *at,
           struct odk_str text)
{
    struct odk_rand rand = {0};
    struct expr_env env = {.rand = &rand};
    struct expr_error why;
    struct expr *expr = NULL;
    json_t *out = NULL;
    bool is_fine = true;

    if (!call_is_constant(text) || expr_compile(text, &expr, NULL) != 0) {
        return true;
    }
    odk_rand_init(&rand, 1);
    expr_error_init(&why);
    is_fine = expr_eval(expr, &env, &out, &why) == 0;
    if (!is_fine) {
        asl_problem(c, at, "The call fails whatever the input is: %.*s",
                    ODK_STR_ARG(odk_buf_str(&why.cause)));
    }
    json_decref(out);
    expr_error_release(&why);
    expr_free(expr);
    return is_fine;
}

/** call_check for all calls of a template. */
static bool
// NOLINTNEXTLINE(misc-no-recursion): depth is bounded by ASL_DEPTH_MAX
calls_check(struct asl_compiler *c, const struct json_place *place,
            json_t *value)
{
    const char *key = NULL;
    json_t *member = NULL;
    size_t i = 0;
    bool is_fine = true;

    json_array_foreach (value, i, member) {
        struct json_place at = {place, {0}, i};
        is_fine = calls_check(c, &at, member) && is_fine;
    }
    json_object_foreach (value, key, member) {
        struct json_place at = {place, odk_str(key), 0};
        bool is_call =
            json_is_string(member) && odk_str_ends(odk_str(key), ODK_STR(".$"));
        is_fine = (is_call ? call_check(c, &at, json_str(member))
                           : calls_check(c, &at, member)) &&
                  is_fine;
    }
    return is_fine;
}

const struct asl_value *
asl_value_expr(const struct asl_slot *slot, enum asl_wording wording)
{
    struct asl_value *value = asl_value_new(slot, ASL_VALUE_EXPR);
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
        return call_check(slot->c, slot->place, text) ? value : NULL;
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

const struct asl_value *
asl_value_path(const struct asl_slot *slot, enum asl_wording wording)
{
    const struct asl_value *value = asl_value_expr(slot, wording);

    if (value && value->expr && expr_kind(value->expr) == EXPR_INTRINSIC) {
        asl_problem(slot->c, slot->place,
                    "The field '%s' must be a path, it cannot call a function",
                    slot->field->name);
        return NULL;
    }
    return value;
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
    value = asl_value_new(sink->slot, ASL_VALUE_BROKEN);
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
    value = asl_value_new(slot, ASL_VALUE_TEMPLATE);
    if (expr_template_is_constant(tmpl)) {
        expr_template_free(tmpl);
        value->kind = ASL_VALUE_LITERAL;
        value->literal = slot->value;
        return value;
    }
    asl_own(slot->c, tmpl, own_template_free);
    value->tmpl = tmpl;
    return calls_check(slot->c, slot->place, slot->value) ? value : NULL;
}

const struct asl_value *
asl_value_template(const struct asl_slot *slot)
{
    return slot->state && slot->state->is_jsonata ? asl_template_jsonata(slot)
                                                  : template_jsonpath(slot);
}
