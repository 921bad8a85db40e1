#ifndef CLI_OBJECTS_H
#define CLI_OBJECTS_H

/*
 * The worker of the queue odradek.objects: it reads items and writes results
 * for distributed Maps, in the directory of objects.directory. A thread of the
 * server, or a process of its own.
 */

#include "cli/cli.h"
#include "objects/objects.h"
#include "sdk/odradek.h"

/** A worker that is not run yet. ODK_EINVAL: the SDK refuses an option; why it
 * does is in err. */
int cli_objects_worker(const struct config *config, struct objects *objects,
                       odradek_log_f log, void *log_ctx,
                       struct odradek_worker **out,
                       struct odk_err *err) ODK_MUST_USE;

/** `odradek objects`. */
int cli_objects(struct cli *cli, const struct cli_args *args);

#endif
