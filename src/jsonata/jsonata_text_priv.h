#ifndef JSONATA_TEXT_PRIV_H
#define JSONATA_TEXT_PRIV_H

/*
 * Strings of an evaluation: a builder over its arena, code points, UTF-16
 * offsets, and numbers as JavaScript prints them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base_str.h"
#include "jsonata/jsonata_eval_priv.h"

struct jx_text {
    struct jx *ctx;
    char *ptr;
    size_t len;
    size_t cap;
};

void jx_text_init(struct jx_text *text, struct jx *ctx);
/** Appends; a low surrogate joins a high one at the end. */
void jx_text_put(struct jx_text *text, struct odk_str s);
void jx_text_put_char(struct jx_text *text, char c);
void jx_text_put_code(struct jx_text *text, uint32_t code);
void jx_text_put_cstr(struct jx_text *text, const char *s);
/** The content as a value; undefined once the evaluation failed. */
struct jv jx_text_value(struct jx_text *text);
struct odk_str jx_text_str(const struct jx_text *text);

#define JX_CODE_BYTES_MAX 4

/** Writes a code point (a surrogate as three bytes); returns its length. */
size_t jx_code_put(uint32_t code, char out[JX_CODE_BYTES_MAX]);
/** Code point at *at, which moves past it; bytes that are none read as
 * themselves. Call with *at < s.len. */
uint32_t jx_code_next(struct odk_str s, size_t *at);
/** Number of code points. */
size_t jx_code_count(struct odk_str s);
/** Byte offset of the n-th code point, or the length. */
size_t jx_code_offset(struct odk_str s, size_t n);
/** Number of UTF-16 units in s. */
size_t jx_units(struct odk_str s);
/** Byte offset of a UTF-16 offset, rounded down to a code point. */
size_t jx_units_offset(struct odk_str s, size_t units);

/** Bytes from … to, both cut to the length. */
struct odk_str jx_str_slice(struct odk_str s, size_t from, size_t to);
/** First occurrence at or after from; -1 if none. */
ptrdiff_t jx_str_find(struct odk_str s, struct odk_str part, size_t from);
/** Last occurrence; -1 if none. */
ptrdiff_t jx_str_rfind(struct odk_str s, struct odk_str part);

#define JX_NUMBER_TEXT_MAX 40

/** JavaScript's String(number). NUL-terminated. */
struct odk_str jx_number_text(double n, char out[JX_NUMBER_TEXT_MAX]);
/** The same after rounding to 15 significant digits. */
struct odk_str jx_number_text15(double n, char out[JX_NUMBER_TEXT_MAX]);
/** n rounded to 15 significant digits. */
double jx_number_round15(double n);
/** Decimal text to a number, whatever the locale. */
double jx_number_parse(struct odk_str s);
/** JavaScript's parseInt in base 10: leading blanks, sign, digits; NaN if
 * there are none. */
double jx_parse_int(struct odk_str s);

/** The language's cast to string. */
struct jv jx_string(struct jx *ctx, struct jv v, bool is_pretty);
/** JSON text without the cast's rounding, for messages; cut at max bytes. */
struct odk_str jx_json_brief(struct jv v, char *out, size_t max);

/** Upper or lower case of a whole string. */
struct jv jx_text_case(struct jx *ctx, struct odk_str s, bool is_upper);

#endif
