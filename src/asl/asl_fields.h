#ifndef ASL_FIELDS_H
#define ASL_FIELDS_H

/*
 * What compiles the fields of a state: one function for each way to read a
 * value, named in the table of asl_field.c. Each stores its result at the
 * row's offset in the state or in a member of its own, and reports what is
 * wrong.
 */

#include "asl/asl_priv.h"

/** A string that is not kept. */
void asl_field_comment(const struct asl_slot *slot);
/** The name of a state of the same scope. */
void asl_field_next(const struct asl_slot *slot);
/** `true`. */
void asl_field_end(const struct asl_slot *slot);
/** A path, or null: the state sees `{}`. */
void asl_field_input_path(const struct asl_slot *slot);
/** A path, or null: the state gives `{}`. */
void asl_field_output_path(const struct asl_slot *slot);
/** A reference path, or null: the result is dropped. */
void asl_field_result_path(const struct asl_slot *slot);
/** Any JSON, with expressions inside. */
void asl_field_template(const struct asl_slot *slot);
/** ResultSelector: a template that is an object. */
void asl_field_selector(const struct asl_slot *slot);
void asl_field_assign(const struct asl_slot *slot);
void asl_field_result(const struct asl_slot *slot);
void asl_field_retry(const struct asl_slot *slot);
void asl_field_resource(const struct asl_slot *slot);
void asl_field_credentials(const struct asl_slot *slot);
/** A positive number of seconds or an expression. */
void asl_field_seconds(const struct asl_slot *slot);
/** Ours: a positive number of seconds, never an expression. */
void asl_field_own_seconds(const struct asl_slot *slot);
/** A path on the input, the context or a variable. */
void asl_field_path(const struct asl_slot *slot);
void asl_field_pivot(const struct asl_slot *slot);
void asl_field_on_unknown(const struct asl_slot *slot);
void asl_field_choices(const struct asl_slot *slot);
void asl_field_default(const struct asl_slot *slot);
void asl_field_wait_seconds(const struct asl_slot *slot);
void asl_field_timestamp(const struct asl_slot *slot);
void asl_field_text(const struct asl_slot *slot);
/** A path or an intrinsic that gives a string. */
void asl_field_text_path(const struct asl_slot *slot);
void asl_field_items_path(const struct asl_slot *slot);
void asl_field_items(const struct asl_slot *slot);
void asl_field_count(const struct asl_slot *slot);
void asl_field_percentage(const struct asl_slot *slot);
void asl_field_label(const struct asl_slot *slot);

/** A reference path of the slot's value; NULL for `$` or after a problem. */
const struct json_path *asl_reference_path(const struct asl_slot *slot);

/** Assign of a state, rule or catcher. */
const struct asl_value *asl_assign_compile(const struct asl_slot *slot);

/** Characters of UTF-8 text. */
size_t asl_count_chars(struct odk_str text);

/** Whether the scope runs as an Express child of a distributed Map. */
bool asl_scope_is_express(const struct asl_compiler *c, int32_t scope);

/** What needs the whole state: time-outs against each other, fields that belong
 * together. */
void asl_state_finish(const struct asl_slot *slot);

/** What the members of ItemReader, ItemBatcher and ResultWriter must be
 * together; each is checked for itself already. */
void asl_item_reader_check(const struct asl_slot *slot);
void asl_item_batcher_check(const struct asl_slot *slot);
void asl_result_writer_check(const struct asl_slot *slot);

/** A slot for a member of an object within a field: Catch/0/Output. */
struct asl_slot asl_slot_sub(const struct asl_slot *slot, json_t *value,
                             const struct json_place *place,
                             const struct asl_field *field);

/** A row of a table of members, for objects within fields. */
struct asl_member {
    const char *name;
    uint8_t languages; /**< ASL_IN_… */
    bool is_required;
};

/** Checks an object's members against a table: unknown ones, those of the other
 * language, required ones. False if value is no object. */
bool asl_members_check(const struct asl_slot *slot, json_t *value,
                       const struct json_place *place,
                       const struct asl_member *members, size_t n);

/** An integer member within bounds, with a problem otherwise; `absent` if it is
 * not there or wrong. */
int64_t asl_member_integer(struct asl_compiler *c, json_t *object,
                           const struct json_place *place, const char *key,
                           const int64_t bounds[3]);

/** ErrorEquals: the list, checked; n is 0 after a problem. is_last: of the
 * Retry or Catch. */
const struct odk_str *asl_error_equals(const struct asl_slot *slot,
                                       json_t *rule,
                                       const struct json_place *place,
                                       bool is_last, size_t *n);

/** OnUnknown of an object; STUCK if it is absent or wrong. */
enum asl_on_unknown asl_on_unknown_parse(struct asl_compiler *c, json_t *object,
                                         const struct json_place *place);

#endif
