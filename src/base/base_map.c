#include "base/base_map.h"

#include <stdlib.h>

#include "base/base_assert.h"
#include "base/base_hash.h"

#define MAP_SLOTS_MIN 16u

void
odk_map_init(struct odk_map *map)
{
    *map = (struct odk_map){0};
}

void
odk_map_release(struct odk_map *map)
{
    free(map->slots);
    odk_map_init(map);
}

struct odk_map_node *
odk_map_find(const struct odk_map *map, struct odk_str key)
{
    if (map->count == 0) {
        return NULL;
    }
    uint64_t hash = odk_hash64(key, 0);
    struct odk_map_node *node = map->slots[hash & (map->n_slots - 1)];
    while (node && (node->hash != hash || !odk_str_eq(node->key, key))) {
        node = node->next;
    }
    return node;
}

static void
map_grow(struct odk_map *map)
{
    size_t n_slots = map->n_slots ? map->n_slots * 2 : MAP_SLOTS_MIN;
    struct odk_map_node **slots =
        calloc(n_slots, sizeof(struct odk_map_node *));

    if (!slots) {
        odk_out_of_memory();
    }
    for (size_t i = 0; i < map->n_slots; i++) {
        struct odk_map_node *node = map->slots[i];
        while (node) {
            struct odk_map_node *next = node->next;
            struct odk_map_node **slot = &slots[node->hash & (n_slots - 1)];
            node->next = *slot;
            *slot = node;
            node = next;
        }
    }
    free(map->slots);
    map->slots = slots;
    map->n_slots = n_slots;
}

void
odk_map_add(struct odk_map *map, struct odk_map_node *node, struct odk_str key)
{
    odk_assert_slow(!odk_map_find(map, key));
    if (map->count >= map->n_slots) {
        map_grow(map);
    }
    node->key = key;
    node->hash = odk_hash64(key, 0);
    struct odk_map_node **slot = &map->slots[node->hash & (map->n_slots - 1)];
    node->next = *slot;
    *slot = node;
    map->count++;
}

void
odk_map_remove(struct odk_map *map, struct odk_map_node *node)
{
    odk_assert(map->count > 0);
    struct odk_map_node **at = &map->slots[node->hash & (map->n_slots - 1)];
    while (*at && *at != node) {
        at = &(*at)->next;
    }
    odk_assert(*at == node);
    *at = node->next;
    node->next = NULL;
    map->count--;
}

struct odk_map_node *
odk_map_next(const struct odk_map *map, const struct odk_map_node *after)
{
    size_t slot = 0;

    if (after) {
        if (after->next) {
            return after->next;
        }
        slot = (after->hash & (map->n_slots - 1)) + 1;
    }
    for (; slot < map->n_slots; slot++) {
        if (map->slots[slot]) {
            return map->slots[slot];
        }
    }
    return NULL;
}
