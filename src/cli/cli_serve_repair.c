#include <stdio.h>
#include <unistd.h>

#include "cli/cli_restore.h"
#include "cli/cli_serve_priv.h"

/* Between attempts, doubling: a shard may be in quarantine for what no repair
 * mends. */
#define PAUSE_MS_MIN     5000
#define PAUSE_MS_MAX     300000
#define SHARDS_BYTES_MAX ((size_t)16 << 20)

static bool
hear(void *ctx, const struct rebuild_report *report)
{
    const struct serve *serve = ctx;

    (void)report;
    return !atomic_load(&serve->is_stopping);
}

static void
log_repaired(const struct serve *serve, const struct rebuild_report *report)
{
    serve_log(serve, ODK_LOG_WARN, "shard.repaired",
              "shard %d: took %llu transitions that the database had lost from "
              "odradek.history, numbers %llu to %llu; %llu outputs had never "
              "arrived and are published again, %llu cannot be made again",
              (int)report->shard, (unsigned long long)report->transitions,
              (unsigned long long)report->seq_from + 1,
              (unsigned long long)report->seq,
              (unsigned long long)report->outputs,
              (unsigned long long)report->lost);
}

static int
repair_shard(struct serve *serve, struct cli_restore *restore, int32_t shard,
             struct odk_err *err)
{
    struct cli_restore_watch watch = {hear, serve};
    int rc = cli_restore_shard(restore, shard, NULL, NULL, &watch, err);

    if (rc == 0) {
        rc = store_pg_shard_release(
            restore->query, shard, ODK_STR("repair"), odk_str(serve->host),
            ODK_STR("shards.repair = auto, from odradek.history"), err);
    }
    if (rc == 0) {
        log_repaired(serve, rebuild_report(restore->rebuild));
    }
    return rc;
}

/* Those that a server may repair unasked: not what a rebuild made, which must
 * wait until the old database is out of use. Only our own: other processes see
 * to theirs. */
static bool
is_ours(const struct serve *serve, const struct store_pg_shard_info *info)
{
    char owner[192];
    int len =
        snprintf(owner, sizeof(owner), "%s:%d/", serve->host, (int)getpid());

    return info->row.quarantine.ptr &&
           odk_str_ends(info->row.quarantine, ODK_STR(LANE_LOST_COMMITS)) &&
           odk_str_starts(info->owner, odk_str_n(owner, (size_t)len));
}

static int
repair_all(struct serve *serve, struct cli_restore *restore,
           struct odk_err *err)
{
    const struct store_pg_shard_info *rows = NULL;
    struct odk_arena arena;
    size_t n = 0;

    odk_arena_init(&arena, SHARDS_BYTES_MAX);
    int rc = store_pg_shards(restore->query, &arena, &rows, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (is_ours(serve, &rows[i])) {
            rc = repair_shard(serve, restore, rows[i].row.shard, err);
        }
    }
    odk_arena_release(&arena);
    return rc;
}

static void *
repair_main(void *argument)
{
    struct serve_repair *self = argument;
    struct serve *serve = self->serve;
    struct cli_restore restore;
    struct odk_err err = {0};
    int rc =
        cli_restore_open(&restore, serve->config, &serve->logger, false, &err);

    if (rc == 0) {
        rc = repair_all(serve, &restore, &err);
    }
    if (rc != 0 && !atomic_load(&serve->is_stopping)) {
        serve_log(serve, ODK_LOG_ERROR, "shard.repair_failed", "%s",
                  err.message);
    }
    cli_restore_close(&restore);
    atomic_store(&self->state, SERVE_ENDED);
    serve_notify(serve);
    return NULL;
}

void
serve_repair_check(struct serve_repair *repair, int n_quarantined)
{
    odk_dur_ms now = serve_monotonic();
    bool is_auto = config_choice(repair->serve->config, CONFIG_SHARDS_REPAIR);

    if (repair->is_started && atomic_load(&repair->state) == SERVE_ENDED) {
        serve_repair_release(repair);
        repair->next_at = now + repair->pause_ms;
        repair->pause_ms = repair->pause_ms * 2 < PAUSE_MS_MAX
                               ? repair->pause_ms * 2
                               : PAUSE_MS_MAX;
    }
    if (n_quarantined == 0) {
        repair->pause_ms = PAUSE_MS_MIN;
    }
    if (!is_auto || n_quarantined == 0 || repair->is_started ||
        now < repair->next_at) {
        return;
    }
    atomic_init(&repair->state, SERVE_RUNNING);
    repair->is_started =
        pthread_create(&repair->thread, NULL, repair_main, repair) == 0;
}

bool
serve_repair_is_ended(const struct serve_repair *repair)
{
    return !repair->is_started || atomic_load(&repair->state) == SERVE_ENDED;
}

void
serve_repair_release(struct serve_repair *repair)
{
    if (repair->is_started) {
        (void)pthread_join(repair->thread, NULL);
        repair->is_started = false;
    }
}
