#ifndef OBJECTS_OBJECTS_MEM_H
#define OBJECTS_OBJECTS_MEM_H

/* The store in memory: the reference, and what `odradek asl eval` reads. */

#include "objects/objects.h"

/** A store without buckets. Objects get the time `at`, an argument because this
 * room reads no clock. */
void objects_mem_open(odk_time_ms at, struct objects *out);

/** Makes a bucket; nothing happens if it exists. */
void objects_mem_make_bucket(struct objects *objects, struct odk_str bucket);

#endif
