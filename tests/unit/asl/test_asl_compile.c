/* Definitions become tables, or a list of all that is wrong. */

#include "asl_fixture.h"

#define SCHEMA "SCHEMA_VALIDATION_FAILED"
#define TARGET "MISSING_TRANSITION_TARGET"

static void
states_of_all_scopes_are_in_one_table(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_machine *machine = NULL;
    const struct asl_state *parallel = NULL;

    fixture_take(
        fixture,
        "{'StartAt':'P','TimeoutSeconds':60,'Comment':'c','States':{"
        "'P':{'Type':'Parallel','Next':'M','Branches':["
        "{'StartAt':'A','States':{'A':{'Type':'Pass','End':true}}},"
        "{'StartAt':'B','States':{'B':{'Type':'Pass','Next':'C'},"
        "'C':{'Type':'Succeed'}}}]},"
        "'M':{'Type':'Map','End':true,'ItemProcessor':{'StartAt':'D','States':{"
        "'D':{'Type':'Pass','End':true}}}}}}");
    machine = fixture->machine;
    assert_int_equal(machine->n_states, 6);
    assert_int_equal(machine->n_scopes, 4);
    assert_int_equal(machine->timeout_ms, 60000);
    parallel = &machine->states[machine->scopes[0].start_at];
    assert_int_equal(parallel->type, ASL_PARALLEL);
    assert_int_equal(parallel->n_scopes, 2);
    assert_int_equal(machine->scopes[parallel->first_scope + 1].branch, 1);
    assert_int_equal(machine->scopes[parallel->first_scope + 1].parent_state,
                     parallel->index);
    assert_int_equal(parallel->next, asl_state_find(machine, ODK_STR("M")));
    assert_int_equal(
        machine->states[asl_state_find(machine, ODK_STR("D"))].next, -1);
    assert_int_equal(asl_state_find(machine, ODK_STR("nobody")), -1);
}

static void
a_definition_with_ten_errors_lists_all_ten(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(
        fixture_compile(
            fixture,
            "{'StartAt':'Nowhere','Extra':1,'Version':'2.0','States':{"
            "'A':{'Type':'Pass','Next':'Missing'},"
            "'B':{'Type':'Pas','End':true},"
            "'C':{'Type':'Wait','Seconds':1,'SecondsPath':'$.a','End':true},"
            "'D':{'Type':'Task','End':true},"
            "'E':{'Type':'Pass','InputPath':'a.b','End':true},"
            "'F':{'Type':'Choice','Choices':[{'Variable':'$.a',"
            "'NumericEquals':'1','Next':'A'}]},"
            "'G':{'Type':'Pass','End':true,'Retry':[]}}}"),
        ODK_EINVAL);
    assert_int_equal(fixture->problems.n_errors, 10);
    assert_true(fixture_has(fixture, TARGET, "/StartAt"));
    assert_true(fixture_has(fixture, SCHEMA, "/Extra"));
    assert_true(fixture_has(fixture, SCHEMA, "/Version"));
    assert_true(fixture_has(fixture, TARGET, "/States/A/Next"));
    assert_true(fixture_has(fixture, SCHEMA, "/States/B/Type"));
    assert_true(fixture_has(fixture, SCHEMA, "/States/C"));
    assert_true(fixture_has(fixture, SCHEMA, "/States/D"));
    assert_true(fixture_has(fixture, SCHEMA, "/States/E/InputPath"));
    assert_true(
        fixture_has(fixture, SCHEMA, "/States/F/Choices/0/NumericEquals"));
    assert_true(fixture_has(fixture, SCHEMA, "/States/G/Retry"));
}

static void
a_pointer_escapes_the_names_in_it(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fixture_compile(fixture, "{'StartAt':'a/b~c','States':{"
                                              "'a/b~c':{'Type':'Pass'}}}"),
                     ODK_EINVAL);
    assert_true(fixture_has(fixture, SCHEMA, "/States/a~1b~0c"));
}

static void
what_is_no_json_object_is_refused_with_the_services_code(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(asl_compile_text(ODK_STR(" "), NULL, &fixture->machine,
                                      &fixture->problems),
                     ODK_EINVAL);
    assert_true(fixture_has(fixture, SCHEMA, ""));
    asl_problems_release(&fixture->problems);
    assert_int_equal(asl_compile_text(ODK_STR("[1]"), NULL, &fixture->machine,
                                      &fixture->problems),
                     ODK_EINVAL);
    assert_true(fixture_has(fixture, SCHEMA, ""));
    asl_problems_release(&fixture->problems);
    assert_int_equal(asl_compile_text(ODK_STR("{'a'"), NULL, &fixture->machine,
                                      &fixture->problems),
                     ODK_EINVAL);
    assert_true(fixture_has(fixture, "INVALID_JSON_DESCRIPTION", ""));
}

static void
a_key_that_occurs_twice_is_refused(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(
        asl_compile_text(
            ODK_STR("{\"StartAt\":\"A\",\"StartAt\":\"A\",\"States\":{\"A\":{"
                    "\"Type\":\"Succeed\"}}}"),
            NULL, &fixture->machine, &fixture->problems),
        ODK_EINVAL);
    assert_true(fixture_has(fixture, "INVALID_JSON_DESCRIPTION", ""));
}

/** `n` times head, then n times tail. */
static void
nest(struct odk_buf *buf, size_t n, const char *head, const char *tail)
{
    for (size_t i = 0; i < n; i++) {
        odk_buf_put_cstr(buf, head);
    }
    for (size_t i = 0; i < n; i++) {
        odk_buf_put_cstr(buf, tail);
    }
}

static void
a_hundred_thousand_levels_of_nesting_are_a_clear_error(void **state)
{
    struct fixture *fixture = *state;
    struct odk_buf text;

    odk_buf_init(&text, 0);
    odk_buf_put_cstr(&text, "{\"StartAt\":\"A\",\"States\":");
    nest(&text, 100000, "[", "]");
    odk_buf_put_char(&text, '}');
    assert_int_equal(asl_compile_text(odk_buf_str(&text), NULL,
                                      &fixture->machine, &fixture->problems),
                     ODK_EINVAL);
    assert_true(fixture_has(fixture, "DEFINITION_TOO_LARGE", ""));
    odk_buf_release(&text);
}

static void
more_than_a_megabyte_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct odk_buf text;

    odk_buf_init(&text, 0);
    nest(&text, 600000, " ", " ");
    assert_int_equal(asl_compile_text(odk_buf_str(&text), NULL,
                                      &fixture->machine, &fixture->problems),
                     ODK_EINVAL);
    assert_true(fixture_has(fixture, "DEFINITION_TOO_LARGE", ""));
    odk_buf_release(&text);
}

static void
ten_thousand_states_compile_and_one_more_does_not(void **state)
{
    struct fixture *fixture = *state;

    for (int n = 10000; n <= 10001; n++) {
        struct odk_buf text;
        odk_buf_init(&text, 0);
        odk_buf_put_cstr(&text, "{'StartAt':'s0','States':{'s0':{'Type':"
                                "'Succeed'}");
        for (int i = 1; i < n; i++) {
            odk_buf_printf(&text, ",'s%d':{'Type':'Pass','Next':'s%d'}", i,
                           i - 1);
        }
        odk_buf_put_cstr(&text, "}}");
        assert_int_equal(fixture_compile(fixture, text.ptr),
                         n == 10000 ? 0 : ODK_EINVAL);
        odk_buf_release(&text);
    }
    assert_true(fixture_has(fixture, "DEFINITION_TOO_LARGE", "/States"));
}

static void
a_name_is_used_once_in_all_scopes(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(
        fixture_compile(
            fixture,
            "{'StartAt':'A','States':{'A':{'Type':'Parallel','End':true,"
            "'Branches':[{'StartAt':'A','States':{'A':{'Type':'Succeed'}}}]}}"
            "}"),
        ODK_EINVAL);
    assert_true(fixture_has(fixture, "DUPLICATE_STATE_NAME",
                            "/States/A/Branches/0/States/A"));
}

static void
a_name_has_at_most_80_characters(void **state)
{
    struct fixture *fixture = *state;
    char text[512];
    char name[164];

    for (size_t n = 80; n <= 81; n++) {
        name[0] = '\0';
        for (size_t i = 0; i < n; i++) {
            memcpy(name + 2 * i, "\xc3\xa4", 3);
        }
        (void)snprintf(text, sizeof(text),
                       "{'StartAt':'%s','States':{'%s':{'Type':'Succeed'}}}",
                       name, name);
        assert_int_equal(fixture_compile(fixture, text),
                         n == 80 ? 0 : ODK_EINVAL);
    }
}

static void
a_transition_stays_in_its_scope(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(
        fixture_compile(
            fixture,
            "{'StartAt':'A','States':{'A':{'Type':'Parallel','End':true,"
            "'Branches':[{'StartAt':'B','States':{'B':{'Type':'Pass','Next':"
            "'C'}}}]},'C':{'Type':'Succeed'}}}"),
        ODK_EINVAL);
    assert_true(
        fixture_has(fixture, TARGET, "/States/A/Branches/0/States/B/Next"));
}

static void
a_state_goes_on_or_ends(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture, "'Type':'Pass'", "");
    fixture_refuses(fixture, "'Type':'Pass','Next':'T','End':true", "");
    fixture_refuses(fixture, "'Type':'Pass','End':false", "/End");
    fixture_refuses(fixture, "'Type':'Succeed','End':true", "/End");
    fixture_refuses(fixture, "'Type':'Fail','Next':'T'", "/Next");
}

static void
a_field_of_the_other_query_language_is_refused(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture, "'Type':'Pass','End':true,'Output':1", "/Output");
    fixture_refuses(fixture,
                    "'Type':'Pass','End':true,'QueryLanguage':'JSONata',"
                    "'Parameters':{}",
                    "/Parameters");
    fixture_refuses(fixture, "'Type':'Pass','End':true,'QueryLanguage':'SQL'",
                    "/QueryLanguage");
}

static void
a_jsonata_machine_has_no_jsonpath_states(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(
        fixture_compile(fixture,
                        "{'QueryLanguage':'JSONata','StartAt':'A','States':{"
                        "'A':{'Type':'Pass','QueryLanguage':'JSONPath','End':"
                        "true}}}"),
        ODK_EINVAL);
    assert_true(fixture_has(fixture, SCHEMA, "/States/A/QueryLanguage"));
}

static void
a_wait_waits_for_exactly_one_thing(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture, "'Type':'Wait','End':true", "");
    fixture_refuses(fixture,
                    "'Type':'Wait','End':true,'Seconds':1,"
                    "'Timestamp':'2026-01-01T00:00:00Z'",
                    "");
    fixture_refuses(fixture, "'Type':'Wait','End':true,'Seconds':-1",
                    "/Seconds");
    fixture_refuses(fixture, "'Type':'Wait','End':true,'Seconds':1.5",
                    "/Seconds");
    fixture_refuses(fixture,
                    "'Type':'Wait','End':true,'Timestamp':'2026-01-01'",
                    "/Timestamp");
}

static void
a_heartbeat_is_shorter_than_the_time_out(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture,
                    "'Type':'Task','Resource':'odradek:q:t','End':true,"
                    "'TimeoutSeconds':10,'HeartbeatSeconds':10",
                    "/HeartbeatSeconds");
    fixture_refuses(fixture,
                    "'Type':'Task','Resource':'odradek:q:t','End':true,"
                    "'TimeoutSeconds':10,'TimeoutSecondsPath':'$.a'",
                    "");
    (void)fixture_state(fixture,
                        "'Type':'Task','Resource':'odradek:q:t','End':true,"
                        "'TimeoutSeconds':10,'HeartbeatSeconds':9");
}

static void
a_result_path_names_one_place(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *pass = NULL;

    fixture_refuses(fixture, "'Type':'Pass','End':true,'ResultPath':'$..a'",
                    "/ResultPath");
    fixture_refuses(fixture, "'Type':'Pass','End':true,'ResultPath':'$.a[*]'",
                    "/ResultPath");
    fixture_refuses(fixture, "'Type':'Pass','End':true,'ResultPath':'$$.a'",
                    "/ResultPath");
    pass = fixture_state(fixture, "'Type':'Pass','End':true,'ResultPath':null");
    assert_true(pass->is_result_discarded);
    pass = fixture_state(fixture, "'Type':'Pass','End':true,'ResultPath':'$'");
    assert_false(pass->is_result_discarded);
    assert_null(pass->result_path);
}

static void
assign_cannot_set_states(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(fixture, "'Type':'Pass','End':true,'Assign':{'states':1}",
                    "/Assign/states");
    fixture_refuses(fixture, "'Type':'Pass','End':true,'Assign':[]", "/Assign");
}

static void
assigning_a_variable_of_an_outer_scope_is_a_warning(void **state)
{
    struct fixture *fixture = *state;

    fixture_take(
        fixture,
        "{'StartAt':'A','States':{'A':{'Type':'Pass','Assign':{'v':1},"
        "'Next':'P'},'P':{'Type':'Parallel','End':true,'Assign':{'w':3},"
        "'Branches':[{'StartAt':'B','States':{'B':{'Type':'Pass','End':true,"
        "'Assign':{'w':1,'v.$':'$.a'}}}},{'StartAt':'C','States':{'C':{"
        "'Type':'Pass','End':true,'Assign':{'w':2}}}}]}}}");
    assert_int_equal(fixture->problems.n, 1);
    assert_true(fixture_has(fixture, "NOT_PORTABLE",
                            "/States/P/Branches/0/States/B/Assign/v.$"));
}

static void
an_intrinsic_is_parsed_when_published(void **state)
{
    struct fixture *fixture = *state;

    fixture_refuses(
        fixture,
        "'Type':'Pass','End':true,'Parameters':{'a.$':'States.Nope()'}",
        "/Parameters/a.$");
    fixture_refuses(fixture,
                    "'Type':'Pass','End':true,'InputPath':'States.UUID()'",
                    "/InputPath");
    fixture_refuses(fixture,
                    "'Type':'Pass','End':true,'Parameters':{'a':[{'b.$':"
                    "'States.MathAdd(1, \\'x\\')'}]}",
                    "/Parameters/a/0/b.$");
    (void)fixture_state(fixture,
                        "'Type':'Pass','End':true,'Parameters':{'a.$':"
                        "'States.MathRandom(1, 9)','b.$':'States.UUID()'}");
}

static void
a_map_takes_either_its_new_or_its_old_fields(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *map = NULL;

    fixture_refuses(fixture, "'Type':'Map','End':true", "");
    map = fixture_state(
        fixture, "'Type':'Map','End':true,'Parameters':{'a.$':'$'},'Iterator':{"
                 "'StartAt':'I','States':{'I':{'Type':'Succeed'}}}");
    assert_true(map->is_iterator);
    assert_non_null(map->item_selector);
    assert_null(map->arguments);
}

static void
the_fields_of_a_distributed_map_are_checked_and_kept(void **state)
{
    struct fixture *fixture = *state;
    const struct asl_state *map = NULL;

    map = fixture_state(
        fixture,
        "'Type':'Map','End':true,'Label':'l','ItemProcessor':{"
        "'ProcessorConfig':{'Mode':'DISTRIBUTED','ExecutionType':'EXPRESS'},"
        "'StartAt':'I','States':{'I':{'Type':'Succeed'}}},'ItemReader':{"
        "'Resource':'arn:aws:states:::s3:getObject','ReaderConfig':{"
        "'InputType':'CSV','CSVHeaderLocation':'FIRST_ROW','MaxItems':5},"
        "'Parameters':{'Bucket':'b','Key.$':'$.k'}},'ItemBatcher':{'"
        "MaxItemsPerBatchPath':"
        "'$.n','BatchInput':{'a':1}},'ResultWriter':{'Resource':"
        "'arn:aws:states:::s3:putObject','Parameters':{'Bucket':'b'}}");
    assert_true(map->is_distributed);
    assert_true(map->is_express_children);
    assert_true(odk_str_is(map->label, "l"));
    assert_non_null(map->item_reader);
    assert_non_null(map->batch_max_items);
    fixture_env(fixture, "{'k':'x'}", NULL, NULL);
    assert_string_equal(fixture_eval(fixture, map->reader_arguments),
                        "{\"Bucket\":\"b\",\"Key\":\"x\"}");
    assert_string_equal(fixture_eval(fixture, map->reader_max_items), "5");
    assert_string_equal(fixture_eval(fixture, map->writer_arguments),
                        "{\"Bucket\":\"b\"}");
    fixture_refuses(fixture,
                    "'Type':'Map','End':true,'ItemProcessor':{'StartAt':'I',"
                    "'States':{'I':{'Type':'Succeed'}}},'ItemReader':{"
                    "'Resource':'r','ReaderConfig':{'InputType':'XML'}}",
                    "/ItemReader/ReaderConfig/InputType");
}

/* A distributed Map with one more member, with single quotes. */
#define MAP_WITH(member)                                                       \
    "'Type':'Map','End':true,'ItemProcessor':{'ProcessorConfig':{'Mode':"      \
    "'DISTRIBUTED'},'StartAt':'I','States':{'I':{'Type':'Succeed'}}}," member

static void
a_map_refuses_members_that_do_not_go_together(void **state)
{
    static const char *const cases[][2] = {
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:copyObject'}",
         "/ItemReader/Resource"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b'},'ReaderConfig':{'InputType':'JSON'}}",
         "/ItemReader"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b','Key':'k'}}",
         "/ItemReader"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b','Key':'k'},'ReaderConfig':{'InputType':"
         "'PARQUET'}}",
         "/ItemReader/ReaderConfig/InputType"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b','Key':'k'},'ReaderConfig':{'InputType':"
         "'CSV'}}",
         "/ItemReader/ReaderConfig"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b','Key':'k'},'ReaderConfig':{'InputType':"
         "'JSON','CSVDelimiter':'TAB'}}",
         "/ItemReader/ReaderConfig/CSVDelimiter"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b','Key':'k'},'ReaderConfig':{'InputType':"
         "'JSON','ItemsPointer':'a.b'}}",
         "/ItemReader/ReaderConfig/ItemsPointer"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b','Key':'k'},'ReaderConfig':{"
         "'ManifestType':'ATHENA_DATA'}}",
         "/ItemReader/ReaderConfig/InputType"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b','Key':'k'},'ReaderConfig':{"
         "'ManifestType':'S3_INVENTORY','InputType':'JSON'}}",
         "/ItemReader/ReaderConfig/InputType"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:listObjectsV2',"
         "'Parameters':{'Bucket':'b'},'ReaderConfig':{'InputType':'JSON'}}",
         "/ItemReader/ReaderConfig"},
        {"'ItemReader':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b','Key':'k'},'ReaderConfig':{'InputType':"
         "'JSON','Transformation':'LOAD_AND_FLATTEN'}}",
         "/ItemReader/ReaderConfig/Transformation"},
        {"'ItemBatcher':{'BatchInput':{}}", "/ItemBatcher"},
        {"'ResultWriter':{}", "/ResultWriter"},
        {"'ResultWriter':{'Parameters':{'Bucket':'b'}}", "/ResultWriter"},
        {"'ResultWriter':{'Resource':'arn:aws:states:::s3:putObject',"
         "'Parameters':{'Prefix':'p'}}",
         "/ResultWriter"},
        {"'ResultWriter':{'Resource':'arn:aws:states:::s3:getObject',"
         "'Parameters':{'Bucket':'b'}}",
         "/ResultWriter/Resource"},
    };
    struct fixture *fixture = *state;
    char members[1024];

    for (size_t i = 0; i < ODK_ARRAY_LEN(cases); i++) {
        (void)snprintf(members, sizeof(members), MAP_WITH("%s"), cases[i][0]);
        fixture_refuses(fixture, members, cases[i][1]);
    }
    (void)fixture_state(
        fixture,
        MAP_WITH("'ItemReader':{'Resource':'arn:aws:states:::s3:"
                 "listObjectsV2','Parameters':{'Bucket':'b'},'ReaderConfig':{"
                 "'InputType':'JSONL','Transformation':'LOAD_AND_FLATTEN'}},"
                 "'ResultWriter':{'WriterConfig':{'Transformation':"
                 "'COMPACT'}}"));
}

static void
an_express_workflow_refuses_what_needs_a_history(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.is_express = true;
    fixture_refuses(fixture,
                    "'Type':'Task','End':true,'Resource':"
                    "'arn:aws:states:::sqs:sendMessage.waitForTaskToken'",
                    "/Resource");
    fixture_refuses(fixture,
                    "'Type':'Task','End':true,'Resource':"
                    "'arn:aws:states:::states:startExecution.sync'",
                    "/Resource");
    fixture_refuses(fixture,
                    "'Type':'Task','End':true,'Resource':"
                    "'arn:aws:states:eu-west-1:1:activity:a'",
                    "/Resource");
    (void)fixture_state(fixture, "'Type':'Task','End':true,'Resource':"
                                 "'arn:aws:states:::sqs:sendMessage'");
}

static void
a_state_that_nothing_leads_to_is_a_warning(void **state)
{
    struct fixture *fixture = *state;

    (void)fixture_state(fixture, "'Type':'Pass','End':true");
    assert_true(fixture_has(fixture, "UNREACHABLE_STATE", "/States/T"));
    assert_int_equal(fixture->problems.n_errors, 0);
}

static void
a_secret_in_a_definition_is_a_warning(void **state)
{
    struct fixture *fixture = *state;

    (void)fixture_state(fixture, "'Type':'Pass','Next':'T','Parameters':{"
                                 "'DB_Password':'x','password.$':'$.p'}");
    assert_int_equal(fixture->problems.n, 1);
    assert_true(fixture_has(fixture, "SECRET_IN_DEFINITION",
                            "/States/S/Parameters/DB_Password"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(states_of_all_scopes_are_in_one_table),
        SUITE_TEST(a_definition_with_ten_errors_lists_all_ten),
        SUITE_TEST(a_pointer_escapes_the_names_in_it),
        SUITE_TEST(what_is_no_json_object_is_refused_with_the_services_code),
        SUITE_TEST(a_key_that_occurs_twice_is_refused),
        SUITE_TEST(a_hundred_thousand_levels_of_nesting_are_a_clear_error),
        SUITE_TEST(more_than_a_megabyte_is_refused),
        SUITE_TEST(ten_thousand_states_compile_and_one_more_does_not),
        SUITE_TEST(a_name_is_used_once_in_all_scopes),
        SUITE_TEST(a_name_has_at_most_80_characters),
        SUITE_TEST(a_transition_stays_in_its_scope),
        SUITE_TEST(a_state_goes_on_or_ends),
        SUITE_TEST(a_field_of_the_other_query_language_is_refused),
        SUITE_TEST(a_jsonata_machine_has_no_jsonpath_states),
        SUITE_TEST(a_wait_waits_for_exactly_one_thing),
        SUITE_TEST(a_heartbeat_is_shorter_than_the_time_out),
        SUITE_TEST(a_result_path_names_one_place),
        SUITE_TEST(assign_cannot_set_states),
        SUITE_TEST(assigning_a_variable_of_an_outer_scope_is_a_warning),
        SUITE_TEST(an_intrinsic_is_parsed_when_published),
        SUITE_TEST(a_map_takes_either_its_new_or_its_old_fields),
        SUITE_TEST(the_fields_of_a_distributed_map_are_checked_and_kept),
        SUITE_TEST(a_map_refuses_members_that_do_not_go_together),
        SUITE_TEST(an_express_workflow_refuses_what_needs_a_history),
        SUITE_TEST(a_state_that_nothing_leads_to_is_a_warning),
        SUITE_TEST(a_secret_in_a_definition_is_a_warning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
