/*
 * Numbers in English words, both ways.
 */

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "jsonata/jsonata_picture_priv.h"
#include "jsonata/jsonata_text_priv.h"

static const char *const few[] = {
    "Zero",    "One",     "Two",       "Three",    "Four",
    "Five",    "Six",     "Seven",     "Eight",    "Nine",
    "Ten",     "Eleven",  "Twelve",    "Thirteen", "Fourteen",
    "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen"};
static const char *const ordinals[] = {
    "Zeroth",    "First",     "Second",      "Third",      "Fourth",
    "Fifth",     "Sixth",     "Seventh",     "Eighth",     "Ninth",
    "Tenth",     "Eleventh",  "Twelfth",     "Thirteenth", "Fourteenth",
    "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth", "Nineteenth"};
static const char *const tens[] = {"Twenty", "Thirty",  "Forty",  "Fifty",
                                   "Sixty",  "Seventy", "Eighty", "Ninety"};
static const char *const tenths[] = {"Twentieth", "Thirtieth", "Fortieth",
                                     "Fiftieth",  "Sixtieth",  "Seventieth",
                                     "Eightieth", "Ninetieth"};
static const char *const magnitudes[] = {"Thousand", "Million", "Billion",
                                         "Trillion"};

/* Every word, lower case, in the order in which a pattern tries them. */
static const struct {
    const char *word;
    double value;
} words[] = {
    {"zero", 0},          {"one", 1},          {"two", 2},
    {"three", 3},         {"four", 4},         {"five", 5},
    {"six", 6},           {"seven", 7},        {"eight", 8},
    {"nine", 9},          {"ten", 10},         {"eleven", 11},
    {"twelve", 12},       {"thirteen", 13},    {"fourteen", 14},
    {"fifteen", 15},      {"sixteen", 16},     {"seventeen", 17},
    {"eighteen", 18},     {"nineteen", 19},    {"zeroth", 0},
    {"first", 1},         {"second", 2},       {"third", 3},
    {"fourth", 4},        {"fifth", 5},        {"sixth", 6},
    {"seventh", 7},       {"eighth", 8},       {"ninth", 9},
    {"tenth", 10},        {"eleventh", 11},    {"twelfth", 12},
    {"thirteenth", 13},   {"fourteenth", 14},  {"fifteenth", 15},
    {"sixteenth", 16},    {"seventeenth", 17}, {"eighteenth", 18},
    {"nineteenth", 19},   {"twenty", 20},      {"twentieth", 20},
    {"thirty", 30},       {"thirtieth", 30},   {"forty", 40},
    {"fortieth", 40},     {"fifty", 50},       {"fiftieth", 50},
    {"sixty", 60},        {"sixtieth", 60},    {"seventy", 70},
    {"seventieth", 70},   {"eighty", 80},      {"eightieth", 80},
    {"ninety", 90},       {"ninetieth", 90},   {"hundred", 100},
    {"hundreieth", 100},  {"hundredth", 100},  {"thousand", 1e3},
    {"thousandth", 1e3},  {"million", 1e6},    {"millionth", 1e6},
    {"billion", 1e9},     {"billionth", 1e9},  {"trillion", 1e12},
    {"trillionth", 1e12},
};

const char *
jx_words_nth(uint32_t i, double *value)
{
    if (i >= ODK_ARRAY_LEN(words)) {
        return NULL;
    }
    *value = words[i].value;
    return words[i].word;
}

/* Numbers below a hundred. */
static void
put_small( // NOLINT(misc-no-recursion)
    struct jx_text *text, uint32_t n, bool is_ordinal)
{
    if (n < 20) {
        jx_text_put_cstr(text, is_ordinal ? ordinals[n] : few[n]);
        return;
    }
    uint32_t ten = n / 10 - 2;
    if (n % 10 == 0) {
        jx_text_put_cstr(text, is_ordinal ? tenths[ten] : tens[ten]);
        return;
    }
    jx_text_put_cstr(text, tens[ten]);
    jx_text_put_char(text, '-');
    put_small(text, n % 10, is_ordinal);
}

/* `is_next`: words stand before these. Each level divides by a thousand or
 * more, so a double ends within some hundred. */
static void
put_words( // NOLINT(misc-no-recursion)
    struct jx_text *text, double n, bool is_next, bool is_ordinal)
{
    double rest = 0;

    if (n < 100) {
        jx_text_put_cstr(text, is_next ? " and " : "");
        put_small(text, (uint32_t)n, is_ordinal);
        return;
    }
    jx_text_put_cstr(text, is_next ? ", " : "");
    if (n < 1000) {
        jx_text_put_cstr(text, few[(uint32_t)(n / 100)]);
        jx_text_put_cstr(text, " Hundred");
        rest = fmod(n, 100);
    } else {
        size_t magnitude = (size_t)floor(log10(n) / 3);
        if (magnitude > ODK_ARRAY_LEN(magnitudes)) {
            magnitude = ODK_ARRAY_LEN(magnitudes);
        }
        double factor = pow(10, (double)magnitude * 3);
        double many = floor(n / factor);
        rest = n - many * factor;
        put_words(text, many, false, false);
        jx_text_put_char(text, ' ');
        jx_text_put_cstr(text, magnitudes[magnitude - 1]);
    }
    if (rest > 0) {
        put_words(text, rest, true, is_ordinal);
    } else if (is_ordinal) {
        jx_text_put_cstr(text, "th");
    }
}

void
jx_words_put(struct jx_text *text, double n, bool is_ordinal)
{
    if (isfinite(n)) {
        put_words(text, n, false, is_ordinal);
    }
}

/* Length of what stands between two words: ", ", " and ", a blank, hyphen or
 * backslash; 0 if none begins at `at`. */
static size_t
gap_len(struct odk_str s, size_t at)
{
    static const char blanks[] = " \t\n\r\v\f";
    struct odk_str rest = odk_str_from(s, at);

    if (rest.len == 0 || rest.ptr[0] == '\0') {
        return 0;
    }
    if (rest.len >= 2 && rest.ptr[0] == ',' && rest.ptr[1] &&
        strchr(blanks, rest.ptr[1])) {
        return 2;
    }
    bool is_blank = strchr(blanks, rest.ptr[0]) != NULL;
    if (is_blank && rest.len >= 5 && memcmp(rest.ptr + 1, "and", 3) == 0 &&
        rest.ptr[4] && strchr(blanks, rest.ptr[4])) {
        return 5;
    }
    return is_blank || rest.ptr[0] == '-' || rest.ptr[0] == '\\';
}

static double
word_value(struct odk_str word)
{
    for (size_t i = 0; i < ODK_ARRAY_LEN(words); i++) {
        if (odk_str_is(word, words[i].word)) {
            return words[i].value;
        }
    }
    return NAN;
}

/* Sums of segments: below a hundred a value adds to the segment at hand, or
 * begins the next once thousands were reached; from a hundred on it
 * multiplies. */
double
jx_words_parse(struct odk_str s)
{
    double sum = 0;
    double segment = 0;
    size_t from = 0;

    for (size_t at = 0; at <= s.len;) {
        size_t gap = gap_len(s, at);
        if (gap == 0 && at < s.len) {
            at++;
            continue;
        }
        double value = word_value(jx_str_slice(s, from, at));
        if (value < 100) {
            if (segment >= 1000) {
                sum += segment;
                segment = 0;
            }
            segment += value;
        } else {
            segment *= value;
        }
        at += gap ? gap : 1;
        from = at;
    }
    return sum + segment;
}
