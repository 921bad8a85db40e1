#include "asl/asl_fields.h"

#define READER_ITEMS_MAX 100000000
#define BATCH_BYTES_MAX  ((int64_t)256 * 1024)

static const struct asl_member config_members[] = {
    {"Mode", ASL_IN_BOTH, false},
    {"ExecutionType", ASL_IN_BOTH, false},
};

static const struct asl_member reader_members[] = {
    {"Resource", ASL_IN_BOTH, true},
    {"ReaderConfig", ASL_IN_BOTH, false},
    {"Parameters", ASL_IN_JSONPATH, false},
    {"Arguments", ASL_IN_JSONATA, false},
    {"Comment", ASL_IN_BOTH, false},
};

static const struct asl_member reader_config_members[] = {
    {"InputType", ASL_IN_BOTH, false},
    {"ManifestType", ASL_IN_BOTH, false},
    {"Transformation", ASL_IN_BOTH, false},
    {"CSVDelimiter", ASL_IN_BOTH, false},
    {"CSVHeaderLocation", ASL_IN_BOTH, false},
    {"CSVHeaders", ASL_IN_BOTH, false},
    {"ItemsPointer", ASL_IN_BOTH, false},
    {"MaxItems", ASL_IN_BOTH, false},
    {"MaxItemsPath", ASL_IN_JSONPATH, false},
};

static const struct asl_member batcher_members[] = {
    {"MaxItemsPerBatch", ASL_IN_BOTH, false},
    {"MaxItemsPerBatchPath", ASL_IN_JSONPATH, false},
    {"MaxInputBytesPerBatch", ASL_IN_BOTH, false},
    {"MaxInputBytesPerBatchPath", ASL_IN_JSONPATH, false},
    {"BatchInput", ASL_IN_BOTH, false},
    {"Comment", ASL_IN_BOTH, false},
};

static const struct asl_member writer_members[] = {
    {"Resource", ASL_IN_BOTH, false},
    {"WriterConfig", ASL_IN_BOTH, false},
    {"Parameters", ASL_IN_JSONPATH, false},
    {"Arguments", ASL_IN_JSONATA, false},
    {"Comment", ASL_IN_BOTH, false},
};

static const struct asl_member writer_config_members[] = {
    {"Transformation", ASL_IN_BOTH, false},
    {"OutputType", ASL_IN_BOTH, false},
};

/** One of a few words: the names are each between blanks. */
static void
word_check(struct asl_compiler *c, json_t *object,
           const struct json_place *place, const char *key, const char *words)
{
    struct odk_str text = asl_string(c, object, place, key);
    struct json_place at = {place, odk_str(key), 0};

    if (text.ptr && !asl_word_in(text, words)) {
        asl_problem(c, &at, "%s must be one of:%s", key, words);
    }
}

/** A limit: a literal, an expression of JSONata, or a path in the twin field.
 */
struct limit {
    const struct asl_field literal;
    const struct asl_field path;
    int64_t max;
};

static const struct limit limit_items = {
    {"MaxItems", 0, 0, ASL_EXPECT_NUMBER, 0, NULL},
    {"MaxItemsPath", 0, 0, 0, 0, NULL},
    READER_ITEMS_MAX};
static const struct limit limit_batch_items = {
    {"MaxItemsPerBatch", 0, 0, ASL_EXPECT_NUMBER, 0, NULL},
    {"MaxItemsPerBatchPath", 0, 0, 0, 0, NULL},
    READER_ITEMS_MAX};
static const struct limit limit_batch_bytes = {
    {"MaxInputBytesPerBatch", 0, 0, ASL_EXPECT_NUMBER, 0, NULL},
    {"MaxInputBytesPerBatchPath", 0, 0, 0, 0, NULL},
    BATCH_BYTES_MAX};

static const struct asl_value *
limit_compile(const struct asl_slot *slot, json_t *object,
              const struct json_place *place, const struct limit *limit)
{
    json_t *literal = json_get(object, limit->literal.name);
    json_t *path = json_get(object, limit->path.name);
    struct json_place at = {place, odk_str(limit->literal.name), 0};
    struct asl_slot sub = asl_slot_sub(slot, literal, &at, &limit->literal);
    const struct asl_value *value = NULL;
    int64_t n = 0;

    if (literal && path) {
        asl_problem(slot->c, place,
                    "Only one of '%s' and '%s' may be present: remove one",
                    limit->literal.name, limit->path.name);
        return NULL;
    }
    if (path) {
        at.key = odk_str(limit->path.name);
        sub = asl_slot_sub(slot, path, &at, &limit->path);
        return asl_value_path(&sub, ASL_WORDING_PARAMETER);
    }
    if (!literal || asl_value_jsonata(&sub, &value)) {
        return value;
    }
    if (!json_to_i64(literal, &n) || n < 0 || n > limit->max) {
        asl_problem(slot->c, &at, "%s must be an integer from 0 to %lld",
                    limit->literal.name, (long long)limit->max);
        return NULL;
    }
    return asl_value_literal(&sub);
}

static const struct asl_value *
template_member(const struct asl_slot *slot, const struct asl_field *field,
                const char *key)
{
    struct json_place at = {slot->place, odk_str(key), 0};
    json_t *value = json_get(slot->value, key);
    struct asl_slot sub = asl_slot_sub(slot, value, &at, field);

    return value ? asl_value_template(&sub) : NULL;
}

static const struct asl_value *
arguments_member(const struct asl_slot *slot)
{
    static const struct asl_field parameters = {"Parameters", 0, 0, 0, 0, NULL};
    static const struct asl_field arguments = {"Arguments", 0, 0, 0, 0, NULL};

    return slot->state->is_jsonata
               ? template_member(slot, &arguments, "Arguments")
               : template_member(slot, &parameters, "Parameters");
}

void
asl_processor_compile(const struct asl_slot *slot)
{
    json_t *config = json_get(slot->value, "ProcessorConfig");
    struct json_place at = {slot->place, ODK_STR("ProcessorConfig"), 0};
    struct odk_str mode = json_str(json_get(config, "Mode"));
    struct odk_str type = json_str(json_get(config, "ExecutionType"));

    slot->state->is_iterator =
        odk_str_is(odk_str(slot->field->name), "Iterator");
    if (!config || !asl_members_check(slot, config, &at, config_members,
                                      ODK_ARRAY_LEN(config_members))) {
        return;
    }
    word_check(slot->c, config, &at, "Mode", " INLINE DISTRIBUTED ");
    word_check(slot->c, config, &at, "ExecutionType", " STANDARD EXPRESS ");
    slot->state->is_distributed = odk_str_is(mode, "DISTRIBUTED");
    slot->state->is_express_children = odk_str_is(type, "EXPRESS");
    if (type.ptr && !slot->state->is_distributed) {
        asl_problem(slot->c, &at,
                    "ExecutionType has a meaning only with Mode DISTRIBUTED");
    }
    if (slot->state->is_distributed && slot->c->options.is_express) {
        asl_problem(slot->c, &at,
                    "An Express workflow cannot have a distributed Map");
    }
}

bool
asl_scope_is_express(const struct asl_compiler *c, int32_t scope)
{
    while (scope > 0) {
        const struct asl_draft_scope *draft = &c->scopes[scope];
        json_t *config = json_get(draft->json, "ProcessorConfig");
        if (draft->is_distributed) {
            return odk_str_is(json_str(json_get(config, "ExecutionType")),
                              "EXPRESS");
        }
        scope = c->drafts[draft->parent_state].scope;
    }
    return false;
}

static void
reader_headers_check(struct asl_compiler *c, json_t *config,
                     const struct json_place *place)
{
    bool is_given =
        odk_str_is(json_str(json_get(config, "CSVHeaderLocation")), "GIVEN");
    json_t *headers = json_get(config, "CSVHeaders");
    struct json_place at = {place, ODK_STR("CSVHeaders"), 0};
    size_t i = 0;
    json_t *header = NULL;

    if (is_given != (headers != NULL)) {
        asl_problem(c, place,
                    "CSVHeaders is required when CSVHeaderLocation is GIVEN, "
                    "and only then");
    }
    if (headers && (!json_is_array(headers) || !json_array_size(headers))) {
        asl_problem(c, &at, "CSVHeaders must be an array of names");
    }
    json_array_foreach (headers, i, header) {
        struct json_place item = {&at, {0}, i};
        if (!json_is_string(header)) {
            asl_problem(c, &item, "A header must be a string");
        }
    }
}

void
asl_item_reader_compile(const struct asl_slot *slot)
{
    struct asl_compiler *c = slot->c;
    json_t *config = json_get(slot->value, "ReaderConfig");
    struct json_place at = {slot->place, ODK_STR("ReaderConfig"), 0};

    if (!asl_members_check(slot, slot->value, slot->place, reader_members,
                           ODK_ARRAY_LEN(reader_members))) {
        return;
    }
    (void)asl_string(c, slot->value, slot->place, "Resource");
    slot->state->item_reader = slot->value;
    slot->state->reader_arguments = arguments_member(slot);
    asl_item_reader_check(slot);
    if (!config || !asl_members_check(slot, config, &at, reader_config_members,
                                      ODK_ARRAY_LEN(reader_config_members))) {
        return;
    }
    word_check(c, config, &at, "InputType",
               " CSV JSON JSONL PARQUET MANIFEST ");
    word_check(c, config, &at, "ManifestType", " ATHENA_DATA S3_INVENTORY ");
    word_check(c, config, &at, "Transformation", " NONE LOAD_AND_FLATTEN ");
    word_check(c, config, &at, "CSVDelimiter",
               " COMMA PIPE SEMICOLON SPACE TAB ");
    word_check(c, config, &at, "CSVHeaderLocation", " FIRST_ROW GIVEN ");
    reader_headers_check(c, config, &at);
    (void)asl_string(c, config, &at, "ItemsPointer");
    slot->state->reader_max_items =
        limit_compile(slot, config, &at, &limit_items);
}

void
asl_item_batcher_compile(const struct asl_slot *slot)
{
    static const struct asl_field input = {
        "ItemBatcher/BatchInput", 0, 0, 0, 0, NULL};

    if (!asl_members_check(slot, slot->value, slot->place, batcher_members,
                           ODK_ARRAY_LEN(batcher_members))) {
        return;
    }
    slot->state->item_batcher = slot->value;
    asl_item_batcher_check(slot);
    slot->state->batch_max_items =
        limit_compile(slot, slot->value, slot->place, &limit_batch_items);
    slot->state->batch_max_bytes =
        limit_compile(slot, slot->value, slot->place, &limit_batch_bytes);
    slot->state->batch_input = template_member(slot, &input, "BatchInput");
}

void
asl_result_writer_compile(const struct asl_slot *slot)
{
    json_t *config = json_get(slot->value, "WriterConfig");
    struct json_place at = {slot->place, ODK_STR("WriterConfig"), 0};

    if (!asl_members_check(slot, slot->value, slot->place, writer_members,
                           ODK_ARRAY_LEN(writer_members))) {
        return;
    }
    (void)asl_string(slot->c, slot->value, slot->place, "Resource");
    slot->state->result_writer = slot->value;
    asl_result_writer_check(slot);
    slot->state->writer_arguments = arguments_member(slot);
    if (config && asl_members_check(slot, config, &at, writer_config_members,
                                    ODK_ARRAY_LEN(writer_config_members))) {
        word_check(slot->c, config, &at, "Transformation",
                   " NONE COMPACT FLATTEN ");
        word_check(slot->c, config, &at, "OutputType", " JSON JSONL ");
    }
}
