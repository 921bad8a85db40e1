#include "registry/registry.h"

#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "base/base.h"
#include "codec/codec.h"
#include "registry/registry_http.h"

#define REGISTRY_MAGIC         0x72677374u
#define TIMEOUT_MS_DEFAULT     5000
#define CONNECT_MS_DEFAULT     2000
#define UNKNOWN_MS_DEFAULT     60000
#define RESPONSE_BYTES_DEFAULT ((size_t)1024 * 1024)
/** A power of two; an id that falls on another's place pushes it out. */
#define UNKNOWN_MAX       1024u
#define MESSAGE_BYTES_MAX 200

/** An id that was of no use lately. */
struct unknown_id {
    uint32_t id;
    int code;      /**< what learning it returned; 0 = empty place */
    int64_t until; /**< monotonic, ms */
};

struct registry {
    uint32_t magic;
    struct registry_http *http;
    odk_dur_ms unknown_ms;
    uint64_t spared;
    struct unknown_id unknown[UNKNOWN_MAX];
};

static int64_t
monotonic_ms(void)
{
    struct timespec now;
    int ret = clock_gettime(CLOCK_MONOTONIC, &now);

    odk_assert(ret == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
registry_new(const struct registry_options *options, struct registry **out,
             struct odk_err *err)
{
    struct registry_options filled = *options;
    struct registry *registry = calloc(1, sizeof(*registry));

    *out = NULL;
    if (!registry) {
        odk_out_of_memory();
    }
    filled.timeout_ms =
        filled.timeout_ms ? filled.timeout_ms : TIMEOUT_MS_DEFAULT;
    filled.connect_ms =
        filled.connect_ms ? filled.connect_ms : CONNECT_MS_DEFAULT;
    filled.response_bytes_max = filled.response_bytes_max
                                    ? filled.response_bytes_max
                                    : RESPONSE_BYTES_DEFAULT;
    registry->magic = REGISTRY_MAGIC;
    registry->unknown_ms =
        filled.unknown_ms ? filled.unknown_ms : UNKNOWN_MS_DEFAULT;
    int ret = registry_http_new(&filled, &registry->http, err);
    if (ret < 0) {
        registry_free(registry);
        return odk_err_wrap(err, ret, "schema registry");
    }
    *out = registry;
    return 0;
}

void
registry_free(struct registry *registry)
{
    if (!registry) {
        return;
    }
    odk_assert(registry->magic == REGISTRY_MAGIC);
    registry_http_free(registry->http);
    registry->magic = 0;
    free(registry);
}

static struct unknown_id *
place_of(struct registry *registry, uint32_t id)
{
    return &registry->unknown[odk_mix64(id) & (UNKNOWN_MAX - 1)];
}

static bool
is_lasting(int code)
{
    return code == ODK_ENOTFOUND || code == ODK_ESCHEMA ||
           code == ODK_EUNSUPPORTED;
}

/* The registry's own words on an error, or its status. */
static int
refused(int code, long status, const json_t *answer, const char *what,
        struct odk_err *err)
{
    const char *message = json_string_value(json_object_get(answer, "message"));

    return odk_err_set(err, code, "schema registry: %s: %.*s (HTTP status %ld)",
                       what, MESSAGE_BYTES_MAX, message ? message : "refused",
                       status);
}

static int
code_of_status(long status)
{
    switch (status) {
    case 401:
    case 403:
        return ODK_EAUTH;
    case 404:
        return ODK_ENOTFOUND;
    case 409:
    case 422:
        return ODK_ESCHEMA;
    case 408:
    case 429:
        return ODK_EAGAIN;
    default:
        return ODK_EIO;
    }
}

/* Asks, and parses the answer: *out is the caller's to release. */
static int
ask(struct registry *registry, struct odk_str path, struct odk_str body,
    const char *what, json_t **out, struct odk_err *err)
{
    struct odk_str text;
    long status;

    *out = NULL;
    int ret =
        registry_http_ask(registry->http, path, body, &status, &text, err);
    if (ret < 0) {
        return ret;
    }
    json_t *answer = json_loadb(text.ptr, text.len, 0, NULL);
    if (status != 200) {
        ret = refused(code_of_status(status), status, answer, what, err);
        json_decref(answer);
        return ret;
    }
    if (!json_is_object(answer)) {
        json_decref(answer);
        return odk_err_set(err, ODK_EIO,
                           "schema registry: %s: the answer is no JSON object",
                           what);
    }
    *out = answer;
    return 0;
}

/* Gives the schema in an answer to the codec, under id. */
static int
take_schema(struct codec *codec, uint32_t id, const json_t *answer,
            struct odk_err *err)
{
    const json_t *schema = json_object_get(answer, "schema");
    const char *type = json_string_value(json_object_get(answer, "schemaType"));
    uint64_t fingerprint;

    if (type && !odk_str_is(odk_str(type), "AVRO")) {
        return odk_err_set(err, ODK_EUNSUPPORTED, "a schema of type %.20s",
                           type);
    }
    if (json_array_size(json_object_get(answer, "references"))) {
        return odk_err_set(err, ODK_EUNSUPPORTED,
                           "a schema that refers to others");
    }
    if (!json_is_string(schema)) {
        return odk_err_set(err, ODK_EIO, "an answer without a schema");
    }
    int ret = codec_add_writer_schema(
        codec, odk_str_n(json_string_value(schema), json_string_length(schema)),
        &fingerprint, err);
    return ret < 0 ? ret : codec_map_id(codec, id, fingerprint, err);
}

static int
fetch_id(struct registry *registry, struct codec *codec, uint32_t id,
         struct odk_err *err)
{
    struct odk_buf path;
    json_t *answer;

    odk_buf_init(&path, 0);
    odk_buf_printf(&path, "/schemas/ids/%lu", (unsigned long)id);
    int ret = ask(registry, odk_buf_str(&path), (struct odk_str){0},
                  "looking up an id", &answer, err);
    if (ret == 0) {
        ret = take_schema(codec, id, answer, err);
    }
    json_decref(answer);
    odk_buf_release(&path);
    return ret < 0 ? odk_err_wrap(err, ret, "schema id %lu", (unsigned long)id)
                   : 0;
}

int
registry_learn_id(struct registry *registry, struct codec *codec, uint32_t id,
                  struct odk_err *err)
{
    odk_assert(registry->magic == REGISTRY_MAGIC);
    struct unknown_id *place = place_of(registry, id);
    int64_t now = monotonic_ms();

    if (codec_has_id(codec, id)) {
        return 0;
    }
    if (place->code && place->id == id && now < place->until) {
        registry->spared++;
        return odk_err_set(err, place->code,
                           "schema id %lu was of no use lately; it is asked "
                           "for again in %lld ms",
                           (unsigned long)id, (long long)(place->until - now));
    }
    int ret = fetch_id(registry, codec, id, err);
    if (is_lasting(ret)) {
        *place = (struct unknown_id){id, ret,
                                     odk_time_add(now, registry->unknown_ms)};
    }
    return ret;
}

void
registry_subject(struct odk_str topic, enum codec_kind kind,
                 struct odk_buf *out)
{
    odk_buf_put_str(out, topic);
    odk_buf_put_char(out, '-');
    odk_buf_put_cstr(out, codec_kind_full_name(kind));
}

static void
put_subject_path(struct odk_str topic, enum codec_kind kind,
                 enum registry_missing missing, struct odk_buf *path)
{
    struct odk_buf subject;

    odk_buf_init(&subject, 0);
    registry_subject(topic, kind, &subject);
    odk_buf_put_cstr(path, "/subjects/");
    registry_http_put_segment(path, odk_buf_str(&subject));
    if (missing == REGISTRY_ADD) {
        odk_buf_put_cstr(path, "/versions");
    }
    odk_buf_release(&subject);
}

static int
take_id(struct codec *codec, enum codec_kind kind, const json_t *answer,
        struct odk_err *err)
{
    const json_t *id = json_object_get(answer, "id");
    json_int_t value = json_integer_value(id);

    if (!json_is_integer(id) || value < 0 || value > UINT32_MAX) {
        return odk_err_set(err, ODK_EIO,
                           "schema registry: an answer without an id");
    }
    return codec_map_id(codec, (uint32_t)value, codec_fingerprint(kind), err);
}

int
registry_learn_kind(struct registry *registry, struct codec *codec,
                    struct odk_str topic, enum codec_kind kind,
                    enum registry_missing missing, struct odk_err *err)
{
    odk_assert(registry->magic == REGISTRY_MAGIC);
    struct odk_buf path;
    struct odk_buf body;
    json_t *answer;

    odk_buf_init(&path, 0);
    odk_buf_init(&body, 0);
    put_subject_path(topic, kind, missing, &path);
    odk_buf_put_cstr(&body, "{\"schema\":");
    odk_buf_put_json_str(&body, codec_schema_json(kind));
    odk_buf_put_char(&body, '}');
    int ret = ask(registry, odk_buf_str(&path), odk_buf_str(&body),
                  missing == REGISTRY_ADD ? "registering a schema"
                                          : "looking up a schema",
                  &answer, err);
    if (ret == 0) {
        ret = take_id(codec, kind, answer, err);
    }
    json_decref(answer);
    odk_buf_release(&path);
    odk_buf_release(&body);
    return ret < 0 ? odk_err_wrap(err, ret, "%s on %.*s", codec_kind_name(kind),
                                  ODK_STR_ARG(topic))
                   : 0;
}

struct registry_stats
registry_stats(const struct registry *registry)
{
    struct registry_stats out = {.spared = registry->spared};

    registry_http_count(registry->http, &out.requests, &out.failures);
    return out;
}
