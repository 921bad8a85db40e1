/*
 * What refuses a TestState request, with the sentences of the recordings.
 */

#include <stdarg.h>
#include <stdio.h>

#include "harness/harness_test_state_priv.h"
#include "json/json.h"

bool
test_state_refuse(json_t *answer, const char *code, const char *fmt, ...)
{
    char message[2048];
    json_t *error = json_object();
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    json_set(error, ODK_STR("Code"), json_string(code));
    json_set(error, ODK_STR("Message"), json_string(message));
    json_object_clear(answer);
    json_set(answer, ODK_STR("Error"), error);
    json_set(answer, ODK_STR("message"), json_string(message));
    return false;
}

json_t *
test_state_parsed(json_t *value)
{
    return json_is_string(value) ? json_parse(json_str(value), NULL)
                                 : json_incref(value);
}

/* The context object. */

struct context_member {
    const char *object; /* NULL: the context object itself */
    const char *name;
    char type; /* s string, n number, o object, x anything */
};

static const struct context_member context_members[] = {
    {NULL, "Execution", 'o'},
    {NULL, "State", 'o'},
    {NULL, "StateMachine", 'o'},
    {NULL, "Task", 'o'},
    {"Execution", "Id", 's'},
    {"Execution", "Input", 'x'},
    {"Execution", "Name", 's'},
    {"Execution", "RoleArn", 's'},
    {"Execution", "StartTime", 's'},
    {"Execution", "RedriveCount", 'n'},
    {"Execution", "RedriveTime", 's'},
    {"State", "EnteredTime", 's'},
    {"State", "Name", 's'},
    {"State", "RetryCount", 'n'},
    {"StateMachine", "Id", 's'},
    {"StateMachine", "Name", 's'},
    {"Task", "Token", 's'},
};

static const struct context_member *
find_member(const char *object, struct odk_str name)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(context_members); i++) {
        const struct context_member *member = &context_members[i];
        if (odk_str_eq(odk_str(member->object), odk_str(object)) &&
            odk_str_is(name, member->name)) {
            return member;
        }
    }
    return NULL;
}

/* NULL: it has the type; else what it must be. */
static const char *
type_wanted(char type, const json_t *value)
{
    if (type == 's' && !json_is_string(value)) {
        return "a string";
    }
    if (type == 'n' && !json_is_number(value)) {
        return "a number";
    }
    if (type == 'b' && !json_is_boolean(value)) {
        return "a boolean";
    }
    if (type == 'a' && !json_is_array(value)) {
        return "an array";
    }
    return type == 'o' && !json_is_object(value) ? "an object" : NULL;
}

#define BAD_CONTEXT "Invalid Context object provided: "

static bool
check_members(const struct test_state_request *request, const char *object,
              const json_t *value)
{
    struct json_member_iter it;

    for (json_member_first(&it, value); it.value; json_member_next(&it)) {
        const struct context_member *member = find_member(object, it.key);
        if (!member) {
            return test_state_refuse(request->answer, "ValidationException",
                                     BAD_CONTEXT "Field '%.*s' is not allowed",
                                     ODK_STR_ARG(it.key));
        }
        const char *wanted = type_wanted(member->type, it.value);
        if (wanted) {
            return test_state_refuse(request->answer, "ValidationException",
                                     BAD_CONTEXT "%s%s%.*s must be %s",
                                     object ? object : "", object ? "." : "",
                                     ODK_STR_ARG(it.key), wanted);
        }
    }
    return true;
}

static bool
may_have_token(const struct asl_state *state)
{
    return state->type == ASL_TASK &&
           state->resource.pattern != ASL_PATTERN_REQUEST_RESPONSE;
}

bool
test_state_check_context(const struct test_state_request *request,
                         const struct asl_state *state)
{
    static const char *const objects[] = {NULL, "Execution", "State",
                                          "StateMachine", "Task"};
    const json_t *context = request->context;

    if (!context) {
        return true;
    }
    if (!json_is_object(context)) {
        return test_state_refuse(request->answer, "ValidationException",
                                 BAD_CONTEXT
                                 "Context object must be a JSON object");
    }
    if (json_get(context, "Map")) {
        return test_state_refuse(
            request->answer, "ValidationException",
            BAD_CONTEXT "'Map' field is not supported when mocking a Context "
                        "object");
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(objects); i++) {
        if (!check_members(request, objects[i],
                           objects[i] ? json_get(context, objects[i])
                                      : context)) {
            return false;
        }
    }
    if (json_get(context, "Task") && !may_have_token(state)) {
        return test_state_refuse(
            request->answer, "ValidationException",
            BAD_CONTEXT "Context object contains 'Task' when state is not a "
                        "Task state with a '.sync' or '.waitForTaskToken' "
                        "service integration pattern");
    }
    return true;
}

/* The shape of a service's answer. */

/* "arn:aws:states:::aws-sdk:s3:getObject" → "s3:getObject"; the names of the
 * SDK become those of the optimized integrations. */
static void
call_of(struct odk_str resource, struct odk_buf *out)
{
    static const struct {
        const char *sdk;
        const char *name;
    } names[] = {{"sfn:", "states:"}, {"eventbridge:", "events:"}};
    const struct odk_str sdk = ODK_STR("aws-sdk:");
    size_t colons = 0;
    size_t at = 0;

    while (at < resource.len && colons < 5) {
        colons += resource.ptr[at++] == ':';
    }
    struct odk_str call = odk_str_from(resource, at);
    if (odk_str_starts(call, sdk)) {
        call = odk_str_from(call, sdk.len);
    }
    for (size_t i = 0; i < ODK_ARRAY_LEN(names); i++) {
        struct odk_str from = odk_str(names[i].sdk);
        if (odk_str_starts(call, from)) {
            odk_buf_put_cstr(out, names[i].name);
            call = odk_str_from(call, from.len);
            break;
        }
    }
    odk_buf_put_str(out, call);
}

static const struct test_state_shape *
shape_of(const struct asl_state *state)
{
    const struct test_state_shape *found = NULL;
    struct odk_buf call;
    size_t n = 0;

    if (state->type != ASL_TASK ||
        state->resource.pattern != ASL_PATTERN_REQUEST_RESPONSE) {
        return NULL;
    }
    const struct test_state_shape *shapes = test_state_shapes(&n);
    odk_buf_init(&call, 0);
    call_of(state->resource.text, &call);
    for (size_t i = 0; i < n && !found; i++) {
        if (odk_str_is(odk_buf_str(&call), shapes[i].call)) {
            found = &shapes[i];
        }
    }
    odk_buf_release(&call);
    return found;
}

/* One member of a shape: "StorageClass:s!<3=A|B". */
struct shape_member {
    struct odk_str name;
    char type;
    bool is_required;
    int64_t length_min;
    struct odk_str values; /* empty: any */
};

static struct odk_str
cut(struct odk_str *rest, char at)
{
    ptrdiff_t end = odk_str_find(*rest, at);
    struct odk_str head = *rest;

    if (end < 0) {
        *rest = odk_str_n(rest->ptr + rest->len, 0);
        return head;
    }
    head.len = (size_t)end;
    *rest = odk_str_from(*rest, (size_t)end + 1);
    return head;
}

static struct shape_member
parse_member(struct odk_str text)
{
    struct shape_member member = {.values = ODK_STR("")};
    struct odk_str form = cut(&text, '=');

    member.values = text;
    struct odk_str head = cut(&form, '<');
    (void)odk_str_to_i64(form, &member.length_min);
    member.name = cut(&head, ':');
    odk_assert(head.len > 0);
    member.type = head.ptr[0];
    member.is_required = head.len > 1;
    return member;
}

static bool
is_listed(struct odk_str values, struct odk_str value)
{
    while (values.len > 0) {
        if (odk_str_eq(cut(&values, '|'), value)) {
            return true;
        }
    }
    return false;
}

/* The sentence that a value's breach ends with; NULL: there is none. */
static const char *
member_breach(const struct shape_member *member, const json_t *value)
{
    struct odk_str text = json_str(value);

    if (member->values.len > 0 && text.ptr &&
        !is_listed(member->values, text)) {
        return "is not an expected value";
    }
    return text.ptr && (int64_t)text.len < member->length_min
               ? "is smaller than the minimum length"
               : NULL;
}

#define BAD_SHAPE "Mock result schema validation error: "

static bool
check_member(const struct test_state_request *request,
             const struct shape_member *member, bool is_strict)
{
    json_t *value = json_get_str(request->result, member->name);
    const char *code = "ValidationException";

    if (!value) {
        return !member->is_required || !is_strict ||
               test_state_refuse(request->answer, code,
                                 BAD_SHAPE "Required field '%.*s' is missing",
                                 ODK_STR_ARG(member->name));
    }
    const char *wanted = type_wanted(member->type, value);
    if (wanted) {
        return test_state_refuse(request->answer, code,
                                 BAD_SHAPE "Field '%.*s' must be %s",
                                 ODK_STR_ARG(member->name), wanted);
    }
    const char *breach = member_breach(member, value);
    return !breach ||
           test_state_refuse(request->answer, code, BAD_SHAPE "Field '%.*s' %s",
                             ODK_STR_ARG(member->name), breach);
}

bool
test_state_check_shape(const struct test_state_request *request,
                       const struct asl_state *state)
{
    const struct test_state_shape *shape = shape_of(state);
    struct odk_str mode =
        json_str(json_get(request->mock, "fieldValidationMode"));

    if (!shape || odk_str_is(mode, "NONE") ||
        !json_is_object(request->result)) {
        return true;
    }
    struct odk_str rest = odk_str(shape->members);
    while (rest.len > 0) {
        struct shape_member member = parse_member(cut(&rest, ' '));
        if (!check_member(request, &member, !odk_str_is(mode, "PRESENT"))) {
            return false;
        }
    }
    return true;
}

/* The mock. */

static bool
check_nest(const struct test_state_request *request,
           const struct asl_state *state)
{
    int64_t n_failed = 0;
    const char *code = "ValidationException";

    if (state->result_writer && !json_is_object(request->result)) {
        return test_state_refuse(request->answer, code,
                                 "Mocked result must be a JSON object.");
    }
    if (!state->result_writer && !json_is_array(request->result)) {
        return test_state_refuse(request->answer, code,
                                 "Mocked result must be an array.");
    }
    (void)json_to_i64(
        json_get(request->configuration, "mapIterationFailureCount"),
        &n_failed);
    if (state->type == ASL_MAP && !state->result_writer &&
        n_failed > (int64_t)json_array_size(request->result)) {
        return test_state_refuse(
            request->answer, code,
            "Map iteration failure count must be less than or equal to the "
            "number of Map iterations");
    }
    return true;
}

static bool
check_result(struct test_state_request *request, const struct asl_state *state)
{
    request->result = test_state_parsed(json_get(request->mock, "result"));
    if (!request->result) {
        return test_state_refuse(request->answer, "ValidationException",
                                 "Mocked result must be valid JSON");
    }
    return state->type == ASL_TASK ? test_state_check_shape(request, state)
                                   : check_nest(request, state);
}

bool
test_state_check_mock(struct test_state_request *request,
                      const struct asl_state *state)
{
    const json_t *result = json_get(request->mock, "result");
    const json_t *error = json_get(request->mock, "errorOutput");
    const char *code = "ValidationException";
    bool is_mockable = state->type == ASL_TASK || state->type == ASL_MAP ||
                       state->type == ASL_PARALLEL;

    if (!request->mock && state->type == ASL_TASK) {
        return test_state_refuse(
            request->answer, code,
            request->role ? "A mock must be specified when testing a Task "
                            "state: a test calls nobody"
                          : "RoleArn must be specified when testing a Task "
                            "state");
    }
    if (!request->mock) {
        return true;
    }
    if (!is_mockable) {
        return test_state_refuse(
            request->answer, code,
            "State type '%.*s' is not supported when a mock is specified",
            ODK_STR_ARG(json_str(json_get(request->state, "Type"))));
    }
    if ((result != NULL) == (error != NULL)) {
        return test_state_refuse(request->answer, code,
                                 "A test mock should have only one of the "
                                 "following fields: [result, errorOutput].");
    }
    return error || check_result(request, state);
}
