#ifndef OBJECTS_OBJECTS_TASK_H
#define OBJECTS_OBJECTS_TASK_H

/*
 * Tasks of the queue odradek.objects, JSON in and JSON out.
 *
 * read-items: {"source": "OBJECT" | "LIST" | "INVENTORY" | "ATHENA", "bucket",
 * "key" or (LIST) "prefix", "flatten": true (LIST: the objects' items instead
 * of their names), "format": "CSV" | "JSON" | "JSONL", "delimiter", "headers"
 * (absent: the first row), "pointer", "maxItems", "maxBytes", "cursor" (what
 * the page before said)} gives {"items": an array, or an object of members,
 * "cursor": where the next page begins; absent: there is none}.
 *
 * write-results: {"bucket", "prefix", "type": "JSON" | "JSONL", "files":
 * [{"name", "records": [...]}], "mapRunArn" (the last one: puts manifest.json
 * over all files under the prefix, too)} gives {}.
 */

#include <jansson.h>

#include "objects/objects.h"

#define OBJECTS_QUEUE "odradek.objects"
#define OBJECTS_READ  "read-items"
#define OBJECTS_WRITE "write-results"

/** The error with which a worker answers; its cause is a sentence. */
#define OBJECTS_ERROR "Odradek.ObjectsFailed"

/** Does a task; *out is a new value. An error's message is the cause that a
 * workflow sees. ODK_EINVAL: no such type, or an input that is none. */
int objects_task(struct objects *objects, struct odk_str type, json_t *input,
                 json_t **out, struct odk_err *err) ODK_MUST_USE;

#endif
