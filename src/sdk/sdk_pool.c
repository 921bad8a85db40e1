#include <stdlib.h>

#include "sdk/sdk_priv.h"

/** A handler's stack. */
#define STACK_BYTES ((size_t)1024 * 1024)

struct sdk_pool {
    pthread_mutex_t lock;
    pthread_cond_t is_ready;
    struct sdk_task_list waiting;
    bool is_ending;
    size_t n_threads;
    pthread_t threads[];
};

static struct odradek_task *
next_task(struct sdk_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->waiting.first && !pool->is_ending) {
        (void)pthread_cond_wait(&pool->is_ready, &pool->lock);
    }
    struct odradek_task *task = sdk_list_pop(&pool->waiting);

    (void)pthread_mutex_unlock(&pool->lock);
    return task;
}

static void *
thread_main(void *arg)
{
    struct sdk_pool *pool = arg;
    struct odradek_task *task;

    while ((task = next_task(pool)) != NULL) {
        sdk_task_run(task);
    }
    return NULL;
}

int
sdk_pool_new(const struct odradek_config *config, struct sdk_pool **out)
{
    size_t n = (size_t)config->concurrency;
    struct sdk_pool *pool =
        calloc(1, sizeof(*pool) + n * sizeof(pool->threads[0]));
    pthread_attr_t attributes;
    int ret = 0;

    *out = NULL;
    if (!pool || pthread_attr_init(&attributes) != 0) {
        free(pool);
        return ODK_ELIMIT;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->is_ready, NULL);
    while (ret == 0 && pool->n_threads < n) {
        ret = pthread_create(&pool->threads[pool->n_threads], &attributes,
                             thread_main, pool);
        pool->n_threads += ret == 0;
    }
    (void)pthread_attr_destroy(&attributes);
    if (ret != 0) {
        sdk_pool_free(pool);
        return ODK_ELIMIT;
    }
    *out = pool;
    return 0;
}

void
sdk_pool_free(struct sdk_pool *pool)
{
    if (!pool) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->is_ending = true;
    (void)pthread_cond_broadcast(&pool->is_ready);
    (void)pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_threads; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&pool->is_ready);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void
sdk_pool_push(struct sdk_pool *pool, struct odradek_task *task)
{
    (void)pthread_mutex_lock(&pool->lock);
    sdk_list_push(&pool->waiting, task);
    (void)pthread_cond_signal(&pool->is_ready);
    (void)pthread_mutex_unlock(&pool->lock);
}

bool
sdk_pool_run_inline(struct sdk_pool *pool, size_t n)
{
    /* Without threads nobody else touches the list. */
    for (; pool->n_threads == 0 && pool->waiting.first && n > 0; n--) {
        sdk_task_run(sdk_list_pop(&pool->waiting));
    }
    return pool->n_threads == 0 && pool->waiting.first;
}
