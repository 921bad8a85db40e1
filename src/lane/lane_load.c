#include "lane/lane_priv.h"

struct lane_execution *
lane_input_execution(struct lane *lane, const struct lane_input *input)
{
    struct lane_execution *execution =
        input->has_run_id
            ? lane_cache_by_run(&lane->cache, &input->run_id)
            : lane_cache_by_key(&lane->cache, input->workflow_key);

    if (execution && input->has_run_id && input->workflow_key.ptr &&
        !odk_str_eq(execution->key, input->workflow_key)) {
        return NULL; /* a run of another workflow id */
    }
    return execution;
}

static bool
wants_execution(struct lane *lane, const struct lane_input *input)
{
    return (input->kind == LANE_INPUT_RECORD ||
            input->kind == LANE_INPUT_TIMER) &&
           !lane_input_execution(lane, input);
}

/* Puts a loaded open execution into the cache, unless another input of the
 * batch brought it already. */
static int
cache_found(struct lane *lane, const struct lane_input *input,
            struct odk_err *err)
{
    const struct store_execution *found = &input->found;
    struct odk_str key = found->workflow_key;
    struct lane_definition *definition = NULL;
    struct engine *engine = NULL;

    if (!found->is_found || found->status != ENGINE_RUNNING ||
        lane_cache_by_run(&lane->cache, &found->run_id)) {
        return 0;
    }
    ptrdiff_t slash = odk_str_find(key, '/');
    odk_assert(slash > 0);
    int rc = lane_definition_get(lane, odk_str_n(key.ptr, (size_t)slash),
                                 found->definition, found->definition_version,
                                 &definition, err);
    if (rc == 0) {
        rc = engine_load(found->state, definition->machine, &engine, err);
    }
    if (rc != 0) {
        return rc;
    }
    /* An open run is the current one of its id: a new one starts only when it
     * is closed. */
    (void)lane_cache_add(&lane->cache, input->shard->id, key, engine,
                         definition, true);
    return 0;
}

/* A run that cannot be read stops nobody else: its input is kept as a dead
 * letter; its timers wait for the next acquire. */
static void
unreadable(struct lane *lane, struct lane_input *input,
           const struct odk_err *err)
{
    lane_log(lane, ODK_LOG_ERROR, "execution.unreadable", "%.*s: %s",
             ODK_STR_ARG(input->found.workflow_key), err->message);
    if (input->message) {
        lane_input_bad(input, "ExecutionUnreadable", "%s", err->message);
    } else {
        input->kind = LANE_INPUT_REPEAT;
    }
}

static int
load_executions(struct lane *lane, struct lane_input *inputs, size_t n,
                struct odk_err *err)
{
    struct store_want *wants =
        odk_arena_calloc(&lane->arena, n, sizeof(*wants));
    struct store_execution *found =
        odk_arena_calloc(&lane->arena, n, sizeof(*found));
    size_t n_wants = 0;

    odk_assert(wants && found);
    for (size_t i = 0; i < n; i++) {
        if (wants_execution(lane, &inputs[i])) {
            wants[n_wants++] =
                (struct store_want){.shard = inputs[i].shard->id,
                                    .workflow_key = inputs[i].workflow_key,
                                    .has_run_id = inputs[i].has_run_id,
                                    .run_id = inputs[i].run_id};
            inputs[i].is_loaded = true;
        }
    }
    if (n_wants == 0) {
        return 0;
    }
    int rc = store_load(&lane->store, wants, n_wants, &lane->arena, found, err);
    size_t at = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (inputs[i].is_loaded) {
            inputs[i].found = found[at++];
            struct odk_err problem = {0};
            rc = cache_found(lane, &inputs[i], &problem);
            if (rc != 0 && odk_err_class(rc) != ODK_CLASS_RETRY) {
                unreadable(lane, &inputs[i], &problem);
                rc = 0;
            } else if (rc != 0) {
                rc = odk_err_set(err, rc, "%s", problem.message);
            }
        }
    }
    return rc;
}

static int
load_requests(struct lane *lane, struct lane_input *inputs, size_t n,
              struct odk_err *err)
{
    struct store_request *wants =
        odk_arena_calloc(&lane->arena, n, sizeof(*wants));
    struct store_request *found =
        odk_arena_calloc(&lane->arena, n, sizeof(*found));
    bool *is_found = odk_arena_calloc(&lane->arena, n, sizeof(*is_found));
    size_t n_wants = 0;

    odk_assert(wants && found && is_found);
    for (size_t i = 0; i < n; i++) {
        if (inputs[i].kind == LANE_INPUT_RECORD && inputs[i].request_id.ptr) {
            wants[n_wants++] =
                (struct store_request){.shard = inputs[i].shard->id,
                                       .workflow_key = inputs[i].workflow_key,
                                       .request_id = inputs[i].request_id};
        }
    }
    if (n_wants == 0) {
        return 0;
    }
    int rc = store_requests(&lane->store, wants, n_wants, &lane->arena, found,
                            is_found, err);
    size_t at = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (inputs[i].kind == LANE_INPUT_RECORD && inputs[i].request_id.ptr) {
            inputs[i].has_request = is_found[at];
            inputs[i].request = found[at++];
        }
    }
    return rc;
}

int
lane_load(struct lane *lane, struct lane_input *inputs, size_t n,
          struct odk_err *err)
{
    int rc = load_requests(lane, inputs, n, err);

    return rc ? rc : load_executions(lane, inputs, n, err);
}
