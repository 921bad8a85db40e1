#ifndef JSONATA_PICTURE_PRIV_H
#define JSONATA_PICTURE_PRIV_H

/*
 * Picture strings of integers (XPath's format-integer): decimal patterns with
 * grouping, letters, Roman numerals, English words.
 */

#include <stdbool.h>
#include <stdint.h>

#include "jsonata/jsonata_eval_priv.h"

#define JX_SEPARATORS_MAX 32u

enum jx_primary {
    JX_DECIMAL,
    JX_LETTERS,
    JX_ROMAN,
    JX_WORDS,
    JX_SEQUENCE, /**< not supported; an error when it is used */
};

enum jx_letter_case {
    JX_CASE_NONE,
    JX_CASE_LOWER,
    JX_CASE_UPPER,
    JX_CASE_TITLE,
};

struct jx_separator {
    uint32_t position; /**< digits to its right */
    uint32_t code;
};

struct jx_integer_picture {
    uint8_t primary;
    uint8_t letter_case;
    bool is_ordinal;
    bool is_regular; /**< one separator every `regular` digits */
    uint32_t zero;   /**< code point of the digit zero */
    uint32_t mandatory;
    uint32_t optional;
    uint32_t regular;
    uint32_t n_separators;
    struct jx_separator separators[JX_SEPARATORS_MAX]; /**< from the right */
    struct odk_str token;
};

/** False (and failed) if the picture is wrong. */
bool jx_integer_picture_parse(struct jx *ctx, struct odk_str picture,
                              struct jx_integer_picture *out);
struct jv jx_integer_format(struct jx *ctx, double n,
                            const struct jx_integer_picture *picture);
/** NaN for what is no number; undefined is never returned. */
double jx_integer_parse(struct jx *ctx, struct odk_str s,
                        const struct jx_integer_picture *picture);

struct jx_text;
/** n ≥ 0 in English words, capitalised. */
void jx_words_put(struct jx_text *text, double n, bool is_ordinal);
/** The value of lower-case words; NaN if there are others. */
double jx_words_parse(struct odk_str s);
/** The i-th word that numbers are made of, lower case; NULL at the end. */
const char *jx_words_nth(uint32_t i, double *value);

#endif
