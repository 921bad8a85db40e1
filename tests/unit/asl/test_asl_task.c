/* Where a task goes, what is retried and caught, and the saga fields. */

#include "asl_fixture.h"

#define TASK "'Type':'Task','Resource':'odradek:pay:charge','Next':'T'"

static const struct asl_resource *
resource(struct fixture *fixture, const char *text)
{
    char members[512];

    (void)snprintf(members, sizeof(members),
                   "'Type':'Task','Next':'T','Resource':'%s'", text);
    return &fixture_state(fixture, members)->resource;
}

static void
a_resource_gives_queue_and_type(void **state)
{
    struct fixture *fixture = *state;

    static const struct {
        const char *text;
        enum asl_resource_kind kind;
        enum asl_pattern pattern;
        const char *queue;
        const char *type;
    } cases[] = {
        {"odradek:pay:charge", ASL_RESOURCE_TASK, ASL_PATTERN_REQUEST_RESPONSE,
         "pay", "charge"},
        {"arn:aws:states:eu-west-1:1:activity:build", ASL_RESOURCE_ACTIVITY,
         ASL_PATTERN_REQUEST_RESPONSE, "build", "build"},
        {"arn:aws:lambda:eu-west-1:1:function:f:$LATEST", ASL_RESOURCE_LAMBDA,
         ASL_PATTERN_REQUEST_RESPONSE, "lambda", "f"},
        {"arn:aws:states:::lambda:invoke.waitForTaskToken", ASL_RESOURCE_TASK,
         ASL_PATTERN_WAIT_FOR_TASK_TOKEN, "lambda", ""},
        {"arn:aws:states:::sqs:sendMessage", ASL_RESOURCE_TASK,
         ASL_PATTERN_REQUEST_RESPONSE, "aws.sqs", "sendMessage"},
        {"arn:aws:states:::aws-sdk:s3:getObject", ASL_RESOURCE_TASK,
         ASL_PATTERN_REQUEST_RESPONSE, "aws.aws-sdk.s3", "getObject"},
        {"arn:aws:states:::states:startExecution.sync:2",
         ASL_RESOURCE_START_EXECUTION, ASL_PATTERN_SYNC_2, "",
         "startExecution"},
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        const struct asl_resource *out = resource(fixture, cases[i].text);
        assert_true(odk_str_is(out->text, cases[i].text));
        assert_int_equal(out->kind, cases[i].kind);
        assert_int_equal(out->pattern, cases[i].pattern);
        assert_true(odk_str_is(out->queue, cases[i].queue));
        assert_true(odk_str_is(out->type, cases[i].type));
    }
    assert_int_equal(
        fixture_state(fixture,
                      "'Type':'Task','Next':'T','Resource':"
                      "'odradek:wait-signal','Parameters':{'Name':'a'}")
            ->resource.kind,
        ASL_RESOURCE_WAIT_SIGNAL);
    assert_true(odk_str_is(
        resource(fixture, "arn:aws:states:::lambda:invoke.waitForTaskToken")
            ->resource,
        "invoke.waitForTaskToken"));
}

static void
a_resource_that_names_nothing_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cases[] = {
        "activity_arn",
        "odradek:",
        "odradek:pay",
        "odradek:p y:x",
        "arn:aws:states:::dynamodb:query",
        "arn:aws:lambda:r:1:function:f:",
        "arn:aws:lambda:r:1:function:f:$*#",
        "arn:aws:states:r:1:stateMachine:x",
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        char members[256];
        (void)snprintf(members, sizeof(members),
                       "'Type':'Task','Next':'T','Resource':'%s'", cases[i]);
        fixture_refuses(fixture, members, "/Resource");
    }
    fixture->options.is_any_resource_accepted = true;
    assert_int_equal(resource(fixture, "activity_arn")->kind,
                     ASL_RESOURCE_ACTIVITY);
    assert_int_equal(fixture->problems.n, 1);
}

static void
a_wait_for_a_signal_has_a_name(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture,
                    "'Type':'Task','Next':'T','Resource':'odradek:wait-signal'",
                    "/Parameters");
    (void)fixture_state(
        fixture, "'Type':'Task','Next':'T','Resource':'odradek:wait-signal',"
                 "'Parameters':{'Name.$':'$.n'},'TimeoutSeconds':5");
}

static void
a_retrier_has_the_defaults_of_the_language(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *task = fixture_state(
        fixture, TASK ",'Retry':[{'ErrorEquals':['States.ALL']}]");

    assert_int_equal(task->n_retriers, 1);
    assert_int_equal(task->retriers[0].max_attempts, 3);
    assert_int_equal(asl_retry_delay(&task->retriers[0], 1, NULL), 1000);
    assert_int_equal(asl_retry_delay(&task->retriers[0], 3, NULL), 4000);
}

static void
a_retry_delay_has_a_ceiling_and_jitter(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *task = fixture_state(
        fixture, TASK ",'Retry':[{'ErrorEquals':['E'],'IntervalSeconds':3,"
                      "'BackoffRate':1.5,'MaxDelaySeconds':5,"
                      "'JitterStrategy':'FULL'}]");
    odk_dur_ms delay = 0;

    assert_int_equal(asl_retry_delay(&task->retriers[0], 2, NULL), 4500);
    assert_int_equal(asl_retry_delay(&task->retriers[0], 9999999, NULL), 5000);
    for (int i = 0; i < 100; i++) {
        delay = asl_retry_delay(&task->retriers[0], 5, &fixture->rand);
        assert_in_range(delay, 0, 5000);
    }
}

static void
retry_values_are_held_to_their_ranges(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture,
                    TASK ",'Retry':[{'ErrorEquals':['E'],'BackoffRate':0.5}]",
                    "/Retry/0/BackoffRate");
    fixture_refuses(fixture,
                    TASK ",'Retry':[{'ErrorEquals':['E'],'IntervalSeconds':0}]",
                    "/Retry/0/IntervalSeconds");
    fixture_refuses(fixture,
                    TASK ",'Retry':[{'ErrorEquals':['E'],'MaxAttempts':-1}]",
                    "/Retry/0/MaxAttempts");
    fixture_refuses(fixture,
                    TASK ",'Retry':[{'ErrorEquals':['E'],'IntervalSeconds':5,"
                         "'MaxDelaySeconds':5}]",
                    "/Retry/0/MaxDelaySeconds");
    fixture_refuses(
        fixture, TASK ",'Retry':[{'ErrorEquals':['E'],'JitterStrategy':'X'}]",
        "/Retry/0/JitterStrategy");
    fixture_refuses(fixture, TASK ",'Retry':[{}]", "/Retry/0");
}

static void
states_all_is_alone_and_last(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture,
                    TASK ",'Retry':[{'ErrorEquals':['States.ALL','E']}]",
                    "/Retry/0/ErrorEquals/0");
    fixture_refuses(fixture,
                    TASK ",'Catch':[{'ErrorEquals':['States.ALL'],'Next':'T'},"
                         "{'ErrorEquals':['E'],'Next':'T'}]",
                    "/Catch/0/ErrorEquals/0");
}

static void
wildcards_match_what_the_service_says(void **state)
{
    static const struct {
        const char *pattern;
        const char *name;
        bool is_match;
    } cases[] = {
        {"E", "E", true},
        {"E", "F", false},
        {"States.ALL", "E", true},
        {"States.ALL", "States.Timeout", true},
        {"States.ALL", "States.Runtime", false},
        {"States.ALL", "States.DataLimitExceeded", true},
        {"States.Runtime", "States.Runtime", true},
        {"States.TaskFailed", "E", true},
        {"States.TaskFailed", "States.Timeout", false},
        {"States.Timeout", "States.HeartbeatTimeout", true},
    };

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        struct odk_str pattern = odk_str(cases[i].pattern);
        assert_int_equal(asl_error_matches(&pattern, 1, odk_str(cases[i].name)),
                         cases[i].is_match);
    }
}

static void
a_catch_that_is_never_reached_is_a_warning(void **state)
{
    struct fixture *fixture = *state;

    (void)fixture_state(fixture,
                        TASK ",'Catch':[{'ErrorEquals':['A','B'],'Next':'T'},"
                             "{'ErrorEquals':['B'],'Next':'T'}]");
    assert_true(fixture_has(fixture, "UNREACHABLE_CATCH", "/States/S/Catch/1"));
}

static void
compensate_has_the_defaults_of_the_saga(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_compensate *compensate =
        fixture_state(fixture, TASK ",'Compensate':{'Resource':"
                                    "'odradek:pay:refund','Parameters':{"
                                    "'id.$':'$.charge.id'}}")
            ->compensate;

    assert_non_null(compensate);
    assert_true(odk_str_is(compensate->resource.type, "refund"));
    assert_true(compensate->timeout_seconds == 300);
    assert_true(compensate->settle_seconds == 60);
    assert_int_equal(compensate->on_unknown, ASL_ON_UNKNOWN_STUCK);
    assert_int_equal(compensate->n_retriers, 1);
    assert_int_equal(compensate->retriers[0].max_attempts, 10);
    assert_int_equal(asl_retry_delay(&compensate->retriers[0], 20, NULL),
                     300000);
    assert_true(fixture->machine->has_compensation);
    assert_true(fixture->machine->compensates_failed);
    assert_true(fixture->machine->compensates_timed_out);
    assert_false(fixture->machine->compensates_aborted);
    fixture_env(fixture, "{'charge':{'id':7}}", NULL, NULL);
    assert_string_equal(fixture_eval(fixture, compensate->arguments),
                        "{\"id\":7}");
}

static void
compensation_of_the_machine_is_read(void **state)
{
    struct fixture *fixture = *state;

    fixture_take(fixture,
                 "{'StartAt':'S','Compensation':{'On':['ABORTED'],'Order':"
                 "'PARALLEL'},'States':{'S':{'Type':'Succeed'}}}");
    assert_false(fixture->machine->compensates_failed);
    assert_true(fixture->machine->compensates_aborted);
    assert_int_equal(fixture->machine->compensation_order,
                     ASL_COMPENSATION_PARALLEL);
    assert_int_equal(
        fixture_compile(fixture,
                        "{'StartAt':'S','Compensation':{'On':['SOMETIMES']},"
                        "'States':{'S':{'Type':'Succeed'}}}"),
        ODK_EINVAL);
    assert_true(
        fixture_has(fixture, "SCHEMA_VALIDATION_FAILED", "/Compensation/On/0"));
}

static void
a_pivot_is_a_task_of_the_machine_itself(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *task =
        fixture_state(fixture, TASK ",'Pivot':true,'OnUnknown':'COMPENSATE'");

    assert_true(task->is_pivot);
    assert_true(task->pivot_settle_seconds == 60);
    assert_int_equal(task->pivot_on_unknown, ASL_ON_UNKNOWN_COMPENSATE);
    fixture_refuses(fixture,
                    "'Type':'Parallel','Next':'T','Branches':[{'StartAt':'B',"
                    "'States':{'B':{'Type':'Task','Resource':'odradek:q:t',"
                    "'End':true,'Pivot':true}}}]",
                    "/Branches/0/States/B/Pivot");
    fixture_refuses(fixture, TASK ",'Pivot':true,'OnUnknown':'IGNORE'",
                    "/OnUnknown");
    fixture_refuses(fixture, TASK ",'SettleSeconds':5", "");
    fixture_refuses(fixture, "'Type':'Pass','Next':'T','Pivot':true", "/Pivot");
}

static void
a_compensate_after_the_pivot_is_a_warning(void **state)
{
    struct fixture *fixture = *state;

    fixture_take(fixture,
                 "{'StartAt':'A','States':{'A':{'Type':'Task','Resource':"
                 "'odradek:q:t','Pivot':true,'Next':'B'},'B':{'Type':'Task',"
                 "'Resource':'odradek:q:t','End':true,'Compensate':{"
                 "'Resource':'odradek:q:u'}}}}");
    assert_true(fixture_has(fixture, "COMPENSATION", "/States/B"));
}

static void
on_unknown_compensate_warns_of_arguments_from_the_result(void **state)
{
    struct fixture *fixture = *state;

    (void)fixture_state(fixture,
                        TASK ",'ResultPath':'$.r','Compensate':{'Resource':"
                             "'odradek:q:u','OnUnknown':'COMPENSATE',"
                             "'Parameters':{'a.$':'$.r.id'}}");
    assert_true(fixture_has(fixture, "COMPENSATION",
                            "/States/S/Compensate/Parameters"));
    (void)fixture_state(fixture,
                        TASK ",'ResultPath':'$.r','Compensate':{'Resource':"
                             "'odradek:q:u','OnUnknown':'COMPENSATE',"
                             "'Parameters':{'a.$':'$.order'}}");
    assert_int_equal(fixture->problems.n, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(a_resource_gives_queue_and_type),
        SUITE_TEST(a_resource_that_names_nothing_is_refused),
        SUITE_TEST(a_wait_for_a_signal_has_a_name),
        SUITE_TEST(a_retrier_has_the_defaults_of_the_language),
        SUITE_TEST(a_retry_delay_has_a_ceiling_and_jitter),
        SUITE_TEST(retry_values_are_held_to_their_ranges),
        SUITE_TEST(states_all_is_alone_and_last),
        SUITE_TEST(wildcards_match_what_the_service_says),
        SUITE_TEST(a_catch_that_is_never_reached_is_a_warning),
        SUITE_TEST(compensate_has_the_defaults_of_the_saga),
        SUITE_TEST(compensation_of_the_machine_is_read),
        SUITE_TEST(a_pivot_is_a_task_of_the_machine_itself),
        SUITE_TEST(a_compensate_after_the_pivot_is_a_warning),
        SUITE_TEST(on_unknown_compensate_warns_of_arguments_from_the_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
