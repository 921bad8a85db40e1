/*
 * The chain hash of a run: chain n = SHA-256(chain n-1, skeleton n). A skeleton
 * is the text of a transition's entries in which each payload is replaced by
 * the 32 bytes of its own SHA-256: whoever erases a payload later and keeps its
 * hash can still verify the chain.
 */

#include "engine/engine_priv.h"

void
engine_write(struct engine *engine, const struct engine_entry *entry)
{
    struct engine_step_scratch *step = &engine->step;

    odk_buf_put_char(&step->entries, step->n_entries++ == 0 ? '[' : ',');
    engine_entry_write(entry, &engine->texts, &step->entries, &step->spans);
}

static struct odk_str
text_of(const struct engine_step_scratch *step, size_t span)
{
    return odk_str_n(step->entries.ptr + step->spans.list[span].offset,
                     step->spans.list[span].len);
}

/* The same payload stands in several entries of a step: hash it once. */
#define CHAIN_KNOWN_MAX 4

struct known {
    struct {
        struct odk_str text;
        uint8_t hash[ODK_SHA256_BYTES];
    } list[CHAIN_KNOWN_MAX];

    size_t n; /**< hashed so far; the newest are in the list */
};

static const uint8_t *
hash_of(struct odk_str text, struct known *known)
{
    size_t n = known->n < CHAIN_KNOWN_MAX ? known->n : CHAIN_KNOWN_MAX;

    for (size_t i = 0; i < n; i++) {
        if (odk_str_eq(text, known->list[i].text)) {
            return known->list[i].hash;
        }
    }
    size_t at = known->n++ % CHAIN_KNOWN_MAX;
    known->list[at].text = text;
    odk_sha256(text, ODK_STR(""), known->list[at].hash);
    return known->list[at].hash;
}

void
engine_seal(struct engine *engine)
{
    struct engine_step_scratch *step = &engine->step;
    struct known known = {.n = 0};
    uint8_t digest[ODK_SHA256_BYTES];
    size_t from = 0;

    odk_buf_clear(&step->skeleton);
    for (size_t i = 0; i < step->spans.n; i++) {
        const struct engine_span *span = &step->spans.list[i];
        odk_buf_put(&step->skeleton, step->entries.ptr + from,
                    span->offset - from);
        odk_buf_put(&step->skeleton, hash_of(text_of(step, i), &known),
                    ODK_SHA256_BYTES);
        from = span->offset + span->len;
    }
    odk_buf_put(&step->skeleton, step->entries.ptr + from,
                step->entries.len - from);
    engine->version++;
    odk_sha256(odk_str_n(engine->chain, sizeof(engine->chain)),
               odk_buf_str(&step->skeleton), digest);
    memcpy(engine->chain, digest, sizeof(digest));
}
