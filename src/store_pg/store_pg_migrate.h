#ifndef STORE_PG_MIGRATE_H
#define STORE_PG_MIGRATE_H

/*
 * The schema's migrations, built into the binary from migrations/NNNN_name.sql.
 * Applied ones are recorded with their SHA-256 in odradek.schema_migration;
 * forward only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/** Zero members mean the default. */
struct store_pg_migrate_options {
    int32_t partitions; /**< N, fixed for ever by the first migration; default
                           12. Another number later: ODK_ECONFLICT */
    const char *token_key;     /**< 64 hexadecimal digits, taken by the first
                                  migration;     NULL: a random one. Another one
                                  later:     ODK_ECONFLICT */
    const char *owner_role;    /**< default odradek_owner */
    const char *server_role;   /**< default odradek_server */
    const char *readonly_role; /**< default odradek_readonly */
    bool is_without_roles;     /**< make and grant none: all belongs to the
                                  connecting role */
};

/** Called for each thing done, with a line for people. */
typedef void (*store_pg_report_f)(void *ctx, const char *line);

/**
 * Brings the database to this binary's schema, each migration in its own
 * transaction, under an advisory lock; then grants rights and makes partitions
 * ahead. Does nothing when all is there. ODK_ESCHEMA: the database is newer, or
 * an applied migration differs from ours; ODK_EAUTH: the connecting role may
 * not do something (the message says what, and the SQL an administrator runs
 * instead); ODK_ECONFLICT: another number of partitions.
 */
int store_pg_migrate(const char *conninfo,
                     const struct store_pg_migrate_options *options,
                     store_pg_report_f report, void *ctx,
                     struct odk_err *err) ODK_MUST_USE;

struct store_pg_migration {
    int32_t version;
    struct odk_str name;
    bool is_applied;
    bool is_changed;   /**< applied with another content */
    bool is_unknown;   /**< applied by a newer binary */
    odk_time_ms at;    /**< when applied */
    struct odk_str by; /**< role */
};

/** All migrations known to this binary or the database, by version. Reads only.
 */
int store_pg_migrate_status(const char *conninfo, struct odk_arena *arena,
                            const struct store_pg_migration **out, size_t *n,
                            struct odk_err *err) ODK_MUST_USE;

/** Makes history and request partitions ahead and drops request partitions
 * whose time has passed. Cheap; once a day is enough (the server's role may).
 */
int store_pg_maintain(const char *conninfo, struct odk_err *err) ODK_MUST_USE;

#endif
