#include "asl/asl_priv.h"

/* design/protocol.md, "Resource → (queue, type)". */

#define QUEUE_BYTES_MAX 200u
#define TYPE_BYTES_MAX  256u

/** The optimised integrations that the service knows; a service that is not in
 * the list is taken as it stands, for a worker of our own may serve it. */
struct resource_service {
    const char *service;
    const char *actions; /**< each between blanks */
};

static const struct resource_service resource_services[] = {
    {"apigateway", " invoke "},
    {"athena", " startQueryExecution stopQueryExecution getQueryExecution "
               "getQueryResults "},
    {"batch", " submitJob "},
    {"bedrock", " invokeModel createModelCustomizationJob "},
    {"codebuild", " startBuild stopBuild batchDeleteBuilds batchGetReports "
                  "startBuildBatch stopBuildBatch retryBuildBatch "
                  "deleteBuildBatch "},
    {"dynamodb", " getItem putItem updateItem deleteItem "},
    {"ecs", " runTask "},
    {"events", " putEvents "},
    {"glue", " startJobRun "},
    {"databrew", " startJobRun "},
    {"http", " invoke "},
    {"lambda", " invoke "},
    {"mediaconvert", " createJob "},
    {"sns", " publish "},
    {"sqs", " sendMessage "},
    {"states", " startExecution "},
};

static const struct {
    const char *suffix;
    enum asl_pattern pattern;
} resource_patterns[] = {
    {".waitForTaskToken", ASL_PATTERN_WAIT_FOR_TASK_TOKEN},
    {".sync:2", ASL_PATTERN_SYNC_2},
    {".sync", ASL_PATTERN_SYNC},
};

static bool
name_is_plain(struct odk_str s, size_t bytes_max)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];
        bool is_plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                        (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' ||
                        ch == '.';
        if (!is_plain) {
            return false;
        }
    }
    return s.len > 0 && s.len <= bytes_max;
}

/** Cuts the part before the next colon off *rest. */
static struct odk_str
part_next(struct odk_str *rest)
{
    ptrdiff_t at = odk_str_find(*rest, ':');
    size_t len = at < 0 ? rest->len : (size_t)at;
    struct odk_str part = {rest->ptr, len};

    *rest = odk_str_from(*rest, at < 0 ? len : len + 1);
    return part;
}

static const char *
odradek_parse(struct odk_str rest, struct asl_resource *out)
{
    out->queue = part_next(&rest);
    out->type = rest;
    out->resource = rest;
    out->resource_type = out->queue;
    if (odk_str_is(out->queue, "wait-signal") && rest.len == 0) {
        out->kind = ASL_RESOURCE_WAIT_SIGNAL;
        out->queue = (struct odk_str){0};
        out->resource = ODK_STR("wait-signal");
        out->resource_type = ODK_STR("odradek");
        return NULL;
    }
    if (!name_is_plain(out->queue, QUEUE_BYTES_MAX)) {
        return "The queue in odradek:<queue>:<type> must have 1 to 200 of the "
               "characters a-z A-Z 0-9 . _ -";
    }
    if (!name_is_plain(out->type, TYPE_BYTES_MAX)) {
        return "The type in odradek:<queue>:<type> must have 1 to 256 of the "
               "characters a-z A-Z 0-9 . _ -";
    }
    out->kind = ASL_RESOURCE_TASK;
    return NULL;
}

static const char *
lambda_parse(struct odk_str rest, struct asl_resource *out)
{
    struct odk_str kind = part_next(&rest);
    bool has_qualifier = odk_str_find(rest, ':') >= 0;

    out->type = part_next(&rest);
    if (!odk_str_is(kind, "function") || out->type.len == 0) {
        return "A Lambda ARN must end with function:<name> or "
               "function:<name>:<alias or version>";
    }
    if (has_qualifier && !odk_str_is(rest, "$LATEST") &&
        !name_is_plain(rest, TYPE_BYTES_MAX)) {
        return "The alias or version of the Lambda function must be $LATEST or "
               "have the characters a-z A-Z 0-9 _ -";
    }
    out->kind = ASL_RESOURCE_LAMBDA;
    out->queue = ODK_STR("lambda");
    out->resource_type = ODK_STR("lambda");
    out->resource = out->text;
    return NULL;
}

bool
asl_word_in(struct odk_str word, const char *list)
{
    struct odk_str words = odk_str(list);

    for (size_t i = 1; word.len > 0 && i + word.len < words.len; i++) {
        if (words.ptr[i - 1] == ' ' && words.ptr[i + word.len] == ' ' &&
            memcmp(words.ptr + i, word.ptr, word.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool
service_has_action(struct odk_str service, struct odk_str action)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(resource_services); i++) {
        if (odk_str_is(service, resource_services[i].service)) {
            return asl_word_in(action, resource_services[i].actions);
        }
    }
    return true;
}

/** "aws." and the service, its colons as dots: a queue is a topic's name. */
static struct odk_str
service_queue(struct odk_arena *arena, struct odk_str service)
{
    struct odk_str prefix = ODK_STR("aws.");
    size_t len = prefix.len + service.len;
    char *text = odk_arena_alloc(arena, len + 1);

    odk_assert(text);
    for (size_t i = 0; i < len; i++) {
        text[i] = i < prefix.len ? prefix.ptr[i] : service.ptr[i - prefix.len];
        text[i] = (char)(text[i] == ':' ? '.' : text[i]);
    }
    return odk_str_n(text, len);
}

static const char *
integration_parse(struct odk_arena *arena, struct odk_str rest,
                  struct asl_resource *out)
{
    struct odk_str service = part_next(&rest);
    struct odk_str action = rest;

    if (odk_str_is(service, "aws-sdk")) {
        struct odk_str inner = part_next(&action);
        service.len += 1 + inner.len;
    }
    out->resource_type = service;
    out->resource = action;
    out->pattern = ASL_PATTERN_REQUEST_RESPONSE;
    for (size_t i = 0; i < ODK_ARRAY_LEN(resource_patterns); i++) {
        struct odk_str suffix = odk_str(resource_patterns[i].suffix);
        if (odk_str_ends(action, suffix)) {
            out->pattern = resource_patterns[i].pattern;
            action.len -= suffix.len;
            break;
        }
    }
    if (service.len == 0 || !name_is_plain(action, TYPE_BYTES_MAX) ||
        !service_has_action(service, action)) {
        return "The value is not a valid resource ARN, or the integration does "
               "not exist";
    }
    out->type = action;
    if (odk_str_is(service, "states")) {
        out->kind = ASL_RESOURCE_START_EXECUTION;
    } else if (odk_str_is(service, "lambda")) {
        out->kind = ASL_RESOURCE_TASK;
        out->queue = ODK_STR("lambda");
        out->type = (struct odk_str){0};
    } else {
        out->kind = ASL_RESOURCE_TASK;
        out->queue = service_queue(arena, service);
    }
    return NULL;
}

static const char *
arn_parse(struct odk_arena *arena, struct odk_str rest,
          struct asl_resource *out)
{
    struct odk_str partition = part_next(&rest);
    struct odk_str service = part_next(&rest);
    struct odk_str region = part_next(&rest);
    struct odk_str account = part_next(&rest);

    if (partition.len == 0 || service.len == 0 || rest.len == 0) {
        return "The value is not a valid resource ARN: "
               "arn:<partition>:<service>:<region>:<account>:<resource>";
    }
    if (odk_str_is(service, "lambda")) {
        return lambda_parse(rest, out);
    }
    if (!odk_str_is(service, "states")) {
        out->kind = ASL_RESOURCE_TASK;
        out->queue = service_queue(arena, service);
        out->resource_type = service;
        out->resource = rest;
        (void)part_next(&rest);
        out->type = rest.len ? rest : out->resource;
        return NULL;
    }
    if (region.len == 0 && account.len == 0) {
        return integration_parse(arena, rest, out);
    }
    if (!odk_str_starts(rest, ODK_STR("activity:"))) {
        return "Of the states service only activities "
               "(arn:…:states:…:activity:<name>) and integrations "
               "(arn:aws:states:::…) can be called";
    }
    out->kind = ASL_RESOURCE_ACTIVITY;
    out->queue = odk_str_from(rest, sizeof("activity:") - 1);
    out->type = out->queue;
    out->resource = out->text;
    out->resource_type = ODK_STR("activity");
    return out->queue.len ? NULL : "The ARN lacks the name of the activity";
}

const char *
asl_resource_parse(struct odk_arena *arena, struct odk_str text,
                   bool is_any_accepted, struct asl_resource *out)
{
    *out = (struct asl_resource){.text = odk_arena_str(arena, text)};
    text = out->text;
    if (odk_str_starts(text, ODK_STR("odradek:"))) {
        return odradek_parse(odk_str_from(text, sizeof("odradek:") - 1), out);
    }
    if (odk_str_starts(text, ODK_STR("arn:"))) {
        return arn_parse(arena, odk_str_from(text, sizeof("arn:") - 1), out);
    }
    if (!is_any_accepted || text.len == 0) {
        return "Write odradek:<queue>:<type> or an ARN";
    }
    out->kind = ASL_RESOURCE_ACTIVITY;
    out->queue = text;
    out->type = text;
    out->resource = text;
    out->resource_type = ODK_STR("activity");
    return NULL;
}
