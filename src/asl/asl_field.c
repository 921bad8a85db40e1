#include <string.h>

#include "asl/asl_fields.h"

/* The table of design/asl.md §1: which state has which field in which query
 * language, and what compiles it. */

#define BIT(type) (1u << (type))
#define ALL       0xffu
#define NO_FAIL   (ALL & ~BIT(ASL_FAIL))
#define FLOW                                                                   \
    (BIT(ASL_PASS) | BIT(ASL_TASK) | BIT(ASL_WAIT) | BIT(ASL_PARALLEL) |       \
     BIT(ASL_MAP))
#define WORK   (BIT(ASL_TASK) | BIT(ASL_PARALLEL) | BIT(ASL_MAP))
#define TASK   BIT(ASL_TASK)
#define CHOICE BIT(ASL_CHOICE)
#define WAIT   BIT(ASL_WAIT)
#define FAIL   BIT(ASL_FAIL)
#define PAR    BIT(ASL_PARALLEL)
#define MAP    BIT(ASL_MAP)
#define PASS   BIT(ASL_PASS)
#define PATH   ASL_IN_JSONPATH
#define ATA    ASL_IN_JSONATA
#define BOTH   ASL_IN_BOTH

#define AT(member) (uint16_t) offsetof(struct asl_state, member)

const struct asl_field asl_fields[] = {
    {"Type", ALL, BOTH, 0, 0, NULL},
    {"Comment", ALL, BOTH, 0, 0, asl_field_comment},
    {"QueryLanguage", ALL, BOTH, 0, 0, NULL},
    {"Next", FLOW, BOTH, 0, 0, asl_field_next},
    {"End", FLOW, BOTH, 0, 0, asl_field_end},
    {"InputPath", NO_FAIL, PATH, 0, AT(input_value), asl_field_input_path},
    {"OutputPath", NO_FAIL, PATH, 0, AT(output_value), asl_field_output_path},
    {"Output", NO_FAIL, ATA, 0, AT(output), asl_field_template},
    {"Assign", FLOW | CHOICE, BOTH, 0, AT(assign), asl_field_assign},
    {"Result", PASS, PATH, 0, 0, asl_field_result},
    {"ResultPath", PASS | WORK, PATH, 0, 0, asl_field_result_path},
    {"Parameters", PASS | TASK | PAR, PATH, 0, AT(arguments),
     asl_field_template},
    {"Parameters", MAP, PATH, 0, AT(item_selector), asl_field_template},
    {"Arguments", TASK | PAR, ATA, 0, AT(arguments), asl_field_template},
    {"ResultSelector", WORK, PATH, 0, AT(result_selector), asl_field_selector},
    {"Retry", WORK, BOTH, 0, 0, asl_field_retry},
    {"Catch", WORK, BOTH, 0, 0, asl_catch_compile},
    {"Compensate", WORK, BOTH, 0, 0, asl_compensate_compile},

    {"Resource", TASK, BOTH, 0, 0, asl_field_resource},
    {"Credentials", TASK, BOTH, 0, AT(credentials), asl_field_credentials},
    {"TimeoutSeconds", TASK, BOTH, ASL_EXPECT_NUMBER, AT(timeout),
     asl_field_seconds},
    {"TimeoutSecondsPath", TASK, PATH, 0, AT(timeout), asl_field_path},
    {"HeartbeatSeconds", TASK, BOTH, ASL_EXPECT_NUMBER, AT(heartbeat),
     asl_field_seconds},
    {"HeartbeatSecondsPath", TASK, PATH, 0, AT(heartbeat), asl_field_path},
    {"ScheduleToStartSeconds", TASK, BOTH, 0, 0, asl_field_own_seconds},
    {"ScheduleToCloseSeconds", TASK, BOTH, 0, 0, asl_field_own_seconds},
    {"Pivot", TASK, BOTH, 0, 0, asl_field_pivot},
    {"SettleSeconds", TASK, BOTH, 0, 0, asl_field_own_seconds},
    {"OnUnknown", TASK, BOTH, 0, 0, asl_field_on_unknown},

    {"Choices", CHOICE, BOTH, 0, 0, asl_field_choices},
    {"Default", CHOICE, BOTH, 0, 0, asl_field_default},

    {"Seconds", WAIT, BOTH, ASL_EXPECT_NUMBER, AT(wait_seconds),
     asl_field_wait_seconds},
    {"SecondsPath", WAIT, PATH, 0, AT(wait_seconds), asl_field_path},
    {"Timestamp", WAIT, BOTH, ASL_EXPECT_STRING, AT(wait_timestamp),
     asl_field_timestamp},
    {"TimestampPath", WAIT, PATH, 0, AT(wait_timestamp), asl_field_path},

    {"Error", FAIL, BOTH, ASL_EXPECT_STRING, AT(error), asl_field_text},
    {"Cause", FAIL, BOTH, ASL_EXPECT_STRING, AT(cause), asl_field_text},
    {"ErrorPath", FAIL, PATH, 0, AT(error), asl_field_text_path},
    {"CausePath", FAIL, PATH, 0, AT(cause), asl_field_text_path},

    {"Branches", PAR, BOTH, 0, 0, NULL},

    {"ItemsPath", MAP, PATH, 0, AT(items), asl_field_items_path},
    {"Items", MAP, ATA, ASL_EXPECT_ARRAY_OR_OBJECT, AT(items), asl_field_items},
    {"ItemSelector", MAP, BOTH, 0, AT(item_selector), asl_field_template},
    {"MaxConcurrency", MAP, BOTH, ASL_EXPECT_NUMBER, AT(max_concurrency),
     asl_field_count},
    {"MaxConcurrencyPath", MAP, PATH, 0, AT(max_concurrency), asl_field_path},
    {"ToleratedFailureCount", MAP, BOTH, ASL_EXPECT_NUMBER, AT(tolerated_count),
     asl_field_count},
    {"ToleratedFailureCountPath", MAP, PATH, 0, AT(tolerated_count),
     asl_field_path},
    {"ToleratedFailurePercentage", MAP, BOTH, ASL_EXPECT_NUMBER,
     AT(tolerated_percentage), asl_field_percentage},
    {"ToleratedFailurePercentagePath", MAP, PATH, 0, AT(tolerated_percentage),
     asl_field_path},
    {"ItemProcessor", MAP, BOTH, 0, 0, asl_processor_compile},
    {"Iterator", MAP, BOTH, 0, 0, asl_processor_compile},
    {"Label", MAP, BOTH, 0, 0, asl_field_label},
    {"ItemReader", MAP, BOTH, 0, 0, asl_item_reader_compile},
    {"ItemBatcher", MAP, BOTH, 0, 0, asl_item_batcher_compile},
    {"ResultWriter", MAP, BOTH, 0, 0, asl_result_writer_compile},
};

const size_t asl_n_fields = ODK_ARRAY_LEN(asl_fields);

/** Of the two fields a state may have at most one; is_required: exactly one. */
static const struct {
    const char *a;
    const char *b;
    unsigned types;
    bool is_required;
} field_pairs[] = {
    {"Next", "End", FLOW, true},
    {"TimeoutSeconds", "TimeoutSecondsPath", TASK, false},
    {"HeartbeatSeconds", "HeartbeatSecondsPath", TASK, false},
    {"Error", "ErrorPath", FAIL, false},
    {"Cause", "CausePath", FAIL, false},
    {"MaxConcurrency", "MaxConcurrencyPath", MAP, false},
    {"ToleratedFailureCount", "ToleratedFailureCountPath", MAP, false},
    {"ToleratedFailurePercentage", "ToleratedFailurePercentagePath", MAP,
     false},
    {"ItemProcessor", "Iterator", MAP, true},
    {"ItemSelector", "Parameters", MAP, false},
};

static const char *const wait_fields[] = {"Seconds", "SecondsPath", "Timestamp",
                                          "TimestampPath"};

static const struct {
    const char *name;
    unsigned types;
} required_fields[] = {
    {"Resource", TASK},
    {"Choices", CHOICE},
    {"Branches", PAR},
};

static const char *const type_names[] = {
    [ASL_PASS] = "Pass",         [ASL_TASK] = "Task",
    [ASL_CHOICE] = "Choice",     [ASL_WAIT] = "Wait",
    [ASL_SUCCEED] = "Succeed",   [ASL_FAIL] = "Fail",
    [ASL_PARALLEL] = "Parallel", [ASL_MAP] = "Map",
};

const char *
asl_type_name(enum asl_type type)
{
    return type_names[type];
}

/** The row for a field of a state of that type; NULL if no row fits. *is_known
 * tells whether the name exists at all. */
static const struct asl_field *
field_find(const char *name, enum asl_type type, bool *is_known)
{
    *is_known = false;
    for (size_t i = 0; i < ODK_ARRAY_LEN(asl_fields); i++) {
        if (strcmp(asl_fields[i].name, name) == 0) {
            *is_known = true;
            if (asl_fields[i].types & BIT(type)) {
                return &asl_fields[i];
            }
        }
    }
    return NULL;
}

static void
field_refuse(const struct asl_slot *slot, const char *name, bool is_known)
{
    const char *type = asl_type_name(slot->state->type);

    if (slot->field) {
        asl_problem(slot->c, slot->place,
                    "The field '%s' belongs to %s, but the QueryLanguage of "
                    "this state is %s",
                    name, slot->state->is_jsonata ? "JSONPath" : "JSONata",
                    slot->state->is_jsonata ? "JSONata" : "JSONPath");
    } else if (is_known) {
        asl_problem(slot->c, slot->place,
                    "The field '%s' is not supported in a %s state", name,
                    type);
    } else {
        asl_problem(slot->c, slot->place,
                    "The field '%s' does not exist: check its spelling", name);
    }
}

static void
check_pairs(struct asl_compiler *c, const struct asl_draft *draft)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(field_pairs); i++) {
        const char *a = field_pairs[i].a;
        const char *b = field_pairs[i].b;
        bool has_a = json_get(draft->json, a) != NULL;
        bool has_b = json_get(draft->json, b) != NULL;
        if (!(field_pairs[i].types & BIT(draft->type))) {
            continue;
        }
        if (has_a && has_b) {
            asl_problem(c, draft->place,
                        "Only one of '%s' and '%s' may be present: remove one",
                        a, b);
        } else if (field_pairs[i].is_required && !has_a && !has_b) {
            asl_problem(c, draft->place, "One of '%s' and '%s' is required", a,
                        b);
        }
    }
}

static void
check_wait(struct asl_compiler *c, const struct asl_draft *draft)
{
    size_t n = 0;

    for (size_t i = 0; i < ODK_ARRAY_LEN(wait_fields); i++) {
        n += json_get(draft->json, wait_fields[i]) != NULL;
    }
    if (n != 1) {
        asl_problem(c, draft->place,
                    "A Wait state must have exactly one of Seconds, Timestamp, "
                    "SecondsPath and TimestampPath, this one has %zu",
                    n);
    }
}

static void
check_required(struct asl_compiler *c, const struct asl_draft *draft)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(required_fields); i++) {
        if ((required_fields[i].types & BIT(draft->type)) &&
            !json_get(draft->json, required_fields[i].name)) {
            asl_problem(c, draft->place, "These fields are required: [%s]",
                        required_fields[i].name);
        }
    }
    check_pairs(c, draft);
    if (draft->type == ASL_WAIT) {
        check_wait(c, draft);
    }
}

static void
field_compile(struct asl_slot *slot, const char *name)
{
    unsigned language =
        slot->state->is_jsonata ? ASL_IN_JSONATA : ASL_IN_JSONPATH;
    bool is_known = false;

    slot->field = field_find(name, slot->state->type, &is_known);
    if (!slot->field || !(slot->field->languages & language)) {
        field_refuse(slot, name, is_known);
    } else if (slot->field->compile) {
        slot->field->compile(slot);
    }
}

void
asl_state_compile(struct asl_compiler *c, const struct asl_draft *draft,
                  struct asl_state *state)
{
    struct asl_slot slot = {.c = c, .state = state, .draft = draft};

    check_required(c, draft);
    for (void *iter = json_object_iter(draft->json); iter;
         iter = json_object_iter_next(draft->json, iter)) {
        struct json_place place = {draft->place,
                                   odk_str_n(json_object_iter_key(iter),
                                             json_object_iter_key_len(iter)),
                                   0};
        slot.place = &place;
        slot.value = json_object_iter_value(iter);
        field_compile(&slot, json_object_iter_key(iter));
    }
    asl_state_finish(&slot);
}
