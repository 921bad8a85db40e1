#include "relay/relay_letter.h"

#include <stdio.h>

/* Keys beyond it are left out of a letter that is too large as a whole. */
#define KEY_BYTES_MAX 65536u
/* Headers that refer_to_origin and add_origin write. */
#define OUR_HEADERS 9u

static size_t
message_bytes(const struct bus_message *message)
{
    size_t bytes = message->key.len + message->value.len;

    for (size_t i = 0; i < message->n_headers; i++) {
        bytes += message->headers[i].name.len + message->headers[i].value.len;
    }
    return bytes;
}

static struct odk_str
keep(struct odk_arena *arena, const char *text)
{
    struct odk_str kept = odk_arena_str(arena, odk_str(text));

    odk_assert(kept.ptr);
    return kept;
}

static struct odk_str
number_text(struct odk_arena *arena, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    return keep(arena, text);
}

static struct odk_str
sha256_text(struct odk_arena *arena, struct odk_str bytes)
{
    uint8_t digest[ODK_SHA256_BYTES];
    char text[2 * ODK_SHA256_BYTES + 1];

    odk_sha256(bytes, ODK_STR(""), digest);
    odk_hex(digest, sizeof(digest), text);
    return keep(arena, text);
}

static void
refer_to_origin(const struct bus_message *message, struct odk_arena *arena,
                struct bus_record *record, struct bus_header *headers)
{
    const struct bus_header reference[] = {
        {ODK_STR("odk-value-bytes"), number_text(arena, message->value.len)},
        {ODK_STR("odk-value-sha256"), sha256_text(arena, message->value)},
        {ODK_STR("odk-headers-left-out"),
         number_text(arena, message->n_headers)},
    };

    memcpy(headers, reference, sizeof(reference));
    record->n_headers = ODK_ARRAY_LEN(reference);
    record->value = (struct odk_str){0};
    if (record->key.len > KEY_BYTES_MAX) {
        record->key = (struct odk_str){0};
    }
}

static void
add_origin(const struct relay_letter *letter, struct odk_arena *arena,
           struct bus_record *record, struct bus_header *headers)
{
    const struct bus_message *message = letter->message;
    char source[400];
    int len = snprintf(source, sizeof(source), "binding/%.*s/%d/%.*s/%d",
                       ODK_STR_ARG(letter->binding), letter->incarnation,
                       ODK_STR_ARG(letter->topic), message->partition);
    const struct bus_header origin[] = {
        {ODK_STR("odk-origin-topic"), letter->topic},
        {ODK_STR("odk-origin-partition"),
         number_text(arena, (uint64_t)message->partition)},
        {ODK_STR("odk-origin-offset"),
         number_text(arena, (uint64_t)message->offset)},
        {ODK_STR("odk-error-code"), letter->code},
        {ODK_STR("odk-error"), letter->text},
        {ODK_STR("odk-source"), keep(arena, source)},
    };

    odk_assert(len > 0 && (size_t)len < sizeof(source));
    memcpy(headers + record->n_headers, origin, sizeof(origin));
    record->n_headers += ODK_ARRAY_LEN(origin);
}

void
relay_letter_make(const struct relay_letter *letter, struct odk_arena *arena,
                  struct bus_record *out)
{
    const struct bus_message *message = letter->message;
    struct bus_header *headers = odk_arena_calloc(
        arena, message->n_headers + OUR_HEADERS, sizeof(*headers));

    odk_assert(headers);
    *out = (struct bus_record){.shard = -1,
                               .key = message->key,
                               .value = message->value,
                               .headers = headers,
                               .n_headers = message->n_headers};
    if (message_bytes(message) > letter->bytes_max) {
        refer_to_origin(message, arena, out, headers);
    } else if (message->n_headers > 0) {
        memcpy(headers, message->headers,
               message->n_headers * sizeof(*headers));
    }
    add_origin(letter, arena, out, headers);
}
