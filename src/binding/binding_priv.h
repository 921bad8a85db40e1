#ifndef BINDING_PRIV_H
#define BINDING_PRIV_H

#include "binding/binding.h"
#include "json/json.h"
#include "json/json_path.h"

enum binding_action {
    BINDING_START,
    BINDING_SIGNAL,
};

struct binding_rule {
    struct odk_str topic;
    struct json_path *when_path; /**< NULL: always */
    json_t *when_equals;         /**< NULL: the path must exist */
    struct json_path *id_path;   /**< NULL: the record's key */
    enum binding_action action;
    struct odk_str definition; /**< start */
    int32_t version;           /**< start; 0: the newest */
    enum codec_reuse_policy reuse;
    enum codec_conflict_policy conflict;
    struct odk_str signal;          /**< signal */
    struct json_path *payload_path; /**< NULL: the whole event */
};

struct binding {
    json_t *text; /**< as published; strings of the rules borrow from it */
    struct odk_str name;
    struct odk_str namespace_;
    struct binding_rule *rules;
    size_t n_rules;
    struct odk_str *topics;
    size_t n_topics;
};

#endif
