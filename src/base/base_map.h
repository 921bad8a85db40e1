#ifndef BASE_MAP_H
#define BASE_MAP_H

/*
 * An intrusive hash table: the caller embeds `struct odk_map_node` and owns the
 * objects; the map never allocates per entry. Keys are byte strings that live
 * as long as their node is in the map.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/base_str.h"

struct odk_map_node {
    struct odk_map_node *next;
    uint64_t hash;
    struct odk_str key;
};

struct odk_map {
    struct odk_map_node **slots;
    size_t n_slots; /**< a power of two, or 0 */
    size_t count;
};

void odk_map_init(struct odk_map *map);
/** Frees the table, not the nodes. */
void odk_map_release(struct odk_map *map);

/** The node of a key, or NULL. */
struct odk_map_node *odk_map_find(const struct odk_map *map,
                                  struct odk_str key);

/** The key must not be in the map yet; it is kept by reference. */
void odk_map_add(struct odk_map *map, struct odk_map_node *node,
                 struct odk_str key);

/** The node must be in the map. */
void odk_map_remove(struct odk_map *map, struct odk_map_node *node);

/** Any node (after `after` in table order, NULL = first), or NULL at the end.
 */
struct odk_map_node *odk_map_next(const struct odk_map *map,
                                  const struct odk_map_node *after);

#define ODK_CONTAINER(ptr, type, member)                                       \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
