#ifndef JSON_JSON_H
#define JSON_JSON_H

/*
 * Helpers over jansson. A JSON value is a reference-counted json_t that nobody
 * changes once a second owner has seen it: who needs another value builds one
 * that shares the unchanged parts. Parsing and writing are our own, because
 * jansson refuses integers beyond 64 bits and prints numbers its own way.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/base.h"

/** Nesting of arrays and objects that is parsed, written and compared. Deeper
 * values do not occur: every value enters through json_parse. */
#define JSON_DEPTH_MAX 512

/**
 * Parses one JSON value of any type with nothing but white space around it.
 * The text must be UTF-8; U+0000 in strings and keys is legal; half a surrogate
 * pair in an escape becomes U+FFFD; integers beyond 64 bits become reals; of
 * duplicate keys the last wins. NULL with err set to
 * ODK_ESYNTAX (message "line L column C: …") or ODK_ELIMIT (nesting). The
 * result is a new reference.
 */
json_t *json_parse(struct odk_str text, struct odk_err *err) ODK_MUST_USE;

/** As json_parse, but a key that occurs twice in an object is ODK_ESYNTAX: for
 * what people write and machines must not guess about. */
json_t *json_parse_strict(struct odk_str text,
                          struct odk_err *err) ODK_MUST_USE;

/** As json_parse, but half a surrogate pair in an escape stays one, as its
 * three bytes: for expressions of a language whose strings are UTF-16. Such a
 * value must not be written. */
json_t *json_parse_wtf8(struct odk_str text, struct odk_err *err) ODK_MUST_USE;

/** Appends the value as compact JSON in UTF-8, keys in their order of
 * insertion, reals with the fewest digits that read back the same. ODK_ELIMIT
 * when the buffer's cap was reached or the nesting is too deep. */
int json_dump(const json_t *value, struct odk_buf *out) ODK_MUST_USE;

/** As json_dump for the texts of messages, which are cut anyway: what is nested
 * too deep is left out. */
void json_put(struct odk_buf *out, const json_t *value);

/** As json_dump, but keys in bytewise order: for digests. */
int json_dump_canonical(const json_t *value, struct odk_buf *out) ODK_MUST_USE;

/** Bytes that json_dump would write; SIZE_MAX where it would fail. */
size_t json_dump_size(const json_t *value);

/** Appends a number as json_dump does; NaN and infinities are a bug. */
void json_put_real(struct odk_buf *out, double value);

/** The bytes of a JSON string, borrowed; absent for NULL and other types. */
struct odk_str json_str(const json_t *value);

/** A new JSON string of s, which must be UTF-8. */
json_t *json_str_new(struct odk_str s);

/** Member of an object, borrowed; NULL if absent or object is no object. */
json_t *json_get(const json_t *object, const char *key);
/** As json_get. */
json_t *json_get_str(const json_t *object, struct odk_str key);

/** Sets a member of an object that has one owner yet; consumes value. */
void json_set(json_t *object, struct odk_str key, json_t *value);

/** Appends to an array that has one owner yet; consumes value. */
void json_append(json_t *array, json_t *value);

/** Walks the members of an object in their order; of any other value there are
 * none. All borrowed; the object must not change meanwhile.
 *     for (json_member_first(&it, o); it.value; json_member_next(&it)) */
struct json_member_iter {
    json_t *object;
    void *at;
    struct odk_str key;
    json_t *value; /**< NULL: past the last */
};

/** Starts a walk. */
void json_member_first(struct json_member_iter *iter, const json_t *object);
/** Goes on; must not be called past the last. */
void json_member_next(struct json_member_iter *iter);

/** A new object or array with the members of the old one, each shared. */
json_t *json_share_members(const json_t *container);

/** Deep equality: numbers by value (1 equals 1.0), members in any order. */
bool json_eq(const json_t *a, const json_t *b);

/** Order of two numbers by value, exact also between int64 and double: <0, 0,
 * >0. Both must be numbers. */
int json_number_cmp(const json_t *a, const json_t *b);

/** A number that holds an integer, whether written 3 or 3.0: true and *out. */
bool json_to_i64(const json_t *value, int64_t *out);

/** "null", "boolean", "number", "string", "array" or "object". */
const char *json_type_name(const json_t *value);

/** A place inside a document, as a chain on the stack: a JSON pointer (RFC
 * 6901). The root has parent NULL and is "". */
struct json_place {
    const struct json_place *parent;
    struct odk_str key; /**< absent: an array's element */
    size_t index;
};

/** Appends "/States/A/Retry/0"; nothing for NULL or the root. */
void json_place_put(const struct json_place *place, struct odk_buf *out);

/**
 * Typed members. Each leaves *out as it is when the member is absent and
 * `is_required` is false; otherwise ODK_EINVAL with a message that begins with
 * the member's pointer. place is the object's own, NULL for the root.
 */
struct json_field {
    const json_t *object;
    const struct json_place *place;
    const char *key;
    bool is_required;
};

/** A string, borrowed. */
int json_field_str(const struct json_field *field, struct odk_str *out,
                   struct odk_err *err) ODK_MUST_USE;
/** A number that holds an integer. */
int json_field_i64(const struct json_field *field, int64_t *out,
                   struct odk_err *err) ODK_MUST_USE;
/** Any number. */
int json_field_double(const struct json_field *field, double *out,
                      struct odk_err *err) ODK_MUST_USE;
/** true or false. */
int json_field_bool(const struct json_field *field, bool *out,
                    struct odk_err *err) ODK_MUST_USE;
/** An object, borrowed. */
int json_field_object(const struct json_field *field, json_t **out,
                      struct odk_err *err) ODK_MUST_USE;
/** An array, borrowed. */
int json_field_array(const struct json_field *field, json_t **out,
                     struct odk_err *err) ODK_MUST_USE;

#endif
