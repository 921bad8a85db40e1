/*
 * Errors as the reference tells them: a sentence per code, with the fault's
 * parts filled in as JSON.
 */

#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_eval_priv.h"
#include "jsonata/jsonata_text_priv.h"

struct jv
jx_fail_value(struct jx *ctx, const char *code, struct jv value)
{
    if (!ctx->is_failed) {
        ctx->is_failed = true;
        ctx->fault = (struct jx_fault){.value = value};
        (void)memccpy(ctx->fault.code, code, '\0', sizeof(ctx->fault.code));
    }
    return jv_undefined();
}

struct jv
jx_fail(struct jx *ctx, const char *code)
{
    return jx_fail_value(ctx, code, jv_undefined());
}

struct jv
jx_fail_at(struct jx *ctx, const char *code, uint32_t position, struct jv value)
{
    bool is_first = !ctx->is_failed;

    (void)jx_fail_value(ctx, code, value);
    if (is_first) {
        ctx->fault.position = position;
    }
    return jv_undefined();
}

struct jv
jx_fail_limit(struct jx *ctx, const char *message)
{
    if (!ctx->is_failed) {
        (void)jx_fail(ctx, "U1001");
        ctx->fault.is_limit = true;
        ctx->fault.message = odk_str(message);
    }
    return jv_undefined();
}

void
jx_fault_where(struct jx *ctx, uint32_t position, struct jv token)
{
    if (ctx->is_failed && !ctx->fault.is_limit) {
        if (ctx->fault.position == 0) {
            ctx->fault.position = position;
        }
        if (jv_is_undefined(ctx->fault.token)) {
            ctx->fault.token = token;
        }
    }
}

/* {{x}} is the part as JSON, {{{x}}} the part as it is. */
static const struct {
    const char *code;
    const char *text;
} sentences[] = {
    {"A0001", "The expression reads an input document, and there is none: $, "
              "$$ and unqualified names are not allowed at the top level"},
    {"S0101", "String literal must be terminated by a matching quote"},
    {"S0102", "Number out of range: {{token}}"},
    {"S0103", "Unsupported escape sequence: \\{{token}}"},
    {"S0104", "The escape sequence \\u must be followed by 4 hex digits"},
    {"S0105", "Quoted property name must be terminated with a backquote (`)"},
    {"S0106", "Comment has no closing tag"},
    {"S0201", "Syntax error: {{token}}"},
    {"S0202", "Expected {{value}}, got {{token}}"},
    {"S0203", "Expected {{value}} before end of expression"},
    {"S0204", "Unknown operator: {{token}}"},
    {"S0207", "Unexpected end of expression"},
    {"S0208", "Parameter {{value}} of function definition must be a variable "
              "name (start with $)"},
    {"S0209", "A predicate cannot follow a grouping expression in a step"},
    {"S0210", "Each step can only have one grouping expression"},
    {"S0211", "The symbol {{token}} cannot be used as a unary operator"},
    {"S0212", "The left side of := must be a variable name (start with $)"},
    {"S0213", "The literal value {{value}} cannot be used as a step within a "
              "path expression"},
    {"S0214", "The right side of {{token}} must be a variable name (start "
              "with $)"},
    {"S0215",
     "A context variable binding must precede any predicates on a step"},
    {"S0216", "A context variable binding must precede the 'order-by' clause "
              "on a step"},
    {"S0217", "The object representing the 'parent' cannot be derived from "
              "this expression"},
    {"S0301", "Empty regular expressions are not allowed"},
    {"S0302", "No terminating / in regular expression"},
    {"S0303", "Invalid regular expression: {{value}}"},
    {"S0402", "Choice groups containing parameterized types are not supported"},
    {"S0401", "Type parameters can only be applied to functions and arrays"},
    {"T0410", "Argument {{index}} of function {{token}} does not match "
              "function signature"},
    {"T0411", "Context value is not a compatible type with argument {{index}} "
              "of function {{token}}"},
    {"T0412",
     "Argument {{index}} of function {{token}} must be an array of {{type}}"},
    {"D1001", "Number out of range: {{value}}"},
    {"D1002", "Cannot negate a non-numeric value: {{value}}"},
    {"T1003",
     "Key in object structure must evaluate to a string; got: {{value}}"},
    {"D1004", "Regular expression matches zero length string"},
    {"T1005", "Attempted to invoke a non-function. Did you mean ${{{token}}}?"},
    {"T1006", "Attempted to invoke a non-function"},
    {"T1007", "Attempted to partially apply a non-function. Did you mean "
              "${{{token}}}?"},
    {"T1008", "Attempted to partially apply a non-function"},
    {"D1009", "Multiple key definitions evaluate to same key: {{value}}"},
    {"T1010", "The matcher function argument passed to function {{token}} "
              "does not return the correct object structure"},
    {"T2001",
     "The left side of the {{token}} operator must evaluate to a number"},
    {"T2002",
     "The right side of the {{token}} operator must evaluate to a number"},
    {"T2003", "The left side of the range operator (..) must evaluate to an "
              "integer"},
    {"T2004", "The right side of the range operator (..) must evaluate to an "
              "integer"},
    {"T2006", "The right side of the function application operator ~> must be "
              "a function"},
    {"T2007", "Type mismatch when comparing values {{value}} and {{value2}} "
              "in order-by clause"},
    {"T2008", "The expressions within an order-by clause must evaluate to "
              "numeric or string values"},
    {"T2009", "The values {{value}} and {{value2}} either side of operator "
              "{{token}} must be of the same data type"},
    {"T2010", "The expressions either side of operator {{token}} must "
              "evaluate to numeric or string values"},
    {"T2011", "The insert/update clause of the transform expression must "
              "evaluate to an object: {{value}}"},
    {"T2012", "The delete clause of the transform expression must evaluate to "
              "a string or array of strings: {{value}}"},
    {"T2013", "The transform expression clones the input object using the "
              "$clone() function.  This has been overridden in the current "
              "scope by a non-function."},
    {"D2014", "The size of the sequence allocated by the range operator (..) "
              "must not exceed 1e6.  Attempted to allocate {{value}}."},
    {"D3001", "Attempting to invoke string function on Infinity or NaN"},
    {"D3010", "Second argument of replace function cannot be an empty string"},
    {"D3011",
     "Fourth argument of replace function must evaluate to a positive number"},
    {"D3012", "Attempted to replace a matched string with a non-string value"},
    {"D3020",
     "Third argument of split function must evaluate to a positive number"},
    {"D3030", "Unable to cast value to a number: {{value}}"},
    {"D3040",
     "Third argument of match function must evaluate to a positive number"},
    {"D3050", "The second argument of reduce function must be a function with "
              "at least two arguments"},
    {"D3060",
     "The sqrt function cannot be applied to a negative number: {{value}}"},
    {"D3061", "The power function has resulted in a value that cannot be "
              "represented as a JSON number: base={{value}}, exponent={{exp}}"},
    {"D3070", "The single argument form of the sort function can only be "
              "applied to an array of strings or an array of numbers.  Use "
              "the second argument to specify a comparison function"},
    {"D3080",
     "The picture string must only contain a maximum of two sub-pictures"},
    {"D3081", "The sub-picture must not contain more than one instance of the "
              "'decimal-separator' character"},
    {"D3082", "The sub-picture must not contain more than one instance of the "
              "'percent' character"},
    {"D3083", "The sub-picture must not contain more than one instance of the "
              "'per-mille' character"},
    {"D3084", "The sub-picture must not contain both a 'percent' and a "
              "'per-mille' character"},
    {"D3085", "The mantissa part of a sub-picture must contain at least one "
              "character that is either an 'optional digit character' or a "
              "member of the 'decimal digit family'"},
    {"D3086", "The sub-picture must not contain a passive character that is "
              "preceded by an active character and that is followed by "
              "another active character"},
    {"D3087", "The sub-picture must not contain a 'grouping-separator' "
              "character that appears adjacent to a 'decimal-separator' "
              "character"},
    {"D3088", "The sub-picture must not contain a 'grouping-separator' at the "
              "end of the integer part"},
    {"D3089", "The sub-picture must not contain two adjacent instances of the "
              "'grouping-separator' character"},
    {"D3090", "The integer part of the sub-picture must not contain a member "
              "of the 'decimal digit family' that is followed by an instance "
              "of the 'optional digit character'"},
    {"D3091", "The fractional part of the sub-picture must not contain an "
              "instance of the 'optional digit character' that is followed by "
              "a member of the 'decimal digit family'"},
    {"D3092", "A sub-picture that contains a 'percent' or 'per-mille' "
              "character must not contain a character treated as an "
              "'exponent-separator'"},
    {"D3093", "The exponent part of the sub-picture must comprise only of one "
              "or more characters that are members of the 'decimal digit "
              "family'"},
    {"D3100", "The radix of the formatBase function must be between 2 and 36. "
              " It was given {{value}}"},
    {"D3110", "The argument of the toMillis function must be an ISO 8601 "
              "formatted timestamp. Given {{value}}"},
    {"D3130", "Formatting or parsing an integer as a sequence starting with "
              "{{value}} is not supported by this implementation"},
    {"D3131", "In a decimal digit pattern, all digits must be from the same "
              "decimal group"},
    {"D3132", "Unknown component specifier {{value}} in date/time picture "
              "string"},
    {"D3133", "The 'name' modifier can only be applied to months and days in "
              "the date/time picture string, not {{value}}"},
    {"D3134", "The timezone integer format specifier cannot have more than "
              "four digits"},
    {"D3135", "No matching closing bracket ']' in date/time picture string"},
    {"D3136", "The date/time picture string is missing specifiers required to "
              "parse the timestamp"},
    {"D3138", "The $single() function expected exactly 1 matching result.  "
              "Instead it matched more."},
    {"D3139", "The $single() function expected exactly 1 matching result.  "
              "Instead it matched 0."},
    {"D3140", "Malformed URL passed to ${{{functionName}}}(): {{value}}"},
    {"D3200", "The argument of the parse function is not JSON: {{value}}"},
    {"D3201", "The hash function does not know the algorithm {{value}}"},
    {"D3202", "The range function makes at most 1000 items, in steps other "
              "than 0"},
    {"D3203", "The size of a partition must be a positive integer: {{value}}"},
};

static const char *
sentence_of(const char *code)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(sentences); i++) {
        if (strcmp(sentences[i].code, code) == 0) {
            return sentences[i].text;
        }
    }
    return "";
}

struct sentence {
    char *out;
    size_t max;
    size_t len;
};

static void
put(struct sentence *s, struct odk_str text)
{
    size_t left = s->max - 1 - s->len;
    size_t len = text.len < left ? text.len : left;

    /* A cut falls between characters. */
    while (len < text.len && len > 0 &&
           ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    if (len) {
        memcpy(s->out + s->len, text.ptr, len);
    }
    s->len += len;
    s->out[s->len] = '\0';
}

static struct jv
part_of(const struct jx_fault *fault, struct odk_str name)
{
    if (odk_str_is(name, "token")) {
        return fault->token;
    }
    if (odk_str_is(name, "value")) {
        return fault->value;
    }
    if (odk_str_is(name, "value2") || odk_str_is(name, "exp")) {
        return fault->value2;
    }
    if (odk_str_is(name, "index")) {
        return jv_number(fault->index);
    }
    return fault->noun ? jv_cstr(fault->noun) : jv_undefined();
}

static void
put_part(struct sentence *s, struct jv part, bool is_raw)
{
    char brief[320];

    if (is_raw && part.type == JV_STRING) {
        put(s, jv_text(part));
    } else {
        put(s, jx_json_brief(part, brief, sizeof(brief)));
    }
}

static void
fill(struct sentence *s, const struct jx_fault *fault, struct odk_str text)
{
    while (text.len) {
        ptrdiff_t open = jx_str_find(text, ODK_STR("{{"), 0);
        if (open < 0) {
            put(s, text);
            return;
        }
        put(s, jx_str_slice(text, 0, (size_t)open));
        text = odk_str_from(text, (size_t)open + 2);
        bool is_raw = text.len && text.ptr[0] == '{';
        size_t from = is_raw ? 1 : 0;
        ptrdiff_t close = odk_str_find(text, '}');
        odk_assert(close > 0);
        put_part(s, part_of(fault, jx_str_slice(text, from, (size_t)close)),
                 is_raw);
        text = odk_str_from(text, (size_t)close + 2 + from);
    }
}

/* A lone surrogate is no text outside of the language: it becomes U+FFFD, which
 * is as long. */
static void
put_right(char *text)
{
    for (; *text; text++) {
        unsigned char next = (unsigned char)text[1];
        if ((unsigned char)*text == 0xed && next >= 0xa0) {
            text[0] = (char)0xef;
            text[1] = (char)0xbf;
            text[2] = (char)0xbd;
        }
    }
}

void
jx_fault_export(const struct jx_fault *fault, struct odk_str text,
                struct jsonata_error *err)
{
    if (!err) {
        return;
    }
    *err = (struct jsonata_error){.position = 0};
    (void)memccpy(err->code, fault->code, '\0', sizeof(err->code));
    err->position = jx_units(jx_str_slice(text, 0, fault->position));
    if (!jv_is_undefined(fault->token)) {
        struct sentence token = {err->token, sizeof(err->token), 0};
        put_part(&token, fault->token, true);
    }
    struct sentence s = {err->message, sizeof(err->message), 0};
    if (fault->message.ptr) {
        put(&s, fault->message);
    } else {
        fill(&s, fault, odk_str(sentence_of(fault->code)));
    }
    put_right(err->message);
    put_right(err->token);
}
