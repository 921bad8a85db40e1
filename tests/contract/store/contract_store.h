#ifndef CONTRACT_STORE_H
#define CONTRACT_STORE_H

/*
 * The suite of the port `store`, run on each implementation. A program links
 * the suite with one environment: contract_mem.c or contract_pg.c.
 */

#include "store/store.h"

/** One more connection to the database under test. */
void contract_connect(struct store *out);

/** Publishes the next version of a definition. */
void contract_define(struct odk_str namespace_, struct odk_str name,
                     struct odk_str text);

/** Ends the connection of a store behind its back. */
void contract_cut(struct store *store);

/** Number of parked rows of a shard. */
size_t contract_n_parked(int32_t shard);

/** Number of history rows of a run. */
size_t contract_n_histories(int32_t shard, const struct odk_uuid *run_id);

/** Runs the suite; a result for main. */
int contract_run(void);

#endif
