#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run.h"

#define ONE_TASK                                                               \
    "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"                  \
    "'odradek:q:work','End':true}}}"

static void
a_task_is_sent_and_its_result_ends_the_run(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, ONE_TASK, "{'x':1}");
    assert_true(run_sent(&run, "work", "{'x':1}"));
    assert_int_equal(run.tasks[0].activity, 2);
    assert_int_equal(run.tasks[0].attempt, 1);
    run_ok(&run, "work", "{'y':2}");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    assert_string_equal(run_output(&run), "{'y':2}");
    assert_string_equal(run.types.ptr,
                        "ExecutionStarted TaskStateEntered TaskScheduled "
                        "TaskStarted TaskSucceeded TaskStateExited "
                        "ExecutionSucceeded ");
    assert_int_equal(run.n_replies, 1);
    assert_int_equal(engine_version(run.engine), 2);
    run_release(&run);
}

static void
a_second_answer_changes_nothing(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    run_ok(&run, "work", "1");
    run_ok_at(&run, 0, "2");
    assert_true(run.update.is_ignored);
    assert_int_equal(engine_version(run.engine), 2);
    assert_string_equal(run_output(&run), "1");
    run_release(&run);
}

static void
an_answer_with_a_foreign_token_is_ignored(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    run.tasks[0].seq += 1000;
    run_ok(&run, "work", "1");
    assert_true(run.update.is_ignored);
    run.tasks[0].seq -= 1000;
    run.tasks[0].attempt = 2;
    run_ok(&run, "work", "1");
    assert_true(run.update.is_ignored);
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_release(&run);
}

static void
an_older_answer_is_ignored_after_a_retry(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','End':true,'Retry':[{'ErrorEquals':["
              "'States.ALL'],'IntervalSeconds':3}]}}}",
              "{}");
    run_fail(&run, "work", "Oops");
    assert_int_equal(run.n_timers, 1);
    assert_int_equal(run.timers[0].due - run.now, 3000);
    run_fire(&run);
    assert_int_equal(run.tasks[1].attempt, 2);
    assert_int_equal(run.tasks[1].activity, run.tasks[0].activity);
    run_ok_at(&run, 0, "'old'");
    assert_true(run.update.is_ignored);
    run_ok_at(&run, 1, "'new'");
    assert_string_equal(run_output(&run), "'new'");
    run_release(&run);
}

static void
start_to_close_counts_from_the_start(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','TimeoutSeconds':5,'End':true}}}",
              "{}");
    assert_int_equal(run.n_timers, 0);
    run.now += 60000;
    run_started(&run, "work");
    assert_int_equal(run.n_timers, 1);
    assert_int_equal(run.timers[0].due - run.now, 5000);
    run_fire(&run);
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "States.Timeout"));
    assert_int_equal(run.n_cancels, 1);
    assert_true(run_has(&run, "TaskTimedOut ExecutionFailed "));
    run_release(&run);
}

static void
a_heartbeat_defers_its_time_out(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','HeartbeatSeconds':10,'End':true}}}",
              "{}");
    run_started(&run, "work");
    run.now += 8000;
    run_step(&run, &(struct engine_input){.kind = ENGINE_INPUT_TASK_HEARTBEAT,
                                          .activity_id = run.tasks[0].activity,
                                          .attempt = 1,
                                          .token_seq = run.tasks[0].seq});
    assert_int_equal(run.update.n_timers, 0);
    run_fire(&run); /* too early now: armed anew */
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    assert_int_equal(run.n_timers, 1);
    run_fire(&run);
    assert_true(
        odk_str_is(engine_error(run.engine), "States.HeartbeatTimeout"));
    run_release(&run);
}

static void
schedule_to_start_ends_when_a_worker_starts(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','ScheduleToStartSeconds':7,"
              "'TimeoutSeconds':100,'End':true}}}",
              "{}");
    assert_int_equal(run.timers[0].due - run.now, 7000);
    run_started(&run, "work");
    assert_int_equal(run.n_timers, 1);
    assert_int_equal(run.timers[0].due - run.now, 100000);
    run_release(&run);
}

static void
schedule_to_close_spans_all_attempts(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','ScheduleToCloseSeconds':10,'End':true,"
              "'Retry':[{'ErrorEquals':['Oops'],'IntervalSeconds':4}]}}}",
              "{}");
    odk_time_ms due = run.timers[0].due;
    run_fail(&run, "work", "Oops");
    run_fire(&run);
    assert_int_equal(run.n_timers, 1);
    assert_int_equal(run.timers[0].due, due);
    run_fire(&run);
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "States.Timeout"));
    run_release(&run);
}

static void
a_silent_task_is_sent_again_with_the_same_attempt(void **state)
{
    struct run run;
    struct engine *engine = NULL;
    struct odk_err err = {0};

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    struct engine_start start = {
        .namespace_ = ODK_STR("default"),
        .workflow_id = ODK_STR("w"),
        .run_id = odk_uuid_v7(run.now, 3, 4),
        .definition = ODK_STR("d"),
        .machine = run.machine,
        .task_republish_ms = 1000,
    };
    assert_int_equal(engine_new(&start, &engine, &err), 0);
    engine_free(run.engine);
    run.engine = engine;
    run.n_tasks = 0;
    run_step(&run, &(struct engine_input){.kind = ENGINE_INPUT_START});
    run_fire(&run);
    assert_int_equal(run.n_tasks, 2);
    assert_int_equal(run.tasks[1].attempt, 1);
    assert_true(run.tasks[1].seq != run.tasks[0].seq);
    run_ok_at(&run, 0, "1"); /* the older token stays valid */
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
}

static void
a_run_keeps_the_trace_that_started_it(void **state)
{
    struct run run;
    struct engine *engine = NULL;
    struct odk_err err = {0};
    struct odk_buf saved;

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    assert_true(
        odk_str_is(engine_identity(run.engine)->traceparent, RUN_TRACEPARENT));
    odk_buf_init(&saved, 0);
    engine_save(run.engine, &saved);
    assert_int_equal(
        engine_load(odk_buf_str(&saved), run.machine, &engine, &err), 0);
    assert_true(
        odk_str_is(engine_identity(engine)->traceparent, RUN_TRACEPARENT));
    engine_free(engine);
    odk_buf_release(&saved);
    run_release(&run);
}

#define JITTERED                                                               \
    "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"                  \
    "'odradek:q:work','ScheduleToCloseSeconds':10,'Retry':[{'ErrorEquals':"    \
    "['E'],'IntervalSeconds':20,'JitterStrategy':'FULL'}],'End':true}}}"

static void
a_jittered_retry_that_is_granted_begins_in_time(void **state)
{
    size_t n_granted = 0;

    (void)state;
    for (uint64_t i = 0; i < 64; i++) {
        struct run run;
        run_start(&run, JITTERED, "{}");
        odk_time_ms closes_at = run.now + 10000;
        run.seq += i * 1000; /* another seed */
        run_fail(&run, "work", "E");
        if (run_status(&run) == ENGINE_RUNNING) {
            run_fire(&run);
            assert_true(run.now <= closes_at);
            assert_int_equal(run.n_tasks, 2);
            n_granted++;
        }
        run_release(&run);
    }
    assert_in_range(n_granted, 1, 63);
}

#define SIGNAL_WAIT                                                            \
    "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"                  \
    "'odradek:wait-signal','Parameters':{'Name':'go'},"                        \
    "'TimeoutSeconds':60,'Catch':[{'ErrorEquals':['States.Timeout'],"          \
    "'Next':'Late'}],'Next':'B'},'B':{'Type':'Task','Resource':"               \
    "'odradek:wait-signal','Parameters':{'Name':'go'},'End':true},"            \
    "'Late':{'Type':'Pass','Result':'late','End':true}}}"

static void
signals_are_kept_before_the_wait_and_taken_in_order(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, SIGNAL_WAIT, "{}");
    run_signal(&run, "other", "0");
    run_signal(&run, "go", "1");
    run_signal(&run, "go", "2");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    assert_string_equal(run_output(&run), "2");
    assert_int_equal(run.n_timers, 0);
    run_release(&run);
}

/* They are part of the state: without a bound one workflow slows its shard. */
static void
signals_that_nobody_takes_are_bounded_by_their_bytes(void **state)
{
    enum {
        LEN = 250000,
        ROOM = 16 /* of 4 MiB */
    };
    struct run run;
    char *payload = malloc(LEN + 1);

    (void)state;
    assert_non_null(payload);
    memset(payload, 'x', LEN);
    payload[0] = payload[LEN - 1] = '\'';
    payload[LEN] = '\0';
    run_start(&run, SIGNAL_WAIT, "{}");
    for (int i = 0; i < ROOM; i++) {
        run_signal(&run, "other", payload);
        assert_null(run.update.rejected);
    }
    run_signal(&run, "other", payload);
    assert_string_equal(run.update.rejected, "TooManySignals");
    /* One that is awaited is taken at once and needs no room. */
    run_signal(&run, "go", payload);
    assert_null(run.update.rejected);
    run_signal(&run, "go", "2");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
    free(payload);
}

static void
a_signal_that_does_not_come_is_a_time_out(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, SIGNAL_WAIT, "{}");
    run_fire(&run);
    assert_string_equal(run_output(&run), "'late'");
    assert_true(run_has(&run, "TaskTimedOut TaskStateExited "));
    run_release(&run);
}

static void
a_cancel_tells_open_tasks_and_aborts(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    run_cancel(&run);
    assert_int_equal(run_status(&run), ENGINE_ABORTED);
    assert_int_equal(run.n_cancels, 1);
    assert_int_equal(run.n_replies, 1);
    run_cancel(&run);
    assert_string_equal(run.update.rejected, "ExecutionClosed");
    run_release(&run);
}

static void
a_terminate_ends_at_once(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    run_terminate(&run);
    assert_int_equal(run_status(&run), ENGINE_TERMINATED);
    run_signal(&run, "go", "1");
    assert_string_equal(run.update.rejected, "ExecutionClosed");
    run_release(&run);
}

static void
the_execution_times_out(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'TimeoutSeconds':30,'StartAt':'A','States':{'A':{'Type':"
              "'Task','Resource':'odradek:q:work','End':true}}}",
              "{}");
    assert_int_equal(run.timers[0].due - run.now, 30000);
    run_fire(&run);
    assert_int_equal(run_status(&run), ENGINE_TIMED_OUT);
    assert_int_equal(run.n_timers, 0);
    run_release(&run);
}

static void
at_most_sixteen_addresses_get_the_closed_reply(void **state)
{
    struct run run;
    char id[16];

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    for (int i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        run_step(&run, &(struct engine_input){
                           .kind = ENGINE_INPUT_SUBSCRIBE,
                           .reply = {.topic = ODK_STR("odradek.replies.x"),
                                     .correlation_id = odk_str(id)}});
    }
    assert_true(run.update.is_ignored);
    run_ok(&run, "work", "1");
    assert_int_equal(run.n_replies, 16);
    run_release(&run);
}

static void
a_result_over_the_quota_is_an_error_of_its_state(void **state)
{
    struct run run;
    struct odk_buf big;

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    odk_buf_init(&big, 0);
    odk_buf_put_char(&big, '"');
    for (int i = 0; i < 300000; i++) {
        odk_buf_put_char(&big, 'x');
    }
    odk_buf_put_char(&big, '"');
    run_ok(&run, "work", big.ptr);
    odk_buf_release(&big);
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(
        odk_str_is(engine_error(run.engine), "States.DataLimitExceeded"));
    run_release(&run);
}

static void
history_alone_gives_the_same_state(void **state)
{
    struct run run;
    struct engine *again = NULL;
    struct odk_err err = {0};
    struct odk_buf live;
    struct odk_buf folded;

    (void)state;
    run_start(&run, SIGNAL_WAIT, "{'a':[1,2.5,null]}");
    run_signal(&run, "go", "{'b':1}");
    for (struct odk_str rest = odk_buf_str(&run.entries); rest.len > 0;) {
        ptrdiff_t end = odk_str_find(rest, '\n');
        assert_int_equal(engine_replay(&again, run.machine,
                                       odk_str_n(rest.ptr, (size_t)end), &err),
                         0);
        rest = odk_str_from(rest, (size_t)end + 1);
    }
    odk_buf_init(&live, 0);
    odk_buf_init(&folded, 0);
    engine_save(run.engine, &live);
    engine_save(again, &folded);
    assert_string_equal(live.ptr, folded.ptr);
    engine_free(again);
    odk_buf_release(&live);
    odk_buf_release(&folded);
    run_release(&run);
}

static void
the_chain_depends_on_every_payload(void **state)
{
    static const char *const outputs[] = {"{'a':1}", "{'a':2}", "{'a':1}"};
    uint8_t chains[3][ODK_SHA256_BYTES];

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(outputs); i++) {
        struct run run;
        run_start(&run, ONE_TASK, "{'x':1}");
        run_ok(&run, "work", outputs[i]);
        engine_chain(run.engine, chains[i]);
        run_release(&run);
    }
    assert_memory_equal(chains[0], chains[2], ODK_SHA256_BYTES);
    assert_memory_not_equal(chains[0], chains[1], ODK_SHA256_BYTES);
}

static void
a_gap_in_the_history_is_refused(void **state)
{
    struct run run;
    struct engine *again = NULL;
    struct odk_err err = {0};

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    assert_int_equal(
        engine_replay(&again, run.machine,
                      ODK_STR("[{\"id\":2,\"prev\":0,\"type\":"
                              "\"TaskStateEntered\",\"ts\":1,\"details\":{}}"
                              "]"),
                      &err),
        ODK_ECORRUPT);
    engine_free(again);
    run_release(&run);
}

static void
a_stored_state_of_another_version_is_refused(void **state)
{
    struct run run;
    struct engine *again = NULL;
    struct odk_err err = {0};

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    assert_int_equal(
        engine_load(ODK_STR("{\"v\":2}"), run.machine, &again, &err),
        ODK_ECORRUPT);
    assert_null(again);
    assert_int_equal(engine_load(ODK_STR("{\"v\""), run.machine, &again, &err),
                     ODK_ECORRUPT);
    run_release(&run);
}

static void
admission_follows_the_policies(void **state)
{
    (void)state;
    assert_int_equal(engine_admit(0, ENGINE_REUSE_REJECT, ENGINE_CONFLICT_FAIL),
                     ENGINE_ADMIT_START);
    assert_int_equal(
        engine_admit(ENGINE_RUNNING, ENGINE_REUSE_ALLOW, ENGINE_CONFLICT_FAIL),
        ENGINE_ADMIT_REJECT);
    assert_int_equal(engine_admit(ENGINE_RUNNING, ENGINE_REUSE_ALLOW,
                                  ENGINE_CONFLICT_TERMINATE_EXISTING),
                     ENGINE_ADMIT_TERMINATE_THEN);
    assert_int_equal(engine_admit(ENGINE_SUCCEEDED,
                                  ENGINE_REUSE_ALLOW_FAILED_ONLY,
                                  ENGINE_CONFLICT_FAIL),
                     ENGINE_ADMIT_REJECT);
    assert_int_equal(engine_admit(ENGINE_FAILED, ENGINE_REUSE_ALLOW_FAILED_ONLY,
                                  ENGINE_CONFLICT_FAIL),
                     ENGINE_ADMIT_START);
}

static void
describe_shows_what_is_pending(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, ONE_TASK, "{}");
    assert_string_equal(run_describe(&run, "/status"), "'RUNNING'");
    assert_string_equal(run_describe(&run, "/states/0/name"), "'A'");
    assert_string_equal(run_describe(&run, "/activities/0/status"),
                        "'SCHEDULED'");
    assert_string_equal(run_describe(&run, "/compensation/state"), "'NONE'");
    run_release(&run);
}

static void
describe_shows_the_next_retry_and_the_last_failure(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','End':true,'Retry':[{'ErrorEquals':["
              "'States.ALL'],'IntervalSeconds':3}]}}}",
              "{}");
    run_fail(&run, "work", "Oops");
    assert_string_equal(run_describe(&run, "/activities/0/status"), "'RETRY'");
    assert_string_equal(run_describe(&run, "/activities/0/lastError"),
                        "'Oops'");
    assert_string_equal(run_describe(&run, "/activities/0/nextRetryAt"),
                        "1767225603000");
    run_release(&run);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_is_sent_and_its_result_ends_the_run),
        cmocka_unit_test(a_second_answer_changes_nothing),
        cmocka_unit_test(an_answer_with_a_foreign_token_is_ignored),
        cmocka_unit_test(an_older_answer_is_ignored_after_a_retry),
        cmocka_unit_test(start_to_close_counts_from_the_start),
        cmocka_unit_test(a_heartbeat_defers_its_time_out),
        cmocka_unit_test(schedule_to_start_ends_when_a_worker_starts),
        cmocka_unit_test(schedule_to_close_spans_all_attempts),
        cmocka_unit_test(a_silent_task_is_sent_again_with_the_same_attempt),
        cmocka_unit_test(a_jittered_retry_that_is_granted_begins_in_time),
        cmocka_unit_test(a_run_keeps_the_trace_that_started_it),
        cmocka_unit_test(signals_are_kept_before_the_wait_and_taken_in_order),
        cmocka_unit_test(signals_that_nobody_takes_are_bounded_by_their_bytes),
        cmocka_unit_test(a_signal_that_does_not_come_is_a_time_out),
        cmocka_unit_test(a_cancel_tells_open_tasks_and_aborts),
        cmocka_unit_test(a_terminate_ends_at_once),
        cmocka_unit_test(the_execution_times_out),
        cmocka_unit_test(at_most_sixteen_addresses_get_the_closed_reply),
        cmocka_unit_test(a_result_over_the_quota_is_an_error_of_its_state),
        cmocka_unit_test(history_alone_gives_the_same_state),
        cmocka_unit_test(the_chain_depends_on_every_payload),
        cmocka_unit_test(a_gap_in_the_history_is_refused),
        cmocka_unit_test(a_stored_state_of_another_version_is_refused),
        cmocka_unit_test(admission_follows_the_policies),
        cmocka_unit_test(describe_shows_what_is_pending),
        cmocka_unit_test(describe_shows_the_next_retry_and_the_last_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
