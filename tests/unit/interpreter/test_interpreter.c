#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run.h"

static void
a_choice_without_a_match_fails(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'C','States':{'C':{'Type':'Choice','Choices':[{"
              "'Variable':'$.n','NumericEquals':1,'Next':'P'}]},'P':{'Type':"
              "'Pass','End':true}}}",
              "{'n':2}");
    assert_true(odk_str_is(engine_error(run.engine), "States.NoChoiceMatched"));
    run_release(&run);
}

static void
retries_back_off_and_give_up(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','End':true,'Retry':[{'ErrorEquals':['Oops'],"
              "'IntervalSeconds':2,'BackoffRate':3,'MaxAttempts':2,"
              "'MaxDelaySeconds':5}]}}}",
              "{}");
    run_fail(&run, "work", "Oops");
    assert_int_equal(run.timers[0].due - run.now, 2000);
    run_fire(&run);
    run_fail(&run, "work", "Oops");
    assert_int_equal(run.timers[0].due - run.now, 5000);
    run_fire(&run);
    run_fail(&run, "work", "Oops");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_int_equal(run_count(&run, "TaskScheduled"), 3);
    assert_int_equal(run_count(&run, "TaskStateEntered"), 1);
    run_release(&run);
}

static void
retriers_count_apart(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','End':true,'Retry':[{'ErrorEquals':['X'],"
              "'MaxAttempts':1},{'ErrorEquals':['Y'],'MaxAttempts':1}]}}}",
              "{}");
    run_fail(&run, "work", "X");
    run_fire(&run);
    run_fail(&run, "work", "Y");
    run_fire(&run);
    assert_int_equal(run.tasks[2].attempt, 3);
    run_fail(&run, "work", "Y");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    run_release(&run);
}

static void
a_catch_puts_the_error_where_result_path_says(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','End':true,'Catch':[{'ErrorEquals':["
              "'States.TaskFailed'],'ResultPath':'$.why','Next':'B'}]},"
              "'B':{'Type':'Pass','End':true}}}",
              "{'x':1}");
    run_fail(&run, "work", "Oops");
    assert_string_equal(run_output(&run), "{'x':1,'why':{'Error':'Oops',"
                                          "'Cause':'because'}}");
    run_release(&run);
}

static void
nothing_catches_a_runtime_error(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','OutputPath':'$.no','End':true,'Catch':[{"
              "'ErrorEquals':['States.ALL'],'Next':'B'}]},"
              "'B':{'Type':'Pass','End':true}}}",
              "{}");
    run_ok(&run, "work", "{}");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "States.Runtime"));
    run_release(&run);
}

static void
results_of_branches_keep_their_order(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'P','States':{'P':{'Type':'Parallel','End':true,"
              "'Branches':[{'StartAt':'A','States':{'A':{'Type':'Task',"
              "'Resource':'odradek:q:a','End':true}}},{'StartAt':'B',"
              "'States':{'B':{'Type':'Task','Resource':'odradek:q:b',"
              "'End':true}}}]}}}",
              "{}");
    run_ok(&run, "b", "2");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok(&run, "a", "1");
    assert_string_equal(run_output(&run), "[1,2]");
    run_release(&run);
}

static void
a_failed_branch_ends_its_siblings(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'P','States':{'P':{'Type':'Parallel','End':true,"
              "'Catch':[{'ErrorEquals':['States.ALL'],'Next':'C'}],"
              "'Branches':[{'StartAt':'A','States':{'A':{'Type':'Task',"
              "'Resource':'odradek:q:a','End':true}}},{'StartAt':'W','States':{"
              "'W':{'Type':'Wait','Seconds':100,'End':true}}},{'StartAt':'M',"
              "'States':{'M':{'Type':'Map','End':true,'ItemsPath':'$.l',"
              "'ItemProcessor':{'StartAt':'B','States':{'B':{'Type':'Task',"
              "'Resource':'odradek:q:b','End':true}}}}}}]},'C':{'Type':'Pass',"
              "'End':true}}}",
              "{'l':[1,2]}");
    assert_int_equal(run.n_timers, 1);
    run_fail(&run, "a", "Oops");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    assert_int_equal(run.n_timers, 0);
    assert_int_equal(run.n_cancels, 2);
    assert_int_equal(run_count(&run, "WaitStateAborted"), 1);
    assert_int_equal(run_count(&run, "TaskStateAborted"), 3);
    assert_int_equal(run_count(&run, "MapStateAborted"), 1);
    run_ok(&run, "b", "1");
    assert_true(run.update.is_ignored);
    run_release(&run);
}

#define MAP(more, inner)                                                       \
    "{'StartAt':'M','States':{'M':{'Type':'Map','End':true," more              \
    "'ItemProcessor':{'StartAt':'B','States':{'B':" inner "}}}}}"
#define WORK "{'Type':'Task','Resource':'odradek:q:work','End':true}"

static void
a_map_runs_as_many_iterations_as_allowed(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, MAP("'MaxConcurrency':2,", WORK), "[1,2,3]");
    assert_int_equal(run.n_tasks, 2);
    run_ok_at(&run, 1, "'b'");
    assert_int_equal(run.n_tasks, 3);
    run_ok_at(&run, 2, "'c'");
    run_ok_at(&run, 0, "'a'");
    assert_string_equal(run_output(&run), "['a','b','c']");
    run_release(&run);
}

static void
a_map_goes_over_the_members_of_an_object(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              MAP("'ItemSelector':{'k.$':'$$.Map.Item.Key','v.$':"
                  "'$$.Map.Item.Value'},",
                  "{'Type':'Pass','End':true}"),
              "{'x':1,'y':[2]}");
    assert_string_equal(run_output(&run),
                        "[{'k':'x','v':1},{'k':'y','v':[2]}]");
    run_release(&run);
}

static void
a_selector_sees_item_and_input(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              MAP("'ItemsPath':'$.l','ItemSelector':{'i.$':"
                  "'$$.Map.Item.Index','v.$':'$$.Map.Item.Value','of.$':"
                  "'$.of'},",
                  "{'Type':'Pass','End':true}"),
              "{'l':['a'],'of':7}");
    assert_string_equal(run_output(&run), "[{'i':0,'v':'a','of':7}]");
    run_release(&run);
}

static void
maps_nest(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              MAP("", "{'Type':'Map','End':true,'ItemProcessor':{'StartAt':"
                      "'C','States':{'C':{'Type':'Pass','Parameters':{'x.$':"
                      "'$'},'End':true}}}}"),
              "[[1,2],[],[3]]");
    assert_string_equal(run_output(&run), "[[{'x':1},{'x':2}],[],[{'x':3}]]");
    run_release(&run);
}

static void
children_of_a_distributed_map_are_hidden(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'M','States':{'M':{'Type':'Map','End':true,"
              "'ItemProcessor':{'ProcessorConfig':{'Mode':'DISTRIBUTED',"
              "'ExecutionType':'STANDARD'},'StartAt':'B','States':{'B':" WORK
              "}}}}}",
              "[1,2]");
    run_ok_at(&run, 0, "'a'");
    run_ok_at(&run, 1, "'b'");
    assert_string_equal(run.types.ptr,
                        "ExecutionStarted MapStateEntered MapStateStarted "
                        "MapRunStarted MapRunSucceeded MapStateSucceeded "
                        "MapStateExited ExecutionSucceeded ");
    assert_string_equal(run_output(&run), "['a','b']");
    run_release(&run);
}

static void
tolerated_failures_do_not_fail_the_map(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'M','States':{'M':{'Type':'Map','End':true,"
              "'ToleratedFailureCount':1,"
              "'ItemProcessor':{'ProcessorConfig':{'Mode':'DISTRIBUTED',"
              "'ExecutionType':'STANDARD'},'StartAt':'B','States':{'B':" WORK
              "}}}}}",
              "[1,2,3]");
    run_ok_at(&run, 0, "'a'");
    run_fail(&run, "work", "Oops");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok_at(&run, 1, "'b'");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
}

static void
inner_scopes_read_outer_variables(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Pass','Assign':{'x':1},"
              "'Next':'M'},'M':{'Type':'Map','ItemsPath':'$.l','Next':'Z',"
              "'ItemProcessor':{'StartAt':'B','States':{'B':{'Type':'Pass',"
              "'Assign':{'y.$':'$x'},'Next':'C'},'C':{'Type':'Pass',"
              "'Parameters':{'x.$':'$x','y.$':'$y'},'End':true}}}},"
              "'Z':{'Type':'Pass','Parameters':{'m.$':'$','x.$':'$x'},"
              "'End':true}}}",
              "{'l':[0]}");
    assert_string_equal(run_output(&run), "{'m':[{'x':1,'y':1}],'x':1}");
    run_release(&run);
}

static void
new_values_act_from_the_next_state(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'QueryLanguage':'JSONata','StartAt':'A','States':{'A':{"
              "'Type':'Pass','Assign':{'x':1},'Next':'B'},'B':{'Type':'Pass',"
              "'Assign':{'x':'{% $x + 1 %}'},'Output':'{% $x %}','Next':"
              "'C'},'C':{'Type':'Pass','Output':'{% [$states.input, $x] %}',"
              "'End':true}}}",
              "{}");
    assert_string_equal(run_output(&run), "[1,2]");
    run_release(&run);
}

static void
a_long_step_yields_and_goes_on(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Pass','Parameters':{"
              "'n.$':'States.MathAdd($.n, 1)'},'Next':'C'},'C':{'Type':"
              "'Choice','Choices':[{'Variable':'$.n','NumericLessThan':1500,"
              "'Next':'A'}],'Default':'Z'},'Z':{'Type':'Succeed'}}}",
              "{'n':0}");
    assert_true(run.update.is_over_budget);
    assert_int_equal(run.timers[0].due, run.now);
    run_fire(&run);
    run_fire(&run);
    run_fire(&run);
    assert_string_equal(run_output(&run), "{'n':1500}");
    run_release(&run);
}

static void
an_endless_loop_is_ended(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Pass','Next':'B'},"
              "'B':{'Type':'Pass','Next':'A'}}}",
              "{}");
    for (int i = 0; i < 200 && run_status(&run) == ENGINE_RUNNING; i++) {
        run_fire(&run);
    }
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine), "States.Runtime"));
    run_release(&run);
}

static void
a_wait_lasts_until_its_timestamp(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'W','States':{'W':{'Type':'Wait','TimestampPath':"
              "'$.t','End':true}}}",
              "{'t':'2026-01-01T00:00:30Z'}");
    assert_int_equal(run.timers[0].due - run.now, 30000);
    run_fire(&run);
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);

    run_start(&run,
              "{'StartAt':'W','States':{'W':{'Type':'Wait','TimestampPath':"
              "'$.t','End':true}}}",
              "{'t':'2001-01-01T00:00:30Z'}");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
}

static void
a_retried_parallel_begins_anew(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'P','States':{'P':{'Type':'Parallel','End':true,"
              "'Retry':[{'ErrorEquals':['States.ALL'],'IntervalSeconds':1}],"
              "'Branches':[{'StartAt':'A','States':{'A':{'Type':'Task',"
              "'Resource':'odradek:q:a','End':true}}},{'StartAt':'B',"
              "'States':{'B':{'Type':'Task','Resource':'odradek:q:b',"
              "'End':true}}}]}}}",
              "{}");
    run_ok(&run, "a", "1");
    run_fail(&run, "b", "Oops");
    run_fire(&run);
    assert_int_equal(run_count(&run, "ParallelStateStarted"), 2);
    assert_int_equal(run_count(&run, "ParallelStateFailed"), 0);
    run_ok(&run, "a", "3");
    run_ok(&run, "b", "4");
    assert_string_equal(run_output(&run), "[3,4]");
    run_release(&run);
}

static void
two_lines_wait_for_the_same_signal_in_turn(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              MAP("", "{'Type':'Task','Resource':'odradek:wait-signal',"
                      "'Parameters':{'Name':'go'},'End':true}"),
              "[1,2]");
    run_signal(&run, "go", "'x'");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_signal(&run, "go", "'y'");
    assert_string_equal(run_output(&run), "['x','y']");
    run_release(&run);
}

static void
timeouts_may_come_from_the_input(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
              "'odradek:q:work','TimeoutSecondsPath':'$.t','End':true}}}",
              "{'t':9}");
    run_started(&run, "work");
    assert_int_equal(run.timers[0].due - run.now, 9000);
    run_release(&run);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_without_a_match_fails),
        cmocka_unit_test(retries_back_off_and_give_up),
        cmocka_unit_test(retriers_count_apart),
        cmocka_unit_test(a_catch_puts_the_error_where_result_path_says),
        cmocka_unit_test(nothing_catches_a_runtime_error),
        cmocka_unit_test(results_of_branches_keep_their_order),
        cmocka_unit_test(a_failed_branch_ends_its_siblings),
        cmocka_unit_test(a_map_runs_as_many_iterations_as_allowed),
        cmocka_unit_test(a_map_goes_over_the_members_of_an_object),
        cmocka_unit_test(a_selector_sees_item_and_input),
        cmocka_unit_test(maps_nest),
        cmocka_unit_test(children_of_a_distributed_map_are_hidden),
        cmocka_unit_test(tolerated_failures_do_not_fail_the_map),
        cmocka_unit_test(inner_scopes_read_outer_variables),
        cmocka_unit_test(new_values_act_from_the_next_state),
        cmocka_unit_test(a_long_step_yields_and_goes_on),
        cmocka_unit_test(an_endless_loop_is_ended),
        cmocka_unit_test(a_wait_lasts_until_its_timestamp),
        cmocka_unit_test(a_retried_parallel_begins_anew),
        cmocka_unit_test(two_lines_wait_for_the_same_signal_in_turn),
        cmocka_unit_test(timeouts_may_come_from_the_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
