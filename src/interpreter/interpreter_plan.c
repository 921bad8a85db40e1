/*
 * ItemReader, ItemBatcher and ResultWriter of a distributed Map, evaluated once
 * as the Map begins. The plan is kept with the line:
 *
 *   {"mapRunArn", "source": Map.Item.Source, "maxItems" (0: all),
 *    "read": the input of read-items without its place,
 *    "batch": {"items", "bytes", "input"},
 *    "write": {"transformation", "type", and to an object store "bucket",
 *              "prefix"}}
 */

#include <stdio.h>

#include "interpreter/interpreter_priv.h"
#include "objects/objects_task.h"

static void
copy_str(json_t *to, const char *name, json_t *from, const char *member)
{
    json_t *value = json_get(from, member);

    if (value) {
        json_set(to, odk_str(name), json_incref(value));
    }
}

/* A name that Parameters or Arguments must have; borrowed, absent: failed. */
static struct odk_str
required(struct interpreter_work *work, json_t *arguments, const char *name,
         const char *error)
{
    struct odk_str value = json_str(json_get(arguments, name));

    if (!value.ptr && !work->is_failed) {
        odk_buf_printf(interpreter_blame(work, error),
                       "The field '%s' must be a string.", name);
    }
    return value;
}

/* ---- ItemReader ---- */

static const char *
source_of(const struct asl_state *state, json_t *config)
{
    struct odk_str resource =
        json_str(json_get(state->item_reader, "Resource"));
    struct odk_str manifest = json_str(json_get(config, "ManifestType"));
    struct odk_str type = json_str(json_get(config, "InputType"));

    if (odk_str_ends(resource, ODK_STR(":listObjectsV2"))) {
        return "LIST";
    }
    if (odk_str_is(manifest, "ATHENA_DATA")) {
        return "ATHENA";
    }
    return odk_str_is(manifest, "S3_INVENTORY") || odk_str_is(type, "MANIFEST")
               ? "INVENTORY"
               : "OBJECT";
}

static const char *
delimiter_of(struct odk_str word)
{
    return odk_str_is(word, "PIPE")        ? "|"
           : odk_str_is(word, "SEMICOLON") ? ";"
           : odk_str_is(word, "SPACE")     ? " "
           : odk_str_is(word, "TAB")       ? "\t"
                                           : ",";
}

/* Where the items come from, as the context object says. */
static void
put_source(json_t *plan, struct odk_str bucket, struct odk_str key)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    odk_buf_put_cstr(&text, "S3://");
    odk_buf_put_str(&text, bucket);
    if (key.ptr) {
        odk_buf_put_char(&text, '/');
        odk_buf_put_str(&text, key);
    }
    json_set(plan, ODK_STR("source"), json_str_new(odk_buf_str(&text)));
    odk_buf_release(&text);
}

static void
put_read(struct interpreter_work *work, json_t *plan, json_t *arguments)
{
    json_t *config = json_get(work->state->item_reader, "ReaderConfig");
    const char *source = source_of(work->state, config);
    bool is_list = odk_str_is(odk_str(source), "LIST");
    json_t *read = json_object();
    struct odk_str bucket =
        required(work, arguments, "Bucket", "States.ItemReaderFailed");
    struct odk_str key =
        is_list ? odk_str(NULL)
                : required(work, arguments, "Key", "States.ItemReaderFailed");

    if (!work->is_failed && json_get(arguments, "VersionId")) {
        odk_buf_printf(interpreter_blame(work, "States.ItemReaderFailed"),
                       "VersionId is not supported: objects have one version.");
    }
    json_set(read, ODK_STR("source"), json_string(source));
    copy_str(read, "bucket", arguments, "Bucket");
    copy_str(read, "key", arguments, "Key");
    copy_str(read, "prefix", arguments, "Prefix");
    copy_str(read, "format", config, "InputType");
    copy_str(read, "headers", config, "CSVHeaders");
    copy_str(read, "pointer", config, "ItemsPointer");
    json_set(
        read, ODK_STR("delimiter"),
        json_string(delimiter_of(json_str(json_get(config, "CSVDelimiter")))));
    if (odk_str_is(json_str(json_get(config, "Transformation")),
                   "LOAD_AND_FLATTEN")) {
        json_set(read, ODK_STR("flatten"), json_true());
    }
    if (!work->is_failed) {
        put_source(plan, bucket, key);
    }
    json_set(plan, ODK_STR("read"), read);
}

static void
plan_reader(struct interpreter_work *work, json_t *plan)
{
    const struct asl_state *state = work->state;
    json_t *arguments = state->reader_arguments
                            ? interpreter_eval(work, state->reader_arguments,
                                               work->effective, "ItemReader")
                            : json_object();
    int64_t n_max =
        interpreter_eval_int(work, state->reader_max_items, 0, "MaxItems");

    if (!work->is_failed && n_max < 0) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "The MaxItems field must not be negative: %lld",
                       (long long)n_max);
    }
    if (!work->is_failed) {
        json_set(plan, ODK_STR("maxItems"), json_integer(n_max));
        put_read(work, plan, arguments);
    }
    json_decref(arguments);
}

/* ---- ItemBatcher ---- */

static int64_t
batch_limit(struct interpreter_work *work, const struct asl_value *value,
            const char *name, int64_t most)
{
    int64_t limit = interpreter_eval_int(work, value, 0, name);

    if (!work->is_failed && limit < 0) {
        odk_buf_printf(interpreter_blame(work, "States.Runtime"),
                       "The %s field must not be negative: %lld", name,
                       (long long)limit);
    }
    return limit <= 0 || limit > most ? most : limit;
}

static void
plan_batcher(struct interpreter_work *work, json_t *plan)
{
    const struct asl_state *state = work->state;
    int64_t n_max = batch_limit(work, state->batch_max_items,
                                "MaxItemsPerBatch", INT64_C(100000000));
    int64_t bytes_max =
        batch_limit(work, state->batch_max_bytes, "MaxInputBytesPerBatch",
                    engine_limits_of(work->engine)->payload_bytes);
    json_t *batch = json_object();

    json_set(batch, ODK_STR("items"), json_integer(n_max));
    json_set(batch, ODK_STR("bytes"), json_integer(bytes_max));
    if (!work->is_failed && state->batch_input) {
        json_t *input = interpreter_eval(work, state->batch_input,
                                         work->effective, "ItemBatcher");
        if (input) {
            json_set(batch, ODK_STR("input"), input);
        }
    }
    json_set(plan, ODK_STR("batch"), batch);
}

/* ---- ResultWriter ---- */

/* "jobs/<uuid>": without slashes at its end. */
static void
put_prefix(json_t *write, struct odk_str prefix, const char *uuid)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    while (prefix.len > 0 && prefix.ptr[prefix.len - 1] == '/') {
        prefix.len--;
    }
    if (prefix.len > 0) {
        odk_buf_put_str(&text, prefix);
        odk_buf_put_char(&text, '/');
    }
    odk_buf_put_cstr(&text, uuid);
    json_set(write, ODK_STR("prefix"), json_str_new(odk_buf_str(&text)));
    odk_buf_release(&text);
}

static void
plan_writer(struct interpreter_work *work, json_t *plan, const char *uuid)
{
    const struct asl_state *state = work->state;
    json_t *config = json_get(state->result_writer, "WriterConfig");
    struct odk_str type = json_str(json_get(config, "OutputType"));
    struct odk_str change = json_str(json_get(config, "Transformation"));
    json_t *write = json_object();

    json_set(write, ODK_STR("type"),
             json_str_new(type.ptr ? type : ODK_STR("JSON")));
    json_set(write, ODK_STR("transformation"),
             json_str_new(change.ptr ? change : ODK_STR("NONE")));
    json_set(plan, ODK_STR("write"), write);
    if (!json_get(state->result_writer, "Resource")) {
        return;
    }
    json_t *arguments = state->writer_arguments
                            ? interpreter_eval(work, state->writer_arguments,
                                               work->effective, "ResultWriter")
                            : json_object();
    if (!work->is_failed) {
        (void)required(work, arguments, "Bucket", "States.ResultWriterFailed");
        copy_str(write, "bucket", arguments, "Bucket");
        put_prefix(write, json_str(json_get(arguments, "Prefix")), uuid);
    }
    json_decref(arguments);
}

/* ---- all ---- */

static void
put_arn(struct interpreter_work *work, json_t *plan, const char *uuid)
{
    const struct asl_state *state = work->state;
    char run_id[ODK_UUID_TEXT_LEN + 1];
    struct odk_buf arn;

    odk_uuid_format(&engine_identity(work->engine)->run_id, run_id);
    odk_buf_init(&arn, 0);
    odk_buf_printf(
        &arn, "%s/%.*s:%s", run_id,
        ODK_STR_ARG(state->label.len > 0 ? state->label : state->name), uuid);
    json_set(plan, ODK_STR("mapRunArn"), json_str_new(odk_buf_str(&arn)));
    odk_buf_release(&arn);
}

json_t *
interpreter_plan(struct interpreter_work *work)
{
    const struct asl_state *state = work->state;
    struct odk_rand *rand = engine_rand(work->engine);
    uint64_t high = odk_rand_u64(rand);
    struct odk_uuid id = odk_uuid_v4(high, odk_rand_u64(rand));
    char uuid[ODK_UUID_TEXT_LEN + 1];
    json_t *plan = json_object();

    odk_uuid_format(&id, uuid);
    put_arn(work, plan, uuid);
    if (state->item_reader) {
        plan_reader(work, plan);
    }
    if (!work->is_failed && state->item_batcher) {
        plan_batcher(work, plan);
    }
    if (!work->is_failed && state->result_writer) {
        plan_writer(work, plan, uuid);
    }
    if (work->is_failed) {
        json_decref(plan);
        return NULL;
    }
    return plan;
}
