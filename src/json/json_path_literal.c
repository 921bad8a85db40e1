/*
 * Literals in filters and arguments: JSON, but strings may stand in single
 * quotes.
 */

#include <stdlib.h>

#include "json/json_path_priv.h"
#include "json/json_priv.h"

static bool
put_hex_escape(struct path_parser *p, struct odk_buf *out)
{
    uint32_t code = 0;

    if (p->end - p->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        char c = *p->at++;
        const char *found =
            c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        if (!found) {
            return false;
        }
        code = code << 4 | (uint32_t)(found - digits);
    }
    json_put_code_point(out, code >= 0xD800 && code <= 0xDFFF ? 0xFFFD : code);
    return true;
}

/* Behind a backslash. An unknown escape is the character itself. */
static bool
put_escape(struct path_parser *p, struct odk_buf *out)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    char c = *p->at++;
    const char *found = c ? strchr(from, c) : NULL;

    if (c == 'u') {
        return put_hex_escape(p, out);
    }
    odk_buf_put_char(out, found ? to[found - from] : c);
    return true;
}

static bool
parse_string(struct path_parser *p, json_t **out)
{
    char quote = *p->at++;
    struct odk_buf text;
    bool is_good = true;

    odk_buf_init(&text, 0);
    while (is_good && p->at < p->end && *p->at != quote) {
        char c = *p->at++;
        if (c == '\\' && p->at < p->end) {
            is_good = put_escape(p, &text);
        } else {
            odk_buf_put_char(&text, c);
        }
    }
    is_good = is_good && path_take(p, quote);
    *out = is_good && odk_str_is_utf8(odk_buf_str(&text))
               ? json_str_new(odk_buf_str(&text))
               : NULL;
    odk_buf_release(&text);
    return *out || path_fail(p, ODK_ESYNTAX,
                             "String literal does not have matching quotes. "
                             "Expected %c",
                             quote);
}

static bool
parse_number(struct path_parser *p, json_t **out)
{
    const char *start = p->at;

    while (p->at < p->end &&
           ((*p->at >= '0' && *p->at <= '9') || *p->at == '-' ||
            *p->at == '+' || *p->at == '.' || *p->at == 'e' || *p->at == 'E')) {
        p->at++;
    }
    struct odk_str text = odk_str_n(start, (size_t)(p->at - start));
    *out = json_parse(text, NULL);
    return *out || path_fail(p, ODK_ESYNTAX, "Expected a value at position %zu",
                             (size_t)(start - p->start));
}

static bool parse_value(struct path_parser *p, json_t **out);

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_array(struct path_parser *p, json_t *array)
{
    path_skip_space(p);
    if (path_take(p, ']')) {
        return true;
    }
    do {
        json_t *value = NULL;
        if (!parse_value(p, &value)) {
            return false;
        }
        json_append(array, value);
        path_skip_space(p);
    } while (path_take(p, ','));
    return path_take(p, ']') ||
           path_fail(p, ODK_ESYNTAX, "The list is not closed");
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_member(struct path_parser *p, json_t *object)
{
    json_t *key = NULL;
    json_t *value = NULL;

    path_skip_space(p);
    if (path_peek(p) != '\'' && path_peek(p) != '"') {
        return path_fail(p, ODK_ESYNTAX, "A key in quotes is missing");
    }
    if (!parse_string(p, &key)) {
        return false;
    }
    path_skip_space(p);
    bool is_good = path_take(p, ':')
                       ? parse_value(p, &value)
                       : path_fail(p, ODK_ESYNTAX, "':' is missing");
    if (is_good) {
        json_set(object, json_str(key), value);
    }
    json_decref(key);
    return is_good;
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_object(struct path_parser *p, json_t *object)
{
    path_skip_space(p);
    if (path_take(p, '}')) {
        return true;
    }
    do {
        if (!parse_member(p, object)) {
            return false;
        }
        path_skip_space(p);
    } while (path_take(p, ','));
    return path_take(p, '}') ||
           path_fail(p, ODK_ESYNTAX, "The object is not closed");
}

static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_container(struct path_parser *p, json_t **out)
{
    bool is_good = false;

    if (p->nest >= JSON_PATH_NEST_MAX) {
        return path_fail(p, ODK_ELIMIT, "The literal is nested too deep");
    }
    p->nest++;
    if (*p->at++ == '[') {
        *out = json_array();
        is_good = parse_array(p, *out);
    } else {
        *out = json_object();
        is_good = parse_object(p, *out);
    }
    p->nest--;
    if (!is_good) {
        json_decref(*out);
        *out = NULL;
    }
    return is_good;
}

/* *out is a new reference. */
static bool
// NOLINTNEXTLINE(misc-no-recursion): p->nest ≤ JSON_PATH_NEST_MAX
parse_value(struct path_parser *p, json_t **out)
{
    *out = NULL;
    path_skip_space(p);
    char c = path_peek(p);
    if (c == '\'' || c == '"') {
        return parse_string(p, out);
    }
    if (c == '[' || c == '{') {
        return parse_container(p, out);
    }
    if (path_take_text(p, ODK_STR("null"))) {
        *out = json_null();
    } else if (path_take_text(p, ODK_STR("true"))) {
        *out = json_true();
    } else if (path_take_text(p, ODK_STR("false"))) {
        *out = json_false();
    } else {
        return parse_number(p, out);
    }
    return true;
}

bool
path_parse_literal(struct path_parser *p, json_t **out)
{
    if (!parse_value(p, out)) {
        return false;
    }
    path_own(p, *out, NULL);
    return true;
}
