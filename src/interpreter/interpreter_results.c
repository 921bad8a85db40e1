/*
 * What becomes of the results of a distributed Map's children: kept for the
 * state's result, or handed to a ResultWriter as records or bare outputs; and
 * the Map Runs that an execution remembers.
 */

#include <stdio.h>

#include "interpreter/interpreter_priv.h"

/* ---- one result ---- */

static json_t *
text_of(json_t *value)
{
    struct odk_buf text;
    json_t *out = NULL;

    odk_buf_init(&text, 0);
    engine_texts_put(NULL, value, &text);
    out = json_str_new(odk_buf_str(&text));
    odk_buf_release(&text);
    return out;
}

static json_t *
time_of(odk_time_ms at)
{
    char text[ODK_TIME_TEXT_MAX];

    odk_time_format(at, text);
    return json_string(text);
}

static void
put_details(json_t *record, const char *name, const char *details,
            json_t *value)
{
    bool is_included =
        value && json_dump_size(value) <= INTERPRETER_RECORD_INPUT_BYTES;
    json_t *about = json_object();

    if (is_included) {
        json_set(record, odk_str(name), text_of(value));
    }
    json_set(about, ODK_STR("Included"), json_boolean(is_included));
    json_set(record, odk_str(details), about);
}

/* A child execution as AWS writes it. */
static json_t *
record_of(const struct interpreter_line *map, int64_t index, json_t *input,
          const char *status)
{
    json_t *record = json_object();
    char name[32];
    struct odk_buf arn;

    (void)snprintf(name, sizeof(name), "%lld", (long long)index);
    odk_buf_init(&arn, 0);
    odk_buf_put_str(&arn, map->map_run);
    odk_buf_put_char(&arn, '/');
    odk_buf_put_cstr(&arn, name);
    json_set(record, ODK_STR("ExecutionArn"), json_str_new(odk_buf_str(&arn)));
    odk_buf_release(&arn);
    put_details(record, "Input", "InputDetails", input);
    json_set(record, ODK_STR("Name"), json_string(name));
    json_set(record, ODK_STR("Status"), json_string(status));
    return record;
}

static json_t *
ended(const struct interpreter_line *map, const struct interpreter_line *child,
      const struct engine_entry *entry, bool is_done)
{
    json_t *record = record_of(map, child->index, child->begun,
                               is_done ? "SUCCEEDED" : "FAILED");

    if (is_done) {
        json_t *about = json_object();
        json_set(record, ODK_STR("Output"), text_of(child->input));
        json_set(about, ODK_STR("Included"), json_true());
        json_set(record, ODK_STR("OutputDetails"), about);
    } else {
        json_set(record, ODK_STR("Error"),
                 json_str_new(entry->error.ptr ? entry->error : ODK_STR("")));
        json_set(record, ODK_STR("Cause"),
                 json_str_new(entry->cause.ptr ? entry->cause : ODK_STR("")));
    }
    json_set(record, ODK_STR("StartDate"), time_of(child->began_at));
    json_set(record, ODK_STR("StopDate"), time_of(entry->ts));
    return record;
}

static bool
transformation_is(const struct interpreter_line *map, const char *name)
{
    json_t *write = json_get(map->plan, "write");

    return odk_str_is(json_str(json_get(write, "transformation")), name);
}

static void
add(struct interpreter_line *map, json_t *list, json_t *value)
{
    map->results_bytes += (int64_t)json_dump_size(value) + 1;
    json_append(list, value);
}

/* An output, or if it is an array and is to be flattened its elements. */
static void
add_output(struct interpreter_line *map, json_t *output)
{
    if (!json_is_array(output) || !transformation_is(map, "FLATTEN")) {
        add(map, map->results, json_incref(output));
        return;
    }
    for (size_t i = 0; i < json_array_size(output); i++) {
        add(map, map->results, json_incref(json_array_get(output, i)));
    }
}

/* Results for the state stand in the order of the items, whenever they come. */
static void
put_in_order(struct interpreter_line *map, int64_t index, json_t *result)
{
    map->results_bytes += (int64_t)json_dump_size(result) + 1;
    while ((int64_t)json_array_size(map->results) <= index) {
        json_append(map->results, json_null());
    }
    (void)json_array_set_new(map->results, (size_t)index, result);
}

void
interpreter_note_result(struct interpreter_line *map,
                        const struct interpreter_line *child,
                        const struct engine_entry *entry, bool is_done)
{
    bool is_bare = is_done && !transformation_is(map, "NONE") &&
                   json_get(map->plan, "write");

    if (!json_get(map->plan, "write") && !is_done) {
        json_t *failure = json_object();
        json_set(failure, ODK_STR("Status"), json_string("FAILED"));
        json_set(failure, ODK_STR("Error"),
                 json_str_new(entry->error.ptr ? entry->error : ODK_STR("")));
        json_set(failure, ODK_STR("Cause"),
                 json_str_new(entry->cause.ptr ? entry->cause : ODK_STR("")));
        put_in_order(map, child->index, failure);
    } else if (!interpreter_is_exporting(map)) {
        bool is_output = is_bare || !json_get(map->plan, "write");
        put_in_order(map, child->index,
                     is_output ? json_incref(child->input)
                               : ended(map, child, entry, is_done));
    } else if (is_bare) {
        add_output(map, child->input);
    } else {
        add(map, is_done ? map->results : map->failures,
            ended(map, child, entry, is_done));
    }
}

/* ---- tasks ---- */

/* Moves the oldest of a list into a file of its own, within what is left of a
 * task's bytes; the first record always fits. */
static void
put_file(json_t *files, json_t *list, const char *status, int64_t number,
         const struct interpreter_line *map, size_t *bytes)
{
    bool is_lines = odk_str_is(
        json_str(json_get(json_get(map->plan, "write"), "type")), "JSONL");
    json_t *records = json_array();
    char name[64];

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *record = json_array_get(list, i);
        size_t size = json_dump_size(record) + 1;
        if (*bytes > 0 && *bytes + size > (size_t)INTERPRETER_WRITE_BYTES) {
            break;
        }
        json_append(records, json_incref(record));
        *bytes += size;
    }
    if (json_array_size(records) == 0) {
        json_decref(records);
        return;
    }
    (void)snprintf(name, sizeof(name), "%s_%lld.%s", status, (long long)number,
                   is_lines ? "jsonl" : "json");
    json_t *file = json_object();
    json_set(file, ODK_STR("name"), json_string(name));
    json_set(file, ODK_STR("records"), records);
    json_append(files, file);
}

/* The items that were read and never began. */
static json_t *
pending(const struct interpreter_line *map)
{
    json_t *records = json_array();
    int64_t n = interpreter_items_length(map->items);

    for (int64_t i = map->taken; i < n; i++) {
        int64_t index = map->n_started + i - map->taken;
        json_t *item = interpreter_item(map, i, map->n_items + i - map->taken);
        json_append(records,
                    record_of(map, index,
                              json_get(json_get(item, "Item"), "Value"),
                              "PENDING"));
        json_decref(item);
    }
    return records;
}

static int64_t
list_bytes(const json_t *list)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        bytes += (int64_t)json_dump_size(json_array_get(list, i)) + 1;
    }
    return bytes;
}

int64_t
interpreter_results_bytes(const struct interpreter_line *map)
{
    return list_bytes(map->results) + list_bytes(map->failures);
}

bool
interpreter_results_fit(const struct interpreter_line *map)
{
    return map->results_bytes <= INTERPRETER_WRITE_BYTES ||
           json_array_size(map->results) + json_array_size(map->failures) <= 1;
}

json_t *
interpreter_results_task(const struct interpreter_line *map, bool is_final)
{
    json_t *write = json_get(map->plan, "write");
    json_t *task = json_object();
    json_t *files = json_array();
    size_t bytes = 0;

    json_set(task, ODK_STR("bucket"), json_incref(json_get(write, "bucket")));
    json_set(task, ODK_STR("prefix"), json_incref(json_get(write, "prefix")));
    json_set(task, ODK_STR("type"), json_incref(json_get(write, "type")));
    put_file(files, map->results, "SUCCEEDED", map->n_succeeded_files, map,
             &bytes);
    put_file(files, map->failures, "FAILED", map->n_failed_files, map, &bytes);
    if (is_final) {
        json_t *records = pending(map);
        size_t of_its_own = 0;
        put_file(files, records, "PENDING", 0, map, &of_its_own);
        json_decref(records);
        json_set(task, ODK_STR("mapRunArn"), json_str_new(map->map_run));
    }
    json_set(task, ODK_STR("files"), files);
    return task;
}

/* ---- the state's result ---- */

static json_t *
exported(const struct interpreter_line *map)
{
    json_t *write = json_get(map->plan, "write");
    json_t *result = json_object();
    json_t *details = json_object();
    struct odk_buf key;

    odk_buf_init(&key, 0);
    odk_buf_put_str(&key, json_str(json_get(write, "prefix")));
    odk_buf_put_cstr(&key, "/manifest.json");
    json_set(details, ODK_STR("Bucket"),
             json_incref(json_get(write, "bucket")));
    json_set(details, ODK_STR("Key"), json_str_new(odk_buf_str(&key)));
    odk_buf_release(&key);
    json_set(result, ODK_STR("MapRunArn"), json_str_new(map->map_run));
    json_set(result, ODK_STR("ResultWriterDetails"), details);
    return result;
}

static json_t *
flattened(const json_t *results)
{
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(results); i++) {
        json_t *result = json_array_get(results, i);
        if (!json_is_array(result)) {
            json_append(out, json_incref(result));
        }
        for (size_t k = 0; k < json_array_size(result); k++) {
            json_append(out, json_incref(json_array_get(result, k)));
        }
    }
    return out;
}

/* JSON Lines within a state's result are one text. */
static json_t *
lines_of(const json_t *results)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    for (size_t i = 0; i < json_array_size(results); i++) {
        engine_texts_put(NULL, json_array_get(results, i), &text);
        odk_buf_put_char(&text, '\n');
    }
    json_t *out = json_str_new(odk_buf_str(&text));
    odk_buf_release(&text);
    return out;
}

json_t *
interpreter_map_result(const struct interpreter_line *map)
{
    json_t *write = json_get(map->plan, "write");

    if (interpreter_is_exporting(map)) {
        return exported(map);
    }
    json_t *results = transformation_is(map, "FLATTEN")
                          ? flattened(map->results)
                          : json_share_members(map->results);
    if (odk_str_is(json_str(json_get(write, "type")), "JSONL")) {
        json_t *lines = lines_of(results);
        json_decref(results);
        return lines;
    }
    return results;
}

/* ---- Map Runs ---- */

void
interpreter_note_run(struct interpreter *in, int32_t frame,
                     const struct engine_entry *entry)
{
    const struct interpreter_line *map = interpreter_line(in, frame);
    bool is_failed = entry->type == ENGINE_EV_MAP_RUN_FAILED ||
                     entry->type == ENGINE_EV_FACT_MAP_PLAN;
    const char *status = entry->type == ENGINE_EV_MAP_RUN_SUCCEEDED
                             ? "SUCCEEDED"
                         : is_failed ? "FAILED"
                                     : "ABORTED";
    json_t *run = json_object();
    json_t *runs = in->runs ? json_share_members(in->runs) : json_array();

    json_set(run, ODK_STR("mapRunArn"), json_str_new(map->map_run));
    json_set(run, ODK_STR("status"), json_string(status));
    json_set(run, ODK_STR("startDate"), json_integer(map->run_at));
    json_set(run, ODK_STR("stopDate"), json_integer(entry->ts));
    json_set(run, ODK_STR("started"), json_integer(map->n_started));
    json_set(run, ODK_STR("done"), json_integer(map->n_done));
    json_set(run, ODK_STR("failed"), json_integer(map->n_failed));
    json_set(run, ODK_STR("items"), json_integer(map->n_items));
    json_set(run, ODK_STR("pending"),
             json_integer(interpreter_items_length(map->items) - map->taken));
    json_append(runs, run);
    if (json_array_size(runs) > INTERPRETER_RUNS_MAX) {
        (void)json_array_remove(runs, 0);
    }
    json_decref(in->runs);
    in->runs = runs;
}
