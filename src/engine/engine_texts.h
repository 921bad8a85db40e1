#ifndef ENGINE_TEXTS_H
#define ENGINE_TEXTS_H

/*
 * The JSON texts of the payloads of one step. A payload that appears in several
 * entries and in the state is written once and copied then. Values are held by
 * reference, so that an address cannot come to mean another value.
 */

#include <jansson.h>

#include "base/base.h"

#define ENGINE_TEXTS_MAX 16

struct engine_texts {
    struct {
        json_t *value;
        size_t offset;
        size_t len;
    } list[ENGINE_TEXTS_MAX];

    size_t n;
    struct odk_buf buf;
};

void engine_texts_init(struct engine_texts *texts);
void engine_texts_release(struct engine_texts *texts);
void engine_texts_clear(struct engine_texts *texts);

/** Appends value as compact JSON, "null" for NULL. texts may be NULL. */
void engine_texts_put(struct engine_texts *texts, json_t *value,
                      struct odk_buf *out);

/** Bytes of value as compact JSON. */
size_t engine_texts_size(struct engine_texts *texts, json_t *value);

#endif
