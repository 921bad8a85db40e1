/*
 * ThreadSanitizer does not know C11's threads, which librdkafka uses where the
 * C library has them: a thread that it has not seen begin ends the process with
 * a crash. So, in builds with ThreadSanitizer, they are POSIX threads.
 * librdkafka itself is not instrumented: what seems to race inside it is left
 * out.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "mtx_t is a mutex");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "cnd_t is a condition");

const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
    return "race:^rd_\nrace:^rwlock_\nrace:^rdk\nmutex:^rd_\ndeadlock:^rd_\n";
}

struct beginning {
    thrd_start_t function;
    void *argument;
};

static void *
begin(void *arg)
{
    struct beginning beginning = *(struct beginning *)arg;

    free(arg);
    return (void *)(intptr_t)beginning.function(beginning.argument);
}

static int
result(int error)
{
    return error ? thrd_error : thrd_success;
}

static pthread_mutex_t *
mutex(mtx_t *of)
{
    return (pthread_mutex_t *)(void *)of;
}

static pthread_cond_t *
condition(cnd_t *of)
{
    return (pthread_cond_t *)(void *)of;
}

int
thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct beginning *beginning = malloc(sizeof(*beginning));

    if (!beginning) {
        return thrd_nomem;
    }
    *beginning = (struct beginning){function, argument};
    return result(pthread_create(thread, NULL, begin, beginning));
}

int
thrd_join(thrd_t thread, int *out)
{
    void *value = NULL;
    int error = pthread_join(thread, &value);

    if (out) {
        *out = (int)(intptr_t)value;
    }
    return result(error);
}

int
mtx_init(mtx_t *of, int type)
{
    (void)type;
    return result(pthread_mutex_init(mutex(of), NULL));
}

int
mtx_lock(mtx_t *of)
{
    return result(pthread_mutex_lock(mutex(of)));
}

int
mtx_trylock(mtx_t *of)
{
    return pthread_mutex_trylock(mutex(of)) ? thrd_busy : thrd_success;
}

int
mtx_unlock(mtx_t *of)
{
    return result(pthread_mutex_unlock(mutex(of)));
}

void
mtx_destroy(mtx_t *of)
{
    (void)pthread_mutex_destroy(mutex(of));
}

int
cnd_init(cnd_t *of)
{
    return result(pthread_cond_init(condition(of), NULL));
}

int
cnd_signal(cnd_t *of)
{
    return result(pthread_cond_signal(condition(of)));
}

int
cnd_broadcast(cnd_t *of)
{
    return result(pthread_cond_broadcast(condition(of)));
}

int
cnd_wait(cnd_t *of, mtx_t *with)
{
    return result(pthread_cond_wait(condition(of), mutex(with)));
}

int
cnd_timedwait(cnd_t *of, mtx_t *with, const struct timespec *until)
{
    int error = pthread_cond_timedwait(condition(of), mutex(with), until);

    return error == ETIMEDOUT ? thrd_timedout : result(error);
}

void
cnd_destroy(cnd_t *of)
{
    (void)pthread_cond_destroy(condition(of));
}
