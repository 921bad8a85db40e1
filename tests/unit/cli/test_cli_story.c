#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/cli_story.h"
#include "json/json.h"

struct fixture {
    struct cli_story story;
    struct odk_buf state;
    struct odk_buf sentence;
};

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    cli_story_init(&f->story, 40);
    odk_buf_init(&f->state, 0);
    odk_buf_init(&f->sentence, 0);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    cli_story_release(&f->story);
    odk_buf_release(&f->state);
    odk_buf_release(&f->sentence);
    free(f);
    return 0;
}

static void
assert_told(struct fixture *f, const char *entry, const char *state,
            const char *sentence)
{
    json_t *parsed = json_parse(odk_str(entry), NULL);

    assert_non_null(parsed);
    odk_buf_clear(&f->state);
    odk_buf_clear(&f->sentence);
    cli_story_tell(&f->story, parsed, &f->state, &f->sentence);
    assert_string_equal(f->state.ptr, state);
    assert_string_equal(f->sentence.ptr, sentence);
    json_decref(parsed);
}

static void
a_task_is_told_with_its_state_and_its_queue(void **state)
{
    struct fixture *f = *state;

    assert_told(f,
                "{\"id\":2,\"type\":\"TaskStateEntered\",\"details\":{"
                "\"name\":\"Charge\",\"input\":{\"a\":1}}}",
                "Charge", "begins with {\"a\":1}");
    assert_told(f,
                "{\"id\":3,\"type\":\"TaskScheduled\",\"activity\":2,"
                "\"queue\":\"pay\",\"kind\":\"charge\",\"details\":{"
                "\"parameters\":{\"sum\":12}}}",
                "Charge", "asks pay:charge {\"sum\":12}");
    assert_told(f,
                "{\"id\":4,\"type\":\"TaskStarted\",\"activity\":2,\"details\":"
                "{\"workerName\":\"w1\"}}",
                "Charge", "pay:charge is begun by w1");
    assert_told(
        f,
        "{\"id\":5,\"type\":\"TaskFailed\",\"activity\":2,\"attempt\":2,"
        "\"details\":{\"error\":\"Refused\",\"cause\":\"no money\","
        "\"effect\":\"UNKNOWN\"}}",
        "Charge",
        "pay:charge fails: Refused: no money (it may have had an "
        "effect), attempt 2");
    assert_told(f,
                "{\"id\":6,\"type\":\"TaskTimedOut\",\"activity\":2,"
                "\"details\":{\"error\":\"States.Timeout\"}}",
                "Charge", "pay:charge gives no answer in time: States.Timeout");
}

static void
lines_of_a_parallel_keep_their_own_states(void **state)
{
    struct fixture *f = *state;

    assert_told(f,
                "{\"id\":4,\"type\":\"TaskStateEntered\",\"frame\":1,"
                "\"details\":{\"name\":\"Left\"}}",
                "Left", "");
    assert_told(f,
                "{\"id\":5,\"type\":\"TaskStateEntered\",\"frame\":2,"
                "\"details\":{\"name\":\"Right\"}}",
                "Right", "");
    assert_told(f,
                "{\"id\":6,\"type\":\"LambdaFunctionSucceeded\",\"frame\":1,"
                "\"details\":{\"output\":7}}",
                "Left", ": answers 7");
}

static void
a_signal_is_waited_for_and_got(void **state)
{
    struct fixture *f = *state;

    assert_told(f,
                "{\"id\":3,\"type\":\"TaskScheduled\",\"details\":{"
                "\"resource\":\"wait-signal\",\"resourceType\":\"odradek\","
                "\"parameters\":{\"Name\":\"approval\"},"
                "\"timeoutInSeconds\":60}}",
                "", "waits for the signal approval, at most 60 s");
    assert_told(f,
                "{\"id\":4,\"type\":\"TaskSucceeded\",\"details\":{"
                "\"resource\":\"wait-signal\",\"output\":true}}",
                "", "got the signal: true");
}

static void
a_compensation_reads_as_a_story(void **state)
{
    struct fixture *f = *state;

    assert_told(f,
                "{\"id\":6,\"type\":\"CompensationRegistered\",\"details\":{"
                "\"state\":\"Reserve\",\"resource\":\"odradek:stock:release\","
                "\"parameters\":{\"r\":17}}}",
                "Reserve",
                "if the workflow fails, will be undone by "
                "odradek:stock:release {\"r\":17}");
    assert_told(f,
                "{\"id\":7,\"type\":\"CompensationStarted\",\"details\":{"
                "\"length\":1,\"error\":\"Refused\",\"cause\":\"no money\"}}",
                "",
                "the workflow undoes 1 step(s) because of Refused: no money");
    assert_told(
        f,
        "{\"id\":8,\"type\":\"CompensationScheduled\",\"entry\":6,"
        "\"activity\":6,\"queue\":\"stock\",\"kind\":\"release\","
        "\"details\":{\"state\":\"Reserve\",\"parameters\":{\"r\":17}}}",
        "Reserve", "is to be undone: asks stock:release {\"r\":17}");
    assert_told(f,
                "{\"id\":9,\"type\":\"CompensationFailed\",\"entry\":6,"
                "\"activity\":6,\"due\":5,\"details\":{\"state\":\"Reserve\","
                "\"error\":\"Closed\"}}",
                "Reserve", "could not be undone: Closed; will be tried again");
    assert_told(f,
                "{\"id\":10,\"type\":\"CompensationStuck\",\"entry\":6,"
                "\"details\":{\"state\":\"Reserve\",\"error\":\"Closed\"}}",
                "Reserve", "is stuck and waits for an operator: Closed");
    assert_told(f,
                "{\"id\":11,\"type\":\"CompensationSkipped\",\"entry\":6,"
                "\"details\":{\"state\":\"Reserve\",\"reason\":\"shop gone\"}}",
                "Reserve", "is left undone by an operator: shop gone");
    assert_told(f,
                "{\"id\":11,\"type\":\"CompensationSucceeded\",\"entry\":6,"
                "\"activity\":6,\"details\":{\"state\":\"Reserve\"}}",
                "Reserve", "is undone");
    assert_told(f,
                "{\"id\":12,\"type\":\"CompensationCompleted\",\"details\":{}}",
                "", "nothing is left to undo");
    assert_told(f,
                "{\"id\":13,\"type\":\"ExecutionFailed\",\"details\":{"
                "\"error\":\"Refused\",\"cause\":\"no money\"}}",
                "", "the workflow ends: Refused: no money");
}

static void
a_fact_shows_its_members(void **state)
{
    struct fixture *f = *state;

    assert_told(f, "{\"fact\":\"retry\",\"ts\":5,\"frame\":1,\"due\":9}", "",
                "frame=1 due=9");
}

static void
long_payloads_are_cut(void **state)
{
    struct fixture *f = *state;

    f->story.payload_max = 10;
    assert_told(f,
                "{\"id\":1,\"type\":\"ExecutionStarted\",\"details\":{"
                "\"input\":{\"abcdef\":\"ghijkl\"}}}",
                "", "the workflow starts with {\"abcdef\":…");
}

static void
what_is_not_known_is_shown_as_it_is(void **state)
{
    struct fixture *f = *state;

    assert_told(f,
                "{\"id\":1,\"type\":\"FutureEvent\",\"details\":{\"error\":"
                "\"X\"}}",
                "", "X");
    assert_told(f, "{}", "", "");
    assert_told(f, "{\"type\":5,\"details\":[]}", "", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_task_is_told_with_its_state_and_its_queue),
        TEST(lines_of_a_parallel_keep_their_own_states),
        TEST(a_signal_is_waited_for_and_got),
        TEST(a_compensation_reads_as_a_story),
        TEST(a_fact_shows_its_members),
        TEST(long_payloads_are_cut),
        TEST(what_is_not_known_is_shown_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
