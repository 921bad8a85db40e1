#ifndef JSONATA_ANCESTRY_PRIV_H
#define JSONATA_ANCESTRY_PRIV_H

#include "jsonata/jsonata_node_priv.h"

/** What the reference calls the kind of node, for errors. */
struct jv jn_type_name(const struct jn *node);
/** node seeks slot too. */
void jn_seek(struct jp *jp, struct jn *node, struct jn_slot *slot);
/** node seeks what value, which is part of it, could not find. */
void jn_push_ancestry(struct jp *jp, struct jn *node, struct jn *value);
/** Looks for the step that slot stands for in node, from its end. */
void jn_seek_parent(struct jp *jp, struct jn *node, struct jn_slot *slot);
/** Resolves what the last step of a path seeks among the steps before it. */
void jn_resolve_ancestry(struct jp *jp, struct jn *path);

#endif
