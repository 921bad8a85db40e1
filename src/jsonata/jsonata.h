#ifndef JSONATA_JSONATA_H
#define JSONATA_JSONATA_H

/*
 * JSONata 2.0.6: an expression over a JSON document, compiled once, evaluated
 * often. The reference is the language's own test suite and documentation
 * (docs.jsonata.org); `$eval` is left out. Evaluation reads no clock and draws
 * no randomness of its own: both come in the options. It works within a budget
 * of steps, depth and memory, so that any expression ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/base_assert.h"
#include "base/base_str.h"
#include "base/base_time.h"

/** Longest expression that compiles. */
#define JSONATA_TEXT_BYTES_MAX ((size_t)256 << 10)
/** Nesting of brackets and operators that the parser accepts. */
#define JSONATA_NEST_MAX 400u
/** Defaults of the options, and the deepest evaluation the C stack is sized
 * for. */
#define JSONATA_STEPS_DEFAULT  5000000u
#define JSONATA_DEPTH_DEFAULT  500u
#define JSONATA_DEPTH_MAX      1000u
#define JSONATA_MEMORY_DEFAULT ((size_t)128 * 1024 * 1024)

struct jsonata;

/** What went wrong. The code is the reference's (S0101, T0410, D3xxx); budgets
 * end with U1001, and A0001 is an expression that reads an input document where
 * there is none. */
struct jsonata_error {
    char code[8];
    size_t position;   /**< UTF-16 units from the start of the expression */
    char token[64];    /**< as in the reference: operator or function name */
    char message[512]; /**< the reference's sentence, filled in; no code */
};

/** All zero = no bindings, default budgets, the dialect of the reference. */
struct jsonata_options {
    odk_time_ms now;         /**< what $now() and $millis() tell */
    uint64_t seed;           /**< of $random, $shuffle and $uuid */
    uint64_t steps_max;      /**< 0 = JSONATA_STEPS_DEFAULT */
    uint32_t depth_max;      /**< 0 = default; at most JSONATA_DEPTH_MAX */
    size_t memory_bytes_max; /**< 0 = JSONATA_MEMORY_DEFAULT */
    json_t *bindings;        /**< object: name without $ → value; borrowed */
    /** The dialect of AWS Step Functions: $partition, $range, $hash, $random,
     * $uuid and $parse exist, and an expression that reads an input document
     * (`$`, `$$` or a bare name at top level) is refused with A0001. */
    bool is_aws;
};

/** Compiles text (copied), in which half a surrogate pair may stand. The result
 * is immutable and may be shared between threads. ODK_ESYNTAX with err filled,
 * or ODK_ELIMIT for a text beyond the limits. err may be NULL. */
int jsonata_compile(struct odk_str text, struct jsonata **out,
                    struct jsonata_error *err) ODK_MUST_USE;

/** NULL is allowed. */
void jsonata_free(struct jsonata *program);

/** Evaluates over input (borrowed; NULL = undefined). Parts of the input that
 * reach the result are shared with it, not copied. *out is a new reference, or
 * NULL when the result is undefined. ODK_EINVAL: the expression failed;
 * ODK_ELIMIT: a budget ended it; ODK_EUNSUPPORTED: the result is or holds a
 * function. options and err may be NULL. */
int jsonata_eval(const struct jsonata *program, json_t *input,
                 const struct jsonata_options *options, json_t **out,
                 struct jsonata_error *err) ODK_MUST_USE;

/** Whether the expression reads the input document: `$`, `$$` or a bare name at
 * top level. Such an expression has no meaning where there is no document. */
bool jsonata_reads_input(const struct jsonata *program);

/** Whether the expression mentions the variable (name without $), bound by the
 * caller or by itself. */
bool jsonata_reads_variable(const struct jsonata *program, struct odk_str name);

#endif
