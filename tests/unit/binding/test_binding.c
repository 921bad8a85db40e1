#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binding/binding.h"

static const char orders[] =
    "{\"name\":\"orders\",\"rules\":["
    "{\"topic\":\"shop.orders\",\"when\":{\"path\":\"$.type\",\"equals\":"
    "\"OrderPlaced\"},"
    "\"workflow_id\":\"$.order_id\",\"action\":\"start\",\"definition\":"
    "\"order\"},"
    "{\"topic\":\"shop.approvals\",\"workflow_id\":\"key\",\"action\":"
    "\"signal\","
    "\"signal\":\"approval\",\"payload\":\"$.decision\"}]}";

struct fixture {
    struct binding *binding;
    struct odk_arena arena;
    struct binding_outcome outcome;
};

static int
setup(void **state)
{
    static struct fixture fixture;
    struct binding_problems problems;

    binding_problems_init(&problems);
    odk_arena_init(&fixture.arena, 0);
    assert_int_equal(
        binding_compile(odk_str(orders), &fixture.binding, &problems), 0);
    binding_problems_release(&problems);
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    binding_free(fixture->binding);
    odk_arena_release(&fixture->arena);
    return 0;
}

static void
match(struct fixture *fixture, const char *topic, const char *key,
      const char *value)
{
    struct binding_event event = {odk_str(topic), odk_str(key), odk_str(value)};

    binding_match(fixture->binding, &event, &fixture->arena, &fixture->outcome);
}

static void
an_event_becomes_a_start_with_the_whole_event_as_input(void **state)
{
    struct fixture *f = *state;

    match(f, "shop.orders", NULL,
          "{\"type\":\"OrderPlaced\",\"order_id\":\"o-7\"}");
    assert_int_equal(f->outcome.verdict, BINDING_COMMAND);
    assert_int_equal(f->outcome.command.kind, CODEC_START_WORKFLOW);
    const struct codec_start_workflow *start =
        &f->outcome.command.start_workflow;
    assert_true(odk_str_is(f->outcome.key, "default/o-7"));
    assert_true(odk_str_is(start->workflow_id, "o-7"));
    assert_true(odk_str_is(start->definition, "order"));
    assert_true(odk_str_is(start->input,
                           "{\"type\":\"OrderPlaced\",\"order_id\":\"o-7\"}"));
    assert_int_equal(start->conflict_policy,
                     CODEC_CONFLICT_POLICY_USE_EXISTING);
}

static void
a_number_may_be_the_workflow_id(void **state)
{
    struct fixture *f = *state;

    match(f, "shop.orders", NULL, "{\"type\":\"OrderPlaced\",\"order_id\":42}");
    assert_int_equal(f->outcome.verdict, BINDING_COMMAND);
    assert_true(odk_str_is(f->outcome.key, "default/42"));
}

static void
a_signal_takes_the_key_and_the_part_named_by_its_payload(void **state)
{
    struct fixture *f = *state;

    match(f, "shop.approvals", "o-7", "{\"decision\":{\"ok\":true}}");
    assert_int_equal(f->outcome.verdict, BINDING_COMMAND);
    assert_int_equal(f->outcome.command.kind, CODEC_SIGNAL_WORKFLOW);
    assert_true(
        odk_str_is(f->outcome.command.signal_workflow.name, "approval"));
    assert_true(odk_str_is(f->outcome.command.signal_workflow.payload,
                           "{\"ok\":true}"));
}

static void
an_event_that_no_rule_wants_is_skipped(void **state)
{
    struct fixture *f = *state;

    match(f, "shop.orders", NULL,
          "{\"type\":\"OrderViewed\",\"order_id\":\"o-7\"}");
    assert_int_equal(f->outcome.verdict, BINDING_SKIP);
    match(f, "elsewhere", NULL,
          "{\"type\":\"OrderPlaced\",\"order_id\":\"o-7\"}");
    assert_int_equal(f->outcome.verdict, BINDING_SKIP);
}

static void
a_tombstone_is_skipped(void **state)
{
    struct fixture *f = *state;

    match(f, "shop.orders", "o-7", NULL);
    assert_int_equal(f->outcome.verdict, BINDING_SKIP);
}

static void
an_event_that_is_not_json_is_bad(void **state)
{
    struct fixture *f = *state;

    match(f, "shop.orders", NULL, "order 7, please");
    assert_int_equal(f->outcome.verdict, BINDING_BAD);
    assert_string_equal(f->outcome.code, "NotJson");
}

static void
an_event_without_its_id_is_bad(void **state)
{
    struct fixture *f = *state;

    match(f, "shop.orders", NULL, "{\"type\":\"OrderPlaced\"}");
    assert_int_equal(f->outcome.verdict, BINDING_BAD);
    assert_string_equal(f->outcome.code, "NoWorkflowId");
}

static void
every_problem_of_a_text_is_listed_with_its_pointer(void **state)
{
    static const char text[] =
        "{\"name\":\"a "
        "b\",\"colour\":1,\"rules\":[{\"topic\":\"odradek.results\",\"workflow_"
        "id\":\"$[*]\","
        "\"action\":\"start\",\"reuse\":\"NEVER\",\"version\":0},{\"topic\":"
        "\"t\",\"workflow_id\":\"key\","
        "\"action\":\"signal\"},7]}";
    static const char *const pointers[] = {"/colour",
                                           "/name",
                                           "/rules/0/topic",
                                           "/rules/0/workflow_id",
                                           "/rules/0/definition",
                                           "/rules/0/version",
                                           "/rules/0/reuse",
                                           "/rules/1/signal",
                                           "/rules/2"};
    struct binding_problems problems;
    struct binding *binding = NULL;
    (void)state;

    binding_problems_init(&problems);
    assert_int_equal(binding_compile(odk_str(text), &binding, &problems),
                     ODK_EINVAL);
    assert_null(binding);
    assert_int_equal(problems.n, ODK_ARRAY_LEN(pointers));
    for (size_t i = 0; i < ODK_ARRAY_LEN(pointers); i++) {
        bool is_found = false;
        for (size_t j = 0; j < problems.n; j++) {
            is_found |= odk_str_is(problems.list[j].pointer, pointers[i]);
        }
        assert_true(is_found);
    }
    binding_problems_release(&problems);
}

static void
topics_are_listed_once_each(void **state)
{
    struct fixture *f = *state;
    const struct odk_str *topics = NULL;

    assert_int_equal(binding_topics(f->binding, &topics), 2);
    assert_true(odk_str_is(topics[0], "shop.orders"));
    assert_true(odk_str_is(topics[1], "shop.approvals"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_event_becomes_a_start_with_the_whole_event_as_input, setup,
            teardown),
        cmocka_unit_test_setup_teardown(a_number_may_be_the_workflow_id, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_signal_takes_the_key_and_the_part_named_by_its_payload, setup,
            teardown),
        cmocka_unit_test_setup_teardown(an_event_that_no_rule_wants_is_skipped,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_tombstone_is_skipped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_event_that_is_not_json_is_bad, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_event_without_its_id_is_bad, setup,
                                        teardown),
        cmocka_unit_test(every_problem_of_a_text_is_listed_with_its_pointer),
        cmocka_unit_test_setup_teardown(topics_are_listed_once_each, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
