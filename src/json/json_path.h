#ifndef JSON_PATH_H
#define JSON_PATH_H

/*
 * JSONPath in the dialect of Jayway's JsonPath for Java, which is what the
 * service runs: its results and its error texts, not those of RFC 9535. A path
 * is compiled once and is immutable then. `$` and `@` both mean the root that
 * json_path_eval is given.
 *
 * A definite path (only names and single indices) finds exactly one value or
 * fails; any other finds a list, which may be empty.
 */

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/base.h"

/** Longest text of a path. */
#define JSON_PATH_BYTES_MAX 65536
/** Nesting of filters, parentheses and function arguments in a path's text. */
#define JSON_PATH_NEST_MAX 32
/** Steps of one path. */
#define JSON_PATH_STEPS_MAX 128
/** Names or indices of one step. */
#define JSON_PATH_UNION_MAX 256
/** Nesting of one evaluation: steps, levels of the document below `..` and
 * filters together. Bounds the stack. */
#define JSON_PATH_DEPTH_MAX 1500
/** Backtracking of one regular expression over one text; each match counts for
 * JSON_PATH_MATCH_VISITS visits. */
#define JSON_PATH_MATCH_MAX    10000
#define JSON_PATH_MATCH_VISITS 100
/** Values that one evaluation visits: bounds `..` within filters within `..` to
 * some tenths of a second. */
#define JSON_PATH_VISITS_MAX 2000000
/** Values that one evaluation finds. */
#define JSON_PATH_RESULTS_MAX 1000000

struct json_path;

/** Compiles text (copied), which must begin with `$`. ODK_ESYNTAX with Jayway's
 * text, ODK_ELIMIT. */
int json_path_compile(struct odk_str text, struct json_path **out,
                      struct odk_err *err) ODK_MUST_USE;

/** NULL is allowed. */
void json_path_free(struct json_path *path);

/** As it was written. */
struct odk_str json_path_text(const struct json_path *path);

/** Whether the path finds one value or fails, never a list. */
bool json_path_is_definite(const struct json_path *path);

/** Whether the path can name a place to write: only names and indices ≥ 0. */
bool json_path_is_reference(const struct json_path *path);

/** Whether the path is `$` alone. */
bool json_path_is_root(const struct json_path *path);

/**
 * Finds what the path names under root. *out is a new reference to the value
 * itself, or to a new list of shared values. ODK_ENOTFOUND with Jayway's text
 * ("No results for path: $['a']['b']", "Missing property in path $['a']"),
 * ODK_EINVAL where Jayway refuses the path for this document (a function of an
 * empty array), ODK_ELIMIT. err may be NULL; a caller that only asks whether
 * something is there saves the text.
 */
int json_path_eval(const struct json_path *path, json_t *root, json_t **out,
                   struct odk_err *err) ODK_MUST_USE;

/**
 * A document that equals root but holds value where the reference path points;
 * it shares everything that is not on the way. Objects that are missing are
 * made. A value on the way that is neither object nor array, or an array
 * without the element, is ODK_EINVAL: what was there must not vanish silently.
 * *out is a new reference; root and value are borrowed. The path must be a
 * reference path.
 */
int json_path_set(const struct json_path *path, json_t *root, json_t *value,
                  json_t **out, struct odk_err *err) ODK_MUST_USE;

#endif
