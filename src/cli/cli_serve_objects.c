/*
 * The thread that does for distributed Maps what no lane may wait for.
 */

#include "cli/cli_objects.h"
#include "cli/cli_serve_priv.h"
#include "objects_dir/objects_dir.h"

#define WHY_BYTES 512

static void
log_line(void *ctx, int severity, const char *text)
{
    enum odk_log_level level = severity <= 3   ? ODK_LOG_ERROR
                               : severity <= 4 ? ODK_LOG_WARN
                                               : ODK_LOG_INFO;

    serve_log(ctx, level, "objects.worker", "%s", text);
}

static void
set_worker(struct serve_objects *self, struct odradek_worker *worker)
{
    (void)pthread_mutex_lock(&self->lock);
    self->worker = worker;
    if (worker && atomic_load(&self->serve->is_stopping)) {
        odradek_worker_stop(worker);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

/* One life of the worker: until the server stops, or Kafka cannot be reached.
 */
static void
work(struct serve_objects *self)
{
    struct odradek_worker *worker = NULL;
    struct odk_err err = {0};
    char why[WHY_BYTES] = "";

    if (cli_objects_worker(self->serve->config, &self->objects, log_line,
                           self->serve, &worker, &err) != 0) {
        serve_give_up(self->serve, "objects.refused", &err);
        return;
    }
    set_worker(self, worker);
    int rc = odradek_worker_run(worker, why, sizeof(why));
    set_worker(self, NULL);
    odradek_worker_free(worker);
    if (rc != 0) {
        serve_log(self->serve, ODK_LOG_WARN, "objects.waiting",
                  "%s; trying again", why[0] ? why : odradek_strerror(rc));
    }
}

static void *
run(void *ctx)
{
    struct serve_objects *self = ctx;
    odk_dur_ms pause = SERVE_PAUSE_MS_MIN;

    while (!atomic_load(&self->serve->is_stopping) &&
           atomic_load(&self->serve->failure) == 0) {
        work(self);
        (void)serve_pause(self->serve, &pause);
    }
    atomic_store(&self->is_ended, true);
    serve_notify(self->serve);
    return NULL;
}

int
serve_objects_start(struct serve_objects *self, struct odk_err *err)
{
    const char *directory =
        config_str(self->serve->config, CONFIG_OBJECTS_DIRECTORY);

    if (directory[0] == '\0') {
        return 0;
    }
    int rc = objects_dir_open(directory, &self->objects, err);
    if (rc != 0) {
        return rc;
    }
    (void)pthread_mutex_init(&self->lock, NULL);
    if (pthread_create(&self->thread, NULL, run, self) != 0) {
        return odk_err_set(err, ODK_EAGAIN,
                           "no thread for the worker of objects");
    }
    self->is_started = true;
    serve_log(self->serve, ODK_LOG_INFO, "objects.started", "objects are in %s",
              directory);
    return 0;
}

void
serve_objects_stop(struct serve_objects *self)
{
    if (self->is_started) {
        (void)pthread_mutex_lock(&self->lock);
        if (self->worker) {
            odradek_worker_stop(self->worker);
        }
        (void)pthread_mutex_unlock(&self->lock);
    }
}

bool
serve_objects_is_ended(const struct serve_objects *self)
{
    return !self->is_started || atomic_load(&self->is_ended);
}

void
serve_objects_release(struct serve_objects *self)
{
    if (self->is_started) {
        (void)pthread_join(self->thread, NULL);
        (void)pthread_mutex_destroy(&self->lock);
    }
    objects_close(&self->objects);
}
