#include <stdlib.h>

#include "lane/lane_priv.h"

/*
 * A binary heap by (due, run id, id) with an index by (run id, id). The heap
 * holds the soonest timers; when it is full the latest are left to the store
 * and `horizon` moves back. A million timers so cost a bounded amount of
 * memory.
 */

static void
timer_key(const struct odk_uuid *run_id, uint64_t id,
          uint8_t out[LANE_TIMER_KEY_BYTES])
{
    memcpy(out, run_id->bytes, 16);
    memcpy(out + 16, &id, 8);
}

static int
timer_cmp(const struct store_timer *a, const struct store_timer *b)
{
    if (a->due != b->due) {
        return a->due < b->due ? -1 : 1;
    }
    int order =
        memcmp(a->run_id.bytes, b->run_id.bytes, sizeof(a->run_id.bytes));
    if (order != 0) {
        return order;
    }
    return (a->id > b->id) - (a->id < b->id);
}

static bool
heap_less(const struct lane_timer *a, const struct lane_timer *b)
{
    return timer_cmp(&a->timer, &b->timer) < 0;
}

static void
heap_put(struct lane_timers *timers, size_t index, struct lane_timer *timer)
{
    timers->heap[index] = timer;
    timer->heap_index = index;
}

static void
heap_up(struct lane_timers *timers, struct lane_timer *timer)
{
    size_t index = timer->heap_index;

    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!heap_less(timer, timers->heap[parent])) {
            break;
        }
        heap_put(timers, index, timers->heap[parent]);
        index = parent;
    }
    heap_put(timers, index, timer);
}

static void
heap_down(struct lane_timers *timers, struct lane_timer *timer)
{
    size_t index = timer->heap_index;

    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= timers->n) {
            break;
        }
        if (child + 1 < timers->n &&
            heap_less(timers->heap[child + 1], timers->heap[child])) {
            child++;
        }
        if (!heap_less(timers->heap[child], timer)) {
            break;
        }
        heap_put(timers, index, timers->heap[child]);
        index = child;
    }
    heap_put(timers, index, timer);
}

static void
heap_remove(struct lane_timers *timers, struct lane_timer *timer)
{
    struct lane_timer *last = timers->heap[--timers->n];

    if (last == timer) {
        return;
    }
    heap_put(timers, timer->heap_index, last);
    heap_up(timers, last);
    heap_down(timers, last);
}

void
lane_timers_init(struct lane_timers *timers, size_t max)
{
    *timers = (struct lane_timers){.max = max};
    odk_map_init(&timers->by_key);
}

static void
timer_free(struct lane_timers *timers, struct lane_timer *timer)
{
    odk_map_remove(&timers->by_key, &timer->node);
    free(timer);
}

void
lane_timers_release(struct lane_timers *timers)
{
    struct odk_map_node *node = odk_map_next(&timers->by_key, NULL);

    while (node) {
        struct odk_map_node *next = odk_map_next(&timers->by_key, node);
        free(ODK_CONTAINER(node, struct lane_timer, node));
        node = next;
    }
    odk_map_release(&timers->by_key);
    free(timers->heap);
    *timers = (struct lane_timers){0};
}

static struct lane_timer *
timer_find(const struct lane_timers *timers, const struct odk_uuid *run_id,
           uint64_t id)
{
    uint8_t key[LANE_TIMER_KEY_BYTES];

    timer_key(run_id, id, key);
    struct odk_map_node *node =
        odk_map_find(&timers->by_key, odk_str_n(key, sizeof(key)));
    return node ? ODK_CONTAINER(node, struct lane_timer, node) : NULL;
}

static void
heap_push(struct lane_timers *timers, struct lane_timer *timer)
{
    if (timers->n == timers->size) {
        timers->size = timers->size ? timers->size * 2 : 64;
        struct lane_timer **grown =
            realloc(timers->heap, timers->size * sizeof(struct lane_timer *));
        if (!grown) {
            odk_out_of_memory();
        }
        timers->heap = grown;
    }
    timer->heap_index = timers->n++;
    heap_up(timers, timer);
}

static void
timer_insert(struct lane_timers *timers, const struct store_timer *source)
{
    if (timer_find(timers, &source->run_id, source->id)) {
        return; /* a page overlaps with what was set meanwhile */
    }
    struct lane_timer *timer = calloc(1, sizeof(*timer));
    if (!timer) {
        odk_out_of_memory();
    }
    timer->timer = *source;
    timer_key(&source->run_id, source->id, timer->key);
    odk_map_add(&timers->by_key, &timer->node,
                odk_str_n(timer->key, sizeof(timer->key)));
    heap_push(timers, timer);
}

static int
timer_order(const void *a, const void *b)
{
    const struct lane_timer *const *left = a;
    const struct lane_timer *const *right = b;

    return timer_cmp(&(*left)->timer, &(*right)->timer);
}

/* Leaves the later half to the store. A sorted array is a heap. */
static void
timers_shrink(struct lane_timers *timers)
{
    size_t keep = timers->max / 2;

    qsort(timers->heap, timers->n, sizeof(struct lane_timer *), timer_order);
    for (size_t i = keep; i < timers->n; i++) {
        timer_free(timers, timers->heap[i]);
    }
    timers->n = keep;
    for (size_t i = 0; i < keep; i++) {
        timers->heap[i]->heap_index = i;
    }
    timers->is_complete = false;
    timers->horizon = timers->heap[keep - 1]->timer;
}

void
lane_timers_add_page(struct lane_timers *timers, const struct store_timer *page,
                     size_t n, bool is_last)
{
    for (size_t i = 0; i < n; i++) {
        timer_insert(timers, &page[i]);
    }
    timers->is_complete = is_last;
    if (n > 0) {
        timers->horizon = page[n - 1];
    }
}

void
lane_timers_set(struct lane_timers *timers, const struct store_timer *timer)
{
    if (!timers->is_complete && timer_cmp(timer, &timers->horizon) > 0) {
        return; /* a later page brings it */
    }
    timer_insert(timers, timer);
    if (timers->n > timers->max) {
        timers_shrink(timers);
    }
}

void
lane_timers_drop(struct lane_timers *timers, const struct odk_uuid *run_id,
                 uint64_t id)
{
    struct lane_timer *timer = timer_find(timers, run_id, id);

    if (!timer) {
        return;
    }
    if (!timer->is_firing) {
        heap_remove(timers, timer);
    }
    timer_free(timers, timer);
}

struct lane_timer *
lane_timers_next(struct lane_timers *timers)
{
    return timers->n ? timers->heap[0] : NULL;
}

void
lane_timers_fire(struct lane_timers *timers, struct lane_timer *timer)
{
    odk_assert(!timer->is_firing);
    heap_remove(timers, timer);
    timer->is_firing = true;
}

void
lane_timers_return(struct lane_timers *timers, const struct odk_uuid *run_id,
                   uint64_t id)
{
    struct lane_timer *timer = timer_find(timers, run_id, id);

    if (timer && timer->is_firing) {
        timer->is_firing = false;
        heap_push(timers, timer);
    }
}

bool
lane_timers_has(const struct lane_timers *timers, const struct odk_uuid *run_id,
                uint64_t id)
{
    return timer_find(timers, run_id, id) != NULL;
}

bool
lane_timers_wants_page(const struct lane_timers *timers)
{
    return !timers->is_complete && timers->n == 0;
}
