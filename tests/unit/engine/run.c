#include "run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* JSON with ' for ", so that tests stay readable. */
static json_t *
parse(const char *text)
{
    struct odk_buf buf;
    struct odk_err err = {0};

    odk_buf_init(&buf, 0);
    for (const char *c = text; *c; c++) {
        odk_buf_put_char(&buf, *c == '\'' ? '"' : *c);
    }
    json_t *value = json_parse(odk_buf_str(&buf), &err);
    if (!value) {
        fail_msg("%s: %s", err.message, text);
    }
    odk_buf_release(&buf);
    return value;
}

static void
note_entries(struct run *run)
{
    json_t *entries = json_parse(run->update.entries, NULL);

    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_t *entry = json_array_get(entries, i);
        if (!json_get(entry, "fact")) {
            odk_buf_put_str(&run->types, json_str(json_get(entry, "type")));
            odk_buf_put_char(&run->types, ' ');
        }
    }
    json_decref(entries);
    odk_buf_put_str(&run->entries, run->update.entries);
    odk_buf_put_char(&run->entries, '\n');
}

static void
note_task(struct run *run, const struct engine_output *output, uint64_t seq)
{
    struct run_task *task = &run->tasks[run->n_tasks++];

    assert_true(run->n_tasks < RUN_TASKS_MAX);
    (void)snprintf(task->type, sizeof(task->type), "%.*s",
                   ODK_STR_ARG(output->type));
    task->activity = output->activity_id;
    task->attempt = output->attempt;
    task->seq = seq;
    task->is_open = true;
    odk_buf_put_str(&run->texts, output->type);
    odk_buf_put_char(&run->texts, ' ');
    assert_int_equal(json_dump(output->input, &run->texts), 0);
    odk_buf_put_char(&run->texts, '\n');
}

static void
note_outputs(struct run *run)
{
    for (size_t i = 0; i < run->update.n_outputs; i++) {
        const struct engine_output *output = &run->update.outputs[i];
        switch (output->kind) {
        case ENGINE_OUTPUT_TASK:
            note_task(run, output, run->seq + i);
            break;
        case ENGINE_OUTPUT_CANCEL_TASK:
            run->n_cancels++;
            break;
        case ENGINE_OUTPUT_REPLY:
            run->n_replies++;
            break;
        }
    }
    run->seq += run->update.n_outputs;
}

static void
note_timers(struct run *run)
{
    for (size_t i = 0; i < run->update.n_timers; i++) {
        const struct engine_timer_op *op = &run->update.timers[i];
        if (op->is_set) {
            assert_true(run->n_timers < RUN_TIMERS_MAX);
            run->timers[run->n_timers++] = *op;
            continue;
        }
        size_t k = 0;
        while (k < run->n_timers && run->timers[k].id != op->id) {
            k++;
        }
        assert_true(k < run->n_timers);
        run->timers[k] = run->timers[--run->n_timers];
    }
}

static void
reload(struct run *run)
{
    struct odk_buf first;
    struct odk_buf second;
    struct engine *again = NULL;
    struct odk_err err = {0};

    odk_buf_init(&first, 0);
    odk_buf_init(&second, 0);
    engine_save(run->engine, &first);
    if (engine_load(odk_buf_str(&first), run->machine, &again, &err) != 0) {
        fail_msg("load: %s", err.message);
    }
    engine_save(again, &second);
    assert_string_equal(first.ptr, second.ptr);
    engine_free(run->engine);
    run->engine = again;
    odk_buf_release(&first);
    odk_buf_release(&second);
}

void
run_step(struct run *run, struct engine_input *input)
{
    struct odk_err err = {0};

    input->now = run->now;
    input->seq_next = run->seq;
    input->seed = run->seq * 31 + 7;
    if (engine_step(run->engine, input, &run->update, &err) != 0) {
        fail_msg("step: %s", err.message);
    }
    note_entries(run);
    note_outputs(run);
    note_timers(run);
    if (!run->is_kept) {
        reload(run);
        run->update.entries = odk_str(NULL);
        run->update.outputs = NULL;
    }
}

void
run_start(struct run *run, const char *definition, const char *input)
{
    struct asl_problems problems;
    struct odk_err err = {0};
    json_t *text = parse(definition);
    json_t *value = parse(input);

    *run = (struct run){.now = INT64_C(1767225600000), .seq = 1};
    odk_buf_init(&run->types, 0);
    odk_buf_init(&run->entries, 0);
    odk_buf_init(&run->texts, 0);
    asl_problems_init(&problems);
    if (asl_compile(text, &(struct asl_options){0}, &run->machine, &problems) !=
        0) {
        fail_msg("%.*s: %.*s", ODK_STR_ARG(problems.list[0].pointer),
                 ODK_STR_ARG(problems.list[0].message));
    }
    asl_problems_release(&problems);
    struct engine_start start = {
        .namespace_ = ODK_STR("default"),
        .workflow_id = ODK_STR("w"),
        .run_id = odk_uuid_v7(run->now, 1, 2),
        .definition = ODK_STR("d"),
        .definition_version = 1,
        .machine = run->machine,
        .input = value,
        .traceparent = ODK_STR(RUN_TRACEPARENT),
        .reply = {.topic = ODK_STR("odradek.replies.default"),
                  .partition = 1,
                  .correlation_id = ODK_STR("c")},
    };
    assert_int_equal(engine_new(&start, &run->engine, &err), 0);
    json_decref(text);
    json_decref(value);
    run_step(run, &(struct engine_input){.kind = ENGINE_INPUT_START});
}

void
run_release(struct run *run)
{
    engine_free(run->engine);
    asl_free(run->machine);
    odk_buf_release(&run->types);
    odk_buf_release(&run->entries);
    odk_buf_release(&run->texts);
}

static size_t
newest(const struct run *run, const char *type)
{
    for (size_t i = run->n_tasks; i-- > 0;) {
        if (strcmp(run->tasks[i].type, type) == 0) {
            return i;
        }
    }
    fail_msg("no Task of type %s was sent", type);
    return 0;
}

static void
answer(struct run *run, size_t at, struct engine_input *input)
{
    struct run_task *task = &run->tasks[at];

    input->activity_id = task->activity;
    input->attempt = task->attempt;
    input->token_seq = task->seq;
    if (input->kind != ENGINE_INPUT_TASK_STARTED) {
        task->is_open = false;
    }
    run_step(run, input);
}

void
run_started(struct run *run, const char *type)
{
    answer(run, newest(run, type),
           &(struct engine_input){.kind = ENGINE_INPUT_TASK_STARTED});
}

void
run_ok_at(struct run *run, size_t at, const char *output)
{
    json_t *payload = parse(output);

    answer(run, at,
           &(struct engine_input){.kind = ENGINE_INPUT_TASK_SUCCEEDED,
                                  .payload = payload});
    json_decref(payload);
}

void
run_ok(struct run *run, const char *type, const char *output)
{
    run_ok_at(run, newest(run, type), output);
}

void
run_fail(struct run *run, const char *type, const char *error)
{
    answer(run, newest(run, type),
           &(struct engine_input){.kind = ENGINE_INPUT_TASK_FAILED,
                                  .error = odk_str(error),
                                  .cause = ODK_STR("because")});
}

void
run_doubt(struct run *run, const char *type, const char *error)
{
    answer(run, newest(run, type),
           &(struct engine_input){.kind = ENGINE_INPUT_TASK_FAILED,
                                  .error = odk_str(error),
                                  .effect = ENGINE_EFFECT_UNKNOWN});
}

void
run_signal(struct run *run, const char *name, const char *payload)
{
    json_t *value = parse(payload);

    run_step(run, &(struct engine_input){.kind = ENGINE_INPUT_SIGNAL,
                                         .signal_name = odk_str(name),
                                         .payload = value});
    json_decref(value);
}

void
run_cancel(struct run *run)
{
    run_step(run, &(struct engine_input){.kind = ENGINE_INPUT_CANCEL,
                                         .reason = ODK_STR("enough")});
}

void
run_terminate(struct run *run)
{
    run_step(run, &(struct engine_input){.kind = ENGINE_INPUT_TERMINATE,
                                         .reason = ODK_STR("stop")});
}

void
run_resolve(struct run *run, enum engine_compensation_action action,
            int64_t entry, const char *payload)
{
    json_t *value = payload ? parse(payload) : NULL;

    run_step(run,
             &(struct engine_input){.kind = ENGINE_INPUT_RESOLVE_COMPENSATION,
                                    .action = action,
                                    .activity_id = entry,
                                    .reason = ODK_STR("by hand"),
                                    .payload = value});
    json_decref(value);
}

void
run_fire(struct run *run)
{
    size_t first = 0;

    assert_true(run->n_timers > 0);
    for (size_t i = 1; i < run->n_timers; i++) {
        const struct engine_timer_op *a = &run->timers[i];
        const struct engine_timer_op *b = &run->timers[first];
        if (a->due < b->due || (a->due == b->due && a->id < b->id)) {
            first = i;
        }
    }
    uint64_t id = run->timers[first].id;
    run->now =
        run->timers[first].due > run->now ? run->timers[first].due : run->now;
    run_step(run, &(struct engine_input){.kind = ENGINE_INPUT_TIMER,
                                         .timer_id = id});
}

bool
run_has(const struct run *run, const char *types)
{
    return strstr(run->types.ptr, types) != NULL;
}

size_t
run_count(const struct run *run, const char *type)
{
    size_t n = 0;
    char word[80];

    (void)snprintf(word, sizeof(word), "%s ", type);
    for (const char *at = strstr(run->types.ptr, word); at;
         at = strstr(at + 1, word)) {
        n += at == run->types.ptr || at[-1] == ' ';
    }
    return n;
}

bool
run_is_open(const struct run *run, const char *type)
{
    for (size_t i = 0; i < run->n_tasks; i++) {
        if (run->tasks[i].is_open && strcmp(run->tasks[i].type, type) == 0) {
            return true;
        }
    }
    return false;
}

bool
run_sent(const struct run *run, const char *type, const char *input)
{
    struct odk_buf line;

    odk_buf_init(&line, 0);
    odk_buf_put_cstr(&line, type);
    odk_buf_put_char(&line, ' ');
    for (const char *c = input; *c; c++) {
        odk_buf_put_char(&line, *c == '\'' ? '"' : *c);
    }
    odk_buf_put_char(&line, '\n');
    bool is_there = run->texts.ptr && strstr(run->texts.ptr, line.ptr) != NULL;
    odk_buf_release(&line);
    return is_there;
}

enum engine_status
run_status(const struct run *run)
{
    return engine_status(run->engine);
}

static const char *
text_of(json_t *value)
{
    static char text[8192];
    struct odk_buf buf;

    odk_buf_init(&buf, 0);
    if (value) {
        assert_int_equal(json_dump(value, &buf), 0);
    }
    (void)snprintf(text, sizeof(text), "%.*s", ODK_STR_ARG(odk_buf_str(&buf)));
    odk_buf_release(&buf);
    for (char *c = text; *c; c++) {
        *c = *c == '"' ? '\'' : *c;
    }
    return text;
}

const char *
run_output(const struct run *run)
{
    return text_of(engine_output(run->engine));
}

const char *
run_describe(const struct run *run, const char *pointer)
{
    struct odk_buf state;
    struct odk_buf shown;
    struct odk_err err = {0};
    char part[64];

    odk_buf_init(&state, 0);
    odk_buf_init(&shown, 0);
    engine_save(run->engine, &state);
    assert_int_equal(engine_describe(odk_buf_str(&state), &shown, &err), 0);
    json_t *root = json_parse(odk_buf_str(&shown), &err);
    json_t *at = root;
    while (at && *pointer == '/') {
        size_t len = strcspn(pointer + 1, "/");
        (void)snprintf(part, sizeof(part), "%.*s", (int)len, pointer + 1);
        at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10))
                               : json_get(at, part);
        pointer += len + 1;
    }
    const char *text = text_of(at);
    json_decref(root);
    odk_buf_release(&state);
    odk_buf_release(&shown);
    return text;
}
