/*
 * Definitions. What compiles is walked: every index must point somewhere, and
 * every value and rule is evaluated over the definition itself.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "asl/asl.h"
#include "base/base.h"
#include "json/json.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's word */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
evaluate(const struct asl_value *value, const struct asl_env *env)
{
    struct asl_error error = {0};
    json_t *out = NULL;

    if (!value) {
        return;
    }
    if (asl_eval(value, env, &out, &error) != 0) {
        odk_assert(!out);
        odk_assert(error.name[0] != '\0');
        odk_assert(odk_str_is_utf8(odk_buf_str(&error.cause)));
        odk_buf_release(&error.cause);
        return;
    }
    odk_assert(out);
    json_decref(out);
}

static void
check_index(const struct asl_machine *machine, int32_t index)
{
    odk_assert(index >= -1 && index < machine->n_states);
}

static void
check_choice(const struct asl_machine *machine, const struct asl_state *state,
             const struct asl_env *env)
{
    struct asl_error error = {0};
    int32_t rule = 0;

    for (size_t i = 0; i < state->n_rules; i++) {
        odk_assert(state->rules[i].next >= 0);
        check_index(machine, state->rules[i].next);
        evaluate(state->rules[i].assign, env);
        evaluate(state->rules[i].output, env);
    }
    if (asl_choose(state, env, &rule, &error) != 0) {
        odk_buf_release(&error.cause);
        return;
    }
    odk_assert(rule >= -1 && (rule < 0 || (size_t)rule < state->n_rules));
}

static void
check_state(const struct asl_machine *machine, const struct asl_state *state,
            const struct asl_env *env)
{
    const struct asl_value *const values[] = {
        state->input_value,
        state->output_value,
        state->arguments,
        state->result_selector,
        state->output,
        state->assign,
        state->credentials,
        state->timeout,
        state->heartbeat,
        state->wait_seconds,
        state->wait_timestamp,
        state->error,
        state->cause,
        state->items,
        state->item_selector,
        state->max_concurrency,
        state->tolerated_count,
        state->tolerated_percentage,
        state->reader_arguments,
        state->reader_max_items,
        state->batch_max_items,
        state->batch_max_bytes,
        state->batch_input,
        state->writer_arguments,
    };

    odk_assert(state->index == state - machine->states);
    odk_assert(state->scope >= 0 && state->scope < machine->n_scopes);
    check_index(machine, state->next);
    check_index(machine, state->default_next);
    for (size_t i = 0; i < ODK_ARRAY_LEN(values); i++) {
        evaluate(values[i], env);
    }
    for (size_t i = 0; i < state->n_retriers; i++) {
        odk_assert(asl_retry_delay(&state->retriers[i], 7, env->rand) >= 0);
    }
    for (size_t i = 0; i < state->n_catchers; i++) {
        odk_assert(state->catchers[i].next >= 0);
        check_index(machine, state->catchers[i].next);
        evaluate(state->catchers[i].output, env);
        evaluate(state->catchers[i].assign, env);
    }
    if (state->type == ASL_CHOICE) {
        check_choice(machine, state, env);
    }
    if (state->compensate) {
        evaluate(state->compensate->arguments, env);
    }
}

static void
check_machine(const struct asl_machine *machine)
{
    struct odk_rand rand;
    struct asl_env env = {
        .input = machine->definition,
        .states_input = machine->definition,
        .result = machine->definition,
        .context = machine->definition,
        .rand = &rand,
        .state_name = ODK_STR("S"),
        .entered_event_id = 2,
    };

    odk_rand_init(&rand, 1);
    for (int32_t i = 0; i < machine->n_scopes; i++) {
        const struct asl_scope *scope = &machine->scopes[i];
        odk_assert(scope->start_at >= 0);
        check_index(machine, scope->start_at);
        odk_assert(machine->states[scope->start_at].scope == i);
        check_index(machine, scope->parent_state);
    }
    for (int32_t i = 0; i < machine->n_states; i++) {
        const struct asl_state *state = &machine->states[i];
        odk_assert(asl_state_find(machine, state->name) == i);
        check_state(machine, state, &env);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct asl_options options = {.is_express = size % 7 == 6,
                                  .is_any_resource_accepted = size % 2 == 1};
    struct asl_machine *machine = NULL;
    struct asl_problems problems;
    char *copy = malloc(size ? size : 1);

    odk_assert(copy);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    asl_problems_init(&problems);
    if (asl_compile_text(odk_str_n(copy, size), &options, &machine,
                         &problems) == 0) {
        odk_assert(problems.n_errors == 0);
        check_machine(machine);
    } else {
        odk_assert(!machine);
        odk_assert(problems.n_errors > 0);
    }
    asl_free(machine);
    asl_problems_release(&problems);
    free(copy);
    return 0;
}
