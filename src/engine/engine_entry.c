#include "engine/engine_entry.h"

#include <stddef.h>

#include "engine/engine_priv.h"
#include "json/json.h"

enum field_kind {
    FIELD_I32,
    FIELD_I64,
    FIELD_I64Z, /**< zero is a value; only written by types that have it */
    FIELD_U64,
    FIELD_STR,
    FIELD_JSON,
};

enum field_place {
    PLACE_TOP,
    PLACE_DETAILS, /**< of an event; a fact is flat */
};

struct field {
    struct odk_str key; /**< with quotes and colon: `"id":` */
    const char *name;
    size_t offset;
    enum field_kind kind;
    enum field_place place;
};

static const struct field fields[ENGINE_FIELD_COUNT] = {
#define X(member, key, kind, place)                                            \
    {ODK_STR_INIT("\"" key "\":"), key, offsetof(struct engine_entry, member), \
     FIELD_##kind, PLACE_##place},
    ENGINE_FIELD_TABLE(X)
#undef X
};

static const struct {
    struct odk_str name;
    enum engine_entry_class class_;
    uint64_t fields;
} types[ENGINE_EV_COUNT] = {
    [ENGINE_EV_NONE] = {ODK_STR_INIT(""), ENGINE_CLASS_FACT, 0},

#define X(constant, text, class, mask)                                         \
    [ENGINE_EV_##constant] = {ODK_STR_INIT(text), ENGINE_CLASS_##class, (mask)},
    ENGINE_ENTRY_TABLE(X)
#undef X
};

struct odk_str
engine_entry_name(enum engine_entry_type type)
{
    return types[type].name;
}

enum engine_entry_class
engine_entry_class(enum engine_entry_type type)
{
    return types[type].class_;
}

uint64_t
engine_entry_fields(enum engine_entry_type type)
{
    return types[type].fields;
}

static const void *
member_of(const struct engine_entry *entry, const struct field *field)
{
    return (const char *)entry + field->offset;
}

static bool
is_present(const struct engine_entry *entry, const struct field *field)
{
    const void *at = member_of(entry, field);

    switch (field->kind) {
    case FIELD_I32:
        return *(const int32_t *)at != 0;
    case FIELD_I64:
        return *(const int64_t *)at != 0;
    case FIELD_I64Z:
        return *(const int64_t *)at >= 0;
    case FIELD_U64:
        return *(const uint64_t *)at != 0;
    case FIELD_STR:
        return ((const struct odk_str *)at)->ptr != NULL;
    case FIELD_JSON:
        return *(json_t *const *)at != NULL;
    }
    return false;
}

static void
put_payload(json_t *value, struct engine_texts *texts, struct odk_buf *out,
            struct engine_spans *spans)
{
    struct engine_span *span = engine_grow((void **)&spans->list, &spans->n,
                                           &spans->size, sizeof(*span));

    span->offset = out->len;
    engine_texts_put(texts, value, out);
    span->len = out->len - span->offset;
}

static void
put_field(const struct engine_entry *entry, const struct field *field,
          struct engine_texts *texts, struct odk_buf *out,
          struct engine_spans *spans)
{
    const void *at = member_of(entry, field);

    odk_buf_put_str(out, field->key);
    switch (field->kind) {
    case FIELD_I32:
        odk_buf_put_i64(out, *(const int32_t *)at);
        break;
    case FIELD_I64:
    case FIELD_I64Z:
        odk_buf_put_i64(out, *(const int64_t *)at);
        break;
    case FIELD_U64:
        odk_buf_put_u64(out, *(const uint64_t *)at);
        break;
    case FIELD_STR:
        odk_buf_put_json_str(out, *(const struct odk_str *)at);
        break;
    case FIELD_JSON:
        put_payload(*(json_t *const *)at, texts, out, spans);
        break;
    }
}

/* Where an entry is written. */
struct writer {
    const struct engine_entry *entry;
    struct engine_texts *texts;
    struct odk_buf *out;
    struct engine_spans *spans;
};

/* Writes the fields of mask that are present. */
static void
put_fields(const struct writer *w, uint64_t mask, bool is_first)
{
    while (mask != 0) {
        int bit = __builtin_ctzll(mask);
        mask &= mask - 1;
        if (!is_present(w->entry, &fields[bit])) {
            continue;
        }
        if (!is_first) {
            odk_buf_put_char(w->out, ',');
        }
        put_field(w->entry, &fields[bit], w->texts, w->out, w->spans);
        is_first = false;
    }
}

static uint64_t
details_mask(void)
{
#define X(member, key, kind, place)                                            \
    | (PLACE_##place == PLACE_DETAILS ? ENGINE_F(member) : 0)
    return 0 ENGINE_FIELD_TABLE(X);
#undef X
}

void
engine_entry_write(const struct engine_entry *entry, struct engine_texts *texts,
                   struct odk_buf *out, struct engine_spans *spans)
{
    struct writer w = {entry, texts, out, spans};
    uint64_t mask = types[entry->type].fields;
    bool is_fact = types[entry->type].class_ == ENGINE_CLASS_FACT;

    odk_assert(entry->type > ENGINE_EV_NONE && entry->type < ENGINE_EV_COUNT);
    if (is_fact) {
        odk_buf_put_cstr(out, "{\"fact\":\"");
        odk_buf_put_str(out, types[entry->type].name);
        odk_buf_put_cstr(out, "\",\"ts\":");
        odk_buf_put_i64(out, entry->ts);
        put_fields(&w, mask, false);
        odk_buf_put_char(out, '}');
        return;
    }
    odk_buf_put_cstr(out, entry->id >= ENGINE_HIDDEN_ID
                              ? "{\"fact\":\"hidden\",\"id\":"
                              : "{\"id\":");
    odk_buf_put_i64(out, entry->id);
    odk_buf_put_cstr(out, ",\"prev\":");
    odk_buf_put_i64(out, entry->prev);
    odk_buf_put_cstr(out, ",\"type\":\"");
    odk_buf_put_str(out, types[entry->type].name);
    odk_buf_put_cstr(out, "\",\"ts\":");
    odk_buf_put_i64(out, entry->ts);
    put_fields(&w, mask & ~details_mask(), false);
    odk_buf_put_cstr(out, ",\"details\":{");
    put_fields(&w, mask & details_mask(), true);
    odk_buf_put_cstr(out, "}}");
}

static int
read_field(const struct field *field, json_t *value, struct engine_entry *out)
{
    void *at = (char *)out + field->offset;

    switch (field->kind) {
    case FIELD_I32:
        *(int32_t *)at = (int32_t)json_integer_value(value);
        return json_is_integer(value) ? 0 : -1;
    case FIELD_I64:
    case FIELD_I64Z:
        *(int64_t *)at = json_integer_value(value);
        return json_is_integer(value) ? 0 : -1;
    case FIELD_U64:
        *(uint64_t *)at = (uint64_t)json_integer_value(value);
        return json_is_integer(value) ? 0 : -1;
    case FIELD_STR:
        *(struct odk_str *)at = json_str(value);
        return json_is_string(value) ? 0 : -1;
    case FIELD_JSON:
        *(json_t **)at = value;
        return 0;
    }
    return -1;
}

static enum engine_entry_type
find_type(struct odk_str name, bool is_fact)
{
    for (int i = 1; i < ENGINE_EV_COUNT; i++) {
        if ((types[i].class_ == ENGINE_CLASS_FACT) == is_fact &&
            odk_str_eq(types[i].name, name)) {
            return (enum engine_entry_type)i;
        }
    }
    return ENGINE_EV_NONE;
}

int
engine_entry_read(json_t *value, struct engine_entry *out, struct odk_err *err)
{
    bool is_hidden = odk_str_is(json_str(json_get(value, "fact")), "hidden");
    json_t *fact = is_hidden ? NULL : json_get(value, "fact");
    struct odk_str name = json_str(fact ? fact : json_get(value, "type"));
    json_t *details = fact ? value : json_get(value, "details");

    *out = (struct engine_entry){.index = -1, .length = -1};
    out->type = name.ptr ? find_type(name, fact != NULL) : ENGINE_EV_NONE;
    if (out->type == ENGINE_EV_NONE) {
        return odk_err_set(err, ODK_ECORRUPT, "unknown history entry '%.*s'",
                           ODK_STR_ARG(name));
    }
    out->id = json_integer_value(json_get(value, "id"));
    out->prev = json_integer_value(json_get(value, "prev"));
    out->ts = json_integer_value(json_get(value, "ts"));
    for (uint64_t mask = types[out->type].fields; mask != 0; mask &= mask - 1) {
        const struct field *field = &fields[__builtin_ctzll(mask)];
        json_t *member = json_get(
            field->place == PLACE_DETAILS ? details : value, field->name);
        if (member && read_field(field, member, out) != 0) {
            return odk_err_set(err, ODK_ECORRUPT,
                               "history entry '%.*s': bad '%s'",
                               ODK_STR_ARG(name), field->name);
        }
    }
    return 0;
}
