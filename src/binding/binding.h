#ifndef BINDING_BINDING_H
#define BINDING_BINDING_H

/*
 * Bindings: rules that turn events of foreign topics into commands (protocol.md
 * "Bindings"). Pure: text in, compiled rules out; a record in, at most one
 * command out. Reading the topics is room `relay`.
 *
 *   { "name": "orders", "namespace": "default",
 *     "rules": [
 *       { "topic": "shop.orders", "when": { "path": "$.type", "equals":
 * "OrderPlaced" }, "workflow_id": "$.order_id", "action": "start",
 * "definition": "order" }, { "topic": "shop.approvals", "workflow_id": "key",
 *         "action": "signal", "signal": "approval", "payload": "$.decision" } ]
 * }
 *
 * The first rule of the topic whose `when` holds decides; a record that no rule
 * wants is skipped. `workflow_id` is a path into the event or "key". `input`
 * and `payload` are paths, "$" by default.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/base.h"
#include "codec/codec.h"

#define BINDING_RULES_MAX      256
#define BINDING_NAME_MAX       80
#define BINDING_TEXT_BYTES_MAX 262144

/** One thing that is wrong with a binding's text. */
struct binding_problem {
    struct odk_str pointer; /**< JSON pointer */
    struct odk_str message; /**< a sentence */
};

/** Everything that is wrong, at once. */
struct binding_problems {
    struct odk_arena arena;
    struct binding_problem *list;
    size_t n;
};

void binding_problems_init(struct binding_problems *problems);
void binding_problems_release(struct binding_problems *problems);

struct binding;

/** ODK_EINVAL: problems has at least one entry and *out is NULL. text is
 * copied. */
int binding_compile(struct odk_str text, struct binding **out,
                    struct binding_problems *problems) ODK_MUST_USE;
void binding_free(struct binding *binding);

/** Its name; borrowed. */
struct odk_str binding_name(const struct binding *binding);

/** The distinct topics of the rules, in order of appearance; borrowed. */
size_t binding_topics(const struct binding *binding,
                      const struct odk_str **out);

/** A foreign record; ptr NULL: absent. */
struct binding_event {
    struct odk_str topic;
    struct odk_str key;
    struct odk_str value;
};

enum binding_verdict {
    BINDING_SKIP,    /**< no rule wants it */
    BINDING_COMMAND, /**< out holds a StartWorkflow or SignalWorkflow */
    BINDING_BAD, /**< a rule wants it, but it cannot be turned into a command */
};

/** What a record becomes; strings live in the arena or the binding. */
struct binding_outcome {
    enum binding_verdict verdict;
    struct codec_record command; /**< without request id, reply and source */
    struct odk_str key;          /**< namespace/workflow_id */
    const char *code;            /**< BAD: "NotJson", "NoWorkflowId" … */
    char text[256];              /**< BAD: a sentence */
};

/** Never fails: what is wrong becomes BINDING_BAD. */
void binding_match(const struct binding *binding,
                   const struct binding_event *event, struct odk_arena *arena,
                   struct binding_outcome *out);

#endif
