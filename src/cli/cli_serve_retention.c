#include <inttypes.h>

#include "cli/cli_serve_priv.h"

/* Between two steps: the lanes come first. */
#define PACE_MS 100
/* A lock that somebody holds, or a database that is away. */
#define BUSY_MS  2000
#define RETRY_MS 60000

static void
stop(struct serve_retention *retention, odk_dur_ms next_at)
{
    store_pg_retention_end(retention->run);
    store_pg_query_close(retention->query);
    retention->run = NULL;
    retention->query = NULL;
    retention->next_at = next_at;
}

static void
failed(struct serve_retention *retention, odk_dur_ms now,
       const struct odk_err *err)
{
    serve_log(retention->serve, ODK_LOG_WARN, "retention.failed",
              "closed runs stay for now: %s", err->message);
    stop(retention, now + RETRY_MS);
}

static void
begin(struct serve_retention *retention, odk_dur_ms now)
{
    struct serve *serve = retention->serve;
    odk_dur_ms keep = config_i64(serve->config, CONFIG_RETENTION_CLOSED);
    odk_dur_ms every = config_i64(serve->config, CONFIG_RETENTION_CHECK);
    struct odk_err err = {0};

    retention->next_at = now + every;
    if (keep == 0) {
        return;
    }
    int rc = store_pg_query_open(&serve->postgres, &retention->query, &err);
    if (rc == 0) {
        rc = store_pg_retention_begin(retention->query, keep, false,
                                      &retention->run, &err);
    }
    if (rc == ODK_EAGAIN) {
        stop(retention, now + every);
    } else if (rc != 0) {
        failed(retention, now, &err);
    } else {
        retention->next_at = now;
    }
}

static void
done(struct serve_retention *retention, odk_dur_ms now)
{
    const struct store_pg_retention_stats *stats =
        store_pg_retention_stats(retention->run);
    bool is_idle = stats->runs + stats->dropped + stats->rewritten == 0;

    serve_log(retention->serve, is_idle ? ODK_LOG_DEBUG : ODK_LOG_INFO,
              "retention.done",
              "%" PRId64 " closed run(s) left the database; of history "
              "%" PRId64 " partition(s) were dropped and %" PRId64
              " rewritten for %" PRId64 " run(s) that stay",
              stats->runs, stats->dropped, stats->rewritten, stats->kept);
    stop(retention,
         now + config_i64(retention->serve->config, CONFIG_RETENTION_CHECK));
}

void
serve_retention_tick(struct serve_retention *retention, odk_dur_ms now)
{
    struct odk_err err = {0};
    bool is_done = false;

    if (now < retention->next_at) {
        return;
    }
    if (!retention->run) {
        begin(retention, now);
        return;
    }
    int rc = store_pg_retention_step(retention->run, &is_done, &err);
    if (rc == ODK_EAGAIN) {
        retention->next_at = now + BUSY_MS;
    } else if (rc != 0) {
        failed(retention, now, &err);
    } else if (is_done) {
        done(retention, now);
    } else {
        retention->next_at = now + PACE_MS;
    }
}

void
serve_retention_release(struct serve_retention *retention)
{
    stop(retention, 0);
}
