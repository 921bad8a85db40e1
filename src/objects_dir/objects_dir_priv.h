#ifndef OBJECTS_DIR_PRIV_H
#define OBJECTS_DIR_PRIV_H

#include <sys/stat.h>

#include "objects_dir/objects_dir.h"

struct objects_dir {
    int fd;
    unsigned number; /**< of the next file of its own */
};

/** A directory below another one, never through a symbolic link; -1 with
 * errno. */
int objects_dir_descend(int fd, struct odk_str name);

/** What a call that left errno means; `what` is a bucket or an object. */
int objects_dir_err(struct odk_err *err, const char *doing,
                    struct odk_str what);

/** Fills what the file system knows of an object; ODK_ELIMIT. */
int objects_dir_info(const struct stat *stat, struct odk_str key,
                     struct odk_arena *arena, struct objects_info *out,
                     struct odk_err *err);

/** A member of the port. */
int objects_dir_list(struct objects *objects, const struct objects_query *query,
                     struct odk_arena *arena, struct objects_list *out,
                     struct odk_err *err);

#endif
