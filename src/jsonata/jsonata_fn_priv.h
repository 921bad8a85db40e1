#ifndef JSONATA_FN_PRIV_H
#define JSONATA_FN_PRIV_H

/*
 * The functions of the language. Arguments have passed their signature, so a
 * function may rely on the kinds it names, and must expect undefined.
 */

#include "jsonata/jsonata_eval_priv.h"

/* X(name, signature, arity, function): arity is what the reference's own
 * function declares, which higher-order functions go by. */
#define JX_BUILTINS(X)                                                         \
    X("sum", "<a<n>:n>", 1, jx_fn_sum)                                         \
    X("count", "<a:n>", 1, jx_fn_count)                                        \
    X("max", "<a<n>:n>", 1, jx_fn_max)                                         \
    X("min", "<a<n>:n>", 1, jx_fn_min)                                         \
    X("average", "<a<n>:n>", 1, jx_fn_average)                                 \
    X("string", "<x-b?:s>", 1, jx_fn_string)                                   \
    X("substring", "<s-nn?:s>", 3, jx_fn_substring)                            \
    X("substringBefore", "<s-s:s>", 2, jx_fn_substring_before)                 \
    X("substringAfter", "<s-s:s>", 2, jx_fn_substring_after)                   \
    X("lowercase", "<s-:s>", 1, jx_fn_lowercase)                               \
    X("uppercase", "<s-:s>", 1, jx_fn_uppercase)                               \
    X("length", "<s-:n>", 1, jx_fn_length)                                     \
    X("trim", "<s-:s>", 1, jx_fn_trim)                                         \
    X("pad", "<s-ns?:s>", 3, jx_fn_pad)                                        \
    X("match", "<s-f<s:o>n?:a<o>>", 3, jx_fn_match)                            \
    X("contains", "<s-(sf):b>", 2, jx_fn_contains)                             \
    X("replace", "<s-(sf)(sf)n?:s>", 4, jx_fn_replace)                         \
    X("split", "<s-(sf)n?:a<s>>", 3, jx_fn_split)                              \
    X("join", "<a<s>s?:s>", 2, jx_fn_join)                                     \
    X("formatNumber", "<n-so?:s>", 3, jx_fn_format_number)                     \
    X("formatBase", "<n-n?:s>", 2, jx_fn_format_base)                          \
    X("formatInteger", "<n-s:s>", 2, jx_fn_format_integer)                     \
    X("parseInteger", "<s-s:n>", 2, jx_fn_parse_integer)                       \
    X("number", "<(nsb)-:n>", 1, jx_fn_number)                                 \
    X("floor", "<n-:n>", 1, jx_fn_floor)                                       \
    X("ceil", "<n-:n>", 1, jx_fn_ceil)                                         \
    X("round", "<n-n?:n>", 2, jx_fn_round)                                     \
    X("abs", "<n-:n>", 1, jx_fn_abs)                                           \
    X("sqrt", "<n-:n>", 1, jx_fn_sqrt)                                         \
    X("power", "<n-n:n>", 2, jx_fn_power)                                      \
    X("random", "<:n>", 0, jx_fn_random)                                       \
    X("boolean", "<x-:b>", 1, jx_fn_boolean)                                   \
    X("not", "<x-:b>", 1, jx_fn_not)                                           \
    X("map", "<af>", 2, jx_fn_map)                                             \
    X("zip", "<a+>", 0, jx_fn_zip)                                             \
    X("filter", "<af>", 2, jx_fn_filter)                                       \
    X("single", "<af?>", 2, jx_fn_single)                                      \
    X("reduce", "<afj?:j>", 3, jx_fn_reduce)                                   \
    X("sift", "<o-f?:o>", 2, jx_fn_sift)                                       \
    X("keys", "<x-:a<s>>", 1, jx_fn_keys)                                      \
    X("lookup", "<x-s:x>", 2, jx_fn_lookup)                                    \
    X("append", "<xx:a>", 2, jx_fn_append)                                     \
    X("exists", "<x:b>", 1, jx_fn_exists)                                      \
    X("spread", "<x-:a<o>>", 1, jx_fn_spread)                                  \
    X("merge", "<a<o>:o>", 1, jx_fn_merge)                                     \
    X("reverse", "<a:a>", 1, jx_fn_reverse)                                    \
    X("each", "<o-f:a>", 2, jx_fn_each)                                        \
    X("error", "<s?:x>", 1, jx_fn_error)                                       \
    X("assert", "<bs?:x>", 2, jx_fn_assert)                                    \
    X("type", "<x:s>", 1, jx_fn_type)                                          \
    X("sort", "<af?:a>", 2, jx_fn_sort)                                        \
    X("shuffle", "<a:a>", 1, jx_fn_shuffle)                                    \
    X("distinct", "<x:x>", 1, jx_fn_distinct)                                  \
    X("base64encode", "<s-:s>", 1, jx_fn_base64encode)                         \
    X("base64decode", "<s-:s>", 1, jx_fn_base64decode)                         \
    X("encodeUrlComponent", "<s-:s>", 1, jx_fn_encode_url_component)           \
    X("encodeUrl", "<s-:s>", 1, jx_fn_encode_url)                              \
    X("decodeUrlComponent", "<s-:s>", 1, jx_fn_decode_url_component)           \
    X("decodeUrl", "<s-:s>", 1, jx_fn_decode_url)                              \
    X("toMillis", "<s-s?:n>", 2, jx_fn_to_millis)                              \
    X("fromMillis", "<n-s?s?:s>", 3, jx_fn_from_millis)                        \
    X("now", "<s?s?:s>", 2, jx_fn_now)                                         \
    X("millis", "<:n>", 0, jx_fn_millis)                                       \
    X("clone", "<(oa)-:o>", 1, jx_fn_clone)

/* What AWS Step Functions adds. */
#define JX_BUILTINS_AWS(X)                                                     \
    X("partition", "<an:a>", 2, jx_fn_partition)                               \
    X("range", "<nnn:a>", 3, jx_fn_range)                                      \
    X("hash", "<ss:s>", 2, jx_fn_hash)                                         \
    X("random", "<n?:n>", 0, jx_fn_random_seeded)                              \
    X("uuid", "<:s>", 0, jx_fn_uuid)                                           \
    X("parse", "<s-:x>", 1, jx_fn_parse)

#define X(name, signature, arity, function)                                    \
    struct jv function(struct jx *ctx, struct jx_call *call);
JX_BUILTINS(X)
JX_BUILTINS_AWS(X)
#undef X

/** The language's rounding: half to even, at a decimal place. */
double jx_round(double n, double precision);
/** JavaScript's toFixed of |n|; returns the length. */
size_t jx_to_fixed(double n, uint32_t places, char *out, size_t max);

/** $formatInteger and $parseInteger without undefined. */
struct jv jx_format_integer(struct jx *ctx, double n, struct odk_str picture);

#endif
