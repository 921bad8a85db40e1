/*
 * The rules of sagas, one test each: what is registered, what settles, in
 * which order it is undone, what an operator can do.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run.h"

#define UNDO(type) "'Compensate':{'Resource':'odradek:q:" type "'}"
#define UNDO_WITH(type, more)                                                  \
    "'Compensate':{'Resource':'odradek:q:" type "'," more "}"
#define STEP(name, type, undo, next)                                           \
    "'" name "':{'Type':'Task','Resource':'odradek:q:" type                    \
    "','ResultPath':'$." type "'," undo ",'Next':'" next "'}"
#define SHIP "'Ship':{'Type':'Task','Resource':'odradek:q:ship','End':true}"

/* reserve → charge → ship; the first two can be undone. */
#define ORDER(top)                                                             \
    "{" top "'StartAt':'Reserve','States':{" STEP(                             \
        "Reserve", "reserve",                                                  \
        UNDO_WITH("release", "'Parameters':{'r.$':'$.reserve.id'}"),           \
        "Charge") "," STEP("Charge", "charge",                                 \
                           UNDO_WITH("refund",                                 \
                                     "'Parameters':{'c.$':'$.charge.id'}"),    \
                           "Ship") "," SHIP "}}"

static void
start_shipped(struct run *run, const char *definition)
{
    run_start(run, definition, "{}");
    run_ok(run, "reserve", "{'id':1}");
    run_ok(run, "charge", "{'id':2}");
    assert_true(run_is_open(run, "ship"));
}

static void
a_failure_undoes_in_reverse_order_with_fixed_arguments(void **state)
{
    struct run run;

    (void)state;
    start_shipped(&run, ORDER(""));
    run_fail(&run, "ship", "NoTruck");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    assert_true(run_sent(&run, "refund", "{'c':2}"));
    assert_false(run_is_open(&run, "release"));
    assert_string_equal(run_describe(&run, "/compensation/state"), "'RUNNING'");
    run_ok(&run, "refund", "null");
    assert_true(run_sent(&run, "release", "{'r':1}"));
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "NoTruck"));
    assert_true(odk_str_is(engine_cause(run.engine), "because"));
    assert_true(run_has(
        &run, "TaskFailed CompensationStarted CompensationScheduled "
              "CompensationSucceeded CompensationScheduled "
              "CompensationSucceeded CompensationCompleted ExecutionFailed "));
    assert_int_equal(run.n_replies, 1);
    assert_string_equal(run_describe(&run, "/compensation/done"), "2");
    run_release(&run);
}

static void
a_success_undoes_nothing(void **state)
{
    struct run run;

    (void)state;
    start_shipped(&run, ORDER(""));
    run_ok(&run, "ship", "null");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    assert_int_equal(run_count(&run, "CompensationRegistered"), 2);
    assert_int_equal(run_count(&run, "CompensationStarted"), 0);
    run_release(&run);
}

static void
the_parallel_order_undoes_at_once(void **state)
{
    struct run run;

    (void)state;
    start_shipped(&run, ORDER("'Compensation':{'Order':'PARALLEL'},"));
    run_fail(&run, "ship", "NoTruck");
    assert_true(run_is_open(&run, "refund"));
    assert_true(run_is_open(&run, "release"));
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok(&run, "refund", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

static void
the_pivot_drops_what_came_before(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'Reserve','States':{" STEP(
                  "Reserve", "reserve", UNDO("release"),
                  "Ship") ",'Ship':{'Type':'Task','Pivot':true,'Resource':"
                          "'odradek:q:ship','Next':'Notify'},'Notify':{"
                          "'Type':'Task','Resource':'odradek:q:notify',"
                          "'End':true}}}",
              "{}");
    run_ok(&run, "reserve", "{}");
    run_ok(&run, "ship", "{}");
    run_fail(&run, "notify", "Mail");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_int_equal(run_count(&run, "CompensationStarted"), 0);
    run_release(&run);
}

static void
a_cancel_compensates_only_when_listed(void **state)
{
    struct run run;

    (void)state;
    start_shipped(&run, ORDER(""));
    run_cancel(&run);
    assert_int_equal(run_status(&run), ENGINE_ABORTED);
    assert_int_equal(run_count(&run, "CompensationStarted"), 0);
    run_release(&run);

    start_shipped(&run, ORDER("'Compensation':{'On':['ABORTED']},"));
    run_cancel(&run);
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_cancel(&run);
    assert_string_equal(run.update.rejected, "Compensating");
    run_ok(&run, "refund", "null");
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_ABORTED);
    run_release(&run);
}

static void
a_terminate_never_compensates_and_says_what_it_leaves(void **state)
{
    struct run run;

    (void)state;
    start_shipped(&run, ORDER(""));
    run_terminate(&run);
    assert_int_equal(run_status(&run), ENGINE_TERMINATED);
    assert_int_equal(run_count(&run, "CompensationStarted"), 0);
    assert_non_null(
        strstr(run.entries.ptr, "\"left\":[\"Reserve\",\"Charge\"]"));
    assert_string_equal(run_describe(&run, "/compensation/left"), "2");
    run_release(&run);
}

static void
an_execution_time_out_compensates_by_default(void **state)
{
    struct run run;

    (void)state;
    start_shipped(&run, ORDER("'TimeoutSeconds':60,"));
    run_fire(&run);
    assert_true(run_is_open(&run, "refund"));
    assert_int_equal(run.n_cancels, 1); /* ship */
    run_ok(&run, "refund", "null");
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_TIMED_OUT);
    run_release(&run);
}

static void
a_catch_that_compensates_rolls_back_before_next(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'Reserve','States':{" STEP(
                  "Reserve", "reserve", UNDO("release"),
                  "Ship") ",'Ship':{'Type':'Task','Resource':"
                          "'odradek:q:ship','Catch':[{'ErrorEquals':["
                          "'States.ALL'],'Compensate':true,'Next':'Other'}],"
                          "'End':true},'Other':{'Type':'Pass','Result':"
                          "'other','End':true}}}",
              "{}");
    run_ok(&run, "reserve", "{}");
    run_fail(&run, "ship", "NoTruck");
    assert_true(run_is_open(&run, "release"));
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    assert_string_equal(run_output(&run), "'other'");
    assert_true(run_has(&run, "CompensationCompleted TaskStateExited "
                              "PassStateEntered "));
    run_release(&run);
}

static void
a_catch_without_it_leaves_the_entries(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'Reserve','States':{" STEP(
                  "Reserve", "reserve", UNDO("release"),
                  "Ship") ",'Ship':{'Type':'Task','Resource':"
                          "'odradek:q:ship','Catch':[{'ErrorEquals':["
                          "'States.ALL'],'Next':'Bad'}],'End':true},"
                          "'Bad':{'Type':'Fail','Error':'Bad'}}}",
              "{}");
    run_ok(&run, "reserve", "{}");
    run_fail(&run, "ship", "NoTruck");
    assert_true(run_is_open(&run, "release"));
    run_ok(&run, "release", "null");
    assert_true(odk_str_is(engine_error(run.engine), "Bad"));
    run_release(&run);
}

/* One compensatable task that times out after 5 s, once. */
#define DOUBTFUL(more)                                                         \
    "{'StartAt':'Charge','States':{'Charge':{'Type':'Task','Resource':"        \
    "'odradek:q:charge','TimeoutSeconds':5,'Compensate':{'Resource':"          \
    "'odradek:q:refund','Parameters':{'o.$':'$.order'},'SettleSeconds':"       \
    "30" more "},'End':true}}}"

static void
start_doubtful(struct run *run, const char *definition)
{
    run_start(run, definition, "{'order':7}");
    run_started(run, "charge");
    run_fire(run);
    assert_int_equal(run_status(run), ENGINE_RUNNING);
    assert_int_equal(run->n_timers, 1); /* settles */
    assert_int_equal(run->timers[0].due - run->now, 30000);
    assert_false(run_is_open(run, "refund"));
}

static void
an_unknown_outcome_waits_for_a_late_answer(void **state)
{
    struct run run;

    (void)state;
    start_doubtful(&run, DOUBTFUL(""));
    run_ok(&run, "charge", "{'order':8}");
    assert_true(run_sent(&run, "refund", "{'o':8}"));
    assert_int_equal(run_count(&run, "CompensationRegistered"), 1);
    run_ok(&run, "refund", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "States.Timeout"));
    run_release(&run);
}

static void
a_late_failure_settles_that_nothing_happened(void **state)
{
    struct run run;

    (void)state;
    start_doubtful(&run, DOUBTFUL(""));
    run_fail(&run, "charge", "Refused");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "States.Timeout"));
    assert_int_equal(run_count(&run, "CompensationScheduled"), 0);
    run_release(&run);
}

static void
on_unknown_stuck_waits_for_an_operator(void **state)
{
    struct run run;

    (void)state;
    start_doubtful(&run, DOUBTFUL(""));
    run_fire(&run);
    assert_true(run.update.is_stuck);
    assert_string_equal(run_describe(&run, "/compensation/state"), "'STUCK'");
    assert_string_equal(run_describe(&run, "/compensation/stuck/0/state"),
                        "'Charge'");
    run_resolve(&run, ENGINE_COMPENSATION_SKIP, 0, NULL);
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_int_equal(run_count(&run, "CompensationSkipped"), 1);
    run_release(&run);
}

static void
on_unknown_compensate_uses_the_input(void **state)
{
    struct run run;

    (void)state;
    start_doubtful(&run, DOUBTFUL(",'OnUnknown':'COMPENSATE'"));
    run_fire(&run);
    assert_true(run_sent(&run, "refund", "{'o':7}"));
    run_ok(&run, "refund", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

static void
a_success_after_the_decision_is_undone_again(void **state)
{
    struct run run;

    (void)state;
    start_doubtful(&run, DOUBTFUL(",'OnUnknown':'COMPENSATE'"));
    run_fire(&run);
    run_ok(&run, "charge", "{'order':9}");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok_at(&run, 1, "null"); /* the first refund */
    assert_true(run_sent(&run, "refund", "{'o':9}"));
    run_ok(&run, "refund", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

static void
on_unknown_ignore_does_nothing(void **state)
{
    struct run run;

    (void)state;
    start_doubtful(&run, DOUBTFUL(",'OnUnknown':'IGNORE'"));
    run_fire(&run);
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_int_equal(run_count(&run, "CompensationScheduled"), 0);
    run_release(&run);
}

static void
a_success_on_a_closed_run_is_a_late_effect(void **state)
{
    struct run run;

    (void)state;
    start_doubtful(&run, DOUBTFUL(",'OnUnknown':'IGNORE'"));
    run_fire(&run);
    run_ok(&run, "charge", "{'order':9}");
    assert_false(run.update.is_ignored);
    assert_true(run.update.is_stuck);
    assert_string_equal(run_describe(&run, "/compensation/late/0/state"),
                        "'Charge'");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_ok(&run, "charge", "{'order':9}");
    assert_true(run.update.is_ignored);
    run_release(&run);
}

static void
a_definite_failure_registers_nothing(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, DOUBTFUL(""), "{'order':7}");
    run_fail(&run, "charge", "Refused");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_int_equal(run_count(&run, "CompensationStarted"), 0);
    run_release(&run);
}

static void
a_failure_with_unknown_effect_settles(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, DOUBTFUL(""), "{'order':7}");
    run_doubt(&run, "charge", "Broken");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_fire(&run);
    assert_true(run.update.is_stuck);
    run_release(&run);
}

static void
a_doubtful_attempt_stays_doubtful_after_a_definite_one(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'Charge','States':{'Charge':{'Type':'Task',"
              "'Resource':'odradek:q:charge',"
              "'Compensate':{'Resource':'odradek:q:refund'},'Retry':[{"
              "'ErrorEquals':['Broken'],'IntervalSeconds':1}],'End':true}}}",
              "{}");
    run_doubt(&run, "charge", "Broken");
    run_fire(&run);
    run_fail(&run, "charge", "Refused");
    assert_int_equal(run_status(&run), ENGINE_RUNNING); /* settles */
    run_fail(&run, "charge", "Refused");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_release(&run);
}

static void
a_late_success_of_an_earlier_attempt_is_undone(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'Charge','States':{'Charge':{'Type':'Task',"
              "'Resource':'odradek:q:charge',"
              "'Compensate':{'Resource':'odradek:q:refund'},'Retry':[{"
              "'ErrorEquals':['Broken'],'IntervalSeconds':1}],'End':true}}}",
              "{}");
    run_doubt(&run, "charge", "Broken");
    run_fire(&run);
    run_ok_at(&run, 0, "{'first':true}");
    assert_false(run.update.is_ignored);
    run_fail(&run, "charge", "Refused");
    assert_true(run_sent(&run, "refund", "{'first':true}"));
    run_release(&run);
}

static void
exhausted_retries_are_stuck_until_an_operator_retries(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'Reserve','States':{" STEP(
                  "Reserve", "reserve",
                  UNDO_WITH("release", "'Retry':[{'ErrorEquals':['States.ALL'"
                                       "],'MaxAttempts':1,"
                                       "'IntervalSeconds':2}]"),
                  "Ship") "," SHIP "}}",
              "{}");
    run_ok(&run, "reserve", "{}");
    run_fail(&run, "ship", "NoTruck");
    run_fail(&run, "release", "Down");
    assert_false(run.update.is_stuck);
    assert_int_equal(run.timers[0].due - run.now, 2000);
    run_fire(&run);
    run_fail(&run, "release", "Down");
    assert_true(run.update.is_stuck);
    assert_int_equal(run_count(&run, "CompensationFailed"), 2);
    assert_int_equal(run_count(&run, "CompensationStuck"), 1);
    run_resolve(&run, ENGINE_COMPENSATION_RETRY, 0, NULL);
    assert_int_equal(run.tasks[run.n_tasks - 1].attempt, 3);
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "NoTruck"));
    run_release(&run);
}

static void
an_operator_completes_by_hand(void **state)
{
    struct run run;

    (void)state;
    start_doubtful(&run, DOUBTFUL(""));
    run_resolve(&run, ENGINE_COMPENSATION_COMPLETE, 0, "{}");
    assert_string_equal(run.update.rejected, "NotStuck");
    run_fire(&run);
    run_resolve(&run, ENGINE_COMPENSATION_COMPLETE, 0, "{'by':'Ann'}");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_non_null(strstr(run.entries.ptr, "\"reason\":\"by hand\""));
    run_release(&run);
}

static void
arguments_that_cannot_be_made_are_unresolved(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, ORDER(""), "{}");
    run_ok(&run, "reserve", "{'no':1}");
    assert_int_equal(run_count(&run, "CompensationRegistered"), 1);
    assert_true(run.update.is_stuck);
    run_resolve(&run, ENGINE_COMPENSATION_RETRY, 0, NULL);
    assert_string_equal(run.update.rejected, "NotPossible");
    run_resolve(&run, ENGINE_COMPENSATION_RETRY, 0, "{'r':5}");
    assert_true(run_sent(&run, "release", "{'r':5}"));
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

static void
signals_are_kept_while_it_compensates(void **state)
{
    struct run run;

    (void)state;
    start_shipped(&run, ORDER(""));
    run_fail(&run, "ship", "NoTruck");
    run_signal(&run, "go", "1");
    assert_null(run.update.rejected);
    assert_string_equal(run_describe(&run, "/signals/0/name"), "'go'");
    run_release(&run);
}

/* Two branches: one reserves, the other fails or succeeds. */
#define BRANCHES(undo, more)                                                   \
    "{'StartAt':'P','States':{'P':{'Type':'Parallel'," undo                    \
    "'Branches':[{'StartAt':'Reserve','States':{'Reserve':{'Type':'Task',"     \
    "'Resource':'odradek:q:reserve',"                                          \
    "'Compensate':{'Resource':'odradek:q:release'},'End':true}}},"             \
    "{'StartAt':'Book','States':{'Book':{'Type':'Task','Resource':"            \
    "'odradek:q:book','End':true}}}]," more "'Next':'Ship'}," SHIP "}}"

static void
entries_of_branches_pass_to_the_parent(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, BRANCHES("", ""), "{}");
    run_ok(&run, "reserve", "{'n':1}");
    run_ok(&run, "book", "{}");
    run_fail(&run, "ship", "NoTruck");
    assert_true(run_sent(&run, "release", "{'n':1}"));
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

static void
a_parallel_with_its_own_compensation_replaces_them(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              BRANCHES("'Compensate':{'Resource':'odradek:q:whole'},", ""),
              "{}");
    run_ok(&run, "reserve", "{'n':1}");
    run_ok(&run, "book", "{}");
    run_fail(&run, "ship", "NoTruck");
    assert_true(run_sent(&run, "whole", "[{'n':1},{}]"));
    run_ok(&run, "whole", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_int_equal(run_count(&run, "CompensationScheduled"), 1);
    run_release(&run);
}

static void
an_open_sibling_settles_before_anything_is_undone(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, BRANCHES("", ""), "{}");
    run_fail(&run, "book", "Full");
    assert_int_equal(run.n_cancels, 1);
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    assert_int_equal(run.timers[0].due - run.now, 60000);
    run_ok(&run, "reserve", "{'n':2}");
    assert_true(run_sent(&run, "release", "{'n':2}"));
    run_ok(&run, "release", "null");
    assert_true(odk_str_is(engine_error(run.engine), "Full"));
    run_release(&run);
}

static void
a_retry_of_a_parallel_first_undoes_the_failed_attempt(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              BRANCHES("", "'Retry':[{'ErrorEquals':['Full'],"
                           "'IntervalSeconds':1}],"),
              "{}");
    run_ok(&run, "reserve", "{'n':1}");
    run_fail(&run, "book", "Full");
    assert_true(run_is_open(&run, "release"));
    assert_int_equal(run.n_timers, 0);
    run_ok(&run, "release", "null");
    assert_int_equal(run.n_timers, 1);
    run_fire(&run);
    run_ok(&run, "reserve", "{'n':2}");
    run_ok(&run, "book", "{}");
    run_ok(&run, "ship", "'done'");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
}

static void
a_cancel_during_a_rollback_takes_effect_after_it(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              BRANCHES("", "'Retry':[{'ErrorEquals':['Full'],"
                           "'IntervalSeconds':1}],"),
              "{}");
    run_ok(&run, "reserve", "{'n':1}");
    run_fail(&run, "book", "Full");
    run_cancel(&run);
    assert_null(run.update.rejected);
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_ABORTED);
    run_release(&run);
}

static void
the_time_out_is_suspended_during_a_rollback(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'TimeoutSeconds':100,'StartAt':'Reserve','States':{" STEP(
                  "Reserve", "reserve", UNDO("release"),
                  "Ship") ",'Ship':{'Type':'Task','Resource':"
                          "'odradek:q:ship','Catch':[{'ErrorEquals':["
                          "'States.ALL'],'Compensate':true,'Next':'Other'}],"
                          "'End':true},'Other':{'Type':'Task','Resource':"
                          "'odradek:q:other','End':true}}}",
              "{}");
    run.now += 40000;
    run_ok(&run, "reserve", "{}");
    run_fail(&run, "ship", "NoTruck");
    assert_int_equal(run.n_timers, 0);
    run.now += 500000;
    run_ok(&run, "release", "null");
    assert_int_equal(run.n_timers, 1);
    assert_int_equal(run.timers[0].due - run.now, 60000);
    run_release(&run);
}

static void
a_tolerated_iteration_undoes_itself(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'M','States':{'M':{'Type':'Map','MaxConcurrency':1,"
              "'ToleratedFailureCount':1,'ItemProcessor':{'ProcessorConfig':{"
              "'Mode':'DISTRIBUTED','ExecutionType':'STANDARD'},"
              "'StartAt':'Reserve','States':{" STEP(
                  "Reserve", "reserve", UNDO("release"),
                  "Book") ",'Book':{'Type':'Task','Resource':"
                          "'odradek:q:book','End':true}}},'End':true}}}",
              "[{},{}]");
    run_ok(&run, "reserve", "{'n':1}");
    run_fail(&run, "book", "Full");
    assert_true(run_is_open(&run, "release"));
    run_ok(&run, "release", "null");
    run_ok(&run, "reserve", "{'n':2}");
    run_ok(&run, "book", "'ok'");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
}

static void
a_rolling_back_branch_passes_the_rest_to_the_scope(void **state)
{
    struct run run;

    (void)state;
    run_start(
        &run,
        "{'StartAt':'P','States':{'P':{'Type':'Parallel','End':true,"
        "'Branches':[{'StartAt':'A','States':{" STEP(
            "A", "one", UNDO("undo1"),
            "B") "," STEP("B", "two", UNDO("undo2"),
                          "C") ",'C':{"
                               "'Type':'Task','Resource':'odradek:q:three','"
                               "Catch':[{"
                               "'ErrorEquals':['States.ALL'],'Compensate':true,"
                               "'Next':'D'}],"
                               "'End':true},'D':{'Type':'Pass','End':true}}},"
                               "{'StartAt':'Book','States':{'Book':{'Type':'"
                               "Task','Resource':"
                               "'odradek:q:book','End':true}}}]}}}",
        "{}");
    run_ok(&run, "one", "1");
    run_ok(&run, "two", "2");
    run_fail(&run, "three", "X");
    assert_true(run_is_open(&run, "undo2"));
    run_fail(&run, "book", "Full");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    assert_false(run_is_open(&run, "undo1"));
    run_ok(&run, "undo2", "null");
    assert_true(run_is_open(&run, "undo1"));
    run_ok(&run, "undo1", "null");
    assert_true(odk_str_is(engine_error(run.engine), "Full"));
    run_release(&run);
}

/* A pivot that times out after something was reserved. */
#define PIVOT(more)                                                            \
    "{'StartAt':'Reserve','States':{" STEP(                                    \
        "Reserve", "reserve", UNDO("release"),                                 \
        "Ship") ",'Ship':"                                                     \
                "{'Type':'Task','Pivot':true,'Resource':'odradek:q:ship',"     \
                "'TimeoutSeconds':5" more ",'End':true}}}"

static void
start_doubtful_pivot(struct run *run, const char *definition)
{
    run_start(run, definition, "{}");
    run_ok(run, "reserve", "{}");
    run_started(run, "ship");
    run_fire(run);
    assert_int_equal(run_status(run), ENGINE_RUNNING);
    assert_false(run_is_open(run, "release"));
}

static void
a_late_pivot_closes_uncompensated(void **state)
{
    struct run run;

    (void)state;
    start_doubtful_pivot(&run, PIVOT(""));
    run_ok(&run, "ship", "{}");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_int_equal(run_count(&run, "CompensationScheduled"), 0);
    assert_true(odk_str_is(engine_error(run.engine), "States.Timeout"));
    run_release(&run);
}

static void
an_unknown_pivot_is_stuck_by_default(void **state)
{
    struct run run;

    (void)state;
    start_doubtful_pivot(&run, PIVOT(""));
    run_fire(&run);
    assert_true(run.update.is_stuck);
    run_resolve(&run, ENGINE_COMPENSATION_SKIP, 0, NULL);
    assert_true(run_is_open(&run, "release"));
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

static void
an_unknown_pivot_compensates_where_it_says_so(void **state)
{
    struct run run;

    (void)state;
    start_doubtful_pivot(&run, PIVOT(",'OnUnknown':'COMPENSATE'"));
    run_fire(&run);
    assert_true(run_is_open(&run, "release"));
    run_release(&run);
}

static void
a_skipped_entry_is_stuck_again_after_a_late_success(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'Reserve','States':{" STEP(
                  "Reserve", "reserve", UNDO("release"),
                  "Charge") ",'Charge':{'Type':'Task','Resource':"
                            "'odradek:q:charge','TimeoutSeconds':5,"
                            "'Compensate':{'Resource':'odradek:q:refund'},"
                            "'End':true}}}",
              "{}");
    run_ok(&run, "reserve", "{}");
    run_started(&run, "charge");
    run_fire(&run);
    run_fire(&run);
    run_resolve(&run, ENGINE_COMPENSATION_SKIP, 0, NULL);
    assert_true(run_is_open(&run, "release"));
    run_ok(&run, "charge", "{'id':3}");
    assert_true(run.update.is_stuck);
    run_ok(&run, "release", "null");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_resolve(&run, ENGINE_COMPENSATION_RETRY, 0, NULL);
    assert_true(run_sent(&run, "refund", "{'id':3}"));
    run_ok(&run, "refund", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

static void
a_late_success_after_a_rollback_is_undone_beside_the_run(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'Charge','States':{'Charge':{'Type':'Task',"
              "'Resource':'odradek:q:charge','TimeoutSeconds':5,"
              "'Compensate':{'Resource':'odradek:q:refund','OnUnknown':"
              "'COMPENSATE'},'Catch':[{'ErrorEquals':['States.ALL'],"
              "'Compensate':true,'Next':'Other'}],'Next':'Other'},'Other':{"
              "'Type':'Task','Resource':'odradek:q:other','End':true}}}",
              "{'in':1}");
    run_started(&run, "charge");
    run_fire(&run); /* times out */
    run_fire(&run); /* settles */
    assert_true(run_sent(&run, "refund", "{'in':1}"));
    run_ok(&run, "refund", "null");
    assert_true(run_is_open(&run, "other"));
    run_ok(&run, "charge", "{'out':2}");
    assert_true(run_sent(&run, "refund", "{'out':2}"));
    run_ok(&run, "refund", "null");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok(&run, "other", "'done'");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
}

static void
a_refused_transition_keeps_the_first_error(void **state)
{
    struct run run;

    (void)state;
    start_shipped(&run, ORDER(""));
    run_fail(&run, "ship", "NoTruck");
    run_step(&run, &(struct engine_input){.kind = ENGINE_INPUT_FAIL,
                                          .error = ODK_STR("Poison")});
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "NoTruck"));
    assert_string_equal(run_describe(&run, "/compensation/left"), "2");
    run_release(&run);
}

static void
a_state_visited_twice_is_undone_twice(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','Compensate':{'Resource':'odradek:q:undo'},"
              "'Next':'C'},'C':{'Type':'Choice','Choices':[{'Variable':'$.n',"
              "'NumericEquals':1,'Next':'A'}],'Default':'F'},"
              "'F':{'Type':'Fail','Error':'E'}}}",
              "{}");
    run_ok(&run, "work", "{'n':1}");
    run_ok(&run, "work", "{'n':2}");
    assert_true(run_sent(&run, "undo", "{'n':2}"));
    run_ok(&run, "undo", "null");
    assert_true(run_sent(&run, "undo", "{'n':1}"));
    run_ok(&run, "undo", "null");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_failure_undoes_in_reverse_order_with_fixed_arguments),
        cmocka_unit_test(a_success_undoes_nothing),
        cmocka_unit_test(the_parallel_order_undoes_at_once),
        cmocka_unit_test(the_pivot_drops_what_came_before),
        cmocka_unit_test(a_cancel_compensates_only_when_listed),
        cmocka_unit_test(a_terminate_never_compensates_and_says_what_it_leaves),
        cmocka_unit_test(an_execution_time_out_compensates_by_default),
        cmocka_unit_test(a_catch_that_compensates_rolls_back_before_next),
        cmocka_unit_test(a_catch_without_it_leaves_the_entries),
        cmocka_unit_test(an_unknown_outcome_waits_for_a_late_answer),
        cmocka_unit_test(a_late_failure_settles_that_nothing_happened),
        cmocka_unit_test(on_unknown_stuck_waits_for_an_operator),
        cmocka_unit_test(on_unknown_compensate_uses_the_input),
        cmocka_unit_test(a_success_after_the_decision_is_undone_again),
        cmocka_unit_test(on_unknown_ignore_does_nothing),
        cmocka_unit_test(a_success_on_a_closed_run_is_a_late_effect),
        cmocka_unit_test(a_definite_failure_registers_nothing),
        cmocka_unit_test(a_failure_with_unknown_effect_settles),
        cmocka_unit_test(
            a_doubtful_attempt_stays_doubtful_after_a_definite_one),
        cmocka_unit_test(a_late_success_of_an_earlier_attempt_is_undone),
        cmocka_unit_test(exhausted_retries_are_stuck_until_an_operator_retries),
        cmocka_unit_test(an_operator_completes_by_hand),
        cmocka_unit_test(arguments_that_cannot_be_made_are_unresolved),
        cmocka_unit_test(signals_are_kept_while_it_compensates),
        cmocka_unit_test(entries_of_branches_pass_to_the_parent),
        cmocka_unit_test(a_parallel_with_its_own_compensation_replaces_them),
        cmocka_unit_test(an_open_sibling_settles_before_anything_is_undone),
        cmocka_unit_test(a_retry_of_a_parallel_first_undoes_the_failed_attempt),
        cmocka_unit_test(a_cancel_during_a_rollback_takes_effect_after_it),
        cmocka_unit_test(the_time_out_is_suspended_during_a_rollback),
        cmocka_unit_test(a_tolerated_iteration_undoes_itself),
        cmocka_unit_test(a_rolling_back_branch_passes_the_rest_to_the_scope),
        cmocka_unit_test(a_late_pivot_closes_uncompensated),
        cmocka_unit_test(an_unknown_pivot_is_stuck_by_default),
        cmocka_unit_test(an_unknown_pivot_compensates_where_it_says_so),
        cmocka_unit_test(a_skipped_entry_is_stuck_again_after_a_late_success),
        cmocka_unit_test(
            a_late_success_after_a_rollback_is_undone_beside_the_run),
        cmocka_unit_test(a_refused_transition_keeps_the_first_error),
        cmocka_unit_test(a_state_visited_twice_is_undone_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
