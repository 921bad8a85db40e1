#include <stdlib.h>

#include "expr/expr_priv.h"

static size_t
count_chars(struct odk_str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    }
    return n;
}

/* A string argument within the quota of Hash and Base64*. */
static bool
want_short_string(const struct expr_call *call, size_t i, struct odk_str *out)
{
    if (!expr_want_string(call, i, out)) {
        return false;
    }
    if (out->len > EXPR_TEXT_CHARS_MAX &&
        count_chars(*out) > EXPR_TEXT_CHARS_MAX) {
        (void)expr_call_fail(call, "Argument %zu is longer than %d characters",
                             i + 1, EXPR_TEXT_CHARS_MAX);
        return false;
    }
    return true;
}

/* A new string of what was built, or NULL when it is too long or no text. */
static json_t *
take_text(struct odk_buf *buf)
{
    json_t *text = !odk_buf_failed(buf) && odk_str_is_utf8(odk_buf_str(buf))
                       ? json_str_new(odk_buf_str(buf))
                       : NULL;

    odk_buf_release(buf);
    return text;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
expr_base64_encode(const struct expr_call *call, json_t **out)
{
    struct odk_str data = {0};
    struct odk_buf text;

    if (!want_short_string(call, 0, &data)) {
        return ODK_EINVAL;
    }
    odk_buf_init(&text, 0);
    for (size_t i = 0; i < data.len; i += 3) {
        size_t n = data.len - i < 3 ? data.len - i : 3;
        uint32_t word = 0;
        for (size_t k = 0; k < 3; k++) {
            word = word << 8 | (k < n ? (unsigned char)data.ptr[i + k] : 0);
        }
        for (size_t k = 0; k < 4; k++) {
            odk_buf_put_char(&text,
                             k <= n ? base64_digits[word >> 18 & 63] : '=');
            word <<= 6;
        }
    }
    *out = take_text(&text);
    return 0;
}

static bool
decode(struct odk_str text, struct odk_buf *out)
{
    uint32_t word = 0;
    unsigned bits = 0;

    while (text.len > 0 && text.ptr[text.len - 1] == '=') {
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char *found =
            text.ptr[i] ? strchr(base64_digits, text.ptr[i]) : NULL;
        if (!found) {
            return false;
        }
        word = word << 6 | (uint32_t)(found - base64_digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            odk_buf_put_char(out, (char)(word >> bits & 0xFF));
        }
    }
    return text.len % 4 != 1;
}

int
expr_base64_decode(const struct expr_call *call, json_t **out)
{
    struct odk_str text = {0};
    struct odk_buf data;

    if (!want_short_string(call, 0, &text)) {
        return ODK_EINVAL;
    }
    odk_buf_init(&data, 0);
    if (!decode(text, &data)) {
        odk_buf_release(&data);
        return expr_call_fail(call, "The argument is not Base64");
    }
    *out = take_text(&data);
    return *out ? 0
                : expr_call_fail(call, "The decoded data is not UTF-8 text");
}

/* A string is hashed as it is, any other value as its JSON text. */
int
expr_hash(const struct expr_call *call, json_t **out)
{
    static const struct {
        struct odk_str name;
        enum odk_digest digest;
    } algorithms[] = {
        {ODK_STR_INIT("MD5"), ODK_DIGEST_MD5},
        {ODK_STR_INIT("SHA-1"), ODK_DIGEST_SHA1},
        {ODK_STR_INIT("SHA-256"), ODK_DIGEST_SHA256},
        {ODK_STR_INIT("SHA-384"), ODK_DIGEST_SHA384},
        {ODK_STR_INIT("SHA-512"), ODK_DIGEST_SHA512},
    };

    uint8_t digest[ODK_DIGEST_BYTES_MAX];
    char hex[2 * ODK_DIGEST_BYTES_MAX + 1];
    struct odk_str name = {0};
    struct odk_buf data;
    size_t i = 0;

    if (!expr_want_string(call, 1, &name)) {
        return ODK_EINVAL;
    }
    while (i < ODK_ARRAY_LEN(algorithms) &&
           !odk_str_eq(algorithms[i].name, name)) {
        i++;
    }
    if (i == ODK_ARRAY_LEN(algorithms)) {
        return expr_call_fail(call,
                              "The hash algorithm must be one of MD5, SHA-1, "
                              "SHA-256, SHA-384, SHA-512");
    }
    odk_buf_init(&data, 0);
    if (json_is_string(call->arguments[0])) {
        odk_buf_put_str(&data, json_str(call->arguments[0]));
    } else {
        json_put(&data, call->arguments[0]);
    }
    bool is_short = count_chars(odk_buf_str(&data)) <= EXPR_TEXT_CHARS_MAX;
    size_t len = odk_digest(algorithms[i].digest, odk_buf_str(&data), digest);
    odk_buf_release(&data);
    if (!is_short) {
        return expr_call_fail(call, "Argument 1 is longer than %d characters",
                              EXPR_TEXT_CHARS_MAX);
    }
    odk_hex(digest, len, hex);
    *out = json_str_new(odk_str_n(hex, 2 * len));
    return 0;
}

/* Only the shallow merge exists in the service; the second object wins. */
int
expr_json_merge(const struct expr_call *call, json_t **out)
{
    const json_t *first = expr_want_object(call, 0);
    const json_t *second = first ? expr_want_object(call, 1) : NULL;
    struct json_member_iter it;

    if (!second) {
        return ODK_EINVAL;
    }
    if (!json_is_false(call->arguments[2])) {
        return expr_call_fail(call, "Argument 3 must be false: only a shallow "
                                    "merge is supported");
    }
    *out = json_share_members(first);
    for (json_member_first(&it, second); it.value; json_member_next(&it)) {
        json_set(*out, it.key, json_incref(it.value));
    }
    return 0;
}

static bool
is_blank(struct odk_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!strchr(" \t\r\n", s.ptr[i]) || s.ptr[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* Nothing but white space is null (recorded). */
int
expr_string_to_json(const struct expr_call *call, json_t **out)
{
    struct odk_str text = {0};
    struct odk_err err = {0};

    if (!expr_want_string(call, 0, &text)) {
        return ODK_EINVAL;
    }
    *out = is_blank(text) ? json_null() : json_parse(text, &err);
    return *out ? 0
                : expr_call_fail(call, "The argument is not JSON: %s",
                                 err.message);
}

int
expr_json_to_string(const struct expr_call *call, json_t **out)
{
    struct odk_buf text;

    odk_buf_init(&text, 0);
    if (json_dump(call->arguments[0], &text) != 0) {
        odk_buf_release(&text);
        return expr_call_fail(call, "The value is nested too deep");
    }
    *out = take_text(&text);
    return 0;
}

/* Bytes of the character at s. */
static size_t
char_len(struct odk_str s)
{
    size_t n = 1;

    while (n < s.len && ((unsigned char)s.ptr[n] & 0xC0) == 0x80) {
        n++;
    }
    return n;
}

/* Every character of the second argument separates; empty parts are dropped
 * (recorded: ",,,," gives []). */
int
expr_string_split(const struct expr_call *call, json_t **out)
{
    struct odk_str text = {0};
    struct odk_str separators = {0};
    size_t start = 0;
    size_t at = 0;

    if (!expr_want_string(call, 0, &text) ||
        !expr_want_string(call, 1, &separators)) {
        return ODK_EINVAL;
    }
    *out = json_array();
    while (at < text.len) {
        size_t len = char_len(odk_str_from(text, at));
        if (memmem(separators.ptr, separators.len, text.ptr + at, len)) {
            if (at > start) {
                json_append(*out, json_str_new(
                                      odk_str_n(text.ptr + start, at - start)));
            }
            start = at + len;
        }
        at += len;
    }
    if (at > start) {
        json_append(*out, json_str_new(odk_str_from(text, start)));
    }
    return 0;
}

static void
put_value(struct odk_buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        odk_buf_put_str(out, json_str(value));
    } else {
        json_put(out, value);
    }
}

/* Template with `{}` for the arguments in order; `\{`, `\}` and `\\` stand for
 * the character. */
int
expr_format(const struct expr_call *call, json_t **out)
{
    struct odk_str tmpl = {0};
    struct odk_buf text;
    size_t used = 1;
    size_t wanted = 1;

    if (!expr_want_string(call, 0, &tmpl)) {
        return ODK_EINVAL;
    }
    odk_buf_init(&text, 0);
    for (size_t i = 0; i < tmpl.len; i++) {
        char c = tmpl.ptr[i];
        char next = i + 1 < tmpl.len ? tmpl.ptr[i + 1] : '\0';
        if (c == '\\' && (next == '{' || next == '}' || next == '\\')) {
            odk_buf_put_char(&text, next);
            i++;
        } else if (c == '{' && next == '}') {
            if (used < call->node->n_arguments) {
                put_value(&text, call->arguments[used++]);
            }
            wanted++;
            i++;
        } else {
            odk_buf_put_char(&text, c);
        }
    }
    if (wanted != call->node->n_arguments) {
        odk_buf_release(&text);
        return expr_call_fail(call,
                              "The template has %zu placeholders for %zu "
                              "arguments",
                              wanted - 1, call->node->n_arguments - 1);
    }
    *out = take_text(&text);
    return 0;
}
