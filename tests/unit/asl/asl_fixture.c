#include "asl_fixture.h"

/** Single quotes become double ones, escaped ones single. */
static char *
unquoted(const char *text)
{
    char *copy = strdup(text);
    char *to = copy;

    assert_non_null(copy);
    for (const char *from = copy; *from; from++) {
        if (from[0] == '\\' && from[1] == '\'') {
            from++;
            *to++ = '\'';
        } else {
            *to++ = (char)(*from == '\'' ? '"' : *from);
        }
    }
    *to = '\0';
    return copy;
}

static json_t *
parse(const char *text)
{
    char *copy = unquoted(text);
    struct odk_err err = {0};
    json_t *value = json_parse(odk_str(copy), &err);

    if (!value) {
        fail_msg("%s in %s", err.message, copy);
    }
    free(copy);
    return value;
}

static json_t *
variable(void *ctx, struct odk_str name)
{
    const struct fixture *fixture = ctx;

    return json_get_str(fixture->variables, name);
}

static json_t *
variables(void *ctx)
{
    const struct fixture *fixture = ctx;

    return json_incref(fixture->variables);
}

int
fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    asl_problems_init(&fixture->problems);
    odk_rand_init(&fixture->rand, 1);
    fixture->input = json_object();
    fixture->context = json_object();
    fixture->variables = json_object();
    fixture->env.rand = &fixture->rand;
    fixture->env.variable = variable;
    fixture->env.variables = variables;
    fixture->env.variable_ctx = fixture;
    fixture->env.state_name = ODK_STR("S");
    fixture->env.entered_event_id = 2;
    *state = fixture;
    return 0;
}

int
fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;

    asl_free(fixture->machine);
    asl_problems_release(&fixture->problems);
    odk_buf_release(&fixture->error.cause);
    json_decref(fixture->input);
    json_decref(fixture->context);
    json_decref(fixture->variables);
    free(fixture);
    return 0;
}

int
fixture_compile(struct fixture *fixture, const char *text)
{
    json_t *definition = parse(text);
    int rc = 0;

    asl_free(fixture->machine);
    asl_problems_release(&fixture->problems);
    asl_problems_init(&fixture->problems);
    rc = asl_compile(definition, &fixture->options, &fixture->machine,
                     &fixture->problems);
    json_decref(definition);
    return rc;
}

void
fixture_take(struct fixture *fixture, const char *text)
{
    if (fixture_compile(fixture, text) != 0) {
        fail_msg("%.*s: %.*s", ODK_STR_ARG(fixture->problems.list[0].pointer),
                 ODK_STR_ARG(fixture->problems.list[0].message));
    }
}

static char *
one_state(const char *members)
{
    static const char format[] = "{'StartAt':'S','States':{'S':{%s},"
                                 "'T':{'Type':'Succeed'}}}";
    size_t size = sizeof(format) + strlen(members);
    char *text = malloc(size);

    assert_non_null(text);
    (void)snprintf(text, size, format, members);
    return text;
}

const struct asl_state *
fixture_state(struct fixture *fixture, const char *members)
{
    char *text = one_state(members);

    fixture_take(fixture, text);
    free(text);
    return &fixture->machine->states[0];
}

bool
fixture_has(const struct fixture *fixture, const char *code,
            const char *pointer)
{
    for (size_t i = 0; i < fixture->problems.n; i++) {
        const struct asl_problem *problem = &fixture->problems.list[i];
        if (odk_str_is(problem->code, code) &&
            odk_str_is(problem->pointer, pointer)) {
            return true;
        }
    }
    return false;
}

void
fixture_refuses(struct fixture *fixture, const char *members,
                const char *pointer)
{
    char *text = one_state(members);
    char place[256];

    (void)snprintf(place, sizeof(place), "/States/S%s", pointer);
    if (fixture_compile(fixture, text) == 0) {
        fail_msg("%s is taken", members);
    }
    assert_null(fixture->machine);
    if (!fixture_has(fixture, "SCHEMA_VALIDATION_FAILED", place)) {
        fail_msg("nothing at %s, but at %.*s: %.*s", place,
                 ODK_STR_ARG(fixture->problems.list[0].pointer),
                 ODK_STR_ARG(fixture->problems.list[0].message));
    }
    free(text);
}

static void
replace(json_t **value, const char *text)
{
    if (text) {
        json_decref(*value);
        *value = parse(text);
    }
}

void
fixture_env(struct fixture *fixture, const char *input, const char *context,
            const char *vars)
{
    replace(&fixture->input, input);
    replace(&fixture->context, context);
    replace(&fixture->variables, vars);
    fixture->env.input = fixture->input;
    fixture->env.states_input = fixture->input;
    fixture->env.context = fixture->context;
}

const char *
fixture_eval(struct fixture *fixture, const struct asl_value *value)
{
    static char text[4096];
    struct odk_buf buf;
    json_t *out = NULL;
    int rc = 0;

    odk_buf_release(&fixture->error.cause);
    fixture->error = (struct asl_error){0};
    assert_non_null(value);
    rc = asl_eval(value, &fixture->env, &out, &fixture->error);
    text[0] = '\0';
    if (rc != 0) {
        assert_int_equal(rc, ODK_EINVAL);
        assert_null(out);
        return text;
    }
    odk_buf_init(&buf, sizeof(text));
    assert_int_equal(json_dump(out, &buf), 0);
    (void)snprintf(text, sizeof(text), "%.*s", ODK_STR_ARG(odk_buf_str(&buf)));
    odk_buf_release(&buf);
    json_decref(out);
    return text;
}

const char *
fixture_cause(const struct fixture *fixture)
{
    return fixture->error.cause.ptr ? fixture->error.cause.ptr : "";
}
