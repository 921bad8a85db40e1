/*
 * Tokens. What is an operator, a name or a regular expression depends on
 * whether an operand or an operator is expected, so the parser says which.
 */

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_node_priv.h"
#include "jsonata/jsonata_text_priv.h"

static char
peek(const struct jp *jp, uint32_t ahead)
{
    struct odk_str text = jp->program->text;
    size_t at = (size_t)jp->offset + ahead;

    return at < text.len ? text.ptr[at] : '\0';
}

static bool
at_end(const struct jp *jp)
{
    return jp->offset >= jp->program->text.len;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v';
}

static bool
is_operator_char(char c)
{
    return c && strchr(".[]{}(),@#;:?+-*/%|=<>^&!~", c) != NULL;
}

static struct jn *
token(struct jp *jp, enum jn_type type, struct odk_str text)
{
    struct jn *node = jn_new(jp, type, jp->offset);

    if (node) {
        node->op = JN_OP_NAME;
        node->value = jv_string(text);
    }
    return node;
}

static struct jn *
lex_operator(struct jp *jp, uint16_t op, uint32_t len)
{
    struct odk_str text = odk_str_n(jp->program->text.ptr + jp->offset, len);

    jp->offset += len;
    struct jn *node = token(jp, JN_OPERATOR, text);
    if (node) {
        node->op = op;
    }
    return node;
}

/* Skips blanks and comments; false after a failure. */
static bool
skip_blanks(struct jp *jp)
{
    for (;;) {
        while (!at_end(jp) && is_blank(peek(jp, 0))) {
            jp->offset++;
        }
        if (peek(jp, 0) != '/' || peek(jp, 1) != '*') {
            return true;
        }
        ptrdiff_t end =
            jx_str_find(jp->program->text, ODK_STR("*/"), jp->offset + 2);
        if (end < 0) {
            (void)jp_fail(jp, "S0106", jp->offset, jv_undefined(),
                          jv_undefined());
            return false;
        }
        jp->offset = (uint32_t)end + 2;
    }
}

static bool
is_escaped(const struct jp *jp, uint32_t at)
{
    const char *text = jp->program->text.ptr;
    uint32_t count = 0;

    while (at > count && text[at - count - 1] == '\\') {
        count++;
    }
    return count % 2 == 1;
}

static struct jn *
lex_regex(struct jp *jp)
{
    struct odk_str text = jp->program->text;
    uint32_t start = ++jp->offset;
    int depth = 0;

    for (; !at_end(jp); jp->offset++) {
        char c = peek(jp, 0);
        if (c == '/' && depth == 0 && !is_escaped(jp, jp->offset)) {
            break;
        }
        bool is_literal = text.ptr[jp->offset - 1] == '\\';
        if (!is_literal && (c == '(' || c == '[' || c == '{')) {
            depth++;
        }
        if (!is_literal && (c == ')' || c == ']' || c == '}')) {
            depth--;
        }
    }
    if (at_end(jp)) {
        return jp_fail(jp, "S0302", jp->offset, jv_undefined(), jv_undefined());
    }
    struct odk_str pattern = jx_str_slice(text, start, jp->offset);
    if (pattern.len == 0) {
        return jp_fail(jp, "S0301", jp->offset, jv_undefined(), jv_undefined());
    }
    uint32_t flags = ++jp->offset;
    while (peek(jp, 0) == 'i' || peek(jp, 0) == 'm') {
        jp->offset++;
    }
    struct jn *node = token(jp, JN_REGEX, pattern);
    if (node) {
        node->regex =
            jp_regex(jp, pattern, jx_str_slice(text, flags, jp->offset), start);
    }
    return jp->is_failed ? NULL : node;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits after \u; the offset stands on the u. False if they are not
 * hexadecimal. */
static bool
lex_unicode(const struct jp *jp, uint32_t at, uint32_t *code)
{
    *code = 0;
    for (uint32_t i = 1; i <= 4; i++) {
        int digit = hex_value(peek(jp, at + i));
        if (digit < 0) {
            return false;
        }
        *code = *code * 16 + (uint32_t)digit;
    }
    return true;
}

/* One escape sequence, the offset on the character behind the backslash.
 * Appends to out, advances to the sequence's last character. */
static bool
lex_escape(struct jp *jp, char *out, size_t *len)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char c = peek(jp, 0);
    const char *known = c ? strchr(from, c) : NULL;
    uint32_t code = 0;
    uint32_t low = 0;

    if (known) {
        out[(*len)++] = to[known - from];
        return true;
    }
    if (c != 'u') {
        size_t next = jp->offset;
        if (!at_end(jp)) {
            (void)jx_code_next(jp->program->text, &next);
        }
        (void)jp_fail(
            jp, "S0103", jp->offset,
            jv_string(jx_str_slice(jp->program->text, jp->offset, next)),
            jv_undefined());
        return false;
    }
    if (!lex_unicode(jp, 0, &code)) {
        (void)jp_fail(jp, "S0104", jp->offset, jv_undefined(), jv_undefined());
        return false;
    }
    jp->offset += 4;
    if (code >= 0xd800 && code < 0xdc00 && peek(jp, 1) == '\\' &&
        peek(jp, 2) == 'u' && lex_unicode(jp, 2, &low) && low >= 0xdc00 &&
        low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        jp->offset += 6;
    }
    *len += jx_code_put(code, out + *len);
    return true;
}

static struct jn *
lex_string(struct jp *jp)
{
    char quote = peek(jp, 0);
    uint32_t start = ++jp->offset;
    ptrdiff_t end = (ptrdiff_t)start;

    while (end < (ptrdiff_t)jp->program->text.len &&
           jp->program->text.ptr[end] != quote) {
        end += jp->program->text.ptr[end] == '\\' ? 2 : 1;
    }
    /* An escape is never shorter than what it stands for. */
    char *out = odk_arena_alloc(&jp->program->arena, (size_t)end - start + 8);
    size_t len = 0;
    if (!out) {
        jp_fail_limit(jp);
        return NULL;
    }
    for (; !at_end(jp); jp->offset++) {
        char c = peek(jp, 0);
        if (c == quote) {
            jp->offset++;
            return token(jp, JN_STRING, odk_str_n(out, len));
        }
        if (c != '\\') {
            out[len++] = c;
            continue;
        }
        jp->offset++;
        if (!lex_escape(jp, out, &len)) {
            return NULL;
        }
    }
    return jp_fail(jp, "S0101", jp->offset, jv_undefined(), jv_undefined());
}

static uint32_t
count_digits(const struct jp *jp, uint32_t from)
{
    uint32_t n = 0;

    while (peek(jp, from + n) >= '0' && peek(jp, from + n) <= '9') {
        n++;
    }
    return n;
}

/* Length of the number at the offset, 0 if there is none. */
static uint32_t
number_len(const struct jp *jp)
{
    uint32_t len = peek(jp, 0) == '0' ? 1 : count_digits(jp, 0);

    if (len == 0) {
        return 0;
    }
    if (peek(jp, len) == '.' && count_digits(jp, len + 1) > 0) {
        len += 1 + count_digits(jp, len + 1);
    }
    if (peek(jp, len) == 'e' || peek(jp, len) == 'E') {
        uint32_t sign = peek(jp, len + 1) == '-' || peek(jp, len + 1) == '+';
        uint32_t digits = count_digits(jp, len + 1 + sign);
        if (digits) {
            len += 1 + sign + digits;
        }
    }
    return len;
}

static struct jn *
lex_number(struct jp *jp, uint32_t len)
{
    struct odk_str text = odk_str_n(jp->program->text.ptr + jp->offset, len);
    double number = jx_number_parse(text);

    if (!isfinite(number)) {
        return jp_fail(jp, "S0102", jp->offset, jv_string(text),
                       jv_undefined());
    }
    jp->offset += len;
    struct jn *node = token(jp, JN_NUMBER, text);
    if (node) {
        node->value = jv_number(number);
    }
    return node;
}

static struct jn *
lex_quoted_name(struct jp *jp)
{
    struct odk_str text = jp->program->text;
    uint32_t start = ++jp->offset;
    ptrdiff_t end = jx_str_find(text, ODK_STR("`"), start);

    if (end < 0) {
        return jp_fail(jp, "S0105", (uint32_t)text.len, jv_undefined(),
                       jv_undefined());
    }
    jp->offset = (uint32_t)end + 1;
    return token(jp, JN_NAME, jx_str_slice(text, start, (size_t)end));
}

/* A name, or one of the words that are none. */
static struct jn *
lex_word(struct jp *jp, struct odk_str name)
{
    uint16_t op = odk_str_is(name, "and")  ? JN_OP_AND
                  : odk_str_is(name, "or") ? JN_OP_OR
                  : odk_str_is(name, "in") ? JN_OP_IN
                                           : JN_OP_NAME;
    bool is_true = odk_str_is(name, "true");

    if (op != JN_OP_NAME) {
        jp->offset -= (uint32_t)name.len;
        return lex_operator(jp, op, (uint32_t)name.len);
    }
    if (!is_true && !odk_str_is(name, "false") && !odk_str_is(name, "null")) {
        return token(jp, JN_NAME, name);
    }
    struct jn *node = token(jp, JN_VALUE, name);
    if (node) {
        node->value = odk_str_is(name, "null") ? jv_null() : jv_bool(is_true);
    }
    return node;
}

static struct jn *
lex_name(struct jp *jp)
{
    struct odk_str text = jp->program->text;
    uint32_t start = jp->offset;

    while (!at_end(jp) && !is_blank(peek(jp, 0)) &&
           !is_operator_char(peek(jp, 0))) {
        jp->offset++;
    }
    struct odk_str name = jx_str_slice(text, start, jp->offset);
    if (name.len == 0 && at_end(jp)) {
        return token(jp, JN_END, ODK_STR("(end)"));
    }
    if (name.len && name.ptr[0] == '$') {
        struct jn *node = token(jp, JN_VARIABLE, odk_str_from(name, 1));
        if (node) {
            node->sym = jp_symbol(jp, odk_str_from(name, 1), true);
        }
        return node;
    }
    return lex_word(jp, name);
}

/* An operator of two characters, or 0. */
static uint16_t
double_operator(char a, char b)
{
    static const struct {
        char text[3];
        uint16_t op;
    } table[] = {
        {"..", JN_OP_RANGE}, {":=", JN_OP_BIND}, {"!=", JN_OP_NE},
        {">=", JN_OP_GE},    {"<=", JN_OP_LE},   {"**", JN_OP_DESCENDANT},
        {"~>", JN_OP_CHAIN},
    };

    for (size_t i = 0; i < ODK_ARRAY_LEN(table); i++) {
        if (table[i].text[0] == a && table[i].text[1] == b) {
            return table[i].op;
        }
    }
    return 0;
}

struct jn *
jp_lex(struct jp *jp, bool is_infix)
{
    if (!skip_blanks(jp)) {
        return NULL;
    }
    char c = peek(jp, 0);
    if (at_end(jp)) {
        struct jn *end = token(jp, JN_END, ODK_STR("(end)"));
        if (end) {
            end->op = JN_OP_END;
        }
        return end;
    }
    if (!is_infix && c == '/') {
        return lex_regex(jp);
    }
    uint16_t op = double_operator(c, peek(jp, 1));
    if (op) {
        return lex_operator(jp, op, 2);
    }
    if (is_operator_char(c)) {
        return lex_operator(jp, (uint16_t)(unsigned char)c, 1);
    }
    if (c == '"' || c == '\'') {
        return lex_string(jp);
    }
    uint32_t len = number_len(jp);
    if (len) {
        return lex_number(jp, len);
    }
    return c == '`' ? lex_quoted_name(jp) : lex_name(jp);
}
