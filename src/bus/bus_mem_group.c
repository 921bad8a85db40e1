#include <stdlib.h>

#include "bus/bus_mem_priv.h"

/*
 *            a member joins, leaves, expires
 *   STABLE ────────────────────────────────▶ rebalancing: all members revoke
 *      ▲                                           │
 *      └── ranges handed out ◀── all have let go ──┘
 *
 * A gone member that has not expired holds the rebalance up, as a real group
 * waits for its session.
 */

struct mem_group *
mem_group_get(struct bus_mem_broker *broker, const char *id)
{
    for (size_t i = 0; i < broker->n_groups; i++) {
        if (strcmp(broker->groups[i]->id, id) == 0) {
            return broker->groups[i];
        }
    }
    void *groups = broker->groups;
    struct mem_group **slot =
        mem_grow(&groups, broker->n_groups++, sizeof(struct mem_group *));

    broker->groups = groups;
    *slot = mem_calloc(1, sizeof(**slot));
    (*slot)->id = mem_strdup(id);
    return *slot;
}

static void
member_free(struct mem_member *member)
{
    free(member->instance_id);
    free(member);
}

void
mem_group_free(struct mem_group *group)
{
    for (size_t i = 0; i < group->n_members; i++) {
        member_free(group->members[i]);
    }
    for (size_t i = 0; i < group->n_offsets; i++) {
        odk_buf_release(&group->offsets[i].metadata);
    }
    free(group->members);
    free(group->offsets);
    free(group->id);
    free(group);
}

static void
member_revoke(struct mem_member *member)
{
    struct mem_bus *bus = member->bus;

    if (!bus || bus->revoke != MEM_REVOKE_NONE) {
        return;
    }
    if (bus->has_assignment || bus->n_owned == 0) {
        /* It never heard of these: nothing to let go. */
        bus->has_assignment = false;
        bus->n_owned = 0;
        member->n_owned = 0;
        return;
    }
    bus->revoke = MEM_REVOKE_DUE;
}

static void
group_rebalance(struct mem_group *group)
{
    group->is_rebalancing = true;
    for (size_t i = 0; i < group->n_members; i++) {
        member_revoke(group->members[i]);
    }
    mem_group_settle(group);
}

static bool
group_is_free(const struct mem_group *group)
{
    for (size_t i = 0; i < group->n_members; i++) {
        const struct mem_member *member = group->members[i];

        if (!member->bus || member->n_owned > 0 ||
            member->bus->revoke != MEM_REVOKE_NONE) {
            return false;
        }
    }
    return true;
}

/* Range: the members of a topic in order, the first ones get one more. */
static void
member_assign(const struct mem_group *group, struct mem_member *member)
{
    int32_t n = 0;
    int32_t rank = 0;

    for (size_t i = 0; i < group->n_members; i++) {
        if (group->members[i] == member) {
            rank = n;
        }
        n += group->members[i]->topic == member->topic ? 1 : 0;
    }
    int32_t partitions = member->bus->n_partitions;
    int32_t share = partitions / n;
    int32_t extra = partitions % n;

    member->first = rank * share + (rank < extra ? rank : extra);
    member->n_owned = share + (rank < extra ? 1 : 0);
    member->bus->first = member->first;
    member->bus->n_owned = member->n_owned;
    member->bus->has_assignment = member->n_owned > 0;
}

void
mem_group_settle(struct mem_group *group)
{
    if (!group->is_rebalancing || !group_is_free(group)) {
        return;
    }
    group->is_rebalancing = false;
    for (size_t i = 0; i < group->n_members; i++) {
        member_assign(group, group->members[i]);
    }
}

static struct mem_member *
group_find_static(struct mem_group *group, const char *instance_id)
{
    for (size_t i = 0; instance_id && i < group->n_members; i++) {
        struct mem_member *member = group->members[i];

        if (member->instance_id &&
            strcmp(member->instance_id, instance_id) == 0) {
            return member;
        }
    }
    return NULL;
}

void
mem_group_join(struct mem_group *group, struct mem_bus *bus)
{
    struct mem_member *member = group_find_static(group, bus->instance_id);

    if (member) {
        if (member->bus) {
            member->bus->is_fenced = true;
            member->bus->member = NULL;
        }
        member->bus = bus;
        bus->member = member;
        if (group->is_rebalancing) {
            member->n_owned = 0;
            mem_group_settle(group);
            return;
        }
        bus->first = member->first;
        bus->n_owned = member->n_owned;
        bus->has_assignment = member->n_owned > 0;
        return;
    }
    member = mem_calloc(1, sizeof(*member));
    member->instance_id = mem_strdup(bus->instance_id);
    member->topic = bus->topics[0];
    member->bus = bus;
    bus->member = member;
    void *members = group->members;
    struct mem_member **slot =
        mem_grow(&members, group->n_members++, sizeof(struct mem_member *));

    group->members = members;
    *slot = member;
    group_rebalance(group);
}

void
mem_group_leave(struct mem_group *group, struct mem_member *member)
{
    size_t n = 0;

    for (size_t i = 0; i < group->n_members; i++) {
        if (group->members[i] != member) {
            group->members[n++] = group->members[i];
        }
    }
    odk_assert(n + 1 == group->n_members);
    group->n_members = n;
    if (member->bus) {
        member->bus->member = NULL;
    }
    member_free(member);
    group_rebalance(group);
}

void
mem_group_abandon(struct mem_group *group, struct mem_member *member,
                  odk_time_ms expires)
{
    odk_assert(group->n_members > 0);
    member->bus->member = NULL;
    member->bus = NULL;
    member->expires = expires;
}

void
mem_group_expire(struct mem_group *group, odk_time_ms now)
{
    for (size_t i = 0; i < group->n_members;) {
        struct mem_member *member = group->members[i];

        if (!member->bus && member->expires <= now) {
            mem_group_leave(group, member);
        } else {
            i++;
        }
    }
}

struct mem_offset *
mem_group_offset(struct mem_group *group, size_t topic, int32_t partition)
{
    for (size_t i = 0; i < group->n_offsets; i++) {
        struct mem_offset *offset = &group->offsets[i];

        if (offset->topic == topic && offset->partition == partition) {
            return offset;
        }
    }
    void *offsets = group->offsets;
    struct mem_offset *made =
        mem_grow(&offsets, group->n_offsets++, sizeof(*made));

    group->offsets = offsets;
    made->topic = topic;
    made->partition = partition;
    made->offset = -1;
    odk_buf_init(&made->metadata, 0);
    return made;
}

int64_t
bus_mem_group_offset(const struct bus_mem_broker *broker, const char *group_id,
                     struct odk_str topic, int32_t partition)
{
    ptrdiff_t at = mem_topic_find(broker, topic);

    for (size_t i = 0; i < broker->n_groups; i++) {
        const struct mem_group *group = broker->groups[i];
        for (size_t k = 0; k < group->n_offsets; k++) {
            if (strcmp(group->id, group_id) == 0 &&
                (ptrdiff_t)group->offsets[k].topic == at &&
                group->offsets[k].partition == partition) {
                return group->offsets[k].offset;
            }
        }
    }
    return -1;
}

void
bus_mem_group_reset(struct bus_mem_broker *broker, const char *group_id,
                    struct odk_str topic, int32_t partition, int64_t offset)
{
    ptrdiff_t at = mem_topic_find(broker, topic);

    odk_assert(at >= 0);
    struct mem_offset *stored = mem_group_offset(
        mem_group_get(broker, group_id), (size_t)at, partition);
    stored->offset = offset;
    odk_buf_clear(&stored->metadata);
}
