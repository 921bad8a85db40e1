#ifndef OBJECTS_DIR_OBJECTS_DIR_H
#define OBJECTS_DIR_OBJECTS_DIR_H

/* The object store in a directory. */

#include "objects/objects.h"

/** Opens a store in a directory that exists. ODK_ENOTFOUND, ODK_EAUTH, ODK_EIO.
 */
int objects_dir_open(const char *directory, struct objects *out,
                     struct odk_err *err) ODK_MUST_USE;

#endif
