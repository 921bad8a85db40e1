#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run.h"

/* Distributed Maps; the tests answer for the object store and the tasks. */

#define PROCESSOR                                                              \
    "'ItemProcessor':{'ProcessorConfig':{'Mode':'DISTRIBUTED',"                \
    "'ExecutionType':'STANDARD'},'StartAt':'W','States':{'W':{'Type':'Task',"  \
    "'Resource':'odradek:q:work','End':true}}}"
#define READER                                                                 \
    "'ItemReader':{'Resource':'arn:aws:states:::s3:getObject','Parameters':{"  \
    "'Bucket':'b','Key':'k'},'ReaderConfig':{'InputType':'JSONL'}}"
#define WRITER                                                                 \
    "'ResultWriter':{'Resource':'arn:aws:states:::s3:putObject','Parameters':" \
    "{'Bucket':'b'}}"
#define MAP(members)                                                           \
    "{'Type':'Map','MaxConcurrency':2," members "," PROCESSOR ",'End':true}"
#define MACHINE(members) "{'StartAt':'M','States':{'M':" MAP(members) "}}"

static void
pages_come_as_they_are_needed(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, MACHINE(READER), "{}");
    assert_true(run_sent(&run, "read-items",
                         "{\"source\":\"OBJECT\",\"bucket\":\"b\",\"key\":"
                         "\"k\",\"format\":\"JSONL\",\"delimiter\":\",\","
                         "\"maxItems\":1000,\"maxBytes\":65536}"));
    run_ok(&run, "read-items", "{'items':[1,2,3],'cursor':{'at':7}}");
    assert_int_equal(run.n_tasks, 3);
    run_ok_at(&run, 1, "'a'");
    assert_false(run_is_open(&run, "read-items"));
    run_ok_at(&run, 2, "'b'");
    assert_true(run_is_open(&run, "read-items"));
    run_ok(&run, "read-items", "{'items':[4]}");
    run_ok(&run, "work", "'d'");
    run_ok_at(&run, 3, "'c'");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    assert_string_equal(run_output(&run), "['a','b','c','d']");
    assert_string_equal(run_describe(&run, "/mapRuns/0/counts"),
                        "{'pending':0,'running':0,'succeeded':4,'failed':0,"
                        "'aborted':0,'total':4}");
    run_release(&run);
}

static void
an_open_map_run_is_described(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, MACHINE(READER ",'ToleratedFailureCount':1"), "{}");
    run_ok(&run, "read-items", "{'items':[1,2,3,4,5]}");
    run_fail(&run, "work", "Oops");
    assert_string_equal(run_describe(&run, "/mapRuns/0/counts"),
                        "{'pending':2,'running':2,'succeeded':0,'failed':1,"
                        "'aborted':0,'total':5}");
    assert_string_equal(run_describe(&run, "/mapRuns/0/status"), "'RUNNING'");
    run_terminate(&run);
    assert_string_equal(run_describe(&run, "/mapRuns/0/counts"),
                        "{'pending':2,'running':0,'succeeded':0,'failed':1,"
                        "'aborted':2,'total':5}");
    assert_string_equal(run_describe(&run, "/mapRuns/0/status"), "'ABORTED'");
    run_release(&run);
}

static void
the_number_of_items_is_bounded_over_pages(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              MACHINE("'ItemReader':{'Resource':'arn:aws:states:::s3:"
                      "getObject','Parameters':{'Bucket':'b','Key':'k'},"
                      "'ReaderConfig':{'InputType':'JSONL','MaxItems':3}}"),
              "{}");
    run_ok(&run, "read-items", "{'items':[1,2],'cursor':{'at':7}}");
    run_ok_at(&run, 1, "1");
    run_ok_at(&run, 2, "2");
    assert_true(run_sent(&run, "read-items",
                         "{\"source\":\"OBJECT\",\"bucket\":\"b\",\"key\":"
                         "\"k\",\"format\":\"JSONL\",\"delimiter\":\",\","
                         "\"maxItems\":1,\"maxBytes\":65536,\"cursor\":{"
                         "\"at\":7}}"));
    run_ok(&run, "read-items", "{'items':[3],'cursor':{'at':8}}");
    run_ok(&run, "work", "3");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
}

static void
a_read_that_fails_is_the_states_error(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, MACHINE(READER), "{}");
    run_fail(&run, "read-items", "Odradek.ObjectsFailed");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(
        odk_str_is(engine_error(run.engine), "States.ItemReaderFailed"));
    assert_true(run_has(&run, "MapRunFailed MapStateFailed ExecutionFailed"));
    run_release(&run);
}

static void
a_write_that_fails_is_the_states_error(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, MACHINE(WRITER), "[1]");
    run_ok(&run, "work", "1");
    assert_true(run_is_open(&run, "write-results"));
    run_fail(&run, "write-results", "Odradek.ObjectsFailed");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(
        odk_str_is(engine_error(run.engine), "States.ResultWriterFailed"));
    assert_int_equal(run.n_tasks, 2);
    run_release(&run);
}

/* What is left of a failed Map is written first; if that fails, too, the first
 * error is told. */
static void
the_first_failure_is_told(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, MACHINE(WRITER), "[1,2,3]");
    run_fail(&run, "work", "Oops");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    assert_true(run_is_open(&run, "write-results"));
    run_fail(&run, "write-results", "Odradek.ObjectsFailed");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine),
                           "States.ExceedToleratedFailureThreshold"));
    assert_string_equal(run_describe(&run, "/mapRuns/0/status"), "'FAILED'");
    run_release(&run);
}

static void
results_that_wait_are_written_in_pages(void **state)
{
    struct run run;
    char output[40001];

    (void)state;
    memset(output, 'x', sizeof(output) - 1);
    output[0] = '\'';
    output[sizeof(output) - 2] = '\'';
    output[sizeof(output) - 1] = '\0';
    run_start(&run, MACHINE(WRITER), "[1,2,3,4,5]");
    run_ok_at(&run, 1, output);
    assert_false(run_is_open(&run, "write-results"));
    run_ok_at(&run, 2, output);
    assert_true(run_is_open(&run, "write-results"));
    run_ok_at(&run, 0, output);
    run_ok_at(&run, 4, output);
    assert_int_equal(run.n_tasks, 6);
    run_ok_at(&run, 3, "{}");
    assert_int_equal(run.n_tasks, 7);
    run_ok_at(&run, 5, output);
    run_ok_at(&run, 6, "{}");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok_at(&run, 7, "{}");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    assert_int_equal(run_count(&run, "MapRunSucceeded"), 1);
    run_release(&run);
}

static void
a_scope_that_fails_gives_the_chore_up(void **state)
{
    struct run run;

    (void)state;
    run_start(&run,
              "{'StartAt':'P','States':{'P':{'Type':'Parallel','Branches':[{"
              "'StartAt':'M','States':{'M':" MAP(
                  READER) "}},{'StartAt':'T','States':{'T':{'Type':'Task',"
                          "'Resource':'odradek:q:other','End':true}}}],"
                          "'Catch':[{'ErrorEquals':['States.ALL'],'Next':"
                          "'Z'}],'Next':'Z'},'Z':{'Type':'Task','Resource':"
                          "'odradek:q:last','End':true}}}",
              "{}");
    run_fail(&run, "other", "Oops");
    assert_int_equal(run.n_cancels, 1);
    assert_true(run_is_open(&run, "last"));
    assert_string_equal(run_describe(&run, "/mapRuns/0/status"), "'ABORTED'");
    run_ok_at(&run, 0, "{'items':[1]}");
    assert_true(run.update.is_ignored);
    run_ok(&run, "last", "1");
    assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
    run_release(&run);
}

static void
too_great_a_share_of_failures_is_told_at_the_end(void **state)
{
    struct run run;

    (void)state;
    run_start(&run, MACHINE(READER ",'ToleratedFailurePercentage':40"), "{}");
    run_ok(&run, "read-items", "{'items':[1,2],'cursor':{'at':1}}");
    run_fail(&run, "work", "Oops");
    run_ok_at(&run, 1, "1");
    assert_int_equal(run_status(&run), ENGINE_RUNNING);
    run_ok(&run, "read-items", "{'items':[]}");
    assert_int_equal(run_status(&run), ENGINE_FAILED);
    assert_true(odk_str_is(engine_error(run.engine),
                           "States.ExceedToleratedFailureThreshold"));
    run_release(&run);
}

static void
an_answer_that_is_no_page_has_no_items(void **state)
{
    static const char *const answers[] = {"null",
                                          "7",
                                          "[]",
                                          "{}",
                                          "{'items':7,'cursor':[]}",
                                          "{'items':{},'cursor':null}"};

    (void)state;
    for (size_t i = 0; i < ODK_ARRAY_LEN(answers); i++) {
        struct run run;
        run_start(&run, MACHINE(READER), "{}");
        run_ok(&run, "read-items", answers[i]);
        assert_int_equal(run_status(&run), ENGINE_SUCCEEDED);
        assert_string_equal(run_output(&run), "[]");
        run_release(&run);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_as_they_are_needed),
        cmocka_unit_test(an_open_map_run_is_described),
        cmocka_unit_test(the_number_of_items_is_bounded_over_pages),
        cmocka_unit_test(a_read_that_fails_is_the_states_error),
        cmocka_unit_test(a_write_that_fails_is_the_states_error),
        cmocka_unit_test(the_first_failure_is_told),
        cmocka_unit_test(results_that_wait_are_written_in_pages),
        cmocka_unit_test(a_scope_that_fails_gives_the_chore_up),
        cmocka_unit_test(too_great_a_share_of_failures_is_told_at_the_end),
        cmocka_unit_test(an_answer_that_is_no_page_has_no_items),
    };

    return cmocka_run_group_tests_name("interpreter_map", tests, NULL, NULL);
}
