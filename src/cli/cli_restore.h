#ifndef CLI_RESTORE_H
#define CLI_RESTORE_H

/*
 * From the configuration to a rebuild: its buses, its store, its codec. For
 * `odradek rebuild`, `odradek shards repair` and a server that repairs by
 * itself.
 */

#include "cli/cli_connect.h"
#include "lane/lane.h"
#include "rebuild/rebuild.h"

/** What a shard that is being made from odradek.history says of itself. */
#define CLI_REBUILT                                                            \
    "made from odradek.history by `odradek rebuild`: once the old database "   \
    "is "                                                                      \
    "out of use, `odradek shards repair` takes what came since and releases "  \
    "it"

struct cli_restore {
    const struct config *config;
    struct cli_kafka kafka;
    struct odk_buf conninfo;
    struct store_pg_options postgres;
    struct store_pg_query *query;
    struct store_pg_cluster cluster;
    struct codec *codec;
    struct registry *registry; /**< NULL: none is configured */
    struct bus history;
    struct bus inputs;
    struct store store;
    struct rebuild *rebuild;
};

/** Whether a repair is for a shard that is in quarantine for this reason: its
 * database lost commits, or a rebuild made it. */
bool cli_is_repairable(struct odk_str reason);

/** The clock of lanes: wall, monotonic, and the machine's randomness. */
struct lane_clock cli_lane_clock(void);

/** What the configuration says of lanes; ports, codec, logger and owner are
 * left to be filled in. */
struct lane_options cli_lane_options(const struct config *config,
                                     const struct store_pg_cluster *cluster);

/** Asks the schema registry for an id that the record names and the codec does
 * not know; 0 also where there is no such id. */
int cli_restore_learn(struct cli_restore *restore, struct odk_str framed,
                      struct odk_err *err) ODK_MUST_USE;

/** Connects; out is to be closed in any case. is_lenient: goes on without
 * outputs that cannot be done again. */
int cli_restore_open(struct cli_restore *out, const struct config *config,
                     const struct odk_logger *logger, bool is_lenient,
                     struct odk_err *err) ODK_MUST_USE;
void cli_restore_close(struct cli_restore *restore);

/** Hears of the work now and then; false: stop (ODK_ETIMEOUT). */
struct cli_restore_watch {
    bool (*hear)(void *ctx, const struct rebuild_report *report);
    void *ctx;
};

/**
 * One shard up to the end of its log, or to the cut (NULL: none). reason as in
 * rebuild_begin. Begins again when somebody else takes the shard meanwhile, as
 * long as that leaves it in quarantine.
 */
int cli_restore_shard(struct cli_restore *restore, int32_t shard,
                      const char *reason, const struct rebuild_cut *cut,
                      const struct cli_restore_watch *watch,
                      struct odk_err *err) ODK_MUST_USE;

#endif
