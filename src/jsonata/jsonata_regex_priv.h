#ifndef JSONATA_REGEX_PRIV_H
#define JSONATA_REGEX_PRIV_H

/*
 * Regular expressions with JavaScript's syntax and meaning over PCRE2. Every
 * attempt at a position has a limit that grows only as the evaluation's steps
 * pay for it, so a catastrophic pattern ends like any other runaway.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base_buf.h"
#include "base/base_str.h"
#include "jsonata/jsonata_eval_priv.h"

struct jx_regex {
    struct jx_regex *next; /**< of the program */
    void *code;            /**< pcre2_code */
    uint32_t n_groups;
    bool is_anchored;
    int first_byte;            /**< every match begins with it; -1 = unknown */
    const uint8_t *first_bits; /**< set of first bytes; NULL = unknown */
};

/** The pattern in PCRE2's syntax; false if it is not JavaScript's. */
bool jx_regex_translate(struct odk_str pattern, bool is_multiline,
                        struct odk_buf *out);

/** Walks the matches of a regular expression or of a function that plays
 * one. */
struct jx_matcher {
    struct jv func;
    struct odk_str text;
    size_t at; /**< regular expression: where to go on */
    bool is_started;
    struct jv found; /**< function: its last answer */
};

/** A match, in bytes of the text. */
struct jx_found {
    struct odk_str match;
    size_t start;
    size_t end;
    struct jv groups;
    struct jv object; /**< function: what it answered */
};

void jx_matcher_init(struct jx_matcher *matcher, struct jv func,
                     struct odk_str text);
/** False at the end, or once the evaluation failed. */
bool jx_matcher_next(struct jx *ctx, struct jx_matcher *matcher,
                     struct jx_found *found);
/** The match as the language shows it: match, start, end, groups, next. */
struct jv jx_found_object(struct jx *ctx, const struct jx_matcher *matcher,
                          const struct jx_found *found);

/** A regular expression called as a function. */
struct jv jx_regex_call(struct jx *ctx, const struct jv_func *func,
                        struct jv text, struct jv from);
struct jv jx_regex_call_next(struct jx *ctx, const struct jv_func *func);
/** Frees what matching took. */
void jx_regex_release(struct jx *ctx);

#endif
