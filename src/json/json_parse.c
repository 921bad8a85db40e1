/*
 * A recursive-descent parser of RFC 8259 that builds jansson's values. The text
 * is checked to be UTF-8 once, so that strings without escapes are taken as
 * they are.
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "json/json.h"
#include "json/json_priv.h"

struct json_parser {
    const char *at;
    const char *end;
    const char *start;
    bool is_strict;
    bool keeps_halves;
    const char *problem; /**< set once: what is wrong at `at` */
    int code;
    struct odk_buf scratch; /**< strings with escapes */
    struct odk_buf key;     /**< the same for keys, while its value is parsed */
};

static json_t *parse_value(struct json_parser *p, unsigned depth);

static json_t *
fail_code(struct json_parser *p, int code, const char *problem)
{
    if (!p->problem) {
        p->problem = problem;
        p->code = code;
    }
    return NULL;
}

static json_t *
fail(struct json_parser *p, const char *problem)
{
    return fail_code(p, ODK_ESYNTAX, problem);
}

static void
skip_space(struct json_parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' ||
                              *p->at == '\t' || *p->at == '\r')) {
        p->at++;
    }
}

static bool
take(struct json_parser *p, char c)
{
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

static bool
parse_hex4(struct json_parser *p, uint32_t *out)
{
    uint32_t value = 0;

    if (p->end - p->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p->at[i];
        uint32_t digit = 0;
        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
            digit = (uint32_t)(c | 32) - 'a' + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    p->at += 4;
    *out = value;
    return true;
}

void
json_put_code_point(struct odk_buf *out, uint32_t code)
{
    char bytes[4];
    size_t n = 0;

    if (code < 0x80) {
        bytes[n++] = (char)code;
    } else if (code < 0x800) {
        bytes[n++] = (char)(0xC0 | code >> 6);
        bytes[n++] = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        bytes[n++] = (char)(0xE0 | code >> 12);
        bytes[n++] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[n++] = (char)(0x80 | (code & 0x3F));
    } else {
        bytes[n++] = (char)(0xF0 | code >> 18);
        bytes[n++] = (char)(0x80 | (code >> 12 & 0x3F));
        bytes[n++] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[n++] = (char)(0x80 | (code & 0x3F));
    }
    odk_buf_put(out, bytes, n);
}

/* Half a surrogate pair has no form in UTF-8: it becomes U+FFFD, because a
 * worker's answer with one in it must not be lost; unless it is to be kept. */
static bool
parse_unicode(struct json_parser *p, struct odk_buf *out)
{
    uint32_t code = 0;

    if (!parse_hex4(p, &code)) {
        return false;
    }
    if (code >= 0xD800 && code <= 0xDBFF && p->end - p->at >= 6 &&
        p->at[0] == '\\' && p->at[1] == 'u') {
        const char *mark = p->at;
        uint32_t low = 0;
        p->at += 2;
        if (!parse_hex4(p, &low)) {
            return false;
        }
        if (low >= 0xDC00 && low <= 0xDFFF) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        } else {
            p->at = mark;
        }
    }
    bool is_half = code >= 0xD800 && code <= 0xDFFF;
    json_put_code_point(out, is_half && !p->keeps_halves ? 0xFFFD : code);
    return true;
}

static bool
parse_escape(struct json_parser *p, struct odk_buf *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *found = NULL;

    if (p->at == p->end || *p->at == '\0') {
        return false;
    }
    if (take(p, 'u')) {
        return parse_unicode(p, out);
    }
    found = strchr(from, *p->at);
    if (!found) {
        return false;
    }
    odk_buf_put_char(out, to[found - from]);
    p->at++;
    return true;
}

/* End of the run of plain characters at the parser's place. */
static const char *
plain_end(const struct json_parser *p)
{
    const char *at = p->at;

    while (at < p->end && *at != '"' && *at != '\\' &&
           (unsigned char)*at >= 0x20) {
        at++;
    }
    return at;
}

/* Behind the opening quote. *out lives in the text, or in scratch. */
static bool
parse_string(struct json_parser *p, struct odk_buf *scratch,
             struct odk_str *out)
{
    const char *start = p->at;

    p->at = plain_end(p);
    if (p->at < p->end && *p->at == '"') {
        *out = odk_str_n(start, (size_t)(p->at - start));
        p->at++;
        return true;
    }
    odk_buf_clear(scratch);
    odk_buf_put(scratch, start, (size_t)(p->at - start));
    while (p->at < p->end && *p->at == '\\') {
        p->at++;
        if (!parse_escape(p, scratch)) {
            (void)fail(p, "invalid escape in a string");
            return false;
        }
        start = p->at;
        p->at = plain_end(p);
        odk_buf_put(scratch, start, (size_t)(p->at - start));
    }
    if (!take(p, '"')) {
        (void)fail(p, p->at == p->end ? "the string is not closed"
                                      : "control character in a string");
        return false;
    }
    *out = odk_buf_str(scratch);
    return true;
}

static bool
skip_digits(struct json_parser *p)
{
    const char *start = p->at;

    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        p->at++;
    }
    return p->at > start;
}

/* Checks the grammar of a number and moves behind it. */
static bool
scan_number(struct json_parser *p, bool *is_integer)
{
    *is_integer = true;
    (void)take(p, '-');
    if (!take(p, '0') && !skip_digits(p)) {
        return false;
    }
    if (take(p, '.')) {
        *is_integer = false;
        if (!skip_digits(p)) {
            return false;
        }
    }
    if (take(p, 'e') || take(p, 'E')) {
        *is_integer = false;
        if (!take(p, '+')) {
            (void)take(p, '-');
        }
        return skip_digits(p);
    }
    return true;
}

/* A decimal of at most 15 digits and a small exponent is one exactly rounded
 * multiplication or division away from its double (Clinger 1990). */
static bool
fast_double(struct odk_str text, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3, 1e4,  1e5,
                                    1e6,  1e7,  1e8,  1e9, 1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15};
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    int64_t mantissa = 0;
    size_t n_digits = 0;
    size_t n_fraction = 0;
    bool in_fraction = false;

    for (size_t i = is_negative; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.') {
            in_fraction = true;
        } else if (c >= '0' && c <= '9' && n_digits < 15) {
            mantissa = mantissa * 10 + (c - '0');
            n_digits++;
            n_fraction += in_fraction;
        } else {
            return false;
        }
    }
    *out = (double)mantissa / powers[n_fraction];
    if (is_negative) {
        *out = -*out;
    }
    return true;
}

bool
json_double_parse(struct odk_str text, double *out)
{
    char small[64];
    char *copy = small;

    if (fast_double(text, out)) {
        return true;
    }
    if (text.len >= sizeof(small)) {
        copy = malloc(text.len + 1);
        if (!copy) {
            odk_out_of_memory();
        }
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = strtod(copy, NULL);
    if (copy != small) {
        free(copy);
    }
    return isfinite(*out);
}

static json_t *
parse_number(struct json_parser *p)
{
    const char *start = p->at;
    bool is_integer = false;
    int64_t integer = 0;
    double real = 0;

    if (!scan_number(p, &is_integer)) {
        return fail(p, "malformed number");
    }
    struct odk_str text = odk_str_n(start, (size_t)(p->at - start));
    if (is_integer && odk_str_to_i64(text, &integer)) {
        return json_integer(integer);
    }
    if (!json_double_parse(text, &real)) {
        p->at = start;
        return fail(p, "the number is out of range");
    }
    return json_real(real);
}

static json_t *
parse_literal(struct json_parser *p)
{
    static const struct {
        struct odk_str text;
        int kind;
    } literals[] = {
        {ODK_STR_INIT("null"), 0},
        {ODK_STR_INIT("true"), 1},
        {ODK_STR_INIT("false"), 2},
    };
    struct odk_str rest = odk_str_n(p->at, (size_t)(p->end - p->at));

    for (size_t i = 0; i < ODK_ARRAY_LEN(literals); i++) {
        if (odk_str_starts(rest, literals[i].text)) {
            p->at += literals[i].text.len;
            return literals[i].kind == 0 ? json_null()
                                         : json_boolean(literals[i].kind == 1);
        }
    }
    return fail(p, p->at == p->end ? "a value is missing"
                                   : "not the beginning of a value");
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
parse_member(struct json_parser *p, json_t *object, unsigned depth)
{
    struct odk_str key = {0};
    struct odk_buf owned = {0};

    skip_space(p);
    if (!take(p, '"')) {
        (void)fail(p, "a key in quotes is missing");
        return false;
    }
    if (!parse_string(p, &p->key, &key)) {
        return false;
    }
    if (p->is_strict && json_object_getn(object, key.ptr, key.len)) {
        (void)fail(p, "the key occurs twice in its object");
        return false;
    }
    skip_space(p);
    if (!take(p, ':')) {
        (void)fail(p, "':' is missing");
        return false;
    }
    if (key.ptr == p->key.ptr) {
        /* The value's own keys need the buffer. */
        owned = p->key;
        odk_buf_init(&p->key, 0);
    }
    json_t *value = parse_value(p, depth);
    if (value) {
        json_set(object, key, value);
    }
    odk_buf_release(&owned);
    return value != NULL;
}

static json_t *
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
parse_object(struct json_parser *p, unsigned depth)
{
    json_t *object = json_object();

    p->at++;
    skip_space(p);
    if (take(p, '}')) {
        return object;
    }
    do {
        if (!parse_member(p, object, depth + 1)) {
            json_decref(object);
            return NULL;
        }
        skip_space(p);
    } while (take(p, ','));
    if (!take(p, '}')) {
        json_decref(object);
        return fail(p, "',' or '}' is missing");
    }
    return object;
}

static json_t *
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
parse_array(struct json_parser *p, unsigned depth)
{
    json_t *array = json_array();

    p->at++;
    skip_space(p);
    if (take(p, ']')) {
        return array;
    }
    do {
        json_t *value = parse_value(p, depth + 1);
        if (!value) {
            json_decref(array);
            return NULL;
        }
        json_append(array, value);
        skip_space(p);
    } while (take(p, ','));
    if (!take(p, ']')) {
        json_decref(array);
        return fail(p, "',' or ']' is missing");
    }
    return array;
}

static json_t *
// NOLINTNEXTLINE(misc-no-recursion): depth ≤ JSON_DEPTH_MAX
parse_value(struct json_parser *p, unsigned depth)
{
    struct odk_str text = {0};

    skip_space(p);
    char c = p->at < p->end ? *p->at : '\0';
    if ((c == '{' || c == '[') && depth >= JSON_DEPTH_MAX) {
        return fail_code(p, ODK_ELIMIT, "nested too deep");
    }
    if (c == '{') {
        return parse_object(p, depth);
    }
    if (c == '[') {
        return parse_array(p, depth);
    }
    if (c == '"') {
        p->at++;
        if (!parse_string(p, &p->scratch, &text)) {
            return NULL;
        }
        return p->keeps_halves ? json_wtf8_new(text) : json_str_new(text);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return parse_number(p);
    }
    return parse_literal(p);
}

static void
report(const struct json_parser *p, struct odk_err *err)
{
    size_t line = 1;
    size_t column = 1;

    for (const char *at = p->start; at < p->at; at++) {
        bool is_continuation = ((unsigned char)*at & 0xC0) == 0x80;
        column = *at == '\n' ? 1 : column + !is_continuation;
        line += *at == '\n';
    }
    (void)odk_err_set(err, p->code, "line %zu column %zu: %s", line, column,
                      p->problem);
}

static json_t *
parse(struct json_parser *p, struct odk_str text, struct odk_err *err)
{
    p->at = p->start = text.ptr;
    p->end = text.ptr + text.len;

    if (!odk_str_is_utf8(text)) {
        (void)odk_err_set(err, ODK_ESYNTAX, "the text is not UTF-8");
        return NULL;
    }
    json_t *value =
        text.len > 0 ? parse_value(p, 0) : fail(p, "a value is missing");
    if (value) {
        skip_space(p);
        if (p->at != p->end) {
            json_decref(value);
            value = fail(p, "more text behind the value");
        }
    }
    if (!value) {
        report(p, err);
    }
    odk_buf_release(&p->scratch);
    odk_buf_release(&p->key);
    return value;
}

json_t *
json_parse(struct odk_str text, struct odk_err *err)
{
    struct json_parser p = {.is_strict = false};

    return parse(&p, text, err);
}

json_t *
json_parse_strict(struct odk_str text, struct odk_err *err)
{
    struct json_parser p = {.is_strict = true};

    return parse(&p, text, err);
}

json_t *
json_parse_wtf8(struct odk_str text, struct odk_err *err)
{
    struct json_parser p = {.keeps_halves = true};

    return parse(&p, text, err);
}
