#ifndef CONTRACT_OBJECTS_H
#define CONTRACT_OBJECTS_H

/*
 * The suite of the port `objects`, run on each implementation. A program links
 * the suite with one environment: contract_mem.c or contract_dir.c.
 */

#include "objects/objects.h"

/** Opens an empty store with the bucket "data". */
void contract_open(struct objects *out);
/** Closes it and removes what it holds. */
void contract_close(struct objects *objects);

/** Runs the suite; a result for main. */
int contract_run(void);

#endif
