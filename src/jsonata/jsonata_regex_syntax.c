/*
 * JavaScript's regular expressions in PCRE2's syntax: what both write alike
 * passes, what means another thing is spelled out, what JavaScript does not
 * have is refused.
 */

#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_regex_priv.h"
#include "jsonata/jsonata_text_priv.h"

#define LINE_ENDS "\\n\\r\\x{2028}\\x{2029}"
#define BLANKS                                                                 \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}"         \
    "\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NOT_BLANKS                                                             \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}"              \
    "\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"                \
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}"                \
    "\\x{ff00}-\\x{10ffff}"

struct translator {
    struct odk_str in;
    size_t at;
    struct odk_buf *out;
    bool is_multiline;
    bool has_names;
    bool in_class;
    uint32_t n_groups;
    bool is_bad;
};

static char
look(const struct translator *t, size_t ahead)
{
    return t->at + ahead < t->in.len ? t->in.ptr[t->at + ahead] : '\0';
}

static void
emit(struct translator *t, const char *text)
{
    odk_buf_put_cstr(t->out, text);
}

static void
emit_code(struct translator *t, uint32_t code)
{
    odk_buf_printf(t->out, "\\x{%x}", code);
}

/* Counts the groups, which decides what \1 means. */
static void
count_groups(struct translator *t)
{
    bool in_class = false;

    for (size_t i = 0; i < t->in.len; i++) {
        char c = t->in.ptr[i];
        struct odk_str rest = odk_str_from(t->in, i + 1);
        if (c == '\\') {
            i++;
        } else if (c == '[' || c == ']') {
            in_class = c == '[';
        } else if (c == '(' && !in_class) {
            bool is_named = odk_str_starts(rest, ODK_STR("?<")) &&
                            !odk_str_starts(rest, ODK_STR("?<=")) &&
                            !odk_str_starts(rest, ODK_STR("?<!"));
            t->has_names = t->has_names || is_named;
            t->n_groups += is_named || !odk_str_starts(rest, ODK_STR("?"));
        }
    }
}

/* n hexadecimal digits from `ahead` on. */
static bool
hex_digits(const struct translator *t, size_t ahead, size_t n, uint32_t *code)
{
    *code = 0;
    for (size_t i = 0; i < n; i++) {
        char c = look(t, ahead + i);
        const char *at = c ? strchr("0123456789abcdefABCDEF", c) : NULL;
        if (!at) {
            return false;
        }
        uint32_t digit =
            c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
        *code = *code * 16 + digit;
    }
    return true;
}

/* \x and \u; the position is on the letter. */
static void
escape_hex(struct translator *t, char c)
{
    uint32_t code = 0;
    uint32_t low = 0;
    size_t digits = c == 'x' ? 2 : 4;

    if (!hex_digits(t, 1, digits, &code)) {
        odk_buf_put_char(t->out, c);
        t->at++;
        return;
    }
    t->at += 1 + digits;
    if (code >= 0xd800 && code < 0xdc00 && look(t, 0) == '\\' &&
        look(t, 1) == 'u' && hex_digits(t, 2, 4, &low) && low >= 0xdc00 &&
        low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        t->at += 6;
    }
    emit_code(t, code);
}

/* A reference to a group if there are so many, else an old octal. */
static void
escape_digits(struct translator *t)
{
    uint32_t number = 0;
    size_t n = 0;

    while (look(t, n) >= '0' && look(t, n) <= '9' && n < 6) {
        number = number * 10 + (uint32_t)(look(t, n) - '0');
        n++;
    }
    if (!t->in_class && look(t, 0) != '0' && number <= t->n_groups) {
        odk_buf_printf(t->out, "\\g{%u}", number);
        t->at += n;
        return;
    }
    if (look(t, 0) >= '8') {
        odk_buf_put_char(t->out, look(t, 0));
        t->at++;
        return;
    }
    uint32_t code = 0;
    for (n = 0; n < 3 && look(t, n) >= '0' && look(t, n) <= '7' &&
                code * 8 + (uint32_t)(look(t, n) - '0') <= 0xff;
         n++) {
        code = code * 8 + (uint32_t)(look(t, n) - '0');
    }
    t->at += n;
    emit_code(t, code);
}

/* Escapes of one letter that PCRE2 reads otherwise; NULL if it does not. */
static const char *
letter_escape(const struct translator *t, char c)
{
    switch (c) {
    case 's':
        return t->in_class ? BLANKS : "[" BLANKS "]";
    case 'S':
        return t->in_class ? NOT_BLANKS : "[^" BLANKS "]";
    case 'd':
        return "\\d";
    case 'D':
        return "\\D";
    case 'w':
        return "\\w";
    case 'W':
        return "\\W";
    case 'b':
        return t->in_class ? "\\x{8}" : "\\b";
    case 'B':
        return t->in_class ? "B" : "\\B";
    case 't':
        return "\\t";
    case 'n':
        return "\\n";
    case 'r':
        return "\\r";
    case 'f':
        return "\\f";
    case 'v':
        return "\\x{b}";
    default:
        return NULL;
    }
}

static void
translate_escape(struct translator *t)
{
    char c = look(t, 1);
    const char *known = letter_escape(t, c);

    t->at++;
    if (t->at >= t->in.len) {
        t->is_bad = true;
    } else if (known) {
        emit(t, known);
        t->at++;
    } else if (c == 'x' || c == 'u') {
        escape_hex(t, c);
    } else if (c >= '0' && c <= '9') {
        escape_digits(t);
    } else if (c == 'c' && (look(t, 1) & 0x40)) {
        emit_code(t, (uint32_t)look(t, 1) & 0x1f);
        t->at += 2;
    } else if (c == 'k' && t->has_names && !t->in_class) {
        emit(t, "\\k");
        t->at++;
    } else if ((unsigned char)c >= 0x80 || (c | 0x20) >= 'a') {
        /* A letter or bracket-like character: letters stand for themselves. */
        if ((c | 0x20) > 'z' && (unsigned char)c < 0x80) {
            odk_buf_put_char(t->out, '\\');
        }
        odk_buf_put_char(t->out, c);
        t->at++;
    } else {
        odk_buf_put_char(t->out, '\\');
        odk_buf_put_char(t->out, c);
        t->at++;
    }
}

/* Whether \d, \w, \s or their opposites stand at the position. */
static bool
is_set_escape(const struct translator *t, size_t ahead)
{
    char c = look(t, ahead) == '\\' ? look(t, ahead + 1) : '\0';

    return c && strchr("dDwWsS", c);
}

/* The members of a class. A hyphen beside a set is itself: a range cannot begin
 * or end with many. */
static void
translate_members(struct translator *t)
{
    bool is_after_set = false;

    while (t->at < t->in.len && look(t, 0) != ']' && !t->is_bad) {
        char c = look(t, 0);
        bool is_set = is_set_escape(t, 0);
        if (c == '\\') {
            translate_escape(t);
            is_after_set = is_set;
            continue;
        }
        /* PCRE2 would see [. .], [= =] and [: :] of POSIX. */
        if (strchr("[.=:", c) ||
            (c == '-' && (is_after_set || is_set_escape(t, 1)))) {
            odk_buf_put_char(t->out, '\\');
        }
        odk_buf_put_char(t->out, c);
        t->at++;
        is_after_set = false;
    }
}

static void
translate_class(struct translator *t)
{
    t->at++;
    if (look(t, 0) == ']') {
        emit(t, "(?!)");
        t->at++;
        return;
    }
    if (look(t, 0) == '^' && look(t, 1) == ']') {
        emit(t, "(?s:.)");
        t->at += 2;
        return;
    }
    odk_buf_put_char(t->out, '[');
    if (look(t, 0) == '^') {
        odk_buf_put_char(t->out, '^');
        t->at++;
    }
    t->in_class = true;
    translate_members(t);
    t->in_class = false;
    t->is_bad = t->is_bad || t->at >= t->in.len;
    odk_buf_put_char(t->out, ']');
    t->at++;
}

/* Length of a quantifier at the position, 0 if there is none. */
static size_t
quantifier_len(const struct translator *t)
{
    size_t n = 1;

    if (look(t, 0) == '*' || look(t, 0) == '+' || look(t, 0) == '?') {
        return 1;
    }
    if (look(t, 0) != '{' || look(t, 1) < '0' || look(t, 1) > '9') {
        return 0;
    }
    while (look(t, n) >= '0' && look(t, n) <= '9') {
        n++;
    }
    if (look(t, n) == ',') {
        n++;
        while (look(t, n) >= '0' && look(t, n) <= '9') {
            n++;
        }
    }
    return look(t, n) == '}' ? n + 1 : 0;
}

/* A quantifier, and its ? if lazy; a second one behind it is an error, which
 * PCRE2 would take for a possessive. */
static void
translate_quantifier(struct translator *t, size_t len)
{
    odk_buf_put_str(t->out, jx_str_slice(t->in, t->at, t->at + len));
    t->at += len;
    if (look(t, 0) == '?') {
        odk_buf_put_char(t->out, '?');
        t->at++;
    }
    t->is_bad = t->is_bad || quantifier_len(t) > 0;
}

static void
translate_group(struct translator *t)
{
    struct odk_str rest = odk_str_from(t->in, t->at + 1);

    if (odk_str_starts(rest, ODK_STR("?"))) {
        char kind = look(t, 2);
        t->is_bad = t->is_bad || !kind || !strchr(":=!<", kind);
    } else if (odk_str_starts(rest, ODK_STR("*"))) {
        t->is_bad = true;
    }
    odk_buf_put_char(t->out, '(');
    t->at++;
    if (odk_str_starts(rest, ODK_STR("?"))) {
        odk_buf_put_str(t->out, jx_str_slice(t->in, t->at, t->at + 2));
        t->at += 2;
    }
}

static void
translate_char(struct translator *t)
{
    char c = look(t, 0);

    t->at++;
    switch (c) {
    case '.':
        emit(t, "[^" LINE_ENDS "]");
        return;
    case '^':
        emit(t, t->is_multiline ? "(?<![^" LINE_ENDS "])" : "^");
        return;
    case '$':
        emit(t, t->is_multiline ? "(?![^" LINE_ENDS "])" : "\\z");
        return;
    case '{':
    case '}':
    case ']':
        odk_buf_put_char(t->out, '\\');
        odk_buf_put_char(t->out, c);
        return;
    default:
        odk_buf_put_char(t->out, c);
    }
}

bool
jx_regex_translate(struct odk_str pattern, bool is_multiline,
                   struct odk_buf *out)
{
    struct translator t = {
        .in = pattern, .out = out, .is_multiline = is_multiline};

    count_groups(&t);
    while (t.at < t.in.len && !t.is_bad) {
        size_t quantifier = quantifier_len(&t);
        if (quantifier) {
            translate_quantifier(&t, quantifier);
        } else if (look(&t, 0) == '\\') {
            translate_escape(&t);
        } else if (look(&t, 0) == '[') {
            translate_class(&t);
        } else if (look(&t, 0) == '(') {
            translate_group(&t);
        } else {
            translate_char(&t);
        }
    }
    return !t.is_bad && !odk_buf_failed(out);
}
