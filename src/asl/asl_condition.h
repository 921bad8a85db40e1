#ifndef ASL_CONDITION_H
#define ASL_CONDITION_H

/*
 * The compiled test of a JSONPath Choice rule: asl_condition.c makes it,
 * asl_choose.c reads it.
 */

#include "asl/asl_priv.h"

/** What an operator looks at. */
enum asl_operand {
    ASL_OPERAND_STRING,
    ASL_OPERAND_NUMERIC,
    ASL_OPERAND_TIMESTAMP,
    ASL_OPERAND_BOOLEAN,
    ASL_OPERAND_MATCHES,
    ASL_OPERAND_IS_NULL,
    ASL_OPERAND_IS_PRESENT,
    ASL_OPERAND_IS_NUMERIC,
    ASL_OPERAND_IS_STRING,
    ASL_OPERAND_IS_BOOLEAN,
    ASL_OPERAND_IS_TIMESTAMP,
};

/** Which outcomes of a three-way comparison are true. */
enum asl_relation {
    ASL_LESS = 1,
    ASL_EQUAL = 2,
    ASL_GREATER = 4,
};

/** One of the 39 operators. */
struct asl_operator {
    const char *name;
    enum asl_operand operand;
    uint8_t relation;
    bool is_path;
};

enum asl_condition_kind {
    ASL_CONDITION_TEST,
    ASL_CONDITION_AND,
    ASL_CONDITION_OR,
    ASL_CONDITION_NOT,
};

/** A test, or tests joined. */
struct asl_condition {
    enum asl_condition_kind kind;
    const struct asl_operator *op;    /**< of a test */
    const struct asl_value *variable; /**< of a test */
    const struct asl_value *path;     /**< operand of a …Path test */
    json_t *literal;                  /**< operand of any other */
    odk_time_ms at;                   /**< the literal as a timestamp */
    const struct asl_condition **children;
    size_t n_children;
};

#endif
