/*
 * ItemReader, ItemBatcher and ResultWriter: what their members must be
 * together, so that a Map does not fail on its first page.
 */

#include "asl/asl_fields.h"

static struct odk_str
word(const json_t *object, const char *key)
{
    return json_str(json_get(object, key));
}

/* ---- ItemReader ---- */

/* Parameters may compute a name; Arguments may be an expression as a whole. */
static bool
has_argument(const struct asl_slot *slot, const char *name)
{
    json_t *arguments = json_get(
        slot->value, slot->state->is_jsonata ? "Arguments" : "Parameters");
    struct odk_buf computed;

    if (json_is_string(arguments)) {
        return true;
    }
    odk_buf_init(&computed, 0);
    odk_buf_printf(&computed, "%s.$", name);
    bool is_there = json_get(arguments, name) ||
                    json_get_str(arguments, odk_buf_str(&computed));
    odk_buf_release(&computed);
    return is_there;
}

static void
need_argument(const struct asl_slot *slot, const char *name)
{
    if (!has_argument(slot, name)) {
        asl_problem(slot->c, slot->place, "The field '%s' is required in %s",
                    name, slot->state->is_jsonata ? "Arguments" : "Parameters");
    }
}

/* A field that only one kind of source has. */
static void
only_with(const struct asl_slot *slot, const struct json_place *place,
          json_t *config, const char *key, bool is_right, const char *source)
{
    struct json_place at = {place, odk_str(key), 0};

    if (json_get(config, key) && !is_right) {
        asl_problem(slot->c, &at, "%s has a meaning only with %s: remove it",
                    key, source);
    }
}

static void
csv_check(const struct asl_slot *slot, json_t *config,
          const struct json_place *place)
{
    bool is_csv = odk_str_is(word(config, "InputType"), "CSV");

    if (is_csv && !json_get(config, "CSVHeaderLocation")) {
        asl_problem(slot->c, place,
                    "CSVHeaderLocation is required with InputType CSV: "
                    "FIRST_ROW or GIVEN");
    }
    only_with(slot, place, config, "CSVHeaderLocation", is_csv,
              "InputType CSV");
    only_with(slot, place, config, "CSVHeaders", is_csv, "InputType CSV");
    only_with(slot, place, config, "CSVDelimiter", is_csv, "InputType CSV");
}

static void
pointer_check(const struct asl_slot *slot, json_t *config,
              const struct json_place *place)
{
    struct odk_str pointer = word(config, "ItemsPointer");
    struct json_place at = {place, ODK_STR("ItemsPointer"), 0};

    only_with(slot, place, config, "ItemsPointer",
              odk_str_is(word(config, "InputType"), "JSON"), "InputType JSON");
    if (pointer.len > 0 && pointer.ptr[0] != '/') {
        asl_problem(slot->c, &at,
                    "ItemsPointer must be a JSON pointer such as "
                    "'/data/items'");
    }
}

static void
manifest_check(const struct asl_slot *slot, json_t *config,
               const struct json_place *place)
{
    struct odk_str kind = word(config, "ManifestType");
    struct odk_str type = word(config, "InputType");
    struct json_place at = {place, ODK_STR("InputType"), 0};
    bool is_data = odk_str_is(type, "CSV") || odk_str_is(type, "JSONL");

    if (odk_str_is(kind, "ATHENA_DATA") && !is_data) {
        asl_problem(slot->c, &at,
                    "ManifestType ATHENA_DATA needs the InputType of the data: "
                    "CSV or JSONL");
    }
    if (odk_str_is(kind, "S3_INVENTORY") && type.ptr &&
        !odk_str_is(type, "MANIFEST")) {
        asl_problem(slot->c, &at,
                    "An inventory is CSV: leave InputType out with "
                    "ManifestType S3_INVENTORY");
    }
    if (odk_str_is(type, "PARQUET")) {
        asl_problem(slot->c, &at,
                    "InputType PARQUET is not supported: store the data as "
                    "CSV, JSON or JSONL");
    }
}

static void
config_check(const struct asl_slot *slot, bool is_list)
{
    json_t *config = json_get(slot->value, "ReaderConfig");
    struct json_place place = {slot->place, ODK_STR("ReaderConfig"), 0};
    bool is_flat =
        odk_str_is(word(config, "Transformation"), "LOAD_AND_FLATTEN");
    bool has_type = json_get(config, "InputType") != NULL;

    if (!has_type && !is_list && !json_get(config, "ManifestType")) {
        asl_problem(slot->c, slot->place,
                    "s3:getObject needs ReaderConfig.InputType: CSV, JSON, "
                    "JSONL or MANIFEST");
    }
    if (is_list && is_flat != has_type) {
        asl_problem(slot->c, &place,
                    "s3:listObjectsV2 has InputType with Transformation "
                    "LOAD_AND_FLATTEN, and only then");
    }
    only_with(slot, &place, config, "Transformation", is_list,
              "s3:listObjectsV2");
    only_with(slot, &place, config, "ManifestType", !is_list, "s3:getObject");
    csv_check(slot, config, &place);
    pointer_check(slot, config, &place);
    manifest_check(slot, config, &place);
}

/* The action of a Resource "arn:aws:states:::s3:getObject"; other strings are
 * taken where any Resource is. */
static bool
resource_check(const struct asl_slot *slot, const char *const *actions,
               size_t n)
{
    struct odk_str resource = word(slot->value, "Resource");
    struct json_place at = {slot->place, ODK_STR("Resource"), 0};

    for (size_t i = 0; i < n; i++) {
        if (odk_str_ends(resource, odk_str(actions[i]))) {
            return true;
        }
    }
    if (resource.ptr && !slot->c->options.is_any_resource_accepted) {
        asl_problem(slot->c, &at,
                    "The Resource must be arn:aws:states:::%s%s%s", actions[0],
                    n > 1 ? " or arn:aws:states:::" : "",
                    n > 1 ? actions[1] : "");
    }
    return false;
}

void
asl_item_reader_check(const struct asl_slot *slot)
{
    static const char *const actions[] = {"s3:getObject", "s3:listObjectsV2"};
    bool is_list = odk_str_ends(word(slot->value, "Resource"),
                                ODK_STR("s3:listObjectsV2"));

    if (!resource_check(slot, actions, ODK_ARRAY_LEN(actions))) {
        return;
    }
    need_argument(slot, "Bucket");
    if (!is_list) {
        need_argument(slot, "Key");
    }
    config_check(slot, is_list);
}

/* ---- ItemBatcher ---- */

void
asl_item_batcher_check(const struct asl_slot *slot)
{
    static const char *const limits[] = {
        "MaxItemsPerBatch",
        "MaxItemsPerBatchPath",
        "MaxInputBytesPerBatch",
        "MaxInputBytesPerBatchPath",
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(limits); i++) {
        if (json_get(slot->value, limits[i])) {
            return;
        }
    }
    asl_problem(slot->c, slot->place,
                "ItemBatcher needs MaxItemsPerBatch or MaxInputBytesPerBatch");
}

/* ---- ResultWriter ---- */

void
asl_result_writer_check(const struct asl_slot *slot)
{
    static const char *const actions[] = {"s3:putObject"};
    bool has_resource = json_get(slot->value, "Resource") != NULL;
    bool has_arguments = json_get(slot->value, "Parameters") ||
                         json_get(slot->value, "Arguments");

    if (has_resource) {
        if (resource_check(slot, actions, ODK_ARRAY_LEN(actions))) {
            need_argument(slot, "Bucket");
        }
    } else if (has_arguments) {
        asl_problem(slot->c, slot->place,
                    "ResultWriter has a bucket but no Resource: it must be "
                    "arn:aws:states:::s3:putObject");
    } else if (!json_get(slot->value, "WriterConfig")) {
        asl_problem(slot->c, slot->place,
                    "ResultWriter needs Resource with its bucket, or "
                    "WriterConfig");
    }
}
